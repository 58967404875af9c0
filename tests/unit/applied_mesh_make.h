/* SPDX-License-Identifier: Apache-2.0 */
/* A small mesh, and it as it is applied. */
#ifndef TESTS_APPLIED_MESH_MAKE_H
#define TESTS_APPLIED_MESH_MAKE_H

#include <string.h>

#include "base/applied.h"
#include "check_main.h"
#include "k8s/applied.h"
#include "k8s/lint.h"

#define DOC "---\napiVersion: meshca.dev/v1alpha1\nkind: "

static const char MESH[] =
	DOC "Mesh\nmetadata: {name: shop}\nspec: {namespaces: [{name: shop, injection: true}]}\n";

static const char ENVIRONMENT[] =
	DOC "Environment\nmetadata: {name: production}\nspec:\n  trustDomain: shop.example\n"
	"  clusters: [{name: one}]\n"
	"  istio: {revisions: [{name: a, tag: stable}, {name: b}], tag: stable}\n";

#define SERVICE(name, more)                                                            \
	DOC "Service\nmetadata: {name: " name ", namespace: shop}\nspec:\n  owner: team\n"  \
	"  workload: {selector: {app: " name "}}\n"                                        \
	"  ports: [{name: http, protocol: http, port: 80}]\n" more

static const char CART[] = SERVICE("cart",
    "  identity: {maxTtl: 2h, keyTypes: [rsa-2048, p-256], dnsNames: [cart.shop.svc]}\n");

static inline struct k8s_inventory *
read_all(const char *environment, const char *service)
{
	const struct k8s_file files[] = {{"mesh.yaml", base_span_str(MESH)},
	    {"environment.yaml", base_span_str(environment)}, {"service.yaml", base_span_str(service)}};
	struct k8s_inventory *inventory = k8s_inventory_from(files, 3);
	const struct k8s_findings *findings = k8s_inventory_findings(inventory);

	ck_assert_msg(!k8s_findings_have_error(findings), "%s",
	    k8s_findings_count(findings) > 0 ? k8s_findings_get(findings, 0)->what : "");
	return inventory;
}

static inline void
write_all(const char *environment, const char *service, struct base_buf *out)
{
	struct k8s_inventory *inventory = read_all(environment, service);
	struct base_arena *arena = k8s_inventory_arena(inventory);
	const struct base_tree *resolved = k8s_inventory_resolve(inventory, "production");

	base_buf_init(out, LIMIT_APPLIED);
	ck_assert_msg(k8s_applied_write(resolved, k8s_model_derive(arena, resolved, NULL), out) ==
	    MC_OK, "%s", mc_err_last()->detail);
	k8s_inventory_free(inventory);
}

#endif
