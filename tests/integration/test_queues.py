# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: 2026 The Codex Jobs authors
"""Queues of a user: their limits, their numbers, and what becomes of them."""

import pytest
from clientsupport import cli  # noqa: F401
from support import plain, refused, shell

# pylint: disable=redefined-outer-name

OWN = {'Administrator': False, 'MaxRunningPerUser': 0, 'RunningOfAll': 0} # of a queue of a user, in which nothing runs


@pytest.fixture
def queues(jobs):
    """Those that a test makes are removed after it, with their jobs."""
    yield Queues(jobs)
    jobs.end_all()
    for name in Queues(jobs).names()[1:]:
        jobs.call('RemoveQueue', 's', name)
    jobs.call('SetQueue', 'sa{sv}', 'default', {})


class Queues:
    def __init__(self, jobs):
        self.jobs = jobs

    def set(self, name, maximum=None, of='u'):
        self.jobs.call('SetQueue', 'sa{sv}', name, {} if maximum is None else {'MaxRunning': (of, maximum)})

    def all(self):
        return [plain(queue) for queue in self.jobs.call('ListQueues')[0]]

    def names(self):
        return [queue['Name'] for queue in self.all()]

    def get(self, name):
        (found,) = [queue for queue in self.all() if queue['Name'] == name]
        return found


def test_default_is_always_there(jobs, queues, gate):
    assert queues.all() == [{'Name': 'default', 'Paused': False, 'Queued': 0, 'Running': 0, 'MaxRunning': 0, **OWN}]
    job = jobs.enqueue(gate.job())
    gate.wait()
    assert queues.get('default')['Running'] == 1 and jobs.get(job)['Queue'] == 'default' and jobs.get(job)['Slot'] == 0
    gate.open()


def test_limit(jobs, queues, gate):
    queues.set('b', 2)
    queues.set('a')
    assert [(queue['Name'], queue['MaxRunning']) for queue in queues.all()] == [('default', 0), ('a', 0), ('b', 2)]
    running = [jobs.enqueue(gate.job(), Queue='b') for _ in range(2)]
    waiting = jobs.enqueue(gate.job(), Queue='b')
    gate.wait(), gate.wait()
    assert jobs.run(['true'], Queue='a').state == jobs.run(['true']).state == 'completed' # nobody waits for it
    record = jobs.get(waiting)
    assert (record['Queue'], record['WaitReason']) == ('b', 'queue-limit')
    assert record['WaitText'] == 'limit of 2 running jobs of queue b reached' and 'Slot' not in record
    assert (queues.get('b')['Running'], queues.get('b')['Queued']) == (2, 1)
    assert sorted(jobs.get(job)['Slot'] for job in running) == [0, 1]
    jobs.cancel(running[0])
    gate.wait()
    gate.open(2)
    assert jobs.wait(waiting).job['Slot'] == 0
    jobs.wait(running[1])


def test_limit_is_changed(jobs, queues, gate):
    queues.set('a', 1)
    ids = [jobs.enqueue(gate.job(), Queue='a') for _ in range(3)]
    gate.wait()
    queues.set('a', 2)
    gate.wait()
    queues.set('a', 1) # both run on
    gate.open()
    jobs.flush()
    assert queues.get('a')['Queued'] == 1
    gate.open()
    gate.wait() # the last one, after both
    gate.open()
    for job in ids:
        assert jobs.wait(job).state == 'completed'


def test_default_has_a_limit(jobs, queues, gate):
    queues.set('default', 1)
    first = jobs.enqueue(gate.job())
    second = jobs.enqueue(['true'])
    gate.wait()
    assert jobs.get(second)['WaitReason'] == 'queue-limit'
    with refused('InvalidArgument', 'default'):
        jobs.call('RemoveQueue', 's', 'default')
    queues.set('default')
    assert jobs.wait(second).state == 'completed'
    gate.open()
    jobs.wait(first)


def test_number(jobs, queues, gate):
    """That of the environment is that of the record; of the numbers, the lowest is taken that is free."""
    queues.set('a', 3)
    tell = shell('echo $CODEX_JOB_SLOT')
    assert jobs.output(jobs.run(tell, Queue='a').job['Id']) == b'0\n'
    held = [jobs.enqueue(gate.job(before='echo $CODEX_JOB_SLOT'), Queue='a') for _ in range(3)]
    for _ in held:
        gate.wait()
    numbers = {jobs.get(job)['Slot']: job for job in held}
    assert sorted(numbers) == [0, 1, 2]
    assert {jobs.output_of(job, 2) for job in held} == {b'0\n', b'1\n', b'2\n'}
    jobs.cancel(numbers[1])
    ended = jobs.run(tell, Queue='a')
    assert jobs.output(ended.job['Id']) == b'1\n' and ended.job['Slot'] == jobs.get(ended.job['Id'])['Slot'] == 1
    gate.open(2)
    for job in held:
        jobs.wait(job)


def test_number_is_the_callers_own_in_no_job(jobs):
    job = jobs.run(shell('echo $CODEX_JOB_SLOT'), Environment=['CODEX_JOB_SLOT=77', 'PATH=/usr/bin:/bin']).job['Id']
    assert jobs.output(job) == b'0\n'


@pytest.mark.restarts
def test_numbers_and_queues_outlive_the_service(jobs, scope, queues, gate):
    queues.set('a', 2)
    jobs.call('PauseQueue', 's', 'a')
    jobs.call('ResumeQueue', 's', 'a')
    first, second = [jobs.enqueue(gate.job(), Queue='a') for _ in range(2)]
    gate.wait(), gate.wait()
    third = jobs.enqueue(['true'], Queue='a')
    slots = jobs.get(first)['Slot'], jobs.get(second)['Slot']
    scope.kill_service()
    assert (jobs.get(first)['Slot'], jobs.get(second)['Slot']) == slots and set(slots) == {0, 1}
    assert jobs.get(third)['WaitReason'] == 'queue-limit'
    jobs.cancel(second)
    assert jobs.wait(third).job['Slot'] == slots[1]
    jobs.call('PauseQueue', 's', 'a')
    scope.kill_service()
    assert queues.get('a') == {'Name': 'a', 'Paused': True, 'Queued': 0, 'Running': 1, 'MaxRunning': 2, **OWN, 'RunningOfAll': 1}
    gate.open()
    jobs.wait(first)


def test_priority_is_over_queues(jobs, queues, scope, settings, gate):
    settings(MaxRunning=1, MaxRunningPerUser=1)
    queues.set('a')
    queues.set('b')
    blocker = jobs.enqueue(gate.job())
    gate.wait()
    jobs.watch_finished()
    order = [jobs.enqueue(['true'], Queue='a'), jobs.enqueue(['true'], Queue='b'), jobs.enqueue(['true'], Queue='a', Priority=1)]
    gate.open()
    for job in (blocker, *order):
        jobs.wait(job)
    assert [body[0] for body in jobs.finished()] == [blocker, order[2], order[0], order[1]]


def test_pause(jobs, queues, gate):
    queues.set('night')
    jobs.call('PauseQueue', 's', 'night')
    job = jobs.enqueue(['true'], Queue='night')
    assert jobs.run(['true']).state == 'completed'
    record = jobs.get(job)
    assert (record['WaitReason'], record['WaitText']) == ('paused', 'queue night paused')
    assert queues.get('night')['Paused'] and not queues.get('default')['Paused']
    jobs.call('Pause') # that is default
    jobs.call('ResumeQueue', 's', 'night')
    assert jobs.wait(job).state == 'completed'
    jobs.call('PauseQueue', 's', 'default')
    jobs.call('Resume')
    assert not queues.get('default')['Paused']


def test_remove(jobs, queues, gate):
    queues.set('a', 1)
    first = jobs.enqueue(gate.job(), Queue='a')
    second = jobs.enqueue(['true'], Queue='a', Hold=True)
    gate.wait()
    with refused('InvalidArgument', 'Jobs are queued or running in queue a'):
        jobs.call('RemoveQueue', 's', 'a')
    gate.open()
    jobs.wait(first)
    with refused('InvalidArgument'):
        jobs.call('RemoveQueue', 's', 'a')
    jobs.cancel(second)
    jobs.call('PauseQueue', 's', 'a')
    jobs.call('RemoveQueue', 's', 'a')
    assert queues.names() == ['default'] and jobs.get(first)['Queue'] == 'a'
    with refused('NoSuchQueue', "a"):
        jobs.enqueue(['true'], Queue='a')
    with refused('NoSuchQueue'):
        jobs.answer(jobs.send_call('Retry', 'sa{sv}', first, {}))
    again = jobs.answer(jobs.send_call('Retry', 'sa{sv}', first, {'Queue': ('s', 'default')}))[0]
    gate.wait()
    gate.open()
    assert jobs.wait(again).job['Queue'] == 'default'
    queues.set('a') # as a new one: not paused
    assert queues.get('a') == {'Name': 'a', 'Paused': False, 'Queued': 0, 'Running': 0, 'MaxRunning': 0, **OWN}


@pytest.mark.parametrize('member', ['RemoveQueue', 'PauseQueue', 'ResumeQueue'])
def test_unknown(jobs, member):
    with refused('NoSuchQueue', 'Queue nothing not found'):
        jobs.call(member, 's', 'nothing')


@pytest.mark.parametrize('name', ['', '-a', '.a', 'a b', 'a/b', 'ä', 'a\n', 'x' * 65, 'x' * 1_000_000, 'a;rm'])
def test_names_that_are_none(jobs, queues, name):
    with refused('InvalidArgument', 'name of a queue'):
        queues.set(name)
    assert queues.names() == ['default']


@pytest.mark.parametrize('name', ['a', '0', 'A.b_c-d', 'x' * 64, 'DEFAULT'])
def test_names(jobs, queues, name):
    queues.set(name, 1)
    assert jobs.run(['true'], Queue=name).job['Queue'] == name


@pytest.mark.parametrize('options, words', [
    ({'MaxRunning': ('u', 65536)}, 'out of range'), ({'MaxRunning': ('i', -1)}, 'out of range'),
    ({'MaxRunning': ('s', '1')}, 'has type s'), ({'Places': ('u', 1)}, 'no such option')])
def test_settings_that_are_wrong(jobs, queues, options, words):
    with refused('InvalidArgument', words):
        jobs.call('SetQueue', 'sa{sv}', 'a', options)
    assert queues.names() == ['default']


def test_any_integer(queues):
    for number, of in enumerate('ynqiuxt', start=1):
        queues.set('a', number, of)
        assert queues.get('a')['MaxRunning'] == number


def test_at_most_a_hundred(jobs, queues):
    for number in range(100):
        queues.set(f'q{number}')
    with refused('LimitExceeded', '100'):
        queues.set('more')
    queues.set('q7', 3) # it is there


def test_others_have_their_own(alice, bob):
    alice.call('SetQueue', 'sa{sv}', 'mine', {})
    try:
        assert [queue['Name'][1] for queue in bob.call('ListQueues')[0]] == ['default']
        with refused('NoSuchQueue'):
            bob.enqueue(['true'], Queue='mine')
        bob.call('SetQueue', 'sa{sv}', 'mine', {'MaxRunning': ('u', 1)})
        bob.call('RemoveQueue', 's', 'mine')
        assert alice.run(['true'], Queue='mine').state == 'completed'
    finally:
        alice.call('RemoveQueue', 's', 'mine')


def test_key(jobs, queues):
    """A queue is part of the request; the one that is meant by nothing is default."""
    queues.set('a')
    job = jobs.enqueue(['true'], Queue='a', IdempotencyKey='queue-key')
    with refused('KeyConflict'):
        jobs.enqueue(['true'], IdempotencyKey='queue-key')
    jobs.wait(job)
    jobs.call('RemoveQueue', 's', 'a')
    assert jobs.enqueue(['true'], Queue='a', IdempotencyKey='queue-key') == job # accepted long ago
    jobs.remove(job)
    job = jobs.enqueue(['true'], IdempotencyKey='queue-key')
    assert jobs.enqueue(['true'], Queue='default', IdempotencyKey='queue-key') == job
    jobs.wait(job)
    jobs.remove(job)


# --- the client -----------------------------------------------------------------------------------


def test_verb(cli, queues):
    assert cli.output('queue', 'set', 'gpu', '--max-running', '2') == 'Queue gpu: at most 2 running.\n'
    assert cli.output('queue') == cli.output('queue', 'list')
    assert cli.output('queue').splitlines()[2].split() == ['gpu', 'no', '0', '0', '2', 'you']
    assert cli.output('run', '-q', '--queue', 'gpu', '--', 'sh', '-c', 'echo $CODEX_JOB_SLOT') == '0\n'
    (queue,) = cli.document('queue', 'set', 'gpu', '--max-running', 'infinity')['queues']
    assert queue == {'name': 'gpu', 'paused': False, 'queued': 0, 'running': 0, 'max_running': None, 'administrator': False,
                     'max_running_per_user': None, 'running_of_all': 0, 'closed': False, 'problem': None}
    assert [queue['name'] for queue in cli.document('queue')['queues']] == ['default', 'gpu']
    assert cli.output('queue', 'set', 'gpu', '--max-running', 'infinity') == 'Queue gpu: no limit of its own.\n'
    assert cli.output('queue', 'set', '-q', 'gpu', '--max-running', '1') == ''
    assert cli.document('queue', 'remove', 'gpu')['queues'][0]['name'] == 'gpu'
    assert "There is no queue 'gpu'" in cli.refused('queue', 'remove', 'gpu')
    assert 'codex-jobs queue set NAME' in cli.refused('enqueue', '--queue', 'gpu', '--', 'true')


@pytest.mark.parametrize('arguments, words', [
    (['set', 'a'], "'queue set' requires --max-running"), (['set', '--max-running', '2'], 'Missing the name'),
    (['set', 'a', '--max-running', '0'], 'max-running'), (['set', 'a', '--max-running', 'many'], 'max-running'),
    (['set', 'a b', '--max-running', '1'], "Invalid queue 'a b'"), (['list', 'a'], 'Too many arguments'),
    (['remove'], 'Missing the name'), (['remove', 'a', '--max-running', '1'], 'only for'), (['ls'], "Unknown word 'ls'"), (['rename', 'a', 'b'], 'takes list, set or remove'),
    (['remove', 'default'], 'cannot be removed')])
def test_mistakes_are_told(cli, arguments, words):
    assert words in cli.refused('queue', *arguments)


def test_a_queue_in_use_is_not_removed(cli, queues):
    queues.set('night')
    job = cli.enqueue('--hold', '--queue', 'night', '--', 'true')
    told = cli.refused('queue', 'remove', 'night')
    assert 'Jobs are queued or running in queue night. Cancel them' in told and "'codex-jobs status --all" in told
    cli.run('cancel', job)
    cli.run('queue', 'remove', 'night')


def test_pause_by_name(cli, queues):
    queues.set('night')
    assert cli.output('pause', 'night') == 'Queue night paused: 0 queued, 0 still running.\n'
    job = cli.enqueue('--queue', 'night', '--', 'true')
    assert 'queue night paused' in cli.output('status')
    document = cli.document('show', job)
    assert document['job']['wait_reason'] == 'paused' and document['next'][0].startswith('codex-jobs resume night')
    assert cli.document('pause', 'night')['next'][0].startswith('codex-jobs resume night')
    assert cli.output('resume', 'night').startswith('Queue night resumed: ')
    assert cli.output('await', '-q', job) == ''
    assert "Queue nothing not found" in cli.refused('pause', 'nothing')
    assert "Invalid queue '-'" in cli.refused('pause', '-')
