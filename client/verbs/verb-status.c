/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

/* codex-jobs status: which jobs there are, and all about one. */

#include <signal.h>

#include "answer.h"
#include "bus-names.h"
#include "job-thread.h"
#include "job-tree.h"
#include "last-lines.h"
#include "output.h"
#include "render.h"
#include "terminal.h"
#include "text-new.h"
#include "verbs.h"
#include "wait.h"
#include "write.h"

enum {
        OPTION_ALL = OPTION_VERB,
        OPTION_LIMIT,
        OPTION_TREE,
        OPTION_WATCH,
        OPTION_WAIT,
};

#define LIMIT_DEFAULT 50
#define INDENT_MAX 16U
#define WATCH_USEC USEC_PER_SEC /* at most that often */

static struct {
        bool all;
        bool tree;
        bool watch;
        bool wait;
        uint64_t timeout_usec; /* USEC_INFINITY: not given */
        uint64_t poll_usec;
        uint64_t limit; /* of finished jobs; 0: not given */
} given = { .timeout_usec = USEC_INFINITY };

static int option(const Verb *verb, int option) {
        switch (option) {
        case OPTION_ALL:
                given.all = true;
                return 0;
        case OPTION_TREE:
                given.tree = true;
                return 0;
        case OPTION_WATCH:
                given.watch = true;
                return 0;
        case OPTION_WAIT:
                given.wait = true;
                return 0;
        case OPTION_TIMEOUT_MS:
                return option_timeout(verb, &given.timeout_usec);
        case OPTION_POLL_INTERVAL_MS:
                return option_poll_interval(verb, &given.poll_usec);
        default:
                return option_number(verb, "limit", 1, UINT32_MAX, &given.limit);
        }
}

static int check(Invocation *in) {
        const Verb *verb = in->verb;
        int r = 0;

        if (given.watch && in->json)
                return usage_error(verb, "--watch and --json cannot be combined");
        if (given.watch && given.wait)
                return usage_error(verb, "--watch and --wait cannot be combined");
        if (given.wait && in->n_arguments == 0)
                return usage_error(verb, "--wait requires a job ID");
        if (given.timeout_usec != USEC_INFINITY && !given.wait)
                return usage_error(verb, "--timeout-ms requires --wait");
        if (given.poll_usec > 0 && !given.wait)
                return usage_error(verb, "--poll-interval-ms requires --wait");
        if (remote_name(&in->remote) && in->n_arguments == 0)
                given.all = true; /* workspaces are of this host */
        if (given.all && in->n_arguments > 0)
                return usage_error(verb, "--all and job ID '%.48s' cannot be combined", in->arguments[0]);
        if (given.tree && in->n_arguments > 0)
                return usage_error(verb, "--tree and job ID '%.48s' cannot be combined", in->arguments[0]);
        if (given.limit > 0 && in->n_arguments > 0)
                return usage_error(verb, "--limit and job ID '%.48s' cannot be combined", in->arguments[0]);
        for (size_t i = 0; given.wait && i < in->n_arguments && r >= 0; i++)
                r = check_id(in->arguments[i], &in->error);
        return r;
}

typedef struct Status {
        Invocation *in; /* not owned */
        bool timed_out;
        Wait *waited;
        size_t n_own; /* so many are of this session, the first ones */
        char *workspace;
        bool changed; /* what is watched */
        bool shown;
        OwnQueue queue;
        JobList list;
} Status;

static void status_clear(Status *s) {
        (void) wait_free(s->waited);
        job_list_clear(&s->list);
        free(s->workspace);
}

/* ---- Which jobs ---- */

/* All active jobs, however old, and the newest finished ones. */
static int list_jobs(Status *s) {
        _cleanup_job_list_ JobList ended = {};
        JobFilter filter = { .active = true, .workspace = s->workspace };
        int r;

        r = job_list(s->in->client, &filter, &s->list, &s->in->error);
        if (r < 0)
                return r;
        filter.active = false;
        filter.ended = true;
        filter.limit = given.limit ?: LIMIT_DEFAULT;
        r = job_list(s->in->client, &filter, &ended, &s->in->error);
        return r < 0 ? r : job_list_append(&s->list, &ended);
}

static int indent_label(JobRecord *record, unsigned depth) {
        const char *mark = terminal_takes_utf8(STDOUT_FILENO) ? "└ " : "`- ";
        char *label = text_new("%*s%s%s", (int) (2 * (MIN(depth, INDENT_MAX) - 1)), "", mark, strempty(record->label));

        if (!label)
                return -ENOMEM;
        free(record->label);
        record->label = label;
        return 0;
}

/* As a tree; documents only have its order. */
static int indent(Status *s) {
        _cleanup_free_ unsigned *depths = NULL;
        int r;

        r = job_list_to_tree(&s->list, &depths);
        for (size_t i = 0; i < s->list.n && r >= 0 && !s->in->json; i++)
                if (depths[i] > 0)
                        r = indent_label(&s->list.records[i], depths[i]);
        return r;
}

static int get_jobs(Status *s) {
        int r = 0;

        s->list.records = calloc(s->in->n_arguments, sizeof(JobRecord));
        if (!s->list.records)
                return -ENOMEM;
        while (r >= 0 && s->list.n < s->in->n_arguments) {
                s->list.records[s->list.n] = JOB_RECORD_INIT;
                r = job_get(s->in->client, s->in->arguments[s->list.n], &s->list.records[s->list.n], &s->in->error);
                if (r >= 0)
                        s->list.n++;
        }
        return r;
}

static int find_jobs(Status *s) {
        int r;

        job_list_clear(&s->list);
        if (s->in->n_arguments > 0)
                return get_jobs(s);
        if (!given.all && !s->workspace) {
                r = workspace_here(&s->workspace, &s->in->error);
                if (r < 0)
                        return r;
        }
        r = list_jobs(s);
        if (r >= 0 && !given.all)
                s->n_own = job_list_own_first(&s->list);
        if (r >= 0 && given.tree)
                r = indent(s);
        return r;
}

/* ---- How they are shown ---- */

static int show_json(Status *s) {
        _cleanup_free_ const JobRecord **records = job_list_records(&s->list);
        _cleanup_free_ JsonExtra *extras = calloc(s->list.n + 1, sizeof(JsonExtra));

        if (!records || !extras)
                return -ENOMEM;
        for (size_t i = 0; given.wait && i < s->list.n; i++)
                extras[i].wait_timed_out = s->timed_out && !job_state_is_terminal(records[i]->state) ? ANSWER_YES :
                                                                                                       ANSWER_NO;
        return answer_json_reply(s->in->client,
                                 &(const JsonReply) {
                                         .single = s->in->n_arguments == 1,
                                         .n = s->list.n,
                                         .records = records,
                                         .extras = extras,
                                         .queue = &s->queue,
                                 },
                                 NEXT_RESULT, &s->in->error);
}

static int put_next(Status *s, FILE *f, const JobRecord *record) {
        _cleanup_next_ Next next = {};
        int r;

        r = next_for_job(&next, s->in->client, record, &s->queue, NEXT_RESULT);
        for (size_t i = 0; i < next.n && r >= 0; i++)
                r = render_entry(f, "next", next.commands[i]);
        return r;
}

#define LAST_LINES 3

/* The last few lines of stderr, if they are text. */
static int put_last_lines(Status *s, FILE *f, const JobRecord *record) {
        _cleanup_close_ int fd = -EBADF;
        _cleanup_free_ char *text = NULL;
        int r;

        if (record->stderr_bytes == 0)
                return 0;
        r = output_open(s->in->client, &(const OutputName) { record->id, "stderr" }, LAST_LINES_WANT, &fd, &s->in->error);
        if (r >= 0)
                r = last_lines_read(fd, LAST_LINES, &text);
        for (char *line, *rest = text; r >= 0 && (line = strsep(&rest, "\n"));)
                r = render_entry(f, "last", line);
        return r;
}

static int put_job(Status *s, FILE *f, const JobRecord *record) {
        _cleanup_free_ char *thread = thread_of_result(record->result);
        int r;

        r = render_details(f, record);
        if (r >= 0)
                r = render_entry(f, "thread", thread);
        if (r >= 0)
                r = put_last_lines(s, f, record);
        return r < 0 ? r : put_next(s, f, record);
}

static int put_jobs(Status *s, FILE *f, size_t n) {
        if (s->in->n_arguments == 1)
                return put_job(s, f, &s->list.records[0]);
        return n > 0 ? render_table(f, s->list.records, n, terminal_width()) : 0;
}

/* Reports how many jobs are of this session, which the table does not show. */
static void say_own(const Status *s) {
        if (s->in->n_arguments > 0 || given.all || !session_here() || s->n_own == s->list.n)
                return;
        if (s->n_own == 0)
                say("No jobs of this session.");
        else
                say("%zu job%s of this session, shown first.", s->n_own, s->n_own == 1 ? "" : "s");
}

static int put_text(FILE *f, void *userdata) {
        Status *s = userdata;

        return put_jobs(s, f, s->list.n);
}

static int show_text(Status *s) {
        int r;

        r = write_text(put_text, s, &s->in->error);
        if (r < 0 || s->in->quiet)
                return r;
        if (s->list.n == 0 && given.all)
                say("No jobs found.");
        else if (s->list.n == 0)
                say("No jobs found in this workspace. List all jobs with: codex-jobs status --all%s",
                    client_scope_option(s->in->client));
        else
                say_own(s);
        own_queue_say(s->in->client, &s->queue);
        return 0;
}

/* ---- How they are watched ---- */

/* Times in the table are relative, so the heading shows the current time. */
static void put_heading(const Status *s, FILE *f, size_t shown) {
        const JobList *list = &s->list;
        size_t counts[3] = {};
        time_t now = time(NULL);
        char text[16] = "";
        struct tm parts;

        for (size_t i = 0; i < list->n; i++)
                counts[job_state_is_terminal(list->records[i].state) ? 2 : list->records[i].state == JOB_QUEUED]++;
        if (localtime_r(&now, &parts))
                (void) strftime(text, sizeof(text), "%H:%M:%S", &parts);
        (void) fprintf(f, "%s  %zu running, %zu queued, %zu finished%s", text, counts[0], counts[1], counts[2],
                       s->queue.paused ? ", PAUSED" : "");
        if (shown < list->n)
                (void) fprintf(f, "; %zu more", list->n - shown);
        (void) fputs("\n", f);
}

/* What there is room for. One that is asked for with all about it has a screen of its own. */
static int put_watched(Status *s, FILE *f) {
        size_t lines = terminal_lines(STDOUT_FILENO), n = s->list.n;

        if (s->in->n_arguments != 1)
                n = MIN(n, lines > 3 ? lines - 3 : 1);
        put_heading(s, f, n);
        return put_jobs(s, f, n);
}

/* Replaces the earlier output without flicker (ECMA-48); appended if not on a terminal. */
static int put_screen(FILE *f, void *userdata) {
        bool smart = terminal_is_smart(STDOUT_FILENO);
        _cleanup_text_stream_ TextStream screen = {};
        FILE *g = text_stream_open(&screen);
        Status *s = userdata;
        int r;

        if (!g)
                return -ENOMEM;
        r = put_watched(s, g);
        if (r < 0)
                return r;
        if (text_stream_close(&screen) < 0)
                return -ENOMEM;
        (void) fputs(smart ? "\033[H" : s->shown ? "\n" : "", f);
        for (char *line = screen.text, *end; (end = strchr(line, '\n')); line = end + 1)
                (void) fprintf(f, "%.*s%s\n", (int) (end - line), line, smart ? "\033[K" : "");
        (void) fputs(smart ? "\033[J" : "", f);
        s->shown = true;
        return 0;
}

static bool all_ended(const JobList *list) {
        for (size_t i = 0; i < list->n; i++)
                if (!job_state_is_terminal(list->records[i].state))
                        return false;
        return true;
}

static int show(Status *s) {
        int r;

        r = find_jobs(s);
        if (r >= 0)
                r = own_queue_get_if_known(s->in->client, &s->queue, &s->in->error);
        if (r < 0)
                return r;
        if (s->timed_out) /* a job may have finished at that moment */
                s->timed_out = !all_ended(&s->list);
        if (given.watch)
                return write_text(put_screen, s, &s->in->error);
        return s->in->json ? show_json(s) : show_text(s);
}

/* ---- Watching ---- */

static int on_signal(sd_bus_message *m, void *userdata, sd_bus_error *ret_error) {
        Status *s = userdata;

        s->changed = true;
        return 0;
}

static void on_missed(void *userdata) {
        ((Status *) userdata)->changed = true;
}

static int on_screen_lost(sd_event_source *source, const struct signalfd_siginfo *si, void *userdata) {
        ((Status *) userdata)->changed = true;
        return 0;
}

static int on_rested(sd_event_source *source, uint64_t usec, void *userdata) {
        *(bool *) userdata = true;
        return 0;
}

/* Returns when something changed, but not too soon. */
static int wait_for_change(Status *s) {
        _cleanup_(sd_event_source_disable_unrefp) sd_event_source *timer = NULL;
        bool rested = false;
        int r;

        r = sd_event_add_time_relative(client_event(s->in->client), &timer, CLOCK_MONOTONIC, WATCH_USEC, 0, on_rested,
                                       &rested);
        while (r >= 0 && !(rested && s->changed))
                r = client_iterate(s->in->client, &s->in->error);
        return r;
}

/* SIGCONT: what was on the screen may be gone, since the command was stopped. */
static int watch_begin(Status *s) {
        sigset_t set;
        int r;

        (void) sigemptyset(&set);
        (void) sigaddset(&set, SIGWINCH);
        (void) sigaddset(&set, SIGCONT);
        if (sigprocmask(SIG_BLOCK, &set, NULL) < 0)
                return -errno;
        r = sd_event_add_signal(client_event(s->in->client), NULL, SIGWINCH, on_screen_lost, s);
        if (r >= 0)
                r = sd_event_add_signal(client_event(s->in->client), NULL, SIGCONT, on_screen_lost, s);
        if (r >= 0)
                r = client_watch_service(s->in->client, on_missed, s);
        if (r >= 0)
                r = client_match(s->in->client, "type='signal',sender='" JOBS_BUS_NAME "',path_namespace='" JOBS_PATH "'",
                                 on_signal, s);
        return r;
}

static int watch(Status *s) {
        int r;

        r = watch_begin(s);
        while (r >= 0) {
                s->changed = false;
                r = show(s);
                if (r >= 0)
                        r = wait_for_change(s);
        }
        return r;
}

/* ---- Waiting ---- */

/* Until all given jobs have finished, or the wait times out. */
static int wait_for_end(Status *s) {
        char *const *ids = s->in->arguments;
        size_t n = s->in->n_arguments;
        Client *c = s->in->client;
        int r;

        client_set_patience(c, given.timeout_usec);
        r = client_catch_signals(c);
        if (r >= 0)
                r = client_set_timeout(c, given.timeout_usec == USEC_INFINITY ? TIMEOUT_DEFAULT : given.timeout_usec);
        if (r >= 0)
                r = wait_new(c, &(const WaitOptions) { .poll_usec = given.poll_usec, .only = n == 1 ? ids[0] : NULL },
                             &s->waited);
        if (r >= 0)
                r = wait_reserve(s->waited, n);
        for (size_t i = 0; i < n && r >= 0; i++)
                r = wait_add(s->waited, ids[i]);
        if (r >= 0)
                r = wait_run(s->waited, &s->in->error);
        s->timed_out = r == -ETIMEDOUT;
        if (r < 0 && !s->timed_out)
                return r;
        client_restore_signals(c);
        return client_set_timeout(c, USEC_INFINITY); /* the answer may take its time */
}

static int run(Invocation *in) {
        _cleanup_(status_clear) Status s = { .in = in };
        int r = 0;

        if (given.wait)
                r = wait_for_end(&s);
        if (r >= 0)
                r = given.watch ? watch(&s) : show(&s);
        if (r == -EINTR && given.wait)
                return answer_detached(in->client, (const char *const *) in->arguments, in->n_arguments, false);
        return r < 0 ? r : s.timed_out ? STATUS_TIMED_OUT : 0;
}

const Verb verb_status = {
        .name = "status",
        .arguments = "[ID…]",
        .max = ARGUMENTS_ANY,
        .options = (const struct option[]) {
                { "all", no_argument, NULL, OPTION_ALL },
                { "limit", required_argument, NULL, OPTION_LIMIT },
                { "tree", no_argument, NULL, OPTION_TREE },
                { "watch", no_argument, NULL, OPTION_WATCH },
                { "wait", no_argument, NULL, OPTION_WAIT },
                TIMEOUT_OPTION,
                POLL_OPTION,
                {},
        },
        .option = option,
        .check = check,
        .run = run,
        .summary = "Show active and recently finished jobs",
        .help = "Show active and recently finished jobs of this workspace, those of this session first, or\n"
                "the given jobs; details for a single ID. The workspace is the nearest parent directory with\n"
                ".git, else the current directory. IDs may be abbreviated.\n"
                "\n"
                "Options:\n"
                "      --all                Jobs of all workspaces; for root, also of all users\n"
                "      --limit N            Show at most N finished jobs (default: 50)\n"
                "      --tree               Show jobs below those that have submitted them\n"
                "      --watch              Update the list when a job changes, until Ctrl-C\n"
                "      --wait               Wait until the given jobs have finished; exit with 124 if\n"
                "                           the wait times out\n"
                "      --timeout-ms N       With --wait: stop waiting after N milliseconds\n"
                "                           (default: 6 hours)\n"
                "      --poll-interval-ms N\n"
                "                           With --wait: also poll at this interval\n",
};
