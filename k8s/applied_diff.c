/* SPDX-License-Identifier: Apache-2.0 */
/* What two applied copies differ in. */
#include <string.h>

#include "base/applied.h"
#include "base/yaml.h"
#include "k8s/applied.h"

static const struct base_origin HERE = {"applied", 0, NULL, NULL};

struct diff {
	struct base_arena *arena;
	struct base_tree_build *rows;
};

static void
put_text(struct diff *diff, struct base_tree_build *map, const char *key, const char *text)
{
	if (text != NULL) {
		base_tree_put(map, key, base_tree_string(diff->arena, text, &HERE));
	}
}

/* NULL old or new: it is not there. */
static void
put_change(struct diff *diff, const char *what, const char *name, const char *old, const char *new)
{
	struct base_tree_build *map = base_tree_map(diff->arena, &HERE);

	put_text(diff, map, what, name);
	put_text(diff, map, "old", old);
	put_text(diff, map, "new", new);
	base_tree_push(diff->rows, base_tree_done(map));
}

/* --- registrations --- */

static const char *
identity_of(struct diff *diff, const struct base_applied *head, const struct base_applied_row *row)
{
	return base_arena_printf(diff->arena, "spiffe://%.*s/ns/%.*s/sa/%.*s",
	    (int)head->trust_domain.len, (const char *)head->trust_domain.ptr,
	    (int)row->namespace.len, (const char *)row->namespace.ptr, (int)row->account.len,
	    (const char *)row->account.ptr);
}

/* All that a registration says, for people: "active, at most 3600 s, p-256 keys, names a,b, of team". */
static const char *
words_of(struct diff *diff, const struct base_applied_row *row)
{
	const char *words = base_applied_state_name((uint8_t)row->state);

	if (row->max_ttl_s != 0) {
		words = base_arena_printf(diff->arena, "%s, at most %lld s", words,
		    (long long)row->max_ttl_s);
	}
	for (unsigned bit = 0; base_applied_key_name(bit) != NULL; bit++) {
		if ((row->key_types & 1U << bit) != 0) {
			words = base_arena_printf(diff->arena, "%s, %s keys", words,
			    base_applied_key_name(bit));
		}
	}
	if (row->dns_names.len != 0) {
		words = base_arena_printf(diff->arena, "%s, names %.*s", words,
		    (int)row->dns_names.len, (const char *)row->dns_names.ptr);
	}
	return row->owner.len == 0 ? words
				   : base_arena_printf(diff->arena, "%s, of %.*s", words,
					 (int)row->owner.len, (const char *)row->owner.ptr);
}

struct side {
	struct base_applied head;
	struct base_span rest;
	struct base_applied_row row;
	const char *identity; /* NULL: no more */
	const char *words;
};

/* As documents are sorted: not by identity, where shop-eu comes before shop/. */
static int
order(const struct side *a, const struct side *b)
{
	return a->identity == NULL   ? 1
	    : b->identity == NULL ? -1
				  : base_applied_order(&a->row, &b->row);
}

static void
next(struct diff *diff, struct side *side)
{
	side->identity = NULL;
	if (base_applied_next(&side->rest, &side->row)) {
		side->identity = identity_of(diff, &side->head, &side->row);
		side->words = words_of(diff, &side->row);
	}
}

static const struct base_tree *
registrations(struct diff *diff, struct side *old, struct side *new)
{
	diff->rows = base_tree_list(diff->arena, &HERE);
	next(diff, old);
	next(diff, new);
	while (old->identity != NULL || new->identity != NULL) {
		int sign = order(old, new);

		if (sign != 0 || strcmp(old->identity, new->identity) != 0 ||
		    strcmp(old->words, new->words) != 0) {
			put_change(diff, "identity", sign <= 0 ? old->identity : new->identity,
			    sign <= 0 ? old->words : NULL, sign >= 0 ? new->words : NULL);
		}
		if (sign <= 0) {
			next(diff, old);
		}
		if (sign >= 0) {
			next(diff, new);
		}
	}
	return base_tree_done(diff->rows);
}

/* --- values --- */

static void walk(struct diff *diff, const char *path, const struct base_tree *old,
    const struct base_tree *new);

static const char *
join(struct diff *diff, const char *path, const char *key)
{
	return path[0] == '\0' ? key : base_arena_printf(diff->arena, "%s.%s", path, key);
}

/* What is shown of a value that is there on one side only, or is no map. */
static const char *
shown(struct diff *diff, const struct base_tree *node)
{
	struct base_buf json;
	const char *text;

	if (node == NULL) {
		return NULL;
	}
	base_buf_init(&json, LIMIT_APPLIED);
	base_json_write(&json, node, 0);
	text = base_arena_strndup(diff->arena, (const char *)json.ptr, json.len);
	base_buf_clear(&json);
	return text;
}

static void
walk_maps(struct diff *diff, const char *path, const struct base_tree *old,
    const struct base_tree *new)
{
	for (uint32_t i = 0; i < old->count; i++) {
		walk(diff, join(diff, path, old->entries[i].key), old->entries[i].value,
		    base_tree_get(new, old->entries[i].key));
	}
	for (uint32_t i = 0; i < new->count; i++) {
		if (base_tree_get(old, new->entries[i].key) == NULL) {
			walk(diff, join(diff, path, new->entries[i].key), NULL,
			    new->entries[i].value);
		}
	}
}

/* "namespace/name" of an item, or its name; NULL when it has none. */
static const char *
name_of(struct diff *diff, const struct base_tree *item)
{
	const char *name = base_tree_str(item, "name", NULL);
	const char *namespace = base_tree_str(item, "namespace", NULL);

	return name == NULL || namespace == NULL
	    ? name
	    : base_arena_printf(diff->arena, "%s/%s", namespace, name);
}

/* The list as a map by its items' names; NULL when one has none, or two the same. */
static const struct base_tree *
by_name(struct diff *diff, const struct base_tree *list)
{
	struct base_tree_build *map = base_tree_map(diff->arena, &HERE);

	for (uint32_t i = 0; i < list->count; i++) {
		const char *name = name_of(diff, list->items[i]);

		if (name == NULL || base_tree_build_find(map, name) != NULL) {
			return NULL;
		}
		base_tree_put(map, name, list->items[i]);
	}
	return base_tree_done(map);
}

static bool
are_both(const struct base_tree *old, const struct base_tree *new, enum base_tree_kind kind)
{
	return old != NULL && new != NULL && old->kind == kind && new->kind == kind;
}

static void
walk(struct diff *diff, const char *path, const struct base_tree *old, const struct base_tree *new)
{
	const struct base_tree *old_names = NULL;
	const struct base_tree *new_names = NULL;

	if (are_both(old, new, BASE_TREE_MAP)) {
		walk_maps(diff, path, old, new);
		return;
	}
	if (are_both(old, new, BASE_TREE_LIST)) {
		old_names = by_name(diff, old);
		new_names = by_name(diff, new);
	}
	if (old_names != NULL && new_names != NULL) {
		walk_maps(diff, path, old_names, new_names);
	} else if (old == NULL || new == NULL || !base_tree_equal(old, new)) {
		put_change(diff, "path", path, shown(diff, old), shown(diff, new));
	}
}

static const struct base_tree *
values(struct diff *diff, const struct base_tree *old, const struct base_tree *new)
{
	diff->rows = base_tree_list(diff->arena, &HERE);
	walk_maps(diff, "", old, new);
	return base_tree_done(diff->rows);
}

/* --- both --- */

/* An empty document is that of nothing. */
static const struct base_tree *
open_side(struct base_arena *arena, struct base_span document, struct side *side)
{
	const struct base_tree *inventory;

	*side = (struct side){0};
	if (document.len == 0) {
		return base_tree_done(base_tree_map(arena, &HERE));
	}
	if (base_applied_parse(document, &side->head) != MC_OK) {
		return NULL;
	}
	side->rest = side->head.rows;
	inventory = base_yaml_read(arena, "applied", NULL, side->head.inventory);
	if (inventory != NULL && inventory->kind == BASE_TREE_LIST && inventory->count == 1) {
		inventory = inventory->items[0]; /* of its documents the only one */
	}
	/* Registrations count; values that somebody's own program wrote and nobody can read show as new. */
	return inventory != NULL && inventory->kind == BASE_TREE_MAP
	    ? inventory
	    : base_tree_done(base_tree_map(arena, &HERE));
}

static const char *
mode_of(const struct side *side)
{
	return side->head.environment.len == 0 ? NULL
	    : side->head.registered_only       ? "registered-only"
					       : "open";
}

const struct base_tree *
k8s_applied_diff(struct base_arena *arena, struct base_span old, struct base_span new)
{
	struct diff diff = {.arena = arena};
	struct base_tree_build *out = base_tree_map(arena, &HERE);
	struct base_tree_build *mode = base_tree_map(arena, &HERE);
	struct side sides[2];
	const struct base_tree *old_inventory = open_side(arena, old, &sides[0]);
	const struct base_tree *new_inventory = open_side(arena, new, &sides[1]);

	if (old_inventory == NULL || new_inventory == NULL) {
		return NULL;
	}
	if (old.len == 0 || sides[0].head.registered_only != sides[1].head.registered_only) {
		put_text(&diff, mode, "old", mode_of(&sides[0]));
		put_text(&diff, mode, "new", mode_of(&sides[1]));
		base_tree_put(out, "registration", base_tree_done(mode));
	}
	base_tree_put(out, "registrations", registrations(&diff, &sides[0], &sides[1]));
	base_tree_put(out, "values", values(&diff, old_inventory, new_inventory));
	return base_tree_done(out);
}
