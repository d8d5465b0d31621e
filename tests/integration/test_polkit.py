# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: 2026 The Codex Jobs authors
"""What polkit decides: the real polkitd, with rules for bob."""

import collections
import os
import pwd
import subprocess

import pytest

import polkitsupport
from support import BusError, Pipe, refused

pytestmark = polkitsupport.needed


def bob_uid():
    return pwd.getpwnam('bob').pw_uid


@pytest.fixture
def answer():
    """Sets what polkit answers bob for an action: YES, NO, or nothing it could know (a broken rule)."""
    yield lambda action, result: polkitsupport.set_rules(('bob', action, result))
    polkitsupport.forget_rules()


@pytest.fixture
def held(alice, gate):
    job = alice.enqueue(gate.job(before='echo seen'))
    gate.wait()
    alice.output_of(job, 5)
    return job


def test_read_all_shows_the_jobs_of_others(bob, held, answer):
    answer('read-all', 'return polkit.Result.YES;')
    assert bob.get(held)['State'] == 'running'
    assert bob.output(held) == b'seen\n'
    assert held in bob.list_ids(Uid=bob.get(held)['Uid'])


def test_read_all_does_not_manage(alice, bob, held, answer):
    answer('read-all', 'return polkit.Result.YES;')
    with refused('NoSuchJob'):
        bob.cancel(held)
    assert alice.get(held)['State'] == 'running'


def test_manage_all_cancels_and_removes(alice, bob, held, answer):
    answer('manage-all', 'return polkit.Result.YES;')
    assert bob.cancel(held) == 'cancelled'
    assert alice.get(held)['StoppedBy'] == bob.uid
    bob.remove(held)
    with refused('NoSuchJob'):
        alice.get(held)


@pytest.mark.parametrize('result', ['return polkit.Result.NO;', 'return polkit.Result.AUTH_ADMIN;', 'throw 1;'])
def test_what_is_not_allowed_is_not_there(bob, held, answer, result):
    answer('read-all', result)
    with refused('NoSuchJob'):
        bob.get(held)


def test_enqueue_may_be_forbidden(alice, system, answer):
    answer('enqueue', 'return polkit.Result.NO;')
    stranger = system.connect(bob_uid())
    before = stranger.list_ids()
    with refused('NotPermitted', 'org.codex.Jobs.enqueue'):
        stranger.enqueue(['true'])
    assert stranger.list_ids() == before
    assert alice.run(['true']).state == 'completed'
    answer('enqueue', 'return polkit.Result.YES;')
    assert stranger.run(['true']).state == 'completed'
    stranger.close()


def test_who_is_not_in_the_user_database(system):
    """One who has subordinate IDs, see subuid(5), is not as many users with limits of their own."""
    try:
        stranger = system.connect(100123)
    except (BrokenPipeError, ConnectionResetError): # dbus-daemon lets none of them in
        return
    with refused('NotPermitted', 'org.codex.Jobs.enqueue'):
        stranger.enqueue(['true'], Hold=True)
    stranger.close()


@pytest.fixture
def broken_polkit():
    """It is installed and cannot be started."""
    subprocess.run(['systemctl', 'mask', '--runtime', '--now', 'polkit'], check=True)
    yield
    subprocess.run(['systemctl', 'unmask', '--runtime', 'polkit'], check=True)
    polkitsupport.restart()


def test_polkit_that_fails_denies(system, alice, broken_polkit):
    """Also what it allows by default: what a rule of its would have said, nobody knows."""
    stranger = system.connect(bob_uid())
    for _ in range(2):
        with refused('NotPermitted', 'org.codex.Jobs.enqueue'):
            stranger.enqueue(['true'])
    stranger.close()


def test_own_jobs_need_no_leave(bob, answer):
    answer('read-all', 'return polkit.Result.NO;')
    assert bob.run(['true']).state == 'completed'


def test_calls_keep_their_order_while_polkit_is_asked(bob, answer):
    """What is sent when the first answer is there does not overtake what still waits for its own."""
    answer('enqueue', 'polkit.spawn(["sleep", "0.05"]);')
    calls = [bob.send_enqueue(['true']) for _ in range(5)]
    bob.enqueued = list(bob.answer(calls.pop(0))[:1])
    calls += [bob.send_enqueue(['true']) for _ in range(5)]
    bob.enqueued += [bob.answer(call)[0] for call in calls]
    assert bob.list_ids(Limit=10) == bob.enqueued[::-1]


@pytest.mark.parametrize('result', ['return polkit.Result.NO;', 'throw 1;'])
def test_who_is_gone_before_the_answer_may_nothing(system, alice, bob, held, answer, result):
    """Whatever polkit says by then of a connection that is no more."""
    ended = alice.run(['true']).job['Id']
    answer('manage-all', f'polkit.spawn(["sleep", "0.05"]); {result}')
    for member, signature, body in (('Cancel', 's', held), ('Remove', 'as', [ended])):
        fleeting = system.connect(bob.uid)
        fleeting.send_call(member, signature, body)
        fleeting.close()
    with refused('NoSuchJob'):  # polkit answers in the order in which it was asked
        bob.cancel(held)
    assert alice.get(held)['State'] == 'running'
    assert alice.get(ended)['State'] == 'completed'


def test_who_is_gone_while_asked_whether_to_run_jobs(system, bob, answer, slow_polkit):
    answer('enqueue', f'polkit.spawn(["sh", "-c", "read _ <{slow_polkit}"]);')
    before = system.service_pid()
    fleeting = system.connect(bob.uid)
    for _ in range(3):
        fleeting.send_enqueue(['true'])
    fleeting.flush()
    fleeting.close()
    call = bob.send_enqueue(['true'])
    bob.list_ids()
    slow_polkit.write('\n\n')
    bob.enqueued = list(bob.answer(call)[:1])
    assert bob.wait(bob.enqueued[0]).state == 'completed'
    assert system.service_pid() == before


@pytest.mark.restarts
def test_stop_answers_while_asked_whether_to_run_jobs(bob, system, answer, slow_polkit):
    answer('enqueue', f'polkit.spawn(["sh", "-c", "read _ <{slow_polkit}"]); return polkit.Result.NO;')
    calls = [bob.send_enqueue(['true']) for _ in range(3)]
    bob.flush()
    system.systemctl('kill', '--signal=TERM', system.service)
    for call in calls:
        with refused('Unavailable'):
            bob.answer(call)
    slow_polkit.write('\n')


def test_questions_of_one_user_wait_for_each_other(system, alice, bob, held, answer):
    """More than polkit is asked at a time; each has its answer, and another user's is not behind all of them."""
    answer('read-all', 'polkit.spawn(["sleep", "0.01"]); return polkit.Result.NO;')
    calls = [bob.send_call('Get', 's', held) for _ in range(50)]
    for call in calls:
        with refused('NoSuchJob'):
            bob.answer(call)
    assert alice.get(held)['State'] == 'running'


@pytest.fixture
def slow_polkit():
    """Where polkit waits until a line is written. It may not see our /tmp."""
    gate = Pipe('/run/polkit-gate', bob_uid())
    os.chmod(gate.path, 0o644)
    yield gate
    gate.close()
    os.unlink(gate.path)


def test_calls_that_wait_for_polkit_are_bounded(system, alice, answer, slow_polkit):
    """Of a user, on however many connections."""
    answer('enqueue', f'polkit.spawn(["sh", "-c", "read _ <{slow_polkit}"]); return polkit.Result.YES;')
    clients = [system.connect(bob_uid()) for _ in range(3)]
    calls = [(client, client.send_call('Retry', 'sa{sv}', 'job-0000000000', {})) for client in clients for _ in range(500)]
    alice.flush()
    slow_polkit.write('\n' * len(clients))
    found = collections.Counter()
    for client, call in calls:
        with pytest.raises(BusError) as caught:
            client.answer(call)
        found[caught.value.name.rpartition('.')[2]] += 1
    for client in clients:
        client.close()
    # There is no such job: they were let in, in the end. dbus-daemon has a bound of its own, and says so.
    assert 0 < found['NoSuchJob'] <= 1024
    assert found['LimitExceeded'] + found['LimitsExceeded'] == 1500 - found['NoSuchJob']


def test_input_that_grows_while_polkit_is_asked(bob, answer, slow_polkit):
    """It is what it was when it was sent."""
    answer('enqueue', f'polkit.spawn(["sh", "-c", "read _ <{slow_polkit}"]); return polkit.Result.YES;')
    with open(os.memfd_create('growing'), 'wb') as file:
        file.write(b'before')
        file.flush()
        call = bob.send_enqueue(['cat'], Stdin=file)
        bob.flush()
        file.truncate(60 << 20)
        slow_polkit.write('\n')
        job, _ = bob.answer(call)
    bob.wait(job)
    assert bob.output(job) == b'before'


@pytest.mark.restarts
def test_stop_answers_while_polkit_is_asked(bob, system, held, answer, slow_polkit):
    answer('read-all', f'polkit.spawn(["sh", "-c", "read _ <{slow_polkit}"]); return polkit.Result.NO;')
    calls = [bob.send_call('Get', 's', held) for _ in range(20)]
    bob.flush()  # by then the service has put the first questions
    system.systemctl('kill', '--signal=TERM', system.service)
    for call in calls:
        with refused('Unavailable'):
            bob.answer(call)
    slow_polkit.write('\n' * len(calls))
