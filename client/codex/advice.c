/* SPDX-License-Identifier: Apache-2.0 */

#include "advice.h"
#include "macro.h"

#define LOGIN "codex login"
#define FRESH "codex-jobs task --fresh"
#define INSTALL "npm install -g @openai/codex"

/* The first that fits. The parts are of texts of codex-cli 0.169.0. */
static const Advice table[] = {
        { "Incorrect API key", "Codex's key was refused: run '" LOGIN "', or set the right one", LOGIN },
        { "401 Unauthorized", "Codex is not logged in: run '" LOGIN "'", LOGIN },
        { "Not logged in", "Codex is not logged in: run '" LOGIN "'", LOGIN },
        { "usage limit", "Codex's usage limit is reached: wait until it is reset", .go_on = true },
        { "429 Too Many Requests", "the model takes no more requests for now: wait a while", .go_on = true },
        { "high demand", "the model's server has trouble: wait a while", .go_on = true },
        { "ran out of room", "the thread is too long: begin a new one with '" FRESH "'", FRESH },
        { "stream disconnected", "the connection to the model broke off: see to the network", .go_on = true },
        { "Connection failed", "the model cannot be reached: see to the network", .go_on = true },
        { "Missing environment variable", "Codex's configuration wants a variable that is not set: set it" },
        { "no rollout found", "Codex has no such thread (any more): begin a new one with '" FRESH "'", FRESH },
        { "active writer", "the thread is in use: wait until its other job or session has ended", .go_on = true },
        { "Not inside a trusted directory", "Codex wants a git repository: go to one, or run 'git init'" },
        { "No prompt provided", "the prompt is empty: say what is to be done" },
        { "exceeds the maximum length", "the prompt is too long: put the material into a file and name that" },
        { "finding codex home", "Codex does not find its folder: set HOME or CODEX_HOME" },
        { "Error loading config", "Codex's configuration is broken: mend it" },
        { "app-server client: Permission denied", "Codex may not write to its folder: see whose it is" },
        { "node", "Codex lacks Node, which the npm package needs: put node into the PATH" },
        { "error: ", "Codex does not take an option: update it with '" INSTALL "'", INSTALL },
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
