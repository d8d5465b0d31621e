# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: 2026 The Codex Jobs authors
"""A stand-in for the service, on a bus of its own: it answers what the real one says seldom, or what one of
another version would."""

import os
import pwd
import select
import subprocess

import pytest
from jeepney import DBusAddress, HeaderFields, MessageType, new_error, new_method_return, new_signal

from support import BUS, ERROR, MANAGER, NAME, PATH, PATIENCE, Connection

JOB = 'job-0123456789'

RECORD = {
    'Id': ('s', JOB), 'Kind': ('s', 'job'), 'Label': ('s', 'a label'), 'State': ('s', 'running'), 'Reason': ('s', ''),
    'ExitCode': ('i', -1), 'Signal': ('i', 0), 'Uid': ('u', 0), 'Unit': ('s', f'codex-job-{JOB}.service'),
    'Queue': ('s', 'default'), 'CreatedUSec': ('t', 1), 'StartedUSec': ('t', 2), 'FinishedUSec': ('t', 0),
    'Sequence': ('t', 0), 'StdoutBytes': ('t', 0), 'StderrBytes': ('t', 0), 'Notify': ('b', True)}
ENDED = RECORD | {'State': ('s', 'completed'), 'ExitCode': ('i', 0), 'FinishedUSec': ('t', 3), 'Sequence': ('t', 1)}


class Refusal(Exception):
    """An error that the stand-in answers."""

    def __init__(self, name, text):
        super().__init__(text)
        self.name = ERROR + name


class StandIn(Connection):
    """Answers each method by a function of the arguments, which returns a signature and values or raises a Refusal.
    What it was called with is in calls."""

    def __init__(self, address):
        super().__init__(address, pwd.getpwnam('alice').pw_uid)
        self.calls = []
        self.methods = {}
        self.unknown = None  # the error for all others
        self.after = None  # what is done once the answer is sent
        assert self.call_to(*BUS, 'RequestName', 'su', NAME, 4) == (1,)

    def take(self, message):
        if message.header.message_type is not MessageType.method_call:
            super().take(message)
            return
        member = message.header.fields[HeaderFields.member]
        self.calls.append((member, *message.body))
        if self.unknown and member not in self.methods:
            self.connection.send(new_error(message, self.unknown, 's', ('No such method',)))
            return
        try:
            signature, *values = self.methods[member](*message.body)
            self.connection.send(new_method_return(message, signature, tuple(values)))
        except Refusal as refusal:
            self.connection.send(new_error(message, refusal.name, 's', (str(refusal),)))
        if self.after:
            after, self.after = self.after, None
            after()

    def emit(self, member, signature, *body):
        self.connection.send(new_signal(DBusAddress(PATH, interface=MANAGER), member, signature, body))

    def run(self, *arguments, status):
        """codex-jobs with this service: its stdout and the lines of its stderr."""
        command = ['as-user', 'alice', 'env', '-C', '/tmp', f'DBUS_SESSION_BUS_ADDRESS=unix:path={self.address}',
                   'codex-jobs', arguments[0], '--user', *arguments[1:]]
        with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              text=True) as process:
            pidfd = os.pidfd_open(process.pid)
            try:
                self.serve_until(pidfd)
            finally:
                process.kill()
                os.close(pidfd)
            out, err = process.communicate()
        assert process.returncode == status, (process.returncode, out, err)
        return out, err.splitlines()

    def serve_until(self, pidfd):
        while True:
            ready, _, _ = select.select([self.connection.sock, pidfd], [], [], PATIENCE)
            assert ready, self.calls
            if self.connection.sock not in ready:
                return
            try:
                while True:
                    self.receive(0)
            except TimeoutError:
                pass


@pytest.fixture
def stand_in(sandbox, folder):
    """On a bus that nobody else is on."""
    address = f'{folder}/bus'
    with subprocess.Popen(['as-user', 'alice', 'dbus-daemon', '--session', '--nofork', '--nopidfile', '--print-address',
                           f'--address=unix:path={address}'], stdout=subprocess.PIPE) as bus:
        try:
            assert bus.stdout.readline()
            service = StandIn(address)
            yield service
            service.close()
        finally:
            bus.kill()
    os.unlink(address)
