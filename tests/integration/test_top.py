# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: 2026 The Codex Jobs authors
"""codex-jobs top on a terminal: what is on the screen, and what keys do."""

import os
import re
import signal

import pytest

from clientsupport import cli  # noqa: F401
from support import shell
from terminal import Terminal

# pylint: disable=redefined-outer-name

KIND = 'screen'
KEYS = 'q quit'


@pytest.fixture
def open_top(cli):
    """Opens top on a terminal, with only what this test enqueued on the screen where a filter says so."""
    opened = []

    def make(columns=80, lines=24, filtered='', **environment):
        cli.environment |= {'TERM': 'linux', 'LC_ALL': 'C.UTF-8', 'TZ': 'UTC', **environment}
        opened.append(Terminal(cli.command('top'), columns, lines))
        terminal = opened[-1]
        terminal.until_line(KEYS[:columns])
        terminal.until_gone('Loading')
        if filtered:
            terminal.press(f'/{filtered}\r')
            terminal.until_line(KEYS[:columns])
        return terminal

    yield make
    for terminal in opened:
        terminal.close()


@pytest.fixture
def held(jobs, gate):
    """A job that runs until the gate is opened."""
    job = jobs.enqueue(gate.job(before='systemd-notify --status="3 of 8 files"'), Kind=KIND, Label='the world')
    gate.wait()
    return job


# --- what is shown --------------------------------------------------------------------------------

def test_screen_of_80_columns_and_24_lines(open_top, jobs, held):
    terminal = open_top(filtered=KIND)
    line = terminal.until_line(held, 'running', '%', '[3 of 8 files]')
    assert re.search(r'\d+% +[\d.]+[BKMG] +\d+(ms|s) ', line), line
    lines = terminal.lines()
    assert len(lines) == 24 and all(len(line) <= 80 for line in lines)
    assert re.match(rf'\d+ running, \d+ queued, \d+ finished, filter: {KIND}$', lines[0])
    assert lines[1].split()[:2] == ['ID', 'STATE'] and lines[1].split()[-1] == 'WHAT'
    assert lines[-1].startswith(KEYS)
    assert 'the world: running for' in lines[-2]


def test_what_happens_is_shown_when_it_happens(open_top, jobs, held, gate):
    terminal = open_top(filtered=KIND)
    terminal.until_line(held, 'running')
    failed = jobs.enqueue(shell('exit 3'), Kind=KIND, Label='broken')
    terminal.until_line(failed, 'failed', 'exit 3', 'broken')
    gate.open()
    terminal.until_line(held, 'completed')
    # Those that ended, the newest first.
    shown = terminal.text()
    assert shown.index(held) < shown.index(failed)


def test_progress_is_shown_when_it_is_told(open_top, jobs, pipe):
    steps = pipe('steps')
    job = jobs.enqueue(shell('while read -r step; do systemd-notify --status="$step"; done <"$1"', steps), Kind=KIND)
    terminal = open_top(filtered=KIND)
    for step in ('1 of 3', '2 of 3', '3 of 3'):
        steps.write(f'{step}\n')
        terminal.until_line(job, f'[{step}]')


def test_queued_jobs_are_shown(open_top, jobs, held, settings, gate):
    settings(MaxRunning=1)
    waiting = jobs.enqueue(['true'], Kind=KIND)
    terminal = open_top(filtered=KIND)
    terminal.until_line(waiting, 'queued')
    assert terminal.text().index(held) < terminal.text().index(waiting)
    gate.open()
    terminal.until_line(waiting, 'completed')


def test_why_a_job_waits_is_shown(open_top, jobs, held):
    job = jobs.enqueue(['true'], Kind=KIND, After=[(held, 'ok')])
    terminal = open_top(columns=120, filtered=KIND)
    terminal.until_line(job, f'[waits for {held} to complete]')
    jobs.call('Hold', 's', job)
    terminal.until_line(job, '[held]')


@pytest.mark.parametrize('columns, lines', [(20, 5), (1, 1), (300, 3), (7, 2), (200, 60)])
def test_any_size(open_top, held, columns, lines):
    terminal = open_top(filtered=KIND)
    terminal.until_line(held)
    terminal.resize(columns, lines)
    terminal.press('?')  # answered when the new size is known
    terminal.press('x')
    terminal.until(lambda: terminal.lines()[-1] == KEYS[:columns] or terminal.lines()[-1].startswith(KEYS))
    terminal.resize(80, 24)
    terminal.until_line(held, 'running')
    terminal.press('q')
    assert terminal.end() == 0


def test_small_from_the_beginning(open_top, held):
    terminal = open_top(columns=20, lines=5, filtered=KIND)
    assert terminal.until_line(held[:16])
    terminal.press('q')
    assert terminal.end() == 0


LABEL = 'ä 世界 \033[31mred\033]0;title\a\u009b1m\r\n\u202eend'


def test_labels_are_text(open_top, jobs):
    job = jobs.enqueue(['true'], Kind=KIND, Label=LABEL)
    terminal = open_top(columns=160, filtered=job)
    terminal.until_line(job, "ä 世", "[31mred ]0;title", "end")
    assert terminal.screen.title == ''
    assert b'\033[31mred' not in terminal.raw and '\u202e'.encode() not in terminal.raw


def test_ascii(open_top, jobs):
    job = jobs.enqueue(['true'], Kind=KIND, Label='ä 世界 end')
    terminal = open_top(columns=160, filtered=job, LC_ALL='C')
    terminal.until_line(job, '? ?? end')
    terminal.press('q')
    assert terminal.end() == 0
    assert terminal.raw.isascii()


COLOR = re.compile(rb'\033\[(?:[0-9]+;)*3[1-6]m')


def test_color(open_top, jobs):
    job = jobs.enqueue(['false'], Kind=KIND)
    jobs.wait(job)
    terminal = open_top(filtered=job)
    terminal.until_line(job, 'failed')
    assert COLOR.search(terminal.raw)
    line = next(number for number, line in enumerate(terminal.lines()) if job in line and 'failed' in line)
    assert terminal.screen.buffer[line][terminal.lines()[line].index('failed')].fg == 'red'


def test_no_color(open_top, jobs):
    job = jobs.enqueue(['false'], Kind=KIND)
    terminal = open_top(filtered=job, NO_COLOR='1')
    terminal.until_line(job, 'failed')
    terminal.press('q')
    assert terminal.end() == 0
    assert not COLOR.search(terminal.raw)


# --- keys -----------------------------------------------------------------------------------------

def test_quit_gives_the_terminal_back(open_top):
    terminal = open_top(TERM='xterm')
    assert b'\033[?1049h' in terminal.raw and not terminal.is_restored()
    terminal.press('q')
    assert terminal.end() == 0
    assert terminal.is_restored()
    assert b'\033[?1049l' in terminal.raw.split(b'\033[?1049h')[1]


@pytest.mark.parametrize('number', [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, signal.SIGSEGV,
                                    signal.SIGABRT])
def test_a_signal_gives_the_terminal_back(open_top, number):
    terminal = open_top(TERM='xterm')
    terminal.process.kill(number)
    # A sanitizer has an exit status of its own.
    assert terminal.end() in (128 + number, -number) or number == signal.SIGSEGV and terminal.status > 0
    assert terminal.is_restored()
    assert b'\033[?1049l' in terminal.raw


def test_cancel(open_top, jobs, held):
    terminal = open_top(filtered=KIND)
    terminal.until_line(held, 'running')
    terminal.press('gc')
    terminal.until_line(f'Cancel {held}? y/n')
    terminal.press('n')
    terminal.until_line(KEYS)
    assert jobs.get(held)['State'] == 'running'
    terminal.press('cy')
    terminal.until_line(held, 'cancelled', 'the world')
    assert jobs.get(held)['State'] == 'cancelled'
    terminal.press('c')
    terminal.until_line('has already finished')


def test_retry(open_top, jobs):
    job = jobs.enqueue(shell('exit 3'), Kind=KIND, Label='tried twice')
    jobs.wait(job)
    terminal = open_top(filtered='tried twice')
    terminal.until_line(job, 'failed')
    terminal.press('r')
    told = terminal.until_line('Submitted ')
    assert job in told
    other = told.split()[1].rstrip(',')
    assert other != job
    terminal.until_line(other, 'failed', 'exit 3', 'tried twice')
    assert jobs.get(other)['RetryOf'] == job


def test_retry_without_what_it_read(open_top, jobs):
    with os.fdopen(os.memfd_create('input'), 'rb') as file:
        job = jobs.enqueue(['cat'], Kind=KIND, Label='reader', Stdin=file)
    jobs.wait(job)
    terminal = open_top(filtered='reader')
    terminal.until_line(job, 'completed')
    terminal.press('r')
    terminal.until_line(f'The standard input of job {job} was not kept')


def test_a_job_that_runs_is_not_tried_again(open_top, held):
    terminal = open_top(filtered=KIND)
    terminal.until_line(held, 'running')
    terminal.press('gr')
    terminal.until_line('has not finished')


def test_hold_and_release(open_top, jobs):
    job = jobs.enqueue(['true'], Kind=KIND, Hold=True)
    terminal = open_top(filtered=job)
    terminal.until_line(job, '[held]')
    terminal.press('H')
    terminal.until_line(job, 'completed')
    terminal.press('H')
    terminal.until_line('is not queued')


def test_priority(open_top, jobs):
    """Keys are counted, however fast they are; the job stays selected, wherever it gets."""
    first, second = (jobs.enqueue(['true'], Kind=KIND, Hold=True) for _ in range(2))
    terminal = open_top(filtered=KIND)
    terminal.until(lambda: terminal.line(second) and terminal.text().index(first) < terminal.text().index(second))
    terminal.press('---')
    terminal.until_line(f'{first} has priority -3')
    terminal.until(lambda: terminal.text().index(second) < terminal.text().index(first))
    assert (jobs.get(first)['Priority'], jobs.get(second)['Priority']) == (-3, 0)
    terminal.press('+')
    terminal.until_line(f'{first} has priority -2')
    assert terminal.line('(priority -2)', 'queued for', 'held')
    jobs.call('Edit', 'sa{sv}', first, {'Priority': ('i', 1000)})
    terminal.until_line('(priority 1000)')
    terminal.press('+')
    terminal.until_line('from -1000 to 1000')
    for job in (first, second):
        jobs.call('Cancel', 's', job)
    terminal.until_line(first, 'cancelled')
    terminal.press('-')
    terminal.until_line('is not queued')


def test_pause_and_resume(open_top, jobs):
    terminal = open_top(filtered=KIND)
    try:
        terminal.press('p')
        terminal.until_line('finished, PAUSED')
        waiting = jobs.enqueue(['true'], Kind=KIND)
        terminal.until_line(waiting, 'queued')
        # Another terminal knows it, too.
        assert open_top(filtered=KIND).until_line('finished, PAUSED')
        terminal.press('p')
        terminal.until_line(waiting, 'completed')
        terminal.until_gone('PAUSED')
    finally:
        jobs.call('Resume')


def test_filter(open_top, jobs):
    apples = jobs.enqueue(['true'], Kind=KIND, Label='apples and pears')
    plums = jobs.enqueue(['true'], Kind=KIND, Label='plums')
    terminal = open_top()
    terminal.until_line(apples, 'completed')
    terminal.until_line(plums, 'completed')
    terminal.press('/PLX\x7fUMS')
    terminal.until_line('/PLUMS_')
    terminal.until_gone(apples)
    terminal.press('\r')
    terminal.until_line('filter: PLUMS')
    assert terminal.line(plums, 'completed')
    terminal.press('/\x15no such text\r')
    terminal.until_line('No matching jobs')
    terminal.press('\x1b')
    terminal.until_gone('filter:')
    terminal.press('g')  # what was selected last, as the first that has "n" in it, may be on another page
    terminal.until_line(apples)


def test_moving(open_top, jobs):
    for number in range(9):
        jobs.run(['true'], Kind=KIND, Label=f'number {number}')
    terminal = open_top(lines=8, filtered='number')
    for keys, number in [('G', 0), ('\x1b[A', 1), ('k', 2), ('g', 8), ('\x1b[B', 7), ('j', 6), ('\x1b[4~', 0),
                         ('\x1b[1~', 8), ('k', 8)]:
        terminal.press(keys)
        terminal.until_line(f'number {number}: completed')


def test_log(open_top, jobs):
    job = jobs.enqueue(shell('echo the first line'), Kind=KIND, Label='short')
    jobs.wait(job)
    terminal = open_top(filtered='short')
    terminal.press('\r')
    terminal.until(lambda: 'the first line' in terminal.lines() and terminal.line('Enter to return'))
    for back in ('\r', 'q'):
        terminal.press(back)
        terminal.until(lambda: 'the first line' not in terminal.lines())
        terminal.until_line(KEYS)
        terminal.press('l')
        terminal.until_line('q or Enter to return')


def test_log_of_a_job_that_runs(open_top, jobs, gate):
    job = jobs.enqueue(gate.job(before='echo the first line'), Kind=KIND, Label='long')
    gate.wait()
    terminal = open_top(filtered='long')
    terminal.press('l')
    terminal.until(lambda: 'the first line' in terminal.lines())
    terminal.press('\x03')
    terminal.until(lambda: 'the first line' not in terminal.lines())  # the keys are on the screen from before
    terminal.until_line(KEYS)
    terminal.press('l')
    terminal.until(lambda: 'the first line' in terminal.lines())
    terminal.press('q')
    terminal.until(lambda: 'the first line' not in terminal.lines())
    terminal.until_line(KEYS)
    terminal.until_line(job, 'running')
    terminal.press('q')
    assert terminal.end() == 0 and terminal.is_restored()
    assert jobs.get(job)['State'] == 'running'


def test_end_while_the_log_is_shown(open_top, jobs, gate):
    job = jobs.enqueue(gate.job(before='echo the first line'), Kind=KIND, Label='held log')
    gate.wait()
    terminal = open_top(filtered='held log')
    terminal.press('l')
    terminal.until(lambda: 'the first line' in terminal.lines())
    terminal.process.kill(signal.SIGTERM)
    assert terminal.end() == 143 and terminal.is_restored()
    assert jobs.get(job)['State'] == 'running'


def test_help(open_top):
    terminal = open_top()
    terminal.press('?')
    terminal.until_line('Page Up')
    terminal.press(' ')
    terminal.until_line('WHAT')


# --- restarts -------------------------------------------------------------------------------------

@pytest.mark.restarts
def test_restart_of_the_service(open_top, scope, jobs, held, gate):
    terminal = open_top(filtered=KIND)
    terminal.until_line(held, 'running')
    scope.kill_service()
    terminal.until_line('reconnecting')
    gate.open()
    terminal.until_line(held, 'completed')
    assert not terminal.line('reconnecting')


# --- no terminal ----------------------------------------------------------------------------------

def test_not_a_terminal(cli):
    assert 'codex-jobs status' in cli.refused('top')
    assert 'codex-jobs status' in cli.refused('top', '--json')
    assert 'no arguments' in cli.refused('top', 'job-0123456789')


@pytest.mark.parametrize('name', ['dumb', 'no-such-terminal', ''])
def test_terminal_that_cannot_be_drawn_on(cli, name):
    cli.environment['TERM'] = name
    terminal = Terminal(cli.command('top'))
    assert terminal.end() == 125
    assert terminal.is_restored()
    assert 'codex-jobs status --watch' in ''.join(terminal.lines())
    terminal.close()
