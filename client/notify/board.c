/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

#include "board.h"
#include "bus-names.h"
#include "flood.h"
#include "output.h"
#include "say.h"

#define FOLLOWERS_MAX 2U
#define SHOWN_MAX 64U                /* notifications that are remembered */
#define FIRST_LINE_MAX 4096U         /* bytes that are looked through for it */
#define PACE_USEC USEC_PER_SEC       /* a summary is replaced that often at most */

struct Board {
        sd_event *event;
        const Settings *settings; /* not owned */
        Server *server;
        Follower *followers[FOLLOWERS_MAX];
        size_t n_followers;
        void (*settled)(void *userdata);
        void *settled_userdata;
        board_action_t action;
        void *action_userdata;

        /* The jobs that are being shown: those of one follower at a time, one after the other. */
        Follower *from; /* NULL: none */
        JobList jobs;
        size_t next;
        uint64_t sequence; /* up to here they are dealt with */
        bool flooded;      /* they are part of the flood */
        Flood grown;       /* the flood with them, which is not shown yet */
        sd_bus_slot *call;

        Flood flood;
        uint64_t recent[SUMMARY_AFTER_MAX]; /* when the last single ones were shown, a ring */
        size_t n_recent;
        uint64_t pace_usec; /* CLOCK_MONOTONIC: nothing is asked for before */
        sd_event_source *pace;

        Shown shown[SHOWN_MAX]; /* a ring */
        size_t n_shown;
};

static void board_step(Board *b);

static uint64_t now_of(const Board *b) {
        uint64_t now = 0;

        (void) sd_event_now(b->event, CLOCK_MONOTONIC, &now);
        return now;
}

/* ---- Floods ---- */

/* How many single ones were shown within the time that counts as one flood. */
static size_t count_recent(const Board *b) {
        uint64_t now = now_of(b);
        size_t n = 0;

        for (size_t i = 0; i < MIN(b->n_recent, (size_t) SUMMARY_AFTER_MAX); i++)
                n += now - b->recent[i] < b->settings->summary_usec;
        return n;
}

static bool is_flood(const Board *b) {
        size_t wanted = 0;

        for (size_t i = 0; i < b->jobs.n; i++)
                wanted += settings_want(b->settings, &b->jobs.records[i]);
        if (wanted == 0)
                return false;
        return now_of(b) < b->flood.until_usec || count_recent(b) + wanted > b->settings->summary_after;
}

/* ---- What is shown ---- */

static void shown_clear(Shown *shown) {
        free(shown->job);
        free(shown->text);
        *shown = (Shown) {};
}

static Shown *shown_find(Board *b, uint32_t id) {
        for (size_t i = 0; id > 0 && i < SHOWN_MAX; i++)
                if (b->shown[i].id == id)
                        return &b->shown[i];
        return NULL;
}

/* Without memory it cannot be acted on, which is no reason to show it again. */
static void remember(Board *b, uint32_t id, Link *link, const char *job, const char *text) {
        Shown *shown;

        if (id == 0)
                return;
        shown = shown_find(b, id) ?: &b->shown[b->n_shown++ % SHOWN_MAX];
        shown_clear(shown);
        *shown = (Shown) {
                .id = id,
                .link = link,
                .job = job ? strdup(job) : NULL,
                .text = text ? strdup(text) : NULL,
        };
}

/* ---- The jobs of a follower ---- */

static void continue_all(Board *b) {
        for (size_t i = 0; i < b->n_followers; i++)
                follower_continue(b->followers[i]);
}

/* all: or only up to b->sequence, and the rest when it can be shown again. */
static void finish(Board *b, bool all) {
        Follower *from = b->from;
        uint64_t sequence = b->sequence;

        b->call = sd_bus_slot_unref(b->call);
        job_list_clear(&b->jobs);
        flood_clear(&b->grown);
        b->from = NULL;
        b->next = 0;
        b->sequence = 0;
        if (from)
                follower_shown(from, sequence, all);
        continue_all(b);
}

/* Skips a job that cannot be shown, since it would fail again. */
static void pass_over(Board *b, int r) {
        say("Failed to show the result of %s: %s.", b->jobs.records[b->next].id, strerror(-r));
        b->sequence = b->jobs.records[b->next++].sequence;
}

static void on_single_shown(uint32_t id, bool lost, void *userdata) {
        Board *b = userdata;
        const JobRecord *record = &b->jobs.records[b->next];

        b->call = sd_bus_slot_unref(b->call);
        if (lost) {
                finish(b, false);
                return;
        }
        remember(b, id, follower_link(b->from), record->id, NULL);
        b->recent[b->n_recent++ % SUMMARY_AFTER_MAX] = now_of(b);
        b->sequence = record->sequence;
        b->next++;
        board_step(b);
}

static int show_single(Board *b, const char *line) {
        _cleanup_notice_ Notice notice = {};
        int r;

        r = notice_for_job(&b->jobs.records[b->next], line, server_has_markup(b->server), &notice);
        if (r < 0)
                return r;
        return server_notify(b->server, &notice, 0, b->settings->timeout_msec, on_single_shown, b, &b->call);
}

/* The first line of an output that the service opened for us. */
static char *read_first_line(sd_bus_message *reply) {
        _cleanup_close_ int fd = -EBADF;
        _cleanup_free_ char *data = NULL;
        size_t size;

        if (output_take_fd(reply, &fd) < 0 || output_read(fd, 0, FIRST_LINE_MAX, &data, &size) < 0)
                return NULL;
        return first_line(data, size);
}

static int on_output(sd_bus_message *m, void *userdata, sd_bus_error *ret_error) {
        _cleanup_free_ char *line = NULL;
        Board *b = userdata;
        int r;

        b->call = sd_bus_slot_unref(b->call);
        if (server_state(b->server) != SERVER_READY) {
                finish(b, false);
                return 0;
        }
        if (sd_bus_message_is_method_error(m, NULL) == 0) /* else it has been removed */
                line = read_first_line(m);
        r = show_single(b, line);
        if (r < 0) {
                pass_over(b, r);
                board_step(b);
        }
        return 0;
}

/* What it wrote is the result; of one that did not complete, what it wrote about the failure. */
static int open_output(Board *b, const JobRecord *record, const char *stream) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
        sd_bus *bus = link_bus(follower_link(b->from));
        int r;

        if (!bus)
                return show_single(b, NULL);
        r = sd_bus_message_new_method_call(bus, &m, JOBS_BUS_NAME, JOBS_PATH, JOBS_INTERFACE, "OpenOutput");
        if (r < 0)
                return r;
        r = sd_bus_message_set_auto_start(m, false);
        if (r < 0)
                return r;
        r = sd_bus_message_append(m, "ss", record->id, stream);
        if (r < 0)
                return r;
        return sd_bus_call_async(bus, &b->call, m, on_output, b, UINT64_MAX);
}

static int begin_single(Board *b) {
        const JobRecord *record = &b->jobs.records[b->next];

        if (record->state == JOB_COMPLETED && record->stdout_bytes > 0)
                return open_output(b, record, "stdout");
        if (record->state == JOB_COMPLETED && !isempty(record->result))
                return show_single(b, record->result);
        if (record->state == JOB_FAILED && record->stderr_bytes > 0 && record->reason != JOB_REASON_NOT_EXECUTABLE)
                return open_output(b, record, "stderr");
        return show_single(b, NULL);
}

static void on_flood_shown(uint32_t id, bool lost, void *userdata) {
        Board *b = userdata;

        b->call = sd_bus_slot_unref(b->call);
        if (lost) {
                finish(b, false);
                return;
        }
        flood_clear(&b->flood);
        b->flood = b->grown;
        b->grown = (Flood) {};
        b->flood.id = id;
        b->flood.until_usec = now_of(b) + b->settings->summary_usec;
        b->pace_usec = now_of(b) + PACE_USEC;
        remember(b, id, NULL, NULL, b->flood.list);
        b->sequence = b->jobs.records[b->jobs.n - 1].sequence;
        finish(b, true);
}

static int grow_flood(Board *b) {
        static const Flood none = {};
        int r;

        r = flood_copy(now_of(b) < b->flood.until_usec ? &b->flood : &none, &b->grown);
        for (size_t i = 0; r >= 0 && i < b->jobs.n; i++)
                if (settings_want(b->settings, &b->jobs.records[i]))
                        r = flood_add(&b->grown, &b->jobs.records[i]);
        return r;
}

static int show_flood(Board *b) {
        _cleanup_notice_ Notice notice = {};
        int r;

        r = grow_flood(b);
        if (r >= 0)
                r = notice_for_digest(&b->grown.digest, server_has_markup(b->server), &notice);
        if (r < 0)
                return r;
        return server_notify(b->server, &notice, b->grown.id, b->settings->timeout_msec, on_flood_shown, b, &b->call);
}

/* Continues with the jobs until there is something to wait for. */
static void board_step(Board *b) {
        int r;

        while (b->from && !b->call) {
                if (b->next >= b->jobs.n) {
                        finish(b, true);
                        return;
                }
                if (!settings_want(b->settings, &b->jobs.records[b->next])) {
                        b->sequence = b->jobs.records[b->next++].sequence;
                        continue;
                }
                if (server_state(b->server) == SERVER_IDLE)
                        server_want(b->server);
                if (server_state(b->server) == SERVER_ABSENT) {
                        finish(b, false);
                        return;
                }
                if (server_state(b->server) != SERVER_READY)
                        return; /* on_server_changed() */
                r = b->flooded ? show_flood(b) : begin_single(b);
                if (r < 0)
                        pass_over(b, r);
        }
}

static void on_jobs(Follower *f, JobList *jobs, void *userdata) {
        Board *b = userdata;

        b->from = f;
        job_list_move(jobs, &b->jobs);
        b->flooded = is_flood(b);
        board_step(b);
}

static int on_pace(sd_event_source *s, uint64_t usec, void *userdata) {
        Board *b = userdata;

        b->pace = sd_event_source_disable_unref(b->pace);
        continue_all(b);
        return 0;
}

static bool on_is_ready(void *userdata) {
        Board *b = userdata;

        if (b->from || server_state(b->server) == SERVER_ABSENT)
                return false;
        if (now_of(b) >= b->pace_usec)
                return true;
        if (!b->pace && sd_event_add_time(b->event, &b->pace, CLOCK_MONOTONIC, b->pace_usec, 0, on_pace, b) < 0)
                return true;
        return false;
}

/* ---- The server ---- */

static void on_server_changed(void *userdata) {
        Board *b = userdata;

        if (b->from)
                board_step(b);
        else
                continue_all(b);
}

static void on_server_lost(void *userdata) {
        Board *b = userdata;

        for (size_t i = 0; i < SHOWN_MAX; i++)
                shown_clear(&b->shown[i]);
        flood_clear(&b->flood);
        if (b->from)
                finish(b, false);
}

static void on_server_action(uint32_t id, const char *key, const char *token, void *userdata) {
        Board *b = userdata;
        const Shown *shown = shown_find(b, id);

        if (shown && (shown->job || shown->text))
                b->action(shown, key, token, b->action_userdata);
}

/* A flood ends with its notification: the next one starts from zero. The subject of a notification is kept here,
 * since some servers close it before they report an action. */
static void on_server_closed(uint32_t id, void *userdata) {
        Board *b = userdata;

        if (id == b->flood.id)
                flood_clear(&b->flood);
}

void board_report(Board *b, const char *summary, const char *text) {
        _cleanup_notice_ Notice notice = {};
        int r = -ENOTCONN;

        say("%s: %s", summary, text);
        if (server_state(b->server) == SERVER_READY)
                r = notice_for_trouble(summary, text, server_has_markup(b->server), &notice);
        if (r >= 0)
                r = server_notify(b->server, &notice, 0, b->settings->timeout_msec, NULL, NULL, NULL);
        if (r < 0 && r != -ENOTCONN)
                say("Failed to show a notification: %s.", strerror(-r));
}

/* ---- The object ---- */

static void on_settled(void *userdata) {
        Board *b = userdata;

        b->settled(b->settled_userdata);
}

bool board_is_settled(const Board *b) {
        for (size_t i = 0; i < b->n_followers; i++)
                if (!follower_is_settled(b->followers[i]))
                        return false;
        return true;
}

int board_follow(Board *b, Link *link, void (*settled)(void *userdata), void *userdata) {
        const FollowerEvents events = {
                .is_ready = on_is_ready,
                .show = on_jobs,
                .settled = on_settled,
                .userdata = b,
        };
        int r;

        if (b->n_followers >= FOLLOWERS_MAX)
                return -ENOBUFS;
        b->settled = settled;
        b->settled_userdata = userdata;
        r = follower_new(link, &events, &b->followers[b->n_followers]);
        if (r < 0)
                return r;
        b->n_followers++;
        return 0;
}

int board_new(sd_event *event, Link *session, const Settings *settings, board_action_t action, void *userdata,
              Board **ret) {
        _cleanup_(board_freep) Board *b = calloc(1, sizeof(Board));
        int r;

        if (!b)
                return -ENOMEM;
        b->event = sd_event_ref(event);
        b->settings = settings;
        b->action = action;
        b->action_userdata = userdata;
        r = server_new(session,
                       &(const ServerEvents) {
                               .changed = on_server_changed,
                               .lost = on_server_lost,
                               .action = on_server_action,
                               .closed = on_server_closed,
                               .userdata = b,
                       },
                       &b->server);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(b);
        return 0;
}

Board *board_free(Board *b) {
        if (!b)
                return NULL;
        (void) sd_bus_slot_unref(b->call);
        for (size_t i = 0; i < b->n_followers; i++)
                (void) follower_free(b->followers[i]);
        (void) server_free(b->server);
        (void) sd_event_source_disable_unref(b->pace);
        job_list_clear(&b->jobs);
        flood_clear(&b->grown);
        flood_clear(&b->flood);
        for (size_t i = 0; i < SHOWN_MAX; i++)
                shown_clear(&b->shown[i]);
        (void) sd_event_unref(b->event);
        free(b);
        return NULL;
}
