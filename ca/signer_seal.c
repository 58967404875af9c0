/* SPDX-License-Identifier: Apache-2.0 */
/* Sealed: key files read but not opened. What an unsealed signer holds is one key a file. */
#include <openssl/evp.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "ca/der.h"
#include "ca/keyfile.h"
#include "ca/signer.h"

#define UNSEAL_WAIT_MAX_S 60

enum mc_err
signer_keyfile_add(struct signer *signer, int fd)
{
	struct keyfile *file = NULL;
	enum mc_err ret = MC_EINTERNAL;

	if (signer->issuer_count == SIGNER_ISSUERS || signer_active(signer) != NULL) {
		ret = MC_FAIL(MC_EUSAGE, "more than %d key files, or one after the unsealing",
		    SIGNER_ISSUERS);
	} else if (signer->active_broken) {
		ret = MC_FAIL(MC_EUSAGE, "the active key file could not be read: an older one "
					 "must not take its place");
	} else if ((file = keyfile_read(fd)) == NULL) {
		ret = mc_err_last()->code;
		signer->active_broken = signer->issuer_count == 0;
	} else {
		signer->issuers[signer->issuer_count++].file = file;
		ret = MC_OK;
	}
	(void)close(fd);
	return ret;
}

/* The issuing CA's only name is its trust domain: spiffe://<trust domain>. */
static enum mc_err
check_trust_domain(const struct signer *signer, const struct issuer *issuer)
{
	struct base_buf uri;
	struct der_rd names;
	struct der_tlv name;

	base_buf_init(&uri, LIMIT_SPIFFE_ID);
	base_buf_append_str(&uri, "spiffe://");
	base_buf_append_str(&uri, signer->env->trust_domain);
	der_rd_init(&names, issuer_cert(issuer)->san);
	bool equal = der_rd_take(&names, DER_CONTEXT(6), &name) && der_rd_done(&names) &&
	    base_span_equal(name.body, base_buf_span(&uri));
	base_buf_clear(&uri);
	return equal ? MC_OK
		     : MC_FAIL(MC_EPROFILE,
			   "the issuing CA is not of trust domain %s: wrong key file?",
			   signer->env->trust_domain);
}

static enum mc_err
open_one(const struct signer *signer, struct signer_issuer *slot, struct base_secret *secret)
{
	EVP_PKEY *key = NULL;
	enum mc_err ret = keyfile_open(slot->file, secret, &key);

	if (ret != MC_OK) {
		return ret;
	}
	struct issuer *issuer = issuer_new(key, keyfile_cert(slot->file, 0));
	EVP_PKEY_free(key);
	if (issuer == NULL) {
		return mc_err_last()->code;
	}
	ret = check_trust_domain(signer, issuer);
	if (ret != MC_OK) {
		issuer_free(issuer);
		return ret;
	}
	issuer_set_sample(issuer, signer->env->verify_sample);
	slot->open = issuer;
	return MC_OK;
}

/* Each wrong passphrase doubles the wait before the next try. */
static void
note_failure(struct signer *signer)
{
	int64_t wait_s = 1;

	for (unsigned i = 0; i < signer->unseal_failures && wait_s < UNSEAL_WAIT_MAX_S; i++) {
		wait_s *= 2;
	}
	if (wait_s > UNSEAL_WAIT_MAX_S) {
		wait_s = UNSEAL_WAIT_MAX_S;
	}
	signer->unseal_failures++;
	signer->unseal_after_us = base_clock_boot_us() + wait_s * 1000000;
}

static void
warn_short_life(const struct signer *signer)
{
	int64_t left_s = issuer_cert(signer_active(signer))->not_after_at - base_clock_now();
	int64_t leaf_s = signer->operators ? signer->env->server_ttl_s : signer->env->svid_ttl_s;

	if (left_s < leaf_s) {
		base_log(LOG_LVL_WARN, "issuer-life-short", LOG_INT("seconds_left", left_s),
		    LOG_END);
	}
}

enum mc_err
signer_unseal(struct signer *signer, struct base_span passphrase)
{
	if (signer->issuer_count == 0) {
		return MC_FAIL(MC_ENOTREADY, "there is no readable key file");
	}
	if (signer_active(signer) != NULL) {
		return MC_FAIL(MC_ECONFLICT, "environment %s is not sealed",
		    signer->environment);
	}
	if (base_clock_boot_us() < signer->unseal_after_us) {
		return MC_FAIL(MC_ERATE, "wait up to %d s after a wrong passphrase",
		    UNSEAL_WAIT_MAX_S);
	}
	if (passphrase.len == 0 || passphrase.len > LIMIT_PASSPHRASE) {
		return MC_FAIL(MC_EPASSPHRASE, "it is empty or too long");
	}
	struct base_secret *secret = base_secret_new(passphrase.len);
	base_copy(base_secret_ptr(secret), passphrase.ptr, passphrase.len);
	enum mc_err ret = open_one(signer, &signer->issuers[0], secret);
	for (size_t i = 1; ret == MC_OK && i < signer->issuer_count; i++) {
		enum mc_err older = open_one(signer, &signer->issuers[i], secret);
		if (older != MC_OK) { /* costs its CRLs, not the environment's leaves */
			base_log_err(LOG_LVL_ERROR, "older-issuer-not-opened", older);
		}
	}
	base_secret_free(secret);
	if (ret == MC_EPASSPHRASE) {
		note_failure(signer);
	} else if (ret == MC_OK) {
		signer->unseal_failures = 0;
		warn_short_life(signer);
	}
	return ret;
}

void
signer_seal_clear(struct signer *signer)
{
	for (size_t i = 0; i < signer->issuer_count; i++) {
		issuer_free(signer->issuers[i].open);
		keyfile_free(signer->issuers[i].file);
	}
	signer->issuer_count = 0;
}
