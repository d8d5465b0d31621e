/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

#include "output.h"
#include "page.h"
#include "report.h"
#include "text-new.h"
#include "utf8.h"

#define READ_USEC (4 * USEC_PER_SEC) /* then the output is left out */
#define TOTAL_MAX 262144U            /* bytes of the output of all jobs */
#define ANSWER_MAX 24576U            /* bytes of the answer of an agent, which is what the job is for */
#define LABEL_MAX 200

/* The end of one of the streams of a job. */
typedef struct Tail {
        Report *report;
        OutputName name;
        size_t max;
        Call *call;
        Page page; /* without a text: it was not read */
} Tail;

typedef struct ReportedJob {
        JobRecord record;
        Tail out, err;
} ReportedJob;

struct Report {
        Mcp *mcp; /* not owned */
        ReportedJob *jobs;
        size_t n, n_calls;
        bool done;
        char *note; /* NULL: none */
        bool begun; /* all calls were made */
        sd_event_source *deadline;
        report_done_t made;
        void *userdata; /* not owned */
};

/* ---- JSON ---- */

static int add_tail(json_object *o, const Tail *tail, const char *bytes_name, uint64_t bytes) {
        int r = 0;

        if (!isempty(tail->page.text))
                r = json_add_string(o, tail->name.stream, tail->page.text);
        if (r >= 0 && bytes > 0)
                r = json_add_number(o, bytes_name, bytes);
        return r;
}

static int add_label(json_object *o, const char *label) {
        size_t n = utf8_truncate(label, strlen(label), LABEL_MAX);
        _cleanup_free_ char *text = NULL;

        if (n == 0)
                return 0;
        text = strndup(label, n);
        return text ? json_add_clean_line(o, "label", text) : -ENOMEM;
}

static int add_state(json_object *o, const JobRecord *record) {
        int r;

        r = json_add_string(o, "id", record->id);
        if (r >= 0)
                r = json_add_string(o, "state", job_state_to_string(record->state));
        if (r >= 0 && record->reason != JOB_REASON_NONE)
                r = json_add_string(o, "reason", job_reason_to_string(record->reason));
        if (r >= 0 && record->exit_code >= 0)
                r = json_add(o, "exit_code", json_object_new_int(record->exit_code));
        if (r >= 0)
                r = add_label(o, strempty(record->label));
        if (r >= 0 && !job_state_is_terminal(record->state) && !isempty(record->progress))
                r = json_add_clean_line(o, "progress", record->progress);
        if (r >= 0 && record->started_usec > 0 && record->finished_usec >= record->started_usec)
                r = json_add_number(o, "duration_ms", (record->finished_usec - record->started_usec) / USEC_PER_MSEC);
        return r;
}

static json_object *job_object(const ReportedJob *job) {
        _cleanup_json_ json_object *o = json_object_new_object();
        int r = o ? add_state(o, &job->record) : -ENOMEM;

        if (r >= 0)
                r = add_tail(o, &job->out, "stdout_bytes", job->record.stdout_bytes);
        if (r >= 0)
                r = add_tail(o, &job->err, "stderr_bytes", job->record.stderr_bytes);
        if (r >= 0 && !isempty(job->record.result))
                r = json_add_object_text(o, "result", job->record.result);
        return r < 0 ? NULL : TAKE_PTR(o);
}

/* A call of await for all that have not ended. */
static int add_await(const Report *report, json_object *next) {
        _cleanup_text_stream_ TextStream s = {};
        FILE *f = text_stream_open(&s);
        size_t n = 0;

        if (!f)
                return -ENOMEM;
        for (size_t i = 0; i < report->n; i++)
                if (!job_state_is_terminal(report->jobs[i].record.state))
                        (void) fprintf(f, "%s\"%s\"", n++ > 0 ? "," : "await {\"ids\":[", report->jobs[i].record.id);
        (void) fputs("]}", f);
        if (text_stream_close(&s) < 0)
                return -ENOMEM;
        return n > 0 ? json_append(next, json_object_new_string(s.text)) : 0;
}

static int add_output_call(const Tail *tail, json_object *next) {
        _cleanup_free_ char *text = NULL;

        if (tail->page.from == 0)
                return 0;
        text = text_new("output {\"id\":\"%s\",\"stream\":\"%s\",\"offset\":0}", tail->name.id,
                        tail->name.stream);
        if (!text)
                return -ENOMEM;
        return json_append(next, json_object_new_string(text));
}

static int fill(const Report *report, json_object *o) {
        json_object *jobs = json_object_new_array(), *next = json_object_new_array();
        int r;

        r = json_add(o, "jobs", jobs);
        if (r < 0) {
                (void) json_object_put(next);
                return r;
        }
        r = json_add(o, "next", next);
        if (r >= 0)
                r = json_add_bool(o, "done", report->done);
        if (r >= 0 && report->note)
                r = json_add_clean_line(o, "note", report->note);
        for (size_t i = 0; i < report->n && r >= 0; i++)
                r = json_append(jobs, job_object(&report->jobs[i]));
        if (r >= 0)
                r = add_await(report, next);
        for (size_t i = 0; i < report->n && r >= 0; i++) {
                r = add_output_call(&report->jobs[i].out, next);
                if (r >= 0)
                        r = add_output_call(&report->jobs[i].err, next);
        }
        return r;
}

static void finish(Report *report) {
        _cleanup_json_ json_object *o = json_object_new_object();

        report->deadline = sd_event_source_disable_unref(report->deadline);
        if (o && fill(report, o) < 0) {
                (void) json_object_put(o);
                o = NULL;
        }
        report->made(TAKE_PTR(o), report->userdata);
}

static json_object *fill_result(json_object *result, json_object *content, json_object *structured) {
        const char *text = json_object_to_json_string_ext(structured,
                                                          JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE);

        if (!text || json_append(content, json_text_block(text)) < 0 ||
            json_add(result, "content", json_object_get(content)) < 0 ||
            json_add(result, "structuredContent", json_object_get(structured)) < 0)
                return NULL;
        return json_object_get(result);
}

json_object *report_result(json_object *structured) {
        _cleanup_json_ json_object *owned = structured, *content = json_object_new_array();
        _cleanup_json_ json_object *result = json_object_new_object();

        return owned && result && content ? fill_result(result, content, owned) : NULL;
}

json_object *report_result_of_task(json_object *structured) {
        _cleanup_json_ json_object *result = report_result(structured);

        return result && json_add_string(result, "resultType", "complete") >= 0 ? TAKE_PTR(result) : NULL;
}

/* ---- Output ---- */

/* Output that cannot be read, as of a job that was just removed, is left out. */
static void on_opened(sd_bus_message *reply, const sd_bus_error *error, void *userdata) {
        _cleanup_close_ int fd = -EBADF;
        Tail *tail = userdata;
        Report *report = tail->report;

        tail->call = call_free(tail->call);
        report->n_calls--;
        if (!error && output_take_fd(reply, &fd) >= 0)
                (void) page_read(fd, PAGE_TAIL, tail->max, &tail->page);
        if (report->begun && report->n_calls == 0)
                finish(report);
}

static int on_deadline(sd_event_source *s, uint64_t usec, void *userdata) {
        finish(userdata);
        return 0;
}

static int tail_open(Tail *tail, Report *report, const char *id, const char *stream, uint64_t bytes, uint64_t max) {
        int r;

        *tail = (Tail) { .report = report, .name = { .id = id, .stream = stream }, .max = (size_t) max };
        if (bytes == 0 || max == 0)
                return 0;
        r = call_new(report->mcp->client, &tail->call, CALL_PATIENT, "OpenOutput", append_output, &tail->name,
                     on_opened, tail);
        if (r >= 0)
                report->n_calls++;
        return r;
}

/* What an agent answered is shown in full, if it is of a usual length. */
static bool is_of_agent(const JobRecord *record) {
        return streq(strempty(record->kind), "task") || streq(strempty(record->kind), "review") ||
                streq(strempty(record->kind), "adversarial-review");
}

static int open_tails(Report *report, ReportedJob *job, uint64_t bytes) {
        const JobRecord *record = &job->record;
        bool ended = job_state_is_terminal(record->state);
        uint64_t of_out = bytes - bytes / 3;
        int r;

        if (bytes == REPORT_BYTES && is_of_agent(record))
                of_out = ANSWER_MAX;
        r = tail_open(&job->out, report, record->id, "stdout", ended ? record->stdout_bytes : 0, of_out);
        if (r >= 0)
                r = tail_open(&job->err, report, record->id, "stderr", ended ? record->stderr_bytes : 0, bytes / 3);
        return r;
}

/* ---- The object ---- */

static int report_begin(Report *report, const JobRecord *const *records, size_t n, uint64_t bytes) {
        int r = 0;

        for (; report->n < n && r >= 0; report->n++) {
                report->jobs[report->n].record = JOB_RECORD_INIT;
                r = job_record_copy(records[report->n], &report->jobs[report->n].record);
        }
        for (size_t i = 0; i < n && r >= 0; i++)
                r = open_tails(report, &report->jobs[i], bytes);
        if (r >= 0 && report->n_calls > 0)
                r = sd_event_add_time_relative(report->mcp->event, &report->deadline, CLOCK_MONOTONIC, READ_USEC, 0,
                                               on_deadline, report);
        return r;
}

int report_new(Mcp *mcp, const JobRecord *const *records, size_t n, const ReportOptions *options, report_done_t made,
               void *userdata, Report **ret) {
        _cleanup_(report_freep) Report *report = malloc(sizeof(Report));
        Report *taken;
        int r;

        if (!report)
                return -ENOMEM;
        *report = (Report) { .mcp = mcp, .done = options->done, .made = made, .userdata = userdata };
        report->jobs = calloc(MAX(n, (size_t) 1), sizeof(ReportedJob));
        report->note = options->note ? strdup(options->note) : NULL;
        if (!report->jobs || (options->note && !report->note))
                return -ENOMEM;
        r = report_begin(report, records, n, n > 0 ? MIN(options->bytes, TOTAL_MAX / n) : 0);
        if (r < 0)
                return r;
        report->begun = true;
        *ret = taken = TAKE_PTR(report);
        if (taken->n_calls == 0)
                finish(taken);
        return 0;
}

Report *report_free(Report *report) {
        if (!report)
                return NULL;
        for (size_t i = 0; i < report->n; i++) {
                ReportedJob *job = &report->jobs[i];

                (void) call_free(job->out.call);
                (void) call_free(job->err.call);
                page_clear(&job->out.page);
                page_clear(&job->err.page);
                job_record_clear(&job->record);
        }
        free(report->jobs);
        free(report->note);
        (void) sd_event_source_disable_unref(report->deadline);
        free(report);
        return NULL;
}
