# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: 2026 The Codex Jobs authors
"""The start of the service, as long as the service manager has not answered it."""

import os
import signal
import subprocess

import pytest

from support import BUS, FOREVER, MANAGER, PATH, BusError, Process

pytestmark = pytest.mark.restarts

BUS_SIGNAL = "type='signal',sender='org.freedesktop.DBus',member='NameOwnerChanged'"


@pytest.fixture
def program(scope):
    if scope.is_system:
        pytest.skip('nobody but the service manager of a user can be stopped')
    pid = scope.service_pid()
    with open(f'/proc/{pid}/cmdline', encoding='ascii') as file:
        command = file.read().split('\0')[:-1]
    with open(f'/proc/{pid}/environ', encoding='utf-8') as file:
        environment = dict(line.split('=', 1) for line in file.read().split('\0')[:-1])
    for name in ('NOTIFY_SOCKET', 'WATCHDOG_USEC', 'WATCHDOG_PID', 'INVOCATION_ID'):
        environment.pop(name, None)
    return command, environment


@pytest.fixture
def held(jobs):
    return jobs.enqueue(['true'], Hold=True)


@pytest.fixture
def deaf_manager(scope, program):
    """A service whose service manager does not answer until it is let: the process, and the function for that."""
    command, environment = program
    scope.systemctl('stop', scope.service)
    pid = int(subprocess.check_output(['systemctl', 'show', '-P', 'MainPID', f'user@{scope.uid}.service']))
    os.kill(pid, signal.SIGSTOP)
    service = subprocess.Popen(command, env=environment, user=scope.uid, group=scope.user.pw_gid, extra_groups=[])
    try:
        yield service, lambda: os.kill(pid, signal.SIGCONT)
    finally:
        os.kill(pid, signal.SIGCONT)
        service.terminate()
        service.wait()
        scope.start_service()


def pid_of(connection, name):
    try:
        return connection.call_to(*BUS, 'GetConnectionUnixProcessID', 's', name)[0]
    except BusError:
        return 0  # has left


def unique_name(connection, pid):
    """Of the process, as soon as it is on the bus."""
    while True:
        for name in connection.call_to(*BUS, 'ListNames')[0]:
            if name.startswith(':') and pid_of(connection, name) == pid:
                return name
        connection.signal(lambda signal: True)


def test_jobs_that_come_before_the_service_manager_has_answered(jobs, scope, deaf_manager):
    service, let_go = deaf_manager
    jobs.subscribe(BUS_SIGNAL)
    name = unique_name(jobs, service.pid)
    ids = [jobs.call_to(name, PATH, MANAGER, 'Enqueue', 'asa{sv}', ['true'], {})[0] for _ in range(3)]
    let_go()
    for job in ids:
        state, code, _ = jobs.call_to(name, PATH, MANAGER, 'Await', 'st', job, FOREVER)
        assert (state, code) == ('completed', 0)
    queue, = jobs.call_to(name, PATH, MANAGER, 'GetQueue')
    assert (queue['Queued'][1], queue['Running'][1]) == (0, 0)


def test_jobs_are_held_and_released_before_that(jobs, scope, held, deaf_manager):
    service, let_go = deaf_manager
    jobs.subscribe(BUS_SIGNAL)
    name = unique_name(jobs, service.pid)
    for member in ('Hold', 'Release', 'Hold', 'Release'):
        jobs.call_to(name, PATH, MANAGER, member, 's', held)
    let_go()
    state, code, _ = jobs.call_to(name, PATH, MANAGER, 'Await', 'st', held, FOREVER)
    assert (state, code) == ('completed', 0)


def test_jobs_are_changed_before_that(jobs, scope, held, deaf_manager):
    service, let_go = deaf_manager
    jobs.subscribe(BUS_SIGNAL)
    name = unique_name(jobs, service.pid)
    jobs.call_to(name, PATH, MANAGER, 'SetQueue', 'sa{sv}', 'early', {})
    for changes in {'Queue': ('s', 'early'), 'NotBeforeUSec': ('t', FOREVER // 100)}, {'NotBeforeUSec': ('t', 0), 'Label': ('s', 'new')}:
        jobs.call_to(name, PATH, MANAGER, 'Edit', 'sa{sv}', held, changes)
    jobs.call_to(name, PATH, MANAGER, 'Release', 's', held)
    let_go()
    state, _, job = jobs.call_to(name, PATH, MANAGER, 'Await', 'st', held, FOREVER)
    assert (state, job['Queue'][1], job['Label'][1]) == ('completed', 'early', 'new')
    jobs.call_to(name, PATH, MANAGER, 'RemoveQueue', 's', 'early')
