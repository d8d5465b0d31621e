/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

/* Both a child of the keeper, from the start, and a program of its own that listens again do this: they read the spool only,
 * so that whatever becomes of srun does not harm the job. */

#include <fcntl.h>
#include <poll.h>
#include <sys/inotify.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>

#include "node.h"
#include "worker-protocol.h"

#define CHUNK (64U * 1024U)

typedef struct Streamer {
        Spool *spool;
        FrameBuffer *input;
        int files[SPOOL_STREAMS];
        uint64_t offsets[SPOOL_STREAMS];
        int keeper; /* -EBADF: it is gone */
        int changes; /* inotify(7) */
        struct timespec seen[3]; /* of the messages, below */
        bool ended;
        uint64_t beat_usec;
        char buffer[MAX(CHUNK, WORKER_MESSAGE_MAX)];
} Streamer;

static const char *const messages[] = { "hello", "progress", "left" };

static uint64_t now_usec(void) {
        struct timespec t;

        (void) clock_gettime(CLOCK_MONOTONIC, &t);
        return (uint64_t) t.tv_sec * USEC_PER_SEC + (uint64_t) t.tv_nsec / NSEC_PER_USEC;
}

static int send_message(Streamer *s, const char *name) {
        ssize_t n = spool_get(s->spool, name, s->buffer, sizeof(s->buffer));
        char line[64];

        if (n < 0)
                return n == -ENOENT ? 0 : (int) n;
        (void) snprintf(line, sizeof(line), "M %zd", n);
        return frame_write(STDOUT_FILENO, line, s->buffer, (size_t) n);
}

/* Those that are new. */
static int send_messages(Streamer *s) {
        int r = 0;

        for (size_t i = 0; i < ELEMENTSOF(messages) && r >= 0; i++) {
                struct stat st;

                if (fstatat(s->spool->fd, messages[i], &st, AT_SYMLINK_NOFOLLOW) < 0)
                        continue;
                if (st.st_mtim.tv_sec == s->seen[i].tv_sec && st.st_mtim.tv_nsec == s->seen[i].tv_nsec)
                        continue;
                s->seen[i] = st.st_mtim;
                r = send_message(s, messages[i]);
        }
        return r;
}

static uint64_t size_of(const Streamer *s, unsigned i) {
        struct stat st;

        return s->files[i] >= 0 && fstat(s->files[i], &st) == 0 ? (uint64_t) st.st_size : 0;
}

static int send_until(Streamer *s, unsigned i, uint64_t end) {
        char line[64];
        int r = 0;

        while (s->offsets[i] < end && r >= 0) {
                ssize_t n = pread(s->files[i], s->buffer, MIN(end - s->offsets[i], (uint64_t) CHUNK), (off_t) s->offsets[i]);

                if (n <= 0)
                        return n < 0 ? -errno : 0;
                (void) snprintf(line, sizeof(line), "O %u %" PRIu64 " %zd", i, s->offsets[i], n);
                r = frame_write(STDOUT_FILENO, line, s->buffer, (size_t) n);
                s->offsets[i] += (uint64_t) n;
        }
        return r;
}

/* An entry of the order comes after the bytes that it covers. */
static int send_output(Streamer *s) {
        uint64_t order = size_of(s, SPOOL_ORDER);
        int r;

        r = send_until(s, SPOOL_OUT, size_of(s, SPOOL_OUT));
        if (r >= 0)
                r = send_until(s, SPOOL_ERR, size_of(s, SPOOL_ERR));
        return r < 0 ? r : send_until(s, SPOOL_ORDER, order);
}

/* Nothing is written after the end. */
static int send_news(Streamer *s) {
        bool is_over = faccessat(s->spool->fd, "end", F_OK, 0) == 0;
        int r;

        r = send_messages(s);
        if (r >= 0)
                r = send_output(s);
        if (r < 0 || !is_over || s->ended)
                return r;
        s->ended = true;
        return send_message(s, "end");
}

static void connect_keeper(Streamer *s) {
        struct sockaddr_un address = { .sun_family = AF_UNIX };

        (void) snprintf(address.sun_path, sizeof(address.sun_path), "%.95s/link", s->spool->path);
        s->keeper = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
        if (s->keeper >= 0 && connect(s->keeper, (struct sockaddr *) &address, sizeof(address)) < 0)
                (void) close(TAKE_FD(s->keeper));
}

/* Returns whether to go on. */
static bool on_frame(Streamer *s, const Frame *f) {
        if (f->type != ASK_TERMINATE && f->type != ASK_KEEP && f->type != ASK_FORGET)
                return true;
        if (s->keeper >= 0) {
                (void) send(s->keeper, &f->type, 1, MSG_NOSIGNAL);
                return true;
        }
        if (f->type == ASK_FORGET)
                spool_remove(s->spool);
        return f->type != ASK_FORGET;
}

static bool on_input(Streamer *s) {
        Frame f;
        int r;

        if (frame_fill(s->input, STDIN_FILENO) <= 0)
                return false;
        while ((r = frame_next(s->input, &f)) > 0)
                if (!on_frame(s, &f))
                        return false;
        return r == 0;
}

/* It has forgotten the job, or was killed. */
static bool on_keeper(Streamer *s) {
        char byte;

        if (recv(s->keeper, &byte, 1, MSG_DONTWAIT) > 0)
                return true;
        (void) close(TAKE_FD(s->keeper));
        if (faccessat(s->spool->fd, "hello", F_OK, 0) < 0 && s->ended)
                return false;
        if (faccessat(s->spool->fd, "end", F_OK, 0) == 0)
                return true;
        (void) node_refuse(FRAME_DEAD, "what ran the command on the node was killed");
        return false;
}

static bool beat(Streamer *s) {
        uint64_t now = now_usec();

        if (s->beat_usec > now)
                return true;
        s->beat_usec = now + FRAME_BEAT_USEC;
        return frame_write(STDOUT_FILENO, "B", NULL, 0) >= 0;
}

static void forget_changes(int fd) {
        char events[4096] __attribute__((aligned(__alignof__(struct inotify_event))));

        while (read(fd, events, sizeof(events)) > 0)
                ;
}

static bool wait_for_more(Streamer *s) {
        struct pollfd all[] = {
                { .fd = STDIN_FILENO, .events = POLLIN },
                { .fd = s->changes, .events = POLLIN },
                { .fd = s->keeper, .events = POLLIN },
        };
        uint64_t now = now_usec();
        int timeout = s->beat_usec <= now ? 0 : (int) ((s->beat_usec - now) / USEC_PER_MSEC + 1);

        if (poll(all, ELEMENTSOF(all), timeout) < 0)
                return errno == EINTR;
        if (all[1].revents)
                forget_changes(s->changes);
        if (all[0].revents && !on_input(s))
                return false;
        return !all[2].revents || on_keeper(s);
}

static void open_files(Streamer *s) {
        char path[32];

        s->changes = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
        (void) snprintf(path, sizeof(path), "/proc/self/fd/%d", s->spool->fd);
        (void) inotify_add_watch(s->changes, path, IN_MODIFY | IN_MOVED_TO);
        for (unsigned i = 0; i < SPOOL_STREAMS; i++)
                s->files[i] = openat(s->spool->fd, spool_streams[i], O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
}

int stream(Spool *spool, FrameBuffer *input, uint64_t offsets[static SPOOL_STREAMS]) {
        static Streamer s; /* it is large */
        Frame f;

        s = (Streamer) { .spool = spool, .input = input, .keeper = -EBADF };
        memcpy(s.offsets, offsets, sizeof(s.offsets));
        open_files(&s);
        connect_keeper(&s);
        if (s.keeper < 0 && faccessat(spool->fd, "end", F_OK, 0) < 0)
                return node_refuse(FRAME_DEAD, "what ran the command on the node is gone");
        while (frame_next(input, &f) > 0)
                if (!on_frame(&s, &f))
                        return EXIT_SUCCESS;
        while (send_news(&s) >= 0 && beat(&s) && wait_for_more(&s))
                ;
        return EXIT_SUCCESS;
}
