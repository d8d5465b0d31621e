/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Why a request is refused, where no errno says so: functions return these negative, as they do errnos, which are smaller. */
enum {
        JOB_ERROR_STDIN_TOO_LARGE = 10000,
        JOB_ERROR_USER_QUEUE_FULL,
        JOB_ERROR_QUEUE_FULL,
};
