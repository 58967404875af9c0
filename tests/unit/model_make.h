/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Models for tests: of a sample mesh that has one of everything, or of a small one with the documents of a test;
 * and findings, each with a small mesh that has this one fault.
 */
#ifndef TESTS_MODEL_MAKE_H
#define TESTS_MODEL_MAKE_H

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/mem.h"
#include "base/yaml.h"
#include "k8s/inventory.h"
#include "k8s/lint.h"
#include "k8s/model.h"

#define AT INT64_C(1795478400) /* 2026-11-24 */
#define HEAD "---\napiVersion: meshca.dev/v1alpha1\nkind: "

static const char SAMPLE_MESH[] =
	HEAD "Mesh\nmetadata: {name: shop}\nspec:\n"
	"  namespaces: [{name: shop, injection: true}, {name: data, injection: true}]\n"
	"  monitoring: {namespace: watch, serviceAccount: prometheus}\n"
	HEAD "Environment\nmetadata: {name: production}\nspec:\n"
	"  trustDomain: shop.example\n  clusters: [{name: one}]\n"
	"  istio: {revisions: [{name: a, tag: stable}], tag: stable}\n";

static const char SAMPLE_APPS[] =
	HEAD "Service\nmetadata: {name: cart, namespace: shop}\nspec:\n  owner: team\n"
	"  workload: {selector: {app: cart}}\n  balancing: LEAST_CONN\n  timeout: 20s\n"
	"  ports: [{name: http, protocol: http, port: 80, targetPort: 8080}]\n"
	"  scaling: {max: 6}\n  gatewayPaths: [/cart, /cart/*]\n"
	"  routes:\n"
	"    - {name: read, methods: [GET], idempotent: true, retries: {attempts: 1, "
	"retryOn: [retriable-status-codes], statusCodes: [429, 503], backoff: 1s}}\n"
	"    - {name: write, methods: [POST]}\n"
	"  calls:\n"
	"    - {data: db, port: db, pool: {size: 7}}\n"
	"    - {service: pay, methods: [POST], paths: [/pay]}\n"
	"    - {external: mail}\n"
	HEAD "Service\nmetadata: {name: pay, namespace: shop}\nspec:\n  owner: team\n  class: pci\n"
	"  logging: {redact: [query, authorization]}\n  workload: {selector: {app: pay}}\n"
	"  identity: {maxTtl: 90m}\n"
	"  ports: [{name: http, protocol: http, port: 80, targetPort: 8081}, {name: raw, protocol: tcp, port: 9000}]\n"
	"  accepts: [{from: cart, paths: [/pay, /refund]}]\n"
	HEAD "ExternalService\nmetadata: {name: mail, namespace: shop}\nspec:\n  owner: team\n"
	"  hosts: [mail.example, mail2.example]\n  callers: [cart]\n  gateway: out\n"
	"  requestsPerConnection: 9\n";

static const char SAMPLE_OTHERS[] =
	HEAD "DataService\nmetadata: {name: db, namespace: data}\nspec:\n  owner: team\n"
	"  engine: postgresql\n  maxConnections: 60\n  reservedConnections: 10\n  poolMaxLifetime: 1h\n"
	"  breaker: {interval: 1s}\n  workload: {kind: StatefulSet, selector: {app: db}}\n"
	"  operator: {namespace: ops, serviceAccount: keeper}\n"
	"  backup: {serviceAccount: saver, port: reader}\n"
	"  ports:\n"
	"    - {name: db, port: 5432, host: db-rw, role: primary}\n"
	"    - {name: reader, port: 5432, targetPort: 5433, host: db-ro, role: replica}\n"
	"    - {name: copy, port: 8008, host: db-all, peer: true}\n"
	"    - {name: metrics, port: 9187, host: db-all, monitoring: true}\n"
	"  accepts: [{from: cart, ports: [db]}]\n"
	HEAD "Gateway\nmetadata: {name: public, namespace: edge}\nspec:\n  direction: ingress\n"
	"  selector: {app: public}\n  hosts: [shop.example]\n  certificate: {issuer: a, minVersion: \"1.3\"}\n"
	"  trustedProxies: 1\n  limits: {requestsPerSecond: 100, bodyBytes: 10}\n  scaling: {max: 6}\n"
	"  clientRanges: {deny: [192.0.2.0/24], admin: {paths: [/cart/admin], allow: [198.51.100.0/24]}}\n"
	HEAD "Service\nmetadata: {name: old, namespace: shop}\nspec:\n  owner: team\n"
	"  workload: {selector: {app: old}}\n  ports:\n"
	"    - {name: http, protocol: http, port: 80}\n"
	"    - {name: raw, protocol: tcp, port: 81, targetPort: 8181, plaintext: {reason: scales, callers: [\n"
	"        {addresses: [192.0.2.0/24, 198.51.100.7/32]},\n"
	"        {addresses: [10.1.0.0/16, 192.0.2.0/24], pods: {namespace: batch, selector: {app: replay}}}]}}\n"
	"    - {name: same, protocol: tcp, port: 82, targetPort: 8181, plaintext: {reason: other, callers: [\n"
	"        {addresses: [203.0.113.0/24], pods: {namespace: jobs}}]}}\n"
	HEAD "Gateway\nmetadata: {name: out, namespace: leave}\nspec:\n  direction: egress\n"
	"  selector: {app: out}\n";


/* --- a small mesh: documents of a test beside these two --- */
static const char SMALL_MESH[] = HEAD "Mesh\nmetadata: {name: shop}\nspec:\n"
				"  namespaces: [{name: shop}, {name: one}, {name: two}]\n";
static const char SMALL_ENVIRONMENT[] = HEAD "Environment\nmetadata: {name: production}\nspec:\n"
				       "  clusters: [{name: one}]\n"
				       "  istio: {revisions: [{name: a, tag: stable}], tag: stable}\n"
				       "  policies:\n    faults: allowed\n";

#define IN(namespace, name) HEAD "Service\nmetadata: {name: " name ", namespace: " namespace "}\nspec:\n" \
	"  owner: team\n  workload: {selector: {app: " name "}}\n"
#define HTTP "  ports: [{name: http, protocol: http, port: 80, targetPort: 8080}]\n"
#define SERVICE(name) IN("shop", name) HTTP
#define TCP_SERVICE(name) IN("shop", name) "  ports: [{name: raw, protocol: tcp, port: 80}]\n"
#define FROM(range) IN("shop", "a") "  ports: [{name: raw, protocol: tcp, port: 80, plaintext: {reason: old, callers: " \
	"[{addresses: [192.0.2.0/24, \"" range "\"]}]}}]\n"
#define FROM_PODS(namespace) IN("shop", "a") "  ports: [{name: raw, protocol: tcp, port: 80, plaintext: {reason: old, " \
	"callers: [{addresses: [10.0.0.0/16], pods: {namespace: " namespace "}}]}}]\n"
#define PCI "  class: pci\n  logging: {redact: [query, authorization]}\n"
#define DATA(name, engine) HEAD "DataService\nmetadata: {name: " name ", namespace: shop}\nspec:\n" \
	"  owner: team\n  engine: " engine "\n  workload: {selector: {app: " name "}}\n"
#define DB DATA("db", "postgresql") "  ports: [{name: db, port: 5432, role: primary}]\n" \
	"  accepts: [{from: a, ports: [db]}]\n"
#define KAFKA DATA("k", "kafka") "  brokers: 1\n  maxConnections: 9\n" \
	"  ports: [{name: k, port: 9092, role: any}, {name: peer, port: 9091, peer: true}]\n" \
	"  accepts: [{from: a, ports: [k]}]\n  topics: [{name: orders}]\n"
#define INGRESS(name) HEAD "Gateway\nmetadata: {name: " name ", namespace: edge}\nspec:\n" \
	"  direction: ingress\n  selector: {app: " name "}\n  hosts: [" name ".example]\n" \
	"  certificate: {issuer: a}\n  trustedProxies: 1\n"
#define EGRESS(name) HEAD "Gateway\nmetadata: {name: " name ", namespace: edge}\nspec:\n" \
	"  direction: egress\n  selector: {app: " name "}\n"
#define EXTERNAL(name, caller) HEAD "ExternalService\nmetadata: {name: " name ", namespace: shop}\nspec:\n" \
	"  owner: team\n  hosts: [" name ".example]\n  callers: [" caller "]\n  gateway: out\n"
#define PROVIDER HEAD "IdentityProvider\nmetadata: {name: people}\nspec:\n" \
	"  issuer: https://login.example\n  jwksUri: https://login.example/keys\n  audiences: [shop]\n"

struct sample {
	const char *code;
	const char *documents;
	const char *says; /* in the finding; NULL in sound samples */
};

static struct k8s_inventory *inventory;
static struct k8s_findings *found;
static const struct base_tree *model;

/* The model of the environment production; its findings are in found. */
static inline void
begin_of(const struct k8s_file *files, size_t count)
{
	const struct k8s_findings *findings;

	inventory = k8s_inventory_from(files, count);
	findings = k8s_inventory_findings(inventory);
	ck_assert_msg(k8s_findings_count(findings) == 0, "%s",
	    k8s_findings_count(findings) == 0 ? "" : k8s_findings_get(findings, 0)->what);
	found = k8s_findings_new(k8s_inventory_arena(inventory));
	model = k8s_model_derive(k8s_inventory_arena(inventory),
	    k8s_inventory_resolve(inventory, "production"), found);
	ck_assert_ptr_nonnull(model);
}

/* The sample mesh with another text for its first file. */
static inline void
begin_in(const char *mesh)
{
	const struct k8s_file files[] = {{"mesh.yaml", base_span_str(mesh)},
	    {"apps.yaml", base_span_str(SAMPLE_APPS)}, {"others.yaml", base_span_str(SAMPLE_OTHERS)}};

	begin_of(files, 3);
}

static inline void
begin(void)
{
	begin_in(SAMPLE_MESH);
}

/* The small mesh with these lines more in its environment, and these documents. */
static inline void
begin_small(const char *environment, const char *documents)
{
	char *text = base_xasprintf("%s%s", SMALL_ENVIRONMENT, environment);
	const struct k8s_file files[] = {{"mesh.yaml", base_span_str(SMALL_MESH)},
	    {"production.yaml", base_span_str(text)}, {"sample.yaml", base_span_str(documents)}};

	begin_of(files, 3);
	free(text);
}

static inline void
end(void)
{
	k8s_inventory_free(inventory);
}

/* The item of this name in the list at a path; NULL: there is none. */
static inline const struct base_tree *
named(const struct base_tree *from, const char *path, const char *name)
{
	const struct base_tree *list = base_tree_at(from, path);

	ck_assert_msg(list != NULL && list->kind == BASE_TREE_LIST, "%s is no list", path);
	for (uint32_t i = 0; i < list->count; i++) {
		if (strcmp(base_tree_str(list->items[i], "name", ""), name) == 0) {
			return list->items[i];
		}
	}
	return NULL;
}

static inline const char *
text_at(const struct base_tree *from, const char *path)
{
	const struct base_tree *node = base_tree_at(from, path);

	return node == NULL || !base_tree_is_scalar(node) ? "" : node->text;
}

static inline const char *
item(const struct base_tree *from, const char *path, uint32_t at)
{
	const struct base_tree *list = base_tree_at(from, path);

	return list == NULL || list->kind != BASE_TREE_LIST || at >= list->count
		   ? ""
		   : list->items[at]->text;
}

/* What stands at a path, as JSON with single quotes; "" when nothing does. */
static inline const char *
shown(const struct base_tree *from, const char *path)
{
	const struct base_tree *node = base_tree_at(from, path);
	struct base_buf buf;
	char *text, *copy;

	if (node == NULL) {
		return "";
	}
	base_buf_init(&buf, LIMIT_YAML);
	base_json_write(&buf, node, 0);
	text = base_buf_take_str(&buf);
	ck_assert_ptr_nonnull(text);
	copy = base_arena_strdup(k8s_inventory_arena(inventory), text);
	free(text);
	for (char *at = strchr(copy, '"'); at != NULL; at = strchr(at, '"')) {
		*at = '\'';
	}
	return copy;
}

/* The finding of this code that says this; NULL: there is none. */
static inline const struct k8s_finding *
finding(const struct k8s_findings *findings, const char *code, const char *says)
{
	for (size_t i = 0; i < k8s_findings_count(findings); i++) {
		const struct k8s_finding *one = k8s_findings_get(findings, i);

		if (strcmp(one->code, code) == 0 && strstr(one->what, says) != NULL) {
			return one;
		}
	}
	return NULL;
}

/* All that the lints find, of every environment. */
static inline struct k8s_inventory *
sample_lint(const struct sample *sample)
{
	const struct k8s_file files[] = {{"mesh.yaml", base_span_str(SMALL_MESH)},
	    {"production.yaml", base_span_str(SMALL_ENVIRONMENT)},
	    {"sample.yaml", base_span_str(sample->documents)}};
	struct k8s_inventory *linted = k8s_inventory_from(files, 3);
	const struct k8s_findings *findings = k8s_inventory_findings(linted);

	ck_assert_msg(k8s_findings_count(findings) == 0, "%s \"%s\": %s", sample->code, sample->says,
	    k8s_findings_count(findings) == 0 ? "" : k8s_findings_get(findings, 0)->what);
	k8s_inventory_lint(linted, AT);
	return linted;
}

/* Each has its finding, with a place and what to do. */
static inline void
samples_are_found(const struct sample *samples, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		struct k8s_inventory *linted = sample_lint(&samples[i]);
		const struct k8s_finding *one =
		    finding(k8s_inventory_findings(linted), samples[i].code, samples[i].says);

		ck_assert_msg(one != NULL, "%s \"%s\" is not found, but %s", samples[i].code, samples[i].says,
		    k8s_findings_count(k8s_inventory_findings(linted)) == 0
			? "nothing"
			: k8s_findings_get(k8s_inventory_findings(linted), 0)->what);
		ck_assert_msg(one->at->line > 0, "%s has no line", one->code);
		ck_assert_str_eq(one->at->file, "sample.yaml");
		ck_assert_str_ne(one->fix, "");
		k8s_inventory_free(linted);
	}
}

/* Near to faults, and none of them. */
static inline void
samples_are_sound(const struct sample *samples, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		struct k8s_inventory *linted = sample_lint(&samples[i]);
		const struct k8s_findings *findings = k8s_inventory_findings(linted);

		for (size_t j = 0; j < k8s_findings_count(findings); j++) {
			const struct k8s_finding *one = k8s_findings_get(findings, j);

			ck_assert_msg(strcmp(one->code, "MCA1000") < 0, "sound %zu: %s %s", i, one->code,
			    one->what);
		}
		k8s_inventory_free(linted);
	}
}

#define FOUND(samples) samples_are_found(samples, sizeof(samples) / sizeof((samples)[0]))
#define SOUND(samples) samples_are_sound(samples, sizeof(samples) / sizeof((samples)[0]))

#endif
