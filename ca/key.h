/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Subject public keys: which ones we certify, and their import into OpenSSL without a
 * decoder (120 us each in OpenSSL 3.0).
 *
 * P-256 and P-384: an uncompressed point on the curve. RSA: 2048 to 4096 bits in whole
 * bytes, exponent 65537, odd modulus without a factor below 752, not of the ROCA form
 * (CVE-2017-15361), not factored by 100 rounds of Fermat's method
 * (CA/Browser Forum BR 6.1.1.3). The keys of Debian's weak generator (CVE-2008-0166) are not
 * looked up: Debian ships their list (openssl-blacklist) no more.
 */
#ifndef CA_KEY_H
#define CA_KEY_H

#include <stdbool.h>

#include "base/msg.h"

/* A thread's own importer: its OpenSSL objects are reused from key to key. */
struct key_importer;

void key_importer_free(struct key_importer *importer);
struct key_importer *key_importer_new(void) MC_DEALLOC(key_importer_free);

/* Checks key, coded as enum msg_key_alg says. Returns MC_OK, MC_ECSR_KEY_TYPE, MC_ECSR_KEY_SIZE, MC_ECSR_KEY_WEAK. */
enum mc_err key_check(struct key_importer *importer, enum msg_key_alg alg,
    struct base_span key) MC_MUST_CHECK;

/* Checks that signature is the one of a SHA-256 digest (SHA-384 for P-384 keys; ECDSA as
 * DER Ecdsa-Sig-Value, RSA as PKCS #1 v1.5) by key. Imports the key, so a point off the
 * curve or an RSA modulus that is even or of another size is refused, but checks no more of it than that.
 * Returns MC_OK, MC_ECSR_SIGNATURE, MC_ECSR_KEY_TYPE, MC_ECSR_KEY_SIZE, MC_ECSR_KEY_WEAK. */
enum mc_err key_verify(struct key_importer *importer, enum msg_key_alg alg,
    struct base_span key, struct base_span message, struct base_span signature)
    MC_MUST_CHECK;

/* "P-256", "P-384", "RSA". */
const char *key_alg_name(enum msg_key_alg alg);

#endif
