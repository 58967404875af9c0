/* SPDX-License-Identifier: Apache-2.0 */
/* Requests under way: what the ledger says of them, and what becomes of them when it is gone. */
#include "check_main.h"
#include "signer_bench.h"

static struct msg_issue asked;

static void
open_one(void)
{
	bench_open("production", bench_production);
	asked = svid();
}

static void
ledger_gone(void)
{
	world_end_close(&world->ledger);
	bench_turn();
	ck_assert_ptr_null(world->signer->ledger);
}

START_TEST(test_refuses_or_knows)
{
	struct world_item item, intent_item;

	open_one();
	ask(&asked);
	(void)intent(&intent_item);
	ck_assert_int_eq(msg_send_failure(world->ledger.chan, MSG_INTENT, intent_item.corr,
			     &msg_intent_ans_table, MC_ENOSPACE), MC_OK);
	free(intent_item.bytes);
	ck_assert_uint_eq(answer(&item, MSG_ISSUE).status, MC_ENOSPACE);
	free(item.bytes);
	ck_assert_uint_eq(world->signer->request_count, 0);

	asked.has_dedup = 1;
	ask(&asked);
	(void)intent(&intent_item);
	struct msg_intent_ans dup = {.status = MC_OK, .seq = 3, .duplicate = 1,
	    .not_before_at = 11, .not_after_at = 12, .issuer_id = {13},
	    .serial = base_span_str("0123456789abcdef"), .cert = base_span_str("cert"),
	    .issuer = base_span_str("issuer")};
	ck_assert_int_eq(msg_send(world->ledger.chan, MSG_ANSWER(MSG_INTENT), 0,
			     intent_item.corr, &msg_intent_ans_table, &dup), MC_OK);
	struct msg_issue_ans ans = answer(&item, MSG_ISSUE);
	ck_assert_uint_eq(ans.status, MC_OK);
	ck_assert_uint_eq(ans.duplicate, 1);
	ck_assert(base_span_equal_str(ans.cert, "cert"));
	ck_assert(base_span_equal_str(ans.issuer, "issuer"));
	ck_assert(base_span_equal_str(ans.serial, "0123456789abcdef"));
	ck_assert_int_eq(ans.not_before_at, 11);
	ck_assert_int_eq(ans.not_after_at, 12);
	ck_assert_uint_eq(ans.issuer_id[0], 13);
	ck_assert(bench_quiet(&world->ledger)); /* nothing was signed */
	ck_assert_uint_eq(world->signer->signed_count, 0);
	ck_assert_uint_eq(world->signer->request_count, 0);
	free(item.bytes);
	free(intent_item.bytes);
	bench_close();
}
END_TEST

/* An answer that acknowledges nothing leads to no signature. */
START_TEST(test_no_row)
{
	struct world_item item, intent_item;

	open_one();
	ask(&asked);
	(void)intent(&intent_item);
	acknowledge(intent_item.corr, 0);
	ck_assert_uint_eq(answer(&item, MSG_ISSUE).status, MC_EINTERNAL);
	ck_assert(bench_quiet(&world->ledger));
	ck_assert_uint_eq(world->signer->request_count, 0);
	free(item.bytes);
	free(intent_item.bytes);
	bench_close();
}
END_TEST

/* The record fails: with `confirm` the asker hears of it, without it has the leaf already. */
START_TEST(test_not_recorded)
{
	open_one();
	for (uint8_t confirm = 0; confirm < 2; confirm++) {
		struct world_item item;
		asked.confirm = confirm;
		ask(&asked);
		(void)intent(&item);
		acknowledge(item.corr, 7);
		free(item.bytes);
		item = world_take(&world->ledger, MSG_SIGNATURE);
		ck_assert_int_eq(msg_send_failure(world->ledger.chan, MSG_SIGNATURE, item.corr,
				     &msg_status_ans_table, MC_ESTORE), MC_OK);
		free(item.bytes);
		bench_turn();
		ck_assert_uint_eq(answer(&item, MSG_ISSUE).status, confirm ? MC_ESTORE : MC_OK);
		free(item.bytes);
		ck_assert(bench_quiet(&world->front)); /* and once only */
		ck_assert_uint_eq(world->signer->request_count, 0);
	}
	bench_close();
}
END_TEST

/* Nobody waits for it any more: an intent stays unsigned, a signature is still recorded. */
START_TEST(test_asker_gone)
{
	struct world_item first, second;

	open_one();
	ask(&asked);
	(void)intent(&first);
	asked.confirm = 1;
	ask(&asked);
	(void)intent(&second);
	acknowledge(second.corr, 9);
	bench_turn();
	world_end_close(&world->front);
	bench_turn();
	record(9, NULL, NULL);
	acknowledge(first.corr, 8);
	ck_assert(bench_quiet(&world->ledger));
	ck_assert_uint_eq(world->signer->signed_count, 1);
	ck_assert_uint_eq(world->signer->request_count, 0);
	free(first.bytes);
	free(second.bytes);
	bench_close();
}
END_TEST

/* The ledger dies with an intent and a signature unanswered: the next one gets both again, the same bytes. */
START_TEST(test_ledger_dies)
{
	struct world_item first, second, again, item;

	open_one();
	ask(&asked);
	(void)intent(&first);
	acknowledge(first.corr, 8);
	ck_assert_uint_eq(answer(&item, MSG_ISSUE).status, MC_OK);
	free(item.bytes);
	item = world_take(&world->ledger, MSG_SIGNATURE);
	ask(&asked);
	(void)intent(&second);
	ledger_gone();
	ck_assert(bench_quiet(&world->front));
	ask(&asked); /* one more while there is none */
	bench_turn();
	bench_connect(&world->ledger, MSG_ROLE_LEDGER);
	again = world_take(&world->ledger, MSG_SIGNATURE); /* what is signed comes first */
	ck_assert_uint_eq(again.len, item.len);
	ck_assert_mem_eq(again.bytes, item.bytes, item.len);
	ck_assert_uint_ne(again.corr, item.corr);
	struct msg_status_ans ok = {0};
	ck_assert_int_eq(msg_send(world->ledger.chan, MSG_ANSWER(MSG_SIGNATURE), 0, again.corr,
			     &msg_status_ans_table, &ok), MC_OK);
	free(again.bytes);
	free(item.bytes);
	unsigned seen = 0;
	uint64_t corrs[2];
	for (int i = 0; i < 2; i++) {
		(void)intent(&again);
		corrs[i] = again.corr;
		seen += again.len == second.len &&
		    memcmp(again.bytes, second.bytes, second.len) == 0;
		free(again.bytes);
	}
	ck_assert_uint_eq(seen, 1);
	for (int i = 0; i < 2; i++) {
		acknowledge(corrs[i], 9 + (uint64_t)i);
		ck_assert_uint_eq(answer(&item, MSG_ISSUE).status, MC_OK);
		free(item.bytes);
		record(9 + (uint64_t)i, NULL, NULL);
	}
	bench_turn();
	ck_assert_uint_eq(world->signer->request_count, 0);
	free(first.bytes);
	free(second.bytes);
	bench_close();
}
END_TEST

/* A person's record, too, is repeated. */
START_TEST(test_ledger_dies_of_a_person)
{
	struct world_item item, again;
	struct msg_user_issue msg;

	bench_open("operators", bench_operators);
	msg = user("ann");
	world_ask(&world->control, MSG_USER_ISSUE, &msg_user_issue_table, &msg);
	(void)intent(&item);
	acknowledge(item.corr, 1);
	free(item.bytes);
	record(1, NULL, NULL);
	item = world_take(&world->ledger, MSG_USER_PUT);
	ledger_gone();
	bench_connect(&world->ledger, MSG_ROLE_LEDGER);
	again = world_take(&world->ledger, MSG_USER_PUT);
	ck_assert_uint_eq(again.len, item.len);
	ck_assert_mem_eq(again.bytes, item.bytes, item.len);
	free(again.bytes);
	free(item.bytes);
	bench_close();
}
END_TEST

/* Too long without a ledger: an intent is refused, a signature waits. */
START_TEST(test_sweep)
{
	struct world_item item;

	open_one();
	struct signer *signer = world->signer;
	asked.confirm = 1;
	ask(&asked);
	(void)intent(&item);
	acknowledge(item.corr, 8);
	free(item.bytes);
	item = world_take(&world->ledger, MSG_SIGNATURE);
	free(item.bytes);
	ledger_gone();
	ask(&asked);
	ask(&asked);
	bench_turn();
	ck_assert_uint_eq(signer->request_count, 3);
	struct signer_request *older = signer->to_sign.head;
	int64_t now = base_loop_now_us(world->loop);
	ck_assert_int_gt(older->deadline_us, now);
	ck_assert_int_le(older->deadline_us, now + SIGNER_WAIT_US);
	older->deadline_us = now + 1;
	signer_sweep(signer);
	ck_assert(bench_quiet(&world->front));
	older->deadline_us = base_loop_now_us(world->loop);
	signer_sweep(signer);
	bench_turn();
	ck_assert_uint_eq(world->front.count, 1); /* at once, not with the next sweep */
	ck_assert_uint_eq(answer(&item, MSG_ISSUE).status, MC_ENOTREADY);
	free(item.bytes);
	ck_assert(bench_quiet(&world->front));
	ck_assert_uint_eq(signer->request_count, 2);
	/* the ones that are left find the next ledger */
	bench_connect(&world->ledger, MSG_ROLE_LEDGER);
	record(8, NULL, NULL);
	ck_assert_uint_eq(answer(&item, MSG_ISSUE).status, MC_OK);
	free(item.bytes);
	(void)intent(&item);
	free(item.bytes);
	bench_close();
}
END_TEST

/* Every leaf leaves room in the ledger's window for a CRL. */
START_TEST(test_window)
{
	struct world_item item;

	open_one();
	world->signer->tokens_u = INT64_C(2000) * 1000000;
	world->signer->config->environments[0].rate_burst = 2000;
	for (int i = 0; i < LIMIT_CHAN_WINDOW; i++) {
		ask(&asked);
		if (i % 16 == 0) {
			bench_turn();
		}
	}
	bench_turn();
	ck_assert_uint_eq(world->ledger.count, LIMIT_CHAN_WINDOW - SIGNER_CRL_CREDITS);
	ck_assert_uint_eq(base_chan_pending(world->signer->ledger),
	    LIMIT_CHAN_WINDOW - SIGNER_CRL_CREDITS);
	/* an answer lets one more through */
	(void)intent(&item);
	ck_assert_int_eq(msg_send_failure(world->ledger.chan, MSG_INTENT, item.corr,
			     &msg_intent_ans_table, MC_ENOSPACE), MC_OK);
	free(item.bytes);
	bench_turn();
	ck_assert_uint_eq(world->ledger.count, LIMIT_CHAN_WINDOW - SIGNER_CRL_CREDITS);
	bench_close();
}
END_TEST

START_TEST(test_slots)
{
	open_one();
	struct signer *signer = world->signer;
	struct signer_request *request = NULL, *last = NULL;
	unsigned count = 0;
	while ((request = signer_request_new(signer)) != NULL) {
		last = request;
		count++;
	}
	ck_assert_int_eq(mc_err_last()->code, MC_EBUSY);
	ck_assert_uint_eq(count, SIGNER_REQUESTS);
	ck_assert_uint_eq(signer->request_count, SIGNER_REQUESTS);
	last->user = base_xcalloc(1, sizeof(*last->user));
	base_buf_append_str(&last->tbs, "of the one before");
	last->seq = 3;
	unsigned settled = world->settled;
	signer_request_drop(signer, last);
	ck_assert_uint_eq(world->settled, settled + 1);
	ck_assert_uint_eq(signer->request_count, SIGNER_REQUESTS - 1);
	ck_assert_ptr_eq(signer_request_new(signer), last); /* with nothing in it */
	ck_assert_ptr_null(last->user);
	ck_assert_uint_eq(last->tbs.len, 0);
	ck_assert_uint_eq(last->seq, 0);
	bench_close();
}
END_TEST

/* Whether the signer hung up on its ledger. */
static bool
hangs_up(uint16_t type, uint64_t corr, const struct msg_table *table, const void *object)
{
	struct base_buf payload;
	struct base_item item = {.type = type, .corr = corr, .fd = -1};

	base_buf_init(&payload, LIMIT_FRAME);
	ck_assert_int_eq(msg_encode(table, object, &payload), MC_OK);
	item.payload = base_buf_span(&payload);
	enum mc_err ret = signer_ledger_answer(world->signer, &item);
	ck_assert(ret == MC_OK || ret == MC_EFRAME);
	base_buf_clear(&payload);
	return ret != MC_OK;
}

/* Answers to what was not asked, or to another step of it. */
START_TEST(test_strange_answers)
{
	struct msg_intent_ans acked = {.status = MC_OK, .seq = 5};
	struct msg_status_ans ok = {0};
	struct world_item item;

	open_one();
	ask(&asked);
	(void)intent(&item);
	ck_assert(hangs_up(MSG_ANSWER(MSG_INTENT), item.corr + 1, &msg_intent_ans_table, &acked));
	ck_assert(hangs_up(MSG_ANSWER(MSG_INTENT), item.corr + SIGNER_REQUESTS,
	    &msg_intent_ans_table, &acked));
	ck_assert(hangs_up(MSG_ANSWER(MSG_INTENT), 0, &msg_intent_ans_table, &acked));
	ck_assert(hangs_up(MSG_ANSWER(MSG_SIGNATURE), item.corr, &msg_status_ans_table, &ok));
	ck_assert(hangs_up(MSG_ANSWER(MSG_USER_PUT), item.corr, &msg_status_ans_table, &ok));
	ck_assert(hangs_up(MSG_ANSWER(MSG_ISSUE), item.corr, &msg_status_ans_table, &ok));
	ck_assert(hangs_up(MSG_ANSWER(MSG_INTENT), item.corr, &msg_status_ans_table, &ok));
	ck_assert_uint_eq(world->signer->signed_count, 0);
	ck_assert(!hangs_up(MSG_ANSWER(MSG_INTENT), item.corr, &msg_intent_ans_table, &acked));
	ck_assert_uint_eq(world->signer->signed_count, 1);
	/* an acknowledgement is good for one signature */
	ck_assert(hangs_up(MSG_ANSWER(MSG_INTENT), item.corr, &msg_intent_ans_table, &acked));
	ck_assert_uint_eq(world->signer->signed_count, 1);
	free(item.bytes);
	bench_close();
}
END_TEST

CHECK_MAIN("ca_signer_ledger", test_refuses_or_knows, test_no_row, test_not_recorded,
    test_asker_gone, test_ledger_dies, test_ledger_dies_of_a_person, test_sweep, test_window,
    test_slots, test_strange_answers)
