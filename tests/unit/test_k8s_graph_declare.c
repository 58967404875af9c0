/* SPDX-License-Identifier: Apache-2.0 */
/* Edges that a caller and a callee declare, each on its side. */
#include "graph_make.h"

#define PCI "  class: pci\n"
#define CALLS(calls) "  calls: [" calls "]\n"
#define ACCEPTS(accepts) "  accepts: [" accepts "]\n"
#define A CALLS("{service: b}")
#define BOTH "{name: http, protocol: http, port: 80}, {name: raw, protocol: tcp, port: 7}, " \
	"{name: api, protocol: grpc, port: 81}"
#define DB_PORTS "{name: db, port: 5432}, {name: peer, port: 7, peer: true}, {name: m, port: 8, monitoring: true}"

struct row {
	const char *documents;
	const char *edges;    /* as edges_of() has them */
	const char *findings; /* as findings_of() has them */
};

static void
expect(const struct row *rows, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		struct mesh mesh;
		const char *edges, *findings;

		mesh_make(&mesh, rows[i].documents);
		edges = edges_of(&mesh, K8S_WHY_DECLARED);
		findings = findings_of(&mesh);
		ck_assert_msg(strcmp(edges, rows[i].edges) == 0, "row %zu: %s", i, edges);
		ck_assert_msg(strcmp(findings, rows[i].findings) == 0, "row %zu: %s", i, findings);
		mesh_drop(&mesh);
	}
}
#define EXPECT(rows) expect(rows, sizeof(rows) / sizeof((rows)[0]))

/* Nothing is open that only one side declares. */
START_TEST(test_both_sides)
{
	static const struct row ROWS[] = {
		{SERVICE("a") A SERVICE("b") ACCEPTS("{from: a}"), "a>b:http ", ""},
		{SERVICE("b") ACCEPTS("{from: a}") SERVICE("a") A, "a>b:http ", ""},
		{SERVICE("a") A SERVICE("b"), "", "MCA1001 shop/a calls shop/b, which does not accept it\n"},
		{SERVICE("a") A SERVICE("b") ACCEPTS("{from: c}") SERVICE("c"), "",
		    "MCA1001 shop/a calls shop/b, which does not accept it\n"
		    "MCA1002 shop/c is accepted by shop/b, but does not call it\n"},
		{SERVICE("a") A PCI SERVICE("b"), "", "MCA1004 shop/a calls shop/b, which does not accept it\n"},
		{SERVICE("a") A SERVICE("b") PCI, "", "MCA1004 shop/a calls shop/b, which does not accept it\n"},
		{SERVICE("a") PCI SERVICE("b") ACCEPTS("{from: a}"), "",
		    "MCA1004 shop/a is accepted by shop/b, but does not call it\n"},
		/* whoever accepts a service of that name in another namespace accepts another */
		{SERVICE("a") A SERVICE("b") ACCEPTS("{from: a, namespace: other}") SERVICE_IN("other", "a", HTTP), "",
		    "MCA1001 shop/a calls shop/b, which does not accept it\n"
		    "MCA1002 other/a is accepted by shop/b, but does not call it\n"},
		/* data and externals accept as services do */
		{SERVICE("a") CALLS("{data: db}") DATA("db", "{name: db, port: 1}") ACCEPTS("{from: a, ports: [db]}"),
		    "a>db:db ", ""},
		{SERVICE("a") CALLS("{external: pay}") GATEWAY("out", "egress") EXTERNAL("pay", "a"),
		    "a>pay:https ", ""},
		{SERVICE("a") GATEWAY("out", "egress") EXTERNAL("pay", "a"), "",
		    "MCA1002 shop/a is accepted by shop/pay, but does not call it\n"},
	};

	EXPECT(ROWS);
}
END_TEST

START_TEST(test_names)
{
	static const struct row ROWS[] = {
		{SERVICE("a") A, "", "MCA1005 no service is named b\n"},
		{SERVICE("a") CALLS("{data: b}") SERVICE("b"), "", "MCA1005 no data is named b\n"},
		{SERVICE("b") ACCEPTS("{from: a}"), "", "MCA1005 no service is named a\n"},
		{SERVICE("a") A SERVICE_IN("other", "b", HTTP) ACCEPTS("{from: a}"), "a>b:http ", ""},
		{SERVICE("a") A SERVICE_IN("other", "b", HTTP) SERVICE_IN("third", "b", HTTP), "",
		    "MCA1006 several namespaces have a service named b\n"},
		{SERVICE("a") CALLS("{service: b, namespace: third}") SERVICE_IN("other", "b", HTTP)
		    SERVICE_IN("third", "b", HTTP) ACCEPTS("{from: a}"), "a>b:http ", ""},
		{SERVICE("a") CALLS("{service: b, namespace: third}") SERVICE("b"), "",
		    "MCA1005 no service is named b\n"},
	};

	EXPECT(ROWS);
}
END_TEST

/* Ports that both sides mean; those for peers and monitoring only when a side names them. */
START_TEST(test_ports)
{
	static const struct row ROWS[] = {
		{SERVICE("a") A SERVICE_IN("shop", "b", BOTH) ACCEPTS("{from: a}"), "a>b:http,api a>b:raw ", ""},
		{SERVICE("a") CALLS("{service: b, port: api}") SERVICE_IN("shop", "b", BOTH) ACCEPTS("{from: a}"),
		    "a>b:api ", ""},
		{SERVICE("a") CALLS("{service: b, port: raw}") SERVICE_IN("shop", "b", BOTH) ACCEPTS("{from: a}"),
		    "a>b:raw ", ""},
		{SERVICE("a") A SERVICE_IN("shop", "b", BOTH) ACCEPTS("{from: a, ports: [raw, http]}"),
		    "a>b:http a>b:raw ", ""},
		{SERVICE("a") CALLS("{service: b, port: api}") SERVICE_IN("shop", "b", BOTH)
		    ACCEPTS("{from: a, ports: [raw, http]}"), "",
		    "MCA1003 what shop/a calls and what shop/b accepts have nothing in common\n"},
		{SERVICE("a") CALLS("{service: b, port: api}") PCI SERVICE_IN("shop", "b", BOTH)
		    ACCEPTS("{from: a, ports: [raw, http]}"), "",
		    "MCA1004 what shop/a calls and what shop/b accepts have nothing in common\n"},
		{SERVICE("a") CALLS("{data: db}") DATA("db", DB_PORTS) ACCEPTS("{from: a, ports: [db, peer, m]}"),
		    "a>db:db,peer,m ", ""},
		{SERVICE("a") CALLS("{data: db, port: m}") DATA("db", DB_PORTS) ACCEPTS("{from: a, ports: [db, m]}"),
		    "a>db:m ", ""},
		{SERVICE("a") CALLS("{service: b, port: nix}") SERVICE("b") ACCEPTS("{from: a}"), "",
		    "MCA1003 what shop/a calls and what shop/b accepts have nothing in common\n"
		    "MCA1009 shop/b has no port named nix\n"},
		{SERVICE("a") A SERVICE("b") ACCEPTS("{from: a, ports: [http, nix]}"), "a>b:http ",
		    "MCA1009 shop/b has no port named nix\n"},
	};

	EXPECT(ROWS);
}
END_TEST

/* A side that says methods or paths means HTTP: other ports are not open beside. */
START_TEST(test_http_limits)
{
	static const struct row ROWS[] = {
		{SERVICE("a") CALLS("{service: b, methods: [GET]}") SERVICE_IN("shop", "b", BOTH) ACCEPTS("{from: a}"),
		    "a>b:http,api ", ""},
		{SERVICE("a") A SERVICE_IN("shop", "b", BOTH) ACCEPTS("{from: a, paths: [/x]}"), "a>b:http,api ", ""},
		{SERVICE("a") A SERVICE_IN("shop", "b", BOTH) ACCEPTS("{from: a, ports: [http, raw], paths: [/x]}"),
		    "a>b:http a>b:raw ", ""},
		{SERVICE("a") CALLS("{service: b, methods: [GET]}") SERVICE_IN("shop", "b", RAW) ACCEPTS("{from: a}"),
		    "a>b:raw ",
		    "MCA1008 shop/b has no port that speaks HTTP, so no method or path can be told\n"},
		{SERVICE("a") CALLS("{service: b, methods: [GET]}") SERVICE("b") ACCEPTS("{from: a, methods: [POST]}"),
		    "", "MCA1003 what shop/a calls and what shop/b accepts have nothing in common\n"
		    "MCA1007 a asks shop/b for GET, which is not accepted\n"},
		{SERVICE("a") CALLS("{service: b, paths: [/x]}") SERVICE("b") ACCEPTS("{from: a, paths: [/y]}"), "",
		    "MCA1003 what shop/a calls and what shop/b accepts have nothing in common\n"},
		{SERVICE("a") CALLS("{service: b, methods: [GET, PUT]}") SERVICE("b")
		    ACCEPTS("{from: a, methods: [GET]}"), "a>b:http ",
		    "MCA1007 a asks shop/b for PUT, which is not accepted\n"},
	};

	EXPECT(ROWS);
}
END_TEST

/* An edge says what both allow, and where both say so. */
START_TEST(test_edge)
{
	struct mesh mesh;
	const struct k8s_edge *http, *tcp;
	const struct k8s_node *a;

	mesh_make(&mesh, SERVICE("a") CALLS("{service: b, methods: [GET, PUT], paths: [/x/*], asynchronous: true}")
	    SERVICE_IN("shop", "b", BOTH)
	    ACCEPTS("{from: a, ports: [http, raw], methods: [PUT, POST], paths: [/x/y, /z]}"));
	a = node_of(&mesh, K8S_NODE_SERVICE, "a");
	ck_assert_uint_eq(a->out_count, 1);
	http = a->out_first;
	ck_assert(http->http);
	ck_assert_uint_eq(http->methods->count, 1);
	ck_assert_str_eq(http->methods->items[0]->text, "PUT");
	ck_assert_uint_eq(http->paths->count, 1);
	ck_assert_str_eq(http->paths->items[0]->text, "/x/y");
	ck_assert(base_tree_bool(http->call, "asynchronous", false));
	ck_assert_ptr_ne(http->origin->also, NULL);
	ck_assert_int_ne(http->origin->line, http->origin->also->line);
	mesh_drop(&mesh);
	/* beside a limit of HTTP, a TCP port that both name is open without it */
	mesh_make(&mesh, SERVICE("a") A SERVICE_IN("shop", "b", BOTH)
	    ACCEPTS("{from: a, ports: [http, raw], methods: [PUT]}"));
	a = node_of(&mesh, K8S_NODE_SERVICE, "a");
	ck_assert_uint_eq(a->out_count, 2);
	tcp = a->out_last;
	ck_assert(!tcp->http);
	ck_assert_ptr_null(tcp->methods);
	ck_assert_ptr_null(tcp->paths);
	mesh_drop(&mesh);
}
END_TEST

/* Several entries about one caller are several edges; the call must meet one of them. */
START_TEST(test_several_accepts)
{
	static const struct row ROWS[] = {
		{SERVICE("a") A SERVICE("b") ACCEPTS("{from: a, methods: [GET]}, {from: a, paths: [/x]}"),
		    "a>b:http a>b:http ", ""},
		{SERVICE("a") CALLS("{service: b, methods: [GET]}") SERVICE("b")
		    ACCEPTS("{from: a, methods: [GET]}, {from: a, methods: [POST]}"), "a>b:http ", ""},
		{SERVICE("a") CALLS("{service: b, methods: [POST]}") SERVICE("b")
		    ACCEPTS("{from: a, methods: [GET]}, {from: a, methods: [POST]}"), "a>b:http ", ""},
		{SERVICE("a") CALLS("{service: b, methods: [PUT]}") SERVICE("b")
		    ACCEPTS("{from: a, methods: [GET]}, {from: a, methods: [POST]}"), "",
		    "MCA1003 what shop/a calls and what shop/b accepts have nothing in common\n"},
	};

	EXPECT(ROWS);
}
END_TEST

CHECK_MAIN("k8s_graph_declare", test_both_sides, test_names, test_ports, test_http_limits, test_edge,
    test_several_accepts)
