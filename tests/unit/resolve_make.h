/* SPDX-License-Identifier: Apache-2.0 */
/* The beginnings of documents that a test completes, and what was found wrong with them. */
#ifndef TESTS_RESOLVE_MAKE_H
#define TESTS_RESOLVE_MAKE_H

#include <stdio.h>
#include <string.h>

#include "check_main.h"
#include "k8s/inventory.h"

#define HEAD "apiVersion: meshca.dev/v1alpha1\nkind: "
#define MESH_START HEAD "Mesh\nmetadata: {name: shop}\nspec:\n  namespaces: [{name: shop}]\n"
#define ENVIRONMENT_START(name) HEAD "Environment\nmetadata: {name: " name "}\nspec:\n" \
	"  clusters: [{name: " name "-1}]\n" \
	"  istio: {revisions: [{name: a}], tag: a}\n"
#define SERVICE_START HEAD "Service\nmetadata: {name: cart, namespace: shop}\nspec:\n" \
	"  owner: team\n  workload: {selector: {app: a}}\n" \
	"  ports: [{name: http, protocol: http, port: 80}]\n"

static inline void
report(struct k8s_inventory *inventory)
{
	struct k8s_findings *findings = k8s_inventory_findings(inventory);

	for (size_t i = 0; i < k8s_findings_count(findings); i++) {
		const struct k8s_finding *one = k8s_findings_get(findings, i);

		(void)fprintf(stderr, "%s:%d: %s %s; %s\n", one->at->file, one->at->line, one->code,
		    one->what, one->fix);
	}
}

#endif
