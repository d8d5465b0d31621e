# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: 2026 The Codex Jobs authors
"""Faults of the disk, the clock and the store under a running load: the state folder is a small file
system of its own, and the service and its workers are started with the shim preloaded."""

import asyncio
import contextlib
import os
import random
import re
import sqlite3
import subprocess
import time

from kernel_events import process_end
from kills import note, over
from load import Load
from plans import KINDS
from scene import PATIENCE
from support import ERROR, acting_as

SIZE = '6M'
UNSUITED = ('bulk',)  # what these write does not fit on the disk
PAGE = 4096
BLOCKED_SECONDS = 1.5  # more than a worker waits before it tries again
PROBES = 500
WRITES = 12  # a little more than a commit takes
HOUR = 3600


class DiskLoad(Load):
    kinds = tuple(name for name in KINDS if name not in UNSUITED)


# --- the stage ------------------------------------------------------------------------------------

async def set_up(scene):
    user = scene.scope.user
    owner = '' if scene.scope.is_system else f',uid={user.pw_uid},gid={user.pw_gid}'
    await scene.command('mount', '-t', 'tmpfs', '-o', f'size={SIZE},mode=700{owner}', 'tmpfs',
                        scene.scope.state)
    os.makedirs(f'{scene.base}/shim', exist_ok=True)
    # The shim deletes the file that had it kill the service: it is to happen once.
    scene.drop_in(f'[Service]\nReadWritePaths={scene.base}/shim\n')
    await scene.systemctl('daemon-reload')
    await scene.systemctl('set-environment', f'LD_PRELOAD={scene.folder}/shim.so', f'CHAOS_SHIM={scene.base}/shim')


async def take_down(scene):
    scene.drop_in(None)
    await scene.systemctl('unset-environment', 'LD_PRELOAD', 'CHAOS_SHIM')
    await scene.systemctl('daemon-reload')
    await scene.command('umount', '--lazy', scene.scope.state)


@contextlib.contextmanager
def shim(scene, name, text=''):
    path = f'{scene.base}/shim/{name}'
    with open(path, 'w', encoding='ascii') as file:
        file.write(text)
    try:
        yield
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)


# --- expectations ---------------------------------------------------------------------------------

async def refusals(scene, load, name, error, worsen=lambda: None):
    """New jobs are refused, soon and in these words."""
    for _ in range(PROBES):
        worsen()
        found = await load.probe()
        if found:
            break
    if found != error:
        scene.history.add('error', ids=[''], call=f'Enqueue, {name}', error=found or 'was accepted', text='')


async def commands_end(load):
    """Commands that run end, whatever becomes of the service."""
    for pid in load.release_some(3):
        await process_end(pid, PATIENCE)


async def begin_start(scene):
    await scene.let_up()
    await scene.systemctl('start', '--no-block', scene.scope.service)
    return await scene.next_process(0)


async def start_fails(scene, since, sentence):
    """The service does not start, and says why."""
    await process_end(await begin_start(scene), PATIENCE)
    lines = await scene.journal(since)
    if not re.search(sentence, lines):
        scene.history.add('error', ids=[''], call='start', error=f'the journal does not say "{sentence}"',
                          text=lines[-400:])


async def start_waits(scene, since, sentence):
    """The service says what it waits for."""
    await begin_start(scene)
    journal = await asyncio.create_subprocess_exec(
        'journalctl', '--follow', '--quiet', '--output=cat', f'--since=@{int(since)}', f'--grep={sentence}',
        stdout=subprocess.PIPE)
    try:
        await asyncio.wait_for(journal.stdout.readline(), PATIENCE)
    finally:
        journal.kill()
        await journal.wait()


# --- faults ---------------------------------------------------------------------------------------

def fill(path):
    with open(path, 'ab', buffering=0) as file:
        for size in (65536, 4096, 1):
            with contextlib.suppress(OSError):
                while True:
                    file.write(b'\0' * size)


async def block(load, job, ballast):
    """Whether a command waits for room for what it writes, and has it for the first part, somewhere in a line."""
    fill(ballast)
    os.truncate(ballast, max(os.path.getsize(ballast) - PAGE, 0))
    try:
        await process_end(load.release(job), BLOCKED_SECONDS)
        return False
    except TimeoutError:
        return True


async def full_disk(scene, load):
    await scene.up()
    jobs = [await load.held('long') for _ in range(3)]
    note(scene, load, 'full disk', allows=['full'])
    ballast = f'{scene.scope.state}/ballast'
    try:
        # The service makes room, too: a log that was written back to the store is cut off.
        await refusals(scene, load, 'disk full', ERROR + 'StoreFull', worsen=lambda: fill(ballast))
        await commands_end(load)
        if not any([await block(load, job, ballast) for job in jobs]):
            scene.history.add('error', ids=[''], call='write', error='no command had to wait for room', text='')
    finally:
        os.unlink(ballast)
        over(scene, 'full disk')


async def full_disk_without_splice(scene, load):
    """Of a file system that has no splice(2) for its files."""
    with shim(scene, 'worker-no-splice'):
        await full_disk(scene, load)
        await load.settle()


async def failing_disk(scene, load):
    """What workers write is lost from there on; the jobs end as their commands do, and the journal has the error."""
    await scene.up()
    name, since = 'EIO of the disk', time.time()
    job = await load.held('late')
    note(scene, load, name, allows=['disk'])
    with shim(scene, 'eio'), shim(scene, 'worker-eio'):
        await refusals(scene, load, 'disk fails', ERROR + 'Unavailable')
        await commands_end(load)
        await process_end(load.release(job), PATIENCE)
        for job_ in [job_ for job_ in load.live.values() if job_.kind == 'chatter']:
            load.let_go(job_)  # what is lost is no part of a limit
    await load.settle()
    over(scene, name)
    lines = await scene.journal(since)
    if not re.search(f'{job.id}: failed to write or sync its output.*Input/output error', lines):
        scene.history.add('error', ids=[job.id], call='write', error='the journal does not say that its output is lost',
                          text=lines[-400:])


async def kill_in_commit(scene, load):
    """The service dies with some of the writes and flushes of a commit done, the others not."""
    await scene.up()
    before = scene.starts
    with shim(scene, 'kill', str(random.randrange(WRITES))):
        note(scene, load, 'kill in the middle of a commit')
        await scene.replaced(before)


async def read_only_store(scene, load):
    store = f'{scene.scope.state}/jobs.sqlite'
    note(scene, load, 'read-only store')
    since = time.time()
    await scene.take_down()
    await scene.command('mount', '--bind', store, store)
    await scene.command('mount', '-o', 'remount,bind,ro', store)
    await start_waits(scene, since, 'database .*read-only')
    await commands_end(load)
    await scene.command('umount', store)
    await scene.restart()  # in a mount namespace of its own it does not see this


def set_version(scene, version):
    with acting_as(scene.scope.uid if not scene.scope.is_system else 0):
        store = sqlite3.connect(f'{scene.scope.state}/jobs.sqlite', timeout=PATIENCE)
        before = store.execute('PRAGMA user_version').fetchone()[0]
        store.execute(f'PRAGMA user_version = {version}')
        store.close()
    return before


async def newer_store(scene, load):
    note(scene, load, 'store of a newer version')
    since = time.time()
    await scene.take_down()
    version = set_version(scene, 999)
    await start_fails(scene, since, 'database .*newer version')
    await commands_end(load)
    set_version(scene, version)
    # It is not tried again by itself, and a bus may wait for a start that has failed.
    await scene.systemctl('start', scene.scope.service)


async def jump(scene, load):
    for offset in (24 * HOUR, -24 * HOUR):
        note(scene, load, 'clock jumps a day ' + ('ahead' if offset > 0 else 'back'))
        with shim(scene, 'clock', str(offset)):
            await load.progress(20)


FAULTS = (kill_in_commit, full_disk, failing_disk, kill_in_commit, full_disk_without_splice, read_only_store,
          kill_in_commit, newer_store, jump)


async def disk(scene, load, times):
    for _ in range(times):
        for fault in FAULTS:
            await fault(scene, load)
            await scene.up()
            await load.settle()
            await load.progress(20)
