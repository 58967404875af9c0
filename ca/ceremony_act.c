/* SPDX-License-Identifier: Apache-2.0 */
#include <openssl/evp.h>

#include "base/clock.h"
#include "ca/ceremony.h"

/* The root's passphrase is on no server, so its CRL must last from one visit of people to the next. */
#define ROOT_CRL_S (INT64_C(366) * 86400)

/* --- root --- */

static enum mc_err
make_root(struct ceremony *ceremony)
{
	struct ceremony_cert want = {
	    .profile = MSG_PROFILE_ROOT,
	    .lifetime_s = ceremony->config->root_lifetime_s,
	};
	struct base_buf der;
	struct base_span cert;
	enum mc_err ret = ceremony_may_write(ceremony, MSG_KEY_ROOT);

	if (ret != MC_OK) {
		return ret;
	}
	ceremony_progress(ceremony, "generating the root key (RSA-4096)");
	want.key = keyfile_generate(CONFIG_KEY_RSA4096);
	if (want.key == NULL) {
		return mc_err_last()->code;
	}
	want.issuer_key = want.key;
	base_buf_init(&der, LIMIT_CERT);
	ret = ceremony_certify(ceremony, &want, &der);
	cert = base_buf_span(&der);
	if (ret == MC_OK) {
		ret = ceremony_write(ceremony, MSG_KEY_ROOT, want.key, &cert, 1);
	}
	base_buf_clear(&der);
	EVP_PKEY_free(want.key);
	return ret;
}

static enum mc_err
act_root(struct ceremony *ceremony)
{
	EVP_PKEY *key = NULL;
	struct base_span cert;
	enum mc_err ret = MC_OK;

	if (ceremony_file(ceremony, MSG_KEY_ROOT) == NULL) {
		ret = mc_err_last()->code == MC_ENOTFOUND ? make_root(ceremony)
		                                          : mc_err_last()->code;
	}
	if (ret == MC_OK) {
		ret = ceremony_open(ceremony, MSG_KEY_ROOT, &key);
	}
	if (ret != MC_OK) {
		return ret;
	}
	cert = keyfile_cert(ceremony_file(ceremony, MSG_KEY_ROOT), 0);
	ret = ceremony_register(ceremony, MSG_PROFILE_ROOT, cert);
	if (ret == MC_OK) {
		ret = ceremony_crl(ceremony, key, cert, ROOT_CRL_S);
	}
	if (ret == MC_OK) {
		ceremony_progress(ceremony, "root certificate and CRL are in the ledger");
	}
	EVP_PKEY_free(key);
	return ret;
}

/* --- environment --- */

/* The same key and subject once more, certified by the root. */
static enum mc_err
make_lineage(struct ceremony *ceremony, EVP_PKEY *key, struct base_buf *der)
{
	struct ceremony_cert want = {
	    .profile = MSG_PROFILE_LINEAGE,
	    .key = key,
	    .lifetime_s = ceremony->env->ca_lifetime_s,
	};
	struct cert_view root;
	enum mc_err ret = ceremony_open(ceremony, MSG_KEY_ROOT, &want.issuer_key);

	if (ret == MC_OK) {
		ret = cert_view_parse(keyfile_cert(ceremony_file(ceremony, MSG_KEY_ROOT), 0),
		    &root);
	}
	if (ret == MC_OK) {
		want.issuer = &root;
		ret = ceremony_certify(ceremony, &want, der);
	}
	EVP_PKEY_free(want.issuer_key);
	return ret;
}

static enum mc_err
make_environment(struct ceremony *ceremony, bool lineage)
{
	struct ceremony_cert want = {
	    .profile = MSG_PROFILE_ENVIRONMENT,
	    .lifetime_s = ceremony->env->ca_lifetime_s,
	};
	struct base_buf ders[2];
	struct base_span certs[2];
	enum mc_err ret = ceremony_may_write(ceremony, MSG_KEY_ENVIRONMENT);

	if (ret != MC_OK) {
		return ret;
	}
	ceremony_progress(ceremony, "generating the environment key of %s",
	    ceremony->env->name);
	want.key = keyfile_generate(ceremony->env->ca_key);
	if (want.key == NULL) {
		return mc_err_last()->code;
	}
	want.issuer_key = want.key;
	base_buf_init(&ders[0], LIMIT_CERT);
	base_buf_init(&ders[1], LIMIT_CERT);
	ret = ceremony_certify(ceremony, &want, &ders[0]);
	if (ret == MC_OK && lineage) {
		ret = make_lineage(ceremony, want.key, &ders[1]);
	}
	if (ret == MC_OK) {
		certs[0] = base_buf_span(&ders[0]);
		certs[1] = base_buf_span(&ders[1]);
		ret = ceremony_write(ceremony, MSG_KEY_ENVIRONMENT, want.key, certs,
		    lineage ? 2 : 1);
	}
	base_buf_clear(&ders[0]);
	base_buf_clear(&ders[1]);
	EVP_PKEY_free(want.key);
	return ret;
}

static enum mc_err
register_environment(struct ceremony *ceremony)
{
	const struct keyfile *keyfile = ceremony_file(ceremony, MSG_KEY_ENVIRONMENT);
	enum mc_err ret = MC_OK;

	if (keyfile_cert_count(keyfile) > 1) {
		ret = ceremony_register(ceremony, MSG_PROFILE_LINEAGE, keyfile_cert(keyfile, 1));
	}
	/* Last: this one changes the trust bundle. */
	if (ret == MC_OK) {
		ret = ceremony_register(ceremony, MSG_PROFILE_ENVIRONMENT,
		    keyfile_cert(keyfile, 0));
	}
	return ret;
}

static enum mc_err
environment_crl(struct ceremony *ceremony, EVP_PKEY *key)
{
	enum mc_err ret = ceremony_crl(ceremony, key,
	    keyfile_cert(ceremony_file(ceremony, MSG_KEY_ENVIRONMENT), 0),
	    ceremony->env->ca_crl_lifetime_s);

	if (ret == MC_OK) {
		ceremony_progress(ceremony, "CRL of %s's environment CA is in the ledger",
		    ceremony->env->name);
	}
	return ret;
}

/* --- issuing --- */

static enum mc_err
finish_issuing(struct ceremony *ceremony, EVP_PKEY *key, struct base_span cert,
    struct base_span anchor)
{
	struct base_span certs[2] = {cert, anchor};
	enum mc_err ret = ceremony_register(ceremony, MSG_PROFILE_ISSUING, cert);

	if (ret == MC_OK) {
		ret = ceremony_crl(ceremony, key, cert, ceremony->env->crl_lifetime_s);
	}
	if (ret == MC_OK) {
		ret = ceremony_keep_issuing(ceremony);
	}
	if (ret == MC_OK) {
		ret = ceremony_write(ceremony, MSG_KEY_ISSUING, key, certs, 2);
	}
	if (ret == MC_OK) {
		ceremony_progress(ceremony, "%s has a new issuing CA, with its CRL",
		    ceremony->env->name);
	}
	return ret;
}

static enum mc_err
make_issuing(struct ceremony *ceremony, EVP_PKEY *environment_key)
{
	struct ceremony_cert want = {
	    .profile = MSG_PROFILE_ISSUING,
	    .lifetime_s = ceremony->env->issuing_lifetime_s,
	    .issuer_key = environment_key,
	};
	struct cert_view anchor;
	struct base_buf der;
	enum mc_err ret = ceremony_may_write(ceremony, MSG_KEY_ISSUING);

	if (ret == MC_OK) {
		ret = cert_view_parse(
		    keyfile_cert(ceremony_file(ceremony, MSG_KEY_ENVIRONMENT), 0), &anchor);
	}
	if (ret != MC_OK) {
		return ret;
	}
	want.issuer = &anchor;
	want.key = keyfile_generate(ceremony->env->issuing_key);
	if (want.key == NULL) {
		return mc_err_last()->code;
	}
	base_buf_init(&der, LIMIT_CERT);
	ret = ceremony_certify(ceremony, &want, &der);
	if (ret == MC_OK) {
		ret = finish_issuing(ceremony, want.key, base_buf_span(&der), anchor.whole);
	}
	base_buf_clear(&der);
	EVP_PKEY_free(want.key);
	return ret;
}

/* --- acts --- */

static enum mc_err
use_environment(struct ceremony *ceremony, bool issuing)
{
	EVP_PKEY *key = NULL;
	enum mc_err ret = ceremony_open(ceremony, MSG_KEY_ENVIRONMENT, &key);

	if (ret == MC_OK) {
		ret = environment_crl(ceremony, key);
	}
	if (ret == MC_OK && issuing) {
		ret = make_issuing(ceremony, key);
	}
	EVP_PKEY_free(key);
	return ret;
}

static enum mc_err
act_environment(struct ceremony *ceremony, bool lineage)
{
	enum mc_err ret = MC_OK;

	if (ceremony_file(ceremony, MSG_KEY_ENVIRONMENT) == NULL) {
		ret = mc_err_last()->code == MC_ENOTFOUND
		          ? make_environment(ceremony, lineage)
		          : mc_err_last()->code;
	}
	if (ret == MC_OK && ceremony_file(ceremony, MSG_KEY_ENVIRONMENT) == NULL) {
		ret = mc_err_last()->code;
	}
	if (ret == MC_OK) {
		ret = register_environment(ceremony);
	}
	return ret == MC_OK ? use_environment(ceremony, true) : ret;
}

enum mc_err
ceremony_act(struct ceremony *ceremony)
{
	enum msg_ceremony act = (enum msg_ceremony)ceremony->order->act;

	if (act != MSG_CEREMONY_ROOT && ceremony->env == NULL) {
		return MC_FAIL(MC_ENOTFOUND, "no such environment in the configuration");
	}
	switch (act) {
	case MSG_CEREMONY_ROOT:
		return act_root(ceremony);
	case MSG_CEREMONY_ENVIRONMENT:
		return act_environment(ceremony, true);
	case MSG_CEREMONY_OPERATORS:
		return act_environment(ceremony, false);
	case MSG_CEREMONY_ISSUING:
		return use_environment(ceremony, true);
	case MSG_CEREMONY_CRL:
		return use_environment(ceremony, false);
	default:
		return MC_FAIL(MC_EUSAGE, "ceremony %d is not known", (int)act);
	}
}
