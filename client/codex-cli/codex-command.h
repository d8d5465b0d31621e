/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Codex as the command of a job: the adapter in front, then codex exec with its options. Talks to nobody. */

#include "request.h"

/* What is put behind the adapter's and Codex's own options: nothing, or one of these. */
typedef struct CodexCommand {
        const char *kind;   /* of the job: task, review or adversarial-review */
        bool write;         /* Codex may change files of the workspace */
        bool anywhere;      /* it need not be a git repository */
        const char *model;  /* these are not owned, and NULL for what Codex is set to; an alias, too */
        const char *effort;
        const char *thread; /* to go on with; NULL: a new one */
        const char *const *words; /* "review" and its options, ends with NULL; NULL: none */
        bool prompt;        /* the standard input has one */

        char *codex; /* where it is installed; owned, likewise these */
        char *effort_setting;
        char *model_name;
        char *argv[32]; /* points into this and into the above */
} CodexCommand;

void codex_command_clear(CodexCommand *command);
#define _cleanup_codex_command_ _cleanup_(codex_command_clear)

/* Makes it the request's command, and kind. The request must not outlive it. Returns 0, or a negative errno with
 * error set. */
int codex_command_to_request(CodexCommand *command, Request *request, sd_bus_error *error);

/* Where Codex is: the program that $CODEX_JOBS_CODEX names, else codex in the PATH. The caller frees it. */
int codex_find(char **ret, sd_bus_error *error);

/* The model that a name stands for: an alias of $CODEX_JOBS_MODELS ("NAME=MODEL", with commas between them) or one
 * that is built in, else the name itself. The caller frees it; NULL when memory is short. */
char *codex_model(const char *name);
