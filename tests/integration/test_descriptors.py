# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: 2026 The Codex Jobs authors
"""What comes with a call beside what it asks for stays with the bus: no user fills the service with it."""

import contextlib
import os
import random
import socket
import subprocess

import pytest
from jeepney import DBusAddress, HeaderFields, new_method_call

from support import FOREVER, MANAGER, NAME, OPTION_TYPES, PATH, PATIENCE, BusError, typed


def send_with_files(client, n, member, signature, *body):
    """A call with n descriptors that nothing in it refers to."""
    message = new_method_call(DBusAddress(PATH, NAME, MANAGER), member, signature, body)
    message.header.fields[HeaderFields.unix_fds] = n
    serial = next(client.connection.outgoing_serial)
    data = message.serialise(serial)
    with open('/dev/null', 'rb') as file:
        assert socket.send_fds(client.connection.sock, [data], [file.fileno()] * n) == len(data)
    return serial


@pytest.mark.parametrize('n, member, signature, body', [
    (1, 'Await', 'st', ('job', FOREVER)),
    (1, 'AwaitAny', 'ast', (['job'], FOREVER)),
    (1, 'Cancel', 's', ('job',)),
    (1, 'List', 'a{sv}', ({},)),
    (2, 'Enqueue', 'asa{sv}', (['true'], {})),
    (2, 'Retry', 'sa{sv}', ('job', {}))])
def test_no_call_leaves_descriptors_with_the_service(alice, n, member, signature, body):
    """It keeps the message of each call that waits."""
    with pytest.raises(BusError) as error:
        alice.answer(send_with_files(alice, n, member, signature, *body))
    assert error.value.name == 'org.freedesktop.DBus.Error.AccessDenied'


def test_calls_with_their_descriptor(alice):
    with open(os.memfd_create('input'), 'w+b') as file:
        file.write(b'something')
        file.flush()
        options = typed({'Stdin': file}, OPTION_TYPES)
        job = alice.enqueue(['cat'], Stdin=file)
        alice.wait(job)
        again, _ = alice.call('Retry', 'sa{sv}', job, options)
        alice.enqueued.append(again)
        alice.wait(again)
        assert alice.output(again) == b'something'


# --- descriptors of a user that nobody receives ---------------------------------------------------

IN_FLIGHT = '''
import socket, sys
ours, theirs = socket.socketpair()
for _ in range(12):
    socket.send_fds(ours, [b"x"], [0] * 250)
print("ready", flush=True)
sys.stdin.readline()
'''


@pytest.fixture
def carol(scope):
    """The kernel counts them for a user of the whole machine, on which other tests run: so one whom nobody else has."""
    if not scope.is_system:
        pytest.skip('a session bus is the same user\'s, and cannot forward them either')
    name, uid = 'carol', str(random.randrange(100_000, 1_000_000))
    subprocess.run(['useradd', '--create-home', '--uid', uid, name], check=True)
    yield name
    subprocess.run(['userdel', '--remove', '--force', name], check=True, stderr=subprocess.DEVNULL)


@contextlib.contextmanager
def in_flight(user):
    """3,000 of a user's."""
    with subprocess.Popen(['prlimit', '--nofile=20000:20000', 'as-user', user, 'python3', '-c', IN_FLIGHT],
                          stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout.readline() == b'ready\n'
        yield process
        process.stdin.close()
        assert process.wait(PATIENCE) == 0


def with_limit(limit, user, *arguments):
    return subprocess.Popen(['prlimit', f'--nofile={limit}', 'as-user', user, 'codex-jobs', '--system', *arguments],
                            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


INPUT = ('run', '--quiet', '--stdin', '/etc/hostname', '--', 'wc', '-l')


def test_client_among_many_in_flight(carol):
    """It may have as many as its hard limit allows."""
    with in_flight(carol), with_limit('1024:10000', carol, *INPUT) as client:
        assert client.communicate(timeout=PATIENCE) == ('1\n', '')
        assert client.returncode == 0


def test_client_waits_until_fewer_are_in_flight(carol):
    with in_flight(carol) as others, with_limit('1024:1024', carol, *INPUT) as client:
        with pytest.raises(subprocess.TimeoutExpired):
            client.wait(1)
        others.stdin.write(b'\n')
        others.stdin.flush()
        assert client.communicate(timeout=PATIENCE) == ('1\n', '')
        assert client.returncode == 0


def test_client_says_that_too_many_are_in_flight(carol):
    with in_flight(carol), with_limit('1024:1024', carol, *INPUT) as client:
        stdout, stderr = client.communicate(timeout=PATIENCE)
        assert (stdout, client.returncode) == ('', 125)
        assert 'Too many file descriptors' in stderr and 'ulimit -n' in stderr


def test_what_needs_no_descriptor_works_among_many_in_flight(carol):
    """Reading the output does: the service sends them."""
    with in_flight(carol), with_limit('1024:1024', carol, 'run', '--quiet', '--', 'echo', 'something') as client:
        assert client.communicate(timeout=PATIENCE) == ('something\n', '')
