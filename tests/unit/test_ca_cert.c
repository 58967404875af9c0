/* SPDX-License-Identifier: Apache-2.0 */
/* What we build, OpenSSL must read as we meant it. */
#include "ca/cert.h"

#include "base/clock.h"
#include "base/crypto.h"
#include "check_main.h"
#include "leaf_make.h"

static X509 *
parse(const struct base_buf *der)
{
	const unsigned char *p = der->ptr;
	X509 *cert = d2i_X509(NULL, &p, (long)der->len);

	ck_assert_ptr_nonnull(cert);
	ck_assert(p == der->ptr + der->len);
	return cert;
}

static void
check_common(X509 *cert, const struct base_buf *der, const struct make_ca *ca, EVP_PKEY *key,
    bool critical_san)
{
	int critical = -1;

	ck_assert_int_eq(X509_verify(cert, ca->key), 1);
	ck_assert_int_eq(X509_get_version(cert), X509_VERSION_3);
	ck_assert_int_eq(EVP_PKEY_eq(X509_get0_pubkey(cert), key), 1);
	ck_assert_int_eq(X509_NAME_cmp(X509_get_issuer_name(cert),
			     X509_get_subject_name(ca->cert)), 0);
	/* X509_check_issued also compares the key identifiers */
	ck_assert_int_eq(X509_check_issued(ca->cert, cert), X509_V_OK);
	ck_assert_int_eq(X509_check_ca(cert), 0);
	BASIC_CONSTRAINTS *bc = X509_get_ext_d2i(cert, NID_basic_constraints, &critical, NULL);
	ck_assert_ptr_nonnull(bc);
	ck_assert_int_eq(bc->ca, 0);
	ck_assert_int_eq(critical, 1);
	BASIC_CONSTRAINTS_free(bc);
	ck_assert_ptr_nonnull(X509_get0_subject_key_id(cert));
	int at = X509_get_ext_by_NID(cert, NID_key_usage, -1);
	ck_assert_int_eq(X509_EXTENSION_get_critical(X509_get_ext(cert, at)), 1);
	at = X509_get_ext_by_NID(cert, NID_subject_alt_name, -1);
	ck_assert_int_eq(at >= 0, critical_san);
	if (critical_san) {
		ck_assert_int_eq(X509_EXTENSION_get_critical(X509_get_ext(cert, at)), 1);
	}
	/* made again by OpenSSL from what it read, the encoding is the same */
	unsigned char *again = NULL;
	int len = i2d_re_X509_tbs(cert, &again);
	ck_assert_int_gt(len, 0);
	struct cert_view view;
	ck_assert_int_eq(cert_view_parse(base_buf_span(der), &view), MC_OK);
	ck_assert(base_span_equal(view.tbs, base_span_of(again, (size_t)len)));
	OPENSSL_free(again);
}

static void
check_svid(const char *ca_alg, const char *leaf_alg, uint32_t usage)
{
	struct make_ca *ca = make_ca(ca_alg, "cluster.local", LEAF_NOW + 90 * 86400);
	EVP_PKEY *key = make_key(leaf_alg);
	struct make_public pub = make_public(key);
	struct cert_leaf leaf = leaf_svid(pub.alg, pub.key);
	struct issuer *issuer = issuer_new(ca->key, make_ca_der(ca));
	struct base_buf der;

	ck_assert_ptr_nonnull(issuer);
	issuer_set_sample(issuer, 1);
	base_buf_init(&der, LIMIT_CERT);
	ck_assert_int_eq(leaf_issue(issuer, &leaf, &der), MC_OK);
	X509 *cert = parse(&der);
	check_common(cert, &der, ca, key, true);
	ck_assert_uint_eq(X509_get_key_usage(cert), usage);
	ck_assert_uint_eq(X509_get_extended_key_usage(cert), XKU_SSL_SERVER | XKU_SSL_CLIENT);
	ck_assert_int_eq(X509_NAME_entry_count(X509_get_subject_name(cert)), 0);
	GENERAL_NAMES *names = X509_get_ext_d2i(cert, NID_subject_alt_name, NULL, NULL);
	ck_assert_int_eq(sk_GENERAL_NAME_num(names), 1);
	const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, 0);
	ck_assert_int_eq(name->type, GEN_URI);
	ck_assert_str_eq((const char *)ASN1_STRING_get0_data(name->d.uniformResourceIdentifier),
	    "spiffe://cluster.local/ns/ecotrack/sa/order-service");
	GENERAL_NAMES_free(names);
	BIGNUM *sn = ASN1_INTEGER_to_BN(X509_get0_serialNumber(cert), NULL);
	uint8_t got[CERT_SERIAL_LEN];
	ck_assert_int_eq(BN_bn2binpad(sn, got, sizeof(got)), (int)sizeof(got));
	ck_assert_mem_eq(got, leaf_serial, sizeof(got));
	BN_free(sn);
	ck_assert_int_eq(ASN1_TIME_cmp_time_t(X509_get0_notBefore(cert), LEAF_NOW - 120), 0);
	ck_assert_int_eq(ASN1_TIME_cmp_time_t(X509_get0_notAfter(cert), LEAF_NOW + 86400), 0);

	/* our own reader agrees, and the issuer recognises its child */
	struct cert_view view;
	ck_assert_int_eq(cert_view_parse(base_buf_span(&der), &view), MC_OK);
	ck_assert(base_span_equal(view.key, pub.key));
	ck_assert(!view.ca && view.server_auth && view.client_auth);
	ck_assert_int_eq(issuer_verify_leaf(issuer, &view, LEAF_NOW), MC_OK);

	X509_free(cert);
	base_buf_clear(&der);
	issuer_free(issuer);
	make_public_free(&pub);
	EVP_PKEY_free(key);
	make_ca_free(ca);
}

START_TEST(test_svid)
{
	check_svid("P-256", "P-256", KU_DIGITAL_SIGNATURE);
	check_svid("P-256", "RSA", KU_DIGITAL_SIGNATURE | KU_KEY_ENCIPHERMENT);
	check_svid("P-384", "P-256", KU_DIGITAL_SIGNATURE);
	check_svid("RSA", "P-384", KU_DIGITAL_SIGNATURE);
}
END_TEST

START_TEST(test_server_and_client)
{
	struct make_ca *ca = make_ca("P-256", "ops", LEAF_NOW + 90 * 86400);
	EVP_PKEY *key = make_key("P-256");
	struct make_public pub = make_public(key);
	struct base_span dns[2] = {base_span_str("localhost"), base_span_str("ca.example.org")};
	struct cert_leaf leaf = leaf_svid(pub.alg, pub.key);
	struct issuer *issuer = issuer_new(ca->key, make_ca_der(ca));
	struct base_buf der;

	base_buf_init(&der, LIMIT_CERT);
	leaf.id = (struct spiffe_id){0};
	leaf.profile = MSG_PROFILE_SERVER;
	leaf.dns = dns;
	leaf.dns_count = 2;
	ck_assert_int_eq(leaf_issue(issuer, &leaf, &der), MC_OK);
	X509 *cert = parse(&der);
	check_common(cert, &der, ca, key, true);
	ck_assert_uint_eq(X509_get_extended_key_usage(cert), XKU_SSL_SERVER);
	ck_assert_int_eq(X509_check_host(cert, "ca.example.org", 0, 0, NULL), 1);
	ck_assert_int_eq(X509_check_host(cert, "localhost", 0, 0, NULL), 1);
	X509_free(cert);

	base_buf_reset(&der);
	leaf.profile = MSG_PROFILE_CLIENT;
	leaf.dns_count = 0;
	leaf.name = base_span_str("ann");
	ck_assert_int_eq(leaf_issue(issuer, &leaf, &der), MC_OK);
	cert = parse(&der);
	check_common(cert, &der, ca, key, false);
	ck_assert_uint_eq(X509_get_extended_key_usage(cert), XKU_SSL_CLIENT);
	char *subject = X509_NAME_oneline(X509_get_subject_name(cert), NULL, 0);
	ck_assert_str_eq(subject, "/CN=ann");
	struct cert_view view;
	ck_assert_int_eq(cert_view_parse(base_buf_span(&der), &view), MC_OK);
	ck_assert(base_span_equal_str(cert_view_cn(&view), "ann"));
	OPENSSL_free(subject);
	X509_free(cert);
	base_buf_clear(&der);
	issuer_free(issuer);
	make_public_free(&pub);
	EVP_PKEY_free(key);
	make_ca_free(ca);
}
END_TEST

/* X509-SVID's MUSTs: no field combination breaks one. */
START_TEST(test_refusals)
{
	struct make_ca *ca = make_ca("P-256", "cluster.local", LEAF_NOW + 90 * 86400);
	struct make_public pub = make_public(ca->key);
	const struct cert_leaf good = leaf_svid(pub.alg, pub.key);
	struct issuer *issuer = issuer_new(ca->key, make_ca_der(ca));
	struct base_span dns[1] = {base_span_str("*.example.org")};
	struct base_buf der;
	struct cert_leaf leaf;

	base_buf_init(&der, LIMIT_CERT);
#define REFUSED(code, ...)                                                             \
	do {                                                                           \
		leaf = good;                                                           \
		__VA_ARGS__;                                                           \
		ck_assert_int_eq(leaf_issue(issuer, &leaf, &der), code);                    \
	} while (0)
	REFUSED(MC_EPROFILE, leaf.profile = MSG_PROFILE_ISSUING);
	REFUSED(MC_EPROFILE, leaf.profile = MSG_PROFILE_INVALID);
	REFUSED(MC_ESPIFFE_ID, leaf.id = (struct spiffe_id){0});
	REFUSED(MC_ESPIFFE_ID, leaf.id.ns = base_span_str(""));
	REFUSED(MC_ESPIFFE_ID, leaf.id.sa = base_span_str(".."));
	REFUSED(MC_ESPIFFE_ID, leaf.id.sa = base_span_str("a/b"));
	REFUSED(MC_ESPIFFE_ID, leaf.id.trust_domain = base_span_str("Cluster.local"));
	REFUSED(MC_EPROFILE, leaf.dns = dns, leaf.dns_count = 1);
	REFUSED(MC_EPROFILE, leaf.name = base_span_str("ann"));
	REFUSED(MC_EPROFILE, leaf.serial.len = 15);
	REFUSED(MC_EPROFILE, leaf.serial = base_span_str("\x80" "23456789abcdef0"));
	REFUSED(MC_EISSUER_LIFE, leaf.not_after_at = LEAF_NOW + 90 * 86400 + 1);
	REFUSED(MC_EISSUER_LIFE, leaf.not_after_at = leaf.not_before_at);
	REFUSED(MC_EIDENTITY, leaf.profile = MSG_PROFILE_SERVER, leaf.id = (struct spiffe_id){0},
	    leaf.dns = dns, leaf.dns_count = 1);
	REFUSED(MC_EIDENTITY, leaf.profile = MSG_PROFILE_CLIENT, leaf.id = (struct spiffe_id){0},
	    leaf.name = base_span_str("Ann Smith"));
	ck_assert_uint_eq(der.len, 0);
	/* nor under what is no CA, may not sign certificates, or has no key id to point to */
	uint8_t spki[32];
	struct cert_view wrong = *issuer_cert(issuer);
	wrong.ca = false;
	ck_assert_int_eq(cert_leaf_build(&good, &wrong, &der, spki), MC_EPROFILE);
	wrong = *issuer_cert(issuer);
	wrong.key_usage &= ~(unsigned)CERT_KU_CERT_SIGN;
	ck_assert_int_eq(cert_leaf_build(&good, &wrong, &der, spki), MC_EPROFILE);
	wrong = *issuer_cert(issuer);
	wrong.key_id = base_span_of(NULL, 0);
	ck_assert_int_eq(cert_leaf_build(&good, &wrong, &der, spki), MC_EPROFILE);
	ck_assert_uint_eq(der.len, 0);
	base_buf_clear(&der);
	issuer_free(issuer);
	make_public_free(&pub);
	make_ca_free(ca);
}
END_TEST

/* Time first, to the millisecond, so that each is the ledger's newest; then chance, of 80 bits that all move. */
START_TEST(test_serial)
{
	uint8_t first[CERT_SERIAL_LEN], next[CERT_SERIAL_LEN];
	uint8_t set[CERT_SERIAL_LEN] = {0}, clear[CERT_SERIAL_LEN] = {0};
	size_t chance = 1 + CERT_SERIAL_TIME_LEN;
	uint64_t before = (uint64_t)base_clock_now_us() / 1000;

	cert_serial_make(0x7f, first);
	uint64_t after = (uint64_t)base_clock_now_us() / 1000;
	uint64_t got = 0;
	ck_assert_uint_eq(first[0], 0x7f);
	for (size_t i = 1; i < chance; i++) {
		got = got << 8 | first[i];
	}
	uint64_t mask = (UINT64_C(1) << 8 * CERT_SERIAL_TIME_LEN) - 1;
	ck_assert(((got - (before & mask)) & mask) <= after - before);
	for (unsigned round = 0; round < 200; round++) {
		cert_serial_make(0x7f, next);
		ck_assert_mem_ne(next + chance, first + chance, CERT_SERIAL_LEN - chance);
		for (size_t i = 0; i < CERT_SERIAL_LEN; i++) {
			set[i] |= next[i];
			clear[i] |= (uint8_t)~next[i];
		}
	}
	ck_assert_uint_ge(CERT_SERIAL_LEN - chance, 8); /* BR 7.1 */
	for (size_t i = chance; i < CERT_SERIAL_LEN; i++) {
		ck_assert_uint_eq(set[i] & clear[i], 0xff);
	}
}
END_TEST

CHECK_MAIN("ca_cert", test_serial, test_svid, test_server_and_client, test_refusals)
