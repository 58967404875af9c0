/* SPDX-License-Identifier: Apache-2.0 */
/* Plaintext for a service: what passes, what waits, who is behind a descriptor. */
#include "api/tls_int.h"
#include "tests/unit/tls_world.h"

#define REQUEST "GET /a HTTP/1.1\r\nHost: localhost\r\n\r\n"

static struct tls_world w;
static struct tls_terminator *term;
static uint16_t port;
static int fds[TLS_SEATS]; /* the service's ends, in the order of their coming */
static unsigned fd_count;

static void
on_client(void *self, int fd, const struct tls_peer *peer)
{
	ck_assert_ptr_eq(self, &w);
	ck_assert_ptr_eq(tls_terminator_peer(term, fd), peer);
	ck_assert_uint_lt(fd_count, TLS_SEATS);
	fds[fd_count++] = fd;
}

static void
begin(void)
{
	tls_world_start(&w);
	fd_count = 0;
	term = tls_terminator_new(&(struct tls_server_options){.front = &w.front, .env = &w.env,
	    .listen_fd = tls_world_listen(&port), .alpn = TLS_ALPN_HTTP11,
	    .connections_max = TLS_SEATS}, on_client, &w);
	TLS_WORLD_UNTIL(w.loop, tls_server_is_certified(tls_terminator_server(term)));
}

static void
end(void)
{
	tls_terminator_free(term);
	tls_world_stop(&w);
}

static struct tls_end *
client_in(X509 *cert, EVP_PKEY *key)
{
	struct tls_end *client = tls_end_new(tls_world_connect(port),
	    &(struct tls_end_options){.alpn = "\x08http/1.1", .cert = cert, .key = key});
	unsigned before = fd_count;

	ck_assert(tls_end_shake(w.loop, client));
	TLS_WORLD_UNTIL(w.loop, fd_count > before);
	return client;
}

/* Reads from the service's end until it has len bytes. */
static void
service_gets(int fd, const void *want, size_t len)
{
	static uint8_t got[4096];
	size_t at = 0;

	ck_assert_uint_le(len, sizeof(got));
	while (at < len) {
		ssize_t n = read(fd, got + at, sizeof(got) - at);

		ck_assert_msg(n > 0 || errno == EAGAIN, "the end");
		at += n > 0 ? (size_t)n : 0;
		base_loop_turn(w.loop, n > 0 ? 0 : 10);
	}
	ck_assert_uint_eq(at, len);
	ck_assert_mem_eq(got, want, len);
}

START_TEST(bytes_pass_both_ways)
{
	struct tls_end *client;
	char bytes[64];

	begin();
	client = client_in(NULL, NULL);
	tls_end_write(client, REQUEST, strlen(REQUEST));
	service_gets(fds[0], REQUEST, strlen(REQUEST));
	ck_assert_int_eq(write(fds[0], "answer", 6), 6);
	TLS_WORLD_UNTIL(w.loop, tls_end_read(client, bytes, sizeof(bytes)) == 6);
	ck_assert_mem_eq(bytes, "answer", 6);
	close(fds[0]);
	tls_end_free(client);
	end();
}
END_TEST

/* The service sees requests through the guard: one with two lengths is not what it gets. */
START_TEST(the_guard_stands_between)
{
	static const char two[] =
	    "POST /a HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab";
	struct tls_end *client;
	char bytes[512];
	ssize_t n = -1;

	begin();
	client = client_in(NULL, NULL);
	tls_end_write(client, two, sizeof(two) - 1);
	TLS_WORLD_UNTIL(w.loop, (n = read(fds[0], bytes, sizeof(bytes) - 1)) > 0);
	bytes[n] = '\0';
	ck_assert_ptr_null(strstr(bytes, "Content-Length: 2"));
	close(fds[0]);
	tls_end_free(client);
	end();
}
END_TEST

START_TEST(the_clients_end_is_the_services)
{
	struct tls_end *client;
	char bytes[64];

	begin();
	client = client_in(NULL, NULL);
	tls_end_write(client, REQUEST, strlen(REQUEST));
	ck_assert_int_eq(SSL_shutdown(client->ssl), 0);
	tls_end_move(client);
	service_gets(fds[0], REQUEST, strlen(REQUEST));
	TLS_WORLD_UNTIL(w.loop, read(fds[0], bytes, sizeof(bytes)) == 0);
	/* it may still answer, and its end is the client's */
	ck_assert_int_eq(write(fds[0], "answer", 6), 6);
	close(fds[0]);
	TLS_WORLD_UNTIL(w.loop, tls_end_read(client, bytes, sizeof(bytes)) == 6);
	TLS_WORLD_UNTIL(w.loop, tls_end_read(client, bytes, sizeof(bytes)) == -1);
	tls_end_free(client);
	TLS_WORLD_UNTIL(w.loop, tls_server_connections(tls_terminator_server(term)) == 0);
	end();
}
END_TEST

START_TEST(who_is_behind_a_descriptor)
{
	EVP_PKEY *key = make_key("P-256");
	struct tls_end *known, *stranger;
	X509 *cert;

	begin();
	cert = tls_world_leaf(w.ca, key, "URI:spiffe://cluster.local/person/ada", "clientAuth",
	    TLS_WORLD_DAY);
	known = client_in(cert, key);
	stranger = client_in(NULL, NULL);
	ck_assert(tls_terminator_peer(term, fds[0])->verified);
	ck_assert(base_span_equal_str(tls_terminator_peer(term, fds[0])->uri,
	    "spiffe://cluster.local/person/ada"));
	ck_assert_uint_eq(tls_terminator_peer(term, fds[1])->cert.len, 0);
	ck_assert_ptr_null(tls_terminator_peer(term, -1));
	ck_assert_ptr_null(tls_terminator_peer(term, 0));
	ck_assert_ptr_null(tls_terminator_peer(term, 1 << 20));
	close(fds[0]);
	TLS_WORLD_UNTIL(w.loop, tls_terminator_peer(term, fds[0]) == NULL);
	ck_assert_ptr_nonnull(tls_terminator_peer(term, fds[1]));
	close(fds[1]);
	tls_end_free(known);
	tls_end_free(stranger);
	X509_free(cert);
	EVP_PKEY_free(key);
	end();
}
END_TEST

/* The service closes its end, and the number is given out again before the terminator has seen it. */
START_TEST(a_number_used_again_is_the_newer_clients)
{
	EVP_PKEY *key = make_key("P-256");
	struct tls_end *first, *second;
	X509 *cert;
	int taken[64];
	int taken_count = 0;
	int low = dup(0);
	int spare;

	begin();
	cert = tls_world_leaf(w.ca, key, "URI:spiffe://cluster.local/person/ada", "clientAuth",
	    TLS_WORLD_DAY);
	first = client_in(NULL, NULL);
	spare = dup(fds[0]); /* the terminator does not see the end yet */
	second = tls_end_new(tls_world_connect(port),
	    &(struct tls_end_options){.alpn = "\x08http/1.1", .cert = cert, .key = key});
	TLS_WORLD_UNTIL(w.loop, tls_server_connections(tls_terminator_server(term)) == 2);
	/* two numbers are free for the next pair: a low one, and the one that the service gave back */
	do {
		ck_assert_int_lt(taken_count, 64);
		taken[taken_count++] = dup(0);
	} while (taken[taken_count - 1] < fds[0]);
	close(low);
	close(fds[0]);
	ck_assert(tls_end_shake(w.loop, second));
	TLS_WORLD_UNTIL(w.loop, fd_count == 2);
	ck_assert_int_eq(fds[1], fds[0]);
	ck_assert(tls_terminator_peer(term, fds[1])->verified);
	close(spare);
	TLS_WORLD_UNTIL(w.loop, tls_server_connections(tls_terminator_server(term)) == 2 &&
	    tls_terminator_server(term)->lists[TLS_CONN_LINGER].first != NULL);
	ck_assert_ptr_nonnull(tls_terminator_peer(term, fds[1]));
	ck_assert(tls_terminator_peer(term, fds[1])->verified);
	close(fds[1]);
	while (taken_count > 0) {
		close(taken[--taken_count]);
	}
	tls_end_free(first);
	tls_end_free(second);
	X509_free(cert);
	EVP_PKEY_free(key);
	end();
}
END_TEST

/* A service that reads nothing stops its client; nothing is lost, and little is kept. */
START_TEST(a_slow_service_stops_its_client)
{
	static uint8_t body[1 << 20];
	static const char head[] =
	    "POST /a HTTP/1.1\r\nHost: localhost\r\nContent-Length: 16777216\r\n\r\n";
	struct tls_conn *conn;
	struct tls_end *client;
	size_t sent = 0;
	size_t got = 0;

	begin();
	client = client_in(NULL, NULL);
	conn = tls_terminator_server(term)->lists[TLS_CONN_OPEN].first;
	tls_end_write(client, head, sizeof(head) - 1);
	memset(body, 'b', sizeof(body));
	while (sent < (16u << 20) && conn->want_read) {
		tls_end_write(client, body, 65536);
		sent += 65536;
		base_loop_turn(w.loop, 0);
	}
	tls_world_settle(w.loop);
	ck_assert(!conn->want_read);
	ck_assert_uint_eq(tls_terminator_unread(term), 0); /* of the client's side */
	while (got < sizeof(head) - 1 + sent) {
		ssize_t n = read(fds[0], body, sizeof(body));

		if (n <= 0) {
			ck_assert_int_eq(errno, EAGAIN);
		}
		got += n > 0 ? (size_t)n : 0;
		tls_end_move(client);
		base_loop_turn(w.loop, n > 0 ? 0 : 10);
	}
	ck_assert_uint_eq(got, sizeof(head) - 1 + sent);
	ck_assert(conn->want_read);
	close(fds[0]);
	tls_end_free(client);
	end();
}
END_TEST

/* A client that reads nothing stops its service, and counts as unread until it has read. */
START_TEST(a_slow_client_stops_its_service)
{
	static uint8_t bytes[65536];
	struct tls_end *client;
	size_t sent = 0;
	size_t got = 0;
	int waits = 0;
	int n;

	begin();
	client = client_in(NULL, NULL);
	ck_assert_uint_eq(tls_terminator_unread(term), 0);
	client->deaf = true;
	/* all that the service wrote is read, and not all of it is sent */
	while (tls_terminator_server(term)->lists[TLS_CONN_OPEN].first->pending.len == 0) {
		ck_assert_int_eq(write(fds[0], bytes, 4096), 4096);
		sent += 4096;
		base_loop_turn(w.loop, 0);
		ck_assert_uint_lt(sent, 64 << 20);
	}
	ck_assert_uint_eq(tls_terminator_unread(term), 1);
	while (waits < 10) {
		ssize_t put = write(fds[0], bytes, sizeof(bytes));

		sent += put > 0 ? (size_t)put : 0;
		waits = put > 0 ? 0 : waits + 1;
		base_loop_turn(w.loop, put > 0 ? 0 : 10);
		ck_assert_uint_lt(sent, 64 << 20);
	}
	ck_assert_uint_eq(tls_terminator_unread(term), 1);
	ck_assert_uint_le(tls_terminator_server(term)->lists[TLS_CONN_OPEN].first->pending.len,
	    16 * 1024);
	client->deaf = false;
	while (got < sent) {
		n = tls_end_read(client, bytes, sizeof(bytes));
		ck_assert_int_ge(n, 0);
		got += (size_t)n;
		base_loop_turn(w.loop, 0);
	}
	tls_world_settle(w.loop);
	ck_assert_uint_eq(tls_terminator_unread(term), 0);
	close(fds[0]);
	tls_end_free(client);
	end();
}
END_TEST

START_TEST(drained_it_accepts_no_more)
{
	struct tls_end *client, *late;

	begin();
	client = client_in(NULL, NULL);
	tls_terminator_drain(term);
	late = tls_end_new(tls_world_connect(port), &(struct tls_end_options){0});
	ck_assert(!tls_end_shake(w.loop, late));
	tls_end_write(client, REQUEST, strlen(REQUEST));
	service_gets(fds[0], REQUEST, strlen(REQUEST));
	close(fds[0]);
	end(); /* and closes what is open */
	tls_end_free(client);
	tls_end_free(late);
}
END_TEST

CHECK_MAIN("api_tls_terminator", bytes_pass_both_ways, the_guard_stands_between,
    the_clients_end_is_the_services, who_is_behind_a_descriptor,
    a_number_used_again_is_the_newer_clients, a_slow_service_stops_its_client,
    a_slow_client_stops_its_service, drained_it_accepts_no_more)
