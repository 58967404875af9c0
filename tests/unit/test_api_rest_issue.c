/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/rest_fixture.h"

#define TTL_MAX_S 315360000 /* ten years, says the refusal */

static const char path[] = "/v1/environments/production/certificates";
static const uint8_t serial[] = {0x0b, 0xad, 0xc0, 0xff, 0xee};

static unsigned issue_count;
static struct msg_issue_ans to_answer;
/* what the last message said */
static struct msg_issue issued;
static char issued_ns[64], issued_sa[64], issued_requester[65], issued_evidence[LIMIT_EVIDENCE + 1];
static char issued_dns[LIMIT_DNS_NAMES * (LIMIT_DNS_NAME + 1) + 1];
static uint8_t issued_key[65];

static void
on_call(struct call *call)
{
	asked(call, &signer, MSG_ISSUE, &msg_issue_table, &issued);
	keep(issued.ns, issued_ns, sizeof(issued_ns));
	keep(issued.sa, issued_sa, sizeof(issued_sa));
	keep(issued.requester, issued_requester, sizeof(issued_requester));
	keep(issued.evidence, issued_evidence, sizeof(issued_evidence));
	keep(issued.dns_names, issued_dns, sizeof(issued_dns));
	ck_assert_uint_eq(issued.key.len, sizeof(issued_key));
	base_copy(issued_key, issued.key.ptr, issued.key.len);
	issue_count++;
	answer(call, &msg_issue_ans_table, &to_answer, false);
}

static void
set_up(enum msg_user_role role)
{
	static const uint8_t der[] = {0x30, 0x00};

	to_answer = (struct msg_issue_ans){.serial = base_span_of(serial, sizeof(serial)),
	    .not_before_at = 1700000000,
	    .not_after_at = 1700086400,
	    .cert = base_span_of(der, sizeof(der)),
	    .issuer = base_span_of(der, sizeof(der))};
	issue_count = 0;
	begin(role, on_call);
}

/* The example with a member set (json NULL: without it). The caller's to free. */
static char *
body_with(const char *name, json_t *json)
{
	char *text = example_body();
	json_t *body = json_loads(text, 0, NULL);

	free(text);
	if (json == NULL) {
		(void)json_object_del(body, name);
	} else {
		(void)json_object_set_new(body, name, json);
	}
	text = json_dumps(body, 0);
	json_decref(body);
	return text;
}

START_TEST(issues_what_the_csr_proves)
{
	char *body = example_body();
	struct reply reply;
	char id[33];

	set_up(MSG_USER_OPERATOR);
	reply = request("POST", path, "", body);
	ck_assert_msg(reply.status == 201, "%s", reply.body);
	ck_assert_str_eq(member(&reply, "serial"), "0badc0ffee");
	ck_assert_str_eq(member(&reply, "environment"), "production");
	ck_assert_str_eq(member(&reply, "profile"), "svid");
	ck_assert_str_eq(member(&reply, "not_after"), "2023-11-15T22:13:20Z");
	ck_assert(json_is_false(json_object_get(reply.json, "duplicate")));
	ck_assert_str_eq(member(&reply, "identity"),
	    "spiffe://cluster.local/ns/ecotrack/sa/order-service");
	ck_assert(has_header(&reply, "Location: /v1/certificates/0badc0ffee"));
	ck_assert_uint_eq(json_array_size(json_object_get(reply.json, "chain")), 2);
	ck_assert_str_eq(issued_ns, "ecotrack");
	ck_assert_str_eq(issued_sa, "order-service");
	ck_assert_str_eq(issued_dns, "");
	ck_assert_int_eq(issued.profile, MSG_PROFILE_SVID);
	ck_assert_int_eq(issued.confirm, 1);
	ck_assert_int_eq(issued.ttl_s, 3600);
	ck_assert_int_eq(issued.key_alg, MSG_KEY_P256);
	ck_assert_int_eq(issued.has_dedup, 0);
	base_enc_hex(issued.request_id, sizeof(issued.request_id), id);
	ck_assert_ptr_nonnull(strstr(reply.head, id));
	drop(&reply);
	end();
	free(body);
}
END_TEST

START_TEST(the_caller_is_who_asked_whatever_the_request_says)
{
	char *forged = body_with("requester", json_string("mallory"));
	char *body = example_body();

	set_up(MSG_USER_ADMIN);
	expect_problem(request("POST", path, "", forged), 400, "usage");
	ck_assert_uint_eq(issue_count, 0);
	expect_status(request("POST", path, "From: mallory\r\nX-Forwarded-For: 198.51.100.9\r\n", body),
	    201);
	ck_assert_str_eq(issued_requester, "alice");
	ck_assert_str_eq(issued_evidence, "{\"certificate_sha256\":\""
	    "a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1\","
	    "\"role\":\"admin\",\"from\":\"192.0.2.7:1234\"}");
	end();
	free(forged);
	free(body);
}
END_TEST

START_TEST(a_repeat_is_told_by_key_caller_environment_and_body)
{
	static char name_staging[] = "staging";
	struct config_environment staging;
	struct front_env three[3];
	char *body = example_body();
	char *other = base_xasprintf("%s ", body);
	struct msg_issue first;

	set_up(MSG_USER_OPERATOR);
	staging = production;
	staging.name = name_staging;
	three[0] = envs[0];
	three[1] = envs[1];
	three[2] = (struct front_env){.config = &staging, .signer = &signer};
	front.envs = three;
	front.env_count = 3;
	expect_status(request("POST", path, "Idempotency-Key: k1\r\n", body), 201);
	first = issued;
	ck_assert_int_eq(first.has_dedup, 1);

	to_answer.duplicate = 1;
	expect_status(request("POST", path, "Idempotency-Key: k1\r\n", body), 200);
	ck_assert_mem_eq(first.dedup_key, issued.dedup_key, 32);
	ck_assert_mem_eq(first.dedup_body, issued.dedup_body, 32);

	expect_status(request("POST", path, "Idempotency-Key: k1\r\n", other), 200);
	ck_assert_mem_eq(first.dedup_key, issued.dedup_key, 32);
	ck_assert_mem_ne(first.dedup_body, issued.dedup_body, 32);

	expect_status(request("POST", "/v1/environments/staging/certificates",
			  "Idempotency-Key: k1\r\n", body), 200);
	ck_assert_mem_eq(first.dedup_key, issued.dedup_key, 32);
	ck_assert_mem_ne(first.dedup_body, issued.dedup_body, 32);

	expect_status(request("POST", path, "Idempotency-Key: k2\r\n", body), 200);
	ck_assert_mem_ne(first.dedup_key, issued.dedup_key, 32);
	caller_name = "alicek"; /* where name and key meet is part of it */
	expect_status(request("POST", path, "Idempotency-Key: 1\r\n", body), 200);
	ck_assert_mem_ne(first.dedup_key, issued.dedup_key, 32);
	caller_name = "bob";
	expect_status(request("POST", path, "Idempotency-Key: k1\r\n", body), 200);
	ck_assert_mem_ne(first.dedup_key, issued.dedup_key, 32);
	end();
	free(other);
	free(body);
}
END_TEST

START_TEST(the_same_key_with_another_body_is_a_conflict)
{
	char *body = example_body();

	set_up(MSG_USER_OPERATOR);
	to_answer = (struct msg_issue_ans){
	    .status = MC_EIDEMPOTENCY, .detail = base_span_str("it came with another body")};
	expect_problem_says(request("POST", path, "Idempotency-Key: k1\r\n", body), 409, "idempotency",
	    "it came with another body");
	end();
	free(body);
}
END_TEST

START_TEST(an_idempotency_key_has_1_to_255_visible_bytes)
{
	static const char *const bad[] = {"", "a b", "\xc3\xa4", "a\x7f"};
	char *body = example_body();
	char line[320];

	set_up(MSG_USER_OPERATOR);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		snprintf(line, sizeof(line), "Idempotency-Key: %s\r\n", bad[i]);
		expect_problem(request("POST", path, line, body), 400, "usage");
	}
	snprintf(line, sizeof(line), "Idempotency-Key: %0256d\r\n", 1);
	expect_problem(request("POST", path, line, body), 400, "usage");
	ck_assert_uint_eq(issue_count, 0);
	snprintf(line, sizeof(line), "Idempotency-Key: %0255d\r\n", 1);
	expect_status(request("POST", path, line, body), 201);
	expect_status(request("POST", path, "Idempotency-Key: !~\r\n", body), 201);
	end();
	free(body);
}
END_TEST

START_TEST(a_lifetime_is_from_one_second_to_ten_years)
{
	static const struct {
		json_int_t ttl_s;
		int status;
	} rows[] = {{1, 201}, {TTL_MAX_S, 201}, {0, 400}, {-1, 400}, {TTL_MAX_S + 1, 400}};
	char *body;

	set_up(MSG_USER_OPERATOR);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		body = body_with("ttl_seconds", json_integer(rows[i].ttl_s));
		expect_status(request("POST", path, "", body), rows[i].status);
		if (rows[i].status == 201) {
			ck_assert_int_eq(issued.ttl_s, rows[i].ttl_s);
		}
		free(body);
	}
	body = body_with("ttl_seconds", NULL); /* the profile's own */
	expect_status(request("POST", path, "", body), 201);
	ck_assert_int_eq(issued.ttl_s, 0);
	free(body);
	end();
}
END_TEST

START_TEST(refuses_before_the_signer_is_asked)
{
	char *body = example_body();
	char *other = base_xstrdup(body);

	set_up(MSG_USER_OPERATOR);
	expect_problem(request("POST", "/v1/environments/operators/certificates", "", body), 404,
	    "not-found");
	expect_problem(request("POST", "/v1/environments/nowhere/certificates", "", body), 404,
	    "not-found");
	*strstr(other, "order-service") = 'b'; /* not the CSR's identity */
	expect_problem(request("POST", path, "", other), 422, "csr-san");
	production.leaf_p256 = false;
	expect_problem(request("POST", path, "", body), 422, "csr-key-type");
	ck_assert_uint_eq(issue_count, 0);
	end();
	free(other);
	free(body);
}
END_TEST

START_TEST(members_must_fit_the_profile)
{
	static const char *const bad[] = {
	    "{\"csr\":\"x\",\"namespace\":\"a\",\"service_account\":\"b\"}",
	    "{\"profile\":\"svid\",\"namespace\":\"a\",\"service_account\":\"b\"}",
	    "{\"profile\":\"client\",\"csr\":\"x\"}", "{\"profile\":\"issuing\",\"csr\":\"x\"}",
	    "{\"profile\":\"root\",\"csr\":\"x\"}", "{\"profile\":\"SVID\",\"csr\":\"x\"}",
	    "{\"profile\":\"svid\",\"csr\":\"x\"}",
	    "{\"profile\":\"svid\",\"csr\":\"x\",\"namespace\":\"a\"}",
	    "{\"profile\":\"svid\",\"csr\":\"x\",\"service_account\":\"a\"}",
	    "{\"profile\":\"svid\",\"csr\":\"x\",\"namespace\":\"a/b\",\"service_account\":\"c\"}",
	    "{\"profile\":\"svid\",\"csr\":\"x\",\"namespace\":\"a\",\"service_account\":\"B\"}",
	    "{\"profile\":\"svid\",\"namespace\":\"a\",\"service_account\":\"b\",\"csr\":\"x\",\"dns_names\":[]}",
	    "{\"profile\":\"server\",\"csr\":\"x\"}",
	    "{\"profile\":\"server\",\"csr\":\"x\",\"dns_names\":[]}",
	    "{\"profile\":\"server\",\"csr\":\"x\",\"dns_names\":\"a\"}",
	    "{\"profile\":\"server\",\"csr\":\"x\",\"dns_names\":[1]}",
	    "{\"profile\":\"server\",\"csr\":\"x\",\"dns_names\":[\"a\",null]}",
	    "{\"profile\":\"server\",\"csr\":\"x\",\"dns_names\":[\"\"]}",
	    "{\"profile\":\"server\",\"csr\":\"x\",\"dns_names\":[\"*.a\"]}",
	    "{\"profile\":\"server\",\"csr\":\"x\",\"dns_names\":[\"A\"]}",
	    "{\"profile\":\"server\",\"csr\":\"x\",\"dns_names\":[\"a.\"]}",
	    "{\"profile\":\"server\",\"csr\":\"x\",\"dns_names\":[\".a\"]}",
	    "{\"profile\":\"server\",\"csr\":\"x\",\"dns_names\":[\"a..b\"]}",
	    "{\"profile\":\"server\",\"csr\":\"x\",\"dns_names\":[\"a\"],\"namespace\":\"a\"}",
	    "{\"profile\":\"server\",\"csr\":\"x\",\"dns_names\":[\"a\"],\"service_account\":\"a\"}"};

	set_up(MSG_USER_OPERATOR);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct reply reply = request("POST", path, "", bad[i]);

		ck_assert_msg(reply.status == 400, "%s: %d", bad[i], reply.status);
		expect_problem(reply, 400, "usage");
	}
	expect_problem_says(request("POST", path, "",
				"{\"profile\":\"svid\",\"csr\":\"x\",\"namespace\":\"a\"}"),
	    400, "usage", "needs namespace and service_account");
	expect_problem(request("POST", path, "",
			   "{\"profile\":\"server\",\"csr\":\"x\",\"dns_names\":[\"a\"]}"),
	    400, "csr-pem");
	ck_assert_uint_eq(issue_count, 0);
	end();
}
END_TEST

/* Posts a server's request for count names, each of len bytes. */
static struct reply
ask_server(size_t count, size_t len)
{
	json_t *names = json_array();
	char name[LIMIT_DNS_NAME + 2];
	struct reply reply;
	json_t *body;
	char *text;

	memset(name, 'a', len);
	name[len] = '\0';
	for (size_t i = 40; i < len; i += 40) {
		name[i] = '.';
	}
	for (size_t i = 0; i < count; i++) {
		name[0] = (char)('a' + i);
		(void)json_array_append_new(names, json_string(name));
	}
	body = json_pack("{s:s, s:s, s:o}", "profile", "server", "csr", "x", "dns_names", names);
	text = json_dumps(body, 0);
	reply = request("POST", path, "", text);
	free(text);
	json_decref(body);
	return reply;
}

START_TEST(names_of_a_server_have_ceilings)
{
	set_up(MSG_USER_OPERATOR);
	/* what is in order here fails later, by its CSR */
	expect_problem(ask_server(LIMIT_DNS_NAMES, 3), 400, "csr-pem");
	expect_problem_says(ask_server(LIMIT_DNS_NAMES + 1, 3), 400, "usage", "a list of 1 to 16 names");
	expect_problem(ask_server(1, LIMIT_DNS_NAME), 400, "csr-pem");
	expect_problem_says(ask_server(1, LIMIT_DNS_NAME + 1), 400, "usage", "dns_names[0]");
	end();
}
END_TEST

START_TEST(a_server_is_certified_for_its_names)
{
	struct make make = {.key = make_key("P-256"), .dns = {"a.example", "b.example"}};
	struct make_public pub = make_public(make.key);
	char *pem = csr_pem(&make);
	json_t *json = json_pack("{s:s, s:s, s:[s, s]}", "profile", "server", "csr", pem, "dns_names",
	    "a.example", "b.example");
	char *body = json_dumps(json, 0);
	struct reply reply;

	set_up(MSG_USER_OPERATOR);
	reply = request("POST", path, "", body);
	ck_assert_msg(reply.status == 201, "%s", reply.body);
	ck_assert_str_eq(member(&reply, "profile"), "server");
	ck_assert(json_is_null(json_object_get(reply.json, "identity")));
	drop(&reply);
	ck_assert_int_eq(issued.profile, MSG_PROFILE_SERVER);
	ck_assert_uint_eq(issued.dns_names.len, 20);
	ck_assert_mem_eq(issued_dns, "a.example\0b.example", 20);
	ck_assert_uint_eq(issued.ns.len, 0);
	ck_assert_mem_eq(issued_key, pub.key.ptr, sizeof(issued_key));
	end();
	free(body);
	json_decref(json);
	free(pem);
	make_public_free(&pub);
	EVP_PKEY_free(make.key);
}
END_TEST

START_TEST(the_signers_refusal_is_the_answer)
{
	static const struct {
		enum mc_err err;
		int status;
		const char *word;
	} rows[] = {{MC_ETTL, 422, "ttl"}, {MC_ESEALED, 503, "sealed"}, {MC_EIDENTITY, 422, "identity"},
	    {MC_EREGISTRATION, 403, "registration"}, {MC_ERATE, 429, "rate"}};
	char *body = example_body();

	set_up(MSG_USER_OPERATOR);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		to_answer = (struct msg_issue_ans){.status = rows[i].err};
		expect_problem(request("POST", path, "", body), rows[i].status, rows[i].word);
	}
	end();
	free(body);
}
END_TEST

START_TEST(an_answer_without_a_serial_number_is_a_bug)
{
	char *body = example_body();

	set_up(MSG_USER_OPERATOR);
	to_answer.serial = base_span_of(NULL, 0);
	expect_problem(request("POST", path, "", body), 500, "internal");
	end();
	free(body);
}
END_TEST

CHECK_MAIN("api_rest_issue", issues_what_the_csr_proves,
    the_caller_is_who_asked_whatever_the_request_says,
    a_repeat_is_told_by_key_caller_environment_and_body,
    the_same_key_with_another_body_is_a_conflict, an_idempotency_key_has_1_to_255_visible_bytes,
    a_lifetime_is_from_one_second_to_ten_years, refuses_before_the_signer_is_asked,
    members_must_fit_the_profile, names_of_a_server_have_ceilings,
    a_server_is_certified_for_its_names, the_signers_refusal_is_the_answer,
    an_answer_without_a_serial_number_is_a_bug)
