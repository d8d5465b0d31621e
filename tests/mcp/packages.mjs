// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The Codex Jobs authors
// The official packages, from the folder that MCP_PACKAGES names, and the server as a client starts it.
import { pathToFileURL } from 'node:url';

const modules = `${process.env.MCP_PACKAGES}/node_modules/@modelcontextprotocol`;
export const load = path => import(pathToFileURL(`${modules}/${path}`).href);
export const info = { name: 'test', version: '1' };
export const server = { command: 'codex-jobs', args: ['mcp', '--system'], cwd: '/' };

export const only = result => {
    const [job, ...others] = (result.structuredContent ?? result).jobs;
    if (others.length > 0)
        throw new Error('more than one job');
    return job;
};
