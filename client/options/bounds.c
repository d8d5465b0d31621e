/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

#include "bounds.h"

int bounds_option(const Verb *verb, Bounds *bounds, int option) {
        if (option == OPTION_MAX_BYTES)
                return option_size(verb, "max-bytes", &bounds->max_bytes);
        return option_number(verb, "tail", 0, UINT64_MAX - 1, &bounds->tail);
}
