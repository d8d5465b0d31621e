/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

/* What errors mean for users, and what to do about them: one table. The service and the bus state facts only. */

#include <ctype.h>

#include "address.h"
#include "build-config.h"
#include "bus-names.h"
#include "client-internal.h"
#include "host.h"
#include "job-limits.h"
#include "say.h"
#include "standstill.h"
#include "text-new.h"

typedef enum When {
        ALWAYS,
        NOT_KNOWN,   /* to the service is an option, or a value of a limit, that was checked before */
        INSTALLED,   /* the service is, on this host */
        POLICY,      /* that of the bus is, on this host */
        REMOTE,      /* it is on another host */
} When;

#define NOT_INSTALLED "The service is not installed on the %B bus. Install codex-jobs%A, or use 'codex-jobs --%O'."
#define NOT_THERE "The service%P is not installed, or failed to start (%M). See '%S status codex-jobsd'."

#define HAS_OTHER_VERSION " has a different version ("
static const char OTHER_VERSION[] = "The running service%P" HAS_OTHER_VERSION "%C). Restart it with '%S restart codex-jobsd'.";
static const char OTHER_VERSION_THERE[] = "The service%P" HAS_OTHER_VERSION "%C). Install this version there.";

static const char NOT_STARTED[] = "The service%P failed to start (%M). See '%S status codex-jobsd'.";

static const char STOPPED[] = "The service%P stopped before it responded. Try again, or see '%J -u codex-jobsd'.";

/* In their place, where more is known. */
static const char *const standstills[] = {
        [STANDSTILL_MASKED] = "The service%P is masked. Allow it to start with '%S unmask codex-jobsd'.",
        [STANDSTILL_NEWER_STORE] = "The service%P does not start, since its jobs were stored by a newer version. Install that "
                                   "version again; nothing is lost.",
        [STANDSTILL_NAME_REFUSED] = "The service%P does not start, since a policy of the %B bus refuses its name. Reinstall "
                                    "codex-jobs, or remove what denies the name from /etc/dbus-1, then run '%S reload dbus'.",
        [STANDSTILL_NO_PROGRAM] = "The service%P does not start, since its program or a library is missing. Reinstall codex-jobs.",
};

/* The first row that applies is used. A name that ends with a full stop stands for all that start with it. */
static const struct {
        const char *name;
        When when;
        const char *about; /* what the message must name; NULL: anything */
        const char *text;  /* see put_text() */
} errors[] = {
        { JOBS_ERROR_INVALID_ARGUMENT, NOT_KNOWN, NULL, OTHER_VERSION },
        { SD_BUS_ERROR_UNKNOWN_METHOD, ALWAYS, NULL, OTHER_VERSION },
        { SD_BUS_ERROR_UNKNOWN_OBJECT, ALWAYS, NULL, OTHER_VERSION },
        { SD_BUS_ERROR_UNKNOWN_INTERFACE, ALWAYS, NULL, OTHER_VERSION },
        { SD_BUS_ERROR_INVALID_ARGS, ALWAYS, NULL, OTHER_VERSION },

        { JOBS_ERROR_NO_SUCH_JOB, ALWAYS, NULL, "%M. List your jobs with 'codex-jobs status --all'." },
        { JOBS_ERROR_NO_SUCH_QUEUE, ALWAYS, NULL,
          "%M. List your queues with 'codex-jobs queue%U', or create it with 'codex-jobs queue set NAME%U'." },
        { JOBS_ERROR_AMBIGUOUS_ID, ALWAYS, NULL, "%M. Give more of the ID." },
        { JOBS_ERROR_KEY_CONFLICT, ALWAYS, NULL, "This --key was already used for a different request. Use a new key." },
        { JOBS_ERROR_INVALID_ARGUMENT, ALWAYS, "KeepInput", "%M. Provide it with 'codex-jobs retry --stdin FILE'." },
        { JOBS_ERROR_INVALID_ARGUMENT, ALWAYS, "queued or running in queue",
          "%M. Cancel them, or try again when they have finished; 'codex-jobs status --all%U' lists them." },
        { JOBS_ERROR_LIMIT_EXCEEDED, ALWAYS, "MaxQueued", "%M. Try again when some of them have started." },
        { JOBS_ERROR_LIMIT_EXCEEDED, ALWAYS, "Largest finished jobs",
          "%M. Remove them with 'codex-jobs remove %I%U', or forget consumers of inboxes that are gone, see "
          "'codex-jobs inbox --consumers%U'." },
        { JOBS_ERROR_LIMIT_EXCEEDED, ALWAYS, "MaxStored",
          "%M. Cancel jobs with 'codex-jobs cancel', or try again when some have finished." },
        { JOBS_ERROR_LIMIT_EXCEEDED, ALWAYS, "MaxAwaits", "%M. Wait for several jobs with one 'codex-jobs await'." },
        { JOBS_ERROR_STORE_FULL, ALWAYS, NULL, "%M. Free disk space and try again." },
        { JOBS_ERROR_PROCESSES_LEFT, ALWAYS, NULL,
          "%M. The job keeps running until they are gone; terminate them with 'sudo kill PID'." },
        { JOBS_ERROR_UNAVAILABLE, ALWAYS, NULL, "%M. Try again; if it keeps failing, see 'journalctl -t codex-jobsd'." },
        { CLIENT_ERROR_IN_FLIGHT, ALWAYS, NULL,
          "Too many file descriptors in flight: one of your programs sends descriptors that are not received. Stop it, or "
          "raise the limit with 'ulimit -n'." },
        { "org.codex.Jobs.", ALWAYS, NULL, "%M." },

        { SD_BUS_ERROR_SERVICE_UNKNOWN, REMOTE, NULL, NOT_THERE },
        { SD_BUS_ERROR_NAME_HAS_NO_OWNER, REMOTE, NULL, NOT_THERE },
        { "org.freedesktop.systemd1.NoSuchUnit", REMOTE, NULL, NOT_THERE },
        { SD_BUS_ERROR_DISCONNECTED, REMOTE, NULL, "Lost connection to %H. Try again." },

        /* The bus uses the same names for unknown services and for those that fail to start. */
        { SD_BUS_ERROR_SERVICE_UNKNOWN, INSTALLED, NULL, NOT_STARTED },
        { SD_BUS_ERROR_NAME_HAS_NO_OWNER, INSTALLED, NULL, NOT_STARTED },
        { "org.freedesktop.systemd1.NoSuchUnit", INSTALLED, NULL, NOT_STARTED },
        { SD_BUS_ERROR_SERVICE_UNKNOWN, ALWAYS, NULL, NOT_INSTALLED },
        { SD_BUS_ERROR_NAME_HAS_NO_OWNER, ALWAYS, NULL, NOT_INSTALLED },
        { "org.freedesktop.systemd1.NoSuchUnit", ALWAYS, NULL, NOT_INSTALLED },

        { SD_BUS_ERROR_LIMITS_EXCEEDED, ALWAYS, NULL,
          "The %B bus refused the call, so nothing was submitted: %M. Close some of your other connections to it and try "
          "again." },
        { SD_BUS_ERROR_NO_REPLY, ALWAYS, NULL, STOPPED },
        { SD_BUS_ERROR_DISCONNECTED, ALWAYS, NULL, STOPPED },
        { "org.freedesktop.DBus.Error.Spawn.", ALWAYS, NULL, NOT_STARTED },
        { "org.freedesktop.systemd1.", ALWAYS, NULL, NOT_STARTED },
        { "org.freedesktop.DBus.Error.TimedOut", ALWAYS, NULL, NOT_STARTED },
        { SD_BUS_ERROR_TIMEOUT, ALWAYS, NULL, NOT_STARTED },
        { SD_BUS_ERROR_ACCESS_DENIED, POLICY, NULL,
          "Access to the service denied by the bus (%M). Ask the administrator for what denies it in /etc/dbus-1, or, if "
          "codex-jobs was just installed, run 'systemctl reload dbus'." },
        { SD_BUS_ERROR_ACCESS_DENIED, ALWAYS, NULL,
          "Access to the service denied by the bus (%M). Reinstall codex-jobs with its bus policy, then run 'systemctl "
          "reload dbus'." },
};

static bool name_applies(const char *pattern, const char *name) {
        return streq(name, pattern) || (pattern[strlen(pattern) - 1] == '.' && startswith(name, pattern));
}

/* Messages name the argument, option or setting that they are about, see org.codex.Jobs(5). */
static bool is_named(const char *message, const char *word) {
        size_t n = strlen(word);

        for (const char *p = message; (p = strstr(p, word)); p += n)
                if ((p == message || !isalnum((unsigned char) p[-1])) && !isalnum((unsigned char) p[n]))
                        return true;
        return false;
}

bool error_is_unknown(const sd_bus_error *error, const char *option) {
        const char *message = strempty(error->message);

        return sd_bus_error_has_name(error, JOBS_ERROR_INVALID_ARGUMENT) && strstr(message, HAS_OTHER_VERSION) &&
               is_named(message, option);
}

/* In the words of this version and of those before. */
static bool says_not_known(const char *message) {
        static const char *const words[] = { "Unknown option ", "Unknown filter ", "There is no option ", "There is no filter " };

        for (size_t i = 0; i < ELEMENTSOF(words); i++)
                if (startswith(message, words[i]))
                        return true;
        return startswith(message, "Option ") && strstr(message, " is not supported yet");
}

/* A service of our version accepts what we send. */
static bool is_not_known(const char *message) {
        if (says_not_known(message) || is_named(message, "ResourceLimits"))
                return true;
        for (size_t i = 0; i < JOB_LIMITS_N; i++)
                if (is_named(message, job_limits[i].name))
                        return true;
        return false;
}

static bool applies(When when, const Client *c, const char *message) {
        bool remote = client_remote(c);

        switch (when) {
        case NOT_KNOWN:
                return is_not_known(message);
        case INSTALLED:
                return !remote && access(c->system ? SYSTEM_SERVICE_FILE : USER_SERVICE_FILE, F_OK) >= 0;
        case POLICY:
                return !remote && c->system && access(POLICY_FILE, F_OK) >= 0;
        case REMOTE:
                return remote;
        default:
                return true;
        }
}

static const char *more_exact(const Client *c, const char *text) {
        if (client_remote(c))
                return text == OTHER_VERSION ? OTHER_VERSION_THERE : text;
        if (text != NOT_STARTED && text != STOPPED)
                return text;
        return standstills[standstill_ask(c->system)] ?: text;
}

static const char *find_text(const Client *c, const char *name, const char *message) {
        for (size_t i = 0; i < ELEMENTSOF(errors); i++) {
                if (!name_applies(errors[i].name, name) || (errors[i].about && !strstr(message, errors[i].about)))
                        continue;
                if (applies(errors[i].when, c, message))
                        return more_exact(c, errors[i].text);
        }
        return "Failed to call the service: %M (%N). See '%S status codex-jobsd'.";
}

/* The list that a message ends with, as arguments. */
static void put_ids(FILE *f, const char *message) {
        const char *colon = strrchr(message, ':');

        for (const char *p = colon ? colon + strspn(colon, ": ") : ""; *p; p++)
                if (*p != ',' && *p != '.')
                        (void) fputc(*p, f);
}

static void put_tool(FILE *f, const Client *c, const char *tool) {
        _cleanup_free_ char *command = client_tool(c, tool);

        (void) fputs(command ?: tool, f);
}

static void put_text(FILE *f, const char *text, const Client *c, const char *name, const char *message) {
        const struct {
                char letter;
                const char *value;
        } values[] = {
                { 'A', c->system ? " for all users" : "" },
                { 'B', c->system ? "system" : "user" },
                { 'H', strempty(client_remote(c)) },
                { 'N', name },
                { 'P', c->place },
                { 'O', c->system ? "user" : "system" },
                { 'U', client_scope_option(c) },
        };
        size_t n = strlen(message);

        for (; *text; text++) {
                if (*text != '%') {
                        (void) fputc(*text, f);
                        continue;
                }
                text++;
                if (*text == 'M') /* without its full stop */
                        (void) fwrite(message, 1, n - (n > 0 && message[n - 1] == '.'), f);
                else if (*text == 'C') /* its first clause */
                        (void) fwrite(message, 1, strcspn(message, ";."), f);
                else if (*text == 'I')
                        put_ids(f, message);
                else if (*text == 'S' || *text == 'J')
                        put_tool(f, c, *text == 'S' ? "systemctl" : "journalctl");
                for (size_t i = 0; i < ELEMENTSOF(values); i++)
                        if (values[i].letter == *text)
                                (void) fputs(values[i].value, f);
        }
}

/* The bus closed the connection instead of accepting it: mostly because there are too many. */
static bool was_refused(const Client *c, const sd_bus_error *error) {
        return !link_was_accepted(c->link) && sd_bus_error_has_names(error, SD_BUS_ERROR_NO_REPLY, SD_BUS_ERROR_DISCONNECTED);
}

static void explain_unreached(const Client *c, sd_bus_error *ret) {
        const char *complaint = link_complaint(c->link);

        (void) error_set(ret, "Failed to connect to %s: %s.", client_remote(c), complaint ?: "it closed the connection");
}

/* Returns whether a variable of the environment names the bus that cannot be reached. */
static bool explain_address(const Client *c, const char *complaint, sd_bus_error *ret) {
        const char *variable, *address = client_remote(c) ? NULL : bus_unusual_address(c->system, &variable);

        if (!address)
                return false;
        (void) error_set(ret, "Failed to connect to the %s bus at '%.200s': %s. Correct or unset %s.",
                         c->system ? "system" : "user", address, complaint, variable);
        return true;
}

void explain_error(const Client *c, const sd_bus_error *error, sd_bus_error *ret) {
        bool unaccepted = was_refused(c, error), remote = unaccepted && client_remote(c), refused = unaccepted && !remote;
        _cleanup_free_ char *refusal = refused ? bus_ask_refusal(c->system) : NULL;
        const char *name = refused ? SD_BUS_ERROR_LIMITS_EXCEEDED : error->name;
        const char *message = refused ? refusal ?: "it closed the connection" :
                              isempty(error->message) ? error->name : error->message;
        _cleanup_text_stream_ TextStream s = {};
        FILE *f;

        if (remote) {
                explain_unreached(c, ret);
                return;
        }
        if (refused && !refusal && explain_address(c, "it closed the connection", ret))
                return;
        f = text_stream_open(&s);
        if (f)
                put_text(f, find_text(c, name, message), c, name, message);
        if (f && text_stream_close(&s) >= 0)
                (void) sd_bus_error_set(ret, name, s.text);
        else
                (void) sd_bus_error_copy(ret, error);
}

static void explain_no_systemd(bool system, sd_bus_error *ret) {
        _cleanup_free_ char *init = host_init();
        const char *command = host_init_command();

        (void) error_set(ret, "Failed to connect to the %s bus: systemd is not running here, PID 1 is '%s'. To fix: %s%s%s",
                         system ? "system" : "user", strempty(init), host_init_remedy(), command ? ": " : ".",
                         strempty(command));
}

static void explain_no_way(const Client *c, int r, sd_bus_error *ret) {
        bool denied = r == -EPERM || r == -EACCES;

        if (link_complaint(c->link)) { /* ssh ended at once */
                explain_unreached(c, ret);
                return;
        }
        (void) error_set(ret, "Failed to connect to %s: %s.%s", client_remote(c),
                         r == -ENOENT || r == -EHOSTDOWN || r == -ENXIO ? "there is no such container, see 'machinectl list'" :
                                                                          strerror(-r),
                         denied ? " Only root can enter a container: use sudo." : "");
}

int explain_connect(const Client *c, int r, sd_bus_error *ret) {
        bool system = c->system;

        if (r == -ENOMEM)
                return r;
        if (client_remote(c)) {
                explain_no_way(c, r, ret);
                return r == -EPIPE ? -ECONNRESET : r; /* the former is that of standard output */
        }
        if (r == -EPIPE || r == -ECONNRESET) { /* as dbus-broker does; the former is not that of standard output */
                (void) sd_bus_error_setf(ret, CLIENT_ERROR_REFUSED,
                                         "The %s bus refused the connection, so nothing was submitted: %s. Close some of your "
                                         "other connections to it and try again.",
                                         system ? "system" : "user", strerror(-r));
                return -ECONNRESET;
        }
        if (r != -EPERM && r != -EACCES && explain_address(c, strerror(-r), ret))
                return r;
        if (!system && host_foreign_runtime())
                (void) error_set(ret,
                                 "Failed to connect to the user bus: %s. XDG_RUNTIME_DIR was %s. Log in ('su -' instead of "
                                 "'su'), or enable lingering ('" LINGER_COMMAND "').",
                                 strerror(-r), host_foreign_runtime());
        else if (!host_runs_systemd() && r != -EPERM && r != -EACCES)
                explain_no_systemd(system, ret);
        else if (r == -EPERM || r == -EACCES) /* seccomp, or a mount of a sandbox: buses are accessible to all otherwise */
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
