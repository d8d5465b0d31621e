# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: 2026 The Codex Jobs authors
"""After the faults: let everything end, list it once more, remove it, and look what is left over."""

import asyncio
import collections
import os
import shutil
import sqlite3
import tempfile

from load import FILTER_TYPES, PAGE
from scene import PATIENCE
from support import FOREVER, plain, typed

LEFT_OVER_SECONDS = 20

Held = collections.namedtuple('Held', 'id after')


async def listed(load, **filters):
    jobs, = await load.insist('List', 'a{sv}', typed({'Limit': PAGE, **filters}, FILTER_TYPES))
    return [plain(job) for job in jobs]


def dependencies(row):
    return [tuple(entry.split(':')) for entry in row.get('After', '').split()]


async def release_all(load):
    """Whoever held a job may have gone with the host, or got no answer to its Enqueue."""
    for row in await listed(load, State=['queued']):
        if row.get('Held'):
            await load.release_held(Held(row['Id'], dependencies(row)))


async def wait_for_live(load):
    """Those whose Enqueue got no answer may be there all the same."""
    while True:
        rows = await listed(load, State=['queued', 'running'])
        if not rows:
            return
        await release_all(load)
        call = load.insist('Await', 'st', rows[0]['Id'], FOREVER)
        try:
            await asyncio.wait_for(call, PATIENCE)
        except TimeoutError:
            load.history.add('never', id=rows[0]['Id'], ticket=rows[0]['Label'], call='drain')
            return


async def remove_all(load):
    while True:
        rows = await listed(load, State=['completed', 'failed', 'cancelled'])
        if not rows:
            return
        ids = [row['Id'] for row in rows]
        load.history.add('remove', ids=ids)
        await load.insist('Remove', 'as', ids)


def count_rows(state):
    """What is in the store of a service that is stopped. A copy: reading makes files."""
    with tempfile.TemporaryDirectory() as folder:
        for suffix in ('', '-wal'):
            if os.path.exists(f'{state}/jobs.sqlite{suffix}'):
                shutil.copy(f'{state}/jobs.sqlite{suffix}', folder)
        store = sqlite3.connect(f'{folder}/jobs.sqlite')
        try:
            counts = {table: store.execute(f'SELECT count(*) FROM {table}').fetchone()[0]
                      for table in ('jobs', 'specs')}
            counts['check'] = store.execute('PRAGMA integrity_check').fetchone()[0]
            return counts
        finally:
            store.close()


async def drain(scene, load):
    await load.stop()
    await wait_for_live(load)
    await load.list_finished()
    await scene.up()
    # What a worker that was killed left is removed by another that comes after it.
    for _ in range(2):
        await load.one_job(['quick'])
    await load.list_finished()
    scene.history.add('drained', last=await scene.last_sequence())
    await remove_all(load)
    await scene.no_units(LEFT_OVER_SECONDS)
    await scene.no_files(LEFT_OVER_SECONDS)
    units = await scene.job_units()
    files = [name for folder in scene.output_folders() for name in os.listdir(folder)]
    await scene.systemctl('stop', scene.scope.service)
    scene.history.add('left', units=units, files=files, folders=scene.left_folders(), rows=count_rows(scene.scope.state))
    for gate in load.gates:
        os.close(gate)
    load.gates.clear()
