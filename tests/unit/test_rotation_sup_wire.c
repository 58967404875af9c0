/* SPDX-License-Identifier: Apache-2.0 */
/* Who gets a channel to whom, and that its two ends are one channel's. */
#include "rotation/sup.h"

#include "tests/unit/check_main.h"
#include "tests/unit/sup_world.h"

/* The next channel that it was given: to this peer, of this environment. Returns its end. */
static int
channel(struct puppet *puppet, enum msg_role peer, const char *environment, uint32_t generation)
{
	const struct puppet_item *item = puppet_seek(puppet, MSG_CTL_CHANNEL);
	struct msg_ctl_channel msg;

	puppet_read(item, &msg_ctl_channel_table, &msg);
	ck_assert_uint_eq(msg.peer, peer);
	ck_assert(base_span_equal_str(msg.environment, environment));
	ck_assert_uint_eq(msg.generation, generation);
	ck_assert_int_ge(item->fd, 0);
	return item->fd;
}

static bool
connected(int a, int b)
{
	char out = 'w', in = '\0';

	return send(a, &out, 1, MSG_DONTWAIT) == 1 && recv(b, &in, 1, MSG_DONTWAIT) == 1 && in == 'w';
}

static unsigned
channels(const struct puppet *puppet)
{
	return puppet_has(puppet, MSG_CTL_CHANNEL);
}

START_TEST(each_is_wired_to_those_it_talks_to)
{
	struct puppet *ledger, *production, *operators, *keeper, *front;

	world_open();
	ledger = world_start(MSG_ROLE_LEDGER, NULL, NULL);
	ck_assert_uint_eq(channels(ledger), 0);
	production = world_start(MSG_ROLE_SIGNER, "production", NULL);
	operators = world_start(MSG_ROLE_OPERATORS, CONFIG_OPERATORS, NULL);
	ck_assert_uint_eq(channels(ledger), 2);
	ck_assert_uint_eq(channels(production), 1); /* not to another signer */
	ck_assert(connected(channel(ledger, MSG_ROLE_SIGNER, "production", 1),
	    channel(production, MSG_ROLE_LEDGER, "", 1)));
	ck_assert(connected(channel(operators, MSG_ROLE_LEDGER, "", 2),
	    channel(ledger, MSG_ROLE_OPERATORS, CONFIG_OPERATORS, 2)));
	keeper = world_start(MSG_ROLE_KEEPER, NULL, NULL);
	ck_assert_uint_eq(channels(keeper), 3);
	ck_assert(connected(channel(keeper, MSG_ROLE_LEDGER, "", 0), channel(ledger, MSG_ROLE_KEEPER, "", 0)));
	ck_assert(connected(channel(keeper, MSG_ROLE_SIGNER, "production", 1),
	    channel(production, MSG_ROLE_KEEPER, "", 1)));
	ck_assert(connected(channel(keeper, MSG_ROLE_OPERATORS, CONFIG_OPERATORS, 2),
	    channel(operators, MSG_ROLE_KEEPER, "", 2)));
	front = world_start(MSG_ROLE_FRONT, NULL, NULL);
	ck_assert_uint_eq(channels(front), 3);
	ck_assert_uint_eq(channels(keeper), 0); /* not to the front */
	ck_assert(connected(channel(front, MSG_ROLE_LEDGER, "", 0), channel(ledger, MSG_ROLE_FRONT, "", 0)));
	ck_assert(connected(channel(front, MSG_ROLE_SIGNER, "production", 1),
	    channel(production, MSG_ROLE_FRONT, "", 1)));
	ck_assert(connected(channel(front, MSG_ROLE_OPERATORS, CONFIG_OPERATORS, 2),
	    channel(operators, MSG_ROLE_FRONT, "", 2)));
	world_close();
}
END_TEST

/* A signer that waits for its turn, and a ceremony, have nobody but the ledger. */
START_TEST(a_standby_and_a_ceremony_talk_to_the_ledger_alone)
{
	struct puppet *ledger, *keeper, *puppet;
	struct sup_proc *proc;

	world_open();
	ledger = world_start(MSG_ROLE_LEDGER, NULL, NULL);
	keeper = world_start(MSG_ROLE_KEEPER, NULL, NULL);
	(void)world_start(MSG_ROLE_FRONT, NULL, NULL);
	ck_assert_uint_eq(channels(keeper), 1);
	proc = sup_proc_add(&world.sup, MSG_ROLE_SIGNER, "production");
	proc->phase = SUP_STANDBY;
	sup_proc_start(proc);
	puppet = puppet_started(proc);
	ck_assert_uint_eq(channels(puppet), 1);
	(void)channel(puppet, MSG_ROLE_LEDGER, "", 1);
	proc = sup_proc_add(&world.sup, MSG_ROLE_CEREMONY, "root");
	proc->phase = SUP_STANDBY;
	sup_proc_start(proc);
	UNTIL((puppet = puppet_of(proc)) != NULL && puppet->count == 2);
	(void)channel(puppet, MSG_ROLE_LEDGER, "", 0);
	ck_assert_uint_eq(channels(keeper), 1);
	(void)puppet_seek(ledger, MSG_CTL_CHANNEL);
	(void)puppet_seek(ledger, MSG_CTL_CHANNEL);
	(void)channel(ledger, MSG_ROLE_SIGNER, "production", 1);
	(void)channel(ledger, MSG_ROLE_CEREMONY, "", 0); /* an environment is a signer's */
	world_close();
}
END_TEST

START_TEST(who_is_gone_or_going_gets_no_channel)
{
	struct sup_proc *going, *gone;
	struct puppet *puppet;

	world_open();
	(void)world_start(MSG_ROLE_LEDGER, NULL, &going);
	(void)world_start(MSG_ROLE_SIGNER, "staging", &gone);
	puppet_kill_for_long(gone);
	sup_proc_stop(going);
	puppet = world_start(MSG_ROLE_FRONT, NULL, NULL);
	ck_assert_uint_eq(channels(puppet), 0);
	world_close();
}
END_TEST

/* One that comes again is wired anew, and the others are told. */
START_TEST(a_restarted_process_is_wired_anew)
{
	struct puppet *front, *again;
	struct sup_proc *ledger;

	world_open();
	(void)world_start(MSG_ROLE_LEDGER, NULL, &ledger);
	front = world_start(MSG_ROLE_FRONT, NULL, NULL);
	(void)puppet_seek(front, MSG_CTL_CHANNEL);
	puppet_kill(puppet_of(ledger));
	UNTIL(ledger->restarts == 1);
	again = puppet_started(ledger);
	ck_assert(connected(channel(again, MSG_ROLE_FRONT, "", 0), channel(front, MSG_ROLE_LEDGER, "", 0)));
	world_close();
}
END_TEST

CHECK_MAIN("rotation_sup_wire", each_is_wired_to_those_it_talks_to,
    a_standby_and_a_ceremony_talk_to_the_ledger_alone, who_is_gone_or_going_gets_no_channel,
    a_restarted_process_is_wired_anew)
