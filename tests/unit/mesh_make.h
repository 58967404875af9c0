/* SPDX-License-Identifier: Apache-2.0 */
/* The folder of a small inventory, for verbs that read one. */
#ifndef TESTS_MESH_MAKE_H
#define TESTS_MESH_MAKE_H

#include "folder_make.h"

#define MESH_DOC "---\napiVersion: meshca.dev/v1alpha1\nkind: "
#define MESH_ENVIRONMENT(name, more)                                                         \
	MESH_DOC "Environment\nmetadata: {name: " name "}\nspec:\n  trustDomain: shop.example\n"   \
		 more "  clusters: [{name: " name "}]\n"                                           \
		 "  istio: {revisions: [{name: a, tag: stable}, {name: b}], tag: stable}\n"
#define MESH_SERVICE(name, more)                                                             \
	MESH_DOC "Service\nmetadata: {name: " name ", namespace: shop}\nspec:\n  owner: team\n"    \
		 "  workload: {selector: {app: " name "}}\n"                                     \
		 "  ports: [{name: http, protocol: http, port: 80}]\n" more

/* An inventory below folder/inv: environments production and staging, service cart. */
static inline void
mesh_put(const char *folder)
{
	folder_put(folder, "inv/mesh.yaml", MESH_DOC "Mesh\nmetadata: {name: shop}\nspec: {namespaces: "
						     "[{name: shop, injection: true}]}\n");
	folder_put(folder, "inv/environments.yaml",
	    MESH_ENVIRONMENT("production", "") MESH_ENVIRONMENT("staging", "  registration: open\n"));
	folder_put(folder, "inv/cart.yaml", MESH_SERVICE("cart", ""));
}

#endif
