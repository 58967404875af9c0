/* SPDX-License-Identifier: Apache-2.0 */
#include "api/link.h"

#include <string.h>
#include <unistd.h>

#include "base/msg_query.h"
#include "tests/unit/check_main.h"

/* The ledger's end of a channel: holds requests until the test says what to do with them. */
struct peer {
	struct base_chan *chan;
	uint64_t corrs[LIMIT_CHAN_WINDOW];
	unsigned count;
	unsigned greeted;
	unsigned gone;
};

struct caller {
	unsigned items;
	unsigned ended;
	enum mc_err status;
	bool had_item;
};

static struct base_loop *loop;
static struct link *the_link;

static enum mc_err
peer_item(void *self, struct base_chan *chan, const struct base_item *item)
{
	struct peer *peer = self;

	(void)chan;
	if (item->type == MSG_HELLO) {
		peer->greeted++;
		return msg_hello_check(item, MSG_ROLE_FRONT, NULL);
	}
	ck_assert_uint_lt(peer->count, LIMIT_CHAN_WINDOW);
	peer->corrs[peer->count++] = item->corr;
	return MC_OK;
}

static void
peer_gone(void *self, struct base_chan *chan, enum mc_err why)
{
	struct peer *peer = self;

	(void)why;
	peer->gone++;
	base_chan_free(chan);
	peer->chan = NULL;
}

static void
turns(int count)
{
	for (int i = 0; i < count; i++) {
		base_loop_turn(loop, 0);
	}
}

static void
wait_ms(int ms)
{
	int64_t until_us = base_loop_now_us(loop) + ms * 1000;

	while (base_loop_now_us(loop) < until_us) {
		base_loop_turn(loop, 5);
	}
}

static void
peer_attach(struct peer *peer, uint32_t generation, enum msg_role role)
{
	int fds[2];

	memset(peer, 0, sizeof(*peer));
	ck_assert_int_eq(base_chan_pair(fds), MC_OK);
	peer->chan = base_chan_new(loop, fds[1], peer_item, peer_gone, peer);
	ck_assert_int_eq(msg_hello_send(peer->chan, role, NULL), MC_OK);
	link_attach(the_link, fds[0], generation);
	turns(3);
}

static void
peer_answer(struct peer *peer, unsigned index, enum mc_err status, uint16_t flags)
{
	struct msg_status_ans answer = {.status = status};

	ck_assert_int_eq(msg_send(peer->chan, MSG_ANSWER(MSG_CERT_GET), flags, peer->corrs[index],
	    &msg_status_ans_table, &answer), MC_OK);
	turns(3);
}

static void
answered(void *self, enum mc_err status, const struct base_item *item, bool more)
{
	struct caller *caller = self;

	ck_assert_uint_eq(caller->ended, 0);
	caller->items++;
	caller->ended += !more;
	caller->status = status;
	caller->had_item = item != NULL;
}

static enum mc_err
call(struct caller *caller, int timeout_ms)
{
	struct msg_cert_get get = {.serial = base_span_str("serial")};

	*caller = (struct caller){0};
	return link_call(the_link, MSG_CERT_GET, &msg_cert_get_table, &get, timeout_ms, answered,
	    caller);
}

static void
open_link(void)
{
	loop = base_loop_new();
	the_link = link_new(loop, MSG_ROLE_LEDGER, NULL);
}

static void
close_link(struct peer *peer)
{
	link_free(the_link);
	base_chan_free(peer->chan);
	base_loop_free(loop);
}

START_TEST(test_call_and_answer)
{
	struct caller caller;
	static struct peer peer;

	open_link();
	ck_assert(!link_is_up(the_link));
	ck_assert_int_eq(call(&caller, 0), MC_ENOTREADY);
	peer_attach(&peer, 1, MSG_ROLE_LEDGER);
	ck_assert(link_is_up(the_link) && link_has_credit(the_link));
	ck_assert_uint_eq(peer.greeted, 1);
	ck_assert_int_eq(call(&caller, 1000), MC_OK);
	turns(3);
	peer_answer(&peer, 0, MC_OK, BASE_ITEM_MORE);
	ck_assert_uint_eq(caller.items, 1);
	ck_assert_uint_eq(caller.ended, 0);
	peer_answer(&peer, 0, MC_ENOTFOUND, 0);
	ck_assert_uint_eq(caller.ended, 1);
	ck_assert_int_eq(caller.status, MC_ENOTFOUND);
	ck_assert(caller.had_item);
	close_link(&peer);
}
END_TEST

START_TEST(test_waits_for_a_peer)
{
	struct caller caller;
	struct caller late;
	static struct peer peer;

	open_link();
	ck_assert_int_eq(call(&late, 30), MC_OK);
	ck_assert_int_eq(call(&caller, 10000), MC_OK);
	wait_ms(80);
	ck_assert_uint_eq(late.ended, 1);
	ck_assert_int_eq(late.status, MC_EDEADLINE);
	ck_assert(!late.had_item);
	ck_assert_uint_eq(caller.ended, 0);
	peer_attach(&peer, 1, MSG_ROLE_LEDGER);
	ck_assert_uint_eq(peer.count, 1);
	peer_answer(&peer, 0, MC_OK, 0);
	ck_assert_int_eq(caller.status, MC_OK);
	ck_assert_uint_eq(caller.ended, 1);
	close_link(&peer);
}
END_TEST

START_TEST(test_window_then_queue_then_busy)
{
	static struct caller callers[2 * LIMIT_CHAN_WINDOW + 1];
	static struct peer peer;
	unsigned ended = 0;

	open_link();
	peer_attach(&peer, 1, MSG_ROLE_LEDGER);
	for (unsigned i = 0; i < 2 * LIMIT_CHAN_WINDOW; i++) {
		ck_assert_int_eq(call(&callers[i], 60000), MC_OK);
		ck_assert_int_eq(link_has_credit(the_link), i + 1 < LIMIT_CHAN_WINDOW);
	}
	ck_assert_int_eq(call(&callers[2 * LIMIT_CHAN_WINDOW], 60000), MC_EBUSY);
	for (int i = 0; i < 10000 && ended < 2 * LIMIT_CHAN_WINDOW; i++) {
		turns(1);
		for (unsigned k = 0; k < peer.count; k++) {
			struct msg_status_ans answer = {.status = MC_OK};

			ck_assert_int_eq(msg_send(peer.chan, MSG_ANSWER(MSG_CERT_GET), 0,
			    peer.corrs[k], &msg_status_ans_table, &answer), MC_OK);
			ended++;
		}
		peer.count = 0;
	}
	turns(100);
	for (unsigned i = 0; i < 2 * LIMIT_CHAN_WINDOW; i++) {
		ck_assert_uint_eq(callers[i].ended, 1);
		ck_assert_int_eq(callers[i].status, MC_OK);
	}
	close_link(&peer);
}
END_TEST

START_TEST(test_death_of_the_peer)
{
	struct caller under_way;
	struct caller forgotten;
	struct caller next;
	static struct peer peer;
	static struct peer second;

	open_link();
	peer_attach(&peer, 1, MSG_ROLE_LEDGER);
	ck_assert_int_eq(call(&under_way, 10000), MC_OK);
	ck_assert_int_eq(call(&forgotten, 10000), MC_OK);
	turns(3);
	link_forget(the_link, &forgotten);
	base_chan_free(peer.chan);
	peer.chan = NULL;
	turns(3);
	ck_assert_uint_eq(under_way.ended, 1);
	ck_assert_int_eq(under_way.status, MC_EPEER);
	ck_assert_uint_eq(forgotten.items, 0);
	ck_assert(!link_is_up(the_link));
	ck_assert_int_eq(call(&next, 10000), MC_OK);
	peer_attach(&second, 1, MSG_ROLE_LEDGER);
	peer_answer(&second, 0, MC_OK, 0);
	ck_assert_int_eq(next.status, MC_OK);
	ck_assert_uint_eq(next.ended, 1);
	close_link(&second);
}
END_TEST

START_TEST(test_hand_over_between_generations)
{
	struct caller old_call;
	struct caller new_call;
	static struct peer old_peer;
	static struct peer new_peer;
	static struct peer stale;

	open_link();
	peer_attach(&old_peer, 1, MSG_ROLE_LEDGER);
	ck_assert_int_eq(call(&old_call, 10000), MC_OK);
	turns(3);
	peer_attach(&new_peer, 2, MSG_ROLE_LEDGER);
	ck_assert_int_eq(call(&new_call, 10000), MC_OK);
	turns(3);
	ck_assert_uint_eq(old_peer.count, 1);
	ck_assert_uint_eq(new_peer.count, 1);
	ck_assert_uint_eq(old_peer.gone, 0);
	peer_answer(&old_peer, 0, MC_OK, 0);
	turns(3);
	ck_assert_uint_eq(old_call.ended, 1);
	ck_assert_uint_eq(old_peer.gone, 1); /* its last call under way is done: closed */
	peer_attach(&stale, 1, MSG_ROLE_LEDGER);
	ck_assert_uint_eq(stale.gone, 1);
	peer_answer(&new_peer, 0, MC_OK, 0);
	ck_assert_uint_eq(new_call.ended, 1);
	close_link(&new_peer);
}
END_TEST

START_TEST(test_late_and_forgotten_answers_go_nowhere)
{
	struct caller late;
	struct caller forgotten;
	static struct peer peer;

	open_link();
	peer_attach(&peer, 1, MSG_ROLE_LEDGER);
	ck_assert_int_eq(call(&late, 10), MC_OK);
	ck_assert_int_eq(call(&forgotten, 10000), MC_OK);
	link_forget(the_link, &forgotten);
	wait_ms(60);
	ck_assert_int_eq(late.status, MC_EDEADLINE);
	peer_answer(&peer, 0, MC_OK, 0);
	peer_answer(&peer, 1, MC_OK, 0);
	ck_assert_uint_eq(late.items, 1);
	ck_assert_uint_eq(forgotten.items, 0);
	ck_assert_uint_eq(peer.gone, 0);
	close_link(&peer);
}
END_TEST

START_TEST(test_a_stranger_is_dropped)
{
	struct caller caller;
	static struct peer peer;

	open_link();
	peer_attach(&peer, 1, MSG_ROLE_KEEPER);
	ck_assert_uint_eq(peer.gone, 1);
	ck_assert(!link_is_up(the_link));
	/* A peer that asks front, or answers with less than a status, is dropped, too. */
	peer_attach(&peer, 1, MSG_ROLE_LEDGER);
	ck_assert_int_eq(base_chan_send(peer.chan, MSG_REVOKE, 0, 1, base_span_str("12345")), MC_OK);
	turns(3);
	ck_assert_uint_eq(peer.gone, 1);
	peer_attach(&peer, 1, MSG_ROLE_LEDGER);
	ck_assert_int_eq(call(&caller, 10000), MC_OK);
	turns(3);
	ck_assert_int_eq(base_chan_send(peer.chan, MSG_ANSWER(MSG_CERT_GET), 0, peer.corrs[0],
	    base_span_str("abc")), MC_OK);
	turns(3);
	ck_assert_uint_eq(peer.gone, 1);
	ck_assert_int_eq(caller.status, MC_EPEER);
	ck_assert_uint_eq(caller.ended, 1);
	close_link(&peer);
}
END_TEST

CHECK_MAIN("api_link", test_call_and_answer, test_waits_for_a_peer,
    test_window_then_queue_then_busy, test_death_of_the_peer,
    test_hand_over_between_generations, test_late_and_forgotten_answers_go_nowhere,
    test_a_stranger_is_dropped)
