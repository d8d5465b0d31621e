/* SPDX-License-Identifier: Apache-2.0 */

/* A request as the arguments of Enqueue or Retry. D-Bus strings are UTF-8; what is not travels as bytes. */

#include "request.h"
#include "utf8.h"

static bool all_valid(char *const *strings) {
        for (char *const *s = strings; *s; s++)
                if (!utf8_is_valid(*s, strlen(*s)))
                        return false;
        return true;
}

static int append_bytes(sd_bus_message *m, const char *s) {
        return sd_bus_message_append_array(m, 'y', s, strlen(s));
}

static int append_byte_strings(sd_bus_message *m, char *const *strings) {
        int r;

        r = sd_bus_message_open_container(m, 'a', "ay");
        if (r < 0)
                return r;
        for (char *const *s = strings; *s; s++) {
                r = append_bytes(m, *s);
                if (r < 0)
                        return r;
        }
        return sd_bus_message_close_container(m);
}

/* Opens an entry of a{sv} up to the value in the variant. */
static int entry_open(sd_bus_message *m, const char *name, const char *type) {
        int r;

        r = sd_bus_message_open_container(m, 'e', "sv");
        if (r < 0)
                return r;
        r = sd_bus_message_append_basic(m, 's', name);
        if (r < 0)
                return r;
        return sd_bus_message_open_container(m, 'v', type);
}

static int entry_close(sd_bus_message *m) {
        int r;

        r = sd_bus_message_close_container(m);
        if (r < 0)
                return r;
        return sd_bus_message_close_container(m);
}

static int append_strings_entry(sd_bus_message *m, const char *name, char *const *strings, bool as_bytes) {
        int r;

        r = entry_open(m, name, as_bytes ? "aay" : "as");
        if (r < 0)
                return r;
        if (as_bytes)
                r = append_byte_strings(m, strings);
        else
                r = sd_bus_message_append_strv(m, (char **) strings);
        if (r < 0)
                return r;
        return entry_close(m);
}

static int append_path_entry(sd_bus_message *m, const char *name, const char *path) {
        int r;

        if (utf8_is_valid(path, strlen(path)))
                return sd_bus_message_append(m, "{sv}", name, "s", path);
        r = entry_open(m, name, "ay");
        if (r < 0)
                return r;
        r = append_bytes(m, path);
        if (r < 0)
                return r;
        return entry_close(m);
}

static int append_texts(sd_bus_message *m, const Request *request) {
        const struct {
                const char *name;
                const char *value;
        } texts[] = {
                { "Kind", request->kind },
                { "Label", request->label },
                { "Workspace", request->workspace },
                { "Session", request->session },
                { "IdempotencyKey", request->key },
        };
        int r;

        for (size_t i = 0; i < ELEMENTSOF(texts); i++) {
                _cleanup_free_ char *valid = NULL;

                if (!texts[i].value)
                        continue;
                valid = utf8_make_valid(texts[i].value, strlen(texts[i].value));
                if (!valid)
                        return -ENOMEM;
                r = sd_bus_message_append(m, "{sv}", texts[i].name, "s", valid);
                if (r < 0)
                        return r;
        }
        return 0;
}

static int append_numbers(sd_bus_message *m, const Request *request) {
        const struct {
                const char *name;
                uint64_t value;
        } numbers[] = {
                { "RuntimeMaxUSec", request->runtime_max_usec },
                { "OutputMax", request->output_max },
                { "MemoryMax", request->memory_max },
                { "TasksMax", request->tasks_max },
                { "CPUWeight", request->cpu_weight },
                { "StallUSec", request->stall_usec },
        };
        int r;

        for (size_t i = 0; i < ELEMENTSOF(numbers); i++) {
                if (numbers[i].value == 0)
                        continue;
                r = sd_bus_message_append(m, "{sv}", numbers[i].name, "t", numbers[i].value);
                if (r < 0)
                        return r;
        }
        return 0;
}

static int append_flags(sd_bus_message *m, const Request *request) {
        int r = 0;

        if (request->read_only)
                r = sd_bus_message_append(m, "{sv}", "ReadOnly", "b", true);
        if (r >= 0 && request->merge_output)
                r = sd_bus_message_append(m, "{sv}", "MergeOutput", "b", true);
        if (r >= 0 && request->umask >= 0)
                r = sd_bus_message_append(m, "{sv}", "UMask", "u", (uint32_t) request->umask);
        return r;
}

/* What a job is given anew when it is run once more. */
static int append_given(sd_bus_message *m, const Request *request) {
        int r;

        r = append_strings_entry(m, "Environment", request->environment, !all_valid(request->environment));
        if (r >= 0 && request->stdin_fd >= 0)
                r = sd_bus_message_append(m, "{sv}", "Stdin", "h", request->stdin_fd);
        if (r >= 0 && request->notify != NOTIFY_DEFAULT)
                r = sd_bus_message_append(m, "{sv}", "Notify", "b", request->notify == NOTIFY_YES);
        return r;
}

static int append_options(sd_bus_message *m, const Request *request, bool argv_as_bytes) {
        int r;

        r = append_texts(m, request);
        if (r < 0)
                return r;
        r = append_numbers(m, request);
        if (r < 0)
                return r;
        r = append_flags(m, request);
        if (r < 0)
                return r;
        if (argv_as_bytes) {
                r = append_strings_entry(m, "Argv", request->argv, true);
                if (r < 0)
                        return r;
        }
        r = append_given(m, request);
        if (r < 0)
                return r;
        return append_path_entry(m, "Directory", request->directory);
}

int append_request(sd_bus_message *m, void *request) {
        static char *const none[] = { NULL };
        const Request *q = request;
        bool argv_as_bytes = !all_valid(q->argv);
        int r;

        r = sd_bus_message_append_strv(m, (char **) (argv_as_bytes ? none : q->argv));
        if (r < 0)
                return r;
        r = sd_bus_message_open_container(m, 'a', "{sv}");
        if (r < 0)
                return r;
        r = append_options(m, q, argv_as_bytes);
        if (r < 0)
                return r;
        return sd_bus_message_close_container(m);
}

int append_retry(sd_bus_message *m, void *request) {
        const Request *q = request;
        int r;

        r = sd_bus_message_append_basic(m, 's', q->retry_of);
        if (r < 0)
                return r;
        r = sd_bus_message_open_container(m, 'a', "{sv}");
        if (r < 0)
                return r;
        r = append_texts(m, q); /* of these a retry has only the key */
        if (r < 0)
                return r;
        r = append_given(m, q);
        if (r < 0)
                return r;
        return sd_bus_message_close_container(m);
}
