// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The Codex Jobs authors
// HTTP on the loopback device to codex-jobs mcp, for the conformance suite, which knows no other transport. Tools of the
// suite's own are calls of run. Usage: bridge.mjs PORT
import { createServer } from 'node:http';
import { execFileSync, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { server } from './packages.mjs';

const fixtures = {
    slow_compute: ({ seconds = 0 }) => ({ command: ['sleep', `${seconds}`], wait_ms: seconds > 0 ? 0 : 5000 }),
    greet: ({ name = 'you' }) => ({ command: ['echo', `Hello, ${name}!`] }),
    failing_job: () => ({ command: ['false'], wait_ms: 0 }),
};
// The resource that the suite subscribes to.
const job = execFileSync('codex-jobs', ['enqueue', '--system', '--quiet', '--', 'sleep', '600'], { cwd: '/' }).toString().trim();
const process_ = spawn(server.command, server.args, { stdio: ['pipe', 'pipe', 'inherit'], cwd: server.cwd });
const waiting = new Map();
const streams = new Map(); // of subscriptions, by their ID
let legacy; // the stream of a client with a handshake
let next = 1;

const event = message => `event: message\ndata: ${JSON.stringify(message)}\n\n`;

createInterface({ input: process_.stdout }).on('line', line => {
    const message = JSON.parse(line);
    const subscription = message.params?._meta?.['io.modelcontextprotocol/subscriptionId'];
    if (message.method !== undefined) {
        if (subscription !== undefined) {
            const stream = streams.get(subscription);
            message.params._meta['io.modelcontextprotocol/subscriptionId'] = stream?.id;
            stream?.response.write(event(message));
        } else
            legacy?.write(event(message));
        return;
    }
    const { id, answer } = waiting.get(message.id) ?? {};
    waiting.delete(message.id);
    answer?.({ ...message, id });
});

// Each client counts its requests from one, and they share the server: here each gets an ID of its own.
const forward = (message, answer) => {
    if (message.id === undefined) {
        process_.stdin.write(`${JSON.stringify(message)}\n`);
        return undefined;
    }
    const id = next++;
    const made = fixtures[message.params?.name];
    if (message.method === 'tools/call' && made)
        message = { ...message, params: { ...message.params, name: 'run', arguments: made(message.params.arguments ?? {}) } };
    if (message.params?.uri?.startsWith('test://watched'))
        message = { ...message, params: { ...message.params, uri: `job://${job}/record` } };
    waiting.set(id, { id: message.id, answer });
    process_.stdin.write(`${JSON.stringify({ ...message, id })}\n`);
    return id;
};

const codes = { '-32601': 404, '-32602': 400, '-32020': 400, '-32021': 400, '-32022': 400 };

const post = (message, response) => {
    const session = message.method === 'initialize' ? { 'mcp-session-id': 'one' } : {};
    if (message.id === undefined) {
        forward(message);
        response.writeHead(202).end();
    } else if (message.method === 'subscriptions/listen') {
        response.writeHead(200, { 'content-type': 'text/event-stream' });
        const id = forward(message, answer => response.end(event(answer)));
        streams.set(id, { id: message.id, response });
        response.on('close', () => forward({ jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: id } }));
    } else
        forward(message, answer => {
            const modern = message.params?._meta?.['io.modelcontextprotocol/protocolVersion'];
            response.writeHead(answer.error && modern ? codes[answer.error.code] ?? 200 : 200,
                { 'content-type': 'application/json', ...session });
            response.end(JSON.stringify(answer));
        });
};

createServer((request, response) => {
    if (request.method === 'GET') {
        response.writeHead(200, { 'content-type': 'text/event-stream' });
        legacy = response;
        return;
    }
    if (request.method !== 'POST') {
        response.writeHead(200).end();
        return;
    }
    let body = '';
    request.on('data', part => { body += part; });
    request.on('end', () => post(JSON.parse(body), response));
}).listen(Number(process.argv[2]), '127.0.0.1', () => console.log('ready'));
process_.on('exit', () => process.exit(1));
