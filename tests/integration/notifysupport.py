# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: 2026 The Codex Jobs authors
"""A notification server that records what it is asked for, and codex-jobs-notify as a user's service."""

import collections
import contextlib
import os
import pwd
import shutil
import signal

from jeepney import DBusAddress, HeaderFields, MessageType, new_method_return, new_signal

from support import BUS, PATIENCE, Connection, Process, Scope

NAME = 'org.freedesktop.Notifications'
PATH = '/org/freedesktop/Notifications'
UNIT = 'codex-jobs-notify.service'
CONSUMER = 'desktop-notifications'

LOW, NORMAL, CRITICAL = range(3)

Notification = collections.namedtuple(
    'Notification', 'id app replaces icon summary body actions hints timeout')


class Desktop(Connection):
    """A connection of a user's that answers as the notification server of his session. It answers while it waits
    for something, so a test that waits for the end of a job does not hold it up for long."""

    def __init__(self, user='alice', capabilities=('actions', 'body', 'body-markup'), own=True):
        entry = pwd.getpwnam(user)
        super().__init__(f'/run/user/{entry.pw_uid}/bus', entry.pw_uid)
        self.capabilities = list(capabilities)
        self.shown = collections.deque()
        self.last_id = 100
        self.answering = True
        if own:
            self.own()

    def own(self):
        assert self.call_to(*BUS, 'RequestName', 'su', NAME, 4) == (1,)

    def disown(self):
        self.call_to(*BUS, 'ReleaseName', 's', NAME)

    def take(self, message):
        if message.header.message_type is MessageType.method_call:
            self.serve(message, message.header.fields[HeaderFields.member])
        else:
            super().take(message)

    def serve(self, message, member):
        """Without "answering" notifications are taken, and nothing is said."""
        if member == 'GetCapabilities':
            self.connection.send(new_method_return(message, 'as', (self.capabilities,)))
        elif member == 'Notify':
            app, replaces, icon, summary, body, actions, hints, timeout = message.body
            self.last_id += 1
            number = replaces or self.last_id
            self.shown.append(Notification(number, app, replaces, icon, summary, body,
                                           dict(zip(actions[::2], actions[1::2])), hints, timeout))
            if self.answering:
                self.connection.send(new_method_return(message, 'u', (number,)))

    def next(self):
        """The next notification."""
        while not self.shown:
            self.receive(PATIENCE)
        return self.shown.popleft()

    def next_about(self, job):
        shown = self.next()
        assert job in shown.body, shown
        return shown

    def emit(self, member, signature, *body, to=None):
        """To all who listen, or to one, which no match of that one's holds back."""
        message = new_signal(DBusAddress(PATH, interface=NAME), member, signature, body)
        if to:
            message.header.fields[HeaderFields.destination] = to
        self.connection.send(message)

    def invoke(self, shown, key):
        self.emit('ActionInvoked', 'us', shown.id, key)

    def flush(self):
        """The bus has passed on what we sent."""
        self.call_to(*BUS, 'GetId')


class Notifier:
    """codex-jobs-notify of a user."""

    def __init__(self, user='alice'):
        self.scope = Scope('user', user)
        self.user = self.scope.user
        self.config = f'{self.user.pw_dir}/.config/codex-jobs/notify.conf'
        self.state = f'{self.user.pw_dir}/.local/state/codex-jobs-notify'
        self.folder = f'/run/user/{self.user.pw_uid}/codex-jobs-notify'

    def systemctl(self, *arguments):
        return self.scope.systemctl(*arguments)

    def configure(self, **values):
        os.makedirs(os.path.dirname(self.config), exist_ok=True)
        with open(self.config, 'w', encoding='utf-8') as file:
            file.write('[Notify]\n' + ''.join(f'{key}={value}\n' for key, value in values.items()))

    def forget(self):
        """As before the first start."""
        self.systemctl('stop', UNIT)
        shutil.rmtree(self.state, ignore_errors=True)
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self.config)

    def start(self, **settings):
        """Returns when it follows."""
        if settings:
            self.configure(**settings)
        self.systemctl('start', UNIT)

    def stop(self):
        self.systemctl('stop', UNIT)

    def pid(self):
        return int(self.scope.unit_property(UNIT, 'MainPID'))

    def kill(self):
        """As a crash does. systemd starts it again after a second."""
        with Process(self.pid()) as process:
            process.kill(signal.SIGKILL)
            assert process.wait_end()
