# SPDX-License-Identifier: Apache-2.0
"""Every way in which a job can end by itself, and what is told about it."""

import os
import signal

import pytest

from support import SECOND, Process, shell, unit_name


def facts(ended):
    job = ended.job
    assert (job['State'], job['ExitCode']) == (ended.state, ended.exit_code)
    return ended.state, job['Reason'], ended.exit_code, job['Signal']


def test_exit_status_0_completes(jobs):
    assert facts(jobs.run(['true'])) == ('completed', '', 0, 0)


@pytest.mark.parametrize('status', [1, 3, 124, 126, 127, 143, 255])
def test_other_exit_status_fails(jobs, status):
    assert facts(jobs.run(shell(f'exit {status}'))) == ('failed', 'exit-code', status, 0)


# TERM, INT, HUP and PIPE are a clean end for systemd, which they are not for a job.
@pytest.mark.parametrize('number', [signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGPIPE,
                                    signal.SIGKILL, signal.SIGUSR1])
def test_signal_fails(jobs, number):
    expected = 'failed', 'signal', 128 + number, number
    assert facts(jobs.run(shell(f'kill -{number} $$'))) == expected


@pytest.mark.parametrize('number', [signal.SIGSEGV, signal.SIGABRT])
def test_crash_fails(jobs, number):
    state, reason, *rest = facts(jobs.run(shell(f'ulimit -c 0; kill -{number} $$')))
    # Whether a core was dumped is up to the kernel's core_pattern.
    assert (state, *rest) == ('failed', 128 + number, number)
    assert reason in ('signal', 'core-dump')


def test_signal_from_outside_fails(jobs, gate):
    job = jobs.enqueue(gate.job())
    os.kill(gate.wait(), signal.SIGKILL)
    assert facts(jobs.wait(job)) == ('failed', 'signal', 137, 9)


# --- what could not be executed -------------------------------------------------------------------

def not_executable(jobs, exit_code, words, argv, **options):
    job = jobs.enqueue(argv, **options)
    ended = jobs.wait(job)
    assert facts(ended) == ('failed', 'not-executable', exit_code, 0)
    complaint = jobs.output(job, 'stderr').decode()
    assert complaint.count('\n') == 1
    for word in words:
        assert word in complaint
    # The progress is in the unit, for everybody to read: it has why, and no name.
    assert '…: ' in ended.job['Progress'] and words[-1] in ended.job['Progress']
    assert words[0] not in ended.job['Progress']
    assert jobs.output(job) == b''


@pytest.mark.parametrize('command', ['no-such-command', '/no/such/command', './no-such-command'])
def test_command_that_is_not_there(jobs, command):
    not_executable(jobs, 127, [command, 'No such file or directory'], [command, 'argument'])


def test_command_that_may_not_be_executed(jobs, folder):
    with open(f'{folder}/plain', 'w', encoding='utf-8') as file:
        file.write('#!/bin/sh\n')
    os.chmod(file.name, 0o644)
    not_executable(jobs, 126, [file.name, 'Permission denied'], [file.name])


def test_command_that_is_a_directory(jobs):
    not_executable(jobs, 126, ['/usr', 'Permission denied'], ['/usr'])


def test_argument_that_is_too_long(jobs):
    not_executable(jobs, 126, ['true', 'Argument list too long'], ['true', 'x' * 200_000])


def test_directory_that_is_not_there(jobs):
    not_executable(jobs, 126, ['/no/such/directory', 'No such file'], ['true'], Directory='/no/such/directory')


def test_directory_that_is_not_the_callers(jobs):
    not_executable(jobs, 126, ['/root', 'Permission denied'], ['true'], Directory='/root')


def test_directory_that_is_a_file(jobs):
    not_executable(jobs, 126, ['/etc/passwd', 'Not a directory'], ['true'], Directory='/etc/passwd')


def test_name_is_no_field_of_the_status(jobs):
    ended = jobs.run(['no\nERRNO=1\nSTATUS=other'])
    assert facts(ended) == ('failed', 'not-executable', 127, 0)
    assert 'other' not in ended.job['Progress']


# --- limits ---------------------------------------------------------------------------------------

def test_runtime_limit_ends_the_whole_tree(jobs, gate):
    job = jobs.enqueue(gate.job(before='setsid sh -c \'echo $$ >"$0"; exec sleep infinity\' "$1" &'),
                       RuntimeMaxUSec=SECOND)
    with Process(gate.wait()) as one, Process(gate.wait()) as other:
        ended = jobs.wait(job)
        assert one.has_ended() and other.has_ended()
    assert ended.state == 'failed'
    assert ended.job['Reason'] == 'runtime-limit'
    took = ended.job['FinishedUSec'] - ended.job['StartedUSec']
    assert SECOND <= took < 3 * SECOND


def test_job_cannot_put_off_its_runtime_limit(jobs):
    """By what services tell systemd when they need more time."""
    ended = jobs.run(shell('systemd-notify EXTEND_TIMEOUT_USEC=60000000; exec sleep 3'),
                     RuntimeMaxUSec=SECOND)
    assert (ended.state, ended.job['Reason']) == ('failed', 'runtime-limit')


def test_runtime_limit_of_the_configuration(jobs, scope, settings, gate):
    settings(RuntimeMaxSec='90s')
    for options, expected in (({}, '1min 30s'), ({'RuntimeMaxUSec': 100 * SECOND}, '1min 40s')):
        job = jobs.enqueue(gate.job(), **options)
        gate.wait()
        assert scope.unit_property(unit_name(job), 'RuntimeMaxUSec') == expected


def test_output_limit_ends_the_whole_tree(jobs, gate):
    job = jobs.enqueue(gate.job(before='setsid sh -c \'echo $$ >"$0"; exec yes\' "$1" &'), OutputMax=100_000)
    with Process(gate.wait()) as one, Process(gate.wait()) as other:
        ended = jobs.wait(job)
        assert one.has_ended() and other.has_ended()
    assert (ended.state, ended.job['Reason']) == ('failed', 'output-limit')
    assert ended.job['StdoutBytes'] > 100_000


def test_output_limit_counts_both_streams(jobs):
    script = 'head -c 600 /dev/zero; head -c 600 /dev/zero >&2; sleep infinity'
    ended = jobs.run(shell(script), OutputMax=1000)
    assert (ended.state, ended.job['Reason']) == ('failed', 'output-limit')
    assert (ended.job['StdoutBytes'], ended.job['StderrBytes']) == (600, 600)


def test_output_up_to_its_limit_is_allowed(jobs, gate):
    job = jobs.enqueue(gate.job(before='head -c 1000 /dev/zero'), OutputMax=1000)
    gate.wait()
    gate.open()
    assert jobs.wait(job).state == 'completed'


def test_output_limit_of_the_configuration(jobs, settings):
    settings(OutputMax='1K')
    ended = jobs.run(['yes'])
    assert (ended.state, ended.job['Reason']) == ('failed', 'output-limit')



def controllers():
    if os.path.isdir('/sys/fs/cgroup/memory'):
        return {name for name in ('memory', 'pids', 'cpu') if os.path.isdir(f'/sys/fs/cgroup/{name}')}
    with open('/sys/fs/cgroup/cgroup.controllers', encoding='utf-8') as file:
        return set(file.read().split())


def test_memory_limit(jobs, scope):
    if 'memory' not in controllers():
        pytest.skip('no memory controller here: tests/sandbox/run --cgroup v1 has it')
    if not scope.is_system and os.path.isdir('/sys/fs/cgroup/memory'):
        pytest.skip('on control groups v1 a user\'s service manager has no controllers')
    ended = jobs.run(['python3', '-c', 'x = bytearray(200 << 20)'], MemoryMax=32 << 20)
    # systemd learns of a kill for want of memory from control groups v2 only.
    reason = 'signal' if os.path.isdir('/sys/fs/cgroup/memory') else 'oom-kill'
    assert (ended.state, ended.job['Reason'], ended.job['Signal']) == ('failed', reason, 9)


def test_task_limit(jobs, scope):
    if 'pids' not in controllers():
        pytest.skip('no pids controller here: tests/sandbox/run --cgroup v1 has it')
    if not scope.is_system and os.path.isdir('/sys/fs/cgroup/pids'):
        pytest.skip('on control groups v1 a user\'s service manager has no controllers')
    job = jobs.enqueue(shell('sleep infinity & sleep infinity & sleep infinity & true'), TasksMax=3)
    jobs.wait(job)
    assert b'Cannot fork' in jobs.output(job, 'stderr')


# --- what a job leaves behind ---------------------------------------------------------------------

@pytest.mark.parametrize('status, state', [(0, 'completed'), (3, 'failed')])
def test_processes_that_outlive_the_command_are_ended(jobs, gate, status, state):
    left = 'setsid sh -c \'echo $$ >"$0"; exec sleep infinity\' "$1" &'
    job = jobs.enqueue(gate.job(before=left, then=f'exit {status}'))
    with Process(gate.wait()) as one, Process(gate.wait()) as other:
        gate.open()
        ended = jobs.wait(job)
        assert (ended.state, ended.exit_code) == (state, status)
        assert one.wait_end() and other.wait_end()
