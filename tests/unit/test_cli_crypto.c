/* SPDX-License-Identifier: Apache-2.0 */
#include "api/cli_crypto.h"

#include <check.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/crypto.h"

static EVP_PKEY *
read_pem(const struct base_buf *pem)
{
	BIO *bio = BIO_new_mem_buf(pem->ptr, (int)pem->len);
	EVP_PKEY *pkey = PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL);

	ck_assert_int_eq(BIO_free(bio), 1);
	ck_assert_ptr_nonnull(pkey);
	return pkey;
}

static EVP_PKEY *
pkey_of(const struct cli_key *key)
{
	struct base_buf pem;
	EVP_PKEY *pkey;

	base_buf_init(&pem, 16384);
	ck_assert_int_eq(cli_key_pem(key, &pem), MC_OK);
	pkey = read_pem(&pem);
	base_buf_clear(&pem);
	return pkey;
}

START_TEST(test_key_types)
{
	ck_assert_int_eq(cli_key_type_parse("p256"), CLI_KEY_P256);
	ck_assert_int_eq(cli_key_type_parse("rsa-2048"), CLI_KEY_RSA2048);
	ck_assert_int_eq(cli_key_type_parse("dsa"), CLI_KEY_INVALID);
}
END_TEST

START_TEST(test_public_keys)
{
	struct cli_key *p256 = cli_key_generate(CLI_KEY_P256);
	struct cli_key *rsa = cli_key_generate(CLI_KEY_RSA2048);
	enum msg_key_alg alg = MSG_KEY_INVALID;
	struct base_buf out;

	base_buf_init(&out, 1024);
	ck_assert_int_eq(cli_key_public(p256, &out, &alg), MC_OK);
	ck_assert_int_eq(alg, MSG_KEY_P256);
	ck_assert_uint_eq(out.len, 65);
	ck_assert_uint_eq(out.ptr[0], 4);
	base_buf_reset(&out);
	ck_assert_int_eq(cli_key_public(rsa, &out, &alg), MC_OK);
	ck_assert_int_eq(alg, MSG_KEY_RSA);
	ck_assert_uint_eq(out.len, 256);
	ck_assert_uint_ge(out.ptr[0], 0x80);
	base_buf_clear(&out);
	cli_key_free(p256);
	cli_key_free(rsa);
}
END_TEST

static X509_REQ *
make_csr(const struct cli_key *key, const char *uri, const char *const *dns, size_t count)
{
	struct base_buf out;
	X509_REQ *req;
	BIO *bio;

	base_buf_init(&out, 16384);
	ck_assert_int_eq(cli_key_csr(key, uri, dns, count, &out), MC_OK);
	bio = BIO_new_mem_buf(out.ptr, (int)out.len);
	req = PEM_read_bio_X509_REQ(bio, NULL, NULL, NULL);
	ck_assert_ptr_nonnull(req);
	(void)BIO_free(bio);
	base_buf_clear(&out);
	return req;
}

/* As ztunnel makes it: empty subject, one critical extension, the SAN. */
START_TEST(test_csr)
{
	static const char *const DNS[] = {"a.example", "b.example"};
	struct cli_key *key = cli_key_generate(CLI_KEY_P256);
	X509_REQ *req = make_csr(key, "spiffe://td/ns/a/sa/b", DNS, 2);
	STACK_OF(X509_EXTENSION) *list = X509_REQ_get_extensions(req);
	GENERAL_NAMES *names;

	ck_assert_int_eq(X509_REQ_verify(req, X509_REQ_get0_pubkey(req)), 1);
	ck_assert_int_eq(X509_NAME_entry_count(X509_REQ_get_subject_name(req)), 0);
	ck_assert_int_eq(sk_X509_EXTENSION_num(list), 1);
	ck_assert_int_eq(X509_EXTENSION_get_critical(sk_X509_EXTENSION_value(list, 0)), 1);
	names = X509V3_get_d2i(list, NID_subject_alt_name, NULL, NULL);
	ck_assert_int_eq(sk_GENERAL_NAME_num(names), 3);
	ck_assert_int_eq(sk_GENERAL_NAME_value(names, 0)->type, GEN_URI);
	ck_assert_int_eq(sk_GENERAL_NAME_value(names, 2)->type, GEN_DNS);
	GENERAL_NAMES_free(names);
	sk_X509_EXTENSION_pop_free(list, X509_EXTENSION_free);
	X509_REQ_free(req);
	req = make_csr(key, NULL, NULL, 0);
	ck_assert_int_eq(X509_REQ_get_attr_count(req), 0);
	X509_REQ_free(req);
	cli_key_free(key);
}
END_TEST

START_TEST(test_signature)
{
	struct cli_key *key = cli_key_generate(CLI_KEY_P256);
	struct cli_key *rsa = cli_key_generate(CLI_KEY_RSA2048);
	EVP_PKEY *pkey = pkey_of(key);
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	struct base_buf sig;

	base_buf_init(&sig, 256);
	ck_assert_int_eq(cli_key_sign(key, base_span_str("text"), &sig), MC_OK);
	ck_assert_int_eq(EVP_DigestVerifyInit(ctx, NULL, EVP_sha256(), NULL, pkey), 1);
	ck_assert_int_eq(EVP_DigestVerify(ctx, sig.ptr, sig.len, (const uint8_t *)"text", 4), 1);
	ck_assert_int_eq(cli_key_sign(rsa, base_span_str("text"), &sig), MC_EUSAGE);
	EVP_MD_CTX_free(ctx);
	EVP_PKEY_free(pkey);
	base_buf_clear(&sig);
	cli_key_free(key);
	cli_key_free(rsa);
}
END_TEST

/* A certificate for subject's key, signed by issuer, in PEM. */
static void
append_cert(struct base_buf *out, EVP_PKEY *subject, EVP_PKEY *issuer, const char *uri, long life_s)
{
	X509 *cert = X509_new();
	X509_NAME *name = X509_NAME_new();
	X509V3_CTX ctx;
	X509_EXTENSION *ext;
	char value[256];
	BIO *bio = BIO_new(BIO_s_mem());
	char *ptr = NULL;
	long len;

	(void)X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const uint8_t *)"ca", -1, -1, 0);
	ck_assert_int_eq(X509_set_version(cert, 2), 1);
	(void)ASN1_INTEGER_set(X509_get_serialNumber(cert), 0x1234);
	(void)X509_set_issuer_name(cert, name);
	if (subject == issuer) {
		(void)X509_set_subject_name(cert, name);
	}
	(void)X509_gmtime_adj(X509_getm_notBefore(cert), -120);
	(void)X509_gmtime_adj(X509_getm_notAfter(cert), life_s);
	(void)X509_set_pubkey(cert, subject);
	X509V3_set_ctx(&ctx, cert, cert, NULL, NULL, 0);
	ctx.db = NULL;
	(void)snprintf(value, sizeof(value), uri == NULL ? "critical,CA:TRUE" : "URI:%s", uri);
	ext = X509V3_EXT_conf_nid(NULL, &ctx,
	    uri == NULL ? NID_basic_constraints : NID_subject_alt_name, value);
	ck_assert_ptr_nonnull(ext);
	(void)X509_add_ext(cert, ext, -1);
	X509_EXTENSION_free(ext);
	ck_assert_int_gt(X509_sign(cert, issuer, EVP_sha256()), 0);
	ck_assert_int_eq(PEM_write_bio_X509(bio, cert), 1);
	len = BIO_get_mem_data(bio, &ptr);
	base_buf_append(out, ptr, (size_t)len);
	(void)BIO_free(bio);
	X509_NAME_free(name);
	X509_free(cert);
}

START_TEST(test_cert_check)
{
	static const char ID[] = "spiffe://td/ns/a/sa/b";
	struct cli_key *key = cli_key_generate(CLI_KEY_P256);
	struct cli_key *other = cli_key_generate(CLI_KEY_P256);
	EVP_PKEY *leaf = pkey_of(key);
	EVP_PKEY *ca = pkey_of(other);
	struct cli_cert cert;
	struct base_buf good, expired, anchor, foreign;

	base_buf_init(&good, 16384);
	base_buf_init(&expired, 16384);
	base_buf_init(&anchor, 16384);
	base_buf_init(&foreign, 16384);
	append_cert(&good, leaf, ca, ID, 3600);
	append_cert(&expired, leaf, ca, ID, -60);
	append_cert(&anchor, ca, ca, NULL, 7200);
	append_cert(&foreign, leaf, leaf, NULL, 7200);
	ck_assert_int_eq(cli_cert_check(base_buf_span(&good), base_buf_span(&anchor), key, ID, &cert),
	    MC_OK);
	ck_assert_str_eq(cert.identity, ID);
	ck_assert_str_eq(cert.serial, "1234");
	ck_assert_int_eq(cert.not_after_at - cert.not_before_at, 3720);
	ck_assert_int_le(llabs(cert.not_after_at - base_clock_now() - 3600), 5);
#define CHECK(pem, anchors, k, id)                                                               \
	cli_cert_check(base_buf_span(pem), base_buf_span(anchors), (k), (id), &cert)
	ck_assert_int_eq(CHECK(&good, &anchor, other, ID), MC_EPOLICY);
	ck_assert_int_eq(CHECK(&good, &anchor, key, "spiffe://td/ns/a/sa/c"), MC_EPOLICY);
	ck_assert_int_eq(CHECK(&good, &foreign, key, ID), MC_EPOLICY);
	ck_assert_int_eq(CHECK(&expired, &anchor, key, ID), MC_EPOLICY);
	ck_assert_int_eq(CHECK(&good, &anchor, key, NULL), MC_OK);
	base_buf_reset(&good);
	base_buf_append_str(&good, "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
	ck_assert_int_eq(CHECK(&good, &anchor, key, ID), MC_EPOLICY);
	base_buf_clear(&good);
	base_buf_clear(&expired);
	base_buf_clear(&anchor);
	base_buf_clear(&foreign);
	EVP_PKEY_free(leaf);
	EVP_PKEY_free(ca);
	cli_key_free(key);
	cli_key_free(other);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("cli_crypto");
	TCase *tcase = tcase_create("all");
	SRunner *runner;
	int failed;

	tcase_add_test(tcase, test_key_types);
	tcase_add_test(tcase, test_public_keys);
	tcase_add_test(tcase, test_csr);
	tcase_add_test(tcase, test_signature);
	tcase_add_test(tcase, test_cert_check);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
