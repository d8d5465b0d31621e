/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

#include "codex-options.h"
#include "notify-thread.h"
#include "say.h"

int codex_option(const Verb *verb, CodexOptions *o, int option) {
        switch (option) {
        case 'm':
                o->model = optarg;
                return 0;
        case OPTION_EFFORT:
                o->effort = optarg;
                return 0;
        case OPTION_NOTIFY_THREAD:
                o->notify_thread = true;
                o->thread = optarg;
                return 0;
        case OPTION_WAIT:
                o->wait = true;
                return 0;
        case OPTION_READ_ONLY: /* Codex keeps its thread on disk; what it must not change its own sandbox guards */
                o->read_only = true;
                return 0;
        default:
                return stay_option(verb, &o->stay, &o->request, option);
        }
}

static int find_notify_thread(const Verb *verb, CodexOptions *o) {
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
        int r;

        if (!o->stay.background || o->stay.await)
                return usage_error(verb, "--notify-thread requires --background, without a wait");
        r = notify_thread_find(o->thread, &o->stay.notify_thread, &error);
        return r < 0 ? say_error(&error, r) : 0;
}

int codex_options_check(const Verb *verb, CodexOptions *o) {
        o->stay.await |= o->stay.background && o->wait;
        if (o->stay.timeout_usec != USEC_INFINITY && o->stay.background && !o->stay.await)
                return usage_error(verb, "--timeout-ms with --background requires --await");
        if (o->stay.poll_usec > 0 && !o->stay.await)
                return usage_error(verb, "--poll-interval-ms requires --await");
        /* Agents may run these verbs without a question, as Codex has a sandbox of its own. It would not hold what is
         * made to run by LD_PRELOAD or the like. */
        if (session_here() && (o->request.n_environment > 0 || o->request.clean_environment))
                return usage_error(verb, "--env and --clean-env cannot be used in the session of an agent");
        return o->notify_thread ? find_notify_thread(verb, o) : 0;
}
