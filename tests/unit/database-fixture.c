/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

#include <glob.h>
#include <sqlite3.h>
#include <sys/stat.h>

#include "database-fixture.h"
#include "test.h"

void run_sql(const char *sql) {
        char *message = NULL;
        sqlite3 *db = NULL;

        check_int(sqlite3_open(test_path("jobs.sqlite"), &db), SQLITE_OK);
        if (sqlite3_exec(db, sql, NULL, NULL, &message) != SQLITE_OK)
                test_fail(TEST_PLACE("sqlite3_exec()"), "%s", message);
        check_int(sqlite3_close(db), SQLITE_OK);
}

char *read_file(const char *path, size_t *ret_size) {
        _cleanup_fclose_ FILE *f = fopen(path, "re");
        struct stat st;
        char *bytes;

        check(f);
        check_ok(fstat(fileno(f), &st));
        *ret_size = (size_t) st.st_size;
        bytes = malloc(*ret_size + 1);
        check(bytes);
        check_int(fread(bytes, 1, *ret_size, f), *ret_size);
        return bytes;
}

void write_file(const char *name, const void *bytes, size_t n) {
        FILE *f = fopen(test_path(name), "we");

        check(f);
        check_int(fwrite(bytes, 1, n, f), n);
        check(fclose(f) == 0);
}

void flag_damaged(void) {
        write_file("jobs.sqlite.is-damaged", "", 0);
}

size_t set_aside(char path[static 512]) {
        glob_t found = {};
        size_t n = 0;

        (void) glob(test_path("jobs.sqlite.damaged-*Z"), 0, NULL, &found);
        n = found.gl_pathc;
        if (n > 0)
                (void) snprintf(path, 512, "%s", found.gl_pathv[n - 1]);
        globfree(&found);
        return n;
}

void open_anew(StoreFixture *f) {
        store_fixture_close(f);
        store_fixture_open(f);
}
