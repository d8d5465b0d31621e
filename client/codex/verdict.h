/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */
#pragma once

/* Whether Codex did what it was asked to, and if not, what to report. Success is narrow: Codex exited with 0, or was
 * stopped as it stayed, its turn was completed and did not fail, and there is a final message. Does no I/O. */

#include <signal.h>

#include "complaint.h"
#include "turn.h"

enum {
        VERDICT_FAILURE = 1,       /* if there is no exit status of Codex to pass on */
        VERDICT_OWN_FAILURE = 125, /* of this program */
        VERDICT_NOT_EXECUTABLE = 126,
        VERDICT_NOT_FOUND = 127,
        VERDICT_SIGNALLED = 128, /* + n: by signal n */
};

typedef struct Ending {
        siginfo_t process; /* how codex ended, as waitid(2) reports it */
        int stopped;       /* the signal with which this program was stopped, 0: none */
        bool sent_home;    /* the answer was there, and it was stopped as it stayed */
        bool half_line;    /* its output ended inside an event */
        bool is_review;
        const char *expected_thread; /* the one that was to be resumed, NULL: any will do. Not owned. */
} Ending;

/* Whether the turn's thread is another than was to be resumed. */
bool ending_has_wrong_thread(const Ending *ending, const Turn *turn);

/* Whether the message is the answer, and not something on the way to it. */
bool verdict_has_answer(const Turn *turn, const Ending *ending);

typedef struct Verdict {
        int status;       /* to exit with */
        char *text;       /* the error and its remedy, on one line; NULL: success */
        const char *next; /* the command that fixes it; NULL: continue the thread. Not owned. */
} Verdict;

/* Judges. Returns 0 with ret set, which the caller clears, or -ENOMEM. */
int verdict_make(const Turn *turn, const Ending *ending, const Complaint *complaint, Verdict *ret);

/* The same for a program that could not be started, with the errno of that. */
int verdict_not_started(const char *program, int error, Verdict *ret);

void verdict_clear(Verdict *verdict);
#define _cleanup_verdict_ _cleanup_(verdict_clear)
