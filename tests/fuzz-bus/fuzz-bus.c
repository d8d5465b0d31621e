/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

/* fuzz-bus system|user: sends the service whatever a bus lets through, as several users at once, and sees that it
 * stays the process that it was, answers every call, answers a Ping soon meanwhile, and is as small afterwards as it
 * was before. Runs as root in the sandbox, since it calls with root's rights what nobody has thought of. */

#include <getopt.h>
#include <grp.h>
#include <pwd.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "attack.h"
#include "watch.h"

#define USERS_MAX 8
#define FDS_GROWTH_MAX 8
#define BUSY_TIMES 3 /* that it may be, on a machine that has other things to do */
#define SETTLE_USEC (30 * USEC_PER_SEC)

typedef struct User {
        char name[32];
        uid_t uid;
        gid_t gid;
} User;

typedef struct Options {
        AttackPlan plan;
        User users[USERS_MAX];
        unsigned n_users;
        uint64_t busy_max_usec; /* 0: any */
        uint64_t growth_max;    /* bytes, 0: any */
} Options;

static volatile bool all_ended;
static volatile sig_atomic_t n_running;
static volatile bool any_failed;

static void on_child(int number) {
        int status;

        while (waitpid(-1, &status, WNOHANG) > 0) {
                any_failed = any_failed || status != 0;
                all_ended = --n_running == 0;
        }
}

static void *share(size_t size) {
        void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

        return memory == MAP_FAILED ? NULL : memory;
}

static int become(const User *user) {
        if (initgroups(user->name, user->gid) < 0 || setgid(user->gid) < 0 || setuid(user->uid) < 0)
                return -errno;
        return 0;
}

/* Starts what attacks, and pings until it has ended. */
static int attack_round(const Options *o, uint64_t seed, sd_bus *bus, pid_t pid, AttackReport *reports, WatchPings *pings) {
        sigset_t set, before;

        memset(reports, 0, o->n_users * sizeof(AttackReport));
        pings->n = 0;
        all_ended = false;
        n_running = (sig_atomic_t) o->n_users;
        (void) sigemptyset(&set);
        (void) sigaddset(&set, SIGCHLD);
        (void) sigprocmask(SIG_BLOCK, &set, &before);
        for (unsigned i = 0; i < o->n_users; i++) {
                AttackPlan plan = o->plan;
                pid_t child;

                plan.seed = seed + i;
                child = fork();
                if (child < 0)
                        return -errno;
                if (child == 0)
                        _exit(become(&o->users[i]) < 0 || !attack(&plan, &reports[i]));
        }
        (void) sigprocmask(SIG_SETMASK, &before, NULL);
        return watch_ping(bus, pid, &all_ended, pings);
}

/* What ends with the jobs ends soon after them; each look at it is behind a turn of the service's loop. */
static int settled_size(sd_bus *bus, pid_t pid, const WatchSize *wanted, WatchSize *ret) {
        uint64_t end = now_usec() + SETTLE_USEC;
        WatchPings *pings = calloc(1, sizeof(*pings));
        int r = pings ? 0 : -ENOMEM;

        do {
                if (r >= 0)
                        r = watch_ping_once(bus, pid, pings);
                if (r >= 0)
                        r = watch_size(pid, ret);
        } while (r >= 0 && ret->n_fds > wanted->n_fds + FDS_GROWTH_MAX && now_usec() < end);
        free(pings);
        return r;
}

static bool complain(const char *format, ...) _printf_(1, 2);
static bool complain(const char *format, ...) {
        va_list ap;

        va_start(ap, format);
        (void) printf("fuzz-bus: ");
        (void) vprintf(format, ap);
        (void) printf("\n");
        va_end(ap);
        return false;
}

static bool judge_size(const Options *o, const WatchSize *before, const WatchSize *after) {
        bool good = true;

        (void) printf("  memory %.1f MiB, then %.1f MiB; descriptors %u, then %u\n", (double) before->rss / (1 << 20),
                      (double) after->rss / (1 << 20), before->n_fds, after->n_fds);
        if (after->n_fds > before->n_fds + FDS_GROWTH_MAX)
                good = complain("the service keeps descriptors");
        if (o->growth_max > 0 && after->rss > before->rss + o->growth_max)
                good = complain("the service has grown by more than %" PRIu64 " MiB", o->growth_max >> 20);
        return good;
}

static bool judge(const Options *o, sd_bus *bus, pid_t pid, const AttackReport *reports, WatchPings *pings, int r) {
        bool good = !any_failed;
        pid_t now = 0;

        for (unsigned i = 0; i < o->n_users; i++) {
                (void) printf(" as %s:\n", o->users[i].name);
                attack_print(&reports[i]);
                if (reports[i].failure[0])
                        good = complain("as %s: %s", o->users[i].name, reports[i].failure);
        }
        watch_print(pings);
        if (r < 0)
                good = complain("a Ping was not answered: %s", strerror(-r));
        if (watch_find(bus, &now) < 0 || now != pid)
                good = complain("the service was process %d and is %d now", (int) pid, (int) now);
        if (o->busy_max_usec > 0 && pings->n > BUSY_TIMES && pings->busy[pings->n - 1 - BUSY_TIMES] > o->busy_max_usec)
                good = complain("the service did not answer for more than %" PRIu64 " ms, and more than %d times",
                                o->busy_max_usec / USEC_PER_MSEC, BUSY_TIMES);
        return good;
}

/* The first round is for what stays: caches, arenas, the largest message there will be. */
static bool run(const Options *o, sd_bus *bus) {
        AttackReport *reports = share(USERS_MAX * sizeof(AttackReport));
        WatchPings *pings = share(sizeof(WatchPings));
        WatchSize first, before, after;
        bool good = true;
        pid_t pid;
        int r;

        if (!reports || !pings)
                return complain("no memory");
        r = watch_find(bus, &pid);
        if (r >= 0)
                r = watch_size(pid, &first);
        for (unsigned round = 0; round < 2 && r >= 0 && good; round++) {
                (void) printf("Round %u, seed %" PRIu64 "\n", round + 1, o->plan.seed + round * USERS_MAX);
                (void) fflush(stdout);
                r = attack_round(o, o->plan.seed + round * USERS_MAX, bus, pid, reports, pings);
                good = judge(o, bus, pid, reports, pings, r);
                if (r >= 0)
                        r = settled_size(bus, pid, &first, round == 0 ? &before : &after);
        }
        if (r < 0)
                return complain("the service cannot be watched: %s", strerror(-r));
        return good && judge_size(o, &before, &after);
}

/* --- options --------------------------------------------------------------------------------------- */

static bool add_user(Options *o, const char *name) {
        const struct passwd *user = getpwnam(name);
        User *added = &o->users[o->n_users];

        if (!user || o->n_users == USERS_MAX)
                return complain("there is no user \"%s\", or more users than %d", name, USERS_MAX);
        *added = (User) { .uid = user->pw_uid, .gid = user->pw_gid };
        (void) snprintf(added->name, sizeof(added->name), "%s", name);
        o->n_users++;
        return true;
}

static int usage(void) {
        (void) fprintf(stderr, "fuzz-bus [--seconds N | --calls N] [--seed N] [--user NAME]... [--one-by-one]\n"
                               "         [--busy-max MSEC] [--growth-max MIB] system|user\n\n"
                               "  --seconds N       how long each of the two rounds takes (default: 10)\n"
                               "  --calls N         how many messages each user sends in a round\n"
                               "  --seed N          the same messages as with this seed before (default: 1)\n"
                               "  --user NAME       who calls, several at once (default: root and alice; of a user's scope\n"
                               "                    the one whose service it is: alice)\n"
                               "  --one-by-one      a user calls again when he was answered, so that a Ping tells how long one\n"
                               "                    call takes (but waits no longer than 2 s for what takes its time)\n"
                               "  --busy-max MSEC   fail when Pings wait so long for the service\n"
                               "  --growth-max MIB  fail when the second round makes the service larger by so much\n");
        return EXIT_FAILURE;
}

static bool parse_options(int argc, char *argv[], Options *o) {
        static const struct option options[] = {
                { "seconds", required_argument, NULL, 's' }, { "calls", required_argument, NULL, 'c' },
                { "seed", required_argument, NULL, 'r' }, { "user", required_argument, NULL, 'u' },
                { "busy-max", required_argument, NULL, 'b' }, { "growth-max", required_argument, NULL, 'g' }, { "one-by-one", no_argument, NULL, 'o' }, {},
        };
        uint64_t number;
        int c;

        while ((c = getopt_long(argc, argv, "", options, NULL)) >= 0) {
                if (c == 'u') {
                        if (!add_user(o, optarg))
                                return false;
                        continue;
                }
                if (c == '?')
                        return false;
                if (c == 'o') {
                        o->plan.one_by_one = true;
                        continue;
                }
                number = strtoull(optarg, NULL, 10);
                if (c == 's')
                        o->plan.seconds = number;
                else if (c == 'c')
                        o->plan.calls = number;
                else if (c == 'r')
                        o->plan.seed = number;
                else if (c == 'b')
                        o->busy_max_usec = number * USEC_PER_MSEC;
                else
                        o->growth_max = number << 20;
        }
        return optind + 1 == argc && (streq(argv[optind], "system") || streq(argv[optind], "user"));
}

static bool choose_users(Options *o, bool system_scope) {
        if (o->n_users > 0)
                return true;
        return (!system_scope || add_user(o, "root")) && add_user(o, "alice");
}

/* As its user: a bus may let nobody else in. */
static int open_bus(const Options *o, sd_bus **ret) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        int r;

        if (seteuid(o->users[o->n_users - 1].uid) < 0)
                return -errno;
        r = attack_open_bus(ret, o->plan.socket_path);
        if (r >= 0) /* which starts it */
                r = sd_bus_call_method(*ret, "org.codex.Jobs", "/org/codex/Jobs", "org.freedesktop.DBus.Peer", "Ping", NULL,
                                       &reply, NULL);
        return seteuid(0) < 0 ? -errno : r;
}

int main(int argc, char *argv[]) {
        Options o = { .plan = { .seconds = 10, .seed = 1 } };
        _cleanup_(sd_bus_flush_close_unrefp) sd_bus *bus = NULL;
        char path[64] = "/run/dbus/system_bus_socket";
        int r;

        if (!parse_options(argc, argv, &o))
                return usage();
        if (geteuid() != 0 || access("/run/sandbox", F_OK) < 0)
                return complain("it runs as root, in the sandbox: see tests/sandbox/run --help"), EXIT_FAILURE;
        if (!choose_users(&o, streq(argv[optind], "system")))
                return EXIT_FAILURE;
        if (streq(argv[optind], "user"))
                (void) snprintf(path, sizeof(path), "/run/user/%u/bus", (unsigned) o.users[0].uid);
        o.plan.socket_path = path;
        (void) signal(SIGCHLD, on_child);
        r = open_bus(&o, &bus);
        if (r < 0)
                return complain("cannot reach the service: %s", strerror(-r)), EXIT_FAILURE;
        if (!run(&o, bus))
                return EXIT_FAILURE;
        (void) printf("The service stood it.\n");
        return EXIT_SUCCESS;
}
