# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: 2026 The Codex Jobs authors
"""Sessions: two agents in one workspace, each with its own jobs first."""

import re

import pytest
from clientsupport import cli  # noqa: F401
from support import FOREVER

# pylint: disable=redefined-outer-name

VARIABLES = ['CODEX_JOBS_SESSION', 'CODEX_COMPANION_SESSION_ID', 'CLAUDE_CODE_SESSION_ID', 'CODEX_THREAD_ID']


@pytest.fixture
def two(cli):
    """A job that runs in each of two sessions."""
    def enqueue(name):
        cli.environment['CODEX_JOBS_SESSION'] = name
        return cli.enqueue('--label', f'of {name}', '--', 'sleep', 'infinity')

    return {name: enqueue(name) for name in ('one', 'other')}


def test_session_is_what_the_first_variable_says(cli):
    for index, name in enumerate(VARIABLES):
        cli.environment |= {each: each for each in VARIABLES[index:]}
        cli.environment |= {each: '' for each in VARIABLES[:index]}
        assert cli.job('run', '--', 'true')['session'] == name


def test_cancel_takes_the_job_of_the_session(cli, two):
    cli.environment['CODEX_JOBS_SESSION'] = 'third'
    told = cli.refused('cancel')
    assert 'none in this session' in told and f'{two["one"]} (of one)' in told
    cli.environment['CODEX_JOBS_SESSION'] = 'one'
    assert cli.output('cancel') == f'{two["one"]} was cancelled\n'
    assert 'none in this session' in cli.refused('cancel')
    del cli.environment['CODEX_JOBS_SESSION']
    assert cli.output('cancel') == f'{two["other"]} was cancelled\n'


def test_status_lists_those_of_the_session_first(cli, two):
    for name in two:
        cli.environment['CODEX_JOBS_SESSION'] = name
        shown = cli.run('status')
        assert shown.stdout.splitlines()[1].startswith(two[name])
        assert shown.stderr == 'codex-jobs: 1 job of this session, shown first.\n'
        assert cli.jobs('status')[0]['id'] == two[name]
    cli.environment['CODEX_JOBS_SESSION'] = 'third'
    assert cli.run('status').stderr == 'codex-jobs: No jobs of this session.\n'
    del cli.environment['CODEX_JOBS_SESSION']
    assert cli.run('status').stderr == ''


def test_wait_in_a_session_ends_with_a_word(cli):
    assert cli.run('run', '--', 'true').stderr.count('\n') == 1
    cli.environment['CODEX_JOBS_SESSION'] = 'one'
    told = cli.run('run', '--', 'true').stderr.splitlines()
    job = told[0].split()[-1]
    assert re.fullmatch(rf'codex-jobs: {job} completed in \w+', told[-1])
    assert cli.run('await', job).stderr.splitlines()[-1] == told[-1]
    assert cli.run('run', '--quiet', '--', 'true').stderr == ''


# --- an inbox of its own --------------------------------------------------------------------------

def test_inbox_of_a_workspace_and_of_a_session(cli, folder):
    cli.as_alice('mkdir', 'elsewhere')
    ids = {}
    for name, directory in ((f'{folder} 1', folder), ('other', folder), (f'{folder} 1', f'{folder}/elsewhere')):
        cli.environment['CODEX_JOBS_SESSION'] = name
        ids[name, directory] = cli.job('run', '--cwd', directory, '--', 'true')['id']

    def inbox(*options, cwd=None):
        return {line.split()[0] for line in cli.output('inbox', '--quiet', *options, cwd=cwd).splitlines()}

    one, other, there = ids.values()
    assert inbox('--here') == inbox('--here', '--ack') == {one, other}
    assert inbox('--here') == set() and inbox('--here', cwd=f'{folder}/elsewhere') == {there}
    assert inbox('--session', f'{folder} 1', '--ack') == {one, there}
    assert inbox('--session', f'{folder} 1') == set() and other in inbox('--session', 'other')
    assert inbox('--here', '--session', f'{folder} 1', '--limit', '1') == {one}
    assert {one, other, there} <= inbox('--consumer', folder[-20:], '--limit', '1000')


def test_inbox_names_how_to_acknowledge(cli):
    cli.run('run', '--', 'true')
    cli.environment['CODEX_JOBS_SESSION'] = 'a b'
    cli.run('run', '--', 'true')
    assert "codex-jobs inbox --ack --session 'a b'" in cli.run('inbox', '--session', 'a b').stderr
    told = cli.run('inbox', '--here').stderr
    assert re.search(r'Acknowledge with: codex-jobs inbox --ack --here( --(system|user))?\n', told)


@pytest.mark.restarts
def test_inbox_of_a_session_among_many_jobs(cli, jobs, own_store):
    """More than a page of others has ended before."""
    for _ in range(20):
        calls = [jobs.send_enqueue(['true']) for _ in range(51)]
        ids = [jobs.answer(call)[0] for call in calls]
        jobs.answer(jobs.send_call('AwaitAll', 'ast', ids, FOREVER))
    cli.environment['CODEX_JOBS_SESSION'] = 'late'
    job = cli.job('run', '--', 'true')['id']
    for _ in range(2):
        assert cli.output('inbox', '--quiet', '--session', 'late').split()[0] == job
    assert cli.output('inbox', '--quiet', '--session', 'late', '--ack').split()[0] == job
    assert cli.output('inbox', '--quiet', '--session', 'late') == ''
