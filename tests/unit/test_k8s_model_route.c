/* SPDX-License-Identifier: Apache-2.0 */
/* Routes of a service: the first that matches counts, and retries only where twice is as good as once. */
#include "check_main.h"
#include "model_make.h"

static const struct sample SAMPLES[] = {
	{"MCA1013", SERVICE("a") "  routes: [{name: write, retries: {attempts: 1}}]\n",
	    "route write of a has retries, but is not idempotent"},
	{"MCA1014", SERVICE("a") PCI "  routes: [{name: read, idempotent: true, retries: {attempts: 1}}]\n",
	    "is of class pci and has retries"},
	{"MCA1015", SERVICE("a") "  faults: [{route: gone, abort: {percent: \"1\", status: 503}, "
	    "expires: 2026-12-01}]\n", "a has no route named gone"},
};

static const struct sample SOUND_ONES[] = {
	{"", SERVICE("a") "  routes: [{name: read, idempotent: true, retries: {attempts: 1}}]\n"
	    "  faults: [{route: read, abort: {percent: \"1\", status: 503}, expires: 2026-12-01}]\n", NULL},
	{"", SERVICE("a") "  routes: [{name: write, retries: {attempts: 0}}]\n"
	    "  faults: [{route: default, abort: {percent: \"1\", status: 503}, expires: 2026-12-01}]\n", NULL},
};

START_TEST(test_findings)
{
	FOUND(SAMPLES);
	SOUND(SOUND_ONES);
}
END_TEST

START_TEST(test_routes)
{
	const struct base_tree *cart, *read;

	begin();
	cart = named(model, "services", "cart");
	read = named(cart, "routes", "read");
	ck_assert_str_eq(text_at(read, "retries.attempts"), "1");
	ck_assert_str_eq(text_at(read, "retries.retryOn"), "retriable-status-codes,429,503");
	ck_assert_str_eq(text_at(read, "retries.backoff"), "1s");
	ck_assert_str_eq(shown(read, "match"), "[{'method':{'exact':'GET'}}]");
	ck_assert_str_eq(text_at(read, "idempotent"), "true");
	ck_assert_str_eq(shown(named(cart, "routes", "write"), "retries"), "{'attempts':0}");
	ck_assert_str_eq(text_at(named(cart, "routes", "default"), "timeout"), "20s");
	ck_assert_str_eq(shown(named(cart, "routes", "default"), "destinations"),
	    "[{'destination':{'host':'cart.shop.svc.cluster.local','subset':'stable','port':{'number':80}},'weight':100}]");
	/* it matches everything, so it is last */
	ck_assert_ptr_null(base_tree_get(named(cart, "routes", "default"), "match"));
	ck_assert_ptr_eq(base_tree_get(cart, "routes")->items[2], named(cart, "routes", "default"));
	end();
}
END_TEST

/* Patterns of policies in the words of routes. */
START_TEST(test_paths)
{
	static const struct {
		const char *path, *uri;
	} ROWS[] = {
	    {"/a", "{'exact':'/a'}"},
	    {"/a/*", "{'prefix':'/a/'}"},
	    {"/*", "{'prefix':'/'}"},
	    {"/a/{*}/c", "{'regex':'/a/[^/]+/c'}"},
	    {"/a/{**}", "{'regex':'/a/.+'}"},
	    {"/a.b/{*}/$(x)+y", "{'regex':'/a\\\\.b/[^/]+/\\\\$\\\\(x\\\\)\\\\+y'}"},
	};

	for (size_t i = 0; i < sizeof(ROWS) / sizeof(ROWS[0]); i++) {
		char *documents = base_xasprintf(SERVICE("a") "  routes: [{name: one, methods: [GET, POST], paths: [\"%s\"]}]\n",
		    ROWS[i].path);
		char *want = base_xasprintf("[{'method':{'regex':'GET|POST'},'uri':%s}]", ROWS[i].uri);

		begin_small("", documents);
		ck_assert_str_eq(shown(named(named(model, "services", "a"), "routes", "one"), "match"), want);
		end();
		free(documents);
		free(want);
	}
}
END_TEST

/* A route that takes everything ends the list: what is behind it would never match. */
START_TEST(test_last_route)
{
	const struct base_tree *routes;

	begin_small("", SERVICE("a") "  routes: [{name: read, methods: [GET]}, {name: rest, timeout: 1s}]\n");
	routes = base_tree_get(named(model, "services", "a"), "routes");
	ck_assert_uint_eq(routes->count, 2);
	ck_assert_str_eq(text_at(routes->items[1], "name"), "rest");
	ck_assert_str_eq(text_at(routes->items[1], "timeout"), "1s");
	ck_assert_str_eq(text_at(routes->items[0], "timeout"), "5s");
	end();
}
END_TEST

#define PORTS "  ports: [{name: a, protocol: http, port: 80}, {name: b, protocol: grpc, port: 81}, " \
	"{name: c, protocol: tcp, port: 82}]\n"

/* Declared routes are of the first port that speaks HTTP; the others have one of their own, which says its port. */
START_TEST(test_ports)
{
	const struct base_tree *a;

	begin_small("", IN("shop", "a") PORTS "  routes: [{name: read, methods: [GET]}]\n");
	a = named(model, "services", "a");
	ck_assert_uint_eq(base_tree_get(a, "routes")->count, 3);
	ck_assert_str_eq(text_at(base_tree_get(a, "routes")->items[0], "name"), "default-b");
	ck_assert_str_eq(shown(base_tree_get(a, "routes")->items[0], "match"), "[{'port':81}]");
	ck_assert_str_eq(shown(a, "tcpRoutes"), "[{'name':'tcp-c','port':82,'destination':"
	    "{'host':'a.shop.svc.cluster.local','subset':'stable','port':{'number':82}}}]");
	end();
	begin_small("", TCP_SERVICE("a"));
	ck_assert_str_eq(shown(named(model, "services", "a"), "routes"), "[]");
	end();
}
END_TEST

#define RETRIED "  retries: {attempts: 3}\n  routes: [{name: read, methods: [GET], idempotent: true}, " \
	"{name: write, methods: [POST]}]\n"

/* The service's retries are of idempotent routes only, and never of a payment. */
START_TEST(test_retries)
{
	const struct base_tree *a;

	begin_small("", SERVICE("a") RETRIED);
	a = named(model, "services", "a");
	ck_assert_str_eq(text_at(named(a, "routes", "read"), "retries.attempts"), "3");
	ck_assert_str_eq(shown(named(a, "routes", "write"), "retries"), "{'attempts':0}");
	ck_assert_str_eq(shown(named(a, "routes", "default"), "retries"), "{'attempts':0}");
	end();
	begin_small("", SERVICE("a") PCI "  routes: [{name: read, idempotent: true, retries: {attempts: 1}}]\n");
	ck_assert_str_eq(shown(named(named(model, "services", "a"), "routes", "read"), "retries"), "{'attempts':0}");
	end();
}
END_TEST

START_TEST(test_canary)
{
	const struct base_tree *a;

	begin_small("", SERVICE("a") "  rollout: {strategy: canary}\n");
	a = named(model, "services", "a");
	ck_assert_str_eq(shown(named(a, "routes", "default"), "destinations"),
	    "[{'destination':{'host':'a.shop.svc.cluster.local','subset':'stable','port':{'number':80}},'weight':100},"
	    "{'destination':{'host':'a.shop.svc.cluster.local','subset':'canary','port':{'number':80}},'weight':0}]");
	end();
	begin_small("", SERVICE("a") "  rollout: {strategy: blue-green}\n");
	a = named(model, "services", "a");
	ck_assert_uint_eq(base_tree_get(named(a, "routes", "default"), "destinations")->count, 1);
	end();
}
END_TEST

#define FAULTY SERVICE("a") "  routes: [{name: read, methods: [GET]}]\n  faults: [{route: read, delay: " \
	"{percent: \"0.5\", duration: 2s}, abort: {percent: \"10\", status: 503}, expires: 2026-12-01}]\n"

START_TEST(test_faults)
{
	const struct base_tree *a;

	begin_small("", FAULTY);
	a = named(model, "services", "a");
	ck_assert_str_eq(shown(named(a, "routes", "read"), "fault"),
	    "{'delay':{'percentage':{'value':0.5},'fixedDelay':'2s'},'abort':{'percentage':{'value':10},'httpStatus':503}}");
	ck_assert_str_eq(text_at(named(a, "routes", "read"), "faultExpires"), "2026-12-01");
	ck_assert_ptr_null(base_tree_get(named(a, "routes", "default"), "fault"));
	end();
}
END_TEST

/* Where the environment does not allow them, none is placed, whatever a service says. */
START_TEST(test_forbidden_faults)
{
	static const char PRODUCTION[] = HEAD "Environment\nmetadata: {name: production}\nspec:\n"
	    "  clusters: [{name: one}]\n  istio: {revisions: [{name: a, tag: stable}], tag: stable}\n";
	const struct k8s_file files[] = {{"mesh.yaml", base_span_str(SMALL_MESH)},
	    {"production.yaml", base_span_str(PRODUCTION)}, {"sample.yaml", base_span_str(FAULTY)}};

	begin_of(files, 3);
	ck_assert_ptr_null(base_tree_get(named(named(model, "services", "a"), "routes", "read"), "fault"));
	end();
}
END_TEST

/* What gateways pass on, and nothing beside it; without a certificate port 80 is theirs. */
START_TEST(test_exposed)
{
	const struct base_tree *exposed, *routes;

	begin_small("", SERVICE("a") "  gatewayPaths: [/a/*]\n  routes: [{name: one, paths: [/a/b]}, "
	    "{name: none, paths: [/x]}]\n" INGRESS("public"));
	exposed = base_tree_get(named(model, "services", "a"), "exposed");
	ck_assert_uint_eq(exposed->count, 1);
	ck_assert_str_eq(shown(exposed->items[0], "gateway"), "{'name':'public','namespace':'edge','ref':'edge/public'}");
	ck_assert_str_eq(shown(exposed->items[0], "hosts"), "['public.example']");
	routes = base_tree_get(exposed->items[0], "routes");
	ck_assert_uint_eq(routes->count, 2);
	ck_assert_str_eq(text_at(routes->items[0], "name"), "one");
	ck_assert_str_eq(shown(routes->items[0], "match"), "[{'uri':{'exact':'/a/b'},'port':443}]");
	ck_assert_str_eq(text_at(routes->items[1], "name"), "default");
	ck_assert_str_eq(shown(routes->items[1], "match"), "[{'uri':{'prefix':'/a/'},'port':443}]");
	end();
	begin_small("", SERVICE("a"));
	ck_assert_str_eq(shown(named(model, "services", "a"), "exposed"), "[]");
	end();
}
END_TEST

CHECK_MAIN("k8s_model_route", test_findings, test_routes, test_paths, test_last_route, test_ports, test_retries,
    test_canary, test_faults, test_forbidden_faults, test_exposed)
