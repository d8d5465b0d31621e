# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: 2026 The Codex Jobs authors
"""An upgrade from the version before, and what there is on the way: a service with a worker of another version, both ways
round. Jobs run and wait all the time. Programs and units are those of the host: both scopes go the way together."""

import asyncio

from kills import note, over
from load import Load
from plans import KINDS
from scene import Scene

# What the version before takes for the word of the unit, limits that its worker leaves to its service, and what it does not know.
UNSUITED = ('notify', 'chatter', 'overtime', 'silent', 'flaky')
BUSY = 30


class VersionLoad(Load):
    kinds = tuple(name for name in KINDS if name not in UNSUITED)
    knows_order = False
    knows_conditions = False


async def everywhere(function, *arguments):
    """In all scopes at a time; arguments: lists with an entry for each."""
    await asyncio.gather(*(function(*each) for each in zip(*arguments)))


async def reload(scene):
    await scene.systemctl('daemon-reload')


async def start(scene, load):
    await scene.open()
    note(scene, load, 'older service', allows=['older'])
    await load.start()
    await load.progress(BUSY)


async def make_progress(load):
    await load.progress(BUSY)


async def go_through(scenes, loads, versions):
    for scene in scenes:
        await scene.systemctl('stop', 'codex-jobsd.socket', scene.scope.service, check=False)
    versions.go_back()
    await everywhere(reload, scenes)
    await everywhere(start, scenes, loads)

    versions.take_worker()
    for scene, load in zip(scenes, loads):
        note(scene, load, 'newer worker', allows=['older'])
    await everywhere(make_progress, loads)

    versions.upgrade()
    for scene, load in zip(scenes, loads):
        note(scene, load, 'upgrade')
    await everywhere(reload, scenes)
    await everywhere(Scene.restart, scenes)
    for scene, load in zip(scenes, loads):
        over(scene, 'older service')
        over(scene, 'newer worker')
        load.knows_order = load.knows_conditions = True
    await everywhere(make_progress, loads)

    versions.take_older_worker()
    for scene, load in zip(scenes, loads):
        note(scene, load, 'older worker', allows=['older'])
    await everywhere(make_progress, loads)
    versions.take_worker()
    for scene, load in zip(scenes, loads):
        over(scene, 'older worker')
        load.kinds = Load.kinds
    await everywhere(make_progress, loads)
