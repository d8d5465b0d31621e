/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */
#pragma once

/* Job IDs: KIND-TOKEN, where TOKEN is 10 characters of Crockford's base32 in lower case
 * (https://www.crockford.com/base32.html): 50 random bits, without the ambiguous characters i, l, o and u. */

#include <stdbool.h>

#define JOB_KIND_MAX 32
#define JOB_TOKEN_LENGTH 10
#define JOB_ID_MAX (JOB_KIND_MAX + 1 + JOB_TOKEN_LENGTH)

/* Around an ID: the name of the systemd unit of the job, and of its control group. */
#define JOB_UNIT_PREFIX "codex-job-"
#define JOB_UNIT_SUFFIX ".service"

/* A kind: a lower case letter, then up to 31 lower case letters, digits or dashes; no dash at the end. */
bool job_kind_is_valid(const char *kind);

/* The name of a queue: up to 64 letters, digits, and of "-_." those that are not its first character. */
#define JOB_QUEUE_MAX 64
#define JOB_QUEUE_DEFAULT "default"
bool job_queue_is_valid(const char *name);

/* A full ID. */
bool job_id_is_valid(const char *id);

/* A possible prefix of an ID or of a token: 1 to JOB_ID_MAX characters that occur in one, and no dash first. */
bool job_id_prefix_is_valid(const char *prefix);

/* The token of a valid ID. Points into id. */
const char *job_id_token(const char *id);

/* Generates a random ID into ret. kind must be valid. Returns 0 or a negative errno of getrandom(2). */
int job_id_generate(const char *kind, char ret[static JOB_ID_MAX + 1]);
