/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

#include "dict.h"
#include "unit-properties.h"

typedef struct Property {
        const char *name;
        char type;
        size_t offset;
        size_t size; /* of a string, 0 for a number */
} Property;

#define WORD(name, member) { name, 's', offsetof(UnitProperties, member), sizeof(((UnitProperties *) NULL)->member) }
#define NUMBER(name, type, member) { name, type, offsetof(UnitProperties, member), 0 }

static const Property properties[] = {
        WORD("LoadState", load_state),
        WORD("SubState", sub_state),
        WORD("Result", result),
        NUMBER("ExecMainCode", 'i', code),
        NUMBER("ExecMainStatus", 'i', status),
        NUMBER("StatusErrno", 'i', status_errno),
        NUMBER("ExecMainStartTimestamp", 't', start_usec),
        NUMBER("ExecMainStartTimestampMonotonic", 't', start_monotonic_usec),
        NUMBER("ExecMainExitTimestamp", 't', exit_usec),
        NUMBER("ExecMainExitTimestampMonotonic", 't', exit_monotonic_usec),
        NUMBER("ActiveExitTimestampMonotonic", 't', active_exit_usec),
        NUMBER("CPUUsageNSec", 't', cpu_usage_nsec),
        NUMBER("MemoryPeak", 't', memory_peak),
};

void unit_properties_clear(UnitProperties *p) {
        free(p->status_text);
        *p = (UnitProperties) {};
}

static const Property *find(const char *name, char type) {
        for (size_t i = 0; i < ELEMENTSOF(properties); i++)
                if (properties[i].type == type && streq(properties[i].name, name))
                        return &properties[i];
        return NULL;
}

static int read_value(UnitProperties *p, const Property *property, sd_bus_message *m) {
        char *target = (char *) p + property->offset;
        const char *word;
        int r;

        if (property->size == 0)
                return sd_bus_message_read_basic(m, property->type, target);
        r = sd_bus_message_read_basic(m, 's', &word);
        if (r < 0)
                return r;
        (void) snprintf(target, property->size, "%s", word);
        return 0;
}

static int read_status_text(UnitProperties *p, sd_bus_message *m, bool *ret_progress) {
        const char *text;
        char *copy;
        int r;

        r = sd_bus_message_read_basic(m, 's', &text);
        if (r < 0 || streq(text, strempty(p->status_text)))
                return r;
        copy = strdup(text);
        if (!copy)
                return -ENOMEM;
        free(p->status_text);
        p->status_text = copy;
        *ret_progress = true;
        return 0;
}

/* There is at most one. */
static int read_stop_post(UnitProperties *p, sd_bus_message *m) {
        int r;

        p->has_stop_post = false;
        r = sd_bus_message_enter_container(m, 'a', "(sasbttttuii)");
        while (r >= 0 && (r = sd_bus_message_enter_container(m, 'r', "sasbttttuii")) > 0) {
                p->has_stop_post = true;
                r = sd_bus_message_skip(m, "sasbttttu");
                if (r >= 0)
                        r = sd_bus_message_read(m, "ii", &p->stop_post_code, &p->stop_post_status);
                if (r >= 0)
                        r = sd_bus_message_exit_container(m);
        }
        return r < 0 ? r : sd_bus_message_exit_container(m);
}

typedef struct Reading {
        UnitProperties *properties;
        bool *ret_progress;
} Reading;

static int read_entry(sd_bus_message *m, const char *name, const char *type, void *userdata) {
        Reading *reading = userdata;
        const Property *property = find(name, type[0]);

        if (streq(name, "StatusText") && streq(type, "s"))
                return read_status_text(reading->properties, m, reading->ret_progress);
        if (streq(name, "ExecStopPost") && streq(type, "a(sasbttttuii)"))
                return read_stop_post(reading->properties, m);
        return property && !type[1] ? read_value(reading->properties, property, m) : DICT_SKIP;
}

int unit_properties_read(UnitProperties *p, sd_bus_message *m, bool *ret_progress) {
        return dict_read(m, read_entry, &(Reading) { p, ret_progress });
}

/* Both times are set by the service manager, in the order in which it saw the events. A unit that never became
 * active has no time at which that ended. */
bool unit_properties_ended_by_itself(const UnitProperties *p, uint64_t stop_usec) {
        uint64_t stopped_usec = p->active_exit_usec > 0 ? p->active_exit_usec : stop_usec;

        if (streq(p->sub_state, "exited") || stopped_usec == 0)
                return true;
        return p->exit_monotonic_usec > 0 && p->exit_monotonic_usec <= stopped_usec;
}
