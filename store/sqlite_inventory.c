/* SPDX-License-Identifier: Apache-2.0 */
/* Applied copies of inventories, and the registrations of the newest. */
#include <stdio.h>

#include "base/applied.h"
#include "base/crypto.h"
#include "base/enc.h"
#include "base/mem.h"
#include "store/sqlite_int.h"

#define APPROVAL_TEXT 320 /* the heading, an environment, two hashes, a time */

/* One apply on its way. */
struct apply {
	struct sq *sq;
	const struct msg_inventory_put *put;
	struct base_span document;
	struct base_applied head;
	uint8_t sha256[32];
	int64_t environment;
	int64_t now_at;
	struct sq_approved approved;
	uint64_t seq;     /* of the new copy */
	uint32_t added;   /* registrations */
	uint32_t removed;
	uint32_t altered;
};

/* --- checks: none changes anything --- */

static enum mc_err
check_approval(struct apply *apply)
{
	const struct msg_inventory_put *put = apply->put;
	struct base_applied_change change = { .environment = put->environment };
	struct base_buf text;
	enum mc_err ret;

	base_buf_init(&text, APPROVAL_TEXT);
	base_copy(change.sha256, apply->sha256, sizeof(change.sha256));
	base_copy(change.replaces, put->replaces, sizeof(change.replaces));
	base_applied_approval(&text, &change);
	base_buf_appendf(&text, "%lld\n", (long long)put->approval_expires_at);
	const struct sq_approval approval = { base_buf_span(&text), put->approver_sha256,
		put->approver_spki, put->approval_expires_at, put->approval_sig };
	ret = base_buf_failed(&text) ? MC_FAIL(MC_EUSAGE, "no environment has so long a name") :
	                               sq_approval_verify(apply->sq, &approval, apply->now_at,
	                                   &apply->approved);
	base_buf_clear(&text);
	return ret;
}

/* The environment's own trust domain, as its bundle has it. */
static enum mc_err
check_environment(struct apply *apply)
{
	const struct base_applied *head = &apply->head;
	sqlite3_stmt *stmt;
	enum mc_err ret = sq_name_find(apply->sq, apply->put->environment, &apply->environment);
	bool row = false;

	if (ret == MC_OK) {
		stmt = sq_stmt(apply->sq, SQ_BUNDLE_GET);
		if (stmt == NULL) {
			return MC_ESTORE;
		}
		(void)sqlite3_bind_int64(stmt, 1, apply->environment);
		ret = sq_step(apply->sq, stmt, &row);
		if (ret == MC_OK && !row) {
			ret = MC_FAIL(MC_ENOTFOUND, "there is no such environment");
		} else if (ret == MC_OK && !base_span_equal(sq_col_span(stmt, 1), head->trust_domain)) {
			ret = MC_FAIL(MC_EPOLICY,
			    "the inventory is for trust domain %.*s, the environment has %.*s",
			    (int)head->trust_domain.len, (const char *)head->trust_domain.ptr,
			    (int)sq_col_span(stmt, 1).len,
			    (const char *)sq_col_span(stmt, 1).ptr);
		}
		(void)sqlite3_reset(stmt);
	}
	if (ret == MC_OK && !base_span_equal(head->environment, apply->put->environment)) {
		ret = MC_FAIL(MC_EPOLICY, "the inventory is for environment %.*s",
		    (int)head->environment.len, (const char *)head->environment.ptr);
	}
	return ret;
}

/* Spends the approval. One that was spent before serves nobody but who repeats a request whose answer was lost:
 * the document is applied then. */
static enum mc_err
spend(struct apply *apply, bool applied)
{
	bool again = false;
	enum mc_err ret = sq_approval_check(apply->sq, apply->approved.id, apply->put->request_id,
	    &again);

	if (applied && (ret == MC_EAPPROVAL || again)) {
		return MC_OK;
	}
	if (ret == MC_OK && again) {
		ret = MC_FAIL(MC_EAPPROVAL, "this approval was used before");
	}
	return ret == MC_OK ? sq_approval_spend(apply->sq, apply->approved.id,
	                          apply->put->request_id, apply->now_at) :
	                      ret;
}

/* Whether it is applied already; else it must replace what is. */
static enum mc_err
check_place(struct apply *apply, bool *applied)
{
	static const uint8_t NONE[32] = { 0 };
	const struct base_span none = base_span_of(NONE, sizeof(NONE));
	sqlite3_stmt *stmt = sq_stmt(apply->sq, SQ_INVENTORY_GET);
	enum mc_err ret;
	bool row = false;

	if (stmt == NULL) {
		return MC_ESTORE;
	}
	(void)sqlite3_bind_int64(stmt, 1, apply->environment);
	(void)sqlite3_bind_int64(stmt, 2, 0);
	ret = sq_step(apply->sq, stmt, &row);
	if (ret == MC_OK) {
		struct base_span newest = row ? sq_col_span(stmt, 3) : none;

		*applied = row && base_span_equal(newest, base_span_of(apply->sha256, 32));
		if (!*applied && !base_span_equal(newest, base_span_of(apply->put->replaces, 32))) {
			ret = MC_FAIL(MC_ECONFLICT,
			    "another copy is applied than the one that this replaces; look at it, then "
			    "apply anew");
		}
	}
	(void)sqlite3_reset(stmt);
	return ret;
}

/* --- changes --- */

static enum mc_err
put_copy(struct apply *apply)
{
	sqlite3_stmt *stmt = sq_stmt(apply->sq, SQ_INVENTORY_PUT);
	enum mc_err ret;

	if (stmt == NULL) {
		return MC_ESTORE;
	}
	(void)sqlite3_bind_int64(stmt, 1, apply->environment);
	(void)sqlite3_bind_int(stmt, 2, apply->head.registered_only);
	(void)sqlite3_bind_int64(stmt, 3, apply->head.count);
	sq_bind_fixed(stmt, 4, apply->sha256, 32);
	(void)sqlite3_bind_int64(stmt, 5, apply->now_at);
	sq_bind_text(stmt, 6, base_span_str(apply->approved.actor));
	sq_bind_text(stmt, 7, apply->put->from);
	sq_bind_fixed(stmt, 8, apply->put->request_id, 16);
	sq_bind_span(stmt, 9, apply->document);
	ret = sq_run(apply->sq, stmt);
	apply->seq = (uint64_t)sqlite3_last_insert_rowid(apply->sq->db);
	if (ret == MC_OK) {
		stmt = sq_stmt(apply->sq, SQ_INVENTORY_OLD);
		if (stmt == NULL) {
			return MC_ESTORE;
		}
		(void)sqlite3_bind_int64(stmt, 1, apply->environment);
		(void)sqlite3_bind_int(stmt, 2, LIMIT_APPLIED_KEPT);
		ret = sq_run(apply->sq, stmt);
	}
	return ret;
}

static enum mc_err
identity_of(struct apply *apply, const struct base_applied_row *row, int64_t *id)
{
	struct base_buf text;
	enum mc_err ret;

	base_buf_init(&text, LIMIT_SPIFFE_ID);
	base_buf_appendf(&text, "spiffe://%.*s/ns/%.*s/sa/%.*s", (int)apply->head.trust_domain.len,
	    (const char *)apply->head.trust_domain.ptr, (int)row->namespace.len,
	    (const char *)row->namespace.ptr, (int)row->account.len,
	    (const char *)row->account.ptr);
	ret = sq_name_id(apply->sq, base_buf_span(&text), id);
	base_buf_clear(&text);
	return ret;
}

/* Whether it was there before, and says the same. */
static enum mc_err
compare(struct apply *apply, const struct base_applied_row *row, int64_t identity)
{
	sqlite3_stmt *stmt = sq_stmt(apply->sq, SQ_REGISTRATION_GET);
	enum mc_err ret;
	bool found = false;

	if (stmt == NULL) {
		return MC_ESTORE;
	}
	(void)sqlite3_bind_int64(stmt, 1, apply->environment);
	(void)sqlite3_bind_int64(stmt, 2, identity);
	ret = sq_step(apply->sq, stmt, &found);
	if (ret == MC_OK && !found) {
		apply->added++;
	} else if (ret == MC_OK && (sqlite3_column_int(stmt, 0) != (int)row->state ||
	                               sqlite3_column_int64(stmt, 1) != row->max_ttl_s ||
	                               sqlite3_column_int64(stmt, 2) != row->key_types ||
	                               !base_span_equal(sq_col_span(stmt, 3), row->dns_names) ||
	                               !base_span_equal(sq_col_span(stmt, 4), row->owner))) {
		apply->altered++;
	}
	(void)sqlite3_reset(stmt);
	return ret;
}

static enum mc_err
put_names(struct apply *apply, const struct base_applied_row *row, int64_t identity)
{
	struct base_span names = row->dns_names;
	struct base_span name;
	enum mc_err ret = MC_OK;

	while (ret == MC_OK && base_applied_name(&names, &name)) {
		sqlite3_stmt *stmt = sq_stmt(apply->sq, SQ_REGISTERED_NAME_PUT);

		if (stmt == NULL) {
			return MC_ESTORE;
		}
		(void)sqlite3_bind_int64(stmt, 1, apply->environment);
		sq_bind_text(stmt, 2, name);
		(void)sqlite3_bind_int64(stmt, 3, identity);
		ret = sq_run(apply->sq, stmt);
	}
	return ret;
}

static enum mc_err
put_row(struct apply *apply, const struct base_applied_row *row, uint32_t place)
{
	sqlite3_stmt *stmt;
	int64_t identity = 0;
	enum mc_err ret = identity_of(apply, row, &identity);

	if (ret == MC_OK) {
		ret = compare(apply, row, identity);
	}
	if (ret != MC_OK) {
		return ret;
	}
	stmt = sq_stmt(apply->sq, SQ_REGISTRATION_PUT);
	if (stmt == NULL) {
		return MC_ESTORE;
	}
	(void)sqlite3_bind_int64(stmt, 1, apply->environment);
	(void)sqlite3_bind_int64(stmt, 2, identity);
	(void)sqlite3_bind_int64(stmt, 3, place);
	sq_bind_u64(stmt, 4, apply->seq);
	sq_bind_text(stmt, 5, row->namespace);
	sq_bind_text(stmt, 6, row->account);
	sq_bind_text(stmt, 7, row->owner);
	(void)sqlite3_bind_int(stmt, 8, (int)row->state);
	(void)sqlite3_bind_int64(stmt, 9, row->max_ttl_s);
	(void)sqlite3_bind_int64(stmt, 10, row->key_types);
	sq_bind_text(stmt, 11, row->dns_names);
	(void)sqlite3_bind_int64(stmt, 12, apply->now_at);
	ret = sq_run(apply->sq, stmt);
	return ret == MC_OK ? put_names(apply, row, identity) : ret;
}

static enum mc_err
clear(struct apply *apply, enum sq_stmt which)
{
	sqlite3_stmt *stmt = sq_stmt(apply->sq, which);

	if (stmt == NULL) {
		return MC_ESTORE;
	}
	(void)sqlite3_bind_int64(stmt, 1, apply->environment);
	return sq_run(apply->sq, stmt);
}

static enum mc_err
put_rows(struct apply *apply)
{
	struct base_span rows = apply->head.rows;
	struct base_applied_row row;
	uint32_t place = 0;
	enum mc_err ret = clear(apply, SQ_REGISTERED_NAMES_CLEAR);

	while (ret == MC_OK && base_applied_next(&rows, &row)) {
		ret = put_row(apply, &row, ++place);
	}
	if (ret == MC_OK) {
		ret = clear(apply, SQ_REGISTRATIONS_OLD);
		apply->removed = (uint32_t)sqlite3_changes(apply->sq->db);
	}
	return ret;
}

static enum mc_err
put_event(struct apply *apply)
{
	struct store_event event = {
		.actor = base_span_str(apply->approved.actor),
		.action = base_span_str("inventory-applied"),
		.target = apply->put->environment,
		.from = apply->put->from,
	};
	char note[256];
	char hex[65];

	base_enc_hex(apply->sha256, 32, hex);
	(void)snprintf(note, sizeof(note),
	    "copy %llu, %s, %u registrations: %u added, %u removed, %u changed; sha256 %s",
	    (unsigned long long)apply->seq, apply->head.registered_only ? "registered-only" : "open",
	    apply->head.count, apply->added, apply->removed, apply->altered, hex);
	event.note = base_span_str(note);
	base_copy(event.request_id, apply->put->request_id, sizeof(event.request_id));
	return sq_event_put(&apply->sq->store, &event, apply->now_at);
}

static enum mc_err
change(struct apply *apply)
{
	enum mc_err ret = put_copy(apply);

	sq_gates_clear(apply->sq);
	if (ret == MC_OK) {
		ret = put_rows(apply);
	}
	return ret == MC_OK ? put_event(apply) : ret;
}

struct answer {
	const struct apply *apply;
	store_inventory_fn fn;
	void *arg;
};

static enum mc_err
answer(void *arg, const struct msg_inventory_row *found)
{
	const struct answer *answer = arg;
	struct msg_inventory_row row = *found;

	row.changed = answer->apply->seq != 0;
	row.added = answer->apply->added;
	row.removed = answer->apply->removed;
	row.altered = answer->apply->altered;
	return answer->fn(answer->arg, &row);
}

enum mc_err
sq_inventory_put(struct store *store, const struct msg_inventory_put *put,
    struct base_span document, int64_t now_at, store_inventory_fn fn, void *arg)
{
	struct apply apply = { .sq = sq_of(store), .put = put, .document = document,
		.now_at = now_at };
	const struct msg_inventory_get newest = { .environment = put->environment };
	struct answer to = { &apply, fn, arg };
	bool applied = false;
	enum mc_err ret = base_applied_parse(document, &apply.head);

	base_crypto_sha256(document, apply.sha256);
	if (ret == MC_OK) {
		ret = check_approval(&apply);
	}
	if (ret == MC_OK) {
		ret = check_environment(&apply);
	}
	if (ret == MC_OK) {
		ret = check_place(&apply, &applied);
	}
	if (ret == MC_OK) {
		ret = spend(&apply, applied);
	}
	if (ret == MC_OK && !applied) {
		ret = change(&apply);
	}
	return ret == MC_OK ? sq_inventory_get(store, &newest, answer, &to) : ret;
}

/* --- reads --- */

static enum mc_err
copy_row(sqlite3_stmt *stmt, const struct msg_inventory_get *query, struct msg_inventory_row *out)
{
	*out = (struct msg_inventory_row){ 0 };
	out->seq = sq_col_u64(stmt, 0);
	out->registered_only = sqlite3_column_int(stmt, 1) != 0;
	out->count = (uint32_t)sqlite3_column_int64(stmt, 2);
	out->applied_at = sqlite3_column_int64(stmt, 4);
	out->applied_by = sq_col_span(stmt, 5);
	out->total = sq_col_u64(stmt, 6);
	out->offset = query->offset;
	return sq_col_fixed(stmt, 3, out->sha256, 32) ?
	    MC_OK :
	    MC_FAIL(MC_ESTORE, "hash of an applied copy of a wrong size");
}

static enum mc_err
with_document(struct sq *sq, const struct msg_inventory_get *query, struct msg_inventory_row *row,
    store_inventory_fn fn, void *arg)
{
	sqlite3_stmt *stmt = sq_stmt(sq, SQ_INVENTORY_BYTES);
	enum mc_err ret;
	bool found = false;

	if (stmt == NULL) {
		return MC_ESTORE;
	}
	sq_bind_u64(stmt, 1, row->seq);
	sq_bind_u64(stmt, 2, query->offset + 1); /* substr() counts from 1 */
	(void)sqlite3_bind_int(stmt, 3, LIMIT_BULK_CHUNK);
	ret = sq_step(sq, stmt, &found);
	if (ret == MC_OK) {
		row->bytes = found ? sq_col_span(stmt, 0) : base_span_of(NULL, 0);
		ret = fn(arg, row);
	}
	(void)sqlite3_reset(stmt);
	return ret;
}

enum mc_err
sq_inventory_get(struct store *store, const struct msg_inventory_get *query, store_inventory_fn fn,
    void *arg)
{
	struct sq *sq = sq_of(store);
	struct msg_inventory_row row;
	sqlite3_stmt *stmt;
	int64_t environment = 0;
	enum mc_err ret = sq_name_find(sq, query->environment, &environment);
	bool found = false;

	if (ret != MC_OK) {
		return ret;
	}
	stmt = sq_stmt(sq, SQ_INVENTORY_GET);
	if (stmt == NULL) {
		return MC_ESTORE;
	}
	(void)sqlite3_bind_int64(stmt, 1, environment);
	sq_bind_u64(stmt, 2, query->seq);
	ret = sq_step(sq, stmt, &found);
	if (ret == MC_OK && !found) {
		ret = query->seq == 0 ?
		    MC_FAIL(MC_ENOTFOUND, "no inventory was applied to this environment") :
		    MC_FAIL(MC_ENOTFOUND, "this copy is no longer kept");
	}
	if (ret == MC_OK) {
		ret = copy_row(stmt, query, &row);
	}
	if (ret == MC_OK && query->with_document != 0 && query->offset >= row.total) {
		ret = MC_FAIL(MC_EUSAGE, "the document ends before this offset");
	}
	if (ret == MC_OK) {
		ret = query->with_document != 0 ? with_document(sq, query, &row, fn, arg)
						: fn(arg, &row);
	}
	(void)sqlite3_reset(stmt);
	return ret;
}

static void
registration_row(sqlite3_stmt *stmt, struct msg_registration_row *out)
{
	*out = (struct msg_registration_row){ 0 };
	out->identity = sq_col_span(stmt, 1);
	out->ns = sq_col_span(stmt, 2);
	out->sa = sq_col_span(stmt, 3);
	out->owner = sq_col_span(stmt, 4);
	out->state = (uint8_t)sqlite3_column_int(stmt, 5);
	out->max_ttl_s = sqlite3_column_int64(stmt, 6);
	out->key_types = (uint32_t)sqlite3_column_int64(stmt, 7);
	out->dns_names = sq_col_span(stmt, 8);
	out->registered_at = sqlite3_column_int64(stmt, 9);
	out->last_issued_at = sqlite3_column_int64(stmt, 10);
	out->last_not_after_at = sqlite3_column_int64(stmt, 11);
}

enum mc_err
sq_registration_list(struct store *store, const struct msg_registration_list *query,
    store_registration_fn fn, void *arg, uint64_t *next)
{
	struct sq *sq = sq_of(store);
	struct msg_registration_row out;
	sqlite3_stmt *stmt;
	uint64_t place = 0;
	uint32_t found = 0;
	int64_t environment = 0;
	bool row = false;
	enum mc_err ret = sq_name_find(sq, query->environment, &environment);

	*next = 0;
	if (ret != MC_OK) {
		return ret;
	}
	stmt = sq_stmt(sq, SQ_REGISTRATION_LIST);
	if (stmt == NULL) {
		return MC_ESTORE;
	}
	(void)sqlite3_bind_int64(stmt, 1, environment);
	(void)sqlite3_bind_int64(stmt, 2,
	    query->after > INT64_MAX ? INT64_MAX : (int64_t)query->after);
	(void)sqlite3_bind_int64(stmt, 3, (int64_t)query->limit + 1);
	ret = sq_step(sq, stmt, &row);
	while (ret == MC_OK && row && found < query->limit) {
		place = sq_col_u64(stmt, 0);
		registration_row(stmt, &out);
		ret = fn(arg, &out);
		found++;
		if (ret == MC_OK) {
			ret = sq_step(sq, stmt, &row);
		}
	}
	if (ret == MC_OK && row) {
		*next = place;
	}
	(void)sqlite3_reset(stmt);
	return ret;
}
