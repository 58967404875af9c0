/* SPDX-License-Identifier: Apache-2.0 */
/* The graph of a small mesh: a namespace or two, an environment, and what a test adds. */
#ifndef TESTS_GRAPH_MAKE_H
#define TESTS_GRAPH_MAKE_H

#include <stdio.h>
#include <string.h>

#include "check_main.h"
#include "k8s/model_int.h"

#define DOC "---\napiVersion: meshca.dev/v1alpha1\nkind: "
#define SERVICE_IN(namespace, name, ports) DOC "Service\nmetadata: {name: " name ", namespace: " namespace "}\n" \
	"spec:\n  owner: team\n  workload: {selector: {app: " name "}}\n  ports: [" ports "]\n"
#define HTTP "{name: http, protocol: http, port: 80, targetPort: 8080}"
#define RAW "{name: raw, protocol: tcp, port: 7}"
#define SERVICE(name) SERVICE_IN("shop", name, HTTP)
#define DATA(name, ports) DOC "DataService\nmetadata: {name: " name ", namespace: shop}\nspec:\n" \
	"  owner: team\n  engine: other\n  maxConnections: 9\n  workload: {selector: {app: " name "}}\n" \
	"  ports: [" ports "]\n"
#define GATEWAY(name, direction) DOC "Gateway\nmetadata: {name: " name ", namespace: edge}\nspec:\n" \
	"  direction: " direction "\n  selector: {app: " name "}\n"
#define EXTERNAL(name, callers) DOC "ExternalService\nmetadata: {name: " name ", namespace: shop}\nspec:\n" \
	"  owner: team\n  hosts: [" name ".example]\n  callers: [" callers "]\n  gateway: out\n"

struct mesh {
	struct k8s_inventory *inventory;
	struct k8s_findings *findings; /* of the graph alone */
	struct k8s_model model;
};

/* Documents are more.yaml, from line 2 on. Its graph is in model.graph. */
static inline void
mesh_make(struct mesh *mesh, const char *documents)
{
	static const char MESH[] = DOC "Mesh\nmetadata: {name: shop}\nspec:\n"
				       "  namespaces: [{name: shop}, {name: other}]\n";
	static const char ENVIRONMENT[] = DOC "Environment\nmetadata: {name: production}\nspec:\n"
	    "  trustDomain: shop.example\n  clusters: [{name: one}]\n"
	    "  istio: {revisions: [{name: a}], tag: a}\n";
	const struct k8s_file files[] = {{"mesh.yaml", base_span_str(MESH)},
	    {"environment.yaml", base_span_str(ENVIRONMENT)}, {"more.yaml", base_span_str(documents)}};
	const struct k8s_findings *findings;

	*mesh = (struct mesh){.inventory = k8s_inventory_from(files, 3)};
	findings = k8s_inventory_findings(mesh->inventory);
	ck_assert_msg(!k8s_findings_have_error(findings), "%s",
	    k8s_findings_count(findings) > 0 ? k8s_findings_get(findings, 0)->what : "");
	mesh->model.arena = k8s_inventory_arena(mesh->inventory);
	mesh->findings = mesh->model.findings = k8s_findings_new(mesh->model.arena);
	mesh->model.resolved = k8s_inventory_resolve(mesh->inventory, "production");
	mesh->model.mesh = base_tree_get(mesh->model.resolved, "mesh");
	mesh->model.environment = base_tree_get(mesh->model.resolved, "environment");
	mesh->model.trust_domain = "shop.example";
	ck_assert_ptr_eq(k8s_graph_new(&mesh->model), mesh->model.graph);
}

static inline void
mesh_drop(struct mesh *mesh)
{
	k8s_inventory_free(mesh->inventory);
}

static inline struct k8s_node *
node_of(struct mesh *mesh, enum k8s_node_kind kind, const char *name)
{
	struct k8s_nodes *nodes = &mesh->model.graph->nodes[kind];

	for (size_t i = 0; i < nodes->count; i++) {
		if (strcmp(nodes->at[i].name, name) == 0) {
			return &nodes->at[i];
		}
	}
	ck_abort_msg("no %s %s", k8s_node_word(kind), name);
}

/* The edges of a reason as text, "from>to:port,port" and a blank after each, in their order. */
static inline const char *
edges_of(struct mesh *mesh, enum k8s_why why)
{
	struct base_arena *arena = mesh->model.arena;
	const char *text = "";

	for (const struct k8s_edge *edge = mesh->model.graph->first; edge != NULL; edge = edge->next) {
		if (edge->why != why) {
			continue;
		}
		ck_assert_ptr_nonnull(edge->origin);
		text = base_arena_printf(arena, "%s%s>%s:", text, edge->from->name, edge->to->name);
		for (size_t i = 0; i < edge->port_count; i++) {
			ck_assert(edge->ports[i]->http == edge->http);
			text = base_arena_printf(arena, "%s%s%s", text, i == 0 ? "" : ",",
			    edge->ports[i]->declared);
		}
		text = base_arena_printf(arena, "%s ", text);
	}
	return text;
}

/* All findings of the graph: "CODE what" and a line end each. */
static inline const char *
findings_of(struct mesh *mesh)
{
	const char *text = "";

	k8s_findings_sort(mesh->findings);
	for (size_t i = 0; i < k8s_findings_count(mesh->findings); i++) {
		const struct k8s_finding *one = k8s_findings_get(mesh->findings, i);

		ck_assert_int_gt(one->at->line, 0);
		ck_assert_str_ne(one->fix, "");
		text = base_arena_printf(mesh->model.arena, "%s%s %s\n", text, one->code, one->what);
	}
	return text;
}

#endif
