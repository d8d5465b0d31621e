/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* A user who has connections on the bus, or requests that are not answered: what all of them take together of what is
 * shared, so that it is the one who asks for much who waits, and not everybody. */

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "turns.h"

#define USER_CHARGE_MAX (UINT64_C(64) * 1024 * 1024) /* bytes of requests; one may always come */

typedef struct User {
        LIST_ENTRY(User) entry;
        unsigned n_references; /* of connections and requests */
        uint32_t uid;
        uint64_t charged;    /* bytes that requests take from the time that they were read to their answer */
        uint32_t n_asking;   /* requests that wait for permission */
        uint32_t n_awaits;   /* calls that wait for jobs */
        Turns store;         /* of requests */
        Turns questions;     /* to polkit */
} User;
typedef LIST_HEAD(UserList, User) UserList;

/* The user of that uid, with a reference that is the caller's; NULL: out of memory. */
User *user_get(UserList *list, uint32_t uid);
User *user_ref(User *user);
User *user_unref(User *user);

/* Returns 0, or -JOB_ERROR_TOO_MANY_CALLS where size is too much beside what is charged already; gives it back. */
int user_charge(User *user, uint64_t size);
void user_discharge(User *user, uint64_t size);

/* The uid whose jobs a user sees: the user's own, or STORE_ANY_UID for uid 0. */
uint32_t user_visible_uid(uint32_t uid);

/* Whether a user may see and manage the jobs of owner. */
bool user_may_manage(uint32_t uid, uint32_t owner);
