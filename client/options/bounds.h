/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The options of all verbs that show what a job wrote. */

#include "excerpt.h"
#include "options.h"

#define BOUNDS_OPTIONS                                                     \
        { "max-bytes", required_argument, NULL, OPTION_MAX_BYTES },        \
        { "tail", required_argument, NULL, 'n' }

#define BOUNDS_LETTERS "n:"

#define BOUNDS_HELP                                                                         \
        "      --max-bytes SIZE     of more than that only the beginning and the end\n"     \
        "  -n, --tail N             only the last N lines\n"

/* Deals with an option that option_next() returned. Returns 1; 0 for one that is not of these; -EINVAL after
 * telling that its value is wrong. */
int bounds_option(const Verb *verb, Bounds *bounds, int option);
