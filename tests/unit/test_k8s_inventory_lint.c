/* SPDX-License-Identifier: Apache-2.0 */
/* Every lint of documents and environments, with an inventory that has this one fault. */
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

static const struct sample SAMPLES[] = {
	{"MCA0101", "", "", SECOND "  clusters: [{name: one}]\n  istio: {revisions: [{name: a}], tag: a}\n",
	    "environment development's"},
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
	{"MCA0107", "", "  onCall: \"token=abcdefgh\"\n", NULL, "a password"},
	{"MCA0107", "", "  onCall: ghp_abcdefghijklmnopqrstuvwx\n", NULL, "a token"},
	{"MCA0107", "", "  onCall: \"x AKIAABCDEFGHIJKLMNOP\"\n", NULL, "AWS"},
	{"MCA0107", "", "  onCall: \"https://me:hunter2@pager.example\"\n", NULL, "URL"},
	{"MCA0107", "", "  onCall: eyJhbGciOiJub25lIn0.eyJzdWIiOiJhIn0.\n", NULL, "a token"},
	{"MCA0107", "", "  onCall: \"-----BEGIN PRIVATE KEY-----\"\n", NULL, "PEM"},
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
	{"MCA0114", "", "", HEAD "Service\nmetadata: {name: cart, namespace: other}\nspec:\n  owner: team\n"
	    "  workload: {selector: {app: cart}}\n  ports: [{name: http, protocol: http, port: 80}]\n",
	    "no namespace other"},
	{"MCA0114", "  namespaces: [{name: shup}]\n", "", NULL, "no namespace shup"},
	{"MCA0115", "  istio: {revisions: [{name: a}], tag: b}\n", "", NULL, "the tag b"},
	{"MCA0116", "  policies: {networkPolicy: false}\n", "", NULL, "without NetworkPolicy"},
	{"MCA0117", "", "", EXTERNAL("a") "  hosts: [a.example, b.example]\n  protocol: tcp\n", "several hosts"},
	{"MCA0117", "", "", EXTERNAL("a") "  hosts: [a.example, b.example]\n  tls: {originate: false}\n",
	    "several hosts"},
	{"MCA0117", "", "", EXTERNAL("a") "  hosts: [a.example]\n  protocol: tcp\n  port: 25\n---\n" EXTERNAL("b")
	    "  hosts: [b.example]\n  protocol: tcp\n  port: 25\n", "cart calls a and b, both TCP on port 25"},
	{"MCA0118", "", "", EXTERNAL("a") "  hosts: [a.example]\n---\n" EXTERNAL("b") "  hosts: [a.example]\n",
	    "a.example is a's"},
	{"MCA0118", "", "", EXTERNAL("a") "  hosts: [a.example]\n---\n" EXTERNAL("b")
	    "  hosts: [a.example]\n  port: 8443\n", "a.example is a's"},
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
	{"MCA0128", "  policies: {mtls: PERMISSIVE}\n", "", NULL, "without mTLS"},
	{"MCA0128", "  namespaces: [{name: shop, mtls: PERMISSIVE}]\n", "", NULL, "without mTLS in production"},
	{"MCA0129", "", "", EXTERNAL("a") "  hosts: [a.example]\n  protocol: tls\n", "speaks TLS already"},
	{"MCA0130", "  policies: {networkPolicy: false}\n",
	    "  class: pci\n  logging: {redact: [query, authorization]}\n", NULL, "has no NetworkPolicy"},
	{"MCA0131", "", "", HEAD "DataService\nmetadata: {name: cart, namespace: shop}\nspec:\n"
	    "  owner: team\n  maxConnections: 9\n  workload: {selector: {app: db}}\n  engine: other\n" DATA_PORTS,
	    "shop/cart is a Service, too (cart.yaml:"},
	{"MCA0131", "", "", DATA("other") "  ports: [{name: db, port: 1, host: cart}]\n", "is a Service, too"},
	{"MCA0106", "  policies: {mtls: PERMISSIVE}\n", "  class: pci\n  logging: {redact: [query, authorization]}\n",
	    NULL, "its namespace takes plaintext in production"},
	{"MCA0136", "", "", INGRESS "  hosts: [shop.example]\n  certificate: {issuer: a, challenge: http-01}\n"
	    "  trustedProxies: 1\n  clientRanges: {allow: [192.0.2.0/24]}\n", "asks by HTTP"},
	{"MCA0135", "", "  rollout: {strategy: canary}\n", NULL, "a rollout that nobody runs"},
	{"MCA0135", "", "", HEAD "Service\nmetadata: {name: q, namespace: shop}\nspec:\n  owner: team\n"
	    "  workload: {kind: Rollout, selector: {app: q}}\n  rollout: {strategy: canary}\n"
	    "  ports: [{name: raw, protocol: tcp, port: 7}]\n", "q has a canary and no port that speaks HTTP"},
	{"MCA0132", "", "", HEAD "Gateway\nmetadata: {name: public, namespace: istio-system}\nspec:\n"
	    "  selector: {app: edge}\n  direction: egress\n", "Istio's own namespace"},
	{"MCA0132", "", "", HEAD "Gateway\nmetadata: {name: public, namespace: meshca}\nspec:\n"
	    "  selector: {app: edge}\n  direction: egress\n", "the authority's own namespace"},
	{"MCA0133", "", "", HEAD "DataService\nmetadata: {name: db, namespace: bare}\nspec:\n"
	    "  owner: team\n  maxConnections: 9\n  workload: {selector: {app: db}}\n  engine: other\n" DATA_PORTS,
	    "pods of bare/db have no proxy"},
	{"MCA0133", "", "", HEAD "Gateway\nmetadata: {name: out, namespace: bare}\nspec:\n"
	    "  selector: {app: edge}\n  direction: egress\n", "pods of bare/out have no proxy"},
	{"MCA0134", "", "", INGRESS_WHOLE "  waf: {backend: coraza-wasm, failure: open}\n",
	    "keeps public in production from the image"},
	{"MCA0107", "", "  onCall: \"Bearer eyJhbGciOiJub25lIn0.eyJzdWIiOiJhIn0.x\"\n", NULL, "a token"},
	{"MCA0107", "", "  onCall: \"db_password: hunter2\"\n", NULL, "a password"},
};
#define SAMPLE_COUNT (sizeof(SAMPLES) / sizeof(SAMPLES[0]))

static struct k8s_inventory *
inventory_new(const struct sample *sample)
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
	k8s_inventory_lint(inventory, AT);
	return inventory;
}

static const struct k8s_finding *
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

START_TEST(test_each_fault_is_found)
{
	for (size_t i = 0; i < SAMPLE_COUNT; i++) {
		struct k8s_inventory *inventory = inventory_new(&SAMPLES[i]);
		const struct k8s_finding *one = find(inventory, &SAMPLES[i]);

		ck_assert_msg(one != NULL, "%s \"%s\" is not found", SAMPLES[i].code, SAMPLES[i].says);
		ck_assert_msg(one->at->line > 0, "%s has no line", one->code);
		ck_assert_msg(strcmp(one->at->file, "mesh.yaml") != 0, "%s is placed in the mesh",
		    one->code);
		k8s_inventory_free(inventory);
	}
}
END_TEST

/* What is sound has no finding, though it is near the faults above. */
START_TEST(test_nothing_is_found_in_sound_ones)
{
	static const struct sample SOUND[] = {
		{"", "", "", NULL, ""},
		{"", "  policies: {faults: allowed}\n",
		    "  faults: [{route: a, abort: {percent: \"1\", status: 503}, expires: 2026-11-24}]\n", NULL, ""},
		{"", "", "  class: pci\n  logging: {redact: [authorization, query]}\n", NULL, ""},
		{"", "  policies: {networkPolicy: false, outbound: ALLOW_ANY}\n"
		     "  namespaces: [{name: shop, enforcement: observe}]\n",
		    "  class: pci\n  logging: {redact: [authorization, query]}\n", NULL, ""},
		{"", "", "  onCall: secrets-team\n", NULL, ""},
		{"", "", "  onCall: \"password: see the wiki\"\n  gatewayPaths: [\"/v1/token:refresh2\"]\n", NULL, ""},
		{"", "  istio: {revisions: [{name: a}], tag: a, profile: stable}\n", "", INGRESS_WHOLE, ""},
		{"", "", "", SECOND "  clusters: [{name: two}]\n  istio: {revisions: [{name: a}], tag: a}\n", ""},
		{"", "", "", DATA("postgresql") "  breaker: {interval: 1s}\n"
		     "  ports: [{name: a, port: 5432, role: primary}, {name: b, port: 5432, host: ro, role: replica}]\n", ""},
		{"", "", "", DATA("mysql") DATA_PORTS, ""},
		{"", "", "", EXTERNAL("a") "  hosts: [a.example]\n---\n"
		     EXTERNAL("b") "  hosts: [b.example]\n  port: 444\n", ""},
		{"", "", "", EXTERNAL("a") "  hosts: [a.example]\n  protocol: tcp\n  port: 25\n---\n"
		     EXTERNAL("b") "  hosts: [b.example]\n  protocol: tcp\n  port: 26\n", ""},
		{"", "", "", EXTERNAL("a") "  hosts: [a.example]\n  protocol: tls\n  tls: {originate: false}\n", ""},
	};

	for (size_t i = 0; i < sizeof(SOUND) / sizeof(SOUND[0]); i++) {
		struct k8s_inventory *inventory = inventory_new(&SOUND[i]);
		const struct k8s_findings *findings = k8s_inventory_findings(inventory);

		for (size_t j = 0; j < k8s_findings_count(findings); j++) {
			const struct k8s_finding *one = k8s_findings_get(findings, j);

			/* the graph of these few documents is nobody's concern here */
			ck_assert_msg(strcmp(one->code, "MCA1000") > 0, "sound %zu: %s %s", i, one->code,
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
		bool found = strcmp(code, "MCA0100") < 0 || strcmp(code, "MCA1000") > 0;

		for (size_t j = 0; j < SAMPLE_COUNT; j++) {
			found = found || strcmp(SAMPLES[j].code, code) == 0;
		}
		ck_assert_msg(found, "%s has no sample", code);
	}
}
END_TEST

/* A text that looks like a secret is not said again. */
START_TEST(test_secrets_are_not_repeated)
{
	static const struct sample SAMPLE = {"MCA0107", "", "  onCall: \"token=abcdefgh\"\n", NULL, ""};
	struct k8s_inventory *inventory = inventory_new(&SAMPLE);
	const struct k8s_finding *one = find(inventory, &SAMPLE);

	ck_assert_ptr_nonnull(one);
	ck_assert_ptr_null(strstr(one->what, "abcdefgh"));
	ck_assert_ptr_null(strstr(one->fix, "abcdefgh"));
	k8s_inventory_free(inventory);
}
END_TEST

CHECK_MAIN("k8s_inventory_lint", test_each_fault_is_found, test_nothing_is_found_in_sound_ones,
    test_every_code_has_a_sample, test_secrets_are_not_repeated)
