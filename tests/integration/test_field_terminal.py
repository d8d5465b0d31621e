# SPDX-License-Identifier: Apache-2.0
"""Job control of a shell, and terminals that show little."""

import shlex
import subprocess

import pytest
from clientsupport import cli  # noqa: F401
from support import PATIENCE
from terminal import Terminal

# pylint: disable=redefined-outer-name


@pytest.fixture
def prompt(cli):
    """An interactive shell of alice's on a terminal."""
    cli.environment |= {'TERM': 'linux', 'LC_ALL': 'C.UTF-8', 'PS1': 'ready> ', 'HISTFILE': ''}
    terminal = Terminal([*cli.command()[:-1], 'bash', '--norc', '--noprofile', '-i'])
    terminal.until_line('ready>')
    yield terminal
    terminal.close()


def stop(terminal):
    terminal.press('\x1a')
    terminal.until_line('Stopped')
    terminal.press('clear; echo sh""ell\n')
    terminal.until_line('shell')


def resume(terminal):
    terminal.press('fg\n')


def test_status_is_stopped_and_drawn_anew(cli, prompt, gate):
    cli.enqueue('--label', 'the world', '--', *gate.job())
    gate.wait()
    prompt.press('codex-jobs status --watch\n')
    prompt.until_line('the world')
    stop(prompt)
    resume(prompt)
    prompt.until_line('the world')
    prompt.resize(60, 20)
    prompt.until_line('the world')
    prompt.press('\x03')
    prompt.until_line('ready>')
    gate.open()


def test_run_is_stopped_and_goes_on(cli, prompt, gate):
    with open(f'{cli.folder}/job', 'w', encoding='utf-8') as file:
        file.write(shlex.join(gate.job(then='echo finished')))
    prompt.press('codex-jobs run -- sh job\n')
    prompt.until_line('Started')
    stop(prompt)
    gate.wait()
    gate.open()
    resume(prompt)
    prompt.until_line('finished')


# --- what shows little ----------------------------------------------------------------------------

@pytest.mark.parametrize('arguments', [['--help'], ['run', '--help'], ['task', '--help']])
def test_help_goes_to_a_pager(cli, arguments):
    words = ' '.join(arguments)
    done = subprocess.run([*cli.command()[:-1], 'bash', '-c', f'codex-jobs {words} | head -n 1; codex-jobs {words} | cat'],
                          capture_output=True, text=True, check=True, timeout=PATIENCE)
    assert done.stderr == '' and done.stdout.startswith('codex-jobs ') and '\033' not in done.stdout
    assert done.stdout.endswith(cli.output(*arguments))


@pytest.mark.parametrize('arguments, status', [
    (['status', '-q'], 0), (['run', '-q', '--', 'true'], 0), (['run', '-q', '--stdin', '-', '--', 'true'], 0), (['top'], 125),
    (['task', '--resume', '01a202e5-af54-7291-8df6-47733f72365c', '--timeout-ms', 'x'], 125),
])
def test_stdin_may_be_closed(cli, arguments, status):
    done = subprocess.run([*cli.command()[:-1], 'bash', '-c', 'codex-jobs "$@" <&-', 'bash', *arguments],
                          capture_output=True, text=True, check=False, timeout=PATIENCE)
    assert done.returncode == status, done.stderr
    assert done.stderr.count('\n') == (status != 0)


@pytest.mark.parametrize('arguments', [['run', '--', 'sleep', '1.5'], ['status'], ['list']])
def test_a_dumb_terminal_gets_no_redraw(cli, arguments):
    cli.environment |= {'TERM': 'dumb', 'LC_ALL': 'C.UTF-8'}
    terminal = Terminal(cli.command(*arguments))
    try:
        assert terminal.end() == 0
        assert b'\033' not in terminal.raw and b'\r' not in terminal.raw.replace(b'\r\n', b'')
    finally:
        terminal.close()
