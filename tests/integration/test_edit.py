# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: 2026 The Codex Jobs authors
"""Edit, and codex-jobs edit: what a queued job may still change."""

import pytest
from clientsupport import cli  # noqa: F401
from support import SECOND, BusError, disk_busy, now_usec, object_path, refused, shell

# pylint: disable=redefined-outer-name

TYPES = {'Priority': 'i', 'Label': 's', 'Queue': 's', 'NotBeforeUSec': 't', 'After': 'a(ss)'}


def edit(jobs, job, **changes):
    jobs.call('Edit', 'sa{sv}', job, {name: (TYPES.get(name, 't'), value) for name, value in changes.items()})


@pytest.fixture
def queue(jobs):
    jobs.call('SetQueue', 'sa{sv}', 'other', {'MaxRunning': ('u', 1)})
    yield 'other'
    jobs.end_all()
    jobs.call('RemoveQueue', 's', 'other')


def test_priority(jobs, settings, pipe, gate):
    settings(MaxRunning=1)
    order = pipe('order')
    jobs.enqueue(gate.job())
    gate.wait()
    ids = [jobs.enqueue(shell('echo "$1" >"$2"', number, order)) for number in range(4)]
    edit(jobs, ids[2], Priority=7)
    edit(jobs, ids[0][4:], Priority=-7)
    assert jobs.get(ids[2])['Priority'] == 7
    gate.open()
    assert [order.line() for _ in ids] == ['2', '1', '3', '0']


def test_label(jobs):
    job = jobs.enqueue(['true'], Hold=True, Label='before')
    edit(jobs, job, Label='after')
    assert jobs.get(job)['Label'] == 'after'
    assert [row['Label'] for row in jobs.list(State=['queued'])] == ['after']
    jobs.call('Release', 's', job)
    assert jobs.wait(job).job['Label'] == 'after'


def test_time(jobs):
    later = now_usec() + 3600 * SECOND
    job = jobs.enqueue(['true'], NotBeforeUSec=later)
    edit(jobs, job, NotBeforeUSec=later + SECOND)
    found = jobs.get(job)
    assert (found['NotBeforeUSec'], found['WaitReason']) == (later + SECOND, 'time')
    edit(jobs, job, NotBeforeUSec=0)
    assert 'NotBeforeUSec' not in jobs.wait(job).job


def test_time_of_a_job_that_had_none(jobs, settings, gate):
    """It would be next, and is overtaken; then its time comes."""
    settings(MaxRunning=1)
    jobs.enqueue(gate.job())
    gate.wait()
    job, last = jobs.enqueue(['true']), jobs.enqueue(['true'])
    edit(jobs, job, NotBeforeUSec=now_usec() + 3600 * SECOND)
    gate.open()
    assert jobs.wait(last).state == 'completed'
    assert jobs.get(job)['WaitReason'] == 'time'
    soon = now_usec() + SECOND // 10
    edit(jobs, job, NotBeforeUSec=soon)
    assert jobs.wait(job).job['StartedUSec'] >= soon


def test_first_time_is_changed(jobs):
    """The timer follows those that are left."""
    first = jobs.enqueue(['true'], NotBeforeUSec=now_usec() + 3600 * SECOND)
    second = jobs.enqueue(['true'], NotBeforeUSec=now_usec() + 7200 * SECOND)
    edit(jobs, first, NotBeforeUSec=now_usec() + 10800 * SECOND)
    edit(jobs, second, NotBeforeUSec=now_usec() + SECOND // 10)
    assert jobs.wait(second).state == 'completed'
    assert jobs.get(first)['State'] == 'queued'


def test_queue(jobs, queue, gate):
    running = jobs.enqueue(gate.job(), Queue=queue)
    gate.wait()
    full, job = jobs.enqueue(['true'], Queue=queue), jobs.enqueue(['true'], Hold=True)
    edit(jobs, job, Queue=queue)
    jobs.call('Release', 's', job)
    assert (jobs.get(job)['Queue'], jobs.get(job)['WaitReason']) == (queue, 'queue-limit')
    with refused('InvalidArgument', 'queued or running'):
        jobs.call('RemoveQueue', 's', queue)
    edit(jobs, full, Queue='default')
    ended = jobs.wait(full).job
    assert (ended['Queue'], ended['Slot']) == ('default', 0)
    gate.open()
    assert jobs.wait(job).job['Queue'] == queue and jobs.wait(running).state == 'completed'


def test_queue_that_is_removed_meanwhile(jobs):
    """Whoever is first: a queue with a job in it, or that a job is about to be moved to, is not removed."""
    for _ in range(10):
        jobs.call('SetQueue', 'sa{sv}', 'brief', {})
        job = jobs.enqueue(['true'], Hold=True)
        calls = [jobs.send_call('Edit', 'sa{sv}', job, {'Queue': ('s', 'brief')}), jobs.send_call('RemoveQueue', 's', 'brief')]
        jobs.answer(calls[0])
        with refused('InvalidArgument', 'queued or running in queue brief'):
            jobs.answer(calls[1])
        cancel_all(jobs, job)
        jobs.wait(job)
        jobs.call('RemoveQueue', 's', 'brief')
        job = jobs.enqueue(['true'], Hold=True)
        jobs.call('SetQueue', 'sa{sv}', 'brief', {})
        calls = [jobs.send_call('RemoveQueue', 's', 'brief'), jobs.send_call('Edit', 'sa{sv}', job, {'Queue': ('s', 'brief')})]
        jobs.answer(calls[0])
        with refused('NoSuchQueue', 'brief'):
            jobs.answer(calls[1])
        assert jobs.get(job)['Queue'] == 'default'
        cancel_all(jobs, job)


# --- dependencies ---------------------------------------------------------------------------------

def cancel_all(jobs, *ids):
    for job in ids:
        jobs.call('Cancel', 's', job)


def test_after(jobs, new_gate):
    """All of them are replaced; an end of one that the job no longer depends on is nothing to it."""
    gates = [new_gate() for _ in range(2)]
    first, second = (jobs.enqueue(gate.job(then='exit 1')) for gate in gates)
    for gate in gates:
        gate.wait()
    job = jobs.enqueue(['true'], After=[(first, 'ok')])
    edit(jobs, job, After=[(second[4:], 'failed')])
    found = jobs.get(job)
    assert (found['After'], found['WaitText']) == (f'{second}:failed', f'waits for {second} to fail')
    changed = jobs.signal(lambda signal: signal.path == object_path(job) and 'After' in signal.body[1]).body
    assert changed[1]['After'] == ('s', f'{second}:failed')
    gates[0].open()
    jobs.wait(first)
    assert jobs.get(job)['State'] == 'queued'
    gates[1].open()
    ended = jobs.wait(job)
    assert (ended.state, ended.job['After']) == ('completed', f'{second}:failed')


def test_after_of_a_job_that_had_none(jobs, gate):
    first = jobs.enqueue(gate.job())
    gate.wait()
    job = jobs.enqueue(['true'], Hold=True)
    edit(jobs, job, After=[(first, 'any')], Priority=3)
    jobs.call('Release', 's', job)
    assert jobs.get(job)['WaitReason'] == 'dependency'
    edit(jobs, job, Priority=4)
    assert jobs.get(job)['After'] == f'{first}:any'
    edit(jobs, job, After=[])
    ended = jobs.wait(job).job
    assert (ended['Priority'], ended.get('After')) == (4, None)
    gate.open()


@pytest.mark.parametrize('condition, state', [('ok', 'completed'), ('failed', 'failed')])
def test_after_one_that_has_ended(jobs, condition, state):
    """As when it is submitted: it starts, or never will, and neither will what depends on it."""
    first = jobs.run(['true']).job['Id']
    job = jobs.enqueue(['true'], Hold=True)
    last = jobs.enqueue(['true'], After=[(job, 'ok')])
    edit(jobs, job, After=[(first, condition)])
    if state == 'completed':
        jobs.call('Release', 's', job)
    ended = [jobs.wait(each) for each in (job, last)]
    assert [each.state for each in ended] == [state] * 2
    if state == 'failed':
        assert [each.job['FailedDependency'] for each in ended] == [first, job]
        assert ended[0].job['Reason'] == 'dependency'


def test_no_circle(jobs):
    """One that would be closed is refused, and names the job that closes it; nothing else of the call is done."""
    first = jobs.enqueue(['true'], Hold=True)
    second = jobs.enqueue(['true'], After=[(first, 'ok')])
    third = jobs.enqueue(['true'], After=[(second, 'any')])
    other = jobs.enqueue(['true'], Hold=True)
    for job, after, last in ((first, second, second), (first, third, third), (second, third, third)):
        with refused('InvalidArgument', f'Job {last} of option After depends on job {job} itself'):
            edit(jobs, job, After=[(other, 'ok'), (after, 'any')], Priority=7)
        assert jobs.get(job)['Priority'] == 0
    for job in (first, third):
        with refused('InvalidArgument', f'{job} cannot depend on itself'):
            edit(jobs, job, After=[(job[4:], 'any')])
    assert 'After' not in jobs.get(first) and jobs.get(second)['After'] == f'{first}:ok'
    edit(jobs, second, After=[(other, 'ok')])
    edit(jobs, first, After=[(third, 'ok')])  # which is none any more
    cancel_all(jobs, first, second, third, other)


def test_no_circle_of_two_changes_at_once(jobs):
    """Neither is on disk when the other is checked."""
    for _ in range(10):
        pair = [jobs.enqueue(['true'], Hold=True) for _ in range(2)]
        calls = [jobs.send_call('Edit', 'sa{sv}', job, {'After': ('a(ss)', [(other, 'ok')])})
                 for job, other in (pair, reversed(pair))]
        jobs.answer(calls[0])
        with refused('InvalidArgument', pair[0], 'itself'):
            jobs.answer(calls[1])
        edit(jobs, pair[0], After=[])
        edit(jobs, pair[1], After=[(pair[0], 'ok')])
        cancel_all(jobs, *pair)


def test_bad_dependencies(jobs, gate):
    running = jobs.enqueue(gate.job())
    gate.wait()
    job = jobs.enqueue(['true'], Hold=True, After=[(running, 'any')])
    removed = jobs.run(['true']).job['Id']
    jobs.remove(removed)
    for after, name, *words in (
            ([(removed, 'ok')], 'NoSuchJob', removed), ([('job-0000000000', 'ok')], 'NoSuchJob', 'job-0000000000'),
            ([(running, 'ok'), ('job-0000000000', 'ok')], 'NoSuchJob', 'job-0000000000'),
            ([('zzzzzzzzz', 'ok')], 'NoSuchJob', 'zzzzzzzzz'), ([('a b', 'ok')], 'InvalidArgument', 'After'),
            ([('', 'ok')], 'InvalidArgument', 'After'), ([(running, 'done')], 'InvalidArgument', 'After', 'ok, any nor failed'),
            ([(running, 'ok'), (running[4:], 'any')], 'InvalidArgument', 'After', running),
            ([(f'job-{number:010}', 'ok') for number in range(257)], 'InvalidArgument', 'After', '256')):
        with refused(name, *words):
            edit(jobs, job, After=after, Label='changed')
    found = jobs.get(job)
    assert (found['After'], found['Label']) == (f'{running}:any', 'true')
    with refused('InvalidArgument', 'not queued', running):
        edit(jobs, running, After=[(job, 'ok')])
    cancel_all(jobs, job)
    gate.open()


def test_dependency_on_a_job_of_another(alice, bob, root):
    first, job = alice.enqueue(['true'], Hold=True), bob.enqueue(['true'], Hold=True)
    for caller in (bob, root):
        with refused('NoSuchJob', first):
            edit(caller, job, After=[(first, 'any')])
    second = bob.enqueue(['true'], Hold=True)
    edit(root, job, After=[(second, 'any')])
    assert bob.get(job)['After'] == f'{second}:any'
    cancel_all(alice, first)
    cancel_all(bob, job, second)


@pytest.mark.restarts
def test_dependencies_outlive_the_service(jobs, scope, new_gate):
    gates = [new_gate() for _ in range(2)]
    first, second = (jobs.enqueue(gate.job()) for gate in gates)
    for gate in gates:
        gate.wait()
    job, free = (jobs.enqueue(['true'], After=[(first, 'failed')]) for _ in range(2))
    edit(jobs, job, After=[(second, 'ok')])
    edit(jobs, free, After=[])
    scope.kill_service()
    assert jobs.wait(free).state == 'completed'
    gates[0].open()
    jobs.wait(first)
    assert jobs.get(job)['WaitText'] == f'waits for {second} to complete'
    gates[1].open()
    assert jobs.wait(job).job['After'] == f'{second}:ok'


def test_dependency_against_its_end(jobs, new_gate):
    """The other job ends while the change is recorded: either it counts no more, or the call is refused."""
    for _ in range(10):
        gate = new_gate()
        first = jobs.enqueue(gate.job(then='exit 1'))
        gate.wait()
        job = jobs.enqueue(['true'], After=[(first, 'ok')])
        gate.open()
        try:
            edit(jobs, job, After=[])
        except BusError as error:
            assert error.name.endswith('InvalidArgument')
            assert jobs.wait(job).job['FailedDependency'] == first
        else:
            assert jobs.wait(job).state == 'completed'


@pytest.mark.parametrize('change', [{'Label': 'changed', 'After': []}, {'After': [('job-0000000000', 'ok')]}])
def test_dependency_against_one_that_is_doomed(jobs, scope, gate, change):
    """The other job is cancelled with its parent while the change is being recorded: what is recorded counts."""
    parent = jobs.enqueue(gate.job())
    gate.wait()
    other = jobs.enqueue(['true'], Hold=True, Parent=parent)
    job = jobs.enqueue(['true'], After=[(other, 'ok')])
    with disk_busy(scope):
        call = jobs.send_call('Edit', 'sa{sv}', job, {name: (TYPES[name], value) for name, value in change.items()})
        cancel = jobs.send_cancel(parent)
        assert jobs.get(parent)['StoppedBy'] == scope.uid
    jobs.answer(cancel)
    if change['After']:
        with pytest.raises(BusError):
            jobs.answer(call)
        assert jobs.wait(job).job['FailedDependency'] == other
    else:
        jobs.answer(call)
        assert jobs.wait(job).state == 'completed'


def test_limits(jobs):
    job = jobs.enqueue(shell('head -c 4000 /dev/zero; sleep 600'), Hold=True, RuntimeMaxUSec=3600 * SECOND, OutputMax=10**6)
    edit(jobs, job, OutputMax=2000)
    jobs.call('Release', 's', job)
    assert jobs.wait(job).job['Reason'] == 'output-limit'


def test_limits_of_the_unit(jobs, scope, gate):
    job = jobs.enqueue(gate.job(), Hold=True, TasksMax=100)
    edit(jobs, job, TasksMax=77, CPUWeight=33)
    jobs.call('Release', 's', job)
    gate.wait()
    assert scope.unit_property(jobs.get(job)['Unit'], 'TasksMax') == '77'
    assert scope.unit_property(jobs.get(job)['Unit'], 'CPUWeight') == '33'
    gate.open()


def test_all_at_once_or_nothing(jobs):
    job = jobs.enqueue(['true'], Hold=True, Label='before')
    with refused('NoSuchQueue', 'nowhere'):
        edit(jobs, job, Priority=7, Label='after', Queue='nowhere')
    with refused('InvalidArgument', 'Priority'):
        edit(jobs, job, Label='after', Priority=1001)
    found = jobs.get(job)
    assert (found['Priority'], found['Label'], found['Queue']) == (0, 'before', 'default')
    jobs.call('Cancel', 's', job)


def test_changes_are_signalled(jobs, queue):
    job = jobs.enqueue(['true'], Hold=True)
    edit(jobs, job, Priority=7, Label='after', Queue=queue)
    changed = jobs.signal(lambda signal: signal.path == object_path(job) and 'Priority' in signal.body[1]).body
    assert changed[1]['Priority'] == ('i', 7) and changed[1]['Label'] == ('s', 'after')
    assert changed[1]['Queue'] == ('s', queue) and 'WaitReason' in changed[2]
    jobs.call('Cancel', 's', job)


def test_many_at_once(jobs, queue):
    """The last one counts, in whatever order they are recorded together."""
    job = jobs.enqueue(['true'], Hold=True)
    calls = [jobs.send_call('Edit', 'sa{sv}', job, {'Priority': ('i', number), 'Queue': ('s', (queue, 'default')[number % 2])})
             for number in range(50)]
    calls += [jobs.send_call('Edit', 'sa{sv}', job, {'Label': ('s', 'last')})]
    for call in calls:
        jobs.answer(call)
    found = jobs.get(job)
    assert (found['Priority'], found['Queue'], found['Label']) == (49, 'default', 'last')
    jobs.call('Release', 's', job)
    assert jobs.wait(job).state == 'completed'


@pytest.mark.restarts
def test_outlives_the_service(jobs, scope, settings, queue, gate):
    settings(MaxRunning=1)
    jobs.enqueue(gate.job())
    gate.wait()
    job, later = jobs.enqueue(['true']), now_usec() + 3600 * SECOND
    edit(jobs, job, Priority=-3, Label='after', Queue=queue, NotBeforeUSec=later, MemoryMax=1 << 30)
    scope.kill_service()
    found = jobs.get(job)
    assert [found[name] for name in ('Priority', 'Label', 'Queue', 'NotBeforeUSec')] == [-3, 'after', queue, later]
    assert found['WaitReason'] == 'time'
    gate.open()


def test_what_cannot_be_changed(jobs, gate):
    running = jobs.enqueue(gate.job())
    gate.wait()
    ended = jobs.run(['true']).job['Id']
    for job in (running, ended):
        with refused('InvalidArgument', 'not queued, or is being started', job):
            edit(jobs, job, Priority=1)
    with refused('NoSuchJob'):
        edit(jobs, 'job-0000000000', Priority=1)
    gate.open()


def test_bad_input(jobs):
    job = jobs.enqueue(['true'], Hold=True)
    with refused('InvalidArgument', 'No change is given'):
        edit(jobs, job)
    for name, change in {'Directory': ('s', '/'), 'Hold': ('b', True), 'ReadOnly': ('b', True),
                         'Retries': ('u', 1), 'Argv': ('aay', [b'x'])}.items():
        with refused('InvalidArgument', f'Option {name} cannot be changed by Edit'):
            jobs.call('Edit', 'sa{sv}', job, {name: change})
    for name, change in {'Nonsense': ('s', ''), 'Priority': ('s', '1'), 'Label': ('s', 'x' * 1025), 'TasksMax': ('t', 0),
                         'NotBeforeUSec': ('t', 2**63), 'Queue': ('s', '')}.items():
        with refused('InvalidArgument', name):
            jobs.call('Edit', 'sa{sv}', job, {name: change})
    jobs.call('Cancel', 's', job)


def test_time_between_attempts(jobs):
    job = jobs.enqueue(['false'], Retries=1, RetryDelayUSec=3600 * SECOND)
    jobs.signal(lambda signal: signal.path == object_path(job) and 'NextAttemptUSec' in signal.body[2])
    jobs.signal(lambda signal: signal.path == object_path(job) and 'Held' in signal.body[1])  # its unit is released
    for change in ({'NotBeforeUSec': 0}, {'After': []}):
        with refused('InvalidArgument', 'another attempt', job):
            edit(jobs, job, **change)
    jobs.call('Cancel', 's', job)


def test_job_of_another(alice, bob, root):
    job = alice.enqueue(['true'], Hold=True)
    with refused('NoSuchJob'):
        edit(bob, job, Priority=1)
    bob.call('SetQueue', 'sa{sv}', 'of-bob', {})
    with refused('NoSuchQueue'):
        edit(alice, job, Queue='of-bob')
    bob.call('RemoveQueue', 's', 'of-bob')
    edit(root, job, Priority=1)
    assert alice.get(job)['Priority'] == 1
    alice.call('Cancel', 's', job)


def test_edit_against_start(jobs, settings):
    """Whoever is first: either it is changed and starts so, or the call is refused."""
    settings(MaxRunning=1)
    for _ in range(20):
        first, job = jobs.enqueue(['true']), jobs.enqueue(['true'])
        jobs.send_wait(first)
        try:
            edit(jobs, job, Label='changed', Priority=3)
        except BusError as error:
            assert error.name.endswith('InvalidArgument')
            expected = ('true', 0)
        else:
            expected = ('changed', 3)
        ended = jobs.wait(job).job
        assert (ended['Label'], ended['Priority']) == expected


def test_cancelled_meanwhile(jobs, queue):
    job = jobs.enqueue(['true'], Hold=True)
    calls = [jobs.send_call('Edit', 'sa{sv}', job, {'Queue': ('s', queue), 'NotBeforeUSec': ('t', now_usec() + 3600 * SECOND)}),
             jobs.send_call('Cancel', 's', job)]
    for call in calls:
        jobs.answer(call)
    assert jobs.wait(job).state == 'cancelled'


# --- the client -----------------------------------------------------------------------------------

def test_client(cli, queue):
    job = cli.output('enqueue', '--quiet', '--delay', '8h', '--', 'true').strip()
    other = cli.output('enqueue', '--quiet', '--hold', '--', 'true').strip()
    assert cli.output('edit', job, other[4:], '--priority=-5', '--label', 'new') == f'{job} changed\n{other} changed\n'
    found = cli.document('edit', '--queue', queue, '--delay', '9h', '--runtime-max', '2h', job)['job']
    assert (found['priority'], found['label'], found['queue']) == (-5, 'new', queue)
    assert cli.job('edit', job, '--after', other[4:], '--after', f'{cli.enqueue("--", "true")}:any')['after'][0] == f'{other}:ok'
    assert 'depends on job' in cli.refused('edit', other, '--after', job)
    assert cli.job('edit', job, '--after', '')['after'] is None
    assert cli.output('edit', '--at', 'now', '--label', '', job) == f'{job} changed\n'
    assert cli.output('await', job) == ''
    assert 'is not queued, or is being started' in cli.refused('edit', job, '--priority', '1')
    assert 'Queue nowhere' in cli.refused('edit', other, '--queue', 'nowhere')
    cli.run('cancel', other)


@pytest.mark.parametrize('options, error', [
    ((), 'Nothing to change'), (('--at', 'now', '--delay', '1h'), 'cannot be combined'), (('--priority', 'x'), 'priority'),
    (('--tasks-max', '0'), 'tasks-max'), (('--after', 'x:y'), ':ok, :any or :failed'),
    (('--after', '', '--after', 'job-7f3k9q2m1x'), 'cannot be combined')])
def test_client_mistakes(cli, options, error):
    assert error in cli.refused('edit', 'job-0000000000', *options)
