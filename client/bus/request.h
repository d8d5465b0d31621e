/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What Enqueue is asked for: put together out of options and of what surrounds the caller. Talks to nobody. */

#include <systemd/sd-bus.h>

#include "job-spec.h"

/* Its argv and retry_of are not owned. Its kind is empty for the service's default. */
typedef Spec Request;

#define REQUEST_INIT (Request) { .notify = -1, .stdin_fd = -EBADF }

void request_clear(Request *request);
#define _cleanup_request_ _cleanup_(request_clear)

/* Each of these, but for request_set_umask(), returns 0, or a negative errno with error set. */

/* The directory, NULL for the current one, checked as far as the caller can see it; and the workspace it is in. */
int request_set_directory(Request *request, const char *directory, sd_bus_error *error);

/* The caller's environment without what describes the caller's own process or git repository, or nothing; and on top of
 * it entries NAME=VALUE, or NAME alone for the value that the caller has. */
int request_set_environment(Request *request, bool clean, char *const *entries, size_t n, sd_bus_error *error);

/* Whether an entry NAME=VALUE names the repository that git uses, in place of the one of the directory. */
bool variable_is_local_to_git(const char *entry);

/* The caller's umask. */
void request_set_umask(Request *request);

/* A copy of a file, of our own standard input for "-". */
int request_set_stdin(Request *request, const char *path, sd_bus_error *error);
/* Whether input is waiting on our standard input: in a pipe or socket, or in a file from its beginning. */
bool stdin_has_data(void);

int request_set_stdin_data(Request *request, const void *data, size_t size, sd_bus_error *error);

/* Appends the arguments of Enqueue, or of Retry with retry_of; for call_new(). */
int append_request(sd_bus_message *m, void *request);
int append_retry(sd_bus_message *m, void *request);

/* The project a directory belongs to: what has a .git above it, else the directory itself. Valid UTF-8; NULL when
 * memory is short. The caller frees it. */
char *workspace_of(const char *directory);

/* The workspace of the current directory, and the session that the environment names (NULL: none), by which
 * variable. */
int workspace_here(char **ret, sd_bus_error *error);
const char *session_here(void);
const char *session_variable(void);

/* Whether the service takes that session. Returns 0, or -EINVAL with error set. */
int session_check(sd_bus_error *error);
