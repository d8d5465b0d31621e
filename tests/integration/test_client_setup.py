# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: 2026 The Codex Jobs authors
"""setup finds what is wrong, and says how to fix it."""

import json
import os
import socket

import pytest
from clientsupport import cli, codex  # noqa: F401
from lacksupport import RESOURCES, WORDS, lack
from test_field_host import elsewhere

# pylint: disable=redefined-outer-name

ALL = ['systemd', 'service', 'build', 'units', 'runtime', 'linger', 'bus', 'disk', 'locale', 'queue', 'job', 'adapter',
       'codex', 'login', 'mcp']
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


# --- clients of MCP -----------------------------------------------------------------------------------

HINT = 'claude mcp add jobs -- codex-jobs mcp'


def server(*arguments, command='codex-jobs'):
    return {'mcpServers': {'jobs': {'command': command, 'args': ['mcp', *arguments]}}}


def mcp_check(cli, status, file=None, document=None):
    """The check of MCP clients, with this document in a file of the home, or of the current directory."""
    cli.environment['HOME'] = cli.folder
    if file:
        with open(f'{cli.folder}/{file}', 'w', encoding='utf-8') as out:
            json.dump(document, out)
    check = check_of(cli.document('setup'), 'mcp')
    assert check['status'] == status
    return check['text']


def test_mcp_clients_without_an_entry(cli, codex):
    assert mcp_check(cli, 'ok') == 'no client has an entry; to add: codex mcp add jobs -- codex-jobs mcp'
    os.symlink('/bin/true', f'{cli.folder}/bin/claude')
    assert mcp_check(cli, 'ok') == f'no client has an entry; to add: {HINT}, codex mcp add jobs -- codex-jobs mcp'


def test_mcp_clients_with_entries(cli, codex):
    transport = {'type': 'stdio', 'command': '/usr/bin/codex-jobs', 'args': ['mcp']}
    listed = {'name': 'work', 'enabled': True, 'transport': transport, 'tool_timeout_sec': None}
    cli.environment['FAKE_CODEX_MCP'] = json.dumps([listed])
    os.symlink('/bin/true', f'{cli.folder}/bin/claude')
    assert mcp_check(cli, 'ok') == f'used by Codex (work); to add: {HINT}'
    assert mcp_check(cli, 'ok', '.claude.json', server()) == 'used by Claude Code (jobs), Codex (work)'
    cli.environment['FAKE_CODEX_MCP'] = json.dumps([listed | {'enabled': False}])
    assert mcp_check(cli, 'ok') == 'used by Claude Code (jobs), Codex (work, disabled)'


@pytest.mark.parametrize('entry, words', [
    (server(command='/nowhere/codex-jobs'), "entry 'jobs' of Claude Code: /nowhere/codex-jobs not found"),
    (server('--wiat', '5m'), "entry 'jobs' of Claude Code: Unknown option '--wiat', did you mean '--wait'?"),
    (server('--wait', '5 parsecs'), "entry 'jobs' of Claude Code: Invalid value '5 parsecs' for --wait"),
    ({'mcpServers': {'x': {'command': 'codex-jobs', 'args': ['mcp', '--wait=2min'], 'timeout': 60000}}},
     "entry 'x' of Claude Code: --wait is 2min, but Claude Code gives up after 1min")])
def test_mcp_entry_that_does_not_work(cli, codex, entry, words):
    assert words in mcp_check(cli, 'warning', '.mcp.json', entry)


def test_mcp_entry_of_codex_with_too_short_a_limit(cli, codex):
    transport = {'type': 'stdio', 'command': 'codex-jobs', 'args': ['mcp', '--wait', '10m']}
    cli.environment['FAKE_CODEX_MCP'] = json.dumps([{'name': 'jobs', 'transport': transport, 'tool_timeout_sec': None}])
    assert '--wait is 10min, but Codex gives up after 5min' in mcp_check(cli, 'warning')
    assert 'set tool_timeout_sec' in cli.output('setup')


def test_mcp_entry_runs_nothing_of_the_directory(cli, codex):
    """A repository of others may have an entry, and a program of our name."""
    program = f'{cli.folder}/codex-jobs'
    with open(program, 'w', encoding='utf-8') as file:
        file.write(f'#!/bin/sh\n: >{cli.folder}/bin/escaped\n')
    os.chmod(program, 0o755)
    mcp_check(cli, 'ok', '.mcp.json', server(command=program))
    mcp_check(cli, 'ok', '.mcp.json', {'mcpServers': {'jobs': {'command': 'codex-jobs', 'args': [
        'run', '--', 'touch', f'{cli.folder}/bin/escaped']}}})
    assert not os.path.exists(f'{cli.folder}/bin/escaped')


def test_mcp_file_that_is_not_understood(cli, codex):
    with open(f'{cli.folder}/.mcp.json', 'w', encoding='utf-8') as file:
        file.write('{')
    assert mcp_check(cli, 'warning') == 'cannot read ./.mcp.json'


def test_a_service_that_cannot_be_reached_is_a_failure(cli):
    bus = '/run/dbus' if cli.scope.is_system else '/run/user'
    command = 'systemctl start dbus.socket' if cli.scope.is_system else 'loginctl enable-linger'
    document = json.loads(elsewhere(cli, f'mount -t tmpfs tmpfs {bus}', 'setup', '--json', status=1).stdout)
    assert not document['ok'] and document['next'][0] == command
    assert 'run codex-jobs outside the sandbox' in check_of(document, 'service')['remedy']
    found = statuses(document)
    assert (found['service'], found['queue'], found['job']) == ('failed', 'skipped', 'skipped')
    lines = elsewhere(cli, f'mount -t tmpfs tmpfs {bus}', 'setup', status=1).stdout.splitlines()
    broken = [line for line in lines if line.startswith('failed')]
    assert 'in a sandbox, request permission to run codex-jobs outside it' in broken[0]
    assert broken and all(('; to fix: ' in line) != ("dbus.socket'" in line or "'codex-jobs --system'" in line)
                          for line in broken)


@pytest.mark.parametrize('address', [
    'nonsense', 'unix:path=/nowhere', 'unix:abstract=nowhere', 'tcp:host=127.0.0.1,port=1', 'unix:path=/dev/null',
    'launchd:env=X', 'unix:path=/nowhere;tcp:host=127.0.0.1'])
def test_an_address_that_leads_nowhere(cli, address):
    """The variable is named, and not what would help if the bus did not run."""
    name = 'DBUS_SYSTEM_BUS_ADDRESS' if cli.scope.is_system else 'DBUS_SESSION_BUS_ADDRESS'
    cli.environment[name] = address
    told = cli.refused('status')
    assert f"Failed to connect to the {cli.scope.name} bus at '{address}': " in told
    assert told.endswith(f'. Correct or unset {name}.\n')
    document = cli.document('setup', status=1)
    assert document['next'][0] == check_of(document, 'service')['command'] == f'unset {name}'
    assert not {'linger', 'dbus.socket'} & {word for step in document['next'] for word in step.split()}


def test_the_usual_address_in_the_variable(cli):
    """As a login sets it: the bus does not run."""
    name, bus = (('DBUS_SYSTEM_BUS_ADDRESS', '/run/dbus/system_bus_socket') if cli.scope.is_system else
                 ('DBUS_SESSION_BUS_ADDRESS', f'/run/user/{cli.scope.uid}/bus'))
    cli.environment[name] = f'unix:path={bus},guid=0123456789abcdef0123456789abcdef'
    told = elsewhere(cli, f'mount -t tmpfs tmpfs {os.path.dirname(bus)}', 'status', status=125).stderr
    assert name not in told and ('systemctl start dbus.socket' if cli.scope.is_system else 'enable lingering') in told


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


# --- jobs that are not started ------------------------------------------------------------------------

def check_held(cli, status, command):
    """The check of the queue; no job was submitted to try what it says."""
    document = cli.document('setup', status=int(status == 'failed'))
    check = check_of(document, 'queue')
    assert (check['status'], check['command']) == (status, command) and command in document['next']
    assert statuses(document)['job'] == 'skipped'
    lines = cli.output('setup', status=int(status == 'failed')).splitlines()
    line = next(line for line in lines if ' queue: ' in line)
    assert line.endswith(f'{check["text"]}; to fix: {check["remedy"]}: {command}')
    return check


def test_a_paused_queue(cli, jobs):
    cli.run('pause')
    try:
        job = jobs.enqueue(['true'])
        check = check_held(cli, 'warning', 'codex-jobs resume')
        assert check['text'] == 'paused, 1 job waiting'
        command = check['command']
        cli.run(*command.split()[1:])
        assert jobs.wait(job).state == 'completed'
    finally:
        cli.run('resume')
    assert statuses(cli.document('setup'))['queue'] == 'ok'


def test_the_limit_of_running_jobs(cli, jobs, settings, gate):
    settings(MaxRunningPerUser=1)
    running = jobs.enqueue(gate.job())
    gate.wait()
    check = check_held(cli, 'warning', 'codex-jobs status --all')
    assert check['text'] == 'limit of 1 running job reached, 0 waiting'
    gate.open()
    assert jobs.wait(running).state == 'completed'


@pytest.mark.parametrize('of', list(WORDS))
def test_what_keeps_all_jobs_from_being_started(cli, jobs, scope, of):
    with lack(scope, of):
        job = jobs.enqueue(['true'])
        assert WORDS[of] in jobs.progress_of(job)
        disk = check_of(cli.document('setup', status=1), 'disk')
        log = 'journalctl -u codex-jobsd' if scope.is_system else 'journalctl --user -u codex-jobsd'
        assert (disk['command'] is None) == (of in RESOURCES)
        assert WORDS[of] in check_held(cli, 'failed', disk['command'] or log)['text']
    assert jobs.wait(job).state == 'completed'
    assert statuses(cli.document('setup'))['queue'] == 'ok'


@pytest.mark.restarts
def test_a_service_that_does_not_start(cli, scope):
    scope.systemctl('mask', '--runtime', '--now', scope.service)
    try:
        check = check_of(cli.document('setup', status=1), 'service')
    finally:
        scope.systemctl('unmask', '--runtime', scope.service)
    assert check['remedy'] == 'unmask the service' and check['command'] in check['text']


def test_setup_takes_no_arguments(cli):
    assert "'setup' takes no arguments" in cli.refused('setup', 'now')
