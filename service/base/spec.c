/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

#include <endian.h>

#include "bus-names.h"
#include "json-text.h"
#include "spec-format.h"
#include "spec.h"
#include "string-list.h"
#include "utf8.h"

#define LABEL_DEFAULT_MAX 80

size_t spec_command_size(const Spec *spec) {
        return string_list_size(spec->argv) + string_list_size(spec->environment);
}

char *spec_make_label(const Spec *spec) {
        char text[4 * LABEL_DEFAULT_MAX], *p = text;
        size_t left = sizeof(text) - 1;

        for (char *const *a = spec->argv; *a && left > 1; a++) {
                size_t n = strnlen(*a, left - 1);

                if (a != spec->argv) {
                        *p++ = ' ';
                        left--;
                }
                for (size_t i = 0; i < n; i++)
                        *p++ = (unsigned char) (*a)[i] < ' ' ? ' ' : (*a)[i];
                left -= n;
        }
        if (p - text <= LABEL_DEFAULT_MAX)
                return utf8_make_valid(text, (size_t) (p - text));

        (void) strcpy(text + utf8_truncate(text, (size_t) (p - text), LABEL_DEFAULT_MAX), "…");
        return utf8_make_valid(text, strlen(text));
}

static char *append_strings(char *p, char *const *strings, uint32_t *count) {
        for (char *const *s = strings; s && *s; s++, (*count)++)
                p = stpcpy(p, *s) + 1;
        return p;
}

int spec_encode(const Spec *spec, char *const *extra, uint64_t stdin_size, void **ret, size_t *ret_size,
                size_t *ret_command_size) {
        const char *directory = strempty(spec->directory);
        SpecHeader header = {
                .magic = SPEC_MAGIC,
                .stdin_size = stdin_size,
                .strings_size = strlen(directory) + 1 + string_list_size(spec->argv) +
                        string_list_size(spec->environment) + string_list_size(extra),
        };
        char *data, *p;

        data = malloc(sizeof(header) + header.strings_size);
        if (!data)
                return -ENOMEM;
        p = stpcpy(data + sizeof(header), directory) + 1;
        p = append_strings(p, spec->argv, &header.n_argv);
        *ret_command_size = (size_t) (p - data);
        p = append_strings(p, spec->environment, &header.n_environment);
        (void) append_strings(p, extra, &header.n_environment);
        memcpy(data, &header, sizeof(header));

        *ret = data;
        *ret_size = sizeof(header) + header.strings_size;
        return 0;
}

static int decode_strings(char **p, const char *end, uint32_t n, char ***ret) {
        char **list;

        if (n > (uint64_t) (end - *p)) /* each NUL-terminated */
                return -EBADMSG;
        list = calloc((size_t) n + 1, sizeof(char *));
        if (!list)
                return -ENOMEM;
        *ret = list;
        for (; n > 0; n--, list++) {
                const char *s = spec_next_string(p, end);

                if (!s)
                        return -EBADMSG;
                *list = strdup(s);
                if (!*list)
                        return -ENOMEM;
        }
        return 0;
}

/* The service adds its own variables at the end, see spec_encode(). */
static void drop_own_variables(char **environment) {
        char **to = environment;

        for (char **e = environment; *e; e++)
                if (startswith(*e, "CODEX_JOB_ID=") || startswith(*e, "CODEX_JOB_RESULT="))
                        free(*e);
                else
                        *to++ = *e;
        *to = NULL;
}

int spec_decode(const void *data, size_t size, Spec *ret, SpecInput *ret_input) {
        const char *end, *directory;
        _cleanup_spec_ Spec spec = SPEC_INIT;
        SpecInput input = {};
        SpecHeader header;
        char *p;
        int r;

        if (size < sizeof(header)) /* possibly without data */
                return -EBADMSG;
        p = (char *) data + sizeof(header);
        end = (const char *) data + size;
        memcpy(&header, data, sizeof(header));
        if (header.magic != SPEC_MAGIC || header.n_argv == 0)
                return -EBADMSG;
        input.has_stdin = header.stdin_size != SPEC_NO_STDIN;
        input.erased = header.strings_size > size - sizeof(header);
        if (!input.erased)
                end = p + header.strings_size;
        directory = spec_next_string(&p, end);
        r = directory ? decode_strings(&p, end, header.n_argv, &spec.argv) : -EBADMSG;
        if (r < 0)
                return r;
        if (*directory) {
                spec.directory = strdup(directory);
                if (!spec.directory)
                        return -ENOMEM;
        }
        if (!input.erased) {
                r = decode_strings(&p, end, header.n_environment, &spec.environment);
                if (r < 0)
                        return r;
                drop_own_variables(spec.environment);
                input.stdin_data = end;
                input.stdin_size = size - sizeof(header) - header.strings_size;
        }
        *ret = spec_take(&spec);
        *ret_input = input;
        return 0;
}

char *spec_normalize_result(const char *text, size_t n) {
        return n > 0 && n <= JOB_RESULT_MAX ? json_text_compact_object(text, n) : NULL;
}

/* --- digests --------------------------------------------------------------------------------------- */

/* FNV-1a, 64 bits: http://www.isthe.com/chongo/tech/comp/fnv/. Callers who cause a collision between their own
 * requests only affect themselves. */
uint64_t spec_digest_more(uint64_t digest, const void *data, size_t size) {
        for (const unsigned char *p = data; size > 0; p++, size--)
                digest = (digest ^ *p) * UINT64_C(0x100000001b3);
        return digest;
}

static uint64_t digest_string(uint64_t digest, const char *s) {
        return spec_digest_more(digest, strempty(s), strlen(strempty(s)) + 1);
}

/* Unset options do not change the digest, so that a later version with more options computes the same ones. It is the
 * same on all machines. */
static uint64_t digest_number(uint64_t digest, const char *name, uint64_t value) {
        uint64_t bytes = htole64(value);

        return value == 0 ? digest : spec_digest_more(digest_string(digest, name), &bytes, sizeof(bytes));
}

static uint64_t digest_limits(uint64_t digest, const JobLimits *limits, bool switches) {
        for (const JobLimit *l = job_limits; l < job_limits + JOB_LIMITS_N; l++)
                if (l->kind != LIMIT_MASK && (l->kind == LIMIT_SWITCH) == switches)
                        digest = digest_number(digest, l->name, job_limit_get(limits, l));
        return digest;
}

uint64_t spec_digest(const Spec *spec) {
        uint64_t digest = UINT64_C(0xcbf29ce484222325);

        for (char *const *a = spec->argv; *a; a++)
                digest = digest_string(digest, *a);
        digest = digest_string(digest, "");
        digest = digest_string(digest, spec->directory);
        digest = digest_string(digest, spec->kind);
        digest = digest_string(digest, spec->workspace);
        digest = digest_limits(digest, &spec->limits, false);
        if (spec->resource_limits)
                digest = digest_string(digest_string(digest, "ResourceLimits"), spec->resource_limits);
        if (spec->queue && !streq(spec->queue, JOB_QUEUE_DEFAULT))
                digest = digest_string(digest_string(digest, "Queue"), spec->queue);
        if (spec->retry_of)
                digest = digest_string(digest_string(digest, "Retry"), spec->retry_of);
        return digest_limits(digest, &spec->limits, true);
}
