/* SPDX-License-Identifier: Apache-2.0 */
/* Services: what DestinationRule and Rollout want, timeout budgets, and the whole of each. */
#include <string.h>

#include "k8s/model_int.h"

const struct base_tree *
k8s_model_provider(struct k8s_model *model, const struct base_tree *jwt)
{
	const char *name = base_tree_str(jwt, "provider", NULL);
	const struct base_tree *const *found;

	if (name == NULL) {
		return NULL;
	}
	found = k8s_index_get(model->providers, name);
	if (found == NULL) {
		k8s_model_find(model, LINT_PROVIDER_UNKNOWN, base_tree_get(jwt, "provider")->origin,
		    "add the IdentityProvider, or correct the name",
		    "no identity provider is named %s", name);
		return NULL;
	}
	return *found;
}

/* Subsets have the labels of all pods; the rollout controller adds the hash to each. */
const struct base_tree *
k8s_model_subsets(struct k8s_model *model, const struct k8s_node *node)
{
	static const char *const NAMES[] = {"stable", "canary"};
	struct base_tree_build *list = base_tree_list(model->arena, node->origin);
	size_t count = k8s_is_canary(node) ? 2 : 1;

	for (size_t i = 0; i < count; i++) {
		struct base_tree_build *map = base_tree_map(model->arena, node->origin);

		k8s_put_str(model, map, "name", NAMES[i], node->origin);
		base_tree_put(map, "labels", base_tree_at(node->spec, "workload.selector"));
		base_tree_push(list, base_tree_done(map));
	}
	return base_tree_done(list);
}

const struct base_tree *
k8s_model_pool(struct k8s_model *model, const struct base_tree *pool,
    const struct base_origin *origin)
{
	struct base_tree_build *map = base_tree_map(model->arena, origin);
	struct base_tree_build *tcp = base_tree_map(model->arena, origin);
	struct base_tree_build *http = base_tree_map(model->arena, origin);

	k8s_put_same(tcp, "maxConnections", pool, "maxConnections");
	k8s_put_same(tcp, "connectTimeout", pool, "connectTimeout");
	k8s_put_same(http, "http1MaxPendingRequests", pool, "pendingRequests");
	k8s_put_same(http, "http2MaxRequests", pool, "maxRequests");
	k8s_put_same(http, "maxRequestsPerConnection", pool, "requestsPerConnection");
	k8s_put_same(http, "idleTimeout", pool, "idleTimeout");
	base_tree_put(map, "tcp", base_tree_done(tcp));
	base_tree_put(map, "http", base_tree_done(http));
	return base_tree_done(map);
}

const struct base_tree *
k8s_model_outlier(struct k8s_model *model, const struct base_tree *breaker)
{
	struct base_tree_build *map;

	if (breaker == NULL || breaker->kind != BASE_TREE_MAP) {
		return NULL;
	}
	map = base_tree_map(model->arena, breaker->origin);
	k8s_put_same(map, "consecutive5xxErrors", breaker, "consecutive5xx");
	k8s_put_same(map, "consecutiveGatewayErrors", breaker, "consecutiveGatewayErrors");
	k8s_put_same(map, "interval", breaker, "interval");
	k8s_put_same(map, "baseEjectionTime", breaker, "baseEjectionTime");
	k8s_put_same(map, "maxEjectionPercent", breaker, "maxEjectionPercent");
	k8s_put_same(map, "minHealthPercent", breaker, "minHealthPercent");
	return base_tree_done(map);
}

/* LEAST_CONN is the old name of LEAST_REQUEST and no longer written. */
const struct base_tree *
k8s_model_policy(struct k8s_model *model, const struct k8s_node *node)
{
	const struct base_tree *balancing = base_tree_get(node->spec, "balancing");
	const struct base_origin *at = balancing == NULL ? node->origin : balancing->origin;
	const char *word = base_tree_str(node->spec, "balancing", "LEAST_REQUEST");
	struct base_tree_build *map = base_tree_map(model->arena, node->origin);
	struct base_tree_build *balancer = base_tree_map(model->arena, at);

	k8s_put_str(model, balancer, "simple",
	    strcmp(word, "LEAST_CONN") == 0 ? "LEAST_REQUEST" : word, at);
	if (base_tree_get(node->spec, "warmup") != NULL) {
		struct base_tree_build *warmup = base_tree_map(model->arena, at);

		k8s_put_same(warmup, "duration", node->spec, "warmup");
		base_tree_put(balancer, "warmup", base_tree_done(warmup));
	}
	base_tree_put(map, "loadBalancer", base_tree_done(balancer));
	base_tree_put(map, "connectionPool",
	    k8s_model_pool(model, base_tree_get(node->spec, "pool"), node->origin));
	base_tree_put(map, "outlierDetection",
	    k8s_model_outlier(model, base_tree_get(node->spec, "breaker")));
	return base_tree_done(map);
}

/* failureLimit counts what is tolerated: of two failures that end it, one. */
static const struct base_tree *
rollout_analysis(struct k8s_model *model, const struct base_tree *analysis)
{
	static const char *const SAME[] = {"successRate", "latency", "minimumRequests",
	    "interval", "failures"};
	const struct base_tree *failures = base_tree_get(analysis, "failures");
	struct base_tree_build *map;

	if (analysis == NULL || analysis->kind != BASE_TREE_MAP) {
		return NULL;
	}
	map = base_tree_map(model->arena, analysis->origin);
	for (size_t i = 0; i < sizeof(SAME) / sizeof(SAME[0]); i++) {
		k8s_put_same(map, SAME[i], analysis, SAME[i]);
	}
	k8s_put_int(model, map, "failureLimit", base_tree_int(analysis, "failures", 1) - 1,
	    failures == NULL ? analysis->origin : failures->origin);
	return base_tree_done(map);
}

const struct base_tree *
k8s_model_rollout(struct k8s_model *model, const struct k8s_node *node)
{
	const struct base_tree *rollout = base_tree_get(node->spec, "rollout");
	bool canary = k8s_is_canary(node);
	struct base_tree_build *map;

	if (rollout == NULL || rollout->kind != BASE_TREE_MAP) {
		return NULL;
	}
	map = base_tree_map(model->arena, rollout->origin);
	k8s_put_same(map, "strategy", rollout, "strategy");
	k8s_put_flag(model, map, "canary", canary, rollout->origin);
	k8s_put_flag(model, map, "blueGreen", !canary, rollout->origin);
	k8s_put_str(model, map, "stableSubset", "stable", rollout->origin);
	k8s_put_str(model, map, "canarySubset", canary ? "canary" : NULL, rollout->origin);
	k8s_put_same(map, "steps", rollout, "steps");
	base_tree_put(map, "analysis",
	    rollout_analysis(model, base_tree_get(rollout, "analysis")));
	return base_tree_done(map);
}

/* --- timeouts --- */

/* Does the callee's route take what the edge may send? */
static bool
route_serves(const struct k8s_edge *edge, const struct base_tree *route)
{
	const struct base_tree *methods = base_tree_get(route, "methods");

	if (methods == NULL || edge->methods == NULL) {
		return true;
	}
	for (size_t i = 0; i < methods->count; i++) {
		if (k8s_list_has(edge->methods, methods->items[i]->text)) {
			return true;
		}
	}
	return false;
}

/* Longest a call along the edge may take; -1 when nothing bounds it. safe_only: 0 for a call that
 * needs a route which is not idempotent. */
static int64_t
edge_budget_ms(struct k8s_model *model, const struct k8s_edge *edge, bool safe_only)
{
	const struct base_tree *routes = base_tree_get(edge->to->spec, "routes");
	int64_t own = k8s_duration_ms(base_tree_str(edge->call, "timeout", NULL));
	int64_t worst = -1;

	if (edge->to->kind == K8S_NODE_EXTERNAL) {
		worst = safe_only ? 0 : k8s_external_timeout_ms(model, edge->to);
	} else if (routes == NULL || routes->count == 0) {
		worst = safe_only ? 0 : k8s_route_timeout_ms(edge->to, NULL);
	}
	for (size_t i = 0; edge->to->kind == K8S_NODE_SERVICE && routes != NULL &&
			   i < routes->count;
	     i++) {
		int64_t ms = k8s_route_timeout_ms(edge->to, routes->items[i]);

		if (route_serves(edge, routes->items[i])) {
			if (safe_only && !base_tree_bool(routes->items[i], "idempotent", false)) {
				ms = 0;
			}
			worst = ms > worst ? ms : worst;
		}
	}
	return own >= 0 && (worst < 0 || own < worst) ? own : worst;
}

static int64_t
callees_ms(struct k8s_model *model, const struct k8s_node *node, bool safe_only,
    const struct base_origin **origin)
{
	int64_t sum = 0;

	for (const struct k8s_edge *edge = node->out_first; edge != NULL; edge = edge->next_out) {
		int64_t ms;

		if (edge->to->kind == K8S_NODE_DATA || edge->call == NULL ||
		    base_tree_bool(edge->call, "asynchronous", false)) {
			continue;
		}
		ms = edge_budget_ms(model, edge, safe_only);
		if (ms > 0) {
			sum += ms;
			*origin = k8s_origin_join(model->arena, *origin, edge->origin);
		}
	}
	return sum;
}

static void
check_route(struct k8s_model *model, const struct k8s_node *node, const struct base_tree *route)
{
	const char *name = base_tree_str(route, "name", "default");
	bool idempotent = base_tree_bool(route, "idempotent", false);
	int64_t timeout = k8s_route_timeout_ms(node, route);
	const struct base_tree *retries = base_tree_get(route, "retries");
	int64_t try_ms = k8s_duration_ms(base_tree_str(retries, "perTryTimeout", NULL));
	const struct base_origin *origin = route == NULL ? node->origin : route->origin;
	int64_t needed = callees_ms(model, node, idempotent, &origin);

	if (timeout >= 0 && needed > timeout) {
		k8s_model_find(model, LINT_TIMEOUT_SHORT, origin,
		    "give the route more time, its callees less, or mark calls asynchronous",
		    "route %s of %s/%s has %s, but its callees may take %s", name, node->namespace,
		    node->name, k8s_duration_text(model->arena, timeout),
		    k8s_duration_text(model->arena, needed));
	}
	if (try_ms >= 0 && ((timeout >= 0 && try_ms > timeout) || needed > try_ms)) {
		k8s_model_find(model, LINT_TRY_SHORT, retries->origin,
		    "choose perTryTimeout between the callees' time and the route's timeout",
		    "one try of route %s of %s/%s has %s, the route %s, and its callees may take %s",
		    name, node->namespace, node->name, k8s_duration_text(model->arena, try_ms),
		    timeout < 0 ? "no limit" : k8s_duration_text(model->arena, timeout),
		    k8s_duration_text(model->arena, needed));
	}
}

const struct base_tree *
k8s_model_budget(struct k8s_model *model, const struct k8s_node *node)
{
	const struct base_tree *routes = base_tree_get(node->spec, "routes");
	const struct base_origin *origin = node->origin;
	int64_t worst = callees_ms(model, node, false, &origin);
	int64_t own = routes == NULL || routes->count == 0 ? k8s_route_timeout_ms(node, NULL) : -1;
	struct base_tree_build *map = base_tree_map(model->arena, origin);

	if (routes == NULL || routes->count == 0) {
		check_route(model, node, NULL);
	}
	for (size_t i = 0; routes != NULL && i < routes->count; i++) {
		int64_t ms = k8s_route_timeout_ms(node, routes->items[i]);

		own = ms > own ? ms : own;
		check_route(model, node, routes->items[i]);
	}
	k8s_put_str(model, map, "own", k8s_duration_text(model->arena, own < 0 ? 0 : own), origin);
	k8s_put_str(model, map, "worst", k8s_duration_text(model->arena, worst), origin);
	return base_tree_done(map);
}

/* --- the service --- */

static const struct base_tree *
token_header(struct k8s_model *model, const struct base_tree *header)
{
	struct base_tree_build *list;

	if (header == NULL) {
		return NULL;
	}
	list = base_tree_list(model->arena, header->origin);
	base_tree_push(list, header);
	return base_tree_done(list);
}

static const struct base_tree *
service_jwt(struct k8s_model *model, const struct k8s_node *node)
{
	const struct base_tree *jwt = base_tree_get(node->spec, "jwt");
	const struct base_tree *provider = k8s_model_provider(model, jwt);
	struct base_tree_build *map;

	if (provider == NULL) {
		return NULL;
	}
	map = base_tree_map(model->arena,
	    k8s_origin_join(model->arena, jwt->origin, provider->origin));
	k8s_put_same(map, "provider", jwt, "provider");
	k8s_put_same(map, "issuer", provider, "issuer");
	k8s_put_same(map, "jwksUri", provider, "jwksUri");
	k8s_put_same(map, "audiences", provider, "audiences");
	base_tree_put(map, "fromHeaders", token_header(model, base_tree_get(provider, "header")));
	k8s_put_bool(model, map, "forwardOriginalToken",
	    base_tree_bool(provider, "forwardToken", false), provider->origin);
	k8s_put_same(map, "outputClaimToHeaders", provider, "claimHeaders");
	k8s_put_same(map, "spaceDelimitedClaims", provider, "spaceDelimitedClaims");
	return base_tree_done(map);
}

static const struct base_tree *
service_topics(struct k8s_model *model, const struct k8s_node *node)
{
	struct base_tree_build *list = base_tree_list(model->arena, node->origin);

	for (const struct k8s_edge *edge = node->out_first; edge != NULL; edge = edge->next_out) {
		const struct base_tree *topics = base_tree_get(edge->call, "topics");

		for (size_t i = 0; topics != NULL && i < topics->count; i++) {
			struct base_tree_build *map =
			    base_tree_map(model->arena, topics->items[i]->origin);

			k8s_put_same(map, "name", topics->items[i], "name");
			k8s_put_same(map, "access", topics->items[i], "access");
			k8s_put_same(map, "group", topics->items[i], "group");
			k8s_put_str(model, map, "data", edge->to->name, edge->origin);
			k8s_put_str(model, map, "namespace", edge->to->namespace, edge->origin);
			base_tree_push(list, base_tree_done(map));
		}
	}
	return base_tree_done(list);
}

const struct base_tree *
k8s_model_services(struct k8s_model *model)
{
	const struct k8s_nodes *nodes = &model->graph->nodes[K8S_NODE_SERVICE];
	struct base_tree_build *list = base_tree_list(model->arena, model->mesh->origin);

	for (size_t i = 0; i < nodes->count; i++) {
		const struct k8s_node *node = &nodes->at[i];
		struct base_tree_build *map = base_tree_map(model->arena, node->origin);

		k8s_put_workload(model, map, node);
		base_tree_put(map, "ports", k8s_model_ports(model, node));
		k8s_put_port_mtls(model, map, node);
		k8s_put_same(map, "managementPort", base_tree_get(node->spec, "probes"),
		    "managementPort");
		base_tree_put(map, "subsets", k8s_model_subsets(model, node));
		base_tree_put(map, "policy", k8s_model_policy(model, node));
		base_tree_put(map, "routes", k8s_model_routes(model, node));
		base_tree_put(map, "tcpRoutes", k8s_model_tcp_routes(model, node));
		base_tree_put(map, "exposed", k8s_model_exposed(model, node));
		base_tree_put(map, "allow", k8s_model_allow(model, node));
		base_tree_put(map, "byAddress", k8s_model_by_address(model, node));
		base_tree_put(map, "sidecar", k8s_model_sidecar(model, node));
		base_tree_put(map, "callees", k8s_model_callees(model, node));
		base_tree_put(map, "budget", k8s_model_budget(model, node));
		base_tree_put(map, "network", k8s_model_network(model, node));
		base_tree_put(map, "jwt", service_jwt(model, node));
		base_tree_put(map, "rollout", k8s_model_rollout(model, node));
		k8s_put_tuning(model, map, node);
		base_tree_put(map, "topics", service_topics(model, node));
		base_tree_push(list, base_tree_done(map));
	}
	return base_tree_done(list);
}
