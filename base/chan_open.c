/* SPDX-License-Identifier: Apache-2.0 */
#include "base/chan_open.h"

static size_t
open_home(uint64_t corr)
{
	/* Fibonacci hashing: correlations are often counters or multiples of one. */
	return (size_t)((corr * UINT64_C(0x9e3779b97f4a7c15)) >> 32) % CHAN_OPEN_SLOTS;
}

struct chan_open_slot *
chan_open_find(struct chan_open *set, uint64_t corr)
{
	size_t at = open_home(corr);

	while (set->slots[at].type != 0) {
		if (set->slots[at].corr == corr) {
			return &set->slots[at];
		}
		at = (at + 1) % CHAN_OPEN_SLOTS;
	}
	return NULL;
}

void
chan_open_add(struct chan_open *set, uint64_t corr, uint16_t type)
{
	size_t at = open_home(corr);

	while (set->slots[at].type != 0) {
		at = (at + 1) % CHAN_OPEN_SLOTS;
	}
	set->slots[at] = (struct chan_open_slot){corr, type};
	set->count++;
}

/* Closes the gap so that probe runs stay unbroken: no tombstones. */
void
chan_open_remove(struct chan_open *set, struct chan_open_slot *slot)
{
	size_t hole = (size_t)(slot - set->slots);
	size_t at = hole;

	for (;;) {
		size_t home;

		at = (at + 1) % CHAN_OPEN_SLOTS;
		if (set->slots[at].type == 0) {
			break;
		}
		home = open_home(set->slots[at].corr);
		if ((at + CHAN_OPEN_SLOTS - home) % CHAN_OPEN_SLOTS >= (at + CHAN_OPEN_SLOTS - hole) % CHAN_OPEN_SLOTS) {
			set->slots[hole] = set->slots[at];
			hole = at;
		}
	}
	set->slots[hole].type = 0;
	set->count--;
}
