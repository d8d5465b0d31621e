/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

#include "command.h"
#include "log.h"
#include "read-write.h"
#include "text-new.h"
#include "text.h"
#include "time-util.h"

#define LINE_MAX_BYTES 1000U
#define MESSAGE_MAX 4096U

/* ---- Writing ---- */

void log_begin(Log *log) {
        *log = (Log) { .begun_usec = now_monotonic() };
}

/* NULL: out of memory, nothing is written. */
static void write_text(const char *text) {
        if (text)
                (void) write_all(STDERR_FILENO, text, strlen(text));
}

void log_say(const Log *log, const char *format, ...) {
        uint64_t seconds = (now_monotonic() - log->begun_usec) / USEC_PER_SEC;
        _cleanup_free_ char *text = NULL, *line = NULL;
        va_list ap;

        va_start(ap, format);
        text = text_new_v(format, ap);
        va_end(ap);
        if (!text)
                return;
        line = text_new("[%02" PRIu64 ":%02" PRIu64 "] %s\n", seconds / 60, seconds % 60, text);
        write_text(line);
}

static void say_text(const Log *log, const char *what, const char *s, size_t n) {
        _cleanup_free_ char *line = text_line(s, n, LINE_MAX_BYTES);

        if (line)
                log_say(log, "%s: %s", what, line);
}

void log_codex(const Log *log, const char *line, size_t n) {
        say_text(log, "codex says", line, n);
}

void log_failure(const char *text) {
        _cleanup_free_ char *line = text_new("%s\n", text);

        write_text(line);
}

/* ---- Messages ---- */

static void say_block(const Log *log, const char *what, const char *s, size_t n) {
        _cleanup_free_ char *text = text_block(s, n, MESSAGE_MAX);
        char *rest = text;

        if (!text)
                return;
        if (!strchr(text, '\n')) {
                log_say(log, "%s: %s", what, text);
                return;
        }
        log_say(log, "%s:", what);
        for (char *line; (line = strsep(&rest, "\n"));) {
                _cleanup_free_ char *indented = text_new("%s%s\n", *line ? "        " : "", line);

                write_text(indented);
        }
}

void log_commentary(Log *log, const Turn *turn) {
        if (isempty(turn->message) || log->message_logged)
                return;
        log->message_logged = true;
        say_block(log, "message", turn->message, turn->message_size);
}

/* ---- Events ---- */

static void say_command(const Log *log, const Turn *turn, const Event *e, uint64_t now) {
        _cleanup_free_ char *command = command_shown(e->text.s, e->text.n, TURN_COMMAND_MAX);
        const TurnOpen *open = turn_find_open(turn, e->id);
        char took[32] = "", ended[32] = "unknown exit status";

        if (open)
                (void) snprintf(took, sizeof(took), ", %.1f s", (double) (now - open->begun_usec) / USEC_PER_SEC);
        if (e->has_exit_code)
                (void) snprintf(ended, sizeof(ended), "exit status %d", e->exit_code);
        log_say(log, "ran: %s (%s%s)", strempty(command), ended, took);
}

static void say_edit(const Log *log, const Event *e) {
        for (size_t i = 0; i < event_n_changes(e); i++) {
                _cleanup_free_ char *line = NULL;
                const char *path, *kind;

                event_change(e, i, &path, &kind);
                if (path)
                        line = text_line(path, strlen(path), LINE_MAX_BYTES);
                if (line)
                        log_say(log, "%s: %.16s %s", e->failed ? "failed to edit" : "edited", kind ?: "change", line);
        }
}

static void say_tool(const Log *log, const Event *e) {
        _cleanup_free_ char *name = text_line(e->text.s, e->text.n, LINE_MAX_BYTES), *server = NULL;

        server = text_line(strempty(e->server.s), e->server.n, LINE_MAX_BYTES);
        log_say(log, "used: %s%s%s%s", strempty(server), isempty(server) ? "" : ".", strempty(name),
                e->failed ? " (failed)" : "");
}

static void say_completed(Log *log, const Turn *turn, const Event *e, uint64_t now) {
        switch (e->item) {
        case ITEM_MESSAGE:
                log->message_logged = false; /* it is when it turns out not to be the answer */
                break;
        case ITEM_REASONING:
                say_text(log, "thinks", e->text.s, e->text.n);
                break;
        case ITEM_COMMAND:
                say_command(log, turn, e, now);
                break;
        case ITEM_EDIT:
                say_edit(log, e);
                break;
        case ITEM_TOOL:
        case ITEM_AGENT:
                say_tool(log, e);
                break;
        case ITEM_SEARCH:
                say_text(log, "searched the web", e->text.s, e->text.n);
                break;
        case ITEM_PLAN:
                log_say(log, "plan: %zu of %zu steps done", e->n_steps_done, e->n_steps);
                break;
        case ITEM_WARNING:
                say_text(log, "warning", e->text.s, e->text.n);
                break;
        default:
                break;
        }
}

static void say_usage(const Log *log, const TokenUsage *usage) {
        if (usage->input > 0 || usage->output > 0)
                log_say(log, "tokens: %" PRIu64 " in (%" PRIu64 " cached), %" PRIu64 " out (%" PRIu64 " of reasoning)",
                        usage->input, usage->cached_input, usage->output, usage->reasoning_output);
}

static void say_started(const Log *log, const Event *e) {
        _cleanup_free_ char *command = NULL;

        if (e->item != ITEM_COMMAND)
                return;
        command = command_shown(e->text.s, e->text.n, TURN_COMMAND_MAX);
        log_say(log, "runs: %s", strempty(command));
}

void log_event(Log *log, const Turn *turn, const Event *e, uint64_t now) {
        switch (e->type) {
        case EVENT_THREAD_STARTED:
                say_text(log, "thread", strempty(e->text.s), e->text.n);
                break;
        case EVENT_TURN_COMPLETED:
                say_usage(log, &e->usage);
                break;
        case EVENT_ERROR: /* what ends the turn is among them */
                say_text(log, "error", strempty(e->text.s), e->text.n);
                break;
        case EVENT_ITEM_STARTED:
                log_commentary(log, turn);
                say_started(log, e);
                break;
        case EVENT_ITEM_COMPLETED:
                if (e->item != ITEM_WARNING)
                        log_commentary(log, turn);
                say_completed(log, turn, e, now);
                break;
        default:
                break;
        }
}
