/* SPDX-License-Identifier: Apache-2.0 */
/* Service-account tokens and key sets, as an API server makes them. */
#ifndef TESTS_TOKEN_MAKE_H
#define TESTS_TOKEN_MAKE_H

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/evp.h>

#include "base/enc.h"
#include "base/limits.h"
#include "base/mem.h"

#define TOKEN_SUB "system:serviceaccount:ecotrack:order-service"

/* Header and payload signed by a P-256 key, whatever the header says. The caller frees. */
static inline char *
token_sign(EVP_PKEY *key, const char *header, const char *claims)
{
	struct base_buf out;
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	uint8_t der[80];
	size_t der_len = sizeof(der);
	const unsigned char *ptr = der;
	uint8_t rs[64];
	ECDSA_SIG *sig;

	base_buf_init(&out, LIMIT_TOKEN);
	base_enc_b64url(&out, base_span_str(header));
	base_buf_append_u8(&out, '.');
	base_enc_b64url(&out, base_span_str(claims));
	ck_assert_int_eq(EVP_DigestSignInit(ctx, NULL, EVP_sha256(), NULL, key), 1);
	ck_assert_int_eq(EVP_DigestSign(ctx, der, &der_len, out.ptr, out.len), 1);
	sig = d2i_ECDSA_SIG(NULL, &ptr, (long)der_len);
	BN_bn2binpad(ECDSA_SIG_get0_r(sig), rs, 32);
	BN_bn2binpad(ECDSA_SIG_get0_s(sig), rs + 32, 32);
	ECDSA_SIG_free(sig);
	EVP_MD_CTX_free(ctx);
	base_buf_append_u8(&out, '.');
	base_enc_b64url(&out, base_span_of(rs, sizeof(rs)));
	return base_buf_take_str(&out);
}

/* ES256 by a P-256 key with the id k1, over the claims. The caller frees. */
static inline char *
token_make(EVP_PKEY *key, const char *claims)
{
	return token_sign(key, "{\"alg\":\"ES256\",\"kid\":\"k1\"}", claims);
}

/* The JWK of the key's public half; more: further members, each with a comma before it. The caller frees. */
static inline char *
token_jwk(EVP_PKEY *key, const char *more)
{
	struct base_buf x;
	struct base_buf y;
	uint8_t point[65];
	size_t len = 0;
	char *out;

	ck_assert_int_eq(EVP_PKEY_get_octet_string_param(key, OSSL_PKEY_PARAM_PUB_KEY, point,
	    sizeof(point), &len), 1);
	base_buf_init(&x, 64);
	base_buf_init(&y, 64);
	base_enc_b64url(&x, base_span_of(point + 1, 32));
	base_enc_b64url(&y, base_span_of(point + 33, 32));
	out = base_xasprintf("{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"%.*s\",\"y\":\"%.*s\"%s}",
	    (int)x.len, (char *)x.ptr, (int)y.len, (char *)y.ptr, more);
	base_buf_clear(&x);
	base_buf_clear(&y);
	return out;
}

/* The JWK set that holds the key's public half under the id k1. The caller frees. */
static inline char *
token_jwks(EVP_PKEY *key)
{
	char *jwk = token_jwk(key, ",\"kid\":\"k1\"");
	char *out = base_xasprintf("{\"keys\":[%s]}", jwk);

	free(jwk);
	return out;
}

#endif
