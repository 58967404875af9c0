/* SPDX-License-Identifier: Apache-2.0 */
#include <sys/stat.h>

#include "store/sqlite_int.h"
#include "store_fixture.h"

#include "check_main.h"

static void
raw_exec(const char *path, const char *sql)
{
	sqlite3 *db = NULL;
	char *message = NULL;

	ck_assert_int_eq(sqlite3_open(path, &db), SQLITE_OK);
	ck_assert_msg(sqlite3_exec(db, sql, NULL, NULL, &message) == SQLITE_OK, "%s", message);
	sqlite3_close(db);
}

START_TEST(newer_schema_is_refused)
{
	struct fix fix;

	fix_start(&fix);
	store_close(fix.store);
	raw_exec(fix.path, "PRAGMA user_version = 99");
	fix.store = fix_open(&fix, STORE_WRITER);
	ck_assert_ptr_null(fix.store);
	ck_assert_int_eq(mc_err_last()->code, MC_ESCHEMA);
	ck_assert_ptr_null(fix_open(&fix, STORE_READER));
	ck_assert_int_eq(mc_err_last()->code, MC_ESCHEMA);
	fix_end(&fix);
}
END_TEST

START_TEST(foreign_database_is_refused)
{
	struct fix fix;

	fix_start(&fix);
	store_close(fix.store);
	raw_exec(fix.path, "PRAGMA application_id = 5");
	fix.store = fix_open(&fix, STORE_WRITER);
	ck_assert_ptr_null(fix.store);
	ck_assert_int_eq(mc_err_last()->code, MC_ESCHEMA);
	fix_end(&fix);
}
END_TEST

START_TEST(migration_backs_up_then_steps)
{
	const unsigned now = SQ_MIGRATION_COUNT;
	const char *steps[16] = { NULL };
	char backup[128];
	struct store *reader;
	struct store_head head;
	struct fix copy;
	struct fix fix;
	unsigned version = 0;

	memcpy(steps, SQ_MIGRATIONS, now * sizeof(steps[0]));
	steps[now] = "CREATE TABLE extra(x INTEGER) STRICT";
	steps[now + 1] = "CREATE TABLE extra(x INTEGER)";
	fix_start(&fix);
	(void)snprintf(backup, sizeof(backup), "%s.v%u.bak", fix.path, now);
	ck_assert_int_ne(access(backup, F_OK), 0);
	ck_assert_int_eq(sq_migrate(sq_of(fix.store), steps, now + 1), MC_OK);
	ck_assert_int_eq(sq_version(sq_of(fix.store), &version), MC_OK);
	ck_assert_uint_eq(version, now + 1);
	/* The backup is a whole ledger of the old version. */
	copy = fix;
	memcpy(copy.path, backup, sizeof(copy.path));
	reader = fix_open(&copy, STORE_READER);
	ck_assert_ptr_nonnull(reader);
	ck_assert_int_eq(store_head(reader, &head), MC_OK);
	ck_assert_uint_eq(head.seq, 2);
	store_close(reader);
	/* A step that fails leaves the version before it. */
	ck_assert_int_eq(sq_migrate(sq_of(fix.store), steps, now + 2), MC_ESTORE);
	ck_assert_int_eq(sq_version(sq_of(fix.store), &version), MC_OK);
	ck_assert_uint_eq(version, now + 1);
	fix_end(&fix);
}
END_TEST

START_TEST(log_refuses_updates_and_deletes)
{
	static const char *const SQL[] = { "UPDATE intents SET profile = 1", "DELETE FROM intents",
		"UPDATE signatures SET tail = x'00'", "DELETE FROM signatures" };
	struct fix fix;

	fix_start(&fix);
	for (unsigned i = 0; i < 4; i++) {
		ck_assert_int_eq(sq_exec(sq_of(fix.store), SQL[i]), MC_ESTORE);
	}
	fix_end(&fix);
}
END_TEST

CHECK_MAIN("store_sqlite_schema", newer_schema_is_refused,
    foreign_database_is_refused, migration_backs_up_then_steps,
    log_refuses_updates_and_deletes)
