/* SPDX-License-Identifier: Apache-2.0 */

/* Explains errors of the bus to users, with what to do about them. */

#include "build-config.h"
#include "bus-names.h"
#include "client-internal.h"
#include "say.h"

#define NO_SUCH_UNIT "org.freedesktop.systemd1.NoSuchUnit"

static const char *manager_command(const Client *c) {
        return c->system ? "systemctl" : "systemctl --user";
}

static const char *journal_command(const Client *c) {
        return c->system ? "journalctl" : "journalctl --user";
}

static void explain_not_started(const Client *c, const sd_bus_error *error, const char *message, sd_bus_error *ret) {
        (void) sd_bus_error_setf(ret, error->name, "The service failed to start (%s). See '%s status codex-jobsd'.",
                                 message, manager_command(c));
}

static bool is_spawn_error(const sd_bus_error *error) {
        return startswith(error->name, "org.freedesktop.DBus.Error.Spawn.") ||
                startswith(error->name, "org.freedesktop.systemd1.") ||
                sd_bus_error_has_names(error, "org.freedesktop.DBus.Error.TimedOut", SD_BUS_ERROR_TIMEOUT);
}

/* The bus uses the same error name for unknown services and for those that fail to start. */
static void explain_not_there(const Client *c, const sd_bus_error *error, const char *message, sd_bus_error *ret) {
        if (access(c->system ? SYSTEM_SERVICE_FILE : USER_SERVICE_FILE, F_OK) >= 0)
                explain_not_started(c, error, message, ret);
        else if (c->system)
                (void) sd_bus_error_setf(ret, error->name,
                                         "The service is not installed on the system bus. Install codex-jobs for all "
                                         "users, or use 'codex-jobs --user'.");
        else
                (void) sd_bus_error_setf(ret, error->name,
                                         "The service is not installed on the user bus. Install codex-jobs, or use "
                                         "'codex-jobs --system'.");
}

/* Advice for errors of the service, which state facts only. If about is set, the message must contain it. The first
 * matching row is used. */
static const struct {
        const char *name, *about, *advice;
} advices[] = {
        { JOBS_ERROR_NO_SUCH_JOB, NULL, "List your jobs with 'codex-jobs status --all'." },
        { JOBS_ERROR_AMBIGUOUS_ID, NULL, "Give more of the ID." },
        { JOBS_ERROR_INVALID_ARGUMENT, "KeepInput=", "Provide it with 'codex-jobs retry --stdin FILE'." },
        { JOBS_ERROR_LIMIT_EXCEEDED, "MaxQueued", "Try again when some of them have started." },
        { JOBS_ERROR_LIMIT_EXCEEDED, "MaxStored", "Remove finished jobs with 'codex-jobs remove'." },
        { JOBS_ERROR_LIMIT_EXCEEDED, "MaxAwaits", "Wait for several jobs with one 'codex-jobs await'." },
        { JOBS_ERROR_STORE_FULL, NULL, "Free disk space and try again." },
        { JOBS_ERROR_PROCESSES_LEFT, NULL, "The job keeps running until they are gone; terminate them with 'sudo kill PID'." },
        { JOBS_ERROR_UNAVAILABLE, NULL, "Try again; if it keeps failing, see 'journalctl -t codex-jobsd'." },
};

static const char *find_advice(const sd_bus_error *error, const char *message) {
        for (size_t i = 0; i < ELEMENTSOF(advices); i++)
                if (sd_bus_error_has_name(error, advices[i].name) &&
                    (!advices[i].about || strstr(message, advices[i].about)))
                        return advices[i].advice;
        return NULL;
}

static void explain_other_version(const Client *c, const sd_bus_error *error, const char *message, sd_bus_error *ret) {
        (void) sd_bus_error_setf(ret, error->name,
                                 "The running service has a different version (%.*s). Restart it with '%s restart "
                                 "codex-jobsd'.",
                                 (int) strcspn(message, ";."), message, manager_command(c));
}

static void set_own(const sd_bus_error *error, const char *message, sd_bus_error *ret) {
        const char *advice = find_advice(error, message);

        (void) sd_bus_error_setf(ret, error->name, "%s%s%s", message, advice ? " " : "", strempty(advice));
}

/* Our requests are always valid for a service of the same version. */
static bool is_other_version(const sd_bus_error *error, const char *message) {
        if (sd_bus_error_has_name(error, JOBS_ERROR_INVALID_ARGUMENT))
                return startswith(message, "Unknown option ") || startswith(message, "There is no option ");
        return sd_bus_error_has_names(error, SD_BUS_ERROR_UNKNOWN_METHOD, SD_BUS_ERROR_UNKNOWN_OBJECT,
                                      SD_BUS_ERROR_UNKNOWN_INTERFACE, SD_BUS_ERROR_INVALID_ARGS);
}

void explain_error(const Client *c, const sd_bus_error *error, sd_bus_error *ret) {
        const char *message = isempty(error->message) ? error->name : error->message;

        if (is_other_version(error, message))
                explain_other_version(c, error, message, ret);
        else if (startswith(error->name, "org.codex.Jobs."))
                set_own(error, message, ret);
        else if (sd_bus_error_has_names(error, SD_BUS_ERROR_SERVICE_UNKNOWN, SD_BUS_ERROR_NAME_HAS_NO_OWNER,
                                        NO_SUCH_UNIT))
                explain_not_there(c, error, message, ret);
        else if (sd_bus_error_has_names(error, SD_BUS_ERROR_NO_REPLY, SD_BUS_ERROR_DISCONNECTED))
                (void) sd_bus_error_setf(ret, error->name,
                                         "The service stopped before it responded. Try again, or see "
                                         "'%s -u codex-jobsd'.",
                                         journal_command(c));
        else if (is_spawn_error(error))
                explain_not_started(c, error, message, ret);
        else if (sd_bus_error_has_name(error, SD_BUS_ERROR_ACCESS_DENIED))
                (void) sd_bus_error_setf(ret, error->name,
                                         "Access to the service denied by the bus (%s). Reinstall codex-jobs with its "
                                         "bus policy, then run 'systemctl reload dbus'.",
                                         message);
        else
                (void) sd_bus_error_setf(ret, error->name,
                                         "Failed to call the service: %s (%s). See '%s status codex-jobsd'.", message,
                                         error->name, manager_command(c));
}

int explain_connect(bool system, int r, sd_bus_error *ret) {
        if (r == -ENOMEM)
                return r;
        if (r == -EPERM || r == -EACCES) /* seccomp, or a mount of a sandbox: buses are accessible to all otherwise */
                (void) error_set(ret,
                                 "Failed to connect to the %s bus: access denied, probably by a sandbox. Request "
                                 "permission to run codex-jobs outside it.",
                                 system ? "system" : "user");
        else if (system)
                (void) error_set(ret,
                                 "Failed to connect to the system bus: %s. Start it with 'systemctl start "
                                 "dbus.socket'; in a sandbox, request permission to run codex-jobs outside it.",
                                 strerror(-r));
        else
                (void) error_set(ret,
                                 "Failed to connect to the user bus: %s. Log in, enable lingering ('loginctl "
                                 "enable-linger'), or use 'codex-jobs --system'; in a sandbox, request permission to "
                                 "run codex-jobs outside it.",
                                 strerror(-r));
        return r;
}
