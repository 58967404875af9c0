/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/rest_fixture.h"

#define APPROVAL "\"approval\":{\"expires_at\":\"2026-11-23T20:41:00Z\",\"signature\":\"c2lnbmVk\"}"
#define EXPIRY_AT 1795466460

static const uint8_t serial[] = {0x0b, 0xad};
static struct msg_issue_ans to_answer;
static enum mc_err remove_status;
static unsigned act_count;
/* what the last messages said */
static struct msg_user_issue added;
static char added_name[LIMIT_USER_NAME + 1], added_by[64], added_from[64], added_sig[32];
static uint8_t added_key[65], added_cert[2048];
static struct msg_user_remove removed;
static char removed_name[LIMIT_USER_NAME + 1], removed_from[64], removed_sig[32];
static uint8_t removed_spki[LIMIT_P256_SPKI];

static struct make_ca *admin;
static struct make make;
static char *pem; /* a request with make's key */

static void
on_add(struct call *call)
{
	asked(call, &signer_of_people, MSG_USER_ISSUE, &msg_user_issue_table, &added);
	keep(added.name, added_name, sizeof(added_name));
	keep(added.actor, added_by, sizeof(added_by));
	keep(added.from, added_from, sizeof(added_from));
	keep(added.approval_sig, added_sig, sizeof(added_sig));
	ck_assert_uint_eq(added.key.len, sizeof(added_key));
	base_copy(added_key, added.key.ptr, added.key.len);
	ck_assert_uint_le(added.approver_cert.len, sizeof(added_cert));
	base_copy(added_cert, added.approver_cert.ptr, added.approver_cert.len);
	answer(call, &msg_issue_ans_table, &to_answer, false);
}

static void
on_call(struct call *call)
{
	if (call->type == MSG_USER_LIST) {
		const struct msg_user_row bob = {.name = base_span_str("bob"),
		    .role = MSG_USER_OPERATOR,
		    .serial = base_span_of(serial, sizeof(serial)),
		    .added_at = 1700000000,
		    .added_by = base_span_str("alice")};

		ck_assert_ptr_eq(call->link, &ledger);
		answer(call, &msg_user_row_table, &bob, true);
		answer_end(call, 0);
		return;
	}
	act_count++;
	if (call->type == MSG_USER_ISSUE) {
		on_add(call);
		return;
	}
	asked(call, &ledger, MSG_USER_REMOVE, &msg_user_remove_table, &removed);
	keep(removed.name, removed_name, sizeof(removed_name));
	keep(removed.from, removed_from, sizeof(removed_from));
	keep(removed.approval_sig, removed_sig, sizeof(removed_sig));
	ck_assert_uint_eq(removed.approver_spki.len, sizeof(removed_spki));
	base_copy(removed_spki, removed.approver_spki.ptr, removed.approver_spki.len);
	answer(call, &msg_status_ans_table, &(struct msg_status_ans){.status = remove_status}, false);
}

static void
set_up(void)
{
	static const uint8_t der[] = {0x30, 0x00};

	admin = make_ca("P-256", "operators", 2000000000);
	make = (struct make){.key = make_key("P-256")};
	pem = csr_pem(&make);
	to_answer = (struct msg_issue_ans){.serial = base_span_of(serial, sizeof(serial)),
	    .not_before_at = 1700000000,
	    .not_after_at = 1700086400,
	    .cert = base_span_of(der, sizeof(der)),
	    .issuer = base_span_of(der, sizeof(der))};
	remove_status = MC_OK;
	act_count = 0;
	begin(MSG_USER_ADMIN, on_call);
	peer.cert = make_ca_der(admin);
}

static void
tear_down(void)
{
	end();
	free(pem);
	EVP_PKEY_free(make.key);
	make_ca_free(admin);
}

/* Posts a new user; more: further members, after a comma, or "". */
static struct reply
add(const char *name, const char *role, const char *csr, const char *more)
{
	json_t *text = json_string(csr);
	char *quoted = json_dumps(text, JSON_ENCODE_ANY);
	char *body = base_xasprintf("{\"name\":\"%s\",\"role\":\"%s\",\"csr\":%s%s}", name, role,
	    quoted, more);
	struct reply reply = request("POST", "/v1/users", "From: mallory\r\n", body);

	free(body);
	free(quoted);
	json_decref(text);
	return reply;
}

START_TEST(people_are_listed)
{
	struct reply reply;
	const json_t *users;

	set_up();
	caller_role = MSG_USER_VIEWER;
	reply = get("/v1/users");
	ck_assert_int_eq(reply.status, 200);
	users = json_object_get(reply.json, "users");
	ck_assert_uint_eq(json_array_size(users), 1);
	ck_assert_str_eq(json_string_value(json_object_get(json_array_get(users, 0), "name")), "bob");
	ck_assert_str_eq(json_string_value(json_object_get(json_array_get(users, 0), "role")),
	    "operator");
	drop(&reply);
	tear_down();
}
END_TEST

START_TEST(a_user_is_added_by_the_operators_signer_on_the_callers_approval)
{
	static const char *const roles[] = {"viewer", "operator", "admin"};
	struct make_public pub;
	struct reply reply;
	char id[33];

	set_up();
	pub = make_public(make.key);
	for (unsigned i = 0; i < 3; i++) {
		reply = add("bob", roles[i], pem, "," APPROVAL);
		ck_assert_msg(reply.status == 201, "%s", reply.body);
		ck_assert_str_eq(member(&reply, "name"), "bob");
		ck_assert_str_eq(member(&reply, "role"), roles[i]);
		ck_assert_str_eq(member(&reply, "serial"), "0bad");
		ck_assert_uint_eq(json_array_size(json_object_get(reply.json, "chain")), 2);
		ck_assert_int_eq(added.role, MSG_USER_VIEWER + i);
		base_enc_hex(added.request_id, sizeof(added.request_id), id);
		ck_assert_ptr_nonnull(strstr(reply.head, id));
		drop(&reply);
	}
	ck_assert_str_eq(added_name, "bob");
	ck_assert_str_eq(added_by, "alice");
	ck_assert_str_eq(added_from, "192.0.2.7:1234");
	ck_assert_str_eq(added_sig, "signed");
	ck_assert_int_eq(added.approval_expires_at, EXPIRY_AT);
	ck_assert_int_eq(added.key_alg, MSG_KEY_P256);
	ck_assert_mem_eq(added_key, pub.key.ptr, sizeof(added_key));
	ck_assert_uint_eq(added.approver_cert.len, make_ca_der(admin).len);
	ck_assert_mem_eq(added_cert, make_ca_der(admin).ptr, make_ca_der(admin).len);
	make_public_free(&pub);
	tear_down();
}
END_TEST

START_TEST(who_asked_is_not_for_the_request_to_say)
{
	set_up();
	expect_problem_says(add("bob", "viewer", pem, ",\"actor\":\"mallory\"," APPROVAL), 400, "usage",
	    "\"actor\" is not known");
	expect_problem_says(add("bob", "viewer", pem, ",\"role\":\"admin\"," APPROVAL), 400, "usage",
	    "given twice");
	ck_assert_uint_eq(act_count, 0);
	tear_down();
}
END_TEST

START_TEST(nobody_is_added_without_an_approval)
{
	set_up();
	expect_problem(add("bob", "viewer", pem, ""), 400, "usage");
	expect_problem(add("bob", "viewer", pem, ",\"approval\":null"), 400, "usage");
	ck_assert_uint_eq(act_count, 0);
	tear_down();
}
END_TEST

START_TEST(roles_are_the_three)
{
	static const char *const bad[] = {"", "Admin", "root", "invalid"};

	set_up();
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		expect_problem(add("bob", bad[i], pem, "," APPROVAL), 400, "usage");
	}
	ck_assert_uint_eq(act_count, 0);
	tear_down();
}
END_TEST

START_TEST(names_are_narrow)
{
	static const struct {
		const char *name;
		int status;
	} rows[] = {{"a", 201}, {"0", 201}, {"a.b_c-d9", 201}, {"a-", 201}, {"", 400}, {"A", 400},
	    {".a", 400}, {"_a", 400}, {"-a", 400}, {"a b", 400}, {"a/b", 400}, {"a{", 400},
	    {"a:", 400}, {"\xc3\xa4", 400}, {"a\\n", 400}};
	char name[LIMIT_USER_NAME + 2];

	set_up();
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct reply reply = add(rows[i].name, "viewer", pem, "," APPROVAL);

		ck_assert_msg(reply.status == rows[i].status, "%s: %d", rows[i].name, reply.status);
		drop(&reply);
	}
	memset(name, 'a', sizeof(name));
	name[LIMIT_USER_NAME + 1] = '\0';
	expect_problem(add(name, "viewer", pem, "," APPROVAL), 400, "usage");
	name[LIMIT_USER_NAME] = '\0';
	expect_status(add(name, "viewer", pem, "," APPROVAL), 201);
	ck_assert_str_eq(added_name, name);
	tear_down();
}
END_TEST

START_TEST(the_csr_is_checked_before_the_signer_is_asked)
{
	struct make other;
	char *text;

	set_up();
	other = make;
	other.wrong_signature = true;
	text = csr_pem(&other);
	expect_problem(add("bob", "viewer", text, "," APPROVAL), 400, "csr-signature");
	free(text);
	expect_problem(add("bob", "viewer", "x", "," APPROVAL), 400, "csr-pem");
	operators.leaf_p256 = false;
	expect_problem(add("bob", "viewer", pem, "," APPROVAL), 422, "csr-key-type");
	ck_assert_uint_eq(act_count, 0);
	tear_down();
}
END_TEST

START_TEST(the_signers_refusal_is_the_answer)
{
	set_up();
	to_answer = (struct msg_issue_ans){.status = MC_EAPPROVAL, .detail = base_span_str("too late")};
	expect_problem_says(add("bob", "viewer", pem, "," APPROVAL), 403, "approval", "too late");
	tear_down();
}
END_TEST

START_TEST(a_removal_goes_to_the_ledger_under_the_callers_key)
{
	uint8_t spki[LIMIT_P256_SPKI], sha256[32];
	uint8_t *to = spki;
	struct reply reply;
	char id[33];

	set_up();
	ck_assert_int_eq(i2d_PUBKEY(admin->key, &to), LIMIT_P256_SPKI);
	base_crypto_sha256(make_ca_der(admin), sha256);
	reply = request("POST", "/v1/users/bob/remove", "From: mallory\r\n", "{" APPROVAL "}");
	ck_assert_int_eq(reply.status, 204);
	ck_assert_uint_eq(reply.body_len, 0);
	base_enc_hex(removed.request_id, sizeof(removed.request_id), id);
	ck_assert_ptr_nonnull(strstr(reply.head, id));
	drop(&reply);
	ck_assert_str_eq(removed_name, "bob");
	ck_assert_str_eq(removed_from, "192.0.2.7:1234");
	ck_assert_str_eq(removed_sig, "signed");
	ck_assert_int_eq(removed.approval_expires_at, EXPIRY_AT);
	ck_assert_mem_eq(removed_spki, spki, sizeof(spki));
	ck_assert_mem_eq(removed.approver_sha256, sha256, 32);
	ck_assert_uint_eq(act_count, 1);
	tear_down();
}
END_TEST

START_TEST(a_removal_that_cannot_be_is_refused)
{
	static const char *const bad[] = {"", "{}", "[]", "{\"approval\":{}}",
	    "{\"name\":\"bob\"," APPROVAL "}", "{" APPROVAL "," APPROVAL "}"};
	struct make_ca *other = make_ca("P-384", "operators", 2000000000);
	char *path = base_xasprintf("/v1/users/%0*d/remove", LIMIT_USER_NAME + 1, 1);

	set_up();
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		expect_problem(request("POST", "/v1/users/bob/remove", "", bad[i]), 400, "usage");
	}
	expect_problem(request("POST", "/v1/users/Bob/remove", "", "{" APPROVAL "}"), 404, "not-found");
	expect_problem(request("POST", path, "", "{" APPROVAL "}"), 404, "not-found");
	peer.cert = make_ca_der(other);
	expect_problem(request("POST", "/v1/users/bob/remove", "", "{" APPROVAL "}"), 403, "approval");
	ck_assert_uint_eq(act_count, 0);
	peer.cert = make_ca_der(admin);
	remove_status = MC_ECONFLICT; /* the last admin */
	expect_problem(request("POST", "/v1/users/bob/remove", "", "{" APPROVAL "}"), 409, "conflict");
	tear_down();
	free(path);
	make_ca_free(other);
}
END_TEST

CHECK_MAIN("api_rest_users", people_are_listed,
    a_user_is_added_by_the_operators_signer_on_the_callers_approval,
    who_asked_is_not_for_the_request_to_say, nobody_is_added_without_an_approval,
    roles_are_the_three, names_are_narrow, the_csr_is_checked_before_the_signer_is_asked,
    the_signers_refusal_is_the_answer, a_removal_goes_to_the_ledger_under_the_callers_key,
    a_removal_that_cannot_be_is_refused)
