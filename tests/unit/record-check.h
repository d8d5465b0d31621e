/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */
#pragma once

#include "job-record.h"

/* Ends the test if any field of the two is different. */
void check_record(const JobRecord *a, const JobRecord *b);
