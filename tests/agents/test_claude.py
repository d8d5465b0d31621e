# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: 2026 The Codex Jobs authors
"""The plugin in the real Claude Code: what is installed is taken, what it runs without a question and what not, and
how the result of a job comes back, in each way that the client has."""

import json
import os
import re

import pytest

from claude import MARKET
from messages import bash, call, say, script

pytestmark = pytest.mark.usefixtures('claude_program')

ANSWER = 'The work is done.'
COMMANDS = ['status', 'result', 'cancel', 'setup', 'await', 'rescue x', 'review', 'adversarial-review']
TASK = "codex-jobs task --background --await - <<'PROMPT'\nFind it. Don't stop.\nPROMPT"


def refused(claude):
    """What the client did not run without a question, which nobody answers in print mode."""
    return [denial['tool_input'].get('command') for denial in claude.denials]


def play(claude, prompt, *steps, options=(), **more):
    """A conversation in print mode and in the default mode of permissions; the results of its tools."""
    claude.model.does(*steps, say('done'))
    end = claude.print(prompt, *options, **more)
    claude.denials = end['permission_denials']
    return claude.model.turns[-1].results


# --- what is installed ----------------------------------------------------------------------------

def test_plugin_is_valid(claude):
    for path in (MARKET, f'{MARKET}/claude-code'):
        assert 'Validation passed' in claude.run('plugin', 'validate', '--strict', path).stdout


def test_plugin_is_listed(claude):
    assert 'codex-jobs@codex-jobs' in claude.run('plugin', 'list').stdout


# --- what runs without a question -----------------------------------------------------------------

@pytest.mark.parametrize('command', COMMANDS)
def test_command_allows_no_verb_that_runs_what_it_is_given(claude, command):
    """While a command of ours is in force, a job of anything else is for the user to allow."""
    escapes = ['codex-jobs run -- sh -c "touch escaped"', 'codex-jobs enqueue -- touch escaped',
               'codex-jobs retry job-0123456789', 'codex-jobs --user run -- touch escaped']
    results = play(claude, f'/codex-jobs:{command}', *map(bash, escapes))
    assert [error for _, error in results] == [True] * len(escapes), results
    assert refused(claude) == escapes
    assert not os.path.exists(f'{claude.home.project}/escaped')


@pytest.mark.parametrize(('command', 'line'), [
    ('rescue find it', TASK), ('review', 'codex-jobs review --background --await'),
    ('review --base HEAD', 'codex-jobs review --background --await --base HEAD'),
    ('adversarial-review', "codex-jobs adversarial-review --background --await 'what if it isn'\\''t'")])
def test_command_runs_its_line_without_a_question(claude, command, line):
    (text, error), = play(claude, f'/codex-jobs:{command}', bash(line, timeout=600000))
    assert not error and (ANSWER in text or 'Writes are lost' in text), text
    assert claude.denials == []


def test_commands_that_only_look_cost_one_request(claude, alice):
    job = claude.home.shell('codex-jobs enqueue --quiet -- sh -c "echo printed; exit 3"').strip()
    alice.wait(job)
    for command, words in {'status': [job, 'exit 3'], f'status {job}': [job, 'exit code 3'],
                           f'result {job}': ['printed', 'failed: exit code 3'],
                           f'cancel {job}': [job, 'exit code 3'], 'setup': ['codex-cli', 'adapter']}.items():
        assert play(claude, f'/codex-jobs:{command}') == []
        turn, = claude.model.turns
        for word in words:
            assert word in turn.last, (command, turn.last[:3000])


def test_what_a_job_prints_reads_no_file(claude, alice):
    """The client puts a file into a command that is named in it behind an @, without a question."""
    claude.home.write('project/secret', 'Nobody asked for this.')
    names = '@secret @"secret" (@secret @./secret ,@secret'
    enqueued = claude.home.run('codex-jobs', 'enqueue', '--quiet', '--label', names, '--', 'echo', f'x\n{names}')
    job = enqueued.stdout.strip()
    alice.wait(job)
    for prompt in (f'result {job}', 'status', f'status {job}', f'cancel {job}'):
        assert play(claude, f'/codex-jobs:{prompt}') == []
        turn, = claude.model.turns
        assert job in turn.last and 'Nobody asked' not in turn.text, prompt


WORDS = ['$(touch escaped)', '; touch escaped', "x'", '`touch escaped`', '| tee escaped', '&& touch escaped',
         '> escaped', '"; touch escaped; "', '\n touch escaped']


def test_words_behind_a_command_are_no_shell(claude):
    for command, words in [('status', words) for words in WORDS] + [('result', WORDS[0]), ('cancel', WORDS[1])]:
        claude.model.does(say('done'))
        claude.run('--print', stdin=f'/codex-jobs:{command} {words}', status=None)
        assert not os.path.exists(f'{claude.home.project}/escaped'), words


LOOKS = ['await', 'await --any JOB JOB --timeout-ms 5000', 'status', 'status --all --json', 'result JOB', 'show JOB',
         'list --since 2h', 'logs --tail 5 JOB', 'setup']
ASKS = ['run -- true', 'enqueue -- true', 'task do', 'cancel JOB', 'remove JOB', 'pause', 'retry JOB', 'inbox --ack',
        '--user status', 'status; touch escaped', 'status $(touch escaped)', 'status & touch escaped',
        'status >escaped', 'status\ntouch escaped', 'status `touch escaped`', 'statusx',
        'status # "command":"codex-jobs status"']


def test_what_only_looks_or_waits_runs_without_a_question(claude, alice):
    """Without a command of ours in force, by the hook."""
    job = claude.home.shell('codex-jobs enqueue --quiet -- true').strip()
    alice.wait(job)
    lines = [f'codex-jobs {line}'.replace('JOB', job) for line in LOOKS]
    assert len(play(claude, 'look', *map(bash, lines))) == len(LOOKS)
    assert claude.denials == []


def test_all_else_asks(claude):
    lines = [f'codex-jobs {line}'.replace('JOB', 'job-0123456789') for line in ASKS]
    lines += ['X=1 codex-jobs status', './codex-jobs status', 'codex-jobs-x status']
    play(claude, 'look', *map(bash, lines))
    assert refused(claude) == lines
    assert not os.path.exists(f'{claude.home.project}/escaped')


# --- the hook of a session ------------------------------------------------------------------------

def test_first_request_has_what_ended_and_commands_have_the_session(claude, alice):
    job = claude.home.shell('codex-jobs enqueue --quiet --label "the good one" -- true').strip()
    alice.wait(job)
    options = ('--allowedTools', 'Bash(codex-jobs enqueue:*)')
    (text, _), = play(claude, 'hello', bash('codex-jobs enqueue --quiet -- true'), options=options)
    assert f'- {job} completed' in claude.model.turns[0].text
    alice.wait(text.strip())
    session = alice.get(text.strip())['Session']
    assert re.fullmatch(r'[0-9a-f-]{36}', session)
    assert play(claude, 'again') == [] and job not in claude.model.turns[0].text


# --- print mode and subagents ---------------------------------------------------------------------

def test_print_mode_waits_in_the_foreground(claude):
    """There the background ends with the turn, and the result would be lost."""
    background, foreground = play(claude, '/codex-jobs:rescue find it', bash(TASK, run_in_background=True),
                                  bash(TASK.replace('--await', '--await --timeout-ms 540000'), timeout=600000))
    assert 'Run it in the foreground' in claude.model.turns[0].text.replace('\n', ' ')
    assert 'in the background' not in claude.model.turns[0].last.split('<request>')[1]
    assert background[1] and '--timeout-ms 540000' in background[0]
    assert not foreground[1] and ANSWER in foreground[0]
    assert len(claude.home.calls()) == 1


def test_print_mode_ends_with_the_answer_of_codex(claude):
    claude.model.does(bash(TASK, timeout=600000), lambda turn: say(turn.results[-1][0]))
    assert ANSWER in claude.print('/codex-jobs:rescue find it')['result']


def delegating(*inner):
    """A model that hands a request to the rescue agent, and says at the end what came of it."""
    outer, inner = script(call('Agent', description='Hand over', prompt='Find it.', subagent_type='codex-jobs:codex-rescue')), script(
        *inner, lambda turn: say(turn.results[-1][0]))

    def play_both(turn):
        if is_inner(turn):
            return inner(turn)
        return outer(turn) if not turn.calls else say(f'This came of it: {turn.last}')

    return play_both


def is_inner(turn):
    return 'You hand a request to Codex' in turn.system


def test_subagent_waits_in_the_foreground(claude):
    claude.model.does()
    claude.model.play = delegating(bash(TASK, run_in_background=True), bash(TASK, timeout=600000))
    end = claude.print('use the rescue agent', '--allowedTools', 'Bash(codex-jobs task:*)', 'Agent')
    assert ANSWER in end['result'], end
    inner = [turn for turn in claude.model.turns if is_inner(turn)]
    assert 'run_in_background: true' not in inner[0].system + inner[0].text
    background, foreground = inner[-1].results
    assert background[1] and '--timeout-ms 540000' in background[0]
    assert not foreground[1] and ANSWER in foreground[0]
    assert len(claude.home.calls()) == 1


def test_wait_that_the_client_cuts_short_goes_on(claude):
    """The limit of the client moves the command to the background, which ends with the turn: the job keeps running."""
    gate = f'{claude.home.project}/gate'
    claude.home.shell('mkfifo gate')

    def look(turn):
        return call('Read', file_path=re.search(r'/\S+\.output', turn.results[-1][0])[0])

    def wait_on(turn):
        job = re.search(r'codex-jobs await (\S+)', turn.results[-1][0])[1]
        with open(gate, 'wb'):
            return bash(f'codex-jobs await {job}', timeout=600000)

    cut, seen, waited = play(claude, '/codex-jobs:rescue find it', bash(TASK.replace('Find it', 'fake:gate'), timeout=1500),
                             look, wait_on, FAKE_CODEX_GATE=gate)
    assert ANSWER not in cut[0] + seen[0] and ANSWER in waited[0], (cut, seen, waited)
    assert len(claude.home.calls()) == 1


# --- the review gate ------------------------------------------------------------------------------

def test_review_gate_hands_findings_to_the_model(claude):
    claude.model.does(say('I am done.'), say('Now I am.'))
    claude.print('hello', CODEX_JOBS_REVIEW_GATE='1', FAKE_CODEX='findings')
    first, second = claude.model.turns
    assert '[critical] Writes are lost' in second.last and 'Writes are lost' not in first.text
    claude.model.does(say('I am done.'))
    claude.print('hello')
    assert len(claude.model.turns) == 1


# --- the server of MCP ------------------------------------------------------------------------------

SERVER = json.dumps({'mcpServers': {'jobs': {'command': 'codex-jobs', 'args': ['mcp']}}})


@pytest.mark.long
def test_server_of_mcp(claude, alice):
    """The model gets what it needs to continue from the structure of a result, and the result of a job that failed."""
    gate = f'{claude.home.project}/gate'
    claude.home.shell('mkfifo gate')

    def await_it(turn):
        job = re.search(r'"id":"(job-\w+)"', turn.results[-1][0])[1]
        with open(gate, 'wb'):
            return [call('mcp__jobs__await', ids=[job])]

    run = call('mcp__jobs__run', command=['sh', '-c', 'read _ <gate; echo built; exit 7'], wait_ms=0)
    results = play(claude, 'Build it.', run, await_it, options=('--mcp-config', SERVER, '--allowedTools',
                                                              'mcp__jobs__run,mcp__jobs__await'))
    job, = alice.list_ids()
    assert [error for _, error in results] == [False, False], results
    assert '"done":false' in results[0][0] and job in results[0][0]
    assert '"exit_code":7' in results[1][0] and 'built' in results[1][0]


def test_server_of_the_plugin(claude, alice):
    """It is started with the plugin, in the session and the directory; its tools that only look run without a question."""
    tools = 'mcp__plugin_codex-jobs_jobs__'
    assert 'plugin:codex-jobs:jobs: codex-jobs mcp - ✔ Connected' in claude.run('mcp', 'list').stdout
    results = play(claude, 'Build it.', call(f'{tools}run', command=['touch', 'escaped']), call(f'{tools}list'))
    assert [denial['tool_name'] for denial in claude.denials] == [f'{tools}run']
    assert [error for _, error in results] == [True, False] and alice.list_ids() == []
    play(claude, 'Build it.', call(f'{tools}run', command=['true']), options=('--allowedTools', f'{tools}run'))
    job, = alice.list_ids()
    assert alice.get(job)['Directory'] == claude.home.project
    assert re.fullmatch(r'[0-9a-f-]{36}', alice.get(job)['Session'])


def test_setup_knows_of_entries(claude):
    """As the client writes them."""
    def line():
        return re.search(r'^\S+ +mcp: (.*)$', claude.home.shell('codex-jobs setup'), re.M)[1]

    assert line() == 'used by Claude Code (plugin); to add: codex mcp add jobs -- codex-jobs mcp'
    try:
        for scope, command in {'user': 'codex-jobs', 'local': '/usr/bin/codex-jobs', 'project': 'codex-jobs'}.items():
            claude.run('mcp', 'add', '--scope', scope, f'of-{scope}', '--', command, 'mcp')
            assert f'Claude Code (of-{scope})' in line()
        claude.run('mcp', 'add', 'wrong', '--', '/nowhere/codex-jobs', 'mcp')
        assert line().startswith("entry 'wrong' of Claude Code: /nowhere/codex-jobs not found")
    finally:
        claude.configure()
        claude.install()
