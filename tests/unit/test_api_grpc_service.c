/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CreateCertificate through a real TLS port, with a signer and a ledger made of OpenSSL calls at the other
 * end of the channels. Clients run on threads of their own.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <unistd.h>

#include <openssl/pem.h>

#include "api/cli_grpc.h"
#include "api/front_env.h"
#include "api/grpc_service.h"
#include "api/metrics.h"
#include "api/tls_server.h"
#include "base/clock.h"
#include "base/crypto.h"
#include "base/enc.h"
#include "base/mem.h"
#include "base/msg_ctl.h"
#include "base/msg_issue.h"
#include "base/msg_query.h"
#include "tests/unit/ca_make.h"
#include "tests/unit/csr_make.h"
#include "tests/unit/check_main.h"
#include "tests/unit/token_make.h"

#define DAY 86400

static struct world {
	struct base_loop *loop;
	struct front front;
	struct front_env env;
	struct config config;
	struct config_environment environment;
	struct config_cluster cluster;
	struct front_poll *poll;
	struct grpc_service *service;
	struct base_chan *signer, *ledger;
	struct make_ca *ca;
	struct make_ca *second; /* another anchor: the bundle is more than the issuer's certificate */
	EVP_PKEY *token_key;
	char *jwks;
	char ca_file[64];
	char address[32];
	unsigned svid_count;   /* SVIDs that the signer was asked for */
	bool silent;           /* the signer answers no SVID */
	int64_t hold_us;       /* it answers this late */
	struct base_timer *timer;
	struct {
		uint64_t corr;
		struct base_buf ans;
	} held[8];
	unsigned held_count;
	bool row_revoked;
	uint8_t last_cert[4096];
	size_t last_cert_len;
	char *last_identity;
} w;

/* The signer is: set before world_start(), which unseals it after so long. */
static int64_t sealed_us;
static bool sealed;

/* --- the signer --- */

static X509 *
leaf_make(const struct msg_issue *ask)
{
	X509 *cert = X509_new();
	char san[600];
	EVP_PKEY *key = EVP_PKEY_new();
	EVP_PKEY *group = EVP_EC_gen("P-256");
	uint8_t serial[8];
	BIGNUM *number;

	EVP_PKEY_copy_parameters(key, group);
	ck_assert_int_eq(EVP_PKEY_set1_encoded_public_key(key, ask->key.ptr, ask->key.len), 1);
	X509_set_version(cert, X509_VERSION_3);
	base_crypto_random(serial, sizeof(serial));
	serial[0] = 1;
	number = BN_bin2bn(serial, sizeof(serial), NULL);
	BN_to_ASN1_INTEGER(number, X509_get_serialNumber(cert));
	BN_free(number);
	ASN1_TIME_set(X509_getm_notBefore(cert), base_clock_now() - 120);
	ASN1_TIME_set(X509_getm_notAfter(cert), base_clock_now() + DAY);
	X509_set_issuer_name(cert, X509_get_subject_name(w.ca->cert));
	X509_set_pubkey(cert, key);
	if (ask->profile == MSG_PROFILE_SERVER) {
		snprintf(san, sizeof(san), "critical,DNS:%s", (const char *)ask->dns_names.ptr);
	} else {
		free(w.last_identity);
		w.last_identity = base_xasprintf(
		    "spiffe://cluster.local/ns/%.*s/sa/%.*s", (int)ask->ns.len,
		    (const char *)ask->ns.ptr, (int)ask->sa.len, (const char *)ask->sa.ptr);
		snprintf(san, sizeof(san), "critical,URI:%s", w.last_identity);
	}
	make_ca_ext(cert, NID_subject_alt_name, san);
	make_ca_ext(cert, NID_ext_key_usage, "serverAuth,clientAuth");
	make_ca_ext(cert, NID_key_usage, "critical,digitalSignature");
	ck_assert_int_gt(X509_sign(cert, w.ca->key, EVP_sha256()), 0);
	EVP_PKEY_free(key);
	EVP_PKEY_free(group);
	return cert;
}

static void
issue_answer(uint64_t corr, const struct msg_issue *ask)
{
	struct msg_issue_ans ans = {.not_before_at = base_clock_now() - 120,
	    .not_after_at = base_clock_now() + DAY};
	X509 *leaf = leaf_make(ask);
	unsigned char *der = NULL;
	int len = i2d_X509(leaf, &der);

	ans.cert = base_span_of(der, (size_t)len);
	ans.issuer = make_ca_der(w.ca);
	ans.serial = base_span_of("\1", 1);
	base_crypto_sha256(ans.issuer, ans.issuer_id);
	if (ask->profile == MSG_PROFILE_SVID) {
		ck_assert_uint_le(ans.cert.len, sizeof(w.last_cert));
		memcpy(w.last_cert, der, ans.cert.len);
		w.last_cert_len = ans.cert.len;
	}
	if (ask->profile == MSG_PROFILE_SVID && w.hold_us > 0) {
		base_buf_init(&w.held[w.held_count].ans, LIMIT_FRAME);
		w.held[w.held_count].corr = corr;
		ck_assert_int_eq(msg_encode(&msg_issue_ans_table, &ans,
		    &w.held[w.held_count].ans), MC_OK);
		w.held_count++;
		base_timer_set_us(w.timer, w.hold_us);
	} else {
		ck_assert_int_eq(msg_send(w.signer, MSG_ANSWER(MSG_ISSUE), 0, corr,
		    &msg_issue_ans_table, &ans), MC_OK);
	}
	OPENSSL_free(der);
	X509_free(leaf);
}

static void
on_held(void *self)
{
	(void)self;
	for (unsigned i = 0; i < w.held_count; i++) {
		ck_assert_int_eq(base_chan_send(w.signer, MSG_ANSWER(MSG_ISSUE), 0,
		    w.held[i].corr, base_buf_span(&w.held[i].ans)), MC_OK);
		base_buf_clear(&w.held[i].ans);
	}
	w.held_count = 0;
}

static enum mc_err
on_signer_item(void *self, struct base_chan *chan, const struct base_item *item)
{
	struct msg_issue ask;
	struct msg_signer_info_ans info = {.state = sealed ? MSG_RS_SEALED : MSG_RS_READY};

	(void)self;
	if (item->type == MSG_SIGNER_INFO) {
		return msg_send(chan, MSG_ANSWER(MSG_SIGNER_INFO), 0, item->corr,
		    &msg_signer_info_ans_table, &info);
	}
	if (item->type == MSG_ISSUE && sealed) {
		return msg_send_failure(chan, MSG_ISSUE, item->corr, &msg_issue_ans_table, MC_ESEALED);
	}
	if (item->type == MSG_ISSUE) {
		ck_assert_int_eq(msg_decode(&msg_issue_table, item->payload, &ask), MC_OK);
		if (ask.profile == MSG_PROFILE_SVID) {
			w.svid_count++;
			if (w.silent) {
				return MC_OK;
			}
		}
		issue_answer(item->corr, &ask);
	}
	return MC_OK;
}

/* --- the ledger --- */

static enum mc_err
on_ledger_item(void *self, struct base_chan *chan, const struct base_item *item)
{
	struct msg_bundle_ans bundle = {.sequence = 1,
	    .trust_domain = base_span_str("cluster.local")};
	struct msg_list_end end = {0};
	struct msg_cert_row row = {.profile = MSG_PROFILE_SVID,
	    .environment = base_span_str("production")};
	struct base_buf anchors;
	enum mc_err ret = MC_OK;

	(void)self;
	base_buf_init(&anchors, LIMIT_BULK_CHUNK);
	if (item->type == MSG_BUNDLE_GET) {
		base_buf_append_le32(&anchors, (uint32_t)w.ca->der_len);
		base_buf_append_span(&anchors, make_ca_der(w.ca));
		base_buf_append_le32(&anchors, (uint32_t)w.second->der_len);
		base_buf_append_span(&anchors, make_ca_der(w.second));
		bundle.anchors = base_buf_span(&anchors);
		ret = msg_send(chan, MSG_ANSWER(MSG_BUNDLE_GET), 0, item->corr,
		    &msg_bundle_ans_table, &bundle);
	} else if (item->type == MSG_ISSUER_LIST) {
		ret = msg_send(chan, MSG_ANSWER(MSG_ISSUER_LIST), 0, item->corr,
		    &msg_list_end_table, &end);
	} else if (item->type == MSG_CERT_GET) {
		row.state = w.row_revoked ? MSG_STATE_REVOKED : MSG_STATE_SIGNED;
		row.identity = base_span_str(w.last_identity);
		row.cert = base_span_of(w.last_cert, w.last_cert_len);
		ret = msg_send(chan, MSG_ANSWER(MSG_CERT_GET), 0, item->corr,
		    &msg_cert_row_table, &row);
	}
	base_buf_clear(&anchors);
	return ret;
}

static void
on_gone(void *self, struct base_chan *chan, enum mc_err why)
{
	(void)self;
	(void)chan;
	(void)why;
}

/* --- tokens --- */

static char *
token_of(const char *sub, const char *aud, int64_t exp_at)
{
	char *claims = base_xasprintf("{\"iss\":\"https://k8s\",\"aud\":[\"%s\"],\"sub\":\"%s\","
	    "\"exp\":%lld,\"kubernetes.io\":{\"namespace\":\"ecotrack\","
	    "\"serviceaccount\":{\"name\":\"order-service\"},\"pod\":{\"name\":\"p-1\"}}}",
	    aud, sub, (long long)exp_at);
	char *token = token_make(w.token_key, claims);

	free(claims);
	return token;
}

/* --- the world --- */

static int
listener_make(void)
{
	struct sockaddr_in at = {.sin_family = AF_INET};
	socklen_t len = sizeof(at);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&at, sizeof(at)), 0);
	ck_assert_int_eq(listen(fd, 64), 0);
	ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&at, &len), 0);
	snprintf(w.address, sizeof(w.address), "127.0.0.1:%u", ntohs(at.sin_port));
	return fd;
}

static struct base_chan *
peer_make(struct link *link, enum msg_role role, base_chan_item_fn fn)
{
	struct base_chan *chan;
	int fds[2];

	ck_assert_int_eq(base_chan_pair(fds), MC_OK);
	link_attach(link, fds[0], 1);
	chan = base_chan_new(w.loop, fds[1], fn, on_gone, NULL);
	ck_assert_int_eq(msg_hello_send(chan, role,
	    role == MSG_ROLE_SIGNER ? "production" : NULL), MC_OK);
	return chan;
}

static void
world_start(void)
{
	static char name[] = "production";
	static char domain[] = "cluster.local";
	static char cluster[] = "Kubernetes";
	static char issuer[] = "https://k8s";
	static char audience[] = "istio-ca";
	static char host[] = "localhost";
	static char *dns[] = {host};
	FILE *file;
	int fd;

	memset(&w, 0, sizeof(w));
	w.loop = base_loop_new();
	w.ca = make_ca("P-256", "cluster.local", base_clock_now() + 90 * DAY);
	w.second = make_ca("P-256", "cluster.local", base_clock_now() + 90 * DAY);
	w.token_key = EVP_EC_gen("P-256");
	w.jwks = token_jwks(w.token_key);
	w.cluster = (struct config_cluster){.name = cluster, .issuer = issuer,
	    .audience = audience, .jwks = w.jwks};
	w.environment = (struct config_environment){.name = name,
	    .trust_domain = domain, .dns_names = dns, .dns_name_count = 1,
	    .svid_ttl_s = DAY, .svid_max_ttl_s = 7 * DAY, .leaf_rsa = true, .leaf_p256 = true,
	    .clusters = &w.cluster, .cluster_count = 1};
	w.front.loop = w.loop;
	w.front.config = &w.config;
	w.front.metrics = metrics_new();
	w.front.envs = &w.env;
	w.front.env_count = 1;
	w.front.ledger = link_new(w.loop, MSG_ROLE_LEDGER, "");
	front_env_init(&w.front, &w.env, &w.environment);
	w.front.pool = base_pool_new(w.loop, 2, 8, grpc_service_worker_new,
	    grpc_service_worker_free, NULL);
	w.signer = peer_make(w.env.signer, MSG_ROLE_SIGNER, on_signer_item);
	w.ledger = peer_make(w.front.ledger, MSG_ROLE_LEDGER, on_ledger_item);
	w.poll = front_poll_new(&w.front);
	w.service = grpc_service_new(&w.front);
	w.timer = base_timer_new(w.loop, on_held, NULL);
	snprintf(w.ca_file, sizeof(w.ca_file), "/tmp/meshca-test-XXXXXX");
	fd = mkstemp(w.ca_file);
	file = fdopen(fd, "w");
	PEM_write_X509(file, w.ca->cert);
	fclose(file);
	sealed = sealed_us > 0;
	ck_assert_int_eq(grpc_service_listen(w.service, &w.env, listener_make()), MC_OK);
	for (int64_t end_us = base_clock_boot_us() + sealed_us; base_clock_boot_us() < end_us;) {
		base_loop_turn(w.loop, 50);
		ck_assert(!sealed || !tls_server_is_certified(w.env.tls));
	}
	sealed = false;
	while (w.env.bundle_pem == NULL || !tls_server_is_certified(w.env.tls) ||
	    w.env.signer_state != MC_OK) {
		base_loop_turn(w.loop, 100);
	}
}

static void
world_stop(void)
{
	grpc_service_free(w.service);
	front_poll_free(w.poll);
	base_pool_free(w.front.pool);
	base_timer_free(w.timer);
	front_env_clear(&w.env);
	link_free(w.front.ledger);
	base_chan_free(w.signer);
	base_chan_free(w.ledger);
	metrics_free(w.front.metrics);
	base_loop_free(w.loop);
	make_ca_free(w.ca);
	make_ca_free(w.second);
	EVP_PKEY_free(w.token_key);
	free(w.jwks);
	free(w.last_identity);
	unlink(w.ca_file);
}

/* --- clients --- */

struct client {
	/* asked */
	const char *token;
	const char *uri;   /* NULL: MAKE_URI */
	EVP_PKEY *key;     /* NULL: a new one */
	const char *csr;   /* NULL: a good one */
	const char *cert_file;
	int64_t ttl_s;
	int timeout_s;
	/* answered */
	enum mc_err err;
	struct cli_grpc_answer answer;
	/* */
	pthread_t thread;
	atomic_bool done;
};

static void *
client_run(void *arg)
{
	struct client *c = arg;
	struct tls_client_options options = {.address = w.address, .server_name = "localhost",
	    .ca_file = w.ca_file, .cert_file = c->cert_file, .timeout_ms = 20000};
	struct tls_client *tls = tls_client_connect(&options);
	struct make make = {.key = c->key != NULL ? c->key : EVP_EC_gen("P-256"),
	    .uri = {c->uri != NULL ? c->uri : MAKE_URI}};
	struct cli_grpc_request request = {.authority = "localhost", .cluster = "Kubernetes",
	    .token = base_span_str(c->token), .ttl_s = c->ttl_s,
	    .timeout_s = c->timeout_s != 0 ? c->timeout_s : 10};
	struct base_buf der;
	struct base_buf pem;

	ck_assert_msg(tls != NULL, "%s", mc_err_last()->detail);
	base_buf_init(&der, LIMIT_CSR_DER);
	base_buf_init(&pem, LIMIT_CSR_PEM);
	make_csr(&der, &make);
	base_enc_pem(&pem, "CERTIFICATE REQUEST", base_buf_span(&der));
	request.csr = c->csr != NULL ? base_span_str(c->csr) : base_buf_span(&pem);
	c->err = cli_grpc_create(tls, &request, &c->answer);
	base_buf_clear(&der);
	base_buf_clear(&pem);
	if (c->key == NULL) {
		EVP_PKEY_free(make.key);
	}
	tls_client_free(tls);
	atomic_store(&c->done, true);
	return NULL;
}

static void
clients_run(struct client *clients, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		ck_assert_int_eq(pthread_create(&clients[i].thread, NULL, client_run,
		    &clients[i]), 0);
	}
	for (size_t i = 0; i < count; i++) {
		while (!atomic_load(&clients[i].done)) {
			base_loop_turn(w.loop, 10);
		}
		pthread_join(clients[i].thread, NULL);
	}
}

/* One call; returns its gRPC status. */
static int
call(struct client *c)
{
	clients_run(c, 1);
	ck_assert_int_eq(c->err, MC_OK);
	return c->answer.status;
}

/* --- cases --- */

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

/* The listener asks less and less often while its signer is sealed; once it is open, clients wait no more. */
START_TEST(an_unsealed_signer_certifies_at_once)
{
	int64_t begin_us = base_clock_boot_us();

	sealed_us = 4000000; /* the next attempt would come 3.75 s later */
	world_start();
	ck_assert_int_lt(base_clock_boot_us() - begin_us, sealed_us + 2500000);
	sealed_us = 0;
	world_stop();
}
END_TEST

/* A verdict that was kept for a token of keys that are replaced does not outlive them. */
START_TEST(replaced_keys_leave_no_verdict)
{
	EVP_PKEY *other = EVP_EC_gen("P-256");
	char *before;
	char *token;

	world_start();
	before = w.cluster.jwks;
	token = token_of(TOKEN_SUB, "istio-ca", base_clock_now() + 600);
	struct client good = {.token = token};
	ck_assert_int_eq(call(&good), 0);
	cli_grpc_answer_clear(&good.answer);
	w.cluster.jwks = token_jwks(other);
	ck_assert_int_eq(grpc_service_reload(w.service), MC_OK);
	struct client late = {.token = token};
	ck_assert_int_eq(call(&late), 16);
	cli_grpc_answer_clear(&late.answer);
	free(w.cluster.jwks);
	/* keys that are none: the ones before stay */
	w.cluster.jwks = before;
	ck_assert_int_eq(grpc_service_reload(w.service), MC_OK);
	static char junk[] = "{}";
	w.cluster.jwks = junk;
	ck_assert_int_eq(grpc_service_reload(w.service), MC_ECONFIG);
	struct client again = {.token = token};
	ck_assert_int_eq(call(&again), 0);
	cli_grpc_answer_clear(&again.answer);
	w.cluster.jwks = before;
	free(token);
	EVP_PKEY_free(other);
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
	w.row_revoked = true;
	struct client revoked = {.cert_file = path};
	ck_assert_int_eq(call(&revoked), 16);
	ck_assert_msg(strstr(revoked.answer.message, "revoked") != NULL, "%s",
	    revoked.answer.message);
	cli_grpc_answer_clear(&revoked.answer);
	/* another identity than its own */
	w.row_revoked = false;
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

CHECK_MAIN("api_grpc_service", chain_layout, callers_refused, requests_refused, one_flight,
    an_unsealed_signer_certifies_at_once, replaced_keys_leave_no_verdict, deadline, client_certificate)
