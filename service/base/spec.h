/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What a job executes: its arguments, environment, directory and standard input, and the limits of its
 * unit. Encoded for the store and the worker. Also checks the
 * structured result that a job leaves. Does no I/O. */

#include "job-record.h"
#include "job-spec.h"

/* Bytes of the arguments and the environment. */
size_t spec_command_size(const Spec *spec);

/* The label of a job that was given none: the command line, one line, shortened. NULL: out of memory. */
char *spec_make_label(const Spec *spec);

/* The encoded spec without its standard input (see spec-format.h), with extra environment entries at the
 * end. stdin_size is the number of bytes that will follow, or SPEC_NO_STDIN. The caller frees *ret; of which the
 * first *ret_command_size bytes are what can be kept of an ended job, without environment and standard input. */
int spec_encode(const Spec *spec, char *const *extra, uint64_t stdin_size, void **ret, size_t *ret_size,
                size_t *ret_command_size);

/* What is left of a stored spec, beside the directory and the arguments. */
typedef struct SpecInput {
        bool erased;     /* the environment and the standard input */
        bool has_stdin;  /* or had */
        const void *stdin_data; /* within the stored spec */
        size_t stdin_size;
} SpecInput;

/* Decodes a stored spec. Variables that the service sets itself are left out. Returns 0, -EBADMSG or -ENOMEM. */
int spec_decode(const void *data, size_t size, Spec *ret, SpecInput *ret_input);

/* A number that differs, in all likelihood, for requests that ask for different work: of the command, the
 * directory, the kind, the workspace and the limits; not of the environment, umask, label and session, which differ
 * between two attempts of the same caller. To go on with the bytes of the standard input: spec_digest_more(). */
uint64_t spec_digest(const Spec *spec);
uint64_t spec_digest_more(uint64_t digest, const void *data, size_t size);

/* The n bytes that a job left as its result (a NUL follows them), as JSON text in one line; NULL unless they are one JSON
 * object in UTF-8. The caller frees it. */
char *spec_normalize_result(const char *text, size_t n);
