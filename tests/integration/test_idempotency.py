# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: 2026 The Codex Jobs authors
"""IdempotencyKey: whoever lost the answer to Enqueue asks again, and gets the job that he has."""

import os
import uuid

import pytest

from support import SECOND, BusError, refused, shell


@pytest.fixture
def key():
    return str(uuid.uuid4())


@pytest.fixture
def ran(folder):
    """A command that leaves a line each time it runs, and how many there are."""
    path = f'{folder}/ran'

    def count():
        with open(path, encoding='ascii') as file:
            return file.read().count('\n')

    return shell('echo ran >>"$1"; exit 3', path), count


def with_input(content):
    descriptor = os.memfd_create('input')
    os.write(descriptor, content)
    return os.fdopen(descriptor, 'rb')


def test_same_job_while_queued_running_and_finished(jobs, settings, key, new_gate):
    settings(MaxRunning=1)
    first, gate = new_gate(), new_gate()
    jobs.enqueue(first.job())
    job = jobs.enqueue(gate.job(), IdempotencyKey=key)
    for state, step in (('queued', first.open), ('running', gate.open), ('completed', lambda: None)):
        assert jobs.enqueue(gate.job(), IdempotencyKey=key) == job
        assert jobs.get(job)['State'] == state
        step()
        if state == 'queued':
            gate.wait()
        else:
            jobs.wait(job)
    assert (jobs.property('Queued'), jobs.property('Running')) == (0, 0)


def test_it_runs_once(jobs, connect, key, ran):
    command, count = ran
    clients = [jobs, connect(), connect()]
    calls = [(client, client.send_enqueue(command, IdempotencyKey=key)) for _ in range(10) for client in clients]
    job, = {client.answer(serial)[0] for client, serial in calls}
    assert jobs.wait(job).exit_code == 3
    assert jobs.enqueue(command, IdempotencyKey=key) == job
    assert count() == 1


def test_it_is_told_once(jobs, key):
    jobs.watch_finished()
    sequence = jobs.property('LastSequence')
    for _ in range(3):
        job = jobs.enqueue(['true'], IdempotencyKey=key)
        jobs.wait(job)
    assert jobs.finished() == [(job, 'completed', 0, sequence + 1)]


def test_key_is_found_where_the_queue_is_full(jobs, settings, key, gate):
    settings(MaxRunning=1, MaxQueuedPerUser=1)
    first = jobs.enqueue(gate.job())
    gate.wait()
    job = jobs.enqueue(['true'], IdempotencyKey=key)
    assert jobs.enqueue(['true'], IdempotencyKey=key) == job
    with refused('KeyConflict', 'IdempotencyKey'):
        jobs.enqueue(['false'], IdempotencyKey=key)
    with refused('LimitExceeded', 'MaxQueuedPerUser'):
        jobs.enqueue(['true'], IdempotencyKey=key + '-another')
    gate.open()
    assert jobs.wait(first).state == jobs.wait(job).state == 'completed'


@pytest.mark.restarts
def test_key_outlives_the_service(jobs, scope, settings, key, new_gate):
    settings(MaxRunning=1)
    first, gate = new_gate(), new_gate()
    jobs.enqueue(first.job())
    job = jobs.enqueue(gate.job(), IdempotencyKey=key)
    for state in ('queued', 'running', 'completed'):
        scope.kill_service()
        assert jobs.enqueue(gate.job(), IdempotencyKey=key) == job
        assert jobs.get(job)['State'] == state
        if state == 'queued':
            first.open()
            gate.wait()
        else:
            gate.open()
            jobs.wait(job)
        with refused('KeyConflict', 'IdempotencyKey'):
            jobs.enqueue(['true'], IdempotencyKey=key)


@pytest.mark.restarts
def test_answers_that_a_kill_took_are_asked_for_again(jobs, scope, ran):
    """Wherever the service was with each of the requests."""
    command, count = ran
    for number in range(3):
        keys = [str(uuid.uuid4()) for _ in range(20)]
        calls = [jobs.send_enqueue(command, IdempotencyKey=key) for key in keys]
        known = {keys[0]: jobs.answer(calls[0])[0]}
        scope.kill_service()
        for key, call in zip(keys[1:], calls[1:]):
            try:
                known[key] = jobs.answer(call)[0]
            except BusError as error:
                assert error.name == 'org.freedesktop.DBus.Error.NoReply'
        again = {key: jobs.enqueue(command, IdempotencyKey=key) for key in keys}
        assert len(set(again.values())) == 20 and known.items() <= again.items()
        assert {jobs.wait(job).exit_code for job in again.values()} == {3}
        assert count() == 20 * (number + 1)


# --- what is the same request ---------------------------------------------------------------------

BASE = {
    'Kind': 'job', 'Workspace': '/w', 'Directory': '/', 'RuntimeMaxUSec': 3600 * SECOND, 'OutputMax': 1 << 30,
    'MemoryMax': 1 << 40, 'TasksMax': 1000, 'CPUWeight': 100, 'StallUSec': 3600 * SECOND, 'ReadOnly': False,
    'MergeOutput': False, 'ResourceLimits': {'NOFILE': ('t', 512)}}
OTHER = {
    'Kind': 'other', 'Workspace': '/x', 'Directory': '/usr', 'RuntimeMaxUSec': 3601 * SECOND, 'OutputMax': 2 << 30,
    'MemoryMax': 2 << 40, 'TasksMax': 1001, 'CPUWeight': 101, 'StallUSec': 3601 * SECOND, 'ReadOnly': True,
    'MergeOutput': True, 'ResourceLimits': {'NOFILE': ('t', 513)}}


def is_another(jobs, job, argv, **options):
    with refused('KeyConflict', 'IdempotencyKey'):
        jobs.enqueue(argv, **options)
    assert jobs.wait(job).state == 'completed'


@pytest.mark.parametrize('name', OTHER)
def test_another_request_by_an_option(jobs, key, name):
    job = jobs.enqueue(['true'], IdempotencyKey=key, **BASE)
    assert jobs.enqueue(['true'], IdempotencyKey=key, **BASE) == job
    is_another(jobs, job, ['true'], IdempotencyKey=key, **BASE | {name: OTHER[name]})


@pytest.mark.parametrize('name', ['Workspace', 'Directory', 'OutputMax', 'TasksMax'])
def test_another_request_by_an_option_that_is_left_out(jobs, key, name):
    job = jobs.enqueue(['true'], IdempotencyKey=key, **BASE)
    is_another(jobs, job, ['true'], IdempotencyKey=key, **{each: BASE[each] for each in BASE if each != name})


@pytest.mark.parametrize('argv', [
    ['true', ''], ['true', 'a', 'bc'], ['true', 'abc'], ['true', 'ab', 'c', ''], ['false', 'ab', 'c']])
def test_another_command(jobs, key, argv):
    job = jobs.enqueue(['true', 'ab', 'c'], IdempotencyKey=key)
    is_another(jobs, job, argv, IdempotencyKey=key)


def test_another_standard_input(jobs, key):
    with with_input(b'one') as one, with_input(b'one') as same, with_input(b'two') as two:
        job = jobs.enqueue(['cat'], IdempotencyKey=key, Stdin=one)
        assert jobs.enqueue(['cat'], IdempotencyKey=key, Stdin=same) == job
        is_another(jobs, job, ['cat'], IdempotencyKey=key, Stdin=two)
        is_another(jobs, job, ['cat'], IdempotencyKey=key)
    assert jobs.output(job) == b'one'


def test_names_and_environment_make_no_other_request(jobs, key):
    """Nor how the command is written, nor the umask; and the job stays as it was."""
    job = jobs.enqueue(['true'], IdempotencyKey=key, Label='first', Session='one', Environment=['TIME=1'])
    assert jobs.enqueue(['true'], IdempotencyKey=key, Label='second', Session='two', Environment=['TIME=2'],
                        UMask=0o77, MergeOutput=False) == job
    assert jobs.enqueue([], Argv=[b'true'], IdempotencyKey=key) == job
    found = jobs.wait(job).job
    assert (found['Label'], found['Session']) == ('first', 'one')


# --- whose key ------------------------------------------------------------------------------------

def test_keys_of_users_are_apart(alice, bob, root, key):
    jobs = {client: client.enqueue(['id', '-u'], IdempotencyKey=key) for client in (alice, bob, root)}
    assert len(set(jobs.values())) == 3
    for client, job in jobs.items():
        assert client.wait(job).job['Uid'] == client.uid
        assert client.output(job).decode() == f'{client.uid}\n'
        assert client.enqueue(['id', '-u'], IdempotencyKey=key) == job


def test_removed_job_frees_its_key(jobs, key):
    first = jobs.enqueue(['true'], IdempotencyKey=key)
    jobs.wait(first)
    jobs.remove(first)
    second = jobs.enqueue(['false'], IdempotencyKey=key)
    assert second != first and jobs.wait(second).exit_code == 1
    assert jobs.enqueue(['false'], IdempotencyKey=key) == second


def test_cancelled_job_keeps_its_key(jobs, key):
    job = jobs.enqueue(['sleep', 'infinity'], IdempotencyKey=key)
    jobs.cancel(job)
    assert jobs.enqueue(['sleep', 'infinity'], IdempotencyKey=key) == job
    assert jobs.get(job)['State'] == 'cancelled'


@pytest.mark.parametrize('name', ['x', 'ä' * 128, "'; --", '\n\t\x1b', ' '])
def test_odd_key(jobs, key, name):
    name = name if len(name.encode()) > 200 else name + key
    job = jobs.enqueue(['true'], IdempotencyKey=name)
    assert jobs.enqueue(['true'], IdempotencyKey=name) == job
    jobs.wait(job)
    jobs.remove(job)


def test_keys_differ_by_any_byte(jobs, key):
    keys = (key + 'a', key + 'A', key + 'a ', key, key * 2)
    assert len({jobs.enqueue(['true'], IdempotencyKey=each) for each in keys}) == 5
