/* SPDX-License-Identifier: Apache-2.0 */
/* One signer takes over from another: in order, sealed, not at all. */
#include "rotation/sup.h"

#include "tests/unit/check_main.h"
#include "tests/unit/sup_world.h"

#define SOON_US 200000 /* within what a report takes, and soon over */

static struct sup_proc *old;
static struct puppet *old_puppet, *front, *keeper, *ledger;
static unsigned dones, second_dones;
static enum mc_err done_status, second_status;
static char done_detail[LIMIT_DETAIL + 1];

static void
on_done(void *self, enum mc_err status, const char *detail)
{
	ck_assert_ptr_eq(self, &dones);
	dones++;
	done_status = status;
	sup_text_set(done_detail, base_span_str(detail));
}

static void
on_second_done(void *self, enum mc_err status, const char *detail)
{
	(void)self;
	(void)detail;
	second_dones++;
	second_status = status;
}

/* A signer of staging at work, and whom it talks to. */
static void
start(void)
{
	dones = second_dones = 0;
	world_open();
	world.held[0] = MSG_CTL_DRAIN;
	ledger = world_start(MSG_ROLE_LEDGER, NULL, NULL);
	old_puppet = world_start(MSG_ROLE_SIGNER, "staging", &old);
	keeper = world_start(MSG_ROLE_KEEPER, NULL, NULL);
	front = world_start(MSG_ROLE_FRONT, NULL, NULL);
	puppet_says(old_puppet, MSG_RS_READY, "");
	front->first = front->count;
	keeper->first = keeper->count;
}

/* Another signer of staging, up to its start. */
static struct sup_proc *
handover(const char *passphrase)
{
	struct sup_proc *proc;

	sup_handover(&world.sup, "staging", base_span_str(passphrase), on_done, &dones);
	proc = sup_signer(&world.sup, "staging", SUP_STANDBY);
	ck_assert_ptr_nonnull(proc);
	(void)puppet_started(proc);
	return proc;
}

static void
assert_channel(struct puppet *puppet, uint32_t generation)
{
	struct msg_ctl_channel msg;

	puppet_read(puppet_take(puppet, MSG_CTL_CHANNEL), &msg_ctl_channel_table, &msg);
	ck_assert_uint_eq(msg.peer, MSG_ROLE_SIGNER);
	ck_assert(base_span_equal_str(msg.environment, "staging"));
	ck_assert_uint_eq(msg.generation, generation);
}

START_TEST(it_takes_over_once_it_is_ready)
{
	struct msg_ctl_unseal unseal;
	struct puppet *puppet;
	struct sup_proc *proc;

	start();
	proc = handover(WORLD_SECRET);
	puppet = puppet_of(proc);
	puppet_read(puppet_seek(puppet, MSG_CTL_UNSEAL), &msg_ctl_unseal_table, &unseal);
	ck_assert(base_span_equal_str(unseal.passphrase, WORLD_SECRET));
	puppet_says(puppet, MSG_RS_STARTING, "");
	ck_assert_uint_eq(dones, 0);
	ck_assert_uint_eq(front->first, front->count); /* it has nobody but the ledger yet */
	ck_assert_int_eq(old->phase, SUP_ACTIVE);
	puppet_says(puppet, MSG_RS_READY, "");
	ck_assert_uint_eq(dones, 1);
	ck_assert_int_eq(done_status, MC_OK);
	ck_assert_int_eq(proc->phase, SUP_ACTIVE);
	ck_assert_int_eq(old->phase, SUP_DRAINING);
	ck_assert_ptr_eq(sup_signer(&world.sup, "staging", SUP_ACTIVE), proc);
	assert_channel(front, 2);
	assert_channel(keeper, 2);
	ck_assert_uint_eq(puppet_has(puppet, MSG_CTL_CHANNEL), 2);
	(void)puppet_seek(old_puppet, MSG_CTL_DRAIN);
	puppet_says(puppet, MSG_RS_READY, "again"); /* a report like any other from here on */
	ck_assert_uint_eq(dones, 1);
	/* it ends when its last answers are out, and is not started again */
	puppet_order(old_puppet, PUPPET_END);
	base_chan_free(old_puppet->chan);
	old_puppet->chan = NULL;
	UNTIL(sup_signer(&world.sup, "staging", SUP_DRAINING) == NULL);
	ck_assert_uint_eq(dones, 1);
	/* the new one is, from here on */
	puppet_kill(puppet);
	UNTIL(proc->restarts == 1);
	ck_assert_uint_eq(dones, 1);
	world_close();
}
END_TEST

START_TEST(a_sealed_one_waits_for_its_passphrase)
{
	struct puppet *puppet;
	struct sup_proc *proc;

	start();
	proc = handover("");
	puppet = puppet_of(proc);
	ck_assert_uint_eq(puppet_has(puppet, MSG_CTL_UNSEAL), 0);
	puppet_says(puppet, MSG_RS_SEALED, "");
	ck_assert_uint_eq(dones, 1);
	ck_assert_int_eq(done_status, MC_ESEALED);
	ck_assert_ptr_nonnull(strstr(done_detail, "run meshca unseal"));
	ck_assert_int_eq(old->phase, SUP_ACTIVE);
	ck_assert_int_eq(proc->phase, SUP_STANDBY);
	puppet_says(puppet, MSG_RS_READY, "");
	ck_assert_int_eq(proc->phase, SUP_ACTIVE);
	ck_assert_int_eq(old->phase, SUP_DRAINING);
	assert_channel(front, 2);
	ck_assert_uint_eq(dones, 1);
	world_close();
}
END_TEST

START_TEST(one_that_ends_leaves_the_old_at_work)
{
	struct sup_proc *proc;

	start();
	proc = handover("");
	puppet_kill(puppet_of(proc));
	UNTIL(dones == 1);
	ck_assert_int_eq(done_status, MC_ENOTREADY);
	ck_assert_str_eq(done_detail, "ended with signal KILL");
	ck_assert_ptr_null(sup_signer(&world.sup, "staging", SUP_STANDBY));
	ck_assert_ptr_eq(sup_signer(&world.sup, "staging", SUP_ACTIVE), old);
	ck_assert_uint_eq(puppet_has(old_puppet, MSG_CTL_DRAIN), 0);
	world_close();
	ck_assert_uint_eq(dones, 1);
}
END_TEST

START_TEST(one_that_does_not_get_ready_is_given_up)
{
	struct sup_proc *proc;

	start();
	proc = handover("");
	base_timer_set_us(proc->timer, 0); /* SUP_HANDOVER_S later */
	UNTIL(dones == 1);
	ck_assert_int_eq(done_status, MC_ENOTREADY);
	ck_assert_int_eq(old->phase, SUP_ACTIVE);
	world_close();
}
END_TEST

/* SUP_HANDOVER_S is for the way to ready, or to sealed: afterwards it is no limit. */
START_TEST(one_that_is_ready_or_sealed_has_time)
{
	struct sup_proc *proc;
	int64_t until_us;

	for (uint8_t state = MSG_RS_SEALED; state <= MSG_RS_READY; state++) {
		start();
		proc = handover("");
		base_timer_set_us(proc->timer, SOON_US);
		until_us = base_clock_boot_us() + 2 * SOON_US;
		puppet_says(puppet_of(proc), state, "");
		UNTIL(base_clock_boot_us() > until_us);
		ck_assert_int_eq(proc->phase, state == MSG_RS_READY ? SUP_ACTIVE : SUP_STANDBY);
		ck_assert_ptr_nonnull(proc->chan);
		ck_assert_uint_eq(dones, 1);
		world_close();
	}
}
END_TEST

START_TEST(one_that_does_not_drain_is_hung_up_on)
{
	struct sup_proc *proc;

	start();
	proc = handover("");
	puppet_says(puppet_of(proc), MSG_RS_READY, "");
	world_turns();
	ck_assert_ptr_nonnull(old_puppet->chan);
	base_timer_set_us(old->timer, 0); /* SUP_HANDOVER_S later */
	UNTIL(sup_signer(&world.sup, "staging", SUP_DRAINING) == NULL);
	UNTIL(old_puppet->chan == NULL);
	world_close();
}
END_TEST

START_TEST(the_next_replaces_the_one_that_waits)
{
	struct sup_proc *first, *second;

	start();
	first = handover("");
	puppet_says(puppet_of(first), MSG_RS_SEALED, "");
	sup_handover(&world.sup, "staging", base_span_of(NULL, 0), on_second_done, NULL);
	second = sup_signer(&world.sup, "staging", SUP_STANDBY);
	ck_assert_ptr_ne(second, first);
	(void)puppet_started(second);
	puppet_says(puppet_of(second), MSG_RS_READY, "");
	ck_assert_uint_eq(second_dones, 1);
	ck_assert_int_eq(second_status, MC_OK);
	ck_assert_ptr_eq(sup_signer(&world.sup, "staging", SUP_ACTIVE), second);
	ck_assert_uint_eq(dones, 1);
	world_close();
	ck_assert_uint_eq(dones, 1);
}
END_TEST

/* Nothing runs that could hand over: it starts at once, with the passphrase. */
START_TEST(one_that_has_died_starts_anew)
{
	struct msg_ctl_unseal unseal;
	struct puppet *puppet;

	start();
	puppet_kill_for_long(old);
	sup_handover(&world.sup, "staging", base_span_str(WORLD_SECRET), on_done, &dones);
	ck_assert_uint_eq(dones, 1);
	ck_assert_int_eq(done_status, MC_OK);
	ck_assert_int_gt(old->pid, 0); /* not after its back-off */
	ck_assert_uint_eq(old->restarts, 0);
	ck_assert_ptr_null(sup_signer(&world.sup, "staging", SUP_STANDBY));
	puppet = puppet_started(old);
	puppet_read(puppet_seek(puppet, MSG_CTL_UNSEAL), &msg_ctl_unseal_table, &unseal);
	ck_assert(base_span_equal_str(unseal.passphrase, WORLD_SECRET));
	world_close();
}
END_TEST

/* There is no key file: the new one does not start. */
START_TEST(without_a_key_file_the_old_goes_on)
{
	char *path;

	start();
	path = world_path("state/keys/staging/issuing.pem");
	ck_assert_int_eq(unlink(path), 0);
	sup_handover(&world.sup, "staging", base_span_of(NULL, 0), on_done, &dones);
	UNTIL(dones == 1);
	ck_assert_int_eq(done_status, MC_ENOTREADY);
	ck_assert_ptr_nonnull(strstr(done_detail, "no key file"));
	ck_assert_ptr_eq(sup_signer(&world.sup, "staging", SUP_ACTIVE), old);
	free(path);
	world_close();
}
END_TEST

START_TEST(the_operators_signer_keeps_its_role)
{
	struct sup_proc *proc;

	start();
	puppet_says(world_start(MSG_ROLE_OPERATORS, CONFIG_OPERATORS, NULL), MSG_RS_READY, "");
	sup_handover(&world.sup, CONFIG_OPERATORS, base_span_of(NULL, 0), on_done, &dones);
	proc = sup_signer(&world.sup, CONFIG_OPERATORS, SUP_STANDBY);
	ck_assert_int_eq(proc->role, MSG_ROLE_OPERATORS);
	puppet_says(puppet_started(proc), MSG_RS_READY, "");
	ck_assert_uint_eq(dones, 1);
	ck_assert_ptr_eq(sup_signer(&world.sup, CONFIG_OPERATORS, SUP_ACTIVE), proc);
	ck_assert_int_eq(old->phase, SUP_ACTIVE); /* staging's is another */
	world_close();
}
END_TEST

CHECK_MAIN("rotation_sup_rotate", it_takes_over_once_it_is_ready, a_sealed_one_waits_for_its_passphrase,
    one_that_ends_leaves_the_old_at_work, one_that_does_not_get_ready_is_given_up,
    one_that_is_ready_or_sealed_has_time, one_that_does_not_drain_is_hung_up_on, the_next_replaces_the_one_that_waits,
    one_that_has_died_starts_anew, without_a_key_file_the_old_goes_on,
    the_operators_signer_keeps_its_role)
