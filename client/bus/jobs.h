/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */
#pragma once

/* Requests for jobs: one by its ID, or all that match a filter. */

#include "client-bus.h"
#include "job-record.h"
#include "request.h"

typedef struct JobList {
        JobRecord *records;
        size_t n;
} JobList;

void job_list_clear(JobList *list);
void job_list_move(JobList *from, JobList *to); /* overwrites to, empties from */
bool job_list_has(const JobList *list, const char *id);

/* The indices of its records, in an array that the caller frees; NULL: out of memory. */
const JobRecord **job_list_records(const JobList *list);

/* Appends a newer list and empties it. Of a job in both lists the newer record is kept. Returns 0 or -ENOMEM, with both
 * lists unchanged. */
int job_list_append(JobList *list, JobList *later);
#define _cleanup_job_list_ _cleanup_(job_list_clear)

#define JOB_STATE_BIT(state) (1U << (state))

typedef struct JobFilter {
        bool active; /* queued or running; all jobs if none of this, ended and states is set */
        bool ended;
        unsigned states; /* any of these, JOB_STATE_BIT() of each; not combined with the two above */
        uint64_t since_usec; /* submitted since then, CLOCK_REALTIME */
        const char *kind; /* NULL: any; likewise these */
        const char *workspace;
        const char *session;
        uint64_t limit; /* at most this many of the newest; 0: all */
} JobFilter;

/* A page of a list: the argument of append_job_page(), for List. */
typedef struct JobPage {
        const JobFilter *filter;
        const char *before; /* the last ID of the page before; NULL: the first page */
        uint32_t limit;
} JobPage;

int append_job_page(sd_bus_message *m, void *job_page);

/* Each returns 0, or a negative errno with error set unless it is from client_iterate(). */
int job_get(Client *c, const char *id, JobRecord *ret, sd_bus_error *error);

/* Lists jobs, the newest first. */
int job_list(Client *c, const JobFilter *filter, JobList *ret, sd_bus_error *error);

/* If a job was not found, adds the most similar ID to the error, if any. c may be NULL. */
void job_suggest(Client *c, sd_bus_error *error);

/* Moves jobs of our session to the front, keeping the order otherwise. Returns their number, which is that of all jobs
 * outside of a session. */
size_t job_list_own_first(JobList *list);

/* Adds the jobs of a reply to a list. */
int job_list_read(sd_bus_message *m, JobList *list);

/* Jobs of the workspace of the current directory: active ones, or finished ones of our session, if any. */
int job_list_here(Client *c, bool active, JobList *ret, sd_bus_error *error);

/* Submits a job, or a retry of the job in the request. If it is unknown whether the service recorded the job, the error
 * says that. */
int job_enqueue(Client *c, Spec *request, char **ret_id, sd_bus_error *error);

/* Checks whether a word can be an ID or a prefix of one, without calling the service. */
int check_id(const char *word, sd_bus_error *error);

/* The exit status of codex-jobs for a finished job. */
int job_exit_status(const JobRecord *record);
