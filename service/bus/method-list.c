/* SPDX-License-Identifier: Apache-2.0 */

#include <limits.h>

#include "bus-names.h"
#include "job-id.h"
#include "request.h"
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
        const char *text, *expected = streq(name, "State") ? "as" : NULL;
        int r;

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
        unsigned n = 0;
        int r;

        *filter = (StoreFilter) { .uid = STORE_ANY_UID, .after_sequence = UINT64_MAX, .limit = 100 };
        r = sd_bus_message_enter_container(m, 'a', "{sv}");
        if (r < 0)
                return r;
        while ((r = sd_bus_message_enter_container(m, 'e', "sv")) > 0) {
                if (++n > FILTERS_MAX)
                        return invalid(error, "More than %u filters given.", FILTERS_MAX);
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
                return invalid(error, "Filter Limit is out of range (1 to %u): %" PRIu32 ".", JOB_LIST_MAX, filter->limit);
        if (filter->before && !job_id_is_valid(filter->before))
                return invalid(error, "Filter Before is not a full job ID.");
        return sd_bus_message_exit_container(m);
}

static int submit_list(Request *request) {
        return store_list(request->service->core->store, &request->filter, request_on_listed, request);
}

static void on_list_polkit(PolkitAnswer answer, void *userdata) {
        _cleanup_(request_freep) Request *request = userdata;
        int r;

        if (answer != POLKIT_ALLOWED || request->service->core->stopping) {
                (void) request_reply_records(request->call, NULL, 0);
                return;
        }
        r = request_take_turn(request, submit_list);
        if (r < 0)
                (void) request_unavailable(request->call, r);
        else
                TAKE_PTR(request);
}

/* Another user's jobs; without leave there are none. */
static int list_others(Request *request, StoreFilter *filter) {
        _cleanup_(request_freep) Request *owned = request;
        int r;

        if (!owned->service->core->system_scope)
                return request_reply_records(owned->call, NULL, 0);
        owned->filter = *filter;
        *filter = (StoreFilter) {};
        r = polkit_check(owned->service->polkit, owned->call, owned->uid, POLKIT_READ_ALL, on_list_polkit, owned, request_abandon);
        if (r < 0)
                return request_unavailable(owned->call, r);
        TAKE_PTR(owned);
        return 1;
}

int method_list(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        _cleanup_(store_filter_clear) StoreFilter filter = {};
        _cleanup_(request_freep) Request *request = NULL;
        Service *service = userdata;
        uint32_t visible;
        int r;

        r = read_filter(m, &filter, error);
        if (r < 0)
                return r;
        r = request_new(&request, service, m);
        if (r < 0)
                return r;
        job_object_follow_all(service, m);
        visible = authorize_visible_uid(request->uid);
        if (visible != STORE_ANY_UID && filter.uid != STORE_ANY_UID && filter.uid != visible)
                return list_others(TAKE_PTR(request), &filter);
        if (visible != STORE_ANY_UID)
                filter.uid = visible;
        request->filter = filter;
        filter = (StoreFilter) {};
        r = request_take_turn(request, submit_list);
        if (r < 0)
                return request_unavailable(m, r);
        TAKE_PTR(request);
        return 1;
}
