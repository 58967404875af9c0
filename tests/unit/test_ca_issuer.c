/* SPDX-License-Identifier: Apache-2.0 */
/* An issuing key: what it becomes one for, what it signs, and whom it recognises. */
#include "ca/issuer.h"

#include "base/crypto.h"
#include "ca/cert.h"
#include "ca/crl.h"
#include "ca/der.h"
#include "check_main.h"
#include "leaf_make.h"

/* No acknowledgement, no signature. */
START_TEST(test_acknowledgement)
{
	struct make_ca *ca = make_ca("P-256", "cluster.local", LEAF_NOW + 90 * 86400);
	struct make_public pub = make_public(ca->key);
	struct cert_leaf leaf = leaf_svid(pub.alg, pub.key);
	struct issuer *issuer = issuer_new(ca->key, make_ca_der(ca));
	struct issuer_ack ack = {0};
	struct base_buf tbs, tail;
	uint8_t spki[32];

	base_buf_init(&tbs, LIMIT_TBS);
	base_buf_init(&tail, LIMIT_SIGNATURE);
	ck_assert_int_eq(cert_leaf_build(&leaf, issuer_cert(issuer), &tbs, spki), MC_OK);
	struct base_span bytes = base_buf_span(&tbs);
	ck_assert_int_eq(issuer_sign_leaf(issuer, &ack, bytes, &tail), MC_EPROFILE);
	struct msg_intent_ans answer = {.status = MC_ENOSPACE, .seq = 3};
	ck_assert_int_eq(issuer_ack_read(&answer, bytes, &ack), MC_ENOSPACE);
	answer = (struct msg_intent_ans){.status = MC_OK, .seq = 3, .duplicate = 1};
	ck_assert_int_eq(issuer_ack_read(&answer, bytes, &ack), MC_EINTERNAL);
	ck_assert_int_eq(issuer_sign_leaf(issuer, &ack, bytes, &tail), MC_EPROFILE);
	answer = (struct msg_intent_ans){.status = MC_OK}; /* in no row */
	ck_assert_int_eq(issuer_ack_read(&answer, bytes, &ack), MC_EINTERNAL);
	ck_assert_int_eq(issuer_sign_leaf(issuer, &ack, bytes, &tail), MC_EPROFILE);
	answer.seq = 3;
	ck_assert_int_eq(issuer_ack_read(&answer, bytes, &ack), MC_OK);
	tbs.ptr[tbs.len - 1] ^= 1; /* other bytes than the ledger has */
	ck_assert_int_eq(issuer_sign_leaf(issuer, &ack, bytes, &tail), MC_EPROFILE);
	tbs.ptr[tbs.len - 1] ^= 1;
	ck_assert_uint_eq(tail.len, 0);
	ck_assert_int_eq(issuer_sign_leaf(issuer, &ack, bytes, &tail), MC_OK);
	ck_assert_int_eq(issuer_sign_leaf(issuer, &ack, bytes, &tail), MC_EPROFILE);
	/* nor does the CRL door open for a certificate */
	ck_assert_int_eq(issuer_sign_crl(issuer, bytes, &tail), MC_EPROFILE);
	base_buf_clear(&tbs);
	base_buf_clear(&tail);
	issuer_free(issuer);
	make_public_free(&pub);
	make_ca_free(ca);
}
END_TEST

/* A CA's certificate over key, with these extensions only; free it with OPENSSL_free(). */
static struct base_span
ca_of(EVP_PKEY *key, const char *constraints, const char *usage, bool key_id)
{
	X509 *cert = X509_new();
	unsigned char *der = NULL;

	X509_set_version(cert, X509_VERSION_3);
	ASN1_INTEGER_set(X509_get_serialNumber(cert), 78);
	ASN1_TIME_set(X509_getm_notBefore(cert), LEAF_NOW);
	ASN1_TIME_set(X509_getm_notAfter(cert), LEAF_NOW + 86400);
	X509_set_pubkey(cert, key);
	make_ca_ext(cert, NID_basic_constraints, constraints);
	if (usage != NULL) {
		make_ca_ext(cert, NID_key_usage, usage);
	}
	if (key_id) {
		make_ca_ext(cert, NID_subject_key_identifier, "hash");
	}
	ck_assert_int_gt(X509_sign(cert, key, EVP_sha256()), 0);
	int len = i2d_X509(cert, &der);
	X509_free(cert);
	return base_span_of(der, (size_t)len);
}

START_TEST(test_refuses)
{
	static const struct {
		const char *constraints, *usage;
		bool key_id;
		enum mc_err err;
	} cases[] = {
	    {"critical,CA:TRUE", "critical,keyCertSign,cRLSign", true, MC_OK},
	    {"critical,CA:TRUE", "critical,keyCertSign", true, MC_EPROFILE},
	    {"critical,CA:TRUE", "critical,cRLSign", true, MC_EPROFILE},
	    {"critical,CA:TRUE", "critical,digitalSignature", true, MC_EPROFILE},
	    {"critical,CA:TRUE", NULL, true, MC_EPROFILE},
	    {"critical,CA:FALSE", "critical,keyCertSign,cRLSign", true, MC_EPROFILE},
	    {"critical,CA:TRUE", "critical,keyCertSign,cRLSign", false, MC_EPROFILE},
	};
	EVP_PKEY *key = make_key("P-256"), *other = make_key("P-256");
	static uint8_t big[LIMIT_CERT + 1];

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct base_span der =
		    ca_of(key, cases[i].constraints, cases[i].usage, cases[i].key_id);
		struct issuer *issuer = issuer_new(key, der);
		ck_assert_msg((issuer != NULL) == (cases[i].err == MC_OK), "case %zu", i);
		if (issuer == NULL) {
			ck_assert_int_eq(mc_err_last()->code, cases[i].err);
		} else {
			ck_assert_ptr_null(issuer_new(other, der));
			ck_assert_int_eq(mc_err_last()->code, MC_EPROFILE);
			ck_assert_ptr_null(issuer_new(key, base_span_of(der.ptr, der.len - 1)));
			ck_assert_int_eq(mc_err_last()->code, MC_EENCODING);
		}
		issuer_free(issuer);
		OPENSSL_free((void *)(uintptr_t)der.ptr);
	}
	ck_assert_ptr_null(issuer_new(key, base_span_of(big, sizeof(big))));
	ck_assert_int_eq(mc_err_last()->code, MC_EENCODING);
	ck_assert_ptr_null(issuer_new(key, base_span_of(NULL, 0)));
	ck_assert_int_eq(mc_err_last()->code, MC_EENCODING);
	EVP_PKEY_free(key);
	EVP_PKEY_free(other);
}
END_TEST

/* It has its own copy of the certificate, and its own reference of the key. */
START_TEST(test_owns)
{
	struct make_ca *ca = make_ca("P-256", "cluster.local", LEAF_NOW + 90 * 86400);
	struct make_public pub = make_public(ca->key);
	struct cert_leaf leaf = leaf_svid(pub.alg, pub.key);
	struct issuer *issuer = issuer_new(ca->key, make_ca_der(ca));
	struct cert_view view;
	struct base_buf der;
	uint8_t id[32];

	base_crypto_sha256(make_ca_der(ca), id);
	memset(ca->der, 0, (size_t)ca->der_len);
	make_ca_free(ca);
	ck_assert_mem_eq(issuer_id(issuer), id, sizeof(id));
	base_buf_init(&der, LIMIT_CERT);
	ck_assert_int_eq(leaf_issue(issuer, &leaf, &der), MC_OK);
	ck_assert_int_eq(cert_view_parse(base_buf_span(&der), &view), MC_OK);
	ck_assert_int_eq(issuer_verify_leaf(issuer, &view, LEAF_NOW), MC_OK);
	base_buf_clear(&der);
	issuer_free(issuer);
	make_public_free(&pub);
	issuer_free(NULL);
}
END_TEST

START_TEST(test_leaf_is_no_issuer)
{
	struct make_ca *ca = make_ca("P-256", "cluster.local", LEAF_NOW + 90 * 86400);
	EVP_PKEY *key = make_key("P-256");
	struct make_public pub = make_public(key);
	struct cert_leaf leaf = leaf_svid(pub.alg, pub.key);
	struct issuer *issuer = issuer_new(ca->key, make_ca_der(ca));
	struct base_buf der;

	base_buf_init(&der, LIMIT_CERT);
	ck_assert_int_eq(leaf_issue(issuer, &leaf, &der), MC_OK);
	ck_assert_ptr_null(issuer_new(key, base_buf_span(&der)));
	ck_assert_int_eq(mc_err_last()->code, MC_EPROFILE);
	base_buf_clear(&der);
	issuer_free(issuer);
	make_public_free(&pub);
	EVP_PKEY_free(key);
	make_ca_free(ca);
}
END_TEST

/* Alive from the first to the last second that it names, and its issuer's in all that it says. */
START_TEST(test_verify)
{
	struct make_ca *ca = make_ca("P-256", "cluster.local", LEAF_NOW + 90 * 86400);
	struct make_ca *twin = make_ca("P-256", "cluster.local", LEAF_NOW + 90 * 86400);
	struct make_public pub = make_public(ca->key);
	struct cert_leaf leaf = leaf_svid(pub.alg, pub.key);
	struct issuer *issuer = issuer_new(ca->key, make_ca_der(ca));
	struct issuer *other_issuer = issuer_new(twin->key, make_ca_der(twin));
	static const uint8_t rsa_alg[] = {0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7,
	    0x0d, 0x01, 0x01, 0x0b, 0x05, 0x00};
	struct cert_view view, other;
	struct base_buf der;

	base_buf_init(&der, LIMIT_CERT);
	ck_assert_int_eq(leaf_issue(issuer, &leaf, &der), MC_OK);
	ck_assert_int_eq(cert_view_parse(base_buf_span(&der), &view), MC_OK);
	ck_assert_int_eq(issuer_verify_leaf(issuer, &view, leaf.not_before_at - 1),
	    MC_ECLIENT_CERT);
	ck_assert_int_eq(issuer_verify_leaf(issuer, &view, leaf.not_before_at), MC_OK);
	ck_assert_int_eq(issuer_verify_leaf(issuer, &view, leaf.not_after_at), MC_OK);
	ck_assert_int_eq(issuer_verify_leaf(issuer, &view, leaf.not_after_at + 1),
	    MC_ECLIENT_CERT);

	other = view; /* one key, but another name, another key id, or a CA */
	other.issuer = view.subject;
	ck_assert_int_eq(issuer_verify_leaf(issuer, &other, LEAF_NOW), MC_ECLIENT_CERT);
	other = view;
	other.issuer_key_id = base_span_of(NULL, 0);
	ck_assert_int_eq(issuer_verify_leaf(issuer, &other, LEAF_NOW), MC_ECLIENT_CERT);
	other = view;
	other.ca = true;
	ck_assert_int_eq(issuer_verify_leaf(issuer, &other, LEAF_NOW), MC_ECLIENT_CERT);
	other = view;
	other.signature_alg = base_span_of(rsa_alg, sizeof(rsa_alg));
	ck_assert_int_eq(issuer_verify_leaf(issuer, &other, LEAF_NOW), MC_ECLIENT_CERT);
	other = view; /* of the same name, and what it says is the key id is, too */
	other.issuer_key_id = issuer_cert(other_issuer)->key_id;
	ck_assert_int_eq(issuer_verify_leaf(other_issuer, &other, LEAF_NOW), MC_ECLIENT_CERT);
	ck_assert_int_eq(issuer_verify_leaf(other_issuer, &view, LEAF_NOW), MC_ECLIENT_CERT);
	der.ptr[der.len - 1] ^= 1;
	ck_assert_int_eq(cert_view_parse(base_buf_span(&der), &view), MC_OK);
	ck_assert_int_eq(issuer_verify_leaf(issuer, &view, LEAF_NOW), MC_ECLIENT_CERT);
	base_buf_clear(&der);
	issuer_free(issuer);
	issuer_free(other_issuer);
	make_public_free(&pub);
	make_ca_free(ca);
	make_ca_free(twin);
}
END_TEST

/* The private half of one key with the public half of another: what it signs does not verify. */
static EVP_PKEY *
faulty_key(EVP_PKEY *private, EVP_PKEY *public)
{
	struct make_public pub = make_public(public);
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
	EVP_PKEY *key = NULL;
	BIGNUM *secret = NULL;
	uint8_t bytes[32];
	char group[] = "P-256";

	ck_assert_int_eq(EVP_PKEY_get_bn_param(private, OSSL_PKEY_PARAM_PRIV_KEY, &secret), 1);
	ck_assert_int_eq(BN_bn2nativepad(secret, bytes, sizeof(bytes)), (int)sizeof(bytes));
	OSSL_PARAM params[] = {
	    OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, group, 0),
	    OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, pub.bytes, pub.key.len),
	    OSSL_PARAM_construct_BN(OSSL_PKEY_PARAM_PRIV_KEY, bytes, sizeof(bytes)),
	    OSSL_PARAM_construct_end(),
	};
	ck_assert_int_eq(EVP_PKEY_fromdata_init(ctx), 1);
	ck_assert_int_eq(EVP_PKEY_fromdata(ctx, &key, EVP_PKEY_KEYPAIR, params), 1);
	BN_clear_free(secret);
	EVP_PKEY_CTX_free(ctx);
	make_public_free(&pub);
	return key;
}

/* A key that miscomputes is found out by every nth leaf, and by every CRL. */
START_TEST(test_sample)
{
	static const struct {
		uint32_t sample;
		unsigned found_at; /* which leaf tells; 0: none of 9 */
	} cases[] = {{0, 0}, {1, 1}, {2, 2}, {5, 5}};
	struct make_ca *ca = make_ca("P-256", "cluster.local", LEAF_NOW + 90 * 86400);
	EVP_PKEY *other = make_key("P-256");
	EVP_PKEY *faulty = faulty_key(other, ca->key);
	struct make_public pub = make_public(other);
	struct cert_leaf leaf = leaf_svid(pub.alg, pub.key);
	struct issuer *issuer = issuer_new(faulty, make_ca_der(ca));
	struct crl *crl = crl_new(1, LEAF_NOW, LEAF_NOW + 1);
	struct base_buf der;

	ck_assert_ptr_nonnull(issuer);
	base_buf_init(&der, LIMIT_CERT);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		issuer_set_sample(issuer, cases[i].sample);
		for (unsigned n = 1; n < 10; n++) {
			bool found = cases[i].found_at != 0 && n % cases[i].found_at == 0;
			base_buf_reset(&der);
			ck_assert_msg(leaf_issue(issuer, &leaf, &der) ==
				(found ? MC_ECRYPTO : MC_OK), "1 in %u, leaf %u", cases[i].sample, n);
		}
	}
	issuer_set_sample(issuer, 0);
	base_buf_reset(&der);
	ck_assert_int_eq(crl_sign(crl, issuer, &der), MC_ECRYPTO);
	ck_assert_uint_eq(der.len, 0);
	base_buf_clear(&der);
	crl_free(crl);
	issuer_free(issuer);
	make_public_free(&pub);
	EVP_PKEY_free(faulty);
	EVP_PKEY_free(other);
	make_ca_free(ca);
}
END_TEST

/* TBSCertList in outline; what is not one in every point is not signed. */
static enum mc_err
sign_list(struct issuer *issuer, uint64_t version, uint8_t name, uint8_t third, size_t trailing)
{
	static const uint8_t time[] = "261118000000Z";
	struct base_buf tbs, tail;

	base_buf_init(&tbs, LIMIT_TBS);
	base_buf_init(&tail, LIMIT_SIGNATURE);
	size_t list = der_begin(&tbs, DER_SEQUENCE);
	der_put_u64(&tbs, version);
	der_put(&tbs, DER_SEQUENCE, base_span_of(NULL, 0));
	der_put(&tbs, name, base_span_of(NULL, 0));
	der_put(&tbs, third, base_span_of(time, sizeof(time) - 1));
	der_end(&tbs, list);
	for (size_t i = 0; i < trailing; i++) {
		base_buf_append_u8(&tbs, 0);
	}
	enum mc_err ret = issuer_sign_crl(issuer, base_buf_span(&tbs), &tail);
	ck_assert_int_eq(ret == MC_OK, tail.len != 0);
	base_buf_clear(&tbs);
	base_buf_clear(&tail);
	return ret;
}

START_TEST(test_crl_door)
{
	struct make_ca *ca = make_ca("P-256", "cluster.local", LEAF_NOW + 90 * 86400);
	struct issuer *issuer = issuer_new(ca->key, make_ca_der(ca));
	struct base_buf tail;

	ck_assert_int_eq(sign_list(issuer, 1, DER_SEQUENCE, DER_UTC_TIME, 0), MC_OK);
	ck_assert_int_eq(sign_list(issuer, 1, DER_SEQUENCE, DER_UTC_TIME, 1), MC_EPROFILE);
	ck_assert_int_eq(sign_list(issuer, 0, DER_SEQUENCE, DER_UTC_TIME, 0), MC_EPROFILE);
	ck_assert_int_eq(sign_list(issuer, 2, DER_SEQUENCE, DER_UTC_TIME, 0), MC_EPROFILE);
	ck_assert_int_eq(sign_list(issuer, 1, DER_SET, DER_UTC_TIME, 0), MC_EPROFILE);
	ck_assert_int_eq(sign_list(issuer, 1, DER_SEQUENCE, DER_OCTET_STRING, 0), MC_EPROFILE);
	ck_assert_int_eq(sign_list(issuer, 1, DER_SEQUENCE, DER_SEQUENCE, 0), MC_EPROFILE);
	base_buf_init(&tail, LIMIT_SIGNATURE);
	ck_assert_int_eq(issuer_sign_crl(issuer, base_span_of(NULL, 0), &tail), MC_EPROFILE);
	base_buf_clear(&tail);
	issuer_free(issuer);
	make_ca_free(ca);
}
END_TEST

CHECK_MAIN("ca_issuer", test_acknowledgement, test_refuses, test_owns, test_leaf_is_no_issuer,
    test_verify, test_sample, test_crl_door)
