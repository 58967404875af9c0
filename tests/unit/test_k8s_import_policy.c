/* SPDX-License-Identifier: Apache-2.0 */
/* Callers from AuthorizationPolicies: what a draft says of them, and what it says that it does not. */
#include "import_make.h"

#define PORTS HTTP ", {name: raw, port: 7, appProtocol: tcp}"
#define CART SERVICE("shop", "cart", PORTS) KIND("ServiceAccount", "shop", "cart") SERVICE("shop", "desk", PORTS) \
	KIND("ServiceAccount", "shop", "desk") SERVICE("far", "mill", PORTS) KIND("ServiceAccount", "far", "mill")
#define POLICY(namespace, spec) KIND("AuthorizationPolicy", namespace, "p") "spec:\n" spec
#define OF_CART "  selector: {matchLabels: {app: cart}}\n"
#define FROM(principals) "from: [{source: {principals: [" principals "]}}]"
#define DESK "\"" ID("shop", "desk") "\""
#define MILL "\"" ID("far", "mill") "\""
#define TO(operation) "to: [{operation: {" operation "}}]"

struct row {
	const char *policy;
	const char *cart;  /* whom cart accepts */
	const char *notes;
};

static void
expect(const struct row *rows, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		struct base_arena *arena = base_arena_new();
		const struct base_tree *drafts = draft(arena, base_arena_printf(arena, CART "%s", rows[i].policy), "");
		const char *cart = said(arena, drafts, "cart", "accepts"), *told = notes(arena, drafts);

		ck_assert_msg(strcmp(cart, rows[i].cart) == 0, "row %zu: %s", i, cart);
		ck_assert_msg(strcmp(told, rows[i].notes) == 0, "row %zu: %s", i, told);
		base_arena_free(arena);
	}
}
#define EXPECT(rows) expect(rows, sizeof(rows) / sizeof((rows)[0]))

START_TEST(test_callers)
{
	static const struct row ROWS[] = {
		{POLICY("shop", OF_CART "  rules: [{" FROM(DESK) "}]\n"), "[{\"from\":\"desk\"}]", ""},
		{POLICY("shop", OF_CART "  action: ALLOW\n  rules: [{" FROM(DESK ", " MILL) "}]\n"),
		    "[{\"from\":\"mill\",\"namespace\":\"far\"},{\"from\":\"desk\"}]", ""},
		{POLICY("shop", OF_CART "  rules: [{from: [{source: {principals: [" DESK "]}}, {source: {principals: [" MILL
		    "]}}]}]\n"), "[{\"from\":\"mill\",\"namespace\":\"far\"},{\"from\":\"desk\"}]", ""},
		/* what is said twice is one caller */
		{POLICY("shop", OF_CART "  rules: [{" FROM(DESK) "}, {" FROM(DESK) "}]\n"), "[{\"from\":\"desk\"}]", ""},
		{POLICY("shop", OF_CART "  rules: [{" FROM("\"" ID("shop", "runner") "\"") "}]\n"),
		    "[{\"from\":\"runner\"}]",
		    "which service runs as shop/runner is not known: its callees name the account\n"},
	};

	EXPECT(ROWS);
}
END_TEST

/* Ports are those of the pods there, and names of the Service here. */
START_TEST(test_operations)
{
	static const struct row ROWS[] = {
		{POLICY("shop", OF_CART "  rules: [{" FROM(DESK) ", " TO("ports: [\"8080\"]") "}]\n"),
		    "[{\"from\":\"desk\",\"ports\":[\"http\"]}]", ""},
		{POLICY("shop", OF_CART "  rules: [{" FROM(DESK) ", " TO("ports: [\"7\", \"8080\"]") "}]\n"),
		    "[{\"from\":\"desk\",\"ports\":[\"raw\",\"http\"]}]", ""},
		{POLICY("shop", OF_CART "  rules: [{" FROM(DESK) ", " TO("ports: [\"7\", \"80\"]") "}]\n"),
		    "[{\"from\":\"desk\",\"ports\":[\"raw\"]}]",
		    "shop/cart: a policy for port 80, which is no targetPort of the Service by its number: left out\n"},
		/* of ports that nobody knows nothing is opened: without a list it would be all */
		{POLICY("shop", OF_CART "  rules: [{" FROM(DESK) ", " TO("ports: [\"80\"]") "}]\n"), "-",
		    "shop/cart: a policy for port 80, which is no targetPort of the Service by its number: left out\n"},
		{POLICY("shop", OF_CART "  rules: [{" FROM(DESK) ", " TO("methods: [GET], paths: [/a]") "}]\n"),
		    "[{\"from\":\"desk\",\"methods\":[\"GET\"],\"paths\":[\"/a\"]}]", ""},
		{POLICY("shop", OF_CART "  rules: [{" FROM(DESK) ", " TO("methods: [GET, \"*\"], paths: [\"*\"]") "}]\n"),
		    "[{\"from\":\"desk\"}]", ""},
		{POLICY("shop", OF_CART "  rules: [{" FROM(DESK) ", to: [{operation: {methods: [GET]}}, "
		    "{operation: {methods: [PUT]}}]}]\n"),
		    "[{\"from\":\"desk\",\"methods\":[\"GET\"]},{\"from\":\"desk\",\"methods\":[\"PUT\"]}]", ""},
	};

	EXPECT(ROWS);
}
END_TEST

/* What a draft has no words for is noted: it lets through more, or the rule is left out. */
START_TEST(test_what_is_not_said)
{
	static const struct row ROWS[] = {
		{POLICY("shop", OF_CART "  rules: [{" FROM(DESK) ", when: [{key: a, values: [b]}]}]\n"),
		    "[{\"from\":\"desk\"}]", "shop/cart: a policy with conditions (when): they are not in the draft\n"},
		{POLICY("shop", OF_CART "  rules: [{" FROM(DESK) ", " TO("notPaths: [/a]") "}]\n"), "[{\"from\":\"desk\"}]",
		    "shop/cart: a policy with notPaths: it is not in the draft, which lets through more\n"},
		{POLICY("shop", OF_CART "  rules: [{from: [{source: {principals: [" DESK "], ipBlocks: [192.0.2.0/24]}}]}]\n"),
		    "[{\"from\":\"desk\"}]",
		    "shop/cart: a policy with ipBlocks: it is not in the draft, which lets through more\n"},
		{POLICY("shop", OF_CART "  rules: [{from: [{source: {namespaces: [shop]}}]}]\n"), "-",
		    "shop/cart: a policy that names no principals: left out\n"},
		{POLICY("shop", OF_CART "  rules: [{" FROM("\"*\"") "}]\n"), "-",
		    "shop/cart: a policy with a pattern of principals: left out\n"},
		{POLICY("shop", OF_CART "  rules: [{" FROM("\"" ID("shop", "*") "\"") "}]\n"), "-",
		    "shop/cart: a policy with a pattern of principals: left out\n"},
		{POLICY("shop", OF_CART "  rules: [{}]\n"), "-", "shop/cart: a policy that lets everybody in: left out\n"},
		{POLICY("shop", OF_CART "  rules: [{" TO("methods: [GET]") "}]\n"), "-",
		    "shop/cart: a policy that lets everybody in: left out\n"},
		{POLICY("shop", OF_CART "  rules: [{from: []}]\n"), "-",
		    "shop/cart: a policy that lets everybody in: left out\n"},
	};

	EXPECT(ROWS);
}
END_TEST

/* Which policies are about a service at all. */
START_TEST(test_selection)
{
	static const struct row ROWS[] = {
		{POLICY("shop", "  action: DENY\n" OF_CART "  rules: [{" FROM(DESK) "}]\n"), "-",
		    "AuthorizationPolicy shop/p has action DENY: left out\n"},
		{POLICY("shop", "  action: CUSTOM\n" OF_CART "  rules: [{" FROM(DESK) "}]\n"), "-",
		    "AuthorizationPolicy shop/p has action CUSTOM: left out\n"},
		{POLICY("shop", "  targetRefs: [{kind: Gateway}]\n  rules: [{" FROM(DESK) "}]\n"), "-",
		    "AuthorizationPolicy shop/p names targetRefs: left out\n"},
		{POLICY("shop", "  targetRef: {kind: Gateway}\n  rules: [{" FROM(DESK) "}]\n"), "-",
		    "AuthorizationPolicy shop/p names targetRefs: left out\n"},
		/* all of the namespace, and no other */
		{POLICY("shop", "  rules: [{" FROM(MILL) "}]\n"), "[{\"from\":\"mill\",\"namespace\":\"far\"}]", ""},
		{POLICY("far", "  rules: [{" FROM(DESK) "}]\n"), "-", ""},
		{POLICY("far", OF_CART "  rules: [{" FROM(DESK) "}]\n"), "-",
		    "AuthorizationPolicy far/p selects no Service here: left out\n"},
		{POLICY("shop", "  selector: {matchLabels: {app: cart, track: v}}\n  rules: [{" FROM(DESK) "}]\n"), "-",
		    "AuthorizationPolicy shop/p selects no Service here: left out\n"},
		{POLICY("shop", "  selector: {matchLabels: {app: other}}\n  rules: [{" FROM(DESK) "}]\n"), "-",
		    "AuthorizationPolicy shop/p selects no Service here: left out\n"},
		/* one without rules lets nobody in: there is nothing to say */
		{POLICY("shop", OF_CART), "-", ""},
		{KIND("AuthorizationPolicy", "shop", "p"), "-", ""},
		{POLICY("shop", "  selector: {matchLabels: {app: other}}\n"), "-", ""},
	};

	EXPECT(ROWS);
}
END_TEST

/* A call that was seen adds nothing to what a policy says of its caller: that would open more. */
START_TEST(test_seen_calls_add_nothing)
{
	struct base_arena *arena = base_arena_new();
	const struct base_tree *drafts = draft(arena, CART POLICY("shop", OF_CART "  rules: [{" FROM(DESK) ", "
	    TO("methods: [GET]") "}]\n"), ANSWER(EDGE(ID("shop", "desk"), "shop", "cart", "") ", "
	    EDGE(ID("far", "mill"), "shop", "cart", "")));

	ck_assert_str_eq(said(arena, drafts, "cart", "accepts"),
	    "[{\"from\":\"mill\",\"namespace\":\"far\"},{\"from\":\"desk\",\"methods\":[\"GET\"]}]");
	base_arena_free(arena);
}
END_TEST

/* Of a data service methods and paths say nothing, and ports are always named: all, or those of the policy. */
START_TEST(test_data)
{
	struct base_arena *arena = base_arena_new();
	const struct base_tree *drafts = draft(arena, CART SERVICE("shop", "db", "{name: db, port: 5432}, {name: m, port: 8}")
	    POLICY("shop", "  selector: {matchLabels: {app: db}}\n  rules: [{" FROM(DESK) ", " TO("methods: [GET]") "}]\n"),
	    "");

	ck_assert_str_eq(said(arena, drafts, "db", "accepts"), "[{\"from\":\"desk\",\"ports\":[\"db\",\"m\"]}]");
	drafts = draft(arena, CART SERVICE("shop", "db", "{name: db, port: 5432}, {name: m, port: 8}")
	    POLICY("shop", "  selector: {matchLabels: {app: db}}\n  rules: [{" FROM(DESK) ", " TO("ports: [\"8\"]") "}]\n"),
	    "");
	ck_assert_str_eq(said(arena, drafts, "db", "accepts"), "[{\"from\":\"desk\",\"ports\":[\"m\"]}]");
	base_arena_free(arena);
}
END_TEST

START_TEST(test_odd_shapes)
{
	static const struct row ROWS[] = {
		{POLICY("shop", OF_CART "  rules: 5\n"), "-", ""},
		{POLICY("shop", OF_CART "  rules: [1, null, []]\n"), "-",
		    "shop/cart: a policy that lets everybody in: left out\n"},
		{POLICY("shop", OF_CART "  rules: [{from: [1]}]\n"), "-",
		    "shop/cart: a policy that names no principals: left out\n"},
		{POLICY("shop", OF_CART "  rules: [{from: [{source: {principals: " DESK "}}]}]\n"), "-",
		    "shop/cart: a policy that names no principals: left out\n"},
		{POLICY("shop", OF_CART "  rules: [{" FROM("1, [], null") "}]\n"), "-",
		    "shop/cart: a policy with a pattern of principals: left out\n"},
		{POLICY("shop", OF_CART "  rules: [{" FROM(DESK) ", " TO("ports: [[], {}]") "}]\n"), "-",
		    "shop/cart: a policy for port ?, which is no targetPort of the Service by its number: left out\n"},
	};

	EXPECT(ROWS);
}
END_TEST

CHECK_MAIN("k8s_import_policy", test_callers, test_operations, test_what_is_not_said, test_selection,
    test_seen_calls_add_nothing, test_data, test_odd_shapes)
