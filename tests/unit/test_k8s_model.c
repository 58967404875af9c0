/* SPDX-License-Identifier: Apache-2.0 */
/* What is derived from a small mesh, value by value. */
#include <stdio.h>
#include <string.h>

#include "check_main.h"

#include "k8s/inventory.h"
#include "k8s/lint.h"
#include "k8s/model.h"

#define HEAD "---\napiVersion: meshca.dev/v1alpha1\nkind: "

static const char MESH[] =
	HEAD "Mesh\nmetadata: {name: shop}\nspec:\n"
	"  namespaces: [{name: shop, injection: true}, {name: data, injection: true}]\n"
	"  monitoring: {namespace: watch, serviceAccount: prometheus}\n"
	HEAD "Environment\nmetadata: {name: production}\nspec:\n"
	"  trustDomain: shop.example\n  clusters: [{name: one}]\n"
	"  istio: {revisions: [{name: a, tag: stable}], tag: stable}\n";

static const char APPS[] =
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

static const char OTHERS[] =
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

static struct k8s_inventory *inventory;
static const struct base_tree *model;

static void
begin_in(const char *mesh)
{
	const struct k8s_file files[] = {{"mesh.yaml", base_span_str(mesh)},
	    {"apps.yaml", base_span_str(APPS)}, {"others.yaml", base_span_str(OTHERS)}};
	const struct k8s_findings *findings;

	inventory = k8s_inventory_from(files, 3);
	findings = k8s_inventory_findings(inventory);
	ck_assert_msg(k8s_findings_count(findings) == 0, "%s",
	    k8s_findings_count(findings) == 0 ? "" : k8s_findings_get(findings, 0)->what);
	model = k8s_model_derive(k8s_inventory_arena(inventory),
	    k8s_inventory_resolve(inventory, "production"), NULL);
	ck_assert_ptr_nonnull(model);
}

static void
begin(void)
{
	begin_in(MESH);
}

static void
end(void)
{
	k8s_inventory_free(inventory);
}

/* The item of this name in the list at a path. */
static const struct base_tree *
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

static const char *
text_at(const struct base_tree *from, const char *path)
{
	const struct base_tree *node = base_tree_at(from, path);

	return node == NULL || !base_tree_is_scalar(node) ? "" : node->text;
}

static const char *
item(const struct base_tree *from, const char *path, uint32_t at)
{
	const struct base_tree *list = base_tree_at(from, path);

	return list == NULL || list->kind != BASE_TREE_LIST || at >= list->count
		   ? ""
		   : list->items[at]->text;
}

/* Default deny refuses everybody: what nobody declares must be let in all the same. */
START_TEST(test_derived_edges)
{
	const struct base_tree *db, *cart;

	begin();
	db = named(model, "dataServices", "db");
	ck_assert_str_eq(item(named(db, "allow", "from-self"), "ports", 0), "8008");
	ck_assert_str_eq(item(named(db, "allow", "from-self"), "principals", 0),
	    "shop.example/ns/data/sa/db");
	ck_assert_str_eq(item(named(db, "allow", "from-backup"), "ports", 0), "5433");
	ck_assert_str_eq(item(named(db, "allow", "from-backup"), "principals", 0),
	    "shop.example/ns/data/sa/saver");
	ck_assert_str_eq(item(named(db, "allow", "from-operator"), "principals", 0),
	    "shop.example/ns/ops/sa/keeper");
	ck_assert_str_eq(item(named(db, "allow", "from-monitoring"), "ports", 0), "9187");
	ck_assert_str_eq(item(named(db, "allow", "from-shop-cart"), "ports", 0), "5432");
	ck_assert_uint_eq(base_tree_get(db, "allow")->count, 5);
	cart = named(model, "services", "cart");
	ck_assert_str_eq(item(named(cart, "allow", "from-edge-public"), "ports", 0), "8080");
	ck_assert_str_eq(item(named(cart, "allow", "from-edge-public"), "paths", 1), "/cart/*");
	/* the agent's own port is not behind the proxy */
	ck_assert_ptr_null(named(cart, "allow", "from-monitoring"));
	end();
}
END_TEST

/* What holds is what both sides say. */
START_TEST(test_declared_edge)
{
	const struct base_tree *allow;

	begin();
	/* both sides speak of paths: a port without HTTP is not open beside them */
	ck_assert_ptr_null(named(named(model, "services", "pay"), "allow", "from-cart-2"));
	allow = named(named(model, "services", "pay"), "allow", "from-cart");
	ck_assert_str_eq(item(allow, "methods", 0), "POST");
	ck_assert_str_eq(item(allow, "paths", 0), "/pay");
	ck_assert_uint_eq(base_tree_get(allow, "paths")->count, 1);
	ck_assert_str_eq(item(allow, "ports", 0), "8081");
	end();
}
END_TEST

/* A callee that the Sidecar does not list is called without mTLS. */
START_TEST(test_sidecar_knows_every_callee)
{
	static const char *const HOSTS[] = {"istio-system/*", "watch/*",
	    "data/db-rw.data.svc.cluster.local", "shop/pay.shop.svc.cluster.local",
	    "shop/mail.example", "shop/mail2.example", "leave/out.leave.svc.cluster.local"};
	const struct base_tree *hosts;

	begin();
	hosts = base_tree_at(named(model, "services", "cart"), "sidecar.hosts");
	for (size_t i = 0; i < sizeof(HOSTS) / sizeof(HOSTS[0]); i++) {
		bool found = false;

		for (uint32_t j = 0; j < hosts->count; j++) {
			found = found || strcmp(hosts->items[j]->text, HOSTS[i]) == 0;
		}
		ck_assert_msg(found, "%s", HOSTS[i]);
	}
	ck_assert_uint_eq(hosts->count, sizeof(HOSTS) / sizeof(HOSTS[0]));
	end();
}
END_TEST

START_TEST(test_routes)
{
	const struct base_tree *cart, *read;

	begin();
	cart = named(model, "services", "cart");
	read = named(cart, "routes", "read");
	ck_assert_str_eq(text_at(read, "retries.attempts"), "1");
	ck_assert_str_eq(text_at(read, "retries.retryOn"), "retriable-status-codes,429,503");
	ck_assert_str_eq(text_at(read, "retries.backoff"), "1s");
	ck_assert_str_eq(text_at(named(cart, "routes", "write"), "retries.attempts"), "0");
	ck_assert_str_eq(text_at(named(cart, "routes", "default"), "timeout"), "20s");
	ck_assert_str_eq(text_at(cart, "policy.loadBalancer.simple"), "LEAST_REQUEST");
	ck_assert_str_eq(text_at(cart, "budget.own"), "20s");
	ck_assert_str_eq(text_at(cart, "budget.worst"), "9s"); /* pay 5s and mail 4s */
	end();
}
END_TEST

/* Who is registered for less than the environment's lifetime must not ask for that. */
/* By address only to that port; of pods the network knows labels, and the proxy addresses. */
START_TEST(test_callers_without_identity)
{
	const struct base_tree *old, *raw, *network;

	begin();
	old = named(model, "services", "old");
	ck_assert_uint_eq(base_tree_get(old, "byAddress")->count, 2);
	ck_assert_uint_eq(base_tree_get(old, "allow")->count, 0);
	raw = named(old, "byAddress", "by-address-raw");
	ck_assert_uint_eq(base_tree_get(raw, "ports")->count, 1);
	ck_assert_str_eq(item(raw, "ports", 0), "8181");
	ck_assert_uint_eq(base_tree_get(raw, "ipBlocks")->count, 3);
	ck_assert_str_eq(item(raw, "ipBlocks", 0), "192.0.2.0/24");
	ck_assert_str_eq(item(raw, "ipBlocks", 1), "198.51.100.7/32");
	ck_assert_str_eq(item(raw, "ipBlocks", 2), "10.1.0.0/16");
	ck_assert_str_eq(text_at(raw, "reason"), "scales");
	ck_assert_uint_eq(base_tree_get(old, "portMtls")->count, 1);
	ck_assert_str_eq(text_at(old, "portLevelMtls.8181.mode"), "PERMISSIVE");
	/* first the edge of monitoring */
	network = base_tree_at(old, "network.ingress");
	ck_assert_uint_eq(network->count, 4);
	ck_assert_str_eq(text_at(network->items[1], "why"), "plaintext");
	ck_assert_str_eq(item(network->items[1], "ipBlocks", 1), "198.51.100.7/32");
	ck_assert_ptr_null(base_tree_get(network->items[1], "namespace"));
	ck_assert_str_eq(text_at(network->items[2], "namespace"), "batch");
	ck_assert_str_eq(text_at(network->items[2], "selector.app"), "replay");
	ck_assert_ptr_null(base_tree_get(network->items[2], "ipBlocks"));
	ck_assert_str_eq(text_at(network->items[3], "namespace"), "jobs");
	ck_assert_ptr_null(base_tree_get(network->items[3], "selector"));
	for (size_t i = 1; i < network->count; i++) {
		const struct base_tree *ports = base_tree_get(network->items[i], "ports");

		ck_assert_uint_eq(ports->count, 1);
		ck_assert_str_eq(text_at(ports->items[0], "port"), "8181");
	}
	end();
}
END_TEST

START_TEST(test_certificate_ttl)
{
	begin();
	ck_assert_str_eq(text_at(named(model, "services", "pay"), "certificateTtl"), "1h30m0s");
	ck_assert_ptr_null(base_tree_get(named(model, "services", "cart"), "certificateTtl"));
	end();
}
END_TEST

START_TEST(test_pools)
{
	const struct base_tree *db, *primary, *replica;

	begin();
	db = named(model, "dataServices", "db");
	primary = named(db, "hosts", "db-rw");
	replica = named(db, "hosts", "db-ro");
	ck_assert_str_eq(text_at(db, "poolTotal"), "42"); /* 7 in each of 6 pods */
	ck_assert_str_eq(text_at(primary, "policy.connectionPool.tcp.maxConnections"), "7");
	ck_assert_str_eq(text_at(primary, "policy.connectionPool.tcp.idleTimeout"), "65m");
	ck_assert_ptr_null(base_tree_at(primary, "policy.outlierDetection"));
	ck_assert_str_eq(text_at(replica, "policy.outlierDetection.interval"), "1s");
	/* nobody calls it, so nobody knows how large its pools are */
	ck_assert_ptr_null(base_tree_at(replica, "policy.connectionPool.tcp.maxConnections"));
	end();
}
END_TEST

START_TEST(test_gateways)
{
	const struct base_tree *public, *out, *admin, *leave;

	begin();
	public = named(model, "gateways", "public");
	ck_assert_str_eq(text_at(public, "limits.perInstance.requestsPerSecond"), "16");
	ck_assert_str_eq(text_at(public, "limits.bodyBytes"), "10");
	ck_assert_str_eq(text_at(public, "certificate.minProtocolVersion"), "TLSV1_3");
	ck_assert_str_eq(text_at(public, "certificate.namespace"), "edge");
	ck_assert_str_eq(item(named(public, "allow", "to-shop-cart"), "hosts", 1), "shop.example:*");
	ck_assert_str_eq(item(named(public, "allow", "to-shop-cart"), "paths", 0), "/cart");
	ck_assert_str_eq(item(named(public, "allow", "redirect"), "ports", 0), "80");
	admin = named(public, "ipRules", "admin");
	ck_assert_str_eq(item(admin, "notRemoteIpBlocks", 0), "198.51.100.0/24");
	ck_assert_str_eq(item(admin, "ports", 0), "443");
	ck_assert_str_eq(item(named(public, "ipRules", "denied-clients"), "remoteIpBlocks", 0),
	    "192.0.2.0/24");
	out = named(model, "gateways", "out");
	leave = named(out, "allow", "to-shop-mail");
	ck_assert_str_eq(item(leave, "principals", 0), "shop.example/ns/shop/sa/cart");
	ck_assert_str_eq(item(leave, "hosts", 2), "mail2.example");
	end();
}
END_TEST

/* Each host is asked for by its own name, and must prove it. */
START_TEST(test_external)
{
	const struct base_tree *mail, *second;

	begin();
	mail = named(model, "externals", "mail");
	second = base_tree_get(mail, "hosts")->items[1];
	ck_assert_str_eq(text_at(second, "sni"), "mail2.example");
	ck_assert_str_eq(item(second, "subjectAltNames", 0), "mail2.example");
	ck_assert_str_eq(text_at(mail, "layer"), "http");
	ck_assert_str_eq(text_at(mail, "applicationPort"), "80");
	ck_assert_str_eq(text_at(mail, "toGateway.host"), "out.leave.svc.cluster.local");
	ck_assert_str_eq(text_at(mail, "retries.attempts"), "0");
	ck_assert_str_eq(
	    text_at(mail, "policy.connectionPool.http.maxRequestsPerConnection"), "9");
	end();
}
END_TEST

START_TEST(test_evidence)
{
	static const char *const REQUIREMENTS[] = {"1.3.1", "1.3.2", "4.2.1", "7.2.5", "10.2.1.4"};
	const struct base_tree *evidence;

	begin();
	evidence = base_tree_get(model, "evidence");
	ck_assert_uint_eq(evidence->count, 5);
	for (uint32_t i = 0; i < evidence->count; i++) {
		ck_assert_str_eq(text_at(evidence->items[i], "service"), "pay");
		ck_assert_str_eq(text_at(evidence->items[i], "requirement"), REQUIREMENTS[i]);
		ck_assert_uint_gt(base_tree_get(evidence->items[i], "objects")->count, 0);
	}
	end();
}
END_TEST

/* Dry runs limit nobody, and are evidence of nothing. */
START_TEST(test_no_evidence_where_rules_only_watch)
{
	static const char *const LIMITS[] = {"1.3.1", "1.3.2", "7.2.5"};
	char mesh[4096];
	const struct base_tree *evidence;

	(void)snprintf(mesh, sizeof(mesh), "%s  namespaces: [{name: shop, enforcement: observe}]\n", MESH);
	begin_in(mesh);
	evidence = base_tree_get(model, "evidence");
	ck_assert_uint_gt(evidence->count, 0);
	for (uint32_t i = 0; i < evidence->count; i++) {
		for (size_t j = 0; j < sizeof(LIMITS) / sizeof(LIMITS[0]); j++) {
			ck_assert_str_ne(text_at(evidence->items[i], "requirement"), LIMITS[j]);
		}
	}
	end();
}
END_TEST

static const struct base_tree *
fact(const struct base_tree *facts, const char *class, const char *key)
{
	for (uint32_t i = 0; i < facts->count; i++) {
		if (strcmp(text_at(facts->items[i], "class"), class) == 0 &&
		    strcmp(text_at(facts->items[i], "key"), key) == 0) {
			return facts->items[i];
		}
	}
	return NULL;
}

START_TEST(test_facts)
{
	const struct base_tree *facts;

	begin();
	facts = k8s_model_facts(k8s_inventory_arena(inventory), model);
	ck_assert_str_eq(text_at(fact(facts, "edge", "service shop/cart -> service shop/pay port 8081"),
			     "value"), "methods POST paths /pay");
	ck_assert_str_eq(text_at(fact(facts, "egress", "mail.example:443"), "value"),
	    "through leave/out");
	ck_assert_str_eq(text_at(fact(facts, "mtls", "namespace shop"), "strength"), "2");
	ck_assert_str_eq(text_at(fact(facts, "identity", "spiffe://shop.example/ns/shop/sa/pay"),
			     "value"), "active");
	ck_assert_str_eq(text_at(fact(facts, "stranger",
	    "198.51.100.7/32 enters port 8181 of shop/old without an identity"), "value"), "scales");
	ck_assert_str_eq(text_at(fact(facts, "exposure", "shop/cart"), "value"),
	    "at gateway edge/public");
	ck_assert_ptr_nonnull(fact(facts, "principal",
	    "shop.example/ns/shop/sa/cart enters service shop/pay"));
	ck_assert_ptr_nonnull(fact(facts, "principal",
	    "shop.example/ns/watch/sa/prometheus collects metrics"));
	end();
}
END_TEST

START_TEST(test_guards)
{
	static const struct {
		const char *key, *value, *of;
	} ROWS[] = {
	    {"network policies", "on", ""},
	    {"fault injection", "forbidden", ""},
	    {"TLS between proxies", "TLSV1_2", ""},
	    {"lifetime of certificates", "24h", ""},
	    {"proxies in namespace shop", "on", "namespace shop"},
	    {"pod security of namespace shop", "restricted", "namespace shop"},
	    {"class of shop/pay", "pci", "spiffe://shop.example/ns/shop/sa/pay"},
	    {"lifetime of spiffe://shop.example/ns/shop/sa/pay", "90m",
		"spiffe://shop.example/ns/shop/sa/pay"},
	    {"TLS of edge/public", "TLSV1_3", "spiffe://shop.example/ns/edge/sa/public"},
	    {"bodyBytes of edge/public", "10", "spiffe://shop.example/ns/edge/sa/public"},
	    {"denied-clients of edge/public: 192.0.2.0/24", "refused",
		"spiffe://shop.example/ns/edge/sa/public"},
	    {"admin of edge/public", "addresses 198.51.100.0/24",
		"spiffe://shop.example/ns/edge/sa/public"},
	    {"admin of edge/public: /cart/admin", "refused to others",
		"spiffe://shop.example/ns/edge/sa/public"},
	    {"TLS to mail.example:443", "by the gateway", "mail.example:443"},
	    {"certificate of mail.example:443", "names mail.example", "mail.example:443"},
	};
	const struct base_tree *facts;

	begin();
	facts = k8s_model_facts(k8s_inventory_arena(inventory), model);
	for (size_t i = 0; i < sizeof(ROWS) / sizeof(ROWS[0]); i++) {
		const struct base_tree *one = fact(facts, "guard", ROWS[i].key);

		ck_assert_msg(one != NULL, "%s", ROWS[i].key);
		ck_assert_str_eq(text_at(one, "value"), ROWS[i].value);
		ck_assert_str_eq(text_at(one, "of"), ROWS[i].of);
	}
	ck_assert_int_lt(base_tree_int(fact(facts, "guard", "lifetime of certificates"), "strength", 0),
	    base_tree_int(fact(facts, "guard",
			      "lifetime of spiffe://shop.example/ns/shop/sa/pay"), "strength", 0));
	end();
}
END_TEST

CHECK_MAIN("k8s_model", test_derived_edges, test_declared_edge, test_sidecar_knows_every_callee,
    test_routes, test_callers_without_identity, test_certificate_ttl, test_pools, test_gateways,
    test_external, test_evidence, test_no_evidence_where_rules_only_watch, test_facts,
    test_guards)
