/* SPDX-License-Identifier: Apache-2.0 */
/* One TLS connection: what it reads, writes and keeps, and when it is over. */
#include "api/tls_int.h"
#include "tests/unit/tls_world.h"

#include <semaphore.h>

#define SECOND_US INT64_C(1000000)

static struct tls_world w;
static struct tls_service service;
static struct tls_server *server;
static uint16_t port;

static void
begin(enum tls_alpn alpn)
{
	struct tls_server_options options;

	tls_world_start(&w);
	memset(&service, 0, sizeof(service));
	options = (struct tls_server_options){.front = &w.front, .env = &w.env,
	    .listen_fd = tls_world_listen(&port), .alpn = alpn, .connections_max = 100,
	    .on_conn = tls_service_on_conn, .self = &service};
	server = tls_server_new(&options);
	TLS_WORLD_UNTIL(w.loop, tls_server_is_certified(server));
}

static void
end(void)
{
	tls_service_close(&service);
	tls_server_free(server);
	tls_world_stop(&w);
}

static struct tls_end *
client_new(const char *alpn)
{
	return tls_end_new(tls_world_connect(port), &(struct tls_end_options){.alpn = alpn});
}

/* A client whose connection has its seat. */
static struct tls_end *
client_in(void)
{
	struct tls_end *client = client_new("\x02h2");
	unsigned before = service.count;

	ck_assert(tls_end_shake(w.loop, client));
	TLS_WORLD_UNTIL(w.loop, service.count > before);
	return client;
}

START_TEST(reads_what_came_then_nothing_then_the_end)
{
	struct tls_seat *seat = &service.seats[0];
	struct tls_end *client;
	uint8_t bytes[8];

	begin(TLS_ALPN_H2);
	service.lazy = true;
	client = client_in();
	TLS_WORLD_UNTIL(w.loop, seat->reads > 0); /* soon after it was adopted */
	ck_assert_int_eq(tls_conn_read(seat->conn, bytes, sizeof(bytes)), 0);
	tls_end_write(client, "hello", 5);
	seat->reads = 0;
	TLS_WORLD_UNTIL(w.loop, seat->reads > 0);
	ck_assert_int_eq(tls_conn_read(seat->conn, bytes, 3), 3);
	ck_assert_int_eq(tls_conn_read(seat->conn, bytes, 3), 2);
	ck_assert_int_eq(tls_conn_read(seat->conn, bytes, 3), 0);
	tls_end_bye(client);
	seat->reads = 0;
	TLS_WORLD_UNTIL(w.loop, seat->reads > 0);
	ck_assert_int_eq(tls_conn_read(seat->conn, bytes, 3), -1);
	ck_assert_int_eq(tls_conn_read(seat->conn, bytes, 3), -1);
	tls_end_free(client);
	end();
}
END_TEST

/* Clients send their first bytes with the end of the handshake: the worker reads both. */
START_TEST(bytes_that_came_with_the_handshake_are_told_of)
{
	struct tls_end *client;

	begin(TLS_ALPN_H2);
	client = client_new("\x02h2");
	tls_end_move(client);
	do {
		base_loop_turn(w.loop, 10);
		tls_end_move(client);
		client->hold = true;
		(void)SSL_do_handshake(client->ssl);
		client->hold = SSL_is_init_finished(client->ssl) == 1;
		tls_end_move(client);
	} while (!SSL_is_init_finished(client->ssl));
	ck_assert_int_eq(SSL_write(client->ssl, "early", 5), 5);
	client->hold = false;
	tls_end_move(client);
	TLS_WORLD_UNTIL(w.loop, service.count == 1 && service.seats[0].got_len == 5);
	ck_assert_mem_eq(service.seats[0].got, "early", 5);
	tls_end_free(client);
	end();
}
END_TEST

/* The bytes of a pattern that tells where they stand. */
static void
pattern(uint8_t *out, size_t at, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		out[i] = (uint8_t)((at + i) * 31 + ((at + i) >> 8));
	}
}

START_TEST(what_the_socket_does_not_take_is_kept_and_bounded)
{
	static uint8_t piece[16384], want[16384];
	struct tls_seat *seat = &service.seats[0];
	struct tls_end *client;
	size_t sent = 0;
	size_t got = 0;
	int n;

	begin(TLS_ALPN_H2);
	client = client_in();
	client->deaf = true;
	while (!tls_conn_is_blocked(seat->conn)) {
		pattern(piece, sent, sizeof(piece));
		ck_assert_int_eq(tls_conn_write(seat->conn, piece, sizeof(piece)), MC_OK);
		sent += sizeof(piece);
		ck_assert_uint_lt(sent, 64 << 20);
	}
	tls_world_settle(w.loop);
	ck_assert_uint_eq(seat->drained, 0);
	/* once more, in order behind what waits, though the socket has room again */
	client->deaf = false;
	tls_end_move(client);
	client->deaf = true;
	pattern(piece, sent, sizeof(piece));
	ck_assert_int_eq(tls_conn_write(seat->conn, piece, sizeof(piece)), MC_OK);
	sent += sizeof(piece);
	client->deaf = false;
	while (got < sent) {
		base_loop_turn(w.loop, 0);
		n = tls_end_read(client, piece, sizeof(piece));
		ck_assert_int_ge(n, 0);
		pattern(want, got, (size_t)n);
		ck_assert_mem_eq(piece, want, (size_t)n);
		got += (size_t)n;
	}
	TLS_WORLD_UNTIL(w.loop, seat->drained > 0);
	ck_assert_uint_eq(seat->drained, 1);
	ck_assert(!tls_conn_is_blocked(seat->conn));
	tls_end_free(client);
	end();
}
END_TEST

START_TEST(a_client_that_reads_nothing_gets_no_more_than_the_ceiling)
{
	static uint8_t bytes[TLS_PENDING_MAX];
	struct tls_seat *seat = &service.seats[0];
	struct tls_end *client;

	begin(TLS_ALPN_H2);
	client = client_in();
	client->deaf = true;
	while (!tls_conn_is_blocked(seat->conn)) {
		ck_assert_int_eq(tls_conn_write(seat->conn, bytes, 16384), MC_OK);
	}
	ck_assert_int_eq(tls_conn_write(seat->conn, bytes,
	    TLS_PENDING_MAX - seat->conn->pending.len), MC_OK);
	ck_assert_int_eq(tls_conn_write(seat->conn, bytes, 1), MC_EPEER);
	tls_end_free(client);
	end();
}
END_TEST

START_TEST(nobody_wants_to_read)
{
	struct tls_seat *seat = &service.seats[0];
	struct tls_end *client;

	begin(TLS_ALPN_H2);
	client = client_in();
	tls_world_settle(w.loop);
	tls_conn_want_read(seat->conn, false);
	seat->reads = 0;
	tls_end_write(client, "hello", 5);
	tls_world_settle(w.loop);
	ck_assert_uint_eq(seat->reads, 0);
	tls_conn_want_read(seat->conn, true);
	TLS_WORLD_UNTIL(w.loop, seat->got_len == 5);
	/* a client that vanishes meanwhile does not spin the loop; the next read tells */
	tls_conn_want_read(seat->conn, false);
	seat->reads = 0;
	struct linger now = {.l_onoff = 1};
	ck_assert_int_eq(setsockopt(client->fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now)), 0);
	close(client->fd);
	client->fd = -1;
	TLS_WORLD_UNTIL(w.loop, !seat->conn->watched);
	ck_assert_uint_eq(seat->reads, 0);
	tls_conn_want_read(seat->conn, true);
	TLS_WORLD_UNTIL(w.loop, seat->over);
	tls_end_free(client);
	end();
}
END_TEST

START_TEST(again_comes_in_a_later_turn_once)
{
	struct tls_seat *seat = &service.seats[0];
	struct tls_end *client;

	begin(TLS_ALPN_H2);
	service.lazy = true;
	client = client_in();
	tls_world_settle(w.loop);
	seat->reads = 0;
	tls_conn_again(seat->conn);
	tls_conn_again(seat->conn);
	ck_assert_uint_eq(seat->reads, 0);
	tls_world_settle(w.loop);
	ck_assert_uint_eq(seat->reads, 1);
	/* closed before its turn: no callback any more */
	tls_conn_again(seat->conn);
	tls_conn_close(seat->conn);
	seat->conn = NULL;
	tls_world_settle(w.loop);
	ck_assert_uint_eq(seat->reads, 1);
	tls_end_free(client);
	end();
}
END_TEST

/* Closed by its adopter: what it was given goes out, then a goodbye, then it waits for the client's. */
START_TEST(closed_it_sends_the_rest_and_lingers)
{
	static uint8_t piece[16384];
	struct tls_seat *seat = &service.seats[0];
	struct tls_end *client;
	size_t sent = 0;
	size_t got = 0;
	int n;

	begin(TLS_ALPN_H2);
	client = client_in();
	client->deaf = true;
	while (!tls_conn_is_blocked(seat->conn)) {
		ck_assert_int_eq(tls_conn_write(seat->conn, piece, sizeof(piece)), MC_OK);
		sent += sizeof(piece);
	}
	tls_conn_close(seat->conn);
	seat->conn = NULL;
	ck_assert_uint_eq(tls_server_connections(server), 1);
	client->deaf = false;
	while ((n = tls_end_read(client, piece, sizeof(piece))) >= 0) {
		got += (size_t)n;
		base_loop_turn(w.loop, 0);
	}
	ck_assert_uint_eq(got, sent);
	/* by word, not by a torn connection */
	ck_assert_int_eq(SSL_get_shutdown(client->ssl) & SSL_RECEIVED_SHUTDOWN,
	    SSL_RECEIVED_SHUTDOWN);
	tls_world_settle(w.loop);
	ck_assert_uint_eq(tls_server_connections(server), 1);
	tls_end_bye(client);
	TLS_WORLD_UNTIL(w.loop, tls_server_connections(server) == 0);
	tls_end_free(client);
	end();
}
END_TEST

START_TEST(silent_and_lingering_connections_expire)
{
	struct tls_end *silent, *open;
	struct tls_conn *conn;

	begin(TLS_ALPN_H2);
	open = client_in();
	silent = client_new("\x02h2");
	TLS_WORLD_UNTIL(w.loop, tls_server_connections(server) == 2);
	conn = server->lists[TLS_CONN_HANDSHAKE].first;
	tls_conn_expire(server, conn->since_us + LIMIT_HANDSHAKE_S * SECOND_US);
	ck_assert_uint_eq(tls_server_connections(server), 2);
	ck_assert_uint_eq(server->half_open, 1);
	tls_conn_expire(server, conn->since_us + LIMIT_HANDSHAKE_S * SECOND_US + 1);
	ck_assert_uint_eq(tls_server_connections(server), 1);
	ck_assert_uint_eq(server->half_open, 0);
	/* what is open may be silent for ever, as far as TLS is concerned */
	conn = service.seats[0].conn;
	tls_conn_expire(server, conn->since_us + 100000 * SECOND_US);
	ck_assert_uint_eq(tls_server_connections(server), 1);
	tls_service_close(&service);
	tls_conn_expire(server, conn->since_us + TLS_LINGER_S * SECOND_US);
	ck_assert_uint_eq(tls_server_connections(server), 1);
	tls_conn_expire(server, conn->since_us + TLS_LINGER_S * SECOND_US + 1);
	ck_assert_uint_eq(tls_server_connections(server), 0);
	tls_end_free(silent);
	tls_end_free(open);
	end();
}
END_TEST

START_TEST(without_the_protocol_of_its_listener_nobody_gets_in)
{
	struct tls_end *client;

	begin(TLS_ALPN_H2);
	client = client_new(NULL);
	(void)tls_end_shake(w.loop, client);
	TLS_WORLD_UNTIL(w.loop, metrics_get(w.front.metrics, METRICS_HANDSHAKE_FAILED) == 1);
	ck_assert_uint_eq(service.count, 0);
	ck_assert_uint_eq(tls_server_connections(server), 0);
	tls_end_free(client);
	end();
	begin(TLS_ALPN_HTTP11);
	client = client_new(NULL);
	ck_assert(tls_end_shake(w.loop, client));
	TLS_WORLD_UNTIL(w.loop, service.count == 1);
	ck_assert_uint_eq(metrics_get(w.front.metrics, METRICS_HANDSHAKE_OK), 1);
	tls_end_free(client);
	end();
}
END_TEST

START_TEST(bytes_that_are_no_tls_end_it)
{
	static const char http[] = "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n";
	int fd;

	begin(TLS_ALPN_HTTP11);
	fd = tls_world_connect(port);
	TLS_WORLD_UNTIL(w.loop, send(fd, http, sizeof(http) - 1, MSG_NOSIGNAL) > 0);
	TLS_WORLD_UNTIL(w.loop, metrics_get(w.front.metrics, METRICS_HANDSHAKE_FAILED) == 1);
	ck_assert_uint_eq(service.count, 0);
	ck_assert_uint_eq(tls_server_connections(server), 0);
	close(fd);
	end();
}
END_TEST

static sem_t gate;

static void
wait_at_gate(struct base_job *job, void *worker)
{
	(void)job;
	(void)worker;
	sem_wait(&gate);
}

static void
through(struct base_job *job)
{
	(void)job;
}

/* While a worker has it, it is marked; the worker's return frees it. */
START_TEST(freed_while_a_worker_has_it)
{
	struct base_job first = {.run = wait_at_gate, .done = through};
	struct tls_end *client;
	struct tls_conn *conn;

	begin(TLS_ALPN_H2);
	sem_init(&gate, 0, 0);
	base_pool_submit(w.front.pool, &first); /* the only worker */
	client = client_new("\x02h2");
	TLS_WORLD_UNTIL(w.loop, ((void)tls_end_step(client), server->in_job == 1));
	conn = server->lists[TLS_CONN_HANDSHAKE].first;
	/* nor is it anybody's to shed */
	tls_conn_shed(server);
	ck_assert(!conn->dead);
	tls_conn_free(conn);
	ck_assert_uint_eq(tls_server_connections(server), 1);
	sem_post(&gate);
	TLS_WORLD_UNTIL(w.loop, tls_server_connections(server) == 0);
	ck_assert_uint_eq(server->in_job, 0);
	ck_assert_uint_eq(service.count, 0);
	sem_destroy(&gate);
	tls_end_free(client);
	end();
}
END_TEST

/* The order in which places are given away: closed ones first, then the oldest of nobody. */
START_TEST(who_is_shed)
{
	struct tls_end *open, *silent, *young, *closed;

	begin(TLS_ALPN_H2);
	open = client_in();
	silent = client_new("\x02h2");
	TLS_WORLD_UNTIL(w.loop, tls_server_connections(server) == 2);
	young = client_in();
	closed = client_in();
	tls_conn_close(service.seats[2].conn);
	service.seats[2].conn = NULL;
	ck_assert_uint_eq(tls_server_connections(server), 4);
	tls_conn_shed(server); /* the one that lingers */
	ck_assert_uint_eq(tls_server_connections(server), 3);
	ck_assert(!service.seats[0].over && server->half_open == 1);
	service.seats[0].conn->since_us = server->lists[TLS_CONN_HANDSHAKE].first->since_us - 1;
	tls_conn_shed(server); /* it was here before the silent one */
	ck_assert(service.seats[0].over && server->half_open == 1);
	tls_conn_shed(server); /* broken: gone at once, though it would linger */
	ck_assert_uint_eq(server->half_open, 0);
	ck_assert(!service.seats[1].over);
	service.seats[1].conn->peer.verified = true;
	tls_conn_shed(server);
	ck_assert(!service.seats[1].over);
	tls_end_free(open);
	tls_end_free(silent);
	tls_end_free(young);
	tls_end_free(closed);
	end();
}
END_TEST

CHECK_MAIN("api_tls_conn", reads_what_came_then_nothing_then_the_end,
    bytes_that_came_with_the_handshake_are_told_of,
    what_the_socket_does_not_take_is_kept_and_bounded,
    a_client_that_reads_nothing_gets_no_more_than_the_ceiling, nobody_wants_to_read,
    again_comes_in_a_later_turn_once, closed_it_sends_the_rest_and_lingers,
    silent_and_lingering_connections_expire,
    without_the_protocol_of_its_listener_nobody_gets_in, bytes_that_are_no_tls_end_it,
    freed_while_a_worker_has_it, who_is_shed)
