/* SPDX-License-Identifier: Apache-2.0 */
/* One request and its answer: what is kept of it, what it may hold, in which frames it is answered. */
#include "tests/unit/h2_world.h"

static struct h2_world w;

#define FIELDS_BASE                                                                    \
	{":method", "POST"}, {":scheme", "https"}, {":path", "/a"}, {":authority", "localhost"}

static const struct h2_field plain[] = {FIELDS_BASE, {NULL, NULL}};

static struct h2_client *
begin(void)
{
	h2_world_start(&w);
	return h2_client_begin(w.tls.loop, w.port, false);
}

static void
end(struct h2_client *client)
{
	h2_client_end(client);
	h2_world_stop(&w);
}

static struct h2_reply *
ask(struct h2_client *client, const struct h2_field *fields, struct base_span body)
{
	struct h2_reply *reply = h2_client_send(client, fields, body, false);

	H2_CLIENT_UNTIL(client, reply->closed);
	return reply;
}

START_TEST(the_headers_that_anybody_looks_at)
{
	static const struct h2_field all[] = {FIELDS_BASE, {"content-type", "application/grpc"},
	    {"authorization", "Bearer a.b.c"}, {"clusterid", "Kubernetes"}, {"grpc-timeout", "1S"},
	    {"grpc-encoding", "identity"}, {"x-other", "nothing"}, {NULL, NULL}};
	static const char *const want[H2_HEADER_COUNT] = {"POST", "/a", "application/grpc",
	    "Bearer a.b.c", "Kubernetes", "1S", "identity"};
	struct h2_client *client = begin();

	ask(client, all, base_span_str("body"));
	for (int i = 0; i < H2_HEADER_COUNT; i++) {
		ck_assert_str_eq(w.seen[i].value, want[i]);
		ck_assert(!w.seen[i].twice);
	}
	ck_assert(base_span_equal_str(base_buf_span(&w.body), "body"));
	/* the stream's object is used again: nothing of the last request is left in it */
	ck_assert_uint_eq(w.h2->pool_count, 1);
	ask(client, plain, base_span_of(NULL, 0));
	ck_assert_uint_eq(w.h2->pool_count, 1);
	ck_assert_str_eq(w.seen[H2_PATH].value, "/a");
	for (int i = H2_CONTENT_TYPE; i < H2_HEADER_COUNT; i++) {
		ck_assert_str_eq(w.seen[i].value, "");
	}
	ck_assert_uint_eq(w.body.len, 0);
	end(client);
}
END_TEST

/* Twice is said, and never is the second the one that counts. */
START_TEST(a_header_that_comes_twice)
{
	static const struct h2_field twice[] = {FIELDS_BASE, {"authorization", "Bearer first"},
	    {"clusterid", "one"}, {"authorization", "Bearer second"}, {"clusterid", "one"},
	    {NULL, NULL}};
	struct h2_client *client = begin();

	ask(client, twice, base_span_of(NULL, 0));
	ck_assert(w.seen[H2_AUTHORIZATION].twice);
	ck_assert(w.seen[H2_CLUSTERID].twice);
	ck_assert(!w.seen[H2_PATH].twice);
	ck_assert_str_eq(w.seen[H2_AUTHORIZATION].value, "Bearer first");
	/* not of the next request, which gets the same object */
	ask(client, plain, base_span_of(NULL, 0));
	ck_assert(!w.seen[H2_AUTHORIZATION].twice);
	ck_assert_str_eq(w.seen[H2_AUTHORIZATION].value, "");
	end(client);
}
END_TEST

/* RFC 9113 6.5.2: names, values and 32 bytes for each. */
START_TEST(the_header_list_has_a_limit)
{
	static char value[LIMIT_HEADER_LIST];
	struct h2_field fields[] = {FIELDS_BASE, {"x-pad", value}, {NULL, NULL}};
	size_t base_len = 5 * 32 + strlen(":methodPOST:schemehttps:path/a:authoritylocalhost" "x-pad");
	struct h2_client *client = begin();

	memset(value, 'a', LIMIT_HEADER_LIST - base_len);
	ask(client, fields, base_span_of(NULL, 0));
	ck_assert(!w.head_too_big);
	value[LIMIT_HEADER_LIST - base_len] = 'a';
	ask(client, fields, base_span_of(NULL, 0));
	ck_assert(w.head_too_big);
	end(client);
}
END_TEST

START_TEST(the_body_has_a_limit)
{
	static uint8_t body[LIMIT_GRPC_MESSAGE + 6];
	struct h2_client *client = begin();
	struct h2_reply *reply;

	ask(client, plain, base_span_of(body, LIMIT_GRPC_MESSAGE + 5));
	ck_assert(!w.body_too_big);
	ck_assert_uint_eq(w.body.len, LIMIT_GRPC_MESSAGE + 5);
	/* one above: told at once, though the request has not ended, and once */
	reply = h2_client_send(client, plain, base_span_of(body, LIMIT_GRPC_MESSAGE + 6), true);
	H2_CLIENT_UNTIL(client, reply->closed);
	ck_assert(w.body_too_big);
	ck_assert_uint_eq(w.requests, 2);
	ck_assert_str_eq(reply->status, "200");
	ck_assert_uint_eq(w.h2->memory, 0);
	/* nor again at its end, when the answer takes its time */
	w.hold = true;
	reply = h2_client_send(client, plain, base_span_of(body, LIMIT_GRPC_MESSAGE + 6), false);
	H2_CLIENT_UNTIL(client, w.requests == 3 && reply->send_len == 0);
	h2_client_settle(client);
	ck_assert_uint_eq(w.requests, 3);
	h2_world_answer(&w, w.stream);
	H2_CLIENT_UNTIL(client, reply->closed);
	end(client);
}
END_TEST

START_TEST(an_answer_with_body_and_trailers)
{
	struct h2_client *client = begin();
	struct h2_reply *reply;

	w.answer_len = 100000; /* more than a window: in pieces */
	w.trailer = "0";
	reply = ask(client, plain, base_span_of(NULL, 0));
	ck_assert_uint_eq(reply->header_blocks, 2);
	ck_assert_str_eq(reply->status, "200");
	ck_assert_str_eq(reply->type, "text/plain");
	ck_assert_str_eq(reply->grpc_status, "0");
	ck_assert_uint_eq(reply->body.len, 100000);
	ck_assert(reply->ended);
	w.trailer = NULL;
	reply = ask(client, plain, base_span_of(NULL, 0));
	ck_assert_uint_eq(reply->header_blocks, 1);
	ck_assert_uint_eq(reply->body.len, 100000);
	ck_assert(reply->ended);
	end(client);
}
END_TEST

START_TEST(an_answer_without_body_is_one_header_block)
{
	struct h2_client *client = begin();
	struct h2_reply *reply;

	w.trailer = "12";
	reply = ask(client, plain, base_span_of(NULL, 0));
	ck_assert_uint_eq(reply->header_blocks, 1);
	ck_assert_str_eq(reply->status, "200");
	ck_assert_str_eq(reply->grpc_status, "12");
	ck_assert(reply->ended);
	ck_assert_uint_eq(reply->error, 0);
	end(client);
}
END_TEST

/* RFC 9113 8.1: a client that is answered early need not send the rest. */
START_TEST(answered_at_the_headers)
{
	struct h2_client *client = begin();
	struct h2_reply *reply;

	w.refuse_headers = true;
	w.trailer = "3";
	reply = h2_client_send(client, plain, base_span_str("part"), true);
	H2_CLIENT_UNTIL(client, reply->closed);
	ck_assert(reply->ended);
	ck_assert_str_eq(reply->grpc_status, "3");
	ck_assert_uint_eq(reply->error, NGHTTP2_NO_ERROR);
	ck_assert_uint_eq(w.headers, 1);
	ck_assert_uint_eq(w.requests, 0);
	ck_assert_uint_eq(w.gone, 1);
	ck_assert_uint_eq(w.h2->memory, 0);
	/* the same for one that ends with its headers */
	ask(client, plain, base_span_of(NULL, 0));
	ck_assert_uint_eq(w.headers, 2);
	ck_assert_uint_eq(w.requests, 0);
	end(client);
}
END_TEST

/* Fields behind the body are no headers: they neither count as second ones nor change the first. */
START_TEST(request_trailers_are_not_headers)
{
	static const struct h2_field fields[] = {FIELDS_BASE, {"clusterid", "one"}, {NULL, NULL}};
	nghttp2_nv nv = {.name = (uint8_t[]){"clusterid"}, .namelen = 9,
	    .value = (uint8_t[]){"two"}, .valuelen = 3};
	struct h2_client *client = begin();
	struct h2_reply *reply;
	struct base_span value;
	bool twice = true;

	w.hold = true;
	reply = h2_client_send(client, fields, base_span_str("x"), true);
	H2_CLIENT_UNTIL(client, w.headers == 1 && w.h2->conns->streams->body.len == 1);
	ck_assert_int_eq(nghttp2_submit_trailer(client->session, reply->id, &nv, 1), 0);
	H2_CLIENT_UNTIL(client, w.requests == 1);
	value = h2_stream_header(w.stream, H2_CLUSTERID, &twice);
	ck_assert(!twice && base_span_equal_str(value, "one"));
	h2_world_answer(&w, w.stream);
	H2_CLIENT_UNTIL(client, reply->closed);
	ck_assert_uint_eq(w.headers, 1);
	end(client);
}
END_TEST

/* The request's bytes go with whoever takes them, and count no more. */
START_TEST(taken_bytes_outlive_the_stream)
{
	static const struct h2_field fields[] = {FIELDS_BASE, {"clusterid", "one"}, {NULL, NULL}};
	struct h2_client *client = begin();
	struct h2_reply *reply;
	struct base_span value, body;
	struct base_buf head_buf, body_buf;
	size_t held;

	base_buf_init(&head_buf, LIMIT_HEADER_LIST);
	base_buf_init(&body_buf, LIMIT_GRPC_MESSAGE + 5);
	base_buf_append_str(&body_buf, "old bytes");
	w.hold = true;
	reply = h2_client_send(client, fields, base_span_str("message"), false);
	H2_CLIENT_UNTIL(client, w.requests == 1);
	held = w.h2->memory;
	/* its cost, its kept headers, its body */
	ck_assert_uint_eq(held, H2_STREAM_COST + strlen("POST/aone") + strlen("message"));
	ck_assert_uint_eq(w.h2->conns->memory, held);
	value = h2_stream_header(w.stream, H2_CLUSTERID, NULL);
	body = base_buf_span(&w.stream->body);
	h2_stream_take(w.stream, &head_buf, &body_buf);
	ck_assert_uint_eq(w.h2->memory, H2_STREAM_COST);
	ck_assert_uint_eq(h2_stream_header(w.stream, H2_CLUSTERID, NULL).len, 0);
	ck_assert_uint_eq(w.stream->body.len, 0);
	h2_client_cancel(client, reply);
	H2_CLIENT_UNTIL(client, w.gone == 1);
	ck_assert(base_span_equal_str(value, "one"));
	ck_assert(base_span_equal_str(body, "message"));
	ck_assert_uint_eq(w.h2->memory, 0);
	base_buf_clear(&head_buf);
	base_buf_clear(&body_buf);
	end(client);
}
END_TEST

/* All streams of a listener together hold a bounded amount; who comes then is told. */
START_TEST(together_they_hold_no_more_than_their_limit)
{
	struct h2_client *client = begin();
	struct h2_reply *reply;
	size_t room = H2_STREAM_COST + strlen("POST/a") + 4;

	w.h2->memory = H2_MEMORY_MAX - room;
	ask(client, plain, base_span_str("body"));
	ck_assert(!w.no_memory);
	ck_assert_uint_eq(w.h2->memory, H2_MEMORY_MAX - room);
	w.h2->memory++; /* the body's last byte has no room */
	reply = ask(client, plain, base_span_str("body"));
	ck_assert(w.no_memory);
	ck_assert_str_eq(reply->status, "200"); /* it is answered all the same */
	ck_assert_uint_eq(w.h2->memory, H2_MEMORY_MAX - room + 1);
	/* there is room for its headers, not for itself */
	w.h2->memory = H2_MEMORY_MAX - H2_STREAM_COST + 1;
	w.no_memory = false;
	ask(client, plain, base_span_of(NULL, 0));
	ck_assert(w.no_memory);
	ck_assert_uint_eq(w.h2->memory, H2_MEMORY_MAX - H2_STREAM_COST + 1);
	w.h2->memory = 0;
	end(client);
}
END_TEST

/* Before that, whoever holds most is closed, so that others get in. */
START_TEST(from_three_quarters_on_who_holds_most_is_closed)
{
	struct h2_client *client = begin();
	size_t room = H2_STREAM_COST + strlen("POST/a");

	w.h2->conns->memory = H2_SHED_MIN;
	w.h2->memory = H2_MEMORY_MANY - room;
	ask(client, plain, base_span_of(NULL, 0));
	ck_assert(!w.h2->conns->failed);
	w.h2->memory++;
	h2_client_send(client, plain, base_span_of(NULL, 0), false);
	H2_CLIENT_UNTIL(client, client->goaways == 1);
	ck_assert_uint_eq(client->goaway_error, NGHTTP2_ENHANCE_YOUR_CALM);
	ck_assert_uint_eq(h2_server_connections(w.h2), 0);
	end(client);
}
END_TEST

START_TEST(cancelled_by_the_client)
{
	struct h2_client *client = begin();
	struct h2_reply *reply;

	w.hold = true;
	reply = h2_client_send(client, plain, base_span_of(NULL, 0), false);
	H2_CLIENT_UNTIL(client, w.requests == 1);
	h2_client_cancel(client, reply);
	H2_CLIENT_UNTIL(client, w.gone == 1);
	ck_assert_ptr_null(w.stream);
	ck_assert_uint_eq(w.h2->conns->stream_count, 0);
	end(client);
}
END_TEST

START_TEST(the_peer_of_a_stream)
{
	struct h2_client *client = begin();

	w.hold = true;
	h2_client_send(client, plain, base_span_of(NULL, 0), false);
	H2_CLIENT_UNTIL(client, w.requests == 1);
	ck_assert_int_eq(strncmp(h2_stream_peer(w.stream)->address, "127.0.0.1:", 10), 0);
	end(client);
	ck_assert_uint_eq(w.gone, 1); /* with the server */
}
END_TEST

CHECK_MAIN("api_h2_stream", the_headers_that_anybody_looks_at, a_header_that_comes_twice,
    the_header_list_has_a_limit, the_body_has_a_limit, an_answer_with_body_and_trailers,
    an_answer_without_body_is_one_header_block, answered_at_the_headers,
    request_trailers_are_not_headers, taken_bytes_outlive_the_stream,
    together_they_hold_no_more_than_their_limit,
    from_three_quarters_on_who_holds_most_is_closed, cancelled_by_the_client, the_peer_of_a_stream)
