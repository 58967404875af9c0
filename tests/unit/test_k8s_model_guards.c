/* SPDX-License-Identifier: Apache-2.0 */
/* Facts of what refuses or bounds, so that taking it away is seen. */
#include <stdio.h>

#include "check_main.h"
#include "model_make.h"

#include "k8s/model_facts.h"

static const struct base_tree *facts;

static const struct base_tree *
fact(const char *class, const char *key)
{
	for (uint32_t i = 0; i < facts->count; i++) {
		if (strcmp(text_at(facts->items[i], "class"), class) == 0 &&
		    strcmp(text_at(facts->items[i], "key"), key) == 0) {
			return facts->items[i];
		}
	}
	return NULL;
}

static void
has(const char *key, const char *value, const char *of)
{
	const struct base_tree *one = fact("guard", key);

	ck_assert_msg(one != NULL, "no guard %s", key);
	ck_assert_str_eq(text_at(one, "value"), value);
	ck_assert_str_eq(text_at(one, "of"), of);
}

static int64_t
strength(const char *class, const char *key)
{
	ck_assert_msg(fact(class, key) != NULL, "no %s %s", class, key);
	return base_tree_int(fact(class, key), "strength", INT64_MAX);
}

static void
begin_facts(void)
{
	facts = k8s_model_facts(k8s_inventory_arena(inventory), model);
}

#define PAY "spiffe://shop.example/ns/shop/sa/pay"
#define PUBLIC "spiffe://shop.example/ns/edge/sa/public"

START_TEST(test_guards)
{
	static const struct {
		const char *key, *value, *of;
	} ROWS[] = {
	    {"network policies", "on", ""},
	    {"fault injection", "forbidden", ""},
	    {"TLS between proxies", "TLSV1_2", ""},
	    {"lifetime of certificates", "24h", ""},
	    {"keys of certificates", "keys p-256,rsa-2048", ""},
	    {"proxies in namespace shop", "on", "namespace shop"},
	    {"proxies in namespace istio-system", "off", "namespace istio-system"},
	    {"pod security of namespace shop", "restricted", "namespace shop"},
	    {"class of shop/pay", "pci", PAY},
	    {"lifetime of " PAY, "90m", PAY},
	    {"TLS of edge/public", "TLSV1_3", PUBLIC},
	    {"bodyBytes of edge/public", "10", PUBLIC},
	    {"requestsPerSecond of edge/public", "100", PUBLIC},
	    {"trustedProxies of edge/public", "1", PUBLIC},
	    {"denied-clients of edge/public: 192.0.2.0/24", "refused", PUBLIC},
	    {"admin of edge/public", "addresses 198.51.100.0/24", PUBLIC},
	    {"admin of edge/public: /cart/admin", "refused to others", PUBLIC},
	    {"TLS to mail.example:443", "by the gateway", "mail.example:443"},
	    {"version of TLS to mail.example:443", "1.2", "mail.example:443"},
	    {"certificate of mail.example:443", "names mail.example", "mail.example:443"},
	    {"certificate of mail2.example:443", "names mail2.example", "mail2.example:443"},
	};

	begin();
	begin_facts();
	for (size_t i = 0; i < sizeof(ROWS) / sizeof(ROWS[0]); i++) {
		has(ROWS[i].key, ROWS[i].value, ROWS[i].of);
	}
	ck_assert_ptr_null(fact("guard", "class of shop/cart"));
	ck_assert_ptr_null(fact("guard", "burst of edge/public"));
	ck_assert_ptr_null(fact("guard", "firewall of edge/public"));
	ck_assert_int_lt(strength("guard", "lifetime of certificates"), strength("guard", "lifetime of " PAY));
	ck_assert_int_eq(strength("guard", "bodyBytes of edge/public"), -10);
	end();
}
END_TEST

/* A lifetime above the environment's is no guard: it lets through what others may not have. */
START_TEST(test_lifetimes)
{
	begin_small("    workloadTtl: 2h\n", SERVICE("a") "  identity: {maxTtl: 3h, keyTypes: [p-384]}\n" SERVICE("b")
	    "  identity: {maxTtl: 2h}\n");
	begin_facts();
	ck_assert_int_eq(strength("exception", "lifetime of spiffe://cluster.local/ns/shop/sa/a"), -10800000);
	ck_assert_ptr_null(fact("guard", "lifetime of spiffe://cluster.local/ns/shop/sa/a"));
	ck_assert_int_eq(strength("guard", "lifetime of spiffe://cluster.local/ns/shop/sa/b"), -7200000);
	has("keys of spiffe://cluster.local/ns/shop/sa/a", "keys p-384", "spiffe://cluster.local/ns/shop/sa/a");
	ck_assert_ptr_null(fact("guard", "keys of spiffe://cluster.local/ns/shop/sa/b"));
	end();
}
END_TEST

#define TOKENS SERVICE("a") "  gatewayPaths: [/a, /b]\n  jwt: {provider: people, rules: [{methods: [GET], paths: [/a], " \
	"claims: {role: [boss, clerk]}}, {paths: [/b]}]}\n" PROVIDER INGRESS("public")

/* As conditions, of which a change can be weighed. */
START_TEST(test_tokens)
{
	begin_small("", TOKENS);
	begin_facts();
	has("tokens from gateway edge/public at shop/a",
	    "issuer https://login.example methods GET paths /a request.auth.claims[role] boss,clerk; "
	    "issuer https://login.example methods any paths /b",
	    "spiffe://cluster.local/ns/shop/sa/a");
	end();
}
END_TEST

START_TEST(test_firewall)
{
	begin_small("", INGRESS("public") "  waf: {backend: coraza-wasm, failure: open, mode: block}\n");
	begin_facts();
	has("firewall of edge/public", "block", "spiffe://cluster.local/ns/edge/sa/public");
	ck_assert_int_eq(strength("guard", "firewall of edge/public"), 2);
	has("failing firewall of edge/public", "open when it fails", "spiffe://cluster.local/ns/edge/sa/public");
	ck_assert_int_eq(strength("guard", "failing firewall of edge/public"), 0);
	end();
}
END_TEST

START_TEST(test_authentication)
{
	begin_small("", KAFKA "  authentication: scram-sha-512\n");
	begin_facts();
	has("authentication of shop/k", "scram-sha-512", "spiffe://cluster.local/ns/shop/sa/k");
	end();
	begin_small("", KAFKA);
	begin_facts();
	ck_assert_ptr_null(fact("guard", "authentication of shop/k"));
	end();
}
END_TEST

/* Who makes the TLS connection to the outside, and who checks what it answers. */
START_TEST(test_outside)
{
	static const struct {
		const char *spec, *key, *value;
		int64_t strength;
		bool certificate;
	} ROWS[] = {
	    {"  protocol: https\n  tls: {subjectAltNames: [y.example]}\n", "x.example:443", "by the gateway", 2, true},
	    {"  protocol: https\n  tls: {originate: false}\n", "x.example:443", "by the application", 1, false},
	    {"  protocol: tls\n", "x.example:443", "by the application", 1, false},
	    {"  protocol: http\n  port: 80\n", "x.example:80", "none", 0, false},
	    {"  protocol: tcp\n  port: 25\n", "x.example:25", "none", 0, false},
	};

	for (size_t i = 0; i < sizeof(ROWS) / sizeof(ROWS[0]); i++) {
		char *documents = base_xasprintf("%s%s%s", SERVICE("a") "  calls: [{external: x}]\n" EXTERNAL("x", "a"),
		    ROWS[i].spec, EGRESS("out"));
		char key[80];

		begin_small("", documents);
		begin_facts();
		(void)snprintf(key, sizeof(key), "TLS to %s", ROWS[i].key);
		has(key, ROWS[i].value, ROWS[i].key);
		ck_assert_int_eq(strength("guard", key), ROWS[i].strength);
		(void)snprintf(key, sizeof(key), "certificate of %s", ROWS[i].key);
		ck_assert((fact("guard", key) != NULL) == ROWS[i].certificate);
		(void)snprintf(key, sizeof(key), "version of TLS to %s", ROWS[i].key);
		ck_assert((fact("guard", key) != NULL) == ROWS[i].certificate);
		end();
		free(documents);
	}
}
END_TEST

START_TEST(test_switched_off)
{
	begin_small("    networkPolicy: false\n    meshMinVersion: \"1.3\"\n", INGRESS("public"));
	begin_facts();
	has("network policies", "off", "");
	ck_assert_int_eq(strength("guard", "network policies"), 0);
	has("fault injection", "allowed", "");
	ck_assert_int_eq(strength("guard", "fault injection"), 0);
	has("TLS between proxies", "TLSV1_3", "");
	end();
}
END_TEST

CHECK_MAIN("k8s_model_guards", test_guards, test_lifetimes, test_tokens, test_firewall, test_authentication,
    test_outside, test_switched_off)
