# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: 2026 The Codex Jobs authors
"""Children of a job that are root's, as sudo makes them: in a user's scope nobody of the service can end
them. Then the job is not ended: it is said which they are, and the job ends when they do."""

import os
import signal
import subprocess
import time

import pytest
from clientsupport import cli  # noqa: F401
from support import BusError, PATIENCE, SECOND, refused, shell
from workersupport import (end, facts, left_behind, processes, root_children, wait_for_progress,  # noqa: F401
                           worker_of)

# pylint: disable=redefined-outer-name

STOP_TIMEOUT = 2


@pytest.fixture
def user_jobs(scope, jobs, settings):
    if scope.is_system:
        pytest.skip('the system\'s service manager ends whatever is in a unit')
    settings(StopTimeoutSec=f'{STOP_TIMEOUT}s')
    return jobs


@pytest.fixture
def left(user_jobs, gate, root_children):
    """A job with a child of root's."""
    job = user_jobs.enqueue(gate.job(before=root_children.start(), then='exit 3'))
    gate.wait()
    return job, root_children.wait()


def is_not_ended(jobs, job, *processes):
    """And says why."""
    progress = wait_for_progress(jobs, job, *(process.pid for process in processes))
    # The service of a user may be in a namespace without root, from systemd 254 on.
    assert '(root)' in progress or '(another user)' in progress
    found = jobs.get(job)
    assert (found['State'], found['Reason'], found['ExitCode'], found['Sequence']) == ('running', '', -1, 0)
    with refused('TimedOut'):
        jobs.wait(job, 0)
    assert not any(process.has_ended() for process in processes)


# --- cancelled ------------------------------------------------------------------------------------

def test_cancel_names_what_is_left(user_jobs, left):
    job, child = left
    user_jobs.watch_finished()
    with refused('ProcessesLeft', str(child.pid), 'root', 'sleep'):
        user_jobs.cancel(job)
    is_not_ended(user_jobs, job, child)
    assert user_jobs.finished() == []
    waiting = user_jobs.send_wait(job)
    end(child)
    assert facts(user_jobs.wait_answer(waiting)) == ('cancelled', 'user', 143)
    assert user_jobs.get(job)['StoppedBy'] == user_jobs.uid


def test_cancel_at_the_command_line(cli, user_jobs, left):
    """Within the time to stop and a few seconds, with what is to be done."""
    job, child = left
    begun = time.monotonic()
    done = subprocess.run(cli.command('cancel', job), capture_output=True, text=True, check=False, timeout=PATIENCE)
    elapsed = time.monotonic() - begun
    assert done.returncode not in (0, 124) and 'was cancelled' not in done.stdout
    for word in (str(child.pid), 'root', 'sleep', 'kill'):
        assert word in done.stderr, done.stderr
    assert STOP_TIMEOUT <= elapsed < STOP_TIMEOUT + 15
    record = cli.job('show', job)
    assert (record['state'], record['exit_code']) == ('running', None)
    assert str(child.pid) in record['progress'] and 'root' in record['progress']
    assert str(child.pid) in cli.output('status', job)
    end(child)
    cli.run('await', job, status=143)
    assert cli.job('show', job)['state'] == 'cancelled'
    assert 'had already finished' in cli.output('cancel', job)


def test_cancel_as_json(cli, user_jobs, left):
    job, child = left
    done = subprocess.run(cli.command('cancel', '--json', job), capture_output=True, text=True, check=False,
                          timeout=PATIENCE)
    assert done.returncode not in (0, 124) and str(child.pid) in done.stderr + done.stdout
    end(child)
    cli.run('await', job, status=143)


def test_cancel_again(user_jobs, left):
    """It says the same, and ends nothing else."""
    job, child = left
    for _ in range(2):
        with refused('ProcessesLeft', str(child.pid), 'root', 'sleep'):
            user_jobs.cancel(job)
    calls = [user_jobs.send_cancel(job) for _ in range(3)]
    for call in calls:
        with refused('ProcessesLeft', str(child.pid)):
            user_jobs.answer(call)
    end(child)
    assert user_jobs.wait(job).state == 'cancelled'
    assert user_jobs.cancel(job) == 'cancelled'


def test_cancel_when_it_ends_in_time(user_jobs, gate, root_children):
    """It can be asked to end by others: then all is as it always is."""
    child = 'exec sleep 1'
    job = user_jobs.enqueue(gate.job(before=root_children.start(child)))
    gate.wait()
    process = root_children.wait()
    assert user_jobs.cancel(job) == 'cancelled'
    assert process.has_ended()


def test_all_others_are_ended(user_jobs, gate, root_children):
    before = 'sh -c \'trap "" TERM; echo $$ >"$0"; while :; do sleep 1000; done\' "$1" &\n'
    job = user_jobs.enqueue(gate.job(before=before + root_children.start()))
    child = root_children.wait()
    others = [root_children.processes.add(gate.wait()) for _ in range(2)]
    with refused('ProcessesLeft', str(child.pid)) as _:
        user_jobs.cancel(job)
    assert all(process.has_ended() for process in others)
    end(child)
    assert user_jobs.wait(job).state == 'cancelled'


def test_two_of_them(user_jobs, gate, root_children):
    job = user_jobs.enqueue(gate.job(before=root_children.start() + root_children.start('exec tail -f /dev/null')))
    gate.wait()
    children = [root_children.wait(), root_children.wait()]
    with refused('ProcessesLeft', *(str(child.pid) for child in children), 'root', 'sleep', 'tail'):
        user_jobs.cancel(job)
    is_not_ended(user_jobs, job, *children)
    end(children[0])
    progress = wait_for_progress(user_jobs, job, children[1].pid)
    assert user_jobs.get(job)['State'] == 'running' and progress
    with refused('ProcessesLeft', str(children[1].pid)):
        user_jobs.cancel(job)
    end(children[1])
    assert facts(user_jobs.wait(job)) == ('cancelled', 'user', 143)


def test_very_many_of_them(user_jobs, gate, root_children):
    """The text has its bounds."""
    job = user_jobs.enqueue(gate.job(before=''.join(root_children.start() for _ in range(60))))
    gate.wait()
    children = [root_children.wait() for _ in range(60)]
    try:
        user_jobs.cancel(job)
        raise AssertionError('it was cancelled')
    except BusError as error:
        assert error.name == 'org.codex.Jobs.Error.ProcessesLeft'
        assert len(error.text) < 2000 and sum(str(child.pid) in error.text for child in children) >= 3
    assert len(user_jobs.get(job)['Progress']) < 2000
    for child in children:
        end(child)
    assert user_jobs.wait(job).state == 'cancelled'


def test_cancel_by_a_caller_that_leaves(user_jobs, scope, left):
    job, child = left
    gone = scope.connect()
    gone.send_cancel(job)
    gone.flush()
    gone.close()
    is_not_ended(user_jobs, job, child)
    end(child)
    assert user_jobs.wait(job).state == 'cancelled'


# --- at the other ends ----------------------------------------------------------------------------

LIMITS = {
    'runtime-limit': ('sleep infinity', {'RuntimeMaxUSec': SECOND}),
    'stalled': ('sleep infinity', {'StallUSec': SECOND}),
    'output-limit': ('yes', {'OutputMax': 1000}),
}


@pytest.mark.parametrize('reason', LIMITS)
def test_at_a_limit(user_jobs, root_children, gate, reason):
    then, options = LIMITS[reason]
    job = user_jobs.enqueue(gate.job(before=root_children.start(), then=then), **options)
    child = root_children.wait()
    gate.wait()
    gate.open()
    is_not_ended(user_jobs, job, child)
    end(child)
    ended = user_jobs.wait(job)
    assert (ended.state, ended.job['Reason']) == ('failed', reason)
    assert 'StoppedBy' not in ended.job


@pytest.mark.parametrize('then, expected', [('exit 0', ('completed', '', 0)), ('exit 3', ('failed', 'exit-code', 3)),
                                            ('kill -KILL $$', ('failed', 'signal', 137))])
def test_at_a_natural_end(user_jobs, gate, root_children, then, expected):
    job = user_jobs.enqueue(gate.job(before=root_children.start(), then=then))
    gate.wait()
    child = root_children.wait()
    gate.open()
    is_not_ended(user_jobs, job, child)
    end(child)
    ended = user_jobs.wait(job)
    assert facts(ended) == expected
    assert str(child.pid) in ended.job['LeftBehind']


def test_at_a_natural_end_by_itself(user_jobs, gate, root_children):
    """Nobody has to end what ends."""
    job = user_jobs.enqueue(gate.job(before=root_children.start('exec sleep 4'), then='exit 3'))
    gate.wait()
    child = root_children.wait()
    gate.open()
    assert facts(user_jobs.wait(job)) == ('failed', 'exit-code', 3)
    assert child.has_ended()


def test_cancel_after_the_natural_end(user_jobs, left, gate):
    """The command has ended: it keeps how."""
    job, child = left
    gate.open()
    is_not_ended(user_jobs, job, child)
    with refused('ProcessesLeft', str(child.pid)):
        user_jobs.cancel(job)
    end(child)
    assert facts(user_jobs.wait(job)) == ('failed', 'exit-code', 3)


def test_two_at_a_limit(user_jobs, root_children):
    job = user_jobs.enqueue(shell(root_children.start() * 2 + 'sleep infinity'), RuntimeMaxUSec=SECOND)
    children = [root_children.wait(), root_children.wait()]
    is_not_ended(user_jobs, job, *children)
    for child in children:
        end(child)
    assert user_jobs.wait(job).job['Reason'] == 'runtime-limit'


def test_command_that_is_roots_itself(user_jobs, scope, root_children):
    """sudo server: there is nothing else of the job."""
    command = root_children.start().split(' >/dev/null')[0]
    job = user_jobs.enqueue(shell(f'exec {command}'))
    child = root_children.wait()
    with refused('ProcessesLeft', str(child.pid), 'root', 'sleep'):
        user_jobs.cancel(job)
    is_not_ended(user_jobs, job, child)
    end(child)
    assert user_jobs.wait(job).state == 'cancelled'


def test_command_that_is_roots_ends_by_itself(user_jobs, root_children):
    command = root_children.start('exit 7').split(' >/dev/null')[0]
    job = user_jobs.enqueue(shell(f'{command}'))
    root_children.ready.line()
    assert facts(user_jobs.wait(job)) == ('failed', 'exit-code', 7)


# --- the worker is no more ------------------------------------------------------------------------

def kill_worker(scope, processes, job):
    """The service manager takes the unit for ended then."""
    worker = processes.add(worker_of(scope, job))
    worker.kill(signal.SIGKILL)
    assert worker.wait_end()


def waits_without_its_worker(jobs, scope, processes, job, *children):
    """The service looks at what is left itself."""
    kill_worker(scope, processes, job)
    for n, child in enumerate(children):
        is_not_ended(jobs, job, *children[n:])
        end(child)
    assert facts(jobs.wait(job)) == ('failed', 'signal', 137)


def test_worker_that_is_killed(user_jobs, scope, processes, left):
    waits_without_its_worker(user_jobs, scope, processes, *left)


def test_worker_that_is_killed_with_two(user_jobs, scope, processes, gate, root_children):
    job = user_jobs.enqueue(gate.job(before=root_children.start() * 2))
    gate.wait()
    waits_without_its_worker(user_jobs, scope, processes, job, root_children.wait(), root_children.wait())


def group_of(pid):
    """Where the service manager has it, on both versions of control groups."""
    with open(f'/proc/{pid}/cgroup', encoding='ascii') as file:
        groups = dict(line.rstrip('\n').split(':', 2)[1:] for line in file)
    if os.path.exists('/sys/fs/cgroup/cgroup.controllers'):
        return f'/sys/fs/cgroup{groups[""]}'
    return f'/sys/fs/cgroup/systemd{groups["name=systemd"]}'


def test_worker_that_is_killed_with_one_in_a_group_below(user_jobs, scope, processes, left):
    """As what runs containers for root puts it."""
    job, child = left
    below = f'{group_of(child.pid)}/below'
    os.mkdir(below)
    with open(f'{below}/cgroup.procs', 'w', encoding='ascii') as file:
        file.write(str(child.pid))
    waits_without_its_worker(user_jobs, scope, processes, job, child)


@pytest.mark.restarts
def test_worker_that_is_killed_with_the_service(user_jobs, scope, processes, left):
    scope.kill_service()
    waits_without_its_worker(user_jobs, scope, processes, *left)


# --- while the service comes and goes -------------------------------------------------------------

@pytest.mark.restarts
def test_it_stays_so_over_a_restart(user_jobs, scope, left):
    job, child = left
    with refused('ProcessesLeft'):
        user_jobs.cancel(job)
    scope.kill_service()
    is_not_ended(user_jobs, job, child)
    end(child)
    assert facts(user_jobs.wait(job)) == ('cancelled', 'user', 143)


@pytest.mark.restarts
def test_it_stays_so_over_a_restart_at_a_natural_end(user_jobs, scope, left, gate):
    job, child = left
    gate.open()
    is_not_ended(user_jobs, job, child)
    scope.systemctl('restart', scope.service)
    is_not_ended(user_jobs, job, child)
    end(child)
    assert facts(user_jobs.wait(job)) == ('failed', 'exit-code', 3)


def test_place_is_not_free(user_jobs, settings, left, gate):
    job, child = left
    settings(MaxRunning=1, StopTimeoutSec='1s')
    second = user_jobs.enqueue(['true'])
    with refused('ProcessesLeft'):
        user_jobs.cancel(job)
    assert user_jobs.get(second)['State'] == 'queued'
    end(child)
    assert user_jobs.wait(second).state == 'completed'


# --- in the system's scope ------------------------------------------------------------------------

@pytest.fixture
def system_jobs(scope, jobs, settings):
    if not scope.is_system:
        pytest.skip('about the system\'s service manager, which is root\'s')
    settings(StopTimeoutSec='1s')
    return jobs


def test_system_ends_them_at_a_cancel(system_jobs, gate, root_children):
    job = system_jobs.enqueue(gate.job(before=root_children.start() * 2))
    gate.wait()
    children = [root_children.wait(), root_children.wait()]
    assert system_jobs.cancel(job) == 'cancelled'
    assert all(child.has_ended() for child in children)
    assert facts(system_jobs.wait(job)) == ('cancelled', 'user', 143)


@pytest.mark.parametrize('reason', LIMITS)
def test_system_ends_them_at_a_limit(system_jobs, root_children, gate, reason):
    then, options = LIMITS[reason]
    job = system_jobs.enqueue(gate.job(before=root_children.start(), then=then), **options)
    child = root_children.wait()
    gate.wait()
    gate.open()
    ended = system_jobs.wait(job)
    assert child.has_ended()
    assert (ended.state, ended.job['Reason']) == ('failed', reason)


def test_system_ends_them_at_a_natural_end(system_jobs, gate, root_children):
    job = system_jobs.enqueue(gate.job(before=root_children.start(), then='exit 3'))
    gate.wait()
    child = root_children.wait()
    gate.open()
    ended = system_jobs.wait(job)
    assert child.has_ended()
    assert facts(ended) == ('failed', 'exit-code', 3)
    assert set(left_behind(ended)) == {child.pid}
