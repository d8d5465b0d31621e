# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: 2026 The Codex Jobs authors
"""What happens to people at the command line: of other shells, other repositories, readers that leave."""

import select
import subprocess

import pytest
from clientsupport import SOURCE, cli, codex, on_terminal  # noqa: F401
from support import PATIENCE, Lines

# pylint: disable=redefined-outer-name

THREAD = '01a202e5-af54-7291-8df6-47733f72365c'


def shell(cli, script, status=0):
    """A line of a shell of alice's with codex-jobs in it, and what it wrote to both streams."""
    command = cli.command()
    done = subprocess.run([*command[:-1], 'bash', '-c', script], stdin=subprocess.DEVNULL, capture_output=True,
                          text=True, check=False, timeout=PATIENCE)
    assert done.returncode == status, (done.returncode, done.stdout, done.stderr)
    return done


# --- git ------------------------------------------------------------------------------------------

def new_repository(cli, name, subject):
    cli.as_alice('git', 'init', '-q', '-b', 'main', name)
    cli.as_alice('git', '-C', name, '-c', 'user.name=alice', '-c', 'user.email=alice@localhost', 'commit', '-q',
                 '--allow-empty', '-m', subject)
    return f'{cli.folder}/{name}'


@pytest.fixture
def two_repositories(cli):
    """What git exports for a hook of the one, and the folder of the other."""
    one, other = new_repository(cli, 'one', 'of one'), new_repository(cli, 'other', 'of other')
    cli.environment |= {'GIT_DIR': f'{one}/.git', 'GIT_WORK_TREE': one, 'GIT_INDEX_FILE': f'{one}/.git/index',
                        'GIT_PREFIX': 'sub/'}
    return one, other


def test_git_in_a_job_reads_the_repository_of_its_directory(cli, two_repositories):
    _, other = two_repositories
    assert cli.output('run', '-q', '-C', other, '--', 'git', 'log', '--format=%s') == 'of other\n'
    job = cli.enqueue('-C', other, '--', 'git', 'rev-parse', '--show-toplevel')
    assert cli.output('await', job) == f'{other}\n'
    assert cli.output('retry', '-q', '--await', job) == f'{other}\n'


def test_no_variable_that_is_local_to_git_goes_along(cli):
    names = cli.as_alice('git', 'rev-parse', '--local-env-vars').split()
    counted = ['GIT_CONFIG_KEY_0', 'GIT_CONFIG_VALUE_0']
    kept = {'GIT_AUTHOR_NAME': 'alice', 'GIT_SSH_COMMAND': 'ssh -v', 'GIT_CEILING_DIRECTORIES': '/home',
            'GIT_DIRECTORY': 'no variable of git'}
    assert 'GIT_DIR' in names
    cli.environment |= {name: '0' for name in names + counted} | kept
    passed = dict(line.split('=', 1) for line in cli.output('run', '-q', '--', 'env').splitlines()
                  if line.startswith('GIT_'))
    assert passed == kept


def test_such_a_variable_can_be_asked_for(cli, two_repositories):
    one, other = two_repositories
    arguments = ['-C', other, '--env', 'GIT_DIR', '--', 'git', 'log', '--format=%s']
    assert cli.output('run', '-q', *arguments) == 'of one\n'
    assert cli.output('run', '-q', '-C', other, f'--env=GIT_DIR={one}/.git', '--', 'git', 'log',
                      '--format=%s') == 'of one\n'


def test_a_review_asks_the_repository_of_its_directory(cli, codex, two_repositories):
    one, other = two_repositories
    cli.as_alice('touch', f'{one}/changed')
    assert 'Nothing to review' in cli.refused('review', '--cwd', other)
    assert codex.calls() == []
    cli.as_alice('rm', f'{one}/changed')
    cli.as_alice('touch', f'{other}/changed')
    assert cli.job('review', '--cwd', other)['label'] == 'review of the uncommitted changes'
    assert '--uncommitted' in codex.last()[0]


def test_a_hook_runs_a_job_elsewhere(cli):
    one, other = new_repository(cli, 'one', 'of one'), new_repository(cli, 'other', 'of other')
    cli.as_alice('sh', '-c', f'printf "#!/bin/sh\\ncodex-jobs run -q -C {other} -- git log --format=%%s >{one}/told" '
                             f'>{one}/.git/hooks/post-commit && chmod +x {one}/.git/hooks/post-commit')
    shell(cli, 'git -C one -c user.name=a -c user.email=a@localhost commit -q --allow-empty -m next')
    with open(f'{one}/told', encoding='utf-8') as file:
        assert file.read() == 'of other\n'


# --- our lines ------------------------------------------------------------------------------------

@pytest.mark.parametrize('script', [
    'printf 42; exit 3', 'printf 42 >&2; exit 3', 'printf "a\\n42"; exit 3', 'echo 1 >&2; printf 42; exit 3',
])
def test_our_line_begins_a_line_in_a_pipe_of_both(cli, script):
    told = shell(cli, f"codex-jobs run -- sh -c '{script}' 2>&1", 3).stdout
    assert '42\ncodex-jobs: job-' in told and told.endswith(' failed: exit code 3\n')
    assert '\n\n' not in told


@pytest.mark.parametrize('script', ['printf 42; exit 3', 'printf "a\\n42"; exit 3'])
def test_our_line_begins_a_line_after_await(cli, script):
    told = shell(cli, f"codex-jobs await $(codex-jobs enqueue -q -- sh -c '{script}') 2>&1", 3).stdout
    assert '42\ncodex-jobs: job-' in told and '\n\n' not in told


def test_output_itself_is_as_it_was(cli):
    done = cli.run('run', '--', 'sh', '-c', 'printf 42; exit 3', status=3)
    assert done.stdout == '42' and '\n\n' not in done.stderr and not done.stderr.startswith('\n')
    assert cli.run('run', '-q', '--', 'printf', '42').stdout == '42'
    assert shell(cli, 'codex-jobs run -q -- printf 42 2>&1').stdout == '42'
    assert '42\ncodex-jobs: ' in cli.run('run', '--', 'sh', '-c', 'printf 42 >&2; exit 3', status=3).stderr


def test_our_line_begins_a_line_in_a_file_of_both(cli):
    shell(cli, "codex-jobs run -- sh -c 'printf 42; exit 3' >both 2>&1", 3)
    with open(f'{cli.folder}/both', encoding='utf-8') as file:
        assert '42\ncodex-jobs: job-' in file.read()


# --- readers that leave ---------------------------------------------------------------------------

def cancel_what_is_named(cli, line):
    assert line.startswith('codex-jobs: The reader of standard output closed it; the job keeps running. Cancel it with: ')
    command = line.split(': ')[-1].split()
    assert command[:2] == ['codex-jobs', 'cancel']
    assert cli.job('show', command[2])['state'] == 'running'
    assert cli.output(*command[1:]) == f'{command[2]} was cancelled\n'


@pytest.mark.parametrize('options', ['-q', '-q --merge-output', '--stall 1h -q --key reader'])
def test_the_reader_closed_the_pipe(cli, options):
    done = shell(cli, f'codex-jobs run {options} -- yes | head -n 1; exit ${{PIPESTATUS[0]}}', 141)
    assert done.stdout == 'y\n' and done.stderr.count('\n') == 1
    cancel_what_is_named(cli, done.stderr.strip())


def test_the_reader_closed_the_pipe_of_one_that_is_not_quiet(cli):
    done = shell(cli, 'codex-jobs run -- yes | head -n 1; exit ${PIPESTATUS[0]}', 141)
    first, last = done.stderr.splitlines()
    assert 'Started' in first
    cancel_what_is_named(cli, last)


def test_a_job_that_is_over_is_not_called_running(cli):
    job = cli.enqueue('--', 'sh', '-c', 'yes | head -c 1000000')
    cli.output('await', '-q', '--json', job)
    done = shell(cli, f'codex-jobs await -q {job} | head -n 1; exit ${{PIPESTATUS[0]}}', 141)
    assert done.stdout == 'y\n' and done.stderr == ''
    done = shell(cli, f'codex-jobs logs {job} | head -n 1; exit ${{PIPESTATUS[0]}}', 141)
    assert done.stdout == 'y\n' and done.stderr == ''


# --- prompts --------------------------------------------------------------------------------------

@pytest.mark.parametrize('prompt', ['- fix the parser', '- one\n- two', '-- signed', '--- a/file\n+++ b/file', '-\tx'])
def test_a_prompt_may_be_an_item_of_a_list(cli, codex, prompt):
    cli.run('task', prompt)
    assert codex.last()[1] == prompt
    cli.run('task', '--resume', prompt)  # it is no ID
    assert codex.last()[1] == prompt
    cli.run('task', '--label', '- x', '--resume', THREAD, prompt, '--write')
    assert codex.last()[1] == prompt and 'workspace-write' in codex.last()[0]


@pytest.mark.parametrize('prompt', ['-fix the parser', '--fix the parser', '-1. fix the parser'])
def test_another_dash_is_explained(cli, codex, prompt):
    told = cli.refused('task', prompt)
    assert "put '--' before text that starts with a dash" in told and "standard input with '-'" in told
    cli.run('task', '--', prompt)
    assert codex.last()[1] == prompt
    cli.run('task', '-', text=prompt)
    assert codex.last()[1] == prompt
    assert "'--'" in cli.output('task', '--help')
    assert 'put' not in cli.refused('run', prompt)


# --- standard input -------------------------------------------------------------------------------

class Held:
    """codex-jobs with a pipe as standard input that this end holds open."""

    def __init__(self, cli, *arguments, data=b''):
        self.process = subprocess.Popen(cli.command(*arguments), stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=subprocess.PIPE)
        self.err = Lines(self.process.stderr.fileno(), 'its stderr')
        self.write(data)

    def write(self, data):
        self.process.stdin.write(data)
        self.process.stdin.flush()

    def end(self, close=False):
        """What it wrote to stdout and, from now on, to stderr; it exits with 0."""
        if close:
            self.process.stdin.close()
        out = self.process.stdout.read()
        err = self.err.text + self.process.stderr.read()
        assert self.process.wait(PATIENCE) == 0, err
        for file in (self.process.stdin, self.process.stdout, self.process.stderr):
            file.close()
        return out.decode(), err.decode()


NOT_PASSED = 'codex-jobs: Standard input is not passed to the job. To pass it, use: --stdin -\n'
WAITS = 'codex-jobs: Waiting for the end of standard input.'


@pytest.mark.parametrize('options', [
    ['--background', '--resume', THREAD], ['--background', '--resume-last'], ['--background', 'x'], ['--resume', THREAD],
    ['--resume', THREAD, '--background', '--json'],
])
def test_a_task_that_needs_no_prompt_does_not_wait_for_stdin(cli, codex, options):
    if '--resume-last' in options:
        cli.run('task', 'first')
    out, err = Held(cli, 'task', *options).end()
    assert out and 'Waiting' not in err and 'Standard input' not in err


def test_a_prompt_that_waits_on_stdin_is_taken(cli, codex):
    Held(cli, 'task', '--resume', THREAD, data=b'and now the test').end(close=True)
    assert codex.last()[1] == 'and now the test'
    cli.run('task', '--resume', THREAD, '-', text='with a dash')
    assert codex.last()[1] == 'with a dash'
    shell(cli, f'printf "of a file" >prompt; codex-jobs task --resume {THREAD} <prompt')
    assert codex.last()[1] == 'of a file'
    shell(cli, f'codex-jobs task --resume {THREAD} </dev/null')
    assert codex.last()[1].startswith('Continue the work')


@pytest.mark.parametrize('arguments', [
    ['task'], ['task', '-'], ['run', '--stdin', '-', '--', 'cat'], ['enqueue', '--stdin', '-', '--', 'cat'],
    ['task', '--resume', THREAD, '-'],
])
def test_waiting_for_stdin_is_said_after_a_second(cli, codex, arguments):
    held = Held(cli, *arguments, data=b'x')
    assert held.err.line() == WAITS
    held.write(b'y')
    assert WAITS not in held.end(close=True)[1]


def test_waiting_for_stdin_is_not_said_where_nobody_asks(cli):
    held = Held(cli, 'run', '-q', '--stdin', '-', '--', 'cat', data=b'x')
    assert not select.select([held.process.stderr], [], [], 1.5)[0]
    assert held.end(close=True) == ('x', '')
    assert 'Waiting' not in cli.run('run', '--stdin', '-', '--', 'cat', text='x').stderr


@pytest.mark.parametrize('script', [
    'printf x | codex-jobs run -- cat', 'codex-jobs run -- wc -c <file', 'printf x | codex-jobs enqueue -- cat',
    'codex-jobs run --key k -- cat <<<x', '{ sleep 0.3; printf x; } | codex-jobs run -- sleep 1',
    'id=$(codex-jobs enqueue -q -- cat); codex-jobs await -q $id; printf x | codex-jobs retry $id',
])
def test_input_that_waits_and_is_not_passed_is_hinted_at(cli, script):
    assert shell(cli, f'printf x >file; {script}').stderr.count(NOT_PASSED) == 1


@pytest.mark.parametrize('script', [
    'printf x | codex-jobs run --stdin - -- cat', ': | codex-jobs run -- cat', 'codex-jobs run -- cat </dev/null',
    'codex-jobs run --stdin file -- cat <file', 'printf x | codex-jobs run -q -- cat',
    'printf x | codex-jobs run --json -- cat', 'while read -r line; do codex-jobs run -- true; done <file',
    'codex-jobs run -- cat <empty', 'codex-jobs run -- cat <&-', 'printf x | codex-jobs status',
])
def test_nothing_is_hinted_where_nothing_waits(cli, script):
    assert NOT_PASSED not in shell(cli, f'printf "x\\ny\\n" >file; : >empty; {script}').stderr


def test_a_pipe_that_is_held_open_gets_no_hint(cli):
    assert NOT_PASSED not in Held(cli, 'run', '--', 'true').end()[1]


def test_input_beside_a_prompt_is_hinted_at(cli, codex):
    told = shell(cli, 'printf log | codex-jobs task "explain this"').stderr
    assert 'Standard input is not read, since a prompt is given.' in told
    assert codex.last()[1] == 'explain this'
    assert 'Standard input' not in shell(cli, 'printf log | codex-jobs task -').stderr
    assert 'Standard input' not in shell(cli, ': | codex-jobs task x').stderr


# --- what is shown --------------------------------------------------------------------------------

BARS = r"""
import sys
def bar(text, end="\n"):
    for n in range(0, 101):
        sys.stderr.write(f"\r\033[32m{text} {n:3}%|{chr(9608) * (n // 4):25}|\033[0m")
    sys.stderr.write(end)
"""


def last_lines(cli, script):
    with open(f'{cli.folder}/bars.py', 'w', encoding='utf-8') as file:
        file.write(BARS + script + '\nsys.exit(1)\n')
    done = cli.run('await', cli.enqueue('--', 'python3', 'bars.py'), status=1)
    lines = done.stderr.splitlines()
    at = lines.index('codex-jobs: Last lines of stderr:')
    assert '\033' not in done.stderr and '\r' not in done.stderr
    return [line.removeprefix('  ') for line in lines[at + 1:-1]]


def test_last_lines_show_the_last_state_of_a_progress_bar(cli):
    full = '█' * 25
    assert last_lines(cli, 'bar("fetch")') == [f'fetch 100%|{full}|']
    assert last_lines(cli, 'bar("fetch", "\\r"); print("\\033[31merror:\\033[0m no", file=sys.stderr)') == ['error: no']
    assert last_lines(cli, 'for i in range(12): bar(f"part {i}")') == [f'part {i} 100%|{full}|' for i in range(2, 12)]
    assert last_lines(cli, 'sys.stderr.write("|\\b/\\b-\\b\\\\\\bdone\\nspin 9%\\b\\b10%")') == ['done', 'spin 10%']
    assert last_lines(cli, 'sys.stderr.write("x" * 5000 + "\\n\\0end\\n\\n")') == [' end', '']


def test_status_of_one_shows_the_last_state_as_well(cli):
    last_lines(cli, 'bar("fetch"); print("error: no", file=sys.stderr)')
    shown = cli.output('status', cli.jobs('list')[0]['id'])
    assert f'fetch 100%|{"█" * 25}|' in shown and 'error: no' in shown and '  0%' not in shown


@pytest.mark.parametrize('locale', [
    {'LC_CTYPE': 'UTF-8'}, {'LC_ALL': 'xx_XX.UTF-8'}, {'LANG': 'xx_XX.utf8'}, {'LC_CTYPE': 'C.UTF-8', 'LANG': 'C'},
])
def test_a_locale_that_is_not_installed_is_what_its_name_says(cli, locale):
    cli.environment |= {'LC_ALL': '', 'LC_CTYPE': '', 'LANG': '', 'TERM': 'xterm'} | locale
    assert on_terminal(cli, 'run', '-q', '--', 'echo', 'Grüße 世界') == 'Grüße 世界\n'
    job = cli.enqueue('--label', 'Grüße 世界', '--', 'true')
    assert 'Grüße 世界' in on_terminal(cli, 'await', '-q', job) + on_terminal(cli, 'status', job)


@pytest.mark.parametrize('locale', [{'LC_ALL': 'C', 'LANG': 'C.UTF-8'}, {'LANG': 'xx_XX.ISO-8859-1'}, {}])
def test_another_locale_gets_ascii(cli, locale):
    cli.environment |= {'LC_ALL': '', 'LC_CTYPE': '', 'LANG': '', 'TERM': 'xterm'} | locale
    assert on_terminal(cli, 'run', '-q', '--', 'echo', 'Grüße 世界') == 'Gr??e ??\n'


# --- the workspace --------------------------------------------------------------------------------

HOOK = f'{SOURCE}/integrations/claude-code/hooks/session-start'


@pytest.mark.parametrize('marker', ['mkdir .git', ': >.git', 'mkdir -p .git/objects', 'echo nothing >.git'])
def test_an_empty_git_above_is_no_workspace(cli, marker):
    cli.as_alice('sh', '-c', f'{marker}; mkdir a b')
    one, other = f'{cli.folder}/a', f'{cli.folder}/b'
    job = cli.output('enqueue', '-q', '--', 'true', cwd=one).strip()
    cli.output('await', '-q', job)
    assert cli.job('show', job)['workspace'] == one
    assert cli.output('inbox', '-q', '--ack', '--here', cwd=other) == ''
    hook = subprocess.run([*cli.command(cwd=other)[:-1], 'sh', HOOK], input='{}', capture_output=True, text=True,
                          check=True, timeout=PATIENCE)
    assert job not in hook.stdout
    assert job in cli.output('inbox', '-q', '--ack', '--here', cwd=one)


def test_the_hook_and_the_client_agree_about_a_workspace(cli):
    new_repository(cli, 'one', 'of one')
    cli.as_alice('sh', '-c', 'mkdir -p one/deep/er; git -C one worktree add -q ../tree 2>/dev/null; mkdir tree/sub')
    for below, top in (('one/deep/er', 'one'), ('tree/sub', 'tree')):
        job = cli.output('enqueue', '-q', '--', 'true', cwd=f'{cli.folder}/{below}').strip()
        cli.output('await', '-q', job)
        assert cli.job('show', job)['workspace'] == f'{cli.folder}/{top}'
        hook = subprocess.run([*cli.command(cwd=f'{cli.folder}/{top}')[:-1], 'sh', HOOK], input='{}',
                              capture_output=True, text=True, check=True, timeout=PATIENCE)
        assert job in hook.stdout


# --- the umask ------------------------------------------------------------------------------------

@pytest.mark.parametrize('given, mask', [('077', '0077'), ('0', '0000'), ('0027', '0027'), ('777', '0777')])
def test_a_umask_may_be_given(cli, given, mask):
    assert cli.output('run', '-q', '--umask', given, '--', 'sh', '-c', 'umask') == f'{mask}\n'
    assert shell(cli, 'umask 037; codex-jobs run -q -- sh -c umask').stdout == '0037\n'


@pytest.mark.parametrize('given', ['8', '1000', 'u=rwx', '', '-1', '00077'])
def test_a_wrong_umask_is_refused(cli, given):
    assert f"Invalid value '{given}' for --umask: must be octal" in cli.refused('run', f'--umask={given}', '--', 'true')
