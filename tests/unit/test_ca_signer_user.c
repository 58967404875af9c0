/* SPDX-License-Identifier: Apache-2.0 */
/* People's certificates: nobody comes in without an administrator's approval of just that. */
#include "check_main.h"
#include "leaf_make.h"
#include "signer_bench.h"

/* A person's certificate of this authority, whose key is made here; free with person_free(). */
struct person {
	EVP_PKEY *key;
	struct base_buf cert;
};

static struct cert_leaf
person_leaf(const char *name, struct make_public pub)
{
	struct cert_leaf leaf = leaf_svid(pub.alg, pub.key);

	leaf.id = (struct spiffe_id){0};
	leaf.profile = MSG_PROFILE_CLIENT;
	leaf.name = base_span_str(name);
	leaf.not_before_at = base_clock_now() - 3600;
	leaf.not_after_at = base_clock_now() + 3600;
	return leaf;
}

static void
person_issue(struct person *person, struct issuer *issuer, const struct cert_leaf *leaf)
{
	base_buf_init(&person->cert, LIMIT_CERT);
	ck_assert_int_eq(leaf_issue(issuer, leaf, &person->cert), MC_OK);
}

static void
person_make(struct person *person, struct issuer *issuer, const char *name)
{
	person->key = make_key("P-256");
	struct make_public pub = make_public(person->key);
	const struct cert_leaf leaf = person_leaf(name, pub);

	person_issue(person, issuer, &leaf);
	make_public_free(&pub);
}

static void
person_free(struct person *person)
{
	base_buf_clear(&person->cert);
	EVP_PKEY_free(person->key);
}

static uint8_t sig[128];

/* msg with person's approval of it, good for so long. */
static void
approved_by(struct msg_user_issue *msg, const struct person *person, int64_t expires_at)
{
	msg->approver_cert = base_buf_span(&person->cert);
	msg->approval_expires_at = expires_at;
	msg->approval_sig = base_span_of(sig, approve(msg, person->key, sig, sizeof(sig)));
}

static struct person ann;

static void
open_operators(void)
{
	bench_open("operators", bench_operators);
	person_make(&ann, signer_active(world->signer), "ann");
}

static void
close_operators(void)
{
	person_free(&ann);
	bench_close();
}

static struct msg_user_issue
bob(void)
{
	struct msg_user_issue msg = user("bob");

	approved_by(&msg, &ann, base_clock_now() + 300);
	return msg;
}

/* The intent that a request became, refused by the ledger: whether it came that far. */
static bool
comes_through(const struct msg_user_issue *msg)
{
	struct world_item item;
	struct msg_issue_ans ans;

	world_ask(&world->front, MSG_USER_ISSUE, &msg_user_issue_table, msg);
	bench_turn();
	if (world->ledger.count == 0) {
		ans = answer(&item, MSG_USER_ISSUE);
		ck_assert_uint_eq(ans.status, MC_EAPPROVAL);
		free(item.bytes);
		ck_assert_uint_eq(world->signer->request_count, 0);
		return false;
	}
	(void)intent(&item);
	ck_assert_int_eq(msg_send_failure(world->ledger.chan, MSG_INTENT, item.corr,
			     &msg_intent_ans_table, MC_ENOSPACE), MC_OK);
	free(item.bytes);
	ck_assert_uint_eq(answer(&item, MSG_USER_ISSUE).status, MC_ENOSPACE);
	free(item.bytes);
	return true;
}

/* root on the machine: no approval, and none is spent */
START_TEST(test_local)
{
	struct world_item item;
	struct msg_issue_ans ans;

	bench_open("operators", bench_operators);
	world->signer->config->user_ttl_s = 7 * 86400; /* less than its issuer has */
	struct msg_user_issue msg = user("ann");
	world_ask(&world->control, MSG_USER_ISSUE, &msg_user_issue_table, &msg);
	struct msg_intent wanted = intent(&item);
	ck_assert_uint_eq(wanted.has_dedup, 0);
	ck_assert(base_span_equal_str(wanted.identity, "ann"));
	ck_assert(base_span_equal_str(wanted.requester, "root"));
	ck_assert(base_span_equal_str(wanted.evidence, "{\"approver\":\"local\"}"));
	ck_assert_int_eq(wanted.not_after_at - wanted.not_before_at,
	    7 * 86400 + LIMIT_BACKDATE_S);
	acknowledge(item.corr, 1);
	free(item.bytes);
	record(1, NULL, NULL);
	ck_assert(bench_quiet(&world->control)); /* the person is still to be put */
	item = world_take(&world->ledger, MSG_USER_PUT);
	struct msg_user_put put;
	static const uint8_t nobody[32];
	ck_assert_int_eq(msg_decode(&msg_user_put_table, world_bytes(&item), &put), MC_OK);
	ck_assert(base_span_equal_str(put.name, "ann"));
	ck_assert_uint_eq(put.role, MSG_USER_ADMIN);
	ck_assert_mem_eq(put.approver_sha256, nobody, 32);
	ck_assert(base_span_equal_str(put.actor, "root") && base_span_equal_str(put.from, "local"));
	uint8_t cert_sha256[32];
	memcpy(cert_sha256, put.cert_sha256, 32);
	struct msg_status_ans ok = {0};
	ck_assert_int_eq(msg_send(world->ledger.chan, MSG_ANSWER(MSG_USER_PUT), 0, item.corr,
			     &msg_status_ans_table, &ok), MC_OK);
	free(item.bytes);
	item = world_take(&world->control, MSG_ANSWER(MSG_USER_ISSUE));
	ck_assert_int_eq(msg_decode(&msg_issue_ans_table, world_bytes(&item), &ans), MC_OK);
	ck_assert_uint_eq(ans.status, MC_OK);
	uint8_t hash[32];
	base_crypto_sha256(ans.cert, hash);
	ck_assert_mem_eq(hash, cert_sha256, 32);
	const unsigned char *p = ans.cert.ptr;
	X509 *cert = d2i_X509(NULL, &p, (long)ans.cert.len);
	ck_assert_int_eq(X509_verify(cert, world->ca->key), 1);
	ck_assert_uint_eq(X509_get_extended_key_usage(cert), XKU_SSL_CLIENT);
	X509_free(cert);
	free(item.bytes);
	ck_assert_uint_eq(world->signer->request_count, 0);
	bench_close();
}
END_TEST

START_TEST(test_approved)
{
	struct world_item item;

	open_operators();
	struct msg_user_issue msg = bob();
	world_ask(&world->front, MSG_USER_ISSUE, &msg_user_issue_table, &msg);
	ledger_takes_user(2, MC_OK);
	ck_assert_uint_eq(answer(&item, MSG_USER_ISSUE).status, MC_OK);
	free(item.bytes);

	/* The ledger keeps count: the same approval comes to it under the same name. */
	world_ask(&world->front, MSG_USER_ISSUE, &msg_user_issue_table, &msg);
	struct msg_intent again = intent(&item);
	ck_assert_uint_eq(again.has_dedup, 1);
	ck_assert_mem_eq(again.dedup_key, spent, 32);
	uint8_t fingerprint[32];
	char hex[65], evidence[128];
	base_crypto_sha256(base_buf_span(&ann.cert), fingerprint);
	ck_assert_mem_eq(put_by, fingerprint, 32);
	base_enc_hex(fingerprint, 32, hex);
	snprintf(evidence, sizeof(evidence), "{\"approver\":\"%s\"}", hex);
	ck_assert(base_span_equal_str(again.evidence, evidence));
	struct msg_intent_ans no = {.status = MC_EAPPROVAL};
	ck_assert_int_eq(msg_send(world->ledger.chan, MSG_ANSWER(MSG_INTENT), 0, item.corr,
			     &msg_intent_ans_table, &no), MC_OK);
	free(item.bytes);
	ck_assert_uint_eq(answer(&item, MSG_USER_ISSUE).status, MC_EAPPROVAL);
	free(item.bytes);

	/* another signature over the same text is the same approval; another text is not */
	approved_by(&msg, &ann, msg.approval_expires_at);
	world_ask(&world->front, MSG_USER_ISSUE, &msg_user_issue_table, &msg);
	again = intent(&item);
	ck_assert_mem_eq(again.dedup_key, spent, 32);
	free(item.bytes);
	approved_by(&msg, &ann, msg.approval_expires_at + 1);
	world_ask(&world->front, MSG_USER_ISSUE, &msg_user_issue_table, &msg);
	again = intent(&item);
	ck_assert_mem_ne(again.dedup_key, spent, 32);
	free(item.bytes);
	close_operators();
}
END_TEST

/* the ledger knows the approver's role, and its word is final */
START_TEST(test_ledger_refuses)
{
	struct world_item item;

	open_operators();
	struct msg_user_issue msg = bob();
	world_ask(&world->front, MSG_USER_ISSUE, &msg_user_issue_table, &msg);
	ledger_takes_user(3, MC_EAPPROVAL);
	struct msg_issue_ans ans = answer(&item, MSG_USER_ISSUE);
	ck_assert_uint_eq(ans.status, MC_EAPPROVAL);
	ck_assert_uint_eq(ans.cert.len, 0);
	free(item.bytes);
	ck_assert_uint_eq(world->signer->request_count, 0);
	close_operators();
}
END_TEST

/* What was not signed is not approved: each field of the text, and the text as a whole. */
START_TEST(test_other_than_approved)
{
	struct make_public other;
	EVP_PKEY *other_key = make_key("P-256");

	open_operators();
	other = make_public(other_key);
	struct msg_user_issue msg = bob();
	ck_assert(comes_through(&msg));
#define OTHER(...)                                                                     \
	do {                                                                           \
		msg = bob();                                                           \
		__VA_ARGS__;                                                           \
		ck_assert(!comes_through(&msg));                                       \
	} while (0)
	OTHER(msg.name = base_span_str("bo"));
	OTHER(msg.role = MSG_USER_VIEWER);
	OTHER(msg.role = MSG_USER_OPERATOR);
	OTHER(msg.key = other.key);
	OTHER(msg.approval_expires_at++);
	OTHER(msg.approval_expires_at--);
	OTHER(msg.approval_sig.len--);
	OTHER(msg.approval_sig.len = 0);
	OTHER(msg.approver_cert.len = 0);
	OTHER(sig[msg.approval_sig.len - 1] ^= 1);
	OTHER(msg.approval_sig = base_span_of(sig, approve(&msg, other_key, sig, sizeof(sig))));
	make_public_free(&other);
	EVP_PKEY_free(other_key);
	close_operators();
}
END_TEST

/* Whether an approval for so many seconds from now comes through. The clock may tick between the two looks at
 * it: then once more. */
static bool
holds_for(int64_t ahead_s)
{
	int64_t now;
	bool through;

	do {
		now = base_clock_now();
		struct msg_user_issue msg = user("bob");
		approved_by(&msg, &ann, now + ahead_s);
		through = comes_through(&msg);
	} while (base_clock_now() != now);
	return through;
}

START_TEST(test_time)
{
	open_operators();
	ck_assert(holds_for(0));
	ck_assert(!holds_for(-1));
	ck_assert(holds_for(LIMIT_APPROVAL_S));
	ck_assert(!holds_for(LIMIT_APPROVAL_S + 1));
	ck_assert(!holds_for(86400));
	close_operators();
}
END_TEST

/* The approver is a person, of this authority, whose certificate lives. */
START_TEST(test_approvers)
{
	struct person other;
	struct msg_user_issue msg = {0};

	open_operators();
	struct issuer *active = signer_active(world->signer);
	struct make_ca *stranger = make_ca("P-256", "operators.meshca", base_clock_now() + 86400);
	struct issuer *foreign = issuer_new(stranger->key, make_ca_der(stranger));
#define APPROVER(good, ...)                                                            \
	do {                                                                           \
		other.key = make_key("P-256");                                         \
		struct make_public pub = make_public(other.key);                       \
		struct issuer *issuer = active;                                        \
		struct cert_leaf leaf = person_leaf("eve", pub);                       \
		struct base_span dns = base_span_str("rest.example.org");              \
		(void)dns;                                                             \
		__VA_ARGS__;                                                           \
		person_issue(&other, issuer, &leaf);                                   \
		msg = user("bob");                                                     \
		approved_by(&msg, &other, base_clock_now() + 300);                     \
		ck_assert(comes_through(&msg) == (good));                              \
		make_public_free(&pub);                                                \
		person_free(&other);                                                   \
	} while (0)
	APPROVER(true, (void)0);
	APPROVER(false, issuer = foreign);
	APPROVER(false, leaf.not_after_at = base_clock_now() - 1);
	APPROVER(false, leaf.not_before_at = base_clock_now() + 60);
	APPROVER(false, leaf.profile = MSG_PROFILE_SERVER, leaf.name.len = 0, leaf.dns = &dns,
	    leaf.dns_count = 1);
	/* as a workload's: for both purposes, and no person's name */
	APPROVER(false, leaf.profile = MSG_PROFILE_SVID, leaf.name.len = 0,
	    leaf.id = leaf_svid(pub.alg, pub.key).id);
	/* an older issuing CA's administrators are still some, and only while its key is here */
	world->signer->issuers[1].open = foreign;
	APPROVER(false, issuer = foreign);
	world->signer->issuer_count = 2;
	APPROVER(true, issuer = foreign);
	APPROVER(true, (void)0);
	world->signer->issuers[1].open = NULL;
	APPROVER(false, issuer = foreign);

	msg = bob(); /* no certificate, a CA's, a broken one */
	msg.approver_cert = base_span_str("none");
	ck_assert(!comes_through(&msg));
	msg = bob();
	msg.approver_cert = make_ca_der(world->ca);
	msg.approval_sig = base_span_of(sig, approve(&msg, world->ca->key, sig, sizeof(sig)));
	ck_assert(!comes_through(&msg));
	msg = bob();
	ann.cert.ptr[ann.cert.len - 1] ^= 1;
	ck_assert(!comes_through(&msg));
	issuer_free(foreign);
	make_ca_free(stranger);
	close_operators();
}
END_TEST

/* A certificate of this authority with what we put into none of a person's; free with person_free(). */
static void
person_of_openssl(struct person *person, const char *alg, const char *cn, const char *purposes)
{
	X509 *cert = X509_new();
	unsigned char *der = NULL;
	X509V3_CTX ctx;

	person->key = make_key(alg);
	X509_set_version(cert, X509_VERSION_3);
	ASN1_INTEGER_set(X509_get_serialNumber(cert), 99);
	X509_gmtime_adj(X509_getm_notBefore(cert), -3600);
	X509_gmtime_adj(X509_getm_notAfter(cert), 3600);
	X509_set_issuer_name(cert, X509_get_subject_name(world->ca->cert));
	X509_NAME_add_entry_by_txt(X509_get_subject_name(cert), "CN", MBSTRING_UTF8,
	    (const unsigned char *)cn, -1, -1, 0);
	X509_set_pubkey(cert, person->key);
	X509V3_set_ctx(&ctx, world->ca->cert, cert, NULL, NULL, 0);
	X509_EXTENSION *ext =
	    X509V3_EXT_conf_nid(NULL, &ctx, NID_authority_key_identifier, "keyid:always");
	ck_assert_int_eq(X509_add_ext(cert, ext, -1), 1);
	X509_EXTENSION_free(ext);
	make_ca_ext(cert, NID_ext_key_usage, purposes);
	ck_assert_int_gt(X509_sign(cert, world->ca->key, EVP_sha256()), 0);
	int len = i2d_X509(cert, &der);
	base_buf_init(&person->cert, LIMIT_CERT);
	base_buf_append(&person->cert, der, (size_t)len);
	OPENSSL_free(der);
	X509_free(cert);
}

/* Signed by the authority's key is not enough: it must be what people get. */
START_TEST(test_not_a_person)
{
	static const struct {
		const char *alg, *cn, *purposes;
		bool good;
	} cases[] = {
	    {"P-256", "eve", "clientAuth", true},
	    {"P-256", "eve", "serverAuth", false},
	    {"P-256", "eve", "serverAuth,clientAuth", false},
	    {"P-256", "eve", "codeSigning", false},
	    {"P-256", "Eve Smith", "clientAuth", false},
	    {"P-384", "eve", "clientAuth", false},
	    {"RSA", "eve", "clientAuth", false},
	};

	open_operators();
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct msg_user_issue msg = user("bob");
		struct person other;
		person_of_openssl(&other, cases[i].alg, cases[i].cn, cases[i].purposes);
		msg.approver_cert = base_buf_span(&other.cert);
		msg.approval_expires_at = base_clock_now() + 300;
		uint8_t signature[LIMIT_RSA_BYTES];
		msg.approval_sig = base_span_of(signature,
		    approve(&msg, other.key, signature, sizeof(signature)));
		ck_assert_msg(comes_through(&msg) == cases[i].good, "case %zu", i);
		person_free(&other);
	}
	close_operators();
}
END_TEST

static enum mc_err
local_status(const struct msg_user_issue *msg)
{
	struct msg_issue_ans ans;

	world_ask(&world->control, MSG_USER_ISSUE, &msg_user_issue_table, msg);
	struct world_item item = world_take(&world->control, MSG_ANSWER(MSG_USER_ISSUE));
	ck_assert_int_eq(msg_decode(&msg_issue_ans_table, world_bytes(&item), &ans), MC_OK);
	free(item.bytes);
	return (enum mc_err)ans.status;
}

/* What holds for root as for anybody. */
START_TEST(test_fields)
{
	EVP_PKEY *p384 = make_key("P-384");
	struct make_public other = make_public(p384);
	uint8_t off_curve[65];
	char longest[LIMIT_USER_NAME + 2];
	struct world_item item;
	struct msg_user_issue msg;

	bench_open("operators", bench_operators);
	memcpy(off_curve, leaf_key.key.ptr, sizeof(off_curve));
	off_curve[64] ^= 1;
	memset(longest, 'a', sizeof(longest));
#define REFUSED(code, ...)                                                             \
	do {                                                                           \
		msg = user("ann");                                                     \
		__VA_ARGS__;                                                           \
		ck_assert_int_eq(local_status(&msg), code);                            \
	} while (0)
	REFUSED(MC_EIDENTITY, msg.name = base_span_str("Ann"));
	REFUSED(MC_EIDENTITY, msg.name = base_span_str(""));
	REFUSED(MC_EIDENTITY, msg.name = base_span_str(".ann"));
	REFUSED(MC_EIDENTITY, msg.name = base_span_str("ann\nadmin"));
	REFUSED(MC_EUSAGE, msg.role = MSG_USER_INVALID);
	REFUSED(MC_EUSAGE, msg.role = MSG_USER_ADMIN + 1);
	REFUSED(MC_EUSAGE, msg.actor = base_span_str("a\nb"));
	REFUSED(MC_EUSAGE, msg.actor = base_span_str("a\x7f"));
	REFUSED(MC_EUSAGE, msg.from = base_span_of("a\0b", 3));
	REFUSED(MC_ECSR_KEY_TYPE, msg.key_alg = (uint8_t)other.alg, msg.key = other.key);
	REFUSED(MC_ECSR_KEY_TYPE, msg.key_alg = 0);
	REFUSED(MC_ECSR_KEY_TYPE, msg.key = other.key);
	REFUSED(MC_ECSR_KEY_WEAK, msg.key = base_span_of(off_curve, sizeof(off_curve)));
	ck_assert(bench_quiet(&world->ledger));
	ck_assert_uint_eq(world->signer->request_count, 0);
	ck_assert_uint_eq(world->signer->refused_count, 13);
	static const uint8_t ROLES[] = {MSG_USER_VIEWER, MSG_USER_OPERATOR, MSG_USER_ADMIN};
	for (size_t i = 0; i < sizeof(ROLES); i++) {
		msg = user("ann");
		msg.role = ROLES[i];
		msg.name = base_span_of(longest, LIMIT_USER_NAME);
		world_ask(&world->control, MSG_USER_ISSUE, &msg_user_issue_table, &msg);
		ck_assert_uint_eq(intent(&item).identity.len, LIMIT_USER_NAME);
		free(item.bytes);
	}
	bench_close();
	make_public_free(&other);
	EVP_PKEY_free(p384);
}
END_TEST

START_TEST(test_where_and_when)
{
	bench_open("production", bench_production);
	struct msg_user_issue msg = user("ann");
	ck_assert_int_eq(user_status(&msg), MC_EPROFILE);
	ck_assert_int_eq(local_status(&msg), MC_EPROFILE);
	bench_close();

	bench_open_sealed("operators", bench_operators);
	msg = user("ann");
	ck_assert_int_eq(local_status(&msg), MC_ESEALED);
	bench_issuer(world->ca);
	bench_clock_jump(BASE_CLOCK_STEP_MAX_S + 2);
	ck_assert_int_eq(local_status(&msg), MC_ECLOCK);
	bench_clock_jump(0);
	while (signer_request_new(world->signer) != NULL) {
	}
	ck_assert_int_eq(local_status(&msg), MC_EBUSY);
	bench_close();
}
END_TEST

/* The front's crowd has used up what may be signed: root on the machine adds a person all the same. */
START_TEST(test_rate_of_root)
{
	struct world_item item;

	open_operators();
	world->signer->tokens_u = 0;
	world->signer->config->operators.rate_per_s = 0; /* nothing comes in */
	struct msg_user_issue msg = bob();
	ck_assert_int_eq(user_status(&msg), MC_ERATE);
	msg = user("ann");
	world_ask(&world->control, MSG_USER_ISSUE, &msg_user_issue_table, &msg);
	ck_assert(base_span_equal_str(intent(&item).identity, "ann"));
	free(item.bytes);
	close_operators();
}
END_TEST

/* An unapproved request takes one, too: whoever guesses is slowed down. */
START_TEST(test_rate_of_guesses)
{
	open_operators();
	struct msg_user_issue msg = user("eve");
	world->signer->tokens_u = 2 * 1000000;
	world->signer->config->operators.rate_per_s = 0;
	ck_assert_int_eq(user_status(&msg), MC_EAPPROVAL);
	ck_assert_int_eq(user_status(&msg), MC_EAPPROVAL);
	ck_assert_int_eq(user_status(&msg), MC_ERATE);
	close_operators();
}
END_TEST

CHECK_MAIN("ca_signer_user", test_local, test_approved, test_ledger_refuses,
    test_other_than_approved, test_time, test_approvers, test_not_a_person, test_fields, test_where_and_when,
    test_rate_of_root, test_rate_of_guesses)
