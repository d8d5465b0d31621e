/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */
#pragma once

/* A user with connections on the bus or pending calls: the use of shared resources by all of them together, so that
 * those who ask for much have to wait, and not everybody. */

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "turns.h"

#define USER_CHARGE_MAX (UINT64_C(64) * 1024 * 1024) /* bytes of pending calls; a single one is always allowed */
#define USER_CALLS_MAX 16384U /* pending calls, besides those that wait for jobs: these have a limit of their own */

typedef struct User {
        LIST_ENTRY(User) entry;
        unsigned n_references; /* by connections and pending calls */
        uint32_t uid;
        uint64_t charged;    /* bytes of pending calls, from reading them to their reply */
        uint32_t n_calls;    /* pending calls; the disk may be slow */
        uint32_t n_asking;   /* calls that wait for permission */
        uint32_t n_awaits;   /* calls that wait for jobs */
        uint32_t n_making;   /* calls that make another queue */
        Turns store;         /* of calls that occupy it for longer */
        Turns lookups;       /* of calls that read one record from it */
        Turns questions;     /* to polkit */
} User;
typedef LIST_HEAD(UserList, User) UserList;

/* Returns the user with that uid, with a reference owned by the caller; NULL: out of memory. */
User *user_get(UserList *list, uint32_t uid);
User *user_ref(User *user);
User *user_unref(User *user);

/* Returns 0, or -JOB_ERROR_TOO_MANY_CALLS if size is too much in addition to the current charge; the second one
 * reverts it. */
int user_charge(User *user, uint64_t size);
void user_discharge(User *user, uint64_t size);

/* Whether another call may be pending. */
bool user_may_call(const User *user);

/* The uid whose jobs a user sees: their own, or STORE_ANY_UID for uid 0. */
uint32_t user_visible_uid(uint32_t uid);

/* Whether a user may see and manage the jobs of owner. */
bool user_may_manage(uint32_t uid, uint32_t owner);
