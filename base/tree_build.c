/* SPDX-License-Identifier: Apache-2.0 */
/* Making trees. Arrays double inside the arena; large maps carry an index of their keys while
 * they are built, so that putting is never slower than the number of keys. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/tree_int.h"

#define FIRST_CAP 4     /* items or entries of a small list or map */
#define INDEX_ABOVE 16  /* entries that a linear search passes faster than a hash */

struct base_tree_build {
	struct base_arena *arena;
	const struct base_origin *origin;
	enum base_tree_kind kind;
	uint32_t count;
	uint32_t cap;
	const struct base_tree **items;
	struct base_tree_entry *entries;
	uint32_t *slots; /* entry number + 1; 0: free. Open addressing, at most half full */
	uint32_t slot_count; /* power of two */
};

const struct base_tree *
base_tree_scalar(struct base_arena *arena, enum base_tree_kind kind, const char *text,
    const struct base_origin *origin)
{
	struct base_tree *node = base_arena_calloc(arena, 1, sizeof(*node));

	node->kind = kind;
	node->origin = origin;
	node->text = base_arena_strdup(arena, text);
	return node;
}

const struct base_tree *
base_tree_string(struct base_arena *arena, const char *text, const struct base_origin *origin)
{
	return base_tree_scalar(arena, BASE_TREE_STRING, text, origin);
}

const struct base_tree *
base_tree_number(struct base_arena *arena, int64_t value, const struct base_origin *origin)
{
	struct base_tree *node = base_arena_calloc(arena, 1, sizeof(*node));

	node->kind = BASE_TREE_INT;
	node->origin = origin;
	node->text = base_arena_printf(arena, "%lld", (long long)value);
	return node;
}

const struct base_tree *
base_tree_boolean(struct base_arena *arena, bool value, const struct base_origin *origin)
{
	struct base_tree *node = base_arena_calloc(arena, 1, sizeof(*node));

	node->kind = BASE_TREE_BOOL;
	node->origin = origin;
	node->text = value ? "true" : "false";
	return node;
}

const struct base_tree *
base_tree_from(struct base_arena *arena, const struct base_tree *node,
    const struct base_origin *origin)
{
	struct base_tree *copy = base_arena_calloc(arena, 1, sizeof(*copy));

	*copy = *node;
	copy->origin = origin;
	return copy;
}

static struct base_tree_build *
build_new(struct base_arena *arena, enum base_tree_kind kind, const struct base_origin *origin)
{
	struct base_tree_build *build = base_arena_calloc(arena, 1, sizeof(*build));

	build->arena = arena;
	build->kind = kind;
	build->origin = origin;
	return build;
}

struct base_tree_build *
base_tree_list(struct base_arena *arena, const struct base_origin *origin)
{
	return build_new(arena, BASE_TREE_LIST, origin);
}

struct base_tree_build *
base_tree_map(struct base_arena *arena, const struct base_origin *origin)
{
	return build_new(arena, BASE_TREE_MAP, origin);
}

uint32_t
base_tree_build_count(const struct base_tree_build *build)
{
	return build->count;
}

bool
base_tree_build_is_map(const struct base_tree_build *build)
{
	return build->kind == BASE_TREE_MAP;
}

/* The larger array, with what was in it. The old one stays in the arena: all of them together
 * are no larger than the last. */
static void *
grown(struct base_tree_build *build, const void *old, size_t size)
{
	void *array;

	if (build->cap > UINT32_MAX / 2) {
		abort();
	}
	build->cap = build->cap == 0 ? FIRST_CAP : build->cap * 2;
	array = base_arena_calloc(build->arena, build->cap, size);
	base_copy(array, old, build->count * size);
	return array;
}

void
base_tree_push(struct base_tree_build *list, const struct base_tree *value)
{
	if (value == NULL) {
		return;
	}
	if (list->count == list->cap) {
		list->items = grown(list, list->items, sizeof(const struct base_tree *));
	}
	list->items[list->count++] = value;
}

/* --- index of a map's keys --- */
static uint32_t
hash_of(const char *key)
{
	/* FNV-1a. Keys made to collide cost at most LIMIT_YAML_ITEMS squared: some seconds. */
	uint32_t hash = 2166136261U;

	for (const char *p = key; *p != '\0'; p++) {
		hash = (hash ^ (unsigned char)*p) * 16777619U;
	}
	return hash;
}

static void
index_add(struct base_tree_build *map, uint32_t number)
{
	uint32_t mask = map->slot_count - 1;
	uint32_t at = hash_of(map->entries[number].key) & mask;

	while (map->slots[at] != 0) {
		at = (at + 1) & mask;
	}
	map->slots[at] = number + 1;
}

static void
index_make(struct base_tree_build *map)
{
	map->slot_count = map->cap * 2;
	map->slots = base_arena_calloc(map->arena, map->slot_count, sizeof(*map->slots));
	for (uint32_t i = 0; i < map->count; i++) {
		index_add(map, i);
	}
}

static struct base_tree_entry *
find(const struct base_tree_build *map, const char *key)
{
	if (map->slots == NULL) {
		for (uint32_t i = 0; i < map->count; i++) {
			if (strcmp(map->entries[i].key, key) == 0) {
				return &map->entries[i];
			}
		}
		return NULL;
	}
	for (uint32_t at = hash_of(key) & (map->slot_count - 1); map->slots[at] != 0;
	     at = (at + 1) & (map->slot_count - 1)) {
		struct base_tree_entry *entry = &map->entries[map->slots[at] - 1];

		if (strcmp(entry->key, key) == 0) {
			return entry;
		}
	}
	return NULL;
}

const struct base_tree_entry *
base_tree_build_find(const struct base_tree_build *map, const char *key)
{
	return find(map, key);
}

void
base_tree_put_at(struct base_tree_build *map, const char *key, const struct base_tree *value,
    const struct base_origin *origin)
{
	struct base_tree_entry *entry;

	if (value == NULL) {
		return;
	}
	entry = find(map, key);
	if (entry != NULL) {
		entry->value = value;
		entry->origin = origin;
		return;
	}
	if (map->count == map->cap) {
		map->entries = grown(map, map->entries, sizeof(*map->entries));
		if (map->cap > INDEX_ABOVE) {
			index_make(map);
		}
	}
	map->entries[map->count] = (struct base_tree_entry){
	    base_arena_strdup(map->arena, key), value, origin};
	map->count++;
	if (map->slots != NULL) {
		index_add(map, map->count - 1);
	}
}

void
base_tree_put(struct base_tree_build *map, const char *key, const struct base_tree *value)
{
	if (value != NULL) {
		base_tree_put_at(map, key, value, value->origin);
	}
}

const struct base_tree *
base_tree_done(struct base_tree_build *build)
{
	struct base_tree *node = base_arena_calloc(build->arena, 1, sizeof(*node));

	node->kind = build->kind;
	node->count = build->count;
	node->origin = build->origin;
	if (build->kind == BASE_TREE_LIST) {
		node->items = build->items;
	} else {
		node->entries = build->entries;
	}
	return node;
}
