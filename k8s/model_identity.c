/* SPDX-License-Identifier: Apache-2.0 */
/* Who exists: every account that the authority will be asked for; and the graph as a list. */
#include <stdlib.h>
#include <string.h>

#include "base/applied.h"
#include "k8s/model_int.h"

#define SECOND_MS 1000
#define MINUTE_MS (60 * SECOND_MS)

static int
by_account(const void *a, const void *b)
{
	const struct k8s_node *const *x = a;
	const struct k8s_node *const *y = b;
	int order = strcmp((*x)->namespace, (*y)->namespace);

	order = order != 0 ? order : strcmp((*x)->account, (*y)->account);
	return order != 0 ? order : ((*x)->number > (*y)->number) - ((*x)->number < (*y)->number);
}

/* What the authority would refuse, said where it is written. */
static void
check_registration(struct k8s_model *model, const struct k8s_node *node)
{
	const struct base_tree *ttl = base_tree_at(node->spec, "identity.maxTtl");
	const struct base_tree *names = base_tree_at(node->spec, "identity.dnsNames");
	int64_t ms = ttl == NULL ? 0 : k8s_duration_ms(ttl->text);

	if (ttl != NULL && (ms < MINUTE_MS || ms % SECOND_MS != 0 ||
	    ms / SECOND_MS > BASE_APPLIED_TTL_MAX)) {
		k8s_model_find(model, LINT_REGISTRATION, ttl->origin, "write a lifetime such as 12h",
		    "%s/%s is registered for certificates of %s", node->namespace, node->name,
		    ttl->text);
	}
	if (names != NULL && names->count > LIMIT_DNS_NAMES) {
		k8s_model_find(model, LINT_REGISTRATION, names->origin,
		    "split it, or leave names out that no certificate needs",
		    "%s/%s is registered for %u DNS names", node->namespace, node->name,
		    names->count);
	}
}

static const struct base_tree *
identity(struct k8s_model *model, const struct k8s_node *node)
{
	const struct base_tree *spec = base_tree_get(node->spec, "identity");
	struct base_tree_build *map = base_tree_map(model->arena, node->origin);

	check_registration(model, node);
	k8s_put_str(model, map, "namespace", node->namespace, node->origin);
	k8s_put_identity(model, map, node);
	k8s_put_same(map, "owner", node->of == NULL ? node->spec : node->of->spec, "owner");
	k8s_put_str(model, map, "state", base_tree_str(spec, "state", "active"), node->origin);
	k8s_put_str(model, map, "kind", k8s_node_word(node->kind), node->origin);
	k8s_put_str(model, map, "name", node->name, node->origin);
	k8s_put_flag(model, map, "external",
	    node->kind == K8S_NODE_OPERATOR || node->kind == K8S_NODE_MONITORING, node->origin);
	k8s_put_same(map, "maxTtl", spec, "maxTtl");
	k8s_put_same(map, "keyTypes", spec, "keyTypes");
	k8s_put_same(map, "dnsNames", spec, "dnsNames");
	return base_tree_done(map);
}

/* One operator may serve several data services: the same account, told once. */
static bool
may_share(const struct k8s_node *a, const struct k8s_node *b)
{
	return a->kind == b->kind && a->kind != K8S_NODE_SERVICE && a->kind != K8S_NODE_DATA &&
	       a->kind != K8S_NODE_GATEWAY;
}

const struct base_tree *
k8s_model_identities(struct k8s_model *model)
{
	struct base_tree_build *list = base_tree_list(model->arena, model->mesh->origin);
	const struct k8s_node **all =
	    base_arena_calloc(model->arena, model->graph->node_count, sizeof(const void *));
	size_t count = 0;

	for (int kind = K8S_NODE_SERVICE; kind < K8S_NODE_KIND_COUNT; kind++) {
		const struct k8s_nodes *nodes = &model->graph->nodes[kind];

		for (size_t i = 0; i < nodes->count; i++) {
			if (nodes->at[i].account != NULL) {
				all[count++] = &nodes->at[i];
			}
		}
	}
	qsort(all, count, sizeof(const void *), by_account);
	for (size_t i = 0; i < count; i++) {
		if (strcmp(all[i]->account, "default") == 0) {
			k8s_model_find(model, LINT_ACCOUNT_DEFAULT, all[i]->origin,
			    "give it an account of its own", "%s/%s uses the account default",
			    all[i]->namespace, all[i]->name);
		}
		if (i == 0 || strcmp(all[i]->principal, all[i - 1]->principal) != 0) {
			base_tree_push(list, identity(model, all[i]));
		} else if (!may_share(all[i], all[i - 1])) {
			k8s_model_find(model, LINT_ACCOUNT_SHARED,
			    k8s_origin_join(model->arena, all[i]->origin, all[i - 1]->origin),
			    "give each an account of its own", "%s and %s share the account %s/%s",
			    all[i]->name, all[i - 1]->name, all[i]->namespace, all[i]->account);
		}
	}
	return base_tree_done(list);
}

static const struct base_tree *
end_of(struct k8s_model *model, const struct k8s_edge *edge, const struct k8s_node *node,
    bool principal)
{
	struct base_tree_build *map = base_tree_map(model->arena, edge->origin);

	k8s_put_str(model, map, "kind", k8s_node_word(node->kind), edge->origin);
	k8s_put_str(model, map, "namespace", node->namespace, edge->origin);
	k8s_put_str(model, map, "name", node->name, edge->origin);
	k8s_put_str(model, map, "principal", principal ? node->principal : NULL, edge->origin);
	return base_tree_done(map);
}

static const struct base_tree *
edge_ports(struct k8s_model *model, const struct k8s_edge *edge)
{
	struct base_tree_build *list = base_tree_list(model->arena, edge->origin);

	for (size_t i = 0; i < edge->port_count; i++) {
		const struct k8s_port *port = edge->ports[i];
		struct base_tree_build *map = base_tree_map(model->arena, edge->origin);

		k8s_put_str(model, map, "name", port->name, edge->origin);
		k8s_put_int(model, map, "port", port->port, edge->origin);
		k8s_put_int(model, map, "workloadPort", port->workload, edge->origin);
		k8s_put_str(model, map, "protocol", port->protocol, edge->origin);
		base_tree_push(list, base_tree_done(map));
	}
	return base_tree_done(list);
}

const struct base_tree *
k8s_model_edges(struct k8s_model *model)
{
	struct base_tree_build *list = base_tree_list(model->arena, model->mesh->origin);

	for (const struct k8s_edge *edge = model->graph->first; edge != NULL; edge = edge->next) {
		struct base_tree_build *map = base_tree_map(model->arena, edge->origin);

		base_tree_put(map, "from", end_of(model, edge, edge->from, true));
		base_tree_put(map, "to", end_of(model, edge, edge->to, false));
		base_tree_put(map, "ports", edge_ports(model, edge));
		base_tree_put(map, "methods", edge->methods);
		base_tree_put(map, "paths", edge->paths);
		k8s_put_str(model, map, "why", k8s_why_word(edge->why), edge->origin);
		base_tree_push(list, base_tree_done(map));
	}
	return base_tree_done(list);
}
