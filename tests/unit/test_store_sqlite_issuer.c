/* SPDX-License-Identifier: Apache-2.0 */
/* CA certificates: what may be registered, how they are listed, and the bundles that anchors make. */
#include "event_read.h"
#include "people_make.h"

#include "check_main.h"

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
	ck_assert_str_eq(event_newest_is(fix.store, "issuer-registered").note,
	    "environment certificate, seq 3, environment production");
	ck_assert_int_eq(store_bundle_get(fix.store, base_span_str("staging"), see_bundle, &bundle),
	    MC_ENOTFOUND);
	fix_end(&fix);
}
END_TEST

/* No leaf's issuer goes to the meshes, and no other environment's anchor. */
START_TEST(a_bundle_is_of_its_own_anchors)
{
	struct msg_bundle_ans bundle = { 0 };
	struct msg_issuer_put put;
	struct fix_intent intent;
	struct base_buf cert;
	struct fix fix;
	bool inserted = false;
	uint8_t id[32];

	fix_start(&fix);
	ck_assert_int_eq(store_begin(fix.store), MC_OK);
	fix_ca(&fix, MSG_PROFILE_ROOT, "CN=root", id);
	fix_ca(&fix, MSG_PROFILE_LINEAGE, "CN=lineage", id);
	fix_ca(&fix, MSG_PROFILE_ISSUING, "CN=issuing 2", id);
	fix_intent_make(&fix, &intent, MSG_PROFILE_ENVIRONMENT, "CN=staging");
	intent.msg.environment = base_span_str("staging");
	fix_ca_sign(&fix, &intent, "CN=staging", &cert, &put);
	ck_assert_int_eq(store_issuer_put(fix.store, &put, FIX_NOW, &inserted), MC_OK);
	ck_assert_int_eq(store_commit(fix.store), MC_OK);
	ck_assert_int_eq(store_bundle_get(fix.store, base_span_str("production"), see_bundle, &bundle),
	    MC_OK);
	ck_assert_uint_eq(bundle.sequence, 1);
	ck_assert_int_eq(store_bundle_get(fix.store, base_span_str("staging"), see_bundle, &bundle),
	    MC_OK);
	ck_assert_uint_eq(bundle.sequence, 1);
	ck_assert_uint_eq(bundle.anchors.len, 4 + cert.len);
	base_buf_clear(&cert);
	fix_end(&fix);
}
END_TEST

/* One answer holds it, or it is refused: never a part of it. */
START_TEST(a_bundle_is_whole_or_refused)
{
	static uint8_t tbs[LIMIT_TBS];
	struct msg_bundle_ans bundle = { 0 };
	struct msg_issuer_put put;
	struct fix_intent intent;
	struct base_buf cert;
	struct fix fix;
	bool inserted = false;
	size_t len = 0;

	fix_start(&fix);
	ck_assert_int_eq(store_begin(fix.store), MC_OK);
	for (unsigned i = 0; i < 4; i++) {
		fix_intent_make(&fix, &intent, MSG_PROFILE_ENVIRONMENT, "CN=large");
		intent.msg.environment = base_span_str("large");
		memset(tbs, (int)i, sizeof(tbs));
		/* the last ends where the limit is */
		intent.msg.tbs = base_span_of(tbs,
		    i < 3 ? sizeof(tbs) : LIMIT_BULK_CHUNK - len - 4 - (cert.len - sizeof(tbs)));
		fix_ca_sign(&fix, &intent, "CN=large", &cert, &put);
		len += 4 + cert.len;
		ck_assert_int_eq(store_issuer_put(fix.store, &put, FIX_NOW, &inserted), MC_OK);
		base_buf_clear(&cert);
		cert.len = LIMIT_TBS + 12;
	}
	ck_assert_uint_eq(len, LIMIT_BULK_CHUNK);
	ck_assert_int_eq(store_bundle_get(fix.store, base_span_str("large"), see_bundle, &bundle), MC_OK);
	ck_assert_uint_eq(bundle.anchors.len, LIMIT_BULK_CHUNK);
	fix_intent_make(&fix, &intent, MSG_PROFILE_ENVIRONMENT, "CN=one more");
	intent.msg.environment = base_span_str("large");
	fix_ca_sign(&fix, &intent, "CN=one more", &cert, &put);
	ck_assert_int_eq(store_issuer_put(fix.store, &put, FIX_NOW, &inserted), MC_OK);
	ck_assert_int_eq(store_bundle_get(fix.store, base_span_str("large"), see_bundle, &bundle),
	    MC_ETOOBIG);
	base_buf_clear(&cert);
	store_rollback(fix.store);
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

/* What a row and its registration may differ in: nothing. */
START_TEST(an_issuer_is_refused_for_every_field)
{
	struct msg_bundle_ans bundle = { 0 };
	struct msg_issuer_put put;
	struct fix_intent intent;
	struct base_buf cert;
	struct fix fix;
	bool inserted = true;

	fix_start(&fix);
	ck_assert_int_eq(store_begin(fix.store), MC_OK);
	fix_intent_make(&fix, &intent, MSG_PROFILE_ENVIRONMENT, "CN=production 2");
	fix_ca_sign(&fix, &intent, "CN=production 2", &cert, &put);
	for (unsigned i = 0; i < 5; i++) {
		struct msg_issuer_put wrong = put;

		wrong.profile = i == 0 ? MSG_PROFILE_ROOT : put.profile;
		wrong.environment = i == 1 ? base_span_str("staging") : put.environment;
		wrong.cert.len -= i == 2;
		wrong.issuer_id[31] ^= i == 3;
		wrong.seq = i == 4 ? 2 : put.seq;
		ck_assert_int_eq(store_issuer_put(fix.store, &wrong, FIX_NOW, &inserted), MC_EPOLICY);
		ck_assert(!inserted);
	}
	put.seq = 99;
	ck_assert_int_eq(store_issuer_put(fix.store, &put, FIX_NOW, &inserted), MC_ENOTFOUND);
	ck_assert_int_eq(store_bundle_get(fix.store, base_span_str("production"), see_bundle, &bundle),
	    MC_OK);
	ck_assert_uint_eq(bundle.sequence, 1);
	/* Nor may its signature be still to come: what is registered is a certificate. */
	fix_intent_make(&fix, &intent, MSG_PROFILE_ISSUING, "CN=not signed");
	put.seq = fix_put(&fix, &intent.msg);
	put.profile = MSG_PROFILE_ISSUING;
	ck_assert_int_eq(store_issuer_put(fix.store, &put, FIX_NOW, &inserted), MC_EPOLICY);
	ck_assert_int_eq(store_commit(fix.store), MC_OK);
	base_buf_clear(&cert);
	fix_end(&fix);
}
END_TEST

START_TEST(an_issuer_is_registered_once)
{
	struct msg_bundle_ans bundle = { 0 };
	struct msg_issuer_put put;
	struct fix_intent intent;
	struct base_buf cert;
	struct fix fix;
	uint64_t events;
	bool inserted = false;

	fix_start(&fix);
	ck_assert_int_eq(store_begin(fix.store), MC_OK);
	fix_intent_make(&fix, &intent, MSG_PROFILE_ENVIRONMENT, "CN=production 2");
	fix_ca_sign(&fix, &intent, "CN=production 2", &cert, &put);
	put.from = base_span_str("local socket");
	ck_assert_int_eq(store_issuer_put(fix.store, &put, FIX_NOW, &inserted), MC_OK);
	ck_assert(inserted);
	/* who had it made: the row's requester and request */
	event_is(fix.store, "system:serviceaccount:shop:cart", "issuer-registered", "CN=production 2",
	    "local socket", 7);
	events = event_newest(fix.store).seq;
	ck_assert_int_eq(store_issuer_put(fix.store, &put, FIX_NOW, &inserted), MC_OK);
	ck_assert(!inserted);
	put.seq = 1;
	ck_assert_int_eq(store_issuer_put(fix.store, &put, FIX_NOW, &inserted), MC_EPOLICY);
	ck_assert_uint_eq(event_newest(fix.store).seq, events);
	ck_assert_int_eq(store_bundle_get(fix.store, base_span_str("production"), see_bundle, &bundle),
	    MC_OK);
	ck_assert_uint_eq(bundle.sequence, 2);
	ck_assert_int_eq(store_commit(fix.store), MC_OK);
	base_buf_clear(&cert);
	fix_end(&fix);
}
END_TEST

struct issuers {
	unsigned count;
	unsigned stop_at;
	uint8_t states[8];
	uint64_t seqs[8];
	uint64_t crl_numbers[8];
};

static enum mc_err
see_issuer(void *arg, const struct msg_issuer_row *row)
{
	struct issuers *issuers = arg;

	ck_assert(base_span_equal_str(row->trust_domain, "cluster.local"));
	ck_assert(base_span_equal_str(row->key_id, "key id"));
	issuers->states[issuers->count] = row->state;
	issuers->crl_numbers[issuers->count] = row->crl_number;
	issuers->seqs[issuers->count++] = row->seq;
	return issuers->count == issuers->stop_at ? MC_EBUSY : MC_OK;
}

static struct issuers
list(struct fix *fix, int64_t now_at, const char *environment)
{
	const struct store_view view = { now_at, 0 };
	struct issuers issuers = { 0 };

	ck_assert_int_eq(store_issuer_list(fix->store, &view, base_span_str(environment), see_issuer,
	                     &issuers),
	    MC_OK);
	return issuers;
}

START_TEST(issuers_are_listed_with_their_state)
{
	const int64_t end_at = FIX_NOW + 3650 * FIX_DAY;
	const struct store_view view = { FIX_NOW, 0 };
	struct msg_revoke revoke = { .reason = MSG_REASON_SUPERSEDED };
	struct issuers issuers = { .stop_at = 1 };
	struct msg_user_put put;
	struct approver alice;
	struct fix fix;

	fix_start(&fix);
	ck_assert_uint_eq(list(&fix, FIX_NOW, "nowhere").count, 0);
	ck_assert_uint_eq(list(&fix, FIX_NOW, "production").count, 2);
	issuers = list(&fix, end_at, "");
	ck_assert_uint_eq(issuers.count, 2);
	ck_assert_uint_eq(issuers.seqs[0], 1);
	ck_assert_uint_eq(issuers.seqs[1], 2);
	/* the second of its notAfter is the last (RFC 5280 4.1.2.5) */
	ck_assert_int_eq(issuers.states[0], MSG_STATE_SIGNED);
	ck_assert_int_eq(list(&fix, end_at + 1, "").states[0], MSG_STATE_EXPIRED);
	approver_make(&alice);
	ck_assert_int_eq(store_begin(fix.store), MC_OK);
	people_add(&fix, &alice, "alice", MSG_USER_ADMIN, &put);
	memcpy(revoke.approver_sha256, put.cert_sha256, 32);
	revoke.serial = base_span_of(fix.ca_serial, strlen(fix.ca_serial));
	approver_sign_revocation(&alice, &revoke, FIX_NOW + 60);
	ck_assert_int_eq(store_revoke(fix.store, &revoke, FIX_NOW), MC_OK);
	ck_assert_int_eq(store_commit(fix.store), MC_OK);
	approver_end(&alice);
	issuers = list(&fix, end_at + 1, "production");
	ck_assert_int_eq(issuers.states[0], MSG_STATE_EXPIRED);
	ck_assert_int_eq(issuers.states[1], MSG_STATE_REVOKED);
	issuers = (struct issuers){ .stop_at = 1 };
	ck_assert_int_eq(store_issuer_list(fix.store, &view, base_span_str(""), see_issuer, &issuers),
	    MC_EBUSY);
	ck_assert_uint_eq(issuers.count, 1);
	fix_end(&fix);
}
END_TEST

/* The newest that is whole. */
START_TEST(issuers_are_listed_with_their_crl)
{
	const struct store_scope scope = { base_span_str("production"), true };
	struct msg_crl_begin_ans drawn = { 0 };
	struct msg_crl_chunk chunk = { .next_update_at = FIX_NOW, .bytes = base_span_str("x") };
	bool complete = false;
	struct fix fix;

	fix_start(&fix);
	memcpy(chunk.issuer_id, fix.issuing_id, 32);
	ck_assert_int_eq(store_begin(fix.store), MC_OK);
	for (unsigned i = 1; i <= 3; i++) {
		ck_assert_int_eq(store_crl_begin(fix.store, fix.issuing_id, &scope, &drawn), MC_OK);
		chunk.number = i;
		chunk.total = i < 3 ? 1 : 2;
		ck_assert_int_eq(store_crl_chunk(fix.store, &chunk, &scope, FIX_NOW, &complete), MC_OK);
	}
	ck_assert_int_eq(store_commit(fix.store), MC_OK);
	ck_assert_uint_eq(list(&fix, FIX_NOW, "").crl_numbers[0], 0);
	ck_assert_uint_eq(list(&fix, FIX_NOW, "").crl_numbers[1], 2);
	fix_end(&fix);
}
END_TEST

CHECK_MAIN("store_sqlite_issuer", bundle_sequence_grows_with_anchors_only, a_bundle_is_of_its_own_anchors,
    a_bundle_is_whole_or_refused, issuer_must_be_what_was_signed, an_issuer_is_refused_for_every_field,
    an_issuer_is_registered_once, issuers_are_listed_with_their_state, issuers_are_listed_with_their_crl)
