/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

/* Calls of methods of the service, repeated after restarts of the service if that is safe. */

#include <sys/resource.h>

#include "bus-names.h"
#include "client-internal.h"
#include "say.h"
#include "time-util.h"

#define PROPERTIES_INTERFACE "org.freedesktop.DBus.Properties"
#define GIVE_UP_USEC (5 * USEC_PER_SEC)
#define SENT_MAX 64U /* at a time; dbus-daemon allows 128 of a connection */

/* Forgets the answer, or the turn, of a call. */
static void call_retract(Call *call) {
        if (call->slot)
                call->client->n_sent--;
        if (call->queued)
                call->client->n_queued--;
        call->slot = sd_bus_slot_unref(call->slot);
        call->queued = false;
}

static void note_unknown(Call *call, const sd_bus_error *error) {
        Client *c = call->client;

        if (!c->unknown && call->append == append_string && sd_bus_error_has_name(error, JOBS_ERROR_NO_SUCH_JOB))
                c->unknown = strdup(call->arguments); /* without it the error says less */
}

const char *client_unknown_id(const Client *c) {
        return c->unknown;
}

/* A bus lets nobody call what the service that was installed last did not have. */
static void explain(const Call *call, const sd_bus_error *error, sd_bus_error *ret) {
        if (streq(call->method, "ReadOutput") &&
            sd_bus_error_has_names(error, SD_BUS_ERROR_UNKNOWN_METHOD, SD_BUS_ERROR_ACCESS_DENIED))
                (void) error_set(ret,
                                 "The service on %s has an older version, which sends no output over this connection. "
                                 "Upgrade it, or run 'codex-jobs logs' there.",
                                 client_remote(call->client) ?: "this host");
        else
                explain_error(call->client, error, ret);
}

/* The answer is here: done() may free the call. */
static void call_end(Call *call, sd_bus_message *reply, const sd_bus_error *error) {
        _cleanup_(sd_bus_error_free) sd_bus_error explained = SD_BUS_ERROR_NULL;

        call_retract(call);
        call->waiting = false;
        if (!error) {
                call->done(reply, NULL, call->userdata);
                return;
        }
        note_unknown(call, error);
        explain(call, error, &explained);
        call->done(NULL, &explained, call->userdata);
}

/* Whether the service was not there, or will not be for much longer, rather than said no. */
static bool error_is_passing(const Call *call, const sd_bus_error *error) {
        /* The way to another host: it may even ask for a password again. */
        if (client_remote(call->client) && !call->client->owner && !link_was_accepted(call->client->link))
                return false;
        /* The bus did not deliver it. */
        if (!link_was_accepted(call->client->link) && sd_bus_error_has_names(error, SD_BUS_ERROR_NO_REPLY, SD_BUS_ERROR_DISCONNECTED))
                return true;
        if (sd_bus_error_has_name(error, SD_BUS_ERROR_LIMITS_EXCEEDED))
                return true;
        /* It did nothing, or did not even start because it is just being stopped; or nothing was sent. */
        if (sd_bus_error_has_names(error, JOBS_ERROR_UNAVAILABLE, SD_BUS_ERROR_NAME_HAS_NO_OWNER, CLIENT_ERROR_IN_FLIGHT))
                return true;
        if (call->mode == CALL_ONCE)
                return false; /* it may have been done */
        if (sd_bus_error_has_names(error, SD_BUS_ERROR_NO_REPLY, SD_BUS_ERROR_DISCONNECTED))
                return true;
        /* Once it was there, the bus's own errors mean that it is being replaced. */
        return call->client->owner && !startswith(error->name, "org.codex.Jobs.Error.") &&
                !sd_bus_error_has_names(error, SD_BUS_ERROR_UNKNOWN_METHOD, SD_BUS_ERROR_UNKNOWN_OBJECT,
                                        SD_BUS_ERROR_UNKNOWN_INTERFACE, SD_BUS_ERROR_INVALID_ARGS,
                                        SD_BUS_ERROR_ACCESS_DENIED);
}

static bool call_has_time(Call *call) {
        uint64_t now = now_monotonic();

        if (call->failing_since == 0)
                call->failing_since = now;
        if (call->mode == CALL_PATIENT && call->client->owner)
                return true;
        if (!call->client->owner && now >= call->client->patience_until)
                return false;
        return now - call->failing_since < GIVE_UP_USEC;
}

static void call_failed(Call *call, const sd_bus_error *error) {
        _cleanup_(sd_bus_error_free) sd_bus_error lost = SD_BUS_ERROR_NULL;
        int r;

        if (!error_is_passing(call, error) || !call_has_time(call)) {
                call_end(call, NULL, error);
                return;
        }
        if (call->mode == CALL_PATIENT && call->client->owner)
                client_away(call->client);
        call->waiting = true;
        r = client_retry(call->client);
        if (r < 0) {
                (void) sd_bus_error_set_errno(&lost, r);
                call_end(call, NULL, &lost);
        }
}

static int on_reply(sd_bus_message *m, void *userdata, sd_bus_error *ret_error) {
        const sd_bus_error *error = sd_bus_message_get_error(m);
        Call *call = userdata;
        int r;

        call_retract(call);
        if (error) {
                call_failed(call, error);
                return 0;
        }
        r = client_seen(call->client, m);
        if (r < 0)
                client_stop(call->client, r, NULL);
        call_end(call, m, NULL);
        return 0;
}

static int send_message(Call *call, sd_bus_message *m) {
        return sd_bus_call_async(sd_bus_message_get_bus(m), &call->slot, m, on_reply, call, call->mode == CALL_AGAIN ? 0 : UINT64_MAX);
}

/* All descriptors that a user's programs have sent and nobody has received are counted together, against the RLIMIT_NOFILE of
 * the next who sends, see unix(7): it may be as high as it can. */
static int send_with_descriptors(Call *call, sd_bus_message *m) {
        struct rlimit before, most;
        int r;

        r = send_message(call, m);
        if (r != -ETOOMANYREFS || getrlimit(RLIMIT_NOFILE, &before) < 0 || before.rlim_cur == before.rlim_max)
                return r;
        most = (struct rlimit) { before.rlim_max, before.rlim_max };
        if (setrlimit(RLIMIT_NOFILE, &most) < 0)
                return r;
        r = send_message(call, m);
        (void) setrlimit(RLIMIT_NOFILE, &before);
        return r;
}

static int call_send(Call *call) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
        sd_bus *bus = link_bus(call->client->link);
        int r;

        if (!bus)
                return -ENOTCONN;
        if (call->client->n_sent >= SENT_MAX) {
                call->queued = true;
                call->client->n_queued++;
                call->waiting = false;
                return 0;
        }
        r = sd_bus_message_new_method_call(bus, &m, JOBS_BUS_NAME, JOBS_PATH,
                                           streq(call->method, "GetAll") ? PROPERTIES_INTERFACE : JOBS_INTERFACE,
                                           call->method);
        if (r < 0)
                return r;
        r = call->append(m, call->arguments);
        if (r < 0)
                return r;
        r = send_with_descriptors(call, m);
        if (r < 0)
                return r;
        call->client->n_sent++;
        call->waiting = false;
        return 0;
}

/* The first call that waits for its turn: the last in the list. */
static Call *first_queued(Client *c) {
        Call *call, *found = NULL;

        LIST_FOREACH(call, &c->calls, entry)
                if (call->queued)
                        found = call;
        return found;
}

static void calls_next(Client *c) {
        while (c->n_queued > 0 && c->n_sent < SENT_MAX) {
                Call *call = first_queued(c);

                call_retract(call);
                if (call_send(call) >= 0)
                        continue;
                call->waiting = true;
                (void) client_retry(c);
        }
}

static void calls_resume(Client *c, const sd_bus_error *error) {
        const sd_bus_error in_flight = SD_BUS_ERROR_MAKE_CONST(CLIENT_ERROR_IN_FLIGHT, "Too many references");
        Call *call, *next;

        /* A call that completes may start another one, which is added to the head of the list, before the current
         * position. */
        for (call = LIST_FIRST(&c->calls); call; call = next) {
                int r;

                next = LIST_NEXT(call, entry);
                if (!call->waiting)
                        continue;
                if (error) {
                        call_failed(call, error);
                        continue;
                }
                r = call_send(call);
                if (r == -ETOOMANYREFS)
                        call_failed(call, &in_flight);
                else if (r < 0)
                        (void) client_retry(c);
        }
}

static void calls_lost(Client *c) {
        const sd_bus_error error = SD_BUS_ERROR_MAKE_CONST(SD_BUS_ERROR_DISCONNECTED, "the connection ended");
        Call *call, *next;

        for (call = LIST_FIRST(&c->calls); call; call = next) {
                next = LIST_NEXT(call, entry);
                if (!call->slot)
                        continue;
                call_retract(call);
                call_failed(call, &error);
        }
}

static const CallEvents call_events = { .resume = calls_resume, .next = calls_next, .lost = calls_lost };

int call_new(Client *c, Call **ret, CallMode mode, const char *method, call_append_t append, void *arguments,
             call_done_t done, void *userdata) {
        _cleanup_(call_freep) Call *call = NULL;
        int r;

        call = malloc(sizeof(Call));
        if (!call)
                return -ENOMEM;
        *call = (Call) {
                .client = c,
                .mode = mode,
                .method = method,
                .append = append,
                .arguments = arguments,
                .done = done,
                .userdata = userdata,
        };
        LIST_INSERT_HEAD(&c->calls, call, entry);
        c->call_events = &call_events;

        r = call_send(call);
        if (r == -ENOTCONN || r == -ECONNRESET || r == -ETOOMANYREFS) { /* it is being opened again, or full */
                call->waiting = true;
                r = client_retry(c);
        }
        if (r < 0)
                return r;
        *ret = TAKE_PTR(call);
        return 0;
}

Call *call_free(Call *call) {
        if (!call)
                return NULL;
        LIST_REMOVE(call, entry);
        call_retract(call);
        free(call);
        return NULL;
}

int append_nothing(sd_bus_message *m, void *nothing) {
        return 0;
}

int append_string(sd_bus_message *m, void *string) {
        return sd_bus_message_append_basic(m, 's', string);
}

/* ---- One call, awaited ---- */

typedef struct Awaited {
        bool done;
        sd_bus_message *reply;
        sd_bus_error error;
} Awaited;

static void on_answer(sd_bus_message *reply, const sd_bus_error *error, void *userdata) {
        Awaited *awaited = userdata;

        awaited->done = true;
        if (error)
                (void) sd_bus_error_copy(&awaited->error, error);
        else
                awaited->reply = sd_bus_message_ref(reply);
}

int call_wait(Client *c, CallMode mode, const char *method, call_append_t append, void *arguments,
              sd_bus_message **ret, sd_bus_error *error) {
        _cleanup_(call_freep) Call *call = NULL;
        Awaited awaited = {};
        int r;

        r = call_new(c, &call, mode, method, append, arguments, on_answer, &awaited);
        if (r < 0)
                return r;
        while (!awaited.done) {
                r = client_iterate(c, error);
                if (r < 0)
                        return r;
        }
        if (!awaited.reply) {
                (void) sd_bus_error_move(error, &awaited.error);
                return -EREMOTEIO;
        }
        if (ret)
                *ret = awaited.reply;
        else
                (void) sd_bus_message_unref(awaited.reply);
        return 0;
}
