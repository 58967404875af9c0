/* SPDX-License-Identifier: Apache-2.0 */
/* Who may enter a workload: one rule for each edge into it. */
#include "check_main.h"
#include "model_make.h"

static const struct sample SAMPLES[] = {
	{"MCA1022", SERVICE("a") "  gatewayPaths: [/a]\n  jwt: {provider: people, rules: [{paths: [/b]}]}\n"
	    PROVIDER INGRESS("public"), "no gateway path of shop/a leads to"},
};

START_TEST(test_findings)
{
	FOUND(SAMPLES);
}
END_TEST

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
	ck_assert_str_eq(shown(allow, "from"), "{'kind':'service','name':'cart','namespace':'shop'}");
	ck_assert_str_eq(shown(allow, "methods"), "['POST']");
	ck_assert_str_eq(shown(allow, "paths"), "['/pay']");
	ck_assert_str_eq(shown(allow, "ports"), "['8081']");
	ck_assert_str_eq(text_at(allow, "http"), "true");
	ck_assert_ptr_null(base_tree_get(allow, "tcp"));
	ck_assert_ptr_null(base_tree_get(allow, "jwt"));
	end();
}
END_TEST

#define PORTS "  ports: [{name: a, protocol: http, port: 80, targetPort: 8080}, {name: b, protocol: http, port: 81, " \
	"targetPort: 9090}, {name: c, protocol: http, port: 82, targetPort: 8080}, " \
	"{name: d, protocol: tcp, port: 83, targetPort: 8080}]\n"

/* Ports of HTTP and others have a rule each; a port that several names share stands in it once. */
START_TEST(test_two_rules_of_one_caller)
{
	const struct base_tree *callee;

	begin_small("", IN("shop", "callee") PORTS "  accepts: [{from: caller}]\n"
	    SERVICE("caller") "  calls: [{service: callee}]\n");
	callee = named(model, "services", "callee");
	ck_assert_uint_eq(base_tree_get(callee, "allow")->count, 2);
	ck_assert_str_eq(shown(named(callee, "allow", "from-caller"), "ports"), "['8080','9090']");
	ck_assert_str_eq(text_at(named(callee, "allow", "from-caller"), "http"), "true");
	ck_assert_str_eq(shown(named(callee, "allow", "from-caller-2"), "ports"), "['8080']");
	ck_assert_str_eq(text_at(named(callee, "allow", "from-caller-2"), "tcp"), "true");
	end();
}
END_TEST

/* A rule's name is an object's name: no two rules have one. */
START_TEST(test_names_are_unique)
{
	const struct base_tree *allow;

	begin_small("", IN("shop", "callee") PORTS "  accepts: [{from: caller}, {from: caller-2}, {from: two-x}, "
	    "{from: x, namespace: two}]\n"
	    SERVICE("caller") "  calls: [{service: callee}]\n" SERVICE("caller-2") "  calls: [{service: callee, port: b}]\n"
	    SERVICE("two-x") "  calls: [{service: callee, port: b}]\n"
	    IN("two", "x") HTTP "  calls: [{service: callee, namespace: shop, port: b}]\n");
	allow = base_tree_get(named(model, "services", "callee"), "allow");
	ck_assert_uint_eq(allow->count, 5);
	for (uint32_t i = 0; i < allow->count; i++) {
		for (uint32_t j = 0; j < i; j++) {
			ck_assert_str_ne(text_at(allow->items[i], "name"), text_at(allow->items[j], "name"));
		}
	}
	ck_assert_str_eq(text_at(allow->items[0], "name"), "from-caller");
	ck_assert_str_eq(item(allow->items[0], "principals", 0), "cluster.local/ns/shop/sa/caller");
	end();
}
END_TEST

#define TOKENS SERVICE("a") "  gatewayPaths: [/a, /b/*]\n  accepts: [{from: caller, methods: [POST], paths: [/c]}]\n" \
	"  jwt: {provider: people, rules: [{methods: [GET], paths: [/a, /c], claims: {role: [boss, clerk]}}, {paths: [/*]}]"
#define CALLER SERVICE("caller") "  calls: [{service: a, methods: [POST], paths: [/c]}]\n"

/* Of a token's rule holds what the gateway passes on, with its claims. */
START_TEST(test_tokens_at_the_gateway)
{
	const struct base_tree *a;

	begin_small("", TOKENS "}\n" CALLER PROVIDER INGRESS("public"));
	a = named(model, "services", "a");
	ck_assert_str_eq(shown(named(a, "allow", "from-edge-public"), "jwt"),
	    "{'issuer':'https://login.example','rules':["
	    "{'methods':['GET'],'paths':['/a'],'requestPrincipals':['https://login.example/*'],"
	    "'when':[{'key':'request.auth.claims[role]','values':['boss','clerk']}]},"
	    "{'paths':['/a','/b/*'],'requestPrincipals':['https://login.example/*'],'when':[]}]}");
	ck_assert_ptr_null(base_tree_get(named(a, "allow", "from-caller"), "jwt"));
	ck_assert_uint_eq(k8s_findings_count(found), 0);
	end();
}
END_TEST

/* Rules that mean services alone are none of the gateway's, and the other way round. */
START_TEST(test_tokens_of_services)
{
	const struct base_tree *a;

	begin_small("", TOKENS ", from: [services]}\n" CALLER PROVIDER INGRESS("public"));
	a = named(model, "services", "a");
	ck_assert_ptr_null(base_tree_get(named(a, "allow", "from-edge-public"), "jwt"));
	/* GET and POST have nothing in common; that is no fault of a service's edge */
	ck_assert_str_eq(shown(named(a, "allow", "from-caller"), "jwt.rules"),
	    "[{'methods':['POST'],'paths':['/c'],'requestPrincipals':['https://login.example/*'],'when':[]}]");
	ck_assert_uint_eq(k8s_findings_count(found), 0);
	end();
	begin_small("", TOKENS ", from: [gateway, services]}\n" CALLER PROVIDER INGRESS("public"));
	a = named(model, "services", "a");
	ck_assert_ptr_nonnull(base_tree_get(named(a, "allow", "from-edge-public"), "jwt"));
	ck_assert_ptr_nonnull(base_tree_get(named(a, "allow", "from-caller"), "jwt"));
	end();
}
END_TEST

CHECK_MAIN("k8s_model_allow", test_findings, test_derived_edges, test_declared_edge, test_two_rules_of_one_caller,
    test_names_are_unique, test_tokens_at_the_gateway, test_tokens_of_services)
