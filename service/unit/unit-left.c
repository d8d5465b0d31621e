/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

/* Processes left by an ended unit. PID 1 kills all of them; the service manager of a user may not kill those of
 * another user, such as a setuid program, and considers the unit ended nevertheless. They stay in its control group. */

#include <fcntl.h>
#include <signal.h>
#include <sys/syscall.h>

#include "group-walk.h"
#include "pid-text.h"
#include "unit-internal.h"

/* How systemd nests a slice of that name, see systemd.slice(5). */
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

static int open_group(const Unit *unit) {
        static const char *const mounts[] = { "/sys/fs/cgroup/systemd", "/sys/fs/cgroup", "/sys/fs/cgroup/unified" };
        char path[4096];
        int fd = -ENOENT;

        for (size_t i = 0; i < ELEMENTSOF(mounts) && fd < 0; i++) {
                (void) snprintf(path, sizeof(path), "%s%s" GROUP "/%s", mounts[i], unit->manager->control_group, unit->name);
                fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        }
        return fd;
}

typedef struct Left {
        char *text;
        size_t size;
        size_t n;
        int first; /* a pidfd, negative: none */
} Left;

/* Processes that may be killed were killed, or were forked meanwhile. */
static bool on_found(pid_t pid, void *userdata) {
        Left *left = userdata;
        int error = kill(pid, SIGKILL) < 0 ? errno : 0;

        if (error == ESRCH)
                return true;
        if (error == EPERM && left->n < left->size - 1)
                left->n = pid_text_append(pid, true, left->text, left->size, left->n);
        if (left->first < 0)
                left->first = (int) syscall(SYS_pidfd_open, pid, 0);
        return true;
}

int unit_open_left(Unit *unit, char *text, size_t size) {
        Left left = { .text = text, .size = size, .first = -ESRCH };
        _cleanup_close_ int group = -EBADF;

        text[0] = 0;
        /* Nobody has tried to kill processes that a worker of an older version left: that is done when the unit is
         * released. */
        if (streq(unit->properties.sub_state, "exited"))
                return -ESRCH;
        group = unit->manager->control_group ? open_group(unit) : -ENOENT;
        if (group >= 0)
                (void) group_walk(group, on_found, &left);
        return left.first;
}
