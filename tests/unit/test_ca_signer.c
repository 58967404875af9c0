/* SPDX-License-Identifier: Apache-2.0 */
/* The signer program itself, by its messages. */
#include "base/crypto.h"
#include "base/enc.h"
#include "ca/cert_view.h"
#include "ca/der.h"
#include "ca/signer.h"
#include "check_main.h"
#include "signer_world.h"

static const char production[] =
    "state_dir: /nowhere\n"
    "environments:\n"
    "  - name: production\n"
    "    grpc: {listen: \"127.0.0.1:15012\", dns_names: [ca.example.org]}\n"
    "    svid: {ttl: 12h, max_ttl: 3d, key_types: [p-256, rsa]}\n"
    "    server: {ttl: 2d, names: [\"*.mesh.example.org\"]}\n"
    "    rate: {per_second: 1000, burst: 1000}\n"
    "    verify_sample: 1\n";

static struct make_public leaf_key;
static EVP_PKEY *leaf_pkey;

static void
open_production(void)
{
	world_open("production", production, "P-256", "cluster.local");
	ck_assert_int_eq(world_unseal("right"), MC_OK);
	leaf_pkey = make_key("P-256");
	leaf_key = make_public(leaf_pkey);
}

static void
close_all(void)
{
	make_public_free(&leaf_key);
	EVP_PKEY_free(leaf_pkey);
	world_close();
}

static struct msg_issue
svid(void)
{
	return (struct msg_issue){
	    .request_id = {1, 2, 3},
	    .profile = MSG_PROFILE_SVID,
	    .key_alg = (uint8_t)leaf_key.alg,
	    .key = leaf_key.key,
	    .ns = base_span_str("ecotrack"),
	    .sa = base_span_str("order-service"),
	    .cluster = base_span_str("east"),
	    .requester = base_span_str("system:serviceaccount:ecotrack:order-service"),
	    .evidence = base_span_str("{}"),
	};
}

static void
ask(const struct msg_issue *msg)
{
	world_ask(&world->front, MSG_ISSUE, &msg_issue_table, msg);
}

/* The front's next answer, decoded; free item->bytes. */
static struct msg_issue_ans
answer(struct world_item *item, uint16_t type)
{
	struct msg_issue_ans ans;

	*item = world_take(&world->front, MSG_ANSWER(type));
	ck_assert_int_eq(msg_decode(&msg_issue_ans_table, world_bytes(item), &ans), MC_OK);
	return ans;
}

static enum mc_err
refusal(const struct msg_issue *msg)
{
	struct world_item item;

	ask(msg);
	struct msg_issue_ans ans = answer(&item, MSG_ISSUE);
	free(item.bytes);
	return (enum mc_err)ans.status;
}

static struct msg_intent
intent(struct world_item *item)
{
	struct msg_intent msg;

	*item = world_take(&world->ledger, MSG_INTENT);
	ck_assert_int_eq(msg_decode(&msg_intent_table, world_bytes(item), &msg), MC_OK);
	return msg;
}

static void
acknowledge(uint64_t corr, uint64_t seq)
{
	struct msg_intent_ans ans = {.status = MC_OK, .seq = seq};

	ck_assert_int_eq(msg_send(world->ledger.chan, MSG_ANSWER(MSG_INTENT), 0, corr,
			     &msg_intent_ans_table, &ans), MC_OK);
}

/* Takes the SIGNATURE and says that it is recorded. */
static void
record(uint64_t seq, const struct base_span *tbs, const struct base_span *cert)
{
	struct world_item item = world_take(&world->ledger, MSG_SIGNATURE);
	struct msg_signature msg;
	struct msg_status_ans ok = {0};

	ck_assert_int_eq(msg_decode(&msg_signature_table, world_bytes(&item), &msg), MC_OK);
	ck_assert_uint_eq(msg.seq, seq);
	if (cert != NULL) { /* TBS and tail make the certificate that was handed out */
		struct der_rd rd;
		struct der_tlv whole;
		der_rd_init(&rd, *cert);
		ck_assert(der_rd_next(&rd, &whole));
		ck_assert_uint_eq(whole.body.len, tbs->len + msg.tail.len);
		ck_assert_mem_eq(whole.body.ptr, tbs->ptr, tbs->len);
		ck_assert_mem_eq(whole.body.ptr + tbs->len, msg.tail.ptr, msg.tail.len);
	}
	ck_assert_int_eq(msg_send(world->ledger.chan, MSG_ANSWER(MSG_SIGNATURE), 0, item.corr,
			     &msg_status_ans_table, &ok), MC_OK);
	free(item.bytes);
}

START_TEST(test_seal)
{
	world_open("production", production, "P-256", "cluster.local");
	leaf_pkey = make_key("P-256");
	leaf_key = make_public(leaf_pkey);
	struct msg_issue msg = svid();

	ck_assert_uint_eq(world->last_state, MSG_RS_SEALED);
	ck_assert_int_eq(refusal(&msg), MC_ESEALED);
	ck_assert_int_eq(world_unseal("wrong"), MC_EPASSPHRASE);
	ck_assert_int_eq(world_unseal("right"), MC_ERATE);
	ck_assert_int_eq(refusal(&msg), MC_ESEALED);
	usleep(1100000);
	ck_assert_int_eq(world_unseal("right"), MC_OK);
	ck_assert_int_eq(world_unseal("right"), MC_ECONFLICT);
	ck_assert_uint_eq(world->last_state, MSG_RS_READY);
	close_all();
}
END_TEST

START_TEST(test_wrong_trust_domain)
{
	world_open("production", production, "P-256", "other.local");
	leaf_pkey = make_key("P-256");
	leaf_key = make_public(leaf_pkey);
	ck_assert_int_eq(world_unseal("right"), MC_EPROFILE);
	ck_assert_uint_eq(world->last_state, MSG_RS_SEALED);
	close_all();
}
END_TEST

/* An older issuer's key never becomes the active one by an accident. */
START_TEST(test_active_unreadable)
{
	world_break_active = true;
	world_open("production", production, "P-256", "cluster.local");
	world_break_active = false;
	leaf_pkey = make_key("P-256");
	leaf_key = make_public(leaf_pkey);
	ck_assert_int_eq(world_unseal("right"), MC_ENOTREADY);
	ck_assert_uint_eq(world->last_state, MSG_RS_SEALED);
	close_all();
}
END_TEST

/* No answer before the intent is acknowledged; and what is answered is what was recorded. */
START_TEST(test_issue)
{
	struct world_item intent_item, item;

	open_production();
	struct msg_issue msg = svid();
	int64_t now = base_clock_now();
	ask(&msg);
	struct msg_intent got = intent(&intent_item);
	ck_assert(base_span_equal_str(got.identity,
	    "spiffe://cluster.local/ns/ecotrack/sa/order-service"));
	ck_assert(base_span_equal_str(got.environment, "production"));
	ck_assert(base_span_equal(got.requester, msg.requester));
	ck_assert(base_span_equal(got.cluster, msg.cluster));
	ck_assert_uint_eq(got.serial.len, 16);
	ck_assert_uint_eq(got.serial.ptr[0], 1);
	ck_assert_int_eq(got.not_after_at - got.not_before_at, 12 * 3600 + 120);
	ck_assert_int_le(llabs(got.not_before_at - (now - 120)), 2);
	ck_assert(world_quiet(&world->front, 200));
	ck_assert(world_quiet(&world->ledger, 1)); /* no signature either */
	acknowledge(intent_item.corr, 41);
	struct msg_issue_ans ans = answer(&item, MSG_ISSUE);
	ck_assert_uint_eq(ans.status, MC_OK);
	ck_assert(base_span_equal(ans.serial, got.serial));
	ck_assert(base_span_equal(ans.issuer, make_ca_der(world->ca)));
	const unsigned char *p = ans.cert.ptr;
	X509 *cert = d2i_X509(NULL, &p, (long)ans.cert.len);
	ck_assert_int_eq(X509_verify(cert, world->ca->key), 1);
	ck_assert_int_eq(EVP_PKEY_eq(X509_get0_pubkey(cert), leaf_pkey), 1);
	X509_free(cert);
	record(41, &got.tbs, &ans.cert);
	free(intent_item.bytes);
	free(item.bytes);
	close_all();
}
END_TEST

START_TEST(test_confirm)
{
	struct world_item intent_item, item;

	open_production();
	struct msg_issue msg = svid();
	msg.confirm = 1;
	ask(&msg);
	(void)intent(&intent_item);
	acknowledge(intent_item.corr, 5);
	ck_assert(world_quiet(&world->front, 200));
	record(5, NULL, NULL);
	ck_assert_uint_eq(answer(&item, MSG_ISSUE).status, MC_OK);
	free(intent_item.bytes);
	free(item.bytes);
	close_all();
}
END_TEST

START_TEST(test_policy)
{
	open_production();
	struct msg_issue msg;
	uint8_t modulus[256] = {0xff};
	struct world_item item;

#define REFUSED(code, ...)                                                             \
	do {                                                                           \
		msg = svid();                                                          \
		__VA_ARGS__;                                                           \
		ck_assert_int_eq(refusal(&msg), code);                                 \
	} while (0)
	REFUSED(MC_ETTL, msg.ttl_s = 3 * 86400 + 1);
	REFUSED(MC_EPROFILE, msg.profile = MSG_PROFILE_CLIENT);
	REFUSED(MC_EPROFILE, msg.profile = MSG_PROFILE_ISSUING);
	REFUSED(MC_EIDENTITY, msg.ns = base_span_str("Eco"));
	REFUSED(MC_EIDENTITY, msg.sa = base_span_str("a/b"));
	REFUSED(MC_EIDENTITY, msg.dns_names = base_span_of("a.mesh.example.org", 19));
	REFUSED(MC_EPROFILE, msg.profile = MSG_PROFILE_ROOT);
	REFUSED(MC_EPROFILE, msg.profile = MSG_PROFILE_ENVIRONMENT);
	REFUSED(MC_EPROFILE, msg.profile = 255);
	REFUSED(MC_ETTL, msg.ttl_s = INT64_MAX);
	REFUSED(MC_EIDENTITY, msg.ns = base_span_str("a/sa/admin"));
	REFUSED(MC_EIDENTITY, msg.ns = base_span_str(".."));
	REFUSED(MC_EIDENTITY, msg.ns = base_span_of("a\0b", 3));
	REFUSED(MC_EIDENTITY, msg.sa = base_span_str(".."));
	REFUSED(MC_EIDENTITY, msg.sa = base_span_of("a\0b", 3));
	REFUSED(MC_EIDENTITY, msg.ns.len = 0);
	uint8_t off_curve[65];
	memcpy(off_curve, leaf_key.key.ptr, sizeof(off_curve));
	off_curve[64] ^= 1;
	REFUSED(MC_ECSR_KEY_WEAK, msg.key = base_span_of(off_curve, sizeof(off_curve)));
	REFUSED(MC_ECSR_KEY_TYPE, msg.key_alg = MSG_KEY_P384);
	REFUSED(MC_ECSR_KEY_TYPE, msg.key_alg = 9);
	REFUSED(MC_ECSR_KEY_TYPE, msg.key.len--);
	REFUSED(MC_ECSR_KEY_WEAK, msg.key_alg = MSG_KEY_RSA, msg.key = base_span_of(modulus, 256));
	memset(modulus, 0xff, sizeof(modulus)); /* odd, and a multiple of 3 */
	REFUSED(MC_ECSR_KEY_WEAK, msg.key_alg = MSG_KEY_RSA, msg.key = base_span_of(modulus, 256));
	REFUSED(MC_ECSR_KEY_SIZE, msg.key_alg = MSG_KEY_RSA, msg.key = base_span_of(modulus, 128));
#define SERVER(names)                                                                  \
	msg.profile = MSG_PROFILE_SERVER, msg.ns.len = 0, msg.sa.len = 0,              \
	msg.dns_names = base_span_of(names, sizeof(names))
	REFUSED(MC_EIDENTITY, SERVER("www.example.org"));
	REFUSED(MC_EIDENTITY, SERVER("mesh.example.org"));
	REFUSED(MC_EIDENTITY, SERVER("a.b.mesh.example.org"));
	REFUSED(MC_EIDENTITY, SERVER("*.mesh.example.org"));
	REFUSED(MC_EIDENTITY, SERVER("ca.example.org\0www.example.org"));
	REFUSED(MC_ETTL, SERVER("ca.example.org"), msg.ttl_s = 3 * 86400);
	ck_assert(world_quiet(&world->ledger, 50)); /* none of these reached it */

	msg = svid();
	SERVER("ca.example.org\0a.mesh.example.org");
	ask(&msg);
	struct msg_intent got = intent(&item);
	ck_assert(base_span_equal_str(got.identity, "ca.example.org"));
	ck_assert_uint_eq(got.profile, MSG_PROFILE_SERVER);
	free(item.bytes);
	close_all();
}
END_TEST

START_TEST(test_ledger_refuses_or_knows)
{
	struct world_item item, intent_item;

	open_production();
	struct msg_issue msg = svid();
	ask(&msg);
	(void)intent(&intent_item);
	ck_assert_int_eq(msg_send_failure(world->ledger.chan, MSG_INTENT, intent_item.corr,
			     &msg_intent_ans_table, MC_ENOSPACE), MC_OK);
	free(intent_item.bytes);
	ck_assert_uint_eq(answer(&item, MSG_ISSUE).status, MC_ENOSPACE);
	free(item.bytes);

	msg.has_dedup = 1;
	ask(&msg);
	(void)intent(&intent_item);
	struct msg_intent_ans dup = {.status = MC_OK, .seq = 3, .duplicate = 1,
	    .serial = base_span_str("0123456789abcdef"), .cert = base_span_str("cert"),
	    .issuer = base_span_str("issuer")};
	ck_assert_int_eq(msg_send(world->ledger.chan, MSG_ANSWER(MSG_INTENT), 0,
			     intent_item.corr, &msg_intent_ans_table, &dup), MC_OK);
	struct msg_issue_ans ans = answer(&item, MSG_ISSUE);
	ck_assert_uint_eq(ans.duplicate, 1);
	ck_assert(base_span_equal_str(ans.cert, "cert"));
	ck_assert(world_quiet(&world->ledger, 100)); /* nothing was signed */
	free(item.bytes);
	free(intent_item.bytes);
	close_all();
}
END_TEST

/* The ledger dies with an intent and a signature unanswered: the next one gets both again. */
START_TEST(test_ledger_dies)
{
	struct world_item first, second, again, item;

	open_production();
	struct msg_issue msg = svid();
	ask(&msg);
	(void)intent(&first);
	acknowledge(first.corr, 8);
	ck_assert_uint_eq(answer(&item, MSG_ISSUE).status, MC_OK);
	free(item.bytes);
	item = world_take(&world->ledger, MSG_SIGNATURE);
	free(item.bytes);
	ask(&msg);
	(void)intent(&second);
	world_end_close(&world->ledger);
	ck_assert(world_quiet(&world->front, 100));
	ask(&msg); /* one more while there is none */
	world_give_channel(&world->ledger, MSG_ROLE_LEDGER);
	record(8, NULL, NULL);
	bool seen = false;
	uint64_t corrs[2];
	for (int i = 0; i < 2; i++) {
		(void)intent(&again);
		corrs[i] = again.corr;
		seen |= again.len == second.len &&
		    memcmp(again.bytes, second.bytes, second.len) == 0;
		free(again.bytes);
	}
	for (int i = 0; i < 2; i++) {
		acknowledge(corrs[i], 9 + (uint64_t)i);
		ck_assert_uint_eq(answer(&item, MSG_ISSUE).status, MC_OK);
		free(item.bytes);
		record(9 + (uint64_t)i, NULL, NULL);
	}
	ck_assert(seen);
	free(first.bytes);
	free(second.bytes);
	close_all();
}
END_TEST

START_TEST(test_no_ledger)
{
	struct world_item item;

	open_production();
	struct msg_issue msg = svid();
	world_end_close(&world->ledger);
	ck_assert(world_quiet(&world->front, 50));
	int64_t start = base_clock_boot_us();
	ask(&msg);
	ck_assert_uint_eq(answer(&item, MSG_ISSUE).status, MC_ENOTREADY);
	ck_assert_int_ge(base_clock_boot_us() - start, 4500000);
	ck_assert_uint_eq(world->last_state, MSG_RS_BLOCKED);
	free(item.bytes);
	close_all();
}
END_TEST

START_TEST(test_drain)
{
	struct world_item intent_item, item;

	open_production();
	struct msg_issue msg = svid();
	ask(&msg);
	(void)intent(&intent_item);
	world_ask(&world->control, MSG_CTL_DRAIN, &msg_empty_table, &(struct msg_empty){0});
	ck_assert(world_quiet(&world->control, 200));
	acknowledge(intent_item.corr, 1);
	ck_assert_uint_eq(answer(&item, MSG_ISSUE).status, MC_OK);
	free(item.bytes);
	ck_assert(world_quiet(&world->control, 100));
	record(1, NULL, NULL);
	ck_assert_int_eq(world_status(&world->control, MSG_CTL_DRAIN), MC_OK);
	world_end_close(&world->front);
	world_end_close(&world->keeper);
	ck_assert_int_eq(world_wait_exit(), 0);
	free(intent_item.bytes);
	close_all();
}
END_TEST

START_TEST(test_crl)
{
	struct msg_crl_sign sign = {.request_id = {7}};
	struct world_item item;

	open_production();
	sign.issuer_id[0] = 1;
	struct msg_crl_sign_ans ans;
	world_ask(&world->keeper, MSG_CRL_SIGN, &msg_crl_sign_table, &sign);
	item = world_take(&world->keeper, MSG_ANSWER(MSG_CRL_SIGN));
	ck_assert_int_eq(msg_decode(&msg_crl_sign_ans_table, world_bytes(&item), &ans), MC_OK);
	ck_assert_uint_eq(ans.status, MC_ENOTFOUND);
	free(item.bytes);
	sign.issuer_id[0] = 0;
	world_ask(&world->keeper, MSG_CRL_SIGN, &msg_crl_sign_table, &sign);
	item = world_take(&world->ledger, MSG_CRL_BEGIN);
	struct msg_crl_begin_ans begin = {.status = MC_OK, .number = 12, .revocation_seq = 3};
	ck_assert_int_eq(msg_send(world->ledger.chan, MSG_ANSWER(MSG_CRL_BEGIN), 0, item.corr,
			     &msg_crl_begin_ans_table, &begin), MC_OK);
	free(item.bytes);
	item = world_take(&world->ledger, MSG_REVOKED_LIST);
	struct base_buf entries;
	base_buf_init(&entries, LIMIT_BULK_CHUNK);
	for (uint8_t i = 1; i <= 2; i++) { /* two parts of 1,000 entries */
		base_buf_reset(&entries);
		for (uint16_t k = 0; k < 1000; k++) {
			base_buf_append_u8(&entries, 3);
			base_buf_append_u8(&entries, i);
			base_buf_append_le16(&entries, k);
			base_buf_append_le64(&entries, (uint64_t)base_clock_now());
			base_buf_append_u8(&entries, MSG_REASON_SUPERSEDED);
		}
		struct msg_revoked_list_ans list = {.status = MC_OK,
		    .entries = base_buf_span(&entries)};
		ck_assert_int_eq(msg_send(world->ledger.chan, MSG_ANSWER(MSG_REVOKED_LIST),
				     i == 1 ? BASE_ITEM_MORE : 0, item.corr,
				     &msg_revoked_list_ans_table, &list), MC_OK);
	}
	free(item.bytes);
	base_buf_clear(&entries);
	struct base_buf der;
	struct msg_crl_chunk chunk;
	base_buf_init(&der, LIMIT_CRL);
	do {
		struct msg_status_ans ok = {0};
		item = world_take(&world->ledger, MSG_CRL_CHUNK);
		ck_assert_int_eq(msg_decode(&msg_crl_chunk_table, world_bytes(&item), &chunk),
		    MC_OK);
		ck_assert_uint_eq(chunk.offset, der.len);
		base_buf_append_span(&der, chunk.bytes);
		ck_assert(world_quiet(&world->keeper, 20));
		ck_assert_int_eq(msg_send(world->ledger.chan, MSG_ANSWER(MSG_CRL_CHUNK), 0,
				     item.corr, &msg_status_ans_table, &ok), MC_OK);
		free(item.bytes);
	} while (der.len < chunk.total);
	ck_assert_uint_eq(chunk.number, 12);
	ck_assert_uint_gt(der.len, LIMIT_BULK_CHUNK); /* it took several */
	item = world_take(&world->keeper, MSG_ANSWER(MSG_CRL_SIGN));
	ck_assert_int_eq(msg_decode(&msg_crl_sign_ans_table, world_bytes(&item), &ans), MC_OK);
	ck_assert_uint_eq(ans.status, MC_OK);
	ck_assert_uint_eq(ans.number, 12);
	ck_assert_int_gt(ans.next_update_at, ans.this_update_at);
	free(item.bytes);
	const unsigned char *p = der.ptr;
	X509_CRL *crl = d2i_X509_CRL(NULL, &p, (long)der.len);
	ck_assert_int_eq(X509_CRL_verify(crl, world->ca->key), 1);
	ck_assert_int_eq(sk_X509_REVOKED_num(X509_CRL_get_REVOKED(crl)), 2000);
	X509_CRL_free(crl);
	base_buf_clear(&der);
	close_all();
}
END_TEST

/* A window full of leaves that the ledger has not answered yet: the CRL is begun beside them. */
START_TEST(test_crl_in_a_crowd)
{
	static const char fast[] = "state_dir: /nowhere\n"
				   "environments:\n"
				   "  - name: production\n"
				   "    grpc: {listen: \"127.0.0.1:15012\"}\n"
				   "    rate: {per_second: 2000, burst: 2000}\n";
	struct msg_crl_sign sign = {0};
	struct world_item item;

	world_open("production", fast, "P-256", "cluster.local");
	ck_assert_int_eq(world_unseal("right"), MC_OK);
	leaf_pkey = make_key("P-256");
	leaf_key = make_public(leaf_pkey);
	struct msg_issue msg = svid();
	for (int i = 0; i < LIMIT_CHAN_WINDOW; i++) {
		ask(&msg);
	}
	int64_t until = base_clock_boot_us() + WORLD_WAIT_US;
	while (world->ledger.count < LIMIT_CHAN_WINDOW - SIGNER_CRL_CREDITS) {
		ck_assert(base_clock_boot_us() < until);
		base_loop_turn(world->loop, 50);
	}
	world_ask(&world->keeper, MSG_CRL_SIGN, &msg_crl_sign_table, &sign);
	for (int i = 0; i < LIMIT_CHAN_WINDOW - SIGNER_CRL_CREDITS; i++) {
		item = world_take(&world->ledger, MSG_INTENT);
		free(item.bytes);
	}
	item = world_take(&world->ledger, MSG_CRL_BEGIN);
	free(item.bytes);
	close_all();
}
END_TEST

/* An older issuing CA whose leaves live on gets its CRLs, and signs no leaf. */
START_TEST(test_older_issuer)
{
	struct msg_crl_sign sign = {.request_id = {7}};
	struct msg_crl_begin begin;
	struct world_item item;

	world_open("production", production, "P-256", "cluster.local");
	struct make_ca *active = world->ca;
	struct make_ca *older = make_ca("P-256", "cluster.local", base_clock_now() + 5 * 86400);
	world->ca = older;
	world_give_keyfile("right", MC_OK);
	world->ca = active;
	ck_assert_int_eq(world_unseal("right"), MC_OK);
	leaf_pkey = make_key("P-256");
	leaf_key = make_public(leaf_pkey);

	base_crypto_sha256(make_ca_der(older), sign.issuer_id);
	world_ask(&world->keeper, MSG_CRL_SIGN, &msg_crl_sign_table, &sign);
	item = world_take(&world->ledger, MSG_CRL_BEGIN);
	ck_assert_int_eq(msg_decode(&msg_crl_begin_table, world_bytes(&item), &begin), MC_OK);
	ck_assert_mem_eq(begin.issuer_id, sign.issuer_id, 32);
	free(item.bytes);
	struct msg_issue msg = svid();
	ask(&msg);
	struct msg_intent got = intent(&item);
	base_crypto_sha256(make_ca_der(active), sign.issuer_id);
	ck_assert_mem_eq(got.issuer_id, sign.issuer_id, 32);
	free(item.bytes);
	make_ca_free(older);
	close_all();
}
END_TEST

static bool
front_is_dropped(void)
{
	int64_t until = base_clock_boot_us() + WORLD_WAIT_US;

	while (!world->front.gone && base_clock_boot_us() < until) {
		base_loop_turn(world->loop, 20);
	}
	return world->front.gone;
}

/* A front that asks for what is not a front's, or greets again as another, is hung up on. */
START_TEST(test_permits)
{
	static const uint16_t TYPES[] = {MSG_CRL_SIGN, MSG_INTENT, MSG_USER_PUT, MSG_CTL_UNSEAL,
	    MSG_CTL_CLOCK, 0x7ffe};
	static const enum msg_role ROLES[] = {MSG_ROLE_SUPERVISOR, MSG_ROLE_LEDGER,
	    MSG_ROLE_KEEPER};
	struct msg_crl_sign sign = {0};

	open_production();
	for (size_t i = 0; i < sizeof(TYPES) / sizeof(TYPES[0]); i++) {
		world_ask(&world->front, TYPES[i], &msg_crl_sign_table, &sign);
		ck_assert_msg(front_is_dropped(), "type %u", TYPES[i]);
		world_give_channel(&world->front, MSG_ROLE_FRONT);
	}
	for (size_t i = 0; i < sizeof(ROLES) / sizeof(ROLES[0]); i++) {
		ck_assert_int_eq(msg_hello_send(world->front.chan, ROLES[i], NULL), MC_OK);
		ck_assert_msg(front_is_dropped(), "hello as %s", msg_role_name(ROLES[i]));
		world_give_channel(&world->front, MSG_ROLE_FRONT);
	}
	close_all();
}
END_TEST

/* Whoever kept the channel of a front or a keeper that is gone has nothing. */
START_TEST(test_one_front)
{
	static const enum msg_role ROLES[] = {MSG_ROLE_FRONT, MSG_ROLE_KEEPER};
	static struct world_end other;

	open_production();
	struct world_end *ends[] = {&world->front, &world->keeper};
	for (size_t i = 0; i < 2; i++) {
		world_give_channel(&other, ROLES[i]);
		int64_t until = base_clock_boot_us() + WORLD_WAIT_US;
		while (!ends[i]->gone && base_clock_boot_us() < until) {
			base_loop_turn(world->loop, 50);
		}
		ck_assert(ends[i]->gone);
		world_ask(&other, MSG_SIGNER_INFO, &msg_empty_table, &(struct msg_empty){0});
		struct world_item item = world_take(&other, MSG_ANSWER(MSG_SIGNER_INFO));
		free(item.bytes);
		world_end_close(&other);
	}
	close_all();
}
END_TEST

/* --- people --- */

static const char operators[] = "state_dir: /nowhere\n"
				"environments:\n"
				"  - name: production\n"
				"    grpc: {listen: \"127.0.0.1:15012\"}\n";

static struct msg_user_issue
user(const char *name)
{
	return (struct msg_user_issue){
	    .name = base_span_str(name),
	    .role = MSG_USER_ADMIN,
	    .key_alg = (uint8_t)leaf_key.alg,
	    .key = leaf_key.key,
	    .actor = base_span_str("root"),
	    .from = base_span_str("local"),
	};
}

static uint8_t spent[32]; /* the approval of the last one */

/* Plays the ledger through INTENT, SIGNATURE and USER_PUT. */
static void
ledger_takes_user(uint64_t seq, enum mc_err put_status)
{
	struct world_item item;
	struct msg_user_put put;

	struct msg_intent wanted = intent(&item);
	ck_assert_uint_eq(wanted.profile, MSG_PROFILE_CLIENT);
	memcpy(spent, wanted.dedup_key, sizeof(spent));
	acknowledge(item.corr, seq);
	free(item.bytes);
	record(seq, NULL, NULL);
	item = world_take(&world->ledger, MSG_USER_PUT);
	ck_assert_int_eq(msg_decode(&msg_user_put_table, world_bytes(&item), &put), MC_OK);
	ck_assert_uint_eq(put.role, MSG_USER_ADMIN);
	struct msg_status_ans ok = {.status = put_status};
	ck_assert_int_eq(msg_send(world->ledger.chan, MSG_ANSWER(MSG_USER_PUT), 0, item.corr,
			     &msg_status_ans_table, &ok), MC_OK);
	free(item.bytes);
}

static size_t
approve(const struct msg_user_issue *msg, EVP_PKEY *key, uint8_t *sig, size_t size)
{
	char hex[65];
	uint8_t hash[32];

	base_crypto_sha256(msg->key, hash);
	base_enc_hex(hash, 32, hex);
	char *text = base_xasprintf("meshca-user-add-v1\n%.*s\nadmin\n%s\n%lld\n",
	    (int)msg->name.len, (const char *)msg->name.ptr, hex,
	    (long long)msg->approval_expires_at);
	EVP_MD_CTX *md = EVP_MD_CTX_new();
	ck_assert_int_eq(EVP_DigestSignInit(md, NULL, EVP_sha256(), NULL, key), 1);
	ck_assert_int_eq(EVP_DigestSign(md, sig, &size, (const uint8_t *)text,
			     strlen(text)), 1);
	EVP_MD_CTX_free(md);
	free(text);
	return size;
}

static enum mc_err
user_status(const struct msg_user_issue *msg)
{
	struct world_item item;

	world_ask(&world->front, MSG_USER_ISSUE, &msg_user_issue_table, msg);
	struct msg_issue_ans ans = answer(&item, MSG_USER_ISSUE);
	free(item.bytes);
	return (enum mc_err)ans.status;
}

START_TEST(test_people)
{
	struct world_item item;
	struct msg_issue_ans ans;
	uint8_t cert[LIMIT_CERT], sig[128];

	world_open("operators", operators, "P-256", "operators.meshca");
	ck_assert_int_eq(world_unseal("right"), MC_OK);
	leaf_pkey = make_key("P-256");
	leaf_key = make_public(leaf_pkey);
	struct msg_issue workload = svid();
	ck_assert_int_eq(refusal(&workload), MC_EPROFILE);

	/* the first administrator, from the machine itself */
	struct msg_user_issue msg = user("ann");
	world_ask(&world->control, MSG_USER_ISSUE, &msg_user_issue_table, &msg);
	ledger_takes_user(1, MC_OK);
	item = world_take(&world->control, MSG_ANSWER(MSG_USER_ISSUE));
	ck_assert_int_eq(msg_decode(&msg_issue_ans_table, world_bytes(&item), &ans), MC_OK);
	ck_assert_uint_eq(ans.status, MC_OK);
	struct base_span ann = base_span_of(cert, ans.cert.len);
	memcpy(cert, ans.cert.ptr, ans.cert.len);
	free(item.bytes);

	/* from the front nobody comes in without an approval that fits */
	msg = user("bob");
	ck_assert_int_eq(user_status(&msg), MC_EAPPROVAL);
	msg.approver_cert = ann;
	msg.approval_expires_at = base_clock_now() + 300;
	size_t len = approve(&msg, leaf_pkey, sig, sizeof(sig));
	msg.approval_sig = base_span_of(sig, len);
	msg.role = MSG_USER_VIEWER; /* another role than was approved */
	ck_assert_int_eq(user_status(&msg), MC_EAPPROVAL);
	msg.role = MSG_USER_ADMIN;
	msg.approval_expires_at++;
	ck_assert_int_eq(user_status(&msg), MC_EAPPROVAL);
	msg.approval_expires_at--;
	msg.approver_cert = make_ca_der(world->ca);
	ck_assert_int_eq(user_status(&msg), MC_EAPPROVAL);
	msg.approver_cert = ann;
	cert[ann.len - 1] ^= 1;
	ck_assert_int_eq(user_status(&msg), MC_EAPPROVAL);
	cert[ann.len - 1] ^= 1;

	/* with it he does, once */
	world_ask(&world->front, MSG_USER_ISSUE, &msg_user_issue_table, &msg);
	ledger_takes_user(2, MC_OK);
	ck_assert_uint_eq(answer(&item, MSG_USER_ISSUE).status, MC_OK);
	free(item.bytes);

	/* The ledger keeps count: the same approval comes to it under the same name. */
	world_ask(&world->front, MSG_USER_ISSUE, &msg_user_issue_table, &msg);
	struct msg_intent again = intent(&item);
	ck_assert_uint_eq(again.has_dedup, 1);
	ck_assert_mem_eq(again.dedup_key, spent, 32);
	struct msg_intent_ans no = {.status = MC_EAPPROVAL};
	ck_assert_int_eq(msg_send(world->ledger.chan, MSG_ANSWER(MSG_INTENT), 0, item.corr,
			     &msg_intent_ans_table, &no), MC_OK);
	free(item.bytes);
	ck_assert_uint_eq(answer(&item, MSG_USER_ISSUE).status, MC_EAPPROVAL);
	free(item.bytes);

	/* the ledger knows the approver's role, and its word is final */
	msg.approval_expires_at = base_clock_now() + 301;
	len = approve(&msg, leaf_pkey, sig, sizeof(sig));
	msg.approval_sig = base_span_of(sig, len);
	world_ask(&world->front, MSG_USER_ISSUE, &msg_user_issue_table, &msg);
	ledger_takes_user(3, MC_EAPPROVAL);
	ans = answer(&item, MSG_USER_ISSUE);
	ck_assert_uint_eq(ans.status, MC_EAPPROVAL);
	ck_assert_uint_eq(ans.cert.len, 0);
	free(item.bytes);

	/* too far ahead */
	msg.approval_expires_at = base_clock_now() + 3600;
	len = approve(&msg, leaf_pkey, sig, sizeof(sig));
	msg.approval_sig = base_span_of(sig, len);
	ck_assert_int_eq(user_status(&msg), MC_EAPPROVAL);
	close_all();
}
END_TEST

START_TEST(test_rate)
{
	struct world_item item;
	unsigned limited = 0;
	static const char slow[] = "state_dir: /nowhere\n"
				   "environments:\n"
				   "  - name: production\n"
				   "    grpc: {listen: \"127.0.0.1:15012\"}\n"
				   "    rate: {per_second: 1, burst: 3}\n";

	world_open("production", slow, "P-256", "cluster.local");
	ck_assert_int_eq(world_unseal("right"), MC_OK);
	leaf_pkey = make_key("P-256");
	leaf_key = make_public(leaf_pkey);
	struct msg_issue msg = svid();
	for (int i = 0; i < 10; i++) {
		ask(&msg);
	}
	while (!world_quiet(&world->front, 200)) {
		limited += answer(&item, MSG_ISSUE).status == MC_ERATE;
		free(item.bytes);
	}
	ck_assert_uint_ge(limited, 6);
	ck_assert_uint_le(limited, 7);
	close_all();
}
END_TEST

/* The front's crowd has used up what may be signed: root on the machine adds a person all the same. */
START_TEST(test_rate_of_root)
{
	struct world_item item;
	struct msg_issue_ans ans;

	world_open("operators", operators, "P-256", "operators.meshca");
	ck_assert_int_eq(world_unseal("right"), MC_OK);
	leaf_pkey = make_key("P-256");
	leaf_key = make_public(leaf_pkey);
	struct msg_user_issue msg = user("eve");
	enum mc_err last = MC_OK;
	for (int i = 0; i < 10000 && last != MC_ERATE; i++) {
		last = user_status(&msg);
	}
	ck_assert_int_eq(last, MC_ERATE);
	msg = user("ann");
	world_ask(&world->control, MSG_USER_ISSUE, &msg_user_issue_table, &msg);
	ledger_takes_user(1, MC_OK);
	item = world_take(&world->control, MSG_ANSWER(MSG_USER_ISSUE));
	ck_assert_int_eq(msg_decode(&msg_issue_ans_table, world_bytes(&item), &ans), MC_OK);
	ck_assert_uint_eq(ans.status, MC_OK);
	free(item.bytes);
	close_all();
}
END_TEST

CHECK_MAIN("ca_signer", test_seal, test_wrong_trust_domain,
    test_active_unreadable, test_issue, test_confirm,
    test_policy, test_ledger_refuses_or_knows, test_ledger_dies, test_no_ledger, test_drain,
    test_crl, test_crl_in_a_crowd, test_older_issuer, test_permits, test_one_front, test_people,
    test_rate, test_rate_of_root)
