/* SPDX-License-Identifier: Apache-2.0 */
/* Revocations, events, configurations. */
#include <stdio.h>
#include <string.h>

#include "base/enc.h"
#include "base/mem.h"
#include "store/sqlite_int.h"

enum mc_err
sq_event_put(struct store *store, const struct store_event *event, int64_t now_at)
{
	struct sq *sq = sq_of(store);
	sqlite3_stmt *stmt = sq_stmt(sq, SQ_EVENT_PUT);

	if (stmt == NULL) {
		return MC_ESTORE;
	}
	(void)sqlite3_bind_int64(stmt, 1, now_at);
	sq_bind_text(stmt, 2, event->actor);
	sq_bind_text(stmt, 3, event->action);
	sq_bind_text(stmt, 4, event->target);
	sq_bind_text(stmt, 5, event->from);
	sq_bind_text(stmt, 6, event->note);
	sq_bind_fixed(stmt, 7, event->request_id, sizeof(event->request_id));
	return sq_run(sq, stmt);
}

enum mc_err
sq_event_list(struct store *store, const struct msg_event_list *query, store_event_fn fn,
    void *arg, uint64_t *next)
{
	struct sq *sq = sq_of(store);
	sqlite3_stmt *stmt = sq_stmt(sq, SQ_EVENT_LIST);
	struct msg_event_row event = { 0 };
	uint32_t found = 0;
	enum mc_err ret = MC_ESTORE;
	bool row = false;

	*next = 0;
	if (stmt == NULL) {
		return ret;
	}
	(void)sqlite3_bind_int64(stmt, 1,
	    query->before_seq == 0 || query->before_seq > INT64_MAX ?
	        INT64_MAX :
	        (int64_t)query->before_seq);
	(void)sqlite3_bind_int64(stmt, 2, (int64_t)query->limit + 1);
	ret = sq_step(sq, stmt, &row);
	while (ret == MC_OK && row && found < query->limit) {
		event.seq = sq_col_u64(stmt, 0);
		event.at = sqlite3_column_int64(stmt, 1);
		event.actor = sq_col_span(stmt, 2);
		event.action = sq_col_span(stmt, 3);
		event.target = sq_col_span(stmt, 4);
		event.from = sq_col_span(stmt, 5);
		event.note = sq_col_span(stmt, 6);
		if (!sq_col_fixed(stmt, 7, event.request_id, sizeof(event.request_id))) {
			ret = MC_FAIL(MC_ESTORE, "request id of a wrong size");
			break;
		}
		ret = fn(arg, &event);
		found++;
		if (ret == MC_OK) {
			ret = sq_step(sq, stmt, &row);
		}
	}
	if (ret == MC_OK && row) {
		*next = event.seq;
	}
	(void)sqlite3_reset(stmt);
	return ret;
}

enum mc_err
sq_revocation_put(struct sq *sq, const struct sq_revocation *revocation)
{
	sqlite3_stmt *stmt = sq_stmt(sq, SQ_REVOKE_PUT);

	if (stmt == NULL) {
		return MC_ESTORE;
	}
	sq_bind_u64(stmt, 1, revocation->cert_seq);
	(void)sqlite3_bind_int64(stmt, 2, revocation->at);
	(void)sqlite3_bind_int(stmt, 3, revocation->reason);
	sq_bind_text(stmt, 4, revocation->actor);
	sq_bind_text(stmt, 5, revocation->from);
	sq_bind_fixed(stmt, 6, revocation->request_id, 16);
	return sq_run(sq, stmt);
}

#define REVOCATION_TEXT 160 /* the heading, a serial number, a reason, a time */

/* The approval of base/msg_query.h. */
static enum mc_err
check_revocation(struct sq *sq, const struct msg_revoke *revoke, int64_t now_at,
    struct sq_approved *out)
{
	char serial[2 * LIMIT_SERIAL + 1];
	struct base_buf text;
	enum mc_err ret;

	base_enc_hex(revoke->serial.ptr, revoke->serial.len, serial);
	base_buf_init(&text, REVOCATION_TEXT);
	base_buf_appendf(&text, "meshca-certificate-revoke-v1\n%s\n%s\n%lld\n", serial,
	    msg_reason_name(revoke->reason), (long long)revoke->approval_expires_at);
	const struct sq_approval approval = { base_buf_span(&text), revoke->approver_sha256,
		revoke->approver_spki, revoke->approval_expires_at, revoke->approval_sig };
	ret = sq_approval_verify(sq, &approval, now_at, out);
	base_buf_clear(&text);
	return ret == MC_OK ? sq_approval_use(sq, out->id, revoke->request_id, now_at) : ret;
}

/* Whose act it is: with an approval the administrator's who signed it, else whom the front named. That is not
 * enough for a CA's, which takes every certificate below it down. */
static enum mc_err
find_revoker(struct sq *sq, const struct msg_revoke *revoke, int profile, int64_t now_at,
    struct sq_approved *out)
{
	if (revoke->approval_sig.len != 0) {
		return check_revocation(sq, revoke, now_at, out);
	}
	if (profile >= MSG_PROFILE_ROOT) {
		return MC_FAIL(MC_EAPPROVAL,
		    "a CA's certificate is revoked only with an administrator's approval, and there is none");
	}
	out->actor[0] = '\0';
	return MC_OK;
}

static enum mc_err
revoke_found(struct sq *sq, const struct msg_revoke *revoke, sqlite3_stmt *found,
    int64_t now_at, const struct sq_approved *approved)
{
	bool is_signed = approved->actor[0] != '\0';
	struct base_span actor = is_signed ? base_span_str(approved->actor) : revoke->actor;
	struct sq_revocation revocation = { sq_col_u64(found, 0), now_at, revoke->reason, actor,
		revoke->from, revoke->request_id };
	struct store_event event = {
		.actor = actor,
		.action = base_span_str("certificate-revoked"),
		.target = sq_col_span(found, 2),
		.from = revoke->from,
	};
	char note[96];
	enum mc_err ret = sq_revocation_put(sq, &revocation);

	if (ret == MC_OK) {
		base_copy(event.request_id, revoke->request_id, sizeof(event.request_id));
		(void)snprintf(note, sizeof(note), "%s; seq %llu, reason %s",
		    is_signed ? "signed by the actor" : "actor as the front said",
		    (unsigned long long)revocation.cert_seq, msg_reason_name(revoke->reason));
		event.note = base_span_str(note);
		ret = sq_event_put(&sq->store, &event, now_at);
	}
	return ret;
}

enum mc_err
sq_revoke(struct store *store, const struct msg_revoke *revoke, int64_t now_at)
{
	struct sq *sq = sq_of(store);
	struct sq_approved approved = { 0 };
	sqlite3_stmt *stmt;
	enum mc_err ret = MC_ESTORE;
	bool row = false;

	if (msg_reason_name(revoke->reason) == NULL) {
		return MC_FAIL(MC_EPOLICY, "reason %u is not one we take", revoke->reason);
	}
	stmt = sq_stmt(sq, SQ_REVOKE_FIND);
	if (stmt == NULL) {
		return ret;
	}
	sq_bind_span(stmt, 1, revoke->serial);
	ret = sq_step(sq, stmt, &row);
	if (ret == MC_OK && !row) {
		ret = MC_FAIL(MC_ENOTFOUND, "no certificate with this serial");
	} else if (ret == MC_OK && sqlite3_column_type(stmt, 1) != SQLITE_NULL) {
		ret = MC_FAIL(MC_ECONFLICT, "it was revoked before");
	} else if (ret == MC_OK && sqlite3_column_int(stmt, 8) != 0) {
		/* Only there the last administrator is kept. */
		ret = MC_FAIL(MC_ECONFLICT,
		    "a person's certificate is revoked by removing the person");
	}
	if (ret == MC_OK) {
		ret = find_revoker(sq, revoke, sqlite3_column_int(stmt, 6), now_at, &approved);
	}
	if (ret == MC_OK) {
		ret = revoke_found(sq, revoke, stmt, now_at, &approved);
	}
	(void)sqlite3_reset(stmt);
	return ret;
}

/* --- configurations --- */

static struct base_span
first_line(struct base_span text)
{
	const uint8_t *end = text.len == 0 ? NULL : memchr(text.ptr, '\n', text.len);

	return base_span_of(text.ptr, end == NULL ? text.len : (size_t)(end - text.ptr) + 1);
}

static struct base_span
last_line(struct base_span text)
{
	size_t at = text.len == 0 ? 0 : text.len - 1;

	while (at > 0 && text.ptr[at - 1] != '\n') {
		at--;
	}
	return base_span_of(text.len == 0 ? NULL : text.ptr + at, text.len - at);
}

static void
mark_lines(struct base_buf *out, char mark, struct base_span text)
{
	while (text.len != 0) {
		struct base_span line = first_line(text);

		base_buf_append_u8(out, (uint8_t)mark);
		base_buf_append_span(out, line);
		if (line.ptr[line.len - 1] != '\n') {
			base_buf_append_u8(out, '\n');
		}
		text = base_span_of(text.ptr + line.len, text.len - line.len);
	}
}

/* The lines between what both texts begin and end with: old ones with "-", new ones with "+". */
static void
line_diff(struct base_span old, struct base_span new, struct base_buf *out)
{
	while (old.len != 0 && base_span_equal(first_line(old), first_line(new))) {
		size_t len = first_line(old).len;

		old = base_span_of(old.ptr + len, old.len - len);
		new = base_span_of(new.ptr + len, new.len - len);
	}
	while (old.len != 0 && base_span_equal(last_line(old), last_line(new))) {
		size_t len = last_line(old).len;

		old.len -= len;
		new.len -= len;
	}
	mark_lines(out, '-', old);
	mark_lines(out, '+', new);
}

static enum mc_err
config_insert(struct sq *sq, const struct msg_config_put *put, int64_t now_at,
    struct base_span diff)
{
	struct store_event event = {
		.actor = put->actor,
		.action = base_span_str("configuration-applied"),
		.from = put->from,
	};
	sqlite3_stmt *stmt = sq_stmt(sq, SQ_CONFIG_PUT);
	char note[64];
	enum mc_err ret = MC_ESTORE;

	if (stmt == NULL) {
		return ret;
	}
	(void)sqlite3_bind_int64(stmt, 1, now_at);
	sq_bind_fixed(stmt, 2, put->hash, 32);
	sq_bind_text(stmt, 3, put->actor);
	sq_bind_text(stmt, 4, put->text);
	sq_bind_text(stmt, 5, diff);
	ret = sq_run(sq, stmt);
	if (ret == MC_OK) {
		base_copy(event.request_id, put->request_id, sizeof(event.request_id));
		(void)snprintf(note, sizeof(note), "version %lld",
		    (long long)sqlite3_last_insert_rowid(sq->db));
		event.note = base_span_str(note);
		ret = sq_event_put(&sq->store, &event, now_at);
	}
	return ret;
}

enum mc_err
sq_config_put(struct store *store, const struct msg_config_put *put, int64_t now_at,
    struct base_buf *diff)
{
	struct sq *sq = sq_of(store);
	sqlite3_stmt *stmt = sq_stmt(sq, SQ_CONFIG_NEWEST);
	enum mc_err ret = MC_ESTORE;
	bool same = false;
	bool row = false;

	if (stmt == NULL) {
		return ret;
	}
	ret = sq_step(sq, stmt, &row);
	if (ret == MC_OK && row) {
		same = base_span_equal(sq_col_span(stmt, 0), base_span_of(put->hash, 32));
		line_diff(sq_col_span(stmt, 1), put->text, diff);
	}
	if (ret == MC_OK && !same) {
		if (base_buf_failed(diff)) {
			base_buf_reset(diff);
			base_buf_append_str(diff, "(the difference is above its limit)\n");
		}
		ret = config_insert(sq, put, now_at, base_buf_span(diff));
	}
	(void)sqlite3_reset(stmt);
	return ret;
}
