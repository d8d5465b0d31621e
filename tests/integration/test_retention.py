# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: 2026 The Codex Jobs authors
"""Retention: finished jobs are forgotten by age, by the bytes that they wrote, and at the limit of what is stored. Each test
has a store of its own, since nobody can tell what stands in the inboxes of others."""

import contextlib
import subprocess
import uuid

import pytest
from support import BusError, refused, shell

pytestmark = [pytest.mark.restarts, pytest.mark.usefixtures('own_store')]


@pytest.fixture
def consumer():
    return str(uuid.uuid4())


@pytest.fixture
def retention(settings, jobs):
    """Puts these settings in force, which is when the service looks what is to be forgotten. Returns how many
    jobs that were."""

    def apply(**values):
        before = jobs.property('Expired')
        settings(**values)
        jobs.list()  # answered behind it
        return jobs.property('Expired') - before

    return apply


def write(jobs, count, size=1000):
    """Jobs, oldest first, that wrote as much."""
    ids = [jobs.enqueue(shell(f'head -c {size} /dev/zero')) for _ in range(count)]
    return sorted(ids, key=lambda job: jobs.wait(job).job['Sequence'])


def older_than_a_second(jobs):
    """A job that ended so long ago, and one that may have."""
    first = jobs.run(['echo', 'x']).job['Id']
    return first, jobs.run(['sleep', '1.1']).job['Id']


def is_in_the_journal(job):
    subprocess.run(['journalctl', '--sync'], check=True)
    found = subprocess.run(['journalctl', '--quiet', '--output=cat', f'CODEX_JOB_ID={job}'], check=True, text=True,
                           capture_output=True).stdout
    return f'{job}: removed by retention' in found


# --- by age ---------------------------------------------------------------------------------------

def test_old_jobs_are_forgotten(jobs, scope, retention):
    old, other = older_than_a_second(jobs)
    sequence = jobs.property('LastSequence')
    count = retention(RetentionMaxAgeSec='1s')
    with refused('NoSuchJob', old):
        jobs.get(old)
    assert count == 2 - len(jobs.list_ids()) == 2 - jobs.property('Finished')
    assert is_in_the_journal(old) and is_in_the_journal(other) == (count == 2)
    assert jobs.run(['echo', 'x']).job['Sequence'] == sequence + 1
    # Files are deleted in the order of everything that is done with files.
    assert not [name for name in scope.files() if name.startswith(old)]


def test_age_goes_before_an_inbox(jobs, retention, consumer):
    old, _ = older_than_a_second(jobs)
    assert old in jobs.inbox_ids(consumer)
    assert retention(RetentionMaxAgeSec='1s') > 0
    assert old not in jobs.inbox_ids(consumer)


def test_the_service_looks_when_it_starts(jobs, scope, retention):
    """And counts from there."""
    retention(RetentionMaxAgeSec='1h')
    old, _ = older_than_a_second(jobs)
    scope.configure(RetentionMaxAgeSec='1s')
    scope.kill_service()
    assert old not in jobs.list_ids()
    assert jobs.property('Expired') == 2 - len(jobs.list_ids()) and is_in_the_journal(old)


def test_jobs_that_have_not_ended_are_kept_however_old(jobs, scope, settings, retention, gate):
    settings(MaxRunning=2)
    running = jobs.enqueue(gate.job(before='head -c 5000 /dev/zero'))
    gate.wait()
    old, _ = older_than_a_second(jobs)
    settings(MaxRunning=1)
    queued = jobs.enqueue(shell('head -c 5000 /dev/zero'))
    scope.kill_service()
    assert retention(MaxRunning=1, RetentionMaxAgeSec='1s', RetentionMaxBytes='1') > 0
    assert jobs.list_ids(State=['running', 'queued']) == [queued, running]
    assert old not in jobs.list_ids()
    gate.open()
    for job in (running, queued):
        assert jobs.wait(job).job['StdoutBytes'] == 5000


# --- by bytes -------------------------------------------------------------------------------------

def test_the_newest_that_fit_are_kept(jobs, scope, retention):
    ids = write(jobs, 5)
    assert retention(RetentionMaxBytes='3000') == 2
    assert jobs.list_ids(AfterSequence=0) == ids[2:]
    last = jobs.run(['echo', 'x']).job['Id']  # behind it files are deleted
    assert {name.rsplit('.', 1)[0] for name in scope.files()} == {*ids[2:], last}
    assert [is_in_the_journal(job) for job in ids] == [True, True, False, False, False]
    assert [len(jobs.output(job)) for job in ids[2:]] == [1000] * 3


def test_both_streams_count(jobs, retention):
    kept = write(jobs, 1)
    both = jobs.run(shell('head -c 600 /dev/zero; head -c 600 /dev/zero >&2')).job['Id']
    assert retention(RetentionMaxBytes='2199') == 1
    assert jobs.list_ids() == [both] and kept != both


def test_number_of_jobs_is_no_reason(jobs, retention):
    ids = write(jobs, 120, 0)
    assert retention(RetentionMaxBytes='1') == 0
    assert set(jobs.list_ids(Limit=1000)) == set(ids)


def test_without_a_limit_all_is_kept(jobs, retention):
    old, _ = older_than_a_second(jobs)
    write(jobs, 3)
    assert retention(RetentionMaxAgeSec='infinity', RetentionMaxBytes='infinity') == 0
    assert len(jobs.list_ids()) == 5 and jobs.get(old)


def test_what_a_consumer_has_not_acknowledged_is_kept(jobs, retention, consumer):
    ids = write(jobs, 5)
    jobs.acknowledge(consumer, jobs.inbox(consumer)[1]['Sequence'])
    assert retention(RetentionMaxBytes='1000') == 2
    assert jobs.inbox_ids(consumer) == jobs.list_ids(AfterSequence=0) == ids[2:]
    jobs.acknowledge(consumer, jobs.inbox(consumer)[-1]['Sequence'])
    assert retention(RetentionMaxBytes='1000') == 2
    assert jobs.list_ids() == ids[4:]


def test_the_slowest_consumer_counts(jobs, retention, consumer):
    ids = write(jobs, 4)
    last = jobs.get(ids[-1])['Sequence']
    jobs.inbox(consumer)
    jobs.acknowledge(f'{consumer}-fast', last)
    assert retention(RetentionMaxBytes='1') == 0
    jobs.acknowledge(consumer, last)
    assert retention(RetentionMaxBytes='1') == 4


def test_consumer_of_another_keeps_nothing(scope, jobs, bob, retention, consumer):
    if not scope.is_system:
        pytest.skip('a user\'s scope has no other users')
    bob.inbox(consumer)
    write(jobs, 2)
    own = write(bob, 2)
    assert retention(RetentionMaxBytes='1') == 2
    assert jobs.list_ids() == [] and bob.inbox_ids(consumer) == own


# --- readers that do not come back ----------------------------------------------------------------

def test_reader_that_is_gone_keeps_nothing(jobs, retention, consumer):
    """Like that of a directory that was deleted. One that came back is kept, and what it has not seen."""
    jobs.inbox(f'{consumer}-gone')
    jobs.inbox(consumer)
    ids = write(jobs, 3)
    jobs.run(['sleep', '1.5'])
    jobs.inbox(consumer)
    assert retention(RetentionMaxAgeSec='1h', RetentionMaxBytes='1') == 0
    jobs.acknowledge(consumer, jobs.get(ids[1])['Sequence'])
    assert jobs.consumer_names() == [f'{consumer}-gone', consumer]
    retention(RetentionMaxAgeSec='1s')
    assert jobs.consumer_names() == [consumer]


def test_reader_expires_while_the_service_is_away(jobs, scope, consumer):
    jobs.inbox(consumer)
    jobs.run(['sleep', '1.1'])
    scope.configure(RetentionMaxAgeSec='1s')
    scope.kill_service()
    jobs.list()
    assert jobs.consumers() == []


def test_thousand_readers_that_are_gone(jobs, retention, consumer):
    """More than one operation forgets."""
    for start in range(0, 1000, 100):
        for call in [jobs.send_call('Inbox', 'su', f'{consumer}-{number}', 1) for number in range(start, start + 100)]:
            jobs.answer(call)
    write(jobs, 2)
    jobs.run(['sleep', '1.1'])
    assert retention(RetentionMaxAgeSec='1h', RetentionMaxBytes='1') == 0
    assert retention(RetentionMaxAgeSec='1s', RetentionMaxBytes='1') == 2
    assert jobs.consumers() == []


def test_readers_do_not_expire_without_an_age(jobs, retention, consumer):
    jobs.inbox(consumer)
    write(jobs, 1)
    jobs.run(['sleep', '1.1'])
    assert retention(RetentionMaxAgeSec='infinity', RetentionMaxBytes='1') == 0
    assert jobs.consumer_names() == [consumer]
    jobs.call('ForgetConsumer', 's', consumer)
    assert retention(RetentionMaxAgeSec='infinity', RetentionMaxBytes='1') == 1


# --- at the limit of what is stored ---------------------------------------------------------------

def removed_at_the_limit(job):
    subprocess.run(['journalctl', '--sync'], check=True)
    found = subprocess.run(['journalctl', '--quiet', '--output=cat', f'CODEX_JOB_ID={job}'], check=True, text=True,
                           capture_output=True).stdout
    return f'{job}: removed by the limit of stored jobs' in found


def test_a_new_job_takes_the_place_of_the_oldest(jobs, scope, settings):
    """As after a month of ordinary use: no job is refused."""
    ids = write(jobs, 5)
    settings(MaxStoredPerUser=5)
    before = jobs.property('Expired')
    new = [jobs.run(['echo', 'x']).job['Id'] for _ in range(3)]
    assert jobs.list_ids(AfterSequence=0) == [*ids[3:], *new]
    assert jobs.property('Expired') == before + 3 and jobs.property('Finished') == 5
    assert [removed_at_the_limit(job) for job in ids] == [True, True, True, False, False]
    jobs.remove(ids[3])  # behind it files are deleted
    jobs.run(['true'])
    assert not {name.rsplit('.', 1)[0] for name in scope.files()} & set(ids[:3])


def test_one_huge_job_makes_room(jobs, settings):
    small = write(jobs, 1)
    huge, = write(jobs, 1, 1_000_000)
    settings(MaxStoredBytesPerUser='500K')
    new = jobs.run(['echo', 'x']).job['Id']
    assert jobs.list_ids() == [new] and small != huge


def test_limit_that_was_lowered_by_far(jobs, settings):
    write(jobs, 120, 0)
    settings(MaxStoredPerUser=3)
    new = jobs.run(['true']).job['Id']
    assert len(jobs.list_ids(AfterSequence=0)) == 3 and jobs.list_ids()[0] == new


def test_unseen_jobs_are_not_lost_for_new_ones(jobs, settings, consumer):
    """The refusal names the largest, and removes none."""
    jobs.inbox(consumer)
    ids = write(jobs, 2, 10) + write(jobs, 1, 1000) + write(jobs, 2, 10)
    settings(MaxStoredPerUser=5)
    with refused('LimitExceeded', 'MaxStoredPerUser', f'Largest finished jobs: {ids[2]}, '):
        jobs.enqueue(['true'])
    assert jobs.inbox_ids(consumer) == ids
    jobs.acknowledge(consumer, jobs.get(ids[0])['Sequence'])
    new = jobs.run(['true']).job['Id']
    assert jobs.inbox_ids(consumer) == [*ids[1:], new]
    with refused('LimitExceeded', ids[2]):
        jobs.enqueue(['true'])
    jobs.call('ForgetConsumer', 's', consumer)
    assert jobs.run(['true']).state == 'completed'


def test_jobs_that_run_are_not_forgotten(jobs, settings, gate):
    held = [jobs.enqueue(gate.job()) for _ in range(2)]
    for _ in held:
        gate.wait()
    settings(MaxStoredPerUser=2)
    with refused('LimitExceeded', 'MaxStoredPerUser', 'no job has finished'):
        jobs.enqueue(['true'])
    gate.open(2)
    for job in held:
        jobs.wait(job)
    assert jobs.run(['true']).state == 'completed'


def test_the_limit_holds_across_restarts(jobs, scope, settings):
    """Jobs and what makes room for them are one transaction."""
    ids = write(jobs, 4)
    settings(MaxStoredPerUser=4)
    for restart in (scope.kill_service, scope.upgrade):
        calls = [jobs.send_enqueue(['true'], IdempotencyKey=f'{restart.__name__}-{number}') for number in range(2)]
        jobs.flush()
        restart()
        for call in calls:
            with contextlib.suppress(BusError):
                jobs.answer(call)
        for number in range(2):
            jobs.wait(jobs.enqueue(['true'], IdempotencyKey=f'{restart.__name__}-{number}'))
        assert len(jobs.list_ids()) == 4 == jobs.property('Finished')
    assert not set(ids) & set(jobs.list_ids())
    jobs.run(['true'])
    assert not {name.rsplit('.', 1)[0] for name in scope.files()} & set(ids)


def test_key_is_looked_up_before_room_is_made(jobs, settings):
    first = jobs.enqueue(['true'], IdempotencyKey='first')
    jobs.wait(first)
    jobs.run(['true'])
    settings(MaxStoredPerUser=2)
    assert jobs.enqueue(['true'], IdempotencyKey='first') == first
    assert len(jobs.list_ids()) == 2


def test_room_is_made_of_ones_own_only(scope, jobs, bob, settings):
    if not scope.is_system:
        pytest.skip('a user\'s scope has no other users')
    others = write(bob, 2)
    ids = write(jobs, 2)
    settings(MaxStoredPerUser=2)
    new = jobs.run(['true']).job['Id']
    assert jobs.list_ids(AfterSequence=0) == [ids[1], new] and bob.list_ids(AfterSequence=0) == others
