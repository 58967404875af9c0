/* SPDX-License-Identifier: Apache-2.0 */
#include "base/crypto.h"

#include <check.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/enc.h"

/* FIPS 180-4 examples. */
#define SHA_EMPTY "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
#define SHA_ABC "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"

static void
check_hash(const uint8_t hash[BASE_SHA256_LEN], const char *want)
{
	char text[2 * BASE_SHA256_LEN + 1];

	base_enc_hex(hash, BASE_SHA256_LEN, text);
	ck_assert_str_eq(text, want);
}

START_TEST(test_sha256)
{
	uint8_t hash[BASE_SHA256_LEN];

	base_crypto_sha256(base_span_str("abc"), hash);
	check_hash(hash, SHA_ABC);
	base_crypto_sha256(base_span_of(NULL, 0), hash);
	check_hash(hash, SHA_EMPTY);
}
END_TEST

START_TEST(test_sha256_of_pieces)
{
	const struct base_span pieces[] = {base_span_str("a"), base_span_of(NULL, 0),
	    base_span_str("bc")};
	uint8_t hash[BASE_SHA256_LEN];

	base_crypto_sha256v(pieces, 3, hash);
	check_hash(hash, SHA_ABC);
	base_crypto_sha256v(pieces, 0, hash);
	check_hash(hash, SHA_EMPTY);
}
END_TEST

static void *
hash_often(void *arg)
{
	for (int i = 0; i < 2000; i++) {
		base_crypto_sha256(base_span_str("abc"), arg);
	}
	return NULL;
}

START_TEST(test_sha256_from_threads)
{
	uint8_t hashes[4][BASE_SHA256_LEN];
	pthread_t threads[4];

	for (int i = 0; i < 4; i++) {
		ck_assert_int_eq(pthread_create(&threads[i], NULL, hash_often, hashes[i]), 0);
	}
	for (int i = 0; i < 4; i++) {
		ck_assert_int_eq(pthread_join(threads[i], NULL), 0);
		check_hash(hashes[i], SHA_ABC);
	}
}
END_TEST

START_TEST(test_random)
{
	static uint8_t one[70000];
	static uint8_t two[70000];

	base_crypto_random(one, sizeof(one));
	base_crypto_random(two, sizeof(two));
	ck_assert_int_ne(memcmp(one, two, 16), 0);
	ck_assert_int_ne(memcmp(one + 69984, two + 69984, 16), 0);
}
END_TEST

#define NONCES 3000

struct nonces {
	uint8_t bytes[NONCES][16];
};

static void *
nonces_take(void *arg)
{
	struct nonces *nonces = arg;

	for (size_t i = 0; i < NONCES; i++) {
		/* odd lengths between, so that the stock ends everywhere within a nonce */
		uint8_t between[15];

		base_crypto_nonce(nonces->bytes[i], 16);
		base_crypto_nonce(between, i % sizeof(between));
	}
	return NULL;
}

static int
nonce_order(const void *a, const void *b)
{
	return memcmp(a, b, 16);
}

START_TEST(test_nonces_never_repeat)
{
	static struct nonces taken[2];
	uint8_t(*all)[16] = taken[0].bytes;
	uint8_t large[2][5000];
	pthread_t other;

	ck_assert_int_eq(pthread_create(&other, NULL, nonces_take, &taken[1]), 0);
	nonces_take(&taken[0]);
	ck_assert_int_eq(pthread_join(other, NULL), 0);
	qsort(all, (size_t)2 * NONCES, 16, nonce_order);
	for (size_t i = 1; i < (size_t)2 * NONCES; i++) {
		ck_assert_int_ne(memcmp(all[i - 1], all[i], 16), 0);
	}
	base_crypto_nonce(large[0], sizeof(large[0]));
	base_crypto_nonce(large[1], sizeof(large[1]));
	ck_assert_int_ne(memcmp(large[0], large[1], sizeof(large[0])), 0);
}
END_TEST

START_TEST(test_equal)
{
	ck_assert(base_crypto_equal("secret", "secret", 6));
	ck_assert(!base_crypto_equal("secret", "secreT", 6));
	ck_assert(base_crypto_equal("a", "b", 0));
}
END_TEST

/* Made by OpenSSL 3 through python-cryptography. */
static const char P256_SPKI[] =
    "3059301306072a8648ce3d020106082a8648ce3d0301070342000412687f74bdb73b9e1f4f68"
    "642d6a7388466b814a449894c44b11d2b2bc0fcbd4cef82b33bc051de3d5a62eab14fa9b82f6"
    "5f0b970cf46f3927b073c15b6186e5";
static const char P256_SIG[] = /* over "text" */
    "3046022100925e03dbe05cb93829aa15cfa2b3143814903074c4536578b4bb9dc53e5e487802"
    "2100a3f13eae98b5a7c98e235817b9af08f3214f26d37c159a9aee6e2f30db12ca34";

START_TEST(test_p256_verify)
{
	const struct base_span text = base_span_str("text");
	uint8_t spki[91];
	uint8_t sig[80];
	size_t spki_len, sig_len;
	struct base_span key, signature;

	ck_assert_int_eq(base_enc_unhex(base_span_str(P256_SPKI), spki, sizeof(spki), &spki_len), MC_OK);
	ck_assert_int_eq(base_enc_unhex(base_span_str(P256_SIG), sig, sizeof(sig), &sig_len), MC_OK);
	key = base_span_of(spki, spki_len);
	signature = base_span_of(sig, sig_len);
	ck_assert(base_crypto_p256_verify(key, text, signature));
	ck_assert(!base_crypto_p256_verify(key, base_span_str("texT"), signature));
	ck_assert(!base_crypto_p256_verify(key, text, base_span_of(sig, sig_len - 1)));
	ck_assert(!base_crypto_p256_verify(key, text, base_span_of(NULL, 0)));
	ck_assert(!base_crypto_p256_verify(base_span_of(spki, spki_len - 1), text, signature));
	ck_assert(!base_crypto_p256_verify(base_span_of(NULL, 0), text, signature));
	for (size_t i = 0; i < spki_len; i++) {
		spki[i] ^= 1; /* another algorithm or curve, or a point off it */
		ck_assert(!base_crypto_p256_verify(key, text, signature));
		spki[i] ^= 1;
	}
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("base_crypto");
	TCase *tcase = tcase_create("all");
	SRunner *runner;
	int failed;

	tcase_add_test(tcase, test_sha256);
	tcase_add_test(tcase, test_sha256_of_pieces);
	tcase_add_test(tcase, test_sha256_from_threads);
	tcase_add_test(tcase, test_random);
	tcase_add_test(tcase, test_nonces_never_repeat);
	tcase_add_test(tcase, test_equal);
	tcase_add_test(tcase, test_p256_verify);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
