/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

/* The end of a job: as the node reports it, or as it is found out here. */

#include "adapter.h"
#include "elsewhere.h"
#include "worker-message.h"

/* For the service, and for PID 1 if there is none. */
static void settle(Adapter *a, WorkerEnded *e, size_t size) {
        uint64_t now = monotonic_usec();

        elsewhere_report(&a->link, e, size, a->output_error);
        a->code = e->code;
        a->status = e->status;
        a->stage = STAGE_SETTLED;
        a->keep_usec = now + ADAPTER_KEEP_USEC;
        a->away_usec = now + ELSEWHERE_AWAY_USEC;
        a->look_usec = a->net_usec = a->stop_usec = 0;
}

void settle_as(Adapter *a, WorkerCause cause, int code, int status, const char *text) {
        WorkerEnded *e = calloc(1, sizeof(*e) + WORKER_TEXT_MAX);
        uint64_t now = realtime_usec();

        if (!e)
                return;
        *e = (WorkerEnded) {
                .header = { WORKER_VERSION, WORKER_ENDED },
                .struct_size = sizeof(*e),
                .final = true,
                .cause = cause,
                .code = code,
                .status = status,
                .started_usec = MIN(a->link.hello.started_usec, now),
                .ended_usec = now,
                .text_size = text ? (uint32_t) MIN(strlen(text), (size_t) WORKER_TEXT_MAX) : 0,
        };
        if (text)
                memcpy(e + 1, text, e->text_size);
        (void) dprintf(a->journal, "%s\n", text ?: "cancelled");
        settle(a, e, sizeof(*e) + e->text_size);
}

void settle_cannot(Adapter *a) {
        char text[WORKER_TEXT_MAX];

        (void) snprintf(text, sizeof(text), WORKER_CANNOT "start on Slurm: %s", *a->error ? a->error : "srun failed");
        settle_as(a, WORKER_CAUSE_CANNOT, CLD_EXITED, 126, text);
}

void settle_stopped(Adapter *a) {
        settle_as(a, WORKER_CAUSE_STOP, CLD_KILLED, SIGTERM, NULL);
}

/* The worker was stopped on the node, and not by us: Slurm has a limit of its own, or somebody has cancelled the job there. */
static WorkerCause find_cause(Adapter *a) {
        SlurmLook look = slurm_look(&a->job);

        return look.state == SLURM_TIMEOUT || streq(look.reason, "TimeLimit") ? WORKER_CAUSE_RUNTIME : WORKER_CAUSE_ELSEWHERE;
}

/* The service would refuse what makes no sense, again and again. */
void settle_reported(Adapter *a, const void *data, size_t size) {
        WorkerMessage m;
        WorkerEnded *e;

        if (a->stage >= STAGE_SETTLED)
                return;
        if (size > WORKER_MESSAGE_MAX || worker_message_read(data, size, &m) != 0) {
                settle_as(a, WORKER_CAUSE_LOST, 0, 0, "the end as told by the node makes no sense");
                return;
        }
        e = malloc(size);
        if (!e)
                return;
        memcpy(e, data, size);
        if (e->final && e->cause == WORKER_CAUSE_STOP && !a->stopping) {
                e->cause = find_cause(a);
                if (e->cause == WORKER_CAUSE_ELSEWHERE) {
                        free(e);
                        settle_as(a, WORKER_CAUSE_ELSEWHERE, 0, 0, "cancelled in Slurm");
                        return;
                }
        }
        if (e->final) {
                settle(a, e, size);
                return;
        }
        free(a->link.ended);
        a->link.ended = e;
        a->link.ended_size = size;
        a->link.ended_due = true;
}
