/* SPDX-License-Identifier: Apache-2.0 */
#include "ca/ca_cert.h"

#include <openssl/evp.h>
#include <openssl/x509.h>
#include <string.h>

#include "base/crypto.h"
#include "ca/cert.h"
#include "ca/keyfile.h"
#include "tests/unit/check_main.h"

#define NOW INT64_C(1795000000)

struct made {
	EVP_PKEY *key;
	struct base_buf public;
	struct base_buf tbs;
	struct base_buf der;
	struct cert_view view;
	uint8_t serial[CERT_SERIAL_LEN];
	struct ca_cert cert;
};

static void
made_init(struct made *made, enum msg_profile profile, enum config_key_alg alg)
{
	*made = (struct made){.key = keyfile_generate(alg)};
	base_buf_init(&made->public, LIMIT_KEY_BYTES);
	base_buf_init(&made->tbs, LIMIT_TBS);
	base_buf_init(&made->der, LIMIT_CERT);
	cert_serial_make(1, made->serial);
	ck_assert(keyfile_public(made->key, &made->cert.key_alg, &made->public) == MC_OK);
	made->cert.profile = profile;
	made->cert.serial = base_span_of(made->serial, sizeof(made->serial));
	made->cert.not_before_at = NOW;
	made->cert.not_after_at = NOW + 86400;
	made->cert.key = base_buf_span(&made->public);
	if (profile != MSG_PROFILE_ROOT) {
		made->cert.environment = base_span_str("staging");
		made->cert.trust_domain = base_span_str("cluster.local");
	}
}

static void
made_clear(struct made *made)
{
	EVP_PKEY_free(made->key);
	base_buf_clear(&made->public);
	base_buf_clear(&made->tbs);
	base_buf_clear(&made->der);
}

static struct issuer_ack
ack_of(struct base_span tbs)
{
	struct issuer_ack ack = {.seq = 1, .good = true};

	base_crypto_sha256(tbs, ack.tbs_sha256);
	return ack;
}

static void
finish(struct made *made, const struct made *issuer)
{
	uint8_t spki[BASE_SHA256_LEN];
	struct base_buf tail;
	struct issuer_ack ack;

	base_buf_init(&tail, LIMIT_SIGNATURE);
	ck_assert(ca_cert_build(&made->cert, issuer == NULL ? NULL : &issuer->view, &made->tbs,
	              spki) == MC_OK);
	ack = ack_of(base_buf_span(&made->tbs));
	ck_assert(ca_cert_sign(issuer == NULL ? made->key : issuer->key, &ack,
	              base_buf_span(&made->tbs), &tail) == MC_OK);
	ck_assert(!ack.good);
	ck_assert(ca_cert_sign(issuer == NULL ? made->key : issuer->key, &ack,
	              base_buf_span(&made->tbs), &tail) == MC_EPROFILE);
	cert_join(base_buf_span(&made->tbs), base_buf_span(&tail), &made->der);
	ck_assert(cert_view_parse(base_buf_span(&made->der), &made->view) == MC_OK);
	base_buf_clear(&tail);
}

static X509 *
x509_of(const struct made *made)
{
	const unsigned char *at = made->der.ptr;
	X509 *x509 = d2i_X509(NULL, &at, (long)made->der.len);

	ck_assert_ptr_nonnull(x509);
	ck_assert(at == made->der.ptr + made->der.len);
	return x509;
}

START_TEST(every_algorithm)
{
	static const enum config_key_alg ALGS[] = {
	    CONFIG_KEY_P256, CONFIG_KEY_P384, CONFIG_KEY_RSA2048, CONFIG_KEY_RSA3072};
	static const int SIGNATURES[] = {NID_ecdsa_with_SHA256, NID_ecdsa_with_SHA384,
	    NID_sha256WithRSAEncryption, NID_sha256WithRSAEncryption};

	for (size_t i = 0; i < 4; i++) {
		struct made anchor, issuing;
		X509 *one, *two;

		made_init(&anchor, MSG_PROFILE_ENVIRONMENT, ALGS[i]);
		made_init(&issuing, MSG_PROFILE_ISSUING, CONFIG_KEY_P256);
		finish(&anchor, NULL);
		finish(&issuing, &anchor);
		one = x509_of(&anchor);
		two = x509_of(&issuing);
		ck_assert(X509_get_signature_nid(one) == SIGNATURES[i]);
		ck_assert(X509_get_signature_nid(two) == SIGNATURES[i]);
		ck_assert(X509_verify(one, anchor.key) == 1);
		ck_assert(X509_verify(two, anchor.key) == 1);
		ck_assert(base_span_equal(anchor.view.subject, issuing.view.issuer));
		ck_assert(base_span_equal(anchor.view.key_id, anchor.view.issuer_key_id));
		ck_assert(base_span_equal(anchor.view.key_id, issuing.view.issuer_key_id));
		ck_assert(X509_get_pathlen(two) == 0);
		ck_assert(X509_get_pathlen(one) == -1);
		X509_free(one);
		X509_free(two);
		made_clear(&anchor);
		made_clear(&issuing);
	}
}
END_TEST

START_TEST(subjects)
{
	struct made issuing;
	char text[CA_CERT_SUBJECT_MAX];
	char long_name[] = "an-environment-with-a-name-of-sixty-three-letters-and-digits-63";

	made_init(&issuing, MSG_PROFILE_ISSUING, CONFIG_KEY_P256);
	ca_cert_subject(&issuing.cert, text);
	ck_assert(strncmp(text, "CN=staging issuing CA ", 22) == 0);
	ck_assert(strlen(text) == 22 + 8 + strlen(",O=meshca"));
	issuing.cert.environment = base_span_str(long_name);
	ca_cert_subject(&issuing.cert, text);
	/* RFC 5280 appendix A: ub-common-name */
	ck_assert(strcspn(text, ",") - strlen("CN=") <= 64);
	issuing.cert.profile = MSG_PROFILE_ENVIRONMENT;
	finish(&issuing, NULL);
	made_clear(&issuing);
}
END_TEST

static void
expect(const struct ca_cert *cert, const struct cert_view *issuer, enum mc_err want)
{
	uint8_t spki[BASE_SHA256_LEN];
	struct base_buf tbs;
	enum mc_err got;

	base_buf_init(&tbs, LIMIT_TBS);
	got = ca_cert_build(cert, issuer, &tbs, spki);
	ck_assert_msg(got == want, "%s instead of %s: %s", mc_err_word(got), mc_err_word(want),
	    mc_err_last()->detail);
	ck_assert(tbs.len == 0);
	base_buf_clear(&tbs);
}

START_TEST(refused)
{
	struct made anchor, issuing;
	struct ca_cert bad;
	struct cert_view leaf;

	made_init(&anchor, MSG_PROFILE_ENVIRONMENT, CONFIG_KEY_P256);
	made_init(&issuing, MSG_PROFILE_ISSUING, CONFIG_KEY_P256);
	finish(&anchor, NULL);
	bad = issuing.cert;
	expect(&bad, NULL, MC_EPROFILE); /* not self-signed */
	bad.profile = MSG_PROFILE_SVID;
	expect(&bad, &anchor.view, MC_EPROFILE);
	bad = anchor.cert;
	expect(&bad, &anchor.view, MC_EPROFILE); /* self-signed */
	bad = issuing.cert;
	bad.not_after_at = anchor.cert.not_after_at + 1;
	expect(&bad, &anchor.view, MC_EISSUER_LIFE);
	bad.not_after_at = bad.not_before_at;
	expect(&bad, &anchor.view, MC_EISSUER_LIFE);
	bad = issuing.cert;
	bad.trust_domain = base_span_str("Cluster.Local");
	expect(&bad, &anchor.view, MC_ESPIFFE_ID);
	bad = issuing.cert;
	bad.environment = base_span_str("");
	expect(&bad, &anchor.view, MC_EIDENTITY);
	bad = issuing.cert;
	bad.serial.len--;
	expect(&bad, &anchor.view, MC_EPROFILE);
	leaf = anchor.view;
	leaf.ca = false;
	expect(&issuing.cert, &leaf, MC_EPROFILE);
	leaf = anchor.view;
	leaf.key_usage = CERT_KU_DIGITAL_SIGNATURE;
	expect(&issuing.cert, &leaf, MC_EPROFILE);
	made_clear(&anchor);
	made_clear(&issuing);
}
END_TEST

START_TEST(unacknowledged_bytes_are_not_signed)
{
	struct made anchor;
	struct base_buf tail;
	struct issuer_ack ack;

	made_init(&anchor, MSG_PROFILE_ENVIRONMENT, CONFIG_KEY_P256);
	finish(&anchor, NULL);
	base_buf_init(&tail, LIMIT_SIGNATURE);
	ack = ack_of(base_span_of(anchor.tbs.ptr, anchor.tbs.len - 1));
	ck_assert(ca_cert_sign(anchor.key, &ack, base_buf_span(&anchor.tbs), &tail) ==
	          MC_EPROFILE);
	ck_assert(tail.len == 0);
	made_clear(&anchor);
}
END_TEST

CHECK_MAIN("ca_ca_cert", every_algorithm, subjects, refused,
    unacknowledged_bytes_are_not_signed)
