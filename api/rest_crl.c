/* SPDX-License-Identifier: Apache-2.0 */
/* CRLs: gathered chunk by chunk, and an environment's all in one file. */
#include <microhttpd.h>
#include <stdio.h>
#include <stdlib.h>

#include "api/rest_int.h"
#include "base/clock.h"
#include "base/crypto.h"
#include "base/enc.h"
#include "base/mem.h"

#define RESTARTS_MAX 3 /* a CRL that was replaced while it was read */

struct rest_crl_job {
	uint8_t issuer_id[32];
	rest_crl_fn fn;
	struct rest_crl crl;
	unsigned restarts;
};

static void ask_chunk(struct rest_request *req);

void
rest_crl_free(struct rest_request *req)
{
	if (req->crl != NULL) {
		base_buf_clear(&req->crl->crl.der);
		free(req->crl);
		req->crl = NULL;
	}
}

static void
on_chunk(void *self, enum mc_err status, const struct base_item *item, bool more)
{
	struct rest_request *req = self;
	struct rest_crl_job *job = req->crl;
	struct msg_crl_ans ans;

	(void)more;
	if (job->crl.number != 0 && item != NULL &&
	    msg_decode(&msg_crl_ans_table, item->payload, &ans) == MC_OK &&
	    ans.status == MC_ENOTFOUND && job->restarts++ < RESTARTS_MAX) {
		job->crl.number = 0; /* that number is no longer kept: take the new one */
		base_buf_reset(&job->crl.der);
		ask_chunk(req);
		return;
	}
	if (!rest_take(req, status, item, &msg_crl_ans_table, &ans)) {
		return;
	}
	if (ans.total > LIMIT_CRL || ans.number == 0 || ans.bytes.len == 0 ||
	    ans.offset != job->crl.der.len || ans.bytes.len > ans.total - ans.offset ||
	    (job->crl.number != 0 && job->crl.number != ans.number)) {
		rest_fail(req, MC_EINTERNAL, "the ledger's CRL chunks do not fit together");
		return;
	}
	job->crl.number = ans.number;
	job->crl.next_update_at = ans.next_update_at;
	base_buf_append_span(&job->crl.der, ans.bytes);
	if (job->crl.der.len < ans.total) {
		ask_chunk(req);
	} else {
		job->fn(req, &job->crl);
	}
}

static void
ask_chunk(struct rest_request *req)
{
	struct msg_crl_get get = {.number = req->crl->crl.number, .offset = req->crl->crl.der.len};

	base_copy(get.issuer_id, req->crl->issuer_id, sizeof(get.issuer_id));
	rest_ask(req, req->service->front->ledger, MSG_CRL_GET, &msg_crl_get_table, &get, on_chunk);
}

void
rest_crl_fetch(struct rest_request *req, const uint8_t issuer_id[32], rest_crl_fn fn)
{
	if (req->crl == NULL) {
		if (!rest_bulk_take(req)) {
			rest_fail(req, MC_EBUSY, "too many large answers are being made at once");
			return;
		}
		req->crl = base_xcalloc(1, sizeof(*req->crl));
		base_buf_init(&req->crl->crl.der, LIMIT_CRL);
	}
	req->crl->fn = fn;
	req->crl->restarts = 0;
	req->crl->crl.number = 0;
	base_buf_reset(&req->crl->crl.der);
	base_copy(req->crl->issuer_id, issuer_id, 32);
	ask_chunk(req);
}

/* --- an environment's ca-crl.pem --- */

#define ISSUERS_MAX 128

struct all_state {
	uint8_t ids[ISSUERS_MAX][32];
	size_t count, done;
	bool failed;
	struct base_buf pem;
};

static void
all_free(void *self)
{
	struct all_state *state = self;

	base_buf_clear(&state->pem);
	free(state);
}

static void
all_finish(struct rest_request *req, struct all_state *state)
{
	uint8_t hash[32];
	char hex[65], etag[80];

	base_crypto_sha256(base_buf_span(&state->pem), hash);
	base_enc_hex(hash, sizeof(hash), hex);
	snprintf(etag, sizeof(etag), "\"%s\"", hex);
	if (rest_etag_matches(rest_header(req, MHD_HTTP_HEADER_IF_NONE_MATCH), etag)) {
		rest_reply_empty(req, MHD_HTTP_NOT_MODIFIED);
	} else {
		rest_reply_buf(req, MHD_HTTP_OK, REST_PEM, &state->pem);
	}
	if (req->err == MC_OK) {
		rest_reply_header(req, MHD_HTTP_HEADER_ETAG, etag);
		rest_reply_header(req, MHD_HTTP_HEADER_CACHE_CONTROL, "public, no-cache");
	}
}

static void
all_next(struct rest_request *req, struct rest_crl *crl)
{
	struct all_state *state = req->state;

	if (crl != NULL) {
		base_enc_pem(&state->pem, "X509 CRL", base_buf_span(&crl->der));
		state->done++;
	}
	if (state->done < state->count) {
		rest_crl_fetch(req, state->ids[state->done], all_next);
	} else {
		all_finish(req, state);
	}
}

static void
on_issuers(void *self, enum mc_err status, const struct base_item *item, bool more)
{
	struct rest_request *req = self;
	struct all_state *state = req->state;
	struct msg_issuer_row row;
	struct msg_list_end end;

	if (!more) {
		if (rest_take(req, status, item, &msg_list_end_table, &end)) {
			if (state->count == 0) {
				rest_fail(req, MC_ENOTFOUND, "this environment has no CRL yet");
			} else {
				all_next(req, NULL);
			}
		}
		return;
	}
	if (!rest_take(req, status, item, &msg_issuer_row_table, &row)) {
		return;
	}
	/* The lineage certificate has its twin's key and name, so the twin's CRL is its own; the root's is
	 * not for the mesh. */
	if ((row.profile != MSG_PROFILE_ENVIRONMENT && row.profile != MSG_PROFILE_ISSUING) ||
	    row.not_after_at <= base_clock_now() || row.crl_number == 0) {
		return;
	}
	if (state->count == ISSUERS_MAX) {
		rest_fail(req, MC_EINTERNAL, "an environment with more unexpired issuers than 128");
		return;
	}
	base_copy(state->ids[state->count++], row.issuer_id, 32);
}

void
rest_environment_crl(struct rest_request *req)
{
	const struct msg_issuer_list list = {.environment = base_span_str(req->match.params[0])};
	struct all_state *state;

	if (front_env_find(req->service->front, req->match.params[0]) == NULL) {
		rest_fail(req, MC_ENOTFOUND, "there is no such environment");
		return;
	}
	state = rest_state(req, sizeof(*state), all_free);
	base_buf_init(&state->pem, 2 * (size_t)LIMIT_CRL);
	rest_ask(req, req->service->front->ledger, MSG_ISSUER_LIST, &msg_issuer_list_table, &list,
	    on_issuers);
}
