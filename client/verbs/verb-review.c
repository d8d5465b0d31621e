/* SPDX-License-Identifier: Apache-2.0 */

/* codex-jobs review, codex-jobs adversarial-review: have Codex review changes, as jobs. */

#include "codex-options.h"
#include "review.h"
#include "say.h"
#include "verbs.h"

enum {
        OPTION_BASE = OPTION_CODEX_END,
        OPTION_SCOPE,
        OPTION_WAIT,
};

typedef struct ReviewOptions {
        Review review;
        CodexOptions codex;
        bool wait;
} ReviewOptions;

static void review_options_clear(ReviewOptions *o) {
        review_clear(&o->review);
        request_options_clear(&o->codex.request);
}

static int scope_option(const Verb *verb, Review *review) {
        static const char *const words[] = { "auto", "working-tree", "branch" };

        for (size_t i = 0; i < ELEMENTSOF(words); i++)
                if (streq(optarg, words[i])) {
                        review->scope = (ReviewScope) i;
                        return 1;
                }
        (void) usage_error(verb, "Invalid value '%.48s' for --scope: must be auto, working-tree or branch", optarg);
        return -EINVAL;
}

static int review_option(const Verb *verb, ReviewOptions *o, int option) {
        switch (option) {
        case OPTION_BASE:
                o->review.base = optarg;
                return 1;
        case OPTION_SCOPE:
                return scope_option(verb, &o->review);
        case OPTION_WAIT:
                o->wait = true;
                return 1;
        default:
                return codex_option(verb, &o->codex, option);
        }
}

static int review(ReviewOptions *o, const Common *common) {
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
        _cleanup_request_ Request request = REQUEST_INIT;
        int r;

        o->review.model = o->codex.model;
        o->review.effort = o->codex.effort;
        r = request_from_options(&o->codex.request, &request, &error);
        if (r >= 0)
                r = review_to_request(&o->review, &request, &error);
        return r < 0 ? say_error(&error, r) : codex_run(&o->codex, common, &request);
}

static int run(const Verb *verb, int argc, char *argv[], Common *common) {
        static const struct option options[] = {
                COMMON_OPTIONS,
                CODEX_OPTIONS,
                { "base", required_argument, NULL, OPTION_BASE },
                { "scope", required_argument, NULL, OPTION_SCOPE },
                { "wait", no_argument, NULL, OPTION_WAIT },
                {},
        };
        _cleanup_(review_options_clear) ReviewOptions o = {
                .review.adversarial = verb == &verb_adversarial_review,
                .codex = CODEX_OPTIONS_INIT,
        };
        int option, r;

        while ((r = option_next(verb, common, argc, argv, ":" COMMON_LETTERS CODEX_LETTERS, options, &option)) == 0) {
                r = review_option(verb, &o, option);
                if (r < 0)
                        return r == -ENOMEM ? say_out_of_memory() : STATUS_OWN_FAILURE;
        }
        if (r < 0)
                return option;
        o.codex.await |= o.codex.background && o.wait;
        r = codex_options_check(verb, &o.codex);
        if (r != 0)
                return r;
        if (o.review.base && o.review.scope == REVIEW_WORKING_TREE)
                return usage_error(verb, "--base and '--scope working-tree' cannot be combined");
        if (optind < argc && !o.review.adversarial)
                return usage_error(verb, "'review' takes no arguments; use 'codex-jobs adversarial-review' for a focus");
        o.review.focus = argv + optind;
        o.review.n_focus = (size_t) (argc - optind);
        return review(&o, common);
}

static int run_review(int argc, char *argv[], Common *common) {
        return run(&verb_review, argc, argv, common);
}

static int run_adversarial_review(int argc, char *argv[], Common *common) {
        return run(&verb_adversarial_review, argc, argv, common);
}

#define TARGET_HELP                                                                                 \
        "      --base REF           Review changes since the merge base with REF\n"                  \
        "      --scope WORD         working-tree: uncommitted changes; branch: changes relative\n"  \
        "                           to the default branch; auto: uncommitted changes if any,\n"     \
        "                           else the branch (default)\n"                                    \
        "      --wait               Wait for the review to finish (default)\n"

const Verb verb_review = {
        .name = "review",
        .run = run_review,
        .help = "codex-jobs review [options]\n"
                "\n"
                "Have Codex (codex exec review) review changes in a git repository, as a read-only job. The\n"
                "exit status is that of the job, see 'codex-jobs run --help'.\n"
                "\n"
                "Options:\n"
                TARGET_HELP
                CODEX_HELP
                REQUEST_LIMIT_HELP
                COMMON_HELP,
};

const Verb verb_adversarial_review = {
        .name = "adversarial-review",
        .run = run_adversarial_review,
        .help = "codex-jobs adversarial-review [options] [FOCUS]\n"
                "\n"
                "Have Codex challenge changes in a git repository, as a read-only job: their approach, their\n"
                "assumptions, and how they could fail, in particular regarding FOCUS. The exit status is that\n"
                "of the job, see 'codex-jobs run --help'.\n"
                "\n"
                "Options:\n"
                TARGET_HELP
                CODEX_HELP
                REQUEST_LIMIT_HELP
                COMMON_HELP,
};
