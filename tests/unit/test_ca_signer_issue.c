/* SPDX-License-Identifier: Apache-2.0 */
/* From a request to its answer: what the ledger is asked, and what the front gets. */
#include "base/applied.h"
#include "check_main.h"
#include "signer_bench.h"

#define LIST(text) base_span_of(text, sizeof(text)) /* the last name's NUL is the literal's */

static struct msg_issue
server(struct base_span names)
{
	struct msg_issue msg = svid();

	msg.profile = MSG_PROFILE_SERVER;
	msg.ns.len = 0;
	msg.sa.len = 0;
	msg.dns_names = names;
	return msg;
}

/* No answer before the intent is acknowledged; and what is answered is what was recorded. */
START_TEST(test_issue)
{
	struct world_item intent_item, item;

	bench_open("production", bench_production);
	struct msg_issue msg = svid();
	int64_t before = base_clock_now();
	ask(&msg);
	struct msg_intent got = intent(&intent_item);
	ck_assert(base_span_equal_str(got.identity,
	    "spiffe://cluster.local/ns/ecotrack/sa/order-service"));
	ck_assert(base_span_equal_str(got.environment, "production"));
	ck_assert(base_span_equal(got.requester, msg.requester));
	ck_assert(base_span_equal(got.cluster, msg.cluster));
	ck_assert(base_span_equal(got.evidence, msg.evidence));
	ck_assert_mem_eq(got.request_id, msg.request_id, sizeof(got.request_id));
	ck_assert_mem_eq(got.issuer_id, issuer_id(signer_active(world->signer)), 32);
	ck_assert_uint_eq(got.profile, MSG_PROFILE_SVID);
	ck_assert_uint_eq(got.has_dedup, 0);
	ck_assert_uint_eq(got.dns_names.len, 0);
	ck_assert_uint_eq(got.key_type, base_applied_key_of(MSG_KEY_P256, leaf_key.key));
	ck_assert_uint_eq(got.serial.len, 16);
	ck_assert_uint_eq(got.serial.ptr[0], 1);
	ck_assert_int_eq(got.not_after_at - got.not_before_at, 12 * 3600 + 120);
	ck_assert_int_ge(got.not_before_at, before - 120);
	ck_assert_int_le(got.not_before_at, base_clock_now() - 120);
	ck_assert(bench_quiet(&world->front));
	ck_assert(bench_quiet(&world->ledger)); /* no signature either */
	acknowledge(intent_item.corr, 41);
	struct msg_issue_ans ans = answer(&item, MSG_ISSUE);
	ck_assert_uint_eq(ans.status, MC_OK);
	ck_assert_uint_eq(ans.duplicate, 0);
	ck_assert(base_span_equal(ans.serial, got.serial));
	ck_assert_int_eq(ans.not_before_at, got.not_before_at);
	ck_assert_int_eq(ans.not_after_at, got.not_after_at);
	ck_assert_mem_eq(ans.issuer_id, got.issuer_id, 32);
	ck_assert(base_span_equal(ans.issuer, make_ca_der(world->ca)));
	const unsigned char *p = ans.cert.ptr;
	X509 *cert = d2i_X509(NULL, &p, (long)ans.cert.len);
	ck_assert_int_eq(X509_verify(cert, world->ca->key), 1);
	ck_assert_int_eq(EVP_PKEY_eq(X509_get0_pubkey(cert), leaf_pkey), 1);
	unsigned char *spki = NULL;
	uint8_t sha256[32];
	int len = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(cert), &spki);
	base_crypto_sha256(base_span_of(spki, (size_t)len), sha256);
	ck_assert_mem_eq(got.spki_sha256, sha256, sizeof(sha256));
	OPENSSL_free(spki);
	X509_free(cert);
	record(41, &got.tbs, &ans.cert);
	bench_turn();
	ck_assert_uint_eq(world->signer->request_count, 0);
	ck_assert_uint_eq(world->signer->signed_count, 1);
	ck_assert_uint_eq(world->signer->refused_count, 0);
	free(intent_item.bytes);
	free(item.bytes);
	bench_close();
}
END_TEST

/* With `confirm` the answer waits for the signature's record. */
START_TEST(test_confirm)
{
	struct world_item intent_item, item;

	bench_open("production", bench_production);
	struct msg_issue msg = svid();
	msg.confirm = 1;
	ask(&msg);
	(void)intent(&intent_item);
	acknowledge(intent_item.corr, 5);
	ck_assert(bench_quiet(&world->front));
	record(5, NULL, NULL);
	ck_assert_uint_eq(answer(&item, MSG_ISSUE).status, MC_OK);
	free(intent_item.bytes);
	free(item.bytes);
	bench_close();
}
END_TEST

/* The ledger is told which names must be registered: all but those of the environment's own listener. */
START_TEST(test_names_to_register)
{
	struct world_item item;

	bench_open("production", bench_production);
	struct msg_issue msg = server(LIST("b.mesh.example.org\0ca.example.org\0a.mesh.example.org"));
	ask(&msg);
	struct msg_intent got = intent(&item);
	ck_assert(base_span_equal_str(got.identity, "b.mesh.example.org"));
	ck_assert_uint_eq(got.profile, MSG_PROFILE_SERVER);
	ck_assert(base_span_equal(got.dns_names, LIST("b.mesh.example.org\0a.mesh.example.org")));
	free(item.bytes);
	msg = server(LIST("ca.example.org"));
	ask(&msg);
	got = intent(&item);
	ck_assert(base_span_equal_str(got.identity, "ca.example.org"));
	ck_assert_uint_eq(got.dns_names.len, 0);
	free(item.bytes);
	bench_close();
}
END_TEST

START_TEST(test_dedup)
{
	struct world_item item;

	bench_open("production", bench_production);
	struct msg_issue msg = svid();
	msg.has_dedup = 1;
	memset(msg.dedup_key, 7, sizeof(msg.dedup_key));
	memset(msg.dedup_body, 9, sizeof(msg.dedup_body));
	ask(&msg);
	struct msg_intent got = intent(&item);
	ck_assert_uint_eq(got.has_dedup, 1);
	ck_assert_mem_eq(got.dedup_key, msg.dedup_key, sizeof(msg.dedup_key));
	ck_assert_mem_eq(got.dedup_body, msg.dedup_body, sizeof(msg.dedup_body));
	free(item.bytes);
	bench_close();
}
END_TEST

/* A refusal by any of the checks reaches the asker by its code, and nothing else. */
START_TEST(test_refusals)
{
	bench_open_sealed("production", bench_production);
	struct signer *signer = world->signer;
	struct msg_issue msg = svid();
	ck_assert_int_eq(refusal(&msg), MC_ESEALED);
	bench_issuer(world->ca);
	bench_clock_jump(BASE_CLOCK_STEP_MAX_S + 2);
	ck_assert_int_eq(refusal(&msg), MC_ECLOCK);
	bench_clock_jump(0);
	msg.ttl_s = 3 * 86400 + 1;
	ck_assert_int_eq(refusal(&msg), MC_ETTL);
	msg = server(LIST("www.example.org"));
	ck_assert_int_eq(refusal(&msg), MC_EIDENTITY);
	msg = svid();
	msg.key.len--;
	ck_assert_int_eq(refusal(&msg), MC_ECSR_KEY_TYPE);
	msg = svid();
	signer->tokens_u = -10000000;
	ck_assert_int_eq(refusal(&msg), MC_ERATE);
	signer->tokens_u = 10000000;
	ck_assert_uint_eq(signer->refused_count, 6);
	ck_assert_uint_eq(signer->request_count, 0);
	ck_assert(bench_quiet(&world->ledger));
	struct signer_request *last = NULL, *request;
	while ((request = signer_request_new(signer)) != NULL) {
		last = request;
	}
	ck_assert_int_eq(refusal(&msg), MC_EBUSY);
	signer_request_drop(signer, last);
	struct world_item item;
	ask(&msg);
	(void)intent(&item);
	free(item.bytes);
	bench_close();
}
END_TEST

/* A refused request takes no signature from those that follow. */
START_TEST(test_rate_of_the_refused)
{
	bench_open("production", bench_production);
	struct msg_issue msg = svid();
	int64_t before = world->signer->tokens_u;
	msg.ttl_s = INT64_MAX;
	ck_assert_int_eq(refusal(&msg), MC_ETTL);
	ck_assert_int_eq(world->signer->tokens_u, before);
	bench_close();
}
END_TEST

/* A message that is none ends the front's channel. */
START_TEST(test_malformed)
{
	bench_open("production", bench_production);
	ck_assert_int_eq(base_chan_send(world->front.chan, MSG_ISSUE, 0, 1, base_span_str("no")),
	    MC_OK);
	bench_turn();
	ck_assert(world->front.gone);
	ck_assert_uint_eq(world->signer->request_count, 0);
	bench_close();
}
END_TEST

/* Whatever was signed, the clock may not go back behind it. */
START_TEST(test_clock_floor)
{
	struct world_item item;

	bench_open("production", bench_production);
	ck_assert_int_eq(world->signer->clock.floor_at, 0);
	struct msg_issue msg = svid();
	int64_t before = base_clock_now();
	ask(&msg);
	(void)intent(&item);
	free(item.bytes);
	ck_assert_int_ge(world->signer->clock.floor_at, before);
	ck_assert_int_le(world->signer->clock.floor_at, base_clock_now());
	bench_close();
}
END_TEST

static struct msg_signer_info_ans
info(struct world_item *item)
{
	struct msg_signer_info_ans ans;

	world_ask(&world->keeper, MSG_SIGNER_INFO, &msg_empty_table, &(struct msg_empty){0});
	*item = world_take(&world->keeper, MSG_ANSWER(MSG_SIGNER_INFO));
	ck_assert_int_eq(msg_decode(&msg_signer_info_ans_table, world_bytes(item), &ans), MC_OK);
	return ans;
}

START_TEST(test_info)
{
	struct world_item item;

	bench_open_sealed("production", bench_production);
	struct msg_signer_info_ans ans = info(&item);
	ck_assert_uint_eq(ans.status, MC_OK);
	ck_assert_uint_eq(ans.state, MSG_RS_SEALED);
	ck_assert_uint_eq(ans.issuer.len, 0);
	free(item.bytes);
	bench_issuer(world->ca);
	world->signer->signed_count = 3;
	world->signer->refused_count = 4;
	ans = info(&item);
	ck_assert_uint_eq(ans.state, MSG_RS_READY);
	ck_assert(base_span_equal(ans.issuer, make_ca_der(world->ca)));
	ck_assert_mem_eq(ans.issuer_id, issuer_id(signer_active(world->signer)), 32);
	ck_assert_int_eq(ans.issuer_not_after_at,
	    issuer_cert(signer_active(world->signer))->not_after_at);
	ck_assert_uint_eq(ans.signed_count, 3);
	ck_assert_uint_eq(ans.refused_count, 4);
	free(item.bytes);
	bench_close();
}
END_TEST

CHECK_MAIN("ca_signer_issue", test_issue, test_confirm, test_names_to_register, test_dedup,
    test_refusals, test_rate_of_the_refused, test_malformed, test_clock_floor, test_info)
