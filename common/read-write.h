/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */
#pragma once

/* read(2) and write(2) until all is done. Negative errnos on failure. */

#include <stddef.h>
#include <sys/types.h>

/* Writes all of it to a descriptor, which may be non-blocking. */
int write_all(int fd, const void *data, size_t size);

/* Likewise at an offset of a file. */
int write_at(int fd, const void *data, size_t size, off_t offset);

/* Returns how many bytes were read: less than size at the end of the file. */
ssize_t read_at(int fd, void *buffer, size_t size, off_t offset);
