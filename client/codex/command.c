/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

#include "command.h"
#include "macro.h"
#include "text.h"

/* ---- The shell around a command ---- */

/* The script after "/any/where/bash -lc ", or NULL if no shell is called like this. */
static const char *shell_script(const char *command) {
        static const char *const shells[] = { "bash", "sh", "zsh", "dash", "ksh" };
        static const char *const options[] = { " -lc ", " -c " };
        size_t n = strcspn(command, " '\"\\");
        const char *name = command + n;

        while (name > command && name[-1] != '/')
                name--;
        for (size_t i = 0; i < ELEMENTSOF(shells); i++) {
                if (strlen(shells[i]) != (size_t) (command + n - name) || !startswith(name, shells[i]))
                        continue;
                for (size_t k = 0; k < ELEMENTSOF(options); k++) {
                        const char *script = startswith(command + n, options[k]);

                        if (script)
                                return script;
                }
        }
        return NULL;
}

/* Copies quoted text. p is after the opening quote; returns the place after the closing one. */
static const char *copy_quoted(const char *p, char quote, char **end) {
        for (; *p && *p != quote; p++) {
                if (quote == '"' && *p == '\\' && p[1] && strchr("\"\\$`", p[1]))
                        p++;
                *(*end)++ = *p;
        }
        return *p ? p + 1 : p;
}

/* Takes the quotes off a shell word (POSIX, 2.2 Quoting); several words are left as they are. ret has room
 * for as much as word has. */
static void unquote(const char *word, char *ret) {
        char *end = ret;

        for (const char *p = word; *p;) {
                if (*p == ' ') {
                        (void) strcpy(ret, word);
                        return;
                }
                if (*p == '\'' || *p == '"') {
                        p = copy_quoted(p + 1, *p, &end);
                        continue;
                }
                p += *p == '\\' && p[1] ? 1 : 0;
                *end++ = *p++;
        }
        *end = 0;
}

char *command_shown(const char *command, size_t n, size_t max) {
        size_t taken = MIN(n, 16 * max); /* enough for what is shown, and bounded */
        _cleanup_free_ char *whole = strndup(command, taken), *script = NULL;
        const char *inner;

        if (!whole)
                return NULL;
        inner = shell_script(whole);
        if (!inner)
                return text_line(command, n, max);
        script = malloc(strlen(inner) + 1);
        if (!script)
                return NULL;
        unquote(inner, script);
        return text_line(script, strlen(script), max);
}

/* ---- Checks ---- */

/* Words that say so wherever a command has them: "make test", "cargo clippy", "npm run lint". */
bool command_is_check(const char *shown) {
        static const char *const words[] = {
                "build", "check", "clippy", "ctest", "eslint", "flake8", "jest", "lint", "make", "mypy", "ninja",
                "pylint", "pytest", "ruff", "rspec", "shellcheck", "test", "tests", "tox", "tsc", "typecheck",
                "unittest", "validate", "verify", "vitest",
        };
        static const char separators[] = " ;&|()";

        for (const char *p = shown; *p; p += strspn(p, separators)) {
                size_t n = strcspn(p, separators);

                for (size_t i = 0; i < ELEMENTSOF(words); i++)
                        if (strlen(words[i]) == n && strncmp(p, words[i], n) == 0)
                                return true;
                p += n;
        }
        return false;
}
