/* SPDX-License-Identifier: Apache-2.0 */
/* CreateCertificate: who gets what, who is refused with which word, and what is done once for many. */
#include <semaphore.h>

#include "tests/unit/grpc_world.h"
#include "tests/unit/h2_client.h"
#include "tests/unit/struct_make.h"

START_TEST(chain_layout)
{
	char *token;
	struct client c = {0};
	struct base_buf bundle;

	world_start();
	token = token_of(TOKEN_SUB, "istio-ca", base_clock_now() + 600);
	c.token = token;
	ck_assert_int_eq(call(&c), 0);
	ck_assert_uint_eq(c.answer.chain_len, 3);
	base_buf_init(&bundle, 8192);
	base_enc_pem(&bundle, "CERTIFICATE", make_ca_der(w.ca));
	ck_assert(base_span_equal(c.answer.chain[1], base_buf_span(&bundle)));
	base_enc_pem(&bundle, "CERTIFICATE", make_ca_der(w.second));
	ck_assert(base_span_equal(c.answer.chain[2], base_buf_span(&bundle)));
	for (size_t i = 0; i < 3; i++) {
		ck_assert_uint_eq(c.answer.chain[i].ptr[c.answer.chain[i].len - 1], '\n');
	}
	base_buf_reset(&bundle);
	base_enc_pem(&bundle, "CERTIFICATE", base_span_of(w.last_cert, w.last_cert_len));
	ck_assert(base_span_equal(c.answer.chain[0], base_buf_span(&bundle)));
	ck_assert_uint_eq(metrics_get(w.front.metrics, METRICS_SUCCESS), 1);
	base_buf_clear(&bundle);
	cli_grpc_answer_clear(&c.answer);
	free(token);
	world_stop();
}
END_TEST

START_TEST(callers_refused)
{
	int64_t soon;
	struct {
		const char *sub, *aud;
		int64_t exp_s;
		const char *word;
	} cases[] = {
	    {TOKEN_SUB, "other", 600, "audience"},
	    {TOKEN_SUB, "istio-ca", -120, "expired"},
	    {"system:serviceaccountx:ecotrack:order-service", "istio-ca", 600, "subject"},
	    {"system:serviceaccount:ecotrack", "istio-ca", 600, "subject"},
	    {TOKEN_SUB ":more", "istio-ca", 600, "subject"},
	    {"system:serviceaccount:other:order-service", "istio-ca", 600, "bound"},
	};

	world_start();
	soon = base_clock_now();
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char *token = token_of(cases[i].sub, cases[i].aud, soon + cases[i].exp_s);
		struct client c = {.token = token};

		ck_assert_int_eq(call(&c), 16);
		ck_assert_msg(strstr(c.answer.message, cases[i].word) != NULL, "%s",
		    c.answer.message);
		cli_grpc_answer_clear(&c.answer);
		free(token);
	}
	struct client none = {0};
	ck_assert_int_eq(call(&none), 16);
	cli_grpc_answer_clear(&none.answer);
	struct client junk = {.token = "a.b.c"};
	ck_assert_int_eq(call(&junk), 16);
	cli_grpc_answer_clear(&junk.answer);
	ck_assert_uint_eq(w.svid_count, 0);
	ck_assert_uint_eq(metrics_get(w.front.metrics, METRICS_AUTH_FAILURE), 8);
	world_stop();
}
END_TEST

START_TEST(requests_refused)
{
	char *token;

	world_start();
	token = token_of(TOKEN_SUB, "istio-ca", base_clock_now() + 600);
	struct client csr = {.token = token, .csr = "no PEM"};
	ck_assert_int_eq(call(&csr), 3);
	ck_assert(strstr(csr.answer.message, "csr-pem") != NULL);
	struct client san = {.token = token, .uri = "spiffe://cluster.local/ns/ecotrack/sa/root"};
	ck_assert_int_eq(call(&san), 3);
	ck_assert(strstr(san.answer.message, "csr-san") != NULL);
	struct client ttl = {.token = token, .ttl_s = 8 * DAY};
	ck_assert_int_eq(call(&ttl), 3);
	ck_assert(strstr(ttl.answer.message, "ttl") != NULL);
	ck_assert_uint_eq(w.svid_count, 0);
	cli_grpc_answer_clear(&csr.answer);
	cli_grpc_answer_clear(&san.answer);
	cli_grpc_answer_clear(&ttl.answer);
	free(token);
	world_stop();
}
END_TEST

START_TEST(one_flight)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	struct make make = {.key = key, .uri = {MAKE_URI}};
	struct base_buf der;
	struct base_buf pem;
	char *token;
	char *csr;

	world_start();
	base_buf_init(&der, LIMIT_CSR_DER);
	base_buf_init(&pem, LIMIT_CSR_PEM);
	make_csr(&der, &make);
	base_enc_pem(&pem, "CERTIFICATE REQUEST", base_buf_span(&der));
	csr = base_buf_take_str(&pem);
	base_buf_clear(&der);
	token = token_of(TOKEN_SUB, "istio-ca", base_clock_now() + 600);
	struct client same[4] = {{.token = token, .csr = csr}, {.token = token, .csr = csr},
	    {.token = token, .csr = csr}, {.token = token, .csr = csr}};
	w.hold_us = 700000;
	clients_run(same, 4);
	for (size_t i = 0; i < 4; i++) {
		ck_assert_int_eq(same[i].err, MC_OK);
		ck_assert_int_eq(same[i].answer.status, 0);
		ck_assert(base_span_equal(same[i].answer.chain[0], same[0].answer.chain[0]));
	}
	ck_assert_uint_eq(w.svid_count, 1);
	ck_assert_uint_eq(metrics_get(w.front.metrics, METRICS_DUPLICATE), 3);
	for (size_t i = 0; i < 4; i++) {
		cli_grpc_answer_clear(&same[i].answer);
	}
	free(token);
	free(csr);
	EVP_PKEY_free(key);
	world_stop();
}
END_TEST

START_TEST(deadline)
{
	char *token;

	world_start();
	token = token_of(TOKEN_SUB, "istio-ca", base_clock_now() + 600);
	struct client c = {.token = token, .timeout_s = 1};
	w.silent = true;
	ck_assert_int_eq(call(&c), 4);
	cli_grpc_answer_clear(&c.answer);
	/* the signer is gone: a clear refusal, not a hang */
	base_chan_free(w.signer);
	w.signer = NULL;
	for (int i = 0; i < 20; i++) {
		base_loop_turn(w.loop, 10);
	}
	struct client gone = {.token = token, .timeout_s = 15};
	ck_assert_int_eq(call(&gone), 14);
	cli_grpc_answer_clear(&gone.answer);
	free(token);
	world_stop();
}
END_TEST

/* Renewal: the first certificate is the credential for the second. */
START_TEST(client_certificate)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	char path[] = "/tmp/meshca-test-XXXXXX";
	char *token;
	FILE *file;

	world_start();
	token = token_of(TOKEN_SUB, "istio-ca", base_clock_now() + 600);
	struct client first = {.token = token, .key = key};
	ck_assert_int_eq(call(&first), 0);
	file = fdopen(mkstemp(path), "w");
	fwrite(first.answer.chain[0].ptr, 1, first.answer.chain[0].len, file);
	PEM_write_PrivateKey(file, key, NULL, NULL, 0, NULL, NULL);
	fclose(file);

	struct client renew = {.cert_file = path};
	ck_assert_int_eq(call(&renew), 0);
	cli_grpc_answer_clear(&renew.answer);
	/* its row is another certificate's now */
	struct client unknown = {.cert_file = path};
	ck_assert_int_eq(call(&unknown), 16);
	cli_grpc_answer_clear(&unknown.answer);
	/* back to the first, revoked */
	struct base_buf der;
	base_buf_init(&der, sizeof(w.last_cert));
	ck_assert_int_eq(base_enc_unpem(&der, "CERTIFICATE", first.answer.chain[0], NULL), MC_OK);
	memcpy(w.last_cert, der.ptr, der.len);
	w.last_cert_len = der.len;
	base_buf_clear(&der);
	w.row_state = MSG_STATE_REVOKED;
	struct client revoked = {.cert_file = path};
	ck_assert_int_eq(call(&revoked), 16);
	ck_assert_msg(strstr(revoked.answer.message, "revoked") != NULL, "%s",
	    revoked.answer.message);
	cli_grpc_answer_clear(&revoked.answer);
	/* beside it a token that is not good: the certificate decides */
	struct client both = {.cert_file = path, .token = "a.b.c"};
	ck_assert_int_eq(call(&both), 16);
	ck_assert_ptr_nonnull(strstr(both.answer.message, "revoked"));
	cli_grpc_answer_clear(&both.answer);
	w.row_state = MSG_STATE_EXPIRED;
	struct client expired = {.cert_file = path};
	ck_assert_int_eq(call(&expired), 16);
	cli_grpc_answer_clear(&expired.answer);
	ck_assert_uint_eq(w.svid_count, 2);
	/* another identity than its own */
	w.row_state = MSG_STATE_SIGNED;
	struct client other = {.cert_file = path,
	    .uri = "spiffe://cluster.local/ns/ecotrack/sa/root"};
	ck_assert_int_eq(call(&other), 3);
	cli_grpc_answer_clear(&other.answer);
	cli_grpc_answer_clear(&first.answer);
	unlink(path);
	free(token);
	EVP_PKEY_free(key);
	world_stop();
}
END_TEST

/* --- requests that the command's client does not send --- */

/* A good CSR, in PEM. The caller frees. */
static char *
csr_pem(void)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	struct make make = {.key = key, .uri = {MAKE_URI}};
	struct base_buf der;
	struct base_buf pem;
	char *out;

	base_buf_init(&der, LIMIT_CSR_DER);
	base_buf_init(&pem, LIMIT_CSR_PEM);
	make_csr(&der, &make);
	base_enc_pem(&pem, "CERTIFICATE REQUEST", base_buf_span(&der));
	out = base_buf_take_str(&pem);
	base_buf_clear(&der);
	EVP_PKEY_free(key);
	return out;
}

/* Appends the gRPC message: csr, and metadata unless empty. */
static void
message_make(struct base_buf *out, const char *csr, struct base_span metadata)
{
	size_t at = out->len;
	size_t len;

	base_buf_append(out, "\0\0\0\0", 5);
	make_field(out, 1, base_span_str(csr));
	if (metadata.len > 0) {
		make_field(out, 4, metadata);
	}
	len = out->len - at - 5;
	out->ptr[at + 3] = (uint8_t)(len >> 8);
	out->ptr[at + 4] = (uint8_t)len;
}

/* One call on a connection of its own; returns the status, *why (may be NULL) the message. */
static int
raw_call(const struct h2_field *more, struct base_span message, char *why)
{
	struct h2_field fields[H2_CLIENT_FIELDS] = {{":method", "POST"}, {":scheme", "https"},
	    {":path", CLI_GRPC_CREATE}, {":authority", "localhost"},
	    {"content-type", "application/grpc"}};
	struct h2_client *client = h2_client_begin(w.loop, w.port, false);
	struct h2_reply *reply;
	int status;

	for (size_t i = 0; more[i].name != NULL; i++) {
		fields[5 + i] = more[i];
	}
	reply = h2_client_send(client, fields, message, false);
	H2_CLIENT_UNTIL(client, reply->closed);
	ck_assert_str_ne(reply->grpc_status, "");
	status = (int)strtol(reply->grpc_status, NULL, 10);
	if (why != NULL) {
		snprintf(why, 1024, "%s", reply->grpc_message);
	}
	h2_client_end(client);
	return status;
}

/* What one proxy reads and another does not see must not decide who somebody is. */
START_TEST(two_headers_of_one_name_are_refused)
{
	struct base_buf message;
	char why[1024];
	char *token, *bearer, *csr;

	world_start();
	token = token_of(TOKEN_SUB, "istio-ca", base_clock_now() + 600);
	bearer = base_xasprintf("Bearer %s", token);
	csr = csr_pem();
	base_buf_init(&message, LIMIT_GRPC_MESSAGE);
	message_make(&message, csr, base_span_of(NULL, 0));
	const struct h2_field once[] = {{"authorization", bearer}, {"clusterid", "Kubernetes"},
	    {NULL, NULL}};
	const struct h2_field tokens[] = {{"authorization", bearer}, {"clusterid", "Kubernetes"},
	    {"authorization", bearer}, {NULL, NULL}};
	const struct h2_field clusters[] = {{"authorization", bearer}, {"clusterid", "Kubernetes"},
	    {"clusterid", "Kubernetes"}, {NULL, NULL}};
	ck_assert_int_eq(raw_call(tokens, base_buf_span(&message), why), 16);
	ck_assert_ptr_nonnull(strstr(why, "twice"));
	ck_assert_int_eq(raw_call(clusters, base_buf_span(&message), why), 16);
	ck_assert_ptr_nonnull(strstr(why, "twice"));
	ck_assert_uint_eq(w.svid_count, 0);
	ck_assert_uint_eq(metrics_get(w.front.metrics, METRICS_AUTH_FAILURE), 2);
	ck_assert_int_eq(raw_call(once, base_buf_span(&message), NULL), 0);
	base_buf_clear(&message);
	free(token);
	free(bearer);
	free(csr);
	world_stop();
}
END_TEST

/* Nobody unknown gets a parser of ours: what is wrong with the message, a stranger does not learn. */
START_TEST(strangers_are_refused_before_anything_is_read)
{
	static const char csr[] = "no PEM";
	static const uint8_t junk[] = {0, 0, 0, 0, 3, 0xff, 0xff, 0xff};
	struct base_buf message;
	char *token, *expired;

	world_start();
	token = token_of(TOKEN_SUB, "istio-ca", base_clock_now() + 600);
	expired = token_of(TOKEN_SUB, "istio-ca", base_clock_now() - 600);
	base_buf_init(&message, LIMIT_GRPC_MESSAGE);
	message_make(&message, csr, base_span_of(NULL, 0));
	struct base_span messages[] = {base_buf_span(&message), base_span_of(junk, sizeof(junk))};
	for (size_t i = 0; i < 2; i++) {
		char *good = base_xasprintf("Bearer %s", token);
		char *bad = base_xasprintf("Bearer %s", expired);
		const struct h2_field none[] = {{"clusterid", "Kubernetes"}, {NULL, NULL}};
		const struct h2_field stranger[] = {{"authorization", bad}, {NULL, NULL}};
		const struct h2_field known[] = {{"authorization", good}, {NULL, NULL}};

		ck_assert_int_eq(raw_call(none, messages[i], NULL), 16);
		ck_assert_int_eq(raw_call(stranger, messages[i], NULL), 16);
		ck_assert_int_eq(raw_call(known, messages[i], NULL), 3);
		free(good);
		free(bad);
	}
	ck_assert_uint_eq(metrics_get(w.front.metrics, METRICS_AUTH_FAILURE), 4);
	ck_assert_uint_eq(metrics_get(w.front.metrics, METRICS_CSR_PARSE_ERROR), 1);
	base_buf_clear(&message);
	free(token);
	free(expired);
	world_stop();
}
END_TEST

/* ztunnel asks for its workloads' certificates so. It is refused, not answered with another's or its own. */
START_TEST(nobody_is_impersonated)
{
	static const struct {
		const char *identity;
		int status;
	} cases[] = {
	    {MAKE_URI, 0},
	    {"spiffe://cluster.local/ns/ecotrack/sa/root", 16},
	    {"", 16},
	    {"spiffe://cluster.local/ns/ecotrack/sa/order-servic", 16},
	};
	char *token, *bearer, *csr;
	char why[1024];

	world_start();
	token = token_of(TOKEN_SUB, "istio-ca", base_clock_now() + 600);
	bearer = base_xasprintf("Bearer %s", token);
	csr = csr_pem();
	const struct h2_field fields[] = {{"authorization", bearer}, {NULL, NULL}};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct base_buf metadata;
		struct base_buf message;
		unsigned before = w.svid_count;

		base_buf_init(&metadata, MAKE_STRUCT_MAX);
		base_buf_init(&message, MAKE_STRUCT_MAX);
		make_string_entry(&metadata, "CertSigner", "any");
		make_string_entry(&metadata, "ImpersonatedIdentity", cases[i].identity);
		message_make(&message, csr, base_buf_span(&metadata));
		ck_assert_msg(raw_call(fields, base_buf_span(&message), why) == cases[i].status,
		    "%s: %s", cases[i].identity, why);
		ck_assert_uint_eq(w.svid_count - before, cases[i].status == 0);
		ck_assert(cases[i].status == 0 || strstr(why, "ImpersonatedIdentity") != NULL);
		base_buf_clear(&metadata);
		base_buf_clear(&message);
	}
	free(token);
	free(bearer);
	free(csr);
	world_stop();
}
END_TEST

/* What the signer is asked: the verdict's names, and a key by which a repetition is known. */
START_TEST(the_signer_gets_typed_fields)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	struct make make = {.key = key, .uri = {MAKE_URI}};
	struct base_buf der, pem;
	struct msg_issue first;
	char *token, *csr;

	world_start();
	base_buf_init(&der, LIMIT_CSR_DER);
	base_buf_init(&pem, LIMIT_CSR_PEM);
	make_csr(&der, &make);
	base_enc_pem(&pem, "CERTIFICATE REQUEST", base_buf_span(&der));
	csr = base_buf_take_str(&pem);
	base_buf_clear(&der);
	token = token_of(TOKEN_SUB, "istio-ca", base_clock_now() + 600);
	struct client c = {.token = token, .csr = csr, .ttl_s = 3600};
	ck_assert_int_eq(call(&c), 0);
	cli_grpc_answer_clear(&c.answer);
	first = w.last;
	ck_assert_int_eq(first.profile, MSG_PROFILE_SVID);
	ck_assert_int_eq(first.key_alg, MSG_KEY_P256);
	ck_assert_int_eq(first.ttl_s, 3600);
	ck_assert_int_eq(first.has_dedup, 1);
	ck_assert_int_eq(first.confirm, 0);
	ck_assert_str_eq(w.last_identity, MAKE_URI);
	ck_assert_str_eq(w.last_cluster, "Kubernetes");
	ck_assert_str_eq(w.last_requester, TOKEN_SUB);
	ck_assert_ptr_nonnull(strstr(w.last_evidence, "\"pod\":\"p-1\""));
	/* again: the same key; with another life or another CSR: another */
	struct client again = {.token = token, .csr = csr, .ttl_s = 3600};
	ck_assert_int_eq(call(&again), 0);
	cli_grpc_answer_clear(&again.answer);
	ck_assert_mem_eq(w.last.dedup_key, first.dedup_key, 32);
	ck_assert_mem_eq(w.last.dedup_body, first.dedup_body, 32);
	ck_assert_mem_ne(w.last.request_id, first.request_id, 16);
	struct client longer = {.token = token, .csr = csr, .ttl_s = 3601};
	ck_assert_int_eq(call(&longer), 0);
	cli_grpc_answer_clear(&longer.answer);
	ck_assert_mem_ne(w.last.dedup_key, first.dedup_key, 32);
	struct client fresh = {.token = token, .ttl_s = 3600};
	ck_assert_int_eq(call(&fresh), 0);
	cli_grpc_answer_clear(&fresh.answer);
	ck_assert_mem_ne(w.last.dedup_key, first.dedup_key, 32);
	/* one check of the token served them all */
	ck_assert_uint_eq(metrics_get(w.front.metrics, METRICS_TOKEN_CACHE_MISS), 1);
	ck_assert_uint_eq(metrics_get(w.front.metrics, METRICS_TOKEN_CACHE_HIT), 3);
	free(token);
	free(csr);
	EVP_PKEY_free(key);
	world_stop();
}
END_TEST

START_TEST(without_a_bundle_nobody_gets_a_certificate)
{
	char *bundle, *token;

	world_start();
	token = token_of(TOKEN_SUB, "istio-ca", base_clock_now() + 600);
	bundle = w.env.bundle_pem;
	w.env.bundle_pem = NULL;
	struct client c = {.token = token};
	ck_assert_int_eq(call(&c), 14);
	ck_assert_ptr_nonnull(strstr(c.answer.message, "trust bundle"));
	cli_grpc_answer_clear(&c.answer);
	free(w.env.bundle_pem);
	w.env.bundle_pem = bundle;
	free(token);
	world_stop();
}
END_TEST

/* --- keys that are replaced while a worker has the token --- */

static sem_t gate;

static void
wait_at_gate(struct base_job *job, void *worker)
{
	(void)job;
	(void)worker;
	sem_wait(&gate);
}

static void
through(struct base_job *job)
{
	(void)job;
}

START_TEST(a_verdict_of_old_keys_is_not_kept)
{
	struct base_job jobs[2] = {{.run = wait_at_gate, .done = through},
	    {.run = wait_at_gate, .done = through}};
	EVP_PKEY *other = EVP_EC_gen("P-256");
	char *token, *bearer, *csr, *before;
	struct base_buf message;
	struct h2_client *client;
	struct h2_reply *reply;

	world_start();
	sem_init(&gate, 0, 0);
	token = token_of(TOKEN_SUB, "istio-ca", base_clock_now() + 600);
	bearer = base_xasprintf("Bearer %s", token);
	csr = csr_pem();
	base_buf_init(&message, LIMIT_GRPC_MESSAGE);
	message_make(&message, csr, base_span_of(NULL, 0));
	const struct h2_field fields[] = {{":method", "POST"}, {":scheme", "https"},
	    {":path", CLI_GRPC_CREATE}, {":authority", "localhost"},
	    {"content-type", "application/grpc"}, {"authorization", bearer}, {NULL, NULL}};
	const struct h2_field late[] = {{"authorization", bearer}, {NULL, NULL}};
	client = h2_client_begin(w.loop, w.port, false);
	base_pool_submit(w.front.pool, &jobs[0]);
	base_pool_submit(w.front.pool, &jobs[1]);
	reply = h2_client_send(client, fields, base_buf_span(&message), false);
	H2_CLIENT_UNTIL(client, base_pool_pending(w.front.pool) == 3);
	before = w.cluster.jwks;
	w.cluster.jwks = token_jwks(other);
	ck_assert_int_eq(grpc_service_reload(w.service), MC_OK);
	sem_post(&gate);
	sem_post(&gate);
	H2_CLIENT_UNTIL(client, reply->closed);
	ck_assert_str_eq(reply->grpc_status, "0"); /* it came in time */
	ck_assert_int_eq(raw_call(late, base_buf_span(&message), NULL), 16);
	h2_client_end(client);
	free(w.cluster.jwks);
	w.cluster.jwks = before;
	base_buf_clear(&message);
	free(token);
	free(bearer);
	free(csr);
	EVP_PKEY_free(other);
	sem_destroy(&gate);
	world_stop();
}
END_TEST

CHECK_MAIN("api_svc_create_certificate", chain_layout, callers_refused, requests_refused, one_flight,
    deadline, client_certificate, two_headers_of_one_name_are_refused,
    strangers_are_refused_before_anything_is_read, nobody_is_impersonated,
    the_signer_gets_typed_fields, without_a_bundle_nobody_gets_a_certificate,
    a_verdict_of_old_keys_is_not_kept)
