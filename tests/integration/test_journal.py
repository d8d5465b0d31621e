# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: 2026 The Codex Jobs authors
"""What the journal is told of a job: found by its id, and nothing that is private."""

import json
import subprocess

import pytest

from support import PATIENCE


@pytest.fixture
def journal(scope):
    """The messages about a job, of the service that the job belongs to."""
    # Where the journal is volatile, "journalctl --user" finds nothing: users have no files of their own.
    uid = 0 if scope.is_system else scope.uid

    def read(job):
        # With --sync, what was sent before is there.
        subprocess.run(['journalctl', '--sync'], check=True, timeout=PATIENCE)
        lines = subprocess.run(['journalctl', '--quiet', '--output=json', f'CODEX_JOB_ID={job}', f'_UID={uid}'],
                               check=True, timeout=PATIENCE, capture_output=True).stdout
        return [json.loads(line) for line in lines.splitlines()]

    return read


def messages(entries, job):
    assert all(entry['SYSLOG_IDENTIFIER'] == 'codex-jobsd' for entry in entries)
    assert all(entry['MESSAGE'].startswith(f'{job}: ') for entry in entries)
    return [entry['MESSAGE'][len(f'{job}: '):] for entry in entries]


def test_begin_and_end(scope, jobs, journal):
    job = jobs.enqueue(['sh', '-c', 'exit 3'])
    jobs.wait(job)
    jobs.flush()
    assert messages(journal(job), job) == [f'started for user {scope.uid}.', 'failed: exit-code, exit code 3.']
    assert journal(job)[0]['PRIORITY'] == '6'


def test_completed(jobs, journal):
    job = jobs.enqueue(['true'])
    jobs.wait(job)
    jobs.flush()
    assert messages(journal(job), job)[-1] == 'completed, exit code 0.'


def test_cancel(scope, jobs, gate, journal):
    job = jobs.enqueue(gate.job())
    gate.wait()
    jobs.cancel(job)
    jobs.flush()
    assert messages(journal(job), job) == [
        f'started for user {scope.uid}.', f'stopping: cancelled by user {scope.uid}.',
        'cancelled: user, exit code 143.']


def test_limit(jobs, journal):
    job = jobs.enqueue(['sleep', 'infinity'], RuntimeMaxUSec=1_000_000)
    jobs.wait(job)
    jobs.flush()
    assert messages(journal(job), job)[1:] == ['failed: runtime-limit, exit code 143.']


def test_what_is_private_is_not_told(jobs, journal, folder):
    job = jobs.enqueue(['sh', '-c', 'echo the-output; echo the-errors >&2; exit 1', 'the-argument'],
                       Label='the-label', Directory=folder, Environment=['NAME=the-variable'], Session='the-session')
    jobs.wait(job)
    jobs.flush()
    entries = journal(job)
    assert entries
    text = json.dumps(entries)
    for private in ('the-output', 'the-errors', 'the-argument', 'the-label', 'the-variable', 'the-session', folder):
        assert private not in text
