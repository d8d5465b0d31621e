/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

/* The end of a job: as the record there says, or as it is found out here. */

#include <sys/wait.h>

#include "relay.h"

static size_t length(const char *text, size_t max) {
        return text ? MIN(strlen(text), max) : 0;
}

static void settle(Relay *r, WorkerEnded e, const char *text, const char *left, const char *result) {
        WorkerEnded *ended;
        char *p;

        e.header = (WorkerHeader) { WORKER_VERSION, WORKER_ENDED };
        e.struct_size = sizeof(e);
        e.final = true;
        e.text_size = (uint32_t) length(text, WORKER_TEXT_MAX);
        e.left_size = (uint32_t) length(left, WORKER_TEXT_MAX);
        e.result_size = (uint32_t) length(result, WORKER_RESULT_SIZE_MAX);
        ended = malloc(sizeof(e) + e.text_size + e.left_size + e.result_size);
        if (!ended)
                exit(EXIT_STATUS_LOST); /* the service reaps */
        *ended = e;
        p = (char *) (ended + 1);
        memcpy(p, strempty(text), e.text_size);
        memcpy(p + e.text_size, strempty(left), e.left_size);
        memcpy(p + e.text_size + e.left_size, strempty(result), e.result_size);
        elsewhere_report(&r->link, ended, sizeof(e) + e.text_size + e.left_size + e.result_size, r->output_error);
        r->code = e.code;
        r->status = e.status;
        r->stage = RELAY_SETTLED;
        r->connect_usec = r->go_on_usec = r->copy_usec = 0;
        r->away_usec = monotonic_usec() + ELSEWHERE_AWAY_USEC;
}

void outcome_as(Relay *r, WorkerCause cause, int code, int status, const char *text) {
        uint64_t now = realtime_usec();

        (void) dprintf(r->journal, "%s\n", text ?: "cancelled");
        settle(r, (WorkerEnded) {
                          .cause = cause,
                          .code = code,
                          .status = status,
                          .started_usec = MIN(r->link.hello.started_usec, now),
                          .ended_usec = now,
                  }, text, NULL, NULL);
}

void outcome_cannot(Relay *r, const char *why) {
        char text[WORKER_TEXT_MAX];

        (void) snprintf(text, sizeof(text), WORKER_CANNOT "start on %s: %s", r->far.host ?: "another host", why);
        outcome_as(r, WORKER_CAUSE_CANNOT, CLD_EXITED, 126, text);
}

void outcome_stopped(Relay *r) {
        outcome_as(r, WORKER_CAUSE_STOP, CLD_KILLED, SIGTERM, NULL);
}

/* --- as the record says ---------------------------------------------------------------------------- */

typedef struct Cause {
        JobReason reason;
        WorkerCause cause;
} Cause;

static const Cause causes[] = {
        { JOB_REASON_NONE, WORKER_CAUSE_ITSELF },
        { JOB_REASON_EXIT_CODE, WORKER_CAUSE_ITSELF },
        { JOB_REASON_SIGNAL, WORKER_CAUSE_ITSELF },
        { JOB_REASON_CORE_DUMP, WORKER_CAUSE_ITSELF },
        { JOB_REASON_OOM_KILL, WORKER_CAUSE_OOM },
        { JOB_REASON_RUNTIME_LIMIT, WORKER_CAUSE_RUNTIME },
        { JOB_REASON_OUTPUT_LIMIT, WORKER_CAUSE_OUTPUT },
        { JOB_REASON_STALLED, WORKER_CAUSE_STALL },
        { JOB_REASON_NOT_EXECUTABLE, WORKER_CAUSE_CANNOT },
        { JOB_REASON_HOST_RESTARTED, WORKER_CAUSE_NODE_LOST },
        { JOB_REASON_NODE_LOST, WORKER_CAUSE_NODE_LOST },
        { JOB_REASON_LOST, WORKER_CAUSE_LOST },
        { JOB_REASON_USER, WORKER_CAUSE_ELSEWHERE },
};

static const Cause *find_cause(JobReason reason) {
        for (size_t i = 0; i < ELEMENTSOF(causes); i++)
                if (causes[i].reason == reason)
                        return &causes[i];
        return NULL;
}

static void settle_unseen(Relay *r, const Cause *cause) {
        char text[WORKER_TEXT_MAX];

        if (cause && cause->reason == JOB_REASON_USER)
                (void) snprintf(text, sizeof(text), "cancelled on %s", r->far.host);
        else if (cause && cause->reason == JOB_REASON_HOST_RESTARTED)
                (void) snprintf(text, sizeof(text), "%s was restarted", r->far.host);
        else if (cause && cause->reason == JOB_REASON_NODE_LOST)
                (void) snprintf(text, sizeof(text), "%s has lost where it ran", r->far.host);
        else
                (void) snprintf(text, sizeof(text), "%s did not see its end", r->far.host);
        outcome_as(r, cause ? cause->cause : WORKER_CAUSE_LOST, 0, 0, text);
}

/* The clocks may differ. */
static uint64_t within(uint64_t time, uint64_t min, uint64_t max) {
        return MAX(MIN(time, max), min);
}

void outcome_settle(Relay *r) {
        const JobRecord *job = &r->record;
        const Cause *cause = find_cause(job->reason);
        uint64_t now = realtime_usec(), started = within(job->started_usec, r->link.hello.started_usec, now);
        bool by_signal = job->signal > 0;
        WorkerEnded e = {
                .started_usec = started,
                .ended_usec = within(job->finished_usec, started, now),
                .code = !by_signal ? CLD_EXITED : job->reason == JOB_REASON_CORE_DUMP ? CLD_DUMPED : CLD_KILLED,
                .status = by_signal ? job->signal : job->exit_code >= 0 ? job->exit_code : 126,
                .result = job->result ? WORKER_RESULT_TAKEN : WORKER_RESULT_NONE,
                .result_bytes = length(job->result, WORKER_RESULT_SIZE_MAX),
        };

        if (job->signal < 0 || job->signal >= NSIG || job->exit_code > 255) { /* the service would refuse it, again and again */
                outcome_as(r, WORKER_CAUSE_LOST, 0, 0, RELAY_NONSENSE);
                return;
        }
        if (job->reason == JOB_REASON_USER && r->stopping) {
                outcome_stopped(r);
                return;
        }
        if (!cause || cause->cause >= WORKER_CAUSE_NODE_LOST || (!by_signal && job->exit_code < 0 && cause->cause != WORKER_CAUSE_CANNOT)) {
                settle_unseen(r, cause);
                return;
        }
        e.cause = cause->cause;
        settle(r, e, cause->cause == WORKER_CAUSE_CANNOT ? job->progress : NULL, job->left_behind, job->result);
}
