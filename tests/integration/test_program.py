# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: 2026 The Codex Jobs authors
"""The program of the service is replaced or removed while it runs, or the bus refuses it."""

import os
import subprocess
import time

import pytest
from clientsupport import cli, codex  # noqa: F401

from support import PATIENCE, PROGRAM, Process, refused, replace_program, restart_others

# pylint: disable=redefined-outer-name

pytestmark = pytest.mark.restarts

POLICY = '/usr/share/dbus-1/system.d/org.codex.Jobs.conf'


@pytest.fixture
def others(scope):
    yield
    restart_others(scope)


@pytest.fixture
def removed(scope, others):
    """The program is not there; called, it is there again."""
    kept = f'{PROGRAM}.kept'

    def install():
        if os.path.exists(kept):
            os.rename(kept, PROGRAM)

    os.rename(PROGRAM, kept)
    yield install
    install()
    scope.systemctl('reset-failed', scope.service, check=False)


def run_until_closed(jobs):
    """Jobs, until one is refused."""
    deadline = time.monotonic() + PATIENCE
    with refused('Unavailable', 'removed'):
        while time.monotonic() < deadline:
            jobs.run(['true'])


def test_a_replaced_program_is_started(jobs, scope, gate, others):
    running = jobs.enqueue(gate.job('exit 3'))
    pid, owner = scope.service_pid(), scope.service_owner()
    gate.wait()
    replace_program()
    scope.wait_until_gone(owner)
    scope.start_service()
    assert scope.service_pid() != pid
    assert os.path.realpath(f'/proc/{scope.service_pid()}/exe') == os.path.realpath(PROGRAM)
    waiting = jobs.send_wait(running)
    gate.open()
    assert jobs.wait_answer(waiting).exit_code == 3


def test_a_file_that_only_gets_another_name_changes_nothing(jobs, scope, gate):
    """As a package manager makes it before it replaces the file."""
    pid = scope.service_pid()
    os.link(PROGRAM, f'{PROGRAM}.link')
    os.unlink(f'{PROGRAM}.link')
    assert jobs.run(['sleep', '3']).state == 'completed'
    assert scope.service_pid() == pid


def test_a_removed_program_ends_when_its_jobs_have(jobs, scope, gate, removed):
    running = jobs.enqueue(gate.job('exit 4'))
    gate.wait()
    waiting = jobs.send_wait(running)
    run_until_closed(jobs)
    assert 'was removed' in scope.unit_property(scope.service, 'StatusText')
    with Process(scope.service_pid()) as service:
        gate.open()
        assert jobs.wait_answer(waiting).exit_code == 4
        assert service.wait_end()
    assert scope.unit_property(scope.service, 'ExecMainStatus') == '69'
    assert scope.unit_property(scope.service, 'ActiveState') == 'inactive'
    removed()
    assert jobs.get(running)['ExitCode'] == 4
    assert jobs.run(['true']).state == 'completed'


def test_a_program_that_is_back_takes_over(jobs, scope, gate, removed):
    running = jobs.enqueue(gate.job('exit 5'))
    gate.wait()
    owner = scope.service_owner()
    run_until_closed(jobs)
    removed()
    replace_program()
    scope.wait_until_gone(owner)
    gate.open()
    assert jobs.wait(running).exit_code == 5


def test_a_name_that_the_bus_refuses_is_not_asked_for_again(system):
    """Until somebody calls."""
    os.rename(POLICY, f'{POLICY}.kept')
    try:
        subprocess.run(['busctl', 'call', 'org.freedesktop.DBus', '/org/freedesktop/DBus', 'org.freedesktop.DBus',
                        'ReloadConfig'], check=True)
        system.systemctl('restart', system.service, check=False)
        assert system.unit_property(system.service, 'ExecMainStatus') == '77'
        assert system.unit_property(system.service, 'ActiveState') == 'failed'
    finally:
        os.rename(f'{POLICY}.kept', POLICY)
        subprocess.run(['busctl', 'call', 'org.freedesktop.DBus', '/org/freedesktop/DBus', 'org.freedesktop.DBus',
                        'ReloadConfig'], check=True)
    system.systemctl('start', system.service)
    assert system.unit_property(system.service, 'ActiveState') == 'active'


def test_setup_tells_programs_of_different_builds_apart(cli, codex):
    worker = '/usr/libexec/codex-jobs/codex-jobs-worker'
    os.rename(worker, f'{worker}.kept')
    try:
        with open(worker, 'w', encoding='ascii') as file:
            file.write('#!/bin/sh\necho 0.0.9\n')
        os.chmod(worker, 0o755)
        check = next(each for each in cli.document('setup')['checks'] if each['name'] == 'build')
    finally:
        os.rename(f'{worker}.kept', worker)
    assert check['status'] == 'warning' and 'worker 0.0.9' in check['text']
    assert check['remedy'] == 'install the same version of all programs'
