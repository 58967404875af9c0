/* SPDX-License-Identifier: Apache-2.0 */
/* What the TLS sources share. */
#ifndef API_TLS_INT_H
#define API_TLS_INT_H

#include <pthread.h>

#include <openssl/ssl.h>

#include "api/tls_conn.h"
#include "base/buf.h"

#define TLS_LINGER_S 5                  /* for what a closed connection still has to send */
#define TLS_TICKET_ROTATE_S (12 * 3600) /* a ticket opens for at most twice this */
#define TLS_PENDING_MAX (256 * 1024)    /* bytes the socket did not take */

enum tls_conn_state {
	TLS_CONN_INVALID = 0,
	TLS_CONN_HANDSHAKE,
	TLS_CONN_OPEN,
	TLS_CONN_LINGER
};

struct tls_conn {
	struct base_job job; /* first: the pool's */
	struct tls_server *server;
	struct tls_conn *prev, *next; /* in the server's list of this state */
	struct tls_conn *again_next;
	SSL *ssl;
	int fd;
	enum tls_conn_state state;
	unsigned interest;
	bool watched;
	bool in_job;       /* a worker has ssl */
	bool dead;         /* free when the job is done */
	bool want_read;
	bool again;
	bool shut;         /* close_notify is out */
	bool broken;       /* a write failed: the next read says so */
	int handshake_error; /* SSL_ERROR_*, from the worker */
	int64_t since_us;  /* in this state */
	struct base_buf pending;
	const struct tls_conn_ops *ops;
	void *self;
	uint8_t *peer_cert;
	uint8_t *peer_uri;
	uint8_t peer_serial[LIMIT_SERIAL];
	struct tls_peer peer;
};

struct tls_conn_list {
	struct tls_conn *first, *last;
};

struct tls_ticket_key {
	uint8_t name[16];
	uint8_t aes[32];
	uint8_t mac[32];
	bool set;
};

struct tls_tickets {
	pthread_mutex_t lock; /* handshakes run on the pool */
	struct tls_ticket_key now, before;
	int64_t made_us;
};

/* The listener's certificate and the wish for the next one. */
struct tls_cert {
	EVP_PKEY *key;        /* of leaf */
	X509 *leaf;
	X509 *issuer;
	int64_t not_before_at, not_after_at;
	EVP_PKEY *next_key;   /* asked for */
	bool asking;
	int64_t retry_us;     /* wait before the next attempt */
	struct base_timer *timer;
};

struct tls_server {
	struct front *front;
	struct front_env *env;
	enum tls_alpn alpn;
	char **dns_names;
	size_t dns_name_count;
	unsigned connections_max;
	bool strangers_give_way;
	void (*on_conn)(void *self, struct tls_conn *conn);
	void *self;
	int listen_fd;
	int64_t told_waiting_us; /* that clients wait; 0: not yet */
	bool accepting;
	bool draining;
	unsigned count;
	unsigned in_job;
	unsigned half_open;  /* handshakes under way */
	int64_t tokens_us;   /* handshake budget, in microseconds of its rate */
	int64_t tokens_at_us;
	struct base_timer *timer; /* paused listener, time-outs */
	struct base_timer *again_timer;
	struct tls_conn *again;
	struct tls_conn_list lists[TLS_CONN_LINGER + 1];
	SSL_CTX *ctx;
	struct tls_cert cert;
	struct tls_tickets tickets;
};

/* tls_conn.c */
/* Takes over fd. NULL when OpenSSL refuses. */
struct tls_conn *tls_conn_new(struct tls_server *server, int fd, const char *address);
void tls_conn_free(struct tls_conn *conn);
void tls_conn_expire(struct tls_server *server, int64_t now_us);
/* Closes the oldest connection of nobody that is known, if there is one: now, or as soon as its service has seen
 * the end. */
void tls_conn_shed(struct tls_server *server);

/* tls_server.c */
/* A connection is gone, or a handshake over: the listener may go on. */
void tls_server_resume(struct tls_server *server);

/* tls_context.c: makes server->ctx anew from certificate and anchors. */
enum mc_err tls_context_build(struct tls_server *server) MC_MUST_CHECK;
void tls_tickets_init(struct tls_tickets *tickets, int64_t now_us);
void tls_tickets_clear(struct tls_tickets *tickets);
void tls_tickets_rotate(struct tls_tickets *tickets, int64_t now_us);

/* tls_cert.c */
void tls_cert_start(struct tls_server *server);
void tls_cert_stop(struct tls_server *server);

/* tls_peer.c: fills conn->peer from the session. */
void tls_peer_fill(struct tls_conn *conn);

#endif
