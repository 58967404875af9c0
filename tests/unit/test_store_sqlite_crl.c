/* SPDX-License-Identifier: Apache-2.0 */
/* CRLs: their numbers, their chunks, which are due, and what they list. */
#include "base/enc.h"
#include "event_read.h"
#include "store/sqlite_int.h"
#include "store_fixture.h"

#include "check_main.h"

static const struct store_scope PRODUCTION = { { (const uint8_t *)"production", 10 }, true };
static const struct store_scope STAGING = { { (const uint8_t *)"staging", 7 }, true };

static uint64_t
crl_draw(struct fix *fix)
{
	struct msg_crl_begin_ans out = { 0 };

	ck_assert_int_eq(store_crl_begin(fix->store, fix->issuing_id, &PRODUCTION, &out), MC_OK);
	return out.number;
}

static enum mc_err
crl_put(struct fix *fix, uint64_t number, uint64_t offset, size_t len, uint64_t total)
{
	static uint8_t bytes[LIMIT_BULK_CHUNK];
	struct msg_crl_chunk chunk = { .number = number, .this_update_at = FIX_NOW + (int64_t)number,
		.next_update_at = FIX_NOW + FIX_DAY, .total = total, .offset = offset,
		.bytes = base_span_of(bytes, len) };
	bool complete = false;
	enum mc_err ret;

	memset(bytes, (int)number, sizeof(bytes));
	memcpy(chunk.issuer_id, fix->issuing_id, 32);
	ret = store_crl_chunk(fix->store, &chunk, &PRODUCTION, FIX_NOW + 3, &complete);
	ck_assert(ret != MC_OK || complete == (offset + len == total));
	return ret;
}

static enum mc_err
see_crl(void *arg, const struct msg_crl_ans *crl)
{
	struct msg_crl_ans *out = arg;

	for (size_t i = 0; i < crl->bytes.len; i++) {
		ck_assert_uint_eq(crl->bytes.ptr[i], crl->number & 0xff);
	}
	*out = *crl;
	return MC_OK;
}

static enum mc_err
crl_get(struct fix *fix, uint64_t number, uint64_t offset, struct msg_crl_ans *out)
{
	struct msg_crl_get query = { .number = number, .offset = offset };

	memcpy(query.issuer_id, fix->issuing_id, 32);
	return store_crl_get(fix->store, &query, see_crl, out);
}

START_TEST(crl_numbers_only_grow)
{
	static const struct store_scope ceremony = { { NULL, 0 }, false };
	struct msg_crl_begin_ans out = { 0 };
	struct fix fix;

	fix_start(&fix);
	ck_assert_int_eq(store_begin(fix.store), MC_OK);
	ck_assert_uint_eq(crl_draw(&fix), 1);
	ck_assert_uint_eq(crl_draw(&fix), 2);
	ck_assert_int_eq(store_crl_begin(fix.store, fix.issuing_id, &STAGING, &out), MC_ENOTFOUND);
	/* a signer keeps no CRL of the environment's CA: that key is the ceremony's */
	ck_assert_int_eq(store_crl_begin(fix.store, fix.anchor_id, &PRODUCTION, &out), MC_ENOTFOUND);
	ck_assert_int_eq(store_crl_begin(fix.store, fix.anchor_id, &ceremony, &out), MC_OK);
	ck_assert_uint_eq(out.number, 1);
	ck_assert_int_eq(crl_put(&fix, 3, 0, 10, 10), MC_ECONFLICT);
	ck_assert_int_eq(crl_put(&fix, 2, 0, 10, 10), MC_OK);
	ck_assert_int_eq(crl_put(&fix, 2, 0, 10, 10), MC_ECONFLICT);
	ck_assert_int_eq(crl_put(&fix, 1, 0, 10, 10), MC_ECONFLICT);
	ck_assert_int_eq(store_commit(fix.store), MC_OK);
	/* when it came, not the backdated time in it */
	ck_assert_int_eq(event_newest_is(fix.store, "crl-published").at, FIX_NOW + 3);
	fix_reopen(&fix);
	ck_assert_int_eq(store_begin(fix.store), MC_OK);
	ck_assert_uint_eq(crl_draw(&fix), 3);
	ck_assert_int_eq(store_commit(fix.store), MC_OK);
	fix_end(&fix);
}
END_TEST

/* Its number was drawn, so it is given to nobody again; what came of it makes room for the next. */
START_TEST(a_crl_that_was_begun_only_is_never_current)
{
	struct msg_crl_ans crl;
	struct fix fix;

	fix_start(&fix);
	ck_assert_int_eq(store_begin(fix.store), MC_OK);
	ck_assert_uint_eq(crl_draw(&fix), 1);
	ck_assert_int_eq(crl_put(&fix, 1, 0, 10, 20), MC_OK);
	ck_assert_int_eq(crl_get(&fix, 0, 0, &crl), MC_ENOTFOUND);
	ck_assert_int_eq(crl_get(&fix, 1, 0, &crl), MC_ENOTFOUND);
	ck_assert_uint_eq(crl_draw(&fix), 2);
	ck_assert_int_eq(crl_put(&fix, 2, 0, 10, 10), MC_OK);
	ck_assert_int_eq(crl_put(&fix, 1, 10, 10, 20), MC_ECONFLICT);
	ck_assert_int_eq(crl_get(&fix, 1, 0, &crl), MC_ENOTFOUND);
	ck_assert_int_eq(store_commit(fix.store), MC_OK);
	fix_end(&fix);
}
END_TEST

START_TEST(crl_is_current_with_its_last_byte)
{
	const uint64_t total = LIMIT_BULK_CHUNK + 5;
	struct msg_crl_ans crl;
	struct fix fix;

	fix_start(&fix);
	ck_assert_int_eq(store_begin(fix.store), MC_OK);
	ck_assert_int_eq(crl_get(&fix, 0, 0, &crl), MC_ENOTFOUND);
	ck_assert_int_eq(crl_put(&fix, crl_draw(&fix), 0, 10, 10), MC_OK);
	(void)crl_draw(&fix);
	ck_assert_int_eq(crl_put(&fix, 2, 5, 10, total), MC_EUSAGE);
	ck_assert_int_eq(crl_put(&fix, 2, 0, LIMIT_BULK_CHUNK, total), MC_OK);
	ck_assert_int_eq(crl_get(&fix, 0, 0, &crl), MC_OK);
	ck_assert_uint_eq(crl.number, 1);
	/* The sender starts over. */
	ck_assert_int_eq(crl_put(&fix, 2, 0, LIMIT_BULK_CHUNK, total), MC_OK);
	ck_assert_int_eq(crl_put(&fix, 2, LIMIT_BULK_CHUNK, 6, total), MC_EUSAGE);
	ck_assert_int_eq(crl_put(&fix, 2, LIMIT_BULK_CHUNK, 5, total), MC_OK);
	ck_assert_int_eq(crl_get(&fix, 0, 0, &crl), MC_OK);
	ck_assert_uint_eq(crl.number, 2);
	ck_assert_uint_eq(crl.total, total);
	ck_assert_uint_eq(crl.bytes.len, LIMIT_BULK_CHUNK);
	ck_assert_int_eq(crl_get(&fix, 2, LIMIT_BULK_CHUNK, &crl), MC_OK);
	ck_assert_uint_eq(crl.bytes.len, 5);
	ck_assert_int_eq(crl_get(&fix, 2, total, &crl), MC_EUSAGE);
	/* Two are kept. */
	ck_assert_int_eq(crl_put(&fix, crl_draw(&fix), 0, 10, 10), MC_OK);
	ck_assert_int_eq(crl_get(&fix, 2, 0, &crl), MC_OK);
	ck_assert_int_eq(crl_get(&fix, 1, 0, &crl), MC_ENOTFOUND);
	ck_assert_int_eq(store_commit(fix.store), MC_OK);
	fix_end(&fix);
}
END_TEST

/* A later chunk that says anything else of its CRL than the first did. */
START_TEST(every_chunk_is_of_the_same_crl)
{
	static uint8_t bytes[10];
	bool complete = false;
	struct fix fix;

	fix_start(&fix);
	ck_assert_int_eq(store_begin(fix.store), MC_OK);
	for (unsigned i = 0; i <= 4; i++) {
		struct msg_crl_chunk chunk = { .number = crl_draw(&fix), .revocation_seq = 7,
			.this_update_at = FIX_NOW, .next_update_at = FIX_NOW + FIX_DAY, .total = 20,
			.bytes = base_span_of(bytes, sizeof(bytes)) };

		memcpy(chunk.issuer_id, fix.issuing_id, 32);
		ck_assert_int_eq(store_crl_chunk(fix.store, &chunk, &PRODUCTION, FIX_NOW, &complete),
		    MC_OK);
		chunk.offset = 10;
		chunk.revocation_seq += i == 1;
		chunk.this_update_at += i == 2;
		chunk.next_update_at += i == 3;
		chunk.total += i == 4;
		ck_assert_int_eq(store_crl_chunk(fix.store, &chunk, &PRODUCTION, FIX_NOW, &complete),
		    i == 0 ? MC_OK : MC_EUSAGE);
		ck_assert(complete == (i == 0));
	}
	ck_assert_int_eq(store_commit(fix.store), MC_OK);
	fix_end(&fix);
}
END_TEST

/* Each issuer has its own numbers and its own two. */
START_TEST(issuers_keep_their_crls_apart)
{
	static const struct store_scope anyone = { { NULL, 0 }, false };
	struct msg_crl_begin_ans out = { 0 };
	struct msg_crl_chunk chunk = { .number = 1, .total = 1, .next_update_at = FIX_NOW,
		.bytes = base_span_str("\1") };
	struct msg_crl_get query = { .number = 0 };
	struct msg_crl_ans crl;
	bool complete = false;
	struct fix fix;

	fix_start(&fix);
	memcpy(chunk.issuer_id, fix.anchor_id, 32);
	memcpy(query.issuer_id, fix.anchor_id, 32);
	ck_assert_int_eq(store_begin(fix.store), MC_OK);
	ck_assert_int_eq(store_crl_begin(fix.store, fix.anchor_id, &anyone, &out), MC_OK);
	/* nor does it write one */
	ck_assert_int_eq(store_crl_chunk(fix.store, &chunk, &PRODUCTION, FIX_NOW, &complete),
	    MC_ENOTFOUND);
	ck_assert_int_eq(store_crl_chunk(fix.store, &chunk, &anyone, FIX_NOW, &complete), MC_OK);
	for (unsigned i = 1; i <= 3; i++) {
		ck_assert_uint_eq(crl_draw(&fix), i);
		ck_assert_int_eq(crl_put(&fix, i, 0, 10, 10), MC_OK);
	}
	ck_assert_int_eq(store_crl_get(fix.store, &query, see_crl, &crl), MC_OK);
	ck_assert_uint_eq(crl.number, 1);
	ck_assert_uint_eq(crl.total, 1);
	query.issuer_id[0] ^= 1;
	ck_assert_int_eq(store_crl_get(fix.store, &query, see_crl, &crl), MC_ENOTFOUND);
	ck_assert_int_eq(store_crl_begin(fix.store, query.issuer_id, &anyone, &out), MC_ENOTFOUND);
	ck_assert_int_eq(store_commit(fix.store), MC_OK);
	fix_end(&fix);
}
END_TEST

/* From anywhere, also within a chunk: what is there up to the chunk's end. */
START_TEST(a_crl_is_read_from_any_offset)
{
	const uint64_t total = LIMIT_BULK_CHUNK + 5;
	struct msg_crl_ans crl;
	struct fix fix;

	fix_start(&fix);
	ck_assert_int_eq(store_begin(fix.store), MC_OK);
	ck_assert_int_eq(crl_put(&fix, crl_draw(&fix), 0, LIMIT_BULK_CHUNK, total), MC_OK);
	ck_assert_int_eq(crl_put(&fix, 1, LIMIT_BULK_CHUNK, 5, total), MC_OK);
	ck_assert_int_eq(crl_get(&fix, 1, 7, &crl), MC_OK);
	ck_assert_uint_eq(crl.offset, 7);
	ck_assert_uint_eq(crl.bytes.len, LIMIT_BULK_CHUNK - 7);
	ck_assert_int_eq(crl_get(&fix, 1, total - 1, &crl), MC_OK);
	ck_assert_uint_eq(crl.bytes.len, 1);
	ck_assert_int_eq(crl.this_update_at, FIX_NOW + 1);
	ck_assert_int_eq(crl.next_update_at, FIX_NOW + FIX_DAY);
	ck_assert_int_eq(store_commit(fix.store), MC_OK);
	fix_end(&fix);
}
END_TEST

static enum mc_err
see_status(void *arg, const struct msg_crl_status_row *row)
{
	struct msg_crl_status_row *out = arg;

	if (row->profile == MSG_PROFILE_ISSUING) {
		*out = *row;
	}
	return MC_OK;
}

START_TEST(crl_status_tells_what_is_due)
{
	const struct store_view view = { FIX_NOW, 0 };
	struct msg_revoke revoke = { .reason = MSG_REASON_SUPERSEDED };
	struct msg_crl_status_row row = { 0 };
	struct fix_intent leaf;
	struct fix fix;

	fix_start(&fix);
	(void)fix_leaf(&fix, "spiffe://x/y", true, &leaf);
	ck_assert_int_eq(store_crl_status(fix.store, &view, see_status, &row), MC_OK);
	ck_assert_mem_eq(row.issuer_id, fix.issuing_id, 32);
	ck_assert_uint_eq(row.number, 0);
	revoke.serial = leaf.msg.serial;
	ck_assert_int_eq(store_begin(fix.store), MC_OK);
	ck_assert_int_eq(crl_put(&fix, crl_draw(&fix), 0, 10, 10), MC_OK);
	ck_assert_int_eq(store_revoke(fix.store, &revoke, FIX_NOW), MC_OK);
	ck_assert_int_eq(store_commit(fix.store), MC_OK);
	ck_assert_int_eq(store_crl_status(fix.store, &view, see_status, &row), MC_OK);
	ck_assert_uint_eq(row.number, 1);
	ck_assert_uint_eq(row.revocation_seq, 0);
	ck_assert_uint_eq(row.newest_revocation_seq, 1);
	fix_end(&fix);
}
END_TEST

static enum mc_err
count_status(void *arg, const struct msg_crl_status_row *row)
{
	ck_assert_int_ne(row->profile, MSG_PROFILE_LINEAGE);
	return ++*(unsigned *)arg == 9 ? MC_EBUSY : MC_OK;
}

/* Whoever signs CRLs and has not expired; a lineage certificate has the key of another that does. */
START_TEST(status_is_of_issuers_that_sign_crls)
{
	static const struct store_scope anyone = { { NULL, 0 }, false };
	struct store_view view = { FIX_NOW, 0 };
	struct msg_crl_begin_ans out;
	unsigned count = 0;
	struct fix fix;
	uint8_t id[32];

	fix_start(&fix);
	ck_assert_int_eq(store_begin(fix.store), MC_OK);
	fix_ca(&fix, MSG_PROFILE_LINEAGE, "CN=lineage", id);
	ck_assert_int_eq(store_crl_begin(fix.store, id, &anyone, &out), MC_ENOTFOUND);
	ck_assert_int_eq(store_commit(fix.store), MC_OK);
	ck_assert_int_eq(store_crl_status(fix.store, &view, count_status, &count), MC_OK);
	ck_assert_uint_eq(count, 2);
	view.now_at = FIX_NOW + 3650 * FIX_DAY - 1;
	ck_assert_int_eq(store_crl_status(fix.store, &view, count_status, &count), MC_OK);
	ck_assert_uint_eq(count, 4);
	view.now_at++;
	ck_assert_int_eq(store_crl_status(fix.store, &view, count_status, &count), MC_OK);
	ck_assert_uint_eq(count, 4);
	view.now_at = FIX_NOW;
	count = 8;
	ck_assert_int_eq(store_crl_status(fix.store, &view, count_status, &count), MC_EBUSY);
	ck_assert_uint_eq(count, 9);
	fix_end(&fix);
}
END_TEST

struct order {
	unsigned count;
	unsigned stop_at;
	char serials[8][24];
};

static enum mc_err
see_order(void *arg, struct base_span serial, int64_t revoked_at, uint8_t reason)
{
	struct order *order = arg;

	ck_assert_int_eq(revoked_at, FIX_NOW + 50 - order->count);
	ck_assert_uint_eq(reason, MSG_REASON_SUPERSEDED);
	base_span_copy_str(serial, order->serials[order->count++], sizeof(order->serials[0]));
	return order->count == order->stop_at ? MC_EBUSY : MC_OK;
}

/* In the order of revocation, of that issuer alone, up to the one that the number was drawn with. */
START_TEST(a_crl_lists_what_was_revoked_before_its_number)
{
	struct store_view view = { FIX_NOW, 0 };
	struct msg_revoke revoke = { .reason = MSG_REASON_SUPERSEDED };
	struct msg_revoked_list query = { .up_to_seq = 0 };
	struct msg_crl_begin_ans out = { 0 };
	struct order order = { 0 };
	struct fix_intent leaves[3];
	struct fix fix;

	fix_start(&fix);
	for (unsigned i = 0; i < 3; i++) {
		(void)fix_leaf(&fix, "spiffe://x/y", true, &leaves[i]);
	}
	memcpy(query.issuer_id, fix.issuing_id, 32);
	ck_assert_int_eq(store_begin(fix.store), MC_OK);
	for (unsigned i = 0; i < 3; i++) {
		revoke.serial = base_span_str(leaves[2 - i].serial);
		ck_assert_int_eq(store_revoke(fix.store, &revoke, FIX_NOW + 50 - i), MC_OK);
		if (i == 1) {
			ck_assert_int_eq(store_crl_begin(fix.store, fix.issuing_id, &PRODUCTION, &out),
			    MC_OK);
			query.up_to_seq = out.revocation_seq;
		}
	}
	ck_assert_int_eq(store_commit(fix.store), MC_OK);
	ck_assert_int_eq(store_revoked_list(fix.store, &view, &query, see_order, &order), MC_OK);
	ck_assert_uint_eq(order.count, 2);
	ck_assert_str_eq(order.serials[0], leaves[2].serial);
	ck_assert_str_eq(order.serials[1], leaves[1].serial);
	order = (struct order){ .stop_at = 1 };
	ck_assert_int_eq(store_revoked_list(fix.store, &view, &query, see_order, &order), MC_EBUSY);
	ck_assert_uint_eq(order.count, 1);
	/* none of the anchor's, and nobody else's */
	memcpy(query.issuer_id, fix.anchor_id, 32);
	ck_assert_int_eq(store_revoked_list(fix.store, &view, &query, see_order, &order), MC_OK);
	ck_assert_uint_eq(order.count, 1);
	query.issuer_id[0] ^= 1;
	ck_assert_int_eq(store_revoked_list(fix.store, &view, &query, see_order, &order),
	    MC_ENOTFOUND);
	fix_end(&fix);
}
END_TEST

static unsigned
listed(struct fix *fix, int64_t now_at)
{
	struct store_view view = { now_at, 0 };
	struct msg_revoked_list query = { .up_to_seq = INT64_MAX };
	struct order order = { 0 };

	memcpy(query.issuer_id, fix->issuing_id, 32);
	ck_assert_int_eq(store_revoked_list(fix->store, &view, &query, see_order, &order), MC_OK);
	return order.count;
}

static void
crl_at(struct fix *fix, int64_t this_update_at, size_t len, uint64_t total)
{
	struct msg_crl_chunk chunk = { .number = crl_draw(fix), .this_update_at = this_update_at,
		.next_update_at = this_update_at + FIX_DAY, .total = total,
		.bytes = base_span_of("0123456789", len) };
	bool complete = false;

	memcpy(chunk.issuer_id, fix->issuing_id, 32);
	ck_assert_int_eq(store_crl_chunk(fix->store, &chunk, &PRODUCTION, this_update_at, &complete), MC_OK);
	ck_assert(complete == (len == total));
}

/* RFC 5280 3.3: on one more CRL, issued beyond the certificate's life. */
START_TEST(what_has_expired_is_listed_once_more)
{
	struct msg_revoke revoke = { .reason = MSG_REASON_SUPERSEDED };
	struct fix_intent leaf;
	int64_t end_at;
	struct fix fix;

	fix_start(&fix);
	(void)fix_leaf(&fix, "spiffe://x/y", true, &leaf);
	end_at = leaf.msg.not_after_at;
	ck_assert_int_eq(store_begin(fix.store), MC_OK);
	revoke.serial = base_span_str(leaf.serial);
	ck_assert_int_eq(store_revoke(fix.store, &revoke, FIX_NOW + 50), MC_OK);
	ck_assert_uint_eq(listed(&fix, end_at + 100 * FIX_DAY), 1); /* it was on none */
	crl_at(&fix, end_at, 10, 10);
	ck_assert_uint_eq(listed(&fix, end_at + 1), 1);
	crl_at(&fix, end_at + 1, 5, 10); /* never came to its end */
	ck_assert_uint_eq(listed(&fix, end_at + 1), 1);
	crl_at(&fix, end_at + 1, 10, 10);
	ck_assert_uint_eq(listed(&fix, end_at + 1), 0);
	/* a clock that was ahead takes nothing off before its time */
	ck_assert_uint_eq(listed(&fix, end_at - 1), 1);
	ck_assert_int_eq(store_commit(fix.store), MC_OK);
	fix_end(&fix);
}
END_TEST

/* Else the CRL that is too big would be the reason why the next one is, for ever. */
START_TEST(what_has_expired_makes_no_crl_too_big)
{
	struct msg_revoke revoke = { .reason = MSG_REASON_SUPERSEDED };
	struct fix_intent leaf;
	int64_t end_at;
	struct fix fix;
	char *many;

	fix_start(&fix);
	(void)fix_leaf(&fix, "spiffe://x/y", true, &leaf);
	end_at = leaf.msg.not_after_at;
	ck_assert_int_eq(store_begin(fix.store), MC_OK);
	revoke.serial = base_span_str(leaf.serial);
	ck_assert_int_eq(store_revoke(fix.store, &revoke, FIX_NOW + 50), MC_OK);
	crl_at(&fix, FIX_NOW, 10, 10);
	ck_assert_uint_eq(listed(&fix, end_at + 1), 1);
	/* of certificates that the list need not find: it counts them */
	many = base_xasprintf("WITH RECURSIVE n(i) AS (SELECT 1000 UNION ALL SELECT i + 1 FROM n LIMIT %d)"
	    " INSERT INTO revocations(cert_seq, issuer, not_after_at, revoked_at, reason, actor, source,"
	    " request_id) SELECT i, 2, %lld, 1, 1, '', '', x'' FROM n", LIMIT_CRL / 48, (long long)end_at);
	ck_assert_int_eq(sq_exec(sq_of(fix.store), many), MC_OK);
	free(many);
	ck_assert_uint_eq(listed(&fix, end_at + 1), 0);
	ck_assert_uint_eq(listed(&fix, end_at - 1), 1); /* what is live is listed in any case */
	store_rollback(fix.store);
	fix_end(&fix);
}
END_TEST

CHECK_MAIN("store_sqlite_crl", crl_numbers_only_grow, a_crl_that_was_begun_only_is_never_current,
    crl_is_current_with_its_last_byte, every_chunk_is_of_the_same_crl, issuers_keep_their_crls_apart,
    a_crl_is_read_from_any_offset, crl_status_tells_what_is_due, status_is_of_issuers_that_sign_crls,
    a_crl_lists_what_was_revoked_before_its_number, what_has_expired_is_listed_once_more,
    what_has_expired_makes_no_crl_too_big)
