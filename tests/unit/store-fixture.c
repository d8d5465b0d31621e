/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

#include "spec-format.h"
#include "store-fixture.h"
#include "test-bus.h"
#include "test.h"

#define TEXT_MAX (64 * 1024)

static unsigned n_answers;

void store_fixture_open(StoreFixture *f) {
        *f = (StoreFixture) {};
        check_ok(sd_event_default(&f->event));
        check_ok(store_new(&f->store, f->event, test_directory()));
}

void store_fixture_close(StoreFixture *f) {
        f->store = store_free(f->store);
        f->event = sd_event_unref(f->event);
}

void store_fixture_reopen(StoreFixture *f) {
        f->store = store_free(f->store);
        check_ok(store_new(&f->store, f->event, test_directory()));
}

void answer_clear(Answer *answer) {
        free(answer->existing);
        free(answer->removed);
        free(answer->largest);
        closep(&answer->spec_fd);
        *answer = ANSWER_INIT;
}

static char *copy(const char *text) {
        return text ? strdup(text) : NULL;
}

static char *join(char *const *words, size_t n) {
        char *text = NULL;

        for (size_t i = 0; i < n; i++) {
                _cleanup_free_ char *before = text;

                check(asprintf(&text, "%s%s ", strempty(before), words[i]) > 0);
        }
        return text;
}

void on_insert_answer(int r, const StoreInserted *inserted, void *userdata) {
        Answer *answer = userdata;

        check(!answer->done); /* once */
        *answer = (Answer) { true, r, ++n_answers, copy(inserted->existing), inserted->spec_fd,
                             join(inserted->removed, inserted->n_removed), copy(inserted->largest) };
}

void on_answer(int r, void *userdata) {
        on_insert_answer(r, &(StoreInserted) { .spec_fd = -EBADF }, userdata);
}

/* --- writing --------------------------------------------------------------------------------------- */

Job *fixture_job(const char *id, uint32_t uid) {
        _cleanup_free_ char *kind = strndup(id, strlen(id) - 11);
        Job *job = NULL;

        check_ok(job_new(&job, id, kind, uid));
        job->record.label = strdup("label");
        job->record.created_usec = 1;
        return job;
}

void submit_insert(StoreFixture *f, const Job *job, const char *spec, Answer *answer) {
        size_t n = strlen(spec);
        char *data = calloc(1, sizeof(SpecHeader) + n);

        check(data);
        memcpy(data + sizeof(SpecHeader), spec, n);
        *answer = ANSWER_INIT;
        check_ok(store_insert(f->store, &job->record, &job->limits,
                              &(StoreInsert) { .spec = data, .spec_size = sizeof(SpecHeader) + n, .stdin_fd = -1 },
                              on_insert_answer, answer));
        check(!answer->done);
}

int insert_job(StoreFixture *f, const Job *job) {
        _cleanup_answer_ Answer answer;

        submit_insert(f, job, "spec", &answer);
        run_until(f->event, &answer.done);
        return answer.r;
}

void insert_new(StoreFixture *f, const char *id, uint32_t uid) {
        _cleanup_(job_freep) Job *job = fixture_job(id, uid);

        check_ok(insert_job(f, job));
}

typedef struct Finished {
        Answer answer;
        uint64_t sequence;
} Finished;

static void on_finished(int r, uint64_t sequence, void *userdata) {
        Finished *finished = userdata;

        finished->sequence = sequence;
        on_answer(r, &finished->answer);
}

int finish_job(StoreFixture *f, const char *id, uint64_t *ret_sequence) {
        _cleanup_(job_freep) Job *job = fixture_job(id, 0);
        Finished finished = {};

        check_ok(job_set_outcome(job, JOB_COMPLETED, JOB_REASON_NONE, 3));
        check_ok(store_finish(f->store, &job->record, &job->outcome, false, on_finished, &finished));
        run_until(f->event, &finished.answer.done);
        if (finished.answer.r >= 0)
                *ret_sequence = finished.sequence;
        return finished.answer.r;
}

uint64_t insert_finished(StoreFixture *f, const char *id, uint32_t uid) {
        uint64_t sequence = 0;

        insert_new(f, id, uid);
        check_ok(finish_job(f, id, &sequence));
        return sequence;
}

static void on_nothing(int r, const StoreInserted *inserted, void *userdata) {
        check_ok(r);
}

static void on_nothing_finished(int r, uint64_t sequence, void *userdata) {
        check_ok(r);
}

static void submit_one_of_many(StoreFixture *f, unsigned number, bool ended, unsigned label_size) {
        _cleanup_(job_freep) Job *job = NULL;
        char id[32];

        (void) snprintf(id, sizeof(id), "job-%010u", number);
        job = fixture_job(id, 0);
        free(job->record.label);
        check(asprintf(&job->record.label, "number %03u %0*d", number, (int) label_size - 11, 0) > 0);
        check_ok(store_insert(f->store, &job->record, &job->limits, &(StoreInsert) { .spec = calloc(1, 64), .spec_size = 64, .stdin_fd = -1 },
                              on_nothing, NULL));
        if (!ended)
                return;
        check_ok(job_set_outcome(job, JOB_COMPLETED, JOB_REASON_NONE, 1));
        check_ok(store_finish(f->store, &job->record, &job->outcome, false, on_nothing_finished, NULL));
}

void insert_many(StoreFixture *f, unsigned n, unsigned n_ended, unsigned label_size) {
        JobState state;

        for (unsigned i = 0; i < n; i++)
                submit_one_of_many(f, i, i >= n - n_ended, label_size);
        (void) get_state(f, "job-0000000000", &state); /* comes after them all */
}

typedef struct Begun {
        Answer answer;
        int fd;
} Begun;

static void on_begun(int r, int spec_fd, void *userdata) {
        Begun *begun = userdata;

        begun->fd = spec_fd;
        on_answer(r, &begun->answer);
}

int begin_job(StoreFixture *f, const char *id, const char *instance, const char *secret, int *ret_fd) {
        Begun begun = {};

        check_ok(store_begin(f->store, id, instance, secret, 1, 0, NULL, on_begun, &begun));
        run_until(f->event, &begun.answer.done);
        check_int(begun.fd >= 0, begun.answer.r >= 0);
        *ret_fd = begun.fd;
        return begun.answer.r;
}

int stop_job(StoreFixture *f, const char *id, JobReason reason, uint32_t uid) {
        Answer answer = {};

        check_ok(store_stop(f->store, id, reason, uid, on_answer, &answer));
        run_until(f->event, &answer.done);
        return answer.r;
}

int acknowledge(StoreFixture *f, uint32_t uid, const char *consumer, uint64_t sequence) {
        Answer answer = {};

        check_ok(store_acknowledge(f->store, uid, consumer, sequence, on_answer, &answer));
        run_until(f->event, &answer.done);
        return answer.r;
}

static size_t count(char **strings) {
        size_t n = 0;

        while (strings[n])
                n++;
        return n;
}

int remove_jobs(StoreFixture *f, char **ids) {
        Answer answer = {};

        check_ok(store_remove(f->store, ids, count(ids), on_answer, &answer));
        run_until(f->event, &answer.done);
        return answer.r;
}

/* --- reading --------------------------------------------------------------------------------------- */

typedef struct State {
        Answer answer;
        JobState state;
} State;

static void on_state(int r, JobState state, void *userdata) {
        State *s = userdata;

        s->state = state;
        on_answer(r, &s->answer);
}

int get_state(StoreFixture *f, const char *id, JobState *ret) {
        State s = {};

        check_ok(store_get_state(f->store, id, on_state, &s));
        run_until(f->event, &s.answer.done);
        if (s.answer.r >= 0)
                *ret = s.state;
        return s.answer.r;
}

typedef struct Lookup {
        Answer answer;
        JobRecord *record;
        char *candidates;
} Lookup;

static void on_lookup(int r, StoreLookup *result, void *userdata) {
        Lookup *l = userdata;

        if (r >= 0) {
                check_int(result->n_records, 1);
                *l->record = result->records[0];
                result->records[0] = JOB_RECORD_INIT;
        } else {
                check_int(result->missing == result->ids[0], r == -ENOENT || r == -JOB_ERROR_AMBIGUOUS_ID);
                (void) snprintf(l->candidates, 256, "%s", strempty(result->candidates));
        }
        on_answer(r, &l->answer);
}

int lookup(StoreFixture *f, const char *id, uint32_t uid, JobRecord *ret, char candidates[static 256]) {
        Lookup l = { .record = ret, .candidates = candidates };

        check_ok(store_lookup(f->store, STRINGS(id), 1, uid, on_lookup, &l));
        run_until(f->event, &l.answer.done);
        return l.answer.r;
}

typedef struct Listed {
        Answer answer;
        char *text; /* of TEXT_MAX bytes */
} Listed;

static void add_word(char *text, const char *word) {
        size_t n = strlen(text);

        check(n + strlen(word) + 2 <= TEXT_MAX);
        (void) stpcpy(stpcpy(text + n, word), " ");
}

static void on_list(int r, JobRecord *records, size_t n, void *userdata) {
        Listed *listed = userdata;

        for (size_t i = 0; i < n; i++)
                add_word(listed->text, records[i].id);
        on_answer(r, &listed->answer);
}

static const char *run_list(StoreFixture *f, Listed *listed) {
        run_until(f->event, &listed->answer.done);
        check_ok(listed->answer.r);
        return listed->text;
}

static void set_filter(StoreFilter *filter, const char *name, const char *value) {
        if (streq(name, "state"))
                filter->states |= 1U << job_state_from_string(value);
        else if (streq(name, "kind"))
                filter->kind = strdup(value);
        else if (streq(name, "workspace"))
                filter->workspace = strdup(value);
        else if (streq(name, "session"))
                filter->session = strdup(value);
        else if (streq(name, "before"))
                filter->before = strdup(value);
        else if (streq(name, "uid"))
                filter->uid = (uint32_t) strtoul(value, NULL, 10);
        else if (streq(name, "after"))
                filter->after_sequence = strtoull(value, NULL, 10);
        else {
                check(streq(name, "limit"));
                filter->limit = (uint32_t) strtoul(value, NULL, 10);
        }
}

const char *list(StoreFixture *f, const char *filter) {
        static char text[TEXT_MAX];
        StoreFilter parsed = { .uid = STORE_ANY_UID, .after_sequence = UINT64_MAX, .limit = 100 };
        _cleanup_free_ char *words = strdup(filter);
        Listed listed = { .text = text };
        char *rest = words, *word;

        while ((word = strsep(&rest, " ")))
                if (*word) {
                        const char *name = strsep(&word, "=");

                        set_filter(&parsed, name, word);
                }
        text[0] = 0;
        check_ok(store_list(f->store, &parsed, on_list, &listed));
        check(!parsed.kind && !parsed.workspace && !parsed.session && !parsed.before); /* taken over */
        return run_list(f, &listed);
}

const char *inbox(StoreFixture *f, uint32_t uid, const char *consumer, uint32_t limit) {
        static char text[TEXT_MAX];
        Listed listed = { .text = text };

        text[0] = 0;
        check_ok(store_inbox(f->store, uid, consumer, limit, on_list, &listed));
        return run_list(f, &listed);
}

static void on_consumers(int r, const StoreConsumer *consumers, size_t n, void *userdata) {
        Listed *listed = userdata;
        char word[JOB_CONSUMER_MAX + 3];

        for (size_t i = 0; i < n; i++) {
                (void) snprintf(word, sizeof(word), consumers[i].unread ? "%s" : "(%s)", consumers[i].name);
                add_word(listed->text, word);
        }
        on_answer(r, &listed->answer);
}

const char *consumers(StoreFixture *f, uint32_t uid) {
        static char text[TEXT_MAX];
        Listed listed = { .text = text };

        text[0] = 0;
        check_ok(store_list_consumers(f->store, uid, on_consumers, &listed));
        return run_list(f, &listed);
}

int forget_consumer(StoreFixture *f, uint32_t uid, const char *consumer) {
        Answer answer = {};

        check_ok(store_forget_consumer(f->store, uid, consumer, on_answer, &answer));
        run_until(f->event, &answer.done);
        return answer.r;
}

static int compare_ids(const void *a, const void *b) {
        return strcmp(*(char *const *) a, *(char *const *) b);
}

static void on_expired(int r, const StoreExpired *expired, void *userdata) {
        char *const *ids = expired->ids;
        size_t n = expired->n;
        Listed *listed = userdata;
        _cleanup_free_ const char **sorted = calloc(n + 1, sizeof(char *));

        check(sorted);
        for (size_t i = 0; i < n; i++)
                sorted[i] = ids[i];
        qsort(sorted, n, sizeof(char *), compare_ids);
        for (size_t i = 0; i < n; i++)
                add_word(listed->text, sorted[i]);
        on_answer(r, &listed->answer);
}

const char *expire(StoreFixture *f, uint64_t before_usec, uint64_t bytes_max) {
        static char text[TEXT_MAX];
        Listed listed = { .text = text };

        text[0] = 0;
        check_ok(store_expire(f->store, before_usec, bytes_max, on_expired, &listed));
        return run_list(f, &listed);
}

static int on_live(StoredJob *stored, void *userdata) {
        char *text = userdata;

        add_word(text, stored->record.id);
        add_word(text, job_state_to_string(stored->record.state));
        add_word(text, *job_reason_to_string(stored->stop_reason) ? job_reason_to_string(stored->stop_reason) : "-");
        add_word(text, stored->instance ?: "-");
        return 0;
}

const char *live(StoreFixture *f) {
        static char text[TEXT_MAX];

        text[0] = 0;
        check_ok(store_load_live(f->store, on_live, text));
        return text;
}

typedef struct LiveSecret {
        const char *id;
        char *text; /* of TEXT_MAX bytes */
} LiveSecret;

static int on_live_secret(StoredJob *stored, void *userdata) {
        LiveSecret *secret = userdata;

        if (streq(stored->record.id, secret->id))
                (void) snprintf(secret->text, TEXT_MAX, "%s", stored->secret ?: "-");
        return 0;
}

const char *live_secret(StoreFixture *f, const char *id) {
        static char text[TEXT_MAX];
        LiveSecret secret = { id, text };

        text[0] = 0;
        check_ok(store_load_live(f->store, on_live_secret, &secret));
        return text;
}
