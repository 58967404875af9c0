/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/check_main.h"
#include "tests/unit/cli_world.h"

#define PEM_1 "-----BEGIN X509 CRL-----\nMAA=\n-----END X509 CRL-----\n"
#define PEM_2 "-----BEGIN X509 CRL-----\nMAECAQ==\n-----END X509 CRL-----\n"
#define CRLS(line_, body_)                                                                   \
	{.line = (line_), .status = 200, .type = "application/x-pem-file", .body = (body_)}

START_TEST(issuers_are_a_table)
{
	world_start();
	ROUTES(OK("GET /v1/issuers",
	    "{\"issuers\":[{\"environment\":\"production\",\"profile\":\"issuing\",\"state\":"
	    "\"active\",\"not_after\":\"2027-01-01T00:00:00Z\",\"id\":\"abc\",\"crl\":{\"number\":"
	    "4294967296,\"next_update\":\"2026-12-01T00:00:00Z\"}},{\"id\":\"none\"}]}"));
	ck_assert_int_eq(AS_ALICE("issuer", "list"), CLI_OK);
	SAYS(said.out, "ENVIRONMENT");
	SAYS(said.out, "production");
	SAYS(said.out, "4294967296");
	SAYS(said.out, "2026-12-01T00:00:00Z");
	SAYS(said.out, "none");
	ck_assert_int_eq(AS_ALICE("issuer", "list", "--json"), CLI_OK);
	SAYS(said.out, "\"number\": 4294967296");
	SAYS_NOT(said.out, "ENVIRONMENT");
	world_stop();
}
END_TEST

/* What a person types is one value of the query, whatever it holds. */
START_TEST(issuers_of_one_environment)
{
	world_start();
	ROUTES(OK("GET /v1/issuers?environment=a%26b%2F", "{\"issuers\":[]}"));
	ck_assert_int_eq(AS_ALICE("issuer", "list", "--environment", "a&b/"), CLI_OK);
	world_stop();
}
END_TEST

START_TEST(a_name_that_fits_no_path_is_refused)
{
	static char name[4100];

	world_start();
	memset(name, 'x', sizeof(name) - 1);
	REFUSES(AS_ALICE("issuer", "list", "--environment", name), CLI_USAGE, "too long");
	REFUSES(AS_ALICE("bundle", "--environment", name), CLI_USAGE, "too long");
	REFUSES(AS_ALICE("crl", "--issuer", name), CLI_USAGE, "too long");
	ck_assert(!world_was_asked());
	world_stop();
}
END_TEST

START_TEST(a_bundle_in_either_format)
{
	world_start();
	ROUTES({.line = "GET /v1/environments/production/bundle?format=pem", .status = 200,
		   .type = "application/x-pem-file", .body = "the PEM\n"},
	    OK("GET /v1/environments/production/bundle?format=spiffe", "{\"keys\":[]}"));
	ck_assert_int_eq(AS_ALICE("bundle", "--environment", "production"), CLI_OK);
	ck_assert_str_eq(said.out, "the PEM\n");
	SAYS(rest_server_seen(world.server, 0)->head, "Accept: application/x-pem-file\r\n");
	ck_assert_int_eq(AS_ALICE("bundle", "--environment", "production", "--json"), CLI_OK);
	ck_assert_str_eq(said.out, "{\"keys\":[]}");
	ck_assert_int_eq(
	    AS_ALICE("bundle", "--environment", "production", "--json", "--format", "pem"), CLI_OK);
	ck_assert_str_eq(said.out, "the PEM\n");
	ck_assert_int_eq(AS_ALICE("bundle", "--environment", "production", "--format", "spiffe",
			     "--out", world_path("b.json")),
	    CLI_OK);
	ck_assert_str_eq(said.out, "");
	ck_assert_uint_eq(world_mode("b.json"), 0644);
	REFUSES(AS_ALICE("bundle", "--environment", "production", "--format", "der"), CLI_USAGE,
	    "--format is pem or spiffe, not der");
	world_stop();
}
END_TEST

/* Bundles and CRLs are for everybody: no certificate is needed. */
START_TEST(bundles_are_public)
{
	char *url;

	world_start();
	url = base_xasprintf("https://127.0.0.1:%u", world.server->port);
	REFUSES(CLI_RUN("issuer", "list", "--url", url, "--ca", world_path("ca.crt")), CLI_USAGE,
	    "who are you?");
	/* The server of this test wants one all the same: it comes as far as that. */
	REFUSES(CLI_RUN("bundle", "--environment", "x", "--url", url, "--ca", world_path("ca.crt")),
	    CLI_DENIED, "the server refuses the client certificate");
	free(url);
	world_stop();
}
END_TEST

START_TEST(one_kind_of_crl_is_named)
{
	world_start();
	REFUSES(AS_ALICE("crl"), CLI_USAGE, "give --environment for all its CRLs, or --issuer");
	REFUSES(AS_ALICE("crl", "--environment", "a", "--issuer", "b"), CLI_USAGE, "or --issuer");
	REFUSES(AS_ALICE("crl", "--environment", "a", "--format", "der"), CLI_USAGE,
	    "--format is pem, or der with --issuer");
	REFUSES(AS_ALICE("crl", "--issuer", "b", "--format", "text"), CLI_USAGE, "--format is pem");
	ck_assert(!world_was_asked());
	world_stop();
}
END_TEST

START_TEST(crls_as_they_come)
{
	world_start();
	ROUTES(CRLS("GET /v1/environments/production/crl", PEM_1 PEM_2),
	    CRLS("GET /v1/issuers/b%2Fc/crl", "DER"));
	ck_assert_int_eq(AS_ALICE("crl", "--environment", "production", "--format", "pem"), CLI_OK);
	ck_assert_str_eq(said.out, PEM_1 PEM_2);
	ck_assert_int_eq(AS_ALICE("crl", "--issuer", "b/c", "--format", "der"), CLI_OK);
	ck_assert_str_eq(said.out, "DER");
	SAYS(rest_server_seen(world.server, 1)->head, "Accept: application/pkix-crl\r\n");
	ck_assert_int_eq(AS_ALICE("crl", "--issuer", "b/c"), CLI_OK);
	SAYS(rest_server_seen(world.server, 2)->head, "Accept: application/x-pem-file\r\n");
	world_stop();
}
END_TEST

START_TEST(crls_as_json)
{
	world_start();
	ROUTES(CRLS("GET /v1/environments/two/crl", PEM_1 PEM_2),
	    CRLS("GET /v1/environments/none/crl", ""),
	    CRLS("GET /v1/environments/bad/crl", PEM_1 "and text"),
	    CRLS("GET /v1/environments/cert/crl",
		"-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n"));
	ck_assert_int_eq(AS_ALICE("crl", "--environment", "two", "--json"), CLI_OK);
	SAYS(said.out, "\"-----BEGIN X509 CRL-----\\nMAA=\\n-----END X509 CRL-----\\n\"");
	SAYS(said.out, "\"-----BEGIN X509 CRL-----\\nMAECAQ==\\n-----END X509 CRL-----\\n\"");
	ck_assert_int_eq(AS_ALICE("crl", "--environment", "none", "--json"), CLI_OK);
	SAYS(said.out, "\"crls\": []");
	REFUSES(AS_ALICE("crl", "--environment", "bad", "--json"), CLI_FAILED, "no list of CRLs");
	REFUSES(AS_ALICE("crl", "--environment", "cert", "--json", "--out", world_path("crl")),
	    CLI_FAILED, "no list of CRLs");
	ck_assert(!world_has("crl"));
	world_stop();
}
END_TEST

START_TEST(what_is_not_there_leaves_no_file)
{
	world_start();
	ROUTES(PROBLEM("GET /v1/environments/x/bundle?format=pem", 404, "not-found"));
	REFUSES(AS_ALICE("bundle", "--environment", "x", "--out", world_path("b")), CLI_NOT_FOUND,
	    "the detail");
	ck_assert(!world_has("b"));
	ROUTES(CRLS("GET /v1/environments/x/bundle?format=pem", "PEM"));
	REFUSES(AS_ALICE("bundle", "--environment", "x", "--out", "/nonexistent/b"), CLI_FAILED,
	    "/nonexistent/b");
	world_stop();
}
END_TEST

CHECK_MAIN("cli_authority", issuers_are_a_table, issuers_of_one_environment,
    a_name_that_fits_no_path_is_refused, a_bundle_in_either_format, bundles_are_public,
    one_kind_of_crl_is_named, crls_as_they_come, crls_as_json, what_is_not_there_leaves_no_file)
