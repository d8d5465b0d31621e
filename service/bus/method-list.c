/* SPDX-License-Identifier: Apache-2.0 */

#include <limits.h>

#include "dict.h"
#include "job-id.h"
#include "pending-call.h"
#include "utf8.h"

#define FILTERS_MAX 32U
#define NAME_SHOWN_MAX 64U /* bytes */

static int unknown_state(const char *word, sd_bus_error *error) {
        _cleanup_free_ char *shown = utf8_make_shown(word, NAME_SHOWN_MAX);

        return invalid(error, "Filter State contains an unknown state: %s.", strempty(shown));
}

static int read_filter_states(sd_bus_message *m, StoreFilter *filter, sd_bus_error *error) {
        const char *word;
        int r;

        r = sd_bus_message_enter_container(m, 'a', "s");
        if (r < 0)
                return r;
        while ((r = sd_bus_message_read_basic(m, 's', &word)) > 0) {
                JobState state = job_state_from_string(word);

                if (state < 0)
                        return unknown_state(word, error);
                if (filter->states & 1U << state)
                        return invalid(error, "Filter State contains %s more than once.", word);
                filter->states |= 1U << state;
        }
        return r < 0 ? r : sd_bus_message_exit_container(m);
}

static int unknown_filter(const char *name, sd_bus_error *error) {
        _cleanup_free_ char *shown = utf8_make_shown(name, NAME_SHOWN_MAX);

        return invalid(error, "Unknown filter %s.", strempty(shown));
}

typedef struct Reading {
        StoreFilter *filter;
        sd_bus_error *error;
        unsigned n;
} Reading;

static int read_filter_entry(sd_bus_message *m, const char *name, const char *type, void *userdata) {
        Reading *reading = userdata;
        StoreFilter *filter = reading->filter;
        sd_bus_error *error = reading->error;
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
        const char *text, *expected = streq(name, "State") ? "as" : NULL;
        int r;

        if (++reading->n > FILTERS_MAX)
                return invalid(error, "More than %u filters given.", FILTERS_MAX);
        if (expected && streq(type, expected))
                return read_filter_states(m, filter, error);
        for (size_t i = 0; i < ELEMENTSOF(values); i++) {
                if (!streq(values[i].name, name))
                        continue;
                expected = values[i].type;
                if (!streq(expected, type))
                        break;
                if (*type != 's')
                        return sd_bus_message_read_basic(m, *type, values[i].target);
                r = sd_bus_message_read_basic(m, 's', &text);
                if (r < 0)
                        return r;
                if (strlen(text) >= PATH_MAX)
                        return invalid(error, "Filter %s is too long.", values[i].name);
                free(*(char **) values[i].target);
                *(char **) values[i].target = strdup(text);
                return *(char **) values[i].target ? 0 : -ENOMEM;
        }
        if (expected)
                return invalid(error, "Filter %s has type %s, expected %s.", name, type, expected);
        return unknown_filter(name, error);
}

static int read_filter(sd_bus_message *m, StoreFilter *filter, sd_bus_error *error) {
        int r;

        *filter = (StoreFilter) { .uid = STORE_ANY_UID, .after_sequence = UINT64_MAX, .limit = 100 };
        r = dict_read(m, read_filter_entry, &(Reading) { filter, error, 0 });
        if (r < 0)
                return r;
        if (filter->limit == 0 || filter->limit > JOB_LIST_MAX)
                return invalid(error, "Filter Limit is out of range (1 to %u): %" PRIu32 ".", JOB_LIST_MAX, filter->limit);
        if (filter->before && !job_id_is_valid(filter->before))
                return invalid(error, "Filter Before is not a full job ID.");
        return 0;
}

static int reply_nothing(PendingCall *pending) {
        pending->n_ids = 0;
        return pending_reply_found(pending);
}

static void on_polkit(PolkitAnswer answer, void *userdata) {
        static const PendingStep refused[] = { reply_nothing };
        PendingCall *pending = userdata;

        if (answer != POLKIT_ALLOWED)
                pending->step = refused;
        pending_advance(pending);
}

/* Jobs of another user are listed only with permission; otherwise none are. */
static int ask_for_others(PendingCall *pending) {
        uint32_t visible = pending->visible_uid;
        int r;

        if (visible == STORE_ANY_UID)
                return 1;
        if (pending->filter.uid == STORE_ANY_UID || pending->filter.uid == visible) {
                pending->filter.uid = visible;
                return 1;
        }
        if (!pending->service->core->system_scope)
                return reply_nothing(pending);
        r = question_new(&pending->question, pending->user, pending->call, POLKIT_READ_ALL, on_polkit, pending);
        pending->is_waiting = r >= 0;
        return r;
}

static int submit(PendingCall *pending) {
        return store_list(pending->service->core->store, &pending->filter, pending_on_listed, pending);
}

int method_list(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        static const PendingStep steps[] = { ask_for_others, pending_take_turn, submit };
        _cleanup_(pending_freep) PendingCall *pending = NULL;
        Service *service = userdata;
        int r;

        r = pending_new(&pending, service, m);
        if (r >= 0)
                r = read_filter(m, &pending->filter, error);
        if (r < 0)
                return r;
        job_object_follow_all(service, pending->item.peer);
        return pending_start(TAKE_PTR(pending), steps);
}
