/* SPDX-License-Identifier: Apache-2.0 */
/* An HTTPS server on a loopback port of its own, in a thread: answers by table, and keeps what it was asked. */
#ifndef TESTS_REST_SERVER_H
#define TESTS_REST_SERVER_H

#include <arpa/inet.h>
#include <check.h>
#include <netinet/in.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include "pem_make.h"

#define REST_SEEN_MAX 64
#define REST_TEXT_MAX 32768

struct rest_seen {
	char line[1024]; /* "GET /v1/x?y=z" */
	char head[REST_TEXT_MAX];
	char body[REST_TEXT_MAX];
	size_t body_len;
	bool has_cert; /* the client showed a certificate */
};

/* What is answered to a request whose line is exactly this. The first route that fits, and that was not used up. */
struct rest_route {
	const char *line;
	int status;       /* 0: the connection is closed without an answer */
	const char *type; /* NULL: application/json */
	const char *body;
	size_t zeros;     /* so many bytes instead */
	/* The body instead, on the heap; *len is SIZE_MAX: it is text. */
	char *(*make)(void *self, const struct rest_seen *seen, size_t *len);
	bool once;        /* used up by one request */
};

struct rest_server {
	const struct rest_route *routes; /* ended by a NULL line */
	void *self;                      /* for make */
	unsigned used;                   /* bits of routes that were once */
	struct rest_seen *seen;
	size_t seen_count;
	pthread_mutex_t lock;
	pthread_t thread;
	SSL_CTX *ctx;
	/* Serves a connection instead, whatever is spoken on it; NULL: HTTP/1.1 as above. */
	void (*serve)(struct rest_server *server, SSL *ssl);
	int fd;
	unsigned port;
};

static inline void
rest_server_write(SSL *ssl, const void *ptr, size_t len)
{
	size_t done = 0;

	for (const char *at = ptr; len > 0 && SSL_write_ex(ssl, at, len, &done) == 1; at += done) {
		len -= done;
	}
}

static inline const struct rest_route *
rest_server_route(struct rest_server *server, const char *line)
{
	for (size_t i = 0; server->routes != NULL && server->routes[i].line != NULL; i++) {
		const struct rest_route *route = &server->routes[i];

		if (strcmp(route->line, line) == 0 && (server->used & (1U << i)) == 0) {
			server->used |= route->once ? 1U << i : 0;
			return route;
		}
	}
	return NULL;
}

static inline void
rest_server_keep(char *to, size_t size, const char *from, size_t len)
{
	len = len < size - 1 ? len : size - 1;
	memcpy(to, from, len);
	to[len] = '\0';
}

/* Reads one request. False: none came. */
static inline bool
rest_server_read(SSL *ssl, struct rest_seen *seen)
{
	char *text = base_xcalloc(1, 2 * REST_TEXT_MAX);
	size_t len = 0;
	size_t want = 0;
	size_t got = 0;
	char *end = NULL;
	char *field;

	while ((end == NULL || len < want) && len + 1 < 2 * (size_t)REST_TEXT_MAX &&
	    SSL_read_ex(ssl, text + len, 2 * REST_TEXT_MAX - 1 - len, &got) == 1) {
		len += got;
		if (end == NULL && (end = strstr(text, "\r\n\r\n")) != NULL) {
			field = strcasestr(text, "\r\nContent-Length:");
			want = (size_t)(end + 4 - text) +
			    (field == NULL || field > end ? 0 : strtoul(field + 17, NULL, 10));
		}
	}
	if (end != NULL && len >= want) {
		seen->body_len = want - (size_t)(end + 4 - text);
		rest_server_keep(seen->line, sizeof(seen->line), text,
		    (size_t)(strstr(text, " HTTP/") - text));
		rest_server_keep(seen->head, sizeof(seen->head), text, (size_t)(end + 2 - text));
		rest_server_keep(seen->body, sizeof(seen->body), end + 4, seen->body_len);
	}
	free(text);
	return end != NULL && len >= want;
}

static inline void
rest_server_answer(struct rest_server *server, SSL *ssl, const struct rest_seen *seen)
{
	static const struct rest_route NO_ROUTE = {.status = 500, .type = "text/plain"};
	static const char ZEROS[65536];
	const struct rest_route *route = rest_server_route(server, seen->line);
	char *made = NULL;
	const char *body;
	char *head;
	size_t left = SIZE_MAX;

	if (route == NULL) {
		route = &NO_ROUTE;
	}
	if (route->status == 0) {
		return;
	}
	made = route->make == NULL ? NULL : route->make(server->self, seen, &left);
	body = made != NULL ? made : route->body == NULL ? "" : route->body;
	left = route->zeros > 0 ? route->zeros : left == SIZE_MAX ? strlen(body) : left;
	head = base_xasprintf("HTTP/1.1 %d X\r\nContent-Type: %s\r\nContent-Length: %zu\r\n"
			      "Connection: close\r\n\r\n",
	    route->status, route->type == NULL ? "application/json" : route->type, left);
	rest_server_write(ssl, head, strlen(head));
	while (route->zeros > 0 && left > 0) {
		size_t part = left < sizeof(ZEROS) ? left : sizeof(ZEROS);

		rest_server_write(ssl, ZEROS, part);
		left -= part;
	}
	rest_server_write(ssl, body, route->zeros > 0 ? 0 : left);
	free(head);
	free(made);
}

/* Keeps what was asked, and whether the client has a certificate. */
static inline void
rest_server_see(struct rest_server *server, SSL *ssl, struct rest_seen *seen)
{
	X509 *cert = SSL_get1_peer_certificate(ssl);

	seen->has_cert = cert != NULL;
	X509_free(cert);
	(void)pthread_mutex_lock(&server->lock);
	if (server->seen_count < REST_SEEN_MAX) {
		server->seen[server->seen_count++] = *seen;
	}
	(void)pthread_mutex_unlock(&server->lock);
}

static inline void
rest_server_serve(struct rest_server *server, int fd)
{
	struct rest_seen *seen = base_xcalloc(1, sizeof(*seen));
	SSL *ssl = SSL_new(server->ctx);
	char rest[4096];

	ck_assert_int_eq(SSL_set_fd(ssl, fd), 1);
	if (SSL_accept(ssl) == 1 && server->serve != NULL) {
		server->serve(server, ssl);
		(void)SSL_shutdown(ssl);
	} else if (SSL_is_init_finished(ssl) && rest_server_read(ssl, seen)) {
		rest_server_see(server, ssl, seen);
		rest_server_answer(server, ssl, seen);
		(void)SSL_shutdown(ssl);
	}
	/* What is still unread would reset the connection, and the other side lose what was said. */
	(void)shutdown(fd, SHUT_WR);
	while (read(fd, rest, sizeof(rest)) > 0) {
	}
	SSL_free(ssl);
	free(seen);
}

static inline void *
rest_server_run(void *self)
{
	struct rest_server *server = self;
	int fd;

	while ((fd = accept4(server->fd, NULL, NULL, SOCK_CLOEXEC)) >= 0) {
		rest_server_serve(server, fd);
		(void)close(fd);
	}
	return NULL;
}

/* A bound loopback socket of a free port. */
static inline int
rest_server_bind(unsigned *port)
{
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
	socklen_t len = sizeof(at);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	ck_assert_int_eq(bind(fd, (const struct sockaddr *)&at, sizeof(at)), 0);
	ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&at, &len), 0);
	*port = ntohs(at.sin_port);
	return fd;
}

/* clients: who may come; NULL: anybody. Change its ctx before the first connection only. */
static inline struct rest_server *
rest_server_new(EVP_PKEY *key, X509 *cert, X509 *clients)
{
	struct rest_server *server = base_xcalloc(1, sizeof(*server));

	(void)signal(SIGPIPE, SIG_IGN); /* as the command does */
	server->seen = base_xcalloc(REST_SEEN_MAX, sizeof(*server->seen));
	(void)pthread_mutex_init(&server->lock, NULL);
	server->ctx = SSL_CTX_new(TLS_server_method());
	ck_assert_int_eq(SSL_CTX_use_PrivateKey(server->ctx, key), 1);
	ck_assert_int_eq(SSL_CTX_use_certificate(server->ctx, cert), 1);
	if (clients != NULL) {
		ck_assert_int_eq(X509_STORE_add_cert(SSL_CTX_get_cert_store(server->ctx), clients), 1);
		SSL_CTX_set_verify(server->ctx, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT,
		    NULL);
	}
	server->fd = rest_server_bind(&server->port);
	ck_assert_int_eq(listen(server->fd, 16), 0);
	ck_assert_int_eq(pthread_create(&server->thread, NULL, rest_server_run, server), 0);
	return server;
}

/* From here on; what was seen is forgotten. Between requests only. */
static inline void
rest_server_routes(struct rest_server *server, const struct rest_route *routes, void *self)
{
	(void)pthread_mutex_lock(&server->lock);
	server->routes = routes;
	server->self = self;
	server->used = 0;
	server->seen_count = 0;
	(void)pthread_mutex_unlock(&server->lock);
}

/* The nth request from 0; NULL after the last. */
static inline const struct rest_seen *
rest_server_seen(struct rest_server *server, size_t n)
{
	const struct rest_seen *seen;

	(void)pthread_mutex_lock(&server->lock);
	seen = n < server->seen_count ? &server->seen[n] : NULL;
	(void)pthread_mutex_unlock(&server->lock);
	return seen;
}

static inline void
rest_server_free(struct rest_server *server)
{
	(void)shutdown(server->fd, SHUT_RDWR);
	(void)pthread_join(server->thread, NULL);
	(void)close(server->fd);
	(void)pthread_mutex_destroy(&server->lock);
	SSL_CTX_free(server->ctx);
	free(server->seen);
	free(server);
}

#endif
