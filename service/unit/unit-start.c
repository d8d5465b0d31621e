/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

#include "build-config.h"
#include "unit-internal.h"

/* Time for the worker in addition to that of the job when it is stopped: to terminate remaining processes, and to
 * sync the output. After that the service manager kills it. */
#define WORKER_STOP_USEC (15 * USEC_PER_SEC)

/* The same for the program of a job that runs elsewhere, and limits of that program. */
#define LAUNCHER_STOP_USEC (180 * USEC_PER_SEC)
#define LAUNCHER_TASKS_MAX UINT64_C(64)
#define LAUNCHER_MEMORY_MAX (UINT64_C(256) << 20)

/* The manager may have executed a call without a reply. */
static bool is_unknown(const sd_bus_error *error) {
        static const char *const names[] = {
                SD_BUS_ERROR_NO_REPLY, SD_BUS_ERROR_TIMEOUT, SD_BUS_ERROR_DISCONNECTED,
                SD_BUS_ERROR_NAME_HAS_NO_OWNER, SD_BUS_ERROR_SERVICE_UNKNOWN,
                "org.freedesktop.systemd1.ShuttingDown", "org.freedesktop.systemd1.BusError",
        };

        for (size_t i = 0; i < ELEMENTSOF(names); i++)
                if (sd_bus_error_has_name(error, names[i]))
                        return true;
        return false;
}

/* The unit that the service manager has just written is not there: a disk that is full makes it no error of the write. */
static bool is_lost(const sd_bus_error *error) {
        return sd_bus_error_has_name(error, "org.freedesktop.systemd1.NoSuchUnit") ||
                sd_bus_error_has_name(error, "org.freedesktop.systemd1.LoadFailed");
}

/* Nothing was started, and the same unit may be later: the host or the service manager lacks something; or a dependency
 * of the unit is being stopped, for example since the host or the manager of the user goes down. */
static bool is_refused(const sd_bus_error *error) {
        static const int shortages[] = {
                E2BIG /* too many units */, EAGAIN, EDQUOT, EIO, EMFILE, ENFILE, ENOBUFS, ENOMEM, ENOSPC, EROFS,
        };
        int code = sd_bus_error_get_errno(error);

        for (size_t i = 0; i < ELEMENTSOF(shortages); i++)
                if (code == shortages[i])
                        return true;
        return is_lost(error) || sd_bus_error_has_name(error, "org.freedesktop.systemd1.TransactionIsDestructive");
}

/* With the folder that is meant, which the error does not name. */
static void say_refused(const Unit *unit, const sd_bus_error *error, const char *why) {
        const char *folder = unit->manager->system_scope ? "/run" : getenv("XDG_RUNTIME_DIR") ?: "/run/user";
        int code = sd_bus_error_get_errno(error);
        char text[256];

        if (is_lost(error))
                (void) snprintf(text, sizeof(text), "No space left in %s for units", folder);
        else if (code == ENOSPC || code == EDQUOT || code == EROFS)
                (void) snprintf(text, sizeof(text), "%s: %s", why, folder);
        else if (code == E2BIG)
                (void) snprintf(text, sizeof(text), "It has as many units as it can have");
        else
                (void) snprintf(text, sizeof(text), "%s", why);
        unit->manager->listener->started(UNIT_REFUSED, text, unit->userdata);
}

static int on_start_reply(sd_bus_message *reply, void *userdata, sd_bus_error *ret_error) {
        Unit *unit = userdata;
        const sd_bus_error *error = sd_bus_message_get_error(reply);
        const UnitListener *listener = unit->manager->listener;
        const char *why = error ? error->message ?: error->name : NULL;

        unit->start_call = sd_bus_slot_unref(unit->start_call);
        if (sd_bus_error_has_name(error, "org.freedesktop.systemd1.UnitExists")) {
                /* Started by an earlier request whose reply was lost. Its end may have been reported already. */
                listener->started(UNIT_STARTED, NULL, unit->userdata);
                (void) unit_refresh(unit);
        } else if (!error)
                listener->started(UNIT_STARTED, NULL, unit->userdata);
        else if (is_unknown(error))
                listener->started(UNIT_UNKNOWN, why, unit->userdata);
        else if (is_refused(error))
                say_refused(unit, error, why);
        else
                listener->started(UNIT_FAILED, why, unit->userdata);
        return 0;
}

static int append_start_properties(sd_bus_message *m, const Unit *unit, const UnitStart *start) {
        const char *program = start->program ?: WORKER_PATH;
        bool system_scope = unit->manager->system_scope;
        char text[64];
        int r;

        r = sd_bus_message_append(
                m, "(sv)(sv)(sv)(sv)(sv)(sv)(sv)(sv)(sv)(sv)(sv)(sv)",
                "Description", "s", "Background job (see codex-jobs status)",
                "ExecStart", "a(sasb)", 1, program, 2, program, unit->id, false,
                "Type", "s", "exec",
                "RemainAfterExit", "b", true,
                "NotifyAccess", "s", "none", /* notifications of programs in the job do not affect the unit */
                "KillMode", "s", "mixed",    /* the worker terminates the others */
                "OOMPolicy", "s", "continue",
                "Slice", "s", UNIT_SLICE,
                "IgnoreSIGPIPE", "b", false,
                "StandardInputFileDescriptor", "h", start->spec_fd,
                "StandardOutputFileDescriptor", "h", start->stdout_fd,
                "StandardErrorFileDescriptor", "h", start->stderr_fd);
        if (r < 0)
                return r;
        r = sd_bus_message_append(m, "(sv)", "TimeoutStopUSec", "t", start->stop_timeout_usec + (start->program ? LAUNCHER_STOP_USEC : WORKER_STOP_USEC));
        /* PID 1 starts processes as root anyway: User= would cost a lookup in the user database. */
        if (r >= 0 && system_scope && start->uid != 0) {
                (void) snprintf(text, sizeof(text), "%" PRIu32, start->uid);
                r = sd_bus_message_append(m, "(sv)", "User", "s", text);
        }
        /* The worker creates the folder of the job inside one that belongs to its user and is created by the user's first
         * job. */
        if (r >= 0 && system_scope && start->make_folders) {
                (void) snprintf(text, sizeof(text), "codex-jobs/%" PRIu32, start->uid);
                r = sd_bus_message_append(m, "(sv)(sv)", "CacheDirectory", "as", 1, text, "CacheDirectoryMode", "u", 0700);
        }
        return r;
}

/* See systemd.exec(5). /tmp is private, and the folder of the job stays writable. */
static int append_read_only(sd_bus_message *m, const Unit *unit, const UnitStart *start) {
        int r;

        if (!start->limits.read_only)
                return 0;
        /* Without a user namespace the manager of a user cannot mount, and silently ignores the other options. */
        if (!unit->manager->system_scope) {
                r = sd_bus_message_append(m, "(sv)", "PrivateUsers", "b", true);
                if (r < 0)
                        return r;
        }
        return sd_bus_message_append(m, "(sv)(sv)(sv)(sv)", "ProtectSystem", "s", "strict", "ProtectHome", "s", "read-only",
                                     "PrivateTmp", "b", true, "ReadWritePaths", "as", 1, start->folders);
}

/* After each end that the program did not choose, it is executed again, to reap what runs elsewhere: the unit is not dead
 * before. */
static int append_stop_post(sd_bus_message *m, const Unit *unit, const UnitStart *start) {
        return sd_bus_message_append(m, "(sv)", "ExecStopPost", "a(sasb)", 1, start->program, 3, start->program, "--reap", unit->id,
                                     false);
}

/* The limits of the job are those of its command, which is not here. */
static int append_launcher(sd_bus_message *m, const UnitStart *start) {
        int r;

        r = sd_bus_message_append(m, "(sv)(sv)", "TasksMax", "t", LAUNCHER_TASKS_MAX, "MemoryMax", "t", LAUNCHER_MEMORY_MAX);
        if (r >= 0)
                r = sd_bus_message_open_container(m, 'r', "sv");
        if (r >= 0)
                r = sd_bus_message_append(m, "s", "Environment");
        if (r >= 0)
                r = sd_bus_message_open_container(m, 'v', "as");
        if (r >= 0)
                r = sd_bus_message_append_strv(m, (char **) start->environment);
        if (r >= 0)
                r = sd_bus_message_close_container(m);
        return r < 0 ? r : sd_bus_message_close_container(m);
}

static int append_limits(sd_bus_message *m, const JobLimits *limits) {
        int r = 0;

        for (const JobLimit *l = job_limits; l < job_limits + JOB_LIMITS_N && r >= 0; l++)
                if (l->property && job_limit_get(limits, l) > 0)
                        r = sd_bus_message_append(m, "(sv)", l->property, "t",
                                                  job_limit_to_property(l, job_limit_get(limits, l)));
        return r;
}

static int append_user(sd_bus_message *m, const Unit *unit, uint32_t uid) {
        char text[16];

        if (!unit->manager->system_scope || uid == 0)
                return 0;
        (void) snprintf(text, sizeof(text), "%" PRIu32, uid);
        return sd_bus_message_append(m, "(sv)", "User", "s", text);
}

static int append_job(sd_bus_message *m, const Unit *unit, const UnitStart *start) {
        int r;

        r = append_start_properties(m, unit, start);
        if (r < 0)
                return r;
        if (start->program) {
                r = append_stop_post(m, unit, start);
                return r < 0 ? r : append_launcher(m, start);
        }
        r = append_limits(m, &start->limits);
        return r < 0 ? r : append_read_only(m, unit, start);
}

static int append_reaper(sd_bus_message *m, const Unit *unit, const UnitStart *start) {
        int r;

        r = sd_bus_message_append(m, "(sv)(sv)(sv)(sv)(sv)(sv)",
                                  "Description", "s", "End of a background job (see codex-jobs status)",
                                  "ExecStart", "a(sasb)", 1, start->program, 3, start->program, "--reap", unit->id, false,
                                  "Type", "s", "exec",
                                  "RemainAfterExit", "b", true,
                                  "NotifyAccess", "s", "none",
                                  "Slice", "s", UNIT_SLICE);
        if (r >= 0)
                r = append_user(m, unit, start->uid);
        return r < 0 ? r : append_launcher(m, start);
}

typedef int (*AppendProperties)(sd_bus_message *m, const Unit *unit, const UnitStart *start);

static int start_transient(Unit *unit, AppendProperties append, const UnitStart *start) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
        int r;

        r = unit_manager_call_new(unit->manager, "StartTransientUnit", &m);
        if (r >= 0)
                r = sd_bus_message_append(m, "ss", unit->name, "fail");
        if (r >= 0)
                r = sd_bus_message_open_container(m, 'a', "(sv)");
        if (r >= 0)
                r = append(m, unit, start);
        if (r >= 0)
                r = sd_bus_message_close_container(m);
        if (r >= 0)
                r = sd_bus_message_append(m, "a(sa(sv))", 0);
        if (r < 0)
                return r;
        unit->start_call = sd_bus_slot_unref(unit->start_call);
        return sd_bus_call_async(unit->manager->bus, &unit->start_call, m, on_start_reply, unit, 0);
}

int unit_start(Unit *unit, const UnitStart *start) {
        unit->properties.has_stop_post = start->program;
        return start_transient(unit, append_job, start);
}

int unit_start_reaper(Unit *unit, const UnitStart *start) {
        return start_transient(unit, append_reaper, start);
}
