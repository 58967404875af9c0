/* SPDX-License-Identifier: Apache-2.0 */
/* Which roles start, in which order all end, and what signals do. */
#include "rotation/sup.h"

#include "tests/unit/check_main.h"
#include "tests/unit/sup_world.h"

enum { LEDGER, PRODUCTION, STAGING, OPERATORS, KEEPER, FRONT, ALL };
static struct sup_proc *procs[ALL];
static struct puppet *puppets[ALL];

/* All roles, at work. */
static void
start(void)
{
	struct sup_proc *proc;

	world_open();
	world.sup.serving = true;
	world.held[0] = MSG_CTL_DRAIN;
	sup_life_start(&world.sup);
	proc = world.sup.procs;
	for (int i = 0; i < ALL; i++, proc = proc->next) {
		ck_assert_ptr_nonnull(proc);
		procs[i] = proc;
		puppets[i] = puppet_started(proc);
	}
	ck_assert_ptr_null(proc);
	for (int i = 0; i < ALL; i++) {
		puppets[i]->first = puppets[i]->count;
	}
}

/* Nobody but the front knows of the end yet. */
static void
assert_draining(void)
{
	(void)puppet_seek(puppets[FRONT], MSG_CTL_DRAIN);
	world_turns();
	ck_assert_uint_eq(puppet_has(puppets[FRONT], MSG_CTL_DRAIN), 0);
	for (int i = 0; i < ALL; i++) {
		ck_assert_ptr_nonnull(puppets[i]->chan);
	}
}

/* The rest of an end: all is gone when the loop stops. */
static void
assert_ends(void)
{
	base_loop_run(world.sup.loop);
	ck_assert_ptr_null(world.sup.procs);
	world_close();
}

START_TEST(the_roles_start_in_their_order)
{
	static const struct {
		enum msg_role role;
		const char *environment;
	} rows[ALL] = {{MSG_ROLE_LEDGER, NULL}, {MSG_ROLE_SIGNER, "production"}, {MSG_ROLE_SIGNER, "staging"},
	    {MSG_ROLE_OPERATORS, CONFIG_OPERATORS}, {MSG_ROLE_KEEPER, NULL}, {MSG_ROLE_FRONT, NULL}};
	struct msg_ctl_want_crl wish = {.environment = base_span_str("staging")};

	start();
	for (int i = 0; i < ALL; i++) {
		ck_assert_int_eq(procs[i]->role, rows[i].role);
		ck_assert_int_eq(procs[i]->phase, SUP_ACTIVE);
		if (rows[i].environment == NULL) {
			ck_assert_ptr_null(procs[i]->environment);
		} else {
			ck_assert_str_eq(procs[i]->environment, rows[i].environment);
		}
	}
	/* the keeper's wishes are heard, and nobody else's */
	ck_assert_int_eq(msg_send(puppets[KEEPER]->chan, MSG_CTL_WANT_CRL, 0, 1, &msg_ctl_want_crl_table,
	    &wish), MC_OK);
	ck_assert_int_eq(msg_send(puppets[STAGING]->chan, MSG_CTL_WANT_CRL, 0, 1, &msg_ctl_want_crl_table,
	    &wish), MC_OK);
	UNTIL(puppets[STAGING]->chan == NULL);
	ck_assert_uint_eq(puppets[KEEPER]->answers, 1);
	ck_assert_int_eq(puppets[KEEPER]->answer_status, MC_ESEALED);
	world_close();
}
END_TEST

START_TEST(the_front_drains_first_and_the_ledger_ends_last)
{
	start();
	sup_life_stop(&world.sup);
	assert_draining();
	sup_life_stop(&world.sup); /* once is enough */
	world_turns();
	ck_assert_uint_eq(puppet_has(puppets[FRONT], MSG_CTL_DRAIN), 0);
	ck_assert_ptr_nonnull(puppets[KEEPER]->chan);
	/* a signer that takes its time */
	ck_assert_int_eq(kill(puppets[STAGING]->who.pid, SIGSTOP), 0);
	puppets[FRONT]->first--;
	puppet_answer(puppets[FRONT], puppet_take(puppets[FRONT], MSG_CTL_DRAIN), MC_OK, "");
	for (int i = PRODUCTION; i < ALL; i++) {
		UNTIL(puppets[i]->chan == NULL);
	}
	UNTIL(world.sup.procs->next == procs[STAGING] && procs[STAGING]->next == NULL);
	ck_assert_ptr_eq(world.sup.procs, procs[LEDGER]);
	ck_assert_int_eq(procs[LEDGER]->phase, SUP_ACTIVE);
	ck_assert_ptr_nonnull(puppets[LEDGER]->chan);
	ck_assert_int_eq(kill(puppets[STAGING]->who.pid, SIGCONT), 0);
	ck_assert(!world_logged("\"drain-cut-short\""));
	assert_ends();
}
END_TEST

START_TEST(a_front_that_does_not_drain_is_cut_off)
{
	start();
	sup_life_stop(&world.sup);
	assert_draining();
	base_timer_set_us(procs[FRONT]->timer, 0); /* SUP_DRAIN_S later */
	UNTIL(puppets[FRONT]->chan == NULL && puppets[PRODUCTION]->chan == NULL);
	ck_assert(world_logged("\"drain-cut-short\",\"seconds\":10"));
	assert_ends();
}
END_TEST

START_TEST(a_front_that_dies_has_drained)
{
	start();
	sup_life_stop(&world.sup);
	assert_draining();
	puppet_kill(puppets[FRONT]);
	assert_ends(); /* and is not started again */
}
END_TEST

START_TEST(without_a_front_nothing_is_waited_for)
{
	start();
	puppet_kill_for_long(procs[FRONT]);
	puppet_kill_for_long(procs[LEDGER]); /* waits to be started again */
	sup_life_stop(&world.sup);
	assert_ends();
	ck_assert_uint_eq(world.count, ALL);
}
END_TEST

/* It was hung up on once: its time runs from then. */
START_TEST(a_ledger_that_hangs_is_killed)
{
	start();
	ck_assert_int_eq(kill(puppets[LEDGER]->who.pid, SIGSTOP), 0);
	puppet_kill_for_long(procs[FRONT]);
	sup_life_stop(&world.sup);
	UNTIL(world.sup.procs->next == NULL && puppets[LEDGER]->chan == NULL);
	world_turns();
	base_timer_set_us(procs[LEDGER]->timer, 0); /* SUP_KILL_S later */
	world_turns();
	ck_assert(world_logged("\"process-killed\",\"process\":\"ledger\""));
	UNTIL(world.sup.procs == NULL);
	world_close();
}
END_TEST

START_TEST(a_signal_to_end_ends_it)
{
	static const int signals[] = {SIGTERM, SIGINT};

	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++) {
		start();
		sup_life_signal(&world.sup, signals[i]);
		assert_draining();
		ck_assert(world.sup.stopping);
		ck_assert(!world_logged("run the same command again"));
		world_close();
	}
}
END_TEST

START_TEST(sighup_reloads_while_it_serves)
{
	const struct config *before;

	start();
	before = world.sup.config;
	sup_life_signal(&world.sup, SIGHUP);
	ck_assert_ptr_ne(world.sup.config, before);
	ck_assert(!world.sup.stopping);
	UNTIL(world_logged("\"configuration-applied\""));
	before = world.sup.config;
	sup_life_stop(&world.sup);
	sup_life_signal(&world.sup, SIGHUP);
	ck_assert_ptr_eq(world.sup.config, before);
	world_close();
	world_open(); /* at a ceremony */
	before = world.sup.config;
	sup_life_signal(&world.sup, SIGHUP);
	ck_assert_ptr_eq(world.sup.config, before);
	world_close();
}
END_TEST

static void
interrupt(void *self)
{
	sup_life_signal(self, SIGINT);
}

START_TEST(before_it_serves_a_signal_interrupts)
{
	struct base_timer *timer;

	world_open();
	timer = base_timer_new(world.sup.loop, interrupt, &world.sup);
	base_timer_set_us(timer, 0);
	base_loop_run(world.sup.loop);
	ck_assert(!world.sup.stopping);
	ck_assert(world_logged("meshcad: interrupted by SIGINT; run the same command again\n"));
	base_timer_free(timer);
	world_close();
}
END_TEST

START_TEST(sigchld_collects)
{
	struct sup_proc *proc;

	world_open();
	(void)world_start(MSG_ROLE_LEDGER, NULL, &proc);
	ck_assert_int_eq(kill(proc->pid, SIGKILL), 0);
	while (proc->pid != 0) { /* no turn of the loop, which would collect it, too */
		sup_life_signal(&world.sup, SIGCHLD);
	}
	ck_assert(!world.sup.stopping);
	world_close();
}
END_TEST

CHECK_MAIN("rotation_sup_life", the_roles_start_in_their_order, the_front_drains_first_and_the_ledger_ends_last,
    a_front_that_does_not_drain_is_cut_off, a_front_that_dies_has_drained, without_a_front_nothing_is_waited_for,
    a_ledger_that_hangs_is_killed, a_signal_to_end_ends_it, sighup_reloads_while_it_serves, before_it_serves_a_signal_interrupts,
    sigchld_collects)
