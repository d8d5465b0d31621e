/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include "failpoint.h"

static int directory = -1; /* kept until the process exits */

void failpoint_init(const char *state_directory) {
        char path[PATH_MAX];

        (void) snprintf(path, sizeof(path), "%s/failpoints", state_directory);
        directory = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

bool failpoint_take(const char *name) {
        return directory >= 0 && unlinkat(directory, name, 0) == 0;
}

void failpoint_die(const char *name) {
        if (failpoint_take(name))
                (void) kill(getpid(), SIGKILL);
}
