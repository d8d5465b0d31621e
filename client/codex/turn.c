/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

#include <limits.h>

#include "command.h"
#include "macro.h"
#include "text-new.h"
#include "text.h"
#include "turn.h"
#include "utf8.h"

static int replace(char **p, char *value) {
        if (!value)
                return -ENOMEM;
        free(*p);
        *p = value;
        return 0;
}

static int replace_line(char **p, const EventText *text) {
        return replace(p, text_line(strempty(text->s), text->n, TURN_REASON_MAX));
}

/* ---- What is going on ---- */

const TurnOpen *turn_find_open(const Turn *t, const char *id) {
        for (size_t i = 0; id && i < t->n_open; i++)
                if (streq(t->open[i].id, id))
                        return &t->open[i];
        return NULL;
}

const TurnOpen *turn_newest_open(const Turn *t) {
        return t->n_open > 0 ? &t->open[t->n_open - 1] : NULL;
}

static void open_clear(TurnOpen *open) {
        free(open->id);
        free(open->text);
}

static void end_item(Turn *t, const char *id) {
        const TurnOpen *found = turn_find_open(t, id);
        size_t i = found ? (size_t) (found - t->open) : 0;

        if (!found)
                return;
        open_clear(&t->open[i]);
        memmove(&t->open[i], &t->open[i + 1], (t->n_open - i - 1) * sizeof(TurnOpen));
        t->n_open--;
}

static int open_text(const Event *e, char **ret) {
        _cleanup_free_ char *name = NULL;

        if (e->item == ITEM_COMMAND)
                *ret = command_shown(e->text.s, e->text.n, TURN_COMMAND_MAX);
        else if (e->item == ITEM_TOOL) {
                name = text_new("%s.%s", e->server.s ?: "?", e->text.s);
                if (!name)
                        return -ENOMEM;
                *ret = text_line(name, strlen(name), TURN_COMMAND_MAX);
        } else
                return 0;
        return *ret ? 0 : -ENOMEM;
}

/* One more than there is room for is passed over: only progress and durations want it. A plan is no work
 * in progress. */
static int begin_item(Turn *t, const Event *e, uint64_t now) {
        TurnOpen open = { .item = e->item, .n_files = event_n_changes(e), .begun_usec = now };
        int r;

        if (!e->id || e->item == ITEM_PLAN || t->n_open == TURN_OPEN_MAX)
                return 0;
        end_item(t, e->id);
        open.id = strdup(e->id);
        r = open.id ? open_text(e, &open.text) : -ENOMEM;
        if (r < 0) {
                open_clear(&open);
                return r;
        }
        t->open[t->n_open++] = open;
        return 0;
}

/* ---- What has been done ---- */

static int add_command(Turn *t, const Event *e) {
        TurnCommand *slot = &t->commands[t->n_commands % TURN_COMMANDS_MAX];
        int r;

        r = replace(&slot->command, command_shown(e->text.s, e->text.n, TURN_COMMAND_MAX));
        if (r < 0)
                return r;
        slot->has_exit_code = e->has_exit_code;
        slot->exit_code = e->exit_code;
        t->n_commands++;
        return 0;
}

static TurnFile *find_file(Turn *t, const char *path) {
        for (size_t i = 0; i < t->n_files; i++)
                if (streq(t->files[i].path, path))
                        return &t->files[i];
        return NULL;
}

/* What was added and then updated is an addition. */
static int update_file(TurnFile *file, const char *kind) {
        if (!kind || (file->kind && streq(file->kind, "add") && streq(kind, "update")))
                return 0;
        return replace(&file->kind, utf8_make_valid(kind, strnlen(kind, NAME_MAX)));
}

static int add_file(Turn *t, const char *path, const char *kind) {
        _cleanup_free_ char *valid = utf8_make_valid(path, strnlen(path, PATH_MAX));
        TurnFile *file;

        if (!valid)
                return -ENOMEM;
        file = find_file(t, valid);
        if (!file && t->n_files == TURN_FILES_MAX) {
                t->n_files_omitted++;
                return 0;
        }
        if (!file) {
                file = &t->files[t->n_files++];
                file->path = TAKE_PTR(valid);
        }
        return update_file(file, kind);
}

static int add_edit(Turn *t, const Event *e) {
        for (size_t i = 0; !e->failed && i < event_n_changes(e); i++) {
                const char *path, *kind;
                int r;

                event_change(e, i, &path, &kind);
                r = path ? add_file(t, path, kind) : 0;
                if (r < 0)
                        return r;
        }
        return 0;
}

static int set_message(Turn *t, const EventText *text) {
        char *copy = malloc(text->n + 1);
        int r;

        if (copy)
                memcpy(copy, text->s, text->n + 1);
        r = replace(&t->message, copy);
        if (r < 0)
                return r;
        t->message_size = text->n;
        t->message_lost = false;
        return 0;
}

static int complete_item(Turn *t, const Event *e) {
        end_item(t, e->id);
        switch (e->item) {
        case ITEM_MESSAGE:
                return set_message(t, &e->text);
        case ITEM_COMMAND:
                return add_command(t, e);
        case ITEM_EDIT:
                return add_edit(t, e);
        default:
                return 0;
        }
}

/* ---- Events ---- */

int turn_event(Turn *t, const Event *e, uint64_t now) {
        switch (e->type) {
        case EVENT_THREAD_STARTED:
                return t->thread_id || !e->text.s ? 0 : replace_line(&t->thread_id, &e->text);
        case EVENT_TURN_STARTED:
                t->begun = true;
                return 0;
        case EVENT_TURN_COMPLETED:
                t->completed = true;
                t->usage = e->usage;
                return 0;
        case EVENT_TURN_FAILED:
                t->failed = true;
                return replace_line(&t->failure, &e->text);
        case EVENT_ERROR:
                return replace_line(&t->last_error, &e->text);
        case EVENT_ITEM_STARTED:
                return begin_item(t, e, now);
        case EVENT_ITEM_COMPLETED:
                return complete_item(t, e);
        default:
                return 0;
        }
}

void turn_clear(Turn *t) {
        free(t->thread_id);
        free(t->failure);
        free(t->last_error);
        free(t->message);
        for (size_t i = 0; i < TURN_COMMANDS_MAX; i++)
                free(t->commands[i].command);
        for (size_t i = 0; i < t->n_files; i++) {
                free(t->files[i].path);
                free(t->files[i].kind);
        }
        for (size_t i = 0; i < t->n_open; i++)
                open_clear(&t->open[i]);
        *t = (Turn) {};
}
