# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: 2026 The Codex Jobs authors
"""Pause, Resume and GetQueue: a user's own queue."""

import pytest

from support import plain


def queue(jobs):
    return plain(jobs.call('GetQueue')[0])


@pytest.fixture
def paused(jobs):
    jobs.call('Pause')
    yield jobs
    jobs.call('Resume')


def test_nothing_starts_until_it_goes_on(paused, gate):
    assert queue(paused)['Paused'] is True
    first, second = paused.enqueue(gate.job()), paused.enqueue(['true'])
    paused.flush()
    assert [paused.get(job)['State'] for job in (first, second)] == ['queued', 'queued']
    assert (queue(paused)['Queued'], queue(paused)['Running']) == (2, 0)
    paused.call('Resume')
    gate.wait()
    assert paused.wait(second).state == 'completed'
    assert (queue(paused)['Queued'], queue(paused)['Running'], queue(paused)['Paused']) == (0, 1, False)
    gate.open()
    assert paused.wait(first).state == 'completed'


def test_what_runs_goes_on(jobs, gate):
    job = jobs.enqueue(gate.job())
    gate.wait()
    jobs.call('Pause')
    gate.open()
    assert jobs.wait(job).state == 'completed'
    jobs.call('Resume')


def test_a_queued_job_can_be_cancelled(paused):
    job = paused.enqueue(['true'])
    assert paused.cancel(job) == 'cancelled'
    assert queue(paused)['Queued'] == 0


def test_twice_is_as_once(jobs):
    for member in ('Pause', 'Pause', 'Resume', 'Resume'):
        jobs.call(member)
        assert queue(jobs)['Paused'] is (member == 'Pause')
    assert jobs.run(['true']).state == 'completed'


@pytest.mark.restarts
@pytest.mark.parametrize('crash', [True, False], ids=['crash', 'stop'])
def test_outlives_the_service(paused, scope, crash):
    job = paused.enqueue(['true'])
    if crash:
        scope.kill_service()
    else:
        scope.systemctl('restart', scope.service)
    assert queue(paused)['Paused'] is True
    assert paused.get(job)['State'] == 'queued'
    paused.call('Resume')
    assert paused.wait(job).state == 'completed'


def test_others_are_not_concerned(alice, bob, root):
    alice.call('Pause')
    try:
        waiting = alice.enqueue(['true'])
        for other in (bob, root):
            assert queue(other)['Paused'] is False
            assert other.run(['true']).state == 'completed'
            other.call('Resume')
        assert alice.get(waiting)['State'] == 'queued'
    finally:
        alice.call('Resume')
    assert alice.wait(waiting).state == 'completed'


def test_limits_of_the_configuration(jobs, settings):
    settings(MaxRunning=3, MaxQueuedPerUser=9)
    assert (queue(jobs)['MaxRunning'], queue(jobs)['MaxQueued']) == (3, 9)
    settings(MaxRunning=7, MaxRunningPerUser=3)
    assert queue(jobs)['MaxRunning'] == 3
