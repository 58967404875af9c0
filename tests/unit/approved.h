/* SPDX-License-Identifier: Apache-2.0 */
/* Whether what the command sends as an approval is one. */
#ifndef TESTS_APPROVED_H
#define TESTS_APPROVED_H

#include <check.h>
#include <jansson.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"

/* Whether base64 is the key's signature over text, then the expiry in seconds and a line end. */
static inline bool
approved_text(EVP_PKEY *key, const char *expires_at, const char *base64, const char *text)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	size_t chars = strlen(base64);
	uint8_t sig[256];
	char *message;
	int64_t at = 0;
	int len;
	bool ret;

	ck_assert(base_clock_parse_rfc3339(expires_at, &at));
	message = base_xasprintf("%s%lld\n", text, (long long)at);
	ck_assert_uint_lt(chars, sizeof(sig));
	len = EVP_DecodeBlock(sig, (const uint8_t *)base64, (int)chars);
	ck_assert_int_gt(len, 0);
	while (chars > 0 && base64[chars - 1] == '=') {
		chars--;
		len--;
	}
	ck_assert_int_eq(EVP_DigestVerifyInit(ctx, NULL, EVP_sha256(), NULL, key), 1);
	ret = EVP_DigestVerify(ctx, sig, (size_t)len, (const uint8_t *)message,
		  strlen(message)) == 1;
	EVP_MD_CTX_free(ctx);
	free(message);
	return ret;
}

/* The same of {expires_at, signature}. */
static inline bool
approved_by(EVP_PKEY *key, const json_t *approval, const char *text)
{
	const char *expires_at = NULL;
	const char *signature = NULL;

	ck_assert_int_eq(json_unpack_ex((json_t *)(uintptr_t)approval, NULL, JSON_STRICT,
	    "{s:s, s:s}", "expires_at", &expires_at, "signature", &signature), 0);
	return approved_text(key, expires_at, signature, text);
}

#endif
