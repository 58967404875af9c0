/* SPDX-License-Identifier: Apache-2.0 */
/* An administrator's key, and what it signs to remove a person, to revoke a CA's certificate or to apply an
 * inventory. */
#ifndef TESTS_APPROVAL_MAKE_H
#define TESTS_APPROVAL_MAKE_H

#include <check.h>
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <string.h>

#include "base/applied.h"
#include "base/crypto.h"
#include "base/enc.h"
#include "base/msg_inventory.h"
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

/* Signs a text; the signature is in *approver. Returns its length. */
static inline size_t
approver_sign_text(struct approver *approver, const void *text, size_t text_len)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	size_t len = sizeof(approver->sig);

	ck_assert_int_eq(EVP_DigestSignInit(ctx, NULL, EVP_sha256(), NULL, approver->key), 1);
	ck_assert_int_eq(EVP_DigestSign(ctx, approver->sig, &len, text, text_len), 1);
	EVP_MD_CTX_free(ctx);
	return len;
}

/* Completes msg, whose name and approver_sha256 are set. Its spans point into *approver. */
static inline void
approver_sign(struct approver *approver, struct msg_user_remove *msg, int64_t expires_at)
{
	char text[160];
	size_t len;
	int text_len = snprintf(text, sizeof(text), "meshca-user-remove-v1\n%.64s\n%lld\n",
	    (const char *)msg->name.ptr, (long long)expires_at);

	len = approver_sign_text(approver, text, (size_t)text_len);
	msg->approval_expires_at = expires_at;
	msg->approval_sig = base_span_of(approver->sig, len);
	msg->approver_spki = base_span_of(approver->spki, sizeof(approver->spki));
}

/* Completes msg, whose serial, reason and approver_sha256 are set. Its spans point into *approver. */
static inline void
approver_sign_revocation(struct approver *approver, struct msg_revoke *msg, int64_t expires_at)
{
	char serial[2 * LIMIT_SERIAL + 1];
	char text[192];
	int text_len;

	base_enc_hex(msg->serial.ptr, msg->serial.len, serial);
	text_len = snprintf(text, sizeof(text), "meshca-certificate-revoke-v1\n%s\n%s\n%lld\n", serial,
	    msg_reason_name(msg->reason), (long long)expires_at);
	msg->approval_sig =
	    base_span_of(approver->sig, approver_sign_text(approver, text, (size_t)text_len));
	msg->approver_spki = base_span_of(approver->spki, sizeof(approver->spki));
	msg->approval_expires_at = expires_at;
}

/* Completes msg, whose environment, replaces and approver_sha256 are set, over a document. */
static inline void
approver_sign_inventory(struct approver *approver, struct msg_inventory_put *msg,
    const char *document, int64_t expires_at)
{
	struct base_applied_change change = {.environment = msg->environment};
	struct base_buf text;

	base_crypto_sha256(base_span_str(document), change.sha256);
	memcpy(change.replaces, msg->replaces, sizeof(change.replaces));
	base_buf_init(&text, 512);
	base_applied_approval(&text, &change);
	base_buf_appendf(&text, "%lld\n", (long long)expires_at);
	msg->approval_sig =
	    base_span_of(approver->sig, approver_sign_text(approver, text.ptr, text.len));
	msg->approver_spki = base_span_of(approver->spki, sizeof(approver->spki));
	msg->approval_expires_at = expires_at;
	base_buf_clear(&text);
}

#endif
