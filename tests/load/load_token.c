/* SPDX-License-Identifier: Apache-2.0 */
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/enc.h"
#include "base/mem.h"
#include "tests/load/load.h"

#define TOKEN_MAX 4096

void
load_identity(uint32_t index, char *out, size_t len)
{
	(void)snprintf(out, len, "load-%02u:workload-%05u", index % 20, index);
}

static EVP_PKEY *
key_read(const char *path)
{
	FILE *file = fopen(path, "r");
	EVP_PKEY *key;

	if (file == NULL) {
		load_die("cannot open %s", path);
	}
	key = PEM_read_PrivateKey(file, NULL, NULL, NULL);
	(void)fclose(file);
	if (key == NULL) {
		load_die("%s holds no private key", path);
	}
	return key;
}

static char *
token_make(EVP_PKEY *key, const char *kid, const char *issuer, uint32_t index)
{
	char identity[128];
	char text[1024];
	unsigned char signature[512];
	size_t signature_len = sizeof(signature);
	EVP_MD_CTX *md = EVP_MD_CTX_new();
	struct base_buf buf;
	int64_t now = base_clock_now();
	char *colon;

	load_identity(index, identity, sizeof(identity));
	colon = strchr(identity, ':');
	*colon = '\0';
	base_buf_init(&buf, TOKEN_MAX);
	base_buf_append_str(&buf, "Bearer ");
	(void)snprintf(text, sizeof(text), "{\"alg\":\"RS256\",\"kid\":\"%s\"}", kid);
	base_enc_b64url(&buf, base_span_str(text));
	base_buf_append_str(&buf, ".");
	(void)snprintf(text, sizeof(text),
	    "{\"aud\":[\"istio-ca\"],\"exp\":%lld,\"iat\":%lld,\"iss\":\"%s\",\"kubernetes.io\":{"
	    "\"namespace\":\"%s\",\"node\":{\"name\":\"node-%u\",\"uid\":"
	    "\"5b4e3a52-7c9d-4a3f-9a3e-0d6f0c1b%04x\"},\"pod\":{\"name\":\"%s-7c9d\",\"uid\":"
	    "\"1c2e3a52-7c9d-4a3f-9a3e-0d6f0c1b%04x\"},\"serviceaccount\":{\"name\":\"%s\",\"uid\":"
	    "\"9d4e3a52-7c9d-4a3f-9a3e-0d6f0c1b%04x\"}},\"nbf\":%lld,"
	    "\"sub\":\"system:serviceaccount:%s:%s\"}",
	    (long long)now + 43200, (long long)now, issuer, identity, index % 50, index & 0xffff,
	    colon + 1, index & 0xffff, colon + 1, index & 0xffff, (long long)now, identity,
	    colon + 1);
	base_enc_b64url(&buf, base_span_str(text));
	if (md == NULL || EVP_DigestSignInit(md, NULL, EVP_sha256(), NULL, key) != 1 ||
	    EVP_DigestSign(md, signature, &signature_len, buf.ptr + 7, buf.len - 7) != 1) {
		load_die("cannot sign a token");
	}
	EVP_MD_CTX_free(md);
	base_buf_append_str(&buf, ".");
	base_enc_b64url(&buf, base_span_of(signature, signature_len));
	return base_buf_take_str(&buf);
}

void
load_tokens_make(struct load_tokens *tokens, const char *key_file, const char *kid,
    const char *issuer, uint32_t count)
{
	EVP_PKEY *key = key_read(key_file);

	tokens->count = count;
	tokens->bearer = base_xcalloc(count, sizeof(*tokens->bearer));
	tokens->len = base_xcalloc(count, sizeof(*tokens->len));
	for (uint32_t i = 0; i < count; i++) {
		tokens->bearer[i] = token_make(key, kid, issuer, i);
		if (tokens->bearer[i] == NULL) {
			load_die("a token over %d bytes", TOKEN_MAX);
		}
		tokens->len[i] = strlen(tokens->bearer[i]);
	}
	EVP_PKEY_free(key);
}
