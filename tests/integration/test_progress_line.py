# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: 2026 The Codex Jobs authors
"""The line of progress that run and await draw where stderr is a terminal, and nowhere else; and what
status draws there."""

import re
import select

import pytest

from clientsupport import cli  # noqa: F401
from support import PATIENCE, shell
from terminal import Terminal

# pylint: disable=redefined-outer-name

ESCAPE = '\033'
COLOR = re.compile(rb'\033\[3[1-6]m')
SPINNER = '[⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏]'


@pytest.fixture
def open_terminal(cli):
    """Runs codex-jobs on a terminal."""
    opened = []

    def make(*arguments, columns=80, lines=24, **environment):
        cli.environment |= {'TERM': 'linux', 'LC_ALL': 'C.UTF-8', 'TZ': 'UTC', **environment}
        opened.append(Terminal(cli.command(*arguments), columns, lines))
        return opened[-1]

    yield make
    for terminal in opened:
        terminal.close()


TELLING = 'systemd-notify --status="3 of 8 files"'


# --- await ----------------------------------------------------------------------------------------

def test_await_draws_what_the_job_does(cli, gate, open_terminal):
    job = cli.enqueue('--', *gate.job(before=TELLING))
    gate.wait()
    terminal = open_terminal('await', job)
    line = terminal.until_line(f'{job} running for', '3 of 8 files')
    assert re.match(f'{SPINNER} {job} running for [0-9a-z ]+: 3 of 8 files$', line)
    assert COLOR.search(terminal.raw)
    gate.open()
    assert terminal.end() == 0
    assert terminal.text().strip() == ''


def test_await_of_several(cli, new_gate, open_terminal):
    gates = [new_gate(), new_gate()]
    ids = [cli.enqueue('--', *gate.job()) for gate in gates]
    for gate in gates:
        gate.wait()
    terminal = open_terminal('await', *ids)
    terminal.until_line('Waiting for 2 of 2 jobs')
    gates[0].open()
    terminal.until_line('Waiting for 1 of 2 jobs')
    gates[1].open()
    assert terminal.end() == 0
    assert not terminal.line('Waiting for')


def test_line_gives_way_to_ctrl_c(cli, gate, open_terminal):
    job = cli.enqueue('--', *gate.job())
    gate.wait()
    terminal = open_terminal('await', job)
    terminal.until_line('running for')
    terminal.press('\x03')
    assert terminal.end() == 130
    assert terminal.lines()[0].startswith('codex-jobs: Detached')
    assert not terminal.line('running for')


def test_line_fits(cli, gate, open_terminal):
    job = cli.enqueue('--', *gate.job(before=f'systemd-notify --status="{"世界" * 100}"'))
    gate.wait()
    terminal = open_terminal('await', job, columns=60)
    terminal.until_line('世')
    terminal.read(1)  # drawn once more, in its place
    assert terminal.line('running for') == terminal.lines()[0]
    assert sum('running for' in line for line in terminal.lines()) == 1
    assert not terminal.lines()[1]
    gate.open()
    terminal.end()


@pytest.mark.parametrize('environment', [{'NO_COLOR': '1'}, {'LC_ALL': 'C'}])
def test_line_without_color_or_in_ascii(cli, gate, open_terminal, environment):
    job = cli.enqueue('--', *gate.job(before='systemd-notify --status="ä of 8"'))
    gate.wait()
    terminal = open_terminal('await', job, **environment)
    if 'NO_COLOR' in environment:
        terminal.until_line('ä of 8')
        assert not COLOR.search(terminal.raw)
    else:
        assert terminal.until_line('? of 8')[0] in '|/-\\'
        assert terminal.raw.isascii()
    gate.open()
    terminal.end()


def test_dumb_terminal_has_lines(cli, gate, open_terminal):
    job = cli.enqueue('--', *gate.job())
    gate.wait()
    terminal = open_terminal('await', job, TERM='dumb')
    terminal.until_line(f'codex-jobs: Waiting for {job}: running for')
    gate.open()
    assert terminal.end() == 0
    assert ESCAPE.encode() not in terminal.raw


@pytest.mark.parametrize('option', ['--quiet', '--json'])
def test_nothing_is_drawn_for_who_wants_none(cli, pipe, open_terminal, option):
    # Long enough that the line would have been drawn: the job itself waits for the moment.
    hold = pipe('hold')
    terminal = open_terminal('run', option, '--', *shell(f'{TELLING}; read _ <"$1"; echo end', hold))
    assert not terminal.read(2)
    hold.write('\n')
    assert terminal.end() == 0
    assert ESCAPE.encode() not in terminal.raw
    assert 'end' in terminal.text()


def test_nothing_is_drawn_elsewhere(cli, gate):
    job = cli.enqueue('--', *gate.job(before=TELLING))
    gate.wait()
    cli.environment |= {'TERM': 'linux'}
    with cli.start('await', job) as process:
        assert select.select([process.stderr], [], [], PATIENCE)[0]
        first = process.stderr.readline()
        gate.open()
        rest = process.stderr.read()
    assert first.startswith(f'codex-jobs: Waiting for {job}: running for')
    assert ESCAPE not in first + rest and '\r' not in first + rest


# --- run ------------------------------------------------------------------------------------------

def test_run_draws_the_line_between_what_the_job_writes(cli, pipe, open_terminal):
    hold = pipe('hold')
    terminal = open_terminal('run', '--', *shell(
        f'{TELLING}; echo one; read _ <"$1"; printf two; read _ <"$1"; echo " and three"; read _ <"$1"', hold))
    terminal.until_line('3 of 8 files')
    terminal.until(lambda: 'one' in terminal.lines())
    hold.write('\n')
    # Amid a line of the job there is no room for another.
    terminal.until(lambda: 'two' in terminal.lines())
    assert not terminal.line('3 of 8 files')
    assert not terminal.read(1)
    hold.write('\n')
    terminal.until(lambda: 'two and three' in terminal.lines())
    terminal.until_line('3 of 8 files')
    hold.write('\n')
    assert terminal.end() == 0
    lines = [line for line in terminal.lines() if line]
    assert lines[-2:] == ['one', 'two and three']
    assert not terminal.line('3 of 8 files')


# --- status ---------------------------------------------------------------------------------------

def test_status_has_colors_on_a_terminal(cli, open_terminal):
    cli.run('run', '-q', '--', 'false', status=1)
    terminal = open_terminal('status')
    assert terminal.end() == 0
    assert b'\033[31mfailed\033[0m' in terminal.raw
    terminal = open_terminal('status', NO_COLOR='1')
    assert terminal.end() == 0
    assert ESCAPE.encode() not in terminal.raw
    assert ESCAPE not in cli.output('status')


@pytest.mark.parametrize('locale, label, mark', [('C.UTF-8', 'ä 世界', '…'), ('C', '? ??', '...')])
def test_status_fits(cli, open_terminal, locale, label, mark):
    cli.run('run', '-q', '--label', f'ä 世界 {"long " * 30}', '--', 'true')
    terminal = open_terminal('status', LC_ALL=locale, columns=60)
    assert terminal.end() == 0
    assert label in terminal.raw.decode() and terminal.raw.decode().rstrip().endswith(mark)
    assert len([line for line in terminal.lines() if line]) == 2


def test_status_tells_how_long_ago(cli):
    job = cli.job('run', '--', 'true')['id']
    for name in ('enqueued', 'started', 'finished'):
        assert re.search(rf'{name}: \S+Z \(\d+(ms|s) ago\)\n', cli.output('status', job))


def test_watch_follows_what_happens(cli, gate, open_terminal):
    job = cli.enqueue('--label', 'files', '--', *gate.job(before=TELLING))
    gate.wait()
    terminal = open_terminal('status', '--watch')
    terminal.until_line(job, 'running', '[3 of 8 files]')
    assert re.match(r'\d\d:\d\d:\d\d  1 running, 0 queued, 0 finished$', terminal.lines()[0])
    gate.open()
    terminal.until_line(job, 'completed')
    terminal.resize(60, 5)
    terminal.until_line(job)
    terminal.press('\x03')
    assert terminal.end() in (-2, 130)


def test_watch_without_a_smart_terminal_is_plain(cli, gate, open_terminal):
    job = cli.enqueue('--', *gate.job())
    gate.wait()
    terminal = open_terminal('status', '--watch', TERM='dumb')
    terminal.until_line(job, 'running')
    gate.open()
    terminal.until_line(job, 'completed')
    assert terminal.line(job, 'running')
    assert ESCAPE.encode() not in terminal.raw
