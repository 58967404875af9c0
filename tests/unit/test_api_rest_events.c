/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/rest_fixture.h"

static struct msg_event_list listed;

static void
on_call(struct call *call)
{
	const struct msg_event_row row = {.seq = 7,
	    .at = 1700000000,
	    .actor = base_span_str("bob"),
	    .action = base_span_str("certificate-revoked"),
	    .target = base_span_str("0badc0ffee"),
	    .from = base_span_str("192.0.2.9:1")};

	asked(call, &ledger, MSG_EVENT_LIST, &msg_event_list_table, &listed);
	answer(call, &msg_event_row_table, &row, true);
	answer_end(call, 7);
}

START_TEST(events_are_the_ledgers_own)
{
	struct reply reply;
	const json_t *event;

	begin(MSG_USER_VIEWER, on_call);
	reply = get("/v1/events");
	ck_assert_int_eq(reply.status, 200);
	ck_assert_uint_eq(json_array_size(json_object_get(reply.json, "events")), 1);
	event = json_array_get(json_object_get(reply.json, "events"), 0);
	ck_assert_str_eq(json_string_value(json_object_get(event, "actor")), "bob");
	ck_assert_str_eq(json_string_value(json_object_get(event, "from")), "192.0.2.9:1");
	ck_assert_str_eq(json_string_value(json_object_get(event, "action")), "certificate-revoked");
	ck_assert_str_eq(member(&reply, "next"), "BwAAAAAAAAA");
	drop(&reply);
	ck_assert_uint_eq(listed.limit, LIMIT_PAGE_DEFAULT);
	ck_assert_uint_eq(listed.before_seq, 0);
	end();
}
END_TEST

START_TEST(cursor_and_limit_reach_the_ledger)
{
	begin(MSG_USER_VIEWER, on_call);
	expect_status(get("/v1/events?cursor=BwAAAAAAAAA&limit=3"), 200);
	ck_assert_uint_eq(listed.before_seq, 7);
	ck_assert_uint_eq(listed.limit, 3);
	listed.limit = 0;
	expect_problem(get("/v1/events?limit=0"), 400, "usage");
	expect_problem(get("/v1/events?actor=bob"), 400, "usage");
	ck_assert_uint_eq(listed.limit, 0);
	end();
}
END_TEST

START_TEST(the_description_is_public_and_byte_for_byte)
{
	struct reply reply;

	begin(MSG_USER_INVALID, NULL);
	peer.cert = base_span_of(NULL, 0);
	reply = get("/openapi.json");
	ck_assert_int_eq(reply.status, 200);
	ck_assert(has_header(&reply, "Content-Type: application/json"));
	ck_assert(has_header(&reply, "Cache-Control: public, no-cache"));
	ck_assert_uint_eq(reply.body_len, openapi_json_len);
	ck_assert_mem_eq(reply.body, openapi_json, openapi_json_len);
	drop(&reply);
	end();
}
END_TEST

CHECK_MAIN("api_rest_events", events_are_the_ledgers_own, cursor_and_limit_reach_the_ledger,
    the_description_is_public_and_byte_for_byte)
