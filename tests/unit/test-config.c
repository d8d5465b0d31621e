/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

#include <sys/stat.h>

#include "config.h"
#include "test.h"

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
        memset(&config, 77, sizeof(config));
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
          TEST(line_ends_of_another_system), TEST(long_line), TEST(no_access))
