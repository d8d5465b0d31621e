/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */
#pragma once

/* Buses of other hosts and of containers, reached as systemctl(1) does with --host and --machine. */

#include <systemd/sd-bus.h>

#include "macro.h"

/* Words of the command line; at most one of the first two is set. */
typedef struct Remote {
        const char *host;    /* [USER@]HOST[:PORT][/CONTAINER] for ssh(1) */
        const char *machine; /* [USER@]CONTAINER of this host */
        bool batch;          /* nobody can be asked for a password; an attempt to connect does not take long */
} Remote;

/* What is set; NULL for this host. remote may be NULL. */
const char *remote_name(const Remote *remote);

/* Whether a word may be used: it is shown in commands, and becomes an argument of ssh(1). */
bool remote_is_valid(const char *word);

/* A program, such as ssh(1), whose standard streams are a connection to a bus. */
typedef struct Bridge Bridge;

/* Prepares a connection that is not started yet. *ret_bridge is NULL if no program is needed. */
int remote_prepare(const Remote *remote, bool system, sd_bus *bus, Bridge **ret_bridge);

/* Ends the program. */
Bridge *bridge_free(Bridge *bridge);
DEFINE_CLEANUP(Bridge *, bridge_free);

/* For a connection that has ended: the last line that the program wrote on stderr. The caller frees it; NULL: none. */
char *bridge_complaint(Bridge *bridge);
