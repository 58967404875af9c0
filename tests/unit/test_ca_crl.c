/* SPDX-License-Identifier: Apache-2.0 */
/* Lists of revoked certificates: what we sign, OpenSSL must read as we meant it. */
#include "ca/crl.h"

#include "ca_make.h"
#include "check_main.h"

#define NOW 1795000000 /* 2026-11-18 */

static void
add_entry(struct base_buf *entries, uint32_t n, uint8_t reason)
{
	uint8_t sn[16] = {1, 0xff};

	for (size_t i = 0; i < 4; i++) {
		sn[12 + i] = (uint8_t)(n >> (8 * (3 - i)));
	}
	base_buf_append_u8(entries, sizeof(sn));
	base_buf_append(entries, sn, sizeof(sn));
	base_buf_append_le64(entries, NOW - 60);
	base_buf_append_u8(entries, reason);
}

static X509_CRL *
sign_and_parse(struct crl *crl, struct issuer *issuer, const struct make_ca *ca)
{
	struct base_buf der;

	base_buf_init(&der, LIMIT_CRL);
	ck_assert_int_eq(crl_sign(crl, issuer, &der), MC_OK);
	const unsigned char *p = der.ptr;
	X509_CRL *parsed = d2i_X509_CRL(NULL, &p, (long)der.len);
	ck_assert_ptr_nonnull(parsed);
	ck_assert(p == der.ptr + der.len);
	ck_assert_int_eq(X509_CRL_verify(parsed, ca->key), 1);
	base_buf_clear(&der);
	return parsed;
}

/* The time of an entry is not after the list's own, which is backdated; an older one stays. */
START_TEST(test_crl_times)
{
	const struct {
		int64_t this_update_at, listed_at;
	} cases[] = {{NOW - 120, NOW - 120}, {NOW - 30, NOW - 60}};
	struct make_ca *ca = make_ca("P-256", "cluster.local", NOW + 90 * 86400);
	struct issuer *issuer = issuer_new(ca->key, make_ca_der(ca));
	struct base_buf entries;

	base_buf_init(&entries, 1024);
	add_entry(&entries, 1, MSG_REASON_SUPERSEDED); /* revoked at NOW - 60 */
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct crl *crl = crl_new(1, cases[i].this_update_at, NOW + 86400);
		time_t at = (time_t)cases[i].listed_at;
		X509_CRL *parsed;

		ck_assert_int_eq(crl_add(crl, base_buf_span(&entries)), MC_OK);
		parsed = sign_and_parse(crl, issuer, ca);
		ck_assert_int_eq(ASN1_TIME_cmp_time_t(X509_REVOKED_get0_revocationDate(
		    sk_X509_REVOKED_value(X509_CRL_get_REVOKED(parsed), 0)), at), 0);
		X509_CRL_free(parsed);
		crl_free(crl);
	}
	base_buf_clear(&entries);
	issuer_free(issuer);
	make_ca_free(ca);
}
END_TEST

START_TEST(test_crl)
{
	struct make_ca *ca = make_ca("P-256", "cluster.local", NOW + 90 * 86400);
	struct issuer *issuer = issuer_new(ca->key, make_ca_der(ca));
	struct crl *crl = crl_new(300, NOW, NOW + 86400);
	struct base_buf entries;

	X509_CRL *parsed = sign_and_parse(crl, issuer, ca);
	ck_assert_ptr_null(X509_CRL_get_REVOKED(parsed)); /* absent, not empty */
	ck_assert_int_eq(X509_CRL_get_version(parsed), 1);
	ASN1_INTEGER *number = X509_CRL_get_ext_d2i(parsed, NID_crl_number, NULL, NULL);
	ck_assert_int_eq(ASN1_INTEGER_get(number), 300);
	ASN1_INTEGER_free(number);
	AUTHORITY_KEYID *aki =
	    X509_CRL_get_ext_d2i(parsed, NID_authority_key_identifier, NULL, NULL);
	ck_assert_int_eq(ASN1_OCTET_STRING_cmp(aki->keyid,
			     X509_get0_subject_key_id(ca->cert)), 0);
	AUTHORITY_KEYID_free(aki);
	X509_CRL_free(parsed);

	base_buf_init(&entries, 1 << 24);
	add_entry(&entries, 1, MSG_REASON_UNSPECIFIED);
	add_entry(&entries, 2, MSG_REASON_KEY_COMPROMISE);
	ck_assert_int_eq(crl_add(crl, base_buf_span(&entries)), MC_OK);
	parsed = sign_and_parse(crl, issuer, ca);
	STACK_OF(X509_REVOKED) *list = X509_CRL_get_REVOKED(parsed);
	ck_assert_int_eq(sk_X509_REVOKED_num(list), 2);
	for (int i = 0; i < 2; i++) { /* OpenSSL may sort them */
		const X509_REVOKED *one = sk_X509_REVOKED_value(list, i);
		int found = -2;
		ASN1_ENUMERATED *reason =
		    X509_REVOKED_get_ext_d2i(one, NID_crl_reason, &found, NULL);
		BIGNUM *sn = ASN1_INTEGER_to_BN(X509_REVOKED_get0_serialNumber(one), NULL);
		bool second = BN_mod_word(sn, 256) == 2;
		ck_assert_int_eq(reason != NULL, second);
		ck_assert_int_eq(found, second ? 0 : -1);
		ck_assert(!second || ASN1_ENUMERATED_get(reason) == 1);
		ASN1_ENUMERATED_free(reason);
		BN_free(sn);
	}
	X509_CRL_free(parsed);
	base_buf_reset(&entries);
	add_entry(&entries, 3, MSG_REASON_CERTIFICATE_HOLD);
	ck_assert_int_eq(crl_add(crl, base_buf_span(&entries)), MC_EFRAME);
	entries.len--;
	ck_assert_int_eq(crl_add(crl, base_buf_span(&entries)), MC_EFRAME);
	crl_free(crl);

	crl = crl_new(301, NOW, NOW + 86400);
	base_buf_reset(&entries);
	for (uint32_t i = 0; i < 100000; i++) {
		add_entry(&entries, i, MSG_REASON_SUPERSEDED);
	}
	ck_assert_int_eq(crl_add(crl, base_buf_span(&entries)), MC_OK);
	parsed = sign_and_parse(crl, issuer, ca);
	ck_assert_int_eq(sk_X509_REVOKED_num(X509_CRL_get_REVOKED(parsed)), 100000);
	X509_CRL_free(parsed);
	base_buf_clear(&entries);
	crl_free(crl);
	issuer_free(issuer);
	make_ca_free(ca);
}
END_TEST

static void
put_entry(struct base_buf *entries, size_t serial_len, uint8_t reason)
{
	uint8_t sn[LIMIT_SERIAL + 1] = {1};

	base_buf_append_u8(entries, (uint8_t)serial_len);
	base_buf_append(entries, sn, serial_len);
	base_buf_append_le64(entries, NOW - 60);
	base_buf_append_u8(entries, reason);
}

static enum mc_err
add_one(size_t serial_len, uint8_t reason, size_t cut)
{
	struct crl *crl = crl_new(1, NOW, NOW + 86400);
	struct base_buf entries;

	base_buf_init(&entries, 64);
	put_entry(&entries, serial_len, reason);
	enum mc_err ret = crl_add(crl, base_span_of(entries.ptr, entries.len - cut));
	base_buf_clear(&entries);
	crl_free(crl);
	return ret;
}

START_TEST(test_entries)
{
	static const uint8_t takes[] = {0, 1, 2, 3, 4, 5, 9, 10};
	bool taken[256] = {false};

	ck_assert_int_eq(add_one(0, MSG_REASON_SUPERSEDED, 0), MC_EFRAME);
	ck_assert_int_eq(add_one(1, MSG_REASON_SUPERSEDED, 0), MC_OK);
	ck_assert_int_eq(add_one(LIMIT_SERIAL, MSG_REASON_SUPERSEDED, 0), MC_OK);
	ck_assert_int_eq(add_one(LIMIT_SERIAL + 1, MSG_REASON_SUPERSEDED, 0), MC_EFRAME);
	for (size_t cut = 1; cut < 11; cut++) { /* but not all: no entry is fine */
		ck_assert_int_eq(add_one(1, MSG_REASON_SUPERSEDED, cut), MC_EFRAME);
	}
	ck_assert_int_eq(add_one(1, MSG_REASON_SUPERSEDED, 11), MC_OK);
	for (size_t i = 0; i < sizeof(takes); i++) {
		taken[takes[i]] = true;
	}
	for (unsigned reason = 0; reason < 256; reason++) {
		ck_assert_msg(add_one(1, (uint8_t)reason, 0) == (taken[reason] ? MC_OK : MC_EFRAME),
		    "reason %u", reason);
	}
	crl_free(NULL);
}
END_TEST

/* The ceiling, and a buffer that is too small: nothing is signed that would not be whole. */
START_TEST(test_too_big)
{
	struct make_ca *ca = make_ca("P-256", "cluster.local", NOW + 90 * 86400);
	struct issuer *issuer = issuer_new(ca->key, make_ca_der(ca));
	struct crl *crl = crl_new(1, NOW, NOW + 86400);
	struct base_buf entries, der;
	enum mc_err ret = MC_OK;
	size_t rounds = 0;

	base_buf_init(&entries, 1 << 20);
	base_buf_init(&der, 64);
	ck_assert_int_eq(crl_sign(crl, issuer, &der), MC_ETOOBIG);
	base_buf_clear(&der);
	for (unsigned i = 0; i < 30000; i++) {
		put_entry(&entries, LIMIT_SERIAL, MSG_REASON_SUPERSEDED);
	}
	while (ret == MC_OK && rounds < 100) {
		ret = crl_add(crl, base_buf_span(&entries));
		rounds++;
	}
	ck_assert_int_eq(ret, MC_ETOOBIG);
	/* an entry here is 20 bytes of serial, 15 of time, 14 of reason, 4 of headers */
	ck_assert_uint_eq(rounds, LIMIT_CRL / (30000 * 53) + 1);
	base_buf_init(&der, LIMIT_CRL);
	ck_assert_int_eq(crl_sign(crl, issuer, &der), MC_ETOOBIG);
	ck_assert_uint_eq(der.len, 0);
	base_buf_clear(&der);
	base_buf_clear(&entries);
	crl_free(crl);
	issuer_free(issuer);
	make_ca_free(ca);
}
END_TEST

/* A list that an entry did not get into is not signed without it: here, for a time that has no form. */
START_TEST(test_not_without_one)
{
	struct make_ca *ca = make_ca("P-256", "cluster.local", NOW + 90 * 86400);
	struct issuer *issuer = issuer_new(ca->key, make_ca_der(ca));
	struct crl *crl = crl_new(1, NOW, NOW + 86400);
	struct base_buf entries, der;

	base_buf_init(&entries, 64);
	base_buf_init(&der, LIMIT_CRL);
	base_buf_append(&entries, "\x01\x07", 2);
	base_buf_append_le64(&entries, (uint64_t)INT64_MIN);
	base_buf_append_u8(&entries, MSG_REASON_SUPERSEDED);
	ck_assert_int_ne(crl_add(crl, base_buf_span(&entries)), MC_OK);
	ck_assert_int_ne(crl_sign(crl, issuer, &der), MC_OK);
	ck_assert_uint_eq(der.len, 0);
	base_buf_clear(&entries);
	crl_free(crl);
	issuer_free(issuer);
	make_ca_free(ca);
}
END_TEST

/* The signature is the issuer's kind, and the signed bytes are OpenSSL's own encoding. */
START_TEST(test_encoding)
{
	static const char *const ALGS[] = {"P-256", "P-384", "RSA"};

	for (size_t i = 0; i < 3; i++) {
		struct make_ca *ca = make_ca(ALGS[i], "cluster.local", NOW + 90 * 86400);
		struct issuer *issuer = issuer_new(ca->key, make_ca_der(ca));
		struct crl *crl = crl_new(UINT64_MAX, NOW, NOW + 86400);
		struct base_buf entries;
		base_buf_init(&entries, 64);
		put_entry(&entries, 2, MSG_REASON_AA_COMPROMISE);
		ck_assert_int_eq(crl_add(crl, base_buf_span(&entries)), MC_OK);
		X509_CRL *parsed = sign_and_parse(crl, issuer, ca);
		struct base_buf der;
		base_buf_init(&der, LIMIT_CRL);
		unsigned char *again = NULL;
		int len = i2d_re_X509_CRL_tbs(parsed, &again);
		ck_assert_int_gt(len, 0);
		ck_assert_int_eq(crl_sign(crl, issuer, &der), MC_OK);
		ck_assert_ptr_nonnull(memmem(der.ptr, der.len, again, (size_t)len));
		ck_assert_int_eq(X509_NAME_cmp(X509_CRL_get_issuer(parsed),
				     X509_get_subject_name(ca->cert)), 0);
		ck_assert_int_eq(ASN1_TIME_cmp_time_t(X509_CRL_get0_lastUpdate(parsed), NOW), 0);
		ck_assert_int_eq(
		    ASN1_TIME_cmp_time_t(X509_CRL_get0_nextUpdate(parsed), NOW + 86400), 0);
		OPENSSL_free(again);
		X509_CRL_free(parsed);
		base_buf_clear(&der);
		base_buf_clear(&entries);
		crl_free(crl);
		issuer_free(issuer);
		make_ca_free(ca);
	}
}
END_TEST

CHECK_MAIN("ca_crl", test_crl, test_crl_times, test_entries, test_too_big,
    test_not_without_one, test_encoding)
