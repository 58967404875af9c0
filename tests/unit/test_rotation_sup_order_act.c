/* SPDX-License-Identifier: Apache-2.0 */
/* The orders of rotation/sup_order.c that a ceremony carries out: rotation, CRLs of CAs, a new environment. */
#include "rotation/sup.h"

#include "tests/unit/check_main.h"
#include "tests/unit/order_make.h"

#define LOOKS_US 250000 /* time for two looks whether the other one has ended */

static void
start(void)
{
	order_open();
	world.held[0] = MSG_CTL_CEREMONY;
}

/* The act that is under way, which must be this. */
static struct puppet *
ceremony(enum msg_ceremony act, const char *environment)
{
	struct puppet *puppet;
	struct msg_ctl_ceremony msg;

	UNTIL(world.sup.ceremony != NULL);
	puppet = puppet_started(world.sup.ceremony);
	puppet_read(puppet_seek(puppet, MSG_CTL_CEREMONY), &msg_ctl_ceremony_table, &msg);
	ck_assert_uint_eq(msg.act, act);
	ck_assert(base_span_equal_str(msg.environment, environment));
	ck_assert_int_eq(strncmp((const char *)msg.actor.ptr, "uid ", 4), 0);
	ck_assert(base_span_equal_str(msg.from, "local socket"));
	return puppet;
}

static void
ends(struct puppet *puppet, enum mc_err status, const char *detail)
{
	puppet_answer(puppet, &puppet->items[puppet->first - 1], status, detail);
	UNTIL(puppet->chan == NULL);
	world_turns();
}

static void
assert_passphrase(const struct puppet *puppet, uint8_t slot, const char *text)
{
	struct msg_ctl_unseal msg;

	for (size_t i = 0; i < puppet->count; i++) {
		if (puppet->items[i].type == MSG_CTL_UNSEAL) {
			puppet_read(&puppet->items[i], &msg_ctl_unseal_table, &msg);
			if (msg.slot == slot) {
				ck_assert(base_span_equal_str(msg.passphrase, text));
				return;
			}
		}
	}
	ck_abort_msg("no passphrase of slot %u", (unsigned)slot);
}

static void
refused(uint16_t type, const char *environment, enum mc_err code, const char *text)
{
	admin_about(&client, type, environment, WORLD_SECRET, WORLD_SECRET);
	admin_gets(&client, code, text);
	ck_assert_ptr_null(world.sup.ceremony);
}

/* --- rotation --- */

START_TEST(a_rotation_makes_a_key_and_the_signer_changes_over)
{
	struct msg_ctl_progress line = {.text = base_span_str("signing")};
	struct sup_proc *old, *new;
	struct puppet *puppet;

	start();
	puppet_says(world_start(MSG_ROLE_SIGNER, "staging", &old), MSG_RS_READY, "");
	admin_about(&client, MSG_ADM_ROTATE, "staging", WORLD_SECRET, NULL);
	puppet = ceremony(MSG_CEREMONY_ISSUING, "staging");
	assert_passphrase(puppet, MSG_KEY_ENVIRONMENT, WORLD_SECRET);
	ck_assert_int_eq(msg_send(puppet->chan, MSG_CTL_PROGRESS, 0, 1, &msg_ctl_progress_table, &line),
	    MC_OK);
	UNTIL(client.lines == 1);
	ck_assert_str_eq(client.line, "signing");
	ends(puppet, MC_OK, "");
	UNTIL(client.lines == 2);
	ck_assert_str_eq(client.line, "issuing CA made; the signer changes over");
	ck_assert_uint_eq(client.lasts, 0);
	new = sup_signer(&world.sup, "staging", SUP_STANDBY);
	ck_assert_ptr_nonnull(new);
	puppet = puppet_started(new);
	assert_passphrase(puppet, MSG_KEY_ENVIRONMENT, WORLD_SECRET);
	puppet_says(puppet, MSG_RS_READY, "");
	admin_gets(&client, MC_OK, "");
	ck_assert_ptr_eq(sup_signer(&world.sup, "staging", SUP_ACTIVE), new);
	end();
}
END_TEST

START_TEST(an_act_that_fails_changes_no_signer)
{
	struct sup_proc *old;

	start();
	puppet_says(world_start(MSG_ROLE_SIGNER, "production", &old), MSG_RS_READY, "");
	admin_about(&client, MSG_ADM_ROTATE, "production", NULL, NULL);
	ends(ceremony(MSG_CEREMONY_ISSUING, "production"), MC_EIO, "no room");
	admin_gets(&client, MC_EIO, "no room");
	ck_assert_ptr_null(sup_signer(&world.sup, "production", SUP_STANDBY));
	ck_assert_ptr_eq(sup_signer(&world.sup, "production", SUP_ACTIVE), old);
	end();
}
END_TEST

START_TEST(what_cannot_begin_is_refused_with_its_reason)
{
	start();
	refused(MSG_ADM_ROTATE, "nowhere", MC_ENOTFOUND, "no environment nowhere");
	refused(MSG_ADM_CA_CRL, "nowhere", MC_ENOTFOUND, "no environment nowhere");
	admin_about(&client, MSG_ADM_ROTATE, "staging", NULL, NULL);
	admin_gets(&client, MC_ESEALED, "staging has no passphrase_file");
	drop("state/keys/staging/environment.pem");
	refused(MSG_ADM_ROTATE, "staging", MC_ENOTFOUND, "environment.pem is not in its key_dir");
	refused(MSG_ADM_CA_CRL, "staging", MC_ENOTFOUND, "environment.pem is not in its key_dir");
	ck_assert_ptr_null(world.sup.procs);
	end();
}
END_TEST

/* --- one after the other --- */

START_TEST(an_order_waits_for_a_ceremony_under_way)
{
	struct admin_client second;
	struct puppet *first;
	int64_t until_us;

	start();
	admin_connect(&second);
	admin_about(&client, MSG_ADM_CA_CRL, "production", NULL, NULL);
	first = ceremony(MSG_CEREMONY_CRL, "production");
	admin_about(&second, MSG_ADM_CA_CRL, "staging", WORLD_SECRET, NULL);
	UNTIL(second.lines == 1);
	ck_assert_str_eq(second.line, "another ceremony is under way; waiting for its end");
	until_us = base_clock_boot_us() + LOOKS_US;
	UNTIL(base_clock_boot_us() > until_us);
	ck_assert_uint_eq(second.lasts, 0);
	ends(first, MC_OK, "");
	admin_gets(&client, MC_OK, "");
	ck_assert_uint_eq(second.lasts, 0);
	ends(ceremony(MSG_CEREMONY_CRL, "staging"), MC_OK, "");
	admin_gets(&second, MC_OK, "");
	ck_assert_uint_eq(second.lines, 1); /* said once */
	admin_leave(&second);
	end();
}
END_TEST

START_TEST(who_waits_when_the_daemon_stops_is_told)
{
	struct admin_client second;

	start();
	admin_connect(&second);
	admin_about(&client, MSG_ADM_CA_CRL, "production", NULL, NULL);
	(void)ceremony(MSG_CEREMONY_CRL, "production");
	admin_about(&second, MSG_ADM_CA_CRL, "staging", WORLD_SECRET, NULL);
	world.sup.stopping = true;
	admin_gets(&second, MC_EBUSY, "another ceremony is under way");
	admin_leave(&second);
	end();
	ck_assert_uint_eq(client.lasts, 0);
}
END_TEST

/* --- CRLs of CAs --- */

START_TEST(a_crl_of_the_root_needs_its_key)
{
	struct puppet *puppet;

	start();
	admin_about(&client, MSG_ADM_CA_CRL, NULL, NULL, WORLD_SECRET " root");
	puppet = ceremony(MSG_CEREMONY_ROOT, "");
	assert_passphrase(puppet, MSG_KEY_ROOT, WORLD_SECRET " root");
	ends(puppet, MC_OK, "");
	admin_gets(&client, MC_OK, "");
	/* the same act makes a root where there is none */
	drop("state/keys/root/root.pem");
	refused(MSG_ADM_CA_CRL, "", MC_ENOTFOUND, "root.pem is not in root_key_dir");
	end();
}
END_TEST

/* --- a new environment --- */

START_TEST(an_environment_is_added_and_its_signer_starts)
{
	struct sup_proc *proc;
	struct puppet *puppet;

	start();
	drop("state/keys/staging/issuing.pem");
	proc = sup_proc_add(&world.sup, MSG_ROLE_SIGNER, "staging");
	sup_proc_start(proc); /* in vain */
	admin_about(&client, MSG_ADM_ENV_ADD, "staging", WORLD_SECRET, WORLD_SECRET " root");
	puppet = ceremony(MSG_CEREMONY_ENVIRONMENT, "staging");
	assert_passphrase(puppet, MSG_KEY_ENVIRONMENT, WORLD_SECRET);
	assert_passphrase(puppet, MSG_KEY_ROOT, WORLD_SECRET " root");
	folder_put(world.folder, "state/keys/staging/issuing.pem", "made");
	ends(puppet, MC_OK, "");
	admin_gets(&client, MC_OK, "");
	assert_passphrase(puppet_started(proc), MSG_KEY_ENVIRONMENT, WORLD_SECRET);
	end();
}
END_TEST

START_TEST(the_operators_are_added_without_the_root)
{
	start();
	drop("state/keys/operators/issuing.pem");
	drop("state/keys/root/root.pem");
	admin_about(&client, MSG_ADM_ENV_ADD, CONFIG_OPERATORS, NULL, NULL);
	ends(ceremony(MSG_CEREMONY_OPERATORS, CONFIG_OPERATORS), MC_EIO, "no room");
	admin_gets(&client, MC_EIO, "no room");
	end();
}
END_TEST

START_TEST(keys_that_are_there_are_not_made_again)
{
	start();
	refused(MSG_ADM_ENV_ADD, "staging", MC_ECONFLICT, "its keys are there already");
	refused(MSG_ADM_ENV_ADD, CONFIG_OPERATORS, MC_ECONFLICT, "its keys are there already");
	drop("state/keys/staging/issuing.pem");
	drop("state/keys/root/root.pem");
	refused(MSG_ADM_ENV_ADD, "staging", MC_ENOTFOUND, "root.pem is not in root_key_dir");
	end();
}
END_TEST

/* One that the running configuration does not know may stand in the file by now. */
START_TEST(an_unknown_environment_is_looked_for_in_the_file)
{
	struct config_address free_port = {.host = "127.0.0.1"};

	start();
	refused(MSG_ADM_ENV_ADD, "late", MC_ENOTFOUND, "add it there first");
	world_listener(MSG_LISTEN_GRPC, "late", &free_port);
	world_write_config(NULL, "  - name: late\n    grpc: {listen: \"127.0.0.1:15014\"}\n"
	    "    wrong: key\n");
	refused(MSG_ADM_ENV_ADD, "late", MC_ECONFIG, "wrong");
	world_write_config("probes: {listen: \"0.0.0.0:15014\"}\n",
	    "  - name: late\n    grpc: {listen: \"127.0.0.1:15016\"}\n");
	admin_about(&client, MSG_ADM_ENV_ADD, "late", WORLD_SECRET, WORLD_SECRET);
	ends(ceremony(MSG_CEREMONY_ENVIRONMENT, "late"), MC_EIO, "no room");
	admin_gets(&client, MC_EIO, "no room");
	ck_assert_ptr_nonnull(sup_signer(&world.sup, "late", SUP_ACTIVE)); /* it waits for its key */
	end();
}
END_TEST

CHECK_MAIN("rotation_sup_order_act", a_rotation_makes_a_key_and_the_signer_changes_over,
    an_act_that_fails_changes_no_signer, what_cannot_begin_is_refused_with_its_reason,
    an_order_waits_for_a_ceremony_under_way, who_waits_when_the_daemon_stops_is_told,
    a_crl_of_the_root_needs_its_key, an_environment_is_added_and_its_signer_starts,
    the_operators_are_added_without_the_root, keys_that_are_there_are_not_made_again,
    an_unknown_environment_is_looked_for_in_the_file)
