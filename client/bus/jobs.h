/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Asking the service for jobs: one by its id, or those that match. */

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

/* The places of its records, in an array that the caller frees; NULL: memory is short. */
const JobRecord **job_list_records(const JobList *list);

/* Appends what was asked for later, and empties it: of a job that is in both its later record stays. Returns 0 or
 * -ENOMEM, with neither list changed. */
int job_list_append(JobList *list, JobList *later);
#define _cleanup_job_list_ _cleanup_(job_list_clear)

#define JOB_STATE_BIT(state) (1U << (state))

typedef struct JobFilter {
        bool active; /* queued or running; with neither this nor ended nor states, all */
        bool ended;
        unsigned states; /* any of these, JOB_STATE_BIT() of each; leave the two above out then */
        uint64_t since_usec; /* handed over since then, CLOCK_REALTIME */
        const char *kind; /* NULL: any; likewise these */
        const char *workspace;
        const char *session;
        uint64_t limit; /* so many of the newest; 0: all */
} JobFilter;

/* A page of a list: what append_job_page() takes as argument, to call List with. */
typedef struct JobPage {
        const JobFilter *filter;
        const char *before; /* the id of the last of the page before; NULL: the first page */
        uint32_t limit;
} JobPage;

int append_job_page(sd_bus_message *m, void *job_page);

/* Each returns 0, or a negative errno with error set unless it is what client_iterate() returned. */
int job_get(Client *c, const char *id, JobRecord *ret, sd_bus_error *error);

/* Lists jobs, the newest first. */
int job_list(Client *c, const JobFilter *filter, JobList *ret, sd_bus_error *error);

/* Where a job was not found, makes the error name the nearest that there is, if one is near. c may be NULL. */
void job_suggest(Client *c, sd_bus_error *error);

/* Puts those of our session first, and keeps the order otherwise. How many these are: all where we are in none. */
size_t job_list_own_first(JobList *list);

/* Adds the jobs of an answer to a list. */
int job_list_read(sd_bus_message *m, JobList *list);

/* Of the workspace that the current directory is in: the jobs that are active, or those of our session (if we are in
 * one) that ended. */
int job_list_here(Client *c, bool active, JobList *ret, sd_bus_error *error);

/* Enqueues, or runs once more what the request names. Where it is not known whether the service recorded the job,
 * the error says so. */
int job_enqueue(Client *c, Request *request, char **ret_id, sd_bus_error *error);

/* Whether a word may be an id or the beginning of one, before anybody is asked. */
int check_id(const char *word, sd_bus_error *error);

/* What codex-jobs exits with for a job that ended so. */
int job_exit_status(const JobRecord *record);
