# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: 2026 The Codex Jobs authors
"""The host goes down under the jobs, without a word, and comes up again: this program is run once for each
time that the sandbox is booted, with the same state."""

import os

from drain import release_all
from history import read
from kills import note, over
from load import Load
from plans import Job

NAME = 'reboot'
BUSY = 40  # ends before the host goes down


def unfinished(events):
    """Jobs that were accepted, and whose end nobody was told, as they were asked for."""
    ends = {event['id'] for event in events if event['event'] == 'told'}
    accepts = {event['ticket']: event['id'] for event in events if event['event'] == 'accept'}
    return [Job(event['ticket'], event['kind'], event['argument'], event['keyed'], cancel=False,
                id=accepts[event['ticket']])
            for event in events if event['event'] == 'ask'
            and accepts.get(event['ticket'], '') not in {'', *ends}]


def unanswered(events):
    """Jobs whose Enqueue was under way: they may be there or not."""
    known = {event['ticket'] for event in events if event['event'] in ('accept', 'refused', 'unanswered')}
    return [Job(event['ticket'], event['kind'], event['argument'], event['keyed'], cancel=False)
            for event in events if event['event'] == 'ask' and event['ticket'] not in known]


def last_seen(events):
    return max((row['sequence'] for event in events if event['event'] == 'listed' for row in event['jobs']),
               default=0)


def last_acknowledged(events):
    return max((event['sequence'] for event in events if event['event'] == 'acknowledge'), default=0)


async def resume(scene, load):
    """Wait for what was accepted before; it is let go at once."""
    events = read(f'{scene.base}/history.jsonl')
    over(scene, NAME)
    await load.insist('Resume')  # it may have gone down while the queue was paused
    await release_all(load)
    load.seen = last_seen(events)
    await load.acknowledge(last_acknowledged(events))  # the answer may have been lost
    for job in unanswered(events):
        load.open_gate(job)
        load.let_go(job)
        load.gates.append(job.gate)
    for job in unfinished(events):
        load.open_gate(job)
        load.let_go(job)
        load.live[job.ticket] = job
        load.spawn('after the reboot', wait_for(load, job))


async def wait_for(load, job):
    await load.in_time(job, [load.spawn('Await', load.wait('Await', [job]))])
    del load.live[job.ticket]


async def go_down(scene, load):
    await load.progress(BUSY)
    note(scene, load, NAME, allows=['host-restarted'])


def new_load(scene, boot):
    return Load(scene, f'{boot}-')


def marker(folder):
    return f'{folder}/boots'


def count_boot(folder):
    """Which boot this is, from 1."""
    with open(marker(folder), 'a+', encoding='ascii') as file:
        file.write('x')
        file.flush()
        return os.fstat(file.fileno()).st_size
