/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

#include <fcntl.h>

#include "test.h"
#include "utf8.h"
#include "verbs.h"

/* The text of a file of the source. The caller frees it; NULL: there is none. */
static char *read_source(const char *folder, const char *name, const char *end) {
        _cleanup_free_ char *path = NULL, *text = NULL;
        _cleanup_fclose_ FILE *f = NULL;
        size_t size = 0;

        check(asprintf(&path, SOURCE_DIRECTORY "/%s/%s%s", folder, name, end) > 0);
        f = fopen(path, "re");
        return f && getdelim(&text, &size, 0, f) > 0 ? TAKE_PTR(text) : NULL;
}

static bool has_line(const char *text, const char *begin) {
        for (const char *line = text; line; line = strchr(line, '\n')) {
                line += *line == '\n';
                if (startswith(line, begin))
                        return true;
        }
        return false;
}

static void complain(const Verb *verb, const char *what) {
        test_fail(TEST_PLACE("the table of verbs"), "%s: %s", verb->name, what);
}

static void rows(void) {
        const Verb *verb;

        for (size_t i = 0; (verb = verb_at(i)); i++) {
                if (isempty(verb->name) || isempty(verb->summary) || !verb->arguments || !verb->run)
                        complain(verb, "its row has no name, no summary, no arguments or no function");
                if (isempty(verb->help) || !strstr(verb->help, "Options:\n"))
                        complain(verb, "it has no help");
                if (verb->min > verb->max)
                        complain(verb, "it wants more arguments than it takes");
                if ((verb->max == 0) != isempty(verb->arguments))
                        complain(verb, "its help names other arguments than it takes");
                if (!verb->options != !verb->option)
                        complain(verb, "it has options and nobody to take them, or the other way round");
                check(verb_find(verb->name) == verb);
                if (verb->alias)
                        check(verb_find(verb->alias) == verb);
        }
        check(verb_find("") == NULL);
        check(verb_find("nonsense") == NULL);
}

/* Each option is in the help, and each letter stands for one. */
static void options(void) {
        const Verb *verb;

        for (size_t i = 0; (verb = verb_at(i)); i++) {
                bool letters[128] = { ['h'] = true, ['q'] = true };

                for (const struct option *o = verb->options; o && o->name; o++) {
                        _cleanup_free_ char *word = NULL, *text = NULL;

                        check(asprintf(&word, "--%s", o->name) > 0);
                        if (!strstr(verb->help, word)) {
                                check(asprintf(&text, "option %s is not in its help", word) > 0);
                                complain(verb, text);
                        }
                        if (o->val >= 128)
                                continue;
                        if (letters[o->val])
                                complain(verb, "two of its options have one letter");
                        letters[o->val] = true;
                }
        }
}

static void pages(void) {
        const Verb *verb;

        for (size_t i = 0; (verb = verb_at(i)); i++) {
                _cleanup_free_ char *page = NULL, *name = NULL;

                check(asprintf(&name, "codex-jobs-%s.1", verb->name) > 0);
                page = read_source("docs/man", name, ".scd");
                if (!page) {
                        complain(verb, "its manual page docs/man/codex-jobs-VERB.1.scd is missing");
                        continue;
                }
                if (!strstr(page, "# OPTIONS"))
                        complain(verb, "its manual page has no options");
        }
}

/* A terminal of 80 columns shows a line of each. */
static void list(void) {
        _cleanup_free_ char *text = verb_list_text();
        const Verb *verb;

        check(text);
        for (size_t i = 0; (verb = verb_at(i)); i++) {
                _cleanup_free_ char *begin = NULL;

                check(asprintf(&begin, "  %s ", verb->name) > 0);
                if (!has_line(text, begin))
                        complain(verb, "it is not in the list");
        }
        for (char *line = text, *end; (end = strchr(line, '\n')); line = end + 1) {
                size_t columns = 0;

                for (char *c = line; c < end; c++)
                        columns += !utf8_is_continuation(*c);
                if (columns > 100)
                        test_fail(TEST_PLACE("verb_list_text()"), "a line has %zu columns: %.*s", columns, (int) (end - line),
                                  line);
        }
}

static void suggestions(void) {
        check_string(verb_suggest("stauts"), "status");
        check_string(verb_suggest("ps"), "status");
        check_string(verb_suggest("rerun"), "retry");
        check_string(verb_suggest("group"), "queue");
        check_string(verb_suggest("parallel"), "queue");
        check_string(verb_suggest("follow"), "logs");
        check_string(verb_suggest("stash"), "hold");
        check_string(verb_suggest("sbatch"), "enqueue");
        check_string(verb_suggest("squeue"), "status");
        check_string(verb_suggest("scancel"), "cancel");
        check_string(verb_suggest("atrm"), "cancel");
        check_string(verb_suggest("xyzzy"), NULL);
}

TEST_MAIN(TEST(rows), TEST(options), TEST(pages), TEST(list), TEST(suggestions))
