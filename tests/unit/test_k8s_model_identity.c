/* SPDX-License-Identifier: Apache-2.0 */
/* Who exists, and who talks to whom, as lists. */
#include "check_main.h"
#include "model_make.h"

static const struct sample SAMPLES[] = {
	{"MCA1030", SERVICE("a") "  identity: {maxTtl: 500ms}\n", "registered for certificates of 500ms"},
	{"MCA1030", SERVICE("a") "  identity: {maxTtl: 61500ms}\n", "registered for certificates of 61500ms"},
	{"MCA1030", SERVICE("a") "  identity: {maxTtl: 876000h}\n", "registered for certificates of 876000h"},
	{"MCA1030", SERVICE("a") "  identity: {dnsNames: [a.x, b.x, c.x, d.x, e.x, f.x, g.x, h.x, i.x, j.x, k.x, "
	    "l.x, m.x, n.x, o.x, p.x, q.x]}\n", "registered for 17 DNS names"},
	{"MCA1027", SERVICE("a") SERVICE("b") "  serviceAccount: a\n", "share the account shop/a"},
	{"MCA1028", SERVICE("a") "  serviceAccount: default\n", "shop/a uses the account default"},
	{"MCA1030", SERVICE("a") "  identity: {maxTtl: 59s}\n", "registered for certificates of 59s"},
	{"MCA1030", SERVICE("a") "  identity: {maxTtl: 87600h1s}\n", "registered for certificates of 87600h1s"},
	{"MCA1027", SERVICE("a") DATA("b", "postgresql") "  maxConnections: 9\n  serviceAccount: a\n"
	    "  ports: [{name: db, port: 5432, role: primary}]\n", "share the account shop/a"},
};

static const struct sample SOUND_ONES[] = {
	{"", SERVICE("a") IN("one", "a") HTTP, NULL},
	{"", SERVICE("a") "  identity: {maxTtl: 60s, dnsNames: [a.x, b.x]}\n", NULL},
	{"", SERVICE("a") "  identity: {maxTtl: 87600h, dnsNames: [a.x, b.x, c.x, d.x, e.x, f.x, g.x, h.x, i.x, j.x, "
	    "k.x, l.x, m.x, n.x, o.x, p.x]}\n", NULL},
};

START_TEST(test_findings)
{
	FOUND(SAMPLES);
	SOUND(SOUND_ONES);
}
END_TEST

/* By namespace and account, each once. */
START_TEST(test_identities)
{
	static const char *const IDS[] = {"data/sa/db", "data/sa/saver", "edge/sa/public", "leave/sa/out",
	    "ops/sa/keeper", "shop/sa/cart", "shop/sa/old", "shop/sa/pay", "watch/sa/prometheus"};
	const struct base_tree *list, *pay;

	begin();
	list = base_tree_get(model, "identities");
	ck_assert_uint_eq(list->count, sizeof(IDS) / sizeof(IDS[0]));
	for (uint32_t i = 0; i < list->count; i++) {
		ck_assert_str_eq(text_at(list->items[i], "spiffeId") + strlen("spiffe://shop.example/ns/"), IDS[i]);
	}
	pay = list->items[7];
	ck_assert_str_eq(shown(pay, "principal"), "'shop.example/ns/shop/sa/pay'");
	ck_assert_str_eq(text_at(pay, "state"), "active");
	ck_assert_str_eq(text_at(pay, "maxTtl"), "90m");
	ck_assert_str_eq(text_at(pay, "owner"), "team");
	ck_assert_ptr_null(base_tree_get(pay, "external"));
	/* whose pods nobody here describes */
	ck_assert_str_eq(text_at(list->items[4], "external"), "true");
	ck_assert_str_eq(text_at(list->items[4], "owner"), "team"); /* of what it operates */
	ck_assert_str_eq(text_at(list->items[8], "external"), "true");
	ck_assert_ptr_null(base_tree_get(list->items[1], "external"));
	ck_assert_str_eq(text_at(list->items[1], "kind"), "backup");
	end();
}
END_TEST

#define OPERATED(name) DATA(name, "postgresql") "  maxConnections: 9\n  operator: {namespace: ops, " \
	"serviceAccount: keeper}\n  ports: [{name: db, port: 5432, role: primary}]\n"

/* One operator of several data services is told once. */
START_TEST(test_shared_operator)
{
	begin_small("", OPERATED("db") OPERATED("second"));
	ck_assert_uint_eq(base_tree_get(model, "identities")->count, 4);
	ck_assert_uint_eq(k8s_findings_count(found), 0);
	end();
}
END_TEST

START_TEST(test_registered_words)
{
	const struct base_tree *one;

	begin_small("", SERVICE("a") "  identity: {state: suspended, keyTypes: [p-256], dnsNames: [a.x]}\n");
	one = base_tree_get(model, "identities")->items[1]; /* behind monitoring's */
	ck_assert_str_eq(text_at(one, "state"), "suspended");
	ck_assert_str_eq(shown(one, "keyTypes"), "['p-256']");
	ck_assert_str_eq(shown(one, "dnsNames"), "['a.x']");
	ck_assert_ptr_null(base_tree_get(one, "maxTtl"));
	end();
}
END_TEST

/* Two that share an account get no second identity, beside the finding. */
START_TEST(test_shared_account)
{
	begin_small("", SERVICE("a") SERVICE("b") "  serviceAccount: a\n");
	ck_assert_uint_eq(base_tree_get(model, "identities")->count, 2);
	ck_assert_uint_eq(k8s_findings_count(found), 1);
	end();
}
END_TEST

/* Agents ask for the environment's lifetime: who is registered for less must ask for less. */
START_TEST(test_certificate_ttl)
{
	begin();
	ck_assert_str_eq(text_at(named(model, "services", "pay"), "certificateTtl"), "1h30m0s");
	ck_assert_ptr_null(base_tree_get(named(model, "services", "cart"), "certificateTtl"));
	end();
	begin_small("    workloadTtl: 2h\n", SERVICE("a") "  identity: {maxTtl: 2h}\n" SERVICE("b")
	    "  identity: {maxTtl: 7199s}\n" SERVICE("c") "  identity: {maxTtl: 3h}\n");
	ck_assert_str_eq(text_at(named(model, "services", "a"), "certificateTtl"), "");
	ck_assert_str_eq(text_at(named(model, "services", "b"), "certificateTtl"), "1h59m59s");
	ck_assert_str_eq(text_at(named(model, "services", "c"), "certificateTtl"), "");
	end();
}
END_TEST

START_TEST(test_edges)
{
	const struct base_tree *edges, *pay = NULL;

	begin();
	edges = base_tree_get(model, "edges");
	for (uint32_t i = 0; i < edges->count; i++) {
		const struct base_tree *edge = edges->items[i];

		ck_assert_str_ne(text_at(edge, "why"), "");
		ck_assert_str_ne(text_at(edge, "from.principal"), "");
		ck_assert_ptr_null(base_tree_at(edge, "to.principal"));
		if (strcmp(text_at(edge, "to.name"), "pay") == 0 && strcmp(text_at(edge, "why"), "declared") == 0) {
			pay = edge;
		}
	}
	ck_assert_ptr_nonnull(pay);
	ck_assert_str_eq(shown(pay, "from"),
	    "{'kind':'service','namespace':'shop','name':'cart','principal':'shop.example/ns/shop/sa/cart'}");
	ck_assert_str_eq(shown(pay, "ports"),
	    "[{'name':'http','port':80,'workloadPort':8081,'protocol':'http'}]");
	ck_assert_str_eq(shown(pay, "methods"), "['POST']");
	ck_assert_str_eq(shown(pay, "paths"), "['/pay']");
	end();
}
END_TEST

CHECK_MAIN("k8s_model_identity", test_findings, test_identities, test_shared_operator, test_registered_words,
    test_shared_account, test_certificate_ttl, test_edges)
