/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

#include <fcntl.h>

#include "job-record.h"
#include "time-util.h"
#include "usage.h"

#define GROUP_ROOT "/sys/fs/cgroup" /* of the unified hierarchy; with others nothing is found */

void usage_clear(Usage *u) {
        (void) sd_bus_slot_unref(u->slot);
        free(u->group);
        *u = (Usage) {};
}

/* ---- Where it is ---- */

static int on_group(sd_bus_message *reply, void *userdata, sd_bus_error *ret_error) {
        const char *group;
        Usage *u = userdata;

        u->slot = sd_bus_slot_unref(u->slot);
        if (sd_bus_message_is_method_error(reply, NULL) || sd_bus_message_read(reply, "v", "s", &group) < 0)
                return 0;
        if (group[0] == '/' && !strstr(group, "/../")) /* empty: it has none yet */
                u->group = strdup(group);
        return 0;
}

static void ask_group(Usage *u, sd_bus *bus, const char *id) {
        _cleanup_free_ char *path = NULL;
        char unit[JOB_UNIT_MAX];

        if (sd_bus_path_encode("/org/freedesktop/systemd1/unit", job_unit_name(id, unit), &path) < 0)
                return;
        (void) sd_bus_call_method_async(bus, &u->slot, "org.freedesktop.systemd1", path,
                                        "org.freedesktop.DBus.Properties", "Get", on_group, u, "ss",
                                        "org.freedesktop.systemd1.Service", "ControlGroup");
}

/* ---- What it takes ---- */

static bool read_file(const Usage *u, const char *name, char text[static 1024]) {
        _cleanup_free_ char *path = NULL;
        _cleanup_close_ int fd = -EBADF;
        ssize_t n;

        if (asprintf(&path, GROUP_ROOT "%s/%s", u->group, name) < 0) {
                path = NULL;
                return false;
        }
        fd = open(path, O_RDONLY | O_CLOEXEC);
        if (fd < 0)
                return false;
        n = read(fd, text, 1023);
        text[MAX(n, 0)] = 0;
        return n > 0;
}

/* The first reading gives the average since the start. */
static void read_cpu(Usage *u, uint64_t started_usec) {
        uint64_t now = now_realtime(), usec, from, used;
        char text[1024];

        u->has_cpu = read_file(u, "cpu.stat", text) && sscanf(text, "usage_usec %" SCNu64, &usec) == 1;
        if (!u->has_cpu)
                return;
        from = u->read_usec ?: started_usec;
        used = usec > u->cpu_usec ? usec - u->cpu_usec : 0;
        if (from > 0 && now > from)
                u->cpu_percent = (100 * used + (now - from) / 2) / (now - from);
        u->cpu_usec = usec;
        u->read_usec = now;
}

static uint64_t resident_pages(const char *pid) {
        uint64_t size, resident;
        char path[64];
        FILE *f;
        int n;

        (void) snprintf(path, sizeof(path), "/proc/%.16s/statm", pid);
        f = fopen(path, "re");
        if (!f)
                return 0; /* it has ended */
        n = fscanf(f, "%" SCNu64 " %" SCNu64, &size, &resident);
        (void) fclose(f);
        return n == 2 ? resident : 0;
}

/* Kernels may run without accounting for memory. What the first processes of the job hold is less exact: what several
 * of them share is counted for each. */
static bool sum_memory(const Usage *u, uint64_t *ret) {
        char text[1024], *rest = text;
        uint64_t pages = 0;

        if (!read_file(u, "cgroup.procs", text))
                return false;
        for (const char *pid; (pid = strsep(&rest, "\n")) && rest;)
                pages += resident_pages(pid);
        *ret = pages * (uint64_t) sysconf(_SC_PAGESIZE);
        return pages > 0;
}

static void read_memory(Usage *u) {
        char text[1024];

        u->has_memory = (read_file(u, "memory.current", text) && sscanf(text, "%" SCNu64, &u->memory) == 1) ||
                sum_memory(u, &u->memory);
}

void usage_read(Usage *u, sd_bus *bus, const char *id, uint64_t started_usec) {
        if (!u->group && !u->slot && bus)
                ask_group(u, bus, id);
        if (!u->group)
                return;
        read_cpu(u, started_usec);
        read_memory(u);
}
