# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: 2026 The Codex Jobs authors
"""setup finds what is wrong, and says how to mend it."""

import os
import socket

import pytest
from clientsupport import cli, codex  # noqa: F401

# pylint: disable=redefined-outer-name

ALL = ['systemd', 'service', 'units', 'runtime', 'linger', 'bus', 'disk', 'locale', 'job', 'adapter', 'codex', 'login']
OF_USERS = ['runtime', 'linger']


def expected(cli):
    return [name for name in ALL if cli.scope.name == 'user' or name not in OF_USERS]


def statuses(document):
    return {check['name']: check['status'] for check in document['checks']}


def check_of(document, name):
    return next(check for check in document['checks'] if check['name'] == name)


def test_all_is_well(cli, codex, jobs):
    before = jobs.list_ids(Limit=1000)
    document = cli.document('setup')
    assert statuses(document) == dict.fromkeys(expected(cli), 'ok')
    assert document['ok'] and document['next'] == [] and document['scope'] == cli.scope.name
    assert jobs.list_ids(Limit=1000) == before
    lines = cli.output('setup').splitlines()
    assert len(lines) == len(expected(cli)) and all(line.startswith('ok ') for line in lines)


def test_what_codex_lacks_is_a_warning(cli, codex):
    cli.environment['FAKE_CODEX_LOGIN'] = 'no'
    document = cli.document('setup')
    assert document['ok'] and statuses(document)['login'] == 'warning' and document['next'] == ['codex login']
    os.unlink(f'{cli.folder}/bin/codex')
    cli.environment['PATH'] = '/usr/bin:/bin'
    document = cli.document('setup')
    assert document['ok'] and document['next'] == ['npm install -g @openai/codex']
    assert (statuses(document)['codex'], statuses(document)['login']) == ('warning', 'skipped')
    assert cli.output('setup').count('npm install') == 1


def test_a_service_that_cannot_be_reached_is_a_failure(cli):
    name = 'DBUS_SYSTEM_BUS_ADDRESS' if cli.scope.is_system else 'DBUS_SESSION_BUS_ADDRESS'
    cli.environment[name] = 'unix:path=/nowhere'
    document = cli.document('setup', status=1)
    command = 'systemctl start dbus.socket' if cli.scope.is_system else 'loginctl enable-linger'
    assert not document['ok'] and document['next'][0] == command
    assert 'run codex-jobs outside the sandbox' in check_of(document, 'service')['remedy']
    found = statuses(document)
    assert (found['service'], found['job']) == ('failed', 'skipped')
    broken = [line for line in cli.output('setup', status=1).splitlines() if line.startswith('failed')]
    assert 'in a sandbox, request permission to run codex-jobs outside it' in broken[0]
    assert broken and all(('; to fix: ' in line) != ("dbus.socket'" in line or "'codex-jobs --system'" in line)
                          for line in broken)


def test_a_bus_that_is_forbidden_is_a_sandbox(cli):
    address = f'{cli.folder}/bus'
    with socket.socket(socket.AF_UNIX) as bus:
        bus.bind(address) # of root, and not open to others
        os.chmod(address, 0o600)
        name = 'DBUS_SYSTEM_BUS_ADDRESS' if cli.scope.is_system else 'DBUS_SESSION_BUS_ADDRESS'
        cli.environment[name] = f'unix:path={address}'
        told = cli.refused('status')
        check = check_of(cli.document('setup', status=1), 'service')
    assert 'access denied, probably by a sandbox. Request permission to run codex-jobs outside it.' in told
    assert check['remedy'] == 'run codex-jobs outside the sandbox'


@pytest.mark.restarts
def test_a_service_that_does_not_start(cli, scope):
    scope.systemctl('mask', '--runtime', '--now', scope.service)
    try:
        check = check_of(cli.document('setup', status=1), 'service')
    finally:
        scope.systemctl('unmask', '--runtime', scope.service)
    assert check['remedy'] == 'check the status of the service'


def test_setup_takes_no_arguments(cli):
    assert "'setup' takes no arguments" in cli.refused('setup', 'now')
