/* SPDX-License-Identifier: Apache-2.0 */

/* codex-jobs status: which jobs there are, and all about one. */

#include <signal.h>

#include "answer.h"
#include "job-thread.h"
#include "output.h"
#include "bus-names.h"
#include "render.h"
#include "request.h"
#include "say.h"
#include "terminal.h"
#include "verbs.h"
#include "wait.h"
#include "write.h"

enum {
        OPTION_ALL = OPTION_VERB,
        OPTION_LIMIT,
        OPTION_WATCH,
        OPTION_WAIT,
        OPTION_TIMEOUT_MS,
        OPTION_POLL_INTERVAL_MS,
};

#define LIMIT_DEFAULT 50
#define TIMEOUT_DEFAULT (6 * 3600 * USEC_PER_SEC)
#define WATCH_USEC USEC_PER_SEC /* at most that often */

typedef struct Status {
        const Common *common;
        Client *client;
        char *const *ids;
        size_t n_ids;
        bool all;
        bool watch;
        bool wait;
        bool timed_out;
        Wait *waited;
        uint64_t timeout_usec; /* USEC_INFINITY: not given */
        uint64_t poll_usec;
        uint64_t limit; /* of jobs that ended; 0: not given */
        size_t n_own;   /* so many are of this session, the first ones */
        char *workspace;
        bool changed; /* what is watched */
        bool shown;
        OwnQueue queue;
        sd_bus_error error;
} Status;

static void status_clear(Status *s) {
        (void) wait_free(s->waited);
        (void) client_free(s->client);
        free(s->workspace);
        sd_bus_error_free(&s->error);
}

/* ---- Which jobs ---- */

/* All that are active, however old, and the newest of those that ended. */
static int list_jobs(Status *s, JobList *ret) {
        _cleanup_job_list_ JobList active = {}, ended = {};
        JobFilter filter = { .active = true, .workspace = s->workspace };
        int r;

        r = job_list(s->client, &filter, &active, &s->error);
        if (r < 0)
                return r;
        filter.active = false;
        filter.ended = true;
        filter.limit = s->limit ?: LIMIT_DEFAULT;
        r = job_list(s->client, &filter, &ended, &s->error);
        if (r < 0)
                return r;
        r = job_list_append(&active, &ended);
        if (r < 0)
                return r;
        job_list_move(&active, ret);
        return 0;
}

static int get_jobs(Status *s, JobList *ret) {
        _cleanup_job_list_ JobList list = {};
        int r;

        list.records = calloc(s->n_ids, sizeof(JobRecord));
        if (!list.records)
                return -ENOMEM;
        for (size_t i = 0; i < s->n_ids; i++) {
                list.records[i] = JOB_RECORD_INIT;
                r = job_get(s->client, s->ids[i], &list.records[i], &s->error);
                if (r < 0)
                        return r;
                list.n++;
        }
        job_list_move(&list, ret);
        return 0;
}

static int find_jobs(Status *s, JobList *ret) {
        int r;

        if (s->n_ids > 0)
                return get_jobs(s, ret);
        if (!s->all && !s->workspace) {
                r = workspace_here(&s->workspace, &s->error);
                if (r < 0)
                        return r;
        }
        r = list_jobs(s, ret);
        if (r >= 0 && !s->all)
                s->n_own = job_list_own_first(ret);
        return r;
}

/* ---- How they are shown ---- */

static int show_json(Status *s, const JobList *list) {
        _cleanup_free_ const JobRecord **records = calloc(list->n + 1, sizeof(JobRecord *));
        _cleanup_free_ JsonExtra *extras = calloc(list->n + 1, sizeof(JsonExtra));

        if (!records || !extras)
                return -ENOMEM;
        for (size_t i = 0; i < list->n; i++) {
                records[i] = &list->records[i];
                if (s->wait)
                        extras[i].wait_timed_out = s->timed_out && !job_state_is_terminal(records[i]->state) ?
                                ANSWER_YES :
                                ANSWER_NO;
        }
        return answer_json_reply(s->client,
                                 &(const JsonReply) {
                                         .single = s->n_ids == 1,
                                         .n = list->n,
                                         .records = records,
                                         .extras = extras,
                                         .queue = &s->queue,
                                 },
                                 NEXT_RESULT, &s->error);
}

static int put_next(Status *s, FILE *f, const JobRecord *record) {
        _cleanup_next_ Next next = {};
        int r;

        r = next_for_job(&next, s->client, record, &s->queue, NEXT_RESULT);
        for (size_t i = 0; i < next.n && r >= 0; i++)
                r = render_entry(f, "next", next.commands[i]);
        return r;
}

#define LAST_LINES 3
#define LAST_BYTES 2048

/* What it said last, where that is text for people: of a command that says much on stderr, a few lines. */
static int put_last_lines(Status *s, FILE *f, const JobRecord *record) {
        _cleanup_close_ int fd = -EBADF;
        _cleanup_free_ char *text = NULL;
        size_t size;
        off_t begin;
        int r;

        if (record->stderr_bytes == 0)
                return 0;
        r = output_open(s->client, &(const OutputName) { record->id, "stderr" }, &fd, &s->error);
        if (r >= 0)
                r = output_tail(fd, LAST_LINES, &begin);
        if (r >= 0)
                r = output_read(fd, begin, LAST_BYTES, &text, &size);
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

static int put_jobs(Status *s, FILE *f, const JobList *list) {
        if (s->n_ids == 1)
                return put_job(s, f, &list->records[0]);
        return list->n > 0 ? render_table(f, list->records, list->n, terminal_width()) : 0;
}

/* The table does not show sessions. */
static void say_own(const Status *s, const JobList *list) {
        if (s->n_ids > 0 || s->all || !session_here() || s->n_own == list->n)
                return;
        if (s->n_own == 0)
                say("No jobs of this session.");
        else
                say("%zu job%s of this session, shown first.", s->n_own, s->n_own == 1 ? "" : "s");
}

static void say_none(const Status *s) {
        if (s->all)
                say("No jobs found.");
        else
                say("No jobs found in this workspace. List all jobs with: codex-jobs status --all%s",
                    client_scope_option(s->client));
}

static int show_text(Status *s, const JobList *list) {
        _cleanup_fclose_ FILE *f = NULL;
        _cleanup_free_ char *text = NULL;
        size_t size;
        int r;

        f = open_memstream(&text, &size);
        if (!f)
                return -ENOMEM;
        r = put_jobs(s, f, list);
        if (r < 0)
                return r;
        if (fclose(TAKE_PTR(f)) != 0)
                return -ENOMEM;
        r = write_stdout(text, size, &s->error);
        if (r >= 0 && list->n == 0 && !s->common->quiet)
                say_none(s);
        else if (r >= 0 && !s->common->quiet)
                say_own(s, list);
        if (r >= 0 && !s->common->quiet)
                own_queue_say(s->client, &s->queue);
        return r;
}

/* ---- How they are watched ---- */

/* Times in it are those of now, so it says when that was. */
static void put_heading(const Status *s, FILE *f, const JobList *list, size_t shown) {
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
static int put_watched(Status *s, FILE *f, const JobList *list) {
        size_t lines = terminal_lines(STDOUT_FILENO);
        JobList shown = *list;

        if (s->n_ids != 1)
                shown.n = MIN(list->n, lines > 3 ? lines - 3 : 1);
        put_heading(s, f, list, shown.n);
        return put_jobs(s, f, &shown);
}

/* In place of what was shown before, without a moment in which nothing is: ECMA-48. Elsewhere, behind it. */
static int show_watched(Status *s, const JobList *list) {
        bool smart = terminal_is_smart(STDOUT_FILENO);
        _cleanup_free_ char *text = NULL, *screen = NULL;
        _cleanup_fclose_ FILE *f = NULL, *g = NULL;
        size_t size, screen_size;
        int r;

        f = open_memstream(&text, &size);
        g = open_memstream(&screen, &screen_size);
        if (!f || !g)
                return -ENOMEM;
        r = put_watched(s, f, list);
        if (r < 0)
                return r;
        if (fclose(TAKE_PTR(f)) != 0)
                return -ENOMEM;
        (void) fputs(smart ? "\033[H" : s->shown ? "\n" : "", g);
        for (char *line = text, *end; (end = strchr(line, '\n')); line = end + 1)
                (void) fprintf(g, "%.*s%s\n", (int) (end - line), line, smart ? "\033[K" : "");
        (void) fputs(smart ? "\033[J" : "", g);
        s->shown = true;
        if (fclose(TAKE_PTR(g)) != 0)
                return -ENOMEM;
        return write_stdout(screen, screen_size, &s->error);
}

static bool all_ended(const JobList *list) {
        for (size_t i = 0; i < list->n; i++)
                if (!job_state_is_terminal(list->records[i].state))
                        return false;
        return true;
}

static int show(Status *s) {
        _cleanup_job_list_ JobList list = {};
        int r;

        r = find_jobs(s, &list);
        if (r >= 0)
                r = own_queue_get_if_known(s->client, &s->queue, &s->error);
        if (r < 0)
                return r;
        if (s->timed_out) /* one may have ended in that moment */
                s->timed_out = !all_ended(&list);
        if (s->watch)
                return show_watched(s, &list);
        return s->common->json ? show_json(s, &list) : show_text(s, &list);
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

static int on_resized(sd_event_source *source, const struct signalfd_siginfo *si, void *userdata) {
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

        r = sd_event_add_time_relative(client_event(s->client), &timer, CLOCK_MONOTONIC, WATCH_USEC, 0, on_rested,
                                       &rested);
        while (r >= 0 && !(rested && s->changed))
                r = client_iterate(s->client, &s->error);
        return r;
}

static int watch_begin(Status *s) {
        sigset_t set;
        int r;

        (void) sigemptyset(&set);
        (void) sigaddset(&set, SIGWINCH);
        if (sigprocmask(SIG_BLOCK, &set, NULL) < 0)
                return -errno;
        r = sd_event_add_signal(client_event(s->client), NULL, SIGWINCH, on_resized, s);
        if (r >= 0)
                r = client_watch_service(s->client, on_missed, s);
        if (r >= 0)
                r = client_match(s->client, "type='signal',sender='" JOBS_BUS_NAME "',path_namespace='" JOBS_PATH "'",
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

/* Until all the given jobs have ended, or the time is up. */
static int wait_for_end(Status *s) {
        const WaitOptions options = { .poll_usec = s->poll_usec, .only = s->n_ids == 1 ? s->ids[0] : NULL };
        int r;

        for (size_t i = 0; i < s->n_ids; i++) {
                r = check_id(s->ids[i], &s->error);
                if (r < 0)
                        return r;
        }
        client_set_patience(s->client, s->timeout_usec);
        r = client_catch_signals(s->client);
        if (r >= 0)
                r = client_set_timeout(s->client,
                                       s->timeout_usec == USEC_INFINITY ? TIMEOUT_DEFAULT : s->timeout_usec);
        if (r >= 0)
                r = wait_new(s->client, &options, &s->waited);
        if (r >= 0)
                r = wait_reserve(s->waited, s->n_ids);
        for (size_t i = 0; i < s->n_ids && r >= 0; i++)
                r = wait_add(s->waited, s->ids[i]);
        if (r >= 0)
                r = wait_run(s->waited, &s->error);
        s->timed_out = r == -ETIMEDOUT;
        if (r < 0 && !s->timed_out)
                return r;
        client_restore_signals(s->client);
        return client_set_timeout(s->client, USEC_INFINITY); /* the answer may take its time */
}

static int status(Status *s) {
        int r;

        r = common_connect(s->common, &s->client, &s->error);
        if (r >= 0 && s->wait)
                r = wait_for_end(s);
        if (r >= 0)
                r = s->watch ? watch(s) : show(s);
        if (r < 0)
                return answer_failure(s->client, &s->error, r, (const char *const *) s->ids, s->wait ? s->n_ids : 0);
        return s->timed_out ? STATUS_TIMED_OUT : 0;
}

static int check_options(const Status *s) {
        const Verb *verb = &verb_status;

        if (s->watch && s->common->json)
                return usage_error(verb, "--watch and --json cannot be combined");
        if (s->watch && s->wait)
                return usage_error(verb, "--watch and --wait cannot be combined");
        if (s->wait && s->n_ids == 0)
                return usage_error(verb, "--wait requires a job ID");
        if (s->timeout_usec != USEC_INFINITY && !s->wait)
                return usage_error(verb, "--timeout-ms requires --wait");
        if (s->poll_usec > 0 && !s->wait)
                return usage_error(verb, "--poll-interval-ms requires --wait");
        if (s->all && s->n_ids > 0)
                return usage_error(verb, "--all and job ID '%.48s' cannot be combined", s->ids[0]);
        if (s->limit > 0 && s->n_ids > 0)
                return usage_error(verb, "--limit and job ID '%.48s' cannot be combined", s->ids[0]);
        return 0;
}

static int run(int argc, char *argv[], Common *common) {
        static const struct option options[] = {
                COMMON_OPTIONS,
                { "all", no_argument, NULL, OPTION_ALL },
                { "limit", required_argument, NULL, OPTION_LIMIT },
                { "watch", no_argument, NULL, OPTION_WATCH },
                { "wait", no_argument, NULL, OPTION_WAIT },
                { "timeout-ms", required_argument, NULL, OPTION_TIMEOUT_MS },
                { "poll-interval-ms", required_argument, NULL, OPTION_POLL_INTERVAL_MS },
                {},
        };
        _cleanup_(status_clear) Status s = {
                .common = common,
                .timeout_usec = USEC_INFINITY,
        };
        int option, r;

        while ((r = option_next(&verb_status, common, argc, argv, ":" COMMON_LETTERS, options, &option)) == 0) {
                if (option == OPTION_ALL)
                        s.all = true;
                else if (option == OPTION_WATCH)
                        s.watch = true;
                else if (option == OPTION_WAIT)
                        s.wait = true;
                else if (option == OPTION_TIMEOUT_MS)
                        r = option_milliseconds(&verb_status, "timeout-ms", &s.timeout_usec);
                else if (option == OPTION_POLL_INTERVAL_MS)
                        r = option_milliseconds(&verb_status, "poll-interval-ms", &s.poll_usec);
                else
                        r = option_number(&verb_status, "limit", 1, UINT32_MAX, &s.limit);
                if (r < 0)
                        return STATUS_OWN_FAILURE;
        }
        if (r < 0)
                return option;
        s.ids = argv + optind;
        s.n_ids = (size_t) (argc - optind);
        r = check_options(&s);
        return r != 0 ? r : status(&s);
}

const Verb verb_status = {
        .name = "status",
        .run = run,
        .help = "codex-jobs status [options] [ID…]\n"
                "\n"
                "Show active and recently finished jobs of this workspace, those of this session first, or\n"
                "the given jobs; details for a single ID. The workspace is the nearest parent directory with\n"
                ".git, else the current directory. IDs may be abbreviated.\n"
                "\n"
                "Options:\n"
                "      --all                Jobs of all workspaces; for root, also of all users\n"
                "      --limit N            Show at most N finished jobs (default: 50)\n"
                "      --watch              Update the list when a job changes, until Ctrl-C\n"
                "      --wait               Wait until the given jobs have finished; exit with 124 if\n"
                "                           the wait times out\n"
                "      --timeout-ms N       With --wait: stop waiting after N milliseconds\n"
                "                           (default: 6 hours)\n"
                "      --poll-interval-ms N\n"
                "                           With --wait: also poll at this interval\n"
                COMMON_HELP,
};
