/* SPDX-License-Identifier: Apache-2.0 */
/* People: whose certificate has which role, who may say so, and how they go. */
#include "event_read.h"
#include "people_make.h"

#include "check_main.h"

static struct approver admin; /* everybody's key here */

static enum mc_err
see_user(void *arg, const struct msg_user_row *row)
{
	uint8_t *role = arg;

	*role = row->role;
	return MC_OK;
}

START_TEST(people_and_the_last_admin)
{
	const struct store_view view = { FIX_NOW, 0 };
	const struct store_view expired = { FIX_NOW + 2 * FIX_DAY, 0 };
	struct msg_user_remove remove = { .name = base_span_str("alice") };
	const struct msg_user_remove nobodys = { .name = base_span_str("bob") };
	struct fix_intent alice_cert;
	struct fix_intent bob_cert;
	struct msg_user_put alice;
	struct msg_user_put bob;
	struct approver other;
	struct fix fix;
	uint8_t role = 0;
	bool inserted = false;

	fix_start(&fix);
	approver_make(&admin);
	ck_assert_int_eq(store_begin(fix.store), MC_OK);
	people_cert(&fix, &admin, "alice", &alice_cert, &alice);
	people_cert(&fix, &admin, "bob", &bob_cert, &bob);
	alice.role = MSG_USER_ADMIN;
	bob.role = MSG_USER_VIEWER;
	memcpy(bob.approver_sha256, alice.cert_sha256, 32);
	ck_assert_int_eq(store_user_put(fix.store, &bob, FIX_NOW, &inserted), MC_EAPPROVAL);
	ck_assert_int_eq(store_user_put(fix.store, &alice, FIX_NOW, &inserted), MC_OK);
	ck_assert_int_eq(store_user_put(fix.store, &alice, FIX_NOW, &inserted), MC_OK);
	ck_assert(!inserted);
	ck_assert_int_eq(store_user_put(fix.store, &bob, FIX_NOW, &inserted), MC_OK);
	/* A viewer approves nothing; a certificate has one role. */
	memcpy(alice.approver_sha256, bob.cert_sha256, 32);
	ck_assert_int_eq(store_user_put(fix.store, &alice, FIX_NOW, &inserted), MC_EAPPROVAL);
	bob.role = MSG_USER_ADMIN;
	ck_assert_int_eq(store_user_put(fix.store, &bob, FIX_NOW, &inserted), MC_ECONFLICT);
	memcpy(remove.approver_sha256, alice.cert_sha256, 32);
	approver_sign(&admin, &remove, FIX_NOW + 300);
	ck_assert_int_eq(store_user_remove(fix.store, &remove, FIX_NOW), MC_ECONFLICT);
	ck_assert_int_eq(store_user_get(fix.store, &view, bob.cert_sha256, see_user, &role), MC_OK);
	ck_assert_uint_eq(role, MSG_USER_VIEWER);
	ck_assert_int_eq(store_user_get(fix.store, &expired, bob.cert_sha256, see_user, &role),
	    MC_ENOTFOUND);
	/* Without an approval, with one for alice, by a viewer, in another time than was signed. */
	ck_assert_int_eq(store_user_remove(fix.store, &nobodys, FIX_NOW), MC_EAPPROVAL);
	remove.name = base_span_str("bob");
	ck_assert_int_eq(store_user_remove(fix.store, &remove, FIX_NOW), MC_EAPPROVAL);
	approver_sign(&admin, &remove, FIX_NOW + 300);
	memcpy(remove.approver_sha256, bob.cert_sha256, 32);
	ck_assert_int_eq(store_user_remove(fix.store, &remove, FIX_NOW), MC_EAPPROVAL);
	memcpy(remove.approver_sha256, alice.cert_sha256, 32);
	remove.approval_expires_at++;
	ck_assert_int_eq(store_user_remove(fix.store, &remove, FIX_NOW), MC_EAPPROVAL);
	remove.approval_expires_at--;
	ck_assert_int_eq(store_user_remove(fix.store, &remove, FIX_NOW + 301), MC_EAPPROVAL);
	ck_assert_int_eq(store_user_remove(fix.store, &remove, FIX_NOW - 301), MC_EAPPROVAL);
	/* By a key that is not the one in alice's certificate. */
	approver_make(&other);
	approver_sign(&other, &remove, FIX_NOW + 300);
	ck_assert_int_eq(store_user_remove(fix.store, &remove, FIX_NOW), MC_EAPPROVAL);
	approver_end(&other);
	ck_assert_int_eq(store_user_get(fix.store, &view, bob.cert_sha256, see_user, &role), MC_OK);
	approver_sign(&admin, &remove, FIX_NOW + 300);
	ck_assert_int_eq(store_user_remove(fix.store, &remove, FIX_NOW), MC_OK);
	ck_assert_int_eq(store_user_get(fix.store, &view, bob.cert_sha256, see_user, &role),
	    MC_ENOTFOUND);
	/* Spent: not for the person of that name who comes next, nor in another signature over it. */
	people_cert(&fix, &admin, "bob", &bob_cert, &bob);
	memcpy(bob.approver_sha256, alice.cert_sha256, 32);
	bob.role = MSG_USER_VIEWER;
	ck_assert_int_eq(store_user_put(fix.store, &bob, FIX_NOW, &inserted), MC_OK);
	approver_sign(&admin, &remove, FIX_NOW + 300);
	ck_assert_int_eq(store_user_remove(fix.store, &remove, FIX_NOW), MC_EAPPROVAL);
	approver_sign(&admin, &remove, FIX_NOW + 299);
	ck_assert_int_eq(store_user_remove(fix.store, &remove, FIX_NOW), MC_OK);
	(void)event_newest_is(fix.store, "user-removed");
	approver_sign(&admin, &remove, FIX_NOW + 298);
	ck_assert_int_eq(store_user_remove(fix.store, &remove, FIX_NOW), MC_ENOTFOUND);
	ck_assert_int_eq(store_commit(fix.store), MC_OK);
	approver_end(&admin);
	fix_end(&fix);
}
END_TEST

static void
start(struct fix *fix)
{
	fix_start(fix);
	approver_make(&admin);
	ck_assert_int_eq(store_begin(fix->store), MC_OK);
}

static void
end(struct fix *fix)
{
	ck_assert_int_eq(store_commit(fix->store), MC_OK);
	approver_end(&admin);
	fix_end(fix);
}

/* Of any other certificate than a signed one that says this person's name. */
START_TEST(a_role_is_bound_to_the_persons_own_certificate)
{
	struct msg_user_put put;
	struct msg_user_put wrong;
	struct fix_intent leaf;
	struct fix_intent svid;
	struct base_buf cert;
	struct fix fix;
	bool inserted = true;

	start(&fix);
	people_cert(&fix, &admin, "alice", &leaf, &put);
	for (unsigned role = 0; role < 256; role++) {
		put.role = (uint8_t)role;
		if (role < MSG_USER_VIEWER || role > MSG_USER_ADMIN) {
			ck_assert_int_eq(store_user_put(fix.store, &put, FIX_NOW, &inserted), MC_EUSAGE);
			ck_assert(!inserted);
		}
	}
	put.role = MSG_USER_OPERATOR;
	wrong = put;
	wrong.name = base_span_str("");
	ck_assert_int_eq(store_user_put(fix.store, &wrong, FIX_NOW, &inserted), MC_EUSAGE);
	wrong.name = base_span_str("alicf");
	ck_assert_int_eq(store_user_put(fix.store, &wrong, FIX_NOW, &inserted), MC_EPOLICY);
	wrong = put;
	wrong.cert_sha256[0] ^= 1;
	ck_assert_int_eq(store_user_put(fix.store, &wrong, FIX_NOW, &inserted), MC_EPOLICY);
	wrong = put;
	wrong.serial = base_span_str("no such");
	ck_assert_int_eq(store_user_put(fix.store, &wrong, FIX_NOW, &inserted), MC_ENOTFOUND);
	/* it has expired */
	ck_assert_int_eq(store_user_put(fix.store, &put, FIX_NOW + FIX_DAY + 1, &inserted), MC_EPOLICY);
	/* a workload's */
	fix_intent_make(&fix, &svid, MSG_PROFILE_SVID, "alice");
	ck_assert_int_eq(fix_sign(&fix, fix_put(&fix, &svid.msg), svid.msg.serial), MC_OK);
	wrong = put;
	wrong.serial = svid.msg.serial;
	base_buf_init(&cert, LIMIT_CERT);
	store_cert_assemble(&cert, svid.msg.tbs, base_span_of(FIX_TAIL, 8));
	base_crypto_sha256(base_buf_span(&cert), wrong.cert_sha256);
	base_buf_clear(&cert);
	ck_assert_int_eq(store_user_put(fix.store, &wrong, FIX_NOW, &inserted), MC_EPOLICY);
	/* one whose signature is not there */
	fix_intent_make(&fix, &svid, MSG_PROFILE_CLIENT, "alice");
	(void)fix_put(&fix, &svid.msg);
	wrong.serial = svid.msg.serial;
	ck_assert_int_eq(store_user_put(fix.store, &wrong, FIX_NOW, &inserted), MC_EPOLICY);
	ck_assert_int_eq(store_user_put(fix.store, &put, FIX_NOW, &inserted), MC_OK);
	ck_assert(inserted);
	ck_assert_str_eq(event_newest_is(fix.store, "user-added").note, "role operator, seq 3");
	end(&fix);
}
END_TEST

/* Only roles of administrators count, and only while their certificates do. */
START_TEST(an_approver_is_a_live_administrator)
{
	static const uint8_t ROLES[] = { MSG_USER_VIEWER, MSG_USER_OPERATOR, MSG_USER_ADMIN };
	struct msg_user_put approvers[3];
	struct msg_user_put carol;
	struct fix_intent leaf;
	struct fix fix;
	bool inserted;

	start(&fix);
	for (unsigned i = 0; i < 3; i++) {
		people_add(&fix, &admin, "alice", ROLES[i], &approvers[i]);
	}
	people_cert(&fix, &admin, "carol", &leaf, &carol);
	carol.role = MSG_USER_VIEWER;
	memset(carol.approver_sha256, 1, 32);
	ck_assert_int_eq(store_user_put(fix.store, &carol, FIX_NOW, &inserted), MC_EAPPROVAL);
	for (unsigned i = 0; i < 3; i++) {
		memcpy(carol.approver_sha256, approvers[i].cert_sha256, 32);
		ck_assert_int_eq(store_user_put(fix.store, &carol, FIX_NOW, &inserted),
		    i < 2 ? MC_EAPPROVAL : MC_OK);
		ck_assert(inserted == (i == 2));
	}
	/* nor when it has expired: known by that it is asked before her own certificate is */
	ck_assert_int_eq(store_user_put(fix.store, &carol, FIX_NOW + FIX_DAY + 1, &inserted), MC_EAPPROVAL);
	end(&fix);
}
END_TEST

struct people {
	unsigned count;
	unsigned stop_at;
	char names[8][16];
	uint8_t roles[8];
};

static enum mc_err
see_person(void *arg, const struct msg_user_row *row)
{
	struct people *people = arg;

	ck_assert_int_eq(row->added_at, FIX_NOW);
	ck_assert_int_eq(row->not_after_at, FIX_NOW + FIX_DAY);
	ck_assert(base_span_equal_str(row->added_by, "root"));
	people->roles[people->count] = row->role;
	base_span_copy_str(row->name, people->names[people->count++], sizeof(people->names[0]));
	return people->count == people->stop_at ? MC_EBUSY : MC_OK;
}

static struct people
list(struct fix *fix, int64_t now_at)
{
	const struct store_view view = { now_at, 0 };
	struct people people = { 0 };

	ck_assert_int_eq(store_user_list(fix->store, &view, see_person, &people), MC_OK);
	return people;
}

START_TEST(people_are_listed_by_name_while_they_count)
{
	const struct store_view view = { FIX_NOW, 0 };
	struct people people = { .stop_at = 2 };
	struct msg_user_remove remove = { .name = base_span_str("bob") };
	struct msg_user_put put;
	struct msg_user_put alice;
	struct fix fix;

	start(&fix);
	people_add(&fix, &admin, "carol", MSG_USER_VIEWER, &put);
	people_add(&fix, &admin, "alice", MSG_USER_ADMIN, &alice);
	people_add(&fix, &admin, "bob", MSG_USER_ADMIN, &put);
	ck_assert_int_eq(store_user_list(fix.store, &view, see_person, &people), MC_EBUSY);
	ck_assert_uint_eq(people.count, 2);
	people = list(&fix, FIX_NOW + FIX_DAY);
	ck_assert_uint_eq(people.count, 3);
	ck_assert_str_eq(people.names[0], "alice");
	ck_assert_str_eq(people.names[1], "bob");
	ck_assert_str_eq(people.names[2], "carol");
	ck_assert_uint_eq(people.roles[2], MSG_USER_VIEWER);
	ck_assert_uint_eq(list(&fix, FIX_NOW + FIX_DAY + 1).count, 0);
	memcpy(remove.approver_sha256, alice.cert_sha256, 32);
	approver_sign(&admin, &remove, FIX_NOW + 60);
	ck_assert_int_eq(store_user_remove(fix.store, &remove, FIX_NOW), MC_OK);
	people = list(&fix, FIX_NOW);
	ck_assert_uint_eq(people.count, 2);
	ck_assert_str_eq(people.names[1], "carol");
	end(&fix);
}
END_TEST

static enum mc_err
see_reason(void *arg, const struct store_cert *cert)
{
	*(int *)arg = cert->row.state == MSG_STATE_REVOKED ? cert->row.reason : -1;
	return MC_OK;
}

/* Every certificate of theirs, each once, and of nobody else. */
START_TEST(whoever_goes_takes_all_certificates_along)
{
	static const int REASONS[] = { MSG_REASON_PRIVILEGE_WITHDRAWN, MSG_REASON_PRIVILEGE_WITHDRAWN, -1 };
	const struct store_view view = { FIX_NOW, 0 };
	struct msg_user_remove remove = { .name = base_span_str("bob") };
	struct msg_user_put alice;
	struct msg_user_put put;
	struct fix fix;
	int reason = 0;

	start(&fix);
	people_add(&fix, &admin, "bob", MSG_USER_ADMIN, &put);   /* seq 3 */
	people_add(&fix, &admin, "bob", MSG_USER_VIEWER, &put);  /* seq 4 */
	people_add(&fix, &admin, "alice", MSG_USER_ADMIN, &alice); /* seq 5 */
	memcpy(remove.approver_sha256, alice.cert_sha256, 32);
	approver_sign(&admin, &remove, FIX_NOW + 60);
	ck_assert_int_eq(store_user_remove(fix.store, &remove, FIX_NOW), MC_OK);
	for (uint64_t seq = 3; seq <= 5; seq++) {
		ck_assert_int_eq(store_cert_by_seq(fix.store, &view, seq, see_reason, &reason), MC_OK);
		ck_assert_int_eq(reason, REASONS[seq - 3]);
	}
	ck_assert_uint_eq(list(&fix, FIX_NOW).count, 1);
	end(&fix);
}
END_TEST

/* Who cannot approve any more does not remain as one. */
START_TEST(an_expired_administrator_does_not_let_the_last_one_go)
{
	struct msg_user_remove remove = { .name = base_span_str("alice") };
	struct msg_user_put bob = { .name = base_span_str("bob"), .role = MSG_USER_ADMIN };
	struct msg_user_put alice;
	uint8_t spki_sha256[32];
	struct fix fix;

	start(&fix);
	people_add(&fix, &admin, "alice", MSG_USER_ADMIN, &alice);
	base_crypto_sha256(base_span_of(admin.spki, sizeof(admin.spki)), spki_sha256);
	fix_person(&fix, &bob, spki_sha256, FIX_NOW + 100);
	memcpy(remove.approver_sha256, alice.cert_sha256, 32);
	approver_sign(&admin, &remove, FIX_NOW + 200);
	ck_assert_int_eq(store_user_remove(fix.store, &remove, FIX_NOW + 101), MC_ECONFLICT);
	/* that refusal spent nothing */
	ck_assert_int_eq(store_user_remove(fix.store, &remove, FIX_NOW + 100), MC_OK);
	end(&fix);
}
END_TEST

/* The longest is signed whole; a longer one is nobody's. */
START_TEST(a_name_is_as_long_as_names_are)
{
	char name[LIMIT_USER_NAME + 64] = { 0 };
	struct msg_user_remove remove = { 0 };
	struct msg_user_put alice;
	struct msg_user_put put;
	struct fix fix;

	memset(name, 'n', LIMIT_USER_NAME);
	start(&fix);
	people_add(&fix, &admin, "alice", MSG_USER_ADMIN, &alice);
	people_add(&fix, &admin, name, MSG_USER_VIEWER, &put);
	memcpy(remove.approver_sha256, alice.cert_sha256, 32);
	memset(name, 'n', sizeof(name) - 1);
	remove.name = base_span_str(name);
	approver_sign(&admin, &remove, FIX_NOW + 60);
	ck_assert_int_eq(store_user_remove(fix.store, &remove, FIX_NOW), MC_EAPPROVAL);
	remove.name = base_span_of(name, LIMIT_USER_NAME);
	ck_assert_int_eq(store_user_remove(fix.store, &remove, FIX_NOW), MC_OK);
	end(&fix);
}
END_TEST

CHECK_MAIN("store_sqlite_user", people_and_the_last_admin, a_role_is_bound_to_the_persons_own_certificate,
    an_approver_is_a_live_administrator, people_are_listed_by_name_while_they_count,
    whoever_goes_takes_all_certificates_along, an_expired_administrator_does_not_let_the_last_one_go,
    a_name_is_as_long_as_names_are)
