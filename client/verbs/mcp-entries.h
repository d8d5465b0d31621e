/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */
#pragma once

/* The entries of MCP clients that start this server, as these clients keep them: files of the user and of the current
 * directory, and what Codex says of its own. */

#include "macro.h"

#define MCP_WAIT_DEFAULT (50 * USEC_PER_SEC) /* less than the 60 s of many clients */

/* Of these clients setup says how an entry is added. */
#define MCP_CLIENT_CLAUDE "Claude Code"
#define MCP_CLIENT_CODEX "Codex"

typedef struct McpEntry {
        const char *client;
        char *name;
        char *command;
        char **arguments;    /* all behind the command */
        uint64_t limit_usec; /* the client waits for an answer no longer; USEC_INFINITY: it does, or nobody knows */
        bool disabled;
} McpEntry;

typedef struct McpEntries {
        McpEntry *entries;
        size_t n;
        char *unreadable; /* the first file that is not understood; NULL: there is none */
} McpEntries;

void mcp_entries_clear(McpEntries *e);
#define _cleanup_mcp_entries_ _cleanup_(mcp_entries_clear)

/* Adds those of all files. Returns 0 or -ENOMEM. */
int mcp_entries_read_files(McpEntries *e);

/* Adds those of the answer of "codex mcp list --json", which warnings may precede. Returns 0 or -ENOMEM. */
int mcp_entries_read_codex(McpEntries *e, const char *answer);

/* How long a call waits at most: --wait of the entry, or the default. */
uint64_t mcp_entry_wait(const McpEntry *entry);
