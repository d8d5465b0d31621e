/* SPDX-License-Identifier: Apache-2.0 */

/* What the ids of a call stand for: live jobs are at hand, what is over and what is a prefix is asked of the store. */

#include "bus-names.h"
#include "job-id.h"
#include "request.h"
#include "utf8.h"

static Job *find_visible(Service *service, const char *id, uint32_t uid) {
        Job *job = core_find_unended(service->core, id);

        return job && authorize_may_manage(uid, job->record.uid) ? job : NULL;
}

static void set_error(sd_bus_error *error, int r, const StoreLookup *lookup) {
        const char *id = lookup->missing ?: "";
        _cleanup_free_ char *shown = utf8_make_shown(id, JOB_ID_MAX);

        if (r == -ENOENT && job_id_prefix_is_valid(id))
                (void) sd_bus_error_setf(error, JOBS_ERROR_NO_SUCH_JOB, "Job %s not found.", id);
        else if (r == -ENOENT)
                (void) sd_bus_error_setf(error, JOBS_ERROR_NO_SUCH_JOB, "Invalid job ID '%s'.", strempty(shown));
        else if (r == -EMLINK)
                (void) sd_bus_error_setf(error, JOBS_ERROR_AMBIGUOUS_ID, "Job ID %s is ambiguous: %s.", id,
                                         strempty(lookup->candidates));
        else
                (void) request_set_unavailable(error, r);
}

static void fail(Request *request, int r, const StoreLookup *lookup) {
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;

        set_error(&error, r, lookup);
        request->found(&error, NULL, 0, request);
}

static void on_looked_up(int r, StoreLookup *lookup, void *userdata);

static int look_at_own(Request *request) {
        return store_lookup(request->service->core->store, request->ids, request->n_ids, authorize_visible_uid(request->uid),
                            on_looked_up, request);
}

static int look_at_all(Request *request) {
        return store_lookup(request->service->core->store, request->ids, request->n_ids, STORE_ANY_UID, on_looked_up, request);
}

/* One id in full is found at once; many of them, or what may stand for many, take their time. */
static int look(Request *request, int (*submit)(Request *request)) {
        bool quick = request->n_ids == 1 && job_id_is_valid(request->ids[0]);

        return quick ? submit(request) : request_take_turn(request, submit);
}

/* Where he may not, for the error that the first look would have given. */
static void on_polkit(PolkitAnswer answer, void *userdata) {
        Request *request = userdata;
        int r;

        request->action = NULL;
        r = request->service->core->stopping ? -ESHUTDOWN : look(request, answer == POLKIT_ALLOWED ? look_at_all : look_at_own);
        if (r < 0)
                fail(request, r, &(StoreLookup) {});
}

static int ask_polkit(Request *request) {
        Service *service = request->service;

        if (service->core->stopping)
                return -ESHUTDOWN;
        request_end_turn(request);
        return polkit_check(service->polkit, request->call, request->uid, request->action, on_polkit, request, request_abandon);
}

static void hand_over(Request *request, const StoreLookup *lookup) {
        size_t n = lookup->n_records;
        _cleanup_free_ Found *found = NULL;

        found = calloc(n + 1, sizeof(Found));
        if (!found) {
                fail(request, -ENOMEM, lookup);
                return;
        }
        for (size_t i = 0; i < n; i++) {
                found[i].job = core_find_unended(request->service->core, lookup->records[i].id);
                found[i].record = found[i].job ? &found[i].job->record : &lookup->records[i];
        }
        request->found(NULL, found, n, request);
}

static void on_looked_up(int r, StoreLookup *lookup, void *userdata) {
        Request *request = userdata;

        if (r == -ENOENT && request->action) {
                r = ask_polkit(request);
                if (r >= 0)
                        return;
        }
        if (r < 0)
                fail(request, r, lookup);
        else
                hand_over(request, lookup);
}

/* Returns 1 where all of them are live and were handed over, 0 where the store has to be asked. */
static int look_at_live(Request *request) {
        _cleanup_free_ Found *found = NULL;

        found = calloc(request->n_ids + 1, sizeof(Found));
        if (!found)
                return -ENOMEM;
        for (size_t i = 0; i < request->n_ids; i++) {
                found[i].job = find_visible(request->service, request->ids[i], request->uid);
                if (!found[i].job)
                        return 0;
                found[i].record = &found[i].job->record;
        }
        request->found(NULL, found, request->n_ids, request);
        return 1;
}

int request_lookup(Request *request, const char *action, FoundCallback callback) {
        int r;

        request->action = request->service->core->system_scope && request->uid != 0 ? action : NULL;
        request->found = callback;
        r = look_at_live(request);
        if (r == 0)
                r = look(request, look_at_own);
        if (r < 0)
                fail(request, r, &(StoreLookup) {});
        return 1;
}
