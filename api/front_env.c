/* SPDX-License-Identifier: Apache-2.0 */
#include "api/front_env.h"

#include <stdlib.h>
#include <string.h>

#include "api/bundle.h"
#include "api/tls_server.h"
#include "base/crypto.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/msg_ctl.h"
#include "base/msg_issue.h"
#include "base/msg_query.h"

#define POLL_US 1000000
#define BUNDLE_POLLS 5 /* a bundle is asked for at every fifth poll */
#define ASK_TIMEOUT_MS 3000
#define CERTS_MAX (1024 * 1024)

/* One environment's questions under way. */
struct poll_env {
	struct front_poll *poll;
	struct front_env *env;
	bool asking_signer, asking_bundle, asking_issuers;
	bool issuers_stale;
	struct base_buf issuers; /* being gathered */
};

struct front_poll {
	struct front *front;
	struct base_timer *timer;
	unsigned turn;
	struct poll_env envs[LIMIT_ENVIRONMENTS + 1];
	size_t env_count;
};

struct front_env *
front_env_find(struct front *front, const char *name)
{
	for (size_t i = 0; i < front->env_count; i++) {
		if (strcmp(front->envs[i].config->name, name) == 0) {
			return &front->envs[i];
		}
	}
	return NULL;
}

void
front_request_id(uint8_t out[16])
{
	base_crypto_nonce(out, 16);
}

void
front_env_init(struct front *front, struct front_env *env,
    const struct config_environment *config)
{
	bool operators = strcmp(config->name, CONFIG_OPERATORS) == 0;

	memset(env, 0, sizeof(*env));
	env->config = config;
	env->signer = link_new(front->loop, operators ? MSG_ROLE_OPERATORS : MSG_ROLE_SIGNER,
	    config->name);
	env->signer_state = MC_ENOTREADY;
}

/* The views in front_env own their bytes. */
static void
owned_free(struct base_span *span)
{
	free((void *)(uintptr_t)span->ptr);
	*span = base_span_of(NULL, 0);
}

static void
owned_set(struct base_span *span, struct base_span bytes)
{
	uint8_t *copy = base_xcalloc(1, bytes.len + 1);

	base_copy(copy, bytes.ptr, bytes.len);
	owned_free(span);
	*span = base_span_of(copy, bytes.len);
}

void
front_env_clear(struct front_env *env)
{
	link_free(env->signer);
	free(env->bundle_pem);
	owned_free(&env->anchors);
	owned_free(&env->issuers);
}

/* --- signer --- */

static void
signer_says(struct front_env *env, struct base_span why)
{
	size_t len = why.len < sizeof(env->signer_why) ? why.len : sizeof(env->signer_why) - 1;

	base_copy(env->signer_why, why.ptr, len);
	env->signer_why[len] = '\0';
}

static void
on_signer(void *self, enum mc_err status, const struct base_item *item, bool more)
{
	struct poll_env *poll = self;
	struct front_env *env = poll->env;
	enum mc_err before = env->signer_state;
	struct msg_signer_info_ans ans;

	(void)more;
	poll->asking_signer = false;
	if (status != MC_OK || item == NULL ||
	    msg_decode(&msg_signer_info_ans_table, item->payload, &ans) != MC_OK) {
		env->signer_state = MC_ENOTREADY;
		env->signer_why[0] = '\0';
		return;
	}
	env->signer_state = ans.state == MSG_RS_READY ? MC_OK :
	    ans.state == MSG_RS_SEALED ? MC_ESEALED : MC_ENOTREADY;
	signer_says(env, ans.detail);
	if (memcmp(env->issuer_id, ans.issuer_id, sizeof(env->issuer_id)) != 0) {
		base_copy(env->issuer_id, ans.issuer_id, sizeof(env->issuer_id));
		poll->issuers_stale = true;
	}
	env->issuer_not_after_at = ans.issuer_not_after_at;
	env->signed_count = ans.signed_count;
	env->refused_count = ans.refused_count;
	env->signer_cpu_us = ans.cpu_us;
	if (before != env->signer_state) {
		base_log(LOG_LVL_INFO, "signer-state", LOG_STR("environment", env->config->name),
		    LOG_STR("state", env->signer_state == MC_OK ? "ready" :
		    mc_err_word(env->signer_state)), LOG_END);
		if (env->signer_state == MC_OK && env->tls != NULL) {
			tls_server_certify(env->tls);
		}
	}
}

static void
signer_ask(struct poll_env *poll)
{
	static const struct msg_empty nothing;
	struct link *signer = poll->env->signer;

	if (poll->asking_signer) {
		return;
	}
	if (!link_is_up(signer)) {
		poll->env->signer_state = MC_ENOTREADY;
		poll->env->signer_why[0] = '\0';
		return;
	}
	poll->asking_signer = link_call(signer, MSG_SIGNER_INFO, &msg_empty_table, &nothing,
	    ASK_TIMEOUT_MS, on_signer, poll) == MC_OK;
}

/* --- the ledger: anchors and issuers --- */

static void
bundle_take(struct poll_env *poll, const struct msg_bundle_ans *ans)
{
	struct front_env *env = poll->env;
	struct base_buf pem;
	char *text;

	if (env->bundle_pem != NULL && env->bundle_sequence == ans->sequence &&
	    base_span_equal(env->anchors, ans->anchors)) {
		return;
	}
	base_buf_init(&pem, 2 * CERTS_MAX);
	text = bundle_pem(ans, &pem) != MC_OK || pem.len == 0 ? NULL : base_buf_take_str(&pem);
	base_buf_clear(&pem);
	if (text == NULL) {
		return;
	}
	free(env->bundle_pem);
	env->bundle_pem = text;
	env->bundle_sequence = ans->sequence;
	owned_set(&env->anchors, ans->anchors);
	poll->issuers_stale = true;
	if (env->tls != NULL) {
		tls_server_reload(env->tls);
	}
	base_log(LOG_LVL_INFO, "trust-bundle", LOG_STR("environment", env->config->name),
	    LOG_INT("sequence", ans->sequence), LOG_INT("bytes", strlen(text)), LOG_END);
}

static void
on_bundle(void *self, enum mc_err status, const struct base_item *item, bool more)
{
	struct poll_env *poll = self;
	struct msg_bundle_ans ans;

	(void)more;
	poll->asking_bundle = false;
	if (status == MC_OK && item != NULL &&
	    msg_decode(&msg_bundle_ans_table, item->payload, &ans) == MC_OK) {
		bundle_take(poll, &ans);
	}
}

static void
bundle_ask(struct poll_env *poll)
{
	struct msg_bundle_get ask = {.environment = base_span_str(poll->env->config->name)};

	if (!poll->asking_bundle && link_is_up(poll->poll->front->ledger)) {
		poll->asking_bundle = link_call(poll->poll->front->ledger, MSG_BUNDLE_GET,
		    &msg_bundle_get_table, &ask, ASK_TIMEOUT_MS, on_bundle, poll) == MC_OK;
	}
}

static void
on_issuers(void *self, enum mc_err status, const struct base_item *item, bool more)
{
	struct poll_env *poll = self;
	struct msg_issuer_row row;

	if (more) {
		if (status == MC_OK &&
		    msg_decode(&msg_issuer_row_table, item->payload, &row) == MC_OK &&
		    row.profile == MSG_PROFILE_ISSUING && row.state == MSG_STATE_SIGNED) {
			base_buf_append_le32(&poll->issuers, (uint32_t)row.cert.len);
			base_buf_append_span(&poll->issuers, row.cert);
		}
		return;
	}
	poll->asking_issuers = false;
	if (status == MC_OK && !base_buf_failed(&poll->issuers)) {
		poll->issuers_stale = false;
		owned_set(&poll->env->issuers, base_buf_span(&poll->issuers));
		if (poll->env->tls != NULL) {
			tls_server_reload(poll->env->tls);
		}
	}
	base_buf_clear(&poll->issuers);
}

static void
issuers_ask(struct poll_env *poll)
{
	struct msg_issuer_list ask = {.environment = base_span_str(poll->env->config->name)};

	if (poll->issuers_stale && !poll->asking_issuers &&
	    link_is_up(poll->poll->front->ledger)) {
		base_buf_init(&poll->issuers, CERTS_MAX);
		poll->asking_issuers = link_call(poll->poll->front->ledger, MSG_ISSUER_LIST,
		    &msg_issuer_list_table, &ask, ASK_TIMEOUT_MS, on_issuers, poll) == MC_OK;
	}
}

/* --- */

static void
on_timer(void *self)
{
	struct front_poll *poll = self;
	struct front *front = poll->front;

	while (poll->env_count < front->env_count) {
		struct poll_env *env = &poll->envs[poll->env_count];

		env->poll = poll;
		env->env = &front->envs[poll->env_count];
		poll->env_count++;
	}
	for (size_t i = 0; i < poll->env_count; i++) {
		struct poll_env *env = &poll->envs[i];

		signer_ask(env);
		if (env->env->bundle_pem == NULL || poll->turn % BUNDLE_POLLS == 0) {
			bundle_ask(env);
		}
		issuers_ask(env);
	}
	poll->turn++;
	base_timer_set_us(poll->timer, POLL_US);
}

void
front_poll_now(struct front_poll *poll)
{
	poll->turn = 0;
	base_timer_set_us(poll->timer, 0);
}

struct front_poll *
front_poll_new(struct front *front)
{
	struct front_poll *poll = base_xcalloc(1, sizeof(*poll));

	poll->front = front;
	poll->timer = base_timer_new(front->loop, on_timer, poll);
	base_timer_set_us(poll->timer, 0);
	return poll;
}

void
front_poll_free(struct front_poll *poll)
{
	if (poll == NULL) {
		return;
	}
	for (size_t i = 0; i < poll->env_count; i++) {
		link_forget(poll->envs[i].env->signer, &poll->envs[i]);
		link_forget(poll->front->ledger, &poll->envs[i]);
		base_buf_clear(&poll->envs[i].issuers);
	}
	base_timer_free(poll->timer);
	free(poll);
}
