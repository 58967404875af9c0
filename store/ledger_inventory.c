/* SPDX-License-Identifier: Apache-2.0 */
/* Documents larger than a frame: their pieces gather at the peer, and go to the writer with the request. */
#include "base/mem.h"
#include "store/ledger_int.h"

static struct ledger_document *
find(struct ledger_peer *peer, const uint8_t id[16])
{
	for (unsigned i = 0; i < LIMIT_APPLYING; i++) {
		struct ledger_document *document = &peer->documents[i];

		if (document->bytes.len != 0 &&
		    base_span_equal(base_span_of(document->id, 16), base_span_of(id, 16))) {
			return document;
		}
	}
	return NULL;
}

/* A place for a new one: that of the one begun first when all are taken. */
static struct ledger_document *
begin(struct ledger_peer *peer, const uint8_t id[16])
{
	struct ledger_document *place = find(peer, id);

	for (unsigned i = 0; place == NULL && i < LIMIT_APPLYING; i++) {
		if (peer->documents[i].bytes.len == 0) {
			place = &peer->documents[i];
		}
	}
	if (place == NULL) {
		place = &peer->documents[0];
		for (unsigned i = 1; i < LIMIT_APPLYING; i++) {
			if (peer->documents[i].number < place->number) {
				place = &peer->documents[i];
			}
		}
	}
	base_buf_clear(&place->bytes);
	base_buf_init(&place->bytes, LIMIT_APPLIED);
	base_copy(place->id, id, sizeof(place->id));
	place->number = ++peer->document_count;
	return place;
}

static enum mc_err
too_big(void)
{
	return MC_FAIL(MC_ETOOBIG, "an inventory has at most %d bytes", LIMIT_APPLIED);
}

enum mc_err
ledger_document_add(struct ledger_peer *peer, const struct msg_inventory_chunk *chunk)
{
	struct ledger_document *document = chunk->offset == 0 ? begin(peer, chunk->request_id)
	                                                      : find(peer, chunk->request_id);

	if (document == NULL || chunk->offset != document->bytes.len) {
		return MC_FAIL(MC_ECONFLICT, "other inventories came between; apply it again");
	}
	base_buf_append_span(&document->bytes, chunk->bytes);
	return base_buf_failed(&document->bytes) ? too_big() : MC_OK;
}

enum mc_err
ledger_document_take(struct ledger_op *op)
{
	struct ledger *ledger = op->peer->ledger;
	struct ledger_document *document = find(op->peer, op->msg.inventory_put.request_id);

	if (document == NULL) {
		return MC_FAIL(MC_ECONFLICT, "the inventory's pieces are not here; apply it again");
	}
	if (base_buf_failed(&document->bytes)) {
		return too_big(); /* what is here is the part that fitted */
	}
	if (ledger->documents >= LIMIT_APPLYING) {
		return MC_FAIL(MC_EBUSY, "other inventories are being applied");
	}
	ledger->documents++;
	op->document = document->bytes;
	base_buf_init(&document->bytes, LIMIT_APPLIED);
	return MC_OK;
}

void
ledger_document_drop(struct ledger_op *op)
{
	if (op->document.len != 0) {
		op->peer->ledger->documents--;
	}
	base_buf_clear(&op->document);
}

void
ledger_documents_clear(struct ledger_peer *peer)
{
	for (unsigned i = 0; i < LIMIT_APPLYING; i++) {
		base_buf_clear(&peer->documents[i].bytes);
	}
}
