/* SPDX-License-Identifier: Apache-2.0 */
/* Documents that come in pieces: which piece follows which, and how many may be on their way. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "store/ledger_int.h"

#include "check_main.h"

/* A peer of a ledger, without the rest of it. */
struct world {
	struct ledger ledger;
	struct ledger_peer peer;
};

static void
start(struct world *world)
{
	memset(world, 0, sizeof(*world));
	world->peer = (struct ledger_peer){ .ledger = &world->ledger, .refs = 1 };
}

static void
end(struct world *world)
{
	ledger_documents_clear(&world->peer);
	ck_assert_uint_eq(world->ledger.documents, 0);
}

static enum mc_err
add(struct world *world, uint8_t request, uint64_t offset, struct base_span bytes)
{
	struct msg_inventory_chunk chunk = { .offset = offset, .bytes = bytes };

	memset(chunk.request_id, request, sizeof(chunk.request_id));
	return ledger_document_add(&world->peer, &chunk);
}

static struct ledger_op
op_of(struct world *world, uint8_t request)
{
	struct ledger_op op = { .peer = &world->peer, .type = MSG_INVENTORY_PUT };

	memset(op.msg.inventory_put.request_id, request, 16);
	return op;
}

static struct ledger_op *
op_new(struct world *world, uint8_t request)
{
	struct ledger_op *op = base_xcalloc(1, sizeof(*op));

	op->peer = &world->peer;
	memset(op->msg.inventory_put.request_id, request, 16);
	return op;
}

START_TEST(pieces_follow_each_other)
{
	struct world world;
	struct ledger_op op;

	start(&world);
	ck_assert_int_eq(add(&world, 1, 3, base_span_str("def")), MC_ECONFLICT); /* nothing was begun */
	ck_assert_int_eq(add(&world, 1, 0, base_span_str("abc")), MC_OK);
	ck_assert_int_eq(add(&world, 1, 2, base_span_str("def")), MC_ECONFLICT);
	ck_assert_int_eq(add(&world, 1, 4, base_span_str("def")), MC_ECONFLICT);
	ck_assert_int_eq(add(&world, 2, 3, base_span_str("def")), MC_ECONFLICT); /* another's */
	/* one that did not fit took nothing away */
	ck_assert_int_eq(add(&world, 1, 3, base_span_str("def")), MC_OK);
	op = op_of(&world, 2);
	ck_assert_int_eq(ledger_document_take(&op), MC_ECONFLICT);
	ck_assert_uint_eq(op.document.len, 0);
	op = op_of(&world, 1);
	ck_assert_int_eq(ledger_document_take(&op), MC_OK);
	ck_assert(base_span_equal_str(base_buf_span(&op.document), "abcdef"));
	ck_assert_uint_eq(world.ledger.documents, 1);
	ledger_document_drop(&op);
	ck_assert_uint_eq(world.ledger.documents, 0);
	ck_assert_uint_eq(op.document.len, 0);
	ledger_document_drop(&op); /* one without a document holds none */
	ck_assert_uint_eq(world.ledger.documents, 0);
	/* it went whole: its pieces serve once */
	op = op_of(&world, 1);
	ck_assert_int_eq(ledger_document_take(&op), MC_ECONFLICT);
	ck_assert_int_eq(add(&world, 1, 6, base_span_str("ghi")), MC_ECONFLICT);
	end(&world);
}
END_TEST

START_TEST(offset_zero_begins_anew)
{
	struct world world;
	struct ledger_op op;

	start(&world);
	ck_assert_int_eq(add(&world, 1, 0, base_span_str("old")), MC_OK);
	ck_assert_int_eq(add(&world, 1, 0, base_span_str("new")), MC_OK);
	op = op_of(&world, 1);
	ck_assert_int_eq(ledger_document_take(&op), MC_OK);
	ck_assert(base_span_equal_str(base_buf_span(&op.document), "new"));
	ledger_document_drop(&op);
	end(&world);
}
END_TEST

START_TEST(one_more_drops_the_oldest)
{
	struct world world;
	struct ledger_op op;

	start(&world);
	for (uint8_t i = 1; i <= LIMIT_APPLYING; i++) {
		ck_assert_int_eq(add(&world, i, 0, base_span_str("a")), MC_OK);
	}
	/* begun anew it is the youngest; then 2 is the oldest */
	ck_assert_int_eq(add(&world, 1, 0, base_span_str("a")), MC_OK);
	ck_assert_int_eq(add(&world, 99, 0, base_span_str("a")), MC_OK);
	ck_assert_int_eq(add(&world, 2, 1, base_span_str("b")), MC_ECONFLICT);
	for (uint8_t i = 1; i <= LIMIT_APPLYING; i++) {
		ck_assert_int_eq(add(&world, i, 1, base_span_str("b")), i == 2 ? MC_ECONFLICT : MC_OK);
	}
	/* a place that was taken from is free: nobody goes for the next one */
	op = op_of(&world, 3);
	ck_assert_int_eq(ledger_document_take(&op), MC_OK);
	ck_assert_int_eq(add(&world, 100, 0, base_span_str("a")), MC_OK);
	ck_assert_int_eq(add(&world, 4, 2, base_span_str("c")), MC_OK);
	ledger_document_drop(&op);
	end(&world);
}
END_TEST

/* Of all peers together, since each may hold LIMIT_APPLIED bytes. */
START_TEST(so_many_are_applied_at_once)
{
	struct ledger_op *ops[LIMIT_APPLYING + 1];
	struct world world;

	start(&world);
	for (uint8_t i = 0; i < LIMIT_APPLYING; i++) {
		ck_assert_int_eq(add(&world, i, 0, base_span_str("a")), MC_OK);
		ops[i] = op_new(&world, i);
		ck_assert_int_eq(ledger_document_take(ops[i]), MC_OK);
	}
	ck_assert_int_eq(add(&world, 50, 0, base_span_str("late")), MC_OK);
	ops[LIMIT_APPLYING] = op_new(&world, 50);
	ck_assert_int_eq(ledger_document_take(ops[LIMIT_APPLYING]), MC_EBUSY);
	ck_assert_uint_eq(world.ledger.documents, LIMIT_APPLYING);
	/* it stays for the next attempt */
	ledger_document_drop(ops[0]);
	ck_assert_int_eq(ledger_document_take(ops[LIMIT_APPLYING]), MC_OK);
	ck_assert(base_span_equal_str(base_buf_span(&ops[LIMIT_APPLYING]->document), "late"));
	for (unsigned i = 0; i <= LIMIT_APPLYING; i++) {
		ledger_document_drop(ops[i]);
		free(ops[i]);
	}
	end(&world);
}
END_TEST

/* Exactly the limit is taken; one byte more is refused, and so is everything after it. */
START_TEST(a_document_has_a_limit)
{
	static uint8_t piece[LIMIT_BULK_CHUNK];
	struct world world;
	struct ledger_op op;
	uint64_t at = 0;

	start(&world);
	memset(piece, 'x', sizeof(piece));
	while (at < LIMIT_APPLIED) {
		size_t len = LIMIT_APPLIED - at < sizeof(piece) ? LIMIT_APPLIED - at : sizeof(piece);

		ck_assert_int_eq(add(&world, 1, at, base_span_of(piece, len)), MC_OK);
		at += len;
	}
	ck_assert_int_eq(add(&world, 1, at, base_span_of(piece, 1)), MC_ETOOBIG);
	ck_assert_int_eq(add(&world, 1, at, base_span_of(piece, 1)), MC_ETOOBIG);
	/* what was refused is not applied: not even the part that fitted */
	op = op_of(&world, 1);
	ck_assert_int_eq(ledger_document_take(&op), MC_ETOOBIG);
	/* begun anew it may be whole */
	ck_assert_int_eq(add(&world, 1, 0, base_span_of(piece, 1)), MC_OK);
	ck_assert_int_eq(ledger_document_take(&op), MC_OK);
	ck_assert_uint_eq(op.document.len, 1);
	ledger_document_drop(&op);
	end(&world);
}
END_TEST

CHECK_MAIN("store_ledger_inventory", pieces_follow_each_other, offset_zero_begins_anew,
    one_more_drops_the_oldest, so_many_are_applied_at_once, a_document_has_a_limit)
