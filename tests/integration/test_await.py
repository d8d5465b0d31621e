# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: 2026 The Codex Jobs authors
"""Await, AwaitAny and AwaitAll: answered once, when there is something to tell."""

import os

import pytest

from support import FOREVER, SECOND, plain, refused, shell


def test_await_of_a_job_that_has_ended(jobs):
    job = jobs.enqueue(['true'])
    jobs.wait(job)
    ended = jobs.wait(job)
    assert (ended.state, ended.exit_code) == ('completed', 0)
    assert ended.job == jobs.get(job)


def test_await_is_answered_by_the_end(jobs, gate):
    job = jobs.enqueue(gate.job(then='exit 7'))
    waiting = jobs.send_wait(job)
    gate.wait()
    jobs.flush()
    assert not jobs.is_answered(waiting)
    gate.open()
    ended = jobs.wait_answer(waiting)
    assert (ended.state, ended.exit_code) == ('failed', 7)
    assert ended.job == jobs.get(job)


def test_await_of_a_queued_job(jobs, settings, gate):
    settings(MaxRunning=1)
    jobs.enqueue(gate.job())
    waiting = jobs.send_wait(jobs.enqueue(['true']))
    gate.open()
    assert jobs.wait_answer(waiting).state == 'completed'


def test_await_sent_with_enqueue(jobs, connect):
    watcher = connect()
    watcher.watch_finished()
    for _ in range(20):
        job = jobs.enqueue(['true'])
        assert jobs.wait(job).state == 'completed'
        watcher.signal(lambda signal: signal.body[0] == job)
        assert jobs.wait(job).state == 'completed'


def test_timeout_0_asks_once(jobs, gate):
    job = jobs.enqueue(gate.job())
    with refused('TimedOut'):
        jobs.wait(job, 0)
    gate.open()
    jobs.wait(job)
    assert jobs.wait(job, 0).state == 'completed'


def test_timeout_leaves_the_job_alone(jobs, gate):
    job = jobs.enqueue(gate.job(then='echo on; exit 0'))
    with refused('TimedOut'):
        jobs.wait(job, SECOND // 20)
    assert jobs.get(job)['State'] in ('queued', 'running')
    gate.open()
    assert jobs.wait(job).state == 'completed'
    assert jobs.output(job) == b'on\n'


@pytest.mark.parametrize('timeout', [FOREVER, FOREVER - 1, 2**63, 3600 * SECOND])
def test_long_timeouts_wait(jobs, gate, timeout):
    job = jobs.enqueue(gate.job())
    waiting = jobs.send_wait(job, timeout)
    gate.wait()
    jobs.flush()
    assert not jobs.is_answered(waiting)
    gate.open()
    assert jobs.wait_answer(waiting).state == 'completed'


def test_timeouts_of_many_awaits_are_their_own(jobs, gate):
    job = jobs.enqueue(gate.job())
    short = [jobs.send_wait(job, SECOND // 50) for _ in range(10)]
    long = [jobs.send_wait(job, FOREVER) for _ in range(10)]
    for waiting in short:
        with refused('TimedOut'):
            jobs.wait_answer(waiting)
    gate.open()
    assert {jobs.wait_answer(waiting).state for waiting in long} == {'completed'}


def test_200_awaits_are_each_answered_once(connect, jobs, gate, scope):
    tasks = f'/proc/{scope.service_pid()}/task'
    threads = len(os.listdir(tasks))
    job = jobs.enqueue(gate.job(then='exit 5'))
    waiting = [(client, client.send_wait(job)) for client in [connect() for _ in range(4)] for _ in range(50)]
    gate.wait()
    for client, _ in waiting:
        client.flush()
    assert len(os.listdir(tasks)) == threads
    gate.open()
    assert {client.wait_answer(serial)[:2] for client, serial in waiting} == {('failed', 5)}
    for client, _ in waiting:
        client.flush()
        assert not client.answers


def test_await_of_a_caller_that_has_left(scope, jobs, gate):
    job = jobs.enqueue(gate.job())
    gone = scope.connect()
    for _ in range(20):
        gone.send_wait(job)
    gone.send_call('AwaitAll', 'ast', [job], FOREVER)
    gone.send_call('AwaitAny', 'ast', [job], FOREVER)
    gone.flush()
    gone.close()
    waiting = jobs.send_wait(job)
    gate.open()
    assert jobs.wait_answer(waiting).state == 'completed'
    assert jobs.run(['true']).state == 'completed'


def test_job_of_a_caller_that_has_left(scope, jobs, gate):
    gone = scope.connect()
    job = gone.enqueue(gate.job())
    gate.wait()
    gone.close()
    gate.open()
    assert jobs.wait(job).state == 'completed'


def test_end_is_shown_when_it_is_on_disk(jobs, gate):
    """While the store is busy, with a standard input of the largest size."""
    job = jobs.enqueue(gate.job())
    gate.wait()
    descriptor = os.memfd_create('large')
    os.truncate(descriptor, 16 << 20)
    enqueue = jobs.send_enqueue(['sh', '-c', 'wc -c'], Stdin=descriptor)
    os.close(descriptor)
    gate.open()
    while not jobs.is_answered(enqueue):
        found = jobs.get(job)
        assert (found['State'] == 'running') == (found['Sequence'] == 0)
    large = jobs.answer(enqueue)[0]
    assert jobs.wait(large).state == 'completed'
    assert int(jobs.output(large)) == 16 << 20


# --- AwaitAny -------------------------------------------------------------------------------------

def any_of(jobs, ids, timeout=FOREVER):
    return jobs.send_call('AwaitAny', 'ast', ids, timeout)


def any_answer(jobs, serial):
    job, state, exit_code, entries = jobs.answer(serial)
    assert plain(entries) == jobs.get(job)
    return job, state, exit_code


def test_await_any_tells_the_first_to_end(jobs, new_gate):
    gates = [new_gate() for _ in range(3)]
    ids = [jobs.enqueue(gate.job(then=f'exit {number}')) for number, gate in enumerate(gates)]
    waiting = any_of(jobs, ids)
    jobs.flush()
    assert not jobs.is_answered(waiting)
    gates[1].open()
    assert any_answer(jobs, waiting) == (ids[1], 'failed', 1)


def test_await_any_of_jobs_that_have_ended_tells_the_first_named(jobs, gate):
    held = jobs.enqueue(gate.job())
    ended = [jobs.enqueue(['true']) for _ in range(3)]
    for job in ended:
        jobs.wait(job)
    for ids in ([held, *ended], [held, *reversed(ended)]):
        assert any_answer(jobs, any_of(jobs, ids, 0)) == (ids[1], 'completed', 0)


def test_await_any_times_out(jobs, gate):
    ids = [jobs.enqueue(gate.job()) for _ in range(2)]
    for timeout in (0, SECOND // 50):
        with refused('TimedOut'):
            jobs.answer(any_of(jobs, ids, timeout))
    gate.open(2)
    assert any_answer(jobs, any_of(jobs, ids))[1] == 'completed'


def test_await_any_is_answered_once(jobs, gate):
    ids = [jobs.enqueue(gate.job()) for _ in range(5)]
    waiting = any_of(jobs, ids)
    gate.open(5)
    for job in ids:
        jobs.wait(job)
    assert any_answer(jobs, waiting)[0] in ids
    jobs.flush()
    assert not jobs.answers


# --- AwaitAll -------------------------------------------------------------------------------------

def all_of(jobs, ids, timeout=FOREVER):
    return jobs.send_call('AwaitAll', 'ast', ids, timeout)


def all_answer(jobs, serial):
    return [plain(job) for job in jobs.answer(serial)[0]]


def test_await_all_waits_for_the_last(jobs, new_gate):
    gates = [new_gate() for _ in range(3)]
    ids = [jobs.enqueue(gate.job(then=f'exit {number}')) for number, gate in enumerate(gates)]
    waiting = all_of(jobs, ids)
    for number in (2, 0):
        gates[number].open()
        jobs.wait(ids[number])
        jobs.flush()
        assert not jobs.is_answered(waiting)
    gates[1].open()
    assert all_answer(jobs, waiting) == [jobs.get(job) for job in ids]


def test_await_all_of_jobs_that_have_ended(jobs):
    ids = [jobs.enqueue(['true']) for _ in range(3)]
    for job in ids:
        jobs.wait(job)
    ids.reverse()
    assert [job['Id'] for job in all_answer(jobs, all_of(jobs, ids, 0))] == ids


def test_await_all_times_out(jobs, gate):
    ids = [jobs.enqueue(['true']), jobs.enqueue(gate.job())]
    jobs.wait(ids[0])
    for timeout in (0, SECOND // 50):
        with refused('TimedOut'):
            jobs.answer(all_of(jobs, ids, timeout))
    gate.open()
    assert len(all_answer(jobs, all_of(jobs, ids))) == 2


def test_await_all_of_one_job_twice(jobs, gate):
    job = jobs.enqueue(gate.job())
    waiting = all_of(jobs, [job, job])
    gate.open()
    assert [entry['Id'] for entry in all_answer(jobs, waiting)] == [job, job]


def test_await_all_knows_its_jobs_from_the_beginning(jobs, gate):
    """A prefix that was unique when the wait began may fit another job when it ends."""
    job = jobs.enqueue(gate.job(), Kind='prefix-later-ambiguous')
    waiting = all_of(jobs, ['prefix-later-ambiguous'])
    gate.wait()
    jobs.enqueue(['true'], Kind='prefix-later-ambiguous')
    gate.open()
    assert [entry['Id'] for entry in all_answer(jobs, waiting)] == [job]


def test_await_all_of_a_job_that_is_removed_meanwhile(jobs, new_gate):
    first, second = new_gate(), new_gate()
    ids = [jobs.enqueue(first.job()), jobs.enqueue(second.job())]
    waiting = all_of(jobs, ids)
    first.open()
    jobs.wait(ids[0])
    jobs.remove(ids[0])
    second.open()
    with refused('NoSuchJob', ids[0]):
        jobs.answer(waiting)


def test_await_many_jobs(jobs):
    ids = [jobs.enqueue(['true']) for _ in range(40)]
    assert [job['State'] for job in all_answer(jobs, all_of(jobs, ids))] == ['completed'] * 40


@pytest.mark.parametrize('member', ['AwaitAny', 'AwaitAll'])
def test_at_most_1024_ids(jobs, member):
    job = jobs.enqueue(['true'])
    jobs.wait(job)
    jobs.call(member, 'ast', [job] * 1024, FOREVER)
    with refused('LimitExceeded', '1024'):
        jobs.call(member, 'ast', [job] * 1025, FOREVER)


@pytest.mark.parametrize('member', ['AwaitAny', 'AwaitAll'])
def test_no_id(jobs, member):
    with refused('InvalidArgument'):
        jobs.call(member, 'ast', [], FOREVER)


@pytest.mark.parametrize('member', ['AwaitAny', 'AwaitAll'])
def test_one_unknown_id_among_others(jobs, gate, member):
    job = jobs.enqueue(gate.job())
    with refused('NoSuchJob', 'job-0000000000'):
        jobs.call(member, 'ast', [job, 'job-0000000000'], FOREVER)


# --- JobFinished ----------------------------------------------------------------------------------

def test_job_finished_is_sent_once_a_job(jobs):
    jobs.watch_finished()
    before = jobs.property('LastSequence')
    ids = [jobs.enqueue(shell(f'exit {number % 3}')) for number in range(30)]
    jobs.enqueue(['no-such-command'])
    cancelled = jobs.enqueue(['sleep', 'infinity'])
    jobs.cancel(cancelled)
    ended = {job: jobs.wait(job) for job in jobs.enqueued}
    signals = jobs.finished()
    assert len(signals) == len(ended) == 32
    assert {job for job, *_ in signals} == set(ended)
    for job, state, exit_code, sequence in signals:
        assert (state, exit_code) == ended[job][:2]
        assert sequence == ended[job].job['Sequence']
    assert [sequence for *_, sequence in signals] == list(range(before + 1, before + 33))
    assert jobs.property('LastSequence') == before + 32
    assert {ended[job].exit_code for job in ids} == {0, 1, 2}


def test_result_is_there_when_job_finished_arrives(jobs, connect):
    watcher = connect()
    watcher.watch_finished()
    for _ in range(10):
        job = jobs.enqueue(shell('echo "{\\"a\\": 1}" >"$CODEX_JOB_RESULT"; echo out'))
        watcher.signal(lambda signal: signal.body[0] == job)
        found = watcher.get(job)
        assert found['State'] == 'completed' and found['Result'] == '{"a":1}'
        assert watcher.output(job) == b'out\n'
