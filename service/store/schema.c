/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

/* The schema of the database, and its migrations. */

#include "statement.h"

#define APPLICATION_ID 0x434a6f62 /* "CJob", for file(1) */

/* Each entry brings the schema from version i to i + 1. Entries are only ever added. */
static const char *const migrations[] = {
        "CREATE TABLE jobs ("
        "  number INTEGER PRIMARY KEY AUTOINCREMENT,"
        "  id TEXT NOT NULL UNIQUE,"
        "  token TEXT NOT NULL UNIQUE,"
        "  kind TEXT NOT NULL, label TEXT NOT NULL,"
        "  state TEXT NOT NULL, reason TEXT NOT NULL,"
        "  exit_code INTEGER NOT NULL, signal INTEGER NOT NULL, uid INTEGER NOT NULL,"
        "  queue TEXT NOT NULL, directory TEXT, workspace TEXT, session TEXT,"
        "  created_usec INTEGER NOT NULL, started_usec INTEGER NOT NULL, finished_usec INTEGER NOT NULL,"
        "  sequence INTEGER UNIQUE,"
        "  progress TEXT, stdout_bytes INTEGER NOT NULL, stderr_bytes INTEGER NOT NULL, result TEXT,"
        "  stopped_by INTEGER, stop_reason TEXT NOT NULL DEFAULT '', instance TEXT,"
        "  runtime_max_usec INTEGER NOT NULL, output_max INTEGER NOT NULL, memory_max INTEGER NOT NULL,"
        "  tasks_max INTEGER NOT NULL, cpu_weight INTEGER NOT NULL) STRICT;"
        "CREATE INDEX jobs_by_uid ON jobs (uid, number);"
        "CREATE INDEX jobs_live ON jobs (number) WHERE sequence IS NULL;"
        "CREATE TABLE specs (id TEXT PRIMARY KEY REFERENCES jobs (id) ON DELETE CASCADE,"
        "  spec BLOB NOT NULL) STRICT, WITHOUT ROWID;"
        "CREATE TABLE counters (name TEXT PRIMARY KEY, value INTEGER NOT NULL) STRICT, WITHOUT ROWID;"
        "INSERT INTO counters VALUES ('sequence', 0);",

        "ALTER TABLE jobs ADD COLUMN stall_usec INTEGER NOT NULL DEFAULT 0;"
        "ALTER TABLE jobs ADD COLUMN key TEXT;"
        "ALTER TABLE jobs ADD COLUMN digest INTEGER;"
        "CREATE UNIQUE INDEX jobs_by_key ON jobs (uid, key) WHERE key IS NOT NULL;"
        "CREATE TABLE consumers (uid INTEGER NOT NULL, name TEXT NOT NULL, sequence INTEGER NOT NULL,"
        "  PRIMARY KEY (uid, name)) STRICT, WITHOUT ROWID;",

        /* Stored jobs and bytes of each user, maintained by triggers, so that checking a limit takes one lookup. */
        "CREATE TABLE users (uid INTEGER PRIMARY KEY, jobs INTEGER NOT NULL, bytes INTEGER NOT NULL) STRICT;"
        "INSERT INTO users SELECT uid, count(*), sum(stdout_bytes + stderr_bytes) FROM jobs GROUP BY uid;"
        "CREATE TRIGGER jobs_added AFTER INSERT ON jobs BEGIN "
        "  INSERT INTO users VALUES (new.uid, 1, new.stdout_bytes + new.stderr_bytes) ON CONFLICT DO UPDATE "
        "    SET jobs = jobs + 1, bytes = bytes + excluded.bytes; END;"
        "CREATE TRIGGER jobs_changed AFTER UPDATE OF stdout_bytes, stderr_bytes ON jobs BEGIN "
        "  UPDATE users SET bytes = bytes + new.stdout_bytes + new.stderr_bytes - old.stdout_bytes - "
        "    old.stderr_bytes WHERE uid = new.uid; END;"
        "CREATE TRIGGER jobs_removed AFTER DELETE ON jobs BEGIN "
        "  UPDATE users SET jobs = jobs - 1, bytes = bytes - old.stdout_bytes - old.stderr_bytes "
        "    WHERE uid = old.uid; END;",

        "ALTER TABLE jobs ADD COLUMN read_only INTEGER NOT NULL DEFAULT 0;",

        /* Removed jobs, until their files are deleted. */
        "CREATE TABLE discarded (id TEXT PRIMARY KEY) STRICT, WITHOUT ROWID;"
        "CREATE TRIGGER jobs_discarded AFTER DELETE ON jobs BEGIN "
        "  INSERT OR IGNORE INTO discarded VALUES (old.id); END;",

        /* command_bytes: bytes of the spec that are kept of a finished job, for Retry. */
        "ALTER TABLE jobs ADD COLUMN notify INTEGER NOT NULL DEFAULT 1;"
        "ALTER TABLE jobs ADD COLUMN retry_of TEXT;"
        "ALTER TABLE jobs ADD COLUMN cpu_usage_usec INTEGER NOT NULL DEFAULT 0;"
        "ALTER TABLE jobs ADD COLUMN memory_peak INTEGER NOT NULL DEFAULT 0;"
        "ALTER TABLE jobs ADD COLUMN command_bytes INTEGER NOT NULL DEFAULT 0;"
        "CREATE TABLE paused (uid INTEGER PRIMARY KEY) STRICT;",

        /* Specs that wait to be executed, or are kept, count as stored. With a job its spec is removed first, while
         * its owner is known. */
        "UPDATE users SET bytes = bytes + (SELECT coalesce(sum(length(specs.spec)), 0) FROM specs JOIN jobs USING (id) "
        "  WHERE jobs.uid = users.uid);"
        "CREATE TRIGGER specs_added AFTER INSERT ON specs BEGIN "
        "  UPDATE users SET bytes = bytes + length(new.spec) WHERE uid = (SELECT uid FROM jobs WHERE id = new.id); END;"
        "CREATE TRIGGER specs_changed AFTER UPDATE OF spec ON specs BEGIN "
        "  UPDATE users SET bytes = bytes + length(new.spec) - length(old.spec) "
        "    WHERE uid = (SELECT uid FROM jobs WHERE id = new.id); END;"
        "CREATE TRIGGER specs_removed AFTER DELETE ON specs BEGIN "
        "  UPDATE users SET bytes = bytes - length(old.spec) WHERE uid = (SELECT uid FROM jobs WHERE id = old.id); END;"
        "CREATE TRIGGER jobs_left_specs BEFORE DELETE ON jobs BEGIN DELETE FROM specs WHERE id = old.id; END;",

        /* Jobs of one user are found without scanning those of others: by prefixes of IDs, in lists, in inboxes.
         * jobs_by_state contains the kind so that a list by kind does not read jobs that it skips. output: stored
         * output of finished jobs, without specs. */
        "DROP INDEX jobs_by_uid;"
        "CREATE INDEX jobs_by_id ON jobs (uid, id);"
        "CREATE INDEX jobs_by_token ON jobs (uid, token);"
        "CREATE INDEX jobs_by_state ON jobs (uid, state, number, kind);"
        "CREATE INDEX jobs_by_session ON jobs (uid, session, number) WHERE session IS NOT NULL;"
        "CREATE INDEX jobs_by_workspace ON jobs (uid, workspace, number) WHERE workspace IS NOT NULL;"
        "CREATE INDEX jobs_by_end ON jobs (uid, sequence, state, kind) WHERE sequence IS NOT NULL;"
        "CREATE INDEX jobs_by_age ON jobs (finished_usec) WHERE sequence IS NOT NULL;"
        "ALTER TABLE users ADD COLUMN output INTEGER NOT NULL DEFAULT 0;"
        "UPDATE users SET output = (SELECT coalesce(sum(stdout_bytes + stderr_bytes), 0) FROM jobs "
        "  WHERE jobs.uid = users.uid);"
        "DROP TRIGGER jobs_added; DROP TRIGGER jobs_changed; DROP TRIGGER jobs_removed;"
        "CREATE TRIGGER jobs_added AFTER INSERT ON jobs BEGIN "
        "  INSERT INTO users VALUES (new.uid, 1, new.stdout_bytes + new.stderr_bytes, "
        "    new.stdout_bytes + new.stderr_bytes) ON CONFLICT DO UPDATE "
        "    SET jobs = jobs + 1, bytes = bytes + excluded.bytes, output = output + excluded.output; END;"
        "CREATE TRIGGER jobs_changed AFTER UPDATE OF stdout_bytes, stderr_bytes ON jobs BEGIN "
        "  UPDATE users SET bytes = bytes + new.stdout_bytes + new.stderr_bytes - old.stdout_bytes - "
        "    old.stderr_bytes, output = output + new.stdout_bytes + new.stderr_bytes - old.stdout_bytes - "
        "    old.stderr_bytes WHERE uid = new.uid; END;"
        "CREATE TRIGGER jobs_removed AFTER DELETE ON jobs BEGIN "
        "  UPDATE users SET jobs = jobs - 1, bytes = bytes - old.stdout_bytes - old.stderr_bytes, "
        "    output = output - old.stdout_bytes - old.stderr_bytes WHERE uid = old.uid; END;",

        /* umask: 0 for that of a unit, else 01000 | mask. */
        "ALTER TABLE jobs ADD COLUMN merge_output INTEGER NOT NULL DEFAULT 0;"
        "ALTER TABLE jobs ADD COLUMN umask INTEGER NOT NULL DEFAULT 0;"
        "ALTER TABLE jobs ADD COLUMN result_error TEXT;"
        "ALTER TABLE jobs ADD COLUMN left_behind TEXT;"
        "ALTER TABLE jobs ADD COLUMN end_source TEXT;"
        "ALTER TABLE jobs ADD COLUMN secret TEXT;",

        /* seen_usec: when a consumer last read or acknowledged. Those of before were seen now. */
        "ALTER TABLE consumers ADD COLUMN seen_usec INTEGER NOT NULL DEFAULT 0;"
        "UPDATE consumers SET seen_usec = strftime('%s', 'now') * 1000000;"
        "CREATE INDEX consumers_by_age ON consumers (seen_usec);"
        "CREATE INDEX consumers_by_age_of_user ON consumers (uid, seen_usec);"
        "CREATE INDEX jobs_by_size ON jobs (uid, stdout_bytes + stderr_bytes) WHERE sequence IS NOT NULL;",

        "ALTER TABLE jobs ADD COLUMN resource_limits TEXT;",

        /* dependencies: those on jobs that are not terminal. When one ends, those that it meets are removed, and the
         * others name it as failed_dependency, all in the transaction that ends it. */
        "ALTER TABLE jobs ADD COLUMN priority INTEGER NOT NULL DEFAULT 0;"
        "ALTER TABLE jobs ADD COLUMN held INTEGER NOT NULL DEFAULT 0;"
        "ALTER TABLE jobs ADD COLUMN not_before_usec INTEGER NOT NULL DEFAULT 0;"
        "ALTER TABLE jobs ADD COLUMN after TEXT;"
        "ALTER TABLE jobs ADD COLUMN failed_dependency TEXT;"
        "CREATE TABLE dependencies (job TEXT NOT NULL, other TEXT NOT NULL, condition TEXT NOT NULL,"
        "  PRIMARY KEY (job, other)) STRICT, WITHOUT ROWID;"
        "CREATE INDEX dependents ON dependencies (other, condition);"
        "ALTER TABLE jobs ADD COLUMN parent TEXT;"
        "ALTER TABLE jobs ADD COLUMN detached INTEGER NOT NULL DEFAULT 0;"
        "CREATE INDEX jobs_by_parent ON jobs (parent) WHERE parent IS NOT NULL AND sequence IS NULL;",

        /* A job that has begun (instance) runs the attempt of that number; attempts: those that have ended. Those
         * that run already are the first. */
        "ALTER TABLE jobs ADD COLUMN retries INTEGER NOT NULL DEFAULT 0;"
        "ALTER TABLE jobs ADD COLUMN retry_delay_usec INTEGER NOT NULL DEFAULT 0;"
        "ALTER TABLE jobs ADD COLUMN retry_on TEXT;"
        "ALTER TABLE jobs ADD COLUMN attempt INTEGER NOT NULL DEFAULT 0;"
        "ALTER TABLE jobs ADD COLUMN attempts TEXT;"
        "ALTER TABLE jobs ADD COLUMN next_attempt_usec INTEGER NOT NULL DEFAULT 0;"
        "UPDATE jobs SET attempt = 1 WHERE instance IS NOT NULL AND sequence IS NULL;",
        /* queues: those that their user made, or paused. */
        "ALTER TABLE jobs ADD COLUMN slot INTEGER NOT NULL DEFAULT -1;"
        "CREATE TABLE queues (uid INTEGER NOT NULL, name TEXT NOT NULL, made INTEGER NOT NULL, max_running INTEGER NOT NULL,"
        "  paused INTEGER NOT NULL, PRIMARY KEY (uid, name)) STRICT, WITHOUT ROWID;"
        "INSERT INTO queues SELECT uid, 'default', 0, 0, 1 FROM paused;"
        "DROP TABLE paused;",

        "ALTER TABLE jobs ADD COLUMN launcher TEXT;"
        "ALTER TABLE jobs ADD COLUMN place TEXT;"
        "ALTER TABLE jobs ADD COLUMN place_id TEXT;",

        /* Jobs of one kind are found without walking past those of others, however many these are. */
        "CREATE INDEX jobs_by_kind ON jobs (uid, kind, state);"
        "DROP INDEX jobs_by_state;"
        "CREATE INDEX jobs_by_state ON jobs (uid, state);",
};

const int schema_version = ELEMENTSOF(migrations);

int schema_migrate(Database *db, int version) {
        char sql[128];
        int r;

        r = database_execute(db, "BEGIN IMMEDIATE");
        for (; r >= 0 && version < schema_version; version++)
                r = database_execute(db, migrations[version]);
        if (r < 0)
                return r;
        (void) snprintf(sql, sizeof(sql), "PRAGMA application_id = %d; PRAGMA user_version = %d; COMMIT",
                        APPLICATION_ID, schema_version);
        return database_execute(db, sql);
}
