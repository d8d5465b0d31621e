/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

#include <limits.h>

#include "findings.h"
#include "macro.h"
#include "text-new.h"
#include "text.h"

#define FINDINGS_MAX 200U /* more of them nobody reads */
#define STEPS_MAX 50U
#define TEXT_MAX 4000U /* bytes of one text */

static const char *const severities[] = { "critical", "high", "medium", "low" };

static inline void json_object_putp(json_object **p) {
        (void) json_object_put(*p);
}
#define _cleanup_json_ _cleanup_(json_object_putp)

static int invalid(Findings *f, const char *format, ...) _printf_(2, 3);
static int invalid(Findings *f, const char *format, ...) {
        va_list ap;

        va_start(ap, format);
        f->error = text_new_v(format, ap);
        va_end(ap);
        return f->error ? -EBADMSG : -ENOMEM;
}

/* ---- Reading ---- */

static json_object *get(json_object *object, const char *key, json_type type) {
        json_object *value = NULL;

        return json_object_object_get_ex(object, key, &value) && json_object_is_type(value, type) ? value : NULL;
}

static const char *get_text(json_object *object, const char *key) {
        json_object *value = get(object, key, json_type_string);
        const char *text = value ? json_object_get_string(value) : NULL;

        return isempty(text) ? NULL : text;
}

static int64_t get_line(json_object *object, const char *key) {
        json_object *value = get(object, key, json_type_int);

        return value ? json_object_get_int64(value) : 0;
}

static int put(json_object *object, const char *key, json_object *value) {
        if (value && json_object_object_add(object, key, value) == 0)
                return 0;
        (void) json_object_put(value);
        return -ENOMEM;
}

static int put_line(json_object *object, const char *key, const char *text) {
        _cleanup_free_ char *line = text_line(strempty(text), strlen(strempty(text)), TEXT_MAX);

        return line ? put(object, key, json_object_new_string(line)) : -ENOMEM;
}

static int put_text(json_object *object, const char *key, const char *text) {
        _cleanup_free_ char *block = text_block(strempty(text), strlen(strempty(text)), TEXT_MAX);

        return block ? put(object, key, json_object_new_string(block)) : -ENOMEM;
}

/* The directory that has .git, from the current one upwards; else that itself. */
static void find_top(char top[static PATH_MAX]) {
        char path[PATH_MAX + 8];
        size_t n;

        if (!getcwd(top, PATH_MAX))
                top[0] = 0;
        for (n = strlen(top); n > 0;) {
                (void) snprintf(path, sizeof(path), "%.*s/.git", (int) n, top);
                if (access(path, F_OK) >= 0) {
                        top[n] = 0;
                        return;
                }
                do
                        n--;
                while (n > 0 && top[n] != '/');
        }
}

static bool has_parent(const char *path) {
        for (const char *p = path; p; p = strchr(p, '/'), p = p ? p + 1 : NULL)
                if (strncmp(p, "..", 2) == 0 && (p[2] == '/' || !p[2]))
                        return true;
        return false;
}

/* Decided by the path alone, not by the file system, which may change. */
static bool is_inside(const char *path) {
        char top[PATH_MAX];
        const char *rest;

        if (has_parent(path))
                return false;
        if (*path != '/')
                return true;
        find_top(top);
        rest = startswith(path, top);
        return *top && rest && *rest == '/';
}

static bool is_severity(const char *word) {
        for (size_t i = 0; word && i < ELEMENTSOF(severities); i++)
                if (streq(word, severities[i]))
                        return true;
        return false;
}

static int check_finding(Findings *f, json_object *from, size_t i) {
        static const char *const texts[] = { "title", "body", "file" };

        if (!json_object_is_type(from, json_type_object))
                return invalid(f, "finding %zu is no object", i + 1);
        if (!is_severity(get_text(from, "severity")))
                return invalid(f, "finding %zu has no severity of critical, high, medium or low", i + 1);
        for (size_t k = 0; k < ELEMENTSOF(texts); k++)
                if (!get_text(from, texts[k]))
                        return invalid(f, "finding %zu has no %s", i + 1, texts[k]);
        if (get_line(from, "line_start") < 1)
                return invalid(f, "finding %zu has no line", i + 1);
        return 0;
}

static int read_finding(Findings *f, json_object *from, size_t i, json_object *array) {
        _cleanup_json_ json_object *finding = json_object_new_object();
        json_object *confidence;
        int64_t first, last;
        int r;

        r = finding ? check_finding(f, from, i) : -ENOMEM;
        if (r < 0)
                return r;
        first = get_line(from, "line_start");
        last = MAX(get_line(from, "line_end"), first);
        confidence = get(from, "confidence", json_type_double) ?: get(from, "confidence", json_type_int);
        if (put_line(finding, "severity", get_text(from, "severity")) < 0 ||
            put_line(finding, "title", get_text(from, "title")) < 0 ||
            put_text(finding, "body", get_text(from, "body")) < 0 ||
            put_line(finding, "file", get_text(from, "file")) < 0 ||
            put(finding, "in_repository", json_object_new_boolean(is_inside(get_text(from, "file")))) < 0 ||
            put(finding, "line_start", json_object_new_int64(first)) < 0 ||
            put(finding, "line_end", json_object_new_int64(last)) < 0 ||
            put(finding, "confidence", json_object_new_double(confidence ? json_object_get_double(confidence) : 0)) < 0 ||
            put_text(finding, "recommendation", get_text(from, "recommendation")) < 0)
                return -ENOMEM;
        return json_object_array_add(array, TAKE_PTR(finding)) < 0 ? -ENOMEM : 0;
}

/* By severity, those of one in their order. */
static int read_findings(Findings *f, json_object *from) {
        json_object *array = json_object_new_array();
        size_t n = json_object_array_length(from);
        int r;

        r = put(f->review, "findings", array);
        for (size_t i = 0; i < n && r >= 0; i++) { /* also of those that are left out: half a review is none */
                json_object *finding = json_object_array_get_idx(from, i);

                r = check_finding(f, finding, i);
        }
        for (size_t k = 0; k < ELEMENTSOF(severities); k++)
                for (size_t i = 0; i < n && r >= 0 && json_object_array_length(array) < FINDINGS_MAX; i++) {
                        json_object *finding = json_object_array_get_idx(from, i);

                        if (streq(get_text(finding, "severity"), severities[k]))
                                r = read_finding(f, finding, i, array);
                }
        if (r < 0)
                return r;
        return put(f->review, "findings_omitted", json_object_new_int64((int64_t) (n - json_object_array_length(array))));
}

static int read_steps(Findings *f, json_object *from) {
        json_object *array = json_object_new_array();
        int r;

        r = put(f->review, "next_steps", array);
        for (size_t i = 0; i < MIN(json_object_array_length(from), STEPS_MAX) && r >= 0; i++) {
                json_object *step = json_object_array_get_idx(from, i);

                _cleanup_free_ char *line = NULL;

                if (!json_object_is_type(step, json_type_string))
                        return invalid(f, "next step %zu is no text", i + 1);
                line = text_line(json_object_get_string(step), (size_t) json_object_get_string_len(step), TEXT_MAX);
                if (!line || json_object_array_add(array, json_object_new_string(line)) < 0)
                        return -ENOMEM;
        }
        return r;
}

static int read_review(Findings *f, json_object *from) {
        json_object *findings = get(from, "findings", json_type_array), *steps = get(from, "next_steps", json_type_array);
        const char *verdict = get_text(from, "verdict");
        int r;

        if (!verdict || (!streq(verdict, "approve") && !streq(verdict, "needs-attention")))
                return invalid(f, "it has no verdict of approve or needs-attention");
        if (!get_text(from, "summary"))
                return invalid(f, "it has no summary");
        if (!findings || !steps)
                return invalid(f, "it has no list of %s", findings ? "next_steps" : "findings");
        f->review = json_object_new_object();
        if (!f->review || put_line(f->review, "verdict", verdict) < 0 ||
            put_text(f->review, "summary", get_text(from, "summary")) < 0)
                return -ENOMEM;
        r = read_findings(f, findings);
        return r < 0 ? r : read_steps(f, steps);
}

int findings_read(const char *text, size_t n, Findings *ret) {
        json_tokener *tokener = json_tokener_new();
        _cleanup_json_ json_object *document = NULL;
        Findings f = {};
        int r;

        if (!tokener)
                return -ENOMEM;
        json_tokener_set_flags(tokener, JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8);
        document = n < INT_MAX ? json_tokener_parse_ex(tokener, text, (int) n) : NULL;
        if (!document)
                r = invalid(&f, "it is not JSON (%s)", json_tokener_error_desc(json_tokener_get_error(tokener)));
        else if (!json_object_is_type(document, json_type_object))
                r = invalid(&f, "it is not a JSON object");
        else
                r = read_review(&f, document);
        json_tokener_free(tokener);
        if (r < 0) {
                (void) json_object_put(f.review);
                f.review = NULL;
        }
        if (r == -ENOMEM) {
                free(f.error);
                return r;
        }
        *ret = f;
        return 0;
}

/* ---- Writing ---- */

static void put_lines(FILE *f, const char *indent, const char *text) {
        while (*text) {
                size_t n = strcspn(text, "\n");

                (void) fprintf(f, "%s%.*s\n", n > 0 ? indent : "", (int) n, text);
                text += n + (text[n] == '\n');
        }
}

static void put_finding(FILE *f, json_object *finding) {
        int64_t first = get_line(finding, "line_start"), last = get_line(finding, "line_end");
        const char *recommendation = get_text(finding, "recommendation");

        (void) fprintf(f, "\n[%s] %s\n  %s:%jd", get_text(finding, "severity"), get_text(finding, "title"),
                       get_text(finding, "file"), (intmax_t) first);
        if (last > first)
                (void) fprintf(f, "-%jd", (intmax_t) last);
        if (!json_object_get_boolean(get(finding, "in_repository", json_type_boolean)))
                (void) fputs(" (not in this repository)", f);
        (void) fputc('\n', f);
        put_lines(f, "  ", get_text(finding, "body"));
        if (recommendation)
                put_lines(f, "  Recommendation: ", recommendation);
}

static void put_review(FILE *f, json_object *review, const char *target) {
        json_object *findings = get(review, "findings", json_type_array), *steps = get(review, "next_steps", json_type_array);
        int64_t omitted = get_line(review, "findings_omitted");

        (void) fprintf(f, "Review of %s: %s\n\n%s\n", target ?: "the changes", get_text(review, "verdict"),
                       get_text(review, "summary"));
        for (size_t i = 0; i < json_object_array_length(findings); i++)
                put_finding(f, json_object_array_get_idx(findings, i));
        if (json_object_array_length(findings) == 0)
                (void) fputs("\nNo findings.\n", f);
        if (omitted > 0)
                (void) fprintf(f, "\n%jd more findings are omitted.\n", (intmax_t) omitted);
        if (json_object_array_length(steps) > 0)
                (void) fputs("\nNext steps:\n", f);
        for (size_t i = 0; i < json_object_array_length(steps); i++)
                (void) fprintf(f, "- %s\n", json_object_get_string(json_object_array_get_idx(steps, i)));
}

char *findings_text(const Findings *findings, const char *target) {
        _cleanup_text_stream_ TextStream s = {};
        FILE *f = text_stream_open(&s);

        if (!f)
                return NULL;
        put_review(f, findings->review, target);
        return text_stream_take(&s);
}

void findings_clear(Findings *findings) {
        (void) json_object_put(findings->review);
        free(findings->error);
        *findings = (Findings) {};
}
