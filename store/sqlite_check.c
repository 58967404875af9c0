/* SPDX-License-Identifier: Apache-2.0 */
/* What must hold inside the file and between its tables, whoever wrote it. */
#include "store/sqlite_int.h"

#define TAKEN_OUT(table) "SELECT coalesce((SELECT seq FROM sqlite_sequence WHERE name = '" table "'), 0)" \
	" - (SELECT count(*) FROM " table ")"

/* Each yields one number, which must be zero. NOT INDEXED: an index may be what is wrong. */
static const struct {
	const char *what;
	const char *sql;
} RULES[] = {
	{ "serials are in the log twice",
	    "SELECT count(*) FROM (SELECT 1 FROM intents NOT INDEXED GROUP BY serial"
	    " HAVING count(*) > 1)" },
	{ "signatures have no intent",
	    "SELECT count(*) FROM signatures WHERE seq NOT IN (SELECT seq FROM intents)" },
	{ "signatures differ from the recorded count",
	    "SELECT abs((SELECT count(*) FROM signatures) -"
	    " (SELECT value FROM meta WHERE key = 'signed_count'))" },
	{ "intents name a text that is not there",
	    "SELECT count(*) FROM intents WHERE environment NOT IN (SELECT id FROM names)"
	    " OR cluster NOT IN (SELECT id FROM names)"
	    " OR identity NOT IN (SELECT id FROM names)"
	    " OR requester NOT IN (SELECT id FROM names)"
	    " OR evidence NOT IN (SELECT id FROM evidence)" },
	{ "intents have no registered issuer",
	    "SELECT count(*) FROM intents WHERE issuer IS NOT NULL"
	    " AND issuer NOT IN (SELECT seq FROM issuers)" },
	{ "leaves are self-signed",
	    "SELECT count(*) FROM intents WHERE issuer IS NULL AND profile < 16" },
	{ "CA certificates are not signed rows of the log",
	    "SELECT count(*) FROM issuers WHERE seq NOT IN (SELECT seq FROM signatures)" },
	{ "revocations have no certificate",
	    "SELECT count(*) FROM revocations WHERE cert_seq NOT IN (SELECT seq FROM intents)" },
	/* Numbered without gaps, and kept for ever: a number that was given and is not there was taken out. */
	{ "revocations were taken out", TAKEN_OUT("revocations") },
	{ "events were taken out", TAKEN_OUT("events") },
	{ "people were taken out", TAKEN_OUT("users") },
	{ "applied configurations were taken out", TAKEN_OUT("configs") },
	{ "events tell of revocations that are not there",
	    "SELECT count(*) FROM events WHERE action = 'certificate-revoked'"
	    " AND request_id NOT IN (SELECT request_id FROM revocations)" },
	{ "CRLs list revocations that are not there",
	    "SELECT count(*) FROM crls WHERE revocation_seq >"
	    " (SELECT coalesce(max(seq), 0) FROM revocations)" },
	{ "people's certificates are not signed rows of the log",
	    "SELECT count(*) FROM users WHERE cert_seq NOT IN (SELECT seq FROM signatures)" },
	{ "CRLs have a number that was not drawn",
	    "SELECT count(*) FROM crls l WHERE number > coalesce((SELECT last FROM"
	    " crl_numbers n WHERE n.issuer = l.issuer), 0)" },
	{ "CRLs are older than one with a smaller number",
	    "SELECT count(*) FROM crls a JOIN crls b ON a.issuer = b.issuer"
	    " AND a.number > b.number WHERE a.received = a.total AND b.received = b.total"
	    " AND (a.this_update_at < b.this_update_at"
	    " OR a.revocation_seq < b.revocation_seq)" },
	{ "registrations are not as many as the newest applied inventory says",
	    "SELECT count(*) FROM inventories v WHERE seq = (SELECT max(seq) FROM inventories"
	    " WHERE environment = v.environment) AND count <> (SELECT count(*) FROM"
	    " registrations WHERE environment = v.environment AND inventory = v.seq)" },
	{ "registrations are of no applied inventory",
	    "SELECT count(*) FROM registrations g WHERE inventory <> coalesce((SELECT max(seq)"
	    " FROM inventories WHERE environment = g.environment), 0)" },
	{ "registered DNS names are of no registration",
	    "SELECT count(*) FROM registered_names n WHERE NOT EXISTS(SELECT 1 FROM"
	    " registrations g WHERE g.environment = n.environment"
	    " AND g.identity = n.identity)" },
	{ "CRLs lack bytes",
	    "SELECT count(*) FROM crls l WHERE received <> coalesce((SELECT"
	    " sum(length(bytes)) FROM crl_chunks c WHERE c.issuer = l.issuer"
	    " AND c.number = l.number), 0)" },
};

static enum mc_err
run_rule(struct sq *sq, unsigned which, uint64_t *count)
{
	sqlite3_stmt *stmt = NULL;
	enum mc_err ret = MC_EINTERNAL;
	bool row = false;
	int rc = sqlite3_prepare_v2(sq->db, RULES[which].sql, -1, &stmt, NULL);

	if (rc != SQLITE_OK) {
		return sq_fail(sq, rc, RULES[which].what);
	}
	ret = sq_step(sq, stmt, &row);
	*count = row ? sq_col_u64(stmt, 0) : 0;
	(void)sqlite3_finalize(stmt);
	return ret;
}

static enum mc_err
integrity(struct sq *sq, store_problem_fn fn, void *arg)
{
	sqlite3_stmt *stmt = NULL;
	enum mc_err ret = MC_EINTERNAL;
	bool row = false;
	int rc = sqlite3_prepare_v2(sq->db, "PRAGMA integrity_check", -1, &stmt, NULL);

	if (rc != SQLITE_OK) {
		return sq_fail(sq, rc, "integrity check");
	}
	ret = sq_step(sq, stmt, &row);
	while (ret == MC_OK && row) {
		if (!base_span_equal_str(sq_col_span(stmt, 0), "ok")) {
			fn(arg, (const char *)sqlite3_column_text(stmt, 0), 1);
		}
		ret = sq_step(sq, stmt, &row);
	}
	(void)sqlite3_finalize(stmt);
	return ret;
}

enum mc_err
sq_self_check(struct store *store, store_problem_fn fn, void *arg)
{
	struct sq *sq = sq_of(store);
	uint64_t count = 0;
	enum mc_err ret = integrity(sq, fn, arg);

	for (unsigned i = 0; i < sizeof(RULES) / sizeof(RULES[0]) && ret == MC_OK; i++) {
		ret = run_rule(sq, i, &count);
		if (ret == MC_OK && count != 0) {
			fn(arg, RULES[i].what, count);
		}
	}
	return ret;
}
