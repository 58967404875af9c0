/* SPDX-License-Identifier: Apache-2.0 */
/* Public keys and signature algorithms: OpenSSL's own encoding, and no other. */
#include "ca/spki.h"

#include "base/crypto.h"
#include "ca/oid.h"
#include "ca_make.h"
#include "check_main.h"

static enum mc_err
parse(const struct base_buf *der, enum msg_key_alg *alg, struct base_span *key)
{
	struct der_rd rd;

	der_rd_init(&rd, base_buf_span(der));
	return spki_parse(&rd, alg, key);
}

/* What OpenSSL writes is what we write, and what we read. */
static void
round_trip(const char *kind)
{
	EVP_PKEY *key = make_key(kind);
	struct make_public pub = make_public(key);
	struct base_buf out;
	unsigned char *der = NULL;
	int len = i2d_PUBKEY(key, &der);
	enum msg_key_alg alg = MSG_KEY_INVALID;
	struct base_span got;

	base_buf_init(&out, 1024);
	spki_put(&out, pub.alg, pub.key);
	ck_assert(base_span_equal(base_buf_span(&out), base_span_of(der, (size_t)len)));
	ck_assert_int_eq(parse(&out, &alg, &got), MC_OK);
	ck_assert_int_eq(alg, pub.alg);
	ck_assert(base_span_equal(got, pub.key));
	ck_assert(got.ptr >= out.ptr && got.ptr < out.ptr + out.len); /* a view */

	/* what a key identifier is the hash of, by OpenSSL */
	X509_PUBKEY *parsed = NULL;
	const unsigned char *bits;
	int bits_len;
	ck_assert_int_eq(X509_PUBKEY_set(&parsed, key), 1);
	ck_assert_int_eq(X509_PUBKEY_get0_param(NULL, &bits, &bits_len, NULL, parsed), 1);
	base_buf_reset(&out);
	spki_put_key_bits(&out, pub.alg, pub.key);
	ck_assert(base_span_equal(base_buf_span(&out), base_span_of(bits, (size_t)bits_len)));
	X509_PUBKEY_free(parsed);
	OPENSSL_free(der);
	base_buf_clear(&out);
	make_public_free(&pub);
	EVP_PKEY_free(key);
}

START_TEST(test_round_trip)
{
	round_trip("P-256");
	round_trip("P-384");
	round_trip("RSA");
}
END_TEST

/* Every knob that an SPKI has. */
struct knobs {
	struct base_span oid;
	struct base_span curve; /* EC */
	size_t point_len;
	uint8_t first;          /* of the point */
	size_t modulus_len;     /* RSA */
	const char *exponent;
	size_t exponent_len;
	bool no_null;           /* RSA: parameters left out */
	bool full_null;         /* NULL with a body */
	bool more_params;       /* one thing after them */
	bool in_key, after_key, in_spki; /* something that nobody reads, there */
	uint8_t unused_bits;
	bool minus;             /* the modulus is negative */
};

static void
put_rsa(struct base_buf *out, const struct knobs *knobs)
{
	uint8_t bytes[LIMIT_RSA_BYTES + 9];
	size_t rsa = der_begin(out, DER_SEQUENCE);

	memset(bytes, 0xab, sizeof(bytes));
	bytes[0] = knobs->minus ? 0xab : 0;
	der_put(out, DER_INTEGER, base_span_of(bytes, knobs->modulus_len + 1));
	der_put(out, DER_INTEGER, base_span_of(knobs->exponent, knobs->exponent_len));
	if (knobs->in_key) {
		der_put_null(out);
	}
	der_end(out, rsa);
	if (knobs->after_key) {
		der_put_null(out);
	}
}

static enum mc_err
read_knobs(const struct knobs *knobs)
{
	struct base_buf out;
	uint8_t point[97] = {knobs->first};
	enum msg_key_alg alg = MSG_KEY_INVALID;
	struct base_span key = {NULL, 0};
	bool rsa = base_span_equal(knobs->oid, oid_rsa);

	base_buf_init(&out, 4096);
	size_t spki = der_begin(&out, DER_SEQUENCE);
	size_t algorithm = der_begin(&out, DER_SEQUENCE);
	der_put(&out, DER_OID, knobs->oid);
	if (!rsa) {
		der_put(&out, knobs->no_null ? DER_SEQUENCE : DER_OID, knobs->curve);
	} else if (!knobs->no_null) {
		der_put(&out, DER_NULL, base_span_of("x", knobs->full_null ? 1 : 0));
	}
	if (knobs->more_params) {
		der_put_null(&out);
	}
	der_end(&out, algorithm);
	size_t bits = der_begin(&out, DER_BIT_STRING);
	base_buf_append_u8(&out, knobs->unused_bits);
	if (rsa) {
		put_rsa(&out, knobs);
	} else {
		base_buf_append(&out, point, knobs->point_len);
	}
	der_end(&out, bits);
	if (knobs->in_spki) {
		der_put_null(&out);
	}
	der_end(&out, spki);
	enum mc_err ret = parse(&out, &alg, &key);
	ck_assert_int_eq(ret == MC_OK, key.len != 0); /* nothing is given with a refusal */
	base_buf_clear(&out);
	return ret;
}

#define EC(code, ...)                                                                  \
	do {                                                                           \
		struct knobs knobs = {                                                 \
		    .oid = oid_ec_public_key, .curve = oid_p256, .point_len = 65, .first = 4}; \
		__VA_ARGS__;                                                           \
		ck_assert_int_eq(read_knobs(&knobs), code);                            \
	} while (0)

START_TEST(test_ec)
{
	static const struct base_span p521 = {(const uint8_t *)"\x2b\x81\x04\x00\x23", 5};
	static const struct base_span dsa = {(const uint8_t *)"\x2a\x86\x48\xce\x38\x04\x01", 7};

	EC(MC_OK, (void)knobs);
	EC(MC_OK, knobs.curve = oid_p384, knobs.point_len = 97);
	EC(MC_ECSR_KEY_TYPE, knobs.curve = p521);
	EC(MC_ECSR_KEY_TYPE, knobs.no_null = true); /* a curve by its parameters */
	EC(MC_ECSR_KEY_TYPE, knobs.oid = dsa);
	EC(MC_ECSR_DER, knobs.point_len = 64);
	EC(MC_ECSR_DER, knobs.point_len = 66);
	EC(MC_ECSR_DER, knobs.point_len = 97);
	EC(MC_ECSR_DER, knobs.point_len = 1);
	EC(MC_ECSR_DER, knobs.point_len = 0);
	EC(MC_ECSR_DER, knobs.curve = oid_p384);
	EC(MC_ECSR_DER, knobs.first = 2, knobs.point_len = 33);
	EC(MC_ECSR_DER, knobs.first = 6); /* hybrid form */
	EC(MC_ECSR_DER, knobs.first = 0);
	EC(MC_ECSR_DER, knobs.more_params = true);
	EC(MC_ECSR_DER, knobs.in_spki = true);
	EC(MC_ECSR_DER, knobs.unused_bits = 1);
}
END_TEST

#define RSA_KEY(code, ...)                                                             \
	do {                                                                           \
		struct knobs knobs = {.oid = oid_rsa, .modulus_len = 256,              \
		    .exponent = "\x01\x00\x01", .exponent_len = 3};                    \
		__VA_ARGS__;                                                           \
		ck_assert_int_eq(read_knobs(&knobs), code);                            \
	} while (0)

START_TEST(test_rsa)
{
	RSA_KEY(MC_OK, (void)knobs);
	RSA_KEY(MC_OK, knobs.modulus_len = LIMIT_RSA_BYTES);
	RSA_KEY(MC_ECSR_KEY_SIZE, knobs.modulus_len = LIMIT_RSA_BYTES + 1);
	RSA_KEY(MC_ECSR_KEY_WEAK, knobs.exponent = "\x03", knobs.exponent_len = 1);
	RSA_KEY(MC_ECSR_KEY_WEAK, knobs.exponent = "\x01\x00\x03");
	RSA_KEY(MC_ECSR_KEY_WEAK, knobs.exponent = "\x01\x00\x01\x00\x01", knobs.exponent_len = 5);
	RSA_KEY(MC_ECSR_DER, knobs.exponent = "\x00\x01\x00\x01", knobs.exponent_len = 4);
	RSA_KEY(MC_ECSR_DER, knobs.exponent_len = 0);
	RSA_KEY(MC_ECSR_DER, knobs.minus = true);
	RSA_KEY(MC_ECSR_DER, knobs.no_null = true);
	RSA_KEY(MC_ECSR_DER, knobs.full_null = true);
	RSA_KEY(MC_ECSR_DER, knobs.more_params = true);
	RSA_KEY(MC_ECSR_DER, knobs.in_key = true);
	RSA_KEY(MC_ECSR_DER, knobs.after_key = true);
	RSA_KEY(MC_ECSR_DER, knobs.in_spki = true);
	RSA_KEY(MC_ECSR_DER, knobs.unused_bits = 7);
}
END_TEST

/* Cut anywhere, it is none. */
START_TEST(test_truncated)
{
	static const char *const KINDS[] = {"P-256", "RSA"};

	for (size_t k = 0; k < 2; k++) {
		EVP_PKEY *key = make_key(KINDS[k]);
		unsigned char *der = NULL;
		int len = i2d_PUBKEY(key, &der);
		for (int cut = 0; cut < len; cut++) {
			enum msg_key_alg alg;
			struct base_span got;
			struct der_rd rd;
			uint8_t *exact = malloc((size_t)cut + 1);
			memcpy(exact, der, (size_t)cut);
			der_rd_init(&rd, base_span_of(exact, (size_t)cut));
			ck_assert_int_eq(spki_parse(&rd, &alg, &got), MC_ECSR_DER);
			free(exact);
		}
		OPENSSL_free(der);
		EVP_PKEY_free(key);
	}
}
END_TEST

static bool
matches(struct base_span der, enum msg_key_alg alg)
{
	struct der_rd rd;

	der_rd_init(&rd, der);
	return spki_signature_alg_matches(&rd, alg);
}

/* One algorithm for each kind of key, with the parameters that its RFC says. */
START_TEST(test_signature_alg)
{
	static const struct {
		enum msg_key_alg alg;
		int nid;
		bool null;
	} kinds[] = {{MSG_KEY_RSA, NID_sha256WithRSAEncryption, true},
	    {MSG_KEY_P256, NID_ecdsa_with_SHA256, false},
	    {MSG_KEY_P384, NID_ecdsa_with_SHA384, false}};

	for (size_t i = 0; i < 3; i++) {
		X509_ALGOR *algor = X509_ALGOR_new();
		unsigned char *der = NULL;
		struct base_buf out;
		base_buf_init(&out, 64);
		X509_ALGOR_set0(algor, OBJ_nid2obj(kinds[i].nid),
		    kinds[i].null ? V_ASN1_NULL : V_ASN1_UNDEF, NULL);
		int len = i2d_X509_ALGOR(algor, &der);
		spki_put_signature_alg(&out, kinds[i].alg);
		ck_assert(base_span_equal(base_buf_span(&out), base_span_of(der, (size_t)len)));
		for (size_t k = 0; k < 3; k++) {
			ck_assert_int_eq(matches(base_buf_span(&out), kinds[k].alg), i == k);
		}
		OPENSSL_free(der);
		/* the other way with NULL, or with something else there */
		X509_ALGOR_set0(algor, OBJ_nid2obj(kinds[i].nid),
		    kinds[i].null ? V_ASN1_UNDEF : V_ASN1_NULL, NULL);
		der = NULL;
		len = i2d_X509_ALGOR(algor, &der);
		ck_assert(!matches(base_span_of(der, (size_t)len), kinds[i].alg));
		OPENSSL_free(der);
		X509_ALGOR_free(algor);
		base_buf_clear(&out);
	}
	ck_assert(!matches(base_span_of(NULL, 0), MSG_KEY_RSA));
	ck_assert(!matches(base_span_of("\x30\x00", 2), MSG_KEY_P256));
	/* NULL with a body, and something after NULL */
	ck_assert(!matches(base_span_of("\x30\x0e\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0b\x05\x01\x00", 16),
	    MSG_KEY_RSA));
	ck_assert(!matches(base_span_of("\x30\x0f\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0b\x05\x00\x05\x00", 17),
	    MSG_KEY_RSA));
}
END_TEST

CHECK_MAIN("ca_spki", test_round_trip, test_ec, test_rsa, test_truncated, test_signature_alg)
