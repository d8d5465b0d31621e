/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */
#pragma once

/* A connection to the service of another host, by ssh(1), which asks nobody for anything. */

#include "remote.h"

typedef struct Far {
        const char *host; /* [USER@]HOST; static: of the environment */
        bool user;        /* the service of the user there, not that of the system */
        sd_bus *bus;      /* NULL: none */
        Bridge *bridge;
        bool ready;       /* the bus there has accepted it */
        bool broken;      /* to be closed with far_close() */
} Far;

/* From the environment of the unit. Returns a sentence on what is wrong with it; NULL: nothing. */
const char *far_init(Far *f);

/* Connects; handler gets all messages, and "Connected" and "Disconnected" of org.freedesktop.DBus.Local. event: NULL for calls
 * that wait. Returns 0 or a negative errno. */
int far_open(Far *f, sd_event *event, sd_bus_message_handler_t handler, void *userdata);

/* Closes it. *ret: why it broke, in the words of ssh, which the caller frees; NULL: not known. ret may be NULL. */
void far_close(Far *f, char **ret);

/* Whether these words say that it cannot be connected as long as nobody changes anything. */
bool far_is_final(const char *words);

/* Whether the call may succeed later, although nothing changes; and whether it is known that it had no effect. */
bool far_may_pass(const sd_bus_error *error);
bool far_had_no_effect(const sd_bus_error *error);

/* An error of the service there, as a clause: "the service is not installed there". The caller frees it; NULL: out of memory. */
char *far_sentence(const Far *f, const sd_bus_error *error);

/* Appends "{sv}" with bytes. */
int far_append_bytes(sd_bus_message *m, const char *name, const void *data, size_t size);
