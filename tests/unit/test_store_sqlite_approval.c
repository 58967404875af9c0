/* SPDX-License-Identifier: Apache-2.0 */
/* Approvals: whose signature fits, for how long, and that it serves once. */
#include "people_make.h"
#include "store/sqlite_int.h"

#include "check_main.h"

#define TEXT "what is approved\n"

/* alice, an administrator, and what she signed last. */
struct world {
	struct fix fix;
	struct sq *sq;
	struct approver alice;
	struct msg_user_put put;
	struct sq_approval approval;
};

static void
sign(struct world *world, struct approver *by)
{
	world->approval.signature = base_span_of(by->sig, approver_sign_text(by, TEXT, strlen(TEXT)));
	world->approval.approver_spki = base_span_of(by->spki, sizeof(by->spki));
}

static void
start(struct world *world)
{
	memset(world, 0, sizeof(*world));
	fix_start(&world->fix);
	world->sq = sq_of(world->fix.store);
	approver_make(&world->alice);
	ck_assert_int_eq(store_begin(world->fix.store), MC_OK);
	people_add(&world->fix, &world->alice, "alice", MSG_USER_ADMIN, &world->put);
	world->approval.text = base_span_str(TEXT);
	world->approval.approver_sha256 = world->put.cert_sha256;
	world->approval.expires_at = FIX_NOW + 60;
	sign(world, &world->alice);
}

static void
end(struct world *world)
{
	ck_assert_int_eq(store_commit(world->fix.store), MC_OK);
	approver_end(&world->alice);
	fix_end(&world->fix);
}

static enum mc_err
verify(struct world *world, int64_t now_at)
{
	struct sq_approved out;

	return sq_approval_verify(world->sq, &world->approval, now_at, &out);
}

START_TEST(an_approval_is_for_ten_minutes_at_most)
{
	struct world world;

	start(&world);
	world.approval.expires_at = FIX_NOW;
	ck_assert_int_eq(verify(&world, FIX_NOW), MC_OK);
	ck_assert_int_eq(verify(&world, FIX_NOW + 1), MC_EAPPROVAL);
	world.approval.expires_at = FIX_NOW + LIMIT_APPROVAL_S;
	ck_assert_int_eq(verify(&world, FIX_NOW), MC_OK);
	ck_assert_int_eq(verify(&world, FIX_NOW - 1), MC_EAPPROVAL);
	end(&world);
}
END_TEST

START_TEST(an_approval_is_an_administrators_own)
{
	static const uint8_t ROLES[] = { MSG_USER_VIEWER, MSG_USER_OPERATOR };
	struct sq_approved out = { { 0 }, "" };
	struct approver thief;
	struct world world;
	struct msg_user_put put;

	start(&world);
	approver_make(&thief);
	ck_assert_int_eq(sq_approval_verify(world.sq, &world.approval, FIX_NOW, &out), MC_OK);
	ck_assert_str_eq(out.actor, "alice");
	world.approval.text = base_span_str("what is approvee\n");
	ck_assert_int_eq(verify(&world, FIX_NOW), MC_EAPPROVAL);
	world.approval.text = base_span_str(TEXT);
	/* a key that fits the signature, not the certificate; then the other way round */
	sign(&world, &thief);
	ck_assert_int_eq(verify(&world, FIX_NOW), MC_EAPPROVAL);
	world.approval.approver_spki = base_span_of(world.alice.spki, sizeof(world.alice.spki));
	ck_assert_int_eq(verify(&world, FIX_NOW), MC_EAPPROVAL);
	world.approval.signature = base_span_of(NULL, 0);
	ck_assert_int_eq(verify(&world, FIX_NOW), MC_EAPPROVAL);
	/* a certificate that nobody has */
	sign(&world, &world.alice);
	world.put.cert_sha256[31] ^= 1;
	ck_assert_int_eq(verify(&world, FIX_NOW), MC_EAPPROVAL);
	for (unsigned i = 0; i < 2; i++) {
		people_add(&world.fix, &world.alice, "bob", ROLES[i], &put);
		world.approval.approver_sha256 = put.cert_sha256;
		ck_assert_int_eq(verify(&world, FIX_NOW), MC_EAPPROVAL);
	}
	approver_end(&thief);
	end(&world);
}
END_TEST

START_TEST(an_approval_is_of_who_is_an_administrator_now)
{
	struct msg_user_remove remove = { .name = base_span_str("bob") };
	struct msg_user_put bob;
	struct world world;

	start(&world);
	world.approval.expires_at = FIX_NOW + FIX_DAY + 1;
	ck_assert_int_eq(verify(&world, FIX_NOW + FIX_DAY), MC_OK);
	ck_assert_int_eq(verify(&world, FIX_NOW + FIX_DAY + 1), MC_EAPPROVAL);
	world.approval.expires_at = FIX_NOW + 60;
	people_add(&world.fix, &world.alice, "bob", MSG_USER_ADMIN, &bob);
	world.approval.approver_sha256 = bob.cert_sha256;
	ck_assert_int_eq(verify(&world, FIX_NOW), MC_OK);
	memcpy(remove.approver_sha256, world.put.cert_sha256, 32);
	approver_sign(&world.alice, &remove, FIX_NOW + 60);
	ck_assert_int_eq(store_user_remove(world.fix.store, &remove, FIX_NOW), MC_OK);
	sign(&world, &world.alice);
	ck_assert_int_eq(verify(&world, FIX_NOW), MC_EAPPROVAL);
	end(&world);
}
END_TEST

/* A signature can be made anew, or turned into its twin: what is spent is the text, of that administrator. */
START_TEST(what_is_spent_is_what_was_signed)
{
	struct sq_approved first, second;
	struct msg_user_put again;
	struct world world;

	start(&world);
	ck_assert_int_eq(sq_approval_verify(world.sq, &world.approval, FIX_NOW, &first), MC_OK);
	sign(&world, &world.alice);
	ck_assert_int_eq(sq_approval_verify(world.sq, &world.approval, FIX_NOW, &second), MC_OK);
	ck_assert_mem_eq(first.id, second.id, 32);
	people_add(&world.fix, &world.alice, "carol", MSG_USER_ADMIN, &again);
	world.approval.approver_sha256 = again.cert_sha256;
	ck_assert_int_eq(sq_approval_verify(world.sq, &world.approval, FIX_NOW, &second), MC_OK);
	ck_assert_mem_ne(first.id, second.id, 32);
	end(&world);
}
END_TEST

START_TEST(the_same_request_may_ask_again_where_that_is_harmless)
{
	const uint8_t id[32] = { 1 }, other[32] = { 2 };
	const uint8_t request[16] = { 3 }, stranger[16] = { 4 };
	struct world world;
	bool again = true;

	start(&world);
	ck_assert_int_eq(sq_approval_check(world.sq, id, request, &again), MC_OK);
	ck_assert(!again);
	ck_assert_int_eq(sq_approval_spend(world.sq, id, request, FIX_NOW), MC_OK);
	ck_assert_int_eq(sq_approval_check(world.sq, id, request, &again), MC_OK);
	ck_assert(again);
	ck_assert_int_eq(sq_approval_check(world.sq, id, stranger, &again), MC_EAPPROVAL);
	ck_assert(!again);
	/* and not where it is used outright */
	ck_assert_int_eq(sq_approval_use(world.sq, id, request, FIX_NOW), MC_EAPPROVAL);
	ck_assert_int_eq(sq_approval_use(world.sq, id, stranger, FIX_NOW), MC_EAPPROVAL);
	ck_assert_int_eq(sq_approval_use(world.sq, other, request, FIX_NOW), MC_OK);
	ck_assert_int_eq(sq_approval_use(world.sq, other, request, FIX_NOW), MC_EAPPROVAL);
	end(&world);
}
END_TEST

/* As long as any clock of ours may still take it, and not for ever. */
START_TEST(a_spent_approval_is_remembered_until_it_has_expired)
{
	const uint8_t first[32] = { 1 }, second[32] = { 2 }, third[32] = { 3 };
	const uint8_t request[16] = { 9 };
	struct world world;
	bool again = false;

	start(&world);
	ck_assert_int_eq(sq_approval_use(world.sq, first, request, FIX_NOW), MC_OK);
	ck_assert_int_eq(sq_approval_use(world.sq, second, request, FIX_NOW + 2 * LIMIT_APPROVAL_S), MC_OK);
	ck_assert_int_eq(sq_approval_check(world.sq, first, request, &again), MC_OK);
	ck_assert(again);
	ck_assert_int_eq(sq_approval_use(world.sq, third, request, FIX_NOW + 2 * LIMIT_APPROVAL_S + 1),
	    MC_OK);
	ck_assert_int_eq(sq_approval_check(world.sq, first, request, &again), MC_OK);
	ck_assert(!again);
	ck_assert_int_eq(sq_approval_check(world.sq, second, request, &again), MC_OK);
	ck_assert(again);
	end(&world);
}
END_TEST

/* Also by a signer that was restarted, and so remembers nothing. */
START_TEST(an_approval_is_spent_once)
{
	struct store_intended first;
	struct store_intended out;
	struct fix_intent bob;
	struct fix_intent again;
	struct fix fix;

	fix_start(&fix);
	ck_assert_int_eq(store_begin(fix.store), MC_OK);
	fix_intent_make(&fix, &bob, MSG_PROFILE_CLIENT, "bob");
	bob.msg.has_dedup = 1;
	memset(bob.msg.dedup_key, 5, 32);
	ck_assert_int_eq(store_intent_put(fix.store, &bob.msg, FIX_NOW, &first), MC_OK);
	ck_assert_int_eq(store_commit(fix.store), MC_OK);
	fix_reopen(&fix);
	ck_assert_int_eq(store_begin(fix.store), MC_OK);
	/* The very intent may be repeated; another under its approval may not. */
	ck_assert_int_eq(store_intent_put(fix.store, &bob.msg, FIX_NOW, &out), MC_OK);
	ck_assert(!out.inserted);
	ck_assert_uint_eq(out.seq, first.seq);
	fix_intent_make(&fix, &again, MSG_PROFILE_CLIENT, "bob");
	again.msg.has_dedup = 1;
	memset(again.msg.dedup_key, 5, 32);
	ck_assert_int_eq(store_intent_put(fix.store, &again.msg, FIX_NOW, &out), MC_EAPPROVAL);
	memset(again.msg.request_id, 8, 16);
	ck_assert_int_eq(store_intent_put(fix.store, &again.msg, FIX_NOW + LIMIT_APPROVAL_S, &out),
	    MC_EAPPROVAL);
	memset(again.msg.dedup_key, 6, 32);
	ck_assert_int_eq(store_intent_put(fix.store, &again.msg, FIX_NOW, &out), MC_OK);
	ck_assert(out.inserted);
	ck_assert_int_eq(store_commit(fix.store), MC_OK);
	fix_end(&fix);
}
END_TEST

CHECK_MAIN("store_sqlite_approval", an_approval_is_for_ten_minutes_at_most,
    an_approval_is_an_administrators_own, an_approval_is_of_who_is_an_administrator_now,
    what_is_spent_is_what_was_signed, the_same_request_may_ask_again_where_that_is_harmless,
    a_spent_approval_is_remembered_until_it_has_expired, an_approval_is_spent_once)
