/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "check_main.h"
#include "store/dedup.h"

static void
key_of(unsigned n, uint8_t key[32])
{
	memset(key, 0, 32);
	/* spread over the first bits, as a hash would */
	for (unsigned i = 0; i < 8; i++) {
		key[i] = (uint8_t)((n * 2654435761u) >> ((i % 4) * 8));
	}
}

START_TEST(finds_the_newest_note)
{
	struct store_dedup *dedup = store_dedup_new(1000, 600);
	uint8_t key[32];

	key_of(1, key);
	ck_assert_uint_eq(store_dedup_find(dedup, key, 100), 0);
	store_dedup_put(dedup, key, 7, 100);
	ck_assert_uint_eq(store_dedup_find(dedup, key, 100), 7);
	store_dedup_put(dedup, key, 9, 101);
	ck_assert_uint_eq(store_dedup_find(dedup, key, 101), 9);
	ck_assert_uint_eq(store_dedup_count(dedup), 1);
	store_dedup_free(dedup);
}
END_TEST

START_TEST(forgets_after_the_window)
{
	struct store_dedup *dedup = store_dedup_new(1000, 600);
	uint8_t key[32];

	key_of(1, key);
	store_dedup_put(dedup, key, 7, 1000);
	ck_assert_uint_eq(store_dedup_find(dedup, key, 1600), 7);
	ck_assert_uint_eq(store_dedup_find(dedup, key, 1601), 0);
	store_dedup_free(dedup);
}
END_TEST

START_TEST(holds_half_to_all_of_its_rows)
{
	enum { MAX = 20000, PUT = 3 * MAX };
	struct store_dedup *dedup = store_dedup_new(MAX, 600);
	uint8_t key[32];

	for (unsigned i = 1; i <= PUT; i++) {
		key_of(i, key);
		store_dedup_put(dedup, key, i, 1000 + i / 1000);
		ck_assert_uint_le(store_dedup_count(dedup), MAX);
	}
	for (unsigned i = PUT - MAX / 2; i <= PUT; i++) {
		key_of(i, key);
		ck_assert_uint_eq(store_dedup_find(dedup, key, 1060), i);
	}
	key_of(1, key);
	ck_assert_uint_eq(store_dedup_find(dedup, key, 1060), 0);
	store_dedup_free(dedup);
}
END_TEST

START_TEST(survives_a_clock_set_back)
{
	struct store_dedup *dedup = store_dedup_new(1000, 600);
	uint8_t key[32];

	key_of(1, key);
	store_dedup_put(dedup, key, 7, 5000);
	key_of(2, key);
	store_dedup_put(dedup, key, 8, 1000);
	ck_assert_uint_eq(store_dedup_find(dedup, key, 1000), 8);
	store_dedup_free(dedup);
}
END_TEST

CHECK_MAIN("store_dedup", finds_the_newest_note, forgets_after_the_window,
    holds_half_to_all_of_its_rows, survives_a_clock_set_back)
