# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: 2026 The Codex Jobs authors
"""show: the whole story of a job."""

import re

from clientsupport import cli, codex  # noqa: F401

# pylint: disable=redefined-outer-name


def story(cli, job):
    """The lines of a story by their names."""
    found = {}
    for line in cli.output('show', job).splitlines():
        name, text = re.fullmatch(r' *([a-z]+(?: [a-z]+)*): (.*)', line).groups()
        found.setdefault(name, []).append(text)
    return found


def test_a_job_that_failed(cli):
    job = cli.job('run', '--label', 'the tests', '--kind', 'check', '--', 'sh', '-c', '''
        echo "{\\"files\\": 8}" >"$CODEX_JOB_RESULT"; echo out; echo error >&2; exit 3''', status=3)['id']
    shown = story(cli, job)
    assert {name: shown[name] for name in ('job', 'label', 'kind', 'reason', 'directory', 'workspace', 'unit')} == {
        'job': [job], 'label': ['the tests'], 'kind': ['check'], 'reason': ['exit-code'],
        'directory': [cli.folder], 'workspace': [cli.folder], 'unit': [f'codex-job-{job}.service']}
    assert shown['state'] == ['failed: exit code 3'] and shown['exit code'] == ['3']
    assert shown['user'] == [f'alice (uid {cli.scope.uid})']
    assert shown['output'] == ['4 bytes on stdout, 6 on stderr'] and shown['result'] == ['{"files":8}']
    assert re.fullmatch(r'[\dT:.-]+Z, \d+\w+( \d+\w+)? ago', shown['enqueued'][0])
    assert ' in the queue' in shown['started'][0] and ', after running for ' in shown['finished'][0]
    assert [command.split()[1] for command in shown['next']] == ['result', 'logs', 'retry']
    assert 'limits' not in shown and 'stopped by' not in shown


def test_a_job_that_runs(cli, gate):
    job = cli.enqueue('--memory-max', '1G', '--tasks-max', '50', '--runtime-max', '2h', '--cpu-weight', '20', '--',
                      *gate.job())
    gate.wait()
    shown = story(cli, job)
    limits = shown['limits'][0]
    assert '1G memory' in limits and '50 tasks' in limits and '2h runtime' in limits
    assert 'CPU weight 20' in limits
    assert [command.split()[1] for command in shown['next']] == ['await', 'logs', 'cancel']
    assert 'finished' not in shown and 'reason' not in shown and 'exit code' not in shown


def test_a_job_without_limits(cli, gate):
    job = cli.enqueue('--', *gate.job())
    gate.wait()
    assert 'limits' not in story(cli, job)


def test_a_job_that_was_stopped(cli, gate):
    job = cli.enqueue('--', *gate.job())
    gate.wait()
    cli.run('cancel', job)
    shown = story(cli, job)
    assert shown['state'] == ['cancelled']
    assert shown['stopped by'] == [f'alice (uid {cli.scope.uid})'] and shown['reason'] == ['user']
    assert cli.job('show', job)['stopped_by'] == cli.scope.uid


def test_document(cli):
    job = cli.job('run', '--', 'true')['id']
    document = cli.document('show', job)
    assert document['job']['id'] == job and document['job']['stopped_by'] is None
    assert [command.split()[1] for command in document['next']] == ['result', 'retry']


def test_each_verb_names_the_same_commands(cli):
    job = cli.job('run', '--', 'false', status=1)['id']
    rest = [f'codex-jobs logs {job}', f'codex-jobs retry {job}']
    shown = [cli.document('await', job, status=1), cli.document('result', job, status=1), cli.document('cancel', job)]
    assert [document['next'] for document in shown] == [rest] * 3
    complete = [f'codex-jobs result {job}', *rest]
    assert cli.document('show', job)['next'] == cli.document('status', job)['next'] == complete
    lines = [line.strip() for line in cli.output('status', job).splitlines()]
    assert [line for line in lines if line.startswith('next: ')] == [f'next: {command}' for command in complete]


def test_no_command_for_a_prompt_that_is_erased(cli, codex):
    job = cli.job('task', 'fake:failed', status=1)['id']
    assert [command.split()[1] for command in cli.document('show', job)['next']] == ['result', 'logs', 'task']
    assert [command.split()[1] for command in cli.document('await', job, status=1)['next']] == ['logs', 'task']


def test_commands_of_a_story_work(cli):
    cli.run('run', '--', 'sh', '-c', 'echo text')
    job = cli.output('list', '-q', '--limit', '1').strip()
    for command in story(cli, job)['next']:
        cli.run(*command.split()[1:])


def test_text_of_a_job_does_nothing_to_a_terminal(cli):
    job = cli.job('run', '--label', 'a\033[31m\nb', '--', 'true')['id']
    assert '\033' not in cli.output('show', job)
    assert story(cli, job)['label'] == ['a [31m b']


def test_mistakes_are_told(cli):
    assert 'No job ID given' in cli.refused('show')
    assert "'show' takes one job ID, not 2" in cli.refused('show', 'a', 'b')
