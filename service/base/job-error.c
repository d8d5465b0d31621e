/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

#include <string.h>

#include "job-error.h"
#include "macro.h"

static const struct {
        const char *name, *sentence;
} errors[] = {
#define JOB_ERROR_ROW(code, name, sentence) [JOB_ERROR_##code - _JOB_ERROR_FIRST] = { name, sentence },
        JOB_ERRORS(JOB_ERROR_ROW)
};

#pragma GCC diagnostic ignored "-Wformat-nonliteral" /* the sentences are those above */
#pragma GCC diagnostic ignored "-Wformat-security"

int job_error_set(sd_bus_error *error, int r, const char *first, const char *second) {
        if (r == -ENOSPC)
                r = -JOB_ERROR_STORE_FULL;
        if (-r <= _JOB_ERROR_FIRST || -r >= _JOB_ERROR_END)
                return sd_bus_error_setf(error, JOBS_ERROR_UNAVAILABLE, "The request failed: %s.", strerror(-r));
        return sd_bus_error_setf(error, errors[-r - _JOB_ERROR_FIRST].name, errors[-r - _JOB_ERROR_FIRST].sentence,
                                 strempty(first), strempty(second));
}

int job_error_reply(sd_bus_message *call, int r, const char *first, const char *second) {
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;

        (void) job_error_set(&error, r, first, second);
        return sd_bus_reply_method_error(call, &error);
}

bool job_error_is_of_queue(int r) {
        switch (-r) {
        case JOB_ERROR_NO_QUEUE:
        case JOB_ERROR_QUEUE_NOT_ALLOWED:
        case JOB_ERROR_QUEUE_RUNTIME_MAX:
        case JOB_ERROR_QUEUE_OUTPUT_MAX:
        case JOB_ERROR_QUEUE_CLOSED:
        case JOB_ERROR_LAUNCHER_MISSING:
        case JOB_ERROR_LAUNCHER_LIMIT:
                return true;
        default:
                return false;
        }
}
