/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

/* codex-jobs-node, started by srun on a node of the cluster, as the user of the job:
 *
 *   --run ID                        begins the job, whose description comes as the first frame
 *   --attach ID OUT ERR ORDER       listens to a job that runs here, from these offsets on
 *
 * To the worker of the job, which is the same program as on a host without a cluster, the keeper is the service: it takes its
 * messages, into the spool, and lets it go. It keeps the allocation until the adapter has recorded the end; or for KEEP_USEC. */

#include <fcntl.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>

#include "build-config.h"
#include "build-tag.h"
#include "child-walk.h"
#include "node.h"
#include "read-write.h"
#include "spec-format.h"
#include "worker-protocol.h"

#define KEEP_USEC (15 * 60 * USEC_PER_SEC)
#define AGAIN_USEC USEC_PER_SEC /* until the end is tried to be written again, on a full disk */
#define LOOK_USEC (10 * USEC_PER_MSEC)
#define PEERS_MAX 8U
#define DEFAULT_PATH "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

typedef struct Keeper {
        Spool spool;
        FrameBuffer input;
        uint64_t base[SPOOL_STREAMS];
        int description; /* a memfd */
        int files[SPOOL_STREAMS];
        int listener;
        int signals;
        int peers[PEERS_MAX]; /* the worker and streamers; -EBADF: none */
        int worker_link;      /* one of them */
        pid_t worker, streamer;
        WorkerEnded *end; /* with what follows, until it is written; owned */
        size_t end_size;
        bool ended;
        bool forgotten;
        uint64_t due_usec; /* CLOCK_MONOTONIC: to write the end again; or, if it is written, to give up */
} Keeper;

static uint64_t clock_usec(clockid_t clock) {
        struct timespec t;

        (void) clock_gettime(clock, &t);
        return (uint64_t) t.tv_sec * USEC_PER_SEC + (uint64_t) t.tv_nsec / NSEC_PER_USEC;
}

static int refuse_error(const char *what, const char *name, int error) {
        char text[512];

        if (error == -ENOLINK)
                (void) snprintf(text, sizeof(text), "%s does not exist on the node (systemd-tmpfiles --create makes it)", name);
        else if (error == -EPERM)
                (void) snprintf(text, sizeof(text), "the folder of the user in %s belongs to somebody else", name);
        else
                (void) snprintf(text, sizeof(text), "%s %s on the node: %s", what, name, strerror(-error));
        return node_refuse(FRAME_CANNOT, text);
}

/* --- the start ------------------------------------------------------------------------------------- */

/* The worker connects to us, and makes its folder in the spool. */
static int set_trailer(const Keeper *k, char *description, size_t size) {
        WorkerTrailer t;
        char *p = description + size - sizeof(t);

        if (size < sizeof(SpecHeader) + sizeof(t))
                return -EBADMSG;
        memcpy(&t, p, sizeof(t));
        if (t.magic != WORKER_TRAILER_MAGIC)
                return -EBADMSG;
        t.flags = (t.flags & ~(uint32_t) WORKER_TIDY) | WORKER_ON_NODE;
        (void) snprintf(t.channel, sizeof(t.channel), "%.95s/link", k->spool.path);
        (void) snprintf(t.folders, sizeof(t.folders), "%.95s/work", k->spool.path);
        memcpy(p, &t, sizeof(t));
        return 0;
}

static int read_description(Keeper *k) {
        Frame f;
        char *copy;
        int r;

        while ((r = frame_next(&k->input, &f)) == 0)
                if (frame_fill(&k->input, STDIN_FILENO) <= 0)
                        return -EPIPE;
        if (r < 0 || f.type != 'S')
                return -EBADMSG;
        k->base[SPOOL_OUT] = f.numbers[0];
        k->base[SPOOL_ERR] = f.numbers[1];
        copy = malloc(f.size);
        if (!copy)
                return -ENOMEM;
        memcpy(copy, f.data, f.size);
        r = set_trailer(k, copy, f.size);
        k->description = r < 0 ? -EBADF : memfd_create("codex-job", MFD_CLOEXEC);
        if (r >= 0)
                r = k->description < 0 ? -errno : write_all(k->description, copy, f.size);
        free(copy);
        return r;
}

/* They are as long as those of earlier attempts, so that offsets are the same on both hosts. */
static int make_files(Keeper *k) {
        for (unsigned i = 0; i < SPOOL_STREAMS; i++) {
                k->files[i] = openat(k->spool.fd, spool_streams[i], O_RDWR | O_CREAT | O_EXCL | O_APPEND | O_CLOEXEC, 0600);
                if (k->files[i] < 0 || ftruncate(k->files[i], (off_t) k->base[i]) < 0)
                        return -errno;
        }
        return 0;
}

static int listen_for_worker(Keeper *k) {
        struct sockaddr_un address = { .sun_family = AF_UNIX };

        (void) snprintf(address.sun_path, sizeof(address.sun_path), "%.95s/link", k->spool.path);
        k->listener = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (k->listener < 0 || bind(k->listener, (struct sockaddr *) &address, sizeof(address)) < 0 ||
            listen(k->listener, PEERS_MAX) < 0)
                return -errno;
        return 0;
}

static int catch_signals(Keeper *k) {
        sigset_t set;

        (void) signal(SIGPIPE, SIG_IGN);
        (void) sigemptyset(&set);
        for (const int *s = (const int[]) { SIGTERM, SIGINT, SIGHUP, SIGCHLD, 0 }; *s; s++)
                (void) sigaddset(&set, *s);
        (void) sigprocmask(SIG_BLOCK, &set, NULL);
        k->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
        return k->signals < 0 ? -errno : 0;
}

/* Not the signals of this process. */
static void restore_signals(void) {
        sigset_t none;

        (void) signal(SIGPIPE, SIG_DFL);
        (void) sigemptyset(&none);
        (void) sigprocmask(SIG_SETMASK, &none, NULL);
}

static int start_worker(Keeper *k) {
        k->worker = fork();
        if (k->worker < 0)
                return -errno;
        if (k->worker > 0)
                return 0;
        (void) dup2(k->description, STDIN_FILENO);
        (void) dup2(k->files[SPOOL_OUT], STDOUT_FILENO);
        (void) dup2(k->files[SPOOL_ERR], STDERR_FILENO);
        (void) umask(022);
        (void) setenv("PATH", DEFAULT_PATH, false);
        restore_signals();
        (void) execl(WORKER_PATH, WORKER_PATH, k->spool.id, (char *) NULL);
        (void) dprintf(STDERR_FILENO, "codex-jobs: cannot execute %s on the node: %s\n", WORKER_PATH, strerror(errno));
        _exit(126);
}

/* The lock is the keeper's. */
static int start_streamer(Keeper *k) {
        const char *failed;

        k->streamer = fork();
        if (k->streamer != 0)
                return k->streamer < 0 ? -errno : 0;
        restore_signals();
        (void) signal(SIGPIPE, SIG_IGN);
        closep(&k->listener);
        closep(&k->spool.fd);
        closep(&k->spool.parent);
        if (spool_open(&k->spool, k->spool.id, &failed) < 0)
                _exit(EXIT_FAILURE);
        _exit(stream(&k->spool, &k->input, k->base));
}

static void leave_streams(void) {
        int fd = open("/dev/null", O_RDWR | O_CLOEXEC);

        if (fd >= 0) {
                (void) dup2(fd, STDIN_FILENO);
                (void) dup2(fd, STDOUT_FILENO);
                (void) close(fd);
        }
}

/* --- the end --------------------------------------------------------------------------------------- */

static void let_worker_go(Keeper *k) {
        WorkerHeader go = { WORKER_VERSION, WORKER_GO };

        if (k->worker_link >= 0)
                (void) send(k->worker_link, &go, sizeof(go), MSG_NOSIGNAL | MSG_DONTWAIT);
}

static void write_end(Keeper *k) {
        uint64_t now = clock_usec(CLOCK_MONOTONIC);

        if (spool_put(&k->spool, "end", k->end, k->end_size, true) < 0) {
                k->due_usec = now + AGAIN_USEC;
                return;
        }
        k->ended = true;
        k->due_usec = now + KEEP_USEC;
        let_worker_go(k);
        free(k->end);
        k->end = NULL;
}

static void take_end(Keeper *k, const void *data, size_t size) {
        if (k->ended)
                let_worker_go(k); /* it has connected again */
        if (k->end || k->ended)
                return;
        k->end = malloc(size);
        if (!k->end)
                return;
        memcpy(k->end, data, size);
        k->end_size = size;
        write_end(k);
}

typedef struct Rest {
        const Keeper *keeper;
        unsigned n;
} Rest;

static bool kill_one(pid_t pid, void *userdata) {
        Rest *rest = userdata;

        if (pid != rest->keeper->streamer) {
                (void) kill(pid, SIGKILL);
                rest->n++;
        }
        return true;
}

/* The worker was killed: as its unit would, the keeper kills what it has left, and tells how it ended. */
static void end_without_report(Keeper *k, const siginfo_t *info) {
        const struct timespec pause = { .tv_nsec = LOOK_USEC * NSEC_PER_USEC };
        uint64_t now;
        Rest rest;

        do {
                rest = (Rest) { .keeper = k };
                (void) child_walk(kill_one, &rest);
                while (waitpid(-1, NULL, WNOHANG) > 0)
                        ;
                if (rest.n > 0)
                        (void) nanosleep(&pause, NULL);
        } while (rest.n > 0);
        now = clock_usec(CLOCK_REALTIME);
        take_end(k, &(WorkerEnded) {
                            .header = { WORKER_VERSION, WORKER_ENDED },
                            .struct_size = sizeof(WorkerEnded),
                            .final = true,
                            .code = info->si_code,
                            .status = info->si_status,
                            .started_usec = now,
                            .ended_usec = now,
                    }, sizeof(WorkerEnded));
}

/* --- the loop -------------------------------------------------------------------------------------- */

static void drop_peer(Keeper *k, unsigned i) {
        if (k->worker_link == k->peers[i])
                k->worker_link = -EBADF;
        (void) close(TAKE_FD(k->peers[i]));
}

static void welcome(Keeper *k, int fd) {
        WorkerHeader header = { WORKER_VERSION, WORKER_WELCOME };
        char control[CMSG_SPACE(sizeof(int))] __attribute__((aligned(8))) = {};
        struct iovec vec = { &header, sizeof(header) };
        struct msghdr message = { .msg_iov = &vec, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof(control) };
        struct cmsghdr *c = (struct cmsghdr *) control;

        *c = (struct cmsghdr) { .cmsg_len = CMSG_LEN(sizeof(int)), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS };
        memcpy(CMSG_DATA(c), &k->files[SPOOL_ORDER], sizeof(int));
        k->worker_link = fd;
        (void) sendmsg(fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
}

static void on_message(Keeper *k, int fd, const char *data, size_t size) {
        WorkerHeader header;
        WorkerEnded e = {};

        memcpy(&header, data, sizeof(header));
        if (header.type == WORKER_HELLO) {
                (void) spool_put(&k->spool, "hello", data, size, true);
                welcome(k, fd);
        } else if (header.type == WORKER_PROGRESS || header.type == WORKER_LACK)
                (void) spool_put(&k->spool, "progress", data, size, false);
        else if (header.type == WORKER_ENDED) {
                memcpy(&e, data, MIN(size, sizeof(e)));
                if (e.final)
                        take_end(k, data, size);
                else
                        (void) spool_put(&k->spool, "left", data, size, false);
        }
}

/* Returns whether to go on. */
static bool on_request(Keeper *k, char request) {
        if (request == ASK_TERMINATE && k->worker > 0)
                (void) kill(k->worker, SIGTERM);
        else if (request == ASK_KEEP && k->ended)
                k->due_usec = clock_usec(CLOCK_MONOTONIC) + KEEP_USEC;
        else if (request == ASK_FORGET && k->ended) {
                spool_remove(&k->spool);
                return false;
        }
        return true;
}

static bool on_peer(Keeper *k, unsigned i) {
        static char buffer[WORKER_MESSAGE_MAX];
        ssize_t n = recv(k->peers[i], buffer, sizeof(buffer), MSG_DONTWAIT);

        if (n < 0 && (errno == EAGAIN || errno == EINTR))
                return true;
        if (n <= 0)
                drop_peer(k, i);
        else if (n == 1)
                return on_request(k, buffer[0]);
        else if (n >= (ssize_t) sizeof(WorkerHeader))
                on_message(k, k->peers[i], buffer, (size_t) n);
        return true;
}

/* One that has no room takes that of the oldest which is not the worker. */
static void accept_peer(Keeper *k) {
        int fd = accept4(k->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
        struct ucred peer = {};
        socklen_t size = sizeof(peer);
        unsigned i = 0;

        if (fd < 0)
                return;
        if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) < 0 || (peer.uid != getuid() && peer.uid != 0)) {
                (void) close(fd);
                return;
        }
        while (i < PEERS_MAX && k->peers[i] >= 0)
                i++;
        if (i == PEERS_MAX) {
                i = k->peers[0] == k->worker_link ? 1 : 0;
                drop_peer(k, i);
                memmove(k->peers + i, k->peers + i + 1, (PEERS_MAX - 1 - i) * sizeof(int));
                i = PEERS_MAX - 1;
        }
        k->peers[i] = fd;
}

/* What the worker has sent before it exited counts, even if its connection was not accepted yet. */
static void worker_exited(Keeper *k, const siginfo_t *info) {
        k->worker = 0;
        for (unsigned i = 0; i < PEERS_MAX && k->worker_link < 0; i++)
                accept_peer(k);
        for (unsigned i = 0; i < PEERS_MAX; i++) {
                struct pollfd p = { .fd = k->peers[i], .events = POLLIN };

                while (k->peers[i] >= 0 && (k->worker_link < 0 || k->peers[i] == k->worker_link) && poll(&p, 1, 0) > 0)
                        if (!on_peer(k, i))
                                k->forgotten = true;
        }
        if (!k->ended && !k->end)
                end_without_report(k, info);
}

static void on_signal(Keeper *k) {
        struct signalfd_siginfo s;

        while (read(k->signals, &s, sizeof(s)) == sizeof(s)) {
                siginfo_t info = {};

                if (s.ssi_signo == SIGTERM && k->worker > 0)
                        (void) kill(k->worker, SIGTERM);
                if (s.ssi_signo != SIGCHLD)
                        continue;
                while (waitid(P_ALL, 0, &info, WEXITED | WNOHANG) == 0 && info.si_pid > 0) {
                        if (info.si_pid == k->worker)
                                worker_exited(k, &info);
                        info.si_pid = 0;
                }
        }
}

/* Nobody has come for the end: the spool stays, the allocation does not. */
static int give_up(void) {
        const char *job = getenv("SLURM_JOB_ID");

        if (job)
                (void) execlp("scancel", "scancel", job, (char *) NULL);
        return EXIT_FAILURE;
}

static int loop(Keeper *k) {
        for (;;) {
                struct pollfd all[PEERS_MAX + 2] = { { .fd = k->signals, .events = POLLIN }, { .fd = k->listener, .events = POLLIN } };
                uint64_t now = clock_usec(CLOCK_MONOTONIC);
                int timeout = -1;

                if (k->due_usec > 0 && k->due_usec <= now && k->ended)
                        return give_up();
                if (k->due_usec > 0 && k->due_usec <= now)
                        write_end(k);
                if (k->due_usec > 0)
                        timeout = (int) (MIN(k->due_usec - MIN(now, k->due_usec), KEEP_USEC) / USEC_PER_MSEC + 1);
                for (unsigned i = 0; i < PEERS_MAX; i++)
                        all[i + 2] = (struct pollfd) { .fd = k->peers[i], .events = POLLIN };
                if (poll(all, ELEMENTSOF(all), timeout) < 0 && errno != EINTR)
                        return EXIT_FAILURE;
                for (unsigned i = 0; i < PEERS_MAX; i++)
                        if (all[i + 2].revents && k->peers[i] == all[i + 2].fd && !on_peer(k, i))
                                return EXIT_SUCCESS;
                if (all[1].revents)
                        accept_peer(k);
                if (all[0].revents)
                        on_signal(k);
                if (k->forgotten)
                        return EXIT_SUCCESS;
        }
}

static int run(const char *id) {
        static Keeper k; /* it stays until the process exits */
        const char *failed = "";
        int r;

        k = (Keeper) { .description = -EBADF, .files = { -EBADF, -EBADF, -EBADF }, .listener = -EBADF, .worker_link = -EBADF };
        for (unsigned i = 0; i < PEERS_MAX; i++)
                k.peers[i] = -EBADF;
        (void) prctl(PR_SET_CHILD_SUBREAPER, 1);
        r = spool_claim(&k.spool, id, &failed);
        if (r == -EEXIST)
                return node_refuse(FRAME_CLAIMED, "the command was begun on the node before");
        if (r < 0)
                return refuse_error("cannot make a folder in", failed, r);
        if (access(WORKER_PATH, X_OK) < 0)
                r = -errno;
        if (r >= 0 && node_greet() < 0)
                return EXIT_FAILURE;
        if (r >= 0)
                r = catch_signals(&k);
        if (r >= 0)
                r = read_description(&k);
        if (r >= 0)
                r = make_files(&k);
        if (r >= 0)
                r = listen_for_worker(&k);
        if (r >= 0)
                r = start_worker(&k);
        if (r < 0) {
                spool_remove(&k.spool);
                return refuse_error("cannot begin with", access(WORKER_PATH, X_OK) < 0 ? WORKER_PATH : k.spool.path, r);
        }
        (void) start_streamer(&k); /* if that fails, an adapter that listens again starts one */
        leave_streams();
        return loop(&k);
}

static int attach(const char *id, char *const offsets[static SPOOL_STREAMS]) {
        uint64_t numbers[SPOOL_STREAMS];
        FrameBuffer input = {};
        const char *failed;
        Spool s;

        (void) signal(SIGPIPE, SIG_IGN);
        for (unsigned i = 0; i < SPOOL_STREAMS; i++)
                numbers[i] = strtoull(offsets[i], NULL, 10);
        if (spool_open(&s, id, &failed) < 0)
                return node_refuse(FRAME_NO_SPOOL, "the node does not know the job");
        if (spool_is_dead(&s) && faccessat(s.fd, "end", F_OK, 0) < 0)
                return node_refuse(FRAME_DEAD, "what ran the command on the node is gone");
        return node_greet() < 0 ? EXIT_FAILURE : stream(&s, &input, numbers);
}

int main(int argc, char *argv[]) {
        if (argc == 2 && streq(argv[1], "--version")) {
                (void) puts(build_version());
                return EXIT_SUCCESS;
        }
        if (argc == 3 && streq(argv[1], "--run") && !strchr(argv[2], '/') && *argv[2] != '.')
                return run(argv[2]);
        if (argc == 3 + SPOOL_STREAMS && streq(argv[1], "--attach") && !strchr(argv[2], '/') && *argv[2] != '.')
                return attach(argv[2], argv + 3);
        (void) fputs("This program is started by codex-jobs-slurm.\n", stderr);
        return EXIT_FAILURE;
}
