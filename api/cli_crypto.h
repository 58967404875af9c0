/* SPDX-License-Identifier: Apache-2.0 */
/* Keys that the command makes for a person or a workload, and checks of what it got. */
#ifndef API_CLI_CRYPTO_H
#define API_CLI_CRYPTO_H

#include "base/buf.h"
#include "base/err.h"
#include "base/msg.h"

enum cli_key_type { CLI_KEY_INVALID = 0, CLI_KEY_P256, CLI_KEY_RSA2048 };

/* "p256" or "rsa2048"; CLI_KEY_INVALID for anything else. */
enum cli_key_type cli_key_type_parse(const char *text);

struct cli_key;

void cli_key_free(struct cli_key *key);
/* NULL with MC_ECRYPTO recorded. */
struct cli_key *cli_key_generate(enum cli_key_type type) MC_DEALLOC(cli_key_free);
/* A private key from a PEM file without a passphrase. NULL with the failure recorded. */
struct cli_key *cli_key_read(const char *path) MC_DEALLOC(cli_key_free);

/* Appends unencrypted PKCS #8 PEM. */
enum mc_err cli_key_pem(const struct cli_key *key, struct base_buf *out) MC_MUST_CHECK;
/* Appends the public key as MSG_ISSUE carries it, and says its algorithm. */
enum mc_err cli_key_public(const struct cli_key *key, struct base_buf *out,
    enum msg_key_alg *alg) MC_MUST_CHECK;
/* Appends a PKCS #10 request in PEM with an empty subject. Names make one critical SAN
 * extension: uri (may be NULL), then DNS names. */
enum mc_err cli_key_csr(const struct cli_key *key, const char *uri,
    const char *const *dns_names, size_t dns_count, struct base_buf *out) MC_MUST_CHECK;
/* Appends a DER ECDSA-Sig-Value over SHA-256 of message. MC_EUSAGE when it is no P-256 key. */
enum mc_err cli_key_sign(const struct cli_key *key, struct base_span message,
    struct base_buf *out) MC_MUST_CHECK;

/* What a person wants to know of a certificate. */
struct cli_cert {
	char serial[2 * LIMIT_SERIAL + 3]; /* lower-case hex */
	char identity[LIMIT_SPIFFE_ID + 1]; /* the first URI name; empty when there is none */
	int64_t not_before_at;
	int64_t not_after_at;
};

/* Checks what an issuer answered: pem begins with the leaf, followed by its issuers; anchors_pem
 * holds the trust anchors. The leaf must carry this key, chain to an anchor, be valid now, and,
 * with identity not NULL, have exactly that URI name. Fills *out.
 * MC_EPOLICY says what does not hold. */
enum mc_err cli_cert_check(struct base_span pem, struct base_span anchors_pem,
    const struct cli_key *key, const char *identity, struct cli_cert *out) MC_MUST_CHECK;

#endif
