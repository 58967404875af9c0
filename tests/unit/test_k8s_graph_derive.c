/* SPDX-License-Identifier: Apache-2.0 */
/* Edges that nobody declares: they follow from what a thing is. */
#include "graph_make.h"

#define PATHS "  gatewayPaths: [/x, /y/*]\n"
#define INGRESS(name) GATEWAY(name, "ingress") "  hosts: [" name ".example]\n  certificate: {issuer: a}\n" \
	"  trustedProxies: 1\n"
#define WAF(service) "  waf: {backend: ext-authz, failure: closed, service: " service "}\n"
#define PCI "  class: pci\n"
#define CALLS_PAY "  calls: [{external: pay}]\n"
#define DB_PORTS "{name: db, port: 5432}, {name: peer, port: 7, peer: true}, {name: m, port: 8, monitoring: true}"

struct row {
	const char *documents;
	const char *edges;    /* as edges_of() has them, of the reason that is tested */
	const char *findings; /* as findings_of() has them */
};

static void
expect(enum k8s_why why, const struct row *rows, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		struct mesh mesh;
		const char *edges, *findings;

		mesh_make(&mesh, rows[i].documents);
		edges = edges_of(&mesh, why);
		findings = findings_of(&mesh);
		ck_assert_msg(strcmp(edges, rows[i].edges) == 0, "row %zu: %s", i, edges);
		ck_assert_msg(strcmp(findings, rows[i].findings) == 0, "row %zu: %s", i, findings);
		mesh_drop(&mesh);
	}
}
#define EXPECT(why, rows) expect(why, rows, sizeof(rows) / sizeof((rows)[0]))

/* Paths that a service shows are reached by the ingress gateway that it names, or by the only one. */
START_TEST(test_gateways)
{
	static const struct row ROWS[] = {
		{SERVICE("a") PATHS INGRESS("in"), "in>a:http ", ""},
		{SERVICE("a") INGRESS("in"), "", ""},
		{SERVICE("a") "  gatewayPaths: []\n" INGRESS("in"), "", ""},
		{SERVICE("a") PATHS INGRESS("in") GATEWAY("out", "egress"), "in>a:http ", ""},
		{SERVICE("a") PATHS "  gateway: two\n" INGRESS("one") INGRESS("two"), "two>a:http ", ""},
		/* of several ports the first that speaks HTTP, and no other */
		{SERVICE_IN("shop", "a", RAW ", " HTTP ", {name: api, protocol: grpc, port: 81}") PATHS INGRESS("in"),
		    "in>a:http ", ""},
		{SERVICE("a") PATHS, "",
		    "MCA1020 shop/a has gatewayPaths, but it is not clear at which ingress gateway\n"},
		{SERVICE("a") PATHS INGRESS("one") INGRESS("two"), "",
		    "MCA1020 shop/a has gatewayPaths, but it is not clear at which ingress gateway\n"},
		{SERVICE("a") PATHS INGRESS("one") INGRESS("two") INGRESS("three"), "",
		    "MCA1020 shop/a has gatewayPaths, but it is not clear at which ingress gateway\n"},
		{SERVICE("a") PATHS "  gateway: out\n" INGRESS("in") GATEWAY("out", "egress"), "",
		    "MCA1020 shop/a has gatewayPaths, but it is not clear at which ingress gateway\n"},
		{SERVICE("a") PATHS "  gateway: nix\n" INGRESS("in"), "",
		    "MCA1020 shop/a has gatewayPaths, but it is not clear at which ingress gateway\n"},
		{SERVICE_IN("shop", "a", RAW) PATHS INGRESS("in"), "",
		    "MCA1008 shop/a has gatewayPaths but no port that speaks HTTP\n"},
	};
	struct mesh mesh;

	EXPECT(K8S_WHY_GATEWAY, ROWS);
	mesh_make(&mesh, ROWS[0].documents);
	for (const struct k8s_edge *edge = mesh.model.graph->first; edge != NULL; edge = edge->next) {
		if (edge->why == K8S_WHY_GATEWAY) {
			ck_assert_uint_eq(edge->paths->count, 2);
			ck_assert_str_eq(edge->paths->items[1]->text, "/y/*");
			ck_assert_ptr_null(edge->methods);
			ck_assert_ptr_null(edge->call);
		}
	}
	mesh_drop(&mesh);
}
END_TEST

/* The agent's own port of everything that has a proxy, and ports that say so. */
START_TEST(test_monitoring)
{
	static const struct row ROWS[] = {
		{SERVICE("a"), "monitoring>a:agent-metrics ", ""},
		{DATA("db", DB_PORTS), "monitoring>db:agent-metrics monitoring>db:m ", ""},
		{GATEWAY("out", "egress"), "monitoring>out:agent-metrics ", ""},
		{SERVICE("a") GATEWAY("out", "egress") EXTERNAL("pay", "a") SERVICE("b"),
		    "monitoring>a:agent-metrics monitoring>b:agent-metrics monitoring>out:agent-metrics ",
		    "MCA1002 shop/a is accepted by shop/pay, but does not call it\n"},
	};
	struct mesh mesh;
	const struct k8s_port *port;

	EXPECT(K8S_WHY_MONITORING, ROWS);
	mesh_make(&mesh, ROWS[0].documents);
	port = mesh.model.graph->first->ports[0];
	ck_assert_int_eq(port->workload, K8S_AGENT_METRICS_PORT);
	ck_assert_int_eq(port->port, 15020);
	mesh_drop(&mesh);
}
END_TEST

START_TEST(test_peers)
{
	static const struct row ROWS[] = {
		{DATA("db", DB_PORTS), "db>db:peer ", ""},
		{DATA("db", "{name: db, port: 5432}"), "", ""},
	};

	EXPECT(K8S_WHY_REPLICATION, ROWS);
}
END_TEST

/* Backups read from the port that they name. */
START_TEST(test_backup)
{
	static const struct row ROWS[] = {
		{DATA("db", DB_PORTS) "  backup: {serviceAccount: saver, port: db}\n", "db>db:db ", ""},
		{DATA("db", DB_PORTS) "  backup: {serviceAccount: saver, port: peer}\n", "db>db:peer ", ""},
		{DATA("db", DB_PORTS) "  backup: {serviceAccount: saver, port: nix}\n", "",
		    "MCA1009 shop/db has no port named nix\n"},
	};

	EXPECT(K8S_WHY_BACKUP, ROWS);
}
END_TEST

/* Who runs a database reaches all of its ports but those of monitoring. */
START_TEST(test_operator)
{
	static const struct row ROWS[] = {
		{DATA("db", DB_PORTS) "  operator: {namespace: ops, serviceAccount: mender}\n", "db>db:db,peer ", ""},
	};
	struct mesh mesh;
	const struct k8s_edge *edge;

	EXPECT(K8S_WHY_OPERATOR, ROWS);
	mesh_make(&mesh, ROWS[0].documents);
	edge = node_of(&mesh, K8S_NODE_OPERATOR, "db")->out_first;
	ck_assert_str_eq(edge->from->principal, "shop.example/ns/ops/sa/mender");
	ck_assert_ptr_eq(edge->to, node_of(&mesh, K8S_NODE_DATA, "db"));
	mesh_drop(&mesh);
}
END_TEST

/* The gateway asks the service that judges its requests, on its first port that speaks HTTP. */
START_TEST(test_firewall)
{
	static const struct row ROWS[] = {
		{SERVICE_IN("edge", "judge", RAW ", " HTTP ", {name: api, protocol: grpc, port: 81}") INGRESS("in")
		    WAF("judge"), "in>judge:http ", ""},
		{SERVICE("judge") INGRESS("in") WAF("judge"), "in>judge:http ", ""},
		{SERVICE("judge") INGRESS("in") "  waf: {backend: coraza-wasm, failure: closed}\n", "", ""},
		{SERVICE("judge") INGRESS("in") WAF("nobody"), "",
		    "MCA1033 no service with a port that speaks HTTP judges requests of edge/in\n"},
		{SERVICE_IN("shop", "judge", RAW) INGRESS("in") WAF("judge"), "",
		    "MCA1033 no service with a port that speaks HTTP judges requests of edge/in\n"},
		{SERVICE_IN("shop", "judge", HTTP) SERVICE_IN("other", "judge", HTTP) INGRESS("in") WAF("judge"), "",
		    "MCA1033 no service with a port that speaks HTTP judges requests of edge/in\n"},
	};

	EXPECT(K8S_WHY_FIREWALL, ROWS);
}
END_TEST

/* There is one way out to an external service: the egress gateway that it names. */
START_TEST(test_egress)
{
	static const struct row ROWS[] = {
		{SERVICE("a") CALLS_PAY GATEWAY("out", "egress") EXTERNAL("pay", "a"), "out>pay:https ", ""},
		{SERVICE("a") CALLS_PAY EXTERNAL("pay", "a"), "", "MCA1005 no egress gateway is named out\n"},
		{SERVICE("a") CALLS_PAY INGRESS("out") EXTERNAL("pay", "a"), "",
		    "MCA1005 no egress gateway is named out\n"},
		/* a service that has a gateway of its own leaves by it */
		{SERVICE("a") CALLS_PAY "  egressGateway: out\n" GATEWAY("out", "egress") EXTERNAL("pay", "a"),
		    "out>pay:https ", ""},
		{SERVICE("a") CALLS_PAY "  egressGateway: own\n" GATEWAY("out", "egress") GATEWAY("own", "egress")
		    EXTERNAL("pay", "a"), "out>pay:https ",
		    "MCA1024 a leaves through the egress gateway own, but pay is reached through out\n"},
		/* and class pci shares one with nobody */
		{SERVICE("a") CALLS_PAY PCI GATEWAY("out", "egress") EXTERNAL("pay", "a"), "out>pay:https ", ""},
		{SERVICE("a") CALLS_PAY PCI SERVICE("b") "  calls: [{external: bank}]\n" GATEWAY("out", "egress")
		    EXTERNAL("bank", "b") EXTERNAL("pay", "a"), "out>bank:https out>pay:https ",
		    "MCA1024 b and a leave through the same egress gateway out\n"},
		{SERVICE("a") "  calls: [{external: bank}]\n" PCI SERVICE("b") CALLS_PAY GATEWAY("out", "egress")
		    EXTERNAL("bank", "a") EXTERNAL("pay", "b"), "out>bank:https out>pay:https ",
		    "MCA1024 a and b leave through the same egress gateway out\n"},
		{SERVICE("a") CALLS_PAY SERVICE("b") CALLS_PAY PCI GATEWAY("out", "egress") EXTERNAL("pay", "a, b"),
		    "out>pay:https ", "MCA1024 a and b leave through the same egress gateway out\n"},
		{SERVICE("a") CALLS_PAY SERVICE("b") CALLS_PAY GATEWAY("out", "egress") EXTERNAL("pay", "a, b"),
		    "out>pay:https ", ""},
		{SERVICE("a") "  calls: [{external: pay}, {external: bank}]\n" PCI GATEWAY("out", "egress")
		    EXTERNAL("bank", "a") EXTERNAL("pay", "a"), "out>bank:https out>pay:https ", ""},
	};

	EXPECT(K8S_WHY_EGRESS, ROWS);
}
END_TEST

/* The same look-ups for those that place the values. */
START_TEST(test_look_ups)
{
	struct mesh mesh;

	mesh_make(&mesh, SERVICE("a") CALLS_PAY GATEWAY("out", "egress") EXTERNAL("pay", "a") SERVICE("judge")
	    INGRESS("in") WAF("judge") INGRESS("two") WAF("nobody"));
	ck_assert_ptr_eq(k8s_external_gateway(&mesh.model, node_of(&mesh, K8S_NODE_EXTERNAL, "pay")),
	    node_of(&mesh, K8S_NODE_GATEWAY, "out"));
	ck_assert_ptr_eq(k8s_gateway_firewall(&mesh.model, node_of(&mesh, K8S_NODE_GATEWAY, "in")),
	    node_of(&mesh, K8S_NODE_SERVICE, "judge"));
	ck_assert_ptr_null(k8s_gateway_firewall(&mesh.model, node_of(&mesh, K8S_NODE_GATEWAY, "two")));
	ck_assert_ptr_null(k8s_gateway_firewall(&mesh.model, node_of(&mesh, K8S_NODE_GATEWAY, "out")));
	mesh_drop(&mesh);
	mesh_make(&mesh, SERVICE("a") CALLS_PAY INGRESS("out") EXTERNAL("pay", "a"));
	ck_assert_ptr_null(k8s_external_gateway(&mesh.model, node_of(&mesh, K8S_NODE_EXTERNAL, "pay")));
	mesh_drop(&mesh);
}
END_TEST

CHECK_MAIN("k8s_graph_derive", test_gateways, test_monitoring, test_peers, test_backup, test_operator,
    test_firewall, test_egress, test_look_ups)
