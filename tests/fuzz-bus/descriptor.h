/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */
#pragma once

/* File descriptors of every sort, to be handed over in calls. */

#include "random.h"

#define DESCRIPTORS_MAX 16 /* of one message: what dbus-daemon lets through */

/* A new one of a sort that is drawn; the caller closes it. */
int descriptor_new(Random *random);
