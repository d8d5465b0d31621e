# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: 2026 The Codex Jobs authors
"""The channel through which workers speak to the service: whoever else speaks there is not believed, and keeps
nobody from being heard."""

import contextlib
import os
import random
import resource
import shutil
import socket
import sqlite3
import struct
import tempfile

import pytest
from support import SECOND, acting_as, held, shell
from workersupport import (beside, descriptors_of, facts, processes, python, wait_for_progress,  # noqa: F401
                           worker_of)

# pylint: disable=redefined-outer-name


def channel_of(scope):
    return '/run/codex-jobs/worker' if scope.is_system else f'/run/user/{scope.uid}/codex-jobs/worker'


class Channels:
    """Connections of a user to the service's channel for workers."""

    def __init__(self, path, uid):
        self.path = path
        self.uid = uid
        self.all = []

    def open(self):
        """One more, where the service takes it."""
        one = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        one.setblocking(False)
        with acting_as(self.uid):
            try:
                one.connect(self.path)
            except BlockingIOError:
                one.close()
                return None
        self.all.append(one)
        return one

    def close(self):
        for one in self.all:
            one.close()
        self.all.clear()


@pytest.fixture(autouse=True)
def many_descriptors():
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.fixture
def channels(scope, jobs):
    jobs.flush()
    made = Channels(channel_of(scope), scope.uid)
    yield made
    made.close()


def is_served(jobs):
    """A job's progress and end come through."""
    ended = jobs.run(shell('systemd-notify --status=told; exit 4'))
    return (*facts(ended), ended.job.get('Progress')) == ('failed', 'exit-code', 4, 'told')


def test_words_that_no_worker_says(jobs, scope, channels, beside):
    """Random, empty, long, with the id of another job, with descriptors."""
    source = random.Random(2)
    job = beside.encode()
    messages = [b'\0', b'x' * 200_000, b'hello', b'{}', job, b'\1' + job, b'hello ' + job + b' secret', b'\xff' * 64,
                bytes(1 << 12)]
    messages += [source.randbytes(source.randrange(1, 300)) for _ in range(200)]
    messages += [source.randbytes(8) + job + source.randbytes(40) for _ in range(50)]
    null = os.open('/dev/null', os.O_RDONLY)
    for message in messages:
        one = channels.open()
        if not one:
            jobs.flush()
            continue
        try:
            one.send(message)
            socket.send_fds(one, [message], [null] * 50)
            one.send(message)
        except OSError:
            pass  # it is closed already, or takes no more
    os.close(null)
    channels.close()
    jobs.flush()
    assert is_served(jobs)
    assert not descriptors_of(scope.service_pid()).count('/dev/null') > 3


def test_connections_that_say_nothing(jobs, scope, channels, beside):
    """A user has so many and no more, and they do not keep the jobs of others, nor his own, from their ends."""
    before = len(descriptors_of(scope.service_pid()))
    for _ in range(3000):
        if not channels.open():
            jobs.flush()
    jobs.flush()
    assert len(descriptors_of(scope.service_pid())) - before < 2200
    ended = jobs.run(shell('exit 4'))
    assert facts(ended) == ('failed', 'exit-code', 4)
    channels.close()
    jobs.flush()
    assert is_served(jobs)
    jobs.flush()
    assert len(descriptors_of(scope.service_pid())) - before < 20


def test_connections_of_another_user(system, alice, bob):
    """Bob's jobs are told of through the channel, however many alice has."""
    alice.flush()
    channels = Channels(channel_of(system), alice.uid)
    try:
        for _ in range(3000):
            if not channels.open():
                bob.flush()
        for _ in range(5):
            ended = bob.run(shell('systemd-notify --status=told; exit 4'))
            assert (*facts(ended), ended.job['Progress'], ended.job['EndSource']) == \
                ('failed', 'exit-code', 4, 'told', 'worker')
    finally:
        channels.close()


def test_connections_that_come_and_go(jobs, scope, channels, beside):
    for _ in range(5000):
        one = channels.open()
        if one:
            one.close()
            channels.all.clear()
        else:
            jobs.flush()
    assert is_served(jobs)


def test_connection_that_reads_nothing(jobs, scope, channels, beside):
    one = channels.open()
    try:
        for _ in range(10000):
            one.send(b'x' * 100)
    except OSError:
        pass
    assert is_served(jobs)


def test_job_that_speaks_to_the_channel(jobs, scope, beside):
    """As its worker would, but without the secret: neither of itself nor of the one beside."""
    script = '''
    path, other = sys.argv[1:]
    for job in (os.environ['CODEX_JOB_ID'], other):
        for n in range(200):
            one = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            try:
                one.connect(path)
                one.send(bytes([n]) + b'\\0' * 7 + job.encode() + bytes(64))
                one.send(b'\\2\\0\\0\\0')
            except OSError:
                pass
            one.close()
    sys.exit(3)
    '''
    ended = jobs.run(python(script, channel_of(scope), beside))
    assert facts(ended) == ('failed', 'exit-code', 3)
    assert ended.job['EndSource'] == 'worker'


@pytest.mark.restarts
def test_channel_while_the_service_is_away(jobs, scope, channels, beside):
    """What waits there for the next service is no end of anything."""
    wait_for_progress(jobs, beside, 'half')
    scope.kill_service()
    for _ in range(100):
        one = channels.open()
        if one:
            try:
                one.send(b'\1' + beside.encode() + bytes(40))
            except OSError:
                pass
    assert is_served(jobs)


def test_socket_is_not_another_users_to_change(system, alice, bob):
    path = channel_of(system)
    bob.flush()
    tried = bob.enqueue(shell('rm -f "$1"; mv "$1" "$1.away"; chmod 0 "$1"; : >"$(dirname "$1")/x"; true', path))
    bob.wait(tried)
    assert bob.output(tried, 'stderr').count(b'\n') >= 3
    assert is_served(alice)


def hello(job, secret):
    return struct.pack('=II64s16sQ', 1, 1, job.encode(), secret, 0)


def claim_that_it_ended(channels, job, secret):
    one = channels.open()
    try:
        one.send(hello(job, secret))
        one.send(ended(0, 1))
    except OSError:
        pass  # it is closed already


def test_hello_with_another_secret(jobs, scope, channels, beside):
    """Of who knows all of it but one bit, or nothing; with the job's own user."""
    secret = secret_of(scope, beside)
    for guess in (bytes(16), bytes([secret[0] ^ 1]) + secret[1:], secret[:15] + bytes([secret[15] ^ 128]),
                  secret[::-1]):
        claim_that_it_ended(channels, beside, guess)
    assert is_served(jobs)
    jobs.flush()
    assert jobs.get(beside)['State'] == 'running'


def test_hello_with_the_secret_of_another_users_job(system, alice, bob, gate):
    """Which nobody can know; it would be of no use."""
    job = alice.enqueue(gate.job('exit 4'))
    gate.wait()
    channels = Channels(channel_of(system), bob.uid)
    try:
        claim_that_it_ended(channels, job, secret_of(system, job))
        bob.flush()
        assert alice.get(job)['State'] == 'running'
    finally:
        channels.close()
    gate.open()
    found = alice.wait(job)
    assert (*facts(found), found.job['EndSource']) == ('failed', 'exit-code', 4, 'worker')


# --- a worker that lies ---------------------------------------------------------------------------

def secret_of(scope, job):
    """As the store has it, which is the service's alone: it is read from a copy, of files that nobody writes meanwhile."""
    with tempfile.TemporaryDirectory() as folder:
        with held(scope.service_pid()):
            for name in os.listdir(scope.state):
                if name.startswith('jobs.sqlite'):
                    shutil.copy(f'{scope.state}/{name}', folder)
        with contextlib.closing(sqlite3.connect(f'{folder}/jobs.sqlite')) as store:
            return bytes.fromhex(store.execute('SELECT secret FROM jobs WHERE id = ?', (job,)).fetchone()[0])


def ended(started, finished, status=0, *, code=os.CLD_EXITED, final=1, errors=0, left=b'', result=b''):
    """The command exited, by default with success, between these times."""
    return struct.pack('=IIIIIiixxxxQQIIQIIII', 1, 3, 80, final, 0, code, status, started, finished, 1 if result else 0,
                       errors, len(result), errors, 0, len(left), len(result)) + left + result


@pytest.fixture
def silenced():
    """The workers that are held, until it is closed."""
    with contextlib.ExitStack() as stack:
        yield stack


@pytest.fixture
def liar(jobs, scope, channels, gate, processes, silenced):
    """A job, and a connection that speaks for it; its own worker does not."""
    job = jobs.enqueue(gate.job())
    processes.add(gate.wait())
    silenced.enter_context(held(worker_of(scope, job)))
    one = channels.open()
    one.send(hello(job, secret_of(scope, job)))
    jobs.flush()
    yield job, one
    silenced.close()
    gate.open()


@pytest.mark.parametrize('started, finished', [(0, 2**63 - 1), (0, 2**64 - 1), (2**63, 2**63 + SECOND),
                                               (2**64 - 1, 1), (2**64 - 1, 2**64 - 1)])
def test_times_that_are_not_over(jobs, liar, started, finished):
    job, one = liar
    one.send(ended(started, finished))
    found = jobs.wait(job).job
    assert found['EndSource'] == 'worker'
    now = jobs.run(shell('true')).job['FinishedUSec']
    assert found['StartedUSec'] <= found['FinishedUSec'] <= now


# What one says that has the secret; each is an end with success, as far as it is one.
LIES = {
    'letters that are none': [ended(1, 2, left=b'\x1b[2J\0\xff\xfe\r\n' * 50)],
    'two ends': [ended(1, 2), ended(1, 2, 7), ended(1, 2, 9, code=os.CLD_KILLED)],
    'a result of brackets': [ended(1, 2, result=b'{"a":' * 13000)],
    'errors that are none': [ended(1, 2, errors=2**32 - 1)],
    'an end that is taken back': [ended(1, 2), ended(1, 2, final=0, left=b'PID 1 (root): init')],
    'left without an end': [ended(1, 2, code=0, final=0, left=b'\x1b]0;x\7\xff' * 80), ended(1, 2)],
}


@pytest.mark.parametrize('lie', LIES)
def test_lies_about_its_own_job(jobs, liar, lie, beside):
    job, one = liar
    with contextlib.suppress(BrokenPipeError):  # the first may have been enough
        for message in LIES[lie]:
            one.send(message)
    found = jobs.wait(job)
    assert facts(found) == ('completed', '', 0)
    assert (found.job['EndSource'], found.job.get('Result')) == ('worker', None)
    assert jobs.get(beside)['State'] == 'running'
    assert is_served(jobs)


@pytest.mark.parametrize('lie', [
    ended(1, 2, 256), ended(1, 2, 0, code=os.CLD_KILLED), ended(1, 2, 65, code=os.CLD_KILLED), ended(1, 2, code=0),
    ended(1, 2, -1), ended(1, 2, code=77), ended(1, 2, left=bytes(1025)), ended(1, 2)[:79],
    ended(1, 2, result=bytes(65537))],
    ids=['status', 'no signal', 'signal', 'runs still', 'below', 'code', 'long', 'short', 'result'])
def test_what_no_worker_says_of_its_job(jobs, liar, lie, silenced):
    """The connection is closed, and its worker is believed again."""
    job, one = liar
    one.send(lie)
    jobs.flush()
    assert jobs.get(job)['State'] == 'running'
    silenced.close()
    assert is_served(jobs)
