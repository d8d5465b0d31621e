/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

#include "job-error.h"
#include "macro.h"
#include "store.h"
#include "test.h"
#include "user.h"

static void charges(void) {
        UserList list = LIST_HEAD_INITIALIZER(list);
        User *user = user_get(&list, 1), *other = user_get(&list, 2);

        check(user && other);
        check_ok(user_charge(user, USER_CHARGE_MAX - 1));
        check_ok(user_charge(user, 1));
        check_int(user_charge(user, 1), -JOB_ERROR_TOO_MANY_CALLS);
        check_int(user_charge(user, UINT64_MAX), -JOB_ERROR_TOO_MANY_CALLS);
        check_ok(user_charge(user, 0));
        check_ok(user_charge(other, 1));
        user_discharge(user, 1);
        check_ok(user_charge(user, 1));
        user_discharge(user, USER_CHARGE_MAX);
        user_discharge(user, 0);
        user_discharge(other, 1);
        (void) user_unref(user);
        (void) user_unref(other);
        check(LIST_EMPTY(&list));
}

/* However large, or it could never come. */
static void one_may_always_come(void) {
        UserList list = LIST_HEAD_INITIALIZER(list);
        User *user = user_get(&list, 1);

        check_ok(user_charge(user, 2 * USER_CHARGE_MAX));
        check_int(user_charge(user, 1), -JOB_ERROR_TOO_MANY_CALLS);
        user_discharge(user, 2 * USER_CHARGE_MAX);
        check_ok(user_charge(user, 1));
        user_discharge(user, 1);
        (void) user_unref(user);
        check(LIST_EMPTY(&list));
}

/* Those that wait for jobs are not among them. */
static void calls(void) {
        UserList list = LIST_HEAD_INITIALIZER(list);
        User *user = user_get(&list, 1);

        user->n_calls = USER_CALLS_MAX - 1;
        check(user_may_call(user));
        user->n_calls++;
        check(!user_may_call(user));
        user->n_awaits++;
        check(user_may_call(user));
        user->n_calls = user->n_awaits = 0;
        (void) user_unref(user);
}

static void one_of_each_uid(void) {
        UserList list = LIST_HEAD_INITIALIZER(list);
        User *user = user_get(&list, 1);

        check(user_get(&list, 1) == user);
        check(user_ref(user) == user);
        check(!user_unref(user));
        check(!user_unref(user));
        check(LIST_FIRST(&list) == user);
        check(!user_unref(user));
        check(LIST_EMPTY(&list));
        check(!user_unref(NULL));
}

static void rules(void) {
        check_int(user_visible_uid(0), STORE_ANY_UID);
        check_int(user_visible_uid(1000), 1000);
        check_int(user_visible_uid(65534), 65534);
        check(user_may_manage(0, 1000));
        check(user_may_manage(1000, 1000));
        check(!user_may_manage(1000, 0));
        check(!user_may_manage(1000, 1001));
}

TEST_MAIN(TEST(charges), TEST(one_may_always_come), TEST(calls), TEST(one_of_each_uid), TEST(rules))
