/* SPDX-License-Identifier: Apache-2.0 */
#include "ca/csr.h"

#include "csr_make.h"
#include "check_main.h"

static struct csr_verifier *verifier;

static EVP_PKEY *
key_of(const char *kind)
{
	static EVP_PKEY *p256, *p384, *rsa;

	if (p256 == NULL) {
		verifier = csr_verifier_new();
		p256 = EVP_EC_gen("P-256");
		p384 = EVP_EC_gen("P-384");
		rsa = EVP_RSA_gen(2048);
	}
	return strcmp(kind, "P-256") == 0 ? p256 : strcmp(kind, "P-384") == 0 ? p384 : rsa;
}

static const struct csr_policy svid = {
    .rsa = true,
    .p256 = true,
    .profile = MSG_PROFILE_SVID,
    .identity = {(const uint8_t *)MAKE_URI, sizeof(MAKE_URI) - 1},
};

/* All three steps, as front does them. */
static enum mc_err
run(const struct make *make, const struct csr_policy *policy)
{
	struct base_buf der;
	struct csr csr;

	base_buf_init(&der, 1 << 16);
	make_csr(&der, make);
	enum mc_err ret = csr_parse(base_buf_span(&der), &csr);
	if (ret == MC_OK) {
		ret = csr_check(&csr, policy);
	}
	if (ret == MC_OK) {
		ret = csr_verifier_verify(verifier, &csr);
	}
	base_buf_clear(&der);
	return ret;
}

#define EMPTY_O "300b3109300706035504" \
		"0a1300"

START_TEST(test_good)
{
	struct csr_policy policy = svid;
	struct make make = {.key = key_of("P-256"), .uri = {MAKE_URI}};

	ck_assert_int_eq(run(&make, &svid), MC_OK);
	make.subject = EMPTY_O; /* Istio's agents */
	ck_assert_int_eq(run(&make, &svid), MC_OK);
	make.key_usage = 1u << 0 | 1u << 2;
	make.eku_server = true;
	ck_assert_int_eq(run(&make, &svid), MC_OK);
	make.key = key_of("RSA");
	ck_assert_int_eq(run(&make, &svid), MC_OK);
	make.key = key_of("P-384");
	ck_assert_int_eq(run(&make, &svid), MC_ECSR_KEY_TYPE);
	policy.p384 = true;
	ck_assert_int_eq(run(&make, &policy), MC_OK);
	make.sig_alg = "300a06082a8648ce3d040302"; /* SHA-256 */
	ck_assert_int_eq(run(&make, &policy), MC_ECSR_SIGNATURE);
	make.sig_alg = NULL;
	make.key = key_of("P-256"); /* the importer forgets the key before */
	ck_assert_int_eq(run(&make, &svid), MC_OK);
}
END_TEST

START_TEST(test_bad)
{
	static const struct {
		const char *what;
		struct make make;
		const char *key;
		enum mc_err err;
	} cases[] = {
	    {"trailing byte", {.uri = {MAKE_URI}, .trailing = 1}, "P-256", MC_ECSR_DER},
	    {"version 1", {.uri = {MAKE_URI}, .version = "020101"}, "P-256", MC_ECSR_DER},
	    {"version not minimal", {.uri = {MAKE_URI}, .version = "02020000"}, "P-256",
		MC_ECSR_DER},
	    {"version as BOOLEAN", {.uri = {MAKE_URI}, .version = "010100"}, "P-256",
		MC_ECSR_DER},
	    {"subject O=x", {.uri = {MAKE_URI}, .subject = "300c310a3008060355040a130178"},
		"P-256", MC_ECSR_SUBJECT},
	    {"subject CN=x", {.uri = {MAKE_URI}, .subject = "300c310a30080603550403130178"},
		"P-256", MC_ECSR_SUBJECT},
	    {"subject with two empty O",
		{.uri = {MAKE_URI},
		    .subject = "30163109300706035504"
			       "0a13003109300706035504"
			       "0a1300"},
		"P-256", MC_ECSR_SUBJECT},
	    {"one RDN with two empty O",
		{.uri = {MAKE_URI},
		    .subject = "30143112300706035504"
			       "0a1300300706035504"
			       "0a1300"},
		"P-256", MC_ECSR_SUBJECT},
	    {"empty RDN", {.uri = {MAKE_URI}, .subject = "30023100"}, "P-256", MC_ECSR_DER},
	    {"subject not a Name", {.uri = {MAKE_URI}, .subject = "0500"}, "P-256", MC_ECSR_DER},
	    {"another identity", {.uri = {MAKE_URI "x"}}, "P-256", MC_ECSR_SAN},
	    {"a prefix of the identity",
		{.uri = {"spiffe://cluster.local/ns/ecotrack/sa/order"}}, "P-256", MC_ECSR_SAN},
	    {"the identity twice", {.uri = {MAKE_URI, MAKE_URI}}, "P-256", MC_ECSR_SAN},
	    {"a DNS name, too", {.uri = {MAKE_URI}, .dns = {"order"}}, "P-256", MC_ECSR_SAN},
	    {"an e-mail address, too", {.uri = {MAKE_URI}, .email = "a@b"}, "P-256",
		MC_ECSR_SAN},
	    {"no SAN", {.key_usage = 1}, "P-256", MC_ECSR_SAN},
	    {"no extension", {.no_ext = true}, "P-256", MC_ECSR_SAN},
	    {"no attributes", {.no_attrs = true}, "P-256", MC_ECSR_SAN},
	    {"keyCertSign", {.uri = {MAKE_URI}, .key_usage = 1u << 5}, "P-256",
		MC_ECSR_EXTENSION},
	    {"code signing", {.uri = {MAKE_URI}, .eku_server = true, .eku_code = true},
		"P-256", MC_ECSR_EXTENSION},
	    {"basicConstraints CA:TRUE",
		{.uri = {MAKE_URI}, .extra_ext = "300f0603551d130101ff040530030101ff"}, "P-256",
		MC_ECSR_EXTENSION},
	    {"basicConstraints CA:FALSE",
		{.uri = {MAKE_URI}, .extra_ext = "300906"
						 "03551d1304023000"},
		"P-256", MC_ECSR_EXTENSION},
	    {"keyUsage twice",
		{.uri = {MAKE_URI}, .key_usage = 1, .extra_ext = "300b0603551d0f040403020780"},
		"P-256", MC_ECSR_DER},
	    {"keyUsage with a trailing zero bit",
		{.uri = {MAKE_URI}, .extra_ext = "300b0603551d0f040403020680"}, "P-256",
		MC_ECSR_DER},
	    {"critical FALSE written out",
		{.uri = {MAKE_URI}, .extra_ext = "300e0603551d0f010100040403020780"}, "P-256",
		MC_ECSR_DER},
	    {"critical 01",
		{.uri = {MAKE_URI}, .extra_ext = "300e0603551d0f010101040403020780"}, "P-256",
		MC_ECSR_DER},
	    {"an empty extKeyUsage",
		{.uri = {MAKE_URI}, .extra_ext = "30090603551d2504023000"}, "P-256",
		MC_ECSR_DER},
	    {"challengePassword",
		{.uri = {MAKE_URI}, .extra_attr = "301206092a864886f70d01090731"
						  "05130378797a"},
		"P-256", MC_ECSR_EXTENSION},
	    {"two extensionRequests",
		{.uri = {MAKE_URI},
		    .extra_attr = "300f06092a864886f70d01090e31023000"},
		"P-256", MC_ECSR_DER},
	    {"wrong signature", {.uri = {MAKE_URI}, .wrong_signature = true}, "RSA",
		MC_ECSR_SIGNATURE},
	    {"SHA-1 with RSA",
		{.uri = {MAKE_URI}, .sig_alg = "300d06092a864886f70d0101050500"}, "RSA",
		MC_ECSR_SIGNATURE},
	    {"SHA-256 with RSA without NULL",
		{.uri = {MAKE_URI}, .sig_alg = "300b06092a864886f70d01010b"}, "RSA",
		MC_ECSR_SIGNATURE},
	    {"SHA-384 with P-256",
		{.uri = {MAKE_URI}, .sig_alg = "300a06082a8648ce3d040303"}, "P-256",
		MC_ECSR_SIGNATURE},
	    /* The key is refused first: another digest would not help its holder. */
	    {"SHA-256 with P-384, which is not allowed here",
		{.uri = {MAKE_URI}, .sig_alg = "300a06082a8648ce3d040302"}, "P-384",
		MC_ECSR_KEY_TYPE},
	    {"an Ed25519 key",
		{.uri = {MAKE_URI},
		    .spki = "302a300506032b6570032100d75a980182b10ab7d54bfed3c964073a"
			    "0ee172f3daa62325af021a68f707511a"},
		"P-256", MC_ECSR_KEY_TYPE},
	    {"a P-521 curve",
		{.uri = {MAKE_URI},
		    .spki = "3017301006072a8648ce3d020106052b810400230303000400"}, "P-256",
		MC_ECSR_KEY_TYPE},
	    {"explicit EC parameters",
		{.uri = {MAKE_URI},
		    .spki = "3015300d06072a8648ce3d0201300202000304000400"}, "P-256",
		MC_ECSR_KEY_TYPE},
	    {"a compressed point",
		{.uri = {MAKE_URI},
		    .spki = "3039301306072a8648ce3d020106082a8648ce3d03010703220002"
			    "6b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945"
			    "d898c296"},
		"P-256", MC_ECSR_DER},
	    {"a point off the curve",
		{.uri = {MAKE_URI},
		    .spki = "3059301306072a8648ce3d020106082a8648ce3d03010703420004"
			    "6b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945"
			    "d898c2964fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ece"
			    "cbb6406837bf51f6"},
		"P-256", MC_ECSR_KEY_WEAK},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct make make = cases[i].make;
		make.key = key_of(cases[i].key);
		enum mc_err err = run(&make, &svid);
		ck_assert_msg(err == cases[i].err, "%s: %s (%s), not %s", cases[i].what,
		    mc_err_word(err), mc_err_last()->detail, mc_err_word(cases[i].err));
	}
}
END_TEST

START_TEST(test_wrong_key_signed)
{
	/* the CSR carries a key whose holder did not sign it */
	struct make make = {.key = key_of("P-256"), .uri = {MAKE_URI}};
	struct base_buf spki;
	char hex[512];
	EVP_PKEY *other = EVP_EC_gen("P-256");

	base_buf_init(&spki, 1024);
	make_spki(&spki, other);
	for (size_t i = 0; i < spki.len; i++) {
		snprintf(hex + 2 * i, 3, "%02x", spki.ptr[i]);
	}
	make.spki = hex;
	ck_assert_int_eq(run(&make, &svid), MC_ECSR_SIGNATURE);
	base_buf_clear(&spki);
	EVP_PKEY_free(other);
}
END_TEST

START_TEST(test_server_and_client)
{
	struct base_span names[] = {base_span_str("a.example"), base_span_str("b.example")};
	struct csr_policy policy = {.p256 = true,
	    .profile = MSG_PROFILE_SERVER,
	    .dns = names,
	    .dns_count = 2};
	struct make make = {.key = key_of("P-256"), .dns = {"b.example", "a.example"}};

	ck_assert_int_eq(run(&make, &policy), MC_OK);
	make.dns[2] = "c.example";
	ck_assert_int_eq(run(&make, &policy), MC_ECSR_SAN);
	make.dns[2] = NULL;
	make.uri[0] = MAKE_URI;
	ck_assert_int_eq(run(&make, &policy), MC_ECSR_SAN);
	make.uri[0] = NULL;
	make.subject = "3014311230100603550403" "0c09622e6578616d706c65"; /* CN=b.example */
	ck_assert_int_eq(run(&make, &policy), MC_OK);
	make.subject = "3014311230100603550403" "0c09632e6578616d706c65";
	ck_assert_int_eq(run(&make, &policy), MC_ECSR_SUBJECT);

	policy = (struct csr_policy){.p256 = true,
	    .profile = MSG_PROFILE_CLIENT,
	    .identity = base_span_str("c.example")};
	ck_assert_int_eq(run(&make, &policy), MC_ECSR_SAN);
	make.dns[0] = make.dns[1] = NULL;
	ck_assert_int_eq(run(&make, &policy), MC_OK);
	policy.identity = base_span_str("ann");
	ck_assert_int_eq(run(&make, &policy), MC_ECSR_SUBJECT);
	policy.profile = MSG_PROFILE_ISSUING;
	ck_assert_int_eq(run(&make, &policy), MC_EPROFILE);
}
END_TEST

/* No cut and no flipped bit of a good request is taken; none reads outside of it
 * (the heap copy ends where the request ends, which the sanitizer watches). */
START_TEST(test_cuts_and_flips)
{
	struct make make = {.key = key_of("P-256"), .uri = {MAKE_URI}, .subject = EMPTY_O};
	struct base_buf der;
	struct csr csr;
	size_t taken = 0;

	base_buf_init(&der, 4096);
	make_csr(&der, &make);
	for (size_t len = 0; len < der.len; len++) {
		uint8_t *copy = malloc(len == 0 ? 1 : len);
		memcpy(copy, der.ptr, len);
		ck_assert_int_ne(csr_parse(base_span_of(copy, len), &csr), MC_OK);
		free(copy);
	}
	for (size_t bit = 0; bit < 8 * der.len; bit++) {
		der.ptr[bit / 8] = (uint8_t)(der.ptr[bit / 8] ^ (1u << (bit % 8)));
		if (csr_parse(base_buf_span(&der), &csr) == MC_OK &&
		    csr_check(&csr, &svid) == MC_OK &&
		    csr_verifier_verify(verifier, &csr) == MC_OK) {
			taken++;
		}
		der.ptr[bit / 8] = (uint8_t)(der.ptr[bit / 8] ^ (1u << (bit % 8)));
	}
	ck_assert_uint_eq(taken, 0);
	base_buf_clear(&der);
}
END_TEST

/* What OpenSSL makes, we take, and read the same key. */
START_TEST(test_openssl_request)
{
	EVP_PKEY *key = key_of("P-256");
	X509_REQ *req = X509_REQ_new();
	STACK_OF(X509_EXTENSION) *exts = sk_X509_EXTENSION_new_null();
	unsigned char *der = NULL;
	unsigned char point[65];
	size_t point_len = 0;
	struct csr csr;

	sk_X509_EXTENSION_push(exts,
	    X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, "critical,URI:" MAKE_URI));
	sk_X509_EXTENSION_push(exts,
	    X509V3_EXT_conf_nid(NULL, NULL, NID_key_usage,
		"critical,digitalSignature,keyEncipherment"));
	X509_REQ_add_extensions(req, exts);
	X509_REQ_set_pubkey(req, key);
	X509_REQ_sign(req, key, EVP_sha256());
	int len = i2d_X509_REQ(req, &der);
	ck_assert_int_gt(len, 0);
	ck_assert_int_eq(csr_parse(base_span_of(der, (size_t)len), &csr), MC_OK);
	ck_assert_int_eq(csr_check(&csr, &svid), MC_OK);
	ck_assert_int_eq(csr_verifier_verify(verifier, &csr), MC_OK);
	EVP_PKEY_get_octet_string_param(key, "pub", point, sizeof(point), &point_len);
	ck_assert(base_span_equal(csr.key, base_span_of(point, point_len)));
	OPENSSL_free(der);
	sk_X509_EXTENSION_pop_free(exts, X509_EXTENSION_free);
	X509_REQ_free(req);
}
END_TEST

CHECK_MAIN("ca_csr", test_good, test_bad, test_wrong_key_signed, test_server_and_client,
    test_cuts_and_flips, test_openssl_request)
