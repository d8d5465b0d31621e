# SPDX-License-Identifier: Apache-2.0
"""Signals that a user sends to the service in the name of the bus or of the service manager. The bus lets
everybody send signals to everybody; the service has to know whose they are."""

import pytest

from jeepney import DBusAddress, HeaderFields, new_signal

from support import BUS, NAME, PROPERTIES, refused, unit_name

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
