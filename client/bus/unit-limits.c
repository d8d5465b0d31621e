/* SPDX-License-Identifier: Apache-2.0 */

#include "job-record.h"
#include "unit-limits.h"

#define MANAGER_NAME "org.freedesktop.systemd1"
#define MANAGER_PATH "/org/freedesktop/systemd1"
#define MANAGER_INTERFACE MANAGER_NAME ".Manager"
#define SERVICE_INTERFACE MANAGER_NAME ".Service"

static uint64_t read_number(sd_bus *bus, const char *path, const char *interface, const char *property) {
        uint64_t value;

        if (sd_bus_get_property_trivial(bus, MANAGER_NAME, path, interface, property, NULL, 't', &value) < 0)
                return UINT64_MAX;
        return value;
}

static uint64_t read_limit(sd_bus *bus, const char *path, const char *property) {
        return read_number(bus, path, SERVICE_INTERFACE, property);
}

/* What every unit has is not worth a word. */
static uint64_t read_tasks(sd_bus *bus, const char *path) {
        uint64_t limit = read_limit(bus, path, "TasksMax");

        return limit == read_number(bus, MANAGER_PATH, MANAGER_INTERFACE, "DefaultTasksMax") ? UINT64_MAX : limit;
}

static bool is_read_only(sd_bus *bus, const char *path) {
        _cleanup_free_ char *value = NULL;

        return sd_bus_get_property_string(bus, MANAGER_NAME, path, SERVICE_INTERFACE, "ProtectSystem", NULL, &value) >= 0 &&
                streq(value, "strict");
}

void unit_limits_read(Client *c, const char *id, UnitLimits *ret) {
        _cleanup_free_ char *path = NULL;
        sd_bus *bus = client_bus(c);
        char unit[JOB_UNIT_MAX];

        *ret = UNIT_LIMITS_NONE;
        if (!bus || sd_bus_path_encode("/org/freedesktop/systemd1/unit", job_unit_name(id, unit), &path) < 0)
                return;
        *ret = (UnitLimits) {
                .runtime_max_usec = read_limit(bus, path, "RuntimeMaxUSec"),
                .memory_max = read_limit(bus, path, "MemoryMax"),
                .tasks_max = read_tasks(bus, path),
                .cpu_weight = read_limit(bus, path, "CPUWeight"),
                .read_only = is_read_only(bus, path),
        };
}
