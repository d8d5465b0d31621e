/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */
#pragma once

/* Reading and writing an a{sv} of a message entry by entry. */

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <systemd/sd-bus.h>

/* Reads the value of an entry, which has that type. Returns a non-negative number or a negative errno; to ignore the
 * entry: */
#define DICT_SKIP INT_MAX
typedef int (*DictEntry)(sd_bus_message *m, const char *name, const char *type, void *userdata);

/* Calls entry for each entry, until it fails. Returns 0 or a negative errno. */
int dict_read(sd_bus_message *m, DictEntry entry, void *userdata);

/* Reads an array of a{sv}: calls read_one, which reads one of them, until it fails. Returns likewise. */
int dict_read_list(sd_bus_message *m, int (*read_one)(sd_bus_message *m, void *userdata), void *userdata);

/* Opens an entry up to its value; closes it. */
int dict_open(sd_bus_message *m, const char *name, const char *type);
int dict_close(sd_bus_message *m);

/* A number may come as any integer type: many bindings choose it by the size of the number. */
bool dict_is_integer(const char *type);

/* Reads a number of such a type, and writes it to text, even if it is out of the range: -ERANGE. Returns 0 or a
 * negative errno. */
#define DICT_INTEGER_MAX sizeof("18446744073709551615")
int dict_read_signed(sd_bus_message *m, char type, int64_t min, int64_t max, int64_t *ret,
                     char text[static DICT_INTEGER_MAX]);
int dict_read_integer(sd_bus_message *m, char type, uint64_t min, uint64_t max, uint64_t *ret,
                      char text[static DICT_INTEGER_MAX]);
