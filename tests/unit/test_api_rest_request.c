/* SPDX-License-Identifier: Apache-2.0 */
/* How any endpoint answers, asks and pages, shown on lists: their handlers add nothing. */
#include "tests/unit/rest_fixture.h"

#include <microhttpd.h>

static struct msg_event_list listed;
static struct call held; /* not answered yet */
static enum mc_err outcome; /* of an answer that did not come */

static void
hold(struct call *call)
{
	held = *call;
	base_buf_init(&call->payload, 0); /* held has it */
}

static void
release(void)
{
	base_buf_clear(&held.payload);
}

static void
on_list(struct call *call)
{
	if (call->type == MSG_EVENT_LIST) {
		asked(call, &ledger, MSG_EVENT_LIST, &msg_event_list_table, &listed);
	}
	answer_end(call, 0);
}

/* Nobody answers. */
static void
on_loss(struct call *call)
{
	call->fn(call->self, outcome, NULL, false);
}

static struct msg_event_row
event_of(uint64_t seq)
{
	return (struct msg_event_row){.seq = seq,
	    .actor = base_span_str("bob"),
	    .action = base_span_str("certificate-revoked")};
}

/* Sends the request and turns until it is asked. */
static int
ask_held(const char *path)
{
	char *text = base_xasprintf("GET %s HTTP/1.1\r\nHost: a\r\n\r\n", path);
	int fd = connect_client();

	serve = hold;
	held = (struct call){0};
	ck_assert_int_eq(send(fd, text, strlen(text), MSG_NOSIGNAL), (ssize_t)strlen(text));
	for (int i = 0; i < 50 && held.fn == NULL; i++) {
		turn();
	}
	ck_assert(held.fn != NULL);
	free(text);
	return fd;
}

START_TEST(a_limit_is_from_1_to_its_ceiling)
{
	static const struct {
		const char *text;
		unsigned limit; /* 0: refused */
	} rows[] = {{"1", 1}, {"500", 500}, {"9", 9}, {"%31%30", 10}, {"501", 0}, {"0", 0}, {"", 0},
	    {"01", 0}, {"-1", 0}, {"%2B1", 0}, {"%201", 0}, {"1%20", 0}, {"1x", 0}, {"0x10", 0},
	    {"18446744073709551617", 0}, {"4294967297", 0}};
	char path[128];

	begin(MSG_USER_VIEWER, on_list);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct reply reply;

		snprintf(path, sizeof(path), "/v1/events?limit=%s", rows[i].text);
		listed.limit = 0;
		reply = get(path);
		ck_assert_msg(reply.status == (rows[i].limit == 0 ? 400 : 200), "%s: %d", rows[i].text,
		    reply.status);
		ck_assert_uint_eq(listed.limit, rows[i].limit);
		drop(&reply);
	}
	end();
}
END_TEST

START_TEST(a_cursor_is_eight_bytes_that_an_earlier_page_gave)
{
	static const struct {
		const char *text;
		uint64_t before_seq; /* 0: refused */
	} rows[] = {{"AQAAAAAAAAA", 1}, {"CAcGBQQDAgE", 0x0102030405060708},
	    {"_________38", INT64_MAX}, {"__________8", INT64_MAX}, {"", 0}, {"AAAA", 0},
	    {"AQAAAAAAAA", 0}, {"AQAAAAAAAAAB", 0}, {"AQAAAAAAAAA%3D", 0}, {"%2B________38", 0},
	    {"AQAAAAAAAAB", 0}};
	char path[128];

	begin(MSG_USER_VIEWER, on_list);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct reply reply;

		snprintf(path, sizeof(path), "/v1/events?cursor=%s", rows[i].text);
		listed.before_seq = 0;
		reply = get(path);
		ck_assert_msg(reply.status == (rows[i].before_seq == 0 ? 400 : 200), "%s: %d",
		    rows[i].text, reply.status);
		ck_assert_uint_eq(listed.before_seq, rows[i].before_seq);
		drop(&reply);
	}
	end();
}
END_TEST

START_TEST(next_is_the_cursor_of_the_next_page)
{
	struct reply reply;
	int fd;

	begin(MSG_USER_VIEWER, NULL);
	fd = ask_held("/v1/events");
	answer_end(&held, 0x0102030405060708);
	release();
	reply = exchange(fd, "", 0);
	ck_assert_str_eq(member(&reply, "next"), "CAcGBQQDAgE");
	ck_assert_uint_eq(json_array_size(json_object_get(reply.json, "events")), 0);
	drop(&reply);
	close(fd);
	end();
}
END_TEST

START_TEST(rows_come_in_the_order_of_the_ledger)
{
	struct reply reply;
	const json_t *events;
	int fd;

	begin(MSG_USER_VIEWER, NULL);
	fd = ask_held("/v1/events");
	for (uint64_t seq = 3; seq > 0; seq--) {
		struct msg_event_row row = event_of(seq);

		answer(&held, &msg_event_row_table, &row, true);
	}
	answer_end(&held, 0);
	release();
	reply = exchange(fd, "", 0);
	ck_assert_int_eq(reply.status, 200);
	events = json_object_get(reply.json, "events");
	ck_assert_uint_eq(json_array_size(events), 3);
	for (size_t i = 0; i < 3; i++) {
		ck_assert_int_eq(json_integer_value(json_object_get(json_array_get(events, i),
				     "sequence")), (json_int_t)(3 - i));
	}
	ck_assert(json_is_null(json_object_get(reply.json, "next")));
	drop(&reply);
	close(fd);
	end();
}
END_TEST

START_TEST(a_list_of_an_environment_that_there_is_not_is_not_found)
{
	begin(MSG_USER_VIEWER, on_list);
	expect_status(get("/v1/certificates?environment=production"), 200);
	expect_problem_says(get("/v1/certificates?environment=nowhere"), 404, "not-found",
	    "there is no environment nowhere");
	expect_problem(get("/v1/issuers?environment=nowhere"), 404, "not-found");
	end();
}
END_TEST

/* The ledger remembers environments that the configuration has no more. */
START_TEST(rows_show_that_an_environment_was)
{
	const struct msg_issuer_row row = {.environment = base_span_str("formerly"),
	    .profile = MSG_PROFILE_ISSUING,
	    .state = MSG_STATE_EXPIRED};
	struct reply reply;
	int fd;

	begin(MSG_USER_VIEWER, NULL);
	fd = ask_held("/v1/issuers?environment=formerly");
	answer(&held, &msg_issuer_row_table, &row, true);
	answer_end(&held, 0);
	release();
	reply = exchange(fd, "", 0);
	ck_assert_uint_eq(json_array_size(json_object_get(reply.json, "issuers")), 1);
	expect_status(reply, 200);
	close(fd);
	end();
}
END_TEST

START_TEST(a_failure_amid_a_list_is_answered_after_its_end)
{
	struct msg_event_row row = event_of(2);
	uint8_t byte;
	int fd;

	begin(MSG_USER_VIEWER, NULL);
	fd = ask_held("/v1/events");
	answer(&held, &msg_event_row_table, &row, true);
	row = (struct msg_event_row){.status = MC_ESTORE, .detail = base_span_str("disk")};
	answer(&held, &msg_event_row_table, &row, true);
	row = event_of(1);
	answer(&held, &msg_event_row_table, &row, true);
	for (int i = 0; i < 5; i++) {
		turn();
	}
	ck_assert_int_eq(read(fd, &byte, 1), -1); /* the request is still asked for */
	ck_assert_uint_eq(rest_service_pending(service), 1);
	answer_end(&held, 0);
	release();
	expect_problem_says(exchange(fd, "", 0), 503, "store", "disk");
	close(fd);
	end();
}
END_TEST

START_TEST(bytes_that_are_no_answer_are_an_error_of_ours)
{
	struct base_item item = {.type = MSG_ANSWER(MSG_EVENT_LIST),
	    .payload = base_span_str("nonsense"),
	    .fd = -1};
	struct reply reply;
	int fd;

	begin(MSG_USER_VIEWER, NULL);
	fd = ask_held("/v1/events");
	held.fn(held.self, MC_OK, &item, false);
	release();
	reply = exchange(fd, "", 0);
	expect_problem(reply, 500, "frame");
	close(fd);
	fd = ask_held("/v1/events");
	held.fn(held.self, MC_OK, NULL, false); /* nothing at all */
	release();
	reply = exchange(fd, "", 0);
	expect_problem(reply, 503, "peer-gone");
	close(fd);
	end();
}
END_TEST

START_TEST(what_an_answer_says_is_passed_on_whole)
{
	char detail[LIMIT_DETAIL + 1];
	struct msg_list_end last = {.status = MC_EBUSY};
	struct reply reply;
	int fd;

	memset(detail, 'd', LIMIT_DETAIL);
	detail[LIMIT_DETAIL] = '\0';
	last.detail = base_span_str(detail);
	begin(MSG_USER_VIEWER, NULL);
	fd = ask_held("/v1/events");
	answer(&held, &msg_list_end_table, &last, false);
	release();
	reply = exchange(fd, "", 0);
	ck_assert_str_eq(member(&reply, "detail"), detail);
	ck_assert_ptr_nonnull(strcasestr(reply.head, "\r\nRetry-After: "));
	expect_problem(reply, 503, "busy");
	close(fd);
	end();
}
END_TEST

START_TEST(a_missing_ledger_is_said_with_a_time_to_retry)
{
	struct reply reply;

	begin(MSG_USER_ADMIN, on_loss);
	outcome = MC_EPEER;
	expect_problem_says(get("/v1/events"), 503, "not-ready", "the ledger ended");
	outcome = MC_EDEADLINE;
	reply = get("/v1/events");
	ck_assert_ptr_nonnull(strcasestr(reply.head, "\r\nRetry-After: "));
	expect_problem_says(reply, 503, "not-ready", "the ledger did not answer");
	link_refusal = MC_ENOTREADY;
	reply = get("/v1/events");
	ck_assert_ptr_nonnull(strcasestr(reply.head, "\r\nRetry-After: "));
	expect_problem(reply, 503, "not-ready");
	end();
}
END_TEST

START_TEST(a_missing_signer_is_called_one)
{
	char *body = example_body();

	begin(MSG_USER_ADMIN, on_loss);
	outcome = MC_EDEADLINE;
	expect_problem_says(request("POST", "/v1/environments/production/certificates", "", body), 503,
	    "not-ready", "the signer did not answer");
	outcome = MC_EPEER;
	expect_problem_says(request("POST", "/v1/environments/production/certificates", "", body), 503,
	    "not-ready", "the signer ended");
	end();
	free(body);
}
END_TEST

START_TEST(an_error_is_not_explained_by_another)
{
	struct reply reply;

	begin(MSG_USER_ADMIN, on_list);
	link_refusal = MC_ENOTREADY;
	(void)MC_FAIL(MC_EIO, "of somebody else");
	reply = get("/v1/events");
	ck_assert_ptr_null(strstr(reply.body, "somebody else"));
	expect_problem(reply, 503, "not-ready");
	(void)MC_FAIL(MC_ENOTREADY, "the very one");
	expect_problem_says(get("/v1/events"), 503, "not-ready", "the very one");
	end();
}
END_TEST

/* --- without a connection --- */

START_TEST(the_first_answer_stands)
{
	struct rest_service alone = {.front = &front};
	struct rest_request req = {.service = &alone};
	struct base_buf buf;

	front = (struct front){.metrics = metrics_new()};
	rest_reply_json(&req, 200, json_object());
	rest_reply_json(&req, 201, json_object());
	ck_assert_uint_eq(req.status, 200);
	base_buf_init(&buf, 8);
	base_buf_append_u8(&buf, 1);
	rest_reply_buf(&req, 202, REST_DER, &buf);
	ck_assert_uint_eq(buf.len, 0);
	ck_assert_uint_eq(req.status, 200);
	ck_assert_int_eq(req.err, MC_OK);
	MHD_destroy_response(req.response);
	metrics_free(front.metrics);
}
END_TEST

START_TEST(an_answer_that_cannot_be_made_is_a_bug_not_half_an_answer)
{
	struct rest_service alone = {.front = &front};
	struct rest_request req = {.service = &alone};
	struct base_buf buf;

	front = (struct front){.metrics = metrics_new()};
	rest_reply_json(&req, 200, NULL);
	ck_assert_uint_eq(req.status, 500);
	ck_assert_int_eq(req.err, MC_EINTERNAL);
	MHD_destroy_response(req.response);
	req = (struct rest_request){.service = &alone};
	base_buf_init(&buf, 2);
	base_buf_append(&buf, "123", 3);
	rest_reply_buf(&req, 200, REST_DER, &buf);
	ck_assert_uint_eq(req.status, 500);
	MHD_destroy_response(req.response);
	req = (struct rest_request){.service = &alone};
	rest_fail(&req, MC_OK, NULL); /* no error is none to answer with */
	ck_assert_uint_eq(req.status, 500);
	ck_assert_int_eq(req.err, MC_EINTERNAL);
	MHD_destroy_response(req.response);
	metrics_free(front.metrics);
}
END_TEST

CHECK_MAIN("api_rest_request", a_limit_is_from_1_to_its_ceiling,
    a_cursor_is_eight_bytes_that_an_earlier_page_gave, next_is_the_cursor_of_the_next_page,
    rows_come_in_the_order_of_the_ledger, a_list_of_an_environment_that_there_is_not_is_not_found,
    rows_show_that_an_environment_was, a_failure_amid_a_list_is_answered_after_its_end,
    bytes_that_are_no_answer_are_an_error_of_ours, what_an_answer_says_is_passed_on_whole,
    a_missing_ledger_is_said_with_a_time_to_retry, a_missing_signer_is_called_one,
    an_error_is_not_explained_by_another,
    the_first_answer_stands, an_answer_that_cannot_be_made_is_a_bug_not_half_an_answer)
