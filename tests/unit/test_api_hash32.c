/* SPDX-License-Identifier: Apache-2.0 */
#include "api/hash32.h"

#include <string.h>

#include "check_main.h"

#define MANY 1000

struct thing {
	struct hash32_node node;
	unsigned number;
};

static struct thing things[MANY];

static const uint8_t *
key(unsigned number)
{
	static uint8_t out[32];

	memset(out, 0, sizeof(out));
	memcpy(out, &number, sizeof(number));
	memcpy(out + 28, &number, sizeof(number));
	return out;
}

START_TEST(finds_what_was_added_also_after_it_grew)
{
	struct hash32 table;

	hash32_init(&table);
	for (unsigned i = 0; i < MANY; i++) {
		ck_assert_ptr_null(hash32_find(&table, key(i)));
		things[i].number = i;
		memcpy(things[i].node.key, key(i), 32);
		hash32_add(&table, &things[i].node);
	}
	ck_assert_uint_eq(table.count, MANY);
	ck_assert_uint_ge(table.bucket_count, MANY / 2);
	for (unsigned i = 0; i < MANY; i++) {
		ck_assert_ptr_eq(hash32_find(&table, key(i)), &things[i].node);
	}
	hash32_clear(&table);
}
END_TEST

START_TEST(removes_one_of_a_bucket_and_no_other)
{
	struct hash32 table;

	hash32_init(&table);
	/* The same first bytes: one bucket. */
	for (unsigned i = 0; i < 3; i++) {
		memset(things[i].node.key, 7, 32);
		things[i].node.key[31] = (uint8_t)i;
		hash32_add(&table, &things[i].node);
	}
	hash32_remove(&table, &things[1].node);
	hash32_remove(&table, &things[1].node); /* it is not there: nothing */
	ck_assert_uint_eq(table.count, 2);
	ck_assert_ptr_null(hash32_find(&table, things[1].node.key));
	ck_assert_ptr_eq(hash32_find(&table, things[0].node.key), &things[0].node);
	ck_assert_ptr_eq(hash32_find(&table, things[2].node.key), &things[2].node);
	hash32_clear(&table);
}
END_TEST

CHECK_MAIN("api_hash32", finds_what_was_added_also_after_it_grew,
    removes_one_of_a_bucket_and_no_other)
