/* SPDX-License-Identifier: Apache-2.0 */
/* The picture of an environment's callers, and verdicts: what they own and what they are made of. */
#include "api/authn.h"

#include <string.h>

#include "api/jose.h"
#include "base/mem.h"
#include "tests/unit/ca_make.h"
#include "tests/unit/check_main.h"
#include "tests/unit/token_make.h"

static char *
heap(const char *text)
{
	return base_xstrdup(text);
}

/* The configuration is replaced on a reload, while workers still look at the picture. */
START_TEST(an_environment_owns_what_it_says)
{
	EVP_PKEY *key = make_key("P-256");
	struct config_cluster clusters[2];
	struct config_environment config = {.name = heap("production"),
	    .trust_domain = heap("cluster.local"), .clusters = clusters, .cluster_count = 2};
	struct authn_env *env;

	clusters[0] = (struct config_cluster){.name = heap("east"), .issuer = heap("https://east"),
	    .audience = heap("istio-ca"), .jwks = token_jwks(key)};
	clusters[1] = (struct config_cluster){.name = heap("west"), .issuer = heap("https://west"),
	    .audience = heap("other"), .jwks = token_jwks(key)};
	env = authn_env_new(&config);
	ck_assert_ptr_nonnull(env);
	for (size_t i = 0; i < 2; i++) {
		memset(clusters[i].name, 'x', 4);
		memset(clusters[i].issuer, 'x', 4);
		memset(clusters[i].audience, 'x', 4);
		free(clusters[i].name);
		free(clusters[i].issuer);
		free(clusters[i].audience);
		free(clusters[i].jwks);
	}
	memset(config.name, 'x', 4);
	memset(config.trust_domain, 'x', 4);
	free(config.name);
	free(config.trust_domain);
	ck_assert_str_eq(env->name, "production");
	ck_assert_str_eq(env->trust_domain, "cluster.local");
	ck_assert_uint_eq(env->cluster_count, 2);
	ck_assert_str_eq(env->clusters[0].name, "east");
	ck_assert_str_eq(env->clusters[0].issuer, "https://east");
	ck_assert_str_eq(env->clusters[0].audience, "istio-ca");
	ck_assert_str_eq(env->clusters[1].name, "west");
	ck_assert_str_eq(env->clusters[1].issuer, "https://west");
	ck_assert_str_eq(env->clusters[1].audience, "other");
	ck_assert_uint_eq(env->clusters[0].keys->count, 1);
	ck_assert_ptr_ne(env->clusters[0].keys, env->clusters[1].keys);
	/* two holders: the first to leave takes nothing with it */
	ck_assert_ptr_eq(authn_env_ref(env), env);
	ck_assert_uint_eq(env->refs, 2);
	authn_env_unref(env);
	ck_assert_uint_eq(env->refs, 1);
	ck_assert_str_eq(env->clusters[1].name, "west");
	authn_env_unref(env);
	authn_env_unref(NULL);
	EVP_PKEY_free(key);
}
END_TEST

/* One bad set spoils the whole: half of the clusters would be refused by a word that misleads. */
START_TEST(keys_that_are_none)
{
	EVP_PKEY *key = make_key("P-256");
	static char name[] = "production";
	static char domain[] = "cluster.local";
	static char text[] = "a";
	static char junk[] = "{}";
	char *jwks = token_jwks(key);
	struct config_cluster clusters[2] = {
	    {.name = text, .issuer = text, .audience = text, .jwks = jwks},
	    {.name = text, .issuer = text, .audience = text, .jwks = junk}};
	struct config_environment config = {.name = name, .trust_domain = domain,
	    .clusters = clusters, .cluster_count = 2};
	struct authn_env *env;

	ck_assert_ptr_null(authn_env_new(&config));
	ck_assert_int_eq(mc_err_last()->code, MC_ECONFIG);
	config.cluster_count = 1;
	env = authn_env_new(&config);
	ck_assert_ptr_nonnull(env);
	authn_env_unref(env);
	/* without a cluster only certificates count */
	config.cluster_count = 0;
	env = authn_env_new(&config);
	ck_assert_ptr_nonnull(env);
	ck_assert_uint_eq(env->cluster_count, 0);
	authn_env_unref(env);
	free(jwks);
	EVP_PKEY_free(key);
}
END_TEST

static struct authn_env plain = {.refs = 1};

static void
plain_make(void)
{
	static char name[] = "production";
	static char domain[] = "cluster.local";

	plain.name = name;
	plain.trust_domain = domain;
}

START_TEST(a_verdict_owns_what_it_says)
{
	char ns[] = "ecotrack", sa[] = "order-service", cluster[] = "east", requester[] = "who",
	    evidence[] = "{\"a\":1}", serial[] = "\1\2\3";
	struct authn_strings strings = {.ns = base_span_str(ns), .sa = base_span_str(sa),
	    .cluster = base_span_str(cluster), .requester = base_span_str(requester),
	    .evidence = base_span_str(evidence), .serial = base_span_str(serial)};
	struct authn_verdict *verdict;

	plain_make();
	verdict = authn_verdict_new(&plain, &strings, 4711);
	ck_assert_ptr_nonnull(verdict);
	memset(ns, 'x', sizeof(ns));
	memset(sa, 'x', sizeof(sa));
	memset(cluster, 'x', sizeof(cluster));
	memset(requester, 'x', sizeof(requester));
	memset(evidence, 'x', sizeof(evidence));
	memset(serial, 'x', sizeof(serial));
	ck_assert(base_span_equal_str(verdict->identity,
	    "spiffe://cluster.local/ns/ecotrack/sa/order-service"));
	ck_assert(base_span_equal_str(verdict->ns, "ecotrack"));
	ck_assert(base_span_equal_str(verdict->sa, "order-service"));
	ck_assert(base_span_equal_str(verdict->cluster, "east"));
	ck_assert(base_span_equal_str(verdict->requester, "who"));
	ck_assert(base_span_equal_str(verdict->evidence, "{\"a\":1}"));
	ck_assert(base_span_equal_str(verdict->serial, "\1\2\3"));
	ck_assert_int_eq(verdict->expires_at, 4711);
	ck_assert_ptr_eq(authn_verdict_ref(verdict), verdict);
	authn_verdict_unref(verdict);
	ck_assert(base_span_equal_str(verdict->cluster, "east"));
	ck_assert_uint_eq(verdict->refs, 1);
	authn_verdict_unref(verdict);
	authn_verdict_unref(NULL);
}
END_TEST

/* Names that Kubernetes would not give make no identity, above all none with another path in it. */
START_TEST(names_that_make_no_identity)
{
	static char ns_at[64], ns_above[65], sa_at[254], sa_above[255];
	const struct {
		const char *ns, *sa;
		bool good;
	} cases[] = {
	    {"a", "b", true}, {"a-1", "b.c-d", true}, {"", "b", false}, {"a", "", false},
	    {"a/sa/root/ns/b", "c", false}, {"a", "b/sa/c", false}, {"a.b", "c", false},
	    {"A", "b", false}, {"a", "B", false}, {"a%2f", "b", false}, {"a", "..", false},
	    {"-a", "b", false}, {"a", "b-", false}, {ns_at, "b", true}, {ns_above, "b", false},
	    {"a", sa_at, true}, {"a", sa_above, false},
	};

	plain_make();
	memset(ns_at, 'a', sizeof(ns_at) - 1);
	memset(ns_above, 'a', sizeof(ns_above) - 1);
	for (size_t i = 0; i + 1 < sizeof(sa_above); i++) {
		sa_above[i] = i % 60 == 59 ? '.' : 'a';
	}
	base_copy(sa_at, sa_above, sizeof(sa_at) - 1);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct authn_strings strings = {.ns = base_span_str(cases[i].ns),
		    .sa = base_span_str(cases[i].sa)};
		struct authn_verdict *verdict = authn_verdict_new(&plain, &strings, 1);

		ck_assert_msg((verdict != NULL) == cases[i].good, "case %zu", i);
		ck_assert(verdict != NULL || mc_err_last()->code == MC_EIDENTITY);
		authn_verdict_unref(verdict);
	}
}
END_TEST

/* Tokens first; the certificate that an agent still holds comes after. */
START_TEST(the_order_of_trial)
{
	ck_assert_ptr_eq(authn_table[0], &authn_jwt);
	ck_assert_ptr_eq(authn_table[1], &authn_cert);
	ck_assert_ptr_null(authn_table[2]);
	for (size_t i = 0; authn_table[i] != NULL; i++) {
		ck_assert_ptr_nonnull(authn_table[i]->name);
		ck_assert(authn_table[i]->is_present != NULL && authn_table[i]->check != NULL);
		/* what a worker says may be kept: then there is nothing to confirm each time */
		ck_assert(!authn_table[i]->on_worker || authn_table[i]->confirm == NULL);
	}
}
END_TEST

CHECK_MAIN("api_authn", an_environment_owns_what_it_says, keys_that_are_none,
    a_verdict_owns_what_it_says, names_that_make_no_identity, the_order_of_trial)
