/* SPDX-License-Identifier: Apache-2.0 */
/* What every fuzz target is: one function over bytes, and properties that must hold for all of them. */
#ifndef TESTS_FUZZ_H
#define TESTS_FUZZ_H

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/span.h"

/* libFuzzer's entry; without it tests/fuzz/driver.c calls the same. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Not assert(): builds without it must find the same. */
#define FUZZ_HOLDS(condition)                                                                      \
	do {                                                                                       \
		if (!(condition)) {                                                                \
			abort();                                                                   \
		}                                                                                  \
	} while (0)

/* The first byte chooses what is done with the others. */
static inline unsigned
fuzz_choice(struct base_span *input, unsigned count)
{
	unsigned choice = 0;

	if (input->len > 0) {
		choice = input->ptr[0] % count;
		*input = base_span_of(input->ptr + 1, input->len - 1);
	}
	return choice;
}

#endif
