/* SPDX-License-Identifier: Apache-2.0 */
#include "ca/keyfile.h"

#include <fcntl.h>
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/enc.h"
#include "tests/unit/check_main.h"

static char dir[] = "/tmp/meshca-keyfile-XXXXXX";
static int dir_fd;

static struct base_secret *
secret(const char *text)
{
	struct base_secret *made = base_secret_new(strlen(text));

	base_copy(base_secret_ptr(made), text, strlen(text));
	return made;
}

/* A self-signed certificate by OpenSSL's own builder. */
static struct base_span
certify(EVP_PKEY *key, unsigned char **der)
{
	X509 *x509 = X509_new();
	int len;

	ck_assert(X509_set_version(x509, 2) == 1);
	ASN1_INTEGER_set(X509_get_serialNumber(x509), 7);
	X509_gmtime_adj(X509_getm_notBefore(x509), 0);
	X509_gmtime_adj(X509_getm_notAfter(x509), 3600);
	ck_assert(X509_set_pubkey(x509, key) == 1);
	ck_assert(X509_sign(x509, key, EVP_sha256()) > 0);
	*der = NULL;
	len = i2d_X509(x509, der);
	ck_assert(len > 0);
	X509_free(x509);
	return base_span_of(*der, (size_t)len);
}

static struct keyfile *
read_back(const char *name)
{
	int fd = openat(dir_fd, name, O_RDONLY | O_CLOEXEC);
	struct keyfile *keyfile;

	ck_assert(fd >= 0);
	keyfile = keyfile_read(fd);
	close(fd);
	return keyfile;
}

START_TEST(round_trip)
{
	static const enum config_key_alg ALGS[] = {
	    CONFIG_KEY_P256, CONFIG_KEY_P384, CONFIG_KEY_RSA2048};
	struct base_secret *good = secret("correct horse");
	struct base_secret *bad = secret("incorrect horse");

	for (size_t i = 0; i < 3; i++) {
		EVP_PKEY *key = keyfile_generate(ALGS[i]);
		EVP_PKEY *again = NULL;
		unsigned char *der;
		struct base_span cert = certify(key, &der);
		struct base_span certs[2] = {cert, cert};
		struct keyfile *keyfile;

		ck_assert(keyfile_write(dir_fd, "a.pem", key, good, certs, 2) == MC_OK);
		keyfile = read_back("a.pem");
		ck_assert_ptr_nonnull(keyfile);
		ck_assert(keyfile_cert_count(keyfile) == 2);
		ck_assert(base_span_equal(keyfile_cert(keyfile, 1), cert));
		ck_assert(keyfile_open(keyfile, bad, &again) == MC_EPASSPHRASE);
		ck_assert_ptr_null(again);
		ck_assert(keyfile_open(keyfile, good, &again) == MC_OK);
		ck_assert(EVP_PKEY_eq(key, again) == 1);
		keyfile_free(keyfile);
		EVP_PKEY_free(again);
		EVP_PKEY_free(key);
		OPENSSL_free(der);
	}
	base_secret_free(good);
	base_secret_free(bad);
}
END_TEST

START_TEST(file_is_private_and_encrypted)
{
	EVP_PKEY *key = keyfile_generate(CONFIG_KEY_P256);
	struct base_secret *good = secret("pass");
	struct base_secret *none = secret("");
	unsigned char *der;
	struct base_span cert = certify(key, &der);
	struct stat st;
	char text[4096];
	ssize_t len;
	int fd;

	/* What a killed run leaves must not be in the way. */
	fd = openat(dir_fd, ".b.pem.new", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	ck_assert(fd >= 0);
	close(fd);
	ck_assert(keyfile_write(dir_fd, "b.pem", key, none, &cert, 1) == MC_EUSAGE);
	ck_assert(keyfile_write(dir_fd, "b.pem", key, good, &cert, 1) == MC_OK);
	ck_assert(faccessat(dir_fd, ".b.pem.new", F_OK, 0) != 0);
	ck_assert(fstatat(dir_fd, "b.pem", &st, 0) == 0);
	ck_assert((st.st_mode & 07777) == 0600);
	fd = openat(dir_fd, "b.pem", O_RDONLY | O_CLOEXEC);
	len = read(fd, text, sizeof(text) - 1);
	close(fd);
	ck_assert(len > 0);
	text[len] = '\0';
	ck_assert(strstr(text, "-----BEGIN ENCRYPTED PRIVATE KEY-----") == text);
	ck_assert_ptr_null(strstr(text, "BEGIN PRIVATE KEY"));
	base_secret_free(good);
	base_secret_free(none);
	EVP_PKEY_free(key);
	OPENSSL_free(der);
}
END_TEST

START_TEST(another_certificates_key_is_refused)
{
	EVP_PKEY *one = keyfile_generate(CONFIG_KEY_P256);
	EVP_PKEY *two = keyfile_generate(CONFIG_KEY_P256);
	EVP_PKEY *opened = NULL;
	struct base_secret *good = secret("pass");
	unsigned char *der;
	struct base_span cert = certify(two, &der);
	struct keyfile *keyfile;

	ck_assert(keyfile_write(dir_fd, "c.pem", one, good, &cert, 1) == MC_OK);
	keyfile = read_back("c.pem");
	ck_assert(keyfile_open(keyfile, good, &opened) == MC_ECRYPTO);
	ck_assert_ptr_null(opened);
	keyfile_free(keyfile);
	base_secret_free(good);
	EVP_PKEY_free(one);
	EVP_PKEY_free(two);
	OPENSSL_free(der);
}
END_TEST

static void
expect_refused(const char *text)
{
	int fd = openat(dir_fd, "d.pem", O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	struct keyfile *keyfile;

	ck_assert(write(fd, text, strlen(text)) == (ssize_t)strlen(text));
	ck_assert(lseek(fd, 0, SEEK_SET) == 0);
	keyfile = keyfile_read(fd);
	ck_assert_ptr_null(keyfile);
	ck_assert(mc_err_last()->code == MC_EENCODING);
	close(fd);
}

START_TEST(malformed_files)
{
	expect_refused("");
	expect_refused("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n");
	expect_refused("-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n"
	               "-----END ENCRYPTED PRIVATE KEY-----\n");
	expect_refused("-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n"
	               "-----END ENCRYPTED PRIVATE KEY-----\n"
	               "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"
	               "trailing\n");
}
END_TEST

START_TEST(public_keys)
{
	static const struct {
		enum config_key_alg alg;
		enum msg_key_alg typed;
		size_t len;
	} ROWS[] = {{CONFIG_KEY_P256, MSG_KEY_P256, 65}, {CONFIG_KEY_P384, MSG_KEY_P384, 97},
	    {CONFIG_KEY_RSA2048, MSG_KEY_RSA, 256}};

	for (size_t i = 0; i < 3; i++) {
		EVP_PKEY *key = keyfile_generate(ROWS[i].alg);
		enum msg_key_alg typed = MSG_KEY_INVALID;
		struct base_buf out;

		base_buf_init(&out, LIMIT_KEY_BYTES);
		ck_assert(keyfile_public(key, &typed, &out) == MC_OK);
		ck_assert(typed == ROWS[i].typed);
		ck_assert(out.len == ROWS[i].len);
		base_buf_clear(&out);
		EVP_PKEY_free(key);
	}
}
END_TEST

static void
remove_dir(void)
{
	(void)unlinkat(dir_fd, "a.pem", 0);
	(void)unlinkat(dir_fd, "b.pem", 0);
	(void)unlinkat(dir_fd, "c.pem", 0);
	(void)unlinkat(dir_fd, "d.pem", 0);
	(void)rmdir(dir);
}

START_TEST(make_dir)
{
	ck_assert_ptr_nonnull(mkdtemp(dir));
	dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	ck_assert(dir_fd >= 0);
	atexit(remove_dir);
}
END_TEST

CHECK_MAIN("ca_keyfile", make_dir, round_trip, file_is_private_and_encrypted,
    another_certificates_key_is_refused, malformed_files, public_keys)
