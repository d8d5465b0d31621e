/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

/* Removal of finished jobs: those older than an age, and the oldest of each user whose output exceeds a size in
 * total, except those not acknowledged in an inbox. With an age also the consumers of inboxes. Never one that has not
 * ended, and never because of jobs of other users. At the limit of stored jobs see enqueue.c. */

#include <systemd/sd-journal.h>

#include "core-internal.h"
#include "time-util.h"

#define RETENTION_USEC (600 * USEC_PER_SEC)

static void expire(Core *core);

void retention_removed(Core *core, char *const *ids, size_t n, const char *by) {
        for (size_t i = 0; i < n; i++) {
                (void) sd_journal_send("MESSAGE=%s: removed by %s.", ids[i], by,
                                       "PRIORITY=%i", LOG_INFO, "CODEX_JOB_ID=%s", ids[i], NULL);
                core_discard_files(core, ids[i]);
        }
        core->expired += n;
}

static void on_expired(int r, const StoreExpired *expired, void *userdata) {
        Core *core = userdata;

        if (r < 0) {
                sd_journal_print(LOG_WARNING, "Failed to remove old jobs: %s", strerror(-r));
                return;
        }
        retention_removed(core, expired->ids, expired->n, "retention");
        if (expired->n_consumers > 0)
                sd_journal_print(LOG_INFO, "Inboxes that were not read for the retention time: %zu forgotten.",
                                 expired->n_consumers);
        if ((expired->n > 0 || expired->n_consumers > 0) && !core->stopping) /* an operation processes a limited number */
                expire(core);
}

static void expire(Core *core) {
        uint64_t now = now_realtime(), age = core->config.retention_max_age_usec;
        uint64_t bytes = core->config.retention_max_bytes;
        int r;

        if (age == 0 && bytes == 0)
                return;
        r = store_expire(core->store, age > 0 && now > age ? now - age : 0, bytes, on_expired, core);
        if (r < 0)
                on_expired(r, NULL, core);
}

static int on_timer(sd_event_source *source, uint64_t usec, void *userdata) {
        int r;

        expire(userdata);
        r = sd_event_source_set_time_relative(source, RETENTION_USEC);
        return r < 0 ? r : sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
}

int retention_start(Core *core) {
        expire(core);
        return sd_event_add_time_relative(core->event, &core->retention_timer, CLOCK_MONOTONIC, RETENTION_USEC,
                                          USEC_PER_SEC, on_timer, core);
}
