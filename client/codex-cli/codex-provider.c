/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

/* Reads the few lines of Codex's config.toml that matter, not all of TOML. */

#include "codex-provider.h"
#include "macro.h"
#include "text-new.h"

static FILE *open_config(void) {
        const char *codex_home = getenv("CODEX_HOME"), *home = getenv("HOME");
        _cleanup_free_ char *path = isempty(codex_home) ? text_new("%s/.codex/config.toml", strempty(home)) :
                                                          text_new("%s/config.toml", codex_home);

        return path ? fopen(path, "re") : NULL;
}

/* The value of "key = value" without quotes and blanks, in place; NULL: the line has another key. */
static char *value_of(char *line, const char *key) {
        char *p = (char *) startswith(line, key), *end;

        if (!p)
                return NULL;
        p += strspn(p, " \t");
        if (*p++ != '=')
                return NULL;
        p += strspn(p, " \t\"'");
        end = p + strcspn(p, "\"'# \t\r\n");
        *end = 0;
        return p;
}

/* Whether a line starts the table [model_providers.NAME]. */
static bool starts_provider(const char *line, const char *name) {
        const char *p = startswith(line, "[model_providers.");
        size_t n = strlen(name);

        if (!p)
                return false;
        p += *p == '"';
        return strncmp(p, name, n) == 0 && strchr("\"]", p[n]);
}

int provider_without_login(char **ret) {
        _cleanup_fclose_ FILE *f = open_config();
        _cleanup_free_ char *line = NULL, *provider = NULL;
        bool top = true, in_provider = false;
        size_t size = 0;

        *ret = NULL;
        while (f && getline(&line, &size, f) >= 0) {
                char *p = line + strspn(line, " \t"), *value;

                if (*p == '[') {
                        top = false;
                        in_provider = provider && starts_provider(p, provider);
                }
                value = top && !provider ? value_of(p, "model_provider") : NULL;
                if (value) {
                        provider = strdup(value);
                        if (!provider)
                                return -ENOMEM;
                }
                value = in_provider ? value_of(p, "requires_openai_auth") : NULL;
                if (value && streq(value, "true"))
                        return 0;
        }
        if (provider && *provider && !streq(provider, "openai"))
                *ret = TAKE_PTR(provider);
        return 0;
}
