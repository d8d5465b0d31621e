# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: 2026 The Codex Jobs authors
"""The sandbox's place in the machine's control groups: one group in each hierarchy it uses."""

import os
import select
import sys
import uuid

from kernel import SandboxError, mount

GROUP_NAME = 'codex-jobs-sandbox'

# What the limits of a job need, and all that systemd makes groups in where it finds v1.
CONTROLLERS = ('memory', 'pids', 'cpu')
V1_CONTROLLERS = ('', 'name=systemd', 'cpuacct', 'blkio', 'devices', *CONTROLLERS)


def own_groups():
    """Hierarchy (its controllers as mount(8) names them; '' is v2) to this process's group."""
    groups = {}
    with open('/proc/self/cgroup', encoding='utf-8') as lines:
        for line in lines:
            _, controllers, path = line.rstrip('\n').split(':', 2)
            groups[controllers] = path
    return groups


def enter_scope():
    """Where a systemd owns the control groups, have it delegate some: start again in a scope."""
    if not os.path.isdir('/run/systemd/system'):
        return
    if is_scope(own_groups().get('', '')):
        return
    scope = f'{GROUP_NAME}-{uuid.uuid4().hex[:12]}.scope'
    os.execvp('systemd-run', ['systemd-run', '--scope', '--quiet', '--collect', f'--unit={scope}',
                              '--property=Delegate=yes', '--', sys.argv[0], *sys.argv[1:]])


def is_scope(path):
    name = os.path.basename(path)
    return name.startswith(f'{GROUP_NAME}-') and name.endswith('.scope')


def write(path, text):
    with open(path, 'w', encoding='utf-8') as file:
        file.write(text)


class ControlGroups:
    """Made and removed by the keeper, who mounts each hierarchy in a folder of its own."""

    def __init__(self, folder):
        self.folder = folder
        self.paths = {}

    def make_all(self, layout):
        own = own_groups()
        if layout == 'v2':
            own = {'': own.get('', '/')}
        else:
            for controller in CONTROLLERS:
                if not any(controller in name.split(',') for name in own):
                    raise SandboxError(f'Controller "{controller}" is not available for cgroup v1: '
                                       'omit --cgroup v1.')
            own.setdefault('name=systemd', '/')
        for name, path in own.items():
            if any(controller in V1_CONTROLLERS for controller in name.split(',')):
                self.make(name, path)

    def make(self, name, own):
        root = f'{self.folder}/{name or "unified"}'
        os.mkdir(root)
        if name:
            mount('cgroup', root, 'cgroup', 0, f'none,{name}' if '=' in name else name)
        else:
            mount('cgroup2', root, 'cgroup2')
        base = root + own.rstrip('/')
        if not name:
            self.delegate(base)
        path = f'{base}/{GROUP_NAME}-{os.getpid()}'
        os.mkdir(path)
        self.paths[name] = path

    @staticmethod
    def delegate(base):
        if is_scope(base):
            # A group that hands out controllers may hold no process itself.
            os.makedirs(f'{base}/caller', exist_ok=True)
            for process in (os.getppid(), os.getpid()):
                write(f'{base}/caller/cgroup.procs', str(process))
        for controller in CONTROLLERS:
            try:
                write(f'{base}/cgroup.subtree_control', f'+{controller}')
            except OSError:
                # The sandbox boots without it; a test that needs the limit finds out.
                pass

    def enter(self):
        for path in self.paths.values():
            write(f'{path}/cgroup.procs', '0')

    def remove(self):
        for top in self.paths.values():
            for path, _, _ in os.walk(top, topdown=False):
                remove_group(path)


def remove_group(path):
    for _ in range(200):
        try:
            os.rmdir(path)
            return
        except FileNotFoundError:
            return
        except OSError:
            # Busy for a moment after its last process was reaped. v1 has no event to wait for.
            select.select([], [], [], 0.005)
