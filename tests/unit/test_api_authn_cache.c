/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "api/authn.h"
#include "base/crypto.h"
#include "tests/unit/check_main.h"

static struct authn_env env = {.refs = 1};

static struct authn_verdict *
verdict_make(const char *sa, int64_t expires_at)
{
	struct authn_strings strings = {.ns = base_span_str("ns"), .sa = base_span_str(sa)};

	return authn_verdict_new(&env, &strings, expires_at);
}

static void
key_make(unsigned n, uint8_t key[32])
{
	base_crypto_sha256(base_span_of(&n, sizeof(n)), key);
}

static void
env_make(void)
{
	static char name[] = "production";
	static char domain[] = "cluster.local";

	env.name = name;
	env.trust_domain = domain;
}

START_TEST(keeps_a_minute)
{
	struct authn_cache *cache = authn_cache_new();
	struct authn_verdict *verdict;
	struct authn_verdict *found;
	uint8_t key[32];

	env_make();
	key_make(1, key);
	verdict = verdict_make("order-service", 1000);
	ck_assert(base_span_equal_str(verdict->identity,
	    "spiffe://cluster.local/ns/ns/sa/order-service"));
	ck_assert_ptr_null(authn_cache_get(cache, key, 100));
	authn_cache_put(cache, key, verdict, 100);
	found = authn_cache_get(cache, key, 159);
	ck_assert_ptr_eq(found, verdict);
	authn_verdict_unref(found);
	ck_assert_ptr_null(authn_cache_get(cache, key, 160));
	/* a token that ends sooner ends there */
	authn_cache_put(cache, key, verdict, 970);
	ck_assert_ptr_null(authn_cache_get(cache, key, 1000));
	authn_verdict_unref(verdict);
	authn_cache_free(cache);
}
END_TEST

START_TEST(bounded)
{
	struct authn_cache *cache = authn_cache_new();
	struct authn_verdict *verdict;
	struct authn_verdict *found;
	uint8_t key[32];

	env_make();
	verdict = verdict_make("a", 1000);
	for (unsigned i = 0; i < LIMIT_TOKEN_CACHE + 10; i++) {
		key_make(i, key);
		authn_cache_put(cache, key, verdict, 100);
	}
	ck_assert_uint_eq(authn_cache_count(cache), LIMIT_TOKEN_CACHE);
	key_make(9, key);
	ck_assert_ptr_null(authn_cache_get(cache, key, 100));
	key_make(10, key);
	found = authn_cache_get(cache, key, 100);
	ck_assert_ptr_nonnull(found);
	authn_verdict_unref(found);
	authn_cache_flush(cache);
	ck_assert_uint_eq(authn_cache_count(cache), 0);
	ck_assert_uint_eq(verdict->refs, 1);
	authn_verdict_unref(verdict);
	authn_cache_free(cache);
}
END_TEST

START_TEST(keys_differ)
{
	struct authn_env other = {.refs = 1};
	static char name[] = "productio";
	struct authn_input in = {.env = &env, .authorization = base_span_str("Bearer x"),
	    .cluster = base_span_str("c")};
	uint8_t a[32];
	uint8_t b[32];

	env_make();
	other.name = name;
	authn_cache_key(&in, a);
	in.env = &other;
	authn_cache_key(&in, b);
	ck_assert_mem_ne(a, b, 32);
	in.cluster = base_span_str("nc");
	authn_cache_key(&in, b);
	ck_assert_mem_ne(a, b, 32);
	in.env = &env;
	in.cluster = base_span_str("");
	authn_cache_key(&in, b);
	ck_assert_mem_ne(a, b, 32);
}
END_TEST

START_TEST(names_are_checked)
{
	static const char *const bad[] = {"", "A", "a/b", "..", "a b", "-a"};

	env_make();
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		ck_assert_msg(verdict_make(bad[i], 1) == NULL, "%s", bad[i]);
		ck_assert_int_eq(mc_err_last()->code, MC_EIDENTITY);
	}
}
END_TEST

CHECK_MAIN("api_authn_cache", keeps_a_minute, bounded, keys_differ, names_are_checked)
