/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

/* From the request to Slurm to the end of the job. What a lost connection means is decided in decide(): a command that may have
 * begun is never begun again. */

#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "adapter.h"
#include "elsewhere.h"

#define SILENCE_USEC (30 * USEC_PER_SEC) /* without a heartbeat */
#define LOOK_USEC (100 * USEC_PER_MSEC)  /* until the next look at a job that is ending, doubled up to: */
#define LOOK_MAX_USEC USEC_PER_SEC
#define AGAIN_USEC USEC_PER_SEC /* without an answer; doubled up to: */
#define AGAIN_MAX_USEC (30 * USEC_PER_SEC)
#define NET_USEC (60 * USEC_PER_SEC) /* until the first look while the job is pending; doubled up to: */
#define NET_MAX_USEC (15 * 60 * USEC_PER_SEC)
#define STOP_USEC (30 * USEC_PER_SEC) /* in addition to the time of the job */
#define RELEASE_USEC (10 * USEC_PER_SEC)

enum {
        SOURCE_OUT = 16,
        SOURCE_ERR,
        SOURCE_IN,
};

static void decide(Adapter *a, uint64_t now);

/* --- srun ------------------------------------------------------------------------------------------ */

static void watch(Adapter *a, int fd, uint32_t events, uint32_t source) {
        (void) epoll_ctl(a->epoll, EPOLL_CTL_ADD, fd, &(struct epoll_event) { .events = events, .data.u32 = source });
}

static void open_session(Adapter *a, int r, bool attached, uint64_t now) {
        a->attached = attached;
        a->refused = FRAME_NO_REASON;
        *a->error = 0;
        a->input.begin = a->input.end = 0;
        a->output_begin = a->output_end = 0;
        a->heard_usec = now;
        if (r < 0) {
                a->stage = STAGE_LOOKING;
                a->look_usec = now + AGAIN_USEC;
                return;
        }
        a->stage = STAGE_ASKED;
        watch(a, a->srun.out, EPOLLIN, SOURCE_OUT);
        watch(a, a->srun.err, EPOLLIN, SOURCE_ERR);
        watch(a, a->srun.in, EPOLLOUT | EPOLLET, SOURCE_IN);
}

static void begin(Adapter *a, uint64_t now) {
        if (!slurm_is_installed()) {
                (void) snprintf(a->error, sizeof(a->error), "srun is not installed on this host");
                settle_cannot(a);
                return;
        }
        a->look_pause = 0;
        a->net_pause = NET_USEC;
        a->net_usec = now + a->net_pause;
        open_session(a, slurm_run(&a->job, &a->srun), false, now);
}

static void listen_again(Adapter *a, const char *number, uint64_t now) {
        a->net_usec = 0;
        open_session(a, slurm_attach(&a->job, number, a->offsets, &a->srun), true, now);
}

static void look_later(Adapter *a, uint64_t now, uint64_t first, uint64_t max) {
        a->look_pause = MIN(MAX(2 * a->look_pause, first), max);
        a->stage = STAGE_LOOKING;
        a->look_usec = now + a->look_pause;
}

/* What it has said before it exited counts. */
static void close_session(Adapter *a, uint64_t now) {
        if (a->srun.out >= 0)
                listen_read(a, now);
        if (a->srun.err >= 0)
                listen_read_errors(a);
        srun_kill(&a->srun);
        a->srun.pid = 0;
        srun_close(&a->srun);
}

static void release(Adapter *a, uint64_t now) {
        a->stage = STAGE_RELEASING;
        a->release_usec = now + RELEASE_USEC;
        if (a->srun.pid > 0) {
                listen_say(a, "G", NULL, 0);
                return;
        }
        slurm_reap(&a->job);
        a->stage = STAGE_OVER;
}

static void on_session_over(Adapter *a, int status, uint64_t now) {
        bool released = a->stage == STAGE_RELEASING && !a->attached && WIFEXITED(status) && WEXITSTATUS(status) == 0;

        close_session(a, now);
        if (a->stage == STAGE_RELEASING) {
                if (!released)
                        slurm_reap(&a->job);
                a->stage = STAGE_OVER;
        } else if (a->stage < STAGE_SETTLED)
                decide(a, now);
}

/* --- what a lost connection means ------------------------------------------------------------------ */

static bool is_over(SlurmState state) {
        return state >= SLURM_TIMEOUT;
}

/* Slurm could not be asked. */
static bool is_transient(const char *error) {
        static const char *const texts[] = { "Unable to contact slurm controller", "Socket timed out", "Zero Bytes were transmitted",
                                             "Connection refused", "in standby mode", "Connection timed out" };

        for (size_t i = 0; i < ELEMENTSOF(texts); i++)
                if (strstr(error, texts[i]))
                        return true;
        return false;
}

static void decide_none(Adapter *a, uint64_t now) {
        if (a->stopping && !a->begun)
                settle_stopped(a);
        else if (a->begun)
                settle_as(a, WORKER_CAUSE_LOST, 0, 0, "Slurm does not know the job any more");
        else if (a->seen_pending || is_transient(a->error)) { /* only a srun that is gone could have begun it */
                a->seen_pending = false;
                begin(a, now);
        } else if (*a->error)
                settle_cannot(a);
        else
                settle_as(a, WORKER_CAUSE_LOST, 0, 0, "Slurm does not know the job");
}

static void decide_running(Adapter *a, const SlurmLook *look, uint64_t now) {
        if (!a->stopping || a->begun) {
                listen_again(a, look->number, now);
                return;
        }
        slurm_reap(&a->job);
        settle_stopped(a);
}

static void decide_over(Adapter *a, const SlurmLook *look) {
        char text[WORKER_TEXT_MAX];

        if (look->state == SLURM_NODE_FAIL)
                settle_as(a, WORKER_CAUSE_NODE_LOST, 0, 0, "the node failed");
        else if (a->stopping)
                settle_stopped(a);
        else if (look->state == SLURM_TIMEOUT)
                settle_as(a, WORKER_CAUSE_RUNTIME, CLD_KILLED, SIGKILL, "Slurm has ended the job at its time limit");
        else if (look->state == SLURM_OUT_OF_MEMORY)
                settle_as(a, WORKER_CAUSE_OOM, CLD_KILLED, SIGKILL, "Slurm says OUT_OF_MEMORY");
        else if (look->state == SLURM_CANCELLED)
                settle_as(a, WORKER_CAUSE_ELSEWHERE, 0, 0, "cancelled in Slurm");
        else if (!a->begun && *a->error)
                settle_cannot(a);
        else {
                (void) snprintf(text, sizeof(text), "Slurm says %s, and the node did not report the end", look->word);
                settle_as(a, WORKER_CAUSE_LOST, 0, 0, text);
        }
}

/* The node has said why. */
static void decide_refused(Adapter *a) {
        slurm_reap(&a->job);
        if (a->refused == FRAME_CANNOT && a->stopping)
                settle_stopped(a);
        else if (a->refused == FRAME_CANNOT)
                settle_cannot(a);
        else
                settle_as(a, a->refused == FRAME_DEAD ? WORKER_CAUSE_NODE_LOST : WORKER_CAUSE_LOST, 0, 0, a->error);
}

/* srun is gone, and the end of the job is not known. */
static void decide(Adapter *a, uint64_t now) {
        SlurmLook look;
        bool failed;

        a->look_usec = 0;
        if (a->refused) {
                decide_refused(a);
                return;
        }
        look = slurm_look(&a->job);
        failed = a->attached && a->stage == STAGE_ASKED && look.state == SLURM_RUNNING; /* an attempt to listen */
        if (failed || look.state == SLURM_NO_ANSWER)
                look_later(a, now, AGAIN_USEC, AGAIN_MAX_USEC);
        else if (look.state == SLURM_NONE)
                decide_none(a, now);
        else if (look.state == SLURM_PENDING) {
                slurm_reap(&a->job);
                if (a->stopping)
                        settle_stopped(a);
                else
                        begin(a, now);
        } else if (look.state == SLURM_COMPLETING)
                look_later(a, now, LOOK_USEC, LOOK_MAX_USEC);
        else if (look.state == SLURM_RUNNING)
                decide_running(a, &look, now);
        else if (is_over(look.state))
                decide_over(a, &look);
}

/* --- stopping -------------------------------------------------------------------------------------- */

/* Slurm ends what the node does not. */
static void stop_hard(Adapter *a, uint64_t now) {
        a->stop_usec = 0;
        slurm_reap(&a->job);
        if (a->srun.pid > 0)
                close_session(a, now);
        if (a->stage >= STAGE_SETTLED)
                return;
        decide(a, now);
}

static void on_stop(Adapter *a, uint64_t now) {
        if (a->stage >= STAGE_SETTLED || a->stopping) {
                a->stopping = true;
                return;
        }
        a->stopping = true;
        if (a->stage == STAGE_HEARD) {
                a->stop_usec = now + a->description.trailer.stop_timeout_usec + STOP_USEC;
                listen_say(a, "T", NULL, 0);
        } else if (!a->begun)
                stop_hard(a, now);
        else
                a->stop_usec = now + a->description.trailer.stop_timeout_usec + STOP_USEC;
}

/* --- the service ----------------------------------------------------------------------------------- */

static void on_link(Adapter *a, uint64_t now) {
        elsewhere_dispatch(&a->link, now, &a->order, &a->follower);
        if (a->link.go && a->stage == STAGE_SETTLED)
                release(a, now);
}

static void show_waiting(Adapter *a, const SlurmLook *look) {
        int n;

        if (look->state == SLURM_NO_ANSWER)
                n = snprintf(a->link.progress, sizeof(a->link.progress), "Waiting for Slurm, which does not answer");
        else if (look->state == SLURM_PENDING)
                n = snprintf(a->link.progress, sizeof(a->link.progress), "Waiting in Slurm (%s)", look->reason);
        else
                return;
        a->seen_pending = a->seen_pending || look->state == SLURM_PENDING;
        a->link.progress_size = (size_t) n;
        a->link.progress_type = WORKER_PROGRESS;
        a->link.progress_due = true;
}

/* --- the loop -------------------------------------------------------------------------------------- */

/* srun may wait for ever for a job that slurmctld has forgotten. */
static void on_net(Adapter *a, uint64_t now) {
        SlurmLook look;

        a->net_pause = MIN(2 * a->net_pause, NET_MAX_USEC);
        a->net_usec = now + a->net_pause;
        if (a->stage != STAGE_ASKED)
                return;
        look = slurm_look(&a->job);
        show_waiting(a, &look);
        if (look.state != SLURM_PENDING && look.state != SLURM_NO_ANSWER)
                srun_kill(&a->srun);
}

static bool is_due(uint64_t time, uint64_t now) {
        return time > 0 && time <= now;
}

static bool is_silent(const Adapter *a, uint64_t now) {
        return a->stage == STAGE_HEARD && a->disk_usec == 0 && a->heard_usec + SILENCE_USEC <= now;
}

static void on_time(Adapter *a, uint64_t now) {
        if (is_due(a->disk_usec, now))
                listen_read(a, now);
        if (is_silent(a, now) && a->srun.out >= 0) /* this process may have been stopped */
                listen_read(a, now);
        if (is_silent(a, now)) {
                (void) dprintf(a->journal, "the node is silent, connecting again\n");
                a->heard_usec = now;
                srun_kill(&a->srun);
        }
        if (is_due(a->net_usec, now))
                on_net(a, now);
        if (is_due(a->stop_usec, now))
                stop_hard(a, now);
        if (is_due(a->look_usec, now) && a->stage == STAGE_LOOKING)
                decide(a, now);
        if (is_due(a->keep_usec, now) && a->stage == STAGE_SETTLED) {
                a->keep_usec = now + ADAPTER_KEEP_USEC;
                listen_say(a, "P", NULL, 0);
        }
        if (a->stage == STAGE_SETTLED && elsewhere_is_abandoned(&a->link, a->stopping, a->away_usec, now))
                release(a, now);
        if (is_due(a->release_usec, now) && a->stage == STAGE_RELEASING)
                srun_kill(&a->srun);
}

static void on_signal(Adapter *a, uint64_t now) {
        struct signalfd_siginfo s;
        bool stop = false;
        int status;

        while (read(a->signals, &s, sizeof(s)) == sizeof(s)) {
                stop |= s.ssi_signo == SIGTERM;
                if (s.ssi_signo == SIGCONT)
                        link_call(&a->link, now);
        }
        if (a->srun.pid > 0 && waitpid(a->srun.pid, &status, WNOHANG) == a->srun.pid)
                on_session_over(a, status, now);
        if (stop)
                on_stop(a, now);
}

static uint64_t next_time(const Adapter *a, uint64_t now) {
        uint64_t next = UINT64_MAX;
        const uint64_t times[] = {
                a->disk_usec, a->net_usec, a->stop_usec, a->stage == STAGE_LOOKING ? a->look_usec : 0,
                a->stage == STAGE_HEARD ? a->heard_usec + SILENCE_USEC : 0,
                a->stage == STAGE_SETTLED ? a->keep_usec : 0,
                a->stage == STAGE_SETTLED && a->away_usec > now ? a->away_usec : 0,
                a->stage == STAGE_RELEASING ? a->release_usec : 0,
                a->link.fd < 0 ? a->link.retry_usec : 0,
        };

        for (size_t i = 0; i < ELEMENTSOF(times); i++)
                if (times[i] > 0)
                        next = MIN(next, times[i]);
        return next;
}

static void dispatch(Adapter *a, uint32_t source, uint64_t now) {
        if (source == SOURCE_LINK && a->link.fd >= 0)
                on_link(a, now);
        else if (source == SOURCE_SIGNAL)
                on_signal(a, now);
        else if (source == SOURCE_OUT && a->srun.out >= 0)
                listen_read(a, now);
        else if (source == SOURCE_ERR && a->srun.err >= 0) {
                listen_read_errors(a);
                if (a->seen_pending && a->stage == STAGE_ASKED && a->link.progress_size == 0 && !a->begun) {
                        SlurmLook look = slurm_look(&a->job);

                        show_waiting(a, &look);
                }
        } else if (source == SOURCE_IN)
                listen_flush(a);
}

/* On a full disk what the node sends stays in the pipe. */
static void set_reading(Adapter *a) {
        if (a->srun.out >= 0)
                (void) epoll_ctl(a->epoll, EPOLL_CTL_MOD, a->srun.out,
                                 &(struct epoll_event) { .events = a->disk_usec > 0 ? 0 : EPOLLIN, .data.u32 = SOURCE_OUT });
}

static void loop(Adapter *a) {
        while (a->stage != STAGE_OVER) {
                uint64_t now = monotonic_usec(), next;
                struct epoll_event event;
                int timeout = -1;

                on_time(a, now);
                link_flush(&a->link, now);
                set_reading(a);
                if (a->stage == STAGE_OVER)
                        return;
                next = next_time(a, now);
                if (next < UINT64_MAX)
                        timeout = next <= now ? 0 : (int) MIN((next - now + USEC_PER_MSEC - 1) / USEC_PER_MSEC, 3600000U);
                if (epoll_wait(a->epoll, &event, 1, timeout) > 0)
                        dispatch(a, event.data.u32, monotonic_usec());
        }
}

/* --- the start ------------------------------------------------------------------------------------- */

static void catch_signals(Adapter *a) {
        sigset_t set;

        (void) signal(SIGPIPE, SIG_IGN);
        (void) sigemptyset(&set);
        (void) sigaddset(&set, SIGTERM);
        (void) sigaddset(&set, SIGCHLD);
        (void) sigaddset(&set, SIGCONT);
        (void) sigprocmask(SIG_BLOCK, &set, NULL);
        a->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
        watch(a, a->signals, EPOLLIN, SOURCE_SIGNAL);
}

int adapter_run(const char *id) {
        static Adapter a; /* it is large */
        int r;

        a = (Adapter) { .order = -EBADF, .follower = -EBADF, .signals = -EBADF, .srun = { .in = -EBADF, .out = -EBADF, .err = -EBADF } };
        elsewhere_open_files(a.base);
        memcpy(a.offsets, a.base, 2 * sizeof(*a.base));
        r = description_load(&a.description, id);
        if (r >= 0 && !a.description.has_trailer)
                r = -EBADMSG;
        if (r < 0) {
                (void) dprintf(STDERR_FILENO, "codex-jobs: cannot read the description of %s: %s\n", id, strerror(-r));
                return 126;
        }
        (void) prctl(PR_SET_DUMPABLE, 0);
        elsewhere_bound_output(&a.description.trailer);
        worker_failpoint_init(&a.description);
        a.epoll = epoll_create1(EPOLL_CLOEXEC);
        a.journal = elsewhere_open_journal("codex-jobs-slurm");
        catch_signals(&a);
        slurm_job_init(&a.job, id, a.description.trailer.runtime_max_usec);
        link_open(&a.link, a.epoll, &a.description, realtime_usec());
        begin(&a, monotonic_usec());
        loop(&a);
        link_free(&a.link);
        frame_free(&a.input);
        free(a.output);
        description_drop(&a.description);
        return elsewhere_mirror(&a.link, a.code, a.status);
}
