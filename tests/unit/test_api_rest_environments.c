/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/rest_fixture.h"

static const char path[] = "/v1/environments/production/bundle";
static struct msg_bundle_ans bundle;
static char asked_environment[64];
static unsigned bundle_count;
static struct make_ca *anchor;
static struct base_buf anchors;

static void
on_call(struct call *call)
{
	struct msg_bundle_get ask;

	asked(call, &ledger, MSG_BUNDLE_GET, &msg_bundle_get_table, &ask);
	keep(ask.environment, asked_environment, sizeof(asked_environment));
	bundle_count++;
	answer(call, &msg_bundle_ans_table, &bundle, false);
}

static void
set_up(void)
{
	anchor = make_ca("P-256", "cluster.local", 2000000000);
	base_buf_init(&anchors, 4096);
	for (unsigned i = 0; i < 4; i++) {
		base_buf_append_u8(&anchors, (uint8_t)(make_ca_der(anchor).len >> (8 * i)));
	}
	base_buf_append_span(&anchors, make_ca_der(anchor));
	bundle = (struct msg_bundle_ans){.sequence = 9,
	    .trust_domain = base_span_str("cluster.local"),
	    .anchors = base_buf_span(&anchors)};
	bundle_count = 0;
	begin(MSG_USER_VIEWER, on_call);
	operators.trust_domain = domain;
}

static void
tear_down(void)
{
	end();
	base_buf_clear(&anchors);
	make_ca_free(anchor);
}

static const json_t *
only_environment(const struct reply *reply)
{
	const json_t *list = json_object_get(reply->json, "environments");

	ck_assert_int_eq(reply->status, 200);
	ck_assert_uint_eq(json_array_size(list), 1); /* the operators authority is none */
	return json_array_get(list, 0);
}

START_TEST(environments_say_how_their_signers_are)
{
	static const struct {
		enum mc_err state;
		bool is_down;
		const char *word;
	} rows[] = {{MC_OK, false, "ready"}, {MC_ESEALED, false, "sealed"},
	    {MC_ENOTREADY, false, "not-ready"}, {MC_OK, true, "down"}, {MC_ESEALED, true, "down"}};

	set_up();
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct reply reply;

		envs[0].signer_state = rows[i].state;
		signer.is_down = rows[i].is_down;
		reply = get("/v1/environments");
		ck_assert_str_eq(json_string_value(json_object_get(only_environment(&reply), "state")),
		    rows[i].word);
		drop(&reply);
	}
	tear_down();
}
END_TEST

START_TEST(an_environment_is_described)
{
	struct reply reply;
	const json_t *env, *issuer;

	set_up();
	envs[0].bundle_sequence = 12;
	reply = get("/v1/environments");
	env = only_environment(&reply);
	ck_assert_str_eq(json_string_value(json_object_get(env, "name")), "production");
	ck_assert_str_eq(json_string_value(json_object_get(env, "trust_domain")), "cluster.local");
	ck_assert_int_eq(json_integer_value(json_object_get(env, "bundle_sequence")), 12);
	ck_assert(json_is_null(json_object_get(env, "issuer")));
	drop(&reply);
	envs[0].issuer_not_after_at = 1700000000;
	envs[0].issuer_id[31] = 0xaa;
	reply = get("/v1/environments");
	issuer = json_object_get(only_environment(&reply), "issuer");
	ck_assert_str_eq(json_string_value(json_object_get(issuer, "id")),
	    "00000000000000000000000000000000000000000000000000000000000000aa");
	ck_assert_str_eq(json_string_value(json_object_get(issuer, "not_after")),
	    "2023-11-14T22:13:20Z");
	drop(&reply);
	tear_down();
}
END_TEST

START_TEST(a_bundle_is_pem_unless_the_spiffe_format_is_asked_for)
{
	static const struct {
		const char *query, *headers;
		bool spiffe;
	} rows[] = {{"", "", false}, {"", "Accept: application/json\r\n", true},
	    {"?format=spiffe", "", true}, {"?format=pem", "", false},
	    {"?format=pem", "Accept: application/json\r\n", false}};

	set_up();
	peer.cert = base_span_of(NULL, 0); /* public */
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char *target = base_xasprintf("%s%s", path, rows[i].query);
		struct reply reply = request("GET", target, rows[i].headers, NULL);

		ck_assert_int_eq(reply.status, 200);
		ck_assert(has_header(&reply, "Cache-Control: public, no-cache"));
		if (rows[i].spiffe) {
			ck_assert(has_header(&reply, "Content-Type: application/json"));
			ck_assert(has_header(&reply, "ETag: \"9.spiffe\""));
			ck_assert_int_eq(number(&reply, "spiffe_sequence"), 9);
			ck_assert_uint_eq(json_array_size(json_object_get(reply.json, "keys")), 1);
		} else {
			ck_assert(has_header(&reply, "Content-Type: application/x-pem-file"));
			ck_assert(has_header(&reply, "ETag: \"9.pem\""));
			ck_assert_int_eq(strncmp(reply.body, "-----BEGIN CERTIFICATE-----\n", 28), 0);
		}
		drop(&reply);
		free(target);
	}
	ck_assert_str_eq(asked_environment, "production");
	ck_assert_uint_eq(user_get_count, 0);
	tear_down();
}
END_TEST

START_TEST(a_bundle_is_cached_by_sequence_and_format)
{
	struct reply reply;

	set_up();
	reply = request("GET", path, "If-None-Match: \"9.pem\"\r\n", NULL);
	ck_assert(has_header(&reply, "ETag: \"9.pem\""));
	ck_assert_uint_eq(reply.body_len, 0);
	expect_status(reply, 304);
	expect_status(request("GET", path, "If-None-Match: \"9.spiffe\"\r\n", NULL), 200);
	expect_status(request("GET", path, "If-None-Match: \"8.pem\"\r\n", NULL), 200);
	tear_down();
}
END_TEST

START_TEST(what_is_no_bundle_is_refused)
{
	set_up();
	expect_problem(get("/v1/environments/nowhere/bundle"), 404, "not-found");
	expect_problem(get("/v1/environments/production/bundle?format=PEM"), 400, "usage");
	expect_problem(get("/v1/environments/production/bundle?format="), 400, "usage");
	ck_assert_uint_eq(bundle_count, 0);
	bundle.anchors.len--; /* not what a ledger says */
	expect_problem(get(path), 500, "frame");
	expect_problem(get("/v1/environments/production/bundle?format=spiffe"), 500, "frame");
	bundle = (struct msg_bundle_ans){.status = MC_ENOTFOUND};
	expect_problem(get(path), 404, "not-found");
	tear_down();
}
END_TEST

CHECK_MAIN("api_rest_environments", environments_say_how_their_signers_are,
    an_environment_is_described, a_bundle_is_pem_unless_the_spiffe_format_is_asked_for,
    a_bundle_is_cached_by_sequence_and_format, what_is_no_bundle_is_refused)
