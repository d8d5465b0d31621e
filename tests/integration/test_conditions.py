# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: 2026 The Codex Jobs authors
"""What queued jobs wait for besides their turn: priorities, other jobs, a time, their release; and why one waits."""

import pytest

from support import BusError, SECOND, now_usec, object_path, refused, shell


def why(jobs, job):
    found = jobs.get(job)
    return found.get('WaitReason'), found.get('WaitText')


# --- priority -------------------------------------------------------------------------------------

def test_highest_priority_first_then_the_oldest(jobs, settings, pipe, gate):
    settings(MaxRunning=1)
    order = pipe('order')
    jobs.enqueue(gate.job())
    for number, priority in enumerate((0, -1000, 5, 0, 1000, 5)):
        jobs.enqueue(shell('echo "$1" >"$2"', number, order), Priority=priority)
    gate.open()
    assert [order.line() for _ in range(6)] == ['4', '2', '5', '0', '3', '1']


@pytest.mark.restarts
def test_priority_outlives_the_service(jobs, scope, settings, pipe, gate):
    settings(MaxRunning=1)
    order = pipe('order')
    jobs.enqueue(gate.job())
    gate.wait()
    for number, priority in enumerate((1, 2)):
        jobs.enqueue(shell('echo "$1" >"$2"', number, order), Priority=priority)
    scope.kill_service()
    jobs.flush()
    gate.open()
    assert [order.line() for _ in range(2)] == ['1', '0']


@pytest.mark.parametrize('kind, value', [('i', 1001), ('i', -1001), ('x', 2**40), ('t', 2**64 - 1), ('n', -1001)])
def test_priority_out_of_range(jobs, kind, value):
    with refused('InvalidArgument', 'Priority', '-1000 to 1000', str(value)):
        jobs.call('Enqueue', 'asa{sv}', ['true'], {'Priority': (kind, value)})


@pytest.mark.parametrize('kind, value', [('n', -7), ('y', 7), ('x', -7), ('t', 7)])
def test_priority_of_any_integer_type(jobs, kind, value):
    job = jobs.call('Enqueue', 'asa{sv}', ['true'], {'Priority': (kind, value)})[0]
    assert jobs.wait(job).job['Priority'] == value


def test_retry_keeps_the_priority(jobs):
    job = jobs.run(['true'], Priority=7).job['Id']
    assert jobs.wait(jobs.call('Retry', 'sa{sv}', job, {})[0]).job['Priority'] == 7
    assert jobs.wait(jobs.call('Retry', 'sa{sv}', job, {'Priority': ('i', 0)})[0]).job['Priority'] == 0


# --- dependencies ---------------------------------------------------------------------------------

ENDS = {'completed': ['true'], 'failed': ['false'], 'cancelled': ['sleep', 'infinity']}
MET = {('ok', 'completed'), ('any', 'completed'), ('any', 'failed'), ('any', 'cancelled'), ('failed', 'failed'),
       ('failed', 'cancelled')}


@pytest.mark.parametrize('late', [False, True], ids=['before', 'after'])
@pytest.mark.parametrize('state', ENDS)
@pytest.mark.parametrize('condition', ['ok', 'any', 'failed'])
def test_conditions(jobs, gate, condition, state, late):
    """The same, whether the other job ends before or after the one that depends on it is enqueued."""
    first = jobs.enqueue(gate.job(then=f'exit {int(state == "failed")}'))
    gate.wait()

    def end():
        if state == 'cancelled':
            jobs.cancel(first)
        else:
            gate.open()
        assert jobs.wait(first).state == state

    if late:
        end()
    job = jobs.enqueue(['true'], After=[(first, condition)])
    if not late:
        assert why(jobs, job) == ('dependency', {
            'ok': f'waits for {first} to complete', 'any': f'waits for {first} to finish',
            'failed': f'waits for {first} to fail'}[condition])
        end()
    found = jobs.wait(job)
    assert found.job['After'] == f'{first}:{condition}'
    if (condition, state) in MET:
        assert (found.state, found.job.get('FailedDependency')) == ('completed', None)
        assert found.job['Sequence'] > jobs.get(first)['Sequence']
    else:
        assert (found.state, found.job['Reason'], found.exit_code) == ('failed', 'dependency', -1)
        assert found.job['FailedDependency'] == first
        assert found.job['StartedUSec'] == 0
    assert 'WaitReason' not in found.job


def test_all_of_several(jobs, new_gate):
    gates = [new_gate() for _ in range(3)]
    ids = [jobs.enqueue(gate.job()) for gate in gates]
    job = jobs.enqueue(['true'], After=[(each, 'any') for each in ids])
    for number, gate in enumerate(gates):
        reason, text = why(jobs, job)
        assert reason == 'dependency' and ('more' in text) == (number < 2)
        gate.open()
        jobs.wait(ids[number])
    assert jobs.wait(job).state == 'completed'


def test_what_can_never_be_met_cascades(jobs, gate):
    first = jobs.enqueue(gate.job(then='exit 3'))
    second = jobs.enqueue(['true'], After=[(first, 'ok')])
    third = jobs.enqueue(['true'], After=[(second, 'ok')])
    rescue = jobs.enqueue(['true'], After=[(second, 'failed')])
    both = jobs.enqueue(['true'], After=[(rescue, 'ok'), (third, 'any')])
    jobs.watch_finished()
    gate.open()
    for job, other in ((second, first), (third, second)):
        found = jobs.wait(job)
        assert (found.state, found.job['Reason'], found.job['FailedDependency']) == ('failed', 'dependency', other)
    assert [jobs.wait(job).state for job in (rescue, both)] == ['completed'] * 2
    ended = [body[0] for body in jobs.finished()]
    assert sorted(ended) == sorted([first, second, third, rescue, both])
    assert ended.index(first) < ended.index(second) < ended.index(third)


@pytest.mark.parametrize('length', [300])
def test_long_chain_of_failures(jobs, gate, length):
    chain = [jobs.enqueue(gate.job(then='exit 1'))]
    for _ in range(length):
        chain.append(jobs.enqueue(['true'], After=[(chain[-1], 'ok')]))
    gate.open()
    assert jobs.wait(chain[-1]).job['FailedDependency'] == chain[-2]
    assert [jobs.get(job)['FailedDependency'] for job in chain[1:]] == chain[:-1]


def test_many_dependents(jobs, gate):
    first = jobs.enqueue(gate.job())
    calls = [jobs.send_enqueue(['true'], After=[(first, 'ok')]) for _ in range(100)]
    ids = [jobs.answer(call)[0] for call in calls]
    gate.open()
    assert {jobs.wait(job).state for job in ids} == {'completed'}


def test_removal_of_the_other_job(jobs, gate):
    first, second = jobs.run(['true']).job['Id'], jobs.enqueue(gate.job())
    job = jobs.enqueue(['true'], After=[(first, 'ok'), (second, 'ok')])
    jobs.remove(first)
    gate.open()
    assert jobs.wait(job).state == 'completed'
    jobs.remove(second)
    assert jobs.get(job)['After'] == f'{first}:ok {second}:ok'


def test_cancel_of_what_waits(jobs, gate):
    first = jobs.enqueue(gate.job())
    job = jobs.enqueue(['true'], After=[(first, 'ok')])
    last = jobs.enqueue(['true'], After=[(job, 'ok')])
    assert jobs.cancel(job) == 'cancelled'
    assert jobs.wait(last).job['FailedDependency'] == job
    gate.open()
    assert jobs.wait(first).state == 'completed'


@pytest.mark.restarts
@pytest.mark.parametrize('then', ['exit 0', 'exit 1'])
def test_dependencies_outlive_the_service(jobs, scope, gate, then):
    first = jobs.enqueue(gate.job(then=then))
    job = jobs.enqueue(['true'], After=[(first, 'ok')])
    gate.wait()
    scope.kill_service()
    assert why(jobs, job)[0] == 'dependency'
    scope.kill_service()
    gate.open()
    found = jobs.wait(job)
    assert found.job['Reason'] == ('' if then == 'exit 0' else 'dependency')


def test_a_prefix_is_enough(jobs):
    first = jobs.run(['true']).job['Id']
    found = jobs.run(['true'], After=[(first[4:], 'ok')])
    assert found.job['After'] == f'{first}:ok'


def refuses_after(jobs, after, name, *words):
    before = jobs.list_ids(Limit=1)
    with refused(name, *words):
        jobs.enqueue(['true'], After=after)
    assert jobs.list_ids(Limit=1) == before


def test_bad_dependencies(jobs):
    first = jobs.run(['true']).job['Id']
    refuses_after(jobs, [('job-0000000000', 'ok')], 'NoSuchJob', 'job-0000000000')
    refuses_after(jobs, [(first, 'ok'), ('job-0000000000', 'ok')], 'NoSuchJob', 'job-0000000000')
    refuses_after(jobs, [('zzzzzzzzz', 'ok')], 'NoSuchJob', 'zzzzzzzzz')
    refuses_after(jobs, [('a b', 'ok')], 'InvalidArgument', 'After')
    refuses_after(jobs, [('', 'ok')], 'InvalidArgument', 'After')
    refuses_after(jobs, [(first, 'OK')], 'InvalidArgument', 'After', 'ok, any nor failed')
    refuses_after(jobs, [(first, 'ok'), (first, 'any')], 'InvalidArgument', 'After', first)
    refuses_after(jobs, [(first, 'ok'), (first[4:], 'any')], 'InvalidArgument', 'After', first)
    refuses_after(jobs, [(f'job-{number:010}', 'ok') for number in range(257)], 'InvalidArgument', 'After', '256')
    with refused('InvalidArgument', 'After', 'a(ss)'):
        jobs.call('Enqueue', 'asa{sv}', ['true'], {'After': ('as', [first])})
    jobs.remove(first)
    refuses_after(jobs, [(first, 'ok')], 'NoSuchJob', first)
    assert jobs.run(['true'], After=[]).state == 'completed'


def test_dependency_on_a_job_of_another(alice, bob, root):
    first = alice.enqueue(['sleep', 'infinity'])
    for other in (bob, root):
        refuses_after(other, [(first, 'any')], 'NoSuchJob', first)
    refuses_after(root, [(first[4:], 'any')], 'NoSuchJob', first)


def test_a_request_with_a_key_is_repeated_without_its_dependency(jobs):
    first = jobs.run(['true']).job['Id']
    job = jobs.run(['true'], After=[(first, 'ok')], IdempotencyKey='conditions').job['Id']
    jobs.remove(first)
    assert jobs.enqueue(['true'], After=[(first, 'ok')], IdempotencyKey='conditions') == job
    jobs.remove(job)


def test_retry_does_not_depend_on_the_old_ones(jobs):
    first = jobs.run(['false']).job['Id']
    job = jobs.run(['true'], After=[(first, 'ok')]).job['Id']
    again = jobs.wait(jobs.call('Retry', 'sa{sv}', job, {})[0])
    assert (again.state, again.job.get('After')) == ('completed', None)
    again = jobs.wait(jobs.call('Retry', 'sa{sv}', job, {'After': ('a(ss)', [(first, 'ok')])})[0])
    assert again.job['FailedDependency'] == first


# --- time -----------------------------------------------------------------------------------------

def test_not_before(jobs):
    due = now_usec() + SECOND
    job = jobs.enqueue(['true'], NotBeforeUSec=due)
    reason, text = why(jobs, job)
    assert reason == 'time' and text.startswith('not before 2') and text.endswith('Z')
    found = jobs.wait(job)
    assert found.state == 'completed'
    assert found.job['StartedUSec'] >= found.job['NotBeforeUSec'] == due


def test_the_first_time_first(jobs, pipe):
    order = pipe('order')
    now = now_usec()
    for number, delay in enumerate((1200, 900, 600, 300)):
        jobs.enqueue(shell('echo "$1" >"$2"', number, order), NotBeforeUSec=now + delay * 1000)
    assert [order.line() for _ in range(4)] == ['3', '2', '1', '0']


@pytest.mark.parametrize('usec', [0, 1, 1_000_000])
def test_a_time_that_has_passed(jobs, usec):
    assert jobs.run(['true'], NotBeforeUSec=usec).state == 'completed'


@pytest.mark.parametrize('usec', [253402300800000000, 2**63, 2**64 - 1])
def test_a_time_that_never_comes(jobs, usec):
    with refused('InvalidArgument', 'NotBeforeUSec', str(usec)):
        jobs.enqueue(['true'], NotBeforeUSec=usec)


def test_the_end_of_time_can_be_cancelled(jobs):
    job = jobs.enqueue(['true'], NotBeforeUSec=253402300799999999)
    assert why(jobs, job) == ('time', 'not before 9999-12-31T23:59:59.999999Z')
    assert jobs.cancel(job) == 'cancelled'


@pytest.mark.restarts
def test_time_outlives_the_service(jobs, scope):
    later = jobs.enqueue(['true'], NotBeforeUSec=now_usec() + 3600 * SECOND)
    job = jobs.enqueue(['true'], NotBeforeUSec=now_usec() + 2 * SECOND)
    scope.kill_service()
    found = jobs.wait(job).job
    assert found['StartedUSec'] >= found['NotBeforeUSec']
    assert why(jobs, later)[0] == 'time'


# --- hold -----------------------------------------------------------------------------------------

def test_hold_and_release(jobs):
    job = jobs.enqueue(['true'], Hold=True)
    assert why(jobs, job) == ('held', 'held')
    assert jobs.get(job)['Held'] is True
    jobs.call('Hold', 's', job)
    assert jobs.run(['true']).state == 'completed'
    assert jobs.get(job)['State'] == 'queued'
    jobs.call('Release', 's', job[4:])
    assert jobs.wait(job).job['Held'] is False


def test_hold_of_what_is_queued(jobs, settings, gate):
    settings(MaxRunning=1)
    jobs.enqueue(gate.job())
    job, last = jobs.enqueue(['true']), jobs.enqueue(['true'])
    jobs.call('Hold', 's', job)
    gate.open()
    assert jobs.wait(last).state == 'completed'
    assert why(jobs, job)[0] == 'held'
    jobs.call('Release', 's', job)
    assert jobs.wait(job).state == 'completed'


def test_hold_is_signalled(jobs):
    job = jobs.enqueue(['true'], Hold=True)
    jobs.call('Release', 's', job)
    changed = jobs.signal(lambda signal: signal.path == object_path(job) and 'Held' in signal.body[1])
    assert changed.body[1]['Held'] == ('b', False)


@pytest.mark.restarts
def test_hold_outlives_the_service(jobs, scope, settings, gate):
    settings(MaxRunning=1)
    jobs.enqueue(gate.job())
    gate.wait()
    job, other = jobs.enqueue(['true'], Hold=True), jobs.enqueue(['true'])
    jobs.call('Hold', 's', other)
    jobs.call('Release', 's', job)
    scope.kill_service()
    gate.open()
    assert jobs.wait(job).state == 'completed'
    assert why(jobs, other)[0] == 'held'


def test_what_cannot_be_held(jobs, gate):
    running = jobs.enqueue(gate.job())
    gate.wait()
    ended = jobs.run(['true']).job['Id']
    for member in ('Hold', 'Release'):
        for job in (running, ended):
            with refused('InvalidArgument', 'not queued', job):
                jobs.call(member, 's', job)
        with refused('NoSuchJob'):
            jobs.call(member, 's', 'job-0000000000')


def test_hold_of_a_job_of_another(alice, bob, root):
    job = alice.enqueue(['true'], Hold=True)
    with refused('NoSuchJob'):
        bob.call('Release', 's', job)
    root.call('Release', 's', job)
    assert alice.wait(job).state == 'completed'


def test_hold_against_start(jobs, settings, gate):
    """Whoever is first: either it is held, or it runs and the call is refused."""
    settings(MaxRunning=1)
    for _ in range(20):
        first, job = jobs.enqueue(['true']), jobs.enqueue(['true'])
        jobs.send_wait(first)
        try:
            jobs.call('Hold', 's', job)
        except BusError as error:
            assert error.name.endswith('InvalidArgument')
        else:
            assert jobs.get(job)['State'] == 'queued'
            jobs.call('Release', 's', job)
        assert jobs.wait(job).state == 'completed'


# --- why does it wait? ----------------------------------------------------------------------------

def test_one_reason_at_a_time(jobs, settings, gate):
    settings(MaxRunning=1)
    first = jobs.enqueue(gate.job())
    gate.wait()
    job = jobs.enqueue(['true'], After=[(first, 'any')], NotBeforeUSec=now_usec() + 3600 * SECOND, Hold=True)
    assert why(jobs, job)[0] == 'held'
    jobs.call('Release', 's', job)
    assert why(jobs, job)[0] == 'dependency'
    gate.open()
    jobs.wait(first)
    assert why(jobs, job)[0] == 'time'
    assert jobs.list(State=['queued'])[0]['WaitReason'] == 'time'


def test_reasons_of_the_queue(jobs, settings, gate):
    settings(MaxRunning=1)
    jobs.enqueue(gate.job())
    gate.wait()
    job = jobs.enqueue(['true'])
    assert why(jobs, job) == ('limit', 'limit of 1 running jobs reached')
    settings(MaxRunning=2, MaxRunningPerUser=1)
    assert why(jobs, job) == ('user-limit', 'limit of 1 running jobs of the user reached')
    jobs.call('Pause')
    try:
        assert why(jobs, job) == ('paused', 'queue paused')
    finally:
        jobs.call('Resume')
    gate.open()
    assert 'WaitReason' not in jobs.wait(job).job


def test_reason_while_dependents_end(jobs):
    """Many end one after the other: each one names what it is about until it has."""
    first = jobs.enqueue(['true'], Hold=True)
    for serial in [jobs.send_enqueue(['true'], After=[(first, 'ok')]) for _ in range(150)]:
        jobs.answer(serial)
    cancelled = jobs.send_cancel(first)
    while found := jobs.list(State=['queued'], Limit=200):
        for record in found:
            if record['Id'] != first:
                assert (record['WaitReason'], record['WaitText']) in [('dependency', f'waits for {first} to complete'),
                                                                     ('dependency', f'{first} did not end as required')]
    jobs.answer(cancelled)


def test_reason_is_not_there_after_the_end(jobs):
    """Also of a job that never ran; who follows it is told."""
    job = jobs.enqueue(['true'], Hold=True)
    jobs.get(job)
    jobs.cancel(job)
    changed = jobs.signal(lambda signal: signal.member == 'PropertiesChanged' and 'State' in signal.body[1]).body
    assert changed[1]['State'] == ('s', 'cancelled') and {'WaitReason', 'WaitText'} <= set(changed[2])


def test_reason_is_a_property(jobs):
    job = jobs.enqueue(['true'], Hold=True)
    value = jobs.call_to('org.codex.Jobs', object_path(job), 'org.freedesktop.DBus.Properties', 'Get', 'ss',
                         'org.codex.Jobs.Job', 'WaitReason')[0]
    assert value == ('s', 'held')
