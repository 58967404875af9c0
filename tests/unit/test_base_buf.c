/* SPDX-License-Identifier: Apache-2.0 */
#include "base/buf.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

START_TEST(test_append_little_endian)
{
	static const uint8_t want[] = {1, 0x02, 0x03, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
	struct base_buf buf;

	base_buf_init(&buf, 15);
	base_buf_append_u8(&buf, 1);
	base_buf_append_le16(&buf, 0x0302);
	base_buf_append_le32(&buf, 0x07060504);
	base_buf_append_le64(&buf, UINT64_C(0x0f0e0d0c0b0a0908));
	ck_assert(!base_buf_failed(&buf));
	ck_assert(base_span_equal(base_buf_span(&buf), base_span_of(want, sizeof(want))));
	base_buf_clear(&buf);
	ck_assert_uint_eq(buf.len, 0);
}
END_TEST

START_TEST(test_ceiling_is_sticky)
{
	struct base_buf buf;

	base_buf_init(&buf, 4);
	base_buf_append_str(&buf, "abc");
	base_buf_append_str(&buf, "de");
	ck_assert(base_buf_failed(&buf));
	base_buf_append_str(&buf, "f");
	ck_assert_uint_eq(buf.len, 3);
	ck_assert_ptr_null(base_buf_reserve(&buf, 0));
	ck_assert_ptr_null(base_buf_take_str(&buf));
	/* nobody clears what was taken */
	ck_assert_ptr_null(buf.ptr);
	ck_assert_uint_eq(buf.len, 0);
	base_buf_append_str(&buf, "abcde");
	ck_assert(base_buf_failed(&buf));
	base_buf_reset(&buf);
	base_buf_append_str(&buf, "wxyz");
	ck_assert(!base_buf_failed(&buf));
	base_buf_append(&buf, "!", SIZE_MAX);
	ck_assert(base_buf_failed(&buf));
	base_buf_clear(&buf);
}
END_TEST

START_TEST(test_growth_keeps_content)
{
	struct base_buf buf;

	base_buf_init(&buf, 100000);
	for (unsigned i = 0; i < 25000; i++) {
		base_buf_append_le32(&buf, i);
	}
	ck_assert(!base_buf_failed(&buf));
	ck_assert_uint_eq(buf.len, 100000);
	ck_assert_uint_le(buf.cap, 100000);
	for (unsigned i = 0; i < 25000; i++) {
		ck_assert_uint_eq(buf.ptr[4 * i], i & 0xff);
		ck_assert_uint_eq(buf.ptr[4 * i + 1], i >> 8 & 0xff);
	}
	base_buf_clear(&buf);
}
END_TEST

START_TEST(test_appendf)
{
	struct base_buf buf;
	char *str;

	base_buf_init(&buf, 300);
	base_buf_appendf(&buf, "%0254d", 7);
	base_buf_appendf(&buf, "%s", "xy");
	base_buf_appendf(&buf, "%s", "");
	base_buf_appendf(&buf, "-%d-", 42);
	ck_assert_uint_eq(buf.len, 260);
	str = base_buf_take_str(&buf);
	ck_assert_str_eq(str + 253, "7xy-42-");
	free(str);
	base_buf_appendf(&buf, "%0301d", 1);
	ck_assert(base_buf_failed(&buf));
	base_buf_clear(&buf);
}
END_TEST

START_TEST(test_take_at_the_ceiling)
{
	struct base_buf buf;
	char *str;

	base_buf_init(&buf, 512);
	memset(base_buf_reserve(&buf, 512), 'a', 512);
	str = base_buf_take_str(&buf);
	ck_assert_uint_eq(strlen(str), 512);
	free(str);
	str = base_buf_take_str(&buf);
	ck_assert_str_eq(str, "");
	free(str);
	base_buf_clear(&buf);
}
END_TEST

START_TEST(test_consume)
{
	struct base_buf buf;

	base_buf_init(&buf, 16);
	base_buf_append_str(&buf, "abcdef");
	base_buf_consume(&buf, 2);
	ck_assert(base_span_equal_str(base_buf_span(&buf), "cdef"));
	base_buf_consume(&buf, 4);
	ck_assert_uint_eq(buf.len, 0);
	base_buf_clear(&buf);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("base_buf");
	TCase *tcase = tcase_create("all");
	SRunner *runner;
	int failed;

	tcase_add_test(tcase, test_append_little_endian);
	tcase_add_test(tcase, test_ceiling_is_sticky);
	tcase_add_test(tcase, test_growth_keeps_content);
	tcase_add_test(tcase, test_appendf);
	tcase_add_test(tcase, test_take_at_the_ceiling);
	tcase_add_test(tcase, test_consume);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
