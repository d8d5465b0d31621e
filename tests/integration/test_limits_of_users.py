# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: 2026 The Codex Jobs authors
"""What one user may take, and that it is nothing of another's."""

import contextlib
import os
import pwd
import signal
import struct

import pytest
from jeepney import DBusAddress, MessageFlag, new_method_call

from support import BUS, FOREVER, MANAGER, NAME, PATH, BusError, disk_busy, object_path, plain, refused, shell


@pytest.fixture
def configure(system, root):
    """The configuration of the system's service; the test's end takes it back."""

    def apply(**values):
        system.configure(**values)
        system.reload(root)

    yield apply
    os.unlink(system.config)
    system.reload(root)


# --- sharing --------------------------------------------------------------------------------------

def in_batches(client, send, items):
    """dbus-daemon lets a connection wait for 128 answers."""
    answers = []
    for start in range(0, len(items), 100):
        answers += [client.answer(call) for call in [send(item) for item in items[start:start + 100]]]
    return answers


def running(client):
    return plain(client.call('GetQueue')[0])['Running']


def test_long_queue_of_one_delays_the_first_of_another_by_one_slot(alice, bob, configure, new_gate):
    configure(MaxRunning=1)
    first, second = new_gate(), new_gate()
    alice.enqueue(first.job())
    first.wait()
    queued = [job for job, _ in in_batches(alice, lambda _: alice.send_enqueue(second.job()), range(500))]
    waiting = bob.send_wait(bob.enqueue(['true']))
    first.open()
    second.open()  # for one of them: no more come before bob's
    assert bob.wait_answer(waiting).state == 'completed'
    in_batches(alice, alice.send_cancel, queued[::-1])
    assert sum(alice.get(job)['State'] == 'completed' for job in queued[:3]) <= 1


def test_users_have_as_many_slots_as_each_other(alice, bob, configure, new_gate):
    """However long the queue of one is."""
    configure(MaxRunning=2)
    gates = new_gate(), new_gate()
    jobs = [alice.enqueue(gate.job()) for gate in gates]
    for gate in gates:
        gate.wait()
    for _ in range(20):
        alice.enqueue(['sleep', 'infinity'])
    for _ in range(2):
        bob.enqueue(['sleep', 'infinity'])
    gates[0].open()
    alice.wait(jobs[0])
    assert (running(alice), running(bob)) == (1, 1)


@contextlib.contextmanager
def stopped(system):
    """While the service takes nothing that is sent to it."""
    pid = system.service_pid()
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def check_delays_no_other(system, alice, bob, member, *arguments):
    """Of 400 such calls of alice's some are not answered yet when bob is, who called last: in one of five tries, as the
    service may have answered all before it is seen that bob has his answer. Returns the answer to one."""
    clients = [system.connect(alice.uid) for _ in range(4)]
    try:
        for _ in range(5):
            with stopped(system):
                calls = [(client, client.send_call(member, *arguments)) for client in clients for _ in range(100)]
                others = bob.send_call('Resume')
            bob.answer(others)
            with stopped(system):
                for client in clients:
                    client.call_to(*BUS, 'GetId')
                waiting = [call for client, call in calls if not client.is_answered(call)]
            answer = [client.answer(call) for client, call in calls][-1]
            if waiting:
                return answer
        assert False, 'each time all of them were answered'
    finally:
        for client in clients:
            client.close()


def test_lists_of_one_delay_no_other(alice, bob, system):
    """Nor are all of them in memory at once: they are read a few at a time."""
    alice.call('Pause')
    try:
        answers = in_batches(alice, lambda _: alice.send_enqueue(['true'], Label='x' * 1000), range(100))
        alice.enqueued += [job for job, _ in answers]
        filters = {'State': ('as', ['queued']), 'Limit': ('u', 1000)}
        records, = check_delays_no_other(system, alice, bob, 'List', 'a{sv}', filters)
        assert len(records) == 100
    finally:
        in_batches(alice, alice.send_cancel, alice.enqueued)
        alice.call('Resume')


def test_many_ids_of_one_delay_no_other(alice, bob, system):
    jobs = [job for job, _ in in_batches(alice, lambda _: alice.send_enqueue(['true']), range(200))]
    alice.call('AwaitAll', 'ast', jobs, FOREVER)
    ids = [job[:len(job) - left] for left in range(5) for job in jobs]
    job, state, *_ = check_delays_no_other(system, alice, bob, 'AwaitAny', 'ast', ids, FOREVER)
    assert (job, state) == (jobs[0], 'completed')


def test_signals_to_connections_of_one_delay_no_other(alice, system):
    """Where many jobs change at once, and many connections are told, others are told before all of them are."""
    first = alice.enqueue(['true'], Hold=True)
    answers = in_batches(alice, lambda _: alice.send_enqueue(['true'], After=[(first, 'ok')], Hold=True), range(100))
    alice.enqueued += [job for job, _ in answers]
    followers = [system.connect(alice.uid) for _ in range(64)]
    for client in followers:
        client.list(Limit=1)
    last = followers[-1]
    last.watch_finished()
    alice.call('Release', 's', first)
    waiting, left = {object_path(job) for job, _ in answers}, 0
    while waiting:
        found = last.signal(lambda signal: signal.member in ('JobFinished', 'PropertiesChanged'))
        if found.member == 'JobFinished':
            left = len(waiting)
        waiting.discard(found.path)
    assert left > 0
    for client in followers:
        client.close()


def test_jobs_without_end_leave_places_to_others(alice, bob, configure):
    """A quarter of them."""
    configure(MaxRunning=8)
    for _ in range(8):
        alice.enqueue(['sleep', 'infinity'])
    assert running(alice) == plain(alice.call('GetQueue')[0])['MaxRunning'] == 6
    assert bob.run(['true']).state == 'completed'
    configure(MaxRunning=8, MaxRunningPerUser=100)
    assert running(alice) == plain(alice.call('GetQueue')[0])['MaxRunning'] == 8


# --- memory ---------------------------------------------------------------------------------------

MEGABYTE = 1 << 20


class Growth:
    """How much more memory the service has needed at most than it had. Address sanitizer keeps 256 MiB of what was freed."""

    BOUND = 700 * MEGABYTE

    def __init__(self, system):
        self.process = f'/proc/{system.service_pid()}'
        with open(f'{self.process}/clear_refs', 'w', encoding='ascii') as file:
            file.write('5')  # the peak is now, see proc(5)
        self.before = self.read('VmRSS')

    def read(self, name):
        with open(f'{self.process}/status', encoding='ascii') as file:
            return next(int(line.split()[1]) * 1024 for line in file if line.startswith(name + ':'))

    def bytes(self):
        return self.read('VmHWM') - self.before


def send_with_unknown_field(client, size, member, signature, *body):
    """A call with so many bytes in a header field that there is not; a bus may pass it on."""
    message = bytearray(new_method_call(DBusAddress(PATH, NAME, MANAGER), member, signature, body).serialise(
        next(client.connection.outgoing_serial)))
    length, = struct.unpack_from('<I', message, 12)
    end = 16 + (length + 7) // 8 * 8  # of the fields, and the begin of the body
    field = struct.pack('<BBBBI', 200, 1, ord('s'), 0, size) + bytes(b'x') * size + b'\0'
    struct.pack_into('<I', message, 12, end - 16 + len(field))
    client.connection.sock.setblocking(True)
    client.connection.sock.sendall(message[:end] + field + bytes(-len(field) % 8) + message[end:])


def test_calls_that_wait_keep_nothing_large(alice, system, gate):
    job = alice.enqueue(gate.job())
    growth = Growth(system)
    with contextlib.closing(system.connect(alice.uid)) as client:
        for _ in range(100):
            send_with_unknown_field(client, 10 * MEGABYTE, 'Await', 'st', job, FOREVER)
        client.call_to(NAME, PATH, 'org.freedesktop.DBus.Peer', 'Ping')
        assert growth.bytes() < Growth.BOUND
    gate.open()
    assert alice.wait(job).state == 'completed'


def test_large_inputs_that_arrive_at_once(alice, bob, system):
    """Are in memory one by one, whatever the disk can take."""
    growth = Growth(system)
    accepted, refusals = [], 0
    with open(os.memfd_create('zeros'), 'wb') as data, contextlib.closing(system.connect(alice.uid)) as client:
        data.truncate(16 * MEGABYTE)
        with stopped(system):
            calls = [client.send_enqueue(['true'], Stdin=data) for _ in range(30)]
        assert bob.run(['true']).state == 'completed'
        for call in calls:
            try:
                accepted.append(client.answer(call)[0])
            except BusError as error:
                assert error.name.endswith('.LimitExceeded') and 'too much data' in error.text
                refusals += 1
    for job in accepted:
        assert alice.wait(job).state == 'completed'
    assert accepted and refusals
    assert growth.bytes() < Growth.BOUND


def send_without_reply(client, count, member, signature, *body):
    """So many of the same call, of which the bus keeps no account."""
    call = new_method_call(DBusAddress(PATH, NAME, MANAGER), member, signature, body)
    call.header.flags = MessageFlag.no_reply_expected
    message = call.serialise(next(client.connection.outgoing_serial))
    client.connection.sock.setblocking(True)
    client.connection.sock.sendall(message * count)
    client.flush()


RESULT = shell('printf "{\\"text\\": \\"%060000d\\"}" 0 > "$CODEX_JOB_RESULT"')


def test_results_that_are_read_at_once(alice, system):
    job = alice.run(RESULT).job['Id']
    growth = Growth(system)
    with disk_busy(system):
        send_without_reply(alice, 12000, 'Get', 's', job)
    alice.get(job)  # after them
    assert growth.bytes() < Growth.BOUND


def test_answer_that_no_bus_would_take(alice, system):
    pid = system.service_pid()
    job = alice.run(RESULT).job['Id']
    with refused('LimitExceeded', 'results', 'exceed'):
        alice.call('AwaitAll', 'ast', [job] * 1000, FOREVER)
    records, = alice.call('AwaitAll', 'ast', [job] * 100, FOREVER)
    assert len(records) == 100 and all(len(plain(record)['Result']) > 60000 for record in records)
    assert system.service_pid() == pid


def test_list_that_no_bus_would_take(stranger, system):
    """It ends earlier: the caller goes on with the next page."""
    pid = system.service_pid()
    jobs = [job for job, _ in in_batches(stranger, lambda _: stranger.send_enqueue(RESULT), range(600))]
    for start in range(0, len(jobs), 100):
        stranger.call('AwaitAll', 'ast', jobs[start:start + 100], FOREVER)
    listed = stranger.list_ids(Limit=1000)
    assert listed == jobs[::-1][:len(listed)] and 100 <= len(listed) < 600
    assert stranger.list_ids(Limit=1000, Before=listed[-1])[0] == jobs[::-1][len(listed)]
    first = stranger.inbox('pages')
    stranger.acknowledge('pages', first[-1]['Sequence'])
    rest = stranger.inbox('pages')
    assert 100 <= len(first) < 600 and rest[0]['Sequence'] > first[-1]['Sequence']
    assert system.service_pid() == pid
    stranger.enqueued = jobs


# --- limits ---------------------------------------------------------------------------------------

def test_running_jobs_of_a_user(alice, bob, configure, gate):
    """More wait; those of another do not."""
    configure(MaxRunningPerUser=1)
    alice.enqueue(gate.job())
    gate.wait()
    second = alice.enqueue(['true'])
    assert bob.run(['true']).state == 'completed'
    assert alice.get(second)['State'] == 'queued'
    gate.open()
    assert alice.wait(second).state == 'completed'


def test_queued_jobs_of_a_user(alice, bob, configure, gate):
    configure(MaxRunningPerUser=1, MaxQueuedPerUser=2)
    alice.enqueue(gate.job())
    gate.wait()
    second = alice.enqueue(['true'])
    alice.enqueue(['true'])
    with refused('LimitExceeded', 'MaxQueuedPerUser', '2'):
        alice.enqueue(['true'])
    assert bob.run(['true']).state == 'completed'
    alice.cancel(second)
    alice.enqueue(['true'])


def test_queued_jobs_that_arrive_at_once(alice, system, configure, gate):
    """While the first are still being written."""
    configure(MaxRunning=1, MaxQueuedPerUser=2)
    alice.enqueue(gate.job())
    gate.wait()
    with stopped(system):
        calls = [alice.send_enqueue(['true']) for _ in range(100)]
    refusals = 0
    for call in calls:
        try:
            alice.enqueued.append(alice.answer(call)[0])
        except BusError as error:
            assert error.name.endswith('.LimitExceeded')
            refusals += 1
    assert refusals == 98


def test_queued_jobs_of_all(alice, bob, configure, gate):
    configure(MaxRunning=1, MaxQueued=2)
    alice.enqueue(gate.job())
    gate.wait()
    for client in (alice, bob):
        client.enqueue(['true'])
    for client in (alice, bob):
        with refused('LimitExceeded', 'MaxQueued', '2'):
            client.enqueue(['true'])


def answers_to(client, calls):
    """Those that are none of LimitExceeded."""
    answers = []
    for call in calls:
        try:
            answers.append(client.answer(call))
        except BusError as error:
            assert error.name.endswith('.LimitExceeded')
    return answers


def test_edits_of_one_take_no_place_of_another(alice, bob, system, configure):
    for client in (alice, bob):  # who may run jobs is known from then on
        client.run(['true'])
    configure(MaxQueued=50)
    job = alice.enqueue(['true'], Hold=True)
    with disk_busy(system):
        edits = [alice.send_call('Edit', 'sa{sv}', job, {'Queue': ('s', 'default')}) for _ in range(60)]
        alice.flush()
        another = bob.send_enqueue(['true'], Hold=True)
        bob.flush()
    bob.enqueued.append(bob.answer(another)[0])
    assert len(answers_to(alice, edits)) == 60


def test_refused_jobs_of_one_take_no_place_of_another(alice, bob, system, configure):
    """Also those with a key, which may have been accepted before."""
    for client in (alice, bob):
        client.run(['true'])
    configure(MaxQueuedPerUser=2, MaxQueued=50)
    with disk_busy(system):
        calls = [alice.send_enqueue(['true'], Hold=True, IdempotencyKey=f'place-{i}') for i in range(60)]
        alice.flush()
        another = bob.send_enqueue(['true'], Hold=True)
        bob.flush()
    bob.enqueued.append(bob.answer(another)[0])
    accepted = answers_to(alice, calls)
    alice.enqueued += [job for job, _ in accepted]
    assert len(accepted) == 2


def test_queues_that_are_made_at_once(alice, system):
    with disk_busy(system):
        calls = [alice.send_call('SetQueue', 'sa{sv}', f'queue-{i}', {}) for i in range(110)]
        alice.flush()
    assert len(answers_to(alice, calls)) == 100
    assert len(alice.call('ListQueues')[0]) == 101
    in_batches(alice, lambda i: alice.send_call('RemoveQueue', 's', f'queue-{i}'), range(100))


def test_full_queue_refuses_no_job_that_has_a_free_slot(alice, bob, configure, gate):
    configure(MaxRunning=2, MaxRunningPerUser=1, MaxQueued=1)
    alice.enqueue(gate.job())
    gate.wait()
    alice.enqueue(['true'])
    assert bob.run(['true']).state == 'completed'


@pytest.mark.parametrize('member, signature, arguments', [
    ('Await', 'st', lambda job: (job, FOREVER)),
    ('AwaitAny', 'ast', lambda job: ([job], FOREVER)),
    ('AwaitAll', 'ast', lambda job: ([job], FOREVER))])
def test_awaits_of_a_user(alice, bob, system, configure, gate, member, signature, arguments):
    configure(MaxAwaitsPerUser=2)
    job = alice.enqueue(gate.job())
    gate.wait()
    calls = [alice.send_wait(job) for _ in range(2)]
    with refused('LimitExceeded', 'MaxAwaitsPerUser'):
        alice.call(member, signature, *arguments(job))
    another = system.connect()
    with refused('LimitExceeded', 'MaxAwaitsPerUser'):  # of the user, not of the connection
        another.wait(job)
    another.close()
    assert bob.run(['true']).state == 'completed'
    gate.open()
    for call in calls:
        assert alice.wait_answer(call).state == 'completed'
    assert alice.run(['true']).state == 'completed'


def test_awaits_of_a_connection_that_is_gone_count_no_more(alice, system, configure, gate):
    configure(MaxAwaitsPerUser=2)
    job = alice.enqueue(gate.job())
    gate.wait()
    for _ in range(3):
        another = system.connect()
        name = another.connection.unique_name
        alice.subscribe(f"type='signal',sender='{BUS[0]}',member='NameOwnerChanged',arg0='{name}'")
        for _ in range(2):
            another.send_wait(job)
        another.flush()
        another.close()
        alice.signal(lambda signal, name=name: signal.body[0] == name)
        alice.flush()  # what the bus told alice it told the service
    gate.open()
    assert alice.wait(job).state == 'completed'


@pytest.fixture
def reader(stranger):
    """One that has nothing acknowledged, and keeps all."""
    stranger.inbox('reader')
    yield 'reader'
    stranger.call('ForgetConsumer', 's', 'reader')


def test_stored_jobs_of_a_user(stranger, reader, configure):
    job = stranger.run(['true']).job['Id']
    configure(MaxStoredPerUser=1)
    with refused('LimitExceeded', 'MaxStoredPerUser', job):
        stranger.enqueue(['true'])
    configure(MaxStoredPerUser=10000000)
    assert stranger.run(['true']).state == 'completed'


def test_stored_bytes_of_a_user(stranger, reader, configure):
    job = stranger.run(['echo', 'something']).job['Id']
    configure(MaxStoredBytesPerUser=1)
    with refused('LimitExceeded', 'MaxStoredBytesPerUser', job):
        stranger.enqueue(['true'])
    configure()
    assert stranger.run(['true']).state == 'completed'


@pytest.fixture
def stranger(system):
    """A user of whom no other test knows, and has stored anything."""
    client = system.connect(pwd.getpwnam('backup').pw_uid)
    yield client
    client.end_all()
    client.remove(*client.enqueued)
    client.close()


def test_input_of_jobs_that_wait_is_stored(stranger, configure):
    configure(MaxStoredBytesPerUser='1M')
    with open(os.memfd_create('input'), 'w+b') as file:
        file.truncate(1 << 20)
        stranger.call('Pause')
        try:
            job = stranger.enqueue(['true'], Stdin=file)
            with refused('LimitExceeded', 'MaxStoredBytesPerUser'):
                stranger.enqueue(['true'])
            stranger.cancel(job)
            stranger.enqueue(['true'])
        finally:
            stranger.call('Resume')


def test_consumers_of_a_user(system, bob):
    """Of a user whom no other test knows: there are as many as may be, and those that came last are there."""
    client = system.connect(pwd.getpwnam('mail').pw_uid)
    bob.call('Inbox', 'su', 'test', 1)
    in_batches(client, lambda number: client.send_call('Acknowledge', 'st', f'consumer-{number}', 0), range(1000))
    assert len(client.consumers()) == 1000
    client.acknowledge('consumer-0', 0)  # came back
    for number in range(1000, 1003):
        client.inbox(f'consumer-{number}')
    assert client.consumer_names() == [f'consumer-{number}' for number in [*range(4, 1000), 0, *range(1000, 1003)]]
    in_batches(client, lambda name: client.send_call('ForgetConsumer', 's', name), client.consumer_names())
    assert client.consumers() == []
    client.close()
    assert 'test' in bob.consumer_names()
