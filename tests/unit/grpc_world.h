/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CreateCertificate through a real TLS port, with a signer and a ledger made of OpenSSL calls at the other
 * end of the channels. Clients run on threads of their own.
 */
#ifndef TESTS_GRPC_WORLD_H
#define TESTS_GRPC_WORLD_H

#include <pthread.h>
#include <stdatomic.h>

#include <openssl/pem.h>

#include "api/cli_grpc.h"
#include "api/grpc_service.h"
#include "base/enc.h"
#include "base/msg_ctl.h"
#include "base/msg_query.h"
#include "tests/unit/csr_make.h"
#include "tests/unit/tls_world.h"
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
	uint16_t port;
	unsigned svid_count;   /* SVIDs that the signer was asked for */
	bool silent;           /* the signer answers no SVID */
	int64_t hold_us;       /* it answers this late */
	struct base_timer *timer;
	struct {
		uint64_t corr;
		struct base_buf ans;
	} held[8];
	unsigned held_count;
	enum msg_state row_state; /* what the ledger says of it; 0: signed */
	uint8_t last_cert[4096];
	size_t last_cert_len;
	char *last_identity;
	struct msg_issue last; /* the signer's last question about an SVID, without its views */
	char last_requester[128], last_evidence[256], last_cluster[32];
} w;

/* The signer is: set before world_start(), which unseals it after so long. */
static int64_t sealed_us;
static bool sealed;

/* --- the signer --- */

static inline X509 *
leaf_make(const struct msg_issue *ask)
{
	EVP_PKEY *key = tls_world_point(ask->key);
	char san[600];
	X509 *cert;

	if (ask->profile == MSG_PROFILE_SERVER) {
		snprintf(san, sizeof(san), "critical,DNS:%s", (const char *)ask->dns_names.ptr);
	} else {
		free(w.last_identity);
		w.last_identity = base_xasprintf(
		    "spiffe://cluster.local/ns/%.*s/sa/%.*s", (int)ask->ns.len,
		    (const char *)ask->ns.ptr, (int)ask->sa.len, (const char *)ask->sa.ptr);
		snprintf(san, sizeof(san), "critical,URI:%s", w.last_identity);
	}
	cert = tls_world_leaf(w.ca, key, san, "serverAuth,clientAuth", DAY);
	EVP_PKEY_free(key);
	return cert;
}

static inline void
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

static inline void
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

static inline enum mc_err
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
			w.last = ask;
			base_span_copy_str(ask.requester, w.last_requester,
			    sizeof(w.last_requester));
			base_span_copy_str(ask.evidence, w.last_evidence,
			    sizeof(w.last_evidence));
			base_span_copy_str(ask.cluster, w.last_cluster,
			    sizeof(w.last_cluster));
			if (w.silent) {
				return MC_OK;
			}
		}
		issue_answer(item->corr, &ask);
	}
	return MC_OK;
}

/* --- the ledger --- */

static inline enum mc_err
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
		row.state = (uint8_t)(w.row_state != 0 ? w.row_state : MSG_STATE_SIGNED);
		row.identity = base_span_str(w.last_identity);
		row.cert = base_span_of(w.last_cert, w.last_cert_len);
		ret = msg_send(chan, MSG_ANSWER(MSG_CERT_GET), 0, item->corr,
		    &msg_cert_row_table, &row);
	}
	base_buf_clear(&anchors);
	return ret;
}

/* --- tokens --- */

static inline char *
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

static inline void
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
	w.signer = tls_world_peer(w.loop, w.env.signer, MSG_ROLE_SIGNER, name, on_signer_item,
	    NULL);
	w.ledger = tls_world_peer(w.loop, w.front.ledger, MSG_ROLE_LEDGER, NULL, on_ledger_item,
	    NULL);
	w.poll = front_poll_new(&w.front);
	w.service = grpc_service_new(&w.front);
	w.timer = base_timer_new(w.loop, on_held, NULL);
	snprintf(w.ca_file, sizeof(w.ca_file), "/tmp/meshca-test-XXXXXX");
	fd = mkstemp(w.ca_file);
	file = fdopen(fd, "w");
	PEM_write_X509(file, w.ca->cert);
	fclose(file);
	sealed = sealed_us > 0;
	ck_assert_int_eq(grpc_service_listen(w.service, &w.env, tls_world_listen(&w.port)), MC_OK);
	snprintf(w.address, sizeof(w.address), "127.0.0.1:%u", w.port);
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

static inline void
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

static inline void *
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

static inline void
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
static inline int
call(struct client *c)
{
	clients_run(c, 1);
	ck_assert_int_eq(c->err, MC_OK);
	return c->answer.status;
}

#endif
