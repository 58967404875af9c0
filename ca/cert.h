/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Leaf certificates from typed fields. The profiles are constant data; no CA profile is
 * among them, and no field could ask for one: basicConstraints, key usage and purposes
 * come from the profile alone.
 */
#ifndef CA_CERT_H
#define CA_CERT_H

#include "ca/cert_view.h"
#include "ca/spiffe.h"

#define CERT_SERIAL_LEN      16
#define CERT_SERIAL_TIME_LEN 5 /* milliseconds in 40 bits: they come round after 34 years, which harms nothing */
#define CERT_KEY_ID_LEN 20

struct cert_leaf {
	enum msg_profile profile; /* SVID, SERVER or CLIENT */
	struct base_span serial;  /* CERT_SERIAL_LEN bytes, first one 0x01-0x7f */
	int64_t not_before_at;
	int64_t not_after_at;
	enum msg_key_alg key_alg;
	struct base_span key;     /* checked by key_check() before */
	struct spiffe_id id;      /* SVID */
	const struct base_span *dns; /* SERVER: 1 to LIMIT_DNS_NAMES names */
	size_t dns_count;
	struct base_span name;    /* CLIENT: the person's name, becomes the CN */
};

/* Fills serial: the instance byte (1-127), CERT_SERIAL_TIME_LEN bytes of wall time, 10 random bytes (BR 7.1 wants 64
 * bits). Time stands first so that new serials are neighbours in the ledger's unique index: where they are random
 * throughout, a commit rewrites a page of it for nearly every row. Nothing may read time out of a serial. */
void cert_serial_make(uint8_t instance, uint8_t serial[CERT_SERIAL_LEN]);

/* Key identifier by RFC 7093 method 1: the first 160 bits of the key bits' SHA-256. */
void cert_key_id(enum msg_key_alg alg, struct base_span key, uint8_t id[CERT_KEY_ID_LEN]);

/* Appends the TBSCertificate (RFC 5280 4.1) to out and gives the SHA-256 of its
 * SubjectPublicKeyInfo. Enforces where it is built: X509-SVID sections 2 to 4 (one URI with
 * namespace and account path, cA false, digitalSignature, both purposes), fields of
 * another profile absent, a positive serial, a life inside the issuer's, an issuer that
 * is a CA with keyCertSign and a key id.
 * Returns MC_OK, MC_EPROFILE, MC_ESPIFFE_ID, MC_EIDENTITY (DNS or person's name),
 * MC_EISSUER_LIFE, MC_ETOOBIG. */
enum mc_err cert_leaf_build(const struct cert_leaf *leaf, const struct cert_view *issuer,
    struct base_buf *out, uint8_t spki_sha256[32]) MC_MUST_CHECK;

/* Appends the certificate: tbs, and tail as issuer_sign_leaf() made it. */
void cert_join(struct base_span tbs, struct base_span tail, struct base_buf *out);

/* Lower-case RFC 1123 name of at least one label, LIMIT_DNS_NAME bytes at most, no
 * wildcard, and not an IPv4 address's look. */
bool cert_dns_valid(struct base_span name);
/* [a-z0-9][a-z0-9._-]{0,63}: people's names. */
bool cert_user_name_valid(struct base_span name);

#endif
