# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: 2026 The Codex Jobs authors
"""A model made of paper for Claude Code: the Messages API on 127.0.0.1, within the process of a test.

What the model does is a function of the test's, `play(turn)`, which is asked once for each request of a
conversation and returns the blocks of the answer: texts and calls of tools. does() sets a list of answers. Requests beside a conversation,
such as that for a title, have no tools and are answered with a word. Each request is kept.
"""

import collections
import http.server
import itertools
import json
import threading

PATIENCE = 60


def text_of(content):
    """All text of a message or of a tool's result."""
    if isinstance(content, str):
        return content
    parts = []
    for block in content or []:
        if block.get('type') == 'text':
            parts.append(block['text'])
        elif block.get('type') == 'tool_result':
            parts.append(text_of(block.get('content')))
    return '\n'.join(parts)


class Turn:
    """One request of a conversation, as a model would read it."""

    def __init__(self, body, size):
        self.body, self.size = body, size
        self.messages = body.get('messages', [])
        self.system = text_of(body.get('system'))
        self.tools = {tool['name']: tool for tool in body.get('tools') or []}

    @property
    def first(self):
        """What the conversation began with."""
        return text_of(self.messages[0]['content'])

    @property
    def last(self):
        """What came since the model spoke last."""
        texts = []
        for message in reversed(self.messages):
            if message['role'] == 'assistant':
                break
            texts.insert(0, text_of(message['content']))
        return '\n'.join(texts)

    @property
    def text(self):
        return '\n'.join(text_of(message['content']) for message in self.messages)

    @property
    def results(self):
        """The results of tools, as (text, whether it is an error)."""
        found = []
        for message in self.messages:
            if message['role'] == 'user' and not isinstance(message['content'], str):
                found += [(text_of(block.get('content')), bool(block.get('is_error')))
                          for block in message['content'] if block.get('type') == 'tool_result']
        return found

    @property
    def calls(self):
        """The calls of tools that the model made in this conversation."""
        return [block for message in self.messages if message['role'] == 'assistant'
                and not isinstance(message['content'], str)
                for block in message['content'] if block.get('type') == 'tool_use']


serial = itertools.count(1)


def say(text):
    return {'type': 'text', 'text': text}


def call(tool, **arguments):
    return {'type': 'tool_use', 'id': f'toolu_{next(serial):08}', 'name': tool, 'input': arguments}


def bash(command, **arguments):
    return call('Bash', command=command, description='A command', **arguments)


def events(model, blocks):
    """The answer as server-sent events."""
    def usage(count):
        return {'input_tokens': 1000, 'output_tokens': count, 'cache_creation_input_tokens': 0,
                'cache_read_input_tokens': 0}

    yield 'message_start', {'message': {
        'id': f'msg_{next(serial):08}', 'type': 'message', 'role': 'assistant', 'model': model, 'content': [],
        'stop_reason': None, 'stop_sequence': None, 'usage': usage(1)}}
    for index, block in enumerate(blocks):
        if block['type'] == 'text':
            start, delta = {'type': 'text', 'text': ''}, {'type': 'text_delta', 'text': block['text']}
        else:
            start, delta = block | {'input': {}}, {'type': 'input_json_delta', 'partial_json': json.dumps(block['input'])}
        yield 'content_block_start', {'index': index, 'content_block': start}
        yield 'content_block_delta', {'index': index, 'delta': delta}
        yield 'content_block_stop', {'index': index}
    tools = any(block['type'] == 'tool_use' for block in blocks)
    yield 'message_delta', {'delta': {'stop_reason': 'tool_use' if tools else 'end_turn', 'stop_sequence': None},
                            'usage': usage(20)}
    yield 'message_stop', {}


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'

    def log_message(self, *_):
        pass

    def answer(self, status, kind, data):
        self.send_response(status)
        self.send_header('Content-Type', kind)
        self.send_header('Content-Length', str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def do_HEAD(self):
        self.answer(200, 'text/plain', b'')

    def do_GET(self):
        self.server.model.elsewhere.append(f'GET {self.path}')
        self.answer(404, 'application/json', b'{"type": "error", "error": {"type": "not_found_error", "message": "no"}}')

    def do_POST(self):
        data = self.rfile.read(int(self.headers.get('Content-Length', 0)))
        path = self.path.partition('?')[0]
        if path == '/v1/messages/count_tokens':
            self.answer(200, 'application/json', json.dumps({'input_tokens': len(data) // 4}).encode())
            return
        if path != '/v1/messages':
            self.server.model.elsewhere.append(f'POST {self.path}')
            self.answer(404, 'application/json', b'{}')
            return
        body = json.loads(data)
        blocks = self.server.model.answer(Turn(body, len(data)))
        if not body.get('stream'):
            message = {'id': f'msg_{next(serial):08}', 'type': 'message', 'role': 'assistant', 'model': body['model'],
                       'content': blocks, 'stop_reason': 'end_turn', 'stop_sequence': None,
                       'usage': {'input_tokens': 1, 'output_tokens': 1}}
            self.answer(200, 'application/json', json.dumps(message).encode())
            return
        stream = ''.join(f'event: {name}\ndata: {json.dumps({"type": name} | data)}\n\n'
                         for name, data in events(body['model'], blocks))
        self.answer(200, 'text/event-stream', stream.encode())


class Model:
    """The server, as a context. Turns are those of conversations; aside is all else that was asked."""

    def __init__(self):
        self.play = script()
        self.turns, self.aside, self.elsewhere, self.errors = [], [], [], []
        self.changed = threading.Condition()
        self.server = http.server.ThreadingHTTPServer(('127.0.0.1', 0), Handler)
        self.server.daemon_threads = True
        self.server.model = self
        self.url = f'http://127.0.0.1:{self.server.server_port}'
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()

    def does(self, *steps):
        """These answers, one after the other, and what was asked before is forgotten."""
        self.turns, self.play = [], script(*steps)

    def answer(self, turn):
        if not turn.tools:
            self.aside.append(turn)
            return [say('A word')]
        try:
            blocks = self.play(turn)
        except Exception as error:  # pylint: disable=broad-exception-caught
            self.errors.append(error)
            blocks = [say(f'The model failed: {error!r}')]
        with self.changed:
            self.turns.append(turn)
            self.changed.notify_all()
        return blocks if isinstance(blocks, list) else [blocks]

    def wait(self, condition):
        """Until a turn is as it should be; that turn."""
        def found():
            return next((turn for turn in self.turns if condition(turn)), None)

        with self.changed:
            assert self.changed.wait_for(found, PATIENCE), [turn.last[-2000:] for turn in self.turns]
            return found()


def script(*steps):
    """A model that makes these answers, one after the other; a step may be a function of the turn."""
    left = collections.deque(steps)

    def play(turn):
        step = left.popleft() if left else say('Nothing is left to do.')
        return step(turn) if callable(step) else step

    return play
