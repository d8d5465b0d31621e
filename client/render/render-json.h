/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */
#pragma once

/* Replies as one JSON document. */

#include "consumers.h"
#include "job-record.h"
#include "own-queue.h"

typedef enum Answer {
        ANSWER_ABSENT, /* the verb has no such entry */
        ANSWER_NO,
        ANSWER_YES,
} Answer;

/* What a document has about a job in addition to its record. */
typedef struct JsonExtra {
        Answer existing;
        Answer wait_timed_out;
        bool output; /* stdout, stderr, and whether part of them is omitted */
        char *stdout_text;
        char *stderr_text;
        bool stdout_truncated;
        bool stderr_truncated;
} JsonExtra;

/* Frees what the extra holds. */
void json_extra_clear(JsonExtra *extra);

typedef struct JsonReply {
        bool single; /* "job" instead of "jobs"; n is 1 then */
        size_t n;
        const JobRecord *const *records;
        const JsonExtra *extras; /* NULL: none */
        const OwnQueue *queue;   /* NULL: not included */
        bool queue_alone;        /* no list of jobs, not even an empty one */
        char *const *next;       /* commands, NULL-terminated */
} JsonReply;

/* The result of a check of setup. Nothing is owned. */
typedef struct JsonCheck {
        const char *name;
        const char *status; /* ok, warning, failed, skipped */
        const char *text;
        const char *remedy;  /* NULL: nothing to fix */
        const char *command; /* NULL: there is none */
        bool has_remedy;     /* the text includes the remedy */
} JsonCheck;

typedef struct JsonChecks {
        bool ok;
        const char *scope;
        const JsonCheck *checks;
        size_t n;
} JsonChecks;

/* The same as json_write() for checks of setup. */
int json_write_checks(const JsonChecks *checks, sd_bus_error *error);

/* The same for a list of queues. */
int json_write_queues(const OwnQueue *queues, size_t n, sd_bus_error *error);

/* The same for consumers of inboxes. */
int json_write_consumers(const Consumer *consumers, size_t n, sd_bus_error *error);

/* The document as text, in valid UTF-8. The caller frees it. Returns 0 or -ENOMEM. */
int json_document(const JsonReply *reply, char **ret);

/* Writes the document to stdout. Returns 0, or a negative errno with error set; -EPIPE if the reader went away. */
int json_write(const JsonReply *reply, sd_bus_error *error);
