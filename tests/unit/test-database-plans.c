/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

/* How SQLite goes about each statement, as it says itself (https://www.sqlite.org/eqp.html). All users share one thread
 * of the store: no call of one may cost the more the more jobs another one has. */

#include "statement.h"
#include "test.h"

/* What may walk through a whole table, or sort, and why. */
static const struct {
        const char *statement;
        const char *detail;
        const char *reason;
} exceptions[] = {
        { "count", "SCAN users", "once, at the start" },
        { "count", "SEARCH jobs USING COVERING INDEX sqlite_autoindex_jobs_3 (sequence=?)", "once, at the start" },
        { "load_live", "SEARCH jobs USING INDEX sqlite_autoindex_jobs_3 (sequence=?)", "once, at the start" },
        { "list_of_users", "SCAN users", "for uid 0 only" },
        { "list_of_kinds", "SCAN users", "for uid 0 only" },
        { "list_of_sessions", "SCAN users", "for uid 0 only" },
        { "list_of_workspaces", "SCAN users", "for uid 0 only" },
        { "load_dependencies", "SCAN dependencies", "once, at the start" },
        { "load_discarded", "SCAN discarded", "once, at the start" },
        { "mark_tree_stopped", "SCAN tree", "the jobs below one" },
        { "load_queues", "SCAN queues", "once, at the start" },
        { "find_prefix", "USE TEMP B-TREE", "a few rows, as many as are told" },
        { "find_prefix_of_user", "USE TEMP B-TREE", "a few rows, as many as are told" },
};

/* All jobs that have not ended have the same sequence, which is none. */
static bool is_harmless(const char *detail) {
        return !startswith(detail, "SCAN ") && !startswith(detail, "USE TEMP B-TREE FOR ORDER BY") && !strstr(detail, "(sequence=?)");
}

static bool is_excepted(const Statement *statement, const char *detail) {
        for (size_t i = 0; i < ELEMENTSOF(exceptions); i++)
                if (streq(exceptions[i].statement, statement->name) && startswith(detail, exceptions[i].detail))
                        return true;
        return startswith(detail, "SCAN CONSTANT ROW") || startswith(detail, "SCAN (subquery");
}

/* Returns how many details were looked at. */
static unsigned check_plan(Database *db, const Statement *statement, bool (*is_good)(const Statement *statement, const char *detail)) {
        _cleanup_free_ char *sql = NULL;
        sqlite3_stmt *s = NULL;
        unsigned n = 0;

        check(asprintf(&sql, "EXPLAIN QUERY PLAN %s", statement->sql) > 0);
        check_int(sqlite3_prepare_v2(db->sqlite, sql, -1, &s, NULL), SQLITE_OK);
        for (; sqlite3_step(s) == SQLITE_ROW; n++) {
                const char *detail = (const char *) sqlite3_column_text(s, 3);

                if (!is_good(statement, detail))
                        test_fail(TEST_PLACE("plan"), "of \"%s\" has \"%s\"", statement->sql, detail);
        }
        (void) sqlite3_finalize(s);
        return n;
}

static bool walks_through_few(const Statement *statement, const char *detail) {
        return is_harmless(detail) || is_excepted(statement, detail);
}

static void no_statement_walks_through_all(void) {
        _cleanup_(database_closep) Database *db = NULL;
        unsigned n = 0;

        check_ok(database_open(&db, test_directory()));
        for (const Statement *s = __start_statements; s < __stop_statements; s++)
                n += check_plan(db, s, walks_through_few);
        check(n >= (size_t) (__stop_statements - __start_statements));
}

static bool begins_with_user(const Statement *statement, const char *detail) {
        return !startswith(detail, "SEARCH jobs") || strstr(detail, "(uid=?") || strstr(detail, "(rowid=?)");
}

static const Statement *find(const char *name) {
        for (const Statement *s = __start_statements; s < __stop_statements; s++)
                if (streq(s->name, name))
                        return s;
        test_fail(TEST_PLACE("find"), "there is no statement %s", name);
}

/* Where a statement finds the jobs of one user, it does not come by another's. */
static void users_are_apart(void) {
        static const char *const statements[] = {
                "find_key", "find_prefix_of_user", "list_of_user", "list_of_kind", "list_of_session", "list_of_workspace",
                "list_finished_of_user", "walk_ended", "find_removable", "find_largest", "list_consumers",
        };
        _cleanup_(database_closep) Database *db = NULL;

        check_ok(database_open(&db, test_directory()));
        for (size_t i = 0; i < ELEMENTSOF(statements); i++)
                check(check_plan(db, find(statements[i]), begins_with_user) > 0);
}

static bool begins_with_kind(const Statement *statement, const char *detail) {
        return !startswith(detail, "SEARCH jobs") || strstr(detail, "(uid=? AND kind=? AND state=? AND rowid<?)") ||
                strstr(detail, "(rowid=?)");
}

/* A list of a kind does not come by jobs of another, however many there are. */
static void kinds_are_apart(void) {
        _cleanup_(database_closep) Database *db = NULL;

        check_ok(database_open(&db, test_directory()));
        check(check_plan(db, find("list_of_kind"), begins_with_kind) > 0);
        check(check_plan(db, find("list_of_kinds"), begins_with_kind) > 0);
}

TEST_MAIN(TEST(no_statement_walks_through_all), TEST(users_are_apart), TEST(kinds_are_apart))
