# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: 2026 The Codex Jobs authors
"""Users of the system's service: nobody sees a job of another, root sees all."""

import os
import pwd

import pytest

from support import (FOREVER, JOB, MANAGER, NAME, PATH, PROPERTIES, BusError, acting_as, object_path,
                     refused, shell)

SECRET = 'XyzzySecret'
NOWHERE = 'job-0000000000'
STRANGER = 54321  # a user that no database knows

CALLS = [
    ('Get', 's', lambda job: (job,)),
    ('Await', 'st', lambda job: (job, 0)),
    ('AwaitAny', 'ast', lambda job: ([job], 0)),
    ('AwaitAll', 'ast', lambda job: ([job], 0)),
    ('Cancel', 's', lambda job: (job,)),
    ('OpenOutput', 'ss', lambda job: (job, 'stdout')),
    ('Remove', 'as', lambda job: ([job],)),
]
each_call = pytest.mark.parametrize('member, signature, arguments', CALLS, ids=[call[0] for call in CALLS])


@pytest.fixture
def held(alice, gate):
    """A job of alice's that runs."""
    job = alice.enqueue(gate.job(before=f'echo {SECRET}; systemd-notify --status={SECRET}'), Label=SECRET,
                        Kind='of-alice', Session=SECRET, Workspace=f'/{SECRET}')
    gate.wait()
    alice.output_of(job, len(SECRET) + 1)
    alice.progress_of(job)
    return job


def error_of(client, *call):
    with pytest.raises(BusError) as caught:
        client.answer(client.send(*call))
    return caught.value.name, caught.value.text


@each_call
def test_job_of_another_is_as_one_that_is_not_there(alice, bob, held, member, signature, arguments):
    for job in (held, held[:-3], held.rsplit('-', 1)[1], 'of-alice'):
        name, text = error_of(bob, NAME, PATH, MANAGER, member, signature, *arguments(job))
        other = error_of(bob, NAME, PATH, MANAGER, member, signature, *arguments(NOWHERE))
        assert (name, text.replace(job, NOWHERE)) == other
        assert name.endswith('.NoSuchJob')
    assert alice.get(held)['State'] == 'running'


@each_call
def test_ended_job_of_another_is_as_one_that_is_not_there(alice, bob, member, signature, arguments):
    job = alice.run(['true']).job['Id']
    name, text = error_of(bob, NAME, PATH, MANAGER, member, signature, *arguments(job))
    other = error_of(bob, NAME, PATH, MANAGER, member, signature, *arguments(NOWHERE))
    assert (name, text.replace(job, NOWHERE)) == other
    assert alice.get(job)['State'] == 'completed'


def test_own_job_beside_one_of_another(bob, held):
    own = bob.run(['true']).job['Id']
    with refused('NoSuchJob', held):
        bob.remove(own, held)
    with refused('NoSuchJob', held):
        bob.call('AwaitAny', 'ast', [own, held], 0)
    assert bob.get(own)['State'] == 'completed'


def test_list_is_of_ones_own(bob, root, held):
    own = bob.run(['true'], Kind='of-bob').job['Id']
    uid = pwd.getpwnam('alice').pw_uid
    assert {job['Uid'] for job in bob.list(Limit=1000)} == {bob.uid}
    assert own in bob.list_ids(Limit=1000)
    for filters in ({'Uid': uid}, {'Kind': 'of-alice'}, {'Session': SECRET}, {'State': ['running']}, {'Uid': 0}):
        assert bob.list_ids(**filters) == []
    assert {job['Uid'] for job in bob.list(AfterSequence=0, Limit=1000)} == {bob.uid}
    assert held in root.list_ids(Uid=uid) and held not in root.list_ids(Uid=bob.uid)


def test_page_before_a_job_of_another_tells_nothing(alice, bob):
    bob.run(['true'])
    job = alice.run(['true']).job['Id']
    assert bob.list_ids(Before=job) == bob.list_ids(Before=NOWHERE)


def test_jobs_of_others_make_no_beginning_ambiguous(alice, bob):
    own = [client.run(['true'], Kind='both').job['Id'] for client in (alice, bob)]
    for client, job in zip((alice, bob), own):
        assert client.get('both')['Id'] == job


def test_object_of_another_is_as_one_that_is_not_there(alice, bob, root, held):
    path, nowhere = object_path(held), object_path(NOWHERE)
    for interface, member, signature, *body in [
            (PROPERTIES, 'GetAll', 's', JOB), (PROPERTIES, 'Get', 'ss', JOB, 'State'), (JOB, 'Cancel', '')]:
        name, text = error_of(bob, NAME, path, interface, member, signature, *body)
        other = error_of(bob, NAME, nowhere, interface, member, signature, *body)
        assert (name, text.replace(path, nowhere)) == other
    assert alice.get(held)['State'] == 'running'
    assert root.call_to(NAME, path, PROPERTIES, 'GetAll', 's', JOB)


def test_objects_that_are_listed_are_ones_own(alice, bob, root, held):
    def paths(client):
        objects, = client.call_to(NAME, PATH, 'org.freedesktop.DBus.ObjectManager', 'GetManagedObjects')
        text, = client.call_to(NAME, f'{PATH}/job', 'org.freedesktop.DBus.Introspectable', 'Introspect')
        return object_path(held) in objects, object_path(held).rsplit('/', 1)[1] in text

    assert paths(alice) == paths(root) == (True, True)
    assert paths(bob) == (False, False)


def test_signals_to_others_carry_nothing_private(alice, bob, gate, held):
    bob.subscribe(f"type='signal',sender='{NAME}'")
    gate.open()
    ended = alice.wait(held)
    signal = bob.signal(lambda signal: signal.member == 'JobFinished' and signal.body[0] == held)
    assert signal.body == (held, 'completed', 0, ended.job['Sequence'])
    bob.flush()
    assert SECRET not in str(bob.signals)


def test_files_of_another_cannot_be_read(alice, system, gate):
    job = alice.enqueue(gate.job(before='echo "{}" >"$CODEX_JOB_RESULT"'))
    gate.wait()
    paths = [f'{system.state}/jobs.sqlite', f'{system.state}/output/{job}.stdout',
             f'{system.folders}/{job}/result']
    assert all(os.path.exists(path) for path in paths)
    for path in paths:
        for flags in (os.O_RDONLY, os.O_WRONLY):
            with acting_as(pwd.getpwnam('bob').pw_uid), pytest.raises(PermissionError):
                os.open(path, flags)
    for path in (system.state, system.results, system.folders, f'{system.folders}/{job}'):
        with acting_as(pwd.getpwnam('bob').pw_uid), pytest.raises(PermissionError):
            os.listdir(path)


# --- root -----------------------------------------------------------------------------------------

def test_root_sees_all(root, held):
    assert root.get(held)['Label'] == SECRET
    assert root.get(held[:-1])['Id'] == held
    assert held in root.list_ids(State=['running'])
    assert root.output(held).decode() == SECRET + '\n'
    with refused('TimedOut'):
        root.wait(held, 0)


def test_root_cancels_and_removes(alice, root, held):
    assert root.cancel(held) == 'cancelled'
    assert alice.get(held)['StoppedBy'] == 0
    root.remove(held)
    with refused('NoSuchJob'):
        alice.get(held)


def test_job_of_root_is_roots(alice, root):
    job = root.enqueue(shell('id -u; id -G; pwd; echo "$HOME"'))
    assert root.wait(job).job['Uid'] == 0
    assert root.output(job) == b'0\n0\n/root\n/root\n'
    with refused('NoSuchJob', job):
        alice.get(job)


def test_each_runs_as_himself(alice, bob):
    for client in (alice, bob):
        job = client.enqueue(['id', '-u'])
        client.wait(job)
        assert client.output(job).decode() == f'{client.uid}\n'


# --- other users ----------------------------------------------------------------------------------

def test_user_that_no_database_knows(system):
    """Nobody can say which groups and home such a user has: no job can run as he, see 60-org.codex.Jobs.rules."""
    try:
        stranger = system.connect(STRANGER)
    except OSError:
        pytest.skip('this bus lets only those in that the database knows')
    with pytest.raises(BusError, match='NotPermitted'):
        stranger.enqueue(['true'])
    stranger.close()


def test_root_on_a_users_bus_runs_as_that_user(scope):
    if scope.is_system:
        pytest.skip('about the session bus')
    try:
        root = scope.connect(0)
    except OSError:
        pytest.skip('this bus does not let root in')
    job = root.enqueue(['id', '-u'])
    root.wait(job, FOREVER)
    assert root.output(job).decode() == f'{scope.uid}\n'
    root.close()


def test_bob_is_not_let_onto_alices_bus(scope):
    if scope.is_system:
        pytest.skip('about the session bus')
    with pytest.raises(OSError):
        scope.connect(pwd.getpwnam('bob').pw_uid)
