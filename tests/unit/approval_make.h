/* SPDX-License-Identifier: Apache-2.0 */
/* An administrator's key, and what it signs to remove a person. */
#ifndef TESTS_APPROVAL_MAKE_H
#define TESTS_APPROVAL_MAKE_H

#include <check.h>
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <string.h>

#include "base/msg_query.h"

struct approver {
	EVP_PKEY *key;
	uint8_t spki[LIMIT_P256_SPKI];
	uint8_t sig[LIMIT_P256_SIG];
};

static inline void
approver_make(struct approver *approver)
{
	uint8_t *to = approver->spki;

	approver->key = EVP_EC_gen("P-256");
	ck_assert_ptr_nonnull(approver->key);
	ck_assert_int_eq(i2d_PUBKEY(approver->key, NULL), (int)sizeof(approver->spki));
	(void)i2d_PUBKEY(approver->key, &to);
}

static inline void
approver_end(struct approver *approver)
{
	EVP_PKEY_free(approver->key);
}

/* Completes msg, whose name and approver_sha256 are set. Its spans point into *approver. */
static inline void
approver_sign(struct approver *approver, struct msg_user_remove *msg, int64_t expires_at)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	size_t len = sizeof(approver->sig);
	char text[160];
	int text_len = snprintf(text, sizeof(text), "meshca-user-remove-v1\n%.64s\n%lld\n",
	    (const char *)msg->name.ptr, (long long)expires_at);

	ck_assert_int_eq(EVP_DigestSignInit(ctx, NULL, EVP_sha256(), NULL, approver->key), 1);
	ck_assert_int_eq(EVP_DigestSign(ctx, approver->sig, &len, (const uint8_t *)text,
	                     (size_t)text_len),
	    1);
	EVP_MD_CTX_free(ctx);
	msg->approval_expires_at = expires_at;
	msg->approval_sig = base_span_of(approver->sig, len);
	msg->approver_spki = base_span_of(approver->spki, sizeof(approver->spki));
}

#endif
