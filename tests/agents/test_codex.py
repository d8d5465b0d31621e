# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: 2026 The Codex Jobs authors
"""The real Codex CLI as the caller: in its default sandbox, with our rules, our plugin, and a thread that is told."""

import json
import os
import re
import sys

import pytest

from claude import MARKET, SOURCE, Home
from codex import Codex

sys.path.append(f'{SOURCE}/tests/codex')
from codexsupport import Server  # pylint: disable=wrong-import-position

ANSWER = 'The work is done.'
VERBS = ['task', 'review', 'adversarial-review', 'await', 'status', 'result', 'list', 'show', 'logs', 'inbox', 'setup']


@pytest.fixture(scope='module')
def place(codex_program, folder):
    """A home with Codex and the rules in it, and its model."""
    home = Home(folder, None)
    os.mkdir(f'{home.path}/.codex')
    with Server('--config', f'{home.path}/.codex') as server:
        codex = Codex(codex_program, home, server)
        codex.install_rules()
        yield codex


@pytest.fixture
def codex(place, alice):
    place.server.ask('DELETE', '/requests')
    yield place
    place.home.clean()


def decision(codex, *words):
    done = codex.run('execpolicy', 'check', '--rules', f'{MARKET}/codex-jobs.rules', '--', *words)
    return json.loads(done.stdout).get('decision')


def test_rules_are_valid_and_allow_what_they_should(codex):
    for verb in VERBS:
        assert decision(codex, 'codex-jobs', verb, 'x') == 'allow'
    for verb in ('run', 'enqueue', 'retry', 'cancel', 'remove', '--user', '-q'):
        assert decision(codex, 'codex-jobs', verb, 'x') is None


def test_sandbox_lets_out_what_the_rules_allow_and_nothing_else(codex):
    status, text, _ = codex.command('codex-jobs status')
    assert status == 0 and '--all' in text
    for line in ('codex-jobs run -- touch escaped', 'codex-jobs status; codex-jobs run -- touch escaped',
                 'codex-jobs status | tee escaped', 'codex-jobs status >escaped', 'X=1 codex-jobs status',
                 'codex-jobs task "$(touch escaped)"'):
        status, text, _ = codex.command(line)
        assert status != 0 and re.search('access denied|Operation not permitted|Read-only file system', text), (line, text)
        assert not os.path.exists(f'{codex.home.project}/escaped')


def test_task_in_the_session_of_the_thread(codex, alice):
    status, text, thread = codex.command("codex-jobs task --background --await 'Find out why the parser test fails.'")
    job, = alice.list_ids(Kind='task')
    assert status == 0 and ANSWER in text
    assert alice.get(job)['Session'] == thread
    assert f'codex-jobs: {job} completed' in text
    assert len(codex.home.calls()) == 1
    assert codex.command('codex-jobs result')[0] == 125, 'of another session'
    assert codex.command('codex-jobs inbox --ack --here')[1].startswith(f'{job} completed')
    assert job not in codex.command('codex-jobs inbox --ack --here')[1]


def test_environment_is_not_changed_by_an_option(codex):
    """What is loaded into the adapter would run outside of the sandbox."""
    status, text, _ = codex.command("codex-jobs task -E LD_PRELOAD=/tmp/x.so 'Find it.'")
    assert status == 125 and '--env' in text and codex.home.calls() == []


def test_wait_that_was_over_is_waited_on(codex):
    codex.home.shell('mkfifo gate')
    gate = f'{codex.home.project}/gate'
    text = "codex-jobs task --background --await --timeout-ms 1 'fake:gate Find it.'"
    status, told, _ = codex.command(text, FAKE_CODEX_GATE=gate)
    assert status == 124
    job = re.search(r'codex-jobs await (task-\w+)', told)[1]
    with open(gate, 'wb'):
        pass
    status, told, _ = codex.command(f'codex-jobs await {job}')
    assert (status, ANSWER in told) == (0, True)


def test_plugin_is_installed_and_its_skill_offered(codex):
    codex.run('plugin', 'marketplace', 'add', MARKET)
    codex.run('plugin', 'add', 'codex-jobs@codex-jobs')
    assert re.search(r'codex-jobs@codex-jobs +installed, enabled', codex.run('plugin', 'list').stdout)
    codex.exec('scenario:answer')
    request, = codex.server.requests('full=1')
    assert 'codex-jobs:codex-jobs: How to hand work to Codex' in json.dumps(request)
    assert re.search(r' mcp: used by Codex \(jobs\)', told_by_setup(codex)), 'the plugin has the server'
    codex.exec('scenario:tools\ncall: mcp__jobs list {"limit": 1}')
    assert '"done":true' in codex.server.requests()[-1]['outputs'][-1]
    codex.run('plugin', 'remove', 'codex-jobs@codex-jobs')


def told_by_setup(codex):
    return codex.home.shell('codex-jobs setup', CODEX_JOBS_CODEX=codex.program)


def test_setup_knows_of_entries(codex):
    """As the client writes them."""
    assert 'codex mcp add jobs -- codex-jobs mcp' in told_by_setup(codex)
    codex.run('mcp', 'add', 'work', '--', 'codex-jobs', 'mcp', '--wait', '10m')
    try:
        assert "entry 'work' of Codex: --wait is 10min, but Codex gives up after 5min" in told_by_setup(codex)
        codex.run('mcp', 'add', 'work', '--', 'codex-jobs', 'mcp', '--wait', '4m')
        assert ' mcp: used by Codex (work)' in told_by_setup(codex)
    finally:
        codex.run('mcp', 'remove', 'work')


def test_thread_is_told_of_the_end(codex, alice):
    """By the real Codex that the job is told to use; the work itself is done by the same, in another thread."""
    thread = codex.exec('scenario:answer')[0]['thread_id']
    codex.home.shell(f"codex-jobs task --background --notify-thread={thread} 'scenario:answer Find it.'",
                     CODEX_JOBS_CODEX=codex.program)
    watcher, = alice.list_ids(Kind='notify-thread')
    job, = alice.list_ids(Kind='task')
    alice.wait(watcher)
    assert alice.get(watcher)['State'] == 'completed', codex.home.shell(f'codex-jobs logs {watcher}')
    codex.server.ask('DELETE', '/requests')
    codex.exec('scenario:answer And now?', 'resume', thread)
    assert f'codex-jobs: job {job} has finished with exit status 0' in json.dumps(codex.server.requests('full=1'))


# As it is installed with "codex mcp add", but for the limits of time, and with the consent of the user.
SERVER = ['-c', 'mcp_servers.jobs.command="codex-jobs"', '-c', 'mcp_servers.jobs.args=["mcp", "--wait", "2s"]',
          '-c', 'mcp_servers.jobs.tool_timeout_sec=4', '-c', 'mcp_servers.jobs.default_tools_approval_mode="approve"']


def test_server_of_mcp(codex, alice):
    """A job does not end while Codex waits for a tool: each call is answered before, and the last has the end."""
    gate = f'{codex.home.project}/gate'
    codex.home.shell('mkfifo gate')
    calls = [('run', {'command': ['sh', '-c', f'read _ <{gate}; echo built; exit 7']}),
             ('run', {'command': ['sh', '-c', f': >{gate}']}), ('list', {'limit': 2}),
             ('await', {'ids': ['$ID']}), ('await', {'ids': ['$ID']})]
    codex.exec('scenario:tools\n' + '\n'.join(f'call: mcp__jobs {name} {json.dumps(arguments)}'
                                              for name, arguments in calls), *SERVER)
    outputs = codex.server.requests()[-1]['outputs']
    job = alice.list_ids()[-1]
    assert '"done":false' in outputs[0] and f'await {{\\"ids\\":[\\"{job}\\"]}}' in outputs[0], outputs
    assert job in outputs[2], outputs
    assert '"done":true' in outputs[-1] and '"exit_code":7' in outputs[-1] and 'built' in outputs[-1], outputs
    assert 'timed out' not in ''.join(outputs)


def test_costs_of_a_task(codex, capsys):
    codex.command("codex-jobs task --background --await 'Find it.'")
    requests = codex.server.requests('full=1')
    with capsys.disabled():
        print(f'\nCodex: {len(requests)} requests, {sum(len(json.dumps(each["body"])) for each in requests) // 1024} KiB')
    assert len(requests) == 2
