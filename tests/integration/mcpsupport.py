# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: 2026 The Codex Jobs authors
"""A client of the Model Context Protocol, made by hand: what it sends may be wrong in any way, and every line that it
gets is held against the official schemas."""

import itertools
import json
import os
import signal
import subprocess

import jsonschema
import pytest
from clientsupport import Cli

from support import PATIENCE, Lines

SOURCE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
MODERN, LEGACY = '2026-07-28', '2025-11-25'
TASKS = 'io.modelcontextprotocol/tasks'
PREFIX = 'io.modelcontextprotocol/'


def load(name):
    with open(f'{SOURCE}/tests/mcp/schema/{name}.json', encoding='utf-8') as file:
        schema = json.load(file)
    return schema, jsonschema.Draft202012Validator(schema)


schemas = {name: load(name) for name in (MODERN, LEGACY, 'tasks')}

# The definition of the result of each method; those of the extension have a schema of their own.
RESULTS = {
    LEGACY: {'initialize': 'InitializeResult', 'ping': 'EmptyResult', 'tools/list': 'ListToolsResult',
             'tools/call': 'CallToolResult', 'prompts/list': 'ListPromptsResult', 'resources/list': 'ListResourcesResult',
             'resources/read': 'ReadResourceResult', 'resources/templates/list': 'ListResourceTemplatesResult',
             'resources/subscribe': 'EmptyResult',
             'resources/unsubscribe': 'EmptyResult', 'tasks/get': 'GetTaskResult', 'tasks/cancel': 'CancelTaskResult',
             'tasks/list': 'ListTasksResult', 'tasks/result': 'CallToolResult'},
    MODERN: {'server/discover': 'DiscoverResult', 'prompts/list': 'ListPromptsResult', 'tools/list': 'ListToolsResult', 'tools/call': 'CallToolResult',
             'resources/list': 'ListResourcesResult', 'resources/read': 'ReadResourceResult',
             'resources/templates/list': 'ListResourceTemplatesResult'},
    'tasks': {'tasks/get': 'GetTaskResult', 'tasks/cancel': 'CancelTaskResult', 'tasks/update': 'UpdateTaskResult'},
}


def validate(version, name, value):
    schema, validator = schemas[version]
    validator.evolve(schema={'$ref': f'#/$defs/{name}', '$defs': schema['$defs']}).validate(value)


def validate_result(version, method, params, result):
    """It is as the schema of its version says."""
    if version == MODERN and (method in RESULTS['tasks'] or result.get('resultType') == 'task'):
        validate('tasks', RESULTS['tasks'].get(method, 'CreateTaskResult'), result)
    elif version == LEGACY and 'task' in params:
        validate(version, 'CreateTaskResult', result)
    else:
        validate(version, RESULTS[version][method], result)
    if version == MODERN and method == 'tasks/get' and 'result' in result:
        validate(version, 'CallToolResult', result['result'])
    if version == MODERN:
        assert result['resultType'] in ('complete', 'task')
        assert result['_meta'][f'{PREFIX}serverInfo']['name'] == 'codex-jobs'
    if method in ('tools/call', 'tasks/result') and 'structuredContent' in result:
        assert json.loads(result['content'][0]['text']) == result['structuredContent']


def validate_notification(version, message):
    method = message['method']
    validate(version, 'JSONRPCNotification', message)
    if method == 'notifications/tasks':
        validate('tasks', 'TaskStatusNotification', message)
        if 'result' in message['params']:
            validate(version, 'CallToolResult', message['params']['result'])
    elif method != 'notifications/subscriptions/acknowledged' or 'taskIds' not in message['params']['notifications']:
        validate(version, 'ServerNotification', message)


class Failed(Exception):
    """An error instead of a result."""

    def __init__(self, error):
        super().__init__(str(error))
        self.code, self.message, self.data = error['code'], error['message'], error.get('data')


class Server:
    """A codex-jobs mcp. A client of 2026-07-28 says with each request what it can: with tasks, or without."""

    def __init__(self, command, version=MODERN, tasks=False, greet=True):
        self.version, self.tasks = version, tasks
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.lines = Lines(self.process.stdout.fileno(), f'the stdout of {command}')
        self.ids = itertools.count(1)
        self.asked = {}         # requests that are not answered
        self.answers = {}       # and messages that came while another was waited for
        self.notifications = []
        if version != MODERN and greet:
            self.initialized = self.call('initialize', protocolVersion=version, capabilities={},
                                         clientInfo={'name': 'test', 'version': '1'})
            self.notify('notifications/initialized')

    # --- sending ---

    def write(self, data):
        self.process.stdin.write(data if isinstance(data, bytes) else data.encode())
        self.process.stdin.flush()

    def send_message(self, message):
        self.write(json.dumps(message) + '\n')

    def notify(self, method, **params):
        self.send_message({'jsonrpc': '2.0', 'method': method, 'params': params})

    def send(self, method, meta=None, **params):
        """A request; its id."""
        number = next(self.ids)
        meta = dict(meta or {})
        if self.version == MODERN:
            meta[f'{PREFIX}protocolVersion'] = MODERN
            meta[f'{PREFIX}clientCapabilities'] = {'extensions': {TASKS: {}}} if self.tasks else {}
        if meta:
            params['_meta'] = meta
        self.asked[number] = (method, params)
        self.send_message({'jsonrpc': '2.0', 'id': number, 'method': method, 'params': params})
        return number

    # --- receiving ---

    def receive(self):
        """The next message, checked."""
        message = json.loads(self.lines.line())
        version = self.version if self.version in schemas else LEGACY
        assert message['jsonrpc'] == '2.0'
        if 'method' in message:
            validate_notification(version, message)
        elif 'error' in message:
            validate(version, 'JSONRPCErrorResponse', message)
        else:
            validate(version, 'JSONRPCResultResponse', message)
            method, params = self.asked[message['id']]
            if self.version not in schemas: # one without tasks
                params = {name: value for name, value in params.items() if name != 'task'}
            validate_result(version, method, params, message['result'])
        return message

    def take(self):
        message = self.receive()
        if 'method' in message:
            self.notifications.append(message)
        else:
            self.answers[message.get('id')] = message
        return message

    def answer(self, number):
        while number not in self.answers:
            self.take()
        message = self.answers.pop(number)
        self.asked.pop(number, None)
        if 'error' in message:
            raise Failed(message['error'])
        return message['result']

    def notification(self, method):
        """The next of its kind; its params."""
        while True:
            for i, message in enumerate(self.notifications):
                if message['method'] == method:
                    return self.notifications.pop(i)['params']
            self.take()

    def malformed(self):
        """The error of a line that was no request."""
        while None not in self.answers:
            self.take()
        return self.answers.pop(None)['error']['code']

    # --- calling ---

    def call(self, method, **params):
        return self.answer(self.send(method, **params))

    def send_tool(self, name, /, meta=None, **arguments):
        return self.send('tools/call', meta=meta, name=name, arguments=arguments)

    def tool(self, name, /, **arguments):
        """What it returns, as structure; or as text, if it has none."""
        result = self.answer(self.send_tool(name, **arguments))
        assert not result.get('isError'), result
        return result.get('structuredContent') or [block['text'] for block in result['content']]

    def refusal(self, name, /, **arguments):
        """The text of a tool that did not do its work."""
        result = self.answer(self.send_tool(name, **arguments))
        assert result['isError'] and 'structuredContent' not in result
        return result['content'][0]['text']

    def is_alive(self):
        """It still answers."""
        return self.call('tools/list')['tools']

    # --- the end ---

    def end(self):
        """Close its input; its exit status, and what it wrote to stderr."""
        _, errors = self.process.communicate(timeout=PATIENCE)
        return self.process.returncode, errors.decode()

    def signal(self, number):
        self.process.send_signal(number)

    def kill(self):
        self.process.kill()
        self.process.wait(PATIENCE)
        for pipe in (self.process.stdout, self.process.stderr):
            pipe.close()
        try:
            self.process.stdin.close()
        except BrokenPipeError: # something was not written yet
            pass


class Servers:
    """Those that a test started, each as alice in the folder of the test."""

    def __init__(self, scope, folder):
        self.cli = Cli(scope, folder)
        self.running = []

    def start(self, *arguments, **options):
        self.running.append(Server(self.cli.command('mcp', *arguments), **options))
        return self.running[-1]

    def end(self):
        for server in self.running:
            server.kill()


@pytest.fixture
def servers(scope, folder):
    started = Servers(scope, folder)
    yield started
    started.end()


each_era = pytest.mark.parametrize('version', [MODERN, LEGACY])
each_signal = pytest.mark.parametrize('number', [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
