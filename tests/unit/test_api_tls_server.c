/* SPDX-License-Identifier: Apache-2.0 */
/* Whom a listener lets in, when, and as whom. */
#include "api/tls_int.h"
#include "tests/unit/tls_world.h"

#include <sys/un.h>

static struct tls_world w;
static struct tls_service service;
static struct tls_server *server;
static uint16_t port;

static struct tls_server_options
options_of(int listen_fd)
{
	static char host[] = "localhost";
	static char *names[] = {host};

	return (struct tls_server_options){.front = &w.front, .env = &w.env,
	    .listen_fd = listen_fd, .alpn = TLS_ALPN_H2, .dns_names = names, .dns_name_count = 1,
	    .connections_max = TLS_SEATS, .on_conn = tls_service_on_conn, .self = &service};
}

static void
begin(void)
{
	tls_world_start(&w);
	memset(&service, 0, sizeof(service));
}

static void
certified(unsigned connections_max, bool strangers_give_way)
{
	struct tls_server_options options = options_of(tls_world_listen(&port));

	options.connections_max = connections_max;
	options.strangers_give_way = strangers_give_way;
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
client_new(X509 *cert, EVP_PKEY *key, SSL_SESSION *resume)
{
	return tls_end_new(tls_world_connect(port), &(struct tls_end_options){.alpn = "\x02h2",
	    .cert = cert, .key = key, .resume = resume});
}

/* A client that got in. */
static struct tls_end *
client_in(X509 *cert, EVP_PKEY *key)
{
	struct tls_end *client = client_new(cert, key, NULL);
	unsigned before = service.count;

	ck_assert(tls_end_shake(w.loop, client));
	TLS_WORLD_UNTIL(w.loop, service.count > before);
	return client;
}

START_TEST(nobody_is_let_in_before_the_signer_certifies)
{
	struct tls_server_options options;
	struct tls_end *client;

	begin();
	w.refuse = MC_ESEALED;
	options = options_of(tls_world_listen(&port));
	server = tls_server_new(&options);
	client = client_new(NULL, NULL, NULL);
	TLS_WORLD_UNTIL(w.loop, w.asked == 1);
	(void)tls_end_step(client);
	tls_world_settle(w.loop);
	ck_assert(!tls_server_is_certified(server));
	ck_assert_uint_eq(tls_server_connections(server), 0);
	/* nor does a reload give it a context */
	tls_server_reload(server);
	ck_assert_ptr_null(server->ctx);
	w.refuse = MC_OK;
	tls_server_certify(server);
	ck_assert(tls_end_shake(w.loop, client));
	TLS_WORLD_UNTIL(w.loop, service.count == 1);
	ck_assert(tls_server_is_certified(server));
	ck_assert_uint_eq(tls_server_connections(server), 1);
	/* it has what it wants: it does not ask again */
	tls_server_certify(server);
	tls_world_settle(w.loop);
	ck_assert_uint_eq(w.asked, 2);
	tls_end_free(client);
	end();
}
END_TEST

START_TEST(an_expired_certificate_is_none)
{
	begin();
	certified(1, false);
	server->cert.not_after_at = base_clock_now() + 3600;
	ck_assert(tls_server_is_certified(server));
	server->cert.not_after_at = base_clock_now();
	ck_assert(!tls_server_is_certified(server));
	end();
}
END_TEST

START_TEST(the_ceiling_makes_clients_wait)
{
	struct tls_end *clients[3];

	begin();
	certified(2, false);
	clients[0] = client_in(NULL, NULL);
	clients[1] = client_in(NULL, NULL);
	clients[2] = client_new(NULL, NULL, NULL);
	(void)tls_end_step(clients[2]);
	tls_world_settle(w.loop);
	ck_assert_uint_eq(tls_server_connections(server), 2);
	ck_assert_uint_eq(service.count, 2);
	ck_assert_uint_eq(metrics_get(w.front.metrics, METRICS_HANDSHAKE_LIMITED), 1);
	tls_end_bye(clients[0]);
	ck_assert(tls_end_shake(w.loop, clients[2]));
	TLS_WORLD_UNTIL(w.loop, service.count == 3);
	ck_assert_uint_eq(tls_server_connections(server), 2);
	ck_assert(service.seats[0].over && !service.seats[1].over);
	for (int i = 0; i < 3; i++) {
		tls_end_free(clients[i]);
	}
	end();
}
END_TEST

/* Where places are few, a stranger's is given away, the oldest first, and never one of somebody known. */
START_TEST(strangers_give_way)
{
	EVP_PKEY *key = make_key("P-256");
	struct tls_end *known, *old, *young, *new;
	X509 *cert;

	begin();
	certified(3, true);
	cert = tls_world_leaf(w.ca, key, "URI:spiffe://cluster.local/ns/a/sa/b", "clientAuth",
	    TLS_WORLD_DAY);
	known = client_in(cert, key);
	ck_assert(tls_conn_peer(service.seats[0].conn)->verified);
	old = client_in(NULL, NULL);
	young = client_in(NULL, NULL); /* the last place: one is made free again */
	TLS_WORLD_UNTIL(w.loop, service.seats[1].over);
	ck_assert(!service.seats[0].over && !service.seats[2].over);
	tls_end_bye(old); /* what is closed lingers until the client has seen it */
	new = client_in(NULL, NULL);
	TLS_WORLD_UNTIL(w.loop, service.seats[2].over);
	ck_assert(!service.seats[0].over && !service.seats[3].over);
	tls_end_free(known);
	tls_end_free(old);
	tls_end_free(young);
	tls_end_free(new);
	X509_free(cert);
	EVP_PKEY_free(key);
	end();
}
END_TEST

START_TEST(drained_it_accepts_no_more_and_keeps_what_is_open)
{
	struct tls_end *open, *late;
	char byte[8];

	begin();
	certified(8, false);
	open = client_in(NULL, NULL);
	late = client_new(NULL, NULL, NULL);
	TLS_WORLD_UNTIL(w.loop, (tls_end_step(late), tls_server_connections(server) == 2));
	tls_server_drain(server); /* before its hands are shaken */
	ck_assert(!tls_end_shake(w.loop, late) || service.count == 1);
	TLS_WORLD_UNTIL(w.loop, tls_server_connections(server) == 1);
	ck_assert_uint_eq(service.count, 1);
	tls_end_write(open, "hello", 5);
	TLS_WORLD_UNTIL(w.loop, service.seats[0].got_len == 5);
	ck_assert_int_eq(tls_conn_write(service.seats[0].conn, "there", 5), MC_OK);
	TLS_WORLD_UNTIL(w.loop, tls_end_read(open, byte, sizeof(byte)) == 5);
	/* the port is nobody's any more */
	tls_end_free(late);
	late = client_new(NULL, NULL, NULL);
	ck_assert(!tls_end_shake(w.loop, late));
	tls_end_free(open);
	tls_end_free(late);
	end();
}
END_TEST

START_TEST(reloaded_it_knows_the_new_anchors)
{
	EVP_PKEY *key = make_key("P-256");
	struct make_ca *other;
	struct tls_end *before, *after;
	X509 *cert;

	begin();
	certified(8, false);
	other = make_ca("P-256", "next.cluster.local", base_clock_now() + 30 * TLS_WORLD_DAY);
	cert = tls_world_leaf(other, key, "URI:spiffe://cluster.local/ns/a/sa/b", "clientAuth",
	    TLS_WORLD_DAY);
	before = client_in(cert, key);
	tls_world_anchor(&w, other);
	tls_server_reload(server);
	after = client_in(cert, key);
	ck_assert(!tls_conn_peer(service.seats[0].conn)->verified);
	ck_assert(tls_conn_peer(service.seats[1].conn)->verified);
	/* anchors that are none: the context stays */
	const SSL_CTX *ctx = server->ctx;
	w.env.anchors = base_span_of("\4\0\0\0junk", 8);
	tls_server_reload(server);
	ck_assert_ptr_eq(server->ctx, ctx);
	tls_end_free(before);
	tls_end_free(after);
	X509_free(cert);
	EVP_PKEY_free(key);
	make_ca_free(other);
	end();
}
END_TEST

/* Whether the session of a ticket is taken up; what is new is left in *ticket. */
static bool
resumes(SSL_SESSION **ticket)
{
	struct tls_end *client = client_new(NULL, NULL, *ticket);
	unsigned before = service.count;
	char byte[8];
	bool reused;

	ck_assert(tls_end_shake(w.loop, client));
	TLS_WORLD_UNTIL(w.loop, service.count > before);
	reused = SSL_session_reused(client->ssl) == 1;
	TLS_WORLD_UNTIL(w.loop, (tls_end_read(client, byte, sizeof(byte)),
	    reused || client->ticket != NULL));
	if (*ticket == NULL) {
		*ticket = SSL_SESSION_dup(client->ticket);
	}
	tls_end_bye(client);
	TLS_WORLD_UNTIL(w.loop, service.seats[before].over);
	tls_end_free(client);
	return reused;
}

/* Two listeners of one front, as tls_server_new() makes them. */
START_TEST(tickets_outlive_a_reload_and_open_no_other_listener)
{
	static char name[] = "staging";
	struct config_environment config;
	struct front_env staging;
	struct tls_server_options options;
	struct tls_server *other;
	SSL_SESSION *ticket = NULL;
	SSL_SESSION *again;
	uint16_t first;

	begin();
	certified(8, false);
	first = port;
	config = w.config;
	config.name = name;
	staging = w.env; /* the same signer and anchors: only the environment differs */
	staging.config = &config;
	options = options_of(tls_world_listen(&port));
	options.env = &staging;
	other = tls_server_new(&options);
	TLS_WORLD_UNTIL(w.loop, tls_server_is_certified(other));
	ck_assert_mem_ne(server->tickets.now.name, other->tickets.now.name, 16);
	ck_assert_mem_ne(server->tickets.now.aes, other->tickets.now.aes, 32);
	ck_assert_mem_ne(server->tickets.now.mac, other->tickets.now.mac, 32);
	port = first;
	ck_assert(!resumes(&ticket));
	again = SSL_SESSION_dup(ticket);
	ck_assert(resumes(&again));
	SSL_SESSION_free(again);
	again = SSL_SESSION_dup(ticket);
	tls_server_reload(server);
	ck_assert(resumes(&again));
	SSL_SESSION_free(again);
	/* the keys grow old by the listener's clock */
	server->tickets.made_us = base_clock_boot_us() - INT64_C(12) * 3600 * 1000000;
	struct tls_ticket_key old = server->tickets.now;
	base_timer_set_us(server->timer, 0);
	TLS_WORLD_UNTIL(w.loop, memcmp(server->tickets.now.name, old.name, 16) != 0);
	ck_assert_mem_eq(server->tickets.before.name, old.name, 16);
	again = SSL_SESSION_dup(ticket);
	ck_assert(resumes(&again));
	SSL_SESSION_free(again);
	SSL_SESSION_free(ticket);
	tls_service_close(&service);
	tls_server_free(other);
	end();
}
END_TEST

/* The budget of handshakes: spent, the next client waits until time has given more. */
START_TEST(handshakes_are_rationed)
{
	struct tls_end *client;
	const int64_t cost_us = 1000000 / LIMIT_HANDSHAKES_PER_S;

	begin();
	certified(8, false);
	client = client_in(NULL, NULL);
	ck_assert_int_le(server->tokens_us, 100000 - cost_us);
	tls_end_bye(client);
	TLS_WORLD_UNTIL(w.loop, tls_server_connections(server) == 0);
	tls_end_free(client);
	server->tokens_us = -INT64_C(3600) * 1000000;
	client = client_new(NULL, NULL, NULL);
	(void)tls_end_step(client);
	tls_world_settle(w.loop);
	ck_assert_uint_eq(tls_server_connections(server), 0);
	ck_assert_uint_eq(metrics_get(w.front.metrics, METRICS_HANDSHAKE_LIMITED), 1);
	ck_assert(!server->accepting);
	/* with many half open, one costs four times as much */
	server->half_open = 4096;
	server->tokens_at_us = base_loop_now_us(w.loop);
	server->tokens_us = 4 * cost_us - 1;
	tls_server_resume(server);
	ck_assert(!server->accepting);
	server->tokens_us = 4 * cost_us;
	tls_server_resume(server);
	ck_assert(server->accepting);
	server->half_open = 0;
	ck_assert(tls_end_shake(w.loop, client));
	TLS_WORLD_UNTIL(w.loop, service.count == 2);
	/* what is saved up is no more than a burst */
	server->accepting = false;
	server->draining = true;
	base_loop_unwatch(w.loop, server->listen_fd);
	server->draining = false;
	server->tokens_at_us -= INT64_C(3600) * 1000000;
	tls_server_resume(server);
	ck_assert_int_eq(server->tokens_us, 100000);
	tls_end_free(client);
	end();
}
END_TEST

START_TEST(workers_that_are_behind_stop_the_listener)
{
	begin();
	certified(64, false);
	base_loop_unwatch(w.loop, server->listen_fd);
	server->accepting = false;
	server->in_job = 16;
	tls_server_resume(server);
	ck_assert(!server->accepting);
	server->in_job = 15;
	tls_server_resume(server);
	ck_assert(server->accepting);
	server->in_job = 0;
	end();
}
END_TEST

START_TEST(addresses_are_printed)
{
	struct sockaddr_un at = {.sun_family = AF_UNIX};
	struct sockaddr_in name = {0};
	socklen_t len = sizeof(name);
	struct tls_server_options options;
	struct tls_end *client;
	char want[64];
	int fd;

	begin();
	certified(8, false);
	client = client_in(NULL, NULL);
	ck_assert_int_eq(getsockname(client->fd, (struct sockaddr *)&name, &len), 0);
	snprintf(want, sizeof(want), "127.0.0.1:%u", ntohs(name.sin_port));
	ck_assert_str_eq(tls_conn_peer(service.seats[0].conn)->address, want);
	tls_service_close(&service);
	tls_end_free(client);
	tls_server_free(server);

	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&at, sizeof(sa_family_t)), 0); /* abstract */
	ck_assert_int_eq(listen(fd, 4), 0);
	len = sizeof(at);
	ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&at, &len), 0);
	options = options_of(fd);
	server = tls_server_new(&options);
	TLS_WORLD_UNTIL(w.loop, tls_server_is_certified(server));
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	ck_assert_int_eq(connect(fd, (struct sockaddr *)&at, len), 0);
	client = tls_end_new(fd, &(struct tls_end_options){.alpn = "\x02h2"});
	ck_assert(tls_end_shake(w.loop, client));
	TLS_WORLD_UNTIL(w.loop, service.count == 2);
	ck_assert_str_eq(tls_conn_peer(service.seats[1].conn)->address, "local");
	tls_end_free(client);
	end();
}
END_TEST

START_TEST(freed_with_clients_in_every_state)
{
	struct tls_end *silent, *half, *open;

	begin();
	certified(8, false);
	silent = client_new(NULL, NULL, NULL);
	half = client_new(NULL, NULL, NULL);
	open = client_in(NULL, NULL);
	TLS_WORLD_UNTIL(w.loop, tls_server_connections(server) == 3);
	(void)tls_end_step(half);
	tls_service_close(&service); /* lingers */
	end();
	tls_end_free(silent);
	tls_end_free(half);
	tls_end_free(open);
}
END_TEST

CHECK_MAIN("api_tls_server", nobody_is_let_in_before_the_signer_certifies,
    an_expired_certificate_is_none, the_ceiling_makes_clients_wait, strangers_give_way,
    drained_it_accepts_no_more_and_keeps_what_is_open, reloaded_it_knows_the_new_anchors,
    tickets_outlive_a_reload_and_open_no_other_listener, handshakes_are_rationed,
    workers_that_are_behind_stop_the_listener, addresses_are_printed,
    freed_with_clients_in_every_state)
