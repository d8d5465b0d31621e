# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: 2026 The Codex Jobs authors
"""Keeps a window of jobs in flight, through several clients at a time, and writes into the history what
each of them is told: Enqueue with and without a key, with priorities, times, dependencies and parents, Hold, Edit and Release, Await, AwaitAny, AwaitAll, Cancel, Get, OpenOutput,
Retry, List by sequence, an inbox, Pause, SetQueue and RemoveQueue, Remove."""

import asyncio
import collections
import dataclasses
import os
import random
import struct

from client import REFUSED
from plans import KINDS, command_line, contents, draw, written
from support import FILTER_TYPES, FOREVER, BusError, now_usec, plain, typed

WINDOW = 20
HOLDERS = 6
TYPES = {'Label': 's', 'IdempotencyKey': 's', 'OutputMax': 't', 'RuntimeMaxUSec': 't', 'StallUSec': 't',
         'MemoryMax': 't', 'Priority': 'i', 'NotBeforeUSec': 't', 'After': 'a(ss)', 'Hold': 'b', 'Parent': 's',
         'Retries': 'u', 'RetryDelayUSec': 't'}
PAGE = 1000
KEPT = 30  # jobs that are over and not yet removed


class Load:
    kinds = tuple(KINDS)  # of jobs
    knows_order = True  # the service has "order" in OpenOutput
    knows_conditions = True  # and what jobs wait for besides their turn

    def __init__(self, scene, prefix='', window=WINDOW, holders=HOLDERS):
        self.scene = scene
        self.history = scene.history
        self.prefix = prefix
        self.window = window
        self.holders_max = holders
        self.number = 0
        self.live = {}  # by ticket
        self.holders = collections.deque()
        self.kept = []
        self.gates = []
        self.over = collections.deque()  # ids that may be removed
        self.ended = 0
        self.moved = asyncio.Event()
        self.ending = False
        self.tasks = set()
        self.slots = []
        self.seen = 0  # the last sequence that List told
        self.acknowledged = 0
        self.recorded = 0  # the last sequence whose Acknowledge was answered

    # --- life ---

    async def start(self):
        """Sequences go on from those of before."""
        self.seen = self.acknowledged = await self.scene.last_sequence()
        self.run()

    def run(self):
        self.slots = [asyncio.create_task(self.slot()) for _ in range(self.window)]
        self.slots.append(asyncio.create_task(self.reader()))

    async def progress(self, count):
        """Wait until so many more jobs have ended."""
        target = self.ended + count
        while self.ended < target:
            self.moved.clear()
            if await self.scene.patiently([asyncio.ensure_future(self.moved.wait())]):
                raise TimeoutError('no job has ended for long')
            self.look_for_failures()

    async def settle(self):
        """Wait until all that may end by now has ended."""
        going = {ticket for ticket, job in self.live.items() if job.let_go}
        while going & set(self.live):
            await self.progress(1)

    def look_for_failures(self):
        for slot in self.slots:
            if slot.done() and slot.exception():
                raise slot.exception()

    async def stop(self):
        """Let everything go, and wait until it is over."""
        self.ending = True
        self.moved.set()
        while self.holders:
            self.let_oldest_go()
        for job, _ in list(self.kept):
            self.release(job)
        await asyncio.gather(*self.slots)
        if self.tasks:
            for task in await self.scene.patiently(self.tasks):
                self.history.add('never', id='', ticket='', call=task.get_name())

    def spawn(self, name, coroutine):
        task = asyncio.create_task(coroutine, name=name)
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)
        return task

    def client(self):
        return random.choice(self.scene.clients)

    async def insist(self, member, signature='', *body):
        return await self.scene.insist(self.client(), member, signature, *body)

    # --- one job after another ---

    async def slot(self):
        while not self.ending:
            await self.one_job()

    def new_job(self, kinds=None):
        self.number += 1
        job = draw(f'{self.prefix}{self.number}', kinds or self.kinds)
        self.make_gate(job)
        return job

    async def probe(self):
        """One job more, asked for once, that nothing else may refuse. Returns the name of the error, or none."""
        job = self.new_job()
        job.keyed = False
        job.alone = True
        self.live[job.ticket] = job
        if await self.enqueue(job):
            self.spawn('probe', self.go_through(job))
            return ''
        del self.live[job.ticket]
        return job.error

    async def go_through(self, job):
        await self.accepted(job)
        del self.live[job.ticket]

    async def one_job(self, kinds=None, alone=False):
        job = self.new_job(kinds)
        job.alone = alone
        self.live[job.ticket] = job
        try:
            if await self.enqueue(job):
                await self.accepted(job)
        finally:
            del self.live[job.ticket]

    def make_gate(self, job):
        path = f'{self.scene.base}/gates/{job.ticket}'
        os.mkfifo(path)
        self.scene.own(path)
        self.open_gate(job)

    def open_gate(self, job):
        job.gate = os.open(f'{self.scene.base}/gates/{job.ticket}', os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)

    def let_go(self, job):
        job.let_go = True
        os.write(job.gate, b'\n')

    async def enqueue(self, job):
        options = {'Label': job.ticket, **dict(job.plan.options)}
        if job.keyed:
            options['IdempotencyKey'] = job.ticket
        if self.knows_conditions and not job.alone:
            options |= self.conditions(job)
        job.after = options.get('After', [])
        self.history.add('ask', ticket=job.ticket, kind=job.kind, argument=job.argument, keyed=job.keyed,
                         after=job.after, parent=options.get('Parent', ''),
                         not_before=options.get('NotBeforeUSec', 0))
        call = ('Enqueue', 'asa{sv}', command_line(job, self.scene.command_path, self.scene.base),
                typed(options, TYPES))
        try:
            if job.keyed:
                job.id, _ = await self.insist(*call)
            else:
                job.id, _ = await self.client().call(*call)
        except BusError as error:
            refused = error.name.startswith(REFUSED)
            job.error = error.name
            self.history.add('refused' if refused else 'unanswered', ticket=job.ticket, error=error.name,
                             text=error.text)
            self.let_go(job)  # it may be there all the same
            self.gates.append(job.gate)
            if refused:
                await self.scene.breathe()
            return False
        self.history.add('accept', ticket=job.ticket, id=job.id)
        return True

    def conditions(self, job):
        """What it waits for besides its turn. A job never waits for one that waits to be let go: they would all stand
        still."""
        options = {}
        if random.random() < 0.2:
            options['Priority'] = random.randrange(-1000, 1001)
        if random.random() < 0.1:
            options['NotBeforeUSec'] = now_usec() + random.randrange(-200_000, 500_000)
        if random.random() < 0.05:
            options['Hold'] = job.held = True
        others = [other for other in (*self.live.values(), *self.over) if other.id and (other.let_go or not other.plan.holds)]
        if others and random.random() < 0.2:
            chosen = {other.id for other in random.sample(others, min(random.choice([1, 1, 2]), len(others)))}
            options['After'] = [(other, random.choice(['ok', 'any', 'failed'])) for other in chosen]
        running = [other for other in self.live.values() if other.id and self.scene.command_pid(other.id)]
        if running and random.random() < 0.2:
            options['Parent'] = random.choice(running).id
        return options

    async def release_held(self, job):
        """Held once more in between, which must not lose the release. It may have been cancelled with its parent, and what it
        depends on may have been removed, which leaves it as it was."""
        change = {'Priority': ('i', random.randrange(-2, 3)), 'NotBeforeUSec': ('t', now_usec()), 'After': ('a(ss)', job.after)}
        for member, signature, *more in (('Hold', 's'), ('Edit', 'sa{sv}', change), ('Release', 's')):
            try:
                await self.insist(member, signature, job.id, *more)
            except BusError as error:
                if not error.name.endswith('InvalidArgument') and (member != 'Edit' or job.id in error.text):
                    self.history.add('error', ids=[job.id], call=member, error=error.name, text=error.text)

    async def accepted(self, job):
        if job.held:
            await self.release_held(job)
        waits = [self.spawn('Await', self.wait('Await', [job])) for _ in range(random.choice([1, 1, 2]))]
        if random.random() < 0.15:
            self.wait_for_several(job)
        if job.plan.holds:
            await self.turn(job)
        if job.cancel:
            job.let_go = True
            self.history.add('cancel', id=job.id)
            waits.append(self.spawn('Cancel', self.cancel(job)))
        elif not job.plan.reason or job.plan.holds:
            self.let_go(job)
        if await self.in_time(job, waits):
            await self.afterwards(job)
        os.close(job.gate)
        self.ended += 1
        self.moved.set()

    async def turn(self, job):
        """Until it is this job's turn to be let go: the oldest is, when there are enough."""
        if self.ending:
            return
        mine = asyncio.get_running_loop().create_future()
        self.holders.append((job, mine))
        while len(self.holders) > self.holders_max:
            self.let_oldest_go()
        await mine

    def let_oldest_go(self):
        job, turn = self.holders.popleft()
        turn.set_result(None)
        return job

    def release(self, job):
        """Let a job go before it is its turn. Returns its process, which will end; 0: somebody else is to end it."""
        for holder in [holder for holder in (*self.holders, *self.kept) if holder[0] is job]:
            (self.holders if holder in self.holders else self.kept).remove(holder)
            holder[1].set_result(None)
        return 0 if job.cancel else self.scene.command_pid(job.id)

    def release_some(self, count):
        """Let so many jobs that run go. Returns the processes that will end, whatever becomes of the disk."""
        jobs = [job for job, _ in self.holders if not written(job.kind, '')][:count]
        return [pid for pid in map(self.release, jobs) if pid]

    async def held(self, kind):
        """A job more, which runs and waits at its gate, until it is released. Nobody's cancellation takes it along."""
        known = set(self.live)

        def is_new(job):
            return job.alone and job.kind == kind and job.ticket not in known

        self.spawn(kind, self.one_job([kind], alone=True))
        while True:
            for holder in list(self.holders):
                if is_new(holder[0]) and self.scene.command_pid(holder[0].id):
                    self.holders.remove(holder)
                    self.kept.append(holder)
                    return holder[0]
            await self.progress(1)
            if not any(map(is_new, self.live.values())):
                self.spawn(kind, self.one_job([kind], alone=True))  # it was released before it was seen

    async def in_time(self, job, waits):
        """Whether each of them returned before our patience ended; the history tells which did not."""
        late = await self.scene.patiently(waits)
        for task in late:
            self.history.add('never', id=job.id, ticket=job.ticket, call=task.get_name())
            task.cancel()
        return not late

    def wait_for_several(self, job):
        others = [other for other in self.live.values() if other.id and other is not job]
        jobs = [job, *random.sample(others, min(3, len(others)))]
        call = random.choice(['AwaitAny', 'AwaitAll'])
        self.spawn(call, self.wait(call, jobs))

    # --- what clients are told ---

    async def guarded(self, ids, member, signature, *body):
        """The answer, or None where the service does not know a job that it has accepted."""
        try:
            return await self.insist(member, signature, *body)
        except BusError as error:
            self.history.add('unknown' if error.name.endswith('NoSuchJob') else 'error', ids=ids,
                             call=member, error=error.name, text=error.text)
            return None

    async def wait(self, member, jobs):
        ids = [job.id for job in jobs]
        asked = ids if member != 'Await' else ids[0]
        self.history.add('wait', ids=ids, call=member)
        answer = await self.guarded(ids, member, 'st' if member == 'Await' else 'ast', asked, FOREVER)
        if answer is None:
            return
        told = answer[0] if member == 'AwaitAll' else [answer[-1]]
        for entry in map(plain, told):
            self.told(member, entry)

    def told(self, call, entry):
        """The end of a job as a client sees it, and what its command had left by then."""
        job = entry['Id']
        self.history.add('told', call=call, id=job, state=entry['State'], exit=entry['ExitCode'],
                         reason=entry.get('Reason', ''), sequence=entry.get('Sequence', 0),
                         source=entry.get('EndSource', ''), left=entry.get('LeftBehind', ''),
                         progress=entry.get('Progress', ''), record=self.scene.record(job),
                         alive=self.scene.alive(job))
        for known in self.live.values():
            if known.id == job:
                known.sequence = entry.get('Sequence', 0)

    async def cancel(self, job):
        answer = await self.guarded([job.id], 'Cancel', 's', job.id)
        if answer:
            self.history.add('cancelled', id=job.id, state=answer[0],
                             alive=self.scene.alive(job.id))

    async def afterwards(self, job):
        if random.random() < 0.2:
            answer = await self.guarded([job.id], 'Get', 's', job.id)
            if answer:
                self.told('Get', plain(answer[0]))
        writes = written(job.kind, job.ticket)
        if writes:
            await self.look_at_output(job, writes)
        if job.kind == 'quick' and random.random() < 0.2:
            await self.retry(job)
        self.over.append(job)
        while len(self.over) > KEPT and self.over[0].sequence <= min(self.seen, self.acknowledged):
            await self.remove([self.over.popleft()])

    async def retry(self, job):
        """The service asks for it once more: the same ticket, another id."""
        again = dataclasses.replace(job, id='', sequence=0)
        key = f'{job.ticket} again'
        self.history.add('retry', ticket=job.ticket)
        answer = await self.guarded([job.id], 'Retry', 'sa{sv}', job.id, typed({'IdempotencyKey': key}, TYPES))
        if not answer:
            return
        again.id = answer[0]
        self.history.add('accept', ticket=again.ticket, id=again.id)
        self.live[key] = again
        if await self.in_time(again, [self.spawn('Await', self.wait('Await', [again]))]):
            self.over.append(again)
        del self.live[key]

    async def read_output(self, job, stream):
        answer = await self.guarded([job.id], 'OpenOutput', 'ss', job.id, stream)
        if not answer:
            return b''
        with answer[0].to_file('rb') as file:
            return file.read()

    async def look_at_output(self, job, writes):
        found = {stream: await self.read_output(job, stream) for stream in ('stdout', 'stderr')}
        for stream, data in found.items():
            expected = contents(writes, stream)
            self.history.add('output', id=job.id, stream=stream, bytes=len(data), whole=data == expected,
                             beginning=expected.startswith(data))
        if self.knows_order:
            merged = merge(found, await self.read_output(job, 'order'))
            expected = b''.join(data for _, data in writes)
            self.history.add('order', id=job.id, bytes=len(merged), right=expected.startswith(merged))

    async def remove(self, jobs):
        ids = [job.id for job in jobs]
        self.history.add('remove', ids=ids)
        try:
            await self.insist('Remove', 'as', ids)
        except BusError as error:
            # The answer to a first try may have been lost.
            if not error.name.endswith('NoSuchJob'):
                self.history.add('error', ids=ids, call='Remove', error=error.name, text=error.text)

    # --- catching up ---

    async def reader(self):
        """List by sequence and the inbox, as somebody who comes back now and then."""
        while not self.ending:
            await self.list_finished()
            await self.read_inbox()
            await self.look_at_consumers()
            await self.pause()
            target = self.ended + random.randrange(1, 12)
            while self.ended < target and not self.ending:
                self.moved.clear()
                await self.moved.wait()

    async def pause(self):
        """Nothing new begins for a moment, which may be long where the service dies in it."""
        await self.insist('Pause')
        queue, = await self.insist('GetQueue')
        if not plain(queue)['Paused']:
            self.history.add('error', ids=[''], call='Pause', error='GetQueue does not tell of it', text='')
        await self.insist('Resume')
        await self.change_queues()

    async def change_queues(self):
        """One that is made is there until it is removed, and one that is removed is not."""
        name = f'{self.scene.name}-{random.randrange(3)}'.replace(' ', '-')
        for member, signature, body, made in (('SetQueue', 'sa{sv}', (name, {'MaxRunning': ('u', 2)}), True),
                                              ('RemoveQueue', 's', (name,), False)):
            try:
                await self.insist(member, signature, *body)
            except BusError as error:
                if error.name == 'org.freedesktop.DBus.Error.UnknownMethod': # a service of an older version
                    return
                # The answer to a first try may have been lost.
                if made or not error.name.endswith('NoSuchQueue'):
                    self.history.add('error', ids=[''], call=member, error=error.name, text=error.text)
            queues, = await self.insist('ListQueues')
            if (name in [queue['Name'] for queue in map(plain, queues)]) is not made:
                self.history.add('error', ids=[''], call='ListQueues', error='does not tell of it', text=f'{member} {name}')

    async def list_finished(self):
        while True:
            jobs, = await self.insist('List', 'a{sv}', typed({'AfterSequence': self.seen, 'Limit': PAGE},
                                                             FILTER_TYPES))
            rows = [plain(job) for job in jobs]
            self.history.add('listed', after=self.seen, jobs=[row_of(row) for row in rows])
            if rows:
                self.seen = rows[-1]['Sequence']
            if len(rows) < PAGE:
                return

    async def read_inbox(self):
        jobs, = await self.insist('Inbox', 'su', self.scene.name, PAGE)
        rows = [plain(job) for job in jobs]
        self.history.add('inbox', after=self.acknowledged, jobs=[row_of(row) for row in rows])
        if not rows:
            return
        sequence = rows[random.randrange(len(rows))]['Sequence']
        await self.acknowledge(sequence)

    async def acknowledge(self, sequence):
        self.history.add('acknowledge', sequence=sequence)
        await self.insist('Acknowledge', 'st', self.scene.name, sequence)
        self.acknowledged = self.recorded = sequence

    async def look_at_consumers(self):
        """One is forgotten, of another it is known how far it is; a third only reads, which is recorded each second."""
        await self.insist('Inbox', 'su', f'{self.scene.name}-late', 1)
        await self.insist('Acknowledge', 'st', f'{self.scene.name}-gone', 0)
        try:
            await self.insist('ForgetConsumer', 's', f'{self.scene.name}-gone')
        except BusError as error:
            if error.name == 'org.freedesktop.DBus.Error.UnknownMethod': # a service of an older version
                return
            # The answer to a first try may have been lost.
            if not error.name.endswith('NoSuchConsumer'):
                self.history.add('error', ids=[''], call='ForgetConsumer', error=error.name, text=error.text)
        consumers, = await self.insist('ListConsumers')
        known = {consumer['Name']: consumer['Sequence'] for consumer in map(plain, consumers)}
        if known.get(self.scene.name, 0) < self.recorded or f'{self.scene.name}-gone' in known:
            self.history.add('error', ids=[''], call='ListConsumers', error='tells of something else', text=str(known))


def merge(streams, order):
    """What a job wrote to both streams, in its order, as far as that is known: see common/output-order.h."""
    places, merged = {name: 0 for name in streams}, []
    for _, size, number in struct.iter_unpack('=QII', order[:len(order) // 16 * 16]):
        name = ('stdout', 'stderr')[number]
        merged.append(streams[name][places[name]:places[name] + size])
        places[name] += size
    return b''.join(merged)


def row_of(row):
    return {'id': row['Id'], 'state': row['State'], 'exit': row['ExitCode'],
            'reason': row.get('Reason', ''), 'sequence': row['Sequence'], 'label': row['Label']}
