/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CreateCertificate, on the loop: who it is (as far as that is known at once) -> admission -> a worker
 * (issue_work.c) -> one flight per request that is the same -> signer -> answer.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/metrics.h"
#include "api/proto/ca.pb-c.h"
#include "api/svc_int.h"
#include "base/clock.h"
#include "base/crypto.h"
#include "base/enc.h"
#include "base/log.h"
#include "base/mem.h"

#define WINDOW 512          /* under way in one environment: 50 ms of full load */
#define SIGN_TIMEOUT_MS LIMIT_ADMISSION_WAIT_MS
#define POOL_MAX WINDOW
#define LOG_PER_S 20        /* refusals named in the log; the rest is counted */
#define PEM_MAX (24 * 1024) /* LIMIT_CERT in PEM */

/* Requests for the same certificate; the first asked the signer. */
struct flight {
	struct hash32_node node; /* by idempotency key */
	struct svc_create *svc;
	struct issue *issues;
	int64_t sent_us;
};

struct svc_create {
	struct front *front;
	struct front_env *env;
	struct authn_env *authn;
	struct authn_cache *cache;
	struct admission *admission;
	struct hash32 flights;
	struct issue *pool;
	unsigned pool_count;
	unsigned issue_count;
	uint8_t issuer_id[32];   /* whose PEM is kept */
	struct base_buf issuer_pem;
	struct base_buf leaf_pem;
	int64_t log_second;
	unsigned log_count;
};

static void authn_next(struct issue *issue);
static void on_run(struct admission_entry *entry);
static void on_refuse(struct admission_entry *entry);

/* A view as a string, cut to what fits. */
static void
text_copy(char *out, size_t max, struct base_span text)
{
	size_t len = text.len < max ? text.len : max - 1;

	base_copy(out, text.ptr, len);
	out[len] = '\0';
}

static struct issue *
issue_new(struct svc_create *svc)
{
	struct issue *issue = svc->pool;

	svc->issue_count++;
	if (issue != NULL) {
		svc->pool = issue->pool_next;
		svc->pool_count--;
		return issue;
	}
	issue = base_xcalloc(1, sizeof(*issue));
	base_buf_init(&issue->head, LIMIT_HEADER_LIST);
	base_buf_init(&issue->body, LIMIT_GRPC_MESSAGE + 5);
	return issue;
}

static void
issue_release(struct issue *issue)
{
	base_buf_clear(&issue->head);
	base_buf_clear(&issue->body);
	free(issue);
}

/* The request is over, answered or not. */
static void
issue_end(struct issue *issue)
{
	struct svc_create *svc = issue->svc;
	struct base_buf head = issue->head;
	struct base_buf body = issue->body;
	bool admitted = issue->admitted;

	authn_env_unref(issue->env);
	authn_verdict_unref(issue->verdict);
	svc->issue_count--;
	if (svc->pool_count >= POOL_MAX) {
		issue_release(issue);
	} else {
		base_buf_reset(&head);
		base_buf_reset(&body);
		memset(issue, 0, offsetof(struct issue, key));
		issue->head = head;
		issue->body = body;
		issue->pool_next = svc->pool;
		svc->pool = issue;
		svc->pool_count++;
	}
	if (admitted) {
		admission_leave(svc->admission);
	}
}

static void
refusal_log(struct svc_create *svc, const struct issue *issue, enum mc_err err,
    const char *detail)
{
	int64_t second = base_clock_boot_us() / 1000000;
	char identity[256] = "";

	if (svc->log_second != second) {
		svc->log_second = second;
		svc->log_count = 0;
	}
	if (svc->log_count++ >= LOG_PER_S) {
		return;
	}
	if (issue->verdict != NULL) {
		text_copy(identity, sizeof(identity), issue->verdict->identity);
	}
	base_log(mc_err_class(err) >= MC_CLASS_CRYPTO ? LOG_LVL_ERROR : LOG_LVL_INFO,
	    "certificate-refused", LOG_RID(issue->request_id),
	    LOG_STR("environment", svc->env->config->name), LOG_STR("identity", identity),
	    LOG_STR("error", mc_err_word(err)), LOG_STR("detail", detail), LOG_END);
}

/* Answers with a refusal and ends. */
static void
issue_fail(struct issue *issue, enum mc_err err, const char *detail)
{
	struct svc_create *svc = issue->svc;

	refusal_log(svc, issue, err, detail);
	if (issue->authenticated) {
		metrics_sign_error(svc->front->metrics, err);
	} else if (mc_err_class(err) == MC_CLASS_AUTH) {
		metrics_add(svc->front->metrics, METRICS_AUTH_FAILURE, 1);
	}
	metrics_refused(svc->front->metrics, err);
	if (issue->call != NULL) {
		grpc_fail(issue->call, err, detail);
		issue->call = NULL;
	}
	issue_end(issue);
}

static const char *
detail_now(enum mc_err err)
{
	return mc_err_last()->code == err ? mc_err_last()->detail : "";
}

/* --- answer --- */

static void
issuer_pem_keep(struct svc_create *svc, const struct msg_issue_ans *ans)
{
	if (svc->issuer_pem.len > 0 &&
	    memcmp(svc->issuer_id, ans->issuer_id, sizeof(svc->issuer_id)) == 0) {
		return;
	}
	base_buf_reset(&svc->issuer_pem);
	base_enc_pem(&svc->issuer_pem, "CERTIFICATE", ans->issuer);
	base_buf_append_u8(&svc->issuer_pem, 0);
	base_copy(svc->issuer_id, ans->issuer_id, sizeof(svc->issuer_id));
}

/* One PEM for each element, the trust bundle last and whole: ztunnel reads the first PEM of the middle ones
 * only, and agents compare the last element byte by byte. */
static void
issue_answer(struct issue *issue, bool duplicate)
{
	struct svc_create *svc = issue->svc;
	struct metrics *metrics = svc->front->metrics;
	Istio__V1__Auth__IstioCertificateResponse answer =
	    ISTIO__V1__AUTH__ISTIO_CERTIFICATE_RESPONSE__INIT;
	char *chain[] = {(char *)svc->leaf_pem.ptr, (char *)svc->issuer_pem.ptr,
	    svc->env->bundle_pem};
	struct base_buf *out;

	if (issue->call != NULL) {
		answer.n_cert_chain = sizeof(chain) / sizeof(chain[0]);
		answer.cert_chain = chain;
		out = grpc_answer_begin(issue->call);
		istio__v1__auth__istio_certificate_response__pack(&answer, base_buf_reserve(out,
		    istio__v1__auth__istio_certificate_response__get_packed_size(&answer)));
		grpc_answer_end(issue->call);
		issue->call = NULL;
	}
	metrics_add(metrics, METRICS_SUCCESS, 1);
	if (duplicate) {
		metrics_add(metrics, METRICS_DUPLICATE, 1);
	}
	metrics_observe_us(metrics, METRICS_TOTAL, base_clock_boot_us() - issue->started_us);
	issue_end(issue);
}

static void
flight_land(struct flight *flight, enum mc_err status, const struct msg_issue_ans *ans,
    const char *detail)
{
	struct svc_create *svc = flight->svc;
	struct issue *issue = flight->issues;
	bool duplicate = status == MC_OK && ans->duplicate != 0;

	hash32_remove(&svc->flights, &flight->node);
	metrics_observe_us(svc->front->metrics, METRICS_SIGN,
	    base_clock_boot_us() - flight->sent_us);
	free(flight);
	if (status == MC_OK && svc->env->bundle_pem == NULL) {
		status = MC_ENOTREADY;
		detail = "the trust bundle is not known yet";
	}
	if (status == MC_OK) {
		issuer_pem_keep(svc, ans);
		base_buf_reset(&svc->leaf_pem);
		base_enc_pem(&svc->leaf_pem, "CERTIFICATE", ans->cert);
		base_buf_append_u8(&svc->leaf_pem, 0);
	}
	while (issue != NULL) {
		struct issue *next = issue->flight_next;

		if (status == MC_OK) {
			issue_answer(issue, duplicate);
		} else {
			issue_fail(issue, status, detail);
		}
		duplicate = true;
		issue = next;
	}
}

static void
on_signed(void *self, enum mc_err status, const struct base_item *item, bool more)
{
	struct flight *flight = self;
	struct msg_issue_ans ans = {0};
	char detail[LIMIT_DETAIL + 1] = "";

	(void)more;
	if (item != NULL && msg_decode(&msg_issue_ans_table, item->payload, &ans) != MC_OK) {
		status = MC_EINTERNAL;
	}
	if (status != MC_OK && item != NULL) {
		text_copy(detail, sizeof(detail), ans.detail);
	}
	if (item == NULL) {
		/* the signer is restarting or slow: for the caller the same thing */
		status = MC_ENOTREADY;
		snprintf(detail, sizeof(detail), "the signer did not answer");
	}
	flight_land(flight, status, &ans, detail);
}

/* --- signing --- */

static void
dedup_key(const struct issue *issue, uint8_t out[32])
{
	uint8_t ttl[8];
	static const uint8_t profile = MSG_PROFILE_SVID;
	struct base_span name = base_span_str(issue->env->name);
	struct base_span pieces[] = {{name.ptr, name.len + 1}, issue->verdict->identity,
	    {&profile, 1}, {ttl, sizeof(ttl)}, {issue->csr_sha256, sizeof(issue->csr_sha256)}};

	for (unsigned i = 0; i < sizeof(ttl); i++) {
		ttl[i] = (uint8_t)((uint64_t)issue->ttl_s >> (8 * i));
	}
	base_crypto_sha256v(pieces, sizeof(pieces) / sizeof(pieces[0]), out);
}

static void
sign(struct issue *issue)
{
	struct svc_create *svc = issue->svc;
	const struct authn_verdict *verdict = issue->verdict;
	struct msg_issue ask = {.profile = MSG_PROFILE_SVID, .has_dedup = 1};
	struct flight *flight;
	enum mc_err err;

	dedup_key(issue, ask.dedup_key);
	flight = (struct flight *)hash32_find(&svc->flights, ask.dedup_key);
	if (flight != NULL) {
		issue->flight_next = flight->issues;
		flight->issues = issue;
		return;
	}
	base_copy(ask.request_id, issue->request_id, sizeof(ask.request_id));
	base_copy(ask.dedup_body, issue->csr_sha256, sizeof(ask.dedup_body));
	ask.key_alg = (uint8_t)issue->key_alg;
	ask.key = base_span_of(issue->key, issue->key_len);
	ask.ttl_s = issue->ttl_s;
	ask.ns = verdict->ns;
	ask.sa = verdict->sa;
	ask.cluster = verdict->cluster;
	ask.requester = verdict->requester;
	ask.evidence = verdict->evidence;
	flight = base_xcalloc(1, sizeof(*flight));
	flight->svc = svc;
	flight->issues = issue;
	flight->sent_us = base_clock_boot_us();
	base_copy(flight->node.key, ask.dedup_key, sizeof(flight->node.key));
	err = link_call(svc->env->signer, MSG_ISSUE, &msg_issue_table, &ask, SIGN_TIMEOUT_MS,
	    on_signed, flight);
	if (err != MC_OK) {
		free(flight);
		issue_fail(issue, err, detail_now(err));
		return;
	}
	hash32_add(&svc->flights, &flight->node);
}

/* --- the worker's result --- */

static void
csr_metrics(struct metrics *metrics, const struct issue *issue)
{
	if (issue->err == MC_ECSR_PEM || issue->err == MC_ECSR_DER ||
	    issue->err == MC_ECSR_SIGNATURE) {
		metrics_add(metrics, METRICS_CSR_PARSE_ERROR, 1);
	} else if (issue->err == MC_ECSR_SAN) {
		metrics_add(metrics, METRICS_ID_EXTRACT_ERROR, 1);
	}
	metrics_observe_us(metrics, METRICS_CSR_CHECK, issue->csr_us);
}

static void
on_worked(struct base_job *job)
{
	struct issue *issue = (struct issue *)job;
	struct svc_create *svc = issue->svc;

	if (issue->verdict_is_new) {
		metrics_observe_us(svc->front->metrics, METRICS_AUTHENTICATE, issue->authn_us);
		/* keys that were replaced meanwhile must leave no trace */
		if (issue->env == svc->authn) {
			authn_cache_put(svc->cache, issue->cache_key, issue->verdict,
			    issue->now_at);
		}
	}
	if (issue->call == NULL) {
		issue_end(issue);
	} else if (issue->verdict == NULL) {
		issue->first_err = issue->err;
		issue->authn++;
		authn_next(issue);
	} else {
		csr_metrics(svc->front->metrics, issue);
		if (issue->err == MC_OK) {
			sign(issue);
		} else {
			issue_fail(issue, issue->err, issue->detail);
		}
	}
}

/* --- admission --- */

/* Its turn has come: the bytes leave the connection, so that they outlive it. */
static void
on_run(struct admission_entry *entry)
{
	struct issue *issue = entry->self;
	struct svc_create *svc = issue->svc;
	const struct config_environment *config = svc->env->config;
	struct h2_stream *stream = issue->call->stream;

	issue->admitted = true;
	metrics_observe_us(svc->front->metrics, METRICS_QUEUE,
	    base_loop_now_us(svc->front->loop) - issue->queued_us);
	issue->authorization = h2_stream_header(stream, H2_AUTHORIZATION, NULL);
	issue->cluster = h2_stream_header(stream, H2_CLUSTERID, NULL);
	issue->message = issue->call->message;
	h2_stream_take(stream, &issue->head, &issue->body);
	issue->call->message = base_span_of(NULL, 0);
	issue->now_at = base_clock_now();
	issue->policy.ttl_max_s = config->svid_max_ttl_s;
	issue->policy.rsa = config->leaf_rsa;
	issue->policy.p256 = config->leaf_p256;
	issue->policy.p384 = config->leaf_p384;
	issue->job.run = issue_work;
	issue->job.done = on_worked;
	issue->job.brief = true;
	base_pool_submit(svc->front->pool, &issue->job);
}

static void
on_refuse(struct admission_entry *entry)
{
	issue_fail(entry->self, MC_EBUSY, "no turn within 5 s");
}

/* Who it is, as far as fairness needs it: the identity, or else the connection's address. */
static void
caller_key(const struct issue *issue, uint8_t out[32])
{
	if (issue->verdict != NULL) {
		base_crypto_sha256(issue->verdict->identity, out);
	} else {
		base_crypto_sha256(base_span_str(h2_stream_peer(issue->call->stream)->address),
		    out);
	}
}

static void
enter(struct issue *issue)
{
	uint8_t caller[32];
	enum mc_err err;

	if (issue->admitted) {
		/* the second authenticator's turn: it has its place and its bytes */
		issue->job.run = issue_work;
		base_pool_submit(issue->svc->front->pool, &issue->job);
		return;
	}
	caller_key(issue, caller);
	issue->queued_us = base_loop_now_us(issue->svc->front->loop);
	issue->entry.self = issue;
	issue->entry.run = on_run;
	issue->entry.refuse = on_refuse;
	err = admission_enter(issue->svc->admission, &issue->entry, caller);
	if (err != MC_OK) {
		issue_fail(issue, err, detail_now(err));
	}
}

/* --- authentication --- */

static void
on_confirmed(void *self, enum mc_err status)
{
	struct issue *issue = self;

	if (issue->call == NULL) {
		issue_end(issue);
	} else if (status == MC_OK) {
		enter(issue);
	} else {
		authn_verdict_unref(issue->verdict);
		issue->verdict = NULL;
		issue_fail(issue, status, detail_now(status));
	}
}

/* An authenticator that needs no worker. Returns MC_OK when the request goes on. */
static enum mc_err
authn_here(struct issue *issue, const struct authn_input *in)
{
	const struct authenticator *authn = *issue->authn;
	enum mc_err err = authn->check(in, &issue->verdict);

	if (err != MC_OK) {
		return err;
	}
	if (authn->confirm == NULL) {
		enter(issue);
		return MC_OK;
	}
	err = authn->confirm(issue->svc->front, issue->env, issue->verdict, on_confirmed, issue);
	if (err != MC_OK) {
		authn_verdict_unref(issue->verdict);
		issue->verdict = NULL;
	}
	return err;
}

/* A kept verdict, or the way to a worker. */
static void
authn_there(struct issue *issue, const struct authn_input *in)
{
	struct svc_create *svc = issue->svc;

	authn_cache_key(in, issue->cache_key);
	issue->verdict = authn_cache_get(svc->cache, issue->cache_key, in->now_at);
	metrics_add(svc->front->metrics,
	    issue->verdict != NULL ? METRICS_TOKEN_CACHE_HIT : METRICS_TOKEN_CACHE_MISS, 1);
	enter(issue);
}

/* Tries the next credential that the request carries. */
static void
authn_next(struct issue *issue)
{
	struct h2_stream *stream = issue->call->stream;
	struct authn_input in = {.env = issue->env, .peer = h2_stream_peer(stream),
	    .now_at = base_clock_now()};
	enum mc_err err = issue->first_err;

	in.authorization = issue->admitted ? issue->authorization :
	    h2_stream_header(stream, H2_AUTHORIZATION, NULL);
	in.cluster = issue->admitted ? issue->cluster :
	    h2_stream_header(stream, H2_CLUSTERID, NULL);
	for (; *issue->authn != NULL; issue->authn++) {
		if (!(*issue->authn)->is_present(&in)) {
			continue;
		}
		if ((*issue->authn)->on_worker) {
			authn_there(issue, &in);
			return;
		}
		err = authn_here(issue, &in);
		if (err == MC_OK) {
			return;
		}
		if (issue->first_err == MC_OK) {
			issue->first_err = err;
			snprintf(issue->detail, sizeof(issue->detail), "%s", detail_now(err));
		}
	}
	if (issue->first_err == MC_OK) {
		issue_fail(issue, MC_EAUTH, "neither a bearer token nor a client certificate");
	} else {
		issue_fail(issue, issue->first_err, issue->detail);
	}
}

void
svc_create_start(struct svc_create *svc, struct grpc_call *call)
{
	struct issue *issue = issue_new(svc);
	bool twice_token;
	bool twice_cluster;

	issue->svc = svc;
	issue->call = call;
	call->user = issue;
	issue->env = authn_env_ref(svc->authn);
	issue->authn = authn_table;
	issue->started_us = base_clock_boot_us();
	base_copy(issue->request_id, call->request_id, sizeof(issue->request_id));
	metrics_add(svc->front->metrics, METRICS_CSR, 1);
	h2_stream_header(call->stream, H2_AUTHORIZATION, &twice_token);
	h2_stream_header(call->stream, H2_CLUSTERID, &twice_cluster);
	if (twice_token || twice_cluster) {
		issue_fail(issue, MC_EAUTH, "authorization or clusterid came twice");
		return;
	}
	authn_next(issue);
}

void
svc_create_cancel(struct svc_create *svc, struct grpc_call *call)
{
	struct issue *issue = call->user;

	issue->call = NULL;
	if (issue->entry.caller != NULL) {
		admission_cancel(svc->admission, &issue->entry);
		issue_end(issue);
	}
	/* on a worker, at the ledger or in a flight: it ends when that comes back */
}

/* --- life --- */

struct svc_create *
svc_create_new(struct front *front, struct front_env *env)
{
	struct svc_create *svc;
	struct authn_env *authn = authn_env_new(env->config);

	if (authn == NULL) {
		return NULL;
	}
	svc = base_xcalloc(1, sizeof(*svc));
	svc->front = front;
	svc->env = env;
	svc->authn = authn;
	svc->cache = authn_cache_new();
	svc->admission = admission_new(front->loop, WINDOW, LIMIT_ADMISSION_QUEUE);
	hash32_init(&svc->flights);
	base_buf_init(&svc->issuer_pem, PEM_MAX);
	base_buf_init(&svc->leaf_pem, PEM_MAX);
	return svc;
}

void
svc_create_free(struct svc_create *svc)
{
	if (svc == NULL) {
		return;
	}
	while (svc->pool != NULL) {
		struct issue *issue = svc->pool;

		svc->pool = issue->pool_next;
		issue_release(issue);
	}
	authn_env_unref(svc->authn);
	authn_cache_free(svc->cache);
	admission_free(svc->admission);
	hash32_clear(&svc->flights);
	base_buf_clear(&svc->issuer_pem);
	base_buf_clear(&svc->leaf_pem);
	free(svc);
}

enum mc_err
svc_create_reload(struct svc_create *svc)
{
	struct authn_env *authn = authn_env_new(svc->env->config);

	if (authn == NULL) {
		return MC_ECONFIG;
	}
	authn_env_unref(svc->authn);
	svc->authn = authn;
	authn_cache_flush(svc->cache);
	return MC_OK;
}

unsigned
svc_create_waiting(const struct svc_create *svc)
{
	return admission_waiting(svc->admission);
}

unsigned
svc_create_under_way(const struct svc_create *svc)
{
	return svc->issue_count - admission_waiting(svc->admission);
}

size_t
svc_create_verdicts(const struct svc_create *svc)
{
	return authn_cache_count(svc->cache);
}
