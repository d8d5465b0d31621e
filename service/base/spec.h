/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */
#pragma once

/* The specification of a job: arguments, environment, directory and standard input, and the limits of its unit.
 * Encoded for the store and the worker. Also validates the structured result of a job. Does no I/O. */

#include "job-record.h"
#include "job-spec.h"

/* Bytes of the arguments and the environment. */
size_t spec_command_size(const Spec *spec);

/* The default label of a job: the command line, on one line, shortened. NULL: out of memory. */
char *spec_make_label(const Spec *spec);

/* Encodes a spec without its standard input (see spec-format.h), with extra environment entries at the end.
 * stdin_size is the number of bytes that will follow, or SPEC_NO_STDIN. The caller frees *ret, of which the first
 * *ret_command_size bytes are those that can be kept of a finished job, without environment and standard input. */
int spec_encode(const Spec *spec, char *const *extra, uint64_t stdin_size, void **ret, size_t *ret_size,
                size_t *ret_command_size);

/* Parts of a stored spec that are left, other than the directory and the arguments. */
typedef struct SpecInput {
        bool erased;     /* the environment and the standard input */
        bool has_stdin;  /* or had it */
        const void *stdin_data; /* within the stored spec */
        size_t stdin_size;
} SpecInput;

/* Decodes a stored spec, without variables that the service sets itself. Returns 0, -EBADMSG or -ENOMEM. */
int spec_decode(const void *data, size_t size, Spec *ret, SpecInput *ret_input);

/* A digest that most likely differs for requests of different work: of the command, directory, kind, workspace and
 * limits; not of the environment, umask, label and session, which differ between attempts of the same caller.
 * Continue with the bytes of the standard input: spec_digest_more(). */
uint64_t spec_digest(const Spec *spec);
uint64_t spec_digest_more(uint64_t digest, const void *data, size_t size);

/* Returns the n bytes that a job wrote as its result (a NUL follows them) as JSON text on one line; NULL unless they
 * are one JSON object in UTF-8. The caller frees it. */
char *spec_normalize_result(const char *text, size_t n);
