/* SPDX-License-Identifier: Apache-2.0 */
/* The orders of the local socket: whom each asks, in which order, and what is said of every outcome. */
#include "rotation/sup.h"

#include "tests/unit/check_main.h"
#include "tests/unit/order_make.h"

static char actor[64];
static struct sup_proc *ledger_proc, *staging_proc;
static struct puppet *ledger, *staging, *keeper;

/* The socket with one client; nothing runs. */
static void
start(void)
{
	order_open();
	(void)snprintf(actor, sizeof(actor), "uid %u on the local socket", (unsigned)geteuid());
}

/* With ledger, keeper, and staging's signer, which has no passphrase and is sealed. */
static void
start_roles(void)
{
	start();
	ledger = world_start(MSG_ROLE_LEDGER, NULL, &ledger_proc);
	staging = world_start(MSG_ROLE_SIGNER, "staging", &staging_proc);
	keeper = world_start(MSG_ROLE_KEEPER, NULL, NULL);
	puppet_says(ledger, MSG_RS_READY, "");
	puppet_says(staging, MSG_RS_SEALED, "");
	puppet_says(keeper, MSG_RS_READY, "");
}

/* --- reload --- */

START_TEST(a_reload_is_answered_as_it_ends)
{
	start();
	admin_plain(&client, MSG_ADM_RELOAD);
	admin_gets(&client, MC_OK, "");
	folder_put(world.folder, "meshca.yaml", "no: such key\n");
	admin_plain(&client, MSG_ADM_RELOAD);
	admin_gets(&client, MC_ECONFIG, "meshca.yaml:1");
	end();
}
END_TEST

/* --- clock --- */

static void
assert_clock(const struct puppet_item *item)
{
	static const uint8_t none[16];
	struct msg_ctl_clock msg;

	puppet_read(item, &msg_ctl_clock_table, &msg);
	ck_assert(base_span_equal_str(msg.actor, actor));
	ck_assert(base_span_equal_str(msg.from, "local socket"));
	ck_assert_mem_ne(msg.request_id, none, sizeof(none));
}

START_TEST(the_time_is_the_ledgers_to_accept_first)
{
	struct puppet_item *asked;

	start_roles();
	world.held[0] = MSG_CTL_CLOCK;
	admin_plain(&client, MSG_ADM_CLOCK);
	asked = puppet_seek(ledger, MSG_CTL_CLOCK);
	assert_clock(asked);
	ck_assert_uint_eq(puppet_has(staging, MSG_CTL_CLOCK), 0);
	ck_assert_uint_eq(puppet_has(keeper, MSG_CTL_CLOCK), 0);
	puppet_answer(ledger, asked, MC_OK, "");
	assert_clock(puppet_seek(staging, MSG_CTL_CLOCK));
	asked = puppet_seek(keeper, MSG_CTL_CLOCK);
	puppet_answer(keeper, asked, MC_OK, "");
	world_turns();
	ck_assert_uint_eq(client.lasts, 0); /* staging's has not answered */
	puppet_kill(staging); /* nor will it; the next one starts with the time as it is */
	admin_gets(&client, MC_OK, "the present time is accepted");
	ck_assert_uint_eq(puppet_has(ledger, MSG_CTL_CLOCK), 0);
	end();
}
END_TEST

START_TEST(a_time_that_the_ledger_refuses_is_nobodys)
{
	start_roles();
	world.held[0] = MSG_CTL_CLOCK;
	admin_plain(&client, MSG_ADM_CLOCK);
	puppet_answer(ledger, puppet_seek(ledger, MSG_CTL_CLOCK), MC_ENOSPACE, "the disk is full");
	admin_gets(&client, MC_ENOSPACE, "the disk is full");
	admin_plain(&client, MSG_ADM_CLOCK);
	UNTIL(puppet_has(ledger, MSG_CTL_CLOCK) == 1);
	puppet_kill(ledger);
	admin_gets(&client, MC_EPEER, "the process ended");
	world_turns();
	ck_assert_uint_eq(puppet_got(staging, 0, MSG_CTL_CLOCK), 0);
	ck_assert_uint_eq(puppet_got(keeper, 0, MSG_CTL_CLOCK), 0);
	end();
}
END_TEST

START_TEST(without_a_ledger_no_time_is_accepted)
{
	start();
	keeper = world_start(MSG_ROLE_KEEPER, NULL, NULL);
	admin_plain(&client, MSG_ADM_CLOCK);
	admin_gets(&client, MC_ENOTREADY, "the ledger does not run");
	/* one that waits for its restart is none */
	ledger = world_start(MSG_ROLE_LEDGER, NULL, &ledger_proc);
	puppet_kill_for_long(ledger_proc);
	admin_plain(&client, MSG_ADM_CLOCK);
	admin_gets(&client, MC_ENOTREADY, "the ledger does not run");
	ck_assert_uint_eq(puppet_got(keeper, 0, MSG_CTL_CLOCK), 0);
	end();
}
END_TEST

START_TEST(a_ceremony_is_not_told_the_time)
{
	struct puppet *ceremony;

	start_roles();
	world.held[0] = MSG_CTL_CEREMONY;
	admin_about(&client, MSG_ADM_CA_CRL, "production", NULL, NULL);
	ceremony = puppet_started(world.sup.ceremony);
	client.lasts = 0;
	admin_plain(&client, MSG_ADM_CLOCK);
	admin_gets(&client, MC_OK, "accepted");
	ck_assert_uint_eq(puppet_has(ceremony, MSG_CTL_CLOCK), 0);
	ck_assert_uint_eq(puppet_has(staging, MSG_CTL_CLOCK), 1);
	end();
}
END_TEST

/* --- unseal --- */

static void
assert_unseal(struct puppet *puppet, const char *environment, const char *passphrase)
{
	struct msg_ctl_unseal msg;

	puppet_read(puppet_seek(puppet, MSG_CTL_UNSEAL), &msg_ctl_unseal_table, &msg);
	ck_assert_uint_eq(msg.slot, MSG_KEY_ENVIRONMENT);
	ck_assert(base_span_equal_str(msg.environment, environment));
	ck_assert(base_span_equal_str(msg.passphrase, passphrase));
}

START_TEST(an_opened_environment_is_in_the_ledger_before_the_answer)
{
	static const uint8_t none[16];
	struct msg_unsealed msg;
	struct puppet_item *told;

	start_roles();
	world.held[0] = MSG_CTL_UNSEAL;
	world.held[1] = MSG_UNSEALED;
	admin_about(&client, MSG_ADM_UNSEAL, "staging", WORLD_SECRET, NULL);
	assert_unseal(staging, "staging", WORLD_SECRET);
	ck_assert_uint_eq(puppet_has(ledger, MSG_UNSEALED), 0); /* not yet */
	puppet_answer(staging, &staging->items[staging->first - 1], MC_OK, "");
	told = puppet_seek(ledger, MSG_UNSEALED);
	puppet_read(told, &msg_unsealed_table, &msg);
	ck_assert(base_span_equal_str(msg.environment, "staging"));
	ck_assert(base_span_equal_str(msg.actor, actor));
	ck_assert(base_span_equal_str(msg.from, "local socket"));
	ck_assert_mem_ne(msg.request_id, none, sizeof(none));
	ck_assert_uint_eq(client.lasts, 0);
	puppet_answer(ledger, told, MC_OK, "");
	admin_gets(&client, MC_OK, "");
	ck_assert_str_eq(client.text, "");
	end();
}
END_TEST

START_TEST(what_the_signer_refuses_is_no_event)
{
	start_roles();
	world.held[0] = MSG_CTL_UNSEAL;
	admin_about(&client, MSG_ADM_UNSEAL, "staging", WORLD_SECRET "?", NULL);
	puppet_answer(staging, puppet_seek(staging, MSG_CTL_UNSEAL), MC_EPASSPHRASE, "not its passphrase");
	admin_gets(&client, MC_EPASSPHRASE, "not its passphrase");
	admin_about(&client, MSG_ADM_UNSEAL, "staging", WORLD_SECRET, NULL);
	UNTIL(puppet_has(staging, MSG_CTL_UNSEAL) == 1);
	puppet_kill(staging);
	admin_gets(&client, MC_EPEER, "the process ended");
	world_turns();
	ck_assert_uint_eq(puppet_got(ledger, 0, MSG_UNSEALED), 0);
	end();
}
END_TEST

/* It is open, and who asked must know that no event says so. */
START_TEST(an_opening_that_could_not_be_written_down_is_said)
{
	static const char says[] = "it is open, but the ledger could not write that down";

	start_roles();
	world.held[0] = MSG_UNSEALED;
	admin_about(&client, MSG_ADM_UNSEAL, "staging", WORLD_SECRET, NULL);
	puppet_answer(ledger, puppet_seek(ledger, MSG_UNSEALED), MC_ENOSPACE, "the disk is full");
	admin_gets(&client, MC_ENOSPACE, says);
	/* a ledger that dies over it */
	admin_about(&client, MSG_ADM_UNSEAL, "staging", WORLD_SECRET, NULL);
	UNTIL(puppet_has(ledger, MSG_UNSEALED) == 1);
	puppet_kill_for_long(ledger_proc);
	admin_gets(&client, MC_EPEER, says);
	/* and one that is between two starts */
	ck_assert_ptr_null(ledger_proc->chan);
	admin_about(&client, MSG_ADM_UNSEAL, "staging", WORLD_SECRET, NULL);
	admin_gets(&client, MC_ENOTREADY, says);
	end();
}
END_TEST

START_TEST(without_a_passphrase_the_configured_one_is_taken)
{
	struct puppet *production;

	start();
	production = world_start(MSG_ROLE_SIGNER, "production", NULL);
	(void)world_start(MSG_ROLE_SIGNER, "staging", NULL);
	(void)world_start(MSG_ROLE_LEDGER, NULL, NULL);
	production->first = production->count;
	admin_about(&client, MSG_ADM_UNSEAL, "production", NULL, NULL);
	admin_gets(&client, MC_OK, "");
	assert_unseal(production, "production", WORLD_SECRET " configured");
	admin_about(&client, MSG_ADM_UNSEAL, "production", WORLD_SECRET " given", NULL);
	admin_gets(&client, MC_OK, "");
	assert_unseal(production, "production", WORLD_SECRET " given");
	admin_about(&client, MSG_ADM_UNSEAL, "staging", NULL, NULL);
	admin_gets(&client, MC_EPASSPHRASE, "no passphrase given and none configured");
	drop("pass");
	admin_about(&client, MSG_ADM_UNSEAL, "production", NULL, NULL);
	admin_gets(&client, MC_ENOTFOUND, "/pass does not exist; make it");
	admin_about(&client, MSG_ADM_UNSEAL, "nowhere", WORLD_SECRET, NULL);
	admin_gets(&client, MC_ENOTFOUND, "no such environment");
	/* in the configuration, but without a process */
	admin_about(&client, MSG_ADM_UNSEAL, CONFIG_OPERATORS, WORLD_SECRET, NULL);
	admin_gets(&client, MC_ENOTFOUND, "no such environment");
	end();
}
END_TEST

/* A signer that waits for its passphrase is opened, not the one at work beside it. */
START_TEST(a_sealed_standby_is_what_is_opened)
{
	struct sup_proc *proc;
	struct puppet *standby;

	start_roles();
	puppet_says(staging, MSG_RS_READY, "");
	proc = sup_proc_add(&world.sup, MSG_ROLE_SIGNER, "staging");
	proc->phase = SUP_STANDBY;
	sup_proc_start(proc);
	standby = puppet_started(proc);
	puppet_says(standby, MSG_RS_SEALED, "");
	admin_about(&client, MSG_ADM_UNSEAL, "staging", WORLD_SECRET, NULL);
	admin_gets(&client, MC_OK, "");
	ck_assert_uint_eq(puppet_has(standby, MSG_CTL_UNSEAL), 1);
	ck_assert_uint_eq(puppet_has(staging, MSG_CTL_UNSEAL), 0);
	/* a standby that is on its way to ready needs nothing */
	puppet_says(standby, MSG_RS_STARTING, "");
	admin_about(&client, MSG_ADM_UNSEAL, "staging", WORLD_SECRET, NULL);
	ck_assert_uint_eq(puppet_has(standby, MSG_CTL_UNSEAL), 1);
	ck_assert_uint_eq(puppet_has(staging, MSG_CTL_UNSEAL), 1);
	end();
}
END_TEST

/* Two sealed ones are both opened. It is open when either says so: that one will serve, and it is an event. */
START_TEST(one_of_two_that_opens_is_an_opening)
{
	struct puppet *both[2];
	struct sup_proc *proc;

	start_roles();
	both[0] = staging;
	proc = sup_proc_add(&world.sup, MSG_ROLE_SIGNER, "staging");
	proc->phase = SUP_STANDBY;
	sup_proc_start(proc);
	both[1] = puppet_started(proc);
	puppet_says(both[1], MSG_RS_SEALED, "");
	world.held[0] = MSG_CTL_UNSEAL;
	for (unsigned opens = 0; opens < 2; opens++) {
		for (unsigned first = 0; first < 2; first++) {
			unsigned before = puppet_got(ledger, 0, MSG_UNSEALED);

			admin_about(&client, MSG_ADM_UNSEAL, "staging", WORLD_SECRET, NULL);
			for (unsigned i = 0; i < 2; i++) {
				unsigned who = first ^ i;

				ck_assert_uint_eq(client.lasts, 0);
				puppet_answer(both[who], puppet_seek(both[who], MSG_CTL_UNSEAL),
				    who == opens ? MC_OK : MC_ERATE, "too soon");
				world_turns();
			}
			admin_gets(&client, MC_OK, "");
			ck_assert_uint_eq(puppet_got(ledger, 0, MSG_UNSEALED), before + 1);
		}
	}
	admin_about(&client, MSG_ADM_UNSEAL, "staging", WORLD_SECRET, NULL);
	puppet_answer(both[1], puppet_seek(both[1], MSG_CTL_UNSEAL), MC_EPASSPHRASE, "not the new one's");
	world_turns();
	puppet_answer(both[0], puppet_seek(both[0], MSG_CTL_UNSEAL), MC_ERATE, "too soon");
	admin_gets(&client, MC_EPASSPHRASE, "not the new one's"); /* the first reason */
	admin_about(&client, MSG_ADM_UNSEAL, "staging", WORLD_SECRET, NULL);
	UNTIL(puppet_has(both[1], MSG_CTL_UNSEAL) == 1);
	puppet_kill(both[1]);
	puppet_answer(both[0], puppet_seek(both[0], MSG_CTL_UNSEAL), MC_OK, "");
	admin_gets(&client, MC_OK, "");
	end();
}
END_TEST

/* --- people --- */

static void
add_ada(void)
{
	struct msg_adm_user_add msg = {.name = base_span_str("ada"), .role = MSG_USER_ADMIN,
	    .key_alg = MSG_KEY_P256, .key = base_span_str("a key")};

	admin_order(&client, MSG_ADM_USER_ADD, &msg_adm_user_add_table, &msg);
}

static void
answer_issued(struct puppet *signer)
{
	const struct puppet_item *item = puppet_seek(signer, MSG_USER_ISSUE);
	struct msg_issue_ans ans = {.cert = base_span_str("the leaf"), .issuer = base_span_str("its issuer"),
	    .serial = base_span_str("1")};
	struct msg_user_issue msg;

	puppet_read(item, &msg_user_issue_table, &msg);
	ck_assert(base_span_equal_str(msg.name, "ada"));
	ck_assert_uint_eq(msg.role, MSG_USER_ADMIN);
	ck_assert_uint_eq(msg.key_alg, MSG_KEY_P256);
	ck_assert(base_span_equal_str(msg.key, "a key"));
	ck_assert(base_span_equal_str(msg.actor, actor));
	ck_assert(base_span_equal_str(msg.from, "local socket"));
	ck_assert_uint_eq(msg.approver_cert.len, 0);
	ck_assert_int_eq(msg_send(signer->chan, MSG_ANSWER(MSG_USER_ISSUE), 0, item->corr,
	    &msg_issue_ans_table, &ans), MC_OK);
}

START_TEST(a_person_gets_certificate_issuer_and_anchors)
{
	struct msg_bundle_ans bundle = {.anchors = base_span_str("the anchors")};
	const struct puppet_item *item;
	struct msg_bundle_get get;
	struct puppet *operators;

	start_roles();
	operators = world_start(MSG_ROLE_OPERATORS, CONFIG_OPERATORS, NULL);
	world.held[0] = MSG_USER_ISSUE;
	world.held[1] = MSG_BUNDLE_GET;
	add_ada();
	answer_issued(operators);
	item = puppet_seek(ledger, MSG_BUNDLE_GET);
	puppet_read(item, &msg_bundle_get_table, &get);
	ck_assert(base_span_equal_str(get.environment, CONFIG_OPERATORS));
	ck_assert_int_eq(msg_send(ledger->chan, MSG_ANSWER(MSG_BUNDLE_GET), 0, item->corr,
	    &msg_bundle_ans_table, &bundle), MC_OK);
	admin_gets(&client, MC_OK, "");
	ck_assert_str_eq(client.cert, "the leaf");
	ck_assert_str_eq(client.issuer, "its issuer");
	ck_assert_str_eq(client.anchors, "the anchors");
	end();
}
END_TEST

START_TEST(a_person_who_was_refused_gets_the_reason)
{
	static const char unread[] = "the operators' bundle could not be read";
	struct puppet *operators;

	start();
	add_ada();
	admin_gets(&client, MC_ENOTREADY, "the operators' signer does not run");
	operators = world_start(MSG_ROLE_OPERATORS, CONFIG_OPERATORS, NULL);
	world.held[0] = MSG_USER_ISSUE;
	world.held[1] = MSG_BUNDLE_GET;
	add_ada();
	puppet_answer(operators, puppet_seek(operators, MSG_USER_ISSUE), MC_ECONFLICT, "there is an ada");
	admin_gets(&client, MC_ECONFLICT, "there is an ada");
	/* there is no ledger to ask for the bundle */
	add_ada();
	answer_issued(operators);
	admin_gets(&client, MC_ENOTREADY, "");
	ledger = world_start(MSG_ROLE_LEDGER, NULL, NULL);
	add_ada();
	puppet_answer(operators, puppet_seek(operators, MSG_USER_ISSUE), MC_OK, "");
	admin_gets(&client, MC_EFRAME, "answered nonsense");
	add_ada();
	answer_issued(operators);
	puppet_answer(ledger, puppet_seek(ledger, MSG_BUNDLE_GET), MC_OK, "");
	admin_gets(&client, MC_EFRAME, unread);
	add_ada();
	answer_issued(operators);
	puppet_answer(ledger, puppet_seek(ledger, MSG_BUNDLE_GET), MC_ENOTFOUND, "");
	admin_gets(&client, MC_ENOTFOUND, unread);
	end();
}
END_TEST

CHECK_MAIN("rotation_sup_order", a_reload_is_answered_as_it_ends, the_time_is_the_ledgers_to_accept_first,
    a_time_that_the_ledger_refuses_is_nobodys, without_a_ledger_no_time_is_accepted,
    a_ceremony_is_not_told_the_time, an_opened_environment_is_in_the_ledger_before_the_answer,
    what_the_signer_refuses_is_no_event, an_opening_that_could_not_be_written_down_is_said,
    without_a_passphrase_the_configured_one_is_taken, a_sealed_standby_is_what_is_opened,
    one_of_two_that_opens_is_an_opening,
    a_person_gets_certificate_issuer_and_anchors, a_person_who_was_refused_gets_the_reason)
