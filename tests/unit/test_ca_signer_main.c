/* SPDX-License-Identifier: Apache-2.0 */
/* The signer program itself, by its messages. */
#include "check_main.h"
#include "signer_world.h"

static const char production[] =
    "state_dir: /nowhere\n"
    "environments:\n"
    "  - name: production\n"
    "    grpc: {listen: \"127.0.0.1:15012\", dns_names: [ca.example.org]}\n"
    "    svid: {ttl: 12h, max_ttl: 3d, key_types: [p-256, rsa]}\n"
    "    server: {ttl: 2d, names: [\"*.mesh.example.org\"]}\n"
    "    rate: {per_second: 1000, burst: 1000}\n"
    "    verify_sample: 1\n";

static void
open_production(void)
{
	world_open("production", production, "P-256", "cluster.local");
	ck_assert_int_eq(world_unseal("right"), MC_OK);
	world_leaf_key("P-256");
}

static void
close_all(void)
{
	world_leaf_key_free();
	world_close();
}

/* From a sealed start to a recorded leaf. */
START_TEST(test_whole_way)
{
	struct world_item intent_item, item;

	world_open("production", production, "P-256", "cluster.local");
	world_leaf_key("P-256");
	struct msg_issue msg = svid();
	ck_assert_uint_eq(world->last_state, MSG_RS_SEALED);
	ck_assert_int_eq(refusal(&msg), MC_ESEALED);
	ck_assert_int_eq(world_unseal("right"), MC_OK);
	ck_assert_uint_eq(world->last_state, MSG_RS_READY);
	ask(&msg);
	struct msg_intent got = intent(&intent_item);
	ck_assert(world_quiet(&world->front, 200));
	ck_assert(world_quiet(&world->ledger, 1)); /* no signature either */
	acknowledge(intent_item.corr, 41);
	struct msg_issue_ans ans = answer(&item, MSG_ISSUE);
	ck_assert_uint_eq(ans.status, MC_OK);
	record(41, &got.tbs, &ans.cert);
	free(intent_item.bytes);
	free(item.bytes);
	close_all();
}
END_TEST

/* An older issuer's key never becomes the active one by an accident. */
START_TEST(test_active_unreadable)
{
	world_break_active = true;
	world_open("production", production, "P-256", "cluster.local");
	world_break_active = false;
	world_leaf_key("P-256");
	ck_assert_int_eq(world_unseal("right"), MC_ENOTREADY);
	ck_assert_uint_eq(world->last_state, MSG_RS_SEALED);
	close_all();
}
END_TEST

/* A ledger that was replaced is asked what the one before did not answer. */
START_TEST(test_ledger_again)
{
	struct world_item first, again, item;

	open_production();
	struct msg_issue msg = svid();
	ask(&msg);
	(void)intent(&first);
	world_end_close(&world->ledger);
	ck_assert(world_quiet(&world->front, 100));
	world_give_channel(&world->ledger, MSG_ROLE_LEDGER);
	(void)intent(&again);
	ck_assert_uint_eq(again.len, first.len);
	ck_assert_mem_eq(again.bytes, first.bytes, first.len);
	acknowledge(again.corr, 9);
	ck_assert_uint_eq(answer(&item, MSG_ISSUE).status, MC_OK);
	free(first.bytes);
	free(again.bytes);
	free(item.bytes);
	close_all();
}
END_TEST

/* The sweep runs on its own: 5 s, for the time is the program's. */
START_TEST(test_no_ledger)
{
	struct world_item item;

	open_production();
	struct msg_issue msg = svid();
	world_end_close(&world->ledger);
	ck_assert(world_quiet(&world->front, 50));
	int64_t start = base_clock_boot_us();
	ask(&msg);
	ck_assert_uint_eq(answer(&item, MSG_ISSUE).status, MC_ENOTREADY);
	ck_assert_int_ge(base_clock_boot_us() - start, 4500000);
	ck_assert_uint_eq(world->last_state, MSG_RS_BLOCKED);
	free(item.bytes);
	close_all();
}
END_TEST

START_TEST(test_drain)
{
	struct world_item intent_item, item;

	open_production();
	struct msg_issue msg = svid();
	ask(&msg);
	(void)intent(&intent_item);
	world_ask(&world->control, MSG_CTL_DRAIN, &msg_empty_table, &(struct msg_empty){0});
	ck_assert(world_quiet(&world->control, 200));
	acknowledge(intent_item.corr, 1);
	ck_assert_uint_eq(answer(&item, MSG_ISSUE).status, MC_OK);
	free(item.bytes);
	ck_assert(world_quiet(&world->control, 100));
	record(1, NULL, NULL);
	ck_assert_int_eq(world_status(&world->control, MSG_CTL_DRAIN), MC_OK);
	world_end_close(&world->front);
	world_end_close(&world->keeper);
	ck_assert_int_eq(world_wait_exit(), 0);
	free(intent_item.bytes);
	close_all();
}
END_TEST

static bool
front_is_dropped(void)
{
	int64_t until = base_clock_boot_us() + WORLD_WAIT_US;

	while (!world->front.gone && base_clock_boot_us() < until) {
		base_loop_turn(world->loop, 20);
	}
	return world->front.gone;
}

/* A front that asks for what is not a front's, or greets again as another, is hung up on. */
START_TEST(test_permits)
{
	static const uint16_t TYPES[] = {MSG_CRL_SIGN, MSG_INTENT, MSG_USER_PUT, MSG_CTL_UNSEAL,
	    MSG_CTL_CLOCK, 0x7ffe};
	static const enum msg_role ROLES[] = {MSG_ROLE_SUPERVISOR, MSG_ROLE_LEDGER,
	    MSG_ROLE_KEEPER};
	struct msg_crl_sign sign = {0};

	open_production();
	for (size_t i = 0; i < sizeof(TYPES) / sizeof(TYPES[0]); i++) {
		world_ask(&world->front, TYPES[i], &msg_crl_sign_table, &sign);
		ck_assert_msg(front_is_dropped(), "type %u", TYPES[i]);
		world_give_channel(&world->front, MSG_ROLE_FRONT);
	}
	for (size_t i = 0; i < sizeof(ROLES) / sizeof(ROLES[0]); i++) {
		ck_assert_int_eq(msg_hello_send(world->front.chan, ROLES[i], NULL), MC_OK);
		ck_assert_msg(front_is_dropped(), "hello as %s", msg_role_name(ROLES[i]));
		world_give_channel(&world->front, MSG_ROLE_FRONT);
	}
	close_all();
}
END_TEST

/* Whoever kept the channel of a front or a keeper that is gone has nothing. */
START_TEST(test_one_front)
{
	static const enum msg_role ROLES[] = {MSG_ROLE_FRONT, MSG_ROLE_KEEPER};
	static struct world_end other;

	open_production();
	struct world_end *ends[] = {&world->front, &world->keeper};
	for (size_t i = 0; i < 2; i++) {
		world_give_channel(&other, ROLES[i]);
		int64_t until = base_clock_boot_us() + WORLD_WAIT_US;
		while (!ends[i]->gone && base_clock_boot_us() < until) {
			base_loop_turn(world->loop, 50);
		}
		ck_assert(ends[i]->gone);
		world_ask(&other, MSG_SIGNER_INFO, &msg_empty_table, &(struct msg_empty){0});
		struct world_item item = world_take(&other, MSG_ANSWER(MSG_SIGNER_INFO));
		free(item.bytes);
		world_end_close(&other);
	}
	close_all();
}
END_TEST

/* Without an approval a person comes in by the machine's own socket alone. */
START_TEST(test_people)
{
	static const char operators[] = "state_dir: /nowhere\n"
					"environments:\n"
					"  - name: production\n"
					"    grpc: {listen: \"127.0.0.1:15012\"}\n";
	struct world_item item;
	struct msg_issue_ans ans;

	world_open("operators", operators, "P-256", "operators.meshca");
	ck_assert_int_eq(world_unseal("right"), MC_OK);
	world_leaf_key("P-256");
	struct msg_issue workload = svid();
	ck_assert_int_eq(refusal(&workload), MC_EPROFILE);
	struct msg_user_issue msg = user("ann");
	ck_assert_int_eq(user_status(&msg), MC_EAPPROVAL);
	world_ask(&world->control, MSG_USER_ISSUE, &msg_user_issue_table, &msg);
	ledger_takes_user(1, MC_OK);
	item = world_take(&world->control, MSG_ANSWER(MSG_USER_ISSUE));
	ck_assert_int_eq(msg_decode(&msg_issue_ans_table, world_bytes(&item), &ans), MC_OK);
	ck_assert_uint_eq(ans.status, MC_OK);
	free(item.bytes);
	close_all();
}
END_TEST

CHECK_MAIN("ca_signer_main", test_whole_way, test_active_unreadable, test_ledger_again,
    test_no_ledger, test_drain, test_permits, test_one_front, test_people)
