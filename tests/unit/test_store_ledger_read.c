/* SPDX-License-Identifier: Apache-2.0 */
/* Queries: pages and their cursors, and whom they hold up. */
#include "ledger_fixture.h"

#include "check_main.h"

/* A window full of the front's queries: the keeper's is answered, and not after them all. */
START_TEST(queries_of_the_front_hold_up_nobody_else)
{
	const struct msg_cert_list list = { .limit = LIMIT_PAGE };
	const struct msg_empty empty = { 0 };
	struct msg_list_end end;
	struct bench bench;
	struct peer *keeper;
	struct peer *front;

	bench_start(&bench);
	keeper = peer_start(&bench, MSG_ROLE_KEEPER, "");
	front = peer_start(&bench, MSG_ROLE_FRONT, "");
	for (unsigned i = 0; i < LIMIT_CHAN_WINDOW; i++) {
		peer_ask(front, MSG_CERT_LIST, &msg_cert_list_table, &list);
	}
	while (bench.ledger->front_reads.count < LIMIT_LEDGER_READS) {
		base_loop_turn(bench.loop, 0);
	}
	peer_ask(keeper, MSG_CRL_STATUS, &msg_empty_table, &empty);
	while (keeper->count == 0 || keeper->answers[keeper->count - 1].flags != 0) {
		base_loop_turn(bench.loop, 0);
	}
	ck_assert_int_eq(msg_decode(&msg_list_end_table,
	                     base_buf_span(&keeper->answers[keeper->count - 1].payload), &end),
	    MC_OK);
	ck_assert_uint_eq(end.status, MC_OK);
	peer_end(front);
	peer_end(keeper);
	bench_end(&bench);
}
END_TEST

START_TEST(list_ends_with_its_cursor)
{
	struct msg_cert_list list = { .limit = 2 };
	struct msg_cert_row row;
	struct msg_list_end end;
	struct bench bench;
	struct peer *front;

	bench_start(&bench);
	front = peer_start(&bench, MSG_ROLE_FRONT, "");
	list.limit = 1;
	peer_ask(front, MSG_CERT_LIST, &msg_cert_list_table, &list);
	peer_wait(&bench, front, 2);
	ck_assert_uint_eq(front->count, 2);
	ck_assert_uint_eq(front->answers[0].flags, BASE_ITEM_MORE);
	ck_assert_uint_eq(front->answers[1].flags, 0);
	ck_assert_int_eq(msg_decode(&msg_cert_row_table,
	                     base_buf_span(&front->answers[0].payload), &row),
	    MC_OK);
	ck_assert_uint_eq(row.seq, 2);
	ck_assert_int_eq(msg_decode(&msg_list_end_table,
	                     base_buf_span(&front->answers[1].payload), &end),
	    MC_OK);
	ck_assert_uint_eq(end.next_seq, 2);
	list.limit = 0;
	peer_ask(front, MSG_CERT_LIST, &msg_cert_list_table, &list);
	peer_wait(&bench, front, 3);
	ck_assert_int_eq(msg_decode(&msg_list_end_table,
	                     base_buf_span(&front->answers[2].payload), &end),
	    MC_OK);
	ck_assert_uint_eq(end.status, MC_EUSAGE);
	peer_end(front);
	bench_end(&bench);
}
END_TEST

CHECK_MAIN("store_ledger_read", queries_of_the_front_hold_up_nobody_else,
    list_ends_with_its_cursor)
