# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: 2026 The Codex Jobs authors
"""Hosts that lack something: space in /run, descriptors."""

import contextlib
import os
import subprocess


def remount(folder, option):
    subprocess.run(['mount', '-o', f'remount,{option}', folder], check=True)


class Runtime:
    """The tmpfs on which the service manager has its transient units. It is full while the context lasts."""

    def __init__(self, scope):
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


def lack(scope, of):
    return (Descriptors if of == 'descriptors' else Runtime)(scope).full(of)


WORDS = {'space': 'No space left ', 'inodes': 'No space left ',
         'descriptors': 'Too many open files'}
