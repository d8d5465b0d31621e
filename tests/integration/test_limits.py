# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: 2026 The Codex Jobs authors
"""Limits of a job: each ends it with all its processes and says why; and the end of its caller is none."""

import contextlib
import os
import shutil

import pytest

from support import SECOND, Process, shell, unit_name
from workersupport import facts, wait_for_progress

# A grandchild in a session of its own, which no polite signal ends.
STUBBORN = '''setsid sh -c 'trap "" TERM HUP INT; echo $$ >"$0"; while :; do sleep 1000; done' "$1" &'''

LIMITS = {
    'runtime-limit': {'RuntimeMaxUSec': 3 * SECOND},
    'stalled': {'StallUSec': 3 * SECOND},
    'output-limit': {'OutputMax': 1000},
}


def test_each_limit_ends_the_whole_tree(jobs, settings, new_gate):
    settings(StopTimeoutSec='1s')
    gates = {reason: new_gate() for reason in LIMITS}
    ids = {reason: jobs.enqueue(gates[reason].job(before=STUBBORN, then='head -c 2000 /dev/zero; sleep infinity'),
                                **limit) for reason, limit in LIMITS.items()}
    with contextlib.ExitStack() as stack:
        trees = {reason: [stack.enter_context(Process(gate.wait())) for _ in range(2)]
                 for reason, gate in gates.items()}
        gates['output-limit'].open()
        for reason, job in ids.items():
            ended = jobs.wait(job)
            assert (ended.state, ended.job['Reason']) == ('failed', reason)
            assert ended.exit_code == 128 + ended.job['Signal'] and ended.job['Signal'] > 0
            assert all(process.has_ended() for process in trees[reason])
            assert 'StoppedBy' not in ended.job


def test_time_that_a_limit_gives_is_given(jobs):
    cases = [('runtime-limit', SECOND, {'RuntimeMaxUSec': SECOND}), ('stalled', SECOND, {'StallUSec': SECOND}),
             ('runtime-limit', 2 * SECOND, {'RuntimeMaxUSec': 2 * SECOND, 'StallUSec': 3600 * SECOND})]
    ids = [jobs.enqueue(['sleep', 'infinity'], **limits) for _, _, limits in cases]
    for job, (reason, least, _) in zip(ids, cases):
        ended = jobs.wait(job).job
        assert ended['Reason'] == reason
        assert ended['FinishedUSec'] - ended['StartedUSec'] >= least


@pytest.fixture
def slow_start(scope):
    """What a busy service manager brings about: a job's process starts two seconds after its unit does."""
    folder = '/run/systemd/system' if scope.is_system else f'/run/user/{scope.uid}/systemd/user'
    folder += '/codex-job-.service.d'
    os.makedirs(folder)
    with open(f'{folder}/slow.conf', 'w', encoding='ascii') as file:
        file.write('[Service]\nExecStartPre=sleep 2\n')
    scope.systemctl('daemon-reload')
    yield
    shutil.rmtree(folder)
    scope.systemctl('daemon-reload')


@pytest.mark.parametrize('reason, limit', [('runtime-limit', 'RuntimeMaxUSec'), ('stalled', 'StallUSec')])
def test_time_until_the_process_starts_does_not_count(jobs, slow_start, reason, limit):
    ended = jobs.run(shell('echo; exec sleep infinity'), **{limit: SECOND}).job
    assert (ended['Reason'], ended['StdoutBytes']) == (reason, 1)
    assert ended['FinishedUSec'] - ended['StartedUSec'] >= SECOND


# --- silence --------------------------------------------------------------------------------------

def test_other_activity_does_not_put_it_off(jobs):
    """A busy loop is as silent as a sleep; nor does what it says again count as progress."""
    for script in ('while :; do :; done', 'while :; do systemd-notify --status=same; sleep 0.1; done'):
        ended = jobs.run(shell(script), StallUSec=SECOND)
        assert (ended.state, ended.job['Reason']) == ('failed', 'stalled')


def test_job_that_waits_in_the_queue_is_not_stalled(jobs, settings):
    settings(MaxRunning=1)
    first = jobs.enqueue(['sleep', '2'])
    job = jobs.enqueue(['true'], StallUSec=SECOND, RuntimeMaxUSec=SECOND)
    assert jobs.wait(first).state == jobs.wait(job).state == 'completed'


# --- run time and output --------------------------------------------------------------------------

def test_job_cannot_put_off_its_runtime_limit(jobs):
    """By what services tell systemd when they need more time."""
    ended = jobs.run(shell('systemd-notify EXTEND_TIMEOUT_USEC=60000000; exec sleep infinity'),
                     RuntimeMaxUSec=SECOND)
    assert (ended.state, ended.job['Reason']) == ('failed', 'runtime-limit')


def test_runtime_limit_of_the_configuration(jobs, scope, settings, gate):
    """It is that of the unit, too, which leaves the worker 5 s more."""
    settings(RuntimeMaxSec='90s')
    for options, expected in (({}, '1min 35s'), ({'RuntimeMaxUSec': 100 * SECOND}, '1min 45s')):
        job = jobs.enqueue(gate.job(), **options)
        gate.wait()
        assert scope.unit_property(unit_name(job), 'RuntimeMaxUSec') == expected
    settings(RuntimeMaxSec='1s')
    assert jobs.run(['sleep', 'infinity']).job['Reason'] == 'runtime-limit'


def test_output_limit_counts_both_streams(jobs):
    script = 'head -c 600 /dev/zero; head -c 600 /dev/zero >&2; sleep infinity'
    ended = jobs.run(shell(script), OutputMax=1000)
    assert (ended.state, ended.job['Reason']) == ('failed', 'output-limit')
    assert (ended.job['StdoutBytes'], ended.job['StderrBytes']) == (600, 400)


def test_output_up_to_its_limit_is_allowed(jobs, gate):
    job = jobs.enqueue(gate.job(before='head -c 1000 /dev/zero'), OutputMax=1000)
    gate.wait()
    gate.open()
    assert jobs.wait(job).state == 'completed'


def test_output_of_a_job_that_ends_at_once(jobs):
    """Not a byte more than allowed is kept, and the limit is the reason however soon the command has ended."""
    for number in (0, 3):
        ended = jobs.run(shell(f'head -c 6 /dev/zero; head -c 5 /dev/zero >&2; exit {number}'), OutputMax=10)
        assert (ended.state, ended.job['Reason']) == ('failed', 'output-limit')
        assert ended.exit_code in (number, 143)
        assert (ended.job['StdoutBytes'], ended.job['StderrBytes']) == (6, 4)
    assert jobs.run(shell('head -c 6 /dev/zero; head -c 4 /dev/zero >&2'), OutputMax=10).state == 'completed'


def test_output_limit_of_the_configuration(jobs, settings):
    settings(OutputMax='1K')
    ended = jobs.run(['yes'])
    assert (ended.state, ended.job['Reason']) == ('failed', 'output-limit')


# --- of the unit ----------------------------------------------------------------------------------

def controllers():
    if os.path.isdir('/sys/fs/cgroup/memory'):
        return {name for name in ('memory', 'pids', 'cpu') if os.path.isdir(f'/sys/fs/cgroup/{name}')}
    with open('/sys/fs/cgroup/cgroup.controllers', encoding='utf-8') as file:
        return set(file.read().split())


def test_memory_limit(jobs, scope):
    if 'memory' not in controllers():
        pytest.skip('no memory controller here: tests/sandbox/run --cgroup v1 has it')
    if not scope.is_system and os.path.isdir('/sys/fs/cgroup/memory'):
        pytest.skip('on control groups v1 a user\'s service manager has no controllers')
    ended = jobs.run(['python3', '-c', 'x = bytearray(200 << 20)'], MemoryMax=32 << 20)
    assert (ended.state, ended.job['Reason'], ended.job['Signal']) == ('failed', 'oom-kill', 9)


def test_memory_limit_of_a_child(jobs, scope):
    """The command sees its child die, and decides."""
    if 'memory' not in controllers() or (not scope.is_system and os.path.isdir('/sys/fs/cgroup/memory')):
        pytest.skip('no memory controller here: tests/sandbox/run --cgroup v1 has it')
    child = 'python3 -c "x = bytearray(200 << 20)"; echo $?; exit 4'
    ended = jobs.run(shell(child), MemoryMax=32 << 20)
    assert (ended.state, ended.job['Reason'], ended.exit_code) == ('failed', 'exit-code', 4)
    assert jobs.output(ended.job['Id']) == b'137\n'


def test_task_limit(jobs, scope):
    if 'pids' not in controllers():
        pytest.skip('no pids controller here: tests/sandbox/run --cgroup v1 has it')
    if not scope.is_system and os.path.isdir('/sys/fs/cgroup/pids'):
        pytest.skip('on control groups v1 a user\'s service manager has no controllers')
    job = jobs.enqueue(shell('sleep infinity & sleep infinity & sleep infinity & true'), TasksMax=3)
    jobs.wait(job)
    assert b'Cannot fork' in jobs.output(job, 'stderr')


def test_task_limit_of_a_slice_and_of_the_job(jobs, scope):
    """The command waits for the one to be raised; the other leaves it no room ever."""
    if 'pids' not in controllers() or (not scope.is_system and os.path.isdir('/sys/fs/cgroup/pids')):
        pytest.skip('no pids controller here: tests/sandbox/run --cgroup v1 has it')
    ended = jobs.run(['true'], TasksMax=1)
    assert facts(ended) == ('failed', 'not-executable', 126) and 'TasksMax=1' in ended.job['Progress']
    scope.systemctl('set-property', '--runtime', 'codex-jobs.slice', 'TasksMax=1')
    try:
        job = jobs.enqueue(['true'])
        wait_for_progress(jobs, job, 'Cannot start: codex-jobs.slice has as many processes as it may (TasksMax=1)')
    finally:
        scope.systemctl('set-property', '--runtime', 'codex-jobs.slice', 'TasksMax=infinity')
    assert jobs.wait(job).state == 'completed'


def test_output_cannot_be_truncated(jobs):
    """It is a pipe for the job: its length is not the job's to set."""
    ended = jobs.run(shell('echo kept; truncate -s 9223372036854775807 /proc/self/fd/1; truncate -s 0 /dev/stdout; exit 0'))
    assert (ended.state, ended.job['StdoutBytes']) == ('completed', 5)
