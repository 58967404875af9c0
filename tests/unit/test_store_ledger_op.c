/* SPDX-License-Identifier: Apache-2.0 */
/* A request in the ledger: what it may touch, its answers, and the memory that serves the next one. */
#include "ledger_fixture.h"

#include "check_main.h"

/* A ledger's end of a channel, without the rest of a ledger, and who asks at the other. */
struct world {
	struct base_loop *loop;
	struct ledger ledger;
	struct ledger_peer sender;
	struct ledger_op *asked;
	struct peer front;
};

static enum mc_err
on_asked(void *self, struct base_chan *chan, const struct base_item *item)
{
	struct world *world = self;

	(void)chan;
	return ledger_op_decode(&world->sender, item, &world->asked);
}

static void
on_sender_gone(void *self, struct base_chan *chan, enum mc_err why)
{
	(void)self;
	(void)chan;
	(void)why;
}

static void
world_start(struct world *world, enum msg_role role, const char *environment)
{
	int fds[2];

	memset(world, 0, sizeof(*world));
	world->loop = base_loop_new();
	ck_assert_int_eq(base_chan_pair(fds), MC_OK);
	world->sender = (struct ledger_peer){ .ledger = &world->ledger, .role = role, .refs = 1 };
	base_copy(world->sender.environment, environment, strlen(environment));
	world->sender.chan = base_chan_new(world->loop, fds[0], on_asked, on_sender_gone, world);
	world->front.chan = base_chan_new(world->loop, fds[1], peer_item, peer_gone, &world->front);
}

static void
world_end(struct world *world)
{
	ck_assert_uint_eq(world->sender.refs, 1);
	ledger_ops_free(&world->ledger);
	base_chan_free(world->sender.chan);
	base_chan_free(world->front.chan);
	for (unsigned i = 0; i < PEER_ANSWERS; i++) {
		base_buf_clear(&world->front.answers[i].payload);
	}
	base_loop_free(world->loop);
}

/* An item of a type, with an encoded message. */
static struct base_item
item_of(struct base_buf *payload, uint16_t type, const struct msg_table *table, const void *object)
{
	base_buf_init(payload, LIMIT_FRAME);
	ck_assert_int_eq(msg_encode(table, object, payload), MC_OK);
	return (struct base_item){ .type = type, .corr = 7, .payload = base_buf_span(payload), .fd = -1 };
}

static struct ledger_op *
decode_get(struct ledger_peer *peer, size_t serial_len)
{
	static const uint8_t serial[LIMIT_SERIAL] = { 9, 8, 7 };
	const struct msg_cert_get get = { base_span_of(serial, serial_len) };
	struct ledger_op *op = NULL;
	struct base_buf payload;
	struct base_item item = item_of(&payload, MSG_CERT_GET, &msg_cert_get_table, &get);

	ck_assert_int_eq(ledger_op_decode(peer, &item, &op), MC_OK);
	base_buf_clear(&payload); /* the request has its own copy */
	ck_assert_uint_eq(op->type, MSG_CERT_GET);
	ck_assert_uint_eq(op->corr, 7);
	ck_assert_ptr_eq(op->peer, peer);
	ck_assert(base_span_equal(op->msg.cert_get.serial, get.serial));
	return op;
}

START_TEST(a_request_is_in_its_senders_scope)
{
	static const struct {
		enum msg_role role;
		const char *environment, *scope;
		bool leaf_only;
	} CASES[] = {
		{ MSG_ROLE_SIGNER, "production", "production", true },
		{ MSG_ROLE_OPERATORS, "operators", "operators", true },
		{ MSG_ROLE_CEREMONY, "production", "", false },
		{ MSG_ROLE_FRONT, "", "", true },
	};
	struct world world;

	for (size_t i = 0; i < sizeof(CASES) / sizeof(CASES[0]); i++) {
		struct ledger_op *op;

		world_start(&world, CASES[i].role, CASES[i].environment);
		op = decode_get(&world.sender, 3);

		ck_assert(base_span_equal_str(op->scope.environment, CASES[i].scope));
		ck_assert(op->scope.leaf_only == CASES[i].leaf_only);
		ledger_op_free(op);
		world_end(&world);
	}
}
END_TEST

/* Its sender stays until the last of its requests has ended. */
START_TEST(a_malformed_request_leaves_nothing_behind)
{
	struct base_item item = { .type = MSG_CERT_GET, .payload = base_span_str("no such thing"), .fd = -1 };
	struct ledger_op *op = NULL;
	struct ledger_op *was;
	struct world world;
	struct ledger_peer *sender = &world.sender;

	world_start(&world, MSG_ROLE_FRONT, "");
	ck_assert_uint_eq(sender->refs, 1);
	ck_assert_int_eq(ledger_op_decode(sender, &item, &op), MC_EFRAME);
	ck_assert_ptr_null(op);
	ck_assert_uint_eq(sender->refs, 1);
	was = op = decode_get(sender, 3);
	ck_assert_uint_eq(sender->refs, 2);
	ck_assert_int_eq(ledger_op_decode(sender, &item, &op), MC_EFRAME);
	ck_assert_ptr_eq(op, was);
	ck_assert_uint_eq(sender->refs, 2);
	ledger_op_free(op);
	ck_assert_uint_eq(sender->refs, 1);
	/* one that has a type which carries nothing */
	item.type = MSG_USER_LIST;
	ck_assert_int_eq(ledger_op_decode(sender, &item, &op), MC_EFRAME);
	item.payload = base_span_of(NULL, 0);
	ck_assert_int_eq(ledger_op_decode(sender, &item, &op), MC_OK);
	ledger_op_free(op);
	world_end(&world);
}
END_TEST

/* Nothing of the one before is in it. */
START_TEST(memory_serves_the_next_request)
{
	struct ledger_op *first;
	struct ledger_op *second;
	struct world world;

	world_start(&world, MSG_ROLE_FRONT, "");
	first = decode_get(&world.sender, LIMIT_SERIAL);
	ledger_op_fail(first, MC_EBUSY, "not now");
	first->view.now_at = 5;
	ledger_op_free(first);
	ck_assert_uint_eq(world.ledger.spare_count, 1);
	second = decode_get(&world.sender, 1);
	ck_assert_ptr_eq(second, first);
	ck_assert_uint_eq(world.ledger.spare_count, 0);
	ck_assert_uint_eq(second->answers.len, 0);
	ck_assert(!base_buf_failed(&second->answers));
	ck_assert_int_eq(second->view.now_at, 0);
	ck_assert_ptr_null(second->next);
	ledger_op_free(second);
	ledger_ops_free(&world.ledger);
	ck_assert_uint_eq(world.ledger.spare_count, 0);
	ck_assert_ptr_null(world.ledger.spare);
	world_end(&world);
}
END_TEST

/* What is kept is small and there is not more of it than one signer has under way. */
START_TEST(kept_memory_has_bounds)
{
	static const uint8_t large[3000];
	static struct ledger_op *ops[LIMIT_CHAN_WINDOW + 2];
	const struct msg_inventory_chunk chunk = { .bytes = base_span_of(large, sizeof(large)) };
	struct msg_event_row row = { .note = base_span_of(large, 500) };
	struct ledger_op *op = NULL;
	struct base_buf payload;
	struct base_item item;
	struct world world;

	world_start(&world, MSG_ROLE_FRONT, "");
	item = item_of(&payload, MSG_INVENTORY_CHUNK, &msg_inventory_chunk_table, &chunk);
	ck_assert_int_eq(ledger_op_decode(&world.sender, &item, &op), MC_OK);
	ck_assert_uint_eq(op->msg.inventory_chunk.bytes.len, sizeof(large));
	ledger_op_free(op);
	ck_assert_uint_eq(world.ledger.spare_count, 0);
	/* nor does one that is kept serve a large one */
	ledger_op_free(decode_get(&world.sender, 1));
	ck_assert_int_eq(ledger_op_decode(&world.sender, &item, &op), MC_OK);
	ck_assert_uint_ge(op->payload_room, item.payload.len);
	ck_assert_uint_eq(world.ledger.spare_count, 1);
	ledger_op_free(op);
	base_buf_clear(&payload);
	op = decode_get(&world.sender, 1);
	for (unsigned i = 0; i < 10; i++) {
		ledger_op_put(op, &msg_event_row_table, &row);
	}
	ledger_op_free(op);
	ck_assert_uint_eq(world.ledger.spare_count, 1);
	ck_assert_uint_le(world.ledger.spare->answers.cap, 1024);
	for (unsigned i = 0; i < LIMIT_CHAN_WINDOW + 2; i++) {
		ops[i] = decode_get(&world.sender, 1);
	}
	for (unsigned i = 0; i < LIMIT_CHAN_WINDOW + 2; i++) {
		ledger_op_free(ops[i]);
	}
	ck_assert_uint_eq(world.ledger.spare_count, LIMIT_CHAN_WINDOW);
	world_end(&world);
}
END_TEST

/* The front asks; what fill() puts is the answer. */
static void
answer(struct world *world, void (*fill)(struct ledger_op *op))
{
	const struct msg_cert_get get = { base_span_str("none") };

	world->asked = NULL;
	peer_ask(&world->front, MSG_CERT_GET, &msg_cert_get_table, &get);
	for (unsigned i = 0; i < 4; i++) {
		base_loop_turn(world->loop, 0);
	}
	ck_assert_ptr_nonnull(world->asked);
	fill(world->asked);
	ledger_op_answer(world->asked);
	for (unsigned i = 0; i < 4; i++) {
		base_loop_turn(world->loop, 0);
	}
	ck_assert(!world->front.gone);
}

static void
fill_three(struct ledger_op *op)
{
	for (uint64_t i = 1; i <= 3; i++) {
		const struct msg_list_end end = { .next_seq = i };

		ledger_op_put(op, &msg_list_end_table, &end);
	}
}

static void
fill_failure_after_rows(struct ledger_op *op)
{
	char detail[2 * LIMIT_DETAIL];

	fill_three(op);
	memset(detail, 'd', sizeof(detail) - 1);
	detail[sizeof(detail) - 1] = '\0';
	ledger_op_fail(op, MC_EBUSY, detail);
}

static void
fill_too_much(struct ledger_op *op)
{
	static const uint8_t bytes[LIMIT_SERIAL + 1];
	const struct msg_cert_row row = { .serial = base_span_of(bytes, sizeof(bytes)) };

	fill_three(op);
	ledger_op_put(op, &msg_cert_row_table, &row);
}

static void
check_failure(const struct world *world, unsigned number, enum mc_err status, size_t detail_len)
{
	struct msg_cert_row row;

	ck_assert_int_eq(msg_decode(&msg_cert_row_table, base_buf_span(&world->front.answers[number].payload),
	                     &row),
	    MC_OK);
	ck_assert_uint_eq(row.status, status);
	ck_assert_uint_eq(row.detail.len, detail_len);
	ck_assert_uint_eq(row.seq, 0);
	ck_assert_uint_eq(row.cert.len, 0);
}

/* All but the last say that more follows. A failure is alone, in the answer's own form, with a line that fits. */
START_TEST(answers_go_in_order_and_a_failure_alone)
{
	struct world world;
	struct msg_list_end end;

	world_start(&world, MSG_ROLE_FRONT, "");
	answer(&world, fill_three);
	ck_assert_uint_eq(world.front.count, 3);
	for (unsigned i = 0; i < 3; i++) {
		ck_assert_uint_eq(world.front.answers[i].type, MSG_ANSWER(MSG_CERT_GET));
		ck_assert_uint_eq(world.front.answers[i].flags, i < 2 ? BASE_ITEM_MORE : 0);
		ck_assert_uint_eq(world.front.answers[i].corr, world.front.corr);
		ck_assert_int_eq(msg_decode(&msg_list_end_table,
		                     base_buf_span(&world.front.answers[i].payload), &end),
		    MC_OK);
		ck_assert_uint_eq(end.next_seq, i + 1);
	}
	answer(&world, fill_failure_after_rows);
	ck_assert_uint_eq(world.front.count, 4);
	check_failure(&world, 3, MC_EBUSY, LIMIT_DETAIL);
	answer(&world, fill_too_much);
	ck_assert_uint_eq(world.front.count, 5);
	check_failure(&world, 4, MC_ETOOBIG, strlen(mc_err_last()->detail));
	ck_assert_uint_eq(world.sender.refs, 1);
	world_end(&world);
}
END_TEST

/* Who is gone gets no answer, and the request ends all the same. */
START_TEST(an_answer_to_nobody_ends_its_request)
{
	struct world world;
	struct base_chan *chan;
	struct ledger_op *op;

	world_start(&world, MSG_ROLE_FRONT, "");
	chan = world.sender.chan;
	op = decode_get(&world.sender, 3);
	world.sender.chan = NULL;
	fill_three(op);
	ledger_op_answer(op);
	ck_assert_uint_eq(world.sender.refs, 1);
	ck_assert_uint_eq(world.ledger.spare_count, 1);
	world.sender.chan = chan;
	world_end(&world);
}
END_TEST

CHECK_MAIN("store_ledger_op", a_request_is_in_its_senders_scope, a_malformed_request_leaves_nothing_behind,
    memory_serves_the_next_request, kept_memory_has_bounds, answers_go_in_order_and_a_failure_alone,
    an_answer_to_nobody_ends_its_request)
