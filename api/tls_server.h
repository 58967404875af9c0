/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TLS 1.3 listeners, one policy for gRPC and REST.
 *
 * A listener makes its key in memory, has it certified by its environment's signer (profile
 * `server`), renews at half of the certificate's life while open connections go on, keeps session
 * ticket keys and a session-id context of its own, takes no early data. A client certificate is
 * optional: it is held against the environment's anchors and the verdict is
 * kept with the connection; who may do what is for the service to say, per request.
 */
#ifndef API_TLS_SERVER_H
#define API_TLS_SERVER_H

#include "api/front.h"
#include "base/span.h"

struct tls_conn;
struct tls_server;

/* The client of a connection. */
struct tls_peer {
	char address[64];       /* "192.0.2.1:4711", "[2001:db8::1]:4711" */
	struct base_span cert;  /* leaf, DER; empty when the client gave none */
	uint8_t sha256[32];     /* of cert */
	bool verified;          /* chain up to an anchor of the environment, key possession,
	                           usage and time held when the session began */
	int64_t not_before_at;  /* check both again at every request: connections live long */
	int64_t not_after_at;
	struct base_span serial; /* content of the INTEGER, no leading zero */
	struct base_span uri;   /* the one URI SAN; empty when there are none or several */
};

enum tls_alpn {
	TLS_ALPN_INVALID = 0,
	TLS_ALPN_H2,     /* refused without */
	TLS_ALPN_HTTP11  /* assumed when the client says nothing */
};

struct tls_server_options {
	bool strangers_give_way; /* full: the oldest connection without a certificate of ours is closed for a
	                            new one. For few places that people need */
	struct front *front;
	struct front_env *env;   /* its signer certifies the listener, its anchors verify clients */
	int listen_fd;           /* taken over; non-blocking, listening */
	enum tls_alpn alpn;
	char *const *dns_names;  /* copied */
	size_t dns_name_count;
	unsigned connections_max; /* above it the listener accepts later */
	/* The handshake is done: the callee adopts conn (api/tls_conn.h). */
	void (*on_conn)(void *self, struct tls_conn *conn);
	void *self;
};

/* Stops listening. Open connections are their adopters' and must be closed before. */
void tls_server_free(struct tls_server *server);
/* Accepts nothing until the signer has certified the key; asks again, later, until it does. */
struct tls_server *tls_server_new(const struct tls_server_options *options)
    MC_DEALLOC(tls_server_free);
/* Accepts no more; open connections go on. */
void tls_server_drain(struct tls_server *server);
/* True while it holds a certificate that has not expired. */
bool tls_server_is_certified(const struct tls_server *server);
/* The signer can certify from now on (it was unsealed): who waits for a certificate asks again at once. */
void tls_server_certify(struct tls_server *server);
/* The environment's anchors changed (front_env): new sessions see them. */
void tls_server_reload(struct tls_server *server);
unsigned tls_server_connections(const struct tls_server *server);

/*
 * The terminator for services that want plaintext on a descriptor: decrypts between the TLS
 * connection and one end of a socket pair, whose other end is given to the service.
 */
struct tls_terminator;

/* A new client: fd is a connected, non-blocking stream socket, the callee's to close; EOF on it
 * is the client's end of data, closing it ends the TLS connection after what was
 * written has gone out. peer is valid until the callee closes fd. */
typedef void (*tls_terminator_fn)(void *self, int fd, const struct tls_peer *peer);

/* Closes every connection; the service has closed its ends before. */
void tls_terminator_free(struct tls_terminator *term);
/* options: alpn TLS_ALPN_HTTP11; on_conn and self are not used. */
struct tls_terminator *tls_terminator_new(const struct tls_server_options *options,
    tls_terminator_fn on_client, void *self) MC_DEALLOC(tls_terminator_free);
/* Who is behind a descriptor that on_client gave; NULL for any other. */
const struct tls_peer *tls_terminator_peer(const struct tls_terminator *term, int fd);
/* Accepts no more. */
void tls_terminator_drain(struct tls_terminator *term);
/* Clients to whom bytes are still to be sent. */
unsigned tls_terminator_unread(const struct tls_terminator *term);
/* For front_env.tls. */
struct tls_server *tls_terminator_server(struct tls_terminator *term);

#endif
