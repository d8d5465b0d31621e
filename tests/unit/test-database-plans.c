/* SPDX-License-Identifier: Apache-2.0 */

/* How SQLite goes about each statement, as it says itself (https://www.sqlite.org/eqp.html). All users share one thread
 * of the store: no call of one may cost the more the more jobs another one has. */

#include "database-internal.h"
#include "test.h"

/* What may walk through a whole table, or sort, and why. */
static const struct {
        int statement;
        const char *detail;
        const char *reason;
} exceptions[] = {
        { SQL_COUNT, "SCAN jobs", "once, at the start" },
        { SQL_LOAD_DISCARDED, "SCAN discarded", "once, at the start" },
        { SQL_LOAD_PAUSED, "SCAN paused", "once, at the start" },
        { SQL_FIND_PREFIX, "USE TEMP B-TREE", "a few rows, as many as are told" },
        { SQL_FIND_PREFIX_OF_USER, "USE TEMP B-TREE", "a few rows, as many as are told" },
};

static bool is_harmless(const char *detail) {
        return !startswith(detail, "SCAN ") && !startswith(detail, "USE TEMP B-TREE FOR ORDER BY");
}

static bool is_excepted(int statement, const char *detail) {
        for (size_t i = 0; i < ELEMENTSOF(exceptions); i++)
                if (exceptions[i].statement == statement && startswith(detail, exceptions[i].detail))
                        return true;
        return startswith(detail, "SCAN CONSTANT ROW") || startswith(detail, "SCAN (subquery");
}

/* Returns how many details were looked at. */
static unsigned check_plan(Database *db, int statement, bool (*is_good)(int statement, const char *detail)) {
        _cleanup_free_ char *sql = NULL;
        sqlite3_stmt *s = NULL;
        unsigned n = 0;

        check(database_statement(statement));
        check(asprintf(&sql, "EXPLAIN QUERY PLAN %s", database_statement(statement)) > 0);
        check_int(sqlite3_prepare_v2(db->sqlite, sql, -1, &s, NULL), SQLITE_OK);
        for (; sqlite3_step(s) == SQLITE_ROW; n++) {
                const char *detail = (const char *) sqlite3_column_text(s, 3);

                if (!is_good(statement, detail))
                        test_fail(TEST_PLACE("plan"), "of \"%s\" has \"%s\"", database_statement(statement), detail);
        }
        (void) sqlite3_finalize(s);
        return n;
}

static bool walks_through_few(int statement, const char *detail) {
        return is_harmless(detail) || is_excepted(statement, detail);
}

static void no_statement_walks_through_all(void) {
        _cleanup_(database_closep) Database *db = NULL;
        unsigned n = 0;

        check_ok(database_open(&db, test_directory()));
        for (int i = 0; i < _SQL_MAX; i++)
                n += check_plan(db, i, walks_through_few);
        check(n >= _SQL_MAX);
}

static bool begins_with_user(int statement, const char *detail) {
        return !startswith(detail, "SEARCH jobs") || strstr(detail, "(uid=?") || strstr(detail, "(rowid=?)");
}

/* Where a statement finds the jobs of one user, it does not come by another's. */
static void users_are_apart(void) {
        static const int statements[] = {
                SQL_FIND_KEY, SQL_FIND_PREFIX_OF_USER, SQL_LIST_OF_USER, SQL_LIST_OF_SESSION, SQL_LIST_OF_WORKSPACE,
                SQL_LIST_FINISHED_OF_USER, SQL_WALK_ENDED,
        };
        _cleanup_(database_closep) Database *db = NULL;

        check_ok(database_open(&db, test_directory()));
        for (size_t i = 0; i < ELEMENTSOF(statements); i++)
                check(check_plan(db, statements[i], begins_with_user) > 0);
}

TEST_MAIN(TEST(no_statement_walks_through_all), TEST(users_are_apart))
