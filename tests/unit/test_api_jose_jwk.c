/* SPDX-License-Identifier: Apache-2.0 */
/* Key sets: what is taken, what is left out, and what spoils the whole. */
#include "api/jose_int.h"
#include "tests/unit/ca_make.h"
#include "tests/unit/jose_vectors.h"
#include "tests/unit/token_make.h"

START_TEST(wycheproof_jwk)
{
	json_t *root = vectors_load("json_web_key_test.json");
	unsigned accepted = 0;

	if (root == NULL) {
		return;
	}
	ck_assert_uint_eq(vectors_run(root, &accepted), 26);
	ck_assert_uint_eq(accepted, 1);
}
END_TEST

START_TEST(sets_refused)
{
	static const char *const sets[] = {
	    "", "[]", "{}", "{\"keys\":[]}", "{\"keys\":{}}", "{\"keys\":[{}]}",
	    "{\"keys\":[],\"keys\":[]}",
	    "{\"keys\":[{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"AAAA\"}]}",
	};

	for (size_t i = 0; i < sizeof(sets) / sizeof(sets[0]); i++) {
		ck_assert_msg(jose_keys_read(base_span_str(sets[i])) == NULL, "%s", sets[i]);
		ck_assert_uint_eq(mc_err_last()->code, MC_ECONFIG);
	}
}
END_TEST

/* A set of these keys, each with a comma before the next. NULL: refused. The caller frees. */
static struct jose_keys *
set_read(const char *keys)
{
	char *set = base_xasprintf("{\"keys\":[%s]}", keys);
	struct jose_keys *out = jose_keys_read(base_span_str(set));

	ck_assert(out != NULL || mc_err_last()->code == MC_ECONFIG);
	free(set);
	return out;
}

static void
ck_refused(const char *keys, const char *word)
{
	ck_assert_msg(set_read(keys) == NULL, "%s", keys);
	ck_assert_msg(strstr(mc_err_last()->detail, word) != NULL, "%s", mc_err_last()->detail);
}

START_TEST(algorithms)
{
	ck_assert_int_eq(jose_alg_parse("RS256"), JOSE_ALG_RS256);
	ck_assert_int_eq(jose_alg_parse("ES256"), JOSE_ALG_ES256);
	ck_assert_int_eq(jose_alg_parse("ES384"), JOSE_ALG_ES384);
	static const char *const others[] = {"", "none", "HS256", "RS384", "RS512", "PS256", "ES512",
	    "ES256K", "EdDSA", "rs256", "RS2567"};
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		ck_assert_msg(jose_alg_parse(others[i]) == JOSE_ALG_INVALID, "%s", others[i]);
	}
	ck_assert_int_eq(jose_alg_parse(NULL), JOSE_ALG_INVALID);
}
END_TEST

/* Beside a good key: what is not ours is left out, what is wrong spoils the set. */
START_TEST(members)
{
	static const struct {
		const char *more;
		const char *word; /* NULL: taken; "": left out; else why the set is refused */
	} cases[] = {
	    {"", NULL},
	    {",\"use\":\"sig\"", NULL},
	    {",\"key_ops\":[\"verify\"]", NULL},
	    {",\"key_ops\":[\"encrypt\",\"verify\"]", NULL},
	    {",\"alg\":\"ES256\"", NULL},
	    {",\"x5t\":\"a\"", NULL},
	    {",\"use\":\"enc\"", ""},
	    {",\"use\":1", ""},
	    {",\"key_ops\":[]", ""},
	    {",\"key_ops\":[\"sign\"]", ""},
	    {",\"alg\":\"ES256K\"", ""},
	    {",\"alg\":\"HS256\"", ""},
	    {",\"alg\":1", ""},
	    {",\"alg\":\"ES384\"", "another type's algorithm"},
	    {",\"alg\":\"RS256\"", "another type's algorithm"},
	    {",\"d\":\"AA\"", "a secret key"},
	    {",\"k\":\"AA\"", "a secret key"},
	    {",\"d\":null", "a secret key"},
	    {",\"kid\":\"good\"", "two keys with the id good"},
	    {",\"use\":\"sig\",\"use\":\"sig\"", "JWK set, line"},
	};
	EVP_PKEY *first = make_key("P-256");
	EVP_PKEY *second = make_key("P-256");
	char *good = token_jwk(first, ",\"kid\":\"good\"");

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char *jwk = token_jwk(second, cases[i].more);
		char *both = base_xasprintf("%s,%s", good, jwk);

		if (cases[i].word != NULL && cases[i].word[0] != '\0') {
			ck_refused(both, cases[i].word);
		} else {
			struct jose_keys *keys = set_read(both);

			ck_assert_msg(keys != NULL, "%s", mc_err_last()->detail);
			ck_assert_msg(keys->count == (cases[i].word == NULL ? 2 : 1), "%s",
			    cases[i].more);
			ck_assert_str_eq(keys->keys[0].kid, "good");
			ck_assert_int_eq(keys->keys[0].alg, JOSE_ALG_ES256);
			jose_keys_free(keys);
		}
		free(jwk);
		free(both);
	}
	ck_refused("{\"kty\":\"oct\",\"k\":\"AA\"}", "a secret key");
	ck_refused("{\"kid\":\"a\"}", "without kty");
	ck_refused("{\"kty\":7}", "without kty");
	ck_refused("{\"kty\":\"EC\",\"crv\":\"P-521\",\"x\":\"AA\",\"y\":\"AA\"}", "no key for");
	ck_refused("{\"kty\":\"EC\",\"x\":\"AA\",\"y\":\"AA\"}", "no key for");
	free(good);
	EVP_PKEY_free(first);
	EVP_PKEY_free(second);
}
END_TEST

START_TEST(points)
{
	EVP_PKEY *key = make_key("P-256");
	struct make_public pub = make_public(key);
	struct base_buf x, y;

	/* each coordinate at its full size (RFC 7518 6.2.1.2), and the point on its curve */
	for (int i = 0; i < 6; i++) {
		size_t x_len = i == 1 || i == 5 ? 31 : 32;
		size_t y_len = i == 2 ? 31 : i == 5 ? 33 : 32; /* 5: the same bytes, cut elsewhere */
		struct jose_keys *keys;
		char *jwk;

		base_buf_init(&x, 64);
		base_buf_init(&y, 64);
		pub.bytes[64] ^= i == 3 ? 1 : 0;
		base_enc_b64url(&x, base_span_of(pub.bytes + 1, x_len));
		base_enc_b64url(&y, base_span_of(pub.bytes + (i == 5 ? 32 : 33), y_len));
		pub.bytes[64] ^= i == 3 ? 1 : 0;
		jwk = base_xasprintf("{\"keys\":[{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"%.*s\","
		    "\"%s\":\"%.*s\"}]}", (int)x.len, (char *)x.ptr, i == 4 ? "z" : "y", (int)y.len,
		    (char *)y.ptr);
		keys = jose_keys_read(base_span_str(jwk));
		ck_assert_msg((keys != NULL) == (i == 0), "%d", i);
		if (i != 0) {
			ck_assert_ptr_nonnull(strstr(mc_err_last()->detail,
			    i == 3 ? "not on its curve" : "without proper x and y"));
		} else {
			ck_assert_int_eq(EVP_PKEY_eq(keys->keys[0].pkey, key), 1);
		}
		jose_keys_free(keys);
		free(jwk);
		base_buf_clear(&x);
		base_buf_clear(&y);
	}
	make_public_free(&pub);
	EVP_PKEY_free(key);
}
END_TEST

/* --- RSA --- */

static char *
rsa_jwk(const BIGNUM *n, const char *e)
{
	uint8_t bytes[LIMIT_RSA_BYTES + 1];
	struct base_buf text;
	char *out;

	base_buf_init(&text, 2 * LIMIT_RSA_BYTES);
	base_enc_b64url(&text, base_span_of(bytes, (size_t)BN_bn2bin(n, bytes)));
	out = base_xasprintf("{\"kty\":\"RSA\",\"n\":\"%.*s\",\"e\":\"%s\"}", (int)text.len,
	    (char *)text.ptr, e);
	base_buf_clear(&text);
	return out;
}

/* An odd number of so many bits without small factors: no key, but one to whoever cannot factor it. */
static BIGNUM *
modulus_make(int bits)
{
	BN_CTX *ctx = BN_CTX_new();
	BIGNUM *n = BN_new();
	unsigned small;

	do {
		ck_assert_int_eq(BN_rand(n, bits, BN_RAND_TOP_ONE, BN_RAND_BOTTOM_ODD), 1);
		for (small = 3; small < 800 && BN_mod_word(n, small) != 0; small += 2) {
		}
	} while (small < 800);
	BN_CTX_free(ctx);
	return n;
}

START_TEST(moduli)
{
	static const struct {
		int bits;
		const char *e;
		const char *word; /* NULL: taken */
	} cases[] = {
	    {2047, "AQAB", "of 2047 bits"}, {2048, "AQAB", NULL}, {4096, "AQAB", NULL},
	    {4097, "AQAB", "of 4097 bits"}, {2048, "Aw", "exponent"}, {2048, "AQAA", "exponent"},
	    {2048, "", "exponent"}, {2048, "A", "without proper n and e"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		BIGNUM *n = modulus_make(cases[i].bits);
		char *jwk = rsa_jwk(n, cases[i].e);

		if (cases[i].word != NULL) {
			ck_refused(jwk, cases[i].word);
		} else {
			struct jose_keys *keys = set_read(jwk);

			ck_assert_msg(keys != NULL, "%s", mc_err_last()->detail);
			ck_assert_int_eq(keys->keys[0].alg, JOSE_ALG_RS256);
			ck_assert_int_eq(EVP_PKEY_get_bits(keys->keys[0].pkey), cases[i].bits);
			ck_assert_ptr_null(keys->keys[0].kid);
			jose_keys_free(keys);
		}
		free(jwk);
		BN_free(n);
	}
}
END_TEST

/* A number that anybody can factor in part is no modulus. */
START_TEST(moduli_with_a_small_factor)
{
	BIGNUM *n = modulus_make(2047);
	char *jwk;

	BN_mul_word(n, 3); /* one or two bits more: both are a size that is taken */
	jwk = rsa_jwk(n, "AQAB");
	ck_refused(jwk, "RSA key that OpenSSL refuses");
	free(jwk);
	BN_free(n);
}
END_TEST

/* CVE-2017-15361, made as the broken library did: a power of 65537 modulo a product of small primes. */
START_TEST(roca)
{
	static const unsigned primes[] = {3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59,
	    61, 67, 71, 73, 79, 83, 89, 97, 101, 103, 107, 109, 113, 127, 131, 137, 139, 149, 151,
	    157, 163, 167};
	BN_CTX *ctx = BN_CTX_new();
	BIGNUM *product = BN_new();
	BIGNUM *n = BN_new();
	BIGNUM *power = BN_new();
	BIGNUM *generator = BN_new();
	char *jwk;

	BN_one(product);
	for (size_t i = 0; i < sizeof(primes) / sizeof(primes[0]); i++) {
		BN_mul_word(product, primes[i]);
	}
	BN_set_word(generator, 65537);
	BN_set_word(power, 1234567);
	BN_mod_exp(power, generator, power, product, ctx);
	ck_assert_int_eq(BN_rand(n, 2048 - BN_num_bits(product), BN_RAND_TOP_TWO, BN_RAND_BOTTOM_ANY),
	    1);
	BN_mul(n, n, product, ctx);
	BN_add(n, n, power);
	while (BN_num_bits(n) < 2048) {
		BN_add(n, n, product);
		BN_lshift(power, product, 2048 - BN_num_bits(product) - 1);
		BN_add(n, n, power);
	}
	ck_assert_int_eq(BN_num_bits(n), 2048);
	jwk = rsa_jwk(n, "AQAB");
	ck_refused(jwk, "ROCA");
	free(jwk);
	BN_free(product);
	BN_free(n);
	BN_free(power);
	BN_free(generator);
	BN_CTX_free(ctx);
}
END_TEST

START_TEST(sets_up_to_64_keys)
{
	EVP_PKEY *key = make_key("P-256");
	struct base_buf text;

	for (int count = 64; count <= 65; count++) {
		struct jose_keys *keys;
		char *set;

		base_buf_init(&text, 64 * 1024);
		for (int i = 0; i < count; i++) {
			char more[32];
			char *jwk;

			snprintf(more, sizeof(more), ",\"kid\":\"k%d\"", i);
			jwk = token_jwk(key, more);
			base_buf_append_str(&text, i > 0 ? "," : "");
			base_buf_append_str(&text, jwk);
			free(jwk);
		}
		set = base_buf_take_str(&text);
		keys = set_read(set);
		ck_assert((keys != NULL) == (count == 64));
		ck_assert(keys == NULL || keys->count == 64);
		jose_keys_free(keys);
		free(set);
	}
	EVP_PKEY_free(key);
}
END_TEST

CHECK_MAIN("api_jose_jwk", wycheproof_jwk, sets_refused, algorithms, members, points, moduli,
    moduli_with_a_small_factor, roca,
    sets_up_to_64_keys)
