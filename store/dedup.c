/* SPDX-License-Identifier: Apache-2.0 */
#include "store/dedup.h"

#include <stdbool.h>
#include <stdlib.h>

#include "base/mem.h"

/*
 * Two generations of an insert-only hash table. When the current one is full or spans the whole
 * window, it becomes the previous one, whose content is forgotten: no deletions, no list of
 * ages, and what is held is at least half of what the limits allow.
 */
#define FIRST_SLOTS 1024

struct slot {
	uint64_t key; /* 0: free */
	uint32_t seq; /* above the generation's base */
	uint32_t at;  /* seconds since the generation began */
};

struct generation {
	struct slot *slots;
	size_t slot_count; /* power of two, at most half of it used */
	size_t used;
	uint64_t base_seq;
	int64_t base_at;
};

struct store_dedup {
	struct generation current;
	struct generation previous;
	size_t generation_max;
	int64_t window_s;
};

static void
generation_start(struct generation *gen, uint64_t base_seq, int64_t base_at)
{
	gen->slots = base_xcalloc(FIRST_SLOTS, sizeof(*gen->slots));
	gen->slot_count = FIRST_SLOTS;
	gen->used = 0;
	gen->base_seq = base_seq;
	gen->base_at = base_at;
}

void
store_dedup_free(struct store_dedup *dedup)
{
	if (dedup != NULL) {
		free(dedup->current.slots);
		free(dedup->previous.slots);
		free(dedup);
	}
}

struct store_dedup *
store_dedup_new(size_t row_max, int64_t window_s)
{
	struct store_dedup *dedup = base_xcalloc(1, sizeof(*dedup));

	dedup->generation_max = row_max / 2;
	dedup->window_s = window_s;
	return dedup;
}

/* The keys are SHA-256 values: their first bits are spread as well as any hash of them. */
static uint64_t
short_key(const uint8_t key[32])
{
	uint64_t out = 0;

	for (unsigned i = 0; i < 8; i++) {
		out = (out << 8) | key[i];
	}
	return out == 0 ? 1 : out;
}

static struct slot *
slot_for(const struct generation *gen, uint64_t key)
{
	size_t at = (size_t)key & (gen->slot_count - 1);

	while (gen->slots[at].key != 0 && gen->slots[at].key != key) {
		at = (at + 1) & (gen->slot_count - 1);
	}
	return &gen->slots[at];
}

static void
grow(struct generation *gen)
{
	struct generation bigger = *gen;

	bigger.slot_count *= 2;
	bigger.slots = base_xcalloc(bigger.slot_count, sizeof(*bigger.slots));
	for (size_t i = 0; i < gen->slot_count; i++) {
		if (gen->slots[i].key != 0) {
			*slot_for(&bigger, gen->slots[i].key) = gen->slots[i];
		}
	}
	free(gen->slots);
	*gen = bigger;
}

/* True when the note fits the generation's base: a clock set back does not. */
static bool
fits(const struct store_dedup *dedup, uint64_t seq, int64_t at)
{
	const struct generation *gen = &dedup->current;

	return gen->slots != NULL && gen->used < dedup->generation_max &&
	    at >= gen->base_at && at - gen->base_at <= dedup->window_s &&
	    seq >= gen->base_seq && seq - gen->base_seq <= UINT32_MAX;
}

void
store_dedup_put(struct store_dedup *dedup, const uint8_t key[32], uint64_t seq, int64_t at)
{
	uint64_t word = short_key(key);
	struct generation *gen = &dedup->current;
	struct slot *slot;

	if (!fits(dedup, seq, at)) {
		free(dedup->previous.slots);
		dedup->previous = dedup->current;
		generation_start(gen, seq, at);
	}
	if ((gen->used + 1) * 2 > gen->slot_count) {
		grow(gen);
	}
	slot = slot_for(gen, word);
	if (slot->key == 0) {
		gen->used++;
	}
	slot->key = word;
	slot->seq = (uint32_t)(seq - gen->base_seq);
	slot->at = (uint32_t)(at - gen->base_at);
}

static uint64_t
find_in(const struct generation *gen, uint64_t key, int64_t since_at)
{
	const struct slot *slot;

	if (gen->slots == NULL) {
		return 0;
	}
	slot = slot_for(gen, key);
	if (slot->key == 0 || gen->base_at + (int64_t)slot->at < since_at) {
		return 0;
	}
	return gen->base_seq + slot->seq;
}

uint64_t
store_dedup_find(const struct store_dedup *dedup, const uint8_t key[32], int64_t now_at)
{
	uint64_t word = short_key(key);
	int64_t since_at = now_at - dedup->window_s;
	uint64_t seq = find_in(&dedup->current, word, since_at);

	return seq != 0 ? seq : find_in(&dedup->previous, word, since_at);
}

size_t
store_dedup_count(const struct store_dedup *dedup)
{
	return dedup->current.used + dedup->previous.used;
}
