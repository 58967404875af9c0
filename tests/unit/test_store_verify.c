/* SPDX-License-Identifier: Apache-2.0 */
#include <sqlite3.h>

#include "store/ledger_int.h"
#include "store_fixture.h"

#include "check_main.h"

/* Whoever can write the file can drop a trigger. */
#define UNLOCK "DROP TRIGGER intents_update; DROP TRIGGER intents_delete;" \
	"DROP TRIGGER signatures_update; DROP TRIGGER signatures_delete;"

static void
revoke_one(struct fix *fix, struct base_span serial, uint8_t request)
{
	struct msg_revoke msg = { .serial = serial, .reason = MSG_REASON_SUPERSEDED,
		.actor = base_span_str("alice"), .from = base_span_str("192.0.2.1:4711") };

	memset(msg.request_id, request, sizeof(msg.request_id));
	ck_assert_int_eq(store_begin(fix->store), MC_OK);
	ck_assert_int_eq(store_revoke(fix->store, &msg, FIX_NOW), MC_OK);
	ck_assert_int_eq(store_commit(fix->store), MC_OK);
}

static void
fill(struct fix *fix)
{
	struct fix_intent leaf;

	fix_start(fix);
	for (unsigned i = 0; i < 20; i++) {
		(void)fix_leaf(fix, "spiffe://x/y", i % 3 != 0, &leaf);
		if (i == 4 || i == 9) {
			revoke_one(fix, leaf.msg.serial, (uint8_t)i);
		}
	}
	store_close(fix->store);
	fix->store = NULL;
}

static int
verify(const struct fix *fix, char *text, size_t size)
{
	FILE *out = fmemopen(text, size, "w");
	int ret = ledger_verify(fix->path, out);

	(void)fclose(out);
	return ret;
}

START_TEST(untouched_ledger_holds)
{
	char text[4096] = { 0 };
	struct fix fix;

	fill(&fix);
	ck_assert_int_eq(verify(&fix, text, sizeof(text)), 0);
	ck_assert_ptr_nonnull(strstr(text, "rows: 22\n"));
	ck_assert_ptr_nonnull(strstr(text, "without signature: 7\n"));
	ck_assert_ptr_nonnull(strstr(text, "revoked: 2\n"));
	ck_assert_ptr_nonnull(strstr(text, "problems: 0\n"));
	fix_end(&fix);
}
END_TEST

/* In the log. What is wrong between the tables is test_store_sqlite_check's; it is told with the rest. */
START_TEST(every_kind_of_tampering_is_found)
{
	static const struct {
		const char *sql;
		const char *finding;
	} CASES[] = {
		{ "UPDATE intents SET tbs = x'00' WHERE seq = 5", "chain does not hold at seq: 5" },
		{ "UPDATE intents SET serial = x'0102' WHERE seq = 5", "at seq: 5" },
		{ "UPDATE intents SET profile = 2 WHERE seq = 5", "at seq: 5" },
		{ "UPDATE intents SET recorded_at = recorded_at + 1 WHERE seq = 5", "at seq: 5" },
		{ "UPDATE intents SET not_after_at = not_after_at + 1 WHERE seq = 5", "at seq: 5" },
		{ "UPDATE intents SET issuer = 1 WHERE seq = 5", "at seq: 5" },
		{ "UPDATE intents SET request_id = zeroblob(16) WHERE seq = 5", "at seq: 5" },
		{ "UPDATE intents SET leaf_hash = zeroblob(32) WHERE seq = 5", "at seq: 5" },
		{ "UPDATE names SET text = 'spiffe://x/z' WHERE text = 'spiffe://x/y'",
		    "at seq: 3" },
		{ "UPDATE evidence SET text = '{}'", "at seq: 1" },
		{ "DELETE FROM intents WHERE seq = 5", "gap before seq: 6" },
		{ "DELETE FROM intents WHERE seq = 22", "signatures" },
		{ "DELETE FROM signatures WHERE seq = 4", "recorded count: 1" },
		{ "UPDATE signatures SET tail = x'00' WHERE seq = 4", "malformed at seq: 4" },
	};

	for (unsigned i = 0; i < sizeof(CASES) / sizeof(CASES[0]); i++) {
		char text[8192] = { 0 };
		struct fix fix;
		sqlite3 *db = NULL;

		fill(&fix);
		ck_assert_int_eq(sqlite3_open(fix.path, &db), SQLITE_OK);
		ck_assert_int_eq(sqlite3_exec(db, UNLOCK, NULL, NULL, NULL), SQLITE_OK);
		ck_assert_msg(sqlite3_exec(db, CASES[i].sql, NULL, NULL, NULL) == SQLITE_OK, "%s: %s",
		    CASES[i].sql, sqlite3_errmsg(db));
		sqlite3_close(db);
		ck_assert_msg(verify(&fix, text, sizeof(text)) == 1, "%s", CASES[i].sql);
		ck_assert_msg(strstr(text, CASES[i].finding) != NULL, "%s:\n%s", CASES[i].sql, text);
		fix_end(&fix);
	}
}
END_TEST

START_TEST(what_is_no_ledger_is_not_verified)
{
	struct fix fix = { .path = "/dev/null" };
	char text[1024] = { 0 };

	ck_assert_int_eq(verify(&fix, text, sizeof(text)), -1);
	ck_assert_ptr_nonnull(strstr(text, "cannot read"));
}
END_TEST

CHECK_MAIN("store_verify", untouched_ledger_holds, every_kind_of_tampering_is_found,
    what_is_no_ledger_is_not_verified)
