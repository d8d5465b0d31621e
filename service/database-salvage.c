/* SPDX-License-Identifier: Apache-2.0 */

/* A store that is damaged is never deleted and never silently made anew: it is set aside, and what can be
 * read of it, row by row, goes into the new one. */

#include <fcntl.h>
#include <limits.h>

#include "database.h"
#include "time-util.h"

#define UNREADABLE_MAX 10000 /* jobs one after another; then the rest is given up */

static int path_of(const char *directory, const char *suffix, char ret[static PATH_MAX]) {
        return snprintf(ret, PATH_MAX, "%s/jobs.sqlite%s", directory, suffix) < PATH_MAX ? 0 : -ENAMETOOLONG;
}

/* Reads the path of the store that was set aside out of the flag; -ENOENT where that is empty or missing. */
static int read_flag(const char *flag, char **ret) {
        _cleanup_fclose_ FILE *f = fopen(flag, "re");
        char text[PATH_MAX];

        if (!f)
                return -errno;
        if (!fgets(text, sizeof(text), f))
                return -ENOENT;
        *ret = strdup(text);
        return *ret ? 0 : -ENOMEM;
}

static int write_flag(const char *flag, const char *path) {
        _cleanup_close_ int fd = open(flag, O_WRONLY | O_CREAT | O_CLOEXEC | O_TRUNC, 0600);
        size_t n = strlen(path);

        if (fd < 0)
                return -errno;
        if (write(fd, path, n) != (ssize_t) n)
                return -EIO;
        return fsync(fd) < 0 ? -errno : 0;
}

static int rename_part(const char *directory, const char *suffix, const char *aside) {
        char from[PATH_MAX], to[PATH_MAX];
        int r;

        r = path_of(directory, suffix, from);
        if (r < 0)
                return r;
        if (snprintf(to, sizeof(to), "%s%s", aside, suffix) >= PATH_MAX)
                return -ENAMETOOLONG;
        return rename(from, to) < 0 && errno != ENOENT ? -errno : 0;
}

/* What was begun in its place is not whole. */
static void unlink_part(const char *directory, const char *suffix) {
        char path[PATH_MAX];

        if (path_of(directory, suffix, path) >= 0)
                (void) unlink(path);
}

static int new_aside_path(const char *directory, const char *flag, char **ret) {
        _cleanup_free_ char *path = NULL;
        char when[RFC3339_MAX];
        int r;

        if (asprintf(&path, "%s/jobs.sqlite.damaged-%s", directory, format_rfc3339(now_realtime(), when)) < 0)
                return -ENOMEM;
        r = write_flag(flag, path);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(path);
        return 0;
}

int database_set_aside(const char *directory, char **ret_path) {
        _cleanup_free_ char *path = NULL;
        char flag[PATH_MAX];
        int r;

        r = path_of(directory, ".is-damaged", flag);
        if (r < 0)
                return r;
        r = read_flag(flag, &path);
        if (r == -ENOENT)
                r = new_aside_path(directory, flag, &path);
        else if (path && access(path, F_OK) == 0) { /* the renaming was done */
                unlink_part(directory, "-wal");
                unlink_part(directory, "");
        }
        if (r >= 0)
                r = rename_part(directory, "-wal", path);
        if (r >= 0)
                r = rename_part(directory, "", path);
        if (r < 0)
                return r;
        *ret_path = TAKE_PTR(path);
        return 0;
}

int database_salvaged(const char *directory) {
        char flag[PATH_MAX];
        int r;

        r = path_of(directory, ".is-damaged", flag);
        if (r < 0)
                return r;
        return unlink(flag) < 0 && errno != ENOENT ? -errno : 0;
}

/* The columns that a store of its version has, and as many question marks; a later version only ever has more. */
static int find_columns(Database *aside, char **ret, char **ret_marks) {
        _cleanup_free_ char *columns = NULL;
        int r;

        r = database_query_text(aside, "SELECT group_concat(name) FROM pragma_table_info('jobs')", &columns);
        if (r < 0)
                return r;
        r = database_query_text(aside, "SELECT group_concat('?') FROM pragma_table_info('jobs')", ret_marks);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(columns);
        return 0;
}

typedef struct Salvage {
        Database *aside; /* what was damaged */
        Database *db;    /* what is new */
        char *select_job;
        char *insert_job;
} Salvage;

/* Only what makes sense is copied: what stands on a page that is damaged may be anything. */
static int salvage_init(Salvage *s) {
        _cleanup_free_ char *columns = NULL, *marks = NULL;
        int r;

        r = find_columns(s->aside, &columns, &marks);
        if (r < 0)
                return r;
        if (asprintf(&s->select_job,
                     "SELECT %s FROM jobs NOT INDEXED WHERE number = ? AND id = kind || '-' || token AND "
                     "(sequence IS NULL AND state IN ('queued', 'running') OR "
                     "sequence > 0 AND state IN ('completed', 'failed', 'cancelled'))", columns) < 0)
                return -ENOMEM;
        return asprintf(&s->insert_job, "INSERT INTO jobs (%s) VALUES (%s)", columns, marks) < 0 ? -ENOMEM : 0;
}

static void salvage_done(Salvage *s) {
        (void) database_close(s->aside);
        free(s->select_job);
        free(s->insert_job);
}

/* Returns 1; or another number where there is no such job, or it cannot be read. */
static int copy_job(Salvage *s, uint64_t number) {
        int r;

        r = database_copy_rows(s->aside, s->select_job, number, s->db, s->insert_job);
        if (r == 1) /* What it was to execute may be gone where the job is not: then it fails when it is begun. */
                (void) database_copy_rows(s->aside, "SELECT * FROM specs WHERE id = (SELECT id FROM jobs WHERE number = ?)",
                                          number, s->db, "INSERT INTO specs VALUES (?, ?)");
        return r;
}

static uint64_t copy_jobs(Salvage *s) {
        uint64_t saved = 0, number = 0;

        for (unsigned unreadable = 0; unreadable < UNREADABLE_MAX; unreadable++) {
                uint64_t next = number + 1; /* where the next cannot be found, the numbers are tried in order */

                if (database_query_number(s->aside, "SELECT min(number) FROM jobs NOT INDEXED WHERE number > ?", number,
                                          &next) == -ENOENT)
                        break;
                number = next;
                if (copy_job(s, number) == 1) {
                        saved++;
                        unreadable = 0;
                }
        }
        return saved;
}

int database_salvage(Database *db, const char *path, uint64_t *ret_jobs) {
        _cleanup_(salvage_done) Salvage s = { .db = db };
        int r;

        r = database_open_aside(&s.aside, path);
        if (r >= 0)
                r = salvage_init(&s);
        if (r >= 0)
                r = database_begin(db);
        if (r < 0)
                return r;
        *ret_jobs = copy_jobs(&s);
        (void) database_copy_rows(s.aside, "SELECT * FROM consumers", 0, db, "INSERT OR REPLACE INTO consumers VALUES (?, ?, ?)");
        (void) database_copy_rows(s.aside, "SELECT * FROM paused", 0, db, "INSERT OR IGNORE INTO paused VALUES (?)");
        (void) database_copy_rows(s.aside, "SELECT * FROM counters", 0, db, "INSERT OR REPLACE INTO counters VALUES (?, ?)");
        r = database_execute(db, "UPDATE counters SET value = max(value, ifnull((SELECT max(sequence) FROM jobs), 0)) "
                                 "WHERE name = 'sequence'");
        if (r >= 0)
                r = database_commit(db);
        if (r < 0)
                database_rollback(db);
        return r;
}
