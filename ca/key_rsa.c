/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>
#include <openssl/bn.h>

#include "base/crypto.h"
#include "base/limits.h"
#include "base/mem.h"
#include "ca/key_rsa.h"

__extension__ typedef unsigned __int128 u128;

#define RSA_BYTES_MIN    256
#define PRIME_LIMIT      752 /* Boulder's goodkey and BR: no factor below this */
#define PRIME_COUNT      132 /* odd primes below it */
#define ROCA_PRIME_LIMIT 168 /* primes by which the ROCA form is recognised */
#define FERMAT_ROUNDS    100
#define LIMBS_MAX        (LIMIT_RSA_BYTES / 8)

/* What a square must be a square modulo of: 3 numbers in 10,000 pass all without being one. */
static const uint8_t filters[] = {64, 9, 5, 7, 11, 13, 17, 19, 23, 29, 31};
#define FILTER_COUNT   (sizeof(filters) / sizeof(filters[0]))
#define FILTER_MODULUS (UINT64_C(300840735195) * 64) /* their product */

/* So small that the sum of LIMBS_MAX products with a limb fits 128 bits. */
#define PRODUCT_MAX (UINT64_MAX >> 6)
_Static_assert(LIMBS_MAX <= 64, "check_residues() sums without reducing");

/* Primes whose product fits a word share one pass over the modulus. */
struct pack {
	uint64_t product;
	unsigned first;
	unsigned count;
	uint64_t weights[LIMBS_MAX]; /* of the limbs: 2^(64 i) modulo product, lowest first */
};

struct key_rsa {
	uint16_t primes[PRIME_COUNT];
	struct pack packs[PRIME_COUNT];
	unsigned pack_count;
	/* bit r of roca[i]: r is a power of 65537 modulo primes[i] */
	uint64_t roca[PRIME_COUNT][3];
	unsigned roca_count;
	/* bit r of squares[i]: r is a square modulo filters[i] */
	uint64_t squares[FILTER_COUNT];
	BN_CTX *ctx;
	BN_MONT_CTX *mont;
	BIGNUM *e, *n, *first, *sum, *square, *root, *quotient, *next;
};

static void
fill_primes(struct key_rsa *rsa)
{
	unsigned count = 0;

	for (unsigned candidate = 3; candidate < PRIME_LIMIT; candidate += 2) {
		unsigned i = 0;
		while (i < count && candidate % rsa->primes[i] != 0) {
			i++;
		}
		if (i == count && count < PRIME_COUNT) {
			rsa->primes[count++] = (uint16_t)candidate;
		}
	}
	struct pack *pack = NULL;
	for (unsigned i = 0; i < count; i++) {
		if (pack == NULL || pack->product > PRODUCT_MAX / rsa->primes[i]) {
			pack = &rsa->packs[rsa->pack_count++];
			*pack = (struct pack){.product = 1, .first = i};
		}
		pack->product *= rsa->primes[i];
		pack->count++;
	}
	for (unsigned p = 0; p < rsa->pack_count; p++) {
		pack = &rsa->packs[p];
		pack->weights[0] = 1;
		for (size_t i = 1; i < LIMBS_MAX; i++) {
			pack->weights[i] = (uint64_t)(((u128)pack->weights[i - 1] << 64) % pack->product);
		}
	}
}

/* Keys of the ROCA form are k * M + (65537^a mod M), M a product of the first primes: modulo
 * each of these primes, p, q and so n are powers of 65537 (Nemec et al., CCS 2017). */
static void
fill_roca(struct key_rsa *rsa)
{
	while (rsa->primes[rsa->roca_count] < ROCA_PRIME_LIMIT) {
		unsigned i = rsa->roca_count++;
		unsigned prime = rsa->primes[i];
		unsigned power = 1;
		do {
			rsa->roca[i][power / 64] |= UINT64_C(1) << (power % 64);
			power = power * (65537 % prime) % prime;
		} while (power != 1);
	}
}

static void
fill_squares(struct key_rsa *rsa)
{
	for (size_t i = 0; i < FILTER_COUNT; i++) {
		for (unsigned r = 0; r < filters[i]; r++) {
			rsa->squares[i] |= UINT64_C(1) << (r * r % filters[i]);
		}
	}
}

void
key_rsa_free(struct key_rsa *rsa)
{
	if (rsa == NULL) {
		return;
	}
	BN_free(rsa->e);
	BN_free(rsa->n);
	BN_free(rsa->first);
	BN_free(rsa->sum);
	BN_free(rsa->square);
	BN_free(rsa->root);
	BN_free(rsa->quotient);
	BN_free(rsa->next);
	BN_MONT_CTX_free(rsa->mont);
	BN_CTX_free(rsa->ctx);
	free(rsa);
}

struct key_rsa *
key_rsa_new(void)
{
	struct key_rsa *rsa = base_xcalloc(1, sizeof(*rsa));

	fill_primes(rsa);
	fill_roca(rsa);
	fill_squares(rsa);
	rsa->ctx = BN_CTX_new();
	rsa->mont = BN_MONT_CTX_new();
	rsa->e = BN_new();
	rsa->n = BN_new();
	rsa->first = BN_new();
	rsa->sum = BN_new();
	rsa->square = BN_new();
	rsa->root = BN_new();
	rsa->quotient = BN_new();
	rsa->next = BN_new();
	if (rsa->ctx == NULL || rsa->mont == NULL || rsa->e == NULL || rsa->n == NULL ||
	    rsa->first == NULL || rsa->sum == NULL || rsa->square == NULL || rsa->root == NULL ||
	    rsa->quotient == NULL || rsa->next == NULL || BN_set_word(rsa->e, 65537) != 1) {
		abort(); /* out of memory at start */
	}
	return rsa;
}

/* Lowest limb first. */
static size_t
load_limbs(struct base_span modulus, uint64_t limbs[LIMBS_MAX])
{
	size_t count = modulus.len / 8;

	for (size_t i = 0; i < count; i++) {
		const uint8_t *at = modulus.ptr + modulus.len - 8 * (i + 1);
		uint64_t limb = 0;
		for (size_t j = 0; j < 8; j++) {
			limb = limb << 8 | at[j];
		}
		limbs[i] = limb;
	}
	return count;
}

/* Small factors, and the ROCA form, in one pass. */
static enum mc_err
check_residues(const struct key_rsa *rsa, struct base_span modulus)
{
	uint64_t limbs[LIMBS_MAX];
	size_t count = load_limbs(modulus, limbs);
	bool roca = true;

	for (unsigned p = 0; p < rsa->pack_count; p++) {
		const struct pack *pack = &rsa->packs[p];
		u128 sum = 0;
		for (size_t i = 0; i < count; i++) {
			sum += (u128)limbs[i] * pack->weights[i];
		}
		uint64_t rest = (uint64_t)(sum % pack->product);
		for (unsigned i = pack->first; i < pack->first + pack->count; i++) {
			unsigned r = (unsigned)(rest % rsa->primes[i]);
			if (r == 0) {
				return MC_FAIL(MC_ECSR_KEY_WEAK,
				    "the RSA modulus is divisible by %u",
				    (unsigned)rsa->primes[i]);
			}
			if (i < rsa->roca_count &&
			    (rsa->roca[i][r / 64] >> (r % 64) & 1) == 0) {
				roca = false;
			}
		}
	}
	return roca ? MC_FAIL(MC_ECSR_KEY_WEAK,
			  "the RSA modulus has the ROCA form (CVE-2017-15361)")
		    : MC_OK;
}

/* One step of Newton's method for the square root of n from rsa->root: never below the
 * root's floor, whatever it started from. */
static bool
newton_step(struct key_rsa *rsa, const BIGNUM *n)
{
	return BN_div(rsa->quotient, NULL, n, rsa->root, rsa->ctx) == 1 &&
	    BN_add(rsa->root, rsa->root, rsa->quotient) == 1 &&
	    BN_rshift1(rsa->root, rsa->root) == 1;
}

/* floor(sqrt(n)) into rsa->root, from 31 good bits on: each step works on as much of n as
 * the root's bits, doubled by it, can tell. */
static bool
integer_root(struct key_rsa *rsa, const BIGNUM *n)
{
	int bits = BN_num_bits(n);
	int shift = bits > 62 ? (bits - 62 + 1) / 2 : 0; /* of the root */

	if (BN_rshift(rsa->next, n, 2 * shift) != 1) {
		return false;
	}
	uint64_t top = BN_get_word(rsa->next);
	uint64_t start = 0;
	for (uint64_t bit = UINT64_C(1) << 31; bit != 0; bit >>= 1) {
		if ((start | bit) * (start | bit) <= top) {
			start |= bit;
		}
	}
	if (BN_set_word(rsa->root, start + 1) != 1) {
		return false;
	}
	while (shift > 0) {
		int gain = BN_num_bits(rsa->root) - 4;

		gain = gain < shift ? gain : shift;
		shift -= gain;
		if (BN_lshift(rsa->root, rsa->root, gain) != 1 ||
		    BN_rshift(rsa->next, n, 2 * shift) != 1 || !newton_step(rsa, rsa->next)) {
			return false;
		}
	}
	for (;;) {
		if (BN_sqr(rsa->next, rsa->root, rsa->ctx) != 1) {
			return false;
		}
		if (BN_cmp(rsa->next, n) <= 0) {
			return true;
		}
		if (!newton_step(rsa, n)) {
			return false;
		}
	}
}

static bool
may_be_square(const struct key_rsa *rsa, uint64_t rest)
{
	for (size_t i = 0; i < FILTER_COUNT; i++) {
		if ((rsa->squares[i] >> (rest % filters[i]) & 1) == 0) {
			return false;
		}
	}
	return true;
}

/* 1 if a * a - n is a square, 0 if not, -1 if libcrypto failed. */
static int
splits_at(struct key_rsa *rsa, uint64_t round)
{
	if (BN_copy(rsa->sum, rsa->first) == NULL || BN_add_word(rsa->sum, round) != 1 ||
	    BN_sqr(rsa->square, rsa->sum, rsa->ctx) != 1 ||
	    BN_sub(rsa->square, rsa->square, rsa->n) != 1 ||
	    !integer_root(rsa, rsa->square) ||
	    BN_sqr(rsa->next, rsa->root, rsa->ctx) != 1) {
		return -1;
	}
	return BN_cmp(rsa->next, rsa->square) == 0 ? 1 : 0;
}

/* Fermat: n = a^2 - b^2 for an a close to sqrt(n) if the primes are close. a^2 - n is
 * followed from a to a + 1 modulo one word, and computed in full only where that
 * allows a square: 3 keys in 100 pay for it once. Returns as splits_at(). */
static int
fermat_splits(struct key_rsa *rsa, struct base_span modulus)
{
	if (BN_bin2bn(modulus.ptr, (int)modulus.len, rsa->n) == NULL ||
	    !integer_root(rsa, rsa->n) || BN_copy(rsa->first, rsa->root) == NULL ||
	    BN_sqr(rsa->square, rsa->first, rsa->ctx) != 1) {
		return -1;
	}
	if (BN_cmp(rsa->square, rsa->n) == 0) {
		return 1;
	}
	/* (a + 1)^2 - n, positive from here on */
	if (BN_add_word(rsa->first, 1) != 1 ||
	    BN_sqr(rsa->square, rsa->first, rsa->ctx) != 1 ||
	    BN_sub(rsa->square, rsa->square, rsa->n) != 1) {
		return -1;
	}
	uint64_t a = BN_mod_word(rsa->first, FILTER_MODULUS);
	uint64_t rest = BN_mod_word(rsa->square, FILTER_MODULUS);
	for (uint64_t round = 0; round < FERMAT_ROUNDS; round++) {
		if (may_be_square(rsa, rest)) {
			int found = splits_at(rsa, round);
			if (found != 0) {
				return found;
			}
		}
		rest = (rest + 2 * a + 1) % FILTER_MODULUS;
		a++;
	}
	return 0;
}

static enum mc_err
check_form(struct base_span modulus)
{
	if (modulus.len < RSA_BYTES_MIN || modulus.len > LIMIT_RSA_BYTES ||
	    modulus.len % 8 != 0 || (modulus.ptr[0] & 0x80) == 0) {
		return MC_FAIL(MC_ECSR_KEY_SIZE,
		    "RSA keys may have 2048 to 4096 bits, in steps of 64");
	}
	if ((modulus.ptr[modulus.len - 1] & 1) == 0) {
		return MC_FAIL(MC_ECSR_KEY_WEAK, "the RSA modulus is even");
	}
	return MC_OK;
}

enum mc_err
key_rsa_check(struct key_rsa *rsa, struct base_span modulus)
{
	enum mc_err ret = check_form(modulus);

	if (ret == MC_OK) {
		ret = check_residues(rsa, modulus);
	}
	if (ret != MC_OK) {
		return ret;
	}
	switch (fermat_splits(rsa, modulus)) {
	case 0:
		return MC_OK;
	case 1:
		return MC_FAIL(MC_ECSR_KEY_WEAK,
		    "the RSA modulus is the product of two close primes");
	default:
		return MC_FAIL(MC_ECRYPTO, "arithmetic on an RSA modulus failed");
	}
}

enum mc_err
key_rsa_verify(struct key_rsa *rsa, struct base_span modulus, struct base_span digest,
    struct base_span signature)
{
	/* DigestInfo of SHA-256 up to the digest (RFC 8017 9.2, note 1) */
	static const uint8_t info[] = {0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01,
	    0x65, 0x03, 0x04, 0x02, 0x01, 0x05, 0x00, 0x04, 0x20};
	uint8_t want[LIMIT_RSA_BYTES];
	uint8_t have[LIMIT_RSA_BYTES];
	size_t tail = sizeof(info) + digest.len;
	enum mc_err ret = check_form(modulus);

	if (ret != MC_OK) {
		return ret;
	}
	if (signature.len != modulus.len) {
		return MC_FAIL(MC_ECSR_SIGNATURE, "it has not the length of this key");
	}
	if (digest.len != BASE_SHA256_LEN ||
	    BN_bin2bn(modulus.ptr, (int)modulus.len, rsa->n) == NULL ||
	    BN_bin2bn(signature.ptr, (int)signature.len, rsa->sum) == NULL) {
		return MC_FAIL(MC_ECRYPTO, "arithmetic on an RSA modulus failed");
	}
	if (BN_cmp(rsa->sum, rsa->n) >= 0) {
		return MC_FAIL(MC_ECSR_SIGNATURE, "it is not below this key's modulus");
	}
	if (BN_MONT_CTX_set(rsa->mont, rsa->n, rsa->ctx) != 1 ||
	    BN_mod_exp_mont(rsa->next, rsa->sum, rsa->e, rsa->n, rsa->ctx, rsa->mont) != 1 ||
	    BN_bn2binpad(rsa->next, have, (int)modulus.len) != (int)modulus.len) {
		return MC_FAIL(MC_ECRYPTO, "arithmetic on an RSA modulus failed");
	}
	/* The expected bytes are made and compared: nothing of the signature is parsed. */
	memset(want, 0xff, modulus.len - tail);
	want[0] = 0;
	want[1] = 1;
	want[modulus.len - tail - 1] = 0;
	base_copy(want + modulus.len - tail, info, sizeof(info));
	base_copy(want + modulus.len - digest.len, digest.ptr, digest.len);
	return base_crypto_equal(want, have, modulus.len)
	    ? MC_OK
	    : MC_FAIL(MC_ECSR_SIGNATURE, "it was not made by this key");
}
