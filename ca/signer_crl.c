/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One CRL at a time: number drawn from the ledger, revocations read, list signed, handed over
 * in chunks. Nothing is kept when it breaks off: the keeper asks again, and a number
 * left out is allowed.
 */
#include <stdlib.h>

#include "base/log.h"
#include "base/mem.h"
#include "ca/crl.h"
#include "ca/signer.h"

struct signer_crl {
	struct base_chan *from; /* NULL: the asker is gone */
	uint64_t from_corr;
	uint64_t corr;          /* of our question to the ledger */
	uint16_t asked;         /* its type */
	struct issuer *issuer;
	struct crl *list;
	struct base_buf der;
	struct msg_crl_chunk chunk; /* the one on its way */
};

void
signer_crl_clear(struct signer *signer)
{
	struct signer_crl *job = signer->crl;

	if (job != NULL) {
		signer->crl = NULL;
		crl_free(job->list);
		base_buf_clear(&job->der);
		free(job);
	}
}

static void
crl_drop(struct signer *signer)
{
	signer_crl_clear(signer);
	signer_settle(signer);
}

/* Answers the asker and ends the job; the channel may be gone. */
static void
crl_end(struct signer *signer, enum mc_err status)
{
	struct signer_crl *job = signer->crl;
	enum mc_err sent = MC_OK;

	if (job->from != NULL && status != MC_OK) {
		sent = msg_send_failure(job->from, MSG_CRL_SIGN, job->from_corr,
		    &msg_crl_sign_ans_table, status);
	} else if (job->from != NULL) {
		struct msg_crl_sign_ans answer = {
		    .status = MC_OK,
		    .number = job->chunk.number,
		    .this_update_at = job->chunk.this_update_at,
		    .next_update_at = job->chunk.next_update_at,
		};
		sent = msg_send(job->from, MSG_ANSWER(MSG_CRL_SIGN), 0, job->from_corr,
		    &msg_crl_sign_ans_table, &answer);
	}
	if (sent != MC_OK) {
		base_log_err(LOG_LVL_DEBUG, "crl-answer-not-sent", sent);
	}
	crl_drop(signer);
}

static enum mc_err
crl_ask(struct signer *signer, uint16_t type, const struct msg_table *table,
    const void *object)
{
	struct signer_crl *job = signer->crl;

	if (signer->ledger == NULL || !base_chan_has_credit(signer->ledger)) {
		return MC_FAIL(MC_ENOTREADY, "the ledger takes nothing now");
	}
	/* unique on the channel, as the leaf requests' are: the counter is never reused */
	job->corr = ++signer->next_corr * SIGNER_REQUESTS;
	job->asked = type;
	return msg_send(signer->ledger, type, 0, job->corr, table, object);
}

static struct issuer *
find_issuer(struct signer *signer, const uint8_t id[32])
{
	static const uint8_t active[32];

	if (base_span_equal(base_span_of(id, 32), base_span_of(active, 32))) {
		return signer_active(signer);
	}
	for (size_t i = 0; i < signer->issuer_count; i++) {
		struct issuer *issuer = signer->issuers[i].open;
		if (issuer != NULL && base_span_equal(base_span_of(id, 32),
					  base_span_of(issuer_id(issuer), 32))) {
			return issuer;
		}
	}
	return NULL;
}

static enum mc_err
crl_start(struct signer *signer, struct base_chan *chan, uint64_t corr,
    const struct msg_crl_sign *msg)
{
	struct issuer *issuer = find_issuer(signer, msg->issuer_id);
	struct msg_crl_begin begin;

	if (signer->crl != NULL) {
		return MC_FAIL(MC_EBUSY, "another CRL is being made");
	}
	if (!signer->started || signer_active(signer) == NULL) {
		return MC_FAIL(MC_ESEALED, "environment %s", signer->environment);
	}
	if (issuer == NULL) {
		return MC_FAIL(MC_ENOTFOUND, "no key of that issuer is here");
	}
	if (!base_clock_guard_ok(&signer->clock)) {
		return MC_FAIL(MC_ECLOCK, "a CRL's times would be wrong");
	}
	struct signer_crl *job = base_xcalloc(1, sizeof(*job));
	job->from = chan;
	job->from_corr = corr;
	job->issuer = issuer;
	base_buf_init(&job->der, LIMIT_CRL);
	signer->crl = job;
	base_copy(job->chunk.request_id, msg->request_id, sizeof(msg->request_id));
	job->chunk.actor = base_span_str("keeper"); /* nobody else may ask */
	job->chunk.from = base_span_str("schedule");
	base_copy(begin.request_id, msg->request_id, sizeof(begin.request_id));
	base_copy(begin.issuer_id, issuer_id(issuer), sizeof(begin.issuer_id));
	enum mc_err ret = crl_ask(signer, MSG_CRL_BEGIN, &msg_crl_begin_table, &begin);
	if (ret != MC_OK) {
		crl_drop(signer);
	}
	return ret;
}

enum mc_err
signer_on_crl(void *self, struct base_chan *chan, const struct base_item *item)
{
	struct signer *signer = self;
	struct msg_crl_sign msg;
	enum mc_err ret = msg_decode(&msg_crl_sign_table, item->payload, &msg);

	if (ret != MC_OK) {
		return ret;
	}
	ret = crl_start(signer, chan, item->corr, &msg);
	if (ret == MC_OK) {
		return MC_OK;
	}
	ret = msg_send_failure(chan, MSG_CRL_SIGN, item->corr, &msg_crl_sign_ans_table, ret);
	return ret == MC_EPEER ? MC_OK : ret;
}

static enum mc_err
wire_status(uint32_t status, struct base_span detail)
{
	enum mc_err err = mc_err_from_wire(status);

	if (err != MC_OK) {
		(void)MC_FAIL(err, "%.*s", (int)detail.len, (const char *)detail.ptr);
	}
	return err;
}

static enum mc_err
on_begin(struct signer *signer, const struct base_item *item)
{
	struct signer_crl *job = signer->crl;
	struct msg_crl_begin_ans answer;
	struct msg_revoked_list list;
	enum mc_err ret = msg_decode(&msg_crl_begin_ans_table, item->payload, &answer);

	if (ret != MC_OK) {
		return ret;
	}
	ret = wire_status(answer.status, answer.detail);
	if (ret == MC_OK) {
		int64_t now = base_clock_now();
		base_copy(job->chunk.issuer_id, issuer_id(job->issuer), 32);
		job->chunk.number = answer.number;
		job->chunk.revocation_seq = answer.revocation_seq;
		/* like a certificate's notBefore: for verifiers whose clock is behind */
		job->chunk.this_update_at = now - LIMIT_BACKDATE_S;
		job->chunk.next_update_at = now + signer->env->crl_lifetime_s;
		job->list = crl_new(answer.number, job->chunk.this_update_at,
		    job->chunk.next_update_at);
		base_copy(list.issuer_id, job->chunk.issuer_id, sizeof(list.issuer_id));
		list.up_to_seq = answer.revocation_seq;
		ret = crl_ask(signer, MSG_REVOKED_LIST, &msg_revoked_list_table, &list);
	}
	if (ret != MC_OK) {
		crl_end(signer, ret);
	}
	return MC_OK;
}

static enum mc_err
send_chunk(struct signer *signer)
{
	struct signer_crl *job = signer->crl;
	size_t left = job->der.len - (size_t)job->chunk.offset;

	job->chunk.bytes = base_span_of(job->der.ptr + job->chunk.offset,
	    left < LIMIT_BULK_CHUNK ? left : LIMIT_BULK_CHUNK);
	return crl_ask(signer, MSG_CRL_CHUNK, &msg_crl_chunk_table, &job->chunk);
}

static enum mc_err
on_revoked(struct signer *signer, const struct base_item *item)
{
	struct signer_crl *job = signer->crl;
	struct msg_revoked_list_ans answer;
	enum mc_err ret = msg_decode(&msg_revoked_list_ans_table, item->payload, &answer);

	if (ret != MC_OK) {
		return ret;
	}
	ret = wire_status(answer.status, answer.detail);
	if (ret == MC_OK) {
		ret = crl_add(job->list, answer.entries);
	}
	if (ret == MC_OK && (item->flags & BASE_ITEM_MORE) != 0) {
		return MC_OK;
	}
	if (ret == MC_OK) {
		ret = crl_sign(job->list, job->issuer, &job->der);
	}
	if (ret == MC_OK) {
		job->chunk.total = job->der.len;
		job->chunk.offset = 0;
		ret = send_chunk(signer);
	}
	if (ret != MC_OK) {
		crl_end(signer, ret);
	}
	return MC_OK;
}

static enum mc_err
on_chunk(struct signer *signer, const struct base_item *item)
{
	struct signer_crl *job = signer->crl;
	struct msg_status_ans answer;
	enum mc_err ret = msg_decode(&msg_status_ans_table, item->payload, &answer);

	if (ret != MC_OK) {
		return ret;
	}
	ret = wire_status(answer.status, answer.detail);
	if (ret == MC_OK) {
		job->chunk.offset += job->chunk.bytes.len;
		if (job->chunk.offset < job->chunk.total) {
			ret = send_chunk(signer);
			if (ret == MC_OK) {
				return MC_OK;
			}
		}
	}
	crl_end(signer, ret);
	return MC_OK;
}

enum mc_err
signer_crl_answer(struct signer *signer, const struct base_item *item)
{
	struct signer_crl *job = signer->crl;

	/* What is left of a job that was given up (a list's further items) is of no use. */
	if (job == NULL || item->corr != job->corr || item->type != MSG_ANSWER(job->asked)) {
		return item->type == MSG_ANSWER(MSG_CRL_BEGIN) ||
			item->type == MSG_ANSWER(MSG_REVOKED_LIST) ||
			item->type == MSG_ANSWER(MSG_CRL_CHUNK)
		    ? MC_OK
		    : MC_FAIL(MC_EFRAME, "an answer of type %u to nothing",
			  (unsigned)item->type);
	}
	switch (job->asked) {
	case MSG_CRL_BEGIN:
		return on_begin(signer, item);
	case MSG_REVOKED_LIST:
		return on_revoked(signer, item);
	default:
		return on_chunk(signer, item);
	}
}

void
signer_crl_lost(struct signer *signer, const struct base_chan *chan)
{
	struct signer_crl *job = signer->crl;

	if (job == NULL) {
		return;
	}
	if (chan == NULL) {
		(void)MC_FAIL(MC_ENOTREADY, "the ledger went away");
		crl_end(signer, MC_ENOTREADY);
	} else if (job->from == chan) {
		job->from = NULL;
	}
}
