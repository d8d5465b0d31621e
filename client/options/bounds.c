/* SPDX-License-Identifier: Apache-2.0 */

#include "bounds.h"

int bounds_option(const Verb *verb, Bounds *bounds, int option) {
        int r;

        switch (option) {
        case OPTION_MAX_BYTES:
                r = option_size(verb, "max-bytes", &bounds->max_bytes);
                break;
        case 'n':
                r = option_number(verb, "tail", 0, UINT64_MAX - 1, &bounds->tail);
                break;
        default:
                return 0;
        }
        return r < 0 ? r : 1;
}
