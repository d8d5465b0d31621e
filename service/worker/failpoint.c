/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

#include <limits.h>

#include "worker.h"

static const Description *description; /* of the only job of this process */

void worker_failpoint_init(const Description *d) {
        description = d;
}

void worker_failpoint(const char *name) {
        char armed[PATH_MAX], taken[PATH_MAX];

        (void) snprintf(armed, sizeof(armed), "%s/.failpoints/%s", description->trailer.folders, name);
        (void) snprintf(taken, sizeof(taken), "%s/.failpoints/%s.%s", description->trailer.folders, name, description->id);
        if (rename(armed, taken) == 0)
                (void) kill(getpid(), SIGKILL);
}
