/* SPDX-License-Identifier: Apache-2.0 */
/* The model's JSON Schema, and models held against it. */
#include "check_main.h"
#include "model_make.h"

static bool
is_of_type(const struct base_tree *value, const char *type)
{
	static const struct {
		const char *type;
		enum base_tree_kind kind;
	} TYPES[] = {{"string", BASE_TREE_STRING}, {"integer", BASE_TREE_INT}, {"boolean", BASE_TREE_BOOL},
	    {"array", BASE_TREE_LIST}, {"object", BASE_TREE_MAP}};

	for (size_t i = 0; i < sizeof(TYPES) / sizeof(TYPES[0]); i++) {
		if (strcmp(TYPES[i].type, type) == 0) {
			return value->kind == TYPES[i].kind;
		}
	}
	return strcmp(type, "number") == 0 && (value->kind == BASE_TREE_INT || value->kind == BASE_TREE_FLOAT);
}

/* What is wrong with a value, or NULL; of JSON Schema just what this schema uses. */
static const char *
wrong(const struct base_tree *schema, const struct base_tree *value, const char *where)
{
	struct base_arena *arena = k8s_inventory_arena(inventory);
	const struct base_tree *constant = base_tree_get(schema, "const");
	const struct base_tree *required = base_tree_get(schema, "required");
	const struct base_tree *more = base_tree_get(schema, "additionalProperties");
	const char *what = NULL;

	if (constant != NULL) {
		return base_tree_equal(constant, value) ? NULL : base_arena_printf(arena, "%s: another value", where);
	}
	ck_assert_msg(base_tree_get(schema, "type") != NULL, "%s has no type", where);
	if (!is_of_type(value, text_at(schema, "type"))) {
		return base_arena_printf(arena, "%s: no %s", where, text_at(schema, "type"));
	}
	for (uint32_t i = 0; required != NULL && what == NULL && i < required->count; i++) {
		if (base_tree_get(value, required->items[i]->text) == NULL) {
			what = base_arena_printf(arena, "%s: without %s", where, required->items[i]->text);
		}
	}
	for (uint32_t i = 0; value->kind == BASE_TREE_LIST && what == NULL && i < value->count; i++) {
		what = wrong(base_tree_get(schema, "items"), value->items[i],
		    base_arena_printf(arena, "%s[%u]", where, i));
	}
	for (uint32_t i = 0; value->kind == BASE_TREE_MAP && what == NULL && i < value->count; i++) {
		const char *key = value->entries[i].key;
		const struct base_tree *of = base_tree_get(base_tree_get(schema, "properties"), key);
		const char *at = base_arena_printf(arena, "%s.%s", where, key);

		of = of != NULL ? of : more;
		if (of != NULL && of->kind == BASE_TREE_BOOL && strcmp(of->text, "false") == 0) {
			what = base_arena_printf(arena, "%s is unknown", at);
		} else if (of != NULL && of->kind == BASE_TREE_MAP) {
			what = wrong(of, value->entries[i].value, at);
		}
	}
	return what;
}

static const struct base_tree *
schema(void)
{
	return k8s_model_schema(k8s_inventory_arena(inventory));
}

static void
is_sound(void)
{
	const char *what = wrong(schema(), model, "model");

	ck_assert_msg(what == NULL, "%s", what);
	end();
}

#define EVERYTHING SERVICE("a") "  gatewayPaths: [/a]\n  jwt: {provider: people, rules: [{paths: [/a], " \
	"claims: {role: [boss]}}]}\n  rollout: {strategy: canary, steps: [{weight: 10, pause: 1m}], analysis: {failures: 3}}\n" \
	"  warmup: 30s\n  faults: [{route: default, abort: {percent: \"1\", status: 503}, delay: {percent: \"0.5\", " \
	"duration: 1s}, expires: 2026-12-01}]\n  identity: {maxTtl: 1h, keyTypes: [p-256], dnsNames: [a.x]}\n" \
	"  calls: [{data: k, port: k, topics: [{name: orders, access: read, group: g}]}, {external: x}]\n" \
	KAFKA "  authentication: scram-sha-512\n" PROVIDER INGRESS("public") \
	"  waf: {backend: ext-authz, failure: closed, service: judge}\n  limits: {burst: 5, connections: 6}\n" \
	SERVICE("judge") EXTERNAL("x", "a") "  retries: {attempts: 1, retryOn: [connect-failure]}\n" EGRESS("out") \
	SERVICE("card") PCI

START_TEST(test_models)
{
	begin();
	is_sound();
	begin_small("", EVERYTHING);
	is_sound();
	begin_small("", "");
	is_sound();
}
END_TEST

/* The model with one entry more, or without one, or with another value. */
static const struct base_tree *
changed(const char *key, const struct base_tree *value)
{
	struct base_tree_build *map = base_tree_map(k8s_inventory_arena(inventory), model->origin);

	for (uint32_t i = 0; i < model->count; i++) {
		if (strcmp(model->entries[i].key, key) != 0) {
			base_tree_put(map, model->entries[i].key, model->entries[i].value);
		}
	}
	base_tree_put(map, key, value);
	return base_tree_done(map);
}

START_TEST(test_nothing_else)
{
	begin();
	ck_assert_str_eq(wrong(schema(), changed("version", NULL), "model"), "model: without version");
	ck_assert_str_eq(wrong(schema(), changed("more", base_tree_get(model, "version")), "model"), "model.more is unknown");
	ck_assert_str_eq(wrong(schema(), changed("version", base_tree_at(model, "mesh.name")), "model"),
	    "model.version: no integer");
	ck_assert_str_eq(wrong(schema(), changed("services", base_tree_get(model, "gateways")), "model"),
	    "model.services[0]: without class");
	end();
}
END_TEST

START_TEST(test_schema)
{
	const struct base_tree *all, *namespaces;

	begin();
	all = schema();
	ck_assert_str_eq(text_at(all, "title"), "Model of one environment, version 1");
	ck_assert_ptr_nonnull(strstr(text_at(all, "$schema"), "2020-12"));
	namespaces = base_tree_at(all, "properties.namespaces");
	ck_assert_str_eq(shown(namespaces, "items.properties.pci"), "{'const':true}");
	ck_assert_str_eq(shown(namespaces, "items.properties.labels"),
	    "{'type':'object','additionalProperties':{'type':'string'}}");
	ck_assert_str_eq(shown(namespaces, "items.properties.owners"), "{'type':'array','items':{'type':'string'}}");
	ck_assert_str_eq(shown(all, "properties.environment.properties.traceSampling"), "{'type':'number'}");
	end();
}
END_TEST

CHECK_MAIN("k8s_model_schema", test_models, test_nothing_else, test_schema)
