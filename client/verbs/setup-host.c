/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

/* codex-jobs setup: what the host and the environment offer. */

#include <sys/statvfs.h>

#include "address.h"
#include "host.h"
#include "setup.h"
#include "terminal.h"
#include "text-new.h"

#define MIB (UINT64_C(1) << 20)
#define ROOM_CONNECTIONS 8

int setup_check_systemd(Setup *s) {
        _cleanup_free_ char *init = NULL;

        if (host_runs_systemd())
                return setup_report(s, &(const JsonCheck) { .name = "systemd", .status = "ok" }, "the host is booted with systemd");
        init = host_init();
        if (!init)
                return -ENOMEM;
        return setup_report(s,
                            &(const JsonCheck) {
                                    .name = "systemd",
                                    .status = "failed",
                                    .remedy = host_init_remedy(),
                                    .command = host_init_command(),
                            },
                            "systemd is not running here, PID 1 is '%s'", init);
}

int setup_check_runtime(Setup *s) {
        const char *runtime = getenv("XDG_RUNTIME_DIR");

        if (s->system)
                return 0;
        if (host_foreign_runtime())
                return setup_report(s,
                                    &(const JsonCheck) {
                                            .name = "runtime",
                                            .status = "warning",
                                            .remedy = "log in with 'su -' instead of 'su'",
                                            .command = "export XDG_RUNTIME_DIR=/run/user/$(id -u); unset "
                                                       "DBUS_SESSION_BUS_ADDRESS",
                                    },
                                    "XDG_RUNTIME_DIR is %s", host_foreign_runtime());
        return setup_report(s, &(const JsonCheck) { .name = "runtime", .status = "ok" }, "runtime directory is %s",
                            isempty(runtime) ? "the default" : runtime);
}

int setup_check_linger(Setup *s) {
        if (s->system)
                return 0;
        if (!host_stops_user_manager())
                return setup_report(s, &(const JsonCheck) { .name = "linger", .status = "ok" },
                                    "jobs keep running after a logout");
        return setup_report(s,
                            &(const JsonCheck) {
                                    .name = "linger",
                                    .status = "warning",
                                    .remedy = "enable lingering",
                                    .command = LINGER_COMMAND,
                            },
                            "jobs are terminated when you log out");
}

/* Other users of the connections, such as a program that leaks them, need some as well. */
int setup_check_bus(Setup *s) {
        sd_bus *buses[ROOM_CONNECTIONS] = {};
        Bridge *none;
        const char *name;
        size_t n = 0;

        if (!s->client)
                return setup_report(s, &(const JsonCheck) { .name = "bus", .status = "skipped" }, "requires the bus");
        while (n < ELEMENTSOF(buses) && bus_open(s->system, NULL, &buses[n], &none) >= 0) {
                if (sd_bus_get_unique_name(buses[n++], &name) >= 0)
                        continue;
                n--;
                (void) sd_bus_close_unref(buses[n]);
                break;
        }
        for (size_t i = 0; i < n; i++)
                (void) sd_bus_close_unref(buses[i]);
        if (n == ELEMENTSOF(buses))
                return setup_report(s, &(const JsonCheck) { .name = "bus", .status = "ok" }, "the bus accepts more connections");
        return setup_report(s,
                            &(const JsonCheck) {
                                    .name = "bus",
                                    .status = "warning",
                                    .remedy = "find the program that has most, and restart it",
                                    .command = s->system ? "busctl list --unique" : "busctl --user list --unique",
                            },
                            "the bus accepts only %zu more of your connections", n);
}

/* ---- Disk space ---- */

/* The nearest parent that exists. */
static void find_existing(char *path) {
        while (*path && access(path, F_OK) < 0) {
                char *slash = strrchr(path, '/');

                if (!slash || slash == path)
                        break;
                *slash = 0;
        }
}

static char *state_directory(const Setup *s) {
        const char *state = getenv("XDG_STATE_HOME"), *home = getenv("HOME");
        char *path;

        if (s->system)
                path = strdup("/var/lib/codex-jobs");
        else if (!isempty(state))
                path = text_new("%s/codex-jobs", state);
        else
                path = text_new("%s/.local/state/codex-jobs", isempty(home) ? "/" : home);
        if (path)
                find_existing(path);
        return path;
}

/* Returns 1 if there is enough, 0 after reporting that there is not. */
static int check_space(Setup *s, const char *path, uint64_t enough) {
        _cleanup_free_ char *command = NULL;
        struct statvfs fs;
        uint64_t bytes;
        bool inodes;

        if (statvfs(path, &fs) < 0)
                return 1; /* the test job shows what comes of that */
        bytes = (uint64_t) fs.f_bavail * fs.f_frsize;
        inodes = fs.f_files == 0 || fs.f_favail >= 64;
        if (bytes >= enough && inodes)
                return 1;
        command = text_new("df %s %s", inodes ? "-h" : "-i", path);
        if (!command)
                return -ENOMEM;
        return setup_report(s,
                            &(const JsonCheck) {
                                    .name = "disk",
                                    .status = bytes < MIB || !inodes ? "failed" : "warning",
                                    .remedy = "free some space, for example with 'codex-jobs remove'",
                                    .command = command,
                            },
                            "only %ju %s free in %s", (uintmax_t) (inodes ? bytes / MIB : fs.f_favail),
                            inodes ? "MiB" : "inodes", path);
}

int setup_check_disk(Setup *s) {
        _cleanup_free_ char *state = state_directory(s);
        const char *runtime = s->system ? "/run" : getenv("XDG_RUNTIME_DIR");
        int r;

        if (!state)
                return -ENOMEM;
        r = check_space(s, state, 64 * MIB);
        if (r > 0 && !isempty(runtime))
                r = check_space(s, runtime, 8 * MIB);
        if (r <= 0)
                return r;
        return setup_report(s, &(const JsonCheck) { .name = "disk", .status = "ok" }, "enough space in %s%s%s", state,
                            isempty(runtime) ? "" : " and ", strempty(runtime));
}

/* ---- The locale ---- */

int setup_check_locale(Setup *s) {
        const JsonCheck warning = {
                .name = "locale",
                .status = "warning",
                .remedy = "install the locale, or use another one",
                .command = "export LC_ALL=C.UTF-8",
        };

        if (!terminal_locale_is_installed())
                return setup_report(s, &warning, "locale %s is not installed", terminal_locale());
        if (!terminal_is_utf8() && isatty(STDOUT_FILENO))
                return setup_report(s, &warning, "locale %s shows no characters beyond ASCII", terminal_locale());
        return setup_report(s, &(const JsonCheck) { .name = "locale", .status = "ok" }, "locale is %s", terminal_locale());
}
