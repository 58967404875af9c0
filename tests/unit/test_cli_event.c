/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/check_main.h"
#include "tests/unit/cli_world.h"

#define EVENT(seq, note)                                                                     \
	"{\"sequence\":" seq ",\"at\":\"2026-11-23T20:41:00Z\",\"actor\":\"alice\",\"action\":"    \
	"\"user-add\",\"target\":\"bob\",\"from\":\"10.0.0.1\",\"note\":\"" note "\"}"
#define TEN "0123456789"
#define SIXTY TEN TEN TEN TEN TEN TEN

START_TEST(a_limit_is_a_number_in_its_bounds)
{
	static const char *const BAD[] = {"0", "-1", "1000001", "ten", "", "1.5"};

	world_start();
	for (size_t i = 0; i < sizeof(BAD) / sizeof(BAD[0]); i++) {
		REFUSES(AS_ALICE("event", "list", "--limit", BAD[i]), CLI_USAGE,
		    "--limit is a number from 1 to 1000000");
	}
	ck_assert(!world_was_asked());
	ROUTES(OK("GET /v1/events?limit=1", "{\"events\":[],\"next\":null}"));
	ck_assert_int_eq(AS_ALICE("event", "list", "--limit", "1"), CLI_OK);
	world_stop();
}
END_TEST

START_TEST(a_row_for_each_event)
{
	world_start();
	ROUTES(OK("GET /v1/events?limit=100",
	    "{\"events\":[" EVENT("4711", "") "," EVENT("2", "why\\nand more") "],\"next\":null}"));
	ck_assert_int_eq(AS_ALICE("event", "list"), CLI_OK);
	SAYS(said.out, "SEQ");
	SAYS(said.out, "4711");
	SAYS(said.out, "alice");
	SAYS(said.out, "user-add");
	SAYS(said.out, "bob");
	SAYS(said.out, "10.0.0.1");
	SAYS(said.out, "2026-11-23T20:41:00Z");
	SAYS(said.out, "why...\n");
	SAYS_NOT(said.out, "and more");
	ck_assert_str_eq(said.err, "");
	world_stop();
}
END_TEST

/* A note may be a page: sixty bytes of its first line, and a sign that there is more. */
START_TEST(a_long_note_is_cut)
{
	world_start();
	ROUTES(OK("GET /v1/events?limit=100", "{\"events\":[" EVENT("1", SIXTY) "],\"next\":null}"));
	ck_assert_int_eq(AS_ALICE("event", "list"), CLI_OK);
	SAYS(said.out, SIXTY "\n");
	ROUTES(OK("GET /v1/events?limit=100",
	    "{\"events\":[" EVENT("1", SIXTY "x") "],\"next\":null}"));
	ck_assert_int_eq(AS_ALICE("event", "list"), CLI_OK);
	SAYS(said.out, SIXTY "...\n");
	world_stop();
}
END_TEST

START_TEST(json_has_all_of_it)
{
	world_start();
	ROUTES(OK("GET /v1/events?limit=100",
	    "{\"events\":[" EVENT("1", SIXTY "xyz\\nmore") "],\"next\":null}"));
	ck_assert_int_eq(AS_ALICE("event", "list", "--json"), CLI_OK);
	SAYS(said.out, SIXTY "xyz\\nmore");
	SAYS(said.out, "\"next\": null");
	SAYS_NOT(said.out, "SEQ");
	world_stop();
}
END_TEST

START_TEST(who_did_not_get_all_is_told)
{
	world_start();
	ROUTES(OK("GET /v1/events?limit=1", "{\"events\":[" EVENT("9", "") "],\"next\":8}"));
	ck_assert_int_eq(AS_ALICE("event", "list", "--limit", "1"), CLI_OK);
	SAYS(said.err, "There are more");
	world_stop();
}
END_TEST

START_TEST(a_refusal_is_passed_on)
{
	world_start();
	ROUTES(PROBLEM("GET /v1/events?limit=100", 403, "denied"));
	REFUSES(AS_ALICE("event", "list", "--json"), CLI_DENIED, "\"error\":\"denied\"");
	SAYS(said.err, "the detail");
	world_stop();
}
END_TEST

CHECK_MAIN("cli_event", a_limit_is_a_number_in_its_bounds, a_row_for_each_event, a_long_note_is_cut,
    json_has_all_of_it, who_did_not_get_all_is_told, a_refusal_is_passed_on)
