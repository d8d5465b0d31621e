/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

/* codex-jobs setup: whether clients of MCP have an entry for "codex-jobs mcp" that works. */

#include "mcp-entries.h"
#include "process.h"
#include "render.h"
#include "setup.h"
#include "text-new.h"

#define ASK_USEC (20 * USEC_PER_SEC)
#define OURSELVES "/proc/self/exe"

/* An old Codex without that command has no entries. */
static int ask_codex(const char *codex, McpEntries *e) {
        _cleanup_free_ char *answer = NULL;
        int r, status = 0;

        if (!codex)
                return 0;
        r = process_output((const char *const[]) { codex, "mcp", "list", "--json", NULL }, ASK_USEC, &answer, &status);
        if (r == -ENOMEM)
                return r;
        return r < 0 || status != 0 ? 0 : mcp_entries_read_codex(e, answer);
}

/* ---- What is wrong with an entry: 1 after that was reported, 0: nothing ---- */

static int check_command(Setup *s, const McpEntry *entry) {
        _cleanup_free_ char *path = NULL;
        bool found;
        int r;

        if (strchr(entry->command, '/'))
                found = program_is_executable(entry->command);
        else {
                r = program_find(entry->command, &path);
                if (r < 0)
                        return r;
                found = r > 0;
        }
        if (found)
                return 0;
        r = setup_report(s,
                         &(const JsonCheck) {
                                 .name = "mcp",
                                 .status = "warning",
                                 .remedy = "correct the entry, 'command' is the path of codex-jobs",
                         },
                         "entry '%s' of %s: %s not found", entry->name, entry->client, entry->command);
        return r < 0 ? r : 1;
}

/* At the end of its input the server exits with 0. It is this program that is run, and not what the entry names, which
 * may be that of a stranger's directory. */
static int check_arguments(Setup *s, const McpEntry *entry) {
        _cleanup_free_ char *answer = NULL;
        const char *argv[64] = { OURSELVES };
        int r, status = 0;

        for (size_t n = 0; entry->arguments[n] && n + 2 < ELEMENTSOF(argv); n++)
                argv[n + 1] = entry->arguments[n];
        r = process_output(argv, ASK_USEC, &answer, &status);
        if (r == -ENOMEM || (r >= 0 && status == 0))
                return r;
        r = setup_report(s,
                         &(const JsonCheck) {
                                 .name = "mcp",
                                 .status = "warning",
                                 .remedy = "correct 'args' of the entry",
                         },
                         "entry '%s' of %s: %s", entry->name, entry->client,
                         isempty(answer)                           ? "does not start" :
                         startswith(answer, "codex-jobs: ") ?: answer);
        return r < 0 ? r : 1;
}

static int check_limit(Setup *s, const McpEntry *entry) {
        char wait[DURATION_MAX], limit[DURATION_MAX];
        int r;

        if (mcp_entry_wait(entry) < entry->limit_usec)
                return 0;
        r = setup_report(s,
                         &(const JsonCheck) {
                                 .name = "mcp",
                                 .status = "warning",
                                 .remedy = streq(entry->client, MCP_CLIENT_CODEX) ?
                                         "set tool_timeout_sec of the entry to more than --wait" :
                                         "set timeout (ms) of the entry to more than --wait",
                         },
                         "entry '%s' of %s: --wait is %s, but %s gives up after %s", entry->name, entry->client,
                         format_duration(mcp_entry_wait(entry), wait), entry->client,
                         format_duration(entry->limit_usec, limit));
        return r < 0 ? r : 1;
}

static int check_entry(Setup *s, const McpEntry *entry) {
        int r = check_command(s, entry);

        if (r == 0 && s->client)
                r = check_arguments(s, entry);
        return r == 0 ? check_limit(s, entry) : r;
}

/* ---- Who has an entry, and who could ---- */

static bool has_entry(const McpEntries *e, const char *client) {
        for (size_t i = 0; i < e->n; i++)
                if (streq(e->entries[i].client, client))
                        return true;
        return false;
}

static void put_entries(FILE *f, const McpEntries *e) {
        for (size_t i = 0; i < e->n; i++)
                (void) fprintf(f, "%s%s (%s%s)", i > 0 ? ", " : "used by ", e->entries[i].client, e->entries[i].name,
                               e->entries[i].disabled ? ", disabled" : "");
}

/* How to add one, by a program of the client. */
static void put_hint(FILE *f, bool *first, const McpEntries *e, const char *program) {
        const char *intro = e->n > 0 ? "; to add: " : "no client has an entry; to add: ";

        (void) fprintf(f, "%s%s mcp add jobs -- codex-jobs mcp", *first ? intro : ", ", program);
        *first = false;
}

static int report_entries(Setup *s, const McpEntries *e) {
        _cleanup_text_stream_ TextStream text = {};
        _cleanup_free_ char *claude = NULL;
        FILE *f;
        bool first = true;
        int r = program_find("claude", &claude);

        if (r < 0)
                return r;
        f = text_stream_open(&text);
        if (!f)
                return -ENOMEM;
        put_entries(f, e);
        if (claude && !has_entry(e, MCP_CLIENT_CLAUDE))
                put_hint(f, &first, e, "claude");
        if (s->codex && !has_entry(e, MCP_CLIENT_CODEX))
                put_hint(f, &first, e, "codex");
        if (text_stream_close(&text) < 0)
                return -ENOMEM;
        return setup_report(s, &(const JsonCheck) { .name = "mcp", .status = "ok" }, "%s",
                            text.size == 0 ? "no client of MCP found" : text.text);
}

int setup_check_mcp(Setup *s) {
        _cleanup_mcp_entries_ McpEntries e = {};
        int r = mcp_entries_read_files(&e);

        if (r >= 0)
                r = ask_codex(s->codex, &e);
        for (size_t i = 0; i < e.n && r == 0; i++)
                r = e.entries[i].disabled ? 0 : check_entry(s, &e.entries[i]);
        if (r != 0)
                return MIN(r, 0);
        if (e.unreadable)
                return setup_report(s,
                                    &(const JsonCheck) {
                                            .name = "mcp",
                                            .status = "warning",
                                            .remedy = "correct the JSON of that file",
                                    },
                                    "cannot read %s", e.unreadable);
        return report_entries(s, &e);
}
