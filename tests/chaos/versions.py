# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: 2026 The Codex Jobs authors
"""An upgrade from the version before, and what there is on the way: a service with a worker of another version, both ways
round. Jobs run and wait all the time. Programs and units are those of the host: both scopes go the way together."""

import asyncio
import os
import shutil

from kills import note, over
from load import Load
from plans import KINDS
from scene import Scene
from support import PROGRAM

WORKER = f'{os.path.dirname(PROGRAM)}/codex-jobs-worker'
UNITS = '/usr/lib/systemd'
SERVICE_UNITS = ('system/codex-jobsd.service', 'user/codex-jobsd.service')
SOCKET_UNITS = ('system/codex-jobsd.socket', 'user/codex-jobsd.socket')  # which the version before does not have

# What the version before takes for the word of the unit, limits that its worker leaves to its service, and what it does not know.
UNSUITED = ('notify', 'chatter', 'overtime', 'silent', 'flaky')
BUSY = 30


class VersionLoad(Load):
    kinds = tuple(name for name in KINDS if name not in UNSUITED)
    knows_order = False
    knows_conditions = False


class Versions:
    """Both versions of what is installed. before: the build folder of the one before."""

    def __init__(self, before, folder):
        self.before = before
        self.now = f'{folder}/now'
        for path in (PROGRAM, WORKER, *(f'{UNITS}/{unit}' for unit in (*SERVICE_UNITS, *SOCKET_UNITS))):
            os.makedirs(os.path.dirname(f'{self.now}{path}'), exist_ok=True)
            shutil.copy2(path, f'{self.now}{path}')

    def replace(self, source, path):
        """As a package manager does it."""
        shutil.copy2(source, f'{path}.new')
        os.rename(f'{path}.new', path)

    def go_back(self):
        self.replace(f'{self.before}/service/codex-jobsd', PROGRAM)
        self.take_older_worker()
        for unit in SERVICE_UNITS:
            self.replace(f'{self.before}/systemd/{unit.removeprefix("system/")}', f'{UNITS}/{unit}')
        for unit in SOCKET_UNITS:
            os.unlink(f'{UNITS}/{unit}')

    def upgrade(self):
        for path in (PROGRAM, *(f'{UNITS}/{unit}' for unit in (*SERVICE_UNITS, *SOCKET_UNITS))):
            self.replace(f'{self.now}{path}', path)

    def take_older_worker(self):
        self.replace(f'{self.before}/service/codex-jobs-worker', WORKER)

    def take_worker(self):
        self.replace(f'{self.now}{WORKER}', WORKER)


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
