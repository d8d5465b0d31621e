/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "child.h"

#define BUFFER_SIZE 65536

/* One of its output streams. */
typedef struct Stream {
        Child *child;
        int fd;
        sd_event_source *source;
        void (*handler)(const char *data, size_t n, void *userdata);
} Stream;

struct Child {
        const ChildListener *listener;
        void *userdata;
        sd_event_source *process;
        Stream output, errors;
        char buffer[BUFFER_SIZE];
};

static sigset_t inherited; /* what was blocked before child_block_signals() */

int child_block_signals(const int *signals, size_t n) {
        sigset_t set;

        (void) sigemptyset(&set);
        (void) sigaddset(&set, SIGCHLD);
        for (size_t i = 0; i < n; i++)
                (void) sigaddset(&set, signals[i]);
        return sigprocmask(SIG_BLOCK, &set, &inherited) < 0 ? -errno : 0;
}

/* ---- In the new process ---- */

/* SIGTERM and not SIGKILL: what npm installs may be a script that runs the program proper and passes only this
 * one on, and Codex takes its sandbox down before it obeys. */
static int die_with_parent(pid_t parent) {
        if (prctl(PR_SET_PDEATHSIG, SIGTERM) < 0)
                return -errno;
        return getppid() == parent ? 0 : -ESRCH;
}

/* These are for this program alone: what Codex runs must not speak as the job, or overwrite its result. */
static void set_environment(void) {
        (void) unsetenv("NOTIFY_SOCKET");
        (void) unsetenv("CODEX_JOB_RESULT");
}

static _Noreturn void become(char *const argv[], pid_t parent, int output, int errors, int report) {
        int r = die_with_parent(parent);

        set_environment();
        if (r >= 0 && (dup2(output, STDOUT_FILENO) < 0 || dup2(errors, STDERR_FILENO) < 0))
                r = -errno;
        if (r >= 0) {
                (void) signal(SIGPIPE, SIG_DFL);
                (void) sigprocmask(SIG_SETMASK, &inherited, NULL);
                (void) execvp(argv[0], argv);
                r = -errno;
        }
        (void) !write(report, &r, sizeof(r));
        _exit(EXIT_FAILURE);
}

/* ---- Starting ---- */

/* Reading end, writing end; neither is for a program that is executed. */
static int make_pipe(int ret[static 2]) {
        return pipe2(ret, O_CLOEXEC) < 0 ? -errno : 0;
}

/* Waits until the program runs or has not been found. The pipe closes when it runs. */
static int read_report(int fd) {
        ssize_t n;
        int r = 0;

        do
                n = read(fd, &r, sizeof(r));
        while (n < 0 && errno == EINTR);
        return n == sizeof(r) ? r : 0;
}

/* Returns the process id or a negative errno. */
static pid_t start(char *const argv[], int output, int errors) {
        _cleanup_close_ int read_end = -EBADF, write_end = -EBADF;
        pid_t pid, parent = getpid();
        int ends[2], r;

        r = make_pipe(ends);
        if (r < 0)
                return r;
        read_end = ends[0];
        write_end = ends[1];
        pid = fork();
        if (pid < 0)
                return -errno;
        if (pid == 0)
                become(argv, parent, output, errors, write_end);
        closep(&write_end);
        write_end = -EBADF;
        r = read_report(read_end);
        if (r < 0) {
                (void) waitpid(pid, NULL, 0);
                return r;
        }
        return pid;
}

/* ---- Reading ---- */

static void stream_close(Stream *s) {
        s->source = sd_event_source_disable_unref(s->source);
        closep(&s->fd);
        s->fd = -EBADF;
}

/* Reads at most max bytes. Returns how many, 0 when there is nothing (any more). */
static size_t stream_read(Stream *s, size_t max) {
        ssize_t n = read(s->fd, s->child->buffer, MIN(max, sizeof(s->child->buffer)));

        if (n > 0) {
                s->handler(s->child->buffer, (size_t) n, s->child->userdata);
                return (size_t) n;
        }
        if (n == 0 || (errno != EAGAIN && errno != EINTR))
                stream_close(s);
        return 0;
}

static int on_readable(sd_event_source *source, int fd, uint32_t revents, void *userdata) {
        (void) stream_read(userdata, SIZE_MAX);
        return 0;
}

/* Makes the pipe. Its other end, the caller's to close, is for the new process. */
static int stream_open(Stream *s, Child *child, sd_event *event, void (*handler)(const char *, size_t, void *),
                       int *ret_write_end) {
        int ends[2], r;

        r = make_pipe(ends);
        if (r < 0)
                return r;
        *s = (Stream) { .child = child, .fd = ends[0], .handler = handler };
        *ret_write_end = ends[1];
        if (fcntl(s->fd, F_SETFL, O_NONBLOCK) < 0)
                return -errno;
        return sd_event_add_io(event, &s->source, s->fd, EPOLLIN, on_readable, s);
}

/* Reads what is there, and does not wait for the end of the file: a process that outlives Codex may have the
 * other end open, and write to it forever. */
static void stream_drain(Stream *s) {
        int left;

        if (s->fd < 0 || ioctl(s->fd, FIONREAD, &left) < 0)
                return;
        while (left > 0 && s->fd >= 0) {
                size_t n = stream_read(s, (size_t) left);

                if (n == 0)
                        break;
                left -= (int) n;
        }
        stream_close(s);
}

/* ---- The end ---- */

static int on_exit_of_child(sd_event_source *source, const siginfo_t *status, void *userdata) {
        Child *c = userdata;

        stream_drain(&c->output);
        stream_drain(&c->errors);
        c->process = sd_event_source_disable_unref(c->process);
        c->listener->ended(status, c->userdata);
        return 0;
}

void child_signal(Child *c, int number) {
        if (c->process)
                (void) sd_event_source_send_child_signal(c->process, number, NULL, 0);
}

/* ---- The object ---- */

static int child_start(Child *c, sd_event *event, char *const argv[]) {
        _cleanup_close_ int output = -EBADF, errors = -EBADF;
        pid_t pid;
        int r;

        r = stream_open(&c->output, c, event, c->listener->output, &output);
        if (r < 0)
                return r;
        r = stream_open(&c->errors, c, event, c->listener->errors, &errors);
        if (r < 0)
                return r;
        pid = start(argv, output, errors);
        if (pid < 0)
                return pid;
        r = sd_event_add_child(event, &c->process, pid, WEXITED, on_exit_of_child, c);
        if (r < 0) {
                (void) kill(pid, SIGKILL);
                (void) waitpid(pid, NULL, 0);
                return r;
        }
        /* Before its output, so that a process which outlives it and writes without end cannot put this off. */
        return sd_event_source_set_priority(c->process, SD_EVENT_PRIORITY_NORMAL - 1);
}

int child_new(Child **ret, sd_event *event, char *const argv[], const ChildListener *listener, void *userdata) {
        _cleanup_(child_freep) Child *c = NULL;
        int r;

        c = malloc(sizeof(Child));
        if (!c)
                return -ENOMEM;
        c->listener = listener;
        c->userdata = userdata;
        c->process = NULL;
        c->output = c->errors = (Stream) { .fd = -EBADF };
        r = child_start(c, event, argv);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(c);
        return 0;
}

Child *child_free(Child *c) {
        if (!c)
                return NULL;
        (void) sd_event_source_disable_unref(c->process);
        stream_close(&c->output);
        stream_close(&c->errors);
        free(c);
        return NULL;
}
