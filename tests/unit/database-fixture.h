/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */
#pragma once

/* The file of a store: reading, changing and damaging it while the store is closed. Failures end the test. */

#include "store-fixture.h"

void run_sql(const char *sql);

/* The caller frees it. */
char *read_file(const char *path, size_t *ret_size);

/* Writes a file in the directory of the test. */
void write_file(const char *name, const void *bytes, size_t n);

/* Leaves the mark of an earlier run that found the database to be corrupt. */
void flag_damaged(void);

/* The number of stores that were set aside, without their companions; the path of the last one. */
size_t set_aside(char path[static 512]);

/* Opens the store on an event loop of its own: the one before may have been requested to exit. */
void open_anew(StoreFixture *f);
