# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: 2026 The Codex Jobs authors
"""A store that is damaged while the service is away. What was lost with it is lost; the rest has to be
served, and served right, the damaged file is kept, and somebody is told. A story of its own: the promises
of the checker hold for disks that keep what was flushed to them. Damage that no program can see, a few bytes
of a text that are others, is none of it."""

import asyncio
import dataclasses
import glob
import os
import random
import shutil
import sqlite3
import time

from checker import LOST, WRONG, Violation
from kills import note
from load import Load
from plans import Job
from scene import PATIENCE
from support import FILTER_TYPES, plain, typed

PAGE_SIZE = 4096
OVER = ('quick', 'print', 'signal', 'missing') * 8
WAITING = 3  # beyond those that run


# --- what is done to the store: each returns how many jobs may be lost with it -------------------------

def page_of_rows(path):
    page, rows = random.choice(pages_of(path, ROWS))
    overwrite(path, offset_of(page), PAGE_SIZE)
    return rows


def page_of_an_index(path):
    page, _ = random.choice(pages_of(path, INDEX))
    overwrite(path, offset_of(page), PAGE_SIZE)
    return 0


def schema(path):
    overwrite(path, 100, PAGE_SIZE - 100)
    return ALL


def header(path):
    overwrite(path, 0, 100)
    return ALL


def end_of_file(path):
    """Half of the pages with rows, and whatever is behind the first of them."""
    pages = pages_of(path, ROWS)
    first, _ = pages[len(pages) // 2]
    os.truncate(path, offset_of(first))
    return sum(rows for page, rows in pages if page >= first)


def all_of_it(path):
    os.truncate(path, 0)
    return ALL


DAMAGES = (page_of_rows, page_of_an_index, schema, header, end_of_file, all_of_it)
ALL = 10**6
ROWS = "name = 'jobs' AND pagetype = 'leaf'"
INDEX = "name LIKE '%jobs%' AND name != 'jobs'"


def pages_of(path, condition):
    """Number of each page and of the rows on it, from the beginning of the file on."""
    store = sqlite3.connect(f'file:{path}?immutable=1', uri=True)
    pages = store.execute(f'SELECT pageno, ncell FROM dbstat WHERE {condition} ORDER BY pageno').fetchall()
    store.close()
    return pages


def offset_of(page):
    return (page - 1) * PAGE_SIZE


def overwrite(path, offset, size):
    with open(path, 'r+b') as file:
        file.seek(offset)
        file.write(os.urandom(size))


# --- jobs before and after ------------------------------------------------------------------------

async def enqueue(load, kind):
    load.number += 1
    argument = 'KILL' if kind == 'signal' else str(random.randrange(3))
    job = Job(f'{load.prefix}{load.number}', kind, argument, keyed=True, cancel=False)
    load.make_gate(job)
    await load.enqueue(job)
    return job


async def populate(load, running):
    """Jobs that are over, that run and that wait; all of them, and those that are not over."""
    over = [await enqueue(load, kind) for kind in OVER]
    for job in over:
        load.let_go(job)
        await load.wait('Await', [job])
    live = [await enqueue(load, 'hold') for _ in range(running + WAITING)]
    return [*over, *live], live


async def listed(load):
    jobs, = await load.insist('List', 'a{sv}', typed({'Limit': 1000}, FILTER_TYPES))
    return {job['Id']: job for job in map(plain, jobs)}


async def finish(load, live):
    """Let all go that live; those that are still known end as they would have."""
    for job in live:
        load.let_go(job)
    known = await listed(load)
    for job in live:
        if job.id in known:
            await load.wait('Await', [job])
    return await listed(load)


# --- what came of it ------------------------------------------------------------------------------

def expected(job):
    code = {'missing': 127, 'signal': 137}.get(job.kind, int(job.argument) if job.argument.isdigit() else 0)
    return 'failed' if code else 'completed', code


def judge(jobs, after, said, aside, bearable):
    """Violations, and how many jobs are gone."""
    found, gone = [], [job for job in jobs if job.id not in after]
    for job in jobs:
        row = after.get(job.id)
        end = (row['State'], row['ExitCode']) if row else None
        # What a job was to execute may be lost where its record is not.
        if row and end != expected(job) and (row['State'], row.get('Reason')) != ('failed', 'not-executable'):
            found.append(Violation(WRONG, f'it is told as {end} and was {expected(job)}', job.id))
    if len(gone) > bearable:
        found.append(Violation(LOST, f'{len(gone)} of {len(jobs)} jobs are gone: more than the damage took'))
    if gone and not aside:
        found.append(Violation(LOST, f'{len(gone)} jobs are gone, and the damaged store was not kept'))
    if (gone or aside) and 'Corrupt database' not in said:
        found.append(Violation(WRONG, f'{len(gone)} jobs are gone, and the journal does not say so'))
    return found, len(gone)


async def use(scene, load, live):
    """What the jobs have come to: as it is told at first, and by a service that was started anew."""
    await scene.let_up()
    await scene.up()
    await finish(load, live)
    new = await enqueue(load, 'quick')
    await load.wait('Await', [new])
    await scene.restart()
    return await listed(load)


async def damaged(scene, load, damage):
    jobs, live = await populate(load, running=scene.slots)
    since = time.time()
    load.live = {job.ticket: job for job in live}
    note(scene, load, f'damage to the store: {damage.__name__}')
    await scene.take_down()
    store = f'{scene.scope.state}/jobs.sqlite'
    bearable = damage(store)
    try:
        async with asyncio.timeout(PATIENCE):
            after = await use(scene, load, live)
    except TimeoutError:
        return [Violation(LOST, f'{damage.__name__}: the service does not answer any more')]
    aside = glob.glob(f'{store}.damaged*')
    found, gone = judge(jobs, after, await scene.journal(since), aside, bearable)
    again = [name for name in os.listdir(f'{scene.base}/records') if '.again.' in name]
    found += [Violation(WRONG, 'its command ran a second time', name.partition('.')[0]) for name in again]
    print(f'{scene.name}: {damage.__name__}: {gone} of {len(jobs)} jobs are gone, {min(bearable, len(jobs))} were on it')
    return found


async def clear(scene):
    await scene.take_down()
    for path in glob.glob(f'{scene.scope.state}/jobs.sqlite*'):
        os.unlink(path)
    for folder in scene.output_folders():
        shutil.rmtree(folder)
    await scene.let_up()


async def damage_all(scene, times):
    """Returns the violations."""
    found = []
    for number in range(times):
        for damage in DAMAGES:
            await scene.open()
            load = Load(scene, f'{damage.__name__}-{number}-')
            load.knows_conditions = False # nobody releases what is held
            new = await damaged(scene, load, damage)
            found += [dataclasses.replace(violation, t=time.monotonic()) for violation in new]
            await clear(scene)
    return found
