/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */
#pragma once

/* What to review, determined with git, and the review as a command of Codex. Makes no calls to the service. */

#include "codex-command.h"

typedef enum ReviewScope {
        REVIEW_AUTO, /* uncommitted changes if there are any, else the branch */
        REVIEW_WORKING_TREE,
        REVIEW_BRANCH,
} ReviewScope;

typedef struct Review {
        bool adversarial;
        ReviewScope scope;
        const char *base;   /* these are not owned; NULL: found out, and what Codex is set to */
        const char *model;
        const char *effort;
        char *const *focus; /* words; none for n_focus = 0 */
        size_t n_focus;

        char *found_base;
        char *target; /* a description of what is reviewed */
        const char *words[4];
        CodexCommand command;
} Review;

/* Adds the command, the kind, the instructions if there are any, and a label if there is none. The request has its
 * directory already, and must not outlive the review. Returns 0, or a negative errno with error set. */
int review_to_request(Review *review, Spec *request, sd_bus_error *error);
