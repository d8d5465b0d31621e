# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: 2026 The Codex Jobs authors
"""What a user sends to the service in the name of the bus, of the service manager, of polkit or of a job. The bus
lets everybody send signals to everybody; the service has to know whose they are."""

import os
import subprocess

import pytest

from jeepney import DBusAddress, HeaderFields, MessageFlag, MessageType, new_signal

from support import BUS, NAME, PROPERTIES, BusError, refused, unit_name

SYSTEMD = 'org.freedesktop.systemd1'
SYSTEMD_PATH = '/org/freedesktop/systemd1'


def unit_path(job):
    """As sd_bus_path_encode(3)."""
    return f'{SYSTEMD_PATH}/unit/' + ''.join(c if c.isalnum() else f'_{ord(c):02x}' for c in unit_name(job))


@pytest.fixture
def forge(system, bob):
    """Sends a signal of bob's to the service alone, and waits until the service has handled it."""
    service, = system.bus.call_to(*BUS, 'GetNameOwner', 's', NAME)

    def send(path, interface, member, signature, *body):
        message = new_signal(DBusAddress(path, interface=interface), member, signature, body)
        message.header.fields[HeaderFields.destination] = service
        bob.connection.send(message)
        bob.flush()

    return send


@pytest.fixture
def held(alice, gate):
    job = alice.enqueue(gate.job())
    gate.wait()
    return job


ENDS = {
    'exited': {'SubState': ('s', 'exited'), 'ExecMainCode': ('i', 1), 'ExecMainStatus': ('i', 0)},
    'killed': {'SubState': ('s', 'failed'), 'ExecMainCode': ('i', 2), 'ExecMainStatus': ('i', 9)},
    'stopped': {'SubState': ('s', 'dead'), 'ExecMainCode': ('i', 2), 'ExecMainStatus': ('i', 15)},
}


@pytest.mark.parametrize('end', ENDS)
def test_end_of_a_job(alice, held, gate, forge, end):
    for interface in ('Service', 'Unit'):
        forge(unit_path(held), PROPERTIES, 'PropertiesChanged', 'sa{sv}as', f'{SYSTEMD}.{interface}', ENDS[end], [])
    assert alice.get(held)['State'] == 'running'
    with refused('TimedOut'):
        alice.wait(held, 0)
    gate.open()
    assert alice.wait(held)[:2] == ('completed', 0)


def test_progress_of_a_job(alice, held, forge):
    forge(unit_path(held), PROPERTIES, 'PropertiesChanged', 'sa{sv}as', f'{SYSTEMD}.Service',
          {'StatusText': ('s', 'forged')}, [])
    assert 'Progress' not in alice.get(held)


def test_unit_that_is_gone(alice, held, forge):
    forge(SYSTEMD_PATH, f'{SYSTEMD}.Manager', 'UnitRemoved', 'so', unit_name(held), unit_path(held))
    assert alice.get(held)['State'] == 'running'


def test_caller_that_has_left(alice, held, gate, forge):
    """Whoever waits goes on waiting."""
    waiting = alice.send_wait(held)
    alice.flush()
    name = alice.connection.unique_name
    forge('/org/freedesktop/DBus', BUS[2], 'NameOwnerChanged', 'sss', name, name, '')
    gate.open()
    assert alice.wait_answer(waiting).state == 'completed'


def test_service_manager_that_is_another(alice, held, forge):
    """It is not asked to begin anew, and nothing that runs is taken for lost."""
    forge('/org/freedesktop/DBus', BUS[2], 'NameOwnerChanged', 'sss', SYSTEMD, ':1.0', ':1.9999')
    assert alice.get(held)['State'] == 'running'
    assert alice.run(['true']).state == 'completed'


@pytest.mark.parametrize('kind', [MessageType.method_return, MessageType.error])
def test_answers_that_nobody_asked_for(system, alice, bob, held, gate, kind):
    """Those of polkit, the bus and the service manager cannot be given in advance."""
    service, = system.bus.call_to(*BUS, 'GetNameOwner', 's', NAME)
    for serial in range(1, 500):
        message = new_signal(DBusAddress('/', interface='x.y'), 'Z', 'u', (0,))
        message.header.message_type = kind
        message.header.flags = MessageFlag.no_reply_expected
        message.header.fields = {HeaderFields.destination: service, HeaderFields.reply_serial: serial,
                                 HeaderFields.signature: 'u'}
        if kind is MessageType.error:
            message.header.fields[HeaderFields.error_name] = 'x.y.z'
        bob.connection.send(message)
    assert bob.run(['true']).state == 'completed'
    with refused('NoSuchJob'):
        bob.get(held)
    gate.open()
    assert alice.wait(held).state == 'completed'


@pytest.mark.parametrize('name', [NAME, SYSTEMD, 'org.freedesktop.PolicyKit1'])
def test_names_that_the_service_trusts_are_not_to_be_had(bob, name):
    with pytest.raises(BusError) as caught:
        bob.call_to(*BUS, 'RequestName', 'su', name, 4)
    assert caught.value.name == 'org.freedesktop.DBus.Error.AccessDenied'


def test_notification_from_outside_of_a_job(system, alice, held):
    """Nobody but its owner can reach the socket on which a job reports its progress."""
    worker = system.unit_property(unit_name(held), 'MainPID')
    with open(f'/proc/{worker}/task/{worker}/children', encoding='utf-8') as file:
        pid = file.read().split()[0]
    with open(f'/proc/{pid}/environ', 'rb') as file:
        entry, = [each for each in file.read().split(b'\0') if each.startswith(b'NOTIFY_SOCKET=')]
    done = subprocess.run(['as-user', 'bob', 'env', os.fsdecode(entry), 'systemd-notify', '--status=forged'], check=False,
                          capture_output=True)
    assert done.returncode != 0
    assert 'Progress' not in alice.get(held)


@pytest.mark.parametrize('command', [['stop'], ['kill'], ['reset-failed'], ['set-property', 'MemoryMax=1M']],
                         ids=lambda command: command[0])
def test_units_of_jobs_are_not_the_users(alice, held, command):
    """Neither of others nor one's own: a job is ended by the service, which then knows by whom."""
    verb, *rest = command
    for user in ('bob', 'alice'):
        done = subprocess.run(['as-user', user, 'systemctl', '--no-ask-password', verb, unit_name(held), *rest],
                              check=False, capture_output=True)
        assert done.returncode != 0
    assert alice.get(held)['State'] == 'running'


def test_units_named_like_jobs_are_not_to_be_had():
    done = subprocess.run(['as-user', 'bob', 'systemd-run', '--no-ask-password', '--unit=codex-job-job-0123456789',
                           'true'], check=False, capture_output=True)
    assert done.returncode != 0
