/* SPDX-License-Identifier: Apache-2.0 */
/* A serving ledger in this process, and peers that talk to it over real channels. */
#ifndef TESTS_LEDGER_FIXTURE_H
#define TESTS_LEDGER_FIXTURE_H

#include "base/loop.h"
#include "store/ledger_int.h"
#include "store_fixture.h"

#define PEER_ANSWERS 64

struct answer {
	uint16_t type;
	uint16_t flags;
	uint64_t corr;
	struct base_buf payload;
};

struct peer {
	struct base_chan *chan;
	struct answer answers[PEER_ANSWERS];
	unsigned count;
	bool gone;
	enum mc_err why;
	uint64_t corr;
};

struct bench {
	struct fix fix; /* store is NULL while the ledger has it */
	struct base_loop *loop;
	struct ledger *ledger;
	enum msg_role_state state;
};

static inline enum mc_err
peer_item(void *self, struct base_chan *chan, const struct base_item *item)
{
	struct peer *peer = self;
	struct answer *answer = &peer->answers[peer->count % PEER_ANSWERS];

	(void)chan;
	if (item->type == MSG_HELLO) {
		return MC_OK;
	}
	base_buf_clear(&answer->payload);
	base_buf_init(&answer->payload, LIMIT_FRAME);
	base_buf_append_span(&answer->payload, item->payload);
	answer->type = item->type;
	answer->flags = item->flags;
	answer->corr = item->corr;
	peer->count++;
	return MC_OK;
}

static inline void
peer_gone(void *self, struct base_chan *chan, enum mc_err why)
{
	struct peer *peer = self;

	(void)chan;
	peer->gone = true;
	peer->why = why;
}

static inline void
bench_tell(void *arg, enum msg_role_state state, const char *detail)
{
	struct bench *bench = arg;

	(void)detail;
	bench->state = state;
}

static inline void
bench_open(struct bench *bench)
{
	bench->loop = base_loop_new();
	bench->ledger = ledger_new(bench->loop, NULL, bench_tell, bench);
	bench->ledger->path = base_xstrdup(bench->fix.path);
	bench->ledger->vfs = bench->fix.vfs;
	bench->ledger->reserve_bytes = 4 * RESERVE_STEP;
	ck_assert_int_eq(ledger_open(bench->ledger), MC_OK);
}

/* The database with its authority, then the ledger over it. */
static inline void
bench_start_vfs(struct bench *bench, const char *vfs)
{
	memset(bench, 0, sizeof(*bench));
	fix_start_vfs(&bench->fix, vfs);
	store_close(bench->fix.store);
	bench->fix.store = NULL;
	bench_open(bench);
}

static inline void
bench_start(struct bench *bench)
{
	bench_start_vfs(bench, NULL);
}

static inline void
bench_close(struct bench *bench)
{
	ledger_free(bench->ledger);
	base_loop_free(bench->loop);
	bench->ledger = NULL;
	bench->loop = NULL;
}

static inline void
bench_end(struct bench *bench)
{
	bench_close(bench);
	fix_end(&bench->fix);
}

static inline struct peer *
peer_start(struct bench *bench, enum msg_role role, const char *environment)
{
	struct peer *peer = base_xcalloc(1, sizeof(*peer));
	int fds[2];

	ck_assert_int_eq(base_chan_pair(fds), MC_OK);
	ledger_peer_add(bench->ledger, fds[0], role, base_span_str(environment));
	peer->chan = base_chan_new(bench->loop, fds[1], peer_item, peer_gone, peer);
	ck_assert_int_eq(msg_hello_send(peer->chan, role, environment), MC_OK);
	return peer;
}

static inline void
peer_end(struct peer *peer)
{
	base_chan_free(peer->chan);
	for (unsigned i = 0; i < PEER_ANSWERS; i++) {
		base_buf_clear(&peer->answers[i].payload);
	}
	free(peer);
}

static inline void
peer_ask(struct peer *peer, uint16_t type, const struct msg_table *table, const void *object)
{
	ck_assert_int_eq(msg_send(peer->chan, type, 0, ++peer->corr, table, object), MC_OK);
}

/* Turns until the peer has so many answers in all, or is gone. */
static inline void
peer_wait(struct bench *bench, struct peer *peer, unsigned count)
{
	int64_t end_us = base_clock_boot_us() + 10000000;

	while (peer->count < count && !peer->gone && base_clock_boot_us() < end_us) {
		base_loop_turn(bench->loop, 100);
	}
}

/* Asks, waits for one answer, decodes it; returns its status. */
static inline enum mc_err
peer_call(struct bench *bench, struct peer *peer, uint16_t type, const struct msg_table *table,
    const void *object, const struct msg_table *answer_table, void *answer)
{
	struct msg_status_ans status;
	unsigned before = peer->count;

	peer_ask(peer, type, table, object);
	peer_wait(bench, peer, before + 1);
	if (peer->gone) {
		return MC_EPEER;
	}
	ck_assert_uint_eq(peer->count, before + 1);
	ck_assert_int_eq(msg_decode(answer_table,
	                     base_buf_span(&peer->answers[before % PEER_ANSWERS].payload), answer),
	    MC_OK);
	memcpy(&status, answer, sizeof(status));
	return mc_err_from_wire(status.status);
}

static inline enum mc_err
peer_intent(struct bench *bench, struct peer *peer, const struct msg_intent *intent,
    struct msg_intent_ans *out)
{
	return peer_call(bench, peer, MSG_INTENT, &msg_intent_table, intent,
	    &msg_intent_ans_table, out);
}

static inline enum mc_err
peer_sign(struct bench *bench, struct peer *peer, uint64_t seq, struct base_span serial)
{
	const struct msg_signature sig = { seq, serial, base_span_of(FIX_TAIL, 8) };
	struct msg_status_ans out;

	return peer_call(bench, peer, MSG_SIGNATURE, &msg_signature_table, &sig,
	    &msg_status_ans_table, &out);
}

/* An intent of now, as a running signer would make it. */
static inline void
live_intent(struct bench *bench, struct fix_intent *out, uint8_t profile, const char *identity)
{
	int64_t now_at = base_clock_now();

	fix_intent_make(&bench->fix, out, profile, identity);
	out->msg.not_before_at = now_at - LIMIT_BACKDATE_S;
	out->msg.not_after_at = now_at + FIX_DAY;
}

/* An applied copy with one identity, and its way to the ledger. */
#define DOCUMENT                                                                       \
	"meshca-inventory-v1\nenvironment\tproduction\ntrust-domain\tcluster.local\n"  \
	"registration\tregistered-only\nregistrations\t1\n"                           \
	"shop\tcart\tactive\t0\t\t\t\n{}\n"

static inline enum mc_err
send_piece(struct bench *bench, struct peer *front, uint8_t request, uint64_t offset,
    struct base_span bytes)
{
	struct msg_inventory_chunk chunk = { .offset = offset, .bytes = bytes };
	struct msg_status_ans done;

	memset(chunk.request_id, request, sizeof(chunk.request_id));
	return peer_call(bench, front, MSG_INVENTORY_CHUNK, &msg_inventory_chunk_table, &chunk,
	    &msg_status_ans_table, &done);
}

static inline enum mc_err
send_put(struct bench *bench, struct peer *front, const struct msg_inventory_put *put)
{
	struct msg_inventory_row row;

	return peer_call(bench, front, MSG_INVENTORY_PUT, &msg_inventory_put_table, put,
	    &msg_inventory_row_table, &row);
}

#endif
