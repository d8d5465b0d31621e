/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

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

typedef struct Filter {
        const char *name;
        const char *type;
        size_t offset; /* in StoreFilter */
        uint64_t min, max;
} Filter;

#define FILTER(name, type, member, ...) { name, type, offsetof(StoreFilter, member), __VA_ARGS__ }

static const Filter filters[] = {
        FILTER("State", "as", states),
        FILTER("Kind", "s", kind),
        FILTER("Workspace", "s", workspace),
        FILTER("Session", "s", session),
        FILTER("Before", "s", before),
        FILTER("Uid", "u", uid, 0, UINT32_MAX),
        FILTER("AfterSequence", "t", after_sequence, 0, UINT64_MAX),
        FILTER("Limit", "u", limit, 1, JOB_LIST_MAX),
};

static int read_filter_text(sd_bus_message *m, const Filter *f, char **target, sd_bus_error *error) {
        const char *text;
        int r;

        r = sd_bus_message_read_basic(m, 's', &text);
        if (r < 0)
                return r;
        if (strlen(text) >= PATH_MAX)
                return invalid(error, "Filter %s is too long.", f->name);
        free(*target);
        *target = strdup(text);
        return *target ? 0 : -ENOMEM;
}

static int read_filter_number(sd_bus_message *m, const char *type, const Filter *f, void *target, sd_bus_error *error) {
        char text[DICT_INTEGER_MAX];
        uint64_t number;
        int r;

        r = dict_read_integer(m, *type, f->min, f->max, &number, text);
        if (r == -ERANGE)
                return invalid(error, "Filter %s is out of range (%" PRIu64 " to %" PRIu64 "): %s.", f->name, f->min, f->max,
                               text);
        if (r < 0)
                return r;
        if (streq(f->type, "u"))
                *(uint32_t *) target = (uint32_t) number;
        else
                *(uint64_t *) target = number;
        return 0;
}

static int read_filter_entry(sd_bus_message *m, const char *name, const char *type, void *userdata) {
        Reading *reading = userdata;
        sd_bus_error *error = reading->error;

        if (++reading->n > FILTERS_MAX)
                return invalid(error, "More than %u filters given.", FILTERS_MAX);
        for (const Filter *f = filters; f < filters + ELEMENTSOF(filters); f++) {
                void *target = (char *) reading->filter + f->offset;

                if (!streq(f->name, name))
                        continue;
                if (dict_is_integer(f->type) && dict_is_integer(type))
                        return read_filter_number(m, type, f, target, error);
                if (!streq(f->type, type))
                        return invalid(error, "Filter %s has type %s, expected %s%s.", name, type, f->type,
                                       dict_is_integer(f->type) ? " or another integer type" : "");
                return streq(type, "as") ? read_filter_states(m, reading->filter, error) :
                                           read_filter_text(m, f, target, error);
        }
        return unknown_filter(name, error);
}

static int read_filter(sd_bus_message *m, StoreFilter *filter, sd_bus_error *error) {
        int r;

        *filter = (StoreFilter) { .uid = STORE_ANY_UID, .after_sequence = UINT64_MAX, .limit = 100 };
        r = dict_read(m, read_filter_entry, &(Reading) { filter, error, 0 });
        if (r < 0)
                return r;
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
