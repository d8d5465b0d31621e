/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "elsewhere.h"

#define REFUSED_MAX 3U

bool elsewhere_is_done(void) {
        const char *code = getenv("EXIT_CODE"), *status = getenv("EXIT_STATUS");

        return code && status && streq(code, "exited") && atoi(status) != EXIT_STATUS_LOST;
}

/* The stream protocol of the journal: it takes lines. */
int elsewhere_open_journal(const char *program) {
        struct sockaddr_un address = { .sun_family = AF_UNIX, .sun_path = "/run/systemd/journal/stdout" };
        int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

        if (fd >= 0 && connect(fd, (struct sockaddr *) &address, sizeof(address)) == 0 &&
            dprintf(fd, "%s\n\n6\n0\n0\n0\n0\n", program) > 0)
                return fd;
        closep(&fd);
        return open("/dev/null", O_WRONLY | O_CLOEXEC);
}

void elsewhere_open_files(uint64_t ret[static 2]) {
        for (int fd = STDOUT_FILENO; fd <= STDERR_FILENO; fd++) {
                struct stat st;

                if (fstat(fd, &st) < 0)
                        continue;
                ret[fd - STDOUT_FILENO] = (uint64_t) st.st_size;
                (void) fcntl(fd, F_SETFL, 0); /* pwrite(2) appends to a file that is opened for that */
        }
        (void) !ftruncate(STDERR_FILENO, (off_t) ret[1]);
}

void elsewhere_bound_output(const WorkerTrailer *t) {
        (void) signal(SIGXFSZ, SIG_IGN);
        description_bound_files(t);
}

int elsewhere_write(int fd, const char *p, size_t size, uint64_t base, uint64_t *offset, int *error) {
        while (size > 0) {
                ssize_t n = fd < 0 ? (ssize_t) size : pwrite(fd, p, size, (off_t) (base + *offset));

                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0 && (errno == ENOSPC || errno == EDQUOT))
                        return -EAGAIN;
                if (n < 0) {
                        *error = errno;
                        n = (ssize_t) size;
                }
                *offset += (uint64_t) n;
                p += n;
                size -= (size_t) n;
        }
        return 0;
}

void elsewhere_tell(int follower) {
        struct pollfd both = { .fd = follower, .events = POLLIN | POLLOUT };
        uint64_t one = 1, count;

        if (follower < 0 || poll(&both, 1, 0) <= 0)
                return;
        if (!(both.revents & POLLOUT) && (both.revents & POLLIN))
                (void) !read(follower, &count, sizeof(count));
        (void) !write(follower, &one, sizeof(one));
}

void elsewhere_dispatch(Link *l, uint64_t now, int *order, int *follower) {
        WorkerMessageType type;
        int fd;

        type = link_dispatch(l, now, &fd);
        if (type == WORKER_WELCOME && fd >= 0) {
                (void) fcntl(fd, F_SETFL, 0); /* as of the others, see elsewhere_open_files() */
                closep(order);
                *order = TAKE_FD(fd);
        } else if (type == WORKER_FOLLOW && fd >= 0) {
                closep(follower);
                *follower = TAKE_FD(fd);
        }
        closep(&fd);
}

void elsewhere_report(Link *l, WorkerEnded *e, size_t size, int output_error) {
        if (e->output_error == 0)
                e->output_error = (uint32_t) output_error;
        for (int fd = STDOUT_FILENO; fd <= STDERR_FILENO; fd++)
                if (fdatasync(fd) < 0 && e->output_error == 0 && errno != EINVAL)
                        e->output_error = (uint32_t) errno;
        free(l->ended);
        l->ended = e;
        l->ended_size = size;
        l->ended_due = true;
}

/* As ending_may_exit() of the worker. */
bool elsewhere_is_abandoned(const Link *l, bool stopping, uint64_t away_usec, uint64_t now) {
        if (l->go)
                return false;
        if (stopping)
                return !l->ended_due || l->away || (l->fd < 0 && l->retry_usec > now);
        return (l->refused || l->away) && away_usec <= now && ((l->no_socket && l->failures > REFUSED_MAX) || !link_waits(l));
}

int elsewhere_mirror(const Link *l, int code, int status) {
        sigset_t set;

        if (l->go)
                return EXIT_SUCCESS;
        if (code == 0)
                return EXIT_STATUS_LOST;
        if (code == CLD_EXITED)
                return status;
        (void) prctl(PR_SET_DUMPABLE, 0);
        (void) signal(status, SIG_DFL);
        (void) sigemptyset(&set);
        (void) sigaddset(&set, status);
        (void) raise(status);
        (void) sigprocmask(SIG_UNBLOCK, &set, NULL);
        return 128 + status;
}
