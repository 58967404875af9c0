/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include <jansson.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/param_build.h>

#include "api/jose_int.h"
#include "base/enc.h"
#include "base/limits.h"
#include "base/mem.h"

#define KEYS_MAX 64 /* of one issuer: a rotating API server has two or three */
#define RSA_MIN_BITS 2048
#define RSA_MAX_BITS (LIMIT_RSA_BYTES * 8)
#define POINT_MAX 97

enum jose_alg
jose_alg_parse(const char *name)
{
	if (name == NULL) {
		return JOSE_ALG_INVALID;
	}
	if (strcmp(name, "RS256") == 0) {
		return JOSE_ALG_RS256;
	}
	if (strcmp(name, "ES256") == 0) {
		return JOSE_ALG_ES256;
	}
	return strcmp(name, "ES384") == 0 ? JOSE_ALG_ES384 : JOSE_ALG_INVALID;
}

static const char *
member(const json_t *jwk, const char *name)
{
	return json_string_value(json_object_get(jwk, name));
}

/* Appends the bytes of a base64url member. */
static bool
member_bytes(const json_t *jwk, const char *name, struct base_buf *out)
{
	const char *text = member(jwk, name);

	return text != NULL && base_enc_unb64url(out, base_span_str(text)) == MC_OK;
}

static EVP_PKEY *
key_import(const char *type, OSSL_PARAM_BLD *build)
{
	OSSL_PARAM *params = OSSL_PARAM_BLD_to_param(build);
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, type, NULL);
	EVP_PKEY *pkey = NULL;

	if (params == NULL || ctx == NULL || EVP_PKEY_fromdata_init(ctx) != 1 ||
	    EVP_PKEY_fromdata(ctx, &pkey, EVP_PKEY_PUBLIC_KEY, params) != 1) {
		pkey = NULL;
	}
	EVP_PKEY_CTX_free(ctx);
	OSSL_PARAM_free(params);
	if (pkey != NULL) {
		EVP_PKEY_CTX *check = EVP_PKEY_CTX_new_from_pkey(NULL, pkey, NULL);

		if (check == NULL || EVP_PKEY_public_check(check) != 1) {
			EVP_PKEY_free(pkey);
			pkey = NULL;
		}
		EVP_PKEY_CTX_free(check);
	}
	ERR_clear_error();
	return pkey;
}

/* CVE-2017-15361: n is a power of 65537 modulo every small prime. By chance that holds for one key in
 * some 2^27. */
static bool
is_roca(const BIGNUM *n)
{
	static const unsigned primes[] = {11, 13, 17, 19, 37, 53, 61, 71, 73, 79, 97, 103, 107,
	    109, 127, 151, 157};

	for (size_t i = 0; i < sizeof(primes) / sizeof(primes[0]); i++) {
		unsigned p = primes[i];
		unsigned residue = (unsigned)BN_mod_word(n, p);
		unsigned power = 1;
		bool found = false;

		for (unsigned k = 0; k < p && !found; k++) {
			found = power == residue;
			power = power * (65537 % p) % p;
		}
		if (!found) {
			return false;
		}
	}
	return true;
}

static EVP_PKEY *
rsa_build(BIGNUM *n, BIGNUM *e)
{
	OSSL_PARAM_BLD *build = OSSL_PARAM_BLD_new();
	EVP_PKEY *pkey = NULL;

	if (build != NULL && OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_N, n) == 1 &&
	    OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_E, e) == 1) {
		pkey = key_import("RSA", build);
	}
	OSSL_PARAM_BLD_free(build);
	return pkey;
}

static enum mc_err
rsa_read(const json_t *jwk, EVP_PKEY **out)
{
	struct base_buf n_buf;
	struct base_buf e_buf;
	BIGNUM *n = NULL;
	BIGNUM *e = NULL;
	enum mc_err ret = MC_EINTERNAL;

	base_buf_init(&n_buf, 2 * LIMIT_RSA_BYTES);
	base_buf_init(&e_buf, 16);
	if (!member_bytes(jwk, "n", &n_buf) || !member_bytes(jwk, "e", &e_buf)) {
		ret = MC_FAIL(MC_ECONFIG, "RSA key without proper n and e");
		goto out;
	}
	n = BN_bin2bn(n_buf.ptr, (int)n_buf.len, NULL);
	e = BN_bin2bn(e_buf.ptr, (int)e_buf.len, NULL);
	if (n == NULL || e == NULL) {
		ret = MC_FAIL(MC_ECRYPTO, "no bignum");
	} else if (BN_num_bits(n) < RSA_MIN_BITS || BN_num_bits(n) > RSA_MAX_BITS) {
		ret = MC_FAIL(MC_ECONFIG, "RSA key of %d bits; 2048 to 4096 are taken",
		    BN_num_bits(n));
	} else if (!BN_is_word(e, 65537)) {
		ret = MC_FAIL(MC_ECONFIG, "RSA key with an exponent other than 65537");
	} else if (is_roca(n)) {
		ret = MC_FAIL(MC_ECONFIG, "RSA key with the ROCA weakness");
	} else if ((*out = rsa_build(n, e)) == NULL) {
		ret = MC_FAIL(MC_ECONFIG, "RSA key that OpenSSL refuses");
	} else {
		ret = MC_OK;
	}
out:
	BN_free(n);
	BN_free(e);
	base_buf_clear(&n_buf);
	base_buf_clear(&e_buf);
	return ret;
}

static enum mc_err
ec_read(const json_t *jwk, const char *group, size_t size, EVP_PKEY **out)
{
	OSSL_PARAM_BLD *build = OSSL_PARAM_BLD_new();
	struct base_buf point;
	enum mc_err ret = MC_EINTERNAL;

	base_buf_init(&point, POINT_MAX);
	base_buf_append_u8(&point, 4);
	/* RFC 7518 6.2.1.2: each coordinate at its full size */
	if (!member_bytes(jwk, "x", &point) || point.len != 1 + size ||
	    !member_bytes(jwk, "y", &point) || point.len != 1 + 2 * size) {
		ret = MC_FAIL(MC_ECONFIG, "EC key without proper x and y");
	} else if (build == NULL ||
	    OSSL_PARAM_BLD_push_utf8_string(build, OSSL_PKEY_PARAM_GROUP_NAME, group, 0) != 1 ||
	    OSSL_PARAM_BLD_push_octet_string(build, OSSL_PKEY_PARAM_PUB_KEY, point.ptr,
	        point.len) != 1) {
		ret = MC_FAIL(MC_ECRYPTO, "no parameters");
	} else if ((*out = key_import("EC", build)) == NULL) {
		ret = MC_FAIL(MC_ECONFIG, "EC key whose point is not on its curve");
	} else {
		ret = MC_OK;
	}
	OSSL_PARAM_BLD_free(build);
	base_buf_clear(&point);
	return ret;
}

/* RFC 7517 4.2, 4.3: meant for something else than verifying. */
static bool
is_other_use(const json_t *jwk)
{
	const json_t *use = json_object_get(jwk, "use");
	const json_t *ops = json_object_get(jwk, "key_ops");
	size_t i;
	const json_t *op;

	if (use != NULL && (!json_is_string(use) || strcmp(json_string_value(use), "sig") != 0)) {
		return true;
	}
	if (ops == NULL) {
		return false;
	}
	json_array_foreach(ops, i, op)
	{
		if (json_is_string(op) && strcmp(json_string_value(op), "verify") == 0) {
			return false;
		}
	}
	return true;
}

/* The key types we take, each with its one algorithm. */
static const struct key_type {
	const char *kty;
	const char *crv; /* NULL: has none */
	enum jose_alg alg;
	size_t coordinate_len;
} KEY_TYPES[] = {
	{"RSA", NULL, JOSE_ALG_RS256, 0},
	{"EC", "P-256", JOSE_ALG_ES256, 32},
	{"EC", "P-384", JOSE_ALG_ES384, 48},
};

static const struct key_type *
key_type_find(const char *kty, const char *crv)
{
	for (size_t i = 0; i < sizeof(KEY_TYPES) / sizeof(KEY_TYPES[0]); i++) {
		const struct key_type *type = &KEY_TYPES[i];

		if (strcmp(kty, type->kty) == 0 &&
		    (type->crv == NULL || (crv != NULL && strcmp(crv, type->crv) == 0))) {
			return type;
		}
	}
	return NULL;
}

static bool
is_secret(const json_t *jwk, const char *kty)
{
	return strcmp(kty, "oct") == 0 || json_object_get(jwk, "d") != NULL ||
	    json_object_get(jwk, "k") != NULL;
}

/* Returns MC_OK with out->pkey NULL for a key that is none of ours. */
static enum mc_err
key_read(const json_t *jwk, struct jose_key *out)
{
	const char *kty = member(jwk, "kty");
	const json_t *alg = json_object_get(jwk, "alg");
	const struct key_type *type;
	enum mc_err ret;

	if (kty == NULL) {
		return MC_FAIL(MC_ECONFIG, "key without kty");
	}
	if (is_secret(jwk, kty)) {
		return MC_FAIL(MC_ECONFIG, "a secret key; only public keys belong here");
	}
	out->alg = jose_alg_parse(json_string_value(alg));
	type = key_type_find(kty, member(jwk, "crv"));
	if (is_other_use(jwk) || type == NULL || (alg != NULL && out->alg == JOSE_ALG_INVALID)) {
		return MC_OK;
	}
	if (alg != NULL && out->alg != type->alg) {
		return MC_FAIL(MC_ECONFIG, "%s key with another type's algorithm", kty);
	}
	out->alg = type->alg;
	ret = type->crv == NULL ? rsa_read(jwk, &out->pkey)
	                        : ec_read(jwk, type->crv, type->coordinate_len, &out->pkey);
	if (ret == MC_OK && out->pkey != NULL && member(jwk, "kid") != NULL) {
		out->kid = base_xstrdup(member(jwk, "kid"));
	}
	return ret;
}

static bool
kid_is_taken(const struct jose_keys *keys, const char *kid)
{
	for (size_t i = 0; kid != NULL && i < keys->count; i++) {
		if (keys->keys[i].kid != NULL && strcmp(keys->keys[i].kid, kid) == 0) {
			return true;
		}
	}
	return false;
}

static enum mc_err
set_read(const json_t *set, struct jose_keys *keys)
{
	const json_t *list = json_object_get(set, "keys");
	size_t i;
	const json_t *jwk;

	if (!json_is_array(list) || json_array_size(list) > KEYS_MAX) {
		return MC_FAIL(MC_ECONFIG, "not a JWK set of at most %d keys", KEYS_MAX);
	}
	keys->keys = base_xcalloc(json_array_size(list) + 1, sizeof(struct jose_key));
	json_array_foreach(list, i, jwk)
	{
		struct jose_key *key = &keys->keys[keys->count];
		enum mc_err err = key_read(jwk, key);

		if (err != MC_OK) {
			return err;
		}
		if (key->pkey == NULL) {
			continue;
		}
		if (kid_is_taken(keys, key->kid)) {
			keys->count++;
			return MC_FAIL(MC_ECONFIG, "two keys with the id %.64s", key->kid);
		}
		keys->count++;
	}
	return keys->count > 0 ? MC_OK : MC_FAIL(MC_ECONFIG, "no key for RS256, ES256 or ES384");
}

struct jose_keys *
jose_keys_read(struct base_span json)
{
	json_error_t error;
	json_t *set = json_loadb((const char *)json.ptr, json.len, JSON_REJECT_DUPLICATES, &error);
	struct jose_keys *keys = base_xcalloc(1, sizeof(*keys));

	if (set == NULL) {
		(void)!MC_FAIL(MC_ECONFIG, "JWK set, line %d: %s", error.line, error.text);
		jose_keys_free(keys);
		return NULL;
	}
	if (set_read(set, keys) != MC_OK) {
		jose_keys_free(keys);
		keys = NULL;
	}
	json_decref(set);
	return keys;
}

void
jose_keys_free(struct jose_keys *keys)
{
	if (keys == NULL) {
		return;
	}
	for (size_t i = 0; i < keys->count; i++) {
		free(keys->keys[i].kid);
		EVP_PKEY_free(keys->keys[i].pkey);
	}
	free(keys->keys);
	free(keys);
}
