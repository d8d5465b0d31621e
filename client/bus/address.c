/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

#include <poll.h>
#include <sys/socket.h>

#include "address.h"
#include "text-new.h"

#define SYSTEM_ADDRESS "unix:path=/run/dbus/system_bus_socket"
#define ASK_USEC (2 * USEC_PER_SEC)

/* Escapes a path as the specification of D-Bus requires in addresses. */
static void put_escaped(FILE *f, const char *path) {
        for (const char *c = path; *c; c++)
                if (strchr("-_/.\\", *c) || (*c >= '0' && *c <= '9') || (*c >= 'A' && *c <= 'Z') || (*c >= 'a' && *c <= 'z'))
                        (void) fputc(*c, f);
                else
                        (void) fprintf(f, "%%%02x", (unsigned char) *c);
}

/* In a runtime directory, which is the usual one where the environment does not say so, as for sudo, cron and some
 * agents. */
static char *user_address(void) {
        const char *runtime = getenv("XDG_RUNTIME_DIR");
        _cleanup_text_stream_ TextStream s = {};
        FILE *f = text_stream_open(&s);

        if (!f)
                return NULL;
        (void) fputs("unix:path=", f);
        if (isempty(runtime))
                (void) fprintf(f, "/run/user/%u", (unsigned) getuid());
        else
                put_escaped(f, runtime);
        (void) fputs("/bus", f);
        return text_stream_take(&s);
}

static char *usual_address(bool system) {
        return system ? strdup(SYSTEM_ADDRESS) : user_address();
}

static const char *variable_name(bool system) {
        return system ? "DBUS_SYSTEM_BUS_ADDRESS" : "DBUS_SESSION_BUS_ADDRESS";
}

static char *find_address(bool system) {
        const char *address = getenv(variable_name(system));

        return isempty(address) ? usual_address(system) : strdup(address);
}

const char *bus_unusual_address(bool system, const char **ret_variable) {
        const char *address = getenv(variable_name(system));
        _cleanup_free_ char *usual = usual_address(system);
        size_t n = usual ? strlen(usual) : 0;

        if (isempty(address) || !usual || (strncmp(address, usual, n) == 0 && strchr(",;", address[n])))
                return NULL;
        *ret_variable = variable_name(system);
        return address;
}

/* The library reports nothing to the event loop if a connection over TCP is refused. */
static int wait_for_tcp(sd_bus *bus, const char *address) {
        struct pollfd p = { .events = POLLOUT };
        int failure = 0;
        socklen_t size = sizeof(failure);

        if (!startswith(address, "tcp:") || strchr(address, ';'))
                return 0;
        p.fd = sd_bus_get_fd(bus);
        if (p.fd < 0)
                return p.fd;
        if (poll(&p, 1, (int) (ASK_USEC / USEC_PER_MSEC)) == 0)
                return -ETIMEDOUT;
        return getsockopt(p.fd, SOL_SOCKET, SO_ERROR, &failure, &size) < 0 ? -errno : -failure;
}

static int bus_new(bool system, const Remote *remote, bool client, sd_bus **ret, Bridge **ret_bridge) {
        _cleanup_free_ char *address = remote_name(remote) ? NULL : find_address(system);
        _cleanup_(sd_bus_close_unrefp) sd_bus *bus = NULL;
        int r;

        *ret_bridge = NULL;
        if (!address && !remote_name(remote))
                return -ENOMEM;
        r = sd_bus_new(&bus);
        if (r >= 0)
                r = address ? sd_bus_set_address(bus, address) : remote_prepare(remote, system, bus, ret_bridge);
        if (r >= 0)
                r = sd_bus_set_bus_client(bus, client);
        if (r >= 0)
                r = sd_bus_set_connected_signal(bus, client);
        if (r >= 0)
                r = sd_bus_start(bus);
        if (r >= 0 && address)
                r = wait_for_tcp(bus, address);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(bus);
        return 0;
}

int bus_open(bool system, const Remote *remote, sd_bus **ret, Bridge **ret_bridge) {
        return bus_new(system, remote, true, ret, ret_bridge);
}

/* The library does not show the answer to its own greeting. */
char *bus_ask_refusal(bool system) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL, *reply = NULL;
        _cleanup_(sd_bus_close_unrefp) sd_bus *bus = NULL;
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
        Bridge *none;
        int r;

        r = bus_new(system, NULL, false, &bus, &none);
        if (r >= 0)
                r = sd_bus_message_new_method_call(bus, &m, "org.freedesktop.DBus", "/org/freedesktop/DBus",
                                                   "org.freedesktop.DBus", "Hello");
        if (r >= 0)
                r = sd_bus_call(bus, m, ASK_USEC, &error, &reply);
        return r < 0 && startswith(strempty(error.name), "org.freedesktop.DBus.Error.LimitsExceeded") ?
                       strdup(strempty(error.message)) : NULL;
}
