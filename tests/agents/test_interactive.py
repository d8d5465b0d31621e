# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: 2026 The Codex Jobs authors
"""Claude Code on a terminal: a result comes back as a notice of the client, however the session was left and taken up
again meanwhile."""

import re

import pytest

from messages import bash, call, say

pytestmark = pytest.mark.usefixtures('claude_program')

ANSWER = 'The work is done.'
TASK = "codex-jobs task --background --await - <<'PROMPT'\nfake:gate Find it.\nPROMPT"


def read_output(turn):
    """What a model does with the notice that a command has completed."""
    return call('Read', file_path=re.findall(r'/\S+?\.output', turn.text)[-1])


class Session:
    """Claude Code on a terminal. Codex waits at a gate until the test opens it."""

    def __init__(self, claude, *options):
        self.claude, self.home, self.model = claude, claude.home, claude.model
        self.gate = f'{self.home.project}/gate'
        self.terminal = claude.terminal(*options, FAKE_CODEX_GATE=self.gate)

    def ask(self, text, words='❯'):
        """Types it when the client is ready to be typed to."""
        self.terminal.until_line(words)
        self.terminal.press(text)
        self.terminal.until_line(text[:40])
        self.terminal.press('\r')

    def answer(self, words):
        """Until the model has said so, on the screen."""
        self.terminal.until_line(words)

    def leave(self):
        """What runs in the background ends with it, which newer ones ask about."""
        self.ask('/exit')
        self.terminal.until(lambda: self.terminal.process.has_ended() or self.terminal.line('Enter to confirm') or
                            self.terminal.line('Resume this session'))
        if self.terminal.line('Enter to confirm'):
            self.terminal.press('\r')
        assert self.terminal.end() == 0

    def close(self):
        self.terminal.close()


@pytest.fixture
def session(claude):
    claude.home.shell('mkfifo gate')
    session = Session(claude, '--permission-mode', 'default')
    yield session
    session.close()


def open_gate(session):
    with open(session.gate, 'wb'):
        pass


def test_rescue_ends_with_a_notice_and_the_answer(session):
    session.model.does(bash(TASK, run_in_background=True), say('It runs now.'), read_output,
                       lambda turn: say(f'Codex says: {ANSWER}' if ANSWER in turn.results[-1][0] else 'Nothing.'))
    session.ask('/codex-jobs:rescue find it')
    session.answer('It runs now.')
    open_gate(session)
    session.answer('Codex says:')
    turns = session.model.turns
    assert len(turns) == 4
    assert 'run_in_background: true' in turns[0].last and 'foreground' not in turns[0].last.split('<request>')[1]
    assert '<task-notification>' in turns[2].last and 'completed' in turns[2].last
    assert len(session.home.calls()) == 1


def resume(claude, session_id, prompt='hello'):
    """The first request of the session when it is taken up again: what the hook tells in it."""
    claude.model.does(say('Back.'))
    end = claude.print(prompt, '--resume', session_id)
    assert end['session_id'] == session_id
    return claude.model.turns[0].last


def session_of(alice, job):
    return alice.get(job)['Session']


def running_job(alice):
    job, = alice.list_ids(State=['running', 'queued'])
    return job


def hand_over(session, alice):
    session.model.does(bash(TASK, run_in_background=True), say('It runs now.'))
    session.ask('/codex-jobs:rescue find it')
    session.answer('It runs now.')
    return running_job(alice)


def test_session_that_was_left_hears_of_the_end_when_it_resumes(claude, session, alice):
    job = hand_over(session, alice)
    session.leave()
    assert alice.get(job)['State'] == 'running'
    open_gate(session)
    alice.wait(job)
    told = resume(claude, session_of(alice, job))
    assert re.search(rf'Of this session, ended since.*\n- {job} completed', told), told[-3000:]
    assert job not in resume(claude, session_of(alice, job))


def test_result_that_was_shown_is_not_told_again(claude, session, alice):
    job = hand_over(session, alice)
    session.model.does(read_output, say('Shown.'))
    open_gate(session)
    session.answer('Shown.')
    session.leave()
    assert alice.get(job)['State'] == 'completed'
    assert 'Codex Jobs, this workspace' not in resume(claude, session_of(alice, job))


def test_compacted_session_hears_what_is_active(claude, session, alice):
    job = hand_over(session, alice)
    session.model.does(say('<summary>A task was handed over.</summary>'), say('Still here.'))
    session.ask('/compact')
    session.answer('Compacted')
    session.ask('and now?')
    session.answer('Still here.')
    assert re.search(rf'Of this session, active.*\n- {job} running', session.model.turns[-1].text)
    open_gate(session)
    alice.wait(job)


def test_two_sessions_in_one_workspace(claude, session, alice):
    """The other hears of the job as that of another session; its own commands leave it alone."""
    job = hand_over(session, alice)
    claude.model.does(say('done'))
    claude.print('/codex-jobs:cancel')
    turn, = claude.model.turns
    assert f'Of other sessions, active:\n- {job} running' in turn.text
    assert 'this session' in turn.last and alice.get(job)['State'] == 'running'
    session.model.does(read_output, say('Shown.'))
    open_gate(session)
    session.answer('Shown.')


def test_other_jobs_are_asked_for_while_a_command_is_in_force(session):
    session.model.does(bash('codex-jobs run -- touch escaped'), say('done'))
    session.ask('/codex-jobs:status')
    session.terminal.until_line('Do you want to proceed?')
    assert session.terminal.line('codex-jobs run -- touch escaped')
