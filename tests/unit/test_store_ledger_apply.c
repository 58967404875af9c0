/* SPDX-License-Identifier: Apache-2.0 */
/* Each change by itself: duplicates, registrations, approvals, events, a doubtful clock. */
#include <sqlite3.h>

#include "approval_make.h"
#include "ledger_fixture.h"

#include "check_main.h"

/* A person's certificate with a role, written while the ledger is down. */
static void
person(struct fix *fix, const char *name, uint8_t role, const struct approver *holder,
    uint8_t cert_sha256[32])
{
	struct msg_user_put put = { .name = base_span_str(name), .role = role };
	uint8_t spki_sha256[32];

	fix->store = fix_open(fix, STORE_WRITER);
	ck_assert_ptr_nonnull(fix->store);
	ck_assert_int_eq(store_begin(fix->store), MC_OK);
	base_crypto_sha256(base_span_of(holder->spki, sizeof(holder->spki)), spki_sha256);
	fix_person(fix, &put, spki_sha256, base_clock_now() + FIX_DAY);
	ck_assert_int_eq(store_commit(fix->store), MC_OK);
	store_close(fix->store);
	fix->store = NULL;
	memcpy(cert_sha256, put.cert_sha256, 32);
}

static enum mc_err
remove_through(struct bench *bench, struct peer *front, const struct msg_user_remove *msg)
{
	struct msg_status_ans done;

	return peer_call(bench, front, MSG_USER_REMOVE, &msg_user_remove_table, msg,
	    &msg_status_ans_table, &done);
}

/* It has the channel, every certificate and every key hash, but no administrator's key. */
START_TEST(a_stolen_front_removes_nobody)
{
	struct msg_user_remove remove = { .name = base_span_str("bob") };
	struct approver alice;
	struct approver thief;
	struct bench bench;
	struct peer *front;
	uint8_t bob[32];

	bench_start(&bench);
	bench_close(&bench);
	approver_make(&alice);
	approver_make(&thief);
	person(&bench.fix, "alice", MSG_USER_ADMIN, &alice, remove.approver_sha256);
	person(&bench.fix, "bob", MSG_USER_VIEWER, &thief, bob);
	bench_open(&bench);
	front = peer_start(&bench, MSG_ROLE_FRONT, "");
	ck_assert_int_eq(remove_through(&bench, front, &remove), MC_EAPPROVAL);
	approver_sign(&thief, &remove, base_clock_now() + 60);
	ck_assert_int_eq(remove_through(&bench, front, &remove), MC_EAPPROVAL);
	remove.approver_spki = base_span_of(alice.spki, sizeof(alice.spki));
	ck_assert_int_eq(remove_through(&bench, front, &remove), MC_EAPPROVAL);
	/* What alice signs serves once, whoever sends it. */
	approver_sign(&alice, &remove, base_clock_now() + 60);
	ck_assert_int_eq(remove_through(&bench, front, &remove), MC_OK);
	peer_end(front);
	bench_close(&bench);
	person(&bench.fix, "bob", MSG_USER_VIEWER, &thief, bob);
	bench_open(&bench);
	front = peer_start(&bench, MSG_ROLE_FRONT, "");
	ck_assert_int_eq(remove_through(&bench, front, &remove), MC_EAPPROVAL);
	ck_assert(!front->gone);
	approver_end(&alice);
	approver_end(&thief);
	peer_end(front);
	bench_end(&bench);
}
END_TEST

static enum mc_err
revoke_through(struct bench *bench, struct peer *front, const struct msg_revoke *msg)
{
	struct msg_cert_row row;

	return peer_call(bench, front, MSG_REVOKE, &msg_revoke_table, msg, &msg_cert_row_table, &row);
}

/* With an actor of its choice it revokes leaves at most. */
START_TEST(a_stolen_front_revokes_no_ca)
{
	struct msg_revoke revoke = { .reason = MSG_REASON_CA_COMPROMISE,
		.actor = base_span_str("alice") };
	struct approver alice;
	struct approver thief;
	struct bench bench;
	struct peer *front;
	uint8_t eve[32];
	uint8_t admin[32];

	bench_start(&bench);
	bench_close(&bench);
	approver_make(&alice);
	approver_make(&thief);
	person(&bench.fix, "alice", MSG_USER_ADMIN, &alice, admin);
	person(&bench.fix, "eve", MSG_USER_OPERATOR, &thief, eve);
	bench_open(&bench);
	front = peer_start(&bench, MSG_ROLE_FRONT, "");
	for (unsigned ca = 1; ca <= 2; ca++) { /* anchor, issuing CA */
		char serial[20];

		(void)snprintf(serial, sizeof(serial), "\x01serial-%08u", ca);
		revoke.serial = base_span_str(serial);
		memcpy(revoke.approver_sha256, admin, 32);
		revoke.approval_sig = base_span_of(NULL, 0);
		ck_assert_int_eq(revoke_through(&bench, front, &revoke), MC_EAPPROVAL);
		approver_sign_revocation(&thief, &revoke, base_clock_now() + 60);
		ck_assert_int_eq(revoke_through(&bench, front, &revoke), MC_EAPPROVAL);
		revoke.approver_spki = base_span_of(alice.spki, sizeof(alice.spki));
		ck_assert_int_eq(revoke_through(&bench, front, &revoke), MC_EAPPROVAL);
		memcpy(revoke.approver_sha256, eve, 32);
		approver_sign_revocation(&thief, &revoke, base_clock_now() + 60);
		ck_assert_int_eq(revoke_through(&bench, front, &revoke), MC_EAPPROVAL);
		memcpy(revoke.approver_sha256, admin, 32);
		approver_sign_revocation(&alice, &revoke, base_clock_now() + 60);
		ck_assert_int_eq(revoke_through(&bench, front, &revoke), MC_OK);
		ck_assert_int_eq(revoke_through(&bench, front, &revoke), MC_ECONFLICT);
	}
	ck_assert(!front->gone);
	approver_end(&alice);
	approver_end(&thief);
	peer_end(front);
	bench_end(&bench);
}
END_TEST

static void
make_dedup(struct fix_intent *leaf, uint8_t key, uint8_t body)
{
	leaf->msg.has_dedup = 1;
	memset(leaf->msg.dedup_key, key, 32);
	memset(leaf->msg.dedup_body, body, 32);
	memset(leaf->msg.spki_sha256, 7, 32); /* the same request has the same key */
}

static enum mc_err
ask_svid(struct bench *bench, struct peer *signer, const char *identity)
{
	struct fix_intent leaf;
	struct msg_intent_ans out;

	live_intent(bench, &leaf, MSG_PROFILE_SVID, identity);
	return peer_intent(bench, signer, &leaf.msg, &out);
}

/* In two pieces, signed by alice; from then on nobody else gets a certificate. */
START_TEST(an_inventory_is_applied_and_holds)
{
	const struct base_span document = base_span_str(DOCUMENT);
	struct msg_inventory_put put = { .environment = base_span_str("production") };
	struct approver alice;
	struct approver thief;
	struct bench bench;
	struct peer *front;
	struct peer *signer;
	uint64_t before;

	bench_start(&bench);
	bench_close(&bench);
	approver_make(&alice);
	approver_make(&thief);
	person(&bench.fix, "alice", MSG_USER_ADMIN, &alice, put.approver_sha256);
	bench_open(&bench);
	front = peer_start(&bench, MSG_ROLE_FRONT, "");
	signer = peer_start(&bench, MSG_ROLE_SIGNER, "production");
	memset(put.request_id, 1, sizeof(put.request_id));
	approver_sign_inventory(&alice, &put, DOCUMENT, base_clock_now() + 60);
	ck_assert_int_eq(send_put(&bench, front, &put), MC_ECONFLICT); /* nothing came */
	ck_assert_int_eq(send_piece(&bench, front, 1, 5, document), MC_ECONFLICT);
	ck_assert_int_eq(send_piece(&bench, front, 1, 0, base_span_of(document.ptr, 10)), MC_OK);
	ck_assert_int_eq(send_piece(&bench, front, 2, 10, base_span_of(document.ptr, 10)),
	    MC_ECONFLICT);
	ck_assert_int_eq(send_piece(&bench, front, 1, 11, base_span_of(document.ptr, 10)),
	    MC_ECONFLICT);
	ck_assert_int_eq(send_put(&bench, front, &put), MC_EUSAGE); /* a piece of it; gone now */
	ck_assert_int_eq(send_put(&bench, front, &put), MC_ECONFLICT);
	/* Two on their way at once. */
	ck_assert_int_eq(send_piece(&bench, front, 7, 0, base_span_of(document.ptr, 10)), MC_OK);
	ck_assert_int_eq(send_piece(&bench, front, 8, 0, base_span_of(document.ptr, 20)), MC_OK);
	ck_assert_int_eq(send_piece(&bench, front, 7, 10, base_span_of(document.ptr, 10)), MC_OK);
	for (uint8_t i = 20; i < 20 + LIMIT_APPLYING; i++) {
		ck_assert_int_eq(send_piece(&bench, front, i, 0, document), MC_OK);
	}
	ck_assert_int_eq(send_piece(&bench, front, 7, 20, document), MC_ECONFLICT); /* the oldest went */
	/* What a stolen front has: everything but the key. */
	approver_sign_inventory(&thief, &put, DOCUMENT, base_clock_now() + 60);
	ck_assert_int_eq(send_piece(&bench, front, 1, 0, document), MC_OK);
	ck_assert_int_eq(send_put(&bench, front, &put), MC_EAPPROVAL);
	ck_assert_int_eq(ask_svid(&bench, signer, "spiffe://cluster.local/ns/shop/sa/x"), MC_OK);
	approver_sign_inventory(&alice, &put, DOCUMENT, base_clock_now() + 60);
	ck_assert_int_eq(send_piece(&bench, front, 1, 0, base_span_of(document.ptr, 10)), MC_OK);
	ck_assert_int_eq(send_piece(&bench, front, 1, 10,
	    base_span_of(document.ptr + 10, document.len - 10)), MC_OK);
	ck_assert_int_eq(send_put(&bench, front, &put), MC_OK);
	before = bench.ledger->head.seq;
	ck_assert_int_eq(ask_svid(&bench, signer, "spiffe://cluster.local/ns/shop/sa/x"),
	    MC_EREGISTRATION);
	ck_assert_uint_eq(bench.ledger->head.seq, before);
	ck_assert_int_eq(ask_svid(&bench, signer, "spiffe://cluster.local/ns/shop/sa/cart"), MC_OK);
	approver_end(&alice);
	approver_end(&thief);
	peer_end(front);
	peer_end(signer);
	bench_end(&bench);
}
END_TEST

/* Who is suspended does not get the certificate again that an idempotency key would yield. */
START_TEST(a_suspended_identity_gets_no_duplicate)
{
	static const char SUSPENDED[] =
	    "meshca-inventory-v1\nenvironment\tproduction\ntrust-domain\tcluster.local\n"
	    "registration\topen\nregistrations\t1\nshop\tcart\tsuspended\t0\t\t\t\n{}\n";
	struct msg_inventory_put put = { .environment = base_span_str("production") };
	struct msg_intent_ans out;
	struct fix_intent leaf;
	struct approver alice;
	struct bench bench;
	struct peer *front;
	struct peer *signer;

	bench_start(&bench);
	bench_close(&bench);
	approver_make(&alice);
	person(&bench.fix, "alice", MSG_USER_ADMIN, &alice, put.approver_sha256);
	bench_open(&bench);
	front = peer_start(&bench, MSG_ROLE_FRONT, "");
	signer = peer_start(&bench, MSG_ROLE_SIGNER, "production");
	live_intent(&bench, &leaf, MSG_PROFILE_SVID, "spiffe://cluster.local/ns/shop/sa/cart");
	make_dedup(&leaf, 1, 2);
	ck_assert_int_eq(peer_intent(&bench, signer, &leaf.msg, &out), MC_OK);
	ck_assert_int_eq(peer_sign(&bench, signer, out.seq, leaf.msg.serial), MC_OK);
	live_intent(&bench, &leaf, MSG_PROFILE_SVID, "spiffe://cluster.local/ns/shop/sa/cart");
	make_dedup(&leaf, 1, 2);
	ck_assert_int_eq(peer_intent(&bench, signer, &leaf.msg, &out), MC_OK);
	ck_assert_uint_eq(out.duplicate, 1);
	approver_sign_inventory(&alice, &put, SUSPENDED, base_clock_now() + 60);
	ck_assert_int_eq(send_piece(&bench, front, 0, 0, base_span_str(SUSPENDED)), MC_OK);
	ck_assert_int_eq(send_put(&bench, front, &put), MC_OK);
	ck_assert_int_eq(peer_intent(&bench, signer, &leaf.msg, &out), MC_EREGISTRATION);
	approver_end(&alice);
	peer_end(front);
	peer_end(signer);
	bench_end(&bench);
}
END_TEST

START_TEST(idempotency_key_yields_the_signed_certificate)
{
	struct msg_intent_ans first;
	struct msg_intent_ans out;
	struct fix_intent leaf;
	struct fix_intent again;
	struct bench bench;
	struct peer *signer;
	struct base_buf cert;

	bench_start(&bench);
	signer = peer_start(&bench, MSG_ROLE_SIGNER, "production");
	live_intent(&bench, &leaf, MSG_PROFILE_SVID, "spiffe://x/y");
	make_dedup(&leaf, 1, 2);
	ck_assert_int_eq(peer_intent(&bench, signer, &leaf.msg, &first), MC_OK);
	/* Not signed yet: the next one under the key is a certificate of its own. */
	live_intent(&bench, &again, MSG_PROFILE_SVID, "spiffe://x/y");
	make_dedup(&again, 1, 2);
	ck_assert_int_eq(peer_intent(&bench, signer, &again.msg, &out), MC_OK);
	ck_assert_uint_eq(out.duplicate, 0);
	ck_assert_int_eq(peer_sign(&bench, signer, out.seq, again.msg.serial), MC_OK);
	/* Also after a restart. */
	peer_end(signer);
	bench_close(&bench);
	bench_open(&bench);
	signer = peer_start(&bench, MSG_ROLE_SIGNER, "production");
	live_intent(&bench, &leaf, MSG_PROFILE_SVID, "spiffe://x/y");
	make_dedup(&leaf, 1, 2);
	ck_assert_int_eq(peer_intent(&bench, signer, &leaf.msg, &out), MC_OK);
	ck_assert_uint_eq(out.duplicate, 1);
	ck_assert(base_span_equal(out.serial, again.msg.serial));
	base_buf_init(&cert, LIMIT_CERT);
	store_cert_assemble(&cert, again.msg.tbs, base_span_of(FIX_TAIL, 8));
	ck_assert(base_span_equal(out.cert, base_buf_span(&cert)));
	ck_assert(out.issuer.len != 0);
	ck_assert_mem_eq(out.issuer_id, bench.fix.issuing_id, 32);
	base_buf_clear(&cert);
	make_dedup(&leaf, 1, 3);
	ck_assert_int_eq(peer_intent(&bench, signer, &leaf.msg, &out), MC_EIDEMPOTENCY);
	peer_end(signer);
	bench_end(&bench);
}
END_TEST

/* A front that was taken over put another's key on a certificate of its own: it is nobody else's answer. */
START_TEST(idempotency_key_of_another_yields_nothing)
{
	static const char *const NAMES[] = { "spiffe://x/evil", "spiffe://x/y", "spiffe://x/y" };
	struct msg_intent_ans out;
	struct fix_intent evil;
	struct fix_intent leaf;
	struct bench bench;
	struct peer *signer;

	bench_start(&bench);
	signer = peer_start(&bench, MSG_ROLE_SIGNER, "production");
	for (size_t i = 0; i < 3; i++) { /* of another name; of another key; of another profile */
		live_intent(&bench, &evil, i == 2 ? MSG_PROFILE_SERVER : MSG_PROFILE_SVID, NAMES[i]);
		make_dedup(&evil, 1, 2);
		evil.msg.spki_sha256[0] ^= i == 1 ? 1 : 0;
		ck_assert_int_eq(peer_intent(&bench, signer, &evil.msg, &out), MC_OK);
		ck_assert_uint_eq(out.duplicate, 0);
		ck_assert_int_eq(peer_sign(&bench, signer, out.seq, evil.msg.serial), MC_OK);
		live_intent(&bench, &leaf, MSG_PROFILE_SVID, "spiffe://x/y");
		make_dedup(&leaf, 1, 2);
		ck_assert_int_eq(peer_intent(&bench, signer, &leaf.msg, &out), MC_OK);
		ck_assert_uint_eq(out.duplicate, 0);
		ck_assert(base_span_equal(out.serial, leaf.msg.serial));
	}
	peer_end(signer);
	bench_end(&bench);
}
END_TEST

/* Their signers may not be asked about each other's. Here it goes its own way, which ends at production's issuer. */
START_TEST(idempotency_key_holds_in_its_environment)
{
	struct msg_intent_ans out;
	struct fix_intent leaf;
	struct fix_intent same;
	struct bench bench;
	struct peer *signer;
	struct peer *staging;

	bench_start(&bench);
	signer = peer_start(&bench, MSG_ROLE_SIGNER, "production");
	staging = peer_start(&bench, MSG_ROLE_SIGNER, "staging");
	live_intent(&bench, &leaf, MSG_PROFILE_SVID, "spiffe://x/y");
	make_dedup(&leaf, 1, 2);
	ck_assert_int_eq(peer_intent(&bench, signer, &leaf.msg, &out), MC_OK);
	ck_assert_int_eq(peer_sign(&bench, signer, out.seq, leaf.msg.serial), MC_OK);
	for (uint8_t body = 2; body <= 3; body++) {
		live_intent(&bench, &same, MSG_PROFILE_SVID, "spiffe://x/y");
		make_dedup(&same, 1, body);
		same.msg.environment = base_span_str("staging");
		ck_assert_int_eq(peer_intent(&bench, staging, &same.msg, &out), MC_EPOLICY);
	}
	peer_end(staging);
	peer_end(signer);
	bench_end(&bench);
}
END_TEST

START_TEST(revoked_or_aged_certificates_are_not_handed_out)
{
	struct msg_revoke revoke = { .reason = MSG_REASON_KEY_COMPROMISE };
	struct msg_intent_ans out;
	struct msg_cert_row row;
	struct fix_intent leaf;
	struct fix_intent next;
	struct bench bench;
	struct peer *signer;
	struct peer *front;

	bench_start(&bench);
	signer = peer_start(&bench, MSG_ROLE_SIGNER, "production");
	front = peer_start(&bench, MSG_ROLE_FRONT, "");
	live_intent(&bench, &leaf, MSG_PROFILE_SVID, "spiffe://x/y");
	make_dedup(&leaf, 1, 2);
	ck_assert_int_eq(peer_intent(&bench, signer, &leaf.msg, &out), MC_OK);
	ck_assert_int_eq(peer_sign(&bench, signer, out.seq, leaf.msg.serial), MC_OK);
	revoke.serial = leaf.msg.serial;
	revoke.actor = base_span_str("alice");
	ck_assert_int_eq(peer_call(&bench, front, MSG_REVOKE, &msg_revoke_table, &revoke,
	                     &msg_cert_row_table, &row),
	    MC_OK);
	ck_assert_int_eq(row.state, MSG_STATE_REVOKED);
	ck_assert_int_eq(peer_call(&bench, front, MSG_REVOKE, &msg_revoke_table, &revoke,
	                     &msg_cert_row_table, &row),
	    MC_ECONFLICT);
	ck_assert_int_eq(row.reason, MSG_REASON_KEY_COMPROMISE);
	live_intent(&bench, &next, MSG_PROFILE_SVID, "spiffe://x/y");
	make_dedup(&next, 1, 2);
	/* An expired one: a life that is over when it begins. */
	next.msg.not_after_at = base_clock_now() - 1;
	ck_assert_int_eq(peer_intent(&bench, signer, &next.msg, &out), MC_OK);
	ck_assert_uint_eq(out.duplicate, 0);
	ck_assert_int_eq(peer_sign(&bench, signer, out.seq, next.msg.serial), MC_OK);
	live_intent(&bench, &leaf, MSG_PROFILE_SVID, "spiffe://x/y");
	make_dedup(&leaf, 1, 2);
	ck_assert_int_eq(peer_intent(&bench, signer, &leaf.msg, &out), MC_OK);
	ck_assert_uint_eq(out.duplicate, 0);
	peer_end(signer);
	peer_end(front);
	bench_end(&bench);
}
END_TEST

/* Whether the next intent under the key gets the certificate of before, after a restart at which the row
 * of before was recorded age_s ago and lives for left_s from now on. */
static bool
is_handed_out(int64_t age_s, int64_t left_s)
{
	struct msg_intent_ans out;
	struct fix_intent leaf;
	struct fix_intent next;
	struct bench bench;
	struct peer *signer;
	sqlite3 *db = NULL;
	char sql[256];

	bench_start(&bench);
	signer = peer_start(&bench, MSG_ROLE_SIGNER, "production");
	live_intent(&bench, &leaf, MSG_PROFILE_SVID, "spiffe://x/y");
	make_dedup(&leaf, 1, 2);
	ck_assert_int_eq(peer_intent(&bench, signer, &leaf.msg, &out), MC_OK);
	ck_assert_int_eq(peer_sign(&bench, signer, out.seq, leaf.msg.serial), MC_OK);
	peer_end(signer);
	bench_close(&bench);
	(void)snprintf(sql, sizeof(sql), "DROP TRIGGER intents_update; UPDATE intents SET"
	    " recorded_at = %lld, not_after_at = %lld WHERE seq = %llu",
	    (long long)(base_clock_now() - age_s), (long long)(base_clock_now() + left_s),
	    (unsigned long long)out.seq);
	ck_assert_int_eq(sqlite3_open(bench.fix.path, &db), SQLITE_OK);
	ck_assert_int_eq(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(db);
	bench_open(&bench);
	signer = peer_start(&bench, MSG_ROLE_SIGNER, "production");
	live_intent(&bench, &next, MSG_PROFILE_SVID, "spiffe://x/y");
	make_dedup(&next, 1, 2);
	ck_assert_int_eq(peer_intent(&bench, signer, &next.msg, &out), MC_OK);
	ck_assert(out.duplicate == 0 || base_span_equal(out.serial, leaf.msg.serial));
	peer_end(signer);
	bench_end(&bench);
	return out.duplicate != 0;
}

START_TEST(nine_tenths_of_its_life_and_ten_minutes_bound_what_is_handed_out)
{
	/* Of 1,000 s that remain, 1,111 are nine tenths. */
	ck_assert(is_handed_out(100, 1000));
	ck_assert(!is_handed_out(120, 1000));
	ck_assert(is_handed_out(590, FIX_DAY));
	ck_assert(!is_handed_out(610, FIX_DAY));
}
END_TEST

/* The table in memory knows 8 bytes of a key: the row decides. */
START_TEST(a_key_that_begins_alike_is_another)
{
	struct msg_intent_ans out;
	struct fix_intent leaf;
	struct fix_intent next;
	struct bench bench;
	struct peer *signer;

	bench_start(&bench);
	signer = peer_start(&bench, MSG_ROLE_SIGNER, "production");
	live_intent(&bench, &leaf, MSG_PROFILE_SVID, "spiffe://x/y");
	make_dedup(&leaf, 1, 2);
	ck_assert_int_eq(peer_intent(&bench, signer, &leaf.msg, &out), MC_OK);
	ck_assert_int_eq(peer_sign(&bench, signer, out.seq, leaf.msg.serial), MC_OK);
	live_intent(&bench, &next, MSG_PROFILE_SVID, "spiffe://x/y");
	make_dedup(&next, 1, 3);
	next.msg.dedup_key[8] = 9;
	ck_assert_int_eq(peer_intent(&bench, signer, &next.msg, &out), MC_OK);
	ck_assert_uint_eq(out.duplicate, 0);
	peer_end(signer);
	bench_end(&bench);
}
END_TEST

/* Nobody knows whether its signature exists; it is never made later. */
START_TEST(an_unconfirmed_intent_is_not_handed_out)
{
	struct msg_intent_ans out;
	struct fix_intent lost;
	struct fix_intent next;
	struct bench bench;
	struct peer *signer;

	bench_start(&bench);
	signer = peer_start(&bench, MSG_ROLE_SIGNER, "production");
	live_intent(&bench, &lost, MSG_PROFILE_SVID, "spiffe://x/y");
	make_dedup(&lost, 1, 2);
	ck_assert_int_eq(peer_intent(&bench, signer, &lost.msg, &out), MC_OK);
	peer_end(signer);
	for (int i = 0; i < 5; i++) {
		base_loop_turn(bench.loop, 10);
	}
	ck_assert_uint_eq(bench.ledger->unconfirmed, 1);
	signer = peer_start(&bench, MSG_ROLE_SIGNER, "production");
	live_intent(&bench, &next, MSG_PROFILE_SVID, "spiffe://x/y");
	make_dedup(&next, 1, 2);
	ck_assert_int_eq(peer_intent(&bench, signer, &next.msg, &out), MC_OK);
	ck_assert_uint_eq(out.duplicate, 0);
	ck_assert(base_span_equal(out.serial, next.msg.serial));
	peer_end(signer);
	bench_end(&bench);
}
END_TEST

START_TEST(a_leaf_of_a_revoked_ca_is_not_handed_out)
{
	struct msg_revoke revoke = { .reason = MSG_REASON_CA_COMPROMISE,
		.serial = base_span_str("\x01serial-00000002"), .actor = base_span_str("alice") };
	struct msg_intent_ans out;
	struct msg_cert_row row;
	struct fix_intent leaf;
	struct fix_intent next;
	struct bench bench;
	struct peer *signer;
	struct peer *front;
	struct approver alice;

	bench_start(&bench);
	bench_close(&bench);
	approver_make(&alice);
	person(&bench.fix, "alice", MSG_USER_ADMIN, &alice, revoke.approver_sha256);
	bench_open(&bench);
	signer = peer_start(&bench, MSG_ROLE_SIGNER, "production");
	front = peer_start(&bench, MSG_ROLE_FRONT, "");
	live_intent(&bench, &leaf, MSG_PROFILE_SVID, "spiffe://x/y");
	make_dedup(&leaf, 1, 2);
	ck_assert_int_eq(peer_intent(&bench, signer, &leaf.msg, &out), MC_OK);
	ck_assert_int_eq(peer_sign(&bench, signer, out.seq, leaf.msg.serial), MC_OK);
	approver_sign_revocation(&alice, &revoke, base_clock_now() + 60);
	approver_end(&alice);
	ck_assert_int_eq(peer_call(&bench, front, MSG_REVOKE, &msg_revoke_table, &revoke,
	                     &msg_cert_row_table, &row),
	    MC_OK);
	ck_assert_int_eq(row.profile, MSG_PROFILE_ISSUING);
	live_intent(&bench, &next, MSG_PROFILE_SVID, "spiffe://x/y");
	make_dedup(&next, 1, 2);
	ck_assert_int_eq(peer_intent(&bench, signer, &next.msg, &out), MC_ENOTREADY);
	peer_end(signer);
	peer_end(front);
	bench_end(&bench);
}
END_TEST

static int64_t
wall_far_back(void)
{
	return base_clock_now_us() - INT64_C(3600000000);
}

struct seen_event {
	char actor[64], action[32], target[32], from[32];
	uint8_t request_id[16];
	uint64_t seq;
};

static enum mc_err
see_event(void *arg, const struct msg_event_row *row)
{
	struct seen_event *event = arg;

	base_span_copy_str(row->actor, event->actor, sizeof(event->actor));
	base_span_copy_str(row->action, event->action, sizeof(event->action));
	base_span_copy_str(row->target, event->target, sizeof(event->target));
	base_span_copy_str(row->from, event->from, sizeof(event->from));
	memcpy(event->request_id, row->request_id, 16);
	event->seq = row->seq;
	return MC_OK;
}

static struct seen_event
newest_event(struct bench *bench)
{
	const struct msg_event_list query = { 0, 1 };
	struct seen_event event = { .seq = 0 };
	struct store *reader = fix_open(&bench->fix, STORE_READER);
	uint64_t next;

	ck_assert_ptr_nonnull(reader);
	ck_assert_int_eq(store_event_list(reader, &query, see_event, &event, &next), MC_OK);
	store_close(reader);
	return event;
}

/* Who did it, where from and by which request is on disk when it is answered. */
START_TEST(what_the_supervisor_had_done_is_an_event)
{
	struct msg_unsealed unsealed = { .environment = base_span_str("production"),
		.actor = base_span_str("uid 0 on the local socket"),
		.from = base_span_str("local socket") };
	struct msg_ctl_clock clock = { .actor = base_span_str("uid 7 on the local socket"),
		.from = base_span_str("local socket") };
	struct msg_status_ans done;
	struct seen_event event;
	struct bench bench;
	struct peer *supervisor;

	bench_start(&bench);
	supervisor = peer_start(&bench, MSG_ROLE_SUPERVISOR, "");
	memset(unsealed.request_id, 5, 16);
	ck_assert_int_eq(peer_call(&bench, supervisor, MSG_UNSEALED, &msg_unsealed_table, &unsealed,
	                     &msg_status_ans_table, &done),
	    MC_OK);
	event = newest_event(&bench);
	ck_assert_str_eq(event.action, "environment-unsealed");
	ck_assert_str_eq(event.target, "production");
	ck_assert_str_eq(event.actor, "uid 0 on the local socket");
	ck_assert_str_eq(event.from, "local socket");
	ck_assert_mem_eq(event.request_id, unsealed.request_id, 16);
	memset(clock.request_id, 6, 16);
	ck_assert_int_eq(peer_call(&bench, supervisor, MSG_CTL_CLOCK, &msg_ctl_clock_table, &clock,
	                     &msg_status_ans_table, &done),
	    MC_OK);
	event = newest_event(&bench);
	ck_assert_str_eq(event.action, "clock-accepted");
	ck_assert_str_eq(event.target, "");
	ck_assert_str_eq(event.actor, "uid 7 on the local socket");
	ck_assert_str_eq(event.from, "local socket");
	ck_assert_mem_eq(event.request_id, clock.request_id, 16);
	peer_end(supervisor);
	bench_end(&bench);
}
END_TEST

/* What hangs on the time: lifetimes, and whether an approval holds and was spent. */
START_TEST(clock_step_refuses_intents_until_accepted)
{
	const struct msg_inventory_put put = { .environment = base_span_str("production") };
	const struct msg_user_remove nobody = { .name = base_span_str("bob") };
	struct msg_revoke revoke = { .reason = MSG_REASON_SUPERSEDED,
		.serial = base_span_str("\x01serial-00000002"), .approval_sig = base_span_str("none") };
	struct msg_intent_ans out;
	struct fix_intent leaf;
	struct bench bench;
	const struct msg_ctl_clock accepted = { .from = base_span_str("local socket") };
	struct msg_status_ans done;
	struct peer *supervisor;
	struct peer *signer;
	struct peer *front;

	bench_start(&bench);
	signer = peer_start(&bench, MSG_ROLE_SIGNER, "production");
	front = peer_start(&bench, MSG_ROLE_FRONT, "");
	bench.ledger->clock.wall_us = wall_far_back;
	live_intent(&bench, &leaf, MSG_PROFILE_SVID, "spiffe://x/y");
	ck_assert_int_eq(peer_intent(&bench, signer, &leaf.msg, &out), MC_ECLOCK);
	ck_assert_int_eq(bench.state, MSG_RS_BLOCKED);
	ck_assert_int_eq(remove_through(&bench, front, &nobody), MC_ECLOCK);
	ck_assert_int_eq(revoke_through(&bench, front, &revoke), MC_ECLOCK);
	ck_assert_int_eq(send_piece(&bench, front, 0, 0, base_span_str(DOCUMENT)), MC_OK);
	ck_assert_int_eq(send_put(&bench, front, &put), MC_ECLOCK);
	supervisor = peer_start(&bench, MSG_ROLE_SUPERVISOR, "");
	ck_assert_int_eq(peer_call(&bench, supervisor, MSG_CTL_CLOCK, &msg_ctl_clock_table, &accepted,
	                     &msg_status_ans_table, &done),
	    MC_OK);
	ck_assert_int_eq(bench.state, MSG_RS_READY);
	ck_assert_str_eq(newest_event(&bench).action, "clock-accepted");
	peer_end(supervisor);
	ck_assert_int_eq(remove_through(&bench, front, &nobody), MC_EAPPROVAL);
	ck_assert_int_eq(revoke_through(&bench, front, &revoke), MC_EAPPROVAL);
	ck_assert_int_eq(peer_intent(&bench, signer, &leaf.msg, &out), MC_OK);
	peer_end(front);
	peer_end(signer);
	bench_end(&bench);
}
END_TEST

CHECK_MAIN("store_ledger_apply", a_stolen_front_removes_nobody, a_stolen_front_revokes_no_ca,
    an_inventory_is_applied_and_holds, a_suspended_identity_gets_no_duplicate,
    idempotency_key_yields_the_signed_certificate, idempotency_key_of_another_yields_nothing,
    idempotency_key_holds_in_its_environment,
    revoked_or_aged_certificates_are_not_handed_out,
    nine_tenths_of_its_life_and_ten_minutes_bound_what_is_handed_out,
    a_key_that_begins_alike_is_another, an_unconfirmed_intent_is_not_handed_out,
    a_leaf_of_a_revoked_ca_is_not_handed_out, what_the_supervisor_had_done_is_an_event,
    clock_step_refuses_intents_until_accepted)
