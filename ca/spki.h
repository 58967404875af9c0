/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SubjectPublicKeyInfo and signature AlgorithmIdentifiers (RFC 5480, RFC 8017, RFC 5758)
 * to and from typed keys (base/msg.h).
 */
#ifndef CA_SPKI_H
#define CA_SPKI_H

#include "base/msg.h"
#include "ca/der.h"

/* Appends the SPKI of a key; the caller checked the key's size. An RSA exponent is 65537. */
void spki_put(struct base_buf *out, enum msg_key_alg alg, struct base_span key);
/* The key bits alone: what RFC 5280 4.2.1.2 method 1 hashes for a key id. */
void spki_put_key_bits(struct base_buf *out, enum msg_key_alg alg, struct base_span key);

/* Reads an SPKI; key is a view. Only encodings that spki_put() would make again are taken:
 * named curves, uncompressed points, RSA with NULL parameters.
 * Returns MC_OK, MC_ECSR_DER, MC_ECSR_KEY_TYPE, MC_ECSR_KEY_SIZE, MC_ECSR_KEY_WEAK. */
enum mc_err spki_parse(struct der_rd *rd, enum msg_key_alg *alg, struct base_span *key)
    MC_MUST_CHECK;

/* The one signature algorithm that we use with a key: SHA-256 with RSA (PKCS #1 v1.5) or
 * ECDSA P-256, SHA-384 with P-384. */
void spki_put_signature_alg(struct base_buf *out, enum msg_key_alg alg);
/* Reads an AlgorithmIdentifier; false unless it is exactly that one. */
bool spki_signature_alg_matches(struct der_rd *rd, enum msg_key_alg alg);

#endif
