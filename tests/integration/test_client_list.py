# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: 2026 The Codex Jobs authors
"""list, and what it and status have in common."""

import datetime
import re

import pytest
from clientsupport import cli  # noqa: F401

# pylint: disable=redefined-outer-name


def ids(cli, *arguments):
    return cli.output('list', '-q', *arguments).split()


def test_the_newest_is_first_whatever_its_state(cli, gate):
    running = cli.enqueue('--', *gate.job())
    gate.wait()
    ended = cli.job('run', '--', 'true')['id']
    failed = cli.job('run', '--', 'false', status=1)['id']
    assert ids(cli) == [failed, ended, running]
    assert [job['id'] for job in cli.jobs('list')] == [failed, ended, running]
    # status has what goes on first
    assert [job['id'] for job in cli.jobs('status')] == [running, failed, ended]


def test_table(cli):
    job = cli.job('run', '--label', 'the world', '--', 'sh', '-c', 'exit 4', status=4)
    head, line = cli.output('list').splitlines()
    assert head.split() == ['ID', 'STATE', 'END', 'TIME', 'ENQUEUED', 'WHAT']
    assert re.fullmatch(rf'{job["id"]}  failed  exit 4  \S+ +\d{{4}}-\d\d-\d\d \d\d:\d\d:\d\d  the world', line)


def test_states(cli, gate):
    running = cli.enqueue('--', *gate.job())
    gate.wait()
    failed = cli.job('run', '--', 'false', status=1)['id']
    completed = cli.job('run', '--', 'true')['id']
    assert ids(cli, '--state', 'failed') == [failed]
    assert ids(cli, '--state', 'completed', '--state=running') == [completed, running]
    assert ids(cli, '--state', 'queued') == []


def test_kinds_and_limit(cli):
    jobs = [cli.job('run', '--kind', kind, '--', 'true')['id'] for kind in ('one', 'two', 'one')]
    assert ids(cli, '--kind', 'one') == [jobs[2], jobs[0]]
    assert ids(cli, '--limit', '2') == [jobs[2], jobs[1]]
    assert ids(cli, '--kind', 'three') == []


def test_sessions(cli):
    jobs = []
    for session in ('one', 'two'):
        cli.environment['CODEX_JOBS_SESSION'] = session
        jobs.append(cli.enqueue('--', 'true'))
    assert ids(cli) == jobs[::-1]
    assert ids(cli, '--session', 'one') == jobs[:1] and ids(cli, '--session', 'three') == []


def test_all_of_them_beyond_a_page(cli):
    """The service gives a hundred at a time."""
    jobs = [cli.enqueue('--key', str(number), '--', 'true') for number in range(103)]
    cli.run('await', '-q', *jobs)
    assert ids(cli) == jobs[::-1]
    assert ids(cli, '--limit', '102') == jobs[:0:-1]
    cli.run('remove', '-q', *jobs)


def test_since(cli):
    first, second = [cli.job('run', '--', 'true') for _ in range(2)]
    both = [second['id'], first['id']]
    assert ids(cli, '--since', first['created_at']) == both
    assert ids(cli, '--since', second['created_at']) == both[:1]
    after = datetime.datetime.fromisoformat(second['created_at'].replace('Z', '+00:00'))
    after += datetime.timedelta(microseconds=1)
    assert ids(cli, '--since', after.strftime('%Y-%m-%dT%H:%M:%S.%fZ')) == []
    assert ids(cli, '--since', 'yesterday') == ids(cli, '--since', '2000-01-01') == ids(cli, '--since', '1d ago') == both


def test_other_workspaces(cli, folder):
    job = cli.job('run', '--', 'true')['id']
    done = cli.run('list', cwd='/')
    assert job not in done.stdout
    assert job in ids(cli, '--all', '--limit', '1')
    empty = cli.run('list', '--state', 'queued')
    assert empty.stdout == '' and '--all' in empty.stderr
    assert cli.run('list', '-q', '--state', 'queued').stderr == ''


@pytest.mark.parametrize('arguments, words', [
    (['--since', 'tomorrow'], ["'tomorrow'", '2026-11-01']), (['--since', '9999-01-01'], ['must be in the past']),
    (['--state', 'done'], ["'done'", 'completed']), (['--state', 'faild'], ["mean 'failed'"]), (['--kind', 'No'], ["'No'"]), (['--limit', '0'], ['--limit']),
    (['job-0123456789'], ['codex-jobs show']), (['--snice', '1h'], ["'--since'"])])
def test_mistakes_are_told(cli, arguments, words):
    told = cli.refused('list', *arguments)
    assert all(word in told for word in words), told
