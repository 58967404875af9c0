/* SPDX-License-Identifier: Apache-2.0 */
/* People: their certificates and roles. */
#include <microhttpd.h>
#include <stdlib.h>
#include <string.h>

#include "api/rest_int.h"
#include "base/mem.h"
#include "base/msg_issue.h"

/* [a-z0-9][a-z0-9._-]{0,63} */
static bool
is_user_name(struct base_span name)
{
	for (size_t i = 0; i < name.len; i++) {
		char c = (char)name.ptr[i];
		bool alnum = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');

		if (!alnum && (i == 0 || (c != '.' && c != '_' && c != '-'))) {
			return false;
		}
	}
	return name.len > 0 && name.len <= LIMIT_USER_NAME;
}

void
rest_users_list(struct rest_request *req)
{
	static const struct msg_empty empty = {0};
	const struct rest_list list = {.link = req->service->front->ledger,
	    .type = MSG_USER_LIST,
	    .table = &msg_empty_table,
	    .object = &empty,
	    .row_table = &msg_user_row_table,
	    .row = rest_json_user,
	    .member = "users"};

	rest_list_ask(req, &list);
}

struct add_state {
	json_t *body; /* name and csr point into it */
	struct base_span name, csr;
	enum msg_user_role role;
	struct rest_approval approval;
};

static void
add_free(void *self)
{
	struct add_state *state = self;

	json_decref(state->body);
	rest_approval_clear(&state->approval);
	free(state);
}

static void
on_issued(void *self, enum mc_err status, const struct base_item *item, bool more)
{
	struct rest_request *req = self;
	const struct add_state *state = req->state;
	struct msg_issue_ans ans;

	(void)more;
	if (!rest_take(req, status, item, &msg_issue_ans_table, &ans)) {
		return;
	}
	rest_reply_json(req, MHD_HTTP_CREATED,
	    json_pack("{s:o, s:s, s:o, s:o, s:o, s:o, s:[o, o]}", "name",
		rest_json_span(state->name), "role", msg_user_role_name(state->role), "serial",
		rest_json_hex(ans.serial), "not_before", rest_json_time(ans.not_before_at),
		"not_after", rest_json_time(ans.not_after_at), "issuer_id",
		rest_json_hex(base_span_of(ans.issuer_id, sizeof(ans.issuer_id))), "chain",
		rest_json_pem(ans.cert), rest_json_pem(ans.issuer)));
}

static void
on_csr(struct rest_request *req, enum msg_key_alg alg, struct base_span key)
{
	const struct add_state *state = req->state;
	struct msg_user_issue issue = {.name = state->name,
	    .role = (uint8_t)state->role,
	    .key_alg = (uint8_t)alg,
	    .key = key,
	    .approver_cert = req->client->peer.cert,
	    .approval_expires_at = state->approval.expires_at,
	    .approval_sig = base_buf_span(&state->approval.signature),
	    .actor = base_span_str(req->user),
	    .from = base_span_str(req->client->peer.address)};

	base_copy(issue.request_id, req->id, sizeof(issue.request_id));
	rest_ask(req, req->service->operators->signer, MSG_USER_ISSUE, &msg_user_issue_table,
	    &issue, on_issued);
}

static enum mc_err
take_members(struct add_state *state)
{
	struct base_span role;
	enum mc_err err;

	if ((err = rest_body_string(state->body, "name", true, LIMIT_USER_NAME, &state->name)) !=
		MC_OK ||
	    (err = rest_body_string(state->body, "role", true, 32, &role)) != MC_OK ||
	    (err = rest_body_string(state->body, "csr", true, LIMIT_CSR_PEM, &state->csr)) !=
		MC_OK) {
		return err;
	}
	if (!is_user_name(state->name)) {
		return MC_FAIL(MC_EUSAGE,
		    "member \"name\" must match [a-z0-9][a-z0-9._-]{0,63}");
	}
	state->role = msg_user_role_parse(role);
	if (state->role == MSG_USER_INVALID) {
		return MC_FAIL(MC_EUSAGE, "member \"role\" must be viewer, operator or admin");
	}
	return rest_approval_take(state->body, &state->approval);
}

void
rest_users_add(struct rest_request *req)
{
	static const char *const members[] = {"name", "role", "csr", "approval", NULL};
	struct add_state *state;
	enum mc_err err;
	json_t *body = rest_body(req, members);

	if (body == NULL) {
		return;
	}
	state = rest_state(req, sizeof(*state), add_free);
	state->body = body;
	rest_approval_init(&state->approval);
	err = take_members(state);
	if (err != MC_OK) {
		rest_fail(req, err, NULL);
		return;
	}
	rest_csr_check(req,
	    &(struct rest_csr_want){.pem = state->csr,
		.config = req->service->operators->config,
		.profile = MSG_PROFILE_CLIENT,
		.identity = state->name,
		.fn = on_csr});
}

static void
on_removed(void *self, enum mc_err status, const struct base_item *item, bool more)
{
	struct rest_request *req = self;
	struct msg_status_ans ans;

	(void)more;
	if (rest_take(req, status, item, &msg_status_ans_table, &ans)) {
		rest_reply_empty(req, MHD_HTTP_NO_CONTENT);
	}
}

static enum mc_err
remove_ask(struct rest_request *req, struct rest_approval *approval)
{
	struct msg_user_remove ask = {.name = base_span_str(req->match.params[0]),
	    .from = base_span_str(req->client->peer.address),
	    .approval_expires_at = approval->expires_at,
	    .approval_sig = base_buf_span(&approval->signature)};
	enum mc_err ret = rest_approval_of_caller(req, approval);

	if (ret != MC_OK) {
		return ret;
	}
	ask.approver_spki = approval->spki;
	base_copy(ask.approver_sha256, approval->sha256, sizeof(ask.approver_sha256));
	base_copy(ask.request_id, req->id, sizeof(ask.request_id));
	rest_ask(req, req->service->front->ledger, MSG_USER_REMOVE, &msg_user_remove_table, &ask,
	    on_removed);
	return MC_OK;
}

void
rest_user_remove(struct rest_request *req)
{
	static const char *const members[] = {"approval", NULL};
	struct rest_approval approval;
	enum mc_err err;
	json_t *body = rest_body(req, members);

	if (body == NULL) {
		return;
	}
	rest_approval_init(&approval);
	err = rest_approval_take(body, &approval);
	if (err == MC_OK && !is_user_name(base_span_str(req->match.params[0]))) {
		err = MC_FAIL(MC_ENOTFOUND, "there is no such person");
	}
	if (err == MC_OK) {
		err = remove_ask(req, &approval);
	}
	if (err != MC_OK) {
		rest_fail(req, err, NULL);
	}
	rest_approval_clear(&approval);
	json_decref(body);
}
