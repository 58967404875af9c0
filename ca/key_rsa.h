/* SPDX-License-Identifier: Apache-2.0 */
/* Weak RSA moduli (ca/key.h says which), and signatures by RSA keys that are used once. */
#ifndef CA_KEY_RSA_H
#define CA_KEY_RSA_H

#include "base/err.h"
#include "base/span.h"

/* Tables and scratch of one thread. */
struct key_rsa;

void key_rsa_free(struct key_rsa *rsa);
struct key_rsa *key_rsa_new(void) MC_DEALLOC(key_rsa_free);

/* modulus: big-endian without leading zeros. Returns MC_OK, MC_ECSR_KEY_SIZE,
 * MC_ECSR_KEY_WEAK. */
enum mc_err key_rsa_check(struct key_rsa *rsa, struct base_span modulus) MC_MUST_CHECK;

/* RSASSA-PKCS1-v1_5 verification (RFC 8017 8.2.2) of a SHA-256 digest; the exponent is 65537.
 * Through EVP an RSA key that comes once costs twice the arithmetic. Returns MC_OK,
 * MC_ECSR_SIGNATURE, MC_ECSR_KEY_SIZE, MC_ECSR_KEY_WEAK (even). */
enum mc_err key_rsa_verify(struct key_rsa *rsa, struct base_span modulus,
    struct base_span digest, struct base_span signature) MC_MUST_CHECK;

#endif
