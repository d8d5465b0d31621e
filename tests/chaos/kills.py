# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: 2026 The Codex Jobs authors
"""Kills of the service: at every named place, at random times, while it starts."""

import asyncio
import os
import random
import signal

REACHED_SECONDS = 20
START_REACHED_SECONDS = 4
PROVOCATIONS = 8
RANDOM_SECONDS = 0.25
START_SECONDS = 0.04  # about as long as a start takes

OPERATIONS = ('insert', 'begin', 'started', 'stop', 'hold', 'edit', 'retry', 'finish', 'lookup', 'list', 'remove', 'inbox',
              'acknowledge', 'see-consumer', 'list-consumers', 'forget-consumer', 'expire', 'forget', 'get-state', 'find-unknown', 'read-work', 'pause',
              'make-queue', 'remove-queue',
              'checkpoint')
PLACES = ('before-reply', 'after-reply', 'before-start', 'after-start', 'on-started', 'on-hello', 'on-report', 'on-ended',
          'before-retry', 'before-signal', 'after-signal', 'before-go', 'after-go', 'before-release', 'after-release')
KILL_POINTS = PLACES + tuple(f'{operation}-{when}-commit' for operation in OPERATIONS
                             for when in ('before', 'after'))
# Of workers.
WORKER_POINTS = ('worker-before-start', 'worker-after-start', 'worker-before-hello', 'worker-after-hello',
                 'worker-after-sigterm', 'worker-before-sigkill', 'worker-before-sync', 'worker-before-report',
                 'worker-after-report', 'worker-before-exit')
# Does not kill, but goes a way that is hard to provoke.
DETOURS = ('start-no-reply',)

# What is done at a start only: another kill brings the service to it.
AT_START = {'expire': 'on-ended', 'get-state': 'before-signal', 'find-unknown': 'on-ended'}


def note(scene, load, name, allows=()):
    """allows: the reasons that a job in flight may end with for the sake of this fault."""
    scene.history.add('fault', name=name, in_flight=len(load.live), allows=list(allows))


def over(scene, name):
    """From here on a job is out of the reach of that fault; without it, from its beginning on."""
    scene.history.add('over', name=name)


async def reached(scene, load, point, seconds=REACHED_SECONDS):
    try:
        await scene.taken(point, seconds)
    except TimeoutError as error:
        raise TimeoutError(f'the service did not come to {point} in {seconds} s') from error
    note(scene, load, f'kill at {point}')


async def provoke(scene, load, point, provocation):
    """Not each job that the service dies of leaves something that is looked at in the next start."""
    for number in range(PROVOCATIONS):
        await scene.up()
        scene.arm(provocation)
        await reached(scene, load, provocation)
        try:
            return await reached(scene, load, point, START_REACHED_SECONDS)
        except TimeoutError:
            if number == PROVOCATIONS - 1:
                raise


async def kill_at(scene, load, point):
    await scene.up()
    before = scene.starts
    scene.arm(point)
    provocation = AT_START.get(point.rsplit('-', 2)[0])
    try:
        if provocation:
            await provoke(scene, load, point, provocation)
        else:
            await reached(scene, load, point)
    finally:
        scene.disarm(point)
    await scene.replaced(before)


def kill(scene, load, pid, name):
    """Whether there was somebody to kill. The one before may have owned the name for a moment."""
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return False
    note(scene, load, name)
    return True


async def kill_sometime(scene, load):
    await asyncio.sleep(random.uniform(0, RANDOM_SECONDS))
    pid = await scene.up()
    before = scene.starts
    while not kill(scene, load, pid, 'kill at a random time'):
        await scene.replaced(before)
        pid, before = await scene.up(), scene.starts
    await scene.replaced(before)


async def kill_while_starting(scene, load):
    pid = await scene.up()
    before = scene.starts
    kill(scene, load, pid, 'kill while it starts')
    pid = await scene.next_process(pid)
    await asyncio.sleep(random.uniform(0, START_SECONDS))
    kill(scene, load, pid, 'kill while it starts')
    await scene.replaced(before)


async def lose_start_reply(scene, load):
    await scene.up()
    scene.arm('start-no-reply')
    await scene.taken('start-no-reply', REACHED_SECONDS)
    note(scene, load, 'no reply to StartTransientUnit')


def sequence(count):
    """So many kills: each named place in turn, in another order every round, some others between."""
    kills = []
    while len(kills) < count:
        batch = [(kill_at, point) for point in KILL_POINTS]
        batch += [(kill_sometime,)] * 4 + [(kill_while_starting,)] * 2 + [(lose_start_reply,)]
        random.shuffle(batch)
        kills += batch
    return kills[:count]


async def kill_many(scene, load, count):
    for kill, *arguments in sequence(count):
        await kill(scene, load, *arguments)
        await load.progress(random.randrange(8))
