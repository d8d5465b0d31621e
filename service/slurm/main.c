/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

/* codex-jobs-slurm: the main process of a job that runs on a cluster, as the user of the job; see adapter.h.
 *
 *   ID           runs the job whose description is on standard input
 *   --reap ID    cancels what is left of it in Slurm; of a unit, after its process (ExecStopPost=)
 *   --check      tells what is wrong with the installation of Slurm */

#include "adapter.h"
#include "build-tag.h"
#include "elsewhere.h"

static int reap(const char *id) {
        SlurmJob job;

        if (elsewhere_is_done())
                return EXIT_SUCCESS;
        if (!slurm_is_installed()) {
                (void) fputs("srun is not installed: what became of the job in Slurm is not known.\n", stderr);
                return EXIT_FAILURE;
        }
        slurm_job_init(&job, id, 0);
        slurm_reap(&job);
        return EXIT_SUCCESS;
}

int main(int argc, char *argv[]) {
        if (argc == 2 && streq(argv[1], "--version")) {
                (void) puts(build_version());
                return EXIT_SUCCESS;
        }
        if (argc == 2 && streq(argv[1], "--check"))
                return slurm_check();
        if (argc == 3 && streq(argv[1], "--reap"))
                return reap(argv[2]);
        if (argc == 2 && argv[1][0] != '-')
                return adapter_run(argv[1]);
        (void) fputs("This program is started by codex-jobsd. With --check it examines the installation of Slurm.\n", stderr);
        return EXIT_FAILURE;
}
