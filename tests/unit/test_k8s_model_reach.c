/* SPDX-License-Identifier: Apache-2.0 */
/* What a workload reaches and is reached by: callees, Sidecar, NetworkPolicy. */
#include "check_main.h"
#include "model_make.h"

/* The nth peer of this reason; NULL: there is none. */
static const struct base_tree *
peer(const struct base_tree *of, const char *path, const char *why, unsigned nth)
{
	const struct base_tree *list = base_tree_at(of, path);

	ck_assert_ptr_nonnull(list);
	for (uint32_t i = 0; i < list->count; i++) {
		if (strcmp(text_at(list->items[i], "why"), why) == 0 && nth-- == 0) {
			return list->items[i];
		}
	}
	return NULL;
}

static const char *
peer_shown(const struct base_tree *of, const char *path, const char *why)
{
	const struct base_tree *one = peer(of, path, why, 0);
	struct base_tree_build *map;

	if (one == NULL) {
		return "";
	}
	map = base_tree_map(k8s_inventory_arena(inventory), one->origin);
	base_tree_put(map, "peer", one);
	return shown(base_tree_done(map), "peer");
}

/* A callee that the Sidecar does not list is called without mTLS. */
START_TEST(test_sidecar_knows_every_callee)
{
	static const char *const HOSTS[] = {"istio-system/*", "watch/*",
	    "data/db-rw.data.svc.cluster.local", "shop/pay.shop.svc.cluster.local",
	    "shop/mail.example", "shop/mail2.example", "leave/out.leave.svc.cluster.local"};
	const struct base_tree *hosts;

	begin();
	hosts = base_tree_at(named(model, "services", "cart"), "sidecar.hosts");
	for (size_t i = 0; i < sizeof(HOSTS) / sizeof(HOSTS[0]); i++) {
		bool is_there = false;

		for (uint32_t j = 0; j < hosts->count; j++) {
			is_there = is_there || strcmp(hosts->items[j]->text, HOSTS[i]) == 0;
		}
		ck_assert_msg(is_there, "%s", HOSTS[i]);
	}
	ck_assert_uint_eq(hosts->count, sizeof(HOSTS) / sizeof(HOSTS[0]));
	ck_assert_str_eq(text_at(named(model, "services", "cart"), "sidecar.outbound"), "REGISTRY_ONLY");
	end();
}
END_TEST

#define BROKERS DATA("k", "kafka") "  brokers: 2\n  maxConnections: 9\n" \
	"  ports: [{name: k, port: 9092, role: any}, {name: peer, port: 9091, peer: true}]\n" \
	"  accepts: [{from: a, ports: [k]}]\n"

/* Clients of Kafka are told the names of single brokers. */
START_TEST(test_sidecar_knows_brokers)
{
	begin_small("", SERVICE("a") "  calls: [{data: k, port: k}]\n" BROKERS);
	ck_assert_str_eq(shown(named(model, "services", "a"), "sidecar.hosts"),
	    "['istio-system/*','monitoring/*','shop/k.shop.svc.cluster.local','shop/k-0.shop.svc.cluster.local',"
	    "'shop/k-1.shop.svc.cluster.local']");
	end();
}
END_TEST

/* A host is listed once, over however many ports it is called. */
START_TEST(test_sidecar_lists_a_host_once)
{
	begin_small("", IN("shop", "b") "  ports: [{name: a, protocol: http, port: 80}, {name: b, protocol: tcp, port: 81}]\n"
	    "  accepts: [{from: a}]\n" SERVICE("a") "  calls: [{service: b}]\n");
	ck_assert_str_eq(shown(named(model, "services", "a"), "sidecar.hosts"),
	    "['istio-system/*','monitoring/*','shop/b.shop.svc.cluster.local']");
	ck_assert_uint_eq(base_tree_get(named(model, "services", "a"), "callees")->count, 2);
	end();
}
END_TEST

/* Where rules only watch, an undeclared call still arrives, with its caller's identity. */
START_TEST(test_sidecar_of_an_observed_namespace)
{
	begin_small("  namespaces: [{name: shop, enforcement: observe}]\n", SERVICE("a") IN("one", "b") HTTP);
	ck_assert_str_eq(shown(named(model, "services", "a"), "sidecar"), "{'hosts':['*/*'],'outbound':'ALLOW_ANY'}");
	ck_assert_str_eq(shown(named(model, "services", "b"), "sidecar"),
	    "{'hosts':['istio-system/*','monitoring/*'],'outbound':'REGISTRY_ONLY'}");
	end();
}
END_TEST

START_TEST(test_callees)
{
	const struct base_tree *callees;

	begin();
	callees = base_tree_get(named(model, "services", "cart"), "callees");
	ck_assert_uint_eq(callees->count, 3);
	ck_assert_str_eq(text_at(callees->items[0], "host"), "db-rw.data.svc.cluster.local");
	ck_assert_str_eq(text_at(callees->items[0], "workloadPort"), "5432");
	ck_assert_ptr_null(base_tree_get(callees->items[0], "timeout"));
	ck_assert_str_eq(text_at(callees->items[1], "host"), "pay.shop.svc.cluster.local");
	ck_assert_str_eq(text_at(callees->items[1], "port"), "80");
	ck_assert_str_eq(text_at(callees->items[1], "timeout"), "5s");
	ck_assert_str_eq(text_at(callees->items[2], "kind"), "external");
	ck_assert_str_eq(text_at(callees->items[2], "host"), "mail.example");
	/* members of a data service are no callees of it */
	ck_assert_str_eq(shown(named(model, "dataServices", "db"), "callees"), "[]");
	end();
}
END_TEST

/* By address only to that port; of pods the network knows labels, and the proxy addresses. */
START_TEST(test_callers_without_identity)
{
	const struct base_tree *network;

	begin();
	/* first the edge of monitoring */
	network = base_tree_at(named(model, "services", "old"), "network.ingress");
	ck_assert_uint_eq(network->count, 4);
	ck_assert_str_eq(text_at(network->items[0], "why"), "monitoring");
	ck_assert_str_eq(text_at(network->items[1], "why"), "plaintext");
	ck_assert_str_eq(shown(network->items[1], "ipBlocks"), "['192.0.2.0/24','198.51.100.7/32']");
	ck_assert_ptr_null(base_tree_get(network->items[1], "namespace"));
	ck_assert_str_eq(text_at(network->items[2], "namespace"), "batch");
	ck_assert_str_eq(text_at(network->items[2], "selector.app"), "replay");
	ck_assert_ptr_null(base_tree_get(network->items[2], "ipBlocks"));
	ck_assert_str_eq(text_at(network->items[3], "namespace"), "jobs");
	ck_assert_ptr_null(base_tree_get(network->items[3], "selector"));
	for (size_t i = 1; i < network->count; i++) {
		ck_assert_str_eq(shown(network->items[i], "ports"), "[{'port':8181,'protocol':'TCP'}]");
	}
	end();
}
END_TEST

START_TEST(test_network_of_a_service)
{
	const struct base_tree *cart, *pay;

	begin();
	cart = named(model, "services", "cart");
	pay = named(model, "services", "pay");
	ck_assert_str_eq(peer_shown(pay, "network.ingress", "declared"),
	    "{'why':'declared','namespace':'shop','selector':{'app':'cart'},'ports':[{'port':8081,'protocol':'TCP'}]}");
	ck_assert_str_eq(peer_shown(cart, "network.ingress", "gateway"),
	    "{'why':'gateway','namespace':'edge','selector':{'app':'public'},'ports':[{'port':8080,'protocol':'TCP'}]}");
	/* metrics of the agent, and those of the proxy beside them */
	ck_assert_str_eq(peer_shown(cart, "network.ingress", "monitoring"),
	    "{'why':'monitoring','namespace':'watch','ports':[{'port':15020,'protocol':'TCP'},"
	    "{'port':15090,'protocol':'TCP'}]}");
	ck_assert_uint_eq(base_tree_at(cart, "network.ingress")->count, 2);
	ck_assert_str_eq(peer_shown(cart, "network.egress", "dns"),
	    "{'why':'dns','namespace':'kube-system','selector':{'k8s-app':'kube-dns'},"
	    "'ports':[{'port':53,'protocol':'UDP'},{'port':53,'protocol':'TCP'}]}");
	ck_assert_str_eq(peer_shown(cart, "network.egress", "istiod"),
	    "{'why':'istiod','namespace':'istio-system','selector':{'app':'istiod'},"
	    "'ports':[{'port':15012,'protocol':'TCP'}]}");
	ck_assert_str_eq(peer_shown(cart, "network.egress", "authority"),
	    "{'why':'authority','namespace':'meshca','ports':[{'port':15012,'protocol':'TCP'}]}");
	ck_assert_str_eq(peer_shown(cart, "network.egress", "declared"),
	    "{'why':'declared','namespace':'data','selector':{'app':'db'},'ports':[{'port':5432,'protocol':'TCP'}]}");
	/* to the outside through the gateway alone, and to that once for all hosts */
	ck_assert_str_eq(peer_shown(cart, "network.egress", "egress"),
	    "{'why':'egress','namespace':'leave','selector':{'app':'out'},'ports':[{'port':443,'protocol':'TCP'}]}");
	ck_assert_uint_eq(base_tree_at(cart, "network.egress")->count, 6);
	end();
}
END_TEST

START_TEST(test_one_way_to_a_gateway)
{
	const struct base_tree *out;

	begin_small("", SERVICE("a") "  calls: [{external: x}, {external: z}]\n" EXTERNAL("x", "a") EXTERNAL("z", "a")
	    EGRESS("out"));
	ck_assert_ptr_nonnull(peer(named(model, "services", "a"), "network.egress", "egress", 0));
	ck_assert_ptr_null(peer(named(model, "services", "a"), "network.egress", "egress", 1));
	out = named(model, "gateways", "out");
	ck_assert_str_eq(peer_shown(out, "network.ingress", "egress"),
	    "{'why':'egress','namespace':'shop','selector':{'app':'a'},'ports':[{'port':443,'protocol':'TCP'}]}");
	ck_assert_ptr_null(peer(out, "network.ingress", "egress", 1));
	/* only the gateway itself leaves, and anywhere: names are not addresses */
	ck_assert_str_eq(peer_shown(out, "network.egress", "egress"),
	    "{'why':'egress','ports':[{'port':443,'protocol':'TCP'}]}");
	ck_assert_ptr_null(peer(out, "network.ingress", "clients", 0));
	end();
}
END_TEST

#define WAF(backend) "  waf: {backend: " backend ", failure: closed, service: judge, imageRanges: [203.0.113.7/32]}\n"

START_TEST(test_network_of_a_gateway)
{
	const struct base_tree *public;

	begin_small("", SERVICE("judge") INGRESS("public") WAF("coraza-wasm"));
	public = named(model, "gateways", "public");
	ck_assert_str_eq(peer_shown(public, "network.ingress", "clients"),
	    "{'why':'clients','ports':[{'port':80,'protocol':'TCP'},{'port':443,'protocol':'TCP'},"
	    "{'port':15021,'protocol':'TCP'}]}");
	ck_assert_str_eq(peer_shown(public, "network.egress", "waf-image"),
	    "{'why':'waf-image','ipBlocks':['203.0.113.7/32'],'ports':[{'port':443,'protocol':'TCP'}]}");
	ck_assert_ptr_null(peer(public, "network.egress", "acme-solver", 0));
	end();
	/* another kind of firewall has no image to fetch */
	begin_small("", SERVICE("judge") INGRESS("public") WAF("ext-authz"));
	public = named(model, "gateways", "public");
	ck_assert_ptr_null(peer(public, "network.egress", "waf-image", 0));
	ck_assert_str_eq(peer_shown(public, "network.egress", "firewall"),
	    "{'why':'firewall','namespace':'shop','selector':{'app':'judge'},'ports':[{'port':8080,'protocol':'TCP'}]}");
	end();
}
END_TEST

START_TEST(test_solver)
{
	begin_small("", HEAD "Gateway\nmetadata: {name: public, namespace: edge}\nspec:\n"
	    "  direction: ingress\n  selector: {app: public}\n  hosts: [public.example]\n"
	    "  certificate: {issuer: a, challenge: http-01}\n  trustedProxies: 1\n");
	ck_assert_str_eq(peer_shown(named(model, "gateways", "public"), "network.egress", "acme-solver"),
	    "{'why':'acme-solver','namespace':'edge','selector':{'acme.cert-manager.io/http01-solver':'true'},"
	    "'ports':[{'port':8089,'protocol':'TCP'}]}");
	end();
}
END_TEST

/* A workload port that several names share is opened once. */
START_TEST(test_shared_ports)
{
	begin_small("", IN("shop", "b") "  ports: [{name: a, protocol: http, port: 80, targetPort: 8080}, "
	    "{name: b, protocol: http, port: 81, targetPort: 9090}, {name: c, protocol: http, port: 82, "
	    "targetPort: 8080}]\n  accepts: [{from: a}]\n" SERVICE("a") "  calls: [{service: b}]\n");
	ck_assert_str_eq(shown(peer(named(model, "services", "b"), "network.ingress", "declared", 0), "ports"),
	    "[{'port':8080,'protocol':'TCP'},{'port':9090,'protocol':'TCP'}]");
	end();
}
END_TEST

CHECK_MAIN("k8s_model_reach", test_sidecar_knows_every_callee, test_sidecar_knows_brokers,
    test_sidecar_lists_a_host_once,
    test_sidecar_of_an_observed_namespace, test_callees, test_callers_without_identity, test_network_of_a_service,
    test_one_way_to_a_gateway, test_network_of_a_gateway, test_solver, test_shared_ports)
