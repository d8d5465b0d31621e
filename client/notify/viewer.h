/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Opens a text on the desktop: a file of its own, which only this user can read, handed to the program of Opener=.
 * That is started by the user's service manager, so that it is neither confined as we are nor ends with us. */

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

/* failed is told, now or later, what a person is to know if it cannot be opened. */
void viewer_open(Viewer *v, const View *view, void (*failed)(const char *text, void *userdata), void *userdata);
