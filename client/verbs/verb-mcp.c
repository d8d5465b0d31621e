/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

/* codex-jobs mcp: jobs for clients of the Model Context Protocol. */

#include <fcntl.h>

#include "mcp-entries.h"
#include "server.h"
#include "verbs.h"

#define WAIT_MIN USEC_PER_SEC

enum {
        OPTION_READ_ONLY_TOOLS = OPTION_VERB,
        OPTION_WAIT_TIME,
};

static ServerOptions given = { .wait_usec = MCP_WAIT_DEFAULT, .in = STDIN_FILENO };

static int option(const Verb *verb, int option) {
        int r;

        if (option == OPTION_READ_ONLY_TOOLS) {
                given.read_only = true;
                return 0;
        }
        r = option_timespan(verb, "wait", &given.wait_usec);
        if (r >= 0 && given.wait_usec < WAIT_MIN) {
                (void) usage_error(verb, "Invalid value '%.64s' for --wait: must be at least 1s", optarg);
                return -EINVAL;
        }
        return r;
}

static int check(Invocation *in) {
        if (in->json)
                return usage_error(in->verb, "'mcp' has no --json; it speaks JSON-RPC");
        in->quiet = true; /* clients show what is on stderr as an error */
        return 0;
}

/* Messages must be all that is on stdout: whatever else would write there writes to stderr. */
static int take_stdout(int *ret) {
        int fd = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);

        if (fd < 0)
                return -errno;
        *ret = fd;
        return dup2(STDERR_FILENO, STDOUT_FILENO) < 0 ? -errno : 0;
}

static int run(Invocation *in) {
        int r;

        r = client_catch_signals(in->client);
        if (r >= 0)
                r = take_stdout(&given.out);
        return r < 0 ? r : server_run(in->client, &given, &in->error);
}

const Verb verb_mcp = {
        .name = "mcp",
        .arguments = "",
        .flags = VERB_TEXT | VERB_HERE,
        .options = (const struct option[]) {
                { "read-only", no_argument, NULL, OPTION_READ_ONLY_TOOLS },
                { "wait", required_argument, NULL, OPTION_WAIT_TIME },
                {},
        },
        .option = option,
        .check = check,
        .run = run,
        .summary = "Serve jobs to MCP clients",
        .help = "Serve jobs to a client of the Model Context Protocol (MCP), such as Claude Code, Codex or an\n"
                "editor, which starts this command and speaks JSON-RPC with it on standard input and output.\n"
                "The tools are run, task, await, list, output and cancel. Jobs keep running when the client or\n"
                "this server exits, and any other server of yours continues to report them.\n"
                "\n"
                "Options:\n"
                "      --read-only          Offer only tools that change nothing: await, list, output\n"
                "      --wait TIME          Answer a call after this time at the latest, even if the job is\n"
                "                           still running; must be less than the time limit of the client\n"
                "                           (default: 50s)\n",
};
