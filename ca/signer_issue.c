/* SPDX-License-Identifier: Apache-2.0 */
#include "base/applied.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "ca/signer.h"

enum mc_err
signer_build(struct signer *signer, struct signer_request *request, struct cert_leaf *leaf,
    struct msg_intent *intent)
{
	struct issuer *issuer = signer_active(signer);

	cert_serial_make(signer->config->instance, request->serial);
	leaf->serial = base_span_of(request->serial, sizeof(request->serial));
	enum mc_err ret = cert_leaf_build(leaf, issuer_cert(issuer), &request->tbs,
	    intent->spki_sha256);
	if (ret != MC_OK) {
		return ret;
	}
	request->not_before_at = leaf->not_before_at;
	request->not_after_at = leaf->not_after_at;
	base_copy(intent->request_id, request->request_id, sizeof(intent->request_id));
	base_copy(intent->issuer_id, issuer_id(issuer), sizeof(intent->issuer_id));
	intent->profile = (uint8_t)leaf->profile;
	intent->serial = leaf->serial;
	intent->environment = base_span_str(signer->environment);
	intent->not_before_at = leaf->not_before_at;
	intent->not_after_at = leaf->not_after_at;
	intent->tbs = base_buf_span(&request->tbs);
	ret = msg_encode(&msg_intent_table, intent, &request->intent);
	if (ret == MC_OK) {
		base_clock_guard_floor(&signer->clock, base_clock_now());
	}
	return ret;
}

/* The names that must be registered, each with its NUL. */
static void
put_names(const struct signer *signer, const struct cert_leaf *leaf, struct base_buf *out)
{
	for (size_t i = 0; i < leaf->dns_count; i++) {
		if (!signer_is_own_name(signer, leaf->dns[i])) {
			base_buf_append_span(out, leaf->dns[i]);
			base_buf_append_u8(out, 0);
		}
	}
}

static enum mc_err
prepare(struct signer *signer, struct signer_request *request, const struct msg_issue *msg)
{
	struct base_span dns[LIMIT_DNS_NAMES];
	struct base_buf uri;
	struct base_buf names;
	struct cert_leaf leaf;
	enum mc_err ret = signer_policy_leaf(signer, msg, &leaf, dns);

	if (ret != MC_OK) {
		return ret;
	}
	ret = signer_rate_take(signer);
	if (ret != MC_OK) {
		return ret;
	}
	struct msg_intent intent = {
	    .cluster = msg->cluster,
	    .requester = msg->requester,
	    .evidence = msg->evidence,
	    .has_dedup = msg->has_dedup,
	    .key_type = base_applied_key_of(leaf.key_alg, leaf.key),
	};
	base_copy(intent.dedup_key, msg->dedup_key, sizeof(intent.dedup_key));
	base_copy(intent.dedup_body, msg->dedup_body, sizeof(intent.dedup_body));
	base_buf_init(&uri, LIMIT_SPIFFE_ID);
	base_buf_init(&names, LIMIT_DNS_NAMES * (LIMIT_DNS_NAME + 1));
	if (leaf.profile == MSG_PROFILE_SVID) {
		ret = spiffe_id_make(&leaf.id, &uri);
		intent.identity = base_buf_span(&uri);
	} else {
		intent.identity = dns[0];
		put_names(signer, &leaf, &names);
		intent.dns_names = base_buf_span(&names);
	}
	if (ret == MC_OK) {
		ret = signer_build(signer, request, &leaf, &intent);
	}
	base_buf_clear(&names);
	base_buf_clear(&uri);
	return ret;
}

enum mc_err
signer_on_issue(void *self, struct base_chan *chan, const struct base_item *item)
{
	struct signer *signer = self;
	struct signer_request *request = NULL;
	struct msg_issue msg;
	enum mc_err ret = msg_decode(&msg_issue_table, item->payload, &msg);

	if (ret != MC_OK) {
		return ret;
	}
	ret = signer_may_issue(signer);
	if (ret != MC_OK) {
		goto refused;
	}
	request = signer_request_new(signer);
	if (request == NULL) {
		ret = MC_EBUSY;
		goto refused;
	}
	request->type = MSG_ISSUE;
	request->from = chan;
	request->from_corr = item->corr;
	request->confirm = msg.confirm != 0;
	base_copy(request->request_id, msg.request_id, sizeof(request->request_id));
	ret = prepare(signer, request, &msg);
	if (ret != MC_OK) {
		goto refused;
	}
	signer_request_submit(signer, request);
	return MC_OK;

refused:
	signer->refused_count++;
	enum mc_err sent =
	    msg_send_failure(chan, MSG_ISSUE, item->corr, &msg_issue_ans_table, ret);
	if (request != NULL) {
		signer_request_drop(signer, request);
	}
	return sent == MC_EPEER ? MC_OK : sent;
}

struct base_span
signer_cert(struct signer *signer, const struct signer_request *request)
{
	base_buf_reset(&signer->cert);
	cert_join(base_buf_span(&request->tbs), base_buf_span(&request->tail), &signer->cert);
	return base_buf_span(&signer->cert);
}

/* An answer that cannot be sent has nobody to go to: the channel is gone. */
static void
send_answer(struct signer_request *request, const struct msg_issue_ans *answer)
{
	if (msg_send(request->from, MSG_ANSWER(request->type), 0, request->from_corr,
		&msg_issue_ans_table, answer) != MC_OK) {
		base_log(LOG_LVL_DEBUG, "answer-not-sent", LOG_RID(request->request_id), LOG_END);
	}
	request->from = NULL;
}

void
signer_answer(struct signer *signer, struct signer_request *request)
{
	struct issuer *issuer = signer_active(signer);

	if (request->from == NULL) {
		return;
	}
	struct msg_issue_ans answer = {
	    .status = MC_OK,
	    .not_before_at = request->not_before_at,
	    .not_after_at = request->not_after_at,
	    .serial = base_span_of(request->serial, sizeof(request->serial)),
	    .cert = signer_cert(signer, request),
	    .issuer = issuer_cert(issuer)->whole,
	};
	base_copy(answer.issuer_id, issuer_id(issuer), sizeof(answer.issuer_id));
	send_answer(request, &answer);
}

void
signer_answer_duplicate(struct signer_request *request,
    const struct msg_intent_ans *intent)
{
	if (request->from == NULL) {
		return;
	}
	struct msg_issue_ans answer = {
	    .status = MC_OK,
	    .duplicate = 1,
	    .not_before_at = intent->not_before_at,
	    .not_after_at = intent->not_after_at,
	    .serial = intent->serial,
	    .cert = intent->cert,
	    .issuer = intent->issuer,
	};
	base_copy(answer.issuer_id, intent->issuer_id, sizeof(answer.issuer_id));
	send_answer(request, &answer);
}

void
signer_refuse(struct signer *signer, struct signer_request *request, enum mc_err err)
{
	signer->refused_count++;
	if (request->from == NULL) {
		return;
	}
	if (msg_send_failure(request->from, request->type, request->from_corr,
		&msg_issue_ans_table, err) != MC_OK) {
		base_log_err(LOG_LVL_DEBUG, "refusal-not-sent", err); /* the asker is gone */
	}
	request->from = NULL;
}

enum mc_err
signer_on_info(void *self, struct base_chan *chan, const struct base_item *item)
{
	struct signer *signer = self;
	struct issuer *issuer = signer_active(signer);
	struct msg_empty none;
	const char *why = "";
	enum mc_err ret = msg_decode(&msg_empty_table, item->payload, &none);

	if (ret != MC_OK) {
		return ret;
	}
	struct msg_signer_info_ans answer = {
	    .status = MC_OK,
	    .state = (uint8_t)signer_state(signer, &why),
	    .signed_count = signer->signed_count,
	    .refused_count = signer->refused_count,
	    .cpu_us = (uint64_t)base_clock_cpu_us(),
	};
	answer.detail = base_span_str(why);
	if (issuer != NULL) {
		answer.issuer = issuer_cert(issuer)->whole;
		answer.issuer_not_after_at = issuer_cert(issuer)->not_after_at;
		base_copy(answer.issuer_id, issuer_id(issuer), sizeof(answer.issuer_id));
	}
	ret = msg_send(chan, MSG_ANSWER(MSG_SIGNER_INFO), 0, item->corr,
	    &msg_signer_info_ans_table, &answer);
	return ret == MC_EPEER ? MC_OK : ret;
}
