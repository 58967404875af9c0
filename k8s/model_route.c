/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Routes of a service, as VirtualService has them. The first that matches counts, so the one that
 * matches everything is last. Retries only where doing it twice does no more than once.
 */
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "k8s/model_int.h"

#define LIST_TEXT 4096 /* joined words of one list */

/* One route on its way: paths narrow it further at a gateway. */
struct route {
	const struct k8s_node *node;
	const struct base_tree *spec; /* as declared; NULL for one that matches everything */
	const struct k8s_port *port;
	const char *name;
	const struct base_tree *paths;
	bool match_port;
	int64_t gateway_port; /* where a gateway takes it; 0: not at a gateway */
};

bool
k8s_is_canary(const struct k8s_node *node)
{
	const struct base_tree *rollout = base_tree_get(node->spec, "rollout");

	return rollout != NULL && rollout->kind == BASE_TREE_MAP &&
	       strcmp(base_tree_str(rollout, "strategy", "canary"), "canary") == 0;
}

int64_t
k8s_route_timeout_ms(const struct k8s_node *node, const struct base_tree *route)
{
	return k8s_duration_ms(
	    base_tree_str(route, "timeout", base_tree_str(node->spec, "timeout", NULL)));
}

static const char *
joined(struct k8s_model *model, const struct base_tree *list, const char *between)
{
	struct base_buf buf;
	char *text;
	const char *out;

	base_buf_init(&buf, LIST_TEXT);
	for (size_t i = 0; list != NULL && i < list->count; i++) {
		base_buf_appendf(&buf, "%s%s", i == 0 ? "" : between, list->items[i]->text);
	}
	text = base_buf_take_str(&buf);
	out = base_arena_strdup(model->arena, text == NULL ? "" : text);
	free(text);
	return out;
}

/* A pattern of policies as a StringMatch of routes; templates become a regular expression. */
static const struct base_tree *
uri_match(struct k8s_model *model, const struct base_tree *path)
{
	struct base_tree_build *map = base_tree_map(model->arena, path->origin);
	size_t len = strlen(path->text);
	struct base_buf regex;
	char *text;

	if (strchr(path->text, '{') == NULL) {
		bool prefix = len > 0 && path->text[len - 1] == '*';

		k8s_put_str(model, map, prefix ? "prefix" : "exact",
		    base_arena_strndup(model->arena, path->text, prefix ? len - 1 : len),
		    path->origin);
		return base_tree_done(map);
	}
	base_buf_init(&regex, LIST_TEXT);
	for (const char *at = path->text; *at != '\0'; at++) {
		if (strncmp(at, "{**}", 4) == 0) {
			base_buf_append_str(&regex, ".+");
			at += 3;
		} else if (strncmp(at, "{*}", 3) == 0) {
			base_buf_append_str(&regex, "[^/]+");
			at += 2;
		} else if (*at == '*') {
			base_buf_append_str(&regex, ".*");
		} else {
			base_buf_appendf(&regex, strchr(".+?()[]$^|", *at) == NULL ? "%c" : "\\%c",
			    *at);
		}
	}
	text = base_buf_take_str(&regex);
	k8s_put_str(model, map, "regex", text, path->origin);
	free(text);
	return base_tree_done(map);
}

static const struct base_tree *
method_match(struct k8s_model *model, const struct base_tree *methods)
{
	struct base_tree_build *map = base_tree_map(model->arena, methods->origin);

	k8s_put_str(model, map, methods->count == 1 ? "exact" : "regex",
	    joined(model, methods, "|"), methods->origin);
	return base_tree_done(map);
}

static const struct base_tree *
route_matches(struct k8s_model *model, const struct route *route)
{
	const struct base_tree *methods = base_tree_get(route->spec, "methods");
	const struct base_origin *origin = route->spec == NULL ? route->node->origin
							       : route->spec->origin;
	struct base_tree_build *list;
	size_t count = route->paths == NULL ? 1 : route->paths->count;

	if (methods == NULL && route->paths == NULL && !route->match_port &&
	    route->gateway_port == 0) {
		return NULL;
	}
	list = base_tree_list(model->arena, origin);
	for (size_t i = 0; i < count; i++) {
		struct base_tree_build *map = base_tree_map(model->arena, origin);

		if (methods != NULL) {
			base_tree_put(map, "method", method_match(model, methods));
		}
		if (route->paths != NULL) {
			base_tree_put(map, "uri", uri_match(model, route->paths->items[i]));
		}
		if (route->match_port) {
			k8s_put_int(model, map, "port", route->port->port, origin);
		} else if (route->gateway_port != 0) {
			/* or port 80 would answer beside its redirect, without TLS */
			k8s_put_int(model, map, "port", route->gateway_port, origin);
		}
		base_tree_push(list, base_tree_done(map));
	}
	return base_tree_done(list);
}

const struct base_tree *
k8s_model_retries(struct k8s_model *model, const struct base_tree *retries,
    const struct base_origin *origin)
{
	const struct base_tree *on = base_tree_get(retries, "retryOn");
	const struct base_tree *codes = base_tree_get(retries, "statusCodes");
	const char *words = joined(model, on, ",");
	struct base_tree_build *map =
	    base_tree_map(model->arena, retries == NULL ? origin : retries->origin);

	if (base_tree_int(retries, "attempts", 0) == 0) {
		k8s_put_int(model, map, "attempts", 0, retries == NULL ? origin : retries->origin);
		return base_tree_done(map);
	}
	k8s_put_same(map, "attempts", retries, "attempts");
	k8s_put_same(map, "perTryTimeout", retries, "perTryTimeout");
	k8s_put_same(map, "backoff", retries, "backoff");
	/* Istio takes numbers among the words for the codes of retriable-status-codes
	 * (istio: pilot/pkg/networking/core/route/retry). */
	if (codes != NULL && codes->count > 0) {
		words = base_arena_printf(model->arena, "%s%s%s", words,
		    *words == '\0' ? "" : ",", joined(model, codes, ","));
	}
	k8s_put_str(model, map, "retryOn", *words == '\0' ? NULL : words,
	    on == NULL ? retries->origin : on->origin);
	return base_tree_done(map);
}

/* Resolving has put the service's words where the route has none of its own. */
static const struct base_tree *
route_retries(struct k8s_model *model, const struct route *route)
{
	const struct base_tree *own = base_tree_get(route->spec, "retries");
	const struct base_tree *service = base_tree_get(route->node->spec, "retries");
	const struct base_origin *origin =
	    service == NULL ? route->node->origin : service->origin;
	bool idempotent = base_tree_bool(route->spec, "idempotent", false);
	bool wanted = base_tree_int(own, "attempts", 0) > 0;

	if (wanted && route->node->pci) {
		k8s_model_find(model, LINT_RETRY_PCI, own->origin, "leave retries out",
		    "route %s of %s is of class pci and has retries", route->name,
		    route->node->name);
	} else if (wanted && !idempotent) {
		k8s_model_find(model, LINT_RETRY_UNSAFE, own->origin,
		    "mark the route idempotent: true if it is, or leave retries out",
		    "route %s of %s has retries, but is not idempotent", route->name,
		    route->node->name);
	}
	if (!idempotent || route->node->pci) {
		return k8s_model_retries(model, NULL, own == NULL ? origin : own->origin);
	}
	return k8s_model_retries(model, own == NULL ? service : own, origin);
}

static const struct base_tree *
destination(struct k8s_model *model, const struct route *route, const char *subset)
{
	const struct base_origin *origin = route->node->origin;
	struct base_tree_build *map = base_tree_map(model->arena, origin);
	struct base_tree_build *port = base_tree_map(model->arena, origin);

	k8s_put_str(model, map, "host",
	    k8s_service_host(model, route->node->namespace, route->node->name), origin);
	k8s_put_str(model, map, "subset", subset, origin);
	k8s_put_int(model, port, "number", route->port->port, origin);
	base_tree_put(map, "port", base_tree_done(port));
	return base_tree_done(map);
}

static const struct base_tree *
destinations(struct k8s_model *model, const struct route *route)
{
	static const char *const SUBSETS[] = {"stable", "canary"};
	struct base_tree_build *list = base_tree_list(model->arena, route->node->origin);
	size_t count = k8s_is_canary(route->node) ? 2 : 1;

	for (size_t i = 0; i < count; i++) {
		struct base_tree_build *map = base_tree_map(model->arena, route->node->origin);

		base_tree_put(map, "destination", destination(model, route, SUBSETS[i]));
		k8s_put_int(model, map, "weight", i == 0 ? 100 : 0, route->node->origin);
		base_tree_push(list, base_tree_done(map));
	}
	return base_tree_done(list);
}

static const struct base_tree *
fault_part(struct k8s_model *model, const struct base_tree *part, const char *from,
    const char *to)
{
	struct base_tree_build *map, *percentage;

	if (part == NULL || part->kind != BASE_TREE_MAP) {
		return NULL;
	}
	map = base_tree_map(model->arena, part->origin);
	percentage = base_tree_map(model->arena, part->origin);
	base_tree_put(percentage, "value", k8s_number_of(model, base_tree_get(part, "percent")));
	base_tree_put(map, "percentage", base_tree_done(percentage));
	k8s_put_same(map, to, part, from);
	return base_tree_done(map);
}

static void
put_fault(struct k8s_model *model, struct base_tree_build *map, const struct route *route)
{
	const struct base_tree *faults = base_tree_get(route->node->spec, "faults");

	for (size_t i = 0; model->faults_allowed && faults != NULL && i < faults->count; i++) {
		const struct base_tree *spec = faults->items[i];
		struct base_tree_build *fault;

		if (strcmp(base_tree_str(spec, "route", ""), route->name) != 0) {
			continue;
		}
		fault = base_tree_map(model->arena, spec->origin);
		base_tree_put(fault, "delay",
		    fault_part(model, base_tree_get(spec, "delay"), "duration", "fixedDelay"));
		base_tree_put(fault, "abort",
		    fault_part(model, base_tree_get(spec, "abort"), "status", "httpStatus"));
		base_tree_put(map, "fault", base_tree_done(fault));
		k8s_put_same(map, "faultExpires", spec, "expires");
		return;
	}
}

static const struct base_tree *
route_tree(struct k8s_model *model, const struct route *route)
{
	const struct base_origin *origin = route->spec == NULL ? route->node->origin
							       : route->spec->origin;
	struct base_tree_build *map = base_tree_map(model->arena, origin);

	k8s_put_str(model, map, "name", route->name, origin);
	base_tree_put(map, "match", route_matches(model, route));
	k8s_put_same(map, "methods", route->spec, "methods");
	k8s_put_same(map, "timeout",
	    base_tree_get(route->spec, "timeout") == NULL ? route->node->spec : route->spec,
	    "timeout");
	base_tree_put(map, "retries", route_retries(model, route));
	base_tree_put(map, "destinations", destinations(model, route));
	put_fault(model, map, route);
	k8s_put_flag(model, map, "idempotent", base_tree_bool(route->spec, "idempotent", false),
	    origin);
	return base_tree_done(map);
}

static void
check_faults(struct k8s_model *model, const struct k8s_node *node)
{
	const struct base_tree *faults = base_tree_get(node->spec, "faults");
	const struct base_tree *routes = base_tree_get(node->spec, "routes");

	for (size_t i = 0; faults != NULL && i < faults->count; i++) {
		const char *name = base_tree_str(faults->items[i], "route", "");
		bool found = strcmp(name, "default") == 0;

		for (size_t j = 0; routes != NULL && j < routes->count && !found; j++) {
			found = strcmp(base_tree_str(routes->items[j], "name", ""), name) == 0;
		}
		if (!found) {
			k8s_model_find(model, LINT_FAULT_ROUTE, faults->items[i]->origin,
			    "name one of its routes", "%s has no route named %s", node->name, name);
		}
	}
}

/* Routes of one port; with gateway paths each is narrowed to them. */
static void
routes_of_port(struct k8s_model *model, struct base_tree_build *list, struct route *route,
    const struct base_tree *gateway)
{
	const struct base_tree *specs = base_tree_get(route->node->spec, "routes");
	bool everything = false;

	for (size_t i = 0; !route->match_port && specs != NULL && i < specs->count; i++) {
		bool empty;

		route->spec = specs->items[i];
		route->name = base_tree_str(route->spec, "name", "route");
		route->paths = k8s_paths_common(model->arena, base_tree_get(route->spec, "paths"),
		    gateway, &empty);
		everything = everything || (base_tree_get(route->spec, "methods") == NULL &&
					       base_tree_get(route->spec, "paths") == NULL);
		if (!empty) {
			base_tree_push(list, route_tree(model, route));
		}
	}
	if (!everything) {
		route->spec = NULL;
		route->paths = gateway;
		route->name = route->match_port ? base_arena_printf(model->arena, "default-%s",
						      route->port->declared)
						: "default";
		base_tree_push(list, route_tree(model, route));
	}
}

const struct base_tree *
k8s_model_routes(struct k8s_model *model, const struct k8s_node *node)
{
	struct base_tree_build *list = base_tree_list(model->arena, node->origin);
	const struct k8s_port *first = NULL;

	check_faults(model, node);
	for (size_t i = 0; i < node->port_count; i++) {
		struct route route = {.node = node, .port = &node->ports[i], .match_port = true};

		if (node->ports[i].http && first == NULL) {
			first = &node->ports[i];
		} else if (node->ports[i].http) {
			routes_of_port(model, list, &route, NULL);
		}
	}
	if (first != NULL) {
		struct route route = {.node = node, .port = first};

		routes_of_port(model, list, &route, NULL);
	}
	return base_tree_done(list);
}

const struct base_tree *
k8s_model_tcp_routes(struct k8s_model *model, const struct k8s_node *node)
{
	struct base_tree_build *list = base_tree_list(model->arena, node->origin);

	for (size_t i = 0; i < node->port_count; i++) {
		struct route route = {.node = node, .port = &node->ports[i]};
		struct base_tree_build *map;

		if (node->ports[i].http) {
			continue;
		}
		map = base_tree_map(model->arena, node->ports[i].spec->origin);
		k8s_put_str(model, map, "name", node->ports[i].name, node->origin);
		k8s_put_int(model, map, "port", node->ports[i].port, node->origin);
		base_tree_put(map, "destination", destination(model, &route, "stable"));
		base_tree_push(list, base_tree_done(map));
	}
	return base_tree_done(list);
}

const struct base_tree *
k8s_model_exposed(struct k8s_model *model, const struct k8s_node *node)
{
	struct base_tree_build *list = base_tree_list(model->arena, node->origin);

	for (const struct k8s_edge *edge = node->in_first; edge != NULL; edge = edge->next_in) {
		struct route route = {.node = node, .port = edge->ports[0]};
		struct base_tree_build *map, *gateway, *routes;

		if (edge->why != K8S_WHY_GATEWAY) {
			continue;
		}
		route.gateway_port = k8s_gateway_client_port(edge->from);
		map = base_tree_map(model->arena, edge->origin);
		gateway = base_tree_map(model->arena, edge->from->origin);
		routes = base_tree_list(model->arena, edge->origin);
		k8s_put_str(model, gateway, "name", edge->from->name, edge->from->origin);
		k8s_put_str(model, gateway, "namespace", edge->from->namespace, edge->from->origin);
		k8s_put_str(model, gateway, "ref",
		    base_arena_printf(model->arena, "%s/%s", edge->from->namespace,
			edge->from->name),
		    edge->from->origin);
		base_tree_put(map, "gateway", base_tree_done(gateway));
		base_tree_put(map, "hosts",
		    k8s_list_or_empty(model, edge->from->spec, "hosts", edge->from->origin));
		routes_of_port(model, routes, &route, edge->paths);
		base_tree_put(map, "routes", base_tree_done(routes));
		base_tree_push(list, base_tree_done(map));
	}
	return base_tree_done(list);
}
