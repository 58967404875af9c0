/* SPDX-License-Identifier: Apache-2.0 */
/* Trees that are finished: reading and comparing. Making them: tree_build.c. */
#include "base/tree.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static const struct base_tree *
get_span(const struct base_tree *map, const char *key, size_t len)
{
	if (map == NULL || map->kind != BASE_TREE_MAP) {
		return NULL;
	}
	for (uint32_t i = 0; i < map->count; i++) {
		const char *have = map->entries[i].key;

		if (strncmp(have, key, len) == 0 && have[len] == '\0') {
			return map->entries[i].value;
		}
	}
	return NULL;
}

const struct base_tree *
base_tree_get(const struct base_tree *map, const char *key)
{
	return get_span(map, key, strlen(key));
}

const struct base_tree *
base_tree_at(const struct base_tree *map, const char *path)
{
	const struct base_tree *node = map;

	while (node != NULL) {
		size_t len = strcspn(path, ".");

		node = get_span(node, path, len);
		if (path[len] == '\0') {
			break;
		}
		path += len + 1;
	}
	return node;
}

bool
base_tree_is_scalar(const struct base_tree *node)
{
	return node != NULL && node->kind >= BASE_TREE_NULL && node->kind <= BASE_TREE_STRING;
}

const char *
base_tree_str(const struct base_tree *map, const char *key, const char *fallback)
{
	const struct base_tree *node = base_tree_get(map, key);

	return base_tree_is_scalar(node) && node->kind != BASE_TREE_NULL ? node->text : fallback;
}

int64_t
base_tree_int(const struct base_tree *map, const char *key, int64_t fallback)
{
	const struct base_tree *node = base_tree_get(map, key);
	char *end;
	long long value;

	if (node == NULL || node->kind != BASE_TREE_INT) {
		return fallback;
	}
	errno = 0;
	value = strtoll(node->text, &end, 10);
	return errno == 0 && end != node->text && *end == '\0' ? value : fallback;
}

bool
base_tree_bool(const struct base_tree *map, const char *key, bool fallback)
{
	const struct base_tree *node = base_tree_get(map, key);

	if (node == NULL || node->kind != BASE_TREE_BOOL) {
		return fallback;
	}
	return strcmp(node->text, "true") == 0;
}

static bool
maps_equal(const struct base_tree *a, const struct base_tree *b)
{
	for (uint32_t i = 0; i < a->count; i++) {
		const struct base_tree_entry *entry = &a->entries[i];
		/* most maps have their keys in the same order */
		const struct base_tree *other = strcmp(entry->key, b->entries[i].key) == 0
		    ? b->entries[i].value
		    : base_tree_get(b, entry->key);

		if (other == NULL || !base_tree_equal(entry->value, other)) {
			return false;
		}
	}
	return true;
}

/* Depth is that of the documents: LIMIT_YAML_DEPTH, times LIMIT_TEMPLATE_DEPTH if generated. */
bool
base_tree_equal(const struct base_tree *a, const struct base_tree *b)
{
	if (a == b) {
		return true;
	}
	if (a == NULL || b == NULL || a->kind != b->kind || a->count != b->count) {
		return false;
	}
	switch (a->kind) {
	case BASE_TREE_NULL:
		return true;
	case BASE_TREE_BOOL:
	case BASE_TREE_INT:
	case BASE_TREE_FLOAT:
	case BASE_TREE_STRING:
		return strcmp(a->text, b->text) == 0;
	case BASE_TREE_LIST:
		for (uint32_t i = 0; i < a->count; i++) {
			if (!base_tree_equal(a->items[i], b->items[i])) {
				return false;
			}
		}
		return true;
	case BASE_TREE_MAP:
		return maps_equal(a, b);
	case BASE_TREE_INVALID:
	default:
		return false;
	}
}
