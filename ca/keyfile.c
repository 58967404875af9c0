/* SPDX-License-Identifier: Apache-2.0 */
#include "ca/keyfile.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pkcs12.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/crypto.h"
#include "base/enc.h"

#define LABEL_KEY  "ENCRYPTED PRIVATE KEY"
#define LABEL_CERT "CERTIFICATE"

/* DESIGN 3: OpenSSL 3.0's memory cap for scrypt refuses more. */
#define SCRYPT_N    16384
#define SCRYPT_R    8
#define SCRYPT_P    8
#define SCRYPT_SALT 16

struct keyfile {
	struct base_buf key; /* EncryptedPrivateKeyInfo, DER */
	struct base_buf certs[KEYFILE_CERTS_MAX];
	size_t cert_count;
};

void
keyfile_free(struct keyfile *keyfile)
{
	if (keyfile == NULL) {
		return;
	}
	base_buf_clear(&keyfile->key);
	for (size_t i = 0; i < KEYFILE_CERTS_MAX; i++) {
		base_buf_clear(&keyfile->certs[i]);
	}
	free(keyfile);
}

/* Takes the text apart. Every byte must belong to the key or a certificate. */
static enum mc_err
parse(struct keyfile *keyfile, struct base_span text)
{
	struct base_span rest;
	enum mc_err ret = base_enc_unpem(&keyfile->key, LABEL_KEY, text, &rest);

	if (ret == MC_ENOTFOUND) {
		return MC_FAIL(MC_EENCODING, "a key file without an encrypted private key");
	}
	while (ret == MC_OK && keyfile->cert_count < KEYFILE_CERTS_MAX) {
		ret = base_enc_unpem(&keyfile->certs[keyfile->cert_count], LABEL_CERT, rest,
		    &rest);
		if (ret == MC_OK) {
			keyfile->cert_count++;
		}
	}
	if (ret == MC_ENOTFOUND && keyfile->cert_count > 0) {
		ret = MC_OK;
	}
	if (ret != MC_OK) {
		return ret == MC_ENOTFOUND
		           ? MC_FAIL(MC_EENCODING, "a key file without a certificate")
		           : ret;
	}
	for (size_t i = 0; i < rest.len; i++) {
		if (rest.ptr[i] != '\n') {
			return MC_FAIL(MC_EENCODING,
			    "text after the certificates of a key file");
		}
	}
	return MC_OK;
}

struct keyfile *
keyfile_read(int fd)
{
	struct base_secret *text = base_secret_read_fd(fd, KEYFILE_MAX);
	struct keyfile *keyfile = NULL;

	if (text == NULL) {
		return NULL;
	}
	keyfile = base_xcalloc(1, sizeof(*keyfile));
	base_buf_init(&keyfile->key, KEYFILE_MAX);
	for (size_t i = 0; i < KEYFILE_CERTS_MAX; i++) {
		base_buf_init(&keyfile->certs[i], LIMIT_CERT);
	}
	if (parse(keyfile,
	        base_span_of(base_secret_ptr(text), base_secret_len(text))) != MC_OK) {
		keyfile_free(keyfile);
		keyfile = NULL;
	}
	base_secret_free(text);
	return keyfile;
}

size_t
keyfile_cert_count(const struct keyfile *keyfile)
{
	return keyfile->cert_count;
}

struct base_span
keyfile_cert(const struct keyfile *keyfile, size_t index)
{
	return index < keyfile->cert_count ? base_buf_span(&keyfile->certs[index])
	                                   : base_span_of(NULL, 0);
}

/* A mixed-up pair would sign what nobody can verify. */
static enum mc_err
check_pair(const EVP_PKEY *key, struct base_span cert)
{
	const unsigned char *at = cert.ptr;
	X509 *x509 = d2i_X509(NULL, &at, (long)cert.len);
	enum mc_err ret = MC_OK;

	if (x509 == NULL || at != cert.ptr + cert.len) {
		ret = MC_FAIL(MC_EENCODING, "a certificate in a key file is not DER");
	} else if (X509_check_private_key(x509, key) != 1) {
		ret = MC_FAIL(MC_ECRYPTO, "the key is not that of its certificate");
	}
	X509_free(x509);
	return ret;
}

enum mc_err
keyfile_open(const struct keyfile *keyfile, struct base_secret *passphrase, EVP_PKEY **key)
{
	const unsigned char *at = keyfile->key.ptr;
	X509_SIG *sealed = d2i_X509_SIG(NULL, &at, (long)keyfile->key.len);
	PKCS8_PRIV_KEY_INFO *info = NULL;
	EVP_PKEY *opened = NULL;
	enum mc_err ret = MC_EINTERNAL;

	if (sealed == NULL || at != keyfile->key.ptr + keyfile->key.len) {
		ret = MC_FAIL(MC_EENCODING, "an encrypted private key is not DER");
		goto out;
	}
	info = PKCS8_decrypt(sealed, (const char *)base_secret_ptr(passphrase),
	    (int)base_secret_len(passphrase));
	if (info == NULL) {
		ret = MC_FAIL(MC_EPASSPHRASE, "the key does not open");
		goto out;
	}
	opened = EVP_PKCS82PKEY(info);
	if (opened == NULL) {
		ret = MC_FAIL(MC_ECRYPTO, "a decrypted private key of an unknown kind");
		goto out;
	}
	ret = check_pair(opened, base_buf_span(&keyfile->certs[0]));
	if (ret == MC_OK) {
		*key = opened;
		opened = NULL;
	}
out:
	ERR_clear_error();
	EVP_PKEY_free(opened);
	PKCS8_PRIV_KEY_INFO_free(info);
	X509_SIG_free(sealed);
	return ret;
}

/* Appends the PEM of the encrypted key. */
static enum mc_err
seal(struct base_buf *out, const EVP_PKEY *key, struct base_secret *passphrase)
{
	PKCS8_PRIV_KEY_INFO *info = EVP_PKEY2PKCS8(key);
	X509_ALGOR *pbe = NULL;
	X509_SIG *sealed = NULL;
	unsigned char *der = NULL;
	unsigned char salt[SCRYPT_SALT];
	int len;
	enum mc_err ret = MC_EINTERNAL;

	base_crypto_random(salt, sizeof(salt));
	pbe = PKCS5_pbe2_set_scrypt(EVP_aes_256_cbc(), salt, sizeof(salt), NULL, SCRYPT_N,
	    SCRYPT_R, SCRYPT_P);
	if (info == NULL || pbe == NULL) {
		ret = MC_FAIL(MC_ECRYPTO, "encoding a private key");
		goto out;
	}
	sealed = PKCS8_set0_pbe((const char *)base_secret_ptr(passphrase),
	    (int)base_secret_len(passphrase), info, pbe);
	if (sealed == NULL) {
		ret = MC_FAIL(MC_ECRYPTO, "encrypting a private key");
		goto out;
	}
	pbe = NULL;
	len = i2d_X509_SIG(sealed, &der);
	if (len <= 0) {
		ret = MC_FAIL(MC_ECRYPTO, "encoding an encrypted private key");
		goto out;
	}
	base_enc_pem(out, LABEL_KEY, base_span_of(der, (size_t)len));
	ret = MC_OK;
out:
	ERR_clear_error();
	OPENSSL_free(der);
	X509_ALGOR_free(pbe);
	X509_SIG_free(sealed);
	PKCS8_PRIV_KEY_INFO_free(info);
	return ret;
}

static enum mc_err
write_all(int fd, struct base_span bytes)
{
	while (bytes.len > 0) {
		ssize_t put = write(fd, bytes.ptr, bytes.len);

		if (put < 0 && errno == EINTR) {
			continue;
		}
		if (put <= 0) {
			return MC_FAIL(MC_EIO, "writing a key file: %s", strerror(errno));
		}
		bytes.ptr += put;
		bytes.len -= (size_t)put;
	}
	return MC_OK;
}

/* The rename is what makes the new file the file; before it nothing is replaced. */
static enum mc_err
replace(int dir_fd, const char *name, struct base_span text)
{
	char temp[NAME_MAX + 1];
	int fd;
	enum mc_err ret;

	if (snprintf(temp, sizeof(temp), ".%s.new", name) >= (int)sizeof(temp)) {
		return MC_FAIL(MC_EUSAGE, "a key file's name is too long");
	}
	/* What an earlier run left when it was killed; only one ceremony runs at a time. */
	(void)unlinkat(dir_fd, temp, 0);
	fd = openat(dir_fd, temp, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0) {
		return MC_FAIL(MC_EIO, "creating %s: %s", name, strerror(errno));
	}
	ret = write_all(fd, text);
	if (ret == MC_OK && fsync(fd) != 0) {
		ret = MC_FAIL(MC_EIO, "syncing %s: %s", name, strerror(errno));
	}
	if (close(fd) != 0 && ret == MC_OK) {
		ret = MC_FAIL(MC_EIO, "closing %s: %s", name, strerror(errno));
	}
	if (ret == MC_OK && renameat(dir_fd, temp, dir_fd, name) != 0) {
		ret = MC_FAIL(MC_EIO, "renaming %s: %s", name, strerror(errno));
	}
	if (ret == MC_OK && fsync(dir_fd) != 0) {
		ret = MC_FAIL(MC_EIO, "syncing the directory of %s: %s", name,
		    strerror(errno));
	}
	if (ret != MC_OK) {
		(void)unlinkat(dir_fd, temp, 0);
	}
	return ret;
}

enum mc_err
keyfile_write(int dir_fd, const char *name, const EVP_PKEY *key,
    struct base_secret *passphrase, const struct base_span *certs, size_t count)
{
	struct base_buf text;
	enum mc_err ret;

	if (base_secret_len(passphrase) == 0) {
		return MC_FAIL(MC_EUSAGE, "an empty passphrase protects nothing");
	}
	if (count == 0 || count > KEYFILE_CERTS_MAX) {
		return MC_FAIL(MC_EUSAGE, "a key file with %zu certificates", count);
	}
	base_buf_init(&text, KEYFILE_MAX);
	ret = seal(&text, key, passphrase);
	for (size_t i = 0; ret == MC_OK && i < count; i++) {
		base_enc_pem(&text, LABEL_CERT, certs[i]);
	}
	if (ret == MC_OK && base_buf_failed(&text)) {
		ret = MC_FAIL(MC_ETOOBIG, "a key file would pass its limit");
	}
	if (ret == MC_OK) {
		ret = replace(dir_fd, name, base_buf_span(&text));
	}
	base_buf_clear(&text);
	return ret;
}

EVP_PKEY *
keyfile_generate(enum config_key_alg alg)
{
	EVP_PKEY *key = NULL;

	switch (alg) {
	case CONFIG_KEY_P256:
		key = EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256");
		break;
	case CONFIG_KEY_P384:
		key = EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-384");
		break;
	case CONFIG_KEY_RSA2048:
		key = EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)2048);
		break;
	case CONFIG_KEY_RSA3072:
		key = EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)3072);
		break;
	case CONFIG_KEY_RSA4096:
		key = EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)4096);
		break;
	case CONFIG_KEY_INVALID:
	default:
		break;
	}
	if (key == NULL) {
		ERR_clear_error();
		(void)MC_FAIL(MC_ECRYPTO, "generating a key");
	}
	return key;
}

static enum mc_err
public_point(EVP_PKEY *key, enum msg_key_alg *alg, struct base_buf *out)
{
	unsigned char *point = NULL;
	size_t len = EVP_PKEY_get1_encoded_public_key(key, &point);
	enum mc_err ret = MC_OK;

	if (len == 65 && EVP_PKEY_get_bits(key) == 256) {
		*alg = MSG_KEY_P256;
	} else if (len == 97 && EVP_PKEY_get_bits(key) == 384) {
		*alg = MSG_KEY_P384;
	} else {
		ret = MC_FAIL(MC_ECRYPTO, "an elliptic curve that we do not use");
	}
	if (ret == MC_OK) {
		base_buf_append(out, point, len);
	}
	OPENSSL_free(point);
	return ret;
}

static enum mc_err
public_modulus(const EVP_PKEY *key, enum msg_key_alg *alg, struct base_buf *out)
{
	BIGNUM *modulus = NULL;
	BIGNUM *exponent = NULL;
	uint8_t bytes[LIMIT_RSA_BYTES];
	enum mc_err ret = MC_EINTERNAL;

	if (EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_RSA_N, &modulus) != 1 ||
	    EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_RSA_E, &exponent) != 1 ||
	    BN_num_bytes(modulus) > LIMIT_RSA_BYTES || !BN_is_word(exponent, RSA_F4)) {
		ret = MC_FAIL(MC_ECRYPTO, "an RSA key that we do not use");
		goto out;
	}
	base_buf_append(out, bytes, (size_t)BN_bn2bin(modulus, bytes));
	*alg = MSG_KEY_RSA;
	ret = MC_OK;
out:
	BN_free(modulus);
	BN_free(exponent);
	return ret;
}

enum mc_err
keyfile_public(EVP_PKEY *key, enum msg_key_alg *alg, struct base_buf *out)
{
	enum mc_err ret;

	if (EVP_PKEY_is_a(key, "EC")) {
		ret = public_point(key, alg, out);
	} else if (EVP_PKEY_is_a(key, "RSA")) {
		ret = public_modulus(key, alg, out);
	} else {
		return MC_FAIL(MC_ECRYPTO, "a kind of key that we do not use");
	}
	ERR_clear_error();
	return ret == MC_OK && base_buf_failed(out)
	           ? MC_FAIL(MC_ETOOBIG, "a public key is longer than its buffer")
	           : ret;
}
