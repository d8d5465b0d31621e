/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */
#pragma once

/* The model provider that Codex is configured to use. */

/* Sets *ret to its name if it does not require a login at OpenAI, else to NULL. The caller frees it. Returns 0 or -ENOMEM. */
int provider_without_login(char **ret);
