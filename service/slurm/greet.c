/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

#include "node.h"

int node_refuse(FrameReason reason, const char *text) {
        char line[64];

        (void) snprintf(line, sizeof(line), "X %u %zu", reason, strlen(text));
        (void) frame_write(STDOUT_FILENO, line, text, strlen(text));
        return EXIT_FAILURE;
}

int node_greet(void) {
        char line[FRAME_LINE_MAX];

        (void) snprintf(line, sizeof(line), "H %u %s %.200s", FRAME_VERSION, getenv("SLURM_JOB_ID") ?: "0",
                        getenv("SLURMD_NODENAME") ?: "unknown");
        return frame_write(STDOUT_FILENO, line, NULL, 0);
}
