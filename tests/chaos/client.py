# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: 2026 The Codex Jobs authors
"""A connection to a bus on the event loop: many calls at a time, none of them blocks another. It outlives
the service, and the bus: what cannot be answered for the moment is asked again when there is somebody to
ask."""

import asyncio
import collections

from jeepney import DBusAddress, HeaderFields, MessageType, new_method_call
from jeepney.io.blocking import DBusConnection, DBusConnectionBase, prep_socket

from support import BUS, BusError, ERROR, MANAGER, NAME, PATH, acting_as

Signal = collections.namedtuple('Signal', 'sender path interface member body')

# Errors of a bus that lost the service, or of a service that is on its way: the answer is not known.
PASSING = (ERROR + 'Unavailable', ERROR + 'StoreFull', 'org.freedesktop.DBus.Error.NoReply',
           'org.freedesktop.DBus.Error.ServiceUnknown', 'org.freedesktop.DBus.Error.NameHasNoOwner',
           'org.freedesktop.DBus.Error.Disconnected', 'org.freedesktop.DBus.Error.Timeout',
           'org.freedesktop.DBus.Error.TimedOut', 'org.freedesktop.DBus.Error.Spawn.',
           'org.freedesktop.systemd1.', 'org.bus1.')

# Of these the service itself says that nothing was done.
REFUSED = ERROR

# Connecting holds everybody up.
CONNECT_SECONDS = 0.3

LOST = 'org.freedesktop.DBus.Error.Disconnected'


def is_passing(error):
    return error.name.startswith(PASSING)


class Link(DBusConnection):
    """Does not wait for the answer to its Hello: there may be none for long."""

    def __init__(self, sock):
        DBusConnectionBase.__init__(self, sock, enable_fds=True)


class Client:
    """One caller. There are no two of the same unique name."""

    def __init__(self, address, uid, ready, on_signal=None, on_lost=None):
        """ready: coroutine function that returns when the bus can be connected to."""
        self.address = address
        self.uid = uid
        self.ready = ready
        self.on_signal = on_signal
        self.on_lost = on_lost
        self.rules = []
        self.answers = {}
        self.link = None

    # --- the connection ---

    def open(self):
        with acting_as(self.uid):
            self.link = Link(prep_socket(self.address, True, CONNECT_SECONDS))
        asyncio.get_running_loop().add_reader(self.link.sock, self.pump)
        self.send(*BUS, 'Hello')
        for rule in self.rules:
            self.send(*BUS, 'AddMatch', 's', rule)

    def close(self):
        if not self.link:
            return
        asyncio.get_running_loop().remove_reader(self.link.sock)
        self.link.close()
        self.link = None
        answers, self.answers = self.answers, {}
        for answer in answers.values():
            if not answer.done():
                answer.set_exception(BusError(LOST, 'The bus closed the connection.'))

    def pump(self):
        try:
            while self.link:
                self.take(self.link.receive(timeout=0))
        except TimeoutError:
            pass
        except OSError:
            self.lose()

    def lose(self):
        """The bus is gone, and with it all that we asked."""
        self.close()
        if self.on_lost:
            self.on_lost()

    def take(self, message):
        fields = message.header.fields
        if message.header.message_type is MessageType.signal:
            if self.on_signal:
                self.on_signal(Signal(fields.get(HeaderFields.sender), fields[HeaderFields.path],
                                      fields[HeaderFields.interface], fields[HeaderFields.member],
                                      message.body))
            return
        answer = self.answers.pop(fields[HeaderFields.reply_serial], None)
        if answer is None or answer.done():
            return
        if message.header.message_type is MessageType.error:
            text = message.body[0] if message.body else ''
            answer.set_exception(BusError(fields[HeaderFields.error_name], text))
        else:
            answer.set_result(message.body)

    def send(self, destination, path, interface, member, signature='', *body):
        """The answer to come, which may be forgotten."""
        message = new_method_call(DBusAddress(path, destination, interface), member,
                                  signature or None, body)
        serial = next(self.link.outgoing_serial)
        answer = asyncio.get_running_loop().create_future()
        answer.add_done_callback(lambda done: done.cancelled() or done.exception())
        self.answers[serial] = answer
        try:
            self.link.send(message, serial)
        except OSError:
            self.lose()
        return answer

    # --- calls ---

    async def call_to(self, *call):
        if not self.link:
            await self.ready()
            if not self.link:
                self.open()
        return await self.send(*call)

    async def call(self, member, signature='', *body):
        """One call of the service; raises BusError, also where the bus is lost."""
        try:
            return await self.call_to(NAME, PATH, MANAGER, member, signature, *body)
        except (OSError, TimeoutError) as error:
            raise BusError(LOST, str(error)) from error
