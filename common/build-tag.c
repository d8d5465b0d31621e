/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

#include "build-config.h"
#include "build-tag.h"
#include "macro.h"
#include "vcs-tag.h"

const char *build_tag(void) {
        return VCS_TAG;
}

const char *build_version(void) {
        return streq(VCS_TAG, PROJECT_VERSION) ? PROJECT_VERSION : PROJECT_VERSION " (" VCS_TAG ")";
}
