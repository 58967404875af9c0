/* SPDX-License-Identifier: Apache-2.0 */
/* Gateways: names, certificate, limits, firewall, and what lies behind each. */
#include "check_main.h"
#include "model_make.h"

static const struct sample SAMPLES[] = {
	{"MCA1029", INGRESS("public") "  limits: {requestsPerSecond: 3}\n  scaling: {max: 4}\n",
	    "requestsPerSecond 3 of edge/public cannot be divided among 4 pods"},
	{"MCA1029", INGRESS("public") "  limits: {burst: 1}\n  scaling: {max: 2}\n",
	    "burst 1 of edge/public cannot be divided among 2 pods"},
};

static const struct sample SOUND_ONES[] = {
	{"", SERVICE("judge") INGRESS("public")
	    "  waf: {backend: ext-authz, failure: closed, service: judge}\n", NULL},
	{"", INGRESS("public") "  limits: {requestsPerSecond: 4}\n  scaling: {max: 4}\n", NULL},
};

START_TEST(test_findings)
{
	FOUND(SAMPLES);
	SOUND(SOUND_ONES);
}
END_TEST

/* Each pod counts for itself; bytes of a body are no sum. */
START_TEST(test_limits)
{
	const struct base_tree *public;

	begin();
	public = named(model, "gateways", "public");
	ck_assert_str_eq(shown(public, "limits"),
	    "{'requestsPerSecond':100,'bodyBytes':10,'perInstance':{'requestsPerSecond':16}}"); /* of 6 pods */
	end();
	begin_small("", INGRESS("public") "  limits: {requestsPerSecond: 3, burst: 4, perClientPerMinute: 9, connections: 7}\n"
	    "  scaling: {max: 4}\n");
	public = named(model, "gateways", "public");
	ck_assert_str_eq(shown(public, "limits.perInstance"),
	    "{'requestsPerSecond':1,'burst':1,'perClientPerMinute':2,'connections':1}");
	end();
	begin_small("", INGRESS("public"));
	ck_assert_ptr_null(base_tree_get(named(model, "gateways", "public"), "limits"));
	end();
}
END_TEST

START_TEST(test_certificate)
{
	const struct base_tree *public;

	begin();
	public = named(model, "gateways", "public");
	ck_assert_str_eq(text_at(public, "certificate.minProtocolVersion"), "TLSV1_3");
	ck_assert_str_eq(text_at(public, "certificate.namespace"), "edge");
	ck_assert_str_eq(text_at(public, "certificate.secretName"), "public-tls");
	ck_assert_str_eq(text_at(public, "certificate.issuer"), "a");
	ck_assert_str_eq(shown(public, "certificate.hosts"), "['shop.example']");
	ck_assert_ptr_null(base_tree_get(named(model, "gateways", "out"), "certificate"));
	end();
	begin_small("", INGRESS("public"));
	ck_assert_str_eq(text_at(named(model, "gateways", "public"), "certificate.minProtocolVersion"), "TLSV1_2");
	end();
}
END_TEST

/* A host alone may be bound from every namespace of the cluster: only those with routes may. */
START_TEST(test_hosts)
{
	const struct base_tree *public;

	begin_small("", SERVICE("a") "  gatewayPaths: [/a]\n" SERVICE("b") "  gatewayPaths: [/b]\n" IN("edge", "c") HTTP
	    "  gatewayPaths: [/c]\n" INGRESS("public"));
	public = named(model, "gateways", "public");
	ck_assert_str_eq(shown(public, "boundHosts"), "['./public.example','shop/public.example']");
	ck_assert_str_eq(shown(public, "allHosts"), "['public.example','public.example:*']");
	ck_assert_str_eq(shown(public, "routes"),
	    "[{'service':'c','namespace':'edge','destination':'c.edge.svc.cluster.local','port':80,'workloadPort':8080,"
	    "'paths':['/c']},"
	    "{'service':'a','namespace':'shop','destination':'a.shop.svc.cluster.local','port':80,'workloadPort':8080,"
	    "'paths':['/a']},"
	    "{'service':'b','namespace':'shop','destination':'b.shop.svc.cluster.local','port':80,'workloadPort':8080,"
	    "'paths':['/b']}]");
	end();
}
END_TEST

/* Undecided it only watches, and fails closed. */
START_TEST(test_firewall)
{
	const struct base_tree *public;

	begin_small("", INGRESS("public") "  waf: {backend: coraza-wasm, failure: closed}\n");
	public = named(model, "gateways", "public");
	ck_assert_str_eq(text_at(public, "waf.engine"), "DetectionOnly");
	ck_assert_str_eq(text_at(public, "waf.failOpen"), "false");
	ck_assert_str_eq(text_at(public, "waf.failStrategy"), "FAIL_CLOSE");
	ck_assert_ptr_null(base_tree_at(public, "waf.host"));
	end();
	begin_small("", SERVICE("judge") INGRESS("public")
	    "  waf: {backend: ext-authz, mode: block, failure: open, service: judge}\n");
	public = named(model, "gateways", "public");
	ck_assert_str_eq(text_at(public, "waf.engine"), "On");
	ck_assert_str_eq(text_at(public, "waf.failOpen"), "true");
	ck_assert_str_eq(text_at(public, "waf.failStrategy"), "FAIL_OPEN");
	ck_assert_str_eq(text_at(public, "waf.host"), "judge.shop.svc.cluster.local");
	ck_assert_str_eq(text_at(public, "waf.port"), "80");
	/* the firewall is no service that clients reach */
	ck_assert_str_eq(shown(public, "routes"), "[]");
	end();
	begin_small("", INGRESS("public"));
	ck_assert_ptr_null(base_tree_get(named(model, "gateways", "public"), "waf"));
	end();
}
END_TEST

START_TEST(test_place)
{
	const struct base_tree *public, *out;

	begin();
	public = named(model, "gateways", "public");
	out = named(model, "gateways", "out");
	ck_assert_str_eq(text_at(public, "ingress"), "true");
	ck_assert_ptr_null(base_tree_get(public, "egress"));
	ck_assert_str_eq(text_at(out, "egress"), "true");
	ck_assert_ptr_null(base_tree_get(out, "ingress"));
	ck_assert_str_eq(text_at(public, "host"), "public.edge.svc.cluster.local");
	ck_assert_str_eq(text_at(public, "principal"), "shop.example/ns/edge/sa/public");
	ck_assert_str_eq(text_at(public, "trustedProxies"), "1");
	end();
}
END_TEST

/* Each caller once, however much it calls. */
START_TEST(test_leaving)
{
	const struct base_tree *out;

	begin_small("", SERVICE("a") "  calls: [{external: x}, {external: z}]\n" EXTERNAL("x", "a") EXTERNAL("z", "a")
	    EGRESS("out"));
	out = named(model, "gateways", "out");
	ck_assert_str_eq(shown(out, "externals"), "['x','z']");
	ck_assert_str_eq(shown(out, "callers"), "[{'name':'a','namespace':'shop','principal':'cluster.local/ns/shop/sa/a'}]");
	end();
}
END_TEST

CHECK_MAIN("k8s_model_gateway", test_findings, test_limits, test_certificate, test_hosts, test_firewall, test_place,
    test_leaving)
