/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

/* codex-jobs-notify: shows finished jobs on the desktop. See codex-jobs-notify(1).
 *
 *   keeper     the connection to a bus, reopened when lost
 *   follower   what ends on a bus, by sequence: the service's side
 *   server     the notification server: the desktop's side
 *   board      between the two: what is shown, and how
 *   flood      many ends that are shown as one
 *   text       what notifications say
 *   action     actions of the user on them
 *   viewer     opens a text on the desktop
 *   settings   the configuration
 *   mark       remembers that it ran before */

#include <getopt.h>
#include <signal.h>
#include <systemd/sd-daemon.h>

#include "action.h"
#include "board.h"
#include "build-config.h"
#include "build-tag.h"
#include "keeper.h"
#include "program-watch.h"
#include "say.h"
#include "text-new.h"

#define NOTIFY_BUS_NAME "org.codex.Jobs.Notify"

/* Of RequestName in the D-Bus specification. */
#define NAME_DO_NOT_QUEUE UINT32_C(4)
#define NAME_EXISTS UINT32_C(3)

/* Another one runs already: starting again does not help, see RestartPreventExitStatus= of the unit. */
#define STATUS_RUNS_ALREADY 3

typedef struct Notifier {
        sd_event *event;
        Keeper *system, *session;
        Board *board;
        Viewer *viewer;
        Actions *actions;
        Settings settings;
        sd_bus_slot *name;
        bool named;
        bool ready;
        ProgramWatch *program; /* NULL: unknown */
        bool replaced;         /* the new program is to be executed */
} Notifier;

static void notifier_clear(Notifier *n) {
        (void) program_watch_free(n->program);
        (void) actions_free(n->actions);
        (void) viewer_free(n->viewer);
        (void) sd_bus_slot_unref(n->name);
        (void) board_free(n->board);
        (void) keeper_free(n->system);
        (void) keeper_free(n->session);
        settings_clear(&n->settings);
        (void) sd_event_unref(n->event);
}

/* ---- Being ready ---- */

static void notify_ready(Notifier *n) {
        if (n->ready || !n->named || !board_is_settled(n->board))
                return;
        n->ready = true;
        (void) sd_notify(false, "READY=1");
}

static void on_settled(void *userdata) {
        notify_ready(userdata);
}

/* The name has no objects: it is for there being one of us in a session, as two would show everything twice. */
static int on_named(sd_bus_message *m, void *userdata, sd_bus_error *ret_error) {
        Notifier *n = userdata;
        uint32_t result = 0;

        n->name = sd_bus_slot_unref(n->name);
        /* Where a bus gives no names to us there is no protection. */
        if (sd_bus_message_is_method_error(m, NULL) == 0 && sd_bus_message_read_basic(m, 'u', &result) >= 0 &&
            result == NAME_EXISTS) {
                say("Already running in this session.");
                return sd_event_exit(n->event, STATUS_RUNS_ALREADY);
        }
        n->named = true;
        notify_ready(n);
        return 0;
}

static int on_session_up(sd_bus *bus, void *userdata) {
        Notifier *n = userdata;

        return sd_bus_call_method_async(bus, &n->name, "org.freedesktop.DBus", "/org/freedesktop/DBus",
                                        "org.freedesktop.DBus", "RequestName", on_named, n, "su", NOTIFY_BUS_NAME,
                                        NAME_DO_NOT_QUEUE);
}

static void on_session_down(void *userdata) {
        Notifier *n = userdata;

        n->name = sd_bus_slot_unref(n->name);
}

/* ---- What people do ---- */

static void on_action(const Shown *shown, const char *key, const char *token, void *userdata) {
        Notifier *n = userdata;

        if (shown->job)
                actions_run(n->actions, shown->link, shown->job, key, token);
        else if (streq(key, "default"))
                actions_open(n->actions, "jobs.txt", shown->text, token);
}

static void on_trouble(const char *summary, const char *text, void *userdata) {
        Notifier *n = userdata;

        board_report(n->board, summary, text);
}

static int load_settings(Notifier *n) {
        _cleanup_free_ char *path = settings_path();
        int r;

        r = settings_load(&n->settings, path);
        if (r == -ENOMEM)
                return r;
        if (r < 0)
                say("Failed to read %s: %s.", path, strerror(-r));
        return r < 0 && !n->settings.opener ? settings_load(&n->settings, NULL) : 0;
}

static int on_reload(sd_event_source *s, const struct signalfd_siginfo *si, void *userdata) {
        return load_settings(userdata);
}

/* ---- The program ---- */

static int add_signals(Notifier *n) {
        sigset_t set;
        int r;

        (void) sigemptyset(&set);
        (void) sigaddset(&set, SIGHUP);
        (void) sigaddset(&set, SIGTERM);
        (void) sigaddset(&set, SIGINT);
        if (sigprocmask(SIG_BLOCK, &set, NULL) < 0)
                return -errno;
        r = sd_event_add_signal(n->event, NULL, SIGHUP, on_reload, n);
        if (r >= 0)
                r = sd_event_add_signal(n->event, NULL, SIGTERM, NULL, NULL);
        if (r >= 0)
                r = sd_event_add_signal(n->event, NULL, SIGINT, NULL, NULL);
        return r;
}

/* The followers come first, so that each knows that its bus is gone before the server does. */
static int notifier_build(Notifier *n) {
        Link *session;
        int r;

        r = sd_event_default(&n->event);
        if (r >= 0)
                r = add_signals(n);
        if (r >= 0)
                r = load_settings(n);
        if (r >= 0)
                r = keeper_new(n->event, true, &n->system);
        if (r >= 0)
                r = keeper_new(n->event, false, &n->session);
        if (r < 0)
                return r;
        session = keeper_link(n->session);
        r = board_new(n->event, session, &n->settings, on_action, n, &n->board);
        if (r >= 0)
                r = board_follow(n->board, session, on_settled, n);
        if (r >= 0)
                r = board_follow(n->board, keeper_link(n->system), on_settled, n);
        if (r >= 0)
                r = link_add_user(session, &(const LinkUser) { on_session_up, on_session_down, n });
        if (r >= 0)
                r = viewer_new(session, &n->viewer);
        if (r >= 0)
                r = actions_new(n->viewer, &n->settings, on_trouble, n, &n->actions);
        return r;
}

/* A removed one has nothing to open results with. */
static int on_program_changed(bool removed, void *userdata) {
        Notifier *n = userdata;

        n->replaced = !removed;
        return sd_event_exit(n->event, EXIT_SUCCESS);
}

static int run(bool *ret_replaced) {
        _cleanup_(notifier_clear) Notifier n = {};
        int r;

        r = notifier_build(&n);
        if (r >= 0 && program_watch_new(&n.program, n.event, NOTIFY_PATH, on_program_changed, &n) < 0)
                say("Upgrades will not be noticed.");
        if (r >= 0)
                r = keeper_open(n.session);
        if (r >= 0)
                r = keeper_open(n.system);
        if (r >= 0)
                r = sd_event_loop(n.event);
        *ret_replaced = n.replaced;
        if (!n.replaced)
                (void) sd_notify(false, "STOPPING=1");
        return r;
}

static const char help[] =
        "codex-jobs-notify [options]\n"
        "\n"
        "Show a desktop notification for each of your jobs that finishes, on the system bus and on your\n"
        "own. Usually started with the session:\n"
        "systemctl --user enable --now codex-jobs-notify\n"
        "\n"
        "Options:\n"
        "      --version            Show the version\n"
        "  -h, --help               Show this help\n"
        "\n"
        "The configuration file is ~/.config/codex-jobs/notify.conf, see codex-jobs-notify(1).\n";

static int show_version(void) {
        _cleanup_free_ char *text = text_new("%s\n", build_version());

        return text ? say_to_stdout(text) : say_out_of_memory();
}

int main(int argc, char *argv[]) {
        static const struct option options[] = {
                { "help", no_argument, NULL, 'h' }, { "version", no_argument, NULL, 'v' }, {},
        };
        bool replaced = false;
        int c, r;

        say_as("codex-jobs-notify");
        opterr = 0;
        while ((c = getopt_long(argc, argv, "h", options, NULL)) >= 0) {
                if (c != 'h' && c != 'v') {
                        say("Unknown option '%.48s'. Try 'codex-jobs-notify --help'.", argv[optind - 1]);
                        return EXIT_FAILURE;
                }
                return c == 'h' ? say_to_stdout(help) : show_version();
        }
        if (optind < argc) {
                say("Unexpected argument '%.48s'. Try 'codex-jobs-notify --help'.", argv[optind]);
                return EXIT_FAILURE;
        }
        (void) signal(SIGPIPE, SIG_IGN);
        r = run(&replaced);
        if (replaced) {
                (void) execv(NOTIFY_PATH, argv);
                say("Failed to execute %s: %s.", NOTIFY_PATH, strerror(errno));
                return EXIT_FAILURE;
        }
        if (r < 0)
                say("Exiting: %s.", strerror(-r));
        return r < 0 ? EXIT_FAILURE : r;
}
