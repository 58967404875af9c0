/* SPDX-License-Identifier: Apache-2.0 */
/* Documents of a small inventory, and the one finding that a test expects of it. */
#ifndef TESTS_INVENTORY_MAKE_H
#define TESTS_INVENTORY_MAKE_H

#include <stdio.h>
#include <string.h>

#include "base/limits.h"
#include "check_main.h"
#include "k8s/inventory.h"

#define HEAD "apiVersion: meshca.dev/v1alpha1\nkind: "
#define MESH HEAD "Mesh\nmetadata: {name: shop}\nspec: {namespaces: [{name: shop}]}\n"
#define ENVIRONMENT(name) HEAD "Environment\nmetadata: {name: " name "}\nspec:\n" \
	"  clusters: [{name: " name "-1}]\n" \
	"  istio: {revisions: [{name: a}], tag: a}\n"
#define SERVICE(name) HEAD "Service\nmetadata: {name: " name ", namespace: shop}\nspec:\n" \
	"  owner: team\n  workload: {selector: {app: a}}\n" \
	"  ports: [{name: http, protocol: http, port: 80}]\n"

static inline void
show(struct k8s_inventory *inventory)
{
	struct k8s_findings *findings = k8s_inventory_findings(inventory);

	for (size_t i = 0; i < k8s_findings_count(findings); i++) {
		const struct k8s_finding *one = k8s_findings_get(findings, i);

		(void)fprintf(stderr, "%s:%d: %s %s; %s\n", one->at->file, one->at->line, one->code,
		    one->what, one->fix);
	}
}

/* Exactly one finding, of this code, at this place, with this in its text. */
static inline void
expect_at(struct k8s_inventory *inventory, const char *code, const char *file, int line,
    const char *what)
{
	struct k8s_findings *findings = k8s_inventory_findings(inventory);
	const struct k8s_finding *one;

	show(inventory);
	ck_assert_uint_eq(k8s_findings_count(findings), 1);
	one = k8s_findings_get(findings, 0);
	ck_assert_str_eq(one->code, code);
	ck_assert_str_eq(one->at->file, file);
	ck_assert_int_eq(one->at->line, line);
	ck_assert_msg(strstr(one->what, what) != NULL, "%s is not in: %s", what, one->what);
	ck_assert(one->fix[0] != '\0');
}

#endif
