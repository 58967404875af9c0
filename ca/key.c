/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <openssl/ec.h>
#include <openssl/evp.h>

#include "base/crypto.h"
#include "base/mem.h"
#include "ca/key.h"
#include "ca/key_rsa.h"

#define SHA384_LEN 48

#define POINT_MAX 97 /* P-384, uncompressed */

/* A key that takes one point after the other, and a context that verifies with it whatever
 * point it has: OpenSSL sets the point in the object that the context refers to. */
struct curve {
	EVP_PKEY *key;
	EVP_PKEY_CTX *verify;
	uint8_t point[POINT_MAX]; /* the one it has now */
	size_t point_len;
};

struct key_importer {
	struct curve p256;
	struct curve p384;
	EVP_MD *sha384;
	struct key_rsa *rsa;
};

const char *
key_alg_name(enum msg_key_alg alg)
{
	switch (alg) {
	case MSG_KEY_P256:
		return "P-256";
	case MSG_KEY_P384:
		return "P-384";
	case MSG_KEY_RSA:
		return "RSA";
	case MSG_KEY_INVALID:
		break;
	}
	return "unknown";
}

static void
curve_open(struct curve *curve, const char *group)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);

	if (ctx == NULL || EVP_PKEY_paramgen_init(ctx) != 1 ||
	    EVP_PKEY_CTX_set_group_name(ctx, group) != 1 ||
	    EVP_PKEY_paramgen(ctx, &curve->key) != 1) {
		abort(); /* without memory or the default provider nothing can go on */
	}
	EVP_PKEY_CTX_free(ctx);
	curve->verify = EVP_PKEY_CTX_new_from_pkey(NULL, curve->key, NULL);
	if (curve->verify == NULL || EVP_PKEY_verify_init(curve->verify) != 1) {
		abort();
	}
}

static void
curve_close(struct curve *curve)
{
	EVP_PKEY_CTX_free(curve->verify);
	EVP_PKEY_free(curve->key);
}

void
key_importer_free(struct key_importer *importer)
{
	if (importer == NULL) {
		return;
	}
	curve_close(&importer->p256);
	curve_close(&importer->p384);
	EVP_MD_free(importer->sha384);
	key_rsa_free(importer->rsa);
	free(importer);
}

struct key_importer *
key_importer_new(void)
{
	struct key_importer *importer = base_xcalloc(1, sizeof(*importer));

	curve_open(&importer->p256, "P-256");
	curve_open(&importer->p384, "P-384");
	importer->sha384 = EVP_MD_fetch(NULL, "SHA2-384", NULL);
	importer->rsa = key_rsa_new();
	if (importer->sha384 == NULL) {
		abort();
	}
	return importer;
}

/* The point goes into the reused key; EC_POINT_oct2point refuses one off the curve. A check is
 * followed by a verification with the same point, which then is there already. */
static enum mc_err
import_point(struct curve *curve, struct base_span point, size_t len)
{
	if (point.len != len || point.ptr[0] != 4) {
		return MC_FAIL(MC_ECSR_KEY_TYPE, "an EC key is not an uncompressed point");
	}
	if (base_span_equal(point, base_span_of(curve->point, curve->point_len))) {
		return MC_OK;
	}
	curve->point_len = 0;
	if (EVP_PKEY_set1_encoded_public_key(curve->key, point.ptr, point.len) != 1) {
		return MC_FAIL(MC_ECSR_KEY_WEAK, "the EC point is not on its curve");
	}
	base_copy(curve->point, point.ptr, point.len);
	curve->point_len = point.len;
	return MC_OK;
}

enum mc_err
key_check(struct key_importer *importer, enum msg_key_alg alg, struct base_span key)
{
	switch (alg) {
	case MSG_KEY_P256:
		return import_point(&importer->p256, key, 65);
	case MSG_KEY_P384:
		return import_point(&importer->p384, key, 97);
	case MSG_KEY_RSA:
		return key_rsa_check(importer->rsa, key);
	case MSG_KEY_INVALID:
		break;
	}
	return MC_FAIL(MC_ECSR_KEY_TYPE, "key algorithm %d", (int)alg);
}

/* ctx was set up once with the curve's key, which holds the point by now. */
static enum mc_err
verify_with(EVP_PKEY_CTX *ctx, struct base_span digest, struct base_span signature)
{
	return EVP_PKEY_verify(ctx, signature.ptr, signature.len, digest.ptr, digest.len) == 1
	    ? MC_OK
	    : MC_FAIL(MC_ECSR_SIGNATURE, "it was not made by this key");
}

enum mc_err
key_verify(struct key_importer *importer, enum msg_key_alg alg, struct base_span key,
    struct base_span message, struct base_span signature)
{
	uint8_t digest[SHA384_LEN] = {0};
	struct base_span sha256 = base_span_of(digest, BASE_SHA256_LEN);
	enum mc_err ret = MC_EINTERNAL;

	switch (alg) {
	case MSG_KEY_P256:
		base_crypto_sha256(message, digest);
		ret = import_point(&importer->p256, key, 65);
		return ret != MC_OK ? ret
				    : verify_with(importer->p256.verify, sha256, signature);
	case MSG_KEY_P384:
		if (EVP_Digest(message.ptr, message.len, digest, NULL, importer->sha384,
			NULL) != 1) {
			return MC_FAIL(MC_ECRYPTO, "SHA-384 failed");
		}
		ret = import_point(&importer->p384, key, 97);
		return ret != MC_OK ? ret
				    : verify_with(importer->p384.verify,
					  base_span_of(digest, SHA384_LEN), signature);
	case MSG_KEY_RSA:
		base_crypto_sha256(message, digest);
		return key_rsa_verify(importer->rsa, key, sha256, signature);
	case MSG_KEY_INVALID:
		break;
	}
	return MC_FAIL(MC_ECSR_KEY_TYPE, "key algorithm %d", (int)alg);
}
