/* SPDX-License-Identifier: Apache-2.0 */
/* A request's way through the ledger: made of an item, answered, and its memory used for the next. */
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/rd.h"
#include "store/ledger_int.h"

#define ANSWERS_MAX LIMIT_CRL /* the longest answer lists the revocations of a CRL */
#define SPARE_MAX LIMIT_CHAN_WINDOW /* requests kept: what one signer has under way */
#define SPARE_PAYLOAD 2048    /* their room: the intent of an RSA-2048 key takes 1.4 kB */
#define SPARE_ANSWERS 1024    /* an intent's or a signature's answer takes 256 */

/* --- messages --- */

struct kind {
	uint16_t type;
	const struct msg_table *request;
	const struct msg_table *answer; /* the first item's, also of a failure */
};

static const struct kind *
kind_of(uint16_t type)
{
	static const struct kind OTHER = { 0, &msg_empty_table, &msg_status_ans_table };
	static const struct kind KINDS[] = {
		{ MSG_INTENT, &msg_intent_table, &msg_intent_ans_table },
		{ MSG_SIGNATURE, &msg_signature_table, &msg_status_ans_table },
		{ MSG_ISSUER_PUT, &msg_issuer_put_table, &msg_status_ans_table },
		{ MSG_CRL_BEGIN, &msg_crl_begin_table, &msg_crl_begin_ans_table },
		{ MSG_REVOKED_LIST, &msg_revoked_list_table, &msg_revoked_list_ans_table },
		{ MSG_CRL_CHUNK, &msg_crl_chunk_table, &msg_status_ans_table },
		{ MSG_USER_PUT, &msg_user_put_table, &msg_status_ans_table },
		{ MSG_CERT_GET, &msg_cert_get_table, &msg_cert_row_table },
		{ MSG_CERT_LIST, &msg_cert_list_table, &msg_list_end_table },
		{ MSG_REVOKE, &msg_revoke_table, &msg_cert_row_table },
		{ MSG_ISSUER_LIST, &msg_issuer_list_table, &msg_list_end_table },
		{ MSG_BUNDLE_GET, &msg_bundle_get_table, &msg_bundle_ans_table },
		{ MSG_CRL_GET, &msg_crl_get_table, &msg_crl_ans_table },
		{ MSG_CRL_STATUS, &msg_empty_table, &msg_list_end_table },
		{ MSG_USER_GET, &msg_user_get_table, &msg_user_row_table },
		{ MSG_USER_LIST, &msg_empty_table, &msg_list_end_table },
		{ MSG_USER_REMOVE, &msg_user_remove_table, &msg_status_ans_table },
		{ MSG_EVENT_LIST, &msg_event_list_table, &msg_list_end_table },
		{ MSG_LEDGER_STATUS, &msg_empty_table, &msg_ledger_status_ans_table },
		{ MSG_CONFIG_PUT, &msg_config_put_table, &msg_status_ans_table },
		{ MSG_UNSEALED, &msg_unsealed_table, &msg_status_ans_table },
		{ MSG_CTL_CLOCK, &msg_ctl_clock_table, &msg_status_ans_table },
		{ MSG_INVENTORY_CHUNK, &msg_inventory_chunk_table, &msg_status_ans_table },
		{ MSG_INVENTORY_PUT, &msg_inventory_put_table, &msg_inventory_row_table },
		{ MSG_INVENTORY_GET, &msg_inventory_get_table, &msg_inventory_row_table },
		{ MSG_REGISTRATION_LIST, &msg_registration_list_table, &msg_list_end_table },
	};

	for (size_t i = 0; i < sizeof(KINDS) / sizeof(KINDS[0]); i++) {
		if (KINDS[i].type == type) {
			return &KINDS[i];
		}
	}
	return &OTHER;
}

/* --- requests --- */

/* One for an item of so many bytes; all but its buffers is zero. */
static struct ledger_op *
op_take(struct ledger *ledger, size_t payload_len)
{
	struct ledger_op *op = ledger->spare;
	size_t room = payload_len > SPARE_PAYLOAD ? payload_len : SPARE_PAYLOAD;
	struct base_buf answers;

	if (op == NULL || payload_len > SPARE_PAYLOAD) {
		op = base_xcalloc(1, sizeof(*op) + room);
		op->payload_room = room;
		base_buf_init(&op->answers, ANSWERS_MAX);
		return op;
	}
	ledger->spare = op->next;
	ledger->spare_count--;
	answers = op->answers;
	memset(op, 0, sizeof(*op));
	op->answers = answers;
	op->payload_room = SPARE_PAYLOAD;
	return op;
}

static void
op_release(struct ledger_op *op)
{
	base_buf_clear(&op->answers);
	free(op);
}

void
ledger_op_free(struct ledger_op *op)
{
	struct ledger *ledger = op->peer->ledger;

	ledger_document_drop(op);
	ledger_peer_unref(op->peer);
	if (ledger->spare_count >= SPARE_MAX || op->payload_room > SPARE_PAYLOAD) {
		op_release(op);
		return;
	}
	if (op->answers.cap > SPARE_ANSWERS) {
		base_buf_clear(&op->answers);
	}
	base_buf_reset(&op->answers);
	op->next = ledger->spare;
	ledger->spare = op;
	ledger->spare_count++;
}

void
ledger_ops_free(struct ledger *ledger)
{
	while (ledger->spare != NULL) {
		struct ledger_op *op = ledger->spare;

		ledger->spare = op->next;
		op_release(op);
	}
	ledger->spare_count = 0;
}

enum mc_err
ledger_op_decode(struct ledger_peer *peer, const struct base_item *item, struct ledger_op **out)
{
	struct ledger_op *op = op_take(peer->ledger, item->payload.len);
	enum mc_err ret;

	op->peer = peer;
	peer->refs++;
	op->type = item->type;
	op->corr = item->corr;
	base_copy(op->payload, item->payload.ptr, item->payload.len);
	if (peer->role != MSG_ROLE_CEREMONY) {
		op->scope.environment = base_span_str(peer->environment);
		op->scope.leaf_only = true;
	}
	ret = msg_decode(kind_of(item->type)->request,
	    base_span_of(op->payload, item->payload.len), &op->msg);
	if (ret != MC_OK) {
		ledger_op_free(op);
		return ret;
	}
	*out = op;
	return MC_OK;
}

/* --- answers --- */

void
ledger_op_put(struct ledger_op *op, const struct msg_table *table, const void *object)
{
	size_t at = op->answers.len;
	size_t len;

	base_buf_append_le32(&op->answers, 0);
	if (msg_encode(table, object, &op->answers) != MC_OK) {
		ledger_op_fail(op, MC_ETOOBIG, mc_err_last()->detail);
		return;
	}
	len = op->answers.len - at - 4;
	for (unsigned i = 0; i < 4; i++) {
		op->answers.ptr[at + i] = (uint8_t)(len >> (8 * i));
	}
}

void
ledger_op_fail(struct ledger_op *op, enum mc_err status, const char *detail)
{
	union {
		struct msg_status_ans answer;
		uint8_t room[MSG_STRUCT_MAX];
	} object = { .room = { 0 } };

	object.answer.status = status;
	object.answer.detail = base_span_str(detail);
	if (object.answer.detail.len > LIMIT_DETAIL) {
		object.answer.detail.len = LIMIT_DETAIL;
	}
	base_buf_reset(&op->answers);
	ledger_op_put(op, kind_of(op->type)->answer, &object);
}

void
ledger_op_answer(struct ledger_op *op)
{
	struct base_rd rd;
	struct base_span item;
	enum mc_err sent = MC_OK;

	base_rd_init(&rd, base_buf_span(&op->answers));
	while (op->peer->chan != NULL && rd.left != 0 && sent == MC_OK) {
		item = base_rd_bytes(&rd, base_rd_le32(&rd));
		sent = base_chan_send(op->peer->chan, MSG_ANSWER(op->type),
		    rd.left != 0 ? BASE_ITEM_MORE : 0, op->corr, item);
	}
	/* A peer that is gone or does not read misses its answer; it asks again. */
	if (sent != MC_OK && sent != MC_EPEER) {
		base_log_err(LOG_LVL_WARN, "answer-not-sent", sent);
	}
	ledger_op_free(op);
}
