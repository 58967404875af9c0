/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The applied inventory of an environment, and its registrations. A document passes through unread: the ledger
 * checks it, and the administrator's signature over it.
 */
#include <microhttpd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/rest_int.h"
#include "base/enc.h"
#include "base/mem.h"

/* Answers 404 for an environment that there is not. */
static bool
is_known(struct rest_request *req)
{
	if (front_env_find(req->service->front, req->match.params[0]) != NULL &&
	    strcmp(req->match.params[0], CONFIG_OPERATORS) != 0) {
		return true;
	}
	rest_fail(req, MC_ENOTFOUND, "there is no such environment");
	return false;
}

static json_t *
json_of(const struct rest_request *req, const struct msg_inventory_row *row)
{
	return json_pack("{s:s, s:I, s:s, s:I, s:o, s:I, s:o, s:o}", "environment",
	    req->match.params[0], "sequence", (json_int_t)row->seq, "registration",
	    row->registered_only != 0 ? "registered-only" : "open", "registrations",
	    (json_int_t)row->count, "sha256",
	    rest_json_hex(base_span_of(row->sha256, sizeof(row->sha256))), "bytes",
	    (json_int_t)row->total, "applied_at", rest_json_time(row->applied_at),
	    "applied_by", rest_json_span(row->applied_by));
}

/* --- apply --- */

struct put_state {
	uint8_t replaces[32];
	size_t sent;
	struct rest_approval approval;
};

static void
put_free(void *self)
{
	struct put_state *state = self;

	rest_approval_clear(&state->approval);
	free(state);
}

static void
on_put(void *self, enum mc_err status, const struct base_item *item, bool more)
{
	struct rest_request *req = self;
	struct msg_inventory_row row;
	json_t *json;

	(void)more;
	if (!rest_take(req, status, item, &msg_inventory_row_table, &row)) {
		return;
	}
	json = json_of(req, &row);
	(void)json_object_update_new(json, json_pack("{s:b, s:I, s:I, s:I}", "changed",
	    row.changed != 0, "added", (json_int_t)row.added, "removed",
	    (json_int_t)row.removed, "altered", (json_int_t)row.altered));
	rest_reply_json(req, MHD_HTTP_OK, json);
}

static void
put_ask(struct rest_request *req)
{
	const struct put_state *state = req->state;
	struct msg_inventory_put ask = {.environment = base_span_str(req->match.params[0]),
	    .from = base_span_str(req->client->peer.address),
	    .approver_spki = state->approval.spki,
	    .approval_expires_at = state->approval.expires_at,
	    .approval_sig = base_buf_span(&state->approval.signature)};

	base_copy(ask.replaces, state->replaces, sizeof(ask.replaces));
	base_copy(ask.approver_sha256, state->approval.sha256, sizeof(ask.approver_sha256));
	base_copy(ask.request_id, req->id, sizeof(ask.request_id));
	rest_ask(req, req->service->front->ledger, MSG_INVENTORY_PUT, &msg_inventory_put_table,
	    &ask, on_put);
}

static void send_piece(struct rest_request *req);

static void
on_piece(void *self, enum mc_err status, const struct base_item *item, bool more)
{
	struct rest_request *req = self;
	const struct put_state *state = req->state;
	struct msg_status_ans ans;

	(void)more;
	if (!rest_take(req, status, item, &msg_status_ans_table, &ans)) {
		return;
	}
	if (state->sent < req->body.len) {
		send_piece(req);
	} else {
		put_ask(req);
	}
}

static void
send_piece(struct rest_request *req)
{
	struct put_state *state = req->state;
	size_t left = req->body.len - state->sent;
	struct msg_inventory_chunk chunk = {.offset = state->sent,
	    .bytes = base_span_of(req->body.ptr + state->sent,
		left < LIMIT_BULK_CHUNK ? left : LIMIT_BULK_CHUNK)};

	base_copy(chunk.request_id, req->id, sizeof(chunk.request_id));
	state->sent += chunk.bytes.len;
	rest_ask(req, req->service->front->ledger, MSG_INVENTORY_CHUNK,
	    &msg_inventory_chunk_table, &chunk, on_piece);
}

/* Zero for "none". */
static enum mc_err
take_replaces(const char *text, uint8_t out[32])
{
	size_t len = 0;

	if (strcmp(text, "none") != 0 &&
	    (base_enc_unhex(base_span_str(text), out, 32, &len) != MC_OK || len != 32)) {
		return MC_FAIL(MC_EUSAGE,
		    "Approval-Replaces must be the applied document's SHA-256 in hexadecimal, or none");
	}
	return MC_OK;
}

static enum mc_err
take_approval(struct rest_request *req, struct put_state *state)
{
	struct rest_approval *out = &state->approval;
	const char *expires_at = rest_header(req, "Approval-Expires-At");
	const char *signature = rest_header(req, "Approval-Signature");
	const char *replaces = rest_header(req, "Approval-Replaces");
	enum mc_err err;

	if (expires_at == NULL || signature == NULL || replaces == NULL) {
		return MC_FAIL(MC_EAPPROVAL, "the header fields Approval-Expires-At, "
		    "Approval-Signature and Approval-Replaces are not all there");
	}
	err = take_replaces(replaces, state->replaces);
	if (err != MC_OK) {
		return err;
	}
	err = rest_approval_parse(expires_at, base_span_str(signature), out);
	return err == MC_OK ? rest_approval_of_caller(req, out) : err;
}

void
rest_inventory_put(struct rest_request *req)
{
	struct put_state *state;
	enum mc_err err;

	if (!is_known(req)) {
		return;
	}
	if (req->body.len == 0) {
		rest_fail(req, MC_EUSAGE, "the body is empty");
		return;
	}
	if (!rest_upload_take(req)) {
		rest_fail(req, MC_EBUSY, "other inventories are being applied, or another of yours");
		return;
	}
	state = rest_state(req, sizeof(*state), put_free);
	rest_approval_init(&state->approval);
	err = take_approval(req, state);
	if (err != MC_OK) {
		rest_fail(req, err, NULL);
		return;
	}
	send_piece(req);
}

/* --- show --- */

struct get_state {
	uint64_t seq; /* 0: not known yet */
	struct base_buf document;
};

static void
get_free(void *self)
{
	struct get_state *state = self;

	base_buf_clear(&state->document);
	free(state);
}

static bool
wants_document(const struct rest_request *req)
{
	return req->offer == 1;
}

static void get_ask(struct rest_request *req);

static void
get_reply(struct rest_request *req, const struct msg_inventory_row *row)
{
	struct get_state *state = req->state;
	char hex[65], etag[80];

	base_enc_hex(row->sha256, sizeof(row->sha256), hex);
	snprintf(etag, sizeof(etag), "\"%s%s\"", hex, wants_document(req) ? "" : ".json");
	if (rest_etag_matches(rest_header(req, MHD_HTTP_HEADER_IF_NONE_MATCH), etag)) {
		rest_reply_empty(req, MHD_HTTP_NOT_MODIFIED);
	} else if (wants_document(req)) {
		rest_reply_buf(req, MHD_HTTP_OK, REST_INVENTORY, &state->document);
	} else {
		rest_reply_json(req, MHD_HTTP_OK, json_of(req, row));
	}
	if (req->err == MC_OK) {
		rest_reply_header(req, MHD_HTTP_HEADER_ETAG, etag);
	}
}

static void
on_get(void *self, enum mc_err status, const struct base_item *item, bool more)
{
	struct rest_request *req = self;
	struct get_state *state = req->state;
	struct msg_inventory_row row;

	(void)more;
	if (!rest_take(req, status, item, &msg_inventory_row_table, &row)) {
		return;
	}
	if (!wants_document(req)) {
		get_reply(req, &row);
		return;
	}
	if (row.total > LIMIT_APPLIED || row.bytes.len == 0 || row.offset != state->document.len ||
	    row.bytes.len > row.total - row.offset ||
	    (state->seq != 0 && state->seq != row.seq)) {
		rest_fail(req, MC_EINTERNAL, "the ledger's pieces do not fit together");
		return;
	}
	state->seq = row.seq;
	base_buf_append_span(&state->document, row.bytes);
	if (state->document.len < row.total) {
		get_ask(req);
	} else {
		get_reply(req, &row);
	}
}

static void
get_ask(struct rest_request *req)
{
	const struct get_state *state = req->state;
	const struct msg_inventory_get get = {
	    .environment = base_span_str(req->match.params[0]),
	    .seq = state->seq,
	    .with_document = wants_document(req) ? 1 : 0,
	    .offset = state->document.len};

	rest_ask(req, req->service->front->ledger, MSG_INVENTORY_GET, &msg_inventory_get_table,
	    &get, on_get);
}

void
rest_inventory_get(struct rest_request *req)
{
	struct get_state *state;

	if (!is_known(req)) {
		return;
	}
	if (wants_document(req) && !rest_bulk_take(req)) {
		rest_fail(req, MC_EBUSY, "too many large answers are being made at once");
		return;
	}
	state = rest_state(req, sizeof(*state), get_free);
	base_buf_init(&state->document, LIMIT_APPLIED);
	get_ask(req);
}

/* --- registrations --- */

void
rest_registrations_list(struct rest_request *req)
{
	struct msg_registration_list ask = {.environment = base_span_str(req->match.params[0])};
	const struct rest_list list = {.link = req->service->front->ledger,
	    .type = MSG_REGISTRATION_LIST,
	    .table = &msg_registration_list_table,
	    .object = &ask,
	    .row_table = &msg_registration_row_table,
	    .row = rest_json_registration,
	    .member = "registrations"};

	if (is_known(req) && rest_paging(req, &ask.limit, &ask.after)) {
		rest_list_ask(req, &list);
	}
}
