/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

/* What spec.c makes of a spec: its encoded form and its label; and of the result of a job. */

#include <endian.h>
#include <stdarg.h>

#include "bus-names.h"
#include "spec-format.h"
#include "spec.h"
#include "test.h"
#include "utf8.h"

/* --- encoding -------------------------------------------------------------------------------------- */

/* What of it is kept of an ended job. */
static size_t kept_size(const Spec *spec) {
        size_t size = sizeof(SpecHeader) + strlen(strempty(spec->directory)) + 1;

        for (char *const *a = spec->argv; *a; a++)
                size += strlen(*a) + 1;
        return size;
}

static void check_encoded(const Spec *spec, char *const *extra, uint64_t stdin_size, uint32_t n_argv,
                          uint32_t n_environment, const char *strings, size_t size) {
        _cleanup_free_ void *data = NULL;
        const SpecHeader *header;
        size_t n, command;

        check_ok(spec_encode(spec, extra, stdin_size, &data, &n, &command));
        check_int(command, kept_size(spec));
        header = data;
        check(n >= sizeof(*header));
        check_int(header->magic, SPEC_MAGIC);
        check_int(header->n_argv, n_argv);
        check_int(header->n_environment, n_environment);
        check_int(header->stdin_size, stdin_size);
        check_int(header->strings_size, size);
        check_bytes((char *) data + sizeof(*header), n - sizeof(*header), strings, size);
}

static void encode(void) {
        Spec spec = SPEC_INIT;

        spec.argv = STRINGS("true");
        check_encoded(&spec, NULL, SPEC_NO_STDIN, 1, 0, "\0true", 6);

        spec.argv = STRINGS("a", "", "\xff\n");
        spec.environment = STRINGS("A=1", "B=");
        spec.directory = (char[]) { "/x" };
        check_encoded(&spec, STRINGS("C=2", "A=3"), 0, 3, 4, "/x\0a\0\0\xff\n\0A=1\0B=\0C=2\0A=3", 24);
        check_encoded(&spec, STRINGS(NULL), UINT64_C(1) << 40, 3, 2, "/x\0a\0\0\xff\n\0A=1\0B=", 16);
}

/* The file of one version is read by the worker of another: the form is fixed. */
static void layout(void) {
        check_int(sizeof(SpecHeader), 32);
        check_int(offsetof(SpecHeader, magic), 0);
        check_int(offsetof(SpecHeader, strings_size), 8);
        check_int(offsetof(SpecHeader, stdin_size), 16);
        check_int(offsetof(SpecHeader, n_argv), 24);
        check_int(offsetof(SpecHeader, n_environment), 28);
        check_bytes(&(uint64_t) { htole64(SPEC_MAGIC) }, 8, "cj-spec1", 8);
}

/* --- decoding -------------------------------------------------------------------------------------- */

static void check_strings(char *const *list, char *const *expected) {
        size_t i = 0;

        for (; expected && expected[i]; i++)
                check_string(list[i], expected[i]);
        check(!list || !list[i]);
}

/* What was encoded, with an input behind it; and what is kept of it. */
static void decode(void) {
        const Spec spec = { .argv = STRINGS("a", "", "c"), .environment = STRINGS("A=1", "B="), .directory = (char[]) { "/d" } };
        char *const own[] = { (char[]) { "CODEX_JOB_ID=x" }, (char[]) { "CODEX_JOB_RESULT=y" }, NULL };
        _cleanup_free_ char *data = NULL;
        _cleanup_spec_ Spec whole = SPEC_INIT, kept = SPEC_INIT;
        size_t size, command;
        SpecInput input;
        void *encoded;

        check_ok(spec_encode(&spec, own, 3, &encoded, &size, &command));
        data = realloc(encoded, size + 3);
        check(data);
        memcpy(data + size, "xyz", 3);

        check_ok(spec_decode(data, size + 3, &whole, &input));
        check_string(whole.directory, "/d");
        check_strings(whole.argv, spec.argv);
        check_strings(whole.environment, spec.environment);
        check(!input.erased && input.has_stdin);
        check_bytes(input.stdin_data, input.stdin_size, "xyz", 3);

        check_ok(spec_decode(data, command, &kept, &input));
        check_string(kept.directory, "/d");
        check_strings(kept.argv, spec.argv);
        check(!kept.environment);
        check(input.erased && input.has_stdin && !input.stdin_data);
}

/* Cut anywhere before the end of the command, or with a count that cannot be. */
static void decode_refused(void) {
        const Spec spec = { .argv = STRINGS("a", "b"), .environment = STRINGS("A=1") };
        _cleanup_free_ void *data = NULL;
        size_t size, command;
        SpecHeader *header;
        SpecInput input;
        Spec decoded;

        check_ok(spec_encode(&spec, NULL, SPEC_NO_STDIN, &data, &size, &command));
        for (size_t n = 0; n < command; n++)
                check_int(spec_decode(data, n, &decoded, &input), -EBADMSG);
        header = data;
        header->n_argv = 0;
        check_int(spec_decode(data, size, &decoded, &input), -EBADMSG);
        header->n_argv = UINT32_MAX;
        check_int(spec_decode(data, size, &decoded, &input), -EBADMSG);
        header->n_argv = 2;
        header->n_environment = 2;
        check_int(spec_decode(data, size, &decoded, &input), -EBADMSG);
        header->magic++;
        check_int(spec_decode(data, size, &decoded, &input), -EBADMSG);
}

/* --- digests --------------------------------------------------------------------------------------- */

/* Requests for different work, each with a digest of its own. */
static void digests(void) {
        const Spec specs[] = {
                { .argv = STRINGS("a"), .kind = "job" },
                { .argv = STRINGS("b"), .kind = "job" },
                { .argv = STRINGS("a", ""), .kind = "job" },
                { .argv = STRINGS("a", "b"), .kind = "job" },
                { .argv = STRINGS("ab"), .kind = "job" },
                { .argv = STRINGS("b", "a"), .kind = "job" },
                { .argv = STRINGS("a"), .kind = "job", .directory = (char[]) { "/" } },
                { .argv = STRINGS("a"), .kind = "job", .workspace = (char[]) { "/" } },
                { .argv = STRINGS("a"), .kind = "task" },
                { .argv = STRINGS("a"), .kind = "job", .limits.memory_max = 1 },
                { .argv = STRINGS("a"), .kind = "job", .limits.stall_usec = 1 },
                { .argv = STRINGS("a"), .kind = "job", .limits.read_only = 1 },
                { .argv = STRINGS("a"), .kind = "job", .limits.merge_output = 1 },
                { .argv = STRINGS("a"), .kind = "job", .retry_of = (char[]) { "job-0000000000" } },
                { .argv = STRINGS("a"), .kind = "job", .retry_of = (char[]) { "job-0000000001" } },
        };

        for (size_t i = 0; i < ELEMENTSOF(specs); i++)
                for (size_t k = 0; k < ELEMENTSOF(specs); k++)
                        if ((spec_digest(&specs[i]) == spec_digest(&specs[k])) != (i == k))
                                test_fail(TEST_PLACE("spec_digest()"), "of %zu and %zu", i, k);
}

/* What differs between two attempts of one caller at the same work. */
static void digests_equal(void) {
        const Spec spec = { .argv = STRINGS("a"), .kind = "job" };
        const Spec other = {
                .argv = STRINGS("a"),
                .kind = "job",
                .label = (char[]) { "x" },
                .session = (char[]) { "y" },
                .key = (char[]) { "z" },
                .environment = STRINGS("A=1"),
                .stdin_fd = 7,
                .notify = true,
                .limits.umask = JOB_MASK_GIVEN | 077,
        };
        const Spec limited = { .argv = STRINGS("a"), .kind = "job", .limits.read_only = 1 };

        check(spec_digest(&spec) == spec_digest(&other));
        check(spec_digest_more(1, "ab", 2) == spec_digest_more(spec_digest_more(1, "a", 1), "b", 1));
        check(spec_digest_more(1, "ab", 2) != spec_digest_more(1, "ba", 2));
        check(spec_digest_more(1, "", 0) == 1);
        /* Stored digests outlive a version of the service: FNV-1a of "a", and what its first version made of two. */
        check_int(spec_digest_more(UINT64_C(0xcbf29ce484222325), "a", 1), (int64_t) UINT64_C(0xaf63dc4c8601ec8c));
        check_int(spec_digest(&spec), (int64_t) UINT64_C(0x9187f2db2233205f));
        check_int(spec_digest(&limited), (int64_t) UINT64_C(0xc8fdfa7a69ff5e86));
}

/* --- labels ---------------------------------------------------------------------------------------- */

static void check_label(const char *expected, ...) __attribute__((sentinel));

static void check_label(const char *expected, ...) {
        _cleanup_free_ char *label = NULL;
        char *argv[16] = {};
        va_list ap;

        va_start(ap, expected);
        for (size_t i = 0; i + 1 < ELEMENTSOF(argv) && (argv[i] = va_arg(ap, char *)); i++)
                ;
        va_end(ap);
        label = spec_make_label(&(Spec) { .argv = argv });
        check_string(label, expected);
        check(utf8_is_valid(label, strlen(label)));
}

#define TEN "0123456789"
#define SEVENTY TEN TEN TEN TEN TEN TEN TEN

static void labels(void) {
        check_label("true", "true", NULL);
        check_label("make -j 2 all", "make", "-j", "2", "all", NULL);
        check_label("sh -c a b  c", "sh", "-c", "a\nb\t\x01" "c", NULL);
        check_label("a  b", "a", "", "b", NULL);
        check_label("printf \xef\xbf\xbd", "printf", "\xff", NULL);
}

static void labels_cut(void) {
        _cleanup_free_ char *large = malloc(100001);

        check_label(SEVENTY TEN, SEVENTY TEN, NULL);
        check_label(SEVENTY TEN "…", SEVENTY TEN "0", NULL);
        check_label(SEVENTY " 012345678…", SEVENTY, "0123456789", NULL);
        check_label(SEVENTY "012345678…", SEVENTY "012345678" "ä", NULL); /* not in a character */
        check_label(SEVENTY "01234567" "ä…", SEVENTY "01234567" "ä" "x", NULL);
        check_label(SEVENTY "0123456…", SEVENTY "0123456" "🎉", NULL);

        check(large);
        memset(large, 'x', 100000);
        large[100000] = 0;
        check_label("a xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx…", "a", large,
                    "b", NULL);
}

/* Nothing but bytes that could be inside a character. */
static void label_of_continuations(void) {
        char bytes[200] = {};

        memset(bytes, 0x80, sizeof(bytes) - 1);
        check_label("…", bytes, NULL);
}

/* --- results --------------------------------------------------------------------------------------- */

static void check_result(const char *text, const char *expected) {
        _cleanup_free_ char *result = NULL;

        result = spec_normalize_result(text, strlen(text));
        if (expected ? !result || !streq(result, expected) : !!result)
                test_fail(TEST_PLACE("spec_normalize_result()"), "of %.200s is %s and not %s", text, result ?: "NULL",
                          expected ?: "NULL");
}

static void results(void) {
        check_result("{}", "{}");
        check_result(" \t\r\n{ } \t\r\n", "{}");
        check_result("{\"a\": 1,\n \"b\": [true, false, null, -1.5, \"x\"]}\n",
                     "{\"a\":1,\"b\":[true,false,null,-1.5,\"x\"]}");
        check_result("{\"text\":\"a\\nb \\\"ä 世界\"}", "{\"text\":\"a\\nb \\\"ä 世界\"}");
        check_result("{\"n\":9223372036854775807,\"u\":18446744073709551615}",
                     "{\"n\":9223372036854775807,\"u\":18446744073709551615}");
        check_result("{\"d\":1e10,\"e\":0.1}", "{\"d\":1e10,\"e\":0.1}");
}

static void results_refused(void) {
        static const char *const texts[] = {
                "",
                " ",
                "null",
                "1",
                "\"text\"",
                "[]",
                "[{}]",
                "{",
                "}",
                "{\"a\"}",
                "{\"a\":}",
                "{\"a\":1,}",
                "{a:1}",
                "{} {}",
                "{}x",
                "{},",
                "{\"a\":01}",
                "{\"a\":+1}",
                "{\"a\":.5}",
                "{\"a\":0x1}",
                "{\"a\":tru}",
                "{\"a\":True}",
                "{\"a\":\"x}",
                "{\"a\":\"\\x\"}",
                "{\"a\":\"\xff\"}",
                "{/* a */}",
                "// a\n{}",
                "\xef\xbb\xbf{}",
        };

        for (size_t i = 0; i < ELEMENTSOF(texts); i++)
                check_result(texts[i], NULL);
}

/* What some parsers take but is not in JSON (RFC 8259): who reads the result would stumble over it. */
static void results_not_json(void) {
        static const char *const texts[] = {
                "{\"a\":NaN}", "{\"a\":nan}", "{\"a\":Infinity}", "{\"a\":-Infinity}", "{\"a\":1.}", "{\"a\":[1.,2]}",
        };

        for (size_t i = 0; i < ELEMENTSOF(texts); i++)
                check_result(texts[i], NULL);
}

/* What cannot be kept as it is must not become something else. */
static void results_not_changed(void) {
        static const char *const texts[] = {
                "{\"a\":18446744073709551616}", "{\"a\":-9223372036854775809}", "{\"a\\u0000b\":1}",
        };

        for (size_t i = 0; i < ELEMENTSOF(texts); i++) {
                _cleanup_free_ char *result = spec_normalize_result(texts[i], strlen(texts[i]));

                if (result)
                        check_string(result, texts[i]);
        }
}

static void result_with_nul(void) {
        check(!spec_normalize_result("{}\0", 3));
        check(!spec_normalize_result("{\"a\":\"\0\"}", 9));
}

static void result_sizes(void) {
        _cleanup_free_ char *text = malloc(JOB_RESULT_MAX + 2), *result = NULL;

        check(text);
        memset(text, ' ', JOB_RESULT_MAX + 1);
        memcpy(text, "{\"a\":\"", 6);
        memset(text + 6, 'x', JOB_RESULT_MAX - 8);
        memcpy(text + JOB_RESULT_MAX - 2, "\"} ", 4);
        result = spec_normalize_result(text, JOB_RESULT_MAX);
        check(result);
        check_bytes(result, strlen(result), text, JOB_RESULT_MAX);
        check(!spec_normalize_result(text, JOB_RESULT_MAX + 1));
}

static void result_nested(void) {
        char text[20001];

        memset(text, '[', sizeof(text));
        memcpy(text, "{\"a\":", 5);
        text[sizeof(text) - 1] = 0;
        check_result(text, NULL);
}

TEST_MAIN(TEST(encode), TEST(layout), TEST(decode), TEST(decode_refused), TEST(digests), TEST(digests_equal), TEST(labels), TEST(labels_cut),
          TEST(label_of_continuations), TEST(results), TEST(results_refused), TEST(results_not_json),
          TEST(results_not_changed), TEST(result_with_nul), TEST(result_sizes), TEST(result_nested))
