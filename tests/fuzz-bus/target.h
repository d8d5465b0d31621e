/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */
#pragma once

/* What there is to be called: members as the introspection of the service tells them, and ids of jobs. */

#include <systemd/sd-bus.h>

#include "macro.h"

#define TARGET_MEMBERS_MAX 64
#define TARGET_ARGUMENTS_MAX 8
#define TARGET_PROPERTIES_MAX 128
#define TARGET_IDS_MAX 256

typedef struct TargetMember {
        char interface[64], name[64];
        unsigned n_arguments; /* that go in */
        struct {
                char name[32], type[32];
        } arguments[TARGET_ARGUMENTS_MAX];
} TargetMember;

typedef struct TargetProperty {
        char interface[64], name[64];
} TargetProperty;

typedef struct Target {
        TargetMember members[TARGET_MEMBERS_MAX];
        unsigned n_members;
        TargetProperty properties[TARGET_PROPERTIES_MAX];
        unsigned n_properties;
        char ids[TARGET_IDS_MAX][48]; /* the newest of them, some live */
        unsigned n_ids;
} Target;

/* Asks the service. A job of the caller's that has not ended is made and cancelled for it. */
int target_read(Target *ret, sd_bus *bus);

/* Asks for the ids that there are by now, of jobs in that state; NULL: in any. */
int target_read_ids(Target *target, sd_bus *bus, const char *state);

const TargetMember *target_find(const Target *target, const char *name);
