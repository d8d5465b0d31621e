/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

#include "suggest.h"
#include "test.h"

static void mistakes(void) {
        check_int(suggest_mistakes("status", "status", false), 0);
        check_int(suggest_mistakes("", "abc", false), 3);
        check_int(suggest_mistakes("abc", "", false), 3);
        check_int(suggest_mistakes("stauts", "status", false), 1); /* two in the wrong order are one mistake */
        check_int(suggest_mistakes("statu", "status", false), 1);
        check_int(suggest_mistakes("statuss", "status", false), 1);
        check_int(suggest_mistakes("stetus", "status", false), 1);
        check_int(suggest_mistakes("tsaust", "status", false), 3);
        check_int(suggest_mistakes("sta", "status", false), 3);
        check_int(suggest_mistakes("sta", "status", true), 0);
        check_int(suggest_mistakes("sat", "status", true), 1);
        check_int(suggest_mistakes("", "status", true), 0);
}

/* However long a word is, it is only compared so far. */
static void long_words(void) {
        char word[10000];

        (void) memset(word, 'x', sizeof(word) - 1);
        word[sizeof(word) - 1] = 0;
        check_int(suggest_mistakes(word, "status", false), 64);
        check_int(suggest_mistakes("status", word, true), 6);
}

static const char *nearest(const char *word) {
        static const char *const names[] = { "run", "await", "status", "list", "show", "logs", "result", "remove", "resume" };
        Suggestion s = { .word = word };

        for (size_t i = 0; i < ELEMENTSOF(names); i++)
                suggest_name(&s, names[i]);
        return s.name;
}

static void names(void) {
        check_string(nearest("stauts"), "status");
        check_string(nearest("awiat"), "await");
        check_string(nearest("stat"), "status"); /* cut short */
        check_string(nearest("reslt"), "result");
        check_string(nearest("log"), "logs");
        check_string(nearest("lsit"), "list");
        check_string(nearest("resmue"), "resume");
        check_string(nearest("frobnicate"), NULL);
        check_string(nearest("r"), NULL); /* would fit too much */
        check_string(nearest("xx"), NULL);
        check_string(nearest(""), NULL);
}

static const char *nearest_id(const char *word) {
        static const char *const ids[] = { "job-7f3k9q2m1x", "job-7f3k9q2m1y", "task-0c5w8zt4hn" };
        Suggestion s = { .word = word };

        for (size_t i = 0; i < ELEMENTSOF(ids); i++)
                suggest_id(&s, ids[i]);
        return s.name;
}

static void ids(void) {
        check_string(nearest_id("job-7f3k9q2mlx"), "job-7f3k9q2m1x");
        check_string(nearest_id("job-7f3k9q2m1y0"), "job-7f3k9q2m1y");
        check_string(nearest_id("task-0c5w8zt4nh"), "task-0c5w8zt4hn");
        check_string(nearest_id("tsak-0c5w8zt4hn"), "task-0c5w8zt4hn");
        check_string(nearest_id("0c5w8st"), "task-0c5w8zt4hn"); /* the beginning of a token */
        check_string(nearest_id("task-0c6w"), "task-0c5w8zt4hn");
        check_string(nearest_id("JOB-7f3k9q2m1x"), NULL);
        check_string(nearest_id("job-0000000000"), NULL);
        check_string(nearest_id("zz"), NULL);
}

TEST_MAIN(TEST(mistakes), TEST(long_words), TEST(names), TEST(ids))
