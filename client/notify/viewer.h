/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */
#pragma once

/* Opens a text on the desktop: in a separate file, readable only by this user, with the program of Opener=. It is
 * started by the service manager of the user, so that it is not confined like us and outlives us. */

#include "link.h"

typedef struct Viewer Viewer;

int viewer_new(Link *session, Viewer **ret);
Viewer *viewer_free(Viewer *v); /* deletes the files */
DEFINE_CLEANUP(Viewer *, viewer_free);

typedef struct View {
        const char *name;    /* of the file, without a slash */
        const char *text;
        char *const *opener; /* the command and its arguments */
        const char *token;   /* of xdg-activation, which lets the window come to the front; may be NULL */
} View;

/* failed is called, now or later, with a message for the user if it cannot be opened. */
void viewer_open(Viewer *v, const View *view, void (*failed)(const char *text, void *userdata), void *userdata);
