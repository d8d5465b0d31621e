# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: 2026 The Codex Jobs authors
"""The objects of jobs: there while a job lives, told of by signals to those who asked."""

import time

import pytest

from support import JOB, NAME, PATH, PROPERTIES, object_path, plain, refused

OBJECT_MANAGER = 'org.freedesktop.DBus.ObjectManager'
SECRET = 'XyzzySecret'

PUBLIC = {'State', 'Reason', 'ExitCode'}


def managed(jobs):
    return jobs.call_to(NAME, PATH, OBJECT_MANAGER, 'GetManagedObjects')[0]


def properties(jobs, job):
    return plain(jobs.call_to(NAME, object_path(job), PROPERTIES, 'GetAll', 's', JOB)[0])


def test_properties_are_the_entries_of_get(jobs, gate, folder):
    job = jobs.enqueue(gate.job(before='echo x; systemd-notify --status=half'), Label='a label',
                       Session='s', Directory=folder)
    gate.wait()
    jobs.output_of(job, 2)
    jobs.progress_of(job)
    found, expected = properties(jobs, job), jobs.get(job)
    absent = {name: '' for name in ('Workspace', 'Result', 'RetryOf', 'ResultError', 'LeftBehind', 'EndSource', 'ResourceLimits', 'After', 'RetryOn', 'Attempts',
                                  'FailedDependency', 'Parent', 'Launcher', 'Place', 'PlaceId', 'WaitReason', 'WaitText')}
    assert found == expected | absent | {'NotBeforeUSec': 0, 'NextAttemptUSec': 0}
    assert (found['StdoutBytes'], found['Progress'], found['State']) == (2, 'half', 'running')
    for name, value in found.items():
        assert jobs.call_to(NAME, object_path(job), PROPERTIES, 'Get', 'ss', JOB, name)[0][1] == value


def test_managed_objects_are_the_live_jobs(jobs, settings, gate):
    settings(MaxRunning=1)
    jobs.run(['true'])
    ids = [jobs.enqueue(gate.job()) for _ in range(3)]
    gate.wait()
    found = managed(jobs)
    assert {path for path in found if '/job/' in path} >= {object_path(job) for job in ids}
    for job in ids:
        assert plain(found[object_path(job)][JOB]) == properties(jobs, job)


def test_object_comes_and_goes(jobs, gate):
    managed(jobs)
    job = jobs.enqueue(gate.job(), Label=SECRET)
    added = jobs.signal(lambda signal: signal.member == 'InterfacesAdded' and signal.body[0] == object_path(job))
    assert (added.path, added.body[0], list(added.body[1])) == (PATH, object_path(job), [JOB])
    assert SECRET not in str(added)
    assert object_path(job) in managed(jobs)
    gate.open()
    removed = jobs.signal(lambda signal: signal.member == 'InterfacesRemoved' and signal.body[0] == object_path(job))
    assert (removed.path, removed.body) == (PATH, (object_path(job), [JOB]))
    assert object_path(job) not in managed(jobs)
    with refused('org.freedesktop.DBus.Error.UnknownObject'):
        properties(jobs, job)
    assert jobs.wait(job).state == 'completed'


def test_changes_are_told(jobs, settings, new_gate):
    settings(MaxRunning=1)
    first, second = new_gate(), new_gate()
    jobs.enqueue(first.job())
    job = jobs.enqueue(second.job(then='echo "{}" >"$CODEX_JOB_RESULT"; kill -9 $$'))
    jobs.subscribe(f"type='signal',member='PropertiesChanged',path='{object_path(job)}'")
    first.open()
    states = []
    while 'failed' not in states:
        interface, changed, invalidated = jobs.signal(lambda signal: signal.path == object_path(job)).body
        assert interface == JOB
        assert set(changed) <= PUBLIC and not PUBLIC & set(invalidated)
        states.append(changed['State'][1])
        second.open()
    assert states == ['running', 'failed']
    assert plain(changed) == {'State': 'failed', 'Reason': 'signal', 'ExitCode': 137}
    assert {'Signal', 'FinishedUSec', 'Sequence', 'Result'} <= set(invalidated)


def test_signals_carry_nothing_private(jobs, gate, folder):
    """What is private is asked for."""
    jobs.subscribe(f"type='signal',sender='{NAME}'")
    managed(jobs)
    text = (f'systemd-notify --status={SECRET}; echo {SECRET}; '
            f'echo "{{\\"a\\": \\"{SECRET}\\"}}" >"$CODEX_JOB_RESULT"')
    job = jobs.enqueue(gate.job(before=text), Label=SECRET, Session=SECRET, Workspace=f'/{SECRET}',
                       Directory=folder, Environment=[f'X={SECRET}'])
    gate.wait()
    gate.open()
    assert SECRET in jobs.wait(job).job['Result']
    jobs.flush()
    members = [signal.member for signal in jobs.signals]
    assert {'InterfacesAdded', 'PropertiesChanged', 'JobFinished'} <= set(members)
    assert SECRET not in str(jobs.signals) and folder not in str(jobs.signals)


def test_cancel_on_the_object(jobs, gate):
    job = jobs.enqueue(gate.job())
    gate.wait()
    assert jobs.call_to(NAME, object_path(job), JOB, 'Cancel') == ('cancelled',)
    assert jobs.get(job)['State'] == 'cancelled'


@pytest.mark.parametrize('path', [f'{PATH}/job/job_2d0000000000', f'{PATH}/job/_', f'{PATH}/job/x'])
def test_objects_that_are_not_there(jobs, path):
    for interface, member, signature, *body in [(PROPERTIES, 'GetAll', 's', JOB), (JOB, 'Cancel', '')]:
        with refused('org.freedesktop.DBus.Error.UnknownObject'):
            jobs.call_to(NAME, path, interface, member, signature, *body)


def test_properties_cannot_be_set(jobs, gate):
    job = jobs.enqueue(gate.job())
    for path, interface, name, value in [(object_path(job), JOB, 'State', ('s', 'completed')),
                                         (PATH, NAME, 'MaxRunning', ('u', 1))]:
        with pytest.raises(Exception) as caught:
            jobs.call_to(NAME, path, PROPERTIES, 'Set', 'ssv', interface, name, value)
        # The policy of the system bus refuses the call before it reaches the service.
        assert caught.value.name in ('org.freedesktop.DBus.Error.AccessDenied',
                                     'org.freedesktop.DBus.Error.PropertyReadOnly')
    assert jobs.property('MaxRunning') == 16


# --- who is told ----------------------------------------------------------------------------------

def told_of(client, job):
    """The members of the signals about a job that have arrived."""
    client.flush()
    names = job, object_path(job)
    found = {signal.member for signal in client.signals if any(name in (signal.path, *signal.body) for name in names)}
    client.signals.clear()
    return found


ASKING = {
    'nothing': (lambda client, job: client.flush(), set()),
    'get': (lambda client, job: client.get(job), {'PropertiesChanged'}),
    'object': (properties, {'PropertiesChanged'}),
    'list': (lambda client, job: client.list(Limit=1), {'PropertiesChanged', 'InterfacesRemoved'}),
    'objects': (lambda client, job: managed(client), {'PropertiesChanged', 'InterfacesRemoved'}),
    'both': (lambda client, job: (client.get(job), client.list()), {'PropertiesChanged', 'InterfacesRemoved'}),
}


@pytest.mark.parametrize('asked', ASKING)
def test_who_asked_is_told(jobs, connect, gate, asked):
    other = connect()
    other.subscribe(f"type='signal',sender='{NAME}'")
    job = jobs.enqueue(gate.job())
    gate.wait()
    assert told_of(other, job) == set()
    ask, expected = ASKING[asked]
    ask(other, job)
    gate.open()
    jobs.wait(job)
    other.flush()
    changes = [signal for signal in other.signals if signal.member == 'PropertiesChanged'
               and signal.path == object_path(job)]
    assert len(changes) == len({'PropertiesChanged'} & expected)
    assert told_of(other, job) == expected | {'JobFinished'}


def test_who_left_is_told_no_more(jobs, connect, gate):
    for _ in range(3):
        gone = connect()
        gone.subscribe(f"type='signal',sender='{NAME}'")
        gone.list()
        gone.close()
    job = jobs.enqueue(gate.job())
    gate.wait()
    gate.open()
    assert jobs.wait(job).state == 'completed'


def test_progress_is_told_a_few_times_a_second(jobs, connect, gate, pipe):
    """However often a job tells it; and the last of it in any case."""
    other = connect()
    other.subscribe(f"type='signal',sender='{NAME}',member='PropertiesChanged'")
    told = pipe('told')
    job = jobs.enqueue(gate.job(before=f"""
        i=0; while [ $i -lt 300 ]; do i=$((i+1)); systemd-notify --status=$i; done
        echo told > {told}"""))
    other.get(job)
    begin = time.monotonic()
    gate.wait()
    told.line()
    while properties(other, job)['Progress'] != '300':
        other.signal(lambda signal: signal.path == object_path(job))
    seconds = time.monotonic() - begin
    assert len([signal for signal in other.signals if signal.path == object_path(job)]) <= 4 * seconds + 2
    gate.open()
    assert jobs.wait(job).state == 'completed'


def test_connections_of_a_user_that_are_told_are_bounded(jobs, connect, gate):
    """Those that asked last."""
    job = jobs.enqueue(gate.job())
    gate.wait()
    clients = [connect() for _ in range(65)]
    for client in clients:
        client.subscribe(f"type='signal',sender='{NAME}',member='PropertiesChanged'")
        client.get(job)
    gate.open()
    jobs.wait(job)
    assert [told_of(client, job) for client in clients] == [set()] + [{'PropertiesChanged'}] * 64


def test_as_many_objects_are_listed_as_cost_others_little(jobs):
    """The oldest; the others are there for whoever knows their ids."""
    jobs.call('Pause')
    try:
        calls = [jobs.send_enqueue(['true']) for _ in range(101)]
        jobs.enqueued = [jobs.answer(call)[0] for call in calls]
        found = [path for path in managed(jobs) if path.startswith(f'{PATH}/job/')]
        assert sorted(found) == sorted(map(object_path, jobs.enqueued[:100]))
        assert properties(jobs, jobs.enqueued[100])['State'] == 'queued'
        jobs.end_all()
    finally:
        jobs.call('Resume')
