/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

/* codex-jobs-worker ID: the main process of a job's unit. It runs the command in the description on its standard
 * input as its child, until no process of the job is left, see supervise.h. If an older service has started it,
 * which expects that, it becomes the command. If the command cannot be executed, the reason is written to the job's
 * standard error, and the exit status is 127 if there is no such command, 126 otherwise. It runs as the user of the
 * job. */

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "build-tag.h"
#include "worker.h"

/* For an older service: the protocol of sd_notify(3), one datagram to $NOTIFY_SOCKET. It is visible to everybody: an
 * ellipsis replaces the name. */
static void notify(const Failure *f) {
        const char *path = getenv("NOTIFY_SOCKET");
        struct sockaddr_un address = { .sun_family = AF_UNIX };
        _cleanup_close_ int fd = -EBADF;
        size_t n = path ? strlen(path) : 0;
        char message[256];

        if (n < 2 || n >= sizeof(address.sun_path))
                return;
        memcpy(address.sun_path, path, n);
        if (path[0] == '@')
                address.sun_path[0] = 0;
        (void) snprintf(message, sizeof(message), "ERRNO=%d\nSTATUS=" WORKER_CANNOT "%s …: %s", f->error, f->what,
                        strerror(f->error));
        fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        if (fd >= 0)
                (void) sendto(fd, message, strlen(message), MSG_NOSIGNAL, (struct sockaddr *) &address,
                              (socklen_t) (offsetof(struct sockaddr_un, sun_path) + n));
}

static int fail(const Failure *f) {
        char text[WORKER_TEXT_MAX];

        (void) dprintf(STDERR_FILENO, "codex-jobs: %s\n", failure_format(f, f->name, text));
        notify(f);
        return f->exit_status;
}

/* Marks the worker as executed, see output_was_touched(): only the owner of the file can set its time, but setting
 * its size to the current one modifies it. */
static void touch_stderr(void) {
        struct stat st;

        if (fstat(STDERR_FILENO, &st) == 0)
                (void) !ftruncate(STDERR_FILENO, st.st_size);
}

int main(int argc, char *argv[]) {
        Failure failure = { .exit_status = 126, .what = "read the description of" };
        const char *id = argv[1] ?: "the job";
        Description description;
        int r;

        if (streq(id, "--version")) {
                (void) puts(build_version());
                return EXIT_SUCCESS;
        }
        touch_stderr();
        (void) snprintf(failure.name, sizeof(failure.name), "%s", id);
        r = description_load(&description, id);
        if (r >= 0 && description.has_trailer)
                return supervise(&description);
        if (r >= 0) {
                failure.what = "set the environment of";
                (void) snprintf(failure.name, sizeof(failure.name), "%s", description.argv[0]);
                r = description_set_environment(&description);
        }
        if (r < 0)
                failure.error = -r;
        else
                command_become(&description, &failure);
        r = fail(&failure);
        description_drop(&description);
        return r;
}
