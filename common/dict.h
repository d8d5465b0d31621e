/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* An a{sv} of a message, read and written entry by entry. */

#include <limits.h>
#include <systemd/sd-bus.h>

/* Reads the value of an entry, which has that type, and returns anything else than a negative errno and: */
#define DICT_SKIP INT_MAX
typedef int (*DictEntry)(sd_bus_message *m, const char *name, const char *type, void *userdata);

/* Calls entry for each, until it fails. Returns 0 or a negative errno. */
int dict_read(sd_bus_message *m, DictEntry entry, void *userdata);

/* Opens an entry up to its value, and closes it. */
int dict_open(sd_bus_message *m, const char *name, const char *type);
int dict_close(sd_bus_message *m);
