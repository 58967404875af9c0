/* SPDX-License-Identifier: Apache-2.0 */
/* The statements: each fits the schema, and none walks through a table that grows for ever. */
#include "store/sqlite_int.h"
#include "store_fixture.h"

#include "check_main.h"

static sqlite3_stmt *
prepare(struct fix *fix, const char *sql)
{
	struct sq *sq = sq_of(fix->store);
	sqlite3_stmt *stmt = NULL;

	ck_assert_msg(sqlite3_prepare_v2(sq->db, sql, -1, &stmt, NULL) == SQLITE_OK, "%s: %s", sql,
	    sqlite3_errmsg(sq->db));
	return stmt;
}

/* One statement each, whose parameters are numbered without a gap: none is forgotten when binding. */
START_TEST(every_statement_fits_the_schema)
{
	struct fix fix;

	fix_start(&fix);
	for (unsigned i = 0; i < SQ_STMT_COUNT; i++) {
		const char *sql = sq_sql((enum sq_stmt)i);
		sqlite3_stmt *stmt;

		ck_assert_msg(sql != NULL, "statement %u has no text", i);
		stmt = prepare(&fix, sql);
		for (int at = 1; at <= sqlite3_bind_parameter_count(stmt); at++) {
			ck_assert_msg(sqlite3_bind_parameter_name(stmt, at) != NULL, "?%d is not in %s", at, sql);
		}
		(void)sqlite3_finalize(stmt);
	}
	fix_end(&fix);
}
END_TEST

/* Which walk from a place on, in order, because that is what they are for. */
static bool
may_scan(unsigned which)
{
	switch (which) {
	case SQ_HEAD_GET:    /* the newest row alone */
	case SQ_CONFIG_NEWEST:
	case SQ_ISSUER_LIST: /* CAs are few */
	case SQ_CRL_STATUS:
	case SQ_USER_LIST:   /* so are people */
	case SQ_USER_CERTS:
	case SQ_USER_OTHER_ADMINS:
	case SQ_APPROVAL_OLD: /* what was approved within 20 minutes */
	case SQ_REGISTRATIONS_OLD: /* one environment's, as they are applied */
		return true;
	default:
		return false;
	}
}

START_TEST(no_statement_walks_through_the_log)
{
	struct fix fix;
	bool by_identity = false;

	fix_start(&fix);
	for (unsigned i = 0; i < SQ_STMT_COUNT; i++) {
		char *sql = sqlite3_mprintf("EXPLAIN QUERY PLAN %s", sq_sql((enum sq_stmt)i));
		sqlite3_stmt *stmt = prepare(&fix, sql);

		while (sqlite3_step(stmt) == SQLITE_ROW) {
			const char *detail = (const char *)sqlite3_column_text(stmt, 3);

			ck_assert_msg(strncmp(detail, "SCAN", 4) != 0 || may_scan(i) ||
			        strstr(detail, "CONSTANT ROW") != NULL,
			    "%s: %s", sql, detail);
			by_identity = by_identity || (i == SQ_CERT_LIST_IDENTITY &&
			    strstr(detail, "INDEX intents_identity (identity=?") != NULL);
			/* a page must not sort everything first */
			ck_assert_msg(strstr(detail, "TEMP B-TREE") == NULL || i == SQ_USER_LIST, "%s: %s",
			    sql, detail);
		}
		(void)sqlite3_finalize(stmt);
		sqlite3_free(sql);
	}
	/* a range of all rows is no scan for SQLite, but as long */
	ck_assert(by_identity);
	fix_end(&fix);
}
END_TEST

CHECK_MAIN("store_sqlite_sql", every_statement_fits_the_schema, no_statement_walks_through_the_log)
