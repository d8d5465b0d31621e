/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

/* The request: as our job, but for what is kept here, such as its attempts. The same bytes each time, since they are what the key
 * stands for. */

#include "bus-names.h"
#include "dict.h"
#include "relay.h"

void submit_name(const char *id, uint64_t attempt, char key[static RELAY_KEY_MAX], char session[static RELAY_KEY_MAX]) {
        (void) snprintf(session, RELAY_KEY_MAX, "codex-jobs-host:%.60s", id);
        if (attempt <= 1)
                (void) snprintf(key, RELAY_KEY_MAX, "%.60s", id);
        else
                (void) snprintf(key, RELAY_KEY_MAX, "%.60s.%" PRIu64, id, attempt);
}

static int append_string(sd_bus_message *m, const char *text) {
        return sd_bus_message_append_array(m, 'y', text, strlen(text));
}

static int append_argv(sd_bus_message *m, const Description *d) {
        int r;

        r = dict_open(m, "Argv", "aay");
        if (r >= 0)
                r = sd_bus_message_open_container(m, 'a', "ay");
        for (char **arg = d->argv; *arg && r >= 0; arg++)
                r = append_string(m, *arg);
        if (r >= 0)
                r = sd_bus_message_close_container(m);
        return r < 0 ? r : dict_close(m);
}

static int append_environment(sd_bus_message *m, const Description *d) {
        int r;

        r = dict_open(m, "Environment", "aay");
        if (r >= 0)
                r = sd_bus_message_open_container(m, 'a', "ay");
        for (char *p = d->environment; p < d->environment_end && r >= 0; p += strlen(p) + 1)
                r = append_string(m, p);
        if (r >= 0)
                r = sd_bus_message_close_container(m);
        return r < 0 ? r : dict_close(m);
}

static int append_input(sd_bus_message *m, const Description *d) {
        if (d->header.stdin_size == SPEC_NO_STDIN)
                return 0;
        return far_append_bytes(m, "Stdin", d->map + sizeof(d->header) + d->header.strings_size, d->header.stdin_size);
}

static int append_number(sd_bus_message *m, const char *name, uint64_t value) {
        return value > 0 ? sd_bus_message_append(m, "{sv}", name, "t", value) : 0;
}

static int append_resources(sd_bus_message *m, const Description *d) {
        int r;

        if (d->n_limits == 0)
                return 0;
        r = dict_open(m, "ResourceLimits", "a{sv}");
        if (r >= 0)
                r = sd_bus_message_open_container(m, 'a', "{sv}");
        for (size_t i = 0; i < d->n_limits && r >= 0; i++) {
                const ResourceLimit *limit = resource_limit_of((int) d->limits[i].resource);

                if (limit)
                        r = sd_bus_message_append(m, "{sv}", limit->name, "t", d->limits[i].value);
        }
        if (r >= 0)
                r = sd_bus_message_close_container(m);
        return r < 0 ? r : dict_close(m);
}

/* What earlier attempts have written counts. */
static uint64_t output_left(const Relay *r) {
        uint64_t max = r->description.trailer.output_max, before = r->base[0] + r->base[1];

        return max == 0 ? 0 : max > before ? max - before : 1;
}

static int append_limits(sd_bus_message *m, const Relay *relay) {
        const WorkerTrailer *t = &relay->description.trailer;
        const char *memory = getenv("CODEX_JOBS_MEMORY_MAX");
        int r;

        r = append_number(m, "RuntimeMaxUSec", t->runtime_max_usec);
        if (r >= 0)
                r = append_number(m, "OutputMax", output_left(relay));
        if (r >= 0)
                r = append_number(m, "StallUSec", t->stall_usec);
        if (r >= 0)
                r = append_number(m, "MemoryMax", memory ? strtoull(memory, NULL, 10) : 0);
        if (r >= 0 && t->umask & WORKER_UMASK_GIVEN)
                r = sd_bus_message_append(m, "{sv}", "UMask", "u", t->umask & 0777);
        if (r >= 0 && t->flags & WORKER_MERGE_OUTPUT)
                r = sd_bus_message_append(m, "{sv}", "MergeOutput", "b", true);
        return r < 0 ? r : append_resources(m, &relay->description);
}

/* Of the service of a user here, a directory that was not given is the home there. */
static int append_options(sd_bus_message *m, const Relay *relay) {
        const Description *d = &relay->description;
        int r;

        r = sd_bus_message_append(m, "{sv}{sv}{sv}", "IdempotencyKey", "s", relay->key, "Session", "s", relay->session,
                                  "Notify", "b", false);
        if (r >= 0)
                r = append_argv(m, d);
        if (r >= 0)
                r = append_environment(m, d);
        if (r >= 0 && d->directory != d->home)
                r = far_append_bytes(m, "Directory", d->directory, strlen(d->directory));
        if (r >= 0)
                r = append_input(m, d);
        if (r >= 0 && relay->stopping) /* one that is not there yet does not begin */
                r = sd_bus_message_append(m, "{sv}", "Hold", "b", true);
        return r < 0 ? r : append_limits(m, relay);
}

static int on_answer(sd_bus_message *reply, void *userdata, sd_bus_error *ret_error) {
        const sd_bus_error *error = sd_bus_message_get_error(reply);
        Relay *r = userdata;
        const char *id, *path;

        r->asked = false;
        if (error && far_had_no_effect(error) && r->unsure > 0)
                r->unsure--;
        if (error)
                r->events->refused(r, error);
        else if (sd_bus_message_read(reply, "so", &id, &path) >= 0)
                r->events->accepted(r, id, path);
        return 0;
}

int submit(Relay *relay) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
        int r;

        r = sd_bus_message_new_method_call(relay->far.bus, &m, JOBS_BUS_NAME, JOBS_PATH, JOBS_INTERFACE, "Enqueue");
        if (r >= 0)
                r = sd_bus_message_append_strv(m, NULL);
        if (r >= 0)
                r = sd_bus_message_open_container(m, 'a', "{sv}");
        if (r >= 0)
                r = append_options(m, relay);
        if (r >= 0)
                r = sd_bus_message_close_container(m);
        if (r >= 0)
                r = sd_bus_call_async(relay->far.bus, NULL, m, on_answer, relay, UINT64_MAX);
        if (r < 0)
                return r;
        relay->asked = true;
        relay->unsure++;
        return 0;
}
