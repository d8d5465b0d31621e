/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

/* The end of a job, see supervise.h: its processes are signalled until none is left, and the outcome is reported. */

#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "supervise.h"

#define FINISH_USEC USEC_PER_SEC            /* in which filters must have done something */
#define LOOK_USEC (5 * USEC_PER_MSEC)       /* between two scans of many processes */
#define MANY 16
#define KILLED_USEC (2 * USEC_PER_SEC) /* after SIGKILL until remaining processes are reported */
#define REFUSED_MAX 3                  /* attempts to connect if there is no socket any more */

/* --- the report ------------------------------------------------------------------------------------ */

/* Replaces a report that was not sent yet. */
static void report(Worker *w, bool final) {
        WorkerEnded *e = calloc(1, WORKER_MESSAGE_MAX);
        int result_error = 0;
        size_t size = 0;
        char *p;

        if (!e)
                return; /* PID 1 has the exit status */
        p = (char *) (e + 1);
        *e = (WorkerEnded) {
                .header = { WORKER_VERSION, WORKER_ENDED },
                .struct_size = sizeof(*e),
                .final = final,
                .cause = w->cause,
                .code = w->code,
                .status = w->status,
                .started_usec = w->started_usec,
                .ended_usec = w->ended_usec,
                .output_error = (uint32_t) w->pump.error,
        };
        if (w->cause == WORKER_CAUSE_CANNOT) {
                e->text_size = (uint32_t) strlen(failure_format(&w->failure, "…", p));
                p += e->text_size;
        }
        e->left_size = (uint32_t) (final ? w->left_size : w->denied_size);
        memcpy(p, final ? w->left_text : w->denied_text, e->left_size);
        p += e->left_size;
        if (final) {
                e->result = folder_read_result(&w->folder, p, &e->result_bytes, &size, &result_error);
                e->result_error = (uint32_t) result_error;
                e->result_size = (uint32_t) size;
                p += size;
        }
        free(w->link.ended);
        w->link.ended = e;
        w->link.ended_size = (size_t) (p - (char *) e);
        w->link.ended_due = true;
}

/* --- processes ------------------------------------------------------------------------------------- */

/* The exit of an orphan is reported by SIGCHLD; that of a process with a parent in another control group is not. */
static void watch_left(Worker *w, pid_t pid) {
        if (w->left >= 0)
                return;
        w->left = (int) syscall(SYS_pidfd_open, pid, 0);
        if (w->left >= 0)
                supervise_watch(w, w->left, EPOLLIN, SOURCE_LEFT);
        else
                w->look_time = monotonic_usec() + LOOK_USEC; /* it has exited meanwhile */
}

void ending_unwatch_left(Worker *w) {
        if (w->left >= 0)
                (void) close(TAKE_FD(w->left));
}

static void report_left(Worker *w, const TreeCount *count, uint64_t now) {
        char text[sizeof(w->denied_text)];
        size_t n;

        if (count->n > count->n_denied && now < w->phase_time)
                return;
        n = tree_describe(&w->tree, count->n_denied > 0, text, sizeof(text));
        if (w->link.ended && n == w->denied_size && memcmp(text, w->denied_text, n) == 0)
                return;
        memcpy(w->denied_text, text, n);
        w->denied_size = n;
        report(w, false);
}

static void terminate(Worker *w, uint64_t now) {
        w->runtime_time = w->stall_time = 0;
        if (w->description->trailer.stop_timeout_usec == 0) {
                ending_kill_all(w, now);
                return;
        }
        w->phase = TERMINATING;
        w->phase_time = now + w->description->trailer.stop_timeout_usec;
        (void) tree_signal(&w->tree, SIGTERM);
        worker_failpoint("worker-after-sigterm");
        ending_look(w, now);
}

static void settle_from_now(Worker *w) {
        w->ended_usec = realtime_usec(); /* of the job */
        w->phase = SETTLING;
        w->phase_time = 0;
}

/* --- filters that the command has written to -------------------------------------------------------- */

/* Grows with each byte that they read, and each that they write. */
static uint64_t done_by_filters(const Worker *w, const Readers *readers) {
        return w->pump.streams[0].size + w->pump.streams[1].size - readers->unread;
}

/* Everything else that is left is terminated when they have exited. */
static void look_for_filters(Worker *w, uint64_t now) {
        bool is_left = tree_signal(&w->tree, 0).n > 0;
        Readers readers = is_left && now < w->finish_time ? readers_find(&w->tree) : (Readers) {};

        w->look_time = 0;
        if (readers.first > 0) {
                if (w->filtered == UINT64_MAX)
                        w->filtered = done_by_filters(w, &readers);
                watch_left(w, readers.first);
                return;
        }
        ending_unwatch_left(w);
        if (!is_left) {
                settle_from_now(w);
                return;
        }
        w->left_size = tree_describe(&w->tree, false, w->left_text, sizeof(w->left_text));
        terminate(w, now);
}

void ending_check_filters(Worker *w, uint64_t now) {
        Readers readers = readers_find(&w->tree);
        uint64_t done = done_by_filters(w, &readers);

        if (done == w->filtered)
                w->finish_time = now;
        w->filtered = done;
        w->phase_time = MIN(now + FINISH_USEC, w->finish_time);
        look_for_filters(w, now);
}

/* --- until none is left ---------------------------------------------------------------------------- */

void ending_look(Worker *w, uint64_t now) {
        TreeCount count;

        if (w->look_time > now)
                return;
        if (w->phase == FINISHING) {
                look_for_filters(w, now);
                return;
        }
        if (w->phase != TERMINATING && w->phase != KILLING)
                return;
        count = tree_signal(&w->tree, w->phase == KILLING ? SIGKILL : 0);
        w->look_time = 0;
        if (count.n == 0 && w->tree.command == 0) {
                ending_unwatch_left(w);
                settle_from_now(w);
                return;
        }
        if (w->phase == KILLING)
                report_left(w, &count, now);
        if (count.n > 0)
                watch_left(w, count.first);
        if (count.n > MANY)
                w->look_time = now + LOOK_USEC;
}

void ending_kill_all(Worker *w, uint64_t now) {
        worker_failpoint("worker-before-sigkill");
        w->phase = KILLING;
        w->phase_time = now + KILLED_USEC;
        w->look_time = 0;
        ending_unwatch_left(w);
        ending_look(w, now);
}

/* As if it had been terminated at once. */
static void stop_waiting(Worker *w) {
        w->code = CLD_KILLED;
        w->status = SIGTERM;
        w->ended_usec = realtime_usec();
        w->start_time = w->runtime_time = 0;
        w->phase = SETTLING;
}

void ending_stop(Worker *w, WorkerCause cause, uint64_t now) {
        if (w->phase == STARTING) {
                w->cause = cause;
                stop_waiting(w);
        }
        if (w->phase == FINISHING) { /* the command has its end already */
                w->finish_time = now;
                look_for_filters(w, now);
        }
        if (w->phase != RUNNING)
                return;
        w->cause = cause;
        terminate(w, now);
}

void ending_look_at_oom(Worker *w) {
        uint64_t kills = tree_count_oom_kills(w->oom);

        if (kills > w->oom_kills && w->tree.command > 0 && tree_is_dying(w->tree.command))
                w->oom_killed = true;
        w->oom_kills = kills;
}

static void command_ended(Worker *w, const siginfo_t *info, uint64_t now) {
        uint64_t limit = w->runtime_time > 0 ? w->runtime_time : UINT64_MAX;

        progress_read_all(w, now);
        w->code = info->si_code;
        w->status = info->si_status;
        w->ended_usec = realtime_usec();
        if (w->code != CLD_EXITED && w->status == SIGKILL && w->cause == WORKER_CAUSE_ITSELF && w->phase == RUNNING) {
                ending_look_at_oom(w);
                if (w->oom_killed)
                        w->cause = WORKER_CAUSE_OOM;
        }
        w->tree.command = 0;
        w->runtime_time = w->stall_time = 0;
        if (w->phase != RUNNING)
                return;
        w->phase = FINISHING; /* see ending_look() */
        w->finish_time = MIN(now + w->description->trailer.stop_timeout_usec, limit);
        w->phase_time = MIN(now + FINISH_USEC, w->finish_time);
        w->filtered = UINT64_MAX; /* not known */
}

/* It is examined before it is reaped: the state of a process killed by the OOM killer is available that long. */
void ending_reap(Worker *w, uint64_t now) {
        siginfo_t info = {};

        while (waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid > 0) {
                pid_t pid = info.si_pid;

                if (pid == w->tree.command)
                        command_ended(w, &info, now);
                (void) waitid(P_PID, (id_t) pid, &info, WEXITED | WNOHANG);
                info.si_pid = 0;
        }
        ending_look(w, now);
}

/* --- the end --------------------------------------------------------------------------------------- */

/* The file for the order is sent with the welcome. */
static bool waits_for_order(const Worker *w) {
        return w->pump.n_entries > 0 && w->pump.order < 0 && w->link.fd >= 0 && !w->link.welcomed && !w->stopped;
}

/* On a full disk, data in the pipes waits for space, unless the service manager waits for the worker to exit. */
void ending_settle(Worker *w, uint64_t now) {
        if (w->disk_time > now && !w->stopped)
                return;
        w->disk_time = 0;
        pump_drain(&w->pump);
        /* It had exited before the stop was seen; a command that failed reports its own reason. */
        if (w->pump.is_over && w->cause == WORKER_CAUSE_ITSELF && w->code == CLD_EXITED && w->status == 0)
                w->cause = WORKER_CAUSE_OUTPUT;
        if (pump_is_blocked(&w->pump)) {
                if (!w->stopped) {
                        w->disk_time = now + DISK_USEC;
                        return;
                }
                pump_give_up(&w->pump);
        }
        if (waits_for_order(w))
                return;
        worker_failpoint("worker-before-sync");
        pump_close(&w->pump);
        if (w->progress_time > 0)
                progress_send(w, now);
        report(w, true);
        folder_close(&w->folder);
        w->phase = SETTLED;
        w->phase_time = now + AWAY_USEC;
}

/* The record is on disk; or there is no service to create one, and the service manager keeps the exit status, which
 * is less than we know: wait for a service that is down only briefly, with its socket unit. */
bool ending_may_exit(const Worker *w, uint64_t now) {
        const Link *l = &w->link;

        if (w->phase != SETTLED)
                return false;
        if (l->go || !l->ended)
                return true;
        if (w->stopped)
                return !l->ended_due || l->away || (l->fd < 0 && l->retry_usec > now);
        return (l->refused || l->away) && (w->gave_up || (l->no_socket && l->failures > REFUSED_MAX));
}

/* Exits like the command, but without a core file of its own. */
int ending_mirror(const Worker *w) {
        sigset_t set;

        if (w->code == CLD_EXITED)
                return w->status;
        (void) prctl(PR_SET_DUMPABLE, 0);
        (void) signal(w->status, SIG_DFL);
        (void) sigemptyset(&set);
        (void) sigaddset(&set, w->status);
        (void) raise(w->status);
        (void) sigprocmask(SIG_UNBLOCK, &set, NULL);
        return 128 + w->status;
}
