/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

#include <fcntl.h>
#include <sys/inotify.h>
#include <sys/stat.h>

#include "program-watch.h"

/* A package manager replaces one file after the other. */
#define SETTLE_USEC (2 * USEC_PER_SEC)
#define LOOK_USEC (5 * USEC_PER_SEC) /* without inotify: the first pause, which grows */
#define LOOK_MAX_USEC (60 * USEC_PER_SEC)

struct ProgramWatch {
        char *path;
        int fd; /* of the file as it was when the program was started; keeps its inode from being used again */
        sd_event_source *inotify_source; /* NULL: the user has too many instances, the file is looked at from time to time */
        sd_event_source *folder_source;  /* of a removed file: the folder it would appear in */
        char *folder;                    /* which that is */
        sd_event_source *timer;
        uint64_t pause_usec; /* without inotify */
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

static void clear_folder(ProgramWatch *watch) {
        free(watch->folder);
        watch->folder = NULL;
}

static int on_folder(sd_event_source *source, const struct inotify_event *event, void *userdata) {
        ProgramWatch *watch = userdata;

        if (event->mask & (IN_DELETE_SELF | IN_MOVE_SELF | IN_IGNORED))
                clear_folder(watch);
        return look_in(watch, SETTLE_USEC);
}

static bool is_same(const struct stat *a, const struct stat *b) {
        return a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}

/* Of the user or host; not a fault of the file. */
static bool is_exhausted(int r) {
        return r == -EMFILE || r == -ENFILE || r == -ENOSPC || r == -ENOMEM;
}

static int look_later(ProgramWatch *watch) {
        uint64_t usec = watch->pause_usec;

        watch->pause_usec = usec * 2 < LOOK_MAX_USEC ? usec * 2 : LOOK_MAX_USEC;
        return look_in(watch, usec);
}

/* Returns whether it is another one than before. */
static int watch_folder(ProgramWatch *watch, const char *folder) {
        sd_event_source *source;
        char *copy;
        int r;

        if (watch->folder && streq(watch->folder, folder))
                return 0;
        r = sd_event_add_inotify(sd_event_source_get_event(watch->timer), &source, folder,
                                 IN_CREATE | IN_MOVED_TO | IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR, on_folder, watch);
        if (r < 0)
                return r;
        (void) sd_event_source_disable_unref(watch->folder_source);
        watch->folder_source = source;
        copy = strdup(folder);
        if (!copy)
                return -ENOMEM;
        free(watch->folder);
        watch->folder = copy;
        return 1;
}

/* Its folder may be removed as well: the nearest one that is there. Looks again after another one was found, in which the
 * file, or the next folder, may have appeared before. */
static int await_file(ProgramWatch *watch) {
        _cleanup_free_ char *folder = strdup(watch->path);
        int r = -ENOENT;

        if (!folder)
                return -ENOMEM;
        for (char *end = strrchr(folder, '/'); r == -ENOENT && end; end = strrchr(folder, '/')) {
                *end = '\0';
                r = watch_folder(watch, *folder ? folder : "/");
        }
        if (r < 0)
                return look_later(watch);
        return r > 0 ? look_in(watch, SETTLE_USEC) : 0;
}

static int on_settled(sd_event_source *source, uint64_t usec, void *userdata) {
        ProgramWatch *watch = userdata;
        struct stat started, installed;
        bool removed, before = watch->removed;
        int r;

        if (fstat(watch->fd, &started) < 0)
                return -errno;
        removed = stat(watch->path, &installed) < 0;
        if (removed && errno != ENOENT)
                return look_later(watch);
        watch->removed = removed;
        if (!removed && (before || !is_same(&started, &installed)))
                return watch->changed(false, watch->userdata);
        r = removed ? await_file(watch) : watch->inotify_source ? 0 : look_later(watch);
        return r < 0 || !removed || before ? r : watch->changed(true, watch->userdata);
}

int program_watch_new(ProgramWatch **ret, sd_event *event, const char *path, ProgramCallback changed, void *userdata) {
        _cleanup_(program_watch_freep) ProgramWatch *watch = NULL;
        int r;

        watch = calloc(1, sizeof(*watch));
        if (!watch)
                return -ENOMEM;
        watch->pause_usec = LOOK_USEC;
        watch->changed = changed;
        watch->userdata = userdata;
        watch->fd = open(path, O_PATH | O_CLOEXEC);
        if (watch->fd < 0)
                return -errno;
        watch->path = strdup(path);
        if (!watch->path)
                return -ENOMEM;
        r = sd_event_add_inotify_fd(event, &watch->inotify_source, watch->fd, IN_ATTRIB | IN_MOVE_SELF, on_inotify, watch);
        if (is_exhausted(r))
                r = 0;
        if (r >= 0)
                r = sd_event_add_time_relative(event, &watch->timer, CLOCK_MONOTONIC, LOOK_USEC, 0, on_settled, watch);
        if (r >= 0)
                r = watch->inotify_source ? sd_event_source_set_enabled(watch->timer, SD_EVENT_OFF) : look_later(watch);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(watch);
        return 0;
}

ProgramWatch *program_watch_free(ProgramWatch *watch) {
        if (!watch)
                return NULL;

        (void) sd_event_source_disable_unref(watch->inotify_source);
        (void) sd_event_source_disable_unref(watch->folder_source);
        (void) sd_event_source_disable_unref(watch->timer);
        if (watch->fd >= 0)
                (void) close(watch->fd);
        free(watch->folder);
        free(watch->path);
        free(watch);
        return NULL;
}
