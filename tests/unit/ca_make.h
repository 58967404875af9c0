/* SPDX-License-Identifier: Apache-2.0 */
/* Keys and an issuing CA for tests, made by OpenSSL's own builder. */
#ifndef TESTS_CA_MAKE_H
#define TESTS_CA_MAKE_H

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/msg.h"

static inline EVP_PKEY *
make_key(const char *alg)
{
	EVP_PKEY *key = strcmp(alg, "RSA") == 0 ? EVP_RSA_gen(2048) : EVP_EC_gen(alg);

	if (key == NULL) {
		abort();
	}
	return key;
}

/* The public half as base/msg.h codes it. */
struct make_public {
	enum msg_key_alg alg;
	struct base_span key;
	uint8_t *bytes;
};

static inline struct make_public
make_public(EVP_PKEY *key)
{
	struct make_public pub = {.bytes = calloc(1, LIMIT_RSA_BYTES)};
	size_t len = 0;

	if (EVP_PKEY_get_base_id(key) == EVP_PKEY_RSA) {
		BIGNUM *n = NULL;
		EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_RSA_N, &n);
		len = (size_t)BN_bn2bin(n, pub.bytes);
		BN_free(n);
		pub.alg = MSG_KEY_RSA;
	} else {
		EVP_PKEY_get_octet_string_param(key, OSSL_PKEY_PARAM_PUB_KEY, pub.bytes,
		    LIMIT_RSA_BYTES, &len);
		pub.alg = EVP_PKEY_get_bits(key) == 384 ? MSG_KEY_P384 : MSG_KEY_P256;
	}
	pub.key = base_span_of(pub.bytes, len);
	return pub;
}

static inline void
make_public_free(struct make_public *pub)
{
	free(pub->bytes);
}

struct make_ca {
	EVP_PKEY *key;
	X509 *cert;
	unsigned char *der;
	int der_len;
};

static inline void
make_ca_ext(X509 *cert, int nid, const char *value)
{
	X509V3_CTX ctx;

	X509V3_set_ctx(&ctx, cert, cert, NULL, NULL, 0);
	X509_EXTENSION *ext = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
	if (ext == NULL || X509_add_ext(cert, ext, -1) != 1) {
		abort();
	}
	X509_EXTENSION_free(ext);
}

/* A self-signed CA certificate named after its trust domain. */
static inline struct make_ca *
make_ca(const char *alg, const char *trust_domain, int64_t not_after_at)
{
	struct make_ca *ca = calloc(1, sizeof(*ca));
	char uri[300];

	ca->key = make_key(alg);
	ca->cert = X509_new();
	X509_set_version(ca->cert, X509_VERSION_3);
	ASN1_INTEGER_set(X509_get_serialNumber(ca->cert), 77);
	ASN1_TIME_set(X509_getm_notBefore(ca->cert), not_after_at - 100 * 86400);
	ASN1_TIME_set(X509_getm_notAfter(ca->cert), not_after_at);
	X509_NAME_add_entry_by_txt(X509_get_subject_name(ca->cert), "O", MBSTRING_UTF8,
	    (const unsigned char *)"Test", -1, -1, 0);
	X509_NAME_add_entry_by_txt(X509_get_subject_name(ca->cert), "CN", MBSTRING_UTF8,
	    (const unsigned char *)trust_domain, -1, -1, 0);
	X509_set_issuer_name(ca->cert, X509_get_subject_name(ca->cert));
	X509_set_pubkey(ca->cert, ca->key);
	snprintf(uri, sizeof(uri), "URI:spiffe://%s", trust_domain);
	make_ca_ext(ca->cert, NID_basic_constraints, "critical,CA:TRUE,pathlen:0");
	make_ca_ext(ca->cert, NID_key_usage, "critical,keyCertSign,cRLSign");
	make_ca_ext(ca->cert, NID_subject_key_identifier, "hash");
	make_ca_ext(ca->cert, NID_subject_alt_name, uri);
	if (X509_sign(ca->cert, ca->key, strcmp(alg, "P-384") == 0 ? EVP_sha384()
								   : EVP_sha256()) <= 0) {
		abort();
	}
	ca->der_len = i2d_X509(ca->cert, &ca->der);
	return ca;
}

static inline struct base_span
make_ca_der(const struct make_ca *ca)
{
	return base_span_of(ca->der, (size_t)ca->der_len);
}

static inline void
make_ca_free(struct make_ca *ca)
{
	OPENSSL_free(ca->der);
	X509_free(ca->cert);
	EVP_PKEY_free(ca->key);
	free(ca);
}

#endif
