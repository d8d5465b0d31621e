/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */
#pragma once

/* What notifications say. Pure: reads records, makes strings. */

#include "job-record.h"

/* As org.freedesktop.Notifications 1.2 has them. */
enum {
        URGENCY_LOW = 0,
        URGENCY_NORMAL = 1,
        URGENCY_CRITICAL = 2,
};

/* A notification. The strings that are not const are its own, see notice_clear(). */
typedef struct Notice {
        char *summary; /* one line, never markup */
        char *body;    /* escaped if markup was asked for */
        const char *category;
        uint8_t urgency;
        bool actions; /* it can be opened; the log, too, of one job */
        bool log;
        bool retry;
} Notice;

void notice_clear(Notice *notice);
#define _cleanup_notice_ _cleanup_(notice_clear)

/* A finished job. line: the first line of its output, NULL for none. */
int notice_for_job(const JobRecord *record, const char *line, bool markup, Notice *ret);

/* Many finished jobs. */
#define DIGEST_LINES 3
typedef struct Digest {
        uint32_t completed, failed, cancelled;
        char *lines[DIGEST_LINES]; /* the last that failed, the newest first */
        char *other;               /* the last that did not */
} Digest;

void digest_clear(Digest *digest);
int digest_copy(const Digest *digest, Digest *ret);
int digest_add(Digest *digest, const JobRecord *record);
uint32_t digest_count(const Digest *digest);
int notice_for_digest(const Digest *digest, bool markup, Notice *ret);

/* A message of our own. */
int notice_for_trouble(const char *summary, const char *text, bool markup, Notice *ret);

/* How a job finished, on one line: "failed: exit code 3 · after 2min 3s". */
char *describe_end(const JobRecord *record);

/* These return a copy that the caller frees; NULL when memory is short. */

/* The first line of n bytes that shows something, clean and cut; "" if none does. */
char *first_line(const char *data, size_t n);

/* & < > as entities. */
char *escape_markup(const char *text);

/* At most max bytes of UTF-8, with "…" if truncated. */
char *cut_text(const char *text, size_t max);
