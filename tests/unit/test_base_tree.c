/* SPDX-License-Identifier: Apache-2.0 */
#include "base/tree.h"

#include "check_main.h"

#include <stdio.h>
#include <string.h>

static const struct base_origin here = {.file = "test", .line = 7};
static const struct base_origin there = {.file = "test", .line = 9};

START_TEST(test_arena)
{
	struct base_arena *arena = base_arena_new();
	char *first = base_arena_strndup(arena, "abc", 2), *all;
	const char zeros[64] = {0};

	for (size_t i = 0; i < 2000; i++) {
		unsigned char *ptr = base_arena_calloc(arena, i % 50 + 1, 16);

		ck_assert_uint_eq((size_t)ptr % _Alignof(max_align_t), 0);
		ck_assert_mem_eq(ptr, zeros, 16);
		memset(ptr, 0xff, (i % 50 + 1) * 16);
	}
	/* larger than any chunk */
	memset(base_arena_calloc(arena, 3, 1024 * 1024), 1, (size_t)3 * 1024 * 1024);
	all = base_arena_printf(arena, "%s-%d", first, 5);
	ck_assert_str_eq(first, "ab");
	ck_assert_str_eq(all, "ab-5");
	ck_assert_uint_ge(base_arena_size(arena), (size_t)3 * 1024 * 1024);
	ck_assert_ptr_nonnull(base_arena_calloc(arena, 0, 0));
	base_arena_free(arena);
	base_arena_free(NULL);
}
END_TEST

START_TEST(test_reading)
{
	struct base_arena *arena = base_arena_new();
	struct base_tree_build *map = base_tree_map(arena, &here);
	struct base_tree_build *inner = base_tree_map(arena, &here);
	const struct base_tree *root;

	base_tree_put(inner, "n", base_tree_number(arena, -5, &here));
	base_tree_put(map, "a", base_tree_done(inner));
	base_tree_put(map, "s", base_tree_string(arena, "text", &here));
	base_tree_put(map, "b", base_tree_boolean(arena, true, &here));
	base_tree_put(map, "none", base_tree_scalar(arena, BASE_TREE_NULL, "null", &here));
	base_tree_put(map, "big",
	    base_tree_scalar(arena, BASE_TREE_INT, "99999999999999999999", &here));
	base_tree_put(map, "absent", NULL);
	root = base_tree_done(map);
	ck_assert_uint_eq(root->count, 5);
	ck_assert_ptr_null(base_tree_get(root, "absent"));
	ck_assert_ptr_null(base_tree_get(NULL, "a"));
	ck_assert_ptr_null(base_tree_get(base_tree_get(root, "s"), "a"));
	ck_assert_str_eq(base_tree_at(root, "a.n")->text, "-5");
	ck_assert_ptr_null(base_tree_at(root, "a.m"));
	ck_assert_ptr_null(base_tree_at(root, "s.n"));
	ck_assert_ptr_null(base_tree_at(root, ""));
	ck_assert_int_eq(base_tree_int(base_tree_get(root, "a"), "n", 1), -5);
	ck_assert_int_eq(base_tree_int(root, "s", 3), 3);
	ck_assert_int_eq(base_tree_int(root, "big", 4), 4);
	ck_assert_str_eq(base_tree_str(root, "s", "-"), "text");
	ck_assert_str_eq(base_tree_str(root, "b", "-"), "true");
	ck_assert_str_eq(base_tree_str(root, "none", "-"), "-");
	ck_assert_str_eq(base_tree_str(root, "a", "-"), "-");
	ck_assert(base_tree_bool(root, "b", false));
	ck_assert(base_tree_bool(root, "s", true));
	ck_assert(base_tree_is_scalar(base_tree_get(root, "none")));
	ck_assert(!base_tree_is_scalar(root));
	ck_assert(!base_tree_is_scalar(NULL));
	base_arena_free(arena);
}
END_TEST

static const struct base_tree *
pair(struct base_arena *arena, bool swapped, const char *text)
{
	struct base_tree_build *map = base_tree_map(arena, swapped ? &there : &here);
	struct base_tree_build *list = base_tree_list(arena, &here);
	const struct base_tree *items;

	base_tree_push(list, base_tree_string(arena, text, &here));
	base_tree_push(list, NULL);
	items = base_tree_done(list);
	ck_assert_uint_eq(items->count, 1);
	if (swapped) {
		base_tree_put(map, "list", items);
	}
	base_tree_put(map, "n", base_tree_number(arena, 1, &here));
	if (!swapped) {
		base_tree_put(map, "list", items);
	}
	return base_tree_done(map);
}

START_TEST(test_equal)
{
	struct base_arena *arena = base_arena_new();
	const struct base_tree *a = pair(arena, false, "x");
	const struct base_tree *moved = base_tree_from(arena, a, &there);

	ck_assert(base_tree_equal(a, pair(arena, true, "x")));
	ck_assert(!base_tree_equal(a, pair(arena, false, "y")));
	ck_assert(!base_tree_equal(base_tree_string(arena, "1", &here),
	    base_tree_number(arena, 1, &here)));
	ck_assert(!base_tree_equal(a, NULL));
	ck_assert(base_tree_equal(NULL, NULL));
	ck_assert(base_tree_equal(a, moved));
	ck_assert_ptr_eq(moved->origin, &there);
	ck_assert_ptr_eq(a->origin, &here);
	base_arena_free(arena);
}
END_TEST

CHECK_MAIN("base_tree", test_arena, test_reading, test_equal)
