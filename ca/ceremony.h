/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The ceremony's parts. One act, in an order that a kill at any point leaves re-runnable:
 *
 * root, environment   intent, signature, key file, registration, CRL. The key file holds the only copy of a
 *                     key, so it comes before anything that others rely on. A second run finds
 *                     it and goes on from there; before the file there are only unconfirmed
 *                     or unregistered rows.
 * issuing             intent, signature, registration, CRL, key file. The file puts the key to use, so
 *                     all else is there before it. A second run makes another key.
 */
#ifndef CA_CEREMONY_H
#define CA_CEREMONY_H

#include <openssl/types.h>

#include "base/config.h"
#include "base/mem.h"
#include "base/msg_ctl.h"
#include "base/role.h"
#include "ca/issuer.h"
#include "ca/keyfile.h"

/* Certificate names in a key directory. */
#define CEREMONY_ROOT        "root.pem"
#define CEREMONY_ENVIRONMENT "environment.pem"
#define CEREMONY_ISSUING     "issuing.pem"

struct ceremony {
	struct role *role;
	struct config *config;
	struct base_chan *ledger;
	struct keyfile *files[MSG_KEY_ROOT + 1]; /* by slot; NULL: not handed over */
	int dirs[MSG_KEY_DIR_ROOT + 1];          /* by slot; -1 */
	struct base_secret *passphrases[MSG_KEY_ROOT + 1]; /* by slot */
	uint64_t progress_count;
	/* of the act */
	const struct config_environment *env; /* NULL for the root */
	const struct msg_ctl_ceremony *order;
};

/* --- ceremony_ledger.c: each call waits for the ledger's answer --- */

/* What is to be certified, and by which key. */
struct ceremony_cert {
	enum msg_profile profile;
	EVP_PKEY *key;
	int64_t lifetime_s;               /* clamped to the issuer's */
	EVP_PKEY *issuer_key;             /* key itself when self-signed */
	const struct cert_view *issuer;   /* NULL when self-signed */
};
/* Builds, records the intent, signs, records the signature; appends the DER to out. */
enum mc_err ceremony_certify(struct ceremony *ceremony, const struct ceremony_cert *want,
    struct base_buf *out) MC_MUST_CHECK;
/* Registers a certificate whose intent and signature are recorded; again is fine. */
enum mc_err ceremony_register(struct ceremony *ceremony, enum msg_profile profile,
    struct base_span cert) MC_MUST_CHECK;
/* Signs the next CRL of cert's key and hands it to the ledger. */
enum mc_err ceremony_crl(struct ceremony *ceremony, EVP_PKEY *key, struct base_span cert,
    int64_t lifetime_s) MC_MUST_CHECK;

/* --- ceremony_files.c --- */

/* The key file of a slot: what was handed over, else what the directory holds. NULL with MC_ENOTFOUND
 * or what keyfile_read() recorded. The ceremony owns it. */
struct keyfile *ceremony_file(struct ceremony *ceremony, enum msg_key_slot slot);
/* Opens the key in it with the slot's passphrase. Returns MC_ESEALED without one. */
enum mc_err ceremony_open(struct ceremony *ceremony, enum msg_key_slot slot, EVP_PKEY **key)
    MC_MUST_CHECK;
/* Asked before a key is made, so that no row is written for one that could not be kept. */
enum mc_err ceremony_may_write(const struct ceremony *ceremony, enum msg_key_slot slot)
    MC_MUST_CHECK;
/* Writes a slot's file into its directory, with the passphrase that opens it. */
enum mc_err ceremony_write(struct ceremony *ceremony, enum msg_key_slot slot, EVP_PKEY *key,
    const struct base_span *certs, size_t count) MC_MUST_CHECK;
/* Keeps the present issuing key as issuing-<first 8 hex digits of its issuer id>.pem, for the CRLs of its
 * last leaves, and removes kept ones whose certificate has expired. */
enum mc_err ceremony_keep_issuing(struct ceremony *ceremony) MC_MUST_CHECK;

/* --- ceremony_act.c --- */

/* Does what the order says. Everything it needs was handed over. */
enum mc_err ceremony_act(struct ceremony *ceremony) MC_MUST_CHECK;

/* --- ceremony_main.c --- */

/* One line for people. */
void ceremony_progress(struct ceremony *ceremony, const char *fmt, ...) MC_PRINTF(2, 3);

#endif
