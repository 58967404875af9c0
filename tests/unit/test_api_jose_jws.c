/* SPDX-License-Identifier: Apache-2.0 */
/* Signed tokens: which key verifies one, and what a header may not say. */
#include "tests/unit/ca_make.h"
#include "tests/unit/jose_vectors.h"
#include "tests/unit/token_make.h"

START_TEST(wycheproof_jws)
{
	json_t *root = vectors_load("json_web_signature_test.json");
	unsigned accepted = 0;

	if (root == NULL) {
		return;
	}
	ck_assert_uint_eq(vectors_run(root, &accepted), 401);
	ck_assert_uint_ge(accepted, 8);
}
END_TEST

static struct jose_keys *
keys_of(const char *first, const char *second)
{
	char *set = base_xasprintf("{\"keys\":[%s%s%s]}", first, second != NULL ? "," : "",
	    second != NULL ? second : "");
	struct jose_keys *keys = jose_keys_read(base_span_str(set));

	ck_assert_msg(keys != NULL, "%s", mc_err_last()->detail);
	free(set);
	return keys;
}

static enum mc_err
verify(const struct jose_keys *keys, const char *token)
{
	struct base_buf out;
	enum mc_err err;

	base_buf_init(&out, LIMIT_TOKEN);
	err = jose_verify(keys, base_span_str(token), &out);
	ck_assert(err == MC_OK || mc_err_last()->code == MC_ETOKEN);
	base_buf_clear(&out);
	return err;
}

/* A token of the key with this header. */
static enum mc_err
verify_header(const struct jose_keys *keys, EVP_PKEY *key, const char *header)
{
	char *token = token_sign(key, header, "{}");
	enum mc_err err = verify(keys, token);

	free(token);
	return err;
}

START_TEST(headers)
{
	static const struct {
		const char *header;
		enum mc_err err;
	} cases[] = {
	    {"{\"alg\":\"ES256\",\"kid\":\"k1\"}", MC_OK},
	    {"{\"alg\":\"ES256\"}", MC_OK},
	    {"{\"alg\":\"ES256\",\"typ\":\"JWT\",\"x5t\":\"a\"}", MC_OK},
	    {"{\"alg\":\"ES256\",\"kid\":\"k2\"}", MC_ETOKEN},
	    {"{\"alg\":\"ES256\",\"kid\":\"\"}", MC_ETOKEN},
	    {"{\"alg\":\"ES256\",\"kid\":1}", MC_ETOKEN},
	    {"{\"alg\":\"ES256\",\"kid\":null}", MC_ETOKEN},
	    {"{\"alg\":\"none\"}", MC_ETOKEN},
	    {"{\"alg\":\"HS256\"}", MC_ETOKEN},
	    {"{\"alg\":\"es256\"}", MC_ETOKEN},
	    {"{\"alg\":\"ES384\",\"kid\":\"k1\"}", MC_ETOKEN},
	    {"{\"alg\":\"RS256\",\"kid\":\"k1\"}", MC_ETOKEN},
	    {"{\"alg\":[\"ES256\"]}", MC_ETOKEN},
	    {"{\"kid\":\"k1\"}", MC_ETOKEN},
	    {"{\"alg\":\"none\",\"alg\":\"ES256\"}", MC_ETOKEN},
	    {"{\"alg\":\"ES256\",\"crit\":[\"exp\"]}", MC_ETOKEN},
	    {"{\"alg\":\"ES256\",\"crit\":[]}", MC_ETOKEN},
	    {"{\"alg\":\"ES256\",\"jku\":\"https://a\"}", MC_ETOKEN},
	    {"{\"alg\":\"ES256\",\"jwk\":{}}", MC_ETOKEN},
	    {"{\"alg\":\"ES256\",\"x5u\":\"https://a\"}", MC_ETOKEN},
	    {"{\"alg\":\"ES256\",\"x5c\":[]}", MC_ETOKEN},
	    {"{\"alg\":\"ES256\",\"b64\":false}", MC_ETOKEN},
	    {"[\"ES256\"]", MC_ETOKEN},
	    {"{\"alg\":\"ES256\"} {}", MC_ETOKEN},
	    {"", MC_ETOKEN},
	};
	EVP_PKEY *key = make_key("P-256");
	char *jwk = token_jwk(key, ",\"kid\":\"k1\"");
	struct jose_keys *keys = keys_of(jwk, NULL);

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		ck_assert_msg(verify_header(keys, key, cases[i].header) == cases[i].err, "%s",
		    cases[i].header);
	}
	jose_keys_free(keys);
	free(jwk);
	EVP_PKEY_free(key);
}
END_TEST

/* By its id; without one only where there is no choice. */
START_TEST(which_key)
{
	static const char none[] = "{\"alg\":\"ES256\"}";
	static const char one[] = "{\"alg\":\"ES256\",\"kid\":\"k1\"}";
	static const char two[] = "{\"alg\":\"ES256\",\"kid\":\"k2\"}";
	EVP_PKEY *first = make_key("P-256");
	EVP_PKEY *second = make_key("P-256");
	char *named = token_jwk(first, ",\"kid\":\"k1\"");
	char *other = token_jwk(second, ",\"kid\":\"k2\"");
	char *nameless = token_jwk(first, "");
	struct jose_keys *keys = keys_of(named, other);

	ck_assert_int_eq(verify_header(keys, first, one), MC_OK);
	ck_assert_int_eq(verify_header(keys, second, two), MC_OK);
	ck_assert_int_eq(verify_header(keys, second, one), MC_ETOKEN);
	ck_assert_int_eq(verify_header(keys, first, none), MC_ETOKEN);
	ck_assert_int_eq(verify_header(keys, second, none), MC_ETOKEN);
	jose_keys_free(keys);
	/* a key without id is no token's that names one */
	keys = keys_of(nameless, NULL);
	ck_assert_int_eq(verify_header(keys, first, none), MC_OK);
	ck_assert_int_eq(verify_header(keys, first, one), MC_ETOKEN);
	jose_keys_free(keys);
	free(named);
	free(other);
	free(nameless);
	EVP_PKEY_free(first);
	EVP_PKEY_free(second);
}
END_TEST

START_TEST(parts)
{
	EVP_PKEY *key = make_key("P-256");
	char *jwk = token_jwk(key, ",\"kid\":\"k1\"");
	struct jose_keys *keys = keys_of(jwk, NULL);
	char *token = token_make(key, "{\"a\":1}");
	char *dot = strrchr(token, '.');
	struct base_buf out;
	char *bad;

	base_buf_init(&out, LIMIT_TOKEN);
	base_buf_append_str(&out, "before ");
	ck_assert_int_eq(jose_verify(keys, base_span_str(token), &out), MC_OK);
	ck_assert(base_span_equal_str(base_buf_span(&out), "before {\"a\":1}"));
	base_buf_clear(&out);
	static const struct {
		const char *before, *behind;
	} around[] = {{"", "."}, {".", ""}, {"", ".a"}, {" ", ""}, {"", " "}, {"", "="}, {"", "A"},
	    {"", "\n"}};
	for (size_t i = 0; i < sizeof(around) / sizeof(around[0]); i++) {
		bad = base_xasprintf("%s%s%s", around[i].before, token, around[i].behind);
		ck_assert_msg(verify(keys, bad) == MC_ETOKEN, "case %zu", i);
		free(bad);
	}
	/* two parts, one, none; and a signature that is none */
	bad = base_xstrndup(token, (size_t)(dot - token));
	ck_assert_int_eq(verify(keys, bad), MC_ETOKEN);
	free(bad);
	bad = base_xstrndup(token, (size_t)(dot + 1 - token));
	ck_assert_int_eq(verify(keys, bad), MC_ETOKEN);
	free(bad);
	ck_assert_int_eq(verify(keys, ""), MC_ETOKEN);
	ck_assert_int_eq(verify(keys, ".."), MC_ETOKEN);
	/* any bit of any part */
	for (size_t i = 0; i < strlen(token); i++) {
		bad = base_xstrdup(token);
		bad[i] = bad[i] == 'A' ? 'B' : 'A';
		ck_assert_msg(verify(keys, bad) == MC_ETOKEN || strcmp(bad, token) == 0, "at %zu", i);
		free(bad);
	}
	jose_keys_free(keys);
	free(jwk);
	free(token);
	EVP_PKEY_free(key);
}
END_TEST

START_TEST(tokens_up_to_their_limit)
{
	static char claims[LIMIT_TOKEN];
	EVP_PKEY *key = make_key("P-256");
	char *jwk = token_jwk(key, ",\"kid\":\"k1\"");
	struct jose_keys *keys = keys_of(jwk, NULL);
	struct base_buf out;
	char *token = token_make(key, "");
	size_t room = LIMIT_TOKEN - strlen(token);
	size_t len = room / 4 * 3 + (room % 4 == 0 ? 0 : room % 4 - 1); /* base64url */
	char *padded;

	free(token);
	memset(claims, 'a', len);
	token = token_make(key, claims);
	ck_assert_uint_le(strlen(token), LIMIT_TOKEN);
	ck_assert_uint_ge(strlen(token), LIMIT_TOKEN - 1);
	base_buf_init(&out, LIMIT_TOKEN);
	ck_assert_int_eq(jose_verify(keys, base_span_str(token), &out), MC_OK);
	ck_assert_uint_eq(out.len, len);
	base_buf_clear(&out);
	padded = base_xasprintf("%s%s", token, "AA");
	ck_assert_int_eq(jose_verify(keys, base_span_of(padded, LIMIT_TOKEN + 1), &out), MC_ETOKEN);
	ck_assert_ptr_nonnull(strstr(mc_err_last()->detail, "three parts of at most"));
	base_buf_clear(&out);
	free(padded);
	free(token);
	free(jwk);
	jose_keys_free(keys);
	EVP_PKEY_free(key);
}
END_TEST

CHECK_MAIN("api_jose_jws", wycheproof_jws, headers, which_key, parts, tokens_up_to_their_limit)
