/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

#include <ftw.h>
#include <limits.h>
#include <stdarg.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "test.h"

#define EXIT_SKIPPED 77
#define SHOWN_MAX 200 /* bytes of a value in a message */

static char directory[PATH_MAX]; /* of the running test, in that of the process */
static char *log_text;
static size_t log_size;

/* --- what a test may ask for ----------------------------------------------------------------------- */

const char *test_directory(void) {
        return directory;
}

const char *test_path(const char *name) {
        static char paths[8][PATH_MAX + NAME_MAX + 2];
        static unsigned next;
        char *path = paths[next++ % ELEMENTSOF(paths)];

        (void) snprintf(path, sizeof(paths[0]), "%s/%s", directory, name);
        return path;
}

const char *test_log(void) {
        return strempty(log_text);
}

/* Stands before the function of libsystemd: what is logged here is not for the journal of the machine. */
int sd_journal_print_with_location(int priority, const char *file, const char *line, const char *function,
                                   const char *format, ...) _printf_(5, 6);
int sd_journal_print_with_location(int priority, const char *file, const char *line, const char *function,
                                   const char *format, ...) {
        char text[4096];
        int error = errno;
        char *bigger;
        va_list ap;
        size_t n;

        va_start(ap, format);
        errno = error; /* for %m */
        (void) vsnprintf(text, sizeof(text), format, ap);
        va_end(ap);
        (void) fprintf(stderr, "log: %s\n", text);

        n = strlen(text);
        bigger = realloc(log_text, log_size + n + 2);
        if (!bigger)
                return -ENOMEM;
        log_text = bigger;
        (void) stpcpy(stpcpy(log_text + log_size, text), "\n");
        log_size += n + 1;
        return 0;
}

/* Another process does: if one sets its own limit, valgrind keeps it to itself. */
void test_limit_descriptors(const struct rlimit *limit) {
        pid_t pid = fork();
        int status;

        check(pid >= 0);
        if (pid == 0)
                _exit(prlimit(getppid(), RLIMIT_NOFILE, limit, NULL) < 0);
        check(waitpid(pid, &status, 0) == pid);
        check_int(status, 0);
}

void test_skip(const char *format, ...) {
        va_list ap;

        va_start(ap, format);
        (void) fputs("skipped: ", stderr);
        (void) vfprintf(stderr, format, ap);
        (void) fputc('\n', stderr);
        va_end(ap);
        exit(EXIT_SKIPPED);
}

void test_skip_under_valgrind(const char *why) {
        if (strstr(strempty(getenv("LD_PRELOAD")), "valgrind"))
                test_skip("under valgrind %s", why);
}

/* --- checks ---------------------------------------------------------------------------------------- */

void test_fail(const TestPlace *place, const char *format, ...) {
        va_list ap;

        va_start(ap, format);
        (void) fprintf(stderr, "%s:%d: %s: ", place->file, place->line, place->expression);
        (void) vfprintf(stderr, format, ap);
        (void) fputc('\n', stderr);
        va_end(ap);
        (void) fflush(stderr);
        _exit(EXIT_FAILURE);
}

void test_check_int(const TestPlace *place, intmax_t a, intmax_t b) {
        if (a != b)
                test_fail(place, "%jd (%#jx) is not %jd (%#jx)", a, (uintmax_t) a, b, (uintmax_t) b);
}

/* -EINVAL and the like in words; anything else as a number. */
static const char *error_name(int r, char buffer[static 32]) {
        const char *name = r < 0 ? strerrorname_np(-r) : NULL;

        if (name)
                (void) snprintf(buffer, 32, "-%s", name);
        else
                (void) snprintf(buffer, 32, "%d", r);
        return buffer;
}

int test_check_ok(const TestPlace *place, int r) {
        char got[32];

        if (r < 0)
                test_fail(place, "returned %s: %s", error_name(r, got), strerror(-r));
        return r;
}

void test_check_error(const TestPlace *place, int r, int expected) {
        char got[32], wanted[32];

        if (r != expected)
                test_fail(place, "%s is not %s", error_name(r, got), error_name(expected, wanted));
}

/* Bytes as a C string, cut where it is long. The caller frees it. */
static char *quote(const void *bytes, size_t n) {
        const unsigned char *b = bytes;
        char *text, *p;

        if (!bytes)
                return strdup("NULL");
        p = text = malloc(4 * MIN(n, (size_t) SHOWN_MAX) + 64);
        if (!text)
                abort();
        *p++ = '"';
        for (size_t i = 0; i < MIN(n, (size_t) SHOWN_MAX); i++)
                if (b[i] == '"' || b[i] == '\\')
                        p += sprintf(p, "\\%c", b[i]);
                else
                        p += sprintf(p, b[i] >= ' ' && b[i] < 0x7f ? "%c" : "\\x%02x", b[i]);
        *p++ = '"';
        *p = 0;
        if (n > SHOWN_MAX)
                (void) sprintf(p, "… (%zu bytes)", n);
        return text;
}

static void fail_bytes(const TestPlace *place, const void *a, size_t n, const void *b, size_t m) {
        size_t same = 0;

        while (a && b && same < MIN(n, m) && ((const char *) a)[same] == ((const char *) b)[same])
                same++;
        test_fail(place, "they differ from byte %zu on\n    %s\n    %s", same, quote(a, n), quote(b, m));
}

void test_check_string(const TestPlace *place, const char *a, const char *b) {
        if (a && b ? !streq(a, b) : a != b)
                fail_bytes(place, a, a ? strlen(a) : 0, b, b ? strlen(b) : 0);
}

void test_check_contains(const TestPlace *place, const char *text, const char *part) {
        if (!text || !strstr(text, part))
                test_fail(place, "it does not\n    %s\n    %s", quote(text, text ? strlen(text) : 0),
                          quote(part, strlen(part)));
}

void test_check_bytes(const TestPlace *place, const void *a, size_t n, const void *b, size_t m) {
        if (n != m || (n > 0 && (!a || !b || memcmp(a, b, n) != 0)))
                fail_bytes(place, a, n, b, m);
}

/* --- running --------------------------------------------------------------------------------------- */

static int remove_entry(const char *path, const struct stat *st, int type, struct FTW *ftw) {
        return remove(path);
}

static void remove_tree(const char *path) {
        (void) nftw(path, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

static void run_child(const Test *test) {
        if (mkdir(directory, 0700) < 0) {
                perror(directory);
                _exit(EXIT_FAILURE);
        }
        test->run();
        free(log_text);
        exit(EXIT_SUCCESS); /* and not _exit(): a sanitizer looks for leaks now */
}

/* Runs a test in a process of its own. Returns its wait status. */
static int run_one(const Test *test) {
        int status;
        pid_t pid;

        (void) fflush(NULL);
        pid = fork();
        if (pid < 0)
                abort();
        if (pid == 0)
                run_child(test);
        while (waitpid(pid, &status, 0) < 0)
                if (errno != EINTR)
                        abort();
        return status;
}

static bool report(const Test *test, unsigned number, int status) {
        int code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
        bool passed = code == EXIT_SUCCESS || code == EXIT_SKIPPED;

        (void) printf("%s %u - %s%s\n", passed ? "ok" : "not ok", number, test->name,
                      code == EXIT_SKIPPED ? " # SKIP" : "");
        if (WIFSIGNALED(status))
                (void) fprintf(stderr, "%s: ended by signal %s\n", test->name, sigabbrev_np(WTERMSIG(status)));
        else if (!passed)
                (void) fprintf(stderr, "%s: failed with status %d\n", test->name, code);
        return passed;
}

static bool is_chosen(const Test *test, int argc, char *argv[]) {
        for (int i = 1; i < argc; i++)
                if (streq(argv[i], test->name))
                        return true;
        return argc < 2;
}

int test_main(int argc, char *argv[], const Test *tests, size_t n) {
        char base[PATH_MAX - 128];
        unsigned number = 0;
        bool failed = false;

        (void) snprintf(base, sizeof(base), "%s/test-XXXXXX", getenv("TMPDIR") ?: "/tmp");
        if (!mkdtemp(base)) {
                perror(base);
                return EXIT_FAILURE;
        }
        (void) puts("TAP version 13");
        for (size_t i = 0; i < n; i++) {
                if (!is_chosen(&tests[i], argc, argv))
                        continue;
                (void) snprintf(directory, sizeof(directory), "%s/%.64s", base, tests[i].name);
                failed |= !report(&tests[i], ++number, run_one(&tests[i]));
                remove_tree(directory);
        }
        (void) printf("1..%u\n", number);
        (void) rmdir(base);
        return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
