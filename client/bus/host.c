/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

#include <fcntl.h>
#include <pwd.h>
#include <sys/stat.h>
#include <systemd/sd-daemon.h>

#include "host.h"
#include "text-new.h"

/* ---- systemd ---- */

bool host_runs_systemd(void) {
        return sd_booted() != 0;
}

/* The beginning of a small file, without the newline at its end. NULL: it cannot be read. */
static char *read_small(const char *path) {
        _cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
        char text[256];
        ssize_t n;

        if (fd < 0)
                return NULL;
        n = read(fd, text, sizeof(text) - 1);
        if (n <= 0)
                return NULL;
        text[n] = 0;
        text[strcspn(text, "\n")] = 0;
        return strdup(text);
}

char *host_init(void) {
        return read_small("/proc/1/comm") ?: strdup("unknown");
}

static bool is_wsl(void) {
        _cleanup_free_ char *release = read_small("/proc/sys/kernel/osrelease");

        return release && strcasestr(release, "microsoft");
}

static bool is_container(void) {
        return access("/.dockerenv", F_OK) >= 0 || access("/run/.containerenv", F_OK) >= 0 || !isempty(getenv("container"));
}

const char *host_init_remedy(void) {
        if (is_wsl())
                return "enable systemd in WSL, in /etc/wsl.conf, and restart it";
        if (is_container())
                return "start the container with systemd as its init, or run codex-jobs on the host";
        return "use a host that is booted with systemd; in a sandbox, run codex-jobs outside it";
}

const char *host_init_command(void) {
        return is_wsl() ? "printf '[boot]\\nsystemd=true\\n' | sudo tee -a /etc/wsl.conf && wsl.exe --shutdown" : NULL;
}

/* ---- Lingering ---- */

/* Where logind does not run, nothing ends with a logout. The file is that of org.freedesktop.login1(5). */
bool host_stops_user_manager(void) {
        const struct passwd *user = getpwuid(getuid());
        _cleanup_free_ char *path = NULL;

        if (!user || access("/run/systemd/users", F_OK) < 0)
                return false;
        path = text_new("/var/lib/systemd/linger/%s", user->pw_name);
        if (!path)
                return false;
        return access(path, F_OK) < 0 && errno == ENOENT;
}

/* ---- The runtime directory ---- */

static char *foreign; /* in words */

/* Whether a directory is there and belongs to another user. */
static bool is_foreign(const char *path, uid_t *ret) {
        struct stat st;

        if (stat(path, &st) < 0 || st.st_uid == geteuid())
                return false;
        *ret = st.st_uid;
        return true;
}

static int remember(const char *path, uid_t uid) {
        const struct passwd *owner = getpwuid(uid);

        free(foreign);
        foreign = owner ? text_new("%s, which belongs to %s", path, owner->pw_name) :
                          text_new("%s, which belongs to UID %u", path, (unsigned) uid);
        return foreign ? 0 : -ENOMEM;
}

/* The directory of the socket in "unix:path=/run/user/0/bus,guid=…". The caller frees it; NULL: it is another address. */
static char *directory_of_address(const char *address) {
        const char *path = startswith(address, "unix:path="), *end;

        if (!path)
                return NULL;
        end = memrchr(path, '/', strcspn(path, ",;"));
        return end ? strndup(path, (size_t) (end - path)) : NULL;
}

static int take_own(void) {
        char own[sizeof("/run/user/4294967295")];
        struct stat st;
        int r;

        (void) snprintf(own, sizeof(own), "/run/user/%u", (unsigned) geteuid());
        r = stat(own, &st) >= 0 && st.st_uid == geteuid() ? setenv("XDG_RUNTIME_DIR", own, true) :
                                                           unsetenv("XDG_RUNTIME_DIR");
        return r < 0 ? -errno : 0;
}

static int leave_foreign_address(void) {
        const char *address = getenv("DBUS_SESSION_BUS_ADDRESS");
        _cleanup_free_ char *directory = address ? directory_of_address(address) : NULL;
        uid_t uid;
        int r;

        if (!directory || !startswith(directory, "/run/user/") || !is_foreign(directory, &uid))
                return 0;
        r = remember(directory, uid);
        (void) unsetenv("DBUS_SESSION_BUS_ADDRESS");
        return r;
}

static int leave_foreign_runtime(void) {
        const char *runtime = getenv("XDG_RUNTIME_DIR");
        uid_t uid;
        int r;

        if (!runtime || *runtime != '/' || !is_foreign(runtime, &uid))
                return 0;
        r = remember(runtime, uid);
        return r < 0 ? r : take_own();
}

int host_use_own_runtime(void) {
        int r;

        r = leave_foreign_address();
        return r < 0 ? r : leave_foreign_runtime();
}

const char *host_foreign_runtime(void) {
        return foreign;
}
