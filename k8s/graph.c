/* SPDX-License-Identifier: Apache-2.0 */
#include "k8s/graph.h"

#include <string.h>

#include "k8s/model_int.h"

const char *
k8s_node_word(enum k8s_node_kind kind)
{
	static const char *const WORDS[K8S_NODE_KIND_COUNT] = {"", "service", "data", "gateway",
	    "external", "monitoring", "backup", "operator"};

	return WORDS[kind];
}

const char *
k8s_why_word(enum k8s_why why)
{
	static const char *const WORDS[] = {"", "declared", "gateway", "monitoring", "backup",
	    "replication", "operator", "egress", "firewall"};

	return WORDS[why];
}

static const char *
name_key(struct k8s_model *model, enum k8s_node_kind kind, const char *namespace,
    const char *name)
{
	return base_arena_printf(model->arena, "%d/%s/%s", (int)kind, namespace, name);
}

/* Under the empty namespace stands the only node of that name; of several, the graph itself. */
static void
index_node(struct k8s_model *model, struct k8s_node *node)
{
	struct k8s_graph *graph = model->graph;
	const char *anywhere = name_key(model, node->kind, "", node->name);
	bool taken = k8s_index_get(graph->names, anywhere) != NULL;

	k8s_index_put(graph->names, name_key(model, node->kind, node->namespace, node->name), node);
	k8s_index_put(graph->names, anywhere, taken ? (void *)graph : (void *)node);
}

struct k8s_node *
k8s_graph_find(struct k8s_model *model, enum k8s_node_kind kind, const char *namespace,
    const char *own, const char *name, bool *ambiguous)
{
	const struct k8s_index *names = model->graph->names;
	const char *slash = strchr(name, '/');
	void *found;

	*ambiguous = false;
	if (slash != NULL) {
		namespace = base_arena_strndup(model->arena, name, (size_t)(slash - name));
		name = slash + 1;
	}
	if (namespace != NULL) {
		/* the empty one is index_node's own, and may stand for the graph */
		return namespace[0] == '\0'
		    ? NULL
		    : k8s_index_get(names, name_key(model, kind, namespace, name));
	}
	found = k8s_index_get(names, name_key(model, kind, own, name));
	if (found == NULL) {
		found = k8s_index_get(names, name_key(model, kind, "", name));
	}
	*ambiguous = found == model->graph;
	return *ambiguous ? NULL : found;
}

struct k8s_edge *
k8s_graph_add(struct k8s_model *model, const struct k8s_edge *edge)
{
	struct k8s_graph *graph = model->graph;
	struct k8s_edge *own = base_arena_calloc(model->arena, 1, sizeof(*own));

	*own = *edge;
	*(graph->last == NULL ? &graph->first : &graph->last->next) = own;
	graph->last = own;
	*(own->to->in_last == NULL ? &own->to->in_first : &own->to->in_last->next_in) = own;
	own->to->in_last = own;
	own->to->in_count++;
	*(own->from->out_last == NULL ? &own->from->out_first : &own->from->out_last->next_out) =
	    own;
	own->from->out_last = own;
	own->from->out_count++;
	graph->edge_count++;
	return own;
}

static bool
speaks_http(const char *protocol)
{
	static const char *const HTTP[] = {"http", "http2", "grpc", "grpc-web"};

	for (size_t i = 0; i < sizeof(HTTP) / sizeof(HTTP[0]); i++) {
		if (strcmp(protocol, HTTP[i]) == 0) {
			return true;
		}
	}
	return false;
}

/* Istio takes the protocol from the name's first part when appProtocol is not there
 * (istio: pkg/config/kube/conversion.go); both say the same here. */
static const char *
port_name(struct k8s_model *model, const char *protocol, const char *declared)
{
	size_t len = strlen(protocol);

	if (strncmp(declared, protocol, len) == 0 &&
	    (declared[len] == '\0' || declared[len] == '-')) {
		return declared;
	}
	return base_arena_printf(model->arena, "%s-%s", protocol, declared);
}

static void
port_read(struct k8s_model *model, const struct k8s_node *node, const struct base_tree *spec,
    struct k8s_port *out)
{
	const char *fallback = node->kind == K8S_NODE_DATA ? "tcp" : "http";

	out->spec = spec;
	out->declared = base_tree_str(spec, "name", "port");
	out->protocol = base_tree_str(spec, "protocol", fallback);
	out->name = port_name(model, out->protocol, out->declared);
	out->port = base_tree_int(spec, "port", 0);
	out->workload = base_tree_int(spec, "targetPort", out->port);
	out->http = speaks_http(out->protocol);
	out->grpc = strncmp(out->protocol, "grpc", 4) == 0;
	out->peer = base_tree_bool(spec, "peer", false);
	out->monitoring = base_tree_bool(spec, "monitoring", false);
	out->host = base_tree_str(spec, "host", node->name);
	out->role = base_tree_str(spec, "role", NULL);
}

/* What the gateway listens on, and what an external service does: one port each. */
static void
port_single(struct k8s_model *model, struct k8s_node *node)
{
	const char *protocol = base_tree_str(node->spec, "protocol", "https");
	struct k8s_port *port = base_arena_calloc(model->arena, 1, sizeof(*port));

	port->declared = "https";
	port->protocol = protocol;
	port->name = port_name(model, protocol, "https");
	port->port = base_tree_int(node->spec, "port", 443);
	port->workload = port->port;
	port->host = node->name;
	port->spec = base_tree_get(node->spec, "port");
	node->ports = port;
	node->port_count = 1;
}

static void
ports_read(struct k8s_model *model, struct k8s_node *node)
{
	const struct base_tree *ports = base_tree_get(node->spec, "ports");

	if (node->kind == K8S_NODE_GATEWAY || node->kind == K8S_NODE_EXTERNAL) {
		port_single(model, node);
		return;
	}
	if (ports == NULL || ports->kind != BASE_TREE_LIST) {
		return;
	}
	node->ports = base_arena_calloc(model->arena, ports->count, sizeof(*node->ports));
	node->port_count = ports->count;
	for (size_t i = 0; i < ports->count; i++) {
		port_read(model, node, ports->items[i], &node->ports[i]);
	}
}

static void
node_init(struct k8s_model *model, struct k8s_node *node, enum k8s_node_kind kind,
    const struct base_tree *spec)
{
	bool has_account = kind == K8S_NODE_SERVICE || kind == K8S_NODE_DATA ||
			   kind == K8S_NODE_GATEWAY;

	node->kind = kind;
	node->spec = spec;
	node->origin = spec->origin;
	node->name = base_tree_str(spec, "name", "");
	node->namespace = base_tree_str(spec, "namespace", "default");
	node->pci = strcmp(base_tree_str(spec, "class", "standard"), "pci") == 0;
	node->number = model->graph->node_count++;
	if (has_account) {
		node->account = base_tree_str(spec, "serviceAccount", node->name);
		node->principal = k8s_principal(model, node->namespace, node->account);
	}
	ports_read(model, node);
}

static void
nodes_read(struct k8s_model *model, enum k8s_node_kind kind, const char *key)
{
	const struct base_tree *list = base_tree_get(model->resolved, key);
	struct k8s_nodes *nodes = &model->graph->nodes[kind];

	if (list == NULL || list->kind != BASE_TREE_LIST) {
		return;
	}
	nodes->count = list->count;
	nodes->at = base_arena_calloc(model->arena, list->count, sizeof(*nodes->at));
	for (size_t i = 0; i < list->count; i++) {
		node_init(model, &nodes->at[i], kind, list->items[i]);
		index_node(model, &nodes->at[i]);
	}
}

/* Callers that are no documents: the monitoring of the mesh, and accounts of data services. */
static void
node_account(struct k8s_model *model, struct k8s_node *node, enum k8s_node_kind kind,
    const char *name, const struct base_tree *spec)
{
	node->kind = kind;
	node->spec = spec;
	node->origin = spec->origin;
	node->name = name;
	node->account = base_tree_str(spec, "serviceAccount", NULL);
	node->principal = k8s_principal(model, node->namespace, node->account);
	node->number = model->graph->node_count++;
}

static void
nodes_of_data(struct k8s_model *model, enum k8s_node_kind kind, const char *key)
{
	const struct k8s_nodes *data = &model->graph->nodes[K8S_NODE_DATA];
	struct k8s_nodes *nodes = &model->graph->nodes[kind];

	nodes->at = base_arena_calloc(model->arena, data->count, sizeof(*nodes->at));
	for (size_t i = 0; i < data->count; i++) {
		const struct base_tree *spec = base_tree_get(data->at[i].spec, key);
		struct k8s_node *node = &nodes->at[nodes->count];

		if (base_tree_str(spec, "serviceAccount", NULL) == NULL) {
			continue;
		}
		node->namespace = base_tree_str(spec, "namespace", data->at[i].namespace);
		node_account(model, node, kind, data->at[i].name, spec);
		node->of = &data->at[i];
		nodes->count++;
	}
}

static void
node_monitoring(struct k8s_model *model)
{
	const struct base_tree *spec = base_tree_get(model->mesh, "monitoring");
	struct k8s_nodes *nodes = &model->graph->nodes[K8S_NODE_MONITORING];

	if (base_tree_str(spec, "serviceAccount", NULL) == NULL) {
		return;
	}
	nodes->at = base_arena_calloc(model->arena, 1, sizeof(*nodes->at));
	nodes->count = 1;
	nodes->at[0].namespace = base_tree_str(spec, "namespace", "monitoring");
	node_account(model, &nodes->at[0], K8S_NODE_MONITORING, "monitoring", spec);
}

struct k8s_graph *
k8s_graph_new(struct k8s_model *model)
{
	struct k8s_graph *graph = base_arena_calloc(model->arena, 1, sizeof(*graph));

	model->graph = graph;
	graph->names = k8s_index_new(model->arena);
	nodes_read(model, K8S_NODE_SERVICE, "services");
	nodes_read(model, K8S_NODE_DATA, "dataServices");
	nodes_read(model, K8S_NODE_GATEWAY, "gateways");
	nodes_read(model, K8S_NODE_EXTERNAL, "externalServices");
	node_monitoring(model);
	nodes_of_data(model, K8S_NODE_BACKUP, "backup");
	nodes_of_data(model, K8S_NODE_OPERATOR, "operator");
	k8s_graph_declare(model);
	k8s_graph_derive(model);
	k8s_graph_check_circles(model);
	k8s_graph_check_selectors(model);
	return graph;
}
