/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

/* The start of a job, and the loop until its end, see supervise.h. */

#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <time.h>

#include "supervise.h"

#define FLUSH_USEC (50 * USEC_PER_MSEC)
#define SIGNALS_MAX 65536 /* pending, unread */
#define CPU_USEC (4 * USEC_PER_MSEC) /* a tick of most kernels */
#define CPU_MAX 50U /* times */
#define START_PAUSE_USEC (250 * USEC_PER_MSEC) /* until the command is tried to be started again; doubled up to: */
#define START_PAUSE_MAX_USEC (10 * USEC_PER_SEC)

/* --- the start ------------------------------------------------------------------------------------- */

static void catch_signals(Worker *w) {
        sigset_t set;

        (void) sigfillset(&set);
        (void) sigprocmask(SIG_SETMASK, &set, &w->mask);
        (void) sigemptyset(&set);
        (void) sigaddset(&set, SIGTERM);
        (void) sigaddset(&set, SIGCHLD);
        (void) sigaddset(&set, SIGCONT);
        (void) sigaddset(&set, SIGVTALRM);
        w->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

/* A failure here fails the job: it has not started. */
static int open_all(Worker *w) {
        Description *d = w->description;
        int r;

        w->epoll = epoll_create1(EPOLL_CLOEXEC);
        if (w->epoll < 0)
                return -errno;
        r = pump_open(&w->pump, w->epoll, &d->trailer, w->ends);
        if (r < 0)
                return r;
        catch_signals(w);
        if (w->signals < 0)
                return -errno;
        supervise_watch(w, w->signals, EPOLLIN | EPOLLET, SOURCE_SIGNAL);
        r = description_set_environment(d);
        if (r < 0)
                return r;
        folder_open(&w->folder, d->id, &d->trailer);
        if (w->folder.notify >= 0)
                supervise_watch(w, w->folder.notify, EPOLLIN, SOURCE_NOTIFY);
        return 0;
}

/* Signals for writes, see writes.c, leave room for those of other processes of the user. */
static void bound_resources(const WorkerTrailer *t) {
        struct rlimit pending;

        description_bound_files(t);
        if (getrlimit(RLIMIT_SIGPENDING, &pending) < 0)
                return;
        pending.rlim_cur = MIN(pending.rlim_max / 2, (rlim_t) SIGNALS_MAX);
        (void) setrlimit(RLIMIT_SIGPENDING, &pending);
}

/* SIGVTALRM whenever the command has used that much CPU time. */
static void watch_cpu(Worker *w, pid_t command) {
        const struct timespec step = { .tv_nsec = CPU_USEC * NSEC_PER_USEC };
        struct sigevent event = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGVTALRM };
        clockid_t clock;

        if (clock_getcpuclockid(command, &clock) == 0 && timer_create(clock, &event, &w->cpu_timer) == 0)
                (void) timer_settime(w->cpu_timer, 0, &(struct itimerspec) { step, step }, NULL);
}

/* Releases what the start of the command needed: it runs, or never will. */
static void forget_start(Worker *w) {
        closep(&w->ends[0]);
        closep(&w->ends[1]);
        closep(&w->input);
        bound_resources(&w->description->trailer);
        description_drop(w->description);
}

static void could_not_start(Worker *w, int r) {
        char text[WORKER_TEXT_MAX];
        int fd = w->ends[1] >= 0 ? w->ends[1] : STDERR_FILENO;

        if (w->failure.exit_status == 0) {
                w->failure = (Failure) { .exit_status = 126, .error = -r, .what = w->failure.what ?: "set up" };
                (void) snprintf(w->failure.name, sizeof(w->failure.name), "%s", w->description->argv[0]);
        }
        w->cause = WORKER_CAUSE_CANNOT;
        w->code = CLD_EXITED;
        w->status = w->failure.exit_status;
        w->ended_usec = realtime_usec();
        w->runtime_time = 0;
        w->phase = SETTLING;
        (void) dprintf(fd, "codex-jobs: %s\n", failure_format(&w->failure, w->failure.name, text));
}

/* What the command waits for is its progress. */
static void report_lack(Worker *w, int error, const TreeLimit *limit) {
        Link *l = &w->link;
        char text[WORKER_TEXT_MAX];
        int n;

        if (limit)
                n = snprintf(text, sizeof(text), "Cannot start: %s has as many processes as it may (TasksMax=%" PRIu64 ")", limit->name, limit->max);
        else if (error == EAGAIN)
                n = snprintf(text, sizeof(text), "%s", "Cannot start: the user, a control group or the host has as many processes as it may");
        else
                n = snprintf(text, sizeof(text), "Cannot start: no process can be created: %s", strerror(error));
        l->progress_due = l->progress_due || l->progress_size != (size_t) n || memcmp(l->progress, text, (size_t) n) != 0;
        l->progress_type = WORKER_LACK;
        l->progress_size = (size_t) n;
        memcpy(l->progress, text, (size_t) n);
}

/* No process could be created for the command: it waits until one can, unless the job's own limit leaves room for the worker
 * only. Returns whether it waits. */
static bool start_later(Worker *w, int error, uint64_t now) {
        TreeLimit limit;
        bool found;

        w->failure.what = "create a process for";
        if (error != EAGAIN && error != ENOMEM)
                return false;
        found = error == EAGAIN && tree_find_full(w->description->id, &limit);
        if (found && limit.of_job && limit.max == 1) {
                w->failure.what = "create a process, since TasksMax=1 is used by the worker, for";
                return false;
        }
        w->start_pause = w->start_pause == 0 ? START_PAUSE_USEC : MIN(2 * w->start_pause, START_PAUSE_MAX_USEC);
        w->start_time = now + w->start_pause;
        report_lack(w, error, found ? &limit : NULL);
        return true;
}

/* Returns the process of the command, 0 if there is none. The time that the job may run counts from the first attempt, as it
 * does for the service manager. */
static pid_t start_command(Worker *w) {
        uint64_t max = w->description->trailer.runtime_max_usec, now;
        int r;

        w->start_time = 0;
        w->started_usec = realtime_usec();
        now = monotonic_usec();
        if (max > 0 && w->runtime_time == 0)
                w->runtime_time = now + max;
        worker_failpoint("worker-before-start");
        r = command_start(w->description, (const int[3]) { w->input, w->ends[0], w->ends[1] }, &w->mask, &w->failure);
        worker_failpoint("worker-after-start");
        if (r < 0 && w->failure.exit_status == 0 && start_later(w, -r, now))
                return 0;
        if (r < 0)
                could_not_start(w, r);
        else
                w->phase = RUNNING;
        forget_start(w);
        progress_saw_activity(w, now);
        return MAX(r, 0);
}

static void start_again(Worker *w, uint64_t now) {
        pid_t command = start_command(w);

        if (w->phase == STARTING)
                return;
        w->tree.command = command;
        w->link.progress_type = WORKER_PROGRESS;
        w->link.progress_size = 0;
        progress_send(w, now);
        if (command > 0)
                watch_cpu(w, command);
}

/* Work that the command does not have to wait for. */
static void open_rest(Worker *w, pid_t command) {
        Description *d = w->description;

        if (command > 0)
                watch_cpu(w, command);
        tree_open(&w->tree, d->id);
        w->tree.on_node = d->trailer.flags & WORKER_ON_NODE;
        w->tree.command = command;
        link_flush(&w->link, monotonic_usec()); /* before anything is settled */
        w->oom = tree_open_oom(d->id, &w->oom_polls);
        if (w->oom_polls)
                supervise_watch(w, w->oom, EPOLLPRI, SOURCE_OOM);
}

static void start(Worker *w) {
        Description *d = w->description;
        pid_t command = 0;
        int r;

        w->started_usec = realtime_usec();
        r = open_all(w);
        link_open(&w->link, w->epoll, d, w->started_usec);
        if (r >= 0)
                r = w->input = description_open_stdin(d);
        if (r >= 0)
                command = start_command(w);
        else {
                could_not_start(w, r);
                forget_start(w);
        }
        open_rest(w, command);
}

/* --- what the job does ------------------------------------------------------------------------------ */

/* Interpreters whose programs write without blocking, like Node.js, have several threads for some milliseconds before they
 * write: then the pipes are to be ordinary ones, see pump.c. */
static void on_cpu(Worker *w) {
        char path[64];
        struct stat folder;
        bool has_threads;

        (void) snprintf(path, sizeof(path), "/proc/%d/task", w->tree.command);
        has_threads = stat(path, &folder) == 0 && folder.st_nlink > 3; /* a thread, "." and ".." */
        if (!has_threads && ++w->n_cpu < CPU_MAX && !pump_has_output(&w->pump))
                return;
        if (has_threads)
                pump_pause_packets(&w->pump);
        (void) timer_settime(w->cpu_timer, 0, &(struct itimerspec) {}, NULL);
}

static void on_signal(Worker *w, uint64_t now) {
        struct signalfd_siginfo signal;
        bool stop_requested = false;

        while (read(w->signals, &signal, sizeof(signal)) == sizeof(signal)) {
                stop_requested |= signal.ssi_signo == SIGTERM;
                if (signal.ssi_signo == SIGCONT)
                        link_call(&w->link, now);
                if (signal.ssi_signo == SIGVTALRM && signal.ssi_code == SI_TIMER)
                        on_cpu(w);
        }
        ending_reap(w, now);
        if (!stop_requested)
                return;
        w->stopped = true;
        if (w->link.fd < 0 && !w->link.away) /* one more attempt before exiting */
                w->link.retry_usec = now;
        ending_stop(w, WORKER_CAUSE_STOP, now);
}

static void on_output(Worker *w, uint64_t now) {
        if (pump_move(&w->pump) > 0)
                progress_saw_activity(w, now);
        if (pump_is_blocked(&w->pump))
                w->disk_time = now + DISK_USEC;
        if (w->pump.is_over)
                ending_stop(w, WORKER_CAUSE_OUTPUT, now);
}

/* --- the loop -------------------------------------------------------------------------------------- */

static uint64_t next_time(const Worker *w) {
        const uint64_t times[] = {
                w->start_time, w->runtime_time, w->stall_time, w->phase_time, w->look_time, w->disk_time, w->progress_time,
                w->link.fd < 0 ? w->link.retry_usec : 0,
        };
        uint64_t first = UINT64_MAX;

        for (size_t i = 0; i < ELEMENTSOF(times); i++)
                if (times[i] > 0)
                        first = MIN(first, times[i]);
        return first;
}

static bool is_due(uint64_t time, uint64_t now) {
        return time > 0 && time <= now;
}

static void on_time(Worker *w, uint64_t now) {
        if (is_due(w->start_time, now))
                start_again(w, now);
        if (is_due(w->runtime_time, now))
                ending_stop(w, WORKER_CAUSE_RUNTIME, now);
        if (is_due(w->stall_time, now))
                ending_stop(w, WORKER_CAUSE_STALL, now);
        if (is_due(w->phase_time, now) && w->phase == FINISHING)
                ending_check_filters(w, now);
        else if (is_due(w->phase_time, now) && w->phase == TERMINATING)
                ending_kill_all(w, now);
        else if (is_due(w->phase_time, now) && w->phase == KILLING) {
                ending_look(w, now);
                w->phase_time = 0;
        } else if (is_due(w->phase_time, now) && w->phase == SETTLED) {
                w->gave_up = !link_waits(&w->link);
                w->phase_time = w->gave_up ? 0 : now + AWAY_USEC;
        }
        if (is_due(w->look_time, now))
                ending_look(w, now);
        if (is_due(w->progress_time, now))
                progress_send(w, now);
        if (is_due(w->disk_time, now) && w->phase != SETTLING) {
                w->disk_time = 0;
                on_output(w, now);
        }
        if (w->phase == SETTLING)
                ending_settle(w, now);
}

static void on_link(Worker *w, uint64_t now) {
        WorkerMessageType type;
        int fd;

        type = link_dispatch(&w->link, now, &fd);
        if (fd >= 0 && type == WORKER_WELCOME)
                pump_set_order(&w->pump, fd);
        else if (fd >= 0 && type == WORKER_FOLLOW)
                pump_set_follower(&w->pump, fd);
        else
                closep(&fd);
}

static void dispatch(Worker *w, uint32_t source, uint64_t now) {

        switch (source) {
        case SOURCE_STDOUT:
        case SOURCE_STDERR:
                on_output(w, now);
                break;
        case SOURCE_SIGNAL:
                on_signal(w, now);
                break;
        case SOURCE_NOTIFY:
                (void) progress_read(w, now);
                break;
        case SOURCE_LINK:
                on_link(w, now);
                break;
        case SOURCE_OOM:
                ending_look_at_oom(w);
                break;
        case SOURCE_LEFT:
                ending_unwatch_left(w);
                ending_look(w, now);
                break;
        default:
                break;
        }
}

static void loop(Worker *w) {
        for (;;) {
                uint64_t now = monotonic_usec(), next;
                struct epoll_event event;
                int timeout = -1, n;

                on_time(w, now);
                link_flush(&w->link, now);
                if (ending_may_exit(w, now))
                        return;
                if (w->pump.pending)
                        on_output(w, now);
                next = next_time(w);
                if (pump_is_dirty(&w->pump) && w->flush_time == 0)
                        w->flush_time = now + FLUSH_USEC;
                if (w->pump.pending || pump_is_dirty(&w->pump))
                        timeout = 0;
                else if (next < UINT64_MAX)
                        timeout = next <= now ? 0 : (int) MIN((next - now + USEC_PER_MSEC - 1) / USEC_PER_MSEC, 3600000U);
                n = epoll_wait(w->epoll, &event, 1, timeout);
                if (n > 0)
                        dispatch(w, event.data.u32, monotonic_usec());
                if ((n == 0 && !w->pump.pending) || is_due(w->flush_time, now)) {
                        pump_flush(&w->pump);
                        w->flush_time = 0;
                }
        }
}

int supervise(Description *d) {
        Worker w = {
                .description = d,
                .signals = -EBADF,
                .input = -EBADF,
                .ends = { -EBADF, -EBADF },
                /* failures before it is opened are reported, too */
                .folder = { .parent = -EBADF, .fd = -EBADF, .notify = -EBADF },
                .oom = -EBADF,
                .left = -EBADF,
        };

        worker_failpoint_init(d);
        (void) prctl(PR_SET_DUMPABLE, 0);
        (void) prctl(PR_SET_CHILD_SUBREAPER, 1);
        start(&w);
        if (w.epoll < 0)
                return w.status; /* there is no way to wait */
        loop(&w);
        pump_flush(&w.pump); /* for an order that came last */
        pump_free(&w.pump);
        worker_failpoint("worker-before-exit");
        link_free(&w.link);
        description_drop(d); /* if it ended before there was a process for the command */
        return w.link.go ? EXIT_SUCCESS : ending_mirror(&w);
}
