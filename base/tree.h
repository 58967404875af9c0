/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A document as a tree of typed values: what YAML and JSON say, and where they say it.
 *
 * Every node lives in an arena and is never changed once it is reachable from another; so trees
 * share what they have in common, and nothing is freed one by one. Keys belong to the entry of a
 * map, not to the value, so that one value may stand in several places.
 */
#ifndef BASE_TREE_H
#define BASE_TREE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"

enum base_tree_kind {
	BASE_TREE_INVALID = 0,
	BASE_TREE_NULL,
	BASE_TREE_BOOL,
	BASE_TREE_INT,
	BASE_TREE_FLOAT,
	BASE_TREE_STRING,
	BASE_TREE_LIST,
	BASE_TREE_MAP
};

/* Where a value was written, most telling place first. */
struct base_origin {
	const char *file;  /* as the caller named it; "built-in" for defaults */
	int line;          /* from 1; 0 when the file has no lines */
	const char *layer; /* "built-in", "Mesh", "Environment production", ...; NULL: none */
	const struct base_origin *also; /* what else went into a derived value; NULL: nothing */
};

struct base_tree_entry;

struct base_tree {
	enum base_tree_kind kind;
	uint32_t count; /* items or entries */
	const struct base_origin *origin; /* never NULL */
	union {
		const char *text; /* of a scalar, as it was typed: "0.95", "true", "on" */
		const struct base_tree *const *items;
		const struct base_tree_entry *entries; /* in file order */
	};
};

struct base_tree_entry {
	const char *key;
	const struct base_tree *value;
	const struct base_origin *origin; /* of the key */
};

/* --- reading --- */
/* The value of a map's key; NULL when it has none, or when map is NULL or no map. */
const struct base_tree *base_tree_get(const struct base_tree *map, const char *key);
/* The value at "a.b.c"; NULL when a step is missing. */
const struct base_tree *base_tree_at(const struct base_tree *map, const char *path);
/* Text of the scalar at this key; fallback when it is missing, null, a list or a map. */
const char *base_tree_str(const struct base_tree *map, const char *key, const char *fallback);
/* Value of the INT at this key; fallback when it is missing or no INT in the range of int64_t. */
int64_t base_tree_int(const struct base_tree *map, const char *key, int64_t fallback);
bool base_tree_bool(const struct base_tree *map, const char *key, bool fallback);
/* Null, too; a NULL node is none. */
bool base_tree_is_scalar(const struct base_tree *node);
/* Same kind, text and order of items; maps regardless of the order of keys; origins ignored. */
bool base_tree_equal(const struct base_tree *a, const struct base_tree *b);

/* --- making: texts and keys are copied into the arena, origins are not --- */
const struct base_tree *base_tree_scalar(struct base_arena *arena, enum base_tree_kind kind,
    const char *text, const struct base_origin *origin);
const struct base_tree *base_tree_string(struct base_arena *arena, const char *text,
    const struct base_origin *origin);
const struct base_tree *base_tree_number(struct base_arena *arena, int64_t value,
    const struct base_origin *origin);
const struct base_tree *base_tree_boolean(struct base_arena *arena, bool value,
    const struct base_origin *origin);
/* The same value, said to come from elsewhere. */
const struct base_tree *base_tree_from(struct base_arena *arena, const struct base_tree *node,
    const struct base_origin *origin);

/* A list or map under construction. Put and push do nothing with a NULL value, so an optional
 * part needs no branch. Putting a key again replaces its value in place. */
struct base_tree_build;
struct base_tree_build *base_tree_list(struct base_arena *arena, const struct base_origin *origin);
struct base_tree_build *base_tree_map(struct base_arena *arena, const struct base_origin *origin);
void base_tree_push(struct base_tree_build *list, const struct base_tree *value);
/* The entry's origin is the value's. */
void base_tree_put(struct base_tree_build *map, const char *key, const struct base_tree *value);
void base_tree_put_at(struct base_tree_build *map, const char *key, const struct base_tree *value,
    const struct base_origin *origin);
/* The entry that a map under construction has for this key; NULL: none. Constant time. */
const struct base_tree_entry *base_tree_build_find(const struct base_tree_build *map,
    const char *key);
/* The finished node; build must not be used afterwards. */
const struct base_tree *base_tree_done(struct base_tree_build *build);

#endif
