/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

#include <ctype.h>

#include "say.h"
#include "task.h"
#include "text-new.h"
#include "utf8.h"

#define LABEL_CHARACTERS 72
#define PEEK_SIZE 65536

/* The prompt of a continued thread if none is given. */
#define PROMPT_RESUME "Continue the work of this thread where it stopped."

void task_clear(Task *task) {
        codex_command_clear(&task->command);
        *task = (Task) {};
}

/* ---- The prompt ---- */

static int prompt_from_words(const Task *task, Spec *request, sd_bus_error *error) {
        _cleanup_text_stream_ TextStream s = {};
        FILE *f = text_stream_open(&s);

        if (!f)
                return -ENOMEM;
        for (size_t i = 0; i < task->n_prompt; i++)
                (void) fprintf(f, "%s%s", i > 0 ? " " : "", task->prompt[i]);
        if (text_stream_close(&s) < 0)
                return -ENOMEM;
        return request_set_stdin_data(request, s.text, s.size, error);
}

static int task_prompt(const Task *task, Spec *request, sd_bus_error *error) {
        bool dash = task->n_prompt == 1 && streq(task->prompt[0], "-");

        if (task->prompt_file && task->n_prompt > 0)
                return error_set(error, "Two prompts given, '%s' and one on the command line. Give only one.",
                                 task->prompt_file);
        if (task->prompt_file)
                return request_set_stdin(request, task->prompt_file, error);
        if (task->n_prompt > 0 && !dash)
                return prompt_from_words(task, request, error);
        if (!dash && task->resume && !stdin_has_data()) /* it may be a pipe that is held open */
                return request_set_stdin_data(request, PROMPT_RESUME, strlen(PROMPT_RESUME), error);
        if (!dash && isatty(STDIN_FILENO))
                return error_set(error, "No prompt given. Give it on the command line, with --prompt-file, or on "
                                        "standard input.");
        return request_set_stdin(request, "-", error);
}

/* ---- The label ---- */

/* Truncates valid UTF-8 after this many characters. There is room for the ellipsis. */
static void shorten(char *text) {
        size_t characters = 0;

        for (char *p = text; *p; p++) {
                if (utf8_is_continuation(*p))
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
static int task_label(Spec *request, sd_bus_error *error) {
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
                return error_set(error, "The prompt is empty. Give it as an argument, with --prompt-file, or on standard input.");
        for (end = begin; end < n && buffer[end] != '\n';)
                end++;
        if (request->label)
                return 0;
        request->label = make_label(buffer + begin, (size_t) (end - begin));
        return request->label ? 0 : -ENOMEM;
}

int task_read_prompt(const Task *task, Spec *request, sd_bus_error *error) {
        int r;

        r = task_prompt(task, request, error);
        return r < 0 ? r : task_label(request, error);
}

int task_set_prompt(Spec *request, const char *text, sd_bus_error *error) {
        int r;

        r = request_set_stdin_data(request, text, strlen(text), error);
        return r < 0 ? r : task_label(request, error);
}

int task_to_request(Task *task, Spec *request, sd_bus_error *error) {
        task->command = (CodexCommand) {
                .kind = "task",
                .write = task->write,
                .anywhere = true,
                .model = task->model,
                .effort = task->effort,
                .thread = task->thread,
                .prompt = true,
        };
        return codex_command_to_request(&task->command, request, error);
}
