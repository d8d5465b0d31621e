# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: 2026 The Codex Jobs authors
"""After all other tests: whatever they did, nothing of it is left that no record stands for."""

import os

import pytest

from support import unit_name

pytestmark = pytest.mark.last


def test_no_job_is_live(jobs):
    assert jobs.list(State=['queued', 'running']) == []
    assert (jobs.property('Queued'), jobs.property('Running')) == (0, 0)


def test_no_unit_is_left(jobs, scope):
    jobs.subscribe("type='signal',member='UnitRemoved'")
    last = jobs.enqueue(['true'])
    jobs.wait(last)
    # Units are let go in the order of the ends.
    jobs.signal(lambda signal: signal.member == 'UnitRemoved' and signal.body[0] == unit_name(last))
    assert scope.job_units() == []


def test_each_file_belongs_to_a_job(jobs, scope):
    last = jobs.run(['echo', 'x']).job['Id']
    files = scope.files()
    assert {name.rsplit('.', 1)[0] for name in files} - all_jobs(scope) == set()
    assert sum(name.startswith(last) for name in files) == 3


def all_jobs(scope):
    """Also those of other users."""
    root = scope.connect(0 if scope.is_system else scope.uid)
    known, before = set(), {}
    while page := root.list_ids(Limit=1000, **before):
        known |= set(page)
        before = {'Before': page[-1]}
    root.close()
    return known


def test_each_job_that_ran_has_its_sequence(jobs, scope):
    root = scope.connect(0 if scope.is_system else scope.uid)
    sequences, after = [], 0
    while page := [job['Sequence'] for job in root.list(AfterSequence=after, Limit=1000)]:
        sequences += page
        after = page[-1]
    assert len(set(sequences)) == len(sequences) == root.property('Finished')
    assert sequences == sorted(sequences) and sequences[-1] == root.property('LastSequence')
    root.close()


def test_service_holds_no_descriptors_of_jobs(jobs, scope):
    folder = f'/proc/{scope.service_pid()}/fd'
    jobs.flush()
    targets = [os.readlink(f'{folder}/{name}') for name in os.listdir(folder)]
    for part in ('memfd:', '/output/', '.result'):
        assert not [target for target in targets if part in target]
    assert len(targets) < 40
