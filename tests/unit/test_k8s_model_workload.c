/* SPDX-License-Identifier: Apache-2.0 */
/* What services and data services have in common. */
#include "check_main.h"
#include "model_make.h"

#include "k8s/model_int.h"

static const struct sample SAMPLES[] = {
	{"MCA1019", IN("shop", "a") "  ports: [{name: v, protocol: http, port: 80, targetPort: 8080}, "
	    "{name: w, protocol: http, port: 81, targetPort: 8080}]\n", "v and w of shop/a are both port 8080"},
};

START_TEST(test_findings)
{
	FOUND(SAMPLES);
}
END_TEST

START_TEST(test_workload)
{
	const struct base_tree *a;

	begin_small("", HEAD "Service\nmetadata: {name: a, namespace: shop}\nspec:\n  owner: team\n  onCall: a@example.com\n"
	    "  service: existing\n  serviceAccount: runner\n"
	    "  workload: {kind: StatefulSet, name: a-pods, selector: {app: a}}\n" HTTP);
	a = named(model, "services", "a");
	ck_assert_str_eq(text_at(a, "host"), "a.shop.svc.cluster.local");
	ck_assert_str_eq(shown(a, "workload"), "{'kind':'StatefulSet','name':'a-pods'}");
	ck_assert_str_eq(shown(a, "selector"), "{'app':'a'}");
	ck_assert_str_eq(text_at(a, "class"), "standard");
	ck_assert_ptr_null(base_tree_get(a, "pci"));
	ck_assert_ptr_null(base_tree_get(a, "generate")); /* somebody else's Service */
	ck_assert_str_eq(text_at(a, "serviceAccount"), "runner");
	ck_assert_str_eq(text_at(a, "spiffeId"), "spiffe://cluster.local/ns/shop/sa/runner");
	ck_assert_str_eq(text_at(a, "onCall"), "a@example.com");
	ck_assert_str_eq(text_at(a, "enforce"), "true");
	ck_assert_str_eq(text_at(a, "observe"), "false");
	ck_assert_str_eq(text_at(a, "mtls"), "STRICT");
	end();
	begin_small("  namespaces: [{name: shop, enforcement: observe, mtls: PERMISSIVE}]\n", SERVICE("a") PCI);
	a = named(model, "services", "a");
	ck_assert_str_eq(shown(a, "workload"), "{'kind':'Deployment','name':'a'}");
	ck_assert_str_eq(text_at(a, "generate"), "true");
	ck_assert_str_eq(text_at(a, "class"), "pci");
	ck_assert_str_eq(text_at(a, "pci"), "true");
	ck_assert_str_eq(text_at(a, "enforce"), "false");
	ck_assert_str_eq(text_at(a, "observe"), "true");
	ck_assert_str_eq(text_at(a, "mtls"), "PERMISSIVE");
	end();
}
END_TEST

START_TEST(test_tuning)
{
	begin();
	ck_assert_str_eq(shown(named(model, "services", "pay"), "telemetry"),
	    "{'redact':['query','authorization'],'noQuery':true,'noAuthorization':true}");
	ck_assert_str_eq(text_at(named(model, "services", "cart"), "scaling.max"), "6");
	end();
	begin_small("", SERVICE("a") "  logging: {redact: [query]}\n" SERVICE("b") "  logging: {redact: []}\n");
	ck_assert_str_eq(shown(named(model, "services", "a"), "telemetry"), "{'redact':['query'],'noQuery':true}");
	ck_assert_str_eq(shown(named(model, "services", "b"), "telemetry"), "{'redact':[]}");
	end();
}
END_TEST

START_TEST(test_ports)
{
	const struct base_tree *a;

	begin_small("", IN("shop", "a") "  ports: [{name: api, protocol: grpc, port: 80, targetPort: 8080}, "
	    "{name: raw, protocol: tcp, port: 81}]\n");
	a = named(model, "services", "a");
	ck_assert_str_eq(shown(a, "ports"),
	    "[{'name':'grpc-api','declared':'api','protocol':'grpc','appProtocol':'grpc','port':80,'workloadPort':8080,"
	    "'http':true,'grpc':true},"
	    "{'name':'tcp-raw','declared':'raw','protocol':'tcp','appProtocol':'tcp','port':81,'workloadPort':81,"
	    "'tcp':true}]");
	ck_assert_ptr_null(base_tree_get(a, "portMtls"));
	ck_assert_ptr_null(base_tree_get(a, "portLevelMtls"));
	end();
}
END_TEST

/* By workload ports: names that share one have one mode, and the first one's reason. */
START_TEST(test_plaintext)
{
	const struct base_tree *old;

	begin();
	old = named(model, "services", "old");
	ck_assert_str_eq(shown(old, "portMtls"), "[{'port':8181,'mode':'PERMISSIVE','reason':'scales'}]");
	ck_assert_str_eq(shown(old, "portLevelMtls"), "{'8181':{'mode':'PERMISSIVE'}}");
	ck_assert_uint_eq(k8s_findings_count(found), 1);
	ck_assert_ptr_nonnull(finding(found, "MCA1019", "raw and same of shop/old are both port 8181"));
	end();
}
END_TEST

START_TEST(test_hosts_of_callees)
{
	struct k8s_model small;
	struct k8s_port port = {.host = "db-rw"};
	struct k8s_node node = {.kind = K8S_NODE_DATA, .namespace = "data", .name = "db"};

	begin();
	small = (struct k8s_model){.arena = k8s_inventory_arena(inventory)};
	ck_assert_str_eq(k8s_callee_host(&small, &node, &port), "db-rw.data.svc.cluster.local");
	ck_assert_str_eq(k8s_callee_host(&small, &node, NULL), "db.data.svc.cluster.local");
	port.host = NULL;
	ck_assert_str_eq(k8s_callee_host(&small, &node, &port), "db.data.svc.cluster.local");
	node.kind = K8S_NODE_EXTERNAL;
	ck_assert_str_eq(k8s_callee_host(&small, &node, &port), "db"); /* without a host of its own */
	node.spec = named(model, "gateways", "public");
	ck_assert_str_eq(k8s_callee_host(&small, &node, &port), "shop.example");
	end();
}
END_TEST

START_TEST(test_ports_of_an_edge)
{
	const struct k8s_port a = {.workload = 1}, b = {.workload = 2}, c = {.workload = 1};
	const struct k8s_port *ports[] = {&a, &b, &c, &c};
	const struct k8s_edge edge = {.ports = ports, .port_count = 3};
	const struct k8s_edge neighbours = {.ports = ports + 2, .port_count = 2};

	ck_assert(!k8s_edge_has_port_before(&edge, 0));
	ck_assert(!k8s_edge_has_port_before(&edge, 1));
	ck_assert(k8s_edge_has_port_before(&edge, 2));
	ck_assert(k8s_edge_has_port_before(&neighbours, 1));
}
END_TEST

CHECK_MAIN("k8s_model_workload", test_findings, test_workload, test_tuning, test_ports, test_plaintext,
    test_hosts_of_callees, test_ports_of_an_edge)
