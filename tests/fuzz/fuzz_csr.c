/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Requests and certificates of any bytes: no crash, and what passes is what OpenSSL sees, too:
 * the same key, the same URI. With libFuzzer:
 *     clang -fsanitize=fuzzer,address -DWITH_LIBFUZZER ...
 * Without it, a driver that mutates the files it is given:
 *     fuzz_csr ROUNDS FILE...
 */
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ca/cert_view.h"
#include "ca/csr.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
agree(struct base_span der, const struct csr *csr)
{
	const unsigned char *p = der.ptr;
	X509_REQ *req = d2i_X509_REQ(NULL, &p, (long)der.len);

	if (req == NULL || p != der.ptr + der.len) {
		abort(); /* we are the stricter ones */
	}
	if (csr->has_san && csr->uri_count == 1) {
		STACK_OF(X509_EXTENSION) *exts = X509_REQ_get_extensions(req);
		GENERAL_NAMES *names = X509V3_get_d2i(exts, NID_subject_alt_name, NULL, NULL);
		bool found = names == NULL; /* a name that OpenSSL's types refuse */
		for (int i = 0; names != NULL && i < sk_GENERAL_NAME_num(names); i++) {
			const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, i);
			if (name->type == GEN_URI) {
				const ASN1_STRING *uri = name->d.uniformResourceIdentifier;
				found = base_span_equal(csr->uri,
				    base_span_of(ASN1_STRING_get0_data(uri),
					(size_t)ASN1_STRING_length(uri)));
			}
		}
		if (!found) {
			abort();
		}
		GENERAL_NAMES_free(names);
		sk_X509_EXTENSION_pop_free(exts, X509_EXTENSION_free);
	}
	X509_REQ_free(req);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct csr_verifier *verifier;
	struct base_span der = base_span_of(data, size);
	struct cert_view view;
	struct csr csr;

	if (verifier == NULL) {
		verifier = csr_verifier_new();
	}
	if (cert_view_parse(der, &view) == MC_OK && view.tbs.len > size) {
		abort();
	}
	if (csr_parse(der, &csr) != MC_OK) {
		return 0;
	}
	struct csr_policy policy = {.rsa = true,
	    .p256 = true,
	    .p384 = true,
	    .profile = MSG_PROFILE_SVID,
	    .identity = csr.uri};
	if (csr_check(&csr, &policy) == MC_OK) {
		agree(der, &csr);
		if (csr_verifier_verify(verifier, &csr) != MC_OK) {
			return 0;
		}
		if (csr.uri_count != 1 || csr.dns_count != 0) {
			abort();
		}
	}
	return 0;
}

#ifndef WITH_LIBFUZZER
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
	static uint8_t seed[16384];
	long rounds = argc > 2 ? strtol(argv[1], NULL, 10) : 0;

	if (rounds <= 0) {
		fprintf(stderr, "usage: fuzz_csr ROUNDS FILE...\n");
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
			size_t size = mutate(copy, len, len + 64);
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
#endif
