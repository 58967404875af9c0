/* SPDX-License-Identifier: Apache-2.0 */
#include "base/crypto.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <pthread.h>
#include <stdlib.h>

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

bool
base_crypto_equal(const void *a, const void *b, size_t len)
{
	return CRYPTO_memcmp(a, b, len) == 0;
}
