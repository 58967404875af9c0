/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Key files: one ENCRYPTED PRIVATE KEY (RFC 5958 in RFC 8018 PBES2: scrypt N=16384 r=8 p=8,
 * AES-256-CBC) and its certificates, all PEM in one file, so that key and certificate are
 * replaced together by one rename.
 *
 *   issuing.pem      key, issuing CA, anchor of its environment
 *   environment.pem  key, anchor, lineage (operators: no lineage)
 *   root.pem         key, root
 *
 * Certificates are readable without the passphrase: a sealed signer knows its issuer.
 * Nothing here goes through stdio or a BIO, whose buffers would keep copies.
 */
#ifndef CA_KEYFILE_H
#define CA_KEYFILE_H

#include <openssl/types.h>

#include "base/config.h"
#include "base/mem.h"
#include "base/msg.h"

#define KEYFILE_CERTS_MAX 2
#define KEYFILE_MAX       (64 * 1024) /* bytes: three RSA-4096 objects are 9 kB */

struct keyfile;

void keyfile_free(struct keyfile *keyfile);
/* Reads fd from its present offset to the end; fd stays the caller's. Returns NULL with
 * MC_EIO, MC_ETOOBIG, or MC_EENCODING (no encrypted key, no or too many certificates)
 * recorded. Decrypts nothing. */
struct keyfile *keyfile_read(int fd) MC_DEALLOC(keyfile_free);
size_t keyfile_cert_count(const struct keyfile *keyfile); /* 1..KEYFILE_CERTS_MAX */
/* DER of certificate index, in the file's order; the keyfile owns it. */
struct base_span keyfile_cert(const struct keyfile *keyfile, size_t index);

/* Decrypts the key and checks that it is the first certificate's. The caller frees *key
 * with EVP_PKEY_free(). Takes about 0.4 s of CPU and 16 MiB (scrypt). Returns MC_OK, MC_EPASSPHRASE,
 * MC_EENCODING, or MC_ECRYPTO (a key of another certificate or of another kind). */
enum mc_err keyfile_open(const struct keyfile *keyfile, struct base_secret *passphrase,
    EVP_PKEY **key) MC_MUST_CHECK;

/* Writes <dir_fd>/name (mode 0600) by a temporary file, fsync, rename and fsync of the
 * directory: a crash leaves the old file or the new one. count is 1..KEYFILE_CERTS_MAX;
 * an empty passphrase is refused. Returns MC_OK, MC_EUSAGE, MC_EIO, MC_ECRYPTO. */
enum mc_err keyfile_write(int dir_fd, const char *name, const EVP_PKEY *key,
    struct base_secret *passphrase, const struct base_span *certs, size_t count)
    MC_MUST_CHECK;

/* A new key; RSA-4096 takes up to some seconds. Returns NULL with MC_ECRYPTO recorded. The
 * caller frees it with EVP_PKEY_free(). */
EVP_PKEY *keyfile_generate(enum config_key_alg alg);
/* Appends the typed public key (base/msg.h, enum msg_key_alg). Returns MC_OK, or MC_ECRYPTO
 * for a kind that we do not use. */
enum mc_err keyfile_public(EVP_PKEY *key, enum msg_key_alg *alg, struct base_buf *out)
    MC_MUST_CHECK;

#endif
