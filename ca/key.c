/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/rsa.h>

#include "base/crypto.h"
#include "base/mem.h"
#include "ca/key.h"
#include "ca/key_rsa.h"

#define SHA384_LEN 48

struct key_importer {
	EVP_PKEY *p256; /* takes one point after the other */
	EVP_PKEY *p384;
	EVP_PKEY_CTX *rsa_import;
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

/* A key of the curve without a point. */
static EVP_PKEY *
curve_new(const char *group)
{
	EVP_PKEY *key = NULL;
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);

	if (ctx == NULL || EVP_PKEY_paramgen_init(ctx) != 1 ||
	    EVP_PKEY_CTX_set_group_name(ctx, group) != 1 ||
	    EVP_PKEY_paramgen(ctx, &key) != 1) {
		abort(); /* without memory or the default provider nothing can go on */
	}
	EVP_PKEY_CTX_free(ctx);
	return key;
}

void
key_importer_free(struct key_importer *importer)
{
	if (importer == NULL) {
		return;
	}
	EVP_PKEY_free(importer->p256);
	EVP_PKEY_free(importer->p384);
	EVP_PKEY_CTX_free(importer->rsa_import);
	EVP_MD_free(importer->sha384);
	key_rsa_free(importer->rsa);
	free(importer);
}

struct key_importer *
key_importer_new(void)
{
	struct key_importer *importer = base_xcalloc(1, sizeof(*importer));

	importer->p256 = curve_new("P-256");
	importer->p384 = curve_new("P-384");
	importer->rsa_import = EVP_PKEY_CTX_new_from_name(NULL, "RSA", NULL);
	importer->sha384 = EVP_MD_fetch(NULL, "SHA2-384", NULL);
	importer->rsa = key_rsa_new();
	if (importer->rsa_import == NULL || importer->sha384 == NULL ||
	    EVP_PKEY_fromdata_init(importer->rsa_import) != 1) {
		abort();
	}
	return importer;
}

/* The point goes into the reused key; EC_POINT_oct2point refuses one off the curve. */
static enum mc_err
import_point(EVP_PKEY *curve, struct base_span point, size_t len)
{
	if (point.len != len || point.ptr[0] != 4) {
		return MC_FAIL(MC_ECSR_KEY_TYPE, "an EC key is not an uncompressed point");
	}
	if (EVP_PKEY_set1_encoded_public_key(curve, point.ptr, point.len) != 1) {
		return MC_FAIL(MC_ECSR_KEY_WEAK, "the EC point is not on its curve");
	}
	return MC_OK;
}

static EVP_PKEY *
import_rsa(struct key_importer *importer, struct base_span modulus)
{
	uint8_t native[LIMIT_RSA_BYTES]; /* OSSL_PARAM integers are in host order */
	unsigned long e = 65537;
	EVP_PKEY *key = NULL;

	if (modulus.len > sizeof(native)) {
		return NULL;
	}
	for (size_t i = 0; i < modulus.len; i++) {
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
		native[i] = modulus.ptr[modulus.len - 1 - i];
#else
		native[i] = modulus.ptr[i];
#endif
	}
	OSSL_PARAM params[3] = {
	    OSSL_PARAM_construct_BN(OSSL_PKEY_PARAM_RSA_N, native, modulus.len),
	    OSSL_PARAM_construct_ulong(OSSL_PKEY_PARAM_RSA_E, &e),
	    OSSL_PARAM_construct_end(),
	};
	if (EVP_PKEY_fromdata(importer->rsa_import, &key, EVP_PKEY_PUBLIC_KEY, params) != 1) {
		return NULL;
	}
	return key;
}

enum mc_err
key_check(struct key_importer *importer, enum msg_key_alg alg, struct base_span key)
{
	switch (alg) {
	case MSG_KEY_P256:
		return import_point(importer->p256, key, 65);
	case MSG_KEY_P384:
		return import_point(importer->p384, key, 97);
	case MSG_KEY_RSA:
		return key_rsa_check(importer->rsa, key);
	case MSG_KEY_INVALID:
		break;
	}
	return MC_FAIL(MC_ECSR_KEY_TYPE, "key algorithm %d", (int)alg);
}

static enum mc_err
verify_with(EVP_PKEY *key, const EVP_MD *md, struct base_span digest,
    struct base_span signature)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(NULL, key, NULL);
	enum mc_err ret = MC_ECRYPTO;

	if (ctx == NULL || EVP_PKEY_verify_init(ctx) != 1 ||
	    (md != NULL && EVP_PKEY_CTX_set_signature_md(ctx, md) != 1)) {
		ret = MC_FAIL(MC_ECRYPTO, "a verification could not be set up");
	} else if (EVP_PKEY_verify(ctx, signature.ptr, signature.len, digest.ptr,
		       digest.len) == 1) {
		ret = MC_OK;
	} else {
		ret = MC_FAIL(MC_ECSR_SIGNATURE, "it was not made by this key");
	}
	EVP_PKEY_CTX_free(ctx);
	return ret;
}

static enum mc_err
verify_rsa(struct key_importer *importer, struct base_span key, struct base_span digest,
    struct base_span signature)
{
	EVP_PKEY *pkey = import_rsa(importer, key);

	if (pkey == NULL) {
		return MC_FAIL(MC_ECSR_KEY_WEAK, "the RSA key cannot be imported");
	}
	enum mc_err ret = verify_with(pkey, EVP_sha256(), digest, signature);
	EVP_PKEY_free(pkey);
	return ret;
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
		ret = import_point(importer->p256, key, 65);
		return ret != MC_OK ? ret
				    : verify_with(importer->p256, NULL, sha256, signature);
	case MSG_KEY_P384:
		if (EVP_Digest(message.ptr, message.len, digest, NULL, importer->sha384,
			NULL) != 1) {
			return MC_FAIL(MC_ECRYPTO, "SHA-384 failed");
		}
		ret = import_point(importer->p384, key, 97);
		return ret != MC_OK ? ret
				    : verify_with(importer->p384, NULL,
					  base_span_of(digest, SHA384_LEN), signature);
	case MSG_KEY_RSA:
		base_crypto_sha256(message, digest);
		return verify_rsa(importer, key, sha256, signature);
	case MSG_KEY_INVALID:
		break;
	}
	return MC_FAIL(MC_ECSR_KEY_TYPE, "key algorithm %d", (int)alg);
}
