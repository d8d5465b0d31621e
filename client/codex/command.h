/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Commands that Codex runs, as people would write them. */

#include <stdbool.h>
#include <stddef.h>

/* What Codex reports as "/bin/bash -lc 'make test'" is "make test" for a person: without the shell around it,
 * and one line of at most max bytes. The caller frees it; NULL when memory is short. */
char *command_shown(const char *command, size_t n, size_t max);

/* Whether a command that is shown so looks like a check of the work: a test, a lint, a build. */
bool command_is_check(const char *shown);
