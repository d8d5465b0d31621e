# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: 2026 The Codex Jobs authors
"""Cancel: answered when the job is terminal and every process of it is gone."""

import contextlib
import os
import signal
import subprocess

import pytest

from support import SECOND, Process, disk_busy, refused, shell

# Four processes that systemd has to find: the command; a child in its own session; one whose parents
# are gone, which ignores the end of a session; and one that belongs to a second shell.
TREE = '''
setsid sh -c 'echo $$ >"$0"; while :; do sleep 1000; done' "$1" &
( setsid sh -c 'trap "" HUP; echo $$ >"$0"; sleep infinity' "$1" & ) &
sh -c 'sh -c "echo \\$\\$ >$0; exec sleep infinity"' "$1" &
'''
TREE_SIZE = 4


@contextlib.contextmanager
def tree(jobs, gate, before=''):
    job = jobs.enqueue(gate.job(before=before + TREE))
    with contextlib.ExitStack() as stack:
        yield job, [stack.enter_context(Process(gate.wait())) for _ in range(TREE_SIZE)]


def is_cancelled(jobs, job, uid):
    found = jobs.get(job)
    assert (found['State'], found['Reason'], found['ExitCode']) == ('cancelled', 'user', 143)
    assert found['StoppedBy'] == uid
    assert jobs.wait(job, 0)[:2] == ('cancelled', 143)


def test_cancel_ends_the_whole_tree(jobs, scope, gate):
    with tree(jobs, gate) as (job, processes):
        assert not any(process.has_ended() for process in processes)
        assert jobs.cancel(job) == 'cancelled'
        assert all(process.has_ended() for process in processes)
    is_cancelled(jobs, job, scope.uid)


def test_tree_that_ignores_sigterm_is_killed(jobs, scope, settings, gate):
    settings(StopTimeoutSec='1s')
    with tree(jobs, gate, before='trap "" TERM') as (job, processes):
        assert jobs.cancel(job) == 'cancelled'
        assert all(process.has_ended() for process in processes)
    is_cancelled(jobs, job, scope.uid)
    found = jobs.get(job)
    assert found['FinishedUSec'] - found['StartedUSec'] >= SECOND


def test_command_may_end_in_order(jobs, scope, gate):
    """A job has the time of StopTimeoutSec= to say its last words; it is cancelled all the same."""
    script = 'trap "echo last words; exit 0" TERM; sleep infinity & echo $$ >"$1"; wait'
    job = jobs.enqueue(shell(script, gate.ready))
    gate.wait()
    assert jobs.cancel(job) == 'cancelled'
    assert jobs.output(job) == b'last words\n'
    is_cancelled(jobs, job, scope.uid)


def test_stop_timeout_0_kills_at_once(jobs, scope, settings, gate):
    settings(StopTimeoutSec='0')
    job = jobs.enqueue(gate.job(before='trap "" TERM'))
    with Process(gate.wait()) as process:
        scope.systemctl('daemon-reload')
        assert scope.unit_property(jobs.get(job)['Unit'], 'TimeoutStopUSec') != 'infinity'
        assert jobs.cancel(job) == 'cancelled'
        assert process.has_ended()
    is_cancelled(jobs, job, scope.uid)


def test_cancel_of_a_queued_job(jobs, scope, settings, gate):
    settings(MaxRunning=1)
    jobs.enqueue(gate.job())
    job = jobs.enqueue(shell('echo ran'))
    assert jobs.cancel(job) == 'cancelled'
    is_cancelled(jobs, job, scope.uid)
    assert jobs.get(job)['StartedUSec'] == 0
    assert jobs.output(job) == b''
    assert jobs.property('Queued') == 0


def test_cancel_in_the_middle_of_the_queue(jobs, settings, gate):
    settings(MaxRunning=1)
    jobs.enqueue(gate.job())
    ids = [jobs.enqueue(['echo', str(number)]) for number in range(3)]
    jobs.cancel(ids[1])
    gate.open()
    assert [jobs.wait(job).state for job in ids] == ['completed', 'cancelled', 'completed']


def test_cancel_right_behind_enqueue(jobs, scope):
    for _ in range(30):
        job = jobs.enqueue(['sleep', 'infinity'])
        assert jobs.cancel(job) == 'cancelled'
        is_cancelled(jobs, job, scope.uid)


def test_cancel_of_what_ends_right_then(jobs, gate):
    """Either came first, and both tell the same."""
    for _ in range(20):
        job = jobs.enqueue(gate.job())
        gate.wait()
        gate.open()
        state = jobs.cancel(job)
        assert state in ('completed', 'cancelled')
        assert jobs.get(job)['State'] == state


def manager_of(scope):
    if scope.is_system:
        pytest.skip('the service manager is the first process, which nobody can halt')
    return int(subprocess.check_output(['systemctl', 'show', '--value', '-p', 'MainPID', f'user@{scope.uid}.service']))


def cancel_and_crash(jobs, scope, job, then):
    """The service is killed before it has recorded why the job is stopped."""
    with disk_busy(scope):
        jobs.send_cancel(job)
        assert jobs.get(job)['StoppedBy'] == scope.uid
        then()
        owner = scope.service_owner()
        os.kill(scope.service_pid(), signal.SIGKILL)
        scope.wait_until_gone(owner)
    found = jobs.get(job)
    assert found['State'] == 'running' and 'StoppedBy' not in found


@pytest.mark.restarts
def test_reason_is_recorded_before_the_job_is_stopped(jobs, scope, gate):
    """It would else have ended for none, and by a signal that nobody sent."""
    job = jobs.enqueue(gate.job())
    gate.wait()
    cancel_and_crash(jobs, scope, job, lambda: None)
    gate.open()
    assert jobs.wait(job).state == 'completed'


@pytest.mark.restarts
def test_reason_is_recorded_before_a_job_that_starts_is_stopped(jobs, scope, gate):
    with Process(manager_of(scope)) as manager:
        manager.kill(signal.SIGSTOP)
        try:
            job = jobs.enqueue(gate.job())

            def start():
                manager.kill(signal.SIGCONT)
                gate.wait()

            cancel_and_crash(jobs, scope, job, start)
        finally:
            manager.kill(signal.SIGCONT)
    gate.open()
    assert jobs.wait(job).state == 'completed'


@pytest.mark.restarts
@pytest.mark.parametrize('restart', [False, True], ids=['', 'restart'])
def test_cancel_of_what_has_just_ended(jobs, scope, gate, restart):
    """The command exits while the request to end it is on its way to the service manager."""
    manager = manager_of(scope)
    job = jobs.enqueue(gate.job())
    with Process(gate.wait()) as process, Process(manager) as service_manager:
        if restart:
            scope.kill_service()
            jobs.flush()
        service_manager.kill(signal.SIGSTOP)
        try:
            cancel = jobs.send_cancel(job)
            assert jobs.get(job)['StoppedBy'] == scope.uid
            jobs.get(job)  # by now that is recorded, and the service manager is asked
            gate.open()
            assert process.wait_end()
        finally:
            service_manager.kill(signal.SIGCONT)
    assert jobs.answer(cancel) == ('completed',)
    found = jobs.get(job)
    assert (found['State'], found['Reason'], found['ExitCode'], found['Signal']) == ('completed', '', 0, 0)
    assert 'StoppedBy' not in found


def test_cancel_of_a_job_that_has_ended(jobs):
    for command, state in (('true', 'completed'), ('false', 'failed')):
        job = jobs.enqueue([command])
        before = jobs.wait(job).job
        assert jobs.cancel(job) == state
        assert jobs.get(job) == before


def test_cancel_twice(jobs, gate):
    job = jobs.enqueue(gate.job())
    gate.wait()
    assert jobs.cancel(job) == 'cancelled'
    before = jobs.get(job)
    assert jobs.cancel(job) == 'cancelled'
    assert jobs.get(job) == before


def test_cancel_by_several_at_once(jobs, connect, gate):
    job = jobs.enqueue(gate.job())
    gate.wait()
    calls = [(client, client.send_cancel(job)) for client in (jobs, connect(), connect()) for _ in range(5)]
    assert {client.answer(serial) for client, serial in calls} == {('cancelled',)}


def test_cancel_answers_those_who_wait(jobs, connect, gate):
    job = jobs.enqueue(gate.job())
    gate.wait()
    other = connect()
    waiting = other.send_wait(job)
    other.flush()
    jobs.cancel(job)
    assert other.wait_answer(waiting)[:2] == ('cancelled', 143)


def test_cancel_by_a_caller_that_leaves(jobs, scope, gate):
    job = jobs.enqueue(gate.job())
    gate.wait()
    gone = scope.connect()
    gone.send_cancel(job)
    gone.flush()
    gone.close()
    assert jobs.wait(job).state == 'cancelled'


def test_cancelled_job_is_told_of_once(jobs, gate):
    jobs.watch_finished()
    job = jobs.enqueue(gate.job())
    gate.wait()
    jobs.cancel(job)
    assert [signal[:3] for signal in jobs.finished()] == [(job, 'cancelled', 143)]


def test_output_until_the_cancel_is_kept(jobs, gate):
    job = jobs.enqueue(gate.job(before='head -c 1000000 /dev/zero; echo warning >&2'))
    gate.wait()
    jobs.cancel(job)
    assert jobs.output(job) == bytes(1000000)
    assert jobs.output(job, 'stderr') == b'warning\n'


@pytest.mark.parametrize('job', ['job-0000000000', ''])
def test_cancel_of_nothing(jobs, job):
    with refused('NoSuchJob'):
        jobs.cancel(job)
