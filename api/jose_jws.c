/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include <jansson.h>
#include <openssl/err.h>

#include "api/jose_int.h"
#include "base/enc.h"
#include "base/limits.h"
#include "base/mem.h"

#define HEADER_MAX 4096
#define COORDINATE_MAX 48

/* RFC 7515 section 7.1: exactly three parts, none of the first two's separators missing. */
static bool
split(struct base_span token, struct base_span part[3])
{
	size_t begin = 0;
	unsigned count = 0;

	for (size_t i = 0; i <= token.len; i++) {
		if (i < token.len && token.ptr[i] != '.') {
			continue;
		}
		if (count == 3) {
			return false;
		}
		part[count++] = base_span_of(token.ptr + begin, i - begin);
		begin = i + 1;
	}
	return count == 3;
}

/* A SEQUENCE of two INTEGERs from r || s (RFC 7518 3.4); out holds 3 * size. Returns its length. */
static size_t
ecdsa_der(const uint8_t *rs, size_t size, uint8_t *out)
{
	size_t at = 2;

	for (unsigned i = 0; i < 2; i++) {
		const uint8_t *value = rs + i * size;
		size_t len = size;

		while (len > 1 && *value == 0) {
			value++;
			len--;
		}
		out[at++] = 0x02;
		out[at++] = (uint8_t)(len + (*value >> 7));
		if (*value & 0x80) {
			out[at++] = 0;
		}
		base_copy(out + at, value, len);
		at += len;
	}
	out[0] = 0x30;
	out[1] = (uint8_t)(at - 2);
	return at;
}

static bool
signature_ok(const struct jose_key *key, struct base_span input, struct base_span signature)
{
	const EVP_MD *md = key->alg == JOSE_ALG_ES384 ? EVP_sha384() : EVP_sha256();
	uint8_t der[3 * COORDINATE_MAX];
	EVP_MD_CTX *ctx;
	bool ok;

	if (key->alg != JOSE_ALG_RS256) {
		size_t size = key->alg == JOSE_ALG_ES384 ? 48 : 32;

		if (signature.len != 2 * size) {
			return false;
		}
		signature = base_span_of(der, ecdsa_der(signature.ptr, size, der));
	} else if (signature.len != (size_t)EVP_PKEY_get_size(key->pkey)) {
		return false;
	}
	ctx = EVP_MD_CTX_new();
	ok = ctx != NULL && EVP_DigestVerifyInit(ctx, NULL, md, NULL, key->pkey) == 1 &&
	    EVP_DigestVerify(ctx, signature.ptr, signature.len, input.ptr, input.len) == 1;
	EVP_MD_CTX_free(ctx);
	ERR_clear_error();
	return ok;
}

static const struct jose_key *
key_find(const struct jose_keys *keys, const char *kid, enum jose_alg alg)
{
	const struct jose_key *found = NULL;

	for (size_t i = 0; i < keys->count; i++) {
		const struct jose_key *key = &keys->keys[i];

		if (key->alg != alg) {
			continue;
		}
		if (kid != NULL && key->kid != NULL && strcmp(kid, key->kid) == 0) {
			return key;
		}
		if (kid == NULL) {
			if (found != NULL) {
				return NULL;
			}
			found = key;
		}
	}
	return found;
}

/* The key that the header names, by our set alone. */
static enum mc_err
header_read(const struct jose_keys *keys, struct base_span text, const struct jose_key **out)
{
	static const char *const refused[] = {"crit", "jku", "jwk", "x5u", "x5c", "b64"};
	json_t *header = json_loadb((const char *)text.ptr, text.len, JSON_REJECT_DUPLICATES, NULL);
	const json_t *kid = json_object_get(header, "kid");
	enum jose_alg alg = jose_alg_parse(json_string_value(json_object_get(header, "alg")));
	enum mc_err ret = MC_OK;

	if (!json_is_object(header)) {
		ret = MC_FAIL(MC_ETOKEN, "the header is not one JSON object");
		goto out;
	}
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
		if (json_object_get(header, refused[i]) != NULL) {
			ret = MC_FAIL(MC_ETOKEN, "the header member %s is not taken", refused[i]);
			goto out;
		}
	}
	if (alg == JOSE_ALG_INVALID) {
		ret = MC_FAIL(MC_ETOKEN, "the algorithm is not RS256, ES256 or ES384");
		goto out;
	}
	if (kid != NULL && !json_is_string(kid)) {
		ret = MC_FAIL(MC_ETOKEN, "kid is not a string");
		goto out;
	}
	*out = key_find(keys, json_string_value(kid), alg);
	if (*out == NULL) {
		ret = MC_FAIL(MC_ETOKEN, "no key for this algorithm and key id");
	}
out:
	json_decref(header);
	return ret;
}

enum mc_err
jose_verify(const struct jose_keys *keys, struct base_span token, struct base_buf *out)
{
	const struct jose_key *key = NULL;
	struct base_span part[3];
	struct base_buf header;
	struct base_buf signature;
	struct base_span input;
	enum mc_err ret = MC_EINTERNAL;

	base_buf_init(&header, HEADER_MAX);
	base_buf_init(&signature, LIMIT_RSA_BYTES);
	if (token.len > LIMIT_TOKEN || !split(token, part)) {
		ret = MC_FAIL(MC_ETOKEN, "not three parts of at most %d bytes", LIMIT_TOKEN);
		goto out;
	}
	if (part[0].len == 0 || base_enc_unb64url(&header, part[0]) != MC_OK ||
	    base_enc_unb64url(&signature, part[2]) != MC_OK ||
	    base_enc_unb64url(out, part[1]) != MC_OK) {
		ret = MC_FAIL(MC_ETOKEN, "a part is not base64url");
		goto out;
	}
	ret = header_read(keys, base_buf_span(&header), &key);
	if (ret != MC_OK) {
		goto out;
	}
	input = base_span_of(token.ptr, part[0].len + 1 + part[1].len);
	ret = signature_ok(key, input, base_buf_span(&signature)) ?
	    MC_OK : MC_FAIL(MC_ETOKEN, "the signature does not verify");
out:
	base_buf_clear(&header);
	base_buf_clear(&signature);
	return ret;
}
