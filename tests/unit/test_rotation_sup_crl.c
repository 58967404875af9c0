/* SPDX-License-Identifier: Apache-2.0 */
/* What becomes of the keeper's wishes. Production has a passphrase file, staging has none. */
#include "rotation/sup.h"

#include "tests/unit/check_main.h"
#include "tests/unit/clock_fake.h"
#include "tests/unit/sup_world.h"

static struct sup_proc *keeper_proc;
static struct puppet *keeper;

static void
start(void)
{
	fake_boot_us = 0;
	world_open();
	world.held[0] = MSG_CTL_CEREMONY;
	keeper_proc = sup_proc_add(&world.sup, MSG_ROLE_KEEPER, NULL);
	keeper_proc->on_request = sup_crl_request;
	sup_proc_start(keeper_proc);
	keeper = puppet_started(keeper_proc);
	keeper->corr = 40;
}

static void
wish(const char *environment)
{
	struct msg_ctl_want_crl msg = {.environment = base_span_str(environment)};

	ck_assert_int_eq(msg_send(keeper->chan, MSG_CTL_WANT_CRL, 0, ++keeper->corr,
	    &msg_ctl_want_crl_table, &msg), MC_OK);
	world_turns();
}

static void
assert_answered(unsigned answers, enum mc_err status, const char *detail)
{
	ck_assert_uint_eq(keeper->answers, answers);
	ck_assert_uint_eq(keeper->answer_type, MSG_ANSWER(MSG_CTL_WANT_CRL));
	ck_assert_uint_eq(keeper->answer_corr, keeper->corr);
	ck_assert_int_eq(keeper->answer_status, status);
	ck_assert_msg(strstr(keeper->answer_detail, detail) != NULL, "%s", keeper->answer_detail);
}

START_TEST(a_ceremony_is_the_answer)
{
	struct msg_ctl_ceremony act;
	struct puppet_item *item;
	struct puppet *puppet;

	start();
	wish("production");
	ck_assert_ptr_nonnull(world.sup.ceremony);
	puppet = puppet_started(world.sup.ceremony);
	item = puppet_seek(puppet, MSG_CTL_CEREMONY);
	puppet_read(item, &msg_ctl_ceremony_table, &act);
	ck_assert_uint_eq(act.act, MSG_CEREMONY_CRL);
	ck_assert(base_span_equal_str(act.environment, "production"));
	ck_assert(base_span_equal_str(act.actor, "keeper"));
	ck_assert(base_span_equal_str(act.from, "schedule"));
	ck_assert_uint_eq(keeper->answers, 0);
	puppet_answer(puppet, item, MC_OK, "");
	UNTIL(keeper->answers > 0);
	assert_answered(1, MC_OK, "");
	wish("production");
	puppet = puppet_started(world.sup.ceremony);
	puppet_answer(puppet, puppet_seek(puppet, MSG_CTL_CEREMONY), MC_EPASSPHRASE, "it does not fit");
	UNTIL(keeper->answers > 1);
	assert_answered(2, MC_EPASSPHRASE, "it does not fit");
	ck_assert(!world_logged("\"ca-crl-due\""));
	world_close();
}
END_TEST

START_TEST(what_cannot_begin_is_answered_at_once)
{
	start();
	wish("nowhere");
	assert_answered(1, MC_ENOTFOUND, "nowhere");
	wish("production");
	(void)puppet_started(world.sup.ceremony);
	ck_assert_uint_eq(keeper->answers, 1);
	wish("production"); /* there is one at a time */
	assert_answered(2, MC_EBUSY, "another ceremony is under way");
	ck_assert_uint_eq(world.count, 2);
	ck_assert(!world_logged("\"ca-crl-due\""));
	world_close();
}
END_TEST

/* Within the hour the keeper asks every minute, and people know. */
START_TEST(a_passphrase_that_is_missing_is_said_once_an_hour)
{
	start();
	fake_boot_us = base_clock_boot_us();
	wish("staging");
	assert_answered(1, MC_ESEALED, "staging has no passphrase_file");
	ck_assert_uint_eq(log_count("\"level\":\"error\",\"role\":\"supervisor\",\"event\":\"ca-crl-due\""), 1);
	ck_assert_uint_eq(log_count("\"of\":\"staging\",\"detail\":\"staging has no passphrase_file"), 1);
	fake_boot_us += 3600 * INT64_C(1000000) - 1;
	wish("staging");
	assert_answered(2, MC_ESEALED, "staging has no passphrase_file");
	ck_assert_uint_eq(log_count("\"ca-crl-due\""), 1);
	fake_boot_us++;
	wish("staging");
	ck_assert_uint_eq(log_count("\"ca-crl-due\""), 2);
	fake_boot_us += 1800 * INT64_C(1000000); /* since the newest */
	wish("staging");
	assert_answered(4, MC_ESEALED, "staging has no passphrase_file");
	ck_assert_uint_eq(log_count("\"ca-crl-due\""), 2);
	ck_assert_uint_eq(world.count, 1);
	fake_boot_us = 0;
	world_close();
}
END_TEST

START_TEST(each_environment_has_an_alarm_of_its_own)
{
	start();
	free(world.sup.config->environments[0].passphrase_file);
	world.sup.config->environments[0].passphrase_file = NULL;
	fake_boot_us = base_clock_boot_us();
	for (int i = 0; i < 3; i++) {
		wish("production");
		wish("staging");
		fake_boot_us += 60 * INT64_C(1000000);
	}
	ck_assert_uint_eq(log_count("\"ca-crl-due\""), 2);
	ck_assert_uint_eq(log_count("\"ca-crl-due\",\"of\":\"production\""), 1);
	ck_assert_uint_eq(log_count("\"ca-crl-due\",\"of\":\"staging\""), 1);
	fake_boot_us = 0;
	world_close();
}
END_TEST

/* Boot was just now: the hour is no reason to be silent. */
START_TEST(the_first_alarm_does_not_wait)
{
	start();
	fake_boot_us = 1;
	wish("staging");
	ck_assert_uint_eq(log_count("\"ca-crl-due\""), 1);
	fake_boot_us = 0;
	world_close();
}
END_TEST

START_TEST(a_wish_outlives_its_keeper)
{
	struct puppet *puppet;

	start();
	wish("production");
	puppet = puppet_started(world.sup.ceremony);
	puppet_kill_for_long(keeper_proc);
	puppet_answer(puppet, puppet_seek(puppet, MSG_CTL_CEREMONY), MC_OK, "");
	UNTIL(world.sup.ceremony == NULL);
	/* the next keeper is not told what it has not asked */
	sup_proc_start(keeper_proc);
	keeper = puppet_started(keeper_proc);
	wish("production");
	puppet = puppet_started(world.sup.ceremony);
	keeper_proc->backoff_us = 0;
	puppet_kill(keeper);
	UNTIL(keeper_proc->chan == NULL);
	UNTIL(keeper_proc->chan != NULL);
	keeper = puppet_started(keeper_proc);
	puppet_answer(puppet, puppet_seek(puppet, MSG_CTL_CEREMONY), MC_OK, "");
	UNTIL(world.sup.ceremony == NULL);
	world_turns();
	ck_assert_uint_eq(keeper->answers, 0);
	ck_assert_ptr_nonnull(keeper->chan);
	world_close();
}
END_TEST

START_TEST(anything_else_drops_the_keeper)
{
	struct msg_ctl_progress msg = {.text = base_span_str("a line")};

	start();
	ck_assert_int_eq(msg_send(keeper->chan, MSG_CTL_PROGRESS, 0, 41, &msg_ctl_progress_table, &msg),
	    MC_OK);
	UNTIL(keeper->chan == NULL);
	ck_assert(world_logged("from the keeper"));
	world_close();
	start();
	ck_assert_int_eq(base_chan_send(keeper->chan, MSG_CTL_WANT_CRL, 0, 41, base_span_str("abc")), MC_OK);
	UNTIL(keeper->chan == NULL);
	ck_assert_uint_eq(world.count, 1);
	ck_assert_uint_eq(keeper->answers, 0);
	world_close();
}
END_TEST

CHECK_MAIN("rotation_sup_crl", a_ceremony_is_the_answer, what_cannot_begin_is_answered_at_once,
    a_passphrase_that_is_missing_is_said_once_an_hour,
    each_environment_has_an_alarm_of_its_own, the_first_alarm_does_not_wait, a_wish_outlives_its_keeper,
    anything_else_drops_the_keeper)
