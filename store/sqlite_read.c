/* SPDX-License-Identifier: Apache-2.0 */
/* Reading certificates. */
#include "base/clock.h"
#include "store/sqlite_int.h"

#define LIST_WINDOW 20000   /* rows one statement may visit */
#define LIST_TIME_US 50000  /* a sparse filter ends the page after this */

/* Columns of CERT_COLUMNS and CERT_FULL. */
enum {
	COL_SEQ, COL_PROFILE, COL_SERIAL, COL_ENVIRONMENT, COL_CLUSTER, COL_IDENTITY,
	COL_REQUESTER, COL_EVIDENCE, COL_ISSUER_ID, COL_SPKI, COL_REQUEST_ID,
	COL_RECORDED_AT, COL_NOT_BEFORE_AT, COL_NOT_AFTER_AT, COL_REVOKED_AT, COL_REASON,
	COL_LEAF_HASH, COL_SIGNED, COL_DEDUP_KEY, COL_DEDUP_BODY, COL_TBS, COL_TAIL,
	COL_ISSUER_CERT,
	COL_ISSUER_REVOKED
};

static enum msg_state
row_state(sqlite3_stmt *stmt, const struct store_view *view)
{
	if (sqlite3_column_type(stmt, COL_REVOKED_AT) != SQLITE_NULL) {
		return MSG_STATE_REVOKED;
	}
	if (sqlite3_column_int64(stmt, COL_NOT_AFTER_AT) < view->now_at) {
		return MSG_STATE_EXPIRED;
	}
	if (sqlite3_column_type(stmt, COL_SIGNED) != SQLITE_NULL) {
		return MSG_STATE_SIGNED;
	}
	return sq_col_u64(stmt, COL_SEQ) <= view->boundary_seq ? MSG_STATE_UNCONFIRMED :
	                                                         MSG_STATE_INTENDED;
}

static enum mc_err
row_light(sqlite3_stmt *stmt, const struct store_view *view, struct store_cert *out)
{
	struct msg_cert_row *row = &out->row;
	bool sizes = true;

	*out = (struct store_cert){ 0 };
	row->seq = sq_col_u64(stmt, COL_SEQ);
	row->profile = (uint8_t)sqlite3_column_int(stmt, COL_PROFILE);
	row->state = (uint8_t)row_state(stmt, view);
	row->reason = (uint8_t)sqlite3_column_int(stmt, COL_REASON);
	row->serial = sq_col_span(stmt, COL_SERIAL);
	row->environment = sq_col_span(stmt, COL_ENVIRONMENT);
	row->cluster = sq_col_span(stmt, COL_CLUSTER);
	row->identity = sq_col_span(stmt, COL_IDENTITY);
	row->requester = sq_col_span(stmt, COL_REQUESTER);
	row->evidence = sq_col_span(stmt, COL_EVIDENCE);
	sizes = sq_col_fixed(stmt, COL_ISSUER_ID, row->issuer_id, 32) && sizes;
	sizes = sq_col_fixed(stmt, COL_SPKI, row->spki_sha256, 32) && sizes;
	sizes = sq_col_fixed(stmt, COL_REQUEST_ID, row->request_id, 16) && sizes;
	row->recorded_at = sqlite3_column_int64(stmt, COL_RECORDED_AT);
	row->not_before_at = sqlite3_column_int64(stmt, COL_NOT_BEFORE_AT);
	row->not_after_at = sqlite3_column_int64(stmt, COL_NOT_AFTER_AT);
	row->revoked_at = sqlite3_column_int64(stmt, COL_REVOKED_AT);
	sizes = sq_col_fixed(stmt, COL_LEAF_HASH, row->leaf_hash, 32) && sizes;
	out->has_dedup = sqlite3_column_type(stmt, COL_DEDUP_KEY) != SQLITE_NULL;
	sizes = sq_col_fixed(stmt, COL_DEDUP_KEY, out->dedup_key, 32) && sizes;
	sizes = sq_col_fixed(stmt, COL_DEDUP_BODY, out->dedup_body, 32) && sizes;
	if (!sizes) {
		return MC_FAIL(MC_ESTORE, "seq %llu has a column of a wrong size",
		    (unsigned long long)row->seq);
	}
	return MC_OK;
}

static enum mc_err
row_full(struct sq *sq, sqlite3_stmt *stmt, const struct store_view *view,
    struct store_cert *out)
{
	enum mc_err ret = row_light(stmt, view, out);

	if (ret != MC_OK) {
		return ret;
	}
	out->row.tbs = sq_col_span(stmt, COL_TBS);
	out->tail = sq_col_span(stmt, COL_TAIL);
	out->issuer_cert = sq_col_span(stmt, COL_ISSUER_CERT);
	out->row.issuer_revoked = sqlite3_column_int(stmt, COL_ISSUER_REVOKED) != 0 ? 1 : 0;
	if (out->tail.len != 0) {
		base_buf_reset(&sq->scratch);
		store_cert_assemble(&sq->scratch, out->row.tbs, out->tail);
		if (base_buf_failed(&sq->scratch)) {
			return MC_FAIL(MC_ESTORE, "seq %llu is larger than a certificate may be",
			    (unsigned long long)out->row.seq);
		}
		out->row.cert = base_buf_span(&sq->scratch);
	}
	return MC_OK;
}

static enum mc_err
one(struct sq *sq, sqlite3_stmt *stmt, const struct store_view *view, store_cert_fn fn,
    void *arg)
{
	struct store_cert cert;
	bool row = false;
	enum mc_err ret = sq_step(sq, stmt, &row);

	if (ret == MC_OK && !row) {
		ret = MC_FAIL(MC_ENOTFOUND, "no such certificate");
	}
	if (ret == MC_OK) {
		ret = row_full(sq, stmt, view, &cert);
	}
	if (ret == MC_OK) {
		ret = fn(arg, &cert);
	}
	(void)sqlite3_reset(stmt);
	return ret;
}

enum mc_err
sq_cert_by_serial(struct store *store, const struct store_view *view,
    struct base_span serial, store_cert_fn fn, void *arg)
{
	struct sq *sq = sq_of(store);
	sqlite3_stmt *stmt = sq_stmt(sq, SQ_CERT_BY_SERIAL);

	if (stmt == NULL) {
		return MC_ESTORE;
	}
	sq_bind_span(stmt, 1, serial);
	return one(sq, stmt, view, fn, arg);
}

enum mc_err
sq_cert_by_seq(struct store *store, const struct store_view *view, uint64_t seq,
    store_cert_fn fn, void *arg)
{
	struct sq *sq = sq_of(store);
	sqlite3_stmt *stmt = sq_stmt(sq, SQ_CERT_BY_SEQ);

	if (stmt == NULL) {
		return MC_ESTORE;
	}
	sq_bind_u64(stmt, 1, seq);
	return one(sq, stmt, view, fn, arg);
}

/* A page being filled. */
struct page {
	const struct store_view *view;
	const struct msg_cert_list *query;
	store_cert_fn fn;
	void *arg;
	int64_t environment;
	int64_t identity;
	uint32_t found;
	uint64_t last_seq;
	bool more; /* a row beyond the page matched */
};

/* Rows with floor <= seq < below, until the page is full and one more was seen. */
static enum mc_err
list_window(struct sq *sq, struct page *page, uint64_t below, uint64_t floor)
{
	sqlite3_stmt *stmt = sq_stmt(sq,
	    page->identity != 0 ? SQ_CERT_LIST_IDENTITY : SQ_CERT_LIST);
	struct store_cert cert;
	enum mc_err ret = MC_ESTORE;
	bool row = false;

	if (stmt == NULL) {
		return ret;
	}
	sq_bind_u64(stmt, 1, below);
	sq_bind_u64(stmt, 2, floor);
	(void)sqlite3_bind_int64(stmt, 3, page->environment);
	(void)sqlite3_bind_int(stmt, 4, page->query->profile);
	(void)sqlite3_bind_int64(stmt, 5, page->query->expires_before_at);
	if (page->identity != 0) {
		(void)sqlite3_bind_int64(stmt, 6, page->identity);
	}
	ret = sq_step(sq, stmt, &row);
	while (ret == MC_OK && row && !page->more) {
		if (page->query->state == 0 ||
		    page->query->state == (uint8_t)row_state(stmt, page->view)) {
			if (page->found == page->query->limit) {
				page->more = true;
				break;
			}
			ret = row_light(stmt, page->view, &cert);
			if (ret == MC_OK) {
				ret = page->fn(page->arg, &cert);
			}
			page->found++;
			page->last_seq = sq_col_u64(stmt, COL_SEQ);
		}
		if (ret == MC_OK) {
			ret = sq_step(sq, stmt, &row);
		}
	}
	(void)sqlite3_reset(stmt);
	return ret;
}

/* Resolves the filters to numbers; *none when a text is in no row at all. */
static enum mc_err
list_filters(struct sq *sq, struct page *page, bool *none)
{
	enum mc_err ret = MC_OK;

	if (page->query->environment.len != 0) {
		ret = sq_name_find(sq, page->query->environment, &page->environment);
		*none = *none || page->environment == 0;
	}
	if (ret == MC_OK && page->query->identity.len != 0) {
		ret = sq_name_find(sq, page->query->identity, &page->identity);
		*none = *none || page->identity == 0;
	}
	return ret;
}

enum mc_err
sq_cert_list(struct store *store, const struct store_view *view,
    const struct msg_cert_list *query, store_cert_fn fn, void *arg, uint64_t *next)
{
	struct sq *sq = sq_of(store);
	struct page page = { .view = view, .query = query, .fn = fn, .arg = arg };
	struct store_head head;
	int64_t start_us = base_clock_boot_us();
	uint64_t below = query->before_seq;
	uint64_t floor;
	bool none = false;
	enum mc_err ret = list_filters(sq, &page, &none);

	*next = 0;
	if (ret != MC_OK || none) {
		return ret;
	}
	ret = store_head(store, &head);
	if (ret == MC_OK && (below == 0 || below > head.seq + 1)) {
		below = head.seq + 1;
	}
	while (ret == MC_OK && below > 1 && !page.more) {
		floor = below > LIST_WINDOW + 1 ? below - LIST_WINDOW : 1;
		if (page.identity != 0) {
			floor = 1; /* the index visits matches only */
		}
		ret = list_window(sq, &page, below, floor);
		below = floor;
		if (base_clock_boot_us() - start_us > LIST_TIME_US) {
			break;
		}
	}
	if (ret == MC_OK) {
		*next = page.more ? page.last_seq : below > 1 ? below : 0;
	}
	return ret;
}

enum mc_err
sq_cert_walk(struct store *store, uint64_t from_seq, store_cert_fn fn, void *arg)
{
	static const struct store_view VIEW = { 0, UINT64_MAX };
	struct sq *sq = sq_of(store);
	sqlite3_stmt *stmt = sq_stmt(sq, SQ_CERT_WALK);
	struct store_cert cert;
	enum mc_err ret = MC_ESTORE;
	bool row = false;

	if (stmt == NULL) {
		return ret;
	}
	sq_bind_u64(stmt, 1, from_seq);
	ret = sq_step(sq, stmt, &row);
	while (ret == MC_OK && row) {
		ret = row_full(sq, stmt, &VIEW, &cert);
		if (ret == MC_OK) {
			ret = fn(arg, &cert);
		}
		if (ret == MC_OK) {
			ret = sq_step(sq, stmt, &row);
		}
	}
	(void)sqlite3_reset(stmt);
	return ret;
}

static enum mc_err
recorded_at(struct sq *sq, uint64_t seq, int64_t *out)
{
	sqlite3_stmt *stmt = sq_stmt(sq, SQ_RECORDED_AT);
	enum mc_err ret = MC_ESTORE;
	bool row = false;

	if (stmt != NULL) {
		sq_bind_u64(stmt, 1, seq);
		ret = sq_step(sq, stmt, &row);
		*out = row ? sqlite3_column_int64(stmt, 0) : INT64_MAX;
		(void)sqlite3_reset(stmt);
	}
	return ret;
}

/* The first seq from low on that was recorded at since_at or later, times growing with seq. A
 * clock that was set back makes it find an earlier or later one: hints are lost, not truth. */
static enum mc_err
first_since(struct sq *sq, uint64_t low, uint64_t high, int64_t since_at, uint64_t *out)
{
	enum mc_err ret = MC_OK;

	while (ret == MC_OK && low < high) {
		uint64_t mid = low + (high - low) / 2;
		int64_t at = 0;

		ret = recorded_at(sq, mid, &at);
		if (at < since_at) {
			low = mid + 1;
		} else {
			high = mid;
		}
	}
	*out = low;
	return ret;
}

enum mc_err
sq_dedup_recent(struct store *store, int64_t since_at, uint64_t max, store_dedup_fn fn,
    void *arg)
{
	struct sq *sq = sq_of(store);
	struct store_head head;
	sqlite3_stmt *stmt;
	uint64_t from = 0;
	uint8_t key[32];
	enum mc_err ret = store_head(store, &head);
	bool row = false;

	if (ret == MC_OK) {
		ret = first_since(sq, head.seq > max ? head.seq - max + 1 : 1, head.seq + 1,
		    since_at, &from);
	}
	if (ret != MC_OK) {
		return ret;
	}
	stmt = sq_stmt(sq, SQ_DEDUP_RECENT);
	if (stmt == NULL) {
		return MC_ESTORE;
	}
	sq_bind_u64(stmt, 1, from);
	ret = sq_step(sq, stmt, &row);
	while (ret == MC_OK && row) {
		if (sqlite3_column_type(stmt, 0) != SQLITE_NULL &&
		    sq_col_fixed(stmt, 0, key, sizeof(key))) {
			ret = fn(arg, key, sq_col_u64(stmt, 1),
			    sqlite3_column_int64(stmt, 2));
		}
		if (ret == MC_OK) {
			ret = sq_step(sq, stmt, &row);
		}
	}
	(void)sqlite3_reset(stmt);
	return ret;
}
