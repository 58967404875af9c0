/* SPDX-License-Identifier: Apache-2.0 */
/* The layer of a document's values: known once the document is read, not before. */
#include "k8s/inventory_int.h"

/* Values of one line share their origin, so it is copied once for each run of them. */
struct stamp {
	struct base_arena *arena;
	const char *layer;
	const struct base_origin *last;
	const struct base_origin *last_copy;
};

static const struct base_origin *
stamp_origin(struct stamp *stamp, const struct base_origin *origin)
{
	if (stamp->last != origin) {
		struct base_origin *copy = base_arena_calloc(stamp->arena, 1, sizeof(*copy));

		*copy = *origin;
		copy->layer = stamp->layer;
		stamp->last = origin;
		stamp->last_copy = copy;
	}
	return stamp->last_copy;
}

/* Depth is the reader's: LIMIT_YAML_DEPTH. */
static const struct base_tree *
stamp_tree(struct stamp *stamp, const struct base_tree *tree)
{
	const struct base_origin *origin = stamp_origin(stamp, tree->origin);
	struct base_tree_build *build;

	if (tree->kind == BASE_TREE_LIST) {
		build = base_tree_list(stamp->arena, origin);
		for (uint32_t i = 0; i < tree->count; i++) {
			base_tree_push(build, stamp_tree(stamp, tree->items[i]));
		}
		return base_tree_done(build);
	}
	if (tree->kind != BASE_TREE_MAP) {
		return base_tree_from(stamp->arena, tree, origin);
	}
	build = base_tree_map(stamp->arena, origin);
	for (uint32_t i = 0; i < tree->count; i++) {
		const struct base_tree_entry *entry = &tree->entries[i];
		const struct base_origin *at = stamp_origin(stamp, entry->origin);

		base_tree_put_at(build, entry->key, stamp_tree(stamp, entry->value), at);
	}
	return base_tree_done(build);
}

const struct base_tree *
k8s_inventory_stamp(struct base_arena *arena, const struct base_tree *tree, const char *layer)
{
	struct stamp stamp = {arena, layer, NULL, NULL};

	return stamp_tree(&stamp, tree);
}
