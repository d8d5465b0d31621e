/* SPDX-License-Identifier: Apache-2.0 */

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "account.h"

struct Account {
        LIST_ENTRY(Account) entry;
        uint32_t uid;
        uint64_t size; /* more than 0 */
};

static Account *find(const AccountList *list, uint32_t uid) {
        Account *account;

        LIST_FOREACH(account, list, entry)
                if (account->uid == uid)
                        return account;
        return NULL;
}

int account_charge(AccountList *list, uint32_t uid, uint64_t size) {
        Account *account = find(list, uid);

        if (size == 0)
                return 0;
        if (account && (size > ACCOUNT_MAX || account->size > ACCOUNT_MAX - size))
                return -EUSERS;
        if (!account) {
                account = calloc(1, sizeof(*account));
                if (!account)
                        return -ENOMEM;
                account->uid = uid;
                LIST_INSERT_HEAD(list, account, entry);
        }
        account->size += size;
        return 0;
}

void account_discharge(AccountList *list, uint32_t uid, uint64_t size) {
        Account *account = find(list, uid);

        if (size == 0)
                return;
        assert(account && account->size >= size);
        account->size -= size;
        if (account->size > 0)
                return;
        LIST_REMOVE(account, entry);
        free(account);
}
