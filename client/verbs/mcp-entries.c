/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

#include <fcntl.h>
#include <sys/stat.h>

#include "mcp-entries.h"
#include "json-build.h"
#include "json-read.h"
#include "string-list.h"
#include "text-new.h"
#include "time-util.h"

#define FILE_MAX (16 * 1024 * 1024)
#define PLUGIN "codex-jobs@" /* and the marketplace */
#define CODEX_LIMIT_USEC (300 * USEC_PER_SEC)

static void entry_clear(McpEntry *entry) {
        free(entry->name);
        free(entry->command);
        string_list_free(entry->arguments);
}

void mcp_entries_clear(McpEntries *e) {
        for (size_t i = 0; i < e->n; i++)
                entry_clear(&e->entries[i]);
        free(e->entries);
        free(e->unreadable);
}

/* ---- One entry ---- */

/* Whether the arguments are those of "codex-jobs mcp". In others, the verb could be any. */
static bool is_mcp(json_object *arguments) {
        for (size_t i = 0; i < json_object_array_length(arguments); i++) {
                const char *word = json_object_get_string(json_object_array_get_idx(arguments, i));

                if (!word || (!streq(word, "--system") && !streq(word, "--user")))
                        return word && streq(word, "mcp");
        }
        return false;
}

static bool is_ours(const char *command, json_object *arguments) {
        const char *slash = strrchr(command, '/');

        return streq(slash ? slash + 1 : command, "codex-jobs") && is_mcp(arguments);
}

static int copy_arguments(json_object *object, char ***ret) {
        _cleanup_free_ const char **words = json_texts(object, "args");

        return words ? string_list_copy((char *const *) words, json_length(object, "args"), ret) : -ENOMEM;
}

/* object has the members command and args. What is not ours is left out. */
static int add_entry(McpEntries *e, const char *client, const char *name, json_object *object, uint64_t limit_usec,
                     bool disabled) {
        json_object *arguments = json_member(object, "args", json_type_array);
        const char *command = json_text(object, "command");
        McpEntry *entries, entry = { .client = client, .limit_usec = limit_usec, .disabled = disabled };

        if (!command || !arguments || !is_ours(command, arguments))
                return 0;
        entries = reallocarray(e->entries, e->n + 1, sizeof(McpEntry));
        if (!entries)
                return -ENOMEM;
        e->entries = entries;
        entry.name = strdup(name);
        entry.command = strdup(command);
        if (!entry.name || !entry.command || copy_arguments(object, &entry.arguments) < 0) {
                entry_clear(&entry);
                return -ENOMEM;
        }
        e->entries[e->n++] = entry;
        return 0;
}

uint64_t mcp_entry_wait(const McpEntry *entry) {
        uint64_t usec = MCP_WAIT_DEFAULT;

        for (char *const *word = entry->arguments; *word; word++) {
                const char *value = startswith(*word, "--wait=");

                if (!value && streq(*word, "--wait"))
                        value = word[1];
                if (value)
                        (void) parse_timespan(value, &usec); /* what is none is found by the server */
        }
        return usec;
}

/* ---- Files ---- */

static int set_unreadable(McpEntries *e, const char *name) {
        if (!e->unreadable)
                e->unreadable = strdup(name);
        return e->unreadable ? 0 : -ENOMEM;
}

/* NULL in *ret: there is no such file, or it is set as not readable. */
static int read_file(McpEntries *e, const char *path, json_object **ret) {
        _cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
        struct stat st;

        *ret = NULL;
        if (fd < 0 && (errno == ENOENT || errno == ENOTDIR))
                return 0;
        if (fd >= 0 && fstat(fd, &st) >= 0 && S_ISREG(st.st_mode) && st.st_size <= FILE_MAX)
                *ret = json_object_from_fd(fd);
        return *ret ? 0 : set_unreadable(e, path);
}

static int add_servers(McpEntries *e, const char *client, json_object *servers) {
        int r = 0;

        if (!servers)
                return 0;
        json_object_object_foreach(servers, name, object) {
                int64_t msec = json_number(object, "timeout", 0); /* of Claude Code */
                uint64_t limit_usec = msec > 0 ? (uint64_t) msec * USEC_PER_MSEC : USEC_INFINITY;

                r = add_entry(e, client, name, object, limit_usec, false);
                if (r < 0)
                        break;
        }
        return r;
}

static int add_project(McpEntries *e, json_object *document) {
        return add_servers(e, MCP_CLIENT_CLAUDE, json_member(document, "mcpServers", json_type_object));
}

/* For all directories, and for the current one. */
static int add_claude(McpEntries *e, json_object *document) {
        _cleanup_free_ char *directory = getcwd(NULL, 0);
        json_object *projects = json_member(document, "projects", json_type_object);
        int r = add_project(e, document);

        if (r >= 0 && projects && directory)
                r = add_project(e, json_member(projects, directory, json_type_object));
        return r;
}

/* Our plugin has one. */
static int add_plugin(McpEntries *e, json_object *document) {
        json_object *plugins = json_member(document, "enabledPlugins", json_type_object);
        _cleanup_json_ json_object *entry = json_tokener_parse("{\"command\":\"codex-jobs\",\"args\":[\"mcp\"]}");

        if (!entry)
                return -ENOMEM;
        if (!plugins)
                return 0;
        json_object_object_foreach(plugins, name, enabled)
                if (startswith(name, PLUGIN) && json_object_get_boolean(enabled))
                        return add_entry(e, MCP_CLIENT_CLAUDE, "plugin", entry, USEC_INFINITY, false);
        return 0;
}

static int add_vscode(McpEntries *e, json_object *document) {
        return add_servers(e, "VS Code", json_member(document, "servers", json_type_object));
}

static int add_cursor(McpEntries *e, json_object *document) {
        return add_servers(e, "Cursor", json_member(document, "mcpServers", json_type_object));
}

/* A file below $variable if that is set, else below the home; without a variable, below the current directory. */
static const struct Place {
        const char *variable, *below_variable, *below_home;
        int (*add)(McpEntries *e, json_object *document);
} places[] = {
        { "CLAUDE_CONFIG_DIR", ".claude.json", ".claude.json", add_claude },
        { "CLAUDE_CONFIG_DIR", "settings.json", ".claude/settings.json", add_plugin },
        { "XDG_CONFIG_HOME", "Code/User/mcp.json", ".config/Code/User/mcp.json", add_vscode },
        { "HOME", ".cursor/mcp.json", ".cursor/mcp.json", add_cursor },
        { NULL, ".mcp.json", NULL, add_project },
        { NULL, ".vscode/mcp.json", NULL, add_vscode },
        { NULL, ".cursor/mcp.json", NULL, add_cursor },
};

static char *place_path(const struct Place *place) {
        const char *folder = place->variable ? getenv(place->variable) : ".", *file = place->below_variable;

        if (isempty(folder)) {
                folder = getenv("HOME");
                file = place->below_home;
        }
        return text_new("%s/%s", isempty(folder) ? "/" : folder, file);
}

int mcp_entries_read_files(McpEntries *e) {
        int r = 0;

        for (size_t i = 0; i < ELEMENTSOF(places) && r >= 0; i++) {
                _cleanup_free_ char *path = place_path(&places[i]);
                _cleanup_json_ json_object *document = NULL;

                r = path ? read_file(e, path, &document) : -ENOMEM;
                if (r >= 0 && document)
                        r = places[i].add(e, document);
        }
        return r;
}

/* ---- Codex ---- */

static int add_of_codex(McpEntries *e, json_object *server) {
        json_object *enabled = json_member(server, "enabled", json_type_boolean), *limit = NULL;
        double seconds = 0;

        if (json_object_object_get_ex(server, "tool_timeout_sec", &limit))
                seconds = json_object_get_double(limit);
        return add_entry(e, MCP_CLIENT_CODEX, strempty(json_text(server, "name")),
                         json_member(server, "transport", json_type_object),
                         seconds > 0 && seconds < 1e9 ? (uint64_t) (seconds * USEC_PER_SEC) : CODEX_LIMIT_USEC,
                         enabled && !json_object_get_boolean(enabled));
}

int mcp_entries_read_codex(McpEntries *e, const char *answer) {
        const char *line = *answer == '[' ? answer : strstr(answer, "\n[");
        _cleanup_json_ json_object *servers = line ? json_tokener_parse(line) : NULL;
        int r = 0;

        if (!json_object_is_type(servers, json_type_array))
                return set_unreadable(e, "codex mcp list --json");
        for (size_t i = 0; i < json_object_array_length(servers) && r >= 0; i++)
                if (json_object_is_type(json_object_array_get_idx(servers, i), json_type_object))
                        r = add_of_codex(e, json_object_array_get_idx(servers, i));
        return r;
}
