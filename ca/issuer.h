/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An opened issuing key with its certificate. The key can be used for two things only: to
 * sign a leaf's TBSCertificate that the ledger acknowledged, and to sign a CRL.
 */
#ifndef CA_ISSUER_H
#define CA_ISSUER_H

#include "base/msg_ledger.h"
#include "ca/cert_view.h"

struct evp_pkey_st; /* OpenSSL's EVP_PKEY */
struct issuer;

void issuer_free(struct issuer *issuer);
/* Copies cert (DER); takes a reference of key, the caller keeps its own. The certificate must
 * be a CA's, of this key, able to sign certificates and CRLs.
 * Returns NULL and records MC_EENCODING, MC_EPROFILE or MC_ECRYPTO. */
struct issuer *issuer_new(struct evp_pkey_st *key, struct base_span cert)
    MC_DEALLOC(issuer_free);

const struct cert_view *issuer_cert(const struct issuer *issuer);
/* SHA-256 of the certificate's DER, 32 bytes. */
const uint8_t *issuer_id(const struct issuer *issuer);
/* Verifies 1 in n leaf signatures after making it (a faulty computation may give the key
 * away); 1: all, 0: none. */
void issuer_set_sample(struct issuer *issuer, uint32_t n);

/* The ledger's word that an intent is on disk. Good for one signature over these bytes. */
struct issuer_ack {
	uint64_t seq;
	uint8_t tbs_sha256[32];
	bool good;
};

/* Reads the ledger's answer to the intent whose bytes are tbs into *out. Returns MC_OK, the
 * ledger's own refusal, or MC_EINTERNAL for an answer that acknowledges nothing (a
 * duplicate, no sequence number). */
enum mc_err issuer_ack_read(const struct msg_intent_ans *answer, struct base_span tbs,
    struct issuer_ack *out) MC_MUST_CHECK;

/* Signs tbs, spends *ack, and appends signatureAlgorithm and signatureValue to tail.
 * Returns MC_OK, MC_EPROFILE (ack is spent or of other bytes), or MC_ECRYPTO: then the key
 * must not be used any more. */
enum mc_err issuer_sign_leaf(struct issuer *issuer, struct issuer_ack *ack,
    struct base_span tbs, struct base_buf *tail) MC_MUST_CHECK;

/* Signs a TBSCertList; bytes that could be anything else are refused with MC_EPROFILE. */
enum mc_err issuer_sign_crl(struct issuer *issuer, struct base_span tbs,
    struct base_buf *tail) MC_MUST_CHECK;

/* Checks that cert carries this issuer's name, key id and signature, and is alive at the
 * time. Returns MC_OK or MC_ECLIENT_CERT. */
enum mc_err issuer_verify_leaf(struct issuer *issuer, const struct cert_view *cert,
    int64_t at) MC_MUST_CHECK;

#endif
