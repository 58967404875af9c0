/* SPDX-License-Identifier: Apache-2.0 */
/* Edges that two sides declare: `calls` at the caller, `accepts` at the callee. */
#include <string.h>

#include "k8s/graph.h"
#include "k8s/model_int.h"

/* What a callee says about one caller. */
struct accept {
	struct k8s_node *callee;
	struct k8s_node *caller;
	const struct base_tree *spec; /* a MAP, or the caller's name alone */
	bool met;                     /* a call of this caller was held against it */
	struct accept *same;          /* next of the same pair */
	struct accept *next;
};

struct declare {
	struct k8s_model *model;
	struct k8s_index *pairs; /* struct accept by "callee>caller" */
	struct accept *first, *last;
};

/* One call held against one accept. */
struct pair {
	struct k8s_node *caller;
	struct k8s_node *callee;
	const struct base_tree *call;
	const struct base_tree *accept;
};

static const char *
pair_key(struct k8s_model *model, const struct k8s_node *callee, const struct k8s_node *caller)
{
	return base_arena_printf(model->arena, "%zu>%zu", callee->number, caller->number);
}

static struct k8s_node *
find(struct k8s_model *model, enum k8s_node_kind kind, const struct base_tree *spec,
    const char *name, const char *own)
{
	const char *namespace = base_tree_str(spec, "namespace", NULL);
	bool ambiguous;
	struct k8s_node *node = k8s_graph_find(model, kind, namespace, own, name, &ambiguous);

	if (ambiguous) {
		k8s_model_find(model, LINT_NAME_AMBIGUOUS, spec->origin,
		    "say the namespace", "several namespaces have a %s named %s",
		    k8s_node_word(kind), name);
	} else if (node == NULL) {
		k8s_model_find(model, LINT_NAME_UNKNOWN, spec->origin,
		    "correct the name, or add the document", "no %s is named %s",
		    k8s_node_word(kind), name);
	}
	return node;
}

static void
accept_read(struct declare *declare, struct k8s_node *callee, const struct base_tree *spec)
{
	const char *name = base_tree_is_scalar(spec) ? spec->text
						     : base_tree_str(spec, "from", NULL);
	struct accept *accept, *before;
	const char *key;
	struct k8s_node *caller;

	if (name == NULL) {
		return;
	}
	caller = find(declare->model, K8S_NODE_SERVICE, spec, name, callee->namespace);
	if (caller == NULL) {
		return;
	}
	accept = base_arena_calloc(declare->model->arena, 1, sizeof(*accept));
	accept->callee = callee;
	accept->caller = caller;
	accept->spec = spec;
	key = pair_key(declare->model, callee, caller);
	before = k8s_index_get(declare->pairs, key);
	accept->same = before;
	k8s_index_put(declare->pairs, key, accept);
	*(declare->last == NULL ? &declare->first : &declare->last->next) = accept;
	declare->last = accept;
}

static void
accepts_read(struct declare *declare, enum k8s_node_kind kind, const char *key)
{
	const struct k8s_nodes *nodes = &declare->model->graph->nodes[kind];

	for (size_t i = 0; i < nodes->count; i++) {
		const struct base_tree *list = base_tree_get(nodes->at[i].spec, key);

		for (size_t j = 0; list != NULL && j < list->count; j++) {
			accept_read(declare, &nodes->at[i], list->items[j]);
		}
	}
}

/* Does this side name the port? A side that names none means all that are not special. */
static bool
side_has_port(const struct base_tree *side, const struct k8s_port *port, bool *named)
{
	const char *one = base_tree_str(side, "port", NULL);
	const struct base_tree *list = base_tree_get(side, "ports");

	if (one == NULL && list == NULL) {
		return true;
	}
	if ((one != NULL && strcmp(one, port->declared) == 0) ||
	    k8s_list_has(list, port->declared)) {
		*named = true;
		return true;
	}
	return false;
}

static size_t
ports_common(struct k8s_model *model, const struct pair *pair, bool http,
    const struct k8s_port ***out)
{
	const struct k8s_node *callee = pair->callee;
	size_t count = 0;

	*out = base_arena_calloc(model->arena, callee->port_count, sizeof(**out));
	for (size_t i = 0; i < callee->port_count; i++) {
		const struct k8s_port *port = &callee->ports[i];
		bool named = false;

		if (port->http == http && side_has_port(pair->call, port, &named) &&
		    side_has_port(pair->accept, port, &named) &&
		    (named || (!port->peer && !port->monitoring))) {
			(*out)[count++] = port;
		}
	}
	return count;
}

static void
port_name_check(struct k8s_model *model, const struct k8s_node *callee, const char *name,
    const struct base_tree *at)
{
	for (size_t i = 0; i < callee->port_count; i++) {
		if (strcmp(callee->ports[i].declared, name) == 0) {
			return;
		}
	}
	k8s_model_find(model, LINT_PORT_UNKNOWN, at->origin,
	    "name one of its ports", "%s/%s has no port named %s", callee->namespace, callee->name,
	    name);
}

static void
port_names_check(struct k8s_model *model, const struct k8s_node *callee,
    const struct base_tree *side)
{
	const struct base_tree *one = base_tree_get(side, "port");
	const struct base_tree *list = base_tree_get(side, "ports");

	if (callee->kind == K8S_NODE_EXTERNAL) {
		return;
	}
	if (one != NULL && base_tree_is_scalar(one)) {
		port_name_check(model, callee, one->text, one);
	}
	for (size_t i = 0; list != NULL && i < list->count; i++) {
		port_name_check(model, callee, list->items[i]->text, list->items[i]);
	}
}

/* A side that says methods or paths, and no port, means ports that have them; the others are not
 * open beside them. */
static bool
speaks_of_http(const struct base_tree *side)
{
	return base_tree_get(side, "port") == NULL && base_tree_get(side, "ports") == NULL &&
	       (base_tree_get(side, "methods") != NULL || base_tree_get(side, "paths") != NULL);
}

/* TCP ports know no methods and paths: either side saying some is a mistake. */
static bool
edge_tcp(struct k8s_model *model, const struct pair *pair, struct k8s_edge *edge)
{
	const struct base_tree *const sides[] = {pair->call, pair->accept};
	bool only_tcp = true;

	for (size_t i = 0; i < pair->callee->port_count; i++) {
		only_tcp = only_tcp && !pair->callee->ports[i].http;
	}
	for (size_t i = 0; i < 2 && only_tcp && pair->callee->kind != K8S_NODE_EXTERNAL; i++) {
		const struct base_tree *field = base_tree_get(sides[i], "methods");

		field = field != NULL ? field : base_tree_get(sides[i], "paths");
		if (field != NULL) {
			k8s_model_find(model, LINT_TCP_HTTP_FIELDS, field->origin,
			    "leave methods and paths out",
			    "%s/%s has no port that speaks HTTP, so no method or path can be told",
			    pair->callee->namespace, pair->callee->name);
		}
	}
	edge->http = false;
	edge->port_count = ports_common(model, pair, false, &edge->ports);
	if (edge->port_count == 0 ||
	    (!only_tcp && (speaks_of_http(pair->call) || speaks_of_http(pair->accept)))) {
		return false;
	}
	k8s_graph_add(model, edge);
	return true;
}

static void
narrowed(struct k8s_model *model, const struct pair *pair, const struct base_tree *common,
    const char *key)
{
	const struct base_tree *asked = base_tree_get(pair->call, key);

	if (asked == NULL || common == NULL) {
		return;
	}
	for (size_t i = 0; i < asked->count; i++) {
		if (!k8s_list_has(common, asked->items[i]->text)) {
			k8s_model_find(model, LINT_EDGE_NARROWED, asked->items[i]->origin,
			    "accept it there, or do not ask",
			    "%s asks %s/%s for %s, which is not accepted", pair->caller->name,
			    pair->callee->namespace, pair->callee->name, asked->items[i]->text);
		}
	}
}

static bool
edge_http(struct k8s_model *model, const struct pair *pair, struct k8s_edge *edge)
{
	bool no_method, no_path;

	edge->http = true;
	edge->port_count = ports_common(model, pair, true, &edge->ports);
	if (edge->port_count == 0) {
		return false;
	}
	edge->methods = k8s_methods_common(model->arena, base_tree_get(pair->call, "methods"),
	    base_tree_get(pair->accept, "methods"), &no_method);
	edge->paths = k8s_paths_common(model->arena, base_tree_get(pair->call, "paths"),
	    base_tree_get(pair->accept, "paths"), &no_path);
	if (no_method || no_path) {
		return false;
	}
	k8s_graph_add(model, edge);
	edge->methods = edge->paths = NULL;
	return true;
}

static bool
pair_meet(struct k8s_model *model, const struct pair *pair)
{
	struct k8s_edge edge = {
	    .from = pair->caller,
	    .to = pair->callee,
	    .why = K8S_WHY_DECLARED,
	    .call = pair->call,
	    .origin = k8s_origin_join(model->arena, pair->call->origin, pair->accept->origin),
	};
	bool http = edge_http(model, pair, &edge);
	bool tcp = edge_tcp(model, pair, &edge);

	return http || tcp;
}

static void
one_sided(struct k8s_model *model, const struct k8s_node *caller, const struct k8s_node *callee,
    enum k8s_lint lint, const struct base_origin *at)
{
	bool pci = caller->pci || callee->pci;

	k8s_model_find(model, pci ? LINT_EDGE_PCI : lint, at,
	    lint == LINT_CALL_ALONE ? "add the caller to the callee's accepts, or drop the call"
				    : "add the call, or drop the caller from accepts",
	    lint == LINT_CALL_ALONE ? "%s/%s calls %s/%s, which does not accept it"
				    : "%s/%s is accepted by %s/%s, but does not call it",
	    caller->namespace, caller->name, callee->namespace, callee->name);
}

static void
call_meet(struct declare *declare, struct k8s_node *caller, struct k8s_node *callee,
    const struct base_tree *call)
{
	struct k8s_model *model = declare->model;
	struct accept *first = k8s_index_get(declare->pairs, pair_key(model, callee, caller));
	bool met = false;

	port_names_check(model, callee, call);
	if (first == NULL) {
		one_sided(model, caller, callee, LINT_CALL_ALONE, call->origin);
		return;
	}
	for (struct accept *accept = first; accept != NULL; accept = accept->same) {
		struct pair pair = {caller, callee, call, accept->spec};

		met = pair_meet(model, &pair) || met;
		accept->met = true;
		if (accept->same == NULL && accept == first) {
			narrowed(model, &pair, base_tree_get(accept->spec, "methods"), "methods");
		}
	}
	if (!met) {
		k8s_model_find(model, caller->pci || callee->pci ? LINT_EDGE_PCI : LINT_EDGE_EMPTY,
		    k8s_origin_join(model->arena, call->origin, first->spec->origin),
		    "let both sides name the same ports, methods and paths",
		    "what %s/%s calls and what %s/%s accepts have nothing in common",
		    caller->namespace, caller->name, callee->namespace, callee->name);
	}
}

static void
calls_read(struct declare *declare, struct k8s_node *caller)
{
	static const struct {
		const char *key;
		enum k8s_node_kind kind;
	} TARGETS[] = {
	    {"service", K8S_NODE_SERVICE},
	    {"data", K8S_NODE_DATA},
	    {"external", K8S_NODE_EXTERNAL},
	};
	const struct base_tree *calls = base_tree_get(caller->spec, "calls");

	for (size_t i = 0; calls != NULL && i < calls->count; i++) {
		for (size_t j = 0; j < sizeof(TARGETS) / sizeof(TARGETS[0]); j++) {
			const struct base_tree *call = calls->items[i];
			const char *name = base_tree_str(call, TARGETS[j].key, NULL);
			struct k8s_node *callee;

			if (name == NULL) {
				continue;
			}
			callee = find(declare->model, TARGETS[j].kind, call, name,
			    caller->namespace);
			if (callee != NULL) {
				call_meet(declare, caller, callee, call);
			}
		}
	}
}

void
k8s_graph_declare(struct k8s_model *model)
{
	struct declare declare = {.model = model, .pairs = k8s_index_new(model->arena)};
	const struct k8s_nodes *callers = &model->graph->nodes[K8S_NODE_SERVICE];

	accepts_read(&declare, K8S_NODE_SERVICE, "accepts");
	accepts_read(&declare, K8S_NODE_DATA, "accepts");
	accepts_read(&declare, K8S_NODE_EXTERNAL, "callers");
	for (size_t i = 0; i < callers->count; i++) {
		calls_read(&declare, &callers->at[i]);
	}
	for (struct accept *accept = declare.first; accept != NULL; accept = accept->next) {
		if (base_tree_get(accept->spec, "ports") != NULL) {
			port_names_check(model, accept->callee, accept->spec);
		}
		if (!accept->met) {
			one_sided(model, accept->caller, accept->callee, LINT_ACCEPT_ALONE,
			    accept->spec->origin);
		}
	}
}
