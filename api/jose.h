/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Compact JWS (RFC 7515) with keys from a JWK set (RFC 7517): only what a service-account token
 * needs. RS256, ES256 and ES384; the key's own algorithm decides, the token's header must agree
 * (RFC 8725 section 3.1). Thread-safe once the keys are read.
 */
#ifndef API_JOSE_H
#define API_JOSE_H

#include "base/buf.h"

enum jose_alg {
	JOSE_ALG_INVALID = 0,
	JOSE_ALG_RS256,
	JOSE_ALG_ES256,
	JOSE_ALG_ES384
};

struct jose_key; /* api/jose_int.h */
struct jose_keys {
	struct jose_key *keys;
	size_t count;
};

void jose_keys_free(struct jose_keys *keys);
/* Reads a JWK set. Keys for other uses, algorithms and key types that we do not take are left out. Refused
 * as a whole: secrets in it, two keys with one id, a key that contradicts itself, RSA below
 * 2048 bits, with an exponent other than 65537 or with the ROCA weakness, a point that is not on
 * its curve, a set without one key of use. Returns NULL with MC_ECONFIG recorded. */
struct jose_keys *jose_keys_read(struct base_span json) MC_DEALLOC(jose_keys_free);

/* Verifies a token and appends its payload to out. The header may name a key (kid); without,
 * the set must have exactly one key for its algorithm. crit, jku, jwk, x5u and x5c are refused.
 * Returns MC_OK or MC_ETOKEN. */
enum mc_err jose_verify(const struct jose_keys *keys, struct base_span token,
    struct base_buf *out) MC_MUST_CHECK;

#endif
