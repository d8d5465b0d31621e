/* SPDX-License-Identifier: Apache-2.0 */

/* What the job says of itself, and whether it is alive, see supervise.h. */

#include "supervise.h"

#define PROGRESS_USEC (250 * USEC_PER_MSEC) /* between two reports of it */
#define NOTIFICATIONS_MAX 512U         /* more than a socket takes */

void progress_saw_activity(Worker *w, uint64_t now) {
        uint64_t stall = w->description->trailer.stall_usec;

        w->stall_time = stall > 0 && w->phase == RUNNING ? now + stall : 0;
}

/* Every message is a sign of life, but what it has said before. What is left behind has nothing to say any more. Returns
 * whether there was one. */
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
