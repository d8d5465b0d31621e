/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */
#pragma once

/* Options of all verbs that show output. */

#include "excerpt.h"
#include "options.h"

enum {
        OPTION_MAX_BYTES = OPTION_VERB,
        OPTION_BOUNDS_END,
};

#define BOUNDS_OPTIONS                                                     \
        { "max-bytes", required_argument, NULL, OPTION_MAX_BYTES },        \
        { "tail", required_argument, NULL, 'n' }

#define BOUNDS_HELP                                                                         \
        "      --max-bytes SIZE     Omit the middle of output beyond this size\n"            \
        "  -n, --tail N             Show only the last N lines\n"

/* Handles one of these. Returns 0, or -EINVAL after reporting that its argument is invalid. */
int bounds_option(const Verb *verb, Bounds *bounds, int option);
