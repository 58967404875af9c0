/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/rest_fixture.h"

#define ID_AA "00000000000000000000000000000000000000000000000000000000000000aa"

static const uint8_t cert_der[] = {0x30, 0x03, 0x02, 0x01, 0x05};
static const uint8_t crl_der[] = {0x30, 0x03, 0x02, 0x01, 0x07};
static char list_environment[64];
static unsigned list_count, crl_count;
static bool is_empty; /* the ledger knows no issuer */

static void
on_call(struct call *call)
{
	struct msg_issuer_row row = {.profile = MSG_PROFILE_ISSUING,
	    .state = MSG_STATE_SIGNED,
	    .environment = base_span_str("production"),
	    .cert = base_span_of(cert_der, sizeof(cert_der))};
	struct msg_crl_ans ans = {.number = 5,
	    .total = sizeof(crl_der),
	    .bytes = base_span_of(crl_der, sizeof(crl_der))};
	struct msg_issuer_list ask;

	if (call->type == MSG_CRL_GET) {
		crl_count++;
		answer(call, &msg_crl_ans_table, &ans, false);
		return;
	}
	asked(call, &ledger, MSG_ISSUER_LIST, &msg_issuer_list_table, &ask);
	keep(ask.environment, list_environment, sizeof(list_environment));
	list_count++;
	for (uint8_t last = 0xa9; last <= 0xab && !is_empty; last++) {
		row.issuer_id[31] = last;
		answer(call, &msg_issuer_row_table, &row, true);
	}
	answer_end(call, 0);
}

static void
set_up(void)
{
	list_count = crl_count = 0;
	is_empty = false;
	begin(MSG_USER_VIEWER, on_call);
}

START_TEST(issuers_are_listed_of_all_or_of_one_environment)
{
	struct reply reply;

	set_up();
	reply = get("/v1/issuers");
	ck_assert_uint_eq(json_array_size(json_object_get(reply.json, "issuers")), 3);
	expect_status(reply, 200);
	ck_assert_str_eq(list_environment, "");
	expect_status(get("/v1/issuers?environment=production"), 200);
	ck_assert_str_eq(list_environment, "production");
	expect_problem(get("/v1/issuers?environment="), 400, "usage");
	expect_problem(get("/v1/issuers?environment=Production"), 400, "usage");
	ck_assert_uint_eq(list_count, 2);
	is_empty = true; /* nobody knows that environment */
	expect_problem(get("/v1/issuers?environment=nowhere"), 404, "not-found");
	expect_status(get("/v1/issuers?environment=production"), 200);
	expect_status(get("/v1/issuers"), 200);
	end();
}
END_TEST

START_TEST(one_issuer_is_found_by_its_whole_id)
{
	struct reply reply;

	set_up();
	reply = get("/v1/issuers/" ID_AA);
	ck_assert_int_eq(reply.status, 200);
	ck_assert_str_eq(member(&reply, "id"), ID_AA);
	drop(&reply);
	ck_assert_str_eq(list_environment, "");
	reply = request("GET", "/v1/issuers/" ID_AA, "Accept: application/x-pem-file\r\n", NULL);
	ck_assert_int_eq(reply.status, 200);
	ck_assert_str_eq(reply.body, "-----BEGIN CERTIFICATE-----\nMAMCAQU=\n-----END CERTIFICATE-----\n");
	drop(&reply);
	reply = request("GET", "/v1/issuers/" ID_AA, "Accept: application/pkix-cert\r\n", NULL);
	ck_assert_uint_eq(reply.body_len, sizeof(cert_der));
	ck_assert_mem_eq(reply.body, cert_der, sizeof(cert_der));
	expect_status(reply, 200);
	end();
}
END_TEST

START_TEST(other_ids_are_not_found)
{
	static const char *const bad[] = {"aa", ID_AA "00", "zz",
	    "0000000000000000000000000000000000000000000000000000000000000a",
	    "00000000000000000000000000000000000000000000000000000000000000a"};
	char path[128];

	set_up();
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		snprintf(path, sizeof(path), "/v1/issuers/%s", bad[i]);
		expect_problem_says(get(path), 404, "not-found", "64 hex digits");
		snprintf(path, sizeof(path), "/v1/issuers/%s/crl", bad[i]);
		expect_problem_says(get(path), 404, "not-found", "64 hex digits");
	}
	ck_assert_uint_eq(list_count, 0);
	ck_assert_uint_eq(crl_count, 0);
	expect_problem_says(get("/v1/issuers/"
				"10000000000000000000000000000000000000000000000000000000000000aa"),
	    404, "not-found", "no such issuer");
	end();
}
END_TEST

START_TEST(a_crl_is_public_and_cached_by_number_and_form)
{
	static const char path[] = "/v1/issuers/" ID_AA "/crl";
	struct reply reply;

	set_up();
	peer.cert = base_span_of(NULL, 0);
	reply = get(path);
	ck_assert_int_eq(reply.status, 200);
	ck_assert(has_header(&reply, "Content-Type: application/pkix-crl"));
	ck_assert(has_header(&reply, "Cache-Control: public, no-cache"));
	ck_assert(has_header(&reply, "ETag: \"5.der\""));
	ck_assert_uint_eq(reply.body_len, sizeof(crl_der));
	ck_assert_mem_eq(reply.body, crl_der, sizeof(crl_der));
	drop(&reply);
	reply = request("GET", path, "If-None-Match: \"4.der\", \"5.der\"\r\n", NULL);
	ck_assert(has_header(&reply, "ETag: \"5.der\""));
	ck_assert_uint_eq(reply.body_len, 0);
	expect_status(reply, 304);
	expect_status(request("GET", path, "If-None-Match: \"5.pem\"\r\n", NULL), 200);
	reply = request("GET", path, "Accept: application/x-pem-file\r\n", NULL);
	ck_assert_int_eq(reply.status, 200);
	ck_assert(has_header(&reply, "ETag: \"5.pem\""));
	ck_assert_str_eq(reply.body, "-----BEGIN X509 CRL-----\nMAMCAQc=\n-----END X509 CRL-----\n");
	drop(&reply);
	expect_status(request("GET", path,
			  "Accept: application/x-pem-file\r\nIf-None-Match: \"5.pem\"\r\n", NULL), 304);
	ck_assert_uint_eq(user_get_count, 0);
	end();
}
END_TEST

CHECK_MAIN("api_rest_issuers", issuers_are_listed_of_all_or_of_one_environment,
    one_issuer_is_found_by_its_whole_id, other_ids_are_not_found,
    a_crl_is_public_and_cached_by_number_and_form)
