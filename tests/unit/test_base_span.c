/* SPDX-License-Identifier: Apache-2.0 */
#include "base/span.h"

#include <check.h>
#include <stdlib.h>

START_TEST(test_str)
{
	ck_assert_uint_eq(base_span_str("abc").len, 3);
	ck_assert_uint_eq(base_span_str("").len, 0);
	ck_assert_uint_eq(base_span_str(NULL).len, 0);
}
END_TEST

START_TEST(test_equal)
{
	ck_assert(base_span_equal_str(base_span_of("abcd", 3), "abc"));
	ck_assert(!base_span_equal_str(base_span_of("abcd", 4), "abc"));
	ck_assert(!base_span_equal_str(base_span_of("abd", 3), "abc"));
	ck_assert(base_span_equal(base_span_of(NULL, 0), base_span_str("")));
	ck_assert(!base_span_equal(base_span_of("a\0b", 3), base_span_of("a\0c", 3)));
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("base_span");
	TCase *tcase = tcase_create("all");
	SRunner *runner;
	int failed;

	tcase_add_test(tcase, test_str);
	tcase_add_test(tcase, test_equal);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
