/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "pid-text.h"
#include "test.h"

/* A process that waits, with that name. Returns its pid. */
static pid_t start(const char *name) {
        int ends[2];
        char byte;
        pid_t pid;

        check_ok(pipe2(ends, O_CLOEXEC));
        pid = fork();
        check(pid >= 0);
        if (pid == 0) {
                (void) prctl(PR_SET_PDEATHSIG, SIGKILL);
                (void) execl("/bin/sleep", name, "987", NULL);
                _exit(EXIT_FAILURE);
        }
        (void) close(ends[1]);
        check(read(ends[0], &byte, 1) == 0); /* it is executed */
        (void) close(ends[0]);
        return pid;
}

static void end(pid_t pid) {
        check(kill(pid, SIGKILL) == 0 && waitpid(pid, NULL, 0) == pid);
}

static void names(void) {
        char text[1024], expected[1024];
        pid_t one = start("one"), two = start("t\nw\033o");
        size_t n;

        n = pid_text_append(one, false, text, sizeof(text), 0);
        n = pid_text_append(two, false, text, sizeof(text), n);
        (void) snprintf(expected, sizeof(expected), "%d one 987, %d t w o 987", one, two);
        check_string(text, expected);
        check_int(n, strlen(expected));
        end(one);
        end(two);
}

static void user(void) {
        char text[1024], expected[1024];
        pid_t pid = start("one");

        if (geteuid() != 0)
                test_skip("it knows the name of root alone");
        (void) pid_text_append(pid, true, text, sizeof(text), 0);
        (void) snprintf(expected, sizeof(expected), "PID %d (root): one 987", pid);
        check_string(text, expected);
        end(pid);
}

/* In a namespace without root. */
static void another_user(void) {
        char text[1024], expected[1024];
        pid_t pid = start("one"), child;
        int status;

        if (geteuid() != 0)
                test_skip("the process is to be of root");
        child = fork();
        check(child >= 0);
        if (child == 0) {
                if (unshare(CLONE_NEWUSER) < 0)
                        _exit(EXIT_SUCCESS); /* it is not allowed here */
                (void) pid_text_append(pid, true, text, sizeof(text), 0);
                (void) snprintf(expected, sizeof(expected), "PID %d (another user): one 987", pid);
                _exit(strcmp(text, expected) == 0 ? EXIT_SUCCESS : EXIT_FAILURE);
        }
        check(waitpid(child, &status, 0) == child && status == 0);
        end(pid);
}

static void long_line(void) {
        char name[200] = "", text[1024];
        pid_t pid;

        memset(name, 'x', sizeof(name) - 1);
        pid = start(name);
        (void) pid_text_append(pid, false, text, sizeof(text), 0);
        check_contains(text, "xxx…");
        check(strlen(text) < 80);
        end(pid);
}

/* Nothing is made up about it. */
static void unknown(void) {
        char text[1024], expected[1024];
        pid_t pid = start("one");

        end(pid);
        (void) pid_text_append(pid, true, text, sizeof(text), 0);
        (void) snprintf(expected, sizeof(expected), "PID %d (?): ?", pid);
        check_string(text, expected);
}

static void no_room(void) {
        char text[12];
        pid_t pid = start("a-long-name");
        size_t n = 0;

        for (int i = 0; i < 3; i++) {
                n = pid_text_append(pid, true, text, sizeof(text), n);
                check_int(n, sizeof(text) - 1);
                check_int(strlen(text), n);
        }
        end(pid);
}

TEST_MAIN(TEST(names), TEST(user), TEST(another_user), TEST(long_line), TEST(unknown), TEST(no_room))
