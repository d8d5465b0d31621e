/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

/* What is left of a job there, without its description. A request that is still under way could begin it after a look that found
 * nothing, so its key is taken first: by a job that is held and then cancelled, which never runs. If that key belongs to another
 * request, the job is there, and is found by its session. That held job is left to retention there, as is the key. */

#include "bus-names.h"
#include "dict.h"
#include "relay.h"

#define PAUSE_MIN_USEC USEC_PER_SEC
#define PAUSE_MAX_USEC (30 * USEC_PER_SEC)
#define CALL_USEC (120 * USEC_PER_SEC)

typedef struct Reaping {
        Far far;
        char key[RELAY_KEY_MAX];
        char session[RELAY_KEY_MAX];
        char *ids[64]; /* of those that are alive */
        size_t n;
} Reaping;

static int cancel(Reaping *r, const char *id, sd_bus_error *error) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
        int e;

        e = sd_bus_message_new_method_call(r->far.bus, &m, JOBS_BUS_NAME, JOBS_PATH, JOBS_INTERFACE, "Cancel");
        if (e >= 0)
                e = sd_bus_message_append(m, "s", id);
        if (e >= 0)
                e = sd_bus_call(r->far.bus, m, UINT64_MAX, error, NULL);
        return e < 0 && sd_bus_error_has_name(error, JOBS_ERROR_NO_SUCH_JOB) ? 0 : e; /* removed: it had ended */
}

static int take_key(Reaping *r, sd_bus_error *error) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL, *reply = NULL;
        int e;

        e = sd_bus_message_new_method_call(r->far.bus, &m, JOBS_BUS_NAME, JOBS_PATH, JOBS_INTERFACE, "Enqueue");
        if (e >= 0)
                e = sd_bus_message_append(m, "asa{sv}", 1, "true", 5, "IdempotencyKey", "s", r->key, "Session", "s", r->session,
                                          "Hold", "b", true, "Notify", "b", false, "Label", "s", "cancelled before it was begun");
        if (e >= 0)
                e = sd_bus_call(r->far.bus, m, CALL_USEC, error, &reply);
        if (e < 0 && sd_bus_error_has_name(error, JOBS_ERROR_KEY_CONFLICT)) {
                sd_bus_error_free(error);
                return 0;
        }
        return MIN(e, 0); /* it is found by its session, as all of them */
}

static int take_record(sd_bus_message *m, void *userdata) {
        _cleanup_job_record_ JobRecord job = JOB_RECORD_INIT;
        Reaping *r = userdata;
        int e;

        e = job_record_read(m, &job);
        if (e >= 0 && r->n < ELEMENTSOF(r->ids))
                r->ids[r->n++] = TAKE_PTR(job.id);
        return e;
}

static int list(Reaping *r, sd_bus_error *error) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        int e;

        e = sd_bus_call_method(r->far.bus, JOBS_BUS_NAME, JOBS_PATH, JOBS_INTERFACE, "List", error, &reply, "a{sv}", 2, "Session", "s",
                               r->session, "State", "as", 2, "queued", "running");
        return e < 0 ? e : dict_read_list(reply, take_record, r);
}

/* Until a look finds nothing. */
static int clean(Reaping *r, sd_bus_error *error) {
        int e;

        e = take_key(r, error);
        while (e >= 0 && (e = list(r, error)) >= 0 && r->n > 0) {
                for (size_t i = 0; i < r->n; i++) {
                        if (e >= 0)
                                e = cancel(r, r->ids[i], error);
                        free(r->ids[i]);
                }
                r->n = 0;
        }
        return e;
}

static int attempt(Reaping *r) {
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
        _cleanup_free_ char *words = NULL, *sentence = NULL;
        int e;

        e = far_open(&r->far, NULL, NULL, NULL);
        if (e >= 0)
                e = clean(r, &error);
        if (e < 0 && !sd_bus_error_is_set(&error))
                (void) sd_bus_error_set_errno(&error, e);
        sentence = e < 0 ? far_sentence(&r->far, &error) : NULL;
        far_close(&r->far, e < 0 ? &words : NULL);
        if (e < 0)
                (void) fprintf(stderr, "Not known what is left on %s, trying again: %s\n", r->far.host, words ?: strempty(sentence));
        return e;
}

int reap(const char *id) {
        static Reaping r;
        const char *number = getenv("CODEX_JOBS_ATTEMPT"), *wrong;
        uint64_t pause = PAUSE_MIN_USEC;

        wrong = far_init(&r.far);
        if (wrong) { /* after the process of the unit: it has asked for nothing either */
                (void) fprintf(stderr, "Not known where it ran: %s.\n", wrong);
                return getenv("SERVICE_RESULT") ? EXIT_SUCCESS : EXIT_FAILURE;
        }
        (void) signal(SIGPIPE, SIG_IGN);
        submit_name(id, number ? strtoull(number, NULL, 10) : 1, r.key, r.session);
        while (attempt(&r) < 0) {
                struct timespec t = { .tv_sec = (time_t) (pause / USEC_PER_SEC) };

                (void) nanosleep(&t, NULL);
                pause = MIN(2 * pause, PAUSE_MAX_USEC);
        }
        return EXIT_SUCCESS;
}
