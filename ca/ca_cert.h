/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CA certificates: root, environment (self-signed anchor, and lineage), issuing. In a library of
 * its own that only the ceremony links: the signer's program cannot build one.
 *
 * basicConstraints critical (issuing: path length 0), keyUsage critical keyCertSign and cRLSign, SKI,
 * keyid-only AKI also when self-signed, and but for the root the URI SAN spiffe://<trust
 * domain> (X509-SVID 3.1: no path). No name constraints: ztunnel's verifier rejects any chain
 * with one for URIs (rustls/webpki #514).
 */
#ifndef CA_CA_CERT_H
#define CA_CA_CERT_H

#include <openssl/types.h>

#include "ca/cert_view.h"
#include "ca/issuer.h"

/* Bytes of a CA subject as RFC 4514 text, NUL included. */
#define CA_CERT_SUBJECT_MAX 128

struct ca_cert {
	enum msg_profile profile;      /* ROOT, ENVIRONMENT, LINEAGE, ISSUING */
	struct base_span serial;       /* CERT_SERIAL_LEN bytes */
	int64_t not_before_at;
	int64_t not_after_at;          /* at most the issuer's */
	enum msg_key_alg key_alg;
	struct base_span key;          /* typed, base/msg.h */
	struct base_span environment;  /* empty for ROOT */
	struct base_span trust_domain; /* empty for ROOT */
};

/* The subject as RFC 4514 text: ENVIRONMENT and LINEAGE of one key have the same, that of an
 * issuing CA carries the first 8 hex digits of its key id. */
void ca_cert_subject(const struct ca_cert *cert, char out[CA_CERT_SUBJECT_MAX]);

/* Appends the TBSCertificate. issuer is NULL for the self-signed profiles (ROOT, ENVIRONMENT) and
 * only for them; else its subject is copied byte for byte.
 * Returns MC_OK, MC_EPROFILE (a profile, serial or issuer that does not fit), MC_ESPIFFE_ID
 * (trust domain), MC_EIDENTITY (environment), MC_EISSUER_LIFE, MC_ETOOBIG. */
enum mc_err ca_cert_build(const struct ca_cert *cert, const struct cert_view *issuer,
    struct base_buf *out, uint8_t spki_sha256[32]) MC_MUST_CHECK;

/* Signs tbs, which the ledger acknowledged, and appends signatureAlgorithm and signatureValue:
 * SHA-256 with RSA and P-256, SHA-384 with P-384. Verifies what it made: a faulty RSA
 * computation gives the key away. Spends *ack.
 * Returns MC_OK, MC_EPROFILE (ack is not for these bytes), MC_ECRYPTO. */
enum mc_err ca_cert_sign(EVP_PKEY *key, struct issuer_ack *ack, struct base_span tbs,
    struct base_buf *tail) MC_MUST_CHECK;

#endif
