/* SPDX-License-Identifier: Apache-2.0 */
/* The namespaces of an environment. */
#include "check_main.h"
#include "model_make.h"

#include "k8s/model_int.h"

static const struct base_tree *
space(const char *name)
{
	const struct base_tree *one = named(model, "namespaces", name);

	ck_assert_msg(one != NULL, "no namespace %s", name);
	return one;
}

/* By name, each once: the mesh's own, those of documents, Istio's and monitoring's. */
START_TEST(test_namespaces)
{
	static const char *const ROWS[][3] = {{"data", "data", "true"}, {"edge", "gateway", "true"},
	    {"istio-system", "system", ""}, {"leave", "gateway", "true"}, {"shop", "apps", "true"},
	    {"watch", "monitoring", ""}};
	const struct base_tree *list;

	begin();
	list = base_tree_get(model, "namespaces");
	ck_assert_uint_eq(list->count, sizeof(ROWS) / sizeof(ROWS[0]));
	for (uint32_t i = 0; i < list->count; i++) {
		ck_assert_str_eq(text_at(list->items[i], "name"), ROWS[i][0]);
		ck_assert_str_eq(text_at(list->items[i], "kind"), ROWS[i][1]);
		ck_assert_str_eq(text_at(list->items[i], "create"), ROWS[i][2]);
	}
	end();
}
END_TEST

START_TEST(test_proxies)
{
	begin();
	ck_assert_str_eq(text_at(space("shop"), "injected"), "true");
	ck_assert_str_eq(text_at(space("shop"), "revision"), "stable");
	ck_assert_str_eq(text_at(space("edge"), "injected"), "true"); /* a gateway is a proxy */
	ck_assert_str_eq(text_at(space("istio-system"), "injected"), "false");
	ck_assert_ptr_null(base_tree_get(space("istio-system"), "revision"));
	end();
	begin_small("", SERVICE("a"));
	ck_assert_str_eq(text_at(space("two"), "kind"), "apps"); /* nothing in it, but declared */
	ck_assert_str_eq(text_at(space("two"), "injected"), "true");
	end();
}
END_TEST

/* Accounts are made where they are ours: not an operator's, not monitoring's. */
START_TEST(test_accounts)
{
	begin();
	ck_assert_str_eq(shown(space("data"), "accounts"),
	    "[{'name':'db','owner':'team','automount':false},{'name':'saver','owner':'team','automount':false}]");
	ck_assert_str_eq(shown(space("watch"), "accounts"), "[]");
	ck_assert_ptr_null(named(model, "namespaces", "ops"));
	ck_assert_str_eq(shown(space("shop"), "owners"), "['team']");
	ck_assert_uint_eq(base_tree_get(space("shop"), "accounts")->count, 3);
	end();
	begin_small("", SERVICE("a") SERVICE("b") "  serviceAccount: a\n");
	ck_assert_str_eq(shown(space("shop"), "accounts"), "[{'name':'a','owner':'team','automount':false}]");
	end();
}
END_TEST

/* Of pods that nobody knows more of than their account: jobs, operators. */
START_TEST(test_strangers)
{
	begin();
	ck_assert_str_eq(text_at(space("data"), "strangers"), "true");
	ck_assert_ptr_null(base_tree_get(space("shop"), "strangers"));
	end();
	begin_small("", DATA("db", "postgresql") "  maxConnections: 9\n  operator: {namespace: one, serviceAccount: keeper}\n"
	    "  ports: [{name: db, port: 5432, role: primary}]\n");
	ck_assert_str_eq(text_at(space("one"), "strangers"), "true");
	ck_assert_str_eq(shown(space("one"), "accounts"), "[]");
	ck_assert_ptr_null(base_tree_get(space("shop"), "strangers"));
	end();
}
END_TEST

START_TEST(test_rules)
{
	begin_small("  namespaces: [{name: shop, enforcement: observe, mtls: PERMISSIVE}]\n", SERVICE("a") PCI
	    IN("one", "b") HTTP);
	ck_assert_str_eq(text_at(space("shop"), "observe"), "true");
	ck_assert_str_eq(text_at(space("shop"), "enforce"), "false");
	ck_assert_str_eq(text_at(space("shop"), "mtls"), "PERMISSIVE");
	ck_assert_str_eq(text_at(space("shop"), "pci"), "true");
	ck_assert_str_eq(shown(space("shop"), "sidecarHosts"), "['*/*']");
	ck_assert_str_eq(text_at(space("shop"), "outbound"), "ALLOW_ANY");
	ck_assert_str_eq(text_at(space("one"), "enforce"), "true");
	ck_assert_str_eq(text_at(space("one"), "mtls"), "STRICT");
	ck_assert_ptr_null(base_tree_get(space("one"), "pci"));
	ck_assert_str_eq(shown(space("one"), "sidecarHosts"), "['./*','istio-system/*','monitoring/*']");
	ck_assert_str_eq(text_at(space("one"), "outbound"), "REGISTRY_ONLY");
	end();
}
END_TEST

/* One by its name, or all of them as a chain in order. */
START_TEST(test_chain)
{
	struct k8s_model small;
	const struct k8s_space *one;
	const char *before = "";
	size_t count = 0;

	begin();
	small = (struct k8s_model){.arena = k8s_inventory_arena(inventory),
	    .resolved = k8s_inventory_resolve(inventory, "production"), .trust_domain = "shop.example",
	    .istio_namespace = "istio-system", .mtls = "STRICT"};
	small.mesh = base_tree_get(small.resolved, "mesh");
	small.environment = base_tree_get(small.resolved, "environment");
	k8s_graph_new(&small);
	k8s_model_spaces(&small);
	for (one = k8s_model_space(&small, NULL); one != NULL; one = one->next) {
		ck_assert_int_lt(strcmp(before, one->name), 0);
		ck_assert_ptr_eq(k8s_model_space(&small, one->name), one);
		before = one->name;
		count++;
	}
	ck_assert_uint_eq(count, 6);
	ck_assert_ptr_null(k8s_model_space(&small, "nowhere"));
	ck_assert(!k8s_observes(k8s_model_space(&small, "shop")));
	end();
}
END_TEST

CHECK_MAIN("k8s_model_namespace", test_namespaces, test_proxies, test_accounts, test_strangers, test_rules, test_chain)
