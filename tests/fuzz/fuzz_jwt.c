/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tokens and key sets: as they are, and, since no mutation makes a signature, any header and claims
 * (separated by a line end) under a signature that holds.
 */
#include <openssl/ec.h>
#include <openssl/evp.h>

#include "api/authn.h"
#include "api/jose.h"
#include "base/enc.h"
#include "base/mem.h"
#include "tests/fuzz/fuzz.h"

#define NOW INT64_C(1795000000)

static char name[] = "production", domain[] = "cluster.local", cluster_name[] = "Kubernetes",
    issuer[] = "https://kubernetes.default.svc", audience[] = "istio-ca";
static struct authn_cluster cluster = {
    .name = cluster_name, .issuer = issuer, .audience = audience};
static struct authn_env env = {.refs = 1, .name = name, .trust_domain = domain, .clusters = &cluster,
    .cluster_count = 1};
static EVP_PKEY *key;

static void
start(void)
{
	struct base_buf jwks;
	uint8_t point[65];
	size_t len = 0;

	key = EVP_EC_gen("P-256");
	FUZZ_HOLDS(EVP_PKEY_get_octet_string_param(key, "pub", point, sizeof(point), &len) == 1);
	base_buf_init(&jwks, 4096);
	base_buf_append_str(&jwks, "{\"keys\":[{\"kty\":\"EC\",\"crv\":\"P-256\",\"kid\":\"k\",\"x\":\"");
	base_enc_b64url(&jwks, base_span_of(point + 1, 32));
	base_buf_append_str(&jwks, "\",\"y\":\"");
	base_enc_b64url(&jwks, base_span_of(point + 33, 32));
	base_buf_append_str(&jwks, "\"}]}");
	cluster.keys = jose_keys_read(base_buf_span(&jwks));
	FUZZ_HOLDS(cluster.keys != NULL);
	base_buf_clear(&jwks);
}

static void
append_signature(struct base_buf *token, size_t from)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	uint8_t der[80];
	size_t len = sizeof(der);
	const uint8_t *at = der;
	uint8_t raw[64];
	ECDSA_SIG *sig;

	FUZZ_HOLDS(EVP_DigestSignInit(ctx, NULL, EVP_sha256(), NULL, key) == 1);
	FUZZ_HOLDS(EVP_DigestSign(ctx, der, &len, token->ptr + from, token->len - from) == 1);
	sig = d2i_ECDSA_SIG(NULL, &at, (long)len);
	FUZZ_HOLDS(BN_bn2binpad(ECDSA_SIG_get0_r(sig), raw, 32) == 32 &&
	    BN_bn2binpad(ECDSA_SIG_get0_s(sig), raw + 32, 32) == 32);
	base_buf_append_u8(token, '.');
	base_enc_b64url(token, base_span_of(raw, sizeof(raw)));
	ECDSA_SIG_free(sig);
	EVP_MD_CTX_free(ctx);
}

static void
check(struct base_span authorization, bool is_signed)
{
	const struct authn_input in = {.env = &env, .authorization = authorization,
	    .cluster = base_span_str(cluster_name), .now_at = NOW};
	static const char prefix[] = "spiffe://cluster.local/ns/";
	struct authn_verdict *verdict = NULL;

	if (!authn_jwt.is_present(&in) || authn_jwt.check(&in, &verdict) != MC_OK) {
		return;
	}
	FUZZ_HOLDS(is_signed); /* the key is made anew in each run */
	FUZZ_HOLDS(verdict->identity.len > sizeof(prefix) &&
	    memcmp(verdict->identity.ptr, prefix, sizeof(prefix) - 1) == 0);
	for (size_t i = 0; i < verdict->identity.len; i++) {
		FUZZ_HOLDS(verdict->identity.ptr[i] > 0x20 && verdict->identity.ptr[i] < 0x7f);
	}
	FUZZ_HOLDS(verdict->evidence.len <= LIMIT_EVIDENCE);
	FUZZ_HOLDS(verdict->expires_at + AUTHN_SKEW_S >= NOW);
	authn_verdict_unref(verdict);
}

static void
check_signed(struct base_span input)
{
	const uint8_t *end = input.len == 0 ? NULL : memchr(input.ptr, '\n', input.len);
	size_t head = end == NULL ? input.len : (size_t)(end - input.ptr);
	struct base_buf token;

	base_buf_init(&token, 2 * LIMIT_TOKEN + 1024);
	base_buf_append_str(&token, "Bearer ");
	base_enc_b64url(&token, base_span_of(input.ptr, head));
	base_buf_append_u8(&token, '.');
	if (end != NULL) {
		base_enc_b64url(&token, base_span_of(end + 1, input.len - head - 1));
	}
	if (!base_buf_failed(&token)) {
		append_signature(&token, strlen("Bearer "));
		check(base_buf_span(&token), true);
	}
	base_buf_clear(&token);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct base_span input = base_span_of(data, size);

	if (key == NULL) {
		start();
	}
	switch (fuzz_choice(&input, 3)) {
	case 0:
		jose_keys_free(jose_keys_read(input));
		break;
	case 1:
		check(input, false);
		break;
	default:
		check_signed(input);
	}
	return 0;
}
