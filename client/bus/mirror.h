/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */
#pragma once

/* A stream of a job that cannot be opened, since the connection passes no descriptors: a file in memory that grows as
 * the stream is read. What was used is discarded, and not much more is read ahead. */

#include "output.h"

typedef struct Mirror Mirror;

/* Called when there is more, or nothing more; or, at the end of everything, with an error. */
typedef void (*mirror_changed_t)(const sd_bus_error *error, void *userdata);

/* Continues at the end of a file that has what is before it, which is taken; a negative fd: from the beginning. What is after
 * the offset end, if there is any, is not wanted. */
int mirror_new(Client *c, const OutputName *name, int fd, uint64_t end, mirror_changed_t changed, void *userdata, Mirror **ret);
Mirror *mirror_free(Mirror *m);
DEFINE_CLEANUP(Mirror *, mirror_free);

int mirror_fd(const Mirror *m);

/* Whether this is the stream, which has grown, or for NULL may have; reads it. */
void mirror_grew(Mirror *m, const char *id, const char *stream);

/* What is before the offset is not needed any more. */
void mirror_release(Mirror *m, off_t offset);

/* What there is now is all that is wanted. Then: whether it is there. */
void mirror_finish(Mirror *m);
bool mirror_is_complete(const Mirror *m);
