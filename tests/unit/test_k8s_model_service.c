/* SPDX-License-Identifier: Apache-2.0 */
/* Services: what DestinationRule and Rollout want, timeout budgets, tokens, topics. */
#include "check_main.h"
#include "model_make.h"

#define CALLED SERVICE("b") "  timeout: 3s\n  accepts: [{from: a}]\n"

static const struct sample SAMPLES[] = {
	{"MCA1011", SERVICE("a") "  timeout: 1s\n  calls: [{service: b}]\n" SERVICE("b")
	    "  timeout: 3s\n  accepts: [{from: a}]\n", "has 1s, but its callees may take 3s"},
	{"MCA1012", SERVICE("a") "  timeout: 2s\n  routes: [{name: read, idempotent: true, "
	    "retries: {attempts: 1, perTryTimeout: 3s}}]\n", "one try of route read of shop/a has 3s"},
	{"MCA1023", SERVICE("a") "  jwt: {provider: nobody, rules: [{paths: [/b]}]}\n",
	    "no identity provider is named nobody"},
	{"MCA1011", SERVICE("a") "  timeout: 6s\n  calls: [{service: b}, {external: x}]\n" CALLED EXTERNAL("x", "a")
	    EGRESS("out"), "has 6s, but its callees may take 7s"},
	{"MCA1011", SERVICE("a") "  routes: [{name: read, timeout: 2s}]\n  calls: [{service: b}]\n" CALLED,
	    "route read of shop/a has 2s"},
	/* a try must leave the callees their time */
	{"MCA1012", SERVICE("a") "  timeout: 9s\n  routes: [{name: write, retries: {attempts: 0, perTryTimeout: 2s}}]\n"
	    "  calls: [{service: b}]\n" CALLED, "one try of route write of shop/a has 2s, the route 9s, and its callees may take 3s"},
	/* an idempotent route's callees are those that may be asked twice */
	{"MCA1011", SERVICE("a") "  routes: [{name: read, idempotent: true, timeout: 1s}]\n  calls: [{service: b}]\n"
	    SERVICE("b") "  accepts: [{from: a}]\n  routes: [{name: get, idempotent: true, timeout: 9s}]\n",
	    "route read of shop/a has 1s, but its callees may take 9s"},
	{"MCA1012", SERVICE("a") "  timeout: null\n  routes: [{name: write, retries: {attempts: 0, perTryTimeout: 2s}}]\n"
	    "  calls: [{service: b}]\n" CALLED,
	    "one try of route write of shop/a has 2s, the route no limit, and its callees may take 3s"},
};

static const struct sample SOUND_ONES[] = {
	{"", SERVICE("a") "  timeout: 1s\n  calls: [{service: b, asynchronous: true}]\n" SERVICE("b")
	    "  timeout: 3s\n  accepts: [{from: a}]\n", NULL},
	{"", SERVICE("a") "  timeout: 1s\n  calls: [{service: b, timeout: 500ms}]\n" SERVICE("b")
	    "  timeout: 3s\n  accepts: [{from: a}]\n", NULL},
	{"", SERVICE("a") "  timeout: 3s\n  calls: [{service: b}]\n" CALLED, NULL},
	{"", SERVICE("a") "  timeout: null\n  calls: [{service: b}]\n" CALLED, NULL},
	/* of the callee's routes only those count that it may be asked for */
	{"", SERVICE("a") "  timeout: 1s\n  calls: [{service: b, methods: [GET]}]\n" SERVICE("b")
	    "  accepts: [{from: a, methods: [GET]}]\n  routes: [{name: get, methods: [GET], timeout: 1s}, "
	    "{name: post, methods: [POST], timeout: 9s}]\n", NULL},
	{"", SERVICE("a") "  timeout: 9s\n  routes: [{name: write, retries: {attempts: 0, perTryTimeout: 3s}}]\n"
	    "  calls: [{service: b}]\n" CALLED, NULL},
	/* an idempotent route calls only what may happen twice */
	{"", SERVICE("a") "  routes: [{name: read, idempotent: true, timeout: 1s}]\n  calls: [{service: b}]\n" CALLED, NULL},
	{"", SERVICE("a") "  routes: [{name: read, idempotent: true, timeout: 1s}]\n  calls: [{service: b}]\n" SERVICE("b")
	    "  accepts: [{from: a}]\n  routes: [{name: post, timeout: 9s}]\n", NULL},
	{"", SERVICE("a") "  routes: [{name: read, idempotent: true, timeout: 1s}]\n  calls: [{external: x}]\n"
	    EXTERNAL("x", "a") EGRESS("out"), NULL},
	{"", SERVICE("a") "  timeout: 2s\n  routes: [{name: read, idempotent: true, "
	    "retries: {attempts: 1, perTryTimeout: 2s}}]\n", NULL},
};

START_TEST(test_findings)
{
	FOUND(SAMPLES);
	SOUND(SOUND_ONES);
}
END_TEST

START_TEST(test_budget)
{
	const struct base_tree *cart;

	begin();
	cart = named(model, "services", "cart");
	ck_assert_str_eq(text_at(cart, "budget.own"), "20s");
	ck_assert_str_eq(text_at(cart, "budget.worst"), "9s"); /* pay 5s and mail 4s */
	ck_assert_str_eq(text_at(named(model, "services", "pay"), "budget.worst"), "0s");
	end();
	begin_small("", SERVICE("a") "  routes: [{name: one, timeout: 1500ms}, {name: two, timeout: 1s}]\n");
	ck_assert_str_eq(text_at(named(model, "services", "a"), "budget.own"), "1500ms");
	end();
}
END_TEST

START_TEST(test_policy)
{
	const struct base_tree *a;

	begin();
	/* the old name is no longer written */
	ck_assert_str_eq(text_at(named(model, "services", "cart"), "policy.loadBalancer.simple"), "LEAST_REQUEST");
	ck_assert_ptr_null(base_tree_at(named(model, "services", "cart"), "policy.loadBalancer.warmup"));
	end();
	begin_small("", SERVICE("a") "  balancing: ROUND_ROBIN\n  warmup: 30s\n  pool: {maxConnections: 1, connectTimeout: 2s, "
	    "pendingRequests: 3, maxRequests: 4, requestsPerConnection: 5, idleTimeout: 6s}\n  breaker: "
	    "{consecutive5xx: 1, interval: 2s, baseEjectionTime: 3s, maxEjectionPercent: 4}\n");
	a = named(model, "services", "a");
	ck_assert_str_eq(shown(a, "policy.loadBalancer"), "{'simple':'ROUND_ROBIN','warmup':{'duration':'30s'}}");
	ck_assert_str_eq(shown(a, "policy.connectionPool.tcp"), "{'maxConnections':1,'connectTimeout':'2s'}");
	ck_assert_str_eq(shown(a, "policy.connectionPool.http"), "{'http1MaxPendingRequests':3,'http2MaxRequests':4,"
	    "'maxRequestsPerConnection':5,'idleTimeout':'6s'}");
	ck_assert_str_eq(text_at(a, "policy.outlierDetection.consecutive5xxErrors"), "1");
	ck_assert_str_eq(text_at(a, "policy.outlierDetection.interval"), "2s");
	ck_assert_str_eq(text_at(a, "policy.outlierDetection.baseEjectionTime"), "3s");
	ck_assert_str_eq(text_at(a, "policy.outlierDetection.maxEjectionPercent"), "4");
	end();
}
END_TEST

START_TEST(test_rollout)
{
	const struct base_tree *a;

	begin_small("", SERVICE("a") "  rollout: {strategy: canary, steps: [{weight: 10, pause: 1m}], "
	    "analysis: {failures: 3}}\n");
	a = named(model, "services", "a");
	ck_assert_str_eq(text_at(a, "rollout.canary"), "true");
	ck_assert_ptr_null(base_tree_at(a, "rollout.blueGreen"));
	ck_assert_str_eq(text_at(a, "rollout.canarySubset"), "canary");
	ck_assert_str_eq(text_at(a, "rollout.analysis.failureLimit"), "2"); /* what is tolerated */
	ck_assert_uint_eq(base_tree_at(a, "rollout.steps")->count, 1);
	ck_assert_str_eq(shown(a, "subsets"), "[{'name':'stable','labels':{'app':'a'}},{'name':'canary','labels':{'app':'a'}}]");
	end();
	begin_small("", SERVICE("a") "  rollout: {strategy: blue-green}\n");
	a = named(model, "services", "a");
	ck_assert_str_eq(text_at(a, "rollout.blueGreen"), "true");
	ck_assert_ptr_null(base_tree_at(a, "rollout.canary"));
	ck_assert_ptr_null(base_tree_at(a, "rollout.canarySubset"));
	ck_assert_uint_eq(base_tree_get(a, "subsets")->count, 1);
	end();
	begin_small("", SERVICE("a"));
	ck_assert_ptr_null(base_tree_get(named(model, "services", "a"), "rollout"));
	end();
}
END_TEST

START_TEST(test_tokens)
{
	begin_small("", SERVICE("a") "  gatewayPaths: [/a]\n  jwt: {provider: people, rules: [{paths: [/a]}]}\n" PROVIDER
	    "  forwardToken: true\n  spaceDelimitedClaims: [scope]\n  claimHeaders: [{claim: sub, header: x-user}]\n"
	    INGRESS("public"));
	ck_assert_str_eq(shown(named(model, "services", "a"), "jwt"),
	    "{'provider':'people','issuer':'https://login.example','jwksUri':'https://login.example/keys',"
	    "'audiences':['shop'],'fromHeaders':[{'name':'Authorization','prefix':'Bearer '}],"
	    "'forwardOriginalToken':true,'outputClaimToHeaders':[{'header':'x-user','claim':'sub'}],"
	    "'spaceDelimitedClaims':['scope']}");
	end();
	/* of a provider that is not there no token is valid */
	begin_small("", SERVICE("a") "  jwt: {provider: nobody, rules: [{paths: [/a]}]}\n" PROVIDER);
	ck_assert_ptr_null(base_tree_get(named(model, "services", "a"), "jwt"));
	end();
}
END_TEST

START_TEST(test_topics)
{
	begin_small("", SERVICE("a") "  calls: [{data: k, port: k, topics: [{name: orders, access: read, group: g}]}]\n" KAFKA
	    "  authentication: scram-sha-512\n");
	ck_assert_str_eq(shown(named(model, "services", "a"), "topics"),
	    "[{'name':'orders','access':'read','group':'g','data':'k','namespace':'shop'}]");
	end();
}
END_TEST

CHECK_MAIN("k8s_model_service", test_findings, test_budget, test_policy, test_rollout, test_tokens, test_topics)
