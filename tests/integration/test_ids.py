# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: 2026 The Codex Jobs authors
"""What a caller may give as an id: the whole, any unique beginning of it, with or without the kind."""

import itertools

import pytest

from support import ERROR, FOREVER, BusError, refused

# Kinds that no other test has, so that their beginnings are unique.
kinds = (f'ids{number}k' for number in itertools.count())


@pytest.fixture
def kind():
    return next(kinds)


CALLS = [
    ('Get', 's', lambda job: (job,)),
    ('Await', 'st', lambda job: (job, 0)),
    ('AwaitAny', 'ast', lambda job: ([job], 0)),
    ('AwaitAll', 'ast', lambda job: ([job], 0)),
    ('Cancel', 's', lambda job: (job,)),
    ('OpenOutput', 'ss', lambda job: (job, 'stdout')),
    ('ReadOutput', 'sstt', lambda job: (job, 'stdout', 0, 1)),
    ('Remove', 'as', lambda job: ([job],)),
]
each_call = pytest.mark.parametrize('member, signature, arguments', CALLS, ids=[call[0] for call in CALLS])


def beginnings(job):
    kind, token = job.rsplit('-', 1)
    return [job, job[:-1], f'{kind}-{token[:1]}', f'{kind}-', kind, token, token[:9]]


def test_beginnings_of_a_running_job(jobs, gate, kind):
    job = jobs.enqueue(gate.job(), Kind=kind)
    for beginning in beginnings(job):
        assert jobs.get(beginning)['Id'] == job


def test_beginnings_of_a_job_that_has_ended(jobs, kind):
    job = jobs.run(['true'], Kind=kind).job['Id']
    for beginning in beginnings(job):
        assert jobs.get(beginning)['Id'] == job


@each_call
def test_every_call_takes_a_beginning(jobs, kind, member, signature, arguments):
    jobs.run(['true'], Kind=kind)
    jobs.call(member, signature, *arguments(kind))


@each_call
def test_every_call_refuses_an_ambiguous_beginning(jobs, kind, member, signature, arguments):
    ids = [jobs.run(['true'], Kind=kind).job['Id'] for _ in range(2)]
    with refused('AmbiguousId', kind, *ids):
        jobs.call(member, signature, *arguments(kind))
    assert [jobs.get(job)['State'] for job in ids] == ['completed'] * 2


@each_call
def test_every_call_refuses_an_unknown_id(jobs, member, signature, arguments):
    for job in ('job-0000000000', '0000000000', 'nosuchkind-'):
        with refused('NoSuchJob', job):
            jobs.call(member, signature, *arguments(job))


@each_call
def test_every_call_refuses_a_malformed_id(jobs, member, signature, arguments):
    for job in ('', 'JOB-0000000000', '../../etc', 'job 0', 'job-0\n', '*', '%', '_', "'", 'ä', 'j' * 44):
        with refused('NoSuchJob'):
            jobs.call(member, signature, *arguments(job))


@each_call
def test_every_call_refuses_an_id_of_10_mebibytes(jobs, member, signature, arguments):
    with refused('NoSuchJob'):
        jobs.call(member, signature, *arguments('j' * (10 << 20)))


def test_many_jobs_share_a_beginning_of_their_tokens(jobs):
    """More jobs than there are first characters."""
    ids = [jobs.enqueue(['true']) for _ in range(33)]
    for job in ids:
        jobs.wait(job)
    first = [job[4] for job in ids]
    shared = next(character for character in first if first.count(character) > 1)
    for beginning in (shared, f'job-{shared}'):
        with refused('AmbiguousId', beginning):
            jobs.get(beginning)


def test_candidates_of_an_ambiguous_id_are_some(jobs, kind):
    ids = [jobs.enqueue(['true'], Kind=kind) for _ in range(20)]
    for job in ids:
        jobs.wait(job)
    with pytest.raises(BusError) as caught:
        jobs.get(kind)
    assert caught.value.name == ERROR + 'AmbiguousId'
    assert 2 <= sum(job in caught.value.text for job in ids) <= 10


def test_a_running_and_an_ended_job_are_ambiguous(jobs, gate, kind):
    jobs.run(['true'], Kind=kind)
    jobs.enqueue(gate.job(), Kind=kind)
    with refused('AmbiguousId'):
        jobs.get(kind)


def test_a_full_id_wins(jobs):
    """The id of one job may be the kind of another."""
    job = jobs.run(['true']).job['Id']
    other = jobs.run(['false'], Kind=job).job['Id']
    assert other.startswith(job)
    assert jobs.get(job)['State'] == 'completed'
    assert jobs.get(f'{job}-')['Id'] == other


def test_end_of_an_id_is_none(jobs):
    job = jobs.run(['true']).job['Id']
    with refused('NoSuchJob'):
        jobs.wait(job[1:], FOREVER)
