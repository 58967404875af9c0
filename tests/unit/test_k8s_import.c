/* SPDX-License-Identifier: Apache-2.0 */
/* Drafts of documents from Services, accounts and observed calls. */
#include "import_make.h"

#include "k8s/import_int.h"
#include "k8s/lint.h"
#include "k8s/schema.h"

#define ACCOUNT(namespace, name) KIND("ServiceAccount", namespace, name)

/* What is drafted is out of no schema: only people's values are missing. */
START_TEST(test_documents)
{
	struct base_arena *arena = base_arena_new();
	struct k8s_findings *findings = k8s_findings_new(arena);
	struct k8s_schema *schema = k8s_schema_new();
	const struct base_tree *drafts = draft(arena, SERVICE("shop", "cart", HTTP) SERVICE("data", "db",
	    "{name: db, port: 5432}") SERVICE("shop", "api", "{name: grpc-api, port: 81}") ACCOUNT("shop", "cart"),
	    ANSWER(EDGE(ID("shop", "cart"), "data", "db", "") ", " EDGE(ID("shop", "cart"), "shop", "api", "")));
	const struct base_tree *documents = base_tree_get(drafts, "documents");
	static const char *const KINDS[] = {"Mesh", "DataService", "Service", "Service"};
	static const char *const NAMES[] = {"mesh", "db", "api", "cart"};

	/* the Mesh, then sorted by namespace and name */
	ck_assert_uint_eq(documents->count, 4);
	for (uint32_t i = 0; i < 4; i++) {
		ck_assert_str_eq(base_tree_str(documents->items[i], "kind", ""), KINDS[i]);
		ck_assert_str_eq(base_tree_str(base_tree_get(documents->items[i], "metadata"), "name", ""), NAMES[i]);
		ck_assert_msg(k8s_schema_check(schema, documents->items[i], findings) != K8S_INVALID, "%s",
		    k8s_findings_count(findings) > 0 ? k8s_findings_get(findings, 0)->what : "");
	}
	ck_assert_str_eq(said(arena, drafts, "mesh", "namespaces"), "[{\"name\":\"data\"},{\"name\":\"shop\"}]");
	ck_assert_str_eq(said(arena, drafts, "cart", "workload.selector"), "{\"app\":\"cart\"}");
	ck_assert_str_eq(said(arena, drafts, "cart", "service"), "\"existing\"");
	ck_assert_str_eq(said(arena, drafts, "cart", "calls"),
	    "[{\"data\":\"db\",\"namespace\":\"data\",\"port\":\"db\"},{\"service\":\"api\",\"port\":\"grpc-api\"}]");
	ck_assert_str_eq(said(arena, drafts, "db", "accepts"),
	    "[{\"from\":\"cart\",\"namespace\":\"shop\",\"ports\":[\"db\"]}]");
	ck_assert_str_eq(said(arena, drafts, "api", "accepts"), "[{\"from\":\"cart\"}]");
	ck_assert_str_eq(said(arena, drafts, "db", "engine"), "\"postgresql\"");
	k8s_schema_free(schema);
	base_arena_free(arena);
}
END_TEST

/* The same objects give the same draft, in Lists or alone, in whatever order. */
START_TEST(test_order_does_not_matter)
{
	struct base_arena *arena = base_arena_new();
	const struct base_tree *one = draft(arena, SERVICE("b", "y1", HTTP) SERVICE("a", "z1", HTTP) SERVICE("b", "x1", HTTP), "");
	const struct base_tree *two = draft(arena, "kind: List\nitems:\n"
	    "- {kind: Service, metadata: {namespace: b, name: x1}, spec: {selector: {app: x1}, ports: [" HTTP "]}}\n"
	    "- {kind: Service, metadata: {namespace: a, name: z1}, spec: {selector: {app: z1}, ports: [" HTTP "]}}\n"
	    SERVICE("b", "y1", HTTP) SERVICE("b", "y1", "{port: 1}"), ""); /* what is there twice counts once */

	ck_assert(base_tree_equal(base_tree_get(one, "documents"), base_tree_get(two, "documents")));
	base_arena_free(arena);
}
END_TEST

START_TEST(test_what_is_left_out)
{
	struct base_arena *arena = base_arena_new();
	const struct base_tree *drafts = draft(arena, KIND("Service", "shop", "outer") "spec: {externalName: a.example}\n"
	    KIND("Service", "shop", "none") "spec: {selector: {}, ports: [" HTTP "]}\n"
	    SERVICE("shop", "dns", "{name: dns, port: 53, protocol: UDP}") KIND("ConfigMap", "shop", "a")
	    SERVICE("shop", "mixed", "{name: u, port: 53, protocol: UDP}, {name: tcp, port: 53, protocol: TCP}"), "");

	ck_assert_uint_eq(base_tree_get(drafts, "documents")->count, 2);
	ck_assert_str_eq(said(arena, drafts, "mixed", "ports"), "[{\"name\":\"tcp\",\"protocol\":\"tcp\",\"port\":53}]");
	ck_assert_str_eq(notes(arena, drafts), "Service shop/outer has no selector: left out\n"
	    "Service shop/none has no selector: left out\n"
	    "shop/dns: port 53 speaks UDP: left out\n"
	    "Service shop/dns has no port of TCP: left out\n"
	    "shop/mixed: port 53 speaks UDP: left out\n"
	    "shop/mixed: write its serviceAccount\n");
	base_arena_free(arena);
}
END_TEST

/* The protocol that a port says, as Istio reads it; where it says none, people must. */
START_TEST(test_ports)
{
	static const struct {
		const char *port, *drafted, *note;
	} ROWS[] = {
		{"{name: http, port: 80, targetPort: 8080}",
		    "[{\"name\":\"http\",\"protocol\":\"http\",\"port\":80,\"targetPort\":8080}]", ""},
		{"{name: grpc-api, port: 1}", "[{\"name\":\"grpc-api\",\"protocol\":\"grpc\",\"port\":1}]", ""},
		{"{name: web, port: 1, appProtocol: http2}", "[{\"name\":\"web\",\"protocol\":\"http2\",\"port\":1}]", ""},
		{"{name: tcp-x, port: 1, appProtocol: kubernetes.io/h2c}",
		    "[{\"name\":\"tcp-x\",\"protocol\":\"http2\",\"port\":1}]", ""},
		{"{name: tcp-x, port: 1, appProtocol: kubernetes.io/ws}",
		    "[{\"name\":\"tcp-x\",\"protocol\":\"http\",\"port\":1}]", ""},
		{"{name: web, port: 1}", "[{\"name\":\"web\",\"protocol\":\"tcp\",\"port\":1}]",
		    "shop/a: write the protocol of port 1: tcp is in the draft, but Istio guesses from traffic\n"},
		{"{name: httpx, port: 1}", "[{\"name\":\"httpx\",\"protocol\":\"tcp\",\"port\":1}]",
		    "shop/a: write the protocol of port 1: tcp is in the draft, but Istio guesses from traffic\n"},
		{"{name: http, port: 80, targetPort: web}", "[{\"name\":\"http\",\"protocol\":\"http\",\"port\":80}]",
		    "shop/a: write the number of targetPort web\n"},
		{"{port: 7, appProtocol: tcp}", "[{\"name\":\"port\",\"protocol\":\"tcp\",\"port\":7}]", ""},
	};

	for (size_t i = 0; i < sizeof(ROWS) / sizeof(ROWS[0]); i++) {
		struct base_arena *arena = base_arena_new();
		const struct base_tree *drafts = draft(arena, base_arena_printf(arena,
		    SERVICE("shop", "a", "%s") ACCOUNT("shop", "a"), ROWS[i].port), "");

		ck_assert_str_eq(said(arena, drafts, "a", "ports"), ROWS[i].drafted);
		ck_assert_str_eq(notes(arena, drafts), ROWS[i].note);
		base_arena_free(arena);
	}
}
END_TEST

START_TEST(test_engines)
{
	static const struct {
		const char *port, *engine;
	} ROWS[] = {{"5432", "\"postgresql\""}, {"3306", "\"mysql\""}, {"27017", "\"mongodb\""}, {"6379", "\"redis\""},
	    {"9092", "\"kafka\""}, {"9093", "-"}};

	for (size_t i = 0; i < sizeof(ROWS) / sizeof(ROWS[0]); i++) {
		struct base_arena *arena = base_arena_new();
		const struct base_tree *drafts = draft(arena, base_arena_printf(arena, KIND("Service", "shop", "a")
		    "spec: {clusterIP: None, selector: {app: a}, ports: [{name: tcp-a, port: 1}, {name: tcp-b, port: %s}]}\n",
		    ROWS[i].port), "");

		ck_assert_str_eq(said(arena, drafts, "a", "engine"), ROWS[i].engine);
		ck_assert_str_eq(said(arena, drafts, "a", "headless"), i < 5 ? "true" : "-");
		base_arena_free(arena);
	}
}
END_TEST

/* Callers are named by the service that runs as their account, where that was seen. */
START_TEST(test_edges)
{
	struct base_arena *arena = base_arena_new();
	const struct base_tree *drafts = draft(arena, SERVICE("shop", "cart", HTTP) SERVICE("shop", "desk", HTTP)
	    SERVICE("shop", "mill", HTTP) ACCOUNT("shop", "cart") ACCOUNT("shop", "mill"),
	    ANSWER("{metric: {source_principal: \"spiffe://" ID("shop", "cart") "\", destination_principal: \""
		ID("shop", "runner") "\", destination_service_namespace: shop, destination_service_name: desk}}, "
		EDGE(ID("shop", "runner"), "shop", "mill", ", value: [1, \"5\"]") ", "
		EDGE(ID("shop", "runner"), "shop", "mill", "") ", "
		EDGE(ID("shop", "nobody"), "shop", "mill", "") ", "
		EDGE(ID("shop", "mill"), "shop", "cart", ", value: [1, \"0\"]") ", "
		EDGE(ID("shop", "mill"), "shop", "bank.example", "") ", "
		"{metric: {source_workload: old, source_workload_namespace: far, source_principal: unknown, "
		"destination_service_namespace: shop, destination_service_name: mill}}"));

	ck_assert_str_eq(said(arena, drafts, "desk", "serviceAccount"), "\"runner\"");
	ck_assert_str_eq(said(arena, drafts, "desk", "accepts"), "[{\"from\":\"cart\"}]");
	ck_assert_str_eq(said(arena, drafts, "mill", "accepts"),
	    "[{\"from\":\"old\",\"namespace\":\"far\"},{\"from\":\"desk\"},{\"from\":\"nobody\"}]");
	/* nobody used it */
	ck_assert_str_eq(said(arena, drafts, "cart", "accepts"), "-");
	ck_assert_str_eq(said(arena, drafts, "desk", "calls"), "[{\"service\":\"mill\",\"port\":\"http\"}]");
	ck_assert_str_eq(said(arena, drafts, "mill", "calls"), "-");
	ck_assert_str_eq(notes(arena, drafts),
	    "which service runs as shop/nobody is not known: its callees name the account\n"
	    "calls to bank.example were seen, which is no Service here: an ExternalService?\n"
	    "shop/mill was called without mTLS\n");
	base_arena_free(arena);
}
END_TEST

/* What telemetry does not know is nobody, and an account of another namespace is not the service's. */
START_TEST(test_unknown_parts_of_edges)
{
	struct base_arena *arena = base_arena_new();
	const struct base_tree *drafts = draft(arena, SERVICE("shop", "cart", HTTP) ACCOUNT("shop", "cart"),
	    ANSWER("{metric: {source_workload: unknown, source_workload_namespace: unknown, destination_principal: \""
		ID("far", "runner") "\", destination_service_namespace: shop, destination_service_name: cart}}"));

	ck_assert_str_eq(said(arena, drafts, "cart", "accepts"), "-");
	ck_assert_str_eq(said(arena, drafts, "cart", "serviceAccount"), "-");
	ck_assert_str_eq(notes(arena, drafts), "shop/cart was called without mTLS\n");
	base_arena_free(arena);
}
END_TEST

/* An account is written where it is another than the name, and asked for where nothing tells it. */
START_TEST(test_accounts)
{
	struct base_arena *arena = base_arena_new();
	const struct base_tree *drafts = draft(arena, SERVICE("shop", "cart", HTTP) SERVICE("shop", "desk", HTTP)
	    SERVICE("shop", "mill", HTTP), ANSWER("{metric: {destination_principal: \"" ID("shop", "cart")
		"\", destination_service_namespace: shop, destination_service_name: cart}}, "
		"{metric: {destination_principal: \"" ID("shop", "runner")
		"\", destination_service_namespace: shop, destination_service_name: desk}, value: [1, \"0\"]}"));

	ck_assert_str_eq(said(arena, drafts, "cart", "serviceAccount"), "-");
	ck_assert_str_eq(said(arena, drafts, "desk", "serviceAccount"), "\"runner\"");
	ck_assert_str_eq(said(arena, drafts, "mill", "serviceAccount"), "-");
	ck_assert_str_eq(notes(arena, drafts), "shop/cart was called without mTLS\nshop/mill: write its serviceAccount\n");
	base_arena_free(arena);
}
END_TEST

/* A call names the port of a callee that has one; who calls itself is no caller of others. */
START_TEST(test_calls)
{
	struct base_arena *arena = base_arena_new();
	const struct base_tree *drafts = draft(arena, SERVICE("shop", "cart", HTTP) ACCOUNT("shop", "cart")
	    SERVICE("shop", "desk", HTTP ", {name: grpc, port: 81}") ACCOUNT("shop", "desk"),
	    ANSWER(EDGE(ID("shop", "cart"), "shop", "desk", "") ", " EDGE(ID("shop", "cart"), "shop", "cart", "")));

	ck_assert_str_eq(said(arena, drafts, "cart", "calls"), "[{\"service\":\"desk\"}]");
	ck_assert_str_eq(said(arena, drafts, "cart", "accepts"), "[{\"from\":\"cart\"}]");
	base_arena_free(arena);
}
END_TEST

START_TEST(test_what_is_neither)
{
	static const struct {
		const char *objects, *edges, *what;
	} ROWS[] = {
		{"a: 1\n", "", "no Kubernetes objects"},
		{"[1]\n", "", "no Kubernetes objects"},
		{SERVICE("shop", "a", HTTP) "---\ntext\n", "", "no Kubernetes objects"},
		{"", "status: error\n", "no data.result"},
		{"", "data: {result: 5}\n", "no data.result"},
		{"", ANSWER("") "---\n[]\n", "no data.result"},
	};

	for (size_t i = 0; i < sizeof(ROWS) / sizeof(ROWS[0]); i++) {
		struct base_arena *arena = base_arena_new();

		ck_assert_ptr_null(draft(arena, ROWS[i].objects, ROWS[i].edges));
		ck_assert_int_eq((int)mc_err_last()->code, (int)MC_EUSAGE);
		ck_assert_ptr_nonnull(strstr(mc_err_last()->detail, ROWS[i].what));
		base_arena_free(arena);
	}
}
END_TEST

/* Nothing that is out of shape is taken for something, or read where it is not. */
START_TEST(test_odd_shapes)
{
	struct base_arena *arena = base_arena_new();
	const struct base_tree *drafts = draft(arena, "kind: List\nitems: [1, [], null, {kind: Service}, "
	    "{kind: Service, metadata: [], spec: 1}]\n---\nkind: Service\nmetadata: {namespace: a, name: b}\nspec: text\n"
	    KIND("Service", "a", "c") "spec: {selector: {app: c}, ports: [1, null, [], {port: [1]}]}\n"
	    KIND("Service", "a", "d") "spec: {selector: {app: d}, ports: 5}\n",
	    ANSWER("1, null, [], {metric: 1}, {metric: {destination_service_name: [1]}}, {value: []}"));

	ck_assert_ptr_nonnull(drafts);
	ck_assert_uint_eq(base_tree_get(drafts, "documents")->count, 2);
	drafts = draft(arena, "", "");
	ck_assert_uint_eq(base_tree_get(drafts, "documents")->count, 1);
	ck_assert_str_eq(said(arena, drafts, "mesh", "namespaces"), "[]");
	ck_assert_str_eq(notes(arena, drafts), "");
	base_arena_free(arena);
}
END_TEST

/* What others wrote is shown to people: without what steers a terminal, and once. */
START_TEST(test_notes)
{
	struct base_arena *arena = base_arena_new();
	const struct base_tree *drafts = draft(arena, "kind: Service\nmetadata: {namespace: a, name: \"b\\e[2J\"}\n"
	    KIND("Service", "a", "c") KIND("Service", "a", "c"), "");

	ck_assert_str_eq(notes(arena, drafts), "Service a/b?[2J has no selector: left out\n"
	    "Service a/c has no selector: left out\n");
	base_arena_free(arena);
}
END_TEST

/* TRUST-DOMAIN/ns/NAMESPACE/sa/ACCOUNT, and nothing else. */
START_TEST(test_principals)
{
	static const struct {
		const char *principal, *namespace, *account;
	} ROWS[] = {
		{"cluster.local/ns/shop/sa/cart", "shop", "cart"},
		{"spiffe://cluster.local/ns/shop/sa/cart", "shop", "cart"},
		{"shop.example/ns/shop/sa/cart", "shop", "cart"},
		{"cluster.local/ns//sa/cart", NULL, NULL},
		{"cluster.local/ns/shop/sa/", NULL, NULL},
		{"cluster.local/ns/shop", NULL, NULL},
		{"cluster.local/sa/cart/ns/shop", NULL, NULL},
		{"cluster.local/ns/shop/sa/*", NULL, NULL},
		{"cluster.local/ns/*/sa/cart", NULL, NULL},
		{"*", NULL, NULL},
		{"", NULL, NULL},
		{"cluster.local/ns/shop/sa/cart/more", NULL, NULL},
		{"cluster.local/ns/shop/more/sa/cart", NULL, NULL},
		{"cluster.local/more/ns/shop/sa/cart", NULL, NULL},
		{"https://cluster.local/ns/shop/sa/cart", NULL, NULL},
		/* a pattern, but of trust domains, which a draft does not name */
		{"*/ns/shop/sa/cart", "shop", "cart"},
	};
	struct base_arena *arena = base_arena_new();
	struct k8s_import import = {.arena = arena};

	for (size_t i = 0; i < sizeof(ROWS) / sizeof(ROWS[0]); i++) {
		const char *namespace = NULL, *account = NULL;

		ck_assert_msg(k8s_import_split_principal(&import, ROWS[i].principal, &namespace, &account) ==
		    (ROWS[i].namespace != NULL), "%s", ROWS[i].principal);
		ck_assert_pstr_eq(namespace, ROWS[i].namespace);
		ck_assert_pstr_eq(account, ROWS[i].account);
	}
	base_arena_free(arena);
}
END_TEST

CHECK_MAIN("k8s_import", test_documents, test_order_does_not_matter, test_what_is_left_out, test_ports, test_engines,
    test_edges, test_unknown_parts_of_edges, test_accounts, test_calls, test_what_is_neither, test_odd_shapes, test_notes, test_principals)
