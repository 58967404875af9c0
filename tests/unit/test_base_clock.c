/* SPDX-License-Identifier: Apache-2.0 */
#include "base/clock.h"

#include <check.h>
#include <stdlib.h>

#define S INT64_C(1000000)

static int64_t wall;
static int64_t boot;

static int64_t
wall_us(void)
{
	return wall;
}

static int64_t
boot_us(void)
{
	return boot;
}

static void
guard_start(struct base_clock_guard *guard, int64_t floor_at)
{
	wall = 1000000 * S;
	boot = 500 * S;
	base_clock_guard_init(guard, floor_at);
	guard->wall_us = wall_us;
	guard->boot_us = boot_us;
	guard->checked_us = boot;
	guard->offset_us = wall - boot;
}

static void
pass(int64_t boot_s, int64_t wall_s)
{
	boot += boot_s * S;
	wall += wall_s * S;
}

START_TEST(test_rfc3339)
{
	char text[21];

	base_clock_rfc3339(0, text);
	ck_assert_str_eq(text, "1970-01-01T00:00:00Z");
	base_clock_rfc3339(1795466460, text);
	ck_assert_str_eq(text, "2026-11-23T20:41:00Z");
	base_clock_rfc3339(INT64_C(253402300799), text);
	ck_assert_str_eq(text, "9999-12-31T23:59:59Z");
	base_clock_rfc3339(INT64_MAX, text);
	ck_assert_str_eq(text, "9999-12-31T23:59:59Z");
}
END_TEST

START_TEST(test_parse_rfc3339)
{
	static const char *const bad[] = {"", "2026-11-23", "2026-11-23T20:41:00+",
	    "2026-11-23t20:41:00Z", "2026-13-01T00:00:00Z", "2026-02-29T00:00:00Z",
	    "2026-11-23T24:00:00Z", "2026-11-23T20:41:60Z", "2026-11-23T20:41:00Z ",
	    "1969-12-31T23:59:59Z", "2026-1a-23T20:41:00Z", "+026-11-23T20:41:00Z"};
	int64_t at = -1;

	ck_assert(base_clock_parse_rfc3339("2026-11-23T20:41:00Z", &at));
	ck_assert_int_eq(at, 1795466460);
	ck_assert(base_clock_parse_rfc3339("2028-02-29T23:59:59Z", &at));
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		ck_assert_msg(!base_clock_parse_rfc3339(bad[i], &at), "%s", bad[i]);
	}
}
END_TEST

START_TEST(test_guard_follows_time)
{
	struct base_clock_guard guard;

	guard_start(&guard, 0);
	pass(86400, 86400);
	ck_assert(base_clock_guard_ok(&guard));
	pass(10, 39);
	ck_assert(base_clock_guard_ok(&guard));
}
END_TEST

START_TEST(test_guard_refuses_steps)
{
	struct base_clock_guard guard;

	guard_start(&guard, 0);
	pass(10, 41);
	ck_assert(!base_clock_guard_ok(&guard));
	pass(10, -21);
	ck_assert(base_clock_guard_ok(&guard));
	pass(10, -22);
	ck_assert(!base_clock_guard_ok(&guard));
	base_clock_guard_accept(&guard);
	ck_assert(base_clock_guard_ok(&guard));
}
END_TEST

START_TEST(test_guard_follows_drift_but_not_creeping_steps)
{
	struct base_clock_guard guard;

	guard_start(&guard, 0);
	for (int i = 0; i < 200; i++) {
		pass(2000, 2001);
		ck_assert(base_clock_guard_ok(&guard));
	}
	pass(1, 21);
	ck_assert(base_clock_guard_ok(&guard));
	pass(1, 21);
	ck_assert(!base_clock_guard_ok(&guard));
}
END_TEST

START_TEST(test_guard_knows_the_newest_intent)
{
	struct base_clock_guard guard;

	guard_start(&guard, 1000000 + 31);
	ck_assert(!base_clock_guard_ok(&guard));
	pass(1, 1);
	ck_assert(base_clock_guard_ok(&guard));
	base_clock_guard_floor(&guard, 1000000 + 100);
	ck_assert(!base_clock_guard_ok(&guard));
	base_clock_guard_floor(&guard, 0);
	ck_assert(!base_clock_guard_ok(&guard));
	base_clock_guard_accept(&guard);
	ck_assert(base_clock_guard_ok(&guard));
}
END_TEST

START_TEST(test_sources)
{
	int64_t before = base_clock_boot_us();
	int64_t now = base_clock_now();

	ck_assert_int_le(llabs(base_clock_now_us() / S - now), 1);
	ck_assert_int_ge(base_clock_boot_us(), before);
	ck_assert_int_ge(base_clock_cpu_us(), 0);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("base_clock");
	TCase *tcase = tcase_create("all");
	SRunner *runner;
	int failed;

	tcase_add_test(tcase, test_rfc3339);
	tcase_add_test(tcase, test_parse_rfc3339);
	tcase_add_test(tcase, test_guard_follows_time);
	tcase_add_test(tcase, test_guard_refuses_steps);
	tcase_add_test(tcase, test_guard_follows_drift_but_not_creeping_steps);
	tcase_add_test(tcase, test_guard_knows_the_newest_intent);
	tcase_add_test(tcase, test_sources);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
