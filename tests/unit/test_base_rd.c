/* SPDX-License-Identifier: Apache-2.0 */
#include "base/rd.h"

#include <check.h>
#include <stdlib.h>

static const uint8_t BYTES[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 'x', 'y'};

START_TEST(test_reads_in_order)
{
	struct base_rd rd;

	base_rd_init(&rd, base_span_of(BYTES, sizeof(BYTES)));
	ck_assert_uint_eq(base_rd_u8(&rd), 1);
	ck_assert_uint_eq(base_rd_le16(&rd), 0x0302);
	ck_assert_uint_eq(base_rd_le32(&rd), 0x07060504);
	ck_assert(base_rd_le64(&rd) == UINT64_C(0x0f0e0d0c0b0a0908));
	ck_assert(!base_rd_done(&rd));
	ck_assert(base_span_equal_str(base_rd_bytes(&rd, 2), "xy"));
	ck_assert(base_rd_done(&rd));
	ck_assert_uint_eq(base_rd_bytes(&rd, 0).len, 0);
	ck_assert(base_rd_done(&rd));
}
END_TEST

START_TEST(test_failure_is_sticky)
{
	struct base_rd rd;

	base_rd_init(&rd, base_span_of(BYTES, 3));
	ck_assert_uint_eq(base_rd_le32(&rd), 0);
	ck_assert_uint_eq(base_rd_u8(&rd), 0);
	ck_assert_uint_eq(base_rd_bytes(&rd, 1).len, 0);
	ck_assert_ptr_null(base_rd_bytes(&rd, 1).ptr);
	ck_assert(!base_rd_done(&rd));
}
END_TEST

START_TEST(test_length_near_the_end_of_memory)
{
	struct base_rd rd;

	base_rd_init(&rd, base_span_of(BYTES, sizeof(BYTES)));
	(void)base_rd_u8(&rd);
	ck_assert_uint_eq(base_rd_bytes(&rd, SIZE_MAX).len, 0);
	ck_assert(!base_rd_done(&rd));
}
END_TEST

START_TEST(test_empty_input)
{
	struct base_rd rd;

	base_rd_init(&rd, base_span_of(NULL, 0));
	ck_assert(base_rd_done(&rd));
	ck_assert_uint_eq(base_rd_u8(&rd), 0);
	ck_assert(!base_rd_done(&rd));
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("base_rd");
	TCase *tcase = tcase_create("all");
	SRunner *runner;
	int failed;

	tcase_add_test(tcase, test_reads_in_order);
	tcase_add_test(tcase, test_failure_is_sticky);
	tcase_add_test(tcase, test_length_near_the_end_of_memory);
	tcase_add_test(tcase, test_empty_input);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
