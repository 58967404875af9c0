/* SPDX-License-Identifier: Apache-2.0 */
/* Revocations, CRLs, issuers and bundles, people, events, configurations. */
#include "approval_make.h"
#include "base/enc.h"
#include "store_fixture.h"

#include "check_main.h"

static const struct store_scope PRODUCTION = { { (const uint8_t *)"production", 10 }, true };
static const struct store_scope STAGING = { { (const uint8_t *)"staging", 7 }, true };

struct events {
	char actions[8][32];
	char note[96]; /* of the last one */
	int64_t at;
	unsigned count;
};

static enum mc_err
see_event(void *arg, const struct msg_event_row *row)
{
	struct events *events = arg;

	memcpy(events->actions[events->count], row->action.ptr, row->action.len);
	events->actions[events->count++][row->action.len] = '\0';
	base_span_copy_str(row->note, events->note, sizeof(events->note));
	events->at = row->at;
	return MC_OK;
}

static struct events
newest_event_is(struct fix *fix, const char *action)
{
	const struct msg_event_list query = { 0, 1 };
	struct events events = { 0 };
	uint64_t next = 0;

	ck_assert_int_eq(store_event_list(fix->store, &query, see_event, &events, &next), MC_OK);
	ck_assert_uint_eq(events.count, 1);
	ck_assert_str_eq(events.actions[0], action);
	return events;
}

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
	const struct store_view later = { FIX_NOW + 2 * FIX_DAY, 0 };
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
	(void)newest_event_is(&fix, "certificate-revoked");
	memcpy(query.issuer_id, fix.issuing_id, 32);
	ck_assert_int_eq(store_revoked_list(fix.store, &view, &query, see_revoked, &listed), MC_OK);
	ck_assert_uint_eq(listed.count, 1);
	ck_assert_uint_eq(listed.reason, MSG_REASON_KEY_COMPROMISE);
	ck_assert_str_eq(listed.serial, leaf.serial);
	/* Not once it has expired, nor before its turn. */
	ck_assert_int_eq(store_revoked_list(fix.store, &later, &query, see_revoked, &listed), MC_OK);
	query.up_to_seq = 0;
	ck_assert_int_eq(store_revoked_list(fix.store, &view, &query, see_revoked, &listed), MC_OK);
	ck_assert_uint_eq(listed.count, 1);
	fix_end(&fix);
}
END_TEST

static uint64_t
crl_draw(struct fix *fix)
{
	struct msg_crl_begin_ans out = { 0 };

	ck_assert_int_eq(store_crl_begin(fix->store, fix->issuing_id, &PRODUCTION, &out), MC_OK);
	return out.number;
}

static enum mc_err
crl_put(struct fix *fix, uint64_t number, uint64_t offset, size_t len, uint64_t total)
{
	static uint8_t bytes[LIMIT_BULK_CHUNK];
	struct msg_crl_chunk chunk = { .number = number, .this_update_at = FIX_NOW + (int64_t)number,
		.next_update_at = FIX_NOW + FIX_DAY, .total = total, .offset = offset,
		.bytes = base_span_of(bytes, len) };
	bool complete = false;
	enum mc_err ret;

	memset(bytes, (int)number, sizeof(bytes));
	memcpy(chunk.issuer_id, fix->issuing_id, 32);
	ret = store_crl_chunk(fix->store, &chunk, &PRODUCTION, FIX_NOW + 3, &complete);
	ck_assert(ret != MC_OK || complete == (offset + len == total));
	return ret;
}

static enum mc_err
see_crl(void *arg, const struct msg_crl_ans *crl)
{
	struct msg_crl_ans *out = arg;

	for (size_t i = 0; i < crl->bytes.len; i++) {
		ck_assert_uint_eq(crl->bytes.ptr[i], crl->number & 0xff);
	}
	*out = *crl;
	return MC_OK;
}

static enum mc_err
crl_get(struct fix *fix, uint64_t number, uint64_t offset, struct msg_crl_ans *out)
{
	struct msg_crl_get query = { .number = number, .offset = offset };

	memcpy(query.issuer_id, fix->issuing_id, 32);
	return store_crl_get(fix->store, &query, see_crl, out);
}

START_TEST(crl_numbers_only_grow)
{
	static const struct store_scope ceremony = { { NULL, 0 }, false };
	struct msg_crl_begin_ans out = { 0 };
	struct fix fix;

	fix_start(&fix);
	ck_assert_int_eq(store_begin(fix.store), MC_OK);
	ck_assert_uint_eq(crl_draw(&fix), 1);
	ck_assert_uint_eq(crl_draw(&fix), 2);
	ck_assert_int_eq(store_crl_begin(fix.store, fix.issuing_id, &STAGING, &out), MC_ENOTFOUND);
	/* a signer keeps no CRL of the environment's CA: that key is the ceremony's */
	ck_assert_int_eq(store_crl_begin(fix.store, fix.anchor_id, &PRODUCTION, &out), MC_ENOTFOUND);
	ck_assert_int_eq(store_crl_begin(fix.store, fix.anchor_id, &ceremony, &out), MC_OK);
	ck_assert_uint_eq(out.number, 1);
	ck_assert_int_eq(crl_put(&fix, 3, 0, 10, 10), MC_ECONFLICT);
	ck_assert_int_eq(crl_put(&fix, 2, 0, 10, 10), MC_OK);
	ck_assert_int_eq(crl_put(&fix, 2, 0, 10, 10), MC_ECONFLICT);
	ck_assert_int_eq(crl_put(&fix, 1, 0, 10, 10), MC_ECONFLICT);
	ck_assert_int_eq(store_commit(fix.store), MC_OK);
	/* when it came, not the backdated time in it */
	ck_assert_int_eq(newest_event_is(&fix, "crl-published").at, FIX_NOW + 3);
	fix_reopen(&fix);
	ck_assert_int_eq(store_begin(fix.store), MC_OK);
	ck_assert_uint_eq(crl_draw(&fix), 3);
	ck_assert_int_eq(store_commit(fix.store), MC_OK);
	fix_end(&fix);
}
END_TEST

START_TEST(crl_is_current_with_its_last_byte)
{
	const uint64_t total = LIMIT_BULK_CHUNK + 5;
	struct msg_crl_ans crl;
	struct fix fix;

	fix_start(&fix);
	ck_assert_int_eq(store_begin(fix.store), MC_OK);
	ck_assert_int_eq(crl_get(&fix, 0, 0, &crl), MC_ENOTFOUND);
	ck_assert_int_eq(crl_put(&fix, crl_draw(&fix), 0, 10, 10), MC_OK);
	(void)crl_draw(&fix);
	ck_assert_int_eq(crl_put(&fix, 2, 5, 10, total), MC_EUSAGE);
	ck_assert_int_eq(crl_put(&fix, 2, 0, LIMIT_BULK_CHUNK, total), MC_OK);
	ck_assert_int_eq(crl_get(&fix, 0, 0, &crl), MC_OK);
	ck_assert_uint_eq(crl.number, 1);
	/* The sender starts over. */
	ck_assert_int_eq(crl_put(&fix, 2, 0, LIMIT_BULK_CHUNK, total), MC_OK);
	ck_assert_int_eq(crl_put(&fix, 2, LIMIT_BULK_CHUNK, 6, total), MC_EUSAGE);
	ck_assert_int_eq(crl_put(&fix, 2, LIMIT_BULK_CHUNK, 5, total), MC_OK);
	ck_assert_int_eq(crl_get(&fix, 0, 0, &crl), MC_OK);
	ck_assert_uint_eq(crl.number, 2);
	ck_assert_uint_eq(crl.total, total);
	ck_assert_uint_eq(crl.bytes.len, LIMIT_BULK_CHUNK);
	ck_assert_int_eq(crl_get(&fix, 2, LIMIT_BULK_CHUNK, &crl), MC_OK);
	ck_assert_uint_eq(crl.bytes.len, 5);
	ck_assert_int_eq(crl_get(&fix, 2, total, &crl), MC_EUSAGE);
	/* Two are kept. */
	ck_assert_int_eq(crl_put(&fix, crl_draw(&fix), 0, 10, 10), MC_OK);
	ck_assert_int_eq(crl_get(&fix, 2, 0, &crl), MC_OK);
	ck_assert_int_eq(crl_get(&fix, 1, 0, &crl), MC_ENOTFOUND);
	ck_assert_int_eq(store_commit(fix.store), MC_OK);
	fix_end(&fix);
}
END_TEST

static enum mc_err
see_status(void *arg, const struct msg_crl_status_row *row)
{
	struct msg_crl_status_row *out = arg;

	if (row->profile == MSG_PROFILE_ISSUING) {
		*out = *row;
	}
	return MC_OK;
}

START_TEST(crl_status_tells_what_is_due)
{
	const struct store_view view = { FIX_NOW, 0 };
	struct msg_revoke revoke = { .reason = MSG_REASON_SUPERSEDED };
	struct msg_crl_status_row row = { 0 };
	struct fix_intent leaf;
	struct fix fix;

	fix_start(&fix);
	(void)fix_leaf(&fix, "spiffe://x/y", true, &leaf);
	ck_assert_int_eq(store_crl_status(fix.store, &view, see_status, &row), MC_OK);
	ck_assert_mem_eq(row.issuer_id, fix.issuing_id, 32);
	ck_assert_uint_eq(row.number, 0);
	revoke.serial = leaf.msg.serial;
	ck_assert_int_eq(store_begin(fix.store), MC_OK);
	ck_assert_int_eq(crl_put(&fix, crl_draw(&fix), 0, 10, 10), MC_OK);
	ck_assert_int_eq(store_revoke(fix.store, &revoke, FIX_NOW), MC_OK);
	ck_assert_int_eq(store_commit(fix.store), MC_OK);
	ck_assert_int_eq(store_crl_status(fix.store, &view, see_status, &row), MC_OK);
	ck_assert_uint_eq(row.number, 1);
	ck_assert_uint_eq(row.revocation_seq, 0);
	ck_assert_uint_eq(row.newest_revocation_seq, 1);
	fix_end(&fix);
}
END_TEST

static enum mc_err
see_bundle(void *arg, const struct msg_bundle_ans *bundle)
{
	struct msg_bundle_ans *out = arg;

	ck_assert(base_span_equal_str(bundle->trust_domain, "cluster.local"));
	out->sequence = bundle->sequence;
	out->anchors.len = bundle->anchors.len;
	return MC_OK;
}

START_TEST(bundle_sequence_grows_with_anchors_only)
{
	struct msg_bundle_ans bundle = { 0 };
	struct fix fix;
	uint8_t id[32];
	size_t one;

	fix_start(&fix);
	ck_assert_int_eq(store_bundle_get(fix.store, base_span_str("production"), see_bundle,
	                     &bundle),
	    MC_OK);
	ck_assert_uint_eq(bundle.sequence, 1);
	one = bundle.anchors.len;
	ck_assert_int_eq(store_begin(fix.store), MC_OK);
	fix_ca(&fix, MSG_PROFILE_ENVIRONMENT, "CN=production 2", id);
	ck_assert_int_eq(store_commit(fix.store), MC_OK);
	ck_assert_int_eq(store_bundle_get(fix.store, base_span_str("production"), see_bundle,
	                     &bundle),
	    MC_OK);
	ck_assert_uint_eq(bundle.sequence, 2);
	ck_assert_uint_gt(bundle.anchors.len, one);
	ck_assert_str_eq(newest_event_is(&fix, "issuer-registered").note,
	    "environment certificate, seq 3, environment production");
	ck_assert_int_eq(store_bundle_get(fix.store, base_span_str("staging"), see_bundle, &bundle),
	    MC_ENOTFOUND);
	fix_end(&fix);
}
END_TEST

START_TEST(issuer_must_be_what_was_signed)
{
	struct msg_issuer_put put = { .seq = 3, .profile = MSG_PROFILE_ISSUING };
	struct fix_intent leaf;
	struct base_buf cert;
	struct fix fix;
	bool inserted = false;

	fix_start(&fix);
	(void)fix_leaf(&fix, "spiffe://x/y", true, &leaf);
	base_buf_init(&cert, LIMIT_CERT);
	store_cert_assemble(&cert, leaf.msg.tbs, base_span_of(FIX_TAIL, 8));
	put.environment = base_span_str("production");
	put.cert = base_buf_span(&cert);
	base_crypto_sha256(put.cert, put.issuer_id);
	ck_assert_int_eq(store_begin(fix.store), MC_OK);
	/* A leaf cannot become a CA, not even under its own profile. */
	ck_assert_int_eq(store_issuer_put(fix.store, &put, FIX_NOW, &inserted), MC_EPOLICY);
	put.profile = MSG_PROFILE_SVID;
	ck_assert_int_eq(store_issuer_put(fix.store, &put, FIX_NOW, &inserted), MC_EPOLICY);
	store_rollback(fix.store);
	base_buf_clear(&cert);
	fix_end(&fix);
}
END_TEST

/* A signed client certificate and its hash. */
static struct approver admin; /* everybody's key here */

static void
client(struct fix *fix, const char *name, struct fix_intent *intent, struct msg_user_put *put)
{
	struct base_buf cert;
	uint64_t seq;

	fix_intent_make(fix, intent, MSG_PROFILE_CLIENT, name);
	base_crypto_sha256(base_span_of(admin.spki, sizeof(admin.spki)), intent->msg.spki_sha256);
	seq = fix_put(fix, &intent->msg);
	ck_assert_int_eq(fix_sign(fix, seq, intent->msg.serial), MC_OK);
	base_buf_init(&cert, LIMIT_CERT);
	store_cert_assemble(&cert, intent->msg.tbs, base_span_of(FIX_TAIL, 8));
	memset(put, 0, sizeof(*put));
	base_crypto_sha256(base_buf_span(&cert), put->cert_sha256);
	base_buf_clear(&cert);
	put->name = base_span_str(intent->identity);
	put->serial = intent->msg.serial;
	put->actor = base_span_str("root");
}

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
	client(&fix, "alice", &alice_cert, &alice);
	client(&fix, "bob", &bob_cert, &bob);
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
	client(&fix, "bob", &bob_cert, &bob);
	memcpy(bob.approver_sha256, alice.cert_sha256, 32);
	bob.role = MSG_USER_VIEWER;
	ck_assert_int_eq(store_user_put(fix.store, &bob, FIX_NOW, &inserted), MC_OK);
	approver_sign(&admin, &remove, FIX_NOW + 300);
	ck_assert_int_eq(store_user_remove(fix.store, &remove, FIX_NOW), MC_EAPPROVAL);
	approver_sign(&admin, &remove, FIX_NOW + 299);
	ck_assert_int_eq(store_user_remove(fix.store, &remove, FIX_NOW), MC_OK);
	(void)newest_event_is(&fix, "user-removed");
	approver_sign(&admin, &remove, FIX_NOW + 298);
	ck_assert_int_eq(store_user_remove(fix.store, &remove, FIX_NOW), MC_ENOTFOUND);
	ck_assert_int_eq(store_commit(fix.store), MC_OK);
	approver_end(&admin);
	fix_end(&fix);
}
END_TEST

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
	client(&fix, "alice", &cert, &alice);
	client(&fix, "bob", &unbound, &none);
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

struct whole_event {
	char actor[64], action[32], target[80], from[64];
	uint8_t request_id[16];
};

static enum mc_err
see_whole_event(void *arg, const struct msg_event_row *row)
{
	struct whole_event *event = arg;

	base_span_copy_str(row->actor, event->actor, sizeof(event->actor));
	base_span_copy_str(row->action, event->action, sizeof(event->action));
	base_span_copy_str(row->target, event->target, sizeof(event->target));
	base_span_copy_str(row->from, event->from, sizeof(event->from));
	memcpy(event->request_id, row->request_id, 16);
	return MC_OK;
}

/* The newest event: who, what, to what, where from, and by which request. */
static void
event_is(struct fix *fix, const char *actor, const char *action, const char *target,
    const char *from, uint8_t request)
{
	const struct msg_event_list query = { 0, 1 };
	struct whole_event event = { 0 };
	uint8_t request_id[16];
	uint64_t next = 0;

	memset(request_id, request, sizeof(request_id));
	ck_assert_int_eq(store_event_list(fix->store, &query, see_whole_event, &event, &next), MC_OK);
	ck_assert_str_eq(event.action, action);
	ck_assert_str_eq(event.actor, actor);
	ck_assert_str_eq(event.target, target);
	ck_assert_str_eq(event.from, from);
	ck_assert_mem_eq(event.request_id, request_id, sizeof(request_id));
}

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
	client(&fix, "alice", &cert, &alice);
	alice.role = MSG_USER_ADMIN;
	ck_assert_int_eq(store_user_put(fix.store, &alice, FIX_NOW, &inserted), MC_OK);
	client(&fix, "bob", &bob_cert, &bob);
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
	(void)newest_event_is(&fix, "user-added");
	/* and whose signature it was stands in the event, whomever the front named */
	approver_sign_revocation(&admin, &revoke, FIX_NOW + 300);
	ck_assert_int_eq(store_revoke(fix.store, &revoke, FIX_NOW), MC_OK);
	ck_assert_str_eq(newest_event_is(&fix, "certificate-revoked").note,
	    "signed by the actor; seq 2, reason cACompromise");
	event_is(&fix, "alice", "certificate-revoked", "CN=production issuing", "", 0);
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
	client(&fix, "alice", &cert, &alice);
	alice.role = MSG_USER_ADMIN;
	ck_assert_int_eq(store_user_put(fix.store, &alice, FIX_NOW, &inserted), MC_OK);
	revoke.serial = first.msg.serial;
	revoke.approval_sig = base_span_str("none");
	ck_assert_int_eq(store_revoke(fix.store, &revoke, FIX_NOW), MC_EAPPROVAL);
	revoke.approval_sig = base_span_of(NULL, 0);
	ck_assert_int_eq(store_revoke(fix.store, &revoke, FIX_NOW), MC_OK);
	event_is(&fix, "oscar", "certificate-revoked", "spiffe://x/y", "", 0);
	ck_assert_str_eq(newest_event_is(&fix, "certificate-revoked").note,
	    "actor as the front said; seq 3, reason superseded");
	revoke.serial = second.msg.serial;
	memcpy(revoke.approver_sha256, alice.cert_sha256, 32);
	approver_sign_revocation(&admin, &revoke, FIX_NOW + 300);
	ck_assert_int_eq(store_revoke(fix.store, &revoke, FIX_NOW), MC_OK);
	event_is(&fix, "alice", "certificate-revoked", "spiffe://x/z", "", 0);
	ck_assert_int_eq(store_commit(fix.store), MC_OK);
	approver_end(&admin);
	fix_end(&fix);
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

START_TEST(every_change_says_who_what_and_whence)
{
	struct msg_revoke revoke = { .reason = MSG_REASON_SUPERSEDED,
		.actor = base_span_str("oscar"), .from = base_span_str("192.0.2.1:47") };
	struct msg_config_put put = { .hash = { 1 }, .actor = base_span_str("SIGHUP"),
		.from = base_span_str("signal"), .text = base_span_str("a: 1\n") };
	struct msg_crl_chunk chunk = { .number = 1, .next_update_at = FIX_NOW, .total = 1,
		.bytes = base_span_str("x"), .actor = base_span_str("keeper"),
		.from = base_span_str("schedule") };
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
	event_is(&fix, "oscar", "certificate-revoked", "spiffe://x/y", "192.0.2.1:47", 1);

	memset(put.request_id, 2, 16);
	ck_assert_int_eq(store_config_put(fix.store, &put, FIX_NOW, &diff), MC_OK);
	event_is(&fix, "SIGHUP", "configuration-applied", "", "signal", 2);

	(void)crl_draw(&fix);
	memcpy(chunk.issuer_id, fix.issuing_id, 32);
	memset(chunk.request_id, 3, 16);
	ck_assert_int_eq(store_crl_chunk(fix.store, &chunk, &PRODUCTION, FIX_NOW, &done), MC_OK);
	base_enc_hex(fix.issuing_id, 32, issuer);
	event_is(&fix, "keeper", "crl-published", issuer, "schedule", 3);

	client(&fix, "alice", &alice_cert, &alice);
	client(&fix, "bob", &bob_cert, &bob);
	alice.role = MSG_USER_ADMIN;
	alice.actor = base_span_str("uid 0 on the local socket");
	alice.from = base_span_str("local socket");
	memset(alice.request_id, 4, 16);
	ck_assert_int_eq(store_user_put(fix.store, &alice, FIX_NOW, &done), MC_OK);
	event_is(&fix, "uid 0 on the local socket", "user-added", "alice", "local socket", 4);

	bob.role = MSG_USER_VIEWER;
	memcpy(bob.approver_sha256, alice.cert_sha256, 32);
	bob.actor = base_span_str("mallory"); /* the front's word: the approval says who it was */
	ck_assert_int_eq(store_user_put(fix.store, &bob, FIX_NOW, &done), MC_OK);
	event_is(&fix, "alice", "user-added", "bob", "", 0);
	memcpy(remove.approver_sha256, alice.cert_sha256, 32);
	memset(remove.request_id, 5, 16);
	approver_sign(&admin, &remove, FIX_NOW + 300);
	ck_assert_int_eq(store_user_remove(fix.store, &remove, FIX_NOW), MC_OK);
	event_is(&fix, "alice", "user-removed", "bob", "192.0.2.2:48", 5);

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
	(void)newest_event_is(&fix, "configuration-applied");
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

CHECK_MAIN("store_sqlite_admin", revocation_is_once_and_listed, crl_numbers_only_grow,
    crl_is_current_with_its_last_byte, crl_status_tells_what_is_due,
    bundle_sequence_grows_with_anchors_only, issuer_must_be_what_was_signed,
    people_and_the_last_admin, held_certificate_is_revoked_with_its_person_only,
    a_ca_is_revoked_on_an_approval_for_just_that, a_leaf_is_revoked_with_or_without_an_approval,
    an_approval_is_spent_once, every_change_says_who_what_and_whence,
    configurations_are_recorded_when_they_differ, events_page_newest_first)
