/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

/* A corrupt database is never silently replaced: it is moved aside, and all readable rows are copied into a new one.
 * The last few that were moved aside are kept. */

#include <dirent.h>
#include <fcntl.h>

#include "spec-format.h"
#include "statement.h"
#include "text-new.h"
#include "time-util.h"

#define UNREADABLE_MAX 10000 /* consecutive unreadable jobs until the rest is given up */
#define KEPT_ASIDE 5

/* Reads the path of the database that was moved aside from the flag; -ENOENT if it is empty or missing. */
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

        r = database_path(directory, suffix, from);
        if (r < 0)
                return r;
        if (snprintf(to, sizeof(to), "%s%s", aside, suffix) >= PATH_MAX)
                return -ENAMETOOLONG;
        return rename(from, to) < 0 && errno != ENOENT ? -errno : 0;
}

/* The new database is incomplete. */
static void unlink_part(const char *directory, const char *suffix) {
        char path[PATH_MAX];

        if (database_path(directory, suffix, path) >= 0)
                (void) unlink(path);
}

static int new_aside_path(const char *directory, const char *flag, char **ret) {
        _cleanup_free_ char *path = NULL;
        char when[RFC3339_MAX];
        int r;

        path = text_new("%s/jobs.sqlite.damaged-%s", directory, format_rfc3339(now_realtime(), when));
        if (!path)
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

        r = database_path(directory, ".is-damaged", flag);
        if (r < 0)
                return r;
        r = read_flag(flag, &path);
        if (r == -ENOENT)
                r = new_aside_path(directory, flag, &path);
        else if (path && access(path, F_OK) == 0) { /* it was renamed already */
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

        r = database_path(directory, ".is-damaged", flag);
        if (r < 0)
                return r;
        return unlink(flag) < 0 && errno != ENOENT ? -errno : 0;
}

/* --- databases moved aside earlier ------------------------------------------------------------------ */

static int is_aside(const struct dirent *entry) {
        return startswith(entry->d_name, "jobs.sqlite.damaged-") != NULL;
}

static int newest_first(const struct dirent **a, const struct dirent **b) {
        return -strcmp((*a)->d_name, (*b)->d_name); /* names end in a time */
}

/* The length of a name without the suffix that SQLite adds for its log. */
static size_t stem(const char *name) {
        const char *end = strrchr(name, 'Z');

        return end ? (size_t) (end + 1 - name) : strlen(name);
}

unsigned database_delete_old_aside(const char *directory) {
        _cleanup_close_ int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        struct dirent **found = NULL;
        unsigned stores = 0;
        int n;

        n = fd < 0 ? -1 : scandirat(fd, ".", &found, is_aside, newest_first);
        for (int i = 0; i < n; i++) {
                const char *name = found[i]->d_name;

                if (i == 0 || strncmp(name, found[i - 1]->d_name, stem(name)) != 0)
                        stores++;
                if (stores > KEPT_ASIDE)
                        (void) unlinkat(fd, name, 0);
        }
        for (int i = 0; i < n; i++)
                free(found[i]);
        free(found);
        return stores > KEPT_ASIDE ? stores - KEPT_ASIDE : 0;
}

/* --- reading a corrupt database -------------------------------------------------------------------- */

static void statement_finalizep(sqlite3_stmt **s) {
        (void) sqlite3_finalize(*s);
}

/* Prepares a statement, with a number for its parameter if it has one. *ret must be finalized. */
static int prepare_with(Database *db, const char *sql, uint64_t number, sqlite3_stmt **ret) {
        int r = sqlite3_prepare_v2(db->sqlite, sql, -1, ret, NULL);

        if (r == SQLITE_OK && sqlite3_bind_parameter_count(*ret) > 0)
                r = sqlite3_bind_int64(*ret, 1, (int64_t) number);
        return database_errno(r);
}

static int insert_row(sqlite3_stmt *row, sqlite3_stmt *insert) {
        int r = SQLITE_OK;

        for (int i = 0; i < sqlite3_column_count(row) && r == SQLITE_OK; i++) {
                sqlite3_value *value = sqlite3_value_dup(sqlite3_column_value(row, i));

                r = value ? sqlite3_bind_value(insert, i + 1, value) : SQLITE_NOMEM;
                sqlite3_value_free(value);
        }
        if (r == SQLITE_OK)
                r = sqlite3_step(insert);
        (void) sqlite3_reset(insert);
        return database_errno(r);
}

/* An error of the target about the row, not about its disk. */
static bool is_unfit(int r) {
        return r == -EEXIST;
}

/* A corrupt page causes various errors, but not lack of memory. */
static int next_readable(sqlite3_stmt *rows) {
        int r = statement_next(rows);

        return r < 0 && r != -ENOMEM ? 0 : r;
}

/* Inserts each row of a query into another database with a statement that has a parameter for each column. Returns
 * the number of rows, without those that are unreadable or violate a constraint, or a negative errno if the other
 * database cannot be written or memory is short. */
static int copy_rows(Database *from, const char *select, uint64_t number, Database *to, const char *insert) {
        _cleanup_(statement_finalizep) sqlite3_stmt *rows = NULL, *one = NULL;
        int r, n = 0;

        r = prepare_with(from, select, number, &rows);
        if (r < 0)
                return r == -ENOMEM ? r : 0;
        r = prepare_with(to, insert, 0, &one);
        if (r < 0)
                return r;
        while ((r = next_readable(rows)) > 0) {
                r = insert_row(rows, one);
                if (r < 0 && !is_unfit(r))
                        return r;
                n += r >= 0;
        }
        return r < 0 ? r : n;
}

/* Reads one value. -ENOENT: no row, or NULL. */
static int query_number(Database *db, const char *sql, uint64_t number, uint64_t *ret) {
        _cleanup_(statement_finalizep) sqlite3_stmt *s = NULL;
        int r;

        r = prepare_with(db, sql, number, &s);
        if (r < 0)
                return r;
        r = sqlite3_step(s);
        if (r != SQLITE_ROW)
                return r == SQLITE_DONE ? -ENOENT : database_errno(r);
        if (sqlite3_column_type(s, 0) != SQLITE_INTEGER)
                return -ENOENT;
        *ret = (uint64_t) sqlite3_column_int64(s, 0);
        return 0;
}

static int query_text(Database *db, const char *sql, uint64_t number, char **ret) {
        _cleanup_(statement_finalizep) sqlite3_stmt *s = NULL;
        const char *text;
        int r;

        r = prepare_with(db, sql, number, &s);
        if (r < 0)
                return r;
        r = sqlite3_step(s);
        text = r == SQLITE_ROW ? (const char *) sqlite3_column_text(s, 0) : NULL;
        if (!text)
                return r == SQLITE_ROW || r == SQLITE_DONE ? -ENOENT : database_errno(r);
        *ret = strdup(text);
        return *ret ? 0 : -ENOMEM;
}

/* --- copying --------------------------------------------------------------------------------------- */

typedef struct Salvage {
        Database *aside; /* the corrupt database */
        Database *db;    /* the new one */
        char *select_job;
        char *select_spec;
        char *insert_job;
        Salvaged salvaged;
} Salvage;

/* Returns 1 or 0. A corrupt database may seem to have any columns. */
static int has_column(Database *db, const char *name) {
        _cleanup_free_ char *sql = text_new("SELECT 1 FROM pragma_table_info('jobs') WHERE name = '%s'", name);
        uint64_t one;
        int r;

        if (!sql)
                return -ENOMEM;
        r = query_number(db, sql, 0, &one);
        return r == -ENOMEM ? r : r >= 0;
}

/* Writes the columns that both databases have, since one of an older version has fewer. Returns their number. */
static int write_columns(Salvage *s, FILE *f) {
        int n = 0;

        for (uint64_t i = 0;; i++) {
                _cleanup_free_ char *name = NULL;
                int r;

                r = query_text(s->db, "SELECT name FROM pragma_table_info('jobs') WHERE cid = ?", i, &name);
                if (r < 0)
                        return r == -ENOENT ? n : r;
                r = has_column(s->aside, name);
                if (r < 0)
                        return r;
                if (r > 0)
                        (void) fprintf(f, "%s%s", n++ > 0 ? ", " : "", name);
        }
}

static int find_columns(Salvage *s, char **ret) {
        _cleanup_text_stream_ TextStream columns = {};
        int n;

        if (!text_stream_open(&columns))
                return -ENOMEM;
        n = write_columns(s, columns.f);
        if (n < 0)
                return n;
        *ret = text_stream_take(&columns);
        return *ret ? n : -ENOMEM;
}

/* Only valid records are copied: a corrupt page may contain anything. Returns 0 if there is nothing to read. */
static int salvage_init(Salvage *s) {
        _cleanup_free_ char *columns = NULL, *marks = NULL;
        int n;

        n = find_columns(s, &columns);
        if (n <= 0)
                return n;
        s->select_job = text_new("SELECT %s FROM jobs NOT INDEXED WHERE number = ? AND id = kind || '-' || token AND "
                                 "(sequence IS NULL AND state IN ('queued', 'running') OR "
                                 "sequence > 0 AND state IN ('completed', 'failed', 'cancelled'))", columns);
        s->select_spec = text_new("SELECT * FROM specs WHERE id = (SELECT id FROM jobs WHERE number = ?) AND "
                                  "length(spec) >= %zu", sizeof(SpecHeader));
        if (!s->select_job || !s->select_spec)
                return -ENOMEM;
        marks = calloc((size_t) n, 3);
        if (!marks)
                return -ENOMEM;
        for (int i = 1; i < n; i++)
                (void) strcat(marks, ", ?");
        s->insert_job = text_new("INSERT INTO jobs (%s) VALUES (?%s)", columns, marks);
        return s->insert_job ? 1 : -ENOMEM;
}

static void salvage_done(Salvage *s) {
        (void) database_close(s->aside);
        free(s->select_job);
        free(s->select_spec);
        free(s->insert_job);
}

/* An unknown word would make the copy look corrupt as well. Returns 1, or 0 if the record is invalid. */
static int check_copy(Salvage *s, uint64_t number) {
        StoredJob stored = { .record = JOB_RECORD_INIT };
        _cleanup_free_ char *id = NULL;
        int r;

        r = query_text(s->db, "SELECT id FROM jobs WHERE number = ?", number, &id);
        if (r >= 0)
                r = database_read_stored(s->db, id, &stored);
        stored_job_clear(&stored);
        return r >= 0 ? 1 : r == -EBADMSG || r == -ENOENT ? 0 : r;
}

static int copy_checked(Salvage *s, uint64_t number) {
        int r;

        r = copy_rows(s->aside, s->select_job, number, s->db, s->insert_job);
        if (r > 0)
                r = check_copy(s, number);
        if (r <= 0)
                return r;
        /* The specification may be lost when the job is not: the job fails when it begins. */
        r = copy_rows(s->aside, s->select_spec, number, s->db, "INSERT INTO specs VALUES (?, ?)");
        return r < 0 ? r : 1;
}

/* Returns 1, or 0 if there is no such job, or it is not readable. It is rolled back instead of deleted, so that its
 * files are kept. */
static int copy_job(Salvage *s, uint64_t number) {
        int r, copied;

        r = database_execute(s->db, "SAVEPOINT job");
        if (r < 0)
                return r;
        copied = copy_checked(s, number);
        if (copied < 0)
                return copied;
        r = database_execute(s->db, copied > 0 ? "RELEASE job" : "ROLLBACK TO job; RELEASE job");
        return r < 0 ? r : copied;
}

static int copy_jobs(Salvage *s) {
        uint64_t number = 0;

        for (unsigned unreadable = 0; unreadable < UNREADABLE_MAX; unreadable++) {
                uint64_t next = number + 1; /* if the next one cannot be found, the numbers are tried in order */
                int found, r;

                found = query_number(s->aside, "SELECT min(number) FROM jobs NOT INDEXED WHERE number > ?", number,
                                              &next);
                if (found == -ENOENT)
                        return 0;
                if (found == -ENOMEM)
                        return found;
                number = next;
                r = copy_job(s, number);
                if (r < 0)
                        return r;
                s->salvaged.recovered += r > 0;
                s->salvaged.left_out += r == 0 && found >= 0;
                if (r > 0)
                        unreadable = 0;
        }
        return 0;
}

static int copy_all(Salvage *s) {
        static const struct {
                const char *select, *insert;
        } tables[] = {
                { "SELECT * FROM consumers", "INSERT OR REPLACE INTO consumers "
                                             "SELECT ?1, ?2, ?3, coalesce(?4, strftime('%s', 'now') * 1000000)" },
                { "SELECT * FROM dependencies", "INSERT OR IGNORE INTO dependencies SELECT ?1, ?2, ?3 "
                                                "WHERE EXISTS (SELECT 1 FROM jobs WHERE id = ?1 AND sequence IS NULL)" },
                { "SELECT * FROM paused", "INSERT OR IGNORE INTO queues VALUES (?, 'default', 0, 0, 1)" },
                { "SELECT * FROM queues", "INSERT OR IGNORE INTO queues VALUES (?, ?, ?, ?, ?)" },
                { "SELECT * FROM discarded", "INSERT OR IGNORE INTO discarded SELECT ?1 "
                                             "WHERE NOT EXISTS (SELECT 1 FROM jobs WHERE id = ?1)" },
                { "SELECT * FROM counters WHERE name = 'sequence'", "INSERT OR REPLACE INTO counters VALUES (?, ?)" },
        };
        int r;

        r = copy_jobs(s);
        for (size_t i = 0; i < ELEMENTSOF(tables) && r >= 0; i++)
                r = copy_rows(s->aside, tables[i].select, 0, s->db, tables[i].insert);
        if (r < 0)
                return r;
        return database_execute(s->db, "UPDATE counters SET value = max(value, ifnull((SELECT max(sequence) FROM jobs), 0)) "
                                       "WHERE name = 'sequence'");
}

/* Whatever is wrong with the file, retrying would not recover more from it. */
static int open_aside(Salvage *s, const char *path) {
        int r;

        r = database_open_aside(&s->aside, path);
        if (r == -EBADMSG || r == -EIO)
                return 0;
        return r < 0 ? r : salvage_init(s);
}

int database_salvage(Database *db, const char *path, Salvaged *ret) {
        _cleanup_(salvage_done) Salvage s = { .db = db };
        int r;

        r = open_aside(&s, path);
        if (r > 0) {
                r = database_begin(db);
                if (r >= 0)
                        r = copy_all(&s);
                if (r >= 0)
                        r = database_commit(db);
                if (r < 0)
                        database_rollback(db);
        }
        if (r >= 0)
                *ret = s.salvaged;
        return MIN(r, 0);
}
