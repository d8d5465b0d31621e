/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */
#pragma once

/* Options of verbs that submit a job: whether and how long to wait for it. */

#include "request-options.h"

typedef struct Stay {
        bool background;
        bool await;
        uint64_t timeout_usec; /* USEC_INFINITY: not given */
        uint64_t poll_usec;    /* 0: not given */
        const char *notify_thread; /* of Codex, to report the end of the job to; NULL: none */
} Stay;

#define STAY_INIT { .timeout_usec = USEC_INFINITY }

enum {
        OPTION_BACKGROUND = OPTION_REQUEST_END,
        OPTION_AWAIT,
        OPTION_STAY_END,
};

#define STAY_OPTIONS                                                       \
        { "background", no_argument, NULL, OPTION_BACKGROUND },            \
        { "await", no_argument, NULL, OPTION_AWAIT },                      \
        TIMEOUT_OPTION

/* Handles one of these, or of those of requests. Returns 0, or a negative errno after reporting an error. */
int stay_option(const Verb *verb, Stay *stay, RequestOptions *request, int option);
