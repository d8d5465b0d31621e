/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

#include <fcntl.h>
#include <sys/stat.h>

#include "macro.h"
#include "mark.h"
#include "text-new.h"

#define FOLDER "codex-jobs-notify"

/* The folder that the marks are in; NULL when memory is short or there is no home. */
static char *mark_folder(void) {
        const char *state = getenv("XDG_STATE_HOME"), *home = getenv("HOME");

        if (!isempty(state) && state[0] == '/')
                return text_new("%s/" FOLDER, state);
        return isempty(home) ? NULL : text_new("%s/.local/state/" FOLDER, home);
}

static char *mark_path(const char *folder, bool system) {
        return text_new("%s/%s", folder, system ? "system" : "session");
}

bool mark_is_set(bool system) {
        _cleanup_free_ char *folder = mark_folder(), *path = NULL;

        path = folder ? mark_path(folder, system) : NULL;
        return path && access(path, F_OK) == 0;
}

/* Makes a folder with those above it, which are private as everything in ~/.local/state. */
static int make_folders(char *path) {
        for (char *p = path + 1;; p++) {
                bool end = !*p;

                if (!end && *p != '/')
                        continue;
                *p = 0;
                if (mkdir(path, 0700) < 0 && errno != EEXIST)
                        return -errno;
                if (end)
                        return 0;
                *p = '/';
        }
}

int mark_set(bool system) {
        _cleanup_free_ char *folder = mark_folder(), *path = NULL;
        _cleanup_close_ int fd = -EBADF;
        int r;

        if (!folder)
                return -ENOMEM;
        path = mark_path(folder, system);
        if (!path)
                return -ENOMEM;
        r = make_folders(folder);
        if (r < 0)
                return r;
        fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
        return fd < 0 ? -errno : 0;
}
