/* SPDX-License-Identifier: Apache-2.0 */
#include <check.h>
#include <stdlib.h>

#include "rotation/crl_plan.h"

#define NOW INT64_C(1000000)

static struct crl_state
fresh(void)
{
	return (struct crl_state){
		.number = 7,
		.this_update_at = NOW,
		.next_update_at = NOW + 1000,
		.covered_seq = 3,
		.newest_seq = 3,
		.issuer_not_after_at = NOW + 100000,
	};
}

START_TEST(fresh_crl_is_due_at_half_of_its_life)
{
	struct crl_state state = fresh();

	ck_assert_int_eq(crl_plan_due(&state, NOW), CRL_DUE_NOT);
	ck_assert_int_eq(crl_plan_due(&state, NOW + 499), CRL_DUE_NOT);
	ck_assert_int_eq(crl_plan_due(&state, NOW + 500), CRL_DUE_HALF_LIFE);
	ck_assert_int_eq(crl_plan_due(&state, NOW + 5000), CRL_DUE_HALF_LIFE);
}
END_TEST

START_TEST(missing_crl_is_due_at_once)
{
	struct crl_state state = fresh();

	state.number = 0;
	ck_assert_int_eq(crl_plan_due(&state, NOW), CRL_DUE_FIRST);
}
END_TEST

START_TEST(revocation_is_due_at_once)
{
	struct crl_state state = fresh();

	state.newest_seq = 4;
	ck_assert_int_eq(crl_plan_due(&state, NOW), CRL_DUE_REVOCATION);
}
END_TEST

START_TEST(last_crl_of_an_issuer_is_not_renewed)
{
	struct crl_state state = fresh();

	state.next_update_at = state.issuer_not_after_at;
	ck_assert_int_eq(crl_plan_due(&state, state.issuer_not_after_at - 1), CRL_DUE_NOT);
	state.newest_seq = 4;
	ck_assert_int_eq(crl_plan_due(&state, state.issuer_not_after_at - 1), CRL_DUE_REVOCATION);
	ck_assert_int_eq(crl_plan_due(&state, state.issuer_not_after_at), CRL_DUE_NOT);
}
END_TEST

START_TEST(backoff_doubles_up_to_a_minute)
{
	ck_assert_int_eq(crl_plan_backoff_s(0), 0);
	ck_assert_int_eq(crl_plan_backoff_s(1), 1);
	ck_assert_int_eq(crl_plan_backoff_s(4), 8);
	ck_assert_int_eq(crl_plan_backoff_s(7), 60);
	ck_assert_int_eq(crl_plan_backoff_s(4000000000u), 60);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("rotation/crl_plan");
	TCase *tcase = tcase_create("all");
	SRunner *runner;
	int failed;

	tcase_add_test(tcase, fresh_crl_is_due_at_half_of_its_life);
	tcase_add_test(tcase, missing_crl_is_due_at_once);
	tcase_add_test(tcase, revocation_is_due_at_once);
	tcase_add_test(tcase, last_crl_of_an_issuer_is_not_renewed);
	tcase_add_test(tcase, backoff_doubles_up_to_a_minute);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
