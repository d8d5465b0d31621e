// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The Codex Jobs authors
// SDK v1: calls, progress, a limit of time, tasks of 2025-11-25, resources.
import assert from 'node:assert/strict';
import { info, load, only, server } from './packages.mjs';

const { Client } = await load('sdk/dist/esm/client/index.js');
const { StdioClientTransport } = await load('sdk/dist/esm/client/stdio.js');
const { CallToolResultSchema, ResourceUpdatedNotificationSchema } = await load('sdk/dist/esm/types.js');

const client = new Client(info, { capabilities: {} });
await client.connect(new StdioClientTransport(server));
assert.equal(client.getServerVersion().name, 'codex-jobs');
const run = (args, ...rest) => client.callTool({ name: 'run', arguments: args }, undefined, ...rest);

// The client checks what it gets against the schema of the output.
assert.equal((await client.listTools()).tools.length, 6);
assert.equal(only(await run({ command: ['sh', '-c', 'exit 3'] })).exit_code, 3);

const told = [];
await run({ command: ['sh', '-c', 'for i in 1 2; do systemd-notify --status=step$i; sleep 1.5; done'] },
    { onprogress: progress => told.push(progress) });
assert.ok(told.length >= 2, JSON.stringify(told));
assert.ok(told.some(progress => progress.message.endsWith('step1') || progress.message.endsWith('step2')), JSON.stringify(told));

let result = await run({ command: ['sh', '-c', 'sleep 1; echo built'], wait_ms: 100 });
assert.equal(result.structuredContent.done, false);
const [tool, ...call] = result.structuredContent.next[0].split(' ');
result = await client.callTool({ name: tool, arguments: JSON.parse(call.join(' ')) });
assert.equal(only(result).stdout, 'built\n');

// The client gives up and cancels; the job does not end with it.
await assert.rejects(run({ command: ['sh', '-c', 'sleep 2; echo survived'], label: 'patient' }, { timeout: 500 }), /timed out/i);
const [left] = (await client.callTool({ name: 'list', arguments: { limit: 1 } })).structuredContent.jobs;
assert.equal(left.label, 'patient');
result = await client.callTool({ name: 'await', arguments: { ids: [left.id] } });
assert.equal(only(result).stdout, 'survived\n');

// As a task.
const seen = [];
let id;
for await (const message of client.experimental.tasks.callToolStream(
    { name: 'run', arguments: { command: ['sh', '-c', 'sleep 1; echo task; exit 4'] } }, CallToolResultSchema,
    { task: { ttl: 60000 } })) {
    seen.push(message.type);
    id ??= message.task?.taskId;
    if (message.type === 'error')
        throw message.error;
    if (message.type === 'result')
        result = message.result;
}
assert.equal(seen[0], 'taskCreated');
assert.equal(seen.at(-1), 'result');
assert.equal(only(result).exit_code, 4);
assert.equal(result._meta['io.modelcontextprotocol/related-task'].taskId, id);
assert.equal((await client.experimental.tasks.getTask(id)).status, 'completed');
assert.ok((await client.experimental.tasks.listTasks()).tasks.some(task => task.taskId === id));

// As a resource.
const updated = new Promise(resolve =>
    client.setNotificationHandler(ResourceUpdatedNotificationSchema, notification => resolve(notification.params.uri)));
const job = only(await run({ command: ['sleep', '1'], wait_ms: 0 })).id;
await client.subscribeResource({ uri: `job://${job}/stdout` });
assert.equal(await updated, `job://${job}/stdout`);
const { contents: [record] } = await client.readResource({ uri: `job://${job}/record` });
assert.equal(JSON.parse(record.text).job.state, 'completed');
assert.ok((await client.listResources()).resources.some(resource => resource.uri === `job://${job}/record`));
assert.equal((await client.listResourceTemplates()).resourceTemplates.length, 3);
await client.close();
