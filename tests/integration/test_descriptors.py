# SPDX-License-Identifier: Apache-2.0
"""What comes with a call beside what it asks for stays with the bus: no user fills the service with it."""

import os
import socket

import pytest
from jeepney import DBusAddress, HeaderFields, new_method_call

from support import FOREVER, MANAGER, NAME, OPTION_TYPES, PATH, BusError, typed


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
