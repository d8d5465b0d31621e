/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

#include <pthread.h>
#include <semaphore.h>
#include <signal.h>

#include "background.h"
#include "test-bus.h"
#include "test.h"

#define OPS_MAX 100

typedef struct Fixture Fixture;

typedef struct Op {
        BackgroundOp base; /* first */
        Fixture *fixture;
        int number;
        Background *resubmit; /* completing it submits another one there */
} Op;

struct Fixture {
        sd_event *event;
        Background *background;
        pthread_t main_thread;
        sem_t entered; /* posted by the thread when a batch has come, if gated */
        sem_t gate;    /* taken by it before it goes on */
        bool gated;
        bool freeing; /* what is left may run where it is freed */

        /* written on the thread, read when it is at rest */
        int ran[OPS_MAX], n_ran;
        int batches[OPS_MAX], n_batches; /* sizes */
        char thread_name[16];
        sigset_t blocked;

        int completed[OPS_MAX], n_completed;
        bool all_completed; /* n_completed has reached n_expected */
        int n_expected;
};

static void run_batch(BackgroundBatch *batch, void *userdata) {
        Fixture *f = userdata;
        BackgroundOp *op;
        int n = 0;

        check(!pthread_equal(pthread_self(), f->main_thread) || f->freeing);
        if (f->gated) {
                (void) sem_post(&f->entered);
                (void) sem_wait(&f->gate);
        }
        (void) pthread_getname_np(pthread_self(), f->thread_name, sizeof(f->thread_name));
        (void) pthread_sigmask(SIG_SETMASK, NULL, &f->blocked);
        TAILQ_FOREACH(op, batch, entry) {
                f->ran[f->n_ran++] = ((Op *) op)->number;
                n++;
        }
        f->batches[f->n_batches++] = n;
}

static void submit(Fixture *f, int number, Background *resubmit);

static void complete(BackgroundOp *base) {
        _cleanup_free_ Op *op = (Op *) base;
        Fixture *f = op->fixture;

        check(pthread_equal(pthread_self(), f->main_thread));
        f->completed[f->n_completed++] = op->number;
        if (op->resubmit)
                submit(f, op->number + 1, NULL);
        f->all_completed = f->n_completed == f->n_expected;
}

static void submit(Fixture *f, int number, Background *resubmit) {
        int before = f->n_completed;
        Op *op = calloc(1, sizeof(*op));

        check(op);
        op->base.complete = complete;
        op->fixture = f;
        op->number = number;
        op->resubmit = resubmit;
        background_submit(f->background, &op->base);
        check_int(f->n_completed, before); /* never from within */
}

static void fixture_open(Fixture *f) {
        *f = (Fixture) { .main_thread = pthread_self() };
        (void) sem_init(&f->entered, 0, 0);
        (void) sem_init(&f->gate, 0, 0);
        check_ok(sd_event_default(&f->event));
        check_ok(background_new(&f->background, f->event, "test-thread", run_batch, f));
}

static void fixture_close(Fixture *f) {
        f->background = background_free(f->background);
        f->event = sd_event_unref(f->event);
        (void) sem_destroy(&f->entered);
        (void) sem_destroy(&f->gate);
}
#define _cleanup_fixture_ _cleanup_(fixture_close)

static void run_to(Fixture *f, int n) {
        f->n_expected = n;
        f->all_completed = f->n_completed == n;
        run_until(f->event, &f->all_completed);
}

static void check_counts_up(const int *numbers, int n, int expected) {
        check_int(n, expected);
        for (int i = 0; i < n; i++)
                check_int(numbers[i], i);
}

static void order(void) {
        _cleanup_fixture_ Fixture f;

        fixture_open(&f);
        for (int i = 0; i < OPS_MAX; i++)
                submit(&f, i, NULL);
        run_to(&f, OPS_MAX);
        check_counts_up(f.completed, f.n_completed, OPS_MAX);
        check_counts_up(f.ran, f.n_ran, OPS_MAX);
}

/* All that was submitted while a batch ran is the next one. */
static void batches(void) {
        _cleanup_fixture_ Fixture f;

        fixture_open(&f);
        f.gated = true;
        submit(&f, 0, NULL);
        (void) sem_wait(&f.entered);
        for (int i = 1; i < OPS_MAX; i++)
                submit(&f, i, NULL);
        run_pending(f.event);
        check_int(f.n_completed, 0);
        (void) sem_post(&f.gate);
        (void) sem_post(&f.gate);
        run_to(&f, OPS_MAX);
        check_counts_up(f.completed, f.n_completed, OPS_MAX);
        check_int(f.n_batches, 2);
        check_int(f.batches[0], 1);
        check_int(f.batches[1], OPS_MAX - 1);
}

/* A signal that the thread took would be lost for the loop's signalfd. */
static void thread(void) {
        _cleanup_fixture_ Fixture f;
        sigset_t mine;

        fixture_open(&f);
        submit(&f, 0, NULL);
        run_to(&f, 1);
        check_string(f.thread_name, "test-thread");
        check(sigismember(&f.blocked, SIGTERM) && sigismember(&f.blocked, SIGHUP) && sigismember(&f.blocked, SIGCHLD));
        (void) pthread_sigmask(SIG_SETMASK, NULL, &mine);
        check(!sigismember(&mine, SIGTERM)); /* of the loop they are as they were */
}

static void free_idle(void) {
        _cleanup_fixture_ Fixture f;

        fixture_open(&f);
        check(!background_free(NULL));
}

/* The service stops: what was handed over is carried out and completed without the loop. */
static void free_completes(void) {
        _cleanup_fixture_ Fixture f;

        fixture_open(&f);
        f.gated = true;
        submit(&f, 0, NULL);
        (void) sem_wait(&f.entered);
        for (int i = 1; i < 10; i++)
                submit(&f, i, NULL);
        (void) sem_post(&f.gate);
        (void) sem_post(&f.gate);
        f.background = background_free(f.background);
        check_counts_up(f.ran, f.n_ran, 10);
        check_counts_up(f.completed, f.n_completed, 10);
}

static void submit_from_complete(void) {
        _cleanup_fixture_ Fixture f;

        fixture_open(&f);
        submit(&f, 0, f.background);
        run_to(&f, 2);
        check_counts_up(f.completed, f.n_completed, 2);
}

/* An operation that leads to another one while the service stops: that one is completed as well. */
static void submit_from_complete_in_free(void) {
        _cleanup_fixture_ Fixture f;

        fixture_open(&f);
        submit(&f, 0, f.background);
        f.freeing = true;
        f.background = background_free(f.background);
        check_counts_up(f.ran, f.n_ran, 2);
        check_counts_up(f.completed, f.n_completed, 2);
}

TEST_MAIN(TEST(order), TEST(batches), TEST(thread), TEST(free_idle), TEST(free_completes), TEST(submit_from_complete),
          TEST(submit_from_complete_in_free))
