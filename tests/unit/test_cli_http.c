/* SPDX-License-Identifier: Apache-2.0 */
#include "api/cli_http.h"

#include "tests/unit/check_main.h"
#include "tests/unit/cli_world.h"

static char *url; /* of the world's server, with /x */

static void
start(void)
{
	world_start();
	url = base_xasprintf("https://127.0.0.1:%u/x", world.server->port);
}

static void
stop(void)
{
	free(url);
	world_stop();
}

static struct cli_http_request
request(void)
{
	return (struct cli_http_request){.method = "GET", .url = url, .accept = "text/x",
	    .ca_file = world_path("ca.crt"), .cert_file = world_path("alice.crt"),
	    .key_file = world_path("alice.key")};
}

/* Makes it, and forgets the answer. */
static enum mc_err
attempt(const struct cli_http_request *what)
{
	struct cli_http_answer answer;
	enum mc_err ret = cli_http_do(what, &answer);

	ck_assert(ret == MC_OK || answer.status == 0);
	cli_http_answer_clear(&answer);
	return ret;
}

START_TEST(an_answer_comes_with_status_type_and_body)
{
	struct cli_http_request what;
	struct cli_http_answer answer;
	const struct rest_seen *seen;

	start();
	what = request();
	ROUTES({.line = "GET /x", .status = 404, .type = "Text/HTML; charset=UTF-8", .body = "gone"});
	ck_assert_int_eq(cli_http_do(&what, &answer), MC_OK);
	ck_assert_int_eq(answer.status, 404);
	ck_assert_str_eq(answer.content_type, "text/html");
	ck_assert(base_span_equal_str(base_buf_span(&answer.body), "gone"));
	cli_http_answer_clear(&answer);
	seen = world_asked(0, "GET /x");
	ck_assert(seen->has_cert);
	SAYS(seen->head, "\r\nAccept: text/x\r\n");
	SAYS(seen->head, "\r\nUser-Agent: meshca/");
	SAYS_NOT(seen->head, "Content-Type");
	SAYS_NOT(seen->head, "Idempotency-Key");
	SAYS_NOT(seen->head, "Expect");
	stop();
}
END_TEST

START_TEST(a_body_and_fields_are_sent)
{
	static const char *const FIELDS[] = {"Approval-Signature: abc", "X-Two: 2", NULL};
	struct cli_http_request what;
	const struct rest_seen *seen;

	start();
	what = request();
	what.method = "PUT";
	what.content_type = "application/json";
	what.body = base_span_of("{\"a\":1}and more", 7);
	what.idempotency_key = "once-1";
	what.fields = FIELDS;
	ROUTES({.line = "PUT /x", .status = 204});
	ck_assert_int_eq(attempt(&what), MC_OK);
	seen = world_asked(0, "PUT /x");
	ck_assert_str_eq(seen->body, "{\"a\":1}");
	SAYS(seen->head, "\r\nContent-Type: application/json\r\n");
	SAYS(seen->head, "\r\nIdempotency-Key: once-1\r\n");
	SAYS(seen->head, "\r\nApproval-Signature: abc\r\n");
	SAYS(seen->head, "\r\nX-Two: 2\r\n");
	SAYS_NOT(seen->head, "Expect");
	stop();
}
END_TEST

/* A redirect is an answer: nobody is sent elsewhere with what was meant for here. */
START_TEST(redirects_are_not_followed)
{
	struct cli_http_request what;
	struct cli_http_answer answer;

	start();
	what = request();
	ROUTES({.line = "GET /x", .status = 302, .type = "x\r\nLocation: /y"}, OK("GET /y", "{}"));
	ck_assert_int_eq(cli_http_do(&what, &answer), MC_OK);
	ck_assert_int_eq(answer.status, 302);
	cli_http_answer_clear(&answer);
	ck_assert_ptr_null(rest_server_seen(world.server, 1));
	stop();
}
END_TEST

START_TEST(only_the_named_anchor_is_trusted)
{
	struct make_ca *other = make_ca("P-256", "other.local", time(NULL) + 86400);
	struct cli_http_request what;

	start();
	what = request();
	world_put_cert("other.crt", other->cert);
	what.ca_file = world_path("other.crt");
	ck_assert_int_eq(attempt(&what), MC_EPOLICY);
	ck_assert(!world_was_asked());
	SAYS(mc_err_last()->detail, url);
	make_ca_free(other);
	stop();
}
END_TEST

/* The same certificate, asked for by a name that it does not have. */
START_TEST(the_server_must_have_the_name)
{
	struct cli_http_request what;
	char *other;

	start();
	what = request();
	other = base_xasprintf("https://localhost:%u/x", world.server->port);
	what.url = other;
	ck_assert_int_eq(attempt(&what), MC_EPOLICY);
	ck_assert(!world_was_asked());
	free(other);
	stop();
}
END_TEST

START_TEST(a_server_that_refuses_the_client_says_so)
{
	struct make_ca *other = make_ca("P-256", "other.local", time(NULL) + 86400);
	struct cli_http_request what;
	X509 *cert;

	start();
	what = request();
	cert = leaf_make(other, world.key, NULL, 3600);
	world_put_cert("foreign.crt", cert);
	what.cert_file = world_path("foreign.crt");
	ck_assert_int_eq(attempt(&what), MC_ECLIENT_CERT);
	what.cert_file = NULL;
	what.key_file = NULL;
	ck_assert_int_eq(attempt(&what), MC_ECLIENT_CERT);
	ck_assert(!world_was_asked());
	X509_free(cert);
	make_ca_free(other);
	stop();
}
END_TEST

/* A server without TLS 1.3 is none of ours; that has nothing to do with who we are. */
START_TEST(an_older_tls_is_not_spoken)
{
	struct cli_http_request what;

	start();
	what = request();
	ck_assert_int_eq(SSL_CTX_set_max_proto_version(world.server->ctx, TLS1_2_VERSION), 1);
	ROUTES(OK("GET /x", "{}"));
	ck_assert_int_eq(attempt(&what), MC_EPEER);
	ck_assert(!world_was_asked());
	stop();
}
END_TEST

START_TEST(nobody_there)
{
	struct cli_http_request what;
	char *closed;
	unsigned port = 0;
	int fd = rest_server_bind(&port); /* bound, so nobody else's, but not listening */

	start();
	what = request();
	closed = base_xasprintf("https://127.0.0.1:%u/x", port);
	what.url = closed;
	ck_assert_int_eq(attempt(&what), MC_EPEER);
	SAYS(mc_err_last()->detail, closed);
	what.url = url; /* one who hangs up */
	ROUTES({.line = "GET /x", .status = 0});
	ck_assert_int_eq(attempt(&what), MC_EPEER);
	free(closed);
	(void)close(fd);
	stop();
}
END_TEST

START_TEST(only_https)
{
	struct cli_http_request what;
	char *plain;

	start();
	what = request();
	plain = base_xasprintf("http://127.0.0.1:%u/x", world.server->port);
	what.url = plain;
	ck_assert_int_eq(attempt(&what), MC_EUSAGE);
	what.url = "file:///etc/passwd";
	ck_assert_int_eq(attempt(&what), MC_EUSAGE);
	what.url = "https://";
	ck_assert_int_eq(attempt(&what), MC_EUSAGE);
	SAYS(mc_err_last()->detail, "https");
	free(plain);
	stop();
}
END_TEST

/* Neither may the environment of a person lead a request elsewhere. */
START_TEST(no_proxy_is_asked)
{
	struct cli_http_request what;

	start();
	what = request();
	ck_assert_int_eq(setenv("HTTPS_PROXY", "http://127.0.0.1:1", 1), 0);
	ROUTES(OK("GET /x", "{}"));
	ck_assert_int_eq(attempt(&what), MC_OK);
	ck_assert_int_eq(unsetenv("HTTPS_PROXY"), 0);
	stop();
}
END_TEST

START_TEST(files_that_are_none)
{
	struct cli_http_request what;

	start();
	what = request();
	what.ca_file = "/nonexistent/ca.crt";
	ck_assert_int_eq(attempt(&what), MC_EIO);
	what = request();
	folder_put(world.folder, "bad", "no PEM");
	what.cert_file = world_path("bad");
	ck_assert_int_eq(attempt(&what), MC_EIO);
	what = request();
	what.key_file = world_path("bad");
	ck_assert_int_eq(attempt(&what), MC_EIO);
	stop();
}
END_TEST

/* Sixty-four megabytes, the longest CRL, and one byte more. */
START_TEST(an_answer_is_bounded)
{
	struct cli_http_request what;
	struct cli_http_answer answer;

	start();
	what = request();
	ROUTES({.line = "GET /x", .status = 200, .zeros = CLI_HTTP_BODY_MAX, .once = true},
	    {.line = "GET /x", .status = 200, .zeros = CLI_HTTP_BODY_MAX + 1});
	ck_assert_int_eq(cli_http_do(&what, &answer), MC_OK);
	ck_assert_uint_eq(answer.body.len, CLI_HTTP_BODY_MAX);
	cli_http_answer_clear(&answer);
	ck_assert_int_eq(attempt(&what), MC_ETOOBIG);
	stop();
}
END_TEST

START_TEST(a_long_type_is_cut)
{
	struct cli_http_request what;
	struct cli_http_answer answer;
	char type[200] = "";

	start();
	what = request();
	memset(type, 'T', sizeof(type) - 1);
	ROUTES({.line = "GET /x", .status = 200, .type = type});
	ck_assert_int_eq(cli_http_do(&what, &answer), MC_OK);
	ck_assert_uint_eq(strlen(answer.content_type), sizeof(answer.content_type) - 1);
	ck_assert_uint_eq(strspn(answer.content_type, "t"), sizeof(answer.content_type) - 1);
	cli_http_answer_clear(&answer);
	stop();
}
END_TEST

CHECK_MAIN("cli_http", an_answer_comes_with_status_type_and_body, a_body_and_fields_are_sent,
    redirects_are_not_followed, only_the_named_anchor_is_trusted, the_server_must_have_the_name,
    a_server_that_refuses_the_client_says_so, an_older_tls_is_not_spoken, nobody_there, only_https,
    no_proxy_is_asked, files_that_are_none, an_answer_is_bounded, a_long_type_is_cut)
