# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: 2026 The Codex Jobs authors
"""List, Remove and the properties of the service: what there is, and forgetting it."""

import pytest

from support import BusError, refused, shell


@pytest.fixture
def session(request):
    """A session that no other test has, to tell this one's jobs by."""
    return request.node.nodeid[-250:]


@pytest.fixture
def ended(jobs, session):
    ids = []
    for number in range(6):
        options = {'Kind': 'even' if number % 2 == 0 else 'odd', 'Workspace': f'/{number // 2}'}
        ids.append(jobs.enqueue(shell(f'exit {number % 3}'), Session=session, **options))
        jobs.wait(ids[-1])
    return ids


# --- List -----------------------------------------------------------------------------------------

def test_newest_first(jobs, session, ended):
    assert jobs.list_ids(Session=session) == ended[::-1]


def test_entries_are_those_of_get(jobs, session, ended):
    assert jobs.list(Session=session) == [jobs.get(job) for job in ended[::-1]]


def test_live_jobs_are_listed_as_they_are(jobs, session, gate, settings):
    settings(MaxRunning=1)
    running = jobs.enqueue(gate.job(before='echo 12345; systemd-notify --status=busy'), Session=session)
    queued = jobs.enqueue(['true'], Session=session)
    gate.wait()
    jobs.output_of(running, 6)
    jobs.progress_of(running)
    listed = jobs.list(Session=session)
    assert [(job['Id'], job['State']) for job in listed] == [(queued, 'queued'), (running, 'running')]
    assert (listed[1]['StdoutBytes'], listed[1]['Progress']) == (6, 'busy')


@pytest.mark.parametrize('name, value, numbers', [
    ('Kind', 'even', [4, 2, 0]), ('Kind', 'eve', []), ('Workspace', '/1', [3, 2]), ('Workspace', '/1/', []),
    ('State', ['completed'], [3, 0]), ('State', ['completed', 'failed'], [5, 4, 3, 2, 1, 0]),
    ('State', ['queued', 'running', 'cancelled'], []), ('State', [], [5, 4, 3, 2, 1, 0]), ('Limit', 2, [5, 4]),
    ('Limit', 1000, [5, 4, 3, 2, 1, 0])])
def test_filter(jobs, session, ended, name, value, numbers):
    assert jobs.list_ids(Session=session, **{name: value}) == [ended[number] for number in numbers]


def test_filters_hold_together(jobs, session, ended):
    assert jobs.list_ids(Session=session, Kind='odd', State=['failed'], Limit=1) == [ended[5]]


def test_filter_by_user(jobs, scope, session, ended):
    assert jobs.list_ids(Session=session, Uid=scope.uid) == ended[::-1]
    assert jobs.list_ids(Session=session, Uid=0) == []


def test_pages(jobs, session, ended):
    pages, before = [], {}
    while page := jobs.list_ids(Session=session, Limit=4, **before):
        pages.append(page)
        before = {'Before': page[-1]}
    assert pages == [ended[:1:-1], ended[1::-1]]


def test_after_sequence_is_in_the_order_of_the_ends(jobs, session, new_gate):
    before = jobs.property('LastSequence')
    gates = [new_gate() for _ in range(3)]
    ids = [jobs.enqueue(gate.job(), Session=session) for gate in gates]
    for number in (1, 2, 0):
        gates[number].open()
        jobs.wait(ids[number])
    jobs.enqueue(gates[0].job(), Session=session)
    listed = jobs.list(AfterSequence=before)
    assert [job['Id'] for job in listed] == [ids[1], ids[2], ids[0]]
    assert [job['Sequence'] for job in listed] == [before + 1, before + 2, before + 3]
    assert jobs.list_ids(AfterSequence=before + 1) == [ids[2], ids[0]]
    assert jobs.list_ids(AfterSequence=before, Limit=1) == [ids[1]]
    assert jobs.list_ids(AfterSequence=before + 3) == []
    assert jobs.list_ids(AfterSequence=2**64 - 2) == []


def test_100_jobs_without_a_limit(jobs, session):
    ids = [jobs.enqueue(['true'], Session=session) for _ in range(101)]
    for job in ids:
        jobs.wait(job)
    assert jobs.list_ids(Session=session) == ids[:0:-1]


@pytest.mark.parametrize('name, value', [
    ('Limit', 0), ('Limit', 1001), ('Limit', 2**32 - 1), ('Limit', ('i', -1)), ('Limit', ('d', 1.0)),
    ('Limit', ('t', 2**32 + 1)), ('Limit', ('s', '1')),
    ('Before', 'job'), ('Before', ''), ('Before', 'x' * 1_000_000), ('AfterSequence', ('d', 0.0)),
    ('State', ['done']), ('State', ['completed', '']), ('State', ('s', 'x')), ('Kind', ('as', ['job'])),
    ('Uid', ('i', -1)), ('Uid', ('x', 2**32)), ('Uid', ('b', True)), ('AfterSequence', ('x', -1)),
    ('Other', ('s', 'x')), ('limit', ('u', 1))])
def test_bad_filter(jobs, name, value):
    with refused('InvalidArgument', name):
        jobs.list(**{name: value})


# --- properties -----------------------------------------------------------------------------------

def test_counts(jobs, settings, gate):
    settings(MaxRunning=3)
    finished, sequence = jobs.property('Finished'), jobs.property('LastSequence')
    ids = [jobs.enqueue(gate.job()) for _ in range(5)]
    for _ in range(3):
        gate.wait()
    assert [jobs.property(name) for name in ('Queued', 'Running', 'MaxRunning')] == [2, 3, 3]
    gate.open(5)
    for job in ids:
        jobs.wait(job)
    assert [jobs.property(name) for name in ('Queued', 'Running')] == [0, 0]
    assert jobs.property('Finished') == finished + 5
    assert jobs.property('LastSequence') == sequence + 5
    jobs.remove(*ids)
    assert jobs.property('Finished') == finished
    assert jobs.property('LastSequence') == sequence + 5


# --- Remove ---------------------------------------------------------------------------------------

def test_removed_job_is_forgotten(jobs, session, ended):
    jobs.remove(ended[0])
    with refused('NoSuchJob', ended[0]):
        jobs.get(ended[0])
    with refused('NoSuchJob', ended[0]):
        jobs.open_output(ended[0])
    assert jobs.list_ids(Session=session) == ended[:0:-1]


def test_job_is_forgotten_as_soon_as_remove_returns(jobs):
    """Also while systemd still lets go of its unit."""
    for _ in range(40):
        job = jobs.enqueue(['true'])
        jobs.wait(job)
        jobs.remove(job)
        with refused('NoSuchJob', job):
            jobs.get(job)


def test_files_of_removed_jobs_are_deleted(jobs, scope):
    job = jobs.enqueue(shell('echo x; echo {} >"$CODEX_JOB_RESULT"'))
    jobs.wait(job)
    assert sum(name.startswith(job) for name in scope.files()) == 3
    jobs.remove(job)
    # Files are deleted behind the answer, in the order of everything that is done with files.
    jobs.run(['echo', 'x'])
    assert sum(name.startswith(job) for name in scope.files()) == 0


def test_open_output_of_a_removed_job_stays_readable(jobs):
    job = jobs.enqueue(['echo', 'kept'])
    jobs.wait(job)
    with jobs.open_output(job) as file:
        jobs.remove(job)
        assert file.read() == b'kept\n'


def test_remove_many(jobs, session, ended):
    jobs.remove(*ended)
    assert jobs.list_ids(Session=session) == []


def test_remove_one_twice_in_a_call(jobs, session, ended):
    jobs.remove(ended[0], ended[0], ended[0][:-1])
    assert ended[0] not in jobs.list_ids(Session=session)


def test_running_job_is_not_removed_nor_are_others(jobs, session, ended, gate):
    running = jobs.enqueue(gate.job(), Session=session)
    with refused('InvalidArgument', running, 'not finished'):
        jobs.remove(ended[0], running, ended[1])
    assert jobs.list_ids(Session=session) == [running, *ended[::-1]]
    gate.open()
    assert jobs.wait(running).state == 'completed'


def test_unknown_job_keeps_others(jobs, session, ended):
    with refused('NoSuchJob', 'job-0000000000'):
        jobs.remove(ended[0], 'job-0000000000')
    assert jobs.list_ids(Session=session) == ended[::-1]


def test_remove_of_nothing(jobs):
    with refused('InvalidArgument'):
        jobs.remove()


def test_remove_of_too_many(jobs):
    with refused('LimitExceeded', '1024'):
        jobs.remove(*['job-0000000000'] * 1025)


def test_removes_at_the_same_time(jobs, connect, ended):
    """One of them wins, the others are told, and nothing is counted twice."""
    before = jobs.property('Finished')
    clients = jobs, connect(), connect()
    calls = [(client, client.send_call('Remove', 'as', [ended[0]])) for client in clients]
    outcomes = []
    for client, serial in calls:
        try:
            outcomes.append(client.answer(serial))
        except BusError as error:
            outcomes.append(error.name)
    assert outcomes.count(()) == 1
    assert outcomes.count('org.codex.Jobs.Error.NoSuchJob') == 2
    assert jobs.property('Finished') == before - 1
