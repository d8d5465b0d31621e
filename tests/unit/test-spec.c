/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <sys/mman.h>

#include "bus-names.h"
#include "spec-read.h"
#include "test-bus.h"
#include "test.h"
#include "utf8.h"

/* --- making and reading messages ------------------------------------------------------------------- */

/* A new Enqueue; the caller frees it. It holds its connection. */
static sd_bus_message *enqueue_new(void) {
        _cleanup_(sd_bus_unrefp) sd_bus *bus = bus_new_silent();

        return message_new(bus, "Enqueue");
}

static void check_read(sd_bus_message *m, Spec *ret) {
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;

        message_finish(m);
        if (spec_read(m, ret, &error) < 0)
                test_fail(TEST_PLACE("spec_read()"), "refused: %s: %s", error.name, error.message);
        check(!sd_bus_error_is_set(&error));
        sd_bus_message_unref(m); /* the spec holds it */
}

/* Checks that a message is refused for the caller's mistake, in words that can be sent and shown. */
static void check_refused_as(sd_bus_message *m, const char *name, const char *part) {
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
        _cleanup_spec_ Spec spec = SPEC_INIT;

        message_finish(m);
        check(spec_read(m, &spec, &error) < 0);
        check_string(error.name, name);
        check_contains(error.message, part);
        check(utf8_is_valid(error.message, strlen(error.message)));
        check(!strpbrk(error.message, "\r\n"));
        check(!spec.argv && !spec.environment); /* untouched */
        sd_bus_message_unref(m);
}

static void check_refused(sd_bus_message *m, const char *part) {
        check_refused_as(m, JOBS_ERROR_INVALID_ARGUMENT, part);
}

/* An Enqueue of "true" with one option of that type. */
static sd_bus_message *with_option(const char *name, const char *type, ...) {
        sd_bus_message *m = enqueue_new();
        va_list ap;

        check_ok(sd_bus_message_append(m, "as", 1, "true"));
        check_ok(sd_bus_message_open_container(m, 'a', "{sv}"));
        check_ok(sd_bus_message_open_container(m, 'e', "sv"));
        check_ok(sd_bus_message_append_basic(m, 's', name));
        check_ok(sd_bus_message_open_container(m, 'v', type));
        va_start(ap, type);
        check_ok(sd_bus_message_appendv(m, type, ap));
        va_end(ap);
        check_ok(sd_bus_message_close_container(m));
        check_ok(sd_bus_message_close_container(m));
        check_ok(sd_bus_message_close_container(m));
        return m;
}

/* An Enqueue with that argv and one option of type aay. */
static sd_bus_message *with_bytes(const char *name, size_t n_argv, const char *const *strings, const size_t *sizes,
                                  size_t n) {
        sd_bus_message *m = enqueue_new();

        check_ok(n_argv > 0 ? sd_bus_message_append(m, "as", 1, "true") : sd_bus_message_append(m, "as", 0));
        check_ok(sd_bus_message_open_container(m, 'a', "{sv}"));
        check_ok(sd_bus_message_open_container(m, 'e', "sv"));
        check_ok(sd_bus_message_append_basic(m, 's', name));
        check_ok(sd_bus_message_open_container(m, 'v', "aay"));
        check_ok(sd_bus_message_open_container(m, 'a', "ay"));
        for (size_t i = 0; i < n; i++)
                check_ok(sd_bus_message_append_array(m, 'y', strings[i], sizes ? sizes[i] : strlen(strings[i])));
        for (int i = 0; i < 4; i++)
                check_ok(sd_bus_message_close_container(m));
        return m;
}

static char *repeat(char c, size_t n) {
        char *s = malloc(n + 1);

        check(s);
        memset(s, c, n);
        s[n] = 0;
        return s;
}

/* --- the command ----------------------------------------------------------------------------------- */

static void bare(void) {
        _cleanup_spec_ Spec spec = SPEC_INIT;
        sd_bus_message *m = enqueue_new();

        check_ok(sd_bus_message_append(m, "asa{sv}", 1, "true", 0));
        check_read(m, &spec);
        check_string(spec.argv[0], "true");
        check_string(spec.argv[1], NULL);
        check(!spec.environment && !spec.directory && !spec.label && !spec.workspace && !spec.session && !spec.key);
        check_string(spec.kind, "job");
        check_int(spec.stdin_fd, -1);
        check_bytes(&spec.limits, sizeof(spec.limits), &(JobLimits) {}, sizeof(JobLimits));
}

static void argv_as_it_is(void) {
        static const char *const hostile[] = { "-c", "$HOME ${X} %n %% ; 'q' \"d\" \\ \n\t", "", " ", "*", "äöü", "@",
                                               "!" };
        _cleanup_spec_ Spec spec = SPEC_INIT;
        sd_bus_message *m = enqueue_new();

        check_ok(sd_bus_message_append(m, "asa{sv}", 9, "sh", hostile[0], hostile[1], hostile[2], hostile[3],
                                       hostile[4], hostile[5], hostile[6], hostile[7], 0));
        check_read(m, &spec);
        for (size_t i = 0; i < ELEMENTSOF(hostile); i++)
                check_string(spec.argv[i + 1], hostile[i]);
        check_string(spec.argv[9], NULL);
}

/* Lists grow as they are read. */
static void argv_many(void) {
        _cleanup_spec_ Spec spec = SPEC_INIT;
        sd_bus_message *m = enqueue_new();
        char number[16];

        check_ok(sd_bus_message_open_container(m, 'a', "s"));
        for (int i = 0; i < 1000; i++) {
                (void) snprintf(number, sizeof(number), "%d", i);
                check_ok(sd_bus_message_append_basic(m, 's', number));
        }
        check_ok(sd_bus_message_close_container(m));
        check_ok(sd_bus_message_append(m, "a{sv}", 0));
        check_read(m, &spec);
        for (int i = 0; i < 1000; i++) {
                (void) snprintf(number, sizeof(number), "%d", i);
                check_string(spec.argv[i], number);
        }
        check_string(spec.argv[1000], NULL);
}

static void argv_bytes(void) {
        static const char *const argv[] = { "printf", "\xff\xfe\x80", "", "a\nb" };
        _cleanup_spec_ Spec spec = SPEC_INIT;

        check_read(with_bytes("Argv", 0, argv, NULL, 4), &spec);
        for (size_t i = 0; i < 4; i++)
                check_string(spec.argv[i], argv[i]);
        check_string(spec.argv[4], NULL);
}

static void argv_refused(void) {
        sd_bus_message *m;

        m = enqueue_new();
        check_ok(sd_bus_message_append(m, "asa{sv}", 0, 0));
        check_refused(m, "command is empty");
        m = enqueue_new();
        check_ok(sd_bus_message_append(m, "asa{sv}", 2, "", "x", 0));
        check_refused(m, "command is empty");
        check_refused(with_bytes("Argv", 0, NULL, NULL, 0), "command is empty");
        check_refused(with_bytes("Argv", 0, (const char *[]) { "a\0b" }, (size_t[]) { 3 }, 1), "NUL byte");
        check_refused(with_bytes("Argv", 1, (const char *[]) { "true" }, NULL, 1), "cannot be combined");
        check_refused(with_option("Argv", "as", 1, "x"), "Option Argv has type as");
}

static void too_large(void) {
        _cleanup_free_ char *most = repeat('x', JOB_COMMAND_MAX - strlen("true") - 2),
                            *large = repeat('x', JOB_COMMAND_MAX);
        _cleanup_spec_ Spec spec = SPEC_INIT;
        sd_bus_message *m;

        m = enqueue_new();
        check_ok(sd_bus_message_append(m, "asa{sv}", 2, "true", most, 0));
        check_read(m, &spec);
        check_string(spec.argv[1], most);

        m = enqueue_new();
        check_ok(sd_bus_message_append(m, "asa{sv}", 3, "true", most, "", 0));
        check_refused_as(m, JOBS_ERROR_LIMIT_EXCEEDED, "exceed 8388608 bytes");

        m = enqueue_new();
        check_ok(sd_bus_message_open_container(m, 'a', "s"));
        for (unsigned i = 0; i <= JOB_STRINGS_MAX; i++)
                check_ok(sd_bus_message_append_basic(m, 's', i > 0 ? "" : "true"));
        check_ok(sd_bus_message_close_container(m));
        check_ok(sd_bus_message_append(m, "a{sv}", 0));
        check_refused_as(m, JOBS_ERROR_LIMIT_EXCEEDED, "262144 strings");

        memcpy(large, "A=", 2);
        check_refused_as(with_option("Environment", "as", 1, large), JOBS_ERROR_LIMIT_EXCEEDED, "8388608 bytes");
}

/* --- options --------------------------------------------------------------------------------------- */

static void all_options(void) {
        _cleanup_close_ int fd = memfd_create("stdin", MFD_CLOEXEC);
        _cleanup_spec_ Spec spec = SPEC_INIT;
        sd_bus_message *m = enqueue_new();

        check(fd >= 0);
        check(write(fd, "data", 4) == 4);
        check_ok(sd_bus_message_append(m, "asa{sv}", 1, "true", 17,
                                       "Kind", "s", "task",
                                       "Label", "s", "a label",
                                       "Directory", "s", "/directory",
                                       "Environment", "as", 2, "A=1", "B=",
                                       "Stdin", "h", fd,
                                       "Workspace", "s", "/workspace",
                                       "Session", "s", "a session",
                                       "RuntimeMaxUSec", "t", UINT64_C(1000000),
                                       "OutputMax", "t", UINT64_C(2),
                                       "MemoryMax", "t", UINT64_C(1048576),
                                       "TasksMax", "t", UINT64_C(4),
                                       "CPUWeight", "t", UINT64_C(5),
                                       "StallUSec", "t", UINT64_C(6000000),
                                       "IdempotencyKey", "s", "a key",
                                       "ReadOnly", "b", true,
                                       "MergeOutput", "b", true,
                                       "UMask", "u", UINT32_C(027)));
        check_read(m, &spec);
        check_string(spec.kind, "task");
        check_string(spec.label, "a label");
        check_string(spec.directory, "/directory");
        check_string(spec.environment[0], "A=1");
        check_string(spec.environment[1], "B=");
        check_string(spec.environment[2], NULL);
        check_string(spec.workspace, "/workspace");
        check_string(spec.session, "a session");
        check_int(spec.limits.runtime_max_usec, 1000000);
        check_int(spec.limits.output_max, 2);
        check_int(spec.limits.memory_max, 1048576);
        check_int(spec.limits.tasks_max, 4);
        check_int(spec.limits.cpu_weight, 5);
        check_int(spec.limits.stall_usec, 6000000);
        check_int(spec.limits.read_only, 1);
        check_int(spec.limits.merge_output, 1);
        check_int(spec.limits.umask, JOB_MASK_GIVEN | 027);
        check_string(spec.key, "a key");
        check(spec.stdin_fd >= 0 && spec.stdin_fd != fd);
        check_int(lseek(spec.stdin_fd, 0, SEEK_END), 4);
}

static void environment(void) {
        static const char *const bytes[] = { "NAME=\xff", "A==", "B=\n", "lower case=x" };
        _cleanup_spec_ Spec spec = SPEC_INIT;

        check_read(with_bytes("Environment", 1, bytes, NULL, 4), &spec);
        for (size_t i = 0; i < 4; i++)
                check_string(spec.environment[i], bytes[i]);
        check_string(spec.environment[4], NULL);

        check_refused(with_option("Environment", "as", 1, "PATH"), "Entry 1 of option Environment is not");
        check_refused(with_option("Environment", "as", 2, "A=1", "=x"), "Entry 2 of option Environment is not");
        check_refused(with_option("Environment", "as", 3, "A=1", "B=2", ""), "Entry 3 of option Environment is not");
        check_refused(with_bytes("Environment", 1, (const char *[]) { "A=\0" }, (size_t[]) { 3 }, 1), "Environment");
        check_refused(with_option("Environment", "s", "A=1"), "Option Environment has type s");
}

static void directory(void) {
        _cleanup_free_ char *longest = repeat('d', PATH_MAX - 1), *longer = repeat('d', PATH_MAX);
        _cleanup_spec_ Spec spec = SPEC_INIT;

        longest[0] = longer[0] = '/';
        check_read(with_option("Directory", "s", longest), &spec);
        check_string(spec.directory, longest);
        spec_clear(&spec);
        check_read(with_option("Directory", "ay", 3, '/', 0xff, '\n'), &spec);
        check_string(spec.directory, "/\xff\n");

        check_refused(with_option("Directory", "s", longer), "Directory");
        check_refused(with_option("Directory", "s", ""), "absolute path");
        check_refused(with_option("Directory", "s", "."), "absolute path");
        check_refused(with_option("Directory", "s", "~/x"), "absolute path");
        check_refused(with_option("Directory", "ay", 0), "absolute path");
        check_refused(with_option("Directory", "ay", 3, '/', 0, 'x'), "Directory contains a NUL");
        check_refused(with_option("Directory", "o", "/x"), "Option Directory has type o");
}

static void strings(void) {
        static const struct {
                const char *name;
                char first;
                size_t max;
        } options[] = {
                { "Label", 'x', JOB_LABEL_MAX },
                { "Session", 'x', JOB_SESSION_MAX },
                { "Workspace", '/', PATH_MAX - 1 },
                { "Kind", 'x', 32 },
                { "IdempotencyKey", 'x', JOB_KEY_MAX },
        };

        for (size_t i = 0; i < ELEMENTSOF(options); i++) {
                _cleanup_free_ char *longest = repeat(options[i].first, options[i].max);
                _cleanup_free_ char *longer = repeat(options[i].first, options[i].max + 1);
                _cleanup_spec_ Spec spec = SPEC_INIT;

                check_read(with_option(options[i].name, "s", longest), &spec);
                check_refused(with_option(options[i].name, "s", longer), options[i].name);
                check_refused(with_option(options[i].name, "ay", 1, options[i].first), "has type ay");
                check_refused(with_option(options[i].name, "u", 1), "has type u");
        }
        check_refused(with_option("Kind", "s", "Task"), "Option Kind");
        check_refused(with_option("Kind", "s", ""), "Option Kind");
        check_refused(with_option("IdempotencyKey", "s", ""), "Option IdempotencyKey");
        check_refused(with_option("Workspace", "s", ""), "Option Workspace");
        check_refused(with_option("Workspace", "s", "relative"), "Option Workspace");
}

static void numbers(void) {
        static const struct {
                const char *name;
                uint64_t min, max;
        } options[] = {
                { "RuntimeMaxUSec", 1000000, UINT64_C(315360000000000) },
                { "OutputMax", 1, INT64_MAX },
                { "MemoryMax", 1048576, INT64_MAX },
                { "TasksMax", 1, INT32_MAX },
                { "CPUWeight", 1, 10000 },
                { "StallUSec", 1000000, UINT64_C(315360000000000) },
        };

        for (size_t i = 0; i < ELEMENTSOF(options); i++) {
                _cleanup_spec_ Spec least = SPEC_INIT, most = SPEC_INIT;

                check_read(with_option(options[i].name, "t", options[i].min), &least);
                check_read(with_option(options[i].name, "t", options[i].max), &most);
                check_refused(with_option(options[i].name, "t", options[i].min - 1), options[i].name);
                check_refused(with_option(options[i].name, "t", options[i].max + 1), options[i].name);
                check_refused(with_option(options[i].name, "t", UINT64_MAX), options[i].name);
                check_refused(with_option(options[i].name, "d", 1.0), "has type d, expected t or another integer type");
                check_refused(with_option(options[i].name, "b", true), "has type b");
                check_refused(with_option(options[i].name, "s", "1"), "has type s");
        }
}

/* Many bindings choose the type of a number by its size. */
static void integers(void) {
        static const char *const refused[] = {
                "CPUWeight is out of range (1 to 10000): -1.", "CPUWeight is out of range (1 to 10000): -32768.",
                "CPUWeight is out of range (1 to 10000): -9223372036854775808.",
                "CPUWeight is out of range (1 to 10000): 18446744073709551615.",
        };
        _cleanup_spec_ Spec y = SPEC_INIT, n = SPEC_INIT, q = SPEC_INIT, i = SPEC_INIT, u = SPEC_INIT, x = SPEC_INIT,
                            t = SPEC_INIT;

        check_read(with_option("CPUWeight", "y", 255), &y);
        check_int(y.limits.cpu_weight, 255);
        check_read(with_option("CPUWeight", "n", 10000), &n);
        check_int(n.limits.cpu_weight, 10000);
        check_read(with_option("UMask", "q", 0777), &q);
        check_int(q.limits.umask, JOB_MASK_GIVEN | 0777);
        check_read(with_option("TasksMax", "i", INT32_MAX), &i);
        check_int(i.limits.tasks_max, INT32_MAX);
        check_read(with_option("MemoryMax", "u", UINT32_MAX), &u);
        check_int(u.limits.memory_max, UINT32_MAX);
        check_read(with_option("OutputMax", "x", INT64_MAX), &x);
        check(x.limits.output_max == INT64_MAX);
        check_read(with_option("UMask", "t", UINT64_C(0)), &t);
        check_int(t.limits.umask, JOB_MASK_GIVEN);

        check_refused(with_option("CPUWeight", "i", -1), refused[0]);
        check_refused(with_option("CPUWeight", "n", -32768), refused[1]);
        check_refused(with_option("CPUWeight", "x", INT64_MIN), refused[2]);
        check_refused(with_option("CPUWeight", "t", UINT64_MAX), refused[3]);
        check_refused(with_option("UMask", "i", -1), "Option UMask is out of range (0 to 511): -1.");
}

static void flags(void) {
        _cleanup_spec_ Spec spec = SPEC_INIT;

        check_read(with_option("ReadOnly", "b", false), &spec);
        check_int(spec.limits.read_only, 0);
        check_refused(with_option("ReadOnly", "s", "yes"), "Option ReadOnly has type s");
        check_refused(with_option("ReadOnly", "t", UINT64_C(1)), "Option ReadOnly has type t");
        spec_clear(&spec);
        check_read(with_option("MergeOutput", "b", false), &spec);
        check_int(spec.limits.merge_output, 0);
        check_refused(with_option("MergeOutput", "s", "yes"), "Option MergeOutput has type s");
}

static void resources(void) {
        _cleanup_spec_ Spec none = SPEC_INIT, some = SPEC_INIT;

        check_read(with_option("ResourceLimits", "a{sv}", 0), &none);
        check_string(none.resource_limits, NULL);
        check_read(with_option("ResourceLimits", "a{sv}", 4, "STACK", "t", UINT64_MAX, "NOFILE", "i", 4096, "RTPRIO", "y", 99,
                               "CORE", "x", INT64_C(0)), &some);
        check_string(some.resource_limits, "CORE=0 NOFILE=4096 RTPRIO=99 STACK=infinity");
        check(spec_digest(&some) != spec_digest(&none));

        check_refused(with_option("ResourceLimits", "a{sv}", 1, "NOFILES", "t", UINT64_C(1)),
                      "Option ResourceLimits has no limit 'NOFILES', only AS, CORE, CPU, ");
        check_refused(with_option("ResourceLimits", "a{sv}", 2, "NOFILE", "t", UINT64_C(1), "NOFILE", "t", UINT64_C(1)),
                      "Option ResourceLimits has the limit NOFILE more than once.");
        check_refused(with_option("ResourceLimits", "a{sv}", 1, "NOFILE", "s", "1"),
                      "Limit NOFILE of option ResourceLimits has type s, expected t or another integer type.");
        check_refused(with_option("ResourceLimits", "a{sv}", 1, "RTPRIO", "t", UINT64_C(100)),
                      "Limit RTPRIO of option ResourceLimits is out of range (0 to 99, or 18446744073709551615 for none): 100.");
        check_refused(with_option("ResourceLimits", "a{sv}", 1, "CORE", "i", -1), "is out of range (0 to 9223372036854775807, ");
        check_refused(with_option("ResourceLimits", "a{st}", 1, "CORE", UINT64_C(1)), "has type a{st}, expected a{sv}");
        check_refused(with_option("ResourceLimits", "s", "CORE=0"), "has type s, expected a{sv}");
}

/* None is told apart from 0. */
static void umasks(void) {
        _cleanup_spec_ Spec none = SPEC_INIT, least = SPEC_INIT, most = SPEC_INIT;

        check_read(with_option("Kind", "s", "job"), &none);
        check_int(none.limits.umask, 0);
        check_read(with_option("UMask", "u", UINT32_C(0)), &least);
        check_int(least.limits.umask, JOB_MASK_GIVEN);
        check_read(with_option("UMask", "u", UINT32_C(0777)), &most);
        check_int(most.limits.umask, JOB_MASK_GIVEN | 0777);
        check_refused(with_option("UMask", "u", UINT32_C(01000)), "Option UMask is out of range");
        check_refused(with_option("UMask", "u", UINT32_MAX), "Option UMask is out of range");
        check_refused(with_option("UMask", "s", "022"), "Option UMask has type s");
        check_refused(with_option("UMask", "t", UINT64_C(01000)), "Option UMask is out of range (0 to 511): 512.");
}

/* Reading what is no memfd may block for ever. */
static void stdin_refused(void) {
        _cleanup_close_ int null = open("/dev/null", O_RDONLY | O_CLOEXEC),
                            directory_fd = open("/", O_RDONLY | O_CLOEXEC);
        int fds[2];

        check_ok(pipe2(fds, O_CLOEXEC));
        check_refused(with_option("Stdin", "h", fds[0]), "Option Stdin is not a memfd");
        check_refused(with_option("Stdin", "h", null), "Option Stdin is not a memfd");
        check_refused(with_option("Stdin", "h", directory_fd), "Option Stdin is not a memfd");
        check_refused(with_option("Stdin", "s", "text"), "Option Stdin has type s");
        check_refused(with_option("Stdin", "as", 1, "x"), "Option Stdin has type as");
        closep(&fds[0]);
        closep(&fds[1]);
}

static void unknown_options(void) {
        _cleanup_free_ char *long_name = repeat('n', 100000);

        check_refused(with_option("Colour", "s", "red"), "Unknown option Colour.");
        check_refused(with_option("kind", "s", "task"), "Unknown option kind.");
        check_refused(with_option("", "s", "task"), "Unknown option ");
        check_refused(with_option(long_name, "(sa{sv})", "red", 0), "Unknown option nnn");
}

/* The name is the caller's; what is said of it must go over the bus. */
static void unknown_option_cut(void) {
        check_refused(with_option("x" "éééééééééééééééé" "éééééééééééééééé" "éééééééé", "s", "red"), "Unknown option xé");
}

static void unknown_option_lines(void) {
        check_refused(with_option("two\nlines", "s", "red"), "Unknown option two");
}

static sd_bus_message *with_option_twice(const char *name, const char *type, const char *first, const char *second) {
        sd_bus_message *m = enqueue_new();

        check_ok(sd_bus_message_append(m, "as", 1, "true"));
        if (streq(type, "as"))
                check_ok(sd_bus_message_append(m, "a{sv}", 2, name, type, 1, first, name, type, 1, second));
        else
                check_ok(sd_bus_message_append(m, "a{sv}", 2, name, type, first, name, type, second));
        return m;
}

/* D-Bus does not keep a dictionary from naming a key twice. It must not cost memory either. */
static void option_twice(void) {
        sd_bus_message *m;

        check_refused(with_option_twice("Directory", "s", "/a", "/b"), "Option Directory is given more than once");
        check_refused(with_option_twice("Environment", "as", "A=1", "B=2"), "Option Environment is given more than once");
        check_refused(with_option_twice("Label", "s", "a", "a"), "Option Label is given more than once");

        m = enqueue_new();
        check_ok(sd_bus_message_append(m, "asa{sv}", 1, "true", 2, "TasksMax", "t", UINT64_C(1), "TasksMax", "t",
                                       UINT64_C(2)));
        check_refused(m, "Option TasksMax is given more than once");
}

/* What does not have the signature of Enqueue; sd-bus keeps it off, and we do not rely on it. */
static void wrong_signature(void) {
        static const char *const types[] = { "", "s", "as", "a{sv}", "asa{ss}", "aia{sv}" };

        for (size_t i = 0; i < ELEMENTSOF(types); i++) {
                _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
                _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = enqueue_new();
                _cleanup_spec_ Spec spec = SPEC_INIT;

                if (streq(types[i], "s"))
                        check_ok(sd_bus_message_append(m, "s", "x"));
                else if (*types[i])
                        check_ok(sd_bus_message_append(m, types[i], 0, 0));
                message_finish(m);
                check(spec_read(m, &spec, &error) < 0);
        }
}

TEST_MAIN(TEST(bare), TEST(argv_as_it_is), TEST(argv_many), TEST(argv_bytes), TEST(argv_refused), TEST(too_large),
          TEST(all_options), TEST(environment), TEST(directory), TEST(strings), TEST(numbers), TEST(integers), TEST(flags),
          TEST(resources), TEST(umasks), TEST(stdin_refused), TEST(unknown_options), TEST(unknown_option_cut),
          TEST(unknown_option_lines), TEST(option_twice), TEST(wrong_signature))
