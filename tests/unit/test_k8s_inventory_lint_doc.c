/* SPDX-License-Identifier: Apache-2.0 */
/* Every lint of single documents, with an inventory that has this one fault. */
#include "lint_make.h"

#define SHA256 "\"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\""
#define ROLLOUT(protocol) HEAD "Service\nmetadata: {name: q, namespace: shop}\nspec:\n  owner: team\n" \
	"  workload: {kind: Rollout, selector: {app: q}}\n" \
	"  ports: [{name: p, protocol: " protocol ", port: 7}]\n"

static const struct sample SAMPLES[] = {
	{"MCA0102", "  istio: {revisions: [{name: a}], tag: a, profile: stable}\n", "",
	    INGRESS_WHOLE "  limits: {requestsPerSecond: 1}\n", "limits of public"},
	{"MCA0102", "  istio: {revisions: [{name: a}], tag: a, profile: stable}\n", "",
	    INGRESS_WHOLE "  waf: {backend: coraza-wasm, failure: open}\n", "waf of public"},
	{"MCA0103", "  policies: {faults: allowed}\n",
	    "  faults: [{route: a, abort: {percent: \"1\", status: 503}, expires: 2026-11-23}]\n", NULL,
	    "2026-11-23"},
	{"MCA0104", "  policies: {faults: allowed}\n",
	    "  faults: [{route: a, abort: {percent: \"1\", status: 503}}]\n", NULL, "no end"},
	{"MCA0104", "  policies: {faults: allowed}\n",
	    "  faults: [{route: a, abort: {percent: \"1\", status: 503}, expires: 2027-02-30}]\n", NULL,
	    "no calendar"},
	{"MCA0105", "",
	    "  faults: [{route: a, abort: {percent: \"1\", status: 503}, expires: 2026-11-24}]\n", NULL,
	    "production forbids"},
	{"MCA0106", "", "  class: pci\n  logging: {redact: [query, authorization]}\n"
	    "  ports: [{name: http, protocol: http, port: 80, plaintext: {reason: old}}]\n", NULL,
	    "port http takes plaintext"},
	{"MCA0108", "", "", DATA("postgresql") DATA_PORTS "  breaker: {interval: 1s}\n", "only a primary"},
	{"MCA0109", "", "", DATA("redis-cluster") "  headless: true\n" DATA_PORTS, "no port for its own pods"},
	{"MCA0109", "", "", DATA("kafka") "  brokers: 3\n" DATA_PORTS, "no port for its own pods"},
	{"MCA0110", "", "", DATA("kafka") DATA_PORTS, "how many brokers"},
	{"MCA0111", "", "", DATA("redis-cluster") "  ports: [{name: db, port: 1234, peer: true}]\n",
	    "without a headless Service"},
	{"MCA0112", "  policies: {mtls: PERMISSIVE}\n", "", DATA("mysql") DATA_PORTS, "speaks first"},
	{"MCA0112", "  namespaces: [{name: shop, mtls: PERMISSIVE}]\n", "", DATA("mysql") DATA_PORTS,
	    "speaks first"},
	{"MCA0113", "", "", DATA("postgresql") "  ports: [{name: db, port: 5432, protocol: tls}]\n",
	    "protocol tls"},
	{"MCA0117", "", "", EXTERNAL("a") "  hosts: [a.example, b.example]\n  protocol: tcp\n", "several hosts"},
	{"MCA0117", "", "", EXTERNAL("a") "  hosts: [a.example, b.example]\n  tls: {originate: false}\n",
	    "several hosts"},
	{"MCA0119", "", "  ports: [{name: a, protocol: http, port: 80}, {name: b, protocol: http, port: 80}]\n",
	    NULL, "ports a and b"},
	{"MCA0120", "", "  ports: [{name: a, protocol: http, port: 80, targetPort: 15020}]\n", NULL, "15020"},
	{"MCA0121", "", "  scaling: {min: 9}\n", NULL, "min 9 is above max 4"},
	{"MCA0122", "", "  class: pci\n  logging: {redact: [query]}\n", NULL, "queries or tokens"},
	{"MCA0122", "", "  class: pci\n", NULL, "queries or tokens"},
	{"MCA0123", "", "", INGRESS_WHOLE
	    "  waf: {backend: coraza-wasm, failure: open, image: \"oci://a.example/b:1\"}\n", "no digest"},
	{"MCA0124", "", "", GATEWAY "  direction: egress\n  hosts: [a.example]\n", "hosts is of ingress"},
	{"MCA0125", "", "", INGRESS "  certificate: {issuer: a}\n", "answers for no host"},
	{"MCA0125", "", "", INGRESS "  hosts: [a.example]\n", "no certificate"},
	{"MCA0126", "", "", INGRESS "  hosts: [a.example]\n  certificate: {issuer: a}\n"
	    "  limits: {perClientPerMinute: 1}\n", "whoever opens the connection"},
	{"MCA0127", "", "  probes: {managementPort: 8080}\n", NULL, "management port by port http"},
	{"MCA0129", "", "", EXTERNAL("a") "  hosts: [a.example]\n  protocol: tls\n", "speaks TLS already"},
	{"MCA0130", "  policies: {networkPolicy: false}\n",
	    "  class: pci\n  logging: {redact: [query, authorization]}\n", NULL, "has no NetworkPolicy"},
	{"MCA0106", "  policies: {mtls: PERMISSIVE}\n", "  class: pci\n  logging: {redact: [query, authorization]}\n",
	    NULL, "its namespace takes plaintext in production"},
	{"MCA0136", "", "", INGRESS "  hosts: [shop.example]\n  certificate: {issuer: a, challenge: http-01}\n"
	    "  trustedProxies: 1\n  clientRanges: {allow: [192.0.2.0/24]}\n", "asks by HTTP"},
	{"MCA0135", "", "  rollout: {strategy: canary}\n", NULL, "a rollout that nobody runs"},
	{"MCA0135", "", "", HEAD "Service\nmetadata: {name: q, namespace: shop}\nspec:\n  owner: team\n"
	    "  workload: {kind: Rollout, selector: {app: q}}\n  rollout: {strategy: canary}\n"
	    "  ports: [{name: raw, protocol: tcp, port: 7}]\n", "q has a canary and no port that speaks HTTP"},
	{"MCA0134", "", "", INGRESS_WHOLE "  waf: {backend: coraza-wasm, failure: open}\n",
	    "keeps public in production from the image"},
	{"MCA0103", "  policies: {faults: allowed}\n",
	    "  faults: [{route: a, abort: {percent: \"1\", status: 503}, expires: 2025-12-31}]\n", NULL, "2025-12-31"},
	{"MCA0109", "", "", DATA("kafka") "  brokers: 2\n" DATA_PORTS, "no port for its own pods"},
	{"MCA0110", "", "", DATA("kafka") "  ports: [{name: db, port: 1234, peer: true}]\n", "how many brokers"},
	{"MCA0112", "  policies: {mtls: PERMISSIVE}\n", "", DATA("other") "  ports: [{name: a, port: 1, protocol: mysql}]\n",
	    "speaks first"},
	{"MCA0117", "", "", EXTERNAL("a") "  hosts: [a.example, b.example]\n  protocol: tls\n  tls: {originate: false}\n",
	    "several hosts"},
	{"MCA0121", "", "", INGRESS_WHOLE "  scaling: {min: 5}\n", "min 5 is above max 4"},
	{"MCA0122", "", "  class: pci\n  logging: {redact: [authorization]}\n", NULL, "queries or tokens"},
	{"MCA0124", "", "", GATEWAY "  direction: egress\n  limits: {connections: 1}\n", "limits is of ingress"},
	{"MCA0124", "", "", GATEWAY "  direction: egress\n  certificate: {issuer: a}\n", "certificate is of ingress"},
	{"MCA0124", "", "", GATEWAY "  direction: egress\n  clientRanges: {deny: [192.0.2.0/24]}\n",
	    "clientRanges is of ingress"},
	{"MCA0124", "", "", GATEWAY "  direction: egress\n  waf: {backend: ext-authz, failure: open}\n", "waf is of ingress"},
	{"MCA0126", "", "", INGRESS "  hosts: [a.example]\n  certificate: {issuer: a}\n"
	    "  clientRanges: {deny: [192.0.2.0/24]}\n", "whoever opens the connection"},
};
#define SAMPLE_COUNT (sizeof(SAMPLES) / sizeof(SAMPLES[0]))

START_TEST(test_each_fault_is_found)
{
	expect_found(SAMPLES, SAMPLE_COUNT);
}
END_TEST

START_TEST(test_every_code_has_a_sample)
{
	for (const char *code = DOCUMENT_CODES; *code != '\0'; code += strcspn(code, " "), code += strspn(code, " ")) {
		bool found = false;

		for (size_t i = 0; i < SAMPLE_COUNT; i++) {
			found = found || strncmp(SAMPLES[i].code, code, strlen("MCA0000")) == 0;
		}
		ck_assert_msg(found, "%.7s has no sample", code);
	}
}
END_TEST

/* What is sound has no finding, though it is near the faults above. */
START_TEST(test_nothing_is_found_in_sound_ones)
{
	static const struct sample SOUND[] = {
		{"", "  policies: {faults: allowed}\n",
		    "  faults: [{route: a, abort: {percent: \"1\", status: 503}, expires: 2026-11-24}]\n", NULL, ""},
		{"", "", "  class: pci\n  logging: {redact: [authorization, query]}\n", NULL, ""},
		{"", "  policies: {networkPolicy: false, outbound: ALLOW_ANY}\n"
		     "  namespaces: [{name: shop, enforcement: observe}]\n",
		    "  class: pci\n  logging: {redact: [authorization, query]}\n", NULL, ""},
		{"", "  istio: {revisions: [{name: a}], tag: a, profile: stable}\n", "", INGRESS_WHOLE, ""},
		{"", "", "", DATA("postgresql") "  breaker: {interval: 1s}\n"
		     "  ports: [{name: a, port: 5432, role: primary}, {name: b, port: 5432, host: ro, role: replica}]\n", ""},
		{"", "", "", DATA("mysql") DATA_PORTS, ""},
		{"", "", "", EXTERNAL("a") "  hosts: [a.example]\n  protocol: tls\n  tls: {originate: false}\n", ""},
		/* exactly the bound, or the one thing that is missed above */
		{"", "", "  scaling: {min: 4}\n", NULL, ""},
		{"", "", "  scaling: {min: 7, max: 7}\n", NULL, ""},
		{"", "", "  ports: [{name: a, protocol: http, port: 80, targetPort: 15005}]\n", NULL, ""},
		{"", "", "  ports: [{name: a, protocol: http, port: 15020, targetPort: 80}]\n", NULL, ""},
		{"", "", "  probes: {managementPort: 8081}\n", NULL, ""},
		{"", "", "", DATA("kafka") "  brokers: 1\n" DATA_PORTS, ""},
		{"", "", "", DATA("kafka") "  brokers: 2\n  ports: [{name: db, port: 1234, peer: true}]\n", ""},
		{"", "", "", DATA("redis-cluster") "  headless: true\n  ports: [{name: db, port: 1234, peer: true}]\n", ""},
		{"", "", "", DATA("other") "  ports: [{name: db, port: 5432, protocol: tls}]\n", ""},
		{"", "", "", INGRESS_WHOLE "  limits: {perClientPerMinute: 1}\n", ""},
		{"", "", "", INGRESS "  hosts: [a.example]\n  certificate: {issuer: a}\n  limits: {requestsPerSecond: 1}\n",
		    ""},
		{"", "", "", INGRESS_WHOLE "  waf: {backend: coraza-wasm, failure: open, image: \"oci://a.example/b\", "
		     "sha256: " SHA256 ", imageRanges: [192.0.2.0/24]}\n", ""},
		{"", "", "", INGRESS_WHOLE "  waf: {backend: ext-authz, failure: open, service: cart}\n", ""},
		{"", "  policies: {networkPolicy: false, outbound: ALLOW_ANY}\n", "", INGRESS_WHOLE
		     "  waf: {backend: coraza-wasm, failure: open}\n", ""},
		{"", "", "", GATEWAY "  direction: egress\n", ""},
		{"", "", "", INGRESS "  hosts: [shop.example]\n  certificate: {issuer: a, challenge: http-01}\n"
		     "  trustedProxies: 1\n  clientRanges: {deny: [192.0.2.0/24]}\n", ""},
		{"", "", "", EXTERNAL("a") "  hosts: [a.example, b.example]\n", ""},
		{"", "", "", EXTERNAL("a") "  hosts: [a.example, b.example]\n  protocol: http\n  tls: {originate: false}\n", ""},
		{"", "", "", ROLLOUT("grpc") "  rollout: {strategy: canary}\n", ""},
		{"", "", "", ROLLOUT("tcp") "  rollout: {strategy: blue-green}\n", ""},
	};

	expect_sound(SOUND, sizeof(SOUND) / sizeof(SOUND[0]));
}
END_TEST

/* Ports of the proxy, as Istio lists them. */
START_TEST(test_reserved_ports)
{
	static const int RESERVED[] = {15000, 15001, 15002, 15004, 15006, 15008, 15009, 15020, 15021, 15053, 15090};

	for (size_t i = 0; i < sizeof(RESERVED) / sizeof(RESERVED[0]); i++) {
		char service[128];
		struct sample sample = {"MCA0120", "", service, NULL, "belongs to the proxy"};

		(void)snprintf(service, sizeof(service), "  ports: [{name: a, protocol: http, port: %d}]\n", RESERVED[i]);
		expect_found(&sample, 1);
	}
}
END_TEST

/* Where rules only watch, plaintext of class pci is no breach of theirs yet. */
START_TEST(test_what_only_watches)
{
	static const struct sample WATCHED = {"MCA0106", "  policies: {mtls: PERMISSIVE}\n"
	    "  namespaces: [{name: shop, enforcement: observe}]\n",
	    "  class: pci\n  logging: {redact: [query, authorization]}\n", NULL, ""};
	struct k8s_inventory *inventory = inventory_new(&WATCHED);

	ck_assert_ptr_null(find(inventory, &WATCHED));
	k8s_inventory_free(inventory);
}
END_TEST

/* The last day of a fault is whole. */
START_TEST(test_last_day)
{
	static const struct sample FAULT = {"MCA0103", "  policies: {faults: allowed}\n",
	    "  faults: [{route: a, abort: {percent: \"1\", status: 503}, expires: 2026-11-24}]\n", NULL, "2026-11-24"};
	static const struct {
		int64_t at;
		bool over;
	} ROWS[] = {{AT, false}, {AT + 86399, false}, {AT + 86400, true}};

	for (size_t i = 0; i < sizeof(ROWS) / sizeof(ROWS[0]); i++) {
		struct k8s_inventory *inventory = inventory_new_at(&FAULT, ROWS[i].at);

		ck_assert_msg((find(inventory, &FAULT) != NULL) == ROWS[i].over, "row %zu", i);
		k8s_inventory_free(inventory);
	}
}
END_TEST

CHECK_MAIN("k8s_inventory_lint_doc", test_each_fault_is_found, test_every_code_has_a_sample,
    test_nothing_is_found_in_sound_ones, test_reserved_ports, test_what_only_watches,
    test_last_day)
