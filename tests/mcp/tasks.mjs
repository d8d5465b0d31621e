// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The Codex Jobs authors
// ext-tasks in both generations. "start" calls a tool, prints what it takes to continue, and is killed; "resume" continues
// in a new process with a new server.
import assert from 'node:assert/strict';
import { info, load, only, server } from './packages.mjs';

const { Client } = await load('client/dist/index.mjs');
const { StdioClientTransport } = await load('client/dist/stdio.mjs');
const { createTaskSessionFromClient, resultFromTaskOutcome } = await load('ext-tasks/dist/client/index.js');
const [action, generation, reference] = process.argv.slice(2);
const modern = generation === 'modern';
const extension = { extensions: { 'io.modelcontextprotocol/tasks': {} } };

// Requests whose answers the client itself does not know go past it.
class Tap {
    waiting = new Map();
    count = 0;

    constructor(inner) {
        this.inner = inner;
        inner.onclose = () => this.onclose?.();
        inner.onerror = error => this.onerror?.(error);
        inner.onmessage = (message, extra) => {
            const resolve = this.waiting.get(message.id);
            this.waiting.delete(message.id);
            if (!resolve)
                return this.onmessage?.(message, extra);
            return resolve(message.error ? { kind: 'error', error: message.error } : { kind: 'result', result: message.result });
        };
    }

    start = () => this.inner.start();
    send = (message, options) => this.inner.send(message, options);
    close = () => this.inner.close();

    dispatch = (request, options) => new Promise((resolve, reject) => {
        const id = `raw-${++this.count}`;
        this.waiting.set(id, resolve);
        options?.signal?.addEventListener('abort', () => reject(options.signal.reason));
        this.send({ jsonrpc: '2.0', ...request, id }).catch(reject);
    });
}

const transport = new Tap(new StdioClientTransport(server));
const client = new Client(info, {
    capabilities: modern ? extension : {}, versionNegotiation: { mode: modern ? { pin: '2026-07-28' } : 'legacy' } });
await client.connect(transport);
const session = createTaskSessionFromClient(client, { endpointId: 'jobs', ...(modern ? {
    rawDispatch: transport.dispatch,
    v2RequestFraming: { protocolVersion: '2026-07-28', clientInfo: info, clientCapabilities: extension } } : {}) });

if (action === 'start') {
    const execution = await session.callTool('run',
        { command: ['sh', '-c', 'echo begun; sleep 6; echo ended; exit 9'], wait_ms: 0 }, { task: { preference: 'require' } });
    assert.equal(execution.kind, 'task');
    console.log(JSON.stringify(execution.serializeReference()));
    setInterval(() => {}, 1000);
} else {
    const execution = await session.resumeTask(JSON.parse(reference));
    const { outcome } = await execution.settle();
    const job = only(resultFromTaskOutcome(outcome));
    assert.equal(job.exit_code, 9);
    assert.equal(job.stdout, 'begun\nended\n');
    await session.close();
    await client.close();
}
