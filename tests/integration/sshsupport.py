# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: 2026 The Codex Jobs authors
"""Other hosts, which are this one: an sshd that lets alice in, and names of hosts in her configuration of ssh."""

import contextlib
import os
import pwd
import shutil
import socket
import subprocess
import tempfile

import pytest

from support import PATIENCE, Lines

SSHD = '/usr/sbin/sshd'

CONFIG = '''Host *
HostName 127.0.0.1
Port {port}
User alice
IdentityFile {folder}/%n
IdentitiesOnly yes
UserKnownHostsFile {folder}/known
StrictHostKeyChecking accept-new
'''

# A bus that starts nothing.
LONELY = '''<busconfig><type>session</type><listen>{}</listen><policy context="default">
<allow send_destination="*" eavesdrop="true"/><allow eavesdrop="true"/><allow own="*"/></policy></busconfig>'''


def free_port():
    with socket.socket() as probe:
        probe.bind(('127.0.0.1', 0))
        return probe.getsockname()[1]


def descendants(pid):
    """The processes below one, parents first."""
    with open(f'/proc/{pid}/task/{pid}/children', encoding='utf-8') as file:
        children = [int(child) for child in file.read().split()]
    return children + [found for child in children for found in descendants(child)]


def program(pid):
    with open(f'/proc/{pid}/comm', encoding='utf-8') as file:
        return file.read().strip()


class Hosts:
    """Each name has a key of its own, which may be for one command only."""

    def __init__(self, folder):
        self.folder = folder
        self.alice = pwd.getpwnam('alice')
        self.home = f'{self.alice.pw_dir}/.ssh'
        os.makedirs('/run/sshd', exist_ok=True)
        os.mkdir(self.home, 0o700)
        self.port = free_port()
        self.write(f'{self.home}/config', CONFIG.format(port=self.port, folder=folder))
        self.write(f'{self.home}/authorized_keys', '')
        os.chown(self.home, self.alice.pw_uid, self.alice.pw_gid)
        self.key('server')
        self.start()

    def write(self, path, text, mode='w'):
        with open(path, mode, encoding='utf-8') as file:
            file.write(text)
        os.chown(path, self.alice.pw_uid, self.alice.pw_gid)

    def key(self, name):
        path = f'{self.folder}/{name}'
        assert not os.path.exists(path)
        subprocess.run(['ssh-keygen', '-q', '-t', 'ed25519', '-N', '', '-f', path], check=True)
        os.chown(path, self.alice.pw_uid, self.alice.pw_gid)
        with open(f'{path}.pub', encoding='utf-8') as file:
            return file.read()

    def add(self, name, command=None):
        key = self.key(name)
        self.write(f'{self.home}/authorized_keys', f'command="{command}" {key}' if command else key, 'a')
        return name

    def start(self):
        self.sshd = subprocess.Popen(
            [SSHD, '-D', '-e', '-f', '/dev/null', '-o', f'Port={self.port}', '-o', 'ListenAddress=127.0.0.1',
             '-o', f'HostKey={self.folder}/server', '-o', 'PidFile=none', '-o', 'UsePAM=yes',
             '-o', 'PasswordAuthentication=no', '-o', 'KbdInteractiveAuthentication=no'],
            stdin=subprocess.DEVNULL, stderr=subprocess.PIPE)
        log = Lines(self.sshd.stderr.fileno(), 'the log of sshd')
        while 'Server listening' not in log.line():
            pass

    def bridges(self):
        """The processes on the other side of connections."""
        return [pid for pid in descendants(self.sshd.pid) if program(pid).startswith('systemd-stdio-b')]

    def stop(self):
        """No more connections."""
        self.sshd.terminate()
        self.sshd.wait(PATIENCE)  # connections that it made go on, with its stderr
        self.sshd.stderr.close()

    def close(self):
        self.stop()
        shutil.rmtree(self.home)


@contextlib.contextmanager
def lonely_bus(hosts, folder):
    """Its address."""
    address, config = f'unix:path={folder}/bus', f'{folder}/bus.conf'
    hosts.write(config, LONELY.format(address))
    with subprocess.Popen(['as-user', 'alice', 'dbus-daemon', '--nofork', '--print-address', f'--config-file={config}'],
                          stdout=subprocess.PIPE) as bus:
        assert bus.stdout.readline()
        try:
            yield address
        finally:
            bus.kill()


@pytest.fixture(scope='module')
def hosts(sandbox):
    if not os.path.exists(SSHD):
        pytest.skip('there is no sshd')
    with tempfile.TemporaryDirectory(prefix='ssh-') as folder:
        alice = pwd.getpwnam('alice')
        os.chown(folder, alice.pw_uid, alice.pw_gid)
        hosts = Hosts(folder)
        hosts.add('other')
        yield hosts
        hosts.close()
