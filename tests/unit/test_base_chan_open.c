/* SPDX-License-Identifier: Apache-2.0 */
#include "base/chan_open.h"
#include "tests/unit/check_main.h"

static struct chan_open set;

/* A full window, in the ways that correlations come: counters, multiples, anything. */
static void
fill_and_empty(uint64_t step, uint64_t start)
{
	for (uint64_t i = 0; i < LIMIT_CHAN_WINDOW; i++) {
		ck_assert_ptr_null(chan_open_find(&set, start + i * step));
		chan_open_add(&set, start + i * step, (uint16_t)(2 + i % 100));
	}
	ck_assert_uint_eq(set.count, LIMIT_CHAN_WINDOW);
	/* every third one goes: the others are found all the same, with what was said of them */
	for (uint64_t i = 0; i < LIMIT_CHAN_WINDOW; i += 3) {
		chan_open_remove(&set, chan_open_find(&set, start + i * step));
	}
	for (uint64_t i = 0; i < LIMIT_CHAN_WINDOW; i++) {
		const struct chan_open_slot *slot = chan_open_find(&set, start + i * step);

		ck_assert_msg((slot == NULL) == (i % 3 == 0), "%llu", (unsigned long long)i);
		ck_assert(slot == NULL || slot->type == 2 + i % 100);
	}
	for (uint64_t i = 0; i < LIMIT_CHAN_WINDOW; i++) {
		if (i % 3 != 0) {
			chan_open_remove(&set, chan_open_find(&set, start + i * step));
		}
	}
	ck_assert_uint_eq(set.count, 0);
	for (size_t i = 0; i < CHAN_OPEN_SLOTS; i++) {
		ck_assert_uint_eq(set.slots[i].type, 0);
	}
}

START_TEST(whatever_the_correlations_are)
{
	static const uint64_t steps[] = {1, 2, 2048, CHAN_OPEN_SLOTS, UINT64_C(1) << 32, 0x9e3779b9};

	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		fill_and_empty(steps[i], 0);
		fill_and_empty(steps[i], UINT64_MAX - 5);
	}
}
END_TEST

/* As a channel lives: one goes, one comes; runs of full slots wrap around the end. */
START_TEST(a_long_life)
{
	uint64_t corrs[LIMIT_CHAN_WINDOW];
	uint64_t random = 1;

	for (size_t i = 0; i < LIMIT_CHAN_WINDOW; i++) {
		corrs[i] = i * 7919;
		chan_open_add(&set, corrs[i], 4);
	}
	for (unsigned round = 0; round < 50000; round++) {
		size_t at;

		random = random * UINT64_C(6364136223846793005) + 1442695040888963407;
		at = (size_t)(random >> 33) % LIMIT_CHAN_WINDOW;
		chan_open_remove(&set, chan_open_find(&set, corrs[at]));
		ck_assert_ptr_null(chan_open_find(&set, corrs[at]));
		corrs[at] = random;
		chan_open_add(&set, corrs[at], 4);
	}
	ck_assert_uint_eq(set.count, LIMIT_CHAN_WINDOW);
	for (size_t i = 0; i < LIMIT_CHAN_WINDOW; i++) {
		ck_assert_ptr_nonnull(chan_open_find(&set, corrs[i]));
		chan_open_remove(&set, chan_open_find(&set, corrs[i]));
	}
	ck_assert_uint_eq(set.count, 0);
}
END_TEST

CHECK_MAIN("base_chan_open", whatever_the_correlations_are, a_long_life)
