/* SPDX-License-Identifier: Apache-2.0 */

/* Lookup of the IDs of a call: live jobs are in memory; the store is queried for finished jobs and prefixes. */

#include "job-id.h"
#include "request.h"
#include "utf8.h"

static int find_live(Request *request) {
        for (size_t i = 0; i < request->n_ids; i++) {
                Job *job = core_find_unended(request->service->core, request->ids[i]);

                if (!job || !user_may_manage(request->user->uid, job->record.uid))
                        return 0;
                request->found[i] = (LookupResult) { job, &job->record };
        }
        return 1;
}

/* A single full ID is found immediately; several IDs or prefixes take longer. */
int request_find(Request *request) {
        request_clear_found(request);
        request->found = calloc(request->n_ids + 1, sizeof(LookupResult));
        if (!request->found)
                return -ENOMEM;
        if (find_live(request) > 0) {
                request->step++;
                return 1;
        }
        return request->n_ids == 1 && job_id_is_valid(request->ids[0]) ? 1 : request_take_turn(request);
}

/* Without permission to see jobs of others, look again to return the original error. */
static void on_polkit(PolkitAnswer answer, void *userdata) {
        Request *request = userdata;

        if (answer == POLKIT_ALLOWED)
                request->visible_uid = STORE_ANY_UID;
        request->action = NULL;
        request->step -= 2; /* both steps again */
        request_advance(request);
}

static int ask_polkit(Request *request) {
        int r = question_new(&request->question, request->user, request->call, request->action, on_polkit, request);

        if (r < 0)
                return r;
        request->is_waiting = true;
        request_end_turn(request);
        return 0;
}

static void refuse(Request *request, int r, const StoreLookup *lookup) {
        const char *id = lookup->missing ?: "";
        _cleanup_free_ char *shown = utf8_make_shown(id, JOB_ID_MAX);

        if (r == -ENOENT)
                r = job_id_prefix_is_valid(id) ? -JOB_ERROR_NOT_FOUND : -JOB_ERROR_INVALID_ID;
        (void) request_refuse(request, r, shown, lookup->candidates);
}

/* The records become owned by the pending call. */
static int take(Request *request, StoreLookup *lookup) {
        request->records = calloc(lookup->n_records + 1, sizeof(JobRecord));
        if (!request->records)
                return -ENOMEM;
        for (; request->n_records < lookup->n_records; request->n_records++) {
                size_t i = request->n_records;
                char *id = strdup(lookup->records[i].id);
                Job *job;

                if (!id)
                        return -ENOMEM;
                free(request->ids[i]);
                request->ids[i] = id;
                request->records[i] = job_record_take(&lookup->records[i]);
                job = core_find_unended(request->service->core, id);
                request->found[i] = (LookupResult) { job, job ? &job->record : &request->records[i] };
        }
        return 0;
}

static void on_looked_up(int r, StoreLookup *lookup, void *userdata) {
        Request *request = userdata;

        if (r == -ENOENT && request->action && !request->service->core->stopping) {
                r = ask_polkit(request);
                if (r >= 0)
                        return;
        }
        if (r >= 0)
                r = take(request, lookup);
        if (r < 0)
                refuse(request, r, lookup);
        else
                request_advance(request);
}

int request_find_stored(Request *request) {
        if (!request->service->core->system_scope || request->user->uid == 0)
                request->action = NULL;
        return store_lookup(request->service->core->store, request->ids, request->n_ids, request->visible_uid, on_looked_up,
                            request);
}
