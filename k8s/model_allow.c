/* SPDX-License-Identifier: Apache-2.0 */
/* Who may enter: one rule for each edge into a workload, as AuthorizationPolicy wants it. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "k8s/model_int.h"

struct allow {
	const char *name;
	const struct k8s_edge *edge;
	size_t order;
};

static int
by_name(const void *a, const void *b)
{
	const struct allow *x = a;
	const struct allow *y = b;
	int order = strcmp(x->name, y->name);

	return order != 0 ? order : (x->order > y->order) - (x->order < y->order);
}

static const char *
allow_name(struct k8s_model *model, const struct k8s_node *node, const struct k8s_edge *edge)
{
	const struct k8s_node *from = edge->from;

	if (from == node) {
		return "from-self";
	}
	if (from->kind == K8S_NODE_BACKUP || from->kind == K8S_NODE_OPERATOR ||
	    from->kind == K8S_NODE_MONITORING) {
		return base_arena_printf(model->arena, "from-%s", k8s_node_word(from->kind));
	}
	if (strcmp(from->namespace, node->namespace) == 0) {
		return base_arena_printf(model->arena, "from-%s", from->name);
	}
	return base_arena_printf(model->arena, "from-%s-%s", from->namespace, from->name);
}

static const struct base_tree *
ports_text(struct k8s_model *model, const struct k8s_edge *edge)
{
	struct base_tree_build *list = base_tree_list(model->arena, edge->origin);

	/* Names may share a workload port; the rule names it once. */
	for (size_t i = 0; i < edge->port_count; i++) {
		if (!k8s_edge_has_port_before(edge, i)) {
			k8s_push_str(model, list,
			    base_arena_printf(model->arena, "%" PRId64, edge->ports[i]->workload),
			    edge->ports[i]->spec == NULL ? edge->origin
							 : edge->ports[i]->spec->origin);
		}
	}
	return base_tree_done(list);
}

static const struct base_tree *
from_tree(struct k8s_model *model, const struct k8s_node *node, const struct k8s_edge *edge)
{
	struct base_tree_build *map = base_tree_map(model->arena, edge->origin);

	k8s_put_str(model, map, "kind",
	    edge->from == node ? "self" : k8s_node_word(edge->from->kind), edge->origin);
	k8s_put_str(model, map, "name", edge->from->name, edge->origin);
	k8s_put_str(model, map, "namespace", edge->from->namespace, edge->origin);
	return base_tree_done(map);
}

static const struct base_tree *
claims_when(struct k8s_model *model, const struct base_tree *rule)
{
	const struct base_tree *claims = base_tree_get(rule, "claims");
	struct base_tree_build *list = base_tree_list(model->arena, rule->origin);

	for (size_t i = 0; claims != NULL && claims->kind == BASE_TREE_MAP && i < claims->count;
	     i++) {
		struct base_tree_build *map =
		    base_tree_map(model->arena, claims->entries[i].value->origin);

		k8s_put_str(model, map, "key",
		    base_arena_printf(model->arena, "request.auth.claims[%s]",
			claims->entries[i].key),
		    claims->entries[i].value->origin);
		base_tree_put(map, "values", claims->entries[i].value);
		base_tree_push(list, base_tree_done(map));
	}
	return base_tree_done(list);
}

/* A token rule narrowed to what the edge allows; NULL when they have nothing in common. */
static const struct base_tree *
token_rule(struct k8s_model *model, const struct k8s_edge *edge, const struct base_tree *rule,
    const struct base_tree *issuer)
{
	bool no_method, no_path;
	const struct base_tree *methods = k8s_methods_common(model->arena,
	    base_tree_get(rule, "methods"), edge->methods, &no_method);
	const struct base_tree *paths = k8s_paths_common(model->arena,
	    base_tree_get(rule, "paths"), edge->paths, &no_path);
	struct base_tree_build *map, *principals;

	if (no_method || no_path) {
		if (edge->why == K8S_WHY_GATEWAY) {
			k8s_model_find(model, LINT_TOKEN_PATH, rule->origin,
			    "add the path to gatewayPaths, or drop the rule",
			    "no gateway path of %s/%s leads to what this token rule names",
			    edge->to->namespace, edge->to->name);
		}
		return NULL;
	}
	map = base_tree_map(model->arena, k8s_origin_join(model->arena, rule->origin, edge->origin));
	base_tree_put(map, "methods", methods);
	base_tree_put(map, "paths", paths);
	principals = base_tree_list(model->arena, issuer->origin);
	/* A request principal is ISSUER/SUBJECT, also when the issuer ends with a slash. */
	k8s_push_str(model, principals, base_arena_printf(model->arena, "%s/*", issuer->text),
	    issuer->origin);
	base_tree_put(map, "requestPrincipals", base_tree_done(principals));
	base_tree_put(map, "when", claims_when(model, rule));
	return base_tree_done(map);
}

static const struct base_tree *
allow_jwt(struct k8s_model *model, const struct k8s_edge *edge)
{
	const struct base_tree *jwt = base_tree_get(edge->to->spec, "jwt");
	const struct base_tree *from = base_tree_get(jwt, "from");
	const struct base_tree *rules = base_tree_get(jwt, "rules");
	const struct base_tree *provider, *issuer;
	struct base_tree_build *map, *list;
	bool wanted = edge->why == K8S_WHY_GATEWAY ? from == NULL || k8s_list_has(from, "gateway")
						   : k8s_list_has(from, "services");

	provider = k8s_model_provider(model, jwt);
	issuer = base_tree_get(provider, "issuer");
	if (!wanted || rules == NULL || issuer == NULL || !edge->http ||
	    (edge->why != K8S_WHY_GATEWAY && edge->why != K8S_WHY_DECLARED)) {
		return NULL;
	}
	map = base_tree_map(model->arena, jwt->origin);
	list = base_tree_list(model->arena, rules->origin);
	base_tree_put(map, "issuer", issuer);
	for (size_t i = 0; i < rules->count; i++) {
		base_tree_push(list, token_rule(model, edge, rules->items[i], issuer));
	}
	base_tree_put(map, "rules", base_tree_done(list));
	return base_tree_done(map);
}

/* The next that is free: an object is named after it, and a caller may be called like another's second rule. */
static const char *
unique_name(struct k8s_model *model, struct k8s_index *names, const char *wanted)
{
	const char *name = wanted;

	for (size_t i = 2; k8s_index_get(names, name) != NULL; i++) {
		name = base_arena_printf(model->arena, "%s-%zu", wanted, i);
	}
	k8s_index_put(names, name, names);
	return name;
}

static const struct base_tree *
allow_tree(struct k8s_model *model, const struct k8s_node *node, const struct k8s_edge *edge,
    const char *name)
{
	struct base_tree_build *map = base_tree_map(model->arena, edge->origin);
	struct base_tree_build *principals = base_tree_list(model->arena, edge->origin);

	k8s_put_str(model, map, "name", name, edge->origin);
	base_tree_put(map, "from", from_tree(model, node, edge));
	k8s_push_str(model, principals, edge->from->principal, edge->from->origin);
	base_tree_put(map, "principals", base_tree_done(principals));
	base_tree_put(map, "ports", ports_text(model, edge));
	base_tree_put(map, "methods", edge->methods);
	base_tree_put(map, "paths", edge->paths);
	k8s_put_flag(model, map, "http", edge->http, edge->origin);
	k8s_put_flag(model, map, "tcp", !edge->http, edge->origin);
	base_tree_put(map, "jwt", allow_jwt(model, edge));
	return base_tree_done(map);
}

/* The agent's own port is not behind the proxy: a rule for it would be read by nobody. */
static bool
is_behind_proxy(const struct k8s_edge *edge)
{
	return edge->ports[0]->workload != K8S_AGENT_METRICS_PORT;
}

const struct base_tree *
k8s_model_allow(struct k8s_model *model, const struct k8s_node *node)
{
	struct allow *allows = base_arena_calloc(model->arena, node->in_count, sizeof(*allows));
	struct base_tree_build *list = base_tree_list(model->arena, node->origin);
	struct k8s_index *names = k8s_index_new(model->arena);
	size_t count = 0;

	for (const struct k8s_edge *edge = node->in_first; edge != NULL; edge = edge->next_in) {
		if (is_behind_proxy(edge)) {
			allows[count].name = allow_name(model, node, edge);
			allows[count].order = count;
			allows[count++].edge = edge;
		}
	}
	qsort(allows, count, sizeof(*allows), by_name);
	for (size_t i = 0; i < count; i++) {
		base_tree_push(list, allow_tree(model, node, allows[i].edge,
		    unique_name(model, names, allows[i].name)));
	}
	return base_tree_done(list);
}
