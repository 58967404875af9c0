/* SPDX-License-Identifier: Apache-2.0 */
/* What a listener's context takes: handshakes in memory, by OpenSSL's own client. */
#include <string.h>

#include "api/tls_int.h"
#include "base/clock.h"
#include "base/mem.h"
#include "tests/unit/tls_world.h"

#define DAY 86400

static struct make_ca *ca;

/* --- listeners --- */

struct listener {
	struct config_environment config;
	struct front_env env;
	struct tls_server server;
	struct base_buf anchors;
};

/* A certificate of the CA for key; uri NULL: a server's. */
static X509 *
leaf_make(const struct make_ca *by, EVP_PKEY *key, const char *uri)
{
	char san[128];

	snprintf(san, sizeof(san), "critical,%s%s", uri == NULL ? "DNS:localhost" : "URI:",
	    uri == NULL ? "" : uri);
	return tls_world_leaf(by, key, san, uri == NULL ? "serverAuth" : "serverAuth,clientAuth", DAY);
}

static struct listener *
listener_make(const char *environment, enum tls_alpn alpn)
{
	struct listener *out = base_xcalloc(1, sizeof(*out));

	out->config.name = base_xstrdup(environment);
	out->env.config = &out->config;
	base_buf_init(&out->anchors, LIMIT_FRAME);
	base_buf_append_le32(&out->anchors, (uint32_t)ca->der_len);
	base_buf_append_span(&out->anchors, make_ca_der(ca));
	out->env.anchors = base_buf_span(&out->anchors);
	out->server.env = &out->env;
	out->server.alpn = alpn;
	out->server.cert.key = make_key("P-256");
	out->server.cert.leaf = leaf_make(ca, out->server.cert.key, NULL);
	out->server.cert.issuer = ca->cert;
	tls_tickets_init(&out->server.tickets, 0);
	ck_assert_int_eq(tls_context_build(&out->server), MC_OK);
	return out;
}

static void
listener_free(struct listener *listener)
{
	SSL_CTX_free(listener->server.ctx);
	tls_tickets_clear(&listener->server.tickets);
	X509_free(listener->server.cert.leaf);
	EVP_PKEY_free(listener->server.cert.key);
	base_buf_clear(&listener->anchors);
	free(listener->config.name);
	free(listener);
}

/* The ticket keys of another listener, as if they were shared. */
static void
tickets_copy(struct listener *to, const struct listener *from)
{
	to->server.tickets.now = from->server.tickets.now;
	to->server.tickets.before = from->server.tickets.before;
}

/* --- clients --- */

struct client {
	/* asked for */
	const char *alpn; /* as on the wire: "\x02h2"; NULL: none */
	int version_max;  /* 0: the newest */
	SSL_SESSION *resume;
	X509 *cert;
	EVP_PKEY *key;
	/* found */
	bool done, reused;
	SSL_SESSION *ticket;
	bool has_cert, verified; /* as the listener's service is told */
	char uri[64];
};

static int
on_ticket(SSL *ssl, SSL_SESSION *session)
{
	struct client *client = SSL_get_app_data(ssl);

	SSL_SESSION_free(client->ticket);
	client->ticket = session;
	return 1; /* ours */
}

/* What tls_peer.c says of the client. */
static void
peer_see(SSL *ssl, struct client *client)
{
	struct tls_conn conn = {.ssl = ssl};

	tls_peer_fill(&conn);
	client->has_cert = conn.peer.cert.len > 0;
	client->verified = conn.peer.verified;
	base_span_copy_str(conn.peer.uri, client->uri, sizeof(client->uri));
	OPENSSL_free(conn.peer_cert);
	free(conn.peer_uri);
}

static void
shake(struct listener *listener, struct client *client)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
	SSL *there = SSL_new(listener->server.ctx);
	BIO *near = NULL;
	BIO *far = NULL;
	char byte = 0;
	SSL *here;

	SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
	SSL_CTX_sess_set_new_cb(ctx, on_ticket);
	if (client->version_max != 0) {
		ck_assert_int_eq(SSL_CTX_set_max_proto_version(ctx, client->version_max), 1);
	}
	here = SSL_new(ctx);
	SSL_set_app_data(here, client);
	if (client->alpn != NULL) {
		ck_assert_int_eq(SSL_set_alpn_protos(here, (const unsigned char *)client->alpn,
		    (unsigned)strlen(client->alpn)), 0);
	}
	if (client->cert != NULL) {
		ck_assert_int_eq(SSL_use_certificate(here, client->cert), 1);
		ck_assert_int_eq(SSL_use_PrivateKey(here, client->key), 1);
	}
	if (client->resume != NULL) {
		ck_assert_int_eq(SSL_set_session(here, client->resume), 1);
	}
	ck_assert_int_eq(BIO_new_bio_pair(&near, 0, &far, 0), 1);
	SSL_set_bio(here, near, near);
	SSL_set_bio(there, far, far);
	SSL_set_connect_state(here);
	SSL_set_accept_state(there);
	for (int i = 0; i < 10; i++) {
		(void)SSL_do_handshake(here);
		(void)SSL_do_handshake(there);
	}
	client->done = SSL_is_init_finished(here) && SSL_is_init_finished(there);
	if (client->done) {
		ck_assert_int_eq(SSL_write(there, "x", 1), 1);
		ck_assert_int_eq(SSL_read(here, &byte, 1), 1);
		client->reused = SSL_session_reused(here) == 1;
		peer_see(there, client);
	}
	/* both ends say goodbye, or the ticket is called spoilt */
	(void)SSL_shutdown(here);
	(void)SSL_shutdown(there);
	SSL_free(here);
	SSL_free(there);
	SSL_CTX_free(ctx);
}

/* A ticket of a listener; the caller frees it. */
static SSL_SESSION *
ticket_of(struct listener *listener)
{
	struct client client = {.alpn = "\x02h2"};

	shake(listener, &client);
	ck_assert(client.done && !client.reused);
	ck_assert_ptr_nonnull(client.ticket);
	return client.ticket;
}

/* Whether a listener takes up the session. Either way the connection is made. */
static bool
resumes(struct listener *listener, SSL_SESSION *ticket)
{
	/* a copy: a session serves once */
	struct client client = {.alpn = "\x02h2", .resume = SSL_SESSION_dup(ticket)};

	shake(listener, &client);
	ck_assert(client.done);
	SSL_SESSION_free(client.resume);
	SSL_SESSION_free(client.ticket);
	return client.reused;
}

/* --- tests --- */

static void
start(void)
{
	ca = make_ca("P-256", "cluster.local", base_clock_now() + 30 * DAY);
}

static void
stop(void)
{
	make_ca_free(ca);
}

START_TEST(a_ticket_opens_its_own_listener_only)
{
	struct listener *development, *production, *twin;
	SSL_SESSION *ticket;

	start();
	development = listener_make("development", TLS_ALPN_H2);
	production = listener_make("production", TLS_ALPN_H2);
	twin = listener_make("development", TLS_ALPN_H2);
	ticket = ticket_of(development);
	ck_assert(resumes(development, ticket));
	/* its keys are its own ... */
	ck_assert(!resumes(production, ticket));
	ck_assert(!resumes(twin, ticket));
	/* ... and if they were not, its name in the session still is */
	tickets_copy(twin, development);
	ck_assert(resumes(twin, ticket));
	tickets_copy(production, development);
	ck_assert(!resumes(production, ticket));
	SSL_SESSION_free(ticket);
	listener_free(development);
	listener_free(production);
	listener_free(twin);
	stop();
}
END_TEST

START_TEST(ticket_keys_are_replaced_every_twelve_hours)
{
	const int64_t half_day_us = INT64_C(12) * 3600 * 1000000;
	struct listener *listener;
	SSL_SESSION *old, *new;

	start();
	listener = listener_make("production", TLS_ALPN_H2);
	old = ticket_of(listener);
	tls_tickets_rotate(&listener->server.tickets, half_day_us - 1);
	ck_assert_int_eq(listener->server.tickets.made_us, 0);
	tls_tickets_rotate(&listener->server.tickets, half_day_us);
	ck_assert(resumes(listener, old)); /* with the key before */
	new = ticket_of(listener);
	tls_tickets_rotate(&listener->server.tickets, 2 * half_day_us);
	ck_assert(!resumes(listener, old));
	ck_assert(resumes(listener, new));
	/* the context is made anew when the anchors change: tickets outlive that */
	ck_assert_int_eq(tls_context_build(&listener->server), MC_OK);
	ck_assert(resumes(listener, new));
	SSL_SESSION_free(old);
	SSL_SESSION_free(new);
	listener_free(listener);
	stop();
}
END_TEST

START_TEST(no_early_data)
{
	struct listener *listener;
	SSL_SESSION *ticket;

	start();
	listener = listener_make("production", TLS_ALPN_H2);
	ticket = ticket_of(listener);
	ck_assert_uint_eq(SSL_SESSION_get_max_early_data(ticket), 0);
	SSL_SESSION_free(ticket);
	listener_free(listener);
	stop();
}
END_TEST

START_TEST(tls_1_3_and_the_listeners_protocol_only)
{
	static const struct {
		enum tls_alpn listener;
		const char *alpn;
		int version_max;
		bool done;
	} cases[] = {
	    {TLS_ALPN_H2, "\x02h2", 0, true},
	    {TLS_ALPN_H2, "\x08http/1.1\x02h2", 0, true},
	    {TLS_ALPN_H2, "\x08http/1.1", 0, false},
	    {TLS_ALPN_H2, "\x03h2c", 0, false},
	    {TLS_ALPN_H2, "\x02h2", TLS1_2_VERSION, false},
	    {TLS_ALPN_HTTP11, "\x08http/1.1", 0, true},
	    {TLS_ALPN_HTTP11, NULL, 0, true},
	    {TLS_ALPN_HTTP11, "\x02h2", 0, false},
	    {TLS_ALPN_HTTP11, NULL, TLS1_2_VERSION, false},
	};

	start();
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct listener *listener = listener_make("production", cases[i].listener);
		struct client client = {.alpn = cases[i].alpn, .version_max = cases[i].version_max};

		shake(listener, &client);
		ck_assert_msg(client.done == cases[i].done, "case %zu", i);
		SSL_SESSION_free(client.ticket);
		listener_free(listener);
	}
	stop();
}
END_TEST

/* A bad client certificate is a verdict, not the end of the handshake; and a verdict outlives it in the ticket. */
START_TEST(a_client_certificate_is_judged)
{
	static const char id[] = "spiffe://cluster.local/ns/a/sa/b";
	EVP_PKEY *key = make_key("P-256");
	struct listener *listener;
	struct make_ca *other;
	struct client good = {.alpn = "\x02h2", .key = key};
	struct client bad = good;
	struct client server = good;
	struct client two = good;
	struct client none = {.alpn = "\x02h2"};

	start();
	other = make_ca("P-256", "cluster.local", base_clock_now() + 30 * DAY);
	listener = listener_make("production", TLS_ALPN_H2);
	good.cert = leaf_make(ca, key, id);
	shake(listener, &good);
	ck_assert(good.done && good.has_cert && good.verified);
	ck_assert_str_eq(good.uri, id);
	bad.cert = leaf_make(other, key, id);
	shake(listener, &bad);
	ck_assert(bad.done && bad.has_cert && !bad.verified);
	server.cert = leaf_make(ca, key, NULL); /* not made for clients */
	shake(listener, &server);
	ck_assert(server.done && server.has_cert && !server.verified);
	ck_assert_str_eq(server.uri, "");
	shake(listener, &none);
	ck_assert(none.done && !none.has_cert && !none.verified);
	two.cert = leaf_make(ca, key, "spiffe://cluster.local/ns/a/sa/b,URI:spiffe://cluster.local/ns/a/sa/c");
	shake(listener, &two);
	ck_assert(two.done && two.verified);
	ck_assert_str_eq(two.uri, ""); /* several identities are none */

	struct client again = {.alpn = "\x02h2", .resume = bad.ticket};
	shake(listener, &again);
	ck_assert(again.done && again.reused && again.has_cert && !again.verified);
	SSL_SESSION_free(again.ticket);
	SSL_SESSION_free(good.ticket);
	SSL_SESSION_free(bad.ticket);
	SSL_SESSION_free(server.ticket);
	SSL_SESSION_free(none.ticket);
	X509_free(good.cert);
	X509_free(bad.cert);
	SSL_SESSION_free(two.ticket);
	X509_free(two.cert);
	X509_free(server.cert);
	EVP_PKEY_free(key);
	make_ca_free(other);
	listener_free(listener);
	stop();
}
END_TEST

CHECK_MAIN("api_tls_context", a_ticket_opens_its_own_listener_only,
    ticket_keys_are_replaced_every_twelve_hours, no_early_data,
    tls_1_3_and_the_listeners_protocol_only, a_client_certificate_is_judged)
