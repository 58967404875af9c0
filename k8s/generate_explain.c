/* SPDX-License-Identifier: Apache-2.0 */
/* Where every field of an object comes from. The generator keeps origins: an entry's is the line
 * of the template that placed it, its value's the line of the inventory (or of the template again,
 * when the template wrote the value itself). */
#include <string.h>

#include "k8s/generate_int.h"

#define TEMPLATE_LAYER "template"

struct explain {
	struct base_arena *arena;
	struct base_tree_build *rows;
};

static const char *
place(struct base_arena *arena, const struct base_origin *at)
{
	return at->line > 0 ? base_arena_printf(arena, "%s:%d", at->file, at->line) : at->file;
}

static bool
is_template(const struct base_origin *at)
{
	return at->layer != NULL && strcmp(at->layer, TEMPLATE_LAYER) == 0;
}

/* All causes of a derived value, the most telling first; NULL when no inventory said it. */
static const char *
places(struct base_arena *arena, const struct base_origin *at)
{
	const char *all = NULL;

	for (; at != NULL; at = at->also) {
		if (!is_template(at)) {
			const char *one = place(arena, at);

			all = all == NULL ? one : base_arena_printf(arena, "%s, %s", all, one);
		}
	}
	return all;
}

/* The layer of the first cause that is not the template. */
static const char *
layer_of(const struct base_origin *at)
{
	while (at != NULL && is_template(at)) {
		at = at->also;
	}
	return at == NULL ? NULL : at->layer;
}

static void
put(struct explain *explain, struct base_tree_build *row, const char *key, const char *text)
{
	if (text != NULL) {
		base_tree_put(row, key, base_tree_string(explain->arena, text, &gen_here));
	}
}

static void
add_row(struct explain *explain, const char *field, const struct base_tree *value,
    const struct base_origin *placed)
{
	struct base_tree_build *row = base_tree_map(explain->arena, &gen_here);
	const struct base_origin *at = value->origin;

	put(explain, row, "field", field);
	base_tree_put(row, "value", value);
	put(explain, row, "template", place(explain->arena, placed));
	put(explain, row, "inventory", places(explain->arena, at));
	put(explain, row, "layer", layer_of(at));
	base_tree_push(explain->rows, base_tree_done(row));
}

/* A row for every scalar and for every empty collection. placed: the template's line of the
 * closest entry above. Objects are as deep as templates and values allow. */
static void
walk(struct explain *explain, const char *field, const struct base_tree *node,
    const struct base_origin *placed)
{
	struct base_arena *arena = explain->arena;

	if (base_tree_is_scalar(node) || node->count == 0) {
		add_row(explain, field, node, placed);
		return;
	}
	for (uint32_t i = 0; i < node->count; i++) {
		const struct base_tree_entry *entry;

		if (node->kind == BASE_TREE_LIST) {
			walk(explain, base_arena_printf(arena, "%s[%u]", field, i), node->items[i], placed);
			continue;
		}
		entry = &node->entries[i];
		walk(explain, *field == '\0' ? entry->key : base_arena_printf(arena, "%s.%s", field,
			entry->key), entry->value, is_template(entry->origin) ? entry->origin : placed);
	}
}

static bool
is_the_one(struct base_arena *arena, const struct base_tree *object, const char *const want[3])
{
	struct gen_object have = {0};

	return gen_object_identify(arena, object, &have) && strcmp(have.kind, want[0]) == 0 &&
	    strcmp(have.namespace, want[1]) == 0 && strcmp(have.name, want[2]) == 0;
}

const struct base_tree *
k8s_generate_explain(struct base_arena *arena, const struct base_tree *files, const char *kind,
    const char *namespace, const char *name)
{
	const char *const want[] = {kind, namespace == NULL ? "" : namespace, name};
	struct explain explain = {arena, base_tree_list(arena, &gen_here)};

	for (uint32_t i = 0; i < files->count; i++) {
		const struct base_tree *documents = base_tree_get(files->items[i], "documents");
		const char *made = base_tree_str(files->items[i], "kind", "");

		if (strcmp(made, GEN_KIND_OBJECTS) != 0 && strcmp(made, GEN_KIND_PATCHES) != 0) {
			continue;
		}
		for (uint32_t j = 0; j < documents->count; j++) {
			if (is_the_one(arena, documents->items[j], want)) {
				walk(&explain, "", documents->items[j], documents->items[j]->origin);
				return base_tree_done(explain.rows);
			}
		}
	}
	(void)MC_FAIL(MC_ENOTFOUND, "no %.60s %.60s/%.100s is generated", kind, want[1], name);
	return NULL;
}
