/* SPDX-License-Identifier: Apache-2.0 */

#include "codex-options.h"

int codex_option(const Verb *verb, CodexOptions *o, int option) {
        switch (option) {
        case 'm':
                o->model = optarg;
                return 0;
        case OPTION_EFFORT:
                o->effort = optarg;
                return 0;
        case OPTION_READ_ONLY: /* Codex keeps its thread on disk; what it must not change its own sandbox guards */
                o->read_only = true;
                return 0;
        default:
                return stay_option(verb, &o->stay, &o->request, option);
        }
}

int codex_options_check(const Verb *verb, const CodexOptions *o) {
        if (o->stay.timeout_usec != USEC_INFINITY && o->stay.background && !o->stay.await)
                return usage_error(verb, "--timeout-ms with --background requires --await");
        if (o->stay.poll_usec > 0 && !o->stay.await)
                return usage_error(verb, "--poll-interval-ms requires --await");
        return 0;
}
