/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */
#pragma once

/* The build: the state of the sources, such as "3322f86", or what a packager set with -Dversion-tag=. */
const char *build_tag(void);

/* The version and, where it says more, the build, such as "0.1.0 (3322f86)". */
const char *build_version(void);
