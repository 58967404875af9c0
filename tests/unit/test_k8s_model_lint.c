/* SPDX-License-Identifier: Apache-2.0 */
/* Every finding of the graph and the model, with a small mesh that has this one fault. */
#include <stdio.h>
#include <string.h>

#include "check_main.h"

#include "k8s/lint.h"

#define AT INT64_C(1795478400) /* 2026-11-24 */
#define HEAD "---\napiVersion: meshca.dev/v1alpha1\nkind: "

static const char MESH[] = HEAD "Mesh\nmetadata: {name: shop}\nspec:\n"
				"  namespaces: [{name: shop}, {name: one}, {name: two}]\n";
static const char ENVIRONMENT[] = HEAD "Environment\nmetadata: {name: production}\nspec:\n"
				       "  clusters: [{name: one}]\n"
				       "  istio: {revisions: [{name: a, tag: stable}], tag: stable}\n"
				       "  policies: {faults: allowed}\n";

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

static const struct sample SAMPLES[] = {
	{"MCA1001", SERVICE("a") "  calls: [{service: b}]\n" SERVICE("b"),
	    "shop/a calls shop/b, which does not accept it"},
	{"MCA1002", SERVICE("a") SERVICE("b") "  accepts: [{from: a}]\n",
	    "shop/a is accepted by shop/b, but does not call it"},
	{"MCA1003", SERVICE("a") "  calls: [{service: b, methods: [GET]}]\n" SERVICE("b")
	    "  accepts: [{from: a, methods: [POST]}]\n", "nothing in common"},
	{"MCA1003", SERVICE("a") "  calls: [{service: b, paths: [/x/*]}]\n" SERVICE("b")
	    "  accepts: [{from: a, paths: [/y/*]}]\n", "nothing in common"},
	{"MCA1004", SERVICE("a") "  calls: [{service: b}]\n" SERVICE("b") PCI, "which does not accept it"},
	{"MCA1004", SERVICE("a") PCI SERVICE("b") "  accepts: [{from: a}]\n", "but does not call it"},
	{"MCA1031", IN("shop", "a") "  ports: [{name: raw, protocol: tcp, port: 80, plaintext: {reason: old}}]\n",
	    "raw of shop/a takes connections without mTLS, and no rule is for callers without an identity"},
	{"MCA1041", FROM("192.0.2.1/24"), "192.0.2.1/24 has bits behind its prefix"},
	{"MCA1041", FROM("10.0.0.128/24"), "10.0.0.128/24 has bits behind its prefix"},
	{"MCA1041", FROM("2001:db8::1/64"), "2001:db8::1/64 has bits behind its prefix"},
	{"MCA1041", FROM(":::/0"), ":::/0 is no address range"},
	{"MCA1041", FROM("1:2:3:4:5:6:7:8:9/64"), "1:2:3:4:5:6:7:8:9/64 is no address range"},
	{"MCA1041", FROM("::ffff:c000:200/120"), "an IPv4 address in disguise"},
	{"MCA1041", INGRESS("public") "  clientRanges: {allow: [192.0.2.0/24, 198.51.100.9/24]}\n",
	    "clientRanges.allow of edge/public: 198.51.100.9/24 has bits behind its prefix"},
	{"MCA1041", INGRESS("public") "  clientRanges: {deny: [\":::/0\"]}\n",
	    "clientRanges.deny of edge/public: :::/0 is no address range"},
	{"MCA1041", INGRESS("public") "  clientRanges: {admin: {paths: [/a], allow: [\"::ffff:c000:200/120\"]}}\n",
	    "clientRanges.admin.allow of edge/public: ::ffff:c000:200/120 is an IPv4 address in disguise"},
	{"MCA1041", INGRESS("public") "  waf: {backend: coraza-wasm, failure: closed, imageRanges: [\"2001:db8::1/64\"]}\n",
	    "waf.imageRanges of edge/public: 2001:db8::1/64 has bits behind its prefix"},
	{"MCA1042", FROM("0.0.0.0/0"), "raw of shop/a lets in 0.0.0.0/0 without an identity"},
	{"MCA1042", FROM("128.0.0.0/1"), "raw of shop/a lets in 128.0.0.0/1 without an identity"},
	{"MCA1042", FROM("::/0"), "raw of shop/a lets in ::/0 without an identity"},
	{"MCA1042", FROM("2000::/3"), "raw of shop/a lets in 2000::/3 without an identity"},
	{"MCA0106", FROM("0.0.0.0/0") PCI, "a is of class pci, and port raw takes plaintext"},
	{"MCA1043", FROM_PODS("two"), "raw of shop/a lets in pods of two without an identity, and two is the mesh's"},
	{"MCA1043", FROM_PODS("shop"), "raw of shop/a lets in pods of shop without an identity, and shop is the mesh's"},
	{"MCA1044", FROM_PODS("batch") HEAD "Environment\nmetadata: {name: open}\nspec:\n  clusters: [{name: two}]\n"
	    "  istio: {revisions: [{name: a}], tag: a}\n  policies: {networkPolicy: false}\n",
	    "without NetworkPolicy whoever has their addresses gets in"},
	{"MCA1030", SERVICE("a") "  identity: {maxTtl: 500ms}\n", "registered for certificates of 500ms"},
	{"MCA1030", SERVICE("a") "  identity: {maxTtl: 61500ms}\n", "registered for certificates of 61500ms"},
	{"MCA1030", SERVICE("a") "  identity: {maxTtl: 876000h}\n", "registered for certificates of 876000h"},
	{"MCA1030", SERVICE("a") "  identity: {dnsNames: [a.x, b.x, c.x, d.x, e.x, f.x, g.x, h.x, i.x, j.x, k.x, "
	    "l.x, m.x, n.x, o.x, p.x, q.x]}\n", "registered for 17 DNS names"},
	{"MCA1005", SERVICE("a") "  calls: [{service: nobody}]\n", "no service is named nobody"},
	{"MCA1005", SERVICE("a") "  accepts: [{from: nobody}]\n", "no service is named nobody"},
	{"MCA1005", SERVICE("a") "  calls: [{external: x}]\n" EXTERNAL("x", "a"),
	    "no egress gateway is named out"},
	{"MCA1006", SERVICE("a") "  calls: [{service: b}]\n" IN("one", "b") HTTP IN("two", "b") HTTP,
	    "several namespaces have a service named b"},
	{"MCA1007", SERVICE("a") "  calls: [{service: b, methods: [GET, POST]}]\n" SERVICE("b")
	    "  accepts: [{from: a, methods: [GET]}]\n", "a asks shop/b for POST"},
	{"MCA1008", SERVICE("a") "  calls: [{service: b, methods: [GET]}]\n" TCP_SERVICE("b")
	    "  accepts: [{from: a}]\n", "no port that speaks HTTP"},
	{"MCA1008", TCP_SERVICE("a") "  gatewayPaths: [/a]\n" INGRESS("public"), "no port that speaks HTTP"},
	{"MCA1009", SERVICE("a") "  calls: [{service: b, port: grpc}]\n" SERVICE("b")
	    "  accepts: [{from: a}]\n", "shop/b has no port named grpc"},
	{"MCA1009", DB "  maxConnections: 9\n  backup: {serviceAccount: saver, port: copy}\n"
	    SERVICE("a") "  calls: [{data: db, pool: {size: 1}}]\n", "shop/db has no port named copy"},
	{"MCA1010", SERVICE("a") "  calls: [{service: b}]\n  accepts: [{from: b}]\n" SERVICE("b")
	    "  calls: [{service: a}]\n  accepts: [{from: a}]\n", "a"},
	{"MCA1011", SERVICE("a") "  timeout: 1s\n  calls: [{service: b}]\n" SERVICE("b")
	    "  timeout: 3s\n  accepts: [{from: a}]\n", "has 1s, but its callees may take 3s"},
	{"MCA1012", SERVICE("a") "  timeout: 2s\n  routes: [{name: read, idempotent: true, "
	    "retries: {attempts: 1, perTryTimeout: 3s}}]\n", "one try of route read of shop/a has 3s"},
	{"MCA1013", SERVICE("a") "  routes: [{name: write, retries: {attempts: 1}}]\n",
	    "route write of a has retries, but is not idempotent"},
	{"MCA1014", SERVICE("a") PCI "  routes: [{name: read, idempotent: true, retries: {attempts: 1}}]\n",
	    "is of class pci and has retries"},
	{"MCA1015", SERVICE("a") "  faults: [{route: gone, abort: {percent: \"1\", status: 503}, "
	    "expires: 2026-12-01}]\n", "a has no route named gone"},
	{"MCA1014", SERVICE("a") PCI "  calls: [{external: x}]\n" EXTERNAL("x", "a")
	    "  retries: {attempts: 1}\n" EGRESS("out"), "x is called by a service of class pci and has retries"},
	{"MCA1013", SERVICE("a") "  calls: [{external: x}]\n" EXTERNAL("x", "a")
	    "  retries: {attempts: 1, retryOn: [connect-failure, 5xx]}\n" EGRESS("out"), "may have been done"},
	{"MCA1013", SERVICE("a") "  calls: [{external: x}]\n" EXTERNAL("x", "a")
	    "  retries: {attempts: 1, retryOn: [retriable-status-codes], statusCodes: [504]}\n" EGRESS("out"),
	    "may have been done"},
	{"MCA1016", SERVICE("a") "  scaling: {max: 5}\n  rollout: {strategy: canary}\n"
	    "  calls: [{data: db, pool: {size: 2}}]\n" DB "  maxConnections: 19\n",
	    "may open 20 connections, but it takes 19"},
	{"MCA1016", SERVICE("a") "  scaling: {max: 5}\n  calls: [{data: db, pool: {size: 3}}]\n" DB
	    "  maxConnections: 20\n  reservedConnections: 6\n", "may open 15 connections, but it takes 14"},
	{"MCA1017", SERVICE("a") "  calls: [{data: db}]\n" DB "  maxConnections: 20\n",
	    "without saying how many connections"},
	{"MCA1018", SERVICE("a") "  calls: [{data: db, pool: {size: 1}}]\n" DB
	    "  maxConnections: 20\n  idleTimeout: 30m\n", "after 30m of silence, but pools keep them 30m"},
	{"MCA1019", IN("shop", "a") "  ports: [{name: v, protocol: http, port: 80, targetPort: 8080}, "
	    "{name: w, protocol: http, port: 81, targetPort: 8080}]\n", "v and w of shop/a are both port 8080"},
	{"MCA1020", SERVICE("a") "  gatewayPaths: [/a]\n", "not clear at which ingress gateway"},
	{"MCA1020", SERVICE("a") "  gatewayPaths: [/a]\n" INGRESS("left") INGRESS("right"), "not clear"},
	{"MCA1020", SERVICE("a") "  gatewayPaths: [/a]\n  gateway: out\n" EGRESS("out"), "not clear"},
	{"MCA1021", SERVICE("a") "  gatewayPaths: [/a]\n" SERVICE("b") "  gatewayPaths: [/a]\n"
	    INGRESS("public"), "shop/a claims /a and shop/b claims /a"},
	{"MCA1021", SERVICE("a") "  gatewayPaths: [/a/*]\n" SERVICE("b") "  gatewayPaths: [/a/b/c]\n"
	    INGRESS("public"), "shop/a claims /a/* and shop/b claims /a/b/c"},
	{"MCA1021", SERVICE("a") "  gatewayPaths: [\"/a/{*}/c\"]\n" SERVICE("b")
	    "  gatewayPaths: [/a/b, /a/b/c]\n" INGRESS("public"), "shop/b claims /a/b/c"},
	{"MCA1022", SERVICE("a") "  gatewayPaths: [/a]\n  jwt: {provider: people, rules: [{paths: [/b]}]}\n"
	    PROVIDER INGRESS("public"), "no gateway path of shop/a leads to"},
	{"MCA1023", SERVICE("a") "  jwt: {provider: nobody, rules: [{paths: [/b]}]}\n",
	    "no identity provider is named nobody"},
	{"MCA1024", SERVICE("a") PCI "  calls: [{external: x}]\n" SERVICE("b") "  calls: [{external: z}]\n"
	    EXTERNAL("x", "a") EXTERNAL("z", "b") EGRESS("out"), "through the same egress gateway out"},
	{"MCA1024", SERVICE("a") "  egressGateway: own\n  calls: [{external: x}]\n" EXTERNAL("x", "a")
	    EGRESS("out") EGRESS("own"), "a leaves through the egress gateway own"},
	{"MCA1025", SERVICE("a") "  calls: [{data: k, port: k, topics: [{name: orders, access: write}]}]\n" KAFKA,
	    "asks nobody who they are"},
	{"MCA1026", SERVICE("a") "  calls: [{data: k, port: k, topics: [{name: ordres, access: write}]}]\n" KAFKA
	    "  authentication: scram-sha-512\n", "has no topic named ordres"},
	{"MCA1027", SERVICE("a") SERVICE("b") "  serviceAccount: a\n", "share the account shop/a"},
	{"MCA1028", SERVICE("a") "  serviceAccount: default\n", "shop/a uses the account default"},
	{"MCA1032", SERVICE("a") HEAD "Service\nmetadata: {name: c, namespace: shop}\nspec:\n  owner: team\n"
	    "  workload: {selector: {role: b, app: a}}\n" HTTP, "the selector of shop/a chooses the pods of shop/c, too"},
	{"MCA1032", HEAD "Service\nmetadata: {name: a, namespace: shop}\nspec:\n  owner: team\n"
	    "  workload: {selector: {}}\n" HTTP, "the selector of shop/a is empty"},
	{"MCA1032", EGRESS("one") HEAD "Gateway\nmetadata: {name: out, namespace: two}\nspec:\n"
	    "  direction: egress\n  selector: {app: one}\n",
	    "the selector of edge/one chooses the pods of two/out, too"},
	{"MCA1033", INGRESS("public") "  waf: {backend: ext-authz, failure: closed}\n",
	    "judges requests of edge/public"},
	{"MCA1033", TCP_SERVICE("judge") INGRESS("public")
	    "  waf: {backend: ext-authz, failure: closed, service: judge}\n", "judges requests of edge/public"},
	{"MCA1029", INGRESS("public") "  limits: {requestsPerSecond: 3}\n  scaling: {max: 4}\n",
	    "requestsPerSecond 3 of edge/public cannot be divided among 4 pods"},
};
#define SAMPLE_COUNT (sizeof(SAMPLES) / sizeof(SAMPLES[0]))

static struct k8s_inventory *
inventory_new(const struct sample *sample)
{
	const struct k8s_file files[] = {{"mesh.yaml", base_span_str(MESH)},
	    {"production.yaml", base_span_str(ENVIRONMENT)},
	    {"sample.yaml", base_span_str(sample->documents)}};
	struct k8s_inventory *inventory = k8s_inventory_from(files, 3);
	const struct k8s_findings *findings = k8s_inventory_findings(inventory);

	ck_assert_msg(k8s_findings_count(findings) == 0, "%s \"%s\": %s", sample->code, sample->says,
	    k8s_findings_count(findings) == 0 ? "" : k8s_findings_get(findings, 0)->what);
	k8s_inventory_lint(inventory, AT);
	return inventory;
}

static const struct k8s_finding *
find(const struct k8s_findings *findings, const struct sample *sample)
{
	for (size_t i = 0; i < k8s_findings_count(findings); i++) {
		const struct k8s_finding *one = k8s_findings_get(findings, i);

		if (strcmp(one->code, sample->code) == 0 && strstr(one->what, sample->says) != NULL) {
			return one;
		}
	}
	return NULL;
}

START_TEST(test_each_fault_is_found)
{
	for (size_t i = 0; i < SAMPLE_COUNT; i++) {
		struct k8s_inventory *inventory = inventory_new(&SAMPLES[i]);
		const struct k8s_finding *one =
		    find(k8s_inventory_findings(inventory), &SAMPLES[i]);

		ck_assert_msg(one != NULL, "%s \"%s\" is not found", SAMPLES[i].code, SAMPLES[i].says);
		ck_assert_msg(one->at->line > 0, "%s has no line", one->code);
		ck_assert_str_eq(one->at->file, "sample.yaml");
		ck_assert_str_ne(one->fix, "");
		k8s_inventory_free(inventory);
	}
}
END_TEST

/* Near to the faults above, and none of them. */
START_TEST(test_nothing_is_found_in_sound_ones)
{
	static const struct sample SOUND[] = {
		{"", SERVICE("a") "  calls: [{service: b, methods: [GET]}]\n" SERVICE("b")
		    "  accepts: [{from: a}]\n", NULL},
		{"", SERVICE("a") "  calls: [{service: b, namespace: one}]\n" IN("one", "b") HTTP
		    "  accepts: [{from: a}]\n" IN("two", "b") HTTP, NULL},
		{"", SERVICE("a") "  timeout: 1s\n  calls: [{service: b, asynchronous: true}]\n" SERVICE("b")
		    "  timeout: 3s\n  accepts: [{from: a}]\n", NULL},
		{"", SERVICE("a") "  timeout: 1s\n  calls: [{service: b, timeout: 500ms}]\n" SERVICE("b")
		    "  timeout: 3s\n  accepts: [{from: a}]\n", NULL},
		{"", SERVICE("a") "  scaling: {max: 5}\n  calls: [{data: db, pool: {size: 3}}]\n" DB
		    "  maxConnections: 20\n  reservedConnections: 5\n", NULL},
		{"", SERVICE("a") "  calls: [{data: db, pool: {size: 1}}]\n" DB
		    "  maxConnections: 20\n  idleTimeout: 0s\n", NULL},
		{"", SERVICE("a") "  gatewayPaths: [/a, /a/*]\n" SERVICE("b") "  gatewayPaths: [/ab, /ab/*]\n"
		    INGRESS("public"), NULL},
		{"", SERVICE("a") "  gatewayPaths: [/a]\n  gateway: left\n" SERVICE("b") "  gatewayPaths: [/a]\n"
		    "  gateway: right\n" INGRESS("left") INGRESS("right"), NULL},
		{"", SERVICE("a") "  calls: [{external: x}]\n" EXTERNAL("x", "a") EGRESS("out"), NULL},
		{"", SERVICE("a") IN("one", "a") HTTP, NULL},
		{"", SERVICE("a") "  calls: [{external: x}]\n" EXTERNAL("x", "a")
		    "  idempotent: true\n  retries: {attempts: 1, retryOn: [5xx]}\n" EGRESS("out"), NULL},
		{"", SERVICE("a") "  calls: [{external: x}]\n" EXTERNAL("x", "a")
		    "  retries: {attempts: 1, retryOn: [connect-failure]}\n" EGRESS("out"), NULL},
		{"", SERVICE("judge") INGRESS("public")
		    "  waf: {backend: ext-authz, failure: closed, service: judge}\n", NULL},
		{"", SERVICE("a") "  identity: {maxTtl: 60s, dnsNames: [a.x, b.x]}\n", NULL},
		{"", FROM("198.51.100.7/32"), NULL},
		{"", FROM("2001::/16\", \"2001:db8::1/128\", \"10.0.0.0/8"), NULL},
		{"", FROM_PODS("batch"), NULL},
		{"", INGRESS("public") "  clientRanges: {allow: [0.0.0.0/0, \"::/0\"], deny: [10.0.0.0/8, \"2001:db8::/32\"]}\n"
		    "  waf: {backend: coraza-wasm, failure: closed, imageRanges: [203.0.113.7/32]}\n", NULL},
		{"", INGRESS("public") "  limits: {requestsPerSecond: 4}\n  scaling: {max: 4}\n", NULL},
		{"", SERVICE("a") "  calls: [{data: k, port: k, topics: [{name: orders, access: write}]}]\n" KAFKA
		    "  authentication: scram-sha-512\n", NULL},
	};

	for (size_t i = 0; i < sizeof(SOUND) / sizeof(SOUND[0]); i++) {
		struct k8s_inventory *inventory = inventory_new(&SOUND[i]);
		const struct k8s_findings *findings = k8s_inventory_findings(inventory);

		for (size_t j = 0; j < k8s_findings_count(findings); j++) {
			const struct k8s_finding *one = k8s_findings_get(findings, j);

			ck_assert_msg(strcmp(one->code, "MCA1000") < 0, "sound %zu: %s %s", i, one->code,
			    one->what);
		}
		k8s_inventory_free(inventory);
	}
}
END_TEST

START_TEST(test_every_code_has_a_sample)
{
	for (size_t i = 0; i < k8s_lint_count(); i++) {
		const char *code = k8s_lint_nth(i)->code;
		bool found = strcmp(code, "MCA1000") < 0;

		for (size_t j = 0; j < SAMPLE_COUNT; j++) {
			found = found || strcmp(SAMPLES[j].code, code) == 0;
		}
		ck_assert_msg(found, "%s has no sample", code);
	}
}
END_TEST

CHECK_MAIN("k8s_model_lint", test_each_fault_is_found, test_nothing_is_found_in_sound_ones,
    test_every_code_has_a_sample)
