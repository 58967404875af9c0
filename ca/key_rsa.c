/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <openssl/bn.h>

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

/* Primes whose product fits 64 bits share one pass over the modulus. */
struct pack {
	uint64_t product;
	unsigned first;
	unsigned count;
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
	BIGNUM *n, *first, *sum, *square, *root, *quotient, *next;
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
		if (pack == NULL || pack->product > UINT64_MAX / rsa->primes[i]) {
			pack = &rsa->packs[rsa->pack_count++];
			*pack = (struct pack){.product = 1, .first = i};
		}
		pack->product *= rsa->primes[i];
		pack->count++;
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
	BN_free(rsa->n);
	BN_free(rsa->first);
	BN_free(rsa->sum);
	BN_free(rsa->square);
	BN_free(rsa->root);
	BN_free(rsa->quotient);
	BN_free(rsa->next);
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
	rsa->n = BN_new();
	rsa->first = BN_new();
	rsa->sum = BN_new();
	rsa->square = BN_new();
	rsa->root = BN_new();
	rsa->quotient = BN_new();
	rsa->next = BN_new();
	if (rsa->ctx == NULL || rsa->n == NULL || rsa->first == NULL || rsa->sum == NULL ||
	    rsa->square == NULL || rsa->root == NULL || rsa->quotient == NULL ||
	    rsa->next == NULL) {
		abort(); /* out of memory at start */
	}
	return rsa;
}

static size_t
load_limbs(struct base_span modulus, uint64_t limbs[LIMBS_MAX])
{
	size_t count = modulus.len / 8;

	for (size_t i = 0; i < count; i++) {
		uint64_t limb = 0;
		for (size_t j = 0; j < 8; j++) {
			limb = limb << 8 | modulus.ptr[8 * i + j];
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
		uint64_t rest = 0;
		for (size_t i = 0; i < count; i++) {
			rest = (uint64_t)(((u128)rest << 64 | limbs[i]) % pack->product);
		}
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

/* floor(sqrt(n)) into rsa->root by Newton's method from above: 31 good bits to start
 * with, doubled by each step. */
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
	if (BN_set_word(rsa->root, start + 1) != 1 ||
	    BN_lshift(rsa->root, rsa->root, shift) != 1) {
		return false;
	}
	for (;;) {
		if (BN_div(rsa->quotient, NULL, n, rsa->root, rsa->ctx) != 1 ||
		    BN_add(rsa->next, rsa->root, rsa->quotient) != 1 ||
		    BN_rshift1(rsa->next, rsa->next) != 1) {
			return false;
		}
		if (BN_cmp(rsa->next, rsa->root) >= 0) {
			return true;
		}
		BN_swap(rsa->next, rsa->root);
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

enum mc_err
key_rsa_check(struct key_rsa *rsa, struct base_span modulus)
{
	if (modulus.len < RSA_BYTES_MIN || modulus.len > LIMIT_RSA_BYTES ||
	    modulus.len % 8 != 0 || (modulus.ptr[0] & 0x80) == 0) {
		return MC_FAIL(MC_ECSR_KEY_SIZE,
		    "RSA keys may have 2048 to 4096 bits, in steps of 64");
	}
	if ((modulus.ptr[modulus.len - 1] & 1) == 0) {
		return MC_FAIL(MC_ECSR_KEY_WEAK, "the RSA modulus is even");
	}
	enum mc_err ret = check_residues(rsa, modulus);
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
