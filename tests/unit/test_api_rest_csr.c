/* SPDX-License-Identifier: Apache-2.0 */
/* Requests are checked on a true worker; what ca/csr.h refuses is for its own tests. */
#include <microhttpd.h>

#include "tests/unit/rest_fixture.h"

static struct rest_service alone;
static struct rest_request req;
static struct make make;
static unsigned accepted;
static enum msg_key_alg accepted_alg;
static uint8_t accepted_key[LIMIT_RSA_BYTES];
static size_t accepted_len;

static void
on_csr(struct rest_request *of, enum msg_key_alg alg, struct base_span key)
{
	ck_assert_ptr_eq(of, &req);
	accepted++;
	accepted_alg = alg;
	accepted_len = key.len;
	base_copy(accepted_key, key.ptr, key.len);
}

static void
set_up(const char *alg)
{
	production = (struct config_environment){.trust_domain = domain,
	    .leaf_p256 = true,
	    .leaf_p384 = true,
	    .leaf_rsa = true};
	front = (struct front){.loop = base_loop_new(), .metrics = metrics_new()};
	front.pool = base_pool_new(front.loop, 1, 1, NULL, NULL, NULL);
	alone = (struct rest_service){.front = &front};
	req = (struct rest_request){.service = &alone};
	make = (struct make){.key = make_key(alg), .uri = {MAKE_URI}};
	accepted = 0;
}

static void
tear_down(void)
{
	base_pool_free(front.pool);
	metrics_free(front.metrics);
	base_loop_free(front.loop);
	EVP_PKEY_free(make.key);
}

static void
next_request(void)
{
	rest_csr_free(req.csr);
	if (req.response != NULL) {
		MHD_destroy_response(req.response);
	}
	req = (struct rest_request){.service = &alone};
	accepted = 0;
}

static struct rest_csr_want
svid_of(const char *text)
{
	return (struct rest_csr_want){.pem = base_span_str(text),
	    .config = &production,
	    .profile = MSG_PROFILE_SVID,
	    .identity = base_span_str(MAKE_URI),
	    .fn = on_csr};
}

/* Checks it to the end; MC_OK when it was accepted, which nothing else was. */
static enum mc_err
check(const struct rest_csr_want *want)
{
	enum mc_err ret;

	rest_csr_check(&req, want);
	for (int i = 0; i < 1000 && base_pool_pending(front.pool) > 0; i++) {
		base_loop_turn(front.loop, 10);
	}
	ck_assert_uint_eq(base_pool_pending(front.pool), 0);
	ck_assert_uint_eq(accepted, req.response == NULL ? 1 : 0);
	ck_assert(req.response == NULL || req.err != MC_OK);
	ret = req.err;
	next_request();
	return ret;
}

static enum mc_err
check_made(void)
{
	char *text = csr_pem(&make);
	struct rest_csr_want want = svid_of(text);
	enum mc_err ret = check(&want);

	free(text);
	return ret;
}

START_TEST(the_key_that_was_proven_is_handed_on)
{
	static const char *const algs[] = {"P-256", "P-384", "RSA"};

	for (size_t i = 0; i < 3; i++) {
		struct make_public pub;

		set_up(algs[i]);
		ck_assert_int_eq(check_made(), MC_OK);
		pub = make_public(make.key);
		ck_assert_int_eq(accepted_alg, pub.alg);
		ck_assert_uint_eq(accepted_len, pub.key.len);
		ck_assert_mem_eq(accepted_key, pub.key.ptr, pub.key.len);
		make_public_free(&pub);
		tear_down();
	}
}
END_TEST

START_TEST(every_kind_of_key_has_its_own_leave)
{
	static const char *const algs[] = {"P-256", "P-384", "RSA"};

	for (size_t i = 0; i < 3; i++) {
		set_up(algs[i]);
		production.leaf_p256 = i != 0;
		production.leaf_p384 = i != 1;
		production.leaf_rsa = i != 2;
		ck_assert_int_eq(check_made(), MC_ECSR_KEY_TYPE);
		tear_down();
	}
}
END_TEST

START_TEST(possession_identity_and_form_are_all_checked)
{
	set_up("P-256");
	make.wrong_signature = true;
	ck_assert_int_eq(check_made(), MC_ECSR_SIGNATURE);
	make.wrong_signature = false;
	make.uri[0] = MAKE_URI "2";
	ck_assert_int_eq(check_made(), MC_ECSR_SAN);
	make.uri[0] = MAKE_URI;
	make.trailing = 1;
	ck_assert_int_eq(check_made(), MC_ECSR_DER);
	make.trailing = 0;
	ck_assert_int_eq(check_made(), MC_OK);
	tear_down();
}
END_TEST

START_TEST(a_servers_names_are_all_checked)
{
	struct base_span dns[LIMIT_DNS_NAMES] = {
	    base_span_str("a.example"), base_span_str("b.example")};
	struct rest_csr_want want;
	char *text;

	set_up("P-256");
	make.uri[0] = NULL;
	make.dns[0] = "a.example";
	make.dns[1] = "b.example";
	text = csr_pem(&make);
	want = svid_of(text);
	want.profile = MSG_PROFILE_SERVER;
	want.identity = base_span_str("");
	want.dns = dns;
	want.dns_count = 2;
	ck_assert_int_eq(check(&want), MC_OK);
	want.dns_count = 1;
	ck_assert_int_eq(check(&want), MC_ECSR_SAN);
	free(text);
	tear_down();
}
END_TEST

START_TEST(one_pem_block_of_the_right_kind_is_wanted)
{
	static const char *const bad[] = {"", "x",
	    "-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n",
	    "-----BEGIN NEW CERTIFICATE REQUEST-----\nMAA=\n-----END NEW CERTIFICATE REQUEST-----\n",
	    "-----BEGIN CERTIFICATE REQUEST-----\nMA\n-----END CERTIFICATE REQUEST-----\n"};
	struct rest_csr_want want;
	char *text, *twice;

	set_up("P-256");
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		want = svid_of(bad[i]);
		ck_assert_msg(check(&want) == MC_ECSR_PEM, "%s", bad[i]);
	}
	text = csr_pem(&make);
	twice = base_xasprintf("%s%s", text, text);
	want = svid_of(twice);
	ck_assert_int_eq(check(&want), MC_ECSR_PEM);
	want = svid_of("-----BEGIN CERTIFICATE REQUEST-----\nMAA=\n-----END CERTIFICATE REQUEST-----\n");
	ck_assert_int_eq(check(&want), MC_ECSR_DER);
	free(twice);
	free(text);
	tear_down();
}
END_TEST

START_TEST(a_request_may_have_its_limit_and_not_a_byte_more)
{
	static const uint8_t bytes[LIMIT_CSR_DER + 1] = {0x30, 0x00};
	struct rest_csr_want want;

	set_up("P-256");
	for (size_t more = 0; more < 2; more++) {
		struct base_buf pem;
		char *text;

		base_buf_init(&pem, 2 * sizeof(bytes));
		base_enc_pem(&pem, "CERTIFICATE REQUEST", base_span_of(bytes, LIMIT_CSR_DER + more));
		text = base_buf_take_str(&pem);
		want = svid_of(text);
		ck_assert_int_eq(check(&want), more == 0 ? MC_ECSR_DER : MC_ETOOBIG);
		free(text);
	}
	tear_down();
}
END_TEST

START_TEST(what_was_given_may_go_while_it_is_checked)
{
	char *text, *identity;
	struct rest_csr_want want;

	set_up("P-256");
	text = csr_pem(&make);
	identity = base_xstrdup(MAKE_URI);
	want = svid_of(text);
	want.identity = base_span_str(identity);
	rest_csr_check(&req, &want);
	memset(text, 'x', strlen(text));
	memset(identity, 'x', strlen(identity));
	free(text);
	free(identity);
	while (base_pool_pending(front.pool) > 0) {
		base_loop_turn(front.loop, 10);
	}
	ck_assert_uint_eq(accepted, 1);
	next_request();
	tear_down();
}
END_TEST

START_TEST(a_request_that_goes_is_answered_no_more)
{
	struct rest_csr_want want;
	char *text;

	set_up("P-256");
	text = csr_pem(&make);
	want = svid_of(text);
	rest_csr_check(&req, &want);
	rest_csr_free(req.csr);
	req = (struct rest_request){0}; /* what is behind it is gone, too */
	while (base_pool_pending(front.pool) > 0) {
		base_loop_turn(front.loop, 10);
	}
	ck_assert_uint_eq(accepted, 0);
	rest_csr_free(NULL);
	free(text);
	tear_down();
}
END_TEST

CHECK_MAIN("api_rest_csr", the_key_that_was_proven_is_handed_on, every_kind_of_key_has_its_own_leave,
    possession_identity_and_form_are_all_checked, a_servers_names_are_all_checked,
    one_pem_block_of_the_right_kind_is_wanted, a_request_may_have_its_limit_and_not_a_byte_more,
    what_was_given_may_go_while_it_is_checked, a_request_that_goes_is_answered_no_more)
