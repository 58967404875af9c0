/* SPDX-License-Identifier: Apache-2.0 */
/* Weak moduli, each refused as what it is; and signatures that only a lenient reader takes. */
#include "ca/key_rsa.h"

#include <openssl/bn.h>

#include "base/crypto.h"
#include "base/limits.h"
#include "ca_make.h"
#include "check_main.h"

static enum mc_err
check_modulus(struct key_rsa *rsa, const BIGNUM *n)
{
	uint8_t bytes[LIMIT_RSA_BYTES + 64];
	int len = BN_bn2bin(n, bytes);

	return key_rsa_check(rsa, base_span_of(bytes, (size_t)len));
}

START_TEST(test_sizes)
{
	struct key_rsa *rsa = key_rsa_new();
	uint8_t bytes[LIMIT_RSA_BYTES + 8];
	struct base_span digest = base_span_of("01234567890123456789012345678901", 32);

	memset(bytes, 0xff, sizeof(bytes)); /* of each size a multiple of 3 */
	for (size_t len = 0; len <= sizeof(bytes); len++) {
		struct base_span modulus = base_span_of(bytes, len);
		bool fits = len >= 256 && len <= LIMIT_RSA_BYTES && len % 8 == 0;
		ck_assert_int_eq(key_rsa_check(rsa, modulus),
		    fits ? MC_ECSR_KEY_WEAK : MC_ECSR_KEY_SIZE);
		/* verification holds it to its form alone; the signature is not below it */
		ck_assert_int_eq(key_rsa_verify(rsa, modulus, digest, modulus),
		    fits ? MC_ECSR_SIGNATURE : MC_ECSR_KEY_SIZE);
	}
	struct base_span modulus = base_span_of(bytes, 256);
	bytes[255] = 0xfe;
	ck_assert_int_eq(key_rsa_check(rsa, modulus), MC_ECSR_KEY_WEAK);
	ck_assert_ptr_nonnull(strstr(mc_err_last()->detail, "even"));
	ck_assert_int_eq(key_rsa_verify(rsa, modulus, digest, modulus), MC_ECSR_KEY_WEAK);
	bytes[0] = 0x7f; /* 2047 bits */
	ck_assert_int_eq(key_rsa_check(rsa, modulus), MC_ECSR_KEY_SIZE);
	ck_assert_int_eq(key_rsa_verify(rsa, modulus, digest, modulus), MC_ECSR_KEY_SIZE);
	key_rsa_free(rsa);
	key_rsa_free(NULL);
}
END_TEST

/* Of so many bits, the upper two set, odd, and without a factor below 757. */
static void
rand_rough(BIGNUM *n, int bits)
{
	do {
		BN_rand(n, bits, BN_RAND_TOP_TWO, BN_RAND_BOTTOM_ODD);
		for (unsigned d = 3; d < 757; d += 2) {
			if (BN_mod_word(n, d) == 0) {
				BN_add_word(n, 2);
				d = 1;
			}
		}
	} while (BN_num_bits(n) != bits);
}

/* Every odd prime below 752 as the only small factor; 757 is the first that is not looked for. */
START_TEST(test_small_factors)
{
	struct key_rsa *rsa = key_rsa_new();
	BIGNUM *n = BN_new();
	char want[64];
	unsigned found = 0;

	for (unsigned p = 3; p <= 757; p += 2) {
		bool prime = true;
		int p_bits = 2;
		for (unsigned d = 3; d * d <= p; d += 2) {
			prime = prime && p % d != 0;
		}
		if (!prime) {
			continue;
		}
		while (p >> p_bits != 0) {
			p_bits++;
		}
		BN_zero(n);
		for (int bits = 2048 - p_bits; BN_num_bits(n) != 2048;
		    bits = bits == 2048 - p_bits ? bits + 1 : bits - 1) {
			rand_rough(n, bits);
			BN_mul_word(n, p);
		}
		found++;
		ck_assert_msg(check_modulus(rsa, n) == (p < 757 ? MC_ECSR_KEY_WEAK : MC_OK), "%u", p);
		snprintf(want, sizeof(want), "the RSA modulus is divisible by %u", p);
		ck_assert(p == 757 || strcmp(mc_err_last()->detail, want) == 0);
	}
	ck_assert_uint_eq(found, 133);
	BN_free(n);
	key_rsa_free(rsa);
}
END_TEST

static void
next_prime(BIGNUM *n, BN_CTX *ctx)
{
	BN_set_bit(n, 0);
	while (BN_check_prime(n, ctx, NULL) != 1) {
		BN_add_word(n, 2);
	}
}

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
	struct key_rsa *rsa = key_rsa_new();
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
		ck_assert_int_eq(BN_num_bits(n), 2048);
		ck_assert_msg(check_modulus(rsa, n) == cases[i].err, "%d bits apart",
		    cases[i].distance_bits);
	}
	BN_sqr(n, p, ctx);
	ck_assert_int_eq(check_modulus(rsa, n), MC_ECSR_KEY_WEAK);
	BN_free(p);
	BN_free(q);
	BN_free(n);
	BN_CTX_free(ctx);
	key_rsa_free(rsa);
}
END_TEST

/* The root of n, right to 30 bits. */
static void
rough_root(BIGNUM *root, const BIGNUM *n)
{
	int shift = (BN_num_bits(n) - 60) / 2;
	uint64_t low = 0;

	BN_rshift(root, n, 2 * shift);
	uint64_t top = BN_get_word(root);
	for (uint64_t bit = UINT64_C(1) << 31; bit != 0; bit >>= 1) {
		low |= (low | bit) * (low | bit) <= top ? bit : 0;
	}
	BN_set_word(root, low);
	BN_lshift(root, root, shift);
}

/* The last round that is made, and the first that is not. Of p and q = p + d with d * d = 8 * p * R the mean is
 * R above the root of n, so the round that finds it is the first whole number above R, less one. */
START_TEST(test_last_round)
{
	static const struct {
		unsigned hundredths; /* of R */
		enum mc_err err;
	} cases[] = {{5, MC_ECSR_KEY_WEAK}, {9905, MC_ECSR_KEY_WEAK}, {10005, MC_OK}};
	struct key_rsa *rsa = key_rsa_new();
	BN_CTX *ctx = BN_CTX_new();
	BIGNUM *d = BN_new(), *p = BN_new(), *q = BN_new(), *n = BN_new();

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		BN_rand(p, 1024, BN_RAND_TOP_TWO, BN_RAND_BOTTOM_ODD);
		next_prime(p, ctx);
		BN_copy(n, p);
		BN_mul_word(n, 8 * cases[i].hundredths);
		BN_div_word(n, 100);
		rough_root(d, n);
		BN_add(q, p, d);
		next_prime(q, ctx);
		BN_mul(n, p, q, ctx);
		ck_assert_int_eq(BN_num_bits(n), 2048);
		ck_assert_msg(check_modulus(rsa, n) == cases[i].err, "%u", cases[i].hundredths);
		ck_assert(cases[i].err == MC_OK || strstr(mc_err_last()->detail, "close") != NULL);
	}
	BN_free(d);
	BN_free(p);
	BN_free(q);
	BN_free(n);
	BN_CTX_free(ctx);
	key_rsa_free(rsa);
}
END_TEST

/* A number of the ROCA form: k * M + (65537^a mod M), without small factors. */
START_TEST(test_roca)
{
	struct key_rsa *rsa = key_rsa_new();
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
		err = check_modulus(rsa, n);
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
	key_rsa_free(rsa);
}
END_TEST

/* --- signatures --- */

static EVP_PKEY *signer;
static struct make_public pub;
static uint8_t digest[BASE_SHA256_LEN];

/* The private operation on a block as it is. */
static enum mc_err
verify_block(struct key_rsa *rsa, const uint8_t *block)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(signer, NULL);
	uint8_t signature[256];
	size_t len = sizeof(signature);

	ck_assert(EVP_PKEY_sign_init(ctx) == 1 &&
	    EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_NO_PADDING) == 1 &&
	    EVP_PKEY_sign(ctx, signature, &len, block, 256) == 1);
	EVP_PKEY_CTX_free(ctx);
	return key_rsa_verify(rsa, pub.key, base_span_of(digest, sizeof(digest)),
	    base_span_of(signature, len));
}

/* EMSA-PKCS1-v1_5 (RFC 8017 9.2): 00 01 ff ... 00 info digest, then so many other bytes. */
static void
make_block(uint8_t block[256], const void *info, size_t info_len, size_t garbage)
{
	size_t tail = info_len + sizeof(digest) + garbage;

	memset(block, 0xff, 256);
	block[0] = 0;
	block[1] = 1;
	block[255 - tail] = 0;
	memcpy(block + 256 - tail, info, info_len);
	memcpy(block + 256 - tail + info_len, digest, sizeof(digest));
}

START_TEST(test_blocks)
{
	static const uint8_t info[] = {0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01,
	    0x65, 0x03, 0x04, 0x02, 0x01, 0x05, 0x00, 0x04, 0x20};
	static const uint8_t no_null[] = {0x30, 0x2f, 0x30, 0x0b, 0x06, 0x09, 0x60, 0x86, 0x48,
	    0x01, 0x65, 0x03, 0x04, 0x02, 0x01, 0x04, 0x20};
	static const uint8_t sha3[] = {0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01,
	    0x65, 0x03, 0x04, 0x02, 0x08, 0x05, 0x00, 0x04, 0x20};
	struct key_rsa *rsa = key_rsa_new();
	uint8_t block[256];

	signer = make_key("RSA");
	pub = make_public(signer);
	base_crypto_random(digest, sizeof(digest));
	make_block(block, info, sizeof(info), 0);
	ck_assert_int_eq(verify_block(rsa, block), MC_OK);
	/* every byte of it counts: above the first, which keeps it below the modulus, all bits */
	for (size_t i = 1; i < sizeof(block); i++) {
		block[i] ^= 1;
		ck_assert_msg(verify_block(rsa, block) == MC_ECSR_SIGNATURE, "byte %zu", i);
		block[i] ^= 1;
	}
	make_block(block, info, sizeof(info), 100); /* Bleichenbacher's */
	ck_assert_int_eq(verify_block(rsa, block), MC_ECSR_SIGNATURE);
	make_block(block, no_null, sizeof(no_null), 0);
	ck_assert_int_eq(verify_block(rsa, block), MC_ECSR_SIGNATURE);
	make_block(block, sha3, sizeof(sha3), 0);
	ck_assert_int_eq(verify_block(rsa, block), MC_ECSR_SIGNATURE);
	make_block(block, info, 0, 0);
	ck_assert_int_eq(verify_block(rsa, block), MC_ECSR_SIGNATURE);
	make_public_free(&pub);
	EVP_PKEY_free(signer);
	key_rsa_free(rsa);
}
END_TEST

/* OpenSSL's keys of each size, and its signatures by them; in no other length, and not once more above the modulus. */
START_TEST(test_signatures)
{
	static const unsigned sizes[] = {2048, 3072, 4096};
	struct key_rsa *rsa = key_rsa_new();

	base_crypto_random(digest, sizeof(digest));
	struct base_span hash = base_span_of(digest, sizeof(digest));
	for (size_t i = 0; i < 3; i++) {
		EVP_PKEY *key = EVP_RSA_gen(sizes[i]);
		struct make_public own = make_public(key);
		EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(key, NULL);
		uint8_t bytes[LIMIT_RSA_BYTES + 1] = {0};
		uint8_t *sig = bytes + 1;
		size_t len = LIMIT_RSA_BYTES;
		ck_assert(EVP_PKEY_sign_init(ctx) == 1 &&
		    EVP_PKEY_CTX_set_signature_md(ctx, EVP_sha256()) == 1 &&
		    EVP_PKEY_sign(ctx, sig, &len, digest, sizeof(digest)) == 1);
		struct base_span good = base_span_of(sig, len);
		ck_assert_int_eq(key_rsa_check(rsa, own.key), MC_OK);
		ck_assert_int_eq(key_rsa_verify(rsa, own.key, hash, good), MC_OK);
		ck_assert_int_eq(key_rsa_verify(rsa, own.key, hash, base_span_of(sig, len - 1)),
		    MC_ECSR_SIGNATURE);
		ck_assert_int_eq(key_rsa_verify(rsa, own.key, hash, base_span_of(bytes, len + 1)),
		    MC_ECSR_SIGNATURE);
		ck_assert_int_eq(key_rsa_verify(rsa, own.key, hash, base_span_of(NULL, 0)),
		    MC_ECSR_SIGNATURE);
		ck_assert_int_eq(key_rsa_verify(rsa, own.key, base_span_of(digest, 31), good),
		    MC_ECRYPTO);
		ck_assert_int_eq(key_rsa_verify(rsa, own.key, base_span_of(NULL, 0), good),
		    MC_ECRYPTO);
		/* the same number modulo n, where it has the same length */
		BIGNUM *twin = BN_bin2bn(sig, (int)len, NULL);
		BIGNUM *n = BN_bin2bn(own.key.ptr, (int)own.key.len, NULL);
		BN_add(twin, twin, n);
		if ((size_t)BN_num_bytes(twin) == len) {
			BN_bn2bin(twin, sig);
			ck_assert_int_eq(key_rsa_verify(rsa, own.key, hash, good),
			    MC_ECSR_SIGNATURE);
		}
		memset(sig, 0, len);
		ck_assert_int_eq(key_rsa_verify(rsa, own.key, hash, good), MC_ECSR_SIGNATURE);
		BN_free(twin);
		BN_free(n);
		EVP_PKEY_CTX_free(ctx);
		make_public_free(&own);
		EVP_PKEY_free(key);
	}
	key_rsa_free(rsa);
}
END_TEST

/* A signature that begins with a zero byte is as long as the others (RFC 8017 8.2.2, step 1). */
START_TEST(test_leading_zero)
{
	struct key_rsa *rsa = key_rsa_new();
	EVP_PKEY *key = make_key("RSA");
	struct make_public own = make_public(key);
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(key, NULL);
	struct base_span hash = base_span_of(digest, sizeof(digest));
	uint8_t sig[256];

	ck_assert(EVP_PKEY_sign_init(ctx) == 1 &&
	    EVP_PKEY_CTX_set_signature_md(ctx, EVP_sha256()) == 1);
	do { /* 1 in 256 */
		size_t len = sizeof(sig);
		base_crypto_random(digest, sizeof(digest));
		ck_assert_int_eq(EVP_PKEY_sign(ctx, sig, &len, digest, sizeof(digest)), 1);
	} while (sig[0] != 0);
	ck_assert_int_eq(key_rsa_verify(rsa, own.key, hash, base_span_of(sig, 256)), MC_OK);
	ck_assert_int_eq(key_rsa_verify(rsa, own.key, hash, base_span_of(sig + 1, 255)),
	    MC_ECSR_SIGNATURE);
	EVP_PKEY_CTX_free(ctx);
	make_public_free(&own);
	EVP_PKEY_free(key);
	key_rsa_free(rsa);
}
END_TEST

CHECK_MAIN("ca_key_rsa", test_sizes, test_small_factors, test_close_primes,
    test_last_round, test_roca, test_blocks, test_signatures, test_leading_zero)
