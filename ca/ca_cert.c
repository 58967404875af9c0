/* SPDX-License-Identifier: Apache-2.0 */
#include "ca/ca_cert.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <stdio.h>

#include "base/crypto.h"
#include "base/enc.h"
#include "base/mem.h"
#include "ca/cert.h"
#include "ca/der.h"
#include "ca/keyfile.h"
#include "ca/oid.h"
#include "ca/spiffe.h"
#include "ca/spki.h"

#define ORGANIZATION "meshca"
/* RFC 5280 appendix A: a CN has at most 64 characters. What is cut of a long environment's name
 * makes nothing ambiguous: verifiers go by the key id. */
#define ENVIRONMENT_IN_CN 40

static bool
is_self_signed(enum msg_profile profile)
{
	return profile == MSG_PROFILE_ROOT || profile == MSG_PROFILE_ENVIRONMENT;
}

static void
common_name(const struct ca_cert *cert, char *out, size_t size)
{
	int len = (int)(cert->environment.len < ENVIRONMENT_IN_CN ? cert->environment.len
	                                                          : ENVIRONMENT_IN_CN);
	const char *name = (const char *)cert->environment.ptr;
	uint8_t key_id[CERT_KEY_ID_LEN];
	char hex[9];

	if (cert->profile == MSG_PROFILE_ROOT) {
		(void)snprintf(out, size, "meshca root");
	} else if (cert->profile == MSG_PROFILE_ISSUING) {
		cert_key_id(cert->key_alg, cert->key, key_id);
		base_enc_hex(key_id, 4, hex);
		(void)snprintf(out, size, "%.*s issuing CA %s", len, name, hex);
	} else {
		(void)snprintf(out, size, "%.*s environment CA", len, name);
	}
}

void
ca_cert_subject(const struct ca_cert *cert, char out[CA_CERT_SUBJECT_MAX])
{
	char name[65];

	common_name(cert, name, sizeof(name));
	(void)snprintf(out, CA_CERT_SUBJECT_MAX, "CN=%s,O=%s", name, ORGANIZATION);
}

static void
put_rdn(struct base_buf *out, struct base_span oid, const char *value)
{
	size_t rdn = der_begin(out, DER_SET);
	size_t attr = der_begin(out, DER_SEQUENCE);

	der_put(out, DER_OID, oid);
	der_put(out, DER_UTF8_STRING, base_span_str(value));
	der_end(out, attr);
	der_end(out, rdn);
}

static void
put_subject(struct base_buf *out, const struct ca_cert *cert)
{
	size_t name = der_begin(out, DER_SEQUENCE);
	char cn[65];

	common_name(cert, cn, sizeof(cn));
	put_rdn(out, oid_organization, ORGANIZATION);
	put_rdn(out, oid_common_name, cn);
	der_end(out, name);
}

static enum mc_err
check_issuer(const struct ca_cert *cert, const struct cert_view *issuer)
{
	if (is_self_signed(cert->profile) != (issuer == NULL)) {
		return MC_FAIL(MC_EPROFILE, "a %s certificate %s an issuer",
		    msg_profile_name(cert->profile), issuer == NULL ? "without" : "with");
	}
	if (issuer == NULL) {
		return MC_OK;
	}
	if (!issuer->ca || (issuer->key_usage & CERT_KU_CERT_SIGN) == 0 ||
	    issuer->key_id.len == 0) {
		return MC_FAIL(MC_EPROFILE, "the issuer is not a CA");
	}
	if (cert->not_after_at > issuer->not_after_at) {
		return MC_FAIL(MC_EISSUER_LIFE, "the life would not be inside the issuer's");
	}
	return MC_OK;
}

static enum mc_err
check(const struct ca_cert *cert, const struct cert_view *issuer)
{
	bool root = cert->profile == MSG_PROFILE_ROOT;

	if (cert->profile < MSG_PROFILE_ROOT || cert->profile > MSG_PROFILE_ISSUING) {
		return MC_FAIL(MC_EPROFILE, "profile %d is not one of a CA", (int)cert->profile);
	}
	if (cert->serial.len != CERT_SERIAL_LEN || cert->serial.ptr[0] == 0 ||
	    cert->serial.ptr[0] > 0x7f) {
		return MC_FAIL(MC_EPROFILE, "the serial number has not our form");
	}
	if (root ? cert->environment.len != 0 : !spiffe_ns_valid(cert->environment)) {
		return MC_FAIL(MC_EIDENTITY, "not an environment's name");
	}
	if (root ? cert->trust_domain.len != 0
	         : !spiffe_trust_domain_valid(cert->trust_domain)) {
		return MC_FAIL(MC_ESPIFFE_ID, "not a trust domain");
	}
	if (cert->not_before_at >= cert->not_after_at) {
		return MC_FAIL(MC_EISSUER_LIFE, "the life would end before it begins");
	}
	return check_issuer(cert, issuer);
}

static void
put_ext(struct base_buf *out, struct base_span oid, bool critical, struct base_span value)
{
	size_t ext = der_begin(out, DER_SEQUENCE);

	der_put(out, DER_OID, oid);
	if (critical) {
		der_put_true(out);
	}
	der_put(out, DER_OCTET_STRING, value);
	der_end(out, ext);
}

static void
put_constraints(struct base_buf *out, enum msg_profile profile, struct base_buf *value)
{
	size_t list = der_begin(value, DER_SEQUENCE);

	der_put_true(value);
	if (profile == MSG_PROFILE_ISSUING) {
		der_put_u64(value, 0);
	}
	der_end(value, list);
	put_ext(out, oid_basic_constraints, true, base_buf_span(value));
	base_buf_reset(value);
	der_put_named_bits(value, CERT_KU_CERT_SIGN | CERT_KU_CRL_SIGN);
	put_ext(out, oid_key_usage, true, base_buf_span(value));
	base_buf_reset(value);
}

static void
put_key_ids(struct base_buf *out, const struct ca_cert *cert, const struct cert_view *issuer,
    struct base_buf *value)
{
	uint8_t id[CERT_KEY_ID_LEN];
	struct base_span own = base_span_of(id, sizeof(id));
	size_t fields;

	cert_key_id(cert->key_alg, cert->key, id);
	der_put(value, DER_OCTET_STRING, own);
	put_ext(out, oid_subject_key_id, false, base_buf_span(value));
	base_buf_reset(value);
	fields = der_begin(value, DER_SEQUENCE);
	der_put(value, DER_CONTEXT(0), issuer == NULL ? own : issuer->key_id);
	der_end(value, fields);
	put_ext(out, oid_authority_key_id, false, base_buf_span(value));
	base_buf_reset(value);
}

static void
put_trust_domain(struct base_buf *out, struct base_span trust_domain, struct base_buf *value)
{
	size_t names = der_begin(value, DER_SEQUENCE);
	size_t uri = der_begin(value, DER_CONTEXT(6));

	base_buf_append_str(value, "spiffe://");
	base_buf_append_span(value, trust_domain);
	der_end(value, uri);
	der_end(value, names);
	put_ext(out, oid_subject_alt_name, false, base_buf_span(value));
	base_buf_reset(value);
}

static void
put_extensions(struct base_buf *out, const struct ca_cert *cert,
    const struct cert_view *issuer)
{
	size_t explicit = der_begin(out, DER_CONSTRUCTED(3));
	size_t list = der_begin(out, DER_SEQUENCE);
	struct base_buf value;

	base_buf_init(&value, LIMIT_TRUST_DOMAIN + 64);
	put_constraints(out, cert->profile, &value);
	put_key_ids(out, cert, issuer, &value);
	if (cert->profile != MSG_PROFILE_ROOT) {
		put_trust_domain(out, cert->trust_domain, &value);
	}
	der_end(out, list);
	der_end(out, explicit);
	base_buf_clear(&value);
}

enum mc_err
ca_cert_build(const struct ca_cert *cert, const struct cert_view *issuer,
    struct base_buf *out, uint8_t spki_sha256[32])
{
	enum mc_err ret = check(cert, issuer);
	size_t tbs, part, spki;

	if (ret != MC_OK) {
		return ret;
	}
	tbs = der_begin(out, DER_SEQUENCE);
	part = der_begin(out, DER_CONSTRUCTED(0));
	der_put_u64(out, 2); /* v3 */
	der_end(out, part);
	der_put_uint(out, cert->serial);
	spki_put_signature_alg(out, issuer == NULL ? cert->key_alg : issuer->key_alg);
	if (issuer == NULL) {
		put_subject(out, cert);
	} else {
		base_buf_append_span(out, issuer->subject);
	}
	part = der_begin(out, DER_SEQUENCE);
	der_put_time(out, cert->not_before_at);
	der_put_time(out, cert->not_after_at);
	der_end(out, part);
	put_subject(out, cert);
	spki = out->len;
	spki_put(out, cert->key_alg, cert->key);
	if (!base_buf_failed(out)) {
		base_crypto_sha256(base_span_of(out->ptr + spki, out->len - spki),
		    spki_sha256);
	}
	put_extensions(out, cert, issuer);
	der_end(out, tbs);
	return base_buf_failed(out) ? MC_FAIL(MC_ETOOBIG, "the CA certificate is too big")
	                            : MC_OK;
}

/* Signs and checks the result with the same key. */
static enum mc_err
sign_checked(EVP_PKEY *key, const EVP_MD *md, struct base_span tbs, uint8_t *signature,
    size_t *len)
{
	EVP_MD_CTX *sign = EVP_MD_CTX_new();
	EVP_MD_CTX *verify = EVP_MD_CTX_new();
	enum mc_err ret = MC_OK;

	if (sign == NULL || verify == NULL ||
	    EVP_DigestSignInit(sign, NULL, md, NULL, key) != 1 ||
	    EVP_DigestSign(sign, signature, len, tbs.ptr, tbs.len) != 1 ||
	    EVP_DigestVerifyInit(verify, NULL, md, NULL, key) != 1 ||
	    EVP_DigestVerify(verify, signature, *len, tbs.ptr, tbs.len) != 1) {
		ret = MC_FAIL(MC_ECRYPTO, "the CA key did not sign");
	}
	EVP_MD_CTX_free(sign);
	EVP_MD_CTX_free(verify);
	ERR_clear_error();
	return ret;
}

enum mc_err
ca_cert_sign(EVP_PKEY *key, struct issuer_ack *ack, struct base_span tbs,
    struct base_buf *tail)
{
	uint8_t hash[BASE_SHA256_LEN];
	uint8_t signature[LIMIT_RSA_BYTES];
	size_t len = sizeof(signature);
	enum msg_key_alg alg = MSG_KEY_INVALID;
	struct base_buf public;
	enum mc_err ret;

	base_crypto_sha256(tbs, hash);
	if (!ack->good || !base_crypto_equal(hash, ack->tbs_sha256, sizeof(hash))) {
		return MC_FAIL(MC_EPROFILE, "bytes that the ledger has not acknowledged");
	}
	ack->good = false;
	base_buf_init(&public, LIMIT_KEY_BYTES);
	ret = keyfile_public(key, &alg, &public);
	base_buf_clear(&public);
	if (ret != MC_OK) {
		return ret;
	}
	ret = sign_checked(key, alg == MSG_KEY_P384 ? EVP_sha384() : EVP_sha256(), tbs,
	    signature, &len);
	if (ret != MC_OK) {
		return ret;
	}
	spki_put_signature_alg(tail, alg);
	der_put_bits(tail, base_span_of(signature, len));
	return base_buf_failed(tail) ? MC_FAIL(MC_ETOOBIG, "a signature is too long") : MC_OK;
}
