/* SPDX-License-Identifier: Apache-2.0 */
/* The main function that every unit test of ca/ needs. */
#ifndef TESTS_CHECK_MAIN_H
#define TESTS_CHECK_MAIN_H

#include <check.h>
#include <stdlib.h>

#define CHECK_MAIN(name, ...)                                                          \
	int main(void)                                                                 \
	{                                                                              \
		const TTest *const tests[] = {__VA_ARGS__};                            \
		Suite *suite = suite_create(name);                                     \
		TCase *tcase = tcase_create("all");                                    \
		for (size_t i = 0; i < sizeof(tests) / sizeof(tests[0]); i++) {        \
			tcase_add_test(tcase, tests[i]);                               \
		}                                                                      \
		tcase_set_timeout(tcase, 50);                                          \
		suite_add_tcase(suite, tcase);                                         \
		SRunner *runner = srunner_create(suite);                               \
		srunner_run_all(runner, CK_NORMAL);                                    \
		int failed = srunner_ntests_failed(runner);                            \
		srunner_free(runner);                                                  \
		return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;                      \
	}

#endif
