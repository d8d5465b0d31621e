/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */
#pragma once

/* The structured answer of an adversarial review, as review.schema.json has it: read from the final message, checked,
 * and written for people. What it names is the model's word: a path may lead anywhere. */

#include <json-c/json.h>
#include <stddef.h>

typedef struct Findings {
        json_object *review; /* as it is in the result; NULL: there is none */
        char *error;         /* then, why not: a sentence without its full stop; NULL: none was asked for */
} Findings;

/* Reads the text of n bytes. The files of findings are looked for in the repository of the current directory. Returns 0
 * with either in ret, which the caller clears, or -ENOMEM. */
int findings_read(const char *text, size_t n, Findings *ret);

/* The review for people, gravest first. target: what was reviewed, or NULL. The caller frees it; NULL when memory is
 * short. */
char *findings_text(const Findings *findings, const char *target);

void findings_clear(Findings *findings);
