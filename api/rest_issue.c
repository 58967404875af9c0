/* SPDX-License-Identifier: Apache-2.0 */
/* POST /v1/environments/{env}/certificates */
#include <microhttpd.h>
#include <stdlib.h>
#include <string.h>

#include "api/metrics.h"
#include "api/rest_int.h"
#include "base/clock.h"
#include "base/crypto.h"
#include "base/enc.h"
#include "base/mem.h"
#include "base/msg_issue.h"
#include "ca/spiffe.h"

#define KEY_MAX   255       /* bytes of an Idempotency-Key */
#define TTL_MAX_S 315360000 /* ten years: no profile lives longer */

struct issue_state {
	json_t *body; /* the views below point into it */
	struct front_env *env;
	enum msg_profile profile;
	struct base_span csr, ns, sa;
	struct base_span dns[LIMIT_DNS_NAMES];
	size_t dns_count;
	int64_t ttl_s;
	char identity[LIMIT_SPIFFE_ID + 1];
	bool has_dedup;
	uint8_t dedup_key[32];
	int64_t sent_us;
};

static void
state_free(void *self)
{
	struct issue_state *state = self;

	json_decref(state->body);
	free(state);
}

/* RFC 1123 labels, lower case. */
static bool
is_dns_name(struct base_span name)
{
	size_t start = 0;

	for (size_t i = 0; i <= name.len; i++) {
		if (i == name.len || name.ptr[i] == '.') {
			if (!spiffe_ns_valid(base_span_of(name.ptr + start, i - start))) {
				return false;
			}
			start = i + 1;
		}
	}
	return name.len <= LIMIT_DNS_NAME;
}

static enum mc_err
take_names(struct issue_state *state)
{
	const json_t *list = json_object_get(state->body, "dns_names");

	if (!json_is_array(list) || json_array_size(list) == 0 ||
	    json_array_size(list) > LIMIT_DNS_NAMES) {
		return MC_FAIL(MC_EUSAGE, "profile server needs dns_names, a list of 1 to %d names",
		    LIMIT_DNS_NAMES);
	}
	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *item = json_array_get(list, i);
		struct base_span name = base_span_of(json_string_value(item),
		    json_string_length(item));

		if (!json_is_string(item) || !is_dns_name(name)) {
			return MC_FAIL(MC_EUSAGE,
			    "dns_names[%zu] must be a lower-case DNS name without wildcard", i);
		}
		state->dns[state->dns_count++] = name;
	}
	return MC_OK;
}

static enum mc_err
take_identity(struct issue_state *state)
{
	struct base_buf uri;
	struct spiffe_id id = {.ns = state->ns, .sa = state->sa};
	enum mc_err err;

	if (state->ns.len == 0 || state->sa.len == 0) {
		return MC_FAIL(MC_EUSAGE, "profile svid needs namespace and service_account");
	}
	if (!spiffe_ns_valid(state->ns) || !spiffe_sa_valid(state->sa)) {
		return MC_FAIL(MC_EUSAGE,
		    "namespace and service_account must be names as Kubernetes has them");
	}
	id.trust_domain = base_span_str(state->env->config->trust_domain);
	base_buf_init(&uri, LIMIT_SPIFFE_ID);
	err = spiffe_id_make(&id, &uri);
	if (err == MC_OK) {
		base_copy(state->identity, uri.ptr, uri.len);
		state->identity[uri.len] = '\0';
	}
	base_buf_clear(&uri);
	return err;
}

static enum mc_err
take_members(struct issue_state *state)
{
	struct base_span profile;
	enum mc_err err;

	if ((err = rest_body_string(state->body, "profile", true, 32, &profile)) != MC_OK ||
	    (err = rest_body_string(state->body, "csr", true, LIMIT_CSR_PEM, &state->csr)) !=
		MC_OK ||
	    (err = rest_body_string(state->body, "namespace", false, LIMIT_K8S_NAMESPACE,
		 &state->ns)) != MC_OK ||
	    (err = rest_body_string(state->body, "service_account", false, LIMIT_K8S_NAME,
		 &state->sa)) != MC_OK ||
	    (err = rest_body_int(state->body, "ttl_seconds", false, &state->ttl_s)) != MC_OK) {
		return err;
	}
	if (json_object_get(state->body, "ttl_seconds") != NULL &&
	    (state->ttl_s < 1 || state->ttl_s > TTL_MAX_S)) {
		return MC_FAIL(MC_EUSAGE,
		    "ttl_seconds must be from 1 to %d; leave it out for the default", TTL_MAX_S);
	}
	state->profile = msg_profile_parse(profile);
	if (state->profile == MSG_PROFILE_SVID) {
		if (json_object_get(state->body, "dns_names") != NULL) {
			return MC_FAIL(MC_EUSAGE, "profile svid takes no dns_names");
		}
		return take_identity(state);
	}
	if (state->profile == MSG_PROFILE_SERVER) {
		if (state->ns.len != 0 || state->sa.len != 0) {
			return MC_FAIL(MC_EUSAGE,
			    "profile server takes no namespace and no service_account");
		}
		return take_names(state);
	}
	return MC_FAIL(MC_EUSAGE, "profile must be svid or server");
}

static enum mc_err
take_key(struct rest_request *req, struct issue_state *state)
{
	const char *key = rest_header(req, "Idempotency-Key");
	const struct base_span pieces[] = {base_span_of("rest", 5),
	    base_span_of(req->user, strlen(req->user) + 1), base_span_str(key)};

	if (key == NULL) {
		return MC_OK;
	}
	for (const char *p = key; *p != '\0'; p++) {
		if (*p < 0x21 || *p > 0x7e) {
			return MC_FAIL(MC_EUSAGE, "Idempotency-Key must be visible ASCII");
		}
	}
	if (*key == '\0' || strlen(key) > KEY_MAX) {
		return MC_FAIL(MC_EUSAGE, "Idempotency-Key must have 1 to %d bytes", KEY_MAX);
	}
	state->has_dedup = true;
	base_crypto_sha256v(pieces, sizeof(pieces) / sizeof(pieces[0]), state->dedup_key);
	return MC_OK;
}

static json_t *
chain_pem(const struct msg_issue_ans *ans)
{
	return json_pack("[o, o]", rest_json_pem(ans->cert), rest_json_pem(ans->issuer));
}

static void
on_issued(void *self, enum mc_err status, const struct base_item *item, bool more)
{
	struct rest_request *req = self;
	struct issue_state *state = req->state;
	struct msg_issue_ans ans;
	char location[64] = "/v1/certificates/";
	bool fits;

	(void)more;
	metrics_observe_us(req->service->front->metrics, METRICS_SIGN,
	    base_clock_boot_us() - state->sent_us);
	if (!rest_take(req, status, item, &msg_issue_ans_table, &ans)) {
		return;
	}
	fits = ans.serial.len > 0 && ans.serial.len <= LIMIT_SERIAL;
	if (!fits) {
		rest_fail(req, MC_EINTERNAL, "the signer gave no serial number");
		return;
	}
	base_enc_hex(ans.serial.ptr, ans.serial.len, location + strlen(location));
	rest_reply_json(req, ans.duplicate ? MHD_HTTP_OK : MHD_HTTP_CREATED,
	    json_pack("{s:o, s:s, s:s, s:o, s:o, s:o, s:o, s:b, s:o}", "serial",
		rest_json_hex(ans.serial), "environment", state->env->config->name, "profile",
		msg_profile_name(state->profile), "identity",
		rest_json_span(base_span_str(state->identity)), "not_before",
		rest_json_time(ans.not_before_at), "not_after", rest_json_time(ans.not_after_at),
		"issuer_id", rest_json_hex(base_span_of(ans.issuer_id, sizeof(ans.issuer_id))),
		"duplicate", (int)ans.duplicate, "chain", chain_pem(&ans)));
	rest_reply_header(req, MHD_HTTP_HEADER_LOCATION, location);
}

static void
on_csr(struct rest_request *req, enum msg_key_alg alg, struct base_span key)
{
	struct issue_state *state = req->state;
	const struct base_span pieces[] = {
	    base_span_of(state->env->config->name, strlen(state->env->config->name) + 1),
	    base_buf_span(&req->body)};
	struct msg_issue issue = {.profile = (uint8_t)state->profile,
	    .confirm = 1,
	    .key_alg = (uint8_t)alg,
	    .ttl_s = state->ttl_s,
	    .key = key,
	    .ns = state->ns,
	    .sa = state->sa,
	    .requester = base_span_str(req->user),
	    .has_dedup = state->has_dedup};
	struct base_buf names, evidence;
	char fingerprint[65];

	base_buf_init(&names, LIMIT_DNS_NAMES * (LIMIT_DNS_NAME + 1));
	for (size_t i = 0; i < state->dns_count; i++) {
		base_buf_append_span(&names, state->dns[i]);
		base_buf_append_u8(&names, 0);
	}
	base_buf_init(&evidence, LIMIT_EVIDENCE);
	base_enc_hex(req->client->peer.sha256, 32, fingerprint);
	base_buf_appendf(&evidence, "{\"certificate_sha256\":\"%s\",\"role\":\"%s\",\"from\":\"%s\"}",
	    fingerprint, msg_user_role_name(req->role), req->client->peer.address);
	issue.dns_names = base_buf_span(&names);
	issue.evidence = base_buf_span(&evidence);
	base_copy(issue.request_id, req->id, sizeof(issue.request_id));
	if (state->has_dedup) {
		base_copy(issue.dedup_key, state->dedup_key, sizeof(issue.dedup_key));
		/* the environment, too: the same body elsewhere is another request */
		base_crypto_sha256v(pieces, sizeof(pieces) / sizeof(pieces[0]), issue.dedup_body);
	}
	state->sent_us = base_clock_boot_us();
	rest_ask(req, state->env->signer, MSG_ISSUE, &msg_issue_table, &issue, on_issued);
	base_buf_clear(&names);
	base_buf_clear(&evidence);
}

void
rest_certificates_issue(struct rest_request *req)
{
	static const char *const members[] = {
	    "profile", "csr", "namespace", "service_account", "dns_names", "ttl_seconds", NULL};
	struct front_env *env = front_env_find(req->service->front, req->match.params[0]);
	struct issue_state *state;
	enum mc_err err;
	json_t *body;

	/* Certificates of the operators authority are for people and for this port. */
	if (env == NULL || strcmp(req->match.params[0], CONFIG_OPERATORS) == 0) {
		rest_fail(req, MC_ENOTFOUND, "there is no such environment");
		return;
	}
	body = rest_body(req, members);
	if (body == NULL) {
		return;
	}
	state = rest_state(req, sizeof(*state), state_free);
	state->body = body;
	state->env = env;
	if ((err = take_members(state)) != MC_OK || (err = take_key(req, state)) != MC_OK) {
		rest_fail(req, err, NULL);
		return;
	}
	rest_csr_check(req,
	    &(struct rest_csr_want){.pem = state->csr,
		.config = env->config,
		.profile = state->profile,
		.identity = base_span_str(state->identity),
		.dns = state->dns,
		.dns_count = state->dns_count,
		.fn = on_csr});
}
