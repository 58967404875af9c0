/* SPDX-License-Identifier: Apache-2.0 */
#include "base/err.h"

#include <check.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

START_TEST(test_code_carries_class)
{
	ck_assert_uint_eq(MC_ECSR_DER, MC_CODE(MC_CLASS_USAGE, 11));
	ck_assert_int_eq(mc_err_class(MC_ESEALED), MC_CLASS_BUSY);
	ck_assert_int_eq(mc_err_class(MC_OK), MC_CLASS_NONE);
}
END_TEST

START_TEST(test_words)
{
	ck_assert_str_eq(mc_err_word(MC_ECSR_KEY_WEAK), "csr-key-weak");
	ck_assert_str_eq(mc_err_text(MC_ENOTFOUND), "There is no such thing.");
	ck_assert_str_eq(mc_err_word((enum mc_err)0x7f01), "unknown");
}
END_TEST

START_TEST(test_words_are_unique)
{
	static const enum mc_err codes[] = {
#define MC_ERR(class, number, name, word, text) name,
#include "base/err_list.h"
#undef MC_ERR
	};
	const size_t count = sizeof(codes) / sizeof(codes[0]);

	for (size_t i = 0; i < count; i++) {
		for (size_t j = i + 1; j < count; j++) {
			ck_assert_int_ne(codes[i], codes[j]);
			ck_assert_str_ne(mc_err_word(codes[i]), mc_err_word(codes[j]));
		}
	}
}
END_TEST

START_TEST(test_from_wire)
{
	ck_assert_int_eq(mc_err_from_wire(0), MC_OK);
	ck_assert_int_eq(mc_err_from_wire(MC_ETTL), MC_ETTL);
	ck_assert_int_eq(mc_err_from_wire(0xffffffff), MC_EINTERNAL);
	ck_assert_int_eq(mc_err_from_wire(MC_CODE(MC_CLASS_USAGE, 200)), MC_EINTERNAL);
}
END_TEST

START_TEST(test_fail_records)
{
	ck_assert_int_eq(MC_FAIL(MC_ECSR_DER, "trailing %d bytes", 7), MC_ECSR_DER);
	ck_assert_int_eq(mc_err_last()->code, MC_ECSR_DER);
	ck_assert_str_eq(mc_err_last()->detail, "trailing 7 bytes");
	ck_assert_int_gt(mc_err_last()->line, 0);
}
END_TEST

START_TEST(test_detail_is_cleaned_and_cut)
{
	char longer[2 * MC_ERR_DETAIL_MAX];

	(void)MC_FAIL(MC_EUSAGE, "a\nb\x1b[31m\x7f");
	ck_assert_str_eq(mc_err_last()->detail, "a?b?[31m?");
	memset(longer, 'x', sizeof(longer));
	longer[sizeof(longer) - 1] = '\0';
	(void)MC_FAIL(MC_EUSAGE, "%s", longer);
	ck_assert_uint_eq(strlen(mc_err_last()->detail), MC_ERR_DETAIL_MAX - 1);
}
END_TEST

START_TEST(test_detail_may_quote_the_last_one)
{
	(void)MC_FAIL(MC_EIO, "disk");
	(void)MC_FAIL(MC_EIO, "%s: %s", mc_err_last()->detail, "gone");
	ck_assert_str_eq(mc_err_last()->detail, "disk: gone");
}
END_TEST

static void *
fail_elsewhere(void *arg)
{
	(void)arg;
	(void)MC_FAIL(MC_ERATE, "other thread");
	return NULL;
}

START_TEST(test_record_is_per_thread)
{
	pthread_t thread;

	(void)MC_FAIL(MC_EPOLICY, "mine");
	ck_assert_int_eq(pthread_create(&thread, NULL, fail_elsewhere, NULL), 0);
	ck_assert_int_eq(pthread_join(thread, NULL), 0);
	ck_assert_int_eq(mc_err_last()->code, MC_EPOLICY);
	ck_assert_str_eq(mc_err_last()->detail, "mine");
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("base_err");
	TCase *tcase = tcase_create("all");
	SRunner *runner;
	int failed;

	tcase_add_test(tcase, test_code_carries_class);
	tcase_add_test(tcase, test_words);
	tcase_add_test(tcase, test_words_are_unique);
	tcase_add_test(tcase, test_from_wire);
	tcase_add_test(tcase, test_fail_records);
	tcase_add_test(tcase, test_detail_is_cleaned_and_cut);
	tcase_add_test(tcase, test_detail_may_quote_the_last_one);
	tcase_add_test(tcase, test_record_is_per_thread);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
