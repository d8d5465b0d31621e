/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */
#pragma once

/* The harness of the unit tests. A test is a function that returns when it has passed; a check that
 * does not hold says where and with which values, and ends it. Each test runs in a process and a
 * directory of its own, so that one that crashes or leaks spoils no other. Speaks TAP 13 on stdout. */

#include <stdint.h>
#include <sys/resource.h>

#include "macro.h"

typedef struct Test {
        const char *name;
        void (*run)(void);
} Test;

#define TEST(function) { #function, function }

/* Defines main(), which runs the listed tests, or those named on the command line. */
#define TEST_MAIN(...)                                                          \
        int main(int argc, char *argv[]) {                                      \
                static const Test tests[] = { __VA_ARGS__ };                    \
                                                                                \
                return test_main(argc, argv, tests, ELEMENTSOF(tests));         \
        }

int test_main(int argc, char *argv[], const Test *tests, size_t n);

/* An empty directory of the running test, which is deleted after it. */
const char *test_directory(void);

/* A path in it, valid until the test ends. */
const char *test_path(const char *name);

/* What the code under test has logged in this test, a line each. */
const char *test_log(void);

/* Sets RLIMIT_NOFILE, also under valgrind. */
void test_limit_descriptors(const struct rlimit *limit);

/* Ends the test as one that cannot run here. */
_Noreturn void test_skip(const char *format, ...) _printf_(1, 2);

/* The same, where the test runs under valgrind. */
void test_skip_under_valgrind(const char *why);

typedef struct TestPlace {
        const char *file;
        int line;
        const char *expression;
} TestPlace;

#define TEST_PLACE(expression) (&(TestPlace) { __FILE__, __LINE__, expression })

_Noreturn void test_fail(const TestPlace *place, const char *format, ...) _printf_(2, 3);
void test_check_int(const TestPlace *place, intmax_t a, intmax_t b);
int test_check_ok(const TestPlace *place, int r);
void test_check_error(const TestPlace *place, int r, int expected);
void test_check_string(const TestPlace *place, const char *a, const char *b);
void test_check_contains(const TestPlace *place, const char *text, const char *part);
void test_check_bytes(const TestPlace *place, const void *a, size_t n, const void *b, size_t m);

/* A NULL-terminated list of strings, for what takes one and changes none. */
#define STRINGS(...) ((char **) (const char *[]) { __VA_ARGS__, NULL })

/* A condition. */
#define check(condition)                                                        \
        do {                                                                    \
                if (!(condition))                                               \
                        test_fail(TEST_PLACE(#condition), "is not so");         \
        } while (0)

/* Two integers are equal. */
#define check_int(a, b) test_check_int(TEST_PLACE(#a " == " #b), (intmax_t) (a), (intmax_t) (b))

/* A negative errno was not returned; is the result. */
#define check_ok(call) test_check_ok(TEST_PLACE(#call), call)

/* This negative errno was returned. */
#define check_error(call, error) test_check_error(TEST_PLACE(#call " == " #error), call, error)

/* Two strings are equal, or both NULL. */
#define check_string(a, b) test_check_string(TEST_PLACE(#a " is " #b), a, b)

/* A text has a part. */
#define check_contains(text, part) test_check_contains(TEST_PLACE(#text " contains " #part), text, part)

/* n bytes at a are the m bytes at b. */
#define check_bytes(a, n, b, m) test_check_bytes(TEST_PLACE(#a " is " #b), a, n, b, m)
