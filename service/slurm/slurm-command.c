/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/wait.h>
#include <time.h>

#include "build-config.h"
#include "job-id.h"
#include "slurm-command.h"

#define WORDS_MAX 96
#define ANSWER_MAX (64U * 1024U)
#define ANSWER_USEC (60 * USEC_PER_SEC) /* of one of Slurm's programs; they have limits of their own */
#define USEC_PER_MINUTE (60 * USEC_PER_SEC)
#define CHECK_NO_ANSWER 2        /* exit status, beside 1 for other obstacles */
#define SPARE_MINUTES 2U /* the limit of the job is kept on the node, that of Slurm is for when that fails */

/* --- running a program ----------------------------------------------------------------------------- */

typedef struct Words {
        const char *list[WORDS_MAX + 1];
        size_t n;
        char text[4096]; /* of those that were made here */
        size_t used;
} Words;

static void add(Words *w, const char *word) {
        if (w->n < WORDS_MAX)
                w->list[w->n++] = word;
}

static void _printf_(2, 3) add_text(Words *w, const char *format, ...) {
        size_t room = sizeof(w->text) - w->used;
        char *p = w->text + w->used;
        va_list args;
        int n;

        va_start(args, format);
        n = vsnprintf(p, room, format, args);
        va_end(args);
        if (n < 0 || (size_t) n >= room)
                return;
        w->used += (size_t) n + 1;
        add(w, p);
}

static const char *const folders[] = { "/usr/local/bin", "/usr/bin", "/bin", "/opt/slurm/bin" };

bool slurm_is_installed(void) {
        char path[64];

        for (size_t i = 0; i < ELEMENTSOF(folders); i++) {
                (void) snprintf(path, sizeof(path), "%s/srun", folders[i]);
                if (access(path, X_OK) == 0)
                        return true;
        }
        return false;
}

/* No variable of the caller's Slurm: SLURM_JOB_ID, SBATCH_PARTITION, SRUN_… would change what is asked for. */
static char **make_environment(void) {
        static const char *const names[] = { "HOME", "USER", "LOGNAME", "SLURM_CONF" };
        static char path[] = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", locale[] = "LC_ALL=C.UTF-8";
        static char text[ELEMENTSOF(names)][512];
        static char *environment[ELEMENTSOF(names) + 3];
        size_t n = 0;

        environment[n++] = path;
        environment[n++] = locale;
        for (size_t i = 0; i < ELEMENTSOF(names); i++) {
                const char *value = getenv(names[i]);

                if (value && snprintf(text[i], sizeof(text[i]), "%s=%s", names[i], value) < (int) sizeof(text[i]))
                        environment[n++] = text[i];
        }
        environment[n] = NULL;
        return environment;
}

/* In the child. */
static void execute(const Words *w, int in, int out, int err) {
        char path[256];
        sigset_t none;

        (void) setpgid(0, 0);
        (void) dup2(in, STDIN_FILENO);
        (void) dup2(out, STDOUT_FILENO);
        (void) dup2(err, STDERR_FILENO);
        (void) signal(SIGPIPE, SIG_DFL);
        (void) signal(SIGXFSZ, SIG_DFL);
        (void) sigemptyset(&none);
        (void) sigprocmask(SIG_SETMASK, &none, NULL);
        (void) !chdir("/");
        for (size_t i = 0; i < ELEMENTSOF(folders); i++) {
                (void) snprintf(path, sizeof(path), "%s/%s", folders[i], w->list[0]);
                (void) execve(path, (char *const *) w->list, environ);
        }
        (void) dprintf(STDERR_FILENO, "error: cannot execute %s: %s\n", w->list[0], strerror(errno));
        _exit(127);
}

static pid_t start(const Words *w, int in, int out, int err) {
        pid_t pid = fork();

        if (pid != 0)
                return pid < 0 ? -errno : pid;
        environ = make_environment();
        execute(w, in, out, err);
        _exit(127);
}

static uint64_t now_usec(void) {
        struct timespec t;

        (void) clock_gettime(CLOCK_MONOTONIC, &t);
        return (uint64_t) t.tv_sec * USEC_PER_SEC + (uint64_t) t.tv_nsec / NSEC_PER_USEC;
}

/* Reads until the end of the pipe, or the time. Returns whether it was the end. */
static bool read_answer(int fd, char *text, size_t size) {
        uint64_t end = now_usec() + ANSWER_USEC, now;
        size_t n = 0;

        while ((now = now_usec()) < end) {
                struct pollfd p = { .fd = fd, .events = POLLIN };
                ssize_t m;

                if (poll(&p, 1, (int) ((end - now) / USEC_PER_MSEC) + 1) <= 0)
                        continue;
                m = read(fd, text + n, size - 1 - n);
                if (m < 0 && errno == EINTR)
                        continue;
                if (m <= 0)
                        break;
                n += (size_t) m;
        }
        text[n] = 0;
        return now < end;
}

/* Runs a program, with its output and errors in text. Returns its exit status, -1 if it did not exit in time. */
static int ask(const Words *w, char *text, size_t size) {
        _cleanup_close_ int null = open("/dev/null", O_RDWR | O_CLOEXEC);
        int ends[2], status = -1;
        pid_t pid;

        *text = 0;
        if (null < 0 || pipe2(ends, O_CLOEXEC) < 0)
                return -1;
        pid = start(w, null, ends[1], ends[1]);
        (void) close(ends[1]);
        if (pid > 0 && !read_answer(ends[0], text, size))
                (void) kill(-pid, SIGKILL);
        (void) close(ends[0]);
        if (pid <= 0 || waitpid(pid, &status, 0) < 0)
                return -1;
        return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

void slurm_pause(uint64_t *usec, uint64_t max) {
        const struct timespec pause = { .tv_sec = (time_t) (*usec / USEC_PER_SEC), .tv_nsec = (long) (*usec % USEC_PER_SEC * NSEC_PER_USEC) };

        (void) nanosleep(&pause, NULL);
        *usec = MIN(2 * *usec, max);
}

/* --- the state of a job ---------------------------------------------------------------------------- */

void slurm_job_init(SlurmJob *job, const char *id, uint64_t runtime_max_usec) {
        *job = (SlurmJob) { .id = id, .runtime_max_usec = runtime_max_usec };
        (void) snprintf(job->name, sizeof(job->name), "%s%s", JOB_UNIT_PREFIX, id);
}

static SlurmState state_of(const char *word) {
        static const struct {
                const char *word;
                SlurmState state;
        } words[] = {
                { "PENDING", SLURM_PENDING },
                { "COMPLETING", SLURM_COMPLETING },
                { "TIMEOUT", SLURM_TIMEOUT },
                { "OUT_OF_MEMORY", SLURM_OUT_OF_MEMORY },
                { "NODE_FAIL", SLURM_NODE_FAIL },
                { "CANCELLED", SLURM_CANCELLED },
                { "BOOT_FAIL", SLURM_OTHER },
                { "COMPLETED", SLURM_OTHER },
                { "DEADLINE", SLURM_OTHER },
                { "FAILED", SLURM_OTHER },
                { "PREEMPTED", SLURM_OTHER },
                { "REVOKED", SLURM_OTHER },
        };

        for (size_t i = 0; i < ELEMENTSOF(words); i++)
                if (streq(word, words[i].word))
                        return words[i].state;
        return SLURM_RUNNING; /* RUNNING, CONFIGURING, SUSPENDED, …: alive */
}

static bool is_alive(SlurmState state) {
        return state == SLURM_PENDING || state == SLURM_RUNNING || state == SLURM_COMPLETING;
}

/* A line of squeue: columns of fixed width. */
static bool read_look(const char *line, SlurmLook *ret) {
        SlurmLook look = {};

        if (sscanf(line, "%15s %23s %63s", look.number, look.word, look.reason) < 2)
                return false;
        if (look.number[0] < '0' || look.number[0] > '9')
                return false;
        look.state = state_of(look.word);
        *ret = look;
        return true;
}

SlurmLook slurm_look(const SlurmJob *job) {
        static char text[ANSWER_MAX];
        SlurmLook found = { .state = SLURM_NONE }, look;
        Words w = {};
        char *line, *rest = NULL;

        add(&w, "squeue");
        add_text(&w, "--user=%u", getuid());
        add(&w, "--noheader");
        add(&w, "--states=all");
        add_text(&w, "--name=%s", job->name);
        add(&w, "--Format=JobID:16,State:24,Reason:64");
        if (ask(&w, text, sizeof(text)) != 0)
                return (SlurmLook) { .state = SLURM_NO_ANSWER };
        for (line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest))
                if (read_look(line, &look) && (is_alive(look.state) || !is_alive(found.state)))
                        found = look;
        return found;
}

/* --- srun ------------------------------------------------------------------------------------------ */

static void close_both(int ends[static 2]) {
        closep(&ends[0]);
        closep(&ends[1]);
}

static int start_srun(const Words *w, Srun *ret) {
        int in[2] = { -EBADF, -EBADF }, out[2] = { -EBADF, -EBADF }, err[2] = { -EBADF, -EBADF }, r = 0;

        if (pipe2(in, O_CLOEXEC) < 0 || pipe2(out, O_CLOEXEC) < 0 || pipe2(err, O_CLOEXEC) < 0)
                r = -errno;
        if (r >= 0)
                r = start(w, in[0], out[1], err[1]);
        if (r > 0) {
                *ret = (Srun) { .pid = r, .in = TAKE_FD(in[1]), .out = TAKE_FD(out[0]), .err = TAKE_FD(err[0]) };
                (void) setpgid(r, r);
                for (const int *fd = (const int[]) { ret->in, ret->out, ret->err, -1 }; *fd >= 0; fd++)
                        (void) fcntl(*fd, F_SETFL, O_NONBLOCK);
        }
        close_both(in);
        close_both(out);
        close_both(err);
        return MIN(r, 0);
}

/* Options of the administrator come first: those that follow cannot be changed by them. */
static void add_options(Words *w) {
        const char *options = getenv("CODEX_JOBS_LAUNCHER_OPTIONS");
        char *p = w->text + w->used, *word, *rest = NULL;

        if (!options || strlen(options) >= sizeof(w->text) / 2)
                return;
        (void) strcpy(p, options);
        w->used += strlen(options) + 1;
        for (word = strtok_r(p, " \t", &rest); word; word = strtok_r(NULL, " \t", &rest))
                add(w, word);
}

static void add_limits(Words *w, const SlurmJob *job) {
        const char *memory = getenv("CODEX_JOBS_MEMORY_MAX");
        uint64_t bytes = memory ? strtoull(memory, NULL, 10) : 0;

        if (bytes > 0)
                add_text(w, "--mem=%" PRIu64 "M", (bytes + (1U << 20) - 1) >> 20);
        if (job->runtime_max_usec > 0)
                add_text(w, "--time=%" PRIu64, (job->runtime_max_usec + USEC_PER_MINUTE - 1) / USEC_PER_MINUTE + SPARE_MINUTES);
}

static void add_common(Words *w, const SlurmJob *job) {
        add_text(w, "--job-name=%s", job->name);
        add(w, "--export=NONE");
        add(w, "--propagate=NONE");
        add(w, "--mpi=none");
        add(w, "--chdir=/");
        add(w, "--nodes=1");
        add(w, "--ntasks=1");
        add(w, "--kill-on-bad-exit=0");
}

int slurm_run(const SlurmJob *job, Srun *ret) {
        Words w = {};

        add(&w, "srun");
        add_options(&w);
        add_common(&w, job);
        add_limits(&w, job);
        add(&w, NODE_PATH);
        add(&w, "--run");
        add(&w, job->id);
        return start_srun(&w, ret);
}

int slurm_attach(const SlurmJob *job, const char *number, const uint64_t offsets[static 3], Srun *ret) {
        Words w = {};

        add(&w, "srun");
        add_text(&w, "--jobid=%s", number);
        add(&w, "--overlap");
        add_common(&w, job);
        add(&w, NODE_PATH);
        add(&w, "--attach");
        add(&w, job->id);
        for (unsigned i = 0; i < 3; i++)
                add_text(&w, "%" PRIu64, offsets[i]);
        return start_srun(&w, ret);
}

void srun_close(Srun *srun) {
        closep(&srun->in);
        closep(&srun->out);
        closep(&srun->err);
        srun->in = srun->out = srun->err = -EBADF;
}

void srun_kill(Srun *srun) {
        if (srun->pid > 0)
                (void) kill(-srun->pid, SIGKILL);
}

/* --- the end of a job ------------------------------------------------------------------------------ */

static void cancel(const SlurmJob *job) {
        char text[4096];
        Words w = {};

        add(&w, "scancel");
        add_text(&w, "--user=%u", getuid());
        add_text(&w, "--name=%s", job->name);
        (void) ask(&w, text, sizeof(text)); /* what it has not cancelled is still there at the next look */
}

void slurm_reap(const SlurmJob *job) {
        uint64_t away = USEC_PER_SEC, pause = 100 * USEC_PER_MSEC;

        for (;;) {
                SlurmLook look = slurm_look(job);

                if (look.state == SLURM_NO_ANSWER) {
                        slurm_pause(&away, 30 * USEC_PER_SEC);
                        continue;
                }
                if (!is_alive(look.state))
                        return;
                if (look.state != SLURM_COMPLETING)
                        cancel(job);
                away = USEC_PER_SEC;
                slurm_pause(&pause, USEC_PER_SEC);
        }
}

/* --- the installation ------------------------------------------------------------------------------ */

/* The value of a line "Name = value" of scontrol. */
static const char *find_setting(const char *text, const char *name, char value[static 128]) {
        const char *line = text;
        size_t n = strlen(name);

        *value = 0;
        while (line && (strncmp(line, name, n) != 0 || (line[n] != ' ' && line[n] != '='))) {
                line = strchr(line, '\n');
                line = line ? line + 1 : NULL;
        }
        if (line)
                (void) sscanf(line + n, " = %127[^\n]", value);
        return value;
}

int slurm_check(void) {
        static char text[ANSWER_MAX];
        const char *conf = getenv("SLURM_CONF");
        char value[128];
        int status = EXIT_SUCCESS, major = 0, minor = 0;
        Words w = {};

        if (conf && access(conf, R_OK) < 0) { /* Slurm would wait for it, for a minute */
                (void) printf("cannot read %s: %s; to fix: correct SlurmConf= in codex-jobs.conf\n", conf, strerror(errno));
                return CHECK_NO_ANSWER;
        }
        add(&w, "scontrol");
        add(&w, "show");
        add(&w, "config");
        if (ask(&w, text, sizeof(text)) != 0) {
                text[strcspn(text, "\n")] = 0;
                (void) printf("Slurm does not answer: %s; to fix: install its programs, and start munge and slurmctld\n", text);
                return CHECK_NO_ANSWER;
        }
        if (!streq(find_setting(text, "ProctrackType", value), "proctrack/cgroup")) {
                (void) printf("ProctrackType is %s, which does not end all processes of a cancelled job; to fix: set "
                              "ProctrackType=proctrack/cgroup in slurm.conf\n",
                              value);
                status = EXIT_FAILURE;
        }
        if (strtoul(find_setting(text, "InactiveLimit", value), NULL, 10) > 0) {
                (void) printf("InactiveLimit is %s, Slurm ends a job whose connection is lost for that long; to fix: set InactiveLimit=0 in "
                              "slurm.conf\n",
                              value);
                status = EXIT_FAILURE;
        }
        if (!streq(find_setting(text, "AuthType", value), "auth/munge")) {
                (void) printf("AuthType is %s, with which jobs were not tried; to fix: set AuthType=auth/munge in slurm.conf\n", value);
                status = EXIT_FAILURE;
        }
        (void) sscanf(find_setting(text, "SLURM_VERSION", value), "%d.%d", &major, &minor);
        if (major < 20 || (major == 20 && minor < 11)) {
                (void) printf("Slurm is %s, and too old; to fix: install 20.11 or newer\n", *value ? value : "of an unknown version");
                status = EXIT_FAILURE;
        }
        return status;
}
