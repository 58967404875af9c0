/* SPDX-License-Identifier: Apache-2.0 */
/* The layer of a document's values. */
#include "base/yaml.h"
#include "check_main.h"
#include "k8s/inventory_int.h"

static void
check_layer(const struct base_tree *before, const struct base_tree *after, const char *layer, size_t *count)
{
	ck_assert_int_eq(after->kind, before->kind);
	ck_assert_ptr_eq(after->origin->layer, layer);
	ck_assert_ptr_eq(after->origin->file, before->origin->file);
	ck_assert_int_eq(after->origin->line, before->origin->line);
	(*count)++;
	for (uint32_t i = 0; before->kind == BASE_TREE_LIST && i < before->count; i++) {
		check_layer(before->items[i], after->items[i], layer, count);
	}
	for (uint32_t i = 0; before->kind == BASE_TREE_MAP && i < before->count; i++) {
		ck_assert_str_eq(after->entries[i].key, before->entries[i].key);
		ck_assert_ptr_eq(after->entries[i].origin->layer, layer);
		ck_assert_int_eq(after->entries[i].origin->line, before->entries[i].origin->line);
		check_layer(before->entries[i].value, after->entries[i].value, layer, count);
	}
}

#define TEXT "a: 1\nb:\n- x\n- {c: null, d: [true, 0.5]}\ne: {}\nf: []\ng: \"text\"\n"

/* Every value and every key names it; nothing else changes, and the tree before stays as it was. */
START_TEST(test_all_is_stamped)
{
	static const char LAYER[] = "Service shop/cart";
	struct base_arena *arena = base_arena_new();
	const struct base_tree *before = base_yaml_read(arena, "t.yaml", NULL, base_span_str(TEXT))->items[0];
	const struct base_tree *same = base_yaml_read(arena, "t.yaml", NULL, base_span_str(TEXT))->items[0];
	const struct base_tree *after = k8s_inventory_stamp(arena, before, LAYER);
	const struct base_tree *again = k8s_inventory_stamp(arena, after, "another");
	size_t count = 0;

	ck_assert(base_tree_equal(before, after));
	check_layer(before, after, LAYER, &count);
	ck_assert_uint_eq(count, 12);
	check_layer(same, before, NULL, &count);
	ck_assert_str_eq(after->origin->layer, LAYER);
	ck_assert_str_eq(again->entries[1].value->items[0]->origin->layer, "another");
	base_arena_free(arena);
}
END_TEST

/* What else went into a derived value stays with it. */
START_TEST(test_further_origins_stay)
{
	static const struct base_origin ALSO = {"b", 2, "Mesh", NULL}, HERE = {"a", 1, NULL, &ALSO};
	struct base_arena *arena = base_arena_new();
	const struct base_tree *after = k8s_inventory_stamp(arena, base_tree_string(arena, "x", &HERE), "layer");

	ck_assert_ptr_eq(after->origin->also, &ALSO);
	ck_assert_str_eq(after->text, "x");
	ck_assert_str_eq(ALSO.layer, "Mesh");
	ck_assert_ptr_null(HERE.layer);
	base_arena_free(arena);
}
END_TEST

/* Values of one line are one place: a long line costs one copy of it. */
START_TEST(test_a_line_is_one_place)
{
	struct base_arena *arena = base_arena_new();
	const struct base_tree *before = base_yaml_read(arena, "t.yaml", NULL, base_span_str("[1, 2, 3]\n"))->items[0];
	const struct base_tree *after = k8s_inventory_stamp(arena, before, "layer");

	ck_assert_ptr_eq(before->items[0]->origin, before->items[2]->origin);
	ck_assert_ptr_eq(after->items[0]->origin, after->items[2]->origin);
	base_arena_free(arena);
}
END_TEST

CHECK_MAIN("k8s_inventory_stamp", test_all_is_stamped, test_further_origins_stay, test_a_line_is_one_place)
