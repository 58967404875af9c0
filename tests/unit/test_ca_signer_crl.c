/* SPDX-License-Identifier: Apache-2.0 */
/* A CRL on its way: number, revocations, signature, chunks; and where it breaks off. */
#include "check_main.h"
#include "signer_bench.h"

static struct msg_crl_sign sign_msg;

static void
ask_crl(void)
{
	world_ask(&world->keeper, MSG_CRL_SIGN, &msg_crl_sign_table, &sign_msg);
}

static struct msg_crl_sign_ans
crl_answer(void)
{
	struct world_item item = world_take(&world->keeper, MSG_ANSWER(MSG_CRL_SIGN));
	struct msg_crl_sign_ans ans;

	ck_assert_int_eq(msg_decode(&msg_crl_sign_ans_table, world_bytes(&item), &ans), MC_OK);
	ans.detail = base_span_of(NULL, 0);
	free(item.bytes);
	return ans;
}

static enum mc_err
crl_refusal(void)
{
	ask_crl();
	return (enum mc_err)crl_answer().status;
}

static void
open_one(void)
{
	sign_msg = (struct msg_crl_sign){.request_id = {7}};
	bench_open("production", bench_production);
}

/* The ledger gives a number. */
static void
begin(enum mc_err status)
{
	struct msg_crl_begin_ans ans = {.status = status};
	struct world_item item = world_take(&world->ledger, MSG_CRL_BEGIN);
	struct msg_crl_begin msg;

	ck_assert_int_eq(msg_decode(&msg_crl_begin_table, world_bytes(&item), &msg), MC_OK);
	ck_assert_mem_eq(msg.request_id, sign_msg.request_id, sizeof(msg.request_id));
	ck_assert_mem_eq(msg.issuer_id, issuer_id(signer_active(world->signer)), 32);
	if (status == MC_OK) {
		ans.number = 12;
		ans.revocation_seq = 3;
	}
	ck_assert_int_eq(msg_send(world->ledger.chan, MSG_ANSWER(MSG_CRL_BEGIN), 0, item.corr,
			     &msg_crl_begin_ans_table, &ans), MC_OK);
	free(item.bytes);
}

/* It is asked for the revocations up to the number's; answer them with list(). */
static uint64_t
list_asked(void)
{
	struct world_item item = world_take(&world->ledger, MSG_REVOKED_LIST);
	struct msg_revoked_list msg;

	ck_assert_int_eq(msg_decode(&msg_revoked_list_table, world_bytes(&item), &msg), MC_OK);
	ck_assert_uint_eq(msg.up_to_seq, 3);
	ck_assert_mem_eq(msg.issuer_id, issuer_id(signer_active(world->signer)), 32);
	free(item.bytes);
	return item.corr;
}

static void
list(uint64_t corr, uint16_t flags, struct base_span entries)
{
	struct msg_revoked_list_ans ans = {.status = MC_OK, .entries = entries};

	ck_assert_int_eq(msg_send(world->ledger.chan, MSG_ANSWER(MSG_REVOKED_LIST), flags, corr,
			     &msg_revoked_list_ans_table, &ans), MC_OK);
}

/* 1,000 entries, whose serials begin with i. */
static void
list_thousand(uint64_t corr, uint16_t flags, uint8_t i)
{
	struct base_buf entries;

	base_buf_init(&entries, LIMIT_BULK_CHUNK);
	for (uint16_t k = 0; k < 1000; k++) {
		base_buf_append_u8(&entries, 3);
		base_buf_append_u8(&entries, i);
		base_buf_append_le16(&entries, k);
		base_buf_append_le64(&entries, (uint64_t)base_clock_now());
		base_buf_append_u8(&entries, MSG_REASON_SUPERSEDED);
	}
	list(corr, flags, base_buf_span(&entries));
	base_buf_clear(&entries);
}

/* Takes one chunk, appends its bytes, says that it is stored. */
static struct msg_crl_chunk
take_chunk(struct base_buf *der, enum mc_err status)
{
	struct world_item item = world_take(&world->ledger, MSG_CRL_CHUNK);
	struct msg_status_ans ans = {.status = status};
	struct msg_crl_chunk chunk;

	ck_assert_int_eq(msg_decode(&msg_crl_chunk_table, world_bytes(&item), &chunk), MC_OK);
	ck_assert_uint_eq(chunk.offset, der->len);
	base_buf_append_span(der, chunk.bytes);
	ck_assert(base_span_equal_str(chunk.actor, "keeper"));
	ck_assert_mem_eq(chunk.request_id, sign_msg.request_id, sizeof(chunk.request_id));
	ck_assert_mem_eq(chunk.issuer_id, issuer_id(signer_active(world->signer)), 32);
	ck_assert(bench_quiet(&world->keeper));
	ck_assert_int_eq(msg_send(world->ledger.chan, MSG_ANSWER(MSG_CRL_CHUNK), 0, item.corr,
			     &msg_status_ans_table, &ans), MC_OK);
	free(item.bytes);
	return chunk;
}

START_TEST(test_crl)
{
	struct msg_crl_chunk chunk;
	struct base_buf der;

	open_one();
	int64_t before = base_clock_now();
	ask_crl();
	begin(MC_OK);
	uint64_t corr = list_asked();
	list_thousand(corr, BASE_ITEM_MORE, 1);
	ck_assert(bench_quiet(&world->ledger)); /* not before the list is whole */
	list_thousand(corr, 0, 2);
	base_buf_init(&der, LIMIT_CRL);
	do {
		chunk = take_chunk(&der, MC_OK);
		ck_assert_uint_eq(chunk.number, 12);
		ck_assert_uint_eq(chunk.revocation_seq, 3);
	} while (der.len < chunk.total);
	ck_assert_uint_eq(der.len, chunk.total);
	ck_assert_uint_gt(der.len, LIMIT_BULK_CHUNK); /* it took several */
	struct msg_crl_sign_ans ans = crl_answer();
	ck_assert_uint_eq(ans.status, MC_OK);
	ck_assert_uint_eq(ans.number, 12);
	ck_assert_int_eq(ans.this_update_at, chunk.this_update_at);
	ck_assert_int_eq(ans.next_update_at, chunk.next_update_at);
	ck_assert_int_eq(ans.next_update_at - ans.this_update_at,
	    world->signer->env->crl_lifetime_s + LIMIT_BACKDATE_S);
	ck_assert_int_ge(ans.this_update_at, before - LIMIT_BACKDATE_S);
	const unsigned char *p = der.ptr;
	X509_CRL *crl = d2i_X509_CRL(NULL, &p, (long)der.len);
	ck_assert_int_eq(X509_CRL_verify(crl, world->ca->key), 1);
	ck_assert_int_eq(sk_X509_REVOKED_num(X509_CRL_get_REVOKED(crl)), 2000);
	ck_assert_int_eq(ASN1_TIME_cmp_time_t(X509_CRL_get0_lastUpdate(crl),
			     (time_t)ans.this_update_at), 0);
	ck_assert_int_eq(ASN1_TIME_cmp_time_t(X509_CRL_get0_nextUpdate(crl),
			     (time_t)ans.next_update_at), 0);
	X509_CRL_free(crl);
	base_buf_clear(&der);
	ck_assert_ptr_null(world->signer->crl);
	ck_assert_uint_eq(world->settled, 1);
	bench_close();
}
END_TEST

START_TEST(test_refusals)
{
	open_one();
	sign_msg.issuer_id[0] = 1;
	ck_assert_int_eq(crl_refusal(), MC_ENOTFOUND);
	sign_msg.issuer_id[0] = 0;
	world->signer->started = false;
	ck_assert_int_eq(crl_refusal(), MC_ESEALED);
	world->signer->started = true;
	bench_clock_jump(BASE_CLOCK_STEP_MAX_S + 2);
	ck_assert_int_eq(crl_refusal(), MC_ECLOCK);
	bench_clock_jump(0);
	ck_assert(bench_quiet(&world->ledger));
	ask_crl();
	bench_turn();
	ck_assert_int_eq(crl_refusal(), MC_EBUSY);
	begin(MC_OK); /* the one before goes on */
	(void)list_asked();
	world_end_close(&world->ledger);
	bench_turn();
	ck_assert_uint_eq(crl_answer().status, MC_ENOTREADY);
	ck_assert_ptr_null(world->signer->crl);
	ck_assert_int_eq(crl_refusal(), MC_ENOTREADY); /* nor is one begun without */
	ck_assert_ptr_null(world->signer->crl);
	bench_close();
	bench_open_sealed("production", bench_production);
	ck_assert_int_eq(crl_refusal(), MC_ESEALED);
	bench_close();
}
END_TEST

/* Wherever the ledger refuses, or says what makes no list, the asker hears of it and the next one may come. */
START_TEST(test_ledger_refuses)
{
	struct base_buf der;
	uint64_t corr;

	open_one();
	base_buf_init(&der, LIMIT_CRL);
	ask_crl();
	begin(MC_ENOTFOUND);
	ck_assert_uint_eq(crl_answer().status, MC_ENOTFOUND);

	ask_crl();
	begin(MC_OK);
	corr = list_asked();
	struct msg_revoked_list_ans no = {.status = MC_ESTORE};
	ck_assert_int_eq(msg_send(world->ledger.chan, MSG_ANSWER(MSG_REVOKED_LIST), 0, corr,
			     &msg_revoked_list_ans_table, &no), MC_OK);
	ck_assert_uint_eq(crl_answer().status, MC_ESTORE);

	ask_crl();
	begin(MC_OK);
	corr = list_asked();
	list(corr, BASE_ITEM_MORE, base_span_of("\x01", 1));
	ck_assert_uint_eq(crl_answer().status, MC_EFRAME);
	ask_crl();
	begin(MC_OK);
	uint64_t next = list_asked();
	list_thousand(corr, 0, 1); /* the rest of the one before: of no use, and no fault */
	ck_assert(bench_quiet(&world->ledger));
	ck_assert(!world->ledger.gone);
	list(next, 0, base_span_of(NULL, 0));
	(void)take_chunk(&der, MC_ECONFLICT);
	ck_assert_uint_eq(crl_answer().status, MC_ECONFLICT);
	ck_assert(bench_quiet(&world->ledger));
	ck_assert_ptr_null(world->signer->crl);
	ck_assert_uint_eq(world->settled, 4);
	base_buf_clear(&der);
	bench_close();
}
END_TEST

/* Without its asker a CRL is made all the same: the ledger keeps it. */
START_TEST(test_asker_gone)
{
	struct base_buf der;

	open_one();
	base_buf_init(&der, LIMIT_CRL);
	ask_crl();
	begin(MC_OK);
	uint64_t corr = list_asked();
	world_end_close(&world->keeper);
	bench_turn();
	list(corr, 0, base_span_of(NULL, 0));
	bench_turn();
	struct world_item item = world_take(&world->ledger, MSG_CRL_CHUNK);
	struct msg_status_ans ok = {0};
	ck_assert_int_eq(msg_send(world->ledger.chan, MSG_ANSWER(MSG_CRL_CHUNK), 0, item.corr,
			     &msg_status_ans_table, &ok), MC_OK);
	free(item.bytes);
	bench_turn();
	ck_assert_ptr_null(world->signer->crl);
	/* another's going is none of its business */
	bench_connect(&world->keeper, MSG_ROLE_KEEPER);
	ask_crl();
	bench_turn();
	world_end_close(&world->front);
	begin(MC_OK);
	list(list_asked(), 0, base_span_of(NULL, 0));
	(void)take_chunk(&der, MC_OK);
	ck_assert_uint_eq(crl_answer().status, MC_OK);
	base_buf_clear(&der);
	bench_close();
}
END_TEST

/* A window full of leaves that the ledger has not answered yet: the CRL is begun beside them. */
START_TEST(test_in_a_crowd)
{
	open_one();
	world->signer->config->environments[0].rate_burst = 2000;
	world->signer->tokens_u = INT64_C(2000) * 1000000;
	struct msg_issue msg = svid();
	for (int i = 0; i < LIMIT_CHAN_WINDOW; i++) {
		ask(&msg);
		if (i % 16 == 0) {
			bench_turn();
		}
	}
	bench_turn();
	ask_crl();
	for (int i = 0; i < LIMIT_CHAN_WINDOW - SIGNER_CRL_CREDITS; i++) {
		struct world_item item = world_take(&world->ledger, MSG_INTENT);
		free(item.bytes);
	}
	begin(MC_OK);
	(void)list_asked();
	bench_close();
}
END_TEST

/* An older issuing CA whose leaves live on gets its CRLs, and signs no leaf. */
START_TEST(test_older_issuer)
{
	struct msg_crl_begin got_begin;
	struct world_item item;

	open_one();
	struct make_ca *older = make_ca("P-256", "cluster.local", base_clock_now() + 5 * 86400);
	base_crypto_sha256(make_ca_der(older), sign_msg.issuer_id);
	ck_assert_int_eq(crl_refusal(), MC_ENOTFOUND);
	bench_issuer(older);
	ask_crl();
	item = world_take(&world->ledger, MSG_CRL_BEGIN);
	ck_assert_int_eq(msg_decode(&msg_crl_begin_table, world_bytes(&item), &got_begin), MC_OK);
	ck_assert_mem_eq(got_begin.issuer_id, sign_msg.issuer_id, 32);
	struct msg_crl_begin_ans number = {.number = 2, .revocation_seq = 3};
	ck_assert_int_eq(msg_send(world->ledger.chan, MSG_ANSWER(MSG_CRL_BEGIN), 0, item.corr,
			     &msg_crl_begin_ans_table, &number), MC_OK);
	free(item.bytes);
	item = world_take(&world->ledger, MSG_REVOKED_LIST);
	list(item.corr, 0, base_span_of(NULL, 0));
	free(item.bytes);
	item = world_take(&world->ledger, MSG_CRL_CHUNK);
	struct msg_crl_chunk chunk;
	ck_assert_int_eq(msg_decode(&msg_crl_chunk_table, world_bytes(&item), &chunk), MC_OK);
	const unsigned char *p = chunk.bytes.ptr;
	X509_CRL *crl = d2i_X509_CRL(NULL, &p, (long)chunk.bytes.len);
	ck_assert_int_eq(X509_CRL_verify(crl, older->key), 1);
	X509_CRL_free(crl);
	free(item.bytes);

	struct msg_issue msg = svid();
	ask(&msg);
	struct msg_intent got = intent(&item);
	base_crypto_sha256(make_ca_der(world->ca), sign_msg.issuer_id);
	ck_assert_mem_eq(got.issuer_id, sign_msg.issuer_id, 32);
	free(item.bytes);
	make_ca_free(older);
	bench_close();
}
END_TEST

CHECK_MAIN("ca_signer_crl", test_crl, test_refusals, test_ledger_refuses, test_asker_gone,
    test_in_a_crowd, test_older_issuer)
