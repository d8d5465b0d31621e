/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

/* spec_read() of an Enqueue message, and what is made of the spec. */

#include "bus-names.h"
#include "fuzz.h"
#include "job-id.h"
#include "message.h"
#include "spec-format.h"
#include "spec-read.h"
#include "utf8.h"

/* What is refused is refused in words that can be sent and shown. */
static void check_refusal(const sd_bus_error *error) {
        fuzz_check(sd_bus_error_is_set(error));
        fuzz_check(sd_bus_error_has_names(error, JOBS_ERROR_INVALID_ARGUMENT, JOBS_ERROR_LIMIT_EXCEEDED));
        fuzz_check(!isempty(error->message) && strlen(error->message) < 1024);
        fuzz_check(utf8_is_valid(error->message, strlen(error->message)));
        fuzz_check(!strpbrk(error->message, "\r\n"));
}

static void check_spec(const Spec *spec) {
        fuzz_check(spec->argv && !isempty(spec->argv[0]));
        fuzz_check(job_kind_is_valid(spec->kind));
        fuzz_check(!spec->directory || spec->directory[0] == '/');
        fuzz_check(!spec->workspace || spec->workspace[0] == '/');
        fuzz_check(!spec->label || strlen(spec->label) <= JOB_LABEL_MAX);
        fuzz_check(!spec->session || strlen(spec->session) <= JOB_SESSION_MAX);
        for (char **e = spec->environment; e && *e; e++)
                fuzz_check(strchr(*e, '=') > *e);
        fuzz_check(spec->limits.umask == 0 || (spec->limits.umask & ~UINT64_C(0777)) == JOB_MASK_GIVEN);
}

static void check_label(const Spec *spec) {
        _cleanup_free_ char *label = spec_make_label(spec);

        fuzz_check(label && utf8_is_valid(label, strlen(label)));
        fuzz_check(strlen(label) <= JOB_LABEL_MAX);
        for (const char *c = label; *c; c++)
                fuzz_check((unsigned char) *c >= ' ');
}

/* Compares the strings at p with a list; returns where they end. */
static const char *check_strings(const char *p, const char *end, char *const *strings, uint32_t n) {
        uint32_t i = 0;

        for (; strings && strings[i]; i++) {
                fuzz_check(p < end && memchr(p, 0, (size_t) (end - p)) && streq(p, strings[i]));
                p += strlen(p) + 1;
        }
        fuzz_check(i == n);
        return p;
}

/* The same comes back, whole or without what is erased. */
static void check_decoded(const Spec *spec, const void *data, size_t size, bool erased) {
        bool more = spec->environment && spec->environment[0];
        _cleanup_spec_ Spec decoded = SPEC_INIT;
        SpecInput input;

        fuzz_check(spec_decode(data, size, &decoded, &input) >= 0);
        fuzz_check(streq(strempty(decoded.directory), strempty(spec->directory)));
        for (size_t i = 0; i == 0 || spec->argv[i - 1]; i++)
                fuzz_check(spec->argv[i] ? decoded.argv[i] && streq(decoded.argv[i], spec->argv[i]) : !decoded.argv[i]);
        fuzz_check(input.erased == (erased && more));
}

static void check_encoded(const Spec *spec) {
        _cleanup_free_ void *data = NULL;
        const char *p, *end;
        SpecHeader header;
        size_t size, command_size;

        fuzz_check(spec_encode(spec, NULL, SPEC_NO_STDIN, &data, &size, &command_size) >= 0);
        fuzz_check(command_size <= size);
        fuzz_check(size >= sizeof(header));
        memcpy(&header, data, sizeof(header));
        fuzz_check(header.magic == SPEC_MAGIC && header.strings_size == size - sizeof(header));
        p = (const char *) data + sizeof(header);
        end = (const char *) data + size;
        fuzz_check(streq(p, strempty(spec->directory)));
        p = check_strings(p + strlen(p) + 1, end, spec->argv, header.n_argv);
        p = check_strings(p, end, spec->environment, header.n_environment);
        fuzz_check(p == end);
        check_decoded(spec, data, size, false);
        check_decoded(spec, data, command_size, true);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = fuzz_message(data, size, true);
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
        _cleanup_spec_ Spec spec = SPEC_INIT;

        if (spec_read(m, &spec, &error) < 0) {
                check_refusal(&error);
                fuzz_check(!spec.argv && !spec.environment); /* untouched */
                return 0;
        }
        fuzz_check(!sd_bus_error_is_set(&error));
        check_spec(&spec);
        check_label(&spec);
        check_encoded(&spec);
        return 0;
}
