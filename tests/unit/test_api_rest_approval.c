/* SPDX-License-Identifier: Apache-2.0 */
#include "api/rest_int.h"
#include "base/crypto.h"
#include "base/enc.h"
#include "tests/unit/api_fakes.h"
#include "tests/unit/ca_make.h"
#include "tests/unit/check_main.h"

static const char expiry[] = "2026-11-23T20:41:00Z";
#define EXPIRY_AT 1795466460

static enum mc_err
take(const char *text, struct rest_approval *out)
{
	json_t *body = json_loads(text, 0, NULL);
	enum mc_err ret;

	ck_assert_msg(body != NULL, "%s", text);
	rest_approval_init(out);
	ret = rest_approval_take(body, out);
	json_decref(body);
	return ret;
}

START_TEST(an_approval_is_a_time_and_a_signature)
{
	struct rest_approval approval;

	ck_assert_int_eq(take("{\"approval\":{\"expires_at\":\"2026-11-23T20:41:00Z\","
			      "\"signature\":\"c2lnbmVk\"}}", &approval), MC_OK);
	ck_assert_int_eq(approval.expires_at, EXPIRY_AT);
	ck_assert(base_span_equal_str(base_buf_span(&approval.signature), "signed"));
	ck_assert_uint_eq(approval.spki.len, 0); /* nobody's yet */
	rest_approval_clear(&approval);
}
END_TEST

START_TEST(anything_else_is_none)
{
	static const char *const bad[] = {"{}", "{\"approval\":null}", "{\"approval\":\"x\"}",
	    "{\"approval\":[]}", "{\"approval\":{}}",
	    "{\"approval\":{\"expires_at\":\"2026-11-23T20:41:00Z\"}}",
	    "{\"approval\":{\"signature\":\"c2ln\"}}",
	    "{\"approval\":{\"expires_at\":\"2026-11-23T20:41:00Z\",\"signature\":\"c2ln\",\"x\":1}}",
	    "{\"approval\":{\"expires_at\":\"2026-11-23T20:41:00Z\",\"sig\":\"c2ln\"}}",
	    "{\"approval\":{\"expires_at\":1795466460,\"signature\":\"c2ln\"}}",
	    "{\"approval\":{\"expires_at\":\"tomorrow\",\"signature\":\"c2ln\"}}",
	    "{\"approval\":{\"expires_at\":\"2026-02-30T00:00:00Z\",\"signature\":\"c2ln\"}}",
	    "{\"approval\":{\"expires_at\":\"2026-11-23T20:41:00+00:00\",\"signature\":\"c2ln\"}}",
	    "{\"approval\":{\"expires_at\":\"2026-11-23T20:41:00Z\",\"signature\":\"?\"}}",
	    "{\"approval\":{\"expires_at\":\"2026-11-23T20:41:00Z\",\"signature\":\"c2lnbg\"}}",
	    "{\"approval\":{\"expires_at\":\"2026-11-23T20:41:00Z\",\"signature\":\"\"}}"};
	struct rest_approval approval;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		ck_assert_msg(take(bad[i], &approval) == MC_EUSAGE, "%s", bad[i]);
		rest_approval_clear(&approval);
	}
}
END_TEST

START_TEST(the_longest_signature_fits_and_one_byte_more_does_not)
{
	uint8_t bytes[LIMIT_P256_SIG + 1] = {1};
	struct rest_approval approval;
	struct base_buf text;

	base_buf_init(&text, 256);
	base_enc_b64(&text, base_span_of(bytes, LIMIT_P256_SIG));
	ck_assert_uint_eq(text.len, REST_SIGNATURE_MAX);
	rest_approval_init(&approval);
	ck_assert_int_eq(rest_approval_parse(expiry, base_buf_span(&text), &approval), MC_OK);
	ck_assert_uint_eq(approval.signature.len, LIMIT_P256_SIG);
	rest_approval_clear(&approval);
	base_buf_reset(&text);
	base_enc_b64(&text, base_span_of(bytes, LIMIT_P256_SIG + 1));
	rest_approval_init(&approval);
	ck_assert_int_eq(rest_approval_parse(expiry, base_buf_span(&text), &approval), MC_EUSAGE);
	rest_approval_clear(&approval);
	base_buf_clear(&text);
}
END_TEST

START_TEST(it_is_the_callers_by_key_and_certificate)
{
	struct make_ca *admin = make_ca("P-256", "operators", 2000000000);
	struct rest_client client = {.peer = {.cert = make_ca_der(admin)}};
	struct rest_request req = {.client = &client};
	struct rest_approval approval;
	uint8_t spki[LIMIT_P256_SPKI], sha256[32];
	uint8_t *to = spki;

	ck_assert_int_eq(i2d_PUBKEY(admin->key, &to), LIMIT_P256_SPKI);
	base_crypto_sha256(make_ca_der(admin), sha256);
	rest_approval_init(&approval);
	ck_assert_int_eq(rest_approval_of_caller(&req, &approval), MC_OK);
	ck_assert(base_span_equal(approval.spki, base_span_of(spki, sizeof(spki))));
	ck_assert_mem_eq(approval.sha256, sha256, 32);
	rest_approval_clear(&approval);
	make_ca_free(admin);
}
END_TEST

START_TEST(who_has_another_key_approves_nothing)
{
	static const char *const algs[] = {"P-384", "RSA"};

	for (size_t i = 0; i < 2; i++) {
		struct make_ca *admin = make_ca(algs[i], "operators", 2000000000);
		struct rest_client client = {.peer = {.cert = make_ca_der(admin)}};
		struct rest_request req = {.client = &client};
		struct rest_approval approval;

		rest_approval_init(&approval);
		ck_assert_int_eq(rest_approval_of_caller(&req, &approval), MC_EAPPROVAL);
		ck_assert_uint_eq(approval.spki.len, 0);
		rest_approval_clear(&approval);
		make_ca_free(admin);
	}
}
END_TEST

START_TEST(a_certificate_that_cannot_be_read_approves_nothing)
{
	struct rest_client client = {.peer = {.cert = base_span_str("\x30")}};
	struct rest_request req = {.client = &client};
	struct rest_approval approval;

	rest_approval_init(&approval);
	ck_assert_int_eq(rest_approval_of_caller(&req, &approval), MC_EENCODING);
	ck_assert_uint_eq(approval.spki.len, 0);
	rest_approval_clear(&approval);
}
END_TEST

CHECK_MAIN("api_rest_approval", an_approval_is_a_time_and_a_signature, anything_else_is_none,
    the_longest_signature_fits_and_one_byte_more_does_not,
    it_is_the_callers_by_key_and_certificate, who_has_another_key_approves_nothing,
    a_certificate_that_cannot_be_read_approves_nothing)
