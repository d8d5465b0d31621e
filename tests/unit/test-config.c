/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

#include <sys/stat.h>

#include "config.h"
#include "test.h"
#include "text-new.h"

static const Config defaults = {
        .max_running = 16,
        .stop_timeout_usec = 10 * USEC_PER_SEC,
        .output_max = UINT64_C(1) << 30,
        .retention_max_age_usec = UINT64_C(30) * 24 * 3600 * USEC_PER_SEC,
        .retention_max_bytes = UINT64_C(10) << 30,
        .max_queued_user = 10000,
        .max_queued = 100000,
        .max_awaits_user = 4096,
        .max_stored_user = 100000,
        .max_stored_bytes_user = UINT64_C(20) << 30,
};

static void check_config(const Config *config, const Config *expected) {
        check_int(config->max_running, expected->max_running);
        check_int(config->stop_timeout_usec, expected->stop_timeout_usec);
        check_int(config->runtime_max_usec, expected->runtime_max_usec);
        check_int(config->output_max, expected->output_max);
        check_int(config->retention_max_age_usec, expected->retention_max_age_usec);
        check_int(config->retention_max_bytes, expected->retention_max_bytes);
        check_int(config->max_running_user, expected->max_running_user);
        check_int(config->max_queued_user, expected->max_queued_user);
        check_int(config->max_queued, expected->max_queued);
        check_int(config->max_awaits_user, expected->max_awaits_user);
        check_int(config->max_stored_user, expected->max_stored_user);
        check_int(config->max_stored_bytes_user, expected->max_stored_bytes_user);
}

/* Loads a file of that text, over values that must not survive. */
static Config load(const char *text) {
        const char *path = test_path("codex-jobs.conf");
        FILE *f = fopen(path, "we");
        Config config;

        check(f);
        config_init(&config);
        config.max_running = config.max_running_user = 77;
        config.runtime_max_usec = config.retention_max_bytes = 77;
        check(fputs(text, f) >= 0);
        check(fclose(f) == 0);
        check_ok(config_load(&config, path));
        return config;
}

static void without_file(void) {
        Config config;

        config_init(&config);
        check_config(&config, &defaults);

        config.max_running = 77;
        check_ok(config_load(&config, test_path("missing.conf")));
        check_config(&config, &defaults);
        check_string(test_log(), "");
}

static void empty_file(void) {
        Config config = load("");

        check_config(&config, &defaults);
        check_string(test_log(), "");
}

static void all_settings(void) {
        Config config = load("# A comment\n"
                             "; another\n"
                             "[Jobs]\n"
                             "MaxRunning=4\n"
                             "StopTimeoutSec = 1min 30s\n"
                             "RuntimeMaxSec=2h\n"
                             "OutputMax=64M\n"
                             "RetentionMaxAgeSec=1w\n"
                             "RetentionMaxBytes=5G\n"
                             "MaxRunningPerUser=6\n"
                             "MaxQueuedPerUser=7\n"
                             "MaxQueued=8\n"
                             "MaxAwaitsPerUser=9\n"
                             "MaxStoredPerUser=10\n"
                             "MaxStoredBytesPerUser=11\n");
        const Config expected = {
                .max_running = 4,
                .stop_timeout_usec = 90 * USEC_PER_SEC,
                .runtime_max_usec = 7200 * USEC_PER_SEC,
                .output_max = 64 << 20,
                .retention_max_age_usec = UINT64_C(7) * 24 * 3600 * USEC_PER_SEC,
                .retention_max_bytes = UINT64_C(5) << 30,
                .max_running_user = 6,
                .max_queued_user = 7,
                .max_queued = 8,
                .max_awaits_user = 9,
                .max_stored_user = 10,
                .max_stored_bytes_user = 11,
        };

        check_config(&config, &expected);
        check_string(test_log(), "");
}

static void last_one_holds(void) {
        Config config = load("[Jobs]\nMaxRunning=4\nMaxRunning=5\n[Jobs]\nMaxRunning=6");

        check_int(config.max_running, 6);
}

static void infinity(void) {
        Config config = load("[Jobs]\nRuntimeMaxSec=infinity\nOutputMax=infinity\nRetentionMaxAgeSec=infinity\n"
                             "RetentionMaxBytes=infinity\nMaxStoredBytesPerUser=infinity\n"), expected = defaults;

        expected.runtime_max_usec = expected.output_max = expected.retention_max_age_usec = 0;
        expected.retention_max_bytes = expected.max_stored_bytes_user = 0;
        check_config(&config, &expected);
        check_string(test_log(), "");
}

static void ends_of_ranges(void) {
        Config config, expected = defaults;

        config = load("[Jobs]\nMaxRunning=1\nStopTimeoutSec=0\nRuntimeMaxSec=1\nOutputMax=1\n");
        expected.max_running = expected.output_max = 1;
        expected.stop_timeout_usec = 0;
        expected.runtime_max_usec = USEC_PER_SEC;
        check_config(&config, &expected);

        config = load("[Jobs]\nMaxRunning=100000\nStopTimeoutSec=1h\nRuntimeMaxSec=9223372036854775807us\n"
                      "OutputMax=9223372036854775807\n");
        expected.max_running = 100000;
        expected.stop_timeout_usec = 3600 * USEC_PER_SEC;
        expected.runtime_max_usec = expected.output_max = INT64_MAX;
        check_config(&config, &expected);
        check_string(test_log(), "");
}

/* A value that cannot be is said, with its name, and the default stays. */
static void bad_values(void) {
        static const char *const lines[] = {
                "MaxRunning=0",
                "MaxRunning=100001",
                "MaxRunning=-1",
                "MaxRunning=many",
                "MaxRunning=",
                "MaxRunning=4294967297",
                "MaxRunning=infinity",
                "MaxRunning=18446744073709551616",
                "StopTimeoutSec=3601",
                "StopTimeoutSec=infinity",
                "RuntimeMaxSec=0",
                "RuntimeMaxSec=999ms",
                "RuntimeMaxSec=soon",
                "OutputMax=0",
                "OutputMax=8388608T",
                "OutputMax=1 G",
                "RetentionMaxAgeSec=0",
                "RetentionMaxBytes=0",
                "MaxRunningPerUser=0",
                "MaxQueuedPerUser=0",
                "MaxQueued=10000001",
                "MaxAwaitsPerUser=0",
                "MaxStoredPerUser=infinity",
                "MaxStoredBytesPerUser=0",
        };

        for (size_t i = 0; i < ELEMENTSOF(lines); i++) {
                size_t logged = strlen(test_log());
                _cleanup_free_ char *text = NULL;
                Config config;

                check(asprintf(&text, "[Jobs]\n%s\n", lines[i]) > 0);
                config = load(text);
                check_config(&config, &defaults);
                check_contains(test_log() + logged, lines[i]);
                check_contains(test_log() + logged, "Invalid or out-of-range setting");
        }
}

/* The service starts with the rest, whatever is on one line. */
static void slips(void) {
        Config config = load("MaxRunning=2\n"
                             "[Job]\n"
                             "MaxRunning=3\n"
                             "[Jobs]\n"
                             "maxrunning=4\n"
                             "Colour=red\n"
                             "this is no line\n"
                             "StopTimeoutSec=5\n"), expected = defaults;

        expected.stop_timeout_usec = 5 * USEC_PER_SEC;
        check_config(&config, &expected);
        check_contains(test_log(), "Unknown section []");
        check_contains(test_log(), "Unknown section [Job]");
        check_contains(test_log(), "Unknown setting maxrunning=");
        check_contains(test_log(), "Unknown setting Colour=");
        check_contains(test_log(), ":7: ");
}

static void last_line_without_end(void) {
        Config config = load("[Jobs]\nMaxRunning=3");

        check_int(config.max_running, 3);
}

static void line_ends_of_another_system(void) {
        Config config = load("\xef\xbb\xbf[Jobs]\r\nMaxRunning=3\r\n");

        check_int(config.max_running, 3);
        check_string(test_log(), "");
}

static void long_line(void) {
        _cleanup_free_ char *text = NULL;
        Config config, expected = defaults;

        check(asprintf(&text, "[Jobs]\nMaxRunning=%04000d\nStopTimeoutSec=5\n", 0) > 0);
        config = load(text);
        expected.stop_timeout_usec = 5 * USEC_PER_SEC;
        check_config(&config, &expected);
        check(!isempty(test_log()));
}

static void queues(void) {
        Config config = load("[Queue gpu]\nMaxRunning=4\nMaxRunningPerUser=2\nAllowGroups=root 1234\nAllowGroups=77\nRuntimeMaxSec=1h\n"
                             "OutputMax=5M\n[Queue bare]\n[Jobs]\nMaxRunning=3\n[Queue gpu]\nMaxRunning=5\n");
        const ConfigQueue *gpu = config_find_queue(&config, "gpu"), *bare = config_find_queue(&config, "bare");

        check_int(config.max_running, 3);
        check_int(config.n_queues, 2);
        check(gpu && bare && !config_find_queue(&config, "default"));
        check_int(gpu->max_running, 5);
        check_int(gpu->max_running_user, 2);
        check_int(gpu->runtime_max_usec, 3600 * USEC_PER_SEC);
        check_int(gpu->output_max, 5 << 20);
        check_string(gpu->groups, "root 1234 77");
        check_int(gpu->n_gids, 3);
        check(config_queue_allows(gpu, (uint32_t[]) { 5, 77 }, 2) && config_queue_allows(gpu, (uint32_t[]) { 0 }, 1));
        check(!config_queue_allows(gpu, (uint32_t[]) { 5, 78 }, 2) && !config_queue_allows(gpu, NULL, 0));
        check(config_queue_allows(bare, NULL, 0));
        check_int(bare->max_running, 0);
        check_string(test_log(), "");
        config_clear(&config);
        check_int(config.n_queues, 0);
}

/* Nobody is in a group that does not exist: such a queue is not for everybody. */
static void queues_with_slips(void) {
        Config config = load("[Queue a]\nAllowGroups=no-such-group\n[Queue default]\nMaxRunning=1\n"
                             "[Queue a/b]\nMaxRunning=1\n[Queue xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx]\nMaxRunning=1\n"
                             "[Queue b]\nAllowGroups=root\nAllowGroups=\n");
        const ConfigQueue *a = config_find_queue(&config, "a"), *b = config_find_queue(&config, "b");

        check_int(config.n_queues, 2);
        check(a && !config_queue_allows(a, (uint32_t[]) { 0 }, 1) && !a->is_closed);
        check_string(a->problem, "AllowGroups=no-such-group");
        check(b && config_queue_allows(b, NULL, 0) && !b->problem && !b->is_closed);
        check_contains(test_log(), "Group no-such-group of queue a");
        check_contains(test_log(), "ignoring [Queue default]");
        check_contains(test_log(), "ignoring [Queue a/b]");
        check_contains(test_log(), "ignoring [Queue xxx");
        config_clear(&config);
}

/* Such a line closes its queue, which names it, and no other one. */
static void closed_queues(void) {
        static const struct {
                const char *lines, *problem;
        } cases[] = {
                { "Launcher=slrum", "Launcher=slrum" },
                { "Launcher=Slurm", "Launcher=Slurm" },
                { "Launcher=", "Launcher=" },
                { "Launcher=slurm\nLauncher=slrum", "Launcher=slrum" },
                { "Launcher=slrum\nLauncher=slurm\nColour=red", "Launcher=slrum" },
                { "Luncher=slurm", "Luncher=slurm" },
                { "launcher=slurm", "launcher=slurm" },
                { "Launcher slurm", "Launcher slurm" },
                { "  Launcher slurm", "Launcher slurm" },
                { "Launcher ; =slurm", "Launcher ; =slurm" },
                { "Launcher=slurm\n nonsense", "Launcher=nonsense" },
                { "[Queue next\nLauncher=slurm", "[Queue next" },
                { "MaxRunning=two", "MaxRunning=two" },
                { "MaxRunning=0", "MaxRunning=0" },
                { "MaxRunningPerUser=65536", "MaxRunningPerUser=65536" },
                { "RuntimeMaxSec=0", "RuntimeMaxSec=0" },
                { "OutputMax=-1", "OutputMax=-1" },
                { "AllowGroup=root", "AllowGroup=root" },
                { "AllowGroups=no-such-group\nMaxRunning=x", "MaxRunning=x" },
                { "Launcher=slurm\nSlurmConf=slurm.conf", "SlurmConf=slurm.conf" },
                { "Launcher=slurm\nOptions=--account=\xff", "Options=--account=\xef\xbf\xbd" },
                { "Launcher=slurm\nOptions=--account=\x01", "Options=--account= " },
                { "Options=--partition=main", "Options= without Launcher=" },
                { "SlurmConf=/etc/slurm.conf", "SlurmConf= without Launcher=" },
                { "Host=build.example.com", "Host= without Launcher=" },
                { "Launcher=host", "Launcher=host without Host=" },
                { "Launcher=host\nHost=build\nHost=", "Launcher=host without Host=" },
                { "Launcher=host\nHost=-oProxyCommand", "Host=-oProxyCommand" },
                { "Launcher=host\nHost=root@-x", "Host=root@-x" },
                { "Launcher=host\nHost=a;b", "Host=a;b" },
                { "Launcher=host\nHost=build\nOptions=--partition", "Options=--partition" },
                { "Launcher=host\nHost=build\nOptions=--user --user", "Options=--user --user" },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_free_ char *text = text_new("[Jobs]\nMaxRunning=3\n[Queue a]\n%s\n[Queue b]\nMaxRunning=2\n", cases[i].lines);
                Config config = load(text);
                const ConfigQueue *a = config_find_queue(&config, "a"), *b = config_find_queue(&config, "b");

                check_int(config.n_queues, 2);
                check(a && a->is_closed && b && !b->is_closed && !b->problem);
                check_string(a->problem, cases[i].problem);
                check_int(b->max_running, 2);
                check_int(config.max_running, 3);
                config_clear(&config);
        }
}

/* Of Options= that are too long, some would be lost on the way. */
static void options_of_a_queue(void) {
        _cleanup_free_ char *text = NULL;
        size_t size;
        FILE *f = open_memstream(&text, &size);
        Config config;

        check(f);
        for (unsigned queue = 0; queue < 2; queue++) {
                (void) fprintf(f, "[Queue q%u]\nLauncher=slurm\nOptions=a ; comment\n\n# comment\n", queue);
                for (unsigned i = 0; i < 63 + queue; i++)
                        (void) fprintf(f, "Options=-%u\n", i);
        }
        (void) fprintf(f, "[Queue long]\nLauncher=slurm\nOptions=%0600d\nOptions=%0600d\n", 0, 0);
        (void) fprintf(f, "[Queue spread]\nLauncher=local\nOptions=-a\n\t-b\nSlurmConf: /etc/slurm.conf\n");
        check(fclose(f) == 0);
        config = load(text);
        check_int(config.n_queues, 4);
        check(!config.queues[0].is_closed && config.queues[1].is_closed && config.queues[2].is_closed);
        check(!config.queues[3].is_closed && !config.queues[3].launcher);
        check_string(config.queues[3].options, "-a -b");
        check_string(config.queues[3].slurm_conf, "/etc/slurm.conf");
        config_clear(&config);
}

static void too_many_queues(void) {
        _cleanup_free_ char *text = NULL;
        size_t size;
        FILE *f = open_memstream(&text, &size);
        Config config;

        check(f);
        for (unsigned i = 0; i <= CONFIG_QUEUES_MAX; i++)
                (void) fprintf(f, "[Queue q%u]\n", i);
        check(fclose(f) == 0);
        config = load(text);
        check_int(config.n_queues, CONFIG_QUEUES_MAX);
        check_contains(test_log(), "ignoring [Queue q100]");
        config_clear(&config);
}

/* What was in force stays so. */
static void no_access(void) {
        const char *path = test_path("codex-jobs.conf"), *folder = test_path("folder");
        Config config = load("[Jobs]\nMaxRunning=3\n"), expected = config;

        check_int(config.max_running, 3);
        check_ok(unlink(path));
        check_ok(symlink(path, path));
        check_error(config_load(&config, path), -ELOOP);
        check_config(&config, &expected);

        check_ok(mkdir(folder, 0700));
        check_error(config_load(&config, folder), -EIO);
        check_config(&config, &expected);
}

TEST_MAIN(TEST(without_file), TEST(empty_file), TEST(all_settings), TEST(last_one_holds), TEST(infinity),
          TEST(ends_of_ranges), TEST(bad_values), TEST(slips), TEST(last_line_without_end),
          TEST(line_ends_of_another_system), TEST(long_line), TEST(queues), TEST(queues_with_slips), TEST(closed_queues),
          TEST(options_of_a_queue), TEST(too_many_queues), TEST(no_access))
