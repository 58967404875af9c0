/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include "base/crypto.h"
#include "base/mem.h"
#include "ca/der.h"
#include "ca/issuer.h"
#include "ca/key.h"
#include "ca/spki.h"

#define SHA384_LEN 48

struct issuer {
	EVP_PKEY_CTX *sign; /* initialised once, used for every signature */
	EVP_MD *sha384;
	struct key_importer *keys; /* for the public half, to verify with */
	uint8_t *der;
	struct cert_view cert;
	uint8_t id[32];
	uint32_t sample;
	uint32_t until_sample;
};

void
issuer_free(struct issuer *issuer)
{
	if (issuer == NULL) {
		return;
	}
	EVP_PKEY_CTX_free(issuer->sign);
	EVP_MD_free(issuer->sha384);
	key_importer_free(issuer->keys);
	free(issuer->der);
	free(issuer);
}

static enum mc_err
read_cert(struct issuer *issuer, struct base_span cert)
{
	const unsigned needed = CERT_KU_CERT_SIGN | CERT_KU_CRL_SIGN;

	if (cert.len > LIMIT_CERT) {
		return MC_FAIL(MC_EENCODING, "the CA certificate is too big");
	}
	issuer->der = base_xcalloc(1, cert.len + 1);
	base_copy(issuer->der, cert.ptr, cert.len);
	enum mc_err ret =
	    cert_view_parse(base_span_of(issuer->der, cert.len), &issuer->cert);
	if (ret != MC_OK) {
		return ret;
	}
	if (!issuer->cert.ca || (issuer->cert.key_usage & needed) != needed ||
	    issuer->cert.key_id.len == 0) {
		return MC_FAIL(MC_EPROFILE,
		    "the certificate is not one of a CA that signs certificates and CRLs");
	}
	base_crypto_sha256(issuer->cert.whole, issuer->id);
	return MC_OK;
}

/* The certificate's key must be the private key's public half. */
static enum mc_err
match_key(const struct issuer *issuer, EVP_PKEY *key)
{
	unsigned char *der = NULL;
	int len = i2d_PUBKEY(key, &der);

	if (len <= 0) {
		return MC_FAIL(MC_ECRYPTO, "the issuing key has no public half");
	}
	bool equal = base_span_equal(base_span_of(der, (size_t)len), issuer->cert.spki);
	OPENSSL_free(der);
	return equal ? MC_OK
		     : MC_FAIL(MC_EPROFILE, "key and certificate do not belong together");
}

static enum mc_err
set_up(struct issuer *issuer, EVP_PKEY *key)
{
	issuer->keys = key_importer_new();
	issuer->sha384 = EVP_MD_fetch(NULL, "SHA2-384", NULL);
	issuer->sign = EVP_PKEY_CTX_new_from_pkey(NULL, key, NULL);
	if (issuer->sha384 == NULL || issuer->sign == NULL ||
	    EVP_PKEY_sign_init(issuer->sign) != 1) {
		return MC_FAIL(MC_ECRYPTO, "the issuing key cannot sign");
	}
	if (issuer->cert.key_alg == MSG_KEY_RSA &&
	    EVP_PKEY_CTX_set_signature_md(issuer->sign, EVP_sha256()) != 1) {
		return MC_FAIL(MC_ECRYPTO, "the issuing key cannot sign SHA-256 digests");
	}
	return MC_OK;
}

struct issuer *
issuer_new(struct evp_pkey_st *key, struct base_span cert)
{
	struct issuer *issuer = base_xcalloc(1, sizeof(*issuer));

	if (read_cert(issuer, cert) != MC_OK || match_key(issuer, key) != MC_OK ||
	    set_up(issuer, key) != MC_OK) {
		issuer_free(issuer);
		return NULL;
	}
	return issuer;
}

const struct cert_view *
issuer_cert(const struct issuer *issuer)
{
	return &issuer->cert;
}

const uint8_t *
issuer_id(const struct issuer *issuer)
{
	return issuer->id;
}

void
issuer_set_sample(struct issuer *issuer, uint32_t n)
{
	issuer->sample = n;
	issuer->until_sample = n;
}

/* Appends the signature of tbs, whose SHA-256 is known. */
static enum mc_err
sign(struct issuer *issuer, struct base_span tbs, const uint8_t sha256[BASE_SHA256_LEN],
    struct base_buf *tail, struct base_span *signature)
{
	uint8_t digest[SHA384_LEN] = {0};
	uint8_t bytes[LIMIT_RSA_BYTES];
	size_t len = sizeof(bytes);
	struct base_span hash = base_span_of(sha256, BASE_SHA256_LEN);

	if (issuer->cert.key_alg == MSG_KEY_P384) {
		if (EVP_Digest(tbs.ptr, tbs.len, digest, NULL, issuer->sha384, NULL) != 1) {
			return MC_FAIL(MC_ECRYPTO, "SHA-384 failed");
		}
		hash = base_span_of(digest, sizeof(digest));
	}
	if (EVP_PKEY_sign(issuer->sign, bytes, &len, hash.ptr, hash.len) != 1) {
		return MC_FAIL(MC_ECRYPTO, "the issuing key did not sign");
	}
	spki_put_signature_alg(tail, issuer->cert.key_alg);
	der_put_bits(tail, base_span_of(bytes, len));
	if (base_buf_failed(tail)) {
		return MC_FAIL(MC_ETOOBIG, "the signature does not fit");
	}
	*signature = base_span_of(tail->ptr + tail->len - len, len);
	return MC_OK;
}

static enum mc_err
verify_own(struct issuer *issuer, struct base_span tbs, struct base_span signature)
{
	if (key_verify(issuer->keys, issuer->cert.key_alg, issuer->cert.key, tbs,
		signature) != MC_OK) {
		return MC_FAIL(MC_ECRYPTO, "a signature just made does not verify");
	}
	return MC_OK;
}

enum mc_err
issuer_ack_read(const struct msg_intent_ans *answer, struct base_span tbs,
    struct issuer_ack *out)
{
	enum mc_err ret = mc_err_from_wire(answer->status);

	if (ret != MC_OK) {
		return ret;
	}
	if (answer->duplicate != 0 || answer->seq == 0) {
		return MC_FAIL(MC_EINTERNAL, "the ledger's answer acknowledges no intent");
	}
	*out = (struct issuer_ack){.seq = answer->seq, .good = true};
	base_crypto_sha256(tbs, out->tbs_sha256);
	return MC_OK;
}

enum mc_err
issuer_sign_leaf(struct issuer *issuer, struct issuer_ack *ack, struct base_span tbs,
    struct base_buf *tail)
{
	uint8_t sha256[BASE_SHA256_LEN];
	struct base_span signature;

	base_crypto_sha256(tbs, sha256);
	if (!ack->good || !base_crypto_equal(sha256, ack->tbs_sha256, sizeof(sha256))) {
		return MC_FAIL(MC_EPROFILE, "the ledger did not acknowledge these bytes");
	}
	ack->good = false;
	enum mc_err ret = sign(issuer, tbs, sha256, tail, &signature);
	if (ret == MC_OK && issuer->sample != 0 && --issuer->until_sample == 0) {
		issuer->until_sample = issuer->sample;
		ret = verify_own(issuer, tbs, signature);
	}
	return ret;
}

/* TBSCertList: version 1, algorithm, name, then a time; a TBSCertificate has none there in any
 * version (RFC 5280 5.1, 4.1). */
static bool
is_cert_list(struct base_span tbs)
{
	struct der_rd rd, list;
	struct der_tlv skipped;
	uint64_t version;
	int64_t at;

	der_rd_init(&rd, tbs);
	return der_rd_enter(&rd, DER_SEQUENCE, &list) && der_rd_done(&rd) &&
	    der_rd_u64(&list, &version) && version == 1 &&
	    der_rd_take(&list, DER_SEQUENCE, &skipped) &&
	    der_rd_take(&list, DER_SEQUENCE, &skipped) && der_rd_time(&list, &at);
}

enum mc_err
issuer_sign_crl(struct issuer *issuer, struct base_span tbs, struct base_buf *tail)
{
	uint8_t sha256[BASE_SHA256_LEN];
	struct base_span signature;

	if (!is_cert_list(tbs)) {
		return MC_FAIL(MC_EPROFILE, "these bytes are not a TBSCertList");
	}
	base_crypto_sha256(tbs, sha256);
	enum mc_err ret = sign(issuer, tbs, sha256, tail, &signature);
	return ret == MC_OK ? verify_own(issuer, tbs, signature) : ret;
}

enum mc_err
issuer_verify_leaf(struct issuer *issuer, const struct cert_view *cert, int64_t at)
{
	struct der_rd alg;

	if (!base_span_equal(cert->issuer, issuer->cert.subject) ||
	    !base_span_equal(cert->issuer_key_id, issuer->cert.key_id)) {
		return MC_FAIL(MC_ECLIENT_CERT, "another authority issued it");
	}
	if (cert->ca || at < cert->not_before_at || at > cert->not_after_at) {
		return MC_FAIL(MC_ECLIENT_CERT, "it is a CA's, expired, or not valid yet");
	}
	der_rd_init(&alg, cert->signature_alg);
	if (!spki_signature_alg_matches(&alg, issuer->cert.key_alg) ||
	    key_verify(issuer->keys, issuer->cert.key_alg, issuer->cert.key, cert->tbs,
		cert->signature) != MC_OK) {
		return MC_FAIL(MC_ECLIENT_CERT, "its signature is not this authority's");
	}
	return MC_OK;
}
