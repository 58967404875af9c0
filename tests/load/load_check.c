/* SPDX-License-Identifier: Apache-2.0 */
#include <openssl/bio.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <string.h>

#include "tests/load/load.h"

/* Reads a protobuf length-delimited field; false at the end or when it is cut. */
static bool
field_next(struct base_span *in, uint8_t *tag, struct base_span *value)
{
	size_t len = 0;
	size_t at = 1;

	if (in->len < 2 || (in->ptr[0] & 7) != 2) {
		return false;
	}
	for (unsigned shift = 0; at < in->len && shift < 28; shift += 7) {
		len |= (size_t)(in->ptr[at] & 0x7f) << shift;
		if ((in->ptr[at++] & 0x80) == 0) {
			break;
		}
	}
	if (len > in->len - at) {
		return false;
	}
	*tag = in->ptr[0];
	*value = base_span_of(in->ptr + at, len);
	*in = base_span_of(in->ptr + at + len, in->len - at - len);
	return true;
}

static bool
is_certificate(struct base_span pem)
{
	static const char begin[] = "-----BEGIN CERTIFICATE-----\n";

	return pem.len > sizeof(begin) && memcmp(pem.ptr, begin, sizeof(begin) - 1) == 0 &&
	    pem.ptr[pem.len - 1] == '\n';
}

static X509 *
cert_read(struct base_span pem)
{
	BIO *bio = BIO_new_mem_buf(pem.ptr, (int)pem.len);
	X509 *cert = PEM_read_bio_X509(bio, NULL, NULL, NULL);

	BIO_free(bio);
	return cert;
}

static bool
leaf_ok(struct base_span leaf_pem, struct base_span issuer_pem, struct base_span request)
{
	/* The CSR follows the prefix, a tag and two length bytes. */
	BIO *bio = BIO_new_mem_buf(request.ptr + 8, (int)request.len - 8);
	X509_REQ *csr = PEM_read_bio_X509_REQ(bio, NULL, NULL, NULL);
	X509 *leaf = cert_read(leaf_pem);
	X509 *issuer = cert_read(issuer_pem);
	bool ok = csr != NULL && leaf != NULL && issuer != NULL &&
	    EVP_PKEY_eq(X509_get0_pubkey(leaf), X509_REQ_get0_pubkey(csr)) == 1 &&
	    X509_verify(leaf, X509_get0_pubkey(issuer)) == 1;

	BIO_free(bio);
	X509_REQ_free(csr);
	X509_free(leaf);
	X509_free(issuer);
	return ok;
}

bool
load_answer_ok(struct base_span message, struct base_span request, bool thorough)
{
	struct base_span in;
	struct base_span parts[4];
	size_t count = 0;
	uint8_t tag;

	if (message.len < 5 || message.ptr[0] != 0) {
		return false;
	}
	in = base_span_of(message.ptr + 5, message.len - 5);
	while (count < 4 && field_next(&in, &tag, &parts[count])) {
		if (tag != 0x0a || !is_certificate(parts[count])) {
			return false;
		}
		count++;
	}
	return in.len == 0 && count == 3 && (!thorough || leaf_ok(parts[0], parts[1], request));
}
