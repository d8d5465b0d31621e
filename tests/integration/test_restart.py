# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: 2026 The Codex Jobs authors
"""The service ends, in order or by a crash, and starts again: no job is lost, none runs twice, whoever
was told "accepted" is told how it ended."""

import contextlib
import datetime
import os
import shutil
import signal
import subprocess

import pytest
from jeepney import DBusAddress, MessageFlag, new_method_call

from support import (BUS, FOREVER, MANAGER, NAME, PATH, SECOND, BusError, Pipe, Process, object_path, refused,
                     shell)

pytestmark = pytest.mark.restarts


@pytest.fixture
def session(request):
    return request.node.nodeid[-250:]


@pytest.fixture
def outage(scope):
    """Ends the service for as long as a context lasts, whoever calls it meanwhile: a worker does at once."""
    folder = '/run/systemd/system' if scope.is_system else f'/run/user/{scope.uid}/systemd/user'
    drop_in = f'{folder}/{scope.service}.d/hold.conf'

    @contextlib.contextmanager
    def begin(crash=True):
        hold = Pipe('/run/hold', 0) if scope.is_system else Pipe(f'/run/user/{scope.uid}/hold', scope.uid)
        os.makedirs(os.path.dirname(drop_in))
        with open(drop_in, 'w', encoding='ascii') as file:
            file.write(f"[Service]\nExecStartPre=-/bin/sh -c 'read _ <{hold}'\n")
        scope.systemctl('daemon-reload')
        try:
            if crash:
                scope.kill_service()
            else:
                scope.systemctl('stop', scope.service)
            yield
            assert scope.service_pid() == 0
        finally:
            shutil.rmtree(os.path.dirname(drop_in))
            scope.systemctl('daemon-reload')
            hold.write('\n')
            os.unlink(str(hold))
            hold.close()

    return begin


# Tells when it is asked to end, and takes its time: until the gate is opened.
SLOW_TO_STOP = '''
trap '' TERM
read _ <"$2" &
trap 'echo term >"$1"' TERM
echo $$ >"$1"
until wait $!; do :; done'''


@pytest.fixture
def slow_to_stop(settings, gate):
    """The command of such a job."""
    settings(StopTimeoutSec='1h')
    return shell(SLOW_TO_STOP, gate.ready, gate.hold)


def consecutive(signals, before):
    return [sequence for *_, sequence in signals] == list(range(before + 1, before + 1 + len(signals)))


# --- activation -----------------------------------------------------------------------------------

def test_service_is_started_by_a_call(jobs, scope, outage):
    with outage(crash=False):
        assert scope.systemctl('is-active', scope.service, check=False) != 'active\n'
    assert jobs.property('MaxRunning') == 16
    assert scope.systemctl('is-active', scope.service) == 'active\n'
    assert scope.unit_property(scope.service, 'Type') == 'notify'
    assert scope.unit_property(scope.service, 'WatchdogUSec') != '0'


def test_service_that_crashes_comes_back_by_itself(jobs, scope):
    jobs.subscribe(f"type='signal',sender='{BUS[0]}',member='NameOwnerChanged',arg0='{NAME}'")
    before = scope.service_pid()
    scope.kill_service()
    jobs.signal(lambda signal: signal.member == 'NameOwnerChanged' and signal.body[2])
    assert scope.service_pid() not in (0, before)


def test_pauses_between_restarts_grow(scope):
    """Where the service manager can do that; others would complain of the settings."""
    with open(scope.unit_property(scope.service, 'FragmentPath'), encoding='utf-8') as file:
        grow = 'RestartSteps=' in file.read()
    assert grow == (int(scope.systemctl('--version').split()[1]) >= 254)
    scope.kill_service()
    scope.start_service()
    assert (scope.unit_property(scope.service, 'RestartUSecNext') not in ('', '100ms')) == grow


# --- jobs that run on -----------------------------------------------------------------------------

@pytest.mark.parametrize('crash', [True, False], ids=['crash', 'stop'])
def test_running_job_runs_on(jobs, outage, gate, crash):
    jobs.watch_finished()
    job = jobs.enqueue(gate.job(before='echo before; systemd-notify --status=half', then='echo after; exit 4'))
    with Process(gate.wait()) as process:
        started = jobs.get(job)['StartedUSec']
        with outage(crash):
            assert not process.has_ended()
        found = jobs.get(job)
        assert (found['State'], found['StartedUSec']) == ('running', started)
        gate.open()
        ended = jobs.wait(job)
    assert (ended.state, ended.exit_code, ended.job['Progress']) == ('failed', 4, 'half')
    assert jobs.output(job) == b'before\nafter\n'
    assert [signal[:3] for signal in jobs.finished()] == [(job, 'failed', 4)]


def test_progress_is_known_after_a_restart(jobs, outage, gate):
    job = jobs.enqueue(gate.job(before='systemd-notify --status=half'))
    gate.wait()
    assert jobs.progress_of(job) == 'half'
    jobs.signals.clear()
    with outage():
        pass
    # Who asks is told when the service has heard it from the worker.
    assert jobs.progress_of(job) == 'half'


ENDS = {
    'success': ('exit 0', ('completed', '', 0, 0)),
    'failure': ('exit 3', ('failed', 'exit-code', 3, 0)),
    'term': ('kill -TERM $$', ('failed', 'signal', 143, 15)),
    'kill': ('kill -KILL $$', ('failed', 'signal', 137, 9)),
    'not-found': ('exec no-such-command', ('failed', 'exit-code', 127, 0)),
}


@pytest.mark.parametrize('crash', [True, False], ids=['crash', 'stop'])
def test_job_that_ends_meanwhile_is_collected(jobs, outage, new_gate, crash):
    jobs.watch_finished()
    before = jobs.property('LastSequence')
    gates = {name: new_gate() for name in ENDS}
    result = 'echo "{\\"a\\": 1}" >"$CODEX_JOB_RESULT"; echo out; '
    ids = {name: jobs.enqueue(gates[name].job(then=result + ENDS[name][0])) for name in ENDS}
    processes = [Process(gates[name].wait()) for name in ENDS]
    with outage(crash):
        for gate in gates.values():
            gate.open()
        for process in processes:
            with process:
                assert process.wait_end()
    for name, (_, expected) in ENDS.items():
        ended = jobs.wait(ids[name])
        assert (ended.state, ended.job['Reason'], ended.exit_code, ended.job['Signal']) == expected
        assert ended.job['Result'] == '{"a":1}'
        assert jobs.output(ids[name]) == b'out\n'
    signals = jobs.finished()
    assert sorted(job for job, *_ in signals) == sorted(ids.values())
    assert consecutive(signals, before)


def test_time_of_an_end_meanwhile_is_its_own(jobs, scope, outage, gate):
    job = jobs.enqueue(gate.job())
    with Process(gate.wait()) as process, outage():
        gate.open()
        assert process.wait_end()
    ended = jobs.wait(job).job
    shown = scope.systemctl('show', '--timestamp=us+utc', '--value', '-p', 'ExecMainStartTimestamp',
                            scope.service).strip()
    started = datetime.datetime.strptime(f'{shown} +0000', '%a %Y-%m-%d %H:%M:%S.%f UTC %z')
    assert ended['StartedUSec'] < ended['FinishedUSec'] < started.timestamp() * SECOND


def test_limits_hold_after_a_restart(jobs, outage, gate):
    job = jobs.enqueue(gate.job(then='yes'), OutputMax=1000)
    gate.wait()
    with outage():
        pass
    jobs.flush()
    gate.open()
    assert jobs.wait(job).job['Reason'] == 'output-limit'


def test_runtime_limit_that_passes_meanwhile(jobs, outage, gate):
    job = jobs.enqueue(gate.job(), RuntimeMaxUSec=3 * SECOND)
    with Process(gate.wait()) as process, outage():
        assert process.wait_end()
    ended = jobs.wait(job)
    assert (ended.state, ended.job['Reason']) == ('failed', 'runtime-limit')


# --- jobs that wait -------------------------------------------------------------------------------

def test_queue_survives(jobs, scope, settings, pipe, gate, session):
    settings(MaxRunning=1)
    jobs.watch_finished()
    before = jobs.property('LastSequence')
    order = pipe('order')
    ids = [jobs.enqueue(gate.job(), Session=session)]
    ids += [jobs.enqueue(shell('echo "$1" >"$2"', number, order), Session=session) for number in range(4)]
    gate.wait()
    scope.kill_service()
    assert jobs.list_ids(Session=session) == ids[::-1]
    assert (jobs.property('Queued'), jobs.property('Running')) == (4, 1)
    gate.open()
    assert [order.line() for _ in range(4)] == ['0', '1', '2', '3']
    assert [jobs.wait(job).state for job in ids] == ['completed'] * 5
    signals = jobs.finished()
    assert [job for job, *_ in signals] == ids and consecutive(signals, before)


def test_queue_goes_on_without_a_call(jobs, settings, outage, scope, pipe, gate):
    """A service that is started again has nobody who would wait for it to look at its queue."""
    settings(MaxRunning=1)
    order = pipe('order')
    jobs.enqueue(gate.job())
    job = jobs.enqueue(shell('echo next >"$1"', order))
    with Process(gate.wait()) as process, outage():
        gate.open()
        assert process.wait_end()
    scope.systemctl('start', scope.service)
    assert order.line() == 'next'
    assert jobs.wait(job).state == 'completed'


@pytest.mark.parametrize('lost', [['stdout', 'stderr', 'order'], ['stdout'], ['stderr'], ['order'], []],
                         ids=lambda lost: '-'.join(lost) or 'none')
def test_queued_job_whose_files_are_lost(jobs, scope, settings, outage, gate, lost):
    """As when power fails: nobody has synced their folder. They are there because somebody has opened them."""
    settings(MaxRunning=1)
    jobs.enqueue(gate.job())
    job = jobs.enqueue(shell('echo out; echo err >&2; echo "{\\"a\\": 1}" >"$CODEX_JOB_RESULT"'))
    jobs.open_output(job).close()
    with Process(gate.wait()) as process, outage():
        for stream in lost:
            os.unlink(f'{scope.state}/output/{job}.{stream}')
        gate.open()
        assert process.wait_end()
    ended = jobs.wait(job)
    assert (ended.state, ended.job.get('Progress'), ended.job.get('Result')) == ('completed', None, '{"a":1}')
    assert (jobs.output(job), jobs.output(job, 'stderr')) == (b'out\n', b'err\n')


def test_standard_input_of_a_queued_job_survives(jobs, settings, scope, gate):
    settings(MaxRunning=1)
    jobs.enqueue(gate.job())
    fd = os.memfd_create('x')
    os.write(fd, bytes(range(256)) * 1000)
    job = jobs.enqueue(shell('cat; printf "%s" "$1"', '$HOME %n'), Stdin=fd)
    os.close(fd)
    scope.kill_service()
    gate.open()
    jobs.wait(job)
    assert jobs.output(job) == bytes(range(256)) * 1000 + b'$HOME %n'


def test_cancel_of_a_job_that_was_queued_before(jobs, settings, scope, gate):
    settings(MaxRunning=1)
    jobs.enqueue(gate.job())
    job = jobs.enqueue(['true'])
    scope.kill_service()
    assert jobs.cancel(job) == 'cancelled'


# --- at any moment --------------------------------------------------------------------------------

def test_accepted_job_runs_once(jobs, scope, folder):
    """The service is killed as soon as it has answered, wherever it then is with the job."""
    ids = []
    for number in range(6):
        ids.append(jobs.enqueue(shell('echo "$1" >>"$2/ran"', number, folder)))
        scope.kill_service()
    assert [jobs.wait(job).state for job in ids] == ['completed'] * 6
    with open(f'{folder}/ran', encoding='utf-8') as file:
        assert sorted(file.read().split()) == [str(number) for number in range(6)]


def test_kill_while_jobs_end(jobs, scope, gate):
    """Every end is in the store, with a sequence of its own and none left out."""
    before = jobs.property('LastSequence')
    ids = []
    for _ in range(4):
        batch = [jobs.enqueue(gate.job(then='echo out; exit 2')) for _ in range(5)]
        for _ in batch:
            gate.wait()
        gate.open(5)
        scope.kill_service()
        ids += batch
    assert {jobs.wait(job)[:2] for job in ids} == {('failed', 2)}
    assert {jobs.output(job) for job in ids} == {b'out\n'}
    finished = jobs.list(AfterSequence=before, Limit=1000)
    assert sorted(job['Id'] for job in finished) == sorted(ids)
    assert [job['Sequence'] for job in finished] == list(range(before + 1, before + 21))


def test_kill_while_jobs_are_enqueued(jobs, scope, session):
    """What was answered is there; what was not is there as a whole or not at all."""
    before = set(scope.files())
    calls = [jobs.send_enqueue(shell('echo "$CODEX_JOB_ID"'), Session=session) for _ in range(40)]
    accepted = [jobs.answer(calls[0])[0]]
    scope.kill_service()
    for call in calls[1:]:
        try:
            accepted.append(jobs.answer(call)[0])
        except BusError as error:
            assert error.name == 'org.freedesktop.DBus.Error.NoReply'
    listed = jobs.list_ids(Session=session, Limit=1000)
    assert set(accepted) <= set(listed)
    for job in listed:
        assert jobs.wait(job).state == 'completed'
        assert jobs.output(job).decode() == job + '\n'
    assert {name.rsplit('.', 1)[0] for name in set(scope.files()) - before} == set(listed)


def test_kill_during_a_cancel(jobs, scope, slow_to_stop, gate):
    job = jobs.enqueue(slow_to_stop)
    with Process(gate.wait()) as process:
        cancel = jobs.send_cancel(job)
        assert gate.ready.line() == 'term'
        scope.kill_service()
        with pytest.raises(BusError):
            jobs.answer(cancel)
        gate.open()
        ended = jobs.wait(job)
        assert process.has_ended()
    assert (ended.state, ended.job['Reason'], ended.exit_code) == ('cancelled', 'user', 143)
    assert ended.job['StoppedBy'] == scope.uid


def test_kill_while_a_limit_ends_a_job(jobs, scope, slow_to_stop, gate):
    """The reason stays what it was."""
    script = SLOW_TO_STOP.replace('echo $$ >"$1"', 'echo $$ >"$1"; head -c 2000 /dev/zero')
    job = jobs.enqueue(shell(script, gate.ready, gate.hold), OutputMax=1000)
    gate.wait()
    assert gate.ready.line() == 'term'
    scope.kill_service()
    jobs.flush()
    gate.open()
    ended = jobs.wait(job)
    assert (ended.state, ended.job['Reason'], ended.exit_code) == ('failed', 'output-limit', 0)


# --- when nothing runs ----------------------------------------------------------------------------

@pytest.mark.parametrize('crash', [True, False], ids=['crash', 'stop'])
def test_finished_jobs_are_as_they_were(jobs, outage, crash):
    ids = [jobs.enqueue(shell(f'echo {number}; exit {number}')) for number in range(3)]
    for job in ids:
        jobs.wait(job)
    counts = [jobs.property(name) for name in ('Finished', 'LastSequence', 'Queued', 'Running')]
    before = jobs.list(Limit=1000)
    jobs.watch_finished()
    with outage(crash):
        pass
    assert jobs.list(Limit=1000) == before
    assert [jobs.property(name) for name in ('Finished', 'LastSequence', 'Queued', 'Running')] == counts
    assert [jobs.output(job) for job in ids] == [b'0\n', b'1\n', b'2\n']
    assert jobs.finished() == []
    assert jobs.run(['true']).job['Sequence'] == counts[1] + 1


def test_removed_jobs_do_not_come_back(jobs, scope):
    job = jobs.run(['true']).job['Id']
    jobs.remove(job)
    scope.kill_service()
    with refused('NoSuchJob', job):
        jobs.get(job)


# --- those who wait -------------------------------------------------------------------------------

def test_stop_answers_those_who_wait(jobs, connect, scope, gate):
    job = jobs.enqueue(gate.job())
    gate.wait()
    other = connect()
    calls = [('Await', 'st', job), ('AwaitAny', 'ast', [job]), ('AwaitAll', 'ast', [job])]
    waits = [(client, client.send_call(*call, FOREVER)) for client in (jobs, other) for call in calls]
    for client in (jobs, other):
        client.flush()
    owner = scope.service_owner()
    scope.systemctl('kill', '--signal=TERM', scope.service)
    for client, wait in waits:
        with refused('Unavailable'):
            client.answer(wait)
    scope.wait_until_gone(owner)
    waiting = jobs.send_wait(job)
    gate.open()
    assert jobs.wait_answer(waiting).state == 'completed'


def test_stop_with_calls_that_expect_no_answer(jobs, scope):
    """None of them reaches what is not there any more."""
    message = new_method_call(DBusAddress(PATH, NAME, MANAGER), 'Acknowledge', 'st', ('nobody', 0))
    message.header.flags = MessageFlag.no_reply_expected
    jobs.property('Running')
    with Process(scope.service_pid()) as process:
        process.kill(signal.SIGSTOP)
        for _ in range(1000):
            jobs.connection.send(message, next(jobs.connection.outgoing_serial))
        scope.systemctl('stop', scope.service)  # which lets it go on with the signal to end
        assert process.has_ended()
    assert scope.unit_property(scope.service, 'Result') == 'success'


def test_stop_answers_a_cancel(jobs, scope, slow_to_stop, gate):
    job = jobs.enqueue(slow_to_stop)
    gate.wait()
    cancel = jobs.send_cancel(job)
    assert gate.ready.line() == 'term'
    scope.systemctl('restart', scope.service)
    with refused('Unavailable'):
        jobs.answer(cancel)
    gate.open()
    assert jobs.wait(job).state == 'cancelled'


def test_crash_ends_the_calls_of_those_who_wait(jobs, scope, gate):
    job = jobs.enqueue(gate.job())
    waiting = jobs.send_wait(job)
    gate.wait()
    scope.kill_service()
    with refused('org.freedesktop.DBus.Error.NoReply'):
        jobs.answer(waiting)
    waiting = jobs.send_wait(job)
    gate.open()
    assert jobs.wait_answer(waiting).state == 'completed'


# --- what nobody knows ----------------------------------------------------------------------------

STRAY = 'job-0000000000'


def test_ended_unit_without_a_record_is_let_go(jobs, scope):
    command = ['systemd-run'] if scope.is_system else ['as-user', 'alice', 'systemd-run', '--user']
    command += [f'--unit=codex-job-{STRAY}', '--property=RemainAfterExit=yes', '--quiet', 'true']
    jobs.subscribe("type='signal',member='UnitRemoved'")
    subprocess.run(command, check=True)
    scope.kill_service()
    jobs.signal(lambda signal: signal.member == 'UnitRemoved' and STRAY in signal.body[0])


@pytest.mark.parametrize('stream', ['stdout', 'stderr', 'order', 'result'])
def test_empty_files_without_a_record_are_deleted(jobs, scope, stream):
    folder = scope.results if stream == 'result' else f'{scope.state}/output'
    open(f'{folder}/{STRAY}.{stream}', 'w', encoding='utf-8').close()
    os.chown(f'{folder}/{STRAY}.{stream}', 0 if scope.is_system else scope.uid, -1)
    scope.kill_service()
    # The look-up of an id that is not live runs behind those for the files, of which there is one for each 500.
    for _ in range(len(scope.files()) // 500 + 2):
        with refused('NoSuchJob'):
            jobs.get(STRAY)
    left = [name for name in scope.files() if name.startswith(STRAY)]
    for name in left:
        os.unlink(f'{folder}/{name}')
    assert left == []


# --- a full disk ----------------------------------------------------------------------------------

@pytest.fixture
def small_disk(system, alice):
    """The store on a file system of its own, which can be filled."""
    system.systemctl('stop', system.service)
    subprocess.run(['mount', '-t', 'tmpfs', '-o', 'size=2M,mode=700', 'tmpfs', system.state], check=True)
    yield f'{system.state}/filler'
    # The results are on another file system.
    alice.remove(*alice.list_ids())
    system.systemctl('stop', system.service)
    subprocess.run(['umount', '--lazy', system.state], check=True)


def fill(path):
    with open(path, 'wb', buffering=0) as file:
        try:
            while True:
                file.write(bytes(1024))
        except OSError:
            pass


def test_full_disk(system, alice, small_disk):
    alice.run(['true'])
    before = alice.list_ids(), system.files()
    fill(small_disk)
    fd = os.memfd_create('x')
    os.write(fd, bytes(100_000))
    with refused('StoreFull', 'disk'):
        for _ in range(1000):
            alice.send_enqueue(['true'], Stdin=fd)
            alice.enqueue(['true'], Stdin=fd)
    assert (alice.list_ids(), system.files()) == before
    os.unlink(small_disk)
    assert alice.run(['true']).state == 'completed'


def test_end_on_a_full_disk_is_told_when_there_is_room(alice, small_disk, gate):
    job = alice.enqueue(gate.job())
    with Process(gate.wait()) as process:
        fill(small_disk)
        waiting = alice.send_wait(job)
        gate.open()
        assert process.wait_end()
    alice.flush()
    os.unlink(small_disk)
    assert alice.wait_answer(waiting).state == 'completed'


def test_attempt_that_ends_on_a_full_disk_is_counted_when_there_is_room(alice, small_disk, gate):
    job = alice.enqueue(gate.job(then='[ $CODEX_JOB_ATTEMPT = 2 ]'), Retries=1, RetryDelayUSec=0)
    with Process(gate.wait()) as process:
        fill(small_disk)
        gate.open()
        assert process.wait_end()
    alice.flush()
    os.unlink(small_disk)
    gate.wait()
    gate.open()
    ended = alice.wait(job)
    assert (ended.state, ended.job['Attempt']) == ('completed', 2)
    assert [word.split(':')[:2] for word in ended.job['Attempts'].split()] == [['exit-code', '1'], ['completed', '0']]


def test_stop_in_the_middle_of_removing(jobs, scope):
    ids = [jobs.enqueue(['true']) for _ in range(60)]
    for job in ids:
        jobs.wait(job)
    first, *_ = [jobs.send_call('Remove', 'as', [job]) for job in ids]
    jobs.answer(first)  # the others are under way
    scope.systemctl('stop', scope.service)
    assert scope.unit_property(scope.service, 'Result') == 'success'
