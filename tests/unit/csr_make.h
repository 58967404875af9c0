/* SPDX-License-Identifier: Apache-2.0 */
/* Requests for tests, with every knob that a bad one needs. Signed by OpenSSL. */
#ifndef TESTS_CSR_MAKE_H
#define TESTS_CSR_MAKE_H

#include <openssl/evp.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>

#include "ca/der.h"
#include "ca/oid.h"
#include "ca/spki.h"

#define MAKE_URI "spiffe://cluster.local/ns/ecotrack/sa/order-service"

struct make {
	EVP_PKEY *key;
	const char *subject;      /* DER of the Name in hex; NULL: empty */
	const char *uri[3];
	const char *dns[3];
	const char *email;
	unsigned key_usage;       /* 0: none */
	bool eku_server, eku_code;
	const char *extra_ext;    /* hex of whole extensions to add */
	const char *extra_attr;   /* hex of whole attributes to add */
	const char *spki;         /* hex instead of the key's own */
	const char *version;      /* hex of the INTEGER */
	const char *sig_alg;      /* hex of the AlgorithmIdentifier */
	bool no_ext;
	bool no_attrs;
	bool wrong_signature;
	size_t trailing;
};

static inline void
make_hex(struct base_buf *out, const char *hex)
{
	for (size_t i = 0; hex[i] != 0 && hex[i + 1] != 0; i += 2) {
		char two[3] = {hex[i], hex[i + 1], 0};
		base_buf_append_u8(out, (uint8_t)strtoul(two, NULL, 16));
	}
}

static inline size_t
make_ext_begin(struct base_buf *out, struct base_span oid, size_t *value)
{
	size_t ext = der_begin(out, DER_SEQUENCE);

	der_put(out, DER_OID, oid);
	*value = der_begin(out, DER_OCTET_STRING);
	return ext;
}

static inline void
make_extensions(struct base_buf *out, const struct make *make)
{
	size_t list = der_begin(out, DER_SEQUENCE);
	size_t value;

	if (make->uri[0] != NULL || make->dns[0] != NULL || make->email != NULL) {
		size_t ext = make_ext_begin(out, oid_subject_alt_name, &value);
		size_t names = der_begin(out, DER_SEQUENCE);
		for (size_t i = 0; i < 3; i++) {
			if (make->uri[i] != NULL) {
				der_put(out, DER_CONTEXT(6), base_span_str(make->uri[i]));
			}
			if (make->dns[i] != NULL) {
				der_put(out, DER_CONTEXT(2), base_span_str(make->dns[i]));
			}
		}
		if (make->email != NULL) {
			der_put(out, DER_CONTEXT(1), base_span_str(make->email));
		}
		der_end(out, names);
		der_end(out, value);
		der_end(out, ext);
	}
	if (make->key_usage != 0) {
		size_t ext = make_ext_begin(out, oid_key_usage, &value);
		der_put_named_bits(out, make->key_usage);
		der_end(out, value);
		der_end(out, ext);
	}
	if (make->eku_server || make->eku_code) {
		size_t ext = make_ext_begin(out, oid_ext_key_usage, &value);
		size_t purposes = der_begin(out, DER_SEQUENCE);
		if (make->eku_server) {
			der_put(out, DER_OID, oid_server_auth);
			der_put(out, DER_OID, oid_client_auth);
		}
		if (make->eku_code) {
			make_hex(out, "06082b06010505070303");
		}
		der_end(out, purposes);
		der_end(out, value);
		der_end(out, ext);
	}
	if (make->extra_ext != NULL) {
		make_hex(out, make->extra_ext);
	}
	der_end(out, list);
}

static inline void
make_spki(struct base_buf *out, EVP_PKEY *key)
{
	unsigned char *der = NULL;
	int len = i2d_PUBKEY(key, &der);

	if (len > 0) {
		base_buf_append(out, der, (size_t)len);
	}
	OPENSSL_free(der);
}

static inline void
make_info(struct base_buf *out, const struct make *make)
{
	size_t info = der_begin(out, DER_SEQUENCE);

	make_hex(out, make->version != NULL ? make->version : "020100");
	make_hex(out, make->subject != NULL ? make->subject : "3000");
	if (make->spki != NULL) {
		make_hex(out, make->spki);
	} else {
		make_spki(out, make->key);
	}
	if (!make->no_attrs) {
		size_t attrs = der_begin(out, DER_CONSTRUCTED(0));
		if (!make->no_ext) {
			size_t attr = der_begin(out, DER_SEQUENCE);
			der_put(out, DER_OID, oid_extension_request);
			size_t set = der_begin(out, DER_SET);
			make_extensions(out, make);
			der_end(out, set);
			der_end(out, attr);
		}
		if (make->extra_attr != NULL) {
			make_hex(out, make->extra_attr);
		}
		der_end(out, attrs);
	}
	der_end(out, info);
}

static inline enum msg_key_alg
make_alg(EVP_PKEY *key)
{
	if (EVP_PKEY_get_base_id(key) == EVP_PKEY_RSA) {
		return MSG_KEY_RSA;
	}
	return EVP_PKEY_get_bits(key) == 384 ? MSG_KEY_P384 : MSG_KEY_P256;
}

/* Appends the request. */
static inline void
make_csr(struct base_buf *out, const struct make *make)
{
	size_t start = der_begin(out, DER_SEQUENCE);
	size_t info = out->len;
	make_info(out, make);
	size_t info_len = out->len - info;

	unsigned char sig[1024];
	size_t sig_len = sizeof(sig);
	EVP_MD_CTX *md = EVP_MD_CTX_new();
	bool p384 = make_alg(make->key) == MSG_KEY_P384;
	if (EVP_DigestSignInit(md, NULL, p384 ? EVP_sha384() : EVP_sha256(), NULL,
		make->key) != 1 ||
	    EVP_DigestSign(md, sig, &sig_len, out->ptr + info, info_len) != 1) {
		abort();
	}
	EVP_MD_CTX_free(md);
	if (make->wrong_signature) {
		sig[sig_len - 1] ^= 1;
	}
	if (make->sig_alg != NULL) {
		make_hex(out, make->sig_alg);
	} else {
		spki_put_signature_alg(out, make_alg(make->key));
	}
	der_put_bits(out, base_span_of(sig, sig_len));
	der_end(out, start);
	for (size_t i = 0; i < make->trailing; i++) {
		base_buf_append_u8(out, 0);
	}
}

#endif
