/* SPDX-License-Identifier: Apache-2.0 */
/* Facts of a model: what opens or closes a door. */
#include "check_main.h"
#include "model_make.h"

#include "k8s/model_facts.h"

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

static const struct base_tree *
facts_of_model(void)
{
	return k8s_model_facts(k8s_inventory_arena(inventory), model);
}

/* "class key: value (strength)" of each; a key that is missing is NULL. */
static void
has(const struct base_tree *facts, const char *class, const char *key, const char *value, int64_t strength)
{
	const struct base_tree *one = fact(facts, class, key);

	ck_assert_msg(one != NULL, "no %s %s", class, key);
	ck_assert_str_eq(text_at(one, "value"), value);
	ck_assert_int_eq(base_tree_int(one, "strength", -1), strength);
}

START_TEST(test_doors)
{
	const struct base_tree *facts;

	begin();
	facts = facts_of_model();
	has(facts, "edge", "service shop/cart -> service shop/pay port 8081", "methods POST paths /pay", 2);
	has(facts, "edge", "rules of namespace shop", "enforce", 2);
	has(facts, "egress", "mail.example:443", "through leave/out", 2);
	has(facts, "egress", "mail2.example:443", "through leave/out", 2);
	has(facts, "egress", "outbound", "REGISTRY_ONLY", 2);
	has(facts, "mtls", "environment", "STRICT", 2);
	has(facts, "mtls", "namespace shop", "STRICT", 2);
	has(facts, "mtls", "port 8181 of shop/old", "PERMISSIVE", 1);
	has(facts, "identity", "registration", "registered-only", 2);
	has(facts, "identity", "spiffe://shop.example/ns/shop/sa/pay", "active", 0);
	has(facts, "stranger", "198.51.100.7/32 enters port 8181 of shop/old without an identity", "scales", 2);
	has(facts, "stranger", "203.0.113.0/24 enters port 8181 of shop/old without an identity", "other", 2);
	has(facts, "exposure", "shop/cart", "at gateway edge/public", 2);
	has(facts, "exposure", "shop.example", "at gateway edge/public", 2);
	has(facts, "principal", "shop.example/ns/shop/sa/cart enters service shop/pay", "allowed", 2);
	has(facts, "principal", "shop.example/ns/watch/sa/prometheus collects metrics", "allowed", 2);
	/* it enters everything to collect, which is said once */
	for (uint32_t i = 0; i < facts->count; i++) {
		ck_assert_ptr_null(strstr(text_at(facts->items[i], "key"), "sa/prometheus enters"));
	}
	end();
}
END_TEST

/* By class, key and value, each once: or a diff would show what is no change. */
static void
is_sorted(const struct base_tree *facts)
{
	for (uint32_t i = 1; i < facts->count; i++) {
		const struct base_tree *one = facts->items[i - 1], *two = facts->items[i];
		int order = strcmp(text_at(one, "class"), text_at(two, "class"));

		order = order != 0 ? order : strcmp(text_at(one, "key"), text_at(two, "key"));
		order = order != 0 ? order : strcmp(text_at(one, "value"), text_at(two, "value"));
		ck_assert_msg(order < 0, "%s %s", text_at(two, "class"), text_at(two, "key"));
	}
}

START_TEST(test_order)
{
	begin();
	ck_assert_uint_gt(facts_of_model()->count, 64); /* the list has grown on the way */
	is_sorted(facts_of_model());
	end();
	/* two edges of one caller: it enters once */
	begin_small("", IN("shop", "b") "  ports: [{name: a, protocol: http, port: 80}, {name: b, protocol: tcp, port: 81}]\n"
	    "  accepts: [{from: a}]\n" SERVICE("a") "  calls: [{service: b}]\n");
	is_sorted(facts_of_model());
	has(facts_of_model(), "principal", "cluster.local/ns/shop/sa/a enters service shop/b", "allowed", 2);
	end();
}
END_TEST

#define USES(access) SERVICE("a") "  calls: [{data: k, port: k, topics: [{name: orders, access: " access "}]}]\n" \
	KAFKA "  authentication: scram-sha-512\n"

/* Reading and writing are two rights: from one to both is more. */
START_TEST(test_topics)
{
	const char *key = "orders of shop/k for cluster.local/ns/shop/sa/a";

	begin_small("", USES("read-write"));
	has(facts_of_model(), "topic", key, "access read,write", 2);
	end();
	begin_small("", USES("write"));
	has(facts_of_model(), "topic", key, "access write", 2);
	end();
}
END_TEST

START_TEST(test_environment)
{
	const struct base_tree *facts;

	begin_small("    mtls: PERMISSIVE\n    outbound: ALLOW_ANY\n  registration: open\n"
		    "  trustDomainAliases: [old.example]\n"
		    "  namespaces: [{name: shop, enforcement: observe, mtls: STRICT}]\n",
	    SERVICE("a") "  identity: {state: retired, dnsNames: [a.x]}\n"
	    "  faults: [{route: default, abort: {percent: \"1\", status: 503}, expires: 2026-12-01}]\n");
	facts = facts_of_model();
	has(facts, "mtls", "environment", "PERMISSIVE", 1);
	has(facts, "mtls", "namespace shop", "STRICT", 2);
	has(facts, "egress", "outbound", "ALLOW_ANY", 0);
	has(facts, "identity", "registration", "open", 0);
	has(facts, "principal", "everybody of trust domain old.example", "as of this one", 2);
	has(facts, "edge", "rules of namespace shop", "observe", 0);
	has(facts, "edge", "rules of namespace one", "enforce", 2);
	has(facts, "identity", "spiffe://cluster.local/ns/shop/sa/a", "retired", 2);
	has(facts, "identity", "spiffe://cluster.local/ns/shop/sa/a as a.x", "active", 0);
	has(facts, "fault", "route default of shop/a", "until 2026-12-01", 2);
	end();
}
END_TEST

/* Of each group of words the weaker first. */
START_TEST(test_strengths)
{
	static const char *const ORDER[][4] = {{"DISABLE", "PERMISSIVE", "STRICT"}, {"ALLOW_ANY", "REGISTRY_ONLY"},
	    {"open", "registered-only"}, {"observe", "enforce"}, {"active", "suspended", "retired"}, {"off", "on"},
	    {"allowed", "forbidden"}, {"privileged", "baseline", "restricted"}, {"TLSV1_2", "TLSV1_3"}, {"1.2", "1.3"},
	    {"detect", "block"}, {"open when it fails", "closed when it fails"},
	    {"none", "by the application", "by the gateway"}, {"none", "scram-sha-512"}};

	for (size_t i = 0; i < sizeof(ORDER) / sizeof(ORDER[0]); i++) {
		for (size_t j = 1; j < 4 && ORDER[i][j] != NULL; j++) {
			ck_assert_msg(k8s_fact_strength(ORDER[i][j - 1]) < k8s_fact_strength(ORDER[i][j]), "%s %s",
			    ORDER[i][j - 1], ORDER[i][j]);
		}
	}
	ck_assert_int_eq(k8s_fact_strength("anything else"), K8S_FACT_STRONG);
}
END_TEST

START_TEST(test_parts)
{
	struct k8s_facts facts;
	struct base_buf buf;

	begin();
	facts = (struct k8s_facts){.arena = k8s_inventory_arena(inventory), .origin = model->origin};
	for (size_t i = 0; i < 129; i++) {
		const struct k8s_fact one = {"class", base_arena_printf(facts.arena, "%zu", i), "value", "", 1};

		k8s_fact_add(&facts, &one);
	}
	ck_assert_uint_eq(facts.count, 129);
	for (size_t i = 0; i < 129; i++) {
		ck_assert_str_eq(facts.at[i].key, base_arena_printf(facts.arena, "%zu", i));
	}
	base_buf_init(&buf, K8S_FACT_TEXT);
	k8s_fact_list(&buf, named(named(model, "gateways", "public"), "allow", "to-shop-cart"), "paths");
	base_buf_append_str(&buf, " ");
	k8s_fact_list(&buf, model, "missing");
	ck_assert_str_eq(k8s_fact_text(&facts, &buf), "/cart,/cart/* any");
	ck_assert_uint_eq(buf.len, 0);
	ck_assert_str_eq(k8s_fact_name(&facts, named(model, "services", "pay")), "shop/pay");
	ck_assert_uint_eq(k8s_fact_items(model, "missing")->count, 0);
	ck_assert_uint_eq(k8s_fact_items(model, "mesh")->count, 0); /* a map */
	ck_assert_uint_eq(k8s_fact_items(NULL, "mesh")->count, 0);
	end();
}
END_TEST

/* An edge with many long paths is told whole: what is cut off could change unseen. */
START_TEST(test_long_edges)
{
	const struct base_tree *one;
	struct base_buf buf;
	char *documents;

	base_buf_init(&buf, LIMIT_YAML);
	for (int i = 0; i < 70; i++) {
		base_buf_appendf(&buf, "/%01000d%s", i, i < 69 ? ", " : "");
	}
	documents = base_buf_take_str(&buf);
	base_buf_appendf(&buf, SERVICE("b") "  accepts: [{from: a, paths: [%s]}]\n" SERVICE("a")
	    "  calls: [{service: b, paths: [%s]}]\n", documents, documents);
	free(documents);
	documents = base_buf_take_str(&buf);
	begin_small("", documents);
	one = fact(facts_of_model(), "edge", "service shop/a -> service shop/b port 8080");
	ck_assert_ptr_nonnull(one);
	ck_assert_uint_eq(strlen(text_at(one, "value")), strlen("methods any paths ") + 70 * 1002 - 1);
	end();
	free(documents);
}
END_TEST

START_TEST(test_too_long)
{
	struct k8s_facts facts;
	struct base_buf buf;

	begin();
	facts = (struct k8s_facts){.arena = k8s_inventory_arena(inventory), .origin = model->origin};
	base_buf_init(&buf, 8);
	base_buf_append_str(&buf, "12345678");
	ck_assert_str_eq(k8s_fact_text(&facts, &buf), "12345678");
	base_buf_append_str(&buf, "1234");
	base_buf_append_str(&buf, "56789");
	/* never an empty text, which could be that of another */
	ck_assert_str_eq(k8s_fact_text(&facts, &buf), "too long to be told");
	ck_assert_ptr_null(buf.ptr);
	end();
}
END_TEST

CHECK_MAIN("k8s_model_facts", test_doors, test_order, test_topics, test_environment, test_strengths, test_parts,
    test_long_edges, test_too_long)
