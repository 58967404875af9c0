/* SPDX-License-Identifier: Apache-2.0 */
/* The driver: opening, who may write, transactions, the log file, values in and out. */
#include <sys/stat.h>

#include "store/sqlite_int.h"
#include "store_fixture.h"

#include "check_main.h"

START_TEST(new_file_is_private)
{
	struct stat st;
	struct fix fix;

	fix_start(&fix);
	ck_assert_int_eq(stat(fix.path, &st), 0);
	ck_assert_uint_eq(st.st_mode & 0777, 0600);
	*strrchr(fix.path, '/') = '\0';
	ck_assert_int_eq(stat(fix.path, &st), 0);
	ck_assert_uint_eq(st.st_mode & 0777, 0700);
	fix_end(&fix);
}
END_TEST

START_TEST(reader_needs_a_database)
{
	struct fix fix = { .path = "/nonexistent/ledger.db" };

	ck_assert_ptr_null(fix_open(&fix, STORE_READER));
	ck_assert_int_eq(mc_err_last()->code, MC_ENOTFOUND);
}
END_TEST

START_TEST(one_writer_only)
{
	struct fix_intent leaf;
	struct fix fix;

	fix_start(&fix);
	ck_assert_ptr_null(fix_open(&fix, STORE_WRITER));
	ck_assert_int_eq(mc_err_last()->code, MC_ESTORE);
	/* that attempt took nothing away, and the lock goes with its holder */
	(void)fix_leaf(&fix, "spiffe://x/y", true, &leaf);
	fix_reopen(&fix);
	fix_end(&fix);
}
END_TEST

/* Where somebody else may point it: a link, a file in place of the folder, a folder that is not there. */
START_TEST(a_writer_opens_its_own_file_only)
{
	static const char *const PATHS[] = { "link/ledger.db", "file/ledger.db", "none/none/ledger.db" };
	struct fix fix = { .serial_next = 0 };
	char path[96];

	(void)snprintf(fix.dir, sizeof(fix.dir), "/tmp/meshca-store-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(fix.dir));
	(void)snprintf(path, sizeof(path), "%s/link", fix.dir);
	ck_assert_int_eq(mkdir(path, 0700), 0);
	(void)snprintf(path, sizeof(path), "%s/link/ledger.db", fix.dir);
	ck_assert_int_eq(symlink("../file", path), 0);
	(void)snprintf(path, sizeof(path), "%s/file", fix.dir);
	ck_assert_int_eq(mknod(path, S_IFREG | 0600, 0), 0);
	for (unsigned i = 0; i < 3; i++) {
		(void)snprintf(fix.path, sizeof(fix.path), "%s/%s", fix.dir, PATHS[i]);
		ck_assert_ptr_null(fix_open(&fix, STORE_WRITER));
		ck_assert_int_eq(mc_err_last()->code, MC_ESTORE);
	}
	fix_end(&fix);
}
END_TEST

START_TEST(what_is_no_database_is_not_opened)
{
	static const char TEXT[] = "This is no database, but a text that is longer than the head of one file would be.";
	struct fix fix;
	FILE *file;

	fix_start(&fix);
	store_close(fix.store);
	file = fopen(fix.path, "w");
	ck_assert_ptr_nonnull(file);
	for (unsigned i = 0; i < 200; i++) {
		ck_assert_int_ge(fputs(TEXT, file), 0);
	}
	ck_assert_int_eq(fclose(file), 0);
	fix.store = fix_open(&fix, STORE_WRITER);
	ck_assert_ptr_null(fix.store);
	ck_assert_int_eq(mc_err_last()->code, MC_ESTORE);
	ck_assert_ptr_null(fix_open(&fix, STORE_READER));
	ck_assert_int_eq(mc_err_last()->code, MC_ESTORE);
	fix_end(&fix);
}
END_TEST

START_TEST(rollback_forgets_rows_names_and_chain)
{
	struct store_head before;
	struct store_head after;
	struct fix_intent leaf;
	struct fix fix;
	uint64_t seq;

	fix_start(&fix);
	ck_assert_int_eq(store_head(fix.store, &before), MC_OK);
	fix_intent_make(&fix, &leaf, MSG_PROFILE_SVID, "spiffe://rolled/back");
	ck_assert_int_eq(store_begin(fix.store), MC_OK);
	seq = fix_put(&fix, &leaf.msg);
	ck_assert_int_eq(fix_sign(&fix, seq, leaf.msg.serial), MC_OK);
	store_rollback(fix.store);
	ck_assert_int_eq(store_head(fix.store, &after), MC_OK);
	ck_assert_uint_eq(after.seq, before.seq);
	ck_assert_uint_eq(after.signed_count, before.signed_count);
	ck_assert_mem_eq(after.hash, before.hash, 32);
	/* The same names again: their numbers must not be remembered from the lost transaction. */
	seq = fix_leaf(&fix, "spiffe://rolled/back", true, &leaf);
	ck_assert_uint_eq(seq, before.seq + 1);
	fix_reopen(&fix);
	ck_assert_int_eq(store_head(fix.store, &after), MC_OK);
	ck_assert_uint_eq(after.seq, seq);
	ck_assert_uint_eq(after.signed_count, before.signed_count + 1);
	fix_end(&fix);
}
END_TEST

/* A reader sees what is committed, all of it at once, and writes nothing. */
START_TEST(a_reader_sees_commits_only)
{
	struct store_head head;
	struct store *reader;
	struct fix_intent leaf;
	struct fix fix;

	fix_start(&fix);
	reader = fix_open(&fix, STORE_READER);
	ck_assert_ptr_nonnull(reader);
	ck_assert_int_eq(store_begin(fix.store), MC_OK);
	fix_intent_make(&fix, &leaf, MSG_PROFILE_SVID, "spiffe://x/y");
	ck_assert_int_eq(fix_sign(&fix, fix_put(&fix, &leaf.msg), leaf.msg.serial), MC_OK);
	ck_assert_int_eq(store_head(fix.store, &head), MC_OK);
	ck_assert_uint_eq(head.seq, 3);
	ck_assert_uint_eq(head.signed_count, 3);
	ck_assert_int_eq(store_head(reader, &head), MC_OK);
	ck_assert_uint_eq(head.seq, 2);
	ck_assert_uint_eq(head.signed_count, 2);
	ck_assert_int_eq(store_commit(fix.store), MC_OK);
	ck_assert_int_eq(store_head(reader, &head), MC_OK);
	ck_assert_uint_eq(head.seq, 3);
	ck_assert_uint_eq(head.signed_count, 3);
	ck_assert_int_eq(head.newest_at, FIX_NOW);
	ck_assert_int_eq(sq_exec(sq_of(reader), "DELETE FROM events"), MC_ESTORE);
	store_close(reader);
	fix_end(&fix);
}
END_TEST

/* The writer's head is in its memory; the file's is the same. */
START_TEST(the_head_is_that_of_the_file)
{
	struct store_head before;
	struct store_head after;
	struct fix_intent leaf;
	struct fix fix;

	fix_start(&fix);
	(void)fix_leaf(&fix, "spiffe://x/y", true, &leaf);
	(void)fix_leaf(&fix, "spiffe://x/z", false, &leaf);
	ck_assert_int_eq(store_head(fix.store, &before), MC_OK);
	fix_reopen(&fix);
	ck_assert_int_eq(store_head(fix.store, &after), MC_OK);
	ck_assert_uint_eq(after.seq, before.seq);
	ck_assert_uint_eq(after.signed_count, before.signed_count);
	ck_assert_uint_eq(after.signed_count, 3);
	ck_assert_int_eq(after.newest_at, before.newest_at);
	ck_assert_mem_eq(after.hash, before.hash, 32);
	fix_end(&fix);
}
END_TEST

/* The log is moved when asked for, up to where a reader still looks at it. */
START_TEST(the_log_is_moved_when_asked_for)
{
	struct store_head head;
	struct store *reader;
	struct fix_intent leaf;
	struct fix fix;
	unsigned left = 99;
	sqlite3_stmt *stmt;
	bool row;

	fix_start(&fix);
	(void)fix_leaf(&fix, "spiffe://x/y", true, &leaf);
	ck_assert_int_eq(store_head(fix.store, &head), MC_OK);
	ck_assert_uint_gt(head.log_pages, 0);
	reader = fix_open(&fix, STORE_READER);
	stmt = sq_stmt(sq_of(reader), SQ_HEAD_GET);
	ck_assert_int_eq(sq_step(sq_of(reader), stmt, &row), MC_OK);
	ck_assert(row);
	(void)fix_leaf(&fix, "spiffe://x/y", true, &leaf);
	ck_assert_int_eq(store_checkpoint(fix.store, &left), MC_OK);
	ck_assert_uint_gt(left, 0);
	ck_assert_int_eq(store_head(fix.store, &head), MC_OK);
	ck_assert_uint_gt(head.log_pages, 0);
	(void)sqlite3_reset(stmt);
	/* by any handle */
	ck_assert_int_eq(store_checkpoint(reader, &left), MC_OK);
	ck_assert_uint_eq(left, 0);
	ck_assert_int_eq(store_checkpoint(fix.store, &left), MC_OK);
	ck_assert_uint_eq(left, 0);
	ck_assert_int_eq(store_head(fix.store, &head), MC_OK);
	ck_assert_uint_eq(head.log_pages, 0);
	store_close(reader);
	fix_end(&fix);
}
END_TEST

/* No room is told apart from a failure, since the one passes. */
START_TEST(a_full_disk_is_no_failure_of_it)
{
	static const struct {
		int rc;
		enum mc_err code;
	} CASES[] = {
		{ SQLITE_FULL, MC_ENOSPACE },
		{ SQLITE_IOERR_SHMSIZE, MC_ENOSPACE },
		{ SQLITE_IOERR_WRITE, MC_ESTORE },
		{ SQLITE_IOERR_FSYNC, MC_ESTORE },
		{ SQLITE_IOERR_SHMMAP, MC_ESTORE },
		{ SQLITE_CORRUPT, MC_ESTORE },
		{ SQLITE_BUSY, MC_ESTORE },
		{ SQLITE_CONSTRAINT_UNIQUE, MC_ESTORE },
	};
	struct fix fix;

	fix_start(&fix);
	for (size_t i = 0; i < sizeof(CASES) / sizeof(CASES[0]); i++) {
		ck_assert_int_eq(sq_fail(sq_of(fix.store), CASES[i].rc, "test"), CASES[i].code);
		ck_assert_int_eq(mc_err_last()->code, CASES[i].code);
	}
	/* by SQLite itself */
	ck_assert_int_eq(sq_exec(sq_of(fix.store), "PRAGMA max_page_count = 1"), MC_OK);
	ck_assert_int_eq(sq_exec(sq_of(fix.store), "INSERT INTO evidence(text) VALUES(zeroblob(0) || hex(zeroblob(1000000)))"),
	    MC_ENOSPACE);
	fix_end(&fix);
}
END_TEST

START_TEST(values_go_in_and_come_out)
{
	struct sq *sq;
	sqlite3_stmt *stmt = NULL;
	uint8_t bytes[4] = { 1, 2, 3, 4 };
	uint8_t out[4];
	struct fix fix;
	bool row;

	fix_start(&fix);
	sq = sq_of(fix.store);
	ck_assert_int_eq(sqlite3_prepare_v2(sq->db, "SELECT ?1, typeof(?2), typeof(?3), ?4, ?5, ?6", -1, &stmt,
	                     NULL),
	    SQLITE_OK);
	sq_bind_fixed(stmt, 1, bytes, 4);
	sq_bind_span(stmt, 2, base_span_of(NULL, 0)); /* empty, which is not NULL */
	sq_bind_text(stmt, 3, base_span_of(NULL, 0));
	sq_bind_u64(stmt, 4, UINT64_MAX);
	sq_bind_text(stmt, 5, base_span_of("abcd", 3));
	ck_assert_int_eq(sq_step(sq, stmt, &row), MC_OK);
	ck_assert(row);
	ck_assert(base_span_equal(sq_col_span(stmt, 0), base_span_of(bytes, 4)));
	ck_assert(base_span_equal_str(sq_col_span(stmt, 1), "blob"));
	ck_assert(base_span_equal_str(sq_col_span(stmt, 2), "text"));
	ck_assert_uint_eq(sq_col_u64(stmt, 3), UINT64_MAX);
	ck_assert(base_span_equal_str(sq_col_span(stmt, 4), "abc"));
	ck_assert_uint_eq(sq_col_span(stmt, 5).len, 0);
	/* exactly so many bytes, or none at all */
	ck_assert(sq_col_fixed(stmt, 0, out, 4));
	ck_assert_mem_eq(out, bytes, 4);
	ck_assert(!sq_col_fixed(stmt, 0, out, 3));
	ck_assert(!sq_col_fixed(stmt, 4, out, 4));
	memset(out, 7, sizeof(out));
	ck_assert(sq_col_fixed(stmt, 5, out, 4));
	ck_assert_mem_eq(out, "\0\0\0\0", 4);
	ck_assert_int_eq(sq_step(sq, stmt, &row), MC_OK);
	ck_assert(!row);
	(void)sqlite3_finalize(stmt);
	fix_end(&fix);
}
END_TEST

/* What an earlier use left in a statement is not there for the next. */
START_TEST(a_statement_comes_clean)
{
	struct sq *sq;
	sqlite3_stmt *stmt;
	struct fix fix;
	bool row;

	fix_start(&fix);
	sq = sq_of(fix.store);
	stmt = sq_stmt(sq, SQ_RECORDED_AT);
	sq_bind_u64(stmt, 1, 1);
	ck_assert_int_eq(sq_step(sq, stmt, &row), MC_OK);
	ck_assert(row);
	ck_assert_ptr_eq(sq_stmt(sq, SQ_RECORDED_AT), stmt);
	ck_assert_int_eq(sq_step(sq, stmt, &row), MC_OK);
	ck_assert(!row);
	ck_assert_int_eq(sq_run(sq, NULL), MC_ESTORE);
	fix_end(&fix);
}
END_TEST

CHECK_MAIN("store_sqlite", new_file_is_private, reader_needs_a_database, one_writer_only,
    a_writer_opens_its_own_file_only, what_is_no_database_is_not_opened,
    rollback_forgets_rows_names_and_chain, a_reader_sees_commits_only, the_head_is_that_of_the_file,
    the_log_is_moved_when_asked_for, a_full_disk_is_no_failure_of_it, values_go_in_and_come_out,
    a_statement_comes_clean)
