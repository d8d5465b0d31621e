/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */
#pragma once

/* What every fuzz target has. A target is called with bytes, hands them to one parser, and checks what must
 * hold of any answer. libFuzzer finds the bytes (https://llvm.org/docs/LibFuzzer.html); without it, replay.c
 * runs the target over the files of its corpus, as a test like others. */

#include "macro.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Ends the process when something does not hold. */
#define fuzz_check(condition)                                                                           \
        do {                                                                                            \
                if (!(condition)) {                                                                     \
                        (void) fprintf(stderr, "%s:%d: %s is not so\n", __FILE__, __LINE__, #condition); \
                        abort();                                                                        \
                }                                                                                       \
        } while (0)

/* A copy of the bytes with a NUL behind them; the caller frees it. */
char *fuzz_string(const uint8_t *data, size_t size);
