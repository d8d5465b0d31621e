/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

/* Lookup of the IDs of a call: live jobs are in memory; the store is queried for finished jobs and prefixes. */

#include "job-id.h"
#include "pending-call.h"
#include "utf8.h"

static int find_live(PendingCall *pending) {
        for (size_t i = 0; i < pending->n_ids; i++) {
                Job *job = core_find_unended(pending->service->core, pending->ids[i]);

                if (!job || !user_may_manage(pending->user->uid, job->record.uid))
                        return 0;
                pending->found[i] = (LookupResult) { job, &job->record };
        }
        return 1;
}

/* Several IDs or prefixes take longer than a single full ID. */
int pending_find(PendingCall *pending) {
        pending_clear_found(pending);
        pending->found = calloc(pending->n_ids + 1, sizeof(LookupResult));
        if (!pending->found)
                return -ENOMEM;
        if (find_live(pending) > 0) {
                pending->step++;
                return 1;
        }
        return pending->n_ids == 1 && job_id_is_valid(pending->ids[0]) ? pending_take_lookup_turn(pending) : pending_take_turn(pending);
}

/* Without permission to see jobs of others, look again to return the original error. */
static void on_polkit(PolkitAnswer answer, void *userdata) {
        PendingCall *pending = userdata;

        if (answer == POLKIT_ALLOWED)
                pending->visible_uid = STORE_ANY_UID;
        pending->action = NULL;
        pending->step -= 2; /* both steps again */
        pending_advance(pending);
}

static int ask_polkit(PendingCall *pending) {
        int r = question_new(&pending->question, pending->user, pending->call, pending->action, on_polkit, pending);

        if (r < 0)
                return r;
        pending->is_waiting = true;
        pending_end_turn(pending);
        return 0;
}

static void refuse(PendingCall *pending, int r, const StoreLookup *lookup) {
        const char *id = lookup->missing ?: "";
        _cleanup_free_ char *shown = utf8_make_shown(id, JOB_ID_MAX);

        if (r == -ENOENT)
                r = job_id_prefix_is_valid(id) ? -JOB_ERROR_NOT_FOUND : -JOB_ERROR_INVALID_ID;
        (void) pending_refuse(pending, r, shown, lookup->candidates);
}

/* The records become owned by the pending call. */
static int take(PendingCall *pending, StoreLookup *lookup) {
        pending->records = calloc(lookup->n_records + 1, sizeof(JobRecord));
        if (!pending->records)
                return -ENOMEM;
        for (; pending->n_records < lookup->n_records; pending->n_records++) {
                size_t i = pending->n_records;
                char *id = strdup(lookup->records[i].id);
                Job *job;

                if (!id)
                        return -ENOMEM;
                free(pending->ids[i]);
                pending->ids[i] = id;
                pending->records[i] = job_record_take(&lookup->records[i]);
                job = core_find_unended(pending->service->core, id);
                pending->found[i] = (LookupResult) { job, job ? &job->record : &pending->records[i] };
        }
        return 0;
}

static void on_looked_up(int r, StoreLookup *lookup, void *userdata) {
        PendingCall *pending = userdata;

        if (r == -ENOENT && pending->action && !pending->service->core->stopping) {
                r = ask_polkit(pending);
                if (r >= 0)
                        return;
        }
        if (r >= 0)
                r = take(pending, lookup);
        if (r < 0)
                refuse(pending, r, lookup);
        else
                pending_advance(pending);
}

int pending_find_stored(PendingCall *pending) {
        if (!pending->service->core->system_scope || pending->user->uid == 0)
                pending->action = NULL;
        return store_lookup(pending->service->core->store, pending->ids, pending->n_ids, pending->visible_uid, on_looked_up,
                            pending);
}

/* --- option After: its IDs may be prefixes, and are looked up with the others ------------------------- */

/* The next entry, whose ID may be a prefix; NULL: none. */
static const char *next_dependency(const char *p, char id[static JOB_ID_MAX + 1], JobCondition *ret) {
        char word[16];

        p += strspn(p, " ");
        if (!*p)
                return NULL;
        (void) snprintf(id, JOB_ID_MAX + 1, "%.*s", (int) strcspn(p, ":"), p);
        p += strcspn(p, ":") + 1;
        (void) snprintf(word, sizeof(word), "%.*s", (int) strcspn(p, " "), p);
        *ret = job_condition_from_string(word);
        return p + strcspn(p, " ");
}

int pending_add_dependencies(PendingCall *pending, bool *ret_full) {
        const char *p = strempty(pending->spec.after);
        JobCondition condition;
        char id[JOB_ID_MAX + 1];
        bool are_full = true;
        int r;

        while ((p = next_dependency(p, id, &condition))) {
                are_full &= job_id_is_valid(id);
                r = pending_add_id(pending, id);
                if (r < 0)
                        return r;
        }
        *ret_full = are_full;
        return 0;
}

int pending_take_dependencies(PendingCall *pending, size_t first) {
        const char *p = strempty(pending->spec.after);
        _cleanup_free_ char *after = NULL;
        JobCondition condition;
        char id[JOB_ID_MAX + 1];
        int r;

        if (pending->n_ids <= first)
                return 1;
        for (size_t i = first; i < pending->n_ids && (p = next_dependency(p, id, &condition)); i++) {
                r = job_after_append(&after, pending->ids[i], condition);
                if (r == -EEXIST)
                        return pending_refuse(pending, -JOB_ERROR_SAME_DEPENDENCY, pending->ids[i], NULL);
                if (r < 0)
                        return r;
        }
        free(pending->spec.after);
        pending->spec.after = TAKE_PTR(after);
        return 1;
}
