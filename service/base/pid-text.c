/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

#include <fcntl.h>
#include <pwd.h>
#include <sys/stat.h>

#include "macro.h"
#include "pid-text.h"

#define COMMAND_LINE_MAX 60 /* bytes of the command line that are shown */
#define NOBODY 65534         /* stands for users that our namespace has no number for, see user_namespaces(7) */
#define UNKNOWN "?" /* a process that is hidden, see hidepid= in proc(5), or gone */

static ssize_t read_proc(pid_t pid, const char *name, char *text, size_t size) {
        _cleanup_close_ int fd = -EBADF;
        char path[64];

        (void) snprintf(path, sizeof(path), "/proc/%d/%s", pid, name);
        fd = open(path, O_RDONLY | O_CLOEXEC);
        return fd < 0 ? -1 : read(fd, text, size);
}

/* The command line, or the name of a process without one. */
static void read_command_line(pid_t pid, char line[static COMMAND_LINE_MAX + 4]) {
        char text[COMMAND_LINE_MAX + 2];
        ssize_t n;

        n = read_proc(pid, "cmdline", text, sizeof(text));
        if (n <= 0)
                n = read_proc(pid, "comm", text, sizeof(text));
        while (n > 0 && (text[n - 1] == 0 || text[n - 1] == '\n'))
                n--;
        if (n <= 0) {
                (void) strcpy(line, UNKNOWN);
                return;
        }
        for (ssize_t i = 0; i < n; i++)
                if ((unsigned char) text[i] < ' ')
                        text[i] = ' ';
        (void) snprintf(line, COMMAND_LINE_MAX + 4, "%.*s%s", (int) MIN(n, COMMAND_LINE_MAX), text,
                        n > COMMAND_LINE_MAX ? "…" : "");
}

/* Whether our namespace has all users: that of a user's service often has only that one, depending on the version of systemd. */
static bool knows_all_users(void) {
        _cleanup_fclose_ FILE *f = fopen("/proc/self/uid_map", "re");
        unsigned first, outside, n;

        return f && fscanf(f, "%u %u %u", &first, &outside, &n) == 3 && first == 0 && outside == 0 && n == UINT32_MAX;
}

static void read_user(pid_t pid, char name[static 64]) {
        const struct passwd *user;
        char path[64];
        struct stat st;

        (void) snprintf(path, sizeof(path), "/proc/%d", pid);
        if (stat(path, &st) < 0) {
                (void) strcpy(name, UNKNOWN);
                return;
        }
        if (st.st_uid == NOBODY && !knows_all_users()) {
                (void) strcpy(name, "another user");
                return;
        }
        user = getpwuid(st.st_uid);
        if (user)
                (void) snprintf(name, 64, "%s", user->pw_name);
        else
                (void) snprintf(name, 64, "user %u", st.st_uid);
}

size_t pid_text_append(pid_t pid, bool with_user, char *text, size_t size, size_t n) {
        char line[COMMAND_LINE_MAX + 4], user[64];
        const char *comma = n > 0 ? ", " : "";
        int m;

        read_command_line(pid, line);
        if (with_user) {
                read_user(pid, user);
                m = snprintf(text + n, size - n, "%sPID %d (%s): %s", comma, pid, user, line);
        } else
                m = snprintf(text + n, size - n, "%s%d %s", comma, pid, line);
        return MIN(n + (size_t) MAX(m, 0), size - 1);
}
