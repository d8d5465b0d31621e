/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

/* What the node says: output for the files of the job, and messages of its worker for the service. */

#include <sys/epoll.h>
#include <sys/stat.h>

#include "adapter.h"
#include "elsewhere.h"

#define DISK_USEC USEC_PER_SEC

/* --- to the node ----------------------------------------------------------------------------------- */

void listen_say(Adapter *a, const char *line, const void *data, size_t size) {
        size_t length = strlen(line), n = a->output_end - a->output_begin;
        char *bigger;

        if (a->srun.in < 0)
                return;
        bigger = malloc(n + length + size + 2);
        if (!bigger)
                return;
        if (n > 0)
                memcpy(bigger, a->output + a->output_begin, n);
        n += (size_t) snprintf(bigger + n, length + 2, "%s\n", line);
        if (data) {
                memcpy(bigger + n, data, size);
                bigger[n + size] = '\n';
                n += size + 1;
        }
        free(a->output);
        a->output = bigger;
        a->output_begin = 0;
        a->output_end = n;
        listen_flush(a);
}

void listen_flush(Adapter *a) {
        while (a->output_begin < a->output_end && a->srun.in >= 0) {
                ssize_t n = write(a->srun.in, a->output + a->output_begin, a->output_end - a->output_begin);

                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0 && errno != EAGAIN)
                        a->output_begin = a->output_end; /* srun is gone, or its end is seen in a moment */
                if (n < 0)
                        return;
                a->output_begin += (size_t) n;
        }
}

/* --- output ---------------------------------------------------------------------------------------- */

/* An entry after one that is missing would cover the wrong bytes. */
static int open_order(Adapter *a) {
        struct stat st;

        if (a->order_lost || a->order < 0 || (a->offsets[2] == 0 && fstat(a->order, &st) < 0)) {
                a->order_lost = true;
                return -EBADF;
        }
        if (a->offsets[2] == 0)
                a->order_base = (uint64_t) st.st_size;
        return a->order;
}

/* Returns 0, or -EAGAIN if the disk is full: then the rest is written later. */
static int write_output(Adapter *a, unsigned stream, const char *p, size_t size) {
        static const int files[] = { STDOUT_FILENO, STDERR_FILENO };
        int fd = stream < 2 ? files[stream] : open_order(a);
        uint64_t base = stream < 2 ? 0 : a->order_base;

        return elsewhere_write(fd, p, size, base, &a->offsets[stream], &a->output_error);
}

static int on_output(Adapter *a, const Frame *f) {
        uint64_t stream = f->numbers[0], offset = f->numbers[1], skip;
        int r;

        if (stream > 2 || offset > a->offsets[stream])
                return -EBADMSG;
        skip = a->offsets[stream] - offset;
        if (skip >= f->size)
                return 0;
        r = write_output(a, (unsigned) stream, f->data + skip, f->size - skip);
        elsewhere_tell(a->follower);
        return r;
}

/* --- messages -------------------------------------------------------------------------------------- */

static void on_hello(Adapter *a, const Frame *f) {
        WorkerHello hello = {};

        memcpy(&hello, f->data, MIN(f->size, sizeof(hello)));
        a->link.hello.started_usec = hello.started_usec;
        if (a->begun)
                return;
        a->begun = true;
        a->net_usec = 0;
        memcpy(a->link.place, a->place, sizeof(a->place));
        a->link.place_due = true;
        a->link.progress_size = 0; /* that it was waiting */
        a->link.progress_due = true;
}

static void on_message(Adapter *a, const Frame *f) {
        WorkerHeader header = {};
        size_t size;

        if (f->size < sizeof(header))
                return;
        memcpy(&header, f->data, sizeof(header));
        size = MIN(f->size - sizeof(header), (size_t) WORKER_TEXT_MAX);
        if (header.type == WORKER_HELLO)
                on_hello(a, f);
        else if (header.type == WORKER_ENDED)
                settle_reported(a, f->data, f->size);
        else if (header.type == WORKER_PROGRESS || header.type == WORKER_LACK) {
                memcpy(a->link.progress, f->data + sizeof(header), size);
                a->link.progress_size = size;
                a->link.progress_type = (WorkerMessageType) header.type;
                a->link.progress_due = true;
        }
}

/* The secret of the job stays here: with it any process of the user could be its worker to the service, and would be given the
 * file for the order. The keeper asks its worker for none. */
static void send_description(Adapter *a) {
        const Description *d = &a->description;
        char line[96];

        memset(d->map + d->map_size - sizeof(WorkerTrailer) + offsetof(WorkerTrailer, secret), 0, WORKER_SECRET_SIZE);
        (void) snprintf(line, sizeof(line), "S %" PRIu64 " %" PRIu64 " %zu", a->base[0], a->base[1], d->map_size);
        listen_say(a, line, d->map, d->map_size);
}

static void on_greeting(Adapter *a, const Frame *f) {

        if (f->numbers[0] != FRAME_VERSION) {
                a->refused = FRAME_CANNOT;
                (void) snprintf(a->error, sizeof(a->error), "codex-jobs on node %.100s is of another version: install the same there", f->word);
                srun_kill(&a->srun);
                return;
        }
        (void) snprintf(a->number, sizeof(a->number), "%" PRIu64, f->numbers[1]);
        (void) snprintf(a->place, sizeof(a->place), "%.250s %s", f->word, a->number);
        if (a->stage != STAGE_ASKED)
                return;
        a->stage = STAGE_HEARD;
        a->look_pause = 0;
        if (!a->attached)
                send_description(a);
        if (a->stopping)
                listen_say(a, "T", NULL, 0);
}

static void on_refusal(Adapter *a, const Frame *f) {
        a->refused = (FrameReason) f->numbers[0];
        (void) snprintf(a->error, sizeof(a->error), "%.*s", (int) f->size, f->data);
}

static int on_frame(Adapter *a, const Frame *f) {
        if (f->type == 'H')
                on_greeting(a, f);
        else if (f->type == 'O')
                return on_output(a, f);
        else if (f->type == 'M')
                on_message(a, f);
        else if (f->type == 'X')
                on_refusal(a, f);
        return 0;
}

/* Returns whether it can go on: the node makes sense, and the disk is not full. */
static bool handle(Adapter *a, uint64_t now) {
        for (;;) {
                size_t begin = a->input.begin;
                Frame f;
                int r = frame_next(&a->input, &f);

                if (r == 0)
                        return true;
                if (r > 0)
                        r = on_frame(a, &f);
                if (r == -EAGAIN) {
                        a->input.begin = begin;
                        a->disk_usec = now + DISK_USEC;
                        return false;
                }
                if (r < 0) {
                        (void) dprintf(a->journal, "the node sends what makes no sense, connecting again\n");
                        srun_kill(&a->srun);
                        closep(&a->srun.out);
                        a->srun.out = -EBADF;
                        return false;
                }
        }
}

void listen_read(Adapter *a, uint64_t now) {
        a->disk_usec = 0;
        if (!handle(a, now))
                return;
        for (unsigned i = 0; i < 64 && a->srun.out >= 0; i++) {
                ssize_t n = frame_fill(&a->input, a->srun.out);

                if (n == 0) {
                        closep(&a->srun.out);
                        a->srun.out = -EBADF;
                }
                if (n <= 0)
                        return;
                a->heard_usec = now;
                if (!handle(a, now))
                        return;
        }
}

/* --- errors ---------------------------------------------------------------------------------------- */

/* "srun: error: TEXT", "slurmstepd: error: TEXT": the first says why, but for how the task exited; those that follow are of what
 * is taken down. */
static void on_error_line(Adapter *a, const char *line) {
        const char *text = strstr(line, "error: ");

        (void) dprintf(a->journal, "%s\n", line);
        if (strstr(line, "queued and waiting for resources"))
                a->seen_pending = true;
        text = text ? text + strlen("error: ") : strstr(line, "unrecognized option") ?: strstr(line, "invalid option");
        if (text && (!*a->error || strstr(a->error, ": task 0: ")))
                (void) snprintf(a->error, sizeof(a->error), "%s", text);
}

void listen_read_errors(Adapter *a) {
        char text[8192], *line, *rest = NULL;
        ssize_t n;

        while ((n = read(a->srun.err, text, sizeof(text) - 1)) > 0) {
                text[n] = 0;
                for (line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest))
                        on_error_line(a, line);
        }
        if (n == 0) {
                closep(&a->srun.err);
                a->srun.err = -EBADF;
        }
}
