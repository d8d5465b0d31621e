/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

/* The configuration file. Whatever is in it, the service starts with values that it can work with. */

#include <sys/mman.h>

#include "bus-names.h"
#include "config.h"
#include "fuzz.h"
#include "job-id.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        _cleanup_close_ int fd = memfd_create("fuzz", MFD_CLOEXEC);
        Config config;
        char path[64];

        fuzz_check(fd >= 0 && write(fd, data, size) == (ssize_t) size);
        (void) snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
        config_init(&config);
        fuzz_check(config_load(&config, path) == 0);
        fuzz_check(config.max_running >= 1 && config.max_running <= 100000);
        fuzz_check(config.stop_timeout_usec <= 3600 * USEC_PER_SEC);
        fuzz_check(config.runtime_max_usec == 0 || config.runtime_max_usec >= USEC_PER_SEC);
        fuzz_check(config.runtime_max_usec <= INT64_MAX && config.output_max <= INT64_MAX);
        fuzz_check(config.max_running_user <= 100000);
        fuzz_check(config.max_queued_user >= 1 && config.max_queued >= 1 && config.max_awaits_user >= 1);
        fuzz_check(config.max_stored_user >= 1);
        fuzz_check(config.n_queues <= CONFIG_QUEUES_MAX);
        for (size_t i = 0; i < config.n_queues; i++) {
                const ConfigQueue *queue = &config.queues[i];

                fuzz_check(config_find_queue(&config, queue->name) == queue && !streq(queue->name, JOB_QUEUE_DEFAULT));
                fuzz_check(job_queue_is_valid(queue->name) && strlen(queue->name) <= CONFIG_QUEUE_MAX);
                fuzz_check(queue->max_running <= JOB_QUEUE_RUNNING_MAX && queue->max_running_user <= JOB_QUEUE_RUNNING_MAX);
                fuzz_check(queue->n_gids == 0 || queue->groups);
        }
        config_clear(&config);
        return 0;
}
