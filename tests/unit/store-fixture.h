/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */
#pragma once

/* A store in the directory of the test, on a real event loop, and its operations as calls that return what
 * was called back. Failures end the test. */

#include "job.h"
#include "store.h"

typedef struct StoreFixture {
        sd_event *event;
        Store *store;
} StoreFixture;

void store_fixture_open(StoreFixture *f);
void store_fixture_close(StoreFixture *f);
#define _cleanup_store_fixture_ _cleanup_(store_fixture_close)

/* Closes the store and opens it again. */
void store_fixture_reopen(StoreFixture *f);

/* What was called back, for an operation whose end is not waited for. */
typedef struct Answer {
        bool done;
        int r;
        unsigned order; /* 1, 2, 3 … of all answers of the process */
        char *existing; /* of an insert; owned */
        int spec_fd;    /* likewise; -EBADF: none */
        char *removed;  /* of an insert, each followed by a space; owned, like the next */
        char *largest;
} Answer;

#define ANSWER_INIT (Answer) { .spec_fd = -EBADF }

void answer_clear(Answer *answer);
#define _cleanup_answer_ _cleanup_(answer_clear)

/* Callbacks with an Answer as their userdata. */
void on_insert_answer(int r, const StoreInserted *inserted, void *userdata);
void on_answer(int r, void *userdata);

/* A queued job with a label; the caller frees it. */
Job *fixture_job(const char *id, uint32_t uid);

/* Submits the insertion of a job whose spec is that text (behind a header's worth of bytes). */
void submit_insert(StoreFixture *f, const Job *job, const char *spec, Answer *answer);

int insert_job(StoreFixture *f, const Job *job);

/* Makes a job and inserts it. */
void insert_new(StoreFixture *f, const char *id, uint32_t uid);

/* Ends a job as completed. Returns a negative errno or 0 and the sequence. */
int finish_job(StoreFixture *f, const char *id, uint64_t *ret_sequence);

/* Both. Returns the sequence. */
uint64_t insert_finished(StoreFixture *f, const char *id, uint32_t uid);

/* Makes jobs job-0000000000 to job-0000000NNN, of which the last n_ended are over, without waiting for each.
 * Each has a label of that many bytes that begins with "number NNN ". */
void insert_many(StoreFixture *f, unsigned n, unsigned n_ended, unsigned label_size);

/* The caller owns *ret_fd. */
int begin_job(StoreFixture *f, const char *id, const char *instance, const char *secret, int *ret_fd);
int stop_job(StoreFixture *f, const char *id, JobReason reason, uint32_t uid);
int acknowledge(StoreFixture *f, uint32_t uid, const char *consumer, uint64_t sequence);
int remove_jobs(StoreFixture *f, char **ids);
int get_state(StoreFixture *f, const char *id, JobState *ret);

/* One id or prefix. ret is filled when 0 is returned; the caller clears it. candidates may be NULL. */
int lookup(StoreFixture *f, const char *id, uint32_t uid, JobRecord *ret, char candidates[static 256]);

/* The ids that a filter lists, each followed by a space. It is written as words NAME=VALUE: state, kind,
 * workspace, session, before, uid, after, limit (100 where it is not given). */
const char *list(StoreFixture *f, const char *filter);

/* The consumers of a user, each followed by a space, the one that was not seen for the longest time first; those that
 * have read everything in parentheses. */
const char *consumers(StoreFixture *f, uint32_t uid);
int forget_consumer(StoreFixture *f, uint32_t uid, const char *consumer);

const char *inbox(StoreFixture *f, uint32_t uid, const char *consumer, uint32_t limit);

/* The ids that were forgotten, each followed by a space, in the order of the alphabet. */
const char *expire(StoreFixture *f, uint64_t before_usec, uint64_t bytes_max);

/* The live jobs, each "id state reason instance ". */
const char *live(StoreFixture *f);

/* The secret of one of them, "-" where it has none. */
const char *live_secret(StoreFixture *f, const char *id);
