/* SPDX-License-Identifier: Apache-2.0 */
/* External services: what callers see, what the gateway sees, and the two legs between. */
#include "check_main.h"
#include "model_make.h"

#include "k8s/model_int.h"

static const struct sample SAMPLES[] = {
	{"MCA1014", SERVICE("a") PCI "  calls: [{external: x}]\n" EXTERNAL("x", "a")
	    "  retries: {attempts: 1}\n" EGRESS("out"), "x is called by a service of class pci and has retries"},
	{"MCA1013", SERVICE("a") "  calls: [{external: x}]\n" EXTERNAL("x", "a")
	    "  retries: {attempts: 1, retryOn: [connect-failure, 5xx]}\n" EGRESS("out"), "may have been done"},
	{"MCA1013", SERVICE("a") "  calls: [{external: x}]\n" EXTERNAL("x", "a")
	    "  retries: {attempts: 1, retryOn: [retriable-status-codes], statusCodes: [504]}\n" EGRESS("out"),
	    "may have been done"},
	{"MCA1013", SERVICE("a") "  calls: [{external: x}]\n" EXTERNAL("x", "a")
	    "  retries: {attempts: 1, retryOn: [reset]}\n" EGRESS("out"), "may have been done"},
};

static const struct sample SOUND_ONES[] = {
	{"", SERVICE("a") "  calls: [{external: x}]\n" EXTERNAL("x", "a") EGRESS("out"), NULL},
	{"", SERVICE("a") "  calls: [{external: x}]\n" EXTERNAL("x", "a")
	    "  idempotent: true\n  retries: {attempts: 1, retryOn: [5xx]}\n" EGRESS("out"), NULL},
	{"", SERVICE("a") "  calls: [{external: x}]\n" EXTERNAL("x", "a")
	    "  retries: {attempts: 1, retryOn: [connect-failure]}\n" EGRESS("out"), NULL},
	{"", SERVICE("a") "  calls: [{external: x}]\n" EXTERNAL("x", "a")
	    "  retries: {attempts: 1, retryOn: [retriable-status-codes], statusCodes: [429, 503]}\n" EGRESS("out"), NULL},
	{"", SERVICE("a") "  calls: [{external: x}]\n" EXTERNAL("x", "a")
	    "  retries: {attempts: 0, retryOn: [5xx]}\n" EGRESS("out"), NULL},
};

START_TEST(test_findings)
{
	FOUND(SAMPLES);
	SOUND(SOUND_ONES);
}
END_TEST

/* Each host is asked for by its own name, and must prove it. */
START_TEST(test_external)
{
	const struct base_tree *mail;

	begin();
	mail = named(model, "externals", "mail");
	ck_assert_str_eq(shown(mail, "hosts"),
	    "[{'host':'mail.example','port':443,'sni':'mail.example','subjectAltNames':['mail.example']},"
	    "{'host':'mail2.example','port':443,'sni':'mail2.example','subjectAltNames':['mail2.example']}]");
	ck_assert_str_eq(text_at(mail, "layer"), "http");
	ck_assert_str_eq(text_at(mail, "applicationPort"), "80");
	ck_assert_str_eq(shown(mail, "applicationPorts"), "[{'number':80,'name':'http','protocol':'HTTP'}]");
	ck_assert_str_eq(shown(mail, "ports"), "[{'number':443,'name':'https','protocol':'HTTPS'}]");
	ck_assert_str_eq(shown(mail, "toGateway"),
	    "{'host':'out.leave.svc.cluster.local','subset':'shop-mail','port':{'number':443}}");
	ck_assert_str_eq(text_at(mail, "gateway.ref"), "leave/out");
	ck_assert_str_eq(text_at(mail, "gateway.sni"), "mail.example");
	ck_assert_str_eq(text_at(mail, "gateway.principal"), "shop.example/ns/leave/sa/out");
	ck_assert_str_eq(shown(mail, "exportTo"), "['.']");
	ck_assert_str_eq(shown(mail, "callers"),
	    "[{'name':'cart','namespace':'shop','principal':'shop.example/ns/shop/sa/cart'}]");
	ck_assert_str_eq(shown(mail, "retries"), "{'attempts':0}");
	ck_assert_str_eq(text_at(mail, "policy.connectionPool.http.maxRequestsPerConnection"), "9");
	ck_assert_str_eq(text_at(mail, "tls.originate"), "true");
	ck_assert_ptr_null(base_tree_get(mail, "pci"));
	end();
}
END_TEST

/* Who makes the TLS connection, and what passes where. */
START_TEST(test_protocols)
{
	static const struct {
		const char *spec, *layer, *application, *gateway;
		bool originate;
	} ROWS[] = {
	    {"  protocol: https\n", "http", "80 HTTP", "443 HTTPS", true},
	    {"  protocol: https\n  tls: {originate: false}\n", "tls", "443 TLS", "443 TLS", false},
	    {"  protocol: https\n  port: 8443\n", "http", "80 HTTP", "8443 HTTPS", true},
	    {"  protocol: tls\n", "tls", "443 TLS", "443 TLS", false},
	    {"  protocol: http\n  port: 8080\n", "http", "8080 HTTP", "8080 HTTP", false},
	    {"  protocol: tcp\n  port: 25\n", "tcp", "25 TCP", "25 TCP", false},
	};

	for (size_t i = 0; i < sizeof(ROWS) / sizeof(ROWS[0]); i++) {
		char *documents = base_xasprintf("%s%s%s", SERVICE("a") "  calls: [{external: x}]\n" EXTERNAL("x", "a"),
		    ROWS[i].spec, EGRESS("out"));
		const struct base_tree *x, *one;
		struct base_arena *arena;

		begin_small("", documents);
		arena = k8s_inventory_arena(inventory);
		x = named(model, "externals", "x");
		ck_assert_str_eq(text_at(x, "layer"), ROWS[i].layer);
		one = base_tree_get(x, "applicationPorts")->items[0];
		ck_assert_str_eq(base_arena_printf(arena, "%s %s", text_at(one, "number"), text_at(one, "protocol")),
		    ROWS[i].application);
		ck_assert_str_eq(text_at(one, "number"), text_at(x, "applicationPort"));
		one = base_tree_get(x, "ports")->items[0];
		ck_assert_str_eq(base_arena_printf(arena, "%s %s", text_at(one, "number"), text_at(one, "protocol")),
		    ROWS[i].gateway);
		ck_assert_str_eq(text_at(x, "tls.originate"), ROWS[i].originate ? "true" : "");
		end();
		free(documents);
	}
}
END_TEST

/* What the inventory says of the far end is of the second leg only: the gateway tells its servers apart by the host. */
START_TEST(test_own_names)
{
	const struct base_tree *x;

	begin_small("", SERVICE("a") "  calls: [{external: x}]\n" EXTERNAL("x", "a")
	    "  tls: {sni: other.example, subjectAltNames: [one.example, two.example], caSecret: ca}\n" EGRESS("out"));
	x = named(model, "externals", "x");
	ck_assert_str_eq(shown(x, "hosts"), "[{'host':'x.example','port':443,'sni':'other.example',"
	    "'subjectAltNames':['one.example','two.example']}]");
	ck_assert_str_eq(shown(x, "tls"), "{'originate':true,'sni':'other.example',"
	    "'subjectAltNames':['one.example','two.example'],'minVersion':'1.2','caSecret':'ca'}");
	ck_assert_str_eq(text_at(x, "gateway.sni"), "x.example");
	end();
}
END_TEST

/* Its own namespace, and those of callers elsewhere, each once: nobody else sees the host. */
START_TEST(test_export)
{
	begin_small("", SERVICE("a") "  calls: [{external: x}]\n" IN("one", "b") HTTP
	    "  calls: [{external: x, namespace: shop}]\n" IN("one", "c") HTTP "  calls: [{external: x, namespace: shop}]\n"
	    EXTERNAL("x", "a, b, c") EGRESS("out"));
	ck_assert_str_eq(shown(named(model, "externals", "x"), "exportTo"), "['.','one']");
	ck_assert_uint_eq(base_tree_get(named(model, "externals", "x"), "callers")->count, 3);
	end();
}
END_TEST

#define RETRIED(more) SERVICE("a") more "  calls: [{external: x}]\n" EXTERNAL("x", "a") \
	"  retries: {attempts: 1, retryOn: [connect-failure]}\n  timeout: 3s\n" EGRESS("out")

/* A payment is never retried, whatever is said. */
START_TEST(test_retries)
{
	const struct base_tree *x;

	begin_small("", RETRIED(""));
	x = named(model, "externals", "x");
	ck_assert_str_eq(shown(x, "retries.attempts"), "1");
	ck_assert_str_eq(shown(x, "retries.retryOn"), "'connect-failure'");
	ck_assert_str_eq(text_at(x, "timeout"), "3s");
	ck_assert_ptr_null(base_tree_get(x, "pci"));
	end();
	begin_small("", RETRIED(PCI));
	x = named(model, "externals", "x");
	ck_assert_str_eq(shown(x, "retries"), "{'attempts':0}");
	ck_assert_str_eq(shown(x, "pci"), "true");
	ck_assert_ptr_nonnull(finding(found, "MCA1014", "x is called by a service of class pci"));
	end();
}
END_TEST

/* Without a gateway, which is a finding of the graph, there is no first leg. */
START_TEST(test_no_gateway)
{
	const struct base_tree *x;

	begin_small("", SERVICE("a") "  calls: [{external: x}]\n" EXTERNAL("x", "a"));
	x = named(model, "externals", "x");
	ck_assert_ptr_null(base_tree_get(x, "gateway"));
	ck_assert_ptr_null(base_tree_get(x, "toGateway"));
	ck_assert_ptr_nonnull(finding(found, "MCA1005", "no egress gateway is named out"));
	end();
}
END_TEST

CHECK_MAIN("k8s_model_external", test_findings, test_external, test_protocols, test_own_names, test_export,
    test_retries, test_no_gateway)
