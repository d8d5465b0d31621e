# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: 2026 The Codex Jobs authors
"""codex-jobs mcp and clients that do anything: lines that are no messages, ids that are none, requests that are cancelled,
pipes that are closed; and that a job outlives all of it."""

import json
import os
import select
import subprocess

import pytest
from mcpsupport import LEGACY, MODERN, Failed, each_era, each_signal, servers  # noqa: F401
from support import PATIENCE

# pylint: disable=redefined-outer-name

PING = {'jsonrpc': '2.0', 'method': 'ping'}
TOO_LARGE = (-32600, -32700)  # a number that json-c itself refuses from version 0.18 on


@pytest.mark.parametrize('line, code', [
    (b'nonsense', -32700), (b'{', -32700), (b'{"jsonrpc":"2.0","id":1,"method":"ping"', -32700),
    (b'{"jsonrpc":"2.0","id":7,"method":"ping"} {}', -32700), (b"{'jsonrpc':'2.0'}", -32700), (b'"text"', -32700),
    (b'null', -32700), (b'{"jsonrpc":"2.0","id":7,"method":"\xff"}', -32700), (b'\xef\xbb\xbf{}', -32700),
    (b'{"jsonrpc":"2.0","id":NaN,"method":"ping"}', -32700), (b'{"id":7/*x*/}', -32700), (b'\0', -32700),
    (b'{"a":' * 40 + b'1' + b'}' * 40, -32700), (b'{"a":' + b'[' * 40 + b']' * 40 + b'}', -32700),
    (b'{"jsonrpc":"2.0","id":99999999999999999999999,"method":"ping"}', TOO_LARGE),
    (b'{"jsonrpc":"2.0","id":-99999999999999999999999,"method":"ping"}', TOO_LARGE),
    (b'[{"jsonrpc":"2.0","id":7,"method":"ping"}]', -32600), (b'[]', -32600), (b'[', -32600),
    (b'{}', -32600), (b'{"jsonrpc":"1.0","method":"ping"}', -32600), (b'{"jsonrpc":2.0,"method":"ping"}', -32600),
    (b'{"jsonrpc":"2.0","method":7}', -32600), (b'{"jsonrpc":"2.0","id":null,"method":"ping"}', -32600),
    (b'{"jsonrpc":"2.0","id":1.5,"method":"ping"}', -32600), (b'{"jsonrpc":"2.0","id":true,"method":"ping"}', -32600),
    (b'{"jsonrpc":"2.0","id":{},"method":"ping"}', -32600), (b'{"jsonrpc":"2.0","id":[1],"method":"ping"}', -32600),
    (b'{"jsonrpc":"2.0","id":"' + b'x' * 257 + b'","method":"ping"}', -32600),
])
def test_line_that_is_no_request(servers, line, code):
    server = servers.start(version=LEGACY)
    server.write(line + b'\n')
    assert server.malformed() in (code if isinstance(code, tuple) else (code,))
    assert server.call('ping') == {}


def test_line_that_is_too_long(servers):
    server = servers.start(version=LEGACY)
    for line in ('x' * 5000000, json.dumps({**PING, 'id': 7, 'params': {'x': 'x' * 4194304}})):
        server.write(line + '\n')
        assert server.malformed() == -32600
    number = server.send('ping', x='x' * 4190000)
    assert server.answer(number) == {}


@pytest.mark.parametrize('line', [
    b'', b'  \t', b'\r', b'{"jsonrpc":"2.0","method":"notifications/unknown"}', b'{"jsonrpc":"2.0","id":7,"result":{}}',
    b'{"jsonrpc":"2.0","id":7,"error":{"code":1,"message":"x"}}', b'{"jsonrpc":"2.0","method":"notifications/cancelled"}',
    b'{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":77}}',
    b'{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":{}}}',
    b'{"jsonrpc":"2.0","method":"tools/call","params":{"name":"run","arguments":{"command":["true"]}}}'])
def test_line_that_is_ignored(servers, jobs, line):
    before = jobs.list_ids()
    server = servers.start(version=LEGACY)
    server.write(line + b'\n')
    assert server.call('ping') == {} and not server.notifications and not server.answers
    assert jobs.list_ids() == before


def test_ids_come_back_as_they_are(servers):
    server = servers.start(version=LEGACY)
    for number in (0, -1, 2**63 - 2, -2**63 + 1, '', 'ö😀"\\\n\u202e', 'x' * 256, '7', '1.5'):
        server.asked[number] = ('ping', {})
        server.send_message({**PING, 'id': number})
        assert server.answer(number) == {}
    server.write('{"jsonrpc":"2.0","id":1.0,"method":"ping"}\n')
    assert server.malformed() == -32600


def test_params_that_are_no_object(servers):
    server = servers.start(version=LEGACY)
    for params in ([], 'x', 7, None, True):
        server.send_message({**PING, 'id': 'a', 'params': params})
        with pytest.raises(Failed) as failed:
            server.answer('a')
        assert failed.value.code == -32602
    for token in (None, {}, 1.5, ['x']):
        server.asked['a'] = ('ping', {})
        server.send_message({**PING, 'id': 'a', 'params': {'_meta': {'progressToken': token}}})
        assert server.answer('a') == {}


def test_lines_in_pieces(servers):
    server = servers.start(version=LEGACY)
    server.asked.update({i: ('ping', {}) for i in range(100, 140)})
    text = ''.join(json.dumps({**PING, 'id': i}) + ('\r\n' if i % 2 else '\n') for i in range(100, 140))
    for i in range(0, len(text), 7):
        server.write(text[i:i + 7])
    for i in range(100, 140):
        assert server.answer(i) == {}


# --- many requests ----------------------------------------------------------------------------


def test_id_in_use(servers, jobs):
    job = jobs.enqueue(['sleep', '1000'])
    server = servers.start(version=LEGACY)
    number = server.send_tool('await', ids=[job])
    server.send_message({**PING, 'id': number})
    assert server.malformed() == -32600
    jobs.cancel(job)
    assert server.answer(number)['structuredContent']['jobs'][0]['state'] == 'cancelled'
    server.asked[number] = ('ping', {})
    server.send_message({**PING, 'id': number}) # it is free again
    assert server.answer(number) == {}


@each_era
def test_more_requests_than_are_allowed(servers, jobs, gate, version):
    job = jobs.enqueue(gate.job())
    gate.wait()
    server = servers.start(version=version)
    waits = [server.send_tool('await', ids=[job]) for _ in range(64)]
    with pytest.raises(Failed) as failed:
        server.answer(server.send_tool('await', ids=[job]))
    assert failed.value.code == -32603 and '64' in failed.value.message
    server.notify('notifications/cancelled', requestId=waits.pop())
    assert server.is_alive()
    gate.open()
    for number in waits:
        assert server.answer(number)['structuredContent']['done']


def test_more_jobs_than_can_be_watched(servers, jobs):
    job = jobs.enqueue(['sleep', '1000'])
    server = servers.start()
    waits = [server.send_tool('await', ids=[job] * 64) for _ in range(16)]
    assert 'already waits for 1024 jobs' in server.refusal('await', ids=[job])
    assert 'was started, but cannot be waited for now' in server.refusal('run', command=['true'])
    with pytest.raises(Failed) as failed:
        server.call('subscriptions/listen', notifications={'resourceSubscriptions': [f'job://{job}/record']})
    assert failed.value.code == -32603 and '1024 jobs' in failed.value.message
    jobs.cancel(job)
    for number in waits:
        assert len(server.answer(number)['structuredContent']['jobs']) == 64
    assert server.tool('await', ids=[job])['done']


# --- cancelling --------------------------------------------------------------------------------


@each_era
def test_cancelled_request(servers, jobs, gate, version):
    server = servers.start(version=version)
    number = server.send_tool('run', command=gate.job(then='echo done'), meta={'progressToken': 'p'})
    gate.wait()
    server.notify('notifications/cancelled', requestId=number, reason='enough')
    server.notify('notifications/cancelled', requestId=number)
    assert server.is_alive()
    (job,) = jobs.list_ids(State=['running'])
    gate.open()
    jobs.wait(job)
    assert server.is_alive() and number not in server.answers and not server.notifications
    assert jobs.get(job)['State'] == 'completed'


def test_cancelled_at_once(servers, jobs):
    """Wherever it is at that moment, the job is there or not, and the server goes on."""
    server = servers.start(version=LEGACY)
    for _ in range(50):
        number = server.send_tool('run', command=['true'])
        server.notify('notifications/cancelled', requestId=number)
        server.answers.pop(number, None)
    assert server.is_alive()
    assert server.end() == (0, '') # what it has sent to the service comes before the list
    for job in jobs.list_ids(State=['queued', 'running'], Limit=1000):
        jobs.wait(job)


# --- progress -----------------------------------------------------------------------------------


@each_era
def test_progress(servers, jobs, gate, version):
    server = servers.start(version=version)
    number = server.send_tool('run', command=gate.job(before='systemd-notify --status=halfway'), meta={'progressToken': 7})
    gate.wait()
    told = server.notification('notifications/progress')
    while 'halfway' not in told.get('message', ''):
        later = server.notification('notifications/progress')
        assert later['progressToken'] == 7 and later['progress'] > told['progress']
        told = later
    gate.open()
    assert server.answer(number)['structuredContent']['done']
    assert server.is_alive() and not server.notifications


# --- the end -------------------------------------------------------------------------------------


def goes_on(jobs, gate):
    (job,) = jobs.list_ids(State=['running'])
    gate.open()
    jobs.wait(job)
    return jobs.get(job)['State'] == 'completed'


@each_era
def test_end_of_input(servers, jobs, gate, version):
    server = servers.start(version=version)
    server.send_tool('run', command=gate.job())
    gate.wait()
    assert server.end() == (0, '')
    assert goes_on(jobs, gate)


@each_signal
def test_signal(servers, jobs, gate, number):
    server = servers.start()
    server.send_tool('run', command=gate.job())
    gate.wait()
    server.signal(number)
    assert server.process.wait(PATIENCE) == 0
    assert goes_on(jobs, gate)


def test_half_a_line_at_the_end(servers, jobs):
    before = jobs.list_ids()
    server = servers.start(version=LEGACY)
    server.write('{"jsonrpc":"2.0","id":9,"method":"tools/call","params":{"name":"run","arguments":{"command":["true"]}}}')
    assert server.end() == (0, '')
    assert jobs.list_ids() == before


def test_reader_goes_away(servers, jobs, gate):
    server = servers.start()
    server.send_tool('run', command=gate.job())
    gate.wait()
    server.process.stdout.close()
    assert server.process.wait(PATIENCE) == 0
    assert goes_on(jobs, gate)


def test_reader_that_does_not_read(servers):
    """The server does not read on, and so needs no more memory."""
    server = servers.start(version=LEGACY)
    os.set_blocking(server.process.stdin.fileno(), False)
    line = (json.dumps({'jsonrpc': '2.0', 'id': 0, 'method': 'tools/list'}) + '\n').encode()
    sent = 0
    while select.select([], [server.process.stdin.fileno()], [], 2)[1] and sent < 50000000:
        sent += os.write(server.process.stdin.fileno(), line)
    assert sent < 5000000
    with open(f'/proc/{server.process.pid}/status', encoding='ascii') as status:
        memory = next(int(entry.split()[1]) for entry in status if entry.startswith('VmRSS'))
    # The address sanitizer keeps what is freed.
    assert memory < 40000 or 'ASAN_OPTIONS' in os.environ


def test_reader_that_does_not_read_what_it_asked_for(servers, jobs):
    """All of it was asked for before the server stopped reading: it ends, and the jobs do not."""
    job = jobs.enqueue(['sh', '-c', 'yes \'""""""""\' | head -c 65536'])
    jobs.wait(job)
    running = jobs.enqueue(['sleep', '1000'])
    server = servers.start(version=LEGACY)
    call = {'name': 'await', 'arguments': {'ids': [job] * 4, 'max_bytes': 65536}}
    server.write(''.join(json.dumps({'jsonrpc': '2.0', 'id': number, 'method': 'tools/call', 'params': call}) + '\n'
                         for number in range(100, 160)))
    assert server.process.wait(PATIENCE) == 125
    assert server.process.stderr.read() == b'codex-jobs: The client does not read: 16 MiB wait for it.\n'
    assert jobs.get(running)['State'] == 'running'
    jobs.cancel(running)


def test_stdout_is_for_messages_alone(servers):
    server = servers.start(version=MODERN)
    assert server.is_alive()
    descriptors = {number: os.readlink(f'/proc/{server.process.pid}/fd/{number}') for number in (1, 2)}
    assert descriptors[1] == descriptors[2]


def test_input_that_is_a_file(servers, folder):
    with open(f'{folder}/in', 'w', encoding='utf-8') as file:
        file.write(json.dumps({**PING, 'id': 5}) + '\n')
    servers.cli.as_alice('sh', '-c', f'CODEX_JOBS_SCOPE={servers.cli.scope.name} codex-jobs mcp <{folder}/in >{folder}/out')
    with open(f'{folder}/out', encoding='utf-8') as file:
        assert json.load(file) == {'jsonrpc': '2.0', 'id': 5, 'result': {}}


@pytest.mark.parametrize('redirection, told', [
    ('>/dev/full', 'Failed to write to standard output: No space left on device'),
    ('>&-', 'Failed to write to standard output: Bad file descriptor'),
    ('1</dev/null', 'Failed to write to standard output: Bad file descriptor'),
    ('</', 'Failed to read from standard input: Is a directory'),
    ('0>/dev/null', 'Failed to read from standard input: Bad file descriptor')])
def test_streams_that_do_not_work(servers, redirection, told):
    done = subprocess.run([*servers.cli.command()[:-1], 'sh', '-c', f'codex-jobs mcp {redirection}'], capture_output=True,
                          input=json.dumps({**PING, 'id': 5}) + '\n', text=True, check=False, timeout=PATIENCE)
    assert (done.returncode, done.stdout, done.stderr) == (125, '', f'codex-jobs: {told}.\n')


def test_command_line(servers):
    cli = servers.cli
    assert 'at least 1s' in cli.refused('mcp', '--wait', '0')
    assert "'mcp' takes no arguments" in cli.refused('mcp', 'x')
    assert cli.refused('mcp', '--json')
