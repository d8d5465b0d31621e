// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The Codex Jobs authors
// SDK v2 in each mode: with a handshake, by asking, and of 2026-07-28 from the start.
import assert from 'node:assert/strict';
import { info, load, only, server } from './packages.mjs';

const { Client } = await load('client/dist/index.mjs');
const { StdioClientTransport } = await load('client/dist/stdio.mjs');

for (const [mode, version] of [['legacy', '2025-11-25'], ['auto', '2026-07-28'], [{ pin: '2026-07-28' }, '2026-07-28']]) {
    const client = new Client(info, { capabilities: {}, versionNegotiation: { mode } });
    await client.connect(new StdioClientTransport(server));
    assert.equal(client.getNegotiatedProtocolVersion(), version);
    assert.equal((await client.listTools()).tools.length, 6);
    const result = await client.callTool({ name: 'run', arguments: { command: ['sh', '-c', 'echo out; exit 2'] } });
    assert.equal(only(result).exit_code, 2);
    assert.equal(only(result).stdout, 'out\n');
    const refused = await client.callTool({ name: 'run', arguments: { command: 'ls' } });
    assert.match(refused.content[0].text, /'command' must be an array/);
    assert.equal(refused.isError, true);
    const { contents: [content] } = await client.readResource({ uri: `job://${only(result).id}/stdout` });
    assert.equal(content.text, 'out\n');
    await assert.rejects(client.readResource({ uri: 'job://job-0000000000/stdout' }), error => error.code !== undefined);
    await client.close();
}
