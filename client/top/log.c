/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

/* The log of a job, shown by the verb that is for that. Meanwhile the bus is still listened to. */

#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>

#include "console.h"
#include "say.h"
#include "top.h"
#include "write.h"

#define LAST_LINES "1000" /* more would run through, and push away what was in the terminal before */

static void put_on_terminal(const char *text) {
        (void) write_all(STDOUT_FILENO, text, strlen(text)); /* a terminal that is gone shows elsewhere */
}

/* The signals of the keyboard were for the other program, too. */
static void drop_interrupt(void) {
        sigset_t set;

        (void) sigemptyset(&set);
        (void) sigaddset(&set, SIGINT);
        while (sigtimedwait(&set, NULL, &(const struct timespec) {}) >= 0)
                ;
}

void log_close(Top *t) {
        drop_interrupt();
        t->mode = TOP_LIST;
        console_resume();
        top_changed(t);
}

static int on_end(sd_event_source *s, const siginfo_t *si, void *userdata) {
        Top *t = userdata;
        bool interrupted = si->si_code != CLD_EXITED || si->si_status == STATUS_SIGNALLED + SIGINT;

        t->log = sd_event_source_disable_unref(t->log);
        t->log_pid = 0;
        if (interrupted) {
                log_close(t);
                return 0;
        }
        t->mode = TOP_LOG_END;
        put_on_terminal("\n-- End of output. Press q or Enter to return. --\n");
        return 0;
}

/* Runs our own program, with the signals unblocked that we handle ourselves. */
static int spawn(Top *t, const char *id) {
        const char *argv[] = { "codex-jobs", "logs", client_is_system(t->client) ? "--system" : "--user", "--follow", "--tail",
                               LAST_LINES, id, client_remote_option(t->client), client_remote(t->client), NULL };
        posix_spawnattr_t attributes;
        sigset_t none;
        int r;

        (void) sigemptyset(&none);
        r = posix_spawnattr_init(&attributes);
        if (r != 0)
                return -r;
        r = posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK);
        if (r == 0)
                r = posix_spawnattr_setsigmask(&attributes, &none);
        if (r == 0)
                r = posix_spawn(&t->log_pid, "/proc/self/exe", NULL, &attributes, (char **) argv, environ);
        (void) posix_spawnattr_destroy(&attributes);
        return -r;
}

void log_open(Top *t, const char *id) {
        int r;

        console_suspend();
        put_on_terminal("\n-- Output of ");
        put_on_terminal(id);
        put_on_terminal(". Press q or Ctrl-C to return. --\n");
        t->mode = TOP_LOG;
        r = spawn(t, id);
        if (r >= 0)
                r = sd_event_add_child(client_event(t->client), &t->log, t->log_pid, WEXITED, on_end, t);
        if (r < 0) {
                log_close(t);
                top_report(t, "Failed to show the output: %s.", strerror(-r));
        }
}

void log_key(Top *t, char key) {
        if (t->mode == TOP_LOG_END && (key == 'q' || key == '\n'))
                log_close(t);
        else if (t->mode == TOP_LOG && key == 'q' && t->log_pid > 0)
                (void) kill(t->log_pid, SIGINT);
}

void log_end(Top *t) {
        if (t->log_pid <= 0)
                return;
        t->log = sd_event_source_disable_unref(t->log);
        (void) kill(t->log_pid, SIGTERM);
        (void) waitpid(t->log_pid, NULL, 0);
        t->log_pid = 0;
}
