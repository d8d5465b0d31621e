/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

/* codex-jobs top: the jobs on the whole terminal. */

#include "top.h"
#include "verbs.h"

static int check(Invocation *in) {
        if (in->json)
                return usage_error(in->verb, "'top' has no --json; use 'codex-jobs status --json'");
        in->quiet = true; /* the screen says it */
        return 0;
}

static int run(Invocation *in) {
        return top_run(in->client, &in->error);
}

const Verb verb_top = {
        .name = "top",
        .arguments = "",
        .flags = VERB_TEXT,
        .check = check,
        .run = run,
        .summary = "Monitor and control jobs interactively",
        .help = "Monitor and control your jobs of all workspaces (for root, of all users) interactively, with\n"
                "progress, CPU and memory usage of running jobs. Keys:\n"
                "\n"
                "  Up Down j k      Select a job          c   Cancel it\n"
                "  Enter l          Show its output       r   Retry it\n"
                "  /                Filter                p   Pause or resume your queue\n"
                "  ?                Show all keys         q   Quit\n"
                "\n"
                "Options:\n",
};
