/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

/* codex-jobs setup: checks what jobs need, and suggests fixes. See setup-host.c for the host. */

#include "address.h"
#include "answer.h"
#include "build-config.h"
#include "bus-names.h"
#include "codex-command.h"
#include "codex-provider.h"
#include "dict.h"
#include "host.h"
#include "own-queue.h"
#include "process.h"
#include "render.h"
#include "say.h"
#include "setup.h"
#include "standstill.h"
#include "text-new.h"
#include "verbs.h"
#include "wait.h"
#include "write.h"

#define ASK_USEC (20 * USEC_PER_SEC) /* for any one answer */
#define SETUP_KIND "setup"

static int report_ok(Setup *s, const char *name, const char *text) {
        return setup_report(s, &(const JsonCheck) { .name = name, .status = "ok" }, "%s", text);
}

static const char *scope_name(const Setup *s) {
        return s->system ? "system" : "user";
}

/* ---- The service ---- */

static int append_interface(sd_bus_message *m, void *userdata) {
        return sd_bus_message_append_basic(m, 's', JOBS_INTERFACE);
}

typedef struct Versions {
        char *version, *build;
} Versions;

static void versions_clear(Versions *v) {
        free(v->version);
        free(v->build);
}

static int read_property(sd_bus_message *m, const char *name, const char *type, void *userdata) {
        Versions *v = userdata;
        char **field = streq(name, "Version") ? &v->version : streq(name, "Build") ? &v->build : NULL;
        const char *text;
        int r;

        if (!field || *field)
                return DICT_SKIP;
        r = sd_bus_message_read_basic(m, 's', &text);
        if (r < 0)
                return r;
        *field = strdup(text);
        return *field ? 0 : -ENOMEM;
}

/* As build_version() says it. A service of before has no property for its build. */
static int read_version(sd_bus_message *m, char **ret) {
        _cleanup_(versions_clear) Versions v = {};
        int r = dict_read(m, read_property, &v);

        if (r < 0)
                return r;
        if (!v.version)
                return -ENODATA;
        if (!v.build || streq(v.build, v.version)) {
                *ret = TAKE_PTR(v.version);
                return 0;
        }
        *ret = text_new("%s (%s)", v.version, v.build);
        return *ret ? 0 : -ENOMEM;
}

/* Whether the connection was refused, as by a sandbox. */
static bool is_forbidden(const Setup *s) {
        return s->client_failure == -EPERM || s->client_failure == -EACCES;
}

static void bus_remedy(const Setup *s, JsonCheck *check) {
        bool forbidden = is_forbidden(s);
        const char *variable;

        if (!forbidden && bus_unusual_address(s->system, &variable)) {
                check->remedy = "correct the address of the bus, or unset it";
                check->command = s->system ? "unset DBUS_SYSTEM_BUS_ADDRESS" : "unset DBUS_SESSION_BUS_ADDRESS";
                return;
        }
        if (!host_runs_systemd())
                check->remedy = host_init_remedy();
        else if (forbidden)
                check->remedy = "run codex-jobs outside the sandbox";
        else if (s->system)
                check->remedy = "start the system bus, or run codex-jobs outside the sandbox";
        else
                check->remedy = "log in, enable lingering, or run codex-jobs outside the sandbox";
        if (!host_runs_systemd())
                check->command = host_init_command();
        else if (!forbidden)
                check->command = s->system ? "systemctl start dbus.socket" : LINGER_COMMAND;
}

/* What the text of the error does not say already. */
static void start_remedy(const Setup *s, JsonCheck *check) {
        static const char *const remedies[] = {
                [STANDSTILL_UNKNOWN] = "check the status of the service",
                [STANDSTILL_MASKED] = "unmask the service",
                [STANDSTILL_NEWER_STORE] = "install the newer version of codex-jobs again",
                [STANDSTILL_NAME_REFUSED] = "remove what denies the name from /etc/dbus-1, and reload the bus",
                [STANDSTILL_NO_PROGRAM] = "reinstall codex-jobs",
        };
        Standstill standstill = standstill_ask(s->system);

        check->remedy = remedies[standstill];
        if (standstill == STANDSTILL_UNKNOWN)
                check->command = s->system ? "systemctl status codex-jobsd" : "systemctl --user status codex-jobsd";
        else if (standstill == STANDSTILL_MASKED)
                check->command = s->system ? "systemctl unmask codex-jobsd" : "systemctl --user unmask codex-jobsd";
}

/* The bus may refuse the connection at once, or when it is used. */
static void service_remedy(const Setup *s, const sd_bus_error *error, JsonCheck *check) {
        if (sd_bus_error_has_names(error, CLIENT_ERROR_REFUSED, SD_BUS_ERROR_LIMITS_EXCEEDED))
                check->remedy = "close some of your other connections to the bus";
        else if (!s->client)
                bus_remedy(s, check);
        else if (access(s->system ? SYSTEM_SERVICE_FILE : USER_SERVICE_FILE, F_OK) < 0)
                check->remedy = s->system ? "install codex-jobs for all users" : "install codex-jobs";
        else if (s->system && access(POLICY_FILE, F_OK) < 0)
                check->remedy = "reinstall codex-jobs, the policy of the bus is missing: " POLICY_FILE;
        else if (sd_bus_error_has_name(error, SD_BUS_ERROR_ACCESS_DENIED))
                check->remedy = "ask the administrator for what denies access in /etc/dbus-1";
        else
                start_remedy(s, check);
}

static int check_service(Setup *s) {
        JsonCheck failed = { .name = "service", .status = "failed" };
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
        int r = -ENOTCONN;

        if (s->client)
                r = call_wait(s->client, CALL_AGAIN, "GetAll", append_interface, NULL, &reply, &error);
        else
                (void) sd_bus_error_copy(&error, &s->client_error);
        if (r >= 0)
                r = read_version(reply, &s->service_version);
        if (r == -ENOMEM)
                return r;
        s->reachable = r >= 0;
        if (s->reachable)
                return setup_report(s, &(const JsonCheck) { .name = "service", .status = "ok" },
                              "%s %s is running (%s)", JOBS_BUS_NAME, s->service_version, scope_name(s));
        failed.has_remedy = error.message;
        service_remedy(s, &error, &failed);
        return setup_report(s, &failed, "%s", error.message ?: strerror(-r));
}

static int check_manager(Setup *s) {
        const char *const system[] = { "systemctl", "show", "--property=Version", "--value", NULL };
        const char *const user[] = { "systemctl", "--user", "show", "--property=Version", "--value", NULL };
        _cleanup_free_ char *text = NULL;
        bool forbidden;
        int r, status = 0;

        r = process_output(s->system ? system : user, ASK_USEC, &text, &status);
        if (r == -ENOMEM)
                return r;
        forbidden = is_forbidden(s);
        if (r >= 0 && status == 0)
                return setup_report(s, &(const JsonCheck) { .name = "units", .status = "ok" },
                              "service manager is running, systemd %s", text);
        return setup_report(s,
                      &(const JsonCheck) {
                              .name = "units",
                              .status = "failed",
                              .remedy = forbidden ? "run codex-jobs outside the sandbox" :
                                      s->system   ? "see whether the host is starting or stopping" :
                                                    "log in, or enable lingering",
                              .command = forbidden ? NULL : s->system ? "systemctl is-system-running" : LINGER_COMMAND,
                      },
                      "service manager does not respond: %s", isempty(text) ? strerror(r < 0 ? -r : EIO) : text);
}

/* ---- The queue ---- */

static const JsonCheck *find_check(const Setup *s, const char *name) {
        for (size_t i = 0; i < s->n; i++)
                if (streq(s->checks[i].name, name))
                        return &s->checks[i];
        return NULL;
}

static const char *log_command(const Setup *s) {
        return s->system ? "journalctl -u codex-jobsd" : "journalctl --user -u codex-jobsd";
}

static int report_queue_command(Setup *s, const char *verb, const char *remedy, const char *text) {
        _cleanup_free_ char *command = text_new("codex-jobs %s%s", verb, client_scope_option(s->client));

        if (!command)
                return -ENOMEM;
        return setup_report(s,
                      &(const JsonCheck) { .name = "queue", .status = "warning", .remedy = remedy, .command = command },
                      "%s", text);
}

/* Lack of space, the usual reason, has a check of its own that shows where. */
static int report_obstacle(Setup *s, const char *obstacle) {
        JsonCheck failed = { .name = "queue", .status = "failed", .remedy = "check the log of the service",
                             .command = log_command(s) };
        const JsonCheck *disk = find_check(s, "disk");

        if (disk && disk->remedy) {
                failed.remedy = disk->remedy;
                failed.command = disk->command;
        }
        return setup_report(s, &failed, "no jobs are started at present: %s", obstacle);
}

static int report_queue(Setup *s, const OwnQueue *queue) {
        bool full = queue->max_running > 0 && queue->running >= queue->max_running;
        char text[128];

        s->starts_jobs = !queue->paused && !*queue->obstacle && !full;
        if (*queue->obstacle)
                return report_obstacle(s, queue->obstacle);
        if (queue->paused) {
                (void) snprintf(text, sizeof(text), "paused, %u job%s waiting", queue->queued, queue->queued == 1 ? "" : "s");
                return report_queue_command(s, "resume", "resume it", text);
        }
        if (full) {
                (void) snprintf(text, sizeof(text), "limit of %u running job%s reached, %u waiting", queue->max_running,
                                queue->max_running == 1 ? "" : "s", queue->queued);
                return report_queue_command(s, "status --all", "wait until one finishes, or cancel one", text);
        }
        (void) snprintf(text, sizeof(text), "jobs are started, %u running and %u waiting", queue->running, queue->queued);
        return report_ok(s, "queue", text);
}

static int check_queue(Setup *s) {
        JsonCheck failed = { .name = "queue", .status = "failed", .remedy = "check the log of the service",
                             .command = log_command(s) };
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
        OwnQueue queue = {};
        int r;

        if (!s->reachable)
                return setup_report(s, &(const JsonCheck) { .name = "queue", .status = "skipped" },
                              "requires the service");
        r = client_set_timeout(s->client, ASK_USEC);
        if (r >= 0)
                r = own_queue_get_if_known(s->client, &queue, &error);
        if (r == -ENOMEM)
                return r;
        if (r >= 0)
                return report_queue(s, &queue);
        failed.has_remedy = error.message;
        return setup_report(s, &failed, "%s", error.message ?: strerror(-r));
}

/* ---- A job ---- */

static int fill_request(Spec *request, sd_bus_error *error) {
        static char *argv[] = { (char *) "true", NULL };
        int r;

        request->argv = argv;
        (void) strcpy(request->kind, SETUP_KIND);
        r = request_set_directory(request, "/", error);
        return r < 0 ? r : request_set_environment(request, false, NULL, 0, error);
}

static int append_removed(sd_bus_message *m, void *userdata) {
        return sd_bus_message_append(m, "as", 1, (const char *) userdata);
}

/* Returns 0 when the job has finished; it is removed then. */
static int run_job(Setup *s, JobRecord *ret, sd_bus_error *error) {
        _cleanup_(wait_freep) Wait *w = NULL;
        _cleanup_request_ Spec request = REQUEST_INIT;
        _cleanup_free_ char *id = NULL;
        int r;

        r = fill_request(&request, error);
        if (r >= 0)
                r = wait_new(s->client, &(const WaitOptions) {}, &w);
        if (r >= 0)
                r = wait_reserve(w, 1);
        if (r >= 0)
                r = job_enqueue(s->client, &request, &id, error);
        if (r >= 0)
                r = wait_add(w, id);
        if (r >= 0)
                r = wait_run(w, error);
        if (r < 0)
                return r;
        r = job_record_copy(&wait_job(w, 0)->record, ret);
        if (r >= 0) /* a job that stays does no harm */
                (void) call_wait(s->client, CALL_ONCE, "Remove", append_removed, id, NULL, NULL);
        return r;
}

static int check_job(Setup *s) {
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
        _cleanup_job_record_ JobRecord record = JOB_RECORD_INIT;
        _cleanup_free_ char *end = NULL;
        int r;

        if (!s->starts_jobs)
                return setup_report(s, &(const JsonCheck) { .name = "job", .status = "skipped" },
                              s->reachable ? "requires that jobs of yours are started" : "requires the service");
        r = client_set_timeout(s->client, ASK_USEC);
        if (r >= 0)
                r = run_job(s, &record, &error);
        if (r == -ENOMEM)
                return r;
        if (r >= 0) {
                end = render_end(&record);
                if (!end)
                        return -ENOMEM;
        }
        if (r >= 0 && record.state == JOB_COMPLETED)
                return setup_report(s, &(const JsonCheck) { .name = "job", .status = "ok" }, "test job %s", end);
        return setup_report(s,
                      &(const JsonCheck) {
                              .name = "job",
                              .status = "failed",
                              .remedy = "check the log of the service",
                              .command = log_command(s),
                              .has_remedy = !end && error.message,
                      },
                      "test job %s%s", end ? "" : "failed: ", end ?: error.message ?: strerror(-r));
}

/* ---- Codex ---- */

static int check_adapter(Setup *s) {
        if (access(ADAPTER_PATH, X_OK) >= 0)
                return report_ok(s, "adapter", ADAPTER_PATH " found");
        return setup_report(s,
                      &(const JsonCheck) {
                              .name = "adapter",
                              .status = "failed",
                              .remedy = "reinstall codex-jobs",
                      },
                      "cannot execute %s: %s", ADAPTER_PATH, strerror(errno));
}

/* The version among warnings, of which there may be some before and after it. */
static const char *version_line(char *text) {
        const char *found = NULL;

        for (char *line; (line = strsep(&text, "\n"));)
                if (startswith(line, "codex") || (!found && *line))
                        found = line;
        return strempty(found);
}

static int check_codex(Setup *s) {
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
        _cleanup_free_ char *text = NULL;
        int r, status = 0;
        bool has_remedy;

        r = codex_find(&s->codex, &error);
        has_remedy = error.message;
        if (r >= 0)
                r = process_output((const char *const[]) { s->codex, "--version", NULL }, ASK_USEC, &text, &status);
        if (r == -ENOMEM)
                return r;
        if (r >= 0 && status == 0)
                return setup_report(s, &(const JsonCheck) { .name = "codex", .status = "ok" }, "%s, %s", version_line(text),
                              s->codex);
        free(s->codex);
        s->codex = NULL;
        if (isempty(text) && !error.message)
                (void) error_set(&error, "failed to get version of codex: %s", strerror(r < 0 ? -r : EIO));
        return setup_report(s,
                      &(const JsonCheck) {
                              .name = "codex",
                              .status = "warning",
                              .remedy = "install Codex, only needed for task and reviews",
                              .command = "npm install -g @openai/codex",
                              .has_remedy = has_remedy,
                      },
                      "%s", error.message ?: text);
}

/* codex(1) looks only at its own login. */
static int check_login(Setup *s) {
        _cleanup_free_ char *text = NULL, *provider = NULL;
        int r, status = 0;

        if (!s->codex)
                return setup_report(s, &(const JsonCheck) { .name = "login", .status = "skipped" }, "requires Codex");
        r = process_output((const char *const[]) { s->codex, "login", "status", NULL }, ASK_USEC, &text, &status);
        if (r == -ENOMEM)
                return r;
        if (r >= 0 && status == 0)
                return report_ok(s, "login", isempty(text) ? "logged in" : text);
        if (!isempty(getenv("CODEX_API_KEY")))
                return report_ok(s, "login", "CODEX_API_KEY is set");
        r = provider_without_login(&provider);
        if (r < 0)
                return r;
        if (provider)
                return setup_report(s, &(const JsonCheck) { .name = "login", .status = "ok" },
                                    "not needed for OpenAI, the model provider is %s", provider);
        return setup_report(s,
                      &(const JsonCheck) {
                              .name = "login",
                              .status = "warning",
                              .remedy = "log in, unless your model provider does not require it",
                              .command = "codex login",
                      },
                      "%s", isempty(text) ? "not logged in" : text);
}

/* ---- All of it ---- */

static bool all_well(const Setup *s) {
        for (size_t i = 0; i < s->n; i++)
                if (streq(s->checks[i].status, "failed"))
                        return false;
        return true;
}

static int put_lines(FILE *f, void *userdata) {
        const Setup *s = userdata;

        for (size_t i = 0; i < s->n; i++) {
                const JsonCheck *check = &s->checks[i];

                (void) fprintf(f, "%-8s %s: %s", check->status, check->name, check->text);
                if (check->remedy && !check->has_remedy)
                        (void) fprintf(f, "; to fix: %s%s%s", check->remedy, check->command ? ": " : "",
                                       strempty(check->command));
                (void) fputc('\n', f);
        }
        return 0;
}

static int check_all(Setup *s, Invocation *in) {
        int (*const checks[])(Setup *s) = {
                setup_check_systemd, check_service, setup_check_build, check_manager, setup_check_runtime,
                setup_check_linger, setup_check_bus, setup_check_disk, setup_check_locale, check_queue, setup_check_queues, check_job,
                check_adapter, check_codex, check_login, setup_check_mcp,
        };
        int r = 0;

        for (size_t i = 0; i < ELEMENTSOF(checks) && r >= 0; i++)
                r = checks[i](s);
        if (r < 0)
                return r;
        if (in->json)
                return json_write_checks(&(const JsonChecks) {
                                                 .ok = all_well(s),
                                                 .scope = scope_name(s),
                                                 .checks = s->checks,
                                                 .n = s->n,
                                         },
                                         &in->error);
        return in->quiet ? 0 : write_text(put_lines, s, &in->error);
}

static int run(Invocation *in) {
        _cleanup_(setup_clear) Setup s = {};
        bool shown;
        int r;

        r = scope_resolve(in->scope, &s.system, &shown, &in->error);
        if (r < 0)
                return r;
        r = s.client_failure = client_new(in->scope, &in->remote, in->quiet || in->json, &s.client, &s.client_error);
        if (r != -ENOMEM) /* other failures are reported by the first check */
                r = check_all(&s, in);
        return r < 0 ? r : all_well(&s) ? 0 : 1;
}

const Verb verb_setup = {
        .name = "setup",
        .arguments = "",
        .flags = VERB_OFFLINE | VERB_HERE,
        .run = run,
        .summary = "Check the installation and suggest fixes",
        .help = "Check that the host, the service and the service manager work, that a test job completes, and\n"
                "that Codex is installed and logged in, look at entries of MCP clients for codex-jobs, and suggest\n"
                "fixes. The exit status is 0 on success, 1 if a check failed. Problems that only concern Codex or\n"
                "MCP clients are warnings.\n"
                "\n"
                "Options:\n",
};
