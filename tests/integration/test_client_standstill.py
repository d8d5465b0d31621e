# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: 2026 The Codex Jobs authors
"""One line says what to do about a service that does not start, or a job that cannot."""

import contextlib
import os
import sqlite3
import subprocess

import pytest
from clientsupport import Cli, cli  # noqa: F401

from support import BUS, PATIENCE, PROGRAM, restart_others

# pylint: disable=redefined-outer-name

pytestmark = pytest.mark.restarts

WORKER = '/usr/libexec/codex-jobs/codex-jobs-worker'
WAIT = ('status', '--wait', '--timeout-ms', '500', 'job-0') # less than a client waits for a service that may start yet


@pytest.fixture
def stopped(scope):
    """Until the end."""
    scope.systemctl('stop', scope.service)
    yield scope
    scope.systemctl('reset-failed', scope.service, check=False)
    scope.systemctl('start', scope.service)


@contextlib.contextmanager
def moved(path):
    os.rename(path, f'{path}.kept')
    try:
        yield
    finally:
        os.rename(f'{path}.kept', path)


def add_to_version(scope, number):
    with contextlib.closing(sqlite3.connect(f'{scope.state}/jobs.sqlite')) as store:
        before = store.execute('PRAGMA user_version').fetchone()[0]
        store.execute(f'PRAGMA user_version = {before + number}')


def test_a_store_of_a_newer_version(cli, jobs, scope, stopped):
    add_to_version(scope, 1000)
    try:
        told = cli.refused(*WAIT)
    finally:
        add_to_version(scope, -1000)
    assert told.endswith('does not start, since its jobs were stored by a newer version. Install that version again; nothing is '
                         'lost.\n')


def test_a_program_that_is_missing(cli, stopped):
    try:
        with moved(PROGRAM):
            told = cli.refused(*WAIT)
    finally:
        restart_others(stopped)
    assert told.endswith('does not start, since its program or a library is missing. Reinstall codex-jobs.\n')


def test_a_worker_that_is_missing(cli):
    with moved(WORKER):
        *_, told = cli.run('run', '--', 'true', status=1).stderr.splitlines()
    assert f'failed: command could not be started: {WORKER}: No such file or directory' in told


def reload_bus():
    subprocess.run(['busctl', 'call', *BUS, 'ReloadConfig'], check=True, timeout=PATIENCE)


@pytest.fixture
def deny():
    """The administrator denies something."""
    path = '/etc/dbus-1/system.d/denied.conf'

    def write(attribute):
        with open(path, 'w', encoding='ascii') as file:
            file.write('<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-BUS Bus Configuration 1.0//EN" '
                       '"http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">'
                       f'<busconfig><policy context="mandatory"><deny {attribute}="org.codex.Jobs"/></policy></busconfig>')
        reload_bus()

    yield write
    os.unlink(path)
    reload_bus()


@pytest.fixture
def of_system(system, folder):
    return Cli(system, folder)


def test_an_administrator_who_denies_the_service(of_system, deny):
    deny('send_destination')
    assert 'Ask the administrator for what denies it in /etc/dbus-1' in of_system.refused('status')


def test_an_administrator_who_denies_the_name(of_system, system, deny):
    deny('own')
    system.systemctl('restart', system.service, check=False)
    assert 'since a policy of the system bus refuses its name' in of_system.refused(*WAIT)
