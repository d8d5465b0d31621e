# SPDX-License-Identifier: Apache-2.0
"""Retention: finished jobs are forgotten by age and by the bytes that they wrote, and nothing else is. Each test
has a store of its own, since nobody can tell what stands in the inboxes of others."""

import subprocess
import uuid

import pytest
from support import refused, shell

pytestmark = [pytest.mark.restarts, pytest.mark.usefixtures('own_store')]


@pytest.fixture
def own_store(scope):
    """An empty one, for the time of a test."""
    folders = [scope.state] + ([scope.results] if scope.is_system else [])
    uid, gid = (0, 0) if scope.is_system else (scope.uid, scope.user.pw_gid)
    scope.systemctl('stop', scope.service)
    for folder in folders:
        subprocess.run(['mount', '-t', 'tmpfs', '-o', f'mode=700,uid={uid},gid={gid}', 'tmpfs', folder],
                       check=True)
    scope.start_service()
    yield
    scope.systemctl('stop', scope.service)
    for folder in folders:
        subprocess.run(['umount', folder], check=True)


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
