# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: 2026 The Codex Jobs authors
"""task, review and adversarial-review, with a codex that thinks nothing."""

import json
import re

import pytest
from clientsupport import cli, codex, validate_codex_result  # noqa: F401

# pylint: disable=redefined-outer-name

ANSWER = 'The work is done.\n'
THREAD = '01a202e5-af54-7291-8df6-47733f72365c'


def test_task_prints_the_answer_alone(cli, codex):
    assert cli.output('task', 'do', 'it') == ANSWER
    assert codex.last() == (['--json', '--sandbox', 'read-only', '--skip-git-repo-check', '-'], 'do it')


def test_task_leaves_a_structured_result(cli, codex):
    job = cli.job('task', '--write', 'fake:work')
    assert job['stdout'] == ANSWER and job['kind'] == 'task'
    assert job['result']['last_message'] == ANSWER.strip()
    assert job['result']['files'] and job['result']['commands']
    validate_codex_result(job['result'])
    assert '--sandbox workspace-write' in ' '.join(codex.last()[0])


def test_task_that_fails_says_why(cli, codex):
    done = cli.run('task', '--background', '--await', 'fake:failed', status=1)
    assert done.stdout == '' and 'The model stumbled.' in done.stderr
    validate_codex_result(cli.job('result', status=1)['result'])
    assert len(codex.calls()) == 1


def test_background_names_the_command_that_waits(cli, codex):
    job, command = cli.output('task', '--background', 'do it').splitlines()
    assert command == f'codex-jobs await {job}'
    assert cli.output('await', job) == ANSWER
    assert len(codex.calls()) == 1


@pytest.mark.parametrize('name, model', [('spark', 'gpt-5.3-codex-spark'), ('fast', 'gpt-x'), ('other', 'other')])
def test_models_have_aliases(cli, codex, name, model):
    cli.environment['CODEX_JOBS_MODELS'] = 'fast=gpt-x,slow=gpt-y'
    assert cli.job('task', '--model', name, '--effort', 'xhigh', 'x')['result']['model'] == model
    assert f'--model {model} -c model_reasoning_effort="xhigh"' in ' '.join(codex.last()[0])


def test_codex_can_be_another(cli, codex):
    cli.as_alice('mv', 'bin/codex', 'bin/other')
    cli.environment['CODEX_JOBS_CODEX'] = f'{cli.folder}/bin/other'
    assert cli.output('task', 'x') == ANSWER
    cli.environment['CODEX_JOBS_CODEX'] = '/nowhere/codex'
    assert 'CODEX_JOBS_CODEX' in cli.refused('task', 'x')
    assert len(codex.calls()) == 1


def test_read_only_is_the_opposite_of_write(cli, codex):
    assert cli.output('task', '--read-only', 'x') == ANSWER
    assert '--write and --read-only' in cli.refused('task', '--read-only', '--write', 'x')
    assert len(codex.calls()) == 1


# --- threads --------------------------------------------------------------------------------------

def resumed(codex):
    arguments = codex.last()[0]
    assert arguments[-3] == 'resume' and arguments[-1] == '-'
    return arguments[-2]


def test_resume_takes_a_thread_or_a_job(cli, codex):
    cli.run('task', '--resume', THREAD, 'more')
    assert resumed(codex) == THREAD
    job = cli.job('task', 'first')
    again = cli.job('task', '--resume', job['id'], 'more')
    assert resumed(codex) == again['result']['thread_id'] == job['result']['thread_id']


def test_resume_last_takes_the_last_task_of_the_workspace(cli, codex):
    threads = [cli.job('task', prompt)['result']['thread_id'] for prompt in ('one', 'two')]
    cli.run('run', '--', 'true')
    cli.run('task', 'fake:silent', status=1)  # has no thread
    cli.run('task', '--resume-last', 'more')
    assert resumed(codex) == threads[1]


def test_resume_without_an_id_takes_the_last(cli, codex):
    thread = cli.job('task', 'one')['result']['thread_id']
    for arguments, prompt in ((['--resume'], 'Continue the work '), (['--resume', 'Fix it now.'], 'Fix it now.'),
                              (['--resume', '--effort', 'low', 'more'], 'more')):
        cli.run('task', *arguments)
        assert resumed(codex) == thread and codex.last()[1].startswith(prompt)


def in_session(cli, name):
    cli.environment['CODEX_JOBS_SESSION'] = name


def test_resume_takes_the_thread_of_the_session(cli, codex):
    thread = {}
    for name in ('one', 'other'):
        in_session(cli, name)
        thread[name] = cli.job('task', name)['result']['thread_id']
    for name in ('one', 'other'):
        in_session(cli, name)
        cli.run('task', '--resume-last', 'more')
        assert resumed(codex) == thread[name]
    in_session(cli, 'third')
    assert re.search(r'To continue the last one of this workspace, use --resume task-\w{10}\.',
                     cli.refused('task', '--resume', 'go on, please'))


def test_resume_waits_for_what_is_at_work(cli, codex):
    """Two Codex at once would be in each other's way."""
    cli.as_alice('mkfifo', 'gate')
    cli.environment['FAKE_CODEX_GATE'] = f'{cli.folder}/gate'
    cli.run('task', 'first')
    job = cli.output('task', '--background', '--quiet', 'fake:gate').strip()
    assert f"codex-jobs await {job}" in cli.refused('task', '--resume-last', 'more')
    assert job in cli.run('task', '--resume-candidate').stderr
    with open(f'{cli.folder}/gate', 'wb'):
        pass
    cli.run('await', job)
    cli.run('task', '--resume-last', 'more')


def test_resume_candidate(cli, codex):
    assert cli.run('task', '--resume-candidate').stderr.startswith('codex-jobs: No finished task')
    assert cli.jobs('task', '--resume-candidate') == []
    job = cli.job('task', 'the label')
    assert cli.output('task', '--resume-candidate') == f'{job["id"]}: the label\n'
    candidate, = cli.jobs('task', '--resume-candidate')
    assert candidate['result']['thread_id'] == job['result']['thread_id']
    assert 'takes no prompt' in cli.refused('task', '--resume-candidate', 'x')
    assert len(codex.calls()) == 1


def test_result_says_how_to_continue(cli, codex):
    document = cli.document('task', 'one')
    job = document['job']
    thread, command = job['result']['thread_id'], f'codex-jobs task --resume {job["id"]}'
    assert document['next'] == [command]
    for verb in ('result', 'await'):
        assert f'{job["id"]} completed, thread {thread}. Continue with: {command}' in cli.run(verb, job['id']).stderr
    assert cli.run('result', '--quiet', job['id']).stderr == ''
    assert re.search(rf'^ +thread: {thread}$', cli.output('status', job['id']), re.M)


def test_status_of_one_shows_its_last_lines(cli):
    job = cli.enqueue('--', 'sh', '-c', 'for i in 1 2 3 4 5; do echo line $i >&2; done')
    cli.run('await', job)
    assert re.findall(r'^ +last: (.*)$', cli.output('status', job), re.M) == ['line 3', 'line 4', 'line 5']


def test_wait_is_taken_as_the_companion_takes_it(cli, codex):
    assert cli.output('task', '--wait', 'x') == cli.output('task', '--background', '--wait', 'x') == ANSWER


def test_background_in_scripts_prints_one_line(cli, codex):
    assert re.fullmatch(r'task-\w{10}\n', cli.output('task', '--background', '--quiet', 'x'))


def test_resume_without_a_prompt_goes_on(cli, codex):
    cli.run('task', '--resume', THREAD)
    assert re.match('Continue the work ', codex.last()[1])


def test_fresh_is_a_new_thread(cli, codex):
    cli.run('task', 'one')
    cli.run('task', '--fresh', 'two')
    assert 'resume' not in codex.last()[0]


def test_another_thread_than_the_asked_one_is_a_failure(cli, codex):
    """Codex begins a new thread where it does not find the old one."""
    with open(f'{cli.folder}/bin/codex', encoding='utf-8') as file:
        text = file.read()
    with open(f'{cli.folder}/bin/codex', 'w', encoding='utf-8') as file:
        file.write(text.replace('self.thread = call.session', 'pass'))
    done = cli.run('task', '--resume', THREAD, 'more', status=1)
    assert THREAD in done.stderr and done.stdout == ''
    assert codex.calls()


def test_nothing_to_resume_is_refused(cli, codex, gate):
    assert 'Omit --resume' in cli.refused('task', '--resume-last', 'x')
    assert 'no Codex thread' in cli.refused('task', '--resume', cli.job('run', '--', 'true')['id'], 'x')
    assert 'cannot be combined' in cli.refused('task', '--resume-last', '--fresh', 'x')
    assert 'cannot be combined' in cli.refused('task', '--resume', '--fresh', 'x')
    running = cli.enqueue('--', *gate.job())
    gate.wait()
    assert f'codex-jobs await {running}' in cli.refused('task', '--resume', running, 'x')
    assert codex.calls() == []


# --- prompts that nobody would write --------------------------------------------------------------

@pytest.mark.parametrize('prompt', [
    b'x' * 10_001, b'x' * 2_000_000, b'--write', b'-', b'--', b'PROMPT\nEND\nEOF\n', b'a\0b', b'\xff\xfe\n', b"it's $HOME `id`",
    b'\x1b[31mred\n'], ids=lambda prompt: repr(prompt[:12]) + str(len(prompt)))
def test_prompt_arrives_as_it_is(cli, codex, prompt):
    with open(f'{cli.folder}/prompt', 'wb') as file:
        file.write(prompt)
    assert cli.output('task', '--prompt-file', 'prompt') == ANSWER
    assert codex.last()[1].encode('utf-8', 'surrogateescape') == prompt
    assert 'workspace-write' not in codex.last()[0]


def test_prompt_of_nothing_is_refused(cli, codex):
    for text in ('', ' \n\t\n'):
        assert 'empty' in cli.refused('task', '-', text=text)
    assert codex.calls() == []


# --- reviews --------------------------------------------------------------------------------------

@pytest.fixture
def repository(cli, codex):
    """One with a commit on main, and a branch with one more, where it is clean."""
    def git(*arguments):
        return cli.as_alice('git', '-c', 'user.name=Alice', '-c', 'user.email=alice@localhost', *arguments)

    cli.as_alice('sh', '-c', 'printf "bin\\nrecord*\\n" >.gitignore')
    git('init', '-q', '-b', 'main')
    git('add', '.gitignore')
    git('commit', '-qm', 'one')
    git('checkout', '-qb', 'work')
    git('commit', '-qm', 'two', '--allow-empty')
    assert git('status', '--porcelain') == ''
    return git


def reviewed(codex):
    arguments = codex.last()[0]
    assert '--skip-git-repo-check' not in arguments and '--sandbox read-only' in ' '.join(arguments)
    return arguments[arguments.index('review') + 1:]


def test_review_takes_what_is_not_committed_first(cli, codex, repository):
    cli.as_alice('touch', 'new')
    job = cli.job('review')
    assert reviewed(codex) == ['--uncommitted']
    assert job['kind'] == 'review' and job['label'] == 'review of the uncommitted changes'
    validate_codex_result(job['result'])
    cli.run('review', '--scope', 'branch')
    assert reviewed(codex) == ['--base', 'main']
    cli.run('review', '--base', 'HEAD~1')
    assert reviewed(codex) == ['--base', 'HEAD~1']


def test_review_of_a_clean_tree_is_that_of_the_branch(cli, codex, repository):
    assert cli.output('review', '--wait') == ANSWER
    assert reviewed(codex) == ['--base', 'main']
    repository('branch', 'other', 'work')
    repository('update-ref', 'refs/remotes/origin/stable', 'main')
    repository('symbolic-ref', 'refs/remotes/origin/HEAD', 'refs/remotes/origin/stable')
    cli.run('review')
    assert reviewed(codex) == ['--base', 'origin/stable']


def test_review_in_the_background(cli, codex, repository):
    job, command = cli.output('review', '--background').splitlines()
    assert command == f'codex-jobs await {job}'
    assert cli.output('await', job) == ANSWER
    assert cli.output('review', '--background', '--await') == ANSWER
    assert cli.output('review', '--background', '--wait') == ANSWER


def test_adversarial_review_names_target_and_focus(cli, codex, repository):
    job = cli.job('adversarial-review', '--effort', 'high', 'look', 'at races')
    assert job['kind'] == 'adversarial-review'
    assert job['stdout'].startswith('Review of the changes against main: needs-attention\n')
    assert [each['severity'] for each in job['result']['review']['findings']] == ['critical', 'low']
    validate_codex_result(job['result'])
    arguments = codex.last()[0]
    assert arguments[-1] == '-' and 'review' not in arguments and '--sandbox read-only' in ' '.join(arguments)
    with open(arguments[arguments.index('--output-schema') + 1], encoding='utf-8') as file:
        assert set(json.load(file)['properties']) <= set(job['result']['review'])
    assert "'git diff main...HEAD'" in codex.last()[1] and codex.last()[1].endswith(': look at races\n')
    cli.as_alice('touch', 'new')
    cli.run('adversarial-review')
    assert 'uncommitted' in codex.last()[1] and 'above all:' not in codex.last()[1]


def test_a_wrong_target_is_refused(cli, codex, repository):
    assert "Unknown revision 'nosuch'" in cli.refused('review', '--base', 'nosuch')
    assert 'Unknown revision' in cli.refused('review', '--base=--upload-pack=x')
    assert '--base' in cli.refused('review', '--scope', 'working-tree', '--base', 'main')
    assert '--scope' in cli.refused('review', '--scope', 'all')
    assert 'adversarial-review' in cli.refused('review', 'some focus')
    repository('checkout', '-q', 'main')
    assert 'Nothing to review' in cli.refused('review')
    assert codex.calls() == []


def test_a_review_needs_a_repository(cli, codex):
    assert 'git repository' in cli.refused('review')
    assert 'git repository' in cli.refused('adversarial-review', '--cwd', '/')
    cli.as_alice('git', 'init', '-q', 'new')
    assert 'no commits' in cli.refused('review', '--cwd', 'new')
    assert codex.calls() == []
