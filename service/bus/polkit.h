/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */
#pragma once

/* Checks by polkit(8) whether the sender of a call may perform an action. Asynchronous, with the bus name of the
 * caller as subject; callers that allow it in the flags of their message may be asked for a password. Only a few
 * checks of each user are sent at a time: a bus limits the number of pending replies, and checks of one user must
 * not block those of others. */

#include <systemd/sd-bus.h>

#include "user.h"

#define POLKIT_ENQUEUE "org.codex.Jobs.enqueue"
#define POLKIT_READ_ALL "org.codex.Jobs.read-all"
#define POLKIT_MANAGE_ALL "org.codex.Jobs.manage-all"

typedef enum PolkitAnswer {
        POLKIT_ALLOWED,
        POLKIT_DENIED, /* also if polkit fails */
        POLKIT_ABSENT, /* it is not installed */
} PolkitAnswer;

typedef struct Question Question;

/* Checks whether the sender of call, who is user, may perform the action; calls back once, not from within, and
 * never after it was freed by the caller. */
typedef void (*QuestionCallback)(PolkitAnswer answer, void *userdata);
int question_new(Question **ret, User *user, sd_bus_message *call, const char *action, QuestionCallback callback, void *userdata);
Question *question_free(Question *question);
