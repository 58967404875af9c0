/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Requests and certificates of any bytes: no crash, and what passes is what OpenSSL sees, too:
 * the same key, the same URI.
 */
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include "ca/cert_view.h"
#include "ca/csr.h"
#include "tests/fuzz/fuzz.h"

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
