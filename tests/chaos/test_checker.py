#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: 2026 The Codex Jobs authors
"""The checker finds what it is there for: each test breaks a history that is right in one way. And the
harness knows every place at which the service and its workers can be killed."""

import copy
import os
import pathlib
import re
import sys
import unittest

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.realpath(__file__))

from checker import DUPLICATED, LOST, WRONG, check
from kills import AT_START, DETOURS, KILL_POINTS, OPERATIONS, PLACES, WORKER_POINTS
from plans import BULK_BYTES, contents, status, written
from report import rows, story, table

SERVICE = f'{os.path.dirname(os.path.dirname(HERE))}/service'


class Story:
    """A history as the harness writes it, an event a second."""

    def __init__(self):
        self.events = [{'t': 0, 'event': 'opened', 'last': 0, 'slots': 1}, {'t': 0, 'event': 'watching'}]
        self.records = {}
        self.sequence = 0

    def add(self, event, **fields):
        self.events.append({'t': len(self.events), 'event': event, **fields})
        return self.events[-1]

    def of(self, event):
        return [entry for entry in self.events if entry['event'] == event]

    def accept(self, job, kind='quick', argument='0'):
        self.add('ask', ticket=f't-{job}', kind=kind, argument=argument, keyed=True)
        self.add('accept', ticket=f't-{job}', id=job)
        return job

    def run(self, job, last='exit 0', ticket=None):
        self.records[job] = [f'begin {ticket or "t-" + job} 100 5.00', last]

    def end(self, job, state='completed', code=0, reason='', alive=(), left='', progress=''):
        """It is signalled, awaited and listed."""
        self.sequence += 1
        record = self.records.get(job, [None])[-1]
        self.add('signal', id=job, state=state, exit=code, sequence=self.sequence, sender=':1.5')
        self.add('told', call='Await', id=job, state=state, exit=code, reason=reason,
                 sequence=self.sequence, record=record, alive=list(alive), source='worker', left=left,
                 progress=progress)
        row = {'id': job, 'state': state, 'exit': code, 'reason': reason, 'sequence': self.sequence,
               'label': f't-{job}'}
        self.add('listed', after=self.sequence - 1, jobs=[row])

    def output(self, job, kind, stdout=None):
        """What a command wrote is looked at; stdout: what is there of it."""
        writes = written(kind, f't-{job}')
        for stream in ('stdout', 'stderr'):
            data, expected = contents(writes, stream), contents(writes, stream)
            if stream == 'stdout' and stdout is not None:
                data = stdout
            self.add('output', id=job, stream=stream, bytes=len(data), whole=data == expected,
                     beginning=expected.startswith(data))
        self.add('order', id=job, bytes=len(data), right=True)

    def close(self):
        self.add('drained', last=self.sequence)
        self.add('left', units=[], files=[], folders=[], rows={'jobs': 0, 'specs': 0, 'check': 'ok'})

    def check(self):
        return check(self.events, self.records)


def good_story():
    story_ = Story()
    for job, kind, argument, last, end in (
            ('a', 'quick', '0', 'exit 0', ('completed', 0, '')),
            ('b', 'quick', '7', 'exit 7', ('failed', 7, 'exit-code')),
            ('c', 'signal', 'KILL', 'signal KILL', ('failed', 137, 'signal')),
            ('d', 'overtime', '0', 'begin t-d 100 5.00', ('failed', 143, 'runtime-limit'))):
        story_.accept(job, kind, argument)
        story_.run(job, last)
        story_.add('fault', name='kill at somewhere', in_flight=1, allows=[])
        story_.end(job, *end)
    story_.accept('e', 'hold')
    story_.run('e', 'begin t-e 100 5.00')
    story_.add('cancel', id='e')
    story_.end('e', 'cancelled', 143, 'user')
    story_.add('cancelled', id='e', state='cancelled', alive=[])
    story_.accept('f', 'missing')
    story_.end('f', 'failed', 127, 'not-executable')
    story_.accept('g', 'leaver')
    story_.records['g'] = ['begin t-g 100 5.00', 'child 101', 'child 102', 'exit 0']
    story_.end('g', left='101 sh -c sleep, 102 sleep 1000')
    story_.accept('h', 'notify')
    story_.run('h')
    story_.end('h', progress=status('t-h'))
    story_.accept('i', 'alternate')
    story_.run('i')
    story_.end('i')
    story_.output('i', 'alternate')
    story_.accept('j')
    story_.of('ask')[-1]['after'] = [['a', 'ok'], ['b', 'failed']]
    story_.run('j')
    story_.end('j')
    story_.accept('k')
    story_.of('ask')[-1]['after'] = [['b', 'ok'], ['a', 'any']]
    story_.end('k', 'failed', -1, 'dependency')
    story_.accept('l', 'hold')
    story_.of('ask')[-1]['parent'] = 'e'
    story_.end('l', 'cancelled', 143, 'user')
    story_.close()
    return story_


class Checker(unittest.TestCase):
    def setUp(self):
        self.story = good_story()

    def found(self, kind, words, job=None):
        """One violation at least is of that kind, says that, and is of that job."""
        violations = self.story.check()
        for violation in violations:
            if violation.kind == kind and re.search(words, violation.text) and job in (None, violation.id):
                return violation
        self.fail(f'not found: {kind} "{words}" among {violations}')

    def test_nothing_is_found_in_what_is_right(self):
        self.assertEqual(self.story.check(), [])

    # --- lost ---

    def drop(self, job, *events):
        """Nobody was told of its end."""
        self.story.events = [event for event in self.story.events
                             if event['event'] not in events or job not in
                             {event.get('id'), *(row['id'] for row in event.get('jobs', ()))}]

    def test_lost_job(self):
        self.drop('b', 'signal', 'told', 'listed')
        self.found(LOST, 'nobody was ever told how it ended', 'b')
        self.found(LOST, r'which jobs have the sequences \[2\]')

    def test_lost_last_job(self):
        self.story.accept('z')
        self.found(LOST, 'nobody was ever told how it ended', 'z')

    def test_await_that_never_returns(self):
        self.story.add('never', id='a', ticket='t-a', call='Await')
        self.found(LOST, 'Await never returned', 'a')

    def test_unknown_id(self):
        self.story.add('unknown', ids=['a'], call='Get', error='NoSuchJob', text='There is no job a')
        self.found(LOST, 'Get: There is no job', 'a')

    def test_id_that_was_removed_may_be_unknown(self):
        self.story.add('remove', ids=['a'])
        self.story.add('unknown', ids=['a'], call='Get', error='NoSuchJob', text='There is no job a')
        self.assertEqual(self.story.check(), [])

    def test_list_that_leaves_one_out(self):
        both = self.story.of('listed')[0]['jobs'] + self.story.of('listed')[2]['jobs']
        self.story.add('listed', after=0, jobs=both)
        self.found(LOST, 'listed after 0 left 2 out', 'b')

    def test_inbox_that_leaves_one_out(self):
        self.story.add('inbox', after=1, jobs=self.story.of('listed')[2]['jobs'])
        self.found(LOST, 'inbox after 1 left 2 out', 'b')

    def test_lost_output(self):
        self.story.output('i', 'alternate', stdout=b't-i 1 out\n')
        self.found(LOST, 'stdout is not all that it wrote: 10 bytes', 'i')

    def test_output_that_is_lost_with_a_disk(self):
        self.story.events.insert(2, {'t': 1, 'event': 'fault', 'name': 'EIO', 'in_flight': 1, 'allows': ['disk']})
        self.story.events.insert(-1, {'t': 90, 'event': 'over', 'name': 'EIO'})
        self.story.output('i', 'alternate', stdout=b't-i 1 out\n')
        self.assertEqual(self.story.check(), [])
        self.story.output('i', 'alternate', stdout=b't-i 2 out\n')
        self.found(WRONG, 'stdout is not what it wrote', 'i')

    def test_output_of_a_job_that_is_cancelled_on_a_full_disk(self):
        self.story.output('i', 'alternate', stdout=b't-i 1 out\n')
        self.found(LOST, 'stdout is not all that it wrote', 'i')
        self.story.events.insert(2, {'t': 1, 'event': 'fault', 'name': 'full disk', 'in_flight': 1, 'allows': ['full']})
        self.story.events.insert(-1, {'t': 90, 'event': 'over', 'name': 'full disk'})
        self.found(LOST, 'stdout is not all that it wrote', 'i')
        self.story.events.insert(3, {'t': 2, 'event': 'cancel', 'id': 'i'})
        self.assertEqual(self.story.check(), [])

    def test_output_of_a_worker_that_was_killed(self):
        self.story.events.insert(2, {'t': 1, 'event': 'worker-killed', 'id': 'i', 'point': 'worker-before-sync'})
        self.story.output('i', 'alternate', stdout=b't-i 1 out\n')
        self.assertEqual(self.story.check(), [])

    def test_output_beyond_a_limit(self):
        self.story.of('ask')[8]['kind'] = 'chatter'
        for event in self.story.of('told') + [row for event in self.story.of('listed') for row in event['jobs']]:
            if event['id'] == 'i':
                event.update(state='failed', reason='output-limit', exit=143)
        self.story.output('i', 'chatter', stdout=b't-i\n' * 3)
        self.found(LOST, 'stdout is not all that it wrote: 12 bytes', 'i')
        self.story.output('i', 'chatter', stdout=b't-i\n' * BULK_BYTES)
        self.found(WRONG, 'stdout is not what it wrote', 'i')

    def test_lost_progress(self):
        self.story.of('told')[7]['progress'] = 't-h has begun'
        self.found(LOST, 'its progress was to be "t-h is done" and is "t-h has begun"', 'h')

    def test_lost_name_of_what_was_left_behind(self):
        self.story.of('told')[6]['left'] = '101 sh -c sleep'
        self.found(LOST, r"it left \['101', '102'\] behind, and the record has", 'g')

    # --- duplicated ---

    def test_two_ends(self):
        event = copy.deepcopy(self.story.of('told')[1])
        self.story.add(**{**event, 'event': 'told', 'state': 'completed', 'exit': 0})
        self.found(DUPLICATED, 'different clients were told state', 'b')

    def test_signal_sent_twice(self):
        self.story.events.append(dict(self.story.of('signal')[1], t=99))
        self.found(DUPLICATED, 'JobFinished was sent twice', 'b')

    def test_sequence_of_two_jobs(self):
        self.story.of('listed')[2]['jobs'][0]['sequence'] = 2
        self.found(DUPLICATED, "sequence 2 stands for \\['b', 'c'\\]")

    def test_command_that_ran_twice(self):
        self.story.records['b.again.321'] = ['again t-b 321 6.00']
        self.found(DUPLICATED, 'ran a second time', 'b')

    def flaky(self, job, *attempts):
        self.story.accept(job, 'flaky', '7')
        for number, last in enumerate(attempts, 1):
            self.story.records[f'{job}.try.{number}' if number > 1 else job] = [f'begin t-{job} 100 5.00', last]
        self.story.of('drained')[0]['last'] += 1

    def test_attempts(self):
        self.flaky('y', 'exit 101', 'exit 101', 'exit 7')
        self.story.end('y', 'failed', 7, 'exit-code')
        self.assertEqual(self.story.check(), [])

    def test_attempt_that_ran_twice(self):
        self.flaky('y', 'exit 101', 'exit 101', 'exit 7')
        self.story.records['y.try.2.again.321'] = ['again t-y 321 6.00']
        self.story.end('y', 'failed', 7, 'exit-code')
        self.found(DUPLICATED, 'ran a second time', 'y')

    def test_attempts_of_a_job_that_is_not_retried(self):
        self.story.records['b.try.2'] = ['begin t-b 321 6.00']
        self.found(DUPLICATED, 'ran a second time', 'b')

    def test_attempts_that_are_left_out(self):
        self.flaky('y', 'exit 101')
        self.story.end('y', 'failed', 101, 'exit-code')
        self.found(LOST, r'not retried after the attempts \[1\]', 'y')

    def test_attempts_until_it_is_cancelled(self):
        self.flaky('y', 'exit 101')
        self.story.add('cancel', id='y')
        self.story.end('y', 'failed', 101, 'exit-code')
        self.assertEqual(self.story.check(), [])

    def test_too_many_attempts(self):
        self.flaky('y', 'exit 101', 'exit 101', 'exit 7', 'exit 7')
        self.story.end('y', 'failed', 7, 'exit-code')
        self.found(WRONG, r'it had the attempts \[1, 2, 3, 4\]', 'y')

    def test_request_that_ran_twice(self):
        self.story.run('y', ticket='t-b')
        self.found(DUPLICATED, 'one request ran as')

    def test_request_with_two_jobs(self):
        self.story.run('y', ticket='t-b')
        self.story.end('y')
        self.story.of('listed')[-1]['jobs'][0]['label'] = 't-b'
        self.found(DUPLICATED, 'one request made the jobs')

    def test_request_that_was_retried(self):
        self.story.run('y', ticket='t-b')
        self.story.add('retry', ticket='t-b')
        self.assertEqual(self.story.check(), [])
        self.story.run('z', ticket='t-b')
        self.found(DUPLICATED, 'one request ran as')

    # --- wrong ---

    def test_gap_between_signals_of_one_process(self):
        self.story.events.remove(self.story.of('signal')[2])
        self.found(WRONG, 'JobFinished has sequence 4 after 2', 'd')

    def test_gap_between_signals_of_two_processes(self):
        """Allowed: what died between commit and signal is told by List."""
        for event in self.story.of('signal')[3:]:
            event['sender'] = ':1.6'
        self.story.events.remove(self.story.of('signal')[2])
        self.assertEqual(self.story.check(), [])

    def test_gap_between_signals_of_two_processes_of_one_name(self):
        """Of two buses: that of the second one comes before we know that we are told everything again."""
        gap = self.story.of('signal')[2]
        at = self.story.events.index(gap)
        self.story.events[at:at + 1] = [{'t': gap['t'], 'event': 'down', 'owner': ''},
                                        {'t': gap['t'], 'event': 'up', 'owner': ':1.5'}]
        self.assertEqual(self.story.check(), [])
        for name in ('down', 'up'):
            events = self.story.events
            self.story.events = [event for event in events if event['event'] != name]
            self.assertEqual(self.story.check(), [])
            self.story.events = events

    def test_signal_that_goes_back(self):
        late = self.story.of('signal')[0]
        self.story.events.remove(late)
        self.story.events.append(dict(late, t=99, sender=':1.6'))
        self.found(WRONG, f'JobFinished has sequence 1 after {self.story.sequence}', 'a')

    def test_wrong_exit(self):
        self.story.records['b'][-1] = 'exit 9'
        self.found(WRONG, r'its command ended by itself \(exit 9\)', 'b')

    def test_run_before_what_it_depends_on(self):
        for condition, other in (('failed', 'a'), ('ok', 'b'), ('any', 'k')):
            self.story = good_story()
            next(ask for ask in self.story.of('ask') if ask['ticket'] == 't-j')['after'] = [[other, condition]]
            self.found(WRONG, 'was to run after', 'j')

    def test_dependency_that_was_met(self):
        next(ask for ask in self.story.of('ask') if ask['ticket'] == 't-k')['after'] = [['b', 'failed'], ['a', 'any']]
        self.found(WRONG, 'were met', 'k')

    def test_dependency_of_a_job_without_one(self):
        next(ask for ask in self.story.of('ask') if ask['ticket'] == 't-k')['after'] = []
        self.found(WRONG, 'depends on nothing', 'k')

    def test_cancelled_with_another_parent(self):
        next(ask for ask in self.story.of('ask') if ask['ticket'] == 't-l')['parent'] = 'a'
        self.found(WRONG, 'nobody had cancelled it', 'l')

    def test_failure_told_as_success(self):
        for event in [*self.story.of('told'), *self.story.of('signal')]:
            if event['id'] == 'b':
                event.update(state='completed', exit=0, reason='')
        self.story.of('listed')[1]['jobs'][0].update(state='completed', exit=0, reason='')
        self.found(WRONG, 'its command ended by itself', 'b')

    def test_early_await(self):
        self.story.of('told')[1]['record'] = 'begin t-b 100 5.00'
        self.found(WRONG, 'Await returned failed and its command was at "begin', 'b')

    def test_end_without_a_command(self):
        del self.story.records['a']
        self.found(WRONG, 'its command had not come to an end', 'a')

    # --- kills of workers and commands ---

    def tell(self, job, **fields):
        for event in self.story.of('told') + self.story.of('signal') + \
                [row for event in self.story.of('listed') for row in event['jobs']]:
            if event['id'] == job:
                event.update({name: value for name, value in fields.items() if name in event})

    def killed(self, job, event='worker-killed', point=''):
        """It was killed before its end was told, which is told as that."""
        self.story.records[job] = self.story.records[job][:1]
        at = next(number for number, entry in enumerate(self.story.events)
                  if entry['event'] == 'signal' and entry['id'] == job)
        before = self.story.events[at - 1]
        self.story.events.insert(at, {'t': before['t'] + 0.5, 'event': event, 'id': job, 'point': point})
        self.tell(job, state='failed', exit=137, reason='signal', source='manager')
        self.story.of('told')['abcdefghi'.index(job)]['record'] = self.story.records[job][-1]
        return at

    def test_worker_that_was_killed(self):
        self.killed('b')
        self.assertEqual(self.story.check(), [])
        self.tell('b', exit=-1, reason='lost')
        self.assertEqual(self.story.check(), [])
        self.tell('b', exit=-1, reason='not-executable')
        self.found(WRONG, 'it is executable', 'b')

    def test_worker_that_was_killed_after_its_report(self):
        at = self.killed('b', point='worker-after-report')
        self.found(WRONG, 'its command had not come to an end', 'b')
        self.story.events.insert(at, {'t': self.story.events[at]['t'], 'event': 'down', 'owner': ''})
        self.assertEqual(self.story.check(), [])

    def test_killed_command(self):
        self.killed('b', 'command-killed')
        self.tell('b', source='worker')
        self.assertEqual(self.story.check(), [])
        self.tell('b', exit=-1, reason='lost')
        self.found(WRONG, 'its command had not come to an end', 'b')

    def test_end_from_the_service_manager(self):
        self.tell('b', source='manager')
        self.found(WRONG, 'its worker lived, and its end came from "manager"', 'b')

    def test_worker_that_cannot_report(self):
        """Its exit status is known, and that it was a limit is not."""
        self.tell('d', reason='signal', source='manager')
        self.found(WRONG, 'its command had not come to an end', 'd')
        for event in self.story.of('fault'):
            event['allows'] = ['unreported']
        self.assertEqual(self.story.check(), [])
        self.tell('d', exit=0, state='completed', reason='')
        self.found(WRONG, 'its command had not come to an end', 'd')

    def test_cancelled_by_nobody(self):
        self.story.events.remove(self.story.of('cancel')[0])
        self.found(WRONG, 'nobody had cancelled it', 'e')

    def test_limit_that_it_does_not_have(self):
        self.story.of('ask')[3]['kind'] = 'hold'
        self.found(WRONG, 'it has no such limit', 'd')

    def test_not_executable_that_ran(self):
        self.story.of('ask')[5]['kind'] = 'quick'
        self.found(WRONG, 'it is executable', 'f')

    def restarted(self, job):
        for event in self.story.of('told'):
            if event['id'] == job:
                event.update(state='failed', exit=-1, reason='host-restarted')

    def test_restart_of_the_host_that_did_not_happen(self):
        self.restarted('d')
        self.found(WRONG, 'its command had not come to an end', 'd')

    def test_restart_of_the_host(self):
        self.restarted('d')
        for event in self.story.of('fault'):
            event['allows'] = ['host-restarted']
        self.assertNotIn('check_cause', {violation.rule for violation in self.story.check()})

    def test_restart_of_the_host_that_ends_what_had_not_begun(self):
        for job in ('a', 'd'):
            self.restarted(job)
        self.story.of('fault')[0]['allows'] = ['host-restarted']
        self.found(WRONG, '1 restarts ended 2 jobs')

    def test_oom_kill(self):
        for event in self.story.of('told'):
            if event['id'] == 'c':
                event.update(reason='oom-kill')
        self.found(WRONG, 'it had memory enough', 'c')
        self.story.of('ask')[2]['kind'] = 'hungry'
        self.assertNotIn('check_cause', {violation.rule for violation in self.story.check()})

    def test_process_alive_after_cancel(self):
        self.story.of('cancelled')[0]['alive'] = ['4711']
        self.found(WRONG, r"\['4711'\] are alive after Cancel returned", 'e')

    def test_process_alive_after_a_limit(self):
        self.story.of('told')[3]['alive'] = ['4711']
        self.found(WRONG, 'are alive after Await returned', 'd')

    def test_process_alive_after_an_end(self):
        self.story.of('told')[6]['alive'] = ['lock']
        self.found(WRONG, r"processes \['lock'\] are alive after Await returned completed", 'g')

    def test_wrong_order(self):
        self.story.of('order')[0]['right'] = False
        self.found(WRONG, 'the order of its output is another', 'i')

    def test_refused_job_that_exists(self):
        self.story.add('refused', ticket='t-a', error='StoreFull', text='The disk is full')
        self.found(WRONG, 'it exists, and its Enqueue was refused')
        self.found(WRONG, 'it ran, and its Enqueue was refused')

    def test_job_that_nobody_asked_for(self):
        self.story.end('y')
        self.found(WRONG, 'nobody asked for it', 'y')

    def test_error(self):
        self.story.add('error', ids=['a'], call='Await', error='org.freedesktop.DBus.Error.Failed', text='x')
        self.found(WRONG, 'Await: org.freedesktop.DBus.Error.Failed', 'a')

    def test_left_over(self):
        left = self.story.of('left')[0]
        left.update(units=['codex-job-a.service'], files=['b.stdout'], folders=['c'],
                    rows={'jobs': 1, 'check': 'row 3 missing'})
        self.found(WRONG, 'left over are the units', 'a')
        self.found(WRONG, 'left over are the files', 'b')
        self.found(WRONG, 'left over are the folders', 'c')
        self.found(WRONG, 'left over are the rows')
        self.found(WRONG, 'the store is damaged: row 3 missing')

    # --- the report ---

    def test_row_and_story(self):
        self.story.records['b'][-1] = 'exit 9'
        violation = self.found(WRONG, 'exit 9', 'b')
        found = rows(self.story.events, [violation], 'system kills')
        self.assertEqual(found, {('system kills', 'kill at somewhere'): [4, 4, 0, 0, 1]})
        self.assertRegex(table(found), r'kill at somewhere +4 +4 +0 +0 +1\n')
        text = story(violation, self.story.events, self.story.records, ['started b', 'started x'])
        for word in ('ticket=t-b', 'kill at somewhere', 'command b: begin t-b', 'journal: started b'):
            self.assertIn(word, text)
        self.assertNotIn('started x', text)


def sources_in(folder):
    return ''.join(path.read_text(encoding='utf-8') for path in pathlib.Path(folder).rglob('*.c'))


class Failpoints(unittest.TestCase):
    def test_harness_knows_all_of_workers(self):
        self.assertEqual(set(re.findall(r'worker_failpoint\("([a-z-]+)"\)', sources_in(f'{SERVICE}/worker'))), set(WORKER_POINTS))

    def test_harness_knows_all(self):
        sources = sources_in(SERVICE)
        self.assertEqual(set(re.findall(r'failpoint_die\("([a-z-]+)"\)', sources)), set(PLACES))
        self.assertEqual(set(re.findall(r'failpoint_take\("([a-z-]+)"\)', sources)), set(DETOURS))
        self.assertEqual(set(re.findall(r'StoreOpType \w+ = \{\s+"([a-z-]+)"', sources)), set(OPERATIONS))
        self.assertLessEqual(set(AT_START), set(OPERATIONS))
        self.assertEqual(len(KILL_POINTS), len(PLACES) + 2 * len(OPERATIONS))


if __name__ == '__main__':
    unittest.main()
