/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

/* codex-jobs setup: whether the queues of the administrator are configured well, and Slurm is as it has to be for those whose
 * jobs run there. The program that has them run there says what is wrong, a line each, with a remedy. */

#include "build-config.h"
#include "own-queue.h"
#include "process.h"
#include "setup.h"
#include "text-new.h"

#define CHECK_USEC (20 * USEC_PER_SEC)
#define REMEDY "; to fix: "
#define PROBLEMS_MAX 8U  /* of a queue */
#define STATUS_WARNING 1 /* jobs run, but not as promised */

static int report_problem(Setup *s, const char *queue, const char *status, char *line) {
        char *remedy = strstr(line, REMEDY);

        if (remedy) {
                *remedy = 0;
                remedy += strlen(REMEDY);
        }
        return setup_report(s,
                            &(const JsonCheck) {
                                    .name = "slurm",
                                    .status = status,
                                    .remedy = remedy ?: "examine the configuration of Slurm",
                            },
                            "queue %s: %s", queue, line);
}

/* The variable of the caller does not count. */
static int ask(const OwnQueue *queue, char **ret, int *ret_status) {
        _cleanup_free_ char *conf = text_new("SLURM_CONF=%s", queue->slurm_conf);
        const bool is_configured = *queue->slurm_conf;

        if (!conf)
                return -ENOMEM;
        return process_output((const char *const[]) { "env", is_configured ? conf : "--unset=SLURM_CONF", SLURM_PATH, "--check", NULL },
                              CHECK_USEC, ret, ret_status);
}

static int check_one(Setup *s, const OwnQueue *queue) {
        _cleanup_free_ char *text = NULL;
        char *rest, *line;
        size_t before = s->n;
        int r, status = 0;

        r = ask(queue, &text, &status);
        if (r == -ENOMEM)
                return r;
        if (r < 0)
                return report_problem(s, queue->name, "failed", (char[]) { "Slurm does not answer" });
        rest = text;
        while (status != 0 && r >= 0 && s->n - before < PROBLEMS_MAX && (line = strsep(&rest, "\n")))
                if (*line)
                        r = report_problem(s, queue->name, status == STATUS_WARNING ? "warning" : "failed", line);
        if (r < 0 || s->n > before)
                return r;
        return setup_report(s, &(const JsonCheck) { .name = "slurm", .status = "ok" }, "queue %s: Slurm answers", queue->name);
}

static int report_line(Setup *s, const OwnQueue *queue) {
        const JsonCheck check = {
                .name = "queue",
                .status = queue->is_closed ? "failed" : "warning",
                .remedy = "correct it in codex-jobs.conf, and reload the service",
                .command = s->system ? "systemctl reload codex-jobsd" : "systemctl --user reload codex-jobsd",
        };

        if (queue->is_closed)
                return setup_report(s, &check, "queue %s starts no jobs, a line of its configuration is invalid: %s", queue->name,
                                    queue->problem);
        return setup_report(s, &check, "a line of the configuration of queue %s has no effect: %s", queue->name, queue->problem);
}

int setup_check_queues(Setup *s) {
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
        _cleanup_own_queue_list_ OwnQueueList list = {};
        size_t before = s->n;
        int r;

        if (!s->reachable || own_queue_list(s->client, &list, &error) < 0) /* the check of the queue says why */
                return 0;
        r = 0;
        for (size_t i = 0; r >= 0 && i < list.n && s->n - before < CHECKS_QUEUES_MAX - PROBLEMS_MAX; i++) {
                const OwnQueue *queue = &list.queues[i];

                if (*queue->problem)
                        r = report_line(s, queue);
                if (r >= 0 && streq(queue->launcher, "slurm") && !queue->is_closed)
                        r = check_one(s, queue);
        }
        return r;
}
