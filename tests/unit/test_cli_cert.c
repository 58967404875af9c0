/* SPDX-License-Identifier: Apache-2.0 */
#include <jansson.h>

#include "base/clock.h"
#include "tests/unit/approved.h"
#include "tests/unit/check_main.h"
#include "tests/unit/cli_world.h"

#define NOTHING "{\"certificates\":[],\"next\":null}"

START_TEST(a_list_is_asked_for_with_its_filters)
{
	world_start();
	ROUTES(OK("GET /v1/certificates?environment=production&identity=spiffe%3A%2F%2Fa%2Fns%2Fb"
		  "%2Fsa%2Fc&profile=svid&state=signed&expires_before=2026-11-23T20%3A41%3A00Z"
		  "&limit=2",
	    NOTHING));
	ck_assert_int_eq(AS_ALICE("cert", "list", "--state", "signed", "--environment",
			     "production", "--profile", "svid", "--identity",
			     "spiffe://a/ns/b/sa/c", "--expires-before", "2026-11-23T20:41:00Z",
			     "--limit", "2"),
	    CLI_OK);
	world_stop();
}
END_TEST

START_TEST(a_list_is_a_table_or_json)
{
	static const char BODY[] =
	    "{\"certificates\":[{\"serial\":\"0abc\",\"profile\":\"svid\",\"environment\":"
	    "\"production\",\"state\":\"signed\",\"not_after\":\"2026-12-01T00:00:00Z\","
	    "\"identity\":\"spiffe://a/ns/b/sa/c\"}],\"next\":\"c1\"}";

	world_start();
	ROUTES(OK("GET /v1/certificates?limit=1", BODY));
	ck_assert_int_eq(AS_ALICE("cert", "list", "--limit", "1"), CLI_OK);
	SAYS(said.out, "SERIAL");
	SAYS(said.out, "0abc");
	SAYS(said.out, "spiffe://a/ns/b/sa/c\n");
	SAYS(said.err, "There are more");
	ck_assert_int_eq(AS_ALICE("cert", "list", "--limit", "1", "--json"), CLI_OK);
	SAYS(said.out, "\"next\": \"c1\"");
	ck_assert_str_eq(said.err, "");
	world_stop();
}
END_TEST

/* 7d is from now on. */
START_TEST(a_duration_is_a_point_in_time)
{
	int64_t now = base_clock_now();
	const char *at;
	char text[21] = "";
	int64_t got = 0;

	world_start();
	REFUSES(AS_ALICE("cert", "list", "--expires-before", "7d"), CLI_FAILED, "HTTP status 500");
	at = strstr(rest_server_seen(world.server, 0)->line, "expires_before=") + 15;
	for (size_t i = 0; i < 20; i++) { /* 2026-11-23T20%3A41%3A00Z */
		text[i] = *at == '%' ? ':' : *at;
		at += *at == '%' ? 3 : 1;
	}
	ck_assert(base_clock_parse_rfc3339(text, &got));
	ck_assert_int_ge(got, now + 7 * 86400);
	ck_assert_int_le(got, base_clock_now() + 7 * 86400);
	world_stop();
}
END_TEST

START_TEST(a_list_that_makes_no_sense_asks_nobody)
{
	static const char *const LIMITS[] = {"0", "1000001", "x"};
	static const char *const TIMES[] = {"soon", "2026-11-23", "0", "-7d"};
	static char state[70000];

	world_start();
	for (size_t i = 0; i < 3; i++) {
		REFUSES(AS_ALICE("cert", "list", "--limit", LIMITS[i]), CLI_USAGE,
		    "--limit is a number from 1 to 1000000");
	}
	for (size_t i = 0; i < 4; i++) {
		REFUSES(AS_ALICE("cert", "list", "--expires-before", TIMES[i]), CLI_USAGE,
		    "--expires-before is 2026-11-23T20:41:00Z, or 7d");
	}
	memset(state, 'x', sizeof(state) - 1);
	REFUSES(AS_ALICE("cert", "list", "--state", state), CLI_USAGE, "the filters are too long");
	ck_assert(!world_was_asked());
	world_stop();
}
END_TEST

/* As OpenSSL prints it, with colons and capitals, or as the API does. */
START_TEST(a_serial_may_be_written_in_two_ways)
{
	world_start();
	ROUTES(OK("GET /v1/certificates/0abcef09",
	    "{\"serial\":\"0abcef09\",\"size\":12,\"in\":{\"a\":1},\"pem\":\"BEGIN\\nEND\\n\","
	    "\"none\":null}"));
	ck_assert_int_eq(AS_ALICE("cert", "show", "0A:BC:EF:09"), CLI_OK);
	SAYS(said.out, "serial         0abcef09\n");
	SAYS(said.out, "size           12\n");
	SAYS(said.out, "in             {\"a\":1}\n");
	SAYS(said.out, "\n\nBEGIN\nEND\n"); /* what has lines comes last */
	SAYS_NOT(said.out, "none");
	ck_assert_int_eq(AS_ALICE("cert", "show", "0abcef09", "--json"), CLI_OK);
	SAYS(said.out, "\"pem\": \"BEGIN\\nEND\\n\"");
	world_stop();
}
END_TEST

START_TEST(a_certificate_cannot_drive_the_terminal)
{
	world_start();
	ROUTES(OK("GET /v1/certificates/1a",
	    "{\"identity\":\"a\\u001b[2J\",\"pem\":\"x\\u009b\\nEND\\n\",\"\\u0007\":1}"));
	ck_assert_int_eq(AS_ALICE("cert", "show", "1a"), CLI_OK);
	ck_assert_str_eq(said.out, "identity       a [2J\n               1\n\nx\?\?\nEND\n");
	world_stop();
}
END_TEST

START_TEST(a_serial_is_one_segment_of_a_path)
{
	world_start();
	ROUTES(OK("GET /v1/certificates/..%2Fusers%3Fx", "{}"));
	ck_assert_int_eq(AS_ALICE("cert", "show", "../users?x"), CLI_OK);
	world_stop();
}
END_TEST

START_TEST(a_certificate_itself)
{
	world_start();
	ROUTES({.line = "GET /v1/certificates/1a", .status = 200, .type = "x", .body = "BYTES"});
	ck_assert_int_eq(AS_ALICE("cert", "show", "1a", "--format", "der"), CLI_OK);
	ck_assert_str_eq(said.out, "BYTES");
	SAYS(rest_server_seen(world.server, 0)->head, "Accept: application/pkix-cert\r\n");
	ck_assert_int_eq(
	    AS_ALICE("cert", "show", "1a", "--format", "pem", "--out", world_path("c.pem")), CLI_OK);
	ck_assert_str_eq(said.out, "");
	ck_assert_uint_eq(world_mode("c.pem"), 0644);
	SAYS(rest_server_seen(world.server, 1)->head, "Accept: application/x-pem-file\r\n");
	REFUSES(AS_ALICE("cert", "show", "1a", "--format", "text"), CLI_USAGE, "pem or der");
	REFUSES(AS_ALICE("cert", "show", "1a", "--out", world_path("d")), CLI_USAGE,
	    "--out goes with --format");
	ROUTES(PROBLEM("GET /v1/certificates/1a", 404, "not-found"));
	REFUSES(AS_ALICE("cert", "show", "1a", "--format", "pem", "--out", world_path("d")),
	    CLI_NOT_FOUND, "the detail");
	ck_assert(!world_has("d"));
	world_stop();
}
END_TEST

START_TEST(a_leaf_is_revoked_without_an_approval)
{
	world_start();
	ROUTES(OK("GET /v1/certificates/1a", "{\"profile\":\"svid\"}"),
	    OK("POST /v1/certificates/1a/revoke", "{\"serial\":\"1a\",\"identity\":\"spiffe://x\"}"));
	ck_assert_int_eq(AS_ALICE("cert", "revoke", "1A"), CLI_OK);
	ck_assert_str_eq(said.out, "revoked 1a (spiffe://x); the next CRL is under way\n");
	ck_assert_str_eq(world_asked(1, "POST /v1/certificates/1a/revoke")->body,
	    "{\"reason\":\"unspecified\"}");
	ck_assert_int_eq(AS_ALICE("cert", "revoke", "1a", "--reason", "superseded", "--json"),
	    CLI_OK);
	SAYS(said.out, "\"identity\": \"spiffe://x\"");
	ck_assert_str_eq(world_asked(3, "POST /v1/certificates/1a/revoke")->body,
	    "{\"reason\":\"superseded\"}");
	world_stop();
}
END_TEST

/* The serial that was typed is signed, not one that the server says. */
START_TEST(a_ca_is_revoked_with_an_approval)
{
	static const char *const CAS[] = {"{\"profile\":\"root\",\"serial\":\"ff\"}",
	    "{\"profile\":\"environment\",\"serial\":\"ff\"}",
	    "{\"profile\":\"issuing\",\"serial\":\"ff\"}"};
	const struct rest_seen *seen;
	json_t *body;

	world_start();
	for (size_t i = 0; i < sizeof(CAS) / sizeof(CAS[0]); i++) {
		ROUTES(OK("GET /v1/certificates/1a", CAS[i]),
		    OK("POST /v1/certificates/1a/revoke", "{\"serial\":\"1a\"}"));
		ck_assert_int_eq(
		    AS_ALICE("cert", "revoke", "1:A", "--reason", "keyCompromise"), CLI_OK);
		seen = world_asked(1, "POST /v1/certificates/1a/revoke");
		body = json_loads(seen->body, 0, NULL);
		ck_assert_str_eq(json_string_value(json_object_get(body, "reason")),
		    "keyCompromise");
		ck_assert(approved_by(world.key, json_object_get(body, "approval"),
		    "meshca-certificate-revoke-v1\n1a\nkeyCompromise\n"));
		json_decref(body);
	}
	world_stop();
}
END_TEST

START_TEST(what_cannot_be_looked_at_is_not_revoked)
{
	world_start();
	ROUTES(PROBLEM("GET /v1/certificates/1a", 404, "not-found"),
	    OK("POST /v1/certificates/1a/revoke", "{}"));
	REFUSES(AS_ALICE("cert", "revoke", "1a"), CLI_NOT_FOUND, "the detail");
	ck_assert_ptr_null(rest_server_seen(world.server, 1));
	ROUTES(OK("GET /v1/certificates/1a", "{\"profile\":\"svid\"}"),
	    PROBLEM("POST /v1/certificates/1a/revoke", 409, "conflict"));
	REFUSES(AS_ALICE("cert", "revoke", "1a"), CLI_FAILED, "the detail");
	world_stop();
}
END_TEST

CHECK_MAIN("cli_cert", a_list_is_asked_for_with_its_filters, a_list_is_a_table_or_json,
    a_duration_is_a_point_in_time, a_list_that_makes_no_sense_asks_nobody,
    a_serial_may_be_written_in_two_ways, a_certificate_cannot_drive_the_terminal, a_serial_is_one_segment_of_a_path, a_certificate_itself,
    a_leaf_is_revoked_without_an_approval, a_ca_is_revoked_with_an_approval,
    what_cannot_be_looked_at_is_not_revoked)
