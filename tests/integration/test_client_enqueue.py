# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: 2026 The Codex Jobs authors
"""What run and enqueue ask for with --key, --stall and --read-only."""

import os
import re
import subprocess
import uuid

import pytest
from clientsupport import cli, codex  # noqa: F401
from support import PATIENCE

# pylint: disable=redefined-outer-name


@pytest.fixture
def key():
    return str(uuid.uuid4())


def test_a_key_gives_the_same_job_again(cli, key, gate):
    first = cli.job('enqueue', '--key', key, '--', *gate.job())
    gate.wait()
    again = cli.job('enqueue', '--key', key, '--', *gate.job())
    assert (first['existing'], again['existing']) == (False, True)
    assert again['id'] == first['id'] and again['state'] == 'running'
    gate.open()
    ended = cli.job('run', '--key', key, '--', *gate.job())
    assert ended['id'] == first['id'] and ended['existing'] and ended['state'] == 'completed'


def test_run_with_the_key_of_a_job_that_ended_shows_what_it_wrote(cli, key):
    command = ('--key', key, '--', 'sh', '-c', 'echo here; exit 3')
    assert cli.output('run', *command, status=3) == 'here\n'
    assert cli.output('run', *command, status=3) == 'here\n'
    assert len(cli.jobs('status')) == 1


def test_a_key_of_another_request_is_refused(cli, key):
    cli.run('run', '--key', key, '--', 'true')
    for verb in ('run', 'enqueue'):
        error = cli.refused(verb, '--key', key, '--', 'false')
        assert '--key was already used for a different request' in error and 'Idempotency' not in error
    assert len(cli.jobs('status')) == 1


def test_a_key_that_finds_a_job_says_so(cli, key, codex, gate):
    command = ('--key', key, '--', *gate.job('exit 3'))
    job = cli.output('enqueue', *command).strip()
    gate.wait()
    found = f'codex-jobs: A job with this key already exists: {job} '
    done = cli.run('enqueue', *command)
    assert f'{found}(running for ' in done.stderr and done.stdout.strip() == job
    gate.open()
    cli.run('await', '-q', job, status=3)
    for verb in ('enqueue', 'run'):
        told = cli.run(verb, *command, status=3 if verb == 'run' else 0).stderr
        assert re.search(re.escape(found) + r'\(failed \d+\w+ ago\)\n', told) and 'Started' not in told
        assert found not in cli.run(verb, '-q', *command, status=3 if verb == 'run' else 0).stderr
    task = ('task', '--key', f'{key}-task', '--await', 'x')
    assert 'with this key' not in cli.run(*task).stderr
    assert 'A job with this key already exists: task-' in cli.run(*task).stderr


# --- stdout that takes nothing --------------------------------------------------------------------

def closed_pipe():
    ours, theirs = os.pipe()
    os.close(ours)
    return theirs


@pytest.mark.parametrize('target, status', [(lambda: os.open('/dev/full', os.O_WRONLY), 125), (closed_pipe, 141)])
@pytest.mark.parametrize('verb', [['enqueue'], ['enqueue', '--json'], ['run', '--json'], ['retry', '-q']])
def test_the_id_is_not_lost_with_stdout(cli, verb, target, status):
    rest = [cli.job('run', '--', 'true')['id']] if verb[0] == 'retry' else ['--', 'true']
    stdout = target()
    try:
        done = subprocess.run(cli.command(*verb, *rest), stdout=stdout, stderr=subprocess.PIPE, text=True, check=False,
                              timeout=PATIENCE)
    finally:
        os.close(stdout)
    assert done.returncode == status
    assert done.stderr.startswith('codex-jobs: Failed to write to standard output: '), done.stderr
    told = done.stderr.strip()
    job = re.search(r'\. The job was submitted; wait with: codex-jobs await (job-\w+)$', told)[1]
    cli.run('await', job)


def test_without_a_key_each_call_makes_a_job(cli):
    made = [cli.job('enqueue', '--', 'true') for _ in range(2)]
    assert made[0]['id'] != made[1]['id']
    assert [job['existing'] for job in made] == [False, False]


@pytest.mark.parametrize('wrong', ['', 'x' * 257])
def test_a_wrong_key_is_refused(cli, wrong):
    assert 'Invalid value for --key: must be 1 to 256 bytes' in cli.refused('enqueue', '--key', wrong, '--', 'true')


def test_a_silent_job_is_ended(cli):
    job = cli.job('run', '--stall', '1s', '--', 'sleep', 'infinity', status=143)
    assert (job['state'], job['reason']) == ('failed', 'stalled')


@pytest.mark.parametrize('wrong', ['0', '999ms', 'soon'])
def test_a_wrong_stall_is_refused(cli, wrong):
    assert '--stall' in cli.refused('enqueue', '--stall', wrong, '--', 'true')


def test_a_read_only_job_changes_nothing(cli):
    changed = f'/home/alice/{uuid.uuid4()}'
    done = cli.run('run', '--read-only', '--', 'touch', changed, cwd='/home/alice', status=1)
    assert 'Read-only file system' in done.stderr
    assert not os.path.exists(changed)
    cli.run('run', '--', 'touch', changed, cwd='/home/alice')
    os.unlink(changed)


def test_a_read_only_job_has_a_tmp_of_its_own(cli):
    assert '/tmp' in cli.refused('run', '--read-only', '--', 'true', cwd='/tmp')
    cli.run('run', '--read-only', '--', 'touch', '/tmp/changed', cwd='/home/alice')
    assert not os.path.exists('/tmp/changed')
