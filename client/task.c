/* SPDX-License-Identifier: Apache-2.0 */

#include <ctype.h>
#include <sys/stat.h>

#include "say.h"
#include "task.h"
#include "utf8.h"

#define LABEL_CHARACTERS 72
#define PEEK_SIZE 65536

void task_clear(Task *task) {
        free(task->codex);
        free(task->effort_setting);
        *task = (Task) {};
}

/* ---- The command ---- */

static bool is_executable(const char *path) {
        struct stat st;

        return stat(path, &st) >= 0 && S_ISREG(st.st_mode) && access(path, X_OK) >= 0;
}

/* Found here and not by the job, so that a machine without it is told at once. */
static int find_codex(char **ret, sd_bus_error *error) {
        const char *path = getenv("PATH");

        for (const char *p = strempty(path); *p; p += strspn(p, ":")) {
                _cleanup_free_ char *candidate = NULL;
                size_t n = strcspn(p, ":");

                if (asprintf(&candidate, "%.*s/codex", (int) n, p) < 0) {
                        candidate = NULL;
                        return -ENOMEM;
                }
                p += n;
                if (!is_executable(candidate))
                        continue;
                *ret = *candidate == '/' ? TAKE_PTR(candidate) : realpath(candidate, NULL);
                return *ret ? 0 : -ENOMEM;
        }
        return error_set(error, "codex is not in your PATH: install it with 'npm install -g @openai/codex'.");
}

/* Codex takes any word and hands it on, so that a misspelt one would be found out late or never. */
static int effort_to_setting(const char *effort, char **ret, sd_bus_error *error) {
        static const char *const words[] = { "none", "minimal", "low", "medium", "high", "xhigh", "max" };

        for (size_t i = 0; i < ELEMENTSOF(words); i++) {
                if (!streq(words[i], effort))
                        continue;
                if (asprintf(ret, "model_reasoning_effort=\"%s\"", effort) < 0) {
                        *ret = NULL;
                        return -ENOMEM;
                }
                return 0;
        }
        return error_set(error, "'%.48s' is no effort: write none, minimal, low, medium, high, xhigh or max.", effort);
}

static int task_command(Task *task, Request *request, sd_bus_error *error) {
        size_t n = 0;
        int r;

        if (task->effort) {
                r = effort_to_setting(task->effort, &task->effort_setting, error);
                if (r < 0)
                        return r;
        }
        r = find_codex(&task->codex, error);
        if (r < 0)
                return r;
        task->argv[n++] = task->codex;
        task->argv[n++] = (char *) "exec";
        task->argv[n++] = (char *) "--sandbox";
        task->argv[n++] = (char *) (task->write ? "workspace-write" : "read-only");
        task->argv[n++] = (char *) "--skip-git-repo-check";
        if (task->model) {
                task->argv[n++] = (char *) "--model";
                task->argv[n++] = (char *) task->model;
        }
        if (task->effort) {
                task->argv[n++] = (char *) "-c";
                task->argv[n++] = task->effort_setting;
        }
        task->argv[n++] = (char *) "-"; /* the prompt is the standard input */
        task->argv[n] = NULL;
        request->argv = task->argv;
        request->kind = "task";
        return 0;
}

/* ---- The prompt ---- */

static int join_words(const Task *task, char **ret, size_t *ret_size) {
        _cleanup_fclose_ FILE *f = NULL;
        char *text = NULL;
        size_t size;

        f = open_memstream(&text, &size);
        if (!f)
                return -ENOMEM;
        for (size_t i = 0; i < task->n_prompt; i++)
                (void) fprintf(f, "%s%s", i > 0 ? " " : "", task->prompt[i]);
        if (fclose(TAKE_PTR(f)) != 0) {
                free(text);
                return -ENOMEM;
        }
        *ret = text;
        *ret_size = size;
        return 0;
}

static int prompt_from_words(const Task *task, Request *request, sd_bus_error *error) {
        _cleanup_free_ char *text = NULL;
        size_t size;
        int r;

        r = join_words(task, &text, &size);
        return r < 0 ? r : request_set_stdin_data(request, text, size, error);
}

static int task_prompt(const Task *task, Request *request, sd_bus_error *error) {
        bool dash = task->n_prompt == 1 && streq(task->prompt[0], "-");

        if (task->prompt_file && task->n_prompt > 0)
                return error_set(error, "there are two prompts, '%s' and the one on the command line: give one.",
                                 task->prompt_file);
        if (task->prompt_file)
                return request_set_stdin(request, task->prompt_file, error);
        if (task->n_prompt > 0 && !dash)
                return prompt_from_words(task, request, error);
        if (!dash && isatty(STDIN_FILENO))
                return error_set(error, "no prompt: write it behind 'codex-jobs task', name a file with "
                                        "--prompt-file, or pipe it in.");
        return request_set_stdin(request, "-", error);
}

/* ---- The label ---- */

/* Cuts valid UTF-8 behind so many characters. There is room for the mark that says so. */
static void shorten(char *text) {
        size_t characters = 0;

        for (char *p = text; *p; p++) {
                if (((unsigned char) *p & 0xc0) == 0x80)
                        continue;
                if (characters++ == LABEL_CHARACTERS) {
                        (void) strcpy(p, "…");
                        return;
                }
        }
}

static char *make_label(const char *line, size_t n) {
        _cleanup_free_ char *valid = utf8_make_valid(line, n);
        char *label;

        if (!valid)
                return NULL;
        label = malloc(strlen(valid) + sizeof("…"));
        if (!label)
                return NULL;
        shorten(strcpy(label, valid));
        return label;
}

/* The first line of the prompt that is not blank becomes the label. */
static int task_label(Request *request, sd_bus_error *error) {
        _cleanup_free_ char *buffer = malloc(PEEK_SIZE);
        ssize_t n, begin = 0, end;

        if (!buffer)
                return -ENOMEM;
        n = pread(request->stdin_fd, buffer, PEEK_SIZE, 0);
        if (n < 0)
                return -errno;
        while (begin < n && isspace((unsigned char) buffer[begin]))
                begin++;
        if (begin == n && n < PEEK_SIZE)
                return error_set(error, "the prompt is empty: say what is to be done.");
        for (end = begin; end < n && buffer[end] != '\n';)
                end++;
        if (request->label)
                return 0;
        request->label = make_label(buffer + begin, (size_t) (end - begin));
        return request->label ? 0 : -ENOMEM;
}

int task_to_request(Task *task, Request *request, sd_bus_error *error) {
        int r;

        r = task_prompt(task, request, error);
        if (r < 0)
                return r;
        r = task_label(request, error);
        if (r < 0)
                return r;
        return task_command(task, request, error);
}
