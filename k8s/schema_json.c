/* SPDX-License-Identifier: Apache-2.0 */
/* The schema as JSON Schema 2020-12. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "k8s/schema.h"

#define DEFS_MAX 192 /* maps of the schema, whole and as parts */
#define NAME_MAX_LEN 64

static const struct base_origin BUILT_IN = {"built-in", 0, "built-in", NULL};

struct job {
	struct base_arena *arena;
	struct base_tree_build *defs;
	struct {
		const struct k8s_map *map;
		bool part;
	} seen[DEFS_MAX];
	size_t seen_count;
};

static struct base_tree_build *
map_new(struct job *job)
{
	return base_tree_map(job->arena, &BUILT_IN);
}

static const struct base_tree *
text(struct job *job, const char *value)
{
	return base_tree_string(job->arena, value, &BUILT_IN);
}

static void
put_text(struct job *job, struct base_tree_build *map, const char *key, const char *value)
{
	base_tree_put(map, key, text(job, value));
}

static void
put_int(struct job *job, struct base_tree_build *map, const char *key, int64_t value)
{
	base_tree_put(map, key, base_tree_number(job->arena, value, &BUILT_IN));
}

static const struct base_tree *
one_key(struct job *job, const char *key, const struct base_tree *value)
{
	struct base_tree_build *map = map_new(job);

	base_tree_put(map, key, value);
	return base_tree_done(map);
}

static const struct base_tree *
reference(struct job *job, const struct k8s_map *map, bool part)
{
	return one_key(job, "$ref",
	    text(job, base_arena_printf(job->arena, "#/$defs/%s%s", map->name,
			  part ? ".part" : "")));
}

/* {anyOf: [schema, {type: null}]} */
static const struct base_tree *
nullable(struct job *job, const struct base_tree *schema)
{
	struct base_tree_build *list = base_tree_list(job->arena, &BUILT_IN);

	base_tree_push(list, schema);
	base_tree_push(list, one_key(job, "type", text(job, "null")));
	return one_key(job, "anyOf", base_tree_done(list));
}

static const struct base_tree *
words(struct job *job, const char *all)
{
	struct base_tree_build *list = base_tree_list(job->arena, &BUILT_IN);
	const char *word;
	size_t len;

	for (size_t i = 0; k8s_word_nth(all, i, &word, &len); i++) {
		base_tree_push(list, text(job, base_arena_strndup(job->arena, word, len)));
	}
	return base_tree_done(list);
}

/* As k8s_schema_matches has it. Also for Python, whose "$" matches before a line end that closes a
 * text. */
static const struct base_tree *
unprintable(struct job *job)
{
	struct base_tree_build *map = map_new(job);

	put_text(job, map, "type", "string");
	put_text(job, map, "pattern", "[\\u0000-\\u001f\\u007f-\\u009f\\ufffe\\uffff]");
	return base_tree_done(map);
}

static const struct base_tree *
pattern(struct job *job, enum k8s_type type)
{
	struct base_tree_build *map = map_new(job);

	if (type == K8S_QUANTITY) {
		base_tree_put(map, "type", words(job, "string|integer"));
		put_int(job, map, "minimum", 0);
	} else {
		put_text(job, map, "type", "string");
	}
	put_text(job, map, "pattern", K8S_TYPES[type].pattern);
	put_int(job, map, "minLength", 1);
	put_int(job, map, "maxLength", (int64_t)K8S_TYPES[type].max_len);
	base_tree_put(map, "not", unprintable(job));
	return base_tree_done(map);
}

static const struct base_tree *
integer(struct job *job, const char *range)
{
	struct base_tree_build *map = map_new(job);
	int64_t min;
	int64_t max;

	k8s_range_bounds(range, &min, &max);
	put_text(job, map, "type", "integer");
	put_int(job, map, "minimum", min);
	put_int(job, map, "maximum", max);
	return base_tree_done(map);
}

static const struct base_tree *
list_of(struct job *job, const struct base_tree *items, bool some)
{
	struct base_tree_build *map = map_new(job);

	put_text(job, map, "type", "array");
	base_tree_put(map, "items", items);
	if (some) {
		put_int(job, map, "minItems", 1);
	}
	return base_tree_done(map);
}

/* A map whose keys are free. */
static const struct base_tree *
free_map(struct job *job, enum k8s_type keys, const struct base_tree *values)
{
	struct base_tree_build *map = map_new(job);

	put_text(job, map, "type", "object");
	base_tree_put(map, "propertyNames", pattern(job, keys));
	base_tree_put(map, "additionalProperties", values);
	return base_tree_done(map);
}

static void define(struct job *job, const struct k8s_map *map, bool part);

static const struct base_tree *
value_schema(struct job *job, const struct k8s_field *field, bool part)
{
	if (field->type == K8S_INT) {
		return integer(job, field->range);
	}
	if (field->type == K8S_BOOL) {
		return one_key(job, "type", text(job, "boolean"));
	}
	if (field->type == K8S_ENUM) {
		return one_key(job, "enum", words(job, field->range));
	}
	if (field->type == K8S_TEXTS) {
		return free_map(job, K8S_WORD, pattern(job, K8S_TEXT));
	}
	if (field->type == K8S_WORDS) {
		return free_map(job, K8S_WORD, list_of(job, pattern(job, K8S_WORD), true));
	}
	if (field->type == K8S_EACH) {
		define(job, field->map, true);
		return free_map(job, K8S_LABEL, reference(job, field->map, true));
	}
	if (field->type == K8S_MAP) {
		define(job, field->map, part);
		return reference(job, field->map, part);
	}
	return pattern(job, field->type);
}

static const struct base_tree *
field_schema(struct job *job, const struct k8s_field *field, bool part, bool may_be_null)
{
	struct base_tree_build *out = map_new(job);
	const struct base_tree *schema;

	if ((field->flags & K8S_LIST) != 0) {
		bool item_part = part && field->type == K8S_MAP && field->map->key != NULL;

		schema = list_of(job, value_schema(job, field, item_part),
		    (field->flags & K8S_SOME) != 0);
	} else {
		schema = value_schema(job, field, part || (field->flags & K8S_PART) != 0);
	}
	if (may_be_null) {
		schema = nullable(job, schema);
	}
	for (uint32_t i = 0; i < schema->count; i++) {
		base_tree_put(out, schema->entries[i].key, schema->entries[i].value);
	}
	put_text(job, out, "description", field->doc);
	return base_tree_done(out);
}

/* Exactly one of the keys, and null is none. */
static const struct base_tree *
one_of(struct job *job, const char *names)
{
	struct base_tree_build *list = base_tree_list(job->arena, &BUILT_IN);
	const struct base_tree *not_null = one_key(job, "not", one_key(job, "type",
	    text(job, "null")));
	const char *word;
	size_t len;

	for (size_t i = 0; k8s_word_nth(names, i, &word, &len); i++) {
		const char *name = base_arena_strndup(job->arena, word, len);
		struct base_tree_build *map = map_new(job);

		base_tree_put(map, "required", words(job, name));
		base_tree_put(map, "properties", one_key(job, name, not_null));
		base_tree_push(list, base_tree_done(map));
	}
	return base_tree_done(list);
}

static const struct base_tree *
map_schema(struct job *job, const struct k8s_map *map, bool part)
{
	struct base_tree_build *out = map_new(job);
	struct base_tree_build *properties = map_new(job);
	struct base_tree_build *required = base_tree_list(job->arena, &BUILT_IN);

	put_text(job, out, "description", map->doc);
	put_text(job, out, "type", "object");
	for (const struct k8s_field *field = map->fields; field->name != NULL; field++) {
		bool key = map->key != NULL && strcmp(map->key, field->name) == 0;
		bool needed = key || (!part && (field->flags & K8S_REQUIRED) != 0);

		if (part && (field->flags & K8S_TOP) != 0) {
			continue;
		}
		base_tree_put(properties, field->name,
		    field_schema(job, field, part, !needed));
		if (needed) {
			base_tree_push(required, text(job, field->name));
		}
	}
	base_tree_put(out, "properties", base_tree_done(properties));
	base_tree_put(out, "required", base_tree_done(required));
	base_tree_put(out, "additionalProperties",
	    base_tree_boolean(job->arena, false, &BUILT_IN));
	if (map->one_of != NULL) {
		base_tree_put(out, "oneOf", one_of(job, map->one_of));
	}
	return base_tree_done(out);
}

static void
define(struct job *job, const struct k8s_map *map, bool part)
{
	const struct base_tree *schema;

	for (size_t i = 0; i < job->seen_count; i++) {
		if (job->seen[i].map == map && job->seen[i].part == part) {
			return;
		}
	}
	if (job->seen_count == DEFS_MAX) {
		abort();
	}
	job->seen[job->seen_count].map = map;
	job->seen[job->seen_count++].part = part;
	schema = map_schema(job, map, part);
	base_tree_put(job->defs,
	    base_arena_printf(job->arena, "%s%s", map->name, part ? ".part" : ""), schema);
}

/* if kind is this one, then metadata and spec are so */
static const struct base_tree *
kind_rule(struct job *job, const struct k8s_kind_info *info)
{
	const struct k8s_map *meta =
	    info->namespaced ? &K8S_META_NAMESPACED : &K8S_META_CLUSTER;
	struct base_tree_build *then = map_new(job);
	struct base_tree_build *rule = map_new(job);

	define(job, info->spec, false);
	define(job, meta, false);
	base_tree_put(then, "metadata", reference(job, meta, false));
	base_tree_put(then, "spec", reference(job, info->spec, false));
	base_tree_put(rule, "if", one_key(job, "properties", one_key(job, "kind",
	    one_key(job, "const", text(job, info->name)))));
	base_tree_put(rule, "then", one_key(job, "properties", base_tree_done(then)));
	return base_tree_done(rule);
}

static const struct base_tree *
head(struct job *job)
{
	struct base_tree_build *properties = map_new(job);
	struct base_tree_build *kinds = base_tree_list(job->arena, &BUILT_IN);

	for (int kind = K8S_INVALID + 1; kind < K8S_KIND_COUNT; kind++) {
		base_tree_push(kinds, text(job, K8S_KINDS[kind].name));
	}
	base_tree_put(properties, "apiVersion",
	    one_key(job, "const", text(job, K8S_API_VERSION)));
	base_tree_put(properties, "kind", one_key(job, "enum", base_tree_done(kinds)));
	base_tree_put(properties, "metadata", one_key(job, "type", text(job, "object")));
	base_tree_put(properties, "spec", one_key(job, "type", text(job, "object")));
	return base_tree_done(properties);
}

const struct base_tree *
k8s_schema_json(struct base_arena *arena)
{
	struct job *job = base_arena_calloc(arena, 1, sizeof(*job));
	struct base_tree_build *out;
	struct base_tree_build *rules;

	job->arena = arena;
	job->defs = map_new(job);
	out = map_new(job);
	rules = base_tree_list(arena, &BUILT_IN);
	put_text(job, out, "$schema", "https://json-schema.org/draft/2020-12/schema");
	put_text(job, out, "$id", "urn:meshca:inventory:v1alpha1");
	put_text(job, out, "title", "A document of meshca's inventory");
	put_text(job, out, "type", "object");
	base_tree_put(out, "properties", head(job));
	base_tree_put(out, "required", words(job, "apiVersion|kind|metadata|spec"));
	base_tree_put(out, "additionalProperties", base_tree_boolean(arena, false, &BUILT_IN));
	for (int kind = K8S_INVALID + 1; kind < K8S_KIND_COUNT; kind++) {
		base_tree_push(rules, kind_rule(job, &K8S_KINDS[kind]));
	}
	base_tree_put(out, "allOf", base_tree_done(rules));
	base_tree_put(out, "$defs", base_tree_done(job->defs));
	return base_tree_done(out);
}
