# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: 2026 The Codex Jobs authors
"""Retry: the work of a job that has ended, once more."""

import os

import pytest

from support import refused, shell, typed

RETRY_TYPES = {'Environment': 'as', 'Stdin': 'h', 'IdempotencyKey': 's', 'Notify': 'b', 'Label': 's', 'Colour': 's',
               'UMask': 'u'}


def retry(jobs, job, **options):
    new, path = jobs.call('Retry', 'sa{sv}', job, typed(options, RETRY_TYPES))
    jobs.enqueued.append(new)
    assert path.endswith(new.replace('-', '_2d'))
    return new


def memfd(data):
    fd = os.memfd_create('input')
    os.write(fd, data)
    return fd


def same(jobs, one, other):
    names = ('Kind', 'Label', 'Directory', 'Workspace', 'Session')
    one, other = jobs.get(one), jobs.get(other)
    return [one.get(name) for name in names] == [other.get(name) for name in names]


@pytest.mark.parametrize('command', ['true', 'exit 3', 'kill -9 $$'])
def test_does_the_same_again(jobs, folder, command):
    first = jobs.run(shell(f'pwd; echo "$1"; {command}', 'an argument'), Directory=folder, Kind='again', Label='twice',
                     Workspace=folder, Session='mine')
    new = retry(jobs, first.job['Id'])
    second = jobs.wait(new)
    assert (second.state, second.exit_code) == (first.state, first.exit_code)
    assert jobs.output(new) == jobs.output(first.job['Id']) == f'{folder}\nan argument\n'.encode()
    assert same(jobs, first.job['Id'], new)
    assert second.job['RetryOf'] == first.job['Id'] and 'RetryOf' not in first.job
    assert new != first.job['Id'] and new.startswith('again-')


def test_limits_are_the_same(jobs):
    first = jobs.run(shell('head -c 100000 /dev/zero; sleep 1000'), OutputMax=1000)
    assert first.job['Reason'] == 'output-limit'
    assert jobs.wait(retry(jobs, first.job['Id'])).job['Reason'] == 'output-limit'


def test_takes_a_prefix_and_a_retry(jobs):
    first = jobs.run(['false']).job['Id']
    second = retry(jobs, first.split('-')[1][:8])
    jobs.wait(second)
    third = retry(jobs, second)
    assert jobs.wait(third).job['RetryOf'] == second


def test_environment_and_input_are_the_callers(jobs):
    command = shell('echo "$COLOUR"; cat')
    first = jobs.run(command, Environment=['COLOUR=red'], Stdin=memfd(b'one'))
    assert jobs.output(first.job['Id']) == b'red\none'
    new = retry(jobs, first.job['Id'], Environment=['COLOUR=blue'], Stdin=memfd(b'two'))
    jobs.wait(new)
    assert jobs.output(new) == b'blue\ntwo'


def test_erased_environment_is_empty(jobs):
    first = jobs.run(shell('echo "${COLOUR-none}"'), Environment=['COLOUR=red'])
    new = retry(jobs, first.job['Id'])
    jobs.wait(new)
    assert jobs.output(new) == b'none\n'


def test_erased_input_is_asked_for(jobs):
    first = jobs.run(['cat'], Stdin=memfd(b'one'))
    with refused('InvalidArgument', first.job['Id'], 'KeepInput=', 'Stdin'):
        retry(jobs, first.job['Id'])


@pytest.mark.parametrize('keep', ['failed', 'yes'])
@pytest.mark.parametrize('failing', [True, False], ids=['failed', 'completed'])
def test_input_is_kept_where_the_configuration_says_so(jobs, settings, keep, failing):
    settings(KeepInput=keep)
    first = jobs.run(shell(f'echo "$COLOUR"; cat; exit {int(failing)}'), Environment=['COLOUR=red'], Stdin=memfd(b'one'))
    job = first.job['Id']
    if keep == 'failed' and not failing:
        with refused('InvalidArgument', 'not kept'):
            retry(jobs, job)
        return
    new = retry(jobs, job)
    jobs.wait(new)
    assert jobs.output(new) == jobs.output(job) == b'red\none'
    # And that one is kept, too, with no more in its environment than before.
    third = retry(jobs, new)
    jobs.wait(third)
    assert jobs.output(third) == b'red\none'


def test_key(jobs):
    one, other = os.urandom(8).hex(), os.urandom(8).hex()
    first = jobs.run(['true'], IdempotencyKey=one).job['Id']
    second = retry(jobs, first, IdempotencyKey=other)
    assert retry(jobs, first, IdempotencyKey=other) == second
    with refused('KeyConflict'):
        retry(jobs, first, IdempotencyKey=one)
    jobs.wait(second)
    with refused('KeyConflict'):
        retry(jobs, second, IdempotencyKey=other)


def test_notify_stays_unless_it_is_said(jobs):
    loud, quiet = jobs.run(['true']).job, jobs.run(['true'], Notify=False).job
    assert (loud['Notify'], quiet['Notify']) == (True, False)
    assert jobs.get(retry(jobs, quiet['Id']))['Notify'] is False
    assert jobs.get(retry(jobs, loud['Id'], Notify=False))['Notify'] is False


@pytest.mark.parametrize('option, words', [
    ({'Label': 'x'}, ('Label', 'cannot be changed')), ({'UMask': 0o77}, ('UMask', 'cannot be changed')),
    ({'Colour': 'x'}, ('Unknown option Colour',)),
    ({'Notify': ('s', 'x')}, ('Notify', 'type')), ({'IdempotencyKey': ''}, ('IdempotencyKey',))])
def test_options_that_are_refused(jobs, option, words):
    first = jobs.run(['true']).job['Id']
    before = jobs.list_ids(Limit=1000)
    with refused('InvalidArgument', *words):
        retry(jobs, first, **option)
    assert jobs.list_ids(Limit=1000) == before


def test_refused_for_a_job_that_has_not_ended(jobs, gate):
    job = jobs.enqueue(gate.job())
    with refused('InvalidArgument', job, 'not finished'):
        retry(jobs, job)


def test_refused_for_no_job(jobs):
    with refused('NoSuchJob'):
        retry(jobs, 'job-0000000000')


def test_refused_for_a_long_command(jobs):
    job = jobs.run(['true', 'x' * 20000]).job['Id']
    with refused('InvalidArgument', job, 'too long'):
        retry(jobs, job)


def test_is_of_the_owner_alone(alice, bob, root):
    job = alice.run(['true']).job['Id']
    with refused('NoSuchJob'):
        retry(bob, job)
    with refused('NotPermitted', job):
        retry(root, job)


@pytest.mark.restarts
def test_outlives_a_crash(jobs, scope):
    first = jobs.run(['echo', 'hello']).job['Id']
    scope.kill_service()
    new = retry(jobs, first)
    assert jobs.wait(new).state == 'completed'
    assert jobs.output(new) == b'hello\n'


def test_usage_of_a_job_that_ran_for_a_second(jobs):
    """The processor time of a command that works until it has used some."""
    busy = 'import time\nbegin = time.monotonic()\nwhile time.process_time() < 0.3 or time.monotonic() < begin + 1: pass'
    ended = jobs.run(['/usr/bin/python3', '-c', busy]).job
    if 'CPUUsageUSec' in ended:  # where the host counts it
        assert ended['CPUUsageUSec'] >= 300_000
    quick = jobs.run(['true']).job
    assert 'CPUUsageUSec' not in quick and 'MemoryPeak' not in quick
