/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* A piece of work for Codex as a command: which one, and with which prompt. Talks to nobody. */

#include "codex-command.h"

typedef struct Task {
        bool write;         /* Codex may change files of the workspace */
        const char *model;  /* these are not owned, and NULL for what Codex is set to */
        const char *effort;
        bool resume;        /* a thread is gone on with: the prompt may be left out */
        const char *thread; /* which one, once that is known */
        const char *prompt_file;
        char *const *prompt; /* words; none for n_prompt = 0 */
        size_t n_prompt;

        CodexCommand command; /* of the above */
} Task;

void task_clear(Task *task);
#define _cleanup_task_ _cleanup_(task_clear)

/* Adds the prompt as standard input, and a label if there is none. Returns 0, or a negative errno with error set. */
int task_read_prompt(const Task *task, Request *request, sd_bus_error *error);

/* Adds the command and the kind. The request must not outlive the task. Returns 0, or a negative errno with error set. */
int task_to_request(Task *task, Request *request, sd_bus_error *error);
