/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

/* The Codex adapter's judgement: why Codex failed, whether the job is done, and the structured result. */

#include <sys/wait.h>

#include "complaint.h"
#include "result.h"
#include "test-codex.h"
#include "text.h"
#include "utf8.h"
#include "verdict.h"

/* ---- The verdict ---- */

static void complaints(void) {
        static const struct {
                const char *lines[6];
                const char *reason;
        } cases[] = {
                { { "Reading prompt from stdin...", "WARNING: x" }, NULL },
                { { "WARNING: x", "No prompt provided via stdin." }, "No prompt provided via stdin." },
                { { "Error: first", "noise", "Stack backtrace:", "   0: <unknown>" }, "Error: first" },
                { { "Error loading config.toml:", "/x:2:4: unclosed", "  |" },
                  "Error loading config.toml: /x:2:4: unclosed" },
                { { "thread 'main' panicked at src/x.rs:5:", "Broken pipe" },
                  "thread 'main' panicked at src/x.rs:5: Broken pipe" },
                { { "Stack backtrace:", "   0: Error", "after it" }, "after it" },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_(complaint_clear) Complaint complaint = {};

                for (const char *const *line = cases[i].lines; *line; line++)
                        check_ok(complaint_line(&complaint, *line, strlen(*line)));
                check_string(complaint.error ?: complaint.last, cases[i].reason);
        }
}

#define EXITED(n) { .si_code = CLD_EXITED, .si_status = n }
#define KILLED(n) { .si_code = CLD_KILLED, .si_status = n }

static void verdicts(void) {
        static const struct {
                const char *lines[8];
                Ending ending;
                int status;
                const char *part; /* of the text; NULL: it is a success */
        } cases[] = {
                { { BEGIN, MESSAGE("x"), COMPLETED }, { EXITED(0) }, 0, NULL },
                { { BEGIN, MESSAGE("x"), COMPLETED }, { EXITED(0), .stopped = SIGTERM }, 0, NULL },
                { { BEGIN, MESSAGE("x"), COMPLETED }, { KILLED(SIGTERM), .sent_home = true }, 0, NULL },
                { { BEGIN, MESSAGE("x"), COMPLETED }, { EXITED(143), .sent_home = true }, 0, NULL },
                { { BEGIN, MESSAGE("x"), COMPLETED }, { KILLED(SIGTERM), .sent_home = true, .stopped = SIGTERM }, 143,
                  "stopped (SIGTERM)" },
                { { BEGIN, MESSAGE("x"), COMPLETED }, { EXITED(0), .expected_thread = THREAD }, 0, NULL },
                { { BEGIN, MESSAGE("x"), COMPLETED }, { EXITED(0), .expected_thread = "other" }, 1,
                  "did not resume thread other" },
                { { BEGIN, MESSAGE("x"), COMPLETED }, { EXITED(7) }, 7, "status 7 after its turn was complete" },
                { { BEGIN, MESSAGE("x"), COMPLETED }, { EXITED(0), .half_line = true }, 1, "middle of a line" },
                { { BEGIN, MESSAGE("x"), COMPLETED }, { KILLED(SIGSEGV) }, 139, "signal 11 (SIGSEGV)" },
                { { BEGIN, MESSAGE("x") }, { EXITED(0) }, 1, "before its turn was complete" },
                { { BEGIN, COMPLETED }, { EXITED(0) }, 1, "without a final message" },
                { { BEGIN, MESSAGE(" \\n"), COMPLETED }, { EXITED(0) }, 1, "without a final message" },
                { { BEGIN, MESSAGE("Review was interrupted. Please re-run /review"), COMPLETED }, { EXITED(0) }, 1,
                  "interrupted" },
                { { BEGIN, MESSAGE("x"), FAILED("boom"), COMPLETED }, { EXITED(0) }, 1, "(boom)" },
                { { BEGIN, FAILED("unexpected status 401 Unauthorized") }, { EXITED(1) }, 1, "Run 'codex login'" },
                { { BEGIN, FAILED("last status: 429 Too Many Requests") }, { EXITED(1) }, 1, "--resume " THREAD },
                { { BEGIN, FAILED("stream disconnected") }, { EXITED(1), .is_review = true }, 1,
                  "start the review again" },
                { { BEGIN, COMMAND("started", "1", "\"command\":\"make\"") }, { KILLED(SIGKILL) }, 137,
                  "while running 'make'" },
                { { BEGIN }, { KILLED(SIGTERM), .stopped = SIGTERM }, 143, "stopped (SIGTERM)" },
                { { BEGIN }, { EXITED(1), .stopped = SIGINT }, 130, "stopped (SIGINT)" },
                { {}, { EXITED(0) }, 1, "start it again" },
                { {}, { EXITED(2) }, 2, "without an error" },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_verdict_ Verdict verdict = {};
                _cleanup_turn_ Turn t = {};
                Complaint complaint = {};

                feed(&t, cases[i].lines);
                check_ok(verdict_make(&t, &cases[i].ending, &complaint, &verdict));
                check_int(verdict.status, cases[i].status);
                if (cases[i].part)
                        check_contains(verdict.text, cases[i].part);
                else
                        check_string(verdict.text, NULL);
        }
}

static void verdict_lost_message(void) {
        _cleanup_turn_ Turn t = {};
        Ending ending = { EXITED(0) };

        FEED(&t, BEGIN, MESSAGE("on the way"), COMPLETED);
        t.message_lost = true;
        check(!verdict_has_answer(&t, &ending));
        FEED(&t, MESSAGE("the answer"));
        check(verdict_has_answer(&t, &ending));
}

/* ---- The result ---- */

static json_object *result_of(const Result *result) {
        _cleanup_free_ char *text = NULL;
        json_object *document;
        size_t size;

        text = result_format(result, &size);
        check(text);
        check_int(size, strlen(text));
        check(size < RESULT_MAX);
        check(utf8_is_valid(text, size));
        document = json_tokener_parse(text);
        check(document);
        return document;
}

static int64_t number(json_object *document, const char *key) {
        return json_object_get_int64(json_object_object_get(document, key));
}

static const char *member(json_object *document, const char *key) {
        return json_object_to_json_string_ext(json_object_object_get(document, key), JSON_C_TO_STRING_PLAIN);
}

static void result_members(void) {
        _cleanup_turn_ Turn t = {};
        Result result = { .kind = "task", .turn = &t };
        json_object *document;

        document = result_of(&result);
        check_string(member(document, "thread_id"), "null");
        check_string(member(document, "next"), "[]");
        json_object_put(document);

        FEED(&t, BEGIN, COMMAND("completed", "1", "\"command\":\"a\",\"exit_code\":3"),
             COMMAND("completed", "2", "\"command\":\"b\""), COMMAND("started", "3", "\"command\":\"c\""),
             EDIT("completed", "f", "add", "completed"), MESSAGE("m"), COMPLETED);
        result.next = "codex login";
        document = result_of(&result);
        check_string(member(document, "commands"),
                     "[{\"command\":\"a\",\"exit_code\":3},{\"command\":\"b\",\"exit_code\":null},"
                     "{\"command\":\"c\",\"exit_code\":null}]");
        check_string(member(document, "files"), "[{\"path\":\"f\",\"kind\":\"add\"}]");
        check_string(member(document, "last_message"), "\"m\"");
        check_string(member(document, "next"), "[\"codex login\",\"codex exec resume " THREAD "\","
                                               "\"codex-jobs task --resume " THREAD "\"]");
        check_string(member(document, "usage"), "{\"input_tokens\":5,\"cached_input_tokens\":0,\"output_tokens\":2,"
                                                "\"reasoning_output_tokens\":0}");
        check_string(member(document, "error"), "null");
        json_object_put(document);
}

/* It fits, and is UTF-8, whatever is in it and however it is written anew. */
static void result_fits(void) {
        static const char *const units[] = { "x", "/", "\"", "\x01", "ä", "🎉", "\xff", "\0" };

        for (size_t i = 0; i < ELEMENTSOF(units); i++) {
                _cleanup_turn_ Turn t = {};
                Result result = { .kind = "task", .turn = &t };
                size_t length = MAX(strlen(units[i]), 1U);
                json_object *document;

                t.message_size = 300000 / length * length;
                t.message = malloc(t.message_size + 1);
                check(t.message);
                for (size_t n = 0; n < t.message_size; n += length)
                        memcpy(t.message + n, units[i], length);
                t.message[t.message_size] = 0;
                for (size_t n = 0; n < TURN_COMMANDS_MAX; n++)
                        t.commands[n].command = text_block(t.message, t.message_size, TURN_COMMAND_MAX);
                t.n_commands = 5 * TURN_COMMANDS_MAX;
                document = result_of(&result);
                check(strlen(json_object_to_json_string_ext(document, JSON_C_TO_STRING_PLAIN)) < RESULT_MAX);
                check(strlen(member(document, "last_message")) > RESULT_MAX / 4);
                check_int(number(document, "last_message_bytes"), t.message_size);
                check_int(number(document, "commands_omitted") +
                                  json_object_array_length(json_object_object_get(document, "commands")),
                          5 * TURN_COMMANDS_MAX);
                json_object_put(document);
        }
}

static void result_in_place(void) {
        const char *path = test_path("result"), *other = test_path("other");
        _cleanup_turn_ Turn t = {};
        Result result = { .kind = "task", .turn = &t, .error = "long ago" };
        char text[1024] = "";
        FILE *f;

        check_ok(result_write(&result, path));
        check_ok(link(path, other));
        result.error = NULL; /* shorter */
        check_ok(result_write(&result, path));
        f = fopen(other, "re");
        check(f && fread(text, 1, sizeof(text) - 1, f) > 0);
        (void) fclose(f);
        check_contains(text, "\"error\":null");
        check_string(strchr(text, '\n'), "\n");
        check_error(result_write(&result, test_path("no/such/folder")), -ENOENT);
}

TEST_MAIN(TEST(complaints), TEST(verdicts), TEST(verdict_lost_message), TEST(result_members), TEST(result_fits),
          TEST(result_in_place))
