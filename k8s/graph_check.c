/* SPDX-License-Identifier: Apache-2.0 */
/* Circles of synchronous calls. */
#include <stdlib.h>

#include "base/buf.h"
#include "k8s/graph.h"
#include "k8s/model_int.h"

#define CIRCLE_TEXT 2048 /* names of a circle in a finding; longer ones are cut */

static bool
waits(const struct k8s_edge *edge)
{
	return edge->why == K8S_WHY_DECLARED && edge->to->kind == K8S_NODE_SERVICE &&
	       !base_tree_bool(edge->call, "asynchronous", false);
}

/* Takes away, again and again, what nobody waits for or what waits for nobody; what is left
 * lies on a circle or between two. Each node and edge is looked at once per direction. */
struct peel {
	size_t *in;
	size_t *out;
	bool *gone;
	struct k8s_node **stack;
	size_t depth;
};

static void
peel_node(struct peel *peel, struct k8s_node *node)
{
	if (!peel->gone[node->number] &&
	    (peel->in[node->number] == 0 || peel->out[node->number] == 0)) {
		peel->gone[node->number] = true;
		peel->stack[peel->depth++] = node;
	}
}

static void
peel_all(struct peel *peel)
{
	while (peel->depth > 0) {
		struct k8s_node *node = peel->stack[--peel->depth];

		for (struct k8s_edge *edge = node->out_first; edge != NULL; edge = edge->next_out) {
			if (waits(edge)) {
				peel->in[edge->to->number]--;
				peel_node(peel, edge->to);
			}
		}
		for (struct k8s_edge *edge = node->in_first; edge != NULL; edge = edge->next_in) {
			if (waits(edge)) {
				peel->out[edge->from->number]--;
				peel_node(peel, edge->from);
			}
		}
	}
}

/* First of the node's callees that is left. */
static struct k8s_edge *
onward(const struct peel *peel, const struct k8s_node *node)
{
	for (struct k8s_edge *edge = node->out_first; edge != NULL; edge = edge->next_out) {
		if (waits(edge) && !peel->gone[edge->to->number]) {
			return edge;
		}
	}
	return NULL;
}

static void
report(struct k8s_model *model, const struct peel *peel, struct k8s_node *start)
{
	const struct base_origin *at = NULL;
	struct k8s_node *node = start;
	struct base_buf text;
	char *names;

	base_buf_init(&text, CIRCLE_TEXT);
	base_buf_append_str(&text, start->name);
	do {
		const struct k8s_edge *edge = onward(peel, node);

		at = at == NULL ? edge->origin : k8s_origin_join(model->arena, at, edge->origin);
		node = edge->to;
		base_buf_appendf(&text, " -> %s", node->name);
	} while (node != start);
	names = base_buf_take_str(&text);
	k8s_model_find(model, LINT_CALL_CIRCLE, at,
	    "break the circle, or mark a call asynchronous: true if nobody waits for it",
	    "services wait for each other: %s", names == NULL ? "a long circle" : names);
	free(names);
}

/* Follows the way from every node that is left until it meets itself: one circle each. */
static void
walk(struct k8s_model *model, const struct peel *peel, const struct k8s_nodes *services)
{
	size_t *walk_of = base_arena_calloc(model->arena, model->graph->node_count, sizeof(size_t));

	for (size_t i = 0; i < services->count; i++) {
		struct k8s_node *node = &services->at[i];
		const struct k8s_edge *edge;

		if (peel->gone[node->number]) {
			continue;
		}
		while (walk_of[node->number] == 0) {
			walk_of[node->number] = i + 1;
			edge = onward(peel, node);
			if (edge == NULL) {
				break;
			}
			node = edge->to;
		}
		if (walk_of[node->number] == i + 1 && onward(peel, node) != NULL) {
			report(model, peel, node);
		}
	}
}

void
k8s_graph_check_circles(struct k8s_model *model)
{
	const struct k8s_nodes *services = &model->graph->nodes[K8S_NODE_SERVICE];
	size_t count = model->graph->node_count;
	struct peel peel = {
	    .in = base_arena_calloc(model->arena, count, sizeof(size_t)),
	    .out = base_arena_calloc(model->arena, count, sizeof(size_t)),
	    .gone = base_arena_calloc(model->arena, count, sizeof(bool)),
	    .stack = base_arena_calloc(model->arena, count, sizeof(struct k8s_node *)),
	};

	for (struct k8s_edge *edge = model->graph->first; edge != NULL; edge = edge->next) {
		if (waits(edge)) {
			peel.in[edge->to->number]++;
			peel.out[edge->from->number]++;
		}
	}
	for (size_t i = 0; i < services->count; i++) {
		peel_node(&peel, &services->at[i]);
	}
	peel_all(&peel);
	walk(model, &peel, services);
}
