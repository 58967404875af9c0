/* SPDX-License-Identifier: Apache-2.0 */
/* Environments and their trust bundles. */
#include <microhttpd.h>
#include <stdio.h>
#include <string.h>

#include "api/bundle.h"
#include "api/rest_int.h"

static const char *
state_word(const struct front_env *env)
{
	if (!link_is_up(env->signer)) {
		return "down";
	}
	if (env->signer_state == MC_ESEALED) {
		return "sealed";
	}
	return env->signer_state == MC_OK ? "ready" : "not-ready";
}

void
rest_environments_list(struct rest_request *req)
{
	const struct front *front = req->service->front;
	json_t *list = json_array();

	for (size_t i = 0; i < front->env_count; i++) {
		const struct front_env *env = &front->envs[i];
		json_t *issuer = json_null();

		if (strcmp(env->config->name, CONFIG_OPERATORS) == 0) {
			continue;
		}
		if (env->issuer_not_after_at != 0) {
			issuer = json_pack("{s:o, s:o}", "id",
			    rest_json_hex(base_span_of(env->issuer_id, sizeof(env->issuer_id))),
			    "not_after", rest_json_time(env->issuer_not_after_at));
		}
		(void)json_array_append_new(list,
		    json_pack("{s:s, s:s, s:s, s:o, s:I}", "name", env->config->name,
			"trust_domain", env->config->trust_domain, "state", state_word(env),
			"issuer", issuer, "bundle_sequence", (json_int_t)env->bundle_sequence));
	}
	rest_reply_json(req, MHD_HTTP_OK, json_pack("{s:o}", "environments", list));
}

/* Whether format= or Accept asked for the SPIFFE format. */
static bool
wants_spiffe(const struct rest_request *req)
{
	const char *format = rest_query(req, "format");

	return format != NULL ? strcmp(format, "spiffe") == 0 : req->offer == 1;
}

static void
on_bundle(void *self, enum mc_err status, const struct base_item *item, bool more)
{
	struct rest_request *req = self;
	struct msg_bundle_ans bundle;
	bool spiffe = wants_spiffe(req);
	struct base_buf out;
	enum mc_err err;
	char etag[48];

	(void)more;
	if (!rest_take(req, status, item, &msg_bundle_ans_table, &bundle)) {
		return;
	}
	snprintf(etag, sizeof(etag), "\"%llu.%s\"", (unsigned long long)bundle.sequence,
	    spiffe ? "spiffe" : "pem");
	if (rest_etag_matches(rest_header(req, MHD_HTTP_HEADER_IF_NONE_MATCH), etag)) {
		rest_reply_empty(req, MHD_HTTP_NOT_MODIFIED);
		rest_reply_header(req, MHD_HTTP_HEADER_ETAG, etag);
		return;
	}
	base_buf_init(&out, 4 * LIMIT_FRAME);
	err = spiffe ? bundle_spiffe(&bundle, &out) : bundle_pem(&bundle, &out);
	if (err != MC_OK) {
		base_buf_clear(&out);
		rest_fail(req, err, NULL);
		return;
	}
	rest_reply_buf(req, MHD_HTTP_OK, spiffe ? REST_JSON : REST_PEM, &out);
	rest_reply_header(req, MHD_HTTP_HEADER_ETAG, etag);
	rest_reply_header(req, MHD_HTTP_HEADER_CACHE_CONTROL, "public, no-cache");
}

void
rest_environment_bundle(struct rest_request *req)
{
	struct msg_bundle_get get = {.environment = base_span_str(req->match.params[0])};
	const char *format = rest_query(req, "format");

	if (format != NULL && strcmp(format, "pem") != 0 && strcmp(format, "spiffe") != 0) {
		rest_fail(req, MC_EUSAGE, "format must be pem or spiffe");
	} else if (front_env_find(req->service->front, req->match.params[0]) == NULL) {
		rest_fail(req, MC_ENOTFOUND, "there is no such environment");
	} else {
		rest_ask(req, req->service->front->ledger, MSG_BUNDLE_GET, &msg_bundle_get_table,
		    &get, on_bundle);
	}
}
