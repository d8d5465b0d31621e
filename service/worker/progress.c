/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

/* Notifications of the job, and detection of a stalled job, see supervise.h. */

#include "supervise.h"

#define PROGRESS_USEC (250 * USEC_PER_MSEC) /* between two progress reports */
#define NOTIFICATIONS_MAX 512U         /* more than a socket holds */

void progress_saw_activity(Worker *w, uint64_t now) {
        uint64_t stall = w->description->trailer.stall_usec;

        w->stall_time = stall > 0 && w->phase == RUNNING ? now + stall : 0;
}

/* Every message counts as activity, unless it repeats the previous one. Messages of processes left behind are
 * ignored. Returns whether there was one. */
bool progress_read(Worker *w, uint64_t now) {
        char text[WORKER_TEXT_MAX];
        size_t size;
        int r;

        r = folder_read_notification(&w->folder, text, &size);
        if (r <= 0)
                return r == 0;
        if (size == w->link.progress_size && memcmp(text, w->link.progress, size) == 0)
                return true;
        progress_saw_activity(w, now);
        if (size == SIZE_MAX || w->code != 0)
                return true;
        memcpy(w->link.progress, text, size);
        w->link.progress_size = size;
        w->progress_time = MAX(w->progress_sent + PROGRESS_USEC, now);
        return true;
}

void progress_read_all(Worker *w, uint64_t now) {
        for (unsigned i = 0; i < NOTIFICATIONS_MAX && progress_read(w, now); i++)
                ;
}

void progress_send(Worker *w, uint64_t now) {
        w->progress_time = 0;
        w->progress_sent = now;
        w->link.progress_due = true;
}
