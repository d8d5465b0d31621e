/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Writing all of something, outside of the event loop: waits for a slow reader. */

#include <systemd/sd-bus.h>

#include "macro.h"

/* Writes all of it to a descriptor, which may be one that does not block. Returns 0 or a negative errno. */
int write_all(int fd, const void *data, size_t size);

/* The same for a text and our stdout, with error set; -EPIPE when the reader went away. A terminal without UTF-8 is
 * spared what is not ASCII. */
int write_stdout(const char *text, size_t size, sd_bus_error *error);

/* The same for what put() puts into a file, which returns 0 or a negative errno. */
typedef int (*text_put_t)(FILE *f, void *userdata);
int write_text(text_put_t put, void *userdata, sd_bus_error *error);
