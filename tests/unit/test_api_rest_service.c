/* SPDX-License-Identifier: Apache-2.0 */
/* Connections, bodies and headers of the port; what each resource does is for the tests of its own file. */
#include "api/http_guard.h"
#include "tests/unit/clock_fake.h"
#include "tests/unit/rest_fixture.h"

#define JSON_TYPE "Content-Type: application/json\r\n"
#define INVENTORY_TYPE "Content-Type: application/vnd.meshca.inventory\r\n"
#define INVENTORY_PATH "/v1/environments/production/inventory"

static const char get_users[] = "GET /v1/users HTTP/1.1\r\nHost: a\r\n\r\n";

static void
on_list(struct call *call)
{
	answer_end(call, 0);
}

/* What the ledger is asked stays unanswered. */
static void
on_held(struct call *call)
{
	(void)call;
}

static void
set_up(enum msg_user_role role)
{
	fake_boot_ahead_s = 0;
	begin(role, on_list);
}

static void
post(int fd, const char *text)
{
	ck_assert_int_eq(send(fd, text, strlen(text), MSG_NOSIGNAL), (ssize_t)strlen(text));
	for (int i = 0; i < 5; i++) {
		turn();
	}
}

/* Posts a request's head that announces a body, which does not come. */
static int
announce(const char *method, const char *path, const char *type, size_t len)
{
	char head[512];
	int fd = connect_client();

	snprintf(head, sizeof(head), "%s %s HTTP/1.1\r\nHost: a\r\n%sContent-Length: %zu\r\n\r\n", method,
	    path, type, len);
	post(fd, head);
	return fd;
}

static bool
is_cut_off(int fd)
{
	uint8_t byte;

	return read(fd, &byte, 1) == 0;
}

/* --- heads --- */

START_TEST(malformed_requests_are_refused_by_name)
{
	struct reply reply;

	set_up(MSG_USER_ADMIN);
	expect_problem(get("/v1/nothing"), 404, "not-found");
	reply = request("PUT", "/v1/users", "", "{}");
	ck_assert(has_header(&reply, "Allow: GET, HEAD, POST"));
	expect_problem(reply, 405, "method");
	expect_problem_says(request("GET", "/v1/certificates/0b", "Accept: text/html\r\n", NULL), 406,
	    "not-acceptable", "application/json, application/x-pem-file, application/pkix-cert");
	expect_problem_says(request("GET", "/v1/users", "Accept: text/html\r\n", NULL), 406,
	    "not-acceptable", "application/json");
	expect_problem_says(get("/v1/certificates?nope=1"), 400, "usage", "\"nope\" is not known");
	expect_problem(get("/v1/certificates?Limit=1"), 400, "usage");
	expect_problem(get("/v1/certificates?limi=1"), 400, "usage");
	expect_problem(get("/v1/users?limit=1"), 400, "usage");
	expect_problem_says(get("/v1/certificates?limit=1&limit=1"), 400, "usage", "given twice");
	expect_problem(get("/v1/certificates?limit"), 400, "usage");
	expect_problem(get("/v1/certificates?identity=%ff"), 400, "usage");
	expect_problem(get("/v1/certificates?identity=%0a"), 400, "usage");
	ck_assert_uint_eq(user_get_count, 1); /* nobody is asked who sends such things, but for the empty limit */
	end();
}
END_TEST

START_TEST(a_query_value_has_a_ceiling)
{
	char *path = base_xasprintf("/v1/certificates?identity=%0*d", REST_PARAM_LEN, 1);

	set_up(MSG_USER_VIEWER);
	expect_status(get(path), 200);
	free(path);
	path = base_xasprintf("/v1/certificates?identity=%0*d", REST_PARAM_LEN + 1, 1);
	expect_problem(get(path), 400, "usage");
	free(path);
	end();
}
END_TEST

START_TEST(the_guards_refusals_are_answered_in_its_words)
{
	struct http_guard guard;
	struct base_buf out;
	struct reply reply;
	int fd;

	set_up(MSG_USER_ADMIN);
	http_guard_init(&guard);
	base_buf_init(&out, 4 * LIMIT_HTTP_HEAD);
	http_guard_feed(&guard, base_span_str("GET /v1/users HTTP/1.1\r\n\r\n"), &out);
	fd = connect_client();
	reply = exchange(fd, (const char *)out.ptr, out.len);
	ck_assert(has_header(&reply, "Connection: close"));
	expect_problem_says(reply, 400, "http", "there must be one Host field");
	ck_assert_uint_eq(user_get_count, 0);
	close(fd);
	base_buf_clear(&out);
	http_guard_clear(&guard);
	end();
}
END_TEST

START_TEST(answers_that_are_somebodys_are_not_stored)
{
	struct reply reply;

	set_up(MSG_USER_VIEWER);
	reply = get("/v1/users");
	ck_assert(has_header(&reply, "Cache-Control: no-store"));
	ck_assert(has_header(&reply, "X-Content-Type-Options: nosniff"));
	expect_status(reply, 200);
	reply = get("/openapi.json");
	ck_assert(!has_header(&reply, "Cache-Control: no-store"));
	ck_assert(has_header(&reply, "X-Content-Type-Options: nosniff"));
	expect_status(reply, 200);
	reply = get("/v1/environments/nowhere/bundle"); /* public, but a refusal */
	ck_assert(has_header(&reply, "Cache-Control: no-store"));
	expect_problem(reply, 404, "not-found");
	reply = get("/v1/nothing");
	ck_assert(has_header(&reply, "Cache-Control: no-store"));
	expect_problem(reply, 404, "not-found");
	end();
}
END_TEST

START_TEST(media_types_of_bodies)
{
	static const struct {
		const char *type;
		int status; /* 400: taken; the body is refused as a new user's */
	} rows[] = {{JSON_TYPE, 400}, {"Content-Type: APPLICATION/json\r\n", 400},
	    {"Content-Type: application/json; charset=utf-8\r\n", 400},
	    {"Content-Type: application/json;charset=\"UTF-8\"\r\n", 400},
	    {"Content-Type: application/json \r\n", 400}, {"", 415},
	    {"Content-Type: application/xml\r\n", 415}, {"Content-Type: application/jsonx\r\n", 415},
	    {"Content-Type: application/jso\r\n", 415}, {"Content-Type: text/json\r\n", 415},
	    {"Content-Type: application/json; charset=latin1\r\n", 415},
	    {"Content-Type: application/json; charset=utf-8; a=b\r\n", 415},
	    {"Content-Type: application/json x\r\n", 415},
	    {"Content-Type: application/jsonxcharset=utf-8\r\n", 415}, {INVENTORY_TYPE, 415}};

	set_up(MSG_USER_ADMIN);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct reply reply = request_typed("POST", "/v1/users", rows[i].type, "{}", 2);

		ck_assert_msg(reply.status == rows[i].status, "%s: %d", rows[i].type, reply.status);
		expect_problem(reply, rows[i].status, rows[i].status == 415 ? "media-type" : "usage");
	}
	end();
}
END_TEST

/* --- bodies --- */

/* Posts a new user in a JSON object that is padded to len bytes, announced or in chunks. */
static struct reply
post_padded(size_t len, bool in_chunks)
{
	char *body = base_xcalloc(1, len + 1);
	struct base_buf text;
	struct reply reply;
	int fd;

	memset(body, ' ', len);
	base_copy(body, "{}", 2);
	if (!in_chunks) {
		reply = request_typed("POST", "/v1/users", JSON_TYPE, body, len);
	} else {
		base_buf_init(&text, 2 * len + 1024);
		base_buf_appendf(&text, "POST /v1/users HTTP/1.1\r\nHost: a\r\n" JSON_TYPE
					"Transfer-Encoding: chunked\r\n\r\n%zx\r\n", len);
		base_buf_append(&text, body, len);
		base_buf_appendf(&text, "\r\n0\r\n\r\n");
		fd = connect_client();
		reply = exchange(fd, (const char *)text.ptr, text.len);
		close(fd);
		turn();
		base_buf_clear(&text);
	}
	free(body);
	return reply;
}

START_TEST(a_body_may_have_its_limit_and_not_a_byte_more)
{
	int fd;

	set_up(MSG_USER_ADMIN);
	/* read and refused for what is in it */
	expect_problem_says(post_padded(LIMIT_REST_BODY, false), 400, "usage", "\"name\"");
	expect_problem(post_padded(LIMIT_REST_BODY + 1, false), 413, "too-big");
	fd = announce("POST", "/v1/users", JSON_TYPE, LIMIT_REST_BODY + 1);
	expect_problem(exchange(fd, "", 0), 413, "too-big"); /* before it comes */
	close(fd);
	turn();
	expect_problem_says(post_padded(LIMIT_REST_BODY, true), 400, "usage", "\"name\"");
	expect_status(post_padded(LIMIT_REST_BODY + 1, true), 0);
	ck_assert_uint_eq(user_get_count, 2);
	end();
}
END_TEST

START_TEST(only_an_inventory_may_be_large_and_only_from_our_own)
{
	int fd;

	set_up(MSG_USER_ADMIN);
	fd = announce("POST", "/v1/users", INVENTORY_TYPE, LIMIT_REST_BODY + 1);
	expect_problem(exchange(fd, "", 0), 413, "too-big");
	close(fd);
	fd = announce("PUT", INVENTORY_PATH, INVENTORY_TYPE, LIMIT_APPLIED + 1);
	expect_problem_says(exchange(fd, "", 0), 413, "too-big", "an inventory has at most");
	close(fd);
	turn();
	peer.verified = false;
	fd = announce("PUT", INVENTORY_PATH, INVENTORY_TYPE, LIMIT_REST_BODY + 1);
	expect_problem(exchange(fd, "", 0), 401, "unauthenticated");
	close(fd);
	turn();
	ck_assert_uint_eq(service->upload_count, 0);
	peer.verified = true;
	fd = announce("PUT", INVENTORY_PATH, INVENTORY_TYPE, LIMIT_APPLIED);
	ck_assert_uint_eq(service->upload_count, 1); /* it is waited for */
	close(fd);
	for (int i = 0; i < 5; i++) {
		turn();
	}
	ck_assert_uint_eq(service->upload_count, 0);
	ck_assert_uint_eq(user_get_count, 0);
	end();
}
END_TEST

START_TEST(a_few_large_bodies_at_a_time_one_of_each_client)
{
	int fds[LIMIT_APPLYING];
	int fd;

	set_up(MSG_USER_ADMIN);
	for (unsigned i = 0; i < LIMIT_APPLYING; i++) {
		peer.sha256[31] = (uint8_t)i;
		fds[i] = announce("PUT", INVENTORY_PATH, INVENTORY_TYPE, LIMIT_REST_BODY + 1);
		ck_assert_uint_eq(service->upload_count, i + 1);
		if (i == 0) { /* the same client once more */
			fd = announce("PUT", INVENTORY_PATH, INVENTORY_TYPE, LIMIT_REST_BODY + 1);
			expect_problem(exchange(fd, "", 0), 503, "busy");
			close(fd);
		}
	}
	peer.sha256[31] = LIMIT_APPLYING;
	fd = announce("PUT", INVENTORY_PATH, INVENTORY_TYPE, LIMIT_REST_BODY + 1);
	expect_problem(exchange(fd, "", 0), 503, "busy");
	close(fd);
	close(fds[0]);
	for (int i = 0; i < 5; i++) {
		turn();
	}
	ck_assert_uint_eq(service->upload_count, LIMIT_APPLYING - 1);
	fds[0] = announce("PUT", INVENTORY_PATH, INVENTORY_TYPE, LIMIT_REST_BODY + 1);
	ck_assert_uint_eq(service->upload_count, LIMIT_APPLYING);
	end();
	for (unsigned i = 0; i < LIMIT_APPLYING; i++) {
		close(fds[i]);
	}
}
END_TEST

/* --- connections --- */

START_TEST(a_connection_serves_several_requests_and_head_has_no_body)
{
	static const char head[] = "HEAD /v1/users HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
	char first[33] = "";
	struct reply reply;
	int fd;

	set_up(MSG_USER_VIEWER);
	fd = connect_client();
	for (int i = 0; i < 3; i++) {
		const char *id;

		reply = exchange(fd, get_users, strlen(get_users));
		ck_assert_int_eq(reply.status, 200);
		id = strcasestr(reply.head, "\r\nX-Request-Id: ") + 16;
		ck_assert_int_ne(strncmp(first, id, 32), 0); /* each has its own */
		base_copy(first, id, 32);
		drop(&reply);
	}
	reply = exchange(fd, head, strlen(head));
	ck_assert_int_eq(reply.status, 200);
	ck_assert_uint_eq(reply.body_len, 0);
	drop(&reply);
	close(fd);
	ck_assert_uint_eq(metrics_get(front.metrics, METRICS_REST_REQUESTS), 4);
	end();
}
END_TEST

START_TEST(who_is_silent_is_cut_off_and_who_waits_is_not)
{
	int idle, served, busy;

	set_up(MSG_USER_VIEWER);
	idle = connect_client();
	served = connect_client();
	busy = connect_client();
	expect_status(exchange(served, get_users, strlen(get_users)), 200);
	serve = on_held;
	post(busy, get_users);
	ck_assert_uint_eq(rest_service_pending(service), 1);
	fake_boot_ahead_s = LIMIT_REST_IDLE_S - 2;
	for (int i = 0; i < 5; i++) {
		turn();
	}
	ck_assert(!is_cut_off(idle));
	ck_assert(!is_cut_off(served));
	fake_boot_ahead_s = LIMIT_REST_IDLE_S + 2;
	for (int i = 0; i < 5; i++) {
		turn();
	}
	ck_assert(is_cut_off(idle));
	ck_assert(is_cut_off(served));
	ck_assert(!is_cut_off(busy));
	end();
	close(idle);
	close(served);
	close(busy);
}
END_TEST

START_TEST(a_body_that_takes_too_long_is_cut_off)
{
	int fd;

	set_up(MSG_USER_ADMIN);
	fd = announce("POST", "/v1/users", JSON_TYPE, 10);
	fake_boot_ahead_s = LIMIT_REQUEST_BODY_S - 2;
	post(fd, "{");
	ck_assert(!is_cut_off(fd));
	fake_boot_ahead_s = LIMIT_REQUEST_BODY_S + 2;
	for (int i = 0; i < 5; i++) {
		turn();
	}
	ck_assert(is_cut_off(fd));
	ck_assert_uint_eq(rest_service_pending(service), 0);
	close(fd);
	end();
}
END_TEST

START_TEST(a_whole_request_may_take_as_long_as_its_answer)
{
	int fd;

	set_up(MSG_USER_VIEWER);
	serve = on_held;
	fd = connect_client();
	post(fd, get_users);
	fake_boot_ahead_s = 10 * LIMIT_REQUEST_BODY_S;
	for (int i = 0; i < 5; i++) {
		turn();
	}
	ck_assert(!is_cut_off(fd));
	ck_assert_uint_eq(rest_service_pending(service), 1);
	end();
	close(fd);
}
END_TEST

START_TEST(pending_counts_requests_and_answers_on_their_way)
{
	int fd;

	set_up(MSG_USER_VIEWER);
	ck_assert_uint_eq(rest_service_pending(service), 0);
	terminator.unread = 2;
	ck_assert_uint_eq(rest_service_pending(service), 2);
	terminator.unread = 0;
	serve = on_held;
	fd = connect_client();
	post(fd, get_users);
	ck_assert_uint_eq(rest_service_pending(service), 1);
	rest_service_drain(service);
	ck_assert(terminator.draining);
	ck_assert_uint_eq(rest_service_pending(service), 1);
	end();
	close(fd);
}
END_TEST

/* --- the service's own life --- */

START_TEST(freeing_answers_what_is_under_way)
{
	struct reply reply;
	int fd;

	set_up(MSG_USER_VIEWER);
	fd = connect_client();
	ck_assert_int_eq(send(fd, get_users, strlen(get_users), MSG_NOSIGNAL),
	    (ssize_t)strlen(get_users));
	for (int i = 0; i < 50 && call_count == 0; i++) {
		base_loop_turn(front.loop, 1);
	}
	ck_assert_uint_eq(call_count, 1);
	ck_assert_uint_eq(rest_service_pending(service), 1);
	rest_service_free(service);
	service = NULL;
	ck_assert_ptr_null(envs[1].tls);
	base_buf_clear(&calls[0].payload);
	call_count = 0;
	reply = exchange(fd, "", 0);
	expect_problem_says(reply, 503, "not-ready", "shutting down");
	end();
	close(fd);
}
END_TEST

START_TEST(freeing_while_the_pool_has_a_csr_is_safe)
{
	char *body = example_body();
	char *text = base_xasprintf("POST /v1/environments/production/certificates HTTP/1.1\r\n"
				    "Host: a\r\n" JSON_TYPE "Content-Length: %zu\r\n\r\n%s",
	    strlen(body), body);
	int fd;

	set_up(MSG_USER_OPERATOR);
	fd = connect_client();
	ck_assert_int_eq(send(fd, text, strlen(text), MSG_NOSIGNAL), (ssize_t)strlen(text));
	for (int i = 0; i < 50 && base_pool_pending(front.pool) == 0; i++) {
		turn();
	}
	ck_assert_uint_eq(base_pool_pending(front.pool), 1);
	rest_service_free(service);
	service = NULL;
	end();
	close(fd);
	free(text);
	free(body);
}
END_TEST

/* A TLS connection may break while its last request is answered. */
START_TEST(who_a_client_is_outlives_its_tls_connection)
{
	uint8_t cert[] = {0x30, 0x01, 0x02};
	const uint8_t same[] = {0x30, 0x01, 0x02};
	int fd;

	set_up(MSG_USER_VIEWER);
	peer.cert = base_span_of(cert, sizeof(cert));
	peer.serial = peer.uri = peer.cert;
	fd = connect_client();
	memset(cert, 0, sizeof(cert));
	ck_assert(base_span_equal(service->clients->peer.cert, base_span_of(same, sizeof(same))));
	ck_assert_uint_eq(service->clients->peer.serial.len, 0);
	ck_assert_uint_eq(service->clients->peer.uri.len, 0);
	close(fd);
	end();
}
END_TEST

START_TEST(clients_that_leave_are_forgotten)
{
	int fds[3];

	set_up(MSG_USER_VIEWER);
	for (size_t i = 0; i < 3; i++) {
		fds[i] = connect_client();
		turn();
	}
	for (size_t i = 0; i < 3; i++) { /* middle, last, first */
		close(fds[(i + 1) % 3]);
		for (int j = 0; j < 5; j++) {
			turn();
		}
	}
	ck_assert_ptr_null(service->clients);
	end();
}
END_TEST

START_TEST(without_an_operators_authority_there_is_no_port)
{
	int fds[2];

	set_up(MSG_USER_VIEWER);
	ck_assert_ptr_eq((void *)envs[1].tls, (void *)&tls_server_stand_in);
	front.env_count = 1;
	ck_assert_int_eq(pipe(fds), 0);
	ck_assert_ptr_null(rest_service_new(&front, fds[0]));
	ck_assert_int_eq(mc_err_last()->code, MC_EIO);
	ck_assert_int_eq(close(fds[0]), -1); /* it was taken over all the same */
	close(fds[1]);
	front.env_count = 2;
	end();
}
END_TEST

CHECK_MAIN("api_rest_service", malformed_requests_are_refused_by_name, a_query_value_has_a_ceiling,
    the_guards_refusals_are_answered_in_its_words, answers_that_are_somebodys_are_not_stored,
    media_types_of_bodies, a_body_may_have_its_limit_and_not_a_byte_more,
    only_an_inventory_may_be_large_and_only_from_our_own,
    a_few_large_bodies_at_a_time_one_of_each_client,
    a_connection_serves_several_requests_and_head_has_no_body,
    who_is_silent_is_cut_off_and_who_waits_is_not, a_body_that_takes_too_long_is_cut_off,
    a_whole_request_may_take_as_long_as_its_answer, pending_counts_requests_and_answers_on_their_way,
    freeing_answers_what_is_under_way, freeing_while_the_pool_has_a_csr_is_safe,
    who_a_client_is_outlives_its_tls_connection, clients_that_leave_are_forgotten, without_an_operators_authority_there_is_no_port)
