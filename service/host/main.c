/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

/* codex-jobs-host: the main process of a job that runs on another host, as the user of the job; see relay.h.
 *
 *   ID           runs the job whose description is on standard input
 *   --reap ID    cancels what is left of it there; of a unit, after its process (ExecStopPost=) */

#include "build-tag.h"
#include "relay.h"

int main(int argc, char *argv[]) {
        if (argc == 2 && streq(argv[1], "--version")) {
                (void) puts(build_version());
                return EXIT_SUCCESS;
        }
        if (argc == 3 && streq(argv[1], "--reap"))
                return elsewhere_is_done() ? EXIT_SUCCESS : reap(argv[2]);
        if (argc == 2 && argv[1][0] != '-')
                return relay_run(argv[1]);
        (void) fputs("This program is started by codex-jobsd.\n", stderr);
        return EXIT_FAILURE;
}
