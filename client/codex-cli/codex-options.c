/* SPDX-License-Identifier: Apache-2.0 */

#include "codex-options.h"
#include "foreground.h"

#define TIMEOUT_DEFAULT (6 * 3600 * USEC_PER_SEC)

int codex_option(const Verb *verb, CodexOptions *o, int option) {
        switch (option) {
        case OPTION_BACKGROUND:
                o->background = true;
                return 1;
        case OPTION_AWAIT:
                o->await = true;
                return 1;
        case 'm':
                o->model = optarg;
                return 1;
        case OPTION_EFFORT:
                o->effort = optarg;
                return 1;
        case OPTION_TIMEOUT_MS:
                return option_milliseconds(verb, "timeout-ms", &o->timeout_usec) < 0 ? -EINVAL : 1;
        case OPTION_POLL_INTERVAL_MS:
                return option_milliseconds(verb, "poll-interval-ms", &o->poll_usec) < 0 ? -EINVAL : 1;
        case OPTION_READ_ONLY: /* Codex keeps its thread on disk; what it must not change its own sandbox guards */
                o->read_only = true;
                return 1;
        default:
                return request_option(verb, &o->request, option);
        }
}

int codex_options_check(const Verb *verb, const CodexOptions *o) {
        if (o->timeout_usec != USEC_INFINITY && o->background && !o->await)
                return usage_error(verb, "--timeout-ms with --background requires --await");
        if (o->poll_usec > 0 && !o->await)
                return usage_error(verb, "--poll-interval-ms requires --await");
        return 0;
}

int codex_run(const CodexOptions *o, const Common *common, Request *request) {
        uint64_t timeout_usec = o->timeout_usec == USEC_INFINITY ? TIMEOUT_DEFAULT : o->timeout_usec;

        if (o->await)
                return run_and_await(common, request, timeout_usec, o->poll_usec);
        if (o->background)
                return run_in_background(common, request, true);
        return run_in_foreground(common, request, timeout_usec);
}
