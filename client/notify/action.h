/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */
#pragma once

/* Actions of notifications: opening the result or the log of a job, or retrying it. Each calls the service, which may
 * be started for it. */

#include "link.h"
#include "settings.h"
#include "viewer.h"

typedef struct Actions Actions;

/* settings must live as long as the actions and may change. report is called with messages for the user. */
int actions_new(Viewer *viewer, const Settings *settings,
                void (*report)(const char *summary, const char *text, void *userdata), void *userdata, Actions **ret);
Actions *actions_free(Actions *a);
DEFINE_CLEANUP(Actions *, actions_free);

/* key is that of the action, one we do not know does nothing; token may be NULL. */
void actions_run(Actions *a, Link *link, const char *job, const char *key, const char *token);

/* Opens a text that is there already. */
void actions_open(Actions *a, const char *name, const char *text, const char *token);
