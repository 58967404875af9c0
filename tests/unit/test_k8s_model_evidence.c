/* SPDX-License-Identifier: Apache-2.0 */
/* For class pci: which objects meet which requirement. */
#include <stdio.h>

#include "check_main.h"
#include "model_make.h"

/* The row of this requirement; NULL: nothing meets it. */
static const struct base_tree *
row(const char *requirement)
{
	const struct base_tree *evidence = base_tree_get(model, "evidence");

	for (uint32_t i = 0; i < evidence->count; i++) {
		if (strcmp(text_at(evidence->items[i], "requirement"), requirement) == 0) {
			return evidence->items[i];
		}
	}
	return NULL;
}

static const char *
objects(const char *requirement)
{
	const struct base_tree *one = row(requirement), *list;
	const char *all = "";

	if (one == NULL) {
		return "none";
	}
	list = base_tree_get(one, "objects");
	for (uint32_t i = 0; i < list->count; i++) {
		all = base_arena_printf(k8s_inventory_arena(inventory), "%s%s%s/%s/%s", all, i > 0 ? " " : "",
		    text_at(list->items[i], "kind"), text_at(list->items[i], "namespace"),
		    text_at(list->items[i], "name"));
	}
	return all;
}

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
	ck_assert_str_eq(objects("1.3.1"), "NetworkPolicy/shop/pay");
	ck_assert_str_eq(objects("1.3.2"), "NetworkPolicy/shop/pay Sidecar/shop/pay");
	ck_assert_str_eq(objects("4.2.1"), "PeerAuthentication/shop/default");
	ck_assert_str_eq(objects("7.2.5"), "AuthorizationPolicy/shop/deny-all AuthorizationPolicy/shop/pay-from-cart "
	    "ServiceAccount/shop/pay");
	ck_assert_str_eq(objects("10.2.1.4"), "Telemetry/shop/denials");
	end();
}
END_TEST

/* Dry runs limit nobody, and are evidence of nothing. */
START_TEST(test_no_evidence_where_rules_only_watch)
{
	static const char *const LIMITS[] = {"1.3.1", "1.3.2", "7.2.5"};
	char mesh[4096];

	(void)snprintf(mesh, sizeof(mesh), "%s  namespaces: [{name: shop, enforcement: observe}]\n", SAMPLE_MESH);
	begin_in(mesh);
	ck_assert_ptr_nonnull(row("4.2.1"));
	ck_assert_ptr_nonnull(row("10.2.1.4"));
	for (size_t i = 0; i < sizeof(LIMITS) / sizeof(LIMITS[0]); i++) {
		ck_assert_ptr_null(row(LIMITS[i]));
	}
	end();
}
END_TEST

#define CARDS SERVICE("a") PCI

/* A requirement that nothing meets has no row: an auditor must see that it is missing. */
START_TEST(test_what_is_switched_off)
{
	begin_small("    networkPolicy: false\n", CARDS);
	ck_assert_str_eq(objects("1.3.1"), "none");
	ck_assert_str_eq(objects("1.3.2"), "Sidecar/shop/a");
	end();
	begin_small("  namespaces: [{name: shop, mtls: PERMISSIVE}]\n", CARDS);
	ck_assert_str_eq(objects("4.2.1"), "none");
	end();
	begin_small("", SERVICE("a"));
	ck_assert_str_eq(shown(model, "evidence"), "[]");
	end();
}
END_TEST

START_TEST(test_people)
{
	begin_small("", CARDS);
	ck_assert_str_eq(objects("8.3.1"), "none");
	end();
	begin_small("", CARDS "  gatewayPaths: [/a]\n  jwt: {provider: people, rules: [{paths: [/a]}]}\n" PROVIDER
	    INGRESS("public"));
	ck_assert_str_eq(objects("8.3.1"), "RequestAuthentication/shop/a");
	ck_assert_str_eq(objects("7.2.5"), "AuthorizationPolicy/shop/deny-all AuthorizationPolicy/shop/a-from-edge-public "
	    "ServiceAccount/shop/a");
	end();
}
END_TEST

/* What leaves does so by a rule at the gateway. */
START_TEST(test_leaving)
{
	begin_small("", CARDS "  calls: [{external: x}]\n" EXTERNAL("x", "a") EGRESS("out"));
	ck_assert_str_eq(objects("1.3.2"), "NetworkPolicy/shop/a Sidecar/shop/a AuthorizationPolicy/edge/out-to-shop-x");
	end();
}
END_TEST

/* The profile stable refuses the filter that sees denials. */
START_TEST(test_stable_profile)
{
	static const char ENVIRONMENT_STABLE[] = HEAD "Environment\nmetadata: {name: production}\nspec:\n"
	    "  clusters: [{name: one}]\n  istio: {profile: stable, revisions: [{name: a, tag: stable}], tag: stable}\n";
	const struct k8s_file files[] = {{"mesh.yaml", base_span_str(SMALL_MESH)},
	    {"production.yaml", base_span_str(ENVIRONMENT_STABLE)}, {"sample.yaml", base_span_str(CARDS)}};

	begin_of(files, 3);
	ck_assert_str_eq(objects("10.2.1.4"), "none");
	ck_assert_str_eq(objects("1.3.1"), "NetworkPolicy/shop/a");
	end();
}
END_TEST

START_TEST(test_data)
{
	begin_small("", DATA("db", "postgresql") "  class: pci\n  maxConnections: 9\n"
	    "  ports: [{name: db, port: 5432, role: primary}]\n");
	ck_assert_str_eq(objects("7.2.5"), "AuthorizationPolicy/shop/deny-all ServiceAccount/shop/db");
	end();
}
END_TEST

CHECK_MAIN("k8s_model_evidence", test_evidence, test_no_evidence_where_rules_only_watch, test_what_is_switched_off,
    test_people, test_leaving, test_stable_profile, test_data)
