/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/clock_fake.h"
#include "tests/unit/rest_fixture.h"

#define NOW_AT 1800000000

static unsigned served_count;

/* Every list is empty; nothing else is served. */
static void
on_list(struct call *call)
{
	ck_assert(call->type == MSG_USER_LIST || call->type == MSG_EVENT_LIST);
	served_count++;
	answer_end(call, 0);
}

static void
set_up(enum msg_user_role role)
{
	begin(role, on_list);
	served_count = 0;
	fake_now_at = 0;
}

START_TEST(callers_without_a_person_behind_them_are_refused)
{
	struct reply reply;

	set_up(MSG_USER_INVALID);
	expect_problem_says(get("/v1/users"), 401, "client-certificate", "belongs to no user");
	ck_assert_uint_eq(user_get_count, 1);
	caller_role = MSG_USER_ADMIN;
	/* a workload's: another authority's anchors */
	peer.verified = false;
	expect_problem_says(get("/v1/users"), 401, "client-certificate", "operators authority");
	peer.cert = base_span_of(NULL, 0);
	reply = get("/v1/users");
	ck_assert_ptr_nonnull(strcasestr(reply.head, "\r\nWWW-Authenticate: "));
	expect_problem(reply, 401, "unauthenticated");
	peer.verified = true; /* it cannot be, and would not help */
	expect_problem(get("/v1/users"), 401, "unauthenticated");
	ck_assert_uint_eq(user_get_count, 1); /* the ledger is not asked about them */
	ck_assert_uint_eq(served_count, 0);
	end();
}
END_TEST

START_TEST(a_certificate_counts_within_its_time_at_each_request)
{
	set_up(MSG_USER_ADMIN);
	fake_now_at = NOW_AT;
	peer.not_before_at = NOW_AT;
	peer.not_after_at = NOW_AT;
	expect_status(get("/v1/users"), 200);
	peer.not_after_at = NOW_AT - 1; /* verified: it was, when the connection began */
	expect_problem_says(get("/v1/users"), 401, "client-certificate", "has expired");
	peer.verified = false; /* as TLS says of an expired one */
	expect_problem_says(get("/v1/users"), 401, "client-certificate", "has expired");
	peer.verified = true;
	peer.not_before_at = NOW_AT + 1;
	peer.not_after_at = NOW_AT + 2;
	expect_problem_says(get("/v1/users"), 401, "client-certificate", "is not valid yet");
	ck_assert_uint_eq(served_count, 1);
	end();
}
END_TEST

START_TEST(an_open_connection_ends_with_its_certificate_and_its_user)
{
	static const char ask[] = "GET /v1/users HTTP/1.1\r\nHost: a\r\n\r\n";
	int fd;

	set_up(MSG_USER_VIEWER);
	fake_now_at = NOW_AT;
	peer.not_after_at = NOW_AT;
	fd = connect_client();
	expect_status(exchange(fd, ask, strlen(ask)), 200);
	caller_role = MSG_USER_INVALID; /* removed */
	expect_problem(exchange(fd, ask, strlen(ask)), 401, "client-certificate");
	caller_role = MSG_USER_VIEWER;
	expect_status(exchange(fd, ask, strlen(ask)), 200);
	fake_now_at = NOW_AT + 1;
	expect_problem_says(exchange(fd, ask, strlen(ask)), 401, "client-certificate", "has expired");
	close(fd);
	ck_assert_uint_eq(served_count, 2);
	end();
}
END_TEST

START_TEST(the_ledger_is_asked_about_the_very_certificate)
{
	set_up(MSG_USER_VIEWER);
	for (size_t i = 0; i < sizeof(peer.sha256); i++) {
		peer.sha256[i] = (uint8_t)(200 - i);
	}
	expect_status(get("/v1/users"), 200);
	ck_assert_mem_eq(user_get.cert_sha256, peer.sha256, 32);
	end();
}
END_TEST

START_TEST(each_role_reaches_what_is_its_own_and_no_more)
{
	static const struct {
		const char *method, *path, *body;
		enum msg_user_role least;
	} rows[] = {
	    {"GET", "/v1/users", NULL, MSG_USER_VIEWER},
	    {"POST", "/v1/certificates/0b/revoke", "{}", MSG_USER_OPERATOR},
	    {"POST", "/v1/users/bob/remove", "{}", MSG_USER_ADMIN},
	};

	set_up(MSG_USER_VIEWER);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		for (unsigned role = MSG_USER_VIEWER; role <= MSG_USER_ADMIN; role++) {
			struct reply reply;

			caller_role = (enum msg_user_role)role;
			reply = request(rows[i].method, rows[i].path, "", rows[i].body);
			if (role < rows[i].least) {
				expect_problem(reply, 403, "denied");
			} else if (rows[i].body == NULL) {
				expect_status(reply, 200);
			} else { /* the handler has it: the body says too little */
				expect_problem(reply, 400, "usage");
			}
		}
	}
	end();
}
END_TEST

START_TEST(roles_are_asked_of_the_ledger_each_time)
{
	set_up(MSG_USER_OPERATOR);
	expect_problem_says(request("POST", "/v1/users/bob/remove", "", "{}"), 403, "denied",
	    "this needs the role admin; alice is operator");
	expect_status(get("/v1/events"), 200);
	caller_role = MSG_USER_INVALID;
	expect_problem(get("/v1/events"), 401, "client-certificate");
	ck_assert_uint_eq(user_get_count, 3);
	end();
}
END_TEST

START_TEST(what_the_ledger_says_of_a_user_must_make_sense)
{
	char name[LIMIT_USER_NAME + 1];

	set_up(MSG_USER_ADMIN);
	caller_name = "";
	expect_problem(get("/v1/users"), 500, "internal");
	memset(name, 'a', LIMIT_USER_NAME);
	name[LIMIT_USER_NAME] = '\0';
	caller_name = name;
	expect_status(get("/v1/users"), 200);
	caller_role = (enum msg_user_role)(MSG_USER_ADMIN + 1);
	expect_problem(get("/v1/users"), 403, "denied");
	ck_assert_uint_eq(served_count, 1);
	end();
}
END_TEST

START_TEST(nobody_is_let_in_while_the_ledger_cannot_be_asked)
{
	set_up(MSG_USER_ADMIN);
	link_refusal = MC_ENOTREADY;
	expect_problem(get("/v1/users"), 503, "not-ready");
	ck_assert_uint_eq(served_count, 0);
	end();
}
END_TEST

START_TEST(public_resources_ask_nobody)
{
	set_up(MSG_USER_INVALID);
	peer.cert = base_span_of(NULL, 0);
	peer.verified = false;
	expect_status(get("/openapi.json"), 200);
	ck_assert_uint_eq(user_get_count, 0);
	end();
}
END_TEST

CHECK_MAIN("api_rest_auth", callers_without_a_person_behind_them_are_refused,
    a_certificate_counts_within_its_time_at_each_request,
    an_open_connection_ends_with_its_certificate_and_its_user,
    the_ledger_is_asked_about_the_very_certificate,
    each_role_reaches_what_is_its_own_and_no_more, roles_are_asked_of_the_ledger_each_time,
    what_the_ledger_says_of_a_user_must_make_sense,
    nobody_is_let_in_while_the_ledger_cannot_be_asked, public_resources_ask_nobody)
