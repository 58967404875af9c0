/* SPDX-License-Identifier: Apache-2.0 */
/* Revocations, events, configurations. */
#include "base/enc.h"
#include "event_read.h"
#include "people_make.h"

#include "check_main.h"

static const struct store_scope PRODUCTION = { { (const uint8_t *)"production", 10 }, true };
static struct approver admin; /* everybody's key here */

struct listed {
	unsigned count;
	uint8_t reason;
	char serial[24];
};

static enum mc_err
see_revoked(void *arg, struct base_span serial, int64_t revoked_at, uint8_t reason)
{
	struct listed *listed = arg;

	ck_assert_int_eq(revoked_at, FIX_NOW + 5);
	listed->count++;
	listed->reason = reason;
	memcpy(listed->serial, serial.ptr, serial.len);
	return MC_OK;
}

START_TEST(revocation_is_once_and_listed)
{
	const struct store_view view = { FIX_NOW, 0 };
	struct msg_revoke revoke = { .reason = MSG_REASON_KEY_COMPROMISE };
	struct msg_revoked_list query = { .up_to_seq = 1 };
	struct listed listed = { 0 };
	struct fix_intent leaf;
	struct fix fix;

	fix_start(&fix);
	(void)fix_leaf(&fix, "spiffe://x/y", true, &leaf);
	revoke.serial = leaf.msg.serial;
	ck_assert_int_eq(store_begin(fix.store), MC_OK);
	ck_assert_int_eq(store_revoke(fix.store, &revoke, FIX_NOW + 5), MC_OK);
	ck_assert_int_eq(store_revoke(fix.store, &revoke, FIX_NOW + 6), MC_ECONFLICT);
	revoke.serial = base_span_str("no such");
	ck_assert_int_eq(store_revoke(fix.store, &revoke, FIX_NOW), MC_ENOTFOUND);
	revoke.reason = MSG_REASON_CERTIFICATE_HOLD;
	ck_assert_int_eq(store_revoke(fix.store, &revoke, FIX_NOW), MC_EPOLICY);
	ck_assert_int_eq(store_commit(fix.store), MC_OK);
	(void)event_newest_is(fix.store, "certificate-revoked");
	memcpy(query.issuer_id, fix.issuing_id, 32);
	ck_assert_int_eq(store_revoked_list(fix.store, &view, &query, see_revoked, &listed), MC_OK);
	ck_assert_uint_eq(listed.count, 1);
	ck_assert_uint_eq(listed.reason, MSG_REASON_KEY_COMPROMISE);
	ck_assert_str_eq(listed.serial, leaf.serial);
	/* not before its turn */
	query.up_to_seq = 0;
	ck_assert_int_eq(store_revoked_list(fix.store, &view, &query, see_revoked, &listed), MC_OK);
	ck_assert_uint_eq(listed.count, 1);
	fix_end(&fix);
}
END_TEST

static enum mc_err
see_user(void *arg, const struct msg_user_row *row)
{
	uint8_t *role = arg;

	*role = row->role;
	return MC_OK;
}

/* Else the last administrator could go that way. One that was never bound to a role goes like any. */
START_TEST(held_certificate_is_revoked_with_its_person_only)
{
	const struct store_view view = { FIX_NOW, 0 };
	struct msg_revoke revoke = { .reason = MSG_REASON_KEY_COMPROMISE };
	struct fix_intent cert;
	struct fix_intent unbound;
	struct msg_user_put alice;
	struct msg_user_put none;
	struct fix fix;
	uint8_t role = 0;
	bool inserted = false;

	fix_start(&fix);
	ck_assert_int_eq(store_begin(fix.store), MC_OK);
	people_cert(&fix, &admin, "alice", &cert, &alice);
	people_cert(&fix, &admin, "bob", &unbound, &none);
	alice.role = MSG_USER_ADMIN;
	ck_assert_int_eq(store_user_put(fix.store, &alice, FIX_NOW, &inserted), MC_OK);
	revoke.serial = cert.msg.serial;
	ck_assert_int_eq(store_revoke(fix.store, &revoke, FIX_NOW), MC_ECONFLICT);
	ck_assert_int_eq(store_user_get(fix.store, &view, alice.cert_sha256, see_user, &role),
	    MC_OK);
	ck_assert_uint_eq(role, MSG_USER_ADMIN);
	revoke.serial = unbound.msg.serial;
	ck_assert_int_eq(store_revoke(fix.store, &revoke, FIX_NOW), MC_OK);
	ck_assert_int_eq(store_commit(fix.store), MC_OK);
	fix_end(&fix);
}
END_TEST

/* What alice signs is for one act, on one certificate, for one reason, in one time. */
START_TEST(a_ca_is_revoked_on_an_approval_for_just_that)
{
	struct msg_revoke revoke = { .reason = MSG_REASON_CA_COMPROMISE,
		.actor = base_span_str("mallory") };
	struct msg_user_remove removal = { .name = base_span_str("\x01serial-00000002") };
	struct fix_intent cert, bob_cert, leaf;
	struct msg_user_put alice, bob;
	struct approver other;
	struct fix fix;
	bool inserted = false;

	fix_start(&fix);
	approver_make(&admin);
	approver_make(&other);
	(void)fix_leaf(&fix, "spiffe://x/y", true, &leaf);
	ck_assert_int_eq(store_begin(fix.store), MC_OK);
	people_cert(&fix, &admin, "alice", &cert, &alice);
	alice.role = MSG_USER_ADMIN;
	ck_assert_int_eq(store_user_put(fix.store, &alice, FIX_NOW, &inserted), MC_OK);
	people_cert(&fix, &admin, "bob", &bob_cert, &bob);
	bob.role = MSG_USER_OPERATOR;
	ck_assert_int_eq(store_user_put(fix.store, &bob, FIX_NOW, &inserted), MC_OK);
	/* without one, by another key, by who is no administrator */
	revoke.serial = base_span_str("\x01serial-00000002");
	memcpy(revoke.approver_sha256, alice.cert_sha256, 32);
	ck_assert_int_eq(store_revoke(fix.store, &revoke, FIX_NOW), MC_EAPPROVAL);
	approver_sign_revocation(&other, &revoke, FIX_NOW + 300);
	ck_assert_int_eq(store_revoke(fix.store, &revoke, FIX_NOW), MC_EAPPROVAL);
	approver_sign_revocation(&admin, &revoke, FIX_NOW + 300);
	memcpy(revoke.approver_sha256, bob.cert_sha256, 32);
	ck_assert_int_eq(store_revoke(fix.store, &revoke, FIX_NOW), MC_EAPPROVAL);
	memcpy(revoke.approver_sha256, alice.cert_sha256, 32);
	/* for another certificate, reason, time, act */
	revoke.serial = base_span_str("\x01serial-00000001");
	ck_assert_int_eq(store_revoke(fix.store, &revoke, FIX_NOW), MC_EAPPROVAL);
	revoke.serial = leaf.msg.serial;
	ck_assert_int_eq(store_revoke(fix.store, &revoke, FIX_NOW), MC_EAPPROVAL);
	revoke.serial = base_span_str("\x01serial-00000002");
	revoke.reason = MSG_REASON_SUPERSEDED;
	ck_assert_int_eq(store_revoke(fix.store, &revoke, FIX_NOW), MC_EAPPROVAL);
	revoke.reason = MSG_REASON_CA_COMPROMISE;
	revoke.approval_expires_at++;
	ck_assert_int_eq(store_revoke(fix.store, &revoke, FIX_NOW), MC_EAPPROVAL);
	revoke.approval_expires_at--;
	ck_assert_int_eq(store_revoke(fix.store, &revoke, FIX_NOW + 301), MC_EAPPROVAL);
	ck_assert_int_eq(store_revoke(fix.store, &revoke, FIX_NOW - 301), MC_EAPPROVAL);
	approver_sign(&admin, &removal, FIX_NOW + 300);
	revoke.approval_sig = removal.approval_sig;
	ck_assert_int_eq(store_revoke(fix.store, &revoke, FIX_NOW), MC_EAPPROVAL);
	(void)event_newest_is(fix.store, "user-added");
	/* and whose signature it was stands in the event, whomever the front named */
	approver_sign_revocation(&admin, &revoke, FIX_NOW + 300);
	ck_assert_int_eq(store_revoke(fix.store, &revoke, FIX_NOW), MC_OK);
	ck_assert_str_eq(event_newest_is(fix.store, "certificate-revoked").note,
	    "signed by the actor; seq 2, reason cACompromise");
	event_is(fix.store, "alice", "certificate-revoked", "CN=production issuing", "", 0);
	ck_assert_int_eq(store_revoke(fix.store, &revoke, FIX_NOW), MC_ECONFLICT);
	ck_assert_int_eq(store_commit(fix.store), MC_OK);
	approver_end(&other);
	approver_end(&admin);
	fix_end(&fix);
}
END_TEST

/* A leaf's needs none, and then the event says whose word it is; one that is there must fit, and serves once. */
START_TEST(a_leaf_is_revoked_with_or_without_an_approval)
{
	struct msg_revoke revoke = { .reason = MSG_REASON_SUPERSEDED, .actor = base_span_str("oscar") };
	struct fix_intent cert, first, second;
	struct msg_user_put alice;
	struct fix fix;
	bool inserted = false;

	fix_start(&fix);
	approver_make(&admin);
	(void)fix_leaf(&fix, "spiffe://x/y", true, &first);
	(void)fix_leaf(&fix, "spiffe://x/z", true, &second);
	ck_assert_int_eq(store_begin(fix.store), MC_OK);
	people_cert(&fix, &admin, "alice", &cert, &alice);
	alice.role = MSG_USER_ADMIN;
	ck_assert_int_eq(store_user_put(fix.store, &alice, FIX_NOW, &inserted), MC_OK);
	revoke.serial = first.msg.serial;
	revoke.approval_sig = base_span_str("none");
	ck_assert_int_eq(store_revoke(fix.store, &revoke, FIX_NOW), MC_EAPPROVAL);
	revoke.approval_sig = base_span_of(NULL, 0);
	ck_assert_int_eq(store_revoke(fix.store, &revoke, FIX_NOW), MC_OK);
	event_is(fix.store, "oscar", "certificate-revoked", "spiffe://x/y", "", 0);
	ck_assert_str_eq(event_newest_is(fix.store, "certificate-revoked").note,
	    "actor as the front said; seq 3, reason superseded");
	revoke.serial = second.msg.serial;
	memcpy(revoke.approver_sha256, alice.cert_sha256, 32);
	approver_sign_revocation(&admin, &revoke, FIX_NOW + 300);
	ck_assert_int_eq(store_revoke(fix.store, &revoke, FIX_NOW), MC_OK);
	event_is(fix.store, "alice", "certificate-revoked", "spiffe://x/z", "", 0);
	ck_assert_int_eq(store_commit(fix.store), MC_OK);
	approver_end(&admin);
	fix_end(&fix);
}
END_TEST

START_TEST(every_change_says_who_what_and_whence)
{
	struct msg_revoke revoke = { .reason = MSG_REASON_SUPERSEDED,
		.actor = base_span_str("oscar"), .from = base_span_str("192.0.2.1:47") };
	struct msg_config_put put = { .hash = { 1 }, .actor = base_span_str("SIGHUP"),
		.from = base_span_str("signal"), .text = base_span_str("a: 1\n") };
	struct msg_crl_chunk chunk = { .number = 1, .next_update_at = FIX_NOW, .total = 1,
		.bytes = base_span_str("x"), .actor = base_span_str("keeper"),
		.from = base_span_str("schedule") };
	struct msg_crl_begin_ans drawn = { 0 };
	struct msg_user_remove remove = { .name = base_span_str("bob"),
		.from = base_span_str("192.0.2.2:48") };
	struct fix_intent leaf, alice_cert, bob_cert;
	struct msg_user_put alice, bob;
	struct base_buf diff;
	char issuer[65];
	struct fix fix;
	bool done = false;

	fix_start(&fix);
	approver_make(&admin);
	base_buf_init(&diff, LIMIT_CONFIG_DIFF);
	(void)fix_leaf(&fix, "spiffe://x/y", true, &leaf);
	ck_assert_int_eq(store_begin(fix.store), MC_OK);

	revoke.serial = leaf.msg.serial;
	memset(revoke.request_id, 1, 16);
	ck_assert_int_eq(store_revoke(fix.store, &revoke, FIX_NOW), MC_OK);
	event_is(fix.store, "oscar", "certificate-revoked", "spiffe://x/y", "192.0.2.1:47", 1);

	memset(put.request_id, 2, 16);
	ck_assert_int_eq(store_config_put(fix.store, &put, FIX_NOW, &diff), MC_OK);
	event_is(fix.store, "SIGHUP", "configuration-applied", "", "signal", 2);

	ck_assert_int_eq(store_crl_begin(fix.store, fix.issuing_id, &PRODUCTION, &drawn), MC_OK);
	memcpy(chunk.issuer_id, fix.issuing_id, 32);
	memset(chunk.request_id, 3, 16);
	ck_assert_int_eq(store_crl_chunk(fix.store, &chunk, &PRODUCTION, FIX_NOW, &done), MC_OK);
	base_enc_hex(fix.issuing_id, 32, issuer);
	event_is(fix.store, "keeper", "crl-published", issuer, "schedule", 3);

	people_cert(&fix, &admin, "alice", &alice_cert, &alice);
	people_cert(&fix, &admin, "bob", &bob_cert, &bob);
	alice.role = MSG_USER_ADMIN;
	alice.actor = base_span_str("uid 0 on the local socket");
	alice.from = base_span_str("local socket");
	memset(alice.request_id, 4, 16);
	ck_assert_int_eq(store_user_put(fix.store, &alice, FIX_NOW, &done), MC_OK);
	event_is(fix.store, "uid 0 on the local socket", "user-added", "alice", "local socket", 4);

	bob.role = MSG_USER_VIEWER;
	memcpy(bob.approver_sha256, alice.cert_sha256, 32);
	bob.actor = base_span_str("mallory"); /* the front's word: the approval says who it was */
	ck_assert_int_eq(store_user_put(fix.store, &bob, FIX_NOW, &done), MC_OK);
	event_is(fix.store, "alice", "user-added", "bob", "", 0);
	memcpy(remove.approver_sha256, alice.cert_sha256, 32);
	memset(remove.request_id, 5, 16);
	approver_sign(&admin, &remove, FIX_NOW + 300);
	ck_assert_int_eq(store_user_remove(fix.store, &remove, FIX_NOW), MC_OK);
	event_is(fix.store, "alice", "user-removed", "bob", "192.0.2.2:48", 5);

	ck_assert_int_eq(store_commit(fix.store), MC_OK);
	base_buf_clear(&diff);
	approver_end(&admin);
	fix_end(&fix);
}
END_TEST

START_TEST(configurations_are_recorded_when_they_differ)
{
	struct msg_config_put put = { .actor = base_span_str("root") };
	struct base_buf diff;
	struct fix fix;

	fix_start(&fix);
	base_buf_init(&diff, LIMIT_CONFIG_DIFF);
	put.text = base_span_str("a: 1\nb: 2\nc: 3\n");
	put.hash[0] = 1;
	ck_assert_int_eq(store_begin(fix.store), MC_OK);
	ck_assert_int_eq(store_config_put(fix.store, &put, FIX_NOW, &diff), MC_OK);
	ck_assert_uint_eq(diff.len, 0);
	(void)event_newest_is(fix.store, "configuration-applied");
	put.text = base_span_str("a: 1\nb: 4\nb2: 5\nc: 3\n");
	put.hash[0] = 2;
	ck_assert_int_eq(store_config_put(fix.store, &put, FIX_NOW, &diff), MC_OK);
	ck_assert(base_span_equal_str(base_buf_span(&diff), "-b: 2\n+b: 4\n+b2: 5\n"));
	base_buf_reset(&diff);
	ck_assert_int_eq(store_config_put(fix.store, &put, FIX_NOW, &diff), MC_OK);
	ck_assert_uint_eq(diff.len, 0);
	ck_assert_int_eq(store_commit(fix.store), MC_OK);
	base_buf_clear(&diff);
	fix_end(&fix);
}
END_TEST

struct events {
	char actions[8][32];
	unsigned count;
};

static enum mc_err
see_event(void *arg, const struct msg_event_row *row)
{
	struct events *events = arg;

	base_span_copy_str(row->action, events->actions[events->count++], sizeof(events->actions[0]));
	return MC_OK;
}

START_TEST(events_page_newest_first)
{
	struct store_event put = { .actor = base_span_str("root") };
	struct msg_event_list query = { 0, 3 };
	struct events events = { 0 };
	struct fix fix;
	uint64_t next = 0;

	fix_start(&fix);
	ck_assert_int_eq(store_begin(fix.store), MC_OK);
	put.action = base_span_str("one");
	ck_assert_int_eq(store_event_put(fix.store, &put, FIX_NOW), MC_OK);
	put.action = base_span_str("two");
	ck_assert_int_eq(store_event_put(fix.store, &put, FIX_NOW), MC_OK);
	ck_assert_int_eq(store_commit(fix.store), MC_OK);
	ck_assert_int_eq(store_event_list(fix.store, &query, see_event, &events, &next), MC_OK);
	ck_assert_uint_eq(events.count, 3);
	ck_assert_str_eq(events.actions[0], "two");
	ck_assert_uint_ne(next, 0);
	query.before_seq = next;
	ck_assert_int_eq(store_event_list(fix.store, &query, see_event, &events, &next), MC_OK);
	ck_assert_uint_eq(events.count, 4);
	ck_assert_uint_eq(next, 0);
	fix_end(&fix);
}
END_TEST

CHECK_MAIN("store_sqlite_admin", revocation_is_once_and_listed,
    held_certificate_is_revoked_with_its_person_only, a_ca_is_revoked_on_an_approval_for_just_that,
    a_leaf_is_revoked_with_or_without_an_approval, every_change_says_who_what_and_whence,
    configurations_are_recorded_when_they_differ, events_page_newest_first)
