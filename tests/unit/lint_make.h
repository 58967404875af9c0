/* SPDX-License-Identifier: Apache-2.0 */
/* An inventory that has one fault, or none, under the lints. */
#ifndef TESTS_LINT_MAKE_H
#define TESTS_LINT_MAKE_H

#include <stdio.h>
#include <string.h>

#include "check_main.h"
#include "k8s/lint.h"

#define AT INT64_C(1795478400) /* 2026-11-24 */
#define HEAD "apiVersion: meshca.dev/v1alpha1\nkind: "
#define TEXT_MAX 4096

static const char MESH[] = HEAD "Mesh\nmetadata: {name: shop}\nspec:\n  namespaces: [{name: shop}, "
			    "{name: bare, injection: false}]\n";
static const char ENVIRONMENT[] = HEAD "Environment\nmetadata: {name: production}\nspec:\n"
				       "  clusters: [{name: one}]\n";
static const char ISTIO[] = "  istio: {revisions: [{name: a, tag: stable}], tag: stable}\n";
static const char SERVICE[] = HEAD "Service\nmetadata: {name: cart, namespace: shop}\nspec:\n"
				   "  owner: team\n  workload: {selector: {app: cart}}\n";
static const char PORTS[] = "  ports: [{name: http, protocol: http, port: 80, targetPort: 8080}]\n";

#define DATA(engine) HEAD "DataService\nmetadata: {name: db, namespace: shop}\nspec:\n" \
	"  owner: team\n  maxConnections: 9\n  workload: {selector: {app: db}}\n" \
	"  engine: " engine "\n"
#define DATA_PORTS "  ports: [{name: db, port: 1234, role: primary}]\n"
#define GATEWAY HEAD "Gateway\nmetadata: {name: public, namespace: edge}\nspec:\n" \
	"  selector: {app: edge}\n"
#define INGRESS GATEWAY "  direction: ingress\n"
#define INGRESS_WHOLE INGRESS "  hosts: [shop.example]\n  certificate: {issuer: a}\n  trustedProxies: 1\n"
#define EXTERNAL(name) HEAD "ExternalService\nmetadata: {name: " name ", namespace: shop}\nspec:\n" \
	"  owner: team\n  callers: [cart]\n  gateway: out\n"
#define SECOND HEAD "Environment\nmetadata: {name: development}\nspec:\n"

struct sample {
	const char *code;
	const char *environment; /* added to the environment's spec; it has its own istio if it says so */
	const char *service;     /* added to the service's */
	const char *more;        /* documents; NULL: none */
	const char *says;        /* in the finding */
};

static inline struct k8s_inventory *
inventory_new_at(const struct sample *sample, int64_t at)
{
	char environment[TEXT_MAX];
	char service[TEXT_MAX];
	struct k8s_inventory *inventory;

	(void)snprintf(environment, sizeof(environment), "%s%s%s", ENVIRONMENT,
	    strstr(sample->environment, "istio:") != NULL ? "" : ISTIO, sample->environment);
	(void)snprintf(service, sizeof(service), "%s%s%s", SERVICE,
	    strstr(sample->service, "ports:") != NULL ? "" : PORTS, sample->service);
	const struct k8s_file files[] = {{"mesh.yaml", base_span_str(MESH)},
	    {"production.yaml", base_span_str(environment)}, {"cart.yaml", base_span_str(service)},
	    {"more.yaml", base_span_str(sample->more != NULL ? sample->more : "")}};

	inventory = k8s_inventory_from(files, 4);
	ck_assert_msg(k8s_findings_count(k8s_inventory_findings(inventory)) == 0, "%s: %s", sample->code,
	    k8s_findings_count(k8s_inventory_findings(inventory)) == 0 ? "" :
	    k8s_findings_get(k8s_inventory_findings(inventory), 0)->what);
	k8s_inventory_lint(inventory, at);
	return inventory;
}

static inline struct k8s_inventory *
inventory_new(const struct sample *sample)
{
	return inventory_new_at(sample, AT);
}

static inline const struct k8s_finding *
find(struct k8s_inventory *inventory, const struct sample *sample)
{
	const struct k8s_findings *findings = k8s_inventory_findings(inventory);

	for (size_t i = 0; i < k8s_findings_count(findings); i++) {
		const struct k8s_finding *one = k8s_findings_get(findings, i);

		if (strcmp(one->code, sample->code) == 0 && strstr(one->what, sample->says) != NULL) {
			return one;
		}
	}
	return NULL;
}

/* Each sample's fault is found, at a line, and not in the mesh, where it is not. */
static inline void
expect_found(const struct sample *samples, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		struct k8s_inventory *inventory = inventory_new(&samples[i]);
		const struct k8s_finding *one = find(inventory, &samples[i]);

		ck_assert_msg(one != NULL, "%s \"%s\" is not found", samples[i].code, samples[i].says);
		ck_assert_msg(one->at->line > 0, "%s has no line", one->code);
		ck_assert_msg(strcmp(one->at->file, "mesh.yaml") != 0, "%s is placed in the mesh",
		    one->code);
		k8s_inventory_free(inventory);
	}
}

/* No lint of documents or environments; the graph of these few documents is nobody's concern here. */
static inline void
expect_sound(const struct sample *samples, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		struct k8s_inventory *inventory = inventory_new(&samples[i]);
		const struct k8s_findings *findings = k8s_inventory_findings(inventory);

		for (size_t j = 0; j < k8s_findings_count(findings); j++) {
			const struct k8s_finding *one = k8s_findings_get(findings, j);

			ck_assert_msg(strcmp(one->code, "MCA1000") > 0, "sound %zu: %s %s", i, one->code,
			    one->what);
		}
		k8s_inventory_free(inventory);
	}
}

/* Codes of inventory_lint_doc.c, apart by blanks: each has a sample in its test, all others of documents and
 * environments in that of inventory_lint.c. */
#define DOCUMENT_CODES "MCA0102 MCA0103 MCA0104 MCA0105 MCA0106 MCA0108 MCA0109 MCA0110 MCA0111 MCA0112 " \
	"MCA0113 MCA0119 MCA0120 MCA0121 MCA0122 MCA0123 MCA0124 MCA0125 MCA0126 MCA0127 MCA0129 MCA0130 " \
	"MCA0134 MCA0135 MCA0136"

#endif
