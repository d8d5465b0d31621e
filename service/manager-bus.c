/* SPDX-License-Identifier: Apache-2.0 */

/* org.codex.Jobs: each handler reads, checks, makes one call into the manager, and replies; what cannot be
 * answered at once is parked with its message in a Request or a waiter. dbus/org.codex.Jobs.xml is the
 * contract. */

#include <systemd/sd-journal.h>

#include "build-config.h"
#include "bus-names.h"
#include "job-id.h"
#include "limits.h"
#include "manager.h"
#include "polkit.h"
#include "utf8.h"

/* --- requests -------------------------------------------------------------------------------------- */

/* A call whose answer comes later. Owned by whatever it waits for, one thing at a time. */
typedef struct Request {
        Manager *manager;
        sd_bus_message *call;
        uint32_t uid;
        uint64_t timeout_usec;
        OutputStream stream;
        StoreFilter filter; /* owned */
        char **ids; /* owned, NULL-terminated */
        size_t n_ids;
} Request;

static Request *request_free(Request *request) {
        if (!request)
                return NULL;

        for (size_t i = 0; i < request->n_ids; i++)
                free(request->ids[i]);
        free(request->ids);
        store_filter_clear(&request->filter);
        sd_bus_message_unref(request->call);
        free(request);
        return NULL;
}
DEFINE_CLEANUP(Request *, request_free);

static void request_release(void *userdata) {
        (void) request_free(userdata);
}

static int request_new(Request **ret, Manager *manager, sd_bus_message *call) {
        Request *request;

        request = calloc(1, sizeof(*request));
        if (!request)
                return -ENOMEM;
        request->manager = manager;
        request->call = sd_bus_message_ref(call);
        request->uid = authorize_sender(manager->authorize, call);
        *ret = request;
        return 0;
}

static int unavailable(sd_bus_message *call, int r) {
        if (r == -ENOSPC)
                return sd_bus_reply_method_errorf(call, JOBS_ERROR_STORE_FULL,
                                                  "The disk of the store is full; nothing was recorded. Make room and try again.");
        if (r == -EDQUOT)
                return sd_bus_reply_method_errorf(call, JOBS_ERROR_LIMIT_EXCEEDED,
                                                  "Too many calls of yours wait at a time (MaxAwaitsPerUser=); wait for "
                                                  "several jobs with one AwaitAny or AwaitAll.");
        return sd_bus_reply_method_errorf(call, JOBS_ERROR_UNAVAILABLE,
                                          "The service cannot do that now: %s. See its log (journalctl -t codex-jobsd).", strerror(-r));
}

static int request_add_id(Request *request, const char *id) {
        char **bigger;

        bigger = reallocarray(request->ids, request->n_ids + 2, sizeof(char *));
        if (!bigger)
                return -ENOMEM;
        request->ids = bigger;
        bigger[request->n_ids] = strdup(id);
        if (!bigger[request->n_ids])
                return -ENOMEM;
        bigger[++request->n_ids] = NULL;
        return 0;
}

static int request_read_ids(Request *request, sd_bus_error *error) {
        const char *id;
        int r;

        r = sd_bus_message_enter_container(request->call, 'a', "s");
        if (r < 0)
                return r;
        while ((r = sd_bus_message_read_basic(request->call, 's', &id)) > 0) {
                if (request->n_ids >= JOB_IDS_MAX)
                        return sd_bus_error_setf(error, JOBS_ERROR_LIMIT_EXCEEDED,
                                                 "More than %u ids in one call; split it.", JOB_IDS_MAX);
                r = request_add_id(request, id);
                if (r < 0)
                        return r;
        }
        if (r < 0)
                return r;
        if (request->n_ids == 0)
                return sd_bus_error_setf(error, JOBS_ERROR_INVALID_ARGUMENT, "No id was given; name one job or more.");
        return sd_bus_message_exit_container(request->call);
}

static int request_read_id(Request *request) {
        const char *id;
        int r;

        r = sd_bus_message_read_basic(request->call, 's', &id);
        return r < 0 ? r : request_add_id(request, id);
}

/* From prefixes to ids in full: a prefix may stand for something else later. */
static int request_set_found(Request *request, const Found *found, size_t n) {
        for (size_t i = 0; i < n; i++) {
                char *id = strdup(found[i].record->id);

                if (!id)
                        return -ENOMEM;
                free(request->ids[i]);
                request->ids[i] = id;
        }
        return 0;
}

/* Looks the request's ids up, among the jobs of others when polkit allows action, and hands it over to callback, which frees it. */
static int request_lookup(Request *request, const char *action, FoundCallback callback) {
        int r;

        r = manager_lookup(request->manager, request->call, request->uid, action, request->ids, request->n_ids, callback,
                           request, request_release);
        if (r < 0)
                (void) request_free(request);
        return r < 0 ? r : 1;
}

/* Parks the call until jobs have ended, see waiter_new(). -EDQUOT: the user has too many that wait. */
static int request_park(Request *request, WaiterMode mode, Job *const *jobs, size_t n, uint64_t timeout_usec,
                        WaiterAnswer answer, void *userdata, void (*free_userdata)(void *)) {
        Manager *manager = request->manager;

        if (waiter_count(&manager->waiters, request->uid) >= manager->config.max_awaits_user)
                return -EDQUOT;
        return waiter_new(&manager->waiters, manager->event, request->call, request->uid, mode, jobs, n, timeout_usec,
                          answer, userdata, free_userdata);
}

/* --- Enqueue --------------------------------------------------------------------------------------- */

static void on_enqueued(int r, const char *id, void *userdata) {
        _cleanup_(request_freep) Request *request = userdata;
        _cleanup_free_ char *path = NULL;

        if (r >= 0) {
                path = job_bus_path(id);
                r = path ? sd_bus_reply_method_return(request->call, "so", id, path) : -ENOMEM;
        }
        if (r == -EKEYREJECTED)
                (void) sd_bus_reply_method_errorf(request->call, JOBS_ERROR_KEY_CONFLICT,
                                                  "That IdempotencyKey was given for another request; use a new key.");
        else if (r == -EDQUOT)
                (void) sd_bus_reply_method_errorf(request->call, JOBS_ERROR_LIMIT_EXCEEDED,
                                                  "You have too many jobs, or too much output, stored (MaxStoredPerUser=, "
                                                  "MaxStoredBytesPerUser=); remove some: see Remove in org.codex.Jobs(5).");
        else if (r == -EPIPE)
                (void) sd_bus_reply_method_errorf(request->call, JOBS_ERROR_INVALID_ARGUMENT,
                                                  "Option Stdin became shorter while it was read; nothing was recorded.");
        else if (r < 0)
                (void) unavailable(request->call, r);
}

/* The decision is kept with the caller's connection, and his calls are handled once more. */
static void on_enqueue_polkit(PolkitAnswer answer, void *userdata) {
        _cleanup_(request_freep) Request *request = userdata;

        request->manager->polkit_absent = answer == POLKIT_ABSENT;
        authorize_set_enqueue(request->manager->authorize, request->call, answer != POLKIT_DENIED);
}

static int ask_enqueue(Manager *manager, sd_bus_message *m) {
        _cleanup_(request_freep) Request *request = NULL;
        int r;

        r = request_new(&request, manager, m);
        if (r >= 0)
                r = polkit_check(m, POLKIT_ENQUEUE, on_enqueue_polkit, request, request_release);
        if (r < 0)
                return r;
        TAKE_PTR(request);
        return 0;
}

/* Returns 1 when the user may, 0 when the call is parked until polkit has answered, or a negative errno. */
static int may_enqueue(Manager *manager, sd_bus_message *m, sd_bus_error *error) {
        int r;

        if (!manager->system_scope || manager->polkit_absent || authorize_sender(manager->authorize, m) == 0)
                return 1;
        r = authorize_get_enqueue(manager->authorize, m);
        if (r > 0)
                return 1;
        if (r == 0)
                return sd_bus_error_setf(error, JOBS_ERROR_NOT_PERMITTED,
                                         "You may not run background jobs on this host (polkit action %s).", POLKIT_ENQUEUE);
        if (r == -ENODATA) {
                r = ask_enqueue(manager, m);
                if (r < 0)
                        return r;
        }
        r = authorize_park_enqueue(manager->authorize, m);
        return r < 0 ? r : 0;
}

static int method_enqueue(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        _cleanup_(request_freep) Request *request = NULL;
        _cleanup_spec_ Spec spec = SPEC_INIT;
        Manager *manager = userdata;
        int r;

        r = may_enqueue(manager, m, error);
        if (r <= 0)
                return r < 0 ? r : 1;
        r = spec_read(m, &spec, error);
        if (r < 0)
                return r;
        r = request_new(&request, manager, m);
        if (r < 0)
                return r;
        /* In a user's scope everything runs as that user, whoever was let onto the bus. */
        r = lifecycle_enqueue(manager, &spec, manager->system_scope ? request->uid : geteuid(), on_enqueued, request, error);
        if (r < 0)
                return sd_bus_error_is_set(error) ? r : unavailable(m, r);
        TAKE_PTR(request);
        return 1;
}

/* --- Await, AwaitAny, AwaitAll --------------------------------------------------------------------- */

static int append_await(sd_bus_message *reply, const JobRecord *record) {
        int r;

        r = sd_bus_message_append(reply, "si", job_state_to_string(record->state), record->exit_code);
        return r < 0 ? r : job_record_append(reply, record);
}

static int reply_timed_out(sd_bus_message *call) {
        return sd_bus_reply_method_errorf(call, JOBS_ERROR_TIMED_OUT, "The job has not ended yet; it goes on. Wait again.");
}

static void answer_await(sd_bus_message *call, const JobRecord *record, void *userdata) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        bool any = streq(sd_bus_message_get_member(call), "AwaitAny");
        int r;

        if (!record) {
                (void) reply_timed_out(call);
                return;
        }
        r = sd_bus_message_new_method_return(call, &reply);
        if (r >= 0 && any)
                r = sd_bus_message_append_basic(reply, 's', record->id);
        if (r >= 0)
                r = append_await(reply, record);
        if (r >= 0)
                r = sd_bus_send(NULL, reply, NULL);
        if (r < 0)
                (void) unavailable(call, r);
}

static void on_await_found(const sd_bus_error *error, const Found *found, size_t n, void *userdata) {
        _cleanup_(request_freep) Request *request = userdata;
        _cleanup_free_ Job **jobs = NULL;
        int r;

        if (error) {
                (void) sd_bus_reply_method_error(request->call, error);
                return;
        }
        for (size_t i = 0; i < n; i++)
                if (job_state_is_terminal(found[i].record->state) && found[i].record->sequence > 0)
                        return answer_await(request->call, found[i].record, NULL);
        if (request->timeout_usec == 0) {
                (void) reply_timed_out(request->call);
                return;
        }
        jobs = calloc(n + 1, sizeof(Job *));
        if (jobs)
                for (size_t i = 0; i < n; i++)
                        jobs[i] = found[i].job;
        r = jobs ? request_park(request, WAITER_ANY, jobs, n, request->timeout_usec, answer_await, NULL, NULL) :
                   -ENOMEM;
        if (r < 0)
                (void) unavailable(request->call, r);
}

static int method_await(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        _cleanup_(request_freep) Request *request = NULL;
        int r;

        r = request_new(&request, userdata, m);
        if (r >= 0)
                r = request_read_id(request);
        if (r >= 0)
                r = sd_bus_message_read_basic(m, 't', &request->timeout_usec);
        return r < 0 ? r : request_lookup(TAKE_PTR(request), POLKIT_READ_ALL, on_await_found);
}

static int read_await_many(sd_bus_message *m, Manager *manager, Request **ret, sd_bus_error *error) {
        _cleanup_(request_freep) Request *request = NULL;
        int r;

        r = request_new(&request, manager, m);
        if (r >= 0)
                r = request_read_ids(request, error);
        if (r >= 0)
                r = sd_bus_message_read_basic(m, 't', &request->timeout_usec);
        if (r >= 0)
                *ret = TAKE_PTR(request);
        return r;
}

static int method_await_any(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        Request *request;
        int r;

        r = read_await_many(m, userdata, &request, error);
        return r < 0 ? r : request_lookup(request, POLKIT_READ_ALL, on_await_found);
}

static int reply_records(sd_bus_message *call, const Found *found, size_t n) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        int r;

        r = sd_bus_message_new_method_return(call, &reply);
        if (r >= 0)
                r = sd_bus_message_open_container(reply, 'a', "a{sv}");
        for (size_t i = 0; i < n && r >= 0; i++)
                r = job_record_append(reply, found[i].record);
        if (r >= 0)
                r = sd_bus_message_close_container(reply);
        return r < 0 ? unavailable(call, r) : sd_bus_send(NULL, reply, NULL);
}

static void on_all_ended(const sd_bus_error *error, const Found *found, size_t n, void *userdata) {
        _cleanup_(request_freep) Request *request = userdata;

        if (error)
                (void) sd_bus_reply_method_error(request->call, error);
        else
                (void) reply_records(request->call, found, n);
}

/* The last of them has ended; the records of all are looked up again, since most may be over long since. */
static void answer_await_all(sd_bus_message *call, const JobRecord *record, void *userdata) {
        Request *waiting = userdata, *request;
        int r;

        if (!record) {
                (void) reply_timed_out(call);
                return;
        }
        r = request_new(&request, waiting->manager, call);
        if (r < 0) {
                (void) unavailable(call, r);
                return;
        }
        for (size_t i = 0; i < waiting->n_ids && r >= 0; i++)
                r = request_add_id(request, waiting->ids[i]);
        if (r < 0)
                (void) request_free(request);
        else
                r = request_lookup(request, POLKIT_READ_ALL, on_all_ended);
        if (r < 0)
                (void) unavailable(call, r);
}

static void on_await_all_found(const sd_bus_error *error, const Found *found, size_t n, void *userdata) {
        _cleanup_(request_freep) Request *request = userdata;
        _cleanup_free_ Job **jobs = NULL;
        size_t n_live = 0;
        int r;

        if (error) {
                (void) sd_bus_reply_method_error(request->call, error);
                return;
        }
        jobs = calloc(n + 1, sizeof(Job *));
        if (!jobs) {
                (void) unavailable(request->call, -ENOMEM);
                return;
        }
        for (size_t i = 0; i < n; i++)
                if (found[i].job && found[i].record->sequence == 0)
                        jobs[n_live++] = found[i].job;
        if (n_live == 0) {
                (void) reply_records(request->call, found, n);
                return;
        }
        if (request->timeout_usec == 0) {
                (void) reply_timed_out(request->call);
                return;
        }
        r = request_set_found(request, found, n);
        if (r >= 0)
                r = request_park(request, WAITER_ALL, jobs, n_live, request->timeout_usec, answer_await_all, request, request_release);
        if (r < 0)
                (void) unavailable(request->call, r);
        else
                TAKE_PTR(request);
}

static int method_await_all(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        Request *request;
        int r;

        r = read_await_many(m, userdata, &request, error);
        return r < 0 ? r : request_lookup(request, POLKIT_READ_ALL, on_await_all_found);
}

/* --- Cancel ---------------------------------------------------------------------------------------- */

static void answer_cancel(sd_bus_message *call, const JobRecord *record, void *userdata) {
        (void) sd_bus_reply_method_return(call, "s", job_state_to_string(record->state));
}

static void on_cancel_found(const sd_bus_error *error, const Found *found, size_t n, void *userdata) {
        _cleanup_(request_freep) Request *request = userdata;
        int r;

        if (error) {
                (void) sd_bus_reply_method_error(request->call, error);
                return;
        }
        if (!found->job || found->record->sequence > 0)
                return answer_cancel(request->call, found->record, NULL);
        r = request_park(request, WAITER_ANY, (Job *[]) { found->job }, 1, USEC_INFINITY, answer_cancel, NULL, NULL);
        if (r < 0)
                (void) unavailable(request->call, r);
        else
                lifecycle_stop(found->job, JOB_REASON_USER, request->uid);
}

int manager_bus_cancel(Manager *manager, sd_bus_message *call, const char *id) {
        _cleanup_(request_freep) Request *request = NULL;
        int r;

        r = request_new(&request, manager, call);
        if (r >= 0)
                r = request_add_id(request, id);
        return r < 0 ? r : request_lookup(TAKE_PTR(request), POLKIT_MANAGE_ALL, on_cancel_found);
}

static int method_cancel(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        const char *id;
        int r;

        r = sd_bus_message_read_basic(m, 's', &id);
        return r < 0 ? r : manager_bus_cancel(userdata, m, id);
}

/* --- Get, OpenOutput, Remove ----------------------------------------------------------------------- */

static void on_get_found(const sd_bus_error *error, const Found *found, size_t n, void *userdata) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        _cleanup_(request_freep) Request *request = userdata;
        int r;

        if (error) {
                (void) sd_bus_reply_method_error(request->call, error);
                return;
        }
        if (found->job)
                limits_update_sizes(found->job);
        r = sd_bus_message_new_method_return(request->call, &reply);
        if (r >= 0)
                r = job_record_append(reply, found->record);
        if (r >= 0)
                r = sd_bus_send(NULL, reply, NULL);
        if (r < 0)
                (void) unavailable(request->call, r);
}

static int method_get(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        _cleanup_(request_freep) Request *request = NULL;
        int r;

        r = request_new(&request, userdata, m);
        if (r >= 0)
                r = request_read_id(request);
        return r < 0 ? r : request_lookup(TAKE_PTR(request), POLKIT_READ_ALL, on_get_found);
}

static void on_output_found(const sd_bus_error *error, const Found *found, size_t n, void *userdata) {
        _cleanup_(request_freep) Request *request = userdata;
        _cleanup_close_ int fd = -EBADF;

        if (error) {
                (void) sd_bus_reply_method_error(request->call, error);
                return;
        }
        fd = output_open_reader(request->manager->output, found->record->id, request->stream);
        if (fd < 0)
                (void) unavailable(request->call, fd);
        else
                (void) sd_bus_reply_method_return(request->call, "h", fd);
}

static int method_open_output(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        _cleanup_(request_freep) Request *request = NULL;
        const char *stream;
        int r;

        r = request_new(&request, userdata, m);
        if (r >= 0)
                r = request_read_id(request);
        if (r >= 0)
                r = sd_bus_message_read_basic(m, 's', &stream);
        if (r < 0)
                return r;
        request->stream = output_stream_from_string(stream);
        if (request->stream < 0)
                return sd_bus_error_setf(error, JOBS_ERROR_INVALID_ARGUMENT, "The stream is \"stdout\" or \"stderr\".");
        return request_lookup(TAKE_PTR(request), POLKIT_READ_ALL, on_output_found);
}

static void on_removed(int r, void *userdata) {
        _cleanup_(request_freep) Request *request = userdata;

        if (r == -ENOENT || r == -EBUSY) { /* another call was quicker */
                (void) sd_bus_reply_method_errorf(request->call, JOBS_ERROR_NO_SUCH_JOB, "A job is gone already; nothing was removed.");
                return;
        }
        if (r < 0) {
                (void) unavailable(request->call, r);
                return;
        }
        for (size_t i = 0; i < request->n_ids; i++)
                lifecycle_discard_files(request->manager, request->ids[i]);
        (void) sd_bus_reply_method_return(request->call, NULL);
}

static void request_drop_duplicates(Request *request) {
        size_t n = 0;

        for (size_t i = 0; i < request->n_ids; i++) {
                bool again = false;

                for (size_t k = 0; k < n && !again; k++)
                        again = streq(request->ids[k], request->ids[i]);
                if (again)
                        free(request->ids[i]);
                else
                        request->ids[n++] = request->ids[i];
        }
        request->n_ids = n;
        request->ids[n] = NULL;
}

static void on_remove_found(const sd_bus_error *error, const Found *found, size_t n, void *userdata) {
        _cleanup_(request_freep) Request *request = userdata;
        int r;

        if (error) {
                (void) sd_bus_reply_method_error(request->call, error);
                return;
        }
        for (size_t i = 0; i < n; i++)
                if (found[i].record->sequence == 0) {
                        (void) sd_bus_reply_method_errorf(request->call, JOBS_ERROR_INVALID_ARGUMENT,
                                                          "The job %s has not ended; cancel it first. Nothing was removed.",
                                                          found[i].record->id);
                        return;
                }
        r = request_set_found(request, found, n);
        request_drop_duplicates(request);
        if (r >= 0)
                r = store_remove(request->manager->store, request->ids, request->n_ids, on_removed, request);
        if (r < 0)
                (void) unavailable(request->call, r);
        else
                TAKE_PTR(request);
}

static int method_remove(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        _cleanup_(request_freep) Request *request = NULL;
        int r;

        r = request_new(&request, userdata, m);
        if (r >= 0)
                r = request_read_ids(request, error);
        return r < 0 ? r : request_lookup(TAKE_PTR(request), POLKIT_MANAGE_ALL, on_remove_found);
}

/* --- List ------------------------------------------------------------------------------------------ */

#define invalid(error, ...) sd_bus_error_setf(error, JOBS_ERROR_INVALID_ARGUMENT, __VA_ARGS__)

static int read_filter_states(sd_bus_message *m, StoreFilter *filter, sd_bus_error *error) {
        const char *word;
        int r;

        r = sd_bus_message_enter_container(m, 'a', "s");
        if (r < 0)
                return r;
        while ((r = sd_bus_message_read_basic(m, 's', &word)) > 0) {
                JobState state = job_state_from_string(word);

                if (state < 0)
                        return invalid(error, "Filter State: states are queued, running, completed, failed and cancelled.");
                filter->states |= 1U << state;
        }
        return r < 0 ? r : sd_bus_message_exit_container(m);
}

static int unknown_filter(const char *name, sd_bus_error *error) {
        _cleanup_free_ char *shown = utf8_make_shown(name, 64);

        return invalid(error, "There is no filter %s; see List in org.codex.Jobs(5) for those there are.", strempty(shown));
}

static int read_filter_value(sd_bus_message *m, const char *name, const char *type, StoreFilter *filter, sd_bus_error *error) {
        const struct {
                const char *name, *type;
                void *target;
        } values[] = {
                { "Kind", "s", &filter->kind },
                { "Workspace", "s", &filter->workspace },
                { "Session", "s", &filter->session },
                { "Before", "s", &filter->before },
                { "Uid", "u", &filter->uid },
                { "AfterSequence", "t", &filter->after_sequence },
                { "Limit", "u", &filter->limit },
        };
        const char *text, *known = streq(name, "State") ? "State" : NULL;
        int r;

        if (known && streq(type, "as"))
                return read_filter_states(m, filter, error);
        for (size_t i = 0; i < ELEMENTSOF(values); i++) {
                if (!streq(values[i].name, name))
                        continue;
                known = values[i].name;
                if (!streq(values[i].type, type))
                        break;
                if (*type != 's')
                        return sd_bus_message_read_basic(m, *type, values[i].target);
                r = sd_bus_message_read_basic(m, 's', &text);
                if (r < 0)
                        return r;
                free(*(char **) values[i].target);
                *(char **) values[i].target = strdup(text);
                return *(char **) values[i].target ? 0 : -ENOMEM;
        }
        if (known)
                return invalid(error, "Filter %s has the wrong type; see org.codex.Jobs(5).", known);
        return unknown_filter(name, error);
}

static int read_filter_entry(sd_bus_message *m, StoreFilter *filter, sd_bus_error *error) {
        const char *name, *type;
        int r;

        r = sd_bus_message_read_basic(m, 's', &name);
        if (r < 0)
                return r;
        r = sd_bus_message_peek_type(m, NULL, &type);
        if (r < 0)
                return r;
        r = sd_bus_message_enter_container(m, 'v', type);
        if (r < 0)
                return r;
        r = read_filter_value(m, name, type, filter, error);
        return r < 0 ? r : sd_bus_message_exit_container(m);
}

static int read_filter(sd_bus_message *m, StoreFilter *filter, sd_bus_error *error) {
        int r;

        *filter = (StoreFilter) { .uid = STORE_ANY_UID, .after_sequence = UINT64_MAX, .limit = 100 };
        r = sd_bus_message_enter_container(m, 'a', "{sv}");
        if (r < 0)
                return r;
        while ((r = sd_bus_message_enter_container(m, 'e', "sv")) > 0) {
                r = read_filter_entry(m, filter, error);
                if (r < 0)
                        return r;
                r = sd_bus_message_exit_container(m);
                if (r < 0)
                        return r;
        }
        if (r < 0)
                return r;
        if (filter->limit == 0 || filter->limit > JOB_LIST_MAX)
                return invalid(error, "Filter Limit is out of range: 1 to %u.", JOB_LIST_MAX);
        if (filter->before && !job_id_is_valid(filter->before))
                return invalid(error, "Filter Before is not an id in full.");
        return sd_bus_message_exit_container(m);
}

static void on_listed(int r, JobRecord *records, size_t n, void *userdata) {
        _cleanup_(request_freep) Request *request = userdata;
        _cleanup_free_ Found *found = NULL;

        if (r < 0) {
                (void) unavailable(request->call, r);
                return;
        }
        found = calloc(MAX(n, 1U), sizeof(Found));
        if (!found) {
                (void) unavailable(request->call, -ENOMEM);
                return;
        }
        for (size_t i = 0; i < n; i++) {
                /* What is live knows more than its row: progress and sizes. */
                found[i].job = manager_find_unended(request->manager, records[i].id);
                found[i].record = found[i].job ? &found[i].job->record : &records[i];
                if (found[i].job)
                        limits_update_sizes(found[i].job);
        }
        (void) reply_records(request->call, found, n);
}

static void on_list_polkit(PolkitAnswer answer, void *userdata) {
        _cleanup_(request_freep) Request *request = userdata;
        int r;

        if (answer != POLKIT_ALLOWED || request->manager->stopping) {
                (void) reply_records(request->call, NULL, 0);
                return;
        }
        r = store_list(request->manager->store, &request->filter, on_listed, request);
        if (r < 0)
                (void) unavailable(request->call, r);
        else
                TAKE_PTR(request);
}

/* Another user's jobs; without leave there are none. */
static int list_others(Request *request, StoreFilter *filter) {
        _cleanup_(request_freep) Request *owned = request;
        int r;

        if (!owned->manager->system_scope)
                return reply_records(owned->call, NULL, 0);
        owned->filter = *filter;
        *filter = (StoreFilter) {};
        r = polkit_check(owned->call, POLKIT_READ_ALL, on_list_polkit, owned, request_release);
        if (r < 0)
                return r;
        TAKE_PTR(owned);
        return 1;
}

static int method_list(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        _cleanup_(store_filter_clear) StoreFilter filter = {};
        _cleanup_(request_freep) Request *request = NULL;
        Manager *manager = userdata;
        uint32_t visible;
        int r;

        r = read_filter(m, &filter, error);
        if (r < 0)
                return r;
        r = request_new(&request, manager, m);
        if (r < 0)
                return r;
        visible = authorize_visible_uid(request->uid);
        if (visible != STORE_ANY_UID && filter.uid != STORE_ANY_UID && filter.uid != visible)
                return list_others(TAKE_PTR(request), &filter);
        if (visible != STORE_ANY_UID)
                filter.uid = visible;
        r = store_list(manager->store, &filter, on_listed, request);
        if (r < 0)
                return r;
        TAKE_PTR(request);
        return 1;
}

/* --- Inbox, Acknowledge ---------------------------------------------------------------------------- */

static int read_consumer(sd_bus_message *m, const char **ret, sd_bus_error *error) {
        int r;

        r = sd_bus_message_read_basic(m, 's', ret);
        if (r < 0)
                return r;
        if (!**ret || strlen(*ret) > JOB_CONSUMER_MAX)
                return invalid(error, "The name of a consumer is 1 to %u bytes long.", JOB_CONSUMER_MAX);
        return 0;
}

static int method_inbox(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        _cleanup_(request_freep) Request *request = NULL;
        Manager *manager = userdata;
        const char *consumer;
        uint32_t limit;
        int r;

        r = read_consumer(m, &consumer, error);
        if (r >= 0)
                r = sd_bus_message_read_basic(m, 'u', &limit);
        if (r < 0)
                return r;
        if (limit == 0 || limit > JOB_LIST_MAX)
                return invalid(error, "The limit is out of range: 1 to %u.", JOB_LIST_MAX);
        r = request_new(&request, manager, m);
        if (r >= 0)
                r = store_inbox(manager->store, request->uid, consumer, limit, on_listed, request);
        if (r < 0)
                return r;
        TAKE_PTR(request);
        return 1;
}

static void on_acknowledged(int r, void *userdata) {
        _cleanup_(request_freep) Request *request = userdata;

        if (r < 0)
                (void) unavailable(request->call, r);
        else
                (void) sd_bus_reply_method_return(request->call, NULL);
}

static int method_acknowledge(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        _cleanup_(request_freep) Request *request = NULL;
        Manager *manager = userdata;
        const char *consumer;
        uint64_t sequence;
        int r;

        r = read_consumer(m, &consumer, error);
        if (r >= 0)
                r = sd_bus_message_read_basic(m, 't', &sequence);
        if (r < 0)
                return r;
        if (sequence > store_last_sequence(manager->store))
                return invalid(error, "No job has the sequence %" PRIu64 " yet; nothing was acknowledged.", sequence);
        r = request_new(&request, manager, m);
        if (r >= 0)
                r = store_acknowledge(manager->store, request->uid, consumer, sequence, on_acknowledged, request);
        if (r < 0)
                return r;
        TAKE_PTR(request);
        return 1;
}

/* --- properties, signal ---------------------------------------------------------------------------- */

static int property_get_version(sd_bus *bus, const char *path, const char *interface, const char *property,
                                sd_bus_message *reply, void *userdata, sd_bus_error *error) {
        return sd_bus_message_append_basic(reply, 's', PROJECT_VERSION);
}

static int property_get_finished(sd_bus *bus, const char *path, const char *interface, const char *property,
                                 sd_bus_message *reply, void *userdata, sd_bus_error *error) {
        Manager *manager = userdata;
        uint64_t value = streq(property, "Finished") ? store_finished(manager->store) : store_last_sequence(manager->store);

        return sd_bus_message_append_basic(reply, 't', &value);
}

static const sd_bus_vtable manager_vtable[] = {
        SD_BUS_VTABLE_START(0),
        SD_BUS_METHOD_WITH_ARGS("Enqueue", SD_BUS_ARGS("as", argv, "a{sv}", options), SD_BUS_RESULT("s", id, "o", job),
                                method_enqueue, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("Await", SD_BUS_ARGS("s", id, "t", timeout_usec),
                                SD_BUS_RESULT("s", state, "i", exit_code, "a{sv}", job), method_await,
                                SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("AwaitAny", SD_BUS_ARGS("as", ids, "t", timeout_usec),
                                SD_BUS_RESULT("s", id, "s", state, "i", exit_code, "a{sv}", job), method_await_any,
                                SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("AwaitAll", SD_BUS_ARGS("as", ids, "t", timeout_usec), SD_BUS_RESULT("aa{sv}", jobs),
                                method_await_all, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("Cancel", SD_BUS_ARGS("s", id), SD_BUS_RESULT("s", state), method_cancel,
                                SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("Get", SD_BUS_ARGS("s", id), SD_BUS_RESULT("a{sv}", job), method_get,
                                SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("List", SD_BUS_ARGS("a{sv}", filter), SD_BUS_RESULT("aa{sv}", jobs), method_list,
                                SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("OpenOutput", SD_BUS_ARGS("s", id, "s", stream), SD_BUS_RESULT("h", fd),
                                method_open_output, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("Remove", SD_BUS_ARGS("as", ids), SD_BUS_NO_RESULT, method_remove,
                                SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("Inbox", SD_BUS_ARGS("s", consumer, "u", limit), SD_BUS_RESULT("aa{sv}", jobs),
                                method_inbox, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("Acknowledge", SD_BUS_ARGS("s", consumer, "t", sequence), SD_BUS_NO_RESULT,
                                method_acknowledge, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_SIGNAL_WITH_ARGS("JobFinished", SD_BUS_ARGS("s", id, "s", state, "i", exit_code, "t", sequence), 0),
        SD_BUS_PROPERTY("Version", "s", property_get_version, 0, SD_BUS_VTABLE_PROPERTY_CONST),
        SD_BUS_PROPERTY("Queued", "u", NULL, offsetof(Manager, queue.n_waiting), 0),
        SD_BUS_PROPERTY("Running", "u", NULL, offsetof(Manager, queue.n_running), 0),
        SD_BUS_PROPERTY("Finished", "t", property_get_finished, 0, 0),
        SD_BUS_PROPERTY("LastSequence", "t", property_get_finished, 0, 0),
        SD_BUS_PROPERTY("Expired", "t", NULL, offsetof(Manager, expired), 0),
        SD_BUS_PROPERTY("MaxRunning", "u", NULL, offsetof(Manager, config.max_running), 0),
        SD_BUS_VTABLE_END,
};

int manager_bus_register(Manager *manager) {
        return sd_bus_add_object_vtable(manager->bus, &manager->vtable_slots[0], JOBS_PATH, JOBS_INTERFACE, manager_vtable,
                                        manager);
}

void manager_bus_job_finished(Manager *manager, const JobRecord *record) {
        int r;

        r = sd_bus_emit_signal(manager->bus, JOBS_PATH, JOBS_INTERFACE, "JobFinished", "ssit", record->id,
                               job_state_to_string(record->state), record->exit_code, record->sequence);
        if (r < 0)
                sd_journal_print(LOG_ERR, "Cannot send JobFinished for %s: %s.", record->id, strerror(-r));
}
