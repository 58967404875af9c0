/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/rest_fixture.h"

static const char text_serial[] = "0badc0ffee";
static const uint8_t serial[] = {0x0b, 0xad, 0xc0, 0xff, 0xee};
static const uint8_t cert_der[] = {0x30, 0x03, 0x02, 0x01, 0x05};

static struct msg_cert_row found; /* what the ledger has */

/* what the last messages said */
static struct msg_cert_list listed;
static char listed_environment[64], listed_identity[256];
static unsigned list_count, get_count, revoke_count;
static char got_serial[2 * LIMIT_SERIAL + 1], revoked_serial[2 * LIMIT_SERIAL + 1];
static struct msg_revoke revoked;
static char revoked_by[64], revoked_from[64], revoked_sig[32];
static uint8_t revoked_spki[LIMIT_P256_SPKI];

static void
on_list(struct call *call)
{
	struct msg_cert_row row = found;

	asked(call, &ledger, MSG_CERT_LIST, &msg_cert_list_table, &listed);
	keep(listed.environment, listed_environment, sizeof(listed_environment));
	keep(listed.identity, listed_identity, sizeof(listed_identity));
	list_count++;
	answer(call, &msg_cert_row_table, &row, true);
	answer(call, &msg_cert_row_table, &row, true);
	answer_end(call, listed.before_seq == 0 ? 0x1122334455667788 : 0);
}

static void
on_revoke(struct call *call)
{
	struct msg_cert_row row = found;

	asked(call, &ledger, MSG_REVOKE, &msg_revoke_table, &revoked);
	keep(revoked.actor, revoked_by, sizeof(revoked_by));
	keep(revoked.from, revoked_from, sizeof(revoked_from));
	keep(revoked.approval_sig, revoked_sig, sizeof(revoked_sig));
	base_enc_hex(revoked.serial.ptr, revoked.serial.len, revoked_serial);
	base_copy(revoked_spki, revoked.approver_spki.ptr, revoked.approver_spki.len);
	if (revoke_count++ > 0) {
		row = (struct msg_cert_row){
		    .status = MC_ECONFLICT, .detail = base_span_str("revoked before")};
	} else {
		row.state = MSG_STATE_REVOKED;
		row.reason = revoked.reason;
		row.revoked_at = 1700000001;
	}
	answer(call, &msg_cert_row_table, &row, false);
}

static void
on_call(struct call *call)
{
	struct msg_cert_get ask;

	if (call->type == MSG_CERT_LIST) {
		on_list(call);
	} else if (call->type == MSG_REVOKE) {
		on_revoke(call);
	} else {
		asked(call, &ledger, MSG_CERT_GET, &msg_cert_get_table, &ask);
		base_enc_hex(ask.serial.ptr, ask.serial.len, got_serial);
		get_count++;
		answer(call, &msg_cert_row_table, &found, false);
	}
}

static void
set_up(enum msg_user_role role)
{
	found = (struct msg_cert_row){.seq = 9,
	    .profile = MSG_PROFILE_SVID,
	    .state = MSG_STATE_SIGNED,
	    .serial = base_span_of(serial, sizeof(serial)),
	    .environment = base_span_str("production"),
	    .identity = base_span_str("spiffe://cluster.local/ns/a/sa/b"),
	    .evidence = base_span_str("{\"iss\":\"x\"}"),
	    .recorded_at = 1700000000,
	    .not_before_at = 1700000000,
	    .not_after_at = 1700086400};
	list_count = get_count = revoke_count = 0;
	listed = (struct msg_cert_list){0};
	begin(role, on_call);
}

/* --- list --- */

START_TEST(pages_lead_to_each_other)
{
	struct reply reply;
	char path[128];

	set_up(MSG_USER_VIEWER);
	reply = get("/v1/certificates?limit=2");
	ck_assert_int_eq(reply.status, 200);
	ck_assert_uint_eq(json_array_size(json_object_get(reply.json, "certificates")), 2);
	ck_assert_uint_eq(listed.before_seq, 0);
	ck_assert_uint_eq(listed.limit, 2);
	snprintf(path, sizeof(path), "/v1/certificates?cursor=%s", member(&reply, "next"));
	drop(&reply);
	reply = get(path);
	ck_assert_int_eq(reply.status, 200);
	ck_assert_uint_eq(listed.before_seq, 0x1122334455667788);
	ck_assert_uint_eq(listed.limit, LIMIT_PAGE_DEFAULT);
	ck_assert(json_is_null(json_object_get(reply.json, "next")));
	drop(&reply);
	end();
}
END_TEST

START_TEST(without_filters_everything_is_asked_for)
{
	set_up(MSG_USER_VIEWER);
	expect_status(get("/v1/certificates"), 200);
	ck_assert_str_eq(listed_environment, "");
	ck_assert_str_eq(listed_identity, "");
	ck_assert_uint_eq(listed.profile, 0);
	ck_assert_uint_eq(listed.state, 0);
	ck_assert_int_eq(listed.expires_before_at, 0);
	end();
}
END_TEST

START_TEST(each_filter_reaches_the_ledger)
{
	set_up(MSG_USER_VIEWER);
	expect_status(get("/v1/certificates?environment=production&state=revoked&profile=server&limit=2"
			  "&identity=spiffe%3A%2F%2Fcluster.local%2Fns%2Fa%2Fsa%2Fb"
			  "&expires_before=2030-01-01T00:00:00Z&cursor=CAcGBQQDAgE"), 200);
	ck_assert_str_eq(listed_environment, "production");
	ck_assert_str_eq(listed_identity, "spiffe://cluster.local/ns/a/sa/b");
	ck_assert_uint_eq(listed.profile, MSG_PROFILE_SERVER);
	ck_assert_uint_eq(listed.state, MSG_STATE_REVOKED);
	ck_assert_int_eq(listed.expires_before_at, 1893456000);
	ck_assert_uint_eq(listed.before_seq, 0x0102030405060708);
	ck_assert_uint_eq(listed.limit, 2);
	/* 0 would mean any time */
	expect_status(get("/v1/certificates?expires_before=1970-01-01T00:00:00Z"), 200);
	ck_assert_int_eq(listed.expires_before_at, 1);
	end();
}
END_TEST

START_TEST(a_filter_that_is_none_is_not_left_out)
{
	static const char *const bad[] = {"environment=", "environment=Production", "environment=a.b",
	    "environment=a%20b", "identity=", "identity=%C3%A4", "profile=", "profile=SVID",
	    "profile=invalid", "state=", "state=dead", "state=invalid", "expires_before=",
	    "expires_before=2026-02-30T00:00:00Z", "expires_before=1700000000", "limit=", "cursor=",
	    "profile=dead&state=signed", "state=dead&profile=svid",
	    "identity=%C3%A4&profile=svid&state=signed"};
	char path[128];

	set_up(MSG_USER_VIEWER);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct reply reply;

		snprintf(path, sizeof(path), "/v1/certificates?%s", bad[i]);
		reply = get(path);
		ck_assert_msg(reply.status == 400, "%s: %d", bad[i], reply.status);
		expect_problem(reply, 400, "usage");
	}
	ck_assert_uint_eq(list_count, 0);
	end();
}
END_TEST

/* --- get --- */

START_TEST(serial_numbers_are_whole_bytes_of_hex)
{
	static const char *const bad[] = {"0", "0b0", "0x0b", "0b:ad", "zz",
	    "0102030405060708090a0b0c0d0e0f101112131415"};
	char path[128];

	set_up(MSG_USER_VIEWER);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		snprintf(path, sizeof(path), "/v1/certificates/%s", bad[i]);
		expect_problem(get(path), 400, "usage");
	}
	ck_assert_uint_eq(get_count, 0);
	expect_status(get("/v1/certificates/0102030405060708090A0b0c0d0e0f1011121314"), 200);
	ck_assert_str_eq(got_serial, "0102030405060708090a0b0c0d0e0f1011121314");
	end();
}
END_TEST

START_TEST(a_certificate_has_three_forms)
{
	struct reply reply;
	struct base_buf pem;

	set_up(MSG_USER_VIEWER);
	found.cert = base_span_of(cert_der, sizeof(cert_der));
	base_buf_init(&pem, 1024);
	base_enc_pem(&pem, "CERTIFICATE", found.cert);
	reply = get("/v1/certificates/0BADC0FFEE");
	ck_assert_int_eq(reply.status, 200);
	ck_assert_str_eq(got_serial, text_serial);
	ck_assert_str_eq(member(&reply, "serial"), text_serial);
	ck_assert_str_eq(member(&reply, "state"), "signed");
	ck_assert_uint_eq(strlen(member(&reply, "certificate")), pem.len);
	drop(&reply);
	reply = request("GET", "/v1/certificates/0badc0ffee", "Accept: application/x-pem-file\r\n", NULL);
	ck_assert(has_header(&reply, "Content-Type: application/x-pem-file"));
	ck_assert_uint_eq(reply.body_len, pem.len);
	ck_assert_mem_eq(reply.body, pem.ptr, pem.len);
	drop(&reply);
	reply = request("GET", "/v1/certificates/0badc0ffee", "Accept: application/pkix-cert\r\n", NULL);
	ck_assert(has_header(&reply, "Content-Type: application/pkix-cert"));
	ck_assert_uint_eq(reply.body_len, sizeof(cert_der));
	ck_assert_mem_eq(reply.body, cert_der, sizeof(cert_der));
	drop(&reply);
	base_buf_clear(&pem);
	end();
}
END_TEST

START_TEST(an_intent_without_a_signature_is_shown_as_json_only)
{
	set_up(MSG_USER_VIEWER);
	found.state = MSG_STATE_UNCONFIRMED;
	expect_status(get("/v1/certificates/0badc0ffee"), 200);
	expect_problem(request("GET", "/v1/certificates/0badc0ffee",
			   "Accept: application/x-pem-file\r\n", NULL), 409, "conflict");
	expect_problem(request("GET", "/v1/certificates/0badc0ffee",
			   "Accept: application/pkix-cert\r\n", NULL), 409, "conflict");
	end();
}
END_TEST

START_TEST(what_the_ledger_has_not_is_not_found)
{
	set_up(MSG_USER_ADMIN);
	found = (struct msg_cert_row){.status = MC_ENOTFOUND};
	expect_problem(get("/v1/certificates/0badc0ffee"), 404, "not-found");
	expect_problem(request("POST", "/v1/certificates/0badc0ffee/revoke", "",
			   "{\"reason\":\"superseded\"}"), 404, "not-found");
	ck_assert_uint_eq(revoke_count, 0);
	end();
}
END_TEST

/* --- revoke --- */

START_TEST(revocation_says_who_and_from_where)
{
	struct reply reply;

	set_up(MSG_USER_OPERATOR);
	reply = request("POST", "/v1/certificates/0BADC0FFEE/revoke",
	    "X-Forwarded-For: 198.51.100.9\r\nFrom: mallory\r\n", "{\"reason\":\"keyCompromise\"}");
	ck_assert_int_eq(reply.status, 200);
	ck_assert_str_eq(member(&reply, "state"), "revoked");
	ck_assert_str_eq(member(&reply, "reason"), "keyCompromise");
	ck_assert_str_eq(member(&reply, "serial"), text_serial);
	ck_assert_str_eq(got_serial, text_serial);
	ck_assert_str_eq(revoked_serial, text_serial);
	ck_assert_int_eq(revoked.reason, MSG_REASON_KEY_COMPROMISE);
	ck_assert_str_eq(revoked_by, "alice");
	ck_assert_str_eq(revoked_from, "192.0.2.7:1234");
	ck_assert_str_eq(revoked_sig, "");
	ck_assert_uint_eq(revoked.approver_spki.len, 0);
	drop(&reply);
	expect_problem_says(request("POST", "/v1/certificates/0badc0ffee/revoke", "",
				"{\"reason\":\"unspecified\"}"), 409, "conflict", "revoked before");
	end();
}
END_TEST

START_TEST(revocation_carries_the_id_that_the_answer_names)
{
	char id[33];
	struct reply reply;

	set_up(MSG_USER_OPERATOR);
	reply = request("POST", "/v1/certificates/0badc0ffee/revoke", "", "{\"reason\":\"superseded\"}");
	base_enc_hex(revoked.request_id, sizeof(revoked.request_id), id);
	ck_assert_ptr_nonnull(strstr(reply.head, id));
	expect_status(reply, 200);
	end();
}
END_TEST

START_TEST(bodies_are_read_strictly)
{
	static const char *const bad[] = {"", "[]", "{", "{\"reason\":1}", "{}", "null",
	    "{\"reason\":\"superseded\",\"x\":1}",
	    "{\"reason\":\"superseded\",\"actor\":\"mallory\"}",
	    "{\"reason\":\"superseded\",\"reason\":\"superseded\"}",
	    "{\"reason\":\"certificateHold\"}", "{\"reason\":\"removeFromCRL\"}",
	    "{\"reason\":\"Superseded\"}", "{\"reason\":\"\xff\"}",
	    "{\"reason\":\"superseded\"} {}", "{\"reason\":\"superseded\",\"approval\":\"x\"}",
	    "{\"reason\":\"superseded\",\"approval\":null}",
	    "{\"reason\":\"superseded\",\"approval\":{\"expires_at\":\"2026-11-23T20:41:00Z\"}}",
	    "{\"reason\":\"superseded\",\"approval\":{\"expires_at\":\"tomorrow\",\"signature\":\"c2ln\"}}"};

	set_up(MSG_USER_ADMIN);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		expect_problem(request("POST", "/v1/certificates/0badc0ffee/revoke", "", bad[i]), 400,
		    "usage");
	}
	expect_problem(request("POST", "/v1/certificates/0b0/revoke", "", "{\"reason\":\"superseded\"}"),
	    400, "usage");
	ck_assert_uint_eq(get_count, 0);
	ck_assert_uint_eq(revoke_count, 0);
	end();
}
END_TEST

START_TEST(only_an_admin_revokes_authorities_and_people)
{
	static const struct {
		uint8_t profile;
		const char *environment;
		bool operator_may;
	} rows[] = {{MSG_PROFILE_SVID, "production", true}, {MSG_PROFILE_SERVER, "production", true},
	    {MSG_PROFILE_CLIENT, CONFIG_OPERATORS, false}, {MSG_PROFILE_CLIENT, "production", false},
	    {MSG_PROFILE_ISSUING, "production", false}, {MSG_PROFILE_ENVIRONMENT, "production", false},
	    {MSG_PROFILE_LINEAGE, "production", false}, {MSG_PROFILE_ROOT, "production", false},
	    {MSG_PROFILE_SERVER, CONFIG_OPERATORS, false}, {MSG_PROFILE_SVID, CONFIG_OPERATORS, false}};

	set_up(MSG_USER_OPERATOR);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		found.profile = rows[i].profile;
		found.environment = base_span_str(rows[i].environment);
		for (int admin = 0; admin < 2; admin++) {
			struct reply reply;

			caller_role = admin != 0 ? MSG_USER_ADMIN : MSG_USER_OPERATOR;
			revoke_count = 0;
			reply = request("POST", "/v1/certificates/0badc0ffee/revoke", "",
			    "{\"reason\":\"superseded\"}");
			if (admin != 0 || rows[i].operator_may) {
				expect_status(reply, 200);
				ck_assert_uint_eq(revoke_count, 1);
			} else {
				expect_problem(reply, 403, "denied");
				ck_assert_uint_eq(revoke_count, 0);
			}
		}
	}
	end();
}
END_TEST

START_TEST(an_approval_goes_along_under_the_callers_key)
{
	static const char body[] = "{\"reason\":\"superseded\",\"approval\":{\"expires_at\":"
				   "\"2026-11-23T20:41:00Z\",\"signature\":\"c2lnbmVk\"}}";
	struct make_ca *admin = make_ca("P-256", "operators", 2000000000);
	struct make_ca *other = make_ca("P-384", "operators", 2000000000);
	uint8_t spki[LIMIT_P256_SPKI], sha256[32];
	uint8_t *to = spki;

	set_up(MSG_USER_ADMIN);
	ck_assert_int_eq(i2d_PUBKEY(admin->key, &to), LIMIT_P256_SPKI);
	base_crypto_sha256(make_ca_der(admin), sha256);
	found.profile = MSG_PROFILE_ISSUING;
	peer.cert = make_ca_der(admin);
	expect_status(request("POST", "/v1/certificates/0badc0ffee/revoke", "", body), 200);
	ck_assert_str_eq(revoked_sig, "signed");
	ck_assert_int_eq(revoked.approval_expires_at, 1795466460);
	ck_assert_mem_eq(revoked_spki, spki, sizeof(spki));
	ck_assert_mem_eq(revoked.approver_sha256, sha256, 32);
	peer.cert = make_ca_der(other);
	expect_problem(request("POST", "/v1/certificates/0badc0ffee/revoke", "", body), 403, "approval");
	ck_assert_uint_eq(revoke_count, 1);
	end();
	make_ca_free(other);
	make_ca_free(admin);
}
END_TEST

CHECK_MAIN("api_rest_certificates", pages_lead_to_each_other,
    without_filters_everything_is_asked_for, each_filter_reaches_the_ledger,
    a_filter_that_is_none_is_not_left_out, serial_numbers_are_whole_bytes_of_hex,
    a_certificate_has_three_forms, an_intent_without_a_signature_is_shown_as_json_only,
    what_the_ledger_has_not_is_not_found, revocation_says_who_and_from_where,
    revocation_carries_the_id_that_the_answer_names, bodies_are_read_strictly,
    only_an_admin_revokes_authorities_and_people, an_approval_goes_along_under_the_callers_key)
