/* SPDX-License-Identifier: Apache-2.0 */
/* People: a role bound to a client certificate. */
#include <stdio.h>

#include "base/crypto.h"
#include "base/mem.h"
#include "store/sqlite_int.h"

static bool
is_zero(const uint8_t hash[32])
{
	uint8_t any = 0;

	for (unsigned i = 0; i < 32; i++) {
		any |= hash[i];
	}
	return any == 0;
}

static enum mc_err
user_row(sqlite3_stmt *stmt, struct msg_user_row *out)
{
	*out = (struct msg_user_row){ 0 };
	out->name = sq_col_span(stmt, 0);
	out->role = (uint8_t)sqlite3_column_int(stmt, 1);
	out->serial = sq_col_span(stmt, 3);
	out->added_at = sqlite3_column_int64(stmt, 4);
	out->added_by = sq_col_span(stmt, 5);
	out->not_after_at = sqlite3_column_int64(stmt, 6);
	if (!sq_col_fixed(stmt, 2, out->cert_sha256, 32)) {
		return MC_FAIL(MC_ESTORE, "certificate hash of a wrong size");
	}
	return MC_OK;
}

enum mc_err
sq_user_get(struct store *store, const struct store_view *view,
    const uint8_t cert_sha256[32], store_user_fn fn, void *arg)
{
	struct sq *sq = sq_of(store);
	sqlite3_stmt *stmt = sq_stmt(sq, SQ_USER_GET);
	struct msg_user_row user;
	enum mc_err ret = MC_ESTORE;
	bool row = false;

	if (stmt == NULL) {
		return ret;
	}
	(void)sqlite3_bind_int64(stmt, 1, view->now_at);
	sq_bind_fixed(stmt, 2, cert_sha256, 32);
	ret = sq_step(sq, stmt, &row);
	if (ret == MC_OK && !row) {
		ret = MC_FAIL(MC_ENOTFOUND, "no person has this certificate");
	}
	if (ret == MC_OK) {
		ret = user_row(stmt, &user);
	}
	if (ret == MC_OK) {
		ret = fn(arg, &user);
	}
	(void)sqlite3_reset(stmt);
	return ret;
}

enum mc_err
sq_user_list(struct store *store, const struct store_view *view, store_user_fn fn, void *arg)
{
	struct sq *sq = sq_of(store);
	sqlite3_stmt *stmt = sq_stmt(sq, SQ_USER_LIST);
	struct msg_user_row user;
	enum mc_err ret = MC_ESTORE;
	bool row = false;

	if (stmt == NULL) {
		return ret;
	}
	(void)sqlite3_bind_int64(stmt, 1, view->now_at);
	ret = sq_step(sq, stmt, &row);
	while (ret == MC_OK && row) {
		ret = user_row(stmt, &user);
		if (ret == MC_OK) {
			ret = fn(arg, &user);
		}
		if (ret == MC_OK) {
			ret = sq_step(sq, stmt, &row);
		}
	}
	(void)sqlite3_reset(stmt);
	return ret;
}

struct approver {
	bool admin;
	char name[LIMIT_USER_NAME + 1];
};

static enum mc_err
see_approver(void *arg, const struct msg_user_row *row)
{
	struct approver *approver = arg;

	approver->admin = row->role == MSG_USER_ADMIN;
	base_span_copy_str(row->name, approver->name, sizeof(approver->name));
	return MC_OK;
}

/* The name is the ledger's own: put->actor is what the front said. */
static enum mc_err
check_approver(struct store *store, const struct msg_user_put *put, int64_t now_at,
    struct approver *out)
{
	const struct store_view view = { now_at, 0 };
	enum mc_err ret = MC_OK;

	if (is_zero(put->approver_sha256)) {
		return MC_OK; /* the operators signer had it from root's local socket */
	}
	ret = sq_user_get(store, &view, put->approver_sha256, see_approver, out);
	if (ret == MC_ENOTFOUND || (ret == MC_OK && !out->admin)) {
		ret = MC_FAIL(MC_EAPPROVAL, "the approver is not an administrator");
	}
	return ret;
}

struct put_arg {
	const struct msg_user_put *put;
	uint64_t seq;
};

static enum mc_err
check_cert(void *ptr, const struct store_cert *cert)
{
	struct put_arg *arg = ptr;
	uint8_t hash[32];

	base_crypto_sha256(cert->row.cert, hash);
	if (cert->row.profile != MSG_PROFILE_CLIENT || cert->row.state != MSG_STATE_SIGNED ||
	    !base_span_equal(cert->row.identity, arg->put->name) ||
	    !base_span_equal(base_span_of(hash, 32),
	        base_span_of(arg->put->cert_sha256, 32))) {
		return MC_FAIL(MC_EPOLICY, "not a signed client certificate of this person");
	}
	arg->seq = cert->row.seq;
	return MC_OK;
}

struct known {
	const struct msg_user_put *put;
	bool same;
};

static enum mc_err
compare_known(void *ptr, const struct msg_user_row *row)
{
	struct known *known = ptr;

	known->same = base_span_equal(row->name, known->put->name) &&
	    row->role == known->put->role;
	return MC_OK;
}

static enum mc_err
insert_user(struct sq *sq, const struct msg_user_put *put, uint64_t seq, int64_t now_at)
{
	struct store_event event = {
		.actor = put->actor,
		.action = base_span_str("user-added"),
		.target = put->name,
		.from = put->from,
	};
	sqlite3_stmt *stmt = sq_stmt(sq, SQ_USER_PUT);
	char note[64];
	enum mc_err ret = MC_ESTORE;

	if (stmt == NULL) {
		return ret;
	}
	sq_bind_text(stmt, 1, put->name);
	(void)sqlite3_bind_int(stmt, 2, put->role);
	sq_bind_fixed(stmt, 3, put->cert_sha256, 32);
	sq_bind_u64(stmt, 4, seq);
	(void)sqlite3_bind_int64(stmt, 5, now_at);
	sq_bind_text(stmt, 6, put->actor);
	ret = sq_run(sq, stmt);
	if (ret == MC_OK) {
		base_copy(event.request_id, put->request_id, sizeof(event.request_id));
		(void)snprintf(note, sizeof(note), "role %s, seq %llu",
		    msg_user_role_name((enum msg_user_role)put->role),
		    (unsigned long long)seq);
		event.note = base_span_str(note);
		ret = sq_event_put(&sq->store, &event, now_at);
	}
	return ret;
}

enum mc_err
sq_user_put(struct store *store, const struct msg_user_put *put, int64_t now_at,
    bool *inserted)
{
	const struct store_view view = { now_at, 0 };
	struct msg_user_put named = *put;
	struct put_arg arg = { put, 0 };
	struct known known = { put, false };
	struct approver approver = { 0 };
	enum mc_err ret = MC_OK;

	*inserted = false;
	if (put->role < MSG_USER_VIEWER || put->role > MSG_USER_ADMIN || put->name.len == 0) {
		return MC_FAIL(MC_EUSAGE, "no such role, or no name");
	}
	ret = check_approver(store, put, now_at, &approver);
	if (ret == MC_OK) {
		ret = sq_cert_by_serial(store, &view, put->serial, check_cert, &arg);
	}
	if (ret != MC_OK) {
		return ret;
	}
	ret = sq_user_get(store, &view, put->cert_sha256, compare_known, &known);
	if (ret == MC_OK) {
		return known.same ? MC_OK :
		                    MC_FAIL(MC_ECONFLICT, "the certificate has another role");
	}
	if (ret == MC_ENOTFOUND) {
		named.actor = approver.admin ? base_span_str(approver.name) : put->actor;
		ret = insert_user(sq_of(store), &named, arg.seq, now_at);
		*inserted = ret == MC_OK;
	}
	return ret;
}

static enum mc_err
other_admins(struct sq *sq, struct base_span name, int64_t now_at, int64_t *count)
{
	sqlite3_stmt *stmt = sq_stmt(sq, SQ_USER_OTHER_ADMINS);
	enum mc_err ret = MC_ESTORE;
	bool row = false;

	if (stmt == NULL) {
		return ret;
	}
	(void)sqlite3_bind_int64(stmt, 1, now_at);
	(void)sqlite3_bind_int(stmt, 2, MSG_USER_ADMIN);
	sq_bind_text(stmt, 3, name);
	ret = sq_step(sq, stmt, &row);
	*count = row ? sqlite3_column_int64(stmt, 0) : 0;
	(void)sqlite3_reset(stmt);
	return ret;
}

/* One of a person's certificates. */
struct held {
	uint64_t seq; /* 0: no more */
	uint8_t role;
	bool revoked;
};

static enum mc_err
next_held(struct sq *sq, struct base_span name, struct held *held)
{
	sqlite3_stmt *stmt = sq_stmt(sq, SQ_USER_CERTS);
	enum mc_err ret = MC_ESTORE;
	bool row = false;

	if (stmt == NULL) {
		return ret;
	}
	sq_bind_text(stmt, 1, name);
	sq_bind_u64(stmt, 2, held->seq);
	ret = sq_step(sq, stmt, &row);
	held->seq = row ? sq_col_u64(stmt, 0) : 0;
	held->role = row ? (uint8_t)sqlite3_column_int(stmt, 1) : 0;
	held->revoked = row && sqlite3_column_type(stmt, 2) != SQLITE_NULL;
	(void)sqlite3_reset(stmt);
	return ret;
}

static enum mc_err
remove_one(struct sq *sq, const struct msg_user_remove *remove, struct base_span actor,
    const struct held *held, int64_t now_at)
{
	struct sq_revocation revocation = { held->seq, now_at,
		MSG_REASON_PRIVILEGE_WITHDRAWN, actor, remove->from,
		remove->request_id };
	sqlite3_stmt *stmt = sq_stmt(sq, SQ_USER_REMOVE);
	enum mc_err ret = MC_ESTORE;

	if (stmt == NULL) {
		return ret;
	}
	sq_bind_u64(stmt, 1, held->seq);
	(void)sqlite3_bind_int64(stmt, 2, now_at);
	ret = sq_run(sq, stmt);
	if (ret == MC_OK && !held->revoked) {
		ret = sq_revocation_put(sq, &revocation);
	}
	return ret;
}

/* MC_OK when the person is there and somebody else remains an administrator, if this one was. */
static enum mc_err
check_removable(struct sq *sq, struct base_span name, int64_t now_at)
{
	struct held held = { 0 };
	int64_t others = 0;
	bool admin = false;
	enum mc_err ret = next_held(sq, name, &held);

	if (ret == MC_OK && held.seq == 0) {
		return MC_FAIL(MC_ENOTFOUND, "there is no such person");
	}
	while (ret == MC_OK && held.seq != 0) {
		admin = admin || held.role == MSG_USER_ADMIN;
		ret = next_held(sq, name, &held);
	}
	if (ret == MC_OK && admin) {
		ret = other_admins(sq, name, now_at, &others);
		if (ret == MC_OK && others == 0) {
			ret = MC_FAIL(MC_ECONFLICT, "the last administrator stays");
		}
	}
	return ret;
}

#define REMOVAL_TEXT 128 /* the heading, a name, a time */

/* The approval of base/msg_query.h. */
static enum mc_err
check_removal(struct sq *sq, const struct msg_user_remove *remove, int64_t now_at,
    struct sq_approved *out)
{
	struct base_buf text;
	enum mc_err ret;

	base_buf_init(&text, REMOVAL_TEXT);
	base_buf_append_str(&text, "meshca-user-remove-v1\n");
	base_buf_append_span(&text, remove->name);
	base_buf_appendf(&text, "\n%lld\n", (long long)remove->approval_expires_at);
	const struct sq_approval approval = { base_buf_span(&text), remove->approver_sha256,
		remove->approver_spki, remove->approval_expires_at, remove->approval_sig };
	ret = base_buf_failed(&text) ? MC_FAIL(MC_EAPPROVAL, "nobody has so long a name") :
	                               sq_approval_verify(sq, &approval, now_at, out);
	base_buf_clear(&text);
	return ret;
}

enum mc_err
sq_user_remove(struct store *store, const struct msg_user_remove *remove, int64_t now_at)
{
	struct sq *sq = sq_of(store);
	struct store_event event = {
		.action = base_span_str("user-removed"),
		.target = remove->name,
		.from = remove->from,
	};
	struct sq_approved approved = { 0 };
	struct held held = { 0 };
	/* All checks come before the first change: a refusal does not undo the others of its batch. */
	enum mc_err ret = check_removal(sq, remove, now_at, &approved);

	if (ret == MC_OK) {
		ret = check_removable(sq, remove->name, now_at);
	}
	if (ret == MC_OK) {
		ret = sq_approval_use(sq, approved.id, remove->request_id, now_at);
	}
	if (ret == MC_OK) {
		ret = next_held(sq, remove->name, &held);
	}
	event.actor = base_span_str(approved.actor);
	while (ret == MC_OK && held.seq != 0) {
		ret = remove_one(sq, remove, event.actor, &held, now_at);
		if (ret == MC_OK) {
			ret = next_held(sq, remove->name, &held);
		}
	}
	if (ret == MC_OK) {
		base_copy(event.request_id, remove->request_id, sizeof(event.request_id));
		ret = sq_event_put(store, &event, now_at);
	}
	return ret;
}
