/* SPDX-License-Identifier: Apache-2.0 */
/* Precedence, merging, removal and origins of values. */
#include "resolve_make.h"

struct world {
	struct k8s_inventory *inventory;
	const struct base_tree *all;
	const struct base_tree *cart;
};

/* What each layer says besides what it must say; production resolved. */
static struct world
world_new(const char *mesh, const char *environment, const char *service)
{
	char mesh_text[2048], environment_text[2048], service_text[2048];
	struct world world;

	(void)snprintf(mesh_text, sizeof(mesh_text), MESH_START "%s", mesh);
	(void)snprintf(environment_text, sizeof(environment_text),
	    ENVIRONMENT_START("production") "%s", environment);
	(void)snprintf(service_text, sizeof(service_text), SERVICE_START "%s", service);
	const struct k8s_file files[] = {
	    {"mesh.yaml", base_span_str(mesh_text)},
	    {"production.yaml", base_span_str(environment_text)},
	    {"development.yaml", base_span_str(ENVIRONMENT_START("development"))},
	    {"cart.yaml", base_span_str(service_text)},
	};

	world.inventory = k8s_inventory_from(files, 4);
	report(world.inventory);
	world.all = k8s_inventory_resolve(world.inventory, "production");
	ck_assert_ptr_nonnull(world.all);
	ck_assert_uint_eq(base_tree_get(world.all, "services")->count, 1);
	world.cart = base_tree_get(world.all, "services")->items[0];
	return world;
}

static void
expect(const struct base_tree *map, const char *path, const char *text, const char *file,
    int line, const char *layer)
{
	const struct base_tree *node = base_tree_at(map, path);

	ck_assert_msg(node != NULL, "%s is missing", path);
	ck_assert_str_eq(node->text, text);
	ck_assert_str_eq(node->origin->file, file);
	ck_assert_int_eq(node->origin->line, line);
	ck_assert_str_eq(node->origin->layer, layer);
}


/* Each layer wins over those before it, and says so. */
START_TEST(test_precedence)
{
	static const struct {
		const char *mesh, *environment, *service, *text, *file;
		int line;
		const char *layer;
	} ROWS[] = {
		{"", "", "", "5s", "built-in", 0, "built-in"},
		{"  defaults: {service: {timeout: 1s}}\n", "", "", "1s", "mesh.yaml", 6, "Mesh"},
		{"  defaults: {service: {timeout: 1s}}\n", "  defaults: {service: {timeout: 2s}}\n", "",
		    "2s", "production.yaml", 7, "Environment production"},
		{"  defaults: {service: {timeout: 1s}}\n", "  defaults: {service: {timeout: 2s}}\n",
		    "  timeout: 3s\n", "3s", "cart.yaml", 8, "Service shop/cart"},
		{"  defaults: {service: {timeout: 1s}}\n", "  defaults: {service: {timeout: 2s}}\n",
		    "  timeout: 3s\n  environments: {production: {timeout: 4s}}\n", "4s",
		    "cart.yaml", 9, "Service shop/cart in production"},
		{"", "", "  timeout: 3s\n  environments: {development: {timeout: 4s}}\n", "3s",
		    "cart.yaml", 8, "Service shop/cart"},
	};

	for (size_t i = 0; i < sizeof(ROWS) / sizeof(ROWS[0]); i++) {
		struct world w = world_new(ROWS[i].mesh, ROWS[i].environment, ROWS[i].service);

		expect(w.cart, "timeout", ROWS[i].text, ROWS[i].file, ROWS[i].line, ROWS[i].layer);
		k8s_inventory_free(w.inventory);
	}
}
END_TEST

START_TEST(test_maps_merge)
{
	struct world w = world_new("  defaults: {service: {pool: {maxConnections: 7, pendingRequests: 8}}}\n",
	    "", "  pool: {pendingRequests: 9}\n");

	expect(w.cart, "pool.maxConnections", "7", "mesh.yaml", 6, "Mesh");
	expect(w.cart, "pool.pendingRequests", "9", "cart.yaml", 8, "Service shop/cart");
	expect(w.cart, "pool.requestsPerConnection", "1000", "built-in", 0, "built-in");
	ck_assert_ptr_null(base_tree_at(w.cart, "pool.maxRequests"));
	k8s_inventory_free(w.inventory);
}
END_TEST

START_TEST(test_free_maps_merge)
{
	struct world w = world_new("", "",
	    "  environments: {production: {workload: {selector: {track: stable}}}}\n");

	expect(w.cart, "workload.selector.app", "a", "cart.yaml", 6, "Service shop/cart");
	expect(w.cart, "workload.selector.track", "stable", "cart.yaml", 8,
	    "Service shop/cart in production");
	k8s_inventory_free(w.inventory);
}
END_TEST

START_TEST(test_named_lists_merge)
{
	struct world w = world_new("", "",
	    "  environments: {production: {ports: [{name: grpc, protocol: grpc, port: 90},\n"
	    "    {name: http, targetPort: 8080}]}}\n");
	const struct base_tree *ports = base_tree_get(w.cart, "ports");

	ck_assert_uint_eq(ports->count, 2);
	expect(ports->items[0], "name", "http", "cart.yaml", 9, "Service shop/cart in production");
	expect(ports->items[0], "port", "80", "cart.yaml", 7, "Service shop/cart");
	expect(ports->items[0], "targetPort", "8080", "cart.yaml", 9,
	    "Service shop/cart in production");
	expect(ports->items[1], "name", "grpc", "cart.yaml", 8, "Service shop/cart in production");
	k8s_inventory_free(w.inventory);
}
END_TEST

START_TEST(test_other_lists_replace)
{
	struct world w = world_new("", "",
	    "  accepts: [{from: a}, {from: b}]\n"
	    "  environments: {production: {accepts: [{from: c}]}}\n");
	const struct base_tree *accepts = base_tree_get(w.cart, "accepts");

	ck_assert_uint_eq(accepts->count, 1);
	ck_assert_str_eq(base_tree_str(accepts->items[0], "from", ""), "c");
	k8s_inventory_free(w.inventory);
}
END_TEST

START_TEST(test_null_removes)
{
	struct world w = world_new(
	    "  defaults: {service: {timeout: 1s, breaker: {interval: 1s}, probes: {liveness: /a}}}\n", "",
	    "  timeout: null\n  breaker: ~\n"
	    "  environments: {production: {probes: {liveness: null, readiness: /b}}}\n");

	ck_assert_ptr_null(base_tree_get(w.cart, "timeout"));
	ck_assert_ptr_null(base_tree_get(w.cart, "breaker"));
	ck_assert_ptr_null(base_tree_at(w.cart, "probes.liveness"));
	ck_assert_str_eq(base_tree_str(base_tree_get(w.cart, "probes"), "readiness", ""), "/b");
	k8s_inventory_free(w.inventory);
}
END_TEST

/* A later layer may give again what an earlier one took away, defaults included. */
START_TEST(test_null_is_overridden)
{
	struct world w = world_new("  defaults: {service: {breaker: null, timeout: null}}\n", "",
	    "  timeout: 3s\n  breaker: {interval: 2s}\n");

	expect(w.cart, "timeout", "3s", "cart.yaml", 8, "Service shop/cart");
	expect(w.cart, "breaker.interval", "2s", "cart.yaml", 9, "Service shop/cart");
	expect(w.cart, "breaker.baseEjectionTime", "30s", "built-in", 0, "built-in");
	k8s_inventory_free(w.inventory);
}
END_TEST

START_TEST(test_needed_value_cannot_be_removed)
{
	static const char MESH_TEXT[] = MESH_START;
	static const char ENVIRONMENT_TEXT[] = ENVIRONMENT_START("production");
	static const char SERVICE_TEXT[] =
	    SERVICE_START "  environments: {production: {owner: null}}\n";
	const struct k8s_file files[] = {{"m", base_span_str(MESH_TEXT)},
	    {"e", base_span_str(ENVIRONMENT_TEXT)}, {"s", base_span_str(SERVICE_TEXT)}};
	struct k8s_inventory *inventory = k8s_inventory_from(files, 3);
	struct k8s_findings *findings = k8s_inventory_findings(inventory);

	ck_assert_uint_eq(k8s_findings_count(findings), 1);
	ck_assert_str_eq(k8s_findings_get(findings, 0)->code, "MCA0012");
	k8s_inventory_free(inventory);
}
END_TEST

START_TEST(test_optional_parts_stay_away)
{
	struct world w = world_new("", "", "");

	ck_assert_ptr_null(base_tree_get(w.cart, "rollout"));
	ck_assert_ptr_null(base_tree_get(w.cart, "jwt"));
	ck_assert_ptr_null(base_tree_get(w.cart, "environments"));
	ck_assert_ptr_null(base_tree_at(w.all, "mesh.defaults"));
	expect(w.cart, "breaker.interval", "10s", "built-in", 0, "built-in");
	expect(w.all, "environment.policies.mtls", "STRICT", "built-in", 0, "built-in");
	ck_assert_uint_eq(base_tree_at(w.all, "environment.policies.keyTypes")->count, 2);
	ck_assert_int_eq(base_tree_at(w.all, "environment.policies.networkPolicy")->kind, BASE_TREE_BOOL);
	ck_assert_int_eq(base_tree_at(w.cart, "retries.attempts")->kind, BASE_TREE_INT);
	k8s_inventory_free(w.inventory);
}
END_TEST

START_TEST(test_route_retries_are_whole)
{
	struct world w = world_new("", "",
	    "  retries: {perTryTimeout: 1s, backoff: 50ms}\n"
	    "  routes: [{name: a, retries: {attempts: 1, perTryTimeout: null}}, {name: b}]\n");
	const struct base_tree *routes = base_tree_get(w.cart, "routes");
	const struct base_tree *retries = base_tree_get(routes->items[0], "retries");

	expect(retries, "attempts", "1", "cart.yaml", 9, "Service shop/cart");
	expect(retries, "backoff", "50ms", "cart.yaml", 8, "Service shop/cart");
	ck_assert_ptr_null(base_tree_get(retries, "perTryTimeout"));
	ck_assert_ptr_nonnull(base_tree_get(retries, "retryOn"));
	ck_assert_ptr_null(base_tree_get(routes->items[1], "retries"));
	k8s_inventory_free(w.inventory);
}
END_TEST

START_TEST(test_unknown_environment)
{
	struct world w = world_new("", "", "");

	ck_assert_ptr_null(k8s_inventory_resolve(w.inventory, "prod"));
	ck_assert_int_eq((int)mc_err_last()->code, (int)MC_ENOTFOUND);
	k8s_inventory_free(w.inventory);
}
END_TEST

/* Every scalar and every key says where it comes from. */
static void
check_origins(const struct base_tree *node, size_t *count)
{
	ck_assert_ptr_nonnull(node->origin);
	ck_assert_ptr_nonnull(node->origin->layer);
	ck_assert(node->kind != BASE_TREE_NULL);
	*count += base_tree_is_scalar(node);
	for (uint32_t i = 0; node->kind == BASE_TREE_LIST && i < node->count; i++) {
		check_origins(node->items[i], count);
	}
	for (uint32_t i = 0; node->kind == BASE_TREE_MAP && i < node->count; i++) {
		ck_assert_ptr_nonnull(node->entries[i].origin->layer);
		check_origins(node->entries[i].value, count);
	}
}

START_TEST(test_example_resolves)
{
	struct k8s_inventory *inventory =
	    k8s_inventory_read(TEST_DATA "/../../k8s/examples/ecotrack");
	static const char *const NAMES[] = {"development", "production", "staging"};

	report(inventory);
	ck_assert_uint_eq(k8s_findings_count(k8s_inventory_findings(inventory)), 0);
	ck_assert_uint_eq(k8s_inventory_environment_count(inventory), 3);
	for (size_t i = 0; i < 3; i++) {
		const struct base_tree *all = k8s_inventory_resolve(inventory, NAMES[i]);
		size_t count = 0;

		ck_assert_str_eq(k8s_inventory_environment(inventory, i), NAMES[i]);
		ck_assert_ptr_nonnull(all);
		check_origins(all, &count);
		ck_assert_uint_gt(count, 500);
		ck_assert_uint_eq(base_tree_get(all, "services")->count, 5);
		ck_assert_uint_eq(base_tree_get(all, "dataServices")->count, 3);
		ck_assert_uint_eq(base_tree_get(all, "gateways")->count, 3);
		ck_assert_uint_eq(base_tree_get(all, "externalServices")->count, 3);
		ck_assert_uint_eq(base_tree_get(all, "identityProviders")->count, 1);
	}
	k8s_inventory_free(inventory);
}
END_TEST

CHECK_MAIN("k8s_inventory_resolve", test_precedence, test_maps_merge, test_free_maps_merge,
    test_named_lists_merge, test_other_lists_replace, test_null_removes, test_null_is_overridden,
    test_needed_value_cannot_be_removed, test_optional_parts_stay_away,
    test_route_retries_are_whole, test_unknown_environment, test_example_resolves)
