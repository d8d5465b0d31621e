# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: 2026 The Codex Jobs authors
"""What else happens to a service on a host: an upgrade, a hang, a bus, a service manager or a command that
dies, no descriptors left. Each fault happens under load and is over when its function returns."""

import contextlib
import os
import random
import shutil
import signal

from kills import note, over
from support import ERROR, PROGRAM

RELOADS = 20
FEW_DESCRIPTORS = 8


# --- the service ----------------------------------------------------------------------------------

async def upgrade(scene, load):
    """What a package manager does: another file under the old name, then a restart."""
    await scene.up()
    shutil.copy2(PROGRAM, f'{PROGRAM}.new')
    os.rename(f'{PROGRAM}.new', PROGRAM)
    note(scene, load, 'upgrade')
    await scene.restart()


async def hang(scene, load):
    """The service stands still until its watchdog notices."""
    scene.drop_in('[Service]\nWatchdogSec=1s\n')
    await scene.systemctl('daemon-reload')
    await scene.restart()
    await load.progress(5)
    pid = await scene.up()
    before = scene.starts
    note(scene, load, 'watchdog')
    os.kill(pid, signal.SIGSTOP)
    await scene.replaced(before)
    scene.drop_in(None)
    await scene.systemctl('daemon-reload')
    await scene.restart()


async def run_out_of_descriptors(scene, load):
    """It can open nothing more: what is new is refused, or waits, as what was accepted before."""
    pid = await scene.up()
    limits = await scene.as_service('prlimit', f'--pid={pid}', '--nofile', '--noheadings', '--raw',
                                    '--output=SOFT,HARD')
    soft, hard = limits.split()
    note(scene, load, 'no descriptors')
    await scene.as_service('prlimit', f'--pid={pid}', f'--nofile={FEW_DESCRIPTORS}:{hard}')
    errors = [await load.probe() for _ in range(3)]
    if scene.pid == pid:
        await scene.as_service('prlimit', f'--pid={pid}', f'--nofile={soft}:{hard}')
    if not set(errors) <= {'', ERROR + 'Unavailable'}:
        scene.history.add('error', ids=[''], call='Enqueue without descriptors', error=str(errors), text='')


# --- what it stands on ----------------------------------------------------------------------------

async def restart_bus(scene, load):
    await scene.up()
    before = scene.starts
    note(scene, load, 'bus restart')
    await scene.systemctl('restart', 'dbus.service')
    await scene.replaced(before)


async def kill_bus(scene, load):
    """The bus crashes; its socket has systemd start another. Where systemd itself tries to connect before
    it has seen the end of the old one, it waits for itself until its time-out of 90 seconds."""
    await scene.up()
    before = scene.starts
    note(scene, load, 'bus crash')
    with scene.outage():
        await scene.systemctl('kill', '--signal=KILL', 'dbus.service')
        await scene.replaced(before)


async def reload_storm(scene, load):
    """In the middle of it the service is away, so that some ends are collected after a reload."""
    await scene.up()
    note(scene, load, 'daemon-reload storm')
    for number in range(RELOADS):
        if number == RELOADS // 2:
            pid, before = await scene.up(), scene.starts
            os.kill(pid, signal.SIGKILL)
        await scene.systemctl('daemon-reload')
    await scene.replaced(before)


async def reexecute(scene, load):
    note(scene, load, 'daemon-reexec')
    await scene.systemctl('daemon-reexec')


async def restart_user_manager(scene, load):
    """All the user's processes end, and the bus with them."""
    await scene.up()
    before = scene.starts
    note(scene, load, 'user manager restart', allows=['host-restarted'])
    scene.bus_is_up.clear()
    try:
        await scene.command('systemctl', 'restart', f'user@{scene.scope.uid}.service')
    finally:
        scene.bus_is_up.set()
    await scene.replaced(before)
    over(scene, 'user manager restart')


async def held_process(scene, load, find):
    """A process of a job that waits at its gate; find: which."""
    while True:
        held = [job for job in load.live.values() if job.id and job.plan.holds and not job.let_go]
        found = [(job, pid) for job in held if (pid := find(job.id))]
        if found:
            return random.choice(found)
        await load.progress(1)


async def kill_command(scene, load):
    job, pid = await held_process(scene, load, scene.command_pid)
    note(scene, load, 'kill of a command')
    scene.history.add('command-killed', id=job.id, pid=pid)
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


async def run_out_of_memory(scene, load):
    """The kernel ends a command."""
    note(scene, load, 'OOM kill of a command')
    await load.one_job(['hungry'])


# How many times in a short and in a long run.
FAULTS = {upgrade: (2, 40), hang: (1, 5), run_out_of_descriptors: (1, 10), kill_command: (3, 50),
          reload_storm: (1, 10), reexecute: (2, 20)}
BUS_FAULTS = {restart_bus: (2, 10), kill_bus: (0, 3)}
MANAGER_FAULTS = {restart_user_manager: (2, 10)}
MEMORY_FAULTS = {run_out_of_memory: (5, 50)}


async def suffer(scene, load, faults, long):
    """All of these faults, in any order."""
    chosen = [fault for fault, times in faults.items() for _ in range(times[long])]
    random.shuffle(chosen)
    for fault in chosen:
        await fault(scene, load)
        await load.progress(random.randrange(5, 20))
