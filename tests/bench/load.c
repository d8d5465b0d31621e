/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

/* Load on the system bus for tests/bench/scale, which prints one line of figures:
 *
 *   load ping COUNT WINDOW             Ping of the service with WINDOW in flight: seconds
 *   load enqueue COUNT WINDOW          Enqueue likewise
 *   load await CONNECTIONS COUNT ID    so many calls wait for a queued job; when standard input ends, it is ended: prints a
 *                                      line when they wait, and the seconds until all are answered
 *   load signals CONNECTIONS COUNT SIZE   sends so many signals of that size to connections: seconds until all have come
 *   load probe PID                     Ping of the service with that process, and GetId of the bus, one after the other
 *                                      until standard input ends: number, and for both the median and the longest; and
 *                                      the most that the main thread of the service computed meanwhile; milliseconds */

#include <fcntl.h>
#include <poll.h>
#include <sys/resource.h>
#include <systemd/sd-bus.h>
#include <systemd/sd-event.h>
#include <time.h>

#include "bus-names.h"
#include "macro.h"

#define PEER "org.freedesktop.DBus.Peer"
#define BUS "org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus"
#define PATIENCE_USEC (3600 * USEC_PER_SEC)
#define PROBE_MSEC 1

typedef struct Load {
        sd_event *event;
        sd_bus **buses;
        unsigned n_buses;
        unsigned count, sent, done;
        const char *member; /* of a call without arguments but for Enqueue */
        unsigned window;
} Load;

static _Noreturn void fail(const char *what, int r) {
        (void) fprintf(stderr, "load: %s: %s\n", what, strerror(-r));
        exit(EXIT_FAILURE);
}

static void must(const char *what, int r) {
        if (r < 0)
                fail(what, r);
}

static double now(void) {
        struct timespec ts;

        (void) clock_gettime(CLOCK_MONOTONIC, &ts);
        return (double) ts.tv_sec + (double) ts.tv_nsec / 1e9;
}

static void connect_all(Load *l, unsigned n) {
        struct rlimit limit;

        must("limit of files", getrlimit(RLIMIT_NOFILE, &limit));
        limit.rlim_cur = limit.rlim_max;
        must("limit of files", setrlimit(RLIMIT_NOFILE, &limit));
        must("event loop", sd_event_default(&l->event));
        l->buses = calloc(n, sizeof(sd_bus *));
        if (!l->buses)
                fail("connections", -ENOMEM);
        for (; l->n_buses < n; l->n_buses++) {
                must("system bus", sd_bus_open_system(&l->buses[l->n_buses]));
                must("system bus", sd_bus_set_method_call_timeout(l->buses[l->n_buses], PATIENCE_USEC));
                must("event loop", sd_bus_attach_event(l->buses[l->n_buses], l->event, SD_EVENT_PRIORITY_NORMAL));
        }
}

static void count_one(Load *l) {
        if (++l->done == l->count)
                (void) sd_event_exit(l->event, 0);
}

static void check_reply(sd_bus_message *m) {
        if (sd_bus_message_is_method_error(m, NULL)) {
                (void) fprintf(stderr, "load: %s\n", sd_bus_message_get_error(m)->message);
                exit(EXIT_FAILURE);
        }
}

/* --- calls, so many in flight ------------------------------------------------------------------------- */

static void send_more(Load *l);

static int on_reply(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        check_reply(m);
        count_one(userdata);
        send_more(userdata);
        return 0;
}

static void send_more(Load *l) {
        for (; l->sent < l->count && l->sent < l->done + l->window; l->sent++)
                must(l->member, streq(l->member, "Enqueue") ?
                     sd_bus_call_method_async(l->buses[0], NULL, JOBS_BUS_NAME, JOBS_PATH, JOBS_INTERFACE, l->member, on_reply, l,
                                              "asa{sv}", 1, "true", 0) :
                     sd_bus_call_method_async(l->buses[0], NULL, JOBS_BUS_NAME, JOBS_PATH, PEER, l->member, on_reply, l, ""));
}

static double calls(Load *l, const char *member, unsigned count, unsigned window) {
        double begin;

        connect_all(l, 1);
        l->member = member;
        l->count = count;
        l->window = window;
        begin = now();
        send_more(l);
        must("event loop", sd_event_loop(l->event));
        return now() - begin;
}

/* --- calls that wait ---------------------------------------------------------------------------------- */

static int on_awaited(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        check_reply(m);
        count_one(userdata);
        return 0;
}

static int on_cancelled(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        check_reply(m);
        return 0;
}

/* The service has seen them when it answers what was sent after them. */
static double awaits(Load *l, unsigned connections, unsigned count, const char *id) {
        double begin;

        connect_all(l, connections);
        l->count = count;
        for (unsigned i = 0; i < count; i++)
                must("Await", sd_bus_call_method_async(l->buses[i % connections], NULL, JOBS_BUS_NAME, JOBS_PATH, JOBS_INTERFACE,
                                                       "Await", on_awaited, l, "st", id, UINT64_MAX));
        for (unsigned i = 0; i < connections; i++)
                must("Ping", sd_bus_call_method(l->buses[i], JOBS_BUS_NAME, JOBS_PATH, PEER, "Ping", NULL, NULL, ""));
        (void) puts("waiting");
        (void) fflush(stdout);
        (void) getchar();
        begin = now();
        must("Cancel", sd_bus_call_method_async(l->buses[0], NULL, JOBS_BUS_NAME, JOBS_PATH, JOBS_INTERFACE, "Cancel", on_cancelled,
                                                l, "s", id));
        must("event loop", sd_event_loop(l->event));
        return now() - begin;
}

static int on_signal(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        if (sd_bus_message_is_signal(m, "org.codex.Bench", "Signal") > 0)
                count_one(userdata);
        return 0;
}

static void send_signal(sd_bus *sender, const char *receiver, const char *text) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
        int r;

        r = sd_bus_message_new_signal(sender, &m, "/", "org.codex.Bench", "Signal");
        if (r >= 0)
                r = sd_bus_message_append_basic(m, 's', text);
        if (r >= 0)
                r = sd_bus_message_set_destination(m, receiver);
        must("signal", r < 0 ? r : sd_bus_send(sender, m, NULL));
}

/* The last connection sends. */
static double signals(Load *l, unsigned connections, unsigned count, size_t size) {
        _cleanup_free_ char *text = calloc(1, size + 1);
        const char *name;
        double begin;

        if (!text)
                fail("signal", -ENOMEM);
        memset(text, 'x', size);
        connect_all(l, connections + 1);
        l->count = count;
        for (unsigned i = 0; i < connections; i++)
                must("filter", sd_bus_add_filter(l->buses[i], NULL, on_signal, l));
        for (unsigned i = 0; i <= connections; i++)
                must("name", sd_bus_get_unique_name(l->buses[i], &name));
        begin = now();
        for (unsigned i = 0; i < count; i++) {
                must("name", sd_bus_get_unique_name(l->buses[i % connections], &name));
                send_signal(l->buses[connections], name, text);
        }
        must("event loop", sd_event_loop(l->event));
        return now() - begin;
}

/* --- probe ---------------------------------------------------------------------------------------------- */

typedef struct Series {
        double *values;
        size_t n, allocated;
} Series;

static void series_add(Series *s, double value) {
        if (s->n == s->allocated) {
                s->allocated = MAX(2 * s->allocated, 1024U);
                s->values = reallocarray(s->values, s->allocated, sizeof(double));
                if (!s->values)
                        fail("figures", -ENOMEM);
        }
        s->values[s->n++] = value;
}

static int compare(const void *a, const void *b) {
        double x = *(const double *) a, y = *(const double *) b;

        return x < y ? -1 : x > y;
}

static void series_sort(Series *s) {
        if (s->n == 0)
                series_add(s, 0);
        qsort(s->values, s->n, sizeof(double), compare);
}

/* The CPU that a thread has used, in seconds. */
static double cpu_of(int schedstat) {
        char text[64] = "";

        if (pread(schedstat, text, sizeof(text) - 1, 0) < 0)
                return 0;
        return (double) strtoull(text, NULL, 10) / 1e9;
}

static void ask(sd_bus *bus, int schedstat, bool service, Series *times, Series *used) {
        double begin = now(), cpu = cpu_of(schedstat);
        int r;

        if (service)
                r = sd_bus_call_method(bus, JOBS_BUS_NAME, JOBS_PATH, PEER, "Ping", NULL, NULL, "");
        else
                r = sd_bus_call_method(bus, BUS, "GetId", NULL, NULL, "");
        must("probe", r);
        series_add(times, (now() - begin) * 1000);
        if (service)
                series_add(used, (cpu_of(schedstat) - cpu) * 1000);
}

static void probe(Load *l, const char *pid) {
        Series service = {}, bus = {}, used = {};
        struct pollfd input = { .fd = STDIN_FILENO, .events = POLLIN };
        _cleanup_close_ int schedstat = -EBADF;
        char path[64];

        (void) snprintf(path, sizeof(path), "/proc/%s/task/%s/schedstat", pid, pid);
        schedstat = open(path, O_RDONLY | O_CLOEXEC);
        must(path, schedstat < 0 ? -errno : 0);
        connect_all(l, 1);
        while (poll(&input, 1, PROBE_MSEC) == 0) {
                ask(l->buses[0], schedstat, true, &service, &used);
                ask(l->buses[0], schedstat, false, &bus, &used);
        }
        series_sort(&service);
        series_sort(&bus);
        series_sort(&used);
        (void) printf("%zu %.3f %.3f %.3f %.3f %.3f\n", service.n, service.values[service.n / 2], service.values[service.n - 1],
                      bus.values[bus.n / 2], bus.values[bus.n - 1], used.values[used.n - 1]);
        free(service.values);
        free(bus.values);
        free(used.values);
}

static unsigned number(const char *text) {
        unsigned long n = strtoul(text, NULL, 10);

        if (n == 0 || n > UINT32_MAX)
                fail(text, -EINVAL);
        return (unsigned) n;
}

int main(int argc, char *argv[]) {
        const char *what = argc > 2 ? argv[1] : "";
        double seconds = 0;
        Load l = {};

        if (streq(what, "probe"))
                probe(&l, argv[2]);
        else if (argc == 4 && (streq(what, "ping") || streq(what, "enqueue")))
                seconds = calls(&l, streq(what, "ping") ? "Ping" : "Enqueue", number(argv[2]), number(argv[3]));
        else if (argc == 5 && streq(what, "await"))
                seconds = awaits(&l, number(argv[2]), number(argv[3]), argv[4]);
        else if (argc == 5 && streq(what, "signals"))
                seconds = signals(&l, number(argv[2]), number(argv[3]), number(argv[4]));
        else
                fail("arguments", -EINVAL);
        if (!streq(what, "probe"))
                (void) printf("%.4f\n", seconds);
        for (unsigned i = 0; i < l.n_buses; i++)
                (void) sd_bus_close_unref(l.buses[i]);
        free(l.buses);
        (void) sd_event_unref(l.event);
        return EXIT_SUCCESS;
}
