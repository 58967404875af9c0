/* SPDX-License-Identifier: Apache-2.0 */
/* Nodes of the graph, what they are called, and how names find them. */
#include "graph_make.h"

START_TEST(test_words)
{
	static const char *const NODES[] = {"service", "data", "gateway", "external", "monitoring", "backup",
	    "operator"};
	static const char *const WHYS[] = {"declared", "gateway", "monitoring", "backup", "replication",
	    "operator", "egress", "firewall"};

	for (int kind = K8S_NODE_SERVICE; kind < K8S_NODE_KIND_COUNT; kind++) {
		ck_assert_str_eq(k8s_node_word((enum k8s_node_kind)kind), NODES[kind - 1]);
	}
	for (int why = K8S_WHY_DECLARED; why <= K8S_WHY_FIREWALL; why++) {
		ck_assert_str_eq(k8s_why_word((enum k8s_why)why), WHYS[why - 1]);
	}
}
END_TEST

/* Every kind of node; those that are nobody's own pods have no account or another's. */
START_TEST(test_nodes)
{
	static const char DOCUMENTS[] = SERVICE("cart") "  serviceAccount: buyer\n  class: pci\n" SERVICE("desk")
	    DATA("db", "{name: db, port: 5432}")
	    "  backup: {serviceAccount: saver, port: db}\n"
	    "  operator: {namespace: ops, serviceAccount: mender}\n" DATA("cache", "{name: c, port: 6379}")
	    GATEWAY("out", "egress") EXTERNAL("pay", "cart");
	static const struct {
		enum k8s_node_kind kind;
		const char *name, *namespace, *account, *principal;
	} ROWS[] = {
		{K8S_NODE_SERVICE, "cart", "shop", "buyer", "shop.example/ns/shop/sa/buyer"},
		{K8S_NODE_SERVICE, "desk", "shop", "desk", "shop.example/ns/shop/sa/desk"},
		{K8S_NODE_DATA, "db", "shop", "db", "shop.example/ns/shop/sa/db"},
		{K8S_NODE_GATEWAY, "out", "edge", "out", "shop.example/ns/edge/sa/out"},
		{K8S_NODE_EXTERNAL, "pay", "shop", NULL, NULL},
		{K8S_NODE_MONITORING, "monitoring", "monitoring", "prometheus",
		    "shop.example/ns/monitoring/sa/prometheus"},
		{K8S_NODE_BACKUP, "db", "shop", "saver", "shop.example/ns/shop/sa/saver"},
		{K8S_NODE_OPERATOR, "db", "ops", "mender", "shop.example/ns/ops/sa/mender"},
	};
	struct mesh mesh;
	bool numbers[16] = {false};

	mesh_make(&mesh, DOCUMENTS);
	for (size_t i = 0; i < sizeof(ROWS) / sizeof(ROWS[0]); i++) {
		const struct k8s_node *node = node_of(&mesh, ROWS[i].kind, ROWS[i].name);

		ck_assert_int_eq(node->kind, ROWS[i].kind);
		ck_assert_str_eq(node->namespace, ROWS[i].namespace);
		ck_assert_pstr_eq(node->account, ROWS[i].account);
		ck_assert_pstr_eq(node->principal, ROWS[i].principal);
		ck_assert_ptr_nonnull(node->origin);
		ck_assert(node->pci == (i == 0));
		ck_assert((node->of != NULL) == (i > 5));
	}
	ck_assert_ptr_eq(node_of(&mesh, K8S_NODE_BACKUP, "db")->of, node_of(&mesh, K8S_NODE_DATA, "db"));
	ck_assert_uint_eq(mesh.model.graph->nodes[K8S_NODE_OPERATOR].count, 1);
	ck_assert_uint_eq(mesh.model.graph->node_count, 9);
	for (int kind = 0; kind < K8S_NODE_KIND_COUNT; kind++) {
		for (size_t i = 0; i < mesh.model.graph->nodes[kind].count; i++) {
			size_t number = mesh.model.graph->nodes[kind].at[i].number;

			ck_assert_uint_lt(number, 9);
			ck_assert(!numbers[number]);
			numbers[number] = true;
		}
	}
	mesh_drop(&mesh);
}
END_TEST

/* The name of a port tells Istio its protocol: by its first part, which stands before a "-". */
START_TEST(test_port_names)
{
	static const struct {
		const char *declared, *protocol, *name;
		bool http, grpc;
	} ROWS[] = {
		{"http", "http", "http", true, false},
		{"http-web", "http", "http-web", true, false},
		{"web", "http", "http-web", true, false},
		{"http2", "http", "http-http2", true, false},
		{"httpx", "http", "http-httpx", true, false},
		{"a", "http2", "http2-a", true, false},
		{"b", "grpc", "grpc-b", true, true},
		{"grpc-web", "grpc-web", "grpc-web", true, true},
		{"c", "https", "https-c", false, false},
		{"tls", "tcp", "tcp-tls", false, false},
		{"d", "tls", "tls-d", false, false},
		{"e", "mysql", "mysql-e", false, false},
	};
	enum { COUNT = sizeof(ROWS) / sizeof(ROWS[0]) };
	char documents[4096];
	size_t len = (size_t)snprintf(documents, sizeof(documents), "%s",
	    SERVICE_IN("shop", "cart", "{name: first, protocol: http, port: 1}"));
	const struct k8s_node *node;
	struct mesh mesh;

	len -= 2; /* "]\n" */
	for (int i = 0; i < COUNT; i++) {
		len += (size_t)snprintf(documents + len, sizeof(documents) - len,
		    ", {name: %s, protocol: %s, port: %d}", ROWS[i].declared, ROWS[i].protocol, i + 10);
	}
	(void)snprintf(documents + len, sizeof(documents) - len, "]\n");
	mesh_make(&mesh, documents);
	node = node_of(&mesh, K8S_NODE_SERVICE, "cart");
	ck_assert_uint_eq(node->port_count, COUNT + 1);
	for (int i = 0; i < COUNT; i++) {
		const struct k8s_port *port = &node->ports[i + 1];

		ck_assert_str_eq(port->declared, ROWS[i].declared);
		ck_assert_str_eq(port->name, ROWS[i].name);
		ck_assert_str_eq(port->protocol, ROWS[i].protocol);
		ck_assert(port->http == ROWS[i].http && port->grpc == ROWS[i].grpc);
		ck_assert_int_eq(port->port, i + 10);
		ck_assert_int_eq(port->workload, i + 10);
	}
	mesh_drop(&mesh);
}
END_TEST

START_TEST(test_ports)
{
	static const char DOCUMENTS[] = SERVICE("cart")
	    DATA("db", "{name: db, port: 5432, targetPort: 15432, role: primary}, "
		"{name: ro, port: 5432, host: db-ro, role: replica}, {name: p, port: 7, peer: true}, "
		"{name: m, port: 8, monitoring: true}")
	    GATEWAY("out", "egress") EXTERNAL("pay", "cart") "  protocol: tcp\n  port: 25\n";
	const struct k8s_port *port;
	struct mesh mesh;

	mesh_make(&mesh, DOCUMENTS);
	port = node_of(&mesh, K8S_NODE_SERVICE, "cart")->ports;
	ck_assert_int_eq(port->port, 80);
	ck_assert_int_eq(port->workload, 8080);
	ck_assert_str_eq(port->host, "cart");
	ck_assert_ptr_null(port->role);
	port = node_of(&mesh, K8S_NODE_DATA, "db")->ports;
	ck_assert_str_eq(port[0].protocol, "tcp");
	ck_assert_str_eq(port[0].name, "tcp-db");
	ck_assert_str_eq(port[0].host, "db");
	ck_assert_str_eq(port[0].role, "primary");
	ck_assert_int_eq(port[0].workload, 15432);
	ck_assert_str_eq(port[1].host, "db-ro");
	ck_assert(!port[0].peer && !port[0].monitoring);
	ck_assert(port[2].peer && !port[2].monitoring);
	ck_assert(port[3].monitoring && !port[3].peer);
	port = node_of(&mesh, K8S_NODE_GATEWAY, "out")->ports;
	ck_assert_str_eq(port->name, "https");
	ck_assert_int_eq(port->port, 443);
	port = node_of(&mesh, K8S_NODE_EXTERNAL, "pay")->ports;
	ck_assert_str_eq(port->name, "tcp-https");
	ck_assert_int_eq(port->port, 25);
	ck_assert_int_eq(port->workload, 25);
	mesh_drop(&mesh);
}
END_TEST

/* In the namespace that is said, else in one's own, else the only one anywhere. */
START_TEST(test_find)
{
	static const char DOCUMENTS[] = SERVICE("cart") SERVICE_IN("other", "cart", HTTP) SERVICE("desk")
	    SERVICE_IN("other", "mill", HTTP);
	static const struct {
		const char *namespace, *own, *name, *found;
		bool ambiguous;
	} ROWS[] = {
		{"shop", "other", "cart", "shop", false},
		{"other", "shop", "cart", "other", false},
		{"third", "shop", "cart", NULL, false},
		{NULL, "shop", "cart", "shop", false},
		{NULL, "other", "cart", "other", false},
		{NULL, "third", "cart", NULL, true},
		{NULL, "other", "desk", "shop", false},
		{NULL, "shop", "mill", "other", false},
		{NULL, "shop", "nobody", NULL, false},
		{NULL, "shop", "other/cart", "other", false},
		{"shop", "shop", "other/cart", "other", false},
		{NULL, "shop", "third/cart", NULL, false},
		{NULL, "shop", "other/", NULL, false},
		{NULL, "shop", "/mill", NULL, false},
		{NULL, "shop", "/cart", NULL, false},
		{"", "shop", "cart", NULL, false},
	};
	struct mesh mesh;

	mesh_make(&mesh, DOCUMENTS);
	for (size_t i = 0; i < sizeof(ROWS) / sizeof(ROWS[0]); i++) {
		bool ambiguous = !ROWS[i].ambiguous;
		const struct k8s_node *node = k8s_graph_find(&mesh.model, K8S_NODE_SERVICE, ROWS[i].namespace,
		    ROWS[i].own, ROWS[i].name, &ambiguous);

		ck_assert_msg((node != NULL) == (ROWS[i].found != NULL), "row %zu", i);
		ck_assert_msg(ambiguous == ROWS[i].ambiguous, "row %zu", i);
		if (node != NULL) {
			ck_assert_str_eq(node->namespace, ROWS[i].found);
		}
		ck_assert_ptr_null(k8s_graph_find(&mesh.model, K8S_NODE_DATA, ROWS[i].namespace, ROWS[i].own,
		    ROWS[i].name, &ambiguous));
		ck_assert(!ambiguous);
	}
	mesh_drop(&mesh);
}
END_TEST

/* An edge is copied, and is last of the graph, of who it leaves and of who it reaches. */
START_TEST(test_add)
{
	struct mesh mesh;
	struct k8s_node *cart, *desk;
	struct k8s_edge edge = {.why = K8S_WHY_DECLARED}, *one, *two;
	size_t count;

	mesh_make(&mesh, SERVICE("cart") SERVICE("desk"));
	cart = node_of(&mesh, K8S_NODE_SERVICE, "cart");
	desk = node_of(&mesh, K8S_NODE_SERVICE, "desk");
	count = mesh.model.graph->edge_count;
	ck_assert_uint_eq(cart->out_count, 0);
	edge.from = cart;
	edge.to = desk;
	one = k8s_graph_add(&mesh.model, &edge);
	ck_assert_ptr_ne(one, &edge);
	edge.to = cart;
	two = k8s_graph_add(&mesh.model, &edge);
	ck_assert_uint_eq(mesh.model.graph->edge_count, count + 2);
	ck_assert_ptr_eq(one->next, two);
	ck_assert_ptr_eq(mesh.model.graph->last, two);
	ck_assert_ptr_eq(cart->out_first, one);
	ck_assert_ptr_eq(one->next_out, two);
	ck_assert_ptr_eq(cart->out_last, two);
	ck_assert_uint_eq(cart->out_count, 2);
	ck_assert_ptr_eq(desk->in_last, one);
	ck_assert_ptr_eq(cart->in_last, two);
	ck_assert_ptr_eq(one->to, desk);
	ck_assert_ptr_eq(two->to, cart);
	count = 0;
	for (const struct k8s_edge *in = desk->in_first; in != NULL; in = in->next_in) {
		ck_assert_ptr_eq(in->to, desk);
		count++;
	}
	ck_assert_uint_eq(count, desk->in_count);
	mesh_drop(&mesh);
}
END_TEST

/* What nobody describes is not there, and a graph of nothing is none but its monitoring. */
START_TEST(test_nothing)
{
	struct mesh mesh;

	mesh_make(&mesh, "");
	ck_assert_uint_eq(mesh.model.graph->node_count, 1);
	ck_assert_uint_eq(mesh.model.graph->edge_count, 0);
	ck_assert_str_eq(findings_of(&mesh), "");
	ck_assert_str_eq(edges_of(&mesh, K8S_WHY_MONITORING), "");
	mesh_drop(&mesh);
}
END_TEST

CHECK_MAIN("k8s_graph", test_words, test_nodes, test_port_names, test_ports, test_find, test_add,
    test_nothing)
