# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: 2026 The Codex Jobs authors
"""The service goes away and comes back while jobs run and end, a worker is killed, memory runs out: each job
has its end, and the record says from whom it is known."""

import contextlib
import os
import signal
import sqlite3
import subprocess
import time

import pytest
from support import PATIENCE, SECOND, Process, acting_as, shell, unit_name
from test_limits import controllers
from workersupport import (WORKER, beside, facts, folder_of, is_worker, left_behind, lines, processes,  # noqa: F401
                           python, same, streams, wait_for_output, wait_for_progress, worker_of)

# pylint: disable=redefined-outer-name

restarts = pytest.mark.restarts

SOCKET = 'codex-jobsd.socket'


@pytest.fixture
def away(scope):
    """Ends the service; its socket stays, or goes with it. The test's end brings both back."""

    def begin(crash=True, socket=True):
        if crash:
            scope.kill_service()
        if not socket:
            scope.systemctl('stop', SOCKET, scope.service)
        assert socket or scope.service_pid() == 0

    yield begin
    scope.systemctl('start', SOCKET)
    scope.start_service()


ENDS = {
    'success': ('exit 0', ('completed', '', 0)),
    'failure': ('exit 3', ('failed', 'exit-code', 3)),
    'status 255': ('exit 255', ('failed', 'exit-code', 255)),
    'status 137': ('exit 137', ('failed', 'exit-code', 137)),
    'term': ('kill -TERM $$', ('failed', 'signal', 143)),
    'kill': ('kill -KILL $$', ('failed', 'signal', 137)),
    'pipe': ('kill -PIPE $$', ('failed', 'signal', 141)),
    'abort': ('ulimit -c 0; kill -ABRT $$', ('failed', 'signal', 134)),
}


def held(jobs, new_gate, processes, before=''):
    """Jobs that will end in each of the ways, their gates and their workers' processes."""
    gates = {name: new_gate() for name in ENDS}
    ids = {name: jobs.enqueue(gates[name].job(before=before, then=f'echo out; echo err >&2; {ENDS[name][0]}'))
           for name in ENDS}
    return ids, gates, [processes.add(gates[name].wait()) for name in ENDS]


def ends_of(jobs, ids):
    return {name: facts(jobs.wait(job)) for name, job in ids.items()}


def end_alone(jobs, scope, away, new_gate, processes):
    """Jobs that end while neither the service nor its socket is there; nothing of them is left."""
    ids, gates, commands = held(jobs, new_gate, processes)
    workers = [processes.add(worker_of(scope, job)) for job in ids.values()]
    away(crash=False, socket=False)
    for gate in gates.values():
        gate.open()
    assert all(process.wait_end() for process in commands + workers)
    return ids


EXPECTED = {name: expected for name, (_, expected) in ENDS.items()}


# --- the service is away --------------------------------------------------------------------------

@restarts
@pytest.mark.parametrize('crash', [True, False], ids=['crash', 'stop'])
def test_end_while_the_service_is_away(jobs, scope, away, new_gate, processes, crash):
    """The worker tells the next one."""
    ids, gates, commands = held(jobs, new_gate, processes)
    if crash:
        away()
    else:
        scope.systemctl('stop', scope.service)
    for gate in gates.values():
        gate.open()
    assert all(command.wait_end() for command in commands)
    assert ends_of(jobs, ids) == EXPECTED
    for job in ids.values():
        assert streams(jobs, job) == (b'out\n', b'err\n')
        assert jobs.get(job)['EndSource'] == 'worker'


@restarts
@pytest.mark.parametrize('start', ['by hand', 'by a call'])
def test_service_that_is_stopped_stays_stopped(jobs, scope, new_gate, processes, start):
    """Whatever jobs do: their workers wait until it is back, and nothing is lost."""
    ids, gates, commands = held(jobs, new_gate, processes, before='systemd-notify --status=before')
    workers = [processes.add(worker_of(scope, job)) for job in ids.values()]
    scope.systemctl('stop', scope.service)
    for gate in gates.values():
        gate.open()
    assert all(command.wait_end() for command in commands)
    assert not any(worker.wait_end(0.3) for worker in workers)
    assert scope.systemctl('is-active', scope.service, check=False) == 'inactive\n'
    assert scope.service_pid() == 0
    if start == 'by hand':
        scope.systemctl('start', scope.service)
        assert all(worker.wait_end() for worker in workers)
    assert ends_of(jobs, ids) == EXPECTED
    for job in ids.values():
        assert streams(jobs, job) == (b'out\n', b'err\n')
        assert (jobs.get(job)['EndSource'], jobs.get(job)['Progress']) == ('worker', 'before')


@restarts
def test_job_that_is_stopped_while_the_service_is(jobs, scope, gate, processes):
    """That does not start the service either; the job has no worker any more."""
    job = jobs.enqueue(gate.job())
    processes.add(gate.wait())
    worker = processes.add(worker_of(scope, job))
    scope.systemctl('stop', scope.service)
    scope.systemctl('stop', unit_name(job))
    assert worker.has_ended()
    assert scope.service_pid() == 0
    ended = jobs.wait(job)
    assert ended.state == 'failed' and ended.job['Reason'] in ('signal', 'lost')


@restarts
def test_end_while_the_service_and_its_socket_are_away(jobs, scope, away, new_gate, processes):
    """Nobody is there to be told: the service manager has the exit status."""
    ids = end_alone(jobs, scope, away, new_gate, processes)
    assert ends_of(jobs, ids) == EXPECTED
    for job in ids.values():
        assert streams(jobs, job) == (b'out\n', b'err\n')
        assert jobs.get(job)['EndSource'] == 'manager'


@restarts
def test_status_of_the_worker_is_that_of_the_command(jobs, scope, away, new_gate, processes):
    """What the service manager has then."""
    for name, job in end_alone(jobs, scope, away, new_gate, processes).items():
        state, reason, code = EXPECTED[name]
        found = tuple(scope.unit_property(unit_name(job), each) for each in ('ExecMainCode', 'ExecMainStatus'))
        assert found == ((str(os.CLD_KILLED), str(code - 128)) if reason == 'signal' else
                         (str(os.CLD_EXITED), str(code))), (name, state)


@restarts
def test_job_that_is_started_without_the_socket(jobs, scope, away):
    """The service starts it all the same, and learns of its end."""
    scope.systemctl('stop', SOCKET, scope.service)
    jobs.flush()
    job = jobs.enqueue(shell('echo out; exit 4'))
    assert facts(jobs.wait(job)) == ('failed', 'exit-code', 4)
    assert jobs.output(job) == b'out\n'
    assert jobs.get(job)['EndSource'] in ('worker', 'manager')


@restarts
def test_worker_waits_for_the_next_service(jobs, scope, away, gate, processes):
    """Until its end is written down it stays, however often the service dies."""
    jobs.watch_finished()
    job = jobs.enqueue(gate.job(then='exit 6'))
    processes.add(gate.wait())
    gate.open()
    for _ in range(5):
        scope.kill_service()
        jobs.flush()
    assert facts(jobs.wait(job)) == ('failed', 'exit-code', 6)
    assert [told[:3] for told in jobs.finished()] in ([(job, 'failed', 6)], [])


@restarts
def test_ends_in_the_middle_of_a_crash(jobs, scope, gate):
    """Each has one end and one sequence."""
    ids = []
    for _ in range(5):
        batch = [jobs.enqueue(gate.job(then='exit 3')) for _ in range(6)]
        for _ in batch:
            gate.wait()
        gate.open(6)
        scope.kill_service()
        ids += batch
    ended = [jobs.wait(job) for job in ids]
    assert {facts(each) for each in ended} == {('failed', 'exit-code', 3)}
    assert {each.job['EndSource'] for each in ended} <= {'worker', 'manager'}
    sequences = sorted(each.job['Sequence'] for each in ended)
    assert sequences == list(range(sequences[0], sequences[0] + len(ids)))


@restarts
def test_job_that_the_store_has_lost(jobs, scope, gate, processes):
    """Its worker finds nobody who knows it, and keeps its unit no longer than the command."""
    job = jobs.enqueue(gate.job(then='exit 3'))
    command = processes.add(gate.wait())
    worker = processes.add(worker_of(scope, job))
    scope.systemctl('stop', scope.service)
    with acting_as(0 if scope.is_system else scope.uid):
        with contextlib.closing(sqlite3.connect(f'{scope.state}/jobs.sqlite')) as store, store:
            assert store.execute('DELETE FROM jobs WHERE id = ?', (job,)).rowcount == 1
            # That notes a job that was removed, whose unit would be stopped.
            assert store.execute('DELETE FROM discarded WHERE id = ?', (job,)).rowcount == 1
    scope.start_service()
    jobs.enqueued.remove(job)
    assert jobs.run(['true']).state == 'completed'  # the service has looked at all units
    assert not command.has_ended()
    gate.open()
    assert worker.wait_end(PATIENCE)
    assert scope.unit_property(unit_name(job), 'ExecMainStatus') == '3'
    scope.systemctl('stop', unit_name(job))
    scope.systemctl('reset-failed', unit_name(job), check=False)


@restarts
def test_service_that_stands_still(jobs, scope, gate, processes):
    """It hears of the end when it goes on."""
    job = jobs.enqueue(gate.job(then='exit 6'))
    command = processes.add(gate.wait())
    with Process(scope.service_pid()) as service:
        service.kill(signal.SIGSTOP)
        try:
            gate.open()
            assert command.wait_end()
        finally:
            service.kill(signal.SIGCONT)
    ended = jobs.wait(job)
    assert (*facts(ended), ended.job['EndSource']) == ('failed', 'exit-code', 6, 'worker')


# --- in the middle of it --------------------------------------------------------------------------

@restarts
@pytest.mark.parametrize('crash', [True, False], ids=['crash', 'stop'])
def test_progress_over_a_restart(jobs, scope, new_gate, crash):
    """What was told while it was away is told to the next one, and so is what comes then."""
    gates = [new_gate() for _ in range(3)]
    wait = ''.join(f'systemd-notify --status={n}; echo $$ >{gate.ready}; read _ <{gate.hold}\n'
                   for n, gate in enumerate(gates))
    job = jobs.enqueue(shell(f'{wait} exit 5'))
    gates[0].wait()
    wait_for_progress(jobs, job, '0')
    if crash:
        scope.kill_service()
    else:
        scope.systemctl('stop', scope.service)
    gates[0].open()
    gates[1].wait()
    wait_for_progress(jobs, job, '1')
    gates[1].open()
    gates[2].wait()
    wait_for_progress(jobs, job, '2')
    gates[2].open()
    ended = jobs.wait(job)
    assert (*facts(ended), ended.job['Progress']) == ('failed', 'exit-code', 5, '2')


@restarts
def test_many_lines_of_progress_over_restarts(jobs, scope, gate):
    script = 'for n in $(seq 300); do systemd-notify --status=$n; done; echo $$ >"$1"; read _ <"$2"'
    job = jobs.enqueue(shell(script, gate.ready, gate.hold))
    for _ in range(3):
        scope.kill_service()
        jobs.flush()
    gate.wait()
    wait_for_progress(jobs, job, '300')
    gate.open()
    assert jobs.wait(job).job['Progress'] == '300'


@restarts
def test_output_over_restarts(jobs, scope, gate):
    """Not a byte is lost, and the order is kept."""
    job = jobs.enqueue(gate.job(before="i=0; while [ $i -lt 20000 ]; do echo $i; i=$((i+1)); done"))
    for count in (1, 5000, 10000):
        wait_for_output(jobs, job, lines(count))
        scope.kill_service()
        jobs.flush()
    gate.wait()
    gate.open()
    assert jobs.wait(job).state == 'completed'
    text = b''.join(b'%d\n' % n for n in range(20000))
    same(jobs.output(job), text)
    order = jobs.output(job, 'order')
    assert sum(int.from_bytes(order[at + 8:at + 12], 'little') for at in range(0, len(order), 16)) == len(text)


@restarts
@pytest.mark.parametrize('reason, then, options', [
    ('output-limit', 'head -c 5000000 /dev/zero; sleep infinity', {'OutputMax': 1000}),
    ('stalled', 'sleep infinity', {'StallUSec': 2 * SECOND}),
    ('runtime-limit', 'sleep infinity', {'RuntimeMaxUSec': 3 * SECOND})],
    ids=['output-limit', 'stalled', 'runtime-limit'])
def test_limit_that_is_reached_while_the_service_is_away(jobs, scope, gate, processes, reason, then, options):
    """The worker knows of it, and ends the job in time."""
    job = jobs.enqueue(gate.job(then=then), **options)
    command = processes.add(gate.wait())
    scope.systemctl('stop', scope.service)
    gate.open()
    assert command.wait_end()
    ended = jobs.wait(job)
    assert (ended.state, ended.job['Reason']) == ('failed', reason)
    assert ended.job['StdoutBytes'] <= 1000
    assert ended.job['FinishedUSec'] - ended.job['StartedUSec'] < 30 * SECOND


@restarts
def test_result_and_what_was_left_while_the_service_is_away(jobs, scope, gate, processes, pipe):
    told = pipe('told')
    job = jobs.enqueue(gate.job(before=f'sleep infinity & echo $! >{told}', then='''
        echo '{"a": 1}' >"$CODEX_JOB_RESULT.new"; mv "$CODEX_JOB_RESULT.new" "$CODEX_JOB_RESULT"
        systemd-notify --status=last; exit 3'''))
    left, = processes.take(1, told)
    command = processes.add(gate.wait())
    scope.systemctl('stop', scope.service)
    gate.open()
    assert command.wait_end()
    ended = jobs.wait(job)
    assert left.has_ended()
    assert (*facts(ended), ended.job['Result'], ended.job['Progress']) == \
        ('failed', 'exit-code', 3, '{"a":1}', 'last')
    assert set(left_behind(ended)) == {left.pid}
    assert not os.path.exists(folder_of(scope, job))


@restarts
def test_cancel_over_a_restart(jobs, scope, gate, settings, processes):
    """Whom the service manager has asked to end, ends."""
    settings(StopTimeoutSec='1s')
    job = jobs.enqueue(shell('trap "echo term >$1" TERM; echo $$ >"$1"; while :; do sleep 0.1; done', gate.ready))
    command = processes.add(gate.wait())
    jobs.send_cancel(job)
    assert gate.ready.line() == 'term'
    scope.kill_service()
    ended = jobs.wait(job)
    assert command.has_ended()
    assert facts(ended) == ('cancelled', 'user', 143)


@restarts
def test_upgrade_while_jobs_run(jobs, scope, new_gate, processes):
    ids, gates, _ = held(jobs, new_gate, processes, before='systemd-notify --status=before')
    scope.upgrade()
    for gate in gates.values():
        gate.open()
    assert ends_of(jobs, ids) == EXPECTED
    assert {jobs.get(job)['EndSource'] for job in ids.values()} == {'worker'}


# --- the worker is killed -------------------------------------------------------------------------

# Seconds, for what is told of: all units are looked at once a minute anyway.
SOON = 20

LEFT = '(setsid sh -c \'trap "" TERM HUP; echo $$ >"$0"; while :; do sleep 1000; done\' "$1" &)'


def test_worker_that_is_killed(jobs, scope, gate, processes, settings, beside):
    """The job fails with it, and nothing of it is left."""
    settings(StopTimeoutSec='1s')
    job = jobs.enqueue(gate.job(before=LEFT))
    tree = [processes.add(gate.wait()) for _ in range(2)]
    worker = processes.add(worker_of(scope, job))
    assert is_worker(worker.pid)
    worker.kill(signal.SIGKILL)
    killed = time.monotonic()
    ended = jobs.wait(job)
    assert time.monotonic() - killed < SOON
    assert all(process.has_ended() for process in tree)
    assert (*facts(ended), ended.job['Signal']) == ('failed', 'signal', 137, 9)
    assert ended.job['EndSource'] == 'manager'


def test_what_it_had_told_is_kept(jobs, scope, gate, processes):
    job = jobs.enqueue(gate.job(before='echo out; echo err >&2; systemd-notify --status=half'))
    gate.wait()
    wait_for_progress(jobs, job, 'half')
    wait_for_output(jobs, job, lines(1))
    wait_for_output(jobs, job, lines(1), 'stderr')
    processes.add(worker_of(scope, job)).kill(signal.SIGKILL)
    ended = jobs.wait(job)
    assert (ended.job['Reason'], ended.job['Progress']) == ('signal', 'half')
    assert streams(jobs, job) == (b'out\n', b'err\n')
    assert (ended.job['StdoutBytes'], ended.job['StderrBytes']) == (4, 4)


def test_worker_that_is_killed_while_the_job_is_cancelled(jobs, scope, gate, processes, settings):
    settings(StopTimeoutSec='1h')
    job = jobs.enqueue(shell('trap "echo term >$1" TERM; echo $$ >"$1"; while :; do sleep 0.1; done', gate.ready))
    command = processes.add(gate.wait())
    worker = processes.add(worker_of(scope, job))
    cancel = jobs.send_cancel(job)
    assert gate.ready.line() == 'term'
    worker.kill(signal.SIGKILL)
    assert jobs.answer(cancel) == ('cancelled',)
    assert command.has_ended()


@pytest.mark.parametrize('number', [signal.SIGTERM, signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGUSR1,
                                    signal.SIGUSR2, signal.SIGPIPE, signal.SIGALRM, signal.SIGCHLD, signal.SIGCONT,
                                    signal.SIGTSTP, signal.SIGTTIN, signal.SIGWINCH, signal.SIGXFSZ,
                                    signal.SIGSEGV, signal.SIGABRT, signal.SIGRTMIN])
def test_worker_that_gets_a_signal(jobs, scope, gate, processes, settings, number):
    """It ends the job in order, or passes over it."""
    settings(StopTimeoutSec='1s')
    job = jobs.enqueue(gate.job(then='exit 3'))
    command = processes.add(gate.wait())
    processes.add(worker_of(scope, job)).kill(number)
    gate.open()
    if number in (signal.SIGTSTP, signal.SIGTTIN):
        assert command.wait_end()
        with contextlib.suppress(ProcessLookupError):  # it has passed over it
            processes.all[1].kill(signal.SIGCONT)
    ended = jobs.wait(job)
    assert command.has_ended()
    assert ended.state == 'failed'
    if number == signal.SIGTERM:
        assert ended.job['Reason'] in ('signal', 'exit-code')
    else:
        assert facts(ended) == ('failed', 'exit-code', 3)


def test_unit_that_is_stopped_by_others(jobs, scope, gate, processes, settings):
    """The worker ends the whole tree in order."""
    settings(StopTimeoutSec='2s')
    job = jobs.enqueue(gate.job(before=LEFT))
    tree = [processes.add(gate.wait()) for _ in range(2)]
    scope.systemctl('stop', unit_name(job))
    assert all(process.has_ended() for process in tree)
    ended = jobs.wait(job)
    assert (ended.state, ended.job['Reason']) == ('failed', 'signal')


def test_unit_all_of_whose_processes_are_killed(jobs, scope, gate):
    job = jobs.enqueue(gate.job())
    gate.wait()
    scope.systemctl('kill', '--kill-who=all', '--signal=KILL', unit_name(job))
    ended = jobs.wait(job)
    assert facts(ended) == ('failed', 'signal', 137)


# --- for want of memory ---------------------------------------------------------------------------

@pytest.fixture
def memory(scope):
    if 'memory' not in controllers():
        pytest.skip('no memory controller here: tests/sandbox/run --cgroup v1 has it')
    if not scope.is_system and os.path.isdir('/sys/fs/cgroup/memory'):
        pytest.skip('on control groups v1 a user\'s service manager has no controllers')


HUNGRY = "python3 -c 'x = bytearray(300 << 20)'"


def test_child_that_is_killed_for_want_of_memory(jobs, memory):
    """The command sees it, and decides."""
    job = jobs.enqueue(shell(f'{HUNGRY}; echo "child $?"; {HUNGRY}; echo "child $?"; exit 7'), MemoryMax=96 << 20)
    assert facts(jobs.wait(job)) == ('failed', 'exit-code', 7)
    assert jobs.output(job) == b'child 137\n' * 2


def test_child_in_the_background_that_is_killed_for_want_of_memory(jobs, memory):
    job = jobs.enqueue(shell(f'{HUNGRY} & wait $!; sleep 0.5; echo "child $?"; exit 0'), MemoryMax=96 << 20)
    assert facts(jobs.wait(job)) == ('completed', '', 0)


def test_command_that_is_killed_for_want_of_memory(jobs, memory):
    ended = jobs.run(['python3', '-c', 'x = bytearray(300 << 20)'], MemoryMax=96 << 20)
    assert (*facts(ended), ended.job['Signal']) == ('failed', 'oom-kill', 137, 9)


# --- the service manager --------------------------------------------------------------------------

def test_service_manager_that_executes_itself_anew(jobs, scope, new_gate, processes):
    ids, gates, _ = held(jobs, new_gate, processes)
    scope.systemctl('daemon-reexec')
    for gate in gates.values():
        gate.open()
    assert ends_of(jobs, ids) == EXPECTED


def test_worker_that_its_job_has_stopped(jobs, scope, processes, pipe):
    """It does not hear that the job has ended; the next look at all units continues it."""
    told = pipe('told')
    job = jobs.enqueue(shell(f'{WORKER} kill -STOP $worker; echo $$ >"$1"; exit 3', told))
    command, = processes.take(1, told)
    assert command.wait_end()
    scope.systemctl('daemon-reload')
    assert facts(jobs.wait(job)) == ('failed', 'exit-code', 3)


def test_service_manager_that_reads_its_units_again(jobs, scope, gate):
    job = jobs.enqueue(gate.job(then='exit 3'))
    gate.wait()
    scope.systemctl('daemon-reload')
    assert scope.unit_property(unit_name(job), 'NotifyAccess') == 'none'
    gate.open()
    assert facts(jobs.wait(job)) == ('failed', 'exit-code', 3)


def test_journal_says_nothing_of_it(jobs, scope):
    """An end is no failure of a unit, and no warning."""
    job = jobs.enqueue(python("notify(b'STOPPING=1'); notify(b'MAINPID=1'); sys.exit(5)"))
    jobs.wait(job)
    subprocess.run(['journalctl', '--sync'], check=True)
    text = subprocess.run(['journalctl', '--boot', '--priority=warning', '--output=cat', '--no-pager'],
                          check=True, stdout=subprocess.PIPE, text=True, errors='replace', timeout=PATIENCE).stdout
    assert not [line for line in text.splitlines() if job in line and 'notification' in line]
