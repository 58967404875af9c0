/* SPDX-License-Identifier: Apache-2.0 */
/* A channel's requests that still want their last answer: at most a window of them. */
#ifndef BASE_CHAN_OPEN_H
#define BASE_CHAN_OPEN_H

#include <stddef.h>
#include <stdint.h>

#include "base/limits.h"

/* Twice the window at most half full: short probe runs. */
#define CHAN_OPEN_SLOTS (2 * LIMIT_CHAN_WINDOW)

/* Requests without their last answer, by correlation: open addressing. */
struct chan_open_slot {
	uint64_t corr;
	uint16_t type; /* 0 = free */
};

struct chan_open {
	unsigned count;
	struct chan_open_slot slots[CHAN_OPEN_SLOTS];
};

/* NULL when corr is not in it. */
struct chan_open_slot *chan_open_find(struct chan_open *set, uint64_t corr);
/* The caller made sure that there is room and that corr is not in it. */
void chan_open_add(struct chan_open *set, uint64_t corr, uint16_t type);
/* Invalidates every other slot pointer. */
void chan_open_remove(struct chan_open *set, struct chan_open_slot *slot);

#endif
