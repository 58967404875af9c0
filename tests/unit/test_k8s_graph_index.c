/* SPDX-License-Identifier: Apache-2.0 */
/* The index from text to pointers. */
#include "check_main.h"

#include "k8s/graph.h"

START_TEST(test_put_and_get)
{
	struct base_arena *arena = base_arena_new();
	struct k8s_index *index = k8s_index_new(arena);
	int one = 1, two = 2;

	ck_assert_ptr_null(k8s_index_get(index, "a"));
	ck_assert_ptr_null(k8s_index_get(index, ""));
	k8s_index_put(index, "a", &one);
	k8s_index_put(index, "", &two);
	ck_assert_ptr_eq(k8s_index_get(index, "a"), &one);
	ck_assert_ptr_eq(k8s_index_get(index, ""), &two);
	ck_assert_ptr_null(k8s_index_get(index, "A"));
	ck_assert_ptr_null(k8s_index_get(index, "aa"));
	base_arena_free(arena);
}
END_TEST

/* A key is what it says, wherever it stands; putting it again replaces its value. */
START_TEST(test_put_again)
{
	struct base_arena *arena = base_arena_new();
	struct k8s_index *index = k8s_index_new(arena);
	char key[] = "name", same[] = "name";
	int one = 1, two = 2;

	k8s_index_put(index, key, &one);
	ck_assert_ptr_eq(k8s_index_get(index, same), &one);
	k8s_index_put(index, same, &two);
	ck_assert_ptr_eq(k8s_index_get(index, key), &two);
	base_arena_free(arena);
}
END_TEST

/* Keys stay where they are found while the table grows, again and again. */
START_TEST(test_growth)
{
	enum { COUNT = 5000 };
	struct base_arena *arena = base_arena_new();
	struct k8s_index *index = k8s_index_new(arena);
	int *values = base_arena_calloc(arena, COUNT, sizeof(int));

	for (int i = 0; i < COUNT; i++) {
		k8s_index_put(index, base_arena_printf(arena, "key-%d", i), &values[i]);
		/* the search for a key that is not there ends, however full the table is */
		ck_assert_ptr_null(k8s_index_get(index, "missing"));
		/* what is replaced takes no room */
		k8s_index_put(index, "again", &values[i]);
	}
	for (int i = 0; i < COUNT; i++) {
		ck_assert_ptr_eq(k8s_index_get(index, base_arena_printf(arena, "key-%d", i)), &values[i]);
	}
	ck_assert_ptr_eq(k8s_index_get(index, "again"), &values[COUNT - 1]);
	ck_assert_ptr_null(k8s_index_get(index, base_arena_printf(arena, "key-%d", COUNT)));
	base_arena_free(arena);
}
END_TEST

/* Replacing alone never makes the table grow. */
START_TEST(test_replacing_needs_no_memory)
{
	struct base_arena *arena = base_arena_new();
	struct k8s_index *index = k8s_index_new(arena);
	int value = 0;
	size_t size;

	k8s_index_put(index, "again", &value);
	size = base_arena_size(arena);
	for (int i = 0; i < 100000; i++) {
		k8s_index_put(index, "again", &value);
	}
	ck_assert_uint_eq(base_arena_size(arena), size);
	base_arena_free(arena);
}
END_TEST

CHECK_MAIN("k8s_graph_index", test_put_and_get, test_put_again, test_growth, test_replacing_needs_no_memory)
