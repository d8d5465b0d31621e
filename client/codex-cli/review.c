/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

#include "process.h"
#include "review.h"
#include "say.h"
#include "text-new.h"

#define GIT_USEC (60 * USEC_PER_SEC) /* git status of a large tree on a slow disk */
#define GIT_WORDS_MAX 8

/* ---- git ---- */

typedef struct Git {
        const char *directory;
        char *text; /* of the last answer */
        sd_bus_error *error;
} Git;

static void git_clear(Git *git) {
        free(git->text);
}
#define _cleanup_git_ _cleanup_(git_clear)

/* Returns 1 when git succeeded, 0 when it said no, or a negative errno with error set. */
static int git_ask(Git *git, const char *const *words) {
        /* It must not take a lock that another process needs. */
        const char *argv[GIT_WORDS_MAX + 7] = { "git", "--no-optional-locks", "-c", "core.fsmonitor=false", "-C", git->directory };
        size_t n = 6;
        int r, status;

        for (; *words && n < ELEMENTSOF(argv) - 1; words++)
                argv[n++] = *words;
        free(git->text);
        git->text = NULL;
        r = process_output(argv, GIT_USEC, &git->text, &status);
        if (r == -ENOMEM)
                return r;
        if (r == -ENOENT)
                return error_set(git->error, "git not found in PATH. Install git, which is required for reviews.");
        if (r < 0)
                return error_set(git->error, "Failed to run git in '%s': %s. Check 'git status' there.",
                                 git->directory, strerror(-r));
        return status == 0;
}

#define GIT_ASK(git, ...) git_ask(git, (const char *const[]) { __VA_ARGS__, NULL })

static int check_repository(Git *git) {
        int r;

        r = GIT_ASK(git, "rev-parse", "--is-inside-work-tree");
        if (r < 0 || (r > 0 && streq(git->text, "true")))
                return MIN(r, 0);
        if (r == 0 && !strstr(git->text, "not a git repository"))
                return error_set(git->error, "git failed in '%s': %.300s", git->directory, git->text);
        return error_set(git->error,
                         "'%s' is not in the work tree of a git repository. Choose one with --cwd.",
                         git->directory);
}

/* Returns 1 when the word names a commit. */
static int is_commit(Git *git, const char *word) {
        _cleanup_free_ char *commit = NULL;

        if (!*word || *word == '-')
                return 0;
        commit = text_new("%s^{commit}", word);
        if (!commit)
                return -ENOMEM;
        return GIT_ASK(git, "rev-parse", "--verify", "--quiet", "--end-of-options", commit);
}

static int check_base(Git *git, const char *base) {
        int r;

        r = is_commit(git, base);
        if (r > 0)
                r = GIT_ASK(git, "merge-base", base, "HEAD");
        else if (r == 0)
                return error_set(git->error, "Unknown revision '%.100s'. Specify a branch, tag or commit with --base.",
                                 base);
        if (r == 0)
                return error_set(git->error, "'%.100s' and HEAD have no common commit. Choose another one with --base.",
                                 base);
        return MIN(r, 0);
}

/* What the remote calls its default, else a usual name. */
static int find_base(Git *git, char **ret) {
        static const char *const names[] = { "main", "master", "trunk", "origin/main", "origin/master" };
        int r;

        r = GIT_ASK(git, "symbolic-ref", "--quiet", "--short", "refs/remotes/origin/HEAD");
        if (r > 0) {
                _cleanup_free_ char *name = TAKE_PTR(git->text);

                r = is_commit(git, name);
                if (r > 0)
                        *ret = TAKE_PTR(name);
        }
        for (size_t i = 0; i < ELEMENTSOF(names) && r == 0; i++) {
                r = is_commit(git, names[i]);
                if (r <= 0)
                        continue;
                *ret = strdup(names[i]);
                if (!*ret)
                        return -ENOMEM;
        }
        if (r == 0)
                return error_set(git->error, "No branch main, master or trunk to compare with. Specify one with --base.");
        return MIN(r, 0);
}

/* Whether HEAD adds anything to the base. */
static int is_ahead(Git *git, const char *base) {
        _cleanup_free_ char *range = text_new("%s..HEAD", base);
        int r;

        if (!range)
                return -ENOMEM;
        r = GIT_ASK(git, "rev-list", "--max-count=1", range);
        return r <= 0 ? r : !!*git->text;
}

/* ---- The target ---- */

static int is_dirty(Git *git) {
        int r;

        r = GIT_ASK(git, "status", "--porcelain");
        if (r == 0)
                return error_set(git->error, "Failed to get changes in '%s': %.300s", git->directory, git->text);
        return r < 0 ? r : !!*git->text;
}

static int target_branch(Review *review, Git *git) {
        int r;

        r = is_commit(git, "HEAD");
        if (r == 0)
                return error_set(git->error, "Nothing to review: the repository has no commits and no files to commit.");
        if (r < 0)
                return r;
        if (!review->base) {
                r = find_base(git, &review->found_base);
                if (r < 0)
                        return r;
                review->base = review->found_base;
        }
        r = check_base(git, review->base);
        if (r < 0)
                return r;
        if (review->found_base) {
                r = is_ahead(git, review->base);
                if (r == 0)
                        return error_set(git->error, "Nothing to review: all commits are in %s. Choose another base with "
                                                     "--base.",
                                         review->base);
                if (r < 0)
                        return r;
        }
        review->target = text_new("the changes against %s", review->base);
        if (!review->target)
                return -ENOMEM;
        return 0;
}

static int find_target(Review *review, Git *git) {
        int r;

        r = check_repository(git);
        if (r < 0)
                return r;
        if (review->scope == REVIEW_AUTO && !review->base) {
                r = is_dirty(git);
                if (r < 0)
                        return r;
                review->scope = r > 0 ? REVIEW_WORKING_TREE : REVIEW_BRANCH;
        }
        if (review->scope != REVIEW_WORKING_TREE)
                return target_branch(review, git);
        review->target = strdup("the uncommitted changes");
        return review->target ? 0 : -ENOMEM;
}

/* ---- The instructions ---- */

static const char adversarial[] =
        "Act as the strictest reviewer there is: assume that these changes are wrong, and try to prove it. Question\n"
        "the approach itself, not only the lines: what does it take for granted, what was there to choose instead,\n"
        "and under which conditions does it break? Look above all at lost or damaged data, races and their order,\n"
        "errors that are swallowed or half handled, limits, security and permissions, upgrades and going back, and\n"
        "cases that no test covers. Read the code around a change before you judge it.\n"
        "\n"
        "Report only what you can show: for each finding the file, relative to the top of the repository, and the lines,\n"
        "what happens, when it happens, and what to do about it; the gravest first. Leave out style and praise. If the\n"
        "changes hold, approve them, and name in the summary what you could not check.\n"
        "\n"
        "Answer with one JSON object: verdict (approve or needs-attention), summary, findings, each with severity\n"
        "(critical, high, medium or low), title, body, file, line_start, line_end, confidence (0 to 1) and\n"
        "recommendation, and next_steps. Nothing around it.\n";

static void put_target(FILE *f, const Review *review) {
        if (review->scope == REVIEW_WORKING_TREE)
                (void) fputs("Review the uncommitted changes of this repository: staged, unstaged and untracked files\n"
                             "('git status', 'git diff HEAD').\n\n",
                             f);
        else
                (void) fprintf(f, "Review the changes of this branch against '%s' ('git diff %s...HEAD').\n\n",
                               review->base, review->base);
}

static int make_instructions(const Review *review, Spec *request, sd_bus_error *error) {
        _cleanup_text_stream_ TextStream s = {};
        FILE *f = text_stream_open(&s);

        if (!f)
                return -ENOMEM;
        put_target(f, review);
        (void) fputs(adversarial, f);
        if (review->n_focus > 0)
                (void) fputs("\nPay attention to this above all:", f);
        for (size_t i = 0; i < review->n_focus; i++)
                (void) fprintf(f, " %s", review->focus[i]);
        if (review->n_focus > 0)
                (void) fputc('\n', f);
        if (text_stream_close(&s) < 0)
                return -ENOMEM;
        return request_set_stdin_data(request, s.text, s.size, error);
}

static int make_label(const Review *review, Spec *request) {
        if (request->label)
                return 0;
        request->label = text_new("%s of %s", review->adversarial ? "adversarial review" : "review",
                                  review->target);
        if (!request->label)
                return -ENOMEM;
        return 0;
}

/* Codex has a review of its own; to a schema it answers only outside of that. */
static void choose_words(Review *review) {
        size_t n = 0;

        review->words[n++] = "review";
        review->words[n++] = review->scope == REVIEW_WORKING_TREE ? "--uncommitted" : "--base";
        if (review->scope != REVIEW_WORKING_TREE)
                review->words[n++] = review->base;
        review->words[n] = NULL;
}

int review_to_request(Review *review, Spec *request, sd_bus_error *error) {
        _cleanup_git_ Git git = { .directory = request->directory, .error = error };
        int r;

        r = find_target(review, &git);
        if (r >= 0)
                r = make_label(review, request);
        if (r >= 0 && review->adversarial)
                r = make_instructions(review, request, error);
        if (r < 0)
                return r;
        choose_words(review);
        review->command = (CodexCommand) {
                .kind = review->adversarial ? "adversarial-review" : "review",
                .model = review->model,
                .effort = review->effort,
                .words = review->adversarial ? NULL : review->words,
                .prompt = review->adversarial,
                .target = review->target,
                .structured = review->adversarial,
        };
        return codex_command_to_request(&review->command, request, error);
}
