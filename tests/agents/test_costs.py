# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: 2026 The Codex Jobs authors
"""What it costs an agent to hand work over and have the result in its context: requests to the model and the bytes of
them, printed. Nothing polls, so that the number of requests does not depend on how long the work takes."""

import pytest

from messages import bash, say
from test_claude import TASK, delegating
from test_interactive import Session, open_gate, read_output

pytestmark = pytest.mark.usefixtures('claude_program')

ANSWER = 'The work is done.'


@pytest.fixture
def report(capsys):
    """Prints a line, also where all is well."""
    def line(way, sizes, limit):
        with capsys.disabled():
            print(f'\n{way}: {len(sizes)} requests, {sum(sizes) // 1024} KiB')
        assert len(sizes) <= limit
    return line


def repeat(turn):
    return say(turn.results[-1][0])


def test_interactive(claude, report):
    claude.home.shell('mkfifo gate')
    session = Session(claude, '--permission-mode', 'default')
    claude.model.does(bash(TASK.replace('Find it', 'fake:gate'), run_in_background=True), say('It runs now.'),
                      read_output, lambda turn: say(f'Codex says: {turn.results[-1][0][-100:]}'))
    session.ask('/codex-jobs:rescue find it')
    session.answer('It runs now.')
    open_gate(session)
    session.answer('Codex says:')
    session.leave()
    session.close()
    report('Claude Code, interactive', [turn.size for turn in claude.model.turns], 4)


def test_print(claude, report):
    claude.model.does(bash(TASK, timeout=600000), repeat)
    assert ANSWER in claude.print('/codex-jobs:rescue find it')['result']
    report('Claude Code, print mode', [turn.size for turn in claude.model.turns], 2)


def test_subagent(claude, report):
    claude.model.does()
    claude.model.play = delegating(bash(TASK, timeout=600000))
    claude.print('use the rescue agent', '--allowedTools', 'Bash(codex-jobs task:*)', 'Agent')
    report('Claude Code, subagent', [turn.size for turn in claude.model.turns], 6)


def test_status(claude, report):
    claude.model.does(say('Shown.'))
    claude.print('/codex-jobs:status')
    report('Claude Code, status', [turn.size for turn in claude.model.turns], 1)
