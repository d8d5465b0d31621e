/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

/* The Codex adapter's reading: from bytes to lines, from lines to events, to the turn and its progress line. */

#include "command.h"
#include "lines.h"
#include "progress.h"
#include "test-codex.h"
#include "text.h"

/* ---- Lines ---- */

typedef struct Seen {
        char text[256];
        size_t lines, bytes;
} Seen;

static int on_line(const char *line, size_t n, unsigned flags, void *userdata) {
        Seen *seen = userdata;
        size_t used = strlen(seen->text);

        (void) snprintf(seen->text + used, sizeof(seen->text) - used, "%.*s%s%s|", (int) MIN(n, 20U), line,
                        flags & LINE_CUT ? "~" : "", flags & LINE_OPEN ? "?" : "");
        seen->lines++;
        seen->bytes += n;
        return 0;
}

/* The same lines, whatever the pieces are that they come in. */
static void lines_in_pieces(void) {
        static const char input[] = "one\n\nthree is long\n12345678\n123456789\nopen";

        for (size_t piece = 1; piece <= sizeof(input); piece++) {
                Seen seen = {};
                Lines lines = { .max = 8, .handler = on_line, .userdata = &seen };

                for (size_t i = 0; i < strlen(input); i += piece)
                        check_ok(lines_feed(&lines, input + i, MIN(piece, strlen(input) - i)));
                check_ok(lines_end(&lines));
                check_string(seen.text, "one||three is~|12345678|12345678~|open?|");
                lines_clear(&lines);
        }
}

static void lines_long(void) {
        static const char piece[4096] = { [0 ... 4095] = 'x' };
        Seen seen = {};
        Lines lines = { .max = 16 * 1024 * 1024, .handler = on_line, .userdata = &seen };

        for (size_t i = 0; i < 8192; i++) /* 32 MiB on one line */
                check_ok(lines_feed(&lines, piece, sizeof(piece)));
        check(lines.allocated <= lines.max);
        check_ok(lines_feed(&lines, "\nnext\n", 6));
        check_int(seen.lines, 2);
        check_int(seen.bytes, lines.max + 4);
        check(lines.allocated <= 1024 * 1024);
        lines_clear(&lines);
}

static int refuse(const char *line, size_t n, unsigned flags, void *userdata) {
        return -ENOMEM;
}

static void lines_refused(void) {
        Lines lines = { .max = 8, .handler = refuse };

        check_error(lines_feed(&lines, "a\nb\n", 4), -ENOMEM);
        lines_clear(&lines);
}

/* ---- Events ---- */

static void event_kinds(void) {
        static const struct {
                const char *line;
                EventType type;
                ItemType item;
                const char *text;
        } cases[] = {
                { "{\"new\":[{}],\"type\":\"thread.started\",\"thread_id\":\"x\"}", EVENT_THREAD_STARTED, ITEM_NONE,
                  "x" },
                { "{\"type\":\"turn.started\"}\r", EVENT_TURN_STARTED, ITEM_NONE, NULL },
                { FAILED("why"), EVENT_TURN_FAILED, ITEM_NONE, "why" },
                { "{\"type\":\"turn.failed\",\"error\":\"why\"}", EVENT_TURN_FAILED, ITEM_NONE, NULL },
                { "{\"type\":\"error\",\"message\":\"m\"}", EVENT_ERROR, ITEM_NONE, "m" },
                { MESSAGE("a\\u0041\\n"), EVENT_ITEM_COMPLETED, ITEM_MESSAGE, "aA\n" },
                { ITEM("started", "a", "web_search", "\"id\":\"b\",\"query\":\"q\""),
                  EVENT_ITEM_STARTED, ITEM_SEARCH, "q" },
                /* what a later version may say, and what makes no sense */
                { "{\"type\":\"galaxy.formed\"}", EVENT_UNKNOWN, ITEM_NONE, NULL },
                { "{\"type\":5}", EVENT_UNKNOWN, ITEM_NONE, NULL },
                { "{}", EVENT_UNKNOWN, ITEM_NONE, NULL },
                { "{\"type\":\"item.completed\"}", EVENT_UNKNOWN, ITEM_NONE, NULL },
                { "{\"type\":\"item.completed\",\"item\":null}", EVENT_UNKNOWN, ITEM_NONE, NULL },
                { "{\"type\":\"item.completed\",\"item\":{\"type\":\"dream\"}}", EVENT_UNKNOWN, ITEM_NONE, NULL },
                { ITEM("completed", "m", "agent_message", "\"text\":7"), EVENT_UNKNOWN, ITEM_NONE, NULL },
                { COMMAND("completed", "c", "\"command\":null"), EVENT_UNKNOWN, ITEM_NONE, NULL },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_event_ Event event = {};

                check_ok(event_read(cases[i].line, strlen(cases[i].line), &event));
                if (event.type != cases[i].type || event.item != cases[i].item)
                        test_fail(TEST_PLACE("event_read()"), "wrong for %s", cases[i].line);
                check_string(event.text.s, cases[i].text);
        }
}

static void event_no_object(void) {
        static const char *const lines[] = { "", " ", "null", "42", "[]", "\"text\"", "{", "{\"type\":\"turn.started\"",
                                             "{} {}", "WARNING: no JSON", "\xff", "{\"a\":\"\n\"" };
        _cleanup_event_ Event event = {};

        for (size_t i = 0; i < ELEMENTSOF(lines); i++)
                if (event_read(lines[i], strlen(lines[i]), &event) != -EBADMSG)
                        test_fail(TEST_PLACE("event_read()"), "takes '%s'", lines[i]);
}

/* Every beginning of an event is none, and does no harm. */
static void event_cut(void) {
        static const char line[] = EDIT("completed", "/a\\u0000b", "add", "completed");

        for (size_t n = 0; n < strlen(line); n++) {
                _cleanup_free_ char *copy = malloc(n + 1); /* for a sanitizer to see its end */
                _cleanup_event_ Event event = {};

                check(copy);
                memcpy(copy, line, n);
                check_error(event_read(copy, n, &event), -EBADMSG);
        }
}

static void event_nested(void) {
        char line[2048] = "{\"type\":\"turn.started\",\"x\":";
        _cleanup_event_ Event event = {};

        memset(line + strlen(line), '[', 200);
        memset(line + strlen(line), ']', 200);
        (void) strcat(line, "}");
        check_ok(event_read(line, strlen(line), &event));
        check_int(event.type, EVENT_TURN_STARTED);
}

static void event_long_message(void) {
        check(event_is_long_message(MESSAGE("x"), strlen(MESSAGE("x"))));
        check(!event_is_long_message("{\"type\":\"item.completed\"", 24));
        check(!event_is_long_message(MESSAGE("x"), 10));
}

/* ---- The turn ---- */

static void turn_facts(void) {
        _cleanup_turn_ Turn t = {};

        FEED(&t, BEGIN, COMMAND("started", "1", "\"command\":\"/bin/bash -lc 'make test'\""),
             COMMAND("completed", "1", "\"command\":\"bash -c 'make test'\",\"exit_code\":2,\"status\":\"failed\""),
             EDIT("started", "/a", "add", "in_progress"), EDIT("completed", "/a", "add", "completed"),
             EDIT("completed", "/a", "update", "completed"), EDIT("completed", "/b", "delete", "completed"),
             EDIT("completed", "/c", "add", "failed"), MESSAGE("on the way"), MESSAGE("the answer"), COMPLETED);
        check_string(t.thread_id, THREAD);
        check(t.begun && t.completed && !t.failed);
        check_string(t.message, "the answer");
        check_int(t.n_commands, 1);
        check_string(t.commands[0].command, "make test");
        check_int(t.commands[0].exit_code, 2);
        check_int(t.n_files, 2);
        check_string(t.files[0].kind, "add");
        check_string(t.files[1].path, "/b");
        check_int(t.usage.input, 5);
        check_int(t.n_open, 0);
}

static void turn_open_items(void) {
        _cleanup_turn_ Turn t = {};

        check(!turn_newest_open(&t));
        FEED(&t, COMMAND("started", "1", "\"command\":\"first\""), COMMAND("started", "2", "\"command\":\"second\""),
             COMMAND("started", "1", "\"command\":\"again\""));
        check_int(t.n_open, 2);
        check_string(turn_newest_open(&t)->text, "again");
        check_int(turn_find_open(&t, "2")->begun_usec, 2000000);
        FEED(&t, COMMAND("completed", "1", "\"command\":\"again\",\"exit_code\":0"),
             COMMAND("completed", "9", "\"command\":\"unheard of\",\"exit_code\":0"));
        check_string(turn_newest_open(&t)->text, "second");
        check(!turn_find_open(&t, "1") && !turn_find_open(&t, NULL));
}

static void turn_bounded(void) {
        _cleanup_turn_ Turn t = {};

        for (size_t i = 0; i < 1000; i++) {
                char started[256], completed[256], edit[256];

                (void) snprintf(started, sizeof(started), COMMAND("started", "o%zu", "\"command\":\"x\""), i);
                (void) snprintf(completed, sizeof(completed), COMMAND("completed", "c", "\"command\":\"%zu\""), i);
                (void) snprintf(edit, sizeof(edit), EDIT("completed", "/%zu", "add", "completed"), i);
                FEED(&t, started, completed, edit);
        }
        check_int(t.n_open, TURN_OPEN_MAX);
        check_int(t.n_commands, 1000);
        check_string(t.commands[999 % TURN_COMMANDS_MAX].command, "999");
        check_int(t.n_files, TURN_FILES_MAX);
        check_int(t.n_files_omitted, 1000 - TURN_FILES_MAX);
}

/* ---- Texts ---- */

static void text_lines(void) {
        static const struct {
                const char *text;
                size_t max;
                const char *line;
        } cases[] = {
                { "plain", 10, "plain" },
                { "  two \n\t words \r\n", 20, "two words" },
                { "\x1b[2J\x07\xc2\x9b" "x\x7f", 20, "[2J x" },
                { "12345678", 8, "12345678" },
                { "123456789", 8, "12345678…" },
                { "äöü", 5, "äö…" },
                { "\xff", 8, "\xef\xbf\xbd" },
                { "", 8, "" },
                { "x                                  y", 2, "x…" },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_free_ char *line = text_line(cases[i].text, strlen(cases[i].text), cases[i].max);

                check_string(line, cases[i].line);
        }
}

static void text_blocks(void) {
        _cleanup_free_ char *block = text_block("a\n\tb\x1b[1m\r\n", 9, 100), *cut = text_block("ab\ncd", 5, 4);

        check_string(block, "a\n\tb [1m ");
        check_string(cut, "ab\nc…");
}

static void commands_shown(void) {
        static const struct {
                const char *command, *shown;
                bool is_check;
        } cases[] = {
                { "/bin/bash -lc ls", "ls", false },
                { "/usr/bin/zsh -lc 'make test'", "make test", true },
                { "bash -c \"cargo clippy\"", "cargo clippy", true },
                { "/bin/bash -lc \"cd /tmp && echo \\\"it's \"'$HOME\" | cat'", "cd /tmp && echo \"it's $HOME\" | cat",
                  false },
                { "/bin/bash -lc 'ls' extra", "'ls' extra", false },
                { "/bin/bash -lc 'open", "open", false },
                { "/bin/bash", "/bin/bash", false },
                { "/bin/crash -lc ls", "/bin/crash -lc ls", false },
                { "cat tests/test.c", "cat tests/test.c", false },
                { "cd x;npm test&", "cd x;npm test&", true },
                { "", "", false },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_free_ char *shown = command_shown(cases[i].command, strlen(cases[i].command), 100);

                check_string(shown, cases[i].shown);
                check_int(command_is_check(shown), cases[i].is_check);
        }
}

/* ---- Progress ---- */

static void phases(void) {
        static const struct {
                const char *line, *phase;
        } steps[] = {
                { "{\"type\":\"thread.started\",\"thread_id\":\"x\"}", NULL },
                { ITEM("completed", "w", "error", "\"message\":\"deprecated\""), NULL },
                { "{\"type\":\"turn.started\"}", "busy" },
                { COMMAND("started", "1", "\"command\":\"/bin/sh -c 'ls\\n -l'\""), "running command: ls -l" },
                { COMMAND("started", "2", "\"command\":\"make check\""), "verifying: make check" },
                { ITEM("completed", "r", "reasoning", "\"text\":\"secret\""), "verifying: make check" },
                { COMMAND("completed", "2", "\"command\":\"make check\""), "running command: ls -l" },
                { COMMAND("completed", "1", "\"command\":\"ls\""), "busy" },
                { EDIT("started", "/a", "add", "in_progress"), "editing 1 file" },
                { EDIT("completed", "/a", "add", "completed"), "busy" },
                { ITEM("updated", "p", "todo_list", "\"items\":[{\"completed\":true},{},3]"),
                  "busy: 1 of 3 steps done" },
                { ITEM("started", "t", "mcp_tool_call", "\"server\":\"s\",\"tool\":\"u\""), "using s.u" },
                { ITEM("completed", "t", "mcp_tool_call", "\"tool\":\"u\""), "busy" },
                { "{\"type\":\"error\",\"message\":\"Reconnecting... 2/5 (lost)\"}", "reconnecting... 2/5 (lost)" },
                { "{\"type\":\"error\",\"message\":\"401\"}", NULL },
                { MESSAGE("secret"), "finalizing" },
                { COMPLETED, "finalizing" },
        };
        _cleanup_turn_ Turn t = {};

        for (size_t i = 0; i < ELEMENTSOF(steps); i++) {
                _cleanup_event_ Event event = {};
                char buffer[PROGRESS_MAX];

                check_ok(event_read(steps[i].line, strlen(steps[i].line), &event));
                check_ok(turn_event(&t, &event, 0));
                check_string(progress_phase(&t, &event, "busy", buffer), steps[i].phase);
        }
}

TEST_MAIN(TEST(lines_in_pieces), TEST(lines_long), TEST(lines_refused), TEST(event_kinds), TEST(event_no_object),
          TEST(event_cut), TEST(event_nested), TEST(event_long_message), TEST(turn_facts), TEST(turn_open_items),
          TEST(turn_bounded), TEST(text_lines), TEST(text_blocks), TEST(commands_shown), TEST(phases))
