/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Answers as one JSON document. */

#include "job-record.h"
#include "own-queue.h"

typedef enum Answer {
        ANSWER_ABSENT, /* the verb has no such entry */
        ANSWER_NO,
        ANSWER_YES,
} Answer;

/* What a verb tells of a job beyond its record. */
typedef struct JsonExtra {
        Answer existing;
        Answer wait_timed_out;
        bool output; /* stdout, stderr and whether something is left out of them */
        char *stdout_text;
        char *stderr_text;
        bool stdout_truncated;
        bool stderr_truncated;
} JsonExtra;

/* Frees what the extra holds. */
void json_extra_clear(JsonExtra *extra);

typedef struct JsonReply {
        bool single; /* "job" rather than "jobs"; n is 1 then */
        size_t n;
        const JobRecord *const *records;
        const JsonExtra *extras; /* NULL: none */
        const OwnQueue *queue;   /* NULL: it is not told of */
        bool queue_alone;        /* there are no jobs to tell of, not even an empty list */
        char *const *next;       /* commands, ends with NULL */
} JsonReply;

/* What setup found out about one thing. Nothing of it is owned. */
typedef struct JsonCheck {
        const char *name;
        const char *status; /* ok, warning, failed, skipped */
        const char *text;
        const char *remedy;  /* NULL: nothing is to be mended */
        const char *command; /* NULL: there is none to type */
        bool told;           /* the text says what to do, too */
} JsonCheck;

typedef struct JsonChecks {
        bool ok;
        const char *scope;
        const JsonCheck *checks;
        size_t n;
} JsonChecks;

/* The same as json_write() for what setup found out. */
int json_write_checks(const JsonChecks *checks, sd_bus_error *error);

/* Writes the document to stdout. Returns 0, or a negative errno with error set; -EPIPE when the reader went away. */
int json_write(const JsonReply *reply, sd_bus_error *error);
