/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

#include "codex-command.h"
#include "job-thread.h"
#include "notify-thread.h"
#include "say.h"
#include "text-new.h"

#define KIND "notify-thread"

/* Arguments: the job, the option of its scope, codex, the thread. Nothing that a job wrote is in the message. The limit
 * is a year: await has one, and its status would be taken for that of the job. */
static const char script[] =
        "codex-jobs await --quiet --timeout-ms 31536000000 $2 \"$1\" >/dev/null 2>&1\n"
        "exec \"$3\" queue --thread \"$4\" --message \"codex-jobs: job $1 has finished with exit status $?. "
        "Show its result with: codex-jobs result $2 $1\"\n";

int notify_thread_find(const char *word, const char **ret, sd_bus_error *error) {
        const char *thread = word ?: getenv("CODEX_THREAD_ID");

        if (isempty(thread))
                return error_set(error, "CODEX_THREAD_ID is not set; name the thread with --notify-thread=ID.");
        if (!thread_id_is_valid(thread))
                return error_set(error, "'%.64s' is not the ID of a Codex thread.", thread);
        *ret = thread;
        return 0;
}

int notify_thread(Client *c, const char *id, const char *thread, sd_bus_error *error) {
        _cleanup_free_ char *codex = NULL, *watcher = NULL;
        _cleanup_request_ Spec request = REQUEST_INIT;
        const char *scope = client_scope_option(c);
        int r;

        r = codex_find(&codex, error);
        if (r >= 0) /* not of the workspace, whose inbox is for its work */
                r = request_set_directory(&request, "/", error);
        if (r >= 0)
                r = request_set_environment(&request, false, NULL, 0, error);
        if (r < 0)
                return r;
        request.label = text_new("notify thread %s of %s", thread, id);
        if (!request.label)
                return -ENOMEM;
        /* One, however often the job is asked for by a key of its own. */
        request.key = text_new(KIND " %s %s", thread, id);
        if (!request.key)
                return -ENOMEM;
        (void) strcpy(request.kind, KIND);
        request.notify = false;
        request.argv = (char *[]) { (char *) "/bin/sh", (char *) "-c", (char *) script, (char *) "sh", (char *) id,
                                    (char *) (*scope ? scope + 1 : scope), codex, (char *) thread, NULL };
        return job_enqueue(c, &request, &watcher, error);
}
