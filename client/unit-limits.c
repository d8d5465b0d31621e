/* SPDX-License-Identifier: Apache-2.0 */

#include "job-record.h"
#include "unit-limits.h"

#define MANAGER_NAME "org.freedesktop.systemd1"
#define SERVICE_INTERFACE MANAGER_NAME ".Service"

static uint64_t read_number(sd_bus *bus, const char *path, const char *property) {
        uint64_t value;

        if (sd_bus_get_property_trivial(bus, MANAGER_NAME, path, SERVICE_INTERFACE, property, NULL, 't', &value) < 0)
                return UINT64_MAX;
        return value;
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
                .runtime_max_usec = read_number(bus, path, "RuntimeMaxUSec"),
                .memory_max = read_number(bus, path, "MemoryMax"),
                .tasks_max = read_number(bus, path, "TasksMax"),
                .cpu_weight = read_number(bus, path, "CPUWeight"),
                .read_only = is_read_only(bus, path),
        };
}
