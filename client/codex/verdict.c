/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

#include "advice.h"
#include "macro.h"
#include "text-new.h"
#include "text.h"
#include "utf8.h"
#include "verdict.h"

/* The final message of a review if the model returned nothing. */
#define INTERRUPTED "Review was interrupted. Please re-run"

static int verdict_set(Verdict *ret, int status, const char *next, const char *format, ...) _printf_(4, 5);
static int verdict_set(Verdict *ret, int status, const char *next, const char *format, ...) {
        Verdict verdict = { .status = status, .next = next };
        va_list ap;

        va_start(ap, format);
        verdict.text = text_new_v(format, ap);
        va_end(ap);
        if (!verdict.text)
                return -ENOMEM;
        *ret = verdict;
        return 0;
}

/* ---- What to do next ---- */

#define NEXT_MAX 256

static const char *next_step(const Turn *t, const Ending *e, char ret[static NEXT_MAX]) {
        if (e->is_review)
                return "start the review again";
        if (!t->thread_id)
                return "start it again";
        (void) snprintf(ret, NEXT_MAX, "continue with 'codex-jobs task --resume %.64s'", t->thread_id);
        return ret;
}

/* ---- The cases ---- */

static int verdict_reason(const Turn *t, const Ending *e, const char *reason, int status, Verdict *ret) {
        const Advice *advice = advice_find(reason);
        char next[NEXT_MAX];

        if (!advice)
                return verdict_set(ret, status, NULL, "Codex failed (%s). Fix the cause, then %s.", reason,
                            next_step(t, e, next));
        if (!advice->resumable)
                return verdict_set(ret, status, advice->command, "%s (%s). %s.", advice->fact, reason, advice->remedy);
        return verdict_set(ret, status, NULL, "%s (%s). %s, then %s.", advice->fact, reason, advice->remedy,
                           next_step(t, e, next));
}

static int verdict_signal(const Turn *t, const Ending *e, int number, Verdict *ret) {
        const char *hint = number == SIGKILL ? "Check for lack of memory" : "Check the log of the job";
        const TurnOpen *open = turn_newest_open(t);
        char next[NEXT_MAX], where[160] = "";

        if (open && open->item == ITEM_COMMAND)
                (void) snprintf(where, sizeof(where), " while running '%.*s'",
                                (int) utf8_truncate(open->text, strlen(open->text), 100), open->text);
        return verdict_set(ret, VERDICT_SIGNALLED + number, NULL,
                           "Codex was killed by signal %d (SIG%s)%s. %s, then %s.", number,
                           sigabbrev_np(number) ?: "?", where, hint, next_step(t, e, next));
}

static int verdict_stopped(const Turn *t, const Ending *e, Verdict *ret) {
        char next[NEXT_MAX];

        return verdict_set(ret, VERDICT_SIGNALLED + e->stopped, NULL, "Codex was stopped (SIG%s); %s.",
                           sigabbrev_np(e->stopped) ?: "?", next_step(t, e, next));
}

static int verdict_wrong_thread(const Turn *t, const Ending *e, Verdict *ret) {
        return verdict_set(ret, VERDICT_FAILURE, "codex-jobs task --fresh",
                           "Codex did not resume thread %.64s, but started another one (%.64s), and was stopped. "
                           "Start a new one with 'codex-jobs task --fresh'.",
                           e->expected_thread, t->thread_id);
}

static int verdict_status(const Turn *t, const Ending *e, const Complaint *complaint, int status, Verdict *ret) {
        const char *reason = complaint->error ?: t->last_error ?: complaint->last, *when = "";
        char next[NEXT_MAX];

        if (reason)
                return verdict_reason(t, e, reason, status, ret);
        if (e->half_line)
                when = " in the middle of a line";
        else if (t->completed)
                when = " after its turn was complete";
        return verdict_set(ret, status, NULL,
                           "Codex exited with status %d%s without an error. Check the log of the job, then %s.", status,
                           when, next_step(t, e, next));
}

/* Codex exited with 0, and that is not enough. */
static int verdict_incomplete(const Turn *t, const Ending *e, Verdict *ret) {
        char next[NEXT_MAX];
        const char *what;

        if (e->half_line)
                what = "Output of Codex ends in the middle of a line";
        else if (!t->completed)
                what = "Codex exited before its turn was complete";
        else if (t->message_lost)
                what = "The final message of Codex is too long";
        else if (startswith(strempty(t->message), INTERRUPTED))
                what = "The review was interrupted, the model returned nothing";
        else
                what = "Codex exited without a final message";
        return verdict_set(ret, VERDICT_FAILURE, NULL, "%s. Check the log of the job, then %s.", what,
                           next_step(t, e, next));
}

/* ---- The verdict ---- */

bool ending_has_wrong_thread(const Ending *e, const Turn *t) {
        return e->expected_thread && t->thread_id && strcasecmp(e->expected_thread, t->thread_id) != 0;
}

static bool is_blank(const char *text, size_t n) {
        for (size_t i = 0; i < n; i++)
                if (!strchr(" \t\r\n", text[i]) || !text[i])
                        return false;
        return true;
}

bool verdict_has_answer(const Turn *t, const Ending *e) {
        return t->completed && !t->failed && !e->half_line && !t->message_lost && t->message &&
                !is_blank(t->message, t->message_size) && !startswith(t->message, INTERRUPTED) &&
                !ending_has_wrong_thread(e, t);
}

int verdict_make(const Turn *t, const Ending *e, const Complaint *complaint, Verdict *ret) {
        bool exited = e->process.si_code == CLD_EXITED;
        int status = e->process.si_status;

        if (((exited && status == 0) || (e->sent_home && e->stopped == 0)) && verdict_has_answer(t, e)) {
                *ret = (Verdict) {};
                return 0;
        }
        if (ending_has_wrong_thread(e, t))
                return verdict_wrong_thread(t, e, ret);
        if (e->stopped > 0)
                return verdict_stopped(t, e, ret);
        if (!exited)
                return verdict_signal(t, e, status, ret);
        if (t->failed)
                return verdict_reason(t, e, strempty(t->failure), status ?: VERDICT_FAILURE, ret);
        if (status != 0)
                return verdict_status(t, e, complaint, status, ret);
        return verdict_incomplete(t, e, ret);
}

int verdict_not_started(const char *program, int error, Verdict *ret) {
        return verdict_set(ret, error == ENOENT ? VERDICT_NOT_FOUND : VERDICT_NOT_EXECUTABLE,
                           "npm install -g @openai/codex",
                           "Failed to execute %.256s: %s. Install Codex with 'npm install -g @openai/codex'.", program,
                    strerror(error));
}

void verdict_clear(Verdict *verdict) {
        free(verdict->text);
        *verdict = (Verdict) {};
}
