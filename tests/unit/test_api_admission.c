/* SPDX-License-Identifier: Apache-2.0 */
#include "api/admission.h"

#include <string.h>

#include "base/clock.h"
#include "base/limits.h"
#include "tests/unit/check_main.h"

static char order[64];
static unsigned refused;

static void
on_run(struct admission_entry *entry)
{
	char name[2] = {*(const char *)entry->self, '\0'};

	strcat(order, name);
}

static void
on_refuse(struct admission_entry *entry)
{
	(void)entry;
	refused++;
}

static enum mc_err
enter(struct admission *admission, struct admission_entry *entry, const char *caller)
{
	uint8_t key[32] = {0};

	memcpy(key, caller, strlen(caller));
	memset(entry, 0, sizeof(*entry));
	entry->self = (void *)(uintptr_t)caller;
	entry->run = on_run;
	entry->refuse = on_refuse;
	return admission_enter(admission, entry, key);
}

START_TEST(busy_caller_delays_itself)
{
	struct base_loop *loop = base_loop_new();
	struct admission *admission = admission_new(loop, 1, 64);
	struct admission_entry entries[10];

	order[0] = '\0';
	for (unsigned i = 0; i < 6; i++) {
		ck_assert_int_eq(enter(admission, &entries[i], "a"), MC_OK);
	}
	ck_assert_int_eq(enter(admission, &entries[6], "b"), MC_OK);
	ck_assert_int_eq(enter(admission, &entries[7], "c"), MC_OK);
	ck_assert_int_eq(enter(admission, &entries[8], "b"), MC_OK);
	ck_assert_str_eq(order, "a");
	ck_assert_uint_eq(admission_waiting(admission), 8);
	for (unsigned i = 0; i < 8; i++) {
		admission_leave(admission);
	}
	ck_assert_str_eq(order, "aabcabaaa");
	admission_leave(admission);
	ck_assert_uint_eq(admission_under_way(admission), 0);
	admission_free(admission);
	base_loop_free(loop);
}
END_TEST

START_TEST(bounds)
{
	struct base_loop *loop = base_loop_new();
	struct admission *admission = admission_new(loop, 1, 16);
	struct admission_entry entries[32];

	order[0] = '\0';
	ck_assert_int_eq(enter(admission, &entries[0], "a"), MC_OK);
	ck_assert_int_eq(enter(admission, &entries[1], "a"), MC_OK);
	ck_assert_int_eq(enter(admission, &entries[2], "a"), MC_OK);
	/* an eighth of the queue for one caller */
	ck_assert_int_eq(enter(admission, &entries[3], "a"), MC_EBUSY);
	for (unsigned i = 0; i < 14; i++) {
		static const char *const names[] = {"b", "c", "d", "e", "f", "g", "h"};

		ck_assert_int_eq(enter(admission, &entries[4 + i], names[i % 7]), MC_OK);
	}
	ck_assert_int_eq(enter(admission, &entries[20], "i"), MC_EBUSY);
	admission_cancel(admission, &entries[1]);
	ck_assert_int_eq(enter(admission, &entries[20], "i"), MC_OK);
	while (admission_waiting(admission) > 0) {
		admission_leave(admission);
	}
	admission_leave(admission);
	ck_assert_uint_eq(strlen(order), 17);
	admission_free(admission);
	base_loop_free(loop);
}
END_TEST

START_TEST(waits_so_long_and_no_longer)
{
	struct base_loop *loop = base_loop_new();
	struct admission *admission = admission_new(loop, 1, 16);
	struct admission_entry entries[2];
	int64_t begin_us;

	order[0] = '\0';
	refused = 0;
	base_loop_turn(loop, 0);
	begin_us = base_clock_boot_us();
	ck_assert_int_eq(enter(admission, &entries[0], "a"), MC_OK);
	ck_assert_int_eq(enter(admission, &entries[1], "b"), MC_OK);
	while (refused == 0) {
		base_loop_turn(loop, 1000);
	}
	ck_assert_int_ge(base_clock_boot_us() - begin_us,
	    LIMIT_ADMISSION_WAIT_MS * (int64_t)1000 - 20000);
	ck_assert_int_le(base_clock_boot_us() - begin_us,
	    LIMIT_ADMISSION_WAIT_MS * (int64_t)1000 + 1500000);
	ck_assert_uint_eq(admission_waiting(admission), 0);
	admission_leave(admission);
	ck_assert_str_eq(order, "a");
	admission_free(admission);
	base_loop_free(loop);
}
END_TEST

CHECK_MAIN("api_admission", busy_caller_delays_itself, bounds, waits_so_long_and_no_longer)
