/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

#include "advice.h"
#include "macro.h"

#define LOGIN "codex login"
#define FRESH "codex-jobs task --fresh"
#define INSTALL "npm install -g @openai/codex"

/* The first match is used. The parts are from messages of codex-cli 0.169.0. */
static const Advice table[] = {
        { "Incorrect API key", "The API key of Codex was rejected", "Run '" LOGIN "', or set a valid key", LOGIN },
        { "401 Unauthorized", "Codex is not logged in", "Run '" LOGIN "'", LOGIN },
        { "Not logged in", "Codex is not logged in", "Run '" LOGIN "'", LOGIN },
        { "usage limit", "Usage limit of Codex reached", "Wait until it is reset", .resumable = true },
        { "429 Too Many Requests", "Too many requests to the model", "Wait a while", .resumable = true },
        { "high demand", "The model server is overloaded", "Wait a while", .resumable = true },
        { "ran out of room", "The thread is too long", "Start a new one with '" FRESH "'", FRESH },
        { "stream disconnected", "Lost connection to the model", "Check the network", .resumable = true },
        { "Connection failed", "Failed to connect to the model", "Check the network", .resumable = true },
        { "Missing environment variable", "The configuration of Codex requires a variable that is not set", "Set it" },
        { "no rollout found", "Codex thread not found", "Start a new one with '" FRESH "'", FRESH },
        { "active writer", "The thread is in use", "Wait until its other job has finished", .resumable = true },
        { "Not inside a trusted directory", "Codex requires a git repository", "Change to one, or run 'git init'" },
        { "No prompt provided", "The prompt is empty", "Provide a prompt" },
        { "exceeds the maximum length", "The prompt is too long", "Store the material in a file and refer to it" },
        { "finding codex home", "Codex home directory not found", "Set HOME or CODEX_HOME" },
        { "Error loading config", "Invalid configuration of Codex", "Fix it" },
        { "app-server client: Permission denied", "Codex cannot write to its home directory", "Check its owner" },
        { "node", "Node.js, which Codex requires, was not found", "Add node to PATH" },
        { "error: ", "Codex does not support an option", "Update it with '" INSTALL "'", INSTALL },
};

static bool fits(const Advice *advice, const char *reason) {
        if (streq(advice->part, "node"))
                return strstr(reason, "env: ") && strstr(reason, "node");
        if (streq(advice->part, "error: "))
                return startswith(reason, "error: ");
        return strstr(reason, advice->part);
}

const Advice *advice_find(const char *reason) {
        for (size_t i = 0; i < ELEMENTSOF(table); i++)
                if (fits(&table[i], reason))
                        return &table[i];
        return NULL;
}
