/* SPDX-License-Identifier: Apache-2.0 */
/* Weak keys, each refused as what it is; and foreign signature vectors. */
#include "ca/key.h"

#include <jansson.h>
#include <openssl/bn.h>
#include <unistd.h>

#include "base/enc.h"
#include "ca/spki.h"
#include "ca_make.h"
#include "check_main.h"

static enum mc_err
check_modulus(struct key_importer *keys, const BIGNUM *n)
{
	uint8_t bytes[LIMIT_RSA_BYTES + 64];
	int len = BN_bn2bin(n, bytes);

	return key_check(keys, MSG_KEY_RSA, base_span_of(bytes, (size_t)len));
}

START_TEST(test_good_rsa)
{
	static const unsigned sizes[] = {2048, 3072, 4096};
	struct key_importer *keys = key_importer_new();

	for (size_t i = 0; i < 3; i++) {
		EVP_PKEY *key = EVP_RSA_gen(sizes[i]);
		struct make_public pub = make_public(key);
		ck_assert_int_eq(key_check(keys, MSG_KEY_RSA, pub.key), MC_OK);
		make_public_free(&pub);
		EVP_PKEY_free(key);
	}
	key_importer_free(keys);
}
END_TEST

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

/* Every prime below 752 as a factor, also the largest. */
START_TEST(test_small_factors)
{
	struct key_importer *keys = key_importer_new();
	BIGNUM *n = BN_new();
	BIGNUM *rest = BN_new();

	for (unsigned p = 2; p < 752; p++) {
		bool prime = true;
		for (unsigned d = 2; d * d <= p; d++) {
			prime = prime && p % d != 0;
		}
		if (!prime) {
			continue;
		}
		do { /* p times a random number, 2048 bits in all */
			BN_rand(n, 2048, BN_RAND_TOP_ONE, BN_RAND_BOTTOM_ANY);
			BN_sub_word(n, BN_mod_word(n, p));
		} while (BN_num_bits(n) != 2048 || (p != 2 && !BN_is_odd(n)));
		ck_assert_int_eq(check_modulus(keys, n), MC_ECSR_KEY_WEAK);
		if (p > 2) {
			ck_assert_msg(strstr(mc_err_last()->detail, "divisible") != NULL, "%u: %s",
			    p, mc_err_last()->detail);
		}
	}
	BN_free(n);
	BN_free(rest);
	key_importer_free(keys);
}
END_TEST

/* p and q a little apart: within 100 rounds of Fermat, or far beyond them. */
START_TEST(test_close_primes)
{
	static const struct {
		int distance_bits; /* of q - p, about */
		enum mc_err err;
	} cases[] = {
	    {12, MC_ECSR_KEY_WEAK},
	    {300, MC_ECSR_KEY_WEAK}, /* (q - p)^2 / 8 sqrt(n) is still below one round */
	    {505, MC_ECSR_KEY_WEAK},
	    {515, MC_ECSR_KEY_WEAK},
	    {530, MC_OK},
	    {1000, MC_OK},
	};
	struct key_importer *keys = key_importer_new();
	BN_CTX *ctx = BN_CTX_new();
	BIGNUM *p = BN_new(), *q = BN_new(), *n = BN_new();

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		BN_generate_prime_ex(p, 1024, 0, NULL, NULL, NULL);
		BN_set_bit(p, 1022); /* n gets its full length */
		BN_rand(q, cases[i].distance_bits, BN_RAND_TOP_ONE, BN_RAND_BOTTOM_ANY);
		BN_set_bit(p, 0);
		while (BN_check_prime(p, ctx, NULL) != 1) {
			BN_add_word(p, 2);
		}
		BN_add(q, q, p);
		BN_set_bit(q, 0);
		while (BN_check_prime(q, ctx, NULL) != 1) {
			BN_add_word(q, 2);
		}
		BN_mul(n, p, q, ctx);
		if (BN_num_bits(n) != 2048) {
			continue;
		}
		ck_assert_msg(check_modulus(keys, n) == cases[i].err, "%d bits apart",
		    cases[i].distance_bits);
	}
	BN_sqr(n, p, ctx);
	ck_assert_int_eq(check_modulus(keys, n), MC_ECSR_KEY_WEAK);
	BN_free(p);
	BN_free(q);
	BN_free(n);
	BN_CTX_free(ctx);
	key_importer_free(keys);
}
END_TEST

/* A number of the ROCA form: k * M + (65537^a mod M), without small factors. */
START_TEST(test_roca)
{
	struct key_importer *keys = key_importer_new();
	BN_CTX *ctx = BN_CTX_new();
	BIGNUM *m = BN_new(), *a = BN_new(), *e = BN_new(), *n = BN_new(), *k = BN_new();
	enum mc_err err = MC_OK;

	BN_one(m);
	for (unsigned p = 2; p <= 701; p++) {
		bool prime = true;
		for (unsigned d = 2; d * d <= p; d++) {
			prime = prime && p % d != 0;
		}
		if (prime) {
			BN_mul_word(m, p);
		}
	}
	BN_set_word(e, 65537);
	for (int tries = 0; tries < 50; tries++) {
		BN_rand(a, 200, BN_RAND_TOP_ANY, BN_RAND_BOTTOM_ANY);
		BN_mod_exp(n, e, a, m, ctx);
		BN_rand(k, 2048 - BN_num_bits(m), BN_RAND_TOP_TWO, BN_RAND_BOTTOM_ANY);
		BN_mul(k, k, m, ctx);
		BN_add(n, n, k);
		if (BN_num_bits(n) != 2048) {
			continue;
		}
		err = check_modulus(keys, n);
		ck_assert_int_eq(err, MC_ECSR_KEY_WEAK);
		if (strstr(mc_err_last()->detail, "ROCA") != NULL) {
			break; /* others were divisible by a prime from 709 to 751 */
		}
	}
	ck_assert_ptr_nonnull(strstr(mc_err_last()->detail, "ROCA"));
	BN_free(m);
	BN_free(a);
	BN_free(e);
	BN_free(n);
	BN_free(k);
	BN_CTX_free(ctx);
	key_importer_free(keys);
}
END_TEST

/* Wycheproof: OpenSSL does the arithmetic; the import and what it is told are on trial. */
static void
wycheproof(const char *file, enum msg_key_alg alg, size_t at_least)
{
	struct key_importer *keys = key_importer_new();
	char path[1024];
	json_error_t error;
	size_t group_at, test_at, ran = 0;
	json_t *group, *test;

	snprintf(path, sizeof(path), "%s/wycheproof/%s", MESHCA_VECTORS, file);
	if (access(path, R_OK) != 0) {
		printf("SKIPPED: no %s\n", path);
		key_importer_free(keys);
		return;
	}
	json_t *root = json_load_file(path, 0, &error);
	ck_assert_msg(root != NULL, "%s", error.text);
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

CHECK_MAIN("ca_key", test_good_rsa, test_sizes, test_small_factors, test_close_primes,
    test_roca, test_wycheproof, test_one_key_after_the_other)
