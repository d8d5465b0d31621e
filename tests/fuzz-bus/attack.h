/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */
#pragma once

/* What one user does to the service: call after call, and an account of the answers. */

#include <systemd/sd-bus.h>

#include "call.h"

#define ATTACK_ERRORS_MAX 40
#define ATTACK_RECENT_MAX 40

typedef struct AttackPlan {
        const char *socket_path;
        uint64_t seed;
        uint64_t seconds; /* 0: until the calls are made */
        uint64_t calls;   /* 0: until the time is over */
        bool one_by_one;  /* waits for an answer, though not for long, before the next call */
} AttackPlan;

/* Lies in memory that the processes share. */
typedef struct AttackReport {
        uint64_t sent[_CALL_KIND_MAX];
        uint64_t cut_off;   /* connections that the bus closed */
        uint64_t dropped;   /* calls that waited for their answers then */
        uint64_t answered;
        struct {
                char name[96];
                uint64_t count;
        } errors[ATTACK_ERRORS_MAX];
        char failure[256];  /* "": none */
        char recent[ATTACK_RECENT_MAX][160]; /* what was sent last, for whoever looks for the cause */
        uint64_t n_recent;
        uint64_t slowest_usec; /* one by one: the call that was answered last of all, and how late */
        char slowest[160];
} AttackReport;

/* Whether the service stood it; if not, report->failure says what happened. */
bool attack(const AttackPlan *plan, AttackReport *report);

void attack_print(const AttackReport *report);

/* A connection of a library's, for what is no attack. */
int attack_open_bus(sd_bus **ret, const char *socket_path);
