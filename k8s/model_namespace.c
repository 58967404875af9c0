/* SPDX-License-Identifier: Apache-2.0 */
/* The namespaces of an environment: those of the mesh, of documents, of Istio and monitoring. */
#include <stdlib.h>
#include <string.h>

#include "k8s/model_int.h"

static const struct base_tree *
entry_of(const struct base_tree *list, const char *name)
{
	for (size_t i = 0; list != NULL && i < list->count; i++) {
		if (strcmp(base_tree_str(list->items[i], "name", ""), name) == 0) {
			return list->items[i];
		}
	}
	return NULL;
}

static struct k8s_space *
space_add(struct k8s_model *model, const char *name, const char *kind,
    const struct base_origin *origin)
{
	const struct base_tree *own =
	    entry_of(base_tree_get(model->environment, "namespaces"), name);
	struct k8s_space *space = k8s_index_get(model->namespaces, name);

	if (space != NULL) {
		return space;
	}
	space = base_arena_calloc(model->arena, 1, sizeof(*space));
	space->name = name;
	space->kind = kind;
	space->spec = entry_of(base_tree_get(model->mesh, "namespaces"), name);
	space->origin = k8s_origin_join(model->arena,
	    space->spec == NULL ? origin : space->spec->origin, own == NULL ? NULL : own->origin);
	space->enforcement = base_tree_str(own, "enforcement", "enforce");
	space->mtls = base_tree_str(own, "mtls", model->mtls);
	space->injected = base_tree_bool(space->spec, "injection", strcmp(kind, "gateway") == 0);
	space->accounts = base_tree_list(model->arena, space->origin);
	space->owners = base_tree_list(model->arena, space->origin);
	space->account_set = k8s_index_new(model->arena);
	space->owner_set = k8s_index_new(model->arena);
	k8s_index_put(model->namespaces, name, space);
	return space;
}

static void
account_add(struct k8s_model *model, struct k8s_space *space, const struct k8s_node *node,
    const char *owner)
{
	struct base_tree_build *map;

	if (k8s_index_get(space->account_set, node->account) != NULL) {
		return;
	}
	k8s_index_put(space->account_set, node->account, space);
	map = base_tree_map(model->arena, node->origin);
	k8s_put_str(model, map, "name", node->account, node->origin);
	k8s_put_str(model, map, "owner", owner, node->origin);
	k8s_put_bool(model, map, "automount", false, node->origin);
	base_tree_push(space->accounts, base_tree_done(map));
}

static void
owner_add(struct k8s_model *model, struct k8s_space *space, const struct k8s_node *node,
    const char *owner)
{
	if (owner != NULL && k8s_index_get(space->owner_set, owner) == NULL) {
		k8s_index_put(space->owner_set, owner, space);
		k8s_push_str(model, space->owners, owner, node->origin);
	}
}

/* A namespace without applications that holds data is of kind data. */
static void
spaces_of(struct k8s_model *model, enum k8s_node_kind kind, const char *word)
{
	const struct k8s_nodes *nodes = &model->graph->nodes[kind];

	for (size_t i = 0; i < nodes->count; i++) {
		const struct k8s_node *node = &nodes->at[i];
		const char *owner = base_tree_str(node->of == NULL ? node->spec : node->of->spec,
		    "owner", NULL);
		struct k8s_space *space = space_add(model, node->namespace, word, node->origin);

		space->pci = space->pci || node->pci;
		owner_add(model, space, node, owner);
		if (node->account != NULL && kind != K8S_NODE_OPERATOR) {
			account_add(model, space, node, owner);
		}
	}
}

static void
spaces_declared(struct k8s_model *model)
{
	const struct base_tree *list = base_tree_get(model->mesh, "namespaces");

	for (size_t i = 0; list != NULL && i < list->count; i++) {
		const char *name = base_tree_str(list->items[i], "name", NULL);

		if (name != NULL) {
			space_add(model, name, "apps", list->items[i]->origin);
		}
	}
}

static int
by_name(const void *a, const void *b)
{
	const struct k8s_space *const *x = a;
	const struct k8s_space *const *y = b;

	return strcmp((*x)->name, (*y)->name);
}

/* Names that have a space, in order, each once; the model keeps them as a chain. */
static void
spaces_chain(struct k8s_model *model)
{
	static const enum k8s_node_kind KINDS[] = {K8S_NODE_SERVICE, K8S_NODE_DATA,
	    K8S_NODE_GATEWAY, K8S_NODE_EXTERNAL, K8S_NODE_BACKUP};
	const struct base_tree *declared = base_tree_get(model->mesh, "namespaces");
	size_t most = model->graph->node_count + 2 + (declared == NULL ? 0 : declared->count);
	struct k8s_space **all = base_arena_calloc(model->arena, most, sizeof(*all));
	struct k8s_index *seen = k8s_index_new(model->arena);
	const char **names = base_arena_calloc(model->arena, most, sizeof(*names));
	size_t name_count = 0;
	size_t count = 0;

	names[name_count++] = model->istio_namespace;
	for (size_t i = 0; declared != NULL && i < declared->count; i++) {
		names[name_count++] = base_tree_str(declared->items[i], "name", "");
	}
	for (size_t k = 0; k < sizeof(KINDS) / sizeof(KINDS[0]); k++) {
		for (size_t i = 0; i < model->graph->nodes[KINDS[k]].count; i++) {
			names[name_count++] = model->graph->nodes[KINDS[k]].at[i].namespace;
		}
	}
	if (model->graph->nodes[K8S_NODE_MONITORING].count > 0) {
		names[name_count++] = model->graph->nodes[K8S_NODE_MONITORING].at[0].namespace;
	}
	for (size_t i = 0; i < name_count; i++) {
		struct k8s_space *space = k8s_index_get(model->namespaces, names[i]);

		if (space != NULL && k8s_index_get(seen, names[i]) == NULL) {
			k8s_index_put(seen, names[i], space);
			all[count++] = space;
		}
	}
	qsort(all, count, sizeof(struct k8s_space *), by_name);
	for (size_t i = 0; i + 1 < count; i++) {
		all[i]->next = all[i + 1];
	}
	model->first_space = count == 0 ? NULL : all[0];
}

void
k8s_model_spaces(struct k8s_model *model)
{
	model->namespaces = k8s_index_new(model->arena);
	space_add(model, model->istio_namespace, "system", model->mesh->origin);
	spaces_of(model, K8S_NODE_SERVICE, "apps");
	spaces_of(model, K8S_NODE_DATA, "data");
	spaces_of(model, K8S_NODE_BACKUP, "data");
	spaces_of(model, K8S_NODE_GATEWAY, "gateway");
	spaces_of(model, K8S_NODE_EXTERNAL, "apps");
	spaces_of(model, K8S_NODE_MONITORING, "monitoring");
	spaces_declared(model);
	spaces_chain(model);
}

/* With NULL the first of all, in order. */
const struct k8s_space *
k8s_model_space(struct k8s_model *model, const char *name)
{
	return name == NULL ? model->first_space : k8s_index_get(model->namespaces, name);
}

bool
k8s_observes(const struct k8s_space *space)
{
	return strcmp(space->enforcement, "observe") == 0;
}

const struct base_tree *
k8s_everybody(struct k8s_model *model, const struct base_origin *origin)
{
	struct base_tree_build *list = base_tree_list(model->arena, origin);

	k8s_push_str(model, list, "*/*", origin);
	return base_tree_done(list);
}

/* What a pod without a Sidecar of its own may reach. Its own namespace is whole here: nobody
 * knows what such a pod is, and policies of the callees still decide. */
static const struct base_tree *
default_hosts(struct k8s_model *model, const struct k8s_space *space)
{
	struct base_tree_build *list = base_tree_list(model->arena, space->origin);
	const struct k8s_nodes *monitoring = &model->graph->nodes[K8S_NODE_MONITORING];

	if (k8s_observes(space)) {
		return k8s_everybody(model, space->origin);
	}
	k8s_push_str(model, list, "./*", space->origin);
	k8s_push_str(model, list, base_arena_printf(model->arena, "%s/*", model->istio_namespace),
	    model->mesh->origin);
	if (monitoring->count > 0) {
		k8s_push_str(model, list,
		    base_arena_printf(model->arena, "%s/*", monitoring->at[0].namespace),
		    monitoring->at[0].origin);
	}
	return base_tree_done(list);
}

/* Pods that only an account is known of run here: backup jobs, operators. */
static bool
has_strangers(const struct k8s_model *model, const struct k8s_space *space)
{
	static const enum k8s_node_kind KINDS[] = {K8S_NODE_BACKUP, K8S_NODE_OPERATOR};

	for (size_t i = 0; i < sizeof(KINDS) / sizeof(KINDS[0]); i++) {
		const struct k8s_nodes *nodes = &model->graph->nodes[KINDS[i]];

		for (size_t j = 0; j < nodes->count; j++) {
			if (strcmp(nodes->at[j].namespace, space->name) == 0) {
				return true;
			}
		}
	}
	return false;
}

static const struct base_tree *
space_tree(struct k8s_model *model, const struct k8s_space *space)
{
	struct base_tree_build *map = base_tree_map(model->arena, space->origin);
	bool foreign = strcmp(space->kind, "system") == 0 || strcmp(space->kind, "monitoring") == 0;
	bool observe = k8s_observes(space);

	k8s_put_str(model, map, "name", space->name, space->origin);
	k8s_put_str(model, map, "kind", space->kind, space->origin);
	k8s_put_flag(model, map, "create", !foreign, space->origin);
	k8s_put_bool(model, map, "injected", space->injected, space->origin);
	if (space->injected) {
		k8s_put_same(map, "revision", base_tree_get(model->environment, "istio"), "tag");
	}
	k8s_put_same(map, "podSecurity", space->spec, "podSecurity");
	k8s_put_same(map, "labels", space->spec, "labels");
	k8s_put_bool(model, map, "enforce", !observe, space->origin);
	k8s_put_bool(model, map, "observe", observe, space->origin);
	k8s_put_str(model, map, "mtls", space->mtls, space->origin);
	k8s_put_flag(model, map, "pci", space->pci, space->origin);
	k8s_put_flag(model, map, "strangers", has_strangers(model, space), space->origin);
	base_tree_put(map, "sidecarHosts", default_hosts(model, space));
	k8s_put_outbound(model, map, "outbound", space);
	if (foreign) {
		base_tree_put(map, "accounts",
		    base_tree_done(base_tree_list(model->arena, space->origin)));
	} else {
		base_tree_put(map, "accounts", base_tree_done(space->accounts));
	}
	base_tree_put(map, "owners", base_tree_done(space->owners));
	return base_tree_done(map);
}

const struct base_tree *
k8s_model_namespaces(struct k8s_model *model)
{
	struct base_tree_build *list = base_tree_list(model->arena, model->mesh->origin);

	for (const struct k8s_space *space = model->first_space; space != NULL;
	     space = space->next) {
		base_tree_push(list, space_tree(model, space));
	}
	return base_tree_done(list);
}
