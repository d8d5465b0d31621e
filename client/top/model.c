/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

#include "bus-names.h"
#include "jobs.h"
#include "model.h"
#include "own-queue.h"

#define ENDED_MAX 100U
#define PAGE_SIZE 100U
#define REST_USEC (200 * USEC_PER_MSEC) /* jobs are read at most that often */
#define READS_MAX 32U                   /* more jobs than that at a time are listed */

/* A job that is to be read, or is being read. */
typedef struct Read {
        struct Model *model;
        char *id;
        Call *call; /* NULL: it is due */
        bool again; /* the answer that is under way may be too old */
} Read;

struct Model {
        Client *client; /* not owned */
        void (*changed)(void *userdata);
        void *userdata;

        TopJob **jobs;
        size_t n_jobs;
        bool loaded;
        bool stale; /* to be listed anew */

        Read **reads;
        size_t n_reads;
        sd_event_source *rest; /* enabled while nothing is read, however much changes */

        sd_event_source *reload; /* runs after the caller has returned */
        JobList list;            /* the list so far */
        JobFilter filter;
        JobPage page;
        Call *listing;

        Call *queue;
        bool queue_again;
        bool paused;
};

static void list_page(Model *m);
static void reads_begin(Model *m);

static void model_fail(Model *m, int r, const sd_bus_error *error) {
        client_stop(m->client, r, error);
}

/* ---- The table ---- */

static int rank(const JobRecord *record) {
        return record->state == JOB_RUNNING ? 0 : record->state == JOB_QUEUED ? 1 : 2;
}

static int compare_numbers(uint64_t a, uint64_t b) {
        return a < b ? -1 : a > b;
}

static int compare_jobs(const void *a, const void *b) {
        const JobRecord *x = &(*(TopJob *const *) a)->record, *y = &(*(TopJob *const *) b)->record;
        int r = rank(x) - rank(y);

        if (r == 0 && x->state == JOB_RUNNING)
                r = compare_numbers(x->started_usec, y->started_usec);
        if (r == 0 && x->state == JOB_QUEUED)
                r = (y->priority > x->priority) - (y->priority < x->priority);
        if (r == 0 && job_state_is_terminal(x->state))
                r = compare_numbers(y->sequence, x->sequence);
        if (r == 0)
                r = compare_numbers(x->created_usec, y->created_usec);
        return r ?: strcmp(x->id, y->id);
}

static TopJob *top_job_free(TopJob *job) {
        if (!job)
                return NULL;
        job_record_clear(&job->record);
        usage_clear(&job->usage);
        free(job);
        return NULL;
}

static TopJob **find_job(Model *m, const char *id) {
        for (size_t i = 0; i < m->n_jobs; i++)
                if (streq(m->jobs[i]->record.id, id))
                        return &m->jobs[i];
        return NULL;
}

static void drop_job(Model *m, const char *id) {
        TopJob **job = find_job(m, id);

        if (!job)
                return;
        (void) top_job_free(*job);
        *job = m->jobs[--m->n_jobs];
}

/* Takes the record, and leaves an empty one. */
static int put_job(Model *m, JobRecord *record) {
        TopJob **found = find_job(m, record->id), **jobs;

        if (!found) {
                jobs = reallocarray(m->jobs, m->n_jobs + 1, sizeof(TopJob *));
                if (!jobs)
                        return -ENOMEM;
                m->jobs = jobs;
                found = &jobs[m->n_jobs];
                *found = calloc(1, sizeof(TopJob));
                if (!*found)
                        return -ENOMEM;
                m->n_jobs++;
        }
        job_record_clear(&(*found)->record);
        (*found)->record = job_record_take(record);
        if ((*found)->record.state != JOB_RUNNING)
                usage_clear(&(*found)->usage);
        return 0;
}

/* Finished jobs are last, the oldest at the very end. */
static void settle(Model *m) {
        size_t ended = 0;

        if (m->n_jobs > 0)
                qsort(m->jobs, m->n_jobs, sizeof(TopJob *), compare_jobs);
        for (size_t i = 0; i < m->n_jobs; i++)
                ended += rank(&m->jobs[i]->record) == 2;
        for (; ended > ENDED_MAX; ended--)
                (void) top_job_free(m->jobs[--m->n_jobs]);
        m->changed(m->userdata);
}

/* ---- The queue ---- */

static void on_queue(sd_bus_message *reply, const sd_bus_error *error, void *userdata) {
        OwnQueue queue = {};
        Model *m = userdata;

        m->queue = call_free(m->queue);
        if (!error) /* an older service cannot pause */
                (void) own_queue_read(reply, &queue);
        if (queue.paused != m->paused) {
                m->paused = queue.paused;
                m->changed(m->userdata);
                model_reload(m); /* queued jobs wait for something else now */
        }
        if (m->queue_again)
                model_read_queue(m);
}

void model_read_queue(Model *m) {
        int r;

        m->queue_again = m->queue;
        if (m->queue)
                return;
        r = call_new(m->client, &m->queue, CALL_AGAIN, "GetQueue", append_nothing, NULL, on_queue, m);
        if (r < 0)
                model_fail(m, r, NULL);
}

/* ---- Reading one ---- */

static Read *read_free(Read *read) {
        (void) call_free(read->call);
        free(read->id);
        free(read);
        return NULL;
}

static void drop_reads(Model *m) {
        while (m->n_reads > 0)
                (void) read_free(m->reads[--m->n_reads]);
}

static void forget_read(Model *m, Read *read) {
        for (size_t i = 0; i < m->n_reads; i++)
                if (m->reads[i] == read) {
                        m->reads[i] = m->reads[--m->n_reads];
                        (void) read_free(read);
                        return;
                }
}

static void on_got(sd_bus_message *reply, const sd_bus_error *error, void *userdata) {
        _cleanup_job_record_ JobRecord record = JOB_RECORD_INIT;
        Read *read = userdata;
        Model *m = read->model;
        bool again = read->again;
        int r = 0;

        read->call = call_free(read->call);
        read->again = false;
        if (error && sd_bus_error_has_name(error, JOBS_ERROR_NO_SUCH_JOB)) /* removed, or not our own */
                drop_job(m, read->id);
        else if (error) {
                model_fail(m, -EREMOTEIO, error);
                return;
        } else {
                r = job_record_read(reply, &record);
                if (r >= 0)
                        r = put_job(m, &record);
        }
        if (!again)
                forget_read(m, read);
        if (r < 0)
                model_fail(m, r, NULL);
        else
                settle(m);
        if (again)
                reads_begin(m);
}

static int on_rested(sd_event_source *s, uint64_t usec, void *userdata) {
        Model *m = userdata;

        m->rest = sd_event_source_disable_unref(m->rest);
        reads_begin(m);
        return 0;
}

/* Reads the jobs that changed, unless there are so many that a list is cheaper. */
static void reads_begin(Model *m) {
        size_t due = 0;
        int r = 0;

        for (size_t i = 0; i < m->n_reads; i++)
                due += !m->reads[i]->call;
        if (due == 0 || m->rest || m->listing || m->stale)
                return;
        if (due > READS_MAX) {
                model_reload(m);
                return;
        }
        for (size_t i = 0; i < m->n_reads && r >= 0; i++)
                if (!m->reads[i]->call)
                        r = call_new(m->client, &m->reads[i]->call, CALL_PATIENT, "Get", append_string,
                                     m->reads[i]->id, on_got, m->reads[i]);
        model_read_queue(m); /* there is no signal for a pause by others */
        if (r >= 0)
                r = sd_event_add_time_relative(client_event(m->client), &m->rest, CLOCK_MONOTONIC, REST_USEC, 0,
                                               on_rested, m);
        if (r < 0)
                model_fail(m, r, NULL);
}

static int add_read(Model *m, const char *id) {
        Read **reads = reallocarray(m->reads, m->n_reads + 1, sizeof(Read *)), *read;

        if (!reads)
                return -ENOMEM;
        m->reads = reads;
        read = malloc(sizeof(Read));
        if (!read)
                return -ENOMEM;
        *read = (Read) { .model = m, .id = strdup(id) };
        if (!read->id) {
                free(read);
                return -ENOMEM;
        }
        m->reads[m->n_reads++] = read;
        return 0;
}

/* The job changed. Signals of others arrive as well: only a new one may turn out to be our own, and while jobs are
 * listed any. */
static void touch(Model *m, const char *id, bool is_new) {
        int r = 0;

        for (size_t i = 0; i < m->n_reads; i++)
                if (streq(m->reads[i]->id, id)) {
                        m->reads[i]->again = m->reads[i]->call;
                        return;
                }
        if (is_new || m->listing || find_job(m, id))
                r = add_read(m, id);
        if (r < 0)
                model_fail(m, r, NULL);
        else
                reads_begin(m);
}

/* ---- Listing ---- */

static void listed(Model *m) {
        int r = 0;

        for (size_t i = 0; i < m->n_jobs; i++)
                m->jobs[i]->record.sequence = UINT64_MAX; /* marks those that are not listed any more */
        for (size_t i = 0; i < m->list.n && r >= 0; i++)
                r = put_job(m, &m->list.records[i]);
        for (size_t i = m->n_jobs; i-- > 0;)
                if (m->jobs[i]->record.sequence == UINT64_MAX)
                        drop_job(m, m->jobs[i]->record.id);
        job_list_clear(&m->list);
        m->loaded = true;
        if (r < 0)
                model_fail(m, r, NULL);
        settle(m);
        reads_begin(m);
}

static void on_listed(sd_bus_message *reply, const sd_bus_error *error, void *userdata) {
        Model *m = userdata;
        size_t before = m->list.n;
        int r;

        m->listing = call_free(m->listing);
        if (error) {
                model_fail(m, -EREMOTEIO, error);
                return;
        }
        r = job_list_read(reply, &m->list);
        if (r < 0) {
                model_fail(m, r, NULL);
                return;
        }
        if (m->filter.active && m->list.n - before == m->page.limit)
                m->page.before = m->list.records[m->list.n - 1].id;
        else if (m->filter.active) {
                m->filter = (JobFilter) { .ended = true };
                m->page = (JobPage) { .filter = &m->filter, .limit = ENDED_MAX };
        } else {
                listed(m);
                return;
        }
        list_page(m);
}

static void list_page(Model *m) {
        int r;

        r = call_new(m->client, &m->listing, CALL_PATIENT, "List", append_job_page, &m->page, on_listed, m);
        if (r < 0)
                model_fail(m, r, NULL);
}

/* Active jobs first: those that finish meanwhile are then found among the finished ones. */
static int on_reload(sd_event_source *s, void *userdata) {
        Model *m = userdata;

        m->stale = false;
        m->listing = call_free(m->listing);
        job_list_clear(&m->list);
        drop_reads(m);
        m->filter = (JobFilter) { .active = true };
        m->page = (JobPage) { .filter = &m->filter, .limit = PAGE_SIZE };
        list_page(m);
        model_read_queue(m);
        return 0;
}

/* Not at once: the caller may be the handler of a reply, or walk along the calls, which are dropped. */
void model_reload(Model *m) {
        int r;

        m->stale = true;
        if (m->reload)
                r = sd_event_source_set_enabled(m->reload, SD_EVENT_ONESHOT);
        else
                r = sd_event_add_defer(client_event(m->client), &m->reload, on_reload, m);
        if (r < 0)
                model_fail(m, r, NULL);
}

/* ---- Signals ---- */

static int on_signal(sd_bus_message *message, void *userdata, sd_bus_error *ret_error) {
        const char *path = sd_bus_message_get_path(message), *text = NULL;
        _cleanup_free_ char *id = NULL;
        Model *m = userdata;
        bool is_new = false;

        if (sd_bus_message_is_signal(message, JOBS_INTERFACE, "JobFinished")) {
                if (sd_bus_message_read_basic(message, 's', &text) >= 0)
                        touch(m, text, false);
                return 0;
        }
        if (sd_bus_message_is_signal(message, "org.freedesktop.DBus.ObjectManager", "InterfacesAdded")) {
                is_new = true;
                if (sd_bus_message_read_basic(message, 'o', &path) < 0)
                        return 0;
        } else if (!sd_bus_message_is_signal(message, "org.freedesktop.DBus.Properties", "PropertiesChanged"))
                return 0;
        if (path && sd_bus_path_decode(path, JOB_PATH_PREFIX, &id) > 0)
                touch(m, id, is_new);
        else if (!is_new)
                model_read_queue(m);
        return 0;
}

static void on_missed(void *userdata) {
        Model *m = userdata;

        m->loaded = false;
        for (size_t i = 0; i < m->n_jobs; i++)
                usage_clear(&m->jobs[i]->usage); /* calls on that connection get no reply */
        model_reload(m);
        m->changed(m->userdata);
}

/* ---- The object ---- */

int model_new(Client *c, void (*changed)(void *userdata), void *userdata, Model **ret) {
        _cleanup_(model_freep) Model *m = NULL;
        int r;

        m = malloc(sizeof(Model));
        if (!m)
                return -ENOMEM;
        *m = (Model) { .client = c, .changed = changed, .userdata = userdata };
        r = client_match(c, "type='signal',sender='" JOBS_BUS_NAME "',path_namespace='" JOBS_PATH "'", on_signal, m);
        if (r >= 0)
                r = client_watch_service(c, on_missed, m);
        if (r < 0)
                return r;
        model_reload(m);
        *ret = TAKE_PTR(m);
        return 0;
}

Model *model_free(Model *m) {
        if (!m)
                return NULL;
        drop_reads(m);
        free(m->reads);
        (void) sd_event_source_disable_unref(m->rest);
        (void) sd_event_source_disable_unref(m->reload);
        (void) call_free(m->listing);
        (void) call_free(m->queue);
        job_list_clear(&m->list);
        for (size_t i = 0; i < m->n_jobs; i++)
                (void) top_job_free(m->jobs[i]);
        free(m->jobs);
        free(m);
        return NULL;
}

TopJob *const *model_jobs(const Model *m, size_t *ret_n) {
        *ret_n = m->n_jobs;
        return m->jobs;
}

bool model_is_loaded(const Model *m) {
        return m->loaded;
}

bool model_is_paused(const Model *m) {
        return m->paused;
}
