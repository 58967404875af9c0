/* SPDX-License-Identifier: Apache-2.0 */
/*
 * For class pci: which objects of the tree meet which requirement of PCI DSS 4.0.1. Names are
 * those that the built-in templates give; tests hold them against the rendered tree.
 */
#include <string.h>

#include "k8s/model_int.h"

struct row {
	struct k8s_model *model;
	const struct k8s_node *node;
	struct base_tree_build *objects;
	size_t count;
};

static struct row
row_begin(struct k8s_model *model, const struct k8s_node *node)
{
	return (struct row){model, node, base_tree_list(model->arena, node->origin), 0};
}

static void
row_object(struct row *row, const char *kind, const char *namespace, const char *name)
{
	struct base_tree_build *map = base_tree_map(row->model->arena, row->node->origin);

	k8s_put_str(row->model, map, "kind", kind, row->node->origin);
	k8s_put_str(row->model, map, "namespace", namespace, row->node->origin);
	k8s_put_str(row->model, map, "name", name, row->node->origin);
	base_tree_push(row->objects, base_tree_done(map));
	row->count++;
}

/* A requirement that nothing meets has no row: an auditor must see that it is missing. */
static void
row_end(struct row *row, struct base_tree_build *list, const char *requirement, const char *what)
{
	struct base_tree_build *map;

	if (row->count == 0) {
		return;
	}
	map = base_tree_map(row->model->arena, row->node->origin);
	k8s_put_str(row->model, map, "requirement", requirement, row->node->origin);
	k8s_put_str(row->model, map, "service", row->node->name, row->node->origin);
	k8s_put_str(row->model, map, "namespace", row->node->namespace, row->node->origin);
	k8s_put_str(row->model, map, "what", what, row->node->origin);
	base_tree_put(map, "objects", base_tree_done(row->objects));
	base_tree_push(list, base_tree_done(map));
}

static bool
has_network_policy(const struct k8s_model *model)
{
	return base_tree_bool(base_tree_get(model->environment, "policies"), "networkPolicy", true);
}

static void
inbound(struct k8s_model *model, const struct k8s_node *node, struct base_tree_build *list)
{
	struct row row = row_begin(model, node);

	if (has_network_policy(model)) {
		row_object(&row, "NetworkPolicy", node->namespace, node->name);
	}
	row_end(&row, list, "1.3.1", "Inbound traffic is limited to what is needed");
}

static void
outbound(struct k8s_model *model, const struct k8s_node *node, struct base_tree_build *list)
{
	struct row row = row_begin(model, node);

	if (has_network_policy(model)) {
		row_object(&row, "NetworkPolicy", node->namespace, node->name);
	}
	row_object(&row, "Sidecar", node->namespace, node->name);
	for (const struct k8s_edge *out = node->out_first; out != NULL; out = out->next_out) {
		const struct k8s_node *gateway =
		    out->to->kind == K8S_NODE_EXTERNAL ? k8s_external_gateway(model, out->to)
						       : NULL;

		if (gateway != NULL) {
			row_object(&row, "AuthorizationPolicy", gateway->namespace,
			    base_arena_printf(model->arena, "%s-to-%s-%s", gateway->name,
				out->to->namespace, out->to->name));
		}
	}
	row_end(&row, list, "1.3.2",
	    "Outbound traffic is limited to what is needed, and leaves through a gateway");
}

static void
transmission(struct k8s_model *model, const struct k8s_node *node, struct base_tree_build *list)
{
	struct row row = row_begin(model, node);

	if (strcmp(k8s_model_space(model, node->namespace)->mtls, "STRICT") == 0) {
		row_object(&row, "PeerAuthentication", node->namespace, "default");
	}
	row_end(&row, list, "4.2.1", "Card data moves under mutual TLS only");
}

static void
access_rules(struct k8s_model *model, const struct k8s_node *node, struct base_tree_build *list)
{
	const struct base_tree *allows = k8s_model_allow(model, node);
	struct row row = row_begin(model, node);

	row_object(&row, "AuthorizationPolicy", node->namespace, "deny-all");
	for (size_t i = 0; i < allows->count; i++) {
		row_object(&row, "AuthorizationPolicy", node->namespace,
		    base_arena_printf(model->arena, "%s-%s", node->name,
			base_tree_str(allows->items[i], "name", "")));
	}
	row_object(&row, "ServiceAccount", node->namespace, node->account);
	row_end(&row, list, "7.2.5", "Accounts of applications have the least access they need");
}

static void
people(struct k8s_model *model, const struct k8s_node *node, struct base_tree_build *list)
{
	struct row row = row_begin(model, node);

	if (k8s_model_provider(model, base_tree_get(node->spec, "jwt")) != NULL) {
		row_object(&row, "RequestAuthentication", node->namespace, node->name);
	}
	row_end(&row, list, "8.3.1", "People prove who they are");
}

/* The profile stable refuses the filter that sees denials. */
static void
logging(struct k8s_model *model, const struct k8s_node *node, struct base_tree_build *list)
{
	const struct base_tree *istio = base_tree_get(model->environment, "istio");
	struct row row = row_begin(model, node);

	if (strcmp(base_tree_str(istio, "profile", "default"), "stable") != 0) {
		row_object(&row, "Telemetry", node->namespace, "denials");
	}
	row_end(&row, list, "10.2.1.4", "Refused access is in the log");
}

/* Where rules only watch, nothing limits anybody: there is no evidence that it does. */
static void
service_rows(struct k8s_model *model, const struct k8s_node *node, struct base_tree_build *list)
{
	bool limits = !k8s_observes(k8s_model_space(model, node->namespace));

	if (limits) {
		inbound(model, node, list);
		outbound(model, node, list);
	}
	transmission(model, node, list);
	if (limits) {
		access_rules(model, node, list);
	}
	people(model, node, list);
	logging(model, node, list);
}

const struct base_tree *
k8s_model_evidence(struct k8s_model *model)
{
	static const enum k8s_node_kind KINDS[] = {K8S_NODE_SERVICE, K8S_NODE_DATA};
	struct base_tree_build *list = base_tree_list(model->arena, model->mesh->origin);

	for (size_t i = 0; i < sizeof(KINDS) / sizeof(KINDS[0]); i++) {
		const struct k8s_nodes *nodes = &model->graph->nodes[KINDS[i]];

		for (size_t j = 0; j < nodes->count; j++) {
			const struct k8s_node *node = &nodes->at[j];

			if (node->pci) {
				service_rows(model, node, list);
			}
		}
	}
	return base_tree_done(list);
}
