/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

#include <pthread.h>
#include <signal.h>
#include <sys/eventfd.h>

#include "background.h"
#include "macro.h"
#include "slice.h"

struct Background {
        sd_event_source *source;
        int wakeup; /* eventfd: the thread has added to done */
        pthread_t thread;
        bool started;
        BackgroundRun run;
        void *userdata;

        pthread_mutex_t mutex; /* protects the following */
        pthread_cond_t condition;
        BackgroundBatch waiting;
        BackgroundBatch done;
        bool stop;
};

static void *background_main(void *userdata) {
        Background *b = userdata;

        (void) pthread_mutex_lock(&b->mutex);
        for (;;) {
                BackgroundBatch batch = TAILQ_HEAD_INITIALIZER(batch);

                while (TAILQ_EMPTY(&b->waiting) && !b->stop)
                        (void) pthread_cond_wait(&b->condition, &b->mutex);
                if (TAILQ_EMPTY(&b->waiting))
                        break;
                TAILQ_CONCAT(&batch, &b->waiting, entry);
                (void) pthread_mutex_unlock(&b->mutex);

                b->run(&batch, b->userdata);

                (void) pthread_mutex_lock(&b->mutex);
                TAILQ_CONCAT(&b->done, &batch, entry);
                (void) eventfd_write(b->wakeup, 1);
        }
        (void) pthread_mutex_unlock(&b->mutex);
        return NULL;
}

/* Returns whether there was one. */
static bool complete_one(Background *b) {
        BackgroundOp *op;

        (void) pthread_mutex_lock(&b->mutex);
        op = TAILQ_FIRST(&b->done);
        if (op)
                TAILQ_REMOVE(&b->done, op, entry);
        (void) pthread_mutex_unlock(&b->mutex);
        if (op)
                op->complete(op);
        return op;
}

static void complete_all(Background *b) {
        while (complete_one(b))
                ;
}

static int on_wakeup(sd_event_source *source, int fd, uint32_t revents, void *userdata) {
        uint64_t begin = now_monotonic();
        eventfd_t count;

        (void) eventfd_read(fd, &count);
        while (complete_one(userdata))
                if (slice_is_over(begin)) {
                        (void) eventfd_write(fd, 1); /* there may be more */
                        break;
                }
        return 0;
}

/* Signals of the process are handled by the event loop: if the thread received one, signalfd would miss it. */
static int start_thread(Background *b, const char *name) {
        sigset_t all, before;
        int r;

        (void) sigfillset(&all);
        (void) pthread_sigmask(SIG_BLOCK, &all, &before);
        r = pthread_create(&b->thread, NULL, background_main, b);
        (void) pthread_sigmask(SIG_SETMASK, &before, NULL);
        if (r != 0)
                return -r;
        b->started = true;
        (void) pthread_setname_np(b->thread, name);
        return 0;
}

int background_new(Background **ret, sd_event *event, const char *name, BackgroundRun run, void *userdata) {
        Background *b;
        int r;

        b = calloc(1, sizeof(*b));
        if (!b)
                return -ENOMEM;
        b->run = run;
        b->userdata = userdata;
        TAILQ_INIT(&b->waiting);
        TAILQ_INIT(&b->done);
        (void) pthread_mutex_init(&b->mutex, NULL);
        (void) pthread_cond_init(&b->condition, NULL);

        b->wakeup = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        r = b->wakeup < 0 ? -errno : 0;
        if (r >= 0)
                r = sd_event_add_io(event, &b->source, b->wakeup, EPOLLIN, on_wakeup, b);
        if (r >= 0)
                r = start_thread(b, name);
        if (r < 0) {
                (void) background_free(b);
                return r;
        }
        *ret = b;
        return 0;
}

/* Executes operations that completions submitted after the thread had ended. */
static void background_drain(Background *b) {
        while (!TAILQ_EMPTY(&b->waiting)) {
                BackgroundBatch batch = TAILQ_HEAD_INITIALIZER(batch);

                TAILQ_CONCAT(&batch, &b->waiting, entry);
                b->run(&batch, b->userdata);
                TAILQ_CONCAT(&b->done, &batch, entry);
                complete_all(b);
        }
}

Background *background_free(Background *b) {
        if (!b)
                return NULL;

        if (b->started) {
                (void) pthread_mutex_lock(&b->mutex);
                b->stop = true;
                (void) pthread_cond_signal(&b->condition);
                (void) pthread_mutex_unlock(&b->mutex);
                (void) pthread_join(b->thread, NULL);
                complete_all(b);
                background_drain(b);
        }
        (void) sd_event_source_unref(b->source);
        if (b->wakeup >= 0)
                (void) close(b->wakeup);
        (void) pthread_cond_destroy(&b->condition);
        (void) pthread_mutex_destroy(&b->mutex);
        free(b);
        return NULL;
}

void background_submit(Background *b, BackgroundOp *op) {
        (void) pthread_mutex_lock(&b->mutex);
        TAILQ_INSERT_TAIL(&b->waiting, op, entry);
        (void) pthread_cond_signal(&b->condition);
        (void) pthread_mutex_unlock(&b->mutex);
}
