/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Questions to polkit(8): whether the sender of a call may do something that is not his by itself. Asynchronous, with
 * the caller's bus name as subject; whoever allows it in his message's flags may be asked for a password. Of each user a
 * few questions are asked at a time and the others wait: a bus bounds how many answers we may wait for in all,
 * and what one user asks is not to keep another's question from being put. */

#include <systemd/sd-bus.h>

#include "user.h"

#define POLKIT_ENQUEUE "org.codex.Jobs.enqueue"
#define POLKIT_READ_ALL "org.codex.Jobs.read-all"
#define POLKIT_MANAGE_ALL "org.codex.Jobs.manage-all"

typedef enum PolkitAnswer {
        POLKIT_ALLOWED,
        POLKIT_DENIED, /* also when polkit fails */
        POLKIT_ABSENT, /* it is not installed */
} PolkitAnswer;

typedef struct Question Question;

/* Asks whether the sender of call, who is user, may do that; calls back once, not from within, and never after it was freed,
 * which the caller does. */
typedef void (*QuestionCallback)(PolkitAnswer answer, void *userdata);
int question_new(Question **ret, User *user, sd_bus_message *call, const char *action, QuestionCallback callback, void *userdata);
Question *question_free(Question *question);
