/* SPDX-License-Identifier: Apache-2.0 */

/* What is left of a unit that has ended. PID 1 kills whatever it will; a user's manager may not kill what belongs to
 * another user, as what a setuid program has become, and takes the unit for ended all the same. Such processes stay in its
 * control group. */

#include <fcntl.h>
#include <sys/syscall.h>

#include "pid-text.h"
#include "unit-internal.h"

/* As systemd nests a slice of that name, see systemd.slice(5). */
#define GROUP "/codex.slice/" UNIT_SLICE

static int on_group_reply(sd_bus_message *reply, void *userdata, sd_bus_error *ret_error) {
        UnitManager *manager = userdata;
        const char *group;
        char *copy;

        manager->group_call = sd_bus_slot_unref(manager->group_call);
        if (sd_bus_message_is_method_error(reply, NULL) || sd_bus_message_read(reply, "v", "s", &group) < 0)
                return 0;
        copy = strdup(group);
        if (copy) {
                free(manager->control_group);
                manager->control_group = copy;
        }
        return 0;
}

int unit_left_connect(UnitManager *manager) {
        if (manager->system_scope)
                return 0;
        manager->group_call = sd_bus_slot_unref(manager->group_call);
        return sd_bus_call_method_async(manager->bus, &manager->group_call, SYSTEMD_NAME, SYSTEMD_PATH,
                                        "org.freedesktop.DBus.Properties", "Get", on_group_reply, manager, "ss",
                                        SYSTEMD_MANAGER, "ControlGroup");
}

static FILE *open_processes(const Unit *unit) {
        static const char *const mounts[] = { "/sys/fs/cgroup/systemd", "/sys/fs/cgroup", "/sys/fs/cgroup/unified" };
        char path[4096];

        for (size_t i = 0; i < ELEMENTSOF(mounts); i++) {
                FILE *f;

                (void) snprintf(path, sizeof(path), "%s%s" GROUP "/%s/cgroup.procs", mounts[i], unit->manager->control_group,
                                unit->name);
                f = fopen(path, "re");
                if (f)
                        return f;
        }
        return NULL;
}

int unit_open_left(Unit *unit, char *text, size_t size) {
        _cleanup_fclose_ FILE *f = NULL;
        int pid, first = -ESRCH;
        size_t n = 0;

        /* Nobody has tried to kill what a worker of an older version left: that is done when the unit is released. */
        if (streq(unit->properties.sub_state, "exited"))
                return -ESRCH;
        f = unit->manager->control_group ? open_processes(unit) : NULL;
        while (f && fscanf(f, "%d", &pid) == 1) {
                if (first < 0)
                        first = (int) syscall(SYS_pidfd_open, pid, 0);
                if (first < 0)
                        continue;
                n = pid_text_append(pid, true, text, size, n);
                if (n == size - 1)
                        break;
        }
        return first;
}
