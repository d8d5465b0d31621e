# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: 2026 The Codex Jobs authors
"""retry: a job once more; and pause and resume of the queue."""

import pytest
from clientsupport import cli  # noqa: F401

from support import PATIENCE

# pylint: disable=redefined-outer-name


# --- retry ----------------------------------------------------------------------------------------

def test_the_same_again(cli):
    job = cli.job('run', '--kind', 'check', '--label', 'the tests', '--', 'sh', '-c', 'echo out; exit 3', status=3)
    done = cli.run('retry', job['id'])
    again = done.stdout.strip()
    assert f'codex-jobs await {again}' in done.stderr
    shown = cli.job('await', again, status=3)
    assert shown['stdout'] == 'out\n' and shown['retry_of'] == job['id']
    assert all(shown[name] == job[name] for name in ('kind', 'label', 'directory', 'workspace', 'session', 'uid'))
    assert f'retry of: {job["id"]}' in cli.output('show', again)
    assert cli.job('show', job['id'])['retry_of'] is None


def test_environment_of_now(cli):
    cli.environment['NOW'] = 'before'
    job = cli.job('run', '--', 'sh', '-c', 'echo "$NOW-$MORE"')['id']
    cli.environment['NOW'] = 'after'
    assert cli.output('retry', '-q', '--await', job) == 'after-\n'
    assert cli.output('retry', '-q', '--await', '--env', 'MORE=less', job) == 'after-less\n'
    assert cli.output('retry', '-q', '--await', '--clean-env', '-E', 'MORE=x', job) == '-x\n'


def test_background_prints_the_command_that_waits(cli):
    job = cli.job('run', '--', 'true')['id']
    again, command = cli.output('retry', '--background', job).splitlines()
    assert command.split()[:3] == ['codex-jobs', 'await', again]


def test_await(cli, gate):
    ended = cli.job('run', '--', 'sh', '-c', 'echo out; exit 5', status=5)['id']
    done = cli.run('retry', '--await', ended, status=5)
    assert done.stdout == 'out\n' and 'failed: exit code 5' in done.stderr
    job = cli.enqueue('--', *gate.job())
    gate.wait()
    gate.open()
    cli.run('await', job)
    done = cli.run('retry', '--await', '--timeout-ms', '1', job, status=124)
    assert 'Timed out; the job keeps running. Reattach with: ' in done.stderr


def test_document(cli):
    job = cli.job('run', '--', 'echo', 'x')['id']
    document = cli.document('retry', job)
    assert document['job']['retry_of'] == job and document['job']['existing'] is False
    assert document['next'][0].split()[1] in ('await', 'result')
    assert cli.job('retry', '--await', job)['stdout'] == 'x\n'


def test_key(cli):
    job = cli.job('run', '--', 'true')['id']
    first = cli.job('retry', '--key', 'once more', job)
    second = cli.job('retry', '--key', 'once more', job)
    assert first['id'] == second['id']
    assert second['existing'] is True


def test_standard_input(cli):
    job = cli.job('run', '--stdin', '-', '--', 'cat', text='first')['id']
    told = cli.refused('retry', job)
    assert ". Provide it with 'codex-jobs retry --stdin FILE'." in told
    assert cli.output('retry', '-q', '--await', '--stdin', '-', job, text='second') == 'second'
    with open(f'{cli.folder}/input', 'w', encoding='utf-8') as file:
        file.write('third')
    assert cli.output('retry', '-q', '--await', '--stdin', 'input', job) == 'third'
    assert '/nowhere' in cli.refused('retry', '--stdin', '/nowhere', job)


def test_notify(cli):
    quiet = cli.job('enqueue', '--no-notify', '--', 'true')
    assert quiet['notify'] is False
    assert 'notify: no' in cli.output('show', quiet['id'])
    assert cli.job('enqueue', '--', 'true')['notify'] is True
    assert cli.job('enqueue', '--notify', '--notify', '--', 'true')['notify'] is True
    cli.run('await', quiet['id'])
    assert cli.job('retry', '--no-notify', quiet['id'])['notify'] is False
    assert cli.job('retry', '--notify', quiet['id'])['notify'] is True


def test_mistakes_are_told(cli, gate):
    job = cli.enqueue('--', *gate.job())
    gate.wait()
    assert f'codex-jobs await {job}' in cli.refused('retry', job)
    assert 'No job ID given' in cli.refused('retry')
    assert "'retry' takes one job ID, not 2" in cli.refused('retry', 'a', 'b')
    assert 'Job neverthere-0000000000 not found' in cli.refused('retry', 'neverthere-0000000000')


# --- pause and resume -----------------------------------------------------------------------------

@pytest.fixture
def paused(cli):
    yield cli
    cli.run('resume', '-q')


def test_paused_queue(paused):
    cli = paused
    done = cli.run('pause')
    assert done.stdout == 'Queue paused: 0 queued, 0 still running.\n' and 'codex-jobs resume' in done.stderr
    job = cli.enqueue('--', 'echo', 'x')
    shown = cli.run('status')
    assert 'queued' in shown.stdout and 'Queue is paused' in shown.stderr and 'codex-jobs resume' in shown.stderr
    assert cli.run('status', '-q').stderr == ''
    document = cli.document('status')
    assert document['queue']['paused'] is True and document['queue']['queued'] == 1
    assert document['next'][0].split()[:2] == ['codex-jobs', 'resume']
    story = cli.run('show', job)
    assert 'Queue is paused' in story.stderr
    assert [line.split()[2] for line in story.stdout.splitlines() if 'next:' in line] == ['resume', 'await', 'cancel']
    assert cli.output('resume').startswith('Queue resumed: ')
    assert cli.output('await', '-q', job) == 'x\n'
    assert 'paused' not in cli.run('status').stderr


def test_who_waits_is_told_why(paused):
    cli = paused
    cli.run('pause')
    run = cli.listen('run', '--', 'echo', 'from run')
    run.tells('Queue is paused')
    done = cli.run('enqueue', '--', 'echo', 'from enqueue')
    assert 'Queue is paused' in done.stderr and 'codex-jobs resume' in done.stderr
    job = done.stdout.strip()
    wait = cli.listen('await', job)
    wait.tells('Queue is paused')
    timed_out = cli.run('await', '--timeout-ms', '1', job, status=124).stderr.splitlines()
    assert 'Queue is paused' in timed_out[-2] and f'codex-jobs await {job}' in timed_out[-1]
    timed_out = cli.run('run', '--timeout-ms', '1', '--', 'true', status=124).stderr.splitlines()
    assert 'Queue is paused' in timed_out[-2] and 'codex-jobs await job-' in timed_out[-1]
    cli.run('resume')
    assert run.end()[:2] == (0, 'from run\n') and wait.end()[:2] == (0, 'from enqueue\n')


def test_who_waits_for_others_is_told(cli, settings, gate):
    settings(MaxRunning=1)
    cli.enqueue('--', *gate.job())
    gate.wait()
    run = cli.listen('run', '--', 'true')
    run.tells('Limit of 1 running job reached; ')
    wait = cli.listen('await', cli.enqueue('--', 'true'))
    wait.tells('Limit of 1 running job reached; ')
    gate.open()
    assert run.end()[0] == wait.end()[0] == 0


def test_programs_that_wait_are_told_why(paused):
    cli = paused
    assert 'queue' not in cli.document('run', '--', 'true')
    cli.run('pause')
    document = cli.document('enqueue', '--', 'true')
    job = document['job']['id']
    assert document['queue']['paused'] is True
    assert [command.split()[1] for command in document['next']] == ['resume', 'await']
    assert cli.run('enqueue', '-q', '--', 'true').stderr == ''
    document = cli.document('await', '--timeout-ms', '1', job, status=124)
    assert document['queue']['paused'] is True and document['job']['wait_timed_out'] is True


def test_documents(paused):
    cli = paused
    document = cli.document('pause')
    assert document['queue']['paused'] is True and 'job' not in document and 'jobs' not in document
    assert document['queue']['max_running'] >= 1 and document['queue']['max_queued'] >= 1
    assert cli.document('pause')['queue']['paused'] is True  # again is no error
    assert cli.document('resume')['queue']['paused'] is False
    assert cli.document('resume')['next'] == []


def test_running_jobs_go_on(paused, gate):
    cli = paused
    job = cli.enqueue('--', *gate.job('echo done'))
    gate.wait()
    assert '1 still running' in cli.output('pause')
    with cli.start('await', '-q', job) as process:
        gate.open()
        assert process.communicate(timeout=PATIENCE)[0] == 'done\n'


def test_quiet(paused):
    assert paused.run('pause', '-q').stdout == paused.run('resume', '-q').stdout == ''


def test_arguments_are_refused(cli):
    assert 'Queue job-0123456789 not found' in cli.refused('pause', 'job-0123456789')
    assert "'resume' takes one queue" in cli.refused('resume', 'default', 'now')
