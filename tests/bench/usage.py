# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: 2026 The Codex Jobs authors
"""What the processes of the sandbox use: CPU, by the counters of their control groups, and memory."""

import contextlib
import glob
import os
import time

GROUPS = '/sys/fs/cgroup'
HARNESS = ['system.slice/sandbox-command.service']
SERVICE = ['system.slice/codex-jobsd.service']
JOBS = 'codex.slice/codex-jobs.slice'
PARTS = {
    'service managers': ['init.scope', 'user.slice/*/user@*.service/init.scope'],
    'buses': ['system.slice/dbus*.service', 'user.slice/*/user@*.service/*/dbus*.service'],
    'service': [*SERVICE, 'user.slice/*/user@*.service/*/codex-jobsd.service'],
    'journal': ['system.slice/systemd-journald.service']}


def group_cpu(patterns):
    """Microseconds. What ended processes used is in it, and in the group above what groups used that are gone."""
    total = 0
    for pattern in patterns:
        for path in glob.glob(f'{GROUPS}/{pattern}/cpu.stat'):
            with open(path, encoding='ascii') as lines:
                total += int(next(lines).split()[1])
    return total


def all_cpu():
    """Of all processes but the benchmark and its children. "job" is what has no group that stays: the command, its
    worker, and what the service manager forked for them."""
    parts = {name: group_cpu(patterns) for name, patterns in PARTS.items()}
    total = group_cpu(['.']) - group_cpu(HARNESS)
    return {'all': total, 'job': total - sum(parts.values()), **parts}


def settle():
    """Until what goes on behind an answer is over: units are released, ends are written. An idle sandbox uses
    nothing at all, which the kernel does not tell of: it is looked at, from a group that is not counted. What could be
    waited for instead, an answer of each service and a sync of the journal, uses CPU of theirs."""
    last, end = -1000, time.monotonic() + 2
    while (now := group_cpu(['.']) - group_cpu(HARNESS)) > last + 50 and time.monotonic() < end:
        last = now
        time.sleep(0.03)


class Used:
    """The CPU that is used inside of a "with", in milliseconds, by part."""

    def __enter__(self):
        settle()
        self.begin = all_cpu()
        return self

    def __exit__(self, *_):
        settle()
        self.parts = {name: (end - self.begin[name]) / 1000 for name, end in all_cpu().items()}


def memory_of(pid):
    """Private and proportional memory in KiB."""
    with open(f'/proc/{pid}/smaps_rollup', encoding='ascii') as lines:
        sizes = {name: int(size) for name, size, unit in map(str.split, list(lines)[1:])}
    return sizes['Private_Clean:'] + sizes['Private_Dirty:'], sizes['Pss:']


def job_processes(command):
    """The processes of all jobs of the system's service: those that are workers, and those that run the command."""
    found = {'codex-jobs-worker': [], command: []}
    for path in glob.glob(f'{GROUPS}/{JOBS}/*/cgroup.procs'):
        # What ends meanwhile is passed over.
        with contextlib.suppress(OSError), open(path, encoding='ascii') as lines:
            for pid in map(int, lines):
                program = os.path.basename(os.readlink(f'/proc/{pid}/exe'))
                found.setdefault(program, []).append(pid)
    return found['codex-jobs-worker'], found[command]
