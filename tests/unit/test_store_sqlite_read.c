/* SPDX-License-Identifier: Apache-2.0 */
#include "store_fixture.h"

#include "check_main.h"

enum { ROWS = 50 };

struct seen {
	uint64_t seqs[2 * ROWS];
	unsigned count;
};

static enum mc_err
see(void *arg, const struct store_cert *cert)
{
	struct seen *seen = arg;

	ck_assert_uint_eq(cert->row.cert.len, 0);
	ck_assert_uint_eq(cert->row.tbs.len, 0);
	seen->seqs[seen->count++] = cert->row.seq;
	return MC_OK;
}

/* Odd ones belong to alice and are signed. */
static void
fill(struct fix *fix)
{
	struct fix_intent leaf;

	fix_start(fix);
	for (unsigned i = 0; i < ROWS; i++) {
		(void)fix_leaf(fix, i % 2 != 0 ? "spiffe://x/alice" : "spiffe://x/bob", i % 2 != 0,
		    &leaf);
	}
}

/* All pages of a query; every page but the last is full when no state is asked for. */
static void
walk(struct store *store, struct msg_cert_list *query, struct seen *seen)
{
	const struct store_view view = { FIX_NOW, 2 + ROWS };
	uint64_t next = 0;

	memset(seen, 0, sizeof(*seen));
	query->before_seq = 0;
	do {
		unsigned before = seen->count;

		ck_assert_int_eq(store_cert_list(store, &view, query, see, seen, &next), MC_OK);
		ck_assert_uint_le(seen->count - before, query->limit);
		ck_assert(next == 0 || seen->count - before == query->limit);
		query->before_seq = next;
	} while (next != 0);
	for (unsigned i = 1; i < seen->count; i++) {
		ck_assert_uint_lt(seen->seqs[i], seen->seqs[i - 1]);
	}
}

START_TEST(pages_join_without_gap_or_repeat)
{
	const unsigned limits[] = { 1, 2, 7, 25, 26, 51, 52, 53, 500 };
	struct msg_cert_list query = { 0 };
	struct store *reader;
	struct seen seen;
	struct fix fix;

	fill(&fix);
	reader = fix_open(&fix, STORE_READER);
	for (unsigned i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
		query.limit = limits[i];
		query.identity = base_span_str("");
		walk(reader, &query, &seen);
		ck_assert_uint_eq(seen.count, ROWS + 2);
		query.identity = base_span_str("spiffe://x/alice");
		walk(reader, &query, &seen);
		ck_assert_uint_eq(seen.count, ROWS / 2);
	}
	store_close(reader);
	fix_end(&fix);
}
END_TEST

START_TEST(filters_select)
{
	struct msg_cert_list query = { .limit = 9 };
	struct seen seen;
	struct fix fix;

	fill(&fix);
	query.state = MSG_STATE_UNCONFIRMED;
	walk(fix.store, &query, &seen);
	ck_assert_uint_eq(seen.count, ROWS / 2);
	query.state = MSG_STATE_REVOKED;
	walk(fix.store, &query, &seen);
	ck_assert_uint_eq(seen.count, 0);
	query.state = 0;
	query.profile = MSG_PROFILE_ISSUING;
	walk(fix.store, &query, &seen);
	ck_assert_uint_eq(seen.count, 1);
	ck_assert_uint_eq(seen.seqs[0], 2);
	query.profile = 0;
	query.expires_before_at = FIX_NOW + FIX_DAY; /* when they expire, so not before */
	walk(fix.store, &query, &seen);
	ck_assert_uint_eq(seen.count, 0);
	query.expires_before_at++;
	walk(fix.store, &query, &seen);
	ck_assert_uint_eq(seen.count, ROWS);
	query.expires_before_at = 0;
	query.environment = base_span_str("staging");
	walk(fix.store, &query, &seen);
	ck_assert_uint_eq(seen.count, 0);
	query.environment = base_span_str("production");
	walk(fix.store, &query, &seen);
	ck_assert_uint_eq(seen.count, ROWS + 2);
	/* texts that the ledger knows as something else */
	query.environment = base_span_str("spiffe://x/alice");
	walk(fix.store, &query, &seen);
	ck_assert_uint_eq(seen.count, 0);
	query.environment = base_span_str("");
	query.identity = base_span_str("production");
	walk(fix.store, &query, &seen);
	ck_assert_uint_eq(seen.count, 0);
	fix_end(&fix);
}
END_TEST

static enum mc_err
first_refuses(void *arg, const struct store_cert *cert)
{
	(void)arg;
	(void)cert;
	return MC_FAIL(MC_ETOOBIG, "enough");
}

START_TEST(callback_ends_the_walk)
{
	const struct store_view view = { FIX_NOW, 0 };
	struct msg_cert_list query = { .limit = 9 };
	struct fix fix;
	uint64_t next = 0;

	fill(&fix);
	ck_assert_int_eq(store_cert_list(fix.store, &view, &query, first_refuses, NULL, &next),
	    MC_ETOOBIG);
	query.limit = LIMIT_PAGE + 1;
	ck_assert_int_eq(store_cert_list(fix.store, &view, &query, first_refuses, NULL, &next),
	    MC_EUSAGE);
	ck_assert_int_eq(store_cert_by_serial(fix.store, &view, base_span_str("no such"),
	                     first_refuses, NULL),
	    MC_ENOTFOUND);
	fix_end(&fix);
}
END_TEST

struct dedups {
	uint64_t last_seq;
	unsigned count;
};

static enum mc_err
see_dedup(void *arg, const uint8_t key[32], uint64_t seq, int64_t recorded_at)
{
	struct dedups *dedups = arg;

	ck_assert_uint_gt(seq, dedups->last_seq);
	ck_assert_uint_eq(key[0], seq);
	ck_assert_int_eq(recorded_at, FIX_NOW + (int64_t)seq);
	dedups->last_seq = seq;
	dedups->count++;
	return MC_OK;
}

START_TEST(recent_keys_come_oldest_first_within_the_window)
{
	struct store_intended out;
	struct fix_intent leaf;
	struct dedups dedups = { 0 };
	struct fix fix;

	fix_start(&fix);
	ck_assert_int_eq(store_begin(fix.store), MC_OK);
	for (unsigned seq = 3; seq < 3 + ROWS; seq++) {
		fix_intent_make(&fix, &leaf, MSG_PROFILE_SVID, "spiffe://x/y");
		leaf.msg.has_dedup = 1;
		memset(leaf.msg.dedup_key, (int)seq, 32);
		ck_assert_int_eq(
		    store_intent_put(fix.store, &leaf.msg, FIX_NOW + (int64_t)seq, &out), MC_OK);
	}
	ck_assert_int_eq(store_commit(fix.store), MC_OK);
	ck_assert_int_eq(store_dedup_recent(fix.store, 0, 1000, see_dedup, &dedups), MC_OK);
	ck_assert_uint_eq(dedups.count, ROWS);
	dedups = (struct dedups){ 0 };
	ck_assert_int_eq(store_dedup_recent(fix.store, 0, 10, see_dedup, &dedups), MC_OK);
	ck_assert_uint_eq(dedups.count, 10);
	dedups = (struct dedups){ 0 };
	ck_assert_int_eq(
	    store_dedup_recent(fix.store, FIX_NOW + ROWS, 1000, see_dedup, &dedups), MC_OK);
	ck_assert_uint_eq(dedups.count, 3);
	fix_end(&fix);
}
END_TEST

CHECK_MAIN("store_sqlite_read", pages_join_without_gap_or_repeat, filters_select,
    callback_ends_the_walk, recent_keys_come_oldest_first_within_the_window)
