/* SPDX-License-Identifier: Apache-2.0 */

/* The life of a job as its worker sees it:
 *
 *   RUNNING      the command runs
 *   TERMINATING  the processes of the job have got SIGTERM: it was stopped, has passed a limit, or the command has ended
 *                and left some behind
 *   KILLING      they had their time, and got SIGKILL
 *   SETTLING     none is left; the rest of the output goes to the disk
 *   SETTLED      the end is reported; waiting for the service to have recorded it
 *
 * Every step follows from an event; the times that matter are in one list, see next_time(). */

#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "output-order.h"
#include "worker.h"

#define PROGRESS_USEC (250 * USEC_PER_MSEC) /* between two reports of it */
#define LOOK_USEC (5 * USEC_PER_MSEC)       /* between two looks at many processes */
#define MANY 16
#define KILLED_USEC (2 * USEC_PER_SEC) /* after SIGKILL until what is left is reported */
#define FLUSH_USEC (50 * USEC_PER_MSEC)
#define DISK_USEC USEC_PER_SEC         /* between two tries on a full disk */
#define CATCH_UP 16                    /* events that may be due when the last process has ended */
#define ORDER_ROOM (16 * 1024 * 1024)  /* bytes */
#define NOTIFICATIONS_MAX 512U         /* more than a socket takes */
#define REFUSED_MAX 3                  /* tries to connect, where there is no socket any more */
#define AWAY_USEC (10 * USEC_PER_SEC)  /* until the service, which is away with its socket unit, is taken to be gone */

typedef enum Phase {
        RUNNING,
        TERMINATING,
        KILLING,
        SETTLING,
        SETTLED,
} Phase;

typedef struct Worker {
        Description *description;
        Phase phase;
        int epoll;
        int signals;
        sigset_t mask; /* as it was, for the command */
        Pump pump;
        Tree tree;
        Folder folder;
        Link link;

        WorkerCause cause;
        Failure failure; /* with WORKER_CAUSE_CANNOT */
        bool stopped;    /* the service manager waits for us to end */
        bool gave_up;    /* the service does not come back */
        int code;        /* of the command, as waitid(2) has it; 0: it has not ended */
        int status;
        uint64_t started_usec; /* CLOCK_REALTIME */
        uint64_t ended_usec;

        int oom; /* see tree_open_oom() */
        bool oom_polls;
        bool oom_killed; /* the command */
        uint64_t oom_kills;

        unsigned catching_up; /* events that still have their turn, when it is SETTLING */

        int left; /* a pidfd */
        char left_text[WORKER_TEXT_MAX]; /* what the command has left behind */
        size_t left_size;
        char denied_text[WORKER_TEXT_MAX]; /* what cannot be ended */
        size_t denied_size;

        /* CLOCK_MONOTONIC, 0: not due */
        uint64_t runtime_time;
        uint64_t stall_time;
        uint64_t phase_time; /* the next phase, the report of what is left, or that the service is gone */
        uint64_t look_time;
        uint64_t disk_time;
        uint64_t flush_time; /* at the latest, where there is no pause */
        uint64_t progress_time;
        uint64_t progress_sent;
} Worker;

/* --- processes ------------------------------------------------------------------------------------- */

static void watch(Worker *w, int fd, uint32_t events, uint32_t source) {
        (void) epoll_ctl(w->epoll, EPOLL_CTL_ADD, fd, &(struct epoll_event) { .events = events, .data.u32 = source });
}

/* The end of an orphan comes as SIGCHLD; that of a process with a parent in another control group does not. */
static void watch_left(Worker *w, pid_t pid) {
        if (w->left >= 0)
                return;
        w->left = (int) syscall(SYS_pidfd_open, pid, 0);
        if (w->left >= 0)
                watch(w, w->left, EPOLLIN, SOURCE_LEFT);
        else
                w->look_time = monotonic_usec() + LOOK_USEC; /* it has gone meanwhile */
}

static void unwatch_left(Worker *w) {
        if (w->left >= 0)
                (void) close(TAKE_FD(w->left));
}

static void report(Worker *w, bool final);

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

/* That it is so may be known before what was written last is: events are not always told in the order in which they came. */
static void settle_soon(Worker *w) {
        w->phase = SETTLING;
        w->phase_time = 0;
        w->catching_up = CATCH_UP;
}

/* Whether all is over, and if not, what is to be waited for. */
static void look(Worker *w, uint64_t now) {
        TreeCount count;

        if (w->phase != TERMINATING && w->phase != KILLING)
                return;
        if (w->look_time > now)
                return;
        count = tree_signal(&w->tree, w->phase == KILLING ? SIGKILL : 0);
        w->look_time = 0;
        if (count.n == 0 && w->tree.command == 0) {
                unwatch_left(w);
                w->ended_usec = realtime_usec(); /* of the job */
                settle_soon(w);
                return;
        }
        if (w->phase == KILLING)
                report_left(w, &count, now);
        if (count.n > 0)
                watch_left(w, count.first);
        if (count.n > MANY)
                w->look_time = now + LOOK_USEC;
}

static void kill_all(Worker *w, uint64_t now) {
        worker_failpoint("worker-before-sigkill");
        w->phase = KILLING;
        w->phase_time = now + KILLED_USEC;
        w->look_time = 0;
        unwatch_left(w);
        look(w, now);
}

static void terminate(Worker *w, uint64_t now) {
        w->runtime_time = w->stall_time = 0;
        if (w->description->trailer.stop_timeout_usec == 0) {
                kill_all(w, now);
                return;
        }
        w->phase = TERMINATING;
        w->phase_time = now + w->description->trailer.stop_timeout_usec;
        (void) tree_signal(&w->tree, SIGTERM);
        worker_failpoint("worker-after-sigterm");
        look(w, now);
}

/* Ends the job before the command has ended. */
static void stop(Worker *w, WorkerCause cause, uint64_t now) {
        if (w->phase != RUNNING)
                return;
        w->cause = cause;
        terminate(w, now);
}

static void look_at_oom(Worker *w) {
        uint64_t kills = tree_count_oom_kills(w->oom);

        if (kills > w->oom_kills && w->tree.command > 0 && tree_is_dying(w->tree.command))
                w->oom_killed = true;
        w->oom_kills = kills;
}

static void saw_activity(Worker *w, uint64_t now) {
        uint64_t stall = w->description->trailer.stall_usec;

        w->stall_time = stall > 0 && w->phase == RUNNING ? now + stall : 0;
}

/* Every message is a sign of life, but what it has said before. What is left behind has nothing to say any more. Returns
 * whether there was one. */
static bool on_notification(Worker *w, uint64_t now) {
        char text[WORKER_TEXT_MAX];
        size_t size;
        int r;

        r = folder_read_notification(&w->folder, text, &size);
        if (r <= 0)
                return r == 0;
        if (size == w->link.progress_size && memcmp(text, w->link.progress, size) == 0)
                return true;
        saw_activity(w, now);
        if (size == SIZE_MAX || w->code != 0)
                return true;
        memcpy(w->link.progress, text, size);
        w->link.progress_size = size;
        w->progress_time = MAX(w->progress_sent + PROGRESS_USEC, now);
        return true;
}

/* What it has said before it ended, as much as there can be. */
static void read_notifications(Worker *w, uint64_t now) {
        for (unsigned i = 0; i < NOTIFICATIONS_MAX && on_notification(w, now); i++)
                ;
}

static void command_ended(Worker *w, const siginfo_t *info, uint64_t now) {
        read_notifications(w, now);
        w->code = info->si_code;
        w->status = info->si_status;
        w->ended_usec = realtime_usec();
        if (w->code != CLD_EXITED && w->status == SIGKILL && w->cause == WORKER_CAUSE_ITSELF && w->phase == RUNNING) {
                look_at_oom(w);
                if (w->oom_killed)
                        w->cause = WORKER_CAUSE_OOM;
        }
        w->tree.command = 0;
        w->runtime_time = w->stall_time = 0;
        if (w->phase != RUNNING)
                return;
        if (tree_signal(&w->tree, 0).n == 0) {
                settle_soon(w);
                return;
        }
        w->left_size = tree_describe(&w->tree, false, w->left_text, sizeof(w->left_text));
        terminate(w, now);
}

/* It is looked at before it is gone: what is known of a process that was killed for want of memory is there as long. */
static void reap(Worker *w, uint64_t now) {
        siginfo_t info = {};

        while (waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid > 0) {
                pid_t pid = info.si_pid;

                if (pid == w->tree.command)
                        command_ended(w, &info, now);
                (void) waitid(P_PID, (id_t) pid, &info, WEXITED | WNOHANG);
                info.si_pid = 0;
        }
        look(w, now);
}

static void on_signal(Worker *w, uint64_t now) {
        struct signalfd_siginfo signal;
        bool told_to_stop = false;

        while (read(w->signals, &signal, sizeof(signal)) == sizeof(signal))
                told_to_stop |= signal.ssi_signo == SIGTERM;
        reap(w, now);
        if (!told_to_stop)
                return;
        w->stopped = true;
        if (w->link.fd < 0) /* one more try, before we are gone */
                w->link.retry_usec = now;
        stop(w, WORKER_CAUSE_STOP, now);
}

/* --- what the job does ------------------------------------------------------------------------------ */

static void on_output(Worker *w, unsigned stream, uint64_t now) {
        if (pump_stream(&w->pump, stream) > 0)
                saw_activity(w, now);
        if (w->pump.streams[stream].blocked)
                w->disk_time = now + DISK_USEC;
        if (w->pump.is_over)
                stop(w, WORKER_CAUSE_OUTPUT, now);
}

static void send_progress(Worker *w, uint64_t now) {
        w->progress_time = 0;
        w->progress_sent = now;
        w->link.progress_due = true;
}

/* --- the end --------------------------------------------------------------------------------------- */

/* Replaces what was to be said of it before. */
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

/* The file for the order comes with the welcome. */
static bool waits_for_order(const Worker *w) {
        return w->pump.n_entries > 0 && w->pump.order < 0 && w->link.fd >= 0 && !w->link.welcomed && !w->stopped;
}

/* Where the disk is full what is still in the pipes waits for room, unless somebody waits for us. */
static void settle(Worker *w, uint64_t now) {
        if (w->disk_time > now && !w->stopped)
                return;
        w->disk_time = 0;
        pump_drain(&w->pump);
        /* It had ended before that was seen; one that failed says why itself. */
        if (w->pump.is_over && w->cause == WORKER_CAUSE_ITSELF && w->code == CLD_EXITED && w->status == 0)
                w->cause = WORKER_CAUSE_OUTPUT;
        if (w->pump.streams[0].blocked || w->pump.streams[1].blocked) {
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
                send_progress(w, now);
        report(w, true);
        folder_close(&w->folder);
        w->phase = SETTLED;
        w->phase_time = now + AWAY_USEC;
}

/* The record is on the disk; or there is nobody to make one, and the service manager keeps the exit status, which is less than
 * we know: a service that is away for a moment, with its socket unit, is waited for. */
static bool may_exit(const Worker *w, uint64_t now) {
        const Link *l = &w->link;

        if (w->phase != SETTLED)
                return false;
        if (l->go || !l->ended)
                return true;
        if (w->stopped)
                return !l->ended_due || (l->fd < 0 && l->retry_usec > now);
        return l->refused && (w->gave_up || (l->no_socket && l->failures > REFUSED_MAX));
}

/* As the command ended, but without a core file of our own. */
static int mirror(const Worker *w) {
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

/* --- the loop -------------------------------------------------------------------------------------- */

static uint64_t next_time(const Worker *w) {
        const uint64_t times[] = {
                w->runtime_time, w->stall_time, w->phase_time, w->look_time, w->disk_time, w->progress_time,
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
        if (is_due(w->runtime_time, now))
                stop(w, WORKER_CAUSE_RUNTIME, now);
        if (is_due(w->stall_time, now))
                stop(w, WORKER_CAUSE_STALL, now);
        if (is_due(w->phase_time, now) && w->phase == TERMINATING)
                kill_all(w, now);
        else if (is_due(w->phase_time, now) && w->phase == KILLING) {
                look(w, now);
                w->phase_time = 0;
        } else if (is_due(w->phase_time, now) && w->phase == SETTLED) {
                w->gave_up = true;
                w->phase_time = 0;
        }
        if (is_due(w->look_time, now))
                look(w, now);
        if (is_due(w->progress_time, now))
                send_progress(w, now);
        if (is_due(w->disk_time, now) && w->phase != SETTLING) {
                w->disk_time = 0;
                for (unsigned i = 0; i < ELEMENTSOF(w->pump.streams); i++)
                        if (w->pump.streams[i].blocked)
                                on_output(w, i, now);
        }
        if (w->phase == SETTLING && w->catching_up == 0)
                settle(w, now);
}

static bool pump_pending(Worker *w, uint64_t now) {
        bool pending = false;

        for (unsigned i = 0; i < ELEMENTSOF(w->pump.streams); i++)
                if (w->pump.streams[i].pending && !w->pump.streams[i].blocked) {
                        on_output(w, i, now);
                        pending |= w->pump.streams[i].pending;
                }
        return pending;
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
                on_output(w, source, now);
                break;
        case SOURCE_SIGNAL:
                on_signal(w, now);
                break;
        case SOURCE_NOTIFY:
                (void) on_notification(w, now);
                break;
        case SOURCE_LINK:
                on_link(w, now);
                break;
        case SOURCE_OOM:
                look_at_oom(w);
                break;
        case SOURCE_LEFT:
                unwatch_left(w);
                look(w, now);
                break;
        default:
                break;
        }
}

/* One event at a time, in the order in which they came: see pump.c. */
static void loop(Worker *w) {
        for (;;) {
                uint64_t now = monotonic_usec(), next;
                struct epoll_event event;
                int timeout = -1, n;
                bool pending;

                on_time(w, now);
                link_flush(&w->link, now);
                if (may_exit(w, now))
                        return;
                pending = pump_pending(w, now);
                next = next_time(w);
                if (pump_is_dirty(&w->pump) && w->flush_time == 0)
                        w->flush_time = now + FLUSH_USEC;
                if (pending || w->catching_up > 0 || pump_is_dirty(&w->pump))
                        timeout = 0;
                else if (next < UINT64_MAX)
                        timeout = next <= now ? 0 : (int) MIN((next - now + USEC_PER_MSEC - 1) / USEC_PER_MSEC, 3600000U);
                n = epoll_wait(w->epoll, &event, 1, timeout);
                if (n > 0)
                        dispatch(w, event.data.u32, monotonic_usec());
                if (n >= 0 && w->catching_up > 0)
                        w->catching_up = n == 0 ? 0 : w->catching_up - 1;
                if ((n == 0 && !pending) || is_due(w->flush_time, now)) {
                        pump_flush(&w->pump);
                        w->flush_time = 0;
                }
        }
}

static void catch_signals(Worker *w) {
        sigset_t set;

        (void) sigfillset(&set);
        (void) sigprocmask(SIG_SETMASK, &set, &w->mask);
        (void) sigemptyset(&set);
        (void) sigaddset(&set, SIGTERM);
        (void) sigaddset(&set, SIGCHLD);
        w->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

/* What fails here fails for the job: it has not begun. */
static int open_all(Worker *w, int ret_ends[static 2]) {
        Description *d = w->description;
        int r;

        w->epoll = epoll_create1(EPOLL_CLOEXEC);
        if (w->epoll < 0)
                return -errno;
        r = pump_open(&w->pump, w->epoll, &d->trailer, ret_ends);
        if (r < 0)
                return r;
        catch_signals(w);
        if (w->signals < 0)
                return -errno;
        watch(w, w->signals, EPOLLIN | EPOLLET, SOURCE_SIGNAL);
        r = description_set_environment(d);
        if (r < 0)
                return r;
        folder_open(&w->folder, d->id, &d->trailer);
        if (w->folder.notify >= 0)
                watch(w, w->folder.notify, EPOLLIN, SOURCE_NOTIFY);
        return 0;
}

/* What the command need not wait for. */
static void open_rest(Worker *w, pid_t command) {
        Description *d = w->description;

        tree_open(&w->tree, d->id);
        w->tree.command = command;
        link_open(&w->link, w->epoll, d, w->started_usec);
        link_flush(&w->link, monotonic_usec()); /* before anything is settled */
        w->oom = tree_open_oom(d->id, &w->oom_polls);
        if (w->oom_polls)
                watch(w, w->oom, EPOLLPRI, SOURCE_OOM);
}

static void could_not_start(Worker *w, int r, int ends[static 2]) {
        char text[WORKER_TEXT_MAX];

        if (w->failure.exit_status == 0) {
                w->failure = (Failure) { .exit_status = 126, .error = -r, .what = "set up" };
                (void) snprintf(w->failure.name, sizeof(w->failure.name), "%s", w->description->argv[0]);
        }
        w->cause = WORKER_CAUSE_CANNOT;
        w->code = CLD_EXITED;
        w->status = w->failure.exit_status;
        w->ended_usec = realtime_usec();
        w->phase = SETTLING;
        (void) dprintf(ends[1] >= 0 ? ends[1] : STDERR_FILENO, "codex-jobs: %s\n", failure_format(&w->failure, w->failure.name, text));
}

static void start(Worker *w) {
        Description *d = w->description;
        _cleanup_close_ int input = -EBADF;
        int ends[2] = { -EBADF, -EBADF };
        pid_t command = 0;
        uint64_t now;
        int r;

        r = open_all(w, ends);
        if (r >= 0)
                r = input = description_open_stdin(d);
        w->started_usec = realtime_usec();
        now = monotonic_usec();
        worker_failpoint("worker-before-start");
        if (r >= 0)
                r = command = command_start(d, (const int[3]) { input, ends[0], ends[1] }, &w->mask, &w->failure);
        worker_failpoint("worker-after-start");
        if (r < 0)
                could_not_start(w, r, ends);
        closep(&ends[0]);
        closep(&ends[1]);
        w->runtime_time = r >= 0 && d->trailer.runtime_max_usec > 0 ? now + d->trailer.runtime_max_usec : 0;
        saw_activity(w, now);
        open_rest(w, MAX(command, 0));
}

/* What is written on behalf of the job is bounded by its limit, whatever goes wrong in here. The file for the order may be
 * longer than what it is about. */
static void bound_files(const WorkerTrailer *t) {
        rlim_t max = t->output_max + ORDER_ROOM;

        if (t->output_max > 0)
                (void) setrlimit(RLIMIT_FSIZE, &(struct rlimit) { max, max });
}

int supervise(Description *d) {
        Worker w = {
                .description = d,
                .signals = -EBADF,
                .folder = { .parent = -EBADF, .fd = -EBADF, .notify = -EBADF }, /* what fails before it is opened is reported, too */
                .oom = -EBADF,
                .left = -EBADF,
        };

        worker_failpoint_init(d);
        (void) prctl(PR_SET_DUMPABLE, 0);
        (void) prctl(PR_SET_CHILD_SUBREAPER, 1);
        start(&w);
        if (w.epoll < 0)
                return w.status; /* there is nothing to wait with */
        bound_files(&d->trailer);
        description_drop(d);
        loop(&w);
        pump_flush(&w.pump); /* for an order that came last */
        pump_free(&w.pump);
        worker_failpoint("worker-before-exit");
        link_free(&w.link);
        return w.link.go ? EXIT_SUCCESS : mirror(&w);
}
