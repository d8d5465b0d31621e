/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

#include "owner.h"
#include "text-new.h"

#define BUS_NAME "org.freedesktop.DBus"
#define BUS_PATH "/org/freedesktop/DBus"

void owner_forget(Owner *o) {
        o->match = sd_bus_slot_unref(o->match);
        o->call = sd_bus_slot_unref(o->call);
        free(o->unique);
        o->unique = NULL;
        o->known = false;
}

static int owner_set(Owner *o, const char *unique) {
        bool first = !o->known;
        char *copy = NULL;

        o->known = true;
        if (!first && streq(strempty(o->unique), unique))
                return 0;
        if (*unique) {
                copy = strdup(unique);
                if (!copy)
                        return -ENOMEM;
        }
        free(o->unique);
        o->unique = copy;
        o->changed(o->userdata);
        return 0;
}

const char *owner_read_change(sd_bus_message *m, const char *name) {
        const char *about, *old_owner, *new_owner;

        if (sd_bus_message_read(m, "sss", &about, &old_owner, &new_owner) < 0 || !streq(about, name) ||
            !streq(strempty(sd_bus_message_get_sender(m)), BUS_NAME))
                return NULL;
        return new_owner;
}

static int on_changed(sd_bus_message *m, void *userdata, sd_bus_error *ret_error) {
        Owner *o = userdata;
        const char *new_owner = owner_read_change(m, o->name);

        return new_owner ? owner_set(o, new_owner) : 0;
}

static int on_answer(sd_bus_message *m, void *userdata, sd_bus_error *ret_error) {
        const char *unique = "";
        Owner *o = userdata;

        o->call = sd_bus_slot_unref(o->call);
        if (sd_bus_message_is_method_error(m, NULL) == 0 && sd_bus_message_read_basic(m, 's', &unique) < 0)
                return 0;
        return owner_set(o, unique);
}

int owner_watch(Owner *o, sd_bus *bus) {
        _cleanup_free_ char *rule = NULL;
        int r;

        owner_forget(o);
        rule = text_new(OWNER_RULE("%s"), o->name);
        if (!rule)
                return -ENOMEM;
        r = sd_bus_add_match_async(bus, &o->match, rule, on_changed, NULL, o);
        if (r < 0)
                return r;
        return sd_bus_call_method_async(bus, &o->call, BUS_NAME, BUS_PATH, BUS_NAME, "GetNameOwner", on_answer, o, "s",
                                        o->name);
}

bool owner_sent(const Owner *o, sd_bus_message *m) {
        const char *sender = sd_bus_message_get_sender(m);

        return o->unique && sender && streq(o->unique, sender);
}
