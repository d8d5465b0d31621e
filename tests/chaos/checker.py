#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: 2026 The Codex Jobs authors
"""Holds a history of clients, and the records that commands left, against what the service promises:

- every job that was accepted reaches exactly one end, which is told the same by everybody for ever;
- ends are numbered 1, 2, 3 … without a gap, one a job; one process of the service signals them in that
  order without a gap;
- no command runs twice, but in as many attempts as were asked for and told, one after the other; none runs whose Enqueue was refused;
- the exit that is told is the command's own, whatever of the service or its socket is gone meanwhile; an end that the
  service put to a job was asked for. Only a job whose worker was killed may be told as killed;
- a job runs only after those that it depends on have ended as required, and not before its time; one that cannot start for
  that reason ends with it; one that was cancelled, or one above it;
- a restart of the host ends only what had begun;
- no wait returns early, and none never;
- no process of a job is alive once its end is told;
- what a command wrote is complete, and its order right; of one that was killed, or whose disk failed, the beginning is;
- the last that a job said of itself, and what it left behind, is in its record;
- it is the worker that reports the end, as long as it lives and can;
- no id is unknown after its Enqueue returned;
- an inbox tells each end once it is due, none is left out;
- no unit, file or row is left over.

It reads nothing else, and knows nothing of the service.
"""

import collections
import dataclasses
import os

from history import read
from plans import KINDS, SIGNALS, status

LOST, DUPLICATED, WRONG = 'lost', 'duplicated', 'wrong'
ATTEMPTS_MAX = 3  # of the kind "flaky", and how the ones before the last exit
FLAKY_EXIT = 101
TERMINAL = ('completed', 'failed', 'cancelled')
LIMITS = {'output-limit', 'runtime-limit', 'stalled'}


@dataclasses.dataclass
class Violation:
    kind: str
    text: str
    id: str = ''
    ticket: str = ''
    t: float = 0
    rule: str = ''


class Evidence:
    """A history and the records of commands, indexed."""

    def __init__(self, events, records):
        """records: id to its lines; those of further attempts under "ID.try.NUMBER", of a second run under "ID.again.PID"."""
        self.events = events
        self.records = records
        self.by_name = collections.defaultdict(list)
        for event in events:
            self.by_name[event['event']].append(event)
        self.asks = {event['ticket']: event for event in self.of('ask')}
        self.accepts = {event['id']: event for event in self.of('accept')}
        self.tickets = {event['id']: event['ticket'] for event in self.of('accept')}
        self.retries = collections.Counter(event['ticket'] for event in self.of('retry'))
        self.killed = {event['id']: event for event in self.of('command-killed', 'worker-killed')}
        self.killed_workers = {event['id']: event for event in self.of('worker-killed')}
        self.cancels = {event['id']: event['t'] for event in reversed(self.of('cancel'))}
        self.removed = {}
        for event in self.of('remove'):
            for job in event['ids']:
                self.removed.setdefault(job, event['t'])
        self.excuses = [(event['t'], self.over(event), event['allows']) for event in self.of('fault') if event['allows']]
        self.ends = collections.defaultdict(list)
        for event in events:
            self.take_ends(event)

    def take_ends(self, event):
        """Everything that tells the end of a job: id to [(time, what)]."""
        if event['event'] in ('told', 'signal'):
            self.ends[event['id']].append((event['t'], event))
        elif event['event'] in ('listed', 'inbox'):
            for row in event['jobs']:
                self.ends[row['id']].append((event['t'], row))
                self.tickets.setdefault(row['id'], row['label'])

    def over(self, fault):
        """When jobs are out of the reach of a fault."""
        return min((over['t'] for over in self.of('over') if over['name'] == fault['name'] and over['t'] >= fault['t']),
                   default=fault['t'])

    def of(self, *names):
        if len(names) == 1:
            return self.by_name[names[0]]
        return [event for event in self.events if event['event'] in names]

    def ask_of(self, job):
        return self.asks.get(self.tickets.get(job))

    def jobs_of(self, ticket):
        """How many jobs that request may have made."""
        return 1 + self.retries[ticket]

    def asked_at(self, job):
        ask = self.ask_of(job)
        return ask['t'] if ask else 0

    def tries_of(self, job):
        """The attempts that have run."""
        return [number for number in range(1, 3 * ATTEMPTS_MAX) if (f'{job}.try.{number}' if number > 1 else job) in self.records]

    def last_record(self, job):
        """The lines of the last attempt."""
        number = max(self.tries_of(job), default=1)
        return self.records.get(f'{job}.try.{number}' if number > 1 else job)

    def end_of(self, job):
        """The first that tells why it ended; signals do not."""
        return next((what for _, what in self.ends[job] if 'reason' in what), None)

    def sequences(self):
        return {what['sequence']: job for job, ends in self.ends.items() for _, what in ends}


def read_records(folder):
    records = {}
    for name in os.listdir(folder):
        with open(f'{folder}/{name}', encoding='ascii') as file:
            records[name] = file.read().splitlines()
    return records


# --- one end for each job -------------------------------------------------------------------------

def check_ended(evidence):
    for job, accept in evidence.accepts.items():
        if not evidence.ends[job]:
            yield Violation(LOST, 'it was accepted, and nobody was ever told how it ended', job,
                            t=accept['t'])


def check_same_end(evidence):
    for job, ends in evidence.ends.items():
        for name in ('state', 'exit', 'reason', 'sequence'):
            told = {what[name] for _, what in ends if name in what}
            if len(told) > 1:
                yield Violation(DUPLICATED, f'different clients were told {name} {sorted(told, key=str)}',
                                job, t=ends[-1][0])
        for t, what in ends:
            if what['state'] not in TERMINAL or what['sequence'] == 0:
                yield Violation(WRONG, f'told as ended: {what["state"]}, sequence {what["sequence"]}',
                                job, t=t)


def check_one_job_a_ticket(evidence):
    by_ticket = collections.defaultdict(set)
    for job, ticket in evidence.tickets.items():
        by_ticket[ticket].add(job)
    for ticket, jobs in by_ticket.items():
        if len(jobs) > evidence.jobs_of(ticket):
            yield Violation(DUPLICATED, f'one request made the jobs {sorted(jobs)}', ticket=ticket)
        if ticket not in evidence.asks:
            yield Violation(WRONG, 'nobody asked for it', min(jobs), ticket=ticket)
    for event in evidence.of('refused'):
        if event['ticket'] in by_ticket:
            yield Violation(WRONG, f'it exists, and its Enqueue was refused: {event["text"]}',
                            ticket=event['ticket'], t=event['t'])


# --- numbers --------------------------------------------------------------------------------------

def check_numbers(evidence):
    jobs = collections.defaultdict(set)
    for job, ends in evidence.ends.items():
        for _, what in ends:
            jobs[what['sequence']].add(job)
    for number, found in jobs.items():
        if len(found) > 1:
            yield Violation(DUPLICATED, f'sequence {number} stands for {sorted(found)}', min(found))
    before = min((event['last'] for event in evidence.of('opened')), default=0)
    for event in evidence.of('drained'):
        missing = sorted(set(range(before + 1, event['last'] + 1)) - set(jobs))
        if missing:
            yield Violation(LOST, f'nobody was ever told which jobs have the sequences {missing[:20]}',
                            t=event['t'])
        if jobs and max(jobs) > event['last']:
            yield Violation(WRONG, f'LastSequence is {event["last"]}, after {max(jobs)} was told',
                            t=event['t'])


def check_signals(evidence):
    """A process of the service signals what it records, in order; another goes on somewhere above. It may
    have the name of the one before it, on another bus."""
    last, sender, seen = 0, None, {}
    for event in evidence.of('signal', 'watching', 'down', 'up'):
        if event['event'] != 'signal':
            sender = None
            continue
        number, job = event['sequence'], event['id']
        if job in seen:
            yield Violation(DUPLICATED, 'JobFinished was sent twice', job, t=event['t'])
        elif event['sender'] == sender and number != last + 1:
            yield Violation(WRONG, f'JobFinished has sequence {number} after {last}', job, t=event['t'])
        elif number <= last:
            yield Violation(WRONG, f'JobFinished has sequence {number} after {last}', job, t=event['t'])
        seen[job] = number
        last, sender = number, event['sender']


def check_catching_up(evidence):
    """What List and the inbox told is all there was above the number they were asked for."""
    sequences = evidence.sequences()
    for event in evidence.of('listed', 'inbox'):
        told = [row['sequence'] for row in event['jobs']]
        if told != sorted(told) or (told and told[0] <= event['after']):
            yield Violation(WRONG, f'{event["event"]} after {event["after"]} told {told}', t=event['t'])
        for number in set(range(event['after'] + 1, max(told, default=0))) - set(told):
            job = sequences.get(number)
            if job is None or evidence.removed.get(job, event['t'] + 1) > event['t']:
                yield Violation(LOST, f'{event["event"]} after {event["after"]} left {number} out',
                                job or '', t=event['t'])


# --- what the command did -------------------------------------------------------------------------

def asks_for_retries(evidence, job):
    ask = evidence.ask_of(job)
    return ask and 'Retries' in dict(KINDS[ask['kind']].options)


def check_attempts(evidence):
    """An attempt may have been ended before its command wrote anything, by a kill or a restart of the host. The one that
    runs when the job is cancelled is the last, even if it ends by itself."""
    for job in evidence.ends:
        end, tries = evidence.end_of(job), evidence.tries_of(job)
        if not end or not asks_for_retries(evidence, job):
            continue
        t = evidence.ends[job][0][0]
        if max(tries, default=0) > ATTEMPTS_MAX:
            yield Violation(WRONG, f'it had the attempts {tries}', job, t=t)
        if end['reason'] == 'exit-code' and end['exit'] == FLAKY_EXIT and not is_below_cancelled(evidence, job, t):
            yield Violation(LOST, f'it was not retried after the attempts {tries}', job, t=t)


def check_runs(evidence):
    for name, lines in evidence.records.items():
        job, _, again = name.partition('.')
        if again and not (again.startswith('try.') and 'again' not in again and asks_for_retries(evidence, job)):
            yield Violation(DUPLICATED, f'its command ran a second time: {lines}', job,
                            t=evidence.asked_at(job))
    ran = collections.defaultdict(set)
    for name, lines in evidence.records.items():
        if lines:
            ran[lines[0].split()[1]].add(name.partition('.')[0])
    for ticket, jobs in ran.items():
        if len(jobs) > evidence.jobs_of(ticket):
            yield Violation(DUPLICATED, f'one request ran as {sorted(jobs)}', ticket=ticket)
    for event in evidence.of('refused'):
        if event['ticket'] in ran:
            yield Violation(WRONG, f'it ran, and its Enqueue was refused: {event["text"]}',
                            ticket=event['ticket'], t=event['t'])


def own_end(line):
    """What a command's last line says of its end: (exit code, reason), None where it has not come to it."""
    word, _, value = (line or '').partition(' ')
    if word == 'exit':
        return int(value), '' if value == '0' else 'exit-code'
    if word == 'signal':
        return 128 + SIGNALS[value], 'signal'
    return None


def allowed(evidence, job, t):
    """What the faults that the job has lived through may have done to it: reasons, or one of the words

    unreported  its worker could not reach the service: how it ended is known from its exit status alone
    older       its service or worker was of an older version, which did not have all this
    disk        its disk failed
    full        its disk was full: what waits for room is lost if the job is cancelled
    """
    start = evidence.asked_at(job)
    return set().union(*(allows for begin, until, allows in evidence.excuses if start <= until and begin <= t))


# What the kernel's account of a killed worker comes to, and what is left where that is gone, too.
KILLED = (('failed', 137, 'signal'),)
KILLED_WORKER = KILLED + (('failed', -1, 'lost'),)

# A worker that was killed there had reported the end of its job.
REPORTED = ('worker-after-report', 'worker-before-exit')


def told_in_time(evidence, kill, t):
    """Whether a service that stayed there had the report of a worker that was killed after it."""
    return kill['point'] in REPORTED and not any(kill['t'] - REPORT_SECONDS <= down['t'] <= t
                                                 for down in evidence.of('down'))


REPORT_SECONDS = 3  # until the kill of a worker is seen, at most


def deaths(evidence, job, t):
    """The ends that may be told of a job one of whose processes was killed."""
    kill = evidence.killed_workers.get(job)
    if not kill:
        return KILLED if job in evidence.killed else ()
    return () if told_in_time(evidence, kill, t) else KILLED_WORKER


def check_cause(evidence):
    """Each end has the cause that is told."""
    for job, ends in evidence.ends.items():
        end, ask = evidence.end_of(job), evidence.ask_of(job)
        if not end or not ask:
            continue
        t = ends[0][0]
        if (end['state'], end['exit'], end['reason']) in deaths(evidence, job, t):
            continue
        why = complaint(end, ask, own_end((evidence.last_record(job) or [''])[-1]), is_below_cancelled(evidence, job, t),
                        allowed(evidence, job, t))
        if why:
            yield Violation(WRONG, f'{why}, and the end that is told is {end["state"]}, exit '
                            f'{end["exit"]}, reason "{end["reason"]}"', job, t=t)


def check_restarted(evidence):
    """A restart of the host ends what it found begun, which is no more than there are slots; the rest waits on."""
    restarts = sum('host-restarted' in event.get('allows', ()) for event in evidence.of('fault'))
    slots = max((event['slots'] for event in evidence.of('opened')), default=0)
    ended = [job for job in evidence.ends if (evidence.end_of(job) or {}).get('reason') == 'host-restarted']
    if len(ended) > restarts * slots:
        yield Violation(WRONG, f'{restarts} restarts ended {len(ended)} jobs, and {slots} can run at a time', ended[-1])


def is_unreported(end, ask, own):
    """As an exit status alone has it: of a limit that it was a signal, of what cannot be executed that it exited."""
    by_signal = KINDS[ask['kind']].reason in LIMITS and own is None and end['exit'] in (143, 137)
    return (end['state'], end['reason']) == ('failed', 'signal') and by_signal or \
        (ask['kind'], end['exit'], end['reason']) == ('missing', 127, 'exit-code')


def is_met(condition, end):
    return condition == 'any' or (condition == 'ok') == (end['state'] == 'completed')


def is_below_cancelled(evidence, job, t):
    """It, or a job that submitted it, was cancelled by then."""
    for _ in range(100):
        if evidence.cancels.get(job, t + 1) <= t:
            return True
        ask = evidence.ask_of(job)
        if not ask or not ask.get('parent'):
            return False
        job = ask['parent']
    return False


def check_conditions(evidence):
    """Of jobs that are not retried: a retry does not wait for the same."""
    for job in evidence.ends:
        end, ask = evidence.end_of(job), evidence.ask_of(job)
        if not end or not ask or not ask.get('after') or evidence.retries[ask['ticket']]:
            continue
        others = [(other, condition, evidence.end_of(other)) for other, condition in ask['after']]
        for other, condition, its_end in others:
            if evidence.records.get(job) and (not its_end or its_end['sequence'] > end['sequence'] or
                                              not is_met(condition, its_end)):
                yield Violation(WRONG, f'it ran, and was to run after {other}:{condition}, which ended as {its_end}', job,
                                t=evidence.ends[job][0][0])
        if end['reason'] == 'dependency' and all(its_end and is_met(condition, its_end) for _, condition, its_end in others):
            yield Violation(WRONG, f'its dependencies {ask["after"]} were met', job, t=evidence.ends[job][0][0])


def complaint(end, ask, own, cancelled, allows):
    reason = end['reason']
    if reason == 'dependency':
        return None if ask.get('after') and own is None and (end['state'], end['exit']) == ('failed', -1) \
            else 'it depends on nothing, or ran'
    if {'unreported', 'older'} & allows and is_unreported(end, ask, own):
        return None
    if reason == 'user':
        return None if cancelled and (end['state'], end['exit']) == ('cancelled', 143) \
            else 'nobody had cancelled it'
    if reason in allows:
        return None if (end['state'], end['exit']) == ('failed', -1) else 'its exit was not seen'
    if reason == 'oom-kill':
        return None if (ask['kind'], end['exit']) == ('hungry', 137) else 'it had memory enough'
    if reason == 'not-executable':
        return None if ask['kind'] == 'missing' and end['exit'] == 127 else 'it is executable'
    if reason in LIMITS:
        return None if reason == KINDS[ask['kind']].reason else 'it has no such limit'
    if own is None:
        return 'its command had not come to an end'
    state = 'completed' if own[0] == 0 else 'failed'
    if (end['state'], end['exit'], reason) != (state, *own):
        return f'its command ended by itself (exit {own[0]})'
    return None


# --- clients --------------------------------------------------------------------------------------

def check_early(evidence):
    for event in evidence.of('told'):
        ask, own = evidence.ask_of(event['id']), own_end(event['record'])
        if event['id'] in evidence.killed or (ask and (ask['kind'] == 'missing' or is_unreported(event, ask, own))):
            continue
        if event['reason'] in ('', 'exit-code', 'signal') and own is None:
            yield Violation(WRONG, f'{event["call"]} returned {event["state"]} and its command was at '
                            f'"{event["record"]}"', event['id'], t=event['t'])


def check_never(evidence):
    for event in evidence.of('never'):
        yield Violation(LOST, f'{event["call"]} never returned', event['id'], t=event['t'])


def check_alive(evidence):
    for event in evidence.of('told', 'cancelled'):
        natural = event['event'] == 'told' and event['reason'] in ('', 'exit-code', 'signal')
        if event['alive'] and not (natural and 'older' in allowed(evidence, event['id'], event['t'])):
            call = 'Cancel' if event['event'] == 'cancelled' else event['call']
            yield Violation(WRONG, f'processes {event["alive"]} are alive after {call} returned '
                            f'{event["state"]}', event['id'], t=event['t'])


def check_unknown(evidence):
    for event in evidence.of('unknown'):
        gone = [job for job in event['ids'] if evidence.removed.get(job, event['t'] + 1) < event['t']]
        if not gone:
            yield Violation(LOST, f'{event["call"]}: {event["text"]}', event['ids'][0], t=event['t'])


def check_errors(evidence):
    for event in evidence.of('error'):
        yield Violation(WRONG, f'{event["call"]}: {event["error"]}: {event["text"]}', event['ids'][0],
                        t=event['t'])


def must_be_whole(evidence, event, end):
    """Of a limit on the output there are as many bytes as it has."""
    excuses = allowed(evidence, event['id'], event['t'])
    return end['reason'] in ('', 'exit-code', 'output-limit') and event['id'] not in evidence.killed_workers and \
        'disk' not in excuses and not ('full' in excuses and is_below_cancelled(evidence, event['id'], event['t'])) and \
        not (end['reason'] == 'output-limit' and 'older' in excuses)


def check_output(evidence):
    for event in evidence.of('output'):
        end = evidence.end_of(event['id'])
        if not event['beginning'] and 'older' not in allowed(evidence, event['id'], event['t']):
            yield Violation(WRONG, f'{event["stream"]} is not what it wrote: {event["bytes"]} bytes', event['id'],
                            t=event['t'])
        elif end and not event['whole'] and must_be_whole(evidence, event, end):
            yield Violation(LOST, f'{event["stream"]} is not all that it wrote: {event["bytes"]} bytes', event['id'],
                            t=event['t'])
    for event in evidence.of('order'):
        if not event['right'] and 'disk' not in allowed(evidence, event['id'], event['t']):
            yield Violation(WRONG, 'the order of its output is another than it wrote it in', event['id'], t=event['t'])


def check_report(evidence):
    """What the worker alone knows."""
    for event in evidence.of('told'):
        ask, excuses = evidence.ask_of(event['id']), allowed(evidence, event['id'], event['t'])
        if not ask or event['reason'] not in ('', 'exit-code', 'signal') or event['id'] in evidence.killed_workers or \
           {'unreported', 'older'} & excuses:
            continue
        if event['source'] != 'worker':
            yield Violation(WRONG, f'its worker lived, and its end came from "{event["source"]}"', event['id'], t=event['t'])
        if event['reason'] == 'signal':
            continue
        if ask['kind'] == 'notify' and event['progress'] != status(ask['ticket']):
            yield Violation(LOST, f'its progress was to be "{status(ask["ticket"])}" and is "{event["progress"]}"',
                            event['id'], t=event['t'])
        children = [line.split()[1] for line in evidence.records.get(event['id'], ()) if line.startswith('child ')]
        if not all(f'{child} ' in event['left'] for child in children):
            yield Violation(LOST, f'it left {children} behind, and the record has "{event["left"]}"', event['id'],
                            t=event['t'])


# --- what is left ---------------------------------------------------------------------------------

def check_left_over(evidence):
    for event in evidence.of('left'):
        rows = event['rows']
        if rows.get('check', 'ok') != 'ok':
            yield Violation(WRONG, f'the store is damaged: {rows["check"]}', t=event['t'])
        for what, found in (('units', event['units']), ('files', event['files']), ('folders', event['folders']),
                            ('rows', {name: rows[name] for name in ('jobs', 'specs') if rows.get(name)})):
            if found:
                yield Violation(WRONG, f'left over are the {what} {found}', id_in(found), t=event['t'])


def id_in(found):
    """The job of the first left-over thing, for its story."""
    name = str(next(iter(found)))
    return name.removeprefix('codex-job-').partition('.')[0]


CHECKS = (check_ended, check_same_end, check_one_job_a_ticket, check_numbers, check_signals,
          check_catching_up, check_runs, check_attempts, check_cause, check_conditions, check_restarted, check_early, check_never, check_alive,
          check_unknown, check_errors, check_output, check_report, check_left_over)


def check(events, records):
    evidence = Evidence(events, records)
    violations = []
    for each in CHECKS:
        for violation in each(evidence):
            violation.rule = each.__name__
            violations.append(violation)
    for violation in violations:
        violation.ticket = violation.ticket or evidence.tickets.get(violation.id, '')
    return sorted(violations, key=lambda violation: violation.t)


def check_folder(folder):
    return check(read(f'{folder}/history.jsonl'), read_records(f'{folder}/records'))
