/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "remote.h"
#include "text-new.h"

#define LAST_WORDS_MSEC 2000 /* a program that closed the connection exits; then it has written everything */
#define ARGUMENTS_MAX 16

struct Bridge {
        pid_t pid;
        int log; /* its stderr */
};

const char *remote_name(const Remote *remote) {
        return remote ? remote->host ?: remote->machine : NULL;
}

bool remote_is_valid(const char *word) {
        size_t n = strspn(word, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-@:/[]%+");

        return *word && !word[n] && *word != '-' && !strstr(word, "@-");
}

/* ---- The program ---- */

/* Signals of the keyboard are for us: without the connection the job could not be cancelled. */
static _Noreturn void become(const char *const *arguments, int connection, int log) {
        sigset_t none;

        (void) prctl(PR_SET_PDEATHSIG, SIGTERM);
        (void) sigemptyset(&none);
        (void) sigprocmask(SIG_SETMASK, &none, NULL);
        (void) signal(SIGINT, SIG_IGN);
        (void) signal(SIGQUIT, SIG_IGN);
        (void) signal(SIGPIPE, SIG_DFL);
        (void) signal(SIGXFSZ, SIG_DFL);
        if (dup2(log, STDERR_FILENO) >= 0 && dup2(connection, STDIN_FILENO) >= 0 && dup2(connection, STDOUT_FILENO) >= 0)
                (void) execvp(arguments[0], (char **) arguments);
        (void) dprintf(STDERR_FILENO, "cannot run %s: %s\n", arguments[0], strerror(errno));
        _exit(127);
}

static int bridge_new(const char *const *arguments, Bridge **ret, int *ret_fd) {
        _cleanup_(bridge_freep) Bridge *bridge = malloc(sizeof(Bridge));
        int pair[2];

        if (!bridge)
                return -ENOMEM;
        *bridge = (Bridge) { .pid = -1, .log = memfd_create("codex-jobs-bridge", MFD_CLOEXEC) };
        if (bridge->log < 0 || fcntl(bridge->log, F_SETFL, O_APPEND) < 0 ||
            socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) < 0)
                return -errno;
        bridge->pid = fork();
        if (bridge->pid == 0) {
                (void) fcntl(pair[1], F_SETFL, 0);
                become(arguments, pair[1], bridge->log);
        }
        (void) close(pair[1]);
        if (bridge->pid < 0) {
                int r = -errno;

                (void) close(pair[0]);
                return r;
        }
        *ret_fd = pair[0];
        *ret = TAKE_PTR(bridge);
        return 0;
}

Bridge *bridge_free(Bridge *bridge) {
        if (!bridge)
                return NULL;
        if (bridge->pid > 0) {
                (void) kill(bridge->pid, SIGTERM);
                (void) kill(bridge->pid, SIGCONT); /* in the background, a question for a password stops it */
                (void) waitpid(bridge->pid, NULL, 0);
        }
        closep(&bridge->log);
        free(bridge);
        return NULL;
}

static void wait_for_exit(const Bridge *bridge) {
        struct pollfd p = { .fd = (int) syscall(SYS_pidfd_open, bridge->pid, 0), .events = POLLIN };

        if (p.fd < 0)
                return;
        (void) poll(&p, 1, LAST_WORDS_MSEC);
        (void) close(p.fd);
}

char *bridge_complaint(Bridge *bridge) {
        off_t size;
        char text[1024];
        char *line;
        ssize_t n;

        wait_for_exit(bridge);
        size = lseek(bridge->log, 0, SEEK_END);
        n = pread(bridge->log, text, sizeof(text) - 1, MAX(size - (off_t) sizeof(text) + 1, (off_t) 0));
        while (n > 0 && strchr("\r\n. ", text[n - 1]))
                n--;
        if (n <= 0)
                return NULL;
        text[n] = 0;
        line = strrchr(text, '\n');
        if (line && startswith(line + 1, "Disconnected from ")) { /* the reason is before it */
                *line = 0;
                line = strrchr(text, '\n');
        }
        return strdup(line ? line + 1 : text);
}

/* ---- The way ---- */

/* Moves what follows the last separator out of a word. NULL: there is none. */
static char *split(char *word, char separator) {
        char *at = strrchr(word, separator);

        /* The colons of an IPv6 address are in brackets. */
        if (!at || (separator == ':' && strchr(at, ']')))
                return NULL;
        *at = 0;
        return at + 1;
}

static int bridge_to_host(const Remote *remote, bool system, Bridge **ret, int *ret_fd) {
        _cleanup_free_ char *host = strdup(remote->host);
        const char *arguments[ARGUMENTS_MAX] = { "ssh", "-xT", "-oServerAliveInterval=15", "-oServerAliveCountMax=4" };
        const char *container, *port;
        size_t n = 4;

        if (!host)
                return -ENOMEM;
        if (remote->batch) {
                arguments[n++] = "-oBatchMode=yes";
                arguments[n++] = "-oConnectTimeout=30";
        }
        container = split(host, '/');
        port = split(host, ':');
        if (port) {
                arguments[n++] = "-p";
                arguments[n++] = port;
        }
        arguments[n++] = "--";
        arguments[n++] = host;
        arguments[n++] = "systemd-stdio-bridge";
        if (!system) /* the option alone has no effect before systemd 253; a shell of any kind knows the variable */
                arguments[n++] = container ? "--user" : "-punix:path=$XDG_RUNTIME_DIR/bus";
        if (container) {
                arguments[n++] = "-M";
                arguments[n++] = container;
        }
        return bridge_new(arguments, ret, ret_fd);
}

/* The bus of a user, or a system bus as that user, needs a session in the container. */
static int bridge_to_session(const char *word, bool system, Bridge **ret, int *ret_fd) {
        const char *at = strrchr(word, '@'), *machine = at ? at + 1 : word;
        _cleanup_free_ char *user = NULL;
        const char *arguments[ARGUMENTS_MAX] = { "systemd-run", "-M", machine, "-PGq", "--wait" };
        size_t n = 5;

        user = text_new("-pUser=%.*s", at && at > word ? (int) (at - word) : 4, at && at > word ? word : "root");
        if (!user)
                return -ENOMEM;
        arguments[n++] = user;
        arguments[n++] = "-pPAMName=login";
        arguments[n++] = "systemd-stdio-bridge";
        if (!system)
                arguments[n++] = "-punix:path=${XDG_RUNTIME_DIR}/bus";
        return bridge_new(arguments, ret, ret_fd);
}

static int set_machine(sd_bus *bus, const char *machine) {
        _cleanup_free_ char *address = text_new("x-machine-unix:machine=%s", machine);

        if (!address)
                return -ENOMEM;
        return sd_bus_set_address(bus, address);
}

/* Whether systemd-machined(8) knows the container. */
static int check_machine(const char *word) {
        const char *at = strrchr(word, '@');
        _cleanup_free_ char *path = text_new("/run/systemd/machines/%s", at ? at + 1 : word);

        if (!path)
                return -ENOMEM;
        return streq(at ? at + 1 : word, ".host") || access(path, F_OK) >= 0 ? 0 : -errno;
}

int remote_prepare(const Remote *remote, bool system, sd_bus *bus, Bridge **ret_bridge) {
        _cleanup_(bridge_freep) Bridge *bridge = NULL;
        int fd = -EBADF, r;

        r = remote->machine ? check_machine(remote->machine) : 0;
        if (r < 0)
                return r;
        if (remote->machine && system && !strchr(remote->machine, '@'))
                return set_machine(bus, remote->machine);
        r = remote->host ? bridge_to_host(remote, system, &bridge, &fd) :
                           bridge_to_session(strempty(remote->machine), system, &bridge, &fd);
        if (r >= 0)
                r = sd_bus_set_fd(bus, fd, fd);
        if (r < 0)
                closep(&fd);
        else
                *ret_bridge = TAKE_PTR(bridge);
        return r;
}
