/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */
#pragma once

/* Codex as the command of a job: the adapter, followed by codex exec with its options. Makes no calls. */

#include "request.h"

/* What is put behind the adapter's and Codex's own options: nothing, or one of these. */
typedef struct CodexCommand {
        const char *kind;   /* of the job: task, review or adversarial-review */
        bool write;         /* Codex may change files of the workspace */
        bool anywhere;      /* it need not be a git repository */
        const char *model;  /* these are not owned; NULL: the default of Codex; may be aliases */
        const char *effort;
        const char *thread; /* to continue; NULL: a new one */
        const char *const *words; /* "review" and its options, ends with NULL; NULL: none */
        bool prompt;        /* the standard input has one */
        const char *target; /* of a review, in words; NULL: it is none */
        bool structured;    /* the answer is to be as REVIEW_SCHEMA_PATH says */

        char *codex; /* where it is installed; owned, likewise these */
        char *effort_setting;
        char *model_name;
        char *argv[32]; /* points into this and into the above */
} CodexCommand;

void codex_command_clear(CodexCommand *command);

/* Makes it the request's command, and kind. The request must not outlive it. Returns 0, or a negative errno with
 * error set. */
int codex_command_to_request(CodexCommand *command, Spec *request, sd_bus_error *error);

/* The path of Codex: $CODEX_JOBS_CODEX if set, else codex in PATH. The caller frees it. */
int codex_find(char **ret, sd_bus_error *error);

/* The model for a name: an alias from $CODEX_JOBS_MODELS ("NAME=MODEL", comma-separated) or a built-in one, else the
 * name itself. The caller frees it; NULL: out of memory. */
char *codex_model(const char *name);
