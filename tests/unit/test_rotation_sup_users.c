/* SPDX-License-Identifier: Apache-2.0 */
/* What a daemon that is not root cannot do, and what it should have been told. */
#include <string.h>

#include "rotation/sup.h"
#include "tests/unit/check_main.h"
#include "tests/unit/log_catch.h"

#define ME 1000

static char names[2][8] = {"one", "two"};
static struct config_environment environments[2];
static struct config config;

static void
start(void)
{
	environments[0] = (struct config_environment){.name = names[0]};
	environments[1] = (struct config_environment){.name = names[1]};
	config = (struct config){.environments = environments, .environment_count = 2};
}

START_TEST(without_users_anybody_may_start_it)
{
	start();
	ck_assert_int_eq(sup_users_check(&config, ME), MC_OK);
	ck_assert_int_eq(sup_users_check(&config, 0), MC_OK);
}
END_TEST

START_TEST(another_user_needs_root_wherever_it_is_named)
{
	uid_t *const keys[] = {&config.uid, &config.front_uid, &config.ledger_uid, &config.keeper_uid,
	    &config.operators.uid, &environments[0].uid, &environments[1].uid};

	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		start();
		*keys[i] = ME;
		ck_assert_int_eq(sup_users_check(&config, ME), MC_OK); /* it is that user */
		*keys[i] = ME + 1;
		ck_assert_int_eq(sup_users_check(&config, ME), MC_ECONFIG);
		ck_assert_ptr_nonnull(strstr(mc_err_last()->detail, "run as uid 1001, which needs root"));
		ck_assert_int_eq(sup_users_check(&config, 0), MC_OK);
	}
}
END_TEST

START_TEST(one_user_for_all_is_said)
{
	struct sup sup = {.config = &config};
	struct sup_proc signer = {.sup = &sup, .role = MSG_ROLE_SIGNER, .environment = names[1]};
	struct sup_proc front = {.next = &signer, .sup = &sup, .role = MSG_ROLE_FRONT};
	struct sup_proc ledger = {.next = &front, .sup = &sup, .role = MSG_ROLE_LEDGER};

	start();
	config.ledger_uid = config.front_uid = environments[1].uid = 61001;
	sup.procs = &ledger;
	log_catch("supervisor");
	sup_users_warn(&sup);
	ck_assert_uint_eq(log_count("\"level\":\"warn\",\"role\":\"supervisor\",\"event\":\"roles-share-one-user\",\"uid\":61001"), 1);
	environments[1].uid = 61002; /* the last is another's */
	sup_users_warn(&sup);
	ck_assert_uint_eq(log_count("\"roles-share-one-user\""), 1);
	environments[1].uid = 61001;
	config.ledger_uid = 61003;
	sup_users_warn(&sup);
	ck_assert_uint_eq(log_count("\"roles-share-one-user\""), 1);
	log_let_go();
}
END_TEST

CHECK_MAIN("rotation_sup_users", without_users_anybody_may_start_it, another_user_needs_root_wherever_it_is_named,
    one_user_for_all_is_said)
