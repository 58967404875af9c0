/* SPDX-License-Identifier: Apache-2.0 */
/*
 * For a build without libFuzzer: each file as it is, then mutated. Finds little by chance, but what was
 * found once stays found: fuzz_NAME ROUNDS FILE...
 */
#include <stdio.h>

#include "tests/fuzz/fuzz.h"

static uint64_t state = 88172645463325252u;

static uint64_t
next(void)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return state;
}

/* One to four changes: a byte, a run cut out, a run doubled. */
static size_t
mutate(uint8_t *bytes, size_t len, size_t max)
{
	for (uint64_t n = 1 + next() % 4; n > 0 && len > 1; n--) {
		size_t at = next() % len;
		size_t run = 1 + next() % 8;
		if (run > len - at) {
			run = len - at;
		}
		switch (next() % 4) {
		case 0:
			memmove(bytes + at, bytes + at + run, len - at - run);
			len -= run;
			break;
		case 1:
			if (len + run <= max) {
				memmove(bytes + at + run, bytes + at, len - at);
				len += run;
			}
			break;
		default:
			bytes[at] = (uint8_t)next();
		}
	}
	return len;
}

int
main(int argc, char **argv)
{
	static uint8_t seed[65536];
	long rounds = argc > 2 ? strtol(argv[1], NULL, 10) : 0;

	if (rounds <= 0) {
		fprintf(stderr, "usage: %s ROUNDS FILE...\n", argv[0]);
		return 2;
	}
	for (int i = 2; i < argc; i++) {
		FILE *file = fopen(argv[i], "rb");
		size_t len = file == NULL ? 0 : fread(seed, 1, sizeof(seed), file);
		if (file == NULL) {
			perror(argv[i]);
			return 1;
		}
		fclose(file);
		for (long round = 0; round < rounds; round++) {
			/* exactly as large as the input: the sanitizer sees each step outside */
			uint8_t *copy = malloc(len + 64);
			memcpy(copy, seed, len);
			size_t size = round == 0 ? len : mutate(copy, len, len + 64);
			uint8_t *exact = malloc(size == 0 ? 1 : size);
			memcpy(exact, copy, size);
			LLVMFuzzerTestOneInput(exact, size);
			free(exact);
			free(copy);
		}
	}
	printf("%ld rounds of %d files: no disagreement\n", rounds, argc - 2);
	return 0;
}
