/* SPDX-License-Identifier: Apache-2.0 */
/* What may be certified: the last word, whatever the front asked for. */
#include "ca/signer.h"
#include "check_main.h"
#include "signer_bench.h"

static struct msg_issue msg;
static struct cert_leaf leaf;
static struct base_span dns[LIMIT_DNS_NAMES];

static enum mc_err
policy(const struct msg_issue *asked)
{
	return signer_policy_leaf(world->signer, asked, &leaf, dns);
}

#define LIST(text) base_span_of(text, sizeof(text)) /* the last name's NUL is the literal's */

static struct msg_issue
server(struct base_span names)
{
	struct msg_issue asked = svid();

	asked.profile = MSG_PROFILE_SERVER;
	asked.ns.len = 0;
	asked.sa.len = 0;
	asked.dns_names = names;
	return asked;
}

static enum mc_err
policy_names(struct base_span names)
{
	struct msg_issue asked = server(names);

	return policy(&asked);
}

#define REFUSED(code, ...)                                                             \
	do {                                                                           \
		msg = svid();                                                          \
		__VA_ARGS__;                                                           \
		ck_assert_int_eq(policy(&msg), code);                                  \
	} while (0)

START_TEST(test_svid)
{
	bench_open("production", bench_production);
	msg = svid();
	ck_assert_int_eq(policy(&msg), MC_OK);
	ck_assert_int_eq(leaf.profile, MSG_PROFILE_SVID);
	ck_assert(base_span_equal_str(leaf.id.trust_domain, "cluster.local"));
	ck_assert(base_span_equal_str(leaf.id.ns, "ecotrack"));
	ck_assert(base_span_equal_str(leaf.id.sa, "order-service"));
	ck_assert_int_eq(leaf.key_alg, MSG_KEY_P256);
	ck_assert(base_span_equal(leaf.key, leaf_key.key));
	ck_assert_uint_eq(leaf.dns_count, 0);

	REFUSED(MC_EPROFILE, msg.profile = MSG_PROFILE_CLIENT);
	REFUSED(MC_EPROFILE, msg.profile = MSG_PROFILE_ISSUING);
	REFUSED(MC_EPROFILE, msg.profile = MSG_PROFILE_ROOT);
	REFUSED(MC_EPROFILE, msg.profile = MSG_PROFILE_ENVIRONMENT);
	REFUSED(MC_EPROFILE, msg.profile = MSG_PROFILE_LINEAGE);
	REFUSED(MC_EPROFILE, msg.profile = 0);
	REFUSED(MC_EPROFILE, msg.profile = 255);
	REFUSED(MC_EIDENTITY, msg.ns = base_span_str("Eco"));
	REFUSED(MC_EIDENTITY, msg.ns = base_span_str("a/sa/admin"));
	REFUSED(MC_EIDENTITY, msg.ns = base_span_str(".."));
	REFUSED(MC_EIDENTITY, msg.ns = base_span_of("a\0b", 3));
	REFUSED(MC_EIDENTITY, msg.ns.len = 0);
	REFUSED(MC_EIDENTITY, msg.sa = base_span_str("a/b"));
	REFUSED(MC_EIDENTITY, msg.sa = base_span_str(".."));
	REFUSED(MC_EIDENTITY, msg.sa = base_span_of("a\0b", 3));
	REFUSED(MC_EIDENTITY, msg.sa.len = 0);
	REFUSED(MC_EIDENTITY, msg.dns_names = LIST("a.mesh.example.org"));
	bench_close();
}
END_TEST

/* "*.suffix" is one label before the suffix: not none, not two, and no star is certified. */
START_TEST(test_server_names)
{
	bench_open("production", bench_production);
	ck_assert_int_eq(policy_names(LIST("ca.example.org")), MC_OK);
	ck_assert_uint_eq(leaf.dns_count, 1);
	ck_assert_int_eq(policy_names(LIST("a.mesh.example.org")), MC_OK);
	ck_assert_int_eq(policy_names(LIST("ca.example.org\0a.mesh.example.org")), MC_OK);
	ck_assert_uint_eq(leaf.dns_count, 2);
	ck_assert(leaf.dns == dns);
	ck_assert(base_span_equal_str(dns[0], "ca.example.org"));
	ck_assert(base_span_equal_str(dns[1], "a.mesh.example.org"));
	ck_assert_int_eq(leaf.profile, MSG_PROFILE_SERVER);

	static const struct base_span NOT[] = {
	    {(const uint8_t *)"mesh.example.org", 17},
	    {(const uint8_t *)".mesh.example.org", 18},
	    {(const uint8_t *)"a.b.mesh.example.org", 21},
	    {(const uint8_t *)"*.mesh.example.org", 19},
	    {(const uint8_t *)"amesh.example.org", 18},
	    {(const uint8_t *)"a.mesh.example.orgs", 20},
	    {(const uint8_t *)"a.mesh.example.org.", 20},
	    {(const uint8_t *)"A.mesh.example.org", 19},
	    {(const uint8_t *)"www.example.org", 16},
	    {(const uint8_t *)"example.org", 12},
	    {(const uint8_t *)"a.ca.example.org", 17},
	    {(const uint8_t *)"a.example.org", 14},
	    {(const uint8_t *)"mesh", 5},
	    {(const uint8_t *)"127.0.0.1", 10},
	    {(const uint8_t *)"", 1},
	    {(const uint8_t *)"", 0},
	};
	for (size_t i = 0; i < sizeof(NOT) / sizeof(NOT[0]); i++) {
		ck_assert_msg(policy_names(NOT[i]) == MC_EIDENTITY, "%s",
		    (const char *)NOT[i].ptr);
	}
	/* one bad name, wherever it stands, is one too many */
	ck_assert_int_eq(policy_names(LIST("ca.example.org\0www.example.org")), MC_EIDENTITY);
	ck_assert_int_eq(policy_names(LIST("www.example.org\0ca.example.org")), MC_EIDENTITY);
	ck_assert_int_eq(policy_names(LIST("ca.example.org\0\0a.mesh.example.org")), MC_EIDENTITY);
	msg = server(LIST("ca.example.org"));
	msg.ns = base_span_str("ecotrack");
	ck_assert_int_eq(policy(&msg), MC_EIDENTITY);
	msg.ns.len = 0;
	msg.sa = base_span_str("order-service");
	ck_assert_int_eq(policy(&msg), MC_EIDENTITY);
	bench_close();
}
END_TEST

START_TEST(test_own_names)
{
	bench_open("production", bench_production);
	ck_assert(signer_is_own_name(world->signer, base_span_str("ca.example.org")));
	ck_assert(!signer_is_own_name(world->signer, base_span_str("a.mesh.example.org")));
	ck_assert(!signer_is_own_name(world->signer, base_span_str("ca.example.or")));
	bench_close();
	/* the operators' one certifies REST's names, an environment's does not */
	bench_open("operators", bench_operators);
	struct msg_issue workload = svid();
	ck_assert_int_eq(policy(&workload), MC_EPROFILE);
	ck_assert_int_eq(policy_names(LIST("rest.example.org")), MC_OK);
	ck_assert_int_eq(policy_names(LIST("a.rest.example.org")), MC_EIDENTITY);
	bench_close();
	bench_open("production", bench_operators);
	ck_assert_int_eq(policy_names(LIST("rest.example.org")), MC_EIDENTITY);
	bench_close();
}
END_TEST

START_TEST(test_dns_split)
{
	struct base_span out[LIMIT_DNS_NAMES];
	char text[2 * (LIMIT_DNS_NAMES + 1)];
	size_t count = 99;

	for (size_t i = 0; i <= LIMIT_DNS_NAMES; i++) {
		text[2 * i] = 'a';
		text[2 * i + 1] = 0;
	}
	ck_assert_int_eq(signer_dns_split(base_span_of(text, 2 * (LIMIT_DNS_NAMES + 1)), out, &count),
	    MC_EIDENTITY);
	ck_assert_int_eq(signer_dns_split(base_span_of(text, 3), out, &count), MC_EIDENTITY);
	ck_assert_uint_eq(count, 99);
	ck_assert_int_eq(signer_dns_split(base_span_of(text, 2 * LIMIT_DNS_NAMES), out, &count),
	    MC_OK);
	ck_assert_uint_eq(count, LIMIT_DNS_NAMES);
	ck_assert_ptr_eq(out[LIMIT_DNS_NAMES - 1].ptr, text + 2 * (LIMIT_DNS_NAMES - 1));
	ck_assert_uint_eq(out[LIMIT_DNS_NAMES - 1].len, 1);
	ck_assert_int_eq(signer_dns_split(base_span_of("ab\0\0c", 6), out, &count), MC_OK);
	ck_assert_uint_eq(count, 3);
	ck_assert(base_span_equal_str(out[0], "ab") && out[1].len == 0 &&
	    base_span_equal_str(out[2], "c"));
	ck_assert_int_eq(signer_dns_split(base_span_of(NULL, 0), out, &count), MC_OK);
	ck_assert_uint_eq(count, 0);
}
END_TEST

/* The kinds of keys that an environment allows, and weak ones of an allowed kind. */
START_TEST(test_keys)
{
	static const char rsa_only[] = "state_dir: /nowhere\n"
				       "environments:\n"
				       "  - name: production\n"
				       "    grpc: {listen: \"127.0.0.1:15012\", dns_names: [ca.example.org]}\n"
				       "    svid: {key_types: [rsa]}\n";
	static const char p384_too[] = "state_dir: /nowhere\n"
				       "environments:\n"
				       "  - name: production\n"
				       "    grpc: {listen: \"127.0.0.1:15012\"}\n"
				       "    svid: {key_types: [p-256, p-384]}\n";
	EVP_PKEY *p384 = make_key("P-384");
	struct make_public other = make_public(p384);
	uint8_t modulus[256] = {0xff};
	uint8_t off_curve[65];

	bench_open("production", bench_production);
	memcpy(off_curve, leaf_key.key.ptr, sizeof(off_curve));
	off_curve[64] ^= 1;
	struct base_span off = base_span_of(off_curve, sizeof(off_curve));
	REFUSED(MC_ECSR_KEY_WEAK, msg.key = off);
	struct msg_issue listener = server(LIST("ca.example.org"));
	listener.key = off;
	ck_assert_int_eq(policy(&listener), MC_ECSR_KEY_WEAK);
	REFUSED(MC_ECSR_KEY_TYPE, msg.key_alg = MSG_KEY_P384);
	REFUSED(MC_ECSR_KEY_TYPE, msg.key_alg = (uint8_t)other.alg, msg.key = other.key);
	REFUSED(MC_ECSR_KEY_TYPE, msg.key_alg = 0);
	REFUSED(MC_ECSR_KEY_TYPE, msg.key_alg = 4);
	REFUSED(MC_ECSR_KEY_TYPE, msg.key_alg = 255);
	REFUSED(MC_ECSR_KEY_TYPE, msg.key.len--);
	REFUSED(MC_ECSR_KEY_WEAK, msg.key_alg = MSG_KEY_RSA, msg.key = base_span_of(modulus, 256));
	memset(modulus, 0xff, sizeof(modulus)); /* odd, and a multiple of 3 */
	REFUSED(MC_ECSR_KEY_WEAK, msg.key_alg = MSG_KEY_RSA, msg.key = base_span_of(modulus, 256));
	REFUSED(MC_ECSR_KEY_SIZE, msg.key_alg = MSG_KEY_RSA, msg.key = base_span_of(modulus, 128));
	bench_close();

	/* without P-256 its own listener still has a certificate, and nobody else */
	bench_open("production", rsa_only);
	REFUSED(MC_ECSR_KEY_TYPE, (void)msg);
	listener = server(LIST("ca.example.org"));
	ck_assert_int_eq(policy(&listener), MC_OK);
	bench_close();

	bench_open("production", p384_too);
	REFUSED(MC_OK, msg.key_alg = (uint8_t)other.alg, msg.key = other.key);
	memset(modulus, 0xff, sizeof(modulus));
	REFUSED(MC_ECSR_KEY_TYPE, msg.key_alg = MSG_KEY_RSA, msg.key = base_span_of(modulus, 256));
	bench_close();
	make_public_free(&other);
	EVP_PKEY_free(p384);
}
END_TEST

/* The life that a leaf got is what was asked for, from a clock that may have ticked meanwhile. */
static void
assert_life(int64_t before, int64_t ttl_s)
{
	ck_assert_int_eq(leaf.not_after_at - leaf.not_before_at, ttl_s + LIMIT_BACKDATE_S);
	ck_assert_int_ge(leaf.not_before_at, before - LIMIT_BACKDATE_S);
	ck_assert_int_le(leaf.not_before_at, base_clock_now() - LIMIT_BACKDATE_S);
}

START_TEST(test_life)
{
	bench_open("production", bench_production);
	msg = svid();
	int64_t before = base_clock_now();
	const struct {
		int64_t ttl_s, got_s;
	} cases[] = {{0, 12 * 3600}, {-1, 12 * 3600}, {INT64_MIN, 12 * 3600}, {1, 1},
	    {3 * 86400, 3 * 86400}};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		msg.ttl_s = cases[i].ttl_s;
		ck_assert_int_eq(policy(&msg), MC_OK);
		assert_life(before, cases[i].got_s);
	}
	REFUSED(MC_ETTL, msg.ttl_s = 3 * 86400 + 1);
	REFUSED(MC_ETTL, msg.ttl_s = INT64_MAX);
	msg = server(LIST("ca.example.org"));
	ck_assert_int_eq(policy(&msg), MC_OK);
	assert_life(before, 2 * 86400);
	msg.ttl_s = 2 * 86400;
	ck_assert_int_eq(policy(&msg), MC_OK);
	assert_life(before, 2 * 86400);
	msg.ttl_s++; /* an SVID could have it */
	ck_assert_int_eq(policy(&msg), MC_ETTL);

	/* no leaf outlives its issuer */
	int64_t end_at = issuer_cert(signer_active(world->signer))->not_after_at;
	ck_assert_int_eq(signer_policy_life(world->signer, 40 * 86400, 1, 40 * 86400, &leaf), MC_OK);
	ck_assert_int_eq(leaf.not_after_at, end_at);
	ck_assert_int_eq(signer_policy_life(world->signer, 0, 40 * 86400, 40 * 86400, &leaf), MC_OK);
	ck_assert_int_eq(leaf.not_after_at, end_at);
	bench_close();
}
END_TEST

START_TEST(test_may_issue)
{
	bench_open_sealed("production", bench_production);
	struct signer *signer = world->signer;
	ck_assert_int_eq(signer_may_issue(signer), MC_ESEALED);
	bench_issuer(world->ca);
	ck_assert_int_eq(signer_may_issue(signer), MC_OK);
	signer->started = false;
	ck_assert_int_eq(signer_may_issue(signer), MC_ENOTREADY);
	signer->started = true;

	bench_clock_jump(BASE_CLOCK_STEP_MAX_S + 2);
	ck_assert_int_eq(signer_may_issue(signer), MC_ECLOCK);
	bench_clock_jump(-BASE_CLOCK_STEP_MAX_S - 2);
	ck_assert_int_eq(signer_may_issue(signer), MC_ECLOCK);
	bench_clock_jump(0);
	ck_assert_int_eq(signer_may_issue(signer), MC_OK);
	/* and never before the newest leaf */
	base_clock_guard_floor(&signer->clock, base_clock_now() + 3600);
	ck_assert_int_eq(signer_may_issue(signer), MC_ECLOCK);
	base_clock_guard_accept(&signer->clock);
	ck_assert_int_eq(signer_may_issue(signer), MC_OK);
	bench_close();
}
END_TEST

START_TEST(test_issuer_life)
{
	bench_open_sealed("production", bench_production);
	struct make_ca *expired = make_ca("P-256", "cluster.local", base_clock_now());
	struct make_ca *alive = make_ca("P-256", "cluster.local", base_clock_now() + 60);
	bench_issuer(expired);
	ck_assert_int_eq(signer_may_issue(world->signer), MC_EISSUER_LIFE);
	signer_seal_clear(world->signer);
	bench_issuer(alive);
	bench_issuer(expired); /* an older one: of no matter */
	ck_assert_int_eq(signer_may_issue(world->signer), MC_OK);
	ck_assert_ptr_eq(signer_active(world->signer), world->signer->issuers[0].open);
	make_ca_free(expired);
	make_ca_free(alive);
	bench_close();
}
END_TEST

/* The loop's time stands still here: what has passed is what the test says. */
START_TEST(test_rate)
{
	static const char slow[] = "state_dir: /nowhere\n"
				   "environments:\n"
				   "  - name: production\n"
				   "    grpc: {listen: \"127.0.0.1:15012\"}\n"
				   "    rate: {per_second: 4, burst: 5}\n";

	bench_open("production", slow);
	struct signer *signer = world->signer;
	int64_t now = base_loop_now_us(world->loop);
	for (int i = 0; i < 5; i++) {
		ck_assert_int_eq(signer_rate_take(signer), MC_OK);
	}
	ck_assert_int_eq(signer_rate_take(signer), MC_ERATE);
	ck_assert_int_eq(signer_rate_take(signer), MC_ERATE);
	signer->tokens_at_us = now - 249999;
	ck_assert_int_eq(signer_rate_take(signer), MC_ERATE);
	signer->tokens_u = 0;
	signer->tokens_at_us = now - 250000;
	ck_assert_int_eq(signer_rate_take(signer), MC_OK);
	ck_assert_int_eq(signer_rate_take(signer), MC_ERATE);
	signer->tokens_u = 0;
	signer->tokens_at_us = now - INT64_C(1000000000000); /* eleven days: no more than the burst */
	for (int i = 0; i < 5; i++) {
		ck_assert_int_eq(signer_rate_take(signer), MC_OK);
	}
	ck_assert_int_eq(signer_rate_take(signer), MC_ERATE);
	bench_close();
}
END_TEST

CHECK_MAIN("ca_signer_policy", test_svid, test_server_names, test_own_names, test_dns_split,
    test_keys, test_life, test_may_issue, test_issuer_life, test_rate)
