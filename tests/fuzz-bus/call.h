/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */
#pragma once

/* One message to the service, from right to anything but. */

#include "value.h"

typedef enum CallKind {
        CALL_RIGHT,     /* a member with arguments that are right, or nearly */
        CALL_RANDOM,    /* the right types, any values */
        CALL_TYPES,     /* any types */
        CALL_STANDARD,  /* Properties, Introspectable, Peer, ObjectManager */
        CALL_ELSEWHERE, /* a path, interface or member that is not there */
        CALL_GIANT,     /* strings and arrays as large as the bus lets through */
        CALL_NO_CALL,   /* signals, answers to what was not asked */
        CALL_BROKEN,    /* the body is not what the signature says: the bus may end the connection */
        _CALL_KIND_MAX,
} CallKind;

extern const char *const call_kind_names[_CALL_KIND_MAX];

/* Fills in an empty message. Texts in it point into d->target or are static. */
void call_draw(Draw *d, CallKind kind);

CallKind call_draw_kind(Random *random);
