/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

#include <stdarg.h>
#include <sys/stat.h>

#include "mcp-entries.h"
#include "test.h"

#define CURSOR "{\"mcpServers\":{\"c\":{\"command\":\"codex-jobs\",\"args\":[\"mcp\"]}}}"

/* A home below the directory of the test, and a project in it that is the current one. */
static void enter_home(void) {
        static const char *const folders[] = { ".claude", ".codex", ".cursor", "other", "project", "project/.vscode" };

        for (size_t i = 0; i < ELEMENTSOF(folders); i++)
                check_ok(mkdir(test_path(folders[i]), 0700));
        check_ok(setenv("HOME", test_directory(), 1));
        check_ok(unsetenv("CLAUDE_CONFIG_DIR"));
        check_ok(unsetenv("XDG_CONFIG_HOME"));
        check_ok(chdir(test_path("project")));
}

static void write_file(const char *name, const char *format, ...) _printf_(2, 3);
static void write_file(const char *name, const char *format, ...) {
        FILE *f = fopen(test_path(name), "we");
        va_list ap;

        check(f);
        va_start(ap, format);
        check(vfprintf(f, format, ap) > 0);
        va_end(ap);
        check_ok(fclose(f));
}

static void check_entry(const McpEntry *entry, const char *client, const char *name, const char *command) {
        check_string(entry->client, client);
        check_string(entry->name, name);
        check_string(entry->command, command);
}

static void no_files(void) {
        _cleanup_mcp_entries_ McpEntries e = {};

        enter_home();
        check_ok(mcp_entries_read_files(&e));
        check_int(e.n, 0);
        check_string(e.unreadable, NULL);
        check_ok(unsetenv("HOME"));
        check_ok(mcp_entries_read_files(&e));
}

static void files_of_all_clients(void) {
        _cleanup_mcp_entries_ McpEntries e = {};

        enter_home();
        write_file(".claude.json",
                   "{\"mcpServers\":{\"jobs\":{\"command\":\"codex-jobs\",\"args\":[\"mcp\"],\"timeout\":90000}},"
                   "\"projects\":{\"/\":{\"mcpServers\":{\"no\":{\"command\":\"codex-jobs\",\"args\":[\"mcp\"]}}},"
                   "\"%s\":{\"mcpServers\":{\"here\":{\"command\":\"/x/codex-jobs\",\"args\":[\"--user\",\"mcp\"]}}}}}",
                   test_path("project"));
        write_file(".claude/settings.json", "{\"enabledPlugins\":{\"a@codex-jobs\":true,\"codex-jobs@b\":false,"
                                            "\"codex-jobs@c\":true}}");
        write_file(".cursor/mcp.json", CURSOR);
        write_file("project/.mcp.json", "{\"mcpServers\":{\"p\":{\"command\":\"codex-jobs\",\"args\":[\"mcp\"]}}}");
        write_file("project/.vscode/mcp.json",
                   "{ // with comments\n\"servers\":{\"v\":{\"command\":\"codex-jobs\",\"args\":[\"mcp\"]}}}");
        check_ok(mcp_entries_read_files(&e));
        check_string(e.unreadable, NULL);
        check_int(e.n, 6);
        check_entry(&e.entries[0], "Claude Code", "jobs", "codex-jobs");
        check_int(e.entries[0].limit_usec, 90 * USEC_PER_SEC);
        check_entry(&e.entries[1], "Claude Code", "here", "/x/codex-jobs");
        check_string(e.entries[1].arguments[0], "--user");
        check_string(e.entries[1].arguments[1], "mcp");
        check_string(e.entries[1].arguments[2], NULL);
        check_entry(&e.entries[2], "Claude Code", "plugin", "codex-jobs");
        check_entry(&e.entries[3], "Cursor", "c", "codex-jobs");
        check_entry(&e.entries[4], "Claude Code", "p", "codex-jobs");
        check_entry(&e.entries[5], "VS Code", "v", "codex-jobs");
        check(e.entries[5].limit_usec == USEC_INFINITY);
}

static void another_folder_of_claude(void) {
        _cleanup_mcp_entries_ McpEntries e = {};

        enter_home();
        write_file(".claude.json", "{\"mcpServers\":{\"jobs\":{\"command\":\"codex-jobs\",\"args\":[\"mcp\"]}}}");
        check_ok(setenv("CLAUDE_CONFIG_DIR", test_path("other"), 1));
        check_ok(mcp_entries_read_files(&e));
        check_int(e.n, 0);
        write_file("other/settings.json", "{\"enabledPlugins\":{\"codex-jobs@codex-jobs\":true}}");
        check_ok(mcp_entries_read_files(&e));
        check_int(e.n, 1);
}

/* In arguments that begin in another way any verb could be meant, and they are run. */
static void what_is_not_ours(void) {
        static const char *const entries[] = {
                "{}", "[]", "null", "\"codex-jobs mcp\"", "{\"command\":\"codex-jobs\"}",
                "{\"command\":\"codex-jobs\",\"args\":[]}",
                "{\"command\":\"codex-jobs\",\"args\":\"mcp\"}", "{\"command\":\"codex-jobs\",\"args\":[null,\"mcp\"]}",
                "{\"command\":\"codex-jobs\",\"args\":[\"run\",\"--\",\"mcp\"]}",
                "{\"command\":\"codex-jobs\",\"args\":[\"--label\",\"mcp\",\"run\"]}",
                "{\"command\":\"codex-jobs-x\",\"args\":[\"mcp\"]}",
                "{\"command\":[\"codex-jobs\"],\"args\":[\"mcp\"]}",
                "{\"command\":\"/codex-jobs/\",\"args\":[\"mcp\"]}",
                "{\"command\":\"sh\",\"args\":[\"-c\",\"codex-jobs mcp\"]}",
        };

        enter_home();
        for (size_t i = 0; i < ELEMENTSOF(entries); i++) {
                _cleanup_mcp_entries_ McpEntries e = {};

                write_file("project/.mcp.json", "{\"mcpServers\":{\"jobs\":%s}}", entries[i]);
                check_ok(mcp_entries_read_files(&e));
                check_int(e.n, 0);
                check_string(e.unreadable, NULL);
        }
}

static void files_that_are_not_understood(void) {
        static const char *const texts[] = { "{", "no", " " };

        enter_home();
        for (size_t i = 0; i < ELEMENTSOF(texts); i++) {
                _cleanup_mcp_entries_ McpEntries e = {};

                write_file("project/.mcp.json", "%s", texts[i]);
                write_file(".cursor/mcp.json", CURSOR);
                check_ok(mcp_entries_read_files(&e));
                check_int(e.n, 1);
                check_string(e.unreadable, "./.mcp.json");
        }
}

/* Nothing is waited for. */
static void a_file_that_is_a_pipe(void) {
        _cleanup_mcp_entries_ McpEntries e = {};

        enter_home();
        check_ok(mkfifo(test_path("project/.mcp.json"), 0600));
        check_ok(mcp_entries_read_files(&e));
        check_string(e.unreadable, "./.mcp.json");
}

static void answer_of_codex(void) {
        static const char answer[] =
                "WARNING: something [else]\n"
                "[{\"name\":\"jobs\",\"enabled\":true,\"transport\":{\"type\":\"stdio\",\"command\":\"codex-jobs\","
                "\"args\":[\"mcp\",\"--wait\",\"55m\"]},\"tool_timeout_sec\":3600.0},"
                "{\"name\":\"off\",\"enabled\":false,\"transport\":{\"type\":\"stdio\",\"command\":\"codex-jobs\","
                "\"args\":[\"mcp\"]},\"tool_timeout_sec\":null},"
                "{\"name\":\"web\",\"transport\":{\"type\":\"streamable_http\",\"url\":\"http://127.0.0.1/\"}}, 7]";
        _cleanup_mcp_entries_ McpEntries e = {};

        check_ok(mcp_entries_read_codex(&e, answer));
        check_string(e.unreadable, NULL);
        check_int(e.n, 2);
        check_entry(&e.entries[0], "Codex", "jobs", "codex-jobs");
        check(!e.entries[0].disabled && e.entries[1].disabled);
        check_int(e.entries[0].limit_usec, 3600 * USEC_PER_SEC);
        check_int(e.entries[1].limit_usec, 300 * USEC_PER_SEC);
        check_ok(mcp_entries_read_codex(&e, "[]"));
        check_string(e.unreadable, NULL);
        check_ok(mcp_entries_read_codex(&e, "[{"));
        check_string(e.unreadable, "codex mcp list --json");
}

static uint64_t wait_of(char **arguments) {
        return mcp_entry_wait(&(McpEntry) { .arguments = arguments });
}

static void time_to_wait(void) {
        check_int(wait_of(STRINGS("mcp")), MCP_WAIT_DEFAULT);
        check_int(wait_of(STRINGS("mcp", "--wait", "55m")), 3300 * USEC_PER_SEC);
        check_int(wait_of(STRINGS("mcp", "--wait=2s")), 2 * USEC_PER_SEC);
        check_int(wait_of(STRINGS("mcp", "--wait", "2s", "--wait", "3s")), 3 * USEC_PER_SEC);
        check_int(wait_of(STRINGS("mcp", "--wait")), MCP_WAIT_DEFAULT);
        check_int(wait_of(STRINGS("mcp", "--wait=soon")), MCP_WAIT_DEFAULT);
}

TEST_MAIN(TEST(no_files), TEST(files_of_all_clients), TEST(another_folder_of_claude), TEST(what_is_not_ours),
          TEST(files_that_are_not_understood), TEST(a_file_that_is_a_pipe), TEST(answer_of_codex), TEST(time_to_wait))
