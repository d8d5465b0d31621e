/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

/* Files of jobs: their sizes, opening them for clients, syncing them at the end, deleting them. */

#include <fcntl.h>
#include <sys/eventfd.h>
#include <systemd/sd-journal.h>

#include "bus-names.h"
#include "core-internal.h"
#include "job-id.h"

/* The output of one that has never begun is empty. */
void job_update_sizes(Job *job) {
        if (job->phase == JOB_WAITING && !job->instance && !job->record.attempts)
                return;
        job->record.stdout_bytes = output_size(job->core->output, job->record.id, OUTPUT_STDOUT);
        job->record.stderr_bytes = output_size(job->core->output, job->record.id, OUTPUT_STDERR);
}

/* The files are created when a job starts: a queued one gets them now, so that its output can be followed; if it
 * never ran, or has no order, there is nothing to read. */
int job_open_output(Core *core, const Job *job, const JobRecord *record, OutputStream stream) {
        int fd = output_open_reader(core->output, record->id, stream), r;

        if (fd != -ENOENT)
                return fd;
        if (job && job->phase < JOB_COLLECTING) {
                r = output_create(core->output, record->id);
                return r < 0 ? r : output_open_reader(core->output, record->id, stream);
        }
        if ((stream == OUTPUT_STDOUT && record->stdout_bytes > 0) || (stream == OUTPUT_STDERR && record->stderr_bytes > 0))
                return -ENOENT;
        return output_open_empty();
}

static bool is_over(const Job *job) {
        return job->phase >= JOB_COLLECTING && job->phase != JOB_RETRYING && !job_is_to_retry(job);
}

/* All followers share it: nobody reads it, each waits for an edge. */
int job_open_growth(Job *job) {
        int fd;

        if (!job || is_over(job)) { /* it has grown for the last time */
                fd = eventfd(1, EFD_CLOEXEC | EFD_NONBLOCK);
                return fd < 0 ? -errno : fd;
        }
        if (job->phase == JOB_ACTIVE && !*job->secret)
                return -EOPNOTSUPP;
        if (job->growth_fd < 0) {
                job->growth_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
                if (job->growth_fd >= 0 && job->link)
                        worker_link_follow(job->link, job->growth_fd);
        }
        fd = fcntl(job->growth_fd, F_DUPFD_CLOEXEC, 3);
        return fd < 0 ? -errno : fd;
}

/* --- operations on the threads ---------------------------------------------------------------------- */

/* An operation on the files of one job. */
typedef struct FilesOp {
        BackgroundOp base; /* first */
        Core *core;
        char id[JOB_ID_MAX + 1];
        Job *job; /* NULL: delete its files */
        CollectedCallback done;
        char *text; /* of its result */
        size_t size;
        int result;
} FilesOp;

void job_files_run_batch(BackgroundBatch *batch, void *userdata) {
        Output *output = userdata;
        BackgroundOp *op;

        TAILQ_FOREACH(op, batch, entry) {
                FilesOp *f = (FilesOp *) op;

                if (f->job)
                        f->result = output_collect(output, f->id, JOB_RESULT_MAX, &f->text, &f->size);
                else
                        output_remove(output, f->id);
        }
}

static void on_files_done(BackgroundOp *base) {
        _cleanup_free_ FilesOp *f = (FilesOp *) base;

        if (f->job)
                f->done(f->job, f->result, f->text, f->size);
        else if (f->core->store)
                (void) store_forget(f->core->store, f->id);
}

static int submit(Core *core, Background *thread, const char *id, Job *job, CollectedCallback done) {
        FilesOp *f;

        f = calloc(1, sizeof(*f));
        if (!f)
                return -ENOMEM;
        f->base.complete = on_files_done;
        f->core = core;
        f->job = job;
        f->done = done;
        (void) snprintf(f->id, sizeof(f->id), "%s", id);
        background_submit(thread, &f->base);
        return 0;
}

int job_files_collect(Job *job, Background *thread, CollectedCallback done) {
        return submit(job->core, thread, job->record.id, job, done);
}

void core_discard_files(Core *core, const char *id) {
        int r;

        if (!core->bulk) /* the service is stopping; the store remembers it */
                return;
        r = submit(core, core->bulk, id, NULL, NULL);
        if (r < 0)
                sd_journal_print(LOG_ERR, "Failed to delete output of %s, retrying at the next start: %s", id, strerror(-r));
}
