/* SPDX-License-Identifier: Apache-2.0 */
/* Who may pass a gateway, what addresses forbid, and whose paths meet. */
#include "check_main.h"
#include "model_make.h"

static const struct sample SAMPLES[] = {
	{"MCA1021", SERVICE("a") "  gatewayPaths: [/a]\n" SERVICE("b") "  gatewayPaths: [/a]\n"
	    INGRESS("public"), "shop/a claims /a and shop/b claims /a"},
	{"MCA1021", SERVICE("a") "  gatewayPaths: [/a/*]\n" SERVICE("b") "  gatewayPaths: [/a/b/c]\n"
	    INGRESS("public"), "shop/a claims /a/* and shop/b claims /a/b/c"},
	{"MCA1021", SERVICE("a") "  gatewayPaths: [\"/a/{*}/c\"]\n" SERVICE("b")
	    "  gatewayPaths: [/a/b, /a/b/c]\n" INGRESS("public"), "shop/b claims /a/b/c"},
	/* between them stand paths that neither covers */
	{"MCA1021", SERVICE("a") "  gatewayPaths: [/a/*]\n" SERVICE("b") "  gatewayPaths: [/a/b, /ab, /ab/c]\n"
	    SERVICE("c") "  gatewayPaths: [/a/c]\n" INGRESS("public"), "shop/a claims /a/* and shop/c claims /a/c"},
	/* all that stand above it count, not only the first */
	{"MCA1021", SERVICE("a") "  gatewayPaths: [/*]\n" SERVICE("b") "  gatewayPaths: [/a/*]\n" SERVICE("c")
	    "  gatewayPaths: [/a/b]\n" INGRESS("public"), "shop/b claims /a/* and shop/c claims /a/b"},
	{"MCA1021", SERVICE("a") "  gatewayPaths: [/*]\n" SERVICE("b") "  gatewayPaths: [/z]\n" INGRESS("public"),
	    "shop/a claims /* and shop/b claims /z"},
};

static const struct sample SOUND_ONES[] = {
	{"", SERVICE("a") "  gatewayPaths: [/a, /a/*]\n" SERVICE("b") "  gatewayPaths: [/ab, /ab/*]\n"
	    INGRESS("public"), NULL},
	{"", SERVICE("a") "  gatewayPaths: [/a]\n  gateway: left\n" SERVICE("b") "  gatewayPaths: [/a]\n"
	    "  gateway: right\n" INGRESS("left") INGRESS("right"), NULL},
	{"", SERVICE("a") "  gatewayPaths: [/a, \"/a/{*}\"]\n" SERVICE("b") "  gatewayPaths: [/b/*, \"/a/{*}/c\"]\n"
	    INGRESS("public"), NULL},
};

START_TEST(test_findings)
{
	FOUND(SAMPLES);
	SOUND(SOUND_ONES);
}
END_TEST

/* A service that claims a path twice is in nobody's way. */
START_TEST(test_own_paths_meet)
{
	begin_small("", SERVICE("a") "  gatewayPaths: [/a/*, /a/b]\n" INGRESS("public"));
	ck_assert_uint_eq(k8s_findings_count(found), 0);
	end();
}
END_TEST

START_TEST(test_clients)
{
	const struct base_tree *public;

	begin();
	public = named(model, "gateways", "public");
	ck_assert_uint_eq(base_tree_get(public, "allow")->count, 2);
	ck_assert_str_eq(shown(named(public, "allow", "to-shop-cart"), "hosts"), "['shop.example','shop.example:*']");
	ck_assert_str_eq(shown(named(public, "allow", "to-shop-cart"), "paths"), "['/cart','/cart/*']");
	ck_assert_str_eq(shown(named(public, "allow", "to-shop-cart"), "ports"), "['443']");
	ck_assert_str_eq(shown(named(public, "allow", "redirect"), "ports"), "['80']");
	ck_assert_ptr_null(base_tree_get(named(public, "allow", "redirect"), "paths"));
	end();
}
END_TEST

/* Without a certificate port 80 is where requests are answered, not where they are sent on. */
START_TEST(test_without_certificate)
{
	const struct base_tree *plain;

	begin_small("", SERVICE("a") "  gatewayPaths: [/a]\n" HEAD
	    "Gateway\nmetadata: {name: plain, namespace: edge}\nspec:\n  direction: ingress\n"
	    "  selector: {app: plain}\n  hosts: [plain.example]\n  trustedProxies: 1\n"
	    "  clientRanges: {admin: {paths: [/a], allow: [192.0.2.0/24]}}\n");
	plain = named(model, "gateways", "plain");
	ck_assert_uint_eq(base_tree_get(plain, "allow")->count, 1);
	ck_assert_str_eq(shown(named(plain, "allow", "to-shop-a"), "ports"), "['80']");
	ck_assert_str_eq(shown(named(plain, "ipRules", "admin"), "ports"), "['80']");
	end();
}
END_TEST

/* All of them deny: an ALLOW by address would let in what no service has opened. */
START_TEST(test_addresses)
{
	const struct base_tree *rules;

	begin();
	rules = base_tree_get(named(model, "gateways", "public"), "ipRules");
	ck_assert_uint_eq(rules->count, 2);
	ck_assert_str_eq(shown(rules->items[0], "name"), "'denied-clients'");
	ck_assert_str_eq(shown(rules->items[0], "remoteIpBlocks"), "['192.0.2.0/24']");
	ck_assert_ptr_null(base_tree_get(rules->items[0], "ports"));
	ck_assert_str_eq(shown(rules->items[1], "name"), "'admin'");
	ck_assert_str_eq(shown(rules->items[1], "notRemoteIpBlocks"), "['198.51.100.0/24']");
	ck_assert_str_eq(shown(rules->items[1], "paths"), "['/cart/admin']");
	ck_assert_str_eq(shown(rules->items[1], "ports"), "['443']");
	end();
	begin_small("", INGRESS("public") "  clientRanges: {allow: [192.0.2.0/24], deny: [192.0.2.7/32]}\n");
	rules = base_tree_get(named(model, "gateways", "public"), "ipRules");
	ck_assert_uint_eq(rules->count, 2);
	ck_assert_str_eq(shown(rules->items[1], "name"), "'other-clients'");
	ck_assert_str_eq(shown(rules->items[1], "notRemoteIpBlocks"), "['192.0.2.0/24']");
	for (uint32_t i = 0; i < rules->count; i++) {
		ck_assert_str_eq(text_at(rules->items[i], "action"), "DENY");
	}
	end();
}
END_TEST

/* HTTP is told apart by its host, the rest by the server name; each caller is named once. */
START_TEST(test_leaving)
{
	const struct base_tree *out;

	begin();
	out = named(model, "gateways", "out");
	ck_assert_str_eq(shown(named(out, "allow", "to-shop-mail"), "principals"), "['shop.example/ns/shop/sa/cart']");
	ck_assert_str_eq(shown(named(out, "allow", "to-shop-mail"), "hosts"),
	    "['mail.example','mail.example:*','mail2.example','mail2.example:*']");
	ck_assert_ptr_null(base_tree_get(named(out, "allow", "to-shop-mail"), "sni"));
	ck_assert_str_eq(shown(named(out, "allow", "to-shop-mail"), "ports"), "['443']");
	end();
	begin_small("", SERVICE("a") "  calls: [{external: x}]\n" EXTERNAL("x", "a")
	    "  protocol: tls\n" EGRESS("out"));
	out = named(model, "gateways", "out");
	ck_assert_ptr_null(named(out, "allow", "redirect"));
	ck_assert_str_eq(shown(named(out, "allow", "to-shop-x"), "sni"), "['x.example']");
	ck_assert_ptr_null(base_tree_get(named(out, "allow", "to-shop-x"), "hosts"));
	end();
}
END_TEST

/* A rule without principals would let everybody out. */
START_TEST(test_nobody_leaves)
{
	begin_small("", SERVICE("a") EXTERNAL("x", "a") EGRESS("out"));
	ck_assert_str_eq(shown(named(model, "gateways", "out"), "allow"), "[]");
	end();
}
END_TEST

CHECK_MAIN("k8s_model_gateway_allow", test_findings, test_own_paths_meet, test_clients, test_without_certificate,
    test_addresses, test_leaving, test_nobody_leaves)
