/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What the requests of each user take of the service's memory, from the time that they were read to their answer:
 * those that wait for jobs, for polkit(8), for their turn, for the disk. Beyond a bound more are refused, so that it
 * is the caller who waits and not everybody for the memory. */

#include <stdint.h>
#include <sys/queue.h>

#define ACCOUNT_MAX (UINT64_C(64) * 1024 * 1024) /* bytes of a user; one request may always come */

typedef struct Account Account;
typedef LIST_HEAD(AccountList, Account) AccountList;

/* Returns 0, -ENOMEM, or -EUSERS where size is too much beside what the user has there already. */
int account_charge(AccountList *list, uint32_t uid, uint64_t size);

/* Gives back what was charged. */
void account_discharge(AccountList *list, uint32_t uid, uint64_t size);
