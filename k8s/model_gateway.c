/* SPDX-License-Identifier: Apache-2.0 */
/* Gateways: names, certificate, limits, firewall, and what lies behind each. */
#include <inttypes.h>
#include <string.h>

#include "k8s/model_int.h"

bool
k8s_is_ingress(const struct k8s_node *gateway)
{
	return strcmp(base_tree_str(gateway->spec, "direction", "ingress"), "ingress") == 0;
}

/* A client may name the port in Host, and rules compare texts: so each host stands twice. */
const struct base_tree *
k8s_all_hosts(struct k8s_model *model, const struct base_tree *hosts)
{
	struct base_tree_build *list = base_tree_list(model->arena, hosts->origin);

	for (size_t i = 0; i < hosts->count; i++) {
		base_tree_push(list, hosts->items[i]);
		k8s_push_str(model, list,
		    base_arena_printf(model->arena, "%s:*", hosts->items[i]->text),
		    hosts->items[i]->origin);
	}
	return base_tree_done(list);
}

static const struct base_tree *
gateway_certificate(struct k8s_model *model, const struct k8s_node *node,
    const struct base_tree *hosts)
{
	const struct base_tree *spec = base_tree_get(node->spec, "certificate");
	const char *version = base_tree_str(spec, "minVersion", "1.2");
	const char *name = base_arena_printf(model->arena, "%s-tls", node->name);
	struct base_tree_build *map;

	if (spec == NULL || spec->kind != BASE_TREE_MAP) {
		return NULL;
	}
	map = base_tree_map(model->arena, spec->origin);
	k8s_put_str(model, map, "name", name, node->origin);
	k8s_put_str(model, map, "namespace", node->namespace, node->origin);
	k8s_put_str(model, map, "secretName", base_tree_str(spec, "secretName", name), spec->origin);
	k8s_put_same(map, "issuerKind", spec, "issuerKind");
	k8s_put_same(map, "issuer", spec, "issuer");
	k8s_put_same(map, "challenge", spec, "challenge");
	base_tree_put(map, "hosts", hosts);
	k8s_put_str(model, map, "minProtocolVersion",
	    strcmp(version, "1.3") == 0 ? "TLSV1_3" : "TLSV1_2", spec->origin);
	return base_tree_done(map);
}

/* The hosts, each with a namespace whose routes may bind to it. A host alone may be bound from every
 * namespace of the cluster, also by who is in no inventory. */
static const struct base_tree *
bound_hosts(struct k8s_model *model, const struct k8s_node *node, const struct base_tree *hosts)
{
	struct base_tree_build *list = base_tree_list(model->arena, hosts->origin);
	struct k8s_index *seen = k8s_index_new(model->arena);

	for (size_t i = 0; i < hosts->count; i++) {
		k8s_push_str(model, list, base_arena_printf(model->arena, "./%s", hosts->items[i]->text),
		    hosts->items[i]->origin);
	}
	k8s_index_put(seen, node->namespace, list);
	for (const struct k8s_edge *edge = node->out_first; edge != NULL; edge = edge->next_out) {
		const char *namespace = edge->to->namespace;

		if (edge->why != K8S_WHY_GATEWAY || k8s_index_get(seen, namespace) != NULL) {
			continue;
		}
		k8s_index_put(seen, namespace, list);
		for (size_t i = 0; i < hosts->count; i++) {
			k8s_push_str(model, list,
			    base_arena_printf(model->arena, "%s/%s", namespace, hosts->items[i]->text),
			    edge->origin);
		}
	}
	return base_tree_done(list);
}

/* Each pod counts for itself. The share is of the most pods, so that all together never pass the
 * total; with fewer pods it is reached earlier. */
static const struct base_tree *
limits_per_instance(struct k8s_model *model, const struct k8s_node *node,
    const struct base_tree *limits)
{
	static const char *const DIVIDED[] = {"requestsPerSecond", "burst", "perClientPerMinute",
	    "connections"};
	const struct base_tree *most = base_tree_at(node->spec, "scaling.max");
	int64_t pods = base_tree_int(base_tree_get(node->spec, "scaling"), "max", 1);
	struct base_tree_build *map = base_tree_map(model->arena, limits->origin);

	for (size_t i = 0; i < sizeof(DIVIDED) / sizeof(DIVIDED[0]); i++) {
		const struct base_tree *total = base_tree_get(limits, DIVIDED[i]);
		int64_t share = base_tree_int(limits, DIVIDED[i], 0) / pods;

		if (total == NULL || total->kind == BASE_TREE_NULL) {
			continue;
		}
		if (share == 0) {
			k8s_model_find(model, LINT_LIMIT_SMALL, total->origin,
			    "raise the limit, or lower scaling.max",
			    "%s %s of %s/%s cannot be divided among %" PRId64
			    " pods: each would take 1",
			    DIVIDED[i], total->text, node->namespace, node->name, pods);
			share = 1;
		}
		k8s_put_int(model, map, DIVIDED[i], share,
		    k8s_origin_join(model->arena, total->origin,
			most == NULL ? NULL : most->origin));
	}
	return base_tree_done(map);
}

static const struct base_tree *
gateway_limits(struct k8s_model *model, const struct k8s_node *node)
{
	static const char *const SAME[] = {"requestsPerSecond", "burst", "perClientPerMinute",
	    "connections", "bodyBytes"};
	const struct base_tree *spec = base_tree_get(node->spec, "limits");
	struct base_tree_build *map;

	if (spec == NULL || spec->kind != BASE_TREE_MAP || spec->count == 0) {
		return NULL;
	}
	map = base_tree_map(model->arena, spec->origin);
	for (size_t i = 0; i < sizeof(SAME) / sizeof(SAME[0]); i++) {
		k8s_put_same(map, SAME[i], spec, SAME[i]);
	}
	base_tree_put(map, "perInstance", limits_per_instance(model, node, spec));
	return base_tree_done(map);
}

static void
put_firewall(struct k8s_model *model, struct base_tree_build *map, const struct k8s_node *node)
{
	for (const struct k8s_edge *edge = node->out_first; edge != NULL; edge = edge->next_out) {
		if (edge->why == K8S_WHY_FIREWALL) {
			k8s_put_str(model, map, "host",
			    k8s_service_host(model, edge->to->namespace, edge->to->name),
			    edge->origin);
			k8s_put_int(model, map, "port", edge->ports[0]->port, edge->origin);
		}
	}
}

static const struct base_tree *
gateway_waf(struct k8s_model *model, const struct k8s_node *node)
{
	static const char *const SAME[] = {"backend", "mode", "failure", "image", "sha256",
	    "service"};
	const struct base_tree *spec = base_tree_get(node->spec, "waf");
	struct base_tree_build *map;

	if (spec == NULL || spec->kind != BASE_TREE_MAP) {
		return NULL;
	}
	map = base_tree_map(model->arena, spec->origin);
	for (size_t i = 0; i < sizeof(SAME) / sizeof(SAME[0]); i++) {
		k8s_put_same(map, SAME[i], spec, SAME[i]);
	}
	put_firewall(model, map, node);
	k8s_put_str(model, map, "engine",
	    strcmp(base_tree_str(spec, "mode", "detect"), "block") == 0 ? "On" : "DetectionOnly",
	    spec->origin);
	k8s_put_bool(model, map, "failOpen",
	    strcmp(base_tree_str(spec, "failure", "closed"), "open") == 0, spec->origin);
	k8s_put_str(model, map, "failStrategy",
	    strcmp(base_tree_str(spec, "failure", "closed"), "open") == 0 ? "FAIL_OPEN"
									 : "FAIL_CLOSE",
	    spec->origin);
	return base_tree_done(map);
}

static const struct base_tree *
gateway_routes(struct k8s_model *model, const struct k8s_node *node)
{
	struct base_tree_build *list = base_tree_list(model->arena, node->origin);

	for (const struct k8s_edge *edge = node->out_first; edge != NULL; edge = edge->next_out) {
		struct base_tree_build *map;

		if (edge->why != K8S_WHY_GATEWAY) {
			continue;
		}
		map = base_tree_map(model->arena, edge->origin);
		k8s_put_str(model, map, "service", edge->to->name, edge->origin);
		k8s_put_str(model, map, "namespace", edge->to->namespace, edge->origin);
		k8s_put_str(model, map, "destination",
		    k8s_service_host(model, edge->to->namespace, edge->to->name), edge->origin);
		k8s_put_int(model, map, "port", edge->ports[0]->port, edge->origin);
		k8s_put_int(model, map, "workloadPort", edge->ports[0]->workload, edge->origin);
		base_tree_put(map, "paths", edge->paths);
		base_tree_push(list, base_tree_done(map));
	}
	return base_tree_done(list);
}

/* What leaves here, and whose requests those are; each caller once. */
static void
put_leaving(struct k8s_model *model, struct base_tree_build *map, const struct k8s_node *node)
{
	struct base_tree_build *externals = base_tree_list(model->arena, node->origin);
	struct base_tree_build *callers = base_tree_list(model->arena, node->origin);
	struct k8s_index *seen = k8s_index_new(model->arena);

	for (const struct k8s_edge *out = node->out_first; out != NULL; out = out->next_out) {
		if (out->why != K8S_WHY_EGRESS) {
			continue;
		}
		k8s_push_str(model, externals, out->to->name, out->origin);
		for (const struct k8s_edge *in = out->to->in_first; in != NULL; in = in->next_in) {
			if (in->why == K8S_WHY_DECLARED &&
			    k8s_index_get(seen, in->from->principal) == NULL) {
				k8s_index_put(seen, in->from->principal, callers);
				base_tree_push(callers, k8s_caller(model, in->from, in->origin));
			}
		}
	}
	base_tree_put(map, "externals", base_tree_done(externals));
	base_tree_put(map, "callers", base_tree_done(callers));
}

static void
put_place(struct k8s_model *model, struct base_tree_build *map, const struct k8s_node *node)
{
	k8s_put_str(model, map, "name", node->name, node->origin);
	k8s_put_str(model, map, "namespace", node->namespace, node->origin);
	k8s_put_str(model, map, "host", k8s_service_host(model, node->namespace, node->name),
	    node->origin);
	k8s_put_flag(model, map, "ingress", k8s_is_ingress(node), node->origin);
	k8s_put_flag(model, map, "egress", !k8s_is_ingress(node), node->origin);
	k8s_put_identity(model, map, node);
	k8s_put_same(map, "selector", node->spec, "selector");
	k8s_put_same(map, "owner", node->spec, "owner");
	k8s_put_same(map, "onCall", node->spec, "onCall");
	k8s_put_applies(model, map, node);
}

static void
check_addresses(struct k8s_model *model, const struct k8s_node *node)
{
	static const char *const LISTS[] = {"clientRanges.allow", "clientRanges.deny",
	    "clientRanges.admin.allow", "waf.imageRanges"};

	for (size_t i = 0; i < sizeof(LISTS) / sizeof(LISTS[0]); i++) {
		k8s_model_check_ranges(model, base_tree_at(node->spec, LISTS[i]),
		    base_arena_printf(model->arena, "%s of %s/%s", LISTS[i], node->namespace,
			node->name));
	}
}

static const struct base_tree *
gateway_tree(struct k8s_model *model, const struct k8s_node *node)
{
	const struct base_tree *hosts =
	    k8s_list_or_empty(model, node->spec, "hosts", node->origin);
	struct base_tree_build *map = base_tree_map(model->arena, node->origin);

	put_place(model, map, node);
	base_tree_put(map, "hosts", hosts);
	base_tree_put(map, "allHosts", k8s_all_hosts(model, hosts));
	base_tree_put(map, "boundHosts", bound_hosts(model, node, hosts));
	base_tree_put(map, "certificate", gateway_certificate(model, node, hosts));
	k8s_put_same(map, "trustedProxies", node->spec, "trustedProxies");
	k8s_gateway_check_paths(model, node);
	check_addresses(model, node);
	base_tree_put(map, "routes", gateway_routes(model, node));
	base_tree_put(map, "allow", k8s_gateway_allow(model, node));
	base_tree_put(map, "ipRules", k8s_gateway_ip_rules(model, node));
	base_tree_put(map, "limits", gateway_limits(model, node));
	base_tree_put(map, "waf", gateway_waf(model, node));
	k8s_put_same(map, "resources", node->spec, "resources");
	k8s_put_same(map, "scaling", node->spec, "scaling");
	base_tree_put(map, "network", k8s_model_network(model, node));
	put_leaving(model, map, node);
	return base_tree_done(map);
}

const struct base_tree *
k8s_model_gateways(struct k8s_model *model)
{
	const struct k8s_nodes *nodes = &model->graph->nodes[K8S_NODE_GATEWAY];
	struct base_tree_build *list = base_tree_list(model->arena, model->mesh->origin);

	for (size_t i = 0; i < nodes->count; i++) {
		base_tree_push(list, gateway_tree(model, &nodes->at[i]));
	}
	return base_tree_done(list);
}
