/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */
#pragma once

/* Blocking writes of complete texts, outside of the event loop. */

#include <systemd/sd-bus.h>

#include "macro.h"
#include "read-write.h"

/* write_all() to stdout or stderr, above the live line. */
int write_shown(int fd, const char *text, size_t size);

/* The same to stdout, with error set; -EPIPE if the reader went away. On terminals without UTF-8, non-ASCII characters
 * are replaced. */
int write_stdout(const char *text, size_t size, sd_bus_error *error);

/* The same for the text that put() writes to a file. put() returns 0 or a negative errno. */
typedef int (*text_put_t)(FILE *f, void *userdata);
int write_text(text_put_t put, void *userdata, sd_bus_error *error);
