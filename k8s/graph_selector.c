/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Selectors: rules, Sidecars and network policies hold for the pods that they choose, so pods that
 * two documents choose get what both are allowed. Gateways are chosen in all namespaces at once.
 */
#include "k8s/graph.h"
#include "k8s/model_int.h"

#include <string.h>

/* One selector; those of a place whose first label is the same are a chain. */
struct chosen {
	const struct k8s_node *node;
	const struct base_tree *labels;
	struct chosen *same;
};

struct selectors {
	struct k8s_model *model;
	struct k8s_index *first; /* struct chosen by place and first label */
};

static const struct base_tree *
labels_of(const struct k8s_node *node)
{
	return node->kind == K8S_NODE_GATEWAY ? base_tree_get(node->spec, "selector")
					      : base_tree_at(node->spec, "workload.selector");
}

static const char *
label_key(struct selectors *selectors, const char *place, const struct base_tree_entry *label)
{
	return base_arena_printf(selectors->model->arena, "%s/%s=%s", place, label->key,
	    label->value->text);
}

/* Does every pod with these labels have those, too? */
static bool
holds(const struct base_tree *labels, const struct base_tree *those)
{
	for (size_t i = 0; i < those->count; i++) {
		const struct base_tree *own = base_tree_get(labels, those->entries[i].key);

		if (own == NULL || strcmp(own->text, those->entries[i].value->text) != 0) {
			return false;
		}
	}
	return true;
}

static void
selector_add(struct selectors *selectors, const char *place, const struct k8s_node *node)
{
	struct chosen *chosen = base_arena_calloc(selectors->model->arena, 1, sizeof(*chosen));
	const char *key;

	chosen->node = node;
	chosen->labels = labels_of(node);
	key = label_key(selectors, place, &chosen->labels->entries[0]);
	chosen->same = k8s_index_get(selectors->first, key);
	k8s_index_put(selectors->first, key, chosen);
}

/* Selectors that choose this one's pods, too; of two that are equal the later says so. */
static void
selector_check(struct selectors *selectors, const char *place, const struct k8s_node *node)
{
	const struct base_tree *labels = labels_of(node);

	for (size_t i = 0; i < labels->count; i++) {
		const struct chosen *other =
		    k8s_index_get(selectors->first, label_key(selectors, place, &labels->entries[i]));

		for (; other != NULL; other = other->same) {
			bool equal = other->labels->count == labels->count;
			bool gateways = node->kind == K8S_NODE_GATEWAY && node->kind == other->node->kind;

			if (other->node == node || (equal && other->node->number > node->number) ||
			    gateways != (*place == '\0') || !holds(labels, other->labels)) {
				continue;
			}
			k8s_model_find(selectors->model, LINT_SELECTOR_SHARED,
			    k8s_origin_join(selectors->model->arena, labels->origin,
				other->labels->origin),
			    "give the pods of each a label that no other's have",
			    "the selector of %s/%s chooses the pods of %s/%s, too: whoever may call one "
			    "may call both", other->node->namespace, other->node->name,
			    node->namespace, node->name);
		}
	}
}

typedef void selector_fn(struct selectors *selectors, const char *place,
    const struct k8s_node *node);

static void
each_selector(struct selectors *selectors, selector_fn *fn)
{
	static const enum k8s_node_kind KINDS[] = {K8S_NODE_SERVICE, K8S_NODE_DATA,
	    K8S_NODE_GATEWAY};

	for (size_t k = 0; k < sizeof(KINDS) / sizeof(KINDS[0]); k++) {
		const struct k8s_nodes *nodes = &selectors->model->graph->nodes[KINDS[k]];

		for (size_t i = 0; i < nodes->count; i++) {
			const struct base_tree *labels = labels_of(&nodes->at[i]);

			if (labels == NULL || labels->kind != BASE_TREE_MAP || labels->count == 0) {
				continue;
			}
			fn(selectors, nodes->at[i].namespace, &nodes->at[i]);
		}
	}
}

/* Istio looks for the pods of a Gateway in every namespace. */
static void
each_gateway(struct selectors *selectors, selector_fn *fn)
{
	const struct k8s_nodes *nodes = &selectors->model->graph->nodes[K8S_NODE_GATEWAY];

	for (size_t i = 0; i < nodes->count; i++) {
		const struct base_tree *labels = labels_of(&nodes->at[i]);

		if (labels != NULL && labels->kind == BASE_TREE_MAP && labels->count > 0) {
			fn(selectors, "", &nodes->at[i]);
		}
	}
}

static void
check_empty(struct k8s_model *model, enum k8s_node_kind kind)
{
	const struct k8s_nodes *nodes = &model->graph->nodes[kind];

	for (size_t i = 0; i < nodes->count; i++) {
		const struct base_tree *labels = labels_of(&nodes->at[i]);

		if (labels != NULL && labels->count == 0) {
			k8s_model_find(model, LINT_SELECTOR_SHARED, labels->origin,
			    "write a label that only its pods have",
			    "the selector of %s/%s is empty: it chooses all pods of the namespace",
			    nodes->at[i].namespace, nodes->at[i].name);
		}
	}
}

void
k8s_graph_check_selectors(struct k8s_model *model)
{
	struct selectors in_namespace = {model, k8s_index_new(model->arena)};
	struct selectors anywhere = {model, k8s_index_new(model->arena)};

	check_empty(model, K8S_NODE_SERVICE);
	check_empty(model, K8S_NODE_DATA);
	check_empty(model, K8S_NODE_GATEWAY);
	each_selector(&in_namespace, selector_add);
	each_selector(&in_namespace, selector_check);
	each_gateway(&anywhere, selector_add);
	each_gateway(&anywhere, selector_check);
}
