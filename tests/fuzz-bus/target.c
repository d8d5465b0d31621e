/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

#include "bus-names.h"
#include "target.h"

/* The value of an attribute of the tag at text, which ends at end. */
static bool attribute(const char *text, const char *end, const char *name, char *ret, size_t size) {
        char pattern[32];
        const char *p, *quote;

        (void) snprintf(pattern, sizeof(pattern), " %s=\"", name);
        p = memmem(text, (size_t) (end - text), pattern, strlen(pattern));
        if (!p)
                return false;
        p += strlen(pattern);
        quote = memchr(p, '"', (size_t) (end - p));
        if (!quote || (size_t) (quote - p) >= size)
                return false;
        memcpy(ret, p, (size_t) (quote - p));
        ret[quote - p] = 0;
        return true;
}

static void add_member(Target *t, const char *interface, const char *tag, const char *end) {
        TargetMember *m = &t->members[t->n_members];

        if (t->n_members == TARGET_MEMBERS_MAX || !attribute(tag, end, "name", m->name, sizeof(m->name)))
                return;
        (void) strcpy(m->interface, interface);
        for (unsigned i = 0; i < t->n_members; i++)
                if (streq(t->members[i].name, m->name) && streq(t->members[i].interface, interface))
                        return; /* the standard ones are in both objects */
        t->n_members++;
}

static void add_argument(TargetMember *m, const char *tag, const char *end) {
        char direction[8] = "in";

        (void) attribute(tag, end, "direction", direction, sizeof(direction));
        if (!streq(direction, "in") || m->n_arguments == TARGET_ARGUMENTS_MAX)
                return;
        if (!attribute(tag, end, "type", m->arguments[m->n_arguments].type, sizeof(m->arguments[0].type)))
                return;
        (void) attribute(tag, end, "name", m->arguments[m->n_arguments].name, sizeof(m->arguments[0].name));
        m->n_arguments++;
}

static void add_property(Target *t, const char *interface, const char *tag, const char *end) {
        TargetProperty *p = &t->properties[t->n_properties];

        if (t->n_properties == TARGET_PROPERTIES_MAX || !attribute(tag, end, "name", p->name, sizeof(p->name)))
                return;
        (void) strcpy(p->interface, interface);
        t->n_properties++;
}

static void add_xml(Target *t, const char *xml) {
        char interface[64] = "";
        bool in_method = false;
        unsigned before = 0;

        for (const char *tag = strchr(xml, '<'), *end; tag && (end = strchr(tag, '>')); tag = strchr(end, '<')) {
                if (startswith(tag, "<interface "))
                        (void) attribute(tag, end, "name", interface, sizeof(interface));
                else if (startswith(tag, "<method ")) {
                        before = t->n_members;
                        add_member(t, interface, tag, end);
                        in_method = t->n_members > before;
                } else if (startswith(tag, "<signal ") || startswith(tag, "</method"))
                        in_method = false;
                else if (startswith(tag, "<arg ") && in_method)
                        add_argument(&t->members[t->n_members - 1], tag, end);
                else if (startswith(tag, "<property "))
                        add_property(t, interface, tag, end);
        }
}

static int introspect(Target *t, sd_bus *bus, const char *path) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
        const char *xml;
        int r;

        r = sd_bus_call_method(bus, JOBS_BUS_NAME, path, "org.freedesktop.DBus.Introspectable", "Introspect", &error, &reply,
                               NULL);
        if (r >= 0)
                r = sd_bus_message_read_basic(reply, 's', &xml);
        if (r < 0) {
                (void) fprintf(stderr, "fuzz-bus: the service does not describe %s: %s\n", path, error.message ?: strerror(-r));
                return r;
        }
        add_xml(t, xml);
        return 0;
}

int target_read(Target *ret, sd_bus *bus) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        const char *id, *path;
        int r;

        *ret = (Target) {};
        r = introspect(ret, bus, JOBS_PATH);
        if (r >= 0)
                r = sd_bus_call_method(bus, JOBS_BUS_NAME, JOBS_PATH, JOBS_INTERFACE, "Enqueue", NULL, &reply, "asa{sv}", 2,
                                       "sleep", "infinity", 0);
        if (r >= 0)
                r = sd_bus_message_read(reply, "so", &id, &path);
        if (r >= 0)
                r = introspect(ret, bus, path);
        if (r >= 0)
                r = sd_bus_call_method(bus, JOBS_BUS_NAME, JOBS_PATH, JOBS_INTERFACE, "Cancel", NULL, NULL, "s", id);
        return r < 0 ? r : target_read_ids(ret, bus, NULL);
}

/* The entry Id of an a{sv}, "" where there is none. */
static int read_id(sd_bus_message *m, char *ret, size_t size) {
        const char *name, *value;
        int r;

        r = sd_bus_message_enter_container(m, 'a', "{sv}");
        while (r >= 0 && (r = sd_bus_message_enter_container(m, 'e', "sv")) > 0) {
                r = sd_bus_message_read_basic(m, 's', &name);
                if (r >= 0 && streq(name, "Id")) {
                        r = sd_bus_message_read(m, "v", "s", &value);
                        if (r >= 0)
                                (void) snprintf(ret, size, "%s", value);
                } else if (r >= 0)
                        r = sd_bus_message_skip(m, "v");
                if (r >= 0)
                        r = sd_bus_message_exit_container(m);
        }
        return r < 0 ? r : sd_bus_message_exit_container(m);
}

int target_read_ids(Target *target, sd_bus *bus, const char *state) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        int r;

        if (state)
                r = sd_bus_call_method(bus, JOBS_BUS_NAME, JOBS_PATH, JOBS_INTERFACE, "List", NULL, &reply, "a{sv}", 2, "Limit", "u",
                                       TARGET_IDS_MAX, "State", "as", 1, state);
        else
                r = sd_bus_call_method(bus, JOBS_BUS_NAME, JOBS_PATH, JOBS_INTERFACE, "List", NULL, &reply, "a{sv}", 1, "Limit", "u",
                                       TARGET_IDS_MAX);
        if (r >= 0)
                r = sd_bus_message_enter_container(reply, 'a', "a{sv}");
        target->n_ids = 0;
        while (r >= 0 && target->n_ids < TARGET_IDS_MAX && sd_bus_message_at_end(reply, false) == 0) {
                r = read_id(reply, target->ids[target->n_ids], sizeof(target->ids[0]));
                target->n_ids++;
        }
        return r;
}

const TargetMember *target_find(const Target *target, const char *name) {
        for (unsigned i = 0; i < target->n_members; i++)
                if (streq(target->members[i].name, name))
                        return &target->members[i];
        return NULL;
}
