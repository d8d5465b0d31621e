/* SPDX-License-Identifier: Apache-2.0 */

/* A store that is damaged is never deleted and never silently made anew: it is set aside, and what can be
 * read of it, row by row, goes into the new one. */

#include <limits.h>

#include "database.h"
#include "time-util.h"

#define MISSING_MAX 10000 /* numbers one after another without a row; then the rest is given up */

static int rename_part(const char *directory, const char *suffix, const char *aside) {
        char from[PATH_MAX], to[PATH_MAX];

        if ((size_t) snprintf(from, sizeof(from), "%s/jobs.sqlite%s", directory, suffix) >= sizeof(from) ||
            (size_t) snprintf(to, sizeof(to), "%s%s", aside, suffix) >= sizeof(to))
                return -ENAMETOOLONG;
        return rename(from, to) < 0 && errno != ENOENT ? -errno : 0;
}

int database_set_aside(const char *directory, char **ret_path) {
        char when[RFC3339_MAX], *path;
        int r;

        if (asprintf(&path, "%s/jobs.sqlite.damaged-%s", directory, format_rfc3339(now_realtime(), when)) < 0)
                return -ENOMEM;
        r = rename_part(directory, "-wal", path);
        if (r >= 0)
                r = rename_part(directory, "", path);
        if (r >= 0)
                r = rename_part(directory, ".is-damaged", path);
        if (r < 0) {
                free(path);
                return r;
        }
        *ret_path = path;
        return 0;
}

/* Returns 1, 0 where there is no such job, or a negative errno where it cannot be read. */
static int copy_job(Database *db, uint64_t number) {
        int r;

        r = database_execute_number(db, "INSERT INTO main.jobs SELECT * FROM aside.jobs WHERE number = ?", number);
        if (r <= 0)
                return r;
        /* What a job was to execute may be gone where the job is not: then it fails when it is begun. */
        (void) database_execute_number(db, "INSERT INTO main.specs SELECT * FROM aside.specs WHERE id = "
                                           "(SELECT id FROM main.jobs WHERE number = ?)", number);
        return 1;
}

static uint64_t copy_jobs(Database *db) {
        uint64_t saved = 0;

        for (uint64_t number = 1, missing = 0; missing < MISSING_MAX; number++)
                if (copy_job(db, number) > 0) {
                        saved++;
                        missing = 0;
                } else
                        missing++;
        return saved;
}

int database_salvage(Database *db, const char *path, uint64_t *ret_jobs) {
        char sql[PATH_MAX + 32];
        int r;

        /* The path has no quote of its own: it is made of the state directory and a date. */
        (void) snprintf(sql, sizeof(sql), "ATTACH '%s' AS aside", path);
        r = database_execute(db, sql);
        if (r < 0)
                return r;
        r = database_begin(db);
        if (r < 0)
                return r;
        *ret_jobs = copy_jobs(db);
        (void) database_execute(db, "INSERT OR REPLACE INTO main.consumers SELECT * FROM aside.consumers");
        (void) database_execute(db, "INSERT OR REPLACE INTO main.counters SELECT * FROM aside.counters");
        r = database_execute(db, "UPDATE counters SET value = max(value, ifnull((SELECT max(sequence) FROM jobs), 0)) "
                                 "WHERE name = 'sequence'");
        if (r >= 0)
                r = database_commit(db);
        (void) database_execute(db, "DETACH aside");
        return r;
}
