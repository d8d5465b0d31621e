/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */
#pragma once

/* Logs why something that is tried again and again failed: once, as long as the reason is the same. */
void log_failure(const char *format, ...) __attribute__((format(printf, 1, 2)));
