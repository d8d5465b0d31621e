/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

/* codex-jobs setup: whether all programs are of the same build. */

#include "build-config.h"
#include "build-tag.h"
#include "process.h"
#include "setup.h"

#define WORKER_USEC (5 * USEC_PER_SEC)

/* One that does not know --version is of another build, too. */
static int ask_worker(char **ret) {
        int r, status = 0;

        r = process_output((const char *const[]) { WORKER_PATH, "--version", NULL }, WORKER_USEC, ret, &status);
        if (r >= 0 && status == 0)
                return 0;
        free(*ret);
        *ret = NULL;
        return r == -ENOMEM || access(WORKER_PATH, X_OK) < 0 ? -ENOENT : 0;
}

static int report_difference(Setup *s, const char *client, const char *worker) {
        JsonCheck check = { .name = "build", .status = "warning", .remedy = "install the same version of all programs" };

        if (worker && streq(client, worker)) {
                check.remedy = "restart the service";
                check.command = s->system ? "systemctl restart codex-jobsd" : "systemctl --user restart codex-jobsd";
        }
        return setup_report(s, &check, "programs differ: client %s, service %s, worker %s", client, s->service_version,
                            worker ?: "unknown");
}

int setup_check_build(Setup *s) {
        _cleanup_free_ char *worker = NULL;
        const char *client = build_version();

        if (!s->reachable)
                return setup_report(s, &(const JsonCheck) { .name = "build", .status = "skipped" }, "requires the service");
        if (ask_worker(&worker) < 0)
                return setup_report(s,
                                    &(const JsonCheck) { .name = "build", .status = "failed", .remedy = "reinstall codex-jobs" },
                                    "cannot execute %s", WORKER_PATH);
        if (!worker || !streq(worker, client) || !streq(s->service_version, client))
                return report_difference(s, client, worker);
        return setup_report(s, &(const JsonCheck) { .name = "build", .status = "ok" }, "client, service and worker are %s", client);
}
