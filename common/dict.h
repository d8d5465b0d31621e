/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Reading and writing an a{sv} of a message entry by entry. */

#include <limits.h>
#include <systemd/sd-bus.h>

/* Reads the value of an entry, which has that type. Returns a non-negative number or a negative errno; to ignore the
 * entry: */
#define DICT_SKIP INT_MAX
typedef int (*DictEntry)(sd_bus_message *m, const char *name, const char *type, void *userdata);

/* Calls entry for each entry, until it fails. Returns 0 or a negative errno. */
int dict_read(sd_bus_message *m, DictEntry entry, void *userdata);

/* Opens an entry up to its value; closes it. */
int dict_open(sd_bus_message *m, const char *name, const char *type);
int dict_close(sd_bus_message *m);
