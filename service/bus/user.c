/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

#include <assert.h>
#include <stdlib.h>

#include "job-error.h"
#include "store.h"
#include "user.h"

/* Calls that the store processes at a time, and calls that wait for that; likewise checks of polkit. */
#define STORE_TURNS 2
#define LOOKUPS 64 /* records may have a result of 64 KiB */
#define QUESTIONS 8
#define WAITING_MAX 1024

User *user_get(UserList *list, uint32_t uid) {
        User *user;

        LIST_FOREACH(user, list, entry)
                if (user->uid == uid)
                        return user_ref(user);
        user = calloc(1, sizeof(*user));
        if (!user)
                return NULL;
        user->uid = uid;
        turns_init(&user->store, STORE_TURNS, WAITING_MAX);
        turns_init(&user->lookups, LOOKUPS, USER_CALLS_MAX);
        turns_init(&user->questions, QUESTIONS, WAITING_MAX);
        LIST_INSERT_HEAD(list, user, entry);
        return user_ref(user);
}

User *user_ref(User *user) {
        user->n_references++;
        return user;
}

User *user_unref(User *user) {
        if (!user || --user->n_references > 0)
                return NULL;

        assert(user->charged == 0 && user->n_calls == 0 && user->n_asking == 0 && user->n_awaits == 0 && user->n_making == 0);
        LIST_REMOVE(user, entry);
        free(user);
        return NULL;
}

int user_charge(User *user, uint64_t size) {
        if (size > 0 && user->charged > 0 && (size > USER_CHARGE_MAX || user->charged > USER_CHARGE_MAX - size))
                return -JOB_ERROR_TOO_MANY_CALLS;
        user->charged += size;
        return 0;
}

void user_discharge(User *user, uint64_t size) {
        assert(user->charged >= size);
        user->charged -= size;
}

bool user_may_call(const User *user) {
        return user->n_calls - user->n_awaits < USER_CALLS_MAX;
}

uint32_t user_visible_uid(uint32_t uid) {
        return uid == 0 ? STORE_ANY_UID : uid;
}

bool user_may_manage(uint32_t uid, uint32_t owner) {
        return uid == 0 || uid == owner;
}
