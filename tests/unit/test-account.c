/* SPDX-License-Identifier: Apache-2.0 */

#include "account.h"
#include "macro.h"
#include "test.h"

static void charges(void) {
        AccountList list = LIST_HEAD_INITIALIZER(list);

        check_ok(account_charge(&list, 1, ACCOUNT_MAX - 1));
        check_ok(account_charge(&list, 1, 1));
        check_int(account_charge(&list, 1, 1), -EUSERS);
        check_int(account_charge(&list, 1, UINT64_MAX), -EUSERS);
        check_ok(account_charge(&list, 1, 0));
        check_ok(account_charge(&list, 2, 1)); /* another user's */
        account_discharge(&list, 1, 1);
        check_ok(account_charge(&list, 1, 1));
        account_discharge(&list, 1, ACCOUNT_MAX);
        account_discharge(&list, 1, 0);
        account_discharge(&list, 2, 1);
        check(LIST_EMPTY(&list));
}

/* However large, or it could never come. */
static void one_may_always_come(void) {
        AccountList list = LIST_HEAD_INITIALIZER(list);

        check_ok(account_charge(&list, 1, 2 * ACCOUNT_MAX));
        check_int(account_charge(&list, 1, 1), -EUSERS);
        account_discharge(&list, 1, 2 * ACCOUNT_MAX);
        check_ok(account_charge(&list, 1, 1));
        account_discharge(&list, 1, 1);
        check(LIST_EMPTY(&list));
}

TEST_MAIN(TEST(charges), TEST(one_may_always_come))
