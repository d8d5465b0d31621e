/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */
#pragma once

/* What the checks of "codex-jobs setup" share. */

#include "client-bus.h"
#include "render-json.h"

#define CHECKS_MAX 64
#define CHECKS_QUEUES_MAX 32 /* of those */

typedef struct Setup {
        Client *client; /* NULL: the bus cannot be reached */
        int client_failure; /* then, with its explanation */
        sd_bus_error client_error;
        bool system;
        JsonCheck checks[CHECKS_MAX];
        size_t n;
        char *texts[CHECKS_MAX];
        char *commands[CHECKS_MAX];
        char *remedies[CHECKS_MAX];
        char *codex;
        bool reachable;   /* the service */
        bool starts_jobs; /* it does, and there is a slot for one */
        char *service_version; /* with its build; set if reachable */
} Setup;

void setup_clear(Setup *s);

/* Adds the result of a check. remedy is NULL if there is nothing to fix, command if there is none for that. All but
 * the name and the status are copied. Returns 0 or -ENOMEM, as all checks do. */
int setup_report(Setup *s, const JsonCheck *check, const char *format, ...) _printf_(3, 4);

/* Checks of the host and of the environment. */
int setup_check_systemd(Setup *s);
int setup_check_runtime(Setup *s);
int setup_check_linger(Setup *s);
int setup_check_bus(Setup *s);
int setup_check_disk(Setup *s);
int setup_check_locale(Setup *s);

/* Looks at the entries of MCP clients. */
int setup_check_mcp(Setup *s);

/* Looks at the queues of the administrator, and has Slurm examined for those whose jobs run there. */
int setup_check_queues(Setup *s);

/* Compares the builds of the client, the service and the worker. */
int setup_check_build(Setup *s);
