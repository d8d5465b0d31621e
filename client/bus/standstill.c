/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

#include <sysexits.h>

#include "address.h"
#include "macro.h"
#include "standstill.h"

#define MANAGER_NAME "org.freedesktop.systemd1"
#define UNIT_PATH "/org/freedesktop/systemd1/unit/codex_2djobsd_2eservice"
#define ASK_USEC (2 * USEC_PER_SEC)

/* See codex-jobsd(8), and "Process Exit Codes" in systemd.exec(5). */
static Standstill of_status(int status) {
        switch (status) {
        case EX_CONFIG:
                return STANDSTILL_NEWER_STORE;
        case EX_NOPERM:
                return STANDSTILL_NAME_REFUSED;
        case 127: /* of the dynamic linker */
        case 203: /* EXIT_EXEC */
                return STANDSTILL_NO_PROGRAM;
        default:
                return STANDSTILL_UNKNOWN;
        }
}

static int open_bus(bool system, sd_bus **ret) {
        Bridge *none;
        int r;

        r = bus_open(system, NULL, ret, &none);
        return r < 0 ? r : sd_bus_set_method_call_timeout(*ret, ASK_USEC);
}

char *standstill_status(bool system) {
        _cleanup_(sd_bus_close_unrefp) sd_bus *bus = NULL;
        char *text = NULL;
        int r;

        r = open_bus(system, &bus);
        if (r >= 0)
                r = sd_bus_get_property_string(bus, MANAGER_NAME, UNIT_PATH, MANAGER_NAME ".Service", "StatusText", NULL, &text);
        if (r < 0 || isempty(text)) {
                free(text);
                return NULL;
        }
        return text;
}

Standstill standstill_ask(bool system) {
        _cleanup_(sd_bus_close_unrefp) sd_bus *bus = NULL;
        _cleanup_free_ char *loaded = NULL;
        int r, status = 0;

        r = open_bus(system, &bus);
        if (r >= 0)
                r = sd_bus_get_property_string(bus, MANAGER_NAME, UNIT_PATH, MANAGER_NAME ".Unit", "LoadState", NULL, &loaded);
        if (r >= 0 && streq(loaded, "masked"))
                return STANDSTILL_MASKED;
        if (r >= 0)
                r = sd_bus_get_property_trivial(bus, MANAGER_NAME, UNIT_PATH, MANAGER_NAME ".Service", "ExecMainStatus", NULL, 'i',
                                                &status);
        return r < 0 ? STANDSTILL_UNKNOWN : of_status(status);
}
