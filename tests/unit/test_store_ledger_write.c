/* SPDX-License-Identifier: Apache-2.0 */
/* Batches: what is durable when, in which order, and how much of it shares a commit. */
#include "ledger_fixture.h"

#include "check_main.h"

START_TEST(intent_is_durable_when_answered)
{
	struct msg_intent_ans out;
	struct fix_intent leaf;
	struct bench bench;
	struct store *reader;
	struct store_head head;
	struct peer *signer;

	bench_start(&bench);
	signer = peer_start(&bench, MSG_ROLE_SIGNER, "production");
	live_intent(&bench, &leaf, MSG_PROFILE_SVID, "spiffe://cluster.local/ns/a/sa/b");
	ck_assert_int_eq(peer_intent(&bench, signer, &leaf.msg, &out), MC_OK);
	ck_assert_uint_eq(out.seq, 3);
	ck_assert_uint_eq(out.duplicate, 0);
	reader = fix_open(&bench.fix, STORE_READER);
	ck_assert_int_eq(store_head(reader, &head), MC_OK);
	ck_assert_uint_eq(head.seq, 3);
	store_close(reader);
	ck_assert_int_eq(peer_sign(&bench, signer, out.seq, leaf.msg.serial), MC_OK);
	ck_assert_uint_eq(bench.ledger->head.signed_count, 3);
	peer_end(signer);
	bench_end(&bench);
}
END_TEST

START_TEST(unsigned_intents_of_a_lost_signer_are_unconfirmed)
{
	struct msg_intent_ans out;
	struct msg_cert_get get;
	struct msg_cert_row row;
	struct fix_intent leaf;
	struct bench bench;
	struct peer *signer;
	struct peer *front;

	bench_start(&bench);
	signer = peer_start(&bench, MSG_ROLE_SIGNER, "production");
	front = peer_start(&bench, MSG_ROLE_FRONT, "");
	live_intent(&bench, &leaf, MSG_PROFILE_SVID, "spiffe://x/y");
	ck_assert_int_eq(peer_intent(&bench, signer, &leaf.msg, &out), MC_OK);
	get.serial = leaf.msg.serial;
	ck_assert_int_eq(peer_call(&bench, front, MSG_CERT_GET, &msg_cert_get_table, &get,
	                     &msg_cert_row_table, &row),
	    MC_OK);
	ck_assert_int_eq(row.state, MSG_STATE_INTENDED);
	peer_end(signer);
	for (int i = 0; i < 5; i++) {
		base_loop_turn(bench.loop, 10);
	}
	ck_assert_uint_eq(bench.ledger->unconfirmed, 1);
	ck_assert_int_eq(peer_call(&bench, front, MSG_CERT_GET, &msg_cert_get_table, &get,
	                     &msg_cert_row_table, &row),
	    MC_OK);
	ck_assert_int_eq(row.state, MSG_STATE_UNCONFIRMED);
	/* It reconnects (it had lost us, not its life) and repeats what was not answered. */
	signer = peer_start(&bench, MSG_ROLE_SIGNER, "production");
	ck_assert_int_eq(peer_intent(&bench, signer, &leaf.msg, &out), MC_OK);
	ck_assert_uint_eq(out.seq, 3);
	ck_assert_int_eq(peer_sign(&bench, signer, out.seq, leaf.msg.serial), MC_OK);
	ck_assert_uint_eq(bench.ledger->unconfirmed, 0);
	peer_end(signer);
	peer_end(front);
	bench_end(&bench);
}
END_TEST

START_TEST(many_intents_share_commits_and_keep_order)
{
	enum { MANY = 600 };
	struct msg_intent_ans out;
	struct fix_intent leaf;
	struct bench bench;
	struct peer *signer;
	uint64_t commits;

	bench_start(&bench);
	signer = peer_start(&bench, MSG_ROLE_SIGNER, "production");
	commits = bench.ledger->counters.commit_count;
	for (unsigned i = 0; i < MANY; i++) {
		live_intent(&bench, &leaf, MSG_PROFILE_SVID, "spiffe://x/y");
		peer_ask(signer, MSG_INTENT, &msg_intent_table, &leaf.msg);
	}
	peer_wait(&bench, signer, MANY);
	ck_assert_uint_eq(signer->count, MANY);
	for (unsigned i = MANY - PEER_ANSWERS; i < MANY; i++) {
		ck_assert_int_eq(msg_decode(&msg_intent_ans_table,
		                     base_buf_span(&signer->answers[i % PEER_ANSWERS].payload),
		                     &out),
		    MC_OK);
		ck_assert_uint_eq(out.status, MC_OK);
		ck_assert_uint_eq(out.seq, 3 + i);
		ck_assert_uint_eq(signer->answers[i % PEER_ANSWERS].corr, i + 1);
	}
	commits = bench.ledger->counters.commit_count - commits;
	ck_assert_uint_ge(commits, MANY / LIMIT_COMMIT_ROWS);
	ck_assert_uint_le(commits, MANY / 20);
	peer_end(signer);
	bench_end(&bench);
}
END_TEST

/* Sends so many intents at once. Returns whether the writer was given them in that turn. */
static bool
ask_and_look(struct bench *bench, struct peer *signer, unsigned count)
{
	unsigned before = signer->count;
	struct fix_intent leaf;
	bool taken;

	for (unsigned i = 0; i < count; i++) {
		live_intent(bench, &leaf, MSG_PROFILE_SVID, "spiffe://x/y");
		peer_ask(signer, MSG_INTENT, &msg_intent_table, &leaf.msg);
	}
	base_chan_flush(signer->chan);
	do {
		base_loop_turn(bench->loop, 0);
	} while (!bench->ledger->busy && bench->ledger->queue_count < count);
	taken = bench->ledger->busy;
	peer_wait(bench, signer, before + count);
	ck_assert_uint_eq(signer->count, before + count);
	return taken;
}

START_TEST(changes_gather_under_load_only)
{
	bool gathered = false;
	struct bench bench;
	struct peer *signer;

	bench_start(&bench);
	signer = peer_start(&bench, MSG_ROLE_SIGNER, "production");
	ck_assert(ask_and_look(&bench, signer, 1));
	/* right after a small batch there is nothing to gain */
	bench.ledger->committed_us = INT64_MAX;
	ck_assert(ask_and_look(&bench, signer, 40));
	for (unsigned i = 0; i < 20 && !gathered; i++) {
		/* right after a large one; this thread may lose its core for a while, hence several tries */
		bench.ledger->batch.count = 40;
		bench.ledger->committed_us = INT64_MAX;
		gathered = !ask_and_look(&bench, signer, 1);
	}
	ck_assert(gathered);
	/* long after it */
	bench.ledger->batch.count = 40;
	bench.ledger->committed_us = 0;
	ck_assert(ask_and_look(&bench, signer, 1));
	peer_end(signer);
	bench_end(&bench);
}
END_TEST

/* The log is moved beside the commits and begins anew: it does not grow with what was written. */
START_TEST(log_stays_bounded)
{
	enum { MANY = 400, MOVE_AT = 100 };
	struct msg_intent_ans out;
	struct fix_intent leaf;
	struct bench bench;
	struct peer *signer;
	uint64_t most = 0;
	uint64_t written = 0;
	uint64_t before = 0;

	bench_start(&bench);
	bench.ledger->move_at_pages = MOVE_AT;
	signer = peer_start(&bench, MSG_ROLE_SIGNER, "production");
	for (unsigned i = 0; i < MANY; i++) {
		live_intent(&bench, &leaf, MSG_PROFILE_SVID, "spiffe://x/y");
		ck_assert_int_eq(peer_intent(&bench, signer, &leaf.msg, &out), MC_OK);
		if (bench.ledger->head.log_pages > before) {
			written += bench.ledger->head.log_pages - before;
		}
		before = bench.ledger->head.log_pages;
		most = before > most ? before : most;
	}
	ck_assert_uint_gt(written, 10 * MOVE_AT);
	ck_assert_uint_lt(most, 3 * MOVE_AT);
	peer_end(signer);
	bench_end(&bench);
}
END_TEST

static void
on_drained(void *arg)
{
	bool *drained = arg;

	*drained = true;
}

START_TEST(drain_answers_what_was_taken_and_takes_no_more)
{
	struct msg_intent_ans out;
	struct fix_intent leaf;
	struct bench bench;
	struct peer *signer;
	bool drained = false;

	bench_start(&bench);
	signer = peer_start(&bench, MSG_ROLE_SIGNER, "production");
	live_intent(&bench, &leaf, MSG_PROFILE_SVID, "spiffe://x/y");
	peer_ask(signer, MSG_INTENT, &msg_intent_table, &leaf.msg);
	base_loop_turn(bench.loop, 0);
	base_loop_turn(bench.loop, 0);
	ledger_drain(bench.ledger, on_drained, &drained);
	peer_wait(&bench, signer, 1);
	ck_assert_int_eq(msg_decode(&msg_intent_ans_table,
	                     base_buf_span(&signer->answers[0].payload), &out),
	    MC_OK);
	ck_assert_uint_eq(out.status, MC_OK);
	ck_assert(drained);
	live_intent(&bench, &leaf, MSG_PROFILE_SVID, "spiffe://x/y");
	ck_assert_int_eq(peer_intent(&bench, signer, &leaf.msg, &out), MC_ENOTREADY);
	peer_end(signer);
	bench_end(&bench);
}
END_TEST

CHECK_MAIN("store_ledger_write", intent_is_durable_when_answered,
    unsigned_intents_of_a_lost_signer_are_unconfirmed,
    many_intents_share_commits_and_keep_order, changes_gather_under_load_only,
    log_stays_bounded, drain_answers_what_was_taken_and_takes_no_more)
