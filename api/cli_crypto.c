/* SPDX-License-Identifier: Apache-2.0 */
#include "api/cli_crypto.h"

#include <openssl/bio.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/enc.h"
#include "base/mem.h"

struct cli_key {
	EVP_PKEY *pkey;
};

/* The library's own reason, and its queue emptied. */
static enum mc_err
fail_crypto(const char *what)
{
	char text[160];
	unsigned long code = ERR_peek_last_error();

	ERR_error_string_n(code, text, sizeof(text));
	ERR_clear_error();
	return MC_FAIL(MC_ECRYPTO, "%s: %s", what, text);
}

enum cli_key_type
cli_key_type_parse(const char *text)
{
	if (strcmp(text, "p256") == 0 || strcmp(text, "p-256") == 0) {
		return CLI_KEY_P256;
	}
	if (strcmp(text, "rsa2048") == 0 || strcmp(text, "rsa-2048") == 0) {
		return CLI_KEY_RSA2048;
	}
	return CLI_KEY_INVALID;
}

void
cli_key_free(struct cli_key *key)
{
	if (key == NULL) {
		return;
	}
	EVP_PKEY_free(key->pkey);
	free(key);
}

static struct cli_key *
key_wrap(EVP_PKEY *pkey, const char *what)
{
	struct cli_key *key;

	if (pkey == NULL) {
		(void)fail_crypto(what);
		return NULL;
	}
	key = base_xcalloc(1, sizeof(*key));
	key->pkey = pkey;
	return key;
}

struct cli_key *
cli_key_generate(enum cli_key_type type)
{
	if (type == CLI_KEY_RSA2048) {
		return key_wrap(EVP_RSA_gen(2048), "making a key");
	}
	return key_wrap(EVP_EC_gen("P-256"), "making a key");
}

/* Asks nobody: a key under a passphrase is refused instead of a prompt from the library. */
static int
no_passphrase(char *buf, int size, int rwflag, void *self)
{
	(void)buf;
	(void)size;
	(void)rwflag;
	(void)self;
	return -1;
}

struct cli_key *
cli_key_read(const char *path)
{
	BIO *bio = BIO_new_file(path, "r");
	EVP_PKEY *pkey;

	if (bio == NULL) {
		ERR_clear_error();
		(void)MC_FAIL(MC_EIO, "%s: cannot be read", path);
		return NULL;
	}
	pkey = PEM_read_bio_PrivateKey(bio, NULL, no_passphrase, NULL);
	(void)BIO_free(bio);
	return key_wrap(pkey, path);
}

static void
append_bio(struct base_buf *out, BIO *bio)
{
	char *ptr = NULL;
	long len = BIO_get_mem_data(bio, &ptr);

	if (len > 0) {
		base_buf_append(out, ptr, (size_t)len);
	}
}

enum mc_err
cli_key_pem(const struct cli_key *key, struct base_buf *out)
{
	BIO *bio = BIO_new(BIO_s_secmem());
	enum mc_err ret;

	if (bio == NULL ||
	    PEM_write_bio_PKCS8PrivateKey(bio, key->pkey, NULL, NULL, 0, NULL, NULL) != 1) {
		ret = fail_crypto("writing a key");
	} else {
		append_bio(out, bio);
		ret = MC_OK;
	}
	(void)BIO_free(bio);
	return ret;
}

enum mc_err
cli_key_public(const struct cli_key *key, struct base_buf *out, enum msg_key_alg *alg)
{
	uint8_t bytes[LIMIT_KEY_BYTES];
	size_t len = 0;

	if (EVP_PKEY_is_a(key->pkey, "EC")) {
		if (EVP_PKEY_get_bits(key->pkey) != 256 ||
		    EVP_PKEY_get_octet_string_param(key->pkey, OSSL_PKEY_PARAM_PUB_KEY, bytes,
			sizeof(bytes), &len) != 1 || len != 65 || bytes[0] != 4) {
			return fail_crypto("reading a P-256 public key");
		}
		*alg = MSG_KEY_P256;
	} else {
		BIGNUM *modulus = NULL;
		int size;

		if (EVP_PKEY_get_bn_param(key->pkey, OSSL_PKEY_PARAM_RSA_N, &modulus) != 1) {
			return fail_crypto("reading an RSA public key");
		}
		size = BN_num_bytes(modulus);
		if (size > 0 && (size_t)size <= sizeof(bytes)) {
			len = (size_t)BN_bn2bin(modulus, bytes);
		}
		BN_free(modulus);
		if (len == 0) {
			return MC_FAIL(MC_ECSR_KEY_SIZE, "an RSA key of %d bytes", size);
		}
		*alg = MSG_KEY_RSA;
	}
	base_buf_append(out, bytes, len);
	return MC_OK;
}

/* The one extension: a critical SAN, as the subject is empty (RFC 5280 4.2.1.6). */
static bool
add_san(X509_REQ *req, const char *uri, const char *const *dns_names, size_t dns_count)
{
	GENERAL_NAMES *names = sk_GENERAL_NAME_new_null();
	STACK_OF(X509_EXTENSION) *extensions = NULL;
	bool ok = names != NULL;

	for (size_t i = 0; ok && i < dns_count + 1; i++) {
		const char *text = i == 0 ? uri : dns_names[i - 1];
		GENERAL_NAME *name;
		ASN1_IA5STRING *string;

		if (text == NULL) {
			continue;
		}
		name = GENERAL_NAME_new();
		string = ASN1_IA5STRING_new();
		ok = name != NULL && string != NULL && ASN1_STRING_set(string, text, -1) == 1;
		if (!ok) {
			GENERAL_NAME_free(name);
			ASN1_IA5STRING_free(string);
			break;
		}
		GENERAL_NAME_set0_value(name, i == 0 ? GEN_URI : GEN_DNS, string);
		ok = sk_GENERAL_NAME_push(names, name) > 0;
	}
	ok = ok && X509V3_add1_i2d(&extensions, NID_subject_alt_name, names, 1, 0) == 1 &&
	    X509_REQ_add_extensions(req, extensions) == 1;
	sk_X509_EXTENSION_pop_free(extensions, X509_EXTENSION_free);
	GENERAL_NAMES_free(names);
	return ok;
}

enum mc_err
cli_key_csr(const struct cli_key *key, const char *uri, const char *const *dns_names,
    size_t dns_count, struct base_buf *out)
{
	X509_REQ *req = X509_REQ_new();
	BIO *bio = BIO_new(BIO_s_mem());
	enum mc_err ret = MC_EINTERNAL;

	if (req == NULL || bio == NULL || X509_REQ_set_pubkey(req, key->pkey) != 1 ||
	    ((uri != NULL || dns_count > 0) && !add_san(req, uri, dns_names, dns_count)) ||
	    X509_REQ_sign(req, key->pkey, EVP_sha256()) <= 0 ||
	    PEM_write_bio_X509_REQ(bio, req) != 1) {
		ret = fail_crypto("making a CSR");
		goto out;
	}
	append_bio(out, bio);
	ret = MC_OK;
out:
	X509_REQ_free(req);
	(void)BIO_free(bio);
	return ret;
}

enum mc_err
cli_key_sign(const struct cli_key *key, struct base_span message, struct base_buf *out)
{
	EVP_MD_CTX *ctx;
	uint8_t sig[128];
	size_t len = sizeof(sig);
	enum mc_err ret;

	if (!EVP_PKEY_is_a(key->pkey, "EC") || EVP_PKEY_get_bits(key->pkey) != 256) {
		return MC_FAIL(MC_EUSAGE, "an approval needs a P-256 key");
	}
	ctx = EVP_MD_CTX_new();
	if (ctx == NULL ||
	    EVP_DigestSignInit_ex(ctx, NULL, "SHA256", NULL, NULL, key->pkey, NULL) != 1 ||
	    EVP_DigestSign(ctx, sig, &len, message.ptr, message.len) != 1) {
		ret = fail_crypto("signing");
	} else {
		base_buf_append(out, sig, len);
		ret = MC_OK;
	}
	EVP_MD_CTX_free(ctx);
	return ret;
}

/* --- checking a certificate --- */

/* All certificates of a PEM text in order; NULL when there is none or one is broken. */
static STACK_OF(X509) *
certs_read(struct base_span pem)
{
	STACK_OF(X509) *certs = sk_X509_new_null();
	struct base_span rest = pem;
	struct base_buf der;
	enum mc_err err = MC_OK;

	base_buf_init(&der, LIMIT_CERT);
	while (certs != NULL && err == MC_OK) {
		const unsigned char *at;
		X509 *cert;

		base_buf_reset(&der);
		err = base_enc_unpem(&der, "CERTIFICATE", rest, &rest);
		if (err != MC_OK) {
			break;
		}
		at = der.ptr;
		cert = d2i_X509(NULL, &at, (long)der.len);
		if (cert == NULL || at != der.ptr + der.len || sk_X509_push(certs, cert) <= 0) {
			X509_free(cert);
			err = MC_FAIL(MC_EENCODING, "not a certificate");
		}
	}
	base_buf_clear(&der);
	if (certs != NULL && (err != MC_ENOTFOUND || sk_X509_num(certs) == 0)) {
		sk_X509_pop_free(certs, X509_free);
		certs = NULL;
	}
	ERR_clear_error();
	return certs;
}

static enum mc_err
chain_check(STACK_OF(X509) *chain, STACK_OF(X509) *anchors)
{
	X509_STORE *store = X509_STORE_new();
	X509_STORE_CTX *ctx = X509_STORE_CTX_new();
	enum mc_err ret = MC_EINTERNAL;

	if (store == NULL || ctx == NULL ||
	    X509_STORE_CTX_init(ctx, store, sk_X509_value(chain, 0), chain) != 1) {
		ret = fail_crypto("verifying");
		goto out;
	}
	X509_STORE_CTX_set0_trusted_stack(ctx, anchors);
	if (X509_verify_cert(ctx) != 1) {
		ret = MC_FAIL(MC_EPOLICY, "the certificate does not verify: %s",
		    X509_verify_cert_error_string(X509_STORE_CTX_get_error(ctx)));
		ERR_clear_error();
		goto out;
	}
	ret = MC_OK;
out:
	X509_STORE_CTX_free(ctx);
	X509_STORE_free(store);
	return ret;
}

static int64_t
asn1_time_at(const ASN1_TIME *time)
{
	ASN1_TIME *epoch = ASN1_TIME_set(NULL, 0);
	int days = 0;
	int seconds = 0;

	(void)ASN1_TIME_diff(&days, &seconds, epoch, time);
	ASN1_TIME_free(epoch);
	return (int64_t)days * 86400 + seconds;
}

/* Takes the first URI name, and counts them: an X509-SVID has exactly one. */
static void
read_identity(X509 *leaf, struct cli_cert *out, int *uri_count)
{
	GENERAL_NAMES *names = X509_get_ext_d2i(leaf, NID_subject_alt_name, NULL, NULL);

	*uri_count = 0;
	for (int i = 0; i < sk_GENERAL_NAME_num(names); i++) {
		int type = 0;
		const ASN1_STRING *value =
		    GENERAL_NAME_get0_value(sk_GENERAL_NAME_value(names, i), &type);
		int len;

		if (type != GEN_URI) {
			continue;
		}
		*uri_count += 1;
		len = ASN1_STRING_length(value);
		if (*uri_count == 1 && len >= 0 && (size_t)len < sizeof(out->identity)) {
			base_copy(out->identity, ASN1_STRING_get0_data(value), (size_t)len);
		}
	}
	GENERAL_NAMES_free(names);
}

static void
read_serial(X509 *leaf, struct cli_cert *out)
{
	const ASN1_INTEGER *serial = X509_get0_serialNumber(leaf);
	int len = ASN1_STRING_length(serial);

	if (len > 0 && len <= LIMIT_SERIAL) {
		base_enc_hex(ASN1_STRING_get0_data(serial), (size_t)len, out->serial);
	}
}

enum mc_err
cli_cert_check(struct base_span pem, struct base_span anchors_pem, const struct cli_key *key,
    const char *identity, struct cli_cert *out)
{
	STACK_OF(X509) *chain = certs_read(pem);
	STACK_OF(X509) *anchors = certs_read(anchors_pem);
	struct cli_cert cert = {.serial = ""};
	enum mc_err ret = MC_EINTERNAL;
	int uri_count = 0;
	X509 *leaf;

	if (chain == NULL || anchors == NULL) {
		ret = MC_FAIL(MC_EPOLICY, "the answer holds no readable certificates");
		goto out;
	}
	leaf = sk_X509_value(chain, 0);
	if (EVP_PKEY_eq(X509_get0_pubkey(leaf), key->pkey) != 1) {
		ret = MC_FAIL(MC_EPOLICY, "the certificate is for another key");
		goto out;
	}
	read_identity(leaf, &cert, &uri_count);
	if (identity != NULL && (uri_count != 1 || strcmp(cert.identity, identity) != 0)) {
		ret = MC_FAIL(MC_EPOLICY, "the certificate is for %s, not for %s",
		    cert.identity, identity);
		goto out;
	}
	ret = chain_check(chain, anchors);
	if (ret != MC_OK) {
		goto out;
	}
	read_serial(leaf, &cert);
	cert.not_before_at = asn1_time_at(X509_get0_notBefore(leaf));
	cert.not_after_at = asn1_time_at(X509_get0_notAfter(leaf));
	*out = cert;
out:
	sk_X509_pop_free(chain, X509_free);
	sk_X509_pop_free(anchors, X509_free);
	return ret;
}
