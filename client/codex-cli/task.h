/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */
#pragma once

/* A task for Codex as a command, with its prompt. Makes no calls. */

#include "codex-command.h"

typedef struct Task {
        bool write;         /* Codex may change files of the workspace */
        const char *model;  /* these are not owned, and NULL for what Codex is set to */
        const char *effort;
        bool resume;        /* a thread is continued: the prompt may be missing */
        const char *thread; /* the thread, once known */
        const char *prompt_file;
        char *const *prompt; /* words; none for n_prompt = 0 */
        size_t n_prompt;

        CodexCommand command; /* of the above */
} Task;

void task_clear(Task *task);
#define _cleanup_task_ _cleanup_(task_clear)

/* Sets the prompt as standard input, and a label if there is none. Returns 0, or a negative errno with error set. */
int task_read_prompt(const Task *task, Spec *request, sd_bus_error *error);

/* The same for a prompt that is a text. */
int task_set_prompt(Spec *request, const char *text, sd_bus_error *error);

/* Sets the command and the kind. The request must not outlive the task. Returns 0, or a negative errno with error
 * set. */
int task_to_request(Task *task, Spec *request, sd_bus_error *error);
