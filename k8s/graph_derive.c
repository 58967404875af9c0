/* SPDX-License-Identifier: Apache-2.0 */
/* Edges that nobody declares because they follow from what a thing is. */
#include <string.h>

#include "k8s/graph.h"
#include "k8s/model_int.h"

/* The agent's own port is in no inventory: it comes with the sidecar. */
static const struct k8s_port AGENT_METRICS = {
    .name = "http-agent-metrics",
    .declared = "agent-metrics",
    .protocol = "http",
    .port = K8S_AGENT_METRICS_PORT,
    .workload = K8S_AGENT_METRICS_PORT,
    .http = true,
};

typedef bool port_fn(const struct k8s_port *port, const char *name);

static bool
is_peer(const struct k8s_port *port, const char *name)
{
	(void)name;
	return port->peer;
}

static bool
is_monitoring(const struct k8s_port *port, const char *name)
{
	(void)name;
	return port->monitoring;
}

static bool
is_not_monitoring(const struct k8s_port *port, const char *name)
{
	(void)name;
	return !port->monitoring;
}

static bool
is_named(const struct k8s_port *port, const char *name)
{
	return name == NULL ? !port->peer && !port->monitoring : strcmp(port->declared, name) == 0;
}

/* Adds an edge to those ports of a node that fn picks; one for HTTP ports and one for others. */
static bool
edge_to(struct k8s_model *model, const struct k8s_edge *template, port_fn *fn, const char *name)
{
	const struct k8s_node *to = template->to;
	bool any = false;

	for (int http = 0; http < 2; http++) {
		struct k8s_edge edge = *template;

		edge.http = http == 1;
		edge.ports = base_arena_calloc(model->arena, to->port_count, sizeof(*edge.ports));
		for (size_t i = 0; i < to->port_count; i++) {
			if (to->ports[i].http == edge.http && fn(&to->ports[i], name)) {
				edge.ports[edge.port_count++] = &to->ports[i];
			}
		}
		if (edge.port_count > 0) {
			k8s_graph_add(model, &edge);
			any = true;
		}
	}
	return any;
}

static void
derive_monitoring(struct k8s_model *model, struct k8s_node *to)
{
	const struct k8s_nodes *monitoring = &model->graph->nodes[K8S_NODE_MONITORING];
	struct k8s_edge edge = {.to = to, .why = K8S_WHY_MONITORING, .http = true};

	if (monitoring->count == 0) {
		return;
	}
	edge.from = &monitoring->at[0];
	edge.origin = k8s_origin_join(model->arena, edge.from->origin, to->origin);
	edge.ports = base_arena_calloc(model->arena, 1, sizeof(*edge.ports));
	edge.ports[0] = &AGENT_METRICS;
	edge.port_count = 1;
	k8s_graph_add(model, &edge);
	edge.port_count = 0;
	edge_to(model, &edge, is_monitoring, NULL);
}

static void
derive_accounts(struct k8s_model *model, enum k8s_node_kind kind, enum k8s_why why)
{
	const struct k8s_nodes *nodes = &model->graph->nodes[kind];

	for (size_t i = 0; i < nodes->count; i++) {
		struct k8s_node *from = &nodes->at[i];
		const char *port = base_tree_str(from->spec, "port", NULL);
		struct k8s_edge edge = {
		    .from = from,
		    .to = from->of,
		    .why = why,
		    .origin = from->origin,
		};

		if (!edge_to(model, &edge, kind == K8S_NODE_OPERATOR ? is_not_monitoring : is_named,
			port)) {
			k8s_model_find(model, LINT_PORT_UNKNOWN, from->origin,
			    "name one of its ports", "%s/%s has no port named %s",
			    from->of->namespace, from->of->name, port == NULL ? "" : port);
		}
	}
}

static bool
is_direction(const struct k8s_node *gateway, const char *direction)
{
	return strcmp(base_tree_str(gateway->spec, "direction", "ingress"), direction) == 0;
}

static struct k8s_node *
only_ingress(const struct k8s_graph *graph)
{
	const struct k8s_nodes *gateways = &graph->nodes[K8S_NODE_GATEWAY];
	struct k8s_node *only = NULL;

	for (size_t i = 0; i < gateways->count; i++) {
		if (is_direction(&gateways->at[i], "ingress")) {
			if (only != NULL) {
				return NULL;
			}
			only = &gateways->at[i];
		}
	}
	return only;
}

static void
derive_gateway(struct k8s_model *model, struct k8s_node *to, struct k8s_node *only)
{
	const struct base_tree *paths = base_tree_get(to->spec, "gatewayPaths");
	const char *name = base_tree_str(to->spec, "gateway", NULL);
	struct k8s_edge edge = {.to = to, .why = K8S_WHY_GATEWAY, .http = true, .paths = paths};
	bool ambiguous;

	if (paths == NULL || paths->kind != BASE_TREE_LIST || paths->count == 0) {
		return;
	}
	edge.from = name == NULL ? only
				 : k8s_graph_find(model, K8S_NODE_GATEWAY, NULL, to->namespace, name,
				       &ambiguous);
	if (edge.from == NULL || !is_direction(edge.from, "ingress")) {
		k8s_model_find(model, LINT_GATEWAY_CHOICE, paths->origin,
		    "name one ingress gateway in `gateway`",
		    "%s/%s has gatewayPaths, but it is not clear at which ingress gateway",
		    to->namespace, to->name);
		return;
	}
	edge.origin = k8s_origin_join(model->arena, paths->origin, edge.from->origin);
	edge.ports = base_arena_calloc(model->arena, 1, sizeof(*edge.ports));
	for (size_t i = 0; i < to->port_count && edge.port_count == 0; i++) {
		if (to->ports[i].http) {
			edge.ports[edge.port_count++] = &to->ports[i];
		}
	}
	if (edge.port_count == 0) {
		k8s_model_find(model, LINT_TCP_HTTP_FIELDS, paths->origin,
		    "declare an HTTP port", "%s/%s has gatewayPaths but no port that speaks HTTP",
		    to->namespace, to->name);
		return;
	}
	k8s_graph_add(model, &edge);
}

/* The service that judges a gateway's requests is asked by the gateway itself. */
static void
derive_firewall(struct k8s_model *model, struct k8s_node *gateway)
{
	const struct base_tree *waf = base_tree_get(gateway->spec, "waf");
	struct k8s_edge edge = {.from = gateway, .why = K8S_WHY_FIREWALL, .http = true};

	if (strcmp(base_tree_str(waf, "backend", ""), "ext-authz") != 0) {
		return;
	}
	edge.to = k8s_gateway_firewall(model, gateway);
	for (size_t i = 0; edge.to != NULL && i < edge.to->port_count; i++) {
		if (edge.to->ports[i].http && edge.port_count == 0) {
			edge.ports = base_arena_calloc(model->arena, 1, sizeof(*edge.ports));
			edge.ports[edge.port_count++] = &edge.to->ports[i];
		}
	}
	if (edge.port_count == 0) {
		k8s_model_find(model, LINT_FIREWALL_CHOICE, waf->origin,
		    "name a Service with a port that speaks HTTP in `service`",
		    "no service with a port that speaks HTTP judges requests of %s/%s",
		    gateway->namespace, gateway->name);
		return;
	}
	edge.origin = k8s_origin_join(model->arena, waf->origin, edge.to->origin);
	k8s_graph_add(model, &edge);
}

struct k8s_node *
k8s_gateway_firewall(struct k8s_model *model, const struct k8s_node *gateway)
{
	const char *name = base_tree_str(base_tree_get(gateway->spec, "waf"), "service", NULL);
	bool ambiguous;

	return name == NULL ? NULL
			    : k8s_graph_find(model, K8S_NODE_SERVICE, NULL, gateway->namespace, name,
				  &ambiguous);
}

struct k8s_node *
k8s_external_gateway(struct k8s_model *model, const struct k8s_node *external)
{
	const char *name = base_tree_str(external->spec, "gateway", NULL);
	bool ambiguous;
	struct k8s_node *gateway;

	if (name == NULL) {
		return NULL;
	}
	gateway = k8s_graph_find(model, K8S_NODE_GATEWAY, NULL, external->namespace, name,
	    &ambiguous);
	return gateway != NULL && is_direction(gateway, "egress") ? gateway : NULL;
}

/* A caller of class pci has its egress gateway to itself. */
static void
check_pci_gateway(struct k8s_model *model, const struct k8s_node *external,
    const struct k8s_node **users, const struct k8s_node *gateway)
{
	for (const struct k8s_edge *in = external->in_first; in != NULL; in = in->next_in) {
		const struct k8s_node *before = users[gateway->number];

		users[gateway->number] = in->from;
		if (before != NULL && before != in->from && (before->pci || in->from->pci)) {
			k8s_model_find(model, LINT_EGRESS_PCI,
			    k8s_origin_join(model->arena, in->origin, gateway->origin),
			    "give the service of class pci a gateway of its own",
			    "%s and %s leave through the same egress gateway %s", before->name,
			    in->from->name, gateway->name);
		}
	}
}

static void
check_own_gateway(struct k8s_model *model, const struct k8s_node *external,
    const struct k8s_node *gateway)
{
	for (const struct k8s_edge *in = external->in_first; in != NULL; in = in->next_in) {
		const struct base_tree *own = base_tree_get(in->from->spec, "egressGateway");

		if (own != NULL && base_tree_is_scalar(own) &&
		    strcmp(own->text, gateway->name) != 0) {
			k8s_model_find(model, LINT_EGRESS_PCI,
			    k8s_origin_join(model->arena, own->origin, external->origin),
			    "let both name the same gateway",
			    "%s leaves through the egress gateway %s, but %s is reached through %s",
			    in->from->name, own->text, external->name, gateway->name);
		}
	}
}

static void
derive_egress(struct k8s_model *model)
{
	const struct k8s_nodes *externals = &model->graph->nodes[K8S_NODE_EXTERNAL];
	const struct k8s_node **users =
	    base_arena_calloc(model->arena, model->graph->node_count, sizeof(const struct k8s_node *));

	for (size_t i = 0; i < externals->count; i++) {
		struct k8s_node *external = &externals->at[i];
		struct k8s_node *gateway = k8s_external_gateway(model, external);
		const struct base_tree *name = base_tree_get(external->spec, "gateway");
		struct k8s_edge edge = {.from = gateway, .to = external, .why = K8S_WHY_EGRESS};

		if (gateway == NULL) {
			if (name != NULL) {
				k8s_model_find(model, LINT_NAME_UNKNOWN, name->origin,
				    "name an egress gateway", "no egress gateway is named %s",
				    base_tree_str(external->spec, "gateway", ""));
			}
			continue;
		}
		check_own_gateway(model, external, gateway);
		check_pci_gateway(model, external, users, gateway);
		edge.origin = k8s_origin_join(model->arena, external->origin, gateway->origin);
		edge_to(model, &edge, is_named, NULL);
	}
}

void
k8s_graph_derive(struct k8s_model *model)
{
	struct k8s_graph *graph = model->graph;
	const struct k8s_nodes *services = &graph->nodes[K8S_NODE_SERVICE];
	const struct k8s_nodes *data = &graph->nodes[K8S_NODE_DATA];
	const struct k8s_nodes *gateways = &graph->nodes[K8S_NODE_GATEWAY];
	struct k8s_node *only = only_ingress(graph);

	for (size_t i = 0; i < services->count; i++) {
		derive_gateway(model, &services->at[i], only);
		derive_monitoring(model, &services->at[i]);
	}
	for (size_t i = 0; i < data->count; i++) {
		struct k8s_edge self = {
		    .from = &data->at[i],
		    .to = &data->at[i],
		    .why = K8S_WHY_REPLICATION,
		    .origin = data->at[i].origin,
		};

		edge_to(model, &self, is_peer, NULL);
		derive_monitoring(model, &data->at[i]);
	}
	for (size_t i = 0; i < gateways->count; i++) {
		derive_monitoring(model, &gateways->at[i]);
		derive_firewall(model, &gateways->at[i]);
	}
	derive_accounts(model, K8S_NODE_BACKUP, K8S_WHY_BACKUP);
	derive_accounts(model, K8S_NODE_OPERATOR, K8S_WHY_OPERATOR);
	derive_egress(model);
}
