# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: 2026 The Codex Jobs authors
"""codex-jobs with what jobs wait for: --priority, --after, --at, --delay, --hold; hold and release."""

import datetime

import pytest

from clientsupport import cli  # noqa: F401
from support import SECOND, now_usec


def submit(cli, *options, command=('true',)):
    return cli.output('enqueue', '--quiet', *options, '--', *command).strip()


def usec(text):
    return int(datetime.datetime.fromisoformat(text.replace('Z', '+00:00')).timestamp() * SECOND)


def test_after(cli):
    first = submit(cli, '--hold')
    job = submit(cli, '--after', first[4:], '--after', f'{submit(cli)}:any')
    found = cli.job('show', job)
    assert found['wait_reason'] == 'dependency' and found['wait_text'] == f'waits for {first} to complete'
    assert found['after'][0] == f'{first}:ok' and found['after'][1].endswith(':any')
    assert f'queued for' in (text := cli.output('status', job)) and f'waits for {first} to complete' in text
    assert f'[waits for {first} to complete]' in cli.output('status')
    assert cli.output('release', first) == f'{first} released\n'
    assert cli.output('await', job) == ''
    assert cli.job('show', job)['wait_reason'] is None


def test_failed_dependency(cli):
    first = submit(cli, command=('false',))
    done = cli.run('run', '--after', first, '--', 'true', status=1)
    assert f'not started, since {first} did not end as required (dependency)' in done.stderr
    assert cli.run('run', '--quiet', '--after', f'{first}:failed', '--', 'echo', 'rescued').stdout == 'rescued\n'


NEVER_RUN = {'held': ['--hold'], 'time': ['--at', '2100-01-01'], 'delay': ['--delay', '1h'], 'dependency': ['--after']}


@pytest.mark.parametrize('options', NEVER_RUN.values(), ids=NEVER_RUN)
def test_output_of_a_job_that_never_ran_is_not_advertised(cli, options):
    """There is none."""
    doomed = options == ['--after']
    job = submit(cli, *options, *[submit(cli, command=('false',))] * doomed)
    if not doomed:
        cli.output('cancel', job)
    status = 1 if doomed else 143
    for verb in ('await', 'result'):
        (line,) = cli.run(verb, job, status=status).stderr.splitlines()
        assert line.startswith(f'codex-jobs: {job} ')
        assert cli.document(verb, job, status=status)['next'] == [f'codex-jobs retry {job}']
    assert [command.split()[1] for command in cli.document('show', job)['next']] == ['result', 'retry']
    assert 'logs' not in cli.output('show', job) and 'logs' not in cli.output('status', job)


def test_output_of_a_job_that_ran_is_advertised(cli, jobs, gate):
    """Though it wrote nothing; or it could not be started, and the reason is there."""
    job = jobs.enqueue(gate.job(), Workspace=cli.folder)
    gate.wait()
    cli.output('cancel', job)
    silent, missing = submit(cli, command=('false',)), submit(cli, command=('/no/such/program',))
    for found, status in ((job, 143), (silent, 1), (missing, 127)):
        assert f'Full output: codex-jobs logs {found}' in cli.run('await', found, status=status).stderr
        assert f'codex-jobs logs {found}' in cli.document('result', found, status=status)['next']


def test_run_says_what_it_waits_for(cli):
    first = submit(cli, '--hold')
    running = cli.listen('run', '--after', first, '--', 'echo', 'now')
    running.tells('Submitted job-')
    running.tells(f'waits for {first} to complete')
    cli.run('release', first)
    status, out, _ = running.end()
    assert (status, out) == (0, 'now\n')


def test_hold_and_release(cli):
    job = submit(cli, '--hold')
    other = submit(cli, '--delay', '1h')
    assert cli.output('hold', job, other) == f'{job} held\n{other} held\n'
    found = cli.document('show', job)
    assert (found['job']['held'], found['job']['wait_reason']) == (True, 'held')
    assert any(command.startswith(f'codex-jobs release {job}') for command in found['next'])
    assert 'held: yes' in cli.output('show', job)
    found = cli.document('release', job, other)
    assert [each['held'] for each in found['jobs']] == [False, False]
    cli.run('await', job)
    assert 'not queued' in cli.refused('hold', job)
    assert 'not queued' in cli.refused('release', other, job)
    assert 'job-0000000000' in cli.refused('hold', other, 'job-0000000000')
    assert cli.job('show', other)['held'] is False  # a mistake changes none
    cli.run('cancel', other)


def test_delay(cli):
    before = now_usec()
    found = cli.job('enqueue', '--delay', '90min', '--', 'true')
    assert found['wait_reason'] == 'time'
    assert before + 5400 * SECOND <= usec(found['not_before']) <= now_usec() + 5400 * SECOND
    assert 'not before: 2' in cli.output('show', found['id'])
    cli.run('cancel', found['id'])


@pytest.mark.parametrize('text, expected', [
    ('2999-12-31', '2999-12-31T00:00:00.000000Z'),
    ('2999-12-31 07:30', '2999-12-31T07:30:00.000000Z'),
    ('2999-12-31T07:30:15Z', '2999-12-31T07:30:15.000000Z'),
])
def test_at(cli, text, expected):
    cli.environment['TZ'] = 'UTC'
    found = cli.job('enqueue', '--at', text, '--', 'true')
    assert found['not_before'] == expected
    cli.run('cancel', found['id'])


def test_at_a_local_time(cli):
    cli.environment['TZ'] = 'Europe/Berlin'
    for text, expected in (('2999-07-01 12:00', '2999-07-01T10:00:00.000000Z'), ('2999-01-01 12:00', '2999-01-01T11:00:00.000000Z')):
        found = cli.job('enqueue', '--at', text, '--', 'true')
        assert found['not_before'] == expected
        cli.run('cancel', found['id'])


def test_at_a_change_of_the_clocks(cli):
    """Twice 02:30, of which it is the first; and once none, which is 03:30."""
    cli.environment['TZ'] = 'Europe/Berlin'
    for text, expected in (('2997-10-29 02:30', '2997-10-29T00:30:00.000000Z'), ('2997-03-26 02:30', '2997-03-26T01:30:00.000000Z')):
        found = cli.job('enqueue', '--at', text, '--', 'true')
        assert found['not_before'] == expected
        cli.run('cancel', found['id'])


def test_at_the_end_of_time(cli):
    cli.environment['TZ'] = 'America/New_York'
    found = cli.job('enqueue', '--at', '9999-12-31 18:59:59', '--', 'true')
    assert found['not_before'] == '9999-12-31T23:59:59.000000Z'
    cli.run('cancel', found['id'])
    assert 'after the year 9999' in cli.run('enqueue', '--at', '9999-12-31 19:00', '--', 'true', status=125).stderr


def test_at_a_time_of_the_day_is_the_next_one(cli):
    for text in ('00:00', '12:00', '23:59', 'tomorrow', 'tomorrow 07:00'):
        found = cli.job('enqueue', '--at', text, '--hold', '--', 'true')
        assert now_usec() - SECOND <= usec(found['not_before']) <= now_usec() + 50 * 3600 * SECOND
        cli.run('cancel', found['id'])


def test_priority(cli):
    assert cli.job('enqueue', '--priority', '-7', '--', 'true')['priority'] == -7
    job = submit(cli, '--priority', '1000')
    assert 'priority: 1000' in cli.output('show', job)
    cli.run('await', job)
    assert cli.job('retry', job)['priority'] == 1000
    assert cli.job('retry', '--priority', '0', job)['priority'] == 0


@pytest.mark.parametrize('options, word', [
    (('--priority', '1001'), '-1000 to 1000'),
    (('--priority', 'high'), '-1000 to 1000'),
    (('--priority', ''), '-1000 to 1000'),
    (('--after', 'job-7f3k9q2m1x:done'), ':ok, :any or :failed'),
    (('--after', ':ok'), ':ok, :any or :failed'),
    (('--after', 'job-7f3k9q2m1x', '--after', 'job-7f3k9q2m1x:any'), 'more than once'),
    (('--at', 'soon'), '--at'),
    (('--at', '25:00'), '--at'),
    (('--at', '2001-01-01'), 'in the past'),
    (('--at', '2030-02-30'), '--at'),
    (('--at', '10000-01-01'), '--at'),
    (('--at', '2030-01-01 24:00'), '--at'),
    (('--at', '2030-01-01T12:00+01:00'), '--at'),
    (('--at', '18446744073709551615'), '--at'),
    (('--at', ''), '--at'),
    (('--delay', 'long'), '--delay'),
    (('--delay', '-5'), '--delay'),
    (('--delay', 'infinity'), '--delay'),
    (('--delay', '1h', '--at', '2999-01-01'), 'cannot be combined'),
])
def test_mistakes(cli, options, word):
    done = cli.run('enqueue', *options, '--', 'true', status=125)
    assert done.stdout == '' and word in done.stderr, done.stderr


def test_unknown_dependency(cli):
    assert 'codex-jobs status --all' in cli.refused('enqueue', '--after', 'job-0000000000', '--', 'true')
