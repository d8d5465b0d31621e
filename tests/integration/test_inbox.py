# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: 2026 The Codex Jobs authors
"""Inboxes, and List by sequence: whoever was away finds each job that finished, once he has acknowledged it no
more, whatever became of the service meanwhile."""

import time
import uuid

import pytest
from support import refused, shell


@pytest.fixture
def consumer(jobs):
    """One whose inbox is empty."""
    name = str(uuid.uuid4())
    jobs.acknowledge(name, jobs.property('LastSequence'))
    return name


@pytest.fixture
def ended(jobs, consumer):
    """Four jobs, in the order of their ends."""
    return [jobs.run(shell(f'echo {number}; exit {number}')).job for number in range(4)]


def ids(ended):
    return [job['Id'] for job in ended]


def test_oldest_first_and_as_get_tells(jobs, consumer, ended):
    assert jobs.inbox(consumer) == ended == [jobs.get(job) for job in ids(ended)]


def test_order_is_that_of_the_ends(jobs, consumer, new_gate):
    gates = [new_gate() for _ in range(3)]
    held = [jobs.enqueue(gate.job()) for gate in gates]
    assert jobs.inbox(consumer) == []
    for number in (1, 2, 0):
        gates[number].open()
        jobs.wait(held[number])
    assert jobs.inbox_ids(consumer) == [held[1], held[2], held[0]]


@pytest.mark.restarts
def test_the_same_again_until_acknowledged(jobs, scope, consumer, ended):
    """The service is killed or replaced between any two steps."""
    for restart in (scope.kill_service, scope.upgrade, scope.kill_service):
        assert jobs.inbox(consumer) == ended
        restart()
    jobs.acknowledge(consumer, ended[1]['Sequence'])
    for restart in (scope.kill_service, scope.upgrade):
        restart()
        assert jobs.inbox(consumer) == ended[2:]
    jobs.acknowledge(consumer, ended[3]['Sequence'])
    scope.kill_service()
    assert jobs.inbox(consumer) == []
    last = jobs.run(['true']).job
    scope.upgrade()
    assert jobs.inbox(consumer) == [last]


@pytest.mark.restarts
def test_what_ends_while_the_service_is_away_comes_too(jobs, scope, consumer, gate):
    held = [jobs.enqueue(gate.job()) for _ in range(3)]
    for _ in held:
        gate.wait()
    gate.open(3)
    scope.kill_service()
    for job in held:
        jobs.wait(job)
    found = jobs.inbox(consumer)
    assert sorted(ids(found)) == sorted(held)
    assert [job['Sequence'] for job in found] == sorted(job['Sequence'] for job in found)


@pytest.mark.restarts
def test_acknowledged_is_on_disk(jobs, scope, consumer, ended):
    """When the answer is there, not later."""
    for number, job in enumerate(ended):
        jobs.acknowledge(consumer, job['Sequence'])
        scope.kill_service()
        assert jobs.inbox(consumer) == ended[number + 1:]


def test_limit(jobs, consumer, ended):
    for limit in range(1, 4):
        assert jobs.inbox(consumer, limit) == ended[:limit]
    assert jobs.inbox(consumer, 1000) == ended


def test_lower_number_changes_nothing(jobs, consumer, ended):
    jobs.acknowledge(consumer, ended[2]['Sequence'])
    for sequence in (ended[0]['Sequence'], 0, ended[2]['Sequence']):
        jobs.acknowledge(consumer, sequence)
        assert jobs.inbox(consumer) == ended[3:]


def test_number_that_no_job_has_yet(jobs, consumer, ended):
    for sequence in (jobs.property('LastSequence') + 1, 2**64 - 1):
        with refused('InvalidArgument', str(sequence), 'nothing was acknowledged'):
            jobs.acknowledge(consumer, sequence)
    assert jobs.inbox(consumer) == ended


def test_consumers_are_apart(jobs, consumer, ended):
    other = f'{consumer}-other'
    jobs.acknowledge(other, ended[1]['Sequence'])
    assert jobs.inbox(other) == ended[2:]
    assert jobs.inbox(consumer) == ended
    jobs.acknowledge(consumer, ended[3]['Sequence'])
    assert jobs.inbox(other) == ended[2:]


def test_name_is_taken_by_the_letter(jobs, consumer, ended):
    jobs.acknowledge(consumer.upper(), ended[3]['Sequence'])
    jobs.acknowledge(consumer + ' ', ended[3]['Sequence'])
    assert jobs.inbox(consumer) == ended


def test_new_consumer_finds_all_that_is_stored(jobs, consumer, ended):
    found = jobs.inbox_ids(f'{consumer}-new')
    assert found == jobs.list_ids(AfterSequence=0, Limit=1000)


def test_removed_job_is_in_no_inbox(jobs, consumer, ended):
    jobs.remove(ended[1]['Id'])
    assert jobs.inbox(consumer) == [ended[0], *ended[2:]]


@pytest.mark.parametrize('name', ['', 'x' * 65, 'ä' * 33, 'x' * 1_000_000])
def test_bad_name(jobs, name):
    with refused('InvalidArgument', 'consumer', '64'):
        jobs.inbox(name)
    with refused('InvalidArgument', 'consumer', '64'):
        jobs.acknowledge(name, 0)


@pytest.mark.parametrize('prefix', ['ä' * 14, "'; DROP TABLE jobs; -- ", '%_*?[\\"\n\t\x1b'])
def test_odd_name(jobs, prefix):
    name = prefix + str(uuid.uuid4())
    jobs.acknowledge(name, jobs.property('LastSequence'))
    job = jobs.run(['true']).job
    assert jobs.inbox(name) == [job]


@pytest.mark.parametrize('limit', [0, 1001, 2**32 - 1])
def test_bad_limit(jobs, consumer, limit):
    with refused('InvalidArgument', 'limit', '1000'):
        jobs.inbox(consumer, limit)


def test_users_are_apart(alice, bob, root):
    name = str(uuid.uuid4())
    for client in (alice, bob, root):
        client.acknowledge(name, client.property('LastSequence'))
    jobs = {client: client.run(['true']).job for client in (alice, bob)}
    alice.acknowledge(name, alice.property('LastSequence'))
    assert alice.inbox(name) == []
    assert bob.inbox(name) == [jobs[bob]]
    assert root.inbox(name) == []


# --- consumers ------------------------------------------------------------------------------------

def find(jobs, consumer):
    return next((found for found in jobs.consumers() if found['Name'] == consumer), None)


def test_consumers_are_listed(jobs, consumer, ended):
    before = time.time()
    jobs.acknowledge(consumer, ended[1]['Sequence'])
    found = find(jobs, consumer)
    assert found == {'Name': consumer, 'Sequence': ended[1]['Sequence'], 'SeenUSec': found['SeenUSec'], 'Unread': True}
    assert before - 1 < found['SeenUSec'] / 1e6 < time.time() + 1
    jobs.acknowledge(consumer, ended[3]['Sequence'])
    assert not find(jobs, consumer)['Unread']
    assert jobs.consumer_names()[-1] == consumer  # the last one seen


def test_reading_is_seen(jobs, consumer, ended):
    """At least where it is not within the same second."""
    before = find(jobs, consumer)['SeenUSec']
    jobs.run(['sleep', '1.1'])
    jobs.inbox(consumer)
    assert find(jobs, consumer)['SeenUSec'] > before + 1_000_000


@pytest.mark.restarts
def test_forgotten_consumer_is_a_new_one(jobs, scope, consumer, ended):
    jobs.acknowledge(consumer, ended[3]['Sequence'])
    jobs.call('ForgetConsumer', 's', consumer)
    scope.kill_service()
    assert consumer not in jobs.consumer_names()
    jobs.acknowledge(consumer, ended[0]['Sequence'] - 1)  # one that is known would not go back
    assert ids(ended) == jobs.inbox_ids(consumer)[:len(ended)]


@pytest.mark.parametrize('name', ['never-read', 'ä', "'; DROP TABLE consumers; --"])
def test_consumer_that_there_is_not(jobs, name):
    with refused('NoSuchConsumer'):
        jobs.call('ForgetConsumer', 's', name)


@pytest.mark.parametrize('name', ['', 'x' * 65])
def test_bad_name_to_forget(jobs, name):
    with refused('InvalidArgument', 'consumer', '64'):
        jobs.call('ForgetConsumer', 's', name)


def test_consumers_of_another_are_not_known(alice, bob, root):
    name = str(uuid.uuid4())
    alice.acknowledge(name, 0)
    for other in (bob, root):
        assert name not in other.consumer_names()
        with refused('NoSuchConsumer'):
            other.call('ForgetConsumer', 's', name)
    assert name in alice.consumer_names()


# --- List by sequence -----------------------------------------------------------------------------

@pytest.mark.restarts
def test_list_by_sequence_goes_on_behind_a_restart(jobs, scope, ended):
    first = ended[0]['Sequence']
    for restart in (scope.kill_service, scope.upgrade):
        restart()
        assert jobs.list(AfterSequence=first - 1) == ended
        assert jobs.list(AfterSequence=first, Limit=2) == ended[1:3]
    last = jobs.run(['true']).job
    assert jobs.list(AfterSequence=ended[3]['Sequence']) == [last]
    assert last['Sequence'] == ended[3]['Sequence'] + 1


def test_list_by_sequence_holds_to_the_other_filters(jobs, ended):
    before = ended[0]['Sequence'] - 1
    assert jobs.list(AfterSequence=before, State=['completed']) == ended[:1]
    assert jobs.list(AfterSequence=before, State=['failed'], Limit=2) == ended[1:3]
    assert jobs.list(AfterSequence=before, Kind='other') == []
    assert jobs.list(AfterSequence=before, State=['queued', 'running']) == []
