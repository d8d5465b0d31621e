/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

#include "job-spec.h"
#include "string-list.h"

#define TYPES_COMMAND { "aay" }
#define TYPES_ENVIRONMENT { "as", "aay" }
#define TYPES_DIRECTORY { "s", "ay" }
#define TYPES_PATH { "s" }
#define TYPES_WORD { "s" }
#define TYPES_TEXT { "s" }
#define TYPES_JOB { "s" }
#define TYPES_MEMFD { "h", "ay" }
#define TYPES_CHOICE { "b" }
#define TYPES_RESOURCES { "a{sv}" }
#define TYPES_SWITCH { "b" }
#define TYPES_INTEGER { "i" }
#define TYPES_COUNT { "u" }
#define TYPES_SPAN { "t" }
#define TYPES_REASONS { "as" }
#define TYPES_MOMENT { "t" }
#define TYPES_DEPENDENCIES { "a(ss)" }

enum { ENQUEUE = 0, RETRY = 1 << 0, EDIT = 1 << 1 };

#define OPTION(name, kind, member, min, max, call, option, letter, help) \
        { name, OPTION_##kind, TYPES_##kind, offsetof(Spec, member), min, max, ((call) & RETRY) != 0, ((call) & EDIT) != 0, option, letter },

const JobOption job_options[JOB_OPTIONS_N] = { JOB_OPTIONS(OPTION) };

char **job_option_text(Spec *spec, const JobOption *option) {
        return (char **) ((char *) spec + option->offset);
}

void spec_clear(Spec *spec) {
        string_list_free(spec->argv);
        string_list_free(spec->environment);
        free(spec->retry_of);
        for (const JobOption *o = job_options; o < job_options + JOB_OPTIONS_N; o++)
                if (o->kind == OPTION_DIRECTORY || o->kind == OPTION_PATH || o->kind == OPTION_TEXT ||
                    o->kind == OPTION_RESOURCES || o->kind == OPTION_REASONS ||
                    o->kind == OPTION_DEPENDENCIES || o->kind == OPTION_JOB)
                        free(*job_option_text(spec, o));
        closep(&spec->stdin_fd);
        *spec = SPEC_INIT;
}
