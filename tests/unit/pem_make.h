/* SPDX-License-Identifier: Apache-2.0 */
/* Certificates of a make_ca, and PEM files, for tests that need somebody to be. */
#ifndef TESTS_PEM_MAKE_H
#define TESTS_PEM_MAKE_H

#include <check.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <time.h>

#include "base/mem.h"
#include "ca_make.h"

/* For a public key, with this subjectAltName ("IP:127.0.0.1"; NULL: none) and lifetime. The caller frees it. */
static inline X509 *
leaf_make(const struct make_ca *ca, EVP_PKEY *key, const char *san, long life_s)
{
	static long serial = 0x1000;
	X509 *cert = X509_new();

	ck_assert_int_eq(X509_set_version(cert, X509_VERSION_3), 1);
	ck_assert_int_eq(ASN1_INTEGER_set(X509_get_serialNumber(cert), serial++), 1);
	(void)X509_gmtime_adj(X509_getm_notBefore(cert), -60);
	(void)X509_gmtime_adj(X509_getm_notAfter(cert), life_s);
	ck_assert_int_eq(X509_set_issuer_name(cert, X509_get_subject_name(ca->cert)), 1);
	ck_assert_int_eq(X509_set_pubkey(cert, key), 1);
	if (san != NULL) {
		make_ca_ext(cert, NID_subject_alt_name, san);
	}
	ck_assert_int_gt(X509_sign(cert, ca->key, EVP_sha256()), 0);
	return cert;
}

/* The caller frees it. */
static inline char *
leaf_pem(X509 *cert)
{
	BIO *bio = BIO_new(BIO_s_mem());
	char *ptr = NULL;
	char *text;
	long len;

	ck_assert_int_eq(PEM_write_bio_X509(bio, cert), 1);
	len = BIO_get_mem_data(bio, &ptr);
	text = base_xasprintf("%.*s", (int)len, ptr);
	(void)BIO_free(bio);
	return text;
}

static inline char *
leaf_key_pem(EVP_PKEY *key)
{
	BIO *bio = BIO_new(BIO_s_mem());
	char *ptr = NULL;
	char *text;
	long len;

	ck_assert_int_eq(PEM_write_bio_PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL), 1);
	len = BIO_get_mem_data(bio, &ptr);
	text = base_xasprintf("%.*s", (int)len, ptr);
	(void)BIO_free(bio);
	return text;
}

#endif
