/* SPDX-License-Identifier: Apache-2.0 */
/* A document larger than a frame: its pieces gather at the peer, and go to the writer with the request. */
#include "base/mem.h"
#include "store/ledger_int.h"

enum mc_err
ledger_document_add(struct ledger_peer *peer, const struct msg_inventory_chunk *chunk)
{
	struct base_buf *document = &peer->document;

	if (chunk->offset == 0) {
		base_buf_clear(document);
		base_buf_init(document, LIMIT_APPLIED);
		base_copy(peer->document_id, chunk->request_id, sizeof(peer->document_id));
	}
	if (!base_span_equal(base_span_of(peer->document_id, sizeof(peer->document_id)),
	        base_span_of(chunk->request_id, sizeof(chunk->request_id))) ||
	    chunk->offset != document->len) {
		return MC_FAIL(MC_ECONFLICT, "another inventory came between; apply it again");
	}
	base_buf_append_span(document, chunk->bytes);
	return base_buf_failed(document) ? MC_FAIL(MC_ETOOBIG, "an inventory has at most %d bytes",
	                                       LIMIT_APPLIED) :
	                                   MC_OK;
}

enum mc_err
ledger_document_take(struct ledger_op *op)
{
	struct ledger_peer *peer = op->peer;

	if (peer->document.len == 0 ||
	    !base_span_equal(base_span_of(peer->document_id, sizeof(peer->document_id)),
	        base_span_of(op->msg.inventory_put.request_id, sizeof(peer->document_id)))) {
		return MC_FAIL(MC_ECONFLICT, "the inventory's pieces are not here; apply it again");
	}
	op->document = peer->document;
	base_buf_init(&peer->document, LIMIT_APPLIED);
	return MC_OK;
}
