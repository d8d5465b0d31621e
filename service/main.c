/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

/* codex-jobsd: the service org.codex.Jobs. See codex-jobsd(8). */

#include <getopt.h>
#include <malloc.h>
#include <signal.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <systemd/sd-daemon.h>
#include <systemd/sd-journal.h>

#include "build-tag.h"
#include "service.h"

#define BUS_PAUSE_MIN_USEC (100 * USEC_PER_MSEC)
#define PAUSE_MAX_USEC (32 * USEC_PER_SEC)

static int usage(FILE *f, int status) {
        (void) fprintf(f, "codex-jobsd --system|--user\n\n"
                          "Run background jobs as transient systemd units. Started by the bus; see codex-jobsd(8).\n\n"
                          "  --system   Serve all users on the system bus\n"
                          "  --user     Serve this user on the session bus\n"
                          "  --version  Show the version\n"
                          "  --help     Show this help\n");
        return status;
}

/* Returns 1 for the system scope, 0 for the user's, or -1 with an exit status in *ret. */
static int parse_arguments(int argc, char *argv[], int *ret) {
        static const struct option options[] = {
                { "system", no_argument, NULL, 's' }, { "user", no_argument, NULL, 'u' },
                { "version", no_argument, NULL, 'v' }, { "help", no_argument, NULL, 'h' }, {},
        };
        int c, scope = -1;

        *ret = EXIT_SUCCESS;
        while ((c = getopt_long(argc, argv, "h", options, NULL)) >= 0)
                switch (c) {
                case 's':
                case 'u':
                        scope = c == 's';
                        break;
                case 'v':
                        (void) puts(build_version());
                        return -1;
                case 'h':
                        *ret = usage(stdout, EXIT_SUCCESS);
                        return -1;
                default:
                        *ret = EXIT_FAILURE;
                        return -1;
                }
        if (scope < 0 || optind < argc) {
                *ret = usage(stderr, EXIT_FAILURE);
                return -1;
        }
        return scope;
}

static int on_reload(sd_event_source *source, const struct signalfd_siginfo *si, void *userdata) {
        service_reload(userdata);
        return 0;
}

static int on_stop(sd_event_source *source, const struct signalfd_siginfo *si, void *userdata) {
        (void) sd_notify(false, "STOPPING=1");
        return sd_event_exit(sd_event_source_get_event(source), EXIT_SUCCESS);
}

static int add_signals(sd_event *event, Service *service) {
        int r;

        r = sd_event_add_signal(event, NULL, SIGHUP, on_reload, service);
        if (r >= 0)
                r = sd_event_add_signal(event, NULL, SIGTERM, on_stop, NULL);
        if (r >= 0)
                r = sd_event_add_signal(event, NULL, SIGINT, on_stop, NULL);
        return r;
}

/* glibc would raise these thresholds with the largest message ever received, and keep that much memory; see
 * mallopt(3). */
static void give_memory_back(void) {
        (void) mallopt(M_MMAP_THRESHOLD, 256 * 1024);
        (void) mallopt(M_TRIM_THRESHOLD, 1024 * 1024);
}

/* Before threads are created. */
static void block_signals(void) {
        sigset_t set;

        (void) sigemptyset(&set);
        (void) sigaddset(&set, SIGHUP);
        (void) sigaddset(&set, SIGTERM);
        (void) sigaddset(&set, SIGINT);
        (void) sigprocmask(SIG_BLOCK, &set, NULL);
        (void) signal(SIGPIPE, SIG_IGN);
}

/* Not by a fault of the database: another process or host has it open, or its disk is full, read-only or fails. */
static bool may_pass(int r) {
        return r == -EBUSY || r == -EROFS || r == -ENOSPC || r == -EDQUOT || r == -EACCES || r == -EPERM || r == -EIO ||
                r == -ESTALE;
}

/* The bus is being restarted, or is not there yet. */
static bool bus_may_come(int r) {
        return r == -ENOENT || r == -ECONNREFUSED || r == -ECONNRESET || r == -EPIPE || r == -ENOTCONN || r == -ETIMEDOUT;
}

/* Returns whether the service is to stop. */
static bool pause_or_stop(uint64_t usec) {
        const struct timespec pause = { .tv_sec = (time_t) (usec / USEC_PER_SEC), .tv_nsec = (long) (usec % USEC_PER_SEC) * 1000 };
        sigset_t set;

        (void) sigemptyset(&set);
        (void) sigaddset(&set, SIGTERM);
        (void) sigaddset(&set, SIGINT);
        return sigtimedwait(&set, NULL, &pause) >= 0;
}

/* Tries again after growing pauses, of a minute together: less than the service manager waits for a start. Returns
 * -ECANCELED if the service is to stop. */
static int open_core(Core **ret, sd_event *event, bool system_scope) {
        int r;

        r = core_new(ret, event, system_scope);
        for (uint64_t pause = USEC_PER_SEC; may_pass(r) && pause <= PAUSE_MAX_USEC; pause *= 2) {
                (void) sd_notifyf(false, "STATUS=Trying again to open the database: %s", strerror(-r));
                if (pause_or_stop(pause))
                        return -ECANCELED;
                r = core_new(ret, event, system_scope);
        }
        if (r >= 0)
                (void) sd_notify(false, "STATUS=");
        return r;
}

/* Retries likewise for the bus. */
static int open_bus(sd_bus **ret, bool system_scope) {
        int r;

        r = service_open_bus(ret, system_scope);
        for (uint64_t pause = BUS_PAUSE_MIN_USEC; bus_may_come(r) && pause <= PAUSE_MAX_USEC; pause *= 2) {
                (void) sd_notifyf(false, "STATUS=Trying again to connect to the bus: %s", strerror(-r));
                if (pause_or_stop(pause))
                        return -ECANCELED;
                r = service_open_bus(ret, system_scope);
        }
        if (r < 0)
                sd_journal_print(LOG_ERR, "Failed to connect to the %s bus: %s", system_scope ? "system" : "session", strerror(-r));
        return r;
}

static int run(bool system_scope) {
        _cleanup_(sd_event_unrefp) sd_event *event = NULL;
        _cleanup_(core_freep) Core *core = NULL;
        _cleanup_(sd_bus_unrefp) sd_bus *bus = NULL;
        _cleanup_(service_freep) Service *service = NULL;
        int r;

        r = sd_event_default(&event);
        if (r < 0)
                return r;
        r = open_core(&core, event, system_scope);
        if (r < 0)
                return r;
        r = open_bus(&bus, system_scope);
        if (r < 0)
                return r;
        r = service_new(&service, core, bus);
        if (r < 0)
                return r;
        r = add_signals(event, service);
        if (r < 0)
                return r;
        (void) sd_event_set_watchdog(event, true);
        return sd_event_loop(event);
}

int main(int argc, char *argv[]) {
        int r, scope, status;

        scope = parse_arguments(argc, argv, &status);
        if (scope < 0)
                return status;
        umask(0077);
        give_memory_back();
        block_signals();
        r = run(scope);
        if (r == -ECANCELED)
                return EXIT_SUCCESS;
        if (r < 0)
                sd_journal_print(LOG_ERR, "Exiting: %s", strerror(-r));
        else if (r == EXIT_FAILURE) /* see sd_bus_set_exit_on_disconnect() */
                sd_journal_print(LOG_NOTICE, "%s", "Exiting: the connection to the bus is lost: the bus has stopped, or there is no "
                                 "memory for a message.");
        if (r == -EPROTONOSUPPORT) /* restarting does not help: see RestartPreventExitStatus= of the unit */
                return EX_CONFIG;
        if (may_pass(r))
                return EX_TEMPFAIL;
        return r < 0 ? EXIT_FAILURE : r;
}
