/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */
#pragma once

/* Which finished jobs are shown, and how: each separately, or in a flood all in one notification that is replaced.
 * Remembers the jobs of notifications, for their actions. */

#include "follower.h"
#include "server.h"
#include "settings.h"

typedef struct Board Board;

/* What a notification that somebody acts on is about. */
typedef struct Shown {
        uint32_t id; /* of the server; 0: none */
        Link *link;  /* not owned; of the job */
        char *job;   /* its id; NULL: a summary of many */
        char *text;  /* of a summary: a line for each job */
} Shown;

typedef void (*board_action_t)(const Shown *shown, const char *key, const char *token, void *userdata);

/* settings must live as long as the board and may change. */
int board_new(sd_event *event, Link *session, const Settings *settings, board_action_t action, void *userdata,
              Board **ret);
Board *board_free(Board *b);
DEFINE_CLEANUP(Board *, board_free);

/* Adds a bus whose finished jobs are shown. Must be called before link_open(). */
int board_follow(Board *b, Link *link, void (*settled)(void *userdata), void *userdata);

/* Whether each follower has settled. */
bool board_is_settled(const Board *b);

/* Shows that a requested action failed; logs it if there is no server. */
void board_report(Board *b, const char *summary, const char *text);
