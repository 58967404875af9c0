/* SPDX-License-Identifier: Apache-2.0 */
#include "approval_make.h"
#include "store_fixture.h"

#include "check_main.h"

static enum mc_err
copy_row(void *arg, const struct store_cert *cert)
{
	struct msg_cert_row *row = arg;

	*row = cert->row;
	return MC_OK;
}

START_TEST(same_intent_is_answered_alike)
{
	struct store_intended again;
	struct fix_intent leaf;
	struct fix fix;
	uint64_t seq;

	fix_start(&fix);
	seq = fix_leaf(&fix, "spiffe://cluster.local/ns/a/sa/b", false, &leaf);
	ck_assert_uint_eq(seq, 3);
	ck_assert_int_eq(store_begin(fix.store), MC_OK);
	ck_assert_int_eq(store_intent_put(fix.store, &leaf.msg, FIX_NOW + 9, &again), MC_OK);
	ck_assert_uint_eq(again.seq, seq);
	ck_assert(!again.inserted);
	leaf.tbs[0] = 'X';
	ck_assert_int_eq(store_intent_put(fix.store, &leaf.msg, FIX_NOW, &again), MC_ESERIAL);
	ck_assert_int_eq(store_commit(fix.store), MC_OK);
	fix_end(&fix);
}
END_TEST

START_TEST(issuer_must_be_registered_and_fit)
{
	struct store_intended out;
	struct fix_intent leaf;
	struct fix fix;

	fix_start(&fix);
	ck_assert_int_eq(store_begin(fix.store), MC_OK);
	fix_intent_make(&fix, &leaf, MSG_PROFILE_SVID, "spiffe://x/y");
	leaf.msg.issuer_id[0] ^= 1;
	ck_assert_int_eq(store_intent_put(fix.store, &leaf.msg, FIX_NOW, &out), MC_EPOLICY);
	leaf.msg.issuer_id[0] ^= 1;
	leaf.msg.environment = base_span_str("staging");
	ck_assert_int_eq(store_intent_put(fix.store, &leaf.msg, FIX_NOW, &out), MC_EPOLICY);
	leaf.msg.environment = base_span_str("production");
	memset(leaf.msg.issuer_id, 0, 32);
	ck_assert_int_eq(store_intent_put(fix.store, &leaf.msg, FIX_NOW, &out), MC_EPOLICY);
	ck_assert_int_eq(store_commit(fix.store), MC_OK);
	fix_end(&fix);
}
END_TEST

static enum mc_err
see_issuer_revoked(void *arg, const struct store_cert *cert)
{
	*(bool *)arg = cert->row.issuer_revoked != 0;
	return MC_OK;
}

START_TEST(revoked_issuing_ca_gets_no_leaf)
{
	const struct store_view view = { FIX_NOW, 0 };
	struct msg_revoke revoke = { .reason = MSG_REASON_KEY_COMPROMISE };
	struct msg_user_put admin = { .name = base_span_str("alice"), .role = MSG_USER_ADMIN };
	struct store_intended out;
	struct fix_intent leaf;
	struct approver alice;
	uint8_t spki_sha256[32];
	struct fix fix;
	bool revoked = true;
	uint64_t seq;

	fix_start(&fix);
	seq = fix_leaf(&fix, "spiffe://x/y", true, &leaf);
	ck_assert_int_eq(store_cert_by_seq(fix.store, &view, seq, see_issuer_revoked, &revoked),
	    MC_OK);
	ck_assert(!revoked);
	revoke.serial = base_span_of(fix.ca_serial, leaf.msg.serial.len);
	ck_assert_int_eq(store_begin(fix.store), MC_OK);
	approver_make(&alice);
	base_crypto_sha256(base_span_of(alice.spki, sizeof(alice.spki)), spki_sha256);
	fix_person(&fix, &admin, spki_sha256, FIX_NOW + FIX_DAY);
	memcpy(revoke.approver_sha256, admin.cert_sha256, 32);
	approver_sign_revocation(&alice, &revoke, FIX_NOW + 300);
	approver_end(&alice);
	ck_assert_int_eq(store_revoke(fix.store, &revoke, FIX_NOW), MC_OK);
	fix_intent_make(&fix, &leaf, MSG_PROFILE_SVID, "spiffe://x/y");
	ck_assert_int_eq(store_intent_put(fix.store, &leaf.msg, FIX_NOW, &out), MC_ENOTREADY);
	fix_ca(&fix, MSG_PROFILE_ISSUING, "issuing 2", leaf.msg.issuer_id);
	ck_assert_int_eq(store_intent_put(fix.store, &leaf.msg, FIX_NOW, &out), MC_OK);
	ck_assert_int_eq(store_commit(fix.store), MC_OK);
	ck_assert_int_eq(store_cert_by_seq(fix.store, &view, seq, see_issuer_revoked, &revoked),
	    MC_OK);
	ck_assert(revoked);
	fix_end(&fix);
}
END_TEST

START_TEST(signature_is_scoped_and_written_once)
{
	const struct store_scope staging = { base_span_str("staging"), true };
	const struct store_scope production = { base_span_str("production"), true };
	struct msg_signature sig = { 0, { NULL, 0 }, base_span_of(FIX_TAIL, 8) };
	struct fix_intent leaf;
	struct fix fix;
	bool inserted = false;

	fix_start(&fix);
	sig.seq = fix_leaf(&fix, "spiffe://x/y", false, &leaf);
	sig.serial = leaf.msg.serial;
	ck_assert_int_eq(store_begin(fix.store), MC_OK);
	ck_assert_int_eq(store_signature_put(fix.store, &sig, &staging, &inserted),
	    MC_ENOTFOUND);
	ck_assert_int_eq(store_signature_put(fix.store, &sig, &production, &inserted), MC_OK);
	ck_assert(inserted);
	ck_assert_int_eq(store_signature_put(fix.store, &sig, &production, &inserted), MC_OK);
	ck_assert(!inserted);
	sig.tail = base_span_of("\x30\x02\x05\x00\x03\x02\x00\x02", 8);
	ck_assert_int_eq(store_signature_put(fix.store, &sig, &production, &inserted),
	    MC_ECONFLICT);
	sig.seq = 99;
	ck_assert_int_eq(store_signature_put(fix.store, &sig, &production, &inserted),
	    MC_ENOTFOUND);
	sig.seq = 3;
	sig.serial = base_span_str("another");
	ck_assert_int_eq(store_signature_put(fix.store, &sig, &production, &inserted),
	    MC_ENOTFOUND);
	sig.tail = base_span_of(FIX_TAIL, 7);
	ck_assert_int_eq(store_signature_put(fix.store, &sig, &production, &inserted),
	    MC_EUSAGE);
	ck_assert_int_eq(store_commit(fix.store), MC_OK);
	fix_end(&fix);
}
END_TEST

START_TEST(signature_long_after_its_intent)
{
	const struct store_view view = { FIX_NOW, 0 };
	struct msg_cert_row row;
	struct fix_intent leaf;
	struct fix fix;
	uint64_t seq;

	fix_start(&fix);
	seq = fix_leaf(&fix, "spiffe://x/y", false, &leaf);
	fix_reopen(&fix);
	ck_assert_int_eq(store_begin(fix.store), MC_OK);
	ck_assert_int_eq(fix_sign(&fix, seq, leaf.msg.serial), MC_OK);
	ck_assert_int_eq(store_commit(fix.store), MC_OK);
	ck_assert_int_eq(store_cert_by_seq(fix.store, &view, seq, copy_row, &row), MC_OK);
	ck_assert_int_eq(row.state, MSG_STATE_SIGNED);
	fix_end(&fix);
}
END_TEST

START_TEST(states_follow_boundary_time_and_revocation)
{
	struct store_view view = { FIX_NOW, 2 };
	struct msg_cert_row row;
	struct msg_revoke revoke = { .reason = MSG_REASON_SUPERSEDED };
	struct fix_intent leaf;
	struct fix fix;
	uint64_t seq;

	fix_start(&fix);
	seq = fix_leaf(&fix, "spiffe://x/y", false, &leaf);
	ck_assert_int_eq(store_cert_by_seq(fix.store, &view, seq, copy_row, &row), MC_OK);
	ck_assert_int_eq(row.state, MSG_STATE_INTENDED);
	ck_assert_uint_eq(row.cert.len, 0);
	view.boundary_seq = seq;
	ck_assert_int_eq(store_cert_by_seq(fix.store, &view, seq, copy_row, &row), MC_OK);
	ck_assert_int_eq(row.state, MSG_STATE_UNCONFIRMED);
	view.now_at = FIX_NOW + 2 * FIX_DAY;
	ck_assert_int_eq(store_cert_by_seq(fix.store, &view, seq, copy_row, &row), MC_OK);
	ck_assert_int_eq(row.state, MSG_STATE_EXPIRED);
	revoke.serial = leaf.msg.serial;
	ck_assert_int_eq(store_begin(fix.store), MC_OK);
	ck_assert_int_eq(store_revoke(fix.store, &revoke, FIX_NOW), MC_OK);
	ck_assert_int_eq(store_commit(fix.store), MC_OK);
	ck_assert_int_eq(store_cert_by_seq(fix.store, &view, seq, copy_row, &row), MC_OK);
	ck_assert_int_eq(row.state, MSG_STATE_REVOKED);
	ck_assert_int_eq(row.reason, MSG_REASON_SUPERSEDED);
	fix_end(&fix);
}
END_TEST

CHECK_MAIN("store_sqlite_intent", same_intent_is_answered_alike,
    issuer_must_be_registered_and_fit, revoked_issuing_ca_gets_no_leaf,
    signature_is_scoped_and_written_once,
    signature_long_after_its_intent,
    states_follow_boundary_time_and_revocation)
