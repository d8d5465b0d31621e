/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

/* The tools that start a job: run, for any command, and task, for Codex. */

#include <systemd/sd-id128.h>

#include "job-thread.h"
#include "request-options.h"
#include "string-list.h"
#include "task.h"
#include "text-new.h"
#include "tool-await.h"
#include "tool-jobs.h"
#include "work.h"

#define TASK_USEC (10 * USEC_PER_SEC) /* a command that ends sooner does not become a task */
#define KEY_MAX (sizeof("mcp-") + SD_ID128_STRING_MAX)

typedef struct Run {
        Work work; /* the task points into its arguments */
        Spec request;
        char **argv;
        Task task;
        uint64_t wait_usec;
} Run;

static void run_clear(Work *work) {
        Run *run = (Run *) work;

        request_clear(&run->request);
        task_clear(&run->task);
        string_list_free(run->argv);
}

/* ---- The answer ---- */

/* The job takes the place of the request. */
static int enqueued(Work *work, sd_bus_message *reply) {
        uint64_t usec = ((Run *) work)->wait_usec;
        Exchange *x = work->exchange;
        bool may_be_task = x->modern && x->tasks;
        const char *id;
        int r;

        r = sd_bus_message_read_basic(reply, 's', &id);
        if (r < 0)
                return r;
        r = await_jobs(x, &id, 1,
                       &(const AwaitOptions) {
                               .usec = may_be_task ? MIN(usec, TASK_USEC) : usec,
                               .bytes = REPORT_BYTES,
                               .may_be_task = may_be_task,
                               .is_task = !x->modern && x->tasks,
                       });
        if (r < 0)
                exchange_refuse(
                        x,
                        "Job %s was started, but cannot be waited for now. Do not run it again; wait with await "
                        "{\"ids\":[\"%s\"]}.",
                        id, id);
        return 0;
}

/* Whether it may have been submitted. */
static bool is_uncertain(const sd_bus_error *error) {
        return sd_bus_error_has_names(error, SD_BUS_ERROR_NO_REPLY, SD_BUS_ERROR_DISCONNECTED, SD_BUS_ERROR_TIMEOUT);
}

static void refused(Work *work, const sd_bus_error *error) {
        if (is_uncertain(error))
                exchange_refuse(work->exchange,
                                "The service did not respond; the job may have been started. Look with list "
                                "before you run it again.");
        else
                exchange_refuse_error(work->exchange, error);
}

/* ---- The request ---- */

static int read_argv(json_object *arguments, char ***ret) {
        _cleanup_free_ const char **words = json_texts(arguments, "command");

        return words ? string_list_copy((char *const *) words, json_length(arguments, "command"), ret) : -ENOMEM;
}

static int read_environment(json_object *variables, char ***ret, sd_bus_error *error) {
        char **entries = calloc((size_t) json_object_object_length(variables) + 1, sizeof(char *));
        size_t n = 0;

        if (!entries)
                return -ENOMEM;
        *ret = entries;
        json_object_object_foreach(variables, name, value) {
                if (!*name || strchr(name, '='))
                        return error_set(error, "Invalid name '%.48s' of a variable in 'environment'.", name);
                entries[n] = text_new("%s=%s", name, json_object_get_string(value));
                if (!entries[n])
                        return -ENOMEM;
                n++;
        }
        return 0;
}

/* With a key a call can be repeated when the service goes away in the middle of it: there is one job, whatever
 * happens. */
static const char *make_key(char buffer[static KEY_MAX]) {
        sd_id128_t id;

        if (sd_id128_randomize(&id) < 0)
                return NULL;
        (void) strcpy(buffer, "mcp-");
        (void) sd_id128_to_string(id, buffer + strlen("mcp-"));
        return buffer;
}

/* What run and task have in common, and the environment. */
static int read_request(Run *run, json_object *arguments, sd_bus_error *error) {
        json_object *variables = json_member(arguments, "environment", json_type_object);
        const char *directory = json_text(arguments, "directory");
        char key[KEY_MAX], **environment = NULL;
        RequestOptions options = { .given = REQUEST_INIT };
        int r;

        if (directory && *directory != '/')
                return error_set(error, "Argument 'directory' must be an absolute path, not '%.200s'.", directory);
        options.given.directory = (char *) directory;
        options.given.label = (char *) json_text(arguments, "label");
        options.given.key = (char *) (json_text(arguments, "key") ?: make_key(key));
        options.given.limits.runtime_max_usec = (uint64_t) json_number(arguments, "time_limit_ms", 0) * USEC_PER_MSEC;
        options.given.limits.read_only = json_is_true(arguments, "read_only");
        r = variables ? read_environment(variables, &environment, error) : 0;
        options.environment = environment;
        for (options.n_environment = 0; environment && environment[options.n_environment];)
                options.n_environment++;
        if (r >= 0)
                r = request_from_options(&options, &run->request, error);
        string_list_free(environment);
        return r;
}

static int read_run(Run *run, json_object *arguments, sd_bus_error *error) {
        json_object *input = json_member(arguments, "stdin", json_type_string);
        int64_t limit_ms = json_number(arguments, "time_limit_ms", 0);
        int r;

        if (limit_ms > (int64_t) (YEARS_10 / USEC_PER_MSEC))
                return error_set(error, "Argument 'time_limit_ms' must be at most 10 years.");
        r = read_argv(arguments, &run->argv);
        if (r < 0)
                return r;
        if (!*run->argv[0])
                return error_set(error, "Argument 'command' begins with an empty text; it must be a program.");
        r = read_request(run, arguments, error);
        if (r >= 0 && input)
                r = request_set_stdin_data(&run->request, json_object_get_string(input),
                                           (size_t) json_object_get_string_len(input), error);
        run->request.argv = run->argv;
        return r;
}

static int read_task(Run *run, json_object *arguments, sd_bus_error *error) {
        const char *thread = json_text(arguments, "thread");
        int r;

        if (thread && !thread_id_is_valid(thread))
                return error_set(error, "Argument 'thread' must be the ID of a Codex thread, not '%.64s'.", thread);
        run->task = (Task) {
                .write = json_is_true(arguments, "write"),
                .model = json_text(arguments, "model"),
                .effort = json_text(arguments, "effort"),
                .thread = thread,
        };
        r = read_request(run, arguments, error);
        if (r >= 0)
                r = task_set_prompt(&run->request, json_text(arguments, "prompt"), error);
        return r < 0 ? r : task_to_request(&run->task, &run->request, error);
}

typedef int (*read_t)(Run *run, json_object *arguments, sd_bus_error *error);

static int begin(Exchange *x, json_object *arguments, read_t read) {
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
        Run *run = malloc(sizeof(Run));
        int r;

        if (!run)
                return -ENOMEM;
        *run = (Run) {
                .work = {
                        .exchange = x,
                        .arguments = json_object_get(arguments),
                        .refused = refused,
                        .clear = run_clear,
                },
                .request = REQUEST_INIT,
                .wait_usec = await_usec(x->mcp, arguments, "wait_ms"),
        };
        work_set(&run->work);
        r = read(run, arguments, &error);
        if (r < 0 && sd_bus_error_is_set(&error)) {
                exchange_refuse_error(x, &error);
                return 0;
        }
        return r < 0 ? r : work_call(&run->work, CALL_AGAIN, "Enqueue", append_request, &run->request, enqueued);
}

int tool_run(Exchange *x, json_object *arguments) {
        return begin(x, arguments, read_run);
}

int tool_task(Exchange *x, json_object *arguments) {
        return begin(x, arguments, read_task);
}
