/* SPDX-License-Identifier: Apache-2.0 */
/*
 * HTTP/2 server connections: nghttp2 over TLS, strict and bounded. Writes are gathered over a turn
 * of the loop. A handler sees complete requests only.
 */
#ifndef API_H2_CONN_H
#define API_H2_CONN_H

#include "api/tls_conn.h"
#include "base/buf.h"

/* The request headers that anybody here looks at. */
enum h2_header {
	H2_METHOD = 0,
	H2_PATH,
	H2_CONTENT_TYPE,
	H2_AUTHORIZATION,
	H2_CLUSTERID,
	H2_GRPC_TIMEOUT,
	H2_GRPC_ENCODING,
	H2_HEADER_COUNT
};

struct h2_stream;
struct h2_conn;
struct h2_server;

struct h2_handler {
	/* The headers are complete (never twice). Returns false when it has answered. */
	bool (*on_headers)(void *self, struct h2_stream *stream);
	/* The request is complete, unless answered before. */
	void (*on_request)(void *self, struct h2_stream *stream);
	/* The stream is gone; stream->user is the handler's to release. */
	void (*on_gone)(void *self, struct h2_stream *stream);
};

struct h2_stream {
	struct h2_stream *prev, *next; /* of the connection */
	struct h2_conn *conn;
	int32_t id;
	int64_t since_us;
	int64_t answered_us;   /* 0: not yet, or the client was told that it takes too long */
	size_t held;           /* bytes that count for it */
	struct base_buf head;  /* values of kept headers */
	struct {
		uint32_t at, len;
		bool present, twice;
	} headers[H2_HEADER_COUNT];
	size_t head_total;     /* RFC 9113 6.5.2: with 32 bytes for each */
	struct base_buf body;
	bool head_too_big;     /* above LIMIT_HEADER_LIST */
	bool body_too_big;     /* above LIMIT_GRPC_MESSAGE and its prefix */
	bool no_memory;        /* all connections together hold too much */
	bool request_done;
	bool answered;
	bool handled;          /* on_headers was called */
	struct base_buf answer;
	size_t answer_at;
	struct base_buf trailers; /* name NUL value NUL, repeated */
	void *user;
};

/* View of a header's value; empty when absent. *twice (may be NULL): it came more than once. */
struct base_span h2_stream_header(const struct h2_stream *stream, enum h2_header header,
    bool *twice);
/* Answers with HTTP status, content type (may be NULL), stream->answer as body, then stream->trailers. An empty
 * body sends the trailers in the header block (gRPC "Trailers-Only"). Once per stream. */
void h2_stream_respond(struct h2_stream *stream, const char *status, const char *content_type);
/* Moves the request's bytes out of the stream (the two are exchanged): views of them stay
 * valid when the stream is gone, and do not count for the connections any more. */
void h2_stream_take(struct h2_stream *stream, struct base_buf *head, struct base_buf *body);
const struct tls_peer *h2_stream_peer(const struct h2_stream *stream);

/* All HTTP/2 connections of one listener. */
void h2_server_free(struct h2_server *server);
struct h2_server *h2_server_new(struct base_loop *loop, const struct h2_handler *handler,
    void *self) MC_DEALLOC(h2_server_free);
/* Adopts a connection: for tls_server_options.on_conn. */
void h2_server_adopt(void *server, struct tls_conn *tls);
/* Says GOAWAY to all, lets streams finish, then closes (RFC 9113 6.8). */
void h2_server_drain(struct h2_server *server);
unsigned h2_server_connections(const struct h2_server *server);

#endif
