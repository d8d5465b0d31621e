# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: 2026 The Codex Jobs authors
"""The client of this version with the service of the one before, as on another host that is upgraded later, or with a program
below /usr/local. What that service has works; of the rest one line says why not, and nothing is submitted."""

import re

import pytest

pytestmark = pytest.mark.usefixtures('older_services')

OTHER = r"codex-jobs: The running service has a different version \([^;]+\)\. Restart it with " \
        r"'systemctl( --user)? restart codex-jobsd'\.\n"
GO = 'until [ -e go ]; do sleep 0.05; done; echo out; exit 5'


def test_run(newer):
    done = newer.run('run', '--', 'sh', '-c', 'echo out; echo err >&2; exit 3', status=3)
    assert done.stdout == 'out\n' and 'err\n' in done.stderr
    assert newer.output('run', '-q', '--stdin', '-', '--', 'cat', text='in') == 'in'


def test_a_job_of_a_job(newer):
    """That service does not know that."""
    out = newer.output('run', '-q', '--', 'codex-jobs', 'enqueue', '-q', f'--{newer.scope.name}', '--', 'sh', '-c', 'exit 4')
    newer.run('await', out.strip(), status=4)


def test_a_job_from_begin_to_end(newer, folder):
    job = newer.enqueue('--label', 'a label', '--', 'sh', '-c', GO)
    assert newer.job('show', job)['label'] == 'a label'
    waiting = newer.listen('await', job)
    waiting.tells('Waiting for')
    with open(f'{folder}/go', 'w', encoding='ascii'):
        pass
    status, out, _ = waiting.end()
    assert (status, out) == (5, 'out\n')
    for words in (('status', job), ('show', job), ('logs', job), ('list',), ('inbox',), ('result', job)):
        assert newer.run(words[0], *words[1:], status=5 if words[0] == 'result' else 0).stdout
    assert newer.job('status', job)['exit_code'] == 5
    assert job in [each['id'] for each in newer.jobs('list')]
    newer.run('remove', job)
    assert job in newer.refused('show', job)


def test_cancel_and_retry(newer):
    job = newer.enqueue('--', 'sleep', '1000')
    newer.run('cancel', job)
    newer.run('await', job, status=143)
    failed = newer.enqueue('--', 'sh', '-c', 'exit 9')
    newer.run('await', failed, status=9)
    newer.run('await', newer.output('retry', '-q', failed).strip(), status=9)


def test_pause(newer):
    newer.run('pause')
    job = newer.enqueue('--', 'true')
    newer.run('resume')
    newer.run('await', job)


@pytest.mark.parametrize('words', [
    'hold', 'release', 'edit --priority 7'])
def test_verbs_for_a_job(newer, words):
    job = newer.enqueue('--', 'sleep', '1000')
    assert re.fullmatch(OTHER, newer.refused(*words.split(), job))


@pytest.mark.parametrize('words', [
    'queue', 'queue set narrow --max-running 1', 'queue remove narrow', 'pause narrow', 'resume narrow', 'inbox --consumers',
    'inbox --forget somebody'])
def test_verbs(newer, words):
    assert re.fullmatch(OTHER, newer.refused(*words.split()))


@pytest.mark.parametrize('words', [
    '--limit NOFILE=100', '--queue narrow', '--priority 7', '--after JOB', '--at 23:59', '--delay 1h', '--hold', '--retries 1',
    '--retry-delay 1s --retries 1', '--retry-on signal --retries 1', '--merge-output'])
def test_options_of_a_job(newer, words):
    done = newer.enqueue('--', 'true')
    newer.run('await', done)
    before = newer.jobs('list')
    for verb in ('enqueue', 'run'):
        assert re.fullmatch(OTHER, newer.refused(verb, *words.replace('JOB', done).split(), '--', 'true'))
    assert newer.jobs('list') == before


def test_setup(newer):
    out = newer.run('setup', status=1).stdout
    assert re.search(r'warning +build: programs differ: .*; to fix: ', out), out
