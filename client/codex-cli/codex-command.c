/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

#include "codex-command.h"
#include "process.h"
#include "say.h"
#include "text-new.h"

void codex_command_clear(CodexCommand *command) {
        free(command->codex);
        free(command->effort_setting);
        free(command->model_name);
        *command = (CodexCommand) {};
}

/* ---- Codex itself ---- */

/* Checked here and not in the job, so that a missing Codex is reported immediately. */
int codex_find(char **ret, sd_bus_error *error) {
        const char *name = getenv("CODEX_JOBS_CODEX");
        int r;

        if (!isempty(name) && strchr(name, '/')) {
                if (program_is_executable(name))
                        *ret = *name == '/' ? strdup(name) : realpath(name, NULL);
                else
                        return error_set(error, "CODEX_JOBS_CODEX '%s' is not a program. Set it to the path of codex, "
                                                "or unset it.",
                                         name);
                return *ret ? 0 : -ENOMEM;
        }
        r = program_find(isempty(name) ? "codex" : name, ret);
        if (r != 0)
                return MIN(r, 0);
        return error_set(error, "%s not found in PATH. Install it with 'npm install -g @openai/codex'.",
                         isempty(name) ? "codex" : name);
}

/* ---- Its options ---- */

char *codex_model(const char *name) {
        static const char builtin[] = "spark=gpt-5.3-codex-spark";
        const char *const lists[] = { getenv("CODEX_JOBS_MODELS"), builtin };
        size_t length = strlen(name);

        for (size_t i = 0; i < ELEMENTSOF(lists); i++)
                for (const char *p = strempty(lists[i]); *p; p += strspn(p, ", ")) {
                        size_t n = strcspn(p, ", ");

                        if (n > length + 1 && p[length] == '=' && strncmp(p, name, length) == 0)
                                return strndup(p + length + 1, n - length - 1);
                        p += n;
                }
        return strdup(name);
}

/* Codex passes on any word, so that a misspelt one would be noticed late or never. */
static int effort_to_setting(const char *effort, char **ret, sd_bus_error *error) {
        static const char *const words[] = { "none", "minimal", "low", "medium", "high", "xhigh", "max" };

        for (size_t i = 0; i < ELEMENTSOF(words); i++) {
                if (!streq(words[i], effort))
                        continue;
                *ret = text_new("model_reasoning_effort=\"%s\"", effort);
                if (!*ret)
                        return -ENOMEM;
                return 0;
        }
        return error_set(error, "Invalid effort '%.48s'. Use none, minimal, low, medium, high, xhigh or max.", effort);
}

static int find_values(CodexCommand *c, sd_bus_error *error) {
        int r;

        if (c->effort) {
                r = effort_to_setting(c->effort, &c->effort_setting, error);
                if (r < 0)
                        return r;
        }
        if (c->model) {
                if (!*c->model || *c->model == '-' || strpbrk(c->model, " \t\n"))
                        return error_set(error, "Invalid model '%.48s'. Use the name of a model.", c->model);
                c->model_name = codex_model(c->model);
                if (!c->model_name)
                        return -ENOMEM;
        }
        return codex_find(&c->codex, error);
}

/* ---- The command ---- */

static void add(CodexCommand *c, size_t *n, const char *word) {
        if (*n < ELEMENTSOF(c->argv) - 1)
                c->argv[(*n)++] = (char *) word;
}

static void add_option(CodexCommand *c, size_t *n, const char *option, const char *value) {
        if (!value)
                return;
        add(c, n, option);
        add(c, n, value);
}

/* Options that a sub-command such as review does not support must precede it. */
static void fill(CodexCommand *c) {
        size_t n = 0;

        add(c, &n, ADAPTER_PATH);
        add_option(c, &n, "--kind", c->kind);
        add_option(c, &n, "--target", c->target);
        add_option(c, &n, "--expect-thread", c->thread);
        add(c, &n, "--");
        add(c, &n, c->codex);
        add(c, &n, "exec");
        add(c, &n, "--json");
        add_option(c, &n, "--sandbox", c->write ? "workspace-write" : "read-only");
        if (c->anywhere)
                add(c, &n, "--skip-git-repo-check");
        add_option(c, &n, "--model", c->model_name);
        add_option(c, &n, "-c", c->effort_setting);
        add_option(c, &n, "--output-schema", c->structured ? REVIEW_SCHEMA_PATH : NULL);
        add_option(c, &n, "resume", c->thread);
        for (const char *const *word = c->words; word && *word; word++)
                add(c, &n, *word);
        if (c->prompt)
                add(c, &n, "-"); /* it is the standard input */
        c->argv[n] = NULL;
}

int codex_command_to_request(CodexCommand *c, Spec *request, sd_bus_error *error) {
        int r;

        r = find_values(c, error);
        if (r < 0)
                return r;
        fill(c);
        request->argv = c->argv;
        (void) strcpy(request->kind, c->kind); /* it fits */
        return 0;
}
