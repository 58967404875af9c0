/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One environment merged. Layers are laid over each other first, with null standing for what a
 * layer takes away; defaults fill what is still open afterwards, and then the nulls go. So a
 * default inside a part that no layer mentions is not there, and null keeps a default away.
 */
#include <string.h>

#include "base/limits.h"
#include "k8s/inventory_int.h"
#include "k8s/schema_parts.h"

static const struct base_origin BUILT_IN = {"built-in", 0, "built-in", NULL};

static const struct base_tree_entry *
entry_of(const struct base_tree *map, const char *key)
{
	for (uint32_t i = 0; map != NULL && map->kind == BASE_TREE_MAP && i < map->count; i++) {
		if (strcmp(map->entries[i].key, key) == 0) {
			return &map->entries[i];
		}
	}
	return NULL;
}

/* --- laying one layer over another; nulls stay --- */
static const struct base_tree *lay_map(struct base_arena *arena, const struct k8s_map *map,
    const struct base_tree *low, const struct base_tree *high);

static const struct base_tree *
lay_list(struct base_arena *arena, const struct k8s_map *map, const struct base_tree *low,
    const struct base_tree *high)
{
	struct base_tree_build *out = base_tree_list(arena, high->origin);
	struct base_tree_build *by_name = base_tree_map(arena, &BUILT_IN);
	const struct base_tree *items;

	for (uint32_t i = 0; i < low->count; i++) {
		base_tree_put(by_name, base_tree_str(low->items[i], map->key, ""), low->items[i]);
	}
	for (uint32_t i = 0; i < high->count; i++) {
		const char *name = base_tree_str(high->items[i], map->key, "");
		const struct base_tree_entry *twin = base_tree_build_find(by_name, name);

		base_tree_put(by_name, name, lay_map(arena, map,
		    twin != NULL ? twin->value : NULL, high->items[i]));
	}
	items = base_tree_done(by_name);
	for (uint32_t i = 0; i < items->count; i++) {
		base_tree_push(out, items->entries[i].value);
	}
	return base_tree_done(out);
}

/* Maps whose keys are free. */
static const struct base_tree *
lay_free(struct base_arena *arena, const struct base_tree *low, const struct base_tree *high)
{
	struct base_tree_build *out = base_tree_map(arena, high->origin);

	for (uint32_t i = 0; i < low->count; i++) {
		base_tree_put_at(out, low->entries[i].key, low->entries[i].value,
		    low->entries[i].origin);
	}
	for (uint32_t i = 0; i < high->count; i++) {
		base_tree_put_at(out, high->entries[i].key, high->entries[i].value,
		    high->entries[i].origin);
	}
	return base_tree_done(out);
}

static const struct base_tree *
lay(struct base_arena *arena, const struct k8s_field *field, const struct base_tree *low,
    const struct base_tree *high)
{
	if (low == NULL || low->kind == BASE_TREE_NULL || high->kind == BASE_TREE_NULL) {
		return high;
	}
	if ((field->flags & K8S_LIST) != 0) {
		bool merges = field->type == K8S_MAP && field->map->key != NULL;

		return merges ? lay_list(arena, field->map, low, high) : high;
	}
	if (field->type == K8S_MAP) {
		return lay_map(arena, field->map, low, high);
	}
	if (field->type == K8S_TEXTS || field->type == K8S_WORDS) {
		return lay_free(arena, low, high);
	}
	return high;
}

/* In the order of the schema. Either may be NULL. */
static const struct base_tree *
lay_map(struct base_arena *arena, const struct k8s_map *map, const struct base_tree *low,
    const struct base_tree *high)
{
	struct base_tree_build *out;

	if (low == NULL || low->kind != BASE_TREE_MAP || high == NULL ||
	    high->kind != BASE_TREE_MAP) {
		return high != NULL ? high : low;
	}
	out = base_tree_map(arena, high->origin);
	for (const struct k8s_field *field = map->fields; field->name != NULL; field++) {
		const struct base_tree_entry *under = entry_of(low, field->name);
		const struct base_tree_entry *over = entry_of(high, field->name);

		if (over != NULL) {
			base_tree_put_at(out, field->name,
			    lay(arena, field, under != NULL ? under->value : NULL, over->value),
			    over->origin);
		} else if (under != NULL) {
			base_tree_put_at(out, field->name, under->value, under->origin);
		}
	}
	return base_tree_done(out);
}

/* --- defaults, and away with the nulls --- */
static const struct base_tree *fill_map(struct base_arena *arena, const struct k8s_map *map,
    const struct base_tree *node);

static const struct base_tree *
fallback_scalar(struct base_arena *arena, const struct k8s_field *field, const char *text)
{
	enum base_tree_kind kind = field->type == K8S_INT    ? BASE_TREE_INT
				   : field->type == K8S_BOOL ? BASE_TREE_BOOL
							     : BASE_TREE_STRING;

	return base_tree_scalar(arena, kind, text, &BUILT_IN);
}

static const struct base_tree *
fallback(struct base_arena *arena, const struct k8s_field *field)
{
	struct base_tree_build *list;
	const char *word;
	size_t len;

	if (field->type == K8S_MAP) {
		return (field->flags & (K8S_ALWAYS | K8S_LIST)) == K8S_ALWAYS
		    ? fill_map(arena, field->map,
			  base_tree_done(base_tree_map(arena, &BUILT_IN)))
		    : NULL;
	}
	if (field->fallback == NULL) {
		return NULL;
	}
	if ((field->flags & K8S_LIST) == 0) {
		return fallback_scalar(arena, field, field->fallback);
	}
	list = base_tree_list(arena, &BUILT_IN);
	for (size_t i = 0; k8s_word_nth(field->fallback, i, &word, &len); i++) {
		base_tree_push(list, fallback_scalar(arena, field,
		    base_arena_strndup(arena, word, len)));
	}
	return base_tree_done(list);
}

static const struct base_tree *
fill(struct base_arena *arena, const struct k8s_field *field, const struct base_tree *value)
{
	struct base_tree_build *out;

	if (field->type != K8S_MAP) {
		return value;
	}
	if ((field->flags & K8S_LIST) == 0) {
		return fill_map(arena, field->map, value);
	}
	out = base_tree_list(arena, value->origin);
	for (uint32_t i = 0; i < value->count; i++) {
		base_tree_push(out, fill_map(arena, field->map, value->items[i]));
	}
	return base_tree_done(out);
}

/* What only makes other values is used up by now. */
static bool
is_used_up(const struct k8s_field *field)
{
	return field->type == K8S_EACH ||
	       (field->type == K8S_MAP && strcmp(field->map->name, "Defaults") == 0);
}

static void
fill_into(struct base_tree_build *out, struct base_arena *arena, const struct k8s_map *map,
    const struct base_tree *node)
{
	for (const struct k8s_field *field = map->fields; field->name != NULL; field++) {
		const struct base_tree_entry *entry = entry_of(node, field->name);

		if (is_used_up(field)) {
			continue;
		}
		if (entry == NULL) {
			base_tree_put(out, field->name, fallback(arena, field));
		} else if (entry->value->kind != BASE_TREE_NULL) {
			base_tree_put_at(out, field->name, fill(arena, field, entry->value),
			    entry->origin);
		}
	}
}

static const struct base_tree *
fill_map(struct base_arena *arena, const struct k8s_map *map, const struct base_tree *node)
{
	struct base_tree_build *out = base_tree_map(arena, node->origin);

	fill_into(out, arena, map, node);
	return base_tree_done(out);
}

/* --- documents --- */
/* The map with one key replaced. */
static const struct base_tree *
with(struct base_arena *arena, const struct base_tree *map, const char *key,
    const struct base_tree *value)
{
	struct base_tree_build *out = base_tree_map(arena, map->origin);

	for (uint32_t i = 0; i < map->count; i++) {
		const struct base_tree_entry *entry = &map->entries[i];

		base_tree_put_at(out, entry->key,
		    strcmp(entry->key, key) == 0 ? value : entry->value, entry->origin);
	}
	return base_tree_done(out);
}

/* What a route says of retries is laid over the service's. */
static const struct base_tree *
lay_route_retries(struct base_arena *arena, const struct base_tree *spec)
{
	const struct base_tree *routes = base_tree_get(spec, "routes");
	const struct base_tree *retries = base_tree_get(spec, "retries");
	struct base_tree_build *out;

	if (routes == NULL || routes->kind != BASE_TREE_LIST) {
		return spec;
	}
	out = base_tree_list(arena, routes->origin);
	for (uint32_t i = 0; i < routes->count; i++) {
		const struct base_tree *route = routes->items[i];
		const struct base_tree *own = base_tree_get(route, "retries");

		if (own != NULL && own->kind == BASE_TREE_MAP) {
			route = with(arena, route, "retries",
			    lay_map(arena, &K8S_RETRIES, retries, own));
		}
		base_tree_push(out, route);
	}
	return with(arena, spec, "routes", base_tree_done(out));
}

static const struct base_tree *
resolve_document(struct k8s_inventory *inventory, enum k8s_kind kind,
    const struct base_tree *document, const struct base_tree *environment)
{
	struct base_arena *arena = inventory->arena;
	const struct k8s_kind_info *info = &K8S_KINDS[kind];
	const struct base_tree *metadata = base_tree_get(document, "metadata");
	const struct base_tree *own = base_tree_get(document, "spec");
	const char *environment_name = base_tree_str(base_tree_get(environment, "metadata"),
	    "name", "");
	const struct base_tree *spec = own;
	struct base_tree_build *out = base_tree_map(arena, own->origin);

	if (info->defaults != NULL) {
		const struct base_tree *mesh = inventory->documents[K8S_MESH]->items[0];
		const struct base_tree *low = base_tree_get(
		    base_tree_at(mesh, "spec.defaults"), info->defaults);

		low = lay_map(arena, info->spec, low,
		    base_tree_get(base_tree_at(environment, "spec.defaults"), info->defaults));
		spec = lay_map(arena, info->spec, low, own);
	}
	if (kind != K8S_MESH && kind != K8S_ENVIRONMENT) {
		const struct base_tree *override =
		    base_tree_get(base_tree_get(own, "environments"), environment_name);

		if (override != NULL) {
			spec = lay_map(arena, info->spec, spec, k8s_inventory_stamp(arena, override,
			    base_arena_printf(arena, "%s in %s", document->origin->layer,
				environment_name)));
		}
	}
	if (kind == K8S_SERVICE) {
		spec = lay_route_retries(arena, spec);
	}
	base_tree_put(out, "name", base_tree_get(metadata, "name"));
	base_tree_put(out, "namespace", base_tree_get(metadata, "namespace"));
	fill_into(out, arena, info->spec, spec);
	return base_tree_done(out);
}

const struct base_tree *
k8s_inventory_merge(struct k8s_inventory *inventory, size_t index)
{
	const struct base_tree *environment = inventory->documents[K8S_ENVIRONMENT]->items[index];
	const struct base_tree *mesh = inventory->documents[K8S_MESH]->items[0];
	struct base_tree_build *out = base_tree_map(inventory->arena, environment->origin);

	base_tree_put(out, "mesh", resolve_document(inventory, K8S_MESH, mesh, environment));
	base_tree_put(out, "environment",
	    resolve_document(inventory, K8S_ENVIRONMENT, environment, environment));
	for (int kind = K8S_SERVICE; kind < K8S_KIND_COUNT; kind++) {
		const struct base_tree *documents = inventory->documents[kind];
		struct base_tree_build *list =
		    base_tree_list(inventory->arena, environment->origin);

		for (uint32_t i = 0; i < documents->count; i++) {
			base_tree_push(list, resolve_document(inventory, (enum k8s_kind)kind,
			    documents->items[i], environment));
		}
		base_tree_put(out, K8S_KINDS[kind].list, base_tree_done(list));
	}
	return base_tree_done(out);
}

/* --- what the merged documents must have --- */
static void
check_one(struct k8s_inventory *inventory, enum k8s_kind kind, const struct base_tree *merged,
    const char *environment)
{
	const char *namespace = base_tree_str(merged, "namespace", "");
	const char *where = base_arena_printf(inventory->arena, "%s %s%s%s in %s",
	    K8S_KINDS[kind].name, namespace, namespace[0] != '\0' ? "/" : "",
	    base_tree_str(merged, "name", ""), environment);

	(void)k8s_schema_check_merged(K8S_KINDS[kind].spec, merged, where, inventory->findings);
}

void
k8s_inventory_check_merged(struct k8s_inventory *inventory)
{
	for (size_t e = 0; e < k8s_inventory_environment_count(inventory); e++) {
		const char *name = k8s_inventory_environment(inventory, e);
		const struct base_tree *all = k8s_inventory_merge(inventory, e);

		inventory->resolved[e] = all;
		check_one(inventory, K8S_MESH, base_tree_get(all, "mesh"), name);
		check_one(inventory, K8S_ENVIRONMENT, base_tree_get(all, "environment"), name);
		for (int kind = K8S_SERVICE; kind < K8S_KIND_COUNT; kind++) {
			const struct base_tree *list = base_tree_get(all, K8S_KINDS[kind].list);

			for (uint32_t i = 0; i < list->count; i++) {
				check_one(inventory, (enum k8s_kind)kind, list->items[i], name);
			}
		}
	}
}

const struct base_tree *
k8s_inventory_resolve(struct k8s_inventory *inventory, const char *environment)
{
	for (size_t i = 0; i < k8s_inventory_environment_count(inventory); i++) {
		if (strcmp(k8s_inventory_environment(inventory, i), environment) != 0) {
			continue;
		}
		if (k8s_findings_have_error(inventory->findings)) {
			(void)MC_FAIL(MC_EPOLICY, "the inventory has errors");
			return NULL;
		}
		return inventory->resolved[i];
	}
	(void)MC_FAIL(MC_ENOTFOUND, "the inventory has no environment %.64s", environment);
	return NULL;
}
