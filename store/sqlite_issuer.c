/* SPDX-License-Identifier: Apache-2.0 */
/* CA certificates and the bundles that anchors make. */
#include "base/crypto.h"
#include "base/mem.h"
#include "store/sqlite_int.h"

#define BUNDLE_MAX LIMIT_BULK_CHUNK /* one answer holds it: 30 RSA-4096 anchors */

enum mc_err
sq_issuer_find(struct sq *sq, const uint8_t issuer_id[32], struct sq_issuer *out)
{
	sqlite3_stmt *stmt = sq_stmt(sq, SQ_ISSUER_BY_ID);
	enum mc_err ret = MC_ESTORE;
	bool row = false;

	if (stmt == NULL) {
		return ret;
	}
	*out = (struct sq_issuer){ 0 };
	sq_bind_fixed(stmt, 1, issuer_id, 32);
	ret = sq_step(sq, stmt, &row);
	if (ret == MC_OK && row) {
		out->seq = sqlite3_column_int64(stmt, 0);
		out->environment = sqlite3_column_int64(stmt, 1);
		out->profile = (uint8_t)sqlite3_column_int(stmt, 2);
		out->revoked = sqlite3_column_type(stmt, 3) != SQLITE_NULL;
	}
	(void)sqlite3_reset(stmt);
	return ret;
}

struct put_arg {
	struct sq *sq;
	const struct msg_issuer_put *put;
	int64_t now_at;
};

static enum mc_err
put_event(const struct put_arg *arg, const struct store_cert *cert)
{
	const struct msg_issuer_put *put = arg->put;
	struct store_event event = {
		.actor = cert->row.requester,
		.action = base_span_str("issuer-registered"),
		.target = put->subject,
		.from = put->from,
	};
	struct base_buf note;
	enum mc_err ret = MC_EINTERNAL;

	base_copy(event.request_id, cert->row.request_id, sizeof(event.request_id));
	base_buf_init(&note, 64 + LIMIT_ENVIRONMENT);
	base_buf_appendf(&note, "%s certificate, seq %llu",
	    msg_profile_name((enum msg_profile)put->profile), (unsigned long long)put->seq);
	if (put->environment.len > 0) { /* the root is of none */
		base_buf_append_str(&note, ", environment ");
		base_buf_append_span(&note, put->environment);
	}
	event.note = base_buf_span(&note);
	ret = sq_event_put(&arg->sq->store, &event, arg->now_at);
	base_buf_clear(&note);
	return ret;
}

static enum mc_err
put_anchor(struct sq *sq, const struct msg_issuer_put *put, int64_t environment)
{
	sqlite3_stmt *stmt = sq_stmt(sq, SQ_ANCHOR_PUT);
	enum mc_err ret = MC_ESTORE;

	if (stmt == NULL) {
		return ret;
	}
	(void)sqlite3_bind_int64(stmt, 1, environment);
	sq_bind_u64(stmt, 2, put->seq);
	ret = sq_run(sq, stmt);
	if (ret == MC_OK) {
		stmt = sq_stmt(sq, SQ_BUNDLE_BUMP);
		if (stmt == NULL) {
			return MC_ESTORE;
		}
		(void)sqlite3_bind_int64(stmt, 1, environment);
		sq_bind_text(stmt, 2, put->trust_domain);
		ret = sq_run(sq, stmt);
	}
	return ret;
}

/* The row says what was signed; what is registered may not say anything else. */
static enum mc_err
put_checked(void *ptr, const struct store_cert *cert)
{
	const struct put_arg *arg = ptr;
	const struct msg_issuer_put *put = arg->put;
	const struct msg_cert_row *row = &cert->row;
	int64_t environment = 0;
	sqlite3_stmt *stmt;
	uint8_t hash[32];
	enum mc_err ret = MC_EINTERNAL;

	base_crypto_sha256(put->cert, hash);
	if (row->profile != put->profile || put->profile < MSG_PROFILE_ROOT ||
	    !base_span_equal(row->environment, put->environment) ||
	    !base_span_equal(row->cert, put->cert) ||
	    !base_span_equal(base_span_of(hash, 32), base_span_of(put->issuer_id, 32))) {
		return MC_FAIL(MC_EPOLICY, "the CA certificate is not the one of seq %llu",
		    (unsigned long long)put->seq);
	}
	ret = sq_name_id(arg->sq, put->environment, &environment);
	if (ret != MC_OK) {
		return ret;
	}
	stmt = sq_stmt(arg->sq, SQ_ISSUER_PUT);
	if (stmt == NULL) {
		return MC_ESTORE;
	}
	sq_bind_u64(stmt, 1, put->seq);
	sq_bind_fixed(stmt, 2, put->issuer_id, 32);
	(void)sqlite3_bind_int(stmt, 3, put->profile);
	(void)sqlite3_bind_int64(stmt, 4, environment);
	sq_bind_text(stmt, 5, put->trust_domain);
	sq_bind_text(stmt, 6, put->subject);
	sq_bind_span(stmt, 7, put->key_id);
	sq_bind_span(stmt, 8, put->cert);
	(void)sqlite3_bind_int64(stmt, 9, arg->now_at);
	ret = sq_run(arg->sq, stmt);
	if (ret == MC_OK && put->profile == MSG_PROFILE_ENVIRONMENT) {
		ret = put_anchor(arg->sq, put, environment);
	}
	return ret == MC_OK ? put_event(arg, cert) : ret;
}

enum mc_err
sq_issuer_put(struct store *store, const struct msg_issuer_put *put, int64_t now_at,
    bool *inserted)
{
	const struct store_view view = { now_at, 0 };
	struct put_arg arg = { sq_of(store), put, now_at };
	struct sq_issuer known;
	enum mc_err ret = sq_issuer_find(sq_of(store), put->issuer_id, &known);

	*inserted = false;
	if (ret != MC_OK) {
		return ret;
	}
	if (known.seq != 0) {
		/* Its id is the hash of its bytes: the same certificate. */
		return (uint64_t)known.seq == put->seq ?
		    MC_OK :
		    MC_FAIL(MC_EPOLICY, "the CA certificate is registered at seq %lld",
		        (long long)known.seq);
	}
	ret = sq_cert_by_seq(store, &view, put->seq, put_checked, &arg);
	*inserted = ret == MC_OK;
	return ret;
}

static enum mc_err
issuer_row(sqlite3_stmt *stmt, const struct store_view *view, struct msg_issuer_row *out)
{
	*out = (struct msg_issuer_row){ 0 };
	out->seq = sq_col_u64(stmt, 0);
	out->profile = (uint8_t)sqlite3_column_int(stmt, 1);
	out->serial = sq_col_span(stmt, 3);
	out->environment = sq_col_span(stmt, 4);
	out->trust_domain = sq_col_span(stmt, 5);
	out->subject = sq_col_span(stmt, 6);
	out->key_id = sq_col_span(stmt, 7);
	out->not_before_at = sqlite3_column_int64(stmt, 8);
	out->not_after_at = sqlite3_column_int64(stmt, 9);
	out->crl_number = sq_col_u64(stmt, 10);
	out->crl_this_update_at = sqlite3_column_int64(stmt, 11);
	out->crl_next_update_at = sqlite3_column_int64(stmt, 12);
	out->cert = sq_col_span(stmt, 13);
	out->state = MSG_STATE_SIGNED;
	if (sqlite3_column_type(stmt, 14) != SQLITE_NULL) {
		out->state = MSG_STATE_REVOKED;
	} else if (out->not_after_at < view->now_at) {
		out->state = MSG_STATE_EXPIRED;
	}
	if (!sq_col_fixed(stmt, 2, out->issuer_id, 32)) {
		return MC_FAIL(MC_ESTORE, "issuer id of a wrong size");
	}
	return MC_OK;
}

enum mc_err
sq_issuer_list(struct store *store, const struct store_view *view,
    struct base_span environment, store_issuer_fn fn, void *arg)
{
	struct sq *sq = sq_of(store);
	struct msg_issuer_row issuer;
	int64_t name = 0;
	sqlite3_stmt *stmt;
	enum mc_err ret = MC_OK;
	bool row = false;

	if (environment.len != 0) {
		ret = sq_name_find(sq, environment, &name);
		if (ret != MC_OK || name == 0) {
			return ret;
		}
	}
	stmt = sq_stmt(sq, SQ_ISSUER_LIST);
	if (stmt == NULL) {
		return MC_ESTORE;
	}
	(void)sqlite3_bind_int64(stmt, 1, name);
	ret = sq_step(sq, stmt, &row);
	while (ret == MC_OK && row) {
		ret = issuer_row(stmt, view, &issuer);
		if (ret == MC_OK) {
			ret = fn(arg, &issuer);
		}
		if (ret == MC_OK) {
			ret = sq_step(sq, stmt, &row);
		}
	}
	(void)sqlite3_reset(stmt);
	return ret;
}

static enum mc_err
anchors(struct sq *sq, int64_t environment, struct base_buf *out)
{
	sqlite3_stmt *stmt = sq_stmt(sq, SQ_ANCHOR_LIST);
	enum mc_err ret = MC_ESTORE;
	bool row = false;

	if (stmt == NULL) {
		return ret;
	}
	(void)sqlite3_bind_int64(stmt, 1, environment);
	ret = sq_step(sq, stmt, &row);
	while (ret == MC_OK && row) {
		struct base_span der = sq_col_span(stmt, 0);

		base_buf_append_le32(out, (uint32_t)der.len);
		base_buf_append_span(out, der);
		ret = sq_step(sq, stmt, &row);
	}
	(void)sqlite3_reset(stmt);
	if (ret == MC_OK && base_buf_failed(out)) {
		ret = MC_FAIL(MC_ETOOBIG, "the bundle is above its limit");
	}
	return ret;
}

enum mc_err
sq_bundle_get(struct store *store, struct base_span environment, store_bundle_fn fn,
    void *arg)
{
	struct sq *sq = sq_of(store);
	struct msg_bundle_ans bundle = { 0 };
	struct base_buf list;
	int64_t name = 0;
	sqlite3_stmt *stmt;
	enum mc_err ret = sq_name_find(sq, environment, &name);
	bool row = false;

	if (ret != MC_OK) {
		return ret;
	}
	stmt = sq_stmt(sq, SQ_BUNDLE_GET);
	if (stmt == NULL) {
		return MC_ESTORE;
	}
	base_buf_init(&list, BUNDLE_MAX);
	(void)sqlite3_bind_int64(stmt, 1, name);
	ret = sq_step(sq, stmt, &row);
	if (ret == MC_OK && !row) {
		ret = MC_FAIL(MC_ENOTFOUND, "no bundle of this environment");
	}
	if (ret == MC_OK) {
		ret = anchors(sq, name, &list);
	}
	if (ret == MC_OK) {
		bundle.sequence = sq_col_u64(stmt, 0);
		bundle.trust_domain = sq_col_span(stmt, 1);
		bundle.anchors = base_buf_span(&list);
		ret = fn(arg, &bundle);
	}
	(void)sqlite3_reset(stmt);
	base_buf_clear(&list);
	return ret;
}
