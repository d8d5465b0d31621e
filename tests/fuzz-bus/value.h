/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */
#pragma once

/* Values of any type, at random: numbers at the ends of their ranges, texts that mean something to the service
 * and texts that mean nothing to anybody, dictionaries of its options, containers in containers. */

#include "raw-bus.h"
#include "target.h"

typedef struct Draw {
        Random *random;
        const Target *target;
        RawMessage *message;  /* which the values go to */
        size_t giant;         /* bytes that a string or an array may grow to; 0: none is large */
        unsigned depth;
} Draw;

/* Appends a value for each complete type of the signature. */
void value_append(Draw *d, const char *signature);

/* Appends what would be right for an argument of that name; one of an unknown name gets a value of its type. */
void value_append_argument(Draw *d, const char *name, const char *type);

/* A signature of complete types; valid, as far as containers are not too deep. */
void value_draw_signature(Draw *d, char ret[static 256]);

/* An id, the beginning of one, or something like it. */
void value_draw_id(Draw *d, char ret[static 64]);
