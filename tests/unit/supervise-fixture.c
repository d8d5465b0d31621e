/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/inotify.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "supervise-fixture.h"
#include "worker-link.h"

#define DEADLINE_MSEC 60000
#define ACT_VARIABLE "ACT="

static const uint8_t secret[WORKER_SECRET_SIZE] = { 1, 2, 3, 0, 255 };

static void set_path(char target[static WORKER_PATH_SIZE], const char *name) {
        check(strlen(test_path(name)) < WORKER_PATH_SIZE);
        (void) strcpy(target, test_path(name));
}

static void remove_files(void) {
        for (char *const *name = STRINGS("gate", "stdout", "stderr", "order"); *name; name++)
                (void) unlink(test_path(*name));
}

void supervise_init(Supervised *s) {
        static const char *argv[] = { "/bin/true", NULL }, *environment[] = { "HOME=/home", "PATH=/usr/bin:/bin", NULL };

        *s = (Supervised) {
                .trailer = { .magic = WORKER_TRAILER_MAGIC, .stop_timeout_usec = 20 * USEC_PER_SEC },
                .spec = { .argv = (char **) argv, .directory = (char *) test_directory() },
                .unit_environment = (char **) environment,
                .group = -EBADF,
                .listener = -EBADF,
                .link = -EBADF,
        };
        memcpy(s->trailer.secret, secret, sizeof(secret));
        set_path(s->trailer.channel, "channel");
        set_path(s->trailer.folders, "folders");
        s->buffer = malloc(WORKER_MESSAGE_MAX);
        check(s->buffer);
        if (mkdir(test_path("folders"), 0700) < 0) { /* the second in a test */
                check(errno == EEXIST);
                remove_files();
        }
        check_ok(mkfifo(test_path("gate"), 0600));
}

static void forget_end(Supervised *s) {
        free(s->out);
        free(s->err);
        free(s->order);
        s->out = s->err = NULL;
        s->order = NULL;
}

void supervise_clear(Supervised *s) {
        if (s->pid > 0) {
                (void) kill(s->pid, SIGKILL);
                (void) waitpid(s->pid, NULL, 0);
        }
        closep(&s->group);
        closep(&s->listener);
        closep(&s->link);
        free(s->buffer);
        forget_end(s);
}

void supervise_shell(Supervised *s, const char *script) {
        static const char *argv[] = { "/bin/sh", "-c", NULL, NULL };

        argv[2] = script;
        s->spec.argv = (char **) argv;
}

void supervise_act(Supervised *s, const char *name) {
        static char entry[64];
        static const char *argv[] = { worker_self, NULL }, *environment[] = { entry, NULL };

        (void) snprintf(entry, sizeof(entry), ACT_VARIABLE "%s", name);
        s->spec.argv = (char **) argv;
        s->spec.environment = (char **) environment;
}

static uint64_t monotonic_usec(void) {
        struct timespec t;

        (void) clock_gettime(CLOCK_MONOTONIC, &t);
        return (uint64_t) t.tv_sec * USEC_PER_SEC + (uint64_t) t.tv_nsec / NSEC_PER_USEC;
}

/* --- the steps ------------------------------------------------------------------------------------- */

static void wait_for(int fd, const char *what) {
        struct pollfd p = { .fd = fd, .events = POLLIN };

        if (poll(&p, 1, DEADLINE_MSEC) != 1)
                test_fail(TEST_PLACE(what), "did not come");
}

void supervise_listen(Supervised *s) {
        struct sockaddr_un address = { .sun_family = AF_UNIX };

        (void) snprintf(address.sun_path, sizeof(address.sun_path), "%s", s->trailer.channel);
        (void) unlink(s->trailer.channel);
        s->listener = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
        check(s->listener >= 0);
        check(bind(s->listener, (struct sockaddr *) &address, sizeof(address)) == 0 && listen(s->listener, 8) == 0);
        if (s->uid > 0)
                check_ok(chmod(s->trailer.channel, 0666));
}

/* What a job of another user has to reach. */
static void let_in(const Supervised *s) {
        _cleanup_free_ char *parent = NULL;

        if (s->uid == 0)
                return;
        check(asprintf(&parent, "%s/..", test_directory()) > 0);
        check(chmod(parent, 0711) == 0 && chmod(test_directory(), 0711) == 0);
        check(chown(s->trailer.folders, s->uid, s->uid) == 0);
}

static void run_child(const Supervised *s, int spec_fd) {
        int files[3] = { spec_fd, -EBADF, -EBADF };

        for (int i = 1; i < 3; i++)
                files[i] = open(test_path(i == 1 ? "stdout" : "stderr"), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
        if (s->group >= 0 && dprintf(s->group, "0\n") < 0)
                _exit(97);
        if (s->n_files)
                test_limit_descriptors(s->n_files);
        if (s->n_processes > 0)
                (void) setrlimit(RLIMIT_NPROC, &(struct rlimit) { s->n_processes, s->n_processes });
        worker_exec(files, s->uid, s->unit_environment);
}

void supervise_start(Supervised *s) {
        _cleanup_close_ int fd = spec_fd_new_supervised(&s->spec, STRINGS("CODEX_JOB_ID=" WORKER_JOB), s->input, s->input_size,
                                                        &s->trailer);

        sigset_t before, child;

        let_in(s);
        (void) sigemptyset(&child);
        (void) sigaddset(&child, SIGCHLD);
        (void) sigprocmask(SIG_BLOCK, &child, &before); /* see supervise_ends_within() */
        s->pid = fork();
        check(s->pid >= 0);
        if (s->pid > 0)
                return;
        (void) sigprocmask(SIG_SETMASK, &before, NULL);
        /* As systemd does: who runs the tests in the background may ignore some. */
        for (int i = 1; i < NSIG; i++)
                (void) signal(i, SIG_DFL);
        run_child(s, fd);
}

static void check_worker(const Supervised *s) {
        struct ucred peer;
        socklen_t size = sizeof(peer);

        check(getsockopt(s->link, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0);
        check_int(peer.pid, s->pid);
}

void supervise_hang_up(Supervised *s) {
        closep(&s->link);
        s->link = -EBADF;
}

void supervise_accept(Supervised *s) {
        wait_for(s->listener, "the connection");
        supervise_hang_up(s);
        s->link = accept4(s->listener, NULL, NULL, SOCK_CLOEXEC);
        check(s->link >= 0);
        check_worker(s);
        check_int(supervise_receive(s), WORKER_HELLO);
        check_string(s->message.id, WORKER_JOB);
        check_bytes(s->message.secret, WORKER_SECRET_SIZE, secret, WORKER_SECRET_SIZE);
}

void supervise_send(Supervised *s, uint32_t type, int fd) {
        check_ok(worker_send(s->link, (WorkerMessageType) type, fd));
}

void supervise_welcome(Supervised *s) {
        _cleanup_close_ int fd = open(test_path("order"), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);

        check(fd >= 0);
        supervise_send(s, WORKER_WELCOME, fd);
}

WorkerMessageType supervise_receive(Supervised *s) {
        ssize_t n;

        wait_for(s->link, "a message");
        n = recv(s->link, s->buffer, WORKER_MESSAGE_MAX, MSG_TRUNC);
        check(n > 0 && n <= (ssize_t) WORKER_MESSAGE_MAX);
        check_int(worker_message_read(s->buffer, (size_t) n, &s->message), 0);
        if (s->message.type == WORKER_PROGRESS || s->message.type == WORKER_LACK) {
                s->n_progress++;
                memcpy(s->progress, s->message.text, s->message.text_size);
                s->progress[s->message.text_size] = 0;
        }
        return s->message.type;
}

void supervise_until_progress(Supervised *s, const char *text) {
        do
                check_int(supervise_receive(s), WORKER_PROGRESS);
        while (!streq(s->progress, text));
}

const WorkerMessage *supervise_until_ended(Supervised *s) {
        WorkerMessageType type;

        do
                type = supervise_receive(s);
        while (type == WORKER_PROGRESS || type == WORKER_LACK);
        check_int(s->message.type, WORKER_ENDED);
        return &s->message;
}

char *supervise_read_file(const char *path, size_t *ret_size) {
        _cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
        struct stat st;
        char *text;

        if (fd < 0) {
                *ret_size = 0;
                return strdup("");
        }
        check_ok(fstat(fd, &st));
        text = malloc((size_t) st.st_size + 1);
        check(text && read(fd, text, (size_t) st.st_size) == st.st_size);
        text[st.st_size] = 0;
        *ret_size = (size_t) st.st_size;
        return text;
}

bool supervise_ends_within(Supervised *s, unsigned msec) {
        uint64_t end = monotonic_usec() + msec * USEC_PER_MSEC, now;
        sigset_t child;
        int r;

        (void) sigemptyset(&child);
        (void) sigaddset(&child, SIGCHLD);
        while ((r = wait4(s->pid, &s->status, WNOHANG, &s->usage)) == 0 && (now = monotonic_usec()) < end) {
                const struct timespec left = { (time_t) ((end - now) / USEC_PER_SEC),
                                               (long) ((end - now) % USEC_PER_SEC * NSEC_PER_USEC) };

                (void) sigtimedwait(&child, NULL, &left);
        }
        check(r >= 0);
        if (r > 0)
                s->pid = 0;
        return r > 0;
}

void supervise_wait(Supervised *s) {
        if (!supervise_ends_within(s, DEADLINE_MSEC))
                test_fail(TEST_PLACE("the end of the worker"), "did not come");
        if (WIFEXITED(s->status) && WEXITSTATUS(s->status) == WORKER_NO_USER)
                test_skip("nothing can be run as another user");
        forget_end(s);
        s->out = supervise_read_file(test_path("stdout"), &s->out_size);
        s->err = supervise_read_file(test_path("stderr"), &s->err_size);
        s->order = (OutputOrderEntry *) supervise_read_file(test_path("order"), &s->n_order);
        s->n_order /= sizeof(OutputOrderEntry);
}

void supervise_begin(Supervised *s) {
        if (s->listener < 0)
                supervise_listen(s);
        supervise_start(s);
        supervise_accept(s);
        supervise_welcome(s);
}

void supervise_let_go(Supervised *s) {
        supervise_send(s, WORKER_GO, -EBADF);
        supervise_wait(s);
        check_int(s->status, 0);
}

const WorkerMessage *supervise_run(Supervised *s) {
        supervise_begin(s);
        (void) supervise_until_ended(s);
        check(s->message.ended.final);
        supervise_let_go(s);
        return &s->message;
}

int supervise_run_alone(Supervised *s) {
        *s->trailer.channel = 0;
        supervise_start(s);
        supervise_wait(s);
        return s->status;
}

void supervise_wait_for_size(const char *name, size_t size) {
        _cleanup_close_ int fd = inotify_init1(IN_CLOEXEC);
        char events[4096];
        struct stat st;

        check(fd >= 0);
        while (inotify_add_watch(fd, test_path(name), IN_MODIFY) < 0) {
                check(errno == ENOENT); /* the worker is not there yet */
                (void) sched_yield();
        }
        while (check_ok(stat(test_path(name), &st)) == 0 && (size_t) st.st_size < size) {
                wait_for(fd, name);
                check(read(fd, events, sizeof(events)) > 0);
        }
}

/* The directory of the command is that of the test. */
void supervise_pass_gate(int mode) {
        int fd = open(*test_directory() ? test_path("gate") : "gate", mode | O_CLOEXEC);

        check(fd >= 0);
        (void) close(fd);
}

void supervise_notify(const char *message) {
        struct sockaddr_un address = { .sun_family = AF_UNIX };
        _cleanup_close_ int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

        (void) snprintf(address.sun_path, sizeof(address.sun_path), "%s", strempty(getenv("NOTIFY_SOCKET")));
        if (sendto(fd, message, strlen(message), 0, (struct sockaddr *) &address, sizeof(address)) < 0)
                perror(address.sun_path);
}

/* --- checks ---------------------------------------------------------------------------------------- */

void test_check_end(const TestPlace *place, const WorkerMessage *m, WorkerCause cause, int code, int status) {
        const WorkerEnded *e = &m->ended;

        if (e->cause != cause || e->code != code || e->status != status)
                test_fail(place, "has cause %u, code %d, status %d and not %u, %d, %d", e->cause, e->code, e->status, cause, code,
                          status);
}

/* --- the test program ------------------------------------------------------------------------------ */

void supervise_write(int fd, const void *data, size_t size) {
        for (size_t done = 0; done < size;) {
                ssize_t n = write(fd, (const char *) data + done, size - done);

                if (n < 0)
                        exit(EXIT_FAILURE);
                done += (size_t) n;
        }
}

int supervise_write_in_turn(unsigned n) {
        for (unsigned i = 0; i < n; i++) {
                char line[16];

                (void) snprintf(line, sizeof(line), "%07u\n", i);
                supervise_write(STDOUT_FILENO + (int) (i % 2), line, 8);
        }
        return EXIT_SUCCESS;
}

char *supervise_put_together(const Supervised *s, size_t *ret_size) {
        const char *p[2] = { s->out, s->err }, *end[2] = { s->out + s->out_size, s->err + s->err_size };
        char *bytes = malloc(s->out_size + s->err_size + 1), *b = bytes;

        check(bytes);
        for (size_t i = 0; i < s->n_order; i++) {
                const OutputOrderEntry *e = &s->order[i];

                check(e->stream < 2 && e->size > 0 && e->size <= (size_t) (end[e->stream] - p[e->stream]));
                check(e->usec > 1600000000 * USEC_PER_SEC);
                memcpy(b, p[e->stream], e->size);
                p[e->stream] += e->size;
                b += e->size;
        }
        *b = 0;
        *ret_size = (size_t) (b - bytes);
        return bytes;
}

void supervise_check_order_is_whole(const Supervised *s) {
        size_t size;

        free(supervise_put_together(s, &size));
        check_int(size, s->out_size + s->err_size);
}

int supervise_test_main(int argc, char *argv[], const Act *acts, size_t n_acts, const Test *tests, size_t n) {
        const char *name = getenv("ACT");

        for (size_t i = 0; name && i < n_acts; i++)
                if (streq(acts[i].name, name))
                        return acts[i].run();
        if (name)
                return 96;
        return worker_test_main(argc, argv, tests, n);
}
