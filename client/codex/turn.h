/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */
#pragma once

/* The turn of Codex so far: the facts used for progress, verdict and result. Bounded, except for the message. Does no
 * I/O. */

#include "event.h"

#define TURN_COMMANDS_MAX 100U /* the latest of them */
#define TURN_FILES_MAX 500U
#define TURN_OPEN_MAX 32U
#define TURN_COMMAND_MAX 400U /* bytes of one that are kept */
#define TURN_REASON_MAX 400U

/* An item that has started and not completed. */
typedef struct TurnOpen {
        char *id;
        ItemType item;
        char *text;     /* of a command or a tool; NULL: none */
        size_t n_files; /* of an edit */
        uint64_t begun_usec;
} TurnOpen;

typedef struct TurnCommand {
        char *command; /* as it is shown */
        bool has_exit_code;
        int exit_code;
} TurnCommand;

typedef struct TurnFile {
        char *path; /* UTF-8 */
        char *kind; /* add, update or delete; NULL: unknown */
} TurnFile;

typedef struct Turn {
        bool begun;
        bool completed;
        bool failed;
        char *thread_id; /* these are NULL while unknown */
        char *failure;   /* why the turn failed: one line */
        char *last_error;

        char *message; /* the latest: the answer once the turn is completed. May have NUL bytes. */
        size_t message_size;
        bool message_lost; /* there was a later one, too long to be read */

        size_t n_commands; /* of which the last TURN_COMMANDS_MAX are kept, number i at i modulo that */
        TurnCommand commands[TURN_COMMANDS_MAX];
        size_t n_files, n_files_omitted;
        TurnFile files[TURN_FILES_MAX];
        TokenUsage usage; /* of the whole thread, including earlier turns; zeros: unknown */

        size_t n_open;
        TurnOpen open[TURN_OPEN_MAX]; /* oldest first */
} Turn;

/* Takes in an event that came at now_usec (CLOCK_MONOTONIC). Returns 0 or -ENOMEM. */
int turn_event(Turn *turn, const Event *event, uint64_t now_usec);

/* The open item with this ID, NULL if there is none (id may be NULL). */
const TurnOpen *turn_find_open(const Turn *turn, const char *id);

/* The open item that started last, NULL if there is none. */
const TurnOpen *turn_newest_open(const Turn *turn);

void turn_clear(Turn *turn);
