/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

/* codex-jobs review, codex-jobs adversarial-review: have Codex review changes, as jobs. */

#include "codex-options.h"
#include "foreground.h"
#include "review.h"
#include "verbs.h"

enum {
        OPTION_BASE = OPTION_CODEX_END,
        OPTION_SCOPE,
};

static struct {
        Review review;
        CodexOptions codex;
        Spec request;
} given = { .codex = CODEX_OPTIONS_INIT, .request = REQUEST_INIT };

static int scope_option(const Verb *verb) {
        static const char *const words[] = { "auto", "working-tree", "branch" };

        for (size_t i = 0; i < ELEMENTSOF(words); i++)
                if (streq(optarg, words[i])) {
                        given.review.scope = (ReviewScope) i;
                        return 0;
                }
        (void) usage_error(verb, "Invalid value '%.48s' for --scope: must be auto, working-tree or branch", optarg);
        return -EINVAL;
}

static int option(const Verb *verb, int option) {
        switch (option) {
        case OPTION_BASE:
                given.review.base = optarg;
                return 0;
        case OPTION_SCOPE:
                return scope_option(verb);
        default:
                return codex_option(verb, &given.codex, option);
        }
}

static int check(Invocation *in) {
        Review *review = &given.review;
        int r;

        r = codex_options_check(in->verb, &given.codex);
        if (r != 0)
                return r;
        if (review->base && review->scope == REVIEW_WORKING_TREE)
                return usage_error(in->verb, "--base and '--scope working-tree' cannot be combined");
        review->adversarial = in->verb == &verb_adversarial_review;
        review->focus = in->arguments;
        review->n_focus = in->n_arguments;
        review->model = given.codex.model;
        review->effort = given.codex.effort;
        r = request_from_options(&given.codex.request, &given.request, &in->error);
        return r < 0 ? r : review_to_request(review, &given.request, &in->error);
}

static int run(Invocation *in) {
        return run_as_asked(in, &given.request, &given.codex.stay);
}

#define REVIEW_OPTIONS                                                     \
        (const struct option[]) {                                          \
                CODEX_OPTIONS,                                             \
                { "base", required_argument, NULL, OPTION_BASE },          \
                { "scope", required_argument, NULL, OPTION_SCOPE },        \
                {},                                                        \
        }

#define TARGET_HELP                                                                                 \
        "      --base REF           Review changes since the merge base with REF\n"                  \
        "      --scope WORD         working-tree: uncommitted changes; branch: changes relative\n"  \
        "                           to the default branch; auto: uncommitted changes if any,\n"     \
        "                           else the branch (default)\n"                                    \
        "      --wait               Wait for the review to finish (default)\n"

const Verb verb_review = {
        .name = "review",
        .arguments = "",
        .surplus = "'review' takes no arguments; use 'codex-jobs adversarial-review' for a focus",
        .flags = VERB_HERE,
        .options = REVIEW_OPTIONS,
        .option = option,
        .check = check,
        .run = run,
        .summary = "Have Codex review changes",
        .help = "Have Codex (codex exec review) review changes in a git repository, as a read-only job. The\n"
                "exit status is that of the job, see 'codex-jobs run --help'.\n"
                "\n"
                "Options:\n"
                TARGET_HELP
                CODEX_HELP
                REQUEST_LIMIT_HELP,
};

const Verb verb_adversarial_review = {
        .name = "adversarial-review",
        .arguments = "[FOCUS]",
        .max = ARGUMENTS_ANY,
        .flags = VERB_PROSE | VERB_HERE,
        .options = REVIEW_OPTIONS,
        .option = option,
        .check = check,
        .run = run,
        .summary = "Have Codex challenge changes and look for flaws",
        .help = "Have Codex challenge changes in a git repository, as a read-only job: their approach, their\n"
                "assumptions, and how they could fail, in particular regarding FOCUS. The exit status is that\n"
                "of the job, see 'codex-jobs run --help'.\n"
                "\n"
                "Options:\n"
                TARGET_HELP
                CODEX_HELP
                REQUEST_LIMIT_HELP,
};
