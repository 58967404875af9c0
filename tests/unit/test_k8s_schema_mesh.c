/* SPDX-License-Identifier: Apache-2.0 */
/* The tables of all kinds, which begin in schema_mesh.c: what they say must hold together. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "check_main.h"
#include "k8s/schema_parts.h"

#define MAPS_MAX 192

struct tables {
	struct k8s_schema *schema;
	const struct k8s_map *maps[MAPS_MAX];
	size_t count;
};

/* One default: is it a value that its field takes? */
static void
check_fallback(const struct tables *tables, const struct k8s_map *map, const struct k8s_field *field,
    const char *text)
{
	int64_t min, max, value;
	bool good = true;
	char *end;

	if (field->type == K8S_INT) {
		k8s_range_bounds(field->range, &min, &max);
		value = strtoll(text, &end, 10);
		good = *end == '\0' && value >= min && value <= max;
	} else if (field->type == K8S_BOOL) {
		good = k8s_word_in("true|false", text);
	} else if (field->type == K8S_ENUM) {
		good = k8s_word_in(field->range, text);
	} else {
		good = k8s_schema_matches(tables->schema, field->type, text);
	}
	ck_assert_msg(good, "%s.%s defaults to %s", map->name, field->name, text);
}

static void
check_field(const struct tables *tables, const struct k8s_map *map, const struct k8s_field *field)
{
	bool list = (field->flags & K8S_LIST) != 0;
	bool maps = field->type == K8S_MAP || field->type == K8S_EACH;
	const char *word;
	int64_t min, max;
	size_t len;

	ck_assert_msg(field->type > K8S_TYPE_INVALID && field->type < K8S_TYPE_COUNT && field->doc != NULL &&
	    field->doc[0] != '\0', "%s.%s", map->name, field->name);
	ck_assert_msg(k8s_map_field(map, field->name) == field, "%s.%s is there twice", map->name, field->name);
	ck_assert_msg((field->map != NULL) == maps, "%s.%s", map->name, field->name);
	ck_assert_msg((field->range != NULL) == (field->type == K8S_INT || field->type == K8S_ENUM), "%s.%s", map->name,
	    field->name);
	/* at least one of a list; a map that is always there */
	ck_assert_msg(list || (field->flags & K8S_SOME) == 0, "%s.%s", map->name, field->name);
	ck_assert_msg((field->flags & K8S_ALWAYS) == 0 || (field->type == K8S_MAP && !list), "%s.%s", map->name,
	    field->name);
	/* what must be written has no default */
	ck_assert_msg(field->fallback == NULL || (field->flags & (K8S_REQUIRED | K8S_NEEDED)) == 0, "%s.%s",
	    map->name, field->name);
	if (field->type == K8S_INT) {
		k8s_range_bounds(field->range, &min, &max);
		ck_assert_msg(min < max, "%s.%s: %s", map->name, field->name, field->range);
	}
	if (field->fallback == NULL) {
		return;
	}
	ck_assert_msg(!maps, "%s.%s", map->name, field->name);
	if (!list) {
		check_fallback(tables, map, field, field->fallback);
	}
	for (size_t i = 0; list && k8s_word_nth(field->fallback, i, &word, &len); i++) {
		char *one = base_xasprintf("%.*s", (int)len, word);

		check_fallback(tables, map, field, one);
		free(one);
	}
}

static void
check_map(const struct tables *tables, const struct k8s_map *map)
{
	const struct k8s_field *key = map->key == NULL ? NULL : k8s_map_field(map, map->key);
	const char *word;
	size_t len;

	ck_assert_msg(map->doc != NULL && map->doc[0] != '\0', "%s", map->name);
	/* lists merge by a key that every item has, as one text */
	ck_assert_msg(map->key == NULL || (key != NULL && (key->flags & (K8S_REQUIRED | K8S_LIST)) == K8S_REQUIRED &&
	    K8S_TYPES[key->type].pattern != NULL), "%s by %s", map->name, map->key);
	for (size_t i = 0; map->one_of != NULL && k8s_word_nth(map->one_of, i, &word, &len); i++) {
		char *name = base_xasprintf("%.*s", (int)len, word);

		ck_assert_msg(k8s_map_field(map, name) != NULL, "%s has no %s", map->name, name);
		free(name);
	}
	for (const struct k8s_field *field = map->fields; field->name != NULL; field++) {
		check_field(tables, map, field);
	}
}

/* All maps below this one, each once. JSON Schema and the documentation call them by their names alone. */
static void
collect(struct tables *tables, const struct k8s_map *map)
{
	for (size_t i = 0; i < tables->count; i++) {
		if (tables->maps[i] == map) {
			return;
		}
		ck_assert_msg(strcmp(tables->maps[i]->name, map->name) != 0, "two maps are named %s", map->name);
	}
	ck_assert_uint_lt(tables->count, MAPS_MAX);
	tables->maps[tables->count++] = map;
	for (const struct k8s_field *field = map->fields; field->name != NULL; field++) {
		if (field->map != NULL) {
			collect(tables, field->map);
		}
	}
}

START_TEST(test_tables_hold_together)
{
	struct tables tables = {.schema = k8s_schema_new()};

	collect(&tables, &K8S_META_CLUSTER);
	collect(&tables, &K8S_META_NAMESPACED);
	for (int kind = K8S_MESH; kind < K8S_KIND_COUNT; kind++) {
		collect(&tables, K8S_KINDS[kind].spec);
	}
	ck_assert_uint_gt(tables.count, 50);
	for (size_t i = 0; i < tables.count; i++) {
		check_map(&tables, tables.maps[i]);
	}
	k8s_schema_free(tables.schema);
}
END_TEST

/* Kinds with defaults have a place for them, of their own type; those of namespaces can differ in an environment. */
START_TEST(test_kinds_hold_together)
{
	const struct k8s_field *in_mesh = k8s_map_field(K8S_KINDS[K8S_MESH].spec, "defaults");
	const struct k8s_field *in_environment = k8s_map_field(K8S_KINDS[K8S_ENVIRONMENT].spec, "defaults");

	ck_assert_ptr_eq(in_mesh->map, in_environment->map);
	for (int kind = K8S_MESH; kind < K8S_KIND_COUNT; kind++) {
		const struct k8s_kind_info *info = &K8S_KINDS[kind];
		const struct k8s_field *differs = k8s_map_field(info->spec, "environments");

		ck_assert((info->list == NULL) == (kind == K8S_MESH || kind == K8S_ENVIRONMENT));
		ck_assert((differs == NULL) == (info->list == NULL));
		if (differs != NULL) {
			ck_assert_int_eq(differs->type, K8S_EACH);
			ck_assert_ptr_eq(differs->map, info->spec);
			/* one of an environment has none of its own */
			ck_assert((differs->flags & K8S_TOP) != 0);
		}
		if (info->defaults != NULL) {
			const struct k8s_field *field = k8s_map_field(in_mesh->map, info->defaults);

			ck_assert_ptr_nonnull(field);
			ck_assert_ptr_eq(field->map, info->spec);
			ck_assert((field->flags & K8S_PART) != 0);
		}
	}
}
END_TEST

/* What guards the mesh is on until somebody writes otherwise. */
START_TEST(test_defaults_are_the_strict_ones)
{
	const struct k8s_map *environment = K8S_KINDS[K8S_ENVIRONMENT].spec;
	const struct k8s_map *policies = k8s_map_field(environment, "policies")->map;
	const struct k8s_map *namespaces = k8s_map_field(environment, "namespaces")->map;

	ck_assert_str_eq(k8s_map_field(environment, "registration")->fallback, "registered-only");
	ck_assert_str_eq(k8s_map_field(policies, "mtls")->fallback, "STRICT");
	ck_assert_str_eq(k8s_map_field(policies, "outbound")->fallback, "REGISTRY_ONLY");
	ck_assert_str_eq(k8s_map_field(policies, "networkPolicy")->fallback, "true");
	ck_assert_str_eq(k8s_map_field(policies, "faults")->fallback, "forbidden");
	ck_assert_str_eq(k8s_map_field(namespaces, "enforcement")->fallback, "enforce");
	/* the environment's holds where a namespace says nothing */
	ck_assert_ptr_null(k8s_map_field(namespaces, "mtls")->fallback);
}
END_TEST

CHECK_MAIN("k8s_schema_mesh", test_tables_hold_together, test_kinds_hold_together, test_defaults_are_the_strict_ones)
