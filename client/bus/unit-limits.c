/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

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

/* What every unit has is not worth a word. */
static bool is_usual(sd_bus *bus, const char *property, uint64_t value) {
        return value == UINT64_MAX ||
                (streq(property, "TasksMax") &&
                 value == read_number(bus, MANAGER_PATH, MANAGER_INTERFACE, "DefaultTasksMax"));
}

static uint64_t read_limit(sd_bus *bus, const char *path, const JobLimit *limit) {
        uint64_t value = read_number(bus, path, SERVICE_INTERFACE, limit->property);

        return is_usual(bus, limit->property, value) ? 0 : job_limit_from_property(limit, value);
}

static bool is_read_only(sd_bus *bus, const char *path) {
        _cleanup_free_ char *value = NULL;

        return sd_bus_get_property_string(bus, MANAGER_NAME, path, SERVICE_INTERFACE, "ProtectSystem", NULL, &value) >= 0 &&
                streq(value, "strict");
}

void unit_limits_read(Client *c, const char *id, JobLimits *ret) {
        _cleanup_free_ char *path = NULL;
        sd_bus *bus = client_bus(c);
        char unit[JOB_UNIT_MAX];

        *ret = (JobLimits) {};
        if (!bus || sd_bus_path_encode("/org/freedesktop/systemd1/unit", job_unit_name(id, unit), &path) < 0)
                return;
        for (const JobLimit *l = job_limits; l < job_limits + JOB_LIMITS_N; l++)
                if (l->property)
                        *job_limit_of(ret, l) = read_limit(bus, path, l);
        ret->read_only = is_read_only(bus, path);
}
