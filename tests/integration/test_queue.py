# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: 2026 The Codex Jobs authors
"""The queue: first in, first out, at most MaxRunning at a time; and the configuration."""

import os

import pytest

from support import shell


def test_first_in_first_out(jobs, settings, pipe, gate):
    settings(MaxRunning=1)
    order = pipe('order')
    ids = [jobs.enqueue(gate.job())]
    ids += [jobs.enqueue(shell('echo "$1" >"$2"', number, order)) for number in range(10)]
    gate.open()
    assert [order.line() for _ in range(10)] == [str(number) for number in range(10)]
    assert [jobs.wait(job).job['Sequence'] for job in ids] == sorted(jobs.get(job)['Sequence'] for job in ids)


def test_order_of_calls_is_the_order_of_jobs(connect, jobs, settings, gate):
    """Also of those that a new connection sends before the service has learned whose it is, and what he
    may do."""
    settings(MaxRunning=1)
    jobs.enqueue(gate.job())
    gate.wait()
    for _ in range(2):
        client = connect()
        calls = [client.send_enqueue(['true']) for _ in range(100)]
        client.enqueued = [client.answer(call)[0] for call in calls]
        assert jobs.list_ids(Limit=100) == client.enqueued[::-1]


def test_at_most_max_running_at_a_time(jobs, settings, new_gate):
    settings(MaxRunning=2)
    gates = [new_gate() for _ in range(5)]
    ids = [jobs.enqueue(gate.job()) for gate in gates]

    def states():
        return [jobs.get(job)['State'] for job in ids]

    gates[0].wait(), gates[1].wait()
    assert states() == ['running', 'running', 'queued', 'queued', 'queued']
    gates[1].open()
    gates[2].wait()
    assert states() == ['running', 'completed', 'running', 'queued', 'queued']
    gates[0].open()
    gates[3].wait()
    assert states() == ['completed', 'completed', 'running', 'running', 'queued']
    for gate in gates[2:]:
        gate.open()
    assert [jobs.wait(job).state for job in ids] == ['completed'] * 5


def test_reload_that_raises_it_starts_the_rest(jobs, scope, settings, gate):
    settings(MaxRunning=1)
    ids = [jobs.enqueue(gate.job()) for _ in range(6)]
    gate.wait()
    assert jobs.property('Queued') == 5
    scope.configure(MaxRunning=20)
    scope.systemctl('reload', scope.service)
    for _ in range(5):
        gate.wait()
    assert (jobs.property('Queued'), jobs.property('Running')) == (0, 6)
    gate.open(6)
    assert [jobs.wait(job).state for job in ids] == ['completed'] * 6


def test_reload_that_lowers_it_ends_nothing(jobs, settings, new_gate):
    settings(MaxRunning=3)
    gates = [new_gate() for _ in range(3)]
    ids = [jobs.enqueue(gate.job()) for gate in gates]
    for gate in gates:
        gate.wait()
    settings(MaxRunning=1)
    last = jobs.enqueue(['true'])
    assert (jobs.property('Queued'), jobs.property('Running')) == (1, 3)
    for number, left in ((0, 2), (1, 1)):
        gates[number].open()
        assert jobs.wait(ids[number]).state == 'completed'
        assert (jobs.property('Queued'), jobs.property('Running')) == (1, left)
    gates[2].open()
    assert jobs.wait(last).state == 'completed'


def test_slot_is_free_when_await_returns(jobs, settings):
    settings(MaxRunning=1)
    for command in ('true', 'false', 'no-such-command'):
        jobs.run([command])
        assert jobs.property('Running') == 0


def test_slot_of_a_cancelled_job_is_free(jobs, settings, gate):
    settings(MaxRunning=1)
    held = jobs.enqueue(gate.job())
    gate.wait()
    job = jobs.enqueue(['true'])
    jobs.cancel(held)
    assert jobs.wait(job).state == 'completed'


def test_hundred_jobs_at_once(jobs, settings):
    settings(MaxRunning=4)
    calls = [jobs.send_enqueue(shell(f'exit {number % 2}')) for number in range(100)]
    ids = [jobs.answer(call)[0] for call in calls]
    assert len(set(ids)) == 100
    waits = [jobs.send_wait(job) for job in ids]
    assert [jobs.wait_answer(wait).exit_code for wait in waits] == [0, 1] * 50


# --- the configuration ----------------------------------------------------------------------------

def test_limits_in_force_when_a_job_was_accepted_hold(jobs, settings, gate):
    settings(OutputMax='1K')
    job = jobs.enqueue(gate.job(then='yes'))
    gate.wait()
    settings(OutputMax='infinity')
    gate.open()
    assert jobs.wait(job).job['Reason'] == 'output-limit'


@pytest.mark.parametrize('name, value', [
    ('MaxRunning', '0'), ('MaxRunning', '-1'), ('MaxRunning', 'many'), ('MaxRunning', ''), ('MaxRunning', '9' * 30),
    ('StopTimeoutSec', 'soon'), ('OutputMax', '1X'), ('RuntimeMaxSec', '1ms'), ('NoSuchSetting', '1')])
def test_bad_setting_is_passed_over(jobs, settings, name, value):
    settings(**{name: value})
    assert jobs.property('MaxRunning') == 16
    assert jobs.run(['true']).state == 'completed'


def test_good_settings_among_bad_lines_hold(jobs, scope, settings):
    settings(Nonsense='x', MaxRunning='7')
    assert jobs.property('MaxRunning') == 7
    with open(scope.config, 'wb') as file:
        file.write(b'# comment\n; comment\nMaxRunning=1\n[Other]\nMaxRunning=2\n[Jobs]\nwithout equals\n'
                   b'\xff\xfe=\x00\nMaxRunning=5\n')
    scope.reload(jobs)
    assert jobs.property('MaxRunning') == 5


def test_configuration_that_goes_away_gives_the_defaults(jobs, scope, settings):
    settings(MaxRunning=7)
    os.unlink(scope.config)
    scope.reload(jobs)
    assert jobs.property('MaxRunning') == 16


def test_reload_while_jobs_end(jobs, settings):
    settings(MaxRunning=2)
    ids = [jobs.enqueue(['true']) for _ in range(20)]
    for number in range(3):
        settings(MaxRunning=2 + number)
    assert [jobs.wait(job).state for job in ids] == ['completed'] * 20
