/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

/* The tables of common/ and what is written by hand about their rows say the same: the interface (and with it
 * org.codex.Jobs(5)), the schemas of JSON and of the store, the manual. Completions ask the help, which they make. */

#include <regex.h>

#include "job-record.h"
#include "job-spec.h"
#include "resource-limits.h"
#include "statement.h"
#include "test.h"

#define RECORD "common/job-record.h"
#define LIMITS "common/job-limits.h"
#define OPTIONS "common/job-spec.h"
#define JOBS_XML "dbus/org.codex.Jobs.xml"
#define JOB_XML "dbus/org.codex.Jobs.Job.xml"
#define JSON_SCHEMA "docs/json/codex-jobs.schema.json"
#define MANUAL "docs/man/parts/job-options.scd docs/man/parts/again-options.scd docs/man/parts/command-options.scd"

static unsigned mistakes;

/* The text of files, with each run of white space as one space. The caller frees it. */
static char *read_sources(const char *files) {
        _cleanup_free_ char *names = strdup(files);
        char *rest = names, *name, *text = NULL;
        size_t size = 0;
        FILE *f = open_memstream(&text, &size);

        check(names && f);
        while ((name = strsep(&rest, " "))) {
                _cleanup_free_ char *path = NULL;
                FILE *source;
                int c, last = ' ';

                check(asprintf(&path, SOURCE_ROOT "/%s", name) > 0);
                source = fopen(path, "re");
                check(source);
                for (; (c = getc(source)) != EOF; last = c) {
                        c = strchr(" \n\t", c) ? ' ' : c;
                        if (c != ' ' || last != ' ')
                                (void) putc(c, f);
                }
                (void) fclose(source);
        }
        check(fclose(f) == 0);
        return text;
}

/* The part of a text from a word to another behind it. The caller frees it. */
static char *part_of(const char *text, const char *from, const char *to) {
        const char *begin = strstr(text, from), *end = begin ? strstr(begin + strlen(from), to) : NULL;

        check(end);
        return strndup(begin, (size_t) (end - begin));
}

/* A regular expression. */
static _printf_(5, 6) void expect(const char *table, const char *row, const char *files, const char *text,
                                  const char *format, ...) {
        _cleanup_free_ char *pattern = NULL;
        regex_t regex;
        va_list ap;

        va_start(ap, format);
        check(vasprintf(&pattern, format, ap) > 0);
        va_end(ap);
        check(regcomp(&regex, pattern, REG_EXTENDED | REG_NOSUB) == 0);
        if (regexec(&regex, text, 0, NULL, 0) != 0) {
                (void) fprintf(stderr, "%s has the row %s, but %s has no %s\n", table, row, files, pattern);
                mistakes++;
        }
        regfree(&regex);
}

/* Each match of the first group is a row. */
static void expect_rows(const char *file, const char *text, const char *pattern, const char *table,
                        bool (*has_row)(const char *name)) {
        regmatch_t match[2];
        regex_t regex;

        check(regcomp(&regex, pattern, REG_EXTENDED) == 0);
        for (; regexec(&regex, text, 2, match, 0) == 0; text += match[0].rm_eo) {
                _cleanup_free_ char *name = strndup(text + match[1].rm_so, (size_t) (match[1].rm_eo - match[1].rm_so));

                if (has_row(name))
                        continue;
                (void) fprintf(stderr, "%s has %s, but %s has no row for it\n", file, name, table);
                mistakes++;
        }
        regfree(&regex);
}

/* --- the record ------------------------------------------------------------------------------------ */

static bool has_field(const char *name) {
        return streq(name, "Unit") || job_field_find(name);
}

static bool has_json_field(const char *name) {
        static const char *const others[] = {
                "unit", "existing", "wait_timed_out", "stdout", "stderr", "stdout_truncated", "stderr_truncated",
        };

        for (size_t i = 0; i < ELEMENTSOF(others); i++)
                if (streq(name, others[i]))
                        return true;
        for (size_t i = 0; i < JOB_FIELDS_N; i++)
                if (streq(name, job_fields[i].json))
                        return true;
        return false;
}

static void record_is_in_the_interface(void) {
        _cleanup_free_ char *jobs = read_sources(JOBS_XML), *job = read_sources(JOB_XML);

        for (const JobField *f = job_fields; f < job_fields + JOB_FIELDS_N; f++)
                expect(RECORD, f->name, JOBS_XML, jobs, "[ :]%s %s[,.]", f->name, f->type);

#define ANNOTATION " ?<annotation name=\"org.freedesktop.DBus.Property.EmitsChangedSignal\" value="
#define ENDS_CONSTANT ">" ANNOTATION "\"const\"/>"
#define ENDS_CHANGED "/>"
#define ENDS_INVALIDATED ">" ANNOTATION "\"invalidates\"/>"
#define ENDS_SILENT ">" ANNOTATION "\"false\"/>"
#define ENDS_NONE NULL
#define PROPERTY(name, kind, member, none, presence, stored, changes, json) \
        { name, FIELD_TYPE(kind), ENDS_##changes },
        static const struct {
                const char *name, *type, *end;
        } properties[] = { JOB_FIELDS(PROPERTY) };

        for (size_t i = 0; i < ELEMENTSOF(properties); i++)
                if (properties[i].end)
                        expect(RECORD, properties[i].name, JOB_XML, job, "<property name=\"%s\" type=\"%s\" access=\"read\"%s",
                               properties[i].name, properties[i].type, properties[i].end);
        expect_rows(JOB_XML, job, "<property name=\"([A-Za-z]+)\"", RECORD, has_field);
        check_int(mistakes, 0);
}

static void record_is_in_the_schema_of_json(void) {
        _cleanup_free_ char *schema = read_sources(JSON_SCHEMA);
        _cleanup_free_ char *job = part_of(schema, "\"job\": { \"type\": \"object\"", "\"dependentRequired\"");
        _cleanup_free_ char *required = part_of(job, "\"required\": [", "]");
        const char *properties = strstr(job, "\"properties\": {") + strlen("\"properties\": {");

        for (const JobField *f = job_fields; f < job_fields + JOB_FIELDS_N; f++) {
                expect(RECORD, f->name, JSON_SCHEMA ", what it requires of a job,", required, "\"%s\"", f->json);
                expect(RECORD, f->name, JSON_SCHEMA ", in the properties of a job,", properties, "\"%s\": \\{",
                       f->json);
        }
        expect_rows(JSON_SCHEMA, properties, "\"([a-z_]+)\": \\{ ?\"(description|type|enum|\\$ref)\"", RECORD,
                    has_json_field);
        check_int(mistakes, 0);
}

static void columns_are_in_the_store(void) {
        static const struct {
                const char *table, *column;
        } columns[] = {
#define FIELD_COLUMN(name, kind, member, none, presence, stored, ...) FIELD_COLUMN_##stored(member)
#define FIELD_COLUMN_ENQUEUED(member) { RECORD, #member },
#define FIELD_COLUMN_ENDED(member) { RECORD, #member },
#define FIELD_COLUMN_UNSTORED(member)
                JOB_FIELDS(FIELD_COLUMN)
#define LIMIT_OF_COLUMN(name, member, ...) { LIMITS, #member },
                JOB_LIMITS(LIMIT_OF_COLUMN)
        };
        _cleanup_(database_closep) Database *db = NULL;

        check_ok(database_open(&db, test_directory()));
        for (size_t i = 0; i < ELEMENTSOF(columns); i++) {
                _cleanup_free_ char *sql = NULL;

                check(asprintf(&sql, "SELECT %s FROM jobs", columns[i].column) > 0);
                if (database_execute(db, sql) >= 0)
                        continue;
                (void) fprintf(stderr, "%s has the column %s, but service/store/schema.c makes none\n",
                               columns[i].table, columns[i].column);
                mistakes++;
        }
        check_int(mistakes, 0);
}

/* --- Enqueue --------------------------------------------------------------------------------------- */

static bool has_option(const char *name) {
        for (size_t i = 0; i < JOB_LIMITS_N; i++)
                if (streq(name, job_limits[i].name))
                        return true;
        for (size_t i = 0; i < JOB_OPTIONS_N; i++)
                if (streq(name, job_options[i].name))
                        return true;
        return false;
}

/* As a regular expression. The caller frees it. */
static char *pattern_of(const char *type) {
        _cleanup_fclose_ FILE *f = NULL;
        char *text = NULL;
        size_t size;

        f = open_memstream(&text, &size);
        check(f);
        for (const char *p = type; *p; p++)
                (void) fprintf(f, strchr("{}()", *p) ? "[%c]" : "%c", *p);
        check(fclose(TAKE_PTR(f)) == 0);
        return text;
}

static void options_are_in_the_interface(void) {
        _cleanup_free_ char *jobs = read_sources(JOBS_XML);
        _cleanup_free_ char *enqueue = part_of(jobs, "<!-- Enqueue:", "-->");
        _cleanup_free_ char *retry = part_of(jobs, "<!-- Retry:", "-->");
        _cleanup_free_ char *edit = part_of(jobs, "<!-- Edit:", "-->");

        for (const JobLimit *l = job_limits; l < job_limits + JOB_LIMITS_N; l++)
                expect(LIMITS, l->name, JOBS_XML ", in Enqueue,", enqueue, "\"%s\" %s[:,]", l->name, l->type);
        for (const JobOption *o = job_options; o < job_options + JOB_OPTIONS_N; o++) {
                _cleanup_free_ char *entry = NULL, *type = pattern_of(o->types[0]);
                bool two = o->types[1];

                check(asprintf(&entry, "\"%s\" %s%s%s[:,]", o->name, type, two ? " or " : "", two ? o->types[1] : "") > 0);
                expect(OPTIONS, o->name, JOBS_XML ", in Enqueue,", enqueue, "%s", entry);
                if (o->is_for_retry)
                        expect(OPTIONS, o->name, JOBS_XML ", in Retry,", retry, "%s", entry);
                if (o->is_for_edit)
                        expect(OPTIONS, o->name, JOBS_XML ", in Edit,", edit, "\"%s\" %s[:,]", o->name, type);
        }
        expect_rows(JOBS_XML, enqueue, "\"([A-Z][A-Za-z]+)\" [a-z{}]+( or [a-z]+)?[:,] ", OPTIONS " or " LIMITS,
                    has_option);
        check_int(mistakes, 0);
}

static void options_are_in_the_manual(void) {
        _cleanup_free_ char *manual = read_sources(MANUAL);

        for (const JobLimit *l = job_limits; l < job_limits + JOB_LIMITS_N; l++)
                if (l->option)
                        expect(LIMITS, l->name, MANUAL, manual, "\\*--%s\\*", l->option);
        for (const JobOption *o = job_options; o < job_options + JOB_OPTIONS_N; o++)
                if (o->option)
                        expect(OPTIONS, o->name, MANUAL, manual, "\\*--%s\\*", o->option);
        check_int(mistakes, 0);
}

/* In the columns that a help has. */
static void options_are_in_the_help(void) {
#define LIMIT_LINE(name, member, kind, min, max, property, shown, option, help) \
        { LIMITS, name, option, "      --" option help },
#define OPTION_LINE(name, kind, member, min, max, call, option, letter, help) \
        { OPTIONS, name, option, help },
        static const struct {
                const char *table, *name, *option, *help;
        } lines[] = {
                JOB_LIMITS_ANY(LIMIT_LINE) JOB_LIMITS_FILES(LIMIT_LINE) JOB_LIMITS_COMMAND(LIMIT_LINE)
                JOB_OPTIONS_ANY(OPTION_LINE) JOB_OPTIONS_AGAIN(OPTION_LINE) JOB_OPTIONS_COMMAND(OPTION_LINE)
                JOB_OPTIONS_STDIN(OPTION_LINE)
        };

        for (size_t i = 0; i < ELEMENTSOF(lines); i++) {
                expect(lines[i].table, lines[i].name, "its help", lines[i].help, "^  (-[A-Z], |    )--%s",
                       lines[i].option);
                expect(lines[i].table, lines[i].name, "its help, in column 27,", lines[i].help,
                       "^([^\n]{25} |[^\n]{1,30}\n {26}) [^ ]");
        }
        check_int(mistakes, 0);
}

/* --- limits of setrlimit(2) ------------------------------------------------------------------------ */

static void resource_limits_are_listed(void) {
        static const char *const files[] = {
                JOBS_XML, MANUAL, "completions/_codex-jobs", "completions/codex-jobs.bash", "completions/codex-jobs.fish",
        };

        for (size_t i = 0; i < ELEMENTSOF(files); i++) {
                _cleanup_free_ char *text = read_sources(files[i]);

                for (const ResourceLimit *l = resource_limits; l < resource_limits + RESOURCE_LIMITS_N; l++)
                        expect("common/resource-limits.h", l->name, files[i], text, "[ (:]%s[ ,.=)']", l->name);
        }
        check_int(mistakes, 0);
}

TEST_MAIN(TEST(resource_limits_are_listed), TEST(record_is_in_the_interface), TEST(record_is_in_the_schema_of_json), TEST(columns_are_in_the_store),
          TEST(options_are_in_the_interface), TEST(options_are_in_the_manual), TEST(options_are_in_the_help))
