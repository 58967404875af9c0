/* SPDX-License-Identifier: Apache-2.0 */
/* CA certificates. */
#include <microhttpd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/rest_int.h"
#include "base/enc.h"
#include "ca/spiffe.h"

void
rest_issuers_list(struct rest_request *req)
{
	const char *environment = rest_query(req, "environment");
	struct msg_issuer_list ask = {.environment = base_span_str(environment)};
	const struct rest_list list = {.link = req->service->front->ledger,
	    .type = MSG_ISSUER_LIST,
	    .table = &msg_issuer_list_table,
	    .object = &ask,
	    .row_table = &msg_issuer_row_table,
	    .row = rest_json_issuer,
	    .member = "issuers",
	    .environment = environment};

	if (environment != NULL && !spiffe_ns_valid(ask.environment)) {
		rest_fail(req, MC_EUSAGE, "environment must be the name of one");
		return;
	}
	rest_list_ask(req, &list);
}

struct issuer_state {
	uint8_t id[32];
	bool found;
};

static void
reply_issuer(struct rest_request *req, const struct msg_issuer_row *row)
{
	struct base_buf out;

	if (req->offer == 0) {
		rest_reply_json(req, MHD_HTTP_OK, rest_json_issuer(row));
		return;
	}
	base_buf_init(&out, 2 * LIMIT_FRAME);
	if (req->offer == 1) {
		base_enc_pem(&out, "CERTIFICATE", row->cert);
		rest_reply_buf(req, MHD_HTTP_OK, REST_PEM, &out);
	} else {
		base_buf_append_span(&out, row->cert);
		rest_reply_buf(req, MHD_HTTP_OK, REST_DER, &out);
	}
}

static void
on_issuer(void *self, enum mc_err status, const struct base_item *item, bool more)
{
	struct rest_request *req = self;
	struct issuer_state *state = req->state;
	struct msg_issuer_row row;
	struct msg_list_end end;

	if (more) {
		if (rest_take(req, status, item, &msg_issuer_row_table, &row) &&
		    memcmp(row.issuer_id, state->id, sizeof(state->id)) == 0) {
			reply_issuer(req, &row);
		}
	} else if (rest_take(req, status, item, &msg_list_end_table, &end)) {
		rest_fail(req, MC_ENOTFOUND, "there is no such issuer");
	}
}

/* An issuer's id is 64 hex digits. Answers the request when it is not. */
static bool
take_id(struct rest_request *req, uint8_t id[32])
{
	size_t len;

	if (base_enc_unhex(base_span_str(req->match.params[0]), id, 32, &len) != MC_OK ||
	    len != 32) {
		rest_fail(req, MC_ENOTFOUND,
		    "an issuer's id is the SHA-256 of its certificate, as 64 hex digits");
		return false;
	}
	return true;
}

void
rest_issuer_get(struct rest_request *req)
{
	const struct msg_issuer_list all = {0};
	struct issuer_state *state = rest_state(req, sizeof(*state), free);

	if (take_id(req, state->id)) {
		rest_ask(req, req->service->front->ledger, MSG_ISSUER_LIST, &msg_issuer_list_table,
		    &all, on_issuer);
	}
}

static void
on_crl(struct rest_request *req, struct rest_crl *crl)
{
	struct base_buf pem;
	char etag[48];

	snprintf(etag, sizeof(etag), "\"%llu.%s\"", (unsigned long long)crl->number,
	    req->offer == 0 ? "der" : "pem");
	if (rest_etag_matches(rest_header(req, MHD_HTTP_HEADER_IF_NONE_MATCH), etag)) {
		rest_reply_empty(req, MHD_HTTP_NOT_MODIFIED);
	} else if (req->offer == 0) {
		rest_reply_buf(req, MHD_HTTP_OK, REST_CRL, &crl->der);
	} else {
		base_buf_init(&pem, 2 * (size_t)LIMIT_CRL);
		base_enc_pem(&pem, "X509 CRL", base_buf_span(&crl->der));
		rest_reply_buf(req, MHD_HTTP_OK, REST_PEM, &pem);
	}
	if (req->err == MC_OK) {
		rest_reply_header(req, MHD_HTTP_HEADER_ETAG, etag);
		rest_reply_header(req, MHD_HTTP_HEADER_CACHE_CONTROL, "public, no-cache");
	}
}

void
rest_issuer_crl(struct rest_request *req)
{
	uint8_t id[32];

	if (take_id(req, id)) {
		rest_crl_fetch(req, id, on_crl);
	}
}
