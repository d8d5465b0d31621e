# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: 2026 The Codex Jobs authors
"""codex-jobs mcp as a client meets it: both eras of the protocol, the tools, and what they say when they cannot."""

import json

import pytest
from clientsupport import FakeCodex
from mcpsupport import LEGACY, MODERN, PREFIX, Failed, each_era, servers  # noqa: F401
from support import shell

# pylint: disable=redefined-outer-name

TOOLS = ['run', 'task', 'await', 'list', 'output', 'cancel']


def only(answer):
    (job,) = answer['jobs']
    return job


def ended(jobs, command):
    job = jobs.enqueue(command)
    jobs.wait(job)
    return job


# --- the eras ------------------------------------------------------------------------------


def test_initialize(servers):
    server = servers.start(version=LEGACY)
    assert server.initialized['protocolVersion'] == LEGACY
    assert server.initialized['serverInfo']['name'] == 'codex-jobs'
    assert server.initialized['capabilities']['tasks'] == {'list': {}, 'cancel': {}, 'requests': {'tools': {'call': {}}}}
    assert 'never run it again' in server.initialized['instructions']
    assert server.call('ping') == {}


@pytest.mark.parametrize('asked, agreed', [
    ('2025-06-18', '2025-06-18'), ('2024-11-05', '2024-11-05'), ('2025-03-26', LEGACY), ('1999-01-01', LEGACY)])
def test_versions_with_a_handshake(servers, asked, agreed):
    server = servers.start(version=asked)
    assert server.initialized['protocolVersion'] == agreed
    assert ('tasks' in server.initialized['capabilities']) == (agreed == LEGACY)
    tools = server.call('tools/list')['tools']
    assert [tool['name'] for tool in tools] == TOOLS
    assert ('execution' in tools[0]) == (agreed == LEGACY) and 'execution' not in tools[2]
    assert only(server.tool('run', command=['true']))['state'] == 'completed'


def test_discover(servers):
    server = servers.start()
    result = server.call('server/discover')
    assert result['supportedVersions'] == [MODERN]
    assert result['capabilities']['extensions'] == {'io.modelcontextprotocol/tasks': {}}


def test_version_that_is_unknown(servers):
    server = servers.start()
    server.send_message({'jsonrpc': '2.0', 'id': 'a', 'method': 'tools/list', 'params': {'_meta': {
        f'{PREFIX}protocolVersion': '2099-01-01', f'{PREFIX}clientCapabilities': {}}}})
    with pytest.raises(Failed) as failed:
        server.answer('a')
    assert failed.value.code == -32022 and failed.value.data == {'supported': [MODERN], 'requested': '2099-01-01'}


@pytest.mark.parametrize('meta', [
    None, {}, {f'{PREFIX}protocolVersion': MODERN}, {f'{PREFIX}protocolVersion': MODERN, f'{PREFIX}clientCapabilities': 1},
    {f'{PREFIX}clientCapabilities': {}}, {f'{PREFIX}protocolVersion': 7, f'{PREFIX}clientCapabilities': {}}])
def test_request_without_what_it_needs(servers, meta):
    server = servers.start()
    for method in ('tools/list', 'server/discover'):
        server.send_message({'jsonrpc': '2.0', 'id': method, 'method': method,
                             'params': {'_meta': meta} if meta is not None else {}})
        with pytest.raises(Failed) as failed:
            server.answer(method)
        assert failed.value.code == -32602
    assert server.is_alive()


def test_both_eras_in_one_process(servers):
    server = servers.start(version=LEGACY)
    server.version = MODERN
    assert server.call('server/discover')['resultType'] == 'complete'
    server.version = LEGACY
    assert 'resultType' not in server.call('tools/list')
    with pytest.raises(Failed) as failed:
        server.call('tasks/update', taskId='job-0000000000')
    assert failed.value.code == -32601


@each_era
def test_unknown_method(servers, version):
    server = servers.start(version=version)
    for method in ('prompts/get', 'sampling/createMessage', 'tools/lis', 'x' * 5000, '\u202e\n'):
        with pytest.raises(Failed) as failed:
            server.call(method)
        assert failed.value.code == -32601 and len(failed.value.message) < 120 and '\n' not in failed.value.message


@each_era
def test_prompts(servers, version):
    assert servers.start(version=version).call('prompts/list')['prompts'] == []


# --- the list of tools ----------------------------------------------------------------------


@each_era
def test_list_of_tools(servers, version):
    tools = servers.start(version=version).call('tools/list')['tools']
    assert [tool['name'] for tool in tools] == TOOLS
    # The context of a model pays for them.
    assert len(json.dumps(tools, separators=(',', ':'), ensure_ascii=False)) <= 7000
    hints = {tool['name']: [tool['annotations'][f'{hint}Hint'] for hint in ('readOnly', 'destructive')] for tool in tools}
    assert hints == {'run': [False, True], 'task': [False, True], 'await': [True, False], 'list': [True, False],
                     'output': [True, False], 'cancel': [False, True]}


@each_era
def test_read_only_server(servers, jobs, version):
    job = jobs.enqueue(['sleep', '1000'])
    server = servers.start('--read-only', version=version, tasks=True)
    assert [tool['name'] for tool in server.call('tools/list')['tools']] == ['await', 'list', 'output']
    for name, arguments in (('run', {'command': ['true']}), ('task', {'prompt': 'x'}), ('cancel', {'ids': [job]})):
        with pytest.raises(Failed) as failed:
            server.call('tools/call', name=name, arguments=arguments)
        assert failed.value.code == -32602
    with pytest.raises(Failed) as failed:
        server.call('tasks/cancel', taskId=job)
    assert failed.value.code == -32601
    assert only(server.tool('await', ids=[job], timeout_ms=0))['state'] in ('queued', 'running')


# --- run ------------------------------------------------------------------------------------


@each_era
def test_run(servers, version):
    server = servers.start(version=version)
    answer = server.tool('run', command=['sh', '-c', 'echo out; echo err >&2; exit 3'], label='three')
    job = only(answer)
    assert answer['done'] and answer['next'] == []
    assert job.pop('duration_ms') < 10000 and job.pop('id').startswith('job-')
    assert job == {'state': 'failed', 'reason': 'exit-code', 'exit_code': 3, 'label': 'three', 'stdout': 'out\n',
                   'stdout_bytes': 4, 'stderr': 'err\n', 'stderr_bytes': 4}


@each_era
def test_run_that_takes_longer_than_the_wait(servers, gate, version):
    server = servers.start(version=version)
    answer = server.tool('run', command=gate.job(then='echo built'), wait_ms=0)
    job = only(answer)
    assert not answer['done'] and job['state'] in ('queued', 'running') and 'Do not run it again' in answer['note']
    (call,) = answer['next']
    name, _, arguments = call.partition(' ')
    gate.wait()
    number = server.send_tool(name, **json.loads(arguments))
    gate.open()
    answer = server.answer(number)['structuredContent']
    assert answer['done'] and only(answer)['id'] == job['id'] and only(answer)['stdout'] == 'built\n'


def test_wait_of_the_server(servers, gate):
    server = servers.start('--wait', '1s')
    answer = server.tool('run', command=gate.job(), wait_ms=10**15)
    assert not answer['done'] and only(answer)['state'] == 'running'
    assert not server.tool('await', ids=[only(answer)['id']])['done']
    gate.wait()
    gate.open()


def test_surroundings_of_a_job(servers, folder):
    server = servers.start(version=LEGACY)
    job = only(server.tool('run', command=['sh', '-c', 'pwd; echo $A $B; cat; umask'], environment={'A': '1', 'B': 'ö'},
                           stdin='input\n'))
    assert job['stdout'].splitlines()[:3] == [folder, '1 ö', 'input']
    assert only(server.tool('run', command=['pwd'], directory='/'))['stdout'] == '/\n'
    job = only(server.tool('run', command=['touch', '/home/x'], directory='/', read_only=True))
    assert job['state'] == 'failed' and 'Read-only' in job['stderr']
    job = only(server.tool('run', command=['sleep', '1000'], time_limit_ms=1000))
    assert job['reason'] == 'runtime-limit'
    assert only(server.tool('run', command=['/no/such/program']))['reason'] == 'not-executable'


def test_key(servers):
    server, other = servers.start(), servers.start(version=LEGACY)
    job = only(server.tool('run', command=['echo', '1'], key='once'))
    assert only(other.tool('run', command=['echo', '1'], key='once')) == job
    assert 'already used for a different request' in other.refusal('run', command=['echo', '2'], key='once')


def test_result(servers):
    server = servers.start()
    job = only(server.tool('run', command=['sh', '-c', '''echo '{"a": [1, "\\u001b[31mred"]}' >$CODEX_JOB_RESULT''']))
    assert job['result'] == {'a': [1, 'red']}


@pytest.mark.parametrize('arguments, words', [
    ({}, "'command' is missing"),
    ({'command': None}, "'command' is missing"),
    ({'command': 'ls -l'}, "'command' must be an array, not a string"),
    ({'command': []}, "'command' must not be empty"),
    ({'command': ['a', 1]}, "'command' must be a string, not an integer"),
    ({'command': ['']}, "'command'"),
    ({'command': ['a\0b']}, "'command' has a NUL"),
    ({'command': ['true'], 'wait_ms': -1}, "'wait_ms' must be at least 0"),
    ({'command': ['true'], 'wait_ms': 1.5}, "'wait_ms' must be an integer, not a fraction"),
    ({'command': ['true'], 'wait_ms': '5'}, "'wait_ms' must be an integer, not a string"),
    ({'command': ['true'], 'time_limit_ms': 1}, "'time_limit_ms' must be at least 1000"),
    ({'command': ['true'], 'time_limit_ms': 2**62}, "'time_limit_ms' must be at most 10 years"),
    ({'command': ['true'], 'label': 'x' * 201}, "'label' must have at most 200 bytes, not 201"),
    ({'command': ['true'], 'key': ''}, "'key' must not be empty"),
    ({'command': ['true'], 'key': 'x' * 257}, "'key' must have at most 256 bytes"),
    ({'command': ['true'], 'directory': 'relative'}, "'directory' must be an absolute path"),
    ({'command': ['true'], 'directory': '/no/such'}, "'/no/such': No such file or directory. Give another directory"),
    ({'command': ['true'], 'environment': []}, "'environment' must be an object, not an array"),
    ({'command': ['true'], 'environment': {'A': 1}}, "'environment' must be a string, not an integer"),
    ({'command': ['true'], 'environment': {'A=B': 'x'}}, "Invalid name 'A=B'"),
    ({'command': ['true'], 'environment': {'': 'x'}}, "Invalid name ''"),
    ({'command': ['true'], 'stdin': 5}, "'stdin' must be a string"),
    ({'command': ['true'], 'read_only': 'yes'}, "'read_only' must be a boolean"),
    ({'command': ['true'], 'bogus': 1}, "'bogus' is unknown"),
    ({'command': ['true'], 'b\x1b[31m' + 'x' * 500: 1}, 'is unknown'),
])
def test_bad_arguments_of_run(servers, jobs, arguments, words):
    before = jobs.list_ids()
    text = servers.start(version=LEGACY).refusal('run', **arguments)
    assert words in text and len(text) < 300 and '\x1b' not in text
    assert jobs.list_ids() == before


@pytest.mark.parametrize('text', ['\x1b[31m', 'a\nb', '\u202eback', '\x7f', 'x' * 1000000,
                                  *['x' * n + '😀' * 300 for n in range(4)]], ids=lambda text: ascii(text)[:12])
def test_text_of_the_client_in_an_error(servers, text):
    """It is valid, on one line, and not repeated whatever its length."""
    server = servers.start(version=LEGACY)
    for name, arguments in (('run', {'command': ['true'], 'directory': text}), ('task', {'prompt': 'x', 'thread': text}),
                            ('run', {'command': ['true'], 'directory': f'/{text}'}), ('await', {'ids': [text]}),
                            ('run', {'command': ['true'], 'environment': {f'{text}=': ''}})):
        told = server.refusal(name, **arguments)
        assert len(told) < 2200 and not set('\x1b\n\u202e\x7f') & set(told), told


def test_call_that_is_none(servers):
    server = servers.start()
    for params in ({}, {'name': 7}, {'name': 'ls'}, {'name': 'run', 'arguments': []}, {'name': 'run\0', 'arguments': {}}):
        with pytest.raises(Failed) as failed:
            server.call('tools/call', **params)
        assert failed.value.code == -32602


def test_null_counts_as_absent(servers):
    server = servers.start(version=LEGACY)
    assert only(server.tool('run', command=['true'], label=None, wait_ms=None, environment=None))['state'] == 'completed'


def test_command_that_is_too_long(servers):
    text = servers.start().refusal('run', command=['true', *['x' * 1000] * 100, *['y'] * 262200])
    assert '262144' in text or 'too' in text.lower() or 'at most' in text, text


# --- task -----------------------------------------------------------------------------------


@pytest.fixture
def codex(servers):
    return FakeCodex(servers.cli)


def test_task(servers, codex):
    server = servers.start(version=LEGACY)
    job = only(server.tool('task', prompt='- Say hello', label='greeting'))
    assert job['id'].startswith('task-') and job['state'] == 'completed' and job['stdout'], job
    assert job['result']['thread_id']
    again = only(server.tool('task', prompt='Go on', thread=job['result']['thread_id']))
    assert again['state'] == 'completed' and again['result']['thread_id'] == job['result']['thread_id']


@pytest.mark.parametrize('arguments, words', [
    ({}, "'prompt' is missing"), ({'prompt': ''}, "'prompt' must not be empty"), ({'prompt': ' \n '}, "prompt is empty. Give one in 'prompt'."),
    ({'prompt': 'x', 'effort': 'huge'}, "'effort' must be one of none, minimal"),
    ({'prompt': 'x', 'thread': 'yesterday'}, "'thread' must be the ID of a Codex thread"),
    ({'prompt': 'x', 'model': '-x'}, "Invalid model '-x'")])
def test_bad_arguments_of_task(servers, codex, arguments, words):
    assert words in servers.start().refusal('task', **arguments)


# --- await, list, output, cancel ---------------------------------------------------------------


@each_era
def test_await_all_and_any(servers, jobs, gate, version):
    first, second = ended(jobs, ['true']), jobs.enqueue(gate.job())
    gate.wait()
    server = servers.start(version=version)
    answer = server.tool('await', ids=[first, second], any=True)
    assert answer['done'] and answer['jobs'][0]['state'] == 'completed' and answer['jobs'][1]['state'] in ('queued', 'running')
    answer = server.tool('await', ids=[first, second.partition('-')[2][:6]], any=True)
    assert [(job['id'], job['state']) for job in answer['jobs']] == [(first, 'completed'), (second, 'running')]
    assert 'not found' in server.refusal('await', ids=[first, 'job-0000000000'], any=True)
    answer = server.tool('await', ids=[first, second], timeout_ms=0)
    assert not answer['done'] and answer['next'] == ['await {"ids":["%s"]}' % second]
    number = server.send_tool('await', ids=[second.partition('-')[2][:6], first])
    gate.open()
    answer = server.answer(number)['structuredContent']
    assert answer['done'] and [job['id'] for job in answer['jobs']] == [second, first]


def test_jobs_that_are_not_ours(servers, jobs, alice, bob, scope):
    server = servers.start()
    foreign = bob.enqueue(['sleep', '1000']) if scope.name == 'system' else 'job-0000000000'
    for name, arguments in (('await', {'ids': [foreign]}), ('cancel', {'ids': [foreign]}), ('output', {'id': foreign})):
        assert f'{foreign} not found. Find your jobs with list' in server.refusal(name, **arguments)
    ours = jobs.enqueue(['sleep', '1000'])
    assert 'not found' in server.refusal('cancel', ids=[ours, foreign])
    assert jobs.get(ours)['State'] in ('queued', 'running') # none was cancelled
    jobs.enqueue(['sleep', '1000'])
    assert 'Job ID job- is ambiguous: job-' in server.refusal('await', ids=['job-'], timeout_ms=0)
    assert server.refusal('output', id='')
    assert server.refusal('await', ids=['../../etc/passwd'])


@each_era
def test_a_server_inside_a_job(servers, jobs, new_gate, version):
    """It refuses to wait for that job, and for one that starts after it; both may be looked at and cancelled."""
    gates = [new_gate(), new_gate()]
    own, other = (jobs.enqueue(gate.job()) for gate in gates)
    for gate in gates:
        gate.wait()
    later = jobs.enqueue(['true'], After=[(own, 'any')])
    servers.cli.environment['CODEX_JOB_ID'] = own
    server = servers.start(version=version)
    for arguments in ({'ids': [own]}, {'ids': [own[4:]], 'any': True}, {'ids': [other, own]}, {'ids': [later]}):
        told = server.refusal('await', **arguments)
        assert f'after {own}, so it cannot be waited for' in told or f'{own} cannot wait for itself' in told
    assert only(server.tool('await', ids=[own], timeout_ms=0))['state'] == 'running'
    waiting = server.send_tool('await', ids=[own, other], any=True)
    gates[1].open()
    assert not server.answer(waiting).get('isError')
    assert {job['state'] for job in server.tool('cancel', ids=[later, own])['jobs']} == {'cancelled'}


@pytest.mark.parametrize('name, arguments, words', [
    ('await', {'ids': []}, "'ids' must not be empty"), ('await', {'ids': ['a'] * 65}, "'ids' must have at most 64 items"),
    ('await', {'ids': 'job-1'}, "'ids' must be an array"), ('await', {'ids': ['a'], 'max_bytes': 65537}, 'from 0 to 65536'),
    ('cancel', {}, "'ids' is missing"), ('list', {'limit': 0}, "'limit' must be from 1 to 100, not 0"),
    ('list', {'states': ['done']}, "'states' must be one of queued, running"), ('output', {'id': 5}, "'id' must be a string"),
    ('output', {'id': 'a', 'stream': 'order'}, "'stream' must be one of stdout, stderr"),
    ('output', {'id': 'a', 'offset': -1}, "'offset' must be at least 0"), ('list', {'before': 'x'}, 'Before')])
def test_bad_arguments(servers, name, arguments, words):
    assert words in servers.start().refusal(name, **arguments)


@each_era
def test_list(servers, jobs, version):
    made = [ended(jobs, ['sh', '-c', f'exit {i}']) for i in range(3)][::-1]
    server = servers.start(version=version)
    page = server.tool('list', limit=2)
    assert [job['id'] for job in page['jobs']] == made[:2] and [job['exit_code'] for job in page['jobs']] == [2, 1]
    name, _, arguments = page['next'][-1].partition(' ')
    assert server.tool(name, **json.loads(arguments))['jobs'][0]['id'] == made[2]
    assert server.tool('list', states=['completed'], limit=1)['jobs'][0]['id'] == made[2]
    assert server.tool('list', workspace='/no/such/folder')['jobs'] == []
    running = jobs.enqueue(['sleep', '1000'])
    page = server.tool('list', limit=1)
    assert not page['done'] and page['next'][0] == f'await {{"ids":["{running}"]}}'


def test_output(servers, jobs):
    job = ended(jobs, shell('seq 1 10000; echo problem >&2'))
    text = ''.join(f'{i}\n' for i in range(1, 10001))
    server = servers.start()
    assert server.tool('output', id=job, stream='stderr') == ['problem\n', '[all of stderr: 8 bytes]']
    assert server.tool('output', id=job, max_bytes=100) == [
        text[-100:], f'[bytes {len(text) - 100} to {len(text)} of {len(text)}, the end of stdout]']
    got, call = '', f'output {{"id":"{job}","offset":0}}'
    while call.startswith('output'):
        page, place = server.tool('output', **json.loads(call.partition(' ')[2]))
        got, call = got + page, place.partition('next: ')[2].rstrip(']')
    assert got == text
    assert server.tool('output', id=job, offset=10**9)[0] == ''


def test_output_is_cut_between_characters(servers, jobs):
    job = ended(jobs, ['printf', 'aäö€😀z'])
    server = servers.start()
    whole, offset, got = 'aäö€😀z', 0, ''
    while len(got) < len(whole):
        page, place = server.tool('output', id=job, offset=offset, max_bytes=4)
        assert page and '\ufffd' not in page
        got, offset = got + page, int(place.split()[3])
    assert got == whole
    assert server.tool('output', id=job, max_bytes=3)[0] == 'z'


def test_output_of_any_bytes(servers, jobs):
    job = ended(jobs, ['printf', r'\033[31mred\033[0m \377\376 \000 \033]0;title\007 \342\200\256back'])
    server = servers.start()
    text = server.tool('output', id=job)[0]
    assert text.startswith('red \ufffd\ufffd ') and '\x1b' not in text and '\u202e' not in text and 'title' not in text
    assert only(server.tool('await', ids=[job]))['stdout'] == text


def test_much_output(servers, jobs):
    job = ended(jobs, shell('yes 0123456789abcde | head -c 40000000; echo the end'))
    server = servers.start()
    answer = server.tool('await', ids=[job])
    assert only(answer)['stdout'].endswith('\nthe end\n') and len(only(answer)['stdout']) <= 4000
    assert only(answer)['stdout_bytes'] == 40000008
    assert answer['next'] == [f'output {{"id":"{job}","stream":"stdout","offset":0}}']
    assert len(only(server.tool('await', ids=[job], max_bytes=65536))['stdout']) > 40000
    assert 'stdout' not in only(server.tool('await', ids=[job], max_bytes=0))


@each_era
def test_cancel(servers, jobs, gate, version):
    over, running = ended(jobs, ['true']), jobs.enqueue(gate.job())
    gate.wait()
    server = servers.start(version=version)
    answer = server.tool('cancel', ids=[running, over])
    assert answer['done'] and [job['state'] for job in answer['jobs']] == ['cancelled', 'completed']
    assert answer['jobs'][0]['exit_code'] == 143 and answer['jobs'][0]['reason'] == 'user'
