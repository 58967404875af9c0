/* SPDX-License-Identifier: Apache-2.0 */
#include "base/crypto.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

/* Fetched once, with one context a thread: an implicit fetch and a fresh context for
 * every hash cost more than hashing a certificate. */
static pthread_once_t sha_once = PTHREAD_ONCE_INIT;
static pthread_key_t sha_key;
static EVP_MD *sha_md;

static void
sha_ctx_free(void *ctx)
{
	EVP_MD_CTX_free(ctx);
}

static void
sha_start(void)
{
	sha_md = EVP_MD_fetch(NULL, "SHA256", NULL);
	if (sha_md == NULL || pthread_key_create(&sha_key, sha_ctx_free) != 0) {
		abort();
	}
}

static EVP_MD_CTX *
sha_ctx(void)
{
	EVP_MD_CTX *ctx;

	if (pthread_once(&sha_once, sha_start) != 0) {
		abort();
	}
	ctx = pthread_getspecific(sha_key);
	if (ctx == NULL) {
		ctx = EVP_MD_CTX_new();
		if (ctx == NULL || pthread_setspecific(sha_key, ctx) != 0) {
			abort();
		}
	}
	return ctx;
}

void
base_crypto_sha256v(const struct base_span *pieces, size_t count,
    uint8_t out[BASE_SHA256_LEN])
{
	EVP_MD_CTX *ctx = sha_ctx();
	unsigned int len = 0;

	if (EVP_DigestInit_ex2(ctx, sha_md, NULL) != 1) {
		abort();
	}
	for (size_t i = 0; i < count; i++) {
		if (pieces[i].len > 0 &&
		    EVP_DigestUpdate(ctx, pieces[i].ptr, pieces[i].len) != 1) {
			abort();
		}
	}
	if (EVP_DigestFinal_ex(ctx, out, &len) != 1 || len != BASE_SHA256_LEN) {
		abort();
	}
}

void
base_crypto_sha256(struct base_span bytes, uint8_t out[BASE_SHA256_LEN])
{
	base_crypto_sha256v(&bytes, 1, out);
}

void
base_crypto_random(void *out, size_t len)
{
	unsigned char *at = out;

	while (len > 0) {
		int piece = len > 65536 ? 65536 : (int)len;

		if (RAND_bytes(at, piece) != 1) {
			abort();
		}
		at += piece;
		len -= (size_t)piece;
	}
}

#define NONCE_STOCK 1024 /* bytes: 64 serial numbers */

void
base_crypto_nonce(void *out, size_t len)
{
	static _Thread_local struct {
		size_t left;
		uint8_t bytes[NONCE_STOCK];
	} stock;
	uint8_t *at;

	if (len > NONCE_STOCK) {
		base_crypto_random(out, len);
		return;
	}
	if (len > stock.left) {
		base_crypto_random(stock.bytes, sizeof(stock.bytes));
		stock.left = sizeof(stock.bytes);
	}
	stock.left -= len;
	at = stock.bytes + stock.left;
	memcpy(out, at, len);
	/* What was given out is nobody else's. */
	OPENSSL_cleanse(at, len);
}

/* SEQUENCE { SEQUENCE { id-ecPublicKey, prime256v1 }, BIT STRING } up to the point. */
static const uint8_t p256_spki[] = {0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce,
    0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00};
#define P256_POINT 65

/* Through parameters, not a decoder: the one encoding that we take is compared, not parsed. */
static EVP_PKEY *
p256_key(struct base_span spki)
{
	EVP_PKEY_CTX *ctx;
	EVP_PKEY *key = NULL;

	if (spki.len != sizeof(p256_spki) + P256_POINT ||
	    memcmp(spki.ptr, p256_spki, sizeof(p256_spki)) != 0 ||
	    spki.ptr[sizeof(p256_spki)] != 4) {
		return NULL;
	}
	ctx = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
	if (ctx == NULL || EVP_PKEY_paramgen_init(ctx) != 1 ||
	    EVP_PKEY_CTX_set_group_name(ctx, "P-256") != 1 || EVP_PKEY_paramgen(ctx, &key) != 1) {
		abort(); /* without memory or the default provider nothing can go on */
	}
	EVP_PKEY_CTX_free(ctx);
	if (EVP_PKEY_set1_encoded_public_key(key, spki.ptr + sizeof(p256_spki), P256_POINT) != 1) {
		EVP_PKEY_free(key);
		return NULL;
	}
	return key;
}

bool
base_crypto_p256_verify(struct base_span spki, struct base_span message, struct base_span sig)
{
	EVP_PKEY *key = p256_key(spki);
	EVP_MD_CTX *ctx;
	bool ok;

	if (key == NULL) {
		return false;
	}
	ctx = EVP_MD_CTX_new();
	if (ctx == NULL || EVP_DigestVerifyInit_ex(ctx, NULL, "SHA256", NULL, NULL, key, NULL) != 1) {
		abort();
	}
	ok = EVP_DigestVerify(ctx, sig.ptr, sig.len, message.ptr, message.len) == 1;
	EVP_MD_CTX_free(ctx);
	EVP_PKEY_free(key);
	return ok;
}

bool
base_crypto_equal(const void *a, const void *b, size_t len)
{
	return CRYPTO_memcmp(a, b, len) == 0;
}
