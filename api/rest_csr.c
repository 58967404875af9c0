/* SPDX-License-Identifier: Apache-2.0 */
#include "ca/csr.h"

#include <stdlib.h>
#include <string.h>

#include "api/metrics.h"
#include "api/rest_int.h"
#include "base/clock.h"
#include "base/enc.h"
#include "base/mem.h"

struct rest_csr {
	struct base_job job; /* first: the pool hands it back */
	bool running;        /* the pool has it */
	struct rest_request *req; /* NULL: gone while the pool had it */
	rest_csr_fn fn;
	struct base_buf der;
	struct csr csr; /* views into der */
	struct csr_policy policy;
	char *identity;
	char *names[LIMIT_DNS_NAMES];
	struct base_span dns[LIMIT_DNS_NAMES];
	int64_t started_us;
	enum mc_err result;
	char detail[MC_ERR_DETAIL_MAX];
};

void
rest_csr_free(struct rest_csr *csr)
{
	if (csr == NULL) {
		return;
	}
	if (csr->running) { /* done() will */
		csr->req = NULL;
		return;
	}
	for (size_t i = 0; i < LIMIT_DNS_NAMES; i++) {
		free(csr->names[i]);
	}
	free(csr->identity);
	base_buf_clear(&csr->der);
	free(csr);
}

/* On a worker. People ask rarely: a verifier of its own for each CSR is cheap enough. */
static void
run(struct base_job *job, void *worker)
{
	struct rest_csr *csr = (struct rest_csr *)job;
	struct csr_verifier *verifier = csr_verifier_new();
	const struct mc_err_record *record;

	(void)worker;
	csr->result = csr_parse(base_buf_span(&csr->der), &csr->csr);
	if (csr->result == MC_OK) {
		csr->result = csr_check(&csr->csr, &csr->policy);
	}
	if (csr->result == MC_OK) {
		csr->result = csr_verifier_verify(verifier, &csr->csr);
	}
	csr_verifier_free(verifier);
	record = mc_err_last();
	if (csr->result != MC_OK && record->code == csr->result) {
		base_copy(csr->detail, record->detail, sizeof(csr->detail));
	}
}

static void
done(struct base_job *job)
{
	struct rest_csr *csr = (struct rest_csr *)job;
	struct rest_request *req = csr->req;

	csr->running = false;
	if (req == NULL) {
		rest_csr_free(csr);
		return;
	}
	metrics_observe_us(req->service->front->metrics, METRICS_CSR_CHECK,
	    base_clock_boot_us() - csr->started_us);
	if (csr->result != MC_OK) {
		rest_fail(req, csr->result, csr->detail);
		return;
	}
	csr->fn(req, csr->csr.key_alg, csr->csr.key);
}

void
rest_csr_check(struct rest_request *req, const struct rest_csr_want *want)
{
	struct rest_csr *csr = base_xcalloc(1, sizeof(*csr));
	enum mc_err err;

	req->csr = csr;
	csr->req = req;
	csr->fn = want->fn;
	csr->started_us = base_clock_boot_us();
	base_buf_init(&csr->der, LIMIT_CSR_DER);
	err = base_enc_unpem(&csr->der, "CERTIFICATE REQUEST", want->pem, NULL);
	if (err != MC_OK) {
		rest_fail(req, err == MC_ETOOBIG ? MC_ETOOBIG : MC_ECSR_PEM,
		    err == MC_ETOOBIG ? "the CSR is too long" : NULL);
		return;
	}
	csr->identity = base_xstrndup((const char *)want->identity.ptr, want->identity.len);
	for (size_t i = 0; i < want->dns_count && i < LIMIT_DNS_NAMES; i++) {
		csr->names[i] = base_xstrndup((const char *)want->dns[i].ptr, want->dns[i].len);
		csr->dns[i] = base_span_str(csr->names[i]);
	}
	csr->policy = (struct csr_policy){.rsa = want->config->leaf_rsa,
	    .p256 = want->config->leaf_p256,
	    .p384 = want->config->leaf_p384,
	    .profile = want->profile,
	    .identity = base_span_str(csr->identity),
	    .dns = csr->dns,
	    .dns_count = want->dns_count};
	csr->job.run = run;
	csr->job.done = done;
	csr->running = true;
	base_pool_submit(req->service->front->pool, &csr->job);
}
