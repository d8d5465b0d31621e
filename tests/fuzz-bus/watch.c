/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <time.h>

#include "bus-names.h"
#include "raw-bus.h"
#include "watch.h"

#define ANSWER_USEC (120 * USEC_PER_SEC)
#define PING_USEC (10 * USEC_PER_MSEC)

static int read_text(pid_t pid, const char *name, char *ret, size_t size) {
        char path[PATH_MAX];
        _cleanup_close_ int fd = -EBADF;
        ssize_t n;

        (void) snprintf(path, sizeof(path), "/proc/%d/%s", (int) pid, name);
        fd = open(path, O_RDONLY | O_CLOEXEC);
        if (fd < 0)
                return -errno;
        n = read(fd, ret, size - 1);
        if (n < 0)
                return -errno;
        ret[n] = 0;
        return 0;
}

int watch_size(pid_t pid, WatchSize *ret) {
        _cleanup_closedir_ DIR *directory = NULL;
        char text[8192], path[64];
        const char *line;
        int r;

        r = read_text(pid, "status", text, sizeof(text));
        if (r < 0)
                return r;
        line = strstr(text, "RssAnon:");
        *ret = (WatchSize) { .rss = line ? strtoull(line + strlen("RssAnon:"), NULL, 10) * 1024 : 0 };
        (void) snprintf(path, sizeof(path), "/proc/%d/fd", (int) pid);
        directory = opendir(path);
        if (!directory)
                return -errno;
        while (readdir(directory))
                ret->n_fds++;
        return 0;
}

int watch_find(sd_bus *bus, pid_t *ret) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        uint32_t pid;
        int r;

        r = sd_bus_call_method(bus, "org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus",
                               "GetConnectionUnixProcessID", NULL, &reply, "s", JOBS_BUS_NAME);
        if (r >= 0)
                r = sd_bus_message_read_basic(reply, 'u', &pid);
        if (r >= 0)
                *ret = (pid_t) pid;
        return r;
}

/* How long its main thread was ready and waited for a processor, ever; see proc_pid_schedstat(5). */
static uint64_t delay_usec(pid_t pid) {
        char text[128], name[64], *p;

        (void) snprintf(name, sizeof(name), "task/%d/schedstat", (int) pid);
        if (read_text(pid, name, text, sizeof(text)) < 0)
                return 0;
        p = strchr(text, ' ');
        return p ? strtoull(p, NULL, 10) / NSEC_PER_USEC : 0;
}

typedef struct Ping {
        uint64_t begin, end;
        int error;
} Ping;

static int on_pong(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        Ping *ping = userdata;

        ping->end = now_usec();
        ping->error = sd_bus_message_is_method_error(m, NULL) ? -ENOTCONN : 0;
        return 0;
}

static int send_ping(sd_bus *bus, const char *destination, const char *path, const char *interface, const char *member,
                     Ping *ping) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
        int r;

        *ping = (Ping) { .begin = now_usec() };
        r = sd_bus_message_new_method_call(bus, &m, destination, path, interface, member);
        return r < 0 ? r : sd_bus_call_async(bus, NULL, m, on_pong, ping, ANSWER_USEC);
}

static uint64_t minus(uint64_t a, uint64_t b) {
        return a > b ? a - b : 0;
}

int watch_ping_once(sd_bus *bus, pid_t pid, WatchPings *pings) {
        uint64_t delay = delay_usec(pid), taken, by_bus;
        Ping service, driver;
        int r;

        r = send_ping(bus, JOBS_BUS_NAME, JOBS_PATH, "org.freedesktop.DBus.Peer", "Ping", &service);
        if (r >= 0)
                r = send_ping(bus, "org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus", "GetId", &driver);
        while (r >= 0 && (service.end == 0 || driver.end == 0)) {
                r = sd_bus_process(bus, NULL);
                if (r == 0)
                        r = sd_bus_wait(bus, UINT64_MAX);
                if (r == -EINTR) /* an attack has ended */
                        r = 0;
        }
        if (r >= 0)
                r = service.error;
        if (r < 0)
                return r;
        taken = service.end - service.begin;
        by_bus = driver.end - driver.begin;
        pings->service[pings->n] = (uint32_t) taken;
        pings->bus[pings->n] = (uint32_t) by_bus;
        pings->busy[pings->n++] = (uint32_t) minus(taken, by_bus + minus(delay_usec(pid), delay));
        return 0;
}

int watch_ping(sd_bus *bus, pid_t pid, const volatile bool *stop, WatchPings *ret) {
        struct timespec pause = { .tv_nsec = (long) (PING_USEC * NSEC_PER_USEC) };
        int r;

        while (!*stop && ret->n < WATCH_PINGS_MAX) {
                r = watch_ping_once(bus, pid, ret);
                if (r < 0)
                        return r;
                (void) nanosleep(&pause, NULL);
        }
        return 0;
}

static int compare(const void *a, const void *b) {
        uint32_t x = *(const uint32_t *) a, y = *(const uint32_t *) b;

        return (x > y) - (x < y);
}

static void print_times(const char *what, uint32_t *usec, unsigned n) {
        qsort(usec, n, sizeof(uint32_t), compare);
        (void) printf("  %-44s median %7.2f ms, p99 %8.2f ms, longest %8.2f ms\n", what, usec[n / 2] / 1000.0,
                      usec[(uint64_t) n * 99 / 100] / 1000.0, usec[n - 1] / 1000.0);
}

void watch_print(WatchPings *pings) {
        if (pings->n == 0)
                return;
        print_times("Ping of the service:", pings->service, pings->n);
        print_times("GetId of the bus:", pings->bus, pings->n);
        print_times("the service was busy with something else:", pings->busy, pings->n);
}
