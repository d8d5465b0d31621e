# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: 2026 The Codex Jobs authors
"""Hosts that lack something: space in /run, descriptors, processes."""

import contextlib
import os
import subprocess
import tempfile
import uuid


def remount(folder, option):
    subprocess.run(['mount', '-o', f'remount,{option}', folder], check=True)


class Runtime:
    """The tmpfs on which the service manager has its transient units. It is full while the context lasts."""

    def __init__(self, scope):
        self.scope = scope
        self.folder = '/run' if scope.is_system else f'/run/user/{scope.uid}'
        self.filler = f'{self.folder}/filler'

    def fill_space(self):
        found = os.statvfs(self.folder)
        # At least some: 0 would be without a limit.
        remount(self.folder, f'size={(found.f_blocks - found.f_bfree + 16) * found.f_frsize}')
        with open(self.filler, 'wb', buffering=0) as file, contextlib.suppress(OSError):
            while True:
                file.write(bytes(4096))

    def fill_inodes(self):
        found = os.statvfs(self.folder)
        remount(self.folder, f'nr_inodes={found.f_files - found.f_ffree + 4}')
        os.mkdir(self.filler)
        with contextlib.suppress(OSError):
            for number in range(1000):
                os.mkdir(f'{self.filler}/{number}')

    @contextlib.contextmanager
    def full(self, of):
        while self.scope.job_units(besides=('running',)):
            pass  # what those of ended jobs have there would be room for others when they are released
        before = os.statvfs(self.folder)
        try:
            self.fill_inodes() if of == 'inodes' else self.fill_space()
            yield
        finally:
            remount(self.folder, f'size={before.f_blocks * before.f_frsize},nr_inodes={before.f_files}')
            subprocess.run(['rm', '-rf', self.filler], check=True)


class Descriptors:
    """The service has no further one while the context lasts."""

    def __init__(self, scope):
        self.scope = scope

    @contextlib.contextmanager
    def full(self, of):
        pid = self.scope.service_pid()
        used = {int(name) for name in os.listdir(f'/proc/{pid}/fd')}
        free = min(set(range(len(used) + 1)) - used)
        with open(f'/proc/{pid}/limits', encoding='ascii') as file:
            before = next(line.split()[3] for line in file if line.startswith('Max open files'))
        self.limit(pid, free)
        try:
            yield
        finally:
            self.limit(pid, before)

    def limit(self, pid, number):
        """By the user of the service: root may not, without capabilities that the sandbox does not have."""
        user = {} if self.scope.is_system else {'user': self.scope.uid, 'group': self.scope.user.pw_gid, 'extra_groups': []}
        subprocess.run(['prlimit', '--pid', str(pid), f'--nofile={number}:'], check=True, **user)


def read(path):
    with open(path, encoding='ascii') as file:
        return file.read()


def write(path, value):
    with open(path, 'w', encoding='ascii') as file:
        file.write(str(value))


class Processes:
    """The service manager can start no process while the context lasts, by a limit of its control group; or so many."""

    room = 0

    def __init__(self, scope):
        self.scope = scope
        self.manager = 1 if scope.is_system else int(subprocess.run(
            ['systemctl', 'show', '--value', '--property=MainPID', f'user@{scope.uid}.service'], check=True,
            capture_output=True, text=True).stdout)

    def group(self, controller):
        """Its path in the hierarchy of a controller; without one, in that of all, v2."""
        lines = (line.split(':', 2) for line in read(f'/proc/{self.manager}/cgroup').splitlines())
        return next(path for _, names, path in lines if controller in names.split(',')).rstrip('/')

    @contextlib.contextmanager
    def full(self, of):
        group = f'/sys/fs/cgroup{self.group("")}'
        # The service asks polkit, where there is one, which could not be started either.
        subprocess.run(['systemctl', 'start', 'polkit.service'], check=False, capture_output=True)
        with self.limited(group) if os.path.exists(f'{group}/pids.max') else self.moved():
            yield

    @contextlib.contextmanager
    def limited(self, group):
        before = read(f'{group}/pids.max')
        write(f'{group}/pids.max', read(f'{group}/pids.current'))
        try:
            yield
        finally:
            write(f'{group}/pids.max', before)

    @contextlib.contextmanager
    def moved(self):
        """Of a machine that has the controller in v1: to a group of its own."""
        with tempfile.TemporaryDirectory() as folder:
            subprocess.run(['mount', '-t', 'cgroup', '-o', 'pids', 'cgroup', folder], check=True)
            home = folder + self.group('pids')
            group = f'{home}/codex-jobs-sandbox-{uuid.uuid4()}'
            os.mkdir(group)
            try:
                write(f'{group}/cgroup.procs', self.manager)
                write(f'{group}/pids.max', 1 + self.room)
                yield
            finally:
                while pids := read(f'{group}/cgroup.procs').split():
                    for pid in pids:
                        with contextlib.suppress(ProcessLookupError):
                            write(f'{home}/cgroup.procs', pid)
                os.rmdir(group)
                subprocess.run(['umount', folder], check=True)


class Commands(Processes):
    """It can start the worker of one job, and that no command."""

    room = 1

    @contextlib.contextmanager
    def limited(self, group):
        self.scope.systemctl('set-property', '--runtime', 'codex-jobs.slice', 'TasksMax=1')
        try:
            yield
        finally:
            self.scope.systemctl('set-property', '--runtime', 'codex-jobs.slice', 'TasksMax=infinity')


    def moved(self):
        """The service manager of the system moves its children where it has the controller."""
        has_controller = self.scope.is_system and os.path.isdir('/sys/fs/cgroup/pids')
        return self.limited(None) if has_controller else super().moved()


class UserProcesses(Processes):
    """What the service manager starts is of a user who has too many processes; root never has."""

    @contextlib.contextmanager
    def full(self, of):
        with open(f'/proc/{self.manager}/limits', encoding='ascii') as file:
            before = next(line.split()[2] for line in file if line.startswith('Max processes'))
        self.limit('1')
        try:
            yield
        finally:
            self.limit(before)

    def limit(self, number):
        user = {} if self.scope.is_system else {'user': self.scope.uid, 'group': self.scope.user.pw_gid, 'extra_groups': []}
        subprocess.run(['prlimit', '--pid', str(self.manager), f'--nproc={number}:'], check=True, **user)


RESOURCES = {'descriptors': Descriptors, 'processes': Processes}


def lack(scope, of):
    return RESOURCES.get(of, Runtime)(scope).full(of)


WORDS = {'space': 'No space left ', 'inodes': 'No space left ', 'descriptors': 'Too many open files',
         'processes': 'cannot start a process, due to a limit of processes or lack of memory'}
