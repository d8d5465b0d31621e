/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

#include <fcntl.h>
#include <sys/random.h>
#include <sys/stat.h>

#include "read-write.h"
#include "say.h"
#include "text-new.h"
#include "viewer.h"

#define FILES_MAX 16U /* that stay at a time: the runtime directory is memory */

struct Viewer {
        Link *session; /* not owned */
        char *folder;
        char *files[FILES_MAX]; /* a ring */
        size_t n_files;
};

/* A start that is under way. Belongs to its slot. */
typedef struct Opening {
        void (*failed)(const char *text, void *userdata);
        void *userdata; /* not owned */
} Opening;

/* ---- The file ---- */

/* Under a new name first: an older one may be open somewhere, and is to stay as it is. */
static int write_file(const char *path, const char *text) {
        _cleanup_close_ int fd = -EBADF;

        if (unlink(path) < 0 && errno != ENOENT)
                return -errno;
        fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
        if (fd < 0)
                return -errno;
        return write_all(fd, text, strlen(text));
}

/* Takes the path. The same one may come again. Returns the one that is kept. */
static const char *keep_file(Viewer *v, char *path) {
        char **slot;

        for (size_t i = 0; i < FILES_MAX; i++)
                if (v->files[i] && streq(v->files[i], path)) {
                        free(path);
                        return v->files[i];
                }
        slot = &v->files[v->n_files++ % FILES_MAX];
        if (*slot)
                (void) unlink(*slot);
        free(*slot);
        *slot = path;
        return path;
}

static int make_file(Viewer *v, const View *view, const char **ret) {
        char *path;
        int r;

        if (mkdir(v->folder, 0700) < 0 && errno != EEXIST)
                return -errno;
        path = text_new("%s/%s", v->folder, view->name);
        if (!path)
                return -ENOMEM;
        r = write_file(path, view->text);
        if (r < 0) {
                (void) unlink(path);
                free(path);
                return r;
        }
        *ret = keep_file(v, path);
        return 0;
}

/* ---- The program ---- */

static bool is_program(const char *folder, size_t n, const char *name) {
        _cleanup_free_ char *path = text_new("%.*s/%s", (int) n, folder, name);

        if (!path)
                return false;
        return access(path, X_OK) == 0;
}

/* The service manager would report only in its log that there is no such program. */
static bool program_exists(const char *name) {
        const char *folders = getenv("PATH") ?: "/usr/local/bin:/usr/bin:/bin";

        if (strchr(name, '/'))
                return access(name, X_OK) == 0;
        for (;;) {
                size_t n = strcspn(folders, ":");

                if (n > 0 && is_program(folders, n, name))
                        return true;
                if (!folders[n])
                        return false;
                folders += n + 1;
        }
}

static int append_environment(sd_bus_message *m, const char *token) {
        _cleanup_free_ char *wayland = NULL, *x11 = NULL;

        if (!token)
                return 0;
        wayland = text_new("XDG_ACTIVATION_TOKEN=%s", token);
        if (!wayland)
                return -ENOMEM;
        x11 = text_new("DESKTOP_STARTUP_ID=%s", token);
        if (!x11)
                return -ENOMEM;
        return sd_bus_message_append(m, "(sv)", "Environment", "as", 2, wayland, x11);
}

/* Nothing of the command is expanded. */
static int append_command(sd_bus_message *m, char *const *opener, const char *path) {
        int r;

        r = sd_bus_message_open_container(m, 'r', "sv");
        if (r >= 0)
                r = sd_bus_message_append(m, "s", "ExecStartEx");
        if (r >= 0)
                r = sd_bus_message_open_container(m, 'v', "a(sasas)");
        if (r >= 0)
                r = sd_bus_message_open_container(m, 'a', "(sasas)");
        if (r >= 0)
                r = sd_bus_message_open_container(m, 'r', "sasas");
        if (r >= 0)
                r = sd_bus_message_append(m, "s", opener[0]);
        if (r >= 0)
                r = sd_bus_message_open_container(m, 'a', "s");
        for (; r >= 0 && *opener; opener++)
                r = sd_bus_message_append(m, "s", *opener);
        if (r >= 0)
                r = sd_bus_message_append(m, "s", path);
        if (r >= 0)
                r = sd_bus_message_close_container(m);
        if (r >= 0)
                r = sd_bus_message_append(m, "as", 1, "no-env-expand");
        for (int i = 0; r >= 0 && i < 4; i++)
                r = sd_bus_message_close_container(m);
        return r;
}

static int append_properties(sd_bus_message *m, const View *view, const char *path) {
        int r;

        r = sd_bus_message_open_container(m, 'a', "(sv)");
        if (r >= 0)
                r = sd_bus_message_append(m, "(sv)(sv)(sv)(sv)(sv)", "Description", "s", view->name, "Type", "s",
                                          "exec", "ExitType", "s", "cgroup", /* it may fork and exit */
                                          "CollectMode", "s", "inactive-or-failed", "Slice", "s", "app.slice");
        if (r >= 0)
                r = append_environment(m, view->token);
        if (r >= 0)
                r = append_command(m, view->opener, path);
        return r < 0 ? r : sd_bus_message_close_container(m);
}

static int on_started(sd_bus_message *m, void *userdata, sd_bus_error *ret_error) {
        const sd_bus_error *error = sd_bus_message_get_error(m);
        Opening *opening = userdata;

        if (error)
                opening->failed(error->message, opening->userdata);
        return 0;
}

static int start_program(Viewer *v, const View *view, const char *path, const Opening *wanted) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
        _cleanup_(sd_bus_slot_unrefp) sd_bus_slot *slot = NULL;
        sd_bus *bus = link_bus(v->session);
        Opening *opening;
        uint64_t random;
        char unit[64];
        int r;

        if (!bus)
                return -ENOTCONN;
        if (getrandom(&random, sizeof(random), 0) != sizeof(random))
                return -errno;
        (void) snprintf(unit, sizeof(unit), "app-codex\\x2djobs\\x2dnotify@%016jx.service", (uintmax_t) random);
        r = sd_bus_message_new_method_call(bus, &m, "org.freedesktop.systemd1", "/org/freedesktop/systemd1",
                                           "org.freedesktop.systemd1.Manager", "StartTransientUnit");
        if (r >= 0)
                r = sd_bus_message_append(m, "ss", unit, "fail");
        if (r >= 0)
                r = append_properties(m, view, path);
        if (r >= 0)
                r = sd_bus_message_append(m, "a(sa(sv))", 0);
        if (r < 0)
                return r;
        opening = malloc(sizeof(Opening));
        if (!opening)
                return -ENOMEM;
        *opening = *wanted;
        r = sd_bus_call_async(bus, &slot, m, on_started, opening, UINT64_MAX);
        if (r < 0) {
                free(opening);
                return r;
        }
        (void) sd_bus_slot_set_destroy_callback(slot, free);
        (void) sd_bus_slot_set_floating(slot, true);
        return 0;
}

void viewer_open(Viewer *v, const View *view, void (*failed)(const char *text, void *userdata), void *userdata) {
        _cleanup_free_ char *text = NULL;
        const char *path = NULL;
        int r;

        if (!program_exists(view->opener[0])) {
                text = text_new("Program %s not found. Install xdg-utils, or set Opener=, see codex-jobs-notify(1).",
                                view->opener[0]);
                failed(text ?: strerror(ENOMEM), userdata);
                return;
        }
        r = make_file(v, view, &path);
        if (r >= 0)
                r = start_program(v, view, path, &(const Opening) { .failed = failed, .userdata = userdata });
        if (r < 0)
                failed(strerror(-r), userdata);
}

/* ---- The object ---- */

int viewer_new(Link *session, Viewer **ret) {
        _cleanup_(viewer_freep) Viewer *v = calloc(1, sizeof(Viewer));
        const char *runtime = getenv("XDG_RUNTIME_DIR");

        if (!v)
                return -ENOMEM;
        v->session = session;
        v->folder = isempty(runtime) ? text_new("/run/user/%u/codex-jobs-notify", (unsigned) getuid()) :
                                       text_new("%s/codex-jobs-notify", runtime);
        if (!v->folder)
                return -ENOMEM;
        *ret = TAKE_PTR(v);
        return 0;
}

Viewer *viewer_free(Viewer *v) {
        if (!v)
                return NULL;
        for (size_t i = 0; i < FILES_MAX; i++) {
                if (v->files[i])
                        (void) unlink(v->files[i]);
                free(v->files[i]);
        }
        if (v->folder)
                (void) rmdir(v->folder);
        free(v->folder);
        free(v);
        return NULL;
}
