/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

#include "suggest.h"
#include "text-new.h"
#include "utf8.h"
#include "verbs.h"

static const struct {
        const char *heading; /* before this verb; NULL: none */
        const Verb *verb;
} verbs[] = {
        { "Start jobs", &verb_run },
        { NULL, &verb_enqueue },
        { NULL, &verb_retry },
        { "Run Codex", &verb_task },
        { NULL, &verb_review },
        { NULL, &verb_adversarial_review },
        { "Follow jobs", &verb_await },
        { NULL, &verb_status },
        { NULL, &verb_top },
        { NULL, &verb_list },
        { NULL, &verb_show },
        { NULL, &verb_logs },
        { NULL, &verb_result },
        { NULL, &verb_inbox },
        { "Control jobs", &verb_cancel },
        { NULL, &verb_remove },
        { NULL, &verb_hold },
        { NULL, &verb_release },
        { NULL, &verb_edit },
        { NULL, &verb_pause },
        { NULL, &verb_resume },
        { NULL, &verb_queue },
        { "Connect programs", &verb_mcp },
        { NULL, &verb_setup },
};

const Verb *verb_at(size_t i) {
        return i < ELEMENTSOF(verbs) ? verbs[i].verb : NULL;
}

const Verb *verb_find(const char *name) {
        for (size_t i = 0; i < ELEMENTSOF(verbs); i++)
                if (streq(verbs[i].verb->name, name) || (verbs[i].verb->alias && streq(verbs[i].verb->alias, name)))
                        return verbs[i].verb;
        return NULL;
}

/* Names that other programs use; too different from ours to be found as typing mistakes. */
static const char *called_elsewhere(const char *word) {
        static const struct {
                const char *word;
                const char *verb;
        } words[] = {
                { "add", "enqueue" },    { "at", "enqueue" },      { "atq", "list" },      { "atrm", "cancel" },
                { "batch", "enqueue" },  { "clean", "remove" },    { "delete", "remove" }, { "follow", "logs" },
                { "group", "queue" },    { "info", "show" },       { "jobs", "status" },   { "kill", "cancel" },
                { "log", "logs" },       { "ls", "list" },         { "nohup", "enqueue" }, { "output", "result" },
                { "parallel", "queue" }, { "partition", "queue" }, { "ps", "status" },     { "requeue", "retry" },
                { "rerun", "retry" },    { "restart", "retry" },   { "sacct", "list" },    { "sattach", "logs" },
                { "sbatch", "enqueue" }, { "scancel", "cancel" },  { "sinfo", "queue" },   { "squeue", "status" },
                { "srun", "run" },       { "start", "run" },       { "stash", "hold" },    { "stop", "cancel" },
                { "submit", "enqueue" }, { "tail", "logs" },       { "wait", "await" },
        };

        for (size_t i = 0; i < ELEMENTSOF(words); i++)
                if (streq(words[i].word, word))
                        return words[i].verb;
        return NULL;
}

const char *verb_suggest(const char *word) {
        Suggestion s = { .word = word };

        for (size_t i = 0; i < ELEMENTSOF(verbs); i++)
                suggest_name(&s, verbs[i].verb->name);
        return called_elsewhere(word) ?: s.name;
}

/* The columns of a text in which each character has one. */
static int columns_of(const char *text) {
        int n = 0;

        for (; *text; text++)
                n += !utf8_is_continuation(*text);
        return n;
}

char *verb_list_text(void) {
        _cleanup_text_stream_ TextStream s = {};
        FILE *f = text_stream_open(&s);

        if (!f)
                return NULL;
        (void) fputs("Run commands as durable background jobs.\n", f);
        for (size_t i = 0; i < ELEMENTSOF(verbs); i++) {
                const Verb *verb = verbs[i].verb;
                const char *arguments = *verb->arguments ? verb->arguments : "[options]";
                int n = (int) strlen(verb->name) + 1 + columns_of(arguments);

                if (verbs[i].heading)
                        (void) fprintf(f, "\n%s:\n", verbs[i].heading);
                (void) fprintf(f, "  %s %s%*s%s\n", verb->name, arguments, MAX(32 - n, 2), "", verb->summary);
        }
        (void) fputs("\nOptions:\n", f);
        return text_stream_take(&s);
}
