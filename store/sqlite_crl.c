/* SPDX-License-Identifier: Apache-2.0 */
/* CRLs: numbers that are never given twice, chunks, the two newest of each issuer. */
#include <stdio.h>

#include "base/enc.h"
#include "base/mem.h"
#include "store/sqlite_int.h"

#define ENTRY_MAX   (2 + (2 + LIMIT_SERIAL) + 17 + 14) /* DER: a header, the serial, a time, a reason */
#define CRL_ENTRIES (LIMIT_CRL / (ENTRY_MAX + 1))      /* fit into any CRL, with all that is around them */

static enum mc_err
find_scoped(struct sq *sq, const uint8_t issuer_id[32], const struct store_scope *scope,
    struct sq_issuer *out)
{
	int64_t environment = 0;
	enum mc_err ret = sq_issuer_find(sq, issuer_id, out);

	if (ret == MC_OK && scope->environment.len != 0) {
		ret = sq_name_find(sq, scope->environment, &environment);
		if (environment == 0 || out->environment != environment) {
			out->seq = 0;
		}
	}
	if (ret == MC_OK && (out->seq == 0 || out->profile == MSG_PROFILE_LINEAGE ||
	                        (scope->leaf_only && out->profile != MSG_PROFILE_ISSUING))) {
		ret = MC_FAIL(MC_ENOTFOUND, "no issuer with this id that you keep CRLs of");
	}
	return ret;
}

/* One number for an issuer from a statement with one parameter; 0 without a row. */
static enum mc_err
number_of(struct sq *sq, enum sq_stmt which, int64_t issuer, uint64_t *out)
{
	sqlite3_stmt *stmt = sq_stmt(sq, which);
	enum mc_err ret = MC_ESTORE;
	bool row = false;

	if (stmt == NULL) {
		return ret;
	}
	(void)sqlite3_bind_int64(stmt, 1, issuer);
	ret = sq_step(sq, stmt, &row);
	*out = row ? sq_col_u64(stmt, 0) : 0;
	(void)sqlite3_reset(stmt);
	return ret;
}

/* Runs a change with issuer, and up to two numbers, as parameters. */
static enum mc_err
change(struct sq *sq, enum sq_stmt which, int64_t issuer, uint64_t a, uint64_t b)
{
	sqlite3_stmt *stmt = sq_stmt(sq, which);

	if (stmt == NULL) {
		return MC_ESTORE;
	}
	(void)sqlite3_bind_int64(stmt, 1, issuer);
	if (sqlite3_bind_parameter_count(stmt) > 1) {
		sq_bind_u64(stmt, 2, a);
	}
	if (sqlite3_bind_parameter_count(stmt) > 2) {
		sq_bind_u64(stmt, 3, b);
	}
	return sq_run(sq, stmt);
}

enum mc_err
sq_crl_begin(struct store *store, const uint8_t issuer_id[32],
    const struct store_scope *scope, struct msg_crl_begin_ans *out)
{
	struct sq *sq = sq_of(store);
	struct sq_issuer issuer;
	enum mc_err ret = find_scoped(sq, issuer_id, scope, &issuer);

	if (ret == MC_OK) {
		ret = change(sq, SQ_CRL_NUMBER_NEXT, issuer.seq, 0, 0);
	}
	if (ret == MC_OK) {
		ret = number_of(sq, SQ_CRL_NUMBER_GET, issuer.seq, &out->number);
	}
	if (ret == MC_OK) {
		ret = number_of(sq, SQ_REVOKED_NEWEST, issuer.seq, &out->revocation_seq);
	}
	return ret;
}

/* Starts a CRL over: its row with nothing received. */
static enum mc_err
chunk_first(struct sq *sq, const struct msg_crl_chunk *chunk, int64_t issuer)
{
	sqlite3_stmt *stmt;
	enum mc_err ret = change(sq, SQ_CRL_CLEAR_CHUNKS, issuer, chunk->number, 0);

	if (ret != MC_OK) {
		return ret;
	}
	stmt = sq_stmt(sq, SQ_CRL_PUT);
	if (stmt == NULL) {
		return MC_ESTORE;
	}
	(void)sqlite3_bind_int64(stmt, 1, issuer);
	sq_bind_u64(stmt, 2, chunk->number);
	sq_bind_u64(stmt, 3, chunk->revocation_seq);
	(void)sqlite3_bind_int64(stmt, 4, chunk->this_update_at);
	(void)sqlite3_bind_int64(stmt, 5, chunk->next_update_at);
	sq_bind_u64(stmt, 6, chunk->total);
	return sq_run(sq, stmt);
}

/* Later chunks must continue what the first one announced. */
static enum mc_err
chunk_follows(struct sq *sq, const struct msg_crl_chunk *chunk, int64_t issuer)
{
	sqlite3_stmt *stmt = sq_stmt(sq, SQ_CRL_PENDING);
	enum mc_err ret = MC_ESTORE;
	bool row = false;

	if (stmt == NULL) {
		return ret;
	}
	(void)sqlite3_bind_int64(stmt, 1, issuer);
	sq_bind_u64(stmt, 2, chunk->number);
	ret = sq_step(sq, stmt, &row);
	if (ret == MC_OK && (!row || sq_col_u64(stmt, 0) != chunk->revocation_seq ||
	                        sqlite3_column_int64(stmt, 1) != chunk->this_update_at ||
	                        sqlite3_column_int64(stmt, 2) != chunk->next_update_at ||
	                        sq_col_u64(stmt, 3) != chunk->total ||
	                        sq_col_u64(stmt, 4) != chunk->offset)) {
		ret = MC_FAIL(MC_EUSAGE, "CRL chunk at %llu does not continue number %llu",
		    (unsigned long long)chunk->offset, (unsigned long long)chunk->number);
	}
	(void)sqlite3_reset(stmt);
	return ret;
}

static enum mc_err
chunk_store(struct sq *sq, const struct msg_crl_chunk *chunk, int64_t issuer)
{
	sqlite3_stmt *stmt = sq_stmt(sq, SQ_CRL_CHUNK_PUT);
	enum mc_err ret = MC_ESTORE;

	if (stmt == NULL) {
		return ret;
	}
	(void)sqlite3_bind_int64(stmt, 1, issuer);
	sq_bind_u64(stmt, 2, chunk->number);
	sq_bind_u64(stmt, 3, chunk->offset);
	sq_bind_span(stmt, 4, chunk->bytes);
	ret = sq_run(sq, stmt);
	if (ret == MC_OK) {
		ret = change(sq, SQ_CRL_GROW, issuer, chunk->number, chunk->bytes.len);
	}
	return ret;
}

/* The CRL is whole: drop all but it and the one before, and say so. */
static enum mc_err
publish(struct sq *sq, const struct msg_crl_chunk *chunk, int64_t issuer, uint64_t previous,
    int64_t now_at)
{
	struct store_event event = {
		.actor = chunk->actor,
		.action = base_span_str("crl-published"),
		.from = chunk->from,
	};
	char target[65];
	char note[96];
	enum mc_err ret = change(sq, SQ_CRL_OLD_CHUNKS, issuer, chunk->number, previous);

	if (ret == MC_OK) {
		ret = change(sq, SQ_CRL_OLD, issuer, chunk->number, previous);
	}
	if (ret == MC_OK) {
		base_enc_hex(chunk->issuer_id, 32, target);
		(void)snprintf(note, sizeof(note), "number %llu, %llu bytes",
		    (unsigned long long)chunk->number, (unsigned long long)chunk->total);
		base_copy(event.request_id, chunk->request_id, sizeof(event.request_id));
		event.target = base_span_str(target);
		event.note = base_span_str(note);
		ret = sq_event_put(&sq->store, &event, now_at);
	}
	return ret;
}

enum mc_err
sq_crl_chunk(struct store *store, const struct msg_crl_chunk *chunk,
    const struct store_scope *scope, int64_t now_at, bool *complete)
{
	struct sq *sq = sq_of(store);
	struct sq_issuer issuer;
	uint64_t drawn = 0;
	uint64_t current = 0;
	enum mc_err ret = find_scoped(sq, chunk->issuer_id, scope, &issuer);

	*complete = false;
	if (ret == MC_OK) {
		ret = number_of(sq, SQ_CRL_NUMBER_GET, issuer.seq, &drawn);
	}
	if (ret == MC_OK) {
		ret = number_of(sq, SQ_CRL_CURRENT, issuer.seq, &current);
	}
	if (ret == MC_OK && (chunk->number > drawn || chunk->number <= current)) {
		ret = MC_FAIL(MC_ECONFLICT, "CRL number %llu: drawn up to %llu, current is %llu",
		    (unsigned long long)chunk->number, (unsigned long long)drawn,
		    (unsigned long long)current);
	}
	if (ret == MC_OK) {
		ret = chunk->offset == 0 ? chunk_first(sq, chunk, issuer.seq) :
		                           chunk_follows(sq, chunk, issuer.seq);
	}
	if (ret == MC_OK) {
		ret = chunk_store(sq, chunk, issuer.seq);
	}
	if (ret == MC_OK && chunk->offset + chunk->bytes.len == chunk->total) {
		ret = publish(sq, chunk, issuer.seq, current, now_at);
		*complete = ret == MC_OK;
	}
	return ret;
}

/* Up to LIMIT_BULK_CHUNK bytes from where the query points into the chunk that holds it. */
static enum mc_err
crl_bytes(struct sq *sq, int64_t issuer, struct msg_crl_ans *crl, store_crl_fn fn, void *arg)
{
	sqlite3_stmt *stmt = sq_stmt(sq, SQ_CRL_CHUNK_GET);
	enum mc_err ret = MC_ESTORE;
	uint64_t skip = 0;
	bool row = false;

	if (stmt == NULL) {
		return ret;
	}
	(void)sqlite3_bind_int64(stmt, 1, issuer);
	sq_bind_u64(stmt, 2, crl->number);
	sq_bind_u64(stmt, 3, crl->offset);
	ret = sq_step(sq, stmt, &row);
	if (ret == MC_OK && row) {
		crl->bytes = sq_col_span(stmt, 1);
		skip = crl->offset - sq_col_u64(stmt, 0);
		row = skip < crl->bytes.len;
	}
	if (ret == MC_OK && !row) {
		ret = MC_FAIL(MC_ESTORE, "CRL %llu lacks bytes at %llu",
		    (unsigned long long)crl->number, (unsigned long long)crl->offset);
	}
	if (ret == MC_OK) {
		crl->bytes = base_span_of(crl->bytes.ptr + skip, crl->bytes.len - skip);
		ret = fn(arg, crl);
	}
	(void)sqlite3_reset(stmt);
	return ret;
}

enum mc_err
sq_crl_get(struct store *store, const struct msg_crl_get *query, store_crl_fn fn, void *arg)
{
	struct sq *sq = sq_of(store);
	struct msg_crl_ans crl = { .offset = query->offset };
	struct sq_issuer issuer;
	sqlite3_stmt *stmt;
	enum mc_err ret = sq_issuer_find(sq, query->issuer_id, &issuer);
	bool row = false;

	if (ret != MC_OK) {
		return ret;
	}
	stmt = sq_stmt(sq, SQ_CRL_GET);
	if (stmt == NULL) {
		return MC_ESTORE;
	}
	(void)sqlite3_bind_int64(stmt, 1, issuer.seq);
	sq_bind_u64(stmt, 2, query->number);
	ret = sq_step(sq, stmt, &row);
	if (ret == MC_OK && row) {
		crl.number = sq_col_u64(stmt, 0);
		crl.this_update_at = sqlite3_column_int64(stmt, 1);
		crl.next_update_at = sqlite3_column_int64(stmt, 2);
		crl.total = sq_col_u64(stmt, 3);
	}
	(void)sqlite3_reset(stmt);
	if (ret == MC_OK && !row) {
		ret = MC_FAIL(MC_ENOTFOUND, "no such CRL is kept");
	} else if (ret == MC_OK && crl.offset >= crl.total) {
		ret = MC_FAIL(MC_EUSAGE, "offset %llu is past the CRL's %llu bytes",
		    (unsigned long long)crl.offset, (unsigned long long)crl.total);
	}
	return ret == MC_OK ? crl_bytes(sq, issuer.seq, &crl, fn, arg) : ret;
}

static enum mc_err
status_row(sqlite3_stmt *stmt, struct msg_crl_status_row *out)
{
	*out = (struct msg_crl_status_row){ 0 };
	out->profile = (uint8_t)sqlite3_column_int(stmt, 2);
	out->environment = sq_col_span(stmt, 3);
	out->issuer_not_after_at = sqlite3_column_int64(stmt, 4);
	out->number = sq_col_u64(stmt, 5);
	out->this_update_at = sqlite3_column_int64(stmt, 6);
	out->next_update_at = sqlite3_column_int64(stmt, 7);
	out->revocation_seq = sq_col_u64(stmt, 8);
	out->newest_revocation_seq = sq_col_u64(stmt, 9);
	if (!sq_col_fixed(stmt, 1, out->issuer_id, 32)) {
		return MC_FAIL(MC_ESTORE, "issuer id of a wrong size");
	}
	return MC_OK;
}

enum mc_err
sq_crl_status(struct store *store, const struct store_view *view, store_crl_status_fn fn,
    void *arg)
{
	struct sq *sq = sq_of(store);
	sqlite3_stmt *stmt = sq_stmt(sq, SQ_CRL_STATUS);
	struct msg_crl_status_row status;
	enum mc_err ret = MC_ESTORE;
	bool row = false;

	if (stmt == NULL) {
		return ret;
	}
	(void)sqlite3_bind_int64(stmt, 1, view->now_at);
	(void)sqlite3_bind_int(stmt, 2, MSG_PROFILE_LINEAGE);
	ret = sq_step(sq, stmt, &row);
	while (ret == MC_OK && row) {
		ret = status_row(stmt, &status);
		if (ret == MC_OK) {
			ret = fn(arg, &status);
		}
		if (ret == MC_OK) {
			ret = sq_step(sq, stmt, &row);
		}
	}
	(void)sqlite3_reset(stmt);
	return ret;
}

/* Which of an issuer's revocations a CRL lists. */
struct range {
	int64_t issuer;
	uint64_t up_to_seq;
	int64_t from_at; /* the first notAfter */
};

static sqlite3_stmt *
range_stmt(struct sq *sq, enum sq_stmt which, const struct range *range)
{
	sqlite3_stmt *stmt = sq_stmt(sq, which);

	if (stmt != NULL) {
		(void)sqlite3_bind_int64(stmt, 1, range->issuer);
		sq_bind_u64(stmt, 2, range->up_to_seq);
		(void)sqlite3_bind_int64(stmt, 3, range->from_at);
	}
	return stmt;
}

/* Sets from_at. What has expired waits for the next CRL, and must not make that one too big: it would wait, and be
 * too big, for ever. */
static enum mc_err
range_from(struct sq *sq, int64_t now_at, struct range *range)
{
	sqlite3_stmt *stmt;
	uint64_t current_at = 0; /* of the newest CRL; a clock that was ahead takes nothing off before its time */
	enum mc_err ret = number_of(sq, SQ_CRL_CURRENT_AT, range->issuer, &current_at);
	bool row = false;

	range->from_at = (int64_t)current_at <= now_at ? (int64_t)current_at : now_at + 1;
	if (ret != MC_OK || range->up_to_seq <= CRL_ENTRIES) { /* all issuers' revocations count in one row */
		return ret;
	}
	stmt = range_stmt(sq, SQ_REVOKED_COUNT, range);
	if (stmt == NULL) {
		return MC_ESTORE;
	}
	ret = sq_step(sq, stmt, &row);
	if (row && sq_col_u64(stmt, 0) > CRL_ENTRIES) {
		range->from_at = now_at + 1;
	}
	(void)sqlite3_reset(stmt);
	return ret;
}

enum mc_err
sq_revoked_list(struct store *store, const struct store_view *view,
    const struct msg_revoked_list *query, store_revoked_fn fn, void *arg)
{
	struct sq *sq = sq_of(store);
	struct range range = { .up_to_seq = query->up_to_seq };
	struct sq_issuer issuer;
	sqlite3_stmt *stmt;
	enum mc_err ret = sq_issuer_find(sq, query->issuer_id, &issuer);
	bool row = false;

	if (ret == MC_OK && issuer.seq == 0) {
		ret = MC_FAIL(MC_ENOTFOUND, "no such issuer");
	}
	if (ret == MC_OK) {
		range.issuer = issuer.seq;
		ret = range_from(sq, view->now_at, &range);
	}
	if (ret != MC_OK) {
		return ret;
	}
	stmt = range_stmt(sq, SQ_REVOKED_LIST, &range);
	if (stmt == NULL) {
		return MC_ESTORE;
	}
	ret = sq_step(sq, stmt, &row);
	while (ret == MC_OK && row) {
		ret = fn(arg, sq_col_span(stmt, 0), sqlite3_column_int64(stmt, 1),
		    (uint8_t)sqlite3_column_int(stmt, 2));
		if (ret == MC_OK) {
			ret = sq_step(sq, stmt, &row);
		}
	}
	(void)sqlite3_reset(stmt);
	return ret;
}
