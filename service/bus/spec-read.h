/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */
#pragma once

#include <systemd/sd-bus.h>

#include "spec.h"

/* Reads the arguments of Enqueue. On a mistake of the caller's returns a negative errno and sets error
 * to org.codex.Jobs.Error.InvalidArgument or LimitExceeded with a sentence for people. */
int spec_read(sd_bus_message *m, Spec *ret, sd_bus_error *error);

/* Likewise the options of Retry, which are some of those of Enqueue. */
int spec_read_retry(sd_bus_message *m, Spec *ret, sd_bus_error *error);

/* Likewise the changes of Edit: those that are not given are NULL, JOB_PRIORITY_NONE, JOB_MOMENT_NONE, or a limit of 0. */
int spec_read_edit(sd_bus_message *m, Spec *ret, sd_bus_error *error);

/* Whether arguments and environment are not too many. */
int spec_check_size(const Spec *spec, sd_bus_error *error);
