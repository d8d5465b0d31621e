/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

#include "attack.h"
#include "bus-names.h"

#define IDS_EVERY 300                    /* calls between two looks at what jobs there are */
#define PARKED_MAX (RAW_CALLS_MAX * 2 / 3) /* calls that wait for jobs to end */
#define ALONE_USEC (2000 * USEC_PER_MSEC)
#define CANCELS_MAX 64

typedef struct Attack {
        const AttackPlan *plan;
        AttackReport *report;
        Random random;
        Target target;
        sd_bus *bus;
        RawBus *raw;
        RawBus *broken; /* what the bus may close has a connection of its own */
} Attack;

int attack_open_bus(sd_bus **ret, const char *socket_path) {
        _cleanup_(sd_bus_unrefp) sd_bus *bus = NULL;
        char address[256];
        int r;

        (void) snprintf(address, sizeof(address), "unix:path=%s", socket_path);
        r = sd_bus_new(&bus);
        if (r >= 0)
                r = sd_bus_set_address(bus, address);
        if (r >= 0)
                r = sd_bus_set_bus_client(bus, true);
        if (r >= 0)
                r = sd_bus_start(bus);
        if (r >= 0)
                r = sd_bus_set_method_call_timeout(bus, RAW_ANSWER_USEC);
        if (r >= 0)
                *ret = TAKE_PTR(bus);
        return r;
}

static bool fail(Attack *a, const char *what, int r) {
        if (!a->report->failure[0])
                (void) snprintf(a->report->failure, sizeof(a->report->failure), "%s: %s", what, strerror(-r));
        return false;
}

static void on_answered(const char *error, void *userdata) {
        AttackReport *report = ((Attack *) userdata)->report;

        report->answered++;
        if (!error)
                return;
        /* What a bus says when who was asked is gone. */
        if (streq(error, "org.freedesktop.DBus.Error.NoReply") || streq(error, "org.freedesktop.DBus.Error.ServiceUnknown") ||
            streq(error, "org.freedesktop.DBus.Error.NameHasNoOwner"))
                (void) snprintf(report->failure, sizeof(report->failure), "the service did not answer: %s", error);
        for (size_t i = 0; i < ATTACK_ERRORS_MAX; i++) {
                if (!report->errors[i].name[0])
                        (void) snprintf(report->errors[i].name, sizeof(report->errors[i].name), "%s", error);
                if (startswith(error, report->errors[i].name)) {
                        report->errors[i].count++;
                        return;
                }
        }
}

/* --- jobs of the attack ---------------------------------------------------------------------------- */

static int on_cancelled(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        unsigned *waiting = userdata;

        (*waiting)--;
        return 0;
}

static int cancel(sd_bus *bus, const Target *target) {
        unsigned waiting = 0;
        int r = 0;

        for (unsigned i = 0; i < target->n_ids && r >= 0; i++) {
                r = sd_bus_call_method_async(bus, NULL, JOBS_BUS_NAME, JOBS_PATH, JOBS_INTERFACE, "Cancel", on_cancelled, &waiting,
                                             "s", target->ids[i]);
                if (r >= 0)
                        waiting++;
                while (r >= 0 && (waiting >= CANCELS_MAX || (waiting > 0 && i + 1 == target->n_ids))) {
                        r = sd_bus_process(bus, NULL);
                        if (r == 0)
                                r = sd_bus_wait(bus, UINT64_MAX);
                }
        }
        return r;
}

/* Ends every job that the user reaches; then nothing is left that a call could wait for. */
static int end_jobs(Attack *a) {
        static const char *const states[] = { "queued", "running" };
        int r = 0;

        for (size_t i = 0; i < ELEMENTSOF(states) && r >= 0;) {
                _cleanup_free_ Target *live = calloc(1, sizeof(Target));

                if (!live)
                        return -ENOMEM;
                r = target_read_ids(live, a->bus, states[i]);
                if (r >= 0 && live->n_ids > 0)
                        r = cancel(a->bus, live);
                else
                        i++;
        }
        return r;
}

/* --- calls ----------------------------------------------------------------------------------------- */

static bool connect_raw(Attack *a, RawBus **bus) {
        int r;

        if (*bus)
                return true;
        r = raw_bus_new(bus, a->plan->socket_path);
        if (r < 0)
                return fail(a, "cannot connect to the bus", r);
        raw_bus_set_answered(*bus, on_answered, a);
        return true;
}

static void note(Attack *a, CallKind kind, const RawMessage *m) {
        char *line = a->report->recent[a->report->n_recent++ % ATTACK_RECENT_MAX];

        a->report->sent[kind]++;
        (void) snprintf(line, sizeof(a->report->recent[0]), "%s: %.30s %.40s (%.30s), %zu bytes, %u descriptors", call_kind_names[kind],
                        strempty(m->member), strempty(m->path), m->signature, m->body.size, m->n_fds);
}

/* A call that waits for a job is left behind. */
static int wait_alone(Attack *a, RawBus *bus, unsigned n_before, const char *member) {
        uint64_t begin = now_usec(), taken;
        int r;

        r = raw_bus_wait(bus, n_before, ALONE_USEC);
        if (r < 0)
                return r == -ETIMEDOUT ? 0 : r;
        taken = now_usec() - begin;
        if (taken > a->report->slowest_usec && !startswith(strempty(member), "Await")) {
                a->report->slowest_usec = taken;
                (void) strcpy(a->report->slowest, a->report->recent[(a->report->n_recent - 1) % ATTACK_RECENT_MAX]);
        }
        return 0;
}

static bool send_one(Attack *a) {
        _cleanup_(raw_message_clear) RawMessage m = {};
        Draw draw = { .random = &a->random, .target = &a->target, .message = &m };
        CallKind kind = call_draw_kind(&a->random);
        RawBus **bus = kind == CALL_BROKEN ? &a->broken : &a->raw;
        unsigned before;
        int r;

        if (!connect_raw(a, bus))
                return false;
        before = raw_bus_waiting(*bus);
        call_draw(&draw, kind);
        note(a, kind, &m);
        r = raw_bus_send(*bus, &m);
        if (r == -ETIMEDOUT)
                return fail(a, "a call was not answered, or not taken, in two minutes", r);
        if (r >= 0 && a->plan->one_by_one)
                r = wait_alone(a, *bus, before, m.member);
        if (r < 0) {
                a->report->cut_off++;
                a->report->dropped += raw_bus_waiting(*bus);
                *bus = raw_bus_free(*bus);
        }
        return true;
}

/* All that waits is answered once no job is left, or the bus has closed the connection. */
static bool settle(Attack *a, RawBus *bus) {
        int r;

        if (!bus)
                return true;
        r = raw_bus_wait(bus, 0, RAW_ANSWER_USEC);
        return r >= 0 || r == -ECONNRESET || fail(a, "calls were not answered in two minutes", r);
}

static bool make_room(Attack *a) {
        int r;

        if (!a->raw || raw_bus_waiting(a->raw) < PARKED_MAX)
                return true;
        r = raw_bus_wait(a->raw, PARKED_MAX / 2, USEC_PER_SEC / 2);
        if (r != -ETIMEDOUT)
                return true;
        r = end_jobs(a);
        return r < 0 ? fail(a, "cannot end the jobs", r) : settle(a, a->raw);
}

static bool go_on(const Attack *a, uint64_t number, uint64_t begin) {
        if (a->report->failure[0])
                return false;
        if (a->plan->calls > 0)
                return number < a->plan->calls;
        return now_usec() < begin + a->plan->seconds * USEC_PER_SEC;
}

static bool run(Attack *a) {
        uint64_t begin = now_usec();
        int r;

        r = target_read(&a->target, a->bus);
        if (r < 0)
                return fail(a, "cannot read what there is to be called", r);
        for (uint64_t number = 0; go_on(a, number, begin); number++) {
                r = number % IDS_EVERY == 0 ? target_read_ids(&a->target, a->bus, NULL) : 0;
                if (r < 0)
                        return fail(a, "cannot list the jobs", r);
                if (!make_room(a) || !send_one(a))
                        return false;
        }
        if (target_find(&a->target, "Resume"))
                (void) sd_bus_call_method(a->bus, JOBS_BUS_NAME, JOBS_PATH, JOBS_INTERFACE, "Resume", NULL, NULL, NULL);
        r = end_jobs(a);
        if (r < 0)
                return fail(a, "cannot end the jobs", r);
        return settle(a, a->raw) && settle(a, a->broken);
}

bool attack(const AttackPlan *plan, AttackReport *report) {
        Attack a = { .plan = plan, .report = report };
        int r;

        random_init(&a.random, plan->seed);
        r = attack_open_bus(&a.bus, plan->socket_path);
        if (r < 0)
                (void) fail(&a, "cannot connect to the bus", r);
        else
                (void) run(&a);
        (void) raw_bus_free(a.raw);
        (void) raw_bus_free(a.broken);
        (void) sd_bus_flush_close_unref(a.bus);
        return !report->failure[0];
}

void attack_print(const AttackReport *report) {
        uint64_t sent = 0;

        for (size_t i = 0; i < _CALL_KIND_MAX; i++)
                sent += report->sent[i];
        (void) printf("  %" PRIu64 " messages:", sent);
        for (size_t i = 0; i < _CALL_KIND_MAX; i++)
                (void) printf(" %" PRIu64 " %s%s", report->sent[i], call_kind_names[i], i + 1 < _CALL_KIND_MAX ? "," : "\n");
        (void) printf("  %" PRIu64 " answers; the bus closed %" PRIu64 " connections, with %" PRIu64 " calls\n", report->answered,
                      report->cut_off, report->dropped);
        for (size_t i = 0; i < ATTACK_ERRORS_MAX && report->errors[i].name[0]; i++)
                (void) printf("  %8" PRIu64 " %s\n", report->errors[i].count, report->errors[i].name);
        if (report->slowest[0])
                (void) printf("  the slowest call, with %.1f ms: %s\n", (double) report->slowest_usec / 1000, report->slowest);
        if (!report->failure[0])
                return;
        (void) printf("  What was sent last:\n");
        for (uint64_t i = report->n_recent > ATTACK_RECENT_MAX ? report->n_recent - ATTACK_RECENT_MAX : 0; i < report->n_recent; i++)
                (void) printf("    %s\n", report->recent[i % ATTACK_RECENT_MAX]);
}
