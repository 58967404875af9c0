/* SPDX-License-Identifier: Apache-2.0 */
/* A worker's part of CreateCertificate: first who it is, then what is asked for. */
#include <string.h>

#include "api/svc_int.h"
#include "base/clock.h"
#include "base/crypto.h"
#include "base/enc.h"
#include "base/mem.h"
#include "tests/unit/ca_make.h"
#include "tests/unit/check_main.h"
#include "tests/unit/csr_make.h"
#include "tests/unit/struct_make.h"
#include "tests/unit/token_make.h"

#define ROOT_URI "spiffe://cluster.local/ns/ecotrack/sa/root"

static EVP_PKEY *token_key, *key;
static char *jwks, *bearer;
static struct authn_env *env;
static void *worker;
static struct issue issue;
static struct base_buf message;

static void
begin(void)
{
	static char cluster_name[] = "Kubernetes";
	static char issuer[] = "https://k8s";
	static char audience[] = "istio-ca";
	static char name[] = "production";
	static char domain[] = "cluster.local";
	struct config_cluster cluster = {.name = cluster_name, .issuer = issuer,
	    .audience = audience};
	struct config_environment config = {.name = name, .trust_domain = domain,
	    .clusters = &cluster, .cluster_count = 1};
	char *claims, *token;

	token_key = make_key("P-256");
	key = make_key("P-256");
	jwks = token_jwks(token_key);
	cluster.jwks = jwks;
	env = authn_env_new(&config);
	ck_assert_ptr_nonnull(env);
	claims = base_xasprintf("{\"iss\":\"https://k8s\",\"aud\":\"istio-ca\",\"sub\":\"%s\","
	    "\"exp\":%lld}", TOKEN_SUB, (long long)base_clock_now() + 600);
	token = token_make(token_key, claims);
	bearer = base_xasprintf("Bearer %s", token);
	free(claims);
	free(token);
	worker = issue_worker_new(NULL);
	base_buf_init(&message, LIMIT_GRPC_MESSAGE);
}

static void
end(void)
{
	authn_verdict_unref(issue.verdict);
	issue.verdict = NULL;
	issue_worker_free(worker);
	authn_env_unref(env);
	base_buf_clear(&message);
	EVP_PKEY_free(token_key);
	EVP_PKEY_free(key);
	free(jwks);
	free(bearer);
}

/* A request as its turn finds it; the message is to be made. */
static void
fresh(void)
{
	authn_verdict_unref(issue.verdict);
	issue = (struct issue){.env = env, .authn = authn_table, .now_at = base_clock_now(),
	    .authorization = base_span_str(bearer),
	    .policy = {.ttl_max_s = 86400, .rsa = true, .p256 = true, .p384 = true}};
	memset(issue.detail, 'x', sizeof(issue.detail) - 1);
	base_buf_reset(&message);
}

static enum mc_err
work(void)
{
	issue.message = base_buf_span(&message);
	issue_work(&issue.job, worker);
	return issue.err;
}

static void
csr_put(const struct make *make)
{
	struct base_buf der, pem;

	base_buf_init(&der, LIMIT_CSR_DER);
	base_buf_init(&pem, LIMIT_CSR_PEM);
	make_csr(&der, make);
	base_enc_pem(&pem, "CERTIFICATE REQUEST", base_buf_span(&der));
	make_field(&message, 1, base_buf_span(&pem));
	base_buf_clear(&der);
	base_buf_clear(&pem);
}

static void
good_csr_put(void)
{
	csr_put(&(struct make){.key = key, .uri = {MAKE_URI}});
}

static void
ttl_put(int64_t ttl_s)
{
	uint64_t left = (uint64_t)ttl_s;

	base_buf_append_u8(&message, 3 << 3);
	for (; left > 127; left >>= 7) {
		base_buf_append_u8(&message, (uint8_t)(left | 128));
	}
	base_buf_append_u8(&message, (uint8_t)left);
}

START_TEST(a_good_request)
{
	struct make_public pub;
	struct base_buf der;
	uint8_t sha256[32];

	begin();
	fresh();
	good_csr_put();
	ck_assert_int_eq(work(), MC_OK);
	ck_assert(issue.authenticated && issue.verdict_is_new);
	ck_assert(base_span_equal_str(issue.verdict->identity, MAKE_URI));
	ck_assert_str_eq(issue.detail, "");
	ck_assert_int_eq(issue.ttl_s, 0);
	ck_assert_int_eq(issue.key_alg, MSG_KEY_P256);
	pub = make_public(key);
	ck_assert(base_span_equal(base_span_of(issue.key, issue.key_len), pub.key));
	make_public_free(&pub);
	/* the hash by which a repetition is known is that of the DER */
	struct base_buf pem;
	base_buf_init(&der, LIMIT_CSR_DER);
	base_buf_init(&pem, LIMIT_CSR_PEM);
	make_csr(&der, &(struct make){.key = key, .uri = {MAKE_URI}});
	base_crypto_sha256(base_buf_span(&der), sha256);
	base_enc_pem(&pem, "CERTIFICATE REQUEST", base_buf_span(&der));
	fresh();
	make_field(&message, 1, base_buf_span(&pem));
	ck_assert_int_eq(work(), MC_OK);
	ck_assert_mem_eq(issue.csr_sha256, sha256, 32);
	base_buf_clear(&der);
	base_buf_clear(&pem);
	end();
}
END_TEST

/* The refusal of a stranger is about the stranger, whatever the message is. */
START_TEST(first_who_then_what)
{
	static const uint8_t junk[] = {0xff, 0xff, 0xff};

	begin();
	fresh();
	issue.authorization = base_span_str("Bearer a.b.c");
	base_buf_append(&message, junk, sizeof(junk));
	ck_assert_int_eq(work(), MC_ETOKEN);
	ck_assert(!issue.authenticated && !issue.verdict_is_new);
	ck_assert_ptr_null(issue.verdict);
	ck_assert_str_ne(issue.detail, "");
	fresh();
	base_buf_append(&message, junk, sizeof(junk));
	ck_assert_int_eq(work(), MC_EUSAGE);
	ck_assert(issue.authenticated && issue.verdict_is_new);
	/* with a verdict that was kept, the token is not looked at again */
	issue.authorization = base_span_str("Bearer a.b.c");
	issue.verdict_is_new = false;
	base_buf_reset(&message);
	good_csr_put();
	ck_assert_int_eq(work(), MC_OK);
	ck_assert(issue.authenticated && !issue.verdict_is_new);
	ck_assert_str_eq(issue.detail, "");
	end();
}
END_TEST

START_TEST(messages)
{
	struct base_buf many;

	begin();
	fresh(); /* empty: no CSR */
	ck_assert_int_eq(work(), MC_ECSR_PEM);
	/* foreign fields are passed over, but not tens of thousands: a worker's memory is bounded */
	fresh();
	good_csr_put();
	for (int i = 0; i < 20; i++) {
		make_field(&message, 9, base_span_str("x"));
	}
	ck_assert_int_eq(work(), MC_OK);
	fresh();
	good_csr_put();
	for (int i = 0; i < 20000; i++) {
		make_field(&message, 9, base_span_of(NULL, 0));
	}
	ck_assert_int_eq(work(), MC_EUSAGE);
	/* and what one request took is there for the next */
	static uint8_t bytes[60000];
	memset(bytes, 'a', sizeof(bytes));
	for (int i = 0; i < 8; i++) {
		fresh();
		make_field(&message, 1, base_span_of(bytes, sizeof(bytes)));
		ck_assert_int_eq(work(), MC_ECSR_PEM);
	}
	fresh();
	good_csr_put();
	ck_assert_int_eq(work(), MC_OK);
	/* bytes are missing */
	base_buf_init(&many, LIMIT_GRPC_MESSAGE);
	base_buf_append(&many, message.ptr, message.len - 1);
	fresh();
	base_buf_append_span(&message, base_buf_span(&many));
	ck_assert_int_eq(work(), MC_EUSAGE);
	base_buf_clear(&many);
	end();
}
END_TEST

START_TEST(lifetimes)
{
	static const struct {
		int64_t asked_s, got_s;
		enum mc_err err;
	} cases[] = {{0, 0, MC_OK}, {1, 1, MC_OK}, {86400, 86400, MC_OK}, {86401, 0, MC_ETTL},
	    {INT64_MAX, 0, MC_ETTL}, {-1, 0, MC_OK}, {INT64_MIN, 0, MC_OK}};

	begin();
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		fresh();
		good_csr_put();
		ttl_put(cases[i].asked_s);
		ck_assert_int_eq(work(), cases[i].err);
		ck_assert_int_eq(issue.ttl_s, cases[i].got_s);
	}
	end();
}
END_TEST

START_TEST(metadata)
{
	struct base_buf meta;

	begin();
	base_buf_init(&meta, MAKE_STRUCT_MAX);
	fresh();
	good_csr_put();
	make_string_entry(&meta, "CertSigner", "anything");
	make_string_entry(&meta, "ImpersonatedIdentity", MAKE_URI);
	make_field(&message, 4, base_buf_span(&meta));
	ck_assert_int_eq(work(), MC_OK);
	/* another's, even with that one's CSR */
	base_buf_reset(&meta);
	make_string_entry(&meta, "ImpersonatedIdentity", ROOT_URI);
	fresh();
	csr_put(&(struct make){.key = key, .uri = {ROOT_URI}});
	make_field(&message, 4, base_buf_span(&meta));
	ck_assert_int_eq(work(), MC_EAUTH);
	ck_assert_ptr_nonnull(strstr(issue.detail, "impersonation"));
	ck_assert(base_span_equal_str(issue.verdict->identity, MAKE_URI));
	/* twice, or not a string */
	base_buf_reset(&meta);
	make_string_entry(&meta, "ImpersonatedIdentity", MAKE_URI);
	make_string_entry(&meta, "ImpersonatedIdentity", ROOT_URI);
	fresh();
	good_csr_put();
	make_field(&message, 4, base_buf_span(&meta));
	ck_assert_int_eq(work(), MC_EENCODING);
	base_buf_reset(&meta);
	make_entry(&meta, "ImpersonatedIdentity", base_span_of("\x20\x01", 2)); /* true */
	fresh();
	good_csr_put();
	make_field(&message, 4, base_buf_span(&meta));
	ck_assert_int_eq(work(), MC_EENCODING);
	base_buf_clear(&meta);
	end();
}
END_TEST

START_TEST(requests_for_a_key)
{
	EVP_PKEY *p384 = make_key("P-384");
	EVP_PKEY *rsa = make_key("RSA");
	struct base_buf pem, der;

	begin();
	fresh();
	csr_put(&(struct make){.key = key, .uri = {ROOT_URI}});
	ck_assert_int_eq(work(), MC_ECSR_SAN);
	fresh();
	csr_put(&(struct make){.key = key, .uri = {MAKE_URI}, .wrong_signature = true});
	ck_assert_int_eq(work(), MC_ECSR_SIGNATURE);
	fresh();
	csr_put(&(struct make){.key = key, .uri = {MAKE_URI}, .trailing = 1});
	ck_assert_int_eq(work(), MC_ECSR_DER);
	/* each kind of key, and its switch */
	EVP_PKEY *keys[] = {key, p384, rsa};
	static const enum msg_key_alg algs[] = {MSG_KEY_P256, MSG_KEY_P384, MSG_KEY_RSA};
	for (size_t i = 0; i < 3; i++) {
		fresh();
		csr_put(&(struct make){.key = keys[i], .uri = {MAKE_URI}});
		ck_assert_int_eq(work(), MC_OK);
		ck_assert_int_eq(issue.key_alg, algs[i]);
		fresh();
		issue.policy.p256 = i != 0;
		issue.policy.p384 = i != 1;
		issue.policy.rsa = i != 2;
		csr_put(&(struct make){.key = keys[i], .uri = {MAKE_URI}});
		ck_assert_int_eq(work(), MC_ECSR_KEY_TYPE);
	}
	/* the PEM: one block, of this name, of a bounded length */
	base_buf_init(&der, LIMIT_CSR_DER);
	base_buf_init(&pem, LIMIT_GRPC_MESSAGE);
	make_csr(&der, &(struct make){.key = key, .uri = {MAKE_URI}});
	base_enc_pem(&pem, "CERTIFICATE", base_buf_span(&der));
	fresh();
	make_field(&message, 1, base_buf_span(&pem));
	ck_assert_int_eq(work(), MC_ECSR_PEM);
	base_buf_reset(&pem);
	base_enc_pem(&pem, "CERTIFICATE REQUEST", base_buf_span(&der));
	base_enc_pem(&pem, "CERTIFICATE REQUEST", base_buf_span(&der));
	fresh();
	make_field(&message, 1, base_buf_span(&pem));
	ck_assert_int_eq(work(), MC_ECSR_PEM);
	base_buf_clear(&der);
	base_buf_clear(&pem);
	EVP_PKEY_free(p384);
	EVP_PKEY_free(rsa);
	end();
}
END_TEST

CHECK_MAIN("api_issue_work", a_good_request, first_who_then_what, messages, lifetimes, metadata,
    requests_for_a_key)
