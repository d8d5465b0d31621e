/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

/* codex-jobs-codex: what the unit of a job of Codex runs. It drives `codex exec --json`, reports what Codex does as
 * the progress and log of the job, prints the final message, and leaves a structured result. See options.c for what
 * it promises to its caller, and
 *
 *   child.c      the process              complaint.c  why it failed, from its standard error
 *   lines.c      its output as lines      advice.c     what can be done about that
 *   event.c      a line as an event       verdict.c    whether the job is done
 *   turn.c       what all events say      result.c     the structured result
 *   progress.c   the progress line        log.c        the log
 *   command.c    commands for people      text.c       texts for people
 *
 * The verdict is strict: anything but a complete turn with a final message is a failure with a reason. */

#include <fcntl.h>
#include <poll.h>
#include <time.h>

#include "child.h"
#include "lines.h"
#include "log.h"
#include "options.h"
#include "progress.h"
#include "read-write.h"
#include "result.h"
#include "text.h"
#include "utf8.h"
#include "verdict.h"

#define OUTPUT_LINE_MAX (16U * 1024U * 1024U) /* an answer is on one line */
#define ERRORS_LINE_MAX (64U * 1024U)
#define SHOWN_LINE_MAX 200U

/* The error until Codex has exited; it remains if this program is killed. */
#define UNFINISHED "The job was terminated before Codex exited. Continue its thread."

/* How long Codex may stay once its turn is complete, and its thread on disk. It may stay for some seconds, to send
 * telemetry, and the job would end that much later. */
#define STAY_USEC (500U * 1000U)

static const int stop_signals[] = { SIGTERM, SIGINT, SIGHUP };

typedef struct Adapter {
        Options options;
        char *model; /* UTF-8 */
        const char *result_path; /* NULL: none is wanted */
        sd_event *event;
        Child *child;
        sd_event_source *stay; /* NULL: the turn is not complete */
        Lines output, errors;
        Turn turn;
        Findings findings;
        Complaint complaint;
        Ending ending;
        Progress *progress;
        Log log;
        int error; /* of this program itself */
} Adapter;

static void adapter_clear(Adapter *a) {
        (void) child_free(a->child);
        (void) sd_event_source_disable_unref(a->stay);
        (void) progress_free(a->progress);
        lines_clear(&a->output);
        lines_clear(&a->errors);
        turn_clear(&a->turn);
        findings_clear(&a->findings);
        complaint_clear(&a->complaint);
        (void) sd_event_unref(a->event);
        free(a->model);
}

/* ---- What goes out ---- */

static void write_result(Adapter *a, const char *error, const char *next) {
        Result result = { a->options.kind, a->model, error, next, &a->turn, a->options.target, &a->findings };
        int r;

        if (!a->result_path)
                return;
        r = result_write(&result, a->result_path);
        if (r < 0)
                log_say(&a->log, "warning: failed to write the structured result: %s", strerror(-r));
}

static int write_message(const Turn *turn) {
        int r = write_all(STDOUT_FILENO, turn->message, turn->message_size);

        return r < 0 ? r : write_all(STDOUT_FILENO, "\n", 1);
}

/* The findings as text, or where the answer is no such thing that as it is, and why. */
static int write_review(Adapter *a) {
        _cleanup_free_ char *text = NULL;
        int r;

        r = findings_read(a->turn.message, a->turn.message_size, &a->findings);
        if (r < 0)
                return r;
        if (!a->findings.review) {
                log_say(&a->log, "warning: the findings cannot be read, %s; the message of Codex is shown as it is",
                        a->findings.error);
                return write_message(&a->turn);
        }
        text = findings_text(&a->findings, a->options.target);
        return text ? write_all(STDOUT_FILENO, text, strlen(text)) : -ENOMEM;
}

static int write_answer(Adapter *a) {
        return options_is_structured(&a->options) ? write_review(a) : write_message(&a->turn);
}

/* ---- What comes in ---- */

/* Goes down in order: Codex is stopped first. */
static void give_up(Adapter *a, int error) {
        if (a->error == 0)
                child_signal(a->child, SIGTERM);
        a->error = error;
}

static const char *busy_word(const Adapter *a, char buffer[static PROGRESS_MAX]) {
        if (!options_is_review(&a->options))
                return "investigating";
        (void) snprintf(buffer, PROGRESS_MAX, "reviewing%s%.100s", a->options.target ? " " : "",
                        strempty(a->options.target));
        return buffer;
}

/* Codex starts a new thread if the expected one is not found. It does not know the earlier work, and must not
 * continue it. */
static void check_thread(Adapter *a) {
        if (!ending_has_wrong_thread(&a->ending, &a->turn))
                return;
        log_say(&a->log, "not the expected thread %.64s, stopping Codex", a->ending.expected_thread);
        child_signal(a->child, SIGTERM);
}

static int on_stayed(sd_event_source *source, uint64_t usec, void *userdata) {
        Adapter *a = userdata;

        if (!verdict_has_answer(&a->turn, &a->ending))
                return 0;
        a->ending.sent_home = true;
        child_signal(a->child, SIGTERM);
        return 0;
}

/* Another turn may follow, of a message that was queued. */
static int watch_stay(Adapter *a, const Event *event) {
        if (event->type == EVENT_TURN_STARTED)
                a->stay = sd_event_source_disable_unref(a->stay);
        if (event->type != EVENT_TURN_COMPLETED || a->stay)
                return 0;
        return sd_event_add_time_relative(a->event, &a->stay, CLOCK_MONOTONIC, STAY_USEC, 0, on_stayed, a);
}

static int take_event(Adapter *a, const Event *event) {
        char buffer[PROGRESS_MAX], busy[PROGRESS_MAX];
        const char *phase;
        uint64_t now;
        int r;

        r = sd_event_now(a->event, CLOCK_MONOTONIC, &now);
        if (r < 0)
                return r;
        log_event(&a->log, &a->turn, event, now);
        r = turn_event(&a->turn, event, now);
        if (r >= 0)
                r = watch_stay(a, event);
        if (r < 0)
                return r;
        if (event->type == EVENT_THREAD_STARTED) {
                write_result(a, UNFINISHED, NULL);
                check_thread(a);
        }
        phase = progress_phase(&a->turn, event, busy_word(a, busy), buffer);
        if (phase)
                progress_set(a->progress, phase);
        return 0;
}

static void pass_over(Adapter *a, const char *why, const char *line, size_t n) {
        _cleanup_free_ char *shown = text_line(line, n, SHOWN_LINE_MAX);

        log_say(&a->log, "ignored %s: %s", why, strempty(shown));
}

static int on_output_line(const char *line, size_t n, unsigned flags, void *userdata) {
        _cleanup_event_ Event event = {};
        Adapter *a = userdata;
        int r;

        if (flags & LINE_CUT) {
                pass_over(a, "a line of more than 16 MiB", line, n);
                a->turn.message_lost |= event_is_long_message(line, n);
                return 0;
        }
        if (n == 0)
                return 0;
        r = event_read(line, n, &event);
        if (r == -EBADMSG) {
                pass_over(a, flags & LINE_OPEN ? "an incomplete line" : "an invalid event", line, n);
                a->ending.half_line |= flags & LINE_OPEN;
                return 0;
        }
        return r < 0 ? r : take_event(a, &event);
}

static int on_errors_line(const char *line, size_t n, unsigned flags, void *userdata) {
        Adapter *a = userdata;
        int r = complaint_line(&a->complaint, line, n);

        if (r > 0)
                log_codex(&a->log, line, n);
        return r < 0 ? r : 0;
}

static void on_output(const char *data, size_t n, void *userdata) {
        Adapter *a = userdata;
        int r = lines_feed(&a->output, data, n);

        if (r < 0)
                give_up(a, r);
}

static void on_errors(const char *data, size_t n, void *userdata) {
        Adapter *a = userdata;
        int r = lines_feed(&a->errors, data, n);

        if (r < 0)
                give_up(a, r);
}

static int on_signal(sd_event_source *source, const struct signalfd_siginfo *info, void *userdata) {
        Adapter *a = userdata;

        a->ending.stopped = (int) info->ssi_signo;
        log_say(&a->log, "received SIG%s, forwarding it to Codex", sigabbrev_np(a->ending.stopped));
        progress_set(a->progress, "stopping");
        child_signal(a->child, a->ending.stopped);
        return 0;
}

/* ---- The end ---- */

static int fail(Adapter *a, int status, const char *text, const char *next) {
        log_commentary(&a->log, &a->turn);
        write_result(a, text, next);
        log_failure(text);
        progress_finish(a->progress, text);
        return status;
}

static int fail_itself(Adapter *a, int error) {
        char text[PROGRESS_MAX];

        (void) snprintf(text, sizeof(text), "codex-jobs-codex itself failed: %s. %s.", strerror(-error),
                        error == -ENOMEM ? "Increase the memory limit of the job" : "Start the job again");
        return fail(a, VERDICT_OWN_FAILURE, text, NULL);
}

static int fail_to_answer(Adapter *a, int error) {
        char text[PROGRESS_MAX];

        (void) snprintf(text, sizeof(text),
                        "Failed to write the final message: %s. Free disk space, then check the log of the job.",
                        strerror(-error));
        return fail(a, VERDICT_FAILURE, text, NULL);
}

static int succeed(Adapter *a) {
        size_t commands = a->turn.n_commands, files = a->turn.n_files + a->turn.n_files_omitted;
        char text[PROGRESS_MAX];

        (void) snprintf(text, sizeof(text), "done: %zu command%s, %zu file%s changed", commands,
                        commands == 1 ? "" : "s", files, files == 1 ? "" : "s");
        log_say(&a->log, "%s", text);
        write_result(a, NULL, NULL);
        progress_finish(a->progress, text);
        return 0;
}

/* A message that is the answer is printed even if Codex failed after it. */
static int finish(Adapter *a) {
        _cleanup_verdict_ Verdict verdict = {};
        int r;

        r = a->error < 0 ? a->error : verdict_make(&a->turn, &a->ending, &a->complaint, &verdict);
        if (r < 0)
                return fail_itself(a, r);
        if (verdict_has_answer(&a->turn, &a->ending)) {
                r = write_answer(a);
                if (r < 0)
                        return fail_to_answer(a, r);
                a->log.message_logged = true;
        }
        return verdict.text ? fail(a, verdict.status, verdict.text, verdict.next) : succeed(a);
}

static void on_ended(const siginfo_t *status, void *userdata) {
        Adapter *a = userdata;
        int r;

        a->ending.process = *status;
        r = lines_end(&a->output);
        if (r >= 0)
                r = lines_end(&a->errors);
        if (r < 0 && a->error == 0)
                a->error = r;
        (void) sd_event_exit(a->event, 0);
}

/* ---- The beginning ---- */

/* A descriptor that is closed would be taken by the first thing that is opened. */
static int open_standard_descriptors(void) {
        for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
                if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", O_RDONLY) != fd)
                        return -EBADF;
        return 0;
}

/* First of all: who cancels a job signals Codex as well, whose end is not to be taken for an accident then. */
static int watch_signal(Adapter *a, int number) {
        sd_event_source *source;
        int r;

        r = sd_event_add_signal(a->event, &source, number, on_signal, a);
        if (r < 0)
                return r;
        r = sd_event_source_set_priority(source, SD_EVENT_PRIORITY_IMPORTANT);
        if (r >= 0)
                r = sd_event_source_set_floating(source, true);
        (void) sd_event_source_unref(source);
        return r;
}

static int prepare(Adapter *a) {
        int r;

        log_begin(&a->log);
        a->result_path = getenv("CODEX_JOB_RESULT");
        a->output = (Lines) { .max = OUTPUT_LINE_MAX, .handler = on_output_line, .userdata = a };
        a->errors = (Lines) { .max = ERRORS_LINE_MAX, .handler = on_errors_line, .userdata = a };
        a->ending.expected_thread = a->options.expected_thread;
        a->ending.is_review = options_is_review(&a->options);
        if (a->options.model) {
                a->model = utf8_make_valid(a->options.model, strlen(a->options.model));
                if (!a->model)
                        return -ENOMEM;
        }
        r = sd_event_new(&a->event);
        if (r >= 0)
                r = progress_new(&a->progress, a->event);
        for (size_t i = 0; r >= 0 && i < ELEMENTSOF(stop_signals); i++)
                r = watch_signal(a, stop_signals[i]);
        return r;
}

static int run(Adapter *a) {
        static const ChildListener listener = { .output = on_output, .errors = on_errors, .ended = on_ended };
        _cleanup_verdict_ Verdict verdict = {};
        int r;

        if (a->options.target)
                log_say(&a->log, "reviewing %s", a->options.target);
        progress_set(a->progress, "starting");
        r = child_new(&a->child, a->event, a->options.command, &listener, a);
        if (r < 0) {
                r = verdict_not_started(a->options.command[0], -r, &verdict);
                return r < 0 ? fail_itself(a, r) : fail(a, verdict.status, verdict.text, verdict.next);
        }
        r = sd_event_loop(a->event);
        return r < 0 ? fail_itself(a, r) : finish(a);
}

int main(int argc, char *argv[]) {
        _cleanup_(adapter_clear) Adapter a = {};
        int r;

        if (open_standard_descriptors() < 0)
                return VERDICT_OWN_FAILURE;
        (void) signal(SIGPIPE, SIG_IGN);
        r = options_read(argc, argv, &a.options);
        if (r != 0)
                return r < 0 ? VERDICT_OWN_FAILURE : EXIT_SUCCESS;
        r = child_block_signals(stop_signals, ELEMENTSOF(stop_signals));
        if (r >= 0)
                r = prepare(&a);
        if (r < 0) {
                (void) fprintf(stderr, "codex-jobs-codex: Failed to start: %s. Start the job again.\n", strerror(-r));
                return VERDICT_OWN_FAILURE;
        }
        return run(&a);
}
