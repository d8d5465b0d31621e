/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

/* Which processes are of a job, and how they are ended. Needs a control group that it may divide. */

#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "job-id.h"
#include "supervise-fixture.h"

#define OWN_NAME JOB_UNIT_PREFIX WORKER_JOB JOB_UNIT_SUFFIX

/* --- commands --------------------------------------------------------------------------------------- */

/* As fork(2); the parent goes on when the last of its children has executed something. */
static pid_t fork_until_executed(void) {
        int ends[2];
        pid_t pid;

        if (pipe2(ends, O_CLOEXEC) < 0)
                exit(EXIT_FAILURE);
        pid = fork();
        if (pid == 0)
                return 0;
        (void) close(ends[1]);
        (void) poll(&(struct pollfd) { .fd = ends[0] }, 1, -1);
        return pid;
}

/* As a service puts itself into the background: its parent has gone, and it is in a session of its own. */
static int daemon_left(void) {
        if (fork_until_executed() > 0)
                return EXIT_SUCCESS;
        (void) setsid();
        if (fork() > 0)
                _exit(EXIT_SUCCESS);
        (void) execlp("sleep", "sleep", "61", NULL);
        return EXIT_FAILURE;
}

static int many_left(void) {
        for (int i = 0; i < 40; i++)
                if (fork_until_executed() == 0) {
                        (void) execlp("sleep", "sleep", "62", NULL);
                        return EXIT_FAILURE;
                }
        return 3;
}

static int deaf_left(void) {
        (void) signal(SIGTERM, SIG_IGN);
        if (fork_until_executed() > 0)
                return EXIT_SUCCESS;
        (void) execlp("sleep", "sleep", "63", NULL);
        return EXIT_FAILURE;
}

static int stopped_left(void) {
        pid_t pid = fork();

        if (pid == 0) {
                (void) raise(SIGSTOP);
                return EXIT_SUCCESS;
        }
        return waitpid(pid, NULL, WUNTRACED) == pid ? EXIT_SUCCESS : EXIT_FAILURE;
}

static const Act acts[] = { ACT(daemon_left), ACT(many_left), ACT(deaf_left), ACT(stopped_left) };

/* --- control groups --------------------------------------------------------------------------------- */

static char parent[256]; /* of the groups of a test */

/* Nothing runs in them any more, unless a test has failed. */
static void kill_group(int group) {
        _cleanup_close_ int fd = openat(group, "cgroup.procs", O_RDONLY | O_CLOEXEC);
        _cleanup_fclose_ FILE *f = fd < 0 ? NULL : fdopen(fd, "re");
        int pid;

        fd = f ? -EBADF : fd;
        while (f && fscanf(f, "%d", &pid) == 1)
                (void) kill(pid, SIGKILL);
}

static void remove_below(int directory) {
        int fd = openat(directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        _cleanup_closedir_ DIR *dir = fd < 0 ? NULL : fdopendir(fd);
        struct dirent *entry;

        while (dir && (entry = readdir(dir))) {
                _cleanup_close_ int group = -EBADF;

                if (entry->d_type != DT_DIR || entry->d_name[0] == '.')
                        continue;
                group = openat(directory, entry->d_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
                remove_below(group);
                for (int i = 0; i < 1000 && unlinkat(directory, entry->d_name, AT_REMOVEDIR) < 0 && errno == EBUSY; i++) {
                        kill_group(group);
                        (void) sched_yield();
                }
        }
}

static void remove_groups(void) {
        _cleanup_close_ int fd = *parent ? open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -EBADF;

        if (fd < 0)
                return;
        remove_below(fd);
        (void) rmdir(parent);
}

/* Of a process: the one that runs all the tests. */
static bool find_parent(const char *mount, const char *controller, pid_t pid) {
        _cleanup_fclose_ FILE *f = fopen("/proc/self/cgroup", "re");
        char line[1024];

        while (f && fgets(line, sizeof(line), f)) {
                char *name = strchr(line, ':'), *path = name ? strchr(name + 1, ':') : NULL;

                if (!path)
                        continue;
                *path++ = 0;
                path[strcspn(path, "\n")] = 0;
                if (!streq(name + 1, controller))
                        continue;
                (void) snprintf(parent, sizeof(parent), "%s%s/codex-jobs-test-%d", mount, streq(path, "/") ? "" : path, pid);
                return true;
        }
        return false;
}

/* The next of the places where the service manager's groups may be, see tree.c. */
static bool next_parent(unsigned i, pid_t pid) {
        switch (i) {
        case 0:
                return find_parent("/sys/fs/cgroup/systemd", "name=systemd", pid);
        case 1:
                return find_parent("/sys/fs/cgroup", "", pid);
        default:
                return find_parent("/sys/fs/cgroup/unified", "", pid);
        }
}

static bool make_parent(void) {
        for (unsigned i = 0; i < 3; i++) {
                if (!next_parent(i, getppid()))
                        continue;
                remove_groups(); /* of a test that has failed */
                if (mkdir(parent, 0755) == 0)
                        return true;
        }
        return false;
}

/* Makes a group of that name. Returns its file of processes. */
static int make_group(const char *name) {
        char path[512];
        int fd;

        if (!*parent) {
                if (!make_parent())
                        test_skip("no control group can be made here");
                (void) atexit(remove_groups);
        }
        (void) snprintf(path, sizeof(path), "%s/%s", parent, name);
        check_ok(mkdir(path, 0755));
        (void) snprintf(path, sizeof(path), "%s/%s/cgroup.procs", parent, name);
        fd = open(path, O_RDWR | O_CLOEXEC);
        check(fd >= 0);
        if (dprintf(fd, "0\n") < 0) /* as the worker will */
                test_skip("no process can be put into a control group here");
        (void) snprintf(path, sizeof(path), "%s/../cgroup.procs", parent);
        {
                _cleanup_close_ int back = open(path, O_WRONLY | O_CLOEXEC);

                check(back >= 0 && dprintf(back, "0\n") > 0);
        }
        return fd;
}

/* The pids in a group, each between line ends. It is opened anew: a file shows again what it has shown. */
static const char *read_group(int group) {
        static char text[8192];
        _cleanup_close_ int fd = -EBADF;
        char path[64];
        ssize_t n;

        (void) snprintf(path, sizeof(path), "/proc/self/fd/%d", group);
        fd = open(path, O_RDONLY | O_CLOEXEC);
        n = read(fd, text + 1, sizeof(text) - 2);
        check(n >= 0);
        text[0] = '\n';
        text[n + 1] = 0;
        return text;
}

static bool is_in_group(int group, pid_t pid) {
        char number[16];

        (void) snprintf(number, sizeof(number), "\n%d\n", pid);
        return strstr(read_group(group), number);
}

/* A process of that group, which is none of the worker's, and which executes its program already: while it begins to,
 * valgrind may lose a signal. */
static pid_t start_beside(int group) {
        int executed[2];
        pid_t pid;
        char byte;

        check_ok(pipe2(executed, O_CLOEXEC));
        pid = fork();
        check(pid >= 0);
        if (pid == 0) {
                (void) prctl(PR_SET_PDEATHSIG, SIGKILL);
                if (dprintf(group, "0\n") < 0)
                        _exit(EXIT_FAILURE);
                (void) execlp("sleep", "sleep", "64", NULL);
                _exit(EXIT_FAILURE);
        }
        (void) close(executed[1]);
        check_int(read(executed[0], &byte, 1), 0);
        (void) close(executed[0]);
        check(is_in_group(group, pid));
        return pid;
}

static bool is_alone_in_group(int group, pid_t pid) {
        char number[16];

        (void) snprintf(number, sizeof(number), "\n%d\n", pid);
        return streq(read_group(group), number);
}

static void supervise_in(Supervised *s, const char *name) {
        int group = make_group(name);

        supervise_init(s);
        s->group = group;
        s->trailer.stop_timeout_usec = 20 * USEC_PER_SEC;
}

/* --- a group that is not the job's ------------------------------------------------------------------ */

/* Where it was started by hand: in the group is all that somebody has started in a session, or the host. */
static void check_bystander(const char *name) {
        _cleanup_supervised_ Supervised s;
        pid_t pid;

        supervise_in(&s, name);
        pid = start_beside(s.group);
        s.trailer.stop_timeout_usec = 0;
        supervise_shell(&s, "exec sleep 60");
        supervise_begin(&s);
        check_ok(kill(s.pid, SIGTERM));
        check_end(supervise_until_ended(&s), WORKER_CAUSE_STOP, CLD_KILLED, SIGKILL);
        check_int(s.message.left_size, 0);
        supervise_wait(&s);
        check_int(waitpid(pid, NULL, WNOHANG), 0); /* lives */
        check(kill(pid, SIGKILL) == 0 && waitpid(pid, NULL, 0) == pid);
}

static void session_scope(void) {
        check_bystander("session-1.scope");
}

static void another_job(void) {
        check_bystander(JOB_UNIT_PREFIX "job-0000000001" JOB_UNIT_SUFFIX);
}

static void similar_names(void) {
        check_bystander("x" OWN_NAME);
        check_bystander(OWN_NAME "x");
        check_bystander(JOB_UNIT_PREFIX "x-" WORKER_JOB JOB_UNIT_SUFFIX);
}

/* --- that of the job -------------------------------------------------------------------------------- */

/* What the command leaves behind is ended, and named. */
/* By SIGTERM, and not by what comes when the time for that is over. */
static void check_ended_in_time(const Supervised *s) {
        check(s->message.ended.ended_usec - s->message.ended.started_usec < s->trailer.stop_timeout_usec / 2);
}

static void check_left(const char *act, int status, const char *name) {
        _cleanup_supervised_ Supervised s;
        _cleanup_free_ char *left = NULL;

        supervise_in(&s, OWN_NAME);
        supervise_act(&s, act);
        s.trailer.stop_timeout_usec = streq(act, "deaf_left") ? 100 * USEC_PER_MSEC : s.trailer.stop_timeout_usec;
        supervise_begin(&s);
        check_end(supervise_until_ended(&s), WORKER_CAUSE_ITSELF, CLD_EXITED, status);
        check(s.message.ended.final);
        left = strndup(s.message.left, s.message.left_size);
        check_contains(left, name);
        check(is_alone_in_group(s.group, s.pid));
        if (!streq(act, "deaf_left"))
                check_ended_in_time(&s);
        supervise_let_go(&s);
}

static void nothing_left(void) {
        _cleanup_supervised_ Supervised s;

        supervise_in(&s, OWN_NAME);
        supervise_shell(&s, "sleep 0 & sleep 0 & wait; exit 4");
        check_end(supervise_run(&s), WORKER_CAUSE_ITSELF, CLD_EXITED, 4);
        check_int(s.message.left_size, 0);
}

static void left_in_background(void) {
        check_left("daemon_left", 0, " sleep 61");
}

static void left_many(void) {
        check_left("many_left", 3, " and 32 more");
}

static void left_deaf(void) {
        check_left("deaf_left", 0, " sleep 63");
}

static void left_stopped(void) {
        check_left("stopped_left", 0, " ");
}

/* All of them hear of it when the job is stopped, and have their time. */
static void stopped(void) {
        _cleanup_supervised_ Supervised s;

        supervise_in(&s, OWN_NAME);
        supervise_shell(&s, "mkfifo second; (trap 'echo one; exit' TERM; : >second; while :; do sleep 0.01; done) & "
                            "trap 'echo two >&2; wait; exit 5' TERM; : <second; : >gate; while :; do sleep 0.01; done");
        supervise_begin(&s);
        supervise_pass_gate(O_RDONLY);
        check_ok(kill(s.pid, SIGTERM));
        check_end(supervise_until_ended(&s), WORKER_CAUSE_STOP, CLD_EXITED, 5);
        check_int(s.message.left_size, 0); /* it was not the command that left it */
        supervise_wait(&s);
        check_string(s.out, "one\n");
        check_contains(s.err, "two\n");
}

static void check_terminated(pid_t pid) {
        int status;

        check(waitpid(pid, &status, 0) == pid && WIFSIGNALED(status));
        check_int(WTERMSIG(status), SIGTERM);
}

/* One that somebody has put there is no child of the worker's: its end is awaited as well. */
static void of_another_parent(void) {
        _cleanup_supervised_ Supervised s;
        pid_t pid;

        supervise_in(&s, OWN_NAME);
        pid = start_beside(s.group);
        supervise_shell(&s, "exit 6");
        supervise_begin(&s);
        check_terminated(pid);
        check_end(supervise_until_ended(&s), WORKER_CAUSE_ITSELF, CLD_EXITED, 6);
        check(s.message.left_size > 0);
        check_ended_in_time(&s);
        supervise_let_go(&s);
}

/* Of another user, and it does not go: that is said, and what is to be done with it is for others. */
static void not_permitted(void) {
        _cleanup_supervised_ Supervised s;
        _cleanup_free_ char *left = NULL, *expected = NULL;
        pid_t pid;

        if (getuid() != 0)
                test_skip("only root can start what another user may not end");
        supervise_in(&s, OWN_NAME);
        s.uid = 1234567;
        s.trailer.stop_timeout_usec = 100 * USEC_PER_MSEC;
        pid = start_beside(s.group);
        supervise_shell(&s, "exit 6");
        supervise_begin(&s);
        check_end(supervise_until_ended(&s), WORKER_CAUSE_ITSELF, CLD_EXITED, 6);
        check_int(s.message.ended.final, 0);
        left = strndup(s.message.left, s.message.left_size);
        check(asprintf(&expected, "PID %d (root): sleep 64", pid) > 0);
        check_string(left, expected);
        check(kill(pid, SIGKILL) == 0 && waitpid(pid, NULL, 0) == pid);
        check_end(supervise_until_ended(&s), WORKER_CAUSE_ITSELF, CLD_EXITED, 6);
        check(s.message.ended.final);
        supervise_let_go(&s);
}

static void check_below(Supervised *s, int below) {
        pid_t pid = start_beside(below);

        supervise_shell(s, "exit 6");
        supervise_begin(s);
        check_terminated(pid);
        check_end(supervise_until_ended(s), WORKER_CAUSE_ITSELF, CLD_EXITED, 6);
        supervise_let_go(s);
}

/* A group below that of the unit, as container engines make them. */
static void group_below(void) {
        _cleanup_supervised_ Supervised s;
        _cleanup_close_ int below = -EBADF;

        supervise_in(&s, OWN_NAME);
        below = make_group(OWN_NAME "/below");
        check_below(&s, below);
}

/* As one that wants to be overlooked would make them. */
static void group_far_below(void) {
        char name[sizeof(OWN_NAME) + 2 * 100] = OWN_NAME;
        _cleanup_supervised_ Supervised s;
        _cleanup_close_ int below = -EBADF;

        supervise_in(&s, OWN_NAME);
        for (size_t n = strlen(name); n < sizeof(name) - 1; n += 2) {
                (void) strcat(name, "/x");
                closep(&below);
                below = make_group(name);
        }
        check_below(&s, below);
}

int main(int argc, char *argv[]) {
        static const Test tests[] = {
                TEST(session_scope), TEST(another_job), TEST(similar_names), TEST(nothing_left),
                TEST(left_in_background), TEST(left_many), TEST(left_deaf), TEST(left_stopped), TEST(stopped),
                TEST(of_another_parent), TEST(not_permitted), TEST(group_below), TEST(group_far_below),
        };
        int r;

        r = supervise_test_main(argc, argv, acts, ELEMENTSOF(acts), tests, ELEMENTSOF(tests));
        for (unsigned i = 0; i < 3 && !getenv("ACT"); i++)
                if (next_parent(i, getpid()))
                        remove_groups();
        return r;
}
