/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

#include "stay.h"

int stay_option(const Verb *verb, Stay *stay, RequestOptions *request, int option) {
        switch (option) {
        case OPTION_BACKGROUND:
                stay->background = true;
                return 0;
        case OPTION_AWAIT:
                stay->await = true;
                return 0;
        case OPTION_TIMEOUT_MS:
                return option_timeout(verb, &stay->timeout_usec);
        case OPTION_POLL_INTERVAL_MS:
                return option_poll_interval(verb, &stay->poll_usec);
        default:
                return request_option(verb, request, option);
        }
}
