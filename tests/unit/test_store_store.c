/* SPDX-License-Identifier: Apache-2.0 */
/* What every driver may rely on: no change outside a transaction, no reader's change, no size out of bounds. */
#include "store_fixture.h"

#include "check_main.h"

#define REFUSED(call) ck_assert_msg((call) == MC_EINTERNAL, "%s was let through", #call)

/* Each change once, with nothing that a driver could look at. */
static void
no_change_passes(struct store *store)
{
	static const uint8_t id[32];
	const struct msg_intent intent = { .serial = base_span_str("s"), .tbs = base_span_str("t") };
	const struct msg_signature sig = { 1, base_span_str("s"), base_span_of(FIX_TAIL, 8) };
	const struct msg_crl_chunk chunk = { .total = 1, .bytes = base_span_str("x") };
	const struct store_scope scope = { { NULL, 0 }, false };
	struct store_intended intended;
	struct base_buf diff;
	bool done;

	base_buf_init(&diff, LIMIT_CONFIG_DIFF);
	REFUSED(store_commit(store));
	REFUSED(store_registration_check(store, &intent, FIX_NOW));
	REFUSED(store_intent_put(store, &intent, FIX_NOW, &intended));
	REFUSED(store_signature_put(store, &sig, &scope, &done));
	REFUSED(store_issuer_put(store, &(struct msg_issuer_put){ 0 }, FIX_NOW, &done));
	REFUSED(store_crl_begin(store, id, &scope, &(struct msg_crl_begin_ans){ 0 }));
	REFUSED(store_crl_chunk(store, &chunk, &scope, FIX_NOW, &done));
	REFUSED(store_revoke(store, &(struct msg_revoke){ 0 }, FIX_NOW));
	REFUSED(store_user_put(store, &(struct msg_user_put){ 0 }, FIX_NOW, &done));
	REFUSED(store_user_remove(store, &(struct msg_user_remove){ 0 }, FIX_NOW));
	REFUSED(store_inventory_put(store, &(struct msg_inventory_put){ 0 }, base_span_str("x"), FIX_NOW,
	    NULL, NULL));
	REFUSED(store_event_put(store, &(struct store_event){ 0 }, FIX_NOW));
	REFUSED(store_config_put(store, &(struct msg_config_put){ 0 }, FIX_NOW, &diff));
	base_buf_clear(&diff);
}

START_TEST(changes_need_a_writers_transaction)
{
	struct store_head before, after;
	struct store *reader;
	struct fix fix;

	fix_start(&fix);
	ck_assert_int_eq(store_head(fix.store, &before), MC_OK);
	no_change_passes(fix.store);
	no_change_passes(NULL);
	reader = fix_open(&fix, STORE_READER);
	REFUSED(store_begin(reader));
	no_change_passes(reader);
	store_close(reader);
	/* nor after it has ended, either way */
	ck_assert_int_eq(store_begin(fix.store), MC_OK);
	ck_assert_int_eq(store_commit(fix.store), MC_OK);
	no_change_passes(fix.store);
	ck_assert_int_eq(store_begin(fix.store), MC_OK);
	store_rollback(fix.store);
	no_change_passes(fix.store);
	ck_assert_int_eq(store_head(fix.store, &after), MC_OK);
	ck_assert_mem_eq(before.hash, after.hash, 32);
	fix_end(&fix);
	store_close(NULL);
}
END_TEST

START_TEST(transactions_do_not_nest)
{
	struct store_head head;
	struct fix_intent leaf;
	struct fix fix;
	unsigned left = 9;

	fix_start(&fix);
	store_rollback(fix.store); /* fine outside */
	store_rollback(NULL);
	ck_assert_int_eq(store_begin(fix.store), MC_OK);
	fix_intent_make(&fix, &leaf, MSG_PROFILE_SVID, "spiffe://x/y");
	(void)fix_put(&fix, &leaf.msg);
	REFUSED(store_begin(fix.store));
	REFUSED(store_checkpoint(fix.store, &left));
	ck_assert_uint_eq(left, 0);
	REFUSED(store_self_check(fix.store, NULL, NULL));
	/* which took nothing from the one under way */
	ck_assert_int_eq(store_commit(fix.store), MC_OK);
	ck_assert_int_eq(store_head(fix.store, &head), MC_OK);
	ck_assert_uint_eq(head.seq, 3);
	fix_end(&fix);
}
END_TEST

START_TEST(an_intent_has_a_serial_and_a_body_of_their_sizes)
{
	static uint8_t bytes[LIMIT_TBS + 1];
	struct store_intended out;
	struct fix_intent leaf;
	struct fix fix;

	memset(bytes, 7, sizeof(bytes));
	fix_start(&fix);
	ck_assert_int_eq(store_begin(fix.store), MC_OK);
	fix_intent_make(&fix, &leaf, MSG_PROFILE_SVID, "spiffe://x/y");
	leaf.msg.serial = base_span_of(bytes, 0);
	ck_assert_int_eq(store_intent_put(fix.store, &leaf.msg, FIX_NOW, &out), MC_EUSAGE);
	leaf.msg.serial = base_span_of(bytes, LIMIT_SERIAL + 1);
	ck_assert_int_eq(store_intent_put(fix.store, &leaf.msg, FIX_NOW, &out), MC_EUSAGE);
	leaf.msg.serial = base_span_of(bytes, LIMIT_SERIAL);
	leaf.msg.tbs = base_span_of(bytes, 0);
	ck_assert_int_eq(store_intent_put(fix.store, &leaf.msg, FIX_NOW, &out), MC_EUSAGE);
	leaf.msg.tbs = base_span_of(bytes, LIMIT_TBS + 1);
	ck_assert_int_eq(store_intent_put(fix.store, &leaf.msg, FIX_NOW, &out), MC_EUSAGE);
	leaf.msg.tbs = base_span_of(bytes, LIMIT_TBS);
	ck_assert_int_eq(store_intent_put(fix.store, &leaf.msg, FIX_NOW, &out), MC_OK);
	ck_assert_int_eq(store_commit(fix.store), MC_OK);
	fix_end(&fix);
}
END_TEST

START_TEST(a_signature_is_two_der_values)
{
	const struct store_scope all = { { NULL, 0 }, false };
	struct msg_signature sig = { .tail = base_span_of(FIX_TAIL, 7) };
	struct fix_intent leaf;
	struct fix fix;
	bool inserted = false;

	fix_start(&fix);
	sig.seq = fix_leaf(&fix, "spiffe://x/y", false, &leaf);
	sig.serial = leaf.msg.serial;
	ck_assert_int_eq(store_begin(fix.store), MC_OK);
	ck_assert_int_eq(store_signature_put(fix.store, &sig, &all, &inserted), MC_EUSAGE);
	sig.tail = base_span_of(FIX_TAIL, 8);
	ck_assert_int_eq(store_signature_put(fix.store, &sig, &all, &inserted), MC_OK);
	ck_assert_int_eq(store_commit(fix.store), MC_OK);
	fix_end(&fix);
}
END_TEST

static enum mc_err
chunk_put(struct fix *fix, uint64_t total, uint64_t offset, size_t len)
{
	static const uint8_t bytes[LIMIT_BULK_CHUNK + 1];
	const struct store_scope all = { { NULL, 0 }, false };
	struct msg_crl_chunk chunk = { .number = 1, .total = total, .offset = offset,
		.bytes = base_span_of(bytes, len) };
	bool complete = false;

	memcpy(chunk.issuer_id, fix->issuing_id, 32);
	return store_crl_chunk(fix->store, &chunk, &all, FIX_NOW, &complete);
}

/* The driver's own refusal of a chunk is another one's: of a number, MC_ECONFLICT. */
START_TEST(a_crl_chunk_lies_within_its_crl)
{
	struct fix fix;

	fix_start(&fix);
	ck_assert_int_eq(store_begin(fix.store), MC_OK);
	ck_assert_int_eq(chunk_put(&fix, 10, 0, 0), MC_EUSAGE);
	ck_assert_int_eq(chunk_put(&fix, 2 * LIMIT_BULK_CHUNK, 0, LIMIT_BULK_CHUNK), MC_ECONFLICT);
	ck_assert_int_eq(chunk_put(&fix, 2 * LIMIT_BULK_CHUNK, 0, LIMIT_BULK_CHUNK + 1), MC_EUSAGE);
	ck_assert_int_eq(chunk_put(&fix, LIMIT_CRL, 0, 10), MC_ECONFLICT);
	ck_assert_int_eq(chunk_put(&fix, LIMIT_CRL + 1, 0, 10), MC_EUSAGE);
	ck_assert_int_eq(chunk_put(&fix, 10, 9, 1), MC_ECONFLICT);
	ck_assert_int_eq(chunk_put(&fix, 10, 10, 1), MC_EUSAGE);
	ck_assert_int_eq(chunk_put(&fix, 10, 5, 6), MC_EUSAGE);
	ck_assert_int_eq(chunk_put(&fix, 10, UINT64_MAX, 1), MC_EUSAGE);
	ck_assert_int_eq(chunk_put(&fix, 0, 0, 1), MC_EUSAGE);
	store_rollback(fix.store);
	fix_end(&fix);
}
END_TEST

START_TEST(a_page_has_rows_and_not_too_many)
{
	static const struct {
		uint32_t limit;
		enum mc_err expect;
	} CASES[] = { { 0, MC_EUSAGE }, { 1, MC_OK }, { LIMIT_PAGE, MC_OK }, { LIMIT_PAGE + 1, MC_EUSAGE },
		{ UINT32_MAX, MC_EUSAGE } };
	const struct store_view view = { FIX_NOW, 0 };
	struct fix fix;
	uint64_t next;

	fix_start(&fix);
	for (size_t i = 0; i < sizeof(CASES) / sizeof(CASES[0]); i++) {
		/* none of them finds a row, so none needs a callback */
		const struct msg_cert_list certs = { .limit = CASES[i].limit,
			.environment = base_span_str("none") };
		const struct msg_registration_list registrations = { base_span_str("none"), 0,
			CASES[i].limit };
		const struct msg_event_list events = { 1, CASES[i].limit };

		ck_assert_int_eq(store_cert_list(fix.store, &view, &certs, NULL, NULL, &next),
		    CASES[i].expect);
		ck_assert_int_eq(store_registration_list(fix.store, &registrations, NULL, NULL, &next),
		    CASES[i].expect);
		ck_assert_int_eq(store_event_list(fix.store, &events, NULL, NULL, &next),
		    CASES[i].expect);
	}
	fix_end(&fix);
}
END_TEST

START_TEST(no_read_without_a_store)
{
	static const uint8_t id[32];
	const struct store_view view = { FIX_NOW, 0 };
	uint64_t next;

	REFUSED(store_head(NULL, &(struct store_head){ 0 }));
	REFUSED(store_cert_by_serial(NULL, &view, base_span_str("s"), NULL, NULL));
	REFUSED(store_cert_by_seq(NULL, &view, 1, NULL, NULL));
	REFUSED(store_cert_list(NULL, &view, &(struct msg_cert_list){ .limit = 1 }, NULL, NULL, &next));
	REFUSED(store_cert_walk(NULL, 1, NULL, NULL));
	REFUSED(store_issuer_list(NULL, &view, base_span_str(""), NULL, NULL));
	REFUSED(store_bundle_get(NULL, base_span_str(""), NULL, NULL));
	REFUSED(store_crl_get(NULL, &(struct msg_crl_get){ .number = 0 }, NULL, NULL));
	REFUSED(store_crl_status(NULL, &view, NULL, NULL));
	REFUSED(store_revoked_list(NULL, &view, &(struct msg_revoked_list){ .up_to_seq = 0 }, NULL, NULL));
	REFUSED(store_user_get(NULL, &view, id, NULL, NULL));
	REFUSED(store_user_list(NULL, &view, NULL, NULL));
	REFUSED(store_inventory_get(NULL, &(struct msg_inventory_get){ .seq = 0 }, NULL, NULL));
	REFUSED(store_registration_list(NULL, &(struct msg_registration_list){ .limit = 1 }, NULL, NULL,
	    &next));
	REFUSED(store_event_list(NULL, &(struct msg_event_list){ .limit = 1 }, NULL, NULL, &next));
	REFUSED(store_dedup_recent(NULL, 0, 1, NULL, NULL));
}
END_TEST

/* --- a driver that has only what it must, and whose disk fails --- */
static unsigned rolled_back;
static enum mc_err disk;

static enum mc_err
frail_step(struct store *self)
{
	(void)self;
	return disk;
}

static void
frail_rollback(struct store *self)
{
	(void)self;
	rolled_back++;
}

START_TEST(a_commit_that_fails_is_rolled_back)
{
	static const struct store_ops OPS = { .name = "frail", .begin = frail_step,
		.commit = frail_step, .rollback = frail_rollback };
	struct store store = { .ops = &OPS, .mode = STORE_WRITER };
	unsigned left = 9;

	/* what a driver may leave out has nothing to do */
	ck_assert_int_eq(store_checkpoint(&store, &left), MC_OK);
	ck_assert_uint_eq(left, 0);
	ck_assert_int_eq(store_self_check(&store, NULL, NULL), MC_OK);
	disk = MC_ESTORE;
	ck_assert_int_eq(store_begin(&store), MC_ESTORE);
	no_change_passes(&store); /* there is no transaction then */
	disk = MC_OK;
	ck_assert_int_eq(store_begin(&store), MC_OK);
	disk = MC_ENOSPACE;
	ck_assert_int_eq(store_commit(&store), MC_ENOSPACE);
	ck_assert_uint_eq(rolled_back, 1);
	no_change_passes(&store);
	store_rollback(&store);
	ck_assert_uint_eq(rolled_back, 1);
	disk = MC_OK;
	ck_assert_int_eq(store_begin(&store), MC_OK);
	ck_assert_int_eq(store_commit(&store), MC_OK);
	ck_assert_uint_eq(rolled_back, 1);
}
END_TEST

CHECK_MAIN("store_store", changes_need_a_writers_transaction, transactions_do_not_nest,
    an_intent_has_a_serial_and_a_body_of_their_sizes, a_signature_is_two_der_values,
    a_crl_chunk_lies_within_its_crl, a_page_has_rows_and_not_too_many, no_read_without_a_store,
    a_commit_that_fails_is_rolled_back)
