# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: 2026 The Codex Jobs authors
"""Jobs that submit jobs: parents lend their place, and take their children along when they are cancelled."""

import re

import pytest

from clientsupport import cli  # noqa: F401
from support import refused, shell


def child(jobs, parent, argv=('true',), **options):
    return jobs.enqueue(list(argv), Parent=parent, **options)


def test_parent_lends_its_place(jobs, settings, new_gate):
    settings(MaxRunning=1)
    gates = [new_gate() for _ in range(3)]
    parent = jobs.enqueue(gates[0].job())
    gates[0].wait()
    first = child(jobs, parent, gates[1].job())
    gates[1].wait()
    second, other = child(jobs, parent), jobs.enqueue(['true'])
    below = child(jobs, first, gates[2].job())
    gates[2].wait()
    assert [jobs.get(job)['State'] for job in (parent, first, below, second, other)] == ['running'] * 3 + ['queued'] * 2
    assert (jobs.property('Running'), jobs.property('Queued')) == (3, 2)
    assert jobs.get(second)['WaitReason'] == 'limit'
    gates[2].open()
    jobs.wait(below)
    gates[1].open()
    assert jobs.wait(first).state == 'completed'
    assert jobs.wait(second).state == 'completed'  # the next one, while the parent still runs
    assert jobs.get(other)['State'] == 'queued'
    gates[0].open()
    assert jobs.wait(other).state == 'completed'
    assert jobs.get(first)['Parent'] == parent
    assert (jobs.property('Running'), jobs.property('Queued')) == (0, 0)


def test_a_free_place_comes_first(jobs, settings, new_gate):
    """The place of the parent is then there for another child."""
    settings(MaxRunning=2)
    gates = [new_gate() for _ in range(3)]
    parent = jobs.enqueue(gates[0].job())
    gates[0].wait()
    children = [child(jobs, parent, gate.job()) for gate in gates[1:]]
    for gate in gates[1:]:
        gate.wait()
    for gate in gates:
        gate.open()
    assert {jobs.wait(job).state for job in [parent, *children]} == {'completed'}
    assert jobs.property('Running') == 0


def test_place_of_a_parent_that_ends_first(jobs, settings, new_gate):
    """It goes on to the child that runs there: there are never more places than there are."""
    settings(MaxRunning=1)
    gates = [new_gate() for _ in range(4)]
    parent = jobs.enqueue(gates[0].job())
    gates[0].wait()
    first = child(jobs, parent, gates[1].job())
    gates[1].wait()
    below = child(jobs, first, gates[2].job())
    gates[2].wait()
    other = jobs.enqueue(gates[3].job())
    gates[1].open()  # the middle one first
    jobs.wait(first)
    gates[0].open()
    jobs.wait(parent)
    assert jobs.get(other)['State'] == 'queued'
    assert jobs.property('Running') == 1
    gates[2].open()
    jobs.wait(below)
    gates[3].wait()
    gates[3].open()
    assert jobs.wait(other).state == 'completed'


def test_trees_never_stand_still(cli, jobs, settings):
    """Twelve jobs, each of which runs one, which runs another."""
    settings(MaxRunning=12)
    script = 'codex-jobs run --quiet -- codex-jobs run --quiet -- echo done'
    ids = [cli.output('enqueue', '--quiet', '--', 'sh', '-c', script).strip() for _ in range(24)]
    assert {jobs.wait(job).state for job in ids} == {'completed'}
    assert [jobs.output(job) for job in ids] == [b'done\n'] * 24


@pytest.mark.restarts
def test_outlives_the_service(jobs, scope, settings, new_gate):
    settings(MaxRunning=1)
    gates = [new_gate() for _ in range(2)]
    parent = jobs.enqueue(gates[0].job())
    gates[0].wait()
    first = child(jobs, parent, gates[1].job())
    gates[1].wait()
    second, other = child(jobs, parent), jobs.enqueue(['true'])
    scope.kill_service()
    assert (jobs.property('Running'), jobs.property('Queued')) == (2, 2)
    gates[1].open()
    assert jobs.wait(first).state == 'completed'
    assert jobs.wait(second).state == 'completed'
    assert jobs.get(other)['State'] == 'queued'
    gates[0].open()
    assert jobs.wait(other).state == 'completed'


def test_paused(jobs, gate):
    parent = jobs.enqueue(gate.job())
    gate.wait()
    jobs.call('Pause')
    try:
        job = child(jobs, parent)
        assert jobs.get(job)['WaitReason'] == 'paused'
    finally:
        jobs.call('Resume')
    assert jobs.wait(job).state == 'completed'
    gate.open()


# --- cancel ---------------------------------------------------------------------------------------

def test_cancel_ends_the_tree(jobs, settings, new_gate):
    settings(MaxRunning=4)
    gates = [new_gate() for _ in range(3)]
    parent = jobs.enqueue(gates[0].job())
    gates[0].wait()
    first = child(jobs, parent, gates[1].job())
    gates[1].wait()
    below = child(jobs, first, gates[2].job())
    gates[2].wait()
    held = child(jobs, parent, Hold=True)
    late = child(jobs, parent, After=[(below, 'any')])
    detached = child(jobs, parent, Detach=True, Hold=True)
    assert jobs.cancel(parent) == 'cancelled'
    for job in (first, below, held, late):
        found = jobs.wait(job)
        assert (found.state, found.job['StoppedBy']) == ('cancelled', jobs.get(parent)['StoppedBy'])
    assert jobs.get(detached)['State'] == 'queued' and jobs.get(detached)['Detached'] is True
    jobs.call('Release', 's', detached)
    assert jobs.wait(detached).state == 'completed'


def test_a_parent_that_ends_by_itself_cancels_nothing(jobs, gate):
    parent = jobs.enqueue(gate.job(then='exit 1'))
    gate.wait()
    job = child(jobs, parent, Hold=True)
    gate.open()
    assert jobs.wait(parent).state == 'failed'
    jobs.call('Release', 's', job)
    assert jobs.wait(job).state == 'completed'


def test_cancel_of_many_children(jobs, gate):
    parent = jobs.enqueue(gate.job())
    gate.wait()
    calls = [jobs.send_enqueue(['true'], Parent=parent, Hold=True) for _ in range(100)]
    children = [jobs.answer(call)[0] for call in calls]
    jobs.watch_finished()
    jobs.cancel(parent)
    assert {jobs.wait(job).state for job in children} == {'cancelled'}
    ended = [body[0] for body in jobs.finished()]
    assert sorted(ended) == sorted([parent, *children])


def test_cancel_of_children_that_are_being_recorded(jobs, scope, settings, new_gate):
    """With a free place and without, and one that exists already."""
    settings(MaxRunning=8)
    service = scope.service_owner()
    known = jobs.enqueue(['true'], IdempotencyKey='known')
    jobs.wait(known)
    for _ in range(5):
        gate = new_gate()
        parent = jobs.enqueue(gate.job())
        gate.wait()
        calls = [jobs.send_enqueue(['sleep', 'infinity'], Parent=parent) for _ in range(12)]
        again = jobs.send_enqueue(['true'], IdempotencyKey='known')
        cancel = jobs.send_cancel(parent)
        assert {jobs.wait(jobs.answer(call)[0]).state for call in calls} == {'cancelled'}
        assert jobs.answer(again)[0] == known
        jobs.answer(cancel)
    assert scope.service_owner() == service


@pytest.mark.restarts
def test_cancel_outlives_the_service(jobs, scope, new_gate):
    """The children are marked with the parent: whatever is killed in between."""
    gates = [new_gate() for _ in range(2)]
    stubborn = shell('trap "" TERM; echo x >"$1"; read _ <"$2"; sleep 30', gates[0].ready, gates[0].hold)
    parent = jobs.enqueue(stubborn)
    gates[0].ready.line()
    running = child(jobs, parent, gates[1].job())
    gates[1].wait()
    held = [child(jobs, parent, Hold=True) for _ in range(20)]
    jobs.send_cancel(parent)
    jobs.wait(running)
    scope.kill_service()
    assert {jobs.wait(job).state for job in [parent, running, *held]} == {'cancelled'}


def test_a_parent_that_is_being_cancelled(jobs, gate):
    parent = jobs.enqueue(shell('trap "" TERM; echo x >"$1"; sleep infinity', gate.ready))
    gate.ready.line()
    call = jobs.send_cancel(parent)
    with refused('InvalidArgument', 'Parent', parent):
        child(jobs, parent)
    jobs.answer(call)


# --- bad input ------------------------------------------------------------------------------------

def test_bad_parents(jobs, gate):
    ended = jobs.run(['true']).job['Id']
    queued = jobs.enqueue(['true'], Hold=True)
    for parent in (ended, queued, 'job-0000000000'):
        with refused('NoSuchJob', 'Parent', parent):
            child(jobs, parent)
    for parent in ('', ended[4:], 'no job'):
        with refused('InvalidArgument', 'Parent'):
            child(jobs, parent)


def test_parent_of_another(alice, bob, root):
    parent = alice.enqueue(['sleep', 'infinity'])
    for other in (bob, root):
        with refused('NoSuchJob', 'Parent', parent):
            child(other, parent)


def test_nesting_is_bounded(jobs, settings, gate):
    settings(MaxRunning=20)
    parents = [jobs.enqueue(gate.job())]
    gate.wait()
    for _ in range(15):
        parents.append(child(jobs, parents[-1], gate.job()))
        gate.wait()
    with refused('LimitExceeded', '16'):
        child(jobs, parents[-1])
    gate.open(16)
    assert {jobs.wait(job).state for job in parents} == {'completed'}


def test_a_request_with_a_key_is_repeated_without_its_parent(jobs, gate):
    parent = jobs.enqueue(gate.job())
    gate.wait()
    job = child(jobs, parent, IdempotencyKey='nesting')
    gate.open()
    jobs.wait(parent), jobs.wait(job)
    assert child(jobs, parent, IdempotencyKey='nesting') == job
    jobs.remove(job)


# --- the client -----------------------------------------------------------------------------------

def test_client_names_its_job(cli, jobs):
    parent = cli.job('run', '--', 'sh', '-c', 'codex-jobs enqueue -q --hold -- true; codex-jobs enqueue -q --hold --detach -- true')
    first, second = parent['stdout'].split()
    assert cli.job('show', first)['parent'] == cli.job('show', second)['parent'] == parent['id']
    assert [cli.job('show', job)['detached'] for job in (first, second)] == [False, True]
    assert f'parent: {parent["id"]}' in cli.output('show', first)
    assert 'detached: yes' in cli.output('show', second)
    jobs.cancel(first), jobs.cancel(second)


@pytest.mark.parametrize('parent', ['job-0000000000', 'nonsense', ''])
def test_client_of_a_job_that_is_gone(cli, parent):
    cli.environment['CODEX_JOB_ID'] = parent
    assert cli.job('run', '--', 'echo', 'alone')['parent'] is None


# What a job may not wait for: its own end.
ENDLESS = {
    'await': 'await $CODEX_JOB_ID',
    'prefix': 'await --timeout-ms 60000 ${CODEX_JOB_ID#job-}',
    'several': 'await $(codex-jobs enqueue -q --hold -- true) $CODEX_JOB_ID',
    'any': 'await --any $CODEX_JOB_ID ${CODEX_JOB_ID#job-}',
    'json': 'await --json $CODEX_JOB_ID',
    'logs': 'logs -f $CODEX_JOB_ID',
    'status': 'status --wait $CODEX_JOB_ID',
    'result': 'result $CODEX_JOB_ID',
    'retry': 'retry --await $CODEX_JOB_ID',
    'dependent': 'await $(codex-jobs enqueue -q --after $CODEX_JOB_ID -- true)',
    'logs of a dependent': 'logs -f $(codex-jobs enqueue -q --after $CODEX_JOB_ID:any -- true)',
    'run': 'run --after $CODEX_JOB_ID:failed -- true'}


@pytest.mark.parametrize('command', ENDLESS.values(), ids=ENDLESS)
def test_a_job_cannot_wait_for_itself(cli, command):
    job = cli.job('run', '--', 'sh', '-c', f'codex-jobs {command}', status=125)
    assert (job['state'], job['exit_code'], job['stdout']) == ('failed', 125, '')
    told = job['stderr'].splitlines()  # perhaps after how the jobs are
    assert job['id'] in told[-1] and re.search('cannot (wait for itself|be waited for in that job)', told[-1])
    assert all(line.startswith('codex-jobs: Waiting for ') for line in told[:-1])


def test_a_job_waits_for_others(cli, jobs):
    """For the first of several, one of which is its own; for its parent, which does not wait; for a job after that."""
    script = 'codex-jobs await --any $CODEX_JOB_ID $(codex-jobs enqueue -q -- echo other)'
    assert cli.output('run', '-q', '--', 'sh', '-c', script) == 'other\n'
    script = 'codex-jobs enqueue -q -- sh -c "codex-jobs await $CODEX_JOB_ID; codex-jobs run --after $CODEX_JOB_ID -- echo after"'
    below = cli.output('run', '-q', '--', 'sh', '-c', script).strip()
    assert jobs.wait(below).state == 'completed' and jobs.output(below).decode() == f'{below}\nafter\n'


def test_tree(cli):
    parent = cli.job('run', '--label', 'above', '--', 'codex-jobs', 'run', '-q', '--label', 'below', '--', 'true')['id']
    lines = cli.output('status', '--tree').splitlines()
    assert parent in lines[1] and lines[1].endswith('above')
    assert lines[2].endswith('- below') or lines[2].endswith('└ below')
    jobs = cli.document('status', '--tree')['jobs']
    assert [job['label'] for job in jobs] == ['above', 'below'] and jobs[1]['parent'] == parent
    assert '--tree' in cli.run('status', '--tree', parent, status=125).stderr
