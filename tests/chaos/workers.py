# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: 2026 The Codex Jobs authors
"""Kills of workers, at every named place and together with the service, and the loss of the socket on which the service
hears of them."""

import asyncio
import contextlib
import functools
import os
import random
import signal

from faults import held_process
from kills import REACHED_SECONDS, WORKER_POINTS, note, over

SOCKET = 'codex-jobsd.socket'
AWAY_SECONDS = (2, 4)  # longer than workers try in vain to connect


# --- kills ----------------------------------------------------------------------------------------

async def kill_worker_at(scene, load, point):
    await scene.up()
    try:
        job = await scene.worker_taken(point, REACHED_SECONDS)
    except TimeoutError as error:
        raise TimeoutError(f'no worker came to {point} in {REACHED_SECONDS} s') from error
    scene.history.add('worker-killed', id=job, point=point)
    note(scene, load, f'kill at {point}')


async def kill_worker(scene, load):
    job, pid = await held_process(scene, load, scene.worker_pid)
    note(scene, load, 'kill of a worker')
    scene.history.add('worker-killed', id=job.id, point='')
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


async def kill_worker_and_service(scene, load):
    service = await scene.up()
    job, worker = await held_process(scene, load, scene.worker_pid)
    before = scene.starts
    note(scene, load, 'kill of a worker and the service')
    scene.history.add('worker-killed', id=job.id, point='')
    for pid in random.sample((worker, service), 2):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    await scene.replaced(before)


# --- the socket -----------------------------------------------------------------------------------

async def kill_service(scene):
    pid, before = await scene.up(), scene.starts
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
    await scene.replaced(before)


async def stop_socket(scene, load):
    """The service has it open, and goes on; the next one gets another."""
    note(scene, load, 'socket unit stopped')
    await scene.systemctl('stop', SOCKET)
    await load.progress(10)
    await kill_service(scene)


async def restart_socket(scene, load):
    """It cannot be started while the service runs."""
    note(scene, load, 'socket unit restarted')
    await scene.systemctl('restart', SOCKET, check=False)
    await load.progress(10)
    await scene.restart()


async def delete_socket(scene, load):
    """Workers that start find nobody to report to."""
    name = 'socket deleted'
    note(scene, load, name, allows=['unreported'])
    os.unlink(f'{os.path.dirname(scene.job_folders)}/worker' if not scene.scope.is_system else '/run/codex-jobs/worker')
    await load.progress(20)
    await scene.systemctl('stop', SOCKET)
    await kill_service(scene)
    over(scene, name)


async def take_service_away(scene, load):
    """Neither the service nor its socket is there: what ends meanwhile is reported afterwards."""
    note(scene, load, 'service and socket away')
    await scene.take_down()
    await scene.systemctl('stop', SOCKET)
    load.release_some(3)
    await asyncio.sleep(random.uniform(*AWAY_SECONDS))
    await scene.let_up()
    await scene.up()


FAULTS = {**{functools.partial(kill_worker_at, point=point): (1, 20) for point in WORKER_POINTS},
          kill_worker: (2, 50), kill_worker_and_service: (3, 100),
          stop_socket: (1, 10), restart_socket: (1, 10), delete_socket: (1, 10), take_service_away: (1, 10)}
