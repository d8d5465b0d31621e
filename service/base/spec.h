/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What a job executes: its arguments, environment, directory and standard input, and the limits of its
 * unit. Encoded for the store and the worker. Also checks the
 * structured result that a job leaves. Does no I/O. */

#include "job-id.h"
#include "job-limits.h"
#include "job-record.h"

/* What Enqueue, or Retry, is asked for. It owns all that is in it and nothing else of the message, of which nobody
 * knows how large it is. */
typedef struct Spec {
        char **argv; /* NULL-terminated, as environment */
        char **environment; /* NULL: none was given */
        char *directory;    /* NULL: the job's home */
        char kind[JOB_KIND_MAX + 1];
        char *label;     /* NULL: made from argv */
        char *workspace; /* NULL: none */
        char *session;
        char *key;      /* IdempotencyKey; NULL: none */
        char *retry_of; /* id of the job whose work it does again; NULL: none */
        int notify;     /* -1: not said, which is yes */
        int stdin_fd;   /* -1: /dev/null; its caller can still write to it: */
        uint64_t stdin_size; /* what it was when it was charged, and what is taken of it */
        JobLimits limits;
        uint64_t seen;  /* which options were given, for spec-read.h; and which cannot be */
        uint64_t fixed;
} Spec;

#define SPEC_INIT (Spec) { .kind = "job", .notify = -1, .stdin_fd = -1 }

/* Bytes of the arguments and the environment. */
size_t spec_command_size(const Spec *spec);

void spec_clear(Spec *spec);

/* Moves a spec out of a variable that a cleanup would clear. */
static inline Spec spec_take(Spec *spec) {
        Spec taken = *spec;

        *spec = SPEC_INIT;
        return taken;
}

#define _cleanup_spec_ _cleanup_(spec_clear)

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
