/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */
#pragma once

/* A connection to a bus that sends any bytes: a library would refuse to send what is wrong. Answers are only
 * matched with their calls. */

#include "descriptor.h"
#include "writer.h"

#define RAW_CALLS_MAX 96 /* that wait for an answer: dbus-daemon lets a connection have 128 */
#define RAW_ANSWER_USEC (120 * USEC_PER_SEC) /* whoever does not answer for so long hangs */

/* The types and flags of messages, and the fields of their headers; see the D-Bus specification. */
enum { TYPE_CALL = 1, TYPE_RETURN, TYPE_ERROR, TYPE_SIGNAL };
enum { FLAG_NO_REPLY = 1, FLAG_NO_START = 2, FLAG_INTERACTIVE = 4 };

typedef struct RawMessage {
        uint8_t type, flags;
        const char *path, *interface, *member, *error; /* NULL: left out */
        uint32_t reply_serial;                         /* 0: left out */
        char signature[256];
        Writer body;
        int fds[DESCRIPTORS_MAX]; /* owned */
        unsigned n_fds;
} RawMessage;

void raw_message_clear(RawMessage *m);

typedef struct RawBus RawBus;

/* Connects, as the user who runs this. */
int raw_bus_new(RawBus **ret, const char *socket_path);
RawBus *raw_bus_free(RawBus *bus);
DEFINE_CLEANUP(RawBus *, raw_bus_free);

/* Sends the message to the service, and reads answers meanwhile. answered is called for each call that was
 * answered, with the name of the error or NULL. -ECONNRESET: the bus has closed the connection. */
typedef void (*RawAnswered)(const char *error, void *userdata);
int raw_bus_send(RawBus *bus, const RawMessage *m);
void raw_bus_set_answered(RawBus *bus, RawAnswered answered, void *userdata);

/* Reads answers until no more than so many calls wait, or -ETIMEDOUT. */
int raw_bus_wait(RawBus *bus, unsigned n_waiting, uint64_t timeout_usec);
unsigned raw_bus_waiting(const RawBus *bus);

uint64_t now_usec(void);
