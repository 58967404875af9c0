/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which intent an idempotency key led to, for the last LIMIT_IDEMPOTENCY_S seconds and at most
 * LIMIT_IDEMPOTENCY_ROWS of them. A hint: keys are known by 64 of their bits, and a
 * row may have been rolled back, so the caller confirms a hit by reading the row.
 */
#ifndef STORE_DEDUP_H
#define STORE_DEDUP_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct store_dedup;

void store_dedup_free(struct store_dedup *dedup);
/* row_max, window_s: the limits; tests take smaller ones. */
struct store_dedup *store_dedup_new(size_t row_max, int64_t window_s)
    MC_DEALLOC(store_dedup_free);
/* Notes that key led to seq at this time; replaces an earlier note. */
void store_dedup_put(struct store_dedup *dedup, const uint8_t key[32], uint64_t seq,
    int64_t at);
/* The intent of this key that was noted within the window before now_at, or 0. */
uint64_t store_dedup_find(const struct store_dedup *dedup, const uint8_t key[32],
    int64_t now_at);
/* Keys held. */
size_t store_dedup_count(const struct store_dedup *dedup);

#endif
