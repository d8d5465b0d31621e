/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

/* throughput jobs|bare COUNT WINDOW: runs `true` COUNT times with WINDOW in flight, either as jobs of
 * org.codex.Jobs or as bare transient units that are started and released and of which nothing is stored,
 * and prints how many were done a second. Both are driven by signals on the system bus. */

#include <fcntl.h>
#include <systemd/sd-bus.h>
#include <systemd/sd-event.h>
#include <time.h>

#include "bus-names.h"
#include "macro.h"

#define SYSTEMD "org.freedesktop.systemd1", "/org/freedesktop/systemd1", "org.freedesktop.systemd1.Manager"
#define UNIT_PATH_PREFIX "/org/freedesktop/systemd1/unit/bench_2d"

typedef struct Bench {
        sd_bus *bus;
        sd_event *event;
        unsigned count, window, started, finished;
        bool *ended; /* of each bare unit: its exit is told more than once */
        bool bare;
} Bench;

static uint64_t now_usec(void) {
        struct timespec ts;

        (void) clock_gettime(CLOCK_MONOTONIC, &ts);
        return (uint64_t) ts.tv_sec * USEC_PER_SEC + (uint64_t) ts.tv_nsec / NSEC_PER_USEC;
}

static int fail(const char *what, int r) {
        (void) fprintf(stderr, "throughput: %s: %s\n", what, strerror(-r));
        exit(EXIT_FAILURE);
}

static int start_job(Bench *b) {
        return sd_bus_call_method_async(b->bus, NULL, JOBS_BUS_NAME, JOBS_PATH, JOBS_INTERFACE, "Enqueue", NULL, NULL,
                                        "asa{sv}", 1, "true", 0);
}

/* The properties of a job's unit, for a unit that does as much. */
static int start_bare(Bench *b) {
        _cleanup_close_ int in = open("/dev/null", O_RDONLY | O_CLOEXEC), out = open("/dev/null", O_WRONLY | O_CLOEXEC);
        char name[64];

        (void) snprintf(name, sizeof(name), "bench-%d-%u.service", (int) getpid(), b->started);
        return sd_bus_call_method_async(b->bus, NULL, SYSTEMD, "StartTransientUnit", NULL, NULL, "ssa(sv)a(sa(sv))", name,
                                        "fail", 11,
                                        "Description", "s", "benchmark",
                                        "ExecStart", "a(sasb)", 1, "/usr/bin/true", 1, "true", false,
                                        "Type", "s", "exec", "RemainAfterExit", "b", true, "NotifyAccess", "s", "all",
                                        "Slice", "s", "codex-jobs.slice", "IgnoreSIGPIPE", "b", false,
                                        "StandardInputFileDescriptor", "h", in, "StandardOutputFileDescriptor", "h", out,
                                        "StandardErrorFileDescriptor", "h", out, "User", "s", "0",
                                        0);
}

static void fill(Bench *b) {
        while (b->started < b->count && b->started < b->finished + b->window) {
                int r = b->bare ? start_bare(b) : start_job(b);

                if (r < 0)
                        (void) fail("start", r);
                b->started++;
        }
}

static int one_finished(Bench *b) {
        b->finished++;
        if (b->finished == b->count)
                return sd_event_exit(b->event, 0);
        fill(b);
        return 0;
}

static int on_job_finished(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        return one_finished(userdata);
}

/* SubState=exited in a{sv} of a PropertiesChanged of the Unit interface. */
static bool has_exited(sd_bus_message *m) {
        const char *interface, *name, *value;

        if (sd_bus_message_read_basic(m, 's', &interface) < 0 || !streq(interface, "org.freedesktop.systemd1.Unit") ||
            sd_bus_message_enter_container(m, 'a', "{sv}") < 0)
                return false;
        while (sd_bus_message_enter_container(m, 'e', "sv") > 0) {
                if (sd_bus_message_read_basic(m, 's', &name) < 0)
                        return false;
                if (streq(name, "SubState"))
                        return sd_bus_message_read(m, "v", "s", &value) > 0 && streq(value, "exited");
                if (sd_bus_message_skip(m, "v") < 0 || sd_bus_message_exit_container(m) < 0)
                        return false;
        }
        return false;
}

static int on_unit_changed(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        _cleanup_free_ char *name = NULL;
        const char *path = sd_bus_message_get_path(m);
        Bench *b = userdata;
        unsigned number;
        int pid;

        if (!startswith(path, UNIT_PATH_PREFIX) || !has_exited(m) ||
            sd_bus_path_decode(path, "/org/freedesktop/systemd1/unit", &name) <= 0 ||
            sscanf(name, "bench-%d-%u.service", &pid, &number) != 2 || number >= b->count || b->ended[number])
                return 0;
        b->ended[number] = true;
        (void) sd_bus_call_method_async(b->bus, NULL, SYSTEMD, "StopUnit", NULL, NULL, "ss", name, "replace");
        return one_finished(b);
}

int main(int argc, char *argv[]) {
        Bench b = {};
        uint64_t begin;
        int r;

        if (argc != 4 || (!streq(argv[1], "jobs") && !streq(argv[1], "bare"))) {
                (void) fprintf(stderr, "usage: throughput jobs|bare COUNT WINDOW\n");
                return EXIT_FAILURE;
        }
        b.bare = streq(argv[1], "bare");
        b.count = (unsigned) atoi(argv[2]);
        b.window = (unsigned) atoi(argv[3]);
        b.ended = calloc(b.count, sizeof(bool));
        if (b.count == 0 || b.window == 0 || !b.ended)
                return fail("COUNT, WINDOW", -EINVAL);

        r = sd_event_default(&b.event);
        if (r >= 0)
                r = sd_bus_open_system(&b.bus);
        if (r >= 0)
                r = sd_bus_attach_event(b.bus, b.event, SD_EVENT_PRIORITY_NORMAL);
        if (r >= 0 && b.bare)
                r = sd_bus_match_signal(b.bus, NULL, "org.freedesktop.systemd1", NULL, "org.freedesktop.DBus.Properties",
                                        "PropertiesChanged", on_unit_changed, &b);
        if (r >= 0 && b.bare)
                r = sd_bus_call_method(b.bus, SYSTEMD, "Subscribe", NULL, NULL, NULL);
        if (r >= 0 && !b.bare)
                r = sd_bus_match_signal(b.bus, NULL, JOBS_BUS_NAME, JOBS_PATH, JOBS_INTERFACE, "JobFinished",
                                        on_job_finished, &b);
        if (r < 0)
                return fail("system bus", r);
        begin = now_usec();
        fill(&b);
        r = sd_event_loop(b.event);
        if (r < 0)
                return fail("event loop", r);
        (void) printf("%.1f\n", (double) b.count * (double) USEC_PER_SEC / (double) (now_usec() - begin));
        return EXIT_SUCCESS;
}
