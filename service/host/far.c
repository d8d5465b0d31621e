/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

#include "bus-names.h"
#include "dict.h"
#include "far.h"
#include "text-new.h"

#define DBUS_ERROR "org.freedesktop.DBus.Error."

const char *far_init(Far *f) {
        const char *options = getenv("CODEX_JOBS_LAUNCHER_OPTIONS");

        *f = (Far) { .host = getenv("CODEX_JOBS_HOST"), .user = options && streq(options, "--user") };
        if (isempty(f->host))
                return "the queue has no Host= in the configuration";
        if (!remote_is_valid(f->host))
                return "Host= of the queue is not valid";
        return isempty(options) || f->user ? NULL : "Options= of the queue may only be --user";
}

int far_open(Far *f, sd_event *event, sd_bus_message_handler_t handler, void *userdata) {
        _cleanup_(sd_bus_close_unrefp) sd_bus *bus = NULL;
        int r;

        f->ready = f->broken = false;
        r = sd_bus_new(&bus);
        if (r >= 0)
                r = remote_prepare(&(Remote) { .host = f->host, .batch = true }, !f->user, bus, &f->bridge);
        if (r >= 0)
                r = sd_bus_set_bus_client(bus, true);
        if (r >= 0)
                r = sd_bus_set_connected_signal(bus, true);
        if (r >= 0 && handler)
                r = sd_bus_add_filter(bus, NULL, handler, userdata);
        if (r >= 0 && event)
                r = sd_bus_attach_event(bus, event, SD_EVENT_PRIORITY_NORMAL);
        if (r >= 0)
                r = sd_bus_start(bus);
        if (r < 0)
                return r;
        f->bus = TAKE_PTR(bus);
        return 0;
}

void far_close(Far *f, char **ret) {
        if (ret)
                *ret = f->bridge ? bridge_complaint(f->bridge) : NULL;
        f->bus = sd_bus_close_unref(f->bus);
        f->bridge = bridge_free(f->bridge);
        f->ready = f->broken = false;
}

static bool has_any(const char *text, const char *const *words, size_t n) {
        for (size_t i = 0; i < n; i++)
                if (strstr(text, words[i]))
                        return true;
        return false;
}

bool far_is_final(const char *words) {
        static const char *const texts[] = { "Permission denied", "Host key verification failed", "Name or service not known",
                                             "Bad configuration option", "command not found", ": not found", "cannot run ssh" };

        return has_any(words, texts, ELEMENTSOF(texts));
}

bool far_may_pass(const sd_bus_error *error) {
        static const char *const names[] = { JOBS_ERROR_UNAVAILABLE, JOBS_ERROR_LIMIT_EXCEEDED, JOBS_ERROR_STORE_FULL,
                                             JOBS_ERROR_PROCESSES_LEFT, DBUS_ERROR "NoReply", DBUS_ERROR "NameHasNoOwner",
                                             DBUS_ERROR "Disconnected", DBUS_ERROR "Time", DBUS_ERROR "LimitsExceeded",
                                             DBUS_ERROR "NoMemory", DBUS_ERROR "IOError", DBUS_ERROR "Spawn.", DBUS_ERROR "Failed",
                                             "System.Error." };

        return has_any(strempty(error->name), names, ELEMENTSOF(names));
}

bool far_had_no_effect(const sd_bus_error *error) {
        return startswith(strempty(error->name), JOBS_INTERFACE ".Error.") || !far_may_pass(error);
}

static bool is(const sd_bus_error *error, const char *name) {
        return sd_bus_error_has_name(error, name);
}

char *far_sentence(const Far *f, const sd_bus_error *error) {
        if (is(error, DBUS_ERROR "ServiceUnknown"))
                return text_new("the service is not installed there, or not for this user");
        if (is(error, DBUS_ERROR "UnknownMethod") || is(error, DBUS_ERROR "UnknownInterface") ||
            (is(error, JOBS_ERROR_INVALID_ARGUMENT) &&
             (strstr(strempty(error->message), "nknown option") || strstr(strempty(error->message), "has type"))))
                return text_new("the service there has an older version: %s", strempty(error->message));
        if (is(error, DBUS_ERROR "AccessDenied") || is(error, JOBS_ERROR_NOT_PERMITTED))
                return text_new("the user may not run jobs there: %s", strempty(error->message));
        return text_new("%s on %s", isempty(error->message) ? strempty(error->name) : error->message, f->host);
}

int far_append_bytes(sd_bus_message *m, const char *name, const void *data, size_t size) {
        int r;

        r = dict_open(m, name, "ay");
        if (r >= 0)
                r = sd_bus_message_append_array(m, 'y', data, size);
        return r < 0 ? r : dict_close(m);
}
