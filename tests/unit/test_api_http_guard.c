/* SPDX-License-Identifier: Apache-2.0 */
#include "api/http_guard.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/mem.h"
#include "tests/unit/check_main.h"

#define GET  "GET /v1/users?limit=1 HTTP/1.1\r\nHost: ca\r\n"
#define POST "POST /v1/users HTTP/1.1\r\nHost: ca\r\n"

/* Feeds bytes in pieces of this size; the result is the caller's. */
static char *
feed(const char *bytes, size_t len, size_t piece)
{
	struct http_guard guard;
	struct base_buf out;
	char *text;

	http_guard_init(&guard);
	base_buf_init(&out, 1 << 20);
	for (size_t at = 0; at < len; at += piece) {
		http_guard_feed(&guard,
		    base_span_of(bytes + at, len - at < piece ? len - at : piece), &out);
	}
	http_guard_clear(&guard);
	text = base_buf_take_str(&out);
	ck_assert_ptr_nonnull(text);
	return text;
}

static void
expect_passes(const char *bytes, const char *want)
{
	for (size_t piece = 1; piece <= strlen(bytes); piece += 7) {
		char *got = feed(bytes, strlen(bytes), piece);

		ck_assert_str_eq(got, want);
		free(got);
	}
}

/* What the service is told about bytes of which before has passed. */
static enum mc_err
verdict(const char *bytes, size_t len, size_t piece, const char *before)
{
	char *got = feed(bytes, len, piece);
	size_t passed = strlen(before);
	char method[16] = "";
	char *space;
	enum mc_err ret;

	ck_assert_msg(strncmp(got, before, passed) == 0, "%s", got);
	space = strchr(got + passed, ' ');
	if (space == NULL) {
		free(got);
		return MC_OK;
	}
	base_span_copy_str(base_span_of(got + passed, (size_t)(space - got) - passed), method,
	    sizeof(method));
	*strchr(space + 1, ' ') = '\0';
	ret = http_guard_verdict(method, space + 1);
	free(got);
	return ret;
}

static void
expect_refused(const char *bytes, enum mc_err err, const char *why)
{
	for (size_t piece = 1; piece <= strlen(bytes) + 7; piece += 7) {
		ck_assert_msg(verdict(bytes, strlen(bytes), piece, "") == err, "%s: %s", bytes,
		    mc_err_last()->detail);
		ck_assert_msg(strstr(mc_err_last()->detail, why) != NULL, "%s: %s", bytes,
		    mc_err_last()->detail);
	}
}

START_TEST(passes_what_is_right)
{
	static const char two[] = POST "Content-Length: 2\r\n\r\n{}" GET "\r\n";
	static const char tab[] = GET "X-A:\tb \xc3\xbc \t\r\nx-b:\r\n\r\n";

	expect_passes(GET "\r\n", GET "\r\n");
	expect_passes("\r\n\r\n" GET "\r\n", GET "\r\n");
	expect_passes("GET / HTTP/1.0\r\n\r\n", "GET / HTTP/1.0\r\n\r\n");
	expect_passes(two, two);
	expect_passes(tab, tab);
	ck_assert(http_guard_verdict("GET", "/1") == MC_OK);
}
END_TEST

START_TEST(holds_a_head_until_it_is_whole)
{
	expect_passes(GET "X: y\r\n", "");
	expect_passes(POST "Content-Length: 5\r\n\r\n{\"", POST "Content-Length: 5\r\n\r\n{\"");
}
END_TEST

START_TEST(refuses_two_framings)
{
	expect_refused(POST "Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}", MC_EHTTP, "twice");
	expect_refused(POST "Content-Length: 2\r\ncontent-LENGTH: 2\r\n\r\n{}", MC_EHTTP, "twice");
	expect_refused(POST "Content-Length: 2, 2\r\n\r\n{}", MC_EHTTP, "number");
	expect_refused(POST "Content-Length: +2\r\n\r\n{}", MC_EHTTP, "number");
	expect_refused(POST "Content-Length: 0x2\r\n\r\n{}", MC_EHTTP, "number");
	expect_refused(POST "Content-Length: -1\r\n\r\n{}", MC_EHTTP, "number");
	expect_refused(POST "Content-Length:\r\n\r\n{}", MC_EHTTP, "number");
	expect_refused(POST "Content-Length: 18446744073709551618\r\n\r\n{}", MC_EHTTP, "number");
	expect_refused(POST "Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n{}", MC_EHTTP,
	    "exclude");
	expect_refused(POST "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", MC_ELENGTH,
	    "Content-Length");
	expect_refused(POST "Transfer-Encoding: identity\r\n\r\n", MC_ELENGTH, "Content-Length");
}
END_TEST

START_TEST(refuses_lines_that_two_readers_read_differently)
{
	expect_refused("GET / HTTP/1.1\nHost: ca\n\n", MC_EHTTP, "CR LF");
	expect_refused("GET / HTTP/1.1\r\nHost: ca\n\r\n", MC_EHTTP, "CR LF");
	expect_refused("GET / HTTP/1.1\r\nHost: ca\rX: y\r\n\r\n", MC_EHTTP, "CR LF");
	expect_refused(GET "Content-Length : 2\r\n\r\n", MC_EHTTP, "NAME: VALUE");
	expect_refused(GET " folded\r\n\r\n", MC_EHTTP, "NAME: VALUE");
	expect_refused(GET "no colon\r\n\r\n", MC_EHTTP, "NAME: VALUE");
	expect_refused(GET ": empty\r\n\r\n", MC_EHTTP, "NAME: VALUE");
	expect_refused(GET "X: \x01\r\n\r\n", MC_EHTTP, "NAME: VALUE");
	ck_assert(verdict(GET "X: \0\r\n\r\n", sizeof(GET "X: \0\r\n\r\n") - 1, 64, "") ==
	    MC_EHTTP);
	expect_refused("GET / HTTP/1.1\r\n\r\n", MC_EHTTP, "Host");
	expect_refused(GET "Host: other\r\n\r\n", MC_EHTTP, "Host");
}
END_TEST

START_TEST(refuses_request_lines)
{
	expect_refused("get / HTTP/1.1\r\nHost: ca\r\n\r\n", MC_EHTTP, "capital letters");
	expect_refused("G=T / HTTP/1.1\r\nHost: ca\r\n\r\n", MC_EHTTP, "capital letters");
	expect_refused("refused /1 HTTP/1.1\r\nHost: ca\r\n\r\n", MC_EHTTP, "capital letters");
	expect_refused("AAAAAAAAAAAAAAAAAAAAA / HTTP/1.1\r\nHost: ca\r\n\r\n", MC_EHTTP, "capital");
	expect_refused("GET\r\nHost: ca\r\n\r\n", MC_EHTTP, "first line");
	expect_refused("GET /\r\nHost: ca\r\n\r\n", MC_EHTTP, "first line");
	expect_refused("GET / HTTP/one\r\nHost: ca\r\n\r\n", MC_EHTTP, "first line");
	expect_refused("GET  HTTP/1.1\r\nHost: ca\r\n\r\n", MC_EHTTP, "first line");
	expect_refused("GET /a b HTTP/1.1\r\nHost: ca\r\n\r\n", MC_EHTTP, "percent-encoded");
	expect_refused("GET /\xc3\xbc HTTP/1.1\r\nHost: ca\r\n\r\n", MC_EHTTP, "percent-encoded");
	expect_refused("GET / HTTP/2.0\r\nHost: ca\r\n\r\n", MC_EHTTP, "HTTP/1.1");
	expect_refused("GET / HTTP/1.2\r\nHost: ca\r\n\r\n", MC_EHTTP, "HTTP/1.1");
	expect_refused("\x16\x03\x01\x02\r\n\r\n", MC_EHTTP, "capital letters");
}
END_TEST

START_TEST(refuses_what_is_too_large)
{
	size_t len = LIMIT_HTTP_HEAD + 1;
	char *bytes = base_xcalloc(1, len + 1);
	size_t at;

	memset(bytes, 'A', len);
	base_copy(bytes, "GET /", 5);
	ck_assert(verdict(bytes, LIMIT_HTTP_LINE, 1000, "") == MC_OK);
	ck_assert(verdict(bytes, LIMIT_HTTP_LINE + 1, 1000, "") == MC_EURI);
	ck_assert(verdict(bytes, len, 1, "") == MC_EURI);
	base_copy(bytes, GET "X: ", sizeof(GET "X: ") - 1);
	ck_assert(verdict(bytes, LIMIT_HTTP_HEAD, 1000, "") == MC_OK);
	ck_assert(verdict(bytes, len, 1000, "") == MC_EHEADERS);
	at = (size_t)snprintf(bytes, len, GET);
	for (int i = 0; i < LIMIT_HTTP_FIELDS; i++) {
		at += (size_t)snprintf(bytes + at, len - at, "X: y\r\n");
	}
	at += (size_t)snprintf(bytes + at, len - at, "\r\n");
	ck_assert(verdict(bytes, at, 100, "") == MC_EHEADERS);
	free(bytes);
}
END_TEST

START_TEST(answers_come_in_order_and_are_the_last)
{
	static const char good[] = POST "Content-Length: 3\r\n\r\nabc";
	static const char bytes[] = POST "Content-Length: 3\r\n\r\nabcbad\r\n\r\n" GET "\r\n";

	for (size_t piece = 1; piece < sizeof(bytes); piece += 3) {
		char *got = feed(bytes, sizeof(bytes) - 1, piece);

		ck_assert(verdict(bytes, sizeof(bytes) - 1, piece, good) == MC_EHTTP);
		ck_assert_ptr_nonnull(strstr(got, "Connection: close\r\n\r\n"));
		ck_assert_ptr_null(strstr(got, "/v1/users?limit"));
		free(got);
	}
	ck_assert(http_guard_verdict("refused", "/0") == MC_EINTERNAL);
	ck_assert(http_guard_verdict("refused", "/99") == MC_EINTERNAL);
}
END_TEST

CHECK_MAIN("api_http_guard", passes_what_is_right, holds_a_head_until_it_is_whole, refuses_two_framings,
    refuses_lines_that_two_readers_read_differently, refuses_request_lines,
    refuses_what_is_too_large, answers_come_in_order_and_are_the_last)
