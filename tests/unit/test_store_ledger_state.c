/* SPDX-License-Identifier: Apache-2.0 */
/* What a short or full disk stops, and what not. */
#include "../fault/vfs_drop.h"
#include "ledger_fixture.h"

#include "check_main.h"

START_TEST(low_disk_refuses_intents_but_revokes)
{
	const struct msg_inventory_put put = { .environment = base_span_str("production") };
	struct msg_revoke revoke = { .reason = MSG_REASON_SUPERSEDED };
	struct msg_intent_ans out;
	struct msg_cert_row row;
	struct fix_intent leaf;
	struct bench bench;
	struct peer *signer;
	struct peer *front;

	bench_start(&bench);
	signer = peer_start(&bench, MSG_ROLE_SIGNER, "production");
	front = peer_start(&bench, MSG_ROLE_FRONT, "");
	live_intent(&bench, &leaf, MSG_PROFILE_SVID, "spiffe://x/y");
	ck_assert_int_eq(peer_intent(&bench, signer, &leaf.msg, &out), MC_OK);
	bench.ledger->disk_reserve_bytes = UINT64_MAX / 2;
	ledger_look(bench.ledger);
	ck_assert_int_eq(bench.state, MSG_RS_BLOCKED);
	revoke.serial = leaf.msg.serial;
	ck_assert_int_eq(peer_call(&bench, front, MSG_REVOKE, &msg_revoke_table, &revoke,
	                     &msg_cert_row_table, &row),
	    MC_OK);
	live_intent(&bench, &leaf, MSG_PROFILE_SVID, "spiffe://x/y");
	ck_assert_int_eq(peer_intent(&bench, signer, &leaf.msg, &out), MC_ENOSPACE);
	ck_assert_int_eq(send_piece(&bench, front, 0, 0, base_span_str(DOCUMENT)), MC_OK);
	ck_assert_int_eq(send_put(&bench, front, &put), MC_ENOSPACE);
	bench.ledger->disk_reserve_bytes = 0;
	ledger_look(bench.ledger);
	ck_assert_int_eq(bench.state, MSG_RS_READY);
	ck_assert_int_eq(peer_intent(&bench, signer, &leaf.msg, &out), MC_OK);
	peer_end(signer);
	peer_end(front);
	bench_end(&bench);
}
END_TEST

/* Full to the last byte: an intent finds no room, a revocation takes of what was kept for it. */
START_TEST(full_disk_refuses_intents_but_revokes)
{
	struct msg_revoke revoke = { .reason = MSG_REASON_SUPERSEDED };
	struct msg_intent_ans out;
	struct msg_cert_row row;
	struct fix_intent leaf;
	struct fix_intent more;
	struct bench bench;
	struct peer *signer;
	struct peer *front;
	char reserve[128];
	struct stat st;

	vfs_drop_reset(1);
	bench_start_vfs(&bench, vfs_drop_name());
	(void)snprintf(reserve, sizeof(reserve), "%s.reserve", bench.fix.path);
	ck_assert_int_eq(stat(reserve, &st), 0);
	ck_assert_int_eq(st.st_size, 4 * RESERVE_STEP);
	ck_assert_int_ge(st.st_blocks * 512, st.st_size);
	signer = peer_start(&bench, MSG_ROLE_SIGNER, "production");
	front = peer_start(&bench, MSG_ROLE_FRONT, "");
	live_intent(&bench, &leaf, MSG_PROFILE_SVID, "spiffe://x/y");
	ck_assert_int_eq(peer_intent(&bench, signer, &leaf.msg, &out), MC_OK);
	revoke.serial = leaf.msg.serial;
	vfs_drop_full_beside(reserve);
	bench.ledger->disk_reserve_bytes = UINT64_MAX / 2; /* what statvfs says of a full one */
	live_intent(&bench, &more, MSG_PROFILE_SVID, "spiffe://x/y");
	ck_assert_int_eq(peer_intent(&bench, signer, &more.msg, &out), MC_ENOSPACE);
	ck_assert_int_eq(bench.state, MSG_RS_BLOCKED);
	ck_assert_int_eq(stat(reserve, &st), 0);
	ck_assert_int_eq(st.st_size, 4 * RESERVE_STEP); /* not for intents */
	ck_assert_int_eq(peer_call(&bench, front, MSG_REVOKE, &msg_revoke_table, &revoke,
	                     &msg_cert_row_table, &row),
	    MC_OK);
	ck_assert_int_eq(row.state, MSG_STATE_REVOKED);
	ck_assert_int_eq(stat(reserve, &st), 0);
	ck_assert_int_eq(st.st_size, 3 * RESERVE_STEP);
	ledger_look(bench.ledger);
	ck_assert_int_eq(peer_intent(&bench, signer, &more.msg, &out), MC_ENOSPACE);
	/* Room again: first the reserve, then issuance. */
	vfs_drop_full_beside(NULL);
	bench.ledger->disk_reserve_bytes = 0;
	ledger_look(bench.ledger);
	ck_assert_int_eq(stat(reserve, &st), 0);
	ck_assert_int_eq(st.st_size, 4 * RESERVE_STEP);
	ck_assert_int_eq(bench.state, MSG_RS_READY);
	ck_assert_int_eq(peer_intent(&bench, signer, &more.msg, &out), MC_OK);
	peer_end(signer);
	peer_end(front);
	bench_end(&bench);
}
END_TEST

CHECK_MAIN("store_ledger_state", low_disk_refuses_intents_but_revokes,
    full_disk_refuses_intents_but_revokes)
