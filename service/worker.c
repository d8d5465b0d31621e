/* SPDX-License-Identifier: Apache-2.0 */

/* codex-jobs-worker ID: what a job's unit executes. It reads the spec from its standard input, becomes
 * the command that the spec names, and is gone. Whatever keeps it from that it tells the unit's
 * manager by sd_notify(3) (ERRNO= and STATUS=) and the job's standard error, and exits with 127 when the
 * command does not exist, 126 otherwise. It runs as the job's user and needs no library. */

#include <fcntl.h>
#include <pwd.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "macro.h"
#include "spec-format.h"

/* The protocol of sd_notify(3): one datagram to $NOTIFY_SOCKET. */
static void notify(const char *message) {
        const char *path = getenv("NOTIFY_SOCKET");
        struct sockaddr_un address = { .sun_family = AF_UNIX };
        _cleanup_close_ int fd = -EBADF;
        size_t n = path ? strlen(path) : 0;

        if (n < 2 || n >= sizeof(address.sun_path))
                return;
        memcpy(address.sun_path, path, n);
        if (path[0] == '@')
                address.sun_path[0] = 0;
        fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        if (fd < 0)
                return;
        (void) sendto(fd, message, strlen(message), MSG_NOSIGNAL, (struct sockaddr *) &address,
                      (socklen_t) (offsetof(struct sockaddr_un, sun_path) + n));
}

/* Everybody can read the status of a unit: in it an ellipsis stands for the name. */
static int fail(int status, const char *what, const char *name, int error) {
        char message[256];

        (void) dprintf(STDERR_FILENO, "codex-jobs: " WORKER_CANNOT "%s %s: %s\n", what, name, strerror(error));
        (void) snprintf(message, sizeof(message), "ERRNO=%d\nSTATUS=" WORKER_CANNOT "%s …: %s", error, what,
                        strerror(error));
        notify(message);
        return status;
}

static int fail_description(const char *id, int error) {
        return fail(126, "read the description of", id ?: "the job", error);
}

/* Replaces standard input, which was the spec, by what the job is to read. The memfd is new, so that
 * /dev/stdin opens to the data and not to the spec. */
static int become_stdin(const SpecHeader *header) {
        off_t offset = (off_t) (sizeof(*header) + header->strings_size);
        _cleanup_close_ int fd = -EBADF;
        uint64_t left = header->stdin_size;

        if (left == SPEC_NO_STDIN)
                fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
        else
                fd = memfd_create("codex-job-stdin", MFD_CLOEXEC);
        if (fd < 0)
                return -errno;
        while (left > 0 && left != SPEC_NO_STDIN) {
                ssize_t n = sendfile(fd, STDIN_FILENO, &offset, left);

                if (n <= 0)
                        return n < 0 ? -errno : -EBADMSG;
                left -= (uint64_t) n;
        }
        if (header->stdin_size != SPEC_NO_STDIN && lseek(fd, 0, SEEK_SET) < 0)
                return -errno;
        return dup2(fd, STDIN_FILENO) < 0 ? -errno : 0;
}

/* systemd sets these for a unit with User=, and in a user's manager; a unit of root has none. */
static void set_user_variables(void) {
        const struct passwd *user;

        if (getenv("HOME"))
                return;
        user = getpwuid(getuid());
        if (!user)
                return;
        (void) setenv("HOME", user->pw_dir, false);
        (void) setenv("USER", user->pw_name, false);
        (void) setenv("LOGNAME", user->pw_name, false);
        (void) setenv("SHELL", user->pw_shell, false);
}

static int map_spec(SpecHeader *ret_header, char **ret_strings) {
        struct stat st;
        char *map;

        if (fstat(STDIN_FILENO, &st) < 0)
                return -errno;
        if (st.st_size < (off_t) sizeof(*ret_header))
                return -EBADMSG;
        map = mmap(NULL, (size_t) st.st_size, PROT_READ | PROT_WRITE, MAP_PRIVATE, STDIN_FILENO, 0);
        if (map == MAP_FAILED)
                return -errno;
        memcpy(ret_header, map, sizeof(*ret_header));
        if (ret_header->magic != SPEC_MAGIC || ret_header->n_argv == 0 ||
            ret_header->strings_size > (uint64_t) st.st_size - sizeof(*ret_header))
                return -EBADMSG;
        *ret_strings = map + sizeof(*ret_header);
        return 0;
}

int main(int argc, char *argv[]) {
        _cleanup_free_ char **command = NULL, *home = NULL;
        char *p = NULL, *end, *directory;
        SpecHeader header = {};
        int r;

        (void) futimens(STDERR_FILENO, NULL); /* "I was executed", see output_was_touched() */
        r = map_spec(&header, &p);
        if (r < 0 || !p)
                return fail_description(argv[1], r < 0 ? -r : EBADMSG);
        end = p + header.strings_size;
        command = calloc((size_t) header.n_argv + 1, sizeof(char *));
        directory = spec_next_string(&p, end);
        if (!command || !directory)
                return fail_description(argv[1], ENOMEM);

        set_user_variables();
        if (!*directory) { /* the user's, not what the job's environment says */
                home = strdup(getenv("HOME") ?: "/");
                if (!home)
                        return fail_description(argv[1], ENOMEM);
                directory = home;
        }

        for (uint32_t i = 0; i < header.n_argv; i++) {
                command[i] = spec_next_string(&p, end);
                if (!command[i])
                        return fail_description(argv[1], EBADMSG);
        }
        for (uint32_t i = 0; i < header.n_environment; i++) {
                char *entry = spec_next_string(&p, end);

                if (!entry)
                        return fail_description(argv[1], EBADMSG);
                if (putenv(entry) != 0)
                        return fail(126, "set the environment of", command[0], errno);
        }
        if (p != end)
                return fail_description(argv[1], EBADMSG);
        if (chdir(directory) < 0)
                return fail(126, "enter the working directory", directory, errno);
        r = become_stdin(&header);
        if (r < 0)
                return fail(126, "set up standard input of", command[0], -r);

        (void) execvp(command[0], command);
        return fail(errno == ENOENT ? 127 : 126, "execute", command[0], errno);
}
