/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A leaf's way: INTENT sent, acknowledged, signed, SIGNATURE sent, recorded. Only
 * on_intent() below reaches issuer_sign_leaf(), with the acknowledgement it was called for.
 *
 * A ledger that dies takes no request with it: intents and signatures without an answer are
 * sent again, the same bytes, to the next one, which takes them once.
 */
#include <stdlib.h>

#include "base/log.h"
#include "base/mem.h"
#include "ca/signer.h"

/* Buffers above this give their memory back after use. */
#define KEEP_BYTES 8192

/* --- queues and slots --- */

static void
queue_put(struct signer_queue *queue, struct signer_request *request)
{
	request->next = NULL;
	if (queue->tail == NULL) {
		queue->head = request;
	} else {
		queue->tail->next = request;
	}
	queue->tail = request;
}

static struct signer_request *
queue_take(struct signer_queue *queue)
{
	struct signer_request *request = queue->head;

	if (request != NULL) {
		queue->head = request->next;
		if (queue->head == NULL) {
			queue->tail = NULL;
		}
	}
	return request;
}

void
signer_requests_init(struct signer *signer)
{
	signer->requests = base_xcalloc(SIGNER_REQUESTS, sizeof(*signer->requests));
	for (size_t i = SIGNER_REQUESTS; i-- > 0;) {
		struct signer_request *request = &signer->requests[i];
		base_buf_init(&request->tbs, LIMIT_TBS);
		base_buf_init(&request->intent, LIMIT_FRAME);
		base_buf_init(&request->tail, LIMIT_SIGNATURE);
		request->next = signer->free_list;
		signer->free_list = request;
	}
	base_buf_init(&signer->cert, LIMIT_CERT);
	signer->sweep = base_timer_new(signer->loop, signer_sweep, signer);
}

void
signer_requests_clear(struct signer *signer)
{
	for (size_t i = 0; i < SIGNER_REQUESTS; i++) {
		base_buf_clear(&signer->requests[i].tbs);
		base_buf_clear(&signer->requests[i].intent);
		base_buf_clear(&signer->requests[i].tail);
		free(signer->requests[i].user);
	}
	base_buf_clear(&signer->cert);
	base_timer_free(signer->sweep);
	free(signer->requests);
}

struct signer_request *
signer_request_new(struct signer *signer)
{
	struct signer_request *request = signer->free_list;

	if (request == NULL) {
		(void)MC_FAIL(MC_EBUSY, "%d requests are under way", SIGNER_REQUESTS);
		return NULL;
	}
	signer->free_list = request->next;
	signer->request_count++;
	request->next = NULL;
	return request;
}

static void
buf_keep(struct base_buf *buf)
{
	if (buf->cap > KEEP_BYTES) {
		base_buf_clear(buf);
	}
	base_buf_reset(buf);
}

void
signer_request_drop(struct signer *signer, struct signer_request *request)
{
	buf_keep(&request->tbs);
	buf_keep(&request->intent);
	buf_keep(&request->tail);
	free(request->user);
	request->user = NULL;
	request->from = NULL;
	request->corr = 0;
	request->seq = 0;
	request->step = SIGNER_FREE;
	request->next = signer->free_list;
	signer->free_list = request;
	signer->request_count--;
	signer_settle(signer);
}

/* The request that an answer belongs to: its slot is in the correlation. */
static struct signer_request *
request_find(struct signer *signer, uint64_t corr, enum signer_step step)
{
	struct signer_request *request = &signer->requests[corr % SIGNER_REQUESTS];

	return request->corr == corr && request->step == step ? request : NULL;
}

static uint64_t
fresh_corr(struct signer *signer, const struct signer_request *request)
{
	return ++signer->next_corr * SIGNER_REQUESTS + (uint64_t)(request - signer->requests);
}

/* --- sending --- */

static enum mc_err
send_signature(struct signer *signer, struct signer_request *request)
{
	struct msg_signature msg = {
	    .seq = request->seq,
	    .serial = base_span_of(request->serial, sizeof(request->serial)),
	    .tail = base_buf_span(&request->tail),
	};
	enum mc_err ret = msg_send(signer->ledger, MSG_SIGNATURE, 0, request->corr,
	    &msg_signature_table, &msg);

	if (ret == MC_OK) {
		request->step = SIGNER_SIGNATURE_SENT;
	}
	return ret;
}

static enum mc_err
send_one(struct signer *signer, struct signer_request *request)
{
	request->corr = fresh_corr(signer, request);
	if (request->step == SIGNER_SIGNATURE_WAITS) {
		return send_signature(signer, request);
	}
	if (request->step == SIGNER_USER_WAITS) {
		return signer_user_send(signer, request);
	}
	enum mc_err ret = base_chan_send(signer->ledger, MSG_INTENT, 0, request->corr,
	    base_buf_span(&request->intent));
	if (ret == MC_OK) {
		request->step = SIGNER_INTENT_SENT;
	}
	return ret;
}

/* Leaves leave room for a CRL, however many wait. */
static bool
has_room(const struct signer *signer)
{
	return signer->ledger != NULL && base_chan_has_credit(signer->ledger) &&
	    base_chan_pending(signer->ledger) < LIMIT_CHAN_WINDOW - SIGNER_CRL_CREDITS;
}

static void
pump_queue(struct signer *signer, struct signer_queue *queue)
{
	while (queue->head != NULL && has_room(signer)) {
		struct signer_request *request = queue_take(queue);
		if (send_one(signer, request) != MC_OK) {
			/* The channel broke under it: first in line at the next one. */
			request->next = queue->head;
			queue->head = request;
			if (queue->tail == NULL) {
				queue->tail = request;
			}
			return;
		}
	}
}

void
signer_ledger_pump(struct signer *signer)
{
	pump_queue(signer, &signer->to_record); /* what is signed comes first */
	pump_queue(signer, &signer->to_sign);
}

void
signer_request_submit(struct signer *signer, struct signer_request *request)
{
	request->step = SIGNER_INTENT_WAITS;
	request->deadline_us = base_loop_now_us(signer->loop) + SIGNER_WAIT_US;
	queue_put(&signer->to_sign, request);
	signer_ledger_pump(signer);
}

void
signer_ledger_lost(struct signer *signer)
{
	signer->ledger = NULL;
	for (size_t i = 0; i < SIGNER_REQUESTS; i++) {
		struct signer_request *request = &signer->requests[i];
		if (request->step == SIGNER_INTENT_SENT) {
			request->step = SIGNER_INTENT_WAITS;
			queue_put(&signer->to_sign, request);
		} else if (request->step == SIGNER_SIGNATURE_SENT) {
			request->step = SIGNER_SIGNATURE_WAITS;
			queue_put(&signer->to_record, request);
		} else if (request->step == SIGNER_USER_SENT) {
			request->step = SIGNER_USER_WAITS;
			queue_put(&signer->to_record, request);
		}
	}
	signer_crl_lost(signer, NULL);
}

void
signer_peer_lost(struct signer *signer, const struct base_chan *chan)
{
	for (size_t i = 0; i < SIGNER_REQUESTS; i++) {
		if (signer->requests[i].from == chan) {
			signer->requests[i].from = NULL;
		}
	}
	signer_crl_lost(signer, chan);
}

/* Refuses intents that found no ledger in time. One that an earlier ledger may have stored stays
 * there without a signature: it is never signed. */
void
signer_sweep(void *self)
{
	struct signer *signer = self;
	int64_t now = base_loop_now_us(signer->loop);
	struct signer_queue left = {NULL, NULL};
	struct signer_request *request;

	while ((request = queue_take(&signer->to_sign)) != NULL) {
		if (request->deadline_us > now) {
			queue_put(&left, request);
			continue;
		}
		(void)MC_FAIL(MC_ENOTREADY, "the ledger did not take the intent in %d s",
		    SIGNER_WAIT_US / 1000000);
		signer_refuse(signer, request, MC_ENOTREADY);
		signer_request_drop(signer, request);
	}
	signer->to_sign = left;
	signer_report(signer); /* the clock may have jumped, the issuer expired */
	base_timer_set_us(signer->sweep, SIGNER_WAIT_US / 10);
}

/* --- answers --- */

static void
refuse_and_drop(struct signer *signer, struct signer_request *request, enum mc_err err)
{
	signer_refuse(signer, request, err);
	signer_request_drop(signer, request);
}

/* The acknowledged intent is signed; everything else about it was decided before. */
static enum mc_err
sign(struct signer *signer, struct signer_request *request,
    const struct msg_intent_ans *answer)
{
	struct base_span tbs = base_buf_span(&request->tbs);
	struct issuer *issuer = signer_active(signer);
	struct issuer_ack ack;
	enum mc_err ret = issuer_ack_read(answer, tbs, &ack);

	if (ret != MC_OK) {
		return ret;
	}
	request->seq = ack.seq;
	ret = issuer_sign_leaf(issuer, &ack, tbs, &request->tail);
	if (ret == MC_ECRYPTO) {
		/* A key that miscomputes may betray itself: stop using it. */
		base_log_fatal("signature-failed", ret);
	}
	return ret;
}

static enum mc_err
on_intent(struct signer *signer, const struct base_item *item)
{
	struct msg_intent_ans answer;
	struct signer_request *request =
	    request_find(signer, item->corr, SIGNER_INTENT_SENT);
	enum mc_err ret = msg_decode(&msg_intent_ans_table, item->payload, &answer);

	if (ret != MC_OK || request == NULL) {
		return ret != MC_OK ? ret : MC_FAIL(MC_EFRAME, "an answer to no intent");
	}
	enum mc_err status = mc_err_from_wire(answer.status);
	if (status != MC_OK) {
		(void)MC_FAIL(status, "%.*s", (int)answer.detail.len,
		    (const char *)answer.detail.ptr);
		refuse_and_drop(signer, request, status);
		return MC_OK;
	}
	if (answer.duplicate != 0) {
		signer_answer_duplicate(request, &answer);
		signer_request_drop(signer, request);
		return MC_OK;
	}
	if (request->from == NULL) {
		/* Nobody waits for it: it stays unsigned. */
		signer_request_drop(signer, request);
		return MC_OK;
	}
	ret = sign(signer, request, &answer);
	if (ret != MC_OK) {
		refuse_and_drop(signer, request, ret);
		return MC_OK;
	}
	signer->signed_count++;
	if (!request->confirm) {
		signer_answer(signer, request);
	}
	request->step = SIGNER_SIGNATURE_WAITS;
	queue_put(&signer->to_record, request);
	return MC_OK;
}

static enum mc_err
on_signature(struct signer *signer, const struct base_item *item)
{
	struct msg_status_ans answer;
	struct signer_request *request =
	    request_find(signer, item->corr, SIGNER_SIGNATURE_SENT);
	enum mc_err ret = msg_decode(&msg_status_ans_table, item->payload, &answer);

	if (ret != MC_OK || request == NULL) {
		return ret != MC_OK ? ret : MC_FAIL(MC_EFRAME, "an answer to no signature");
	}
	enum mc_err status = mc_err_from_wire(answer.status);
	if (status != MC_OK) {
		(void)MC_FAIL(status, "%.*s", (int)answer.detail.len,
		    (const char *)answer.detail.ptr);
		base_log_err(LOG_LVL_ERROR, "signature-not-recorded", status);
		refuse_and_drop(signer, request, status);
		return MC_OK;
	}
	if (request->user != NULL) {
		request->step = SIGNER_USER_WAITS;
		queue_put(&signer->to_record, request);
		return MC_OK;
	}
	signer_answer(signer, request);
	signer_request_drop(signer, request);
	return MC_OK;
}

static enum mc_err
on_user_put(struct signer *signer, const struct base_item *item)
{
	struct msg_status_ans answer;
	struct signer_request *request = request_find(signer, item->corr, SIGNER_USER_SENT);
	enum mc_err ret = msg_decode(&msg_status_ans_table, item->payload, &answer);

	if (ret != MC_OK || request == NULL) {
		return ret != MC_OK ? ret : MC_FAIL(MC_EFRAME, "an answer to no user");
	}
	enum mc_err status = mc_err_from_wire(answer.status);
	if (status != MC_OK) {
		(void)MC_FAIL(status, "%.*s", (int)answer.detail.len,
		    (const char *)answer.detail.ptr);
		refuse_and_drop(signer, request, status);
		return MC_OK;
	}
	signer_answer(signer, request);
	signer_request_drop(signer, request);
	return MC_OK;
}

enum mc_err
signer_ledger_answer(struct signer *signer, const struct base_item *item)
{
	enum mc_err ret = MC_EINTERNAL;

	switch (item->type) {
	case MSG_ANSWER(MSG_INTENT):
		ret = on_intent(signer, item);
		break;
	case MSG_ANSWER(MSG_SIGNATURE):
		ret = on_signature(signer, item);
		break;
	case MSG_ANSWER(MSG_USER_PUT):
		ret = on_user_put(signer, item);
		break;
	default:
		return signer_crl_answer(signer, item);
	}
	signer_ledger_pump(signer);
	return ret;
}
