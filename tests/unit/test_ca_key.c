/* SPDX-License-Identifier: Apache-2.0 */
/* Keys by their kind, each refused as what it is; and foreign signature vectors. */
#include "ca/key.h"

#include "base/enc.h"
#include "ca/spki.h"
#include "ca_make.h"
#include "check_main.h"
#include "vectors.h"

START_TEST(test_sizes)
{
	static const size_t wrong[] = {0, 128, 255, 520};
	struct key_importer *keys = key_importer_new();
	uint8_t bytes[LIMIT_RSA_BYTES + 8];
	struct base_span text = base_span_str("a request");

	memset(bytes, 0xff, sizeof(bytes));
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		struct base_span key = base_span_of(bytes, wrong[i]);
		ck_assert_int_eq(key_check(keys, MSG_KEY_RSA, key), MC_ECSR_KEY_SIZE);
		ck_assert_int_eq(key_verify(keys, MSG_KEY_RSA, key, text, key), MC_ECSR_KEY_SIZE);
	}
	struct base_span key = base_span_of(bytes, 256);
	bytes[255] = 0xfe;
	ck_assert_int_eq(key_check(keys, MSG_KEY_RSA, key), MC_ECSR_KEY_WEAK);
	ck_assert_int_eq(key_verify(keys, MSG_KEY_RSA, key, text, key), MC_ECSR_KEY_WEAK);
	bytes[0] = 0x7f; /* 2047 bits */
	ck_assert_int_eq(key_check(keys, MSG_KEY_RSA, key), MC_ECSR_KEY_SIZE);
	ck_assert_int_eq(key_verify(keys, MSG_KEY_RSA, key, text, key), MC_ECSR_KEY_SIZE);
	ck_assert_int_eq(key_check(keys, MSG_KEY_INVALID, base_span_of(bytes, 65)),
	    MC_ECSR_KEY_TYPE);
	key_importer_free(keys);
}
END_TEST

/* An uncompressed point of its own curve, whole. */
START_TEST(test_points)
{
	static const struct {
		const char *group;
		enum msg_key_alg alg;
		size_t len;
	} kinds[] = {{"P-256", MSG_KEY_P256, 65}, {"P-384", MSG_KEY_P384, 97}};
	struct key_importer *keys = key_importer_new();
	struct base_span text = base_span_str("a request");

	for (size_t i = 0; i < 2; i++) {
		EVP_PKEY *key = make_key(kinds[i].group);
		struct make_public pub = make_public(key);
		ck_assert_uint_eq(pub.key.len, kinds[i].len);
		ck_assert_int_eq(key_check(keys, kinds[i].alg, pub.key), MC_OK);
		ck_assert_int_eq(key_check(keys, kinds[1 - i].alg, pub.key), MC_ECSR_KEY_TYPE);
		for (size_t len = 0; len <= kinds[i].len + 1; len++) {
			struct base_span cut = base_span_of(pub.bytes, len);
			enum mc_err want = len == kinds[i].len ? MC_OK : MC_ECSR_KEY_TYPE;
			ck_assert_int_eq(key_check(keys, kinds[i].alg, cut), want);
			ck_assert_int_eq(key_verify(keys, kinds[i].alg, cut, text, cut),
			    want == MC_OK ? MC_ECSR_SIGNATURE : want);
		}
		for (unsigned form = 0; form < 8; form++) {
			pub.bytes[0] = (uint8_t)form;
			ck_assert_int_eq(key_check(keys, kinds[i].alg, pub.key),
			    form == 4 ? MC_OK : MC_ECSR_KEY_TYPE);
		}
		pub.bytes[0] = 4;
		pub.bytes[1] ^= 1;
		ck_assert_int_eq(key_check(keys, kinds[i].alg, pub.key), MC_ECSR_KEY_WEAK);
		memset(pub.bytes + 1, 0xff, kinds[i].len - 1); /* above the field's prime */
		ck_assert_int_eq(key_check(keys, kinds[i].alg, pub.key), MC_ECSR_KEY_WEAK);
		make_public_free(&pub);
		EVP_PKEY_free(key);
	}
	key_importer_free(keys);
	key_importer_free(NULL);
}
END_TEST

START_TEST(test_names)
{
	ck_assert_str_eq(key_alg_name(MSG_KEY_P256), "P-256");
	ck_assert_str_eq(key_alg_name(MSG_KEY_P384), "P-384");
	ck_assert_str_eq(key_alg_name(MSG_KEY_RSA), "RSA");
	ck_assert_str_eq(key_alg_name(MSG_KEY_INVALID), "unknown");
}
END_TEST

/* Wycheproof: OpenSSL does the arithmetic; the import and what it is told are on trial. */
static void
wycheproof(const char *file, enum msg_key_alg alg, size_t at_least)
{
	struct key_importer *keys = key_importer_new();
	size_t group_at, test_at, ran = 0;
	json_t *group, *test;
	json_t *root = vectors_load(file);

	if (root == NULL) {
		key_importer_free(keys);
		return;
	}
	json_array_foreach(json_object_get(root, "testGroups"), group_at, group) {
		const char *text = json_string_value(json_object_get(group, "publicKeyDer"));
		if (text == NULL) {
			text = json_string_value(json_object_get(group, "keyDer"));
		}
		static uint8_t spki[1024], msg[65536], sig[65536];
		size_t spki_len, msg_len, sig_len;
		ck_assert_int_eq(base_enc_unhex(base_span_str(text), spki, sizeof(spki),
				     &spki_len), MC_OK);
		struct der_rd rd;
		enum msg_key_alg found;
		struct base_span key;
		der_rd_init(&rd, base_span_of(spki, spki_len));
		if (spki_parse(&rd, &found, &key) != MC_OK) {
			continue; /* an exponent that we do not take */
		}
		ck_assert_int_eq(found, alg);
		json_array_foreach(json_object_get(group, "tests"), test_at, test) {
			const char *m = json_string_value(json_object_get(test, "msg"));
			const char *s = json_string_value(json_object_get(test, "sig"));
			const char *r = json_string_value(json_object_get(test, "result"));
			ck_assert_int_eq(base_enc_unhex(base_span_str(m), msg, sizeof(msg),
					     &msg_len), MC_OK);
			ck_assert_int_eq(base_enc_unhex(base_span_str(s), sig, sizeof(sig),
					     &sig_len), MC_OK);
			bool ok = key_verify(keys, alg, key, base_span_of(msg, msg_len),
			    base_span_of(sig, sig_len)) == MC_OK;
			/* "acceptable" is left to us: we are strict, but need not be */
			if (strcmp(r, "acceptable") != 0) {
				ck_assert_msg(ok == (strcmp(r, "valid") == 0), "%s test %lld", file,
				    (long long)json_integer_value(
					json_object_get(test, "tcId")));
			}
			ran++;
		}
	}
	ck_assert_uint_ge(ran, at_least);
	json_decref(root);
	key_importer_free(keys);
}

START_TEST(test_wycheproof)
{
	wycheproof("ecdsa_secp256r1_sha256_test.json", MSG_KEY_P256, 400);
	wycheproof("ecdsa_secp384r1_sha384_test.json", MSG_KEY_P384, 400);
	wycheproof("rsa_signature_2048_sha256_test.json", MSG_KEY_RSA, 200);
}
END_TEST

/* The importer's objects are reused: each signature is checked with its own key, whatever came
 * before, and a refused point leaves nothing behind. */
START_TEST(test_one_key_after_the_other)
{
	static const char message[] = "a request";
	struct base_span text = base_span_of(message, sizeof(message));
	struct key_importer *keys = key_importer_new();
	uint8_t off_curve[65] = {4, 1};
	struct make_public pub[2];
	uint8_t sig[2][128];
	size_t len[2];

	for (int i = 0; i < 2; i++) {
		EVP_PKEY *key = EVP_EC_gen("P-256");
		EVP_MD_CTX *md = EVP_MD_CTX_new();
		len[i] = sizeof(sig[i]);
		pub[i] = make_public(key);
		ck_assert(EVP_DigestSignInit(md, NULL, EVP_sha256(), NULL, key) == 1 &&
		    EVP_DigestSign(md, sig[i], &len[i], text.ptr, text.len) == 1);
		EVP_MD_CTX_free(md);
		EVP_PKEY_free(key);
	}
	for (int round = 0; round < 8; round++) {
		int k = round & 1;
		int s = round >> 1 & 1;
		ck_assert_int_eq(key_check(keys, MSG_KEY_P256, pub[round >> 2].key), MC_OK);
		ck_assert_int_eq(key_verify(keys, MSG_KEY_P256, pub[k].key, text,
				     base_span_of(sig[s], len[s])),
		    k == s ? MC_OK : MC_ECSR_SIGNATURE);
	}
	ck_assert_int_eq(key_check(keys, MSG_KEY_P256, base_span_of(off_curve, 65)),
	    MC_ECSR_KEY_WEAK);
	ck_assert_int_eq(key_verify(keys, MSG_KEY_P256, base_span_of(off_curve, 65), text,
			     base_span_of(sig[1], len[1])), MC_ECSR_KEY_WEAK);
	ck_assert_int_eq(key_verify(keys, MSG_KEY_P256, pub[1].key, text,
			     base_span_of(sig[1], len[1])), MC_OK);
	make_public_free(&pub[0]);
	make_public_free(&pub[1]);
	key_importer_free(keys);
}
END_TEST

CHECK_MAIN("ca_key", test_sizes, test_points, test_names, test_wycheproof,
    test_one_key_after_the_other)
