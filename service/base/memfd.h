/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */
#pragma once

/* Data in a file descriptor, see memfd_create(2). */

#include <stddef.h>

/* Creates a memfd with a copy of the data, positioned at offset size. The caller owns it. Returns a negative errno
 * on failure. */
int memfd_new(const char *name, const void *data, size_t size);
