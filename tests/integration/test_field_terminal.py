# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: 2026 The Codex Jobs authors
"""Job control of a shell, and terminals that show little."""

import fcntl
import os
import shlex
import struct
import subprocess
import termios
import time

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


KEYS = 'q quit  Enter log'


def fills(terminal, job):
    """Whether the table, with the job, is as large as the terminal is."""
    lines = terminal.lines()
    return terminal.line(job, 'the world') and 'finished' in lines[0] and lines[-1].startswith(KEYS)


def open_top(cli, prompt, gate, then='exit 0'):
    """Opens top at a job that waits at the gate."""
    job = cli.enqueue('--label', 'the world', '--', *gate.job(before='echo the first line', then=then))
    gate.wait()
    prompt.press('codex-jobs top\n')
    prompt.until(lambda: fills(prompt, job))
    prompt.press(f'/{job}\r')
    prompt.until(lambda: fills(prompt, job) and prompt.line(f'filter: {job}'))
    return job


def open_log(prompt):
    prompt.press('l')
    prompt.until(lambda: 'the first line' in prompt.lines())


def quit_top(prompt):
    """After that, the shell has the terminal as it was."""
    prompt.press('q')
    prompt.until_line('ready>')
    prompt.press('stty -a | tr " " "\\n" | grep -cx -e icanon -e echo -e icrnl\n')
    prompt.until(lambda: '3' in prompt.lines())


def test_top_is_stopped_and_drawn_anew(cli, prompt, gate):
    job = open_top(cli, prompt, gate)
    gate.open()
    prompt.until_line(job, 'completed')  # no clock draws it any more
    for columns, lines in [(100, 30), (70, 20)]:
        stop(prompt)
        prompt.resize(columns, lines)
        resume(prompt)
        prompt.until(lambda: fills(prompt, job))
    quit_top(prompt)


def test_top_is_stopped_while_it_shows_a_log(cli, prompt, gate):
    job = open_top(cli, prompt, gate, then='echo the next line; read _ <"$2"; echo the last line')
    open_log(prompt)
    stop(prompt)
    resume(prompt)
    gate.open()
    prompt.until(lambda: 'the next line' in prompt.lines())
    stop(prompt)
    resume(prompt)
    gate.open()
    prompt.until_line('Enter to return')
    # That was written by top, which thus has gone on.
    assert 'the last line' in prompt.lines() and not prompt.line(KEYS) and not prompt.line('finished'), prompt.text()
    stop(prompt)
    resume(prompt)
    prompt.until_line('codex-jobs top')
    prompt.press('q')
    prompt.until(lambda: fills(prompt, job))
    # What is for the table is back, too.
    stop(prompt)
    resume(prompt)
    prompt.until(lambda: fills(prompt, job))
    quit_top(prompt)


def test_top_is_stopped_while_it_draws(cli, prompt, gate):
    """It is in the middle of the screen, which the terminal does not take."""
    job = open_top(cli, prompt, gate)
    termios.tcflow(prompt.other, termios.TCOOFF)
    prompt.press('\x0c')
    deadline = time.monotonic() + 1  # it does not read the key if it was drawing before
    while struct.unpack('i', fcntl.ioctl(prompt.other, termios.FIONREAD, b'\0' * 4))[0] and time.monotonic() < deadline:
        os.sched_yield()
    prompt.press('\x1a')
    termios.tcflow(prompt.other, termios.TCOON)
    prompt.until_line('Stopped')
    resume(prompt)
    prompt.until(lambda: fills(prompt, job))
    gate.open()
    quit_top(prompt)


def test_a_resize_while_top_shows_a_log(cli, prompt, gate):
    job = open_top(cli, prompt, gate)
    open_log(prompt)
    prompt.resize(100, 30)
    prompt.press('q')
    prompt.until(lambda: fills(prompt, job))
    open_log(prompt)
    stop(prompt)
    prompt.resize(70, 20)
    resume(prompt)
    prompt.until_line('codex-jobs top')
    prompt.press('q')
    prompt.until(lambda: fills(prompt, job))
    gate.open()
    quit_top(prompt)


# --- what shows little ----------------------------------------------------------------------------

@pytest.mark.parametrize('arguments', [['--help'], ['run', '--help'], ['task', '--help']])
def test_help_goes_to_a_pager(cli, arguments):
    words = ' '.join(arguments)
    done = subprocess.run([*cli.command()[:-1], 'bash', '-c', f'codex-jobs {words} | head -n 1; codex-jobs {words} | cat'],
                          capture_output=True, text=True, check=True, timeout=PATIENCE)
    assert done.stderr == '' and done.stdout.startswith('codex-jobs ') and '\033' not in done.stdout
    assert done.stdout.endswith(cli.output(*arguments))


@pytest.mark.parametrize('arguments', [['--help'], ['help'], ['help', 'run'], ['run', '--help'], ['queue', '-h'],
                                       ['mcp', '--help'], ['--version']])
def test_help_that_nobody_reads(cli, arguments):
    ours, theirs = os.pipe()
    os.close(ours)
    with open(theirs, 'wb') as left, open('/dev/full', 'wb') as full:
        done = [subprocess.run(cli.command(*arguments), stdout=stdout, stderr=subprocess.PIPE, text=True, check=False,
                               timeout=PATIENCE) for stdout in (left, full)]
    assert [ended.returncode for ended in done] == [141, 125]
    assert [ended.stderr for ended in done] == [
        '', 'codex-jobs: Failed to write to standard output: No space left on device.\n']


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
