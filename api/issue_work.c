/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The part of CreateCertificate that costs CPU time, on a worker thread. It touches nothing but its
 * own request and the worker's objects. Authentication comes first: nobody unknown gets a
 * parser of ours.
 */
#include <stdio.h>
#include <string.h>

#include "api/proto/ca.pb-c.h"
#include "api/struct_reader.h"
#include "api/svc_int.h"
#include "base/clock.h"
#include "base/crypto.h"
#include "base/enc.h"
#include "base/mem.h"
#include "ca/csr.h"

/* protobuf-c allocates for each field it meets: three of ours fit, tens of thousands of foreign ones do not */
#define ARENA_SIZE (256 * 1024)

struct arena {
	size_t used;
	_Alignas(16) uint8_t bytes[ARENA_SIZE];
};

struct worker {
	struct csr_verifier *verifier;
	struct base_buf der;
	struct arena arena;
};

static void *
arena_alloc(void *arg, size_t size)
{
	struct arena *arena = arg;
	void *ptr = arena->bytes + arena->used;

	if (size > ARENA_SIZE - arena->used) {
		return NULL;
	}
	size = (size + 15) & ~(size_t)15;
	arena->used = size > ARENA_SIZE - arena->used ? ARENA_SIZE : arena->used + size;
	return ptr;
}

static void
arena_release(void *arg, void *ptr)
{
	(void)arg;
	(void)ptr;
}

void *
issue_worker_new(void *arg)
{
	struct worker *worker = base_xcalloc(1, sizeof(*worker));

	(void)arg;
	worker->verifier = csr_verifier_new();
	base_buf_init(&worker->der, LIMIT_CSR_DER);
	return worker;
}

void
issue_worker_free(void *arg)
{
	struct worker *worker = arg;

	csr_verifier_free(worker->verifier);
	base_buf_clear(&worker->der);
	base_freezero(worker, sizeof(*worker));
}

static enum mc_err
verdict_make(struct issue *issue)
{
	struct authn_input in = {.env = issue->env, .authorization = issue->authorization,
	    .cluster = issue->cluster, .now_at = issue->now_at};
	enum mc_err err = (*issue->authn)->check(&in, &issue->verdict);

	issue->verdict_is_new = err == MC_OK;
	return err;
}

/* Istio's agents always send CertSigner; ztunnel asks for others with ImpersonatedIdentity. */
static enum mc_err
metadata_check(const struct issue *issue, struct base_span metadata)
{
	struct struct_member members[] = {{.key = "ImpersonatedIdentity"}, {.key = "CertSigner"}};
	enum mc_err err = struct_reader_find(metadata, members, 2);

	if (err != MC_OK) {
		return err;
	}
	if (members[0].found && !base_span_equal(members[0].value, issue->verdict->identity)) {
		return MC_FAIL(MC_EAUTH,
		    "ImpersonatedIdentity is another than the caller's own: impersonation is not "
		    "available");
	}
	return MC_OK;
}

static enum mc_err
csr_work(struct issue *issue, struct worker *worker, const char *pem)
{
	struct csr_policy policy = {.rsa = issue->policy.rsa, .p256 = issue->policy.p256,
	    .p384 = issue->policy.p384, .profile = MSG_PROFILE_SVID,
	    .identity = issue->verdict->identity};
	struct base_span text = base_span_str(pem);
	struct csr csr;
	enum mc_err err;

	base_buf_reset(&worker->der);
	if (text.len > LIMIT_CSR_PEM ||
	    base_enc_unpem(&worker->der, "CERTIFICATE REQUEST", text, NULL) != MC_OK) {
		return MC_FAIL(MC_ECSR_PEM, "%zu bytes", text.len);
	}
	err = csr_parse(base_buf_span(&worker->der), &csr);
	if (err == MC_OK) {
		err = csr_check(&csr, &policy);
	}
	if (err == MC_OK) {
		err = csr_verifier_verify(worker->verifier, &csr);
	}
	if (err != MC_OK) {
		return err;
	}
	if (csr.key.len > sizeof(issue->key)) {
		return MC_FAIL(MC_ECSR_KEY_SIZE, "%zu bytes", csr.key.len);
	}
	issue->key_alg = csr.key_alg;
	issue->key_len = csr.key.len;
	base_copy(issue->key, csr.key.ptr, csr.key.len);
	base_crypto_sha256(base_buf_span(&worker->der), issue->csr_sha256);
	return MC_OK;
}

static enum mc_err
message_work(struct issue *issue, struct worker *worker)
{
	ProtobufCAllocator allocator = {.alloc = arena_alloc, .free = arena_release,
	    .allocator_data = &worker->arena};
	Istio__V1__Auth__IstioCertificateRequest *request;
	enum mc_err err;

	worker->arena.used = 0;
	request = istio__v1__auth__istio_certificate_request__unpack(&allocator,
	    issue->message.len, issue->message.ptr);
	if (request == NULL) {
		return MC_FAIL(MC_EUSAGE, "the message is not an IstioCertificateRequest");
	}
	err = metadata_check(issue, base_span_of(request->metadata.data, request->metadata.len));
	if (err != MC_OK) {
		return err;
	}
	if (request->validity_duration > issue->policy.ttl_max_s) {
		return MC_FAIL(MC_ETTL, "%lld s is above the maximum of %lld s",
		    (long long)request->validity_duration, (long long)issue->policy.ttl_max_s);
	}
	issue->ttl_s = request->validity_duration > 0 ? request->validity_duration : 0;
	return csr_work(issue, worker, request->csr);
}

void
issue_work(struct base_job *job, void *arg)
{
	struct issue *issue = (struct issue *)job;
	int64_t start_us = base_clock_boot_us();
	int64_t middle_us = start_us;
	enum mc_err err = MC_OK;

	if (issue->verdict == NULL) {
		err = verdict_make(issue);
		middle_us = base_clock_boot_us();
	}
	if (err == MC_OK) {
		issue->authenticated = true;
		err = message_work(issue, arg);
	}
	issue->authn_us = middle_us - start_us;
	issue->csr_us = base_clock_boot_us() - middle_us;
	issue->err = err;
	issue->detail[0] = '\0';
	if (err != MC_OK && mc_err_last()->code == err) {
		snprintf(issue->detail, sizeof(issue->detail), "%s", mc_err_last()->detail);
	}
}
