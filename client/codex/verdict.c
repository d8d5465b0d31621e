/* SPDX-License-Identifier: Apache-2.0 */

#include <stdarg.h>

#include "advice.h"
#include "macro.h"
#include "text.h"
#include "utf8.h"
#include "verdict.h"

/* What a review ends with when the model gave nothing, as if it were an answer. */
#define INTERRUPTED "Review was interrupted. Please re-run"

static int tell(Verdict *ret, int status, const char *next, const char *format, ...) _printf_(4, 5);
static int tell(Verdict *ret, int status, const char *next, const char *format, ...) {
        Verdict verdict = { .status = status, .next = next };
        va_list ap;
        int r;

        va_start(ap, format);
        r = vasprintf(&verdict.text, format, ap);
        va_end(ap);
        if (r < 0)
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
        (void) snprintf(ret, NEXT_MAX, "go on with 'codex-jobs task --resume %.64s'", t->thread_id);
        return ret;
}

/* ---- The cases ---- */

static int tell_reason(const Turn *t, const Ending *e, const char *reason, int status, Verdict *ret) {
        const Advice *advice = advice_find(reason);
        char next[NEXT_MAX];

        if (!advice)
                return tell(ret, status, NULL, "Codex failed (%s): look into it, then %s.", reason,
                            next_step(t, e, next));
        if (!advice->go_on)
                return tell(ret, status, advice->command, "%s (%s).", advice->text, reason);
        return tell(ret, status, NULL, "%s, then %s (%s).", advice->text, next_step(t, e, next), reason);
}

static int tell_signal(const Turn *t, const Ending *e, int number, Verdict *ret) {
        const char *hint = number == SIGKILL ? "see whether memory ran out" : "look into it";
        const TurnOpen *open = turn_newest_open(t);
        char next[NEXT_MAX], where[160] = "";

        if (open && open->item == ITEM_COMMAND)
                (void) snprintf(where, sizeof(where), " while it ran '%.*s'",
                                (int) utf8_truncate(open->text, strlen(open->text), 100), open->text);
        return tell(ret, VERDICT_SIGNALLED + number, NULL, "Codex was killed by signal %d (SIG%s)%s: %s, then %s.",
                    number, sigabbrev_np(number) ?: "?", where, hint, next_step(t, e, next));
}

static int tell_stopped(const Turn *t, const Ending *e, Verdict *ret) {
        char next[NEXT_MAX];

        return tell(ret, VERDICT_SIGNALLED + e->stopped, NULL, "Codex was stopped (SIG%s): %s.",
                    sigabbrev_np(e->stopped) ?: "?", next_step(t, e, next));
}

static int tell_wrong_thread(const Turn *t, const Ending *e, Verdict *ret) {
        return tell(ret, VERDICT_FAILURE, "codex-jobs task --fresh",
                    "Codex did not resume thread %.64s but began another (%.64s), and was stopped: begin a new one "
                    "with 'codex-jobs task --fresh'.",
                    e->expected_thread, t->thread_id);
}

static int tell_status(const Turn *t, const Ending *e, const Complaint *complaint, int status, Verdict *ret) {
        const char *reason = complaint->error ?: t->last_error ?: complaint->last, *when = "";
        char next[NEXT_MAX];

        if (reason)
                return tell_reason(t, e, reason, status, ret);
        if (e->half_line)
                when = " in the middle of a line";
        else if (t->completed)
                when = " after its turn was complete";
        return tell(ret, status, NULL, "Codex exited with status %d%s and did not say why: see the job's log, then %s.",
                    status, when, next_step(t, e, next));
}

/* Codex exited with 0, and that is not enough. */
static int tell_incomplete(const Turn *t, const Ending *e, Verdict *ret) {
        char next[NEXT_MAX];
        const char *what;

        if (e->half_line)
                what = "Codex's output ends in the middle of a line";
        else if (!t->completed)
                what = "Codex exited before its turn was complete";
        else if (t->message_lost)
                what = "Codex's final message is too long to be read";
        else if (startswith(strempty(t->message), INTERRUPTED))
                what = "Codex's review was interrupted, as the model said nothing";
        else
                what = "Codex ended without a final message";
        return tell(ret, VERDICT_FAILURE, NULL, "%s: see the job's log, then %s.", what, next_step(t, e, next));
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

        if (exited && status == 0 && verdict_has_answer(t, e)) {
                *ret = (Verdict) {};
                return 0;
        }
        if (ending_has_wrong_thread(e, t))
                return tell_wrong_thread(t, e, ret);
        if (e->stopped > 0)
                return tell_stopped(t, e, ret);
        if (!exited)
                return tell_signal(t, e, status, ret);
        if (t->failed)
                return tell_reason(t, e, strempty(t->failure), status ?: VERDICT_FAILURE, ret);
        if (status != 0)
                return tell_status(t, e, complaint, status, ret);
        return tell_incomplete(t, e, ret);
}

int verdict_not_started(const char *program, int error, Verdict *ret) {
        return tell(ret, error == ENOENT ? VERDICT_NOT_FOUND : VERDICT_NOT_EXECUTABLE, "npm install -g @openai/codex",
                    "cannot run %.256s (%s): install Codex with 'npm install -g @openai/codex'.", program,
                    strerror(error));
}

void verdict_clear(Verdict *verdict) {
        free(verdict->text);
        *verdict = (Verdict) {};
}
