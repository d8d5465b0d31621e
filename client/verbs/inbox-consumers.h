/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */
#pragma once

/* The consumers of inboxes: codex-jobs inbox --consumers and --forget. */

#include "options.h"

/* Each returns 0, or a negative errno with the error of the invocation set. */
int inbox_consumers_show(Invocation *in);
int inbox_consumers_forget(Invocation *in, const char *name);
