/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

#include <fcntl.h>
#include <sys/inotify.h>
#include <sys/stat.h>

#include "program-watch.h"

/* A package manager replaces one file after the other. */
#define SETTLE_USEC (2 * USEC_PER_SEC)
#define AGAIN_USEC USEC_PER_SEC
#define LOOK_USEC (5 * USEC_PER_SEC) /* without inotify */

struct ProgramWatch {
        char *path;
        int fd; /* of the file as it was when the program was started; keeps its inode from being used again */
        sd_event_source *inotify_source; /* NULL: the user has too many instances, the file is looked at from time to time */
        sd_event_source *timer;
        bool removed;
        ProgramCallback changed;
        void *userdata;
};

static int look_in(ProgramWatch *watch, uint64_t usec) {
        int r = sd_event_source_set_time_relative(watch->timer, usec);

        return r < 0 ? r : sd_event_source_set_enabled(watch->timer, SD_EVENT_ONESHOT);
}

/* Its number of links changes when it is replaced, and also when a package manager keeps it under another name first. */
static int on_inotify(sd_event_source *source, const struct inotify_event *event, void *userdata) {
        return look_in(userdata, SETTLE_USEC);
}

static bool is_same(const struct stat *a, const struct stat *b) {
        return a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}

static int on_settled(sd_event_source *source, uint64_t usec, void *userdata) {
        ProgramWatch *watch = userdata;
        struct stat started, installed;
        bool removed;
        int r;

        r = watch->inotify_source ? 0 : look_in(watch, LOOK_USEC);
        if (r < 0 || fstat(watch->fd, &started) < 0)
                return r;
        removed = stat(watch->path, &installed) < 0;
        if (removed ? errno != ENOENT : !watch->removed && is_same(&started, &installed))
                return 0;
        watch->removed = removed;
        if (removed) {
                r = look_in(watch, AGAIN_USEC);
                if (r < 0)
                        return r;
        }
        return watch->changed(removed, watch->userdata);
}

int program_watch_new(ProgramWatch **ret, sd_event *event, const char *path, ProgramCallback changed, void *userdata) {
        _cleanup_(program_watch_freep) ProgramWatch *watch = NULL;
        int r;

        watch = calloc(1, sizeof(*watch));
        if (!watch)
                return -ENOMEM;
        watch->changed = changed;
        watch->userdata = userdata;
        watch->fd = open(path, O_PATH | O_CLOEXEC);
        if (watch->fd < 0)
                return -errno;
        watch->path = strdup(path);
        if (!watch->path)
                return -ENOMEM;
        r = sd_event_add_inotify_fd(event, &watch->inotify_source, watch->fd, IN_ATTRIB | IN_MOVE_SELF, on_inotify, watch);
        if (r == -EMFILE || r == -ENFILE || r == -ENOSPC || r == -ENOMEM)
                r = 0;
        if (r >= 0)
                r = sd_event_add_time_relative(event, &watch->timer, CLOCK_MONOTONIC, LOOK_USEC, 0, on_settled, watch);
        if (r >= 0 && watch->inotify_source)
                r = sd_event_source_set_enabled(watch->timer, SD_EVENT_OFF);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(watch);
        return 0;
}

ProgramWatch *program_watch_free(ProgramWatch *watch) {
        if (!watch)
                return NULL;

        (void) sd_event_source_disable_unref(watch->inotify_source);
        (void) sd_event_source_disable_unref(watch->timer);
        if (watch->fd >= 0)
                (void) close(watch->fd);
        free(watch->path);
        free(watch);
        return NULL;
}
