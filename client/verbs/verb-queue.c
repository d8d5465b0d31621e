/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

/* codex-jobs queue: the queues that the caller may use. */

#include "bus-names.h"
#include "own-queue.h"
#include "render-json.h"
#include "say.h"
#include "verbs.h"
#include "write.h"

enum { OPTION_MAX_RUNNING = OPTION_VERB };

static struct {
        bool has_max_running;
        uint64_t max_running; /* 0: no limit */
} given;

static int option(const Verb *verb, int option) {
        given.has_max_running = true;
        if (streq(optarg, "infinity")) {
                given.max_running = 0;
                return 0;
        }
        return option_number(verb, "max-running", 1, JOB_QUEUE_RUNNING_MAX, &given.max_running);
}

/* --- list ------------------------------------------------------------------------------------------- */

/* "4, 2 per user" */
static void put_limit(const OwnQueue *q, char *text, size_t size) {
        if (q->max_running > 0 && q->max_running_user > 0)
                (void) snprintf(text, size, "%u, %u per user", q->max_running, q->max_running_user);
        else if (q->max_running_user > 0)
                (void) snprintf(text, size, "%u per user", q->max_running_user);
        else if (q->max_running > 0)
                (void) snprintf(text, size, "%u", q->max_running);
        else
                (void) snprintf(text, size, "-");
}

static int put_queues(FILE *f, void *userdata) {
        const OwnQueueList *list = userdata;

        (void) fprintf(f, "%-20s  %-6s  %7s  %7s  %-13s  %s\n", "QUEUE", "PAUSED", "QUEUED", "RUNNING", "MAX RUNNING", "OWNER");
        for (size_t i = 0; i < list->n; i++) {
                const OwnQueue *q = &list->queues[i];
                char limit[48];

                put_limit(q, limit, sizeof(limit));
                (void) fprintf(f, "%-20s  %-6s  %7u  %7u  %-13s  %s\n", q->name, q->paused ? "yes" : "no", q->queued, q->running, limit,
                               q->is_administrators ? "administrator" : "you");
        }
        return 0;
}

/* What the administrator should correct. */
static void say_problems(const OwnQueueList *list) {
        for (size_t i = 0; i < list->n; i++) {
                const OwnQueue *q = &list->queues[i];

                if (*q->problem)
                        say_hint(q->is_closed ? "Queue %s starts no jobs, a line of its configuration is invalid: %s" :
                                                "A line of the configuration of queue %s has no effect: %s", q->name, q->problem);
        }
}

static int list(Invocation *in) {
        _cleanup_own_queue_list_ OwnQueueList queues = {};
        int r;

        r = own_queue_list(in->client, &queues, &in->error);
        if (r < 0)
                return r;
        if (in->json)
                return json_write_queues(queues.queues, queues.n, &in->error);
        r = write_text(put_queues, &queues, &in->error);
        if (r >= 0)
                say_problems(&queues);
        return r;
}

/* --- set, remove ------------------------------------------------------------------------------------ */

static int find(Invocation *in, const char *name, OwnQueue *ret) {
        _cleanup_own_queue_list_ OwnQueueList queues = {};
        int r;

        r = own_queue_list(in->client, &queues, &in->error);
        for (size_t i = 0; i < queues.n; i++)
                if (streq(queues.queues[i].name, name)) {
                        *ret = queues.queues[i];
                        return 0;
                }
        return r < 0 ? r : error_set(&in->error, "There is no queue '%s'. List your queues with: codex-jobs queue%s", name,
                                     client_scope_option(in->client));
}

static int put_set(FILE *f, void *userdata) {
        const OwnQueue *q = userdata;

        if (q->max_running > 0)
                (void) fprintf(f, "Queue %s: at most %u running.\n", q->name, q->max_running);
        else
                (void) fprintf(f, "Queue %s: no limit of its own.\n", q->name);
        return 0;
}

static int put_removed(FILE *f, void *userdata) {
        (void) fprintf(f, "Removed queue %s.\n", ((const OwnQueue *) userdata)->name);
        return 0;
}

static int show(Invocation *in, OwnQueue *queue, text_put_t put) {
        if (in->json)
                return json_write_queues(queue, 1, &in->error);
        return in->quiet ? 0 : write_text(put, queue, &in->error);
}

static int set(Invocation *in) {
        const char *name = in->arguments[1];
        OwnQueue queue;
        int r;

        r = own_queue_set(in->client, name, (uint32_t) given.max_running, &in->error);
        if (r >= 0)
                r = find(in, name, &queue);
        return r < 0 ? r : show(in, &queue, put_set);
}

/* The call may be repeated while the service restarts: a queue that is gone now was there before. */
static int remove_queue(Invocation *in) {
        const char *name = in->arguments[1];
        OwnQueue queue;
        int r;

        r = find(in, name, &queue);
        if (r < 0)
                return r;
        r = own_queue_remove(in->client, name, &in->error);
        if (r < 0 && !sd_bus_error_has_name(&in->error, JOBS_ERROR_NO_SUCH_QUEUE))
                return r;
        sd_bus_error_free(&in->error);
        return show(in, &queue, put_removed);
}

/* --- the verb --------------------------------------------------------------------------------------- */

static const struct {
        const char *name;
        size_t n_arguments; /* with it */
        int (*run)(Invocation *in);
} actions[] = { { "list", 1, list }, { "set", 2, set }, { "remove", 2, remove_queue } };

static int check(Invocation *in) {
        const char *word = in->n_arguments > 0 ? in->arguments[0] : "list";
        bool is_set = streq(word, "set");
        size_t n = MAX(in->n_arguments, (size_t) 1);

        for (size_t i = 0; i < ELEMENTSOF(actions); i++) {
                if (!streq(actions[i].name, word))
                        continue;
                if (n > actions[i].n_arguments)
                        return usage_error(in->verb, "Too many arguments for 'queue %s'", word);
                if (n < actions[i].n_arguments)
                        return usage_error(in->verb, "Missing the name of the queue");
                if (is_set != given.has_max_running)
                        return usage_error(in->verb, is_set ? "'queue set' requires --max-running" :
                                                              "--max-running is only for 'queue set'");
                return n > 1 ? check_queue_name(in->verb, in->arguments[1]) : 0;
        }
        return usage_error(in->verb, "Unknown word '%.64s'. Use list, set or remove", word);
}

static int run(Invocation *in) {
        for (size_t i = 0; in->n_arguments > 0 && i < ELEMENTSOF(actions); i++)
                if (streq(actions[i].name, in->arguments[0]))
                        return actions[i].run(in);
        return list(in);
}

const Verb verb_queue = {
        .name = "queue",
        .arguments = "[set|remove QUEUE]",
        .max = 2,
        .surplus = "'queue' takes list, set or remove, and one queue",
        .options =
                (const struct option[]) {
                        { "max-running", required_argument, NULL, OPTION_MAX_RUNNING },
                        {},
                },
        .option = option,
        .check = check,
        .run = run,
        .summary = "List, create and remove queues",
        .help = "List the queues that you may use, create one or change its limit, or remove one that has\n"
                "no jobs. Submit jobs to it with --queue QUEUE, and stop it with 'codex-jobs pause QUEUE'.\n"
                "A job reads its number among those that run in its queue from $CODEX_JOB_SLOT: 0, 1, ...\n"
                "\n"
                "Options:\n"
                "      --max-running N      With set: how many jobs of the queue may run at a time, or\n"
                "                           infinity for as many as your user may\n",
};
