/* SPDX-License-Identifier: Apache-2.0 */
/* The model of an environment: first the graph, then the parts in their order. */
#include "k8s/model.h"

#include <string.h>

#include "k8s/model_int.h"

static void
providers_read(struct k8s_model *model)
{
	const struct base_tree *list = base_tree_get(model->resolved, "identityProviders");

	model->providers = k8s_index_new(model->arena);
	for (size_t i = 0; list != NULL && i < list->count; i++) {
		const char *name = base_tree_str(list->items[i], "name", NULL);

		if (name != NULL) {
			/* The index holds pointers to what others own; nobody writes through it. */
			k8s_index_put(model->providers, name,
			    base_arena_calloc(model->arena, 1, sizeof(const struct base_tree *)));
			*(const struct base_tree **)k8s_index_get(model->providers, name) =
			    list->items[i];
		}
	}
}

static bool
model_init(struct k8s_model *model)
{
	model->mesh = base_tree_get(model->resolved, "mesh");
	model->environment = base_tree_get(model->resolved, "environment");
	if (model->mesh == NULL || model->environment == NULL) {
		(void)MC_FAIL(MC_EUSAGE, "no resolved environment: mesh or environment is missing");
		return false;
	}
	model->trust_domain = base_tree_str(model->environment, "trustDomain",
	    base_tree_str(model->mesh, "trustDomain", "cluster.local"));
	model->istio_namespace =
	    base_tree_str(base_tree_get(model->mesh, "istio"), "namespace", "istio-system");
	model->mtls = base_tree_str(base_tree_get(model->environment, "policies"), "mtls", "STRICT");
	model->faults_allowed = strcmp(base_tree_str(base_tree_get(model->environment, "policies"),
					   "faults", "forbidden"),
				    "allowed") == 0;
	providers_read(model);
	return true;
}

const struct base_tree *
k8s_model_derive(struct base_arena *arena, const struct base_tree *resolved,
    struct k8s_findings *findings)
{
	struct k8s_model model = {.arena = arena, .resolved = resolved, .findings = findings};
	struct base_tree_build *out;

	if (!model_init(&model)) {
		return NULL;
	}
	k8s_graph_new(&model);
	k8s_model_spaces(&model);
	out = base_tree_map(arena, resolved->origin);
	k8s_put_int(&model, out, "version", K8S_MODEL_VERSION, resolved->origin);
	base_tree_put(out, "mesh", k8s_model_mesh(&model));
	base_tree_put(out, "environment", k8s_model_environment(&model));
	base_tree_put(out, "namespaces", k8s_model_namespaces(&model));
	base_tree_put(out, "services", k8s_model_services(&model));
	base_tree_put(out, "dataServices", k8s_model_data_services(&model));
	base_tree_put(out, "gateways", k8s_model_gateways(&model));
	base_tree_put(out, "externals", k8s_model_externals(&model));
	base_tree_put(out, "identities", k8s_model_identities(&model));
	base_tree_put(out, "edges", k8s_model_edges(&model));
	base_tree_put(out, "evidence", k8s_model_evidence(&model));
	return base_tree_done(out);
}
