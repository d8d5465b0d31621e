/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

/* A program of all of a room, and of the rooms below it, that does nothing: it can be linked where no function of the
 * room needs one from above. */

int main(void) {
        return 0;
}
