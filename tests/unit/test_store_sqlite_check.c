/* SPDX-License-Identifier: Apache-2.0 */
/* What is found inside and between the tables, when something else wrote into them. */
#include <sqlite3.h>

#include "applied_make.h"

#include "check_main.h"

/* Whoever can write the file can drop a trigger. */
#define UNLOCK "DROP TRIGGER intents_update; DROP TRIGGER intents_delete;" \
	"DROP TRIGGER signatures_update; DROP TRIGGER signatures_delete;"

/* The same table without what keeps its columns apart. */
#define LOOSEN(table) "CREATE TABLE loose AS SELECT * FROM " table "; DROP TABLE " table ";" \
	"ALTER TABLE loose RENAME TO " table ";"

struct findings {
	const char *expect;
	uint64_t expect_rows;
	unsigned count;
	unsigned expected; /* of them */
	char last[256];
};

static void
see(void *arg, const char *what, uint64_t count)
{
	struct findings *findings = arg;

	findings->count++;
	findings->expected += findings->expect != NULL && strcmp(what, findings->expect) == 0 &&
	    count == findings->expect_rows;
	(void)snprintf(findings->last, sizeof(findings->last), "%s: %llu", what, (unsigned long long)count);
}

static void
put_crl(struct fix *fix, uint64_t number, uint64_t revocation_seq)
{
	const struct store_scope scope = { base_span_str("production"), true };
	struct msg_crl_begin_ans drawn = { 0 };
	struct msg_crl_chunk chunk = { .number = number, .revocation_seq = revocation_seq,
		.this_update_at = FIX_NOW + (int64_t)number, .next_update_at = FIX_NOW + FIX_DAY,
		.total = 3, .bytes = base_span_str("crl") };
	bool complete = false;

	memcpy(chunk.issuer_id, fix->issuing_id, 32);
	ck_assert_int_eq(store_crl_begin(fix->store, fix->issuing_id, &scope, &drawn), MC_OK);
	ck_assert_uint_eq(drawn.number, number);
	ck_assert_int_eq(store_crl_chunk(fix->store, &chunk, &scope, FIX_NOW, &complete), MC_OK);
	ck_assert(complete);
}

#define DOCUMENT DOC_HEAD("open", "2") "shop\tcart\tactive\t0\t\tcart.shop.svc\t\n" \
	"shop\tdesk\tactive\t0\t\t\t\n" DOC_JSON

/* A row at least in every table: CAs 1 and 2, alice 3, leaves 4 to 7, of which 4 and 5 are revoked. */
static void
fill(struct fix *fix)
{
	struct msg_config_put config = { .actor = base_span_str("root"), .text = base_span_str("a: 1\n") };
	struct msg_revoke revoke = { .reason = MSG_REASON_SUPERSEDED };
	struct applying applying;
	struct fix_intent leaf;
	struct base_buf diff;

	fix_start(fix);
	base_buf_init(&diff, LIMIT_CONFIG_DIFF);
	ck_assert_int_eq(store_begin(fix->store), MC_OK);
	applying_start(fix, &applying);
	for (unsigned i = 0; i < 4; i++) {
		fix_intent_make(fix, &leaf, MSG_PROFILE_SVID, "spiffe://x/y");
		ck_assert_int_eq(fix_sign(fix, fix_put(fix, &leaf.msg), leaf.msg.serial), MC_OK);
		if (i < 2) {
			revoke.serial = leaf.msg.serial;
			memset(revoke.request_id, (int)i + 1, 16);
			ck_assert_int_eq(store_revoke(fix->store, &revoke, FIX_NOW), MC_OK);
			put_crl(fix, i + 1, i + 1);
		}
	}
	ck_assert_int_eq(apply(fix, &applying, DOCUMENT), MC_OK);
	ck_assert_int_eq(store_config_put(fix->store, &config, FIX_NOW, &diff), MC_OK);
	ck_assert_int_eq(store_commit(fix->store), MC_OK);
	base_buf_clear(&diff);
	applying_end(&applying);
}

START_TEST(what_the_ledger_wrote_holds)
{
	struct findings findings = { 0 };
	struct store *reader;
	struct fix fix;

	fill(&fix);
	ck_assert_int_eq(store_self_check(fix.store, see, &findings), MC_OK);
	ck_assert_msg(findings.count == 0, "%s", findings.last);
	/* also for whoever reads only, beside the writer */
	reader = fix_open(&fix, STORE_READER);
	ck_assert_int_eq(store_self_check(reader, see, &findings), MC_OK);
	ck_assert_msg(findings.count == 0, "%s", findings.last);
	store_close(reader);
	fix_end(&fix);
}
END_TEST

/* What was done to the file, what is found, in how many rows, and how many findings there are in all. */
static const struct {
	const char *sql;
	const char *what;
	uint64_t rows;
	unsigned findings;
} CASES[] = {
	{ LOOSEN("intents") "UPDATE intents SET serial = x'01' WHERE seq IN (6, 7)",
	    "serials are in the log twice", 1, 1 },
	{ "INSERT INTO signatures VALUES(99, x'00'); UPDATE meta SET value = value + 1",
	    "signatures have no intent", 1, 1 },
	{ "DELETE FROM signatures WHERE seq IN (6, 7)", "signatures differ from the recorded count", 2, 1 },
	{ "UPDATE meta SET value = value - 1", "signatures differ from the recorded count", 1, 1 },
	{ "UPDATE intents SET environment = 999 WHERE seq = 6", "intents name a text that is not there", 1, 1 },
	{ "UPDATE intents SET cluster = 999 WHERE seq = 6", "intents name a text that is not there", 1, 1 },
	{ "UPDATE intents SET identity = 999 WHERE seq = 6", "intents name a text that is not there", 1, 1 },
	{ "UPDATE intents SET requester = 999 WHERE seq = 6", "intents name a text that is not there", 1, 1 },
	{ "DELETE FROM evidence", "intents name a text that is not there", 7, 1 },
	{ "UPDATE intents SET issuer = 6 WHERE seq = 7", "intents have no registered issuer", 1, 1 },
	{ "UPDATE intents SET issuer = NULL WHERE seq IN (6, 7)", "leaves are self-signed", 2, 1 },
	{ "DELETE FROM signatures WHERE seq = 2; UPDATE meta SET value = value - 1",
	    "CA certificates are not signed rows of the log", 1, 1 },
	{ "UPDATE revocations SET cert_seq = 99 WHERE seq = 2", "revocations have no certificate", 1, 1 },
	{ "DELETE FROM revocations WHERE seq = 1", "revocations were taken out", 1, 2 },
	{ "DELETE FROM revocations WHERE seq = 2; UPDATE sqlite_sequence SET seq = 1 WHERE name = 'revocations'",
	    "events tell of revocations that are not there", 1, 2 },
	{ "DELETE FROM events WHERE action <> 'certificate-revoked'", "events were taken out", 7, 1 },
	{ "DELETE FROM users", "people were taken out", 1, 1 },
	{ "DELETE FROM configs", "applied configurations were taken out", 1, 1 },
	{ "UPDATE revocations SET request_id = zeroblob(16)",
	    "events tell of revocations that are not there", 2, 1 },
	{ "UPDATE crls SET revocation_seq = 3 WHERE number = 2",
	    "CRLs list revocations that are not there", 1, 1 },
	{ "DELETE FROM signatures WHERE seq = 3; UPDATE meta SET value = value - 1",
	    "people's certificates are not signed rows of the log", 1, 1 },
	{ "UPDATE crl_numbers SET last = 1", "CRLs have a number that was not drawn", 1, 1 },
	{ "DELETE FROM crl_numbers", "CRLs have a number that was not drawn", 2, 1 },
	{ "UPDATE crls SET this_update_at = this_update_at - 5 WHERE number = 2",
	    "CRLs are older than one with a smaller number", 1, 1 },
	{ "UPDATE crls SET revocation_seq = 0 WHERE number = 2",
	    "CRLs are older than one with a smaller number", 1, 1 },
	{ "DELETE FROM registrations WHERE identity = (SELECT id FROM names WHERE text LIKE '%desk')",
	    "registrations are not as many as the newest applied inventory says", 1, 1 },
	{ "UPDATE inventories SET count = 3",
	    "registrations are not as many as the newest applied inventory says", 1, 1 },
	{ "INSERT INTO registrations SELECT 999, identity, place, inventory, namespace, account, owner, state,"
	  " max_ttl_s, key_types, dns_names, registered_at FROM registrations LIMIT 1",
	    "registrations are of no applied inventory", 1, 1 },
	{ "UPDATE registered_names SET identity = 999", "registered DNS names are of no registration", 1, 1 },
	{ "UPDATE crl_chunks SET bytes = x'00' WHERE number = 2", "CRLs lack bytes", 1, 1 },
	{ "DELETE FROM crl_chunks", "CRLs lack bytes", 2, 1 },
};

static void
write_raw(const char *path, const char *sql)
{
	sqlite3 *db = NULL;

	ck_assert_int_eq(sqlite3_open(path, &db), SQLITE_OK);
	ck_assert_int_eq(sqlite3_exec(db, "PRAGMA synchronous = OFF; BEGIN;" UNLOCK, NULL, NULL, NULL),
	    SQLITE_OK);
	ck_assert_msg(sqlite3_exec(db, sql, NULL, NULL, NULL) == SQLITE_OK, "%s: %s", sql,
	    sqlite3_errmsg(db));
	ck_assert_int_eq(sqlite3_exec(db, "COMMIT", NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(db);
}

START_TEST(every_rule_finds_its_breach)
{
	struct store *reader;
	struct fix fix;

	for (unsigned i = 0; i < sizeof(CASES) / sizeof(CASES[0]); i++) {
		struct findings findings = { .expect = CASES[i].what, .expect_rows = CASES[i].rows };

		fill(&fix);
		write_raw(fix.path, CASES[i].sql);
		reader = fix_open(&fix, STORE_READER);
		ck_assert_msg(reader != NULL, "%s: %s", CASES[i].sql, mc_err_last()->detail);
		ck_assert_int_eq(store_self_check(reader, see, &findings), MC_OK);
		ck_assert_msg(findings.count == CASES[i].findings && findings.expected == 1,
		    "%s: %u findings, the last %s", CASES[i].sql, findings.count, findings.last);
		store_close(reader);
		fix_end(&fix);
	}
}
END_TEST

/* An index that disagrees with its table: SQLite's own check says so, in a line of its own. */
START_TEST(a_broken_file_is_found)
{
	struct findings findings = { 0 };
	struct fix fix;

	fill(&fix);
	write_raw(fix.path, "PRAGMA writable_schema = ON; DELETE FROM sqlite_schema WHERE name = 'intents_identity'");
	ck_assert_int_eq(store_self_check(fix.store, see, &findings), MC_OK);
	ck_assert_uint_ge(findings.count, 1);
	fix_end(&fix);
}
END_TEST

START_TEST(it_checks_what_is_committed)
{
	struct findings findings = { 0 };
	struct fix fix;

	fix_start(&fix);
	ck_assert_int_eq(store_begin(fix.store), MC_OK);
	ck_assert_int_eq(store_self_check(fix.store, see, &findings), MC_EINTERNAL);
	store_rollback(fix.store);
	fix_end(&fix);
}
END_TEST

CHECK_MAIN("store_sqlite_check", what_the_ledger_wrote_holds, every_rule_finds_its_breach,
    a_broken_file_is_found, it_checks_what_is_committed)
