/* SPDX-License-Identifier: Apache-2.0 */
#include "api/cli_stops.h"

#include "tests/unit/check_main.h"
#include "tests/unit/cli_world.h"

#define ID(name) "spiffe://cluster.local/ns/shop/sa/" name
#define CERT(serial, identity, until)                                                        \
	"{\"serial\":\"" serial "\",\"identity\":\"" identity "\",\"recorded_at\":"               \
	"\"2026-11-01T00:00:00Z\",\"not_after\":\"" until "\"}"
#define HOUR "2026-11-01T01:00:00Z"
#define HOUR_AND_1 "2026-11-01T01:00:01Z"
#define LIST(certs) "{\"certificates\":[" certs "],\"next\":null}"
#define SVIDS(certs)                                                                         \
	OK("GET /v1/certificates?environment=production&profile=svid&state=signed&limit=500",     \
	    LIST(certs))
#define SERVERS(certs)                                                                       \
	OK("GET /v1/certificates?environment=production&profile=server&state=signed&limit=500",   \
	    LIST(certs))
#define DOC(mode, count, rows)                                                               \
	"meshca-inventory-v1\nenvironment\tproduction\ntrust-domain\tcluster.local\n"             \
	"registration\t" mode "\nregistrations\t" count "\n" rows "{}\n"
#define ROW(account, state, ttl, types, names)                                               \
	"shop\t" account "\t" state "\t" ttl "\t" types "\t" names "\t\n"
#define CART ROW("cart", "active", "3600", "", "")

static const struct cli CLI = {.json = false};
static struct cli_client client;

static void
start(void)
{
	world_start();
	ck_assert_int_eq(cli_client_read(world.client, &client), MC_OK);
}

static void
stop(void)
{
	cli_client_clear(&client);
	world_stop();
}

/* Who stops under a document, where another was before (NULL: none). The caller gives it back. */
static json_t *
find(const char *now_text, const char *before_text)
{
	struct base_applied now;
	struct base_applied before = {.registered_only = false};
	json_t *stops = NULL;
	int ret;

	ck_assert_msg(base_applied_parse(base_span_str(now_text), &now) == MC_OK, "%s",
	    mc_err_last()->detail);
	if (before_text != NULL) {
		ck_assert_int_eq(base_applied_parse(base_span_str(before_text), &before), MC_OK);
	}
	said_begin();
	ret = cli_stops_find(&CLI, &client, &now, &before, &stops);
	said_end();
	ck_assert_msg(ret == CLI_OK, "%s", said.err);
	return stops;
}

/* The text of a member of the nth; "" past the last. */
static const char *
text_of(const json_t *stops, size_t n, const char *member)
{
	return cli_json_text(json_array_get(stops, n), member);
}

START_TEST(who_is_not_registered_stops_where_one_must_be)
{
	json_t *stops;

	start();
	ROUTES(SVIDS(CERT("01", ID("cart"), HOUR) "," CERT("02", ID("desk"), HOUR) ","
		   CERT("03", "spiffe://other.domain/ns/shop/sa/cart", HOUR)),
	    SERVERS(CERT("04", "api.example", HOUR)));
	stops = find(DOC("registered-only", "1", CART), NULL);
	ck_assert_uint_eq(json_array_size(stops), 3);
	ck_assert_str_eq(text_of(stops, 0, "identity"), ID("desk"));
	ck_assert_str_eq(text_of(stops, 0, "why"), "not registered");
	ck_assert_str_eq(text_of(stops, 1, "identity"), "spiffe://other.domain/ns/shop/sa/cart");
	ck_assert_str_eq(text_of(stops, 2, "identity"), "api.example");
	ck_assert_uint_eq(cli_stops_unmeant(stops), 3);
	json_decref(stops);
	stops = find(DOC("open", "1", CART), NULL);
	ck_assert_uint_eq(json_array_size(stops), 0);
	json_decref(stops);
	stop();
}
END_TEST

/* All certificates of an identity are one row, judged by the newest. */
START_TEST(certificates_are_counted_by_identity)
{
	const json_t *stop_;
	json_t *stops;

	start();
	ROUTES(SVIDS(CERT("03", ID("desk"), HOUR) "," CERT("02", ID("desk"), HOUR_AND_1) ","
		   CERT("01", ID("desk"), HOUR)),
	    SERVERS(""));
	stops = find(DOC("registered-only", "1", CART), NULL);
	ck_assert_uint_eq(json_array_size(stops), 1);
	stop_ = json_array_get(stops, 0);
	ck_assert_int_eq(json_integer_value(json_object_get(stop_, "certificates")), 3);
	ck_assert_str_eq(text_of(stops, 0, "last_not_after"), HOUR_AND_1);
	ck_assert_uint_eq(json_array_size(json_object_get(stop_, "serials")), 3);
	json_decref(stops);
	stop();
}
END_TEST

START_TEST(suspended_and_retired_stop_but_are_meant)
{
	static const char DOCUMENT[] = DOC("open", "2",
	    ROW("cart", "suspended", "0", "", "") ROW("desk", "retired", "0", "", ""));
	json_t *stops;

	start();
	ROUTES(SVIDS(CERT("01", ID("cart"), HOUR) "," CERT("02", ID("desk"), HOUR)), SERVERS(""));
	stops = find(DOCUMENT, NULL);
	ck_assert_str_eq(text_of(stops, 0, "why"), "suspended");
	ck_assert_str_eq(text_of(stops, 1, "why"), "retired");
	ck_assert_uint_eq(cli_stops_unmeant(stops), 0);
	json_decref(stops);
	stop();
}
END_TEST

/* What was so before is no surprise. */
START_TEST(what_the_copy_before_said_already)
{
	static const char NOW[] = DOC("registered-only", "1", CART);
	json_t *stops;

	start();
	ROUTES(SVIDS(CERT("01", ID("desk"), HOUR)), SERVERS(""));
	stops = find(NOW, NOW);
	ck_assert(json_is_true(json_object_get(json_array_get(stops, 0), "already")));
	ck_assert_uint_eq(cli_stops_unmeant(stops), 0);
	json_decref(stops);
	stops = find(NOW, DOC("open", "1", CART));
	ck_assert(json_is_false(json_object_get(json_array_get(stops, 0), "already")));
	ck_assert_uint_eq(cli_stops_unmeant(stops), 1);
	json_decref(stops);
	stops = find(NOW, DOC("registered-only", "2", CART ROW("desk", "active", "0", "", "")));
	ck_assert_uint_eq(cli_stops_unmeant(stops), 1);
	json_decref(stops);
	stop();
}
END_TEST

START_TEST(a_life_may_be_as_long_as_registered)
{
	json_t *stops;

	start();
	ROUTES(SVIDS(CERT("01", ID("cart"), HOUR)), SERVERS(""));
	stops = find(DOC("registered-only", "1", CART), NULL);
	ck_assert_uint_eq(json_array_size(stops), 0);
	json_decref(stops);
	ROUTES(SVIDS(CERT("01", ID("cart"), HOUR_AND_1)), SERVERS(""));
	stops = find(DOC("registered-only", "1", CART), NULL);
	ck_assert_str_eq(text_of(stops, 0, "why"), "asks for more than 3600 s");
	json_decref(stops);
	stop();
}
END_TEST

/* Server certificates go by their first name; any active registration that has it will do. */
START_TEST(servers_go_by_name)
{
	json_t *stops;

	start();
	ROUTES(SVIDS(""), SERVERS(CERT("01", "b.example", HOUR_AND_1) "," CERT("02", "c.example", HOUR)));
	stops = find(DOC("registered-only", "2",
			 ROW("cart", "retired", "0", "", "b.example,c.example")
			     ROW("desk", "active", "60", "p-384", "a.example,b.example")),
	    NULL);
	ck_assert_uint_eq(json_array_size(stops), 1);
	ck_assert_str_eq(text_of(stops, 0, "identity"), "c.example");
	ck_assert_str_eq(text_of(stops, 0, "why"), "retired");
	json_decref(stops);
	stop();
}
END_TEST

/* The environment's own port has its names from the configuration. */
START_TEST(the_port_of_the_environment_is_left_out)
{
	json_t *stops;

	start();
	ROUTES(SVIDS(""), SERVERS("{\"serial\":\"01\",\"identity\":\"ca.example\",\"requester\":\"front\"}"));
	stops = find(DOC("registered-only", "1", CART), NULL);
	ck_assert_uint_eq(json_array_size(stops), 0);
	json_decref(stops);
	stop();
}
END_TEST

/* For a route's make; self: the key that is in the certificate. */
static char *
der_answer(void *self, const struct rest_seen *seen, size_t *len)
{
	X509 *cert = leaf_make(world.ca, self, "URI:" ID("cart"), 3600);
	unsigned char *der = NULL;
	char *copy;

	(void)seen;
	*len = (size_t)i2d_X509(cert, &der);
	copy = base_xcalloc(1, *len);
	memcpy(copy, der, *len);
	OPENSSL_free(der);
	X509_free(cert);
	return copy;
}

/* Why the workload cart with a P-256 certificate stops under a document; "": it does not. The certificate comes
 * with this HTTP status. */
static char *
why_of_type(const char *document, int status)
{
	const struct rest_route routes[] = {
	    SVIDS(CERT("0a", ID("cart"), HOUR) "," CERT("0b", ID("desk"), HOUR)), SERVERS(""),
	    {.line = "GET /v1/certificates/0a", .status = status, .make = der_answer}, {.line = NULL}};
	json_t *stops;
	char *why;

	rest_server_routes(world.server, routes, world.key);
	stops = find(document, NULL);
	why = base_xstrdup(text_of(stops, 0, "why"));
	json_decref(stops);
	rest_server_routes(world.server, NULL, NULL);
	return why;
}

/* The type of a key is not in lists: the certificate is asked for, where a registration limits it only. */
START_TEST(the_type_of_a_key_is_looked_up)
{
	static const char *const DOCS[] = {
	    DOC("registered-only", "2", ROW("cart", "active", "0", "p-384,rsa-2048", "")
		    ROW("desk", "active", "0", "", "")),
	    DOC("registered-only", "2", ROW("cart", "active", "0", "p-256,rsa-2048", "")
		    ROW("desk", "active", "0", "", ""))};
	json_t *stops;
	char *why;

	start();
	why = why_of_type(DOCS[0], 200);
	ck_assert_str_eq(why, "has a key of another type");
	free(why);
	why = why_of_type(DOCS[1], 200);
	ck_assert_str_eq(why, "");
	free(why);
	why = why_of_type(DOCS[0], 404); /* nobody knows that it stops: the ledger decides */
	ck_assert_str_eq(why, "");
	free(why);
	ROUTES(SVIDS(CERT("0b", ID("desk"), HOUR)), SERVERS(""));
	stops = find(DOCS[0], NULL);
	ck_assert_ptr_null(rest_server_seen(world.server, 2)); /* the two lists and no more */
	json_decref(stops);
	stop();
}
END_TEST

START_TEST(a_list_that_fails_is_reported)
{
	struct base_applied now;
	json_t *stops = NULL;
	int ret;

	start();
	ROUTES(SVIDS(CERT("01", ID("desk"), HOUR)),
	    PROBLEM("GET /v1/certificates?environment=production&profile=server&state=signed&limit=500",
		403, "denied"));
	ck_assert_int_eq(base_applied_parse(base_span_str(DOC("open", "1", CART)), &now), MC_OK);
	said_begin();
	ret = cli_stops_find(&CLI, &client, &now, &(struct base_applied){.count = 0}, &stops);
	said_end();
	ck_assert_int_eq(ret, CLI_DENIED);
	SAYS(said.err, "the detail");
	json_decref(stops);
	stop();
}
END_TEST

START_TEST(they_are_a_table)
{
	json_t *stops = json_pack("[{s:s, s:s, s:b, s:i, s:s}, {s:s, s:s, s:b, s:i, s:s}]", "identity",
	    "one", "why", "retired", "already", 1, "certificates", 12, "last_not_after", HOUR,
	    "identity", "two", "why", "suspended", "already", 0, "certificates", 7,
	    "last_not_after", HOUR_AND_1);

	said_begin();
	cli_stops_print(stops, stdout);
	said_end();
	SAYS(said.out, "RENEWAL STOPS FOR");
	SAYS(said.out, "retired");
	SAYS(said.out, "before");
	SAYS(said.out, "12");
	SAYS(said.out, "this copy");
	SAYS(said.out, HOUR_AND_1);
	json_decref(stops);
	stops = json_array();
	said_begin();
	cli_stops_print(stops, stdout);
	said_end();
	ck_assert_str_eq(said.out, "");
	json_decref(stops);
}
END_TEST

#define REVOKE(serial) "POST /v1/certificates/" serial "/revoke"

START_TEST(they_are_revoked_one_by_one)
{
	json_t *stops = json_pack("[{s:[s, s]}, {s:[s]}]", "serials", "01", "02", "serials", "03");
	size_t count = 99;
	int ret;

	start();
	/* 02 was revoked meanwhile */
	ROUTES(OK(REVOKE("01"), "{}"), PROBLEM(REVOKE("02"), 409, "conflict"), OK(REVOKE("03"), "{}"));
	said_begin();
	ret = cli_stops_revoke(&CLI, &client, stops, &count);
	said_end();
	ck_assert_int_eq(ret, CLI_OK);
	ck_assert_uint_eq(count, 3);
	ck_assert_str_eq(said.err, "");
	ck_assert_str_eq(world_asked(0, REVOKE("01"))->body, "{\"reason\":\"cessationOfOperation\"}");
	(void)world_asked(2, REVOKE("03"));
	ROUTES(OK(REVOKE("01"), "{}"), PROBLEM(REVOKE("02"), 403, "denied"), OK(REVOKE("03"), "{}"));
	said_begin();
	ret = cli_stops_revoke(&CLI, &client, stops, &count);
	said_end();
	ck_assert_int_eq(ret, CLI_DENIED);
	ck_assert_uint_eq(count, 1);
	ck_assert_ptr_null(rest_server_seen(world.server, 2));
	json_decref(stops);
	stop();
}
END_TEST

/* A line for each fifty, and none that is not true. */
START_TEST(it_says_how_far_it_is)
{
	json_t *serials = json_array();
	json_t *stops;
	size_t count = 0;
	int ret;

	for (int i = 0; i < 51; i++) {
		(void)json_array_append_new(serials, json_string("01"));
	}
	stops = json_pack("[{s:o}]", "serials", serials);
	start();
	ROUTES(OK(REVOKE("01"), "{}"));
	said_begin();
	ret = cli_stops_revoke(&CLI, &client, stops, &count);
	said_end();
	ck_assert_int_eq(ret, CLI_OK);
	ck_assert_uint_eq(count, 51);
	ck_assert_str_eq(said.err, "revoked 50 of 51\n");
	json_decref(stops);
	stop();
}
END_TEST

CHECK_MAIN("cli_stops", who_is_not_registered_stops_where_one_must_be,
    certificates_are_counted_by_identity, suspended_and_retired_stop_but_are_meant,
    what_the_copy_before_said_already, a_life_may_be_as_long_as_registered, servers_go_by_name,
    the_port_of_the_environment_is_left_out, the_type_of_a_key_is_looked_up,
    a_list_that_fails_is_reported, they_are_a_table, they_are_revoked_one_by_one,
    it_says_how_far_it_is)
