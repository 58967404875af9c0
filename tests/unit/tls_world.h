/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A front with one environment: an event loop, a worker, a signer made of OpenSSL calls that certifies
 * listeners, and TLS clients on the same thread. A client's bytes pass through memory, so that a test says when they
 * are sent and read.
 */
#ifndef TESTS_TLS_WORLD_H
#define TESTS_TLS_WORLD_H

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <openssl/ssl.h>

#include "api/front_env.h"
#include "api/metrics.h"
#include "api/tls_conn.h"
#include "base/clock.h"
#include "base/crypto.h"
#include "base/mem.h"
#include "base/msg_issue.h"
#include "tests/unit/ca_make.h"
#include "tests/unit/check_main.h"

#define TLS_WORLD_DAY 86400
#define TLS_WORLD_WAIT_US 10000000

struct tls_world {
	struct base_loop *loop;
	struct config front_config;
	struct config_environment config;
	struct front front;
	struct front_env env;
	struct make_ca *ca;
	struct base_buf anchors;
	struct base_chan *signer;
	/* what the signer is to do */
	enum mc_err refuse; /* with this; MC_OK: it certifies */
	bool silent;
	bool other_key;     /* certifies another key than the one asked for */
	int64_t life_s;
	/* what it was asked */
	unsigned asked;
	struct msg_issue ask;   /* without its views */
	char names[512];        /* each ended by a comma */
	char requester[64];
	uint8_t key[LIMIT_KEY_BYTES];
	size_t key_len;
};

/* Turns the loop until the condition holds; fails the test when it never does. */
#define TLS_WORLD_UNTIL(loop, condition)                                               \
	do {                                                                           \
		int64_t until_us = base_clock_boot_us() + TLS_WORLD_WAIT_US;           \
		while (!(condition)) {                                                 \
			base_loop_turn(loop, 10);                                      \
			ck_assert_msg(base_clock_boot_us() < until_us, "not yet: %s",  \
			    #condition);                                               \
		}                                                                      \
	} while (0)

/* Lets everything happen that is going to happen by itself. */
static inline void
tls_world_settle(struct base_loop *loop)
{
	for (int i = 0; i < 20; i++) {
		base_loop_turn(loop, 1);
	}
}

/* --- certificates --- */

/* A certificate of the CA for key, for life_s from now. san: "URI:..." or "DNS:...". The caller frees. */
static inline X509 *
tls_world_leaf(const struct make_ca *by, EVP_PKEY *key, const char *san, const char *usage,
    int64_t life_s)
{
	X509 *cert = X509_new();
	uint8_t serial[8];
	BIGNUM *number;

	base_crypto_random(serial, sizeof(serial));
	serial[0] = 1;
	number = BN_bin2bn(serial, sizeof(serial), NULL);
	BN_to_ASN1_INTEGER(number, X509_get_serialNumber(cert));
	BN_free(number);
	X509_set_version(cert, X509_VERSION_3);
	ASN1_TIME_set(X509_getm_notBefore(cert), base_clock_now() - 120);
	ASN1_TIME_set(X509_getm_notAfter(cert), base_clock_now() + life_s);
	X509_set_issuer_name(cert, X509_get_subject_name(by->cert));
	X509_set_pubkey(cert, key);
	if (san != NULL) {
		make_ca_ext(cert, NID_subject_alt_name, san);
	}
	make_ca_ext(cert, NID_ext_key_usage, usage);
	make_ca_ext(cert, NID_key_usage, "critical,digitalSignature");
	ck_assert_int_gt(X509_sign(cert, by->key, EVP_sha256()), 0);
	return cert;
}

/* The key that a signer was asked to certify. The caller frees. */
static inline EVP_PKEY *
tls_world_point(struct base_span point)
{
	EVP_PKEY *key = EVP_PKEY_new();
	EVP_PKEY *group = EVP_EC_gen("P-256");

	EVP_PKEY_copy_parameters(key, group);
	ck_assert_int_eq(EVP_PKEY_set1_encoded_public_key(key, point.ptr, point.len), 1);
	EVP_PKEY_free(group);
	return key;
}

/* --- the front --- */

static inline int
tls_world_listen(uint16_t *port)
{
	struct sockaddr_in at = {.sin_family = AF_INET};
	socklen_t len = sizeof(at);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&at, sizeof(at)), 0);
	ck_assert_int_eq(listen(fd, 64), 0);
	ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&at, &len), 0);
	*port = ntohs(at.sin_port);
	return fd;
}

static inline void
tls_world_peer_gone(void *self, struct base_chan *chan, enum mc_err why)
{
	(void)self;
	(void)chan;
	(void)why;
}

/* The other end of a link, greeted. */
static inline struct base_chan *
tls_world_peer(struct base_loop *loop, struct link *link, enum msg_role role,
    const char *environment, base_chan_item_fn fn, void *self)
{
	struct base_chan *chan;
	int fds[2];

	ck_assert_int_eq(base_chan_pair(fds), MC_OK);
	link_attach(link, fds[0], 1);
	chan = base_chan_new(loop, fds[1], fn, tls_world_peer_gone, self);
	ck_assert_int_eq(msg_hello_send(chan, role, environment), MC_OK);
	return chan;
}

static inline void
tls_world_note(struct tls_world *world, const struct msg_issue *ask)
{
	world->asked++;
	world->ask = *ask;
	ck_assert_uint_lt(ask->dns_names.len, sizeof(world->names));
	for (size_t i = 0; i < ask->dns_names.len; i++) {
		char c = (char)ask->dns_names.ptr[i];

		world->names[i] = c == '\0' ? ',' : c;
	}
	world->names[ask->dns_names.len] = '\0';
	base_span_copy_str(ask->requester, world->requester, sizeof(world->requester));
	ck_assert_uint_le(ask->key.len, sizeof(world->key));
	base_copy(world->key, ask->key.ptr, ask->key.len);
	world->key_len = ask->key.len;
}

static inline enum mc_err
tls_world_signer(void *self, struct base_chan *chan, const struct base_item *item)
{
	struct tls_world *world = self;
	struct msg_issue ask;
	struct msg_issue_ans ans = {.not_before_at = base_clock_now() - 120,
	    .not_after_at = base_clock_now() + world->life_s};
	unsigned char *der = NULL;
	EVP_PKEY *key;
	X509 *leaf;
	int len;

	if (item->type != MSG_ISSUE) {
		return MC_OK;
	}
	ck_assert_int_eq(msg_decode(&msg_issue_table, item->payload, &ask), MC_OK);
	tls_world_note(world, &ask);
	if (world->silent) {
		return MC_OK;
	}
	if (world->refuse != MC_OK) {
		return msg_send_failure(chan, MSG_ISSUE, item->corr, &msg_issue_ans_table,
		    world->refuse);
	}
	key = world->other_key ? make_key("P-256") : tls_world_point(ask.key);
	leaf = tls_world_leaf(world->ca, key, "critical,DNS:localhost,IP:127.0.0.1", "serverAuth",
	    TLS_WORLD_DAY);
	len = i2d_X509(leaf, &der);
	ans.cert = base_span_of(der, (size_t)len);
	ans.issuer = make_ca_der(world->ca);
	ans.serial = base_span_of("\1", 1);
	ck_assert_int_eq(msg_send(chan, MSG_ANSWER(MSG_ISSUE), 0, item->corr,
	    &msg_issue_ans_table, &ans), MC_OK);
	OPENSSL_free(der);
	X509_free(leaf);
	EVP_PKEY_free(key);
	return MC_OK;
}

static inline void
tls_world_anchor(struct tls_world *world, const struct make_ca *ca)
{
	base_buf_append_le32(&world->anchors, (uint32_t)ca->der_len);
	base_buf_append_span(&world->anchors, make_ca_der(ca));
	world->env.anchors = base_buf_span(&world->anchors);
}

static inline void
tls_world_start(struct tls_world *world)
{
	static char name[] = "production";
	static char domain[] = "cluster.local";

	memset(world, 0, sizeof(*world));
	world->life_s = TLS_WORLD_DAY;
	world->loop = base_loop_new();
	world->ca = make_ca("P-256", domain, base_clock_now() + 30 * TLS_WORLD_DAY);
	world->config.name = name;
	world->config.trust_domain = domain;
	world->front.loop = world->loop;
	world->front.config = &world->front_config;
	world->front.metrics = metrics_new();
	world->front.envs = &world->env;
	world->front.env_count = 1;
	world->front.pool = base_pool_new(world->loop, 1, 8, NULL, NULL, NULL);
	world->env.config = &world->config;
	world->env.signer = link_new(world->loop, MSG_ROLE_SIGNER, name);
	base_buf_init(&world->anchors, LIMIT_FRAME);
	tls_world_anchor(world, world->ca);
	world->signer = tls_world_peer(world->loop, world->env.signer, MSG_ROLE_SIGNER, name,
	    tls_world_signer, world);
	TLS_WORLD_UNTIL(world->loop, link_is_up(world->env.signer));
}

static inline void
tls_world_stop(struct tls_world *world)
{
	base_pool_free(world->front.pool);
	link_free(world->env.signer);
	base_chan_free(world->signer);
	metrics_free(world->front.metrics);
	base_buf_clear(&world->anchors);
	make_ca_free(world->ca);
	base_loop_free(world->loop);
}

/* --- clients --- */

struct tls_end {
	SSL_CTX *ctx;
	SSL *ssl;
	int fd;
	bool hold;       /* what it has to send stays in memory */
	bool deaf;       /* reads nothing from the socket */
	bool fin;        /* the server sends no more */
	bool failed;     /* the handshake */
	uint8_t *held;   /* not taken by the socket yet */
	size_t held_len;
	SSL_SESSION *ticket; /* the newest */
};

struct tls_end_options {
	const char *alpn; /* as on the wire; NULL: none */
	X509 *cert;
	EVP_PKEY *key;
	SSL_SESSION *resume;
};

static inline int
tls_end_on_ticket(SSL *ssl, SSL_SESSION *session)
{
	struct tls_end *end = SSL_get_app_data(ssl);

	SSL_SESSION_free(end->ticket);
	end->ticket = session;
	return 1;
}

static inline int
tls_world_connect(uint16_t port)
{
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(port)};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int on = 1;

	at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	ck_assert_int_eq(setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)), 0);
	if (connect(fd, (struct sockaddr *)&at, sizeof(at)) != 0) {
		ck_assert_int_eq(errno, EINPROGRESS);
	}
	return fd;
}

/* A client on a connected or connecting socket, which it takes over. */
static inline struct tls_end *
tls_end_new(int fd, const struct tls_end_options *options)
{
	struct tls_end *end = base_xcalloc(1, sizeof(*end));

	end->fd = fd;
	end->ctx = SSL_CTX_new(TLS_client_method());
	SSL_CTX_set_session_cache_mode(end->ctx,
	    SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
	SSL_CTX_sess_set_new_cb(end->ctx, tls_end_on_ticket);
	end->ssl = SSL_new(end->ctx);
	SSL_set_app_data(end->ssl, end);
	if (options->alpn != NULL) {
		ck_assert_int_eq(SSL_set_alpn_protos(end->ssl,
		    (const unsigned char *)options->alpn, (unsigned)strlen(options->alpn)), 0);
	}
	if (options->cert != NULL) {
		ck_assert_int_eq(SSL_use_certificate(end->ssl, options->cert), 1);
		ck_assert_int_eq(SSL_use_PrivateKey(end->ssl, options->key), 1);
	}
	if (options->resume != NULL) {
		ck_assert_int_eq(SSL_set_session(end->ssl, options->resume), 1);
	}
	SSL_set_bio(end->ssl, BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
	BIO_set_mem_eof_return(SSL_get_rbio(end->ssl), -1);
	SSL_set_connect_state(end->ssl);
	return end;
}

static inline void
tls_end_free(struct tls_end *end)
{
	if (end->fd >= 0) {
		close(end->fd);
	}
	SSL_SESSION_free(end->ticket);
	SSL_free(end->ssl);
	SSL_CTX_free(end->ctx);
	free(end->held);
	free(end);
}

/* Between memory and socket, as far as both go now. */
static inline void
tls_end_move(struct tls_end *end)
{
	uint8_t bytes[8192];
	ssize_t n;
	int len;

	while (!end->hold) {
		if (end->held_len == 0) {
			len = BIO_read(SSL_get_wbio(end->ssl), bytes, sizeof(bytes));
			if (len <= 0) {
				break;
			}
			end->held = base_xreallocarray(end->held, (size_t)len, 1);
			base_copy(end->held, bytes, (size_t)len);
			end->held_len = (size_t)len;
		}
		n = send(end->fd, end->held, end->held_len, MSG_NOSIGNAL);
		if (n < 0) {
			break;
		}
		memmove(end->held, end->held + n, end->held_len - (size_t)n);
		end->held_len -= (size_t)n;
	}
	while (!end->deaf && !end->fin) {
		n = read(end->fd, bytes, sizeof(bytes));
		if (n < 0 && (errno == EAGAIN || errno == EINTR || errno == ENOTCONN)) {
			break;
		}
		if (n <= 0) {
			end->fin = true;
			break;
		}
		ck_assert_int_eq(BIO_write(SSL_get_rbio(end->ssl), bytes, (int)n), (int)n);
	}
}

/* One step of the handshake. Returns true when it is over on this side. */
static inline bool
tls_end_step(struct tls_end *end)
{
	int rc;

	tls_end_move(end);
	rc = SSL_do_handshake(end->ssl);
	if (rc != 1 && SSL_get_error(end->ssl, rc) != SSL_ERROR_WANT_READ) {
		end->failed = true;
	}
	tls_end_move(end);
	return rc == 1 || end->failed || (end->fin && !SSL_is_init_finished(end->ssl));
}

/* Shakes hands. Returns false when the server did not want to. */
static inline bool
tls_end_shake(struct base_loop *loop, struct tls_end *end)
{
	TLS_WORLD_UNTIL(loop, tls_end_step(end));
	return !end->failed && SSL_is_init_finished(end->ssl);
}

/* Decrypted bytes that are there, at most len; 0 when there are none now, -1 at the end. */
static inline int
tls_end_read(struct tls_end *end, void *buf, size_t len)
{
	int n;

	tls_end_move(end);
	n = SSL_read(end->ssl, buf, (int)len);
	if (n > 0) {
		return n;
	}
	return SSL_get_error(end->ssl, n) == SSL_ERROR_WANT_READ && !end->fin ? 0 : -1;
}

static inline void
tls_end_write(struct tls_end *end, const void *ptr, size_t len)
{
	ck_assert_int_eq(SSL_write(end->ssl, ptr, (int)len), (int)len);
	tls_end_move(end);
}

/* Says goodbye and closes. */
static inline void
tls_end_bye(struct tls_end *end)
{
	(void)SSL_shutdown(end->ssl);
	tls_end_move(end);
	close(end->fd);
	end->fd = -1;
	end->fin = true;
}

/* --- a service that adopts what a listener gives it --- */

#define TLS_SEATS 8

struct tls_seat {
	struct tls_conn *conn;
	bool lazy;       /* reads nothing */
	bool over;       /* read the end, closed */
	unsigned reads;  /* on_read */
	unsigned drained;
	uint8_t got[256];
	size_t got_len;
};

struct tls_service {
	struct tls_seat seats[TLS_SEATS]; /* in the order of their coming */
	unsigned count;
	bool lazy;
};

static inline void
tls_seat_on_read(void *self)
{
	struct tls_seat *seat = self;
	ssize_t n;

	seat->reads++;
	if (seat->lazy) {
		return;
	}
	do {
		n = tls_conn_read(seat->conn, seat->got + seat->got_len,
		    sizeof(seat->got) - seat->got_len);
		seat->got_len += n > 0 ? (size_t)n : 0;
	} while (n > 0 && seat->got_len < sizeof(seat->got));
	if (n < 0) {
		seat->over = true;
		tls_conn_close(seat->conn);
		seat->conn = NULL;
	}
}

static inline void
tls_seat_on_drained(void *self)
{
	struct tls_seat *seat = self;

	seat->drained++;
}

static inline void
tls_service_on_conn(void *self, struct tls_conn *conn)
{
	static const struct tls_conn_ops ops = {.on_read = tls_seat_on_read,
	    .on_drained = tls_seat_on_drained};
	struct tls_service *service = self;
	struct tls_seat *seat = &service->seats[service->count++];

	ck_assert_uint_le(service->count, TLS_SEATS);
	seat->conn = conn;
	seat->lazy = service->lazy;
	tls_conn_adopt(conn, &ops, seat);
}

static inline void
tls_service_close(struct tls_service *service)
{
	for (unsigned i = 0; i < service->count; i++) {
		tls_conn_close(service->seats[i].conn);
		service->seats[i].conn = NULL;
	}
}

#endif
