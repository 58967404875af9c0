/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The little cryptography that every folder needs, so that OpenSSL's headers stay
 * in base/crypto*.c, base/mem.c, ca/ and api/tls*.c, jose*.c and cli_crypto.c.
 */
#ifndef BASE_CRYPTO_H
#define BASE_CRYPTO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/span.h"

#define BASE_SHA256_LEN 32

/* SHA-256 of one or several pieces in order. Aborts if libcrypto fails. Thread-safe. */
void base_crypto_sha256(struct base_span bytes, uint8_t out[BASE_SHA256_LEN]);
void base_crypto_sha256v(const struct base_span *pieces, size_t count,
    uint8_t out[BASE_SHA256_LEN]);
/* Cryptographic randomness. Aborts if there is none. */
void base_crypto_random(void *out, size_t len);
/* The same for what will be public soon, as serial numbers and request ids: cut from a stock that each thread keeps,
 * since libcrypto's generator takes a lock and several system calls however little it is asked for. Not for
 * keys: the stock lies in plain memory. A process that forks and does not exec would repeat it. */
void base_crypto_nonce(void *out, size_t len);
/* Checks a DER ECDSA-Sig-Value over SHA-256 of message by a P-256 key, given as the DER of its
 * SubjectPublicKeyInfo (RFC 5480, named curve, uncompressed). False for any other key, too. */
bool base_crypto_p256_verify(struct base_span spki, struct base_span message, struct base_span sig);
/* Constant-time equality of two equally long secrets. */
bool base_crypto_equal(const void *a, const void *b, size_t len);

#endif
