/* SPDX-License-Identifier: Apache-2.0 */
/* The schema as JSON Schema: what editors and other programs hold an inventory against. */
#include <string.h>

#include "base/limits.h"
#include "check_main.h"
#include "k8s/schema_parts.h"

static const struct base_tree *
at(const struct base_tree *node, const char *path)
{
	const struct base_tree *value = base_tree_at(node, path);

	ck_assert_msg(value != NULL, "%s is missing", path);
	return value;
}

static bool
has(const struct base_tree *list, const char *text)
{
	for (uint32_t i = 0; list != NULL && i < list->count; i++) {
		if (strcmp(list->items[i]->text, text) == 0) {
			return true;
		}
	}
	return false;
}

/* A map of the schema, as it stands in $defs; part: as an override of another. */
static const struct base_tree *
def(const struct base_tree *schema, const char *name)
{
	const struct base_tree *value = base_tree_get(at(schema, "$defs"), name);

	ck_assert_msg(value != NULL, "no $defs/%s", name);
	return value;
}

/* Of {anyOf: [schema, {type: null}]} the schema; NULL: null is not taken. */
static const struct base_tree *
without_null(const struct base_tree *field)
{
	const struct base_tree *any = base_tree_get(field, "anyOf");

	if (any == NULL) {
		return NULL;
	}
	ck_assert_uint_eq(any->count, 2);
	ck_assert_str_eq(base_tree_str(any->items[1], "type", ""), "null");
	return any->items[0];
}

/* Every reference leads somewhere, and every definition is there because of one. */
static void
follow(const struct base_tree *schema, const struct base_tree *node, bool *seen)
{
	const char *reference = base_tree_str(node, "$ref", NULL);
	const struct base_tree *defs = at(schema, "$defs");

	if (reference != NULL) {
		uint32_t i = 0;

		ck_assert_int_eq(strncmp(reference, "#/$defs/", 8), 0);
		while (i < defs->count && strcmp(defs->entries[i].key, reference + 8) != 0) {
			i++;
		}
		ck_assert_msg(i < defs->count, "%s leads nowhere", reference);
		if (!seen[i]) {
			seen[i] = true;
			follow(schema, defs->entries[i].value, seen);
		}
	}
	for (uint32_t i = 0; node->kind == BASE_TREE_MAP && i < node->count; i++) {
		if (strcmp(node->entries[i].key, "$defs") != 0) {
			follow(schema, node->entries[i].value, seen);
		}
	}
	for (uint32_t i = 0; node->kind == BASE_TREE_LIST && i < node->count; i++) {
		follow(schema, node->items[i], seen);
	}
}

START_TEST(test_references)
{
	struct base_arena *arena = base_arena_new();
	const struct base_tree *schema = k8s_schema_json(arena);
	const struct base_tree *defs = at(schema, "$defs");
	bool *seen = base_arena_calloc(arena, defs->count, sizeof(bool));

	follow(schema, schema, seen);
	for (uint32_t i = 0; i < defs->count; i++) {
		const struct base_tree *one = defs->entries[i].value;

		ck_assert_msg(seen[i], "nothing leads to %s", defs->entries[i].key);
		/* a key that nobody reads is refused */
		ck_assert_str_eq(base_tree_str(one, "type", ""), "object");
		ck_assert(!base_tree_bool(one, "additionalProperties", true));
		for (uint32_t k = 0; k < at(one, "required")->count; k++) {
			ck_assert_ptr_nonnull(base_tree_get(at(one, "properties"), at(one, "required")->items[k]->text));
		}
	}
	base_arena_free(arena);
}
END_TEST

/* Each kind has its own metadata and spec. */
START_TEST(test_kinds)
{
	struct base_arena *arena = base_arena_new();
	const struct base_tree *schema = k8s_schema_json(arena);
	const struct base_tree *rules = at(schema, "allOf");

	ck_assert_str_eq(base_tree_str(schema, "$schema", ""), "https://json-schema.org/draft/2020-12/schema");
	ck_assert(!base_tree_bool(schema, "additionalProperties", true));
	ck_assert_str_eq(at(schema, "properties.apiVersion.const")->text, K8S_API_VERSION);
	ck_assert_uint_eq(at(schema, "required")->count, 4);
	ck_assert_uint_eq(rules->count, K8S_KIND_COUNT - 1);
	ck_assert_uint_eq(at(schema, "properties.kind.enum")->count, K8S_KIND_COUNT - 1);
	for (int kind = K8S_MESH; kind < K8S_KIND_COUNT; kind++) {
		const struct k8s_kind_info *info = &K8S_KINDS[kind];
		const struct base_tree *rule = rules->items[kind - 1];

		ck_assert(has(at(schema, "properties.kind.enum"), info->name));
		ck_assert_str_eq(at(rule, "if.properties.kind.const")->text, info->name);
		ck_assert_str_eq(at(rule, "then.properties.spec.$ref")->text,
		    base_arena_printf(arena, "#/$defs/%s", info->spec->name));
		ck_assert_str_eq(at(rule, "then.properties.metadata.$ref")->text,
		    info->namespaced ? "#/$defs/NamespacedMetadata" : "#/$defs/Metadata");
	}
	base_arena_free(arena);
}
END_TEST

/* One field of each type, with the bounds that the checker has. */
START_TEST(test_types)
{
	struct base_arena *arena = base_arena_new();
	const struct base_tree *schema = k8s_schema_json(arena);
	const struct base_tree *port = at(def(schema, "Port"), "properties");
	const struct base_tree *service = at(def(schema, "Service"), "properties");
	const struct base_tree *one = at(port, "port");

	ck_assert_str_eq(base_tree_str(one, "type", ""), "integer");
	ck_assert_int_eq(base_tree_int(one, "minimum", 0), 1);
	ck_assert_int_eq(base_tree_int(one, "maximum", 0), 65535);
	ck_assert_str_eq(base_tree_str(one, "description", ""), "Port of the Service.");
	one = at(port, "name");
	ck_assert_str_eq(base_tree_str(one, "type", ""), "string");
	ck_assert_str_eq(base_tree_str(one, "pattern", ""), K8S_TYPES[K8S_LABEL].pattern);
	ck_assert_int_eq(base_tree_int(one, "minLength", 0), 1);
	ck_assert_int_eq(base_tree_int(one, "maxLength", 0), LIMIT_K8S_NAMESPACE);
	/* a pattern's $ is no end for all readers: controls and what is no character are refused apart */
	ck_assert_str_eq(at(one, "not.pattern")->text, "[\\u0000-\\u001f\\u007f-\\u009f\\ufffe\\uffff]");
	one = at(port, "protocol.enum");
	ck_assert(has(one, "grpc-web") && has(one, "tcp") && !has(one, "udp"));
	ck_assert_str_eq(at(at(def(schema, "Call"), "properties.asynchronous"), "anyOf")->items[0]->entries[0].value->text,
	    "boolean");
	/* cpu: 2 is what everybody writes */
	one = without_null(at(def(schema, "Amounts"), "properties.cpu"));
	ck_assert(has(at(one, "type"), "string") && has(at(one, "type"), "integer"));
	ck_assert_int_eq(base_tree_int(one, "minimum", -1), 0);
	/* free keys */
	one = at(def(schema, "Workload"), "properties.selector");
	ck_assert_str_eq(at(one, "propertyNames.pattern")->text, K8S_TYPES[K8S_WORD].pattern);
	ck_assert_str_eq(at(one, "additionalProperties.pattern")->text, K8S_TYPES[K8S_TEXT].pattern);
	one = without_null(at(def(schema, "TokenRule"), "properties.claims"));
	ck_assert_str_eq(at(one, "additionalProperties.items.pattern")->text, K8S_TYPES[K8S_WORD].pattern);
	ck_assert_int_eq(base_tree_int(at(one, "additionalProperties"), "minItems", 0), 1);
	one = without_null(at(service, "environments"));
	ck_assert_str_eq(at(one, "propertyNames.pattern")->text, K8S_TYPES[K8S_LABEL].pattern);
	ck_assert_str_eq(at(one, "additionalProperties.$ref")->text, "#/$defs/Service.part");
	/* lists, with at least one where that is said */
	one = without_null(at(service, "ports"));
	ck_assert_str_eq(base_tree_str(one, "type", ""), "array");
	ck_assert_int_eq(base_tree_int(one, "minItems", 0), 1);
	ck_assert_str_eq(at(one, "items.$ref")->text, "#/$defs/Port");
	ck_assert_ptr_null(base_tree_get(without_null(at(service, "calls")), "minItems"));
	base_arena_free(arena);
}
END_TEST

/* Null takes a value away, but for what must be there where it must be. */
START_TEST(test_null_and_required)
{
	struct base_arena *arena = base_arena_new();
	const struct base_tree *schema = k8s_schema_json(arena);
	const struct base_tree *port = def(schema, "Port");

	ck_assert_uint_eq(at(port, "required")->count, 3);
	ck_assert(has(at(port, "required"), "name") && has(at(port, "required"), "protocol") &&
	    has(at(port, "required"), "port"));
	ck_assert_ptr_null(without_null(at(port, "properties.port")));
	ck_assert_ptr_nonnull(without_null(at(port, "properties.targetPort")));
	/* as a part only the key that lists merge by */
	port = def(schema, "Port.part");
	ck_assert_uint_eq(at(port, "required")->count, 1);
	ck_assert(has(at(port, "required"), "name"));
	ck_assert_ptr_null(without_null(at(port, "properties.name")));
	ck_assert_ptr_nonnull(without_null(at(port, "properties.port")));
	/* needed is asked of the merged document alone */
	ck_assert_uint_eq(at(def(schema, "Service"), "required")->count, 0);
	base_arena_free(arena);
}
END_TEST

START_TEST(test_parts)
{
	struct base_arena *arena = base_arena_new();
	const struct base_tree *schema = k8s_schema_json(arena);
	const struct base_tree *part = at(def(schema, "Service.part"), "properties");

	/* one of an environment has none of its own */
	ck_assert_ptr_null(base_tree_get(part, "environments"));
	/* lists that merge are of parts, lists that replace are whole, maps are parts */
	ck_assert_str_eq(at(without_null(at(part, "ports")), "items.$ref")->text, "#/$defs/Port.part");
	ck_assert_str_eq(at(without_null(at(part, "accepts")), "items.$ref")->text, "#/$defs/Accept");
	ck_assert_str_eq(at(without_null(at(part, "workload")), "$ref")->text, "#/$defs/Workload.part");
	/* what a route says of retries, and what defaults say */
	ck_assert_str_eq(at(without_null(at(def(schema, "Route"), "properties.retries")), "$ref")->text,
	    "#/$defs/Retries.part");
	ck_assert_str_eq(at(without_null(at(def(schema, "Defaults"), "properties.service")), "$ref")->text,
	    "#/$defs/Service.part");
	base_arena_free(arena);
}
END_TEST

/* Exactly one of several keys, and null is none. */
START_TEST(test_one_of)
{
	static const char *const NAMES[] = {"service", "data", "external"};
	struct base_arena *arena = base_arena_new();
	const struct base_tree *schema = k8s_schema_json(arena);
	const struct base_tree *list = at(def(schema, "Call"), "oneOf");

	ck_assert_uint_eq(list->count, 3);
	for (uint32_t i = 0; i < 3; i++) {
		ck_assert_uint_eq(at(list->items[i], "required")->count, 1);
		ck_assert(has(at(list->items[i], "required"), NAMES[i]));
		ck_assert_str_eq(at(at(list->items[i], "properties"), base_arena_printf(arena, "%s.not.type", NAMES[i]))->text,
		    "null");
	}
	ck_assert_ptr_null(base_tree_get(def(schema, "Service"), "oneOf"));
	base_arena_free(arena);
}
END_TEST

CHECK_MAIN("k8s_schema_json", test_references, test_kinds, test_types, test_null_and_required, test_parts, test_one_of)
