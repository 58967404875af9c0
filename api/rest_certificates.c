/* SPDX-License-Identifier: Apache-2.0 */
/* Certificates in the ledger: list, get, revoke. */
#include <microhttpd.h>
#include <stdlib.h>
#include <string.h>

#include "api/rest_int.h"
#include "base/clock.h"
#include "base/enc.h"
#include "base/mem.h"
#include "ca/spiffe.h"

static bool
is_ascii(struct base_span text)
{
	for (size_t i = 0; i < text.len; i++) {
		if (text.ptr[i] < 0x20 || text.ptr[i] > 0x7e) {
			return false;
		}
	}
	return text.len > 0;
}

static bool
take_filters(struct rest_request *req, struct msg_cert_list *ask)
{
	const char *environment = rest_query(req, "environment");
	const char *profile = rest_query(req, "profile");
	const char *state = rest_query(req, "state");
	const char *before = rest_query(req, "expires_before");
	const char *wrong = NULL;

	ask->environment = base_span_str(environment);
	ask->identity = base_span_str(rest_query(req, "identity"));
	if (environment != NULL && !spiffe_ns_valid(ask->environment)) {
		wrong = "environment must be the name of one";
	}
	if (rest_query(req, "identity") != NULL && !is_ascii(ask->identity)) {
		wrong = "identity must be a SPIFFE ID or a name, in ASCII";
	}
	if (profile != NULL) {
		ask->profile = (uint8_t)msg_profile_parse(base_span_str(profile));
		wrong = ask->profile == MSG_PROFILE_INVALID
		    ? "profile must be svid, server, client, root, environment, lineage or issuing"
		    : wrong;
	}
	if (state != NULL) {
		ask->state = (uint8_t)msg_state_parse(base_span_str(state));
		wrong = ask->state == MSG_STATE_INVALID
		    ? "state must be intended, signed, unconfirmed, revoked or expired"
		    : wrong;
	}
	if (before != NULL && !base_clock_parse_rfc3339(before, &ask->expires_before_at)) {
		wrong = "expires_before must be a time such as 2026-11-23T20:41:00Z";
	} else if (before != NULL && ask->expires_before_at == 0) {
		ask->expires_before_at = 1; /* 0 would mean any */
	}
	if (wrong != NULL) {
		rest_fail(req, MC_EUSAGE, wrong);
	}
	return wrong == NULL;
}

void
rest_certificates_list(struct rest_request *req)
{
	struct msg_cert_list ask = {0};
	const struct rest_list list = {.link = req->service->front->ledger,
	    .type = MSG_CERT_LIST,
	    .table = &msg_cert_list_table,
	    .object = &ask,
	    .row_table = &msg_cert_row_table,
	    .row = rest_json_cert,
	    .member = "certificates",
	    .environment = rest_query(req, "environment")};

	if (take_filters(req, &ask) && rest_paging(req, &ask.limit, &ask.before_seq)) {
		rest_list_ask(req, &list);
	}
}

/* Hex digits of a serial number. Answers the request when it is none. */
static bool
take_serial(struct rest_request *req, uint8_t serial[LIMIT_SERIAL], struct base_span *out)
{
	size_t len;

	if (base_enc_unhex(base_span_str(req->match.params[0]), serial, LIMIT_SERIAL, &len) !=
		MC_OK ||
	    len == 0) {
		rest_fail(req, MC_EUSAGE, "a serial number is 2 to 40 hex digits, without colons");
		return false;
	}
	*out = base_span_of(serial, len);
	return true;
}

static void
on_certificate(void *self, enum mc_err status, const struct base_item *item, bool more)
{
	struct rest_request *req = self;
	struct msg_cert_row row;
	struct base_buf out;

	(void)more;
	if (!rest_take(req, status, item, &msg_cert_row_table, &row)) {
		return;
	}
	if (req->offer == 0) {
		rest_reply_json(req, MHD_HTTP_OK, rest_json_cert_full(&row));
		return;
	}
	if (row.cert.len == 0) {
		rest_fail(req, MC_ECONFLICT,
		    "the ledger has the intent but no signature: there is no certificate to show; "
		    "ask for application/json");
		return;
	}
	base_buf_init(&out, 2 * LIMIT_FRAME);
	if (req->offer == 1) {
		base_enc_pem(&out, "CERTIFICATE", row.cert);
		rest_reply_buf(req, MHD_HTTP_OK, REST_PEM, &out);
	} else {
		base_buf_append_span(&out, row.cert);
		rest_reply_buf(req, MHD_HTTP_OK, REST_DER, &out);
	}
}

void
rest_certificate_get(struct rest_request *req)
{
	struct msg_cert_get get;
	uint8_t serial[LIMIT_SERIAL];

	if (take_serial(req, serial, &get.serial)) {
		rest_ask(req, req->service->front->ledger, MSG_CERT_GET, &msg_cert_get_table, &get,
		    on_certificate);
	}
}

struct revoke_state {
	uint8_t serial[LIMIT_SERIAL];
	struct base_span view;
	uint8_t reason;
	struct rest_approval approval; /* without a signature: none */
};

static void
revoke_free(void *self)
{
	struct revoke_state *state = self;

	rest_approval_clear(&state->approval);
	free(state);
}

static void
on_revoked(void *self, enum mc_err status, const struct base_item *item, bool more)
{
	struct rest_request *req = self;
	struct msg_cert_row row;

	(void)more;
	if (rest_take(req, status, item, &msg_cert_row_table, &row)) {
		rest_reply_json(req, MHD_HTTP_OK, rest_json_cert(&row));
	}
}

static void
revocation_ask(struct rest_request *req)
{
	const struct revoke_state *state = req->state;
	struct msg_revoke ask = {.serial = state->view,
	    .reason = state->reason,
	    .actor = base_span_str(req->user),
	    .from = base_span_str(req->client->peer.address),
	    .approver_spki = state->approval.spki,
	    .approval_expires_at = state->approval.expires_at,
	    .approval_sig = base_buf_span(&state->approval.signature)};

	base_copy(ask.approver_sha256, state->approval.sha256, sizeof(ask.approver_sha256));
	base_copy(ask.request_id, req->id, sizeof(ask.request_id));
	rest_ask(req, req->service->front->ledger, MSG_REVOKE, &msg_revoke_table, &ask, on_revoked);
}

/* To revoke a CA takes its whole environment down: an administrator's act, which the ledger has signed besides.
 * What a serial number stands for never changes. */
static void
on_looked_up(void *self, enum mc_err status, const struct base_item *item, bool more)
{
	struct rest_request *req = self;
	struct msg_cert_row row;

	(void)more;
	if (!rest_take(req, status, item, &msg_cert_row_table, &row)) {
		return;
	}
	if (req->role < MSG_USER_ADMIN &&
	    (base_span_equal_str(row.environment, CONFIG_OPERATORS) ||
		(row.profile != MSG_PROFILE_SVID && row.profile != MSG_PROFILE_SERVER))) {
		(void)MC_FAIL(MC_EDENIED,
		    "to revoke a certificate of profile %s or of the operators authority needs the "
		    "role admin",
		    msg_profile_name((enum msg_profile)row.profile));
		rest_fail(req, MC_EDENIED, NULL);
		return;
	}
	revocation_ask(req);
}

static enum mc_err
take_reason(const json_t *body, uint8_t *out)
{
	struct base_span name;
	enum mc_err err = rest_body_string(body, "reason", true, 64, &name);
	int reason;

	if (err != MC_OK) {
		return err;
	}
	reason = msg_reason_parse(name);
	if (reason < 0) {
		return MC_FAIL(MC_EUSAGE,
		    "reason must be one of RFC 5280's that are taken here: unspecified, "
		    "keyCompromise, cACompromise, affiliationChanged, superseded, "
		    "cessationOfOperation, privilegeWithdrawn, aACompromise");
	}
	*out = (uint8_t)reason;
	return MC_OK;
}

static enum mc_err
take_revocation(const struct rest_request *req, const json_t *body, struct revoke_state *state)
{
	enum mc_err err = take_reason(body, &state->reason);

	if (err == MC_OK && json_object_get(body, "approval") != NULL) {
		err = rest_approval_take(body, &state->approval);
		if (err == MC_OK) {
			err = rest_approval_of_caller(req, &state->approval);
		}
	}
	return err;
}

void
rest_certificate_revoke(struct rest_request *req)
{
	static const char *const members[] = {"reason", "approval", NULL};
	struct revoke_state *state = rest_state(req, sizeof(*state), revoke_free);
	struct msg_cert_get get;
	json_t *body;
	enum mc_err err;

	rest_approval_init(&state->approval);
	if (!take_serial(req, state->serial, &state->view)) {
		return;
	}
	body = rest_body(req, members);
	if (body == NULL) {
		return;
	}
	err = take_revocation(req, body, state);
	json_decref(body);
	if (err != MC_OK) {
		rest_fail(req, err, NULL);
		return;
	}
	get.serial = state->view;
	rest_ask(req, req->service->front->ledger, MSG_CERT_GET, &msg_cert_get_table, &get,
	    on_looked_up);
}
