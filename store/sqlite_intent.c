/* SPDX-License-Identifier: Apache-2.0 */
/* The hot path: intents and signatures. */
#include <string.h>

#include "base/mem.h"
#include "store/sqlite_int.h"

/* The small numbers of an intent's texts. */
struct interned {
	int64_t environment;
	int64_t cluster;
	int64_t identity;
	int64_t requester;
	int64_t evidence;
	int64_t issuer; /* 0: self-signed */
};

static bool
is_zero(const uint8_t id[32])
{
	uint8_t any = 0;

	for (unsigned i = 0; i < 32; i++) {
		any |= id[i];
	}
	return any == 0;
}

static enum mc_err
intern_issuer(struct sq *sq, const struct msg_intent *intent, struct interned *out)
{
	struct sq_issuer issuer;
	enum mc_err ret = MC_EINTERNAL;

	if (is_zero(intent->issuer_id)) {
		if (intent->profile != MSG_PROFILE_ROOT &&
		    intent->profile != MSG_PROFILE_ENVIRONMENT) {
			return MC_FAIL(MC_EPOLICY, "profile %s cannot be self-signed",
			    msg_profile_name((enum msg_profile)intent->profile));
		}
		return MC_OK;
	}
	ret = sq_issuer_find(sq, intent->issuer_id, &issuer);
	if (ret == MC_OK && issuer.seq == 0) {
		ret = MC_FAIL(MC_EPOLICY, "the issuer is not registered");
	}
	/* Only the root, which belongs to no environment, certifies across. */
	if (ret == MC_OK && intent->profile != MSG_PROFILE_LINEAGE &&
	    issuer.environment != out->environment) {
		ret = MC_FAIL(MC_EPOLICY, "the issuer is of another environment");
	}
	if (ret == MC_OK && intent->profile < MSG_PROFILE_ROOT &&
	    issuer.profile != MSG_PROFILE_ISSUING) {
		ret = MC_FAIL(MC_EPOLICY, "leaves are issued by an issuing CA only");
	}
	/* No verifier that reads CRLs would take the leaf; a new issuing CA mends it. */
	if (ret == MC_OK && intent->profile < MSG_PROFILE_ROOT && issuer.revoked) {
		ret = MC_FAIL(MC_ENOTREADY,
		    "the issuing CA is revoked; run meshca issuer rotate");
	}
	out->issuer = issuer.seq;
	return ret;
}

static enum mc_err
intern(struct sq *sq, const struct msg_intent *intent, struct interned *out)
{
	enum mc_err ret = sq_name_id(sq, intent->environment, &out->environment);

	out->issuer = 0;
	if (ret == MC_OK) {
		ret = intern_issuer(sq, intent, out);
	}
	if (ret == MC_OK) {
		ret = sq_name_id(sq, intent->cluster, &out->cluster);
	}
	if (ret == MC_OK) {
		ret = sq_name_id(sq, intent->identity, &out->identity);
	}
	if (ret == MC_OK) {
		ret = sq_name_id(sq, intent->requester, &out->requester);
	}
	if (ret == MC_OK) {
		ret = sq_evidence_id(sq, intent->evidence, &out->evidence);
	}
	return ret;
}

/* Whether the serial is taken by this very intent, sent again, or by another (MC_ESERIAL). */
static enum mc_err
same_intent(struct sq *sq, const struct msg_intent *intent, struct store_intended *out)
{
	sqlite3_stmt *stmt = sq_stmt(sq, SQ_INTENT_BY_SERIAL);
	enum mc_err ret = MC_ESTORE;
	bool row = false;

	if (stmt == NULL) {
		return ret;
	}
	sq_bind_span(stmt, 1, intent->serial);
	ret = sq_step(sq, stmt, &row);
	if (ret == MC_OK && !row) {
		ret = MC_FAIL(MC_ENOTFOUND, "no intent with this serial");
	} else if (ret == MC_OK && !base_span_equal(sq_col_span(stmt, 1), intent->tbs)) {
		ret = MC_FAIL(MC_ESERIAL, "the serial is at seq %llu with other bytes",
		    (unsigned long long)sq_col_u64(stmt, 0));
	} else if (ret == MC_OK) {
		out->seq = sq_col_u64(stmt, 0);
		out->inserted = false;
	}
	(void)sqlite3_reset(stmt);
	return ret;
}

static void
bind_intent(sqlite3_stmt *stmt, const struct store_entry *entry, const struct interned *ids,
    const uint8_t leaf[32])
{
	const struct msg_intent *intent = entry->intent;

	sq_bind_u64(stmt, 1, entry->seq);
	sq_bind_span(stmt, 2, intent->serial);
	(void)sqlite3_bind_int(stmt, 3, intent->profile);
	(void)sqlite3_bind_int64(stmt, 4, ids->environment);
	if (ids->issuer != 0) {
		(void)sqlite3_bind_int64(stmt, 5, ids->issuer);
	}
	(void)sqlite3_bind_int64(stmt, 6, ids->cluster);
	(void)sqlite3_bind_int64(stmt, 7, ids->identity);
	(void)sqlite3_bind_int64(stmt, 8, ids->requester);
	(void)sqlite3_bind_int64(stmt, 9, ids->evidence);
	(void)sqlite3_bind_int64(stmt, 10, entry->recorded_at);
	(void)sqlite3_bind_int64(stmt, 11, intent->not_before_at);
	(void)sqlite3_bind_int64(stmt, 12, intent->not_after_at);
	sq_bind_fixed(stmt, 13, intent->spki_sha256, 32);
	sq_bind_fixed(stmt, 14, intent->request_id, 16);
	if (intent->has_dedup != 0) {
		sq_bind_fixed(stmt, 15, intent->dedup_key, 32);
		sq_bind_fixed(stmt, 16, intent->dedup_body, 32);
	}
	sq_bind_fixed(stmt, 17, leaf, 32);
	sq_bind_span(stmt, 18, intent->tbs);
}

static void
remember(struct sq *sq, const struct store_entry *entry, int64_t environment)
{
	struct sq_recent *recent = &sq->recent[entry->seq & (SQ_RECENT - 1)];

	recent->seq = entry->seq;
	recent->environment = environment;
	recent->serial_len = (uint8_t)entry->intent->serial.len;
	base_copy(recent->serial, entry->intent->serial.ptr, entry->intent->serial.len);
}

/* Whether the approval of a person's certificate is still to be spent. It was: MC_EAPPROVAL, unless this very
 * intent spent it, which is sent again. */
static enum mc_err
check_approval(struct sq *sq, const struct msg_intent *intent, struct store_intended *out)
{
	bool again = false;
	enum mc_err ret = sq_approval_check(sq, intent->dedup_key, intent->request_id, &again);

	if (ret == MC_OK && again) {
		ret = same_intent(sq, intent, out);
		if (ret == MC_ENOTFOUND) {
			ret = MC_FAIL(MC_EAPPROVAL, "this approval was used before");
		}
	}
	return ret;
}

enum mc_err
sq_intent_put(struct store *store, const struct msg_intent *intent, int64_t now_at,
    struct store_intended *out)
{
	struct sq *sq = sq_of(store);
	struct store_entry entry = { sq->head.seq + 1, now_at, intent };
	bool approved = intent->profile == MSG_PROFILE_CLIENT && intent->has_dedup != 0;
	struct interned ids;
	sqlite3_stmt *stmt;
	uint8_t leaf[32];
	enum mc_err ret = intern(sq, intent, &ids);
	int rc;

	if (ret != MC_OK) {
		return ret;
	}
	out->seq = 0;
	if (approved) {
		ret = check_approval(sq, intent, out);
		if (ret != MC_OK || out->seq != 0) {
			return ret;
		}
	}
	stmt = sq_stmt(sq, SQ_INTENT_PUT);
	if (stmt == NULL) {
		return MC_ESTORE;
	}
	store_entry_hash(&entry, sq->head.hash, leaf);
	bind_intent(stmt, &entry, &ids, leaf);
	rc = sqlite3_step(stmt);
	if (rc == SQLITE_CONSTRAINT_UNIQUE) {
		(void)sqlite3_reset(stmt);
		ret = same_intent(sq, intent, out);
		return ret == MC_ENOTFOUND ?
		    MC_FAIL(MC_ESTORE, "an insert was refused, but not for its serial") :
		    ret;
	}
	if (rc != SQLITE_DONE) {
		return sq_fail(sq, rc, "intent");
	}
	(void)sqlite3_reset(stmt);
	sq->head.seq = entry.seq;
	sq->head.newest_at = now_at;
	base_copy(sq->head.hash, leaf, sizeof(leaf));
	remember(sq, &entry, ids.environment);
	out->seq = entry.seq;
	out->inserted = true;
	return approved ?
	    sq_approval_spend(sq, intent->dedup_key, intent->request_id, now_at) :
	    MC_OK;
}

/* MC_OK when seq has this serial and lies in the scope. */
static enum mc_err
check_key(struct sq *sq, const struct msg_signature *sig, int64_t environment)
{
	const struct sq_recent *recent = &sq->recent[sig->seq & (SQ_RECENT - 1)];
	struct base_span serial = base_span_of(recent->serial, recent->serial_len);
	int64_t have = recent->environment;
	sqlite3_stmt *stmt = NULL;
	enum mc_err ret = MC_OK;
	bool row = true;

	if (sig->seq == 0 || sig->seq > sq->head.seq) {
		return MC_FAIL(MC_ENOTFOUND, "no intent with this number");
	}
	if (recent->seq != sig->seq) {
		stmt = sq_stmt(sq, SQ_INTENT_KEY);
		if (stmt == NULL) {
			return MC_ESTORE;
		}
		sq_bind_u64(stmt, 1, sig->seq);
		ret = sq_step(sq, stmt, &row);
		if (ret == MC_OK && row) {
			serial = sq_col_span(stmt, 0);
			have = sqlite3_column_int64(stmt, 1);
		}
	}
	if (ret == MC_OK && (!row || !base_span_equal(serial, sig->serial) ||
	                        (environment != 0 && environment != have))) {
		ret = MC_FAIL(MC_ENOTFOUND, "no intent with this number and serial here");
	}
	if (stmt != NULL) {
		(void)sqlite3_reset(stmt);
	}
	return ret;
}

static enum mc_err
same_signature(struct sq *sq, const struct msg_signature *sig)
{
	sqlite3_stmt *stmt = sq_stmt(sq, SQ_SIGNATURE_GET);
	enum mc_err ret = MC_ESTORE;
	bool row = false;

	if (stmt == NULL) {
		return ret;
	}
	sq_bind_u64(stmt, 1, sig->seq);
	ret = sq_step(sq, stmt, &row);
	if (ret == MC_OK && !(row && base_span_equal(sq_col_span(stmt, 0), sig->tail))) {
		ret = MC_FAIL(MC_ECONFLICT, "another signature is recorded");
	}
	(void)sqlite3_reset(stmt);
	return ret;
}

enum mc_err
sq_signature_put(struct store *store, const struct msg_signature *sig,
    const struct store_scope *scope, bool *inserted)
{
	struct sq *sq = sq_of(store);
	int64_t environment = 0;
	sqlite3_stmt *stmt;
	enum mc_err ret = MC_OK;
	int rc;

	if (scope->environment.len != 0) {
		ret = sq_name_id(sq, scope->environment, &environment);
	}
	if (ret == MC_OK) {
		ret = check_key(sq, sig, environment);
	}
	if (ret != MC_OK) {
		return ret;
	}
	stmt = sq_stmt(sq, SQ_SIGNATURE_PUT);
	if (stmt == NULL) {
		return MC_ESTORE;
	}
	sq_bind_u64(stmt, 1, sig->seq);
	sq_bind_span(stmt, 2, sig->tail);
	rc = sqlite3_step(stmt);
	*inserted = rc == SQLITE_DONE;
	if (rc == SQLITE_CONSTRAINT_PRIMARYKEY || rc == SQLITE_CONSTRAINT_ROWID) {
		(void)sqlite3_reset(stmt);
		return same_signature(sq, sig);
	}
	if (rc != SQLITE_DONE) {
		return sq_fail(sq, rc, "signature");
	}
	(void)sqlite3_reset(stmt);
	sq->head.signed_count++;
	return MC_OK;
}
