/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

#include <fcntl.h>
#include <sys/stat.h>

#include "task.h"
#include "test.h"
#include "job-thread.h"
#include "thread.h"

#define THREAD "01a202e5-af54-7291-8df6-47733f72365c"

/* Makes this the one place where codex may be. */
static void install_codex(mode_t mode) {
        check_ok(close(open(test_path("codex"), O_CREAT | O_WRONLY | O_CLOEXEC, 0600)));
        check_ok(chmod(test_path("codex"), mode));
        check_ok(setenv("PATH", test_directory(), 1));
}

static void check_argv(const Spec *request, char *const *expected) {
        size_t i;

        for (i = 0; expected[i]; i++)
                check_string(request->argv[i], expected[i]);
        check_string(request->argv[i], NULL);
}

static void check_prompt(const Spec *request, const char *expected) {
        char buffer[4096];
        ssize_t n = pread(request->stdin_fd, buffer, sizeof(buffer), 0);

        check(n >= 0);
        check_bytes(buffer, n, expected, strlen(expected));
}

static int make_request(Task *task, Spec *request, sd_bus_error *error) {
        int r;

        r = task_read_prompt(task, request, error);
        return r < 0 ? r : task_to_request(task, request, error);
}

static void plain(void) {
        _cleanup_task_ Task task = { .prompt = STRINGS("do it"), .n_prompt = 1 };
        _cleanup_request_ Spec request = REQUEST_INIT;

        install_codex(0700);
        check_ok(make_request(&task, &request, NULL));
        check_argv(&request,
                   STRINGS(ADAPTER_PATH, "--kind", "task", "--", test_path("codex"), "exec", "--json", "--sandbox",
                           "read-only", "--skip-git-repo-check", "-"));
        check_prompt(&request, "do it");
        check_string(request.kind, "task");
        check_string(request.label, "do it");
}

static void with_all_options(void) {
        _cleanup_task_ Task task = {
                .write = true,
                .model = "m",
                .effort = "high",
                .thread = THREAD,
                .prompt = STRINGS("--not", "an option"),
                .n_prompt = 2,
        };
        _cleanup_request_ Spec request = REQUEST_INIT;

        install_codex(0700);
        request.label = strdup("mine");
        check_ok(make_request(&task, &request, NULL));
        check_argv(&request,
                   STRINGS(ADAPTER_PATH, "--kind", "task", "--expect-thread", THREAD, "--", test_path("codex"), "exec",
                           "--json", "--sandbox", "workspace-write", "--skip-git-repo-check", "--model", "m", "-c",
                           "model_reasoning_effort=\"high\"", "resume", THREAD, "-"));
        check_prompt(&request, "--not an option");
        check_string(request.label, "mine");
}

static void check_label(const char *prompt, const char *expected) {
        _cleanup_task_ Task task = { .prompt = STRINGS(prompt), .n_prompt = 1 };
        _cleanup_request_ Spec request = REQUEST_INIT;

        check_ok(make_request(&task, &request, NULL));
        check_string(request.label, expected);
}

static void labels(void) {
        install_codex(0700);
        check_label("\n  \n  first line\nsecond", "first line");
        check_label("no\xff" "t UTF-8", "no\xef\xbf\xbdt UTF-8");
#define TEN "ääääääääää"
        check_label(TEN TEN TEN TEN TEN TEN TEN "äää", TEN TEN TEN TEN TEN TEN TEN "ää…");
        check_label("123456789 123456789 123456789 123456789 123456789 123456789 123456789 12",
                    "123456789 123456789 123456789 123456789 123456789 123456789 123456789 12");
}

static void prompt_from_a_file(void) {
        _cleanup_task_ Task task = { .prompt_file = test_path("prompt") };
        _cleanup_request_ Spec request = REQUEST_INIT;
        _cleanup_close_ int fd = open(test_path("prompt"), O_CREAT | O_WRONLY | O_CLOEXEC, 0600);

        check_int(write(fd, "from a file\n", 12), 12);
        install_codex(0700);
        check_ok(make_request(&task, &request, NULL));
        check_prompt(&request, "from a file\n");
        check_string(request.label, "from a file");
}

static void check_mistake(Task *task, const char *part) {
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
        _cleanup_request_ Spec request = REQUEST_INIT;

        check(make_request(task, &request, &error) < 0);
        check_contains(error.message, part);
        task_clear(task);
}

static void mistakes(void) {
        install_codex(0700);
        check_mistake(&(Task) { .prompt = STRINGS(""), .n_prompt = 1 }, "The prompt is empty");
        check_mistake(&(Task) { .prompt = STRINGS(" \n\t"), .n_prompt = 1 }, "The prompt is empty");
        check_mistake(&(Task) { .prompt_file = "/dev/null" }, "The prompt is empty");
        check_mistake(&(Task) { .prompt_file = test_path("nothing") }, "No such file");
        check_mistake(&(Task) { .prompt_file = "/dev/null", .prompt = STRINGS("x"), .n_prompt = 1 }, "Two prompts");
        check_mistake(&(Task) { .effort = "heigh", .prompt = STRINGS("x"), .n_prompt = 1 }, "Invalid effort 'heigh'");
        check_mistake(&(Task) { .effort = "low\"", .prompt = STRINGS("x"), .n_prompt = 1 }, "Invalid effort");
}

static void no_codex(void) {
        check_ok(setenv("PATH", test_directory(), 1));
        check_mistake(&(Task) { .prompt = STRINGS("x"), .n_prompt = 1 }, "npm install -g @openai/codex");
        check_ok(mkdir(test_path("codex"), 0700)); /* no file */
        check_mistake(&(Task) { .prompt = STRINGS("x"), .n_prompt = 1 }, "not found in PATH");
        check_ok(rmdir(test_path("codex")));
        install_codex(0600); /* not executable, for root either */
        check_mistake(&(Task) { .prompt = STRINGS("x"), .n_prompt = 1 }, "not found in PATH");
        (void) unsetenv("PATH");
        check_mistake(&(Task) { .prompt = STRINGS("x"), .n_prompt = 1 }, "not found in PATH");
}

static void check_codex(const char *expected) {
        _cleanup_task_ Task task = { .prompt = STRINGS("x"), .n_prompt = 1 };
        _cleanup_request_ Spec request = REQUEST_INIT;

        check_ok(make_request(&task, &request, NULL));
        check_string(task.command.codex, expected);
}

/* The job runs elsewhere: a relative place in PATH is made absolute here. */
static void relative_path(void) {
        _cleanup_task_ Task task = { .prompt = STRINGS("x"), .n_prompt = 1 };
        _cleanup_request_ Spec request = REQUEST_INIT;

        install_codex(0700);
        check_ok(chdir(test_directory()));
        check_ok(setenv("PATH", "/nowhere:.", 1));
        check_ok(make_request(&task, &request, NULL));
        check_int(*task.command.codex, '/');
        check_ok(access(task.command.codex, X_OK));
}

/* $CODEX_JOBS_CODEX comes before the PATH. */
static void other_codex(void) {
        install_codex(0700);
        check_ok(rename(test_path("codex"), test_path("other")));
        check_ok(setenv("CODEX_JOBS_CODEX", test_path("other"), 1));
        check_codex(test_path("other"));
        check_ok(setenv("CODEX_JOBS_CODEX", "other", 1));
        check_codex(test_path("other"));
        check_ok(setenv("CODEX_JOBS_CODEX", test_path("nothing"), 1));
        check_mistake(&(Task) { .prompt = STRINGS("x"), .n_prompt = 1 }, "CODEX_JOBS_CODEX");
}

static void check_model(const char *name, const char *expected) {
        _cleanup_free_ char *model = codex_model(name);

        check_string(model, expected);
}

static void models(void) {
        (void) unsetenv("CODEX_JOBS_MODELS");
        check_model("spark", "gpt-5.3-codex-spark");
        check_model("gpt-6", "gpt-6");
        check_ok(setenv("CODEX_JOBS_MODELS", "fast=a, spark=b,empty=,word", 1));
        check_model("fast", "a");
        check_model("spark", "b");
        check_model("empty", "empty");
        check_model("word", "word");
        check_model("fas", "fas");
}

static void thread_ids(void) {
        check(thread_id_is_valid(THREAD));
        check(!thread_id_is_valid("01A202e5-af54-7291-8df6-47733f72365c"));
        check(!thread_id_is_valid("task-0123456789"));
        check(!thread_id_is_valid(THREAD "0"));
        check(!thread_id_is_valid(""));
}

static void check_thread(const char *result, const char *expected) {
        _cleanup_free_ char *thread = thread_of_result(result);

        check_string(thread, expected);
}

static void threads_of_results(void) {
        check_thread("{\"thread_id\": \"" THREAD "\"}", THREAD);
        check_thread("{\"thread_id\": \"--last\"}", NULL); /* it becomes an argument */
        check_thread("{\"thread_id\": 5}", NULL);
        check_thread("{}", NULL);
        check_thread("[]", NULL);
        check_thread("", NULL);
        check_thread(NULL, NULL);
}

TEST_MAIN(TEST(plain), TEST(with_all_options), TEST(labels), TEST(prompt_from_a_file), TEST(mistakes), TEST(no_codex),
          TEST(relative_path), TEST(other_codex), TEST(models), TEST(thread_ids), TEST(threads_of_results))
