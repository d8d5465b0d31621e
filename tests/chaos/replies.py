# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: 2026 The Codex Jobs authors
"""Answers to Enqueue that are lost: the service is killed at each place on the way from the request to its
answer, and the caller asks again with the same key, until it hears of its job. It is one job then, and it runs
once. Without load, so that it is this request that the service dies of."""

import os
import time

from checker import DUPLICATED, LOST, WRONG, Violation
from kills import REACHED_SECONDS, note
from plans import Job, command_line
from scene import PATIENCE
from support import BusError, FILTER_TYPES, plain, typed

# Behind the commit it is the answer that the job is there already that is lost, too.
POINTS = ('insert-before-commit', 'insert-after-commit', 'before-reply', 'after-reply')
OPTION_TYPES = {'Label': 's', 'IdempotencyKey': 's'}


def request(scene, job):
    return ('Enqueue', 'asa{sv}', command_line(job, scene.command_path, scene.base),
            typed({'Label': job.ticket, 'IdempotencyKey': job.ticket}, OPTION_TYPES))


async def ask_and_kill(scene, load, job, point):
    """The id, where the answer came all the same."""
    await scene.up()
    starts = scene.starts
    scene.arm(point)
    try:
        answer = await load.client().call(*request(scene, job))
    except BusError:
        answer = ('', '')
    await scene.taken(point, REACHED_SECONDS)
    note(scene, load, f'answer lost at {point}')
    await scene.replaced(starts)
    return answer[0]


def judge(scene, job, heard, listed):
    """What is wrong with what the caller heard, what is stored, and what ran."""
    ids, now = heard - {''}, time.monotonic()
    if len(ids) > 1 or len(listed) > 1:
        yield Violation(DUPLICATED, f'one key became the jobs {sorted(ids | set(listed))}', ticket=job.ticket,
                        t=now)
    elif set(listed) != ids:
        yield Violation(LOST, f'the caller heard of {ids} and stored is {set(listed)}', ticket=job.ticket, t=now)
    for id, row in listed.items():
        if (row['State'], row['ExitCode']) != ('failed', int(job.argument)):
            yield Violation(WRONG, f'it is told as {row["State"]}, {row["ExitCode"]}', id, t=now)
        ran = [name for name in os.listdir(f'{scene.base}/records') if name.startswith(id)]
        if ran != [id]:
            yield Violation(DUPLICATED if ran else LOST, f'its command left the records {ran}', id, t=now)


async def lose(scene, load, point, times):
    """The answer to the first of the requests, or to several in a row."""
    load.number += 1
    job = Job(f'{load.prefix}{load.number}', 'quick', '7', keyed=True, cancel=False)
    load.live[job.ticket] = job
    heard = {await ask_and_kill(scene, load, job, point) for _ in range(times)}
    for _ in range(2):
        id, _ = await load.insist(*request(scene, job))
        heard.add(id)
        await load.insist('Await', 'st', id, PATIENCE * 10**6)
    del load.live[job.ticket]
    rows, = await load.insist('List', 'a{sv}', typed({'Limit': 1000}, FILTER_TYPES))
    listed = {row['Id']: row for row in map(plain, rows) if row['Label'] == job.ticket}
    return list(judge(scene, job, heard, listed))


async def lose_replies(scene, load, times):
    """Returns the violations."""
    found = []
    for _ in range(times):
        for point in POINTS:
            found += await lose(scene, load, point, 1)
        for point in POINTS[2:]:
            found += await lose(scene, load, point, 3)
    return found
