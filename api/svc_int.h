/* SPDX-License-Identifier: Apache-2.0 */
/* What the sources of CreateCertificate share: one request, and its work on a worker thread. */
#ifndef API_SVC_INT_H
#define API_SVC_INT_H

#include "api/admission.h"
#include "api/authn.h"
#include "api/svc.h"
#include "base/msg_issue.h"

struct flight;

/* What policy lets a request ask for, as it was when the request began. */
struct issue_policy {
	int64_t ttl_max_s;
	bool rsa, p256, p384;
};

struct issue {
	struct base_job job;          /* first: the pool's */
	struct admission_entry entry;
	struct issue *pool_next;
	struct issue *flight_next;
	struct svc_create *svc;
	struct grpc_call *call;       /* NULL when cancelled */
	struct authn_env *env;
	const struct authenticator *const *authn; /* in trial */
	struct authn_verdict *verdict;
	uint8_t cache_key[32];
	uint8_t request_id[16];
	int64_t started_us, queued_us;
	enum mc_err first_err;        /* of the first authenticator that refused */
	bool authenticated;           /* the refusal is not about who it is */
	bool admitted;
	/* filled for the worker; the views point into head and body */
	struct issue_policy policy;
	struct base_buf head, body;
	struct base_span authorization, cluster, message;
	int64_t now_at;
	/* filled by the worker */
	enum mc_err err;
	char detail[MC_ERR_DETAIL_MAX];
	bool verdict_is_new;
	int64_t authn_us, csr_us;
	enum msg_key_alg key_alg;
	size_t key_len;
	int64_t ttl_s;
	uint8_t csr_sha256[32];
	uint8_t key[LIMIT_KEY_BYTES];
};

/* A worker's own objects: for base_pool_new(). */
void *issue_worker_new(void *arg);
void issue_worker_free(void *worker);
/* Authenticates if the verdict is missing, reads the message, checks the CSR. base_job.run. */
void issue_work(struct base_job *job, void *worker);

#endif
