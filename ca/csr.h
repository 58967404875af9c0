/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PKCS #10 requests (RFC 2986) by a strict hand scan: no OpenSSL decoder ever sees
 * one. Order of use: csr_parse(), csr_check(), csr_verifier_verify().
 */
#ifndef CA_CSR_H
#define CA_CSR_H

#include <stdbool.h>

#include "base/msg.h"

/* What the subject field holds. */
enum csr_subject {
	CSR_SUBJECT_INVALID = 0,
	CSR_SUBJECT_EMPTY,
	CSR_SUBJECT_EMPTY_O, /* one RDN with one empty O: Istio's agents */
	CSR_SUBJECT_CN,      /* one RDN with one CN */
	CSR_SUBJECT_OTHER
};

/* The typed fields; every view points into the DER given to csr_parse(). */
struct csr {
	struct base_span info;      /* CertificationRequestInfo: what is signed */
	enum csr_subject subject;
	struct base_span cn;        /* CSR_SUBJECT_CN: its text */
	enum msg_key_alg key_alg;
	struct base_span key;       /* as enum msg_key_alg says */
	bool signature_alg_ok;      /* SHA-256 with RSA or P-256, SHA-384 with P-384 */
	struct base_span signature;
	bool has_san;
	unsigned uri_count;
	struct base_span uri;       /* the first */
	unsigned dns_count;
	struct base_span dns[LIMIT_DNS_NAMES];
	unsigned other_name_count;  /* e-mail, IP, directory, other names */
	unsigned key_usage;         /* named bits: 1 << 0 digitalSignature ... */
	bool eku_other;             /* asks for more than server and client */
	struct base_span unknown;   /* OID of the first attribute or extension that we do
	                               not tolerate; empty when there is none */
};

/* What a request may ask for. Views, valid during csr_check(). */
struct csr_policy {
	bool rsa;
	bool p256;
	bool p384;
	enum msg_profile profile;
	struct base_span identity;  /* SVID: the SPIFFE ID that must be the only URI SAN.
	                               CLIENT: the user's name */
	const struct base_span *dns; /* SERVER: the names asked for beside the CSR */
	size_t dns_count;
};

/* Scans der (at most LIMIT_CSR_DER bytes) into *out. Pure: no allocation, thread-safe.
 * Returns MC_OK; MC_ECSR_DER for what is not strict DER of a PKCS #10 request;
 * MC_ECSR_KEY_TYPE, MC_ECSR_KEY_SIZE, MC_ECSR_KEY_WEAK (an exponent other than 65537) for
 * keys that have no typed form. */
enum mc_err csr_parse(struct base_span der, struct csr *out) MC_MUST_CHECK;

/* Holds the request against policy. SVID: subject empty or one empty O, exactly one URI SAN
 * that equals identity, no other name. SERVER, CLIENT: no URI; DNS SANs and a CN only
 * if they are among the names (SERVER) or the CN is the name (CLIENT). All: KU within
 * {digitalSignature, keyEncipherment}, EKU within {serverAuth, clientAuth}; both are
 * otherwise ignored. Any other extension or attribute is refused.
 * Returns MC_OK, MC_ECSR_KEY_TYPE, MC_ECSR_SIGNATURE (an algorithm that is not the one for the
 * key), MC_ECSR_SUBJECT, MC_ECSR_SAN, MC_ECSR_EXTENSION. */
enum mc_err csr_check(const struct csr *csr, const struct csr_policy *policy) MC_MUST_CHECK;

/* A thread's own verifier: reuses its OpenSSL objects. */
struct csr_verifier;

void csr_verifier_free(struct csr_verifier *verifier);
struct csr_verifier *csr_verifier_new(void) MC_DEALLOC(csr_verifier_free);

/* Proof of possession, by key_verify(). Weak keys are the signer's to refuse (key_check()): it must, whoever sends the
 * request, and front would spend a fifteenth of an RSA certificate on asking first.
 * Returns MC_OK, MC_ECSR_KEY_SIZE, MC_ECSR_KEY_WEAK (off its curve, or even), MC_ECSR_SIGNATURE. */
enum mc_err csr_verifier_verify(struct csr_verifier *verifier, const struct csr *csr)
    MC_MUST_CHECK;

#endif
