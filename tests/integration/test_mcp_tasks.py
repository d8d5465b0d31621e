# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: 2026 The Codex Jobs authors
"""codex-jobs mcp: jobs as tasks of both generations and as resources; and restarts of all that can be restarted while a
client waits."""

import json
import re

import pytest
from mcpsupport import LEGACY, MODERN, PREFIX, Failed, each_era, servers  # noqa: F401
from support import shell

# pylint: disable=redefined-outer-name

RELATED = f'{PREFIX}related-task'


def started(server, command, **arguments):
    """A job as a task."""
    if server.version == MODERN:
        return server.answer(server.send_tool('run', command=command, wait_ms=0, **arguments))
    result = server.call('tools/call', name='run', arguments={'command': command, **arguments}, task={'ttl': 60000})
    return result['task']


def fails(server, code, method, **params):
    with pytest.raises(Failed) as failed:
        server.call(method, **params)
    assert failed.value.code == code
    return failed.value


# --- both generations ---------------------------------------------------------------------------


@each_era
def test_task(servers, jobs, gate, version):
    server = servers.start(version=version, tasks=True)
    task = started(server, gate.job(then='echo built; exit 5'))
    job = task['taskId']
    assert task['status'] == 'working' and jobs.get(job)['State'] in ('queued', 'running')
    assert re.fullmatch(r'\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z', task['createdAt'])
    assert task['ttlMs' if version == MODERN else 'ttl'] is None
    assert task['pollIntervalMs' if version == MODERN else 'pollInterval'] == 1000
    gate.wait()
    assert server.call('tasks/get', taskId=job)['status'] == 'working'
    gate.open()
    jobs.wait(job)
    other = servers.start(version=version, tasks=True) # the task is nobody's in particular
    task = other.call('tasks/get', taskId=job)
    assert task['status'] == 'completed' and 'exit code 5' in task['statusMessage'] # a failed job, not a failed task
    result = task['result'] if version == MODERN else other.call('tasks/result', taskId=job)
    (ended,) = result['structuredContent']['jobs']
    assert (ended['state'], ended['exit_code'], ended['stdout']) == ('failed', 5, 'built\n')
    if version == LEGACY:
        assert result['_meta'] == {RELATED: {'taskId': job}}


@each_era
def test_unknown_task(servers, jobs, version):
    removed = jobs.enqueue(['true'])
    jobs.wait(removed)
    jobs.remove(removed)
    server = servers.start(version=version, tasks=True)
    methods = ['tasks/get', 'tasks/cancel', 'tasks/update' if version == MODERN else 'tasks/result']
    for method in methods:
        for task in ('job-0000000000', removed, 'job-', '', '../x', 'x' * 1000, removed[:-1]):
            assert fails(server, -32602, method, taskId=task).message == 'Task not found'
        fails(server, -32602, method)
        fails(server, -32602, method, taskId=7)
    fails(server, -32601, 'tasks/result' if version == MODERN else 'tasks/update', taskId=removed)


@each_era
def test_cancel_task(servers, jobs, gate, version):
    server = servers.start(version=version, tasks=True)
    job = started(server, gate.job())['taskId']
    gate.wait()
    answer = server.call('tasks/cancel', taskId=job)
    if version == LEGACY:
        assert answer['status'] == 'cancelled'
        assert fails(server, -32602, 'tasks/cancel', taskId=job)
        result = server.call('tasks/result', taskId=job)
        assert result['structuredContent']['jobs'][0]['state'] == 'cancelled'
    else:
        assert set(answer) == {'resultType', '_meta'}
        jobs.wait(job)
        server.call('tasks/cancel', taskId=job)
    assert jobs.get(job)['State'] == 'cancelled'
    task = server.call('tasks/get', taskId=job)
    assert task['status'] == 'cancelled' and 'result' not in task


# --- the extension ---------------------------------------------------------------------------------


def test_short_command_is_no_task(servers):
    server = servers.start(tasks=True)
    result = server.answer(server.send_tool('run', command=['true']))
    assert result['resultType'] == 'complete' and result['structuredContent']['done']


def test_long_command_becomes_a_task(servers, gate):
    server = servers.start(tasks=True)
    result = server.answer(server.send_tool('run', command=gate.job()))
    assert result['resultType'] == 'task'
    gate.wait()
    gate.open()
    assert server.tool('await', ids=[result['taskId']])['done'] # await never becomes one


def test_client_that_cannot_do_tasks(servers, gate):
    server = servers.start()
    answer = server.tool('run', command=gate.job(), wait_ms=0)
    job = answer['jobs'][0]['id']
    for method in ('tasks/get', 'tasks/cancel', 'tasks/update'):
        failed = fails(server, -32021, method, taskId=job)
        assert failed.data == {'requiredCapabilities': {'extensions': {f'{PREFIX}tasks': {}}}}
    fails(server, -32021, 'subscriptions/listen', notifications={'taskIds': [job]})
    gate.wait()
    gate.open()


def test_update(servers, gate):
    server = servers.start(tasks=True)
    job = started(server, gate.job())['taskId']
    assert set(server.call('tasks/update', taskId=job, inputResponses={'a': {'action': 'accept'}})) == {'resultType', '_meta'}
    gate.wait()
    gate.open()


def test_notifications_of_tasks(servers, gate):
    server = servers.start(tasks=True)
    job = started(server, gate.job(before='systemd-notify --status=half', then='echo built'))['taskId']
    number = server.send('subscriptions/listen', notifications={'taskIds': [job, 'nothing'], 'toolsListChanged': True})
    told = server.notification('notifications/subscriptions/acknowledged')
    assert told == {'_meta': {f'{PREFIX}subscriptionId': number}, 'notifications': {'taskIds': [job]}}
    while (told := server.notification('notifications/tasks'))['status'] == 'working':
        if 'half' in told['statusMessage']:
            gate.wait()
            gate.open()
    assert told['status'] == 'completed' and told['_meta'] == {f'{PREFIX}subscriptionId': number}
    assert told['result']['structuredContent']['jobs'][0]['stdout'] == 'built\n'
    server.notify('notifications/cancelled', requestId=number)
    assert server.is_alive() and not server.notifications and number not in server.answers


# --- 2025-11-25 --------------------------------------------------------------------------------------


def test_result_that_is_waited_for(servers, gate):
    server = servers.start(version=LEGACY)
    result = server.call('tools/call', name='run', arguments={'command': gate.job(then='echo built')}, task={})
    assert 'Do not run it again' in result['_meta'][f'{PREFIX}model-immediate-response']
    job = result['task']['taskId']
    number = server.send('tasks/result', taskId=job)
    gate.wait()
    assert server.call('ping') == {} and number not in server.answers
    gate.open()
    assert server.answer(number)['structuredContent']['jobs'][0]['stdout'] == 'built\n'
    told = server.notification('notifications/tasks/status')
    assert told['taskId'] == job and told['status'] == 'completed'


def test_list_of_tasks(servers, jobs):
    made = [jobs.enqueue(['true']) for _ in range(51)][::-1]
    for job in made:
        jobs.wait(job)
    server = servers.start(version=LEGACY)
    page = server.call('tasks/list')
    assert [task['taskId'] for task in page['tasks']] == made[:50]
    assert server.call('tasks/list', cursor=page['nextCursor'])['tasks'][0]['taskId'] == made[50]
    fails(server, -32602, 'tasks/list', cursor='x')


def test_tool_that_is_no_task(servers, jobs):
    server = servers.start(version=LEGACY)
    for name, arguments in (('await', {'ids': ['a']}), ('list', {}), ('output', {'id': 'a'}), ('cancel', {'ids': ['a']})):
        fails(server, -32601, 'tools/call', name=name, arguments=arguments, task={})
    older = servers.start(version='2025-06-18')
    answer = older.call('tools/call', name='run', arguments={'command': ['true']}, task={}) # has none, and ignores it
    assert answer['structuredContent']['done']
    fails(older, -32601, 'tasks/get', taskId='job-0000000000')


# --- resources ------------------------------------------------------------------------------------------


@each_era
def test_resources(servers, jobs, version):
    job = jobs.enqueue(shell('echo out; echo err >&2'), Label='two\nlines')
    jobs.wait(job)
    server = servers.start(version=version)
    (resource, *_) = server.call('resources/list')['resources']
    assert resource == {'uri': f'job://{job}/record', 'name': job, 'title': 'two lines', 'description': 'completed',
                        'mimeType': 'application/json'}
    (content,) = server.call('resources/read', uri=resource['uri'])['contents']
    shown = json.loads(servers.cli.output('show', '--json', job))
    assert json.loads(content['text'])['job'] == shown['job'] and content['uri'] == resource['uri']
    for stream, text in (('stdout', 'out\n'), ('stderr', 'err\n'), ('stdout?offset=1&limit=2', 'ut'), ('stdout?limit=2', 't\n')):
        result = server.call('resources/read', uri=f'job://{job}/{stream}')
        assert result['contents'] == [{'uri': f'job://{job}/{stream}', 'mimeType': 'text/plain', 'text': text}]
        if version == MODERN:
            assert (result['ttlMs'], result['cacheScope']) == (60000, 'private')
    assert [t['uriTemplate'] for t in server.call('resources/templates/list')['resourceTemplates']] == [
        'job://{id}/record', 'job://{id}/stdout{?offset,limit}', 'job://{id}/stderr{?offset,limit}']


@each_era
def test_unknown_resource(servers, jobs, version):
    job = jobs.enqueue(['true'])
    server = servers.start(version=version)
    for uri in ('job://job-0000000000/record', f'job://{job}/other', f'job://{job}', f'job://{job}/record?offset=1',
                f'job://{job}/stdout?offset=x', f'job://{job}/stdout?limit=0', f'job://{job}/stdout?offset=',
                f'job://{job}/stdout?limit=99999999999999999999', 'file:///etc/passwd', '', 'job://../../x/record',
                'job://' + 'x' * 5000 + '/record', f'job://{job[:-1]}/record'):
        failed = fails(server, -32602 if version == MODERN else -32002, 'resources/read', uri=uri)
        assert failed.data == {'uri': uri}
    fails(server, -32602, 'resources/read')


def test_subscription(servers, gate):
    server = servers.start(version=LEGACY)
    job = server.tool('run', command=gate.job(before='systemd-notify --status=half'), wait_ms=0)['jobs'][0]['id']
    record, output = f'job://{job}/record', f'job://{job}/stdout'
    for uri in (record, record, output):
        assert server.call('resources/subscribe', uri=uri) == {}
    fails(server, -32002, 'resources/subscribe', uri='file:///etc/passwd')
    gate.wait()
    gate.open()
    told = set()
    while told != {record, output}:
        told.add(server.notification('notifications/resources/updated')['uri'])
    for uri in (record, output, 'job://x/record'):
        assert server.call('resources/unsubscribe', uri=uri) == {}


def test_subscription_to_what_is_not_there(servers, jobs, gate):
    """Nobody waits for it."""
    removed, job = jobs.enqueue(['true']), jobs.enqueue(gate.job())
    jobs.wait(removed)
    jobs.remove(removed)
    gate.wait()
    legacy, server = servers.start(version=LEGACY), servers.start(tasks=True)
    for _ in range(17): # nor does it count
        fails(legacy, -32002, 'resources/subscribe', uri=f'job://{removed}/record')
    server.send('subscriptions/listen', notifications={
        'taskIds': [removed, job], 'resourceSubscriptions': [f'job://{job}/record', f'job://{removed}/stdout']})
    told = server.notification('notifications/subscriptions/acknowledged')
    assert told['notifications'] == {'taskIds': [job], 'resourceSubscriptions': [f'job://{job}/record']}
    assert server.notification('notifications/tasks')['taskId'] == job
    number = legacy.send('resources/subscribe', uri=f'job://{job}/record')
    assert legacy.call('resources/unsubscribe', uri=f'job://{job}/record') == legacy.answer(number) == {}
    gate.open()
    assert server.notification('notifications/resources/updated')['uri'] == f'job://{job}/record'
    jobs.wait(job)
    assert legacy.is_alive() and not legacy.notifications


def test_subscriptions_are_limited(servers, jobs):
    job = jobs.enqueue(['sleep', '1000'])
    server = servers.start()
    numbers = [server.send('subscriptions/listen', notifications={'resourceSubscriptions': [f'job://{job}/record']})
               for _ in range(16)]
    told = [server.notification('notifications/subscriptions/acknowledged') for _ in numbers]
    assert {each['_meta'][f'{PREFIX}subscriptionId'] for each in told} == set(numbers)
    fails(server, -32603, 'subscriptions/listen', notifications={})
    fails(server, -32602, 'subscriptions/listen')
    server.notify('notifications/cancelled', requestId=numbers[0])
    number = server.send('subscriptions/listen', notifications={'resourceSubscriptions': ['x']})
    told = server.notification('notifications/subscriptions/acknowledged')
    assert told == {'_meta': {f'{PREFIX}subscriptionId': number}, 'notifications': {'resourceSubscriptions': []}}
    jobs.cancel(job)
    heard = {server.notification('notifications/resources/updated')['_meta'][f'{PREFIX}subscriptionId'] for _ in range(15)}
    assert heard == set(numbers[1:])


# --- restarts ------------------------------------------------------------------------------------------


OUTAGES = {
    'crash': lambda scope: scope.kill_service(),
    'upgrade': lambda scope: scope.upgrade(),
    'bus': lambda scope: scope.restart_bus(),
}


@pytest.mark.restarts
@pytest.mark.parametrize('outage', OUTAGES)
def test_outage(servers, scope, gate, outage):
    """Whatever a client waits in, it is told the end."""
    modern, legacy = servers.start(tasks=True), servers.start(version=LEGACY)
    plain = servers.start()
    job = legacy.call('tools/call', name='run', arguments={'command': gate.job(then='echo built; exit 5')}, task={})
    job = job['task']['taskId']
    gate.wait()
    waits = [(plain, plain.send_tool('await', ids=[job])), (legacy, legacy.send('tasks/result', taskId=job)),
             (legacy, legacy.send_tool('await', ids=[job, job]))]
    modern.send('subscriptions/listen', notifications={'taskIds': [job]})
    modern.notification('notifications/subscriptions/acknowledged')
    assert modern.notification('notifications/tasks')['status'] == 'working'
    OUTAGES[outage](scope)
    gate.open()
    for server, number in waits:
        ended = server.answer(number)['structuredContent']['jobs'][0]
        assert (ended['state'], ended['exit_code'], ended['stdout']) == ('failed', 5, 'built\n')
    while (told := modern.notification('notifications/tasks'))['status'] == 'working':
        pass
    assert told['status'] == 'completed'
    assert legacy.notification('notifications/tasks/status')['status'] == 'completed'


@pytest.mark.restarts
def test_everything_is_killed(servers, scope, gate):
    server = servers.start(tasks=True)
    job = started(server, gate.job(then='exit 5'))['taskId']
    gate.wait()
    server.kill()
    scope.kill_service()
    again = servers.start(tasks=True)
    gate.open()
    assert again.tool('await', ids=[job])['jobs'][0]['exit_code'] == 5
    assert again.call('tasks/get', taskId=job)['status'] == 'completed'


@pytest.mark.restarts
@pytest.mark.parametrize('version', [MODERN, LEGACY])
def test_run_while_the_service_is_replaced(servers, scope, jobs, version):
    """There is one job for each call, whatever happens in the middle of it."""
    server = servers.start(version=version)
    before = set(jobs.list_ids(Limit=1000))
    assert server.is_alive()
    numbers = [server.send_tool('run', command=['true']) for _ in range(20)]
    scope.kill_service()
    numbers += [server.send_tool('run', command=['true']) for _ in range(20)]
    made = [server.answer(number)['structuredContent']['jobs'][0] for number in numbers]
    assert all(job['state'] == 'completed' for job in made)
    after = set(scope.connect().list_ids(Limit=1000))
    assert after - before == {job['id'] for job in made} and len(made) == 40
