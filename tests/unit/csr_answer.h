/* SPDX-License-Identifier: Apache-2.0 */
/* What an authority answers to a request with a CSR: a certificate of the world's CA for its key. */
#ifndef TESTS_CSR_ANSWER_H
#define TESTS_CSR_ANSWER_H

#include <jansson.h>

#include "cli_world.h"

/* The key of the member "csr"; NULL: its proof of possession does not hold. The caller frees it. */
static inline EVP_PKEY *
csr_answer_key(const struct rest_seen *seen)
{
	json_t *body = json_loads(seen->body, 0, NULL);
	const char *pem = json_string_value(json_object_get(body, "csr"));
	BIO *bio = pem == NULL ? NULL : BIO_new_mem_buf(pem, -1);
	X509_REQ *csr = bio == NULL ? NULL : PEM_read_bio_X509_REQ(bio, NULL, NULL, NULL);
	EVP_PKEY *key = csr == NULL ? NULL : X509_REQ_get_pubkey(csr);

	if (key != NULL && X509_REQ_verify(csr, key) != 1) {
		EVP_PKEY_free(key);
		key = NULL;
	}
	X509_REQ_free(csr);
	(void)BIO_free(bio);
	json_decref(body);
	return key;
}

/* For a route's make; self: EVP_PKEY * to certify instead of the request's, or NULL. */
static inline char *
csr_answer(void *self, const struct rest_seen *seen, size_t *len)
{
	EVP_PKEY *key = csr_answer_key(seen);
	X509 *cert = leaf_make(world.ca, self != NULL ? self : key, NULL, 3600);
	char *leaf = leaf_pem(cert);
	char *issuer = leaf_pem(world.ca->cert);
	json_t *answer = json_pack("{s:s, s:s, s:[s, s]}", "serial", "1a", "not_after",
	    "2027-01-01T00:00:00Z", "chain", leaf, issuer);
	char *text = json_dumps(answer, JSON_COMPACT);

	(void)len;
	json_decref(answer);
	free(issuer);
	free(leaf);
	X509_free(cert);
	EVP_PKEY_free(key);
	return text;
}

#define ANSWERS(self, ...)                                                                   \
	rest_server_routes(world.server, (const struct rest_route[]){__VA_ARGS__, {.line = NULL}}, self)
#define CERTIFIES(line_) {.line = (line_), .status = 201, .make = csr_answer}

/* Whether the first certificate of a PEM file is for the private key of another. */
static inline bool
world_pair(const char *cert_name, const char *key_name)
{
	FILE *in = fopen(world_path(cert_name), "r");
	X509 *cert = PEM_read_X509(in, NULL, NULL, NULL);
	EVP_PKEY *key;
	bool ret;

	(void)fclose(in);
	in = fopen(world_path(key_name), "r");
	key = PEM_read_PrivateKey(in, NULL, NULL, NULL);
	(void)fclose(in);
	ck_assert(cert != NULL && key != NULL);
	ret = X509_check_private_key(cert, key) == 1;
	X509_free(cert);
	EVP_PKEY_free(key);
	return ret;
}

#endif
