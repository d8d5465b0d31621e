# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: 2026 The Codex Jobs authors
"""Edit, and codex-jobs edit: what a queued job may still change."""

import pytest
from clientsupport import cli  # noqa: F401
from support import SECOND, BusError, now_usec, object_path, refused, shell

# pylint: disable=redefined-outer-name

TYPES = {'Priority': 'i', 'Label': 's', 'Queue': 's', 'NotBeforeUSec': 't'}


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
    for name, change in {'Directory': ('s', '/'), 'After': ('a(ss)', []), 'Hold': ('b', True), 'ReadOnly': ('b', True),
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
    with refused('InvalidArgument', 'another attempt', job):
        edit(jobs, job, NotBeforeUSec=0)
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
    assert cli.output('edit', '--at', 'now', '--label', '', job) == f'{job} changed\n'
    assert cli.output('await', job) == ''
    assert 'is not queued, or is being started' in cli.refused('edit', job, '--priority', '1')
    assert 'Queue nowhere' in cli.refused('edit', other, '--queue', 'nowhere')
    cli.run('cancel', other)


@pytest.mark.parametrize('options, error', [
    ((), 'Nothing to change'), (('--at', 'now', '--delay', '1h'), 'cannot be combined'), (('--priority', 'x'), 'priority'),
    (('--tasks-max', '0'), 'tasks-max')])
def test_client_mistakes(cli, options, error):
    assert error in cli.refused('edit', 'job-0000000000', *options)
