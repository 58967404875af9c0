/* SPDX-License-Identifier: Apache-2.0 */
/* Making trees: what is copied, what is put twice or not at all, and sizes where the arrays change. */
#include "base/tree_int.h"

#include "check_main.h"

#include <stdio.h>
#include <string.h>

static const struct base_origin here = {.file = "test", .line = 7};
static const struct base_origin there = {.file = "test", .line = 9};

START_TEST(test_scalars_own_their_text)
{
	struct base_arena *arena = base_arena_new();
	char text[] = "text", key[] = "key";
	const struct base_tree *node = base_tree_string(arena, text, &here);
	struct base_tree_build *map = base_tree_map(arena, &here);
	const struct base_tree *root;

	base_tree_put(map, key, node);
	text[0] = key[0] = '?';
	root = base_tree_done(map);
	ck_assert_str_eq(node->text, "text");
	ck_assert_ptr_eq(node->origin, &here);
	ck_assert_str_eq(root->entries[0].key, "key");
	ck_assert_ptr_eq(root->entries[0].value, node);
	ck_assert_str_eq(base_tree_number(arena, INT64_MIN, &here)->text, "-9223372036854775808");
	ck_assert_str_eq(base_tree_number(arena, INT64_MAX, &here)->text, "9223372036854775807");
	ck_assert_int_eq(base_tree_number(arena, 1, &here)->kind, BASE_TREE_INT);
	ck_assert_str_eq(base_tree_boolean(arena, false, &there)->text, "false");
	ck_assert_str_eq(base_tree_boolean(arena, true, &there)->text, "true");
	ck_assert_int_eq(base_tree_boolean(arena, true, &there)->kind, BASE_TREE_BOOL);
	base_arena_free(arena);
}
END_TEST

START_TEST(test_lists_keep_their_order)
{
	struct base_arena *arena = base_arena_new();

	/* around every size at which the array grows */
	for (uint32_t count = 0; count <= 70; count++) {
		struct base_tree_build *list = base_tree_list(arena, &there);
		const struct base_tree *root;

		for (uint32_t i = 0; i < count; i++) {
			base_tree_push(list, base_tree_number(arena, i, &here));
			base_tree_push(list, NULL);
		}
		ck_assert_uint_eq(base_tree_build_count(list), count);
		ck_assert(!base_tree_build_is_map(list));
		root = base_tree_done(list);
		ck_assert_int_eq(root->kind, BASE_TREE_LIST);
		ck_assert_uint_eq(root->count, count);
		ck_assert_ptr_eq(root->origin, &there);
		for (uint32_t i = 0; i < count; i++) {
			char text[16];

			(void)snprintf(text, sizeof(text), "%u", i);
			ck_assert_str_eq(root->items[i]->text, text);
		}
	}
	base_arena_free(arena);
}
END_TEST

/* While it is built each key is found, and no other: by walking, then by hash. */
START_TEST(test_keys_are_found_while_building)
{
	struct base_arena *arena = base_arena_new();
	struct base_tree_build *map = base_tree_map(arena, &here);
	char key[32];

	ck_assert(base_tree_build_is_map(map));
	ck_assert_ptr_null(base_tree_build_find(map, "key-0"));
	for (uint32_t i = 0; i < 300; i++) {
		(void)snprintf(key, sizeof(key), "key-%u", i);
		ck_assert_ptr_null(base_tree_build_find(map, key));
		base_tree_put(map, key, base_tree_number(arena, i, &there));
		base_tree_put(map, "absent", NULL);
		ck_assert_uint_eq(base_tree_build_count(map), i + 1);
		for (uint32_t k = 0; k <= i; k++) {
			const struct base_tree_entry *entry;

			(void)snprintf(key, sizeof(key), "key-%u", k);
			entry = base_tree_build_find(map, key);
			ck_assert_ptr_nonnull(entry);
			ck_assert_str_eq(entry->key, key);
			ck_assert_ptr_eq(entry->origin, &there);
		}
	}
	ck_assert_ptr_null(base_tree_build_find(map, "absent"));
	ck_assert_ptr_null(base_tree_build_find(map, ""));
	base_arena_free(arena);
}
END_TEST

START_TEST(test_put_replaces_in_place)
{
	struct base_arena *arena = base_arena_new();
	struct base_tree_build *map = base_tree_map(arena, &here);
	const struct base_tree *root;
	char key[32];

	for (int round = 0; round < 2; round++) {
		for (int i = 0; i < 500; i++) {
			(void)snprintf(key, sizeof(key), "key-%d", i);
			base_tree_put_at(map, key, base_tree_number(arena, i + round, &here),
			    round == 0 ? &here : &there);
		}
	}
	root = base_tree_done(map);
	ck_assert_uint_eq(root->count, 500);
	for (int i = 0; i < 500; i++) {
		(void)snprintf(key, sizeof(key), "key-%d", i);
		ck_assert_str_eq(root->entries[i].key, key);
		ck_assert_int_eq(base_tree_int(root, key, -1), i + 1);
		ck_assert_ptr_eq(root->entries[i].origin, &there);
	}
	base_arena_free(arena);
}
END_TEST

/* A value said to come from elsewhere is the same one; what it was taken from stays. */
START_TEST(test_from_changes_the_origin_alone)
{
	struct base_arena *arena = base_arena_new();
	struct base_tree_build *list = base_tree_list(arena, &here);
	const struct base_tree *root;
	const struct base_tree *copy;

	base_tree_push(list, base_tree_string(arena, "x", &here));
	root = base_tree_done(list);
	copy = base_tree_from(arena, root, &there);
	ck_assert_ptr_ne(copy, root);
	ck_assert_ptr_eq(copy->origin, &there);
	ck_assert_ptr_eq(root->origin, &here);
	ck_assert_ptr_eq(copy->items, root->items);
	ck_assert_uint_eq(copy->count, 1);
	ck_assert_int_eq(copy->kind, BASE_TREE_LIST);
	base_arena_free(arena);
}
END_TEST

CHECK_MAIN("base_tree_build", test_scalars_own_their_text, test_lists_keep_their_order,
    test_keys_are_found_while_building, test_put_replaces_in_place, test_from_changes_the_origin_alone)
