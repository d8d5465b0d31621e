/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */
#pragma once

/* The arguments of Enqueue, from options and the environment of the caller. Makes no calls. */

#include <systemd/sd-bus.h>

#include "job-spec.h"

/* A request is a Spec whose argv and retry_of are not owned. An empty kind is the default of the service. */
#define REQUEST_INIT (Spec) { .notify = -1, .stdin_fd = -EBADF, .priority = JOB_PRIORITY_NONE }

void request_clear(Spec *request);
#define _cleanup_request_ _cleanup_(request_clear)

/* Each of these, except request_set_umask(), returns 0, or a negative errno with error set. */

/* The directory, NULL for the current one, checked as far as the caller can, and its workspace. */
int request_set_directory(Spec *request, const char *directory, sd_bus_error *error);

/* The environment of the caller, without variables that describe its own process or git repository, or an empty one;
 * plus entries NAME=VALUE, or NAME to copy the value of the caller. */
int request_set_environment(Spec *request, bool clean, char *const *entries, size_t n, sd_bus_error *error);

/* Whether an entry NAME=VALUE overrides the repository that git finds for the directory. */
bool variable_is_local_to_git(const char *entry);

/* The caller's umask. */
void request_set_umask(Spec *request);

/* The job that we are part of, if any: $CODEX_JOB_ID. Returns 0 or -ENOMEM. */
int request_set_parent(Spec *request);

/* A copy of a file, or of our own standard input for "-". */
int request_set_stdin(Spec *request, const char *path, sd_bus_error *error);
/* Whether input is waiting on our standard input: in a pipe or socket, or in a file from its beginning. */
bool stdin_has_data(void);

/* Sets the error for a connection that passes no descriptors. */
int request_no_stdin(const char *remote, sd_bus_error *error);

int request_set_stdin_data(Spec *request, const void *data, size_t size, sd_bus_error *error);

/* Appends the arguments of Enqueue, or of Retry with retry_of; for call_new(). */
int append_request(sd_bus_message *m, void *request);
int append_retry(sd_bus_message *m, void *request);

/* The arguments of Edit: the ID of a job, and its changes; at_once: its time is cleared. */
typedef struct EditRequest {
        const char *id;
        Spec *changes;
        bool at_once;
} EditRequest;
int append_edit(sd_bus_message *m, void *request);

/* The project of a directory: the nearest parent with .git, else the directory itself. Valid UTF-8; NULL: out of
 * memory. The caller frees it. */
char *workspace_of(const char *directory);

/* The workspace of the current directory, the session named by the environment (NULL: none), and the variable that
 * names it. */
int workspace_here(char **ret, sd_bus_error *error);
const char *session_here(void);
const char *session_variable(void);

/* Checks whether the session is valid. Returns 0, or -EINVAL with error set. */
int session_check(sd_bus_error *error);
