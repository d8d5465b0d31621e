/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

#include <fcntl.h>

#include "macro.h"
#include "read-write.h"
#include "result.h"
#include "text-new.h"
#include "text.h"
#include "utf8.h"

/* What each list may take of the document; what they leave is the message's. */
#define COMMANDS_SIZE (16U * 1024U)
#define FILES_SIZE (16U * 1024U)
#define REVIEW_SIZE (24U * 1024U)
#define MARK "…"

static inline void json_object_putp(json_object **p) {
        (void) json_object_put(*p);
}
#define _cleanup_json_ _cleanup_(json_object_putp)

/* Gives value to object. A value of NULL is a lack of memory: what is to be null is added as that. */
static int add(json_object *object, const char *key, json_object *value) {
        if (value && json_object_object_add(object, key, value) == 0)
                return 0;
        json_object_put(value);
        return -ENOMEM;
}

static int add_string(json_object *object, const char *key, const char *value) {
        if (!value)
                return json_object_object_add(object, key, NULL) == 0 ? 0 : -ENOMEM;
        return add(object, key, json_object_new_string(value));
}

static int add_number(json_object *object, const char *key, uint64_t value) {
        return add(object, key, json_object_new_int64((int64_t) MIN(value, (uint64_t) INT64_MAX)));
}

/* A reader may escape slashes when it writes the document again: it must still fit. */
static size_t size_of(json_object *object) {
        size_t size = 0;

        return json_object_to_json_string_length(object, JSON_C_TO_STRING_PLAIN, &size) ? size : RESULT_MAX;
}

/* ---- Lists ---- */

typedef struct List {
        json_object *array;
        size_t left; /* bytes that it may still grow by */
} List;

/* Adds an object of two entries. Returns 1, 0 if there is no room, -ENOMEM. */
static int list_add(List *list, json_object *entry) {
        size_t size;

        if (!entry)
                return -ENOMEM;
        size = size_of(entry) + 1;
        if (size > list->left) {
                json_object_put(entry);
                return 0;
        }
        if (json_object_array_add(list->array, entry) < 0) {
                json_object_put(entry);
                return -ENOMEM;
        }
        list->left -= size;
        return 1;
}

static json_object *command_object(const char *command, bool has_exit_code, int exit_code) {
        _cleanup_json_ json_object *object = json_object_new_object();
        int r;

        if (!object)
                return NULL;
        r = add_string(object, "command", strempty(command));
        if (r >= 0)
                r = has_exit_code ? add(object, "exit_code", json_object_new_int(exit_code))
                                  : add_string(object, "exit_code", NULL);
        return r < 0 ? NULL : TAKE_PTR(object);
}

static json_object *file_object(const TurnFile *file) {
        _cleanup_json_ json_object *object = json_object_new_object();
        int r;

        if (!object)
                return NULL;
        r = add_string(object, "path", file->path);
        if (r >= 0)
                r = add_string(object, "kind", file->kind);
        return r < 0 ? NULL : TAKE_PTR(object);
}

static int reverse(json_object *array) {
        size_t n = json_object_array_length(array);

        for (size_t i = 0; i < n / 2; i++) {
                json_object *a = json_object_get(json_object_array_get_idx(array, i));
                json_object *b = json_object_get(json_object_array_get_idx(array, n - 1 - i));

                if (json_object_array_put_idx(array, i, b) < 0 || json_object_array_put_idx(array, n - 1 - i, a) < 0)
                        return -ENOMEM;
        }
        return 0;
}

/* Those that have not ended are the latest; then the ended ones, from the last to the first. */
static int list_commands(List *list, const Turn *t, size_t *ret_omitted) {
        size_t n = t->n_commands, first = n > TURN_COMMANDS_MAX ? n - TURN_COMMANDS_MAX : 0;
        int r = 1;

        for (size_t i = t->n_open; i > 0 && r > 0; i--)
                if (t->open[i - 1].item == ITEM_COMMAND)
                        r = list_add(list, command_object(t->open[i - 1].text, false, 0));
        for (; n > first && r > 0; n -= r > 0 ? 1 : 0) {
                const TurnCommand *c = &t->commands[(n - 1) % TURN_COMMANDS_MAX];

                r = list_add(list, command_object(c->command, c->has_exit_code, c->exit_code));
        }
        *ret_omitted = n;
        return r < 0 ? r : reverse(list->array);
}

static int add_commands(json_object *document, const Turn *t) {
        List list = { json_object_new_array(), COMMANDS_SIZE };
        size_t omitted = 0;
        int r;

        r = add(document, "commands", list.array);
        if (r >= 0)
                r = list_commands(&list, t, &omitted);
        return r < 0 ? r : add_number(document, "commands_omitted", omitted);
}

static int add_files(json_object *document, const Turn *t) {
        List list = { json_object_new_array(), FILES_SIZE };
        size_t i = 0;
        int r;

        r = add(document, "files", list.array);
        if (r < 0)
                return r;
        for (r = 1; i < t->n_files && r > 0; i += r > 0 ? 1 : 0)
                r = list_add(&list, file_object(&t->files[i]));
        return r < 0 ? r : add_number(document, "files_omitted", t->n_files - i + t->n_files_omitted);
}

/* ---- The rest ---- */

static int add_usage(json_object *document, const TokenUsage *usage) {
        json_object *object;
        int r;

        if (usage->input == 0 && usage->output == 0)
                return add_string(document, "usage", NULL);
        object = json_object_new_object();
        r = add(document, "usage", object);
        if (r >= 0)
                r = add_number(object, "input_tokens", usage->input);
        if (r >= 0)
                r = add_number(object, "cached_input_tokens", usage->cached_input);
        if (r >= 0)
                r = add_number(object, "output_tokens", usage->output);
        return r < 0 ? r : add_number(object, "reasoning_output_tokens", usage->reasoning_output);
}

static int add_command_line(json_object *array, const char *command, const char *thread_id) {
        _cleanup_free_ char *text = text_new("%s%s%.64s", command, thread_id ? " " : "", strempty(thread_id));
        json_object *string;

        if (!text)
                return -ENOMEM;
        string = json_object_new_string(text);
        if (string && json_object_array_add(array, string) == 0)
                return 0;
        json_object_put(string);
        return -ENOMEM;
}

static int add_next(json_object *document, const char *next, const char *thread_id) {
        static const char *const commands[] = { "codex exec resume", "codex-jobs task --resume" };
        json_object *array = json_object_new_array();
        int r;

        r = add(document, "next", array);
        if (r >= 0 && next)
                r = add_command_line(array, next, NULL);
        for (size_t i = 0; thread_id && i < ELEMENTSOF(commands) && r >= 0; i++)
                r = add_command_line(array, commands[i], thread_id);
        return r;
}

/* ---- The review ---- */

/* With as many of its findings, from the gravest on, as there is room for. They have been written out before. */
static int add_review(json_object *document, const Findings *findings) {
        json_object *review = findings->review, *array = NULL, *omitted = NULL;

        if (!review)
                return add_string(document, "review", NULL);
        (void) json_object_object_get_ex(review, "findings", &array);
        (void) json_object_object_get_ex(review, "findings_omitted", &omitted);
        for (size_t n = json_object_array_length(array); n > 0 && size_of(review) > REVIEW_SIZE; n--) {
                if (json_object_array_del_idx(array, n - 1, 1) < 0)
                        return -ENOMEM;
                (void) json_object_int_inc(omitted, 1);
        }
        return add(document, "review", json_object_get(review));
}

/* ---- The message ---- */

static size_t escaped_size(char c) {
        if (strchr("\"\\/\b\n\r\t\f", c)) /* NUL among them, which is not in the text */
                return 2;
        return (unsigned char) c < 0x20 ? 6 : 1;
}

/* Adds as much of the message as there is room for. */
static int add_message(json_object *document, const Turn *t) {
        size_t left = RESULT_MAX - MIN(size_of(document) + 128, (size_t) RESULT_MAX), n = 0, length;
        _cleanup_free_ char *text = NULL, *cut = NULL;

        if (!t->message)
                return 0;
        text = utf8_make_valid(t->message, MIN(t->message_size, (size_t) RESULT_MAX));
        if (!text)
                return -ENOMEM;
        length = strlen(text);
        while (n < length && escaped_size(text[n]) <= left)
                left -= escaped_size(text[n++]);
        if (n == length && t->message_size <= RESULT_MAX)
                return add_string(document, "last_message", text);

        text[utf8_truncate(text, n + 1, n)] = 0;
        cut = text_new("%s" MARK, text);
        if (!cut)
                return -ENOMEM;
        return add_string(document, "last_message", cut);
}

/* ---- The document ---- */

static int fill(json_object *document, const Result *result) {
        const Findings *findings = result->findings ?: &(const Findings) {};
        const Turn *t = result->turn;

        if (add_number(document, "schema", 1) < 0 || add_string(document, "kind", result->kind) < 0 ||
            add_string(document, "thread_id", t->thread_id) < 0 || add_string(document, "model", result->model) < 0 ||
            add_string(document, "last_message", NULL) < 0 || /* its place, until its size is known */
            add_number(document, "last_message_bytes", t->message_size) < 0 || add_commands(document, t) < 0 ||
            add_files(document, t) < 0 || add_usage(document, &t->usage) < 0 ||
            add_string(document, "target", result->target) < 0 || add_review(document, findings) < 0 ||
            add_string(document, "review_error", findings->error) < 0 ||
            add_string(document, "error", result->error) < 0 || add_next(document, result->next, t->thread_id) < 0)
                return -ENOMEM;
        return add_message(document, t);
}

char *result_format(const Result *result, size_t *ret_size) {
        _cleanup_json_ json_object *document = json_object_new_object();
        char *ret = NULL;
        const char *text;

        if (!document || fill(document, result) < 0)
                return NULL;
        text = json_object_to_json_string_ext(document, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE);
        if (!text)
                return NULL;
        ret = text_new("%s\n", text);
        if (!ret)
                return NULL;
        *ret_size = strlen(ret);
        return ret;
}

int result_write(const Result *result, const char *path) {
        _cleanup_free_ char *text = NULL;
        _cleanup_close_ int fd = -EBADF;
        size_t size;
        int r;

        text = result_format(result, &size);
        if (!text)
                return -ENOMEM;
        fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOCTTY, 0600);
        if (fd < 0)
                return -errno;
        r = write_at(fd, text, size, 0);
        if (r < 0)
                return r;
        return ftruncate(fd, (off_t) size) < 0 ? -errno : 0;
}
