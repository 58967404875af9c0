/* SPDX-License-Identifier: Apache-2.0 */
/* Connections of a listener: what they announce, who is cut off and when, and how they end. */
#include "tests/unit/h2_world.h"

#define BLOCKED_US (30 * H2_SECOND_US)

static struct h2_world w;

static const struct h2_field plain[] = {{":method", "POST"}, {":scheme", "https"},
    {":path", "/a"}, {":authority", "localhost"}, {NULL, NULL}};

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

/* As if a field of the boot clock had been set so long ago and a millisecond: who is at a bound may stay. */
static bool
survives(int64_t *field, int64_t age_us)
{
	*field = base_clock_boot_us() - age_us - 1000;
	h2_world_sweep(&w);
	return h2_server_connections(w.h2) == 1;
}

START_TEST(announces_its_limits)
{
	struct h2_client *client = begin();

	ck_assert_uint_eq(client->settings, 1);
	ck_assert_uint_eq(client->max_streams, LIMIT_H2_STREAMS);
	ck_assert_uint_eq(client->max_header_list, LIMIT_HEADER_LIST);
	ck_assert_uint_eq(h2_server_connections(w.h2), 1);
	tls_end_bye(client->tls);
	TLS_WORLD_UNTIL(w.tls.loop, h2_server_connections(w.h2) == 0);
	end(client);
}
END_TEST

START_TEST(a_broken_preface_is_answered_and_closed)
{
	struct h2_client *client;

	h2_world_start(&w);
	client = h2_client_begin(w.tls.loop, w.port, true);
	tls_end_write(client->tls, "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", 35);
	TLS_WORLD_UNTIL(w.tls.loop, !h2_client_move(client));
	ck_assert_uint_eq(client->goaways, 1);
	ck_assert_uint_eq(client->goaway_error, NGHTTP2_PROTOCOL_ERROR);
	ck_assert_uint_eq(h2_server_connections(w.h2), 0);
	end(client);
}
END_TEST

/* Pings whose answers nobody takes are not hoarded. */
START_TEST(a_flood_ends_the_connection)
{
	static uint8_t pings[900 * 17];
	struct h2_client *client = begin();
	unsigned sent = 0;

	for (size_t i = 0; i < 900; i++) {
		pings[17 * i + 2] = 8; /* its length */
		pings[17 * i + 3] = NGHTTP2_PING;
	}

	client->tls->deaf = true;
	while (h2_server_connections(w.h2) == 1 && !w.h2->conns->failed) {
		tls_end_write(client->tls, pings, sizeof(pings));
		sent += 900;
		ck_assert_uint_lt(sent, 4000000);
		base_loop_turn(w.tls.loop, 0);
	}
	client->tls->deaf = false;
	TLS_WORLD_UNTIL(w.tls.loop, h2_server_connections(w.h2) == 0);
	end(client);
}
END_TEST

START_TEST(who_does_not_speak_is_cut_off)
{
	struct h2_client *client;

	h2_world_start(&w);
	client = h2_client_begin(w.tls.loop, w.port, true);
	TLS_WORLD_UNTIL(w.tls.loop, h2_server_connections(w.h2) == 1);
	ck_assert(!w.h2->conns->spoke);
	ck_assert(survives(&w.h2->conns->active_us, (LIMIT_HANDSHAKE_S - 1) * H2_SECOND_US));
	ck_assert(!survives(&w.h2->conns->active_us, LIMIT_HANDSHAKE_S * H2_SECOND_US));
	end(client);
}
END_TEST

START_TEST(who_has_nothing_to_say_may_stay_an_hour)
{
	struct h2_client *client = begin();

	TLS_WORLD_UNTIL(w.tls.loop, w.h2->conns->spoke);
	ck_assert(survives(&w.h2->conns->active_us, (LIMIT_H2_IDLE_S - 1) * H2_SECOND_US));
	/* and longer, while it waits for an answer */
	w.hold = true;
	h2_client_send(client, plain, base_span_of(NULL, 0), false);
	H2_CLIENT_UNTIL(client, w.requests == 1);
	ck_assert(survives(&w.h2->conns->active_us, 2 * LIMIT_H2_IDLE_S * H2_SECOND_US));
	h2_world_answer(&w, w.stream);
	H2_CLIENT_UNTIL(client, w.gone == 1);
	ck_assert(!survives(&w.h2->conns->active_us, LIMIT_H2_IDLE_S * H2_SECOND_US));
	end(client);
}
END_TEST

START_TEST(a_silent_connection_gives_its_buffer_back)
{
	struct h2_client *client = begin();

	h2_client_settle(client);
	ck_assert(w.h2->conns->frames_used);
	ck_assert(survives(&w.h2->conns->active_us, H2_SECOND_US / 2));
	ck_assert(w.h2->conns->frames_used);
	/* not while a stream is open */
	w.hold = true;
	h2_client_send(client, plain, base_span_of(NULL, 0), false);
	H2_CLIENT_UNTIL(client, w.requests == 1);
	ck_assert(survives(&w.h2->conns->active_us, H2_SECOND_US));
	ck_assert(w.h2->conns->frames_used);
	h2_world_answer(&w, w.stream);
	H2_CLIENT_UNTIL(client, w.gone == 1);
	ck_assert(survives(&w.h2->conns->active_us, H2_SECOND_US));
	ck_assert(!w.h2->conns->frames_used);
	end(client);
}
END_TEST

START_TEST(who_takes_no_bytes_is_cut_off)
{
	struct h2_client *client = begin();

	w.answer_len = 1 << 20;
	ck_assert_int_eq(nghttp2_session_set_local_window_size(client->session, NGHTTP2_FLAG_NONE,
	    0, 64 << 20), 0);
	nghttp2_settings_entry wide = {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, 64 << 20};
	ck_assert_int_eq(nghttp2_submit_settings(client->session, NGHTTP2_FLAG_NONE, &wide, 1), 0);
	h2_client_settle(client);
	client->tls->deaf = true;
	w.answer_len = 1 << 20;
	for (int i = 0; i < 16; i++) {
		h2_client_send(client, plain, base_span_of(NULL, 0), false);
	}
	TLS_WORLD_UNTIL(w.tls.loop, w.h2->conns->blocked_us != 0);
	ck_assert(survives(&w.h2->conns->blocked_us, BLOCKED_US - H2_SECOND_US));
	ck_assert(!survives(&w.h2->conns->blocked_us, BLOCKED_US));
	ck_assert_uint_eq(w.gone, 16);
	end(client);
}
END_TEST

/* A body that does not end, and an answer that the client's window has no room for. */
START_TEST(late_streams_are_cancelled)
{
	struct h2_client *client = begin();
	struct h2_reply *reply = h2_client_send(client, plain, base_span_str("x"), true);

	H2_CLIENT_UNTIL(client, w.headers == 1);
	ck_assert(survives(&w.stream->since_us, (LIMIT_REQUEST_BODY_S - 1) * H2_SECOND_US));
	h2_client_settle(client);
	ck_assert(!reply->closed);
	ck_assert(survives(&w.stream->since_us, LIMIT_REQUEST_BODY_S * H2_SECOND_US));
	H2_CLIENT_UNTIL(client, reply->closed);
	ck_assert_uint_eq(reply->error, NGHTTP2_CANCEL);
	ck_assert_uint_eq(w.requests, 0);
	/* complete, and not answered: that is our own time */
	w.hold = true;
	reply = h2_client_send(client, plain, base_span_of(NULL, 0), false);
	H2_CLIENT_UNTIL(client, w.requests == 1);
	ck_assert(survives(&w.stream->since_us, 10 * LIMIT_REQUEST_BODY_S * H2_SECOND_US));
	h2_client_settle(client);
	ck_assert(!reply->closed);
	/* answered, and the client's window stays shut */
	nghttp2_settings_entry shut = {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, 0};
	ck_assert_int_eq(nghttp2_submit_settings(client->session, NGHTTP2_FLAG_NONE, &shut, 1), 0);
	h2_client_settle(client);
	w.answer_len = 10;
	h2_world_answer(&w, w.stream);
	h2_client_settle(client);
	ck_assert(!reply->ended);
	ck_assert(survives(&w.stream->answered_us, (LIMIT_REQUEST_BODY_S - 1) * H2_SECOND_US));
	h2_client_settle(client);
	ck_assert(!reply->closed);
	ck_assert(survives(&w.stream->answered_us, LIMIT_REQUEST_BODY_S * H2_SECOND_US));
	H2_CLIENT_UNTIL(client, reply->closed);
	ck_assert_uint_eq(reply->error, NGHTTP2_CANCEL);
	end(client);
}
END_TEST

/* RFC 9113 6.8: a notice first, the last stream's number later, the end when all are answered. */
START_TEST(drained_streams_are_answered)
{
	struct h2_client *client = begin();
	struct h2_reply *reply;

	w.hold = true;
	reply = h2_client_send(client, plain, base_span_of(NULL, 0), false);
	H2_CLIENT_UNTIL(client, w.requests == 1);
	h2_server_drain(w.h2);
	h2_server_drain(w.h2); /* once is enough */
	H2_CLIENT_UNTIL(client, client->goaways == 1);
	ck_assert_int_eq(client->goaway_last, INT32_MAX);
	h2_world_sweep(&w);
	H2_CLIENT_UNTIL(client, client->goaways == 2);
	ck_assert_int_eq(client->goaway_last, reply->id);
	ck_assert_uint_eq(client->goaway_error, NGHTTP2_NO_ERROR);
	h2_world_sweep(&w);
	h2_client_settle(client);
	ck_assert_uint_eq(client->goaways, 2);
	ck_assert_uint_eq(h2_server_connections(w.h2), 1);
	w.answer_len = 3;
	h2_world_answer(&w, w.stream);
	H2_CLIENT_UNTIL(client, reply->ended);
	ck_assert_uint_eq(reply->body.len, 3);
	TLS_WORLD_UNTIL(w.tls.loop, h2_server_connections(w.h2) == 0);
	end(client);
}
END_TEST

/* When too much is held, who holds most is cut off: one in a turn, and nobody who holds little. */
START_TEST(who_holds_most_is_shed)
{
	struct h2_client *clients[3];
	struct h2_conn *conns[3];

	h2_world_start(&w);
	for (int i = 0; i < 3; i++) {
		clients[i] = h2_client_begin(w.tls.loop, w.port, false);
		conns[i] = w.h2->conns;
		TLS_WORLD_UNTIL(w.tls.loop, conns[i]->spoke);
	}
	for (int i = 0; i < 3; i++) {
		conns[i]->memory = H2_SHED_MIN - 1;
	}
	h2_conn_shed(w.h2);
	for (int i = 0; i < 3; i++) {
		ck_assert(!conns[i]->failed);
	}
	base_loop_turn(w.tls.loop, 0);
	conns[0]->memory = H2_SHED_MIN;
	conns[1]->memory = H2_SHED_MIN + 1;
	h2_conn_shed(w.h2);
	ck_assert(!conns[0]->failed && conns[1]->failed && !conns[2]->failed);
	h2_conn_shed(w.h2); /* the same turn */
	ck_assert(!conns[0]->failed);
	TLS_WORLD_UNTIL(w.tls.loop, h2_server_connections(w.h2) == 2);
	TLS_WORLD_UNTIL(w.tls.loop, !h2_client_move(clients[1]));
	ck_assert_uint_eq(clients[1]->goaway_error, NGHTTP2_ENHANCE_YOUR_CALM);
	ck_assert(!w.h2->shed);
	h2_conn_shed(w.h2);
	ck_assert(conns[0]->failed);
	TLS_WORLD_UNTIL(w.tls.loop, h2_server_connections(w.h2) == 1);
	h2_client_end(clients[0]);
	h2_client_end(clients[1]);
	end(clients[2]);
}
END_TEST

/* The answers of a turn go out together. */
START_TEST(many_streams_of_one_connection)
{
	struct h2_client *client = begin();
	struct h2_reply *replies[40];

	w.answer_len = 5000;
	for (int i = 0; i < 40; i++) {
		replies[i] = h2_client_send(client, plain, base_span_str("body"), false);
	}
	for (int i = 0; i < 40; i++) {
		H2_CLIENT_UNTIL(client, replies[i]->closed);
		ck_assert_uint_eq(replies[i]->body.len, 5000);
	}
	ck_assert_uint_eq(w.requests, 40);
	ck_assert_uint_eq(w.h2->conns->memory, 0);
	end(client);
}
END_TEST

CHECK_MAIN("api_h2_conn", announces_its_limits, a_broken_preface_is_answered_and_closed,
    a_flood_ends_the_connection, who_does_not_speak_is_cut_off,
    who_has_nothing_to_say_may_stay_an_hour, a_silent_connection_gives_its_buffer_back,
    who_takes_no_bytes_is_cut_off,
    late_streams_are_cancelled, drained_streams_are_answered, who_holds_most_is_shed,
    many_streams_of_one_connection)
