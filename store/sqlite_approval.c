/* SPDX-License-Identifier: Apache-2.0 */
/* What an administrator signed: that it fits, and that it serves once. */
#include "base/crypto.h"
#include "base/mem.h"
#include "store/sqlite_int.h"

enum mc_err
sq_approval_check(struct sq *sq, const uint8_t id[32], const uint8_t request_id[16], bool *again)
{
	sqlite3_stmt *stmt = sq_stmt(sq, SQ_APPROVAL_GET);
	enum mc_err ret = MC_ESTORE;
	bool row = false;

	if (stmt == NULL) {
		return ret;
	}
	sq_bind_fixed(stmt, 1, id, 32);
	ret = sq_step(sq, stmt, &row);
	*again = row && base_span_equal(sq_col_span(stmt, 0), base_span_of(request_id, 16));
	if (ret == MC_OK && row && !*again) {
		ret = MC_FAIL(MC_EAPPROVAL, "this approval was used before");
	}
	(void)sqlite3_reset(stmt);
	return ret;
}

enum mc_err
sq_approval_spend(struct sq *sq, const uint8_t id[32], const uint8_t request_id[16],
    int64_t now_at)
{
	sqlite3_stmt *stmt = sq_stmt(sq, SQ_APPROVAL_OLD);
	enum mc_err ret = MC_ESTORE;

	if (stmt == NULL) {
		return ret;
	}
	(void)sqlite3_bind_int64(stmt, 1, now_at);
	ret = sq_run(sq, stmt);
	if (ret != MC_OK) {
		return ret;
	}
	stmt = sq_stmt(sq, SQ_APPROVAL_PUT);
	if (stmt == NULL) {
		return MC_ESTORE;
	}
	sq_bind_fixed(stmt, 1, id, 32);
	/* The signer takes none that runs longer; twice, for its clock may be another. */
	(void)sqlite3_bind_int64(stmt, 2, now_at + 2 * LIMIT_APPROVAL_S);
	sq_bind_fixed(stmt, 3, request_id, 16);
	return sq_run(sq, stmt);
}

enum mc_err
sq_approval_use(struct sq *sq, const uint8_t id[32], const uint8_t request_id[16], int64_t now_at)
{
	bool again = false;
	enum mc_err ret = sq_approval_check(sq, id, request_id, &again);

	if (ret == MC_OK && again) {
		ret = MC_FAIL(MC_EAPPROVAL, "this approval was used before");
	}
	return ret == MC_OK ? sq_approval_spend(sq, id, request_id, now_at) : ret;
}

/* The live administrator whose certificate this is: the name, and the hash of the key. */
static enum mc_err
find_approver(struct sq *sq, const uint8_t approver_sha256[32], int64_t now_at,
    uint8_t spki_sha256[32], char name[LIMIT_USER_NAME + 1])
{
	sqlite3_stmt *stmt = sq_stmt(sq, SQ_USER_APPROVER);
	enum mc_err ret = MC_ESTORE;
	struct base_span text;
	bool row = false;

	if (stmt == NULL) {
		return ret;
	}
	(void)sqlite3_bind_int64(stmt, 1, now_at);
	sq_bind_fixed(stmt, 2, approver_sha256, 32);
	ret = sq_step(sq, stmt, &row);
	if (ret == MC_OK && (!row || sqlite3_column_int(stmt, 0) != MSG_USER_ADMIN)) {
		ret = MC_FAIL(MC_EAPPROVAL, "the approver is not an administrator");
	}
	if (ret == MC_OK) {
		text = sq_col_span(stmt, 1);
		if (text.len > LIMIT_USER_NAME || !sq_col_fixed(stmt, 2, spki_sha256, 32)) {
			ret = MC_FAIL(MC_ESTORE, "name or key hash of a wrong size");
		} else {
			base_copy(name, text.ptr, text.len);
			name[text.len] = 0;
		}
	}
	(void)sqlite3_reset(stmt);
	return ret;
}

/* Whether the signature fits; out->id is of the text, not of the signature, which has a twin (r, n - s). */
static enum mc_err
check_signature(const struct sq_approval *approval, const uint8_t spki_sha256[32],
    struct sq_approved *out)
{
	const struct base_span pieces[2] = { base_span_of(approval->approver_sha256, 32),
		approval->text };
	uint8_t shown[32];
	bool fits;

	base_crypto_sha256v(pieces, 2, out->id);
	base_crypto_sha256(approval->approver_spki, shown);
	fits = base_crypto_equal(spki_sha256, shown, sizeof(shown)) &&
	    base_crypto_p256_verify(approval->approver_spki, approval->text, approval->signature);
	return fits ? MC_OK : MC_FAIL(MC_EAPPROVAL, "the approval's signature does not fit");
}

enum mc_err
sq_approval_verify(struct sq *sq, const struct sq_approval *approval, int64_t now_at,
    struct sq_approved *out)
{
	uint8_t spki_sha256[32];
	enum mc_err ret;

	if (approval->expires_at < now_at || approval->expires_at > now_at + LIMIT_APPROVAL_S) {
		return MC_FAIL(MC_EAPPROVAL, "the approval has expired or is for more than %d s",
		    LIMIT_APPROVAL_S);
	}
	ret = find_approver(sq, approval->approver_sha256, now_at, spki_sha256, out->actor);
	return ret == MC_OK ? check_signature(approval, spki_sha256, out) : ret;
}
